-- "errtrack import": what a file of "errtrack export" holds into an empty project. The lines
-- lie in temporary tables of the session first; nothing is seen of them before all of them
-- are known to be whole. Then ids are reserved, partitions made, and in one transaction the
-- rows entered.

create or replace function errtrack_private.import_target(reference text, wanted_id bigint)
returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    owner bigint;
    wanted_slug constant text := substr(reference, strpos(reference, '/') + 1);
    found_id bigint;
    other text;
    filled boolean;
begin
    if strpos(reference, '/') = 0 then
        raise exception 'write organization/project, "%" is not', reference using errcode = 'invalid_parameter_value';
    end if;
    owner := errtrack_private.find_organization(split_part(reference, '/', 1));
    perform errtrack_private.check_words(wanted_slug, null);
    select p.id into found_id from errtrack_private.projects as p where p.organization_id = owner and p.slug = wanted_slug;
    if found_id is null then
        if exists (select from errtrack_private.projects as p where p.id = wanted_id) then
            raise exception 'id % is taken by another project', wanted_id using errcode = 'unique_violation';
        end if;
        return null;
    end if;
    if found_id <> wanted_id then
        raise exception 'project % has the id %: leave out --id', reference, found_id using errcode = 'unique_violation';
    end if;
    -- All that is no setting.
    for other in
        select k.kind
        from errtrack_private.transfer_kinds() as k
        where k.place >= (select r.place from errtrack_private.transfer_kinds() as r where r.kind = 'releases')
    loop
        execute format('select exists (select from errtrack_private.%I where project_id = $1)', other)
        into filled
        using found_id;
        if filled then
            raise exception 'project % is not empty, it has %: import into a new one', reference, other
                using errcode = 'object_not_in_prerequisite_state';
        end if;
    end loop;
    return found_id;
end
$$;
comment on function errtrack_private.import_target(text, bigint) is
    'The id of the empty project to import into; null: there is none yet. Raises where nothing can be imported.';

