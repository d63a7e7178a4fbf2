-- What administrators do to organizations, projects and client keys; people and
-- tokens are in the next file. The command "errtrack" is a thin caller of both,
-- so whatever they refuse is refused for every other caller too, in the same
-- words.
--
-- Everything here runs with the rights of its caller, who is a superuser or a
-- member of errtrack_maintain; nothing is granted to the roles of the programs.
-- What changes something notes it in the audit, by the name of the login.
-- A reference to an organization or a project is an id (digits only) or a slug.

-- ---- finding things ---------------------------------------------------------

create or replace function errtrack_private.find_organization(reference text)
returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    found_id bigint;
    candidates bigint;
begin
    if find_organization.reference is null then
        select min(o.id), count(*)
        into found_id, candidates
        from errtrack_private.organizations as o;
        if candidates = 0 then
            raise exception 'there is no organization yet: create one first'
                using errcode = 'no_data_found';
        elsif candidates > 1 then
            raise exception 'there are % organizations: say which one is meant', candidates
                using errcode = 'invalid_parameter_value';
        end if;
        return found_id;
    end if;

    if find_organization.reference ~ '^[0-9]{1,18}$' then
        select o.id
        into found_id
        from errtrack_private.organizations as o
        where o.id = find_organization.reference::bigint;
    else
        select o.id
        into found_id
        from errtrack_private.organizations as o
        where o.slug = find_organization.reference;
    end if;
    if found_id is null then
        raise exception 'there is no organization "%"', find_organization.reference
            using errcode = 'no_data_found';
    end if;
    return found_id;
end
$$;
comment on function errtrack_private.find_organization(text) is
    'Id of the organization with this id or slug; null stands for the only one there is. Raises when there is none.';

create or replace function errtrack_private.find_project(reference text)
returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    found_id bigint;
    slugs text[];
    organization bigint;
begin
    if find_project.reference ~ '^[0-9]{1,18}$' then
        select p.id
        into found_id
        from errtrack_private.projects as p
        where p.id = find_project.reference::bigint and p.deleted_at is null;
        if found_id is null then
            raise exception 'there is no project %', find_project.reference
                using errcode = 'no_data_found';
        end if;
        return found_id;
    end if;

    if strpos(find_project.reference, '/') > 0 then
        organization := errtrack_private.find_organization(split_part(find_project.reference, '/', 1));
        select p.id
        into found_id
        from errtrack_private.projects as p
        where p.organization_id = organization
            and p.slug = substr(find_project.reference, strpos(find_project.reference, '/') + 1);
    else
        select min(p.id), array_agg(o.slug || '/' || p.slug order by o.slug)
        into found_id, slugs
        from errtrack_private.projects as p
        join errtrack_private.organizations as o on o.id = p.organization_id
        where p.slug = find_project.reference;
        if cardinality(slugs) > 1 then
            raise exception 'several projects have the slug "%": write %',
                find_project.reference, array_to_string(slugs, ' or ')
                using errcode = 'invalid_parameter_value';
        end if;
    end if;
    if found_id is null then
        raise exception 'there is no project "%"', find_project.reference
            using errcode = 'no_data_found';
    end if;
    return found_id;
end
$$;
comment on function errtrack_private.find_project(text) is
    'Id of the project named by its id, by organization/slug, or by a slug that only one project has. Raises when there is none.';

create or replace function errtrack_private.check_words(slug text, name text)
returns void
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
    if check_words.slug is null or check_words.slug !~ '^[a-z0-9][a-z0-9_-]{0,49}$' then
        raise exception 'a slug must match [a-z0-9][a-z0-9_-]{0,49}, "%" does not', check_words.slug
            using errcode = 'check_violation';
    end if;
    if length(check_words.name) not between 1 and 200 then
        raise exception 'a name has 1 to 200 characters, this one has %', length(check_words.name)
            using errcode = 'check_violation';
    end if;
end
$$;
comment on function errtrack_private.check_words(text, text) is
    'Raises, in words for people, when a slug or a name would violate the constraints of its table.';

-- ---- organizations and projects ---------------------------------------------

create or replace function errtrack_private.name_of_slug(slug text)
returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select initcap(translate(regexp_replace(slug, '[_-]id$', ''), '_-', '  '))
$$;
comment on function errtrack_private.name_of_slug(text) is
    'A name for who gave none: the one by which GitLab looks for a project of that slug when nobody has chosen one from the list.';

create or replace function errtrack_private.create_organization(id bigint, slug text, name text)
returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    made bigint;
begin
    perform errtrack_private.check_words(create_organization.slug, create_organization.name);
    if create_organization.id <= 0 then
        raise exception 'an id is a positive number' using errcode = 'check_violation';
    end if;
    loop
        if exists (
            select
            from errtrack_private.organizations as o
            where o.slug = create_organization.slug
        ) then
            raise exception 'there is an organization "%" already', create_organization.slug
                using errcode = 'unique_violation';
        end if;
        insert into errtrack_private.organizations as o (id, slug, name)
        values (
            coalesce(create_organization.id, nextval('errtrack_private.organization_ids')),
            create_organization.slug,
            coalesce(create_organization.name, errtrack_private.name_of_slug(create_organization.slug))
        )
        on conflict do nothing
        returning o.id into made;
        exit when made is not null;
        -- Given ids are not taken from the sequence, so it may run into them.
        if exists (
            select
            from errtrack_private.organizations as o
            where o.id = create_organization.id
        ) then
            raise exception 'id % is taken by another organization', create_organization.id
                using errcode = 'unique_violation';
        end if;
    end loop;
    perform errtrack_private.note_change(session_user, null, 'organization.create',
        jsonb_build_object('slug', create_organization.slug), made);
    return made;
