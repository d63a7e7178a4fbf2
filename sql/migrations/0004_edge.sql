-- What the edge is told beside the client keys, and what it tells: quotas,
-- allowed origins and inbound filters of projects; requests by project and hour.

-- ---- quotas -----------------------------------------------------------------

-- So that a quota cannot name the key of another project.
alter table errtrack_private.client_keys
    add constraint client_keys_project_id_id_key unique (project_id, id);
drop index errtrack_private.client_keys_project_id_id_idx;

create table errtrack_private.quotas (
    id bigint generated always as identity primary key,
    project_id bigint not null references errtrack_private.projects (id) on delete cascade,
    key_id bigint,
    category text not null,
    items bigint not null,
    window_seconds integer not null,
    constraint quotas_key_fkey foreign key (project_id, key_id)
        references errtrack_private.client_keys (project_id, id) on delete cascade,
    constraint quotas_category_check check (
        category in ('all', 'error', 'transaction', 'session', 'attachment', 'monitor', 'feedback')),
    -- Every reader of JSON reads numbers below 2^53.
    constraint quotas_items_check check (items between 0 and 9007199254740991),
    constraint quotas_window_seconds_check check (window_seconds between 1 and 86400)
);
create unique index quotas_project_id_category_key
    on errtrack_private.quotas (project_id, category) where key_id is null;
create unique index quotas_project_id_key_id_category_key
    on errtrack_private.quotas (project_id, key_id, category) where key_id is not null;
comment on table errtrack_private.quotas is
    'At most so many items of a category in each window. Edges keep to it within ten seconds of a change.';
comment on column errtrack_private.quotas.key_id is
    'The client key that the quota is for; null: the project, whatever the key.';
comment on column errtrack_private.quotas.category is
    'What is counted. "all" is every item but client reports.';
comment on column errtrack_private.quotas.items is '0: nothing may pass.';
comment on column errtrack_private.quotas.window_seconds is
    'Length of the window, up to a day. Windows begin at multiples of it since 1970.';
comment on index errtrack_private.quotas_project_id_category_key is
    'One quota for each category of a project.';
comment on index errtrack_private.quotas_project_id_key_id_category_key is
    'One quota for each category of a key.';

-- ---- origins and filters ------------------------------------------------------

create function errtrack_private.is_ipv6(words text)
returns boolean
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
begin
    return family(words::inet) = 6;
exception when invalid_text_representation then
    return false;
end
$$;
comment on function errtrack_private.is_ipv6(text) is 'Whether this is an address of IPv6.';
revoke execute on function errtrack_private.is_ipv6(text) from public;

-- Used as a constraint, so that plain SQL gets the same words as the command.
create function errtrack_private.check_edge_rules(
    origins text[],
    addresses cidr[],
    agents text[],
    sdks text[]
)
returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    rule text;
    bytes integer := 0;
begin
    foreach rule in array origins loop
        if rule is null
            or rule !~* '^((\*|[a-z][a-z0-9+.-]*)://)?(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]*\])(:(\*|[0-9]{1,5}))?$'
            or octet_length(rule) > 300
            or substring(rule from ':([0-9]{1,5})$')::integer not between 1 and 65535
            or not errtrack_private.is_ipv6(substring(rule from '\[(.*)\]'))
        then
            raise exception 'an origin looks like https://shop.example.com, *.example.com or http://localhost:*, "%" does not',
                rule using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(rule) + 3;
    end loop;
    foreach rule in array addresses::text[] loop
        if rule is null then
            raise exception 'an address cannot be null' using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(rule) + 3;
    end loop;
    foreach rule in array agents loop
        if rule is null or rule not in ('crawlers', 'legacy-browsers') then
            raise exception 'there is no class of agents "%": use crawlers, legacy-browsers', rule
                using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(rule) + 3;
    end loop;
    foreach rule in array sdks loop
        if rule is null or rule !~ '^([A-Za-z0-9._:@/+-]{1,100}\*?|\*)(<[0-9][A-Za-z0-9.+-]{0,50})?$' then
            raise exception 'an SDK looks like sentry.python or sentry.javascript.*<7.0.0, "%" does not', rule
                using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(rule) + 3;
    end loop;
    if bytes > 4096 then
        raise exception 'a project has room for 4096 bytes of origins and filters, these are %: use fewer and wider ones', bytes
            using errcode = 'check_violation';
    end if;
    return true;
end
$$;
comment on function errtrack_private.check_edge_rules(text[], cidr[], text[], text[]) is
    'True when edges can apply these origins and filters; else raises, in words for people. An edge has room for max_rules bytes of one project.';
revoke execute on function errtrack_private.check_edge_rules(text[], cidr[], text[], text[]) from public;

create table errtrack_private.edge_settings (
    project_id bigint primary key references errtrack_private.projects (id) on delete cascade,
    origins text[] not null default '{}',
    addresses cidr[] not null default '{}',
    agents text[] not null default '{}',
    sdks text[] not null default '{}',
    constraint edge_settings_rules_check check (
        errtrack_private.check_edge_rules(origins, addresses, agents, sdks))
);
comment on table errtrack_private.edge_settings is
    'What the edge applies to requests for a project without looking at their bodies. No row: no rules.';
comment on column errtrack_private.edge_settings.origins is
    'Pages that may report, [scheme://]host[:port]; each part may be *, and *.example.com is example.com and all below it. None: every page may.';
comment on column errtrack_private.edge_settings.addresses is
    'Clients whose items are counted as filtered.';
comment on column errtrack_private.edge_settings.agents is
    'Classes of user agents whose items are counted as filtered: crawlers, legacy-browsers.';
comment on column errtrack_private.edge_settings.sdks is
    'SDKs whose items are counted as filtered: a name, which * may end, or name<version for all versions before that one.';

create trigger quotas_changed
    after insert or update or delete or truncate on errtrack_private.quotas
    for each statement execute function errtrack_private.notify_keys_changed();
create trigger edge_settings_changed
    after insert or update or delete or truncate on errtrack_private.edge_settings
    for each statement execute function errtrack_private.notify_keys_changed();
comment on function errtrack_private.notify_keys_changed() is
    'Wakes the workers when what the edge knows of keys and projects has changed.';

-- ---- requests ---------------------------------------------------------------

create table errtrack_private.edge_requests (
    hour timestamptz not null,
    edge text not null,
    boot text not null,
    project_id bigint not null,
    reason text not null,
    requests bigint not null check (requests >= 0),
    primary key (hour, edge, boot, project_id, reason)
);
comment on table errtrack_private.edge_requests is
    'What each edge has said it counted, in absolute numbers, so that only what came since is added to the sums. Kept for three days.';
comment on column errtrack_private.edge_requests.boot is
    'Tells the lives of an edge apart: each counts from 0.';

create table errtrack_private.requests (
    project_id bigint not null check (project_id >= 0),
    hour timestamptz not null,
    reason text not null,
    requests bigint not null,
    primary key (project_id, hour, reason)
);
create index requests_hour_idx on errtrack_private.requests (hour);
comment on table errtrack_private.requests is
    'The ledger of requests: received = accepted (an empty reason) + refused, by project and hour.';
comment on column errtrack_private.requests.project_id is
    '0: refused before it was known who asks, or for a project that does not exist.';
comment on index errtrack_private.requests_hour_idx is 'For the retention.';
comment on column errtrack_private.outcomes.project_id is
    '0: of requests whose project the sender only claimed.';

-- ---- functions that take more, or give something else -------------------------

drop function if exists errtrack_private.bury(uuid, bigint, text, text, bytea);
drop function if exists errtrack_private.key_projection();
