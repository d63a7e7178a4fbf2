-- The view for analysts about what people were told. The rules of 070_views.sql hold.

create or replace view errtrack.notifications as
    select n.project_id,
           n.id as notification_id,
           n.delivery_id,
           errtrack_private.sealed(c.name) as channel,
           errtrack_private.sealed(c.kind) as channel_kind,
           errtrack_private.sealed(n.kind) as kind,
           n.issue_id,
           errtrack_private.sealed(n.state) as state,
           n.created_at,
           n.ended_at,
           n.attempts,
           errtrack_private.sealed(n.last_error) as last_error
    from errtrack_private.notifications n
    join errtrack_private.channels c on c.project_id = n.project_id and c.id = n.channel_id
    join errtrack_private.reported_projects p on p.id = n.project_id
    where n.created_at >= p.visible_from;
comment on view errtrack.notifications is
    'One row for each message to a channel and each task for a tracker, of the last 30 days. Cheap by project_id, with issue_id or without.';
comment on column errtrack.notifications.project_id is 'The number in the DSN: projects.project_id.';
comment on column errtrack.notifications.notification_id is 'Order of the messages of a project.';
comment on column errtrack.notifications.delivery_id is 'What the receiver is told, the same in all attempts.';
comment on column errtrack.notifications.channel is 'The name of the channel.';
comment on column errtrack.notifications.channel_kind is
    'webhook, slack, mattermost, discord, teams, google_chat, pagerduty, gitlab_alert, mail or tracker.';
comment on column errtrack.notifications.kind is
    'new_issue, regression, unignored, frequency, spike, quota_reached, behind, digest or test; in a tracker create, close, reopen or test; in PagerDuty also close, of an incident.';
comment on column errtrack.notifications.issue_id is 'What it is about; null for what is about the project.';
comment on column errtrack.notifications.state is
    'waiting, sent, or failed: refused for good, or not delivered within 7 days.';
comment on column errtrack.notifications.created_at is 'When it was due to be sent.';
comment on column errtrack.notifications.ended_at is 'When it was sent or given up; null while it waits.';
comment on column errtrack.notifications.attempts is 'How often it was tried.';
comment on column errtrack.notifications.last_error is 'Why the last attempt failed, or whom it did not reach; null when it reached all.';

grant select on errtrack.notifications to errtrack_report;
