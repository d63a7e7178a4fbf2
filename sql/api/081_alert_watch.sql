-- What no single event tells: that an issue is frequent, that it is far more so than it was,
-- that a quota is used up, that processing is behind. Looked for now and then by the worker
-- that sends; what is found goes into the outbox like all else.

create or replace function errtrack_private.mark_alert(
    wanted_project bigint,
    rule errtrack_private.alert_rules,
    issue bigint
)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into errtrack_private.alert_marks as m (project_id, rule_id, kind, issue_id, told_at)
    values (wanted_project, rule.id, rule.kind, coalesce(issue, 0), now())
    on conflict (project_id, rule_id, kind, issue_id) do update
    set told_at = now()
    where m.told_at not between now() - rule.repeat_minutes * interval '1 minute' and now();
    return found;
end
$$;
comment on function errtrack_private.mark_alert(bigint, errtrack_private.alert_rules, bigint) is
    'Notes that a rule tells now. False: it did so not long ago.';

create or replace function errtrack_private.active_issues(wanted_project bigint, least_events bigint, since timestamptz)
returns table (issue_id bigint, events bigint)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Steps of five minutes, the first one whole: never fewer than there were.
    select i.id, sum(c.events)::bigint
    from (
        select x.project_id, x.id
        from errtrack_private.issues x
        where x.project_id = wanted_project and x.status = 'unresolved'
          and x.last_seen >= now() - interval '1 hour'
          and x.last_received_at >= now() - interval '5 minutes'
        order by x.last_seen desc
        limit 10000) i
    join errtrack_private.origins o on o.project_id = i.project_id and o.issue_id = i.id
    join errtrack_private.counts_5m c
      on c.project_id = o.project_id and c.origin_id = o.id
     and c.bucket >= date_bin('5 minutes', since, 'epoch')
    group by i.id
    having sum(c.events) >= least_events
$$;
comment on function errtrack_private.active_issues(bigint, bigint, timestamptz) is
    'Open issues that have events now, and at least so many since a time, if up to five minutes before it are counted as well.';

create or replace function errtrack_private.watch_frequency(rule errtrack_private.alert_rules) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    since constant timestamptz := now() - rule.minutes * interval '1 minute';
    -- What is not counted by then is the next time, in another order.
    until constant timestamptz := clock_timestamp() + interval '1 second';
    active record;
    counted record;
begin
    for active in
        select a.issue_id, a.events >= rule.events as may_have_events
        from errtrack_private.active_issues(rule.project_id, least(rule.events, rule.users), since) a
        where not exists (
            select from errtrack_private.alert_marks m
            where m.project_id = rule.project_id and m.rule_id = rule.id and m.kind = rule.kind
              and m.issue_id = a.issue_id and m.told_at between now() - rule.repeat_minutes * interval '1 minute' and now())
        order by random()
    loop
        exit when clock_timestamp() > until;
        -- Exactly, but no further than the bound.
        select (select count(*) from (
                    select from errtrack_private.origins g
                    join errtrack_private.occurrences c
                      on c.project_id = g.project_id and c.origin_id = g.id and c.received_at >= since
                    where g.project_id = rule.project_id and g.issue_id = active.issue_id
                    limit rule.events) e where active.may_have_events) as events,
               (select count(distinct u.user_hash) from (
                    select c.user_hash from errtrack_private.origins g
                    join errtrack_private.occurrences c
                      on c.project_id = g.project_id and c.origin_id = g.id and c.received_at >= since
                    where g.project_id = rule.project_id and g.issue_id = active.issue_id
                    order by c.received_at desc
                    limit 50000) u where rule.users is not null) as users
        into counted;
        if (counted.events >= rule.events or counted.users >= rule.users)
            and errtrack_private.mark_alert(rule.project_id, rule, active.issue_id)
        then
            perform errtrack_private.tell(rule.project_id, active.issue_id, 'frequency', jsonb_build_object(
                'rule_id', rule.id, 'minutes', rule.minutes,
                'events', case when counted.events >= rule.events then counted.events end,
                'users', case when counted.users >= rule.users then counted.users end));
        end if;
    end loop;
end
$$;
comment on function errtrack_private.watch_frequency(errtrack_private.alert_rules) is
    'Tells of issues that had as many events or users within some minutes as a rule says.';

create or replace function errtrack_private.watch_spikes(rule errtrack_private.alert_rules) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Ten times what is usual, and so many that it is no accident.
    factor constant integer := 10;
    least_events constant bigint := coalesce(rule.events, 100);
    risen record;
begin
    for risen in
        select a.issue_id, a.events, past.hourly
        from errtrack_private.active_issues(rule.project_id, least_events, now() - interval '55 minutes') a
        join errtrack_private.issues i on i.project_id = rule.project_id and i.id = a.issue_id
        cross join lateral (
            select coalesce(sum(c.events), 0)
                   / greatest(extract(epoch from now() - greatest(i.first_seen, now() - interval '7 days')) / 3600 - 1, 1) as hourly
            from errtrack_private.origins o
            join errtrack_private.counts_1h c
              on c.project_id = o.project_id and c.origin_id = o.id
             and c.bucket >= now() - interval '7 days' and c.bucket < date_trunc('hour', now() - interval '1 hour', 'UTC')
            where o.project_id = i.project_id and o.issue_id = i.id) as past
        -- What is new has no past: that it is there was told.
        where i.first_seen < now() - interval '1 day'
          and a.events >= factor * past.hourly
    loop
        if errtrack_private.mark_alert(rule.project_id, rule, risen.issue_id) then
            perform errtrack_private.tell(rule.project_id, risen.issue_id, 'spike', jsonb_build_object(
                'rule_id', nullif(rule.id, 0), 'events', risen.events, 'minutes', 60,
                'usual_per_hour', round(risen.hourly::numeric, 1)));
        end if;
    end loop;
