-- What an event consists of, as Sentry's web API shows it: its interfaces and their stack
-- traces, and how much of them GitLab takes.

create or replace function errtrack_private.values_of(interface jsonb) returns jsonb
language plpgsql immutable
as $$
declare
    listed constant jsonb := case
        when jsonb_typeof(interface) = 'array' then interface
        when jsonb_typeof(interface -> 'values') = 'array' then interface -> 'values'
        when jsonb_typeof(interface) = 'object' and not interface ? 'values' then jsonb_build_array(interface) end;
begin
    if listed is null then
        return '[]';
    end if;
    return (
        select coalesce(jsonb_agg(each.value order by each.n) filter (where jsonb_typeof(each.value) = 'object'), '[]')
        from jsonb_array_elements(listed) with ordinality as each (value, n));
end
$$;
comment on function errtrack_private.values_of(jsonb) is
    'What an interface lists, in whichever of its forms it was sent.';

create or replace function errtrack_private.line_of(value jsonb) returns integer
language sql immutable
as $$
    select case when jsonb_typeof(value) = 'number' then
        case when value::numeric between 0 and 2147483647 then floor(value::numeric)::integer end end
$$;
comment on function errtrack_private.line_of(jsonb) is 'A line or column of a frame; null for what is none.';

create or replace function errtrack_private.lines_around(frame jsonb) returns jsonb
language plpgsql immutable
as $$
declare
    line constant integer := errtrack_private.line_of(frame -> 'lineno');
    -- Made arrays here: a plan for known values computes the length below, and fails on
    -- what is no array, even where there is no row that needs it.
    before constant jsonb := case when jsonb_typeof(frame -> 'pre_context') = 'array' then frame -> 'pre_context' else '[]' end;
    after constant jsonb := case when jsonb_typeof(frame -> 'post_context') = 'array' then frame -> 'post_context' else '[]' end;
begin
    if line is null or jsonb_typeof(frame -> 'context_line') is distinct from 'string' then
        return '[]';
    end if;
    return (
        select jsonb_agg(jsonb_build_array(line + lines.away, lines.text) order by lines.away)
        from (
            select pre.n - jsonb_array_length(before) - 1, pre.text
            from jsonb_array_elements_text(before) with ordinality as pre (text, n)
            union all
            select 0, frame ->> 'context_line'
            union all
            select post.n, post.text
            from jsonb_array_elements_text(after) with ordinality as post (text, n)) as lines (away, text)
        where lines.text is not null);
end
$$;
comment on function errtrack_private.lines_around(jsonb) is
    'The numbered lines of source that a frame has, its own among them.';

create or replace function errtrack_private.show_frame(frame jsonb, with_vars boolean) returns jsonb
language plpgsql immutable
as $$
begin
    return jsonb_build_object(
        'filename', frame ->> 'filename', 'absPath', frame ->> 'abs_path', 'module', frame ->> 'module',
        'package', frame -> 'package', 'platform', frame -> 'platform', 'function', frame ->> 'function',
        'rawFunction', frame -> 'raw_function', 'symbol', frame -> 'symbol',
        'instructionAddr', frame -> 'instruction_addr', 'symbolAddr', frame -> 'symbol_addr',
        'lineNo', errtrack_private.line_of(frame -> 'lineno'),
        'colNo', errtrack_private.line_of(frame -> 'colno'),
        'inApp', coalesce(frame -> 'in_app' = 'true', false),
        'trust', frame -> 'trust', 'errors', null,
        'vars', case when with_vars then frame -> 'vars' end,
        'context', errtrack_private.lines_around(frame));
end
$$;
comment on function errtrack_private.show_frame(jsonb, boolean) is 'A frame as Sentry shows it.';

create or replace function errtrack_private.show_stack(stack jsonb, with_vars boolean) returns jsonb
language plpgsql immutable
as $$
begin
    return (
        select case when jsonb_typeof(stack -> 'frames') = 'array' then jsonb_build_object(
            'frames', (
                select coalesce(jsonb_agg(errtrack_private.show_frame(f.frame, with_vars) order by f.n), '[]')
                from jsonb_array_elements(stack -> 'frames') with ordinality as f (frame, n)
                where jsonb_typeof(f.frame) = 'object'),
            'framesOmitted', stack -> 'frames_omitted', 'registers', stack -> 'registers',
            'hasSystemFrames', exists (
                select from jsonb_array_elements(stack -> 'frames') as frame where frame -> 'in_app' = 'false')) end);
