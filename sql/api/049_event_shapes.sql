-- The shapes of an event as Sentry's web API shows it: made from the body that was kept, or
-- from the row of the event where none was.

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

-- ---- what an event is called -----------------------------------------------------

create or replace function errtrack_private.cut_text(value text, most integer) returns text
language sql immutable
as $$
    select case when length(value) > most then left(value, most - 3) || '...' else value end
$$;
comment on function errtrack_private.cut_text(text, integer) is 'A text with at most so many characters, the last of them dots where it was longer.';

create or replace function errtrack_private.first_line(value text) returns text
language sql immutable
as $$
    select nullif(btrim(split_part(translate(btrim(value, E' \t\r\n\x0B\f'), E'\r', E'\n'), E'\n', 1), E' \t\x0B\f'), '')
$$;
comment on function errtrack_private.first_line(text) is 'The first line that is not empty; null where there is none.';

create or replace function errtrack_private.read_exceptions(sent jsonb) returns jsonb
language plpgsql immutable
as $$
begin
    -- Some SDKs put the type into the value. Ids, where all have one, tell the order better
    -- than the list does: the outermost is 0.
    return (
        with read as (
            select v.n, v.value -> 'mechanism' as mechanism, v.value -> 'thread_id' as thread,
                   btrim(coalesce(case when jsonb_typeof(v.value -> 'type') = 'string' then v.value ->> 'type' end, '')) as type,
                   coalesce(v.value ->> 'value', '') as text,
                   case when jsonb_typeof(v.value #> '{mechanism,exception_id}') = 'number'
                        then v.value #> '{mechanism,exception_id}' end as id
            from jsonb_array_elements(sent) with ordinality as v (value, n)
        ), named as (
            select s.*, s.type = '' and s.text ~ '^[A-Za-z_][A-Za-z0-9_]*:(?!//)' as apart,
                   count(s.id) over () = count(*) over () as ordered
            from read s
            where s.type <> '' or s.text <> ''
        )
        select coalesce(jsonb_agg(jsonb_build_object(
            'n', n.n - 1, 'mechanism', n.mechanism, 'thread_id', n.thread,
            'type', case when n.apart then split_part(n.text, ':', 1) else n.type end,
            'value', case when n.apart then btrim(substring(n.text from position(':' in n.text) + 1)) else n.text end)
            order by case when n.ordered then n.id end desc, n.n), '[]')
        from named n);
end
$$;
comment on function errtrack_private.read_exceptions(jsonb) is
    'Exceptions that were sent, as the worker reads them, the one that counts last, without their stacks: n is the place of each in the list.';

create or replace function errtrack_private.attached_frames(body jsonb) returns jsonb
language plpgsql immutable
as $$
declare
    threads constant jsonb := errtrack_private.values_of(body -> 'threads');
    mark text;
    found_stack jsonb;
begin
    foreach mark in array array['crashed', 'current', ''] loop
        select case when count(*) = 1 then jsonb_agg(t.thread #> '{stacktrace,frames}') -> 0 end into found_stack
        from jsonb_array_elements(threads) as t (thread)
        where mark = '' or t.thread -> mark = 'true';
        exit when found_stack is not null;
    end loop;
    return coalesce(nullif(nullif(found_stack, 'null'), '[]'), body #> '{stacktrace,frames}');
end
$$;
comment on function errtrack_private.attached_frames(jsonb) is
    'The frames beside exceptions and messages: of the only thread that crashed, else that was running, else that there is, else of the stack without one.';

create or replace function errtrack_private.shown_frame(frames jsonb, platform text) returns jsonb
language plpgsql immutable
as $$
declare
    -- Where no frame has a flag one belongs to the application if there is something to judge it by.
    flagged constant boolean := frames @> '[{"in_app": true}]' or frames @> '[{"in_app": false}]';
    frame jsonb;
    named jsonb;
    within jsonb;
    is_named boolean;
    is_within boolean;
begin
    if jsonb_typeof(frames) is distinct from 'array' then
        return null;
    end if;
    -- With a name if possible, in the application if possible, nearest to the crash.
    for n in reverse jsonb_array_length(frames) - 1 .. 0 loop
        frame := frames -> n;
        continue when jsonb_typeof(frame) <> 'object';
        is_named := coalesce(frame ->> 'function', '') not in ('', '?', '<redacted>', '<unknown>');
        is_within := coalesce(case
            when flagged then frame -> 'in_app' = 'true'
            when coalesce(nullif(frame ->> 'platform', ''), platform) in ('native', 'c', 'cocoa', 'objc', 'swift', 'rust')
                then frame ->> 'package' ~ '[/\\]'
            else coalesce(frame ->> 'module', '') <> '' or coalesce(frame ->> 'filename', '') <> '' end, false);
        if is_named and is_within then
            return frame;
        elsif is_named and named is null then
            named := frame;
        elsif is_within and within is null then
            within := frame;
        end if;
    end loop;
    return coalesce(named, within, frames -> -1);
end
$$;
comment on function errtrack_private.shown_frame(jsonb, text) is
    'The frame that people want to see. Which frames belong to libraries, and what rules of the project say of them, only the worker knows.';

create or replace function errtrack_private.frame_culprit(frame jsonb, platform text) returns text
language plpgsql immutable
as $$
declare
    function_name constant text := coalesce(nullif(frame ->> 'function', ''), '?');
    place constant text := coalesce(
        nullif(frame ->> 'module', ''), nullif(frame ->> 'filename', ''), nullif(frame ->> 'abs_path', ''));
    its_platform constant text := coalesce(nullif(frame ->> 'platform', ''), platform);
begin
    return case
        when frame is null then null
        when its_platform in ('javascript', 'node') then format('%s(%s)', function_name, coalesce(place, '?'))
        when its_platform in ('native', 'c', 'cocoa', 'objc', 'swift', 'rust') or place is null then function_name
        else format('%s in %s', place, function_name) end;
end
$$;
comment on function errtrack_private.frame_culprit(jsonb, text) is 'Where a frame says that it happened; null without one.';

create or replace function errtrack_private.main_exception(exceptions jsonb, sent jsonb, platform text) returns jsonb
language plpgsql immutable
as $$
declare
    member jsonb;
begin
    if exceptions @> '[{"mechanism": {"is_exception_group": true}}]' then
        -- The members of a group that are one error stand for it.
        select case when count(distinct (m.exception ->> 'type', errtrack_private.frame_culprit(errtrack_private.shown_frame(
                             sent -> (m.exception ->> 'n')::integer #> '{stacktrace,frames}', platform), platform))) = 1
                    then jsonb_agg(m.exception order by m.exception #> '{mechanism,exception_id}') -> 0 end
        into member
        from jsonb_array_elements(exceptions) as m (exception)
        join jsonb_array_elements(exceptions) as g (exception)
          on g.exception #> '{mechanism,exception_id}' = m.exception #> '{mechanism,parent_id}'
        where g.exception @> '{"mechanism": {"is_exception_group": true}}'
          and not m.exception @> '{"mechanism": {"is_exception_group": true}}';
    end if;
    return coalesce(member, exceptions -> -1);
end
$$;
comment on function errtrack_private.main_exception(jsonb, jsonb, text) is
    'Of what read_exceptions() has read and of what was sent, the exception that an event is called after.';

create or replace function errtrack_private.read_message(body jsonb) returns text
language plpgsql immutable
as $$
declare
    key text;
    part jsonb;
    found_text text;
    pieces text[];
begin
    foreach key in array array['logentry', 'message'] loop
        part := body -> key;
        if jsonb_typeof(part) = 'object' then
            found_text := nullif(part ->> 'formatted', '');
            if found_text is null then
                found_text := part ->> 'message';
                pieces := regexp_split_to_array(found_text, '%[-+ #0-9.l]*[sdiufFgGeExXorcav]');
                -- Of the ways to put parameters in, the most usual one.
                if jsonb_typeof(part -> 'params') = 'array' and found_text !~ '%[%(]'
                    and cardinality(pieces) between 2 and jsonb_array_length(part -> 'params') + 1
                then
                    found_text := (
                        select string_agg(p.piece || case when p.n < cardinality(pieces)
                            then coalesce(part -> 'params' ->> (p.n - 1)::integer, 'null') else '' end, '' order by p.n)
                        from unnest(pieces) with ordinality as p (piece, n));
                end if;
            end if;
        elsif jsonb_typeof(part) in ('string', 'number', 'array') then
            found_text := part #>> '{}';
        end if;
        exit when errtrack_private.first_line(found_text) is not null;
    end loop;
    return coalesce(found_text, '');
end
$$;
comment on function errtrack_private.read_message(jsonb) is 'What a body says, with its parameters.';

create or replace function errtrack_private.event_title(event errtrack_private.occurrences, body jsonb)
returns table (title text, culprit text, type text, value text)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    sent constant jsonb := errtrack_private.values_of(body -> 'exception');
    exceptions constant jsonb := errtrack_private.read_exceptions(sent);
    main constant jsonb := errtrack_private.main_exception(exceptions, sent, event.platform);
    synthetic constant boolean := coalesce(main #> '{mechanism,synthetic}' = 'true', false);
    frames jsonb := nullif(nullif(sent -> (main ->> 'n')::integer #> '{stacktrace,frames}', '[]'), 'null');
    frame jsonb;
    issue record;
    said text;
begin
    -- By its own body alone: other events of the issue may be called otherwise.
    if frames is null and (main is null or jsonb_array_length(exceptions) = 1) then
        frames := coalesce((
            select t.thread #> '{stacktrace,frames}'
            from jsonb_array_elements(errtrack_private.values_of(body -> 'threads')) as t (thread)
            where t.thread ->> 'id' = main ->> 'thread_id'
            limit 1), errtrack_private.attached_frames(body));
    end if;
    frame := errtrack_private.shown_frame(frames, event.platform);
    culprit := errtrack_private.cut_text(case
        when event.transaction is not null then event.transaction
        when not synthetic then coalesce(errtrack_private.frame_culprit(frame, event.platform), body #>> '{request,url}', '')
        else '' end, 200);
    if main is not null then
        type := errtrack_private.cut_text(main ->> 'type', 128);
        value := errtrack_private.cut_text(main ->> 'value', 1024);
        title := case
            when synthetic then coalesce(nullif(nullif(frame ->> 'function', ''), '?'), type)
            else concat_ws(': ', nullif(type, ''), errtrack_private.first_line(value)) end;
        title := coalesce(nullif(title, ''), '<unknown>');
    else
        type := '';
        said := errtrack_private.read_message(body);
        value := errtrack_private.cut_text(said, 1024);
        title := errtrack_private.first_line(said);
    end if;
    -- Nothing else is known of an event without a body, and events of one title are one
    -- issue when they are reports of browsers.
    if not event.has_payload or title is null and body ?| array['csp', 'hpkp', 'expectct', 'expectstaple'] then
        select i.title, i.culprit into issue
        from errtrack_private.origins o
        join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
        where o.project_id = event.project_id and o.id = event.origin_id;
        title := issue.title;
        culprit := coalesce(event.transaction, issue.culprit);
    end if;
    title := errtrack_private.cut_text(coalesce(title, '<unlabeled event>'), 256);
    return next;
end
$$;
comment on function errtrack_private.event_title(errtrack_private.occurrences, jsonb) is
    'What an event is called by its own body, in the way of the worker: grouping reference, section 16.';

create or replace function errtrack_private.event_metadata(type text, value text, title text) returns jsonb
language sql immutable
as $$
    -- What is no exception has a title and nothing else.
    select case when coalesce(type, '') = '' then jsonb_build_object('title', title)
                else jsonb_strip_nulls(jsonb_build_object('type', type, 'value', nullif(value, ''), 'title', title)) end
$$;
comment on function errtrack_private.event_metadata(text, text, text) is 'What the title of an event is made of.';

-- ---- events ------------------------------------------------------------------------

create or replace function errtrack_private.event_type(body jsonb) returns text
language plpgsql immutable
as $$
begin
    return case when jsonb_array_length(errtrack_private.values_of(body -> 'exception')) > 0 then 'error'
                else coalesce(body ->> 'type', 'default') end;
end
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
            'metadata', errtrack_private.event_metadata(t.type, t.value, t.title),
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
        'platform', event.platform, 'crashFile', null,
        'metadata', errtrack_private.event_metadata(called.type, called.value, called.title),
        'dateCreated', errtrack_private.rfc3339(event.occurred_at),
        'dateReceived', errtrack_private.rfc3339(event.received_at),
        'user', case when jsonb_typeof(body -> 'user') = 'object' then body -> 'user' end,
        'tags', errtrack_private.event_tags(event, body), 'bodyKept', event.has_payload);
end
$$;
comment on function errtrack_private.list_item(errtrack_private.occurrences, bigint) is
    'An event as lists show it.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'kept_body(errtrack_private.occurrences)', 'event_body(errtrack_private.occurrences)',
        'event_tags(errtrack_private.occurrences, jsonb)', 'cut_text(text, integer)', 'first_line(text)',
        'read_exceptions(jsonb)', 'attached_frames(jsonb)', 'shown_frame(jsonb, text)', 'frame_culprit(jsonb, text)',
        'main_exception(jsonb, jsonb, text)', 'read_message(jsonb)',
        'event_title(errtrack_private.occurrences, jsonb)', 'event_metadata(text, text, text)', 'event_type(jsonb)',
        'show_event(errtrack_private.occurrences, bigint, jsonb, integer)',
        'fit_event(errtrack_private.occurrences, bigint, jsonb)', 'list_item(errtrack_private.occurrences, bigint)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
