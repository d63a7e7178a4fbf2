-- Which origin an event belongs to: that of the first of its hashes that is known, or
-- else a new one with an issue of its own. Called by file_events(). Issues are made by
-- the set, since a bad release brings hundreds at once.

create or replace function errtrack_private.look_up_hashes() returns void
language plpgsql volatile
as $$
begin
    insert into batch_hashes (project_id, hash, origin_id)
    select wanted.project_id, wanted.hash, known.origin_id
    from (
        select distinct f.project_id, each.hash
        from batch_filed f
        cross join unnest(f.hashes) as each (hash)) wanted
    -- By the key, whatever the planner believes of a table that was filled just now.
    left join lateral (
        select h.origin_id
        from errtrack_private.hashes h
        where h.project_id = wanted.project_id and h.hash = wanted.hash
        limit 1) known on true;
end
$$;
comment on function errtrack_private.look_up_hashes() is
    'Puts the hashes of batch_filed into batch_hashes, each with its origin if it has one.';

create or replace function errtrack_private.look_up_again() returns void
language plpgsql volatile
as $$
begin
    update batch_hashes b
    set origin_id = (
        select h.origin_id
        from errtrack_private.hashes h
        where h.project_id = b.project_id and h.hash = b.hash)
    where b.origin_id is null;
end
$$;
comment on function errtrack_private.look_up_again() is
    'Looks for those of batch_hashes that had no origin.';

create or replace function errtrack_private.take_known_origins() returns void
language plpgsql volatile
as $$
begin
    update batch_filed f
    set origin_id = b.origin_id
    from batch_hashes b
    where f.origin_id is null
      and b.project_id = f.project_id
      and b.hash = f.hashes[1]
      and b.origin_id is not null;
    -- Only the first hash, or none, is known of nearly all.
    if exists (select from batch_hashes b where b.origin_id is null)
        and exists (select from batch_hashes b where b.origin_id is not null)
        and exists (select from batch_filed f where f.origin_id is null)
    then
        update batch_filed f
        set origin_id = (
            select known.origin_id
            from unnest(f.hashes) with ordinality as wanted (hash, place)
            cross join lateral (
                select b.origin_id
                from batch_hashes b
                where b.project_id = f.project_id
                  and b.hash = wanted.hash
                  and b.origin_id is not null
                limit 1) known
            order by wanted.place
            limit 1)
        where f.origin_id is null;
    end if;
end
$$;
comment on function errtrack_private.take_known_origins() is
    'Gives rows of batch_filed the origin of the first of their hashes that has one in batch_hashes.';

create or replace function errtrack_private.admit_issues() returns void
language plpgsql volatile
as $$
begin
    -- Issues are counted once for each hour, and not again for each that is to be made.
    with bounds as materialized (
        select p.project_id,
               errtrack_private.limit_of(p.project_id, 'new_issues') as issues,
               errtrack_private.limit_of(p.project_id, 'new_issues_alike') as alike
        from (
            select distinct b.project_id
            from batch_fresh b
            where b.leader = b.n and b.origin_id is null) p
    ), had as materialized (
        select slots.project_id, slots.hour,
               coalesce(o.loose_hash, '00000000-0000-0000-0000-000000000000') as likeness,
               count(*) as issues
        from (
            select distinct b.project_id, b.hour
            from batch_fresh b
            join bounds using (project_id)
            where b.leader = b.n
              and b.origin_id is null
              and (bounds.issues is not null or bounds.alike is not null)) slots
        join errtrack_private.issue_history h
          on h.project_id = slots.project_id
             and h.what = 'new'
             and h.at >= greatest(slots.hour, errtrack_private.visible_from(slots.project_id))
             and h.at < slots.hour + interval '1 hour'
        join errtrack_private.origins o on o.project_id = h.project_id and o.id = h.issue_id
        group by 1, 2, 3
    ), compared as (
        select b.n, b.project_id, b.hour, b.received_at, bounds.issues as bound,
               bounds.alike < coalesce(had.issues, 0) + row_number() over (
                   partition by b.project_id, b.hour, b.likeness
                   order by b.received_at, b.n) as crowded
        from batch_fresh b
        join bounds using (project_id)
        left join had using (project_id, hour, likeness)
        where b.leader = b.n and b.origin_id is null
    ), ranked as (
        select c.n, c.project_id, c.hour, c.bound, coalesce(c.crowded, false) as crowded,
               row_number() over (
                   partition by c.project_id, c.hour, coalesce(c.crowded, false)
                   order by c.received_at, c.n) as place
        from compared c
    ), full_hours as (
        select had.project_id, had.hour, sum(had.issues) as issues
        from had
        group by 1, 2
    )
    update batch_fresh b
    set crowded = r.crowded,
        making = not r.crowded and coalesce(r.place + coalesce(f.issues, 0) <= r.bound, true)
    from ranked r
    left join full_hours f using (project_id, hour)
    where b.n = r.n;
    update batch_fresh b
    set origin_id = nextval('errtrack_private.issue_ids')
    where b.making;
