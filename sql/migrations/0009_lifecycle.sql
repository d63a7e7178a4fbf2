-- The life of issues: how they were resolved or ignored and until when, what
-- happened to them, what people want to be told, and the bounds on what a project
-- may make: names, tags, bodies, new issues.

-- ---- status -------------------------------------------------------------------

alter table errtrack_private.issues
    add column status_by text,
    add column resolved_in text,
    add column ignored_until timestamptz,
    add column ignored_until_events bigint,
    add column ignored_until_users bigint,
    add column overflow boolean not null default false,
    add constraint issues_resolved_in_check check (resolved_in is null or status = 'resolved'),
    add constraint issues_ignored_until_check check (
        status = 'ignored'
        or (ignored_until is null and ignored_until_events is null and ignored_until_users is null));
comment on column errtrack_private.issues.status_by is
    'Who set the status last: the e-mail address of a user, gitlab, a login of the database; null for errtrack itself.';
comment on column errtrack_private.issues.resolved_in is
    'Resolved in this release: only an event of a newer one reopens the issue. Null: any later event does.';
comment on column errtrack_private.issues.ignored_until_events is
    'The event_count that ends the ignoring.';
comment on column errtrack_private.issues.ignored_until_users is
    'The user_count that ends the ignoring.';
comment on column errtrack_private.issues.overflow is
    'The one issue of the project that takes what the explosion guard keeps from becoming issues.';
create unique index issues_project_id_overflow_key
    on errtrack_private.issues (project_id) where overflow;
create index issues_ignored_until_idx
    on errtrack_private.issues (ignored_until) where ignored_until is not null;

create table errtrack_private.issue_history (
    project_id bigint not null,
    issue_id bigint not null,
    id bigint generated always as identity,
    at timestamptz not null,
    what text not null check (what in (
        'new', 'regression', 'resolved', 'ignored', 'unignored', 'reopened',
        'merged', 'merged_away', 'unmerged', 'unmerged_from', 'split', 'split_off')),
    who text,
    details jsonb not null default '{}',
    primary key (project_id, issue_id, id),
    foreign key (project_id, issue_id) references errtrack_private.issues (project_id, id) on delete cascade
);
create index issue_history_project_id_new_idx
    on errtrack_private.issue_history (project_id, at) where what = 'new';
comment on table errtrack_private.issue_history is
    'What happened to an issue, a row for each change, written in the transaction that makes it.';
comment on column errtrack_private.issue_history.at is
    'When: for what an event brought about the time when the edge took it in.';
comment on column errtrack_private.issue_history.who is 'As status_by of issues.';

create table errtrack_private.outbox (
    project_id bigint not null,
    id bigint generated always as identity,
    kind text not null check (kind in ('new_issue', 'regression', 'unignored', 'spike', 'quota_reached')),
    issue_id bigint,
    created_at timestamptz not null default now(),
    details jsonb not null default '{}',
    primary key (project_id, id),
    foreign key (project_id, issue_id) references errtrack_private.issues (project_id, id) on delete cascade
);
create index outbox_project_id_issue_id_idx on errtrack_private.outbox (project_id, issue_id);
comment on table errtrack_private.outbox is
    'What people want to be told, written once in the transaction in which it happens. Whoever sends it deletes the row.';

-- ---- origins ------------------------------------------------------------------

alter table errtrack_private.origins
    add column last_received_at timestamptz not null default '-infinity',
    add column first_release text,
    add column last_release text;
update errtrack_private.origins o
set last_received_at = i.last_received_at,
    first_release = i.first_release,
    last_release = i.last_release
from errtrack_private.issues i
where i.project_id = o.project_id and i.id = o.issue_id;
comment on column errtrack_private.origins.last_received_at is
    'As last_received_at of issues: merging and unmerging make the issue anew from its origins.';

alter table errtrack_private.hashes
    add column kind text,
    add column type text,
    add column value text,
    add column title text,
    add column culprit text;
comment on column errtrack_private.hashes.title is
    'Of the event that brought the hash, as are kind, type, value and culprit: what an issue is called that is split off. Null for hashes of older releases.';

alter table errtrack_private.occurrences add column hash uuid;
comment on column errtrack_private.occurrences.hash is
    'The first of the grouping hashes: the event goes with it when it is split off. Null for events of older releases.';

