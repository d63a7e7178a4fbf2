-- The public interface for reports: views in schema errtrack, for psql, Grafana and
-- the like. A login that is a member of errtrack_report reads them. Columns may be
-- added; removing or retyping one is a major version.

create or replace view errtrack.projects as
    select p.id as project_id,
           o.slug as organization,
           p.slug,
           p.name,
           p.platform,
           p.created_at
    from errtrack_private.projects p
    join errtrack_private.organizations o on o.id = p.organization_id;
comment on view errtrack.projects is 'One row for each project.';
comment on column errtrack.projects.project_id is 'The number in the DSN.';

create or replace view errtrack.issues as
    select i.project_id,
           i.id as issue_id,
           i.status,
           i.status_at,
           i.regressed_at,
           i.kind,
           i.type,
           i.value,
           i.title,
           i.culprit,
           i.level,
           i.platform,
           i.logger,
           i.event_count,
           i.user_count,
           i.first_seen,
           i.last_seen,
           i.first_release,
           i.last_release,
           i.status_by,
           i.resolved_in,
           i.ignored_until,
           i.overflow
    from errtrack_private.issues i
    join errtrack_private.projects p on p.id = i.project_id
    -- Neither deleted nor merged into another issue.
    where i.last_received_at >= coalesce(p.purge_before, '-infinity')
      and exists (
          select from errtrack_private.origins o
          where o.project_id = i.project_id and o.issue_id = i.id);
comment on view errtrack.issues is
    'One row for each issue: a group of events that is one error. Cheap by project_id and status, in the order of last_seen, first_seen or event_count.';
comment on column errtrack.issues.status is 'unresolved, resolved or ignored.';
comment on column errtrack.issues.status_at is 'When the status was last set.';
comment on column errtrack.issues.regressed_at is
    'When an event last reopened the issue after it had been resolved.';
comment on column errtrack.issues.kind is 'error, or default for a message without an exception.';
comment on column errtrack.issues.type is
    'Of the exception of the newest event; empty when that is a message.';
comment on column errtrack.issues.value is
    'What the exception of the newest event says, or its message.';
comment on column errtrack.issues.culprit is
    'Where the newest event happened: its transaction, else the function nearest to the crash, else the URL.';
comment on column errtrack.issues.first_seen is
    'The earliest time that an event of it gives, corrected for the drift of its clock as occurrences.occurred_at is. Order, counts and retention go by received_at.';
comment on column errtrack.issues.last_seen is
    'The latest time that an event of it gives, corrected as that of first_seen.';
comment on column errtrack.issues.ignored_until is
    'When it will be unresolved again; null when it is not ignored, or for no certain time.';
comment on column errtrack.issues.event_count is 'Events since the issue began, whether or not they are still kept.';
comment on column errtrack.issues.status_by is
    'Who set it: e-mail address of a user, gitlab, or a login of the database; null: errtrack itself.';
comment on column errtrack.issues.resolved_in is
    'The release after which the issue counts as resolved: only a newer one reopens it.';
comment on column errtrack.issues.overflow is
    'Holds errors beyond the limit of new issues of its project, which may be split off.';
comment on column errtrack.issues.user_count is 'Distinct users since the issue began.';

create or replace view errtrack.occurrences as
    select o.project_id,
           origin.issue_id,
           o.event_id,
           o.received_at,
           o.occurred_at,
           o.level,
           o.platform,
           o.release,
           o.environment,
           o.transaction,
           o.user_hash,
           o.request_id,
           o.has_payload
    from errtrack_private.occurrences o
    join errtrack_private.origins origin
      on origin.project_id = o.project_id and origin.id = o.origin_id
    join errtrack_private.projects p on p.id = o.project_id
    where o.received_at >= coalesce(p.purge_before, '-infinity');
comment on view errtrack.occurrences is
    'One row for each event that is kept. Always name a time: received_at >= ... reads only the days that it needs. Cheap by project_id and received_at.';
