-- What a project may make, and what becomes of the rest: new issues (the overflow
-- issue), bodies (counted, not kept), releases, environments and tags ("(other)").
-- Browser keys are public, so whoever reads one may send any name, any number of
-- times: without bounds the tables that are read on every page would grow by it.

create or replace function errtrack_private.limit_of(wanted_project bigint, wanted_name text)
returns bigint
language sql stable
as $$
    select value
    from errtrack_private.limits
    where project_id in (0, wanted_project) and name = wanted_name
    order by project_id desc
    limit 1
$$;
comment on function errtrack_private.limit_of(bigint, text) is
    'A limit of a project, or else of the instance. Null: no bound.';

-- ---- what is new ----------------------------------------------------------------

create or replace function errtrack_private.lock_projects(projects bigint[]) returns void
language plpgsql volatile
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('errtrack.newcomers', slots.slot))
    from (select distinct project & 63 as slot from unnest(projects) as project order by 1) slots;
end
$$;
comment on function errtrack_private.lock_projects(bigint[]) is
    'Makes whoever adds grouping hashes or names to these projects wait for each other, so that limits are exact and nobody waits in a circle. Once in a transaction, for all projects at once, before rows of origins are locked. 64 locks at most.';

create or replace function errtrack_private.lock_newcomers() returns boolean
language plpgsql volatile
as $$
declare
    hashed bigint[];
    named bigint[];
begin
    hashed := array(select distinct b.project_id from batch_hashes b where b.origin_id is null);
    named := array(
        select wanted.project_id
        from (
            select distinct f.project_id, f.release
            from batch_filed f
            where f.release is not null) wanted
        where not exists (
            select from errtrack_private.releases r
            where r.project_id = wanted.project_id and r.release = wanted.release)
        union
        select wanted.project_id
        from (
            select distinct f.project_id, f.environment
            from batch_filed f
            where f.environment is not null) wanted
        where not exists (
            select from errtrack_private.environments v
            where v.project_id = wanted.project_id and v.environment = wanted.environment));
    perform errtrack_private.lock_projects(hashed || named);
    return cardinality(named) > 0;
end
$$;
comment on function errtrack_private.lock_newcomers() is
    'Locks the projects for which batch_hashes or batch_filed bring hashes or names that nobody has seen. Returns whether there are such names.';

create or replace function errtrack_private.admit_names() returns void
language plpgsql volatile
as $$
begin
    with wanted as (
        select f.project_id, f.release, min(f.received_at) as first_received_at
        from batch_filed f
        where f.release <> '(other)'
          and not exists (
              select from errtrack_private.releases r
              where r.project_id = f.project_id and r.release = f.release)
        group by f.project_id, f.release
    ), room as (
        select p.project_id,
               errtrack_private.limit_of(p.project_id, 'releases')
                   - (select count(*) from errtrack_private.releases r where r.project_id = p.project_id)
                   as places
        from (select distinct project_id from wanted) p
    ), ranked as (
        select w.*, row_number() over (
                   partition by w.project_id order by w.first_received_at, w.release) as place
        from wanted w
    )
    insert into errtrack_private.releases (project_id, release, first_received_at)
    select ranked.project_id, ranked.release, ranked.first_received_at
    from ranked
    join room using (project_id)
    where coalesce(ranked.place <= room.places, true)
    order by ranked.project_id, ranked.place
    on conflict do nothing;

    with wanted as (
        select f.project_id, f.environment, min(f.received_at) as first_received_at
        from batch_filed f
        where f.environment <> '(other)'
          and not exists (
              select from errtrack_private.environments v
              where v.project_id = f.project_id and v.environment = f.environment)
        group by f.project_id, f.environment
    ), room as (
        select p.project_id,
               errtrack_private.limit_of(p.project_id, 'environments')
                   - (select count(*) from errtrack_private.environments v where v.project_id = p.project_id)
                   as places
        from (select distinct project_id from wanted) p
    ), ranked as (
        select w.*, row_number() over (
                   partition by w.project_id order by w.first_received_at, w.environment) as place
        from wanted w
    )
    insert into errtrack_private.environments (project_id, environment, first_received_at)
    select ranked.project_id, ranked.environment, ranked.first_received_at
    from ranked
    join room using (project_id)
    where coalesce(ranked.place <= room.places, true)
    order by ranked.project_id, ranked.place
    on conflict do nothing;

    update batch_filed f
    set release_as = case when f.release is not null and not exists (
                              select from errtrack_private.releases r
                              where r.project_id = f.project_id and r.release = f.release)
                          then '(other)' end,
        environment_as = case when f.environment is not null and not exists (
                                  select from errtrack_private.environments v
                                  where v.project_id = f.project_id and v.environment = f.environment)
                              then '(other)' end;
