-- Trackers over HTTP and by the command: in which one issues are made for a project. What
-- GitLab reads of them is in 055_comments.sql; one that errtrack itself acts in has, beside
-- its row in trackers, a channel of that provider: see 083_channels.sql.

create or replace function errtrack_private.check_tracker_url(provider text, url text) returns void
language plpgsql immutable
as $$
declare
    fault text;
begin
    if coalesce(url, '') = '' then
        perform errtrack_private.refuse(400, 'url is missing: that of the project in the tracker');
    end if;
    perform errtrack_private.host_of(url, 'url');
    if length(url) > 500 or url ~ '["<>]' then
        perform errtrack_private.refuse(400, 'url must have at most 500 characters, without quotes and angle brackets');
    end if;
    fault := errtrack_private.tracker_fault(provider, url);
    if fault <> '' then
        perform errtrack_private.refuse(400, format('url: %s', fault));
    end if;
end
$$;
comment on function errtrack_private.check_tracker_url(text, text) is
    'Refuses what is no address of a project in a tracker.';

create or replace function errtrack_private.set_tracker(
    wanted_project bigint,
    wanted_provider text,
    body jsonb,
    sealed jsonb,
    names_files boolean,
    who text
)
returns errtrack_private.channels
language plpgsql volatile
as $$
declare
    had errtrack_private.trackers;
    had_channel errtrack_private.channels;
    channel errtrack_private.channels;
    new_url text;
    new_id bigint;
    whole jsonb;
begin
    if wanted_provider not in ('gitlab', 'github', 'other') then
        perform errtrack_private.refuse(400, 'the provider must be gitlab, github or other');
    end if;
    -- Those who set one in a project wait for each other.
    perform from errtrack_private.projects p where p.id = wanted_project for no key update;
    select t.* into had from errtrack_private.trackers t where t.project_id = wanted_project and t.provider = wanted_provider;
    new_url := coalesce(rtrim(errtrack_private.member_text(body, 'url', 2048), '/'), had.url);
    perform errtrack_private.check_tracker_url(wanted_provider, new_url);
    new_id := case when body ? 'externalId' then errtrack_private.member_number(body, 'externalId', 1, 999999999999999)
                   else had.external_id end;
    insert into errtrack_private.trackers as t (project_id, provider, external_id, url)
    values (wanted_project, wanted_provider, new_id, new_url)
    on conflict (project_id, provider) do update
    set external_id = excluded.external_id, url = excluded.url;
    whole := body || jsonb_build_object('url', new_url);
    select c.* into had_channel
    from errtrack_private.channels c
    where c.project_id = wanted_project and c.provider = wanted_provider;
    if found then
        channel := errtrack_private.changed_channel(had_channel, whole, sealed, names_files);
        if (had.url, had.external_id, had_channel.settings -> 'api', had_channel.files)
            is distinct from (new_url, new_id, channel.settings -> 'api', channel.files)
        then
            channel.files := channel.files - 'by_command';
        end if;
        channel := errtrack_private.save_channel(channel);
    else
        channel.kind := 'tracker';
        channel.provider := wanted_provider;
        channel.enabled := true;
        channel.place := '';
        channel.sealed := '{}';
        channel.files := '{}';
        channel.settings := '{}';
        channel.hourly_cap := 60;
        channel := errtrack_private.changed_channel(channel, whole, sealed, names_files);
        insert into errtrack_private.channels as c
            (project_id, name, kind, provider, enabled, place, sealed, files, settings, hourly_cap, created_by)
        values (wanted_project, 'tracker ' || wanted_provider, 'tracker', wanted_provider, channel.enabled, channel.place,
                channel.sealed, channel.files, channel.settings, channel.hourly_cap, who)
        on conflict on constraint channels_project_id_name_key do nothing
        returning c.* into channel;
        if not found then
            perform errtrack_private.refuse(409, format('rename the channel "tracker %s" first', wanted_provider));
        end if;
    end if;
    perform errtrack_private.note_change(who, wanted_project, 'tracker.set', errtrack_private.audit_of_channel(channel, body));
    return channel;
