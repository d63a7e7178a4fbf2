-- Trying rules for grouping: somebody asks over HTTP, a worker looks how the newest events would
-- be grouped by them, and the answer is asked for until it is there. One at a time in a project.

-- ---- over HTTP -------------------------------------------------------------------

create or replace function errtrack_private.trial_is_open(t errtrack_private.rule_trials) returns boolean
language sql stable
as $$
    select t.state in ('waiting', 'running') and t.requested_at > now() - interval '10 minutes'
$$;
comment on function errtrack_private.trial_is_open(errtrack_private.rule_trials) is
    'Whether a trial may still come to something: after ten minutes nobody waits for it.';

create or replace function errtrack_private.issue_brief(wanted_project bigint, wanted_issue bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object('id', i.id::text, 'shortId', errtrack_private.short_id(p.slug, i.id), 'title', i.title)
        from errtrack_private.issues i
        join errtrack_private.projects p on p.id = i.project_id
        where i.project_id = wanted_project and i.id = wanted_issue);
end
$$;
comment on function errtrack_private.issue_brief(bigint, bigint) is 'An issue in a list of something else; null when it is gone.';

create or replace function errtrack_private.show_trial_result(wanted_project bigint, result jsonb) returns jsonb
language plpgsql stable
as $$
begin
    return (
        with moves as (
            select m.n, (m.move ->> 'from')::bigint as source, (m.move ->> 'to')::bigint as target, m.move ->> 'group' as part,
                   m.move -> 'events' as events, m.move -> 'example' as example
            from jsonb_array_elements(result -> 'moves') with ordinality as m (move, n)
        ), looked_at as (
            select (i.issue ->> 'id')::bigint as id, (i.issue ->> 'events')::bigint as events
            from jsonb_array_elements(result -> 'issues') as i (issue)
        )
        select jsonb_build_object(
            'events', result -> 'events', 'changed', result -> 'changed', 'complete', result -> 'complete',
            'split', coalesce((
                select jsonb_agg(s.shown order by s.n)
                from (
                    select min(m.n) as n, jsonb_build_object(
                        'issue', errtrack_private.issue_brief(wanted_project, m.source), 'events', l.events,
                        'stay', l.events - sum(m.events::bigint),
                        'into', jsonb_agg(jsonb_build_object(
                            'issue', errtrack_private.issue_brief(wanted_project, m.target), 'group', m.part,
                            'events', m.events, 'example', m.example) order by m.n)) as shown
                    from moves m
                    join looked_at l on l.id = m.source
                    group by m.source, l.events) s), '[]'),
            'joined', coalesce((
                select jsonb_agg(j.shown order by j.n)
                from (
                    select min(m.n) as n, jsonb_build_object(
                        'issue', errtrack_private.issue_brief(wanted_project, m.target), 'group', m.part,
                        'from', jsonb_agg(jsonb_build_object(
                            'issue', errtrack_private.issue_brief(wanted_project, m.source),
                            'events', m.events, 'example', m.example) order by m.n)) as shown
                    from moves m
                    group by m.target, m.part
                    having m.target is not null or count(*) > 1) j), '[]')));
end
$$;
comment on function errtrack_private.show_trial_result(bigint, jsonb) is
    'What the rules would do: issues that lose events, and into what; issues, new ones too, that get events of several.';

create or replace function errtrack_private.show_trial(t errtrack_private.rule_trials) returns jsonb
language plpgsql stable
as $$
begin
    return jsonb_build_object(
        'id', t.id::text,
        'state', case when t.state in ('waiting', 'running') and not errtrack_private.trial_is_open(t) then 'failed' else t.state end,
        'events', t.events, 'dateCreated', errtrack_private.rfc3339(t.requested_at), 'createdBy', t.requested_by,
        'dateStarted', errtrack_private.rfc3339(t.started_at), 'dateFinished', errtrack_private.rfc3339(t.finished_at),
        'problem', case when t.state in ('waiting', 'running') and not errtrack_private.trial_is_open(t)
                        then 'no worker has done it: see whether one is running' else t.problem end,
        'result', case when t.result is not null then errtrack_private.show_trial_result(t.project_id, t.result) end);
end
$$;
comment on function errtrack_private.show_trial(errtrack_private.rule_trials) is 'A trial, and what came of it.';