end
$$;
comment on function errtrack_private.admit_names() is
    'Makes new releases and environments of batch_filed known, as long as there is room. batch_filed says what the others are counted as. To be called under lock_newcomers().';

-- ---- explosion guard ------------------------------------------------------------

create or replace function errtrack_private.overflow_origin(
    wanted_project bigint,
    alike uuid,
    example integer
)
returns bigint
language plpgsql volatile
as $$
declare
    bound bigint := errtrack_private.limit_of(
        wanted_project, case when alike is null then 'new_issues' else 'new_issues_alike' end);
    found_id bigint;
    event record;
    name text;
begin
    select i.id into found_id
    from errtrack_private.issues i
    join errtrack_private.origins o on o.project_id = i.project_id and o.id = i.id
    where i.project_id = wanted_project
      and i.overflow
      and i.last_received_at >= errtrack_private.visible_from(wanted_project)
      and o.loose_hash is not distinct from alike
    limit 1;
    if found_id is not null then
        return found_id;
    end if;
    select e.received_at, e.occurred_at, e.culprit, e.platform,
           date_trunc('hour', e.received_at, 'UTC') as hour,
           case when e.type = '' then 'messages' else e.type end as type
    into strict event
    from batch_events e
    where e.n = example;
    if alike is null then
        name := format('Overflow: more than %s new errors in an hour', bound);
        event.culprit := '';
        event.platform := 'other';
    elsif (
        -- It is an issue too, of which a project may make so many.
        select count(*) >= errtrack_private.limit_of(wanted_project, 'new_issues')
        from errtrack_private.issue_history h
        where h.project_id = wanted_project
          and h.what = 'new'
          and h.at >= greatest(event.hour, errtrack_private.visible_from(wanted_project))
          and h.at < event.hour + interval '1 hour')
    then
        return errtrack_private.overflow_origin(wanted_project, null, example);
    else
        name := format('Overflow: more than %s new errors in an hour that are alike: %s', bound, event.type);
    end if;
    found_id := nextval('errtrack_private.issue_ids');
    insert into errtrack_private.issues
        (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
         first_seen, last_seen, last_received_at, overflow)
    values
        (wanted_project, found_id, 'default', '', name, name, name, event.culprit, 'error',
         event.platform, '', event.occurred_at, event.occurred_at, event.received_at, true);
    insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen, loose_hash)
    values (wanted_project, found_id, found_id, event.occurred_at, event.occurred_at, alike);
    perform errtrack_private.note(wanted_project, found_id, event.received_at, 'new', null, jsonb_build_object(
        'overflow', true, 'new_issues', bound));
    perform errtrack_private.tell(wanted_project, found_id, 'new_issue', jsonb_build_object(
        'overflow', true, 'title', name, 'culprit', event.culprit));
    return found_id;
end
$$;
comment on function errtrack_private.overflow_origin(bigint, uuid, integer) is
    'The origin that takes hashes beyond a limit of new issues: of errors that are alike, or, with null, of the whole project. Made with an issue of its own, that tells of the example in batch_events, when it is first needed; people are told once. To be called under lock_newcomers().';

-- ---- bodies ---------------------------------------------------------------------

create or replace function errtrack_private.drop_surplus_bodies(
    wanted_project bigint,
    wanted_issue bigint,
    wanted_hour timestamptz
)
returns void
language plpgsql volatile
as $$
declare
    old record;
