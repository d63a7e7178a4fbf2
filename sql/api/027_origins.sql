-- Merging, unmerging, splitting. Counters belong to origins, an origin points at the
-- issue that shows it: merging and unmerging move a pointer and add up anew. Only
-- splitting moves events, in short steps, with the counts of what was moved.
--
-- Changes of one project wait for each other. Like the batches of the workers they
-- lock origins before issues, each in the order of their keys.

create or replace function errtrack_private.hold_issues(
    wanted_project bigint,
    issue_ids bigint[],
    origin_ids bigint[] default '{}'
)
returns void
language plpgsql volatile
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('errtrack.origins', wanted_project));
    perform
    from errtrack_private.origins o
    where o.project_id = wanted_project
      and (o.issue_id = any (issue_ids) or o.id = any (origin_ids))
    order by o.id
    for no key update;
    perform
    from errtrack_private.issues i
    where i.project_id = wanted_project
      and (i.id = any (issue_ids) or i.id in (
          select o.issue_id
          from errtrack_private.origins o
          where o.project_id = wanted_project and o.id = any (origin_ids)))
    order by i.id
    for no key update;
end
$$;
comment on function errtrack_private.hold_issues(bigint, bigint[], bigint[]) is
    'Locks issues with their origins, and origins with their issues, against other changes and against batches that file into them.';

create or replace function errtrack_private.recount_issue(wanted_project bigint, wanted_issue bigint)
returns void
language sql volatile
as $$
    update errtrack_private.issues i
    set event_count = o.events,
        user_count = u.users,
        first_seen = o.first_seen,
        last_seen = o.last_seen,
        last_received_at = o.last_received_at,
        first_release = o.first_release,
        last_release = o.last_release,
        -- So many more are still to come.
        ignored_until_events = i.ignored_until_events + o.events - i.event_count,
        ignored_until_users = i.ignored_until_users + u.users - i.user_count,
        -- What it was called after has left.
        kind = case when w.renamed then n.kind else i.kind end,
        type = case when w.renamed then n.type else i.type end,
        value = case when w.renamed then n.value else i.value end,
        title = case when w.renamed then n.title else i.title end,
        culprit = case when w.renamed then n.culprit else i.culprit end
    from errtrack_private.issues old
    cross join (
        select sum(event_count) as events, min(first_seen) as first_seen, max(last_seen) as last_seen,
               max(last_received_at) as last_received_at,
               (array_agg(first_release order by first_seen) filter (where first_release is not null))[1]
                   as first_release,
               (array_agg(last_release order by last_received_at desc) filter (where last_release is not null))[1]
                   as last_release
        from errtrack_private.origins
        where project_id = wanted_project and issue_id = wanted_issue
        having count(*) > 0) o
    cross join (
        select count(distinct users.user_hash) as users
        from errtrack_private.origins
        join errtrack_private.origin_users users
          on users.project_id = origins.project_id and users.origin_id = origins.id
        where origins.project_id = wanted_project and origins.issue_id = wanted_issue) u
    left join (
        select h.kind, h.type, h.value, h.title, h.culprit
        from errtrack_private.origins
        join errtrack_private.hashes h on h.project_id = origins.project_id and h.origin_id = origins.id
        where origins.project_id = wanted_project and origins.issue_id = wanted_issue
          and h.title is not null
        order by h.first_seen desc, h.hash
        limit 1) n on true
    cross join lateral (
        select o.last_received_at < old.last_received_at and n.title is not null and not old.overflow
            as renamed) w
    where i.project_id = wanted_project and i.id = wanted_issue
      and old.project_id = i.project_id and old.id = i.id
$$;
comment on function errtrack_private.recount_issue(bigint, bigint) is
    'Makes the counts of an issue anew from its origins; a user counts once. Where the newest event has left, the issue is called after a hash that stayed. An issue without origins stays as it was.';

-- ---- merging --------------------------------------------------------------------

create or replace function errtrack_private.merge_issues(
    wanted_project bigint,
    into_issue bigint,
    issues bigint[],
    who text
)
returns void
language plpgsql volatile
as $$
declare
    each bigint;
