-- Issues as Sentry's web API shows, changes and lists them.

create or replace function errtrack_private.show_release_name(project bigint, release text) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select case when release is not null then jsonb_build_object(
            'version', release,
            'shortVersion', coalesce(substring(release from '^@?[^@]+@(.+)$'), release),
            'lastCommit', (
                select c.id
                from errtrack_private.release_commits c
                where c.project_id = project and c.release = show_release_name.release
                order by c.position
                limit 1)) end);
end
$$;
comment on function errtrack_private.show_release_name(bigint, text) is
    'A release that an issue or event names, as an object.';

create or replace function errtrack_private.status_details(i errtrack_private.issues) returns jsonb
language sql stable
as $$
    select case i.status
        when 'resolved' then case when i.resolved_after then jsonb_build_object('inNextRelease', true)
                                  else jsonb_strip_nulls(jsonb_build_object('inRelease', i.resolved_in)) end
        when 'ignored' then jsonb_strip_nulls(jsonb_build_object(
            'ignoreUntil', errtrack_private.rfc3339(i.ignored_until),
            'ignoreCount', i.ignored_until_events - i.event_count,
            'ignoreUserCount', i.ignored_until_users - i.user_count))
        else '{}' end
$$;
comment on function errtrack_private.status_details(errtrack_private.issues) is
    'How an issue was resolved, or how long it is ignored.';

create or replace function errtrack_private.link_label(l errtrack_private.issue_links) returns text
language sql immutable
as $$
    select case l.provider when 'gitlab' then 'GL-' when 'github' then 'GH-' else '' end
        -- Of what has no number what can be no markup.
        || coalesce(substring(l.reference from '[0-9]+$'), nullif(regexp_replace(l.reference, '[^A-Za-z0-9 _-]', '', 'g'), ''), 'issue')
$$;
comment on function errtrack_private.link_label(errtrack_private.issue_links) is 'What an issue of a tracker is called.';

create or replace function errtrack_private.show_issues(
    places errtrack_private.issue_place[],
    stats_period text,
    base text
)
returns table (n bigint, shown json)
language plpgsql stable
as $$
#variable_conflict use_column
begin
    -- Planned once in a session, which costs more than the rows do. json, as jsonb would be
    -- taken apart and sorted first.
    return query
    with wanted as materialized (
        select p.project_id, p.id, p.n
        from unnest(places) with ordinality as p (project_id, id, place, n)
    ), counted as (
        select f.issue_id, f.pairs
        from (select w.project_id, array_agg(w.id) as ids from wanted w group by 1) g
        cross join lateral errtrack_private.frequencies(g.project_id, g.ids, stats_period) f
        where stats_period <> ''
    )
    select w.n, json_build_object(
        'id', i.id::text,
        'shareId', null,
        'shortId', errtrack_private.short_id(p.slug, i.id),
        'title', i.title,
        'culprit', i.culprit,
        'permalink', format('%s/%s/%s/issues/%s/', base, o.slug, p.slug, i.id),
        'logger', nullif(i.logger, ''),
        'level', i.level,
        'status', i.status,
        'statusDetails', case i.status when 'unresolved' then '{}' else errtrack_private.status_details(i) end,
        -- As is:regressed and is:new find them.
        'substatus', case when i.status <> 'unresolved' then null
                          when i.regressed_at is not null then 'regressed'
                          when i.first_seen >= now() - interval '7 days' then 'new'
                          else 'ongoing' end,
        'isPublic', false,
        'platform', i.platform,
        'project', json_build_object('id', p.id::text, 'slug', p.slug, 'name', p.name, 'platform', p.platform),
        'type', i.kind,
        'metadata', case when i.kind = 'default' then json_build_object('title', i.title)
                         else json_build_object('type', i.type, 'value', i.value) end,
        'numComments', (
            select count(*) from errtrack_private.issue_comments c
            where c.project_id = i.project_id and c.issue_id = i.id),
        'assignedTo', case when i.assigned_to is not null
                           then errtrack_private.show_user(i.assigned_to) || '{"type": "user"}' end,
        'isBookmarked', false,
        'isSubscribed', false,
        'subscriptionDetails', null,
        'hasSeen', true,
        'annotations', (
            select coalesce(json_agg(format('<a href="%s">%s</a>', l.url, errtrack_private.link_label(l)) order by l.id), '[]')
            from errtrack_private.issue_links l
            where l.project_id = i.project_id and l.issue_id = i.id and l.url ~ '^https?://[^"<>\s]+$'),
        'count', errtrack_private.clamp_count(i.event_count)::text,
        'userCount', errtrack_private.clamp_count(i.user_count),
        'firstSeen', errtrack_private.rfc3339(i.first_seen),
        'lastSeen', errtrack_private.rfc3339(i.last_seen),
        'stats', case when stats_period = '' then '{}'::json else json_build_object(stats_period, c.pairs) end)
    from wanted w
    join errtrack_private.issues i on i.project_id = w.project_id and i.id = w.id
    join errtrack_private.projects p on p.id = i.project_id
    join errtrack_private.organizations o on o.id = p.organization_id
    left join counted c on c.issue_id = w.id;
