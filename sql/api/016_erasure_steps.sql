-- Erasing one person, the second part: how what 015_erasure.sql finds goes, and what else
-- names who is meant. Whoever files goes on meanwhile: a step holds its locks for a moment.

-- ---- events and users ---------------------------------------------------------------

create or replace function errtrack_private.forget_users() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from erased_users) then
        return;
    end if;
    -- In the order of count_events(): origins, then issues.
    perform
    from errtrack_private.origins o
    where (o.project_id, o.id) in (select u.project_id, u.origin_id from erased_users u)
    order by o.project_id, o.id
    for no key update;
    perform
    from errtrack_private.issues i
    where (i.project_id, i.id) in (
        select o.project_id, o.issue_id
        from errtrack_private.origins o
        join erased_users u on u.project_id = o.project_id and u.origin_id = o.id)
    order by i.project_id, i.id
    for no key update;

    delete from errtrack_private.origin_users u
    using erased_users e
    where u.project_id = e.project_id and u.origin_id = e.origin_id and u.user_hash = e.user_hash;
    update errtrack_private.origins o
    set user_count = greatest(o.user_count - u.users, 0)
    from (select e.project_id, e.origin_id, count(*) as users from erased_users e group by 1, 2) u
    where o.project_id = u.project_id and o.id = u.origin_id;
    update errtrack_private.issues i
    set user_count = greatest(i.user_count - u.users, 0),
        -- So many more are still to come.
        ignored_until_users = i.ignored_until_users - u.users
    from (
        select o.project_id, o.issue_id, count(distinct e.user_hash) as users
        from erased_users e
        join errtrack_private.origins o on o.project_id = e.project_id and o.id = e.origin_id
        -- Whom another origin of the issue has seen stays one of its users.
        where not exists (
            select
            from errtrack_private.origins sibling
            join errtrack_private.origin_users other
              on other.project_id = sibling.project_id and other.origin_id = sibling.id
            where sibling.project_id = o.project_id and sibling.issue_id = o.issue_id
              and other.user_hash = e.user_hash)
        group by 1, 2) u
    where i.project_id = u.project_id and i.id = u.issue_id;
    delete from erased_users;
end
$$;
comment on function errtrack_private.forget_users() is
    'Takes the users that were found out of their issues: they are not counted among their users any more.';

create or replace function errtrack_private.remove_found(person jsonb) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    event record;
    counted jsonb;
begin
    perform errtrack_private.find_users(person);
    counted := errtrack_private.count_found();
    -- One by one, each by its key, whatever the planner believes of a table that has just
    -- been filled. Their ids stay: a copy that is sent again is a duplicate.
    for event in select e.project_id, e.event_id, e.received_at from erased_events e order by 1, 2, 3 loop
        delete from errtrack_private.payloads p
        where p.project_id = event.project_id and p.event_id = event.event_id and p.received_at = event.received_at;
        delete from errtrack_private.occurrences o
        where o.project_id = event.project_id and o.received_at = event.received_at and o.event_id = event.event_id;
        delete from errtrack_private.attachments a
        where a.project_id = event.project_id and a.event_id = event.event_id;
        delete from errtrack_private.feedback f
        where f.project_id = event.project_id and f.event_id = event.event_id;
    end loop;
    perform errtrack_private.forget_users();
    -- Behind origins and issues, as count_events() does.
    update errtrack_private.counts_1h c
    set surplus_at = null,
        surplus_event = null
    from erased_events e
    where c.project_id = e.project_id
      and c.bucket = date_trunc('hour', e.received_at, 'UTC')
      and c.surplus_event = e.event_id;
    delete from erased_events;
    return counted;
end
$$;
comment on function errtrack_private.remove_found(jsonb) is
    'Removes the events that were found, and what came with them. They stay counted. Returns how much it was.';

