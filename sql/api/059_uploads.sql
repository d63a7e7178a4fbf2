-- What builds upload over Sentry's web API: pieces by their checksum first, then what
-- files they make. Everything is kept; that it is applied to events comes later, and the
-- answers say so.

create or replace function errtrack_private.sentry_chunk_options(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'project:releases');
begin
    return errtrack_private.ok(jsonb_build_object(
        'url', format('%s/api/0/organizations/%s/chunk-upload/', request ->> 'base', errtrack_private.path_text(request, 'organization')),
        'chunkSize', 1048576, 'chunksPerRequest', 8, 'maxFileSize', 2147483648, 'maxRequestSize', 9437184,
        'concurrency', 2, 'hashAlgorithm', 'sha1', 'compression', '[]'::jsonb,
        'accept', jsonb_build_array('debug_files', 'release_files', 'pdbs', 'portablepdbs', 'sources', 'bcsymbolmaps',
                                    'il2cpp', 'artifact_bundles', 'artifact_bundles_v2'))::text);
end
$$;
comment on function errtrack_private.sentry_chunk_options(bytea, jsonb) is
    'How pieces are to be uploaded.';

create or replace function errtrack_private.keep_chunk(organization bigint, sha1 bytea, body bytea) returns void
language plpgsql volatile
as $$
begin
    -- The limit is exact: whoever uploads for an organization waits for the others. Before any
    -- row is locked, as they may have the same pieces in another order.
    perform pg_advisory_xact_lock(hashtextextended('errtrack.uploads', organization));
    -- It was asked for again: a day more, and no more room.
    update errtrack_private.upload_chunks as c
    set received_at = now()
    where c.organization_id = organization and c.sha1 = keep_chunk.sha1;
    if found then
        return;
    end if;
    if (select coalesce(sum(octet_length(c.body)), 0) from errtrack_private.upload_chunks c
        where c.organization_id = organization) + octet_length(keep_chunk.body)
       > errtrack_private.limit_of(0, 'upload_bytes')
    then
        perform errtrack_private.refuse(413, 'the organization has uploaded as much as the limit upload_bytes allows');
    end if;
    insert into errtrack_private.upload_chunks (organization_id, sha1, body)
    values (organization, keep_chunk.sha1, keep_chunk.body)
    on conflict on constraint upload_chunks_pkey do nothing;
end
$$;
comment on function errtrack_private.keep_chunk(bigint, bytea, bytea) is 'Keeps a piece of a file.';

create or replace function errtrack_private.sentry_chunk_upload(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'project:releases');
    file jsonb;
begin
    if coalesce(jsonb_array_length(request -> 'files'), 0) = 0 then
        perform errtrack_private.refuse(400, 'the body must be a form with files');
    end if;
    for file in select f from jsonb_array_elements(request -> 'files') as f loop
        if file ->> 'field' <> 'file' then
            perform errtrack_private.refuse(400, 'only parts named file are taken: compression is not announced');
        elsif file ->> 'filename' <> file ->> 'sha1' then
            perform errtrack_private.refuse(400, 'the name of each file must be the SHA-1 of its content');
        end if;
        perform errtrack_private.keep_chunk(
            organization, decode(file ->> 'sha1', 'hex'), decode(file ->> 'content', 'base64'));
    end loop;
    return errtrack_private.ok('{}');
end
$$;
comment on function errtrack_private.sentry_chunk_upload(bytea, jsonb) is
    'Takes pieces of files. Each is called by its checksum, which the program in front has looked at.';

