-- Views for analysts about what issues consist of and what is counted for them. The rules
-- of 070_views.sql hold. Counters are kept by origin; an issue is the sum of those that it
-- shows now.

create or replace view errtrack.issue_parts as
    select o.project_id,
           o.issue_id,
           o.id as part_id,
           o.event_count,
           o.user_count,
           o.first_seen,
           o.last_seen,
           o.first_release,
           errtrack_private.sealed(o.last_release) as last_release
    from errtrack_private.origins o
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
    join errtrack_private.reported_projects p on p.id = o.project_id
    where i.last_received_at >= p.visible_from;
comment on view errtrack.issue_parts is
    'One row for each issue that ever was, also those that were merged: under which issue it is shown now. Cheap by project_id and issue_id, by part_id alone, and by project_id and first_release.';
comment on column errtrack.issue_parts.issue_id is 'The issue that shows it now.';
comment on column errtrack.issue_parts.part_id is 'The id that it had as an issue of its own, and has if it is one.';
comment on column errtrack.issue_parts.event_count is 'Events since it began, whether or not they are still kept.';
comment on column errtrack.issue_parts.user_count is 'Distinct users since it began: those of several parts cannot be added up.';
comment on column errtrack.issue_parts.first_seen is 'As that of issues.';
comment on column errtrack.issue_parts.last_seen is 'As that of issues.';
comment on column errtrack.issue_parts.first_release is 'The release of its first event that named one.';
comment on column errtrack.issue_parts.last_release is 'The release of its newest event that named one.';

create or replace view errtrack.issue_users as
    select u.project_id,
           o.issue_id,
           u.user_hash,
           min(u.first_seen) as first_seen
    from errtrack_private.origin_users u
    join errtrack_private.origins o on o.project_id = u.project_id and o.id = u.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
    join errtrack_private.reported_projects p on p.id = u.project_id
    where i.last_received_at >= p.visible_from
    group by u.project_id, o.issue_id, u.user_hash;
comment on view errtrack.issue_users is
    'One row for each issue and user who met it. Always name project_id and issue_id.';
comment on column errtrack.issue_users.issue_id is 'The issue, with those that are merged into it.';
comment on column errtrack.issue_users.user_hash is 'As occurrences.user_hash: tells users apart without naming them.';
comment on column errtrack.issue_users.first_seen is 'The earliest time that an event of theirs gives.';

create or replace view errtrack.issue_hours as
    select c.project_id,
           o.issue_id,
           c.bucket as hour,
           sum(c.events)::bigint as events
    from errtrack_private.counts_1h c
    join errtrack_private.origins o on o.project_id = c.project_id and o.id = c.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
    join errtrack_private.reported_projects p on p.id = c.project_id
    where i.last_received_at >= p.visible_from
    group by c.project_id, o.issue_id, c.bucket;
comment on view errtrack.issue_hours is
    'Events by issue and hour, exact, also where no bodies were kept. Hours without events have no row. Cheap by project_id and hour, and by project_id and issue_id.';
comment on column errtrack.issue_hours.issue_id is 'The issue, with those that are merged into it.';
comment on column errtrack.issue_hours.hour is 'The hour (UTC) in which the edge took the events in.';
comment on column errtrack.issue_hours.events is 'How many.';

create or replace view errtrack.issue_days as
    select c.project_id,
           o.issue_id,
           (c.bucket at time zone 'UTC')::date as day,
           sum(c.events)::bigint as events
    from errtrack_private.counts_1h c
    join errtrack_private.origins o on o.project_id = c.project_id and o.id = c.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
    join errtrack_private.reported_projects p on p.id = c.project_id
    where i.last_received_at >= p.visible_from
    group by c.project_id, o.issue_id, (c.bucket at time zone 'UTC')::date;
comment on view errtrack.issue_days is
    'As issue_hours, by day. Cheap by project_id and issue_id; for few days of many issues add up issue_hours.';
comment on column errtrack.issue_days.issue_id is 'The issue, with those that are merged into it.';
comment on column errtrack.issue_days.day is 'The day (UTC) on which the edge took the events in.';
comment on column errtrack.issue_days.events is 'How many.';

create or replace view errtrack.tags as
    select t.project_id,
           t.key,
           t.value,
           sum(t.events)::bigint as events,
           count(distinct o.issue_id) as issues,
           min(t.first_received_at) as first_received_at,
           max(t.last_received_at) as last_received_at
    from errtrack_private.tag_counts t
    join errtrack_private.origins o on o.project_id = t.project_id and o.id = t.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
    join errtrack_private.reported_projects p on p.id = t.project_id
    where i.last_received_at >= p.visible_from
      -- Second names of users, which only searches look at.
      and t.key <> '(user)'
    group by t.project_id, t.key, t.value;
comment on view errtrack.tags is
    'One row for each key and value of the tags of a project, over all its issues. Events are counted within ten seconds. Always name project_id, and a key if you can.';
comment on column errtrack.tags.key is '(other): of keys beyond the limit of the project.';
comment on column errtrack.tags.value is '(other): of values beyond the limit of an issue and key.';
comment on column errtrack.tags.events is 'Events of issues that are there, whether or not the events are still kept.';
comment on column errtrack.tags.issues is 'Issues with an event that had it.';
comment on column errtrack.tags.first_received_at is 'When the edge took the first event in that had it.';
comment on column errtrack.tags.last_received_at is 'When the edge took the last event in that had it.';

create or replace view errtrack.tag_keys as
    select k.project_id,
           k.key
    from errtrack_private.tag_keys k
    join errtrack_private.reported_projects p on p.id = k.project_id
    -- The first that is there will do, and is found by the index.
    cross join lateral (
        select
        from errtrack_private.tag_counts t
        join errtrack_private.origins o on o.project_id = t.project_id and o.id = t.origin_id
        join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
        where t.project_id = k.project_id and t.key = k.key and i.last_received_at >= p.visible_from
        limit 1) used
    where k.key <> '(user)';
comment on view errtrack.tag_keys is
    'One row for each key of the tags of a project. Cheap by project_id.';
comment on column errtrack.tag_keys.key is 'As clients wrote it; keys beyond the limit of the project have no row.';

-- What means the same in all of them, but where a row may belong to no project.
do $$
declare
    view regclass;
begin
    for view in
        select a.attrelid
        from pg_catalog.pg_attribute a
        join pg_catalog.pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v' and a.attname = 'project_id'
          and c.oid not in ('errtrack.requests'::regclass, 'errtrack.outcomes'::regclass)
    loop
        execute format('comment on column %s.project_id is %L', view, 'The number in the DSN: projects.project_id.');
    end loop;
end
$$;

grant select on errtrack.issue_parts, errtrack.issue_users, errtrack.issue_hours,
    errtrack.issue_days, errtrack.tags, errtrack.tag_keys to errtrack_report;
