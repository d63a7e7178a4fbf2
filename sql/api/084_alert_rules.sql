-- Alert rules over HTTP and by the command: of what the people of a project are told. A
-- project without any is told by those that alert_rules_of() has.

create or replace function errtrack_private.member_time(body jsonb, name text) returns time
language plpgsql immutable
as $$
declare
    given constant text := errtrack_private.member_text(body, name, 10);
begin
    if given !~ '^([01][0-9]|2[0-3]):[0-5][0-9]$' then
        perform errtrack_private.refuse(400, name || ' must be a time of the day: 22:00');
    end if;
    return given::time;
end
$$;
comment on function errtrack_private.member_time(jsonb, text) is
    'A time of the day of a body; null where it is absent or null.';

create or replace function errtrack_private.member_days(body jsonb, name text) returns integer[]
language plpgsql immutable
as $$
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return null;
    elsif jsonb_typeof(body -> name) <> 'array' or jsonb_array_length(body -> name) = 0
        or exists (select from jsonb_array_elements_text(body -> name) as t (day) where coalesce(t.day, '') !~ '^[1-7]$')
    then
        perform errtrack_private.refuse(400, name || ' must be a list of days: 1 for Monday to 7 for Sunday');
    end if;
    return array(select distinct t.day::integer from jsonb_array_elements_text(body -> name) as t (day) order by 1);
end
$$;
comment on function errtrack_private.member_days(jsonb, text) is
    'Days of the week of a body; null where it is absent or null.';

create or replace function errtrack_private.member_tags(body jsonb, name text) returns jsonb
language plpgsql immutable
as $$
declare
    tag text;
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return null;
    elsif jsonb_typeof(body -> name) <> 'object'
        or (select count(*) from jsonb_object_keys(body -> name)) not between 1 and 20
        or exists (select from jsonb_object_keys(body -> name) as key where length(key) not between 1 and 200)
    then
        perform errtrack_private.refuse(400, name || ' must be an object of 1 to 20 tags, each with a list of values: {"customer": ["a*"]}');
    end if;
    for tag in select key from jsonb_object_keys(body -> name) as key loop
        if errtrack_private.member_texts(body -> name, tag, 50, 200, 'the values of one of ' || name) is null then
            perform errtrack_private.refuse(400, format('the values of one of %s must be a list of 1 to 50 texts', name));
        end if;
    end loop;
    return body -> name;
end
$$;
comment on function errtrack_private.member_tags(jsonb, text) is
    'Tags with the values that are meant, of a body; null where it is absent or null.';

create or replace function errtrack_private.member_channels(wanted_project bigint, body jsonb, name text) returns bigint[]
language plpgsql stable
as $$
declare
    ids bigint[];
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return null;
    end if;
    if jsonb_typeof(body -> name) = 'array' then
        ids := array(
            select distinct c.id
            from jsonb_array_elements_text(body -> name) as t (id)
            join errtrack_private.channels c
              on c.project_id = wanted_project and c.id = errtrack_private.as_id(t.id) and c.kind <> 'tracker'
            order by 1);
    end if;
    if ids is null or cardinality(ids) not between 1 and 50
        or exists (
            select from jsonb_array_elements_text(body -> name) as t (id)
            where errtrack_private.as_id(t.id) is null or errtrack_private.as_id(t.id) <> all (ids))
    then
        perform errtrack_private.refuse(400, name || ' must be a list of ids of channels of the project, or null for all of them');
    end if;
    return ids;
end
$$;
comment on function errtrack_private.member_channels(bigint, jsonb, text) is
    'Channels of a project that a body names by their ids; null where it is absent or null.';

create or replace function errtrack_private.changed_rule(rule errtrack_private.alert_rules, body jsonb)
returns errtrack_private.alert_rules
language plpgsql stable
as $$
declare
    known_levels constant text[] := '{fatal, error, warning, info, debug}';
    own constant text := case rule.kind
        when 'frequency' then 'events, users, minutes, repeatMinutes' when 'spike' then 'events, repeatMinutes'
        when 'behind' then 'minutes, repeatMinutes' when 'quota_reached' then 'repeatMinutes' end;
    about_issues constant boolean := rule.kind not in ('quota_reached', 'behind');
    member text;