create or replace function errtrack_private.erase_partition(
    person jsonb,
    projects bigint[],
    parent text,
    part text,
    first_block bigint,
    dry boolean,
    out next_block bigint,
    out busy boolean,
    out removed jsonb
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
-- Who files meanwhile waits behind this for so long at most, and it behind them.
set lock_timeout = '2s'
as $$
declare
    until constant timestamptz := clock_timestamp() + interval '300 milliseconds';
    most constant integer := 300;
    -- A body is on another page, a file is large.
    step constant bigint := case parent when 'attachments' then 1 else 8 end;
    pages bigint;
    found_rows bigint := 0;
begin
    busy := false;
    removed := '{}';
    -- Dropped by the retention.
    if to_regclass(format('errtrack_private.%I', part)) is null then
        return;
    end if;
    pages := pg_relation_size(format('errtrack_private.%I', part)::regclass) / current_setting('block_size')::bigint;
    next_block := first_block;
    if parent = 'occurrences' then
        found_rows := errtrack_private.find_in_occurrences(person, projects, part, case when not dry then most end);
        if dry or found_rows < most then
            next_block := null;
        end if;
    elsif parent = 'payloads' then
        while next_block < pages and clock_timestamp() < until
            and (dry or (select count(*) from erased_events) < most)
        loop
            perform errtrack_private.find_in_payloads(person, projects, part, next_block, step);
            next_block := next_block + step;
        end loop;
    else
        while next_block < pages and clock_timestamp() < until loop
            found_rows := found_rows
                + errtrack_private.erase_files(person, projects, part, next_block, next_block + step, dry);
            next_block := next_block + step;
        end loop;
        removed := jsonb_build_object('attachments', found_rows);
    end if;
    if parent <> 'occurrences' and next_block >= pages then
        next_block := null;
    end if;
    if parent <> 'attachments' and not dry and exists (select from erased_events) then
        removed := errtrack_private.remove_found(person);
    end if;
exception when lock_not_available or deadlock_detected or serialization_failure then
    next_block := first_block;
    busy := true;
    removed := '{}';
end
$$;
comment on function errtrack_private.erase_partition(jsonb, bigint[], text, text, bigint, boolean) is
    'One step through a partition, from a block on: what names the person goes, with all that hangs on it. next_block: where the next step begins; null when none is left. busy: it could do nothing now.';

create or replace function errtrack_private.erase_files(
    person jsonb,
    projects bigint[],
    part text,
    first_block bigint,
    end_block bigint,
    dry boolean
)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    pattern constant text := errtrack_private.person_pattern(person);
    files tid[];
begin
    if pattern is null then
        return 0;
    end if;
    execute format(
        'select array(
            select a.ctid
            from errtrack_private.%I as a
            where a.ctid >= %L::tid and a.ctid < %L::tid
              and ($1 is null or a.project_id = any ($1))
              and (a.name ~ $2
                   or (exists (select from unnest($3) as word where position(convert_to(word, ''UTF8'') in a.body) > 0)
                       and encode(a.body, ''escape'') ~ $2))
              and not exists (
                  select from erased_events as e
                  where e.project_id = a.project_id and e.event_id = a.event_id))',
        part, format('(%s,0)', first_block), format('(%s,0)', end_block))
    into files
    using projects, pattern, errtrack_private.texts_of(person, 'words');
    if not dry then
        execute format('delete from errtrack_private.%I where ctid = any ($1)', part) using files;
    end if;
    return cardinality(files);
end
$$;
comment on function errtrack_private.erase_files(jsonb, bigint[], text, bigint, bigint, boolean) is
    'Removes the files in these blocks of a partition in whose bytes or name a person is named, of whatever event. Returns how many.';

