-- Files that came with events: crash dumps, logs, screenshots. Partitioned like
-- the events, and as independent of them as they arrive: the event may come
-- before, after or never, so nothing refers to it.

create table errtrack_private.attachments (
    project_id bigint not null,
    received_at timestamptz not null,
    event_id uuid not null,
    delivery_id uuid not null,
    position smallint not null,
    name text not null,
    content_type text,
    attachment_type text not null,
    size bigint not null,
    sha256 bytea not null,
    body bytea compression lz4 not null,
    primary key (project_id, event_id, received_at, delivery_id, position),
    constraint attachments_name_check check (char_length(name) between 1 and 256),
    constraint attachments_size_check check (size = octet_length(body)),
    constraint attachments_sha256_check check (octet_length(sha256) = 32)
) partition by range (received_at);
comment on table errtrack_private.attachments is
    'Files of events, those of one request in its order. The event may be unknown: it was dropped, or has not come yet.';
comment on column errtrack_private.attachments.received_at is
    'When the edge took the request in that brought the file, which may be later than the event.';
comment on column errtrack_private.attachments.delivery_id is
    'The request that brought the file.';
comment on column errtrack_private.attachments.position is
    'Place among the attachments of the request, from 0; those that were not kept leave gaps.';
comment on column errtrack_private.attachments.name is
    'A label that the client chose, never a path: without folders and control characters.';
comment on column errtrack_private.attachments.content_type is
    'What the client says that it is; null when it says nothing. Not to be believed.';
comment on column errtrack_private.attachments.attachment_type is
    'One of the words of the protocol: event.attachment for an ordinary file, event.minidump for a crash dump, ...';
comment on column errtrack_private.attachments.sha256 is
    'Of the body: by it a file that a client sends again is known.';
comment on column errtrack_private.attachments.body is
    'The bytes as they came. Compressed, since dumps and logs shrink to a fraction; by lz4, which costs little for pictures and archives, that do not.';

create table errtrack_private.attachments_default
    partition of errtrack_private.attachments default;