begin
    foreach member in array '{events, users, minutes, repeatMinutes, levels, environments, releases, tags}'::text[] loop
        -- What was answered may be sent back.
        if body -> member <> 'null' and (member <> 'repeatMinutes' or body ->> member <> rule.repeat_minutes::text) and not coalesce(case
            when member in ('events', 'users', 'minutes', 'repeatMinutes') then member = any (string_to_array(own, ', '))
            else about_issues end, false)
        then
            perform errtrack_private.refuse(400, format('%s is not for rules of kind %s: leave it out', member, rule.kind));
        end if;
    end loop;
    rule.name := errtrack_private.member_name(body, rule.name);
    rule.enabled := coalesce(errtrack_private.member_flag(body, 'enabled'), rule.enabled);
    if body ? 'events' then
        rule.events := errtrack_private.member_number(body, 'events', 1, 1000000000);
    end if;
    if body ? 'users' then
        rule.users := errtrack_private.member_number(body, 'users', 1, 100000);
    end if;
    if body ? 'minutes' then
        rule.minutes := errtrack_private.member_number(body, 'minutes', 5, 1440);
    end if;
    rule.repeat_minutes := coalesce(errtrack_private.member_number(body, 'repeatMinutes', 5, 43200), rule.repeat_minutes);
    if rule.kind = 'frequency' and (coalesce(rule.events, rule.users) is null or rule.minutes is null) then
        perform errtrack_private.refuse(400, 'a rule of kind frequency needs minutes (5 to 1440) and events or users');
    end if;
    if body ? 'levels' then
        rule.levels := errtrack_private.member_texts(body, 'levels', 5, 10);
        if not rule.levels <@ known_levels then
            perform errtrack_private.refuse(400, 'levels must be some of ' || array_to_string(known_levels, ', '));
        end if;
    end if;
    if body ? 'environments' then
        rule.environments := errtrack_private.member_texts(body, 'environments', 50, 200);
    end if;
    if body ? 'releases' then
        rule.releases := errtrack_private.member_texts(body, 'releases', 50, 250);
    end if;
    if body ? 'tags' then
        rule.tags := errtrack_private.member_tags(body, 'tags');
    end if;
    if body ? 'channels' then
        rule.channel_ids := errtrack_private.member_channels(rule.project_id, body, 'channels');
    end if;
    if body ? 'mutedFrom' then
        rule.muted_from := errtrack_private.member_time(body, 'mutedFrom');
    end if;
    if body ? 'mutedUntil' then
        rule.muted_until := errtrack_private.member_time(body, 'mutedUntil');
    end if;
    if body ? 'mutedDays' then
        rule.muted_days := errtrack_private.member_days(body, 'mutedDays');
    end if;
    if (rule.muted_from is null) <> (rule.muted_until is null) then
        perform errtrack_private.refuse(400, 'mutedFrom and mutedUntil must be given together');
    elsif rule.muted_days is not null and rule.muted_from is null then
        perform errtrack_private.refuse(400, 'mutedDays needs mutedFrom and mutedUntil; both 00:00 is all day');
    end if;
    rule.timezone := coalesce(errtrack_private.member_text(body, 'timezone', 100), rule.timezone);
    if not errtrack_private.is_timezone(rule.timezone) then
        perform errtrack_private.refuse(400, 'timezone must be one that the database knows: Europe/Berlin');
    end if;
    return rule;
end
$$;
comment on function errtrack_private.changed_rule(errtrack_private.alert_rules, jsonb) is
    'A rule as a body says, which may leave out what stays.';

create or replace function errtrack_private.make_rule(wanted_project bigint, body jsonb, who text)
returns errtrack_private.alert_rules
language plpgsql volatile
as $$
declare
    most constant integer := 100;
    kinds constant text[] := '{new_issue, regression, unignored, frequency, spike, quota_reached, behind}';
    rule errtrack_private.alert_rules;
