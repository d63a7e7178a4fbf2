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
        "level": "i.level", "logger": "i.logger", "platform": "i.platform", "error.type": "i.type", "type": "i.type",
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
            perform errtrack_private.refuse(400, 'is: takes unresolved, resolved, ignored, assigned, unassigned, linked, unlinked, regressed, new');
        end if;
    elsif words ? small then
        bound := bound || errtrack_private.search_value(value);
        condition := (words ->> small) || ' ' || equal;
    elsif small in ('message', 'error.value', 'value') then
        bound := bound || errtrack_private.like_pattern(value, true);
        condition := format('(i.value ilike $3[%1$s] or i.title ilike $3[%1$s])', n);
    elsif moments ? small then
        condition := errtrack_private.compare_moment(moments ->> small, key, value);
    elsif small in ('times_seen', 'timesseen') then
        condition := errtrack_private.compare_number('i.event_count', key, value);
    elsif small in ('user_count', 'usercount', 'users_seen') then
        condition := errtrack_private.compare_number('i.user_count', key, value);
    elsif small in ('assigned', 'assigned_to') then
        bound := bound || coalesce(case when value = 'me' then user_id::text
                                        else (select u.id::text from errtrack_private.users u
                                              where lower(u.email) = lower(value)) end, '0');
        condition := case when value = 'none' then 'i.assigned_to is null'
                          else format('i.assigned_to = $3[%s]::bigint', n) end;
    elsif small in ('issue', 'issue.id') then
        bound := bound || coalesce(case when value ~ '^[0-9]+$' then errtrack_private.as_id(value)
                                        else errtrack_private.id_of_short(value) end, 0)::text;
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
        bound := bound || case when users ? lower(value) then 'user' else value end;
        which := format('t.key = $3[%s]', n);
        condition := case lower(value) when 'assigned' then 'i.assigned_to is not null'
                                       else format(tag, which) end;
    else
        -- Whatever else has a colon in it is a tag.
        if value = 'latest' and small = 'release' then
            condition := 'i.last_release is not null and i.last_release = errtrack_private.newest_release(i.project_id)';
            return;
        end if;
        bound := bound || errtrack_private.search_value(coalesce(users ->> small, '') || value)
                       || case when users ? small then 'user' else coalesce(tag_key, key) end;
        which := format('t.key = $3[%s] and t.value %s', n + 1, equal);
        condition := format(tag, which);
        candidates := case when value not like '%*%' then format(tagged, which) end;
    end if;
end
$$;
comment on function errtrack_private.search_term(text, text, bigint, text[]) is
    'The condition of one key:value of a search. candidates: a query that finds all issues that can meet it, where an index does. user_id is who me means.';

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
    value text;
    one record;
    parts text[];
    listed text[];
    terms integer := 0;
    words text[] := '{}';
begin
    condition := 'true';
    bound := '{}';
    statuses := array['unresolved', 'resolved', 'ignored'];
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
        if coalesce(term[2], term[3]) is null then
            value := errtrack_private.unquoted(term[4]);
            if value in ('AND', 'and') then
                continue;
            end if;
            if term[1] = '!' then
                bound := bound || errtrack_private.like_pattern(value, true);
                condition := condition || format(' and not %s', errtrack_private.text_condition(cardinality(bound)));
            else
                words := words || value;
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
            one := errtrack_private.search_term(
                coalesce('tags[' || term[2] || ']', term[3]), errtrack_private.unquoted(value), user_id, bound);
            bound := one.bound;
            parts := parts || one.condition;
            if term[1] = '' and term[4] !~ '^\[.*\]$' then
                candidates := coalesce(candidates, one.candidates);
                if lower(term[3]) in ('is', 'status') and one.condition ~ '^i.status = ''[a-z]+''$' then
                    statuses := array(
                        select known from unnest(statuses) as known
                        where known = substring(one.condition from '''([a-z]+)'''));
                end if;
            end if;
        end loop;
        -- What has no such value is not it.
        condition := condition || format(case term[1] when '!' then ' and not coalesce(%s, false)' else ' and (%s)' end,
                                         array_to_string(parts, ' or '));
    end loop;
    if cardinality(words) > 0 then
        -- What is left is one text, as it stands there.
        bound := bound || errtrack_private.like_pattern(array_to_string(words, ' '), true);
        condition := condition || ' and ' || errtrack_private.text_condition(cardinality(bound));
        candidates := errtrack_private.text_candidates(cardinality(bound));
    end if;
end
$$;
comment on function errtrack_private.search_sql(text, bigint) is
    'What a search means. condition: of a row of issues; bound: the values that it compares with; candidates: a query that finds all that can meet it, null where no index does; statuses: those that are not ruled out.';

create or replace function errtrack_private.text_condition(n integer) returns text
language sql immutable
as $$
    select format('(i.title ilike $3[%1$s] or left(i.value, 1000) ilike $3[%1$s] or i.culprit ilike $3[%1$s])', n)
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
        'search_term(text, text, bigint, text[])', 'search_sql(text, bigint)', 'text_condition(integer)', 'text_candidates(integer)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
