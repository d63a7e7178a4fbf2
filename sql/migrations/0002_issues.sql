-- Issues and what is counted for them. Everything that a list or a details
-- page shows is kept here at write time: a page costs the same however many
-- events an issue has.
--
-- A grouping hash belongs to an origin, for ever. An origin points at the issue
-- that shows it: merging points it elsewhere, unmerging points it back, and no
-- event moves. So every counter is kept by origin.

create sequence errtrack_private.issue_ids as bigint maxvalue 9007199254740991 cache 32;
comment on sequence errtrack_private.issue_ids is
    'Below 2^53, so that JavaScript reads them; handed to sessions in blocks of 32.';

create table errtrack_private.issues (
    project_id bigint not null,
    id bigint not null,
    status text not null default 'unresolved' check (status in ('unresolved', 'resolved', 'ignored')),
    status_at timestamptz not null default now(),
    regressed_at timestamptz,
    kind text not null check (kind in ('error', 'default')),
    type text not null,
    value text not null,
    title text not null,
    first_title text not null,
    culprit text not null,
    level text not null,
    platform text not null,
    logger text not null,
    event_count bigint not null default 0,
    user_count bigint not null default 0,
    first_seen timestamptz not null,
    last_seen timestamptz not null,
    last_received_at timestamptz not null,
    first_release text,
    last_release text,
    primary key (project_id, id)
);
create index issues_project_id_status_last_seen_idx
    on errtrack_private.issues (project_id, status, last_seen desc, id desc);
create index issues_project_id_status_first_seen_idx
    on errtrack_private.issues (project_id, status, first_seen desc, id desc);
create index issues_project_id_status_event_count_idx
    on errtrack_private.issues (project_id, status, event_count desc, id desc);
comment on table errtrack_private.issues is
    'One row for each group of events that is one error. Counts are the sums over its origins; title, culprit and level follow the newest event.';
comment on column errtrack_private.issues.status_at is
    'When the status was last set. A resolved issue reopens only for an event received later.';
comment on column errtrack_private.issues.regressed_at is
    'When a resolved issue was last reopened by an event.';
comment on column errtrack_private.issues.last_received_at is
    'The latest received_at of an event: decides which event is the newest, whatever clocks of clients say.';

create table errtrack_private.origins (
    project_id bigint not null,
    id bigint not null,
    issue_id bigint not null,
    event_count bigint not null default 0,
    user_count bigint not null default 0,
    first_seen timestamptz not null,
    last_seen timestamptz not null,
    primary key (project_id, id),
    foreign key (project_id, issue_id) references errtrack_private.issues (project_id, id) on delete cascade
);
create index origins_project_id_issue_id_idx on errtrack_private.origins (project_id, issue_id);
comment on column errtrack_private.origins.id is
    'The id of the issue that was made together with this origin.';
comment on column errtrack_private.origins.issue_id is
    'The issue that shows this origin now.';

create table errtrack_private.hashes (
    project_id bigint not null,
    hash uuid not null,
    origin_id bigint not null,
    algo text not null,
    variant text not null,
    first_seen timestamptz not null,
    primary key (project_id, hash),
    foreign key (project_id, origin_id) references errtrack_private.origins (project_id, id) on delete cascade
);
create index hashes_project_id_origin_id_idx on errtrack_private.hashes (project_id, origin_id);
comment on table errtrack_private.hashes is
    'Grouping hashes. An event belongs to the origin of the first of its hashes that is known; the rest then join that origin.';

create table errtrack_private.origin_users (
    project_id bigint not null,
    origin_id bigint not null,
    user_hash uuid not null,
    first_seen timestamptz not null,
    primary key (project_id, origin_id, user_hash)
);
comment on table errtrack_private.origin_users is
    'Distinct users by origin. The hash is taken over the first of id, username, e-mail and address that the event names.';

create table errtrack_private.counts_5m (
    project_id bigint not null,
    origin_id bigint not null,
    bucket timestamptz not null,
    events bigint not null,
    primary key (project_id, origin_id, bucket)
);
comment on table errtrack_private.counts_5m is 'Events by origin in steps of five minutes, kept for 48 hours.';

create table errtrack_private.counts_1h (
    project_id bigint not null,
    origin_id bigint not null,
    bucket timestamptz not null,
    events bigint not null,
    primary key (project_id, origin_id, bucket)
);
comment on table errtrack_private.counts_1h is 'Events by origin and hour.';
