-- Filing items other than events. For each kind the worker calls one function with
-- the items of its batch, in the transaction of the batch:
--
--     [{"n": number in the batch, "project": id, "at": received_at, "item": row}, ...]
--
-- with rows as worker/*.hpp describe them. A function returns the numbers of the
-- items that are new; the others are duplicates. The functions are called in one
-- order and lock rows in the order of their keys, so that workers wait for each
-- other and do not deadlock.

create or replace function errtrack_private.item_name_limit(kind text) returns integer
language sql immutable
as $$
    select case kind
        when 'discard_reason' then 100
        when 'transaction' then 5000
        when 'release' then 10000
        when 'environment' then 100
        when 'monitor' then 500
    end
$$;
comment on function errtrack_private.item_name_limit(text) is
    'How many names of a kind a project may have.';

create or replace function errtrack_private.admit_names(wanted_kind text, projects bigint[], names text[])
returns void
language plpgsql volatile
as $$
declare
    today constant date := (now() at time zone 'UTC')::date;
    most constant integer := errtrack_private.item_name_limit(wanted_kind);
    fresh record;
begin
    -- Whoever comes first notes the day; nobody waits for that.
    update errtrack_private.item_names n
    set seen_on = today
    from (
        select k.project_id, k.name
        from errtrack_private.item_names k
        join (select distinct w.* from unnest(projects, names) as w (project_id, name)) w
          on w.project_id = k.project_id and w.name = k.name
        where k.kind = wanted_kind and k.seen_on < today
        for no key update of k skip locked) old
    where n.project_id = old.project_id and n.kind = wanted_kind and n.name = old.name;

    for fresh in
        select w.project_id, array_agg(w.name) as names
        from (select distinct w.* from unnest(projects, names) as w (project_id, name)) w
        where w.name is not null
          and not exists (
            select from errtrack_private.item_names k
            where k.project_id = w.project_id and k.kind = wanted_kind and k.name = w.name)
        group by w.project_id
        -- A project that is full is left alone: its new names cost no lock.
        having (
            select count(*)
            from errtrack_private.item_names k
            where k.project_id = w.project_id and k.kind = wanted_kind) < most
        order by w.project_id
    loop
        perform pg_advisory_xact_lock(hashtextextended('errtrack.names.' || wanted_kind, fresh.project_id));
        insert into errtrack_private.item_names (project_id, kind, name, seen_on)
        select fresh.project_id, wanted_kind, w.name, today
        from unnest(fresh.names) as w (name)
        where not exists (
            select from errtrack_private.item_names k
            where k.project_id = fresh.project_id and k.kind = wanted_kind and k.name = w.name)
        order by w.name
        limit greatest(0, most - (
            select count(*)
            from errtrack_private.item_names k
            where k.project_id = fresh.project_id and k.kind = wanted_kind));
    end loop;
end
$$;
comment on function errtrack_private.admit_names(text, bigint[], text[]) is
    'Makes names known to their projects, as far as there is room. Those that item_names lacks afterwards are to be counted as "(other)".';

-- ---- client reports -----------------------------------------------------------

create or replace function errtrack_private.file_client_reports(batch jsonb) returns table (n integer)
language plpgsql volatile
as $$
begin
    perform errtrack_private.admit_names('discard_reason', array_agg(b.project), array_agg(e.entry ->> 2))
    from jsonb_to_recordset(batch) as b (project bigint, item jsonb)
    cross join lateral jsonb_array_elements(b.item -> 'entries') as e (entry);

    insert into errtrack_private.client_reports as c
        (project_id, hour, outcome, category, reason, quantity, since)
    select b.project, date_trunc('hour', b.at, 'UTC'), e.entry ->> 0, e.entry ->> 1,
           coalesce(k.name, '(other)'), sum((e.entry ->> 3)::bigint), min(b.at)
    from jsonb_to_recordset(batch) as b (project bigint, at timestamptz, item jsonb)
    cross join lateral jsonb_array_elements(b.item -> 'entries') as e (entry)
    left join errtrack_private.item_names k
      on k.project_id = b.project and k.kind = 'discard_reason' and k.name = e.entry ->> 2
    group by 1, 2, 3, 4, 5
    order by 1, 2, 3, 4, 5
    on conflict (project_id, hour, outcome, category, reason)
        do update set quantity = c.quantity + excluded.quantity,
                      since = least(c.since, excluded.since);
    return query select b.n from jsonb_to_recordset(batch) as b (n integer);
end
$$;
comment on function errtrack_private.file_client_reports(jsonb) is
    'Adds what SDKs say that they did not send.';

-- ---- feedback -----------------------------------------------------------------

create or replace function errtrack_private.file_feedback(batch jsonb) returns table (n integer)
language plpgsql volatile
as $$
begin
    return query
    with given as (
        select b.n, b.project, b.at, b.item, b.item ->> 'kind' as kind, (b.item ->> 'id')::uuid as id
        from jsonb_to_recordset(batch) as b (n integer, project bigint, at timestamptz, item jsonb)
    ), chosen as (
        -- Of reports the last one stands, of feedback the first.
        select distinct on (g.project, g.kind, g.id) g.*
        from given g
        order by g.project, g.kind, g.id, case when g.kind = 'user_report' then g.at end desc,
                 case when g.kind = 'user_report' then -g.n else g.n end
    ), filed as (
        insert into errtrack_private.feedback as f
            (project_id, kind, id, event_id, received_at, name, email, message, url, source,
             release, environment)
        select c.project, c.kind, c.id, (c.item ->> 'event')::uuid, c.at,
               coalesce(c.item ->> 'name', ''), coalesce(c.item ->> 'email', ''),
               coalesce(c.item ->> 'message', ''), coalesce(c.item ->> 'url', ''),
               coalesce(c.item ->> 'source', ''), c.item ->> 'release', c.item ->> 'environment'
        from chosen c
        order by c.project, c.kind, c.id
        on conflict (project_id, kind, id)
            do update set received_at = excluded.received_at, name = excluded.name,
                          email = excluded.email, message = excluded.message
            where f.kind = 'user_report' and excluded.received_at >= f.received_at
        returning f.project_id, f.kind, f.id
    )
    select g.n from given g where g.kind = 'user_report'
    union all
    select c.n
    from chosen c
    join filed f on f.project_id = c.project and f.kind = c.kind and f.id = c.id
    where c.kind = 'feedback';
end
$$;
comment on function errtrack_private.file_feedback(jsonb) is
    'Keeps user reports, of which a later one for the same event replaces the earlier, and feedback, which is a duplicate when its id is known.';

-- ---- transactions ---------------------------------------------------------------

create or replace function errtrack_private.claim_item_ids(kind text, batch jsonb) returns setof integer
language plpgsql volatile
as $$
begin
    return query
    with wanted as (
        -- The first of equal ones of one batch stands for all of them. The kind is in the
        -- id, since an event and its transaction share theirs.
        select distinct on (b.project, b.item ->> 'id')
               b.n, b.project as project_id, md5($1 || ':' || (b.item ->> 'id'))::uuid as id,
               b.at as received_at, date_trunc('day', b.at, 'UTC') as day
        from jsonb_to_recordset(batch) as b (n integer, project bigint, at timestamptz, item jsonb)
        order by b.project, b.item ->> 'id', b.n
    ), unseen as (
        select w.*
        from wanted w
        where not exists (
            select from errtrack_private.event_ids i
            where i.project_id = w.project_id
              and i.event_id = w.id
              and i.day between w.day - interval '1 day' and w.day + interval '1 day')
    ), guards as (
        -- As claim_event_ids() does: no two workers miss each other at midnight.
        select u.n, u.project_id, u.id, u.received_at, g.day
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
        select g.project_id, g.id, g.day, g.received_at
        from guards g
        order by g.project_id, g.id, g.day
        on conflict do nothing
        returning i.project_id, i.event_id, i.day
    )
    select g.n
    from guards g
    left join claimed c on c.project_id = g.project_id and c.event_id = g.id and c.day = g.day
    group by g.n
    having count(*) = count(c.event_id);
end
$$;
comment on function errtrack_private.claim_item_ids(text, jsonb) is
    'The numbers of those items of a batch whose ids were never filed before.';

create or replace function errtrack.duration_bucket(ms double precision) returns integer
language sql immutable parallel safe
as $$
    select floor(ln(greatest(ms, 0.001)) / ln(1.05::double precision))::integer
$$;
comment on function errtrack.duration_bucket(double precision) is
    'The bucket of a duration in milliseconds: bucket b holds those from 1.05^b to 1.05^(b + 1), the first one also what is shorter than a microsecond.';

create or replace function errtrack.add_durations(a bigint[], b bigint[]) returns bigint[]
language sql immutable parallel safe
as $$
    select coalesce(array_agg(flat.value order by summed.bucket, flat.place), '{}')
    from (
        select parts.bucket, sum(parts.quantity)::bigint as quantity
        from (
            select a[i] as bucket, a[i + 1] as quantity from generate_series(1, cardinality(a), 2) i
            union all
            select b[i], b[i + 1] from generate_series(1, cardinality(b), 2) i) parts
        group by parts.bucket) summed
    cross join lateral (values (1, summed.bucket), (2, summed.quantity)) as flat (place, value)
$$;
comment on function errtrack.add_durations(bigint[], bigint[]) is
    'The sum of two histograms of durations: {bucket, quantity, bucket, quantity, ...} in the order of the buckets (errtrack.duration_bucket()).';

create or replace aggregate errtrack.sum_durations(bigint[]) (
    sfunc = errtrack.add_durations,
    stype = bigint[],
    initcond = '{}',
    combinefunc = errtrack.add_durations,
    parallel = safe
);
comment on aggregate errtrack.sum_durations(bigint[]) is
    'The sum of histograms of durations: of hours, operations or projects.';

create or replace function errtrack.duration_quantile(durations bigint[], fraction double precision)
returns double precision
language sql immutable parallel safe
as $$
    select power(1.05::double precision, places.bucket) * (2 * 1.05 / 2.05)
    from (
        select durations[i] as bucket, sum(durations[i + 1]) over (order by durations[i]) as upto,
               sum(durations[i + 1]) over () as total
        from generate_series(1, cardinality(durations), 2) i) places
    where places.upto >= greatest(1, ceil(fraction * places.total))
    order by places.bucket
    limit 1
$$;
comment on function errtrack.duration_quantile(bigint[], double precision) is
    'Milliseconds within which that fraction (0.95) of durations lies, by nearest rank, at most 2.5 % too short or too long. Null without durations.';

create or replace function errtrack_private.file_transactions(batch jsonb) returns table (n integer)
language plpgsql volatile
as $$
declare
    fresh constant integer[] := array(select errtrack_private.claim_item_ids('transaction', batch));
begin
    -- A name is known together with its operation, so that the bound is one of rows.
    perform errtrack_private.admit_names(
        'transaction', array_agg(b.project), array_agg((b.item ->> 'op') || ' ' || (b.item ->> 'transaction')))
    from jsonb_to_recordset(batch) as b (n integer, project bigint, item jsonb)
    where b.n = any (fresh);

    insert into errtrack_private.transactions as t
        (project_id, hour, transaction, op, total, failures, total_ms, durations, since)
    select d.project, d.hour, d.transaction, d.op, sum(d.total), sum(d.failures), sum(d.total_ms),
           errtrack.sum_durations(array[d.bucket, d.total]::bigint[]), min(d.since)
    from (
        select b.project, date_trunc('hour', b.at, 'UTC') as hour,
               case when k.name is null then '(other)' else b.item ->> 'transaction' end as transaction,
               case when k.name is null then '(other)' else b.item ->> 'op' end as op,
               errtrack.duration_bucket((b.item ->> 'ms')::double precision) as bucket,
               count(*) as total, sum((b.item ->> 'failed')::integer) as failures,
               sum((b.item ->> 'ms')::double precision) as total_ms, min(b.at) as since
        from jsonb_to_recordset(batch) as b (n integer, project bigint, at timestamptz, item jsonb)
        left join errtrack_private.item_names k
          on k.project_id = b.project and k.kind = 'transaction'
         and k.name = (b.item ->> 'op') || ' ' || (b.item ->> 'transaction')
        where b.n = any (fresh)
        group by 1, 2, 3, 4, 5) d
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4
    on conflict (project_id, hour, transaction, op)
        do update set total = t.total + excluded.total,
                      failures = t.failures + excluded.failures,
                      total_ms = t.total_ms + excluded.total_ms,
                      durations = errtrack.add_durations(t.durations, excluded.durations),
                      since = least(t.since, excluded.since);
    return query select unnest(fresh);
end
$$;
comment on function errtrack_private.file_transactions(jsonb) is
    'Counts transactions by name, operation and hour. One whose id is known is a duplicate.';

-- ---- how items go again ---------------------------------------------------------

create or replace function errtrack_private.item_tables() returns table (name text, key text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    values ('client_reports', 'since'), ('feedback', 'received_at'),
           ('transactions', 'since'), ('sessions', 'since'), ('session_counts', 'since'),
           ('session_users', 'since'), ('monitors', 'since'), ('check_ins', 'received_at')
$$;
comment on function errtrack_private.item_tables() is
    'The tables of items, with the column that says since when a row has been filled. Each has project_id first in its key.';

create or replace function errtrack_private.forget_items(keep_days integer) returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    oldest constant timestamptz := date_trunc('day', now(), 'UTC') - make_interval(days => keep_days);
begin
    -- One at a time; another worker that has begun does it for all.
    if not pg_try_advisory_xact_lock(hashtextextended('errtrack.items', 0)) then
        return;
    end if;
    -- A session that is older than five days is not taken any more.
    delete from errtrack_private.sessions where sessions.started < now() - interval '6 days';
    -- Jobs may run less often than their project keeps events.
    delete from errtrack_private.monitors where monitors.last_at < oldest;
    delete from errtrack_private.item_names where item_names.seen_on < (oldest at time zone 'UTC')::date;
end
$$;
comment on function errtrack_private.forget_items(integer) is
    'Removes sessions that no update can reach any more, and monitors and names that nobody has used for so many days. The rest is removed by retain().';

create or replace function errtrack_private.purge_items(
    wanted_project bigint,
    visible timestamptz,
    until timestamptz
)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    tables record;
    removed bigint;
begin
    for tables in select name, key from errtrack_private.item_tables() loop
        loop
            if clock_timestamp() >= until then
                return false;
            end if;
            execute format('delete from errtrack_private.%1$I
                where ctid = any (array(
                    select ctid from errtrack_private.%1$I where project_id = $1 and %2$I < $2 limit 2000))',
                tables.name, tables.key)
            using wanted_project, visible;
            get diagnostics removed = row_count;
            exit when removed < 2000;
        end loop;
    end loop;
    return true;
end
$$;
comment on function errtrack_private.purge_items(bigint, timestamptz, timestamptz) is
    'Removes the items of a project that were received before a time, until another time of the clock. A counter that was begun before it goes whole. False: there is more.';

revoke execute on function errtrack_private.item_tables() from public;
revoke execute on function errtrack_private.forget_items(integer) from public;
revoke execute on function errtrack_private.purge_items(bigint, timestamptz, timestamptz) from public;
grant execute on function errtrack_private.forget_items(integer) to errtrack_worker;

do $$
declare
    name text;
begin
    foreach name in array array[
        'item_name_limit(text)', 'admit_names(text, bigint[], text[])', 'file_client_reports(jsonb)', 'file_feedback(jsonb)',
        'claim_item_ids(text, jsonb)', 'file_transactions(jsonb)'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;

grant select, insert, update on errtrack_private.item_names, errtrack_private.client_reports,
    errtrack_private.feedback, errtrack_private.transactions to errtrack_worker;

-- Histograms of durations are added and asked by whoever reports.
revoke execute on function errtrack_private.item_name_limit(text), errtrack_private.item_tables() from public;
grant execute on function errtrack_private.item_name_limit(text), errtrack_private.item_tables() to errtrack_worker;
revoke execute on function errtrack.duration_bucket(double precision),
    errtrack.add_durations(bigint[], bigint[]), errtrack.sum_durations(bigint[]),
    errtrack.duration_quantile(bigint[], double precision) from public;
grant execute on function errtrack.duration_bucket(double precision),
    errtrack.add_durations(bigint[], bigint[]), errtrack.sum_durations(bigint[]),
    errtrack.duration_quantile(bigint[], double precision) to errtrack_worker, errtrack_report;
