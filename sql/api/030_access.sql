-- What all HTTP surfaces share: who may do what, and the forms of answers,
-- times, counts, cursors and issues.
--
-- A token comes as its SHA-256; every function of the HTTP surfaces asks
-- errtrack_private.access() first, so there is one place that decides, and its
-- inputs are tables: tokens, memberships, role_scopes.
--
-- Nothing here writes but touch_token(): reading works in read-only
-- transactions and on a replica.

-- What every function of the HTTP surfaces returns. The body is complete: the
-- program in front adds headers and sends it.
do $$
begin
    if to_regtype('errtrack_private.answer') is null then
        create type errtrack_private.answer as (
            status integer,
            body text,
            next_cursor text,
            prev_cursor text,
            total bigint,
            content_type text,
            file_name text,
            bytes bytea,
            cookie text
        );
    end if;
end
$$;
comment on type errtrack_private.answer is
    'Answer of an HTTP surface: status, JSON body, cursors of the pages around this one (null: no such page), number of rows where pages are numbered. A file has a name, its own content type and bytes instead of a body. cookie: the secret of a session that begins, empty when one ends.';

create or replace function errtrack_private.authenticate(token_hash bytea)
returns table (
    token_id bigint,
    kind text,
    user_id bigint,
    administrator boolean,
    organization_id bigint,
    project_id bigint,
    scopes text[]
)
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
        select
            tokens.id,
            tokens.kind,
            tokens.user_id,
            coalesce(users.administrator, false),
            tokens.organization_id,
            tokens.project_id,
            tokens.scopes
        from errtrack_private.tokens
        left join errtrack_private.users on users.id = tokens.user_id
        where tokens.hash = token_hash
          and (tokens.expires_at is null or tokens.expires_at > now())
        union all
        -- Who needs no token, as nginx has looked already.
        select null, 'session', users.id, users.administrator, null, null,
               array(select distinct role_scopes.scope from errtrack_private.role_scopes order by 1)
        from errtrack_private.users
        where octet_length(token_hash) = 0
          and lower(users.email) = lower(nullif(current_setting('errtrack.trusted_user', true), ''));
end
$$;
comment on function errtrack_private.authenticate(bytea) is
    'The token with this SHA-256 and its owner; no row when it is unknown or expired. Scopes are those of the token, before the role of its owner is looked at. An empty hash stands for the person in the setting errtrack.trusted_user, whom nginx vouches for.';

create or replace function errtrack_private.name_of_token(token_hash bytea) returns text
language plpgsql stable
as $$
begin
    return (
        select coalesce(users.email, t.kind)
        from errtrack_private.authenticate(token_hash) as t
        left join errtrack_private.users on users.id = t.user_id);
end
$$;
comment on function errtrack_private.name_of_token(bytea) is
    'Who acts with a token, as the history shows it: an e-mail address, or gitlab.';

create or replace function errtrack_private.access(
    token_hash bytea,
    surface text,
    wanted_project bigint,
    wanted_scope text
)
returns integer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    token record;
    owner_organization bigint;
    owner_role text;
begin
    select * into token from errtrack_private.authenticate(token_hash);
    -- The secret of a GitLab instance is nobody's: it has no place where
    -- people act.
    if not found or (token.kind = 'gitlab' and surface <> 'integrated') then
        return 401;
    end if;

    select projects.organization_id into owner_organization
    from errtrack_private.projects
    where projects.id = wanted_project and projects.deleted_at is null;
    if not found
       or token.project_id <> wanted_project
       or token.organization_id <> owner_organization
    then
        return 404;
    end if;
    if token.kind = 'gitlab' then
        return 200;
    end if;

    owner_role := case when token.administrator then 'owner' else (
        select memberships.role
        from errtrack_private.memberships
        where memberships.organization_id = owner_organization
          and memberships.user_id = token.user_id) end;
    -- Whoever is no member learns nothing, not even that the project exists.
    if owner_role is null then
        return 404;
    end if;
    if wanted_scope = any (token.scopes) and exists (
        select from errtrack_private.role_scopes
        where role_scopes.role = owner_role and role_scopes.scope = wanted_scope)
    then
        return 200;
    end if;
    return 403;
