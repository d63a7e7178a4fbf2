-- Finding issues: the search language of Sentry becomes a condition.
--
-- Conditions are SQL text made of constants; what people wrote is in an array beside
-- it, bound as $3. In a condition i is a row of issues.

create or replace function errtrack_private.search_term(
    key text,
    value text,
    user_id bigint,
    inout bound text[],
    out condition text,
    out candidates text
)
language plpgsql stable
as $$
declare
    words constant jsonb := '{
        "platform": "i.platform", "error.type": "i.type", "type": "i.type",
        "title": "i.title", "culprit": "i.culprit", "firstrelease": "i.first_release",
        "first_release": "i.first_release", "lastrelease": "i.last_release", "last_release": "i.last_release"}';
    users constant jsonb := '{
        "user": "", "user.id": "id:", "user.email": "email:", "user.username": "username:", "user.ip": "ip:"}';
    moments constant jsonb := '{
        "firstseen": "i.first_seen", "first_seen": "i.first_seen", "age": "i.first_seen",
        "lastseen": "i.last_seen", "last_seen": "i.last_seen", "event.timestamp": "i.last_seen"}';
    -- Not exists(): as a join the planner reads all that has the tag, for a page of 25.
    tag constant text := 'coalesce((
        select true from errtrack_private.origins o
        join errtrack_private.tag_counts t on t.project_id = o.project_id and t.origin_id = o.id
        where o.project_id = i.project_id and o.issue_id = i.id and %s
        limit 1), false)';
    tagged constant text := 'select t.project_id, (
            select o.issue_id from errtrack_private.origins o
            where o.project_id = t.project_id and o.id = t.origin_id)
        from errtrack_private.tag_counts t
        where t.project_id = any ($1) and %s';
    -- What is written as tags[key] is a tag, whatever else has that name.
    tag_key constant text := substring(key from '^tags\[(.*)\]$');
    small constant text := case when tag_key is null then lower(key) end;
    n constant integer := cardinality(bound) + 1;
    equal constant text := case when value like '%*%' then format('ilike $3[%s]', n) else format('= $3[%s]', n) end;
    which text;