end
$$;
comment on function errtrack_private.show_issues(errtrack_private.issue_place[], text, text) is
    'Issues as lists show them, with their counts over a period; an empty one: without.';

-- ---- lists ---------------------------------------------------------------------

create or replace function errtrack_private.trending(
    projects bigint[],
    statuses text[],
    bound text[],
    condition text
)
returns errtrack_private.issue_place[]
language plpgsql stable
as $$
declare
    found_places errtrack_private.issue_place[];
begin
    -- Only what happened lately can rise: of that, those that were seen last.
    found_places := errtrack_private.find_issues(
        projects, statuses, bound, format('(%s) and i.last_seen >= now() - interval ''24 hours''', condition),
        null, 'l', false, null, null, 500);
    return array(
        select row(t.project_id, t.id, t.rise)::errtrack_private.issue_place
        from (
            select f.project_id, f.id,
                   (1000 * coalesce(sum(c.events) filter (where c.bucket >= now() - interval '24 hours'), 0)
                       / (1 + coalesce(sum(c.events) filter (where c.bucket < now() - interval '24 hours'), 0)))::bigint as rise
            from unnest(found_places) as f (project_id, id, place)
            join errtrack_private.origins o on o.project_id = f.project_id and o.issue_id = f.id
            left join errtrack_private.counts_1h c
              on c.project_id = o.project_id and c.origin_id = o.id and c.bucket >= now() - interval '48 hours'
            group by 1, 2) t
        order by t.rise desc, t.id desc);
end
$$;
comment on function errtrack_private.trending(bigint[], text[], text[], text) is
    'Of the 500 issues that were seen last within a day, those first that had the most events in 24 hours beside the 24 hours before.';

create or replace function errtrack_private.page_of_trends(
    places errtrack_private.issue_place[],
    cursor_text text,
    page_size integer,
    out found_places errtrack_private.issue_place[],
    out next_cursor text,
    out prev_cursor text
)
language plpgsql immutable
as $$
declare
    cursor_at record := errtrack_private.issue_cursor(cursor_text, 't');
    first_n integer := 1;
    last_n integer;
begin
    -- An order that changes: what moved to the other side of the cursor meanwhile is not
    -- shown again.
    if cursor_at.place is not null then
        select 1 + count(*) into first_n
        from unnest(places) as each (project_id, id, place)
        where case when cursor_at.direction = 'p' then (each.place, each.id) > (cursor_at.place, cursor_at.id)
                   else (each.place, each.id) >= (cursor_at.place, cursor_at.id) end;
    end if;
    if cursor_at.direction = 'p' then
        first_n := greatest(first_n - page_size, 1);
    end if;
    last_n := least(first_n + page_size - 1, cardinality(places));
    found_places := places[first_n : last_n];
    if last_n < cardinality(places) and last_n > 0 then
        next_cursor := errtrack_private.encode_cursor('n', 't', places[last_n].place, places[last_n].id::text);
    end if;
    if first_n > 1 and first_n <= cardinality(places) then
        prev_cursor := errtrack_private.encode_cursor('p', 't', places[first_n].place, places[first_n].id::text);
    end if;
end
$$;
comment on function errtrack_private.page_of_trends(errtrack_private.issue_place[], text, integer) is
    'A page of what trending() found, with the cursors of those around it.';

create or replace function errtrack_private.scope_condition(request jsonb, inout bound text[], out condition text)
language plpgsql stable
as $$
declare
    environments constant text[] := errtrack_private.arguments(request, 'environment');
    period constant text := errtrack_private.argument(request, 'statsPeriod');
    low timestamptz := errtrack_private.moment_of(errtrack_private.argument(request, 'start'));
    high timestamptz := errtrack_private.moment_of(errtrack_private.argument(request, 'end'));
