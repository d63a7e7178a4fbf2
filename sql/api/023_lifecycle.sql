-- The status of an issue and what changes it: people, events, time. Every change
-- is written into the history of the issue; what people want to be told goes into
-- the outbox, in the same transaction.
--
--     unresolved --resolve--> resolved --a later event (of a newer release)--> unresolved
--     unresolved --ignore---> ignored  --time, events or users are reached---> unresolved
--     resolved, ignored --reopen--> unresolved
--
-- Whoever changes a status holds the row of the issue.

-- ---- releases -------------------------------------------------------------------

-- All of them in plpgsql, which plans a statement once in a session: functions in SQL are
-- planned at each call, and these are called for each of many events and issues.

create or replace function errtrack_private.number_key(digits text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return lpad(length(ltrim(digits, '0'))::text, 3, '0') || ltrim(digits, '0');
end
$$;
comment on function errtrack_private.number_key(text) is
    'Digits as text that sorts as the numbers do, however long they are.';

create or replace function errtrack_private.release_key(release text) returns text[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    -- package, version, major, minor, patch, revision, pre-release; those from minor on may be null
    part text[] := regexp_match(release,
        '^(@?[^@]+)@(([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?)$');
begin
    -- Digits only may be the hash of a commit.
    if part is null or part[2] ~ '^([0-9]{12}|[0-9]{16}|[0-9]{20}|[0-9]{32}|[0-9]{40}|[0-9]{64})$' then
        return null;
    end if;
    return array[part[1], errtrack_private.number_key(part[3]),
                 errtrack_private.number_key(coalesce(part[4], '0')),
                 errtrack_private.number_key(coalesce(part[5], '0')),
                 errtrack_private.number_key(coalesce(part[6], '0')),
                 -- A release comes after all that lead to it.
                 case when part[7] is null then '1' else '0' end]
        || array(
            select case when identifier ~ '^[0-9]+$' then '0' || errtrack_private.number_key(identifier)
                        else '1' || identifier end
            from unnest(string_to_array(part[7], '.')) with ordinality as identifiers (identifier, place)
            order by place);
end
$$;
-- An index holds what these two say: see migration 0034 before they sort otherwise.
comment on function errtrack_private.release_key(text) is
    'For package@major[.minor[.patch[.revision]]][-pre][+build] the package and then what sorts, under collation C, as semantic versions do. Null for anything else.';

create or replace function errtrack_private.compare_releases(a text, b text) returns integer
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    key_a text[] := errtrack_private.release_key(a);
    key_b text[] := errtrack_private.release_key(b);
begin
    return case
        when key_a is null or key_b is null or key_a[1] <> key_b[1] then null
        when key_a collate "C" > key_b collate "C" then 1
        when key_a collate "C" < key_b collate "C" then -1
        else 0
    end;
end
$$;
comment on function errtrack_private.compare_releases(text, text) is
    '1, 0 or -1 as a is newer, the same but for its build, or older; null when they are no versions of one package.';

create or replace function errtrack_private.release_is_newer(
    wanted_project bigint,
    candidate text,
    reference text
)
returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return coalesce(
        candidate <> reference and coalesce(
            errtrack_private.compare_releases(candidate, reference) > 0,
            (select (c.first_received_at, c.id) > (r.first_received_at, r.id)
             from errtrack_private.releases c
             cross join errtrack_private.releases r
             where c.project_id = wanted_project and c.release = candidate
               and r.project_id = wanted_project and r.release = reference)),
        false);
end
$$;
comment on function errtrack_private.release_is_newer(bigint, text, text) is
    'Whether a release is newer than another: by their versions, else by which of the two the project saw first. A release that was never seen has nothing newer than it.';

create or replace function errtrack_private.newest_release(wanted_project bigint) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    newest text;
    newest_key text[];
    higher text;
begin
    select r.release into newest
    from errtrack_private.releases r
    where r.project_id = wanted_project
    order by r.first_received_at desc, r.id desc
    limit 1;
    newest_key := errtrack_private.release_key(newest);
    -- Along the index: all versions of a package lie between its name and the next text.
    select r.release into higher
    from errtrack_private.releases r
    where r.project_id = wanted_project
      and errtrack_private.release_key(r.release) collate "C" > newest_key
      and errtrack_private.release_key(r.release) collate "C" < array[newest_key[1] || chr(1)]
    order by errtrack_private.release_key(r.release) collate "C" desc
    limit 1;
    return coalesce(higher, newest);
end
$$;
comment on function errtrack_private.newest_release(bigint) is
    'The release that the project saw first as the last one, or the highest version of its package. Null when there is none.';

create or replace function errtrack_private.newest_release_of_issue(
    wanted_project bigint,
    last_release text
)
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    newest constant text := errtrack_private.newest_release(wanted_project);
begin
    return case
        when newest is null then last_release
        when errtrack_private.release_is_newer(wanted_project, last_release, newest) then last_release
        -- Beyond the limit of the project: those that are known came before it.
        when errtrack_private.compare_releases(last_release, newest) is null
            and not exists (
                select from errtrack_private.releases r
                where r.project_id = wanted_project and r.release = last_release)
            then coalesce(last_release, newest)
        else newest
    end;
end
$$;
comment on function errtrack_private.newest_release_of_issue(bigint, text) is
    'The newest release of the project, or the last one of an issue when that is newer, which the project need not know. Null when there is none.';

-- ---- changing -------------------------------------------------------------------

create or replace function errtrack_private.note(
    wanted_project bigint,
    wanted_issue bigint,
    at timestamptz,
    what text,
    who text,
    details jsonb
)
returns void
language sql volatile
as $$
    insert into errtrack_private.issue_history (project_id, issue_id, at, what, who, details)
    values (wanted_project, wanted_issue, note.at, note.what, note.who, jsonb_strip_nulls(note.details))
$$;
comment on function errtrack_private.note(bigint, bigint, timestamptz, text, text, jsonb) is
    'Writes into the history of an issue.';

create or replace function errtrack_private.tell(
    wanted_project bigint,
    wanted_issue bigint,
    kind text,
    details jsonb
)
returns void
language sql volatile
as $$
    insert into errtrack_private.outbox (project_id, issue_id, kind, details)
    values (wanted_project, wanted_issue, tell.kind, jsonb_strip_nulls(tell.details))
$$;
comment on function errtrack_private.tell(bigint, bigint, text, jsonb) is
    'Puts into the outbox what people want to be told.';

create or replace function errtrack_private.tell_trackers(
    wanted_project bigint,
    wanted_issue bigint,
    kind text,
    details jsonb
)
returns void
language plpgsql volatile
as $$
begin
    if exists (
        select from errtrack_private.issue_links l
        join errtrack_private.channels c on c.project_id = l.project_id and c.provider = l.provider
        where l.project_id = wanted_project and l.issue_id = wanted_issue)
        -- Whether there is an incident is known when what was told before is sent.
        or kind = 'resolved' and exists (
            select from errtrack_private.channels c
            where c.project_id = wanted_project and c.kind = 'pagerduty' and c.enabled)
    then
        perform errtrack_private.tell(wanted_project, wanted_issue, kind, details);
    end if;
end
$$;
comment on function errtrack_private.tell_trackers(bigint, bigint, text, jsonb) is
    'Puts into the outbox what people did, when an issue of a tracker or an incident is to follow it.';

create or replace function errtrack_private.reopen(
    wanted_project bigint,
    wanted_issue bigint,
    at timestamptz,
    what text,
    who text,
    details jsonb
)
returns void
language plpgsql volatile
as $$
begin
    update errtrack_private.issues i
    set status = 'unresolved',
        status_at = now(),
        status_by = reopen.who,
        regressed_at = case when reopen.what = 'regression' then reopen.at else i.regressed_at end,
        resolved_in = null,
        resolved_after = false,
        ignored_until = null,
        ignored_until_events = null,
        ignored_until_users = null
    where i.project_id = wanted_project and i.id = wanted_issue;
    perform errtrack_private.note(wanted_project, wanted_issue, reopen.at, reopen.what, reopen.who, reopen.details);
end
$$;
comment on function errtrack_private.reopen(bigint, bigint, timestamptz, text, text, jsonb) is
    'Makes an issue unresolved: regression, unignored or reopened.';

create or replace function errtrack_private.bounded_sum(counted bigint, more bigint) returns bigint
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case when more > 9223372036854775807 - counted then 9223372036854775807 else counted + more end
$$;
comment on function errtrack_private.bounded_sum(bigint, bigint) is
    'The sum, or the greatest bigint where it is none. Null without more.';

create or replace function errtrack_private.set_issue_status(
    wanted_project bigint,
    wanted_issue bigint,
    new_status text,
    who text,
    in_release text default null,
    next_release boolean default false,
    until timestamptz default null,
    more_events bigint default null,
    more_users bigint default null
)
returns void
language plpgsql volatile
as $$
declare
    had errtrack_private.issues;
    reference text := in_release;
begin
    select i.* into had
    from errtrack_private.issues i
    where i.project_id = wanted_project and i.id = wanted_issue
    for no key update;
    if not found then
        raise exception 'there is no issue %', wanted_issue using errcode = 'no_data_found';
    end if;
    if next_release then
        reference := errtrack_private.newest_release_of_issue(wanted_project, had.last_release);
        if reference is null then
            raise exception 'no event of project % named a release yet: there is no next one', wanted_project
                using errcode = 'no_data_found';
        end if;
    end if;
    if until <= now() then
        raise exception '% is in the past', date_trunc('second', until)
            using errcode = 'invalid_parameter_value';
    elsif least(more_events, more_users) < 1 then
        raise exception 'an issue is ignored until at least one more event or user'
            using errcode = 'invalid_parameter_value';
    end if;

    if new_status = 'unresolved' then
        if had.status <> 'unresolved' then
            perform errtrack_private.reopen(
                wanted_project, wanted_issue, now(),
                case had.status when 'ignored' then 'unignored' else 'reopened' end, who, '{}');
            if had.status = 'resolved' then
                perform errtrack_private.tell_trackers(wanted_project, wanted_issue, 'reopened', jsonb_build_object('by', who));
            end if;
        end if;
        return;
    end if;
    -- Resolving again is a new statement: events received until now no longer
    -- reopen the issue.
    update errtrack_private.issues i
    set status = new_status,
        status_at = now(),
        status_by = who,
        resolved_in = case new_status when 'resolved' then reference end,
        resolved_after = new_status = 'resolved' and coalesce(next_release, false),
        ignored_until = case new_status when 'ignored' then until end,
        ignored_until_events = case new_status when 'ignored' then
            errtrack_private.bounded_sum(i.event_count, more_events) end,
        ignored_until_users = case new_status when 'ignored' then
            errtrack_private.bounded_sum(i.user_count, more_users) end
    where i.project_id = wanted_project and i.id = wanted_issue;
    perform errtrack_private.note(
        wanted_project, wanted_issue, now(), new_status, who,
        case new_status
            when 'resolved' then jsonb_build_object(
                case when next_release then 'after_release' else 'in_release' end, reference)
            else jsonb_build_object('until', until, 'events', more_events, 'users', more_users)
        end);
    if new_status = 'resolved' then
        perform errtrack_private.tell_trackers(wanted_project, wanted_issue, 'resolved', jsonb_build_object(
            'resolved_by', who, 'resolved_in', reference));
    end if;
end
$$;
comment on function errtrack_private.set_issue_status(bigint, bigint, text, text, text, boolean, timestamptz, bigint, bigint) is
    'What people do: resolve (for good, in a release, or in the next one), ignore (for good, or until one of time, further events, further users is reached), reopen. Raises, in words for people, what cannot be.';

-- ---- what events and time do ----------------------------------------------------

create or replace function errtrack_private.advance_issues() returns void
language plpgsql volatile
as $$
declare
    issue errtrack_private.issues;
    cause record;
    details jsonb;
begin
    -- Most batches have none.
    if not exists (select from batch_origins b where b.settled) then
        return;
    end if;
    for issue in
        select i.*
        from errtrack_private.issues i
        where (i.project_id, i.id) in (
            select b.project_id, b.issue_id
            from batch_origins b
            where b.settled)
        order by i.project_id, i.id
    loop
        select f.received_at, replace(f.event_id::text, '-', '') as event_id, f.release
        into cause
        from batch_filed f
        join batch_origins b on b.project_id = f.project_id and b.origin_id = f.origin_id
        where b.project_id = issue.project_id
          and b.issue_id = issue.id
          and (issue.status = 'ignored'
               or f.received_at > issue.status_at
                  and (issue.resolved_in is null
                       or errtrack_private.release_is_newer(issue.project_id, f.release, issue.resolved_in)))
        -- The first that reopens, the last that completes a count.
        order by case issue.status when 'resolved' then f.received_at end,
                 f.received_at desc, f.n desc
        limit 1;
        continue when not found;
        details := jsonb_build_object('event_id', cause.event_id, 'release', cause.release);
        if issue.status = 'resolved' then
            details := details || jsonb_build_object(
                'resolved_at', issue.status_at, 'resolved_by', issue.status_by,
                'resolved_in', issue.resolved_in);
            perform errtrack_private.reopen(
                issue.project_id, issue.id, cause.received_at, 'regression', null, details);
            perform errtrack_private.tell(issue.project_id, issue.id, 'regression', details);
        elsif issue.event_count >= issue.ignored_until_events
            or issue.user_count >= issue.ignored_until_users
        then
            details := details || jsonb_build_object(
                'ignored_at', issue.status_at, 'ignored_by', issue.status_by,
                'events', case when issue.event_count >= issue.ignored_until_events
                               then issue.event_count end,
                'users', case when issue.user_count >= issue.ignored_until_users
                              then issue.user_count end);
            perform errtrack_private.reopen(
                issue.project_id, issue.id, cause.received_at, 'unignored', null, details);
            perform errtrack_private.tell(issue.project_id, issue.id, 'unignored', details);
        end if;
    end loop;
end
$$;
comment on function errtrack_private.advance_issues() is
    'What the events of batch_filed, which are counted already, do to resolved and ignored issues: those that were received after the resolving, and of a newer release if it was in one, reopen; a count that is reached ends the ignoring.';

create or replace function errtrack_private.lapse_ignores() returns integer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    issue errtrack_private.issues;
    details jsonb;
    lapsed integer := 0;
begin
    for issue in
        select i.*
        from errtrack_private.issues i
        where i.ignored_until <= now()
        order by i.project_id, i.id
        limit 1000
        -- Who has it now is filing into it or changes it: the next call.
        for no key update skip locked
    loop
        details := jsonb_build_object(
            'ignored_at', issue.status_at, 'ignored_by', issue.status_by, 'until', issue.ignored_until);
        perform errtrack_private.reopen(
            issue.project_id, issue.id, issue.ignored_until, 'unignored', null, details);
        perform errtrack_private.tell(issue.project_id, issue.id, 'unignored', details);
        lapsed := lapsed + 1;
    end loop;
    return lapsed;
end
$$;
comment on function errtrack_private.lapse_ignores() is
    'Ends the ignoring of issues whose time has come. Returns how many.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'number_key(text)', 'release_key(text)', 'compare_releases(text, text)',
        'release_is_newer(bigint, text, text)', 'note(bigint, bigint, timestamptz, text, text, jsonb)',
        'tell(bigint, bigint, text, jsonb)', 'reopen(bigint, bigint, timestamptz, text, text, jsonb)',
        'advance_issues()', 'lapse_ignores()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;
revoke execute on function
    errtrack_private.newest_release(bigint),
    errtrack_private.newest_release_of_issue(bigint, text),
    errtrack_private.bounded_sum(bigint, bigint),
    errtrack_private.tell_trackers(bigint, bigint, text, jsonb),
    errtrack_private.set_issue_status(bigint, bigint, text, text, text, boolean, timestamptz, bigint, bigint)
from public;
grant select, insert on errtrack_private.issue_history, errtrack_private.outbox to errtrack_worker;
