-- What is counted beside issues, over HTTP: the ledger, statistics, release health,
-- transactions, monitors, feedback, environments. Sentry's paths where it has one.

create or replace function errtrack_private.period_of(
    request jsonb,
    otherwise text,
    out low timestamptz,
    out high timestamptz
)
language plpgsql stable
as $$
declare
    period constant text := coalesce(errtrack_private.argument(request, 'statsPeriod'), otherwise);
    first_moment constant text := errtrack_private.argument(request, 'start');
    last_moment constant text := errtrack_private.argument(request, 'end');
begin
    if first_moment is not null or last_moment is not null then
        low := errtrack_private.moment_of(first_moment);
        high := coalesce(errtrack_private.moment_of(last_moment), now());
        if low is null or (last_moment is not null and errtrack_private.moment_of(last_moment) is null) then
            perform errtrack_private.refuse(400, 'start and end must be times: 2026-01-31T12:00:00');
        end if;
    else
        high := now();
        low := errtrack_private.moment_of('-' || period);
        if low is null then
            perform errtrack_private.refuse(400, 'statsPeriod must be a time: 24h, 14d');
        end if;
    end if;
    if high <= low or high - low > interval '400 days' then
        perform errtrack_private.refuse(400, 'the period must end after it starts, and have at most 400 days');
    end if;
end
$$;
comment on function errtrack_private.period_of(jsonb, text) is
    'The period that a request is about: statsPeriod until now, or start and end.';

create or replace function errtrack_private.as_json_rows(shown jsonb) returns errtrack_private.answer
language sql immutable
as $$
    select errtrack_private.ok(coalesce(shown, '[]')::text)
$$;
comment on function errtrack_private.as_json_rows(jsonb) is 'An answer that is a list, empty rather than null.';

-- ---- environments --------------------------------------------------------------