begin
    perform errtrack_private.hold_issues(wanted_project, issues || into_issue);
    if into_issue = any (issues) then
        raise exception 'issue % cannot be merged into itself', into_issue
            using errcode = 'invalid_parameter_value';
    end if;
    foreach each in array issues || into_issue loop
        perform errtrack_private.must_show_issue(wanted_project, each);
    end loop;

    update errtrack_private.origins o
    set issue_id = into_issue
    where o.project_id = wanted_project and o.issue_id = any (issues);
    -- It is called as its newest event is.
    update errtrack_private.issues i
    set kind = n.kind, type = n.type, value = n.value, title = n.title, culprit = n.culprit,
        level = n.level, platform = n.platform, logger = n.logger
    from (
        select m.*
        from errtrack_private.issues m
        where m.project_id = wanted_project and m.id = any (merge_issues.issues)
        order by m.last_received_at desc, m.id desc
        limit 1) n
    where i.project_id = wanted_project
      and i.id = into_issue
      and not i.overflow
      and n.last_received_at > i.last_received_at;
    perform errtrack_private.recount_issue(wanted_project, into_issue);
    perform errtrack_private.note(wanted_project, into_issue, now(), 'merged', who,
                                  jsonb_build_object('issues', issues));
    foreach each in array issues loop
        perform errtrack_private.note(wanted_project, each, now(), 'merged_away', who,
                                      jsonb_build_object('into', into_issue));
    end loop;
end
$$;
comment on function errtrack_private.merge_issues(bigint, bigint, bigint[], text) is
    'Makes one issue of several: the events of the others, and those that come, are shown and counted under the first. The others are hidden until they are unmerged.';

create or replace function errtrack_private.unmerge_issue(wanted_project bigint, wanted_issue bigint, who text)
returns bigint
language plpgsql volatile
as $$
declare
    shown_by bigint;
begin
    perform errtrack_private.hold_issues(wanted_project, array[wanted_issue], array[wanted_issue]);
    select o.issue_id into shown_by
    from errtrack_private.origins o
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.id
    where o.project_id = wanted_project and o.id = wanted_issue;
    if shown_by is null then
        raise exception 'there is no issue %', wanted_issue using errcode = 'no_data_found';
    elsif shown_by = wanted_issue then
        raise exception 'issue % is not merged into another one', wanted_issue
            using errcode = 'invalid_parameter_value';
    end if;
    update errtrack_private.origins o
    set issue_id = wanted_issue
    where o.project_id = wanted_project and o.id = wanted_issue;
    perform errtrack_private.recount_issue(wanted_project, wanted_issue);
    perform errtrack_private.recount_issue(wanted_project, shown_by);
    perform errtrack_private.note(wanted_project, wanted_issue, now(), 'unmerged_from', who,
                                  jsonb_build_object('issue', shown_by));
    perform errtrack_private.note(wanted_project, shown_by, now(), 'unmerged', who,
                                  jsonb_build_object('issues', array[wanted_issue]));
    return shown_by;
end
$$;
comment on function errtrack_private.unmerge_issue(bigint, bigint, text) is
    'Gives a merged issue back what it began with, and what came for it since. Returns the issue that showed it.';

-- ---- splitting ------------------------------------------------------------------

create or replace function errtrack_private.begin_split(
    wanted_project bigint,
    wanted_issue bigint,
    wanted_hash uuid,
    who text
)
returns table (split_id bigint, new_issue bigint)
language plpgsql volatile
as $$
declare
    source record;
    made bigint;
