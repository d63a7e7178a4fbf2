-- Organizations, projects, people and what lets them in. These tables are
-- small and are read by every other part.

create table errtrack_private.organizations (
    id bigint primary key check (id > 0),
    slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9_-]{0,49}$'),
    name text not null check (length(name) between 1 and 200),
    created_at timestamptz not null default now()
);
comment on table errtrack_private.organizations is
    'Owners of projects. On an instance attached to a GitLab the id is the id of the GitLab group.';

create sequence errtrack_private.organization_ids as bigint;
create sequence errtrack_private.project_ids as bigint;
comment on sequence errtrack_private.project_ids is
    'Ids given out here. An instance attached to a GitLab starts it at 1000000000, above the ids that GitLab gives.';

create table errtrack_private.projects (
    id bigint primary key check (id > 0),
    organization_id bigint not null references errtrack_private.organizations (id),
    slug text not null check (slug ~ '^[a-z0-9][a-z0-9_-]{0,49}$'),
    name text not null check (length(name) between 1 and 200),
    platform text,
    grouping_algo text not null default 'g1',
    created_at timestamptz not null default now(),
    purge_before timestamptz,
    constraint projects_organization_id_slug_key unique (organization_id, slug)
);
comment on column errtrack_private.projects.id is
    'Also the project id of the DSN and of every API.';
comment on column errtrack_private.projects.purge_before is
    'Set when the data of the project is deleted: what was received before is hidden at once and removed in batches.';

create table errtrack_private.client_keys (
    id bigint generated always as identity primary key,
    project_id bigint not null references errtrack_private.projects (id) on delete cascade,
    public_key text not null unique check (public_key ~ '^[A-Za-z0-9_-]{16,64}$'),
    label text not null default '' check (length(label) <= 200),
    active boolean not null default true,
    created_at timestamptz not null default now()
);
create index client_keys_project_id_id_idx on errtrack_private.client_keys (project_id, id);
comment on table errtrack_private.client_keys is
    'Public keys of DSNs. A key is no secret: browsers show it.';

-- Whoever changes a key or a project, by whatever program, wakes the workers,
-- which bring the projection in Redis up to date.
create function errtrack_private.notify_keys_changed() returns trigger
language plpgsql as $$
begin
    perform pg_notify('errtrack_keys', '');
    return null;
end
$$;
create trigger client_keys_changed
    after insert or update or delete or truncate on errtrack_private.client_keys
    for each statement execute function errtrack_private.notify_keys_changed();
create trigger projects_changed
    after insert or delete or truncate or update of id on errtrack_private.projects
    for each statement execute function errtrack_private.notify_keys_changed();

create table errtrack_private.users (
    id bigint generated always as identity primary key,
    email text not null check (length(email) between 3 and 254),
    name text not null default '' check (length(name) <= 200),
    administrator boolean not null default false,
    created_at timestamptz not null default now()
);
create unique index users_email_key on errtrack_private.users (lower(email));
comment on column errtrack_private.users.administrator is
    'Owner of every organization, present and future.';

create table errtrack_private.roles (
    name text primary key,
    rank smallint not null unique
);
insert into errtrack_private.roles (name, rank) values
    ('reporter', 20), ('developer', 30), ('maintainer', 40), ('owner', 50);

create table errtrack_private.role_scopes (
    role text not null references errtrack_private.roles (name),
    scope text not null,
    primary key (role, scope)
);
comment on table errtrack_private.role_scopes is
    'What a role may do. A token never does more than the role of its owner in the organization concerned.';
insert into errtrack_private.role_scopes (role, scope) values
    ('reporter', 'org:read'), ('reporter', 'project:read'), ('reporter', 'event:read'),
    ('developer', 'org:read'), ('developer', 'project:read'), ('developer', 'event:read'),
    ('developer', 'event:write'), ('developer', 'project:releases'),
    ('maintainer', 'org:read'), ('maintainer', 'project:read'), ('maintainer', 'event:read'),
    ('maintainer', 'event:write'), ('maintainer', 'project:releases'), ('maintainer', 'project:write'),
    ('owner', 'org:read'), ('owner', 'project:read'), ('owner', 'event:read'),
    ('owner', 'event:write'), ('owner', 'project:releases'), ('owner', 'project:write'),
    ('owner', 'org:write');

create table errtrack_private.memberships (
    organization_id bigint not null references errtrack_private.organizations (id) on delete cascade,
    user_id bigint not null references errtrack_private.users (id) on delete cascade,
    role text not null references errtrack_private.roles (name),
    primary key (organization_id, user_id)
);
create index memberships_user_id_idx on errtrack_private.memberships (user_id);

create table errtrack_private.tokens (
    id bigint generated always as identity primary key,
    hash bytea not null unique check (length(hash) = 32),
    kind text not null check (kind in ('personal', 'gitlab')),
    user_id bigint references errtrack_private.users (id) on delete cascade,
    organization_id bigint references errtrack_private.organizations (id) on delete cascade,
    project_id bigint references errtrack_private.projects (id) on delete cascade,
    scopes text[] not null,
    label text not null default '' check (length(label) <= 200),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    constraint tokens_owner_check check ((kind = 'personal') = (user_id is not null))
);
comment on column errtrack_private.tokens.hash is
    'SHA-256 of the token. The token itself is shown once and stored nowhere.';
comment on column errtrack_private.tokens.kind is
    'personal: acts for its user. gitlab: the shared secret of a GitLab instance, good for every project on the integrated surface; two may be valid while one replaces the other.';
