-- How the functions of the HTTP surfaces read what was requested, and how they refuse it.
--
-- A request is one jsonb value, made by the program in front and not looked into by it:
-- {"path": {name: text}, "arguments": {name: [text, ...]}, "base": "https://host:443",
-- "body": anything}. A refusal is an error with SQLSTATE ET and the status, so that it
-- ends the transaction from wherever it is found; its message is shown to the client and
-- holds no values of the request, only names of its arguments and the keys of a search.
--
-- Here and in the files that follow, only what runs with the rights of its owner sets the
-- search path: everything else is called by that, and a function that sets something is
-- never made part of the query that calls it, which costs more than most of them do.

create or replace function errtrack_private.refuse(status integer, reason text default '') returns void
language plpgsql immutable
as $$
begin
    raise exception using errcode = 'ET' || status, message = reason;
end
$$;
comment on function errtrack_private.refuse(integer, text) is
    'Ends the call: the client gets this status, and the reason in the words of its surface.';

create or replace function errtrack_private.refuse_for_now(status integer, reason text, seconds double precision) returns void
language plpgsql immutable
as $$
begin
    raise exception using errcode = 'ET' || status, message = reason, detail = 'Retry-After: ' || ceil(greatest(seconds, 1));
end
$$;
comment on function errtrack_private.refuse_for_now(integer, text, double precision) is
    'Ends the call as refuse() does, with the seconds after which it may be made again.';

create or replace function errtrack_private.needs(scope text) returns text
language sql immutable
as $$
    select 'Forbidden: needs ' || scope
$$;
comment on function errtrack_private.needs(text) is 'Why somebody may not, for who may know that there is something.';

create or replace function errtrack_private.require(
    token_hash bytea,
    surface text,
    wanted_project bigint,
    wanted_scope text
)
returns void
language plpgsql stable
as $$
declare
    allowed integer := errtrack_private.access(token_hash, surface, wanted_project, wanted_scope);
begin
    if allowed <> 200 then
        -- Who is told 403 knows of the project. GitLab has words of its own for it.
        perform errtrack_private.refuse(allowed, case
            when surface <> 'sentry' then ''
            when allowed = 401 then 'Invalid token'
            when allowed = 403 then errtrack_private.needs(wanted_scope)
            else '' end);
    end if;
end
$$;
comment on function errtrack_private.require(bytea, text, bigint, text) is
    'Refuses the call unless the token may act on the project. See access().';

create or replace function errtrack_private.ok(body text, status integer default 200)
returns errtrack_private.answer
language sql immutable
as $$
    select row(ok.status, ok.body, null, null, null, null, null, null, null)::errtrack_private.answer
$$;
comment on function errtrack_private.ok(text, integer) is 'An answer without other pages.';

-- ---- path ----------------------------------------------------------------------

create or replace function errtrack_private.path_text(request jsonb, name text) returns text
language sql immutable
as $$
    select request #>> array['path', name]
$$;
comment on function errtrack_private.path_text(jsonb, text) is 'A segment of the path, decoded.';

create or replace function errtrack_private.as_id(value text) returns bigint
language sql immutable
as $$
    select case when value ~ '^0*[0-9]{1,19}$' and value::numeric <= 9223372036854775807 then value::bigint end
$$;
comment on function errtrack_private.as_id(text) is '0 to 2^63 - 1, or null for what is none.';

create or replace function errtrack_private.path_id(request jsonb, name text) returns bigint
language plpgsql immutable
as $$
declare
    id bigint := errtrack_private.as_id(errtrack_private.path_text(request, name));
begin
    if id is null then
        perform errtrack_private.refuse(400, name || ' must be an integer');
    end if;
    return id;
end
$$;
comment on function errtrack_private.path_id(jsonb, text) is 'A segment of the path that is an id.';

-- ---- arguments -----------------------------------------------------------------

