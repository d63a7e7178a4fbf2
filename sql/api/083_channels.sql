-- Channels: where the people of a project are told, as they are set over HTTP and by the
-- command. What is secret of one (address, secret, token) comes sealed by the program in
-- front, with a key that the database never sees, or is a file that the worker has. It is
-- never answered.

-- ---- members of bodies -----------------------------------------------------------

create or replace function errtrack_private.member_number(body jsonb, name text, low bigint, high bigint) returns bigint
language plpgsql immutable
as $$
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return null;
    elsif body ->> name ~ '^[0-9]{1,15}$' and (body ->> name)::bigint between low and high then
        return (body ->> name)::bigint;
    end if;
    perform errtrack_private.refuse(400, format('%s must be a number from %s to %s', name, low, high));
end
$$;
comment on function errtrack_private.member_number(jsonb, text, bigint, bigint) is
    'A whole number of a body, between two; null where it is absent or null.';

create or replace function errtrack_private.member_flag(body jsonb, name text, called text default null) returns boolean
language plpgsql immutable
as $$
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return null;
    elsif body ->> name not in ('true', 'false') then
        perform errtrack_private.refuse(400, coalesce(called, name) || ' must be true or false');
    end if;
    return (body ->> name)::boolean;
end
$$;
comment on function errtrack_private.member_flag(jsonb, text, text) is
    'true or false of a body, or null where it is absent or null. called: what a refusal calls it.';

create or replace function errtrack_private.member_texts(
    body jsonb,
    name text,
    most integer,
    longest integer,
    called text default null
)
returns text[]
language plpgsql immutable
as $$
declare
    named constant text := coalesce(called, name);
