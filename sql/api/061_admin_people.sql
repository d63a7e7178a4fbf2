-- What administrators do to people and tokens, and the state of the instance.
-- The rules of the file before hold here as well: the caller's own rights, and
-- every refusal in words that the command shows as they are.
--
-- A token itself never comes here, only its SHA-256: what is logged, dumped or
-- replicated lets nobody in.

-- ---- people -----------------------------------------------------------------

create or replace function errtrack_private.find_user(email text)
returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    found_id bigint;
begin
    select u.id
    into found_id
    from errtrack_private.users as u
    where lower(u.email) = lower(find_user.email);
    if found_id is null then
        raise exception 'there is no user "%"', find_user.email
            using errcode = 'no_data_found';
    end if;
    return found_id;
end
$$;
comment on function errtrack_private.find_user(text) is
    'Id of the user with this e-mail address, in any case of letters. Raises when there is none.';

create or replace function errtrack_private.create_user(email text, name text, administrator boolean)
returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    made bigint;
begin
    if create_user.email is null
        or create_user.email !~ '^[^[:space:][:cntrl:]@]+@[^[:space:][:cntrl:]@]+$'
        or length(create_user.email) > 254
    then
        raise exception '"%" is not an e-mail address', create_user.email
            using errcode = 'check_violation';
    end if;
    if length(create_user.name) > 200 then
        raise exception 'a name has at most 200 characters, this one has %', length(create_user.name)
            using errcode = 'check_violation';
    end if;
    insert into errtrack_private.users as u (email, name, administrator)
    values (
        create_user.email,
        coalesce(create_user.name, ''),
        coalesce(create_user.administrator, false)
    )
    on conflict do nothing
    returning u.id into made;
    if made is null then
        raise exception 'there is already a user "%"', create_user.email
            using errcode = 'unique_violation';
    end if;
    perform errtrack_private.note_change(session_user, null, 'user.create',
        jsonb_build_object('user', made, 'administrator', coalesce(create_user.administrator, false)));
    return made;
end
$$;
comment on function errtrack_private.create_user(text, text, boolean) is
    'Makes a user and returns the id. An administrator is owner of every organization.';

create or replace function errtrack_private.set_role(email text, organization text, role text)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    person bigint := errtrack_private.find_user(set_role.email);
    place bigint := errtrack_private.find_organization(set_role.organization);
begin
    if set_role.role is null then
        delete from errtrack_private.memberships as m
        where m.organization_id = place
            and m.user_id = person;
        perform errtrack_private.note_change(session_user, null, 'member.delete', jsonb_build_object('user', person), place);
        return;
    end if;
    if not exists (select from errtrack_private.roles as r where r.name = set_role.role) then
        raise exception 'there is no role "%": use %',
            set_role.role,
            (select string_agg(r.name, ', ' order by r.rank) from errtrack_private.roles as r)
            using errcode = 'invalid_parameter_value';
    end if;
    insert into errtrack_private.memberships as m (organization_id, user_id, role)
    values (place, person, set_role.role)
    on conflict (organization_id, user_id) do update set role = excluded.role;
    perform errtrack_private.note_change(session_user, null, 'member.set',
        jsonb_build_object('user', person, 'role', set_role.role), place);
end
$$;
comment on function errtrack_private.set_role(text, text, text) is
    'Gives a user a role in an organization, in place of the one before; null takes it away.';

-- ---- tokens -----------------------------------------------------------------

create or replace function errtrack_private.create_token(
    hash bytea,
    email text,
    organization text,
    project text,
    scopes text[],
    label text,
    expires_at timestamptz
)
returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    person bigint := errtrack_private.find_user(create_token.email);
    place bigint;
    target bigint;
    allowed text[];
    wanted text[];
    refused text;
    made bigint;
