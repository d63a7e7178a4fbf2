-- Releases, their commits and deploys over Sentry's web API: what builds tell and what
-- people read.

create or replace function errtrack_private.commits_of(wanted text, projects bigint[])
returns setof errtrack_private.release_commits
language sql stable
as $$
    -- A project that learned of the release by an event has none.
    select c.*
    from errtrack_private.release_commits c
    where c.release = wanted
      and c.project_id = (
          select min(told.project_id)
          from errtrack_private.release_commits told
          where told.project_id = any (projects) and told.release = wanted)
$$;
comment on function errtrack_private.commits_of(text, bigint[]) is
    'The commits of a release as the first of the projects that was told of any knows them.';

create or replace function errtrack_private.show_release(wanted text, projects bigint[]) returns jsonb
language plpgsql stable
as $$
begin
    return (
        with known as materialized (
            select r.*, p.slug, p.name, p.platform, (
                select count(*)
                from (
                    select from errtrack_private.origins o
                    where o.project_id = r.project_id and o.first_release = r.release
                    limit 10000) o) as new_issues
            from errtrack_private.releases r
            join errtrack_private.projects p on p.id = r.project_id
            where r.project_id = any (projects) and r.release = wanted
        ), commits as materialized (
            select * from errtrack_private.commits_of(wanted, projects)
        ), seen as materialized (
            select min(t.first_received_at) as first_at, max(t.last_received_at) as last_at
            from errtrack_private.tag_counts t
            where t.project_id = any (projects) and t.key = 'release' and t.value = left(wanted, 200)
        ), deployed as materialized (
            select d.*
            from errtrack_private.deploys d
            where d.project_id = any (projects) and d.release = wanted
        )
        select jsonb_build_object(
            'version', wanted,
            'shortVersion', coalesce(substring(wanted from '^@?[^@]+@(.+)$'), wanted),
            'versionInfo', jsonb_build_object(
                'description', coalesce(substring(wanted from '^@?[^@]+@(.+)$'), wanted),
                'package', substring(wanted from '^(@?[^@]+)@.+$'),
                'version', jsonb_build_object('raw', coalesce(substring(wanted from '^@?[^@]+@(.+)$'), wanted)),
                'buildHash', null),
            'id', min(k.id),
            'status', case when bool_and(k.status = 'archived') then 'archived' else 'open' end,
            'ref', min(k.ref), 'url', min(k.url), 'data', '{}'::jsonb, 'owner', null,
            'dateCreated', errtrack_private.rfc3339(min(k.first_received_at)),
            'dateReleased', errtrack_private.rfc3339(min(k.released_at)),
            'firstEvent', (select errtrack_private.rfc3339(s.first_at) from seen s),
            'lastEvent', (select errtrack_private.rfc3339(s.last_at) from seen s),
            'newGroups', sum(k.new_issues),
            'commitCount', (select count(*) from commits),
            'lastCommit', (select jsonb_build_object('id', c.id, 'message', c.message) from commits c order by c.position limit 1),
            'authors', coalesce((
                select jsonb_agg(distinct jsonb_build_object('name', c.author_name, 'email', c.author_email))
                from commits c where c.author_email <> ''), '[]'),
            'deployCount', (select count(distinct (d.environment, d.finished_at)) from deployed d),
            'lastDeploy', (
                select jsonb_build_object('environment', d.environment, 'name', d.name,
                                          'dateFinished', errtrack_private.rfc3339(d.finished_at))
                from deployed d order by d.finished_at desc limit 1),
            'projects', jsonb_agg(jsonb_build_object(
                'id', k.project_id, 'slug', k.slug, 'name', k.name, 'platform', k.platform,
                'newGroups', k.new_issues) order by k.project_id))
        from known k
        having count(*) > 0);
end
$$;
comment on function errtrack_private.show_release(text, bigint[]) is
    'A release in those of these projects that have it; null when none has.';

