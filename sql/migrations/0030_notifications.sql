-- Who is told of what: rules, channels, and the messages that wait or were sent.

alter table errtrack_private.outbox
    drop constraint outbox_kind_check,
    add constraint outbox_kind_check check (kind in (
        'new_issue', 'regression', 'unignored', 'frequency', 'spike', 'quota_reached', 'behind',
        'resolved', 'reopened'));
comment on column errtrack_private.outbox.kind is
    'resolved and reopened, by people, are for trackers alone.';

create table errtrack_private.channels (
    project_id bigint not null references errtrack_private.projects (id) on delete cascade,
    id bigint generated always as identity,
    name text not null check (length(name) between 1 and 100),
    kind text not null check (kind in (
        'webhook', 'slack', 'mattermost', 'discord', 'teams', 'google_chat', 'pagerduty', 'gitlab_alert', 'mail', 'tracker')),
    provider text,
    enabled boolean not null default true,
    place text not null default '' check (length(place) <= 300),
    sealed jsonb not null default '{}' check (jsonb_typeof(sealed) = 'object'),
    files jsonb not null default '{}' check (jsonb_typeof(files) = 'object'),
    settings jsonb not null default '{}' check (jsonb_typeof(settings) = 'object'),
    hourly_cap integer not null default 60 check (hourly_cap between 1 and 10000),
    created_at timestamptz not null default now(),
    created_by text,
    failures integer not null default 0,
    failing_since timestamptz,
    parked_at timestamptz,
    next_attempt_at timestamptz not null default '-infinity',
    last_attempt_at timestamptz,
    last_delivered_at timestamptz,
    last_error text,
    window_from timestamptz not null default '-infinity',
    window_messages integer not null default 0,
    primary key (project_id, id),
    constraint channels_project_id_name_key unique (project_id, name),
    constraint channels_project_id_provider_key unique (project_id, provider),
    constraint channels_provider_check check ((kind = 'tracker') = (provider is not null)),
    foreign key (project_id, provider) references errtrack_private.trackers (project_id, provider) on delete cascade
);
comment on table errtrack_private.channels is
    'Where the people of a project are told, and the trackers in which issues are made for it.';
comment on column errtrack_private.channels.place is 'What may be shown of where it leads: the host, or the recipients.';
comment on column errtrack_private.channels.sealed is
    'Secrets by name: url, secret, token. Encrypted with a key that workers read from a file.';
comment on column errtrack_private.channels.files is 'The same by the names of files that the worker has.';
comment on column errtrack_private.channels.settings is
    'By kind. mail: to. webhook: headers. tracker: labels, confidential, creates, closes, reopens.';
comment on column errtrack_private.channels.hourly_cap is
    'Messages in an hour from the first one on. What is beyond becomes one line at its end.';
comment on column errtrack_private.channels.failures is 'Attempts since the last one that succeeded.';
comment on column errtrack_private.channels.parked_at is
    'Since when it is not worth trying but once an hour; its messages wait.';

create table errtrack_private.alert_rules (
    project_id bigint not null references errtrack_private.projects (id) on delete cascade,
    id bigint generated always as identity,
    name text not null check (length(name) between 1 and 100),
    kind text not null check (kind in (
        'new_issue', 'regression', 'unignored', 'frequency', 'spike', 'quota_reached', 'behind')),
    enabled boolean not null default true,
    events bigint check (events between 1 and 1000000000),
    users bigint check (users between 1 and 100000),
    minutes integer check (minutes between 5 and 1440),
    levels text[] check (cardinality(levels) between 1 and 10),
    environments text[] check (cardinality(environments) between 1 and 50),
    releases text[] check (cardinality(releases) between 1 and 50),
    tags jsonb check (jsonb_typeof(tags) = 'object'),
    channel_ids bigint[] check (cardinality(channel_ids) between 1 and 50),
    repeat_minutes integer not null default 1440 check (repeat_minutes between 5 and 43200),
    muted_from time,
    muted_until time,
    muted_days integer[] check (muted_days <@ '{1,2,3,4,5,6,7}'),
    timezone text not null default 'UTC' check (length(timezone) <= 100),
    created_at timestamptz not null default now(),
    primary key (project_id, id),
    constraint alert_rules_project_id_name_key unique (project_id, name),
    constraint alert_rules_counts_check check (
        kind <> 'frequency' or (coalesce(events, users) is not null and minutes is not null)),
    constraint alert_rules_muted_check check ((muted_from is null) = (muted_until is null))
);
comment on table errtrack_private.alert_rules is
    'Of what the people of a project are told. A project without any row is told of all but frequencies.';
