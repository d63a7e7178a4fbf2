-- Erasing one person: what the command "errtrack erase" calls, in steps of a transaction
-- each. Who is meant travels as a JSON object that worker/admin_erase.cpp makes:
--
--     kind         user_id, email, address or username
--     names        the identity, in each spelling that stands for the same
--     words        what texts are searched for; none where it could be any word or number
--     user_hashes  what users of events are told apart by, of each spelling
--     dids         the same of users of sessions
--     tags         values of the tag "user", of each spelling
--
-- What was found waits in two temporary tables of the session. A dry run leaves it there,
-- and every search passes over what hangs on it: so it finds what a real run removes.

create or replace function errtrack_private.texts_of(person jsonb, what text) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select array(select jsonb_array_elements_text(person -> what))
$$;
comment on function errtrack_private.texts_of(jsonb, text) is 'A list of a person who is to be erased.';

create or replace function errtrack_private.person_pattern(person jsonb) returns text
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select edges.before
        || '(?:' || string_agg(regexp_replace(word, '[][\\^$.|?*+(){}]', '\\\&', 'g'), '|') || ')'
        || edges.behind
    from unnest(errtrack_private.texts_of(person, 'words')) as word
    cross join lateral (
        select * from (values
            ('email', '(?<![[:alnum:]._%+-])', '(?![[:alnum:]_-]|\.[[:alnum:]])'),
            ('address4', '(?<![[:alnum:].])', '(?![[:alnum:]]|\.[[:digit:]])'),
            -- "ip:" before it is none of its groups.
            ('address6', '(?<![[:alnum:].]|[[:xdigit:]:]:)', '(?![[:alnum:]]|:[[:xdigit:]:]|\.[[:digit:]])'),
            ('other', '(?<![[:alnum:]_-])', '(?![[:alnum:]_-])')) as kinds (kind, before, behind)
        where kinds.kind = case person ->> 'kind'
            when 'email' then 'email'
            when 'address' then case when person #>> '{names,0}' like '%:%' then 'address6' else 'address4' end
            else 'other' end) as edges
    group by edges.before, edges.behind
$$;
comment on function errtrack_private.person_pattern(jsonb) is
    'The regular expression that finds a person in a text, not as a part of a longer name or address. Null where texts are not searched.';

create or replace function errtrack_private.text_names(text text, pattern text) returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- The letter of an escape is none of a word.
    select regexp_replace(text, '\\[nrtbf]', ' ', 'g') ~ pattern
$$;
comment on function errtrack_private.text_names(text, text) is
    'Whether a text, or JSON as text, names who a pattern finds. Null without a pattern.';

create or replace function errtrack_private.event_names(body jsonb, person jsonb, pattern text)
returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    names constant text[] := errtrack_private.texts_of(person, 'names');
    member constant text := case person ->> 'kind' when 'user_id' then 'id' else person ->> 'kind' end;
    keys constant text[] := errtrack_private.identity_keys(person);
