-- What the events of a batch add up to: users, origins, issues, buckets. Called by
-- file_events() when each row of batch_filed has its origin.

create or replace function errtrack_private.lock_issues() returns void
language plpgsql volatile
as $$
declare
    held record;
    found_rows bigint;
begin
    insert into batch_origins
        (project_id, origin_id, events, first_seen, last_seen, last_received_at, newest, last_release)
    select f.project_id, f.origin_id, count(*), min(f.occurred_at), max(f.occurred_at),
           max(f.received_at),
           (array_agg(f.n order by f.received_at desc, f.n desc))[1],
           (array_agg(f.release order by f.received_at desc, f.n desc)
               filter (where f.release is not null))[1]
    from batch_filed f
    group by f.project_id, f.origin_id;

    perform 1
    from errtrack_private.origins o
    where (o.project_id, o.id) in (select b.project_id, b.origin_id from batch_origins b)
    order by o.project_id, o.id
    for no key update;

    -- Only now: one that is being merged shows another issue when the lock is there.
    update batch_origins b
    set issue_id = o.issue_id
    from errtrack_private.origins o
    where o.project_id = b.project_id and o.id = b.origin_id;
    get diagnostics found_rows = row_count;
    -- An origin that the batch has just looked up may be gone: the data of its
    -- project was deleted meanwhile. Done again, the batch makes a new issue.
    if found_rows < (select count(*) from batch_origins) then
        raise exception 'an issue was deleted while an event was filed under it'
            using errcode = 'serialization_failure';
    end if;

    for held in
        select i.project_id, i.id, i.status
        from errtrack_private.issues i
        where (i.project_id, i.id) in (select b.project_id, b.issue_id from batch_origins b)
        order by i.project_id, i.id
        for no key update
    loop
        if held.status <> 'unresolved' then
            update batch_origins b
            set settled = true
            where b.project_id = held.project_id and b.issue_id = held.id;
        end if;
    end loop;

    update batch_origins b
    set shared = true
    where exists (
        select from errtrack_private.origins sibling
        where sibling.project_id = b.project_id
          and sibling.issue_id = b.issue_id
          and sibling.id <> b.origin_id);
end
$$;
comment on function errtrack_private.lock_issues() is
    'Puts the origins of batch_filed into batch_origins, with what their events add up to, and holds them and their issues, in the order of their keys, until the batch ends. batch_origins says which issue it is, whether it is resolved or ignored, and whether it has other origins as well.';

create or replace function errtrack_private.count_users() returns void
language plpgsql volatile
as $$
begin
    with seen as (
        insert into errtrack_private.origin_users as u
            (project_id, origin_id, user_hash, first_seen)
        select f.project_id, f.origin_id, f.user_hash, min(f.occurred_at)
        from batch_filed f
        where f.user_hash is not null
        group by f.project_id, f.origin_id, f.user_hash
        order by f.project_id, f.origin_id, f.user_hash
        on conflict do nothing
        returning u.project_id, u.origin_id, u.user_hash
    )
    insert into batch_users (project_id, origin_id, user_hash)
    select project_id, origin_id, user_hash
    from seen;
    update batch_origins b
    set users = n.users
    from (
        select u.project_id, u.origin_id, count(*) as users
        from batch_users u
        group by u.project_id, u.origin_id) n
    where n.project_id = b.project_id and n.origin_id = b.origin_id;

    if not exists (select from batch_origins b where b.shared) then
        return;
    end if;
    -- A user counts once for an issue, whatever number of its origins saw that user.
    update errtrack_private.issues i
    set user_count = i.user_count + n.users
    from (
        select b.project_id, b.issue_id, count(distinct u.user_hash) as users
        from batch_users u
        join batch_origins b on b.project_id = u.project_id and b.origin_id = u.origin_id
        where b.shared
          and not exists (
              select from errtrack_private.origins sibling
              join errtrack_private.origin_users other
                on other.project_id = sibling.project_id and other.origin_id = sibling.id
              where sibling.project_id = b.project_id
                and sibling.issue_id = b.issue_id
                and sibling.id <> b.origin_id
                and other.user_hash = u.user_hash
                and not exists (
                    select from batch_users new
                    where new.project_id = other.project_id
                      and new.origin_id = other.origin_id
                      and new.user_hash = other.user_hash))
        group by b.project_id, b.issue_id) n
    where i.project_id = n.project_id and i.id = n.issue_id;
end
$$;
comment on function errtrack_private.count_users() is
    'Counts the users of batch_filed that are new to its origins: in batch_origins, and for issues that have several origins in the issue.';

