-- Filing: what the worker calls, in this order and in one transaction for each
-- batch. The rows of a batch travel by COPY into temporary tables of the session;
-- the functions here are the only SQL that touches issues on the way in.
--
--     prepare_session()     once for each connection
--     admit_deliveries()    which requests are new
--     file_events()         events into occurrences, issues and counters
--     claim_attachments()   which files are new
--     book_outcomes()       the ledger
--
-- They are plpgsql even where one statement does it all: the temporary tables do
-- not exist yet when the functions are made.
--
-- Rows are always locked in the order of their keys, so that workers wait for
-- each other and do not deadlock. Everything is read-committed: a statement sees
-- what other workers committed before it began.

create or replace function errtrack_private.prepare_session() returns void
language plpgsql volatile
set client_min_messages = warning
as $$
begin
    create temporary table if not exists batch_deliveries (
        delivery_id uuid not null,
        project_id bigint not null,
        received_at timestamptz not null,
        public_key text
    ) on commit delete rows;
    create temporary table if not exists batch_events (
        n integer not null,
        project_id bigint not null,
        received_at timestamptz not null,
        event_id uuid not null,
        occurred_at timestamptz not null,
        hashes uuid[] not null,
        variants text[] not null,
        algo text not null,
        kind text not null,
        type text not null,
        value text not null,
        title text not null,
        culprit text not null,
        level text not null,
        platform text not null,
        logger text not null,
        transaction text,
        release text,
        environment text,
        user_hash uuid,
        request_id text,
        -- A worker of an older release says nothing of tags.
        tag_keys text[] not null default '{}',
        tag_texts text[] not null default '{}',
        -- By the version of grouping before; only while the project is switching.
        previous_hashes uuid[] not null default '{}',
        loose_hash uuid
    ) on commit delete rows;
    -- What counts of the events that are new: every step reads it, so it is narrow, and
    -- no step has to put together what another did.
    create temporary table if not exists batch_filed (
        n integer not null,
        project_id bigint not null,
        event_id uuid not null,
        received_at timestamptz not null,
        occurred_at timestamptz not null,
        hashes uuid[] not null,
        user_hash uuid,
        release text,
        environment text,
        -- What release and environment are counted as, where that is another name.
        release_as text,
        environment_as text,
        origin_id bigint,
        has_payload boolean not null default true,
        surplus boolean not null default false,
        previous_hash uuid
    ) on commit delete rows;
    create temporary table if not exists batch_hashes (
        project_id bigint not null,
        hash uuid not null,
        origin_id bigint,
        -- Nobody had it before this batch.
        learnt boolean not null default false,
        primary key (project_id, hash)
    ) on commit delete rows;
    create temporary table if not exists batch_fresh (
        project_id bigint not null,
        hashes uuid[] not null,
        n integer not null,
        received_at timestamptz not null,
        hour timestamptz not null,
        -- The row that makes the issue: this one, or another that has a hash in common.
        leader integer,
        -- The loose hash; all zero where there is none.
        likeness uuid not null,
        -- Too many that are alike.
        crowded boolean not null default false,
        making boolean not null default false,
        origin_id bigint
    ) on commit delete rows;
    create temporary table if not exists batch_origins (
        project_id bigint not null,
        origin_id bigint not null,
        issue_id bigint,
        settled boolean not null default false,
        shared boolean not null default false,
        events bigint not null,
        users bigint not null default 0,
        first_seen timestamptz not null,
        last_seen timestamptz not null,
        last_received_at timestamptz not null,
        newest integer not null,
        last_release text
    ) on commit delete rows;
    create temporary table if not exists batch_users (
        project_id bigint not null,
        origin_id bigint not null,
        user_hash uuid not null
    ) on commit delete rows;
    create temporary table if not exists batch_tags (
        project_id bigint not null,
        origin_id bigint not null,
        key text collate "C" not null,
        value text collate "C" not null,
        events bigint not null,
        first_received_at timestamptz not null,
        last_received_at timestamptz not null
    ) on commit delete rows;
    create temporary table if not exists batch_attachments (
        n integer not null,
        project_id bigint not null,
        received_at timestamptz not null,
        event_id uuid not null,
        delivery_id uuid not null,
        name text not null,
        sha256 bytea not null
    ) on commit delete rows;
    create temporary table if not exists batch_outcomes (
        project_id bigint not null,
        received_at timestamptz not null,
        category text not null,
        outcome text not null,
        reason text not null,
        quantity bigint not null
    ) on commit delete rows;
    create temporary table if not exists batch_requests (
        hour timestamptz not null,
        edge text not null,
        boot text not null,
        project_id bigint not null,
        reason text not null,
        requests bigint not null
    ) on commit delete rows;
