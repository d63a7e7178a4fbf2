-- Channels and what was sent to them, over HTTP: see 083_channels.sql.

create or replace function errtrack_private.show_channel_state(c errtrack_private.channels) returns jsonb
language plpgsql stable
as $$
begin
    return jsonb_build_object(
        'enabled', c.enabled,
        'state', case when not c.enabled then 'disabled' when c.parked_at is not null then 'parked'
                      when c.failures > 0 then 'failing' else 'ok' end,
        'hasSecret', c.sealed ? 'secret' or c.files ? 'secret', 'secretFile', c.files -> 'secret',
        'settings', c.settings, 'hourlyCap', c.hourly_cap,
        'waiting', (
            select count(*) from errtrack_private.notifications n
            where n.project_id = c.project_id and n.channel_id = c.id and n.state = 'waiting'),
        'failures', c.failures, 'lastError', c.last_error,
        'failingSince', errtrack_private.rfc3339(c.failing_since), 'parkedAt', errtrack_private.rfc3339(c.parked_at),
        'nextAttempt', case when isfinite(c.next_attempt_at) and c.next_attempt_at > now()
                            then errtrack_private.rfc3339(c.next_attempt_at) end,
        'lastAttempt', errtrack_private.rfc3339(c.last_attempt_at),
        'lastDelivered', errtrack_private.rfc3339(c.last_delivered_at),
        'dateCreated', errtrack_private.rfc3339(c.created_at), 'createdBy', c.created_by);
end
$$;
comment on function errtrack_private.show_channel_state(errtrack_private.channels) is
    'What channels and trackers that errtrack acts in have in common, without what is secret.';

create or replace function errtrack_private.show_untold(wanted_project bigint, wanted_channel bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'reason', d.reason, 'messages', d.messages, 'byKind', d.by_kind,
            'since', errtrack_private.rfc3339(d.began_at), 'dueAt', errtrack_private.rfc3339(d.due_at)) order by d.due_at, d.reason), '[]')
        from errtrack_private.digests d
        where d.project_id = wanted_project and d.channel_id = wanted_channel);
end
$$;
comment on function errtrack_private.show_untold(bigint, bigint) is
    'What a channel is told in one message later, and when: what is beyond its cap, and what is muted.';

create or replace function errtrack_private.show_channel(c errtrack_private.channels) returns jsonb
language plpgsql stable
as $$
begin
    return errtrack_private.show_channel_state(c) || jsonb_build_object(
        'id', c.id::text, 'name', c.name, 'kind', c.kind, 'place', c.place,
        'untold', errtrack_private.show_untold(c.project_id, c.id),
        'hasUrl', c.sealed ? 'url' or c.files ? 'url', 'urlFile', c.files -> 'url');
end
$$;
comment on function errtrack_private.show_channel(errtrack_private.channels) is 'A channel, without what is secret.';

create or replace function errtrack_private.channel_named(wanted_project bigint, request jsonb) returns errtrack_private.channels
language plpgsql stable
as $$
declare
    channel errtrack_private.channels;
begin
    select c.* into channel
    from errtrack_private.channels c
    where c.project_id = wanted_project and c.id = errtrack_private.as_id(errtrack_private.path_text(request, 'channel'))
      and c.kind <> 'tracker';
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    return channel;
end
$$;
comment on function errtrack_private.channel_named(bigint, jsonb) is 'The channel that the path names by its id.';

create or replace function errtrack_private.is_administrator(token_hash bytea) returns boolean
language sql stable
as $$
    select coalesce((select t.administrator from errtrack_private.authenticate(token_hash) t), false)
$$;
comment on function errtrack_private.is_administrator(bytea) is 'Whether a token is that of an administrator.';

create or replace function errtrack_private.channels_list(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(errtrack_private.show_channel(c) order by c.id), '[]')::text
        from errtrack_private.channels c
        where c.project_id = wanted and c.kind <> 'tracker'));
end
$$;
comment on function errtrack_private.channels_list(bytea, jsonb) is 'The channels of a project.';

