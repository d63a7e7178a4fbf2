-- Views for analysts about the life of issues. The rules of 070_views.sql hold.

create or replace view errtrack.issue_history as
    select h.project_id,
           h.issue_id,
           h.id as entry_id,
           h.at,
           h.what,
           h.who,
           h.details
    from errtrack_private.issue_history h
    join errtrack_private.issues i on i.project_id = h.project_id and i.id = h.issue_id
    join errtrack_private.projects p on p.id = h.project_id
    where i.last_received_at >= coalesce(p.purge_before, '-infinity');
comment on view errtrack.issue_history is
    'One row for each change of an issue, merged ones too. Cheap by project_id and issue_id.';
comment on column errtrack.issue_history.entry_id is 'Order of the changes of an issue.';
comment on column errtrack.issue_history.at is
    'When; for what an event brought about the time when the edge took it in.';
comment on column errtrack.issue_history.what is
    'new, regression, resolved, ignored, unignored, reopened, merged, merged_away, unmerged, unmerged_from, split or split_off.';
comment on column errtrack.issue_history.who is
    'E-mail address of a user, gitlab, or a login of the database; null: errtrack itself.';
comment on column errtrack.issue_history.details is
    'What belongs to the change: of a regression the event, its release, and who resolved the issue when; of merging the other issues; ...';

create or replace view errtrack.issue_tags as
    select t.project_id,
           o.issue_id,
           t.key,
           t.value,
           sum(t.events)::bigint as events,
           min(t.first_received_at) as first_received_at,
           max(t.last_received_at) as last_received_at
    from (
        select c.project_id, c.origin_id, c.key, c.value, c.events, c.first_received_at, c.last_received_at
        from errtrack_private.tag_counts c
        union all
        -- Not folded yet. What will be (other) is shown by its name until then.
        select f.project_id, f.origin_id, tag.key, tag.value, 1, f.received_at, f.received_at
        from errtrack_private.tag_facts f
        cross join lateral unnest(f.keys, f.texts) as tag (key, value)) t
    join errtrack_private.origins o on o.project_id = t.project_id and o.id = t.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
    join errtrack_private.projects p on p.id = t.project_id
    where i.last_received_at >= coalesce(p.purge_before, '-infinity')
      -- Second names of users, which only searches look at.
      and t.key <> '(user)'
    group by t.project_id, o.issue_id, t.key, t.value;
comment on view errtrack.issue_tags is
    'One row for each issue, key and value of tags: how many events had it. Always name project_id and issue_id.';
comment on column errtrack.issue_tags.key is '(other): of keys beyond the limit of the project.';
comment on column errtrack.issue_tags.value is '(other): of values beyond the limit of the issue and key.';
comment on column errtrack.issue_tags.events is 'Events since the issue began, whether or not they are still kept.';

create or replace view errtrack.releases as
    select r.project_id,
           r.release,
           r.first_received_at
    from errtrack_private.releases r
    join errtrack_private.projects p on p.id = r.project_id
    where r.first_received_at >= coalesce(p.purge_before, '-infinity');
comment on view errtrack.releases is
    'One row for each release that an event named, up to the limit of the project. Cheap by project_id.';
comment on column errtrack.releases.first_received_at is
    'When the edge took its first event in: the order of releases that are no semantic versions.';

grant select on errtrack.issue_history, errtrack.issue_tags, errtrack.releases to errtrack_report;
