-- Functions for analysts: what is asked again and again, in a form that uses the indexes
-- and ends. They read the views, as whoever calls them, so a caller sees in them what the
-- views show and nothing else. The two that run as their owner say why.
--
-- A project is named by its id, by organization/slug, or by a slug that only one has. Rows
-- are bounded by "most", up to 1000; null means that many.

create or replace function errtrack.project_id(project text) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    ids bigint[];
    names text[];
begin
    select array_agg(p.project_id), array_agg(p.organization || '/' || p.slug order by p.organization)
    into ids, names
    from errtrack.projects p
    where case
        when project_id.project ~ '^[0-9]{1,18}$' then p.project_id = project_id.project::bigint
        when strpos(project_id.project, '/') > 0 then p.organization || '/' || p.slug = project_id.project
        else p.slug = project_id.project end;
    if cardinality(ids) > 1 then
        raise exception 'several projects have the slug "%": write %', project, array_to_string(names, ' or ')
            using errcode = 'invalid_parameter_value';
    elsif ids is null then
        raise exception 'there is no project "%"', project using errcode = 'no_data_found';
    end if;
    return ids[1];
end
$$;
comment on function errtrack.project_id(text) is
    'The project_id of a project that is named by its id, by organization/slug, or by a slug that only one has. Raises when there is none.';

-- Runs as its owner: what short ids and merged issues lead to is told by private functions.
create or replace function errtrack.find_issue(issue text, out project_id bigint, out issue_id bigint)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    named constant bigint := errtrack_private.issue_id_named(issue);
begin
    select part.project_id, errtrack_private.shown_issue(part.project_id, named)
    into find_issue.project_id, find_issue.issue_id
    from errtrack.issue_parts part
    cross join lateral (select p.slug from errtrack.projects p where p.project_id = part.project_id) p
    where part.part_id = named
      and (issue ~ '^[0-9]+$' or errtrack_private.short_id(p.slug, named) = upper(issue));
    if find_issue.issue_id is null then
        raise exception 'there is no issue "%"', issue using errcode = 'no_data_found';
    end if;
end
$$;
comment on function errtrack.find_issue(text) is
    'The project_id and issue_id of an issue that is named by its id or short id (SHOP-1A); of a merged one those of the issue that shows it now. Raises when there is none.';