begin
    for old in
        select c.origin_id, c.surplus_at, c.surplus_event
        from errtrack_private.origins o
        join errtrack_private.counts_1h c
          on c.project_id = o.project_id and c.origin_id = o.id and c.bucket = wanted_hour
        where o.project_id = wanted_project
          and o.issue_id = wanted_issue
          and c.surplus_event is not null
    loop
        delete from errtrack_private.payloads p
        where p.project_id = wanted_project
          and p.event_id = old.surplus_event
          and p.received_at = old.surplus_at;
        update errtrack_private.occurrences o
        set has_payload = false
        where o.project_id = wanted_project
          and o.origin_id = old.origin_id
          and o.received_at = old.surplus_at
          and o.event_id = old.surplus_event;
        update errtrack_private.counts_1h c
        set surplus_at = null,
            surplus_event = null
        where c.project_id = wanted_project
          and c.origin_id = old.origin_id
          and c.bucket = wanted_hour;
    end loop;
end
$$;
comment on function errtrack_private.drop_surplus_bodies(bigint, bigint, timestamptz) is
    'Deletes the body beyond the budget of an issue and hour, for a newer one to take its place.';

create or replace function errtrack_private.spend_bodies() returns void
language plpgsql volatile
as $$
declare
    crowded record;
    newest record;
begin
    for crowded in
        with bounds as materialized (
            select p.project_id, errtrack_private.limit_of(p.project_id, 'bodies') as bound
            from (select distinct b.project_id from batch_origins b) p
        ), wanted as (
            select b.project_id, b.issue_id, date_trunc('hour', f.received_at, 'UTC') as hour,
                   bounds.bound, count(*) as events
            from batch_filed f
            join batch_origins b on b.project_id = f.project_id and b.origin_id = f.origin_id
            join bounds on bounds.project_id = f.project_id
            where bounds.bound is not null
            group by 1, 2, 3, 4
        )
        select w.project_id, w.issue_id, w.hour, had.newest_surplus,
               greatest(w.bound - had.bodies, 0) as room
        from wanted w
        cross join lateral (
            select coalesce(sum(h.bodies), 0) as bodies, max(h.surplus_at) as newest_surplus
            from errtrack_private.origins o
            -- By the key, whatever the planner believes of tables that grow this fast.
            cross join lateral (
                select c.bodies, c.surplus_at
                from errtrack_private.counts_1h c
                where c.project_id = o.project_id and c.origin_id = o.id and c.bucket = w.hour
                limit 1) h
            where o.project_id = w.project_id and o.issue_id = w.issue_id) had
        where had.bodies + w.events > w.bound
        order by w.project_id, w.issue_id, w.hour
    loop
        update batch_filed f
        set has_payload = false
        from (
            select g.n, row_number() over (order by g.received_at, g.n) as place
            from batch_filed g
            join batch_origins b on b.project_id = g.project_id and b.origin_id = g.origin_id
            where b.project_id = crowded.project_id
              and b.issue_id = crowded.issue_id
              and date_trunc('hour', g.received_at, 'UTC') = crowded.hour) ranked
        where ranked.n = f.n and ranked.place > crowded.room;

        select f.n, f.received_at into strict newest
        from batch_filed f
        join batch_origins b on b.project_id = f.project_id and b.origin_id = f.origin_id
        where b.project_id = crowded.project_id
          and b.issue_id = crowded.issue_id
          and date_trunc('hour', f.received_at, 'UTC') = crowded.hour
          and not f.has_payload
        order by f.received_at desc, f.n desc
        limit 1;
        if coalesce(newest.received_at >= crowded.newest_surplus, true) then
            perform errtrack_private.drop_surplus_bodies(crowded.project_id, crowded.issue_id, crowded.hour);
            update batch_filed f set has_payload = true, surplus = true where f.n = newest.n;
        end if;
    end loop;
end
$$;
comment on function errtrack_private.spend_bodies() is
    'Decides which bodies of batch_filed are kept: all, until the issue has as many of that hour as its budget allows; of the rest only the newest, for which the one before has to go. To be called while the issues are locked.';

-- ---- tags -----------------------------------------------------------------------

create or replace function errtrack_private.fold_tags(most integer default 500000) returns boolean
language plpgsql volatile
as $$
declare
    -- Of few tags each, so that their number alone would not bound what is read.
    most_events constant integer := least(most, 50000);
    events bigint;
    size bigint;
