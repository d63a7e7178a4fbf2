-- Settings of projects over HTTP: one project as Sentry shows it, with what is set of it.
--
-- Each setting is changed by the function that the command calls, which judges it; lists are
-- replaced by taking values away and adding others. So what is refused of a value names it,
-- as the command does: nobody finds a wrong origin among fifty by its rule alone.

-- ---- members of bodies -----------------------------------------------------------

create or replace function errtrack_private.member_list(body jsonb, name text, called text default null) returns text[]
language plpgsql immutable
as $$
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return null;
    elsif jsonb_typeof(body -> name) <> 'array' or jsonb_array_length(body -> name) > 1000
        or exists (select from jsonb_array_elements(body -> name) as t (item) where jsonb_typeof(t.item) <> 'string')
    then
        perform errtrack_private.refuse(400, coalesce(called, name) || ' must be a list of texts, at most 1000');
    end if;
    return array(
        select btrim(t.text, E' \t\r\n')
        from jsonb_array_elements_text(body -> name) with ordinality as t (text, n)
        where btrim(t.text, E' \t\r\n') <> ''
        order by t.n);
end
$$;
comment on function errtrack_private.member_list(jsonb, text, text) is
    'The texts of a list of a body, which may be empty, without those that are blank; null where it is absent or null. called: what a refusal calls it.';

create or replace function errtrack_private.member_object(body jsonb, name text, members text[]) returns jsonb
language plpgsql immutable
as $$
declare
    unknown text;
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return '{}';
    elsif jsonb_typeof(body -> name) <> 'object' then
        perform errtrack_private.refuse(400, name || ' must be an object');
    end if;
    unknown := (select min(key) from jsonb_object_keys(body -> name) as key where key <> all (members));
    if unknown is not null then
        perform errtrack_private.refuse(400, format(
            'there is no "%s" in %s: there are %s', left(unknown, 100), name, array_to_string(members, ', ')));
    end if;
    return body -> name;
end
$$;
comment on function errtrack_private.member_object(jsonb, text, text[]) is
    'An object of a body, which has these members and no others; an empty one where it is absent or null.';

-- ---- what is set -------------------------------------------------------------------

create or replace function errtrack_private.setting_values(wanted_project bigint, kind text) returns text[]
language sql stable
as $$
    select array(
        select s.value from errtrack_private.edge_setting_list(wanted_project) s where s.kind = setting_values.kind
        union all
        select s.value from errtrack_private.event_filter_list(wanted_project) s where s.kind = setting_values.kind
        union all
        select s.value from errtrack_private.privacy_list(wanted_project) s where s.setting = setting_values.kind
        order by 1)
$$;
comment on function errtrack_private.setting_values(bigint, text) is
    'The values of a list that a project has set: origin, address, agent, sdk, event, message, release, key or exempt; on or off for secrets and addresses.';

create or replace function errtrack_private.rule_text(wanted_project bigint, kind text) returns text
language sql stable
as $$
    select coalesce(string_agg(r.rule, E'\n' order by r.place), '')
    from errtrack_private.grouping_rule_list(wanted_project) r
    where r.kind = rule_text.kind
$$;
comment on function errtrack_private.rule_text(bigint, text) is 'The rules of a project of a kind, one on each line.';

create or replace function errtrack_private.show_quotas(wanted_project bigint, wanted_key bigint) returns jsonb
language sql stable
as $$
    select coalesce(jsonb_object_agg(q.category, jsonb_build_object('count', q.items, 'window', q.window_seconds)), '{}')
    from errtrack_private.quotas q
    where q.project_id = wanted_project and q.key_id is not distinct from wanted_key
$$;
comment on function errtrack_private.show_quotas(bigint, bigint) is
    'What a project, or one of its keys, may send of each category that is limited: count items in a window of seconds.';

create or replace function errtrack_private.settable_limits(wanted_project bigint)
returns table (name text, value jsonb, own boolean, usual bigint)
language sql stable
as $$
    select l.name, case l.value when 'none' then '"none"' else to_jsonb(l.value::bigint) end, l.own, d.value
    from errtrack_private.limit_list(wanted_project) l
    join errtrack_private.limits d on d.project_id = 0 and d.name = l.name
    -- Of an organization.
    where l.name <> 'upload_bytes'
$$;
comment on function errtrack_private.settable_limits(bigint) is
    'The limits that hold for a project, as JSON shows them. own: set for it alone; usual: of the instance, null for none.';

