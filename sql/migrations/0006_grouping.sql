-- Grouping: rules that projects set, and why hashes are what they are.

create table errtrack_private.grouping_rules (
    project_id bigint not null references errtrack_private.projects (id) on delete cascade,
    kind text not null,
    place integer not null,
    rule text not null,
    -- Deferrable, so that one statement can move many rules by a place.
    primary key (project_id, kind, place) deferrable initially immediate,
    constraint grouping_rules_kind_check check (kind in ('fingerprint', 'stack')),
    constraint grouping_rules_place_check check (place between 1 and 500),
    constraint grouping_rules_rule_check check (octet_length(rule) between 1 and 2000)
);
comment on table errtrack_private.grouping_rules is
    'Rules for the grouping of a project. They hold for what is filed within seconds of a change; issues that exist stay as they are.';
comment on column errtrack_private.grouping_rules.kind is
    'fingerprint: the first that matches replaces the fingerprint of the client. stack: all that match mark frames, one after the other.';
comment on column errtrack_private.grouping_rules.place is 'Order within the kind, from 1.';
comment on column errtrack_private.grouping_rules.rule is
    'One line of the rule language. A worker passes over a line that it cannot read, and says so in its log.';

create function errtrack_private.notify_grouping_changed() returns trigger
language plpgsql as $$
begin
    notify errtrack_grouping;
    return null;
end
$$;
comment on function errtrack_private.notify_grouping_changed() is
    'Wakes the workers when rules for grouping have changed.';
create trigger grouping_rules_changed
    after insert or update or delete or truncate on errtrack_private.grouping_rules
    for each statement execute function errtrack_private.notify_grouping_changed();

create table errtrack_private.explanations (
    project_id bigint not null,
    hash uuid not null,
    explanation json not null,
    primary key (project_id, hash),
    foreign key (project_id, hash) references errtrack_private.hashes (project_id, hash) on delete cascade
);
comment on table errtrack_private.explanations is
    'For each grouping hash why its first event had it: the tree of what counted and what did not.';
