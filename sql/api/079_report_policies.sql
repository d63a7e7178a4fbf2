-- What a login of an analyst may see is decided by row-level security on the tables, for the
-- role that the views belong to. Unlike a security barrier that leaves the planner all its
-- ways: a view is part of the query that asks it, so orders, limits and joins go along the
-- indexes. No condition of a caller looks at a row before the policy has, unless PostgreSQL
-- takes it for one that tells nobody: =, <, >= and the like, which is what indexes answer.
--
-- Even those find out nothing of other rows. For a tied login a policy says the same twice:
-- "=", or "= any" for several projects, is a condition of every index that begins with the
-- project, so rows of others are not fetched whatever else the caller asks of that index;
-- "<@" costs no more than the cheapest comparison, and among equals PostgreSQL keeps the
-- order, in which policies come first. So rows that are read otherwise meet the policy before
-- what a caller compares. What is left is in sql/README.md.
--
-- The rest is for the planner's expectations, by which it takes the right index: of a bare
-- "<@", or "is null", it expects that one row in hundreds passes, of "is not null" nearly
-- all; and "=" is apart from "= any" as it is one with the project that a query names, and
-- no second condition.
--
-- report_tied() is known when a query is planned: who is not tied has one condition without
-- a column in it, which is asked once and says again, when it runs, that nothing is tied. A
-- plan that was made for the one login shows nothing to the other.
--
-- Tables are those that the views read: one more view needs nothing here. The owner of the
-- tables passes the policies by, and with it all that the HTTP surfaces call.

do $$
declare
    visible constant text := $policy$
        case when errtrack_private.report_tied() is null then
            (case when (select errtrack_private.report_scope()) is null then true end) is not null
        else (case when %1$I <@ (select range_agg(int8range(v.id, v.id, '[]')) from (%2$s) as v (id)) then true end) is not null
            and case when errtrack_private.report_tied() = 1 then %1$I = (select min(v.id) from (%2$s) as v (id))
                else %1$I = any (array(%2$s)) end
        end$policy$;
    tied constant text := 'select t.id from unnest(errtrack_private.report_scope()) as t (id)';
    read record;
    name text;
begin
    -- Only what is missing: each of these keeps others from the table until the end.
    set local lock_timeout = '10s';
    for read in
        select distinct c.oid, c.relname, c.relrowsecurity,
               exists (select from pg_catalog.pg_attribute a
                       where a.attrelid = c.oid and a.attname = 'project_id' and not a.attisdropped) as by_project
        from pg_catalog.pg_rewrite r
        join pg_catalog.pg_class v on v.oid = r.ev_class
        join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::regclass and d.objid = r.oid
            and d.refclassid = 'pg_catalog.pg_class'::regclass
        join pg_catalog.pg_class c on c.oid = d.refobjid and c.relkind in ('r', 'p')
        where v.relnamespace = 'errtrack'::regnamespace or v.oid = 'errtrack_private.reported_projects'::regclass
        order by c.relname
    loop
        if not has_table_privilege('errtrack_views', read.oid, 'select') then
            execute format('grant select on errtrack_private.%I to errtrack_views', read.relname);
        end if;
        -- Names of people who act belong to no project.
        continue when read.relname = 'users';
        if not exists (select from pg_catalog.pg_policy p where p.polrelid = read.oid and p.polname = 'analysts') then
            -- Of former releases.
            execute format('drop policy if exists reports on errtrack_private.%I', read.relname);
            execute format('create policy analysts on errtrack_private.%I for select to errtrack_views using (%s)', read.relname,
                case read.relname
                    when 'organizations' then format(visible, 'id', 'select p.organization_id from errtrack_private.projects p')
                    when 'projects' then format(visible, 'id', tied)
                    else format(visible, 'project_id', tied) end);
        end if;
        if not exists (select from pg_catalog.pg_policy p where p.polrelid = read.oid and p.polname = 'programs') then
            execute format('create policy programs on errtrack_private.%I to errtrack_worker using (true) with check (true)', read.relname);
        end if;
        if not read.relrowsecurity then
            execute format('alter table errtrack_private.%I enable row level security', read.relname);
        end if;
    end loop;

    for name in
        select v.oid::regclass
        from pg_catalog.pg_class v
        where v.relkind = 'v' and v.relowner <> 'errtrack_views'::regrole
          and (v.relnamespace = 'errtrack'::regnamespace or v.oid = 'errtrack_private.reported_projects'::regclass)
    loop
        execute format('alter view %s owner to errtrack_views', name);
    end loop;
end
$$;