begin
    -- No tag is empty, and few columns are.
    if value = '' and coalesce(small, '') not in ('title', 'culprit', 'type', 'error.type') then
        perform errtrack_private.refuse_value(coalesce(small, ''));
    end if;
    if small in ('is', 'status') then
        bound := bound || value;
        condition := case value
            when 'unresolved' then 'i.status = ''unresolved'''
            when 'resolved' then 'i.status = ''resolved'''
            when 'ignored' then 'i.status = ''ignored'''
            when 'archived' then 'i.status = ''ignored'''
            when 'muted' then 'i.status = ''ignored'''
            when 'assigned' then 'i.assigned_to is not null'
            when 'unassigned' then 'i.assigned_to is null'
            when 'regressed' then 'i.status = ''unresolved'' and i.regressed_at is not null'
            when 'new' then 'i.first_seen >= now() - interval ''7 days'''
            when 'linked' then 'exists (select from errtrack_private.issue_links l
                where l.project_id = i.project_id and l.issue_id = i.id)'
            when 'unlinked' then 'not exists (select from errtrack_private.issue_links l
                where l.project_id = i.project_id and l.issue_id = i.id)' end;
        if condition is null then
            perform errtrack_private.refuse_value(small);
        end if;
    elsif value = 'latest' and small in ('release', 'lastrelease', 'last_release', 'firstrelease', 'first_release') then
        which := case when small like 'first%' then 'i.first_release' else 'i.last_release' end;
        condition := format('%s = (select errtrack_private.newest_releases($1)) ->> i.project_id::text', which);
    elsif words ? small then
        bound := bound || errtrack_private.search_value(value);
        condition := (words ->> small) || ' ' || equal;
    elsif small in ('message', 'error.value', 'value') then
        bound := bound || ('%' || errtrack_private.like_pattern(value) || '%');
        condition := format('(i.value ilike $3[%1$s] or i.title ilike $3[%1$s])', n);
    elsif moments ? small then
        condition := errtrack_private.compare_moment(moments ->> small, key, value);
    elsif small in ('times_seen', 'timesseen') then
        condition := errtrack_private.compare_number('i.event_count', key, value);
    elsif small in ('user_count', 'usercount', 'users_seen') then
        condition := errtrack_private.compare_number('i.user_count', key, value);
    elsif small in ('assigned', 'assigned_to') then
        if value not in ('me', 'none') and value !~ '^[^#].*@' then
            perform errtrack_private.refuse_value(small);
        end if;
        bound := bound || coalesce(case when value = 'me' then user_id::text
                                        else (select u.id::text from errtrack_private.users u
                                              where lower(u.email) = lower(value)) end, '0');
        condition := case when value = 'none' then 'i.assigned_to is null'
                          else format('i.assigned_to = $3[%s]::bigint', n) end;
    elsif small in ('issue', 'issue.id') then
        if value !~ '^([0-9]+|[A-Za-z0-9_-]+-[0-9A-Za-z]+)$' then
            perform errtrack_private.refuse_value(small);
        end if;
        bound := bound || coalesce(errtrack_private.issue_id_named(value), 0)::text;
        condition := format('i.id = $3[%s]::bigint', n);
        candidates := format('select o.project_id, o.issue_id from errtrack_private.origins o
            where o.project_id = any ($1) and o.id = $3[%s]::bigint', n);
        if value !~ '^[0-9]+$' then
            -- A short id names a project as well.
            bound := bound || upper(value);
            condition := condition || format(' and $3[%s] = (
                select errtrack_private.short_id(p.slug, i.id) from errtrack_private.projects p
                where p.id = i.project_id)', n + 1);
        end if;
    elsif small = 'has' then
        which := case
            when lower(value) like 'user.%' and users ? lower(value) then
                format('t.key = any (''{user,(user)}'') and t.value like $3[%s]', n)
            else format('t.key = $3[%s]', n) end;
        bound := bound || case when users ? lower(value) and lower(value) <> 'user' then (users ->> lower(value)) || '%'
                               when lower(value) in ('level', 'logger', 'release', 'environment', 'user') then lower(value)
                               else value end;
        condition := case lower(value) when 'assigned' then 'i.assigned_to is not null' else format(tag, which) end;
    else
        -- Whatever else has a colon in it is a tag.
        bound := bound || errtrack_private.search_value(
                              case when small = 'level' then errtrack_private.level_named(value)
                                   else coalesce(users ->> small, '') || value end)
                       || case when errtrack_private.search_key_kind(small) <> '' then small else coalesce(tag_key, key) end;
        which := case when users ? small then format('t.key = any (''{user,(user)}'') and t.value %s', equal)
                      else format('t.key = $3[%s] and t.value %s', n + 1, equal) end;
        condition := format(tag, which);
        candidates := case when value not like '%*%' then format(tagged, which) end;
    end if;
end
$$;
comment on function errtrack_private.search_term(text, text, bigint, text[]) is
    'The condition of one key:value of a search. candidates: a query that finds all issues that can meet it, where an index does. user_id is who me means.';

create or replace function errtrack_private.refuse_term(term text[], written text, bare text) returns void
language plpgsql immutable
as $$
declare
    key constant text := coalesce(term[2], term[3]);
    empty_key constant text := lower(substring(term[4] from '^([[:alnum:]_.-]+):$'));
begin
    if key is not null and bare is not null then
        perform errtrack_private.refuse_value(bare);
    elsif (key is null and term[4] = 'OR')
        or (key is null and errtrack_private.search_key_kind(substring(term[4] from '^\(+!?([[:alnum:]_.-]+):.')) = 'key')
        or (written ~ '^!?\(+$' and (term[2] is not null or errtrack_private.search_key_kind(key) = 'key'))
    then
        perform errtrack_private.refuse(400, 'OR and brackets are not supported: key:[a, b] finds either value; a text in quotes is looked for as it is');
    elsif key is null and errtrack_private.search_key_kind(empty_key) = 'key' then
        perform errtrack_private.refuse_value(empty_key);
    elsif key is null and term[4] ~ '^tags\[[^][\s]+\]:$' then
        perform errtrack_private.refuse_value('');
    elsif key is not null and (term[4] = '"' or term[4] ~ '^"' and term[4] !~ '^".*"$') then
        perform errtrack_private.refuse(400, 'a quote is not closed');
    elsif key is not null and term[4] ~ '^\[' and term[4] !~ '^\[[^][]*\]$' then
        perform errtrack_private.refuse(400, 'a list is not closed, or has brackets in it; a value with brackets has to be in quotes');
    end if;
end
$$;
comment on function errtrack_private.refuse_term(text[], text, text) is
    'Refuses a term of a search that can only be a mistake: what may as well be the title of an issue is text. written: the word in front of it; bare: the key in front of it that has no value.';

create or replace function errtrack_private.search_sql(
    search text,
    user_id bigint,
    out condition text,
    out bound text[],
    out candidates text,
    out statuses text[]
)
language plpgsql stable
as $$
declare
    term text[];
    key text;
    value text;
    one record;
    n integer;
    which text;
    parts text[];
    listed text[];
    terms integer := 0;
    -- Patterns of the words that are no terms, and the last term if it was one.
    words text[] := '{}';
    written text;
    last_word text;
    -- A key without a value; a text if more of one follows.
    bare text;
begin
    condition := 'true';
    bound := '{}';
    statuses := array['unresolved', 'resolved', 'ignored'];
    -- What lists are opened with.
    if search ~ '^is:(unresolved|resolved|ignored)$' then
        statuses := array[substr(search, 4)];
        return;
    end if;
    if length(search) > 1000 then
        perform errtrack_private.refuse(400, 'query must have at most 1000 characters');
    end if;
    for term in
        select regexp_matches(
            search, '(!?)(?:(?:tags\[([^][\s]+)\]|([[:alnum:]_.-]+)):)?("(?:[^"\\]|\\.)*"|\[[^][]*\]|\S+)', 'g')
    loop
        terms := terms + 1;
        if terms > 30 then
            perform errtrack_private.refuse(400, 'query must have at most 30 terms');
        end if;
        -- std::bad_alloc and http://host are words.
        if term[3] is not null and term[4] ~ '^(:|//)' and errtrack_private.search_key_kind(term[3]) = '' then
            term := array[term[1], null, null, term[3] || ':' || term[4]];
        end if;
        perform errtrack_private.refuse_term(term, written, bare);
        key := lower(term[3]);
        written := null;
        bare := null;
        if coalesce(term[2], key) is null then
            if term[4] in ('AND', 'and') then
                continue;
            end if;
            written := term[1] || term[4];
            bare := lower(substring(term[4] from '^([[:alnum:]_.-]+):$'));
            bare := case when errtrack_private.search_key_kind(bare) = 'word' then bare end;
            if term[1] = '!' then
                bound := bound || ('%' || errtrack_private.word_pattern(term[4]) || '%');
                condition := condition || format(' and not %s', errtrack_private.text_condition(cardinality(bound)));
            else
                words := words || errtrack_private.word_pattern(term[4]);
                last_word := term[4];
            end if;
            continue;
        end if;
        parts := '{}';
        -- A list means any of it; each of it counts as a term.
        listed := case when term[4] ~ '^\[.*\]$' then array(
            select element[1]
            from regexp_matches(btrim(term[4], '[]'), '("(?:[^"\\]|\\.)*"|[^\s,](?:[^,]*[^\s,])?)\s*(?:,|$)', 'g') as element)
            else array[term[4]] end;
        terms := terms + greatest(cardinality(listed) - 1, 0);
        if cardinality(listed) = 0 then
            perform errtrack_private.refuse(400, 'query has a list with nothing in it');
        elsif terms > 30 then
            perform errtrack_private.refuse(400, 'query must have at most 30 terms');
        end if;
        foreach value in array listed loop
            n := cardinality(bound) + 1;
            one := errtrack_private.search_term(
                coalesce('tags[' || term[2] || ']', term[3]), errtrack_private.unquoted(value), user_id, bound);
            bound := one.bound;
            parts := parts || one.condition;
            if term[1] = '!' and key = 'level' then
                -- The newest event has it, mostly, which is known without a look at the tags of
                -- each issue that is passed over.
                parts := format('i.level like $3[%s]', n) || parts;
            end if;
            if term[1] = '' and term[4] !~ '^\[.*\]$' then
                candidates := coalesce(candidates, one.candidates);
                if key in ('is', 'status') and one.condition ~ '^i.status = ''[a-z]+''$' then
                    statuses := array(
                        select known from unnest(statuses) as known
                        where known = substring(one.condition from '''([a-z]+)'''));
                    parts := '{}';
                end if;
            end if;
        end loop;
        continue when cardinality(parts) = 0;
        -- What has no such value is not it.
        condition := condition || format(case term[1] when '!' then ' and not coalesce(%s, false)' else ' and (%s)' end,
                                         array_to_string(parts, ' or '));
    end loop;
    if bare is not null then
        perform errtrack_private.refuse_value(bare);
    elsif cardinality(words) = 1 and last_word ~ '^:[[:alpha:]_]' then
        perform errtrack_private.refuse(400, 'there is no key in front of a colon; a text in quotes is looked for as it is');
    end if;
    -- A * at an end adds nothing.
    value := regexp_replace(array_to_string(words, ' '), '^(% )+|( %)+$', '', 'g');
    if value not in ('', '%') then
        -- What is left is one text, as it stands there.
        bound := bound || ('%' || value || '%');
        n := cardinality(bound);
        parts := array[errtrack_private.text_condition(n)];
        candidates := errtrack_private.text_candidates(n);
        last_word := substring(lower(last_word) from '^"?([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"?$');
        if cardinality(words) = 1 and last_word is not null then
            -- Or the issue of that event. Looked for once, not for each row.
            bound := bound || last_word;
            which := format('(select errtrack_private.issues_of_event($1, $3[%s]::uuid))::bigint[]', n + 1);
            parts := parts || format('i.id = any (%s)', which);
            candidates := candidates || format(' union all select e.project_id, e.id from errtrack_private.issues e
                where e.project_id = any ($1) and e.id = any (%s)', which);
        end if;
        condition := condition || format(' and (%s)', array_to_string(parts, ' or '));
    end if;
end
$$;
comment on function errtrack_private.search_sql(text, bigint) is
    'What a search means: issues in one of statuses that meet condition, of a row of issues, ''true'' where there is no other. bound: the values that it compares with; candidates: a query that finds all that can meet it, null where no index does.';

create or replace function errtrack_private.newest_releases(projects bigint[]) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_object_agg(p.id, errtrack_private.newest_release(p.id)), '{}')
        from unnest(projects) as p (id));