end
$$;
comment on function errtrack_private.prepare_session() is
    'Makes the temporary tables that a batch is copied into.';

create or replace function errtrack_private.takes_events(wanted_project bigint) returns boolean
language sql stable
as $$
    select not exists (
            select from errtrack_private.tracking_settings t where t.project_id = wanted_project and not t.active)
        and not exists (
            select from errtrack_private.projects p where p.id = wanted_project and p.deleted_at is not null)
$$;
comment on function errtrack_private.takes_events(bigint) is
    'Whether error tracking is on in a project, which is not deleted.';

create or replace function errtrack_private.verified_project(project_id bigint, public_key text)
returns bigint
language sql stable
as $$
    select case
        when $2 is null then $1
        else coalesce((
            select k.project_id
            from errtrack_private.client_keys k
            where k.public_key = $2 and k.project_id = $1 and k.active and errtrack_private.takes_events($1)), 0)
    end
$$;
comment on function errtrack_private.verified_project(bigint, text) is
    'The project that a request is booked for: 0 when the edge could not check its public key and it is no active key of the project, or error tracking is off there. Null stands for a key that the edge has checked.';

create or replace function errtrack_private.admit_deliveries()
returns table (delivery_id uuid, verdict text)
language plpgsql volatile
as $$
#variable_conflict use_column
begin
    return query
    with judged as (
        select b.*,
               case when b.public_key is null then b.project_id
                    else errtrack_private.verified_project(b.project_id, b.public_key) end as verified_id
        from batch_deliveries b
    ), fresh as (
        insert into errtrack_private.deliveries as d (project_id, delivery_id, received_at)
        select j.verified_id, j.delivery_id, j.received_at
        from judged j
        -- The key may have been made or disabled since the request was filed.
        where j.public_key is null
            or not exists (
                select from errtrack_private.deliveries d
                where d.project_id in (0, j.project_id)
                  and d.delivery_id = j.delivery_id
                  and d.received_at = j.received_at)
        order by j.verified_id, j.delivery_id
        on conflict do nothing
        returning d.delivery_id
    )
    select j.delivery_id,
           case
               when fresh.delivery_id is null then 'seen'
               when j.verified_id = 0 then 'unverified'
               when p.id is null or j.received_at < p.purge_before then 'project_deleted'
               else 'new'
           end
    from judged j
    left join fresh on fresh.delivery_id = j.delivery_id
    left join errtrack_private.projects p on p.id = j.project_id;
end
$$;
comment on function errtrack_private.admit_deliveries() is
    'For each request of batch_deliveries: new, seen (filed before: skip it whole), project_deleted, or unverified (its public key is no active key of its project: it is booked for project 0, and nothing is written for the project that it names).';

create or replace function errtrack_private.claim_event_ids() returns void
language plpgsql volatile
as $$
declare
    oldest timestamptz;
    newest timestamptz;
