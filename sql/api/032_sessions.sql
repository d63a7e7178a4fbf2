-- Filing sessions, as 021_items.sql says: an item is an update of one session or a
-- list of counts. Whatever the order in which updates come, and however often, a
-- session is counted once, by the state that it ends in.

create or replace function errtrack_private.session_rank(status text) returns integer
language sql immutable parallel safe
as $$
    select case when status in ('ok', 'errored') then 0 else 1 end
$$;
comment on function errtrack_private.session_rank(text) is
    '1 for a session that has ended, which does not begin again.';

create or replace function errtrack_private.session_class(status text, errors bigint) returns text
language sql immutable parallel safe
as $$
    select case
        when status in ('crashed', 'abnormal') then status
        when errors > 0 or status in ('errored', 'unhandled') then 'errored'
        when status = 'exited' then 'exited'
    end
$$;
comment on function errtrack_private.session_class(text, bigint) is
    'The column of session_counts that a session counts in, beside started. Null for one that is going on in order.';

create or replace function errtrack_private.file_sessions(batch jsonb) returns table (n integer)
language plpgsql volatile
as $$
begin
    perform errtrack_private.admit_names('release', array_agg(b.project), array_agg(b.item ->> 'release')),
            errtrack_private.admit_names('environment', array_agg(b.project), array_agg(b.item ->> 'environment'))
    from jsonb_to_recordset(batch) as b (project bigint, item jsonb);

    -- Every session of the batch gets its row, and then all of them are locked: what the
    -- next statement reads is what others have committed.
    insert into errtrack_private.sessions
        (project_id, sid, started, release, environment, seq, at, errors, since)
    select distinct on (g.project, g.sid) g.project, g.sid, g.started, g.release, g.environment,
           0, g.at, 0, g.received_at
    from errtrack_private.session_updates(batch) g
    order by g.project, g.sid, g.seq, g.at
    on conflict do nothing;

    perform 1
    from errtrack_private.sessions s
    where (s.project_id, s.sid) in (
        select g.project, g.sid from errtrack_private.session_updates(batch) g)
    order by s.project_id, s.sid
    for no key update;

    with updates as (
        select g.* from errtrack_private.session_updates(batch) g
    ), states as (
        select u.project, u.sid, u.status, u.seq, u.at, u.errors, u.seconds, u.did, u.received_at
        from updates u
        union all
        select s.project_id, s.sid, s.status, s.seq, s.at, s.errors, s.seconds, s.did, s.since
        from errtrack_private.sessions s
        where s.status is not null
          and (s.project_id, s.sid) in (select u.project, u.sid from updates u)
    ), last as (
        -- All in one: joined to each other, rows of which the planner knows no number are
        -- compared each with each.
        select distinct on (project, sid) project, sid, status, seq, at, seconds,
               max(errors) over states_of as errors, min(received_at) over states_of as since,
               first_value(did) over (
                   partition by project, sid
                   order by did is null, seq desc, at desc, did) as did
        from states
        window states_of as (partition by project, sid)
        order by project, sid, errtrack_private.session_rank(status) desc, seq desc, at desc, status
    ), moved as (
        update errtrack_private.sessions s
        set status = l.status, seq = l.seq, at = l.at, seconds = l.seconds, errors = l.errors,
            did = l.did, since = least(s.since, l.since)
        from errtrack_private.sessions old
        join last l on l.project = old.project_id and l.sid = old.sid
        where old.project_id = s.project_id and old.sid = s.sid
        returning s.project_id, s.started, s.release, s.environment, s.did, s.since,
                  old.status is null as fresh,
                  errtrack_private.session_class(s.status, s.errors) as is_now,
                  errtrack_private.session_class(old.status, old.errors) as was,
                  case when s.status = 'exited' then s.seconds end as seconds,
                  case when old.status = 'exited' then old.seconds end as old_seconds
    ), buckets as (
        select g.* from errtrack_private.session_buckets(batch) g
    ), counted as (
        insert into errtrack_private.session_counts as c
            (project_id, hour, release, environment, started, exited, errored, crashed, abnormal,
             ended, ended_seconds, since)
        select d.project_id, date_trunc('hour', d.started, 'UTC'), d.release, d.environment,
               sum(d.fresh), sum(d.exited), sum(d.errored), sum(d.crashed), sum(d.abnormal),
               sum(d.ended), sum(d.seconds), min(d.since)
        from (
            select m.project_id, m.started, m.release, m.environment, m.since,
                   m.fresh::integer::bigint as fresh,
                   coalesce((m.is_now = 'exited')::integer, 0) - coalesce((m.was = 'exited')::integer, 0) as exited,
                   coalesce((m.is_now = 'errored')::integer, 0) - coalesce((m.was = 'errored')::integer, 0) as errored,
                   coalesce((m.is_now = 'crashed')::integer, 0) - coalesce((m.was = 'crashed')::integer, 0) as crashed,
                   coalesce((m.is_now = 'abnormal')::integer, 0) - coalesce((m.was = 'abnormal')::integer, 0) as abnormal,
                   (m.seconds is not null)::integer - (m.old_seconds is not null)::integer as ended,
                   coalesce(m.seconds, 0) - coalesce(m.old_seconds, 0) as seconds
            from moved m
            union all
            select b.project, b.started, b.release, b.environment, b.received_at,
                   b.exited + b.errored + b.crashed + b.abnormal,
                   b.exited, b.errored, b.crashed, b.abnormal, 0, 0
            from buckets b) d
        group by 1, 2, 3, 4
        order by 1, 2, 3, 4
        on conflict (project_id, hour, release, environment)
            do update set started = c.started + excluded.started,
                          exited = c.exited + excluded.exited,
                          errored = c.errored + excluded.errored,
                          crashed = c.crashed + excluded.crashed,
                          abnormal = c.abnormal + excluded.abnormal,
                          ended = c.ended + excluded.ended,
                          ended_seconds = c.ended_seconds + excluded.ended_seconds,
                          since = least(c.since, excluded.since)
    )
    insert into errtrack_private.session_users as u
        (project_id, day, release, environment, did, crashed, since)
    select d.project_id, (d.started at time zone 'UTC')::date, d.release, d.environment, d.did,
           bool_or(d.crashed), min(d.since)
    from (
        select m.project_id, m.started, m.release, m.environment, m.did,
               coalesce(m.is_now = 'crashed', false) as crashed, m.since
        from moved m
        union all
        select b.project, b.started, b.release, b.environment, b.did, b.crashed > 0, b.received_at
        from buckets b) d
    where d.did is not null
    group by 1, 2, 3, 4, 5
    order by 1, 2, 3, 4, 5
    on conflict (project_id, day, release, environment, did)
        do update set crashed = true
        where excluded.crashed and not u.crashed;

    return query select b.n from jsonb_to_recordset(batch) as b (n integer);
