-- The public interface for reports, continued: what comes beside events.

create or replace view errtrack.client_reports as
    select c.project_id,
           c.hour,
           c.outcome,
           c.category,
           errtrack_private.sealed(c.reason) as reason,
           c.quantity as items
    from errtrack_private.client_reports c
    join errtrack_private.reported_projects p on p.id = c.project_id
    where c.since >= p.visible_from;
comment on view errtrack.client_reports is
    'What SDKs say that they did not send. No part of errtrack.outcomes: nothing of it has arrived. Cheap by project_id and hour.';
comment on column errtrack.client_reports.hour is 'The hour (UTC) in which the edge took the report in.';
comment on column errtrack.client_reports.outcome is
    'discarded by the SDK, or rate_limited, filtered or sampled on the way to the edge.';
comment on column errtrack.client_reports.category is 'What was not sent: error, transaction, session, ...';
comment on column errtrack.client_reports.reason is
    'A word of the SDK: sample_rate, before_send, queue_overflow, ... "(other)" when the project has used 100 of them.';
comment on column errtrack.client_reports.items is 'How many.';

create or replace view errtrack.feedback as
    select f.project_id,
           f.received_at,
           f.kind,
           f.id as feedback_id,
           errtrack_private.sealed(f.name) as name,
           errtrack_private.sealed(f.email) as email,
           errtrack_private.sealed(f.message) as message,
           errtrack_private.sealed(f.url) as url,
           errtrack_private.sealed(f.source) as source,
           errtrack_private.sealed(coalesce(f.release, o.release)) as release,
           errtrack_private.sealed(coalesce(f.environment, o.environment)) as environment,
           f.event_id,
           o.received_at as event_received_at,
           o.issue_id
    from errtrack_private.feedback f
    join errtrack_private.reported_projects p on p.id = f.project_id
    left join lateral (
        select occurrence.received_at, occurrence.release, occurrence.environment, origin.issue_id
        from errtrack_private.event_ids i
        join errtrack_private.occurrences occurrence
          on occurrence.project_id = i.project_id
         and occurrence.received_at = i.received_at
         and occurrence.event_id = i.event_id
        join errtrack_private.origins origin
          on origin.project_id = occurrence.project_id and origin.id = occurrence.origin_id
        where i.project_id = f.project_id
          and i.event_id = f.event_id
          and i.received_at >= p.visible_from
        limit 1) o on true
    where f.received_at >= p.visible_from;
comment on view errtrack.feedback is
    'What people wrote about errors, with the event that it is about. Cheap by project_id and event_id.';
comment on column errtrack.feedback.name is 'Of who wrote it, as they say; empty when they do not.';
comment on column errtrack.feedback.email is 'Of who wrote it, as they say; empty when they do not.';
comment on column errtrack.feedback.message is 'What they wrote.';
comment on column errtrack.feedback.url is 'The page that it was written on; empty when the client does not say it.';
comment on column errtrack.feedback.release is 'Of the feedback, else of the event.';
comment on column errtrack.feedback.environment is 'Of the feedback, else of the event.';
comment on column errtrack.feedback.received_at is 'When the edge took it in; decides retention.';
comment on column errtrack.feedback.kind is
    'user_report: by a dialog or an old SDK, the last one for its event. feedback: by a newer SDK.';
comment on column errtrack.feedback.feedback_id is 'Of a user report the event.';
comment on column errtrack.feedback.source is 'The word of the SDK for the form that was used.';
comment on column errtrack.feedback.event_id is 'The event that it is about, which may be unknown.';
comment on column errtrack.feedback.event_received_at is 'Null while the event is not here.';
comment on column errtrack.feedback.issue_id is 'The issue of the event; null while the event is not here.';

