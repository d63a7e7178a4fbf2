-- Partitions, made ahead. Run by the worker every hour and by every migration.
-- They are dropped by the retention (012_retention.sql).

create or replace function errtrack_private.partitioned_tables() returns table (name text, key text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    values ('deliveries', 'received_at'), ('event_ids', 'day'),
           ('occurrences', 'received_at'), ('payloads', 'received_at'),
           ('attachments', 'received_at')
$$;
comment on function errtrack_private.partitioned_tables() is
    'The tables that are partitioned by day, with the column that decides.';

create or replace function errtrack_private.make_partitions_of(days date[]) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    parent record;
    day date;
    child text;
    made integer := 0;
begin
    -- Two makers at once would collide on the names.
    perform pg_advisory_xact_lock(hashtextextended('errtrack.partitions', 0));
    for parent in select name, key from errtrack_private.partitioned_tables() loop
        foreach day in array days loop
            child := format('%s_%s', parent.name, to_char(day, 'YYYYMMDD'));
            continue when to_regclass(format('errtrack_private.%I', child)) is not null;
            -- Created alone and then attached: readers and writers of the parent
            -- never wait for more than the attaching itself.
            execute format('create table errtrack_private.%I
                (like errtrack_private.%I including defaults including constraints including storage including compression)',
                child, parent.name);
            execute format('alter table errtrack_private.%I attach partition errtrack_private.%I
                for values from (%L) to (%L)',
                parent.name, child,
                (day::timestamp at time zone 'UTC')::text,
                ((day + 1)::timestamp at time zone 'UTC')::text);
            made := made + 1;
        end loop;
    end loop;
    return made;
end
$$;
comment on function errtrack_private.make_partitions_of(date[]) is
    'Makes the missing partitions of these days. Gives up after two seconds of waiting for a lock: call it again.';

create or replace function errtrack_private.make_partitions(ahead integer default 14, back integer default 8)
returns integer
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.make_partitions_of(array(
        select generate_series(today.day - back, today.day + ahead, interval '1 day')::date
        from (select (now() at time zone 'UTC')::date as day) as today))
$$;
comment on function errtrack_private.make_partitions(integer, integer) is
    'Makes the missing partitions from "back" days ago to "ahead" days ahead. Gives up after two seconds of waiting for a lock: call it again.';

create or replace function errtrack_private.default_partition_rows() returns bigint
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select (select count(*) from errtrack_private.deliveries_default)
         + (select count(*) from errtrack_private.event_ids_default)
         + (select count(*) from errtrack_private.occurrences_default)
         + (select count(*) from errtrack_private.payloads_default)
         + (select count(*) from errtrack_private.attachments_default)
$$;
comment on function errtrack_private.default_partition_rows() is
    'Rows that found no partition of their day. Anything but 0 is an alarm.';

revoke execute on function errtrack_private.partitioned_tables() from public;
revoke execute on function errtrack_private.make_partitions_of(date[]) from public;
revoke execute on function errtrack_private.make_partitions(integer, integer) from public;
revoke execute on function errtrack_private.default_partition_rows() from public;
grant execute on function errtrack_private.partitioned_tables() to errtrack_worker;
grant execute on function errtrack_private.make_partitions(integer, integer) to errtrack_worker;
grant execute on function errtrack_private.default_partition_rows() to errtrack_worker, errtrack_query;
