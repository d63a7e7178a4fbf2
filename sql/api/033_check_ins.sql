-- Filing check-ins, as 021_items.sql says, and finding those that did not come.

create or replace function errtrack_private.is_timezone(name text) returns boolean
language plpgsql stable
as $$
begin
    perform now() at time zone name;
    return true;
exception when invalid_parameter_value then
    return false;
end
$$;
comment on function errtrack_private.is_timezone(text) is
    'Whether the database knows a time zone of that name.';

create or replace function errtrack_private.next_check_in(schedule jsonb, timezone text, after timestamptz)
returns timestamptz
language plpgsql stable
as $$
declare
    wall constant timestamp := after at time zone timezone;
    step interval;
    day date := wall::date;
    of_month boolean;
    of_week boolean;
    found timestamptz;
begin
    if schedule ? 'every' then
        step := ((schedule ->> 'every') || ' ' || (schedule ->> 'unit'))::interval;
        -- Days and what is longer are those of the wall clock.
        return case when schedule ->> 'unit' in ('minute', 'hour') then after + step
                    else (wall + step) at time zone timezone end;
    end if;
    -- A leap day is at most eight years away.
    while day < wall::date + 3000 loop
        if not schedule -> 'months' @> to_jsonb(extract(month from day)::integer) then
            day := (date_trunc('month', day) + interval '1 month')::date;
            continue;
        end if;
        of_month := schedule -> 'days' @> to_jsonb(extract(day from day)::integer);
        of_week := schedule -> 'weekdays' @> to_jsonb(extract(dow from day)::integer);
        if (of_month and of_week) or ((of_month or of_week) and (schedule ->> 'either')::boolean) then
            found := errtrack_private.next_time_of_day(schedule, timezone, after, day);
            if found is not null then
                return found;
            end if;
        end if;
        day := day + 1;
    end loop;
    return null;
end
$$;
comment on function errtrack_private.next_check_in(jsonb, text, timestamptz) is
    'When a monitor of that schedule (worker/check_in.hpp) is to check in next after a time.';

create or replace function errtrack_private.next_time_of_day(
    schedule jsonb, timezone text, after timestamptz, day date)
returns timestamptz
language plpgsql stable
as $$
declare
    wall constant timestamp := after at time zone timezone;
    hour integer := schedule -> 'hours' -> 0;
    minute integer := schedule -> 'minutes' -> 0;
    later integer;
begin
    -- The clock is put forward or back on that day: times are not in their order.
    if (day + 1)::timestamp at time zone timezone
       <> (day::timestamp at time zone timezone) + interval '24 hours'
    then
        return (
            select min(times.at)
            from (
                select (day + make_interval(hours => h.hour::integer, mins => m.minute::integer))
                       at time zone timezone as at
                from jsonb_array_elements_text(schedule -> 'hours') as h (hour)
                cross join jsonb_array_elements_text(schedule -> 'minutes') as m (minute)) times
            where times.at > after);
    end if;
    if day <= wall then
        select min(m.minute::integer) into later
        from jsonb_array_elements_text(schedule -> 'minutes') as m (minute)
        where m.minute::integer > extract(minute from wall);
        select min(h.hour::integer) into hour
        from jsonb_array_elements_text(schedule -> 'hours') as h (hour)
        where h.hour::integer >= extract(hour from wall) + (later is null)::integer;
        if hour = extract(hour from wall) then
            minute := later;
        end if;
    end if;
    return (day + make_interval(hours => hour, mins => minute)) at time zone timezone;
end
$$;
comment on function errtrack_private.next_time_of_day(jsonb, text, timestamptz, date) is
    'The first time after another one that a schedule of a crontab names on a day. Null when there is none on it.';

create or replace function errtrack_private.file_check_ins(batch jsonb) returns table (n integer)
language plpgsql volatile
as $$
declare
    given record;
    monitor errtrack_private.monitors;
