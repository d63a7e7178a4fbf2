-- What "errtrack import" looks at when lines arrive. A file whose sums fit may still hold
-- what no program of this release writes: whoever can write a line can make its sum. What a
-- row can be the constraints of its table say, and the rules here, by the types and names of
-- its columns, for what only code keeps to elsewhere: a value that the worker could not read
-- later would stop it for every project.

create or replace function errtrack_private.is_schedule(schedule jsonb)
returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when schedule ? 'every' then
            coalesce(jsonb_typeof(schedule -> 'every') = 'number' and schedule ->> 'every' ~ '^[1-9][0-9]{0,4}$'
                     and schedule ->> 'unit' in ('minute', 'hour', 'day', 'week', 'month', 'year'), false)
        else
            coalesce(jsonb_typeof(schedule -> 'either'), 'boolean') = 'boolean'
            and not exists (
                select
                from (values ('minutes', 0, 59), ('hours', 0, 23), ('days', 1, 31), ('months', 1, 12), ('weekdays', 0, 6))
                    as list (name, lowest, highest)
                where coalesce(
                    -- 1.0 is the same number, and cannot be read as an integer.
                    (schedule -> list.name)::text !~ '^\[[0-9]{1,2}(, [0-9]{1,2})*\]$'
                    or not (select jsonb_agg(g.n) from generate_series(list.lowest, list.highest) as g (n))
                        @> (schedule -> list.name), true))
    end
$$;
comment on function errtrack_private.is_schedule(jsonb) is
    'Whether next_check_in() can read it: a schedule as worker/check_in.hpp writes it.';