create table errtrack_private.splits (
    project_id bigint not null,
    id bigint generated always as identity,
    hash uuid not null,
    from_origin bigint not null,
    to_origin bigint not null,
    started_at timestamptz not null default now(),
    transaction xid8 not null default pg_current_xact_id(),
    done_at timestamptz not null default '-infinity',
    done_event uuid not null default '00000000-0000-0000-0000-000000000000',
    total bigint not null,
    looked_at bigint not null default 0,
    moved bigint not null default 0,
    primary key (project_id, id),
    foreign key (project_id, from_origin) references errtrack_private.origins (project_id, id) on delete cascade,
    foreign key (project_id, to_origin) references errtrack_private.origins (project_id, id) on delete cascade
);
create index splits_project_id_from_origin_idx on errtrack_private.splits (project_id, from_origin);
create index splits_project_id_to_origin_idx on errtrack_private.splits (project_id, to_origin);
comment on table errtrack_private.splits is
    'Hashes that are being split off: a row until the last event has moved.';
comment on column errtrack_private.splits.transaction is
    'The one that gave the hash to its new origin. Only when all that ran beside it have ended does no event come to the old one any more.';
comment on column errtrack_private.splits.done_at is
    'With done_event the place up to which the events of the old origin were looked at.';

-- ---- bounds -------------------------------------------------------------------

create table errtrack_private.limits (
    project_id bigint not null,
    name text not null check (name in (
        'new_issues', 'bodies', 'releases', 'environments', 'tag_keys', 'tag_values')),
    value bigint check (value >= 0),
    primary key (project_id, name)
);
comment on table errtrack_private.limits is
    'What a project may make. Rows of project 0 hold for every project that has none of its own.';
comment on column errtrack_private.limits.name is
    'new_issues: in an hour, further ones go to the overflow issue; bodies: kept of an issue in an hour; releases, environments, tag_keys: of the project; tag_values: of a key and issue.';
comment on column errtrack_private.limits.value is 'Null: no bound.';
insert into errtrack_private.limits (project_id, name, value) values
    (0, 'new_issues', 100), (0, 'bodies', 10000), (0, 'releases', 10000), (0, 'environments', 100),
    (0, 'tag_keys', 200), (0, 'tag_values', 1000);

create table errtrack_private.releases (
    project_id bigint not null,
    release text not null,
    id bigint generated always as identity,
    first_received_at timestamptz not null,
    primary key (project_id, release)
);
create index releases_project_id_first_received_at_idx
    on errtrack_private.releases (project_id, first_received_at, id);
comment on table errtrack_private.releases is
    'Releases that events named, in the order of their first event, as many as the limit allows.';

create table errtrack_private.environments (
    project_id bigint not null,
    environment text not null,
    first_received_at timestamptz not null,
    primary key (project_id, environment)
);
comment on table errtrack_private.environments is
    'Environments that events named, as many as the limit allows.';

alter table errtrack_private.counts_1h
    add column bodies bigint not null default 0,
    add column surplus_at timestamptz,
    add column surplus_event uuid;
comment on column errtrack_private.counts_1h.bodies is
    'Bodies kept within the budget. Rows of older releases say 0.';
comment on column errtrack_private.counts_1h.surplus_at is
    'received_at of the one event beyond the budget whose body is kept, being the newest; surplus_event is its id.';

-- It returns one column more now.
drop function if exists errtrack_private.file_events();

-- ---- tags ---------------------------------------------------------------------

-- Sorted and compared by the thousand: byte by byte, not by the rules of a language.

create table errtrack_private.tag_facts (
    project_id bigint not null,
    origin_id bigint not null,
    received_at timestamptz not null,
    keys text[] not null,
    texts text[] not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
create index tag_facts_project_id_origin_id_idx on errtrack_private.tag_facts (project_id, origin_id);
comment on table errtrack_private.tag_facts is
    'Tags of events that are not in tag_counts yet: appended by the batch, folded every few seconds.';

create table errtrack_private.tag_keys (
    project_id bigint not null,
    key text collate "C" not null,
    primary key (project_id, key)
);
comment on table errtrack_private.tag_keys is
    'Keys of tags by project, as many as the limit allows: the others are counted as (other).';

create table errtrack_private.tag_sets (
    project_id bigint not null,
    origin_id bigint not null,
    key text collate "C" not null,
    size integer not null,
    primary key (project_id, origin_id, key)
);
comment on table errtrack_private.tag_sets is
    'How many values of a key an origin has in tag_counts, (other) aside.';

create table errtrack_private.tag_counts (
    project_id bigint not null,
    origin_id bigint not null,
    key text collate "C" not null,
    value text collate "C" not null,
    events bigint not null,
    first_received_at timestamptz not null,
    last_received_at timestamptz not null,
    primary key (project_id, origin_id, key, value)
);
comment on table errtrack_private.tag_counts is
    'Events by origin, key and value of their tags. What is beyond the limits is counted under (other).';
