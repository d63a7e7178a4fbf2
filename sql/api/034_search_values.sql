-- The keys of a search and the values that it compares with: patterns, times, numbers,
-- levels, short ids.

create or replace function errtrack_private.search_key_kind(key text) returns text
language sql immutable
as $$
    select case
        when lower(key) in ('is', 'level', 'release', 'environment', 'user.id', 'user.email', 'user.username', 'user.ip',
                            'assigned', 'assigned_to', 'has', 'issue', 'issue.id', 'error.type', 'error.value',
                            'firstseen', 'first_seen', 'lastseen', 'last_seen', 'age', 'event.timestamp',
                            'times_seen', 'timesseen', 'user_count', 'usercount', 'users_seen',
                            'firstrelease', 'first_release', 'lastrelease', 'last_release') then 'key'
        when lower(key) in ('status', 'user', 'logger', 'platform', 'type', 'title', 'culprit', 'message', 'value') then 'word'
        else '' end
$$;
comment on function errtrack_private.search_key_kind(text) is
    'What the name of a key is to a search: a key wherever it stands; a word that texts have in front of a colon too, as in "status: 500"; or nothing, which can be the name of a tag.';

create or replace function errtrack_private.refuse_value(key text) returns void
language plpgsql immutable
as $$
begin
    perform errtrack_private.refuse(400, case
        when key = '' then 'a tag needs a value; has: with its name finds those that have it'
        when key in ('is', 'status') then
            'is: takes unresolved, resolved, ignored, assigned, unassigned, linked, unlinked, regressed, new'
        when key = 'level' then 'level: takes fatal, error, warning, info, debug'
        when key in ('assigned', 'assigned_to') then 'assigned: takes me, none, or the e-mail address of a user'
        when key in ('issue', 'issue.id') then 'issue: takes a short id or the number of an issue: SHOP-1A, 42'
        when key = 'has' then 'has: needs the name of a tag'
        when key in ('firstseen', 'first_seen', 'lastseen', 'last_seen', 'age', 'event.timestamp') then
            key || ' must be a time: -24h, +7d (in a URL the + is %2B), >2026-01-31, <2026-01-31T12:00:00Z'
        when key in ('times_seen', 'timesseen', 'user_count', 'usercount', 'users_seen') then
            key || ' must be a number: >100, <=5, 3'
        when key in ('title', 'culprit', 'type', 'error.type', 'error.value', 'message', 'value', 'platform',
                     'firstrelease', 'first_release', 'lastrelease', 'last_release') then
            key || ': needs a value'
        else format('%1$s: needs a value; has:%1$s finds those that have one', left(key, 100)) end);
end
$$;
comment on function errtrack_private.refuse_value(text) is
    'Refuses a key of a search that has no value, or one that it does not take. key: in small letters, or empty where it is not to be repeated.';

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

create or replace function errtrack_private.level_named(value text) returns text
language plpgsql immutable
as $$
declare
    -- What the worker takes for one, too.
    level constant text := case lower(value) when 'sample' then 'debug' when 'log' then 'info' when 'warn' then 'warning'
                                             when 'critical' then 'fatal' else lower(value) end;
begin
    if level not in ('fatal', 'error', 'warning', 'info', 'debug') and value not like '%*%' then
        perform errtrack_private.refuse_value('level');
    end if;
    return level;
end
$$;
comment on function errtrack_private.level_named(text) is
    'The level that a search means. Refuses what no event can have.';

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
        perform errtrack_private.refuse_value(lower(key));
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
        perform errtrack_private.refuse_value(lower(key));
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

create or replace function errtrack_private.issue_id_named(name text) returns bigint
language plpgsql immutable
as $$
begin
    return coalesce(errtrack_private.as_id(name), errtrack_private.id_of_short(name));
end
$$;
comment on function errtrack_private.issue_id_named(text) is
    'The id of an issue that is named by its id or short id; null for what is neither. See id_of_short().';

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

create or replace function errtrack_private.word_pattern(written text) returns text
language plpgsql immutable
as $$
declare
    value constant text := errtrack_private.unquoted(written);
    literal constant text := errtrack_private.like_pattern(value, true);
begin
    return case when value = written then errtrack_private.like_pattern(regexp_replace(value, '\*+', '*', 'g'))
                else substr(literal, 2, length(literal) - 2) end;
end
$$;
comment on function errtrack_private.word_pattern(text) is
    'The pattern of a word of free text, where * stands for anything unless the word is in quotes.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'like_pattern(text, boolean)', 'moment_of(text)', 'compare_moment(text, text, text)',
        'compare_number(text, text, text)', 'short_id(text, bigint)', 'id_of_short(text)', 'issue_id_named(text)', 'search_value(text)', 'unquoted(text)',
        'search_key_kind(text)', 'refuse_value(text)', 'level_named(text)', 'word_pattern(text)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
