-- What builds tell about releases: when they were released, from which commits, and where
-- they were deployed.

alter table errtrack_private.releases
    add column ref text check (length(ref) <= 250),
    add column url text check (length(url) <= 1000),
    add column released_at timestamptz;
comment on table errtrack_private.releases is
    'Releases that events named or builds told of, in the order in which they were first heard of, as many as the limit allows.';
comment on column errtrack_private.releases.first_received_at is
    'When the edge took in the first event of it, or a build told of it, whichever came first.';

create table errtrack_private.release_commits (
    project_id bigint not null,
    release text not null,
    position integer not null,
    id text not null check (length(id) between 1 and 64),
    message text not null default '' check (length(message) <= 2000),
    author_name text not null default '' check (length(author_name) <= 200),
    author_email text not null default '' check (length(author_email) <= 254),
    committed_at timestamptz,
    repository text not null default '' check (length(repository) <= 200),
    primary key (project_id, release, position),
    foreign key (project_id, release) references errtrack_private.releases (project_id, release) on delete cascade
);
comment on table errtrack_private.release_commits is 'The commits of a release, the newest first.';

create table errtrack_private.deploys (
    project_id bigint not null,
    release text not null,
    id bigint generated always as identity,
    environment text not null check (length(environment) between 1 and 64),
    name text not null default '' check (length(name) <= 64),
    url text not null default '' check (length(url) <= 1000),
    started_at timestamptz,
    finished_at timestamptz not null default now(),
    primary key (project_id, release, id),
    foreign key (project_id, release) references errtrack_private.releases (project_id, release) on delete cascade
);
comment on table errtrack_private.deploys is 'Where and when a release was deployed.';

create index origins_project_id_first_release_idx
    on errtrack_private.origins (project_id, first_release) where first_release is not null;
comment on index errtrack_private.origins_project_id_first_release_idx is 'Issues that are new in a release.';

drop function if exists errtrack_private.show_release_name(text);
