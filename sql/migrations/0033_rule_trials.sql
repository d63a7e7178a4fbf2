-- Rules for grouping that somebody tries before setting them: a worker tells what they would do.

create table errtrack_private.rule_trials (
    project_id bigint primary key references errtrack_private.projects (id) on delete cascade,
    id uuid not null default gen_random_uuid(),
    fingerprint_rules text[],
    stack_rules text[],
    events integer not null check (events between 1 and 2000),
    state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
    attempts integer not null default 0,
    requested_at timestamptz not null default now(),
    requested_by text,
    started_at timestamptz,
    finished_at timestamptz,
    result jsonb,
    problem text
);
comment on table errtrack_private.rule_trials is
    'The last trial of rules in a project. Kept for a day. Nothing in it is from an event but ids and counts.';
comment on column errtrack_private.rule_trials.fingerprint_rules is
    'Those to try, which a program has read; null: those that the project has.';
comment on column errtrack_private.rule_trials.stack_rules is 'The same of stack rules.';
comment on column errtrack_private.rule_trials.events is 'How many of the newest events are looked at.';
comment on column errtrack_private.rule_trials.attempts is 'How many workers have begun.';
comment on column errtrack_private.rule_trials.result is
    'events looked at; changed: of those how many have other hashes; complete; issues (id, events looked at) that lose some; moves (from, to: issues; group: a new issue when to is null; events; example).';
