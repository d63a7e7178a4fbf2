-- Sentry's web API: who may reach what, and organizations, projects, keys and people as
-- its clients know them. Scopes are those of Sentry.

create or replace function errtrack_private.sentry_token(token_hash bytea, out id bigint, out user_id bigint)
language plpgsql stable
as $$
begin
    select t.token_id, t.user_id into id, user_id
    from errtrack_private.authenticate(token_hash) as t
    where t.kind in ('personal', 'session');
    if not found then
        perform errtrack_private.refuse(401, 'Invalid token');
    end if;
end
$$;
comment on function errtrack_private.sentry_token(bytea) is
    'The token and its owner. Refuses what is no token of a person.';

create or replace function errtrack_private.reach(token_hash bytea, scope text)
returns table (organization_id bigint, project_id bigint)
language plpgsql stable
as $$
#variable_conflict use_column
begin
    return query
        select o.id, p.id
        from errtrack_private.authenticate(token_hash) as t
        cross join errtrack_private.organizations o
        left join errtrack_private.memberships m on m.organization_id = o.id and m.user_id = t.user_id
        left join errtrack_private.projects p
          on p.organization_id = o.id and p.deleted_at is null and (t.project_id is null or p.id = t.project_id)
        where t.kind in ('personal', 'session')
          and (t.organization_id is null or t.organization_id = o.id)
          and (t.administrator or m.role is not null)
          and (reach.scope is null or reach.scope = any (t.scopes) and exists (
              select from errtrack_private.role_scopes s
              where s.scope = reach.scope
                and s.role = case when t.administrator then 'owner' else m.role end))
          -- What is for one project makes no others.
          and (t.project_id is null or p.id is not null and reach.scope is distinct from 'org:write');
end
$$;
comment on function errtrack_private.reach(bytea, text) is
    'Organizations, each with its projects, on which a token may act with a scope, or with null that its owner is a member of and it is meant for. An organization without projects has one row.';

create or replace function errtrack_private.require_scope(token_hash bytea, scope text) returns void
language plpgsql stable
as $$
declare
    token record := errtrack_private.sentry_token(token_hash);
begin
    if not exists (
        select from errtrack_private.authenticate(token_hash) t where require_scope.scope = any (t.scopes))
    then
        perform errtrack_private.refuse(403, errtrack_private.needs(scope));
    end if;
end
$$;
comment on function errtrack_private.require_scope(bytea, text) is
    'Refuses a call about all that a token reaches unless the token has the scope.';

create or replace function errtrack_private.sentry_organization(token_hash bytea, request jsonb, scope text)
returns bigint
language plpgsql stable
as $$
declare
    named constant text := errtrack_private.path_text(request, 'organization');
    token record := errtrack_private.sentry_token(token_hash);
    wanted bigint;
begin
    select o.id into wanted
    from errtrack_private.organizations o
    where o.slug = named or o.id = errtrack_private.as_id(named)
    order by o.slug = named desc
    limit 1;
    if wanted is not null and exists (
        select from errtrack_private.reach(token_hash, sentry_organization.scope) r where r.organization_id = wanted)
    then
        return wanted;
    end if;
    -- A member without the right may know that it exists.
    if not exists (
        select from errtrack_private.reach(token_hash, null) r where r.organization_id = wanted)
    then
        perform errtrack_private.refuse(404);
    end if;
    perform errtrack_private.refuse(403, errtrack_private.needs(scope) || case
        when scope = 'org:write' and exists (
            select from errtrack_private.authenticate(token_hash) t where t.project_id is not null)
        then ', with a token that is not for one project' else '' end);
end
$$;
comment on function errtrack_private.sentry_organization(bytea, jsonb, text) is
    'The organization that the path names by slug or id, on which the token may act.';

create or replace function errtrack_private.sentry_project(token_hash bytea, request jsonb, scope text)
returns bigint
language plpgsql stable
as $$
declare
    organization constant text := errtrack_private.path_text(request, 'organization');
    named constant text := errtrack_private.path_text(request, 'project');
    wanted bigint;
