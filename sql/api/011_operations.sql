-- For people who run an instance: how it is at a glance, and dead letters.

-- ---- status -----------------------------------------------------------------

create or replace view errtrack_private.operation_status as
select
    since.hour as ledger_since,
    (
        select coalesce(sum(r.requests), 0)::bigint
        from errtrack_private.requests as r
        where r.hour >= since.hour and r.reason = ''
    ) as requests_accepted,
    (
        select coalesce(sum(r.requests), 0)::bigint
        from errtrack_private.requests as r
        where r.hour >= since.hour and r.reason <> ''
    ) as requests_refused,
    (
        select count(*)
        from errtrack_private.deliveries as d
        where d.received_at >= since.hour
    ) as requests_filed,
    (
        -- A letter that is deleted stays counted.
        select coalesce(sum(o.quantity), 0)::bigint
        from (select 0 as id union all select p.id from errtrack_private.projects as p) as p
        join errtrack_private.outcomes as o on o.project_id = p.id
        where o.hour >= since.hour and o.outcome = 'dead'
    ) as requests_dead,
    (
        select count(*)
        from errtrack_private.dead_letters as l
        where l.died_at >= now() - interval '1 day'
    ) as dead_letters_last_day,
    (
        select count(*)
        from errtrack_private.waiting_requests as w
    ) as requests_waiting,
    replicas.number as replicas,
    replicas.bytes_behind as replica_bytes_behind
from (select date_trunc('hour', now(), 'UTC') - interval '1 hour' as hour) as since
cross join (
    select
        count(*) as number,
        max(case when not pg_is_in_recovery() then pg_current_wal_lsn() - r.replay_lsn end)::bigint as bytes_behind
    from pg_stat_replication as r
) as replicas;
comment on view errtrack_private.operation_status is
    'One row: the balance of requests since the beginning of the last full hour, so that its cost is bounded, and the replicas that are connected. Accepted and neither filed nor dead: they are in the queue, in the spool of an edge, or counted by it a moment ago.';
comment on column errtrack_private.operation_status.replica_bytes_behind is
    'What the slowest replica has still to replay. Null where there is none, or the login may not know: a member of pg_read_all_stats may.';

-- ---- dead letters -----------------------------------------------------------

create or replace function errtrack_private.cap_dead_letters(
    most integer default 10000,
    most_bytes bigint default 1073741824
)
returns integer
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    with kept as (
        select l.id,
               row_number() over newest as place,
               sum(l.size) over newest as bytes
        from errtrack_private.dead_letters as l
        window newest as (order by l.id desc)
    ), dropped as (
        delete from errtrack_private.dead_letters as l
        using kept
        where l.id = kept.id and (kept.place > most or kept.bytes > most_bytes)
        returning l.id
    )
    select count(*)::integer
    from dropped
$$;
comment on function errtrack_private.cap_dead_letters(integer, bigint) is
    'Removes the oldest dead letters beyond so many, and beyond so many bytes: whatever makes them must not fill the disk. They stay counted as dead.';

create or replace view errtrack_private.dead_letter_list as
select
    l.id,
    l.project_id as project,
    date_trunc('second', l.died_at) as died_at,
    to_timestamp(substring(l.meta from '(?n)^at ([0-9]{1,16})$')::bigint / 1000000) as received_at,
    substring(l.meta from '(?n)^ep (.*)$') as endpoint,
    substring(l.meta from '(?n)^items (.*)$') as items,
    l.size,
    l.reason,
    l.delivery_id,
    substring(l.meta from '(?n)^event (.*)$') as event_id,
    l.meta
from errtrack_private.dead_letters as l;
comment on view errtrack_private.dead_letter_list is
    'A row for each dead letter, without its body. What comes from its metadata is null where no edge wrote it.';

create or replace function errtrack_private.revive_dead_letter(id bigint)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    letter record;
begin
    delete from errtrack_private.dead_letters as l
    where l.id = revive_dead_letter.id
    returning l.project_id, l.died_at into letter;
    -- As bury() has counted it.
    update errtrack_private.outcomes as o
    set quantity = o.quantity - 1
    where o.project_id = letter.project_id
        and o.hour = date_trunc('hour', letter.died_at, 'UTC')
        and o.category = 'default'
        and o.outcome = 'dead'
        and o.reason = '';
    perform errtrack_private.note_change(session_user, letter.project_id, 'dead_letter.replay',
        jsonb_build_object('id', revive_dead_letter.id));
end
$$;
comment on function errtrack_private.revive_dead_letter(bigint) is
    'Forgets a dead letter that is back in the queue: the ledger gets the outcome that it has in the end.';

create or replace function errtrack_private.delete_dead_letters(ids bigint[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    missing bigint;
begin
    select w.id
    into missing
    from unnest(delete_dead_letters.ids) with ordinality as w (id, place)
    where not exists (select from errtrack_private.dead_letters as l where l.id = w.id)
    order by w.place
    limit 1;
    if missing is not null then
        raise exception 'there is no dead letter %', missing using errcode = 'no_data_found';
    end if;
    delete from errtrack_private.dead_letters as l
    where l.id = any (delete_dead_letters.ids);
    perform errtrack_private.note_change(session_user, null, 'dead_letter.delete',
        jsonb_build_object('ids', delete_dead_letters.ids));
end
$$;
comment on function errtrack_private.delete_dead_letters(bigint[]) is
    'Removes dead letters that are hopeless, all of these or none. They stay counted as dead.';

revoke execute on function errtrack_private.delete_dead_letters(bigint[]) from public;
revoke execute on function errtrack_private.cap_dead_letters(integer, bigint) from public;
revoke execute on function errtrack_private.revive_dead_letter(bigint) from public;
grant execute on function errtrack_private.cap_dead_letters(integer, bigint) to errtrack_worker;
