-- What people write about issues over Sentry's web API, and links to the issues of a
-- tracker that were made from one.

-- ---- comments ------------------------------------------------------------------

create or replace function errtrack_private.show_comment(c errtrack_private.issue_comments) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'id', c.id::text, 'type', 'note', 'user', errtrack_private.show_user(c.user_id),
            'data', jsonb_build_object('text', c.text),
            'dateCreated', errtrack_private.rfc3339(c.created_at)));
end
$$;
comment on function errtrack_private.show_comment(errtrack_private.issue_comments) is 'A comment as Sentry shows it.';

create or replace function errtrack_private.sentry_comments(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:read');
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(errtrack_private.show_comment(c) order by c.id desc), '[]')::text
        from (
            select *
            from errtrack_private.issue_comments c
            where c.project_id = wanted.project and c.issue_id = wanted.issue
            order by c.id desc
            limit 100) c));
end
$$;
comment on function errtrack_private.sentry_comments(bytea, jsonb) is
    'The last hundred comments on an issue, the newest first.';

create or replace function errtrack_private.sentry_comment_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:write');
    said constant text := btrim(
        coalesce(errtrack_private.member_text(errtrack_private.body_object(request), 'text', 10000), ''), E' \t\r\n');
    made errtrack_private.issue_comments;
begin
    if said = '' then
        perform errtrack_private.refuse(400, 'text is missing');
    elsif not errtrack_private.hold_issue(wanted.project, wanted.issue) then
        perform errtrack_private.refuse(404);
    elsif (select count(*) from errtrack_private.issue_comments c
           where c.project_id = wanted.project and c.issue_id = wanted.issue) >= 1000 then
        perform errtrack_private.refuse(409, 'an issue has at most 1000 comments');
    end if;
    insert into errtrack_private.issue_comments (project_id, issue_id, user_id, text)
    values (wanted.project, wanted.issue, (errtrack_private.sentry_token(token_hash)).user_id, said)
    returning * into made;
    perform errtrack_private.note(wanted.project, wanted.issue, now(), 'comment',
        errtrack_private.name_of_token(token_hash), jsonb_build_object('comment', made.id));
    return errtrack_private.ok(errtrack_private.show_comment(made)::text, 201);
end
$$;
comment on function errtrack_private.sentry_comment_create(bytea, jsonb) is 'Writes a comment on an issue.';

create or replace function errtrack_private.sentry_comment_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:write');
begin
    delete from errtrack_private.issue_comments c
    where c.project_id = wanted.project and c.issue_id = wanted.issue
      and c.id = errtrack_private.as_id(errtrack_private.path_text(request, 'comment'))
      and c.user_id = (errtrack_private.sentry_token(token_hash)).user_id;
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.sentry_comment_delete(bytea, jsonb) is
    'Deletes a comment of one''s own.';

-- ---- trackers ------------------------------------------------------------------

create or replace function errtrack_private.link_issue(
    project bigint,
    issue bigint,
    provider text,
    reference text,
    who text
)
returns errtrack_private.issue_links
language plpgsql volatile
as $$
declare
    made errtrack_private.issue_links;
begin
    if not errtrack_private.hold_issue(project, issue) then
        perform errtrack_private.refuse(404);
    elsif (select count(*) from errtrack_private.issue_links l where l.project_id = project and l.issue_id = issue) >= 100 then
        perform errtrack_private.refuse(409, 'an issue has at most 100 links');
    end if;
    insert into errtrack_private.issue_links (project_id, issue_id, provider, reference, url)
    values (project, issue, link_issue.provider, link_issue.reference, coalesce((
        select t.url || '/-/issues/' || substring(link_issue.reference from '[0-9]+$')
        from errtrack_private.trackers t
        where t.project_id = project and t.provider = link_issue.provider), ''))
    on conflict on constraint issue_links_key do update set url = excluded.url
    returning * into made;
    perform errtrack_private.note(project, issue, now(), 'linked', who, jsonb_build_object(
        'provider', provider, 'reference', reference));
    return made;
end
$$;
comment on function errtrack_private.link_issue(bigint, bigint, text, text, text) is
    'Notes that an issue of a tracker belongs to an issue here. Its address is known when the project has a tracker.';

create or replace function errtrack_private.sentry_plugin_link(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:write');
    number constant bigint := errtrack_private.member_id(errtrack_private.body_object(request), 'issue_id');
    made errtrack_private.issue_links;
begin
    if number is null then
        perform errtrack_private.refuse(400, 'issue_id is missing');
    end if;
    made := errtrack_private.link_issue(
        wanted.project, wanted.issue, 'gitlab', number::text, errtrack_private.name_of_token(token_hash));
    return errtrack_private.ok(jsonb_build_object(
        'message', 'linked', 'id', 'gitlab', 'label', 'GL-' || number,
        'link', jsonb_build_object('id', number, 'url', made.url, 'label', 'GL-' || number))::text);
end
$$;
comment on function errtrack_private.sentry_plugin_link(bytea, jsonb) is
    'GitLab tells which of its issues was made from an error.';

create or replace function errtrack_private.sentry_integration_link(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:write');
    reference constant text := errtrack_private.member_text(errtrack_private.body_object(request), 'externalIssue', 200);
    integration constant bigint := errtrack_private.as_id(errtrack_private.path_text(request, 'integration'));
    made errtrack_private.issue_links;
begin
    if coalesce(reference, '') !~ '[0-9]$' then
        perform errtrack_private.refuse(400, 'externalIssue must be project#number');
    elsif not exists (
        select from errtrack_private.trackers t
        where t.project_id = wanted.project and t.id = integration)
    then
        perform errtrack_private.refuse(404);
    end if;
    made := errtrack_private.link_issue(
        wanted.project, wanted.issue, 'gitlab', reference, errtrack_private.name_of_token(token_hash));
    return errtrack_private.ok(jsonb_build_object(
        'id', made.id, 'key', reference, 'url', made.url, 'integrationId', integration,
        'displayName', reference)::text, 201);
end
$$;
comment on function errtrack_private.sentry_integration_link(bytea, jsonb) is
    'As sentry_plugin_link(), for a project that GitLab found among the repositories.';

create or replace function errtrack_private.sentry_repositories(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    scope constant text := errtrack_private.scope_to_read(token_hash, 'org:read');
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, scope);
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', t.id::text, 'name', regexp_replace(t.url, '^https?://[^/]+/', ''), 'status', 'active',
            'externalSlug', t.external_id, 'integrationId', t.id::text,
            'provider', jsonb_build_object('id', 'integrations:gitlab', 'name', 'GitLab'),
            'url', t.url, 'dateCreated', errtrack_private.rfc3339(t.created_at)) order by t.id), '[]')::text
        from errtrack_private.trackers t
        join errtrack_private.reach(token_hash, scope) r on r.project_id = t.project_id
        where r.organization_id = organization and t.provider = 'gitlab'));
end
$$;
comment on function errtrack_private.sentry_repositories(bytea, jsonb) is
    'The GitLab projects that projects of the organization have as their trackers: GitLab looks for itself there.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'show_comment(errtrack_private.issue_comments)', 'link_issue(bigint, bigint, text, text, text)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'comments', 'comment_create', 'comment_delete', 'plugin_link', 'integration_link', 'repositories']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