begin
    condition := 'true';
    if cardinality(environments) > 0 then
        bound := bound || array_to_string(environments, E'\n');
        condition := condition || format(' and coalesce((
            select true from errtrack_private.origins o
            join errtrack_private.tag_counts t on t.project_id = o.project_id and t.origin_id = o.id
            where o.project_id = i.project_id and o.issue_id = i.id
              and t.key = ''environment'' and t.value = any (string_to_array($3[%s], E''\n''))
            limit 1), false)', cardinality(bound));
    end if;
    if (low is null) <> (errtrack_private.argument(request, 'start') is null)
        or (high is null) <> (errtrack_private.argument(request, 'end') is null)
    then
        perform errtrack_private.refuse(400, 'start and end must be times: 2026-01-31T12:00:00');
    end if;
    if low is not null then
        condition := condition || format(' and i.last_seen >= %L::timestamptz', low);
    end if;
    if high is not null then
        condition := condition || format(' and i.first_seen <= %L::timestamptz', high);
    end if;
end
$$;
comment on function errtrack_private.scope_condition(jsonb, text[]) is
    'What environment, start and end of a request mean for issues.';

create or replace function errtrack_private.refuse_bare_tag(projects bigint[], search text) returns void
language plpgsql stable
as $$
declare
    -- Where no text follows. What is in quotes is one.
    bare constant text := substring(regexp_replace(search, '"(?:[^"\\]|\\.)*"', '""', 'g')
        from '(?:^|\s)!?([[:alnum:]_.-]+):(?:\s*$|\s+!?[[:alnum:]_.-]+:[^:\s])');
begin
    if bare is not null and exists (
        select from errtrack_private.tag_keys k where k.project_id = any (projects) and k.key = bare)
    then
        perform errtrack_private.refuse_value(bare);
    end if;
end
$$;
comment on function errtrack_private.refuse_bare_tag(bigint[], text) is
    'Refuses a search in which a tag of one of these projects has no value: "plan:", which is a text where there is no tag of that name.';

