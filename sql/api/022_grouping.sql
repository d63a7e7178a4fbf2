-- Grouping: rules of projects, versions of the algorithm, and explanations of hashes.

-- ---- rules, for the command ---------------------------------------------------

create or replace function errtrack_private.add_grouping_rule(
    project bigint,
    kind text,
    rule text,
    place integer default null
)
returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    last integer;
    wanted integer;
begin
    -- Changes of one project wait for each other.
    perform
    from errtrack_private.projects as p
    where p.id = add_grouping_rule.project
    for no key update;
    select coalesce(max(r.place), 0)
    into last
    from errtrack_private.grouping_rules as r
    where r.project_id = add_grouping_rule.project and r.kind = add_grouping_rule.kind;
    if last >= 500 then
        raise exception 'the project has 500 % rules already', add_grouping_rule.kind
            using errcode = 'program_limit_exceeded';
    end if;
    wanted := least(coalesce(add_grouping_rule.place, last + 1), last + 1);
    update errtrack_private.grouping_rules as r
    set place = r.place + 1
    where r.project_id = add_grouping_rule.project
        and r.kind = add_grouping_rule.kind
        and r.place >= wanted;
    insert into errtrack_private.grouping_rules (project_id, kind, place, rule)
    values (add_grouping_rule.project, add_grouping_rule.kind, wanted, add_grouping_rule.rule);
    perform errtrack_private.note_change(session_user, project, 'grouping_rule.add', jsonb_build_object(
        'kind', add_grouping_rule.kind, 'place', wanted, 'rule', add_grouping_rule.rule));
    return wanted;
end
$$;
comment on function errtrack_private.add_grouping_rule(bigint, text, text, integer) is
    'Adds a rule at a place, moving those from there on, or behind the last. Returns the place. Whether the rule can be read is for the caller to find out.';

create or replace function errtrack_private.remove_grouping_rule(
    project bigint,
    kind text,
    place integer
)
returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    removed text;
begin
    perform
    from errtrack_private.projects as p
    where p.id = remove_grouping_rule.project
    for no key update;
    delete from errtrack_private.grouping_rules as r
    where r.project_id = remove_grouping_rule.project
        and r.kind = remove_grouping_rule.kind
        and r.place = remove_grouping_rule.place
    returning r.rule into removed;
    if removed is null then
        raise exception 'project % has no % rule %', remove_grouping_rule.project,
            remove_grouping_rule.kind, remove_grouping_rule.place
            using errcode = 'no_data_found';
    end if;
    update errtrack_private.grouping_rules as r
    set place = r.place - 1
    where r.project_id = remove_grouping_rule.project
        and r.kind = remove_grouping_rule.kind
        and r.place > remove_grouping_rule.place;
    perform errtrack_private.note_change(session_user, project, 'grouping_rule.remove', jsonb_build_object(
        'kind', remove_grouping_rule.kind, 'place', remove_grouping_rule.place, 'rule', removed));
    return removed;
end
$$;
comment on function errtrack_private.remove_grouping_rule(bigint, text, integer) is
    'Takes a rule away, moves those behind it up, and returns its text.';

create or replace function errtrack_private.replace_grouping_rules(project bigint, kind text, rules text[])
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    perform
    from errtrack_private.projects as p
    where p.id = replace_grouping_rules.project
    for no key update;
    delete from errtrack_private.grouping_rules as r
    where r.project_id = replace_grouping_rules.project and r.kind = replace_grouping_rules.kind;
    insert into errtrack_private.grouping_rules (project_id, kind, place, rule)
    select replace_grouping_rules.project, replace_grouping_rules.kind, r.place, r.rule
    from unnest(replace_grouping_rules.rules) with ordinality as r (rule, place);
end
$$;
comment on function errtrack_private.replace_grouping_rules(bigint, text, text[]) is
    'Makes the rules of a kind these. Whether they can be read is for the caller to find out.';