create or replace function errtrack_private.begin_import(reference text, wanted_id bigint, head jsonb)
returns table (kind text, expected bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    unknown text;
begin
    perform errtrack_private.import_target(reference, wanted_id);
    select string_agg(f.kind || coalesce('.' || c.field, ''), ', ')
    into unknown
    from jsonb_each(head -> 'columns') as f (kind, fields)
    left join errtrack_private.transfer_kinds() as k on k.kind = f.kind
    left join lateral (
        select w.field
        from jsonb_array_elements_text(f.fields) as w (field)
        where k.kind is not null
          and not exists (select from errtrack_private.transfer_columns(k.kind) as t where t.field = w.field)) as c on true
    where k.kind is null or c.field is not null;
    if unknown is not null then
        raise exception 'the file has what this release does not know (%): it was made with migration %, here is %: upgrade this instance first',
            unknown, head ->> 'migration', (select s.version from errtrack_private.schema_state() as s)
            using errcode = 'feature_not_supported';
    end if;
    for begin_import.kind, begin_import.expected in
        select k.kind, coalesce((head -> 'counts' ->> k.kind)::bigint, 0)
        from errtrack_private.transfer_kinds() as k
        where head -> 'columns' ? k.kind
        order by k.place
    loop
        execute format('create temporary table %I (line bigint not null, row json not null)', 'import_' || begin_import.kind);
        return next;
    end loop;
end
$$;
comment on function errtrack_private.begin_import(text, bigint, jsonb) is
    'Makes a temporary table import_KIND for the lines of each kind that the head of a file names, and tells how many there are to be.';

create or replace function errtrack_private.import_is_whole(kinds text[])
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted text;
begin
    foreach wanted in array array['projects', 'client_keys', 'issues', 'origins', 'occurrences'] loop
        if wanted <> all (kinds) then
            raise exception 'the file has no %', wanted using errcode = 'data_exception';
        end if;
    end loop;
    if (select count(*) from import_projects) <> 1 then
        raise exception 'the file is not of one project' using errcode = 'data_exception';
    end if;
end
$$;
comment on function errtrack_private.import_is_whole(text[]) is 'Raises when the lines of an import cannot be a project.';

create or replace function errtrack_private.reserve_import() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    given bigint;
    highest bigint;
    strange text;
begin
    -- Days get partitions that all projects share, so none may be made that no event can
    -- have: events are kept for ten years at most, and an edge's clock is ahead by little.
    select l.row ->> 'received_at' into strange
    from import_occurrences as l
    where coalesce((l.row ->> 'received_at')::timestamptz not between now() - interval '3660 days' and now() + interval '1 day', true)
    limit 1;
    if found then
        raise exception 'the file has an event that was received at "%", which cannot be: nothing is imported', strange
            using errcode = 'data_exception';
    end if;
    create temporary table import_ids (old bigint primary key, new bigint);
    insert into import_ids (old)
    select (l.row ->> 'id')::bigint from import_issues as l
    union
    select (l.row ->> 'id')::bigint from import_origins as l;
    if exists (select from import_ids where old not between 1 and 9007199254740991) then
        raise exception 'the file has issues whose ids are none' using errcode = 'data_exception';
    end if;
    -- Nobody takes an id until this is committed: sessions hold blocks of ids that no row
    -- has yet, so only what was never given out is free. That an id is kept is for links
    -- that people have; what is far beyond would use up the sequence.
    alter sequence errtrack_private.issue_ids cache 32;
    select s.last_value - case when s.is_called then 0 else 1 end into given from errtrack_private.issue_ids as s;
    update import_ids as i
    set new = i.old
    where i.old > given and i.old < given + 1000000000
      and not exists (select from errtrack_private.origins as o where o.id = i.old);
    select max(i.new) into highest from import_ids as i;
    if highest is not null then
        perform setval('errtrack_private.issue_ids', highest);
    end if;
    update import_ids as i
    set new = numbered.new
    from (
        select missing.old, nextval('errtrack_private.issue_ids') as new
        from (select old from import_ids where new is null order by old) as missing) as numbered
    where i.old = numbered.old;

    -- In a transaction of their own, as attaching one locks others out.
    perform errtrack_private.make_partitions_of(array(
        select distinct ((l.row ->> 'received_at')::timestamptz at time zone 'UTC')::date + near.by
        from import_occurrences as l
        cross join (values (-1), (0), (1)) as near (by)));
end
$$;
comment on function errtrack_private.reserve_import() is
    'Finds for each issue of an import the id that it gets here, its own where that is free; and makes the partitions of its days. What is left of it when the import ends early is a gap in the ids.';

create or replace function errtrack_private.imported_details(details jsonb)
returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select coalesce(jsonb_object_agg(d.key, case
            when d.key in ('issue', 'into', 'from') and jsonb_typeof(d.value) = 'number'
                then coalesce((select to_jsonb(i.new) from import_ids as i where to_jsonb(i.old) = d.value), d.value)
            when d.key = 'issues' and jsonb_typeof(d.value) = 'array'
                then (select coalesce(jsonb_agg(coalesce(to_jsonb(i.new), e.value) order by e.place), '[]')
                      from jsonb_array_elements(d.value) with ordinality as e (value, place)
                      left join import_ids as i on to_jsonb(i.old) = e.value)
            else d.value
        end), '{}')
        from jsonb_each(details) as d (key, value));
end
$$;
comment on function errtrack_private.imported_details(jsonb) is
    'What the history of an issue says of other issues, with the ids that these have here.';

create or replace function errtrack_private.import_project(reference text, wanted_id bigint)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    made bigint := errtrack_private.import_target(reference, wanted_id);
begin
    if made is not null then
        -- Nothing may come between the look and the first row.
        perform errtrack_private.lock_projects(array[made]);
        return errtrack_private.import_target(reference, made);
    end if;
    made := errtrack_private.create_project(
        wanted_id, split_part(reference, '/', 1), substr(reference, strpos(reference, '/') + 1), null, null);
    -- It has those of the file.
    delete from errtrack_private.client_keys as k where k.project_id = made;
    return made;
end
$$;
comment on function errtrack_private.import_project(text, bigint) is
    'The project to import into, made if there is none: its id.';

create or replace function errtrack_private.import_keys(project bigint)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    k record;
    made bigint;
    others bigint := 0;
begin
    create temporary table import_key_ids (old bigint primary key, new bigint not null) on commit drop;
    for k in
        select l.row ->> 'id' as id, l.row ->> 'public_key' as public_key, l.row ->> 'label' as label,
               (l.row ->> 'active')::boolean as active, (l.row ->> 'created_at')::timestamptz as created_at
        from import_client_keys as l
        order by l.line
    loop
        if exists (select from errtrack_private.client_keys as c where c.public_key = k.public_key) then
            made := errtrack_private.create_client_key(project, null, k.label);
            others := others + 1;
        else
            made := errtrack_private.create_client_key(project, k.public_key, k.label);
        end if;
        update errtrack_private.client_keys as c
        set active = k.active, created_at = k.created_at
        where c.id = made;
        insert into import_key_ids (old, new) values (k.id::bigint, made);
    end loop;
    return others;
