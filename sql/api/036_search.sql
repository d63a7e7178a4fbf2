-- Finding issues: the search language of Sentry becomes a condition, and the condition a
-- page of issues in one of their orders.
--
-- Conditions are SQL text made of constants; what people wrote is in an array beside
-- it, bound as $3. In a condition i is a row of issues.

create or replace function errtrack_private.like_pattern(value text, anywhere boolean default false)
returns text
language sql immutable
as $$
    select case when anywhere then '%' else '' end
        || replace(replace(replace(replace(value, '\', '\\'), '%', '\%'), '_', '\_'), '*',
                   case when anywhere then '*' else '%' end)
        || case when anywhere then '%' else '' end
$$;
comment on function errtrack_private.like_pattern(text, boolean) is
    'The pattern of like that finds a text: as a whole, where * stands for anything, or anywhere, where it stands for itself.';

create or replace function errtrack_private.moment_of(value text) returns timestamptz
language plpgsql stable
as $$
declare
    part text[] := regexp_match(value, '^([+-])([0-9]{1,6})(m|h|d|w|min)$');
    day text[] := regexp_match(value, '^([0-9]{4}-[01][0-9]-[0-3][0-9])(?:[T ]([0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?)(Z|[+-][01][0-9]:?[0-5][0-9])?)?$');
    moment timestamptz;
begin
    if part is not null then
        moment := now() - part[2]::integer * case left(part[3], 1)
            when 'm' then interval '1 minute' when 'h' then interval '1 hour'
            when 'd' then interval '1 day' else interval '1 week' end;
    elsif day is not null then
        moment := (day[1] || ' ' || coalesce(day[2], '00:00') || coalesce(nullif(day[3], 'Z'), '+00'))::timestamptz;
    end if;
    -- JSON has four digits for a year, and none before the first.
    if moment >= timestamptz '0001-01-01 00:00+00' and moment < timestamptz '10000-01-01 00:00+00' then
        return moment;
    end if;
    return null;
exception when data_exception then
    -- No such day, no such zone, or too long ago.
    return null;
end
$$;
comment on function errtrack_private.moment_of(text) is
    'A time as a search has it: 2026-01-31, 2026-01-31T12:00:00Z, or -24h and +24h, both a day ago. Null when it is none.';

create or replace function errtrack_private.compare_moment(target text, key text, value text) returns text
language plpgsql stable
as $$
declare
    part text[] := regexp_match(value, '^(>=|<=|>|<|)(.*)$');
    moment timestamptz := errtrack_private.moment_of(part[2]);
    operator text := case when part[1] <> '' then part[1]
                          -- Within the last day; longer ago than a day; on that day.
                          when part[2] like '-%' then '>=' when part[2] like '+%' then '<=' else 'on' end;
begin
    if moment is null then
        perform errtrack_private.refuse(400, format(
            '%s must be a time: -24h, +7d, >2026-01-31, <2026-01-31T12:00:00Z', key));
    elsif operator = 'on' then
        return format('(%1$s >= %2$L and %1$s < %2$L::timestamptz + interval ''1 day'')', target, moment);
    end if;
    return format('%s %s %L::timestamptz', target, operator, moment);
end
$$;
comment on function errtrack_private.compare_moment(text, text, text) is
    'The condition that a search for a time means.';

create or replace function errtrack_private.compare_number(target text, key text, value text) returns text
language plpgsql immutable
as $$
declare
    part text[] := regexp_match(value, '^(>=|<=|>|<|)([0-9]{1,15})$');
begin
    if part is null then
        perform errtrack_private.refuse(400, format('%s must be a number: >100, <=5, 3', key));
    end if;
    return format('%s %s %s', target, coalesce(nullif(part[1], ''), '='), part[2]);
end
$$;
comment on function errtrack_private.compare_number(text, text, text) is
    'The condition that a search for a number means.';

-- ---- short ids -----------------------------------------------------------------

create or replace function errtrack_private.short_id(project_slug text, issue_id bigint) returns text
language plpgsql immutable
as $$
declare
    digits constant text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    rest bigint := issue_id;
    text text := '';
begin
    loop
        text := substr(digits, (rest % 32)::integer + 1, 1) || text;
        rest := rest / 32;
        exit when rest = 0;
    end loop;
    return upper(project_slug) || '-' || text;
end
$$;
comment on function errtrack_private.short_id(text, bigint) is
    'What people call an issue: SHOP-1A. The id to the base of 32, without letters that look like digits.';

create or replace function errtrack_private.id_of_short(short_id text) returns bigint
language plpgsql immutable
as $$
declare
    digits constant text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
    coded text := upper(substring(short_id from '-([0-9A-Za-z]{1,11})$'));
    id bigint := 0;
begin
    if coded is null or coded ~ '[ILOU]' then
        return null;
    end if;
    for n in 1 .. length(coded) loop
        id := id * 32 + position(substr(coded, n, 1) in digits) - 1;
    end loop;
    return id;
end
$$;
comment on function errtrack_private.id_of_short(text) is
    'The id of an issue that people call by its short id. Whether its project has that name is not looked at.';

-- ---- the language --------------------------------------------------------------

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

create or replace function errtrack_private.search_value(value text) returns text
language sql immutable
as $$
    select case when value like '%*%' then errtrack_private.like_pattern(value) else value end
$$;
comment on function errtrack_private.search_value(text) is
    'What a column is compared with: a text, or the pattern of one with a *.';

create or replace function errtrack_private.unquoted(value text) returns text
language sql immutable
as $$
    select case when value ~ '^".*"$' then regexp_replace(substr(value, 2, length(value) - 2), '\\(.)', '\1', 'g')
                else value end
$$;
comment on function errtrack_private.unquoted(text) is
    'A value of a search without the quotes around it; a backslash in them takes the next character as it is.';

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

-- ---- pages ---------------------------------------------------------------------

do $$
begin
    if to_regtype('errtrack_private.issue_place') is null then
        create type errtrack_private.issue_place as (project_id bigint, id bigint, place bigint);
    end if;
end
$$;
comment on type errtrack_private.issue_place is
    'An issue and where it stands in an order: microseconds of a time, or a count.';

create or replace function errtrack_private.find_candidates(
    wanted_projects bigint[],
    bound text[],
    candidates text,
    most integer,
    out projects bigint[],
    out issues bigint[]
)
language plpgsql stable
as $$
begin
    execute format($sql$
            select coalesce(array_agg(c.project_id), '{}'), coalesce(array_agg(c.issue_id), '{}')
            from (select distinct c.project_id, c.issue_id from (%s limit $2) c (project_id, issue_id)) c
        $sql$, candidates)
        into projects, issues
        using wanted_projects, most, bound;
end
$$;
comment on function errtrack_private.find_candidates(bigint[], text[], text, integer) is
    'What an index says can be what is searched for, so many at most.';

create or replace function errtrack_private.find_issues(
    projects bigint[],
    statuses text[],
    bound text[],
    condition text,
    candidates text,
    sort_kind text,
    ascending boolean,
    place bigint,
    place_id bigint,
    wanted integer
)
returns errtrack_private.issue_place[]
language plpgsql stable
-- Compiling a condition of many terms takes seconds; running it, milliseconds.
set jit = off
as $$
declare
    -- Rows of the order that are looked at before an index is asked for what is searched.
    first_walk constant integer := 1000;
    longest_walk constant integer := 10000;
    -- So few candidates are the cheapest way; more than so many are not sorted.
    few_candidates constant integer := 500;
    most_candidates constant integer := 20000;
    sort_key constant text := case sort_kind
        when 'l' then 'last_seen' when 'f' then 'first_seen' when 'c' then 'event_count' when 'u' then 'user_count' end;
    is_time constant boolean := sort_kind in ('l', 'f');
    direction constant text := case when ascending then 'asc' else 'desc' end;
    reached constant text := case when place is null then 'true' else format(
        '(i.%I, i.id) %s (%s, $5)', sort_key, case when ascending then '>' else '<' end,
        case when is_time then 'errtrack_private.from_microseconds($4)' else '$4' end) end;
    good constant text := format('i.last_received_at >= coalesce(p.purge_before, ''-infinity'')
        and coalesce((select true from errtrack_private.origins g
                      where g.project_id = i.project_id and g.issue_id = i.id limit 1), false)
        and (%s)', condition);
    -- Each project and status along its own index, as far as a page or a walk goes.
    along constant text := format($sql$
        from errtrack_private.projects p
        cross join unnest($2) as wanted_status
        cross join lateral (
            select i.*
            from errtrack_private.issues i
            where i.project_id = p.id and i.status = wanted_status and %s and %%s
            order by i.%I %s, i.id %s
            limit %%s) i
        where p.id = any ($1) and %%s
    $sql$, reached, sort_key, direction, direction);
    page constant text := format($sql$
        select array_agg(row(page.project_id, page.id, page.place)::errtrack_private.issue_place)
        from (
            select i.project_id, i.id, %s as place
            %%s
            order by i.%I %s, i.id %s
            limit $6) page
    $sql$, case when is_time then format('errtrack_private.microseconds(i.%I)', sort_key) else 'i.' || sort_key end,
        sort_key, direction, direction);
    found_places errtrack_private.issue_place[];
    found_projects bigint[];
    found_issues bigint[];
    walked integer := first_walk;
    of_each integer;
begin
    if candidates is not null then
        -- A tag that is rare is found by it at once; a text is looked for in rows first.
        if candidates not like '%issue_texts%' then
            select c.projects, c.issues into found_projects, found_issues
            from errtrack_private.find_candidates(projects, bound, candidates, few_candidates + 1) c;
        end if;
        if found_issues is null or cardinality(found_issues) > few_candidates then
            for turn in 1 .. 2 loop
                of_each := greatest(walked / greatest(cardinality(projects) * cardinality(statuses), 1), 100);
                -- Where one project or status was left, what others have is not the next of all:
                -- so many are looked at of all together as of each.
                execute format(page, format($sql$
                        from (select i.* %s order by i.%I %s, i.id %s limit %s) i
                        join errtrack_private.projects p on p.id = i.project_id
                        where %s
                    $sql$, format(along, 'true', of_each, 'true'), sort_key, direction, direction, of_each, good))
                    into found_places
                    using projects, statuses, bound, place, place_id, wanted;
                if cardinality(found_places) >= wanted then
                    return found_places;
                end if;
                -- Some were found: is it worth going on?
                walked := coalesce(first_walk * 1.5 * wanted / cardinality(found_places), longest_walk + 1)::integer;
                exit when walked > longest_walk;
            end loop;
            select c.projects, c.issues into found_projects, found_issues
            from errtrack_private.find_candidates(projects, bound, candidates, most_candidates + 1) c;
        end if;
        if cardinality(found_issues) <= most_candidates then
            execute format(page, format($sql$
                    from unnest($7, $8) as c (project_id, issue_id)
                    join errtrack_private.issues i on i.project_id = c.project_id and i.id = c.issue_id
                    join errtrack_private.projects p on p.id = i.project_id
                    where i.status = any ($2) and %s and %s
                $sql$, reached, good))
                into found_places
                using projects, statuses, bound, place, place_id, wanted, found_projects, found_issues;
            return coalesce(found_places, '{}');
        end if;
        -- Many have it, and none of the first thousand: they may all be elsewhere, so that a
        -- walk would go to the end. All of them at once cost less than that.
        if found_places is null then
            execute format(page, format($sql$
                    from (select distinct * from (%s) as c (project_id, issue_id)) as c
                    join errtrack_private.issues i on i.project_id = c.project_id and i.id = c.issue_id
                    join errtrack_private.projects p on p.id = i.project_id
                    where i.status = any ($2) and %s and %s
                $sql$, candidates, reached, good))
                into found_places
                using projects, statuses, bound, place, place_id, wanted;
            return coalesce(found_places, '{}');
        end if;
    end if;
    execute format(page, format(along, good, '$6', 'true'))
        into found_places
        using projects, statuses, bound, place, place_id, wanted;
    return coalesce(found_places, '{}');
end
$$;
comment on function errtrack_private.find_issues(bigint[], text[], text[], text, text, text, boolean, bigint, bigint, integer) is
    'So many issues in one of their orders, from a place on. condition, bound and candidates: see search_sql(). sort_kind: l last seen, f first seen, c events, u users. A search looks at the first issues of the order and goes on while that promises to be short; then it asks an index, and walks along the order only where that has too many. A rare tag is found by its index at once.';

create or replace function errtrack_private.issue_cursor(
    cursor_text text,
    sort_kind text,
    out direction text,
    out place bigint,
    out id bigint
)
language plpgsql immutable
as $$
declare
    decoded constant record := errtrack_private.decode_cursor(cursor_text, 'lfcut');
begin
    -- The ends of lists in Sentry's form are the first page; so is a place in another order.
    if cursor_text !~ '^[0-9]+:[0-9]+:[01]$' and decoded.direction is null then
        perform errtrack_private.refuse(400, 'cursor is invalid');
    elsif decoded.kind = sort_kind then
        direction := decoded.direction;
        place := decoded.place;
        id := decoded.id;
    end if;
end
$$;
comment on function errtrack_private.issue_cursor(text, text) is
    'The place of a cursor in an order of issues; nulls for the first page. Refuses what is no cursor.';

create or replace function errtrack_private.page_of_issues(
    projects bigint[],
    statuses text[],
    bound text[],
    condition text,
    candidates text,
    sort_kind text,
    cursor_text text,
    page_size integer,
    out found_places errtrack_private.issue_place[],
    out next_cursor text,
    out prev_cursor text
)
language plpgsql stable
as $$
declare
    cursor_at record;
    backward boolean := false;
    first_place errtrack_private.issue_place;
    last_place errtrack_private.issue_place;
    more boolean;
    beyond boolean := false;
begin
    cursor_at := errtrack_private.issue_cursor(cursor_text, sort_kind);
    backward := coalesce(cursor_at.direction = 'p', false);

    found_places := errtrack_private.find_issues(
        projects, statuses, bound, condition, candidates, sort_kind, backward,
        cursor_at.place, cursor_at.id, page_size + 1);
    more := cardinality(found_places) > page_size;
    found_places := found_places[:page_size];
    if backward then
        found_places := array(
            select row(each.project_id, each.id, each.place)::errtrack_private.issue_place
            from unnest(found_places) with ordinality as each (project_id, id, place, n)
            order by each.n desc);
    end if;
    -- A cursor of another search can lie beyond all that this one finds: then the way
    -- back, which takes the place of the cursor in, is all there is.
    if cardinality(found_places) = 0 and cursor_at.place is not null then
        cursor_at.id := greatest(cursor_at.id + case when backward then 1 else -1 end, 0);
        beyond := cardinality(errtrack_private.find_issues(
            projects, statuses, bound, condition, candidates, sort_kind, not backward,
            cursor_at.place, cursor_at.id, 1)) > 0;
        if beyond and backward then
            next_cursor := errtrack_private.encode_cursor('n', sort_kind, cursor_at.place, cursor_at.id::text);
        elsif beyond then
            prev_cursor := errtrack_private.encode_cursor('p', sort_kind, cursor_at.place, cursor_at.id::text);
        end if;
    end if;
    if cardinality(found_places) = 0 then
        return;
    end if;
    first_place := found_places[1];
    last_place := found_places[cardinality(found_places)];
    -- Without a cursor nothing comes before, and the row beyond the page has told about
    -- the direction that was walked.
    if cursor_at.place is not null then
        beyond := cardinality(errtrack_private.find_issues(
            projects, statuses, bound, condition, candidates, sort_kind, not backward,
            case when backward then last_place.place else first_place.place end,
            case when backward then last_place.id else first_place.id end, 1)) > 0;
    end if;
    if (case when backward then beyond else more end) then
        next_cursor := errtrack_private.encode_cursor('n', sort_kind, last_place.place, last_place.id::text);
    end if;
    if (case when backward then more else beyond end) then
        prev_cursor := errtrack_private.encode_cursor('p', sort_kind, first_place.place, first_place.id::text);
    end if;
end
$$;
comment on function errtrack_private.page_of_issues(bigint[], text[], text[], text, text, text, text, integer) is
    'A page of issues with the cursors of those around it. See find_issues().';

do $$
declare
    name text;
begin
    foreach name in array array[
        'like_pattern(text, boolean)', 'moment_of(text)', 'compare_moment(text, text, text)',
        'compare_number(text, text, text)', 'short_id(text, bigint)', 'id_of_short(text)',
        'search_term(text, text, bigint, text[])', 'search_value(text)', 'unquoted(text)', 'search_sql(text, bigint)',
        'text_condition(integer)', 'text_candidates(integer)', 'issue_cursor(text, text)',
        'find_candidates(bigint[], text[], text, integer)',
        'find_issues(bigint[], text[], text[], text, text, text, boolean, bigint, bigint, integer)',
        'page_of_issues(bigint[], text[], text[], text, text, text, text, integer)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