create or replace function errtrack_private.rules_dry_run(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    body constant jsonb := errtrack_private.body_of(request, '{fingerprintingRules, groupingEnhancements, events}');
    trial errtrack_private.rule_trials;
begin
    insert into errtrack_private.rule_trials as t (project_id, fingerprint_rules, stack_rules, events, requested_by)
    values (wanted, errtrack_private.member_rules(request, 'fingerprintingRules'),
            errtrack_private.member_rules(request, 'groupingEnhancements'),
            coalesce(errtrack_private.member_number(body, 'events', 1, 2000), 500), errtrack_private.name_of_token(token_hash))
    on conflict (project_id) do update
        set id = excluded.id, fingerprint_rules = excluded.fingerprint_rules, stack_rules = excluded.stack_rules,
            events = excluded.events, state = 'waiting', attempts = 0, requested_at = now(),
            requested_by = excluded.requested_by, started_at = null, finished_at = null, result = null, problem = null
        where not errtrack_private.trial_is_open(t)
    returning * into trial;
    if trial.id is null then
        perform errtrack_private.refuse(409, 'rules are being tried in this project already: ask again when that is done');
    end if;
    return errtrack_private.ok(errtrack_private.show_trial(trial)::text, 202);
end
$$;
comment on function errtrack_private.rules_dry_run(bytea, jsonb) is
    'Has a worker look how the newest events would be grouped by these rules, in place of those of the project. Nothing is changed.';

create or replace function errtrack_private.rules_dry_run_get(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'event:read');
    trial errtrack_private.rule_trials;
begin
    select t.* into trial
    from errtrack_private.rule_trials t
    where t.project_id = wanted and t.id::text = lower(errtrack_private.path_text(request, 'run'));
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    return errtrack_private.ok(errtrack_private.show_trial(trial)::text);
end
$$;
comment on function errtrack_private.rules_dry_run_get(bytea, jsonb) is 'How far a trial of rules has come, and what came of it.';

-- ---- for the worker --------------------------------------------------------------

create or replace function errtrack_private.claim_rule_trial()
returns table (
    project_id bigint,
    id uuid,
    algorithm text,
    present_fingerprint text[],
    present_stack text[],
    tried_fingerprint text[],
    tried_stack text[],
    events integer
)
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    claimed errtrack_private.rule_trials;
begin
    update errtrack_private.rule_trials t
    set state = case when t.attempts < 2 then 'running' else 'failed' end,
        problem = case when t.attempts < 2 then null else 'two workers ended while they were at it' end,
        attempts = t.attempts + 1,
        started_at = now()
    where t.project_id = (
        select w.project_id
        from errtrack_private.rule_trials w
        where (w.state = 'waiting' or w.state = 'running' and w.started_at < now() - interval '1 minute')
          and errtrack_private.trial_is_open(w)
        order by w.requested_at
        limit 1
        for update skip locked)
    returning t.* into claimed;
    if claimed.state = 'running' then
        return query
            select p.id, claimed.id, p.grouping_algo, present.fingerprint, present.stack,
                   coalesce(claimed.fingerprint_rules, present.fingerprint), coalesce(claimed.stack_rules, present.stack),
                   claimed.events
            from errtrack_private.projects p
            cross join lateral (
                select coalesce(array_agg(r.rule order by r.place) filter (where r.kind = 'fingerprint'), '{}') as fingerprint,
                       coalesce(array_agg(r.rule order by r.place) filter (where r.kind = 'stack'), '{}') as stack
                from errtrack_private.grouping_rules r
                where r.project_id = p.id) present
            where p.id = claimed.project_id;
    end if;
end
$$;
comment on function errtrack_private.claim_rule_trial() is
    'The trial that has waited longest, or that a worker has left behind; no row when there is none. With the rules of the project and those to try.';

create or replace function errtrack_private.rule_trial_events(wanted_project bigint, most integer)
returns table (event_id uuid, received_at text, issue_id bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select e.event_id, e.received_at::text, o.issue_id
    from errtrack_private.occurrences e
    join errtrack_private.origins o on o.project_id = e.project_id and o.id = e.origin_id
    where e.project_id = wanted_project and e.has_payload
      and e.received_at >= errtrack_private.visible_from(wanted_project)
    order by e.received_at desc
    limit most
$$;
comment on function errtrack_private.rule_trial_events(bigint, integer) is 'So many of the newest events of a project that have a body.';

create or replace function errtrack_private.rule_trial_body(wanted_project bigint, wanted_event uuid, received timestamptz)
returns table (body text)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select p.body::text
    from errtrack_private.payloads p
    where p.project_id = wanted_project and p.event_id = wanted_event and p.received_at = received
$$;
comment on function errtrack_private.rule_trial_body(bigint, uuid, timestamptz) is 'The body of an event; no row when it is gone.';

create or replace function errtrack_private.rule_trial_known(wanted_project bigint, hashes uuid[])
returns table (hash uuid, issue_id bigint)
language sql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select h.hash, o.issue_id
    from errtrack_private.hashes h
    join errtrack_private.origins o on o.project_id = h.project_id and o.id = h.origin_id
    where h.project_id = wanted_project and h.hash = any (hashes)
$$;
comment on function errtrack_private.rule_trial_known(bigint, uuid[]) is 'The issues that have these hashes already.';

create or replace function errtrack_private.finish_rule_trial(wanted_project bigint, trial uuid, result jsonb)
returns void
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    update errtrack_private.rule_trials t
    set state = 'done', result = finish_rule_trial.result, finished_at = now()
    where t.project_id = wanted_project and t.id = trial and t.state = 'running'
$$;
comment on function errtrack_private.finish_rule_trial(bigint, uuid, jsonb) is
    'Notes what came of a trial, unless it is another one by now.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'trial_is_open(errtrack_private.rule_trials)', 'issue_brief(bigint, bigint)', 'show_trial_result(bigint, jsonb)',
        'show_trial(errtrack_private.rule_trials)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array['rules_dry_run', 'rules_dry_run_get']
    loop
        execute format('revoke execute on function errtrack_private.%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.%s(bytea, jsonb) to errtrack_query', name);
    end loop;
    foreach name in array array[
        'claim_rule_trial()', 'rule_trial_events(bigint, integer)', 'rule_trial_known(bigint, uuid[])',
        'rule_trial_body(bigint, uuid, timestamptz)', 'finish_rule_trial(bigint, uuid, jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;