begin
    -- Environments first: a batch that has sessions too has locked them already.
    perform errtrack_private.admit_names('environment', array_agg(b.project), array_agg(b.item ->> 'environment')),
            errtrack_private.admit_names('monitor', array_agg(b.project), array_agg(b.item ->> 'slug'))
    from jsonb_to_recordset(batch) as b (project bigint, item jsonb);

    for given in
        select b.project, coalesce(s.name, '(other)') as slug, coalesce(e.name, '(other)') as environment,
               min(b.at) as since,
               array_agg(b.item order by b.at, b.n) as items, array_agg(b.at order by b.at, b.n) as times
        from jsonb_to_recordset(batch) as b (n integer, project bigint, at timestamptz, item jsonb)
        left join errtrack_private.item_names s
          on s.project_id = b.project and s.kind = 'monitor' and s.name = b.item ->> 'slug'
        left join errtrack_private.item_names e
          on e.project_id = b.project and e.kind = 'environment' and e.name = b.item ->> 'environment'
        group by 1, 2, 3
        order by 1, 2, 3
    loop
        insert into errtrack_private.monitors (project_id, slug, environment, status, last_at, since)
        values (given.project, given.slug, given.environment, 'unknown', '-infinity', given.since)
        on conflict do nothing;
        select * into strict monitor
        from errtrack_private.monitors m
        where m.project_id = given.project and m.slug = given.slug and m.environment = given.environment
        for no key update;
        monitor := errtrack_private.file_runs(monitor, given.items, given.times);
        update errtrack_private.monitors m
        set status = monitor.status,
            last_at = monitor.last_at,
            last_seconds = monitor.last_seconds,
            schedule = monitor.schedule,
            schedule_at = monitor.schedule_at,
            timezone = monitor.timezone,
            margin_minutes = monitor.margin_minutes,
            runtime_minutes = monitor.runtime_minutes,
            next_at = case when monitor.schedule is not null then errtrack_private.next_check_in(
                monitor.schedule, monitor.timezone, monitor.last_at) end
        where m.project_id = given.project and m.slug = given.slug
          and m.environment = given.environment;
    end loop;
    return query select b.n from jsonb_to_recordset(batch) as b (n integer);
end
$$;
comment on function errtrack_private.file_check_ins(jsonb) is
    'Files check-ins as runs of their monitors, in the order in which edges took them in.';

create or replace function errtrack_private.with_schedule(
    monitor errtrack_private.monitors, at timestamptz, schedule jsonb, timezone text, margin integer,
    runtime integer)
returns errtrack_private.monitors
language plpgsql stable
as $$
begin
    -- Nothing is expected of those that are beyond the bound.
    if schedule is not null and monitor.slug <> '(other)'
       and at >= coalesce(monitor.schedule_at, '-infinity')
       and (timezone = monitor.timezone or errtrack_private.is_timezone(timezone))
    then
        monitor.schedule := schedule;
        monitor.schedule_at := at;
        monitor.timezone := timezone;
        monitor.margin_minutes := margin;
        monitor.runtime_minutes := runtime;
    end if;
    return monitor;
end
$$;
comment on function errtrack_private.with_schedule(
    errtrack_private.monitors, timestamptz, jsonb, text, integer, integer) is
    'A monitor with the schedule that a check-in brings, unless it has a newer one or that is none.';

create or replace function errtrack_private.runs_for(
    monitor errtrack_private.monitors, items jsonb[], out ids uuid[], out runs errtrack_private.check_ins[])
language plpgsql stable
as $$
declare
    anonymous constant boolean := exists (select from unnest(items) as i (item) where not i.item ? 'id');
begin
    -- Each check-in ends one of the open runs at most.
    select array_agg(known.id order by known.id) into ids
    from (
        select coalesce(i.item ->> 'id', i.item ->> 'new_id')::uuid as id
        from unnest(items) as i (item)
        union
        (select c.id
         from errtrack_private.check_ins c
         where c.project_id = monitor.project_id and c.slug = monitor.slug
           and c.environment = monitor.environment and c.status = 'in_progress'
         order by c.began_at desc
         limit case when anonymous then cardinality(items) else 0 end)) known;
    select array_agg(c order by i.id) into runs
    from unnest(ids) as i (id)
    left join errtrack_private.check_ins c
      on c.project_id = monitor.project_id and c.slug = monitor.slug
     and c.environment = monitor.environment and c.id = i.id;
