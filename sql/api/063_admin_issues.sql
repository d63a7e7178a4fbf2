-- What administrators see of issues and do to them from a shell, and the limits of
-- projects. The rules of the files before hold here as well: the caller's own
-- rights, and every refusal in words that the command shows as they are.

create or replace function errtrack_private.issue_meant(project bigint, reference text) returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    meant constant bigint := errtrack_private.issue_id_named(issue_meant.reference);
    slug constant text := (select p.slug from errtrack_private.projects as p where p.id = issue_meant.project);
begin
    if coalesce(meant, 0) = 0 then
        raise exception '% is neither the number of an issue nor a short id like %', issue_meant.reference,
            errtrack_private.short_id(slug, 42) using errcode = 'invalid_parameter_value';
    elsif issue_meant.reference !~ '^[0-9]+$' and errtrack_private.short_id(slug, meant) <> upper(issue_meant.reference) then
        raise exception '% is no issue of project %, whose short ids are like %', issue_meant.reference, slug,
            errtrack_private.short_id(slug, 42) using errcode = 'no_data_found';
    elsif not exists (
        select from errtrack_private.issues as i
        where i.project_id = issue_meant.project and i.id = meant)
    then
        raise exception 'there is no issue %', issue_meant.reference using errcode = 'no_data_found';
    end if;
    return meant;
end
$$;
comment on function errtrack_private.issue_meant(bigint, text) is
    'The id of the issue of a project that is named by its number or short id. Raises when there is none.';

create or replace function errtrack_private.issue_list(project bigint, status text, most bigint)
returns table (
    id bigint,
    status text,
    events bigint,
    users bigint,
    first_seen timestamptz,
    last_seen timestamptz,
    title text
)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select i.id, i.status, i.event_count, i.user_count,
           date_trunc('second', i.first_seen), date_trunc('second', i.last_seen), i.title
    from errtrack_private.issues as i
    where i.project_id = issue_list.project
      and (issue_list.status is null or i.status = issue_list.status)
      and i.last_received_at >= errtrack_private.visible_from(issue_list.project)
      and exists (
          select
          from errtrack_private.origins as o
          where o.project_id = i.project_id and o.issue_id = i.id)
    order by i.last_seen desc, i.id desc
    limit issue_list.most
$$;
comment on function errtrack_private.issue_list(bigint, text, bigint) is
    'So many issues of a project, of any or of one status, those that were seen last first. Merged ones are not among them.';

create or replace function errtrack_private.issue_record(project bigint, issue bigint)
returns table (
    id bigint,
    status text,
    since timestamptz,
    by text,
    resolved_in text,
    ignored_until timestamptz,
    ignored_until_events bigint,
    ignored_until_users bigint,
    title text,
    culprit text,
    level text,
    events bigint,
    users bigint,
    first_seen timestamptz,
    last_seen timestamptz,
    first_release text,
    last_release text,
    merged_into bigint,
    hashes bigint
)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    return query
        select i.id, i.status, date_trunc('second', i.status_at), i.status_by, i.resolved_in,
               date_trunc('second', i.ignored_until), i.ignored_until_events, i.ignored_until_users,
               i.title, i.culprit, i.level, i.event_count, i.user_count,
               date_trunc('second', i.first_seen), date_trunc('second', i.last_seen),
               i.first_release, i.last_release,
               (select nullif(o.issue_id, i.id)
                from errtrack_private.origins as o
                where o.project_id = i.project_id and o.id = i.id),
               (select count(*)
                from errtrack_private.origins as o
                join errtrack_private.hashes as h on h.project_id = o.project_id and h.origin_id = o.id
                where o.project_id = i.project_id and o.issue_id = i.id)
        from errtrack_private.issues as i
        where i.project_id = issue_record.project
          and i.id = issue_record.issue
          and i.last_received_at >= errtrack_private.visible_from(issue_record.project);
    if not found then
        raise exception 'there is no issue %', issue_record.issue using errcode = 'no_data_found';
    end if;
end
$$;
comment on function errtrack_private.issue_record(bigint, bigint) is
    'One issue, also one that is merged into another. Raises when there is none.';

create or replace function errtrack_private.change_issue(
    project bigint,
    issue bigint,
    new_status text,
    who text,
    in_release text default null,
    next_release boolean default false,
    until timestamptz default null,
    more_events bigint default null,
    more_users bigint default null
)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    perform errtrack_private.must_show_issue(change_issue.project, change_issue.issue);
    perform errtrack_private.set_issue_status(
        change_issue.project, change_issue.issue, change_issue.new_status,
        coalesce(change_issue.who, session_user), change_issue.in_release, change_issue.next_release,
        change_issue.until, change_issue.more_events, change_issue.more_users);
end
$$;
comment on function errtrack_private.change_issue(bigint, bigint, text, text, text, boolean, timestamptz, bigint, bigint) is
    'set_issue_status() for an issue that can be seen. Without a name it was the login.';

create or replace function errtrack_private.release_was_named(project bigint, issue bigint, release text)
returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
    select exists (
            select
            from errtrack_private.releases as r
            where r.project_id = release_was_named.project and r.release = release_was_named.release)
        or exists (
            select
            from errtrack_private.issues as i
            where i.project_id = release_was_named.project
              and i.id = release_was_named.issue
              and release_was_named.release in (i.first_release, i.last_release))
        -- Beyond its limit a project does not know.
        or coalesce(
            (select count(*) from errtrack_private.releases as r where r.project_id = release_was_named.project)
                >= errtrack_private.limit_of(release_was_named.project, 'releases'),
            false)