create or replace function errtrack_private.argument(request jsonb, name text) returns text
language sql immutable
as $$
    select nullif(request #>> array['arguments', name, '-1'], '')
$$;
comment on function errtrack_private.argument(jsonb, text) is
    'The last value of an argument of the URL. One that is empty counts as absent.';

create or replace function errtrack_private.arguments(request jsonb, name text) returns text[]
language sql immutable
as $$
    select array(
        select value
        from jsonb_array_elements_text(request #> array['arguments', name]) as value
        where value <> '')
$$;
comment on function errtrack_private.arguments(jsonb, text) is
    'All values of an argument of the URL that are not empty.';

create or replace function errtrack_private.one_of(words text[]) returns text
language sql immutable
as $$
    select concat_ws(' or ', nullif(array_to_string(words[:cardinality(words) - 1], ', '), ''), words[cardinality(words)])
$$;
comment on function errtrack_private.one_of(text[]) is 'Words in a sentence: a, b or c.';

create or replace function errtrack_private.argument_choice(request jsonb, name text, variadic words text[])
returns text
language plpgsql immutable
as $$
declare
    value text := coalesce(errtrack_private.argument(request, name), words[1]);
begin
    if value <> all (words) then
        perform errtrack_private.refuse(400, format('%s must be %s', name, errtrack_private.one_of(words)));
    end if;
    return value;
end
$$;
comment on function errtrack_private.argument_choice(jsonb, text, text[]) is
    'One of the words; the first where there is no such argument.';

create or replace function errtrack_private.argument_integer(
    request jsonb,
    name text,
    otherwise integer,
    low integer,
    high integer
)
returns integer
language plpgsql immutable
as $$
declare
    value text := errtrack_private.argument(request, name);
begin
    if value is null then
        return otherwise;
    elsif value ~ '^[0-9]{1,9}$' and value::integer between low and high then
        return value::integer;
    end if;
    perform errtrack_private.refuse(400, format('%s must be %s to %s', name, low, high));
end
$$;
comment on function errtrack_private.argument_integer(jsonb, text, integer, integer, integer) is
    'A number between two, or otherwise where there is no such argument.';

create or replace function errtrack_private.page_length(request jsonb, otherwise integer, most integer) returns integer
language plpgsql immutable
as $$
begin
    -- Clients of Sentry's lists write either.
    return coalesce(
        errtrack_private.argument_integer(request, 'limit', null, 1, most),
        errtrack_private.argument_integer(request, 'per_page', null, 1, most), otherwise);
end
$$;
comment on function errtrack_private.page_length(jsonb, integer, integer) is
    'How many rows a page of a list of Sentry''s web API is to have: limit, or per_page.';

create or replace function errtrack_private.argument_flag(request jsonb, name text) returns boolean
language plpgsql immutable
as $$
declare
    -- An empty one is none of the words either: it may hold back what cannot be undone.
    value text := coalesce(request #>> array['arguments', name, '-1'], 'false');
begin
    if value not in ('1', 'true', '0', 'false') then
        perform errtrack_private.refuse(400, name || ' must be 1, true, 0 or false');
    end if;
    return value in ('1', 'true');
end
$$;
comment on function errtrack_private.argument_flag(jsonb, text) is
    'Whether an argument says yes; it must say yes or no where it is there at all.';

-- ---- body ----------------------------------------------------------------------

create or replace function errtrack_private.body_object(request jsonb) returns jsonb
language plpgsql immutable
as $$
begin
    if jsonb_typeof(request -> 'body') is distinct from 'object' then
        perform errtrack_private.refuse(400, 'the body must be a JSON object');
    end if;
    return request -> 'body';
end
$$;
comment on function errtrack_private.body_object(jsonb) is 'The body of a request that must have one.';

create or replace function errtrack_private.body_of(request jsonb, members text[], answered jsonb default '{}') returns jsonb
language plpgsql immutable
as $$
declare
    body constant jsonb := errtrack_private.body_object(request);
    -- What was answered may be sent back.
    unknown constant text := (
        select min(key) from jsonb_object_keys(body) as key where key <> all (members) and not answered ? key);
begin
    if unknown is not null then
        perform errtrack_private.refuse(400, format(
            'there is no member "%s": there are %s', left(unknown, 100), array_to_string(members, ', ')));
    end if;
    return body;
end
$$;
comment on function errtrack_private.body_of(jsonb, text[], jsonb) is
    'The body of a request, which names these members and no others but those of what was answered before.';

create or replace function errtrack_private.member_text(body jsonb, name text, longest integer default 1000)
returns text
language plpgsql immutable
as $$
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return null;
    elsif jsonb_typeof(body -> name) <> 'string' then
        perform errtrack_private.refuse(400, name || ' must be a string');
    elsif length(body ->> name) > longest then
        perform errtrack_private.refuse(400, format('%s must have at most %s characters', name, longest));
    end if;
    return body ->> name;
end
$$;
comment on function errtrack_private.member_text(jsonb, text, integer) is
    'A string of a body; null where it is absent or null.';

create or replace function errtrack_private.member_id(body jsonb, name text) returns bigint
language plpgsql immutable
as $$
declare
    id bigint := errtrack_private.as_id(body ->> name);
begin
    if coalesce(jsonb_typeof(body -> name), 'null') <> 'null' and id is null then
        perform errtrack_private.refuse(400, name || ' must be an integer');
    end if;
    return id;
end
$$;
comment on function errtrack_private.member_id(jsonb, text) is
    'An id of a body, as a number or as its digits; null where it is absent or null.';

create or replace function errtrack_private.member_boolean(body jsonb, name text) returns boolean
language plpgsql immutable
as $$
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return null;
    elsif lower(body ->> name) not in ('true', 'false', '1', '0') then
        perform errtrack_private.refuse(400, name || ' is invalid');
    end if;
    return lower(body ->> name) in ('true', '1');
end
$$;
comment on function errtrack_private.member_boolean(jsonb, text) is
    'A boolean of a body, or what a form has for it; null where it is absent or null.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'refuse(integer, text)', 'refuse_for_now(integer, text, double precision)', 'needs(text)', 'require(bytea, text, bigint, text)', 'ok(text, integer)',
        'path_text(jsonb, text)', 'as_id(text)', 'path_id(jsonb, text)', 'argument(jsonb, text)',
        'arguments(jsonb, text)', 'one_of(text[])', 'argument_choice(jsonb, text, text[])',
        'page_length(jsonb, integer, integer)',
        'argument_integer(jsonb, text, integer, integer, integer)', 'argument_flag(jsonb, text)', 'body_object(jsonb)',
        'body_of(jsonb, text[], jsonb)',
        'member_text(jsonb, text, integer)', 'member_id(jsonb, text)', 'member_boolean(jsonb, text)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
