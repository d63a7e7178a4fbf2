-- Sending: what is next for each channel, and what became of it. A channel has one message
-- on its way at a time, so they arrive in their order; one that does not answer keeps its
-- messages until it does, and keeps no other from its own.

create or replace function errtrack_private.take_duty(wanted_name text, wanted_holder text) returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into errtrack_private.duties as d (name, holder, until)
    values (wanted_name, wanted_holder, clock_timestamp() + interval '6 seconds')
    on conflict (name) do update
    set holder = excluded.holder, until = excluded.until
    where d.holder = excluded.holder
       -- Or it is a clock that was ahead for a moment.
       or d.until not between clock_timestamp() and excluded.until;
    return found;
end
$$;
comment on function errtrack_private.take_duty(text, text) is
    'Takes a duty for six seconds, or keeps it for as long. False: another worker has it.';

create or replace function errtrack_private.next_notifications(busy bigint[], most integer)
returns table (
    project_id bigint,
    channel_id bigint,
    id bigint,
    channel_kind text,
    provider text,
    sealed text,
    files text,
    settings text,
    tracker_url text,
    external_id bigint,
    delivery_id text,
    notice text,
    reference text,
    attempts integer
)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- A project whose channels all hang leaves room for others, and for those of its own that
    -- are known to answer.
    at_a_time constant integer := 2;
    -- So do those of many projects: four of eight senders.
    doubtful_at_a_time constant integer := 4;
begin
    for project_id, channel_id, id, channel_kind, provider, sealed, files, settings, tracker_url, external_id, delivery_id,
        notice, reference, attempts
    in
        with all_channels as not materialized (
            select c.*, c.failures > 0 or c.last_delivered_at is null as doubtful
            from errtrack_private.channels c
        ), waiting as (
            select c.*, n.id as notification_id, n.delivery_id, n.notice, n.attempts, n.begun_at, n.issue_id,
                   row_number() over (
                       partition by c.project_id, c.doubtful order by c.last_attempt_at nulls first, c.id) as turn,
                   max(c.last_attempt_at) over (partition by c.project_id) as project_attempt_at
            from all_channels c
            cross join lateral (
                select w.id, w.kind, w.delivery_id, w.notice, w.attempts, w.begun_at, w.issue_id
                from errtrack_private.notifications w
                where w.project_id = c.project_id and w.channel_id = c.id and w.state = 'waiting'
                order by w.id
                limit 1) n
            where c.enabled and c.id <> all (busy)
              and c.next_attempt_at <= now()
              -- What is being made there for so long yet is not found when it is looked for.
              and (n.kind <> 'create' or n.begun_at is null
                   or c.last_attempt_at not between now() - interval '40 seconds' and now())
        ), allowed as (
            select w.*, row_number() over (
                       partition by w.doubtful order by w.project_attempt_at nulls first, w.project_id, w.turn) as rank
            from waiting w
            where w.turn <= at_a_time - (
                select count(*) from all_channels b
                where b.project_id = w.project_id and b.doubtful = w.doubtful and b.id = any (busy))
        )
        select d.project_id, d.id, d.notification_id, d.kind, d.provider, d.sealed::text, d.files::text, d.settings::text,
               t.url, coalesce(t.external_id, 0), d.delivery_id::text, d.notice::text,
               -- Of one that is to be made: it is there by now.
               coalesce(d.notice #>> '{link,reference}', (
                   select l.reference
                   from errtrack_private.issue_links l
                   where l.project_id = d.project_id and l.issue_id = d.issue_id and l.provider = d.provider
                   order by l.id
                   limit 1), ''),
               d.attempts + (d.begun_at is not null)::integer
        from allowed d
        left join errtrack_private.trackers t on t.project_id = d.project_id and t.provider = d.provider
        where not d.doubtful or d.rank <= doubtful_at_a_time - (
            select count(*) from all_channels b where b.doubtful and b.id = any (busy))
        order by d.project_attempt_at nulls first, d.project_id, d.doubtful, d.turn
        limit most
    loop
        -- Whoever takes it over is to know that it may have been there.
        update errtrack_private.notifications n
        set begun_at = coalesce(n.begun_at, now())
        where n.project_id = next_notifications.project_id and n.id = next_notifications.id;
        update errtrack_private.channels c
        set last_attempt_at = now()
        where c.project_id = next_notifications.project_id and c.id = next_notifications.channel_id;
        return next;
    end loop;
end
$$;
comment on function errtrack_private.next_notifications(bigint[], integer) is
    'The oldest waiting message of each channel that may be tried now. busy: channels that have one on its way. Projects that were not tried for longest come first, and have two on their way at most to channels that are known to answer, and two to others, of which there are four in all.';

create or replace function errtrack_private.notification_sent(
    wanted_project bigint,
    wanted_id bigint,
    reference text,
    url text
)
returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    sent record;
begin
    update errtrack_private.notifications n
    set state = 'sent', attempts = n.attempts + 1, ended_at = now(), last_error = null
    where n.project_id = wanted_project and n.id = wanted_id and n.state = 'waiting'
    returning n.channel_id, n.issue_id, n.kind into sent;
    if not found then
        return;
    end if;
    update errtrack_private.channels c
    set failures = 0, failing_since = null, parked_at = null, last_error = null,
        next_attempt_at = '-infinity', last_attempt_at = now(), last_delivered_at = now()
    where c.project_id = wanted_project and c.id = sent.channel_id;
    if sent.kind = 'create' and reference <> '' then
        insert into errtrack_private.issue_links (project_id, issue_id, provider, reference, url)
        select wanted_project, i.id, c.provider, notification_sent.reference, coalesce(notification_sent.url, '')
        from errtrack_private.channels c
        join errtrack_private.origins o on o.project_id = c.project_id and o.id = sent.issue_id
        join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
        where c.project_id = wanted_project and c.id = sent.channel_id
        on conflict on constraint issue_links_key do nothing;
        if found then
            perform errtrack_private.note(wanted_project, sent.issue_id, now(), 'linked', null, jsonb_build_object(
                'provider', (select c.provider from errtrack_private.channels c
                             where c.project_id = wanted_project and c.id = sent.channel_id),
                'reference', reference));
        end if;
        -- Resolved before it was there: then nobody could tell.
        perform errtrack_private.tell_trackers(i.project_id, i.id, 'resolved', jsonb_build_object(
            'resolved_by', i.status_by, 'resolved_in', i.resolved_in))
        from errtrack_private.origins o
        join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id and i.status = 'resolved'
        where o.project_id = wanted_project and o.id = sent.issue_id;
    end if;
