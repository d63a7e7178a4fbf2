-- What administrators do to channels, alert rules and trackers from a shell. The rules of
-- 060_admin.sql hold: the caller's own rights, and every refusal in words that the command
-- shows as they are. What is allowed is decided where HTTP has it decided, too.

create or replace function errtrack_private.find_channel(project bigint, reference text) returns errtrack_private.channels
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    channel errtrack_private.channels;
begin
    select c.* into channel
    from errtrack_private.channels as c
    where c.project_id = find_channel.project
      and c.kind <> 'tracker'
      and (c.name = find_channel.reference or c.id::text = find_channel.reference)
    order by c.name = find_channel.reference desc
    limit 1;
    if not found then
        raise exception 'there is no channel "%": %', find_channel.reference, coalesce((
            select 'there are ' || string_agg(c.name, ', ' order by c.id)
            from errtrack_private.channels as c
            where c.project_id = find_channel.project and c.kind <> 'tracker'), 'make one with errtrack channel add')
            using errcode = 'no_data_found';
    end if;
    return channel;
end
$$;
comment on function errtrack_private.find_channel(bigint, text) is
    'The channel of a project with this name or id. Raises when there is none.';

create or replace function errtrack_private.find_rule(project bigint, reference text) returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    found_id bigint;
begin
    select r.id into found_id
    from errtrack_private.alert_rules as r
    where r.project_id = find_rule.project
      and (r.name = find_rule.reference or r.id::text = find_rule.reference)
    order by r.name = find_rule.reference desc
    limit 1;
    if not found then
        raise exception 'there is no rule "%": see errtrack alert list', find_rule.reference using errcode = 'no_data_found';
    end if;
    return found_id;
end
$$;
comment on function errtrack_private.find_rule(bigint, text) is
    'The id of the alert rule of a project with this name or id. Raises when there is none.';

create or replace function errtrack_private.channel_list(project bigint)
returns table (
    id bigint,
    name text,
    kind text,
    place text,
    state text,
    hourly_cap integer,
    waiting bigint,
    delivered_at timestamptz,
    last_error text
)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select c.id, c.name, c.kind, c.place, s.shown ->> 'state', c.hourly_cap, (s.shown ->> 'waiting')::bigint,
           date_trunc('second', c.last_delivered_at), c.last_error
    from errtrack_private.channels as c
    -- Once for each, and not for each of its members ("offset 0").
    cross join lateral (select errtrack_private.show_channel_state(c) as shown offset 0) as s
    where c.project_id = channel_list.project and c.kind <> 'tracker'
    order by c.id
$$;
comment on function errtrack_private.channel_list(bigint) is 'The channels of a project, and how it goes with them.';

create or replace function errtrack_private.untold_words(project bigint, channel bigint) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
    select string_agg(
        format('%s %s (%s) at %s', d.messages, case d.reason when 'cap' then 'beyond the cap' else 'muted' end, (
            select string_agg(k.value || ' ' || k.key, ', ' order by k.key) from jsonb_each_text(d.by_kind) as k),
            date_trunc('second', d.due_at)), ', ' order by d.due_at, d.reason)
    from errtrack_private.digests as d
    where d.project_id = untold_words.project and d.channel_id = untold_words.channel
$$;
comment on function errtrack_private.untold_words(bigint, bigint) is
    'What show_untold() shows, in a line; null when there is nothing.';

create or replace function errtrack_private.add_channel(project bigint, body jsonb, sealed jsonb) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    made constant errtrack_private.channels := errtrack_private.make_channel(project, body, sealed, true, session_user);
begin
    perform errtrack_private.note_change(session_user, project, 'channel.create', errtrack_private.audit_of_channel(made));
    return made.id;
end
$$;
comment on function errtrack_private.add_channel(bigint, jsonb, jsonb) is
    'Makes a channel as make_channel() does, for the login, and returns its id.';