begin
    select p.id into wanted
    from errtrack_private.projects p
    join errtrack_private.organizations o on o.id = p.organization_id
    where (o.slug = organization or o.id = errtrack_private.as_id(organization))
      and (p.slug = named or p.id = errtrack_private.as_id(named))
    order by o.slug = organization desc, p.slug = named desc
    limit 1;
    perform errtrack_private.require(token_hash, 'sentry', wanted, scope);
    return wanted;
end
$$;
comment on function errtrack_private.sentry_project(bytea, jsonb, text) is
    'The project that the path names by slugs or ids, on which the token may act.';

create or replace function errtrack_private.sentry_issue(
    token_hash bytea,
    request jsonb,
    scope text,
    out project bigint,
    out issue bigint
)
language plpgsql stable
as $$
declare
    named constant text := errtrack_private.path_text(request, 'issue');
begin
    issue := errtrack_private.issue_id_named(named);
    -- One that is merged into another is found as that one.
    select o.project_id, o.issue_id into project, issue
    from errtrack_private.origins o
    join errtrack_private.projects p on p.id = o.project_id
    where o.id = issue
      and (named ~ '^[0-9]+$' or errtrack_private.short_id(p.slug, o.id) = upper(named))
    limit 1;
    perform errtrack_private.require(token_hash, 'sentry', project, scope);
    if errtrack_private.path_text(request, 'organization') is not null then
        perform errtrack_private.sentry_organization(token_hash, request, scope);
        if not exists (
            select
            from errtrack_private.projects p
            join errtrack_private.organizations o on o.id = p.organization_id
            where p.id = project and errtrack_private.path_text(request, 'organization') in (o.slug, o.id::text))
        then
            perform errtrack_private.refuse(404);
        end if;
    end if;
    if not errtrack_private.issue_is_visible(project, issue) then
        perform errtrack_private.refuse(404);
    end if;
end
$$;
comment on function errtrack_private.sentry_issue(bytea, jsonb, text) is
    'The issue that the path names by its id or short id, on which the token may act; of one that is merged into another that one.';

create or replace function errtrack_private.note_change(
    who text,
    wanted_project bigint,
    action text,
    details jsonb,
    wanted_organization bigint default null
)
returns void
language sql volatile
as $$
    insert into errtrack_private.audit (who, organization_id, project_id, action, details)
    select note_change.who,
           coalesce(wanted_organization, (select p.organization_id from errtrack_private.projects p where p.id = wanted_project)),
           wanted_project, note_change.action, note_change.details
    -- What the API has the functions of the command do is noted by the API, with who asked.
    where note_change.who <> 'errtrack_query'
$$;
comment on function errtrack_private.note_change(text, bigint, text, jsonb, bigint) is
    'Notes what somebody changed: an account over HTTP, or the login that the command had.';

create or replace function errtrack_private.write_audit(
    token_hash bytea,
    wanted_project bigint,
    action text,
    details jsonb,
    wanted_organization bigint default null
)
returns void
language sql volatile
as $$
    select errtrack_private.note_change(
        errtrack_private.name_of_token(token_hash), wanted_project, action, details, wanted_organization)
$$;
comment on function errtrack_private.write_audit(bytea, bigint, text, jsonb, bigint) is
    'Notes what a person changed.';

-- ---- organizations and projects ------------------------------------------------

create or replace function errtrack_private.show_organization(wanted bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'id', o.id::text, 'slug', o.slug, 'name', o.name,
            'dateCreated', errtrack_private.rfc3339(o.created_at),
            'status', jsonb_build_object('id', 'active', 'name', 'active'),
            'isEarlyAdopter', false, 'require2FA', false, 'features', '[]'::jsonb,
            'avatar', jsonb_build_object('avatarType', 'letter_avatar', 'avatarUuid', null))
        from errtrack_private.organizations o
        where o.id = wanted);