end
$$;
comment on function errtrack_private.watch_spikes(errtrack_private.alert_rules) is
    'Tells of issues that had ten times as many events within an hour as in an hour of the week before.';

create or replace function errtrack_private.watch_rule(rule errtrack_private.alert_rules, behind_seconds double precision)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    refused bigint;
begin
    if rule.kind = 'frequency' then
        perform errtrack_private.watch_frequency(rule);
    elsif rule.kind = 'spike' then
        perform errtrack_private.watch_spikes(rule);
    elsif rule.kind = 'quota_reached' then
        select r.requests into refused
        from errtrack_private.requests r
        where r.project_id = rule.project_id and r.hour = date_trunc('hour', now(), 'UTC')
          and r.reason = 'rate_limited' and r.requests > 0;
        if found and errtrack_private.mark_alert(rule.project_id, rule, null) then
            perform errtrack_private.tell(rule.project_id, null, 'quota_reached', jsonb_build_object(
                'rule_id', nullif(rule.id, 0), 'refused', refused,
                'hour', errtrack_private.rfc3339(date_trunc('hour', now(), 'UTC'))));
        end if;
    elsif rule.kind = 'behind' and errtrack_private.mark_alert(rule.project_id, rule, null) then
        perform errtrack_private.tell(rule.project_id, null, 'behind', jsonb_build_object(
            'rule_id', nullif(rule.id, 0), 'seconds', round(behind_seconds)));
    end if;
end
$$;
comment on function errtrack_private.watch_rule(errtrack_private.alert_rules, double precision) is
    'Tells what a rule is to tell now.';

create or replace function errtrack_private.stirring_projects(
    behind_seconds double precision,
    after_project bigint,
    most integer
)
returns setof bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Each look is along an index, a project at a time ("offset 0"): the tables are of all of them.
    return query
        select p.project_id
        from (
            select distinct c.project_id
            from errtrack_private.channels c
            where c.enabled and c.kind <> 'tracker' and c.project_id > after_project) p
        where exists (
                select from errtrack_private.issues i
                where i.project_id = p.project_id and i.status = 'unresolved'
                  and i.last_seen >= now() - interval '1 hour' and i.last_received_at >= now() - interval '5 minutes'
                offset 0)
            or exists (
                select from errtrack_private.requests r
                where r.project_id = p.project_id and r.hour = date_trunc('hour', now(), 'UTC') and r.reason = 'rate_limited'
                offset 0)
            or behind_seconds >= 300 and exists (
                select from errtrack_private.alert_rules_of(p.project_id) r
                where r.enabled and r.kind = 'behind' and behind_seconds >= coalesce(r.minutes, 10) * 60 and not exists (
                    select from errtrack_private.alert_marks m
                    where m.project_id = p.project_id and m.rule_id = r.id and m.kind = r.kind and m.issue_id = 0
                      and m.told_at between now() - r.repeat_minutes * interval '1 minute' and now()))
        order by p.project_id
        limit most;
end
$$;
comment on function errtrack_private.stirring_projects(double precision, bigint, integer) is
    'Projects with a channel in which a rule could tell something now, so many of them in the order of their ids. Most have no events at a time.';

create or replace function errtrack_private.watch_alerts(
    behind_seconds double precision,
    after_project bigint,
    most integer,
    out last_project bigint,
    out problem text
)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- What happens meanwhile is to be told, too.
    until constant timestamptz := clock_timestamp() + interval '2 seconds';
    share timestamptz;
    stirring bigint;
    rule errtrack_private.alert_rules;
begin
    for stirring in
        select s.id from errtrack_private.stirring_projects(behind_seconds, after_project, most) as s (id)
    loop
        exit when clock_timestamp() > until;
        last_project := stirring;
        -- A project with more to count than that has some of its rules wait for the next time.
        share := clock_timestamp() + interval '1 second';
        for rule in
            select r.* from errtrack_private.alert_rules_of(stirring) r
            where r.enabled
              and (r.kind in ('frequency', 'spike', 'quota_reached')
                   or r.kind = 'behind' and behind_seconds >= coalesce(r.minutes, 10) * 60)
            order by random()
        loop
            exit when clock_timestamp() > share;
            begin
                perform errtrack_private.watch_rule(rule, behind_seconds);
            exception when others then
                -- One that cannot be looked at keeps no other from it.
                problem := format('rule %s of project %s: %s', rule.id, rule.project_id, sqlerrm);
            end;
        end loop;
    end loop;
end
$$;
comment on function errtrack_private.watch_alerts(double precision, bigint, integer) is
    'Looks for what rules are to tell, of so many projects that have a channel, in the order of their ids, for about two seconds. behind_seconds: for how long the oldest report has waited to be filed. Returns the last project, null when there are none; and what went wrong.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'mark_alert(bigint, errtrack_private.alert_rules, bigint)', 'active_issues(bigint, bigint, timestamptz)',
        'watch_frequency(errtrack_private.alert_rules)', 'watch_spikes(errtrack_private.alert_rules)',
        'watch_rule(errtrack_private.alert_rules, double precision)',
        'stirring_projects(double precision, bigint, integer)', 'watch_alerts(double precision, bigint, integer)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
grant execute on function errtrack_private.watch_alerts(double precision, bigint, integer) to errtrack_worker;