end
$$;
comment on function errtrack_private.admit_issues() is
    'The explosion guard: marks which leaders of batch_fresh may become issues, and gives those an id. Others are crowded, when too many that are alike came in their hour, or beyond what the project may make in an hour.';

create or replace function errtrack_private.make_issues() returns void
language plpgsql volatile
as $$
declare
    beyond record;
begin
    perform errtrack_private.admit_issues();
    insert into errtrack_private.issues
        (project_id, id, kind, type, value, title, first_title, culprit, level,
         platform, logger, first_seen, last_seen, last_received_at, first_release)
    select b.project_id, b.origin_id, e.kind, e.type, e.value, e.title, e.title, e.culprit, e.level,
           e.platform, e.logger, e.occurred_at, e.occurred_at, e.received_at, e.release
    from batch_fresh b
    join batch_events e on e.n = b.n
    where b.making;
    insert into errtrack_private.origins
        (project_id, id, issue_id, first_seen, last_seen, first_release, loose_hash)
    select b.project_id, b.origin_id, b.origin_id, e.occurred_at, e.occurred_at, e.release,
           e.loose_hash
    from batch_fresh b
    join batch_events e on e.n = b.n
    where b.making;
    -- As note() and tell() do for one.
    insert into errtrack_private.issue_history (project_id, issue_id, at, what, details)
    select b.project_id, b.origin_id, b.received_at, 'new',
           jsonb_strip_nulls(jsonb_build_object(
               'event_id', replace(e.event_id::text, '-', ''), 'release', e.release))
    from batch_fresh b
    join batch_events e on e.n = b.n
    where b.making
    order by b.received_at, b.n;
    insert into errtrack_private.outbox (project_id, issue_id, kind, details)
    select b.project_id, b.origin_id, 'new_issue',
           jsonb_strip_nulls(jsonb_build_object(
               'event_id', replace(e.event_id::text, '-', ''), 'title', e.title, 'culprit', e.culprit,
               'level', e.level, 'release', e.release, 'environment', e.environment))
    from batch_fresh b
    join batch_events e on e.n = b.n
    where b.making
    order by b.received_at, b.n;
    update batch_fresh b set making = false where b.making;

    for beyond in
        select distinct on (b.project_id, overflow.likeness)
               b.project_id, overflow.likeness, b.n
        from batch_fresh b
        cross join lateral (select case when b.crowded then b.likeness end as likeness) overflow
        where b.leader = b.n and b.origin_id is null
        order by b.project_id, overflow.likeness, b.received_at, b.n
    loop
        update batch_fresh b
        set origin_id = errtrack_private.overflow_origin(
                beyond.project_id, beyond.likeness, beyond.n)
        where b.project_id = beyond.project_id
          and b.leader = b.n
          and b.origin_id is null
          and b.crowded = (beyond.likeness is not null)
          and (not b.crowded or b.likeness = beyond.likeness);
    end loop;
    update batch_fresh b
    set origin_id = leader.origin_id
    from batch_fresh leader
    where leader.n = b.leader and b.leader <> b.n;
end
$$;
comment on function errtrack_private.make_issues() is
    'Makes an issue, with its origin, history and message, for each leader of batch_fresh, or gives it an overflow origin; others get the origin of their leader.';

create or replace function errtrack_private.take_fresh_origins() returns void
language plpgsql volatile
as $$
begin
    update batch_filed f
    set origin_id = b.origin_id
    from batch_fresh b
    where f.origin_id is null
      and b.origin_id is not null
      and b.project_id = f.project_id
      and b.hashes = f.hashes;
    while errtrack_private.learn_hashes() loop end loop;
end
$$;
comment on function errtrack_private.take_fresh_origins() is
    'Gives rows of batch_filed what make_issues() made for their hashes.';

create or replace function errtrack_private.learn_hashes() returns boolean
language plpgsql volatile
as $$
begin
    -- A hash that belongs to another origin is left alone: no merge by accident.
    with owned as materialized (
        select distinct on (f.project_id, wanted.hash)
               f.project_id, wanted.hash, wanted.place, f.n, f.origin_id
        from batch_filed f
        cross join lateral unnest(f.hashes) with ordinality as wanted (hash, place)
        where f.origin_id is not null
          -- By the key: as a join it compares every event with every hash.
          and (
              select b.origin_id is null
              from batch_hashes b
              where b.project_id = f.project_id and b.hash = wanted.hash
              limit 1)
        order by f.project_id, wanted.hash, f.received_at, f.n
    ), learnt as (
        insert into errtrack_private.hashes
            (project_id, hash, origin_id, algo, variant, first_seen, kind, type, value, title, culprit)
        select o.project_id, o.hash, o.origin_id, e.algo, e.variants[o.place], e.occurred_at,
               e.kind, e.type, e.value, e.title, e.culprit
        from owned o
        join batch_events e on e.n = o.n
        order by o.project_id, o.hash
        on conflict do nothing
        returning project_id, hash, origin_id
    )
    update batch_hashes b
    set origin_id = l.origin_id,
        learnt = true
    from learnt l
    where b.project_id = l.project_id and b.hash = l.hash;
    if not found then
        return false;
    end if;
    perform errtrack_private.take_known_origins();
    return true;
