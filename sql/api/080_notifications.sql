-- From what happened to what people are told. The outbox has what happened, written in the
-- transactions in which it did; here each row of it becomes a notification for every channel
-- that a rule of the project has for it. One worker at a time does this and sends.

create or replace function errtrack_private.alert_rules_of(wanted_project bigint)
returns setof errtrack_private.alert_rules
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    rule errtrack_private.alert_rules;
begin
    return query
        select r.* from errtrack_private.alert_rules r where r.project_id = wanted_project order by r.id;
    if found then
        return;
    end if;
    rule.project_id := wanted_project;
    rule.id := 0;
    rule.enabled := true;
    rule.repeat_minutes := 1440;
    rule.timezone := 'UTC';
    foreach rule.kind in array array['new_issue', 'regression', 'unignored', 'spike', 'quota_reached', 'behind'] loop
        rule.name := rule.kind;
        return next rule;
    end loop;
end
$$;
comment on function errtrack_private.alert_rules_of(bigint) is
    'The rules of a project; those that hold without any setting, under the id 0, while it has none of its own.';

create or replace function errtrack_private.like_patterns(patterns text[]) returns text[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select array(select errtrack_private.like_pattern(pattern) from unnest(patterns) as pattern)
$$;
comment on function errtrack_private.like_patterns(text[]) is
    'Of texts in which * stands for anything those that like takes.';

create or replace function errtrack_private.rule_matches(
    rule errtrack_private.alert_rules,
    notice jsonb
)
returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    issue constant bigint := (notice #>> '{issue,id}')::bigint;
    wanted record;
begin
    if issue is null then
        -- About the project: what is said of events does not matter.
        return true;
    end if;
    if rule.levels is not null and not coalesce(notice #>> '{issue,level}' = any (rule.levels), false)
        or rule.releases is not null
            and not coalesce(coalesce(notice #>> '{event,release}', notice #>> '{issue,last_release}')
                             like any (errtrack_private.like_patterns(rule.releases)), false)
        or rule.environments is not null
            and not (case
                when notice ? 'event' then coalesce(
                    notice #>> '{event,environment}' like any (errtrack_private.like_patterns(rule.environments)), false)
                else errtrack_private.issue_has_tag(
                    rule.project_id, issue, 'environment', errtrack_private.like_patterns(rule.environments)) end)
    then
        return false;
    end if;
    for wanted in select t.key, t.value from jsonb_each(coalesce(rule.tags, '{}')) as t loop
        if not errtrack_private.issue_has_tag(
            rule.project_id, issue, wanted.key,
            errtrack_private.like_patterns(array(select jsonb_array_elements_text(wanted.value))))
        then
            return false;
        end if;
    end loop;
    return true;
end
$$;
comment on function errtrack_private.rule_matches(errtrack_private.alert_rules, jsonb) is
    'Whether a notice meets the filters of a rule. Tags are those that any event of the issue had.';

create or replace function errtrack_private.issue_has_tag(
    wanted_project bigint,
    wanted_issue bigint,
    wanted_key text,
    patterns text[]
)
returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
            select from errtrack_private.origins o
            join errtrack_private.tag_counts t on t.project_id = o.project_id and t.origin_id = o.id and t.key = wanted_key
            where o.project_id = wanted_project and o.issue_id = wanted_issue and t.value like any (patterns))
        -- What is not folded yet.
        or exists (
            select from errtrack_private.origins o
            cross join lateral (
                select f.keys, f.texts from errtrack_private.tag_facts f
                where f.project_id = o.project_id and f.origin_id = o.id
                limit 1000) f
            cross join unnest(f.keys, f.texts) as tag (key, value)
            where o.project_id = wanted_project and o.issue_id = wanted_issue and tag.key = wanted_key
              and tag.value like any (patterns));
end
$$;
comment on function errtrack_private.issue_has_tag(bigint, bigint, text, text[]) is
    'Whether an event of the issue had a tag with a value like one of these.';

create or replace function errtrack_private.mute_end(rule errtrack_private.alert_rules, at timestamptz)
returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    local_now timestamp;
    began timestamp;
    ends timestamp;
begin
    if rule.muted_from is null then
        return null;
    end if;
    local_now := at at time zone rule.timezone;
    -- One that began yesterday may go on until now.
    for days_ago in 0 .. 1 loop
        began := (local_now::date - days_ago) + rule.muted_from;
        ends := began::date + rule.muted_until
            + case when rule.muted_until <= rule.muted_from then interval '1 day' else interval '0' end;
        if local_now >= began and local_now < ends
            and (rule.muted_days is null or extract(isodow from began)::integer = any (rule.muted_days))
        then
            return ends at time zone rule.timezone;
        end if;
    end loop;
    return null;
end
$$;
comment on function errtrack_private.mute_end(errtrack_private.alert_rules, timestamptz) is
    'Until when a rule is mute; null when it is not.';

create or replace function errtrack_private.notice_of(
    wanted_project bigint,
    wanted_issue bigint,
    kind text,
    at timestamptz,
    details jsonb
)
returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    notice jsonb;
begin
    select jsonb_build_object(
        'kind', notice_of.kind,
        'at', errtrack_private.rfc3339(notice_of.at),
        'project', jsonb_build_object('id', p.id, 'slug', p.slug, 'name', p.name, 'organization', o.slug))
    into notice
    from errtrack_private.projects p
    join errtrack_private.organizations o on o.id = p.organization_id
    where p.id = wanted_project;
    if wanted_issue is not null then
        -- One that was merged meanwhile is told of as what it is now.
        select notice || jsonb_build_object('issue', jsonb_build_object(
            'id', i.id,
            'short_id', errtrack_private.short_id(notice #>> '{project,slug}', i.id),
            'title', left(i.title, 1000), 'culprit', i.culprit, 'level', i.level,
            'type', i.type, 'value', left(i.value, 2000), 'platform', i.platform, 'status', i.status,
            'events', i.event_count, 'users', i.user_count,
            'first_seen', errtrack_private.rfc3339(i.first_seen), 'last_seen', errtrack_private.rfc3339(i.last_seen),
            'first_release', i.first_release, 'last_release', i.last_release,
            'assigned_to', (select u.email from errtrack_private.users u where u.id = i.assigned_to)))
        into notice
        from errtrack_private.origins o
        join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
        where o.project_id = wanted_project and o.id = wanted_issue
          and errtrack_private.issue_is_visible(i.project_id, i.id);
        if not found then
            return null;
        end if;
        if details ? 'event_id' then
            notice := notice || jsonb_build_object('event', coalesce((
                select jsonb_build_object('id', details ->> 'event_id', 'release', c.release, 'environment', c.environment)
                from errtrack_private.event_ids e
                join errtrack_private.occurrences c
                  on c.project_id = e.project_id and c.event_id = e.event_id and c.received_at = e.received_at
                where e.project_id = wanted_project and e.event_id = (details ->> 'event_id')::uuid
                order by e.received_at desc
                limit 1),
                jsonb_build_object('id', details ->> 'event_id', 'release', details ->> 'release',
                                   'environment', details ->> 'environment')));
        end if;
    end if;
    return notice || jsonb_build_object(
        'reason', details - array['event_id', 'rule_id', 'title', 'culprit', 'level', 'release', 'environment']
            || coalesce((
                select jsonb_object_agg(k.key, errtrack_private.rfc3339((details ->> k.key)::timestamptz))
                from unnest(array['resolved_at', 'ignored_at', 'until']) as k (key)
                where details ->> k.key is not null), '{}'));
end
$$;
comment on function errtrack_private.notice_of(bigint, bigint, text, timestamptz, jsonb) is
    'What is said of something that happened, as it is now. Null when the issue is no more.';

create or replace function errtrack_private.queue_digest(
    channel errtrack_private.channels,
    notice jsonb,
    due timestamptz,
    is_mute boolean
)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    insert into errtrack_private.digests as d (project_id, channel_id, reason, due_at, messages, by_kind, issues)
    values ((channel).project_id, (channel).id, case when is_mute then 'mute' else 'cap' end, due, 1,
            jsonb_build_object(queue_digest.notice ->> 'kind', 1),
            case when queue_digest.notice ? 'issue' then jsonb_build_array(jsonb_build_object(
                'short_id', queue_digest.notice #>> '{issue,short_id}', 'title', left(queue_digest.notice #>> '{issue,title}', 200))) else '[]' end)
    on conflict (project_id, channel_id, reason) do update
    set messages = d.messages + 1,
        by_kind = d.by_kind || jsonb_build_object(
            queue_digest.notice ->> 'kind', coalesce((d.by_kind ->> (queue_digest.notice ->> 'kind'))::bigint, 0) + 1),
        issues = case when jsonb_array_length(d.issues) < 5 then d.issues || excluded.issues else d.issues end;
end
$$;
comment on function errtrack_private.queue_digest(errtrack_private.channels, jsonb, timestamptz, boolean) is
    'Adds a notice to what a channel is told in one message later: when the first of it is due.';

create or replace function errtrack_private.spend_message(channel errtrack_private.channels, out full_until timestamptz)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A clock that was ahead for a moment is not believed.
    if channel.window_from not between now() - interval '1 hour' and now() then
        channel.window_from := now();
        channel.window_messages := 0;
    elsif channel.window_messages >= channel.hourly_cap then
        full_until := channel.window_from + interval '1 hour';
        return;
    end if;
    update errtrack_private.channels c
    set window_from = channel.window_from, window_messages = channel.window_messages + 1
    where c.project_id = channel.project_id and c.id = channel.id;
end
$$;
comment on function errtrack_private.spend_message(errtrack_private.channels) is
    'Counts a message of a channel, whose row the caller has locked. Not null: it has had as many as it may in an hour, until then.';

create or replace function errtrack_private.queue_notice(
    wanted_project bigint,
    wanted_channel bigint,
    notice jsonb,
    mute_until timestamptz
)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    channel errtrack_private.channels;
    full_until timestamptz;
begin
    select c.* into strict channel
    from errtrack_private.channels c
    where c.project_id = wanted_project and c.id = wanted_channel
    for no key update;
    if mute_until is not null then
        perform errtrack_private.queue_digest(channel, notice, mute_until, true);
        return;
    end if;
    full_until := errtrack_private.spend_message(channel);
    if full_until is not null then
        perform errtrack_private.queue_digest(channel, notice, full_until, false);
        return;
    end if;
    insert into errtrack_private.notifications (project_id, channel_id, kind, issue_id, notice)
    values (wanted_project, wanted_channel, notice ->> 'kind', (notice #>> '{issue,id}')::bigint, notice);
end
$$;
comment on function errtrack_private.queue_notice(bigint, bigint, jsonb, timestamptz) is
    'Queues a message for a channel: one by itself, or as part of the next digest when the channel has had as many as it may in an hour, or the rule is mute.';

create or replace function errtrack_private.queue_tracking(notice jsonb, happened text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    -- Planned once in a session, which costs more than it does.
    insert into errtrack_private.notifications (project_id, channel_id, kind, issue_id, notice)
    select c.project_id, c.id, task.kind, (queue_tracking.notice #>> '{issue,id}')::bigint,
           queue_tracking.notice || jsonb_build_object('kind', task.kind)
               || case when l.reference is null then '{}'
                       else jsonb_build_object('link', jsonb_build_object('reference', l.reference, 'url', l.url)) end
    from errtrack_private.channels c
    left join errtrack_private.issue_links l
      on l.project_id = c.project_id and l.provider = c.provider and l.issue_id = (queue_tracking.notice #>> '{issue,id}')::bigint
    cross join lateral (
        select case
            when happened = 'new_issue' and l.reference is null and c.settings @> '{"creates": true}' then 'create'
            when happened = 'resolved' and l.reference is not null and not c.settings @> '{"closes": false}' then 'close'
            when happened in ('regression', 'reopened') and l.reference is not null
                and not c.settings @> '{"reopens": false}' then 'reopen' end as kind) as task
    where c.project_id = (queue_tracking.notice #>> '{project,id}')::bigint
      and c.kind = 'tracker' and c.enabled and task.kind is not null
      -- Anybody can make issues here; what is beyond the cap nobody makes there but by hand.
      and (task.kind <> 'create' or c.hourly_cap > (
          select count(*) from errtrack_private.notifications n
          where n.project_id = c.project_id and n.channel_id = c.id and n.kind = 'create'
            and n.created_at > now() - interval '1 hour'))
    order by l.id;
end
$$;
comment on function errtrack_private.queue_tracking(jsonb, text) is
    'Queues for the trackers of the project what is to be made, closed or opened there with an issue. As many are made in an hour as the cap of the tracker says.';

create or replace function errtrack_private.queue_ends(notice jsonb) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
    insert into errtrack_private.notifications (project_id, channel_id, kind, issue_id, notice)
    select c.project_id, c.id, 'close', (queue_ends.notice #>> '{issue,id}')::bigint, queue_ends.notice || '{"kind": "close"}'
    from errtrack_private.channels c
    where c.project_id = (queue_ends.notice #>> '{project,id}')::bigint and c.kind = 'pagerduty' and c.enabled
      and (select n.kind
           from errtrack_private.notifications n
           where n.project_id = c.project_id and n.channel_id = c.id and n.issue_id = (queue_ends.notice #>> '{issue,id}')::bigint
             and n.state <> 'failed'
           order by n.id desc
           limit 1) <> 'close'
$$;
comment on function errtrack_private.queue_ends(jsonb) is
    'Queues the end of the incidents that an issue which is resolved has; it does not count towards the cap. They are those that it was told of in the last 30 days.';

create or replace function errtrack_private.plan_row(told errtrack_private.outbox) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    notice constant jsonb := errtrack_private.notice_of(told.project_id, told.issue_id, told.kind, told.created_at, told.details);
    -- A rule that was not looked at by then holds: who has that many is told too much rather than nothing.
    late constant timestamptz := clock_timestamp() + interval '1 second';
    target record;
begin
    -- None is deleted before it is done: the others would not be told either.
    perform from errtrack_private.channels c where c.project_id = told.project_id and c.enabled order by c.id for key share;
    if notice is null then
        return;
    end if;
    if told.issue_id is not null then
        perform errtrack_private.queue_tracking(notice, told.kind);
    end if;
    if told.kind = 'resolved' then
        perform errtrack_private.queue_ends(notice);
    end if;
    -- Several rules tell a channel once.
    for target in
        select distinct on (c.id) c.id as channel_id, r.id as rule_id, r.name as rule_name, m.mute_until
        from errtrack_private.alert_rules_of(told.project_id) r
        cross join lateral (select errtrack_private.mute_end(r, now()) as mute_until) m
        join errtrack_private.channels c
          on c.project_id = told.project_id and c.kind <> 'tracker' and c.enabled
         and (r.channel_ids is null or c.id = any (r.channel_ids))
        where r.enabled and r.kind = told.kind
          and coalesce((told.details ->> 'rule_id')::bigint, r.id) = r.id
          and case when clock_timestamp() > late then true else errtrack_private.rule_matches(r, notice) end
        order by c.id, m.mute_until nulls first, r.id
    loop
        perform errtrack_private.queue_notice(
            told.project_id, target.channel_id,
            notice || case when target.rule_id = 0 then '{}' else jsonb_build_object(
                'rule', jsonb_build_object('id', target.rule_id, 'name', target.rule_name)) end,
            target.mute_until);
    end loop;
end
$$;
comment on function errtrack_private.plan_row(errtrack_private.outbox) is
    'Queues what a row of the outbox has people and trackers told.';

create or replace function errtrack_private.drop_untold() returns void
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    delete from errtrack_private.outbox o
    where not exists (select from errtrack_private.channels c where c.project_id = o.project_id and c.enabled)
$$;
comment on function errtrack_private.drop_untold() is 'Empties the outbox of what nobody wants to be told.';

create or replace function errtrack_private.digest_query(digest errtrack_private.digests) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    minutes constant text := 'YYYY-MM-DD"T"HH24:MI"Z"';
    only_new constant boolean := digest.by_kind - '{new_issue, quota_reached, behind}'::text[] = '{}';
    -- What is counted here happened a little before; the first of it is known by name.
    since constant timestamptz := (
        select least(digest.began_at, min(case when only_new then i.first_seen else i.last_seen end)) - interval '1 minute'
        from jsonb_array_elements(digest.issues) as t (issue)
        join errtrack_private.issues i
          on i.project_id = digest.project_id and i.id = errtrack_private.id_of_short(t.issue ->> 'short_id'));
begin
    return case
        when digest.issues = '[]' then null
        when only_new then format('firstSeen:>=%s firstSeen:<=%s', to_char(since at time zone 'UTC', minutes),
                                  to_char((now() + interval '1 minute') at time zone 'UTC', minutes))
        else format('lastSeen:>=%s', to_char(since at time zone 'UTC', minutes)) end;
end
$$;
comment on function errtrack_private.digest_query(errtrack_private.digests) is
    'The search that lists the issues of a digest, to the minute; null when it is about none.';

create or replace function errtrack_private.queue_digest_messages(until timestamptz, out taken integer, out problem text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    digest errtrack_private.digests;
begin
    taken := 0;
    -- Those that somebody holds, who deletes their channel for example, are looked at again.
    for digest in
        select d.* from errtrack_private.digests d where d.due_at <= now() order by random() for update skip locked
    loop
        exit when clock_timestamp() > until;
        begin
            insert into errtrack_private.notifications (project_id, channel_id, kind, notice)
            select digest.project_id, digest.channel_id, 'digest',
                   errtrack_private.notice_of(digest.project_id, null, 'digest', now(), '{}')
                   || jsonb_build_object('digest', jsonb_build_object(
                       case digest.reason when 'cap' then 'beyond' else 'muted' end, digest.messages, 'by_kind', digest.by_kind, 'issues', digest.issues,
                       'query', errtrack_private.digest_query(digest)));
            taken := taken + 1;
        exception
        when lock_not_available or foreign_key_violation then
            problem := format('digest of project %s: %s, trying again', digest.project_id, sqlerrm);
            continue;
        when others then
            problem := format('digest of project %s: %s', digest.project_id, sqlerrm);
        end;
        delete from errtrack_private.digests d
        where d.project_id = digest.project_id and d.channel_id = digest.channel_id and d.reason = digest.reason;
    end loop;
end
$$;
comment on function errtrack_private.queue_digest_messages(timestamptz) is
    'Queues the digests that are due, until a time of the clock. Returns how many, and what could not be told and why.';

create or replace function errtrack_private.plan_project(
    wanted_project bigint,
    most integer,
    until timestamptz,
    out taken integer,
    out problem text
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    told errtrack_private.outbox;
begin
    taken := 0;
    for told in
        select o.* from errtrack_private.outbox o where o.project_id = wanted_project order by o.id limit most
    loop
        exit when taken > 0 and clock_timestamp() > until;
        begin
            perform errtrack_private.plan_row(told);
            delete from errtrack_private.outbox o where o.project_id = told.project_id and o.id = told.id;
            if not found then
                -- A worker that was thought to be dead has told it meanwhile, or the issue is gone.
                raise lock_not_available using message = 'somebody else has told it';
            end if;
            taken := taken + 1;
        exception
        when lock_not_available then
            -- What is behind it waits, too: messages keep their order.
            problem := format('project %s: %s, trying again', told.project_id, sqlerrm);
            exit;
        when others then
            -- One that cannot be told keeps no other waiting.
            problem := format('%s of issue %s of project %s: %s', told.kind, told.issue_id, told.project_id, sqlerrm);
            delete from errtrack_private.outbox o where o.project_id = told.project_id and o.id = told.id;
        end;
    end loop;
end
$$;
comment on function errtrack_private.plan_project(bigint, integer, timestamptz) is
    'Turns so many rows of the outbox of a project, in their order, into notifications: one, and more until a time of the clock. Returns how many, and what could not be told and why.';

create or replace function errtrack_private.plan_notifications(most integer, out taken integer, out problem text)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
-- Somebody who holds a channel holds up what is told there, not the rest.
set lock_timeout = '1s'
as $$
declare
    -- Then what was planned is sent first.
    until constant timestamptz := clock_timestamp() + interval '2 seconds';
    -- However much one project has to tell, and however long its rules take.
    at_a_time constant integer := 50;
    share constant interval := interval '200 milliseconds';
    told_project bigint;
    planned record;
begin
    select d.taken, d.problem into taken, problem from errtrack_private.queue_digest_messages(until) d;
    -- One that alone takes the time of all is not the first each time.
    for told_project in
        select p.project_id
        from (select distinct c.project_id from errtrack_private.channels c where c.enabled) p
        where exists (select from errtrack_private.outbox o where o.project_id = p.project_id offset 0)
        order by random()
    loop
        exit when taken >= most or clock_timestamp() > until;
        select p.taken, p.problem into planned
        from errtrack_private.plan_project(told_project, at_a_time, clock_timestamp() + share) p;
        taken := taken + planned.taken;
        problem := coalesce(planned.problem, problem);
    end loop;
end
$$;
comment on function errtrack_private.plan_notifications(integer) is
    'Turns the digests that are due and about so many rows of the outbox, those of a project in their order, into notifications, for two seconds. Returns how many, to be called until it is none, and what could not be told and why.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'alert_rules_of(bigint)', 'like_patterns(text[])', 'rule_matches(errtrack_private.alert_rules, jsonb)',
        'issue_has_tag(bigint, bigint, text, text[])', 'mute_end(errtrack_private.alert_rules, timestamptz)',
        'notice_of(bigint, bigint, text, timestamptz, jsonb)',
        'queue_digest(errtrack_private.channels, jsonb, timestamptz, boolean)',
        'spend_message(errtrack_private.channels)',
        'queue_notice(bigint, bigint, jsonb, timestamptz)', 'queue_tracking(jsonb, text)', 'queue_ends(jsonb)', 'plan_row(errtrack_private.outbox)',
        'drop_untold()', 'digest_query(errtrack_private.digests)', 'queue_digest_messages(timestamptz)',
        'plan_project(bigint, integer, timestamptz)', 'plan_notifications(integer)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
grant execute on function errtrack_private.plan_notifications(integer), errtrack_private.drop_untold() to errtrack_worker;
