-- What a login of an analyst may see is decided by row-level security on the tables, for the
-- role that the views belong to. Unlike a security barrier that leaves the planner all its
-- ways: a view is part of the query that asks it, so orders, limits and joins go along the
-- indexes. No condition of a caller looks at a row before the policy has, unless PostgreSQL
-- takes it for one that tells nobody: =, <, >= and the like, which is what indexes answer.
--
-- That is no wall against somebody who wants to know: such a condition may stand before the
-- policy, and what it met can be told from an error that only comes then, from the rows that
-- EXPLAIN ANALYZE counts as removed, or from the time. It holds for barriers, too. So a tied
-- login sees no row of another project, but can find out whether one has a certain value.
--
-- Tables are those that the views read: one more view needs nothing here. The owner of the
-- tables passes the policies by, and with it all that the HTTP surfaces call.

do $$
declare
    -- Null, which is everything, makes the comparison null.
    visible constant text := 'coalesce(%s = any ((select errtrack_private.report_scope())::bigint[]), true)';
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
        if not exists (select from pg_catalog.pg_policy p where p.polrelid = read.oid and p.polname = 'reports') then
            execute format('create policy reports on errtrack_private.%I for select to errtrack_views using (%s)', read.relname,
                case read.relname
                    when 'organizations' then '(select errtrack_private.report_scope()) is null
                        or id in (select p.organization_id from errtrack_private.projects p)'
                    when 'projects' then format(visible, 'id')
                    else format(visible, 'project_id') end);
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
