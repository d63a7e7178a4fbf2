-- Versions of the grouping algorithm: a project keeps its own until a person switches it.
-- And what suggests that issues are the same error.

alter table errtrack_private.projects
    add column previous_algo text,
    add column previous_until timestamptz,
    add constraint projects_previous_algo_check check (
        (previous_algo is null) = (previous_until is null) and previous_algo <> grouping_algo);
comment on column errtrack_private.projects.grouping_algo is
    'The version of the grouping algorithm. New projects get the newest; no upgrade changes it, only a person does (switch_grouping()).';
comment on column errtrack_private.projects.previous_algo is
    'The version that the project went by before. Null: it has not switched, or wants no transition.';
comment on column errtrack_private.projects.previous_until is
    'What the edge takes in before is also looked up by the previous version when it is not known by the present one.';

create trigger projects_grouping_changed
    after insert or update of grouping_algo, previous_algo, previous_until on errtrack_private.projects
    for each statement execute function errtrack_private.notify_grouping_changed();
comment on function errtrack_private.notify_grouping_changed() is
    'Wakes the workers when rules for grouping, or versions of it, have changed.';

alter table errtrack_private.origins add column loose_hash uuid;
comment on column errtrack_private.origins.loose_hash is
    'Of the type and the place of its first event: issues that agree in it may be the same error. Only to suggest, nothing is grouped by it. Null where the event has no stack, for what is split off, and for origins of older releases.';

-- It returns one column more now.
drop function if exists errtrack_private.unexplained_hashes();