end
$$;
comment on function errtrack_private.file_sessions(jsonb) is
    'Counts sessions by release, environment and hour, and their users by day.';

create or replace function errtrack_private.session_updates(batch jsonb)
returns table (project bigint, received_at timestamptz, sid uuid, started timestamptz, at timestamptz,
               seq numeric, status text, errors bigint, seconds double precision, did uuid,
               release text, environment text)
language sql stable
as $$
    select b.project, b.at, i.sid, errtrack_private.from_microseconds(i.started),
           errtrack_private.from_microseconds(i.at), i.seq, i.status, i.errors, i.seconds, i.did,
           coalesce(r.name, '(other)'),
           case when i.environment is null then '' else coalesce(e.name, '(other)') end
    from jsonb_to_recordset(batch) as b (project bigint, at timestamptz, item jsonb)
    cross join lateral jsonb_to_record(b.item) as i
        (sid uuid, started bigint, at bigint, seq numeric, status text, errors bigint,
         seconds double precision, did uuid, release text, environment text)
    left join errtrack_private.item_names r
      on r.project_id = b.project and r.kind = 'release' and r.name = i.release
    left join errtrack_private.item_names e
      on e.project_id = b.project and e.kind = 'environment' and e.name = i.environment
    where i.sid is not null
$$;
comment on function errtrack_private.session_updates(jsonb) is
    'The updates of single sessions of a batch, with names that are known.';

create or replace function errtrack_private.session_buckets(batch jsonb)
returns table (project bigint, received_at timestamptz, started timestamptz, did uuid, exited bigint,
               errored bigint, crashed bigint, abnormal bigint, release text, environment text)
language sql stable
as $$
    select b.project, b.at, errtrack_private.from_microseconds(c.started), c.did,
           coalesce(c.exited, 0), coalesce(c.errored, 0), coalesce(c.crashed, 0),
           coalesce(c.abnormal, 0), coalesce(r.name, '(other)'),
           case when b.item ->> 'environment' is null then '' else coalesce(e.name, '(other)') end
    from jsonb_to_recordset(batch) as b (project bigint, at timestamptz, item jsonb)
    cross join lateral jsonb_to_recordset(b.item -> 'buckets') as c
        (started bigint, did uuid, exited bigint, errored bigint, crashed bigint, abnormal bigint)
    left join errtrack_private.item_names r
      on r.project_id = b.project and r.kind = 'release' and r.name = b.item ->> 'release'
    left join errtrack_private.item_names e
      on e.project_id = b.project and e.kind = 'environment' and e.name = b.item ->> 'environment'
$$;
comment on function errtrack_private.session_buckets(jsonb) is
    'The counts that SDKs have added up, of a batch, with names that are known.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'session_rank(text)', 'session_class(text, bigint)', 'file_sessions(jsonb)',
        'session_updates(jsonb)', 'session_buckets(jsonb)'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;

grant execute on function errtrack_private.from_microseconds(bigint) to errtrack_worker;
grant select, insert, update on errtrack_private.sessions, errtrack_private.session_counts,
    errtrack_private.session_users to errtrack_worker;
