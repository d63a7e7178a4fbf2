-- What "errtrack export" writes of a project, and in which order "errtrack import" takes it:
-- rows of tables, as JSON with the names of their columns. Which columns there are the
-- catalogues say, so a new one is written and read without a word here.

create or replace function errtrack_private.transfer_kinds()
returns table (place integer, kind text, sorting text, since text, has_origin boolean)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    values
        (1, 'projects', 'id', null::text, false),
        (2, 'client_keys', 'id', null, false),
        (3, 'quotas', 'id', null, false),
        (4, 'edge_settings', 'project_id', null, false),
        (5, 'event_settings', 'project_id', null, false),
        (6, 'tracking_settings', 'project_id', null, false),
        (7, 'grouping_rules', 'kind, place', null, false),
        (8, 'limits', 'name', null, false),
        (9, 'trackers', 'provider', null, false),
        (10, 'releases', 'id', null, false),
        (11, 'release_commits', 'release, position', null, false),
        (12, 'deploys', 'id', null, false),
        (13, 'environments', 'environment', null, false),
        (14, 'item_names', 'kind, name', null, false),
        (15, 'tag_keys', 'key', null, false),
        (16, 'issues', 'id', null, false),
        (17, 'origins', 'id', null, false),
        (18, 'hashes', 'hash', null, false),
        (19, 'explanations', 'hash', null, false),
        (20, 'issue_texts', 'issue_id', null, false),
        (21, 'issue_history', 'id', null, false),
        (22, 'issue_comments', 'id', null, false),
        (23, 'issue_links', 'id', null, false),
        (24, 'origin_users', 'origin_id, user_hash', null, true),
        (25, 'counts_5m', 'origin_id, bucket', null, true),
        (26, 'counts_1h', 'origin_id, bucket', null, true),
        (27, 'tag_sets', 'origin_id, key', null, true),
        (28, 'tag_counts', 'origin_id, key, value', null, true),
        (29, 'tag_facts', 'origin_id, received_at', null, true),
        (30, 'occurrences', 'origin_id, received_at, event_id', 'received_at', true),
        (31, 'payloads', 'received_at, event_id', 'received_at', false),
        (32, 'feedback', 'received_at, kind, id', 'received_at', false),
        (33, 'transactions', 'hour, transaction, op', 'since', false),
        (34, 'sessions', 'sid', 'since', false),
        (35, 'session_counts', 'hour, release, environment', 'since', false),
        (36, 'session_users', 'day, release, environment, did', 'since', false),
        (37, 'monitors', 'slug, environment', 'since', false),
        (38, 'check_ins', 'slug, environment, id', 'received_at', false),
        (39, 'client_reports', 'hour, outcome, category, reason', 'since', false)
$$;
comment on function errtrack_private.transfer_kinds() is
    'The tables whose rows go with a project, those first that others refer to. since: the column by which rows that were deleted with the data of the project are told. has_origin: what belongs to no issue any more is left out.';