end
$$;
comment on function errtrack_private.newest_releases(bigint[]) is
    'newest_release() of each project, so that a search asks for it once and not for each row.';

create or replace function errtrack_private.issues_of_event(projects bigint[], wanted uuid) returns bigint[]
language plpgsql stable
as $$
begin
    return (
        select coalesce(array_agg(o.issue_id), '{}')
        from unnest(projects) as p (id)
        cross join lateral errtrack_private.find_event(p.id, wanted) e
        join errtrack_private.origins o on o.project_id = e.project_id and o.id = e.origin_id);
end
$$;
comment on function errtrack_private.issues_of_event(bigint[], uuid) is
    'The issue of an event of one of these projects.';

create or replace function errtrack_private.text_condition(n integer) returns text
language sql immutable
as $$
    -- As keep_issue_text() puts it together: one text is looked through sooner than three.
    select format($sql$lower(concat_ws(E'\n', i.title, left(i.value, 1000), i.culprit)) like lower($3[%s])$sql$, n)
$$;
comment on function errtrack_private.text_condition(integer) is
    'That a text is in what issue_texts has of an issue.';

create or replace function errtrack_private.text_candidates(n integer) returns text
language sql immutable
as $$
    select format('select x.project_id, x.issue_id from errtrack_private.issue_texts x
        where x.project_id = any ($1) and x.text ilike $3[%s]', n)
$$;
comment on function errtrack_private.text_candidates(integer) is
    'All issues that meet text_condition(), by the index of texts.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'search_term(text, text, bigint, text[])', 'search_sql(text, bigint)', 'refuse_term(text[], text, text)',
        'issues_of_event(bigint[], uuid)', 'newest_releases(bigint[])', 'text_condition(integer)', 'text_candidates(integer)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