end
$$;
comment on function errtrack_private.set_tracker(bigint, text, jsonb, jsonb, boolean, text) is
    'Makes the tracker of a provider for a project, or changes it, as a body says. errtrack acts in it from then on.';

create or replace function errtrack_private.bind_tracker_files(channel errtrack_private.channels) returns void
language sql volatile
as $$
    update errtrack_private.channels c
    set files = c.files || '{"by_command": true}'
    where c.project_id = channel.project_id and c.id = channel.id and c.files <> '{}'
$$;
comment on function errtrack_private.bind_tracker_files(errtrack_private.channels) is
    'Lets the files of a tracker be sent to where it leads now, though no list beside them says so. Until somebody changes either.';

create or replace function errtrack_private.delete_tracker(wanted_project bigint, wanted_provider text, who text)
returns boolean
language plpgsql volatile
as $$
begin
    delete from errtrack_private.trackers t where t.project_id = wanted_project and t.provider = wanted_provider;
    if not found then
        return false;
    end if;
    perform errtrack_private.note_change(who, wanted_project, 'tracker.delete', jsonb_build_object('provider', wanted_provider));
    return true;
end
$$;
comment on function errtrack_private.delete_tracker(bigint, text, text) is
    'Deletes a tracker of a project, with what is to be done in it. Links to its issues stay. False: there is none.';

create or replace function errtrack_private.show_tracker(wanted_project bigint, wanted_provider text) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'provider', t.provider, 'url', t.url, 'externalId', t.external_id, 'acts', c.id is not null)
            || case when c.id is null then jsonb_build_object('dateCreated', errtrack_private.rfc3339(t.created_at))
                    else errtrack_private.show_channel_state(c) || jsonb_build_object(
                        'channel', c.id::text, 'hasToken', c.sealed ? 'token' or c.files ? 'token', 'tokenFile', c.files -> 'token') end
        from errtrack_private.trackers t
        left join errtrack_private.channels c on c.project_id = t.project_id and c.provider = t.provider
        where t.project_id = wanted_project and t.provider = wanted_provider);
end
$$;
comment on function errtrack_private.show_tracker(bigint, text) is
    'A tracker of a project, without what is secret. acts: errtrack makes, closes and reopens issues there.';

-- ---- over HTTP ----------------------------------------------------------------------

create or replace function errtrack_private.trackers_list(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(errtrack_private.show_tracker(t.project_id, t.provider) order by t.id), '[]')::text
        from errtrack_private.trackers t
        where t.project_id = wanted));
end
$$;
comment on function errtrack_private.trackers_list(bytea, jsonb) is 'The trackers of a project.';