$$;
comment on function errtrack_private.release_was_named(bigint, bigint, text) is
    'False: no event of the project has named this release.';

create or replace function errtrack_private.issue_history_list(project bigint, issue bigint)
returns table (at timestamptz, what text, who text, details text)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    -- Raises when there is no such issue.
    perform errtrack_private.issue_record(issue_history_list.project, issue_history_list.issue);
    return query
        select date_trunc('second', h.at), h.what, h.who, nullif(h.details::text, '{}')
        from errtrack_private.issue_history as h
        where h.project_id = issue_history_list.project and h.issue_id = issue_history_list.issue
        order by h.id;
end
$$;
comment on function errtrack_private.issue_history_list(bigint, bigint) is
    'What happened to an issue, also to one that is merged into another, from the beginning. Raises when there is none.';

create or replace function errtrack_private.issue_hash_list(project bigint, issue bigint)
returns table (hash text, origin bigint, variant text, first_seen timestamptz, title text)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    perform errtrack_private.must_show_issue(issue_hash_list.project, issue_hash_list.issue);
    return query
        select replace(h.hash::text, '-', ''), h.origin_id, h.variant, date_trunc('second', h.first_seen), h.title
        from errtrack_private.origins as o
        join errtrack_private.hashes as h on h.project_id = o.project_id and h.origin_id = o.id
        where o.project_id = issue_hash_list.project and o.issue_id = issue_hash_list.issue
        order by h.origin_id, h.first_seen, h.hash;
end
$$;
comment on function errtrack_private.issue_hash_list(bigint, bigint) is
    'The grouping hashes of an issue, with what the event was called that brought them. origin is the issue that they began with.';

create or replace function errtrack_private.similar_issue_list(project bigint, issue bigint)
returns table (
    id bigint,
    status text,
    events bigint,
    users bigint,
    first_seen timestamptz,
    last_seen timestamptz,
    title text
)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    perform errtrack_private.must_show_issue(similar_issue_list.project, similar_issue_list.issue);
    return query
        select i.id, i.status, i.event_count, i.user_count,
               date_trunc('second', i.first_seen), date_trunc('second', i.last_seen), i.title
        from errtrack_private.issues as i
        where i.project_id = similar_issue_list.project
          and i.id in (
              select other.issue_id
              from errtrack_private.origins as own
              join errtrack_private.origins as other
                on other.project_id = own.project_id
                  and other.loose_hash = own.loose_hash
                  and other.issue_id <> own.issue_id
              where own.project_id = similar_issue_list.project
                and own.issue_id = similar_issue_list.issue)
          and i.last_received_at >= errtrack_private.visible_from(similar_issue_list.project)
        order by i.last_seen desc, i.id desc;
end
$$;
comment on function errtrack_private.similar_issue_list(bigint, bigint) is
    'Issues that may be the same error as this one, to be merged by a person: they have type and place in common.';

create or replace function errtrack_private.limit_list(project bigint)
returns table (name text, value text, own boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select d.name,
           coalesce((case when l.name is null then d.value else l.value end)::text, 'none'),
           l.name is not null
    from errtrack_private.limits as d
    left join errtrack_private.limits as l on l.project_id = limit_list.project and l.name = d.name
    where d.project_id = 0
    order by d.name
$$;
comment on function errtrack_private.limit_list(bigint) is
    'What a project may make; own: it is set for this project, not for all.';

create or replace function errtrack_private.set_limit(project bigint, name text, words text)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (
        select
        from errtrack_private.limits as l
        where l.project_id = 0 and l.name = set_limit.name)
    then
        raise exception 'there is no limit "%": use %', set_limit.name,
            (select string_agg(l.name, ', ' order by l.name) from errtrack_private.limits as l where l.project_id = 0)
            using errcode = 'invalid_parameter_value';
    elsif set_limit.words !~ '^([0-9]{1,12}|none|default)$' then
        raise exception 'a limit is a number from 0 to 999999999999, none or default, "%" is not', set_limit.words
            using errcode = 'invalid_parameter_value';
    end if;
    delete from errtrack_private.limits as l
    where l.project_id = set_limit.project and l.name = set_limit.name;
    if set_limit.words <> 'default' then
        insert into errtrack_private.limits (project_id, name, value)
        values (set_limit.project, set_limit.name, nullif(set_limit.words, 'none')::bigint);
    end if;
    perform errtrack_private.note_change(session_user, project, 'limit.set',
        jsonb_build_object('name', set_limit.name, 'value', set_limit.words));
end
$$;
comment on function errtrack_private.set_limit(bigint, text, text) is
    'Sets a limit of a project: a number, none, or default for that of the instance.';

revoke execute on function
    errtrack_private.issue_meant(bigint, text),
    errtrack_private.issue_list(bigint, text, bigint),
    errtrack_private.issue_record(bigint, bigint),
    errtrack_private.change_issue(bigint, bigint, text, text, text, boolean, timestamptz, bigint, bigint),
    errtrack_private.release_was_named(bigint, bigint, text),
    errtrack_private.issue_history_list(bigint, bigint),
    errtrack_private.issue_hash_list(bigint, bigint),
    errtrack_private.similar_issue_list(bigint, bigint),
    errtrack_private.limit_list(bigint),
    errtrack_private.set_limit(bigint, text, text)
from public;