end
$$;
comment on function errtrack_private.notification_sent(bigint, bigint, text, text) is
    'Notes that a message arrived; of an issue that was made in a tracker also which one it is.';

create or replace function errtrack_private.notification_left_out(wanted_project bigint, wanted_id bigint, problem text) returns void
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    told_channel bigint;
begin
    update errtrack_private.notifications n
    set last_error = left(problem, 1000)
    where n.project_id = wanted_project and n.id = wanted_id
    returning n.channel_id into told_channel;
    update errtrack_private.channels c
    set last_error = left(problem, 1000)
    where c.project_id = wanted_project and c.id = told_channel;
end
$$;
comment on function errtrack_private.notification_left_out(bigint, bigint, text) is
    'Notes whom a message that was sent did not reach. They do not get it later: the others would have it twice.';

create or replace function errtrack_private.notification_failed(
    wanted_project bigint,
    wanted_id bigint,
    problem text,
    verdict text,
    wait_seconds double precision
)
returns text
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    -- After so many, and when so long has gone by, a channel is tried once an hour.
    many constant integer := 10;
    long constant interval := interval '1 hour';
    -- So many messages that are refused for good in a row are the channel's fault.
    refusals constant integer := 5;
    channel errtrack_private.channels;
    parks boolean;
begin
    select c.* into channel
    from errtrack_private.notifications n
    join errtrack_private.channels c on c.project_id = n.project_id and c.id = n.channel_id
    where n.project_id = wanted_project and n.id = wanted_id and n.state = 'waiting'
    for no key update of c;
    if not found then
        return 'gone';
    end if;
    channel.failures := channel.failures + 1;
    channel.failing_since := coalesce(channel.failing_since, now());
    parks := case verdict
        when 'channel' then true
        when 'message' then channel.failures >= refusals
        else channel.failures >= many and channel.failing_since < now() - long end;
    update errtrack_private.notifications n
    set attempts = n.attempts + 1,
        last_error = left(problem, 1000),
        state = case when verdict = 'message' and not parks then 'failed' else n.state end,
        ended_at = case when verdict = 'message' and not parks then now() end
    where n.project_id = wanted_project and n.id = wanted_id;
    update errtrack_private.channels c
    set failures = channel.failures,
        failing_since = channel.failing_since,
        parked_at = case when parks then coalesce(c.parked_at, now()) end,
        last_attempt_at = now(),
        last_error = left(problem, 1000),
        next_attempt_at = case
            when parks then now() + interval '1 hour'
            when verdict = 'message' then '-infinity'
            -- Not all at once when what was away is back.
            else now() + greatest(
                coalesce(wait_seconds, 0),
                least(5 * 2 ^ least(channel.failures - 1, 12), 3600) * (0.5 + random() / 2)) * interval '1 second' end
    where c.project_id = channel.project_id and c.id = channel.id;
    return case when parks then 'parked' when verdict = 'message' then 'failed' else 'waiting' end;
end
$$;
comment on function errtrack_private.notification_failed(bigint, bigint, text, text, double precision) is
    'Notes why a message did not arrive. verdict: again, it may the next time, after at least wait_seconds; message: this one never will; channel: none will until somebody looks at the channel. Returns what became of it: waiting, failed, parked.';

create or replace function errtrack_private.sweep_notifications() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    update errtrack_private.notifications n
    set state = 'failed', ended_at = now(),
        last_error = 'not delivered within 7 days' || coalesce(': ' || n.last_error, '')
    where n.state = 'waiting' and n.created_at < now() - interval '7 days';
    delete from errtrack_private.notifications where created_at < now() - interval '30 days';
    delete from errtrack_private.alert_marks where told_at < now() - interval '30 days';
end
$$;
comment on function errtrack_private.sweep_notifications() is
    'Gives up messages that could not be delivered for a week; forgets old ones.';

create or replace function errtrack_private.notification_state(out waiting bigint, out parked bigint, out failing bigint, out oldest_seconds double precision)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select (select count(*) from errtrack_private.notifications n where n.state = 'waiting'),
           (select count(*) from errtrack_private.channels c where c.enabled and c.parked_at is not null),
           (select count(*) from errtrack_private.channels c where c.enabled and c.failures > 0),
           coalesce(extract(epoch from now() - (
               select min(n.created_at) from errtrack_private.notifications n where n.state = 'waiting')), 0)
$$;
comment on function errtrack_private.notification_state() is 'How sending goes, for metrics and the doctor.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'take_duty(text, text)', 'next_notifications(bigint[], integer)', 'notification_sent(bigint, bigint, text, text)',
        'notification_left_out(bigint, bigint, text)',
        'notification_failed(bigint, bigint, text, text, double precision)', 'notification_state()']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;
revoke execute on function errtrack_private.sweep_notifications() from public;