comment on column errtrack_private.alert_rules.events is
    'frequency: so many of an issue within minutes. spike: so many at least within an hour.';
comment on column errtrack_private.alert_rules.users is 'frequency: so many of an issue within minutes.';
comment on column errtrack_private.alert_rules.minutes is
    'frequency: counted in steps of five. behind: so late.';
comment on column errtrack_private.alert_rules.releases is 'Where * stands for anything; so do values of tags.';
comment on column errtrack_private.alert_rules.tags is 'Key to a list of values, one of which the issue has.';
comment on column errtrack_private.alert_rules.channel_ids is 'Null: all channels of the project.';
comment on column errtrack_private.alert_rules.repeat_minutes is
    'frequency, spike, quota_reached, behind: not again before.';
comment on column errtrack_private.alert_rules.muted_from is
    'From this time of the day until muted_until nobody is told: one line after it says of how much. Both alike: all day.';
comment on column errtrack_private.alert_rules.muted_days is '1 Monday to 7 Sunday, by the day on which it begins. Null: every day.';

create table errtrack_private.alert_marks (
    project_id bigint not null references errtrack_private.projects (id) on delete cascade,
    rule_id bigint not null,
    kind text not null,
    issue_id bigint not null,
    told_at timestamptz not null,
    primary key (project_id, rule_id, kind, issue_id)
);
create index alert_marks_told_at_idx on errtrack_private.alert_marks (told_at);
comment on table errtrack_private.alert_marks is
    'When a rule that could hold for long last told. rule_id 0: one of those without any setting; issue_id 0: about no issue.';

create table errtrack_private.notifications (
    project_id bigint not null,
    id bigint generated always as identity,
    channel_id bigint not null,
    delivery_id uuid not null default gen_random_uuid(),
    kind text not null,
    issue_id bigint,
    notice jsonb not null,
    state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed')),
    created_at timestamptz not null default now(),
    begun_at timestamptz,
    attempts integer not null default 0,
    ended_at timestamptz,
    last_error text,
    primary key (project_id, id),
    foreign key (project_id, channel_id) references errtrack_private.channels (project_id, id) on delete cascade,
    foreign key (project_id, issue_id) references errtrack_private.issues (project_id, id) on delete cascade
);
create index notifications_project_id_channel_id_waiting_idx
    on errtrack_private.notifications (project_id, channel_id, id) where state = 'waiting';
create index notifications_project_id_channel_id_idx on errtrack_private.notifications (project_id, channel_id, id);
create unique index notifications_project_id_delivery_id_idx on errtrack_private.notifications (project_id, delivery_id);
create index notifications_project_id_issue_id_idx on errtrack_private.notifications (project_id, issue_id);
create index notifications_created_at_idx on errtrack_private.notifications (created_at);
comment on table errtrack_private.notifications is
    'Messages to channels and tasks for trackers: one row for each, sent at least once under its delivery_id, in their order. Kept for 30 days.';
comment on column errtrack_private.notifications.notice is 'What is said, without texts that depend on the channel.';
comment on column errtrack_private.notifications.begun_at is
    'When it was given to a sender first: whoever sends it after that finds out what became of it.';
comment on column errtrack_private.notifications.state is 'failed: refused for good, or not delivered within 7 days.';

create table errtrack_private.digests (
    project_id bigint not null,
    channel_id bigint not null,
    reason text not null check (reason in ('cap', 'mute')),
    began_at timestamptz not null default now(),
    due_at timestamptz not null,
    messages bigint not null default 0,
    by_kind jsonb not null default '{}',
    issues jsonb not null default '[]',
    primary key (project_id, channel_id, reason),
    foreign key (project_id, channel_id) references errtrack_private.channels (project_id, id) on delete cascade
);
comment on table errtrack_private.digests is
    'What was not said one by one: becomes one message when it is due.';
comment on column errtrack_private.digests.reason is
    'cap: more than the channel gets in an hour; mute: in hours that a rule mutes. One does not hold up the other.';
comment on column errtrack_private.digests.issues is 'The first of them.';

create table errtrack_private.duties (
    name text primary key,
    holder text not null,
    until timestamptz not null
);
comment on table errtrack_private.duties is
    'What one worker at a time does, and who that is. It says so again every second: one that hangs loses it like one that is dead.';