create or replace function errtrack_private.count_events() returns void
language plpgsql volatile
as $$
begin
    perform errtrack_private.count_users();

    update errtrack_private.origins o
    set event_count = o.event_count + b.events,
        user_count = o.user_count + b.users,
        first_seen = least(o.first_seen, b.first_seen),
        last_seen = greatest(o.last_seen, b.last_seen),
        last_received_at = greatest(o.last_received_at, b.last_received_at),
        last_release = case when b.last_received_at >= o.last_received_at
                            then coalesce(b.last_release, o.last_release)
                            else coalesce(o.last_release, b.last_release) end
    from batch_origins b
    where o.project_id = b.project_id and o.id = b.origin_id;

    -- Title, culprit and level follow the newest event.
    with counted as (
        select b.project_id, b.issue_id, sum(b.events) as events,
               coalesce(sum(b.users) filter (where not b.shared), 0) as users,
               min(b.first_seen) as first_seen, max(b.last_seen) as last_seen,
               max(b.last_received_at) as last_received_at,
               (array_agg(b.newest order by b.last_received_at desc, b.newest desc))[1] as newest,
               (array_agg(b.last_release order by b.last_received_at desc, b.newest desc)
                   filter (where b.last_release is not null))[1] as last_release
        from batch_origins b
        group by b.project_id, b.issue_id
    )
    update errtrack_private.issues i
    set event_count = i.event_count + c.events,
        user_count = i.user_count + c.users,
        first_seen = least(i.first_seen, c.first_seen),
        last_seen = greatest(i.last_seen, c.last_seen),
        last_received_at = greatest(i.last_received_at, c.last_received_at),
        last_release = case when c.last_received_at < i.last_received_at
                            then coalesce(i.last_release, c.last_release)
                            else coalesce(c.last_release, i.last_release) end,
        kind = case when c.last_received_at < i.last_received_at or i.overflow then i.kind else e.kind end,
        type = case when c.last_received_at < i.last_received_at or i.overflow then i.type else e.type end,
        value = case when c.last_received_at < i.last_received_at or i.overflow then i.value else e.value end,
        title = case when c.last_received_at < i.last_received_at or i.overflow then i.title else e.title end,
        culprit = case when c.last_received_at < i.last_received_at or i.overflow then i.culprit else e.culprit end,
        level = case when c.last_received_at < i.last_received_at then i.level else e.level end,
        platform = case when c.last_received_at < i.last_received_at then i.platform else e.platform end,
        logger = case when c.last_received_at < i.last_received_at then i.logger else e.logger end
    from counted c
    join batch_events e on e.n = c.newest
    where i.project_id = c.project_id and i.id = c.issue_id;

    insert into errtrack_private.counts_5m as counts (project_id, origin_id, bucket, events)
    select f.project_id, f.origin_id,
           date_bin('5 minutes', f.received_at, timestamptz '2000-01-01 00:00:00+00'), count(*)
    from batch_filed f
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (project_id, origin_id, bucket)
        do update set events = counts.events + excluded.events;

    insert into errtrack_private.counts_1h as counts
        (project_id, origin_id, bucket, events, bodies, surplus_at, surplus_event)
    select f.project_id, f.origin_id, date_trunc('hour', f.received_at, 'UTC'), count(*),
           count(*) filter (where f.has_payload and not f.surplus),
           max(f.received_at) filter (where f.surplus),
           (array_agg(f.event_id) filter (where f.surplus))[1]
    from batch_filed f
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

-- ---- texts ---------------------------------------------------------------------

create or replace function errtrack_private.keep_issue_text() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into errtrack_private.issue_texts as t (project_id, issue_id, text)
    values (new.project_id, new.id, concat_ws(E'\n', new.title, left(new.value, 1000), new.culprit))
    on conflict (project_id, issue_id) do update set text = excluded.text;
    return null;
end
$$;
comment on function errtrack_private.keep_issue_text() is
    'What an issue is found by follows what it is called.';
create or replace trigger issues_text_made
    after insert on errtrack_private.issues
    for each row execute function errtrack_private.keep_issue_text();
create or replace trigger issues_text_changed
    after update on errtrack_private.issues
    for each row
    when (new.title <> old.title or new.value <> old.value or new.culprit <> old.culprit)
    execute function errtrack_private.keep_issue_text();

do $$
declare
    name text;
begin
    foreach name in array array['lock_issues()', 'count_users()', 'count_events()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;
revoke execute on function errtrack_private.keep_issue_text() from public;
grant select, insert, update on errtrack_private.issue_texts to errtrack_worker;