end
$$;
comment on function errtrack_private.access(bytea, text, bigint, text) is
    'Whether the token may act on the project: 200, 401 (no valid token for this surface), 403 (a member, but role or token lack the scope), 404 (unknown project, or one that the token does not reach). Surfaces: integrated, rest.';

create or replace function errtrack_private.touch_token(token_hash bytea)
returns void
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    update errtrack_private.tokens
    set last_used_at = now()
    where tokens.hash = token_hash
      and (tokens.last_used_at is null or tokens.last_used_at < now() - interval '1 minute')
$$;
comment on function errtrack_private.touch_token(bytea) is
    'Notes that a token is in use, at most once a minute. A call of its own, so that reads stay read-only.';

-- ---- forms -------------------------------------------------------------------

create or replace function errtrack_private.rfc3339(moment timestamptz) returns text
language sql stable
as $$
    select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
comment on function errtrack_private.rfc3339(timestamptz) is 'A time as JSON shows it: UTC with Z.';

create or replace function errtrack_private.clamp_count(counted numeric) returns integer
language sql immutable
as $$
    select least(greatest(counted, 0), 2147483647)::integer
$$;
comment on function errtrack_private.clamp_count(numeric) is
    'A count that fits the 32-bit integers through which GitLab shows it.';
create or replace function errtrack_private.clamp_count(counted bigint) returns integer
language sql immutable
as $$
    select least(greatest(counted, 0), 2147483647)::integer
$$;
comment on function errtrack_private.clamp_count(bigint) is 'The same of a count that is a column, in half the time.';

create or replace function errtrack_private.microseconds(moment timestamptz) returns bigint
language sql stable
as $$
    select (extract(epoch from moment) * 1000000)::bigint
$$;
comment on function errtrack_private.microseconds(timestamptz) is
    'Microseconds since 1970: the form of a time in a cursor, without loss.';

create or replace function errtrack_private.from_microseconds(count bigint) returns timestamptz
language sql immutable
as $$
    select timestamptz 'epoch' + (count / 1000000) * interval '1 second'
         + (count % 1000000) * interval '1 microsecond'
$$;
comment on function errtrack_private.from_microseconds(bigint) is 'The opposite of microseconds().';

create or replace function errtrack_private.encode_cursor(direction text, kind text, place bigint, id text)
returns text
language sql immutable
as $$
    -- URL-safe, and no padding: the last three characters are deleted.
    select translate(
        encode(convert_to(concat_ws('.', direction, kind, place, id), 'UTF8'), 'base64'),
        E'+/=\n\r', '-_')
$$;
comment on function errtrack_private.encode_cursor(text, text, bigint, text) is
    'A position in a sort order. direction: n (what follows), p (what precedes); kind: l, f, c, u for issues by last seen, first seen, events and users, e for events.';

create or replace function errtrack_private.decode_cursor(
    cursor_text text,
    kinds text,
    out direction text,
    out kind text,
    out place bigint,
    out id text
)
language plpgsql immutable
as $$
declare
    plain text;
    parts text[];
begin
    -- Checked before each step, so that garbage raises no error.
    plain := rtrim(cursor_text, '=');
    if plain !~ '^[A-Za-z0-9_-]{4,200}$' or length(plain) % 4 = 1 then
        return;
    end if;
    plain := rpad(translate(plain, '-_', '+/'), (length(plain) + 3) / 4 * 4, '=');
    plain := encode(decode(plain, 'base64'), 'escape');
    parts := regexp_match(plain,
        '^([np])\.([' || kinds || '])\.(-?[0-9]{1,16})\.([0-9]{1,16}|[0-9a-f]{32})$');
    if (length(parts[4]) = 32) = (parts[2] = 'e') then
        direction := parts[1];
        kind := parts[2];
        place := parts[3]::bigint;
        id := parts[4];
    end if;
end
$$;
comment on function errtrack_private.decode_cursor(text, text) is
    'The parts of a cursor of one of these kinds; nulls when it is none.';

-- ---- issues ------------------------------------------------------------------

create or replace function errtrack_private.visible_from(wanted_project bigint) returns timestamptz
language plpgsql stable
as $$
begin
    return coalesce(
        (select projects.purge_before from errtrack_private.projects where projects.id = wanted_project),
        timestamptz '-infinity');
