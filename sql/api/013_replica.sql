-- What tells the query module whether a replica may answer.

create or replace function errtrack_private.replica_state(
    out replays boolean,
    out replayed_to bigint,
    out lag_seconds double precision
)
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select
        pg_is_in_recovery(),
        (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint,
        case
            when pg_last_wal_replay_lsn() >= pg_last_wal_receive_lsn()
                and exists (select from pg_stat_wal_receiver as r)
            then 0
            else extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())
        end
$$;
comment on function errtrack_private.replica_state() is
    'Whether this server is a replica, up to where it has replayed, and by how much it lags behind its primary: 0 when it has replayed what came and is connected; else the age of the last commit that it has replayed; null when that is not known.';

create or replace function errtrack_private.written_position()
returns bigint
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint
$$;
comment on function errtrack_private.written_position() is
    'A replica that has replayed up to here shows all that was committed before.';

revoke execute on function errtrack_private.replica_state() from public;
revoke execute on function errtrack_private.written_position() from public;
grant execute on function errtrack_private.replica_state() to errtrack_query;
grant execute on function errtrack_private.written_position() to errtrack_query;