begin
    if coalesce(jsonb_typeof(body -> name), 'null') = 'null' then
        return null;
    elsif jsonb_typeof(body -> name) <> 'array' or jsonb_array_length(body -> name) not between 1 and most then
        perform errtrack_private.refuse(400, format('%s must be a list of 1 to %s texts', named, most));
    elsif exists (
        select from jsonb_array_elements(body -> name) as t (item)
        where jsonb_typeof(t.item) <> 'string' or length(t.item #>> '{}') not between 1 and longest)
    then
        perform errtrack_private.refuse(400, format('each of %s must be a text of 1 to %s characters', named, longest));
    end if;
    return array(select distinct on (t.text) t.text from jsonb_array_elements_text(body -> name) as t (text));
end
$$;
comment on function errtrack_private.member_texts(jsonb, text, integer, integer, text) is
    'A list of texts of a body, each once; null where it is absent or null. called: what a refusal calls it.';

create or replace function errtrack_private.member_name(body jsonb, otherwise text) returns text
language plpgsql immutable
as $$
declare
    given constant text := btrim(errtrack_private.member_text(body, 'name', 100), E' \t\r\n');
begin
    if coalesce(given, otherwise, '') = '' then
        perform errtrack_private.refuse(400, 'name is missing: give it 1 to 100 characters');
    elsif given ~ '[[:cntrl:]]' then
        perform errtrack_private.refuse(400, 'name must have no line breaks and control characters');
    end if;
    return coalesce(given, otherwise);
end
$$;
comment on function errtrack_private.member_name(jsonb, text) is
    'The name that a body gives to something, or the one that it has.';

create or replace function errtrack_private.host_of(url text, name text) returns text
language plpgsql immutable
as $$
declare
    fault constant text := errtrack_private.url_fault(url);
begin
    if fault <> '' then
        perform errtrack_private.refuse(400, format('%s: %s', name, fault));
    end if;
    -- Without TLS it is another place for a secret.
    return case when url ~* '^http:' then 'http://' else '' end || lower(substring(url from '://([^/?#]*)'));
end
$$;
comment on function errtrack_private.host_of(text, text) is
    'Host and port of an address of the web, which may be shown; refuses what is none by its name.';

-- ---- what a channel is ------------------------------------------------------------

create or replace function errtrack_private.channel_kinds()
returns table (kind text, needs text[], takes text[], settings text[])
language sql immutable
as $$
    values ('webhook', '{url}'::text[], '{url, secret}'::text[], '{headers}'::text[]),
           ('slack', '{url}', '{url}', '{}'),
           ('mattermost', '{url}', '{url}', '{}'),
           ('discord', '{url}', '{url}', '{}'),
           ('teams', '{url}', '{url}', '{}'),
           ('google_chat', '{url}', '{url}', '{}'),
           ('pagerduty', '{secret}', '{url, secret}', '{}'),
           ('gitlab_alert', '{url, secret}', '{url, secret}', '{}'),
           ('mail', '{}', '{}', '{to}'),
           -- What trackers are is said by their provider; their address is no secret.
           ('gitlab', '{token}', '{token}', '{labels, confidential, creates, closes, reopens, api}'),
           ('github', '{token}', '{token}', '{labels, creates, closes, reopens, api}'),
           ('other', '{}', '{secret}', '{creates, closes, reopens}')
$$;
comment on function errtrack_private.channel_kinds() is
    'Kinds of channels, and of trackers by their provider: the secrets that each needs and takes, and its settings.';

create or replace function errtrack_private.check_channel_settings(settings jsonb) returns void
language plpgsql immutable
as $$
declare
    header text;
    recipient text;
    flag text;
    fault text;
begin
    foreach header in array coalesce(errtrack_private.member_texts(settings, 'headers', 20, 1000, 'settings.headers'), '{}') loop
        fault := errtrack_private.header_fault(header);
        if fault <> '' then
            perform errtrack_private.refuse(400, format('settings.headers: %s', fault));
        elsif header ~* '^(content-[a-z]+|user-agent|x-errtrack-[a-z]+):' then
            perform errtrack_private.refuse(400, 'settings.headers must leave out what the sender says itself: '
                || split_part(header, ':', 1));
        elsif header ~* '^[^:]*(auth|cookie|key|pass|secret|token)' then
            perform errtrack_private.refuse(400,
                'settings.headers are kept and shown in clear: put what is secret into url, or verify the signature that secret makes');
        end if;
    end loop;
    foreach recipient in array coalesce(errtrack_private.member_texts(settings, 'to', 20, 254, 'settings.to'), '{}') loop
        fault := errtrack_private.mail_address_fault(recipient);
        if fault <> '' then
            perform errtrack_private.refuse(400, format('settings.to: "%s": %s', left(regexp_replace(recipient, '[[:cntrl:]]', '?', 'g'), 100), fault));
        end if;
    end loop;
    if exists (
        select from unnest(errtrack_private.member_texts(settings, 'labels', 20, 200, 'settings.labels')) as label
        where label like '%,%' or btrim(label, E' \t\r\n') = '')
    then
        perform errtrack_private.refuse(400, 'settings.labels must be names without commas, one in each text');
    end if;
    foreach flag in array '{confidential, creates, closes, reopens}'::text[] loop
        perform errtrack_private.member_flag(settings, flag, 'settings.' || flag);
    end loop;
    if coalesce(jsonb_typeof(settings -> 'api'), 'string') <> 'string' then
        perform errtrack_private.refuse(400, 'settings.api must be an address: https://host/path/api/v4');
    elsif settings ? 'api' then
        perform errtrack_private.host_of(settings ->> 'api', 'settings.api');
    end if;
end
$$;
comment on function errtrack_private.check_channel_settings(jsonb) is
    'Refuses what no channel can be set to. Which settings a kind has is not looked at.';

create or replace function errtrack_private.changed_secrets(
    channel errtrack_private.channels,
    takes text[],
    body jsonb,
    sealed jsonb,
    names_files boolean
)
returns errtrack_private.channels
language plpgsql immutable
as $$
declare
    member text;
    given text;
    file text;
    had_file text;
begin
    foreach member in array '{url, secret, token}'::text[] loop
        continue when not body ?| array[member, member || 'File'];
        given := coalesce(errtrack_private.member_text(body, member, 4096), '');
        file := coalesce(errtrack_private.member_text(body, member || 'File', 100), '');
        if given <> '' and file <> '' then
            perform errtrack_private.refuse(400, format('%s must be given itself or as %sFile, not both', member, member));
        elsif given || file <> '' and member <> all (takes) then
            perform errtrack_private.refuse(400, format(
                '%s is not for %s: it takes %s', member, coalesce(channel.provider, channel.kind), coalesce(
                nullif(array_to_string(takes, ' and '), ''), 'settings.to alone')));
        end if;
        had_file := channel.files ->> member;
        -- What was answered may be sent back: there no file has a name that is null.
        if body ? member or file <> '' then
            channel.sealed := channel.sealed - member;
        end if;
        channel.files := channel.files - member;
        if file <> '' then
            if not names_files and file is distinct from had_file then
                perform errtrack_private.refuse(403, format(
                    'Forbidden: files of the worker are for all projects, so only administrators name them; give %s itself', member));
            elsif file !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
                perform errtrack_private.refuse(400, format(
                    '%sFile must be the name of a file in the folder of the worker''s --secrets-dir: letters, digits, ., _ and -', member));
            end if;
            channel.files := channel.files || jsonb_build_object(member, file);
        elsif given <> '' then
            if coalesce(sealed ->> member, '') = '' then
                perform errtrack_private.refuse(503, 'secrets cannot be kept: set errtrack_secrets_key_file');
            end if;
            channel.sealed := channel.sealed || jsonb_build_object(member, sealed -> member);
        end if;
        if member = 'url' then
            channel.place := case when file <> '' then 'file ' || file
                when given <> '' then errtrack_private.host_of(given, 'url')
                when channel.sealed ? 'url' then channel.place else '' end;
        end if;
    end loop;
    return channel;
end
$$;
comment on function errtrack_private.changed_secrets(errtrack_private.channels, text[], jsonb, jsonb, boolean) is
    'A channel with the secrets that a body names: sealed ones, files, or none where a member is null or empty. Of an address the host is kept to be shown.';

create or replace function errtrack_private.changed_channel(
    channel errtrack_private.channels,
    body jsonb,
    sealed jsonb,
    names_files boolean
)
returns errtrack_private.channels
language plpgsql immutable
as $$
declare
    what constant text := coalesce(channel.provider, channel.kind);
    had_place constant text := channel.place;
    had_secrets constant jsonb := channel.sealed || channel.files;
    wanted record;
    unknown text;
    secret text;
begin
    select k.needs, k.takes, k.settings into strict wanted from errtrack_private.channel_kinds() k where k.kind = what;
    if channel.kind <> 'tracker' then
        channel.name := errtrack_private.member_name(body, channel.name);
    end if;
    channel.enabled := coalesce(errtrack_private.member_flag(body, 'enabled'), channel.enabled);
    channel.hourly_cap := coalesce(errtrack_private.member_number(body, 'hourlyCap', 1, 10000), channel.hourly_cap);
    if channel.kind <> 'tracker' then
        channel := errtrack_private.changed_secrets(channel, wanted.takes, body, sealed, names_files);
    else
        -- Where a tracker is, is no secret: it is kept with the tracker.
        channel := errtrack_private.changed_secrets(channel, wanted.takes, body - '{url, urlFile}'::text[], sealed, names_files);
        channel.place := errtrack_private.host_of(body ->> 'url', 'url');
    end if;
    if coalesce(jsonb_typeof(body -> 'settings'), 'object') not in ('object', 'null') then
        perform errtrack_private.refuse(400, 'settings must be an object');
    elsif jsonb_typeof(body -> 'settings') = 'object' then
        unknown := (
            select min(key)
            from jsonb_object_keys(body -> 'settings') as key
            where key <> all (wanted.settings));
        if unknown is not null then
            perform errtrack_private.refuse(400, format('settings of %s must be %s', what, coalesce(
                nullif(errtrack_private.one_of(wanted.settings), ''), 'left out: there are none')));
        end if;
        channel.settings := jsonb_strip_nulls(channel.settings || (body -> 'settings'));
        perform errtrack_private.check_channel_settings(channel.settings);
    end if;
    if what = 'mail' then
        if not channel.settings ? 'to' then
            perform errtrack_private.refuse(400, 'settings.to is missing: a list of 1 to 20 e-mail addresses');
        end if;
        channel.place := left((
            select string_agg(t.address, ', ')
            from jsonb_array_elements_text(channel.settings -> 'to') as t (address)), 300);
    elsif what = 'pagerduty' and channel.place = '' then
        channel.place := 'events.pagerduty.com';
    end if;
    if channel.settings ? 'api'
        and errtrack_private.host_of(channel.settings ->> 'api', 'settings.api') not in (
            channel.place, case channel.provider when 'github' then 'api.' else '' end || channel.place)
    then
        perform errtrack_private.refuse(400, format('settings.api must be on the host of url: %s', channel.place));
    elsif what = 'gitlab' and rtrim(channel.settings ->> 'api', '/') not like '%/api/v4' then
        perform errtrack_private.refuse(400, 'settings.api: it does not end with /api/v4: write it like https://example.com/gitlab/api/v4');
    end if;
    foreach secret in array wanted.needs loop
        if not (channel.sealed ? secret or channel.files ? secret) then
            perform errtrack_private.refuse(400, format('%s is missing: %s needs %s', secret, what, array_to_string(wanted.needs, ' and ')));
        end if;
    end loop;
    -- Who may change the address need not know the secret that is sent there.
    foreach secret in array '{secret, token}'::text[] loop
        if what <> 'mail' and had_place not in ('', channel.place) and had_secrets ? secret
            and coalesce(body ->> secret, '') = ''
            and not (names_files and coalesce(body ->> (secret || 'File'), '') <> '')
            and (channel.sealed ? secret or channel.files ? secret)
        then
            perform errtrack_private.refuse(400, format('%s must be given again: url leads to another host than %s', secret, had_place));
        end if;
    end loop;
    return channel;
end
$$;
comment on function errtrack_private.changed_channel(errtrack_private.channels, jsonb, jsonb, boolean) is
    'A channel as a body says, which may leave out what stays. names_files: may name files of the worker.';

create or replace function errtrack_private.audit_of_channel(channel errtrack_private.channels, body jsonb default null)
returns jsonb
language sql immutable
as $$
    select case when channel.kind = 'tracker' then jsonb_build_object('provider', channel.provider, 'place', channel.place)
                when body is null then jsonb_build_object(
                    'id', channel.id, 'name', channel.name, 'kind', channel.kind, 'place', channel.place)
                else jsonb_build_object(
                    'id', channel.id, 'name', channel.name, 'place', channel.place, 'enabled', channel.enabled) end
        || case when body is null then '{}'
                else jsonb_build_object('members', (
                    select jsonb_agg(key order by key) from jsonb_object_keys(body) as key)) end
$$;
comment on function errtrack_private.audit_of_channel(errtrack_private.channels, jsonb) is
    'What the audit says of a channel that was made, or of what a body changed of it: without what is secret.';

create or replace function errtrack_private.make_channel(
    wanted_project bigint,
    body jsonb,
    sealed jsonb,
    names_files boolean,
    who text
)
returns errtrack_private.channels
language plpgsql volatile
as $$
declare
    most constant integer := 50;
    channel errtrack_private.channels;
    kinds constant text[] := array(select k.kind from errtrack_private.channel_kinds() k where k.kind not in ('gitlab', 'github', 'other'));
begin
    channel.kind := errtrack_private.member_text(body, 'kind', 50);
    if channel.kind is null or channel.kind <> all (kinds) then
        perform errtrack_private.refuse(400, format('kind must be %s', errtrack_private.one_of(kinds)));
    end if;
    channel.enabled := true;
    channel.place := '';
    channel.sealed := '{}';
    channel.files := '{}';
    channel.settings := '{}';
    channel.hourly_cap := 60;
    channel := errtrack_private.changed_channel(channel, body, sealed, names_files);
    -- Those who make one in a project wait for each other.
    perform from errtrack_private.projects p where p.id = wanted_project for no key update;
    if (select count(*) from errtrack_private.channels c where c.project_id = wanted_project and c.kind <> 'tracker') >= most then
        perform errtrack_private.refuse(409, format('there are %s channels already: delete some first', most));
    end if;
    insert into errtrack_private.channels as c
        (project_id, name, kind, enabled, place, sealed, files, settings, hourly_cap, created_by)
    values (wanted_project, channel.name, channel.kind, channel.enabled, channel.place, channel.sealed, channel.files,
            channel.settings, channel.hourly_cap, who)
    on conflict on constraint channels_project_id_name_key do nothing
    returning c.* into channel;
    if not found then
        perform errtrack_private.refuse(409, 'name is taken by another channel of the project');
    end if;
    return channel;
end
$$;
comment on function errtrack_private.make_channel(bigint, jsonb, jsonb, boolean, text) is
    'Makes a channel of a project as a body says.';

create or replace function errtrack_private.resume_channel(wanted_project bigint, wanted_channel bigint)
returns errtrack_private.channels
language sql volatile
as $$
    update errtrack_private.channels c
    set failures = 0, failing_since = null, parked_at = null, next_attempt_at = '-infinity'
    where c.project_id = wanted_project and c.id = wanted_channel
    returning c.*
$$;
comment on function errtrack_private.resume_channel(bigint, bigint) is
    'Lets what waits for a channel be tried at once, as if it had never failed.';

create or replace function errtrack_private.save_channel(channel errtrack_private.channels) returns errtrack_private.channels
language plpgsql volatile
as $$
begin
    update errtrack_private.channels c
    set name = channel.name, enabled = channel.enabled, place = channel.place, sealed = channel.sealed, files = channel.files,
        settings = channel.settings, hourly_cap = channel.hourly_cap
    where c.project_id = channel.project_id and c.id = channel.id;
    -- Whatever kept it from being reached may be mended.
    return errtrack_private.resume_channel(channel.project_id, channel.id);
exception when unique_violation then
    perform errtrack_private.refuse(409, 'name is taken by another channel of the project');
end
$$;
comment on function errtrack_private.save_channel(errtrack_private.channels) is
    'Keeps a channel that was changed, and has it tried at once.';

create or replace function errtrack_private.delete_channel(wanted_project bigint, wanted_channel bigint) returns void
language plpgsql volatile
as $$
declare
    rules constant text := (
        select string_agg(r.name, ', ' order by r.id)
        from errtrack_private.alert_rules r
        where r.project_id = wanted_project and wanted_channel = any (r.channel_ids));
begin
    if rules is not null then
        perform errtrack_private.refuse(409, 'rules name this channel, change or delete them first: ' || rules);
    end if;
    delete from errtrack_private.channels c where c.project_id = wanted_project and c.id = wanted_channel;
end
$$;
comment on function errtrack_private.delete_channel(bigint, bigint) is
    'Deletes a channel with its messages. One that rules name stays: without it they would tell nobody.';

create or replace function errtrack_private.queue_test(channel errtrack_private.channels) returns errtrack_private.notifications
language plpgsql volatile
as $$
declare
    made errtrack_private.notifications;
    full_until timestamptz;
begin
    if not channel.enabled then
        perform errtrack_private.refuse(409, format('the %s is not enabled: enable it first',
            case channel.kind when 'tracker' then 'tracker' else 'channel' end));
    elsif channel.provider = 'other' then
        perform errtrack_private.refuse(409,
            'in a tracker of kind other nothing can be asked without doing something: only gitlab and github are tested');
    end if;
    -- Who tests it twice at once waits here; what has been counted meanwhile counts.
    channel := errtrack_private.resume_channel(channel.project_id, channel.id);
    -- One that waits already says the same.
    select n.* into made
    from errtrack_private.notifications n
    where n.project_id = channel.project_id and n.channel_id = channel.id and n.state = 'waiting' and n.kind = 'test'
    order by n.id
    limit 1;
    if not found then
        full_until := errtrack_private.spend_message(channel);
        if full_until is not null then
            perform errtrack_private.refuse_for_now(429, format(
                'channel "%s" has had as many messages as hourlyCap allows in an hour, %s: test it again in %s min',
                channel.name, channel.hourly_cap, ceil(extract(epoch from full_until - now()) / 60)),
                extract(epoch from full_until - now()));
        end if;
        insert into errtrack_private.notifications as n (project_id, channel_id, kind, notice)
        values (channel.project_id, channel.id, 'test',
                errtrack_private.notice_of(channel.project_id, null, 'test', now(), '{}'))
        returning n.* into made;
    end if;
    return made;
end
$$;
comment on function errtrack_private.queue_test(errtrack_private.channels) is
    'Queues a message that says no more than that it arrived, for a tracker the question whether it would take issues, and has the channel tried at once. It counts as others do; beyond the cap it is refused.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'member_number(jsonb, text, bigint, bigint)', 'member_flag(jsonb, text, text)',
        'member_texts(jsonb, text, integer, integer, text)', 'member_name(jsonb, text)', 'host_of(text, text)', 'channel_kinds()',
        'check_channel_settings(jsonb)', 'changed_secrets(errtrack_private.channels, text[], jsonb, jsonb, boolean)',
        'changed_channel(errtrack_private.channels, jsonb, jsonb, boolean)', 'make_channel(bigint, jsonb, jsonb, boolean, text)',
        'resume_channel(bigint, bigint)', 'save_channel(errtrack_private.channels)', 'delete_channel(bigint, bigint)',
        'audit_of_channel(errtrack_private.channels, jsonb)', 'queue_test(errtrack_private.channels)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