end
$$;
comment on function errtrack_private.visible_from(bigint) is
    'What a project received before this is deleted, whether or not it is gone already.';

create or replace function errtrack_private.issue_is_visible(wanted_project bigint, fingerprint bigint)
returns boolean
language plpgsql stable
as $$
begin
    return (
        select exists (
            select from errtrack_private.issues
            where issues.project_id = wanted_project
              and issues.id = fingerprint
              and issues.last_received_at >= errtrack_private.visible_from(wanted_project)
              and exists (
                  select from errtrack_private.origins
                  where origins.project_id = wanted_project and origins.issue_id = fingerprint)));
end
$$;
comment on function errtrack_private.issue_is_visible(bigint, bigint) is
    'Whether there is something to show: neither deleted nor merged into another issue.';

create or replace function errtrack_private.shown_issue(wanted_project bigint, wanted_issue bigint)
returns bigint
language plpgsql stable
as $$
begin
    if errtrack_private.issue_is_visible(wanted_project, wanted_issue) then
        return wanted_issue;
    end if;
    -- An origin has the id of the issue that it began with, and follows each merging and
    -- unmerging, so that one step leads to where it is now.
    return (
        select o.issue_id
        from errtrack_private.origins o
        where o.project_id = wanted_project
          and o.id = wanted_issue
          and errtrack_private.issue_is_visible(wanted_project, o.issue_id));
end
$$;
comment on function errtrack_private.shown_issue(bigint, bigint) is
    'The issue that an id stands for: itself, or the one that it is merged into; null when there is nothing to show.';

create or replace function errtrack_private.must_show_issue(wanted_project bigint, wanted_issue bigint)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    shown_by constant bigint := errtrack_private.shown_issue(wanted_project, wanted_issue);
begin
    if shown_by = wanted_issue then
        return;
    elsif shown_by is not null then
        raise exception 'issue % is merged into %: name that one, or take it out with "errtrack issue unmerge"',
            wanted_issue, shown_by
            using errcode = 'invalid_parameter_value';
    end if;
    raise exception 'there is no issue %', wanted_issue using errcode = 'no_data_found';
end
$$;
comment on function errtrack_private.must_show_issue(bigint, bigint) is
    'Raises, in words for people, when an issue is not visible, and says where one is that was merged.';

create or replace function errtrack_private.issue_name(kind text, type text, value text, title text)
returns text
language sql immutable
as $$
    select coalesce(
        nullif(case when kind = 'default' then split_part(ltrim(value, E'\r\n'), E'\n', 1) else type end, ''),
        title)
$$;
comment on function errtrack_private.issue_name(text, text, text, text) is
    'What GitLab calls the name: the type of an exception, the first line of a message.';

create or replace function errtrack_private.frequencies(
    wanted_project bigint,
    fingerprints bigint[],
    stats_period text
)
returns table (issue_id bigint, pairs json)
language plpgsql stable
as $$
#variable_conflict use_column
declare
    fine constant boolean := stats_period in ('15m', '30m', '1h');
    step constant integer := case when fine then 300 when stats_period = '24h' then 3600 else 86400 end;
    steps constant integer := case stats_period
        when '15m' then 3 when '30m' then 6 when '1h' then 12 when '24h' then 24
        when '7d' then 7 when '14d' then 14 when '30d' then 30 end;
    -- The step before the first one, in steps since 1970.
    before constant bigint := floor(extract(epoch from now()) / step)::bigint - steps;
    oldest constant timestamptz := to_timestamp((before + 1) * step);
    -- Texts, as a JSON of numbers takes longer to build than the rest to find.
    zeros constant text[] := array(select format('[%s, 0]', (before + n) * step) from generate_series(1, steps) as n);
    nothing constant json := '[' || array_to_string(zeros, ', ') || ']';
    origins bigint[];
    shown bigint[];
    found_rows refcursor;
    counted record;
    counts text[] := zeros;
    done bigint[] := '{}';
