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
            select min(times.at) into found
            from (
                select (day + make_interval(hours => h.hour::integer, mins => m.minute::integer))
                       at time zone timezone as at
                from jsonb_array_elements_text(schedule -> 'hours') as h (hour)
                cross join jsonb_array_elements_text(schedule -> 'minutes') as m (minute)) times
            where times.at > after;
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

create or replace function errtrack_private.file_check_ins(batch jsonb) returns table (n integer)
language plpgsql volatile
as $$
declare
    given record;
    monitor errtrack_private.monitors;
    run errtrack_private.check_ins;
begin
    -- Environments first: a batch that has sessions too has locked them already.
    perform errtrack_private.admit_names('environment', array_agg(b.project), array_agg(b.item ->> 'environment')),
            errtrack_private.admit_names('monitor', array_agg(b.project), array_agg(b.item ->> 'slug'))
    from jsonb_to_recordset(batch) as b (project bigint, item jsonb);

    -- One after the other, since what a check-in means depends on those before it. Runs
    -- are touched only under the lock of their monitor.
    for given in
        select b.project, b.at, coalesce(s.name, '(other)') as slug,
               coalesce(e.name, '(other)') as environment, b.item ->> 'status' as status,
               (b.item ->> 'id')::uuid as id, (b.item ->> 'new_id')::uuid as new_id,
               (b.item ->> 'seconds')::double precision as seconds, b.item ->> 'release' as release,
               case when s.name is not null then b.item -> 'schedule' end as schedule,
               coalesce(b.item ->> 'timezone', 'UTC') as timezone,
               coalesce((b.item ->> 'margin')::integer, 1) as margin,
               coalesce((b.item ->> 'runtime')::integer, 30) as runtime
        from jsonb_to_recordset(batch) as b (n integer, project bigint, at timestamptz, item jsonb)
        left join errtrack_private.item_names s
          on s.project_id = b.project and s.kind = 'monitor' and s.name = b.item ->> 'slug'
        left join errtrack_private.item_names e
          on e.project_id = b.project and e.kind = 'environment' and e.name = b.item ->> 'environment'
        order by b.project, 3, 4, b.at, b.n
    loop
        insert into errtrack_private.monitors (project_id, slug, environment, status, last_at, since)
        values (given.project, given.slug, given.environment, given.status, '-infinity', given.at)
        on conflict do nothing;
        select * into strict monitor
        from errtrack_private.monitors m
        where m.project_id = given.project and m.slug = given.slug and m.environment = given.environment
        for no key update;

        if given.schedule is not null and given.at >= coalesce(monitor.schedule_at, '-infinity')
           and (given.timezone = monitor.timezone or errtrack_private.is_timezone(given.timezone))
        then
            monitor.schedule := given.schedule;
            monitor.schedule_at := given.at;
            monitor.timezone := given.timezone;
            monitor.margin_minutes := given.margin;
            monitor.runtime_minutes := given.runtime;
        end if;

        -- Without an id it is about the run that was opened last.
        select * into run
        from errtrack_private.check_ins c
        where c.project_id = given.project and c.slug = given.slug
          and c.environment = given.environment
          and (c.id = given.id or (given.id is null and c.status = 'in_progress'))
        order by c.began_at desc
        limit 1;
        if run.id is null then
            insert into errtrack_private.check_ins
                (project_id, slug, environment, id, status, began_at, received_at, seconds, release)
            values (given.project, given.slug, given.environment, coalesce(given.id, given.new_id),
                    given.status, given.at, given.at, given.seconds, given.release);
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
            update errtrack_private.check_ins c
            set status = run.status,
                seconds = run.seconds,
                began_at = least(c.began_at, given.at),
                received_at = greatest(c.received_at, given.at),
                release = coalesce(given.release, c.release)
            where c.project_id = given.project and c.slug = given.slug
              and c.environment = given.environment and c.id = run.id;
            given.status := run.status;
            given.seconds := run.seconds;
        end if;

        if given.at >= monitor.last_at then
            monitor.status := given.status;
            monitor.last_at := given.at;
            monitor.last_seconds := coalesce(given.seconds, monitor.last_seconds);
        end if;
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
        'is_timezone(text)', 'next_check_in(jsonb, text, timestamptz)', 'file_check_ins(jsonb)',
        'mark_missed_check_ins()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;

grant select, insert, update on errtrack_private.monitors, errtrack_private.check_ins
    to errtrack_worker;
