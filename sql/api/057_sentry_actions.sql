-- What people do to issues over Sentry's web API: status, assignee, merging, deletion.

create or replace function errtrack_private.person_named(named text, me bigint) returns bigint
language sql stable
as $$
    select case when named in ('me', 'user:me') then me else (
        select u.id
        from errtrack_private.users u
        where u.id = errtrack_private.as_id(regexp_replace(named, '^user:', ''))
           or lower(u.email) = lower(regexp_replace(named, '^user:', ''))) end
$$;
comment on function errtrack_private.person_named(text, bigint) is
    'Who is meant by an id, user:ID, an e-mail address or me.';

create or replace function errtrack_private.assign_issue(
    project bigint,
    issue bigint,
    assignee bigint,
    who text
)
returns void
language plpgsql volatile
as $$
begin
    update errtrack_private.issues i
    set assigned_to = assignee
    where i.project_id = project and i.id = issue and i.assigned_to is distinct from assignee;
    if found then
        perform errtrack_private.note(
            project, issue, now(), case when assignee is null then 'unassigned' else 'assigned' end, who,
            jsonb_build_object('to', (select u.email from errtrack_private.users u where u.id = assignee)));
    end if;
end
$$;
comment on function errtrack_private.assign_issue(bigint, bigint, bigint, text) is
    'Gives an issue to somebody, or with null to nobody.';

do $$
begin
    if to_regtype('errtrack_private.issue_change') is null then
        create type errtrack_private.issue_change as (
            new_status text,
            in_release text,
            next_release boolean,
            until timestamptz,
            more_events bigint,
            more_users bigint,
            assigns boolean,
            assignee bigint
        );
    end if;
end
$$;
comment on type errtrack_private.issue_change is
    'What is to be done to an issue: see set_issue_status(). assignee counts when assigns is true.';

create or replace function errtrack_private.check_change(body jsonb, more text[] default '{}') returns void
language plpgsql immutable
as $$
declare
    -- Each of them has an effect.
    known constant text[] := array['status', 'statusDetails', 'assignedTo'] || more;
    details constant text[] := array[
        'inRelease', 'inNextRelease', 'ignoreUntil', 'ignoreDuration', 'ignoreCount', 'ignoreUserCount'];
    -- What clients send beside or instead, and what has none here.
    harmless constant text[] := array[
        'hasSeen', 'isBookmarked', 'isSubscribed', 'isPublic', 'inbox', 'priority', 'substatus', 'id', 'project'];
    told constant jsonb := jsonb_strip_nulls(
        case when jsonb_typeof(body -> 'statusDetails') = 'object' then body -> 'statusDetails' else '{}' end);
    sent constant jsonb := jsonb_strip_nulls(body) || told;
    unknown constant boolean := exists (
        select from jsonb_object_keys(told) as member
        where member <> all (details || array['ignoreWindow', 'ignoreUserWindow', 'inCommit']));
begin
    if sent ?| array['ignoreWindow', 'ignoreUserWindow'] then
        perform errtrack_private.refuse(400, 'ignoreWindow is not supported: ignoreCount and ignoreUserCount are counted from now on, however long it takes');
    elsif sent ? 'inCommit' then
        perform errtrack_private.refuse(400, 'inCommit is not supported: name the release, inRelease or inNextRelease');
    elsif sent ->> 'substatus' = 'archived_until_escalating' then
        perform errtrack_private.refuse(400, 'archived_until_escalating is not supported: name a time or a count, ignoreUntil or ignoreCount');
    elsif unknown then
        perform errtrack_private.refuse(400, 'statusDetails may have ' || array_to_string(details, ', '));
    elsif body <> '{}' and not body ?| (known || details || harmless) then
        perform errtrack_private.refuse(400, 'nothing of this is known: a body may have ' || array_to_string(known || details, ', '));
    end if;
end
$$;
comment on function errtrack_private.check_change(jsonb, text[]) is
    'Refuses a body of an update that wants what cannot be done, or nothing that is known. more: members that mean something beside those of one issue.';