begin
    select array_agg(o.id order by o.id), array_agg(o.issue_id order by o.id) into origins, shown
    from errtrack_private.origins o
    where o.project_id = wanted_project and o.issue_id = any (fingerprints);
    -- Planned once in a session, for either table. Most steps of most issues have no events:
    -- to put in those that have is quicker than to join all of them.
    if fine then
        open found_rows for
            select s.issue_id, extract(epoch from c.bucket)::bigint / step - before as n, sum(c.events) as events
            from unnest(origins, shown) as s (origin_id, issue_id)
            join errtrack_private.counts_5m c
              on c.project_id = wanted_project and c.origin_id = s.origin_id and c.bucket >= oldest
            group by 1, 2
            order by 1;
    else
        open found_rows for
            select s.issue_id, extract(epoch from c.bucket)::bigint / step - before as n, sum(c.events) as events
            from unnest(origins, shown) as s (origin_id, issue_id)
            join errtrack_private.counts_1h c
              on c.project_id = wanted_project and c.origin_id = s.origin_id and c.bucket >= oldest
            group by 1, 2
            order by 1;
    end if;
    loop
        fetch found_rows into counted;
        if counted.issue_id is distinct from issue_id and issue_id is not null then
            pairs := '[' || array_to_string(counts, ', ') || ']';
            return next;
            done := done || issue_id;
            counts := zeros;
        end if;
        exit when not found;
        issue_id := counted.issue_id;
        -- An edge's clock may be ahead.
        if counted.n <= steps then
            counts[counted.n] := format('[%s, %s]', (before + counted.n) * step, least(counted.events, 2147483647));
        end if;
    end loop;
    close found_rows;
    return query
        select f.id, nothing
        from unnest(fingerprints) as f (id)
        where f.id <> all (done);
end
$$;
comment on function errtrack_private.frequencies(bigint, bigint[], text) is
    'Counts of issues over a period as [[unix seconds, count], ...], oldest first, zeros included: steps of 5 minutes up to an hour, hours for 24h, days (UTC) beyond. The last step is the current one.';

create or replace function errtrack_private.show_errors(
    wanted_project bigint,
    fingerprints bigint[],
    stats_period text
)
returns table (place bigint, shown json)
language plpgsql stable
as $$
#variable_conflict use_column
begin
    return query
        select wanted.place, row_to_json(error)
        from unnest(fingerprints) with ordinality as wanted(id, place)
        join errtrack_private.issues on issues.project_id = wanted_project and issues.id = wanted.id
        join errtrack_private.frequencies(wanted_project, fingerprints, stats_period) as counted
          on counted.issue_id = wanted.id
        cross join lateral (
            select
                issues.id as fingerprint,
                issues.project_id,
                errtrack_private.issue_name(issues.kind, issues.type, issues.value, issues.title) as name,
                issues.value as description,
                issues.culprit as actor,
                errtrack_private.clamp_count(issues.event_count) as event_count,
                errtrack_private.clamp_count(issues.user_count) as approximated_user_count,
                errtrack_private.rfc3339(issues.first_seen) as first_seen_at,
                errtrack_private.rfc3339(issues.last_seen) as last_seen_at,
                issues.status,
                json_build_object('frequency', json_build_object(stats_period, counted.pairs)) as stats
        ) as error;
end
$$;
comment on function errtrack_private.show_errors(bigint, bigint[], text) is
    'Issues as GitLab''s Error objects, with their place in the array asked for.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'rfc3339(timestamptz)', 'clamp_count(numeric)', 'clamp_count(bigint)',
        'microseconds(timestamptz)', 'from_microseconds(bigint)',
        'encode_cursor(text, text, bigint, text)', 'decode_cursor(text, text)',
        'visible_from(bigint)', 'issue_is_visible(bigint, bigint)',
        'shown_issue(bigint, bigint)', 'must_show_issue(bigint, bigint)',
        'issue_name(text, text, text, text)', 'frequencies(bigint, bigint[], text)',
        'show_errors(bigint, bigint[], text)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'authenticate(bytea)', 'name_of_token(bytea)', 'access(bytea, text, bigint, text)', 'touch_token(bytea)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_query', name);
    end loop;
end
$$;

-- Filing asks too.
grant execute on function errtrack_private.visible_from(bigint) to errtrack_worker;
