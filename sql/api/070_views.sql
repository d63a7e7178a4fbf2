-- The public interface for reports: views in schema errtrack, for psql, Grafana and
-- the like. A login that is a member of errtrack_report reads them. Columns may be
-- added, at the end; removing or retyping one is a major version (sql/contract).
--
-- A login may be tied to projects. The views belong to errtrack_views, a role that sees of
-- each table the rows of those projects only: see 079_report_policies.sql. A caller needs no
-- right on a table.

create or replace function errtrack_private.report_scope() returns bigint[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        with tied as (
            select l.login
            from errtrack_private.report_logins l
            -- The login, whatever it has set its role to; and that role too, for who logs in
            -- as somebody else to become an analyst. Neither is another one in a function that
            -- runs as its owner.
            where l.tied and l.login in (session_user::text, current_setting('role')))
        select case when exists (select from tied) then array(
            select r.project_id
            from errtrack_private.report_projects r
            join tied t on t.login = r.login
            group by r.project_id
            having count(*) = (select count(*) from tied)) end);
end
$$;
comment on function errtrack_private.report_scope() is
    'The projects that the caller of a view may see; null: all. To be asked in a subquery of its own, which is answered once for each query.';
revoke execute on function errtrack_private.report_scope() from public;
grant execute on function errtrack_private.report_scope() to errtrack_report;

create or replace function errtrack_private.report_tied() returns integer
language plpgsql immutable parallel safe security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return cardinality(errtrack_private.report_scope());
end
$$;
comment on function errtrack_private.report_tied() is
    'To how many projects the caller of a view is tied; null: not at all. It depends on the session, and yet is said to be immutable: so it is answered when a query is planned, and the plan has only what goes for this caller. Nothing may rely on it alone: a plan that is kept may be older than the tie.';
revoke execute on function errtrack_private.report_tied() from public;
grant execute on function errtrack_private.report_tied() to errtrack_report;

create or replace function errtrack_private.sealed(value text) returns text
language sql immutable strict parallel safe
return case when errtrack_private.report_tied() is null then value else value || '' end;
comment on function errtrack_private.sealed(text) is
    'A text that no condition of a tied login can look at before a policy has, for what is not looked up by an index: PostgreSQL does not take || for an operator that tells nobody, and has no statistics of what it makes. For who is not tied it is the column itself.';
revoke execute on function errtrack_private.sealed(text) from public;
grant execute on function errtrack_private.sealed(text) to errtrack_report;

create or replace view errtrack_private.reported_projects as
    select p.id,
           p.organization_id,
           p.slug,
           p.name,
           p.platform,
           p.created_at,
           coalesce(p.purge_before, '-infinity') as visible_from
    from errtrack_private.projects p
    where p.deleted_at is null;
comment on view errtrack_private.reported_projects is
    'The projects that the caller of a view may see. What they received before visible_from is deleted.';

create or replace view errtrack.organizations as
    select o.id as organization_id,
           errtrack_private.sealed(o.slug) as slug,
           errtrack_private.sealed(o.name) as name,
           o.created_at
    from errtrack_private.organizations o;
comment on view errtrack.organizations is
    'One row for each organization; for a login that is tied to projects, those of its projects.';
comment on column errtrack.organizations.organization_id is
    'On an instance attached to a GitLab the id of the GitLab group.';
comment on column errtrack.organizations.slug is 'The short name in addresses.';
comment on column errtrack.organizations.name is 'The name for people.';
comment on column errtrack.organizations.created_at is 'When it was made.';

create or replace view errtrack.projects as
    select p.id as project_id,
           errtrack_private.sealed(o.slug) as organization,
           errtrack_private.sealed(p.slug) as slug,
           errtrack_private.sealed(p.name) as name,
           errtrack_private.sealed(p.platform) as platform,
           p.created_at,
           o.id as organization_id
    from errtrack_private.reported_projects p
    join errtrack_private.organizations o on o.id = p.organization_id;
comment on view errtrack.projects is 'One row for each project.';
comment on column errtrack.projects.organization is 'The slug of its organization.';
comment on column errtrack.projects.slug is 'The short name in addresses, one of its kind in the organization.';
comment on column errtrack.projects.name is 'The name for people.';
comment on column errtrack.projects.platform is 'As given when it was made; null when it was not.';
comment on column errtrack.projects.created_at is 'When it was made.';
comment on column errtrack.projects.organization_id is 'As in organizations.';