create or replace function errtrack_private.transfer_columns(wanted_kind text)
returns table (name text, field text, how text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Planned once for all tables.
    return query
    select c.name, c.name || case when c.how = 'user' then '_email' else '' end, c.how
    from (
        select a.attname::text as name,
               case
                   when a.attname in ('issue_id', 'origin_id') then 'issue'
                   when wanted_kind in ('issues', 'origins') and a.attname = 'id' then 'issue'
                   when a.attname in ('user_id', 'assigned_to') then 'user'
                   when wanted_kind = 'quotas' and a.attname = 'key_id' then 'key'
                   when wanted_kind = 'issue_history' and a.attname = 'details' then 'details'
                   else 'plain'
               end as how,
               a.attnum as place
        from pg_attribute a
        where a.attrelid = format('errtrack_private.%I', wanted_kind)::regclass
          and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
          and a.attname <> 'project_id'
          -- Ids by which nothing is referred to are given out anew.
          and (a.attidentity = '' or wanted_kind = 'client_keys')
          -- What the project is called there, and whether it is GitLab's, is not brought along.
          and not (wanted_kind = 'projects'
                   and a.attname in ('id', 'organization_id', 'slug', 'purge_before', 'gitlab'))) as c
    order by c.place;
end
$$;
comment on function errtrack_private.transfer_columns(text) is
    'The columns that are written of a table and their names in the file. how: issue, user and key are numbers of this instance, of which another has others; people go by their e-mail addresses.';

create or replace function errtrack_private.export_query(wanted_kind text, project bigint, payloads boolean)
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    k record;
    visible constant timestamptz := errtrack_private.visible_from(project);
    picked text;
begin
    select * into strict k from errtrack_private.transfer_kinds() as t where t.kind = wanted_kind;
    select string_agg(
        case
            when c.how = 'user' then format(
                '(select u.email from errtrack_private.users as u where u.id = t.%I) as %I', c.name, c.field)
            when not payloads and (wanted_kind, c.name) = ('occurrences', 'has_payload') then 'false as has_payload'
            when not payloads and (wanted_kind, c.name) = ('counts_1h', 'bodies') then '0 as bodies'
            when not payloads and wanted_kind = 'counts_1h' and c.name in ('surplus_at', 'surplus_event')
                then format('null as %I', c.name)
            else format('t.%I', c.name)
        end, ', ')
    into picked
    from errtrack_private.transfer_columns(wanted_kind) as c;
    return format(
        'select row_to_json(r) as line from (select %s from errtrack_private.%I as t'
        ' where t.%I = %s%s%s%s%s order by %s) as r',
        picked, wanted_kind,
        case when wanted_kind = 'projects' then 'id' else 'project_id' end, project,
        case when k.since is not null and visible > '-infinity' then format(' and t.%I >= %L', k.since, visible) else '' end,
        case when k.has_origin then
            ' and exists (select from errtrack_private.origins as o where o.project_id = t.project_id and o.id = t.origin_id)'
            else '' end,
        case when wanted_kind = 'payloads' then
            ' and exists (select from errtrack_private.occurrences as e'
            ' join errtrack_private.origins as o on o.project_id = e.project_id and o.id = e.origin_id'
            ' where e.project_id = t.project_id and e.received_at = t.received_at and e.event_id = t.event_id)'
            else '' end,
        case when wanted_kind = 'payloads' and not payloads then ' and false' else '' end,
        k.sorting);
end
$$;
comment on function errtrack_private.export_query(text, bigint, boolean) is
    'The query for the rows of a table that go with a project, as JSON each.';

create or replace function errtrack_private.export_head(reference text, payloads boolean, out project bigint, out head jsonb)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    k record;
    rows bigint;
    columns jsonb := '{}';
    counts jsonb := '{}';
    shown record;
begin
    project := errtrack_private.find_project(reference);
    select o.slug as organization, p.slug, p.purge_before
    into shown
    from errtrack_private.projects as p
    join errtrack_private.organizations as o on o.id = p.organization_id
    where p.id = project;
    if exists (select from errtrack_private.splits as s where s.project_id = project) then
        raise exception 'an issue of % is being split: try again when that is done', reference
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    if exists (
        select from errtrack_private.issues as i
        where i.project_id = project and i.last_received_at < shown.purge_before)
    then
        raise exception 'what was deleted of % is still being removed: try again when that is done', reference
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    for k in select t.kind from errtrack_private.transfer_kinds() as t order by t.place loop
        execute format('select count(*) from (%s) as counted', errtrack_private.export_query(k.kind, project, payloads))
        into rows;
        counts := counts || jsonb_build_object(k.kind, rows);
        columns := columns || jsonb_build_object(k.kind, array(
            select c.field from errtrack_private.transfer_columns(k.kind) as c));
    end loop;
    head := jsonb_build_object(
        'format', 1,
        'migration', (select s.version from errtrack_private.schema_state() as s),
        'exported_at', now(),
        'organization', shown.organization,
        'project', shown.slug,
        'id', project,
        'payloads', payloads,
        'columns', columns,
        'counts', counts);
end
$$;
comment on function errtrack_private.export_head(text, boolean) is
    'What the first line of a file says: what is in it, and how many rows of each table.';

revoke execute on function
    errtrack_private.transfer_kinds(),
    errtrack_private.transfer_columns(text),
    errtrack_private.export_query(text, bigint, boolean),
    errtrack_private.export_head(text, boolean)
from public;
