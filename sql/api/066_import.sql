-- "errtrack import": what a file of "errtrack export" holds into an empty project. The rows
-- lie in temporary tables of the session first (067_import_lines.sql); nothing is seen of them
-- before all of them are known to be whole. Then ids are reserved, partitions made, and in one
-- transaction the rows entered.

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
    if coalesce(jsonb_typeof(head -> 'columns') <> 'object' or jsonb_typeof(head -> 'counts') <> 'object', true)
        or exists (select from jsonb_each(head -> 'columns') as f (kind, fields) where jsonb_typeof(f.fields) <> 'array')
        or exists (select from jsonb_each_text(head -> 'counts') as c (kind, lines) where c.lines !~ '^(0|[1-9][0-9]{0,14})$')
    then
        raise exception 'line 1: header: it does not tell the columns and counts of what follows: nothing is imported, export the project anew'
            using errcode = 'data_exception';
    end if;
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
        return next;
    end loop;
    -- The others when their first line comes: most files have few kinds.
    perform errtrack_private.make_import_table(w.kind)
    from unnest(array['projects', 'client_keys', 'issues', 'origins', 'occurrences']) as w (kind);
    -- Each chunk is here for a moment: compressing it is not worth the time.
    create temporary table import_lines (line bigint not null, row json not null);
    alter table import_lines alter column row set storage external;
end
$$;
comment on function errtrack_private.begin_import(text, bigint, jsonb) is
    'Makes tables import_KIND for the rows of the kinds that every file has, and import_lines for lines as they arrive; tells of which kinds that the head of a file names how many there are to be.';