begin
    perform errtrack_private.lock_projects(array[wanted_project]);
    perform errtrack_private.hold_issues(wanted_project, array[wanted_issue]);
    -- One that was interrupted goes on.
    return query
        select s.id, o.issue_id
        from errtrack_private.splits s
        join errtrack_private.origins o on o.project_id = s.project_id and o.id = s.to_origin
        where s.project_id = wanted_project and s.hash = wanted_hash;
    if found then
        return;
    end if;
    perform errtrack_private.must_show_issue(wanted_project, wanted_issue);
    select h.origin_id, o.event_count, i.level, i.platform, i.logger, h.first_seen,
           coalesce(h.kind, i.kind) as kind, coalesce(h.type, i.type) as type,
           coalesce(h.value, i.value) as value, coalesce(h.title, i.title) as title,
           coalesce(h.culprit, i.culprit) as culprit
    into source
    from errtrack_private.hashes h
    join errtrack_private.origins o on o.project_id = h.project_id and o.id = h.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
    where h.project_id = wanted_project and h.hash = wanted_hash and o.issue_id = wanted_issue;
    if not found then
        raise exception 'issue % has no hash %', wanted_issue, replace(wanted_hash::text, '-', '')
            using errcode = 'no_data_found';
    elsif not exists (
        select from errtrack_private.hashes h
        where h.project_id = wanted_project and h.origin_id = source.origin_id and h.hash <> wanted_hash)
    then
        raise exception 'it is the only hash of issue %: %', source.origin_id,
            case when source.origin_id = wanted_issue then 'there is nothing to split' else 'unmerge that one' end
            using errcode = 'invalid_parameter_value';
    end if;

    made := nextval('errtrack_private.issue_ids');
    insert into errtrack_private.issues
        (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
         first_seen, last_seen, last_received_at)
    values
        (wanted_project, made, source.kind, source.type, source.value, source.title, source.title,
         source.culprit, source.level, source.platform, source.logger,
         source.first_seen, source.first_seen, now());
    insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
    values (wanted_project, made, made, source.first_seen, source.first_seen);
    update errtrack_private.hashes h
    set origin_id = made
    where h.project_id = wanted_project and h.hash = wanted_hash;
    perform errtrack_private.note(wanted_project, wanted_issue, now(), 'split', who,
                                  jsonb_build_object('hash', replace(wanted_hash::text, '-', ''), 'into', made));
    perform errtrack_private.note(wanted_project, made, now(), 'split_off', who,
                                  jsonb_build_object('hash', replace(wanted_hash::text, '-', ''), 'from', wanted_issue));
    return query
        insert into errtrack_private.splits (project_id, hash, from_origin, to_origin, total)
        select wanted_project, wanted_hash, source.origin_id, made, count(*)
        from errtrack_private.occurrences o
        where o.project_id = wanted_project and o.origin_id = source.origin_id
        returning splits.id, made;
end
$$;
comment on function errtrack_private.begin_split(bigint, bigint, uuid, text) is
    'Gives a hash of an issue an issue of its own. Events that come go there at once, those that are kept follow with split_step(). What is older than they are, and tags that were counted, stay where they are.';

create or replace function errtrack_private.move_counts(
    wanted_project bigint,
    from_origin bigint,
    to_origin bigint,
    moved errtrack_private.occurrences[]
)
returns void
language plpgsql volatile
as $$
declare
    new_users bigint;
begin
    with gone as (
        select date_bin('5 minutes', m.received_at, timestamptz '2000-01-01 00:00:00+00') as bucket,
               count(*) as events
        from unnest(moved) as m
        group by 1
    ), taken as (
        update errtrack_private.counts_5m c
        set events = c.events - gone.events
        from gone
        where c.project_id = wanted_project and c.origin_id = from_origin and c.bucket = gone.bucket
        returning c.bucket, gone.events
    )
    insert into errtrack_private.counts_5m as c (project_id, origin_id, bucket, events)
    select wanted_project, to_origin, taken.bucket, taken.events
    from taken
    on conflict (project_id, origin_id, bucket) do update set events = c.events + excluded.events;

    with gone as (
        select date_trunc('hour', m.received_at, 'UTC') as bucket, count(*) as events,
               count(*) filter (where m.has_payload) as bodies, array_agg(m.event_id) as event_ids
        from unnest(moved) as m
        group by 1
    ), had as (
        select gone.bucket, gone.events,
               case when c.surplus_event = any (gone.event_ids) then c.surplus_at end as surplus_at,
               case when c.surplus_event = any (gone.event_ids) then c.surplus_event end as surplus_event,
               least(c.bodies, gone.bodies
                   - case when c.surplus_event = any (gone.event_ids) then 1 else 0 end) as bodies
        from gone
        join errtrack_private.counts_1h c
          on c.project_id = wanted_project and c.origin_id = from_origin and c.bucket = gone.bucket
    ), taken as (
        update errtrack_private.counts_1h c
        set events = c.events - had.events,
            bodies = c.bodies - had.bodies,
            surplus_at = case when had.surplus_event is null then c.surplus_at end,
            surplus_event = case when had.surplus_event is null then c.surplus_event end
        from had
        where c.project_id = wanted_project and c.origin_id = from_origin and c.bucket = had.bucket
        returning had.*
    )
    insert into errtrack_private.counts_1h as c
        (project_id, origin_id, bucket, events, bodies, surplus_at, surplus_event)
    select wanted_project, to_origin, taken.bucket, taken.events, taken.bodies,
           taken.surplus_at, taken.surplus_event
    from taken
    on conflict (project_id, origin_id, bucket) do update
        set events = c.events + excluded.events,
            bodies = c.bodies + excluded.bodies,
            surplus_at = coalesce(c.surplus_at, excluded.surplus_at),
            surplus_event = coalesce(c.surplus_event, excluded.surplus_event);

    delete from errtrack_private.counts_5m c
    where c.project_id = wanted_project and c.origin_id = from_origin and c.events <= 0;
    delete from errtrack_private.counts_1h c
    where c.project_id = wanted_project and c.origin_id = from_origin and c.events <= 0;

    with seen as (
        insert into errtrack_private.origin_users (project_id, origin_id, user_hash, first_seen)
        select wanted_project, to_origin, m.user_hash, min(m.occurred_at)
        from unnest(moved) as m
        where m.user_hash is not null
        group by m.user_hash
        on conflict do nothing
        returning user_hash
    )
    select count(*) into new_users from seen;

    update errtrack_private.origins o
    set event_count = o.event_count - cardinality(moved)
    where o.project_id = wanted_project and o.id = from_origin;
    update errtrack_private.origins o
    set event_count = o.event_count + cardinality(moved),
        user_count = o.user_count + new_users,
        first_seen = least(o.first_seen, m.first_seen),
        last_seen = greatest(o.last_seen, m.last_seen),
        last_received_at = greatest(o.last_received_at, m.last_received_at),
        first_release = coalesce(o.first_release, m.first_release),
        last_release = case when m.last_received_at >= o.last_received_at
                            then coalesce(m.last_release, o.last_release)
                            else coalesce(o.last_release, m.last_release) end
    from (
        select min(occurred_at) as first_seen, max(occurred_at) as last_seen,
               max(received_at) as last_received_at,
               (array_agg(release order by received_at) filter (where release is not null))[1] as first_release,
               (array_agg(release order by received_at desc) filter (where release is not null))[1] as last_release
        from unnest(moved)) m
    where o.project_id = wanted_project and o.id = to_origin;
    update errtrack_private.issues i
    set event_count = s.events
    from (
        select o.issue_id, sum(o.event_count) as events
        from errtrack_private.origins o
        where o.project_id = wanted_project
          and o.issue_id in (
              select w.issue_id from errtrack_private.origins w
              where w.project_id = wanted_project and w.id in (from_origin, to_origin))
        group by o.issue_id) s
    where i.project_id = wanted_project and i.id = s.issue_id;