end
$$;
comment on function errtrack_private.runs_for(errtrack_private.monitors, jsonb[]) is
    'The runs that check-ins of a monitor may be about, in the order of their ids: null where it is a new one.';

create or replace function errtrack_private.without_ended(
    places integer[], runs errtrack_private.check_ins[])
returns integer[]
language plpgsql immutable
as $$
begin
    while (runs[places[cardinality(places)]]).status <> 'in_progress' loop
        places := trim_array(places, 1);
    end loop;
    return places;
end
$$;
comment on function errtrack_private.without_ended(integer[], errtrack_private.check_ins[]) is
    'Places in an array of runs, up to the last one that is of a run in progress.';

create or replace function errtrack_private.file_runs(
    monitor errtrack_private.monitors, items jsonb[], times timestamptz[])
returns errtrack_private.monitors
language plpgsql volatile
as $$
declare
    given record;
    ids uuid[];
    runs errtrack_private.check_ins[];
    run errtrack_private.check_ins;
    place integer;
    -- Places of runs in progress, those that began last at the end: of runs that were
    -- there before, and of those that begin here.
    before integer[];
    begun integer[] := '{}';
begin
    select r.ids, r.runs into ids, runs from errtrack_private.runs_for(monitor, items) r;
    before := array(
        select p.place
        from generate_subscripts(runs, 1) as p (place)
        where (runs[p.place]).status = 'in_progress'
        order by (runs[p.place]).began_at);

    -- One after the other, since what a check-in means depends on those before it. Runs
    -- are touched only under the lock of their monitor, and written once: a row that one
    -- transaction writes a thousand times is a thousand rows to whoever looks for it.
    for given in
        select i.at, g.*
        from unnest(items, times) with ordinality as i (item, at, n)
        cross join lateral jsonb_to_record(i.item) as g
            (status text, id uuid, new_id uuid, seconds double precision, release text,
             schedule jsonb, timezone text, margin integer, runtime integer)
        order by i.n
    loop
        monitor := errtrack_private.with_schedule(
            monitor, given.at, given.schedule, coalesce(given.timezone, 'UTC'),
            coalesce(given.margin, 1), coalesce(given.runtime, 30));

        place := width_bucket(coalesce(given.id, given.new_id), ids);
        -- Without an id it is about the run that was opened last.
        if given.id is null then
            before := errtrack_private.without_ended(before, runs);
            begun := errtrack_private.without_ended(begun, runs);
            place := case
                when (runs[before[cardinality(before)]]).began_at > (runs[begun[cardinality(begun)]]).began_at
                    then before[cardinality(before)]
                else coalesce(begun[cardinality(begun)], before[cardinality(before)], place)
            end;
        end if;
        run := runs[place];
        if run.id is null then
            run := row(monitor.project_id, ids[place], monitor.slug, monitor.environment,
                       given.status, given.at, given.at, given.seconds, given.release);
            begun := begun || place;
        else
            -- An end that comes before its beginning stays the end.
            if given.status <> 'in_progress'
               and (run.status in ('in_progress', 'timeout') or given.at >= run.received_at)
            then
                run.status := given.status;
                run.seconds := coalesce(
                    given.seconds, run.seconds, extract(epoch from given.at - run.began_at));
            elsif run.status <> 'in_progress' and given.at < run.began_at then
                run.seconds := coalesce(run.seconds, extract(epoch from run.received_at - given.at));
            end if;
            if given.at < run.began_at then
                run.began_at := given.at;
                before := array_remove(before, place);
                begun := begun || place;
            end if;
            run.received_at := greatest(run.received_at, given.at);
            run.release := coalesce(given.release, run.release);
        end if;
        runs[place] := run;

        if given.at >= monitor.last_at then
            monitor.status := run.status;
            monitor.last_at := given.at;
            monitor.last_seconds := coalesce(run.seconds, monitor.last_seconds);
        end if;
    end loop;

    insert into errtrack_private.check_ins as c
        (project_id, slug, environment, id, status, began_at, received_at, seconds, release)
    select r.project_id, r.slug, r.environment, r.id, r.status, r.began_at, r.received_at, r.seconds,
           r.release
    from unnest(runs) r
    where r.id is not null
    on conflict (project_id, slug, environment, id)
        do update set status = excluded.status, began_at = excluded.began_at,
                      received_at = excluded.received_at, seconds = excluded.seconds,
                      release = excluded.release
        where (c.*) is distinct from (excluded.*);
    return monitor;
