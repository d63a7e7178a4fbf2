-- What people who run an instance need.

alter table errtrack_private.dead_letters
    add column size bigint generated always as (octet_length(meta) + octet_length(body)) stored;
create index dead_letters_died_at_idx on errtrack_private.dead_letters (died_at);
comment on column errtrack_private.dead_letters.size is
    'Bytes of what is kept, so that the sum over all of them does not read them.';
comment on index errtrack_private.dead_letters_died_at_idx is 'For the retention, and for what died lately.';

-- ---- retention ----------------------------------------------------------------

alter table errtrack_private.projects
    add column retention_days integer
        constraint projects_retention_days_check check (retention_days between 1 and 3650);
comment on column errtrack_private.projects.retention_days is
    'Days that the events and files of the project are kept; null, or more than the instance keeps: as long as the instance does.';

create table errtrack_private.retention (
    one boolean primary key default true check (one),
    days integer not null check (days between 8 and 3650),
    finished_at timestamptz
);
comment on table errtrack_private.retention is
    'At most one row: how long workers keep events, by which "errtrack retention" goes.';
comment on column errtrack_private.retention.finished_at is
    'When everything that was older had last been removed.';

-- Taken apart into sweep() and retain().
drop function if exists errtrack_private.drop_partitions(integer);