create or replace function errtrack_private.without_words(value jsonb, pattern text) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return case jsonb_typeof(value)
        when 'string' then to_jsonb(regexp_replace(value #>> '{}', pattern, '[erased]', 'g'))
        when 'object' then (
            select coalesce(jsonb_object_agg(m.key, errtrack_private.without_words(m.value, pattern)), '{}')
            from jsonb_each(value) as m)
        when 'array' then (
            select coalesce(jsonb_agg(errtrack_private.without_words(e.value, pattern) order by e.place), '[]')
            from jsonb_array_elements(value) with ordinality as e (value, place))
        else value end;
end
$$;
comment on function errtrack_private.without_words(jsonb, text) is
    'A value in whose texts "[erased]" stands for what a pattern finds.';

create or replace function errtrack_private.erasable_rows()
returns table (place integer, what text, name text, condition text, change text)
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    -- $1 projects, $2 names, $3 hashes of users of sessions, $4 pattern.
    values
        (1, 'feedback', 'feedback',
         '(name = any ($2) or email = any ($2) or concat_ws(E''\n'', name, email, message, url) ~ $4)
          and not exists (select from erased_events as e
                          where e.project_id = feedback.project_id and e.event_id = feedback.event_id)', null),
        -- The session itself stays: its later updates would count it anew.
        (2, 'sessions', 'sessions', 'did = any ($3)', 'did = null'),
        (3, 'session_users', 'session_users', 'did = any ($3)', null),
        (4, 'names', 'transactions', 'transaction ~ $4', null),
        (5, 'names', 'item_names', 'name ~ $4', null),
        (6, 'texts', 'issues', 'concat_ws(E''\n'', type, value, title, first_title, culprit) ~ $4',
         'type = regexp_replace(type, $4, ''[erased]'', ''g''), value = regexp_replace(value, $4, ''[erased]'', ''g''),
          title = regexp_replace(title, $4, ''[erased]'', ''g''), culprit = regexp_replace(culprit, $4, ''[erased]'', ''g''),
          first_title = regexp_replace(first_title, $4, ''[erased]'', ''g'')'),
        (7, 'texts', 'hashes', 'concat_ws(E''\n'', type, value, title, culprit) ~ $4',
         'type = regexp_replace(type, $4, ''[erased]'', ''g''), value = regexp_replace(value, $4, ''[erased]'', ''g''),
          title = regexp_replace(title, $4, ''[erased]'', ''g''), culprit = regexp_replace(culprit, $4, ''[erased]'', ''g'')'),
        (8, 'texts', 'explanations', 'explanation::text ~ $4',
         'explanation = regexp_replace(explanation::text, $4, ''[erased]'', ''g'')::json'),
        (9, 'texts', 'issue_comments', 'text ~ $4', 'text = regexp_replace(text, $4, ''[erased]'', ''g'')'),
        (10, 'texts', 'issue_history', 'details::text ~ $4 and details <> errtrack_private.without_words(details, $4)',
         'details = errtrack_private.without_words(details, $4)'),
        (11, 'texts', 'outbox', 'details::text ~ $4 and details <> errtrack_private.without_words(details, $4)',
         'details = errtrack_private.without_words(details, $4)'),
        (12, 'commits', 'release_commits', '(author_email = any ($2) or author_name = any ($2) or message ~ $4)',
         'author_email = case when author_email = any ($2) or author_name = any ($2) then '''' else author_email end,
          author_name = case when author_email = any ($2) or author_name = any ($2) then '''' else author_name end,
          message = case when $4 is null then message else regexp_replace(message, $4, ''[erased]'', ''g'') end'),
        (13, 'texts', 'notifications',
         '(notice::text ~ $4 and notice <> errtrack_private.without_words(notice, $4) or last_error ~ $4)',
         'notice = errtrack_private.without_words(notice, $4), last_error = regexp_replace(last_error, $4, ''[erased]'', ''g'')'),
        (14, 'texts', 'digests', 'issues::text ~ $4 and issues <> errtrack_private.without_words(issues, $4)',
         'issues = errtrack_private.without_words(issues, $4)')
$$;
comment on function errtrack_private.erasable_rows() is
    'What else may name a person, table by table: the condition for rows that do, and what is changed in them; null: they go.';

create or replace function errtrack_private.erase_rows(
    person jsonb,
    projects bigint[],
    place integer,
    dry boolean,
    out busy boolean,
    out more boolean,
    out removed bigint
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    searched record;
    rows_found tid[];
begin
    select r.name, r.condition, r.change into strict searched
    from errtrack_private.erasable_rows() as r
    where r.place = erase_rows.place;
    busy := false;
    execute format(
        'select array(select ctid from errtrack_private.%I where ($1 is null or project_id = any ($1)) and %s limit %s)',
        searched.name, searched.condition, case when dry then 'all' else '500' end)
    into rows_found
    using projects, errtrack_private.texts_of(person, 'names'), errtrack_private.texts_of(person, 'dids')::uuid[],
          errtrack_private.person_pattern(person);
    removed := cardinality(rows_found);
    more := not dry and removed > 0;
    if not more then
        return;
    end if;
    -- A row that somebody changes meanwhile has another place then, and is found again.
    if searched.change is null then
        execute format('delete from errtrack_private.%I where ctid = any ($1)', searched.name) using rows_found;
    else
        execute format('update errtrack_private.%I set %s where ctid = any ($1)', searched.name, searched.change)
        using rows_found, errtrack_private.texts_of(person, 'names'), null::text, errtrack_private.person_pattern(person);
    end if;
    get diagnostics removed = row_count;
exception when lock_not_available or deadlock_detected or serialization_failure then
    busy := true;
    more := true;
    removed := 0;
end
$$;
comment on function errtrack_private.erase_rows(jsonb, bigint[], integer, boolean) is
    'One step through a table of erasable_rows(): removes or changes some of its rows that name a person. more: to be called again. busy: it could do nothing now.';

create or replace function errtrack_private.erase_own_users(
    person jsonb,
    projects bigint[],
    dry boolean,
    out busy boolean,
    out more boolean,
    out removed bigint
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
begin
    busy := false;
    removed := errtrack_private.find_own_users(person, projects, case when not dry then 500 end);
    more := not dry and removed > 0;
    if dry then
        -- count_found() counts them.
        removed := 0;
    elsif more then
        perform errtrack_private.forget_users();
    end if;
exception when lock_not_available or deadlock_detected or serialization_failure then
    busy := true;
    more := true;
    removed := 0;
end
$$;
comment on function errtrack_private.erase_own_users(jsonb, bigint[], boolean) is
    'One step: takes a person out of the users of issues. more: to be called again. busy: it could do nothing now.';

create or replace function errtrack_private.unfiled_requests(projects bigint[])
returns table (kind text, project_id bigint, key text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select 'dead_letters', l.project_id, l.id::text
    from errtrack_private.dead_letters as l
    where projects is null
       or l.project_id = any (projects)
       -- Of a project that the sender only claimed.
       or (l.project_id = 0 and substring(l.meta from '(?n)^project ([0-9]{1,18})$')::bigint = any (projects))
    union all
    select 'waiting_requests', w.project_id, w.delivery_id::text
    from errtrack_private.waiting_requests as w
    where projects is null or w.project_id = any (projects)
    order by 1, 2, 3
$$;
comment on function errtrack_private.unfiled_requests(bigint[]) is
    'Requests that lie here as they came: dead letters, and those that wait for the word of GitLab.';

create or replace function errtrack_private.unfiled_request(kind text, project bigint, key text)
returns table (said text, meta text, body bytea)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select l.reason, l.meta, l.body
    from errtrack_private.dead_letters as l
    where unfiled_request.kind = 'dead_letters' and l.id::text = unfiled_request.key
    union all
    select '', w.meta, w.body
    from errtrack_private.waiting_requests as w
    where unfiled_request.kind = 'waiting_requests'
      and w.project_id = unfiled_request.project and w.delivery_id::text = unfiled_request.key
$$;
comment on function errtrack_private.unfiled_request(text, bigint, text) is 'One of unfiled_requests(), if it still lies there.';

create or replace function errtrack_private.drop_request(kind text, project bigint, key text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if drop_request.kind = 'dead_letters' then
        delete from errtrack_private.dead_letters as l where l.id::text = drop_request.key;
        return;
    end if;
    -- It counts as filed, so that the balance of requests is even, and never will be.
    with gone as (
        delete from errtrack_private.waiting_requests as w
        where w.project_id = drop_request.project and w.delivery_id::text = drop_request.key
        returning w.delivery_id, w.received_at
    )
    insert into errtrack_private.deliveries (project_id, delivery_id, received_at)
    select 0, gone.delivery_id, gone.received_at
    from gone
    on conflict do nothing;
end
$$;
comment on function errtrack_private.drop_request(text, bigint, text) is 'Removes one of unfiled_requests(). A dead letter stays counted.';

create or replace function errtrack_private.tag_names(
    key text,
    value text,
    person jsonb,
    pattern text
)
returns boolean
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when key in ('user', '(user)') then value = any (errtrack_private.texts_of(person, 'tags'))
        when key = any (errtrack_private.identity_keys(person)) then value = any (errtrack_private.texts_of(person, 'names'))
        else false end
        or coalesce(value ~ pattern, false)
$$;
comment on function errtrack_private.tag_names(text, text, jsonb, text) is 'Whether a tag names a person.';

create or replace function errtrack_private.erase_tags(
    person jsonb,
    projects bigint[],
    dry boolean
)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    pattern constant text := errtrack_private.person_pattern(person);
    exact constant text[] := errtrack_private.texts_of(person, 'tags') || errtrack_private.texts_of(person, 'names');
    facts tid[];
    counts tid[];
    named bigint;
begin
    -- Nothing is folded meanwhile: what is not counted yet waits.
    perform pg_advisory_xact_lock(hashtextextended('errtrack.tags', 0));
    facts := array(
        select f.ctid
        from errtrack_private.tag_facts f
        where (projects is null or f.project_id = any (projects))
          and (f.texts && exact or array_to_string(f.texts, E'\n') ~ pattern));
    counts := array(
        select c.ctid
        from errtrack_private.tag_counts c
        where (projects is null or c.project_id = any (projects))
          and (c.value = any (exact) or c.value ~ pattern)
          and errtrack_private.tag_names(c.key, c.value, person, pattern));
    select count(*)
    into named
    from (
        select c.project_id, c.origin_id, c.key, c.value
        from errtrack_private.tag_counts c
        where c.ctid = any (counts)
        union
        select f.project_id, f.origin_id, tag.key, tag.value
        from errtrack_private.tag_facts f
        cross join lateral unnest(f.keys, f.texts) as tag (key, value)
        where f.ctid = any (facts) and errtrack_private.tag_names(tag.key, tag.value, person, pattern)) as tags;
    if dry then
        return named;
    end if;
    update errtrack_private.tag_facts f
    set keys = array(
            select tag.key
            from unnest(f.keys, f.texts) with ordinality as tag (key, value, place)
            where not errtrack_private.tag_names(tag.key, tag.value, person, pattern)
            order by tag.place),
        texts = array(
            select tag.value
            from unnest(f.keys, f.texts) with ordinality as tag (key, value, place)
            where not errtrack_private.tag_names(tag.key, tag.value, person, pattern)
            order by tag.place)
    where f.ctid = any (facts);
    with gone as (
        delete from errtrack_private.tag_counts c
        where c.ctid = any (counts)
        returning c.project_id, c.origin_id, c.key
    )
    update errtrack_private.tag_sets s
    set size = greatest(s.size - g.places, 0)
    from (select gone.project_id, gone.origin_id, gone.key, count(*) as places from gone group by 1, 2, 3) g
    where s.project_id = g.project_id and s.origin_id = g.origin_id and s.key = g.key;
    return named;
end
$$;
comment on function errtrack_private.erase_tags(jsonb, bigint[], boolean) is
    'Removes the tags of issues that name a person, counted or not. Returns how many.';

create or replace function errtrack_private.erase_attempts(person jsonb, dry boolean) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
    gone bigint;
begin
    if person ->> 'kind' <> 'address' then
        return 0;
    end if;
    if dry then
        return (
            select count(*)
            from errtrack_private.sign_in_failures f
            where f.address = (person #>> '{names,0}')::inet);
    end if;
    delete from errtrack_private.sign_in_failures f where f.address = (person #>> '{names,0}')::inet;
    get diagnostics gone = row_count;
    return gone;
end
$$;
comment on function errtrack_private.erase_attempts(jsonb, boolean) is
    'Removes failed attempts to sign in from the address of a person. Returns how many.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'forget_users()', 'remove_found(jsonb)',
        'erase_partition(jsonb, bigint[], text, text, bigint, boolean)',
        'erase_files(jsonb, bigint[], text, bigint, bigint, boolean)', 'without_words(jsonb, text)',
        'erasable_rows()', 'erase_rows(jsonb, bigint[], integer, boolean)',
        'erase_own_users(jsonb, bigint[], boolean)', 'unfiled_requests(bigint[])',
        'unfiled_request(text, bigint, text)', 'drop_request(text, bigint, text)',
        'tag_names(text, text, jsonb, text)', 'erase_tags(jsonb, bigint[], boolean)',
        'erase_attempts(jsonb, boolean)'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