end
$$;
comment on function errtrack_private.file_runs(errtrack_private.monitors, jsonb[], timestamptz[]) is
    'Files the check-ins of a monitor, in the order of their times, and returns it as it is after them.';

create or replace function errtrack_private.mark_missed_check_ins() returns integer
language plpgsql volatile
as $$
declare
    late record;
    marked integer := 0;
begin
    -- Monitors that a check-in or another worker has in hand are looked at the next time.
    for late in
        select m.*
        from errtrack_private.monitors m
        where m.next_at + make_interval(mins => m.margin_minutes) < now()
        order by m.project_id, m.slug, m.environment
        for no key update skip locked
    loop
        insert into errtrack_private.check_ins
            (project_id, slug, environment, id, status, began_at, received_at)
        values (late.project_id, late.slug, late.environment, gen_random_uuid(), 'missed',
                late.next_at, now());
        -- Of all that were missed meanwhile the first one counts.
        update errtrack_private.monitors m
        set status = 'missed',
            missed = m.missed + 1,
            next_at = errtrack_private.next_check_in(m.schedule, m.timezone, now())
        where m.project_id = late.project_id and m.slug = late.slug
          and m.environment = late.environment;
        marked := marked + 1;
    end loop;
    for late in
        select m.project_id, m.slug, m.environment, m.runtime_minutes
        from errtrack_private.monitors m
        where exists (
            select from errtrack_private.check_ins c
            where c.project_id = m.project_id and c.slug = m.slug and c.environment = m.environment
              and c.status = 'in_progress'
              and c.began_at + make_interval(mins => m.runtime_minutes) < now())
        order by m.project_id, m.slug, m.environment
        for no key update of m skip locked
    loop
        with ended as (
            update errtrack_private.check_ins c
            set status = 'timeout'
            where c.project_id = late.project_id and c.slug = late.slug
              and c.environment = late.environment and c.status = 'in_progress'
              and c.began_at + make_interval(mins => late.runtime_minutes) < now()
            returning c.began_at
        )
        update errtrack_private.monitors m
        set status = case when m.status = 'in_progress' then 'timeout' else m.status end,
            timed_out = m.timed_out + (select count(*) from ended)
        where m.project_id = late.project_id and m.slug = late.slug
          and m.environment = late.environment;
        marked := marked + 1;
    end loop;
    return marked;
end
$$;
comment on function errtrack_private.mark_missed_check_ins() is
    'Marks monitors whose check-in did not come in time as missed, and runs that last too long as timed out. Returns how many monitors it was about.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'is_timezone(text)', 'next_check_in(jsonb, text, timestamptz)',
        'next_time_of_day(jsonb, text, timestamptz, date)', 'file_check_ins(jsonb)',
        'with_schedule(errtrack_private.monitors, timestamptz, jsonb, text, integer, integer)',
        'runs_for(errtrack_private.monitors, jsonb[])',
        'without_ended(integer[], errtrack_private.check_ins[])',
        'file_runs(errtrack_private.monitors, jsonb[], timestamptz[])', 'mark_missed_check_ins()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;

grant select, insert, update on errtrack_private.monitors, errtrack_private.check_ins
    to errtrack_worker;