create or replace view errtrack.issues as
    select i.project_id,
           i.id as issue_id,
           i.status,
           i.status_at,
           i.regressed_at,
           i.kind,
           errtrack_private.sealed(i.type) as type,
           errtrack_private.sealed(i.value) as value,
           errtrack_private.sealed(i.title) as title,
           errtrack_private.sealed(i.culprit) as culprit,
           i.level,
           errtrack_private.sealed(i.platform) as platform,
           errtrack_private.sealed(i.logger) as logger,
           i.event_count,
           i.user_count,
           i.first_seen,
           i.last_seen,
           errtrack_private.sealed(i.first_release) as first_release,
           errtrack_private.sealed(i.last_release) as last_release,
           errtrack_private.sealed(i.status_by) as status_by,
           errtrack_private.sealed(i.resolved_in) as resolved_in,
           i.ignored_until,
           i.overflow,
           errtrack_private.sealed(p.slug) as project,
           errtrack_private.short_id(p.slug, i.id) as short_id,
           (select u.email from errtrack_private.users u where u.id = i.assigned_to) as assigned_to
    from errtrack_private.issues i
    join errtrack_private.reported_projects p on p.id = i.project_id
    -- Neither deleted nor merged into another issue. Not exists(): as a join the planner reads
    -- all origins of the project for the first twenty issues of an order.
    where i.last_received_at >= p.visible_from
      and coalesce((
          select true
          from errtrack_private.origins o
          where o.project_id = i.project_id and o.issue_id = i.id
          limit 1), false);
comment on view errtrack.issues is
    'One row for each issue: a group of events that is one error. Cheap by project_id and status, in the order of last_seen, first_seen or event_count.';
comment on column errtrack.issues.issue_id is 'Below 2^53. Ids of issues that were merged lead here by issue_parts.';
comment on column errtrack.issues.title is 'Of the newest event: type and value of the exception, or the message.';
comment on column errtrack.issues.level is 'Of the newest event: fatal, error, warning, info or debug.';
comment on column errtrack.issues.platform is 'Of the newest event.';
comment on column errtrack.issues.logger is 'Of the newest event; empty when it names none.';
comment on column errtrack.issues.first_release is 'The release of the first event that named one.';
comment on column errtrack.issues.last_release is 'The release of the newest event that named one.';
comment on column errtrack.issues.project is 'The slug of the project.';
comment on column errtrack.issues.short_id is 'What people call it: SHOP-1A.';
comment on column errtrack.issues.assigned_to is 'E-mail address of who takes care of it; null: nobody.';
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
           errtrack_private.sealed(o.platform) as platform,
           errtrack_private.sealed(o.release) as release,
           errtrack_private.sealed(o.environment) as environment,
           errtrack_private.sealed(o.transaction) as transaction,
           o.user_hash,
           errtrack_private.sealed(o.request_id) as request_id,
           o.has_payload,
           o.hash
    from errtrack_private.occurrences o
    join errtrack_private.origins origin
      on origin.project_id = o.project_id and origin.id = o.origin_id
    join errtrack_private.reported_projects p on p.id = o.project_id
    where o.received_at >= p.visible_from;
comment on view errtrack.occurrences is
    'One row for each event that is kept. Always name a time: received_at >= ... reads only the days that it needs. Cheap by project_id and received_at.';
comment on column errtrack.occurrences.event_id is
    'As the SDK or the edge named it; unique in the project within a day.';
comment on column errtrack.occurrences.level is 'fatal, error, warning, info or debug.';
comment on column errtrack.occurrences.platform is 'As the SDK says: python, javascript, ...';
comment on column errtrack.occurrences.release is
    'Null when the event names none; "(other)" beyond the limit of the project.';
comment on column errtrack.occurrences.environment is
    'Null when the event names none; "(other)" beyond the limit of the project.';
comment on column errtrack.occurrences.transaction is
    'Where it happened, as the SDK calls it; null when it does not.';
comment on column errtrack.occurrences.hash is
    'The grouping hash that decided about its issue; null for events of old releases of errtrack.';
comment on column errtrack.occurrences.issue_id is
    'The issue that shows it now: after merging, unmerging or splitting another one than before.';
comment on column errtrack.occurrences.received_at is 'When the edge took the event in; decides order and retention.';
comment on column errtrack.occurrences.occurred_at is 'When the client says that it happened, corrected for the drift of its clock.';
comment on column errtrack.occurrences.user_hash is 'Tells users apart without naming them.';
comment on column errtrack.occurrences.has_payload is
    'Whether the body was kept: beyond its budget an issue is counted, and only the newest body of the hour stays.';
