-- What the worker tells the edge, and what it learns from it: the projection of
-- keys and settings, and the ledger of requests.

-- ---- projection -------------------------------------------------------------

create or replace function errtrack_private.key_projection()
returns table (name text, value text)
language sql stable
as $$
    with limits as (
        select q.project_id, q.key_id,
               json_object_agg(
                   q.category, json_build_array(q.items, q.window_seconds) order by q.category) as json
        from errtrack_private.quotas q
        group by q.project_id, q.key_id
    )
    select k.public_key,
           json_strip_nulls(json_build_object(
               'id', k.id,
               'project', k.project_id,
               'limits', l.json))::text
    from errtrack_private.client_keys k
    left join limits l on l.key_id = k.id
    where k.active and errtrack_private.takes_events(k.project_id)
    union all
    select '@' || p.id,
           json_strip_nulls(json_build_object(
               'limits', l.json,
               'origins', nullif(e.origins, '{}'),
               'addresses', nullif(e.addresses, '{}'),
               'agents', nullif(e.agents, '{}'),
               'sdks', nullif(e.sdks, '{}')))::text
    from errtrack_private.projects p
    left join limits l on l.project_id = p.id and l.key_id is null
    left join errtrack_private.edge_settings e on e.project_id = p.id
    where l.json is not null
       or cardinality(e.origins) + cardinality(e.addresses)
            + cardinality(e.agents) + cardinality(e.sdks) > 0
    order by 1
$$;
comment on function errtrack_private.key_projection() is
    'The fields of the hash that edges read (worker/entry.hpp): a row for each active key, and one for each project that has settings for the edge.';

-- ---- ledger -----------------------------------------------------------------

create or replace function errtrack_private.book_requests() returns boolean
language plpgsql volatile
as $$
begin
    -- Differences come out right only one booking after the other. The statement
    -- below begins when the lock is held, so it sees what was booked before.
    if not pg_try_advisory_xact_lock(hashtextextended('errtrack.ledger', 0)) then
        return false;
    end if;
    with given as (
        select b.hour, b.edge, b.boot, b.project_id, b.reason, max(b.requests) as requests
        from batch_requests b
        -- An older count may be forgotten here already, and would be new again.
        where b.hour between now() - interval '60 hours' and now() + interval '1 hour'
        group by 1, 2, 3, 4, 5
    ), grown as (
        insert into errtrack_private.edge_requests as e
            (hour, edge, boot, project_id, reason, requests)
        select g.hour, g.edge, g.boot, g.project_id, g.reason, g.requests
        from given g
        order by 1, 2, 3, 4, 5
        on conflict (hour, edge, boot, project_id, reason)
            do update set requests = excluded.requests
            where excluded.requests > e.requests
        returning e.*
    ), difference as (
        -- What a statement reads is what was there before it.
        select coalesce(p.id, 0) as project_id, g.hour, g.reason,
               sum(g.requests - coalesce(old.requests, 0))::bigint as requests
        from grown g
        left join errtrack_private.edge_requests old using (hour, edge, boot, project_id, reason)
        left join errtrack_private.projects p on p.id = g.project_id
        group by 1, 2, 3
    )
    insert into errtrack_private.requests as r (project_id, hour, reason, requests)
    select d.project_id, d.hour, d.reason, d.requests
    from difference d
    where d.requests > 0
    order by 1, 2, 3
    on conflict (project_id, hour, reason)
        do update set requests = r.requests + excluded.requests;
    return true;
end
$$;
comment on function errtrack_private.book_requests() is
    'Adds to the sums what the counts of batch_requests have grown by since they were last booked: booking the same again adds nothing. False when another session is booking: try again. Counts for a project that does not exist go to project 0.';

do $$
declare
    name text;
begin
    foreach name in array array['key_projection()', 'book_requests()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;

revoke execute on function errtrack_private.notify_keys_changed() from public;

grant select on errtrack_private.quotas, errtrack_private.edge_settings,
    errtrack_private.tracking_settings to errtrack_worker;
grant select, insert, update on errtrack_private.edge_requests, errtrack_private.requests
    to errtrack_worker;
