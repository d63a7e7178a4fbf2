-- Events as Sentry's web API shows them: made from the body that was kept, or from the
-- row of the event where none was.

create or replace function errtrack_private.kept_body(event errtrack_private.occurrences) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select p.body::jsonb
        from errtrack_private.payloads p
        where event.has_payload
          and p.project_id = event.project_id
          and p.event_id = event.event_id
          and p.received_at = event.received_at);
exception
    -- A body that was filed before workers looked for it may have a number without end.
    when numeric_value_out_of_range then
        return null;
end
$$;
comment on function errtrack_private.kept_body(errtrack_private.occurrences) is
    'The body of an event; null for one that was not kept, or has a number that nothing holds.';

create or replace function errtrack_private.event_body(event errtrack_private.occurrences) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(
            errtrack_private.kept_body(event),
            (select errtrack_private.minimal_payload(
                    event.event_id, event.occurred_at, event.level, event.platform, event.release,
                    event.environment, event.transaction, i.kind, i.type, i.value)::jsonb
             from errtrack_private.origins o
             join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
             where o.project_id = event.project_id and o.id = event.origin_id)));
end
$$;
comment on function errtrack_private.event_body(errtrack_private.occurrences) is
    'The body of an event, or what stands for one that was not kept.';

create or replace function errtrack_private.event_tags(event errtrack_private.occurrences, body jsonb) returns jsonb
language plpgsql immutable
as $$
begin
    return (
        -- Those that every event has first; then those that were sent.
        with named as (
            select 0 as place, t.key, t.value
            from (values ('environment', event.environment), ('level', event.level), ('release', event.release),
                         ('transaction', event.transaction), ('server_name', body ->> 'server_name'),
                         ('logger', body ->> 'logger'),
                         ('user', coalesce('id:' || (body #>> '{user,id}'), 'email:' || (body #>> '{user,email}'),
                                           'username:' || (body #>> '{user,username}'), 'ip:' || (body #>> '{user,ip_address}')))
                 ) as t (key, value)
            union all
            select 1, pair.value ->> 0, pair.value ->> 1
            from jsonb_array_elements(errtrack_private.pairs_of(body -> 'tags')) as pair
            where jsonb_typeof(pair.value) = 'array'
        )
        select coalesce(jsonb_agg(jsonb_build_object('key', t.key, 'value', t.value) order by t.key), '[]')
        from (
            select distinct on (key) key, value
            from named
            where key is not null and value <> ''
            order by key, place) t);
end
$$;
comment on function errtrack_private.event_tags(errtrack_private.occurrences, jsonb) is 'The tags of an event.';

create or replace function errtrack_private.event_title(event errtrack_private.occurrences, body jsonb)
returns table (title text, culprit text, type text, value text)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    exception constant jsonb := errtrack_private.values_of(body -> 'exception') -> -1;
begin
    return query
        -- Of the hash that brought it to its issue, which may be called after another event.
        select case when last.type is null then coalesce(message.text, i.title)
                    else last.type || coalesce(': ' || nullif(split_part(last.value, E'\n', 1), ''), '') end,
               coalesce(event.transaction, i.culprit), coalesce(last.type, i.type), coalesce(last.value, i.value)
        from errtrack_private.origins o
        join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
        cross join lateral (
            select exception ->> 'type' as type, exception ->> 'value' as value) last
        cross join lateral (
            select nullif(split_part(coalesce(
                body #>> '{logentry,formatted}', body #>> '{logentry,message}',
                case when jsonb_typeof(body -> 'message') = 'string' then body ->> 'message' end), E'\n', 1), '') as text) message
        where o.project_id = event.project_id and o.id = event.origin_id;
end
$$;
comment on function errtrack_private.event_title(errtrack_private.occurrences, jsonb) is
    'What an event is called by its own body.';

create or replace function errtrack_private.event_type(body jsonb) returns text
language sql immutable
as $$
    select case when jsonb_array_length(errtrack_private.values_of(body -> 'exception')) > 0 then 'error'
                else coalesce(body ->> 'type', 'default') end
$$;
comment on function errtrack_private.event_type(jsonb) is 'What kind of event it is: error, default for a message, csp and so on.';

create or replace function errtrack_private.show_event(
    event errtrack_private.occurrences,
    issue bigint,
    body jsonb,
    kept integer
)
returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'id', replace(event.event_id::text, '-', ''),
            'eventID', replace(event.event_id::text, '-', ''),
            'groupID', issue::text,
            'projectID', event.project_id::text,
            'size', octet_length(body::text),
            'dateCreated', errtrack_private.rfc3339(event.occurred_at),
            'dateReceived', errtrack_private.rfc3339(event.received_at),
            'type', errtrack_private.event_type(body),
            'platform', event.platform,
            'title', t.title,
            'message', coalesce(body #>> '{logentry,formatted}',
                                case when jsonb_typeof(body -> 'message') = 'string' then body ->> 'message' end, ''),
            'culprit', t.culprit,
            'location', null,
            'user', case when jsonb_typeof(body -> 'user') = 'object' then errtrack_private.part_within(body -> 'user', kept) end,
            'contexts', case when kept > 0 and jsonb_typeof(body -> 'contexts') = 'object' then body -> 'contexts' else '{}' end,
            'context', case when kept > 0 and jsonb_typeof(body -> 'extra') = 'object' then body -> 'extra' else '{}' end,
            'packages', case when kept > 1 and jsonb_typeof(body -> 'modules') = 'object' then body -> 'modules' else '{}' end,
            'sdk', case when jsonb_typeof(body -> 'sdk') = 'object' then errtrack_private.part_within(body -> 'sdk', kept) end,
            'release', errtrack_private.show_release_name(event.project_id, event.release),
            'dist', errtrack_private.part_within(body -> 'dist', kept),
            'environment', event.environment,
            'tags', errtrack_private.event_tags(event, body),
            'metadata', jsonb_strip_nulls(jsonb_build_object('type', nullif(t.type, ''), 'value', nullif(t.value, ''), 'title', t.title)),
            'fingerprints', jsonb_build_array(replace(event.hash::text, '-', '')),
            'errors', '[]'::jsonb,
            'bodyKept', event.has_payload,
            'entries', case when kept < -1 then '[]' else errtrack_private.show_entries(body, kept) end,
            '_meta', '{}'::jsonb)
        from errtrack_private.event_title(event, body) t);
end
$$;
comment on function errtrack_private.show_event(errtrack_private.occurrences, bigint, jsonb, integer) is
    'An event as Sentry shows it, with as much of its body as kept says: see show_entries(); 0 without contexts too.';

create or replace function errtrack_private.fit_event(
    event errtrack_private.occurrences,
    issue bigint,
    neighbours jsonb default '{}'
)
returns jsonb
language plpgsql stable
as $$
declare
    body constant jsonb := errtrack_private.event_body(event);
    shown jsonb;
begin
    for kept in reverse errtrack_private.worth_trying(body) .. -2 loop
        shown := errtrack_private.show_event(event, issue, body, kept) || neighbours;
        if kept < 0 then
            shown := shown || jsonb_build_object('errors', jsonb_build_array(jsonb_build_object(
                'type', 'too_large', 'message', 'the event is too large to be shown; its JSON can be fetched')));
        end if;
        if errtrack_private.gitlab_takes(shown) then
            return shown;
        end if;
    end loop;
    -- Names alone can be too long.
    return shown || jsonb_build_object(
        'title', left(shown ->> 'title', 200), 'message', left(shown ->> 'message', 1000),
        'culprit', left(shown ->> 'culprit', 200), 'metadata', '{}'::jsonb, 'type', left(shown ->> 'type', 64),
        'user', null, 'tags', '[]'::jsonb, 'sdk', null, 'dist', null);
end
$$;
comment on function errtrack_private.fit_event(errtrack_private.occurrences, bigint, jsonb) is
    'An event as Sentry shows it, as large as GitLab takes: variables go first, then breadcrumbs, then contexts, then all exceptions but one, then all that it consists of.';

create or replace function errtrack_private.answer_event(
    event errtrack_private.occurrences,
    issue bigint
)
returns errtrack_private.answer
language sql stable
as $$
    select errtrack_private.ok(errtrack_private.fit_event(event, issue, jsonb_build_object(
        'previousEventID', (select replace(w.event_id::text, '-', '') from errtrack_private.walk_events(
            event.project_id, issue, false, event.received_at, event.event_id, 1) w),
        'nextEventID', (select replace(w.event_id::text, '-', '') from errtrack_private.walk_events(
            event.project_id, issue, true, event.received_at, event.event_id, 1) w)))::text)
$$;
comment on function errtrack_private.answer_event(errtrack_private.occurrences, bigint) is
    'The answer that is one event, with its neighbours in its issue.';

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
    event errtrack_private.occurrences;
begin
    if named in ('latest', 'oldest', 'recommended') then
        select w.* into event
        from errtrack_private.walk_events(wanted.project, wanted.issue, named = 'oldest', null, null, 1) w;
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
    return errtrack_private.answer_event(event, wanted.issue);
end
$$;
comment on function errtrack_private.sentry_issue_event(bytea, jsonb) is
    'An event of an issue: the latest, the oldest, or one by its id.';

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
    return errtrack_private.answer_event(event, issue);
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

create or replace function errtrack_private.list_item(event errtrack_private.occurrences, issue bigint) returns jsonb
language plpgsql stable
as $$
declare
    -- Once: a subquery would be folded into each place that looks at it.
    body constant jsonb := errtrack_private.event_body(event);
    called constant record := errtrack_private.event_title(event, body);
begin
    return jsonb_build_object(
        'id', replace(event.event_id::text, '-', ''), 'eventID', replace(event.event_id::text, '-', ''),
        'groupID', issue::text, 'projectID', event.project_id::text, 'event.type', errtrack_private.event_type(body),
        'title', called.title, 'message', called.title, 'culprit', called.culprit, 'location', null,
        'platform', event.platform, 'crashFile', null, 'metadata', jsonb_build_object('title', called.title),
        'dateCreated', errtrack_private.rfc3339(event.occurred_at),
        'dateReceived', errtrack_private.rfc3339(event.received_at),
        'user', case when jsonb_typeof(body -> 'user') = 'object' then body -> 'user' end,
        'tags', errtrack_private.event_tags(event, body), 'bodyKept', event.has_payload);
end
$$;
comment on function errtrack_private.list_item(errtrack_private.occurrences, bigint) is
    'An event as lists show it.';

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
        errtrack_private.argument_integer(request, 'limit', 50, 1, 100), case when whole then 20 else 100 end);
    cursor_text constant text := errtrack_private.argument(request, 'cursor');
    cursor_at record;
    backward boolean := false;
    events errtrack_private.occurrences[];
    more boolean;
    beyond boolean := false;
    answer errtrack_private.answer;
begin
    select decoded.direction, errtrack_private.from_microseconds(decoded.place) as place, decoded.id::uuid as id
    into cursor_at
    from errtrack_private.decode_cursor(cursor_text, 'e') as decoded;
    if cursor_text !~ '^[0-9]+:[0-9]+:[01]$' and cursor_at.direction is null then
        perform errtrack_private.refuse(400, 'cursor is invalid');
    end if;
    backward := coalesce(cursor_at.direction = 'p', false);
    -- The newest first.
    events := array(select errtrack_private.walk_events(
        wanted.project, wanted.issue, backward, cursor_at.place, cursor_at.id, page_size + 1));
    more := cardinality(events) > page_size;
    events := events[:page_size];
    if backward then
        events := array(select e from unnest(events) as e order by e.received_at desc, e.event_id desc);
    end if;
    answer.status := 200;
    answer.body := '[]';
    if cardinality(events) = 0 then
        return answer;
    end if;
    if cursor_at.place is not null then
        beyond := exists (select from errtrack_private.walk_events(
            wanted.project, wanted.issue, not backward,
            case when backward then events[cardinality(events)].received_at else events[1].received_at end,
            case when backward then events[cardinality(events)].event_id else events[1].event_id end, 1));
    end if;
    if (case when backward then beyond else more end) then
        answer.next_cursor := errtrack_private.event_cursor('n', events[cardinality(events)]);
    end if;
    if (case when backward then more else beyond end) then
        answer.prev_cursor := errtrack_private.event_cursor('p', events[1]);
    end if;
    select jsonb_agg(case when whole
        then errtrack_private.fit_event(e, wanted.issue)
        else errtrack_private.list_item(e, wanted.issue) end order by e.received_at desc, e.event_id desc)::text
    into answer.body
    from unnest(events) as e;
    return answer;
end
$$;
comment on function errtrack_private.sentry_issue_events(bytea, jsonb) is
    'A page of the events of an issue, the newest first. full=1 gives their bodies too, at most 20 on a page.';

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
        errtrack_private.argument_integer(request, 'limit', 50, 1, 100), case when whole then 20 else 100 end);
    cursor_text constant text := errtrack_private.argument(request, 'cursor');
    place timestamptz;
    place_id uuid;
    events errtrack_private.occurrences[];
    answer errtrack_private.answer;
