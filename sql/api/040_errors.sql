-- The integrated error tracking surface that GitLab calls: lists, one error,
-- status changes, events, messages, deletion. Every function answers with one
-- errtrack_private.answer whose body is the complete JSON.
--
-- A page is read by keyset along (project_id, status, sort key, id), never by
-- offset: its price does not depend on how far the reader has paged. A cursor is
-- a position in the sort order, so it stays good when the status filter changes.

-- ---- errors ------------------------------------------------------------------

create or replace function errtrack_private.list_errors(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.path_id(request, 'projectId');
    allowed integer := errtrack_private.access(token_hash, 'integrated', wanted_project, 'event:read');
    sort_by text := errtrack_private.argument_choice(
        request, 'sort', 'last_seen_desc', 'first_seen_desc', 'frequency_desc');
    wanted_status text := errtrack_private.argument_choice(
        request, 'status', 'unresolved', 'resolved', 'ignored');
    stats_period text := errtrack_private.argument_choice(
        request, 'statsPeriod', '24h', '15m', '30m', '1h', '7d', '14d', '30d');
    query_period text := errtrack_private.argument_choice(
        request, 'queryPeriod', '30d', '15m', '30m', '1h', '1d', '7d', '14d');
    page_size integer := errtrack_private.argument_integer(request, 'limit', 20, 1, 100);
    search text := errtrack_private.argument(request, 'query');
    cursor_text text := errtrack_private.argument(request, 'cursor');
    answer errtrack_private.answer;
    bound text[];
    condition text;
    candidates text;
    ids bigint[];
begin
    if allowed = 404 then
        -- GitLab may ask before the project is known here.
        return errtrack_private.ok('[]');
    elsif allowed <> 200 then
        perform errtrack_private.refuse(allowed);
    end if;
    condition := format('i.last_seen >= %L::timestamptz', now() - case query_period
        when '15m' then interval '15 minutes' when '30m' then interval '30 minutes'
        when '1h' then interval '1 hour' when '1d' then interval '24 hours'
        when '7d' then interval '7 days' when '14d' then interval '14 days'
        when '30d' then interval '30 days' end);
    bound := '{}';
    if search is not null then
        bound := array[errtrack_private.like_pattern(search, true)];
        condition := condition || ' and ' || errtrack_private.text_condition(1);
        candidates := errtrack_private.text_candidates(1);
    end if;
    select array(select found.id from unnest(page.found_places) with ordinality as found (project, id, place, n) order by found.n),
           page.next_cursor, page.prev_cursor
    into ids, answer.next_cursor, answer.prev_cursor
    from errtrack_private.page_of_issues(
        array[wanted_project], array[wanted_status], bound, condition, candidates,
        case sort_by when 'last_seen_desc' then 'l' when 'first_seen_desc' then 'f' else 'c' end,
        cursor_text, page_size) as page;
    answer.status := 200;
    select coalesce(json_agg(page.shown order by page.place)::text, '[]') into answer.body
    from errtrack_private.show_errors(wanted_project, ids, stats_period) as page;
    return answer;
end
$$;
comment on function errtrack_private.list_errors(bytea, jsonb) is
    'A page of the errors of a project; an empty list for an unknown project. Cheap along the sort order; a search reads rows until the page is full.';

create or replace function errtrack_private.must_find_error(wanted_project bigint, fingerprint bigint)
returns bigint
language plpgsql stable
as $$
declare
    shown constant bigint := errtrack_private.shown_issue(wanted_project, fingerprint);
begin
    if shown is null then
        perform errtrack_private.refuse(404);
    end if;
    return shown;
end
$$;
comment on function errtrack_private.must_find_error(bigint, bigint) is
    'See shown_issue(); refuses what is not there.';

create or replace function errtrack_private.show_error(wanted_project bigint, fingerprint bigint)
returns errtrack_private.answer
language plpgsql stable
as $$
begin
    return errtrack_private.ok((
        select error.shown::text
        from errtrack_private.show_errors(
            wanted_project, array[errtrack_private.must_find_error(wanted_project, fingerprint)], '24h') as error));
end
$$;
comment on function errtrack_private.show_error(bigint, bigint) is
    'The answer that is one error; refuses what is not there.';

create or replace function errtrack_private.get_error(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.path_id(request, 'projectId');
    fingerprint bigint := errtrack_private.path_id(request, 'fingerprint');
begin
    perform errtrack_private.require(token_hash, 'integrated', wanted_project, 'event:read');
    return errtrack_private.show_error(wanted_project, fingerprint);
end
$$;
comment on function errtrack_private.get_error(bytea, jsonb) is
    'One error. A fingerprint that was merged into another is answered with that one.';

create or replace function errtrack_private.update_error(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.path_id(request, 'projectId');
    fingerprint bigint := errtrack_private.path_id(request, 'fingerprint');
    body jsonb := errtrack_private.body_object(request);
    new_status text := errtrack_private.member_text(body, 'status');
begin
    if new_status not in ('unresolved', 'resolved', 'ignored') then
        perform errtrack_private.refuse(400, 'status must be unresolved, resolved or ignored');
    end if;
    -- GitLab's id of a person is nobody here.
    perform errtrack_private.member_id(body, 'updated_by_id');
    perform errtrack_private.require(token_hash, 'integrated', wanted_project, 'event:write');
    if new_status is not null then
        perform errtrack_private.set_issue_status(
            wanted_project, errtrack_private.must_find_error(wanted_project, fingerprint), new_status,
            errtrack_private.name_of_token(token_hash));
    end if;
    return errtrack_private.show_error(wanted_project, fingerprint);
end
$$;
comment on function errtrack_private.update_error(bytea, jsonb) is
    'Sets the status of an error and answers with it; without a status nothing changes.';

-- ---- events ------------------------------------------------------------------

create or replace function errtrack_private.minimal_payload(
    event_id uuid,
    occurred_at timestamptz,
    level text,
    platform text,
    release text,
    environment text,
    transaction text,
    kind text,
    type text,
    value text
)
returns text
language plpgsql stable
as $$
begin
    return (
        select json_strip_nulls(json_build_object(
            'event_id', replace(event_id::text, '-', ''),
            'timestamp', errtrack_private.rfc3339(occurred_at),
            'level', level,
            'platform', platform,
            'release', release,
            'environment', environment,
            'transaction', transaction,
            'message', case when kind = 'default' then value end,
            'exception', case when kind <> 'default' then
                json_build_object('values', json_build_array(
                    json_build_object('type', type, 'value', value))) end,
            'errtrack', json_build_object('payload_kept', false)))::text);
end
$$;
comment on function errtrack_private.minimal_payload(uuid, timestamptz, text, text, text, text, text, text, text, text) is
    'Stands for the body of an event whose body was not kept, and says so in its member errtrack.';

create or replace function errtrack_private.event_cursor(direction text, event errtrack_private.occurrences)
returns text
language sql immutable
as $$
    select errtrack_private.encode_cursor(
        direction, 'e', errtrack_private.microseconds(event.received_at),
        replace(event.event_id::text, '-', ''))
$$;
comment on function errtrack_private.event_cursor(text, errtrack_private.occurrences) is
    'The position of an event among those of its issue.';

create or replace function errtrack_private.walk_events(
    wanted_project bigint,
    fingerprint bigint,
    ascending boolean,
    place timestamptz,
    place_id uuid,
    wanted integer
)
returns setof errtrack_private.occurrences
language plpgsql stable
-- Most of the price of a short page would be to plan for all partitions. One plan is made
-- for good, and what lies outside of the days in question is left out when it runs.
set plan_cache_mode = force_generic_plan
as $$
declare
    low timestamptz;
    high timestamptz;
    edge timestamptz;
    span interval;
    found_events errtrack_private.occurrences[];
begin
    -- No event says that it happened more than a minute after it arrived.
    select greatest(issues.first_seen - interval '1 hour', errtrack_private.visible_from(wanted_project)),
           issues.last_received_at
    into low, high
    from errtrack_private.issues
    where issues.project_id = wanted_project and issues.id = fingerprint;
    -- Most pages lie in the days where the walk begins.
    if ascending then
        low := greatest(low, place);
        foreach span in array array[interval '1 day', interval '10 days', interval '1000 years'] loop
            edge := least(high, low + span);
            found_events := array(
                select page.part
                from (
                    select part
                    from errtrack_private.origins
                    cross join lateral (
                        select *
                        from errtrack_private.occurrences
                        where occurrences.project_id = wanted_project
                          and occurrences.origin_id = origins.id
                          and occurrences.received_at between low and edge
                          and (place is null or (occurrences.received_at, occurrences.event_id) > (place, place_id))
                        order by occurrences.received_at asc, occurrences.event_id asc
                        limit wanted
                    ) as part
                    where origins.project_id = wanted_project and origins.issue_id = fingerprint
                    order by part.received_at asc, part.event_id asc
                    limit wanted
                ) as page);
            exit when cardinality(found_events) >= wanted or edge >= high;
        end loop;
    else
        edge := least(high, place);
        high := low;
        foreach span in array array[interval '1 day', interval '10 days', interval '1000 years'] loop
            low := greatest(high, edge - span);
            found_events := array(
                select page.part
                from (
                    select part
                    from errtrack_private.origins
                    cross join lateral (
                        select *
                        from errtrack_private.occurrences
                        where occurrences.project_id = wanted_project
                          and occurrences.origin_id = origins.id
                          and occurrences.received_at between low and edge
                          and (place is null or (occurrences.received_at, occurrences.event_id) < (place, place_id))
                        order by occurrences.received_at desc, occurrences.event_id desc
                        limit wanted
                    ) as part
                    where origins.project_id = wanted_project and origins.issue_id = fingerprint
                    order by part.received_at desc, part.event_id desc
                    limit wanted
                ) as page);
            exit when cardinality(found_events) >= wanted or low <= high;
        end loop;
    end if;
    return query select * from unnest(found_events);
end
$$;
comment on function errtrack_private.walk_events(bigint, bigint, boolean, timestamptz, uuid, integer) is
    'Events of an issue in the order of arrival, from a position on or from the end. Each origin gives at most a page, so a merged issue costs a page an origin.';

create or replace function errtrack_private.list_error_events(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Bodies can be half a megabyte each: a page ends early rather than grow
    -- beyond this, and the next one goes on where it ended.
    page_bytes constant bigint := 8 * 1024 * 1024;
    wanted_project bigint := errtrack_private.path_id(request, 'projectId');
    fingerprint bigint := errtrack_private.path_id(request, 'fingerprint');
    sort_by text := errtrack_private.argument_choice(request, 'sort', 'occurred_at_asc', 'occurred_at_desc');
    page_size integer := errtrack_private.argument_integer(request, 'limit', 20, 1, 100);
    cursor_text text := errtrack_private.argument(request, 'cursor');
    answer errtrack_private.answer;
    direction text;
    place timestamptz;
    place_id uuid;
    backward boolean := false;
    ascending boolean;
    events errtrack_private.occurrences[];
    oldest timestamptz;
    newest timestamptz;
    shown json[];
    more boolean;
    beyond boolean := false;
begin
    perform errtrack_private.require(token_hash, 'integrated', wanted_project, 'event:read');
    if cursor_text is not null then
        select position.direction, errtrack_private.from_microseconds(position.place), position.id::uuid
        into direction, place, place_id
        from errtrack_private.decode_cursor(cursor_text, 'e') as position;
        if direction is null then
            perform errtrack_private.refuse(400, 'cursor is invalid');
        end if;
        backward := direction = 'p';
    end if;
    fingerprint := errtrack_private.must_find_error(wanted_project, fingerprint);

    -- The order is that of arrival, which the server's clock gave: it is what
    -- the index has, and no client can put an event in front of all others.
    ascending := (sort_by = 'occurred_at_asc') <> backward;
    events := array(select errtrack_private.walk_events(
        wanted_project, fingerprint, ascending, place, place_id, page_size + 1));
    more := cardinality(events) > page_size;
    events := events[:page_size];
    select min(received_at), max(received_at) into oldest, newest from unnest(events);

    with bodied as (
        select
            event.*,
            coalesce(payloads.body::text, errtrack_private.minimal_payload(
                event.event_id, event.occurred_at, event.level, event.platform, event.release,
                event.environment, event.transaction, issues.kind, issues.type, issues.value)) as payload,
            errtrack_private.issue_name(issues.kind, issues.type, issues.value, issues.title) as name,
            issues.value as description,
            issues.culprit as actor
        from unnest(events) with ordinality as event
        join errtrack_private.issues on issues.project_id = wanted_project and issues.id = fingerprint
        -- The range tells the planner which partitions matter.
        left join errtrack_private.payloads
          on event.has_payload
         and payloads.project_id = wanted_project
         and payloads.event_id = event.event_id
         and payloads.received_at = event.received_at
         and payloads.received_at between oldest and newest
    ),
    measured as (
        select *, sum(octet_length(payload)) over (order by ordinality) as bytes
        from bodied
    )
    select array_agg(row_to_json(error_event) order by case when backward then -ordinality else ordinality end)
    into shown
    from measured
    cross join lateral (
        select
            fingerprint,
            wanted_project as "projectId",
            payload,
            name,
            description,
            actor,
            coalesce(environment, '') as environment,
            platform
    ) as error_event
    where ordinality = 1 or bytes <= page_bytes;

    if cardinality(shown) < cardinality(events) then
        more := true;
        events := events[:cardinality(shown)];
    end if;
    if cardinality(events) > 0 then
        if cursor_text is not null then
            beyond := exists (select from errtrack_private.walk_events(
                wanted_project, fingerprint, not ascending, events[1].received_at, events[1].event_id, 1));
        end if;
        if (case when backward then beyond else more end) then
            answer.next_cursor := errtrack_private.event_cursor(
                'n', events[case when backward then 1 else cardinality(events) end]);
        end if;
        if (case when backward then more else beyond end) then
            answer.prev_cursor := errtrack_private.event_cursor(
                'p', events[case when backward then cardinality(events) else 1 end]);
        end if;
    end if;
    answer.status := 200;
    answer.body := coalesce(array_to_json(shown)::text, '[]');
    return answer;
end
$$;
comment on function errtrack_private.list_error_events(bytea, jsonb) is
    'A page of the events of an error with their bodies as text, in the order of arrival.';

create or replace function errtrack_private.list_messages(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.path_id(request, 'projectId');
    allowed integer := errtrack_private.access(token_hash, 'integrated', wanted_project, 'event:read');
    page_size integer := errtrack_private.argument_integer(request, 'limit', 20, 1, 100);
    answer errtrack_private.answer;
    visible timestamptz := errtrack_private.visible_from(wanted_project);
begin
    if allowed = 404 then
        return errtrack_private.ok('[]');
    elsif allowed <> 200 then
        perform errtrack_private.refuse(allowed);
    end if;
    answer.status := 200;
    -- The newest N messages belong to the N issues that heard one last: every
    -- other issue has only older ones.
    with recent as (
        select issues.id, issues.value
        from errtrack_private.issues
        where issues.project_id = wanted_project
          and issues.kind = 'default'
          and issues.last_received_at >= visible
        order by issues.last_received_at desc
        limit page_size
    ),
    newest as (
        select part.*, recent.value
        from recent
        join errtrack_private.origins
          on origins.project_id = wanted_project and origins.issue_id = recent.id
        cross join lateral (
            select *
            from errtrack_private.occurrences
            where occurrences.project_id = wanted_project
              and occurrences.origin_id = origins.id
              and occurrences.received_at >= visible
            order by occurrences.received_at desc, occurrences.event_id desc
            limit page_size
        ) as part
        order by part.received_at desc, part.event_id desc
        limit page_size
    )
    select coalesce(
        json_agg(row_to_json(shown) order by newest.received_at desc, newest.event_id desc)::text, '[]')
    into answer.body
    from newest
    left join errtrack_private.payloads
      on newest.has_payload
     and payloads.project_id = newest.project_id
     and payloads.event_id = newest.event_id
     and payloads.received_at = newest.received_at
    cross join lateral (
        select
            newest.project_id as "projectId",
            replace(newest.event_id::text, '-', '') as "eventId",
            errtrack_private.rfc3339(newest.occurred_at) as timestamp,
            newest.level as level,
            -- Clients write the text in one of three places.
            coalesce(
                nullif(payloads.body #>> '{logentry,formatted}', ''),
                nullif(payloads.body #>> '{logentry,message}', ''),
                nullif(payloads.body #>> '{message,formatted}', ''),
                nullif(payloads.body #>> '{message,message}', ''),
                case when json_typeof(payloads.body -> 'message') = 'string'
                     then nullif(payloads.body ->> 'message', '') end,
                newest.value) as message,
            coalesce(newest.release, '') as release,
            coalesce(newest.environment, '') as environment,
            newest.platform as platform
    ) as shown;
    return answer;
end
$$;
comment on function errtrack_private.list_messages(bytea, jsonb) is
    'The newest events of a project that are messages rather than exceptions.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'must_find_error(bigint, bigint)', 'show_error(bigint, bigint)', 'event_cursor(text, errtrack_private.occurrences)',
        'walk_events(bigint, bigint, boolean, timestamptz, uuid, integer)',
        'minimal_payload(uuid, timestamptz, text, text, text, text, text, text, text, text)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'list_errors(bytea, jsonb)', 'get_error(bytea, jsonb)', 'update_error(bytea, jsonb)',
        'list_error_events(bytea, jsonb)', 'list_messages(bytea, jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_query', name);
    end loop;
end
$$;