create or replace function errtrack_private.make_import_table(wanted_kind text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    made constant text := format('pg_temp.%I', 'import_' || wanted_kind);
    c record;
    statement text;
begin
    execute format(
        'create temporary table %I (line bigint not null, like errtrack_private.%I including defaults including identity'
        ' including constraints including indexes including storage including compression)', 'import_' || wanted_kind, wanted_kind);
    for statement in
        select format('drop index %s', i.indexrelid::regclass)
        from pg_index as i
        where i.indrelid = made::regclass and not i.indisunique
    loop
        execute statement;
    end loop;
    -- What is not brought along cannot be missing.
    for statement in
        select case when a.atttypid = 'bigint'::regtype then format('alter table %s alter column %I set default 1', made, a.attname)
                    else format('alter table %s alter column %I drop not null', made, a.attname) end
        from pg_attribute as a
        where a.attrelid = made::regclass
          and a.attnum > 0 and a.attnotnull and not a.atthasdef and a.attidentity = '' and a.attname <> 'line'
          and a.attname not in (select t.name from errtrack_private.transfer_columns(wanted_kind) as t)
    loop
        execute statement;
    end loop;
    for c in select t.field from errtrack_private.transfer_columns(wanted_kind) as t where t.how = 'user' loop
        execute format('alter table %s add column %I text', made, c.field);
    end loop;
end
$$;
comment on function errtrack_private.make_import_table(text) is
    'Makes the temporary table for rows of a kind: like its table, with the constraints that a row alone can break, and ids and people as the file has them.';

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
begin
    create temporary table import_ids (old bigint primary key, new bigint);
    insert into import_ids (old)
    select i.id from import_issues as i
    union
    select o.id from import_origins as o;
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
end
$$;
comment on function errtrack_private.reserve_import() is
    'Finds for each issue of an import the id that it gets here, its own where that is free. What is left of it when the import ends early is a gap in the ids.';

create or replace function errtrack_private.make_import_partitions(out made text[], out in_the_way text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    turn constant bigint := hashtextextended('errtrack.partitions', 0);
    today constant date := (now() at time zone 'UTC')::date;
    days constant date[] := array(
        select distinct (o.received_at at time zone 'UTC')::date + near.by
        from import_occurrences as o
        cross join (values (-1), (0), (1)) as near (by));
begin
    perform pg_advisory_xact_lock(turn);
    -- Those around today are made for everybody, whoever comes first.
    made := array(
        select format('%s_%s', p.name, to_char(d.day, 'YYYYMMDD'))
        from errtrack_private.partitioned_tables() as p
        cross join unnest(days) as d (day)
        where d.day not between today - 8 and today + 14
          and to_regclass(format('errtrack_private.%I', format('%s_%s', p.name, to_char(d.day, 'YYYYMMDD')))) is null);
    perform errtrack_private.make_partitions_of(days);
exception
when check_violation then
    raise exception 'rows lie in default partitions, where they have found no partition of their day: call errtrack_private.settle_default_rows() first'
        using errcode = 'object_not_in_prerequisite_state';
when lock_not_available or deadlock_detected then
    made := null;
    -- A partition is attached under a lock on the default one, which whoever reads the table
    -- has too. Who waited behind this got it only now.
    select string_agg(distinct format('%s: wait until that ends, or end it with select pg_terminate_backend(%s)',
                                      errtrack_private.session_words(l.pid), l.pid), '; ')
    into in_the_way
    from pg_locks as l
    join pg_stat_activity as a on a.pid = l.pid
    where l.granted and l.pid <> pg_backend_pid()
      and l.database = (select d.oid from pg_database as d where d.datname = current_database())
      and coalesce(a.xact_start, '-infinity') <= clock_timestamp() - current_setting('lock_timeout')::interval
      and (l.locktype = 'advisory' and l.objsubid = 1
               and (l.classid::bigint << 32 | l.objid::bigint) = turn
           or l.relation in (
               select to_regclass(format('errtrack_private.%I', p.name || '_default')) from errtrack_private.partitioned_tables() as p)
           or l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock') and l.relation in (
               select to_regclass(format('errtrack_private.%I', p.name)) from errtrack_private.partitioned_tables() as p));
    in_the_way := coalesce(in_the_way, 'a session that has ended since');
end
$$;
comment on function errtrack_private.make_import_partitions() is
    'Makes the partitions of the days of an import. made: those that nobody would have made but for it. in_the_way: who has held the locks for two seconds, in words for people; then nothing is made: call it again. In a transaction of its own, as attaching a partition locks others out.';

create or replace function errtrack_private.drop_import_partitions(made text[])
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
-- Who reads or files meanwhile waits behind this for so long at most.
set lock_timeout = '1s'
as $$
declare
    parent text;
    child text;
    filled boolean;
begin
    -- No import that counts on them is under way, nor does one begin.
    perform pg_advisory_xact_lock(hashtextextended('errtrack.import', 0));
    -- All at once, so that nobody waits behind one for another.
    for parent in select p.name from errtrack_private.partitioned_tables() as p loop
        execute format('lock table only errtrack_private.%I in access exclusive mode', parent);
    end loop;
    for child in select p.name from errtrack_private.partitions_before('infinity') as p where p.name = any (made) loop
        execute format('select exists (select from errtrack_private.%I)', child) into filled;
        if not filled then
            execute format('drop table errtrack_private.%I', child);
        end if;
    end loop;
    return true;
exception when lock_not_available or deadlock_detected then
    return false;
end
$$;
comment on function errtrack_private.drop_import_partitions(text[]) is
    'Drops what make_import_partitions() made for an import that failed, where no row has come to lie in it. False: they are in use, and none is dropped.';

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
        select r.id, r.public_key, r.label, r.active, r.created_at
        from import_client_keys as r
        order by r.line
    loop
        if exists (select from errtrack_private.client_keys as c where c.public_key = k.public_key) then
            made := errtrack_private.add_client_key(project, null, k.label);
            others := others + 1;
        else
            made := errtrack_private.add_client_key(project, k.public_key, k.label);
        end if;
        update errtrack_private.client_keys as c
        set active = k.active, created_at = k.created_at
        where c.id = made;
        insert into import_key_ids (old, new) values (k.id, made);
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
                   '(select u.id from errtrack_private.users as u where lower(u.email) = lower(r.%I))', c.field)
               when 'details' then format('errtrack_private.imported_details(r.%I)', c.name)
               else format('r.%I', c.name)
           end, ', ')
    into targets, sources
    from errtrack_private.transfer_columns(wanted_kind) as c
    where fields ? c.field;
    if wanted_kind = 'projects' then
        execute format(
            'update errtrack_private.projects as p set (%s) = row(%s) from import_projects as r where p.id = $1',
            targets, sources)
        using project;
        return;
    end if;
    -- Settings of an empty project.
    execute format('delete from errtrack_private.%I where project_id = $1', wanted_kind) using project;
    if to_regclass(format('pg_temp.%I', 'import_' || wanted_kind)) is null then
        return;
    end if;
    execute format(
        'insert into errtrack_private.%1$I (project_id, %2$s) select $1, %3$s from %4$I as r order by r.line',
        wanted_kind, targets, sources, 'import_' || wanted_kind)
    using project;
    if wanted_kind = 'occurrences' then
        -- As claim_event_ids() does.
        insert into errtrack_private.event_ids as i (project_id, event_id, day, received_at)
        select import_rows.project, e.event_id, g.day, e.received_at
        from (
            select o.event_id, o.received_at, date_trunc('day', o.received_at, 'UTC') as day
            from import_occurrences as o) as e
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
    perform errtrack_private.note_change(session_user, project, 'project.import', jsonb_build_object(
        'from', left(concat(head ->> 'organization', '/', head ->> 'project'), 200),
        'exported_at', left(head ->> 'exported_at', 200),
        'issues', end_import.issues,
        'events', end_import.events));
end
$$;
comment on function errtrack_private.end_import(bigint, jsonb) is
    'Notes who imported a project, and from where, and tells how much it is.';

revoke execute on function
    errtrack_private.import_target(text, bigint),
    errtrack_private.begin_import(text, bigint, jsonb),
    errtrack_private.make_import_table(text),
    errtrack_private.import_is_whole(text[]),
    errtrack_private.reserve_import(),
    errtrack_private.make_import_partitions(),
    errtrack_private.drop_import_partitions(text[]),
    errtrack_private.imported_details(jsonb),
    errtrack_private.import_project(text, bigint),
    errtrack_private.import_keys(bigint),
    errtrack_private.import_rows(text, bigint, jsonb),
    errtrack_private.end_import(bigint, jsonb)
from public;