begin
    if pattern is not null then
        return errtrack_private.text_names(body::text, pattern);
    end if;
    return exists (
        select
        from jsonb_path_query(body, 'strict $.** ? (@.type() == "object")') as part
        where btrim(part #>> array['user', member], E' \t\n\v\f\r') = any (names)
           or btrim(part #>> array['sentry.interfaces.User', member], E' \t\n\v\f\r') = any (names)
           or exists (select from unnest(keys) as key where btrim(part ->> key, E' \t\n\v\f\r') = any (names)))
        or exists (
        select
        from jsonb_path_query(body, '$.tags[*] ? (@.type() == "array")') as tag
        where tag ->> 0 = any (keys) and btrim(tag ->> 1, E' \t\n\v\f\r') = any (names));
end
$$;
comment on function errtrack_private.event_names(jsonb, jsonb, text) is
    'Whether the body of an event names a person: in any text of it, or, where texts are not searched, as its user or under a name that says so.';

create or replace function errtrack_private.identity_keys(person jsonb) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case person ->> 'kind'
        when 'user_id' then array['user.id', 'user_id', 'userId', 'user-id']
        when 'username' then array['user.username', 'username', 'user_name', 'userName', 'user-name']
        else '{}' end
$$;
comment on function errtrack_private.identity_keys(jsonb) is
    'Names of members and tags whose value is an identity, beside those of users.';

create or replace function errtrack_private.item_names(item jsonb, person jsonb, pattern text)
returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(errtrack_private.text_names(item::text, pattern), false)
        or item ->> 'name' = any (errtrack_private.texts_of(person, 'names'))
        or item ->> 'email' = any (errtrack_private.texts_of(person, 'names'))
        or exists (
            select
            from jsonb_path_query(item, '$.**.did') as did
            where did #>> '{}' = any (errtrack_private.texts_of(person, 'dids')))
$$;
comment on function errtrack_private.item_names(jsonb, jsonb, text) is
    'Whether an item other than an event, as its reader leaves it, names a person.';

create or replace function errtrack_private.request_names(
    person jsonb,
    written text,
    events jsonb,
    items jsonb
)
returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(errtrack_private.text_names(request_names.written, pattern), false)
        or exists (
            select from jsonb_array_elements(request_names.events) as event
            where errtrack_private.event_names(event, person, pattern))
        or exists (
            select from jsonb_array_elements(request_names.items) as item
            where errtrack_private.item_names(item, person, pattern))
    from errtrack_private.person_pattern(person) as pattern
$$;
comment on function errtrack_private.request_names(jsonb, text, jsonb, jsonb) is
    'Whether a request that is not filed names a person: what was written of it and in it, the bodies of its events, or its other items.';

-- ---- what is found ------------------------------------------------------------------

create or replace function errtrack_private.prepare_erasure() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    create temporary table erased_events (
        project_id bigint not null,
        event_id uuid not null,
        received_at timestamptz not null,
        primary key (project_id, event_id, received_at)
    );
    create temporary table erased_users (
        project_id bigint not null,
        origin_id bigint not null,
        user_hash uuid not null,
        primary key (project_id, origin_id, user_hash)
    );
end
$$;
comment on function errtrack_private.prepare_erasure() is
    'Makes the temporary tables for what is found. Once in a session.';

create or replace function errtrack_private.erasure_partitions()
returns table (parent text, name text, day date)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select listed.name, child.relname::text, to_date(substring(child.relname from '_([0-9]{8})$'), 'YYYYMMDD')
    from errtrack_private.content_tables() as listed
    join pg_inherits on pg_inherits.inhparent = format('errtrack_private.%I', listed.name)::regclass
    join pg_class as child on child.oid = pg_inherits.inhrelid
    -- Bodies first: without its body an event is found by its user alone.
    order by 3 nulls first, listed.name <> 'payloads', listed.name
$$;
comment on function errtrack_private.erasure_partitions() is
    'The partitions that are searched, in their order. Without a day: those of rows that found no other.';

create or replace function errtrack_private.find_in_payloads(
    person jsonb,
    projects bigint[],
    part text,
    first_block bigint,
    blocks bigint
)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    pattern constant text := errtrack_private.person_pattern(person);
    names constant text[] := errtrack_private.texts_of(person, 'names') || errtrack_private.texts_of(person, 'words');
begin
    -- Nearly all bodies are passed over without being read as JSON: they have neither the
    -- identity in them nor anything that could stand for one of its characters.
    execute format(
        'insert into erased_events (project_id, event_id, received_at)
         select p.project_id, p.event_id, p.received_at
         from errtrack_private.%I as p
         where p.ctid >= %L::tid and p.ctid < %L::tid
           and ($1 is null or p.project_id = any ($1))
           and p.body::text like any ($2)
           and errtrack_private.event_names(p.body::jsonb, $3, $4)
         on conflict do nothing',
        part, format('(%s,0)', first_block), format('(%s,0)', first_block + blocks))
    using projects,
          array(select '%' || regexp_replace(probe, '([\\%_])', '\\\1', 'g') || '%'
                from unnest(names || '\u'::text || case when array_to_string(names, '') ~ '["\\/]' then '\'::text end) as probe
                where probe is not null),
          person, pattern;
end
$$;
comment on function errtrack_private.find_in_payloads(jsonb, bigint[], text, bigint, bigint) is
    'Finds the events whose bodies in these blocks of a partition name a person.';

create or replace function errtrack_private.find_in_occurrences(
    person jsonb,
    projects bigint[],
    part text,
    most integer
)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    found_rows bigint;
begin
    execute format(
        'insert into erased_events (project_id, event_id, received_at)
         select o.project_id, o.event_id, o.received_at
         from errtrack_private.%I as o
         where ($1 is null or o.project_id = any ($1))
           and (o.user_hash = any ($2)
                or (not o.has_payload and concat_ws(E''\n'', o.transaction, o.release, o.environment) ~ $3))
         limit $4
         on conflict do nothing', part)
    using projects, errtrack_private.texts_of(person, 'user_hashes')::uuid[], errtrack_private.person_pattern(person), most;
    get diagnostics found_rows = row_count;
    return found_rows;
end
$$;
comment on function errtrack_private.find_in_occurrences(jsonb, bigint[], text, integer) is
    'Finds so many events of a partition whose user a person is, also those without a body.';

create or replace function errtrack_private.find_users(person jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Those that the person's own hash stands for are found by find_own_users().
    insert into erased_users (project_id, origin_id, user_hash)
    select u.project_id, u.origin_id, u.user_hash
    from (
        select distinct o.project_id, o.origin_id, o.user_hash
        from erased_events e
        cross join lateral (
            select o.project_id, o.origin_id, o.user_hash
            from errtrack_private.occurrences o
            where o.project_id = e.project_id and o.received_at = e.received_at and o.event_id = e.event_id
            limit 1) o
        where o.user_hash is not null
          and o.user_hash <> all (errtrack_private.texts_of(person, 'user_hashes')::uuid[])) u
    where not exists (
        select
        from errtrack_private.occurrences o
        where o.project_id = u.project_id and o.origin_id = u.origin_id and o.user_hash = u.user_hash
          and not exists (
              select from erased_events e
              where e.project_id = o.project_id and e.event_id = o.event_id and e.received_at = o.received_at))
    on conflict do nothing;
end
$$;
comment on function errtrack_private.find_users(jsonb) is
    'Finds the users of issues of whom no event is left beside those that were found.';

create or replace function errtrack_private.find_own_users(
    person jsonb,
    projects bigint[],
    most integer
)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    found_rows bigint;
begin
    insert into erased_users (project_id, origin_id, user_hash)
    select u.project_id, u.origin_id, u.user_hash
    from errtrack_private.origin_users u
    where (projects is null or u.project_id = any (projects))
      and u.user_hash = any (errtrack_private.texts_of(person, 'user_hashes')::uuid[])
    limit most
    on conflict do nothing;
    get diagnostics found_rows = row_count;
    return found_rows;
end
$$;
comment on function errtrack_private.find_own_users(jsonb, bigint[], integer) is
    'Finds so many users of issues that a person is.';

create or replace function errtrack_private.count_found() returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return jsonb_build_object(
        'events', (select count(*) from erased_events),
        'bodies', (
            select count(*)
            from erased_events e
            where (
                select true
                from errtrack_private.payloads p
                where p.project_id = e.project_id and p.event_id = e.event_id and p.received_at = e.received_at)),
        'attachments', (
            select coalesce(sum(files.files), 0)
            from (select distinct project_id, event_id from erased_events) e
            cross join lateral (
                select count(*) as files
                from errtrack_private.attachments a
                where a.project_id = e.project_id and a.event_id = e.event_id) as files),
        'feedback', (
            select count(*)
            from errtrack_private.feedback f
            where (f.project_id, f.event_id) in (select e.project_id, e.event_id from erased_events e)),
        'issue_users', (select count(*) from erased_users));
end
$$;
comment on function errtrack_private.count_found() is
    'How much hangs on the events and users that were found.';

-- ---- what is noted of it ------------------------------------------------------------

create or replace function errtrack_private.begin_erasure(
    person jsonb,
    project bigint,
    out id bigint,
    out removed jsonb,
    out searched_before date
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    kind constant text := person ->> 'kind';
    identity constant text := encode(sha256(convert_to(kind || ':' || (person #>> '{names,0}'), 'UTF8')), 'hex');
begin
    -- One that was ended early goes on. What may still have been filed since it began, a week
    -- late at most, is searched again.
    select a.id, a.details -> 'removed', least((a.details ->> 'before')::date, (a.at at time zone 'UTC')::date - 8)
    into begin_erasure.id, begin_erasure.removed, searched_before
    from errtrack_private.audit a
    where a.action = 'person.erase'
      and a.details ->> 'identity' = identity
      and a.project_id is not distinct from begin_erasure.project
      and not a.details ? 'finished'
    order by a.id desc
    limit 1;
    if not found then
        removed := '{}';
        insert into errtrack_private.audit (who, organization_id, project_id, action, details)
        values (session_user,
                (select p.organization_id from errtrack_private.projects p where p.id = begin_erasure.project),
                begin_erasure.project, 'person.erase',
                jsonb_build_object('kind', kind, 'identity', identity, 'removed', removed))
        returning audit.id into begin_erasure.id;
    end if;
end
$$;
comment on function errtrack_private.begin_erasure(jsonb, bigint) is
    'Notes that a person is being erased, by the SHA-256 of kind and identity alone, or finds the note of a run that was ended early: what that removed, and the day before which it has searched every partition.';

create or replace function errtrack_private.note_erasure(
    id bigint,
    removed jsonb,
    searched_before date,
    finished boolean default false
)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Who is not known here has not been erased.
    if finished and not exists (
        select from jsonb_each_text(note_erasure.removed) as r where r.value::bigint > 0)
    then
        delete from errtrack_private.audit a where a.id = note_erasure.id;
        return;
    end if;
    update errtrack_private.audit a
    set details = a.details
        || jsonb_build_object('removed', note_erasure.removed)
        || case when finished then jsonb_build_object('finished', now())
                else jsonb_build_object('before', searched_before) end
    where a.id = note_erasure.id;
end
$$;
comment on function errtrack_private.note_erasure(bigint, jsonb, date, boolean) is
    'Notes how far it has come.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'texts_of(jsonb, text)', 'person_pattern(jsonb)', 'text_names(text, text)',
        'event_names(jsonb, jsonb, text)', 'identity_keys(jsonb)', 'item_names(jsonb, jsonb, text)',
        'request_names(jsonb, text, jsonb, jsonb)', 'prepare_erasure()', 'erasure_partitions()',
        'find_in_payloads(jsonb, bigint[], text, bigint, bigint)',
        'find_in_occurrences(jsonb, bigint[], text, integer)', 'find_users(jsonb)',
        'find_own_users(jsonb, bigint[], integer)', 'count_found()',
        'begin_erasure(jsonb, bigint)', 'note_erasure(bigint, jsonb, date, boolean)'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
