-- GitLab's REST interface beside client keys: the settings of error tracking, and the
-- check of a key that a backend asks GitLab for. And what GitLab's backend has for groups.

create or replace function errtrack_private.show_tracking(wanted_project bigint) returns errtrack_private.answer
language plpgsql stable
as $$
declare
    shown text;
begin
    select jsonb_build_object(
        'active', t.active, 'project_name', null, 'sentry_external_url', null, 'api_url', null,
        'integrated', t.integrated)::text
    into shown
    from errtrack_private.tracking_settings t
    where t.project_id = wanted_project;
    if shown is null then
        perform errtrack_private.refuse(404, '404 Error Tracking Setting Not Found');
    end if;
    return errtrack_private.ok(shown);
end
$$;
comment on function errtrack_private.show_tracking(bigint) is 'The settings of error tracking of a project; refuses without any.';

create or replace function errtrack_private.given_parameter(request jsonb, name text) returns text
language sql immutable
as $$
    select coalesce(
        case when jsonb_typeof(request -> 'body') = 'object' then request #>> array['body', name] end,
        request #>> array['arguments', name, '-1'])
$$;
comment on function errtrack_private.given_parameter(jsonb, text) is
    'What the body, a form or the URL says, as GitLab takes a parameter from any of them; null where none does.';

create or replace function errtrack_private.require_booleans(request jsonb, required text[], optional text[]) returns void
language plpgsql immutable
as $$
declare
    problems constant text := (
        select string_agg(p.name || ' is ' || p.problem, ', ' order by p.n)
        from (
            select named.name, named.n, case
                when given is null then case when named.name = any (required) then 'missing' end
                when given = '' then 'empty'
                when lower(given) not in ('true', 'false', '1', '0') then 'invalid' end as problem
            from unnest(required || optional) with ordinality as named (name, n)
            cross join lateral errtrack_private.given_parameter(request, named.name) as given) p
        where p.problem is not null);
begin
    if problems is not null then
        perform errtrack_private.refuse(400, problems);
    end if;
end
$$;
comment on function errtrack_private.require_booleans(jsonb, text[], text[]) is
    'Refuses a request for all that is wrong with its parameters, together.';

create or replace function errtrack_private.rest_boolean(request jsonb, name text) returns boolean
language sql immutable
as $$
    select lower(errtrack_private.given_parameter(request, name)) in ('true', '1')
$$;
comment on function errtrack_private.rest_boolean(jsonb, text) is
    'A boolean of the body, a form or the URL, which require_booleans() has looked at; null where it is not given.';

create or replace function errtrack_private.rest_settings(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.show_tracking(errtrack_private.rest_project(token_hash, request, 'project:write'))
$$;
comment on function errtrack_private.rest_settings(bytea, jsonb) is 'The settings of error tracking of a project.';

create or replace function errtrack_private.set_tracking(
    token_hash bytea,
    wanted_project bigint,
    new_active boolean,
    new_integrated boolean
)
returns errtrack_private.answer
language plpgsql volatile
as $$
begin
    insert into errtrack_private.tracking_settings as t (project_id, active, integrated)
    values (wanted_project, new_active, coalesce(new_integrated, false))
    on conflict (project_id) do update
        set active = excluded.active,
            integrated = coalesce(new_integrated, t.integrated);
    if new_integrated and not exists (
        select from errtrack_private.client_keys k where k.project_id = wanted_project and k.active)
    then
        perform errtrack_private.make_client_key(wanted_project);
    end if;
    perform errtrack_private.write_audit(token_hash, wanted_project, 'settings.update',
        jsonb_build_object('active', new_active, 'integrated', new_integrated));
    return errtrack_private.show_tracking(wanted_project);
end
$$;
comment on function errtrack_private.set_tracking(bytea, bigint, boolean, boolean) is
    'Sets whether error tracking is on. One that becomes integrated without an active key gets one.';

create or replace function errtrack_private.rest_settings_change(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project constant bigint := errtrack_private.rest_project(token_hash, request, 'project:write');
begin
    perform errtrack_private.require_booleans(request, '{active}', '{integrated}');
    perform errtrack_private.show_tracking(wanted_project);
    return errtrack_private.set_tracking(
        token_hash, wanted_project,
        errtrack_private.rest_boolean(request, 'active'),
        errtrack_private.rest_boolean(request, 'integrated'));
end
$$;
comment on function errtrack_private.rest_settings_change(bytea, jsonb) is
    'Changes settings that are there: active, and integrated if it is given.';

create or replace function errtrack_private.rest_settings_put(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project constant bigint := errtrack_private.rest_project(token_hash, request, 'project:write');
begin
    perform errtrack_private.require_booleans(request, '{active, integrated}', '{}');
    return errtrack_private.set_tracking(
        token_hash, wanted_project,
        errtrack_private.rest_boolean(request, 'active'),
        errtrack_private.rest_boolean(request, 'integrated'));
end
$$;
comment on function errtrack_private.rest_settings_put(bytea, jsonb) is 'Makes or changes settings.';

create or replace function errtrack_private.key_allowed(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    body constant jsonb := case when jsonb_typeof(request -> 'body') = 'object' then request -> 'body' else '{}' end;
    named constant text := coalesce(body ->> 'project_id', errtrack_private.argument(request, 'project_id'), '');
    key constant text := coalesce(body ->> 'public_key', errtrack_private.argument(request, 'public_key'), '');
    -- Read from a file it may end as lines do. Not from the URL, which others get to see.
    told constant text := case when jsonb_typeof(body -> 'error_tracking_token') = 'string'
                               then regexp_replace(body ->> 'error_tracking_token', E'\r?\n$', '') end;
    is_told constant boolean := octet_length(token_hash) = 0 and told <> '';
    hash constant bytea := case when is_told then sha256(convert_to(told, 'UTF8')) else nullif(token_hash, '') end;
    wanted_project bigint;
begin
    -- The secret of a GitLab instance, or a token that is good for all projects.
    if not exists (
        select
        from errtrack_private.authenticate(hash) t
        where t.kind = 'gitlab' or (t.administrator and t.organization_id is null and t.project_id is null))
    then
        perform errtrack_private.refuse(401);
    end if;
    -- Of any other token the program in front notes it.
    if is_told then
        perform errtrack_private.touch_token(hash);
    end if;
    if btrim(named) = '' or btrim(key) = '' then
        perform errtrack_private.refuse(422);
    end if;
    wanted_project := (select p.id from errtrack_private.projects p where p.id = errtrack_private.as_id(named));
    if wanted_project is null then
        perform errtrack_private.refuse(404, '404 Not found');
    end if;
    return errtrack_private.ok(jsonb_build_object('enabled', not exists (
        select from errtrack_private.tracking_settings t
        where t.project_id = wanted_project and not (t.active and t.integrated)) and exists (
        select from errtrack_private.client_keys k
        where k.project_id = wanted_project and k.public_key = key and k.active))::text);
end
$$;
comment on function errtrack_private.key_allowed(bytea, jsonb) is
    'Whether a public key is good for a project, whose error tracking is active and integrated: what a backend without keys of its own asks. The token may stand in the body, as error_tracking_token.';

-- ---- groups --------------------------------------------------------------------

create or replace function errtrack_private.group_projects(token_hash bytea, request jsonb) returns bigint[]
language plpgsql stable
as $$
declare
    wanted_group constant bigint := errtrack_private.path_id(request, 'groupId');
    projects constant bigint[] := array(
        select p.id
        from errtrack_private.projects p
        where p.organization_id = wanted_group
          and errtrack_private.access(token_hash, 'integrated', p.id, 'event:read') = 200
        order by p.id);
begin
    if not exists (select from errtrack_private.authenticate(token_hash)) then
        perform errtrack_private.refuse(401);
    end if;
    return projects;
end
$$;
comment on function errtrack_private.group_projects(bytea, jsonb) is
    'The projects of a group that the token may read; none for a group that is not known.';

create or replace function errtrack_private.group_issues(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    reachable constant bigint[] := errtrack_private.group_projects(token_hash, request);
    named constant text[] := errtrack_private.arguments(request, 'project');
    wanted_status constant text := errtrack_private.argument_choice(request, 'status', 'unresolved', 'resolved', 'ignored');
    sort_by constant text := errtrack_private.argument_choice(request, 'sort', 'date', 'new', 'priority', 'freq', 'user');
    page_size constant integer := errtrack_private.argument_integer(request, 'limit', 20, 1, 10000);
    search constant text := errtrack_private.argument(request, 'query');
    high constant timestamptz := errtrack_private.moment_of(errtrack_private.argument(request, 'end'));
    scope record;
    places errtrack_private.issue_place[];
begin
    if cardinality(named) = 0 then
        perform errtrack_private.refuse(400, 'project is required');
    elsif exists (select from unnest(named) as project where errtrack_private.as_id(project) is null) then
        perform errtrack_private.refuse(400, 'project must be an integer');
    end if;
    scope := errtrack_private.scope_condition(request, case when search is null then '{}'::text[]
        else array[errtrack_private.like_pattern(search, true)] end);
    places := errtrack_private.find_issues(
        array(select project from unnest(reachable) as project where project::text = any (named)),
        array[wanted_status], scope.bound,
        -- Both ends are about when an issue was last seen.
        scope.condition || case when high is null then '' else format(' and i.last_seen <= %L::timestamptz', high) end
            || case when search is null then '' else ' and ' || errtrack_private.text_condition(1) end,
        case when search is not null then errtrack_private.text_candidates(1) end,
        case sort_by when 'new' then 'f' when 'freq' then 'c' when 'user' then 'u' when 'priority' then 'c' else 'l' end,
        false, null, null, page_size);
    return errtrack_private.ok((
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', i.id::text,
            'project', jsonb_build_object('id', p.id::text, 'name', p.name, 'slug', p.slug),
            'title', i.title, 'actor', i.culprit,
            'count', errtrack_private.clamp_count(i.event_count)::text,
            'userCount', errtrack_private.clamp_count(i.user_count),
            'firstSeen', errtrack_private.rfc3339(i.first_seen), 'lastSeen', errtrack_private.rfc3339(i.last_seen),
            'status', i.status) order by f.n), '[]')::text
        from unnest(places) with ordinality as f (project_id, id, place, n)
        join errtrack_private.issues i on i.project_id = f.project_id and i.id = f.id
        join errtrack_private.projects p on p.id = i.project_id));
end
$$;
comment on function errtrack_private.group_issues(bytea, jsonb) is
    'Issues of projects of a group, for a data source of Grafana. priority is the number of events.';

create or replace function errtrack_private.group_projects_list(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    reachable constant bigint[] := errtrack_private.group_projects(token_hash, request);
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(jsonb_build_object('id', p.id::text, 'name', p.name, 'slug', p.slug) order by p.id), '[]')::text
        from errtrack_private.projects p
        where p.id = any (reachable)));
end
$$;
comment on function errtrack_private.group_projects_list(bytea, jsonb) is 'The projects of a group.';

create or replace function errtrack_private.group_stats(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    reachable constant bigint[] := errtrack_private.group_projects(token_hash, request);
    named constant text[] := errtrack_private.arguments(request, 'project');
begin
    return errtrack_private.ok(jsonb_build_array(errtrack_private.ledger_stats(
        array(select project from unnest(reachable) as project
              where cardinality(named) = 0 or project::text = any (named)),
        case when request #> '{arguments,groupBy}' is null
             then jsonb_set(request, '{arguments,groupBy}', '["project"]') else request end,
        true))::text);
end
$$;
comment on function errtrack_private.group_stats(bytea, jsonb) is
    'The ledger of a group over time, by project unless it is to be something else.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'show_tracking(bigint)', 'given_parameter(jsonb, text)', 'require_booleans(jsonb, text[], text[])', 'rest_boolean(jsonb, text)',
        'set_tracking(bytea, bigint, boolean, boolean)', 'group_projects(bytea, jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'rest_settings', 'rest_settings_change', 'rest_settings_put', 'key_allowed', 'group_issues',
        'group_projects_list', 'group_stats']
    loop
        execute format('revoke execute on function errtrack_private.%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
