-- What the events of a batch add up to: users, origins, issues, buckets. Called by
-- file_events() when each row of batch_filed has its origin.

create or replace function errtrack_private.lock_issues() returns void
language plpgsql volatile
as $$
declare
    held record;
begin
    perform 1
    from errtrack_private.origins o
    where (o.project_id, o.id) in (
        select e.project_id, f.origin_id
        from batch_filed f join batch_events e on e.n = f.n)
    order by o.project_id, o.id
    for no key update;

    -- An origin that the batch has just looked up may be gone: the data of its
    -- project was deleted meanwhile. Done again, the batch makes a new issue.
    if exists (
        select from batch_filed f
        join batch_events e on e.n = f.n
        where not exists (
            select from errtrack_private.origins o
            where o.project_id = e.project_id and o.id = f.origin_id))
    then
        raise exception 'an issue was deleted while an event was filed under it'
            using errcode = 'serialization_failure';
    end if;

    update batch_filed f
    set issue_id = o.issue_id
    from batch_events e, errtrack_private.origins o
    where e.n = f.n and o.project_id = e.project_id and o.id = f.origin_id;
    for held in
        select i.project_id, i.id, i.status
        from errtrack_private.issues i
        where (i.project_id, i.id) in (
            select e.project_id, f.issue_id
            from batch_filed f join batch_events e on e.n = f.n)
        order by i.project_id, i.id
        for no key update
    loop
        if held.status <> 'unresolved' then
            update batch_filed f
            set settled = true
            from batch_events e
            where e.n = f.n and e.project_id = held.project_id and f.issue_id = held.id;
        end if;
    end loop;
end
$$;
comment on function errtrack_private.lock_issues() is
    'Holds the origins of batch_filed and their issues, in the order of their keys, until the batch ends. batch_filed says which issue it is, and whether it is resolved or ignored.';