end
$$;
comment on function errtrack_private.move_counts(bigint, bigint, bigint, errtrack_private.occurrences[]) is
    'Moves what events count for from one origin to another, users that stay behind aside.';

create or replace function errtrack_private.end_split(wanted_project bigint, from_origin bigint, to_origin bigint)
returns void
language plpgsql volatile
as $$
declare
    source bigint := (
        select o.issue_id from errtrack_private.origins o
        where o.project_id = wanted_project and o.id = from_origin);
    target bigint := (
        select o.issue_id from errtrack_private.origins o
        where o.project_id = wanted_project and o.id = to_origin);
begin
    -- A user who moved and of whom no event stayed. Who has only events that are
    -- older than what is kept did not move.
    delete from errtrack_private.origin_users u
    where u.project_id = wanted_project
      and u.origin_id = from_origin
      and exists (
          select from errtrack_private.origin_users t
          where t.project_id = wanted_project and t.origin_id = to_origin and t.user_hash = u.user_hash)
      and u.user_hash not in (
          select k.user_hash
          from errtrack_private.occurrences k
          where k.project_id = wanted_project and k.origin_id = from_origin and k.user_hash is not null);
    update errtrack_private.origins o
    set user_count = (
            select count(*) from errtrack_private.origin_users u
            where u.project_id = wanted_project and u.origin_id = from_origin),
        -- What is kept tells how it began only while nothing is gone.
        first_seen = case when kept.events = o.event_count then coalesce(kept.first_seen, o.first_seen)
                          else o.first_seen end,
        first_release = case when kept.events = o.event_count then kept.first_release else o.first_release end,
        last_seen = coalesce(kept.last_seen, o.last_seen),
        last_received_at = coalesce(kept.last_received_at, o.last_received_at),
        last_release = coalesce(kept.last_release, o.last_release)
    from (
        select count(*) as events, min(k.occurred_at) as first_seen, max(k.occurred_at) as last_seen,
               max(k.received_at) as last_received_at,
               (array_agg(k.release order by k.received_at) filter (where k.release is not null))[1]
                   as first_release,
               (array_agg(k.release order by k.received_at desc) filter (where k.release is not null))[1]
                   as last_release
        from errtrack_private.occurrences k
        where k.project_id = wanted_project and k.origin_id = from_origin) kept
    where o.project_id = wanted_project and o.id = from_origin;
    perform errtrack_private.recount_issue(wanted_project, source);
    perform errtrack_private.recount_issue(wanted_project, target);
