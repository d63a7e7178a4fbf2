-- What administrators tell the edge about a project: quotas, filters, allowed
-- origins. The rules of the files before hold here as well: the caller's own
-- rights, and every refusal in words that the command shows as they are.

-- ---- quotas -----------------------------------------------------------------

create or replace function errtrack_private.check_quota_owner(project bigint, key bigint, category text)
returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    if check_quota_owner.category not in (
        'all', 'error', 'transaction', 'session', 'attachment', 'monitor', 'feedback')
    then
        raise exception 'there is no category "%": use all, error, transaction, session, attachment, monitor, feedback',
            check_quota_owner.category using errcode = 'check_violation';
    end if;
    if check_quota_owner.key is not null and not exists (
        select
        from errtrack_private.client_keys as k
        where k.project_id = check_quota_owner.project and k.id = check_quota_owner.key)
    then
        raise exception 'project % has no client key %', check_quota_owner.project, check_quota_owner.key
            using errcode = 'no_data_found';
    end if;
end
$$;
comment on function errtrack_private.check_quota_owner(bigint, bigint, text) is
    'Raises when there is no such category, or the key is not one of the project.';

create or replace function errtrack_private.window_text(seconds integer)
returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
    select case
        when seconds % 86400 = 0 then seconds / 86400 || 'd'
        when seconds % 3600 = 0 then seconds / 3600 || 'h'
        when seconds % 60 = 0 then seconds / 60 || 'm'
        else seconds || 's'
    end
$$;
comment on function errtrack_private.window_text(integer) is
    'A length of time in its largest unit: 1d, 12h, 5m, 90s.';

create or replace function errtrack_private.set_quota(
    project bigint,
    key bigint,
    category text,
    words text
)
returns text
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    -- items, length of the window, unit
    part text[] := regexp_match(set_quota.words, '^([0-9]{1,16})/([0-9]{1,5})([smhd])$');
    seconds integer;
    made text;
begin
    perform errtrack_private.check_quota_owner(set_quota.project, set_quota.key, set_quota.category);
    if part is null then
        raise exception 'a limit looks like 10000/1h, items and a window in s, m, h or d; "%" does not',
            set_quota.words using errcode = 'invalid_parameter_value';
    end if;
    if part[1]::bigint > 9007199254740991 then
        raise exception 'a limit is at most 9007199254740991 items' using errcode = 'check_violation';
    end if;
    seconds := least(86401, part[2]::bigint
        * case part[3] when 's' then 1 when 'm' then 60 when 'h' then 3600 else 86400 end);
    if seconds not between 1 and 86400 then
        raise exception 'a window is 1s to 1d long, "%" is not', part[2] || part[3]
            using errcode = 'check_violation';
    end if;
    -- "on conflict" cannot name the two indexes at once, so changes of one
    -- project wait for each other here.
    perform
    from errtrack_private.projects as p
    where p.id = set_quota.project
    for no key update;
    update errtrack_private.quotas as q
    set items = part[1]::bigint,
        window_seconds = seconds
    where q.project_id = set_quota.project
        and q.key_id is not distinct from set_quota.key
        and q.category = set_quota.category;
    if not found then
        insert into errtrack_private.quotas as q (project_id, key_id, category, items, window_seconds)
        values (set_quota.project, set_quota.key, set_quota.category, part[1]::bigint, seconds);
    end if;
    made := part[1]::bigint || '/' || errtrack_private.window_text(seconds);
    perform errtrack_private.note_change(session_user, project, 'quota.set',
        jsonb_build_object('key', set_quota.key, 'category', set_quota.category, 'limit', made));
    return made;
end
$$;
comment on function errtrack_private.set_quota(bigint, bigint, text, text) is
    'Limits a category of a project, or of one of its keys, to so many items a window ("10000/1h"). Replaces what was set before. Returns the limit as lists show it.';

create or replace function errtrack_private.remove_quota(project bigint, key bigint, category text)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    perform errtrack_private.check_quota_owner(remove_quota.project, remove_quota.key, remove_quota.category);
    delete from errtrack_private.quotas as q
    where q.project_id = remove_quota.project
        and q.key_id is not distinct from remove_quota.key
        and q.category = remove_quota.category;
    if not found then
        raise exception '% % has no quota for %',
            case when remove_quota.key is null then 'project' else 'key' end,
            coalesce(remove_quota.key, remove_quota.project),
            remove_quota.category
            using errcode = 'no_data_found';
    end if;
    perform errtrack_private.note_change(session_user, project, 'quota.remove',
        jsonb_build_object('key', remove_quota.key, 'category', remove_quota.category));
end
$$;
comment on function errtrack_private.remove_quota(bigint, bigint, text) is
    'Takes a quota of a project or of one of its keys away. Raises when there is none.';

create or replace function errtrack_private.quota_list(project bigint)
returns table (
    key bigint,
    category text,
    items bigint,
    seconds integer,
    "limit" text
)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select
        q.key_id,
        q.category,
        q.items,
        q.window_seconds,
        q.items || '/' || errtrack_private.window_text(q.window_seconds)
    from errtrack_private.quotas as q
    where q.project_id = quota_list.project
    order by q.key_id nulls first, q.category
