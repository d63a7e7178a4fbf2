-- New issues are bounded for errors that are alike, so that one that comes with a new
-- text each time does not take the room of the others, and for the project as before.

alter table errtrack_private.limits
    drop constraint limits_name_check,
    add constraint limits_name_check check (name in (
        'new_issues', 'new_issues_alike', 'bodies', 'releases', 'environments', 'tag_keys', 'tag_values'));
comment on column errtrack_private.limits.name is
    'new_issues: in an hour; new_issues_alike: in an hour, of one type at one place, further ones go to overflow issues; bodies: kept of an issue in an hour; releases, environments, tag_keys: of the project; tag_values: of a key and issue.';
insert into errtrack_private.limits (project_id, name, value) values (0, 'new_issues_alike', 100);
update errtrack_private.limits set value = 1000 where project_id = 0 and name = 'new_issues' and value = 100;

comment on column errtrack_private.origins.loose_hash is
    'Of the type and the place of its first event: issues that agree in it may be the same error. Nothing is grouped by it: it is to suggest, and for the guard against too many new issues. Null where the event has neither, for what is split off, and for origins of older releases.';
comment on column errtrack_private.issues.overflow is
    'Takes what the explosion guard keeps from becoming issues: of those that are like its origin, or, where that has no loose hash, of the project.';
drop index errtrack_private.issues_project_id_overflow_key;
create index issues_project_id_overflow_idx on errtrack_private.issues (project_id) where overflow;

drop function if exists errtrack_private.overflow_origin(bigint, timestamptz, timestamptz, bigint);
drop function if exists errtrack_private.issues_left(bigint, timestamptz, bigint);