create or replace function errtrack_private.scope_to_read(token_hash bytea, usual text) returns text
language plpgsql stable
as $$
begin
    return case
        when exists (
            select from errtrack_private.authenticate(token_hash) t
            where 'project:releases' = any (t.scopes) and usual <> all (t.scopes))
        then 'project:releases' else usual end;
end
$$;
comment on function errtrack_private.scope_to_read(bytea, text) is
    'The scope by which a token reads what builds tell: the usual one, or that of builds, which read what they tell of.';

create or replace function errtrack_private.release_projects(token_hash bytea, request jsonb, scope text)
returns bigint[]
language plpgsql stable
as $$
begin
    if errtrack_private.path_text(request, 'project') is not null then
        return array[errtrack_private.sentry_project(token_hash, request, scope)];
    end if;
    return errtrack_private.organization_projects(token_hash, request, scope);
end
$$;
comment on function errtrack_private.release_projects(bytea, jsonb, text) is
    'The projects whose releases a request is about: the one of its path, or those of the organization.';

create or replace function errtrack_private.sentry_releases(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    projects constant bigint[] := errtrack_private.release_projects(
        token_hash, request, errtrack_private.scope_to_read(token_hash, 'project:read'));
    page_size constant integer := errtrack_private.page_length(request, 100, 100);
    pattern constant text := errtrack_private.like_pattern(errtrack_private.argument(request, 'query'), true);
    wanted_status constant text := errtrack_private.argument_choice(request, 'status', 'open', 'archived');
    cursor_text constant text := errtrack_private.argument(request, 'cursor');
    place timestamptz;
    place_id bigint;
    found_releases record;
    answer errtrack_private.answer;
begin
    select errtrack_private.from_microseconds(decoded.place), decoded.id::bigint into place, place_id
    from errtrack_private.decode_cursor(cursor_text, 'r') as decoded;
    if cursor_text !~ '^[0-9]+:[0-9]+:[01]$' and place is null then
        perform errtrack_private.refuse(400, 'cursor is invalid');
    end if;
    -- A release of several projects stands where it was heard of last.
    select array_agg(page.release order by page.first_received_at desc, page.id desc) as names,
           array_agg(page.first_received_at order by page.first_received_at desc, page.id desc) as times,
           array_agg(page.id order by page.first_received_at desc, page.id desc) as ids
    into found_releases
    from (
        select r.*
        from unnest(projects) as project
        cross join lateral (
            select r.release, r.first_received_at, r.id
            from errtrack_private.releases r
            where r.project_id = project
              and (place is null or (r.first_received_at, r.id) < (place, place_id))
              and (pattern is null or r.release ilike pattern)
              -- It is open as long as it is in one of the projects.
              and (wanted_status = 'open') = (r.status = 'open' or exists (
                  select from errtrack_private.releases s
                  where s.project_id = any (projects) and s.release = r.release and s.status = 'open'))
              and not exists (
                  select from errtrack_private.releases s
                  where s.project_id = any (projects) and s.release = r.release
                    and (s.first_received_at, s.id) > (r.first_received_at, r.id))
            order by r.first_received_at desc, r.id desc
            limit page_size + 1) r
        order by r.first_received_at desc, r.id desc
        limit page_size + 1) page;
    if cardinality(found_releases.names) > page_size then
        answer.next_cursor := errtrack_private.encode_cursor(
            'n', 'r', errtrack_private.microseconds(found_releases.times[page_size]), found_releases.ids[page_size]::text);
    end if;
    answer.status := 200;
    select coalesce(jsonb_agg(errtrack_private.show_release(n.name, projects) order by n.n), '[]')::text into answer.body
    from unnest(found_releases.names[:page_size]) with ordinality as n (name, n);
    return answer;
end
$$;
comment on function errtrack_private.sentry_releases(bytea, jsonb) is
    'A page of releases that are open, or archived, those that were heard of last first.';

create or replace function errtrack_private.require_release(wanted text, projects bigint[]) returns jsonb
language plpgsql stable
as $$
declare
    shown constant jsonb := errtrack_private.show_release(wanted, projects);
begin
    if shown is null then
        perform errtrack_private.refuse(404);
    end if;
    return shown;
end
$$;
comment on function errtrack_private.require_release(text, bigint[]) is 'show_release() of one that must be there.';

create or replace function errtrack_private.sentry_release_get(token_hash bytea, request jsonb)
returns errtrack_private.answer
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select errtrack_private.ok(errtrack_private.require_release(
        errtrack_private.path_text(request, 'version'),
        errtrack_private.release_projects(
            token_hash, request, errtrack_private.scope_to_read(token_hash, 'project:read')))::text)
$$;
comment on function errtrack_private.sentry_release_get(bytea, jsonb) is 'One release.';

-- ---- what builds tell ----------------------------------------------------------

create or replace function errtrack_private.member_moment(body jsonb, name text) returns timestamptz
language plpgsql stable
as $$
declare
    value constant text := errtrack_private.member_text(body, name, 40);
    moment constant timestamptz := errtrack_private.moment_of(value);
begin
    if value is not null and moment is null then
        perform errtrack_private.refuse(400, name || ' must be a time: 2026-01-31T12:00:00Z');
    end if;
    return moment;
end
$$;
comment on function errtrack_private.member_moment(jsonb, text) is 'A time of a body; null where it is absent or null.';

create or replace function errtrack_private.check_commits(commits jsonb) returns void
language plpgsql immutable
as $$
begin
    if jsonb_typeof(commits) <> 'array' then
        perform errtrack_private.refuse(400, 'commits must be a list');
    elsif jsonb_array_length(commits) > 1000 then
        perform errtrack_private.refuse(400, 'a release has at most 1000 commits');
    elsif exists (
        select from jsonb_array_elements(commits) as c
        where jsonb_typeof(c) <> 'object' or coalesce(length(c ->> 'id'), 0) not between 1 and 64)
    then
        perform errtrack_private.refuse(400, 'each commit needs an id of at most 64 characters');
    end if;
end
$$;
comment on function errtrack_private.check_commits(jsonb) is 'Refuses what are no commits of a release.';

create or replace function errtrack_private.set_commits(project bigint, wanted text, commits jsonb) returns void
language plpgsql volatile
as $$
begin
    delete from errtrack_private.release_commits c where c.project_id = project and c.release = wanted;
    insert into errtrack_private.release_commits
        (project_id, release, position, id, message, author_name, author_email, committed_at, repository)
    select project, wanted, c.n, c.commit ->> 'id', left(coalesce(c.commit ->> 'message', ''), 2000),
           left(coalesce(c.commit ->> 'author_name', ''), 200), left(coalesce(c.commit ->> 'author_email', ''), 254),
           errtrack_private.moment_of(c.commit ->> 'timestamp'), left(coalesce(c.commit ->> 'repository', ''), 200)
    from jsonb_array_elements(commits) with ordinality as c (commit, n);
end
$$;
comment on function errtrack_private.set_commits(bigint, text, jsonb) is 'Replaces the commits of a release.';

create or replace function errtrack_private.tell_release(project bigint, wanted text, body jsonb) returns boolean
language plpgsql volatile
as $$
declare
    refs constant jsonb := body -> 'refs';
    commits jsonb := body -> 'commits';
    new_status constant text := errtrack_private.member_text(body, 'status', 20);
    only_refs boolean := false;
    made boolean;
begin
    if new_status not in ('open', 'archived') then
        perform errtrack_private.refuse(400, 'status must be open or archived');
    end if;
    -- The limit is exact, and the workers wait for each other by the same lock.
    perform errtrack_private.lock_projects(array[project]);
    made := not exists (
        select from errtrack_private.releases r where r.project_id = project and r.release = wanted);
    if made and (select count(*) from errtrack_private.releases r where r.project_id = project)
                >= errtrack_private.limit_of(project, 'releases') then
        perform errtrack_private.refuse(409, 'the project has as many releases as its limit allows');
    end if;
    insert into errtrack_private.releases as r (project_id, release, first_received_at, ref, url, released_at, status)
    values (project, wanted, now(), errtrack_private.member_text(body, 'ref', 250),
            errtrack_private.member_text(body, 'url', 1000), errtrack_private.member_moment(body, 'dateReleased'),
            coalesce(new_status, 'open'))
    on conflict (project_id, release) do update
        set status = coalesce(new_status, r.status),
            ref = coalesce(excluded.ref, r.ref),
            url = coalesce(excluded.url, r.url),
            released_at = coalesce(excluded.released_at, r.released_at);
    -- Without the commits themselves there is the one that each repository was at; it takes
    -- the place of another such one, and never of commits that somebody told of.
    if jsonb_typeof(commits) is distinct from 'array' and jsonb_typeof(refs) = 'array' then
        commits := (
            select jsonb_agg(jsonb_build_object('id', ref ->> 'commit', 'repository', ref ->> 'repository'))
            from jsonb_array_elements(refs) as ref
            where jsonb_typeof(ref) = 'object');
        only_refs := true;
    end if;
    if coalesce(jsonb_typeof(commits), 'null') <> 'null' then
        perform errtrack_private.check_commits(commits);
        if not only_refs or not exists (
            select from errtrack_private.release_commits c
            where c.project_id = project and c.release = wanted
              and (c.message <> '' or c.author_name <> '' or c.author_email <> '' or c.committed_at is not null))
        then
            perform errtrack_private.set_commits(project, wanted, commits);
        end if;
    end if;
    return made;
end
$$;
comment on function errtrack_private.tell_release(bigint, text, jsonb) is
    'Makes a release known to a project, or adds to what is known of it. True: it is new.';

create or replace function errtrack_private.checked_version(version text) returns text
language plpgsql immutable
as $$
begin
    if coalesce(version, '') !~ '^[^\n\r\t/\\]{1,250}$' or version in ('.', '..', 'latest') or btrim(version) <> version then
        perform errtrack_private.refuse(400, 'version must have 1 to 250 characters, none of them a slash, backslash or line break, and no blank at its ends');
    end if;
    return version;
end
$$;
comment on function errtrack_private.checked_version(text) is 'A version that a release may have.';

create or replace function errtrack_private.sentry_release_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    reachable constant bigint[] := errtrack_private.release_projects(token_hash, request, 'project:releases');
    body constant jsonb := errtrack_private.body_object(request);
    version constant text := errtrack_private.checked_version(errtrack_private.member_text(body, 'version', 250));
    named_projects jsonb := body -> 'projects';
    projects bigint[] := reachable;
    project bigint;
    made boolean := false;
begin
    if errtrack_private.path_text(request, 'project') is null then
        if coalesce(jsonb_typeof(named_projects), 'null') not in ('null', 'array') then
            perform errtrack_private.refuse(400, 'projects must be a list');
        elsif named_projects is null or named_projects in ('null', '[]') then
            -- Of a release that is known its projects are meant.
            projects := array(
                select r.project_id
                from errtrack_private.releases r
                where r.project_id = any (reachable) and r.release = version
                order by 1);
            if cardinality(projects) = 0 then
                perform errtrack_private.refuse(400, 'projects is missing');
            end if;
            named_projects := to_jsonb(projects);
        end if;
        projects := array(
            select p.id
            from errtrack_private.projects p
            where p.id = any (reachable)
              and (named_projects ? p.slug or named_projects @> to_jsonb(p.id) or named_projects ? p.id::text)
            order by p.id);
        if exists (
            select
            from jsonb_array_elements(named_projects) as named
            where not exists (
                select from errtrack_private.projects p
                where p.id = any (projects) and (named #>> '{}' = p.slug or named #>> '{}' = p.id::text)))
        then
            perform errtrack_private.refuse(400, 'projects names one that is not there');
        end if;
    end if;
    foreach project in array projects loop
        made := errtrack_private.tell_release(project, version, body) or made;
    end loop;
    perform errtrack_private.resolve_by_commits(projects, version, errtrack_private.name_of_token(token_hash));
    perform errtrack_private.write_audit(token_hash, projects[1], 'release.create', jsonb_build_object('version', version));
    return errtrack_private.ok(
        errtrack_private.show_release(version, projects)::text, case when made then 201 else 208 end);
end
$$;
comment on function errtrack_private.sentry_release_create(bytea, jsonb) is
    'Tells of a release, with its commits, or archives or restores one. 208 when it was known.';

create or replace function errtrack_private.known_in(wanted text, projects bigint[]) returns bigint[]
language plpgsql stable
as $$
declare
    known constant bigint[] := array(
        select r.project_id
        from errtrack_private.releases r
        where r.project_id = any (projects) and r.release = wanted
        order by 1);
begin
    if cardinality(known) = 0 then
        perform errtrack_private.refuse(404);
    end if;
    return known;
end
$$;
comment on function errtrack_private.known_in(text, bigint[]) is 'Those of the projects that have the release; one must.';

create or replace function errtrack_private.sentry_release_update(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    version constant text := errtrack_private.path_text(request, 'version');
    projects constant bigint[] := errtrack_private.known_in(
        version, errtrack_private.release_projects(token_hash, request, 'project:releases'));
    project bigint;
begin
    foreach project in array projects loop
        perform errtrack_private.tell_release(project, version, errtrack_private.body_object(request));
    end loop;
    perform errtrack_private.resolve_by_commits(projects, version, errtrack_private.name_of_token(token_hash));
    return errtrack_private.ok(errtrack_private.show_release(version, projects)::text);
end
$$;
comment on function errtrack_private.sentry_release_update(bytea, jsonb) is
    'Adds to what is known of a release: when it was released, its commits, whether it is archived.';

create or replace function errtrack_private.sentry_release_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    version constant text := errtrack_private.path_text(request, 'version');
    projects constant bigint[] := errtrack_private.known_in(
        version, errtrack_private.release_projects(token_hash, request, 'project:releases'));
begin
    if exists (
        select from errtrack_private.origins o
        where o.project_id = any (projects) and o.first_release = version)
    then
        perform errtrack_private.refuse(400, 'issues name this release, so it cannot be deleted');
    end if;
    delete from errtrack_private.releases r where r.project_id = any (projects) and r.release = version;
    perform errtrack_private.write_audit(token_hash, projects[1], 'release.delete', jsonb_build_object('version', version));
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.sentry_release_delete(bytea, jsonb) is 'Deletes a release that no issue began with.';

create or replace function errtrack_private.sentry_commits(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    version constant text := errtrack_private.path_text(request, 'version');
    projects constant bigint[] := errtrack_private.known_in(
        version, errtrack_private.release_projects(
            token_hash, request, errtrack_private.scope_to_read(token_hash, 'project:read')));
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', c.id, 'message', c.message, 'dateCreated', errtrack_private.rfc3339(c.committed_at),
            'author', jsonb_build_object('name', c.author_name, 'email', c.author_email),
            'repository', jsonb_build_object('name', c.repository)) order by c.position), '[]')::text
        from errtrack_private.commits_of(version, projects) c));
end
$$;
comment on function errtrack_private.sentry_commits(bytea, jsonb) is 'The commits of a release.';

create or replace function errtrack_private.sentry_previous_release(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    version constant text := errtrack_private.path_text(request, 'version');
    projects constant bigint[] := errtrack_private.known_in(
        version, errtrack_private.release_projects(
            token_hash, request, errtrack_private.scope_to_read(token_hash, 'project:read')));
begin
    return errtrack_private.ok(coalesce((
        select errtrack_private.show_release(r.release, projects)::text
        from errtrack_private.releases r
        where r.project_id = any (projects)
          and r.release <> version
          and r.first_received_at <= (
              select s.first_received_at from errtrack_private.releases s
              where s.project_id = r.project_id and s.release = version)
          and exists (
              select from errtrack_private.release_commits c
              where c.project_id = r.project_id and c.release = r.release)
        order by r.first_received_at desc, r.id desc
        limit 1), '{}'));
end
$$;
comment on function errtrack_private.sentry_previous_release(bytea, jsonb) is
    'The release before one whose commits are known: sentry-cli adds those since.';

-- ---- deploys -------------------------------------------------------------------

create or replace function errtrack_private.show_deploy(d errtrack_private.deploys) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'id', d.id::text, 'environment', d.environment, 'name', d.name, 'url', nullif(d.url, ''),
            'dateStarted', errtrack_private.rfc3339(d.started_at),
            'dateFinished', errtrack_private.rfc3339(d.finished_at)));