comment on column errtrack.occurrences.issue_id is
    'The issue that shows it now: after merging, unmerging or splitting another one than before.';
comment on column errtrack.occurrences.received_at is 'When the edge took the event in; decides order and retention.';
comment on column errtrack.occurrences.occurred_at is 'When the client says that it happened, corrected for the drift of its clock.';
comment on column errtrack.occurrences.user_hash is 'Tells users apart without naming them.';
comment on column errtrack.occurrences.has_payload is
    'Whether the body was kept: beyond its budget an issue is counted, and only the newest body of the hour stays.';
comment on column errtrack.occurrences.request_id is 'The $request_id of nginx: finds the line of the access log.';

create or replace view errtrack.attachments as
    select a.project_id,
           a.event_id,
           a.received_at,
           a.delivery_id,
           a.position,
           a.name,
           a.content_type,
           a.attachment_type,
           a.size,
           a.sha256
    from errtrack_private.attachments a
    join errtrack_private.projects p on p.id = a.project_id
    where a.received_at >= coalesce(p.purge_before, '-infinity');
comment on view errtrack.attachments is
    'One row for each file that is kept, without its bytes. Cheap by project_id and event_id; with a time, received_at >= ..., it reads only the days that it needs.';
comment on column errtrack.attachments.event_id is 'The event that the file is for, which may be unknown.';
comment on column errtrack.attachments.received_at is 'When the edge took the file in; decides retention.';
comment on column errtrack.attachments.delivery_id is 'Tells the requests apart that brought files.';
comment on column errtrack.attachments.position is 'Place among the attachments of the request, from 0.';
comment on column errtrack.attachments.name is 'A label that the client chose, never a path.';
comment on column errtrack.attachments.content_type is 'What the client says that it is; null when it says nothing.';
comment on column errtrack.attachments.attachment_type is
    'event.attachment for an ordinary file, event.minidump for a crash dump, or another word of the protocol.';
comment on column errtrack.attachments.size is 'Bytes.';
comment on column errtrack.attachments.sha256 is 'Of the bytes.';

create or replace view errtrack.requests as
    select r.project_id,
           r.hour,
           case when r.reason = '' then 'accepted' else 'refused' end as outcome,
           r.reason,
           r.requests
    from errtrack_private.requests r;
comment on view errtrack.requests is
    'What the edges answered: received = accepted + refused, for each reason one row. Cheap by project_id and hour, and by hour. Follows the edges by some ten seconds; what an edge that was killed had counted in its last second is missing.';
comment on column errtrack.requests.project_id is
    '0: refused before it was known who asks, for a project that does not exist, or accepted by an edge that did not know the key yet and left it to a worker to check.';
comment on column errtrack.requests.hour is 'The hour (UTC) in which the edge answered.';
comment on column errtrack.requests.outcome is 'accepted or refused.';
comment on column errtrack.requests.reason is 'Why it was refused, as $errtrack_reason of nginx; empty for accepted ones.';

create or replace view errtrack.outcomes as
    select o.project_id,
           o.hour,
           o.category,
           o.outcome,
           o.reason,
           o.quantity as items
    from errtrack_private.outcomes o;
comment on view errtrack.outcomes is
    'What became of the items of accepted requests: each ends in exactly one outcome. Cheap by project_id and hour.';
comment on column errtrack.outcomes.project_id is '0: of requests whose project the sender only claimed.';
comment on column errtrack.outcomes.hour is 'The hour (UTC) in which the edge took the item in.';
comment on column errtrack.outcomes.category is 'What the item is: error, transaction, session, attachment, ...';
comment on column errtrack.outcomes.outcome is
    'stored, duplicate, filtered, rate_limited, invalid, discarded or dead.';
comment on column errtrack.outcomes.reason is 'Why it was not stored, one word; empty when the outcome says it all.';

grant select on errtrack.projects, errtrack.issues, errtrack.occurrences, errtrack.attachments,
    errtrack.requests, errtrack.outcomes to errtrack_report;
