-- The five roles of errtrack. Roles belong to the whole cluster, so this file
-- only creates what is missing and may run in any number of databases.
--
--   errtrack_maintain  owns every object; nobody logs in as it
--   errtrack_worker    files events (log in by peer, certificate or password)
--   errtrack_query     serves the HTTP surfaces
--   errtrack_report    what logins of analysts are members of: reads the views
--   errtrack_views     owns the views, and sees of the tables what their caller may; nobody
--                      logs in as it

do $$
declare
    wanted record;
begin
    -- Two databases of one cluster may be migrated at the same moment.
    perform pg_advisory_xact_lock(hashtextextended('errtrack.roles', 0));
    for wanted in
        select * from (values
            ('errtrack_maintain', 'nologin'),
            ('errtrack_worker', 'login'),
            ('errtrack_query', 'login'),
            ('errtrack_report', 'nologin'),
            ('errtrack_views', 'nologin')) as roles(name, login)
    loop
        if not exists (select from pg_roles where rolname = wanted.name) then
            execute format('create role %I %s', wanted.name, wanted.login);
            -- A login without superuser rights migrates as a member of the owner.
            if wanted.name = 'errtrack_maintain' and not pg_has_role('errtrack_maintain', 'member') then
                execute format('grant errtrack_maintain to %I', current_user);
            end if;
            -- Whoever migrates is the owner of the tables, and makes the views.
            if wanted.name = 'errtrack_views' then
                grant errtrack_views to errtrack_maintain;
            end if;
            -- Policy goes with the role, so neither a connection string nor
            -- the programs repeat it. The statement timeout of the query role
            -- stays below the five seconds that nginx gets to stop.
            if wanted.name = 'errtrack_query' then
                alter role errtrack_query set statement_timeout = '3s';
                alter role errtrack_query set idle_in_transaction_session_timeout = '10s';
                -- Compiling takes longer than what is asked here may.
                alter role errtrack_query set jit = off;
            elsif wanted.name = 'errtrack_worker' then
                alter role errtrack_worker set statement_timeout = '60s';
                alter role errtrack_worker set idle_in_transaction_session_timeout = '60s';
                alter role errtrack_worker set jit = off;
            end if;
        end if;
    end loop;
end
$$;

do $$
begin
    execute format('grant create, connect, temporary on database %I to errtrack_maintain', current_database());
    execute format('grant connect on database %I to errtrack_query, errtrack_report', current_database());
    execute format('grant connect, temporary on database %I to errtrack_worker', current_database());
    -- Logins of analysts write nothing, nor make functions that pry. Who else is to make
    -- temporary tables here is granted that.
    execute format('revoke temporary on database %I from public', current_database());
    if exists (
        select from pg_namespace n
        where n.nspname = 'public' and has_schema_privilege('errtrack_report', n.oid, 'create'))
    then
        revoke create on schema public from public;
    end if;
end
$$;

-- What PostgreSQL lets every login do: fill the disk with large objects, and hold the locks
-- by which the programs keep out of each other's way. Only a superuser can change that.
do $$
declare
    name regprocedure;
begin
    if not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
        return;
    end if;
    for name in
        select p.oid
        from pg_proc p
        where p.pronamespace = 'pg_catalog'::regnamespace
          and p.proname ~ '^(lo_creat|lo_create|lo_from_bytea|pg_(try_)?advisory_(xact_)?lock(_shared)?)$'
    loop
        execute format('revoke execute on function %s from public', name);
        if name::text ~ 'advisory' then
            execute format('grant execute on function %s to errtrack_maintain, errtrack_worker, errtrack_query', name);
        end if;
    end loop;
end
$$;

create schema if not exists errtrack authorization errtrack_maintain;
create schema if not exists errtrack_private authorization errtrack_maintain;

comment on schema errtrack is
    'Public interface: views and functions for reports. Columns may be added; removing or retyping one is a major version.';
comment on schema errtrack_private is
    'Tables and functions of the errtrack programs. Not an interface: anything here may change with any release.';

grant usage on schema errtrack to errtrack_worker, errtrack_query, errtrack_report;
grant usage on schema errtrack_private to errtrack_worker, errtrack_query;
-- Nobody owns a view in a schema in which they may make none.
grant usage, create on schema errtrack, errtrack_private to errtrack_views;