create or replace function errtrack_private.wanted_issues(
    projects bigint[],
    token_hash bytea,
    request jsonb,
    out statuses text[],
    out bound text[],
    out condition text,
    out candidates text
)
language plpgsql stable
as $$
declare
    -- Absent means what is open; empty means all.
    search constant text := coalesce(request #>> '{arguments,query,-1}', 'is:unresolved');
    scope record;
    meaning record;
begin
    perform errtrack_private.refuse_bare_tag(projects, search);
    -- Who asks matters to a search for what is assigned to "me".
    meaning := errtrack_private.search_sql(
        search, case when search ~ '\mme\M' then (errtrack_private.sentry_token(token_hash)).user_id end);
    scope := errtrack_private.scope_condition(request, meaning.bound);
    statuses := meaning.statuses;
    bound := scope.bound;
    condition := case 'true' when meaning.condition then scope.condition when scope.condition then meaning.condition
                             else meaning.condition || ' and ' || scope.condition end;
    candidates := meaning.candidates;
end
$$;
comment on function errtrack_private.wanted_issues(bigint[], bytea, jsonb) is
    'Which issues a request is about, by its arguments query, environment, start and end.';

create or replace function errtrack_private.answer_issues(projects bigint[], token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
as $$
declare
    -- Other names that Sentry has or had for two of them.
    sort_by constant text := case
        when errtrack_private.argument(request, 'sort') in ('priority', 'recommended') then 'trends'
        when errtrack_private.argument(request, 'sort') = 'inbox' then 'date'
        else errtrack_private.argument_choice(request, 'sort', 'date', 'new', 'freq', 'user', 'trends') end;
    page_size constant integer := errtrack_private.page_length(request, 25, 100);
    cursor_text constant text := errtrack_private.argument(request, 'cursor');
    period text;
    short_id constant text := errtrack_private.argument(request, 'query');
    wanted record;
    answer errtrack_private.answer;
    places errtrack_private.issue_place[];
begin
    if request #>> '{arguments,statsPeriod,-1}' = '' then
        period := '';
    else
        period := errtrack_private.argument_choice(request, 'statsPeriod', '24h', '14d', '30d', '1h', '7d', 'auto');
    end if;
    wanted := errtrack_private.wanted_issues(projects, token_hash, request);
    -- With shortIdLookup=1 a search that is a short id finds that issue alone.
    if errtrack_private.argument(request, 'shortIdLookup') in ('1', 'true') and short_id ~ '^[A-Za-z0-9_-]+-[0-9A-Za-z]+$' then
        select array_agg(row(o.project_id, o.issue_id, 0)::errtrack_private.issue_place) into places
        from errtrack_private.origins o
        join errtrack_private.projects p on p.id = o.project_id
        where o.id = errtrack_private.id_of_short(short_id)
          and o.project_id = any (projects)
          and errtrack_private.short_id(p.slug, o.id) = upper(short_id)
          and errtrack_private.issue_is_visible(o.project_id, o.issue_id);
    end if;
    if places is null and sort_by = 'trends' then
        select page.found_places, page.next_cursor, page.prev_cursor
        into places, answer.next_cursor, answer.prev_cursor
        from errtrack_private.page_of_trends(
            errtrack_private.trending(projects, wanted.statuses, wanted.bound, wanted.condition),
            cursor_text, page_size) as page;
    elsif places is null then
        select page.found_places, page.next_cursor, page.prev_cursor
        into places, answer.next_cursor, answer.prev_cursor
        from errtrack_private.page_of_issues(
            projects, wanted.statuses, wanted.bound, wanted.condition, wanted.candidates,
            case sort_by when 'new' then 'f' when 'freq' then 'c' when 'user' then 'u' else 'l' end,
            cursor_text, page_size) as page;
    end if;
    answer.status := 200;
    select coalesce(json_agg(issue.shown order by issue.n)::text, '[]') into answer.body
    from errtrack_private.show_issues(
        places, case period when 'auto' then '24h' else period end, request ->> 'base') as issue;
    return answer;
end
$$;
comment on function errtrack_private.answer_issues(bigint[], bytea, jsonb) is
    'A page of the issues of projects.';

create or replace function errtrack_private.sentry_issues(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.answer_issues(
        array[errtrack_private.sentry_project(token_hash, request, 'event:read')], token_hash, request)
$$;
comment on function errtrack_private.sentry_issues(bytea, jsonb) is
    'A page of the issues of a project. See search_sql() for what query can be.';

create or replace function errtrack_private.organization_projects(token_hash bytea, request jsonb, scope text)
returns bigint[]
language plpgsql stable
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, scope);
    named constant text[] := errtrack_private.arguments(request, 'project');
    projects bigint[];
begin
    projects := array(
        select r.project_id
        from errtrack_private.reach(token_hash, organization_projects.scope) r
        join errtrack_private.projects p on p.id = r.project_id
        where r.organization_id = organization
          and (cardinality(named) = 0 or '-1' = any (named) or p.id::text = any (named) or p.slug = any (named))
        order by r.project_id);
    if cardinality(projects) = 0 and cardinality(named) > 0 then
        perform errtrack_private.refuse(404);
    end if;
    return projects;
end
$$;
comment on function errtrack_private.organization_projects(bytea, jsonb, text) is
    'The projects of an organization that a request is about: those that its arguments name, or all that the token reaches.';

create or replace function errtrack_private.sentry_organization_issues(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.answer_issues(
        errtrack_private.organization_projects(token_hash, request, 'event:read'), token_hash, request)
$$;
comment on function errtrack_private.sentry_organization_issues(bytea, jsonb) is
    'A page of the issues of an organization, or of some of its projects.';

-- ---- one issue -----------------------------------------------------------------

create or replace function errtrack_private.issue_links_of(project bigint, issue bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', l.provider, 'slug', l.provider,
            'name', case l.provider when 'gitlab' then 'GitLab' when 'github' then 'GitHub' else 'Tracker' end,
            'issue', jsonb_build_object(
                'issue_id', substring(l.reference from '[0-9]+$'), 'url', l.url, 'label', errtrack_private.link_label(l)))
            order by l.id), '[]')
        from errtrack_private.issue_links l
        where l.project_id = project and l.issue_id = issue);
end
$$;
comment on function errtrack_private.issue_links_of(bigint, bigint) is
    'Issues of trackers that belong to an issue, as GitLab reads them beside the annotations of an issue.';

create or replace function errtrack_private.issue_activity(project bigint, issue bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', h.id::text,
            'type', case h.what when 'new' then 'first_seen' when 'regression' then 'set_regression'
                                when 'resolved' then case when h.details ? 'in_release' or h.details ? 'after_release'
                                                          then 'set_resolved_in_release' else 'set_resolved' end
                                when 'ignored' then 'set_ignored' when 'unignored' then 'set_unresolved'
                                when 'reopened' then 'set_unresolved' when 'merged' then 'merge'
                                when 'comment' then 'note' else h.what end,
            'user', (select errtrack_private.show_user(u.id) from errtrack_private.users u where lower(u.email) = lower(h.who)),
            'who', h.who,
            'data', h.details,
            'dateCreated', errtrack_private.rfc3339(h.at)) order by h.id desc), '[]')
        from (
            select *
            from errtrack_private.issue_history h
            where h.project_id = project and h.issue_id = issue
            order by h.id desc
            limit 100) h);