end
$$;
comment on function errtrack_private.show_stack(jsonb, boolean) is 'A stack trace as Sentry shows it; null where there is none.';

create or replace function errtrack_private.slim_stack(stack jsonb) returns jsonb
language sql immutable
as $$
    select case when stack is not null then jsonb_build_object('frames', (
        select coalesce(jsonb_agg(jsonb_build_object(
            'filename', f.frame -> 'filename', 'absPath', f.frame -> 'absPath', 'module', f.frame -> 'module',
            'function', f.frame -> 'function', 'lineNo', f.frame -> 'lineNo', 'colNo', f.frame -> 'colNo',
            'inApp', f.frame -> 'inApp', 'context', f.frame -> 'context') order by f.n), '[]')
        from jsonb_array_elements(stack -> 'frames') with ordinality as f (frame, n))) end
$$;
comment on function errtrack_private.slim_stack(jsonb) is
    'A stack trace that is shown, with nothing but what people read of it.';

create or replace function errtrack_private.show_stack_within(stack jsonb, kept integer) returns jsonb
language plpgsql immutable
as $$
begin
    return case when kept > 0 then errtrack_private.show_stack(stack, kept > 2)
                else errtrack_private.slim_stack(errtrack_private.show_stack(stack, false)) end;
end
$$;
comment on function errtrack_private.show_stack_within(jsonb, integer) is
    'A stack trace as Sentry shows it, as much of it as kept says: see show_entries().';

create or replace function errtrack_private.part_within(part jsonb, kept integer) returns jsonb
language sql immutable
as $$
    select case when kept > 0 or octet_length(part::text) <= 4096 then part end
$$;
comment on function errtrack_private.part_within(jsonb, integer) is
    'Of an event that is too large a part only if it is small.';

create or replace function errtrack_private.exceptions_within(body jsonb, kept integer) returns jsonb
language plpgsql immutable
as $$
declare
    -- So many frames of one stack can be shown whatever they are.
    most_frames constant integer := 1000;
    listed constant jsonb := errtrack_private.values_of(body -> 'exception');
