-- Events over Sentry's web API: one of them by its name or id, and lists. What they look
-- like is in 049_event_shapes.sql.

create or replace function errtrack_private.answer_event(
    event errtrack_private.occurrences,
    issue bigint,
    previous errtrack_private.occurrences,
    next errtrack_private.occurrences
)
returns errtrack_private.answer
language plpgsql stable
as $$
begin
    return errtrack_private.ok(errtrack_private.fit_event(event, issue, jsonb_build_object(
        'previousEventID', replace(previous.event_id::text, '-', ''),
        'nextEventID', replace(next.event_id::text, '-', '')))::text);
end
$$;
comment on function errtrack_private.answer_event(
    errtrack_private.occurrences, bigint, errtrack_private.occurrences, errtrack_private.occurrences) is
    'The answer that is one event, with its neighbours in its issue.';

create or replace function errtrack_private.neighbour(
    event errtrack_private.occurrences,
    issue bigint,
    later boolean
)
returns errtrack_private.occurrences
language plpgsql stable
as $$
begin
    return errtrack_private.walk_events(event.project_id, issue, later, event.received_at, event.event_id, 1);
end
$$;
comment on function errtrack_private.neighbour(errtrack_private.occurrences, bigint, boolean) is
    'The next event of the same issue, or the one before; null where there is none.';

create or replace function errtrack_private.find_event(project bigint, wanted uuid)
returns errtrack_private.occurrences
language plpgsql stable
-- A plan for all days is made once: it costs ten times what looking into all of them does.
set plan_cache_mode = force_generic_plan
as $$
declare
    at timestamptz;
    event errtrack_private.occurrences;
begin
    select e.received_at into at
    from errtrack_private.event_ids e
    where e.project_id = project and e.event_id = wanted
    order by e.day desc
    limit 1;
    select c.* into event
    from errtrack_private.occurrences c
    where c.project_id = project
      and c.received_at = at
      and c.event_id = wanted
      and c.received_at >= errtrack_private.visible_from(project);
    return event;
end
$$;
comment on function errtrack_private.find_event(bigint, uuid) is
    'An event of a project by its id. Ids are known as long as the partitions of their day.';

create or replace function errtrack_private.event_id_of(value text) returns uuid
language plpgsql immutable
as $$
begin
    if lower(value) !~ '^([0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$' then
        perform errtrack_private.refuse(400, 'an event id has 32 hexadecimal digits');
    end if;
    return value::uuid;
end
$$;
comment on function errtrack_private.event_id_of(text) is 'An event id as clients write it.';