create or replace function errtrack_private.change_channel(project bigint, reference text, body jsonb, sealed jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    channel errtrack_private.channels := errtrack_private.find_channel(project, reference);
begin
    channel := errtrack_private.save_channel(errtrack_private.changed_channel(channel, body, sealed, true));
    perform errtrack_private.note_change(session_user, project, 'channel.update', errtrack_private.audit_of_channel(channel, body));
end
$$;
comment on function errtrack_private.change_channel(bigint, text, jsonb, jsonb) is
    'Changes what the body names of a channel. It is then tried at once.';

create or replace function errtrack_private.remove_channel(project bigint, reference text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    channel constant errtrack_private.channels := errtrack_private.find_channel(project, reference);
begin
    perform errtrack_private.delete_channel(project, channel.id);
    perform errtrack_private.note_change(session_user, project, 'channel.delete',
        jsonb_build_object('id', channel.id, 'name', channel.name));
end
$$;
comment on function errtrack_private.remove_channel(bigint, text) is
    'Deletes a channel as delete_channel() does, for the login.';

create or replace function errtrack_private.try_channel(project bigint, reference text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    channel constant errtrack_private.channels := errtrack_private.find_channel(project, reference);
begin
    perform errtrack_private.resume_channel(project, channel.id);
    perform errtrack_private.note_change(session_user, project, 'channel.resume', jsonb_build_object('id', channel.id));
end
$$;
comment on function errtrack_private.try_channel(bigint, text) is
    'Has a channel tried at once as resume_channel() does, for the login.';

create or replace function errtrack_private.alert_rule_list(project bigint)
returns table (id bigint, name text, kind text, enabled boolean, condition text, channels text, mute text)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select nullif(r.id, 0), r.name, r.kind, r.enabled,
           concat_ws(', ',
               r.events || ' events', r.users || ' users', r.minutes || ' minutes',
               'level ' || array_to_string(r.levels, ' or '), 'environment ' || array_to_string(r.environments, ' or '),
               'release ' || array_to_string(r.releases, ' or '),
               'tags ' || (
                   select string_agg(t.key || '=' || v.pattern, ' or ' order by v.place)
                   from jsonb_each(r.tags) as t
                   cross join lateral jsonb_array_elements_text(t.value) with ordinality as v (pattern, place)),
               case when r.kind in ('frequency', 'spike', 'quota_reached', 'behind')
                   then 'again after ' || r.repeat_minutes || ' minutes' end),
           coalesce((
               select string_agg(c.name, ', ' order by c.id)
               from errtrack_private.channels as c
               where c.project_id = r.project_id and c.id = any (r.channel_ids)), 'all'),
           to_char(r.muted_from, 'HH24:MI') || ' to ' || to_char(r.muted_until, 'HH24:MI') || ' ' || r.timezone
               || coalesce(', days ' || array_to_string(r.muted_days, ' '), '')
    from errtrack_private.alert_rules_of(alert_rule_list.project) as r
    order by r.id
$$;
comment on function errtrack_private.alert_rule_list(bigint) is
    'The alert rules of a project; without an id those that hold while it has none of its own.';

create or replace function errtrack_private.alert_rule_details(project bigint)
returns table (
    id bigint,
    name text,
    kind text,
    enabled boolean,
    events bigint,
    users bigint,
    minutes integer,
    repeat_minutes integer,
    levels text[],
    environments text[],
    releases text[],
    tags jsonb,
    channels text[],
    muted_from text,
    muted_until text,
    muted_days integer[],
    timezone text
)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select nullif(r.id, 0), r.name, r.kind, r.enabled, r.events, r.users, r.minutes, r.repeat_minutes, r.levels, r.environments,
           r.releases, r.tags, (
               select array_agg(c.name order by c.id)
               from errtrack_private.channels as c
               where c.project_id = r.project_id and c.id = any (r.channel_ids)),
           to_char(r.muted_from, 'HH24:MI'), to_char(r.muted_until, 'HH24:MI'), r.muted_days, r.timezone
    from errtrack_private.alert_rules_of(alert_rule_details.project) as r
    order by r.id
$$;
comment on function errtrack_private.alert_rule_details(bigint) is
    'What alert_rule_list() tells in words, member by member. channels: null for all.';

create or replace function errtrack_private.with_channels(project bigint, body jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
    select body || case when jsonb_typeof(body -> 'channels') = 'array' then jsonb_build_object('channels', (
        select jsonb_agg((errtrack_private.find_channel(project, t.name)).id::text)
        from jsonb_array_elements_text(body -> 'channels') as t (name))) else '{}' end
$$;
comment on function errtrack_private.with_channels(bigint, jsonb) is
    'What people say of a rule, with the ids of the channels that they name.';

create or replace function errtrack_private.add_alert_rule(project bigint, body jsonb) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    return (errtrack_private.make_rule(project, errtrack_private.with_channels(project, body), session_user)).id;
end
$$;
comment on function errtrack_private.add_alert_rule(bigint, jsonb) is
    'Makes a rule as make_rule() does, whose channels may be given by their names, and returns its id.';

create or replace function errtrack_private.change_alert_rule(project bigint, reference text, body jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    rule_id constant bigint := errtrack_private.find_rule(project, reference);
    rule errtrack_private.alert_rules;
begin
    select r.* into strict rule
    from errtrack_private.alert_rules as r
    where r.project_id = change_alert_rule.project and r.id = rule_id;
    rule := errtrack_private.save_rule(errtrack_private.changed_rule(rule, errtrack_private.with_channels(project, body)));
    perform errtrack_private.note_change(session_user, project, 'alert_rule.update', body || jsonb_build_object('id', rule.id));
end
$$;
comment on function errtrack_private.change_alert_rule(bigint, text, jsonb) is
    'Changes what the body names of a rule, whose channels may be given by their names; null takes it away.';

create or replace function errtrack_private.remove_alert_rule(project bigint, reference text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    perform errtrack_private.delete_rule(project, errtrack_private.find_rule(project, reference), session_user);
end
$$;
comment on function errtrack_private.remove_alert_rule(bigint, text) is
    'Deletes a rule as delete_rule() does, for the login.';

create or replace function errtrack_private.tracker_list(project bigint)
returns table (provider text, url text, external_id bigint, state text, waiting bigint, delivered_at timestamptz, last_error text)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select t.provider, t.url, t.external_id,
           coalesce(s.shown ->> 'state', 'only linked'), (s.shown ->> 'waiting')::bigint,
           date_trunc('second', c.last_delivered_at), c.last_error
    from errtrack_private.trackers as t
    left join errtrack_private.channels as c on c.project_id = t.project_id and c.provider = t.provider
    left join lateral (select errtrack_private.show_channel_state(c) as shown offset 0) as s on c.id is not null
    where t.project_id = tracker_list.project
    order by t.id
$$;
comment on function errtrack_private.tracker_list(bigint) is 'The trackers of a project, and how it goes with them.';

create or replace function errtrack_private.put_tracker(project bigint, provider text, body jsonb, sealed jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    bound constant boolean := exists (
        select from errtrack_private.channels as c
        where c.project_id = put_tracker.project and c.provider = put_tracker.provider and c.files ? 'by_command');
    channel constant errtrack_private.channels := errtrack_private.set_tracker(project, provider, body, sealed, true, session_user);
begin
    -- What others have set of the address is not vouched for.
    if bound or body ? 'url'
        and (body ? 'externalId' or (
            select t.external_id is null
            from errtrack_private.trackers as t
            where t.project_id = put_tracker.project and t.provider = put_tracker.provider))
        and (body -> 'settings' ? 'api' or not channel.settings ? 'api')
    then
        perform errtrack_private.bind_tracker_files(channel);
    end if;
end
$$;
comment on function errtrack_private.put_tracker(bigint, text, jsonb, jsonb) is
    'Makes or changes a tracker as set_tracker() does, for the login, which names files for the addresses that it sets.';

create or replace function errtrack_private.find_tracker(project bigint, provider text) returns errtrack_private.channels
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    acting errtrack_private.channels;
begin
    select c.* into acting
    from errtrack_private.channels as c
    where c.project_id = find_tracker.project and c.provider = find_tracker.provider;
    if not found then
        raise exception 'errtrack acts in no tracker "%" of the project: see errtrack tracker list', provider using errcode = 'no_data_found';
    end if;
    return acting;
end
$$;
comment on function errtrack_private.find_tracker(bigint, text) is
    'The channel of a tracker in which errtrack acts. Raises when there is none.';

create or replace function errtrack_private.queue_tracker_test(project bigint, provider text) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    queued constant errtrack_private.notifications := errtrack_private.queue_test(errtrack_private.find_tracker(project, provider));
begin
    perform errtrack_private.note_change(session_user, project, 'tracker.test', jsonb_build_object('provider', provider));
    return queued.id;
end
$$;
comment on function errtrack_private.queue_tracker_test(bigint, text) is
    'Queues the question whether a tracker would take issues.';

create or replace function errtrack_private.try_tracker(project bigint, provider text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    perform errtrack_private.resume_channel(project, (errtrack_private.find_tracker(project, provider)).id);
    perform errtrack_private.note_change(session_user, project, 'tracker.resume', jsonb_build_object('provider', provider));
end
$$;
comment on function errtrack_private.try_tracker(bigint, text) is
    'Has what waits for a tracker tried at once, for the login.';

create or replace function errtrack_private.remove_tracker(project bigint, provider text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    if not errtrack_private.delete_tracker(project, provider, session_user) then
        raise exception 'the project has no tracker "%": see errtrack tracker list', provider using errcode = 'no_data_found';
    end if;
end
$$;
comment on function errtrack_private.remove_tracker(bigint, text) is
    'Deletes a tracker of a project; links to its issues stay. Raises when there is none.';

create or replace function errtrack_private.queue_tests(project bigint, reference text)
returns table (channel text, notification bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    named constant bigint := case when reference is not null then (errtrack_private.find_channel(project, reference)).id end;
    wanted errtrack_private.channels;
begin
    for wanted in
        select c.*
        from errtrack_private.channels as c
        where c.project_id = queue_tests.project
          and case when named is null then c.enabled and c.kind <> 'tracker' else c.id = named end
        order by c.id
    loop
        channel := wanted.name;
        notification := (errtrack_private.queue_test(wanted)).id;
        perform errtrack_private.note_change(session_user, project, 'channel.test', jsonb_build_object('id', wanted.id));
        return next;
    end loop;
    if channel is null then
        raise exception 'the project has no channel that is enabled: make one with errtrack channel add' using errcode = 'no_data_found';
    end if;
end
$$;
comment on function errtrack_private.queue_tests(bigint, text) is
    'Queues a test for a channel of a project, or for all of them.';

create or replace function errtrack_private.notification_progress(project bigint, ids bigint[])
returns table (channel text, state text, attempts integer, answer text, over boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select c.name, n.state, n.attempts,
           -- What is before it may keep it from being tried.
           coalesce(n.last_error, case when n.state = 'waiting' and c.failures > 0 then c.last_error end),
           -- Who looks does not wait an hour for the next attempt.
           n.state <> 'waiting' or c.parked_at is not null
    from errtrack_private.notifications as n
    join errtrack_private.channels as c on c.project_id = n.project_id and c.id = n.channel_id
    where n.project_id = notification_progress.project and n.id = any (notification_progress.ids)
    order by n.id
$$;
comment on function errtrack_private.notification_progress(bigint, bigint[]) is
    'What has become of some messages so far. over: nothing more is to be waited for.';

create or replace function errtrack_private.notification_list(project bigint, reference text, state text, most bigint)
returns table (
    id uuid,
    created_at timestamptz,
    channel text,
    kind text,
    issue text,
    state text,
    attempts integer,
    ended_at timestamptz,
    last_error text
)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select n.delivery_id, date_trunc('second', n.created_at), c.name, n.kind, n.notice #>> '{issue,short_id}', n.state,
           n.attempts, date_trunc('second', n.ended_at), n.last_error
    from errtrack_private.notifications as n
    join errtrack_private.channels as c on c.project_id = n.project_id and c.id = n.channel_id
    where n.project_id = notification_list.project
      and (notification_list.reference is null
           or n.channel_id = (errtrack_private.find_channel(notification_list.project, notification_list.reference)).id)
      and (notification_list.state is null or n.state = notification_list.state)
      and n.created_at >= errtrack_private.visible_from(notification_list.project)
    order by n.id desc
    limit notification_list.most
$$;
comment on function errtrack_private.notification_list(bigint, text, text, bigint) is
    'So many messages of a project, the newest first: of any or one channel, in any or one state.';

create or replace function errtrack_private.retry_notifications(project bigint, delivery uuid) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    wanted errtrack_private.notifications;
    again bigint := 0;
begin
    for wanted in
        select n.*
        from errtrack_private.notifications as n
        where n.project_id = retry_notifications.project
          and case when delivery is null then n.state = 'failed' and n.created_at >= now() - interval '7 days'
                   else n.delivery_id = delivery end
        order by n.id
    loop
        perform errtrack_private.retry_notification(wanted);
        perform errtrack_private.note_change(session_user, project, 'notification.retry', jsonb_build_object('id', wanted.delivery_id));
        again := again + 1;
    end loop;
    if again = 0 then
        raise exception '%', case when delivery is null then 'nothing failed within 7 days'
            else format('there is no message %s: see errtrack notify list', delivery) end using errcode = 'no_data_found';
    end if;
    return again;
end
$$;
comment on function errtrack_private.retry_notifications(bigint, uuid) is
    'Has a message that failed wait again, or all of the last 7 days. Returns how many.';

revoke execute on function
    errtrack_private.find_channel(bigint, text),
    errtrack_private.find_rule(bigint, text),
    errtrack_private.channel_list(bigint),
    errtrack_private.untold_words(bigint, bigint),
    errtrack_private.add_channel(bigint, jsonb, jsonb),
    errtrack_private.change_channel(bigint, text, jsonb, jsonb),
    errtrack_private.remove_channel(bigint, text),
    errtrack_private.try_channel(bigint, text),
    errtrack_private.alert_rule_list(bigint),
    errtrack_private.alert_rule_details(bigint),
    errtrack_private.with_channels(bigint, jsonb),
    errtrack_private.add_alert_rule(bigint, jsonb),
    errtrack_private.change_alert_rule(bigint, text, jsonb),
    errtrack_private.remove_alert_rule(bigint, text),
    errtrack_private.tracker_list(bigint),
    errtrack_private.put_tracker(bigint, text, jsonb, jsonb),
    errtrack_private.find_tracker(bigint, text),
    errtrack_private.queue_tracker_test(bigint, text),
    errtrack_private.try_tracker(bigint, text),
    errtrack_private.remove_tracker(bigint, text),
    errtrack_private.queue_tests(bigint, text),
    errtrack_private.notification_progress(bigint, bigint[]),
    errtrack_private.notification_list(bigint, text, text, bigint),
    errtrack_private.retry_notifications(bigint, uuid)
from public;