begin
    -- One at a time, so that the limits are exact. The facts wait for whoever has it.
    if not pg_try_advisory_xact_lock(hashtextextended('errtrack.tags', 0)) then
        return true;
    end if;
    -- Counted and gone in one transaction: whatever ends it, no fact counts twice.
    with taken as (
        delete from errtrack_private.tag_facts
        where ctid = any (array(
            select f.ctid
            from (
                select t.ctid, cardinality(t.keys) as tags,
                       sum(cardinality(t.keys) + 1) over (rows unbounded preceding) as size
                from (select ctid, keys from errtrack_private.tag_facts limit most_events) t) f
            -- Those before it are fewer: an event with more tags than that is folded as well.
            where f.size - f.tags - 1 < most))
        returning project_id, origin_id, received_at, keys, texts
    ), folded as (
        insert into batch_tags (project_id, origin_id, key, value, events, first_received_at, last_received_at)
        select t.project_id, t.origin_id, tag.key, tag.value, count(*), min(t.received_at), max(t.received_at)
        from taken t
        cross join lateral unnest(t.keys, t.texts) as tag (key, value)
        group by t.project_id, t.origin_id, tag.key, tag.value
    )
    select count(*), sum(cardinality(keys) + 1) into events, size from taken;
    if events = 0 then
        return true;
    end if;
    -- An origin that is deleted takes its counts with it, so none may come after.
    perform
    from errtrack_private.origins o
    where (o.project_id, o.id) in (select t.project_id, t.origin_id from batch_tags t)
    order by o.project_id, o.id
    for key share;
    delete from batch_tags t
    where not exists (
        select from errtrack_private.origins o
        where o.project_id = t.project_id and o.id = t.origin_id);
    perform errtrack_private.bound_tags();
    with counted as (
        insert into errtrack_private.tag_counts as c
            (project_id, origin_id, key, value, events, first_received_at, last_received_at)
        select t.project_id, t.origin_id, t.key, t.value, sum(t.events),
               min(t.first_received_at), max(t.last_received_at)
        from batch_tags t
        group by 1, 2, 3, 4
        order by 1, 2, 3, 4
        on conflict (project_id, origin_id, key, value) do update
            set events = c.events + excluded.events,
                first_received_at = least(c.first_received_at, excluded.first_received_at),
                last_received_at = greatest(c.last_received_at, excluded.last_received_at)
        -- A row that was there has been locked before it is updated.
        returning c.project_id, c.origin_id, c.key, c.value, c.xmax = 0 as added
    )
    insert into errtrack_private.tag_sets as s (project_id, origin_id, key, size)
    select c.project_id, c.origin_id, c.key, count(*)
    from counted c
    where c.added and c.value <> '(other)'
    group by 1, 2, 3
    on conflict (project_id, origin_id, key) do update set size = s.size + excluded.size;
    return events < most_events and size < most;
end
$$;
comment on function errtrack_private.fold_tags(integer) is
    'Adds tags of events that were filed to tag_counts: so many tags and events, and one event more at most. False: there are more.';

create or replace function errtrack_private.full_tag_sets()
returns table (project_id bigint, origin_id bigint, key text, places bigint)
language plpgsql volatile
as $$
#variable_conflict use_column
begin
    return query
    with bounds as materialized (
        select p.project_id, errtrack_private.limit_of(p.project_id, 'tag_values') as bound
        from (select distinct project_id from batch_tags) p
    )
    select t.project_id, t.origin_id, t.key, b.bound - coalesce(s.size, 0)
    from (
        select project_id, origin_id, key, count(*) as size
        from batch_tags
        group by 1, 2, 3) t
    join bounds b on b.project_id = t.project_id
    left join errtrack_private.tag_sets s
      on s.project_id = t.project_id and s.origin_id = t.origin_id and s.key = t.key
    -- More than can be new, so that only sets that are nearly full are looked at closely.
    where t.size + coalesce(s.size, 0) > b.bound;
end
$$;
comment on function errtrack_private.full_tag_sets() is
    'Keys of origins for which batch_tags may bring more values than there are places for.';

