-- Retention: what is older than so many days goes. Partitions are dropped, one in a
-- transaction; what a project keeps for less time is deleted in batches, and so are
-- issues whose last event has gone. Days end at midnight (UTC).

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

    finished := true;
    removed := 0;
    update errtrack_private.retention set finished_at = now();
end
$$;
comment on function errtrack_private.retain(integer, interval) is
    'One turn of the retention: removes a partition, or rows until the budget is spent, or some issues. finished: there was nothing to remove. busy: it could do nothing now. what and removed: for people to see; a partition has no number of rows.';

create or replace function errtrack_private.sweep(keep_days integer) returns void
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into errtrack_private.retention as r (days)
    values (keep_days)
    on conflict (one) do update set days = excluded.days where r.days <> excluded.days;
    delete from errtrack_private.counts_5m where bucket < now() - interval '48 hours';
    delete from errtrack_private.dead_letters where died_at < now() - interval '14 days';
    delete from errtrack_private.requests where hour < now() - make_interval(days => keep_days);
    -- Nobody asked for it in a week.
    delete from errtrack_private.outbox where created_at < now() - interval '7 days';
    -- Longer than book_requests() looks back: nothing is counted anew.
    delete from errtrack_private.edge_requests where hour < now() - interval '3 days';
$$;
comment on function errtrack_private.sweep(integer) is
    'Removes fine counters, dead letters and counts of edges that are past their time. For workers: it notes how long they keep events.';

create or replace function errtrack_private.retention_plan(keep_days integer)
returns table (what text, name text, older_than timestamptz, "rows" bigint, bytes bigint)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    edge constant timestamptz := errtrack_private.midnight_before(keep_days);
    project record;
    content text;
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
end
$$;
comment on function errtrack_private.retention_plan(integer) is
    'What retain() would remove now: partitions with the estimate of their rows, and rows of projects that keep less, exactly.';

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
end
$$;
comment on function errtrack_private.set_project_retention(bigint, integer) is
    'Days that the events of a project are kept; null: as long as those of the instance.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'midnight_before(integer)', 'check_retention(integer)', 'partitions_before(timestamptz)',
        'short_projects(integer)', 'content_tables()',
        'old_issue_ids(bigint, timestamptz, integer)', 'remove_issues(bigint, timestamptz, integer)',
        'remove_rows(text, bigint, timestamptz, timestamptz)', 'drop_oldest_partition(timestamptz)',
        'retain(integer, interval)', 'sweep(integer)', 'retention_plan(integer)',
        'set_project_retention(bigint, integer)'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
grant execute on function errtrack_private.retain(integer, interval) to errtrack_worker;
grant execute on function errtrack_private.sweep(integer) to errtrack_worker;
