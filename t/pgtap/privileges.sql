-- Which role may do what. Functions of extensions are not ours.

begin;
set local search_path = pg_catalog, tap, pg_temp;
select no_plan();

create temporary view functions as
select p.oid, p.oid::regprocedure::text as name, p.proname, p.proowner, p.prosecdef, p.proconfig, p.proacl, p.prokind
from pg_proc as p
where p.pronamespace in ('errtrack'::regnamespace, 'errtrack_private'::regnamespace)
    and not exists (select from pg_depend as d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e');
create temporary view relations as
select c.oid, c.oid::regclass::text as name, c.relnamespace::regnamespace::text as schema, c.relowner, c.relkind, c.relacl
from pg_class as c
where c.relnamespace in ('errtrack'::regnamespace, 'errtrack_private'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm', 'S')
    and not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e');
create temporary view roles as
select r.oid, r.rolname as name from pg_roles as r where r.rolname ~ '^errtrack_(worker|query|report)$';

-- ---- everybody ----------------------------------------------------------------

select is_empty($$
    select f.name
    from functions as f
    cross join lateral aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) as a
    where a.grantee = 0
$$, 'nothing is executable by public');
select is_empty($$
    select r.name
    from relations as r
    cross join lateral aclexplode(r.relacl) as a
    where a.grantee = 0
$$, 'no table, view or sequence is open to public');
select is_empty($$
    select n.nspname
    from pg_namespace as n
    cross join lateral aclexplode(n.nspacl) as a
    where n.nspname in ('errtrack', 'errtrack_private') and a.grantee = 0
$$, 'neither schema is open to public');
select is_empty($$ select r.name from roles as r where has_schema_privilege(r.name, 'errtrack', 'create')
    or has_schema_privilege(r.name, 'errtrack_private', 'create') $$, 'no role may make anything in the schemas');
select is_empty($$
    select r.name from roles as r join pg_roles as p on p.oid = r.oid
    where p.rolsuper or p.rolcreaterole or p.rolcreatedb or p.rolbypassrls or p.rolreplication
        or pg_has_role(r.name, 'errtrack_maintain', 'member')
$$, 'no role is more than it seems');
select is((select rolcanlogin from pg_roles where rolname = 'errtrack_maintain'), false, 'nobody logs in as the owner');

-- ---- owner --------------------------------------------------------------------

select is_empty($$ select f.name from functions as f where f.proowner <> 'errtrack_maintain'::regrole $$,
    'errtrack_maintain owns all functions');
select is_empty($$
    select r.name from relations as r
    where r.schema = 'errtrack_private' and r.relowner <> 'errtrack_maintain'::regrole
        and r.name <> 'errtrack_private.reported_projects'
$$, 'and all private tables, views and sequences');
select is_empty($$
    select r.name from relations as r
    where (r.schema = 'errtrack' or r.name = 'errtrack_private.reported_projects') and r.relowner <> 'errtrack_views'::regrole
$$, 'errtrack_views owns what analysts read');
select is_empty($$
    select r.name from relations as r
    where has_table_privilege('errtrack_views', r.oid, 'insert, update, delete, truncate, references, trigger')
        and r.relowner <> 'errtrack_views'::regrole
$$, 'which only reads');
select is_empty($$
    select f.name
    from functions as f
    where f.prosecdef and not coalesce(f.proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'
$$, 'what runs as the owner looks for nothing where others can make something');
-- ---- the query module ---------------------------------------------------------

create temporary table called as
select unnest(string_to_array(:'called', ',')) as name
union all
values ('access'), ('authenticate'), ('name_of_token'), ('touch_token'), ('default_partition_rows'),
    ('replica_state'), ('schema_state'), ('written_position');
select set_eq(
    $$ select f.proname::text from functions as f where has_function_privilege('errtrack_query', f.oid, 'execute') $$,
    $$ select c.name from called as c $$,
    'errtrack_query may execute the functions of its routes, and nothing else');
select is_empty($$
    select f.name
    from functions as f
    join called as c on c.name = f.proname
    where not f.prosecdef and c.name not in ('name_of_token', 'replica_state', 'schema_state', 'written_position')
$$, 'they run as the owner');
select is_empty($$
    select r.name from relations as r
    where has_table_privilege('errtrack_query', r.oid, 'select, insert, update, delete, truncate, references, trigger')
        and r.relkind <> 'S'
$$, 'errtrack_query may not touch a table');

-- ---- analysts -----------------------------------------------------------------

select is(has_schema_privilege('errtrack_report', 'errtrack_private', 'usage'), false,
    'errtrack_report does not see the schema of the programs');
select is_empty($$
    select r.name from relations as r
    where r.schema = 'errtrack_private' and r.relkind <> 'S'
        and has_table_privilege('errtrack_report', r.oid, 'select, insert, update, delete, truncate, references, trigger')
$$, 'errtrack_report may not touch a table');
select is_empty($$
    select r.name from relations as r
    where r.schema = 'errtrack' and (not has_table_privilege('errtrack_report', r.oid, 'select')
        or has_table_privilege('errtrack_report', r.oid, 'insert, update, delete, truncate, references, trigger'))
$$, 'it reads each view, and writes none');
select is_empty($$
    select f.name from functions as f
    where f.name !~ '^errtrack\.' and has_function_privilege('errtrack_report', f.oid, 'execute')
        -- Called by the views, as whoever reads them.
        and f.proname not in ('report_scope', 'report_tied', 'sealed', 'short_id')
$$, 'it executes public functions only');

-- ---- the worker ---------------------------------------------------------------

select is_empty($$
    select f.name from functions as f
    join pg_proc as p on p.oid = f.oid
    where has_function_privilege('errtrack_worker', f.oid, 'execute') and p.prorettype = 'errtrack_private.answer'::regtype
$$, 'errtrack_worker answers no requests');
select is_empty($$
    select r.name from relations as r
    where r.relkind <> 'S' and has_table_privilege('errtrack_worker', r.oid, 'truncate, references, trigger')
$$, 'it may neither empty tables nor build upon them');
select is_empty($$
    select t.name from unnest('{users, tokens, memberships, roles, role_scopes, sign_in_failures, upload_chunks, audit}'::text[]) as t (name)
    where has_table_privilege('errtrack_worker', 'errtrack_private.' || t.name, 'select, insert, update, delete')
$$, 'people and their tokens are none of its business');

select * from finish();
rollback;