create or replace function errtrack_private.bound_tags() returns void
language plpgsql volatile
as $$
begin
    with wanted as (
        select t.project_id, t.key, min(t.first_received_at) as first_received_at
        from batch_tags t
        where t.key <> '(other)'
          and not exists (
              select from errtrack_private.tag_keys k
              where k.project_id = t.project_id and k.key = t.key)
        group by t.project_id, t.key
    ), room as (
        select p.project_id,
               errtrack_private.limit_of(p.project_id, 'tag_keys')
                   - (select count(*) from errtrack_private.tag_keys k where k.project_id = p.project_id)
                   as places
        from (select distinct project_id from wanted) p
    ), ranked as (
        select w.*, row_number() over (
                   partition by w.project_id order by w.first_received_at, w.key) as place
        from wanted w
    )
    insert into errtrack_private.tag_keys (project_id, key)
    select ranked.project_id, ranked.key
    from ranked
    join room using (project_id)
    where coalesce(ranked.place <= room.places, true);

    update batch_tags t
    set key = '(other)',
        value = '(other)'
    where not exists (
        select from errtrack_private.tag_keys k
        where k.project_id = t.project_id and k.key = t.key);

    -- Sets that would become too large; mostly there are none.
    update batch_tags t
    set value = '(other)'
    from (
        select w.project_id, w.origin_id, w.key, w.value, f.places,
               row_number() over (
                   partition by w.project_id, w.origin_id, w.key
                   order by w.first_received_at, w.value) as place
        from errtrack_private.full_tag_sets() f
        join batch_tags w
          on w.project_id = f.project_id and w.origin_id = f.origin_id and w.key = f.key
        where w.value <> '(other)'
          and not exists (
              select from errtrack_private.tag_counts c
              where c.project_id = w.project_id and c.origin_id = w.origin_id
                and c.key = w.key and c.value = w.value)) r
    where r.place > r.places
      and t.project_id = r.project_id and t.origin_id = r.origin_id
      and t.key = r.key and t.value = r.value;
end
$$;
comment on function errtrack_private.bound_tags() is
    'Gives what is beyond the limits in batch_tags, of keys or of values, the name (other). First come, first served.';

create or replace function errtrack_private.forget_origins(wanted_project bigint, origin_ids bigint[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    perform
    from errtrack_private.origins o
    where o.project_id = wanted_project and o.id = any (origin_ids)
    order by o.id
    for update;
    delete from errtrack_private.origin_users t where t.project_id = wanted_project and t.origin_id = any (origin_ids);
    delete from errtrack_private.counts_5m t where t.project_id = wanted_project and t.origin_id = any (origin_ids);
    delete from errtrack_private.counts_1h t where t.project_id = wanted_project and t.origin_id = any (origin_ids);
    delete from errtrack_private.tag_counts t where t.project_id = wanted_project and t.origin_id = any (origin_ids);
    delete from errtrack_private.tag_sets t where t.project_id = wanted_project and t.origin_id = any (origin_ids);
end
$$;
comment on function errtrack_private.forget_origins(bigint, bigint[]) is
    'Deletes everything that is counted by origin, before the origins themselves or their issues are deleted in the same transaction. Tags that are not folded yet go when they would be.';

create or replace function errtrack_private.forget_names(wanted_project bigint, visible timestamptz)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from errtrack_private.releases r
    where r.project_id = wanted_project and r.first_received_at < visible;
    delete from errtrack_private.environments v
    where v.project_id = wanted_project and v.first_received_at < visible;
    delete from errtrack_private.tag_keys k
    where k.project_id = wanted_project
      and not exists (
          select from errtrack_private.tag_sets s
          where s.project_id = k.project_id and s.key = k.key);
end
$$;
comment on function errtrack_private.forget_names(bigint, timestamptz) is
    'Deletes the names of a project that were first seen before a time. One that is still in use is seen anew.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'limit_of(bigint, text)', 'lock_projects(bigint[])', 'lock_newcomers()', 'admit_names()',
        'overflow_origin(bigint, uuid, integer)',
        'drop_surplus_bodies(bigint, bigint, timestamptz)', 'spend_bodies()',
        'fold_tags(integer)', 'full_tag_sets()', 'bound_tags()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;
revoke execute on function errtrack_private.forget_origins(bigint, bigint[]) from public;
revoke execute on function errtrack_private.forget_names(bigint, timestamptz) from public;
grant select on errtrack_private.limits to errtrack_worker;
grant select, insert on errtrack_private.releases, errtrack_private.environments,
    errtrack_private.tag_keys to errtrack_worker;
grant select, insert, update on errtrack_private.tag_sets, errtrack_private.tag_counts to errtrack_worker;
grant select, insert, delete on errtrack_private.tag_facts to errtrack_worker;
grant delete on errtrack_private.payloads to errtrack_worker;
grant update on errtrack_private.occurrences to errtrack_worker;
