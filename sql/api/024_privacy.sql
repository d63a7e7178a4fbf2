-- Privacy and filters of a project: how the worker learns of them, and how
-- administrators set them, in words that the command shows as they are.

create or replace function errtrack_private.event_rules()
returns table (project_id bigint, settings text)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select e.project_id,
           json_build_object(
               'secrets', e.scrub_secrets,
               'addresses', e.remove_addresses,
               'keys', e.secret_keys,
               'exempt', e.exempt_keys,
               'events', e.events,
               'messages', e.messages,
               'releases', e.releases)::text
    from errtrack_private.event_settings as e
$$;
comment on function errtrack_private.event_rules() is
    'The settings of all projects that have some, as the worker reads them (worker/event_settings.hpp).';
revoke execute on function errtrack_private.event_rules() from public;
grant execute on function errtrack_private.event_rules() to errtrack_worker;
grant select on errtrack_private.event_settings to errtrack_worker;

-- The row of a project, made when there is none. Changes of one project wait for
-- each other, also before there is a row.
create or replace function errtrack_private.lock_event_settings(project bigint)
returns errtrack_private.event_settings
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    had errtrack_private.event_settings;
begin
    perform
    from errtrack_private.projects as p
    where p.id = lock_event_settings.project
    for no key update;
    insert into errtrack_private.event_settings as e (project_id)
    values (lock_event_settings.project)
    on conflict do nothing;
    select e.*
    into strict had
    from errtrack_private.event_settings as e
    where e.project_id = lock_event_settings.project;
    return had;
end
$$;
comment on function errtrack_private.lock_event_settings(bigint) is
    'The settings of a project, which nobody else changes until the end of the transaction.';

create or replace function errtrack_private.change_event_setting(
    project bigint,
    kind text,
    value text,
    present boolean
)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    had errtrack_private.event_settings := errtrack_private.lock_event_settings(change_event_setting.project);
    words text[];
    column_of constant json := '{"key": "secret_keys", "exempt": "exempt_keys", "event": "events", "message": "messages", "release": "releases"}';
    wanted text := column_of ->> change_event_setting.kind;
begin
    if wanted is null then
        raise exception 'there is no setting "%": use key, exempt, event, message, release', change_event_setting.kind
            using errcode = 'invalid_parameter_value';
    end if;
    -- Other signs the worker passes over: tax* would be the word tax.
    if present and change_event_setting.kind in ('key', 'exempt')
        and change_event_setting.value collate "C" ~ '[!-,/:-@[-^`{-~]'
    then
        raise exception 'a name is letters, digits, "_", "-", "." and blanks, "%" is not: there are no patterns',
            change_event_setting.value
            using errcode = 'invalid_parameter_value';
    end if;
    select array_agg(w)
    into words
    from json_array_elements_text(row_to_json(had) -> wanted) as w
    where w <> change_event_setting.value;
    if not present and coalesce(cardinality(words), 0) = json_array_length(row_to_json(had) -> wanted) then
        raise exception 'project % has no % "%"', change_event_setting.project,
            case when change_event_setting.kind in ('key', 'exempt') then change_event_setting.kind
                 else 'filter ' || change_event_setting.kind end,
            change_event_setting.value
            using errcode = 'no_data_found';
    end if;
    words := coalesce(words, '{}') || case when present then array[change_event_setting.value] else '{}' end;
    execute format('update errtrack_private.event_settings set %I = $1 where project_id = $2', wanted)
    using words, change_event_setting.project;
    perform errtrack_private.note_change(session_user, project,
        'event_setting.' || case when present then 'add' else 'remove' end,
        jsonb_build_object('kind', change_event_setting.kind, 'value', change_event_setting.value));
end
$$;
comment on function errtrack_private.change_event_setting(bigint, text, text, boolean) is
    'Adds a value to the secret keys, exempt keys or filters (event, message, release) of a project, or takes it away. Adding it again is no error, removing what is not there is one.';

create or replace function errtrack_private.set_privacy(project bigint, what text, wanted boolean)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if set_privacy.what is null or set_privacy.what not in ('secrets', 'addresses') then
        raise exception 'there is no switch "%": use secrets, addresses', set_privacy.what
            using errcode = 'invalid_parameter_value';
    end if;
    perform errtrack_private.lock_event_settings(set_privacy.project);
    update errtrack_private.event_settings as e
    set scrub_secrets = case set_privacy.what when 'secrets' then wanted else e.scrub_secrets end,
        remove_addresses = case set_privacy.what when 'addresses' then wanted else e.remove_addresses end
    where e.project_id = set_privacy.project;
    perform errtrack_private.note_change(session_user, project, 'event_setting.switch',
        jsonb_build_object('kind', set_privacy.what, 'value', set_privacy.wanted));
end
$$;
comment on function errtrack_private.set_privacy(bigint, text, boolean) is
    'Switches the scrubbing of secrets or the removal of addresses on or off.';

create or replace function errtrack_private.privacy_list(project bigint)
returns table (setting text, value text)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select rules.setting, rules.value
    from (select) as always
    left join errtrack_private.event_settings as e on e.project_id = privacy_list.project
    cross join lateral (
        select 1, 'secrets', case when coalesce(e.scrub_secrets, true) then 'on' else 'off' end
        union all
        select 2, 'addresses', case when coalesce(e.remove_addresses, false) then 'on' else 'off' end
        union all
        select 3, 'key', unnest(e.secret_keys)
        union all
        select 4, 'exempt', unnest(e.exempt_keys)
    ) as rules (place, setting, value)
    order by rules.place, rules.value
$$;
comment on function errtrack_private.privacy_list(bigint) is
    'What is scrubbed out of the events of a project: the switches secrets and addresses, further secret keys, exempt ones.';

create or replace function errtrack_private.event_filter_list(project bigint)
returns table (kind text, value text)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select rules.kind, rules.value
    from errtrack_private.event_settings as e
    cross join lateral (
        select 1, 'event', unnest(e.events)
        union all
        select 2, 'message', unnest(e.messages)
        union all
        select 3, 'release', unnest(e.releases)
    ) as rules (place, kind, value)
    where e.project_id = event_filter_list.project
    order by rules.place, rules.value
$$;
comment on function errtrack_private.event_filter_list(bigint) is
    'The filters of a project that look into bodies.';

revoke execute on function
    errtrack_private.lock_event_settings(bigint),
    errtrack_private.change_event_setting(bigint, text, text, boolean),
    errtrack_private.set_privacy(bigint, text, boolean),
    errtrack_private.privacy_list(bigint),
    errtrack_private.event_filter_list(bigint)
from public;