create or replace function errtrack_private.sentry_issue_event(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:read');
    named constant text := errtrack_private.path_text(request, 'event');
    environments constant text[] := errtrack_private.arguments(request, 'environment');
    outermost errtrack_private.occurrences[];
    event errtrack_private.occurrences;
begin
    if named in ('latest', 'oldest', 'recommended') and cardinality(environments) = 0 then
        -- The second one is its only neighbour.
        outermost := array(select errtrack_private.walk_events(wanted.project, wanted.issue, named = 'oldest', null, null, 2));
        if cardinality(outermost) = 0 then
            perform errtrack_private.refuse(404);
        end if;
        return case when named = 'oldest'
            then errtrack_private.answer_event(outermost[1], wanted.issue, null, outermost[2])
            else errtrack_private.answer_event(outermost[1], wanted.issue, outermost[2], null) end;
    elsif named in ('latest', 'oldest', 'recommended') then
        event := (errtrack_private.walk_environments(
            wanted.project, wanted.issue, environments, named = 'oldest', 1, null, null)).events[1];
    else
        event := errtrack_private.find_event(wanted.project, errtrack_private.event_id_of(named));
        if not exists (
            select from errtrack_private.origins o
            where o.project_id = wanted.project and o.id = event.origin_id and o.issue_id = wanted.issue)
        then
            event := null;
        end if;
    end if;
    if event.event_id is null then
        perform errtrack_private.refuse(404);
    end if;
    return errtrack_private.answer_event(
        event, wanted.issue, errtrack_private.neighbour(event, wanted.issue, false), errtrack_private.neighbour(event, wanted.issue, true));
end
$$;
comment on function errtrack_private.sentry_issue_event(bytea, jsonb) is
    'An event of an issue: the latest, the oldest, of some environments if they are named, or one by its id.';

create or replace function errtrack_private.sentry_project_event(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'event:read');
    event errtrack_private.occurrences := errtrack_private.find_event(
        project, errtrack_private.event_id_of(errtrack_private.path_text(request, 'event')));
    issue constant bigint := (
        select o.issue_id from errtrack_private.origins o where o.project_id = project and o.id = event.origin_id);
begin
    if issue is null then
        perform errtrack_private.refuse(404);
    end if;
    return errtrack_private.answer_event(
        event, issue, errtrack_private.neighbour(event, issue, false), errtrack_private.neighbour(event, issue, true));
end
$$;
comment on function errtrack_private.sentry_project_event(bytea, jsonb) is 'An event of a project by its id.';

create or replace function errtrack_private.sentry_event_json(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'event:read');
    event errtrack_private.occurrences := errtrack_private.find_event(
        project, errtrack_private.event_id_of(errtrack_private.path_text(request, 'event')));
    shown text;
begin
    -- Of an issue that was deleted nothing is shown, though its bodies stay a while.
    select coalesce(p.body::text, errtrack_private.event_body(event)::text) into shown
    from errtrack_private.origins o
    left join errtrack_private.payloads p
      on p.project_id = project and p.event_id = event.event_id and p.received_at = event.received_at
    where o.project_id = project and o.id = event.origin_id;
    if shown is null then
        perform errtrack_private.refuse(404);
    end if;
    return errtrack_private.ok(shown);
end
$$;
comment on function errtrack_private.sentry_event_json(bytea, jsonb) is
    'The body of an event as it is kept.';

create or replace function errtrack_private.sentry_event_id(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'event:read');
    wanted constant uuid := errtrack_private.event_id_of(errtrack_private.path_text(request, 'event'));
    found_event record;
begin
    select e.*, o.issue_id, p.slug as project, g.slug as organization into found_event
    from errtrack_private.reach(token_hash, 'event:read') r
    cross join lateral errtrack_private.find_event(r.project_id, wanted) e
    join errtrack_private.origins o on o.project_id = e.project_id and o.id = e.origin_id
    join errtrack_private.projects p on p.id = e.project_id
    join errtrack_private.organizations g on g.id = p.organization_id
    where r.organization_id = wanted_organization and e.event_id is not null
    limit 1;
    if found_event.issue_id is null then
        perform errtrack_private.refuse(404);
    end if;
    return errtrack_private.ok(jsonb_build_object(
        'organizationSlug', found_event.organization, 'projectSlug', found_event.project,
        'groupId', found_event.issue_id::text, 'eventId', replace(wanted::text, '-', ''))::text);
end
$$;
comment on function errtrack_private.sentry_event_id(bytea, jsonb) is
    'The issue of an event that only its id is known of.';

create or replace function errtrack_private.sentry_short_id(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:read');
begin
    return errtrack_private.ok((
        select jsonb_build_object(
            'organizationSlug', o.slug, 'projectSlug', p.slug, 'groupId', wanted.issue::text,
            'shortId', errtrack_private.short_id(p.slug, wanted.issue),
            'group', errtrack_private.show_issue(wanted.project, wanted.issue, request ->> 'base'))::text
        from errtrack_private.projects p
        join errtrack_private.organizations o on o.id = p.organization_id
        where p.id = wanted.project));
end
$$;
comment on function errtrack_private.sentry_short_id(bytea, jsonb) is 'The issue of a short id.';

-- ---- lists ---------------------------------------------------------------------

create or replace function errtrack_private.refuse_query(request jsonb) returns void
language plpgsql immutable
as $$
begin
    -- Tags of a single event are only in its body, and no part of all bodies is an answer.
    if errtrack_private.argument(request, 'query') is not null then
        perform errtrack_private.refuse(400, 'query is not supported here: events are found by environment, issues by query');
    end if;
end
$$;
comment on function errtrack_private.refuse_query(jsonb) is 'Refuses a search where there is none.';

create or replace function errtrack_private.walk_environments(
    project bigint,
    issue bigint,
    environments text[],
    ascending boolean,
    wanted integer,
    inout place timestamptz,
    inout place_id uuid,
    out events errtrack_private.occurrences[]
)
language plpgsql stable
as $$
declare
    most constant integer := 5000;
    low timestamptz;
    high timestamptz;
    walked errtrack_private.occurrences[];
begin
    if cardinality(environments) = 0 then
        events := array(select errtrack_private.walk_events(project, issue, ascending, place, place_id, wanted + 1));
        place := null;
    else
        -- From where the environment was seen on. One that did not find room among the
        -- counted ones may be anywhere that others like it are.
        select min(t.first_received_at), max(t.last_received_at) into low, high
        from errtrack_private.origins o
        join errtrack_private.tag_counts t on t.project_id = o.project_id and t.origin_id = o.id
        where o.project_id = project and o.issue_id = issue
          and (t.key = 'environment' and (t.value = any (environments) or t.value = '(other)') or t.key = '(other)');
        if ascending and place >= low is not true then
            place := low;
            place_id := '00000000-0000-0000-0000-000000000000';
        elsif not ascending and place <= high is not true then
            place := high;
            place_id := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
        end if;
        events := '{}';
        if low is null then
            place := null;
            return;
        end if;
        walked := array(select errtrack_private.walk_events(project, issue, ascending, place, place_id, most));
        events := array(
            select w.event
            from (select e as event, row_number() over () as n from unnest(walked) as e) w
            where (w.event).environment = any (environments)
            order by w.n
            limit wanted + 1);
        -- An event of the environment may be far away: then the page ends early, and the
        -- next one goes on from there.
        place := null;
        if cardinality(walked) = most and walked[most].received_at between low and high then
            place := walked[most].received_at;
            place_id := walked[most].event_id;
        end if;
    end if;
    if cardinality(events) > wanted then
        events := events[:wanted];
        place := events[wanted].received_at;
        place_id := events[wanted].event_id;
    end if;
end
$$;
comment on function errtrack_private.walk_environments(bigint, bigint, text[], boolean, integer, timestamptz, uuid) is
    'walk_events() of some environments, or of all when none is named: so many events at most, and the place from which the next ones are found, null when there are none. A page may have fewer, or none, and others after it.';

create or replace function errtrack_private.show_events(events errtrack_private.occurrences[], whole boolean) returns jsonb[]
language plpgsql stable
as $$
declare
    most constant integer := 2097152;
    event errtrack_private.occurrences;
    issue bigint;
    item jsonb;
    shown jsonb[] := '{}';
    bytes bigint := 0;
begin
    foreach event in array events loop
        select o.issue_id into issue
        from errtrack_private.origins o
        where o.project_id = event.project_id and o.id = event.origin_id;
        if whole then
            item := errtrack_private.fit_event(event, issue);
            bytes := bytes + octet_length(item::text);
        else
            item := errtrack_private.list_item(event, issue);
        end if;
        shown := shown || item;
        exit when bytes >= most;
    end loop;
    return shown;
end
$$;
comment on function errtrack_private.show_events(errtrack_private.occurrences[], boolean) is
    'Events as a list shows them, or whole: then only as many of the first as make 2 MiB, since the largest take 50 ms each.';

create or replace function errtrack_private.sentry_issue_events(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:read');
    whole constant boolean := coalesce(errtrack_private.argument(request, 'full') in ('1', 'true'), false);
    -- Of whole events, which have up to 1 MiB each, a page has less.
    page_size constant integer := least(
        errtrack_private.page_length(request, 50, 100), case when whole then 20 else 100 end);
    environments constant text[] := errtrack_private.arguments(request, 'environment');
    cursor_text constant text := errtrack_private.argument(request, 'cursor');
    cursor_at record;
    backward boolean := false;
    page record;
    other record;
    shown jsonb[];
    edge_at timestamptz;
    edge_id uuid;
    beyond boolean := false;
    answer errtrack_private.answer;
begin
    perform errtrack_private.refuse_query(request);
    select decoded.direction, errtrack_private.from_microseconds(decoded.place) as place, decoded.id::uuid as id
    into cursor_at
    from errtrack_private.decode_cursor(cursor_text, 'e') as decoded;
    if cursor_text !~ '^[0-9]+:[0-9]+:[01]$' and cursor_at.direction is null then
        perform errtrack_private.refuse(400, 'cursor is invalid');
    end if;
    backward := coalesce(cursor_at.direction = 'p', false);
    page := errtrack_private.walk_environments(
        wanted.project, wanted.issue, environments, backward, page_size, cursor_at.place, cursor_at.id);
    shown := errtrack_private.show_events(page.events, whole);
    if cardinality(shown) < cardinality(page.events) then
        page.events := page.events[:cardinality(shown)];
        page.place := page.events[cardinality(shown)].received_at;
        page.place_id := page.events[cardinality(shown)].event_id;
    end if;
    -- Where those on the other side begin.
    edge_at := coalesce(page.events[1].received_at, cursor_at.place);
    edge_id := coalesce(page.events[1].event_id, cursor_at.id);
    if cursor_at.place is not null then
        other := errtrack_private.walk_environments(
            wanted.project, wanted.issue, environments, not backward, 1, edge_at, edge_id);
        beyond := cardinality(other.events) > 0 or other.place is not null;
    end if;
    if page.place is not null then
        answer.next_cursor := errtrack_private.encode_cursor(
            case when backward then 'p' else 'n' end, 'e',
            errtrack_private.microseconds(page.place), replace(page.place_id::text, '-', ''));
    end if;
    if beyond then
        answer.prev_cursor := errtrack_private.encode_cursor(
            case when backward then 'n' else 'p' end, 'e',
            errtrack_private.microseconds(edge_at), replace(edge_id::text, '-', ''));
    end if;
    if backward then
        select answer.prev_cursor, answer.next_cursor into answer.next_cursor, answer.prev_cursor;
    end if;
    answer.status := 200;
    -- The newest first.
    select coalesce(jsonb_agg(s.item order by case when backward then -s.n else s.n end), '[]')::text into answer.body
    from unnest(shown) with ordinality as s (item, n);
    return answer;
end
$$;
comment on function errtrack_private.sentry_issue_events(bytea, jsonb) is
    'A page of the events of an issue, or of those of some environments, the newest first. full=1 gives their bodies too, at most 20 on a page, and of large ones as many as make 2 MiB.';

create or replace function errtrack_private.sentry_project_events(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'event:read');
    whole constant boolean := coalesce(errtrack_private.argument(request, 'full') in ('1', 'true'), false);
    -- Of whole events, which have up to 1 MiB each, a page has less.
    page_size constant integer := least(
        errtrack_private.page_length(request, 50, 100), case when whole then 20 else 100 end);
    cursor_text constant text := errtrack_private.argument(request, 'cursor');
    environments constant text[] := errtrack_private.arguments(request, 'environment');
    -- As in walk_environments().
    most constant integer := case when cardinality(environments) = 0 then page_size + 1 else 5000 end;
    place timestamptz;
    place_id uuid;
    walked errtrack_private.occurrences[];
    events errtrack_private.occurrences[];
    shown jsonb[];
    answer errtrack_private.answer;
begin
    perform errtrack_private.refuse_query(request);
    select errtrack_private.from_microseconds(decoded.place), decoded.id::uuid into place, place_id
    from errtrack_private.decode_cursor(cursor_text, 'e') as decoded;
    if cursor_text !~ '^[0-9]+:[0-9]+:[01]$' and place is null then
        perform errtrack_private.refuse(400, 'cursor is invalid');
    end if;
    walked := array(
        select c
        from errtrack_private.occurrences c
        where c.project_id = project
          and c.received_at >= errtrack_private.visible_from(project)
          and (place is null or c.received_at <= place)
          and (place is null or (c.received_at, c.event_id) < (place, place_id))
        order by c.received_at desc, c.event_id desc
        limit most);
    events := array(
        select w
        from unnest(walked) as w
        where (cardinality(environments) = 0 or w.environment = any (environments))
          and exists (select from errtrack_private.origins o where o.project_id = project and o.id = w.origin_id)
        order by w.received_at desc, w.event_id desc
        limit page_size + 1);
    shown := errtrack_private.show_events(events[:page_size], whole);
    if cardinality(events) > cardinality(shown) then
        answer.next_cursor := errtrack_private.event_cursor('n', events[cardinality(shown)]);
    elsif cardinality(walked) = most then
        answer.next_cursor := errtrack_private.event_cursor('n', walked[most]);
    end if;
    answer.status := 200;
    answer.body := array_to_json(shown)::text;
    return answer;
end
$$;
comment on function errtrack_private.sentry_project_events(bytea, jsonb) is
    'A page of the events of a project, or of those of some environments, the newest first. full=1 gives their bodies too, at most 20 on a page, and of large ones as many as make 2 MiB.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'answer_event(errtrack_private.occurrences, bigint, errtrack_private.occurrences, errtrack_private.occurrences)',
        'neighbour(errtrack_private.occurrences, bigint, boolean)', 'find_event(bigint, uuid)', 'event_id_of(text)',
        'refuse_query(jsonb)', 'show_events(errtrack_private.occurrences[], boolean)', 'walk_environments(bigint, bigint, text[], boolean, integer, timestamptz, uuid)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'issue_event', 'project_event', 'event_json', 'event_id', 'short_id', 'issue_events', 'project_events']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