end
$$;
comment on function errtrack_private.show_deploy(errtrack_private.deploys) is 'A deploy as Sentry shows it.';

create or replace function errtrack_private.sentry_deploys(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    version constant text := errtrack_private.path_text(request, 'version');
    projects constant bigint[] := errtrack_private.known_in(
        version, errtrack_private.release_projects(
            token_hash, request, errtrack_private.scope_to_read(token_hash, 'project:read')));
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(errtrack_private.show_deploy(d) order by d.finished_at desc, d.id desc), '[]')::text
        from (
            select (last.d).*
            from (
                -- One deploy has a row in each project that had the release then.
                select distinct on (e.finished_at, e.environment) e as d
                from errtrack_private.deploys e
                where e.project_id = any (projects) and e.release = version
                order by e.finished_at desc, e.environment, e.project_id, e.id desc) last
            order by (last.d).finished_at desc, (last.d).id desc
            limit 100) d));
end
$$;
comment on function errtrack_private.sentry_deploys(bytea, jsonb) is 'The last hundred deploys of a release.';

create or replace function errtrack_private.sentry_deploy_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    version constant text := errtrack_private.path_text(request, 'version');
    projects constant bigint[] := errtrack_private.known_in(
        version, errtrack_private.release_projects(token_hash, request, 'project:releases'));
    body constant jsonb := errtrack_private.body_object(request);
    environment constant text := btrim(coalesce(errtrack_private.member_text(body, 'environment', 64), ''));
    made errtrack_private.deploys;
    project bigint;
