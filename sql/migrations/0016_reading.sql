-- What the HTTP surfaces look for: issues by id alone, by text, by tag, by users; who an
-- issue is assigned to and what people wrote about it.

-- Text and project in one index.
create extension if not exists pg_trgm with schema errtrack_private;
create extension if not exists btree_gin with schema errtrack_private;

create index origins_id_idx on errtrack_private.origins (id);
comment on index errtrack_private.origins_id_idx is
    'Finds the project of an issue whose id is all that is known: an origin has the id of the issue that it was made with.';

-- ---- issues -------------------------------------------------------------------

alter table errtrack_private.issues
    add column assigned_to bigint references errtrack_private.users (id) on delete set null;
create index issues_assigned_to_idx
    on errtrack_private.issues (assigned_to, project_id) where assigned_to is not null;
create index issues_project_id_status_user_count_idx
    on errtrack_private.issues (project_id, status, user_count desc, id desc);
comment on column errtrack_private.issues.assigned_to is 'Who takes care of it.';

alter table errtrack_private.issue_history
    drop constraint issue_history_what_check,
    add constraint issue_history_what_check check (what in (
        'new', 'regression', 'resolved', 'ignored', 'unignored', 'reopened',
        'merged', 'merged_away', 'unmerged', 'unmerged_from', 'split', 'split_off',
        'assigned', 'unassigned', 'comment', 'linked', 'unlinked'));

create table errtrack_private.issue_texts (
    project_id bigint not null,
    issue_id bigint not null,
    text text not null,
    primary key (project_id, issue_id),
    foreign key (project_id, issue_id) references errtrack_private.issues (project_id, id) on delete cascade
);
create index issue_texts_project_id_text_idx
    on errtrack_private.issue_texts using gin (project_id, text errtrack_private.gin_trgm_ops);
comment on table errtrack_private.issue_texts is
    'What free text is looked for in: title, value and culprit. Beside issues, whose rows are written with each batch, so that the index is written only when the text changes.';
insert into errtrack_private.issue_texts (project_id, issue_id, text)
select i.project_id, i.id, concat_ws(E'\n', i.title, left(i.value, 1000), i.culprit)
from errtrack_private.issues i;

create table errtrack_private.issue_comments (
    project_id bigint not null,
    issue_id bigint not null,
    id bigint generated always as identity,
    user_id bigint references errtrack_private.users (id) on delete set null,
    text text not null check (length(text) between 1 and 10000),
    created_at timestamptz not null default now(),
    primary key (project_id, issue_id, id),
    foreign key (project_id, issue_id) references errtrack_private.issues (project_id, id) on delete cascade
);
create index issue_comments_user_id_idx on errtrack_private.issue_comments (user_id);
comment on table errtrack_private.issue_comments is 'What people wrote about an issue.';

create table errtrack_private.issue_links (
    project_id bigint not null,
    issue_id bigint not null,
    id bigint generated always as identity,
    provider text not null check (provider in ('gitlab', 'github', 'other')),
    reference text not null check (length(reference) between 1 and 200),
    url text not null default '' check (length(url) <= 1000),
    created_at timestamptz not null default now(),
    primary key (project_id, issue_id, id),
    foreign key (project_id, issue_id) references errtrack_private.issues (project_id, id) on delete cascade,
    constraint issue_links_key unique (project_id, issue_id, provider, reference)
);
comment on table errtrack_private.issue_links is 'Issues of a tracker that were made from an issue here.';
comment on column errtrack_private.issue_links.reference is
    'As the tracker writes it: the number of an issue, or project#number.';

create table errtrack_private.trackers (
    project_id bigint not null references errtrack_private.projects (id) on delete cascade,
    provider text not null check (provider in ('gitlab', 'github', 'other')),
    id bigint generated always as identity unique,
    external_id bigint,
    url text not null check (url ~ '^https?://[^\s"<>]+[^/\s"<>]$' and length(url) <= 500),
    created_at timestamptz not null default now(),
    primary key (project_id, provider)
);
comment on table errtrack_private.trackers is 'Where issues are made from the issues of a project.';
comment on column errtrack_private.trackers.external_id is 'The id of the project in GitLab.';
comment on column errtrack_private.trackers.url is 'Of the project in the tracker, without a slash at the end.';

-- ---- tags ---------------------------------------------------------------------

create index tag_counts_project_id_key_value_idx
    on errtrack_private.tag_counts (project_id, key, value, origin_id);
comment on index errtrack_private.tag_counts_project_id_key_value_idx is
    'Which issues have a tag.';

-- ---- audit --------------------------------------------------------------------

create table errtrack_private.audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    who text not null,
    organization_id bigint,
    project_id bigint,
    action text not null,
    details jsonb not null default '{}'
);
create index audit_organization_id_id_idx on errtrack_private.audit (organization_id, id);
comment on table errtrack_private.audit is
    'What people changed over HTTP, beside what the history of an issue says. Holds no secrets.';
comment on column errtrack_private.audit.action is 'What was done to what: client_key.create, issue.delete.';

-- Places instead of ids: a page may be of several projects.
drop function if exists errtrack_private.page_of_issues(bigint[], text[], text[], text, text, text, text, integer);