create or replace function errtrack_private.grouping_rule_list(project bigint)
returns table (kind text, place integer, rule text)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select r.kind, r.place, r.rule
    from errtrack_private.grouping_rules as r
    where r.project_id = grouping_rule_list.project
    order by r.kind, r.place
$$;
comment on function errtrack_private.grouping_rule_list(bigint) is
    'The rules of a project in their order.';

create or replace function errtrack_private.event_payload(project bigint, event_id uuid)
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    found_body text;
begin
    select p.body::text
    into found_body
    from errtrack_private.payloads as p
    where p.project_id = event_payload.project and p.event_id = event_payload.event_id
    order by p.received_at desc
    limit 1;
    if found_body is null then
        raise exception 'project % has no body of event %', event_payload.project, event_payload.event_id
            using errcode = 'no_data_found';
    end if;
    return found_body;
end
$$;
comment on function errtrack_private.event_payload(bigint, uuid) is
    'The stored body of an event, for explaining its grouping anew.';

-- ---- versions, for the command ------------------------------------------------

create or replace function errtrack_private.grouping_of(project bigint)
returns table (algorithm text, previous text, previous_until timestamptz)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select p.grouping_algo,
           case when p.previous_until > now() then p.previous_algo end,
           case when p.previous_until > now() then date_trunc('second', p.previous_until) end
    from errtrack_private.projects as p
    where p.id = grouping_of.project
$$;
comment on function errtrack_private.grouping_of(bigint) is
    'The version of grouping that a project goes by; and the one before, as long as the transition lasts.';

create or replace function errtrack_private.switch_grouping(
    project bigint,
    algorithm text,
    transition_days integer
)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    present text;
    before text;
begin
    select p.grouping_algo, p.previous_algo
    into present, before
    from errtrack_private.projects as p
    where p.id = switch_grouping.project
    for no key update;
    if present is null then
        raise exception 'there is no project %', switch_grouping.project using errcode = 'no_data_found';
    end if;
    -- To what it goes by already: that gives the transition another end.
    before := case when present = switch_grouping.algorithm then before else present end;
    if before is null then
        raise exception 'project % goes by % already', switch_grouping.project, present
            using errcode = 'invalid_parameter_value';
    end if;
    update errtrack_private.projects as p
    set grouping_algo = switch_grouping.algorithm,
        previous_algo = case when transition_days > 0 then before end,
        previous_until = case when transition_days > 0
            then now() + make_interval(days => switch_grouping.transition_days) end
    where p.id = switch_grouping.project;
    perform errtrack_private.note_change(session_user, project, 'grouping.switch', jsonb_build_object(
        'algorithm', switch_grouping.algorithm, 'transition_days', switch_grouping.transition_days));
end
$$;
comment on function errtrack_private.switch_grouping(bigint, text, integer) is
    'Makes a project go by a version of grouping, with so many days in which errors that the version before knows stay with their issues; 0: none. Whether there is such a version is for the caller to find out.';

-- ---- for the worker -------------------------------------------------------------

create or replace function errtrack_private.grouping_versions(usual text)
returns table (project_id bigint, algorithm text, previous text, previous_until_us bigint)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select p.id, p.grouping_algo, p.previous_algo,
           (extract(epoch from p.previous_until) * 1000000)::bigint
    from errtrack_private.projects as p
    where p.grouping_algo <> grouping_versions.usual or p.previous_until > now()
$$;
comment on function errtrack_private.grouping_versions(text) is
    'Projects that go by another version of grouping than the usual one, or are switching. previous_until_us: microseconds since 1970.';

create or replace function errtrack_private.grouping_rules_of_projects()
returns table (project_id bigint, kind text, rule text)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select r.project_id, r.kind, r.rule
    from errtrack_private.grouping_rules as r
    order by r.project_id, r.kind, r.place
$$;
comment on function errtrack_private.grouping_rules_of_projects() is
    'All rules, those of one project and kind in their order.';