begin
    -- For the planner: the days that the batch can be about.
    select date_trunc('day', min(e.received_at), 'UTC') - interval '1 day',
           date_trunc('day', max(e.received_at), 'UTC') + interval '1 day'
    into oldest, newest
    from batch_events e;
    with wanted as (
        -- The first of equal events of one batch stands for all of them.
        select distinct on (project_id, event_id)
               n, project_id, event_id, received_at,
               date_trunc('day', received_at, 'UTC') as day
        from batch_events
        order by project_id, event_id, n
    ), unseen as (
        select w.*
        from wanted w
        -- One look into the index for each. As a join the planner, who knows nothing of a
        -- partition that has just begun, reads all that is in it, for every batch.
        where (
            select true
            from errtrack_private.event_ids i
            where i.project_id = w.project_id
              and i.event_id = w.event_id
              and i.day between oldest and newest
              and i.day between w.day - interval '1 day' and w.day + interval '1 day'
            limit 1) is null
    ), guards as (
        select u.n, u.project_id, u.event_id, u.received_at, g.day
        from unseen u
        cross join lateral (
            select u.day
            union all
            select u.day - interval '1 day' where u.received_at < u.day + interval '1 hour'
            union all
            select u.day + interval '1 day' where u.received_at >= u.day + interval '23 hours'
        ) as g (day)
    ), claimed as (
        insert into errtrack_private.event_ids as i (project_id, event_id, day, received_at)
        select g.project_id, g.event_id, g.day, g.received_at
        from guards g
        order by g.project_id, g.event_id, g.day
        on conflict do nothing
        returning i.project_id, i.event_id, i.day
    ), new_events as (
        select g.n
        from guards g
        left join claimed c using (project_id, event_id, day)
        group by g.n
        having count(*) = count(c.event_id)
    )
    insert into batch_filed
        (n, project_id, event_id, received_at, occurred_at, hashes, user_hash, release, environment)
    select e.n, e.project_id, e.event_id, e.received_at, e.occurred_at, e.hashes, e.user_hash,
           e.release, e.environment
    from new_events
    join batch_events e on e.n = new_events.n;
end
$$;
comment on function errtrack_private.claim_event_ids() is
    'Puts into batch_filed the events of the batch that were never filed before.';

create or replace function errtrack_private.file_events() returns table (n integer, has_payload boolean)
language plpgsql volatile
as $$
begin
    perform errtrack_private.claim_event_ids();
    perform errtrack_private.look_up_hashes();
    if errtrack_private.lock_newcomers() then
        perform errtrack_private.admit_names();
    end if;
    perform errtrack_private.assign_origins();
    perform errtrack_private.lock_issues();
    perform errtrack_private.spend_bodies();
    perform errtrack_private.count_events();
    perform errtrack_private.advance_issues();
    insert into errtrack_private.occurrences
        (project_id, received_at, event_id, origin_id, occurred_at, level, platform, release,
         environment, transaction, user_hash, request_id, has_payload, hash)
    select f.project_id, f.received_at, f.event_id, f.origin_id, f.occurred_at, e.level,
           e.platform, coalesce(f.release_as, f.release), coalesce(f.environment_as, f.environment),
           e.transaction, f.user_hash, e.request_id, f.has_payload, f.hashes[1]
    from batch_filed f
    join batch_events e on e.n = f.n;
    insert into errtrack_private.tag_facts (project_id, origin_id, received_at, keys, texts)
    select f.project_id, f.origin_id, f.received_at, e.tag_keys, e.tag_texts
    from batch_filed f
    join batch_events e on e.n = f.n
    where cardinality(e.tag_keys) > 0;
    return query select f.n, f.has_payload from batch_filed f;
end
$$;
comment on function errtrack_private.file_events() is
    'Files the events of batch_events. Returns the numbers of those that are new, and whether their payloads are to be copied; the others are duplicates.';

create or replace function errtrack_private.claim_attachments() returns table (n integer)
language plpgsql volatile
as $$
declare
    oldest timestamptz;
    newest timestamptz;
begin
    -- Requests for the same event wait for each other, since no constraint of a
    -- partitioned table can tell two times apart. 64 locks at most, in one order.
    perform pg_advisory_xact_lock(hashtextextended('errtrack.attachments', slots.slot))
    from (
        select distinct hashtextextended(b.event_id::text, b.project_id) & 63 as slot
        from batch_attachments b
        order by 1) slots;
    select min(b.received_at) - interval '1 day', max(b.received_at) + interval '1 day'
    into oldest, newest
    from batch_attachments b;
    return query
    select b.n
    from batch_attachments b
    left join errtrack_private.projects p on p.id = b.project_id
    where not exists (
        select from errtrack_private.attachments a
        where a.project_id = b.project_id
          and a.event_id = b.event_id
          and a.name = b.name
          and a.sha256 = b.sha256
          -- For the planner: the days that the batch can be about.
          and a.received_at between oldest and newest
          and a.received_at between b.received_at - interval '1 day'
                                and b.received_at + interval '1 day'
          and a.received_at >= coalesce(p.purge_before, '-infinity'))
      -- Of equal ones in one batch the first stands for all.
      and not exists (
        select from batch_attachments earlier
        where earlier.n < b.n
          and earlier.delivery_id <> b.delivery_id
          and earlier.project_id = b.project_id
          and earlier.event_id = b.event_id
          and earlier.name = b.name
          and earlier.sha256 = b.sha256
          and earlier.received_at between b.received_at - interval '1 day'
                                      and b.received_at + interval '1 day');