create or replace function errtrack_private.read_change(project bigint, body jsonb, me bigint)
returns errtrack_private.issue_change
language plpgsql stable
as $$
declare
    details constant jsonb := case when jsonb_typeof(body -> 'statusDetails') = 'object' then body -> 'statusDetails' else '{}' end;
    -- Older clients write the details beside the status.
    wanted constant jsonb := body || details;
    minutes bigint := errtrack_private.member_id(wanted, 'ignoreDuration');
    until_text text := errtrack_private.member_text(wanted, 'ignoreUntil', 40);
    named text;
    change errtrack_private.issue_change;
begin
    change.new_status := errtrack_private.member_text(body, 'status', 40);
    change.next_release := coalesce(errtrack_private.member_boolean(wanted, 'inNextRelease'), false)
                    or change.new_status = 'resolvedInNextRelease';
    change.in_release := nullif(errtrack_private.member_text(wanted, 'inRelease', 250), '');
    change.more_events := errtrack_private.member_id(wanted, 'ignoreCount');
    change.more_users := errtrack_private.member_id(wanted, 'ignoreUserCount');
    change.until := coalesce(
        errtrack_private.moment_of(until_text),
        now() + case when minutes > 5256000 then 5256000 else minutes end * interval '1 minute');
    change.new_status := case change.new_status
        when 'resolvedInNextRelease' then 'resolved' when 'resolvedInRelease' then 'resolved'
        when 'archived' then 'ignored' when 'archived_forever' then 'ignored'
        when 'muted' then 'ignored' when 'reprocessing' then '' else change.new_status end;
    if change.new_status not in ('unresolved', 'resolved', 'ignored') then
        perform errtrack_private.refuse(400, 'status must be unresolved, resolved, resolvedInNextRelease or ignored');
    elsif until_text is not null and errtrack_private.moment_of(until_text) is null then
        perform errtrack_private.refuse(400, 'ignoreUntil must be a time: 2026-01-31T12:00:00Z');
    elsif change.until <= now() then
        perform errtrack_private.refuse(400, 'ignoreUntil must be in the future');
    elsif least(change.more_events, change.more_users) < 1
        or greatest(change.more_events, change.more_users) > 1000000000000
    then
        perform errtrack_private.refuse(400, 'ignoreCount and ignoreUserCount must be 1 to 1000000000000');
    elsif (change.next_release or change.in_release = 'latest')
        and errtrack_private.newest_release(project) is null
    then
        perform errtrack_private.refuse(400, 'no event has named a release yet: there is no latest and no next one');
    elsif change.in_release = 'latest' then
        change.in_release := errtrack_private.newest_release(project);
    end if;
    change.assigns := body ? 'assignedTo';
    if change.assigns and coalesce(jsonb_typeof(body -> 'assignedTo'), 'null') not in ('null', 'string', 'number') then
        perform errtrack_private.refuse(400, 'assignedTo must be a string');
    end if;
    named := nullif(body ->> 'assignedTo', '');
    change.assignee := errtrack_private.person_named(named, me);
    if named is not null and not exists (
        select
        from errtrack_private.users u
        where u.id = change.assignee
          and (u.administrator or exists (
              select
              from errtrack_private.memberships m
              join errtrack_private.projects p on p.organization_id = m.organization_id
              where p.id = project and m.user_id = u.id)))
    then
        perform errtrack_private.refuse(400, 'assignedTo is nobody of this organization');
    end if;
    return change;
end
$$;
comment on function errtrack_private.read_change(bigint, jsonb, bigint) is
    'What the body of an update wants of an issue of a project. Members that mean nothing here, as hasSeen, are left alone.';

create or replace function errtrack_private.apply_change(project bigint, issue bigint, change errtrack_private.issue_change, who text)
returns void
language plpgsql volatile
as $$
begin
    if change.new_status is not null then
        perform errtrack_private.set_issue_status(
            project, issue, change.new_status, who,
            case when change.new_status = 'resolved' then change.in_release end,
            change.new_status = 'resolved' and change.next_release,
            case when change.new_status = 'ignored' then change.until end,
            case when change.new_status = 'ignored' then change.more_events end,
            case when change.new_status = 'ignored' then change.more_users end);
    end if;
    if change.assigns then
        perform errtrack_private.assign_issue(project, issue, change.assignee, who);
    end if;