end
$$;
comment on function errtrack_private.create_organization(bigint, text, text) is
    'Makes an organization and returns its id. Without an id it gets the next one that is free; without a name its slug is its name, with capitals.';

create or replace function errtrack_private.create_project(
    id bigint,
    organization text,
    slug text,
    name text,
    platform text
)
returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    owner bigint := errtrack_private.find_organization(create_project.organization);
    made bigint;
begin
    perform errtrack_private.check_words(create_project.slug, create_project.name);
    if create_project.id <= 0 then
        raise exception 'an id is a positive number' using errcode = 'check_violation';
    end if;
    if create_project.platform !~ '^[A-Za-z0-9._-]{1,64}$' then
        raise exception 'a platform must match [A-Za-z0-9._-]{1,64}, "%" does not', create_project.platform
            using errcode = 'check_violation';
    end if;
    loop
        if exists (
            select
            from errtrack_private.projects as p
            where p.organization_id = owner
                and p.slug = create_project.slug
        ) then
            raise exception 'slug "%" is taken in organization "%"',
                create_project.slug,
                (select o.slug from errtrack_private.organizations as o where o.id = owner)
                using errcode = 'unique_violation';
        end if;
        insert into errtrack_private.projects as p (id, organization_id, slug, name, platform)
        values (
            coalesce(create_project.id, nextval('errtrack_private.project_ids')),
            owner,
            create_project.slug,
            coalesce(create_project.name, errtrack_private.name_of_slug(create_project.slug)),
            create_project.platform
        )
        on conflict do nothing
        returning p.id into made;
        exit when made is not null;
        -- Given ids are not taken from the sequence, so it may run into them.
        if exists (
            select
            from errtrack_private.projects as p
            where p.id = create_project.id
        ) then
            raise exception 'id % is taken by another project', create_project.id
                using errcode = 'unique_violation';
        end if;
    end loop;
    perform errtrack_private.add_client_key(made, null, 'default');
    perform errtrack_private.note_change(session_user, made, 'project.create', jsonb_build_object('slug', create_project.slug));
    return made;
end
$$;
comment on function errtrack_private.create_project(bigint, text, text, text, text) is
    'Makes a project with one active client key and returns its id, which is the id of the DSN. Without an id it gets the next one that is free; the organization may be left out while there is only one.';

-- ---- client keys ------------------------------------------------------------

create or replace function errtrack_private.add_client_key(project bigint, public_key text, label text)
returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    -- A random uuid has 122 random bits and six fixed ones; two of them, hashed,
    -- give 128 even bits from the generator that PostgreSQL uses for secrets.
    words text := coalesce(
        add_client_key.public_key,
        'glet_' || encode(
            substring(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) for 16),
            'hex'
        )
    );
    made bigint;
begin
    if words !~ '^[A-Za-z0-9_-]{16,64}$' then
        raise exception 'a key must match [A-Za-z0-9_-]{16,64}, "%" does not', words
            using errcode = 'check_violation';
    end if;
    if length(add_client_key.label) > 200 then
        raise exception 'a label has at most 200 characters, this one has %', length(add_client_key.label)
            using errcode = 'check_violation';
    end if;
    perform
    from errtrack_private.projects as p
    where p.id = add_client_key.project
    for key share;
    if not found then
        raise exception 'there is no project %', add_client_key.project
            using errcode = 'no_data_found';
    end if;
    insert into errtrack_private.client_keys as k (project_id, public_key, label)
    values (add_client_key.project, words, coalesce(add_client_key.label, ''))
    on conflict do nothing
    returning k.id into made;
    if made is null then
        raise exception 'key "%" is taken by project %',
            words,
            (select k.project_id from errtrack_private.client_keys as k where k.public_key = words)
            using errcode = 'unique_violation';
    end if;
    return made;
end
$$;
comment on function errtrack_private.add_client_key(bigint, text, text) is
    'Makes an active client key and returns its id. A public key may be brought along from elsewhere; null makes one.';

create or replace function errtrack_private.create_client_key(project bigint, public_key text, label text)
returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    made constant bigint := errtrack_private.add_client_key(
        create_client_key.project, create_client_key.public_key, create_client_key.label);
begin
    perform errtrack_private.note_change(session_user, k.project_id, 'client_key.create', jsonb_build_object('id', k.public_key))
    from errtrack_private.client_keys as k
    where k.id = made;
    return made;
end
$$;
comment on function errtrack_private.create_client_key(bigint, text, text) is
    'Makes a client key as add_client_key() does, for the login.';