begin
    rule.project_id := wanted_project;
    rule.kind := errtrack_private.member_text(body, 'kind', 50);
    if rule.kind is null or rule.kind <> all (kinds) then
        perform errtrack_private.refuse(400, 'kind must be ' || errtrack_private.one_of(kinds));
    end if;
    rule.enabled := true;
    rule.repeat_minutes := 1440;
    rule.timezone := 'UTC';
    rule := errtrack_private.changed_rule(rule, case when body -> 'name' <> 'null' then body
                                                     else body || jsonb_build_object('name', rule.kind) end);
    -- Those who make one in a project wait for each other.
    perform from errtrack_private.projects p where p.id = wanted_project for no key update;
    if (select count(*) from errtrack_private.alert_rules r where r.project_id = wanted_project) >= most then
        perform errtrack_private.refuse(409, format('there are %s rules already: delete some first', most));
    end if;
    insert into errtrack_private.alert_rules as r
        (project_id, name, kind, enabled, events, users, minutes, levels, environments, releases, tags, channel_ids,
         repeat_minutes, muted_from, muted_until, muted_days, timezone)
    values (wanted_project, rule.name, rule.kind, rule.enabled, rule.events, rule.users, rule.minutes, rule.levels,
            rule.environments, rule.releases, rule.tags, rule.channel_ids, rule.repeat_minutes, rule.muted_from,
            rule.muted_until, rule.muted_days, rule.timezone)
    on conflict on constraint alert_rules_project_id_name_key do nothing
    returning r.* into rule;
    if not found then
        perform errtrack_private.refuse(409, 'name is taken by another rule of the project');
    end if;
    perform errtrack_private.note_change(who, wanted_project, 'alert_rule.create',
        jsonb_build_object('id', rule.id, 'name', rule.name, 'kind', rule.kind));
    return rule;
end
$$;
comment on function errtrack_private.make_rule(bigint, jsonb, text) is
    'Makes a rule of a project as a body says. Without a name it is called as its kind.';

create or replace function errtrack_private.save_rule(rule errtrack_private.alert_rules) returns errtrack_private.alert_rules
language plpgsql volatile
as $$
begin
    update errtrack_private.alert_rules r
    set name = rule.name, enabled = rule.enabled, events = rule.events, users = rule.users, minutes = rule.minutes,
        levels = rule.levels, environments = rule.environments, releases = rule.releases, tags = rule.tags,
        channel_ids = rule.channel_ids, repeat_minutes = rule.repeat_minutes, muted_from = rule.muted_from,
        muted_until = rule.muted_until, muted_days = rule.muted_days, timezone = rule.timezone
    where r.project_id = rule.project_id and r.id = rule.id;
    return rule;
exception when unique_violation then
    perform errtrack_private.refuse(409, 'name is taken by another rule of the project');
end
$$;
comment on function errtrack_private.save_rule(errtrack_private.alert_rules) is 'Keeps a rule that was changed.';

create or replace function errtrack_private.delete_rule(wanted_project bigint, wanted_rule bigint, who text) returns void
language plpgsql volatile
as $$
declare
    gone text;
begin
    delete from errtrack_private.alert_marks m where m.project_id = wanted_project and m.rule_id = wanted_rule and wanted_rule > 0;
    delete from errtrack_private.alert_rules r
    where r.project_id = wanted_project and r.id = wanted_rule
    returning r.name into gone;
    if found then
        perform errtrack_private.note_change(who, wanted_project, 'alert_rule.delete', jsonb_build_object('id', wanted_rule, 'name', gone));
    end if;
end
$$;
comment on function errtrack_private.delete_rule(bigint, bigint, text) is
    'Deletes a rule with what is noted of when it told.';

-- ---- over HTTP ----------------------------------------------------------------------

create or replace function errtrack_private.show_rule(r errtrack_private.alert_rules) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'id', case when r.id > 0 then r.id::text end, 'default', r.id = 0,
        'name', r.name, 'kind', r.kind, 'enabled', r.enabled,
        'events', r.events, 'users', r.users, 'minutes', r.minutes, 'repeatMinutes', r.repeat_minutes,
        'levels', r.levels, 'environments', r.environments, 'releases', r.releases, 'tags', r.tags,
        'channels', r.channel_ids::text[],
        'mutedFrom', to_char(r.muted_from, 'HH24:MI'), 'mutedUntil', to_char(r.muted_until, 'HH24:MI'),
        'mutedDays', r.muted_days, 'timezone', r.timezone, 'dateCreated', errtrack_private.rfc3339(r.created_at))
$$;
comment on function errtrack_private.show_rule(errtrack_private.alert_rules) is
    'A rule. default: it holds as long as the project has none of its own.';