create or replace view errtrack.transactions as
    select t.project_id,
           t.hour,
           errtrack_private.sealed(t.transaction) as transaction,
           errtrack_private.sealed(t.op) as op,
           t.total,
           t.failures,
           t.total_ms / t.total as mean_ms,
           errtrack.duration_quantile(t.durations, 0.5) as p50_ms,
           errtrack.duration_quantile(t.durations, 0.95) as p95_ms,
           errtrack.duration_quantile(t.durations, 0.99) as p99_ms,
           t.durations
    from errtrack_private.transactions t
    join errtrack_private.reported_projects p on p.id = t.project_id
    where t.since >= p.visible_from;
comment on view errtrack.transactions is
    'How long transactions took and how many failed. Over several rows: errtrack.duration_quantile(errtrack.sum_durations(durations), 0.95). Cheap by project_id and hour.';
comment on column errtrack.transactions.hour is 'The hour (UTC) in which the edge took them in.';
comment on column errtrack.transactions.transaction is
    'The name; "(other)", as its operation, when the project has 5,000 others.';
comment on column errtrack.transactions.op is 'The operation: http.server, pageload, ...';
comment on column errtrack.transactions.total is 'How many.';
comment on column errtrack.transactions.failures is
    'Those among them whose status is none of ok, cancelled and unknown.';
comment on column errtrack.transactions.mean_ms is 'Exact.';
comment on column errtrack.transactions.p50_ms is 'The median; at most 2.5 % too short or too long.';
comment on column errtrack.transactions.p95_ms is 'Within which 95 of 100 lie; as exact as p50_ms.';
comment on column errtrack.transactions.p99_ms is 'Within which 99 of 100 lie; as exact as p50_ms.';
comment on column errtrack.transactions.durations is
    'Histogram: {bucket, quantity, bucket, quantity, ...}, bucket b from 1.05^b to 1.05^(b + 1) milliseconds.';

create or replace view errtrack.release_health as
    select c.project_id,
           c.hour,
           errtrack_private.sealed(c.release) as release,
           nullif(c.environment, '') as environment,
           c.started,
           c.exited,
           c.errored,
           c.crashed,
           c.abnormal,
           case when c.started > 0 then 100 * (1 - c.crashed::double precision / c.started) end as crash_free_percent,
           case when c.ended > 0 then c.ended_seconds / c.ended end as mean_seconds
    from errtrack_private.session_counts c
    join errtrack_private.reported_projects p on p.id = c.project_id
    where c.since >= p.visible_from;
comment on view errtrack.release_health is
    'Sessions by release, environment and hour. Each is counted once, by the state that is known last. Cheap by project_id and hour.';
comment on column errtrack.release_health.hour is 'The hour (UTC) in which the sessions started.';
comment on column errtrack.release_health.release is '"(other)" when the project has 10,000 others.';
comment on column errtrack.release_health.environment is
    'Null when the client names none; "(other)" when the project has 100 others.';
comment on column errtrack.release_health.started is
    'All of them: exited, errored, crashed, abnormal, and those that are going on without an error.';
comment on column errtrack.release_health.exited is 'Ended without an error.';
comment on column errtrack.release_health.errored is 'Had errors, but neither crashed nor ended abnormally.';
comment on column errtrack.release_health.crashed is 'Ended by a crash.';
comment on column errtrack.release_health.abnormal is 'Ended without saying so: killed, hung, out of power.';
comment on column errtrack.release_health.crash_free_percent is 'Of the sessions; null without any.';
comment on column errtrack.release_health.mean_seconds is
    'How long those took that exited and said so. Counts that the SDK adds up do not say it.';

create or replace view errtrack.release_users as
    select u.project_id,
           u.day,
           errtrack_private.sealed(u.release) as release,
           nullif(u.environment, '') as environment,
           count(*) as users,
           count(*) filter (where u.crashed) as crashed_users,
           100 * (1 - count(*) filter (where u.crashed)::double precision / count(*)) as crash_free_percent
    from errtrack_private.session_users u
    join errtrack_private.reported_projects p on p.id = u.project_id
    where u.since >= p.visible_from
    group by u.project_id, u.day, u.release, u.environment;
