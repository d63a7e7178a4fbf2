-- Which projects are GitLab's. What it says of a key must not concern another project that
-- happens to have the same number.

alter table errtrack_private.projects add column gitlab boolean not null default false;
comment on column errtrack_private.projects.gitlab is
    'GitLab has a project of this id, and vouches for keys of it. True for those that were made for its keys.';
drop function if exists errtrack_private.gitlab_key_answered(bigint, text, boolean, timestamptz);
