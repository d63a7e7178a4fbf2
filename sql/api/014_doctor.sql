-- What "errtrack doctor" looks at in the database: a function for each subject, listed in
-- doctor_checks(), that returns what it found. Nothing here reads a large table: numbers are
-- those of the statistics, or are counted up to a bound.

-- Noted once for each migration, so that an index that is lost afterwards is missed.
delete from errtrack_private.known_indexes as k
where k.migration < (select max(m.version) from errtrack_private.migrations as m);
insert into errtrack_private.known_indexes (name, migration)
select c.relname, (select max(m.version) from errtrack_private.migrations as m)
from pg_class as c
where c.relnamespace = 'errtrack_private'::regnamespace
  and c.relkind in ('i', 'I')
  and not c.relispartition
  and not exists (select from errtrack_private.known_indexes);

create or replace function errtrack_private.doctor_checks() returns table (place integer, subject text, name text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    values (1, 'extensions', 'doctor_extensions'), (2, 'indexes', 'doctor_indexes'),
           (3, 'partitions', 'doctor_partitions'), (4, 'retention', 'doctor_retention'),
           (5, 'roles', 'doctor_roles'), (6, 'server', 'doctor_server'), (7, 'vacuum', 'doctor_vacuum'),
           (8, 'transactions', 'doctor_transactions'), (9, 'connections', 'doctor_connections'),
           (10, 'replication', 'doctor_replication'), (11, 'backlog', 'doctor_backlog'),
           (12, 'dead letters', 'doctor_dead_letters'), (13, 'channels', 'doctor_channels')
$$;
comment on function errtrack_private.doctor_checks() is
    'The subjects of "errtrack doctor", each with the function that looks at it. Its rows have a level (ok, warning, failing), what was found, and what to do about it.';

create or replace function errtrack_private.doctor_tables()
returns table (name text, bytes bigint, partitions bigint, row_estimate bigint, dead_rows bigint,
               vacuumed_at timestamptz, analyzed_at timestamptz, oldest date)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select root.relname::text, sum(pg_total_relation_size(c.oid))::bigint,
           nullif(count(*) filter (where c.relispartition), 0),
           sum(s.n_live_tup)::bigint, sum(s.n_dead_tup)::bigint,
           max(greatest(s.last_vacuum, s.last_autovacuum)), max(greatest(s.last_analyze, s.last_autoanalyze)),
           min(to_date(substring(c.relname from '_([0-9]{8})$'), 'YYYYMMDD'))
               filter (where c.relispartition and pg_relation_size(c.oid) > 0)
    from pg_class as c
    join pg_class as root on root.oid = coalesce(pg_partition_root(c.oid)::oid, c.oid)
    left join pg_stat_all_tables as s on s.relid = c.oid
    where c.relnamespace = 'errtrack_private'::regnamespace and c.relkind = 'r'
    group by root.relname
    order by 2 desc, 1
$$;
comment on function errtrack_private.doctor_tables() is
    'The size of each table with its indexes, partitions summed up. Rows are as the statistics know them; oldest is the day of the oldest partition that has any.';

create or replace function errtrack_private.doctor_projects(budget interval)
returns table (project text, estimated_bytes bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    until constant timestamptz := clock_timestamp() + budget;
    pages constant integer := 20;
    part record;
    sample jsonb;
    sampled jsonb := '{}';
    shares jsonb := '{}';
begin
    -- A few pages of each table and partition: whose rows are how large. The size of all of it
    -- is known, and is shared out accordingly. What there was no time for goes as the rest does.
    for part in
        select c.relname, pg_relation_size(c.oid) / current_setting('block_size')::bigint as pages,
               pg_total_relation_size(c.oid) as bytes
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid and a.attname = 'project_id' and not a.attisdropped
        where c.relnamespace = 'errtrack_private'::regnamespace and c.relkind = 'r' and pg_relation_size(c.oid) > 0
        order by 3 desc
    loop
        exit when clock_timestamp() >= until;
        execute format(
            'select jsonb_object_agg(s.project_id, s.bytes)
             from (select t.project_id, sum(pg_column_size(t)) + sum(%s) as bytes
                   from errtrack_private.%I as t tablesample system (%s) repeatable (1)
                   where t.project_id is not null
                   group by 1) as s',
            case when part.relname like 'payloads\_%' or part.relname like 'attachments\_%' then 'pg_column_size(t.body)' else '0' end,
            part.relname, least(100, 100.0 * pages / part.pages))
        into sample;
        continue when sample is null;
        select shares || jsonb_object_agg(
                   s.key, coalesce((shares ->> s.key)::numeric, 0) + part.bytes * s.value::numeric / total.bytes)
        into shares
        from jsonb_each_text(sample) as s
        cross join (select sum(value::numeric) as bytes from jsonb_each_text(sample)) as total
        group by total.bytes;
    end loop;
    return query
        select coalesce(l.organization || '/' || l.slug, 'none'), round(sum(s.value::numeric))::bigint
        from jsonb_each_text(shares) as s
        left join errtrack_private.project_list as l on l.id = s.key::bigint
        group by 1
        order by 2 desc, 1;
end
$$;
comment on function errtrack_private.doctor_projects(interval) is
    'How many bytes each project takes, indexes too, as an estimate: the known size of each table and partition, shared out by whose rows are how large on some twenty of its pages. Of tables that were not looked at in time nothing is in it.';

create or replace function errtrack_private.doctor_extensions()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select 'failing', format('extension %s is missing: searches fail', wanted),
           format('create extension %s with schema errtrack_private, and run errtrack migrate', wanted)
    from unnest(array['pg_trgm', 'btree_gin']) as wanted
    where not exists (select from pg_extension as e where e.extname = wanted)
$$;
comment on function errtrack_private.doctor_extensions() is 'Extensions that are missing.';

create or replace function errtrack_private.doctor_indexes()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select 'warning', format('index %s is invalid: it is written and not read', c.relname),
           format('reindex index concurrently errtrack_private.%I', c.relname)
    from pg_index as i
    join pg_class as c on c.oid = i.indexrelid
    where c.relnamespace = 'errtrack_private'::regnamespace
      and not i.indisvalid
      and c.relkind = 'i'
      -- One that is being made.
      and not exists (select from pg_stat_progress_create_index as p where p.index_relid = c.oid)
    union all
    select 'failing', format('index %s is missing', k.name),
           'make it as sql/migrations does, with create index concurrently'
    from errtrack_private.known_indexes as k
    where to_regclass(format('errtrack_private.%I', k.name)) is null
    union all
    -- Those of errtrack may be for pages that nobody has asked for yet.
    select case when unused.known then 'ok' else 'warning' end,
           format('index %s (%s) was not used since %s', unused.name, pg_size_pretty(unused.bytes), unused.since::date),
           case when unused.known then '' else format('drop index errtrack_private.%I, if nothing needs it', unused.name) end
    from (
        select root.relname as name, sum(pg_relation_size(s.indexrelid)) as bytes, max(d.stats_reset) as since,
               sum(s.idx_scan) as scans,
               exists (select from errtrack_private.known_indexes as k where k.name = root.relname) as known
        from pg_stat_all_indexes as s
        join pg_index as i on i.indexrelid = s.indexrelid
        join pg_class as root on root.oid = coalesce(pg_partition_root(s.indexrelid)::oid, s.indexrelid)
        join pg_stat_database as d on d.datname = current_database()
        where s.schemaname = 'errtrack_private' and not i.indisunique
        group by root.relname) as unused
    where unused.scans = 0
      and unused.bytes > 100 * 1024 * 1024
      and unused.since < now() - interval '7 days'
$$;
comment on function errtrack_private.doctor_indexes() is
    'Indexes that are invalid, or were there when the newest migration had run and are not any more, and large ones that nothing used in a week of statistics.';

create or replace function errtrack_private.settle_default_rows() returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
declare
    parent record;
    day date;
    child text;
    moved bigint := 0;
    settled bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('errtrack.partitions', 0));
    for parent in select p.name, p.key from errtrack_private.partitioned_tables() as p loop
        execute format('lock table errtrack_private.%I in access exclusive mode', parent.name);
        for day in execute format('select distinct (%I at time zone ''UTC'')::date from errtrack_private.%I', parent.key, parent.name || '_default') loop
            child := format('%s_%s', parent.name, to_char(day, 'YYYYMMDD'));
            execute format('create table errtrack_private.%I
                (like errtrack_private.%I including defaults including constraints including storage including compression)',
                child, parent.name);
            execute format('with gone as (
                    delete from errtrack_private.%I where (%I at time zone ''UTC'')::date = %L returning *)
                insert into errtrack_private.%I select * from gone', parent.name || '_default', parent.key, day, child);
            get diagnostics settled = row_count;
            moved := moved + settled;
            execute format('alter table errtrack_private.%I attach partition errtrack_private.%I for values from (%L) to (%L)',
                parent.name, child, (day::timestamp at time zone 'UTC')::text, ((day + 1)::timestamp at time zone 'UTC')::text);
        end loop;
    end loop;
    return moved;
end
$$;
comment on function errtrack_private.settle_default_rows() is
    'Makes the partitions that rows in default partitions had not found, and moves them there. Nothing is read or filed meanwhile. Returns how many rows.';

create or replace function errtrack_private.doctor_partitions()
returns table (level text, what text, advice text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    today constant date := (now() at time zone 'UTC')::date;
    parent text;
    missing date;
    has_rows boolean;
begin
    for parent in select p.name from errtrack_private.partitioned_tables() as p loop
        select min(d.day)::date
        into missing
        from generate_series(today, today + 7, interval '1 day') as d (day)
        where to_regclass(format('errtrack_private.%I', parent || '_' || to_char(d.day, 'YYYYMMDD'))) is null;
        if missing is not null then
            level := case when missing <= today + 1 then 'failing' else 'warning' end;
            what := format('%s has no partition for %s', parent, missing);
            advice := 'see that a worker runs and what its log says, or call errtrack_private.make_partitions()';
            return next;
        end if;
        execute format('select exists (select from errtrack_private.%I)', parent || '_default') into has_rows;
        if has_rows then
            level := 'failing';
            what := format('rows lie in %s_default, where they have found no partition of their day', parent);
            advice := 'call errtrack_private.settle_default_rows(), which moves them while nothing is filed';
            return next;
        end if;
    end loop;
end
$$;
comment on function errtrack_private.doctor_partitions() is
    'Partitions of this week that are missing, and rows that found none.';

create or replace function errtrack_private.doctor_retention()
returns table (level text, what text, advice text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    kept constant record := (select r from errtrack_private.retention as r);
    oldest constant date := (select min(t.oldest) from errtrack_private.doctor_tables() as t);
    today constant date := (now() at time zone 'UTC')::date;
begin
    if kept is null then
        return query select 'warning', 'no worker has said yet how long events are kept', 'start errtrack-worker';
        return;
    end if;
    return query
        select case when today - oldest > kept.days + 2 then 'warning' else 'ok' end,
               format('events are kept for %s days, the oldest are of %s', kept.days, coalesce(oldest::text, 'today')),
               case when today - oldest > kept.days + 2
                    then 'see what holds up the retention: the log of a worker, or errtrack retention' else '' end;
    if kept.finished_at < now() - interval '2 days' then
        return query
            select 'warning', format('the retention has not finished since %s', date_trunc('second', kept.finished_at)),
                   'see that a worker runs and what its log says, or run errtrack retention';
    end if;
end
$$;
comment on function errtrack_private.doctor_retention() is 'The oldest data beside the time for which it is kept.';

create or replace function errtrack_private.doctor_roles()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select 'warning',
           case when r.oid is null then format('role %s is missing', wanted.role)
                when has.value is null then format('role %s has no %s of its own', wanted.role, wanted.name)
                else format('%s of role %s is %s', wanted.name, wanted.role, has.value) end,
           case when r.oid is null then 'run errtrack migrate'
                else format('alter role %s set %s = %L, and restart what logs in as it', wanted.role, wanted.name, wanted.value) end
    from (values
        ('errtrack_query', 'statement_timeout', '3s'), ('errtrack_query', 'idle_in_transaction_session_timeout', '10s'),
        ('errtrack_query', 'jit', 'off'), ('errtrack_worker', 'statement_timeout', '60s'),
        ('errtrack_worker', 'idle_in_transaction_session_timeout', '60s'), ('errtrack_worker', 'jit', 'off'))
        as wanted (role, name, value)
    left join pg_roles as r on r.rolname = wanted.role
    left join lateral (
        select split_part(setting, '=', 2) as value
        from pg_db_role_setting as s
        cross join unnest(s.setconfig) as setting
        where s.setrole = r.oid
          and s.setdatabase in (0, (select d.oid from pg_database as d where d.datname = current_database()))
          and split_part(setting, '=', 1) = wanted.name
        order by s.setdatabase desc
        limit 1) as has on true
    where has.value is null and not (wanted.name = 'jit' and current_setting('jit') = 'off')
       or wanted.name = 'jit' and has.value not in ('off', 'false', 'no', '0')
       or wanted.name <> 'jit' and has.value ~ '^0+ *[a-z]*$'
$$;
comment on function errtrack_private.doctor_roles() is
    'Settings that the roles of the programs should have, as sql/roles.sql makes them.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'doctor_checks()', 'doctor_tables()', 'doctor_projects(interval)', 'doctor_extensions()',
        'doctor_indexes()', 'settle_default_rows()', 'doctor_partitions()', 'doctor_retention()',
        'doctor_roles()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