create or replace function errtrack_private.rule_named(wanted_project bigint, request jsonb) returns errtrack_private.alert_rules
language plpgsql stable
as $$
declare
    rule errtrack_private.alert_rules;
begin
    select r.* into rule
    from errtrack_private.alert_rules r
    where r.project_id = wanted_project and r.id = errtrack_private.as_id(errtrack_private.path_text(request, 'rule'));
    if not found then
        perform errtrack_private.refuse(404);
    end if;
    return rule;
end
$$;
comment on function errtrack_private.rule_named(bigint, jsonb) is 'The rule that the path names by its id.';

create or replace function errtrack_private.alert_rules_list(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
begin
    return errtrack_private.ok((
        select coalesce(jsonb_agg(errtrack_private.show_rule(r) order by r.id), '[]')::text
        from errtrack_private.alert_rules_of(wanted) r));
end
$$;
comment on function errtrack_private.alert_rules_list(bytea, jsonb) is
    'The rules of a project, or those that hold while it has none.';

create or replace function errtrack_private.alert_rule_get(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:read');
begin
    return errtrack_private.ok(errtrack_private.show_rule(errtrack_private.rule_named(wanted, request))::text);
end
$$;
comment on function errtrack_private.alert_rule_get(bytea, jsonb) is 'One rule.';

create or replace function errtrack_private.alert_rule_members() returns text[]
language sql immutable
as $$
    select '{kind, name, enabled, events, users, minutes, repeatMinutes, levels, environments, releases, tags, channels,
             mutedFrom, mutedUntil, mutedDays, timezone}'::text[]
$$;
comment on function errtrack_private.alert_rule_members() is 'What a body may say of a rule.';

create or replace function errtrack_private.alert_rule_create(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    made constant errtrack_private.alert_rules := errtrack_private.make_rule(
        wanted, errtrack_private.body_of(request, errtrack_private.alert_rule_members()),
        errtrack_private.name_of_token(token_hash));
begin
    return errtrack_private.ok(errtrack_private.show_rule(made)::text, 201);
end
$$;
comment on function errtrack_private.alert_rule_create(bytea, jsonb) is
    'Makes a rule. Those that held without any hold no longer.';

create or replace function errtrack_private.alert_rule_update(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    rule errtrack_private.alert_rules := errtrack_private.rule_named(wanted, request);
    body constant jsonb := errtrack_private.body_of(
        request, errtrack_private.alert_rule_members(), errtrack_private.show_rule(rule));
begin
    if coalesce(body ->> 'kind', rule.kind) <> rule.kind then
        perform errtrack_private.refuse(400, 'kind cannot be changed: make another rule');
    end if;
    rule := errtrack_private.save_rule(errtrack_private.changed_rule(rule, body));
    perform errtrack_private.write_audit(token_hash, wanted, 'alert_rule.update', body || jsonb_build_object('id', rule.id));
    return errtrack_private.ok(errtrack_private.show_rule(rule)::text);
end
$$;
comment on function errtrack_private.alert_rule_update(bytea, jsonb) is 'Changes what the body names of a rule.';

create or replace function errtrack_private.alert_rule_delete(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant bigint := errtrack_private.sentry_project(token_hash, request, 'project:write');
    rule constant errtrack_private.alert_rules := errtrack_private.rule_named(wanted, request);
begin
    perform errtrack_private.delete_rule(wanted, rule.id, errtrack_private.name_of_token(token_hash));
    return errtrack_private.ok('', 204);
end
$$;
comment on function errtrack_private.alert_rule_delete(bytea, jsonb) is
    'Deletes a rule. Without any the project is told as it was before it had some.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'member_time(jsonb, text)', 'member_days(jsonb, text)', 'member_tags(jsonb, text)', 'member_channels(bigint, jsonb, text)',
        'changed_rule(errtrack_private.alert_rules, jsonb)', 'make_rule(bigint, jsonb, text)',
        'save_rule(errtrack_private.alert_rules)', 'delete_rule(bigint, bigint, text)',
        'show_rule(errtrack_private.alert_rules)', 'alert_rule_members()', 'rule_named(bigint, jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'alert_rules_list', 'alert_rule_get', 'alert_rule_create', 'alert_rule_update', 'alert_rule_delete']
    loop
        execute format('revoke execute on function errtrack_private.%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