create or replace function errtrack_private.count_events() returns void
language plpgsql volatile
as $$
begin
    -- A user counts once for an origin, and once for an issue whatever number of
    -- its origins saw that user.
    with seen as (
        insert into errtrack_private.origin_users as u
            (project_id, origin_id, user_hash, first_seen)
        select e.project_id, f.origin_id, e.user_hash, min(e.occurred_at)
        from batch_filed f
        join batch_events e on e.n = f.n
        where e.user_hash is not null
        group by e.project_id, f.origin_id, e.user_hash
        order by e.project_id, f.origin_id, e.user_hash
        on conflict do nothing
        returning u.project_id, u.origin_id, u.user_hash
    ), by_origin as (
        select project_id, origin_id, count(*) as users
        from seen
        group by project_id, origin_id
    ), counted_origins as (
        update errtrack_private.origins o
        set user_count = o.user_count + b.users
        from by_origin b
        where o.project_id = b.project_id and o.id = b.origin_id
    ), by_issue as (
        select s.project_id, o.issue_id, count(distinct s.user_hash) as users
        from seen s
        join errtrack_private.origins o on o.project_id = s.project_id and o.id = s.origin_id
        where not exists (
            select from errtrack_private.origins sibling
            join errtrack_private.origin_users u
              on u.project_id = sibling.project_id and u.origin_id = sibling.id
            where sibling.project_id = o.project_id
              and sibling.issue_id = o.issue_id
              and sibling.id <> o.id
              and u.user_hash = s.user_hash)
        group by s.project_id, o.issue_id
    )
    update errtrack_private.issues i
    set user_count = i.user_count + b.users
    from by_issue b
    where i.project_id = b.project_id and i.id = b.issue_id;

    update errtrack_private.origins o
    set event_count = o.event_count + c.events,
        first_seen = least(o.first_seen, c.first_seen),
        last_seen = greatest(o.last_seen, c.last_seen),
        last_received_at = greatest(o.last_received_at, c.last_received_at),
        last_release = case when c.last_received_at >= o.last_received_at
                            then coalesce(c.last_release, o.last_release)
                            else coalesce(o.last_release, c.last_release) end
    from (
        select e.project_id, f.origin_id, count(*) as events,
               min(e.occurred_at) as first_seen, max(e.occurred_at) as last_seen,
               max(e.received_at) as last_received_at,
               (array_agg(e.release order by e.received_at desc, e.n desc)
                   filter (where e.release is not null))[1] as last_release
        from batch_filed f
        join batch_events e on e.n = f.n
        group by e.project_id, f.origin_id) c
    where o.project_id = c.project_id and o.id = c.origin_id;

    -- Title, culprit and level follow the newest event.
    with filed as (
        select f.issue_id, e.*
        from batch_filed f
        join batch_events e on e.n = f.n
    ), counted as (
        select project_id, issue_id, count(*) as events,
               min(occurred_at) as first_seen, max(occurred_at) as last_seen,
               max(received_at) as last_received_at
        from filed
        group by project_id, issue_id
    ), newest as (
        select distinct on (project_id, issue_id) *
        from filed
        order by project_id, issue_id, received_at desc, n desc
    ), released as (
        select distinct on (project_id, issue_id) project_id, issue_id, release
        from filed
        where release is not null
        order by project_id, issue_id, received_at desc, n desc
    )
    update errtrack_private.issues i
    set event_count = i.event_count + c.events,
        first_seen = least(i.first_seen, c.first_seen),
        last_seen = greatest(i.last_seen, c.last_seen),
        last_received_at = greatest(i.last_received_at, c.last_received_at),
        last_release = case when w.newer then coalesce(r.release, i.last_release)
                            else coalesce(i.last_release, r.release) end,
        kind = case when w.newer and not i.overflow then n.kind else i.kind end,
        type = case when w.newer and not i.overflow then n.type else i.type end,
        value = case when w.newer and not i.overflow then n.value else i.value end,
        title = case when w.newer and not i.overflow then n.title else i.title end,
        culprit = case when w.newer and not i.overflow then n.culprit else i.culprit end,
        level = case when w.newer then n.level else i.level end,
        platform = case when w.newer then n.platform else i.platform end,
        logger = case when w.newer then n.logger else i.logger end
    from counted c
    join newest n on n.project_id = c.project_id and n.issue_id = c.issue_id
    left join released r on r.project_id = c.project_id and r.issue_id = c.issue_id
    join errtrack_private.issues old on old.project_id = c.project_id and old.id = c.issue_id
    cross join lateral (
        select n.received_at >= old.last_received_at as newer) w
    where i.project_id = c.project_id and i.id = c.issue_id;

    insert into errtrack_private.counts_5m as counts (project_id, origin_id, bucket, events)
    select e.project_id, f.origin_id,
           date_bin('5 minutes', e.received_at, timestamptz '2000-01-01 00:00:00+00'), count(*)
    from batch_filed f
    join batch_events e on e.n = f.n
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (project_id, origin_id, bucket)
        do update set events = counts.events + excluded.events;

    insert into errtrack_private.counts_1h as counts
        (project_id, origin_id, bucket, events, bodies, surplus_at, surplus_event)
    select e.project_id, f.origin_id, date_trunc('hour', e.received_at, 'UTC'), count(*),
           count(*) filter (where f.has_payload and not f.surplus),
           max(e.received_at) filter (where f.surplus),
           (array_agg(e.event_id) filter (where f.surplus))[1]
    from batch_filed f
    join batch_events e on e.n = f.n
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (project_id, origin_id, bucket) do update
        set events = counts.events + excluded.events,
            bodies = counts.bodies + excluded.bodies,
            surplus_at = coalesce(excluded.surplus_at, counts.surplus_at),
            surplus_event = coalesce(excluded.surplus_event, counts.surplus_event);
end
$$;
comment on function errtrack_private.count_events() is
    'Adds the events of batch_filed to users, origins, issues and buckets.';

do $$
declare
    name text;
begin
    foreach name in array array['lock_issues()', 'count_events()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;
