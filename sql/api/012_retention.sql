-- Retention: what is older than so many days goes. Partitions are dropped, one in a
-- transaction; what a project keeps for less time is deleted in batches, and so are
-- issues whose last event has gone, and what was counted. Days end at midnight (UTC).

create or replace function errtrack_private.midnight_before(days integer) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select date_trunc('day', now(), 'UTC') - make_interval(days => days)
$$;
comment on function errtrack_private.midnight_before(integer) is
    'The midnight before which everything is older than so many days.';

create or replace function errtrack_private.check_retention(keep_days integer) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if keep_days not between 8 and 3650 then
        raise exception 'events are kept for 8 to 3650 days, not %: reports may arrive 7 days late', keep_days
            using errcode = 'invalid_parameter_value';
    end if;
end
$$;
comment on function errtrack_private.check_retention(integer) is
    'Raises, in words for people, when events cannot be kept for so long.';

create or replace function errtrack_private.partitions_before(before timestamptz)
returns table (parent text, name text, row_estimate bigint, bytes bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select parent.relname::text, child.relname::text, nullif(child.reltuples, -1)::bigint,
           pg_total_relation_size(child.oid)
    from errtrack_private.partitioned_tables() as listed
    join pg_class as parent
      on parent.relname = listed.name and parent.relnamespace = 'errtrack_private'::regnamespace
    join pg_inherits on pg_inherits.inhparent = parent.oid
    join pg_class as child on child.oid = pg_inherits.inhrelid
    where child.relname ~ '_[0-9]{8}$'
      and to_date(right(child.relname, 8), 'YYYYMMDD') < (before at time zone 'UTC')::date
    order by right(child.relname, 8), child.relname
$$;
comment on function errtrack_private.partitions_before(timestamptz) is
    'The partitions of days before one, the oldest first. Rows are the estimate of PostgreSQL, null where it has none.';

create or replace function errtrack_private.short_projects(keep_days integer)
returns table (project_id bigint, days integer)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select p.id, p.retention_days
    from errtrack_private.projects as p
    where p.retention_days < keep_days
    order by p.id
$$;
comment on function errtrack_private.short_projects(integer) is
    'Projects whose events are kept for less time than those of the instance.';

create or replace function errtrack_private.content_tables() returns table (name text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select listed.name
    from errtrack_private.partitioned_tables() as listed
    where listed.name not in ('deliveries', 'event_ids')
$$;
comment on function errtrack_private.content_tables() is
    'The partitioned tables that hold what clients sent. The others are ids alone, by which what comes twice is known: they go with their partitions.';

create or replace function errtrack_private.old_issue_ids(
    wanted_project bigint,
    before timestamptz,
    most integer
)
returns bigint[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select array(
        select i.id
        from errtrack_private.issues as i
        where i.project_id = wanted_project
          and i.last_received_at < before
          -- Merged into another issue, it is needed to take them apart again.
          and not exists (
              select
              from errtrack_private.origins as o
              where o.project_id = i.project_id and o.id = i.id and o.issue_id <> i.id)
        limit most)
$$;
comment on function errtrack_private.old_issue_ids(bigint, timestamptz, integer) is
    'Issues of a project whose last event was received before a time.';

create or replace function errtrack_private.remove_issues(
    wanted_project bigint,
    before timestamptz,
    most integer
)
returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    batch bigint[] := errtrack_private.old_issue_ids(wanted_project, before, most);
    batch_origins bigint[];
begin
    -- In the order of count_events(): origins, then issues. An event that is filed
    -- under one of them meanwhile either keeps it here, or is filed again.
    perform
    from errtrack_private.origins as o
    where o.project_id = wanted_project and o.issue_id = any (batch)
    order by o.id
    for update;
    batch := array(
        select i.id
        from errtrack_private.issues as i
        where i.project_id = wanted_project and i.id = any (batch) and i.last_received_at < before
        order by i.id
        for update);
    batch_origins := array(
        select o.id
        from errtrack_private.origins as o
        where o.project_id = wanted_project and o.issue_id = any (batch));
    perform errtrack_private.forget_origins(wanted_project, batch_origins);
    -- Takes the origins, their hashes and the history with it.
    delete from errtrack_private.issues as i
    where i.project_id = wanted_project and i.id = any (batch);
    return cardinality(batch);
end
$$;
comment on function errtrack_private.remove_issues(bigint, timestamptz, integer) is
    'Removes so many issues of a project, at most, whose last event was received before a time, and all that is counted for them. Returns how many.';

create or replace function errtrack_private.remove_rows(
    table_name text,
    wanted_project bigint,
    before timestamptz,
    until timestamptz
)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    child text;
    gone bigint;
    removed bigint := 0;
begin
    for child in
        select p.name
        from errtrack_private.partitions_before(before) as p
        where p.parent = table_name
    loop
        loop
            if clock_timestamp() >= until then
                return removed;
            end if;
            -- A few at a time: what a row costs depends on the size of its body.
            execute format(
                'delete from errtrack_private.%1$I where ctid = any (array(
                    select ctid from errtrack_private.%1$I where project_id = $1 limit 100))', child)
            using wanted_project;
            get diagnostics gone = row_count;
            removed := removed + gone;
            exit when gone < 100;
        end loop;
    end loop;
    return removed;
end
$$;
comment on function errtrack_private.remove_rows(text, bigint, timestamptz, timestamptz) is
    'Removes the rows of a project from the partitions of days before one, until a time of the clock. Returns how many.';

create or replace function errtrack_private.counted_tables()
returns table (name text, key text, key_type text, least_days integer, most_time interval)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    values ('counts_5m', 'bucket', 'timestamptz', 0, interval '48 hours'),
           ('counts_1h', 'bucket', 'timestamptz', 0, null),
           ('outcomes', 'hour', 'timestamptz', 0, null),
           ('requests', 'hour', 'timestamptz', 0, null),
           ('client_reports', 'hour', 'timestamptz', 0, null),
           ('transactions', 'hour', 'timestamptz', 0, null),
           -- An update of a session takes back what an earlier one has added.
           ('session_counts', 'hour', 'timestamptz', 6, null),
           ('session_users', 'day', 'date', 6, null),
           ('check_ins', 'received_at', 'timestamptz', 0, null),
           ('feedback', 'received_at', 'timestamptz', 0, null)
$$;
comment on function errtrack_private.counted_tables() is
    'The tables, not partitioned, whose rows go by the days of their project: each with the column that says how old a row is, the days that rows are kept whatever the project says, and the time after which they go whatever it says. The primary key of each begins with project_id.';

create or replace function errtrack_private.counted_edges(table_name text, keep_days integer)
returns table (project_id bigint, before timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    counted record;
begin
    select c.* into strict counted
    from errtrack_private.counted_tables() as c
    where c.name = counted_edges.table_name;
    -- From one project to the next by the primary key: rows may be of no project at all.
    return query execute format(
        'with recursive held as (
             (select t.project_id as id from errtrack_private.%1$I as t order by t.project_id limit 1)
             union all
             select (select t.project_id
                     from errtrack_private.%1$I as t
                     where t.project_id > h.id
                     order by t.project_id
                     limit 1)
             from held as h
             where h.id is not null)
         select h.id,
                greatest(
                    errtrack_private.midnight_before(greatest(least(p.retention_days, $1), $2)),
                    now() - $3)
         from held as h
         left join errtrack_private.projects as p on p.id = h.id
         where h.id is not null
         order by h.id', counted.name)
    using keep_days, counted.least_days, counted.most_time;
end
$$;
comment on function errtrack_private.counted_edges(text, integer) is
    'The projects that have rows in a table of counted_tables(), and the time before which these are to go.';

create or replace function errtrack_private.counted_condition(counted_key text, counted_type text)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select format('project_id = $1 and %I < %s', counted_key,
                  case counted_type when 'date' then '($2 at time zone ''UTC'')::date' else '$2' end)
$$;
comment on function errtrack_private.counted_condition(text, text) is
    'The SQL condition for rows of a project ($1) from before a time ($2), for a key of counted_tables().';

create or replace function errtrack_private.remove_counted(
    table_name text,
    keep_days integer,
    until timestamptz
)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    condition constant text := (
        select errtrack_private.counted_condition(c.key, c.key_type)
        from errtrack_private.counted_tables() as c
        where c.name = remove_counted.table_name);
    edge record;
    gone bigint;
    removed bigint := 0;
begin
    for edge in
        select e.project_id, e.before
        from errtrack_private.counted_edges(table_name, keep_days) as e
    loop
        loop
            if clock_timestamp() >= until then
                return removed;
            end if;
            -- Who is about to add to a row keeps it: this waits for nobody.
            execute format(
                'delete from errtrack_private.%1$I where ctid = any (array(
                    select ctid from errtrack_private.%1$I where %2$s limit 2000
                    for update skip locked))', table_name, condition)
            using edge.project_id, edge.before;
            get diagnostics gone = row_count;
            removed := removed + gone;
            exit when gone < 2000;
        end loop;
    end loop;
    return removed;
end
$$;
comment on function errtrack_private.remove_counted(text, integer, timestamptz) is
    'Removes what is past its time from a table of counted_tables(), until a time of the clock. Returns how many rows.';

create or replace function errtrack_private.drop_oldest_partition(before timestamptz)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
-- Who reads or files meanwhile waits behind this for so long at most.
set lock_timeout = '1s'
as $$
declare
    oldest text := (select p.name from errtrack_private.partitions_before(before) as p limit 1);
begin
    if oldest is not null then
        execute format('drop table errtrack_private.%I', oldest);
    end if;
    return oldest;
end
$$;
comment on function errtrack_private.drop_oldest_partition(timestamptz) is
    'Drops the oldest partition of the days before one and returns its name, null when there is none. Gives up after a second of waiting for a lock: call it again.';

create or replace function errtrack_private.retain(
    keep_days integer,
    budget interval,
    out finished boolean,
    out busy boolean,
    out what text,
    out removed bigint
)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    until constant timestamptz := clock_timestamp() + budget;
    project record;
    content text;
    counted text;
begin
    perform errtrack_private.check_retention(keep_days);
    finished := false;
    busy := true;
    removed := 0;
    if not pg_try_advisory_xact_lock(hashtextextended('errtrack.retention', 0)) then
        what := 'another process is at it';
        return;
    end if;
    begin
        -- One in a transaction: its lock is held for no longer.
        what := errtrack_private.drop_oldest_partition(errtrack_private.midnight_before(keep_days));
    exception when lock_not_available then
        what := 'waiting for who reads the oldest partition';
        return;
    end;
    busy := false;
    if what is not null then
        removed := null;
        return;
    end if;

    for project in select s.project_id, s.days from errtrack_private.short_projects(keep_days) as s loop
        for content in select c.name from errtrack_private.content_tables() as c loop
            removed := errtrack_private.remove_rows(
                content, project.project_id, errtrack_private.midnight_before(project.days), until);
            if removed > 0 then
                what := format('%s of project %s', content, project.project_id);
                return;
            end if;
        end loop;
    end loop;

    for project in
        select p.id as project_id, least(p.retention_days, keep_days) as days
        from errtrack_private.projects as p
        order by p.id
    loop
        removed := errtrack_private.remove_issues(
            project.project_id, errtrack_private.midnight_before(project.days), 2000);
        if removed > 0 then
            what := format('issues of project %s', project.project_id);
            return;
        end if;
    end loop;

    for counted in select c.name from errtrack_private.counted_tables() as c loop
        removed := errtrack_private.remove_counted(counted, keep_days, until);
        if removed > 0 then
            what := counted;
            return;
        end if;
    end loop;

    finished := true;
    removed := 0;
    update errtrack_private.retention set finished_at = now();
end
$$;
comment on function errtrack_private.retain(integer, interval) is
    'One turn of the retention: removes a partition, or rows until the budget is spent, or some issues. finished: there was nothing to remove. busy: it could do nothing now. what and removed: for people to see; a partition has no number of rows.';

create or replace function errtrack_private.sweep(keep_days integer) returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into errtrack_private.retention as r (days)
    values (keep_days)
    on conflict (one) do update set days = excluded.days where r.days <> excluded.days;
    delete from errtrack_private.dead_letters where died_at < now() - interval '14 days';
    -- Nobody asked for it in a week.
    delete from errtrack_private.outbox where created_at < now() - interval '7 days';
    -- Longer than book_requests() looks back: nothing is counted anew.
    delete from errtrack_private.edge_requests where hour < now() - interval '3 days';
    delete from errtrack_private.tokens where kind = 'session' and expires_at < now();
    -- What they decided has long been through the queue.
    delete from errtrack_private.gitlab_keys where not enabled and asked_at < now() - interval '1 day';
    perform errtrack_private.sweep_uploads(keep_days);
    perform errtrack_private.sweep_notifications();
    perform errtrack_private.forget_projects(keep_days);
    delete from errtrack_private.rule_trials where requested_at < now() - interval '1 day';
end
$$;
comment on function errtrack_private.sweep(integer) is
    'Removes dead letters, counts of edges, sessions of browsers, uploads, messages, trials of rules and deleted projects that are past their time. For workers: it notes how long they keep events.';

create or replace function errtrack_private.retention_plan(keep_days integer)
returns table (what text, name text, older_than timestamptz, "rows" bigint, bytes bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    edge constant timestamptz := errtrack_private.midnight_before(keep_days);
    project record;
    content text;
    counted record;
begin
    perform errtrack_private.check_retention(keep_days);
    return query
        select 'partition', p.name, edge, p.row_estimate, p.bytes
        from errtrack_private.partitions_before(edge) as p;
    for project in
        select s.project_id, l.organization || '/' || l.slug as slug,
               errtrack_private.midnight_before(s.days) as before
        from errtrack_private.short_projects(keep_days) as s
        join errtrack_private.project_list as l on l.id = s.project_id
    loop
        name := project.slug;
        older_than := project.before;
        for content in select c.name from errtrack_private.content_tables() as c loop
            what := content;
            -- What lies in partitions that are dropped is told above.
            execute format(
                'select count(*) from errtrack_private.%I where project_id = $1 and received_at >= $2 and received_at < $3',
                content)
            into "rows"
            using project.project_id, edge, project.before;
            return next;
        end loop;
    end loop;
    return query
        select 'issues', l.organization || '/' || l.slug, b.before, c.issues, null::bigint
        from errtrack_private.projects as p
        join errtrack_private.project_list as l on l.id = p.id
        cross join lateral (
            select errtrack_private.midnight_before(least(p.retention_days, keep_days)) as before) as b
        cross join lateral (
            select cardinality(errtrack_private.old_issue_ids(p.id, b.before, null))::bigint as issues) as c
        where c.issues > 0
        order by p.id;
    bytes := null;
    for counted in
        select c.name, errtrack_private.counted_condition(c.key, c.key_type) as condition
        from errtrack_private.counted_tables() as c
    loop
        for project in
            select e.project_id, e.before, coalesce(l.organization || '/' || l.slug, '') as slug
            from errtrack_private.counted_edges(counted.name, keep_days) as e
            left join errtrack_private.project_list as l on l.id = e.project_id
        loop
            what := counted.name;
            name := project.slug;
            older_than := project.before;
            execute format('select count(*) from errtrack_private.%I where %s', counted.name, counted.condition)
            into "rows"
            using project.project_id, project.before;
            if "rows" > 0 then
                return next;
            end if;
        end loop;
    end loop;
end
$$;
comment on function errtrack_private.retention_plan(integer) is
    'What retain() would remove now: partitions with the estimate of their rows, and rows of projects, exactly. Counts have no name when they are of no project.';

create or replace function errtrack_private.set_project_retention(project bigint, days integer)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if set_project_retention.days not between 1 and 3650 then
        raise exception 'a project is kept for 1 to 3650 days, not %', set_project_retention.days
            using errcode = 'invalid_parameter_value';
    end if;
    update errtrack_private.projects as p
    set retention_days = set_project_retention.days
    where p.id = set_project_retention.project;
    perform errtrack_private.note_change(session_user, project, 'retention.set',
        jsonb_build_object('days', set_project_retention.days));
end
$$;
comment on function errtrack_private.set_project_retention(bigint, integer) is
    'Days that the events of a project are kept, and what is counted of it; null: as long as those of the instance.';

create or replace function errtrack_private.note_retention(days integer) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform errtrack_private.note_change(session_user, null, 'retention.run', jsonb_build_object('days', note_retention.days));
end
$$;
comment on function errtrack_private.note_retention(integer) is
    'Notes that the login has what is older removed, which retain() does in steps.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'midnight_before(integer)', 'check_retention(integer)', 'partitions_before(timestamptz)',
        'short_projects(integer)', 'content_tables()',
        'old_issue_ids(bigint, timestamptz, integer)', 'remove_issues(bigint, timestamptz, integer)',
        'remove_rows(text, bigint, timestamptz, timestamptz)', 'drop_oldest_partition(timestamptz)',
        'counted_tables()', 'counted_edges(text, integer)', 'counted_condition(text, text)',
        'remove_counted(text, integer, timestamptz)',
        'retain(integer, interval)', 'sweep(integer)', 'retention_plan(integer)',
        'set_project_retention(bigint, integer)', 'note_retention(integer)'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
grant execute on function errtrack_private.retain(integer, interval) to errtrack_worker;
grant execute on function errtrack_private.sweep(integer) to errtrack_worker;
