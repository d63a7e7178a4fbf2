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
set search_path = pg_catalog, pg_temp
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
set search_path = pg_catalog, pg_temp
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

create or replace function errtrack_private.rest_access(
    token_hash bytea,
    wanted_project bigint,
    wanted_scope text
)
returns errtrack_private.answer
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    answer errtrack_private.answer;
begin
    answer.status := errtrack_private.access(token_hash, 'rest', wanted_project, wanted_scope);
    if answer.status = 404 then
        answer.body := '{"message":"404 Project Not Found"}';
    elsif answer.status <> 200 then
        answer := errtrack_private.refusal(answer.status);
    end if;
    return answer;
end
$$;
comment on function errtrack_private.rest_access(bytea, bigint, text) is
    'Status 200 when the token may act on the project, else the complete refusal in the words of GitLab''s REST interface.';

create or replace function errtrack_private.rest_list_client_keys(
    token_hash bytea,
    project_named text,
    dsn_base text,
    page integer,
    per_page integer
)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.project_by_name(project_named);
    answer errtrack_private.answer := errtrack_private.rest_access(token_hash, wanted_project, 'project:write');
begin
    if answer.status <> 200 then
        return answer;
    end if;
    answer.total := (
        select count(*) from errtrack_private.client_keys
        where client_keys.project_id = wanted_project);
    select coalesce(
        json_agg(errtrack_private.show_client_key(keys, dsn_base) order by keys.id)::text, '[]')
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
comment on function errtrack_private.rest_list_client_keys(bytea, text, text, integer, integer) is
    'A page of the client keys of a project in the order of their ids, active or not; total is the number of all.';

create or replace function errtrack_private.rest_create_client_key(
    token_hash bytea,
    project_named text,
    dsn_base text
)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.project_by_name(project_named);
    answer errtrack_private.answer := errtrack_private.rest_access(token_hash, wanted_project, 'project:write');
    key errtrack_private.client_keys;
begin
    if answer.status <> 200 then
        return answer;
    end if;
    -- 244 random bits, hashed to the 128 that GitLab's form has room for.
    insert into errtrack_private.client_keys (project_id, public_key)
    values (
        wanted_project,
        'glet_' || left(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 32))
    returning * into key;
    answer.status := 201;
    answer.body := errtrack_private.show_client_key(key, dsn_base)::text;
    return answer;
end
$$;
comment on function errtrack_private.rest_create_client_key(bytea, text, text) is
    'Makes a client key for a project.';

create or replace function errtrack_private.rest_delete_client_key(
    token_hash bytea,
    project_named text,
    dsn_base text,
    key_id bigint
)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.project_by_name(project_named);
    answer errtrack_private.answer := errtrack_private.rest_access(token_hash, wanted_project, 'project:write');
    key errtrack_private.client_keys;
begin
    if answer.status <> 200 then
        return answer;
    end if;
    delete from errtrack_private.client_keys
    where client_keys.project_id = wanted_project and client_keys.id = key_id
    returning * into key;
    if key.id is null then
        answer.status := 404;
        answer.body := '{"message":"404 Not found"}';
    else
        answer.body := errtrack_private.show_client_key(key, dsn_base)::text;
    end if;
    return answer;
end
$$;
comment on function errtrack_private.rest_delete_client_key(bytea, text, text, bigint) is
    'Deletes a client key of a project and answers with it.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'show_client_key(errtrack_private.client_keys, text)', 'project_by_name(text)',
        'rest_access(bytea, bigint, text)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'rest_list_client_keys(bytea, text, text, integer, integer)',
        'rest_create_client_key(bytea, text, text)', 'rest_delete_client_key(bytea, text, text, bigint)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_query', name);
    end loop;
end
$$;