create or replace function errtrack_private.show_settings(wanted bigint) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'retentionDays', p.retention_days,
            'instanceRetentionDays', (select r.days from errtrack_private.retention r),
            'allowedDomains', errtrack_private.setting_values(wanted, 'origin'),
            'dataScrubber', errtrack_private.setting_values(wanted, 'secrets') = '{on}',
            'scrubIPAddresses', errtrack_private.setting_values(wanted, 'addresses') = '{on}',
            'sensitiveFields', errtrack_private.setting_values(wanted, 'key'),
            'safeFields', errtrack_private.setting_values(wanted, 'exempt'),
            'options', jsonb_build_object(
                'filters:blacklisted_ips', array_to_string(errtrack_private.setting_values(wanted, 'address'), E'\n'),
                'filters:releases', array_to_string(errtrack_private.setting_values(wanted, 'release'), E'\n'),
                'filters:error_messages', array_to_string(errtrack_private.setting_values(wanted, 'message'), E'\n')),
            'filters', jsonb_build_object(
                'agents', errtrack_private.setting_values(wanted, 'agent'),
                'sdks', errtrack_private.setting_values(wanted, 'sdk'),
                'events', errtrack_private.setting_values(wanted, 'event')),
            'fingerprintingRules', errtrack_private.rule_text(wanted, 'fingerprint'),
            'groupingEnhancements', errtrack_private.rule_text(wanted, 'stack'),
            'quotas', errtrack_private.show_quotas(wanted, null),
            'limits', (
                select coalesce(jsonb_object_agg(l.name, l.value) filter (where l.own), '{}')
                from errtrack_private.settable_limits(wanted) l),
            'defaultLimits', (
                select jsonb_object_agg(l.name, coalesce(to_jsonb(l.usual), '"none"'))
                from errtrack_private.settable_limits(wanted) l))
        from errtrack_private.projects p
        where p.id = wanted);
end
$$;
comment on function errtrack_private.show_settings(bigint) is
    'What is set of a project, by the names that Sentry has for it where it has some. limits are those of the project alone.';

-- ---- setting it --------------------------------------------------------------------

create or replace function errtrack_private.replace_setting(wanted_project bigint, kind text, called text, wanted text[])
returns void
language plpgsql volatile
as $$
declare
    had constant text[] := errtrack_private.setting_values(wanted_project, kind);
    change record;
begin
    -- What goes makes room for what comes.
    for change in
        select h.value, false as present, h.n from unnest(had) with ordinality as h (value, n) where h.value <> all (wanted)
        union all
        select w.value, true, w.n from unnest(wanted) with ordinality as w (value, n) where w.value <> all (had)
        order by 2, 3
    loop
        if kind in ('origin', 'address', 'agent', 'sdk') then
            perform errtrack_private.change_edge_setting(wanted_project, kind, change.value, change.present);
        else
            perform errtrack_private.change_event_setting(wanted_project, kind, change.value, change.present);
        end if;
    end loop;
exception when check_violation or invalid_parameter_value then
    perform errtrack_private.refuse(400, called || ': ' || sqlerrm);
end
$$;
comment on function errtrack_private.replace_setting(bigint, text, text, text[]) is
    'Makes a list of settings of a project this one. called: what a refusal calls it.';

create or replace function errtrack_private.change_options(wanted_project bigint, body jsonb) returns void
language plpgsql volatile
as $$
declare
    option record;
    unknown text;
begin
    if coalesce(jsonb_typeof(body -> 'options'), 'null') = 'null' then
        return;
    elsif jsonb_typeof(body -> 'options') <> 'object' then
        perform errtrack_private.refuse(400, 'options must be an object');
    end if;
    -- Sentry has many more, which say nothing here.
    unknown := (
        select min(key) from jsonb_object_keys(body -> 'options') as key
        where key like 'filters:%' and key not in ('filters:blacklisted_ips', 'filters:releases', 'filters:error_messages'));
    if unknown is not null then
        perform errtrack_private.refuse(400, format(
            'there is no "%s" in options: there are filters:blacklisted_ips, filters:releases, filters:error_messages; other filters are in filters',
            left(unknown, 100)));
    end if;
    for option in
        select o.kind, o.name, errtrack_private.member_text(body -> 'options', o.name, 16384) as lines
        from (values ('address', 'filters:blacklisted_ips'), ('release', 'filters:releases'),
                     ('message', 'filters:error_messages')) as o (kind, name)
    loop
        if option.lines is not null then
            perform errtrack_private.replace_setting(wanted_project, option.kind, option.name,
                errtrack_private.member_list(jsonb_build_object('lines', string_to_array(option.lines, E'\n')), 'lines', option.name));
        end if;
    end loop;
end
$$;
comment on function errtrack_private.change_options(bigint, jsonb) is
    'Sets the filters that Sentry has as options: texts with a value on each line.';

create or replace function errtrack_private.member_rules(request jsonb, name text) returns text[]
language plpgsql stable
as $$
declare
    given constant text := errtrack_private.member_text(request -> 'body', name, 65536);
    -- Of the program in front, which can read rules.
    read constant jsonb := request -> 'rules' -> name;