create or replace function errtrack_private.disable_client_key(id bigint)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    key errtrack_private.client_keys;
begin
    update errtrack_private.client_keys as k
    set active = false
    where k.id = disable_client_key.id
    returning k.* into key;
    if not found then
        raise exception 'there is no client key %', disable_client_key.id
            using errcode = 'no_data_found';
    end if;
    perform errtrack_private.note_change(session_user, key.project_id, 'client_key.update',
        jsonb_build_object('id', key.public_key, 'active', key.active, 'label', key.label));
end
$$;
comment on function errtrack_private.disable_client_key(bigint) is
    'What the key sends is refused from now on; the key stays listed. Disabling it again is no error.';

create or replace function errtrack_private.delete_client_key(id bigint)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    key errtrack_private.client_keys;
begin
    delete from errtrack_private.client_keys as k
    where k.id = delete_client_key.id
    returning k.* into key;
    if not found then
        raise exception 'there is no client key %', delete_client_key.id
            using errcode = 'no_data_found';
    end if;
    perform errtrack_private.note_change(session_user, key.project_id, 'client_key.delete', jsonb_build_object('id', key.public_key));
end
$$;
comment on function errtrack_private.delete_client_key(bigint) is
    'Removes a client key. The same public key may then be given to any project.';

create or replace function errtrack_private.client_key_dsn(
    url text,
    gitlab boolean,
    public_key text,
    project bigint
)
returns text
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    -- scheme, host, port or null, folders or null
    part text[] := regexp_match(
        client_key_dsn.url,
        '^(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~-]+)*)/?$'
    );
begin
    if part is null then
        raise exception 'a base URL looks like https://errors.example or http://127.0.0.1:8080/errors, "%" does not',
            -- A password in a wrong URL is not for the log.
            regexp_replace(client_key_dsn.url, '//[^/]*@', '//...@')
            using errcode = 'invalid_parameter_value';
    end if;
    if client_key_dsn.gitlab then
        return format('%s://%s@%s:%s%s/errortracking/api/v1/projects/%s',
                      part[1], client_key_dsn.public_key, part[2],
                      coalesce(part[3], case part[1] when 'https' then '443' else '80' end),
                      part[4], client_key_dsn.project);
    end if;
    return format('%s://%s@%s%s%s/%s',
                  part[1], client_key_dsn.public_key, part[2], ':' || part[3],
                  part[4], client_key_dsn.project);
end
$$;
comment on function errtrack_private.client_key_dsn(text, boolean, text, bigint) is
    'The DSN of a key under a base URL: in the form that GitLab shows, which always writes the port, or in the short form of the SDKs.';

-- ---- lists ------------------------------------------------------------------

create or replace view errtrack_private.organization_list as
select
    o.id,
    o.slug,
    o.name,
    (select count(*) from errtrack_private.projects as p where p.organization_id = o.id) as projects,
    (select count(*) from errtrack_private.memberships as m where m.organization_id = o.id) as members,
    date_trunc('second', o.created_at) as created_at
from errtrack_private.organizations as o;
comment on view errtrack_private.organization_list is
    'A row for each organization, as the command shows it. Members do not count administrators without a role.';

create or replace view errtrack_private.project_list as
select
    p.id,
    o.slug as organization,
    p.slug,
    p.name,
    p.platform,
    (select count(*) from errtrack_private.client_keys as k where k.project_id = p.id and k.active) as active_keys,
    date_trunc('second', p.created_at) as created_at,
    p.retention_days
from errtrack_private.projects as p
join errtrack_private.organizations as o on o.id = p.organization_id
where p.deleted_at is null;
comment on view errtrack_private.project_list is
    'A row for each project, as the command shows it.';

create or replace function errtrack_private.client_key_list(project bigint, url text, gitlab boolean)
returns table (
    id bigint,
    public_key text,
    label text,
    active boolean,
    created_at timestamptz,
    dsn text
)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select
        k.id,
        k.public_key,
        k.label,
        k.active,
        date_trunc('second', k.created_at),
        errtrack_private.client_key_dsn(client_key_list.url, client_key_list.gitlab, k.public_key, k.project_id)
    from errtrack_private.client_keys as k
    where k.project_id = client_key_list.project
    order by k.id
$$;
comment on function errtrack_private.client_key_list(bigint, text, boolean) is
    'The client keys of a project, active and not, each with its DSN under the base URL.';

-- ---- rights -----------------------------------------------------------------

revoke execute on function
    errtrack_private.find_organization(text),
    errtrack_private.find_project(text),
    errtrack_private.name_of_slug(text),
    errtrack_private.check_words(text, text),
    errtrack_private.create_organization(bigint, text, text),
    errtrack_private.create_project(bigint, text, text, text, text),
    errtrack_private.add_client_key(bigint, text, text),
    errtrack_private.create_client_key(bigint, text, text),
    errtrack_private.disable_client_key(bigint),
    errtrack_private.delete_client_key(bigint),
    errtrack_private.client_key_dsn(text, boolean, text, bigint),
    errtrack_private.client_key_list(bigint, text, boolean)
from public;