end
$$;
comment on function errtrack_private.end_split(bigint, bigint, bigint) is
    'Counts users anew, and when the issues began and ended, once the last event has moved.';

create or replace function errtrack_private.split_step(
    wanted_project bigint,
    wanted_split bigint,
    most integer default 2000
)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    job errtrack_private.splits;
    page errtrack_private.occurrences[];
    leaving errtrack_private.occurrences[];
begin
    select s.* into job
    from errtrack_private.splits s
    where s.project_id = wanted_project and s.id = wanted_split;
    if not found then
        return true;
    elsif pg_snapshot_xmin(pg_current_snapshot()) <= job.transaction then
        -- A batch that looked the hash up before may still file into the old origin.
        return false;
    end if;
    perform errtrack_private.hold_issues(wanted_project, '{}', array[job.from_origin, job.to_origin]);
    -- Again: another may have done a step meanwhile.
    select s.* into job
    from errtrack_private.splits s
    where s.project_id = wanted_project and s.id = wanted_split
    for update;
    if not found then
        return true;
    end if;
    page := array(
        select o
        from errtrack_private.occurrences o
        where o.project_id = wanted_project
          and o.origin_id = job.from_origin
          and (o.received_at, o.event_id) > (job.done_at, job.done_event)
        order by o.received_at, o.event_id
        limit most);
    leaving := array(select m from unnest(page) as m where m.hash = job.hash);
    if cardinality(leaving) > 0 then
        update errtrack_private.occurrences o
        set origin_id = job.to_origin
        from unnest(leaving) as m
        where o.project_id = wanted_project
          and o.origin_id = job.from_origin
          and o.received_at = m.received_at
          and o.event_id = m.event_id
          and o.received_at between leaving[1].received_at and leaving[cardinality(leaving)].received_at;
        perform errtrack_private.move_counts(wanted_project, job.from_origin, job.to_origin, leaving);
    end if;
    if cardinality(page) < most then
        perform errtrack_private.end_split(wanted_project, job.from_origin, job.to_origin);
        delete from errtrack_private.splits s where s.project_id = wanted_project and s.id = wanted_split;
        return true;
    end if;
    update errtrack_private.splits s
    set done_at = page[cardinality(page)].received_at,
        done_event = page[cardinality(page)].event_id,
        looked_at = s.looked_at + cardinality(page),
        moved = s.moved + cardinality(leaving)
    where s.project_id = wanted_project and s.id = wanted_split;
    return false;
end
$$;
comment on function errtrack_private.split_step(bigint, bigint, integer) is
    'Looks at so many more events of the old origin and moves those of the hash, with what they count for. True: that was the last step. False: go on, after a moment if nothing was looked at.';

create or replace function errtrack_private.go_on_splitting(budget interval) returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    started constant timestamptz := clock_timestamp();
    job record;
begin
    select s.project_id, s.id into job
    from errtrack_private.splits s
    where pg_snapshot_xmin(pg_current_snapshot()) > s.transaction
    order by s.started_at, s.project_id, s.id
    limit 1;
    if not found then
        return true;
    end if;
    -- One in a transaction: its locks are not held for another.
    while clock_timestamp() - started < budget loop
        exit when errtrack_private.split_step(job.project_id, job.id);
    end loop;
    return false;
end
$$;
comment on function errtrack_private.go_on_splitting(interval) is
    'Goes on with a split that was begun. True: there is none that can go on now.';

revoke execute on function
    errtrack_private.hold_issues(bigint, bigint[], bigint[]),
    errtrack_private.recount_issue(bigint, bigint),
    errtrack_private.merge_issues(bigint, bigint, bigint[], text),
    errtrack_private.unmerge_issue(bigint, bigint, text),
    errtrack_private.begin_split(bigint, bigint, uuid, text),
    errtrack_private.move_counts(bigint, bigint, bigint, errtrack_private.occurrences[]),
    errtrack_private.end_split(bigint, bigint, bigint),
    errtrack_private.split_step(bigint, bigint, integer),
    errtrack_private.go_on_splitting(interval)
from public;
grant execute on function errtrack_private.go_on_splitting(interval) to errtrack_worker;