end
$$;
comment on function errtrack_private.learn_hashes() is
    'The hashes of batch_hashes that have no origin get that of an event that has them and an origin; other events may know theirs by that. False: there were none.';

create or replace function errtrack_private.find_leaders() returns void
language plpgsql volatile
as $$
declare
    row_here record;
    number integer;
    found_leader integer;
    owners integer[];
    rows_here integer[];
    leaders integer[];
begin
    -- One by one, but in memory: rows that share hashes may be as many as the batch has.
    for row_here in
        with hashes as materialized (
            select b.n, h.hash, h.place, dense_rank() over (order by b.project_id, h.hash)::integer as number
            from batch_fresh b
            cross join unnest(b.hashes) with ordinality as h (hash, place)
            where b.leader is null
        )
        select b.n, array_agg(h.number order by h.place) as numbers
        from batch_fresh b
        join hashes h on h.n = b.n
        group by b.n, b.received_at
        order by b.received_at, b.n
    loop
        found_leader := null;
        foreach number in array row_here.numbers loop
            found_leader := owners[number];
            exit when found_leader is not null;
        end loop;
        found_leader := coalesce(found_leader, row_here.n);
        foreach number in array row_here.numbers loop
            owners[number] := coalesce(owners[number], found_leader);
        end loop;
        rows_here := rows_here || row_here.n;
        leaders := leaders || found_leader;
    end loop;
    update batch_fresh b
    set leader = found.leader
    from unnest(rows_here, leaders) as found (n, leader)
    where b.n = found.n;
end
$$;
comment on function errtrack_private.find_leaders() is
    'For rows of batch_fresh that have hashes in common: each follows the first of them, in the order of arrival, that brought the first of its hashes that is known by then. One that brings new hashes alone leads.';

create or replace function errtrack_private.assign_origins() returns void
language plpgsql volatile
as $$
declare
    fresh record;
begin
    perform errtrack_private.take_known_origins();
    if not exists (select from batch_hashes b where b.origin_id is null) then
        return;
    end if;
    -- Another worker may have made them known before this one had the lock.
    perform errtrack_private.look_up_again();
    perform errtrack_private.take_known_origins();
    while errtrack_private.learn_hashes() loop end loop;
    perform errtrack_private.attach_by_previous();
    while errtrack_private.learn_hashes() loop end loop;

    -- What is left are errors that nobody has seen yet. Nearly all have no hash in common.
    insert into batch_fresh (project_id, hashes, n, received_at, hour, likeness, leader)
    select distinct on (f.project_id, f.hashes)
           f.project_id, f.hashes, f.n, f.received_at, date_trunc('hour', f.received_at, 'UTC'),
           coalesce(e.loose_hash, '00000000-0000-0000-0000-000000000000'), f.n
    from batch_filed f
    join batch_events e on e.n = f.n
    where f.origin_id is null
    order by f.project_id, f.hashes, f.received_at, f.n;
    if not exists (select from batch_fresh) then
        return;
    end if;
    with wanted as materialized (
        select each.n, each.project_id, h.hash
        from batch_fresh each
        cross join unnest(each.hashes) as h (hash)
    ), common as materialized (
        select w.project_id, w.hash
        from wanted w
        group by 1, 2
        having count(*) > 1
    )
    update batch_fresh b
    set leader = null
    where b.n in (select w.n from wanted w join common using (project_id, hash));
    if found then
        perform errtrack_private.find_leaders();
    end if;
    perform errtrack_private.make_issues();
    perform errtrack_private.take_fresh_origins();

    -- Whoever adds hashes holds the lock of the project, and looked after that.
    if exists (
        select from batch_fresh b
        where b.leader = b.n
          and b.origin_id is distinct from (
              select h.origin_id
              from errtrack_private.hashes h
              where h.project_id = b.project_id and h.hash = b.hashes[1]))
    then
        raise exception 'another worker made the same issue'
            using errcode = 'serialization_failure';
    end if;
end
$$;
comment on function errtrack_private.assign_origins() is
    'Gives each row of batch_filed the origin of the first of its hashes that is known, or a new issue, or an overflow issue. To be called under lock_newcomers().';

do $$
declare
    name text;
begin
    foreach name in array array[
        'look_up_hashes()', 'look_up_again()', 'take_known_origins()', 'take_fresh_origins()',
        'find_leaders()', 'admit_issues()', 'make_issues()', 'learn_hashes()',
        'assign_origins()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;
