-- Client keys as GitLab's REST interface shows them: list, create, delete.
-- The caller must be a maintainer of the project (scope project:write).
--
-- A project has a handful of keys, and the interface numbers its pages, so here
-- alone a page is an offset.

create or replace function errtrack_private.show_client_key(
    key errtrack_private.client_keys,
    dsn_base text
)
returns json
language sql stable
as $$
    select row_to_json(shown)
    from (
        select
            key.id,
            key.active,
            key.public_key,
            replace(dsn_base, '://', '://' || key.public_key || '@')
                || '/errortracking/api/v1/projects/' || key.project_id as sentry_dsn
    ) as shown
$$;
comment on function errtrack_private.show_client_key(errtrack_private.client_keys, text) is
    'A client key with its DSN. dsn_base is scheme, host and port: https://errors.example:443.';

create or replace function errtrack_private.project_by_name(named text) returns bigint
language sql stable
as $$
    select projects.id
    from errtrack_private.projects
    join errtrack_private.organizations on organizations.id = projects.organization_id
    where case when named ~ '^[0-9]{1,18}$' then projects.id = named::bigint
               else organizations.slug = split_part(named, '/', 1)
                    and projects.slug = split_part(named, '/', 2)
                    and named = organizations.slug || '/' || projects.slug end
$$;
comment on function errtrack_private.project_by_name(text) is
    'The id of a project that is named by its id or as organization/project; null when there is none.';

create or replace function errtrack_private.rest_project(token_hash bytea, request jsonb, scope text)
returns bigint
language plpgsql stable
as $$
declare
    wanted_project bigint := errtrack_private.project_by_name(errtrack_private.path_text(request, 'id'));
    allowed integer := errtrack_private.access(token_hash, 'rest', wanted_project, scope);
begin
    if allowed <> 200 then
        perform errtrack_private.refuse(allowed, case allowed when 404 then '404 Project Not Found' else '' end);
    end if;
    return wanted_project;
end
$$;
comment on function errtrack_private.rest_project(bytea, jsonb, text) is
    'The project that the path names, on which the token may act; refuses in the words of GitLab''s REST interface.';

create or replace function errtrack_private.page_number(request jsonb, name text, otherwise integer)
returns integer
language plpgsql immutable
as $$
declare
    value bigint := errtrack_private.as_id(coalesce(errtrack_private.argument(request, name), otherwise::text));
begin
    if coalesce(value not between 1 and 2147483647, true) then
        perform errtrack_private.refuse(400, name || ' is invalid');
    end if;
    return value;
end
$$;
comment on function errtrack_private.page_number(jsonb, text, integer) is
    'page or per_page of GitLab''s REST interface.';

create or replace function errtrack_private.rest_list_client_keys(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.rest_project(token_hash, request, 'project:write');
    page integer := errtrack_private.page_number(request, 'page', 1);
    per_page integer := least(errtrack_private.page_number(request, 'per_page', 20), 100);
    answer errtrack_private.answer;
begin
    answer.status := 200;
    answer.total := (
        select count(*) from errtrack_private.client_keys
        where client_keys.project_id = wanted_project);
    select coalesce(
        json_agg(errtrack_private.show_client_key(keys, request ->> 'base') order by keys.id)::text, '[]')
    into answer.body
    from (
        select *
        from errtrack_private.client_keys
        where client_keys.project_id = wanted_project
        order by client_keys.id
        limit per_page offset (page - 1)::bigint * per_page
    ) as keys;
    return answer;
end
$$;
comment on function errtrack_private.rest_list_client_keys(bytea, jsonb) is
    'A page of the client keys of a project in the order of their ids, active or not; total is the number of all.';

create or replace function errtrack_private.make_client_key(wanted_project bigint, label text default '')
returns errtrack_private.client_keys
language sql volatile
as $$
    -- 244 random bits, hashed to the 128 that GitLab's form has room for.
    insert into errtrack_private.client_keys (project_id, public_key, label)
    values (
        wanted_project,
        'glet_' || left(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 32),
        label)
    returning client_keys
$$;
comment on function errtrack_private.make_client_key(bigint, text) is 'A new client key of a project.';

create or replace function errtrack_private.rest_create_client_key(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.rest_project(token_hash, request, 'project:write');
    key constant errtrack_private.client_keys := errtrack_private.make_client_key(wanted_project);
begin
    perform errtrack_private.write_audit(token_hash, wanted_project, 'client_key.create', jsonb_build_object('id', key.public_key));
    return errtrack_private.ok(errtrack_private.show_client_key(key, request ->> 'base')::text, 201);
end
$$;
comment on function errtrack_private.rest_create_client_key(bytea, jsonb) is
    'Makes a client key for a project.';

create or replace function errtrack_private.rest_delete_client_key(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.rest_project(token_hash, request, 'project:write');
    wanted_key bigint := errtrack_private.as_id(errtrack_private.path_text(request, 'key_id'));
    key errtrack_private.client_keys;
begin
    if wanted_key is null then
        perform errtrack_private.refuse(400, 'key_id is invalid');
    end if;
    delete from errtrack_private.client_keys
    where client_keys.project_id = wanted_project and client_keys.id = wanted_key
    returning * into key;
    if key.id is null then
        perform errtrack_private.refuse(404, '404 Not found');
    end if;
    perform errtrack_private.write_audit(token_hash, wanted_project, 'client_key.delete', jsonb_build_object('id', key.public_key));
    return errtrack_private.ok(errtrack_private.show_client_key(key, request ->> 'base')::text);
end
$$;
comment on function errtrack_private.rest_delete_client_key(bytea, jsonb) is
    'Deletes a client key of a project and answers with it.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'show_client_key(errtrack_private.client_keys, text)', 'project_by_name(text)',
        'rest_project(bytea, jsonb, text)', 'page_number(jsonb, text, integer)',
        'make_client_key(bigint, text)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'rest_list_client_keys(bytea, jsonb)', 'rest_create_client_key(bytea, jsonb)',
        'rest_delete_client_key(bytea, jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_query', name);
    end loop;
end
$$;
