-- Deleting what a project has received: hidden at once, removed in batches.

create or replace function errtrack_private.purge_attachments(
    wanted_project bigint,
    visible timestamptz,
    until timestamptz
)
returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    old record;
begin
    -- One by one: what a row costs depends on the size of its file.
    for old in
        select attachments.event_id, attachments.received_at, attachments.delivery_id,
               attachments.position
        from errtrack_private.attachments
        where attachments.project_id = wanted_project
          and attachments.received_at < visible
        order by 1, 2, 3, 4
    loop
        if clock_timestamp() >= until then
            return false;
        end if;
        delete from errtrack_private.attachments
        where attachments.project_id = wanted_project
          and attachments.event_id = old.event_id
          and attachments.received_at = old.received_at
          and attachments.delivery_id = old.delivery_id
          and attachments.position = old.position;
    end loop;
    return true;
end
$$;
comment on function errtrack_private.purge_attachments(bigint, timestamptz, timestamptz) is
    'Removes the files of a project that were received before a time, until another time of the clock. False: there is more.';

create or replace function errtrack_private.purge_project(wanted_project bigint, budget interval)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    started constant timestamptz := clock_timestamp();
    visible constant timestamptz := errtrack_private.visible_from(wanted_project);
begin
    -- First and whole: without its hashes no later event finds a deleted issue,
    -- so what the budget leaves behind stays hidden until the next call.
    perform errtrack_private.lock_projects(array[wanted_project]);
    delete from errtrack_private.hashes
    using errtrack_private.origins, errtrack_private.issues
    where hashes.project_id = wanted_project
      and origins.project_id = wanted_project and origins.id = hashes.origin_id
      and issues.project_id = wanted_project and issues.id = origins.issue_id
      and issues.last_received_at < visible;
    -- What has not been told yet is not told any more.
    perform errtrack_private.forget_notifications(wanted_project, visible);
    while clock_timestamp() - started < budget loop
        if errtrack_private.remove_issues(wanted_project, visible, 2000) = 0 then
            perform errtrack_private.forget_names(wanted_project, visible);
            return errtrack_private.purge_attachments(wanted_project, visible, started + budget)
                and errtrack_private.purge_items(wanted_project, visible, started + budget);
        end if;
    end loop;
    return false;
end
$$;
comment on function errtrack_private.purge_project(bigint, interval) is
    'Removes what purge_before hides, files too, but for the other rows in partitions, which retention drops. Stops when the budget is spent: false means that there is more, and that the next call goes on.';

create or replace function errtrack_private.delete_project_data(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted_project bigint := errtrack_private.path_id(request, 'id');
    allowed integer := errtrack_private.access(token_hash, 'integrated', wanted_project, 'project:write');
begin
    if allowed in (401, 403) then
        perform errtrack_private.refuse(allowed);
    elsif allowed = 200 then
        -- Not now(), which is when the transaction began: what was received
        -- while this waited for the row is deleted too. From here on everything
        -- is hidden. Events, payloads and event ids stay in their partitions
        -- until retention drops these: nothing leads to them any more.
        update errtrack_private.projects
        set purge_before = clock_timestamp()
        where projects.id = wanted_project;
        perform errtrack_private.purge_project(wanted_project, interval '1 second');
    end if;
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.delete_project_data(bytea, jsonb) is
    'Deletes what a project has received. 204 also when there is nothing, or no such project. A large project is hidden at once; purge_project() removes what is left.';

create or replace function errtrack_private.sentry_project_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Who may make projects may delete them.
    organization constant bigint := errtrack_private.sentry_organization(token_hash, request, 'org:write');
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'org:write');
    had errtrack_private.projects;
begin
    select p.* into had
    from errtrack_private.projects p
    where p.id = wanted and p.deleted_at is null
    for no key update;
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    -- Secrets do not wait for the rest.
    delete from errtrack_private.client_keys k where k.project_id = wanted;
    delete from errtrack_private.gitlab_keys g where g.project_id = wanted;
    delete from errtrack_private.alert_rules r where r.project_id = wanted;
    delete from errtrack_private.trackers t where t.project_id = wanted;
    delete from errtrack_private.channels c where c.project_id = wanted;
    delete from errtrack_private.tokens t where t.project_id = wanted;
    -- Its slug is free for another one. Whatever arrives still is late.
    update errtrack_private.projects p
    set deleted_at = clock_timestamp(), purge_before = 'infinity',
        slug = left(format('deleted-%s-%s', wanted, md5(random()::text)), 50)
    where p.id = wanted;
    perform errtrack_private.write_audit(token_hash, wanted, 'project.delete',
        jsonb_build_object('slug', had.slug, 'name', had.name), organization);
    perform errtrack_private.purge_project(wanted, interval '1 second');
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.sentry_project_delete(bytea, jsonb) is
    'Deletes a project: hidden at once, its keys, tokens and channels gone. purge_project() removes what is left of its data, forget_projects() in the end the row.';

create or replace function errtrack_private.forget_projects(keep_days integer) returns void
language sql volatile
as $$
    with gone as (
        delete from errtrack_private.projects p
        where p.deleted_at < now() - make_interval(days => keep_days + 1)
          and not exists (select from errtrack_private.issues i where i.project_id = p.id)
        returning p.id
    )
    -- What else goes by the number of a project refers to it, or ends with the retention.
    delete from errtrack_private.limits l
    using gone
    where l.project_id = gone.id
$$;
comment on function errtrack_private.forget_projects(integer) is
    'Removes the rows of deleted projects of which no partition can hold anything any more.';

create or replace function errtrack_private.purge_projects(budget interval) returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    started constant timestamptz := clock_timestamp();
    purged record;
begin
    -- All at once, as everybody locks them.
    perform errtrack_private.lock_projects(array(
        select projects.id from errtrack_private.projects where projects.purge_before is not null));
    for purged in
        select projects.id
        from errtrack_private.projects
        where projects.purge_before is not null
        order by projects.id
    loop
        if not errtrack_private.purge_project(
            purged.id, greatest(budget - (clock_timestamp() - started), interval '10 milliseconds'))
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;
comment on function errtrack_private.purge_projects(interval) is
    'purge_project() for every project whose data was deleted, within one budget: false means that there is more.';

revoke execute on function errtrack_private.purge_attachments(bigint, timestamptz, timestamptz) from public;
revoke execute on function errtrack_private.purge_project(bigint, interval) from public;
revoke execute on function errtrack_private.purge_projects(interval) from public;
revoke execute on function errtrack_private.delete_project_data(bytea, jsonb) from public;
revoke execute on function errtrack_private.sentry_project_delete(bytea, jsonb) from public;
revoke execute on function errtrack_private.forget_projects(integer) from public;
grant execute on function errtrack_private.purge_projects(interval) to errtrack_worker;
grant execute on function errtrack_private.delete_project_data(bytea, jsonb) to errtrack_query;
grant execute on function errtrack_private.sentry_project_delete(bytea, jsonb) to errtrack_query;