begin
    if create_token.organization is not null then
        place := errtrack_private.find_organization(create_token.organization);
    end if;
    if create_token.project is not null then
        target := errtrack_private.find_project(create_token.project);
        if place <> (select p.organization_id from errtrack_private.projects as p where p.id = target) then
            raise exception 'project "%" is not in organization "%"',
                create_token.project, create_token.organization
                using errcode = 'invalid_parameter_value';
        end if;
        select p.organization_id
        into place
        from errtrack_private.projects as p
        where p.id = target;
    end if;
    if length(create_token.label) > 200 then
        raise exception 'a label has at most 200 characters, this one has %', length(create_token.label)
            using errcode = 'check_violation';
    end if;
    if create_token.expires_at <= now() then
        raise exception 'a token must expire in the future'
            using errcode = 'invalid_parameter_value';
    end if;

    -- The role of the moment bounds what is asked for here; when a token is used
    -- the role is looked up again.
    select coalesce(array_agg(distinct s.scope order by s.scope), '{}')
    into allowed
    from errtrack_private.role_scopes as s
    where exists (
            select
            from errtrack_private.users as u
            where u.id = person
                and u.administrator
                and s.role = 'owner'
        )
        or exists (
            select
            from errtrack_private.memberships as m
            where m.user_id = person
                and m.role = s.role
                and (place is null or m.organization_id = place)
        );
    if cardinality(allowed) = 0 then
        raise exception 'user "%" has no role in %: give one first',
            create_token.email,
            coalesce((select format('organization "%s"', o.slug)
                      from errtrack_private.organizations as o
                      where o.id = place),
                     'any organization')
            using errcode = 'invalid_parameter_value';
    end if;
    select coalesce(array_agg(distinct w.scope order by w.scope), '{}')
    into wanted
    from unnest(create_token.scopes) as w(scope);
    if cardinality(wanted) = 0 then
        wanted := allowed;
    end if;
    foreach refused in array wanted loop
        continue when refused = any (allowed);
        if not exists (select from errtrack_private.role_scopes as s where s.scope = refused) then
            raise exception 'there is no scope "%": user "%" can have %',
                refused, create_token.email, array_to_string(allowed, ', ')
                using errcode = 'invalid_parameter_value';
        end if;
        raise exception 'scope "%" is more than the role of user "%" allows, which is %',
            refused, create_token.email, array_to_string(allowed, ', ')
            using errcode = 'invalid_parameter_value';
    end loop;

    insert into errtrack_private.tokens as t
        (hash, kind, user_id, organization_id, project_id, scopes, label, expires_at)
    values (
        create_token.hash,
        'personal',
        person,
        place,
        target,
        wanted,
        coalesce(create_token.label, ''),
        create_token.expires_at
    )
    on conflict do nothing
    returning t.id into made;
    if made is null then
        raise exception 'this token is there already, as token %',
            (select t.id from errtrack_private.tokens as t where t.hash = create_token.hash)
            using errcode = 'unique_violation';
    end if;
    perform errtrack_private.note_change(session_user, target, 'token.create',
        jsonb_build_object('id', made, 'user', person, 'scopes', to_jsonb(wanted)), place);
    return made;
end
$$;
comment on function errtrack_private.create_token(bytea, text, text, text, text[], text, timestamptz) is
    'Files the SHA-256 of a personal token and returns its id. Null organization: every one that its user is in; null or no scopes: all that the role of the user has.';

create or replace function errtrack_private.import_token(hash bytea, label text)
returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    older record;
    made bigint;
begin
    if length(import_token.label) > 200 then
        raise exception 'a label has at most 200 characters, this one has %', length(import_token.label)
            using errcode = 'check_violation';
    end if;
    -- Two imports at once would both count one valid token.
    perform pg_advisory_xact_lock(hashtextextended('errtrack.import_token', 0));
    select t.id
    into made
    from errtrack_private.tokens as t
    where t.hash = import_token.hash;
    if made is not null then
        raise exception 'this token is there already, as token %', made
            using errcode = 'unique_violation';
    end if;
    select t.id, t.created_at, t.last_used_at
    into older
    from errtrack_private.tokens as t
    where t.kind = 'gitlab'
        and (t.expires_at is null or t.expires_at > now())
    order by t.id desc
    offset 1
    limit 1;
    if found then
        raise exception 'two tokens of GitLab are valid already: revoke the older one first, token % (imported %, %)',
            older.id,
            to_char(older.created_at, 'YYYY-MM-DD'),
            coalesce('last used ' || to_char(older.last_used_at, 'YYYY-MM-DD'), 'never used')
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    insert into errtrack_private.tokens as t (hash, kind, scopes, label)
    values (import_token.hash, 'gitlab', '{}', coalesce(import_token.label, ''))
    returning t.id into made;
    perform errtrack_private.note_change(session_user, null, 'token.import', jsonb_build_object('id', made));
    return made;