end
$$;
comment on function errtrack_private.apply_change(bigint, bigint, errtrack_private.issue_change, text) is
    'Does to an issue what read_change() has read.';

create or replace function errtrack_private.hold_issue(project bigint, issue bigint) returns boolean
language plpgsql volatile
as $$
begin
    perform
    from errtrack_private.issues i
    where i.project_id = project and i.id = issue
    for no key update;
    return found;
end
$$;
comment on function errtrack_private.hold_issue(bigint, bigint) is
    'Locks an issue; false when it was deleted since it was looked for.';

create or replace function errtrack_private.resolve_by_commits(projects bigint[], version text, who text) returns void
language plpgsql volatile
as $$
declare
    fixed record;
begin
    -- In the order in which everybody locks issues, and once: who tells the same commits
    -- again says nothing of an error that came back.
    for fixed in
        select distinct c.project_id, o.issue_id
        from errtrack_private.release_commits c
        join errtrack_private.projects p on p.id = c.project_id
        cross join lateral regexp_matches(
            c.message, '\m(?:fix|fixes|fixed|resolve|resolves|resolved|close|closes|closed)\M:?((?:[\s,]+(?:and\s+)?[a-z0-9_-]+-[0-9a-z]+)+)', 'gi') as said (names)
        cross join lateral regexp_matches(said.names[1], '[a-z0-9_-]+-[0-9a-z]+', 'gi') as short (name)
        join errtrack_private.origins o on o.project_id = c.project_id and o.id = errtrack_private.id_of_short(short.name[1])
        join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
        where c.project_id = any (projects) and c.release = version
          and errtrack_private.short_id(p.slug, o.id) = upper(short.name[1])
          and i.status <> 'resolved'
          and errtrack_private.issue_is_visible(i.project_id, i.id)
          and not exists (
              select from errtrack_private.issue_history h
              where h.project_id = i.project_id and h.issue_id = i.id
                and h.what = 'resolved' and h.details ->> 'in_release' = version)
        order by 1, 2
    loop
        if errtrack_private.hold_issue(fixed.project_id, fixed.issue_id) then
            perform errtrack_private.set_issue_status(fixed.project_id, fixed.issue_id, 'resolved', who, version);
        end if;
    end loop;
end
$$;
comment on function errtrack_private.resolve_by_commits(bigint[], text, text) is
    'Resolves, in a release, the issues that its commits say they fix: "Fixes SHOP-7".';

