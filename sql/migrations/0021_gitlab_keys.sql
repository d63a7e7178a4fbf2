-- Keys that live in GitLab: what it said of them, and the requests that wait for its word.

create table errtrack_private.gitlab_keys (
    project_id bigint not null check (project_id > 0),
    public_key text not null check (public_key ~ '^[A-Za-z0-9_-]{16,64}$'),
    enabled boolean not null,
    asked_at timestamptz not null,
    primary key (project_id, public_key)
);
create index gitlab_keys_asked_at_idx on errtrack_private.gitlab_keys (asked_at);
comment on table errtrack_private.gitlab_keys is
    'What GitLab last said of a key. A key that it vouches for is a client key as long as it does.';
comment on column errtrack_private.gitlab_keys.asked_at is
    'A request that was received before is decided by this answer.';

create table errtrack_private.waiting_requests (
    project_id bigint not null,
    delivery_id uuid not null,
    public_key text not null,
    received_at timestamptz not null,
    meta text not null,
    body bytea not null,
    primary key (project_id, delivery_id)
);
alter table errtrack_private.waiting_requests alter column body set storage external;
create index waiting_requests_project_id_public_key_idx
    on errtrack_private.waiting_requests (project_id, public_key);
comment on table errtrack_private.waiting_requests is
    'Accepted requests whose key nobody here knows, as the edge wrote them, until GitLab was asked. Bounded: see await_keys().';
comment on column errtrack_private.waiting_requests.body is 'Packed already, as a rule: not compressed again.';