create or replace function errtrack_private.channel_get(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
begin
    return errtrack_private.ok(errtrack_private.show_channel(errtrack_private.channel_named(wanted, request))::text);
end
$$;
comment on function errtrack_private.channel_get(bytea, jsonb) is 'One channel.';

create or replace function errtrack_private.channel_members() returns text[]
language sql immutable
as $$
    select '{kind, name, url, urlFile, secret, secretFile, settings, hourlyCap, enabled}'::text[]
$$;
comment on function errtrack_private.channel_members() is 'What a body may say of a channel.';

create or replace function errtrack_private.channel_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    made errtrack_private.channels;
begin
    made := errtrack_private.make_channel(
        wanted, errtrack_private.body_of(request, errtrack_private.channel_members()), request -> 'sealed',
        errtrack_private.is_administrator(token_hash), errtrack_private.name_of_token(token_hash));
    perform errtrack_private.write_audit(token_hash, wanted, 'channel.create',
        errtrack_private.audit_of_channel(made));
    return errtrack_private.ok(errtrack_private.show_channel(made)::text, 201);
end
$$;
comment on function errtrack_private.channel_create(bytea, jsonb) is 'Makes a channel.';

create or replace function errtrack_private.channel_update(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    channel errtrack_private.channels := errtrack_private.channel_named(wanted, request);
    body constant jsonb := errtrack_private.body_of(
        request, errtrack_private.channel_members(), errtrack_private.show_channel(channel));
begin
    if coalesce(body ->> 'kind', channel.kind) <> channel.kind then
        perform errtrack_private.refuse(400, 'kind cannot be changed: make another channel');
    end if;
    channel := errtrack_private.save_channel(errtrack_private.changed_channel(
        channel, body, request -> 'sealed', errtrack_private.is_administrator(token_hash)));
    perform errtrack_private.write_audit(token_hash, wanted, 'channel.update',
        errtrack_private.audit_of_channel(channel, body));
    return errtrack_private.ok(errtrack_private.show_channel(channel)::text);
end
$$;
comment on function errtrack_private.channel_update(bytea, jsonb) is
    'Changes what the body names of a channel. It is then tried at once.';

create or replace function errtrack_private.channel_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    channel constant errtrack_private.channels := errtrack_private.channel_named(wanted, request);
begin
    perform errtrack_private.delete_channel(wanted, channel.id);
    perform errtrack_private.write_audit(token_hash, wanted, 'channel.delete',
        jsonb_build_object('id', channel.id, 'name', channel.name));
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.channel_delete(bytea, jsonb) is 'Deletes a channel with its messages.';

create or replace function errtrack_private.channel_resume(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    channel errtrack_private.channels := errtrack_private.channel_named(wanted, request);
begin
    channel := errtrack_private.resume_channel(wanted, channel.id);
    perform errtrack_private.write_audit(token_hash, wanted, 'channel.resume', jsonb_build_object('id', channel.id));
    return errtrack_private.ok(errtrack_private.show_channel(channel)::text);
end
$$;
comment on function errtrack_private.channel_resume(bytea, jsonb) is
    'Has a channel that failed or is parked tried at once.';

create or replace function errtrack_private.channel_test(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    channel constant errtrack_private.channels := errtrack_private.channel_named(wanted, request);
    queued constant errtrack_private.notifications := errtrack_private.queue_test(channel);
begin
    perform errtrack_private.write_audit(token_hash, wanted, 'channel.test', jsonb_build_object('id', channel.id));
    return errtrack_private.ok(errtrack_private.show_notification(queued)::text, 202);
end
$$;
comment on function errtrack_private.channel_test(bytea, jsonb) is
    'Queues a message that says no more than that it arrived.';

-- ---- messages ----------------------------------------------------------------------

create or replace function errtrack_private.show_notification(n errtrack_private.notifications) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'id', n.delivery_id::text,
            'channel', jsonb_build_object('id', c.id::text, 'name', c.name, 'kind', c.kind),
            'kind', n.kind,
            'issue', case when n.notice ? 'issue' then jsonb_build_object(
                'id', n.notice #>> '{issue,id}', 'shortId', n.notice #>> '{issue,short_id}', 'title', n.notice #>> '{issue,title}') end,
            'state', n.state, 'attempts', n.attempts, 'lastError', n.last_error,
            'dateCreated', errtrack_private.rfc3339(n.created_at), 'dateEnded', errtrack_private.rfc3339(n.ended_at))
        from errtrack_private.channels c
        where c.project_id = n.project_id and c.id = n.channel_id);
end
$$;
comment on function errtrack_private.show_notification(errtrack_private.notifications) is
    'A message to a channel, as lists show it.';

create or replace function errtrack_private.notifications_list(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'event:read');
    page_size constant integer := errtrack_private.page_length(request, 50, 100);
    wanted_state constant text := nullif(errtrack_private.argument_choice(request, 'state', 'any', 'waiting', 'sent', 'failed'), 'any');
    channel constant text := errtrack_private.argument(request, 'channel');
    issue constant text := errtrack_private.argument(request, 'issue');
    cursor_text constant text := errtrack_private.argument(request, 'cursor');
    -- Of what is named by nothing that could be an id there are none.
    wanted_channel constant bigint := case when channel is not null then coalesce(errtrack_private.as_id(channel), 0) end;
    wanted_issue constant bigint := case when issue is not null then coalesce(errtrack_private.issue_id_named(issue), 0) end;
    below bigint := (select decoded.place from errtrack_private.decode_cursor(cursor_text, 'd') as decoded);
    -- What was deleted with all that the project had is not shown again.
    visible constant timestamptz := errtrack_private.visible_from(wanted);
    found_rows errtrack_private.notifications[];
    answer errtrack_private.answer;
begin
    if cursor_text !~ '^[0-9]+:[0-9]+:[01]$' and below is null then
        perform errtrack_private.refuse(400, 'cursor is invalid');
    end if;
    -- Each along an index of its own; those that are not asked for are not looked at.
    select array_agg(n order by n.id desc) into found_rows
    from (
        (select m.*
         from errtrack_private.notifications m
         where wanted_channel is null and wanted_issue is null and m.project_id = wanted
           and m.id < coalesce(below, 9223372036854775807) and m.state = coalesce(wanted_state, m.state)
           and m.created_at >= visible
         order by m.id desc
         limit page_size + 1)
        union all
        (select m.*
         from errtrack_private.notifications m
         where wanted_channel is not null and wanted_issue is null and m.project_id = wanted and m.channel_id = wanted_channel
           and m.id < coalesce(below, 9223372036854775807) and m.state = coalesce(wanted_state, m.state)
           and m.created_at >= visible
         order by m.id desc
         limit page_size + 1)
        union all
        (select m.*
         from errtrack_private.notifications m
         where wanted_issue is not null and m.project_id = wanted and m.issue_id = wanted_issue
           and m.channel_id = coalesce(wanted_channel, m.channel_id)
           and m.id < coalesce(below, 9223372036854775807) and m.state = coalesce(wanted_state, m.state)
           and m.created_at >= visible
         order by m.id desc
         limit page_size + 1)) n;
    if cardinality(found_rows) > page_size then
        answer.next_cursor := errtrack_private.encode_cursor('n', 'd', found_rows[page_size].id, '0');
    end if;
    answer.status := 200;
    select coalesce(jsonb_agg(errtrack_private.show_notification(n) order by n.id desc), '[]')::text into answer.body
    from unnest(found_rows[:page_size]) as n;
    return answer;
end
$$;
comment on function errtrack_private.notifications_list(bytea, jsonb) is
    'A page of the messages of a project, the newest first: all, or those of a channel, an issue, a state.';

create or replace function errtrack_private.notification_named(wanted_project bigint, request jsonb)
returns errtrack_private.notifications
language plpgsql stable
as $$
declare
    named constant text := errtrack_private.path_text(request, 'notification');
    found_row errtrack_private.notifications;
begin
    if named ~* '^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$' then
        select n.* into found_row
        from errtrack_private.notifications n
        where n.project_id = wanted_project and n.delivery_id = named::uuid
          and n.created_at >= errtrack_private.visible_from(wanted_project);
    end if;
    if found_row.id is null then
        perform errtrack_private.refuse(404);
    end if;
    return found_row;
end
$$;
comment on function errtrack_private.notification_named(bigint, jsonb) is
    'The message that the path names by its delivery id.';

create or replace function errtrack_private.notification_get(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'event:read');
    shown constant errtrack_private.notifications := errtrack_private.notification_named(wanted, request);
begin
    return errtrack_private.ok((errtrack_private.show_notification(shown) || jsonb_build_object('notice', shown.notice))::text);
end
$$;
comment on function errtrack_private.notification_get(bytea, jsonb) is 'One message, with what it says.';

create or replace function errtrack_private.forget_notifications(wanted_project bigint, visible timestamptz) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from errtrack_private.notifications n where n.project_id = wanted_project and n.created_at < visible;
    delete from errtrack_private.digests d where d.project_id = wanted_project and d.began_at < visible;
end
$$;
comment on function errtrack_private.forget_notifications(bigint, timestamptz) is
    'Deletes what the people of a project were or are to be told of what it received before a time.';

create or replace function errtrack_private.retry_notification(wanted errtrack_private.notifications)
returns errtrack_private.notifications
language plpgsql volatile
as $$
declare
    again errtrack_private.notifications;
begin
    if wanted.created_at < now() - interval '7 days' then
        perform errtrack_private.refuse(409, 'it is older than 7 days, and is not sent any more');
    end if;
    update errtrack_private.notifications n
    set state = 'waiting', ended_at = null
    where n.project_id = wanted.project_id and n.id = wanted.id and n.state = 'failed'
    returning n.* into again;
    if not found then
        perform errtrack_private.refuse(409, format('only what failed is sent again: this one is %s', wanted.state));
    end if;
    return again;
end
$$;
comment on function errtrack_private.retry_notification(errtrack_private.notifications) is
    'Has a message that failed wait again, under its delivery id.';

create or replace function errtrack_private.notification_retry(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    again errtrack_private.notifications := errtrack_private.notification_named(wanted, request);
begin
    again := errtrack_private.retry_notification(again);
    perform errtrack_private.write_audit(token_hash, wanted, 'notification.retry', jsonb_build_object('id', again.delivery_id));
    return errtrack_private.ok(errtrack_private.show_notification(again)::text, 202);
end
$$;
comment on function errtrack_private.notification_retry(bytea, jsonb) is 'Has a message that failed wait again.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'show_channel_state(errtrack_private.channels)', 'show_untold(bigint, bigint)', 'show_channel(errtrack_private.channels)',
        'channel_named(bigint, jsonb)', 'is_administrator(bytea)', 'channel_members()', 'show_notification(errtrack_private.notifications)',
        'notification_named(bigint, jsonb)', 'forget_notifications(bigint, timestamptz)',
        'retry_notification(errtrack_private.notifications)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'channels_list', 'channel_get', 'channel_create', 'channel_update', 'channel_delete', 'channel_resume', 'channel_test',
        'notifications_list', 'notification_get', 'notification_retry']
    loop
        execute format('revoke execute on function errtrack_private.%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