create or replace function errtrack.top_issues(
    project text,
    since timestamptz default now() - interval '1 day',
    until timestamptz default now(),
    most integer default 20
)
returns table (
    issue_id bigint,
    short_id text,
    title text,
    culprit text,
    level text,
    status text,
    events bigint,
    first_seen timestamptz,
    last_seen timestamptz
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    wanted constant bigint := errtrack.project_id(project);
begin
    return query
        select i.issue_id, i.short_id, i.title, i.culprit, i.level, i.status, top.events, i.first_seen, i.last_seen
        from (
            select h.issue_id, sum(h.events)::bigint as events
            from errtrack.issue_hours h
            where h.project_id = wanted
              and h.hour >= date_trunc('hour', since, 'UTC') and h.hour < until
            group by h.issue_id
            order by 2 desc, 1 desc
            limit least(most, 1000)) top
        cross join lateral (
            select * from errtrack.issues i where i.project_id = wanted and i.issue_id = top.issue_id) i
        order by top.events desc, i.issue_id desc;
end
$$;
comment on function errtrack.top_issues(text, timestamptz, timestamptz, integer) is
    'The issues of a project with the most events received in a period, which begins and ends with whole hours. Exact; reads counters, no events.';

create or replace function errtrack.new_issues(project text, release text, most integer default 100)
returns table (
    issue_id bigint,
    short_id text,
    title text,
    culprit text,
    level text,
    status text,
    events bigint,
    users bigint,
    first_seen timestamptz
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    wanted constant bigint := errtrack.project_id(project);
begin
    return query
        select i.issue_id, i.short_id, i.title, i.culprit, i.level, i.status, i.event_count, i.user_count, i.first_seen
        from (
            select distinct part.issue_id
            from errtrack.issue_parts part
            where part.project_id = wanted and part.first_release = new_issues.release) part
        cross join lateral (
            select * from errtrack.issues i where i.project_id = wanted and i.issue_id = part.issue_id) i
        where i.first_release = new_issues.release
        order by i.event_count desc, i.issue_id desc
        limit least(most, 1000);
end
$$;
comment on function errtrack.new_issues(text, text, integer) is
    'The issues of a project whose first event was of a release, those with the most events first.';

create or replace function errtrack.users_affected(
    project text,
    since timestamptz,
    until timestamptz default now(),
    issue text default null
)
returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack.project_id(project);
    found record;
begin
    if issue is null then
        return (
            select count(distinct o.user_hash)
            from errtrack.occurrences o
            where o.project_id = wanted and o.received_at >= since and o.received_at < until);
    end if;
    found := errtrack.find_issue(issue);
    if found.project_id <> wanted then
        raise exception 'there is no issue "%" in project "%"', issue, project using errcode = 'no_data_found';
    end if;
    return (
        select count(distinct o.user_hash)
        from errtrack.occurrences o
        where o.project_id = wanted and o.issue_id = found.issue_id
          and o.received_at >= since and o.received_at < until);
end
$$;
comment on function errtrack.users_affected(text, timestamptz, timestamptz, text) is
    'Distinct users in the events of a project, or of one issue of it, received between two times. Reads the events of that time.';

create or replace function errtrack.error_rates(
    project text,
    since timestamptz default now() - interval '1 day',
    until timestamptz default now(),
    most integer default 20
)
returns table (
    release text,
    events bigint,
    errors bigint,
    users bigint,
    sessions bigint,
    crashed bigint,
    errors_per_1000_sessions double precision,
    crash_free_percent double precision
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    wanted constant bigint := errtrack.project_id(project);
begin
    return query
        select coalesce(o.release, s.release), coalesce(o.events, 0), coalesce(o.errors, 0), coalesce(o.users, 0),
               coalesce(s.sessions, 0), coalesce(s.crashed, 0),
               1000 * coalesce(o.errors, 0)::double precision / nullif(s.sessions, 0),
               100 * (1 - s.crashed::double precision / nullif(s.sessions, 0))
        from (
            select o.release, count(*) as events,
                   count(*) filter (where o.level in ('error', 'fatal')) as errors,
                   count(distinct o.user_hash) as users
            from errtrack.occurrences o
            where o.project_id = wanted and o.received_at >= since and o.received_at < until
            group by o.release) o
        full join (
            select h.release, sum(h.started)::bigint as sessions, sum(h.crashed)::bigint as crashed
            from errtrack.release_health h
            where h.project_id = wanted
              and h.hour >= date_trunc('hour', since, 'UTC') and h.hour < until
            group by h.release) s on s.release = o.release
        order by coalesce(o.errors, 0) desc, coalesce(s.sessions, 0) desc, 1
        limit least(most, 1000);
end
$$;
comment on function errtrack.error_rates(text, timestamptz, timestamptz, integer) is
    'By release of a project what was received in a period: events, among them errors (level error or fatal), their users, and sessions of whole hours. Rates are null without sessions; a null release: events that name none.';

create or replace function errtrack.request_events(
    project text,
    request_id text,
    around timestamptz default now(),
    margin interval default '1 hour'
)
returns setof errtrack.occurrences
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    wanted constant bigint := errtrack.project_id(project);
    around_most constant interval := least(margin, interval '7 days');
begin
    return query
        select o.*
        from errtrack.occurrences o
        where o.project_id = wanted
          and o.received_at >= around - around_most and o.received_at <= around + around_most
          and o.request_id = request_events.request_id
        order by o.received_at
        limit 1000;
end
$$;
comment on function errtrack.request_events(text, text, timestamptz, interval) is
    'The events that came with a request, by the $request_id of nginx and about the time of its line in the access log: so much before and after, 7 days at most. Reads the events of that time: the less, the cheaper.';

-- Runs as its owner: events of an issue in their order are walked along an index, which a
-- caller of the view cannot have.
create or replace function errtrack.issue_events(
    issue text,
    most integer default 100,
    before timestamptz default null
)
returns setof errtrack.occurrences
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    found constant record := errtrack.find_issue(issue);
begin
    return query
        select shown.*
        from errtrack_private.walk_events(
            found.project_id, found.issue_id, false, before, '00000000-0000-0000-0000-000000000000',
            least(most, 1000)) event
        cross join lateral (
            select o.*
            from errtrack.occurrences o
            where o.project_id = event.project_id and o.received_at = event.received_at and o.event_id = event.event_id) shown
        order by shown.received_at desc, shown.event_id desc;
end
$$;
comment on function errtrack.issue_events(text, integer, timestamptz) is
    'The newest events of an issue that is named by its id or short id, or the newest ones received before a time.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'project_id(text)', 'find_issue(text)', 'top_issues(text, timestamptz, timestamptz, integer)',
        'new_issues(text, text, integer)', 'users_affected(text, timestamptz, timestamptz, text)',
        'error_rates(text, timestamptz, timestamptz, integer)',
        'request_events(text, text, timestamptz, interval)', 'issue_events(text, integer, timestamptz)']
    loop
        execute format('revoke execute on function errtrack.%s from public', name);
        execute format('grant execute on function errtrack.%s to errtrack_report', name);
    end loop;
end
$$;