create or replace function errtrack_private.prepare_explanations() returns void
language plpgsql volatile
set client_min_messages = warning
as $$
begin
    create temporary table if not exists batch_explanations (
        project_id bigint not null,
        hash uuid not null,
        explanation json not null
    ) on commit delete rows;
end
$$;
comment on function errtrack_private.prepare_explanations() is
    'Makes the temporary table that explanations of a batch are copied into. Once for each connection.';

-- plpgsql, since the temporary tables do not exist yet when these are made.
create or replace function errtrack_private.attach_by_previous() returns void
language plpgsql volatile
as $$
begin
    update batch_filed f
    set origin_id = found.origin_id, previous_hash = found.hash
    from batch_events e
    cross join lateral (
        select known.origin_id, wanted.hash
        from unnest(e.previous_hashes) with ordinality as wanted (hash, place)
        cross join lateral (
            select h.origin_id
            from errtrack_private.hashes h
            where h.project_id = e.project_id and h.hash = wanted.hash
            limit 1) known
        order by wanted.place
        limit 1) found
    where e.n = f.n and f.origin_id is null and e.previous_hashes <> '{}';
end
$$;
comment on function errtrack_private.attach_by_previous() is
    'For rows of batch_filed that no hash of theirs gave an origin: takes the origin of the first of previous_hashes that is known, which then learns their hashes. Makes no issue and tells nobody. To be called under lock_newcomers().';

create or replace function errtrack_private.unexplained_hashes()
returns table (n integer, hash uuid, previous_hash uuid)
language plpgsql volatile
as $$
#variable_conflict use_column
begin
    -- Most batches have none.
    if not exists (select from batch_hashes b where b.learnt) then
        return;
    end if;
    return query
    select distinct on (f.project_id, wanted.hash) f.n, wanted.hash, f.previous_hash
    from batch_filed f
    cross join lateral unnest(f.hashes) as wanted (hash)
    -- By the key: as a join it compares every event with every hash.
    where (
        select b.learnt
        from batch_hashes b
        where b.project_id = f.project_id and b.hash = wanted.hash
        limit 1)
    order by f.project_id, wanted.hash, f.previous_hash is null, f.n;
end
$$;
comment on function errtrack_private.unexplained_hashes() is
    'The hashes that nobody had before the batch, each with the number of an event that has it, and with the hash of the version before that gave it to its issue, if one did.';

create or replace function errtrack_private.keep_explanations() returns void
language plpgsql volatile
as $$
begin
    insert into errtrack_private.explanations (project_id, hash, explanation)
    select b.project_id, b.hash, b.explanation
    from batch_explanations b
    order by b.project_id, b.hash
    on conflict do nothing;
end
$$;
comment on function errtrack_private.keep_explanations() is
    'Keeps batch_explanations; where another worker was first, its explanation stays.';

-- ---- rights -------------------------------------------------------------------

revoke execute on function
    errtrack_private.add_grouping_rule(bigint, text, text, integer),
    errtrack_private.remove_grouping_rule(bigint, text, integer),
    errtrack_private.replace_grouping_rules(bigint, text, text[]),
    errtrack_private.grouping_rule_list(bigint),
    errtrack_private.event_payload(bigint, uuid),
    errtrack_private.grouping_of(bigint),
    errtrack_private.switch_grouping(bigint, text, integer),
    errtrack_private.grouping_rules_of_projects(),
    errtrack_private.grouping_versions(text),
    errtrack_private.attach_by_previous(),
    errtrack_private.prepare_explanations(),
    errtrack_private.unexplained_hashes(),
    errtrack_private.keep_explanations(),
    errtrack_private.notify_grouping_changed()
from public;
grant execute on function
    errtrack_private.grouping_rules_of_projects(),
    errtrack_private.grouping_versions(text),
    errtrack_private.attach_by_previous(),
    errtrack_private.prepare_explanations(),
    errtrack_private.unexplained_hashes(),
    errtrack_private.keep_explanations()
to errtrack_worker;
grant select on errtrack_private.grouping_rules to errtrack_worker;
grant select, insert on errtrack_private.explanations to errtrack_worker;