begin
    if given is null then
        return null;
    elsif read ? 'problem' then
        perform errtrack_private.refuse(400, name || ', ' || (read ->> 'problem'));
    end if;
    return array(select jsonb_array_elements_text(read -> 'rules'));
end
$$;
comment on function errtrack_private.member_rules(jsonb, text) is
    'The rules in a text of a body, unless a line cannot be one; null where it is absent or null.';

create or replace function errtrack_private.change_rules(wanted_project bigint, request jsonb, name text, kind text) returns void
language plpgsql volatile
as $$
declare
    rules constant text[] := errtrack_private.member_rules(request, name);
begin
    if rules is not null then
        perform errtrack_private.replace_grouping_rules(wanted_project, kind, rules);
    end if;
end
$$;
comment on function errtrack_private.change_rules(bigint, jsonb, text, text) is
    'Makes the rules of a project of a kind those of a text.';

create or replace function errtrack_private.change_quotas(wanted_project bigint, wanted_key bigint, body jsonb) returns void
language plpgsql volatile
as $$
declare
    quota record;
begin
    if jsonb_typeof(coalesce(body -> 'quotas', '{}')) not in ('object', 'null') then
        perform errtrack_private.refuse(400, 'quotas must be an object');
    end if;
    for quota in
        select q.key as category, q.value
        from jsonb_each(case when jsonb_typeof(body -> 'quotas') = 'object' then body -> 'quotas' else '{}' end) q
    loop
        perform errtrack_private.check_quota_owner(wanted_project, wanted_key, quota.category);
        if quota.value = 'null' then
            if errtrack_private.show_quotas(wanted_project, wanted_key) ? quota.category then
                perform errtrack_private.remove_quota(wanted_project, wanted_key, quota.category);
            end if;
        elsif coalesce(quota.value ->> 'count', '') !~ '^[0-9]{1,16}$' or coalesce(quota.value ->> 'window', '') !~ '^[0-9]{1,5}$' then
            perform errtrack_private.refuse(400, format(
                'quotas: %s must be null or have count, a number of items, and window, 1 to 86400 seconds', quota.category));
        else
            perform errtrack_private.set_quota(wanted_project, wanted_key, quota.category,
                format('%s/%ss', quota.value ->> 'count', quota.value ->> 'window'));
        end if;
    end loop;
exception when check_violation or invalid_parameter_value then
    perform errtrack_private.refuse(400, 'quotas: ' || sqlerrm);
end
$$;
comment on function errtrack_private.change_quotas(bigint, bigint, jsonb) is
    'Sets the quotas that a body names, of a project or of one of its keys; null takes one away.';

create or replace function errtrack_private.change_limits(token_hash bytea, wanted_project bigint, body jsonb) returns void
language plpgsql volatile
as $$
declare
    wanted constant jsonb := errtrack_private.member_object(
        body, 'limits', array(select l.name from errtrack_private.settable_limits(wanted_project) l order by 1));
    changed record;
