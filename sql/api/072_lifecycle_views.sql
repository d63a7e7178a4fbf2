-- Views for analysts about the life of issues. The rules of 070_views.sql hold.

create or replace view errtrack.issue_history as
    select h.project_id,
           h.issue_id,
           h.id as entry_id,
           h.at,
           h.what,
           errtrack_private.sealed(h.who) as who,
           h.details
    from errtrack_private.issue_history h
    join errtrack_private.issues i on i.project_id = h.project_id and i.id = h.issue_id
    join errtrack_private.reported_projects p on p.id = h.project_id
    where i.last_received_at >= p.visible_from;
comment on view errtrack.issue_history is
    'One row for each change of an issue, merged ones too. Cheap by project_id and issue_id.';
comment on column errtrack.issue_history.issue_id is 'The issue, which may be merged into another one now.';
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
    select o.project_id,
           o.issue_id,
           t.key,
           t.value,
           sum(t.events)::bigint as events,
           min(t.first_received_at) as first_received_at,
           max(t.last_received_at) as last_received_at
    from errtrack_private.origins o
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
    join errtrack_private.reported_projects p on p.id = o.project_id
    -- For each origin by itself: joined at once, all tags of all projects would be read.
    cross join lateral (
        select c.key, c.value, c.events, c.first_received_at, c.last_received_at
        from errtrack_private.tag_counts c
        where c.project_id = o.project_id and c.origin_id = o.id
        union all
        -- Not folded yet. What will be (other) is shown by its name until then.
        select tag.key, tag.value, 1, f.received_at, f.received_at
        from errtrack_private.tag_facts f
        cross join lateral unnest(f.keys, f.texts) as tag (key, value)
        where f.project_id = o.project_id and f.origin_id = o.id) t
    where i.last_received_at >= p.visible_from
      -- Second names of users, which only searches look at.
      and t.key <> '(user)'
    group by o.project_id, o.issue_id, t.key, t.value;
comment on view errtrack.issue_tags is
    'One row for each issue, key and value of tags: how many events had it. Always name project_id and issue_id.';
comment on column errtrack.issue_tags.issue_id is 'The issue, with those that are merged into it.';
comment on column errtrack.issue_tags.first_received_at is 'When the edge took the first event in that had it.';
comment on column errtrack.issue_tags.last_received_at is 'When the edge took the last event in that had it.';
comment on column errtrack.issue_tags.key is '(other): of keys beyond the limit of the project.';
comment on column errtrack.issue_tags.value is '(other): of values beyond the limit of the issue and key.';
comment on column errtrack.issue_tags.events is 'Events since the issue began, whether or not they are still kept.';

create or replace view errtrack.releases as
    select r.project_id,
           errtrack_private.sealed(r.release) as release,
           r.first_received_at,
           r.released_at,
           errtrack_private.sealed(r.status) as status,
           errtrack_private.sealed(r.ref) as ref,
           errtrack_private.sealed(r.url) as url
    from errtrack_private.releases r
    join errtrack_private.reported_projects p on p.id = r.project_id
    where r.first_received_at >= p.visible_from;
comment on view errtrack.releases is
    'One row for each release that an event named or a build told of, up to the limit of the project. Cheap by project_id.';
comment on column errtrack.releases.release is 'As SDKs and builds write it: package@version, or any text.';
comment on column errtrack.releases.released_at is 'When a build says that it was released; null when none does.';
comment on column errtrack.releases.status is 'open, or archived: left out of lists over HTTP.';
comment on column errtrack.releases.ref is 'Branch or commit, as a build says; null when none does.';
comment on column errtrack.releases.url is 'Where a build shows it; null when none says.';
comment on column errtrack.releases.first_received_at is
    'When the edge took its first event in, or a build told of it, whichever came first: the order of releases that are no semantic versions.';

create or replace view errtrack.release_commits as
    select c.project_id,
           c.release,
           c.position,
           errtrack_private.sealed(c.id) as commit_id,
           errtrack_private.sealed(c.message) as message,
           errtrack_private.sealed(c.author_name) as author_name,
           errtrack_private.sealed(c.author_email) as author_email,
           c.committed_at,
           errtrack_private.sealed(c.repository) as repository
    from errtrack_private.release_commits c
    join errtrack_private.releases r on r.project_id = c.project_id and r.release = c.release
    join errtrack_private.reported_projects p on p.id = c.project_id
    where r.first_received_at >= p.visible_from;
comment on view errtrack.release_commits is
    'One row for each commit that a build named of a release. Cheap by project_id and release.';
comment on column errtrack.release_commits.release is 'As in releases.';
comment on column errtrack.release_commits.position is 'Order in the release: 0 is the newest.';
comment on column errtrack.release_commits.commit_id is 'The hash of the commit.';
comment on column errtrack.release_commits.message is 'The first 2,000 characters.';
comment on column errtrack.release_commits.author_name is 'Empty when the build did not say it.';
comment on column errtrack.release_commits.author_email is 'Empty when the build did not say it.';
comment on column errtrack.release_commits.committed_at is 'Null when the build did not say it.';
comment on column errtrack.release_commits.repository is 'Empty when the build did not say it.';

create or replace view errtrack.deploys as
    select d.project_id,
           d.release,
           d.id as deploy_id,
           errtrack_private.sealed(d.environment) as environment,
           errtrack_private.sealed(d.name) as name,
           errtrack_private.sealed(d.url) as url,
           d.started_at,
           d.finished_at
    from errtrack_private.deploys d
    join errtrack_private.releases r on r.project_id = d.project_id and r.release = d.release
    join errtrack_private.reported_projects p on p.id = d.project_id
    where r.first_received_at >= p.visible_from;
comment on view errtrack.deploys is
    'One row for each deploy of a release that a build told of. Cheap by project_id and release.';
comment on column errtrack.deploys.release is 'As in releases.';
comment on column errtrack.deploys.deploy_id is 'Tells the deploys of a release apart.';
comment on column errtrack.deploys.environment is 'Where it was deployed.';
comment on column errtrack.deploys.name is 'What the build calls it; empty when it does not.';
comment on column errtrack.deploys.url is 'Where the build shows it; empty when it does not say.';
comment on column errtrack.deploys.started_at is 'Null when the build did not say it.';
comment on column errtrack.deploys.finished_at is 'When the build says so, else when it told of it.';

create or replace view errtrack.environments as
    select e.project_id,
           errtrack_private.sealed(e.environment) as environment,
           e.first_received_at
    from errtrack_private.environments e
    join errtrack_private.reported_projects p on p.id = e.project_id
    where e.first_received_at >= p.visible_from;
comment on view errtrack.environments is
    'One row for each environment that an event named, up to the limit of the project. Cheap by project_id.';
comment on column errtrack.environments.environment is 'As SDKs write it.';
comment on column errtrack.environments.first_received_at is 'When the edge took its first event in.';

grant select on errtrack.issue_history, errtrack.issue_tags, errtrack.releases,
    errtrack.release_commits, errtrack.deploys, errtrack.environments to errtrack_report;