begin
    select errtrack_private.from_microseconds(decoded.place), decoded.id::uuid into place, place_id
    from errtrack_private.decode_cursor(cursor_text, 'e') as decoded;
    if cursor_text !~ '^[0-9]+:[0-9]+:[01]$' and place is null then
        perform errtrack_private.refuse(400, 'cursor is invalid');
    end if;
    events := array(
        select c
        from errtrack_private.occurrences c
        where c.project_id = project
          and c.received_at >= errtrack_private.visible_from(project)
          and (place is null or c.received_at <= place)
          and (place is null or (c.received_at, c.event_id) < (place, place_id))
        order by c.received_at desc, c.event_id desc
        limit page_size + 1);
    if cardinality(events) > page_size then
        answer.next_cursor := errtrack_private.event_cursor('n', events[page_size]);
    end if;
    answer.status := 200;
    select coalesce(jsonb_agg(case when whole
        then errtrack_private.fit_event(e, o.issue_id)
        else errtrack_private.list_item(e, o.issue_id) end order by e.received_at desc, e.event_id desc), '[]')::text
    into answer.body
    from unnest(events[:page_size]) as e
    join errtrack_private.origins o on o.project_id = project and o.id = e.origin_id;
    return answer;
end
$$;
comment on function errtrack_private.sentry_project_events(bytea, jsonb) is
    'A page of the events of a project, the newest first. full=1 gives their bodies too, at most 20 on a page.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'kept_body(errtrack_private.occurrences)', 'event_body(errtrack_private.occurrences)',
        'event_tags(errtrack_private.occurrences, jsonb)', 'event_type(jsonb)', 'event_title(errtrack_private.occurrences, jsonb)',
        'show_event(errtrack_private.occurrences, bigint, jsonb, integer)',
        'fit_event(errtrack_private.occurrences, bigint, jsonb)',
        'answer_event(errtrack_private.occurrences, bigint)', 'find_event(bigint, uuid)', 'event_id_of(text)',
        'list_item(errtrack_private.occurrences, bigint)']
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