end
$$;
comment on function errtrack_private.claim_attachments() is
    'The numbers of those files of batch_attachments that are new, whose bodies are to be copied in this transaction. The others are duplicates: another request for the same event brought a file of the same name and content within a day. What one request brings twice is kept twice.';

create or replace function errtrack_private.book_outcomes() returns void
language plpgsql volatile
as $$
begin
    insert into errtrack_private.outcomes as o
        (project_id, hour, category, outcome, reason, quantity)
    select project_id, date_trunc('hour', received_at, 'UTC'), category, outcome, reason,
           sum(quantity)
    from batch_outcomes
    group by 1, 2, 3, 4, 5
    order by 1, 2, 3, 4, 5
    on conflict (project_id, hour, category, outcome, reason)
        do update set quantity = o.quantity + excluded.quantity;
end
$$;
comment on function errtrack_private.book_outcomes() is
    'Adds batch_outcomes to the ledger.';

create or replace function errtrack_private.bury(
    delivery_id uuid,
    project_id bigint,
    reason text,
    meta text,
    body bytea,
    public_key text default null
)
returns void
language plpgsql volatile
as $$
#variable_conflict use_column
declare
    verified_id bigint := errtrack_private.verified_project($2, $6);
begin
    -- What was filed is not dead, however often it was handed out.
    if exists (
        select from errtrack_private.deliveries d
        where d.project_id in ($2, verified_id) and d.delivery_id = $1)
    then
        return;
    end if;
    -- It may have died as a request whose key was not known yet. A letter that is being put back
    -- is gone in a moment, when its entry may be here already: waited for, or both are lost.
    perform from errtrack_private.dead_letters l
    where l.project_id in (0, $2) and l.delivery_id = $1
    for key share;
    if found then
        return;
    end if;
    insert into errtrack_private.dead_letters (delivery_id, project_id, reason, meta, body)
    values ($1, verified_id, left($3, 1000), $4, $5)
    on conflict do nothing;
    if found then
        insert into errtrack_private.outcomes as o
            (project_id, hour, category, outcome, reason, quantity)
        values (verified_id, date_trunc('hour', now(), 'UTC'), 'default', 'dead', '', 1)
        on conflict (project_id, hour, category, outcome, reason)
            do update set quantity = o.quantity + 1;
        perform errtrack_private.cap_dead_letters();
    end if;
end
$$;
comment on function errtrack_private.bury(uuid, bigint, text, text, bytea, text) is
    'Keeps a record that cannot be filed as a dead letter, and counts it. public_key: see verified_project().';

do $$
declare
    name text;
begin
    foreach name in array array[
        'takes_events(bigint)', 'prepare_session()', 'admit_deliveries()', 'claim_event_ids()', 'file_events()', 'claim_attachments()', 'book_outcomes()',
        'bury(uuid, bigint, text, text, bytea, text)', 'verified_project(bigint, text)'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;

-- The functions above run with the rights of the worker: temporary tables belong
-- to the session, so nothing here can be security definer.
grant select on errtrack_private.projects, errtrack_private.client_keys to errtrack_worker;
grant select, insert on errtrack_private.deliveries, errtrack_private.event_ids,
    errtrack_private.occurrences, errtrack_private.payloads, errtrack_private.attachments,
    errtrack_private.hashes, errtrack_private.origin_users, errtrack_private.dead_letters
    to errtrack_worker;
-- To wait for whoever is putting a dead letter back takes a right to change it.
grant update (delivery_id) on errtrack_private.dead_letters to errtrack_worker;
grant select, insert, update, delete on errtrack_private.issues, errtrack_private.origins
    to errtrack_worker;
grant select, insert, update on errtrack_private.counts_5m, errtrack_private.counts_1h,
    errtrack_private.outcomes to errtrack_worker;
grant usage on sequence errtrack_private.issue_ids to errtrack_worker;