end
$$;
comment on function errtrack_private.issue_activity(bigint, bigint) is
    'The last hundred things that happened to an issue, the newest first.';

create or replace function errtrack_private.show_issue(project bigint, issue bigint, base text) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select list.shown::jsonb
            || jsonb_build_object(
                'stats', (list.shown -> 'stats')::jsonb || jsonb_build_object('30d', (
                    select f.pairs from errtrack_private.frequencies(project, array[issue], '30d') f)),
                'firstRelease', errtrack_private.show_release_name(project, i.first_release),
                'lastRelease', errtrack_private.show_release_name(project, i.last_release),
                'activity', errtrack_private.issue_activity(project, issue),
                'tags', errtrack_private.issue_tag_keys(project, issue), 'seenBy', '[]'::jsonb, 'participants', '[]'::jsonb, 'pluginActions', '[]'::jsonb,
                'pluginContexts', '[]'::jsonb)
            || jsonb_build_object('pluginIssues', errtrack_private.issue_links_of(project, issue))
        from errtrack_private.issues i
        cross join errtrack_private.show_issues(
            array[row(project, issue, 0)::errtrack_private.issue_place], '24h', base) list
        where i.project_id = project and i.id = issue);
end
$$;
comment on function errtrack_private.show_issue(bigint, bigint, text) is
    'An issue with all that its page shows.';

create or replace function errtrack_private.sentry_issue_get(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:read');
begin
    return errtrack_private.ok(errtrack_private.show_issue(wanted.project, wanted.issue, request ->> 'base')::text);
end
$$;
comment on function errtrack_private.sentry_issue_get(bytea, jsonb) is 'One issue.';

create or replace function errtrack_private.sentry_activities(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:read');
begin
    return errtrack_private.ok(jsonb_build_object(
        'activity', errtrack_private.issue_activity(wanted.project, wanted.issue))::text);
end
$$;
comment on function errtrack_private.sentry_activities(bytea, jsonb) is 'What happened to an issue.';

create or replace function errtrack_private.sentry_hashes(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:read');
begin
    return errtrack_private.ok((
        with latest as materialized (
            select distinct on (w.hash) w.hash, w as event
            from errtrack_private.walk_events(wanted.project, wanted.issue, false, null, null, 100) w
            order by w.hash, w.received_at desc, w.event_id desc
        )
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', replace(h.hash::text, '-', ''), 'state', 'unlocked',
            'latestEvent', (select errtrack_private.list_item(l.event, wanted.issue) from latest l where l.hash = h.hash),
            'variant', h.variant, 'algorithm', h.algo, 'title', h.title, 'mergedFrom', nullif(o.id, wanted.issue)::text,
            'firstSeen', errtrack_private.rfc3339(h.first_seen)) order by h.first_seen, h.hash), '[]')::text
        from errtrack_private.origins o
        join errtrack_private.hashes h on h.project_id = o.project_id and h.origin_id = o.id
        where o.project_id = wanted.project and o.issue_id = wanted.issue));
end
$$;
comment on function errtrack_private.sentry_hashes(bytea, jsonb) is
    'The grouping hashes of an issue, with the issue that each was merged from, and its latest event if that is among the last hundred of the issue.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'show_release_name(bigint, text)', 'status_details(errtrack_private.issues)',
        'show_issues(errtrack_private.issue_place[], text, text)', 'trending(bigint[], text[], text[], text)',
        'page_of_trends(errtrack_private.issue_place[], text, integer)',
        'scope_condition(jsonb, text[])', 'refuse_bare_tag(bigint[], text)', 'wanted_issues(bigint[], bytea, jsonb)',
        'answer_issues(bigint[], bytea, jsonb)', 'organization_projects(bytea, jsonb, text)',
        'link_label(errtrack_private.issue_links)', 'issue_links_of(bigint, bigint)', 'issue_activity(bigint, bigint)', 'show_issue(bigint, bigint, text)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'issues', 'organization_issues', 'issue_get', 'activities', 'hashes']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
