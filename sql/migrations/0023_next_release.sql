-- Which issues are resolved in the release after the one that they name.

alter table errtrack_private.issues
    add column resolved_after boolean not null default false;
comment on column errtrack_private.issues.resolved_after is
    'resolved_in was the newest release when people resolved the issue in the next one.';
