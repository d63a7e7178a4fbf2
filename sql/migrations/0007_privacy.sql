-- What the worker applies to the bodies of events before it stores them: what is
-- scrubbed out of them, and which events are filtered.

-- Used as a constraint, so that plain SQL gets the same words as the command.
create function errtrack_private.check_event_settings(
    secret_keys text[],
    exempt_keys text[],
    events text[],
    messages text[],
    releases text[]
)
returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    word text;
    bytes integer := 0;
begin
    foreach word in array secret_keys || exempt_keys loop
        if word is null or word !~ '[[:alnum:]]' or word ~ '[[:cntrl:]]' or octet_length(word) > 64 then
            raise exception 'a key looks like tax_number, a word of 64 bytes at most, "%" does not', word
                using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(word);
    end loop;
    foreach word in array events loop
        if word is null or word not in ('browser-extensions', 'health-checks', 'legacy-browsers', 'localhost') then
            raise exception 'there is no class of events "%": use browser-extensions, health-checks, legacy-browsers, localhost', word
                using errcode = 'check_violation';
        end if;
    end loop;
    foreach word in array messages || releases loop
        if word is null or word !~ '[^*?]' or word ~ '[[:cntrl:]]' or octet_length(word) > 300 then
            raise exception 'a pattern looks like *ResizeObserver* or shop@1.*, up to 300 bytes, "%" does not', word
                using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(word);
    end loop;
    if bytes > 4096 then
        raise exception 'a project has room for 4096 bytes of keys and patterns, these are %: use fewer and wider ones', bytes
            using errcode = 'check_violation';
    end if;
    return true;
end
$$;
comment on function errtrack_private.check_event_settings(text[], text[], text[], text[], text[]) is
    'True when the worker can apply these keys, classes and patterns; else raises, in words for people.';
revoke execute on function errtrack_private.check_event_settings(text[], text[], text[], text[], text[]) from public;

create table errtrack_private.event_settings (
    project_id bigint primary key references errtrack_private.projects (id) on delete cascade,
    scrub_secrets boolean not null default true,
    remove_addresses boolean not null default false,
    secret_keys text[] not null default '{}',
    exempt_keys text[] not null default '{}',
    events text[] not null default '{}',
    messages text[] not null default '{}',
    releases text[] not null default '{}',
    constraint event_settings_check check (
        errtrack_private.check_event_settings(secret_keys, exempt_keys, events, messages, releases))
);
comment on table errtrack_private.event_settings is
    'What the worker does to the events of a project before it stores them. No row: secrets are scrubbed, nothing else.';
comment on column errtrack_private.event_settings.scrub_secrets is
    'Whether the values of secret keys, card numbers and private keys become "[Filtered]".';
comment on column errtrack_private.event_settings.remove_addresses is
    'Whether addresses of people become "[Filtered]"; users are then not told apart by them.';
comment on column errtrack_private.event_settings.secret_keys is
    'Further names whose values are secret: every name that has these words in it. Case and separators do not matter.';
comment on column errtrack_private.event_settings.exempt_keys is
    'Whole names whose values are not scrubbed. Case and separators do not matter.';
comment on column errtrack_private.event_settings.events is
    'Classes of events that are counted as filtered: browser-extensions, health-checks, legacy-browsers, localhost.';
comment on column errtrack_private.event_settings.messages is
    'Events whose message, or type: value, fits one of these are counted as filtered. * is any text, ? any byte, case does not matter.';
comment on column errtrack_private.event_settings.releases is
    'Events of releases that fit one of these are counted as filtered.';

create function errtrack_private.notify_settings_changed() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('errtrack_settings', '');
    return null;
end
$$;
comment on function errtrack_private.notify_settings_changed() is
    'Wakes the workers when what they do to events has changed.';
revoke execute on function errtrack_private.notify_settings_changed() from public;
create trigger event_settings_changed
    after insert or update or delete or truncate on errtrack_private.event_settings
    for each statement execute function errtrack_private.notify_settings_changed();
