-- Logins of analysts: making one, tying it to projects, ending it. As in 060_admin.sql
-- everything runs with the rights of its caller, who beside being a member of
-- errtrack_maintain must be allowed to make roles. A password never comes here, only what
-- PostgreSQL stores of it (SCRAM): statements may be logged.

create or replace function errtrack_private.must_make_roles() returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    if not (select r.rolsuper or r.rolcreaterole from pg_roles as r where r.rolname = current_user) then
        raise exception '"%" may not make or change logins: connect as a superuser, or let it ("alter role % createrole")',
            current_user, quote_ident(current_user)
            using errcode = 'object_not_in_prerequisite_state';
    end if;
end
$$;
comment on function errtrack_private.must_make_roles() is
    'Raises, in words for people, when the caller cannot make roles.';

create or replace function errtrack_private.must_find_report_login(login text) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (
        select
        from errtrack_private.report_logins as l
        where l.login = must_find_report_login.login
    ) then
        raise exception 'there is no login for reports "%" that this command has made', must_find_report_login.login
            using errcode = 'no_data_found';
    end if;
end
$$;
comment on function errtrack_private.must_find_report_login(text) is
    'Raises when a login is none of those that the command made: others are not touched.';

create or replace function errtrack_private.create_report_login(
    login text,
    verifier text,
    projects text[],
    seconds integer,
    connections integer
)
returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    perform errtrack_private.must_make_roles();
    if create_report_login.login !~ '^[a-z][a-z0-9_-]{0,62}$' or create_report_login.login ~ '^(pg|errtrack)_' then
        raise exception 'a login must match [a-z][a-z0-9_-]{0,62} and not begin with pg_ or errtrack_, "%" does not',
            create_report_login.login
            using errcode = 'check_violation';
    elsif create_report_login.verifier !~ '^SCRAM-SHA-256\$[0-9]+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$' then
        raise exception 'a password is taken in the form in which PostgreSQL stores it'
            using errcode = 'check_violation';
    elsif exists (select from pg_roles as r where r.rolname = create_report_login.login) then
        raise exception 'there is a role "%" already', create_report_login.login
            using errcode = 'duplicate_object';
    end if;
    begin
        execute format('create role %I login password %L connection limit %s in role errtrack_report',
                       create_report_login.login, create_report_login.verifier, create_report_login.connections);
    exception when insufficient_privilege then
        raise exception '"%" may not give the role errtrack_report to others: connect as a superuser, or let it ("grant errtrack_report to % with admin option")',
            current_user, quote_ident(current_user)
            using errcode = 'object_not_in_prerequisite_state';
    end;
    -- By which the sessions of this login, and of no other, can be ended.
    execute format('grant %I to errtrack_maintain', create_report_login.login);
    -- A login can change these for itself, but for the last one and the connections. What then
    -- goes on for too long is ended by end_long_reports().
    execute format('alter role %I set default_transaction_read_only = on', create_report_login.login);
    execute format('alter role %I set statement_timeout = %L', create_report_login.login, create_report_login.seconds || 's');
    execute format('alter role %I set lock_timeout = ''5s''', create_report_login.login);
    execute format('alter role %I set idle_in_transaction_session_timeout = ''1min''', create_report_login.login);
    execute format('alter role %I set idle_session_timeout = ''1h''', create_report_login.login);
    execute format('alter role %I set search_path = errtrack', create_report_login.login);
    -- A plan has a part for each day that is kept: to compile all of them takes seconds.
    execute format('alter role %I set jit = off', create_report_login.login);

    -- Of a role that was dropped by hand.
    delete from errtrack_private.report_logins as l
    where l.login = create_report_login.login;
    insert into errtrack_private.report_logins (login, tied)
    values (create_report_login.login, create_report_login.projects is not null);
    insert into errtrack_private.report_projects (login, project_id)
    select distinct create_report_login.login, errtrack_private.find_project(reference)
    from unnest(create_report_login.projects) as reference;
    perform errtrack_private.note_change(session_user, null, 'report_user.create', jsonb_build_object(
        'login', create_report_login.login, 'projects', create_report_login.projects));
    begin
        execute format('alter role %I set temp_file_limit = ''4GB''', create_report_login.login);
    exception when insufficient_privilege then
        return false;
    end;
    return true;
end
$$;
comment on function errtrack_private.create_report_login(text, text, text[], integer, integer) is
    'Makes a login that reads the views: everything, or what is of these projects only; null is everything. Its statements may run for so many seconds. False: temporary files are not limited, which takes a superuser.';

