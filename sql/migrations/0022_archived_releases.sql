-- Releases that are put away.

alter table errtrack_private.releases
    add column status text not null default 'open' check (status in ('open', 'archived'));
comment on column errtrack_private.releases.status is
    'An archived release is left out of lists; nothing else changes for it.';
