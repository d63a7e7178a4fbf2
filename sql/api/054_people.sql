-- People over HTTP: signing in with a browser, tokens, memberships.

create or replace function errtrack_private.random_secret(prefix text) returns text
language sql volatile
as $$
    select prefix || left(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 40)
$$;
comment on function errtrack_private.random_secret(text) is '160 random bits behind a prefix that says what they are.';

-- ---- sign-in -------------------------------------------------------------------

create or replace function errtrack_private.sign_in(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    given constant text := errtrack_private.member_text(errtrack_private.body_object(request), 'token', 200);
    -- All who come by a socket of this machine have no address, and count as one.
    client constant inet := coalesce(nullif(request ->> 'address', 'unix:'), '::')::inet;
    secret constant text := errtrack_private.random_secret('ets_');
    token record;
    answer errtrack_private.answer;
begin
    if coalesce(given, '') = '' then
        perform errtrack_private.refuse(400, 'token is missing');
    end if;
    delete from errtrack_private.sign_in_failures f where f.at < now() - interval '15 minutes';
    if (select count(*) from errtrack_private.sign_in_failures f where f.address = client) >= 10 then
        perform errtrack_private.refuse_for_now(429, 'Too many attempts: try again in 15 minutes', 900);
    end if;
    select * into token
    from errtrack_private.authenticate(sha256(convert_to(coalesce(given, ''), 'UTF8'))) t
    where t.kind = 'personal';
    if not found then
        -- Not by refuse(), which would undo that it is noted.
        insert into errtrack_private.sign_in_failures (address) values (client);
        return errtrack_private.ok('{"detail":"Invalid token"}', 401);
    end if;
    insert into errtrack_private.tokens
        (hash, kind, user_id, organization_id, project_id, scopes, label, expires_at, made_from)
    select sha256(convert_to(secret, 'UTF8')), 'session', t.user_id, t.organization_id, t.project_id, t.scopes,
           'browser', least(now() + interval '14 days', t.expires_at), t.id
    from errtrack_private.tokens t
    where t.id = token.token_id;
    answer := errtrack_private.ok(errtrack_private.show_user(token.user_id)::text);
    answer.cookie := secret;
    return answer;
end
$$;
comment on function errtrack_private.sign_in(bytea, jsonb) is
    'Starts a session of a browser for whoever has a personal token. Ten wrong ones from an address in 15 minutes are enough.';

create or replace function errtrack_private.sign_out(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    answer errtrack_private.answer := errtrack_private.ok('', 204);
begin
    delete from errtrack_private.tokens t where t.hash = token_hash and t.kind = 'session';
    answer.cookie := '';
    return answer;
end
$$;
comment on function errtrack_private.sign_out(bytea, jsonb) is 'Ends the session of a browser.';

-- ---- tokens --------------------------------------------------------------------

create or replace function errtrack_private.show_token(t errtrack_private.tokens) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'id', t.id::text, 'name', t.label, 'scopes', to_jsonb(t.scopes),
            'organization', (select o.slug from errtrack_private.organizations o where o.id = t.organization_id),
            'project', (select p.slug from errtrack_private.projects p where p.id = t.project_id),
            'dateCreated', errtrack_private.rfc3339(t.created_at),
            'dateLastUsed', errtrack_private.rfc3339(t.last_used_at),
            'expiresAt', errtrack_private.rfc3339(t.expires_at)));
end
$$;
comment on function errtrack_private.show_token(errtrack_private.tokens) is 'A token without its secret.';

create or replace function errtrack_private.sentry_tokens(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me constant record := errtrack_private.sentry_token(token_hash);
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(errtrack_private.show_token(t) order by t.id), '[]')::text
        from errtrack_private.tokens t
        where t.user_id = me.user_id and t.kind = 'personal'));
end
$$;
comment on function errtrack_private.sentry_tokens(bytea, jsonb) is 'One''s own tokens.';

create or replace function errtrack_private.token_place(
    token_hash bytea,
    body jsonb,
    out organization_id bigint,
    out project_id bigint
)
language plpgsql stable
as $$
declare
    organization constant text := errtrack_private.member_text(body, 'organization', 50);
    project constant text := errtrack_private.member_text(body, 'project', 50);
    mine constant record := (select t from errtrack_private.authenticate(token_hash) t);
    found_places record;
