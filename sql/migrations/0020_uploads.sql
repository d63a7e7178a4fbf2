-- What builds upload: source maps, bundles of artifacts, debug information. Kept in the
-- chunks in which it came, by checksum, so that nothing is stored twice.

create table errtrack_private.upload_chunks (
    organization_id bigint not null references errtrack_private.organizations (id) on delete cascade,
    sha1 bytea not null check (octet_length(sha1) = 20),
    body bytea not null,
    received_at timestamptz not null default now(),
    primary key (organization_id, sha1)
);
alter table errtrack_private.upload_chunks alter column body set storage external;
create index upload_chunks_received_at_idx on errtrack_private.upload_chunks (received_at);
comment on table errtrack_private.upload_chunks is
    'Pieces of files. Those that no file is made of are removed after a day.';
comment on column errtrack_private.upload_chunks.body is 'Packed already, as a rule: not compressed again.';

create table errtrack_private.uploads (
    project_id bigint not null references errtrack_private.projects (id) on delete cascade,
    id bigint generated always as identity,
    kind text not null check (kind in ('artifact_bundle', 'release_file', 'debug_file')),
    sha1 bytea not null check (octet_length(sha1) = 20),
    chunks bytea[] not null,
    size bigint not null,
    name text not null default '' check (length(name) <= 1000),
    release text not null default '' check (length(release) <= 250),
    dist text not null default '' check (length(dist) <= 64),
    debug_id text not null default '' check (length(debug_id) <= 64),
    received_at timestamptz not null default now(),
    primary key (project_id, id),
    constraint uploads_key unique (project_id, kind, sha1, release, dist, name)
);
create index uploads_received_at_idx on errtrack_private.uploads (received_at);
create index uploads_chunks_idx on errtrack_private.uploads using gin (chunks);
comment on table errtrack_private.uploads is 'Files that builds uploaded for a project. Kept as long as events are.';
comment on column errtrack_private.uploads.chunks is 'SHA-1 of its pieces in upload_chunks, in their order.';

alter table errtrack_private.limits
    drop constraint limits_name_check,
    add constraint limits_name_check check (name in (
        'new_issues', 'new_issues_alike', 'bodies', 'releases', 'environments', 'tag_keys', 'tag_values', 'upload_bytes'));
insert into errtrack_private.limits (project_id, name, value) values (0, 'upload_bytes', 5368709120);
comment on column errtrack_private.limits.name is
    'new_issues: in an hour; new_issues_alike: in an hour, of one type at one place, further ones go to overflow issues; bodies: kept of an issue in an hour; releases, environments, tag_keys: of the project; tag_values: of a key and issue; upload_bytes: what builds upload to the organization, for the instance alone.';