end
$$;
comment on function errtrack_private.import_keys(bigint) is
    'Enters the client keys of an import, new ones for those that another project has: returns how many these are.';

create or replace function errtrack_private.import_rows(wanted_kind text, project bigint, fields jsonb)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    targets text;
    sources text;
begin
    select string_agg(format('%I', c.name), ', '),
           string_agg(case c.how
               when 'issue' then format('(select i.new from import_ids as i where i.old = r.%I)', c.name)
               when 'key' then format('(select k.new from import_key_ids as k where k.old = r.%I)', c.name)
               when 'user' then format(
                   '(select u.id from errtrack_private.users as u where lower(u.email) = lower(l.row ->> %L))', c.field)
               when 'details' then format('errtrack_private.imported_details(r.%I)', c.name)
               else format('r.%I', c.name)
           end, ', ')
    into targets, sources
    from errtrack_private.transfer_columns(wanted_kind) as c
    where fields ? c.field;
    if wanted_kind = 'projects' then
        execute format(
            'update errtrack_private.projects as p set (%s) = row(%s) from import_projects as l'
            ' cross join lateral json_populate_record(null::errtrack_private.projects, l.row) as r where p.id = $1',
            targets, sources)
        using project;
        return;
    end if;
    -- Settings of an empty project.
    execute format('delete from errtrack_private.%I where project_id = $1', wanted_kind) using project;
    execute format(
        'insert into errtrack_private.%1$I (project_id, %2$s) select $1, %3$s from %4$I as l'
        ' cross join lateral json_populate_record(null::errtrack_private.%1$I, l.row) as r order by l.line',
        wanted_kind, targets, sources, 'import_' || wanted_kind)
    using project;
    if wanted_kind = 'occurrences' then
        -- As claim_event_ids() does.
        insert into errtrack_private.event_ids as i (project_id, event_id, day, received_at)
        select import_rows.project, e.event_id, g.day, e.received_at
        from (
            select (l.row ->> 'event_id')::uuid as event_id, (l.row ->> 'received_at')::timestamptz as received_at,
                   date_trunc('day', (l.row ->> 'received_at')::timestamptz, 'UTC') as day
            from import_occurrences as l) as e
        cross join lateral (
            select e.day
            union all
            select e.day - interval '1 day' where e.received_at < e.day + interval '1 hour'
            union all
            select e.day + interval '1 day' where e.received_at >= e.day + interval '23 hours') as g (day)
        on conflict do nothing;
    end if;
end
$$;
comment on function errtrack_private.import_rows(text, bigint, jsonb) is
    'Enters the rows of a kind that lie in its temporary table. fields: the columns that the file has; others get what they get by themselves.';

create or replace function errtrack_private.end_import(project bigint, head jsonb, out issues bigint, out events bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Those that are shown: rows of merged ones are there too.
    select count(distinct o.issue_id) into issues from errtrack_private.origins as o where o.project_id = end_import.project;
    events := head -> 'counts' -> 'occurrences';
    insert into errtrack_private.audit (who, organization_id, project_id, action, details)
    select session_user, p.organization_id, p.id, 'project.import', jsonb_build_object(
        'from', concat(head ->> 'organization', '/', head ->> 'project'),
        'exported_at', head -> 'exported_at',
        'issues', end_import.issues,
        'events', end_import.events)
    from errtrack_private.projects as p
    where p.id = end_import.project;
end
$$;
comment on function errtrack_private.end_import(bigint, jsonb) is
    'Notes who imported a project, and from where, and tells how much it is.';

revoke execute on function
    errtrack_private.import_target(text, bigint),
    errtrack_private.begin_import(text, bigint, jsonb),
    errtrack_private.import_is_whole(text[]),
    errtrack_private.reserve_import(),
    errtrack_private.imported_details(jsonb),
    errtrack_private.import_project(text, bigint),
    errtrack_private.import_keys(bigint),
    errtrack_private.import_rows(text, bigint, jsonb),
    errtrack_private.end_import(bigint, jsonb)
from public;
