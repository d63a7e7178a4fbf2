-- What comes beside events: counted where counting is enough, kept where people
-- read it. Each table knows since when a row has been filled, so that a row from
-- before the data of its project was deleted can be told from one that came later.

create table errtrack_private.item_names (
    project_id bigint not null,
    kind text not null,
    name text not null,
    seen_on date not null,
    primary key (project_id, kind, name)
);
comment on table errtrack_private.item_names is
    'Names that a project may use as keys of counters. Clients choose them, so there is a most for each kind: later ones are counted as "(other)".';
comment on column errtrack_private.item_names.seen_on is
    'The last day (UTC) on which the name was used. One that was not for as long as events are kept makes room.';

create table errtrack_private.client_reports (
    project_id bigint not null,
    hour timestamptz not null,
    outcome text not null,
    category text not null,
    reason text not null,
    quantity bigint not null,
    since timestamptz not null,
    primary key (project_id, hour, outcome, category, reason)
);
create index client_reports_hour_idx on errtrack_private.client_reports (hour);
comment on table errtrack_private.client_reports is
    'What SDKs say that they did not send. Stands beside the ledger: nothing of it has reached an edge.';
comment on index errtrack_private.client_reports_hour_idx is 'For the retention.';

create table errtrack_private.feedback (
    project_id bigint not null,
    kind text not null check (kind in ('user_report', 'feedback')),
    id uuid not null,
    event_id uuid,
    received_at timestamptz not null,
    name text not null,
    email text not null,
    message text not null,
    url text not null,
    source text not null,
    release text,
    environment text,
    primary key (project_id, kind, id)
);
create index feedback_project_id_event_id_idx on errtrack_private.feedback (project_id, event_id);
create index feedback_received_at_idx on errtrack_private.feedback (received_at);
comment on table errtrack_private.feedback is
    'What people write about an error. The event may be unknown: it was dropped, or has not come yet.';
comment on column errtrack_private.feedback.id is
    'Of a user report the event, of which there is one report: a later one replaces it. Of feedback an id of its own.';
comment on index errtrack_private.feedback_received_at_idx is 'For the retention.';

create table errtrack_private.transactions (
    project_id bigint not null,
    hour timestamptz not null,
    transaction text not null,
    op text not null,
    total bigint not null,
    failures bigint not null,
    total_ms double precision not null,
    durations bigint[] not null,
    since timestamptz not null,
    primary key (project_id, hour, transaction, op)
);
create index transactions_hour_idx on errtrack_private.transactions (hour);
comment on table errtrack_private.transactions is
    'Transactions by name, operation and hour. No transaction is kept, and none of its spans.';
comment on column errtrack_private.transactions.durations is
    'How many took how long: see errtrack.sum_durations().';
comment on index errtrack_private.transactions_hour_idx is 'For the retention.';

create table errtrack_private.sessions (
    project_id bigint not null,
    sid uuid not null,
    started timestamptz not null,
    release text not null,
    environment text not null,
    did uuid,
    status text,
    seq numeric(20) not null,
    at timestamptz not null,
    errors bigint not null,
    seconds double precision,
    since timestamptz not null,
    primary key (project_id, sid)
);
create index sessions_started_idx on errtrack_private.sessions (started);
comment on table errtrack_private.sessions is
    'The last known state of each session, so that its updates count once whatever their order. Kept for 6 days from its start: later updates are not taken.';
comment on column errtrack_private.sessions.environment is 'Empty when the client names none.';
comment on column errtrack_private.sessions.did is 'A hash: tells users apart without naming them.';
comment on column errtrack_private.sessions.status is 'Null until the session is counted.';
comment on column errtrack_private.sessions.seq is 'The clock of the client by which its updates are ordered.';
comment on index errtrack_private.sessions_started_idx is 'For the retention.';

create table errtrack_private.session_counts (
    project_id bigint not null,
    hour timestamptz not null,
    release text not null,
    environment text not null,
    started bigint not null,
    exited bigint not null,
    errored bigint not null,
    crashed bigint not null,
    abnormal bigint not null,
    ended bigint not null,
    ended_seconds double precision not null,
    since timestamptz not null,
    primary key (project_id, hour, release, environment)
);
create index session_counts_hour_idx on errtrack_private.session_counts (hour);
comment on table errtrack_private.session_counts is
    'Sessions by release, environment and the hour in which they started.';
comment on column errtrack_private.session_counts.ended is
    'Sessions that ended in order and told how long they took: the mean is over these.';
comment on index errtrack_private.session_counts_hour_idx is 'For the retention.';

create table errtrack_private.session_users (
    project_id bigint not null,
    day date not null,
    release text not null,
    environment text not null,
    did uuid not null,
    crashed boolean not null,
    since timestamptz not null,
    primary key (project_id, day, release, environment, did)
);
create index session_users_day_idx on errtrack_private.session_users (day);
comment on table errtrack_private.session_users is
    'Distinct users by release, environment and the day (UTC) on which their sessions started.';
comment on index errtrack_private.session_users_day_idx is 'For the retention.';

create table errtrack_private.monitors (
    project_id bigint not null,
    slug text not null,
    environment text not null,
    status text not null,
    last_at timestamptz not null,
    last_seconds double precision,
    missed bigint not null default 0,
    timed_out bigint not null default 0,
    schedule jsonb,
    schedule_at timestamptz,
    timezone text not null default 'UTC',
    margin_minutes integer not null default 1,
    runtime_minutes integer not null default 30,
    next_at timestamptz,
    since timestamptz not null,
    primary key (project_id, slug, environment)
);
create index monitors_next_at_idx on errtrack_private.monitors (next_at) where next_at is not null;
comment on table errtrack_private.monitors is
    'Jobs that check in, by environment: what the last check-in said, and when the next one is expected.';
comment on column errtrack_private.monitors.schedule is
    'As worker/check_in.hpp describes it; null when the client gave none that can be understood.';
comment on column errtrack_private.monitors.schedule_at is 'When it was given: an older request does not replace it.';
comment on column errtrack_private.monitors.next_at is
    'When the next check-in is expected. Missed when margin_minutes have passed.';

create table errtrack_private.check_ins (
    project_id bigint not null,
    id uuid not null,
    slug text not null,
    environment text not null,
    status text not null,
    began_at timestamptz not null,
    received_at timestamptz not null,
    seconds double precision,
    release text,
    primary key (project_id, slug, environment, id)
);
create index check_ins_open_idx
    on errtrack_private.check_ins (project_id, slug, environment, began_at) where status = 'in_progress';
create index check_ins_received_at_idx on errtrack_private.check_ins (received_at);
comment on table errtrack_private.check_ins is 'Runs of monitors, missed ones too.';
comment on column errtrack_private.check_ins.began_at is
    'When the edge took in the first word about it; of a missed one when it was expected.';
comment on index errtrack_private.check_ins_received_at_idx is 'For the retention.';