comment on view errtrack.release_users is
    'Distinct users of sessions by release, environment and day. Users that the client does not tell apart are not counted. Cheap by project_id and day.';
comment on column errtrack.release_users.release is '"(other)" when the project has 10,000 others.';
comment on column errtrack.release_users.day is 'The day (UTC) on which their sessions started.';
comment on column errtrack.release_users.environment is 'Null when the client names none.';
comment on column errtrack.release_users.users is
    'Those who had a session that day: over several rows they cannot be added up.';
comment on column errtrack.release_users.crashed_users is 'Those who had a session that crashed.';
comment on column errtrack.release_users.crash_free_percent is 'Of the users.';

create or replace view errtrack.monitors as
    select m.project_id,
           errtrack_private.sealed(m.slug) as slug,
           errtrack_private.sealed(m.environment) as environment,
           m.status,
           m.last_at as last_check_in_at,
           m.last_seconds,
           m.next_at as next_check_in_at,
           m.margin_minutes,
           m.runtime_minutes,
           errtrack_private.sealed(m.timezone) as timezone,
           m.missed,
           m.timed_out
    from errtrack_private.monitors m
    join errtrack_private.reported_projects p on p.id = m.project_id
    where m.since >= p.visible_from;
comment on view errtrack.monitors is
    'Jobs that check in, by environment. A project has 500 at most; others are one called "(other)".';
comment on column errtrack.monitors.slug is 'The name of the job, as the client gives it.';
comment on column errtrack.monitors.environment is 'As the client gives it, else production.';
comment on column errtrack.monitors.status is
    'Of the last check-in: ok, error, in_progress, or unknown when the client says something else; missed when one did not come, timeout when one did not end.';
comment on column errtrack.monitors.last_check_in_at is 'When the edge took it in.';
comment on column errtrack.monitors.last_seconds is 'How long the last run took that said so.';
comment on column errtrack.monitors.next_check_in_at is
    'When the next one is expected; null without a schedule.';
comment on column errtrack.monitors.margin_minutes is 'How late it may be before it is missed.';
comment on column errtrack.monitors.runtime_minutes is 'How long a run may last before it has timed out.';
comment on column errtrack.monitors.timezone is 'In which the schedule is meant.';
comment on column errtrack.monitors.missed is 'Check-ins that did not come, those of one gap counted once.';
comment on column errtrack.monitors.timed_out is 'Runs that did not end in time.';

create or replace view errtrack.check_ins as
    select c.project_id,
           c.slug,
           c.environment,
           c.id as check_in_id,
           c.status,
           c.began_at,
           c.received_at,
           c.seconds,
           errtrack_private.sealed(c.release) as release
    from errtrack_private.check_ins c
    join errtrack_private.reported_projects p on p.id = c.project_id
    where c.received_at >= p.visible_from;
comment on view errtrack.check_ins is
    'Runs of monitors, missed ones too. Cheap by project_id, slug and environment.';
comment on column errtrack.check_ins.slug is 'The name of the monitor.';
comment on column errtrack.check_ins.environment is 'Of the monitor.';
comment on column errtrack.check_ins.check_in_id is 'Tells the runs of a monitor apart.';
comment on column errtrack.check_ins.release is 'Null when the client names none.';
comment on column errtrack.check_ins.status is
    'The last word about the run: ok, error, in_progress, or unknown when the client says something else; missed when it did not come, timeout when it did not end.';
comment on column errtrack.check_ins.began_at is
    'When the edge took in the first word about it; of a missed one when it was expected.';
comment on column errtrack.check_ins.received_at is 'When the edge took in the last word about it; decides retention.';
comment on column errtrack.check_ins.seconds is 'As the job says, else between its two check-ins.';

grant select on errtrack.client_reports, errtrack.feedback, errtrack.transactions,
    errtrack.release_health, errtrack.release_users, errtrack.monitors, errtrack.check_ins
    to errtrack_report;