create or replace function errtrack_private.read_sha1(value jsonb, name text) returns bytea
language plpgsql immutable
as $$
begin
    if coalesce(value #>> '{}', '') !~ '^[0-9a-f]{40}$' then
        perform errtrack_private.refuse(400, name || ' must be a SHA-1 of 40 hexadecimal digits');
    end if;
    return decode(value #>> '{}', 'hex');
end
$$;
comment on function errtrack_private.read_sha1(jsonb, text) is 'A checksum of a body.';

create or replace function errtrack_private.assemble(
    organization bigint,
    projects bigint[],
    kind text,
    described jsonb,
    checksum text
)
returns jsonb
language plpgsql volatile
as $$
declare
    whole constant bytea := errtrack_private.read_sha1(to_jsonb(checksum), 'checksum');
    pieces bytea[];
    missing jsonb;
    total bigint;
begin
    if jsonb_typeof(described -> 'chunks') is distinct from 'array' then
        perform errtrack_private.refuse(400, 'chunks must be a list');
    elsif jsonb_array_length(described -> 'chunks') > 2048 then
        perform errtrack_private.refuse(400, 'a file has at most 2048 chunks');
    end if;
    pieces := array(
        select errtrack_private.read_sha1(c.piece, 'chunks')
        from jsonb_array_elements(described -> 'chunks') with ordinality as c (piece, n)
        order by c.n);
    select coalesce(jsonb_agg(distinct encode(p.piece, 'hex')), '[]') into missing
    from unnest(pieces) as p (piece)
    where not exists (
        select from errtrack_private.upload_chunks c
        where c.organization_id = organization and c.sha1 = p.piece);
    if missing <> '[]' then
        return jsonb_build_object('state', 'not_found', 'missingChunks', missing, 'detail', null);
    elsif cardinality(pieces) = 0 and not exists (
        select from errtrack_private.uploads u where u.project_id = any (projects) and u.sha1 = whole)
    then
        return jsonb_build_object('state', 'not_found', 'missingChunks', '[]'::jsonb, 'detail', null);
    end if;
    if cardinality(pieces) > 0 then
        -- They are in one index, whose rows have room for no more.
        if octet_length(left(concat(described ->> 'name'), 1000)) + octet_length(left(concat(described ->> 'version'), 250))
           + octet_length(left(concat(described ->> 'dist'), 64)) > 2500
        then
            perform errtrack_private.refuse(400, 'name, version and dist must have at most 2500 bytes together');
        end if;
        total := (
            select sum(octet_length(c.body))
            from unnest(pieces) as p (piece)
            join errtrack_private.upload_chunks c on c.organization_id = organization and c.sha1 = p.piece);
        insert into errtrack_private.uploads as u
            (project_id, kind, sha1, chunks, size, name, release, dist, debug_id)
        select project, assemble.kind, whole, pieces, total,
               left(coalesce(described ->> 'name', ''), 1000), left(coalesce(described ->> 'version', ''), 250),
               left(coalesce(described ->> 'dist', ''), 64), left(coalesce(described ->> 'debug_id', ''), 64)
        from unnest(projects) as project
        on conflict on constraint uploads_key do update set received_at = now(), debug_id = excluded.debug_id;
    end if;
    return jsonb_build_object(
        'state', 'ok', 'missingChunks', '[]'::jsonb,
        'detail', 'kept; it is not applied to events yet');
end
$$;
comment on function errtrack_private.assemble(bigint, bigint[], text, jsonb, text) is
    'Makes a file of pieces that were uploaded, or says which are missing.';

create or replace function errtrack_private.sentry_bundle_assemble(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'project:releases');
    body constant jsonb := errtrack_private.body_object(request);
    projects bigint[];
begin
    if jsonb_typeof(body -> 'projects') is distinct from 'array' or jsonb_array_length(body -> 'projects') = 0 then
        perform errtrack_private.refuse(400, 'projects is missing');
    end if;
    projects := array(
        select r.project_id
        from errtrack_private.reach(token_hash, 'project:releases') r
        join errtrack_private.projects p on p.id = r.project_id
        where r.organization_id = organization and (body -> 'projects' ? p.slug or body -> 'projects' ? p.id::text)
        order by 1);
    if cardinality(projects) = 0 then
        perform errtrack_private.refuse(400, 'projects names none that is there');
    end if;
    return errtrack_private.ok(errtrack_private.assemble(
        organization, projects, 'artifact_bundle', body, body ->> 'checksum')::text);
end
$$;
comment on function errtrack_private.sentry_bundle_assemble(bytea, jsonb) is
    'A bundle of source maps and sources, for some projects.';

create or replace function errtrack_private.sentry_release_assemble(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'project:releases');
    version constant text := errtrack_private.path_text(request, 'version');
    body constant jsonb := errtrack_private.body_object(request);
begin
    return errtrack_private.ok(errtrack_private.assemble(
        organization,
        errtrack_private.known_in(version, errtrack_private.organization_projects(token_hash, request, 'project:releases')),
        'release_file', body || jsonb_build_object('version', version), body ->> 'checksum')::text);
end
$$;
comment on function errtrack_private.sentry_release_assemble(bytea, jsonb) is
    'A bundle of files of a release, as older tools send it.';

create or replace function errtrack_private.sentry_dif_assemble(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:releases');
    organization constant bigint := (select p.organization_id from errtrack_private.projects p where p.id = project);
    body constant jsonb := errtrack_private.body_object(request);
    file record;
    states jsonb := '{}';
begin
    if (select count(*) from jsonb_object_keys(body)) > 1000 then
        perform errtrack_private.refuse(400, 'at most 1000 files in a request');
    end if;
    for file in select e.key, e.value from jsonb_each(body) as e loop
        states := states || jsonb_build_object(file.key, errtrack_private.assemble(
            organization, array[project], 'debug_file', file.value, file.key)
            || jsonb_build_object('dif', null));
    end loop;
    return errtrack_private.ok(states::text);
end
$$;
comment on function errtrack_private.sentry_dif_assemble(bytea, jsonb) is
    'Files of debug information, each by its checksum.';

-- ---- lists ---------------------------------------------------------------------

create or replace function errtrack_private.show_upload(u errtrack_private.uploads) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'id', u.id::text, 'name', u.name, 'objectName', u.name, 'sha1', encode(u.sha1, 'hex'), 'size', u.size,
        'dist', nullif(u.dist, ''), 'release', nullif(u.release, ''), 'debugId', nullif(u.debug_id, ''), 'kind', u.kind,
        'headers', '{}'::jsonb, 'dateCreated', errtrack_private.rfc3339(u.received_at))
$$;
comment on function errtrack_private.show_upload(errtrack_private.uploads) is 'An uploaded file as Sentry shows it.';

create or replace function errtrack_private.list_uploads(
    project bigint,
    kinds text[],
    wanted_release text,
    wanted_sha1 text[]
)
returns errtrack_private.answer
language sql stable
as $$
    select errtrack_private.ok(coalesce(jsonb_agg(errtrack_private.show_upload(u) order by u.received_at desc, u.id desc), '[]')::text)
    from (
        select *
        from errtrack_private.uploads u
        where u.project_id = project and u.kind = any (kinds)
          and (wanted_release is null or u.release = wanted_release)
          and (cardinality(wanted_sha1) = 0 or encode(u.sha1, 'hex') = any (wanted_sha1))
        order by u.received_at desc, u.id desc
        limit 100) u
$$;
comment on function errtrack_private.list_uploads(bigint, text[], text, text[]) is
    'The last hundred files of a project, of a release, or with one of these checksums.';

create or replace function errtrack_private.sentry_release_files(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.list_uploads(
        errtrack_private.sentry_project(token_hash, request, errtrack_private.scope_to_read(token_hash, 'project:read')),
        array['release_file', 'artifact_bundle'], errtrack_private.path_text(request, 'version'), '{}')
$$;
comment on function errtrack_private.sentry_release_files(bytea, jsonb) is 'The files of a release.';

create or replace function errtrack_private.sentry_debug_files(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.list_uploads(
        errtrack_private.sentry_project(token_hash, request, errtrack_private.scope_to_read(token_hash, 'project:read')),
        array['debug_file'], null, errtrack_private.arguments(request, 'checksums'))
$$;
comment on function errtrack_private.sentry_debug_files(bytea, jsonb) is
    'The files of debug information of a project, or those of checksums.';

create or replace function errtrack_private.sentry_release_file_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:releases');
    organization constant bigint := (select p.organization_id from errtrack_private.projects p where p.id = project);
    version constant text := errtrack_private.path_text(request, 'version');
    file constant jsonb := (
        select f from jsonb_array_elements(coalesce(request -> 'files', '[]')) as f
        where f ->> 'field' = 'file'
        limit 1);
    fields constant jsonb := coalesce(request -> 'fields', '{}');
    described jsonb;
    made errtrack_private.uploads;
begin
    if file is null then
        perform errtrack_private.refuse(400, 'the body must be a form with a file');
    end if;
    perform errtrack_private.known_in(version, array[project]);
    perform errtrack_private.keep_chunk(
        organization, decode(file ->> 'sha1', 'hex'), decode(file ->> 'content', 'base64'));
    described := jsonb_build_object(
        'chunks', jsonb_build_array(file ->> 'sha1'), 'version', version, 'dist', fields ->> 'dist',
        'name', coalesce(nullif(fields ->> 'name', ''), file ->> 'filename'));
    perform errtrack_private.assemble(organization, array[project], 'release_file', described, file ->> 'sha1');
    select u.* into made
    from errtrack_private.uploads u
    where u.project_id = project and u.kind = 'release_file' and u.sha1 = decode(file ->> 'sha1', 'hex')
      and u.release = version and u.name = left(described ->> 'name', 1000)
    limit 1;
    return errtrack_private.ok(errtrack_private.show_upload(made)::text, 201);
end
$$;
comment on function errtrack_private.sentry_release_file_create(bytea, jsonb) is
    'Uploads one file of a release.';

create or replace function errtrack_private.sentry_upload_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:releases');
begin
    delete from errtrack_private.uploads u
    where u.project_id = project and u.id = errtrack_private.as_id(errtrack_private.path_text(request, 'file'));
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.sentry_upload_delete(bytea, jsonb) is 'Deletes an uploaded file.';

create or replace function errtrack_private.sweep_uploads(keep_days integer) returns void
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    delete from errtrack_private.uploads u where u.received_at < now() - keep_days * interval '1 day';
    -- Not by uploads.chunks @> array[c.sha1]: there each piece would be looked for in each file.
    delete from errtrack_private.upload_chunks c
    where c.received_at < now() - interval '1 day'
      and not exists (
          select
          from (
              select p.organization_id, unnest(u.chunks) as sha1
              from errtrack_private.uploads u
              join errtrack_private.projects p on p.id = u.project_id) used
          where used.organization_id = c.organization_id and used.sha1 = c.sha1)
$$;
comment on function errtrack_private.sweep_uploads(integer) is
    'Removes files that are older than events are kept, and pieces of a day that no file is made of.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'keep_chunk(bigint, bytea, bytea)', 'read_sha1(jsonb, text)', 'assemble(bigint, bigint[], text, jsonb, text)',
        'show_upload(errtrack_private.uploads)', 'list_uploads(bigint, text[], text, text[])',
        'sweep_uploads(integer)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'chunk_options', 'chunk_upload', 'bundle_assemble', 'release_assemble', 'dif_assemble', 'release_files',
        'debug_files', 'release_file_create', 'upload_delete']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