end
$$;
comment on function errtrack_private.show_organization(bigint) is 'An organization as Sentry shows it.';

create or replace function errtrack_private.show_project(wanted bigint, whole boolean default true) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object('id', p.id::text, 'slug', p.slug, 'name', p.name, 'platform', p.platform)
            || case when whole then jsonb_build_object(
                'status', 'active', 'dateCreated', errtrack_private.rfc3339(p.created_at),
                'isMember', true, 'hasAccess', true, 'isBookmarked', false, 'isInternal', false, 'isPublic', false,
                'features', '[]'::jsonb, 'teams', '[]'::jsonb,
                'firstEvent', (
                    select errtrack_private.rfc3339(min(i.first_seen))
                    from unnest(array['unresolved', 'resolved', 'ignored']) as wanted_status
                    cross join lateral (
                        select i.first_seen from errtrack_private.issues i
                        where i.project_id = p.id and i.status = wanted_status
                        order by i.first_seen, i.id
                        limit 1) i),
                'avatar', jsonb_build_object('avatarType', 'letter_avatar', 'avatarUuid', null),
                'organization', errtrack_private.show_organization(p.organization_id))
               else '{}' end
        from errtrack_private.projects p
        where p.id = wanted);
end
$$;
comment on function errtrack_private.show_project(bigint, boolean) is
    'A project as Sentry shows it: whole, or as part of something else.';

create or replace function errtrack_private.sentry_projects(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- GitLab takes no more than 1 MiB.
    most constant integer := 1048576;
    -- No project takes less.
    least_shown constant integer := 400;
    organization bigint;
    reached bigint[];
    shown text;
begin
    if errtrack_private.path_text(request, 'organization') is not null then
        organization := errtrack_private.sentry_organization(token_hash, request, 'project:read');
    else
        perform errtrack_private.require_scope(token_hash, 'project:read');
    end if;
    reached := array(
        select r.project_id
        from errtrack_private.reach(token_hash, 'project:read') r
        where r.project_id is not null
          and r.organization_id = coalesce(organization, r.organization_id)
        order by r.project_id);
    if cardinality(reached) <= most / least_shown then
        select coalesce(jsonb_agg(errtrack_private.show_project(r.id) order by r.id), '[]')::text into shown
        from unnest(reached) as r (id);
    end if;
    -- Of very many, only what GitLab needs.
    if shown is null or octet_length(shown) > most then
        select coalesce(jsonb_agg(small.shown order by small.id), '[]')::text into shown
        from (
            select p.id, brief.shown, sum(octet_length(brief.shown::text) + 2) over (order by p.id) as bytes
            from unnest(reached) as r (id)
            join errtrack_private.projects p on p.id = r.id
            join errtrack_private.organizations o on o.id = p.organization_id
            cross join lateral (select jsonb_build_object(
                'id', p.id::text, 'slug', p.slug, 'name', p.name, 'status', 'active',
                'organization', jsonb_build_object('id', o.id::text, 'slug', o.slug, 'name', o.name)) as shown) brief) small
        where small.bytes < most;
    end if;
    return errtrack_private.ok(shown);
end
$$;
comment on function errtrack_private.sentry_projects(bytea, jsonb) is
    'All projects that the token reaches, or those of an organization. GitLab reads the first page only: there is one, of as many as have room in 1 MiB.';

create or replace function errtrack_private.checked_slug(body jsonb, name text, otherwise text) returns text
language plpgsql immutable
as $$
declare
    slug text := coalesce(errtrack_private.member_text(body, name, 50),
                          btrim(left(regexp_replace(lower(otherwise), '[^a-z0-9_-]+', '-', 'g'), 50), '-_'));
begin
    if slug is null or slug !~ '^[a-z0-9][a-z0-9_-]{0,49}$' or slug ~ '^[0-9]+$' then
        perform errtrack_private.refuse(400, format(
            '%s must have 1 to 50 of the characters a to z, 0 to 9, - and _, and not only digits', name));
    end if;
    return slug;
end
$$;
comment on function errtrack_private.checked_slug(jsonb, text, text) is
    'A slug of a body, or one made of a name.';

create or replace function errtrack_private.sentry_project_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'org:write');
    body constant jsonb := errtrack_private.body_object(request);
    name constant text := btrim(coalesce(errtrack_private.member_text(body, 'name', 200), ''));
    made bigint;