comment on column errtrack.occurrences.request_id is 'The $request_id of nginx: finds the line of the access log.';

create or replace view errtrack.payloads as
    select y.project_id,
           shown.issue_id,
           y.event_id,
           y.received_at,
           y.body
    from errtrack_private.payloads y
    join errtrack_private.reported_projects p on p.id = y.project_id
    -- Each by itself: joined at once, a bound of the time would leave out days of payloads
    -- alone.
    cross join lateral (
        select origin.issue_id
        from errtrack_private.occurrences o
        join errtrack_private.origins origin
          on origin.project_id = o.project_id and origin.id = o.origin_id
        where o.project_id = y.project_id and o.received_at = y.received_at and o.event_id = y.event_id
        limit 1) shown
    where y.received_at >= p.visible_from;
comment on view errtrack.payloads is
    'One row for each event whose body was kept: occurrences.has_payload says of which. Cheap by project_id, event_id and received_at, all three as the occurrence has them.';
comment on column errtrack.payloads.issue_id is 'The issue that shows the event now.';
comment on column errtrack.payloads.event_id is 'As the SDK or the edge named the event.';
comment on column errtrack.payloads.received_at is 'When the edge took the event in.';
comment on column errtrack.payloads.body is
    'What the client sent, scrubbed, repaired and bounded. Its form is that of the SDKs and no part of the promise.';

create or replace view errtrack.attachments as
    select a.project_id,
           a.event_id,
           a.received_at,
           a.delivery_id,
           a.position,
           errtrack_private.sealed(a.name) as name,
           errtrack_private.sealed(a.content_type) as content_type,
           errtrack_private.sealed(a.attachment_type) as attachment_type,
           a.size,
           a.sha256
    from errtrack_private.attachments a
    join errtrack_private.reported_projects p on p.id = a.project_id
    where a.received_at >= p.visible_from;
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
comment on column errtrack.requests.requests is 'How many.';
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
comment on column errtrack.outcomes.items is 'How many.';
comment on column errtrack.outcomes.project_id is '0: of requests whose project the sender only claimed.';
comment on column errtrack.outcomes.hour is 'The hour (UTC) in which the edge took the item in.';
comment on column errtrack.outcomes.category is 'What the item is: error, transaction, session, attachment, ...';
comment on column errtrack.outcomes.outcome is
    'stored, duplicate, filtered, rate_limited, invalid, discarded or dead.';
comment on column errtrack.outcomes.reason is 'Why it was not stored, one word; empty when the outcome says it all.';

create or replace view errtrack.grouping_hashes as
    select h.project_id,
           o.issue_id,
           h.hash,
           h.algo as algorithm,
           h.variant,
           h.first_seen,
           x.explanation
    from errtrack_private.hashes h
    join errtrack_private.origins o on o.project_id = h.project_id and o.id = h.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id
    join errtrack_private.reported_projects p on p.id = h.project_id
    left join errtrack_private.explanations x on x.project_id = h.project_id and x.hash = h.hash
    where i.last_received_at >= p.visible_from;
comment on view errtrack.grouping_hashes is
    'What makes events belong to an issue: its grouping hashes. Cheap by project_id and issue_id, and by project_id and hash.';
comment on column errtrack.grouping_hashes.issue_id is 'The issue that events with that hash are shown under now.';
comment on column errtrack.grouping_hashes.hash is 'As occurrences.hash.';
comment on column errtrack.grouping_hashes.algorithm is 'The version of the grouping algorithm that made it.';
comment on column errtrack.grouping_hashes.variant is
    'app: by the frames of the application; system: by all frames; custom: by a fingerprint or checksum; message, template, csp and so on: by that; fallback: there was nothing to go by.';
comment on column errtrack.grouping_hashes.first_seen is
    'The time that the first event with that hash gives, corrected as occurrences.occurred_at is.';
comment on column errtrack.grouping_hashes.explanation is
    'What counted and what did not, and why, of the first event with that hash.';

-- A function in a view is called with the rights of whoever asks.
grant execute on function errtrack_private.short_id(text, bigint) to errtrack_report;
grant select on errtrack.organizations, errtrack.projects, errtrack.issues, errtrack.occurrences,
    errtrack.payloads, errtrack.attachments, errtrack.requests, errtrack.outcomes,
    errtrack.grouping_hashes to errtrack_report;