begin
    if kept >= 0 then
        return listed;
    end if;
    return (
        select coalesce(jsonb_agg(one.value) filter (
            where kept = -1 and (jsonb_typeof(one.value #> '{stacktrace,frames}') is distinct from 'array'
                                 or jsonb_array_length(one.value #> '{stacktrace,frames}') <= most_frames)), '[]')
        from (
            select v.value
            from jsonb_array_elements(listed) with ordinality as v (value, n)
            where jsonb_typeof(v.value #> '{stacktrace,frames}') = 'array'
            order by v.n
            limit 1) one);
end
$$;
comment on function errtrack_private.exceptions_within(jsonb, integer) is
    'The exceptions of an event; of one that is too large the one that GitLab takes the stack trace of, or none.';

create or replace function errtrack_private.pairs_of(value jsonb) returns jsonb
language plpgsql immutable
as $$
begin
    return (
        select case
            when jsonb_typeof(value) = 'object' then (
                select coalesce(jsonb_agg(jsonb_build_array(m.key, m.value) order by m.key), '[]')
                from jsonb_each(value) as m)
            when jsonb_typeof(value) = 'array' then value
            when jsonb_typeof(value) = 'string' and value #>> '{}' <> '' then (
                select jsonb_agg(jsonb_build_array(
                    split_part(part.text, '=', 1), coalesce(substring(part.text from '=(.*)$'), '')) order by part.n)
                from unnest(string_to_array(value #>> '{}', '&')) with ordinality as part (text, n))
            else '[]' end);
end
$$;
comment on function errtrack_private.pairs_of(jsonb) is
    'Headers, cookies or a query string as a list of pairs.';

create or replace function errtrack_private.show_entries(body jsonb, kept integer) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('type', entry.type, 'data', entry.data) order by entry.n)
                        filter (where entry.data is not null), '[]')
        from (
            select 1 as n, 'message' as type, case
                when kept < 0 then null
                when jsonb_typeof(body -> 'logentry') = 'object' then jsonb_build_object(
                    'formatted', coalesce(body #> '{logentry,formatted}', body #> '{logentry,message}'),
                    'message', body #> '{logentry,message}', 'params', body #> '{logentry,params}')
                when jsonb_typeof(body -> 'message') = 'object' then jsonb_build_object(
                    'formatted', coalesce(body #> '{message,formatted}', body #> '{message,message}'),
                    'message', body #> '{message,message}', 'params', body #> '{message,params}')
                when coalesce(body ->> 'message', '') <> '' then jsonb_build_object(
                    'formatted', body -> 'message', 'message', null, 'params', null) end as data
            union all
            select 2, 'exception', case when jsonb_array_length(errtrack_private.exceptions_within(body, kept)) > 0 then
                jsonb_build_object('excOmitted', null, 'hasSystemFrames', false, 'values', (
                    select jsonb_agg(jsonb_build_object(
                        'type', errtrack_private.part_within(v.value -> 'type', kept),
                        'value', errtrack_private.part_within(v.value -> 'value', kept),
                        'module', errtrack_private.part_within(v.value -> 'module', kept),
                        'mechanism', errtrack_private.part_within(v.value -> 'mechanism', kept),
                        'threadId', errtrack_private.part_within(v.value -> 'thread_id', kept),
                        'stacktrace', errtrack_private.show_stack_within(v.value -> 'stacktrace', kept),
                        'rawStacktrace', null) order by v.n)
                    from jsonb_array_elements(errtrack_private.exceptions_within(body, kept)) with ordinality as v (value, n))) end
            union all
            select 3, 'stacktrace', case when kept >= 0 then errtrack_private.show_stack_within(body -> 'stacktrace', kept) end
            union all
            select 4, 'threads', case when kept >= 0 and jsonb_array_length(errtrack_private.values_of(body -> 'threads')) > 0 then
                jsonb_build_object('values', (
                    select jsonb_agg(jsonb_build_object(
                        'id', v.value -> 'id', 'name', v.value -> 'name',
                        'current', coalesce(v.value -> 'current' = 'true', false),
                        'crashed', coalesce(v.value -> 'crashed' = 'true', false),
                        'stacktrace', errtrack_private.show_stack_within(v.value -> 'stacktrace', kept),
                        'rawStacktrace', null) order by v.n)
                    from jsonb_array_elements(errtrack_private.values_of(body -> 'threads')) with ordinality as v (value, n))) end
            union all
            select 5, 'breadcrumbs', case when kept > 1 and jsonb_array_length(errtrack_private.values_of(body -> 'breadcrumbs')) > 0 then
                jsonb_build_object('values', errtrack_private.values_of(body -> 'breadcrumbs')) end
            union all
            select 6, 'request', case when kept > 0 and jsonb_typeof(body -> 'request') = 'object' then jsonb_build_object(
                'url', body #> '{request,url}', 'method', body #> '{request,method}',
                'fragment', body #> '{request,fragment}', 'env', body #> '{request,env}',
                'data', case when kept > 1 then body #> '{request,data}' end,
                'inferredContentType', body #> '{request,inferred_content_type}',
                'query', errtrack_private.pairs_of(body #> '{request,query_string}'),
                'headers', errtrack_private.pairs_of(body #> '{request,headers}'),
                'cookies', errtrack_private.pairs_of(body #> '{request,cookies}')) end
            union all
            select 7, 'template', case when kept > 0 and jsonb_typeof(body -> 'template') = 'object' then body -> 'template' end
            union all
            select 8, 'csp', case when kept > 0 and jsonb_typeof(body -> 'csp') = 'object' then body -> 'csp' end
            union all
            select 9, 'debugmeta', case when kept > 1 and jsonb_typeof(body -> 'debug_meta') = 'object' then body -> 'debug_meta' end
        ) as entry);
end
$$;
comment on function errtrack_private.show_entries(jsonb, integer) is
    'The interfaces of an event as Sentry lists them. kept: 3 all, 2 without variables, 1 without breadcrumbs too, 0 without requests and what is rarely read of frames, -1 one exception, -2 nothing.';

create or replace function errtrack_private.most_memory() returns integer
language sql immutable
as $$
    -- GitLab takes 5 MB, but each Ruby has its own idea of how much that is.
    select 4000000
$$;
comment on function errtrack_private.most_memory() is 'As many bytes as an answer to GitLab may have in the memory of Ruby.';

create or replace function errtrack_private.memory_of(written text) returns bigint
language plpgsql immutable
as $$
declare
    -- No text makes more memory than this many bytes for each of its own.
    ratio constant integer := 25;
    bytes constant bigint := octet_length(written);
    bare text;
begin
    if bytes is null or bytes * ratio <= errtrack_private.most_memory() then
        return coalesce(bytes * ratio, 0);
    end if;
    bare := regexp_replace(written, '"(?:[^"\\]|\\.)*"', '"', 'g');
    return bytes
         + 41 * (length(bare) - length(replace(bare, '"', '')))
         + 168 * (length(bare) - length(replace(bare, '{', '')))
         + 56 * (length(bare) - length(replace(bare, ':', '')))
         + 40 * (length(bare) - length(replace(bare, '[', '')))
         + 8 * (length(bare) - length(replace(bare, ',', '')));
end
$$;
comment on function errtrack_private.memory_of(text) is
    'At most so many bytes has a JSON text in the memory of Ruby: 168 an object and 56 a member, 40 a list and 8 an element, 41 a string and its length. A small text is not looked into.';

create or replace function errtrack_private.gitlab_takes(shown jsonb) returns boolean
language plpgsql immutable
as $$
declare
    -- 1 MiB, but for what is put around it.
    most constant integer := 1048576 - 2048;
begin
    return octet_length(shown::text) <= most
       and not jsonb_path_exists(shown, 'strict $.**{100} ? (@.type() == "array" || @.type() == "object")')
       and errtrack_private.memory_of(shown::text) <= errtrack_private.most_memory();
end
$$;
comment on function errtrack_private.gitlab_takes(jsonb) is
    'Whether an answer is within the bounds of GitLab: 1 MiB of text, 100 levels, and the memory that it needs.';

create or replace function errtrack_private.worth_trying(body jsonb) returns integer
language plpgsql immutable
as $$
declare
    -- A frame has at least 300 bytes when it is shown, and 2,300 in memory.
    most_frames constant integer := 1048576 / 300;
    most_whole_frames constant integer := errtrack_private.most_memory() / 2300;
    frames constant bigint := (select count(*) from jsonb_path_query(body, '$.**{0 to 4}.frames[*]'));
begin
    return case
        when frames > most_frames then -1
        when frames > most_whole_frames or errtrack_private.memory_of(concat_ws(
                ',', body -> 'user', body -> 'sdk', body -> 'contexts', body -> 'extra', body -> 'csp', body -> 'template'))
            > errtrack_private.most_memory() then 0
        when errtrack_private.memory_of(concat_ws(
                ',', body -> 'breadcrumbs', body -> 'modules', body -> 'debug_meta', body #> '{request,data}'))
            > errtrack_private.most_memory() then 1
        else 3 end;
end
$$;
comment on function errtrack_private.worth_trying(jsonb) is
    'How much of an event may be within the bounds of GitLab, before any of it is shown: see show_entries().';

do $$
declare
    name text;
begin
    foreach name in array array[
        'values_of(jsonb)', 'line_of(jsonb)', 'lines_around(jsonb)', 'show_frame(jsonb, boolean)', 'show_stack(jsonb, boolean)',
        'slim_stack(jsonb)', 'show_stack_within(jsonb, integer)', 'part_within(jsonb, integer)', 'exceptions_within(jsonb, integer)', 'pairs_of(jsonb)',
        'show_entries(jsonb, integer)', 'most_memory()', 'memory_of(text)', 'gitlab_takes(jsonb)', 'worth_trying(jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