create or replace function errtrack_private.set_report_password(login text, verifier text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    perform errtrack_private.must_make_roles();
    perform errtrack_private.must_find_report_login(set_report_password.login);
    execute format('alter role %I password %L', set_report_password.login, set_report_password.verifier);
    perform errtrack_private.note_change(session_user, null, 'report_user.rotate',
        jsonb_build_object('login', set_report_password.login));
end
$$;
comment on function errtrack_private.set_report_password(text, text) is
    'Replaces the password of a login for reports. Sessions that are open go on.';

create or replace function errtrack_private.delete_report_login(login text) returns oid
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    role constant oid := (select r.oid from pg_roles as r where r.rolname = delete_report_login.login);
begin
    perform errtrack_private.must_make_roles();
    perform errtrack_private.must_find_report_login(delete_report_login.login);
    if role is not null then
        begin
            execute format('drop role %I', delete_report_login.login);
        exception when dependent_objects_still_exist then
            raise exception 'login "%" has things or rights of its own in a database: first "reassign owned by % to ..." and "drop owned by %" there',
                delete_report_login.login, quote_ident(delete_report_login.login), quote_ident(delete_report_login.login)
                using errcode = 'dependent_objects_still_exist';
        end;
    end if;
    delete from errtrack_private.report_logins as l
    where l.login = delete_report_login.login;
    perform errtrack_private.note_change(session_user, null, 'report_user.delete',
        jsonb_build_object('login', delete_report_login.login));
    return role;
end
$$;
comment on function errtrack_private.delete_report_login(text) is
    'Removes a login for reports. Returns the id of its role, for end_sessions() once this is committed; null when there was none any more.';

create or replace function errtrack_private.end_sessions(role oid) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_terminate_backend(a.pid)
    from pg_stat_activity as a
    where a.usesysid = end_sessions.role;
    return true;
exception when insufficient_privilege then
    return false;
end
$$;
comment on function errtrack_private.end_sessions(oid) is
    'Ends the sessions of a role. False: the caller may not. Views give an error to a session whose role is gone.';

create or replace function errtrack_private.end_long_reports(patience interval default '5 minutes') returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
    select count(*) filter (where pg_terminate_backend(a.pid))::integer
    from errtrack_private.report_logins as l
    join pg_roles as r on r.rolname = l.login
    join pg_stat_activity as a on a.usesysid = r.oid
    cross join unnest(r.rolconfig) as c (setting)
    cross join substring(c.setting from '^statement_timeout=(.*)') as timeout (value)
    where a.datname = current_database()
      and timeout.value ~ '^[1-9][0-9]*(ms|s|min|h|d)$'
      and a.xact_start < clock_timestamp() - timeout.value::interval - patience
      -- Of logins of former releases that nobody has let it end.
      and pg_has_role('errtrack_maintain', r.oid, 'usage')
$$;
comment on function errtrack_private.end_long_reports(interval) is
    'Ends sessions of report logins that the command made whose transaction is open for longer than the login was given for a statement, and than this patience, whatever it has set since: partitions, imports and migrations wait behind it. Returns how many.';

create or replace view errtrack_private.report_login_list as
select
    coalesce(l.login, m.rolname) as login,
    case when l.tied then coalesce(
        (select string_agg(o.slug || '/' || p.slug, ' ' order by o.slug, p.slug)
         from errtrack_private.report_projects as t
         join errtrack_private.projects as p on p.id = t.project_id
         join errtrack_private.organizations as o on o.id = p.organization_id
         where t.login = l.login), 'none')
        else 'all' end as projects,
    coalesce(m.rolcanlogin, false) as can_login,
    nullif(m.rolconnlimit, -1) as connections,
    (select substr(c.setting, strpos(c.setting, '=') + 1)
     from unnest(m.rolconfig) as c (setting)
     where c.setting like 'statement_timeout=%') as timeout,
    date_trunc('second', l.created_at) as created_at
from errtrack_private.report_logins as l
full join (
    select r.rolname::text, r.rolcanlogin, r.rolconnlimit, r.rolconfig
    from pg_catalog.pg_roles as r
    join pg_catalog.pg_auth_members as a on a.member = r.oid
    where a.roleid = (select g.oid from pg_catalog.pg_roles as g where g.rolname = 'errtrack_report')) as m on m.rolname = l.login;
comment on view errtrack_private.report_login_list is
    'A row for each member of errtrack_report, as the command shows it; without created_at those that were not made by it.';

revoke execute on function
    errtrack_private.must_make_roles(),
    errtrack_private.must_find_report_login(text),
    errtrack_private.create_report_login(text, text, text[], integer, integer),
    errtrack_private.set_report_password(text, text),
    errtrack_private.delete_report_login(text),
    errtrack_private.end_sessions(oid),
    errtrack_private.end_long_reports(interval)
from public;
grant execute on function errtrack_private.end_long_reports(interval) to errtrack_worker;

-- Logins that former releases made.
do $$
declare
    login text;
begin
    for login in
        select r.rolname
        from errtrack_private.report_logins as l
        join pg_catalog.pg_roles as r on r.rolname = l.login
        where not pg_catalog.pg_has_role('errtrack_maintain', r.oid, 'member')
    loop
        execute format('grant %I to errtrack_maintain', login);
    end loop;
exception when insufficient_privilege then
    raise warning 'long transactions of report logins are not ended: run this as a superuser, or "grant % to errtrack_maintain"', quote_ident(login);
end
$$;