create or replace function errtrack_private.import_rules(wanted_kind text, algorithms text[])
returns table (field text, condition text, wanted text, adds_up boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Planned once for all kinds.
    return query
    with columns as (
        select c.field, c.name, c.place, c.sort,
               c.sort in ('bigint', 'integer') and c.name not like 'ignored\_until%'
               and k.place >= (select t.place from errtrack_private.transfer_kinds() as t where t.kind = 'item_names') as adds_up
        from (
            select t.field, t.name, a.attnum as place,
                   case
                       when t.how = 'user' then 'address'
                       when t.how in ('issue', 'key') or (wanted_kind, t.name) = ('client_keys', 'id') then 'id'
                       when t.name in ('algo', 'grouping_algo', 'previous_algo') then 'grouping'
                       when (wanted_kind, t.name) in (select p.name, p.key from errtrack_private.partitioned_tables() as p)
                           then 'day'
                       -- Never yet is long ago.
                       when t.name in ('last_at', 'last_received_at') then 'past or never'
                       when t.name in ('received_at', 'first_received_at', 'created_at', 'status_at', 'regressed_at',
                                       'surplus_at', 'bucket', 'hour', 'since') then 'past'
                       else format_type(a.atttypid, null)
                   end as sort
            from errtrack_private.transfer_columns(wanted_kind) as t
            join pg_attribute as a
              on a.attrelid = format('errtrack_private.%I', wanted_kind)::regclass and a.attname = t.name) as c
        join errtrack_private.transfer_kinds() as k on k.kind = wanted_kind
    )
    select made.field, made.condition, made.wanted, made.adds_up
    from (
        select c.field, format(r.condition, c.name), r.wanted, c.adds_up, c.place, 1
        from columns as c
        join (values
            -- Every reader of JSON reads numbers below 2^53.
            ('id', '%1$I between 1 and 9007199254740991', 'a number from 1 to 9007199254740991'),
            ('bigint', '%1$I between 0 and 9007199254740991', 'a number from 0 to 9007199254740991'),
            ('integer', '%1$I >= 0', 'a number from 0 on'),
            ('smallint', '%1$I >= 0', 'a number from 0 on'),
            ('numeric', '%1$I between 0 and 99999999999999999999', 'a number from 0 to 99999999999999999999'),
            ('double precision', '%1$I between 0 and 9007199254740991', 'a number from 0 to 9007199254740991'),
            ('text', 'octet_length(%1$I) <= 65536', 'a text of 65536 bytes at most'),
            ('text[]', '(select coalesce(max(octet_length(e)), 0) <= 1000 and count(e) = count(*) from unnest(%1$I) as e)'
                       ' and coalesce(array_ndims(%1$I), 1) = 1 and coalesce(array_lower(%1$I, 1), 1) = 1',
             'a plain list of texts of 1000 bytes at most'),
            ('cidr[]', 'coalesce(array_ndims(%1$I), 1) = 1 and coalesce(array_lower(%1$I, 1), 1) = 1', 'a plain list'),
            ('json', 'json_typeof(%1$I) = ''object''', 'an object'),
            ('jsonb', 'jsonb_typeof(%1$I) = ''object''', 'an object'),
            ('grouping', '%1$I = any (' || quote_nullable(algorithms) || ')',
             'a grouping that this release knows (' || array_to_string(algorithms, ', ') || ')'),
            -- Days get partitions that all projects share: events are kept for ten years at
            -- most, and an edge's clock is ahead by little.
            ('day', '%1$I between now() - interval ''3660 days'' and now() + interval ''1 day''',
             'a time of the last ten years'),
            ('past', '%1$I between ''2000-01-01 00:00+00'' and now() + interval ''1 day''', 'a time between 2000 and tomorrow'),
            ('past or never', '%1$I = ''-infinity'' or %1$I between ''2000-01-01 00:00+00'' and now() + interval ''1 day''',
             'a time between 2000 and tomorrow'),
            ('date', '%1$I between ''2000-01-01'' and (now() + interval ''1 day'')::date', 'a day between 2000 and tomorrow'),
            -- JSON has four digits for a year, and none before the first.
            ('timestamp with time zone', '%1$I >= ''0001-01-01 00:00+00'' and %1$I < ''10000-01-01 00:00+00''',
             'a time between the years 1 and 9999'))
            as r (sort, condition, wanted) on r.sort = c.sort
        union all
        select c.field, r.condition, r.wanted, false, c.place, 2
        from columns as c
        join (values
            ('tag_facts', 'texts', 'cardinality(texts) = cardinality(keys)', 'a text for each key'),
            ('transactions', 'durations',
             'coalesce(array_ndims(durations), 1) = 1 and coalesce(array_lower(durations, 1), 1) = 1 and cardinality(durations) % 2 = 0'
             ' and not exists (select from unnest(durations) with ordinality as e (n, place) where coalesce(case e.place % 2'
             ' when 1 then e.n not between -100000 and 100000 else e.n not between 0 and 9007199254740991 end, true))',
             'a list of buckets, each with a number from 0 to 9007199254740991'),
            ('monitors', 'timezone', 'errtrack_private.is_timezone(timezone)', 'a time zone that PostgreSQL knows'),
            ('monitors', 'schedule', 'errtrack_private.is_schedule(schedule)', 'a schedule'))
            as r (kind, name, condition, wanted) on (r.kind, r.name) = (wanted_kind, c.name))
        as made (field, condition, wanted, adds_up, place, part)
    order by made.place, made.part;
end
$$;
comment on function errtrack_private.import_rules(text, text[]) is
    'What has to be true of the columns of a table in an import, where they are not null, beside the constraints: as SQL and in words. algorithms: the groupings that the worker knows. adds_up: counts, of which readers make sums.';

create or replace function errtrack_private.shown_value(value text, most integer default 60)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- Terminals must not obey what a file says.
    select regexp_replace(left(value, most), '[[:cntrl:]]', '?', 'g') || case when length(value) > most then '...' else '' end
$$;
comment on function errtrack_private.shown_value(text, integer) is 'The beginning of a value, for a message.';

create or replace function errtrack_private.import_complaint(
    wanted_kind text, sent json, state text, said text, rule text, named_column text)
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c record;
    columns text;
begin
    if state = '23502' then
        return format('%s is missing', named_column);
    end if;
    if state = '23505' then
        select string_agg(a.attname, ', ' order by k.place)
        into columns
        from pg_class as i
        join pg_index as x on x.indexrelid = i.oid
        cross join lateral unnest(x.indkey::smallint[]) with ordinality as k (attnum, place)
        join pg_attribute as a on a.attrelid = x.indrelid and a.attnum = k.attnum
        where i.relname = rule and i.relnamespace = pg_my_temp_schema() and a.attname <> 'project_id';
        return format('another line before it has the same %s', columns);
    end if;
    -- Rules that are functions speak for themselves.
    if state = '23514' and rule <> '' then
        select string_agg(format('%s "%s"', a.attname, errtrack_private.shown_value(sent ->> a.attname)), ', ' order by a.attnum)
               || ' is against ' || left(regexp_replace(min(pg_get_constraintdef(k.oid)), '\s+', ' ', 'g'), 200)
        into columns
        from pg_constraint as k
        join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = any (k.conkey)
        where k.conrelid = format('errtrack_private.%I', wanted_kind)::regclass and k.conname = rule;
        return columns;
    end if;
    if state like '22%' then
        for c in
            select t.name, format_type(a.atttypid, null) as type
            from errtrack_private.transfer_columns(wanted_kind) as t
            join pg_attribute as a
              on a.attrelid = format('errtrack_private.%I', wanted_kind)::regclass and a.attname = t.name
            where t.how <> 'user'
        loop
            begin
                execute format('select json_populate_record(null::errtrack_private.%I, $1)', wanted_kind)
                using json_build_object(c.name, sent -> c.name);
            exception when data_exception then
                return format('%s "%s" is no %s', c.name, errtrack_private.shown_value(sent ->> c.name), c.type);
            end;
        end loop;
    end if;
    return format(case when state = '54000' then 'its texts are too long for an index (%s)' else '%s' end,
                  errtrack_private.shown_value(said, 300));
end
$$;
comment on function errtrack_private.import_complaint(text, json, text, text, text, text) is
    'What is wrong with a row that PostgreSQL did not take, in words for people. state, said, rule and named_column: its error.';

create or replace function errtrack_private.take_import_lines(wanted_kind text, fields jsonb, algorithms text[])
returns table (line bigint, problem text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    statement text;
    names text[];
    wanted text[];
    conditions text;
    lowest bigint;
    highest bigint;
    upto bigint;
    last bigint;
    broken integer;
    state text;
    said text;
    rule text;
    named_column text;
begin
    if to_regclass(format('pg_temp.%I', 'import_' || wanted_kind)) is null then
        perform errtrack_private.make_import_table(wanted_kind);
    end if;
    select array_agg(r.field order by r.place), array_agg(r.wanted order by r.place),
           string_agg(format('when not (%s) then %s', r.condition, r.place), ' ' order by r.place)
    into names, wanted, conditions
    from errtrack_private.import_rules(wanted_kind, algorithms) with ordinality as r (field, condition, wanted, adds_up, place);
    select format(
        'with taken as ('
        ' insert into %I (line%s) overriding system value'
        ' select l.line%s from import_lines as l'
        ' cross join lateral json_populate_record(null::errtrack_private.%I, l.row) as r'
        ' where l.line between $1 and $2 order by l.line'
        ' returning line, case %s end as broken)'
        ' select t.line, t.broken from taken as t where t.broken is not null order by t.line limit 1',
        'import_' || wanted_kind,
        string_agg(format(', %I', c.field), '' order by c.place),
        string_agg(case c.how when 'user' then format(', l.row ->> %L', c.field) else format(', r.%I', c.name) end, '' order by c.place),
        wanted_kind, coalesce(conditions, 'when false then 0'))
    into statement
    from errtrack_private.transfer_columns(wanted_kind) with ordinality as c (name, field, how, place)
    where fields ? c.field;

    select min(l.line), max(l.line), max(l.line), max(l.line) into lowest, highest, upto, last from import_lines as l;
    -- All at once, and what is not taken by halves, until one line is left.
    while take_import_lines.line is null and lowest <= last loop
        begin
            execute statement into take_import_lines.line, broken using lowest, upto;
            lowest := upto + 1;
            highest := case when lowest > highest then last else highest end;
        exception when data_exception or integrity_constraint_violation or program_limit_exceeded then
            get stacked diagnostics state = returned_sqlstate, said = message_text,
                rule = constraint_name, named_column = column_name;
            if lowest = upto then
                take_import_lines.line := lowest;
            end if;
            highest := upto;
        end;
        upto := (lowest + highest) / 2;
    end loop;
    if take_import_lines.line is not null then
        select case when broken is null
                   then errtrack_private.import_complaint(wanted_kind, l.row, state, said, rule, named_column)
                   else format('%s "%s" is not %s', names[broken],
                               errtrack_private.shown_value(coalesce(l.row ->> names[broken], 'null')), wanted[broken]) end
        into take_import_lines.problem
        from import_lines as l
        where l.line = take_import_lines.line;
        return next;
    end if;
    truncate import_lines;
end
$$;
comment on function errtrack_private.take_import_lines(text, jsonb, text[]) is
    'Moves the lines that have arrived, all of one kind, into the table of that kind, made if there is none, as its columns. Returns the first that cannot be taken and why, else nothing.';

create or replace function errtrack_private.end_import_kind(wanted_kind text, algorithms text[])
returns table (line bigint, problem text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    known record;
    sums numeric[];
    counted text[];
    place integer;
begin
    for known in
        select t.relname as kind,
               array(select a.attname::text from unnest(k.conkey) with ordinality as c (attnum, place)
                     join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = c.attnum order by c.place) as ours,
               array(select a.attname::text from unnest(k.confkey) with ordinality as c (attnum, place)
                     join pg_attribute as a on a.attrelid = k.confrelid and a.attnum = c.attnum order by c.place) as theirs
        from pg_constraint as k
        join pg_class as t on t.oid = k.confrelid
        where k.conrelid = format('errtrack_private.%I', wanted_kind)::regclass
          and k.contype = 'f'
          and t.relname <> 'projects'
          and t.relname in (select f.kind from errtrack_private.transfer_kinds() as f)
        union all
        select 'origins', array['origin_id'], array['id']
        from errtrack_private.transfer_kinds() as f
        where f.kind = wanted_kind and f.has_origin
        union all
        select 'occurrences', array['received_at', 'event_id'], array['received_at', 'event_id']
        where wanted_kind = 'payloads'
    loop
        if to_regclass(format('pg_temp.%I', 'import_' || known.kind)) is null then
            execute format('select min(t.line) from %I as t', 'import_' || wanted_kind) into end_import_kind.line;
        else
            execute format(
                'select t.line from %I as t where %s and not exists (select from %I as o where %s) order by t.line limit 1',
                'import_' || wanted_kind,
                (select string_agg(format('t.%I is not null', c.name), ' and ') from unnest(known.ours) as c (name)),
                'import_' || known.kind,
                (select string_agg(format('o.%I = t.%I', c.theirs, c.ours), ' and ')
                 from unnest(known.ours, known.theirs) as c (ours, theirs)))
            into end_import_kind.line;
        end if;
        if end_import_kind.line is not null then
            end_import_kind.problem := format('its %s is that of none of the %s',
                array_to_string(array_remove(known.ours, 'project_id'), ', '), known.kind);
            return next;
            return;
        end if;
    end loop;

    select array_agg(r.field), format('select array[%s] from %I as t',
               string_agg(format('sum(t.%I)::numeric', r.field), ', '), 'import_' || wanted_kind)
    into counted, problem
    from errtrack_private.import_rules(wanted_kind, algorithms) as r
    where r.adds_up;
    if counted is not null then
        execute end_import_kind.problem into sums;
        for place in select s.place from unnest(sums) with ordinality as s (sum, place) where s.sum > 9007199254740991 loop
            execute format(
                'select s.line from (select t.line, sum(t.%I) over (order by t.line) as sum from %I as t) as s'
                ' where s.sum > 9007199254740991 order by s.line limit 1', counted[place], 'import_' || wanted_kind)
            into end_import_kind.line;
            end_import_kind.problem := format('with it %s is more than 9007199254740991 in all', counted[place]);
            return next;
            return;
        end loop;
    end if;
end
$$;
comment on function errtrack_private.end_import_kind(text, text[]) is
    'Looks at all lines of a kind that was taken: whether what they refer to is there, and what their counts come to. Returns the first line that cannot be and why, else nothing.';

revoke execute on function
    errtrack_private.is_schedule(jsonb),
    errtrack_private.import_rules(text, text[]),
    errtrack_private.shown_value(text, integer),
    errtrack_private.import_complaint(text, json, text, text, text, text),
    errtrack_private.take_import_lines(text, jsonb, text[]),
    errtrack_private.end_import_kind(text, text[])
from public;