$$;
comment on function errtrack_private.quota_list(bigint) is
    'The quotas of a project and its keys; key is null for the project''s own.';

-- ---- origins and filters ------------------------------------------------------

create or replace function errtrack_private.cidr_of(words text)
returns cidr
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
    address inet;
begin
    begin
        address := cidr_of.words::inet;
    exception when invalid_text_representation then
        address := null;
    end;
    if address is null then
        raise exception 'an address looks like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32, "%" does not', cidr_of.words
            using errcode = 'invalid_parameter_value';
    end if;
    if address <> network(address)::inet then
        raise exception '"%" has bits behind its mask: write %', cidr_of.words, network(address)
            using errcode = 'invalid_parameter_value';
    end if;
    return address::cidr;
end
$$;
comment on function errtrack_private.cidr_of(text) is
    'The address or network that is meant; raises, in words for people, when it is none.';

create or replace function errtrack_private.change_edge_setting(
    project bigint,
    kind text,
    value text,
    present boolean
)
returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    had errtrack_private.edge_settings;
    wanted errtrack_private.edge_settings;
    word text := change_edge_setting.value;
    network cidr;
begin
    if change_edge_setting.kind not in ('origin', 'address', 'agent', 'sdk') then
        raise exception 'there is no filter "%": use address, agent, sdk', change_edge_setting.kind
            using errcode = 'invalid_parameter_value';
    end if;
    -- Changes of one project wait for each other, also before there is a row.
    perform
    from errtrack_private.projects as p
    where p.id = change_edge_setting.project
    for no key update;
    insert into errtrack_private.edge_settings as e (project_id)
    values (change_edge_setting.project)
    on conflict do nothing;
    select e.*
    into strict had
    from errtrack_private.edge_settings as e
    where e.project_id = change_edge_setting.project;

    wanted := had;
    if change_edge_setting.kind = 'origin' then
        -- Case does not matter in them.
        word := lower(word);
        wanted.origins := array_remove(had.origins, word);
        if present then
            wanted.origins := wanted.origins || word;
        end if;
    elsif change_edge_setting.kind = 'address' then
        network := errtrack_private.cidr_of(word);
        word := network::text;
        wanted.addresses := array_remove(had.addresses, network);
        if present then
            wanted.addresses := wanted.addresses || network;
        end if;
    elsif change_edge_setting.kind = 'agent' then
        wanted.agents := array_remove(had.agents, word);
        if present then
            wanted.agents := wanted.agents || word;
        end if;
    else
        wanted.sdks := array_remove(had.sdks, word);
        if present then
            wanted.sdks := wanted.sdks || word;
        end if;
    end if;
    if not present and wanted = had then
        raise exception 'project % has no % "%"', change_edge_setting.project,
            case change_edge_setting.kind when 'origin' then 'origin' else 'filter ' || change_edge_setting.kind end,
            word
            using errcode = 'no_data_found';
    end if;
    update errtrack_private.edge_settings as e
    set origins = wanted.origins,
        addresses = wanted.addresses,
        agents = wanted.agents,
        sdks = wanted.sdks
    where e.project_id = change_edge_setting.project;
    delete from errtrack_private.edge_settings as e
    where e.project_id = change_edge_setting.project
        and cardinality(e.origins) + cardinality(e.addresses)
            + cardinality(e.agents) + cardinality(e.sdks) = 0;
    perform errtrack_private.note_change(session_user, project,
        'edge_setting.' || case when present then 'add' else 'remove' end,
        jsonb_build_object('kind', change_edge_setting.kind, 'value', word));
    return case change_edge_setting.kind
        when 'origin' then cardinality(wanted.origins)
        when 'address' then cardinality(wanted.addresses)
        when 'agent' then cardinality(wanted.agents)
        else cardinality(wanted.sdks)
    end;
end
$$;
comment on function errtrack_private.change_edge_setting(bigint, text, text, boolean) is
    'Adds a value to the origins or filters (address, agent, sdk) of a project, or takes it away, and returns how many of its kind there are then. Adding it again is no error, removing what is not there is one.';

create or replace function errtrack_private.edge_setting_list(project bigint)
returns table (kind text, value text)
language sql stable set search_path = pg_catalog, pg_temp as $$
    select rules.kind, rules.value
    from errtrack_private.edge_settings as e
    cross join lateral (
        select 1, 'origin', unnest(e.origins)
        union all
        select 2, 'address', unnest(e.addresses)::text
        union all
        select 3, 'agent', unnest(e.agents)
        union all
        select 4, 'sdk', unnest(e.sdks)
    ) as rules (place, kind, value)
    where e.project_id = edge_setting_list.project
    order by rules.place, rules.value
$$;
comment on function errtrack_private.edge_setting_list(bigint) is
    'The allowed origins and the filters of a project.';

-- ---- rights -----------------------------------------------------------------

revoke execute on function
    errtrack_private.check_quota_owner(bigint, bigint, text),
    errtrack_private.window_text(integer),
    errtrack_private.set_quota(bigint, bigint, text, text),
    errtrack_private.remove_quota(bigint, bigint, text),
    errtrack_private.quota_list(bigint),
    errtrack_private.cidr_of(text),
    errtrack_private.change_edge_setting(bigint, text, text, boolean),
    errtrack_private.edge_setting_list(bigint)
from public;