begin
    organization_id := mine.organization_id;
    project_id := mine.project_id;
    -- Where a token reaches, no other that it makes reaches more.
    if organization is not null then
        organization_id := (
            select distinct r.organization_id
            from errtrack_private.reach(token_hash, null) r
            join errtrack_private.organizations o on o.id = r.organization_id
            where o.slug = organization);
        if organization_id is null then
            perform errtrack_private.refuse(400, 'organization names one that is not there');
        end if;
    end if;
    if project is not null then
        select count(*) as number, min(r.project_id) as id into found_places
        from errtrack_private.reach(token_hash, null) r
        join errtrack_private.projects p on p.id = r.project_id
        where p.slug = project
          and (organization is null or r.organization_id = token_place.organization_id);
        if found_places.number = 0 then
            perform errtrack_private.refuse(400, 'project names one that is not there');
        elsif found_places.number > 1 then
            perform errtrack_private.refuse(400, 'several organizations have such a project: name the organization too');
        end if;
        project_id := found_places.id;
    end if;
end
$$;
comment on function errtrack_private.token_place(bytea, jsonb) is
    'The organization and project that a token is to be for: those that the body names by slugs, within those that the token in use is for.';

create or replace function errtrack_private.sentry_token_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me constant record := errtrack_private.sentry_token(token_hash);
    mine record;
    body constant jsonb := errtrack_private.body_object(request);
    place constant record := errtrack_private.token_place(token_hash, body);
    wanted text[];
    secret constant text := errtrack_private.random_secret('ett_');
    made errtrack_private.tokens;
begin
    -- What is made with a token, or in a session of it, ends with it.
    select t.*, coalesce(parent.expires_at, case when k.kind = 'personal' then k.expires_at end) as expires_at into mine
    from errtrack_private.authenticate(token_hash) t
    left join errtrack_private.tokens k on k.id = t.token_id
    left join errtrack_private.tokens parent on parent.id = k.made_from;
    if jsonb_typeof(body -> 'scopes') is distinct from 'array' then
        perform errtrack_private.refuse(400, 'scopes is missing');
    end if;
    wanted := array(select distinct scope from jsonb_array_elements_text(body -> 'scopes') as scope order by 1);
    -- No token makes one that can do more than itself.
    if cardinality(wanted) = 0 or not wanted <@ mine.scopes then
        perform errtrack_private.refuse(400, 'scopes must be some of those of the token in use: '
            || array_to_string(mine.scopes, ', '));
    elsif (select count(*) from errtrack_private.tokens t where t.user_id = me.user_id and t.kind = 'personal') >= 100 then
        perform errtrack_private.refuse(409, 'there are 100 tokens already: delete some first');
    end if;
    insert into errtrack_private.tokens (hash, kind, user_id, organization_id, project_id, scopes, label, expires_at)
    values (sha256(convert_to(secret, 'UTF8')), 'personal', me.user_id, place.organization_id, place.project_id, wanted,
            coalesce(errtrack_private.member_text(body, 'name', 200), ''),
            least(errtrack_private.member_moment(body, 'expiresAt'), mine.expires_at))
    returning * into made;
    perform errtrack_private.write_audit(token_hash, null, 'token.create',
        jsonb_build_object('id', made.id, 'scopes', to_jsonb(wanted)));
    return errtrack_private.ok((errtrack_private.show_token(made) || jsonb_build_object('token', secret))::text, 201);
end
$$;
comment on function errtrack_private.sentry_token_create(bytea, jsonb) is
    'Makes a token for oneself, for an organization or a project if these are named, with no more rights than the one in use. It is shown once.';

create or replace function errtrack_private.sentry_token_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    me constant record := errtrack_private.sentry_token(token_hash);
    named constant bigint := errtrack_private.as_id(coalesce(
        errtrack_private.path_text(request, 'token'), request #>> '{body,tokenId}', errtrack_private.argument(request, 'tokenId')));
begin
    delete from errtrack_private.tokens t where t.id = named and t.user_id = me.user_id and t.kind = 'personal';
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    perform errtrack_private.write_audit(token_hash, null, 'token.delete', jsonb_build_object('id', named));
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.sentry_token_delete(bytea, jsonb) is 'Revokes a token of one''s own.';

-- ---- memberships ---------------------------------------------------------------

create or replace function errtrack_private.show_member(organization bigint, person bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select errtrack_private.show_user(m.user_id) || jsonb_build_object(
            'role', m.role, 'orgRole', m.role, 'user', errtrack_private.show_user(m.user_id))
        from errtrack_private.memberships m
        where m.organization_id = organization and m.user_id = person);
end
$$;
comment on function errtrack_private.show_member(bigint, bigint) is 'A person of an organization, with the role there.';

create or replace function errtrack_private.sentry_members(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'org:read');
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(errtrack_private.show_member(organization, m.user_id) order by m.user_id), '[]')::text
        from errtrack_private.memberships m
        where m.organization_id = organization));