create or replace function errtrack_private.sentry_issue_update(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:write');
    body constant jsonb := errtrack_private.body_object(request);
    change errtrack_private.issue_change;
begin
    perform errtrack_private.check_change(body);
    change := errtrack_private.read_change(wanted.project, body, (errtrack_private.sentry_token(token_hash)).user_id);
    if not errtrack_private.hold_issue(wanted.project, wanted.issue) then
        perform errtrack_private.refuse(404);
    end if;
    perform errtrack_private.apply_change(
        wanted.project, wanted.issue, change, errtrack_private.name_of_token(token_hash));
    return errtrack_private.ok(errtrack_private.show_issue(wanted.project, wanted.issue, request ->> 'base')::text);
end
$$;
comment on function errtrack_private.sentry_issue_update(bytea, jsonb) is
    'Resolves, ignores, reopens or assigns an issue, and answers with it.';

-- ---- deletion ------------------------------------------------------------------

create or replace function errtrack_private.delete_issues(project bigint, issues bigint[]) returns void
language plpgsql volatile
as $$
declare
    gone bigint[];
begin
    perform errtrack_private.lock_projects(array[project]);
    perform errtrack_private.hold_issues(project, issues);
    gone := array(
        select o.id from errtrack_private.origins o
        where o.project_id = project and o.issue_id = any (issues));
    perform errtrack_private.forget_origins(project, gone);
    -- Issues that were merged into one of these went with it.
    delete from errtrack_private.issues i
    where i.project_id = project and (i.id = any (issues) or i.id = any (gone));
end
$$;
comment on function errtrack_private.delete_issues(bigint, bigint[]) is
    'Deletes issues with all that is counted for them. Nothing leads to their events any more, which stay until retention; the same error makes a new issue.';

-- ---- many at once --------------------------------------------------------------

create or replace function errtrack_private.named_issues(
    projects bigint[],
    token_hash bytea,
    request jsonb,
    most integer,
    out places errtrack_private.issue_place[],
    out more boolean
)
language plpgsql stable
as $$
declare
    named constant text[] := errtrack_private.arguments(request, 'id');
    status constant text := errtrack_private.argument(request, 'status');
    wanted record;
begin
    more := false;
    if request #> '{arguments,id}' is not null then
        if exists (select from unnest(named) as id
                   where errtrack_private.as_id(id) is null
                     and (id !~ '^[A-Za-z0-9_][A-Za-z0-9_-]*-' or errtrack_private.id_of_short(id) is null)) then
            perform errtrack_private.refuse(400, 'id must be an integer or a short id');
        end if;
        places := array(
            select distinct row(i.project_id, i.id, 0)::errtrack_private.issue_place
            from unnest(named) as n (name)
            join errtrack_private.issues i
              on i.project_id = any (projects) and i.id = errtrack_private.issue_id_named(n.name)
            join errtrack_private.projects p on p.id = i.project_id
            where (errtrack_private.as_id(n.name) is not null or errtrack_private.short_id(p.slug, i.id) = upper(n.name))
              and errtrack_private.issue_is_visible(i.project_id, i.id)
            order by 1
            limit most);
        return;
    end if;
    -- Not one by one, and not what a request that forgot its ids would mean.
    if request #> '{arguments,query}' is null and status is null then
        perform errtrack_private.refuse(400, 'name the issues by id, or by query; an empty query means all');
    end if;
    wanted := errtrack_private.wanted_issues(projects, token_hash, case when status is null then request
        else jsonb_set(request, '{arguments,query}', jsonb_build_array(concat_ws(
            ' ', 'is:' || status, errtrack_private.argument(request, 'query')))) end);
    places := errtrack_private.find_issues(
        projects, wanted.statuses, wanted.bound, wanted.condition, wanted.candidates, 'l', false, null, null, most + 1);
    more := cardinality(places) > most;
    places := places[:most];
end
$$;
comment on function errtrack_private.named_issues(bigint[], bytea, jsonb, integer) is
    'The issues that a request names by ids, short or not, or by a query, at most so many; more says whether there are others.';

create or replace function errtrack_private.merge_named(places errtrack_private.issue_place[], who text)
returns jsonb
language plpgsql volatile
as $$
declare
    project bigint;
    parent bigint;
    children bigint[];
begin
    if cardinality(places) < 2 then
        perform errtrack_private.refuse(400, 'at least two issues are needed to merge');
    elsif (select count(distinct p.project_id) from unnest(places) as p (project_id, id, place)) > 1 then
        perform errtrack_private.refuse(400, 'only issues of one project can be merged');
    end if;
    -- Into the one with the most events, as the others are likely its variants.
    select i.project_id, i.id into project, parent
    from unnest(places) as p (project_id, id, place)
    join errtrack_private.issues i on i.project_id = p.project_id and i.id = p.id
    order by i.event_count desc, i.id
    limit 1;
    children := array(
        select p.id from unnest(places) as p (project_id, id, place) where p.id <> parent order by p.id);
    perform errtrack_private.merge_issues(project, parent, children, who);
    return jsonb_build_object('merge', jsonb_build_object(
        'parent', parent::text, 'children', (select jsonb_agg(child::text) from unnest(children) as child)));
exception when no_data_found or invalid_parameter_value then
    perform errtrack_private.refuse(409, 'one of the issues was merged or deleted meanwhile');
end
$$;
comment on function errtrack_private.merge_named(errtrack_private.issue_place[], text) is
    'Merges issues into the one of them that has the most events.';

create or replace function errtrack_private.update_issues(projects bigint[], token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
as $$
declare
    body constant jsonb := errtrack_private.body_object(request);
    who constant text := errtrack_private.name_of_token(token_hash);
    me constant bigint := (errtrack_private.sentry_token(token_hash)).user_id;
    only_count constant boolean := errtrack_private.argument_flag(request, 'dryRun');
    named constant record := errtrack_private.named_issues(projects, token_hash, request, 1000);
    place record;
    change errtrack_private.issue_change;
    seen bigint := -1;
    updated integer := 0;
begin
    perform errtrack_private.check_change(body, '{merge}');
    if only_count then
        return errtrack_private.ok(jsonb_build_object(
            'count', cardinality(named.places), 'more', named.more)::text);
    end if;
    if body ? 'merge' and coalesce(errtrack_private.member_boolean(body, 'merge'), false) then
        if named.more then
            perform errtrack_private.refuse(400, 'at most 1000 issues can be merged at once');
        -- Merging the rest would look as if all had been merged.
        elsif cardinality(named.places) < (select count(distinct errtrack_private.issue_id_named(n.name))
                                           from unnest(errtrack_private.arguments(request, 'id')) as n (name)) then
            perform errtrack_private.refuse(400, 'one of these issues is not there, or is merged already');
        end if;
        return errtrack_private.ok(errtrack_private.merge_named(named.places, who)::text);
    end if;
    -- In the order in which everybody locks issues.
    for place in
        select p.project_id, p.id from unnest(named.places) as p (project_id, id, place) order by 1, 2
    loop
        if place.project_id <> seen then
            change := errtrack_private.read_change(place.project_id, body, me);
            seen := place.project_id;
        end if;
        if errtrack_private.hold_issue(place.project_id, place.id) then
            perform errtrack_private.apply_change(place.project_id, place.id, change, who);
            updated := updated + 1;
        end if;
    end loop;
    return errtrack_private.ok((
        body - 'merge' || jsonb_build_object('updated', updated, 'more', named.more))::text);
end
$$;
comment on function errtrack_private.update_issues(bigint[], bytea, jsonb) is
    'Does the same to many issues, at most 1000 in one call, so that it ends before a statement may take too long: more says that there are others. dryRun=1 only counts.';

create or replace function errtrack_private.sentry_issues_update(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.update_issues(
        array[errtrack_private.sentry_project(token_hash, request, 'event:write')], token_hash, request)
$$;
comment on function errtrack_private.sentry_issues_update(bytea, jsonb) is 'update_issues() in a project.';

create or replace function errtrack_private.sentry_organization_issues_update(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.update_issues(
        errtrack_private.organization_projects(token_hash, request, 'event:write'), token_hash, request)
$$;
comment on function errtrack_private.sentry_organization_issues_update(bytea, jsonb) is
    'update_issues() in an organization.';

create or replace function errtrack_private.remove_named(projects bigint[], token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
as $$
declare
    only_count constant boolean := errtrack_private.argument_flag(request, 'dryRun');
    named constant record := errtrack_private.named_issues(projects, token_hash, request, 500);
    gone record;
begin
    if only_count then
        return errtrack_private.ok(jsonb_build_object(
            'count', cardinality(named.places), 'more', named.more)::text);
    end if;
    for gone in
        select p.project_id, array_agg(p.id order by p.id) as ids
        from unnest(named.places) as p (project_id, id, place)
        group by 1
        order by 1
    loop
        perform errtrack_private.delete_issues(gone.project_id, gone.ids);
        perform errtrack_private.write_audit(
            token_hash, gone.project_id, 'issue.delete', jsonb_build_object('ids', to_jsonb(gone.ids)));
    end loop;
    return errtrack_private.ok(jsonb_build_object(
        'deleted', cardinality(named.places), 'more', named.more)::text);
end
$$;
comment on function errtrack_private.remove_named(bigint[], bytea, jsonb) is
    'Deletes many issues, at most 500 in one call. dryRun=1 only counts.';

create or replace function errtrack_private.sentry_issues_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.remove_named(
        array[errtrack_private.sentry_project(token_hash, request, 'project:write')], token_hash, request)
$$;
comment on function errtrack_private.sentry_issues_delete(bytea, jsonb) is 'Deletes issues of a project.';

create or replace function errtrack_private.sentry_issue_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'project:write');
    named constant text := errtrack_private.path_text(request, 'issue');
begin
    -- Whoever names a part of an issue does not mean all of it.
    if wanted.issue <> errtrack_private.issue_id_named(named) then
        perform errtrack_private.refuse(404);
    end if;
    perform errtrack_private.delete_issues(wanted.project, array[wanted.issue]);
    perform errtrack_private.write_audit(
        token_hash, wanted.project, 'issue.delete', jsonb_build_object('ids', jsonb_build_array(wanted.issue)));
    return errtrack_private.ok('', 202);
end
$$;
comment on function errtrack_private.sentry_issue_delete(bytea, jsonb) is
    'Deletes an issue. One that is merged into another is not there.';

-- ---- merged and split ----------------------------------------------------------

create or replace function errtrack_private.sentry_hashes_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:write');
    who constant text := errtrack_private.name_of_token(token_hash);
    named text;
    origin bigint;
    apart bigint[] := '{}';
begin
    if cardinality(errtrack_private.arguments(request, 'id')) = 0 then
        perform errtrack_private.refuse(400, 'id is missing');
    end if;
    foreach named in array errtrack_private.arguments(request, 'id') loop
        if named !~ '^[0-9a-f]{32}$' then
            perform errtrack_private.refuse(400, 'id must be a hash of 32 hexadecimal digits');
        end if;
        select h.origin_id into origin
        from errtrack_private.hashes h
        join errtrack_private.origins o on o.project_id = h.project_id and o.id = h.origin_id
        where h.project_id = wanted.project and h.hash = named::uuid
          and (o.issue_id = wanted.issue or h.origin_id = any (apart));
        if origin is null then
            perform errtrack_private.refuse(404);
        elsif origin = any (apart) then
            continue;
        elsif origin <> wanted.issue then
            -- It came by merging, with all that it began with.
            perform errtrack_private.unmerge_issue(wanted.project, origin, who);
            apart := apart || origin;
        elsif (select count(*) from errtrack_private.hashes h
               where h.project_id = wanted.project and h.origin_id = origin) = 1 then
            perform errtrack_private.refuse(409, 'it is what the issue began with: there is nothing to take apart');
        else
            perform errtrack_private.begin_split(wanted.project, wanted.issue, named::uuid, who);
        end if;
    end loop;
    return errtrack_private.ok('', 202);
exception when no_data_found or invalid_parameter_value then
    perform errtrack_private.refuse(409, 'the issue was changed meanwhile');
end
$$;
comment on function errtrack_private.sentry_hashes_delete(bytea, jsonb) is
    'Unmerges: takes hashes out of an issue. What was merged goes back to the issue that it came from; a hash that the issue had itself gets an issue of its own, and a worker moves its events.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'person_named(text, bigint)', 'assign_issue(bigint, bigint, bigint, text)',
        'hold_issue(bigint, bigint)', 'check_change(jsonb, text[])', 'resolve_by_commits(bigint[], text, text)', 'read_change(bigint, jsonb, bigint)',
        'apply_change(bigint, bigint, errtrack_private.issue_change, text)',
        'delete_issues(bigint, bigint[])', 'named_issues(bigint[], bytea, jsonb, integer)',
        'merge_named(errtrack_private.issue_place[], text)', 'update_issues(bigint[], bytea, jsonb)',
        'remove_named(bigint[], bytea, jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'issue_update', 'issues_update', 'organization_issues_update', 'issues_delete', 'issue_delete',
        'hashes_delete']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