end
$$;
comment on function errtrack_private.import_token(bytea, text) is
    'Files the SHA-256 of the secret that a GitLab instance shares with this one and returns its id. Two are valid at most, so that one can replace the other without a gap.';

create or replace function errtrack_private.revoke_token(id bigint)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    token errtrack_private.tokens;
begin
    delete from errtrack_private.tokens as t
    where t.id = revoke_token.id
    returning t.* into token;
    if not found then
        raise exception 'there is no token %', revoke_token.id
            using errcode = 'no_data_found';
    end if;
    perform errtrack_private.note_change(session_user, token.project_id, 'token.delete',
        jsonb_build_object('id', token.id, 'user', token.user_id), token.organization_id);
end
$$;
comment on function errtrack_private.revoke_token(bigint) is
    'Ends a token, of either kind, at once.';

-- ---- lists ------------------------------------------------------------------

create or replace view errtrack_private.user_list as
select
    u.id,
    u.email,
    u.name,
    u.administrator,
    coalesce(
        (
            select string_agg(o.slug || ':' || m.role, ' ' order by o.slug)
            from errtrack_private.memberships as m
            join errtrack_private.organizations as o on o.id = m.organization_id
            where m.user_id = u.id
        ),
        ''
    ) as roles,
    date_trunc('second', u.created_at) as created_at
from errtrack_private.users as u;
comment on view errtrack_private.user_list is
    'A row for each user with all roles, written organization:role.';

create or replace view errtrack_private.token_list as
select
    t.id,
    t.kind,
    u.email as owner,
    o.slug as organization,
    p.slug as project,
    t.scopes,
    t.label,
    t.expires_at is null or t.expires_at > now() as valid,
    date_trunc('second', t.created_at) as created_at,
    date_trunc('second', t.expires_at) as expires_at,
    date_trunc('second', t.last_used_at) as last_used_at
from errtrack_private.tokens as t
left join errtrack_private.users as u on u.id = t.user_id
left join errtrack_private.organizations as o on o.id = t.organization_id
left join errtrack_private.projects as p on p.id = t.project_id;
comment on view errtrack_private.token_list is
    'A row for each token, without its hash. Without an organization it is good for all that its user is in.';

create or replace view errtrack_private.instance_status as
select
    current_setting('server_version') as postgresql,
    (select max(m.version) from errtrack_private.migrations as m) as migration,
    (select count(*) from errtrack_private.projects) as projects,
    (select count(*) from errtrack_private.client_keys as k where k.active) as active_keys,
    (select count(*) from errtrack_private.client_keys as k where not k.active) as disabled_keys,
    (
        select count(*)
        from errtrack_private.issues as i
        join errtrack_private.projects as p on p.id = i.project_id
        where i.status = 'unresolved'
            and (p.purge_before is null or i.last_received_at >= p.purge_before)
            -- An issue that was merged into another has no origin left.
            and exists (
                select
                from errtrack_private.origins as g
                where g.project_id = i.project_id
                    and g.issue_id = i.id
            )
    ) as unresolved_issues,
    (
        select coalesce(sum(c.events), 0)::bigint
        from errtrack_private.counts_5m as c
        where c.bucket > now() - interval '1 hour'
    ) as events_last_hour,
    (
        select coalesce(sum(c.events), 0)::bigint
        from errtrack_private.counts_5m as c
        where c.bucket > now() - interval '24 hours'
    ) as events_last_day,
    errtrack_private.default_partition_rows() as rows_in_default_partitions,
    (select count(*) from errtrack_private.dead_letters) as dead_letters;
comment on view errtrack_private.instance_status is
    'One row: how this instance is. Events are counted in steps of five minutes. Rows in default partitions are an alarm: partitions were not made in time.';

-- ---- rights -----------------------------------------------------------------

revoke execute on function
    errtrack_private.find_user(text),
    errtrack_private.create_user(text, text, boolean),
    errtrack_private.set_role(text, text, text),
    errtrack_private.create_token(bytea, text, text, text, text[], text, timestamptz),
    errtrack_private.import_token(bytea, text),
    errtrack_private.revoke_token(bigint)
from public;