end
$$;
comment on function errtrack_private.sentry_members(bytea, jsonb) is 'The people of an organization.';

create or replace function errtrack_private.sentry_member_set(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'org:write');
    named constant text := errtrack_private.path_text(request, 'member');
    body constant jsonb := errtrack_private.body_object(request);
    mail constant text := btrim(errtrack_private.member_text(body, 'email', 254));
    new_role constant text := coalesce(errtrack_private.member_text(body, 'role', 20), errtrack_private.member_text(body, 'orgRole', 20));
    person bigint;
begin
    if not exists (select from errtrack_private.roles r where r.name = new_role) then
        perform errtrack_private.refuse(400, 'role must be ' || (
            select string_agg(r.name, ', ' order by r.rank) from errtrack_private.roles r));
    end if;
    if named is not null then
        person := (select m.user_id from errtrack_private.memberships m
                   where m.organization_id = organization and m.user_id = errtrack_private.as_id(named));
        if person is null then
            perform errtrack_private.refuse(404);
        end if;
    elsif coalesce(mail, '') !~ '^[^@\s]+@[^@\s]+$' then
        perform errtrack_private.refuse(400, 'email must be an e-mail address');
    else
        insert into errtrack_private.users (email, name)
        select mail, coalesce(errtrack_private.member_text(body, 'name', 200), '')
        where not exists (select from errtrack_private.users u where lower(u.email) = lower(mail));
        person := (select u.id from errtrack_private.users u where lower(u.email) = lower(mail));
    end if;
    if new_role <> 'owner' and not errtrack_private.has_other_owner(organization, person) then
        perform errtrack_private.refuse(409, 'an organization needs an owner');
    end if;
    insert into errtrack_private.memberships (organization_id, user_id, role)
    values (organization, person, new_role)
    on conflict (organization_id, user_id) do update set role = excluded.role;
    perform errtrack_private.write_audit(token_hash, null, 'member.set',
        jsonb_build_object('user', person, 'role', new_role), organization);
    return errtrack_private.ok(
        errtrack_private.show_member(organization, person)::text, case when named is null then 201 else 200 end);
end
$$;
comment on function errtrack_private.sentry_member_set(bytea, jsonb) is
    'Takes a person into an organization, or changes the role there. Who has no account gets one, and signs in with a token that an administrator makes.';

create or replace function errtrack_private.has_other_owner(organization bigint, person bigint) returns boolean
language plpgsql stable
as $$
begin
    return (
        select not exists (
                   select from errtrack_private.memberships m
                   where m.organization_id = organization and m.user_id = person and m.role = 'owner')
            or exists (
                   select from errtrack_private.memberships m
                   where m.organization_id = organization and m.user_id <> person and m.role = 'owner')
            or exists (select from errtrack_private.users u where u.administrator));
end
$$;
comment on function errtrack_private.has_other_owner(bigint, bigint) is
    'Whether an organization has somebody who owns it without this person.';

create or replace function errtrack_private.sentry_member_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'org:write');
    person constant bigint := errtrack_private.as_id(errtrack_private.path_text(request, 'member'));
begin
    if not errtrack_private.has_other_owner(organization, person) then
        perform errtrack_private.refuse(409, 'an organization needs an owner');
    end if;
    delete from errtrack_private.memberships m where m.organization_id = organization and m.user_id = person;
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    perform errtrack_private.write_audit(token_hash, null, 'member.delete', jsonb_build_object('user', person), organization);
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.sentry_member_delete(bytea, jsonb) is 'Takes a person out of an organization.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'random_secret(text)', 'token_place(bytea, jsonb)', 'show_token(errtrack_private.tokens)', 'show_member(bigint, bigint)',
        'has_other_owner(bigint, bigint)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'sign_in', 'sign_out', 'sentry_tokens', 'sentry_token_create', 'sentry_token_delete', 'sentry_members',
        'sentry_member_set', 'sentry_member_delete']
    loop
        execute format('revoke execute on function errtrack_private.%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