begin
    for changed in
        select l.name, l.usual, coalesce(w.value #>> '{}', 'default') as words
        from jsonb_each(wanted) w
        join errtrack_private.settable_limits(wanted_project) l on l.name = w.key
        where w.value is distinct from case when l.own then l.value else 'null' end
    loop
        perform errtrack_private.set_limit(wanted_project, changed.name, changed.words);
        -- They are there for the instance, so that no project takes the room of others.
        if changed.words <> 'default' and not errtrack_private.is_administrator(token_hash)
            and changed.usual < coalesce(nullif(changed.words, 'none')::bigint, 1000000000000)
        then
            perform errtrack_private.refuse(403, format(
                'Forbidden: only administrators set %s above what the instance has, %s', changed.name, changed.usual));
        end if;
    end loop;
exception when check_violation or invalid_parameter_value then
    perform errtrack_private.refuse(400, 'limits: ' || sqlerrm);
end
$$;
comment on function errtrack_private.change_limits(bytea, bigint, jsonb) is
    'Sets the limits of a project that a body names: a number, "none", or null for that of the instance.';

create or replace function errtrack_private.change_retention(wanted_project bigint, body jsonb) returns void
language plpgsql volatile
as $$
declare
    most constant bigint := coalesce((select r.days from errtrack_private.retention r), 3650);
    wanted constant bigint := errtrack_private.member_number(body, 'retentionDays', 1, 3650);
begin
    -- What was answered may be sent back.
    if wanted > most and wanted is distinct from (select p.retention_days from errtrack_private.projects p where p.id = wanted_project) then
        perform errtrack_private.refuse(400, format(
            'retentionDays must be at most %s: the instance keeps nothing for longer', most));
    end if;
    perform errtrack_private.set_project_retention(wanted_project, wanted::integer);
end
$$;
comment on function errtrack_private.change_retention(bigint, jsonb) is
    'Sets for how many days a project is kept; null: as long as the instance keeps events.';

create or replace function errtrack_private.change_settings(token_hash bytea, wanted_project bigint, request jsonb) returns void
language plpgsql volatile
as $$
declare
    body constant jsonb := request -> 'body';
    filters constant jsonb := errtrack_private.member_object(body, 'filters', '{agents, sdks, events}');
    setting record;
begin
    for setting in
        select s.kind, s.name, errtrack_private.member_list(s.place, s.member, s.name) as given
        from (values ('origin', 'allowedDomains', body, 'allowedDomains'), ('key', 'sensitiveFields', body, 'sensitiveFields'),
                     ('exempt', 'safeFields', body, 'safeFields'), ('agent', 'filters.agents', filters, 'agents'),
                     ('sdk', 'filters.sdks', filters, 'sdks'), ('event', 'filters.events', filters, 'events'))
             as s (kind, name, place, member)
    loop
        if setting.given is not null then
            perform errtrack_private.replace_setting(wanted_project, setting.kind, setting.name, setting.given);
        end if;
    end loop;
    for setting in
        select s.what, errtrack_private.member_flag(body, s.name) as given
        from (values ('secrets', 'dataScrubber'), ('addresses', 'scrubIPAddresses')) as s (what, name)
    loop
        if setting.given is not null then
            perform errtrack_private.set_privacy(wanted_project, setting.what, setting.given);
        end if;
    end loop;
    perform errtrack_private.change_options(wanted_project, body);
    perform errtrack_private.change_rules(wanted_project, request, 'fingerprintingRules', 'fingerprint');
    perform errtrack_private.change_rules(wanted_project, request, 'groupingEnhancements', 'stack');
    perform errtrack_private.change_quotas(wanted_project, null, body);
    perform errtrack_private.change_limits(token_hash, wanted_project, body);
    if body ? 'retentionDays' then
        perform errtrack_private.change_retention(wanted_project, body);
    end if;
end
$$;
comment on function errtrack_private.change_settings(bytea, bigint, jsonb) is
    'Sets what a body names of the settings of a project; the rest stays.';

-- ---- projects ----------------------------------------------------------------------

create or replace function errtrack_private.sentry_project_get(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
begin
    return errtrack_private.ok((errtrack_private.show_project(wanted) || errtrack_private.show_settings(wanted))::text);
end
$$;
comment on function errtrack_private.sentry_project_get(bytea, jsonb) is 'One project with its settings.';

create or replace function errtrack_private.sentry_project_update(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    had constant jsonb := errtrack_private.show_project(wanted) || errtrack_private.show_settings(wanted);
    body constant jsonb := errtrack_private.body_of(request, '{name, platform, retentionDays, allowedDomains, dataScrubber,
        scrubIPAddresses, sensitiveFields, safeFields, options, filters, fingerprintingRules, groupingEnhancements, quotas, limits}', had);
    new_name constant text := btrim(errtrack_private.member_text(body, 'name', 200));
begin
    if new_name = '' then
        perform errtrack_private.refuse(400, 'name is empty');
    elsif body ->> 'slug' <> had ->> 'slug' then
        perform errtrack_private.refuse(400, 'slug cannot be changed: links and short ids of issues begin with it');
    end if;
    -- First, so that changes of one project come one after the other.
    update errtrack_private.projects p
    set name = coalesce(new_name, p.name),
        platform = case when body ? 'platform' then errtrack_private.member_text(body, 'platform', 64) else p.platform end
    where p.id = wanted;
    perform errtrack_private.change_settings(token_hash, wanted, request);
    perform errtrack_private.write_audit(token_hash, wanted, 'project.update', (
        select coalesce(jsonb_object_agg(b.key, b.value), '{}')
        from jsonb_each(body) b
        where b.value is distinct from had -> b.key));
    return errtrack_private.ok((errtrack_private.show_project(wanted) || errtrack_private.show_settings(wanted))::text);
end
$$;
comment on function errtrack_private.sentry_project_update(bytea, jsonb) is
    'Changes name, platform and settings of a project: what the body names. All of it, or with a refusal nothing.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'member_list(jsonb, text, text)', 'member_object(jsonb, text, text[])', 'setting_values(bigint, text)',
        'rule_text(bigint, text)', 'show_quotas(bigint, bigint)', 'settable_limits(bigint)', 'show_settings(bigint)',
        'replace_setting(bigint, text, text, text[])', 'change_options(bigint, jsonb)',
        'member_rules(jsonb, text)', 'change_rules(bigint, jsonb, text, text)', 'change_quotas(bigint, bigint, jsonb)',
        'change_limits(bytea, bigint, jsonb)', 'change_retention(bigint, jsonb)', 'change_settings(bytea, bigint, jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array['project_get', 'project_update']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