begin
    if environment = '' then
        perform errtrack_private.refuse(400, 'environment is missing');
    end if;
    foreach project in array projects loop
        if (select count(*) from errtrack_private.deploys d
            where d.project_id = project and d.release = version) >= 1000 then
            perform errtrack_private.refuse(409, 'a release has at most 1000 deploys');
        end if;
        insert into errtrack_private.deploys (project_id, release, environment, name, url, started_at, finished_at)
        values (project, version, environment, coalesce(errtrack_private.member_text(body, 'name', 64), ''),
                coalesce(errtrack_private.member_text(body, 'url', 1000), ''),
                errtrack_private.member_moment(body, 'dateStarted'),
                coalesce(errtrack_private.member_moment(body, 'dateFinished'), now()))
        returning * into made;
    end loop;
    return errtrack_private.ok(errtrack_private.show_deploy(made)::text, 201);
end
$$;
comment on function errtrack_private.sentry_deploy_create(bytea, jsonb) is
    'Tells that a release was deployed, in all projects that have it.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'commits_of(text, bigint[])', 'show_release(text, bigint[])', 'release_projects(bytea, jsonb, text)',
        'scope_to_read(bytea, text)', 'require_release(text, bigint[])',
        'member_moment(jsonb, text)', 'check_commits(jsonb)', 'set_commits(bigint, text, jsonb)', 'tell_release(bigint, text, jsonb)',
        'checked_version(text)', 'known_in(text, bigint[])', 'show_deploy(errtrack_private.deploys)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'releases', 'release_get', 'release_create', 'release_update', 'release_delete', 'commits',
        'previous_release', 'deploys', 'deploy_create']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