create or replace function errtrack_private.tracker_set(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    body constant jsonb := errtrack_private.body_of(
        request, '{url, externalId, token, tokenFile, secret, secretFile, settings, hourlyCap, enabled}',
        coalesce(errtrack_private.show_tracker(wanted, errtrack_private.path_text(request, 'provider')), '{}'));
    channel errtrack_private.channels;
begin
    channel := errtrack_private.set_tracker(
        wanted, errtrack_private.path_text(request, 'provider'), body, request -> 'sealed',
        errtrack_private.is_administrator(token_hash), errtrack_private.name_of_token(token_hash));
    return errtrack_private.ok(errtrack_private.show_tracker(wanted, channel.provider)::text);
end
$$;
comment on function errtrack_private.tracker_set(bytea, jsonb) is
    'Makes the tracker of a provider, or changes what the body names of it.';

create or replace function errtrack_private.tracker_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
begin
    if not errtrack_private.delete_tracker(
        wanted, errtrack_private.path_text(request, 'provider'), errtrack_private.name_of_token(token_hash))
    then
        perform errtrack_private.refuse(404);
    end if;
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.tracker_delete(bytea, jsonb) is 'Deletes a tracker; links to its issues stay.';

create or replace function errtrack_private.tracker_named(wanted_project bigint, request jsonb) returns errtrack_private.channels
language plpgsql stable
as $$
declare
    channel errtrack_private.channels;
begin
    select c.* into channel
    from errtrack_private.channels c
    where c.project_id = wanted_project and c.provider = errtrack_private.path_text(request, 'provider');
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    return channel;
end
$$;
comment on function errtrack_private.tracker_named(bigint, jsonb) is
    'The channel of the tracker that the path names by its provider, in which errtrack acts.';

create or replace function errtrack_private.tracker_resume(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    channel constant errtrack_private.channels := errtrack_private.tracker_named(wanted, request);
begin
    perform errtrack_private.resume_channel(wanted, channel.id);
    perform errtrack_private.write_audit(token_hash, wanted, 'tracker.resume', jsonb_build_object('provider', channel.provider));
    return errtrack_private.ok(errtrack_private.show_tracker(wanted, channel.provider)::text);
end
$$;
comment on function errtrack_private.tracker_resume(bytea, jsonb) is
    'Has a tracker that failed or is parked tried at once.';

create or replace function errtrack_private.tracker_test(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    channel constant errtrack_private.channels := errtrack_private.tracker_named(wanted, request);
    queued constant errtrack_private.notifications := errtrack_private.queue_test(channel);
begin
    perform errtrack_private.write_audit(token_hash, wanted, 'tracker.test', jsonb_build_object('provider', channel.provider));
    return errtrack_private.ok(errtrack_private.show_notification(queued)::text, 202);
end
$$;
comment on function errtrack_private.tracker_test(bytea, jsonb) is
    'Has a tracker asked whether it would take issues; none is made.';

create or replace function errtrack_private.tracker_issue_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:write');
    named constant text := errtrack_private.member_text(errtrack_private.body_of(request, '{provider}'), 'provider', 50);
    acting constant text[] := array(
        select c.provider
        from errtrack_private.channels c
        where c.project_id = wanted.project and c.kind = 'tracker' and c.enabled
        order by c.provider);
    channel errtrack_private.channels;
    made errtrack_private.notifications;
begin
    if cardinality(acting) = 0 then
        perform errtrack_private.refuse(409, 'errtrack acts in no tracker for the project: set one with PUT .../trackers/gitlab/ first');
    elsif named is null and cardinality(acting) > 1 or named <> all (acting) then
        perform errtrack_private.refuse(400, 'provider must be ' || errtrack_private.one_of(acting));
    elsif not errtrack_private.hold_issue(wanted.project, wanted.issue) then
        perform errtrack_private.refuse(404);
    end if;
    select c.* into strict channel
    from errtrack_private.channels c
    where c.project_id = wanted.project and c.provider = coalesce(named, acting[1]);
    if exists (
        select from errtrack_private.issue_links l
        where l.project_id = wanted.project and l.issue_id = wanted.issue and l.provider = channel.provider)
    then
        perform errtrack_private.refuse(409, 'the issue is linked already: see its annotations');
    elsif exists (
        select from errtrack_private.notifications n
        where n.project_id = wanted.project and n.issue_id = wanted.issue and n.channel_id = channel.id
          and n.kind = 'create' and n.state = 'waiting')
    then
        perform errtrack_private.refuse(409, 'it is being made already: see the notifications of the issue');
    end if;
    insert into errtrack_private.notifications as n (project_id, channel_id, kind, issue_id, notice)
    values (wanted.project, channel.id, 'create', wanted.issue,
            errtrack_private.notice_of(wanted.project, wanted.issue, 'create', now(), '{}'))
    returning n.* into made;
    perform errtrack_private.write_audit(token_hash, wanted.project, 'tracker_issue.create',
        jsonb_build_object('issue', wanted.issue, 'provider', channel.provider));
    return errtrack_private.ok(errtrack_private.show_notification(made)::text, 202);
end
$$;
comment on function errtrack_private.tracker_issue_create(bytea, jsonb) is
    'Has an issue made in a tracker of the project from one here.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'check_tracker_url(text, text)', 'set_tracker(bigint, text, jsonb, jsonb, boolean, text)',
        'bind_tracker_files(errtrack_private.channels)',
        'delete_tracker(bigint, text, text)', 'show_tracker(bigint, text)', 'tracker_named(bigint, jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'trackers_list', 'tracker_set', 'tracker_delete', 'tracker_resume', 'tracker_test', 'tracker_issue_create']
    loop
        execute format('revoke execute on function errtrack_private.%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
