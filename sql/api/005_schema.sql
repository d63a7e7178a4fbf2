-- What the schema is, for the programs, which ask whenever they connect (sql/version.hpp).

create or replace function errtrack_private.schema_state(out version integer, out floor integer)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(max(m.version), 0), coalesce(max(m.floor), 0)
    from errtrack_private.migrations as m
$$;
comment on function errtrack_private.schema_state() is
    'The newest migration, and the oldest one that a program has to know to work with what is here.';

revoke execute on function errtrack_private.schema_state() from public;
grant execute on function errtrack_private.schema_state() to errtrack_worker, errtrack_query;