create or replace function errtrack_private.sentry_environments(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    projects constant bigint[] := errtrack_private.release_projects(token_hash, request, 'project:read');
begin
    return errtrack_private.as_json_rows((
        select jsonb_agg(jsonb_build_object('id', e.environment, 'name', e.environment, 'isHidden', false)
                         order by e.environment)
        from (
            select distinct v.environment
            from errtrack_private.environments v
            where v.project_id = any (projects)) e));
end
$$;
comment on function errtrack_private.sentry_environments(bytea, jsonb) is
    'The environments that events of a project, or of an organization, named.';

-- ---- ledger --------------------------------------------------------------------

create or replace function errtrack_private.sentry_project_stats(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
    stat constant text := errtrack_private.argument_choice(request, 'stat', 'received', 'rejected', 'blacklisted', 'generated');
    resolution constant text := errtrack_private.argument_choice(request, 'resolution', '1h', '1d');
    step constant interval := case resolution when '1d' then interval '1 day' else interval '1 hour' end;
    since constant bigint := errtrack_private.as_id(errtrack_private.argument(request, 'since'));
    until constant bigint := errtrack_private.as_id(errtrack_private.argument(request, 'until'));
    -- Seconds that no calendar has stand for the end of this one.
    high constant timestamptz := case when until is null then now() else to_timestamp(least(until, 100000000000)) end;
    low constant timestamptz := case when since is null then high - interval '24 hours'
                                     else to_timestamp(least(since, 100000000000)) end;
begin
    if (since is null and errtrack_private.argument(request, 'since') is not null)
       or (until is null and errtrack_private.argument(request, 'until') is not null)
    then
        perform errtrack_private.refuse(400, 'since and until must be seconds since 1970');
    elsif high <= low or high - low > interval '400 days' then
        perform errtrack_private.refuse(400, 'the period must end after it starts, and have at most 400 days');
    end if;
    return errtrack_private.as_json_rows((
        select jsonb_agg(jsonb_build_array(extract(epoch from b.bucket)::bigint, coalesce(o.items, 0)) order by b.bucket)
        from generate_series(date_trunc(case resolution when '1d' then 'day' else 'hour' end, low, 'UTC'), high, step) as b (bucket)
        left join lateral (
            select sum(o.quantity) as items
            from errtrack_private.outcomes o
            where o.project_id = project
              and o.hour >= b.bucket and o.hour < b.bucket + step
              and o.category in ('error', 'default', 'security')
              and case stat when 'received' then o.outcome <> 'duplicate' when 'generated' then o.outcome = 'stored'
                            when 'blacklisted' then o.outcome = 'filtered'
                            else o.outcome in ('rate_limited', 'invalid', 'discarded', 'dead') end) o on true));
end
$$;
comment on function errtrack_private.sentry_project_stats(bytea, jsonb) is
    'Events of a project by hour or day: received, stored (generated), filtered (blacklisted) or refused (rejected).';

create or replace function errtrack_private.ledger_groups(
    projects bigint[],
    low timestamptz,
    high timestamptz,
    step interval,
    keys text[],
    category text,
    outcome text
)
returns table (by_what jsonb, total bigint, series jsonb)
language plpgsql stable
as $$
#variable_conflict use_column
begin
    return query
        with steps as materialized (
            select s.start, s.n
            from generate_series(date_bin(step, low, timestamptz 'epoch'), high, step) with ordinality as s (start, n)
        ), counted as materialized (
            select jsonb_strip_nulls(jsonb_build_object(
                       'project', case when 'project' = any (keys) then o.project_id::text end,
                       'category', case when 'category' = any (keys) then o.category end,
                       'outcome', case when 'outcome' = any (keys) then o.outcome end,
                       'reason', case when 'reason' = any (keys) then o.reason end)) as by_what,
                   date_bin(step, o.hour, timestamptz 'epoch') as start,
                   sum(o.quantity) as quantity
            from errtrack_private.outcomes o
            join errtrack_private.projects p on p.id = o.project_id
            where o.project_id = any (projects)
              and o.hour >= date_bin(step, low, timestamptz 'epoch') and o.hour <= high
              and o.category = coalesce(ledger_groups.category, o.category)
              and o.outcome = coalesce(ledger_groups.outcome, o.outcome)
            group by 1, 2
        )
        select g.by_what, g.total::bigint, (
            select jsonb_agg(coalesce(c.quantity, 0) order by s.n)
            from steps s
            left join counted c on c.by_what = g.by_what and c.start = s.start)
        from (select c.by_what, sum(c.quantity) as total from counted c group by 1) g
        order by g.total desc, g.by_what::text
        limit 500;
end
$$;
comment on function errtrack_private.ledger_groups(bigint[], timestamptz, timestamptz, interval, text[], text, text) is
    'The ledger summed up by some of project, category, outcome and reason, with a value for each step.';

create or replace function errtrack_private.ledger_stats(projects bigint[], request jsonb, single boolean) returns jsonb
language plpgsql stable
as $$
declare
    period constant record := errtrack_private.period_of(request, '14d');
    step_text constant text := coalesce(errtrack_private.argument(request, 'interval'),
        case when period.high - period.low > interval '8 days' then '1d' else '1h' end);
    step interval;
    keys constant text[] := errtrack_private.arguments(request, 'groupBy');
    field constant text := errtrack_private.argument_choice(request, 'field', 'sum(quantity)');
    groups jsonb;
    starts jsonb;
begin
    step := case when step_text ~ '^[0-9]{1,3}[hd]$' then now() - errtrack_private.moment_of('-' || step_text) end;
    if coalesce(step < interval '1 hour', true) then
        perform errtrack_private.refuse(400, 'interval must be hours or days: 1h, 1d');
    elsif exists (select from unnest(keys) as key where key not in ('project', 'category', 'outcome', 'reason')) then
        perform errtrack_private.refuse(400, 'groupBy takes project, category, outcome, reason');
    elsif (period.high - period.low) / 2000 > step then
        perform errtrack_private.refuse(400, 'the interval is too short for the period');
    end if;
    select jsonb_agg(errtrack_private.rfc3339(s.start) order by s.start) into starts
    from generate_series(date_bin(step, period.low, timestamptz 'epoch'), period.high, step) as s (start);
    select coalesce(jsonb_agg(jsonb_build_object(
        'by', g.by_what, 'totals', jsonb_build_object(field, g.total), 'series', jsonb_build_object(field, g.series))), '[]')
    into groups
    from errtrack_private.ledger_groups(
        projects, period.low, period.high, step, keys,
        errtrack_private.argument(request, 'category'), errtrack_private.argument(request, 'outcome')) g;
    return jsonb_build_object(
        'start', errtrack_private.rfc3339(date_bin(step, period.low, timestamptz 'epoch')),
        'end', errtrack_private.rfc3339(period.high),
        case when single then 'interval' else 'intervals' end, starts,
        case when single then 'group' else 'groups' end, groups);
end
$$;
comment on function errtrack_private.ledger_stats(bigint[], jsonb, boolean) is
    'The ledger of projects in the form of stats_v2: Sentry''s names are plural, those of GitLab''s backend are not.';

create or replace function errtrack_private.sentry_stats(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.ok(errtrack_private.ledger_stats(
        errtrack_private.organization_projects(token_hash, request, 'org:read'), request, false)::text)
$$;
comment on function errtrack_private.sentry_stats(bytea, jsonb) is
    'Items of an organization by outcome, category, reason and project over time.';

create or replace function errtrack_private.sentry_ledger(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
    period constant record := errtrack_private.period_of(request, '24h');
begin
    return errtrack_private.ok(jsonb_build_object(
        'start', errtrack_private.rfc3339(date_trunc('hour', period.low, 'UTC')),
        'end', errtrack_private.rfc3339(period.high),
        'items', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'category', o.category, 'outcome', o.outcome, 'reason', o.reason, 'items', o.items)
                order by o.category, o.outcome, o.reason), '[]')
            from (
                select o.category, o.outcome, o.reason, sum(o.items) as items
                from errtrack.outcomes o
                where o.project_id = project and o.hour >= date_trunc('hour', period.low, 'UTC') and o.hour <= period.high
                group by 1, 2, 3) o),
        'requests', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'outcome', q.outcome, 'reason', q.reason, 'requests', q.requests) order by q.outcome, q.reason), '[]')
            from (
                select q.outcome, q.reason, sum(q.requests) as requests
                from errtrack.requests q
                where q.project_id = project and q.hour >= date_trunc('hour', period.low, 'UTC') and q.hour <= period.high
                group by 1, 2) q),
        'notSent', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'category', r.category, 'outcome', r.outcome, 'reason', r.reason, 'items', r.items)
                order by r.category, r.outcome, r.reason), '[]')
            from (
                select r.category, r.outcome, r.reason, sum(r.items) as items
                from errtrack.client_reports r
                where r.project_id = project and r.hour >= date_trunc('hour', period.low, 'UTC') and r.hour <= period.high
                group by 1, 2, 3) r))::text);
