-- Projects that somebody has deleted. The row stays for as long as there may be partitions
-- with rows of it, so that no other project gets its number before.

alter table errtrack_private.projects add column deleted_at timestamptz;
comment on column errtrack_private.projects.deleted_at is
    'Since when nobody sees the project any more. Its row goes when everything that it received is past the retention.';