begin
    if name = '' then
        perform errtrack_private.refuse(400, 'name is missing');
    end if;
    insert into errtrack_private.projects (id, organization_id, slug, name, platform)
    values (nextval('errtrack_private.project_ids'), organization,
            errtrack_private.checked_slug(body, 'slug', name), name,
            errtrack_private.member_text(body, 'platform', 64))
    on conflict on constraint projects_organization_id_slug_key do nothing
    returning id into made;
    if made is null then
        perform errtrack_private.refuse(409, 'A project with this slug already exists.');
    end if;
    perform errtrack_private.make_client_key(made, 'Default');
    perform errtrack_private.write_audit(token_hash, made, 'project.create', jsonb_build_object('name', name));
    return errtrack_private.ok(errtrack_private.show_project(made)::text, 201);
end
$$;
comment on function errtrack_private.sentry_project_create(bytea, jsonb) is
    'Makes a project with a client key.';

create or replace function errtrack_private.sentry_organizations(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform errtrack_private.require_scope(token_hash, 'org:read');
    return errtrack_private.ok((
        select coalesce(jsonb_agg(errtrack_private.show_organization(r.organization_id) order by r.organization_id), '[]')::text
        from (select distinct organization_id from errtrack_private.reach(token_hash, 'org:read')) r));
end
$$;
comment on function errtrack_private.sentry_organizations(bytea, jsonb) is 'Organizations that the token reaches.';

create or replace function errtrack_private.sentry_organization_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me constant record := errtrack_private.sentry_token(token_hash);
    body jsonb;
    name text;
    made bigint;
begin
    if not exists (
        select
        from errtrack_private.authenticate(token_hash) t
        where t.administrator and t.organization_id is null and t.project_id is null and 'org:write' = any (t.scopes))
    then
        perform errtrack_private.refuse(403, errtrack_private.needs('org:write')
            || ', with a token of an administrator that is good for all organizations');
    end if;
    body := errtrack_private.body_of(request, '{name, slug}');
    name := btrim(coalesce(errtrack_private.member_text(body, 'name', 200), ''));
    if name = '' then
        perform errtrack_private.refuse(400, 'name is missing');
    end if;
    begin
        made := errtrack_private.create_organization(null, errtrack_private.checked_slug(body, 'slug', name), name);
    exception when unique_violation then
        perform errtrack_private.refuse(409, 'An organization with this slug already exists.');
    end;
    perform errtrack_private.write_audit(token_hash, null, 'organization.create', jsonb_build_object('name', name), made);
    return errtrack_private.ok(errtrack_private.show_organization(made)::text, 201);
end
$$;
comment on function errtrack_private.sentry_organization_create(bytea, jsonb) is
    'Makes an organization, for administrators alone: they own all of them.';

create or replace function errtrack_private.sentry_organization_get(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'org:read');
begin
    return errtrack_private.ok((errtrack_private.show_organization(organization) || jsonb_build_object(
        'projects', (
            select coalesce(jsonb_agg(errtrack_private.show_project(r.project_id, false) order by r.project_id), '[]')
            from errtrack_private.reach(token_hash, 'org:read') r
            where r.organization_id = organization and r.project_id is not null),
        'links', jsonb_build_object('organizationUrl', request ->> 'base', 'regionUrl', request ->> 'base')))::text);
end
$$;
comment on function errtrack_private.sentry_organization_get(bytea, jsonb) is 'One organization.';

-- ---- people --------------------------------------------------------------------

create or replace function errtrack_private.show_user(wanted bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'id', u.id::text, 'email', u.email, 'username', u.email,
            'name', coalesce(nullif(u.name, ''), u.email))
        from errtrack_private.users u
        where u.id = wanted);