end
$$;
comment on function errtrack_private.sentry_ledger(bytea, jsonb) is
    'What became of everything that was sent to a project: requests at the edge, items in the worker, and what SDKs say that they did not send.';

-- ---- release health, transactions, monitors ------------------------------------

create or replace function errtrack_private.sentry_health(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
    period constant record := errtrack_private.period_of(request, '14d');
    environments constant text[] := errtrack_private.arguments(request, 'environment');
    releases constant text[] := errtrack_private.arguments(request, 'release');
begin
    return errtrack_private.as_json_rows((
        select jsonb_agg(jsonb_build_object(
            'release', s.release, 'environment', s.environment,
            'sessions', s.started, 'exited', s.exited, 'errored', s.errored, 'crashed', s.crashed, 'abnormal', s.abnormal,
            'crashFreeSessions', case when s.started > 0 then round(100 * (1 - s.crashed / s.started), 4) end,
            'users', coalesce(u.users, 0), 'crashedUsers', coalesce(u.crashed, 0),
            'crashFreeUsers', case when u.users > 0 then round(100 * (1 - u.crashed / u.users), 4) end)
            order by s.started desc, s.release, s.environment)
        from (
            select h.release, h.environment, sum(h.started) as started, sum(h.exited) as exited,
                   sum(h.errored) as errored, sum(h.crashed) as crashed, sum(h.abnormal) as abnormal
            from errtrack.release_health h
            where h.project_id = project
              and h.hour >= date_trunc('hour', period.low, 'UTC') and h.hour <= period.high
              and (cardinality(environments) = 0 or h.environment = any (environments))
              and (cardinality(releases) = 0 or h.release = any (releases))
            group by 1, 2
            order by 3 desc
            limit 200) s
        left join lateral (
            -- A person of two days is one.
            select count(*)::numeric as users, count(*) filter (where d.crashed)::numeric as crashed
            from (
                select u.did, bool_or(u.crashed) as crashed
                from errtrack_private.session_users u
                where u.project_id = project and u.release = s.release
                  and u.environment = coalesce(s.environment, '')
                  and u.day >= (date_trunc('day', period.low, 'UTC') at time zone 'UTC')::date
                  and u.day <= (period.high at time zone 'UTC')::date
                  and u.since >= errtrack_private.visible_from(project)
                group by 1) d) u on true));
end
$$;
comment on function errtrack_private.sentry_health(bytea, jsonb) is
    'Sessions and users of a project by release and environment, and how many were free of crashes. Users by whole days.';

create or replace function errtrack_private.sentry_transactions(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
    period constant record := errtrack_private.period_of(request, '24h');
    most constant integer := errtrack_private.page_length(request, 100, 1000);
begin
    return errtrack_private.as_json_rows((
        select jsonb_agg(jsonb_build_object(
            'transaction', t.transaction, 'op', t.op, 'count', t.total, 'failures', t.failures,
            'failureRate', round(t.failures / t.total, 4),
            'mean', round((t.total_ms / t.total)::numeric, 3),
            'p50', round(errtrack.duration_quantile(t.durations, 0.5)::numeric, 3),
            'p95', round(errtrack.duration_quantile(t.durations, 0.95)::numeric, 3),
            'p99', round(errtrack.duration_quantile(t.durations, 0.99)::numeric, 3)) order by t.total desc, t.transaction, t.op)
        from (
            select t.transaction, t.op, sum(t.total) as total, sum(t.failures) as failures, sum(t.total_ms) as total_ms,
                   errtrack.sum_durations(t.durations) as durations
            from errtrack_private.transactions t
            where t.project_id = project
              and t.hour >= date_trunc('hour', period.low, 'UTC') and t.hour <= period.high
              and t.since >= errtrack_private.visible_from(project)
            group by 1, 2
            order by 3 desc
            limit most) t
        where t.total > 0));
end
$$;
comment on function errtrack_private.sentry_transactions(bytea, jsonb) is
    'Transactions of a project: how many, how many failed, how long they took in milliseconds.';

create or replace function errtrack_private.sentry_monitors(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    projects constant bigint[] := errtrack_private.release_projects(token_hash, request, 'project:read');
begin
    return errtrack_private.as_json_rows((
        select jsonb_agg(jsonb_build_object(
            'id', m.slug, 'slug', m.slug, 'name', m.slug, 'type', 'cron_job', 'project', jsonb_build_object('id', m.project_id::text),
            'environment', m.environment, 'status', m.status,
            'lastCheckIn', errtrack_private.rfc3339(m.last_check_in_at), 'lastSeconds', m.last_seconds,
            'nextCheckIn', errtrack_private.rfc3339(m.next_check_in_at),
            'timezone', m.timezone, 'missed', m.missed, 'timedOut', m.timed_out) order by m.project_id, m.slug, m.environment)
        from (
            select *
            from errtrack.monitors m
            where m.project_id = any (projects)
            order by m.project_id, m.slug, m.environment
            limit 1000) m));
end
$$;
comment on function errtrack_private.sentry_monitors(bytea, jsonb) is
    'The cron monitors of a project, or of an organization.';

create or replace function errtrack_private.sentry_check_ins(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
    named constant text := errtrack_private.path_text(request, 'monitor');
begin
    if not exists (select from errtrack.monitors m where m.project_id = project and m.slug = named) then
        perform errtrack_private.refuse(404);
    end if;
    return errtrack_private.as_json_rows((
        select jsonb_agg(jsonb_build_object(
            'id', c.check_in_id, 'environment', c.environment, 'status', c.status, 'duration', c.seconds * 1000,
            'dateCreated', errtrack_private.rfc3339(c.began_at)) order by c.began_at desc, c.check_in_id)
        from (
            select *
            from errtrack.check_ins c
            where c.project_id = project and c.slug = named
            order by c.began_at desc, c.check_in_id
            limit 100) c));
end
$$;
comment on function errtrack_private.sentry_check_ins(bytea, jsonb) is 'The last hundred check-ins of a monitor.';

-- ---- feedback ------------------------------------------------------------------

create or replace function errtrack_private.show_feedback(project bigint, wanted_issue bigint, before timestamptz, most integer)
returns table (received_at timestamptz, shown jsonb)
language plpgsql stable
as $$
#variable_conflict use_column
begin
    return query
        select f.received_at, jsonb_build_object(
            'id', replace(f.feedback_id::text, '-', ''), 'eventID', replace(f.event_id::text, '-', ''),
            'name', f.name, 'email', f.email, 'comments', f.message, 'url', nullif(f.url, ''), 'kind', f.kind,
            'dateCreated', errtrack_private.rfc3339(f.received_at), 'event', jsonb_build_object(
                'id', replace(f.event_id::text, '-', ''), 'eventID', replace(f.event_id::text, '-', '')),
            'issue', case when f.issue_id is not null then jsonb_build_object('id', f.issue_id::text) end,
            'user', null)
        from (
            select g.*
            from errtrack_private.feedback g
            where g.project_id = project and g.received_at < before
            order by g.received_at desc
            limit 1000) recent
        join errtrack.feedback f
          on f.project_id = recent.project_id and f.kind = recent.kind and f.feedback_id = recent.id
        where wanted_issue is null or f.issue_id = wanted_issue
        order by f.received_at desc
        limit most;
end
$$;
comment on function errtrack_private.show_feedback(bigint, bigint, timestamptz, integer) is
    'What people wrote to a project, or about an issue, the newest first: of the last thousand.';

create or replace function errtrack_private.sentry_feedback(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project bigint;
    issue bigint;
    wanted record;
begin
    if errtrack_private.path_text(request, 'issue') is not null then
        wanted := errtrack_private.sentry_issue(token_hash, request, 'event:read');
        project := wanted.project;
        issue := wanted.issue;
    else
        project := errtrack_private.sentry_project(token_hash, request, 'event:read');
    end if;
    return errtrack_private.as_json_rows((
        select jsonb_agg(f.shown order by f.received_at desc)
        from errtrack_private.show_feedback(
            project, issue, 'infinity', errtrack_private.page_length(request, 100, 100)) f));
end
$$;
comment on function errtrack_private.sentry_feedback(bytea, jsonb) is
    'What people wrote to a project, or about an issue.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'period_of(jsonb, text)', 'as_json_rows(jsonb)',
        'ledger_groups(bigint[], timestamptz, timestamptz, interval, text[], text, text)',
        'ledger_stats(bigint[], jsonb, boolean)', 'show_feedback(bigint, bigint, timestamptz, integer)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'environments', 'project_stats', 'stats', 'ledger', 'health', 'transactions', 'monitors',
        'check_ins', 'feedback']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
