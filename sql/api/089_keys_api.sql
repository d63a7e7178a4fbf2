-- Client keys of a project as Sentry has them: made, changed, replaced, deleted.

create or replace function errtrack_private.show_key(key errtrack_private.client_keys, base text) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'id', key.public_key, 'name', key.label, 'label', key.label, 'public', key.public_key,
            'secret', null, 'projectId', key.project_id, 'isActive', key.active,
            'dateCreated', errtrack_private.rfc3339(key.created_at), 'rateLimit', errtrack_private.show_quotas(key.project_id, key.id) -> 'error',
            'quotas', errtrack_private.show_quotas(key.project_id, key.id),
            'dsn', jsonb_build_object(
                'public', replace(base, '://', '://' || key.public_key || '@') || '/' || key.project_id,
                'secret', replace(base, '://', '://' || key.public_key || '@') || '/' || key.project_id,
                'security', format('%s/api/%s/security/?sentry_key=%s', base, key.project_id, key.public_key),
                'csp', format('%s/api/%s/csp-report/?sentry_key=%s', base, key.project_id, key.public_key),
                'minidump', format('%s/api/%s/minidump/?sentry_key=%s', base, key.project_id, key.public_key))));
end
$$;
comment on function errtrack_private.show_key(errtrack_private.client_keys, text) is
    'A client key as Sentry shows it. rateLimit is the quota for errors, as Sentry has it; quotas are all there are.';

create or replace function errtrack_private.key_named(wanted_project bigint, request jsonb) returns errtrack_private.client_keys
language plpgsql stable
as $$
declare
    key errtrack_private.client_keys;
begin
    select k.* into key
    from errtrack_private.client_keys k
    where k.project_id = wanted_project and k.public_key = errtrack_private.path_text(request, 'key');
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    return key;
end
$$;
comment on function errtrack_private.key_named(bigint, jsonb) is 'The client key that the path names.';

create or replace function errtrack_private.change_rate_limit(wanted_project bigint, wanted_key bigint, body jsonb) returns void
language plpgsql volatile
as $$
declare
    given constant jsonb := body -> 'rateLimit';
begin
    if given is null then
        return;
    elsif jsonb_typeof(given) not in ('object', 'null') then
        perform errtrack_private.refuse(400, 'rateLimit must be null or have count and window');
    end if;
    -- In Sentry a limit of nothing is none.
    perform errtrack_private.change_quotas(wanted_project, wanted_key, jsonb_build_object('quotas', jsonb_build_object(
        'error', case when '0' in (coalesce(given ->> 'count', '0'), coalesce(given ->> 'window', '0')) then null else given end)));
end
$$;
comment on function errtrack_private.change_rate_limit(bigint, bigint, jsonb) is
    'Sets the limit of a key for errors as Sentry writes it: null, and 0 for count or window, takes it away.';

create or replace function errtrack_private.sentry_keys(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(errtrack_private.show_key(k, request ->> 'base') order by k.id), '[]')::text
        from errtrack_private.client_keys k
        where k.project_id = wanted));
end
$$;
comment on function errtrack_private.sentry_keys(bytea, jsonb) is 'The client keys of a project.';

create or replace function errtrack_private.sentry_key_get(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
begin
    return errtrack_private.ok(errtrack_private.show_key(
        errtrack_private.key_named(wanted, request), request ->> 'base')::text);
end
$$;
comment on function errtrack_private.sentry_key_get(bytea, jsonb) is 'One client key.';

create or replace function errtrack_private.sentry_key_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    key errtrack_private.client_keys;
begin
    key := errtrack_private.make_client_key(
        wanted, coalesce(errtrack_private.member_text(request -> 'body', 'name', 200), ''));
    perform errtrack_private.change_rate_limit(wanted, key.id, request -> 'body');
    perform errtrack_private.write_audit(token_hash, wanted, 'client_key.create', jsonb_build_object('id', key.public_key));
    return errtrack_private.ok(errtrack_private.show_key(key, request ->> 'base')::text, 201);
end
$$;
comment on function errtrack_private.sentry_key_create(bytea, jsonb) is 'Makes a client key of a project.';

create or replace function errtrack_private.sentry_key_update(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    key errtrack_private.client_keys := errtrack_private.key_named(wanted, request);
    had constant jsonb := errtrack_private.show_key(key, request ->> 'base');
    body constant jsonb := errtrack_private.body_of(request, '{name, isActive, rateLimit, quotas}', had);
    -- What was answered may be sent back with either of both changed.
    only_rate constant boolean := body -> 'quotas' is not distinct from had -> 'quotas';
begin
    update errtrack_private.client_keys k
    set label = coalesce(errtrack_private.member_text(body, 'name', 200), k.label),
        active = coalesce(errtrack_private.member_boolean(body, 'isActive'), k.active)
    where k.id = key.id
    returning * into key;
    perform errtrack_private.change_quotas(wanted, key.id, body);
    if only_rate or not body ? 'quotas' then
        perform errtrack_private.change_rate_limit(wanted, key.id, body);
    end if;
    perform errtrack_private.write_audit(token_hash, wanted, 'client_key.update', jsonb_build_object(
        'id', key.public_key, 'active', key.active, 'label', key.label,
        'quotas', errtrack_private.show_quotas(wanted, key.id)));
    return errtrack_private.ok(errtrack_private.show_key(key, request ->> 'base')::text);
end
$$;
comment on function errtrack_private.sentry_key_update(bytea, jsonb) is
    'Renames, limits, disables or enables a client key. Where a body has both, quotas go before rateLimit.';

create or replace function errtrack_private.key_rotate(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    before constant errtrack_private.client_keys := errtrack_private.key_named(wanted, request);
    made constant errtrack_private.client_keys := errtrack_private.make_client_key(wanted, before.label);
begin
    insert into errtrack_private.quotas (project_id, key_id, category, items, window_seconds)
    select q.project_id, made.id, q.category, q.items, q.window_seconds
    from errtrack_private.quotas q
    where q.project_id = wanted and q.key_id = before.id;
    perform errtrack_private.write_audit(token_hash, wanted, 'client_key.rotate',
        jsonb_build_object('id', made.public_key, 'previous', before.public_key));
    return errtrack_private.ok(jsonb_build_object(
        'key', errtrack_private.show_key(made, request ->> 'base'),
        'previous', errtrack_private.show_key(before, request ->> 'base'))::text, 201);
end
$$;
comment on function errtrack_private.key_rotate(bytea, jsonb) is
    'Makes a client key like another one, which goes on working until somebody disables or deletes it: what reports with it can be moved over first.';

create or replace function errtrack_private.sentry_key_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
begin
    delete from errtrack_private.client_keys k
    where k.project_id = wanted and k.public_key = errtrack_private.path_text(request, 'key');
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    perform errtrack_private.write_audit(token_hash, wanted, 'client_key.delete',
        jsonb_build_object('id', errtrack_private.path_text(request, 'key')));
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.sentry_key_delete(bytea, jsonb) is 'Deletes a client key.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'show_key(errtrack_private.client_keys, text)', 'key_named(bigint, jsonb)', 'change_rate_limit(bigint, bigint, jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'sentry_keys', 'sentry_key_get', 'sentry_key_create', 'sentry_key_update', 'sentry_key_delete', 'key_rotate']
    loop
        execute format('revoke execute on function errtrack_private.%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