end
$$;
comment on function errtrack_private.show_user(bigint) is 'A person as Sentry shows one.';

create or replace function errtrack_private.sentry_whoami(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    token record := errtrack_private.sentry_token(token_hash);
begin
    return errtrack_private.ok((
        select jsonb_build_object(
            'version', '0', 'user', errtrack_private.show_user(t.user_id) || jsonb_build_object(
                'isSuperuser', t.administrator, 'isAuthenticated', true),
            'auth', jsonb_build_object('scopes', t.scopes))::text
        from errtrack_private.authenticate(token_hash) t));
end
$$;
comment on function errtrack_private.sentry_whoami(bytea, jsonb) is
    'Who the token belongs to and what it may do: what sentry-cli info asks.';

create or replace function errtrack_private.allowed_scopes(token_hash bytea)
returns table (organization_id bigint, scopes text[])
language plpgsql stable
as $$
#variable_conflict use_column
begin
    return query
        select r.organization_id, array_agg(distinct s.scope order by s.scope) filter (where s.scope is not null)
        from (select distinct scope from errtrack_private.role_scopes union all select null) s
        cross join lateral errtrack_private.reach(token_hash, s.scope) r
        group by r.organization_id;
end
$$;
comment on function errtrack_private.allowed_scopes(bytea) is
    'For each organization that a token reaches what it may do there, by its own scopes and the role of its owner.';

create or replace function errtrack_private.sentry_me(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me constant record := errtrack_private.sentry_token(token_hash);
begin
    return errtrack_private.ok((
        select (errtrack_private.show_user(t.user_id) || jsonb_build_object(
            'isSuperuser', t.administrator, 'isAuthenticated', true,
            'auth', jsonb_build_object(
                'kind', case when t.token_id is null then 'trusted' when t.kind = 'session' then 'session' else 'token' end,
                'scopes', t.scopes,
                'organization', (select o.slug from errtrack_private.organizations o where o.id = t.organization_id),
                'project', (select p.slug from errtrack_private.projects p where p.id = t.project_id),
                'expiresAt', (select errtrack_private.rfc3339(k.expires_at) from errtrack_private.tokens k where k.id = t.token_id)),
            'organizations', (
                select coalesce(jsonb_agg(jsonb_build_object(
                    'id', o.id::text, 'slug', o.slug, 'name', o.name,
                    'role', case when t.administrator then 'owner' else m.role end,
                    'access', coalesce(a.scopes, '{}')) order by o.id), '[]')
                from errtrack_private.allowed_scopes(token_hash) a
                join errtrack_private.organizations o on o.id = a.organization_id
                left join errtrack_private.memberships m on m.organization_id = o.id and m.user_id = t.user_id),
            'roles', (
                select jsonb_agg(jsonb_build_object('id', r.name, 'scopes', array(
                    select s.scope from errtrack_private.role_scopes s where s.role = r.name order by 1)) order by r.rank)
                from errtrack_private.roles r)))::text
        from errtrack_private.authenticate(token_hash) t));
end
$$;
comment on function errtrack_private.sentry_me(bytea, jsonb) is
    'Who is signed in, by what, and what they may do in which organization: what a page shows, and by which it hides what would be refused.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'sentry_token(bytea)', 'allowed_scopes(bytea)', 'reach(bytea, text)', 'require_scope(bytea, text)', 'sentry_organization(bytea, jsonb, text)',
        'sentry_project(bytea, jsonb, text)', 'sentry_issue(bytea, jsonb, text)',
        'note_change(text, bigint, text, jsonb, bigint)', 'write_audit(bytea, bigint, text, jsonb, bigint)', 'show_organization(bigint)',
        'show_project(bigint, boolean)', 'checked_slug(jsonb, text, text)',
        'show_user(bigint)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'projects', 'project_create', 'organizations', 'organization_create', 'organization_get', 'whoami', 'me']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
