-- The list of migrations that a database has, and the words for who is in the way of one:
-- what there must be before the first one.

create table if not exists errtrack_private.migrations (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
);
comment on table errtrack_private.migrations is 'Migrations that this database has.';

-- Not by "if not exists", which takes the lock to find that there is nothing to do.
do $$
begin
    if not exists (
        select
        from pg_attribute
        where attrelid = 'errtrack_private.migrations'::regclass and attname = 'floor')
    then
        alter table errtrack_private.migrations add column floor integer not null default 0;
        comment on column errtrack_private.migrations.floor is
            'Only programs that know this migration work with what is there from here on; 0: as before.';
    end if;
end
$$;

create or replace function errtrack_private.session_words(wanted_pid integer)
returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format('session %s of %s (%s, %s), %s for %s: %s', a.pid, a.usename,
               coalesce(nullif(a.application_name, ''), 'no name'), coalesce(host(a.client_addr), 'local'),
               coalesce(a.state, 'in an unknown state'),
               coalesce(date_trunc('second', clock_timestamp() - a.xact_start)::text, 'unknown time'),
               left(regexp_replace(a.query, '\s+', ' ', 'g'), 80))
    from pg_stat_activity as a
    where a.pid = wanted_pid
$$;
comment on function errtrack_private.session_words(integer) is
    'Whose a session is, what it does and since when, in words for people who wait for its locks. Null when there is none.';
revoke execute on function errtrack_private.session_words(integer) from public;
