-- What grows with the number of events: partitioned by day of received_at (UTC),
-- dropped by the day. project_id is in every key, so that the tables can be
-- distributed by it. A default partition exists as an alarm: rows in it mean
-- that partitions were not made in time.

create table errtrack_private.deliveries (
    project_id bigint not null,
    delivery_id uuid not null,
    received_at timestamptz not null,
    primary key (project_id, delivery_id, received_at)
) partition by range (received_at);
comment on table errtrack_private.deliveries is
    'Requests that were filed. The queue hands an entry over at least once; the row written in the batch''s own transaction makes it exactly once.';

create table errtrack_private.event_ids (
    project_id bigint not null,
    event_id uuid not null,
    day timestamptz not null,
    received_at timestamptz not null,
    primary key (project_id, event_id, day)
) partition by range (day);
comment on table errtrack_private.event_ids is
    'Finds events that were sent twice, and events by id. Unique within a day; the day before is looked into; within an hour of midnight a row goes into both days, so that no two workers can miss each other.';
comment on column errtrack_private.event_ids.day is
    'Midnight (UTC) of the day that this row guards.';

create table errtrack_private.occurrences (
    project_id bigint not null,
    received_at timestamptz not null,
    event_id uuid not null,
    origin_id bigint not null,
    occurred_at timestamptz not null,
    level text not null,
    platform text not null,
    release text,
    environment text,
    transaction text,
    user_hash uuid,
    request_id text,
    has_payload boolean not null,
    primary key (project_id, origin_id, received_at, event_id)
) partition by range (received_at);
create index occurrences_project_id_received_at_idx
    on errtrack_private.occurrences (project_id, received_at);
comment on table errtrack_private.occurrences is
    'The narrow row of every event that was counted, whether or not its body was kept.';
comment on column errtrack_private.occurrences.occurred_at is
    'The time that the event gives, corrected for the drift of the client''s clock. For display.';

create table errtrack_private.payloads (
    project_id bigint not null,
    received_at timestamptz not null,
    event_id uuid not null,
    body json compression lz4 not null,
    primary key (project_id, event_id, received_at)
) partition by range (received_at);
comment on column errtrack_private.payloads.body is
    'The event as received, repaired and bounded, in the form that readers may rely on.';

do $$
declare
    parent text;
begin
    foreach parent in array array['deliveries', 'event_ids', 'occurrences', 'payloads'] loop
        execute format('create table errtrack_private.%I partition of errtrack_private.%I default',
                       parent || '_default', parent);
    end loop;
end
$$;

create table errtrack_private.outcomes (
    project_id bigint not null,
    hour timestamptz not null,
    category text not null,
    outcome text not null,
    reason text not null,
    quantity bigint not null,
    primary key (project_id, hour, category, outcome, reason)
);
comment on table errtrack_private.outcomes is
    'The ledger: every item of an accepted request ends in exactly one outcome (stored, duplicate, filtered, rate_limited, invalid, discarded, dead).';

create table errtrack_private.dead_letters (
    id bigint generated always as identity primary key,
    project_id bigint not null,
    delivery_id uuid not null unique,
    died_at timestamptz not null default now(),
    reason text not null,
    meta text not null,
    body bytea not null
);
comment on table errtrack_private.dead_letters is
    'Records that could not be filed although nothing was wrong with them that a client could mend. Kept for 14 days.';
