-- What analysts rely on in schema errtrack, a line for each promise: views, their columns
-- with place, type and collation, functions with arguments and result. For psql -X -q -A -t.

select line
from (
    select format('view %s', c.relname) as line, c.relname::text as name, 0 as place
    from pg_catalog.pg_class c
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select format('column %s %s %s %s', c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod))
               || coalesce(' collate ' || l.collname, ''),
           c.relname, a.attnum
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join pg_catalog.pg_type y on y.oid = a.atttypid
    left join pg_catalog.pg_collation l on l.oid = a.attcollation and a.attcollation <> y.typcollation
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select format('%s %s(%s) returns %s', case p.prokind when 'a' then 'aggregate' else 'function' end,
                  p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)),
           '~ ' || p.proname, 0
    from pg_catalog.pg_proc p
    where p.pronamespace = 'errtrack'::regnamespace) promised
order by name collate "C", place, line collate "C";
