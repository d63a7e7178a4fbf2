-- What belongs to one event beside its body, over HTTP: files, and why it is grouped as
-- it is.

-- ---- attachments ---------------------------------------------------------------

create or replace function errtrack_private.show_attachment(a errtrack.attachments) returns jsonb
language sql stable
as $$
    select jsonb_build_object(
        'id', replace(a.delivery_id::text, '-', '') || '-' || a.position,
        'event_id', replace(a.event_id::text, '-', ''),
        'name', a.name, 'type', a.attachment_type, 'mimetype', coalesce(a.content_type, 'application/octet-stream'),
        'size', a.size, 'sha256', encode(a.sha256, 'hex'),
        'dateCreated', errtrack_private.rfc3339(a.received_at))
$$;
comment on function errtrack_private.show_attachment(errtrack.attachments) is 'A file of an event as Sentry shows it.';

create or replace function errtrack_private.event_attachments(project bigint, wanted uuid)
returns setof errtrack.attachments
language sql stable
as $$
    select a.*
    from errtrack.attachments a
    where a.project_id = project and a.event_id = wanted
    order by a.received_at, a.delivery_id, a.position
    limit 1000
$$;
comment on function errtrack_private.event_attachments(bigint, uuid) is 'The files of an event.';

create or replace function errtrack_private.sentry_attachments(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'event:read');
    event constant uuid := errtrack_private.event_id_of(errtrack_private.path_text(request, 'event'));
begin
    return errtrack_private.as_json_rows((
        select jsonb_agg(errtrack_private.show_attachment(a)) from errtrack_private.event_attachments(project, event) a));
end
$$;
comment on function errtrack_private.sentry_attachments(bytea, jsonb) is 'The files of an event.';

create or replace function errtrack_private.sentry_attachment(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'event:read');
    event constant uuid := errtrack_private.event_id_of(errtrack_private.path_text(request, 'event'));
    wanted record;
    answer errtrack_private.answer;
begin
    select a.delivery_id, a.received_at, a.position, a.name, errtrack_private.show_attachment(a) as shown
    into wanted
    from errtrack_private.event_attachments(project, event) a
    where errtrack_private.show_attachment(a) ->> 'id' = errtrack_private.path_text(request, 'attachment');
    if wanted.name is null then
        perform errtrack_private.refuse(404);
    elsif request #> '{arguments,download}' is null then
        return errtrack_private.ok(wanted.shown::text);
    end if;
    answer.status := 200;
    answer.body := '';
    answer.file_name := wanted.name;
    answer.content_type := 'application/octet-stream';
    answer.bytes := (
        select a.body
        from errtrack_private.attachments a
        where a.project_id = project and a.event_id = event and a.received_at = wanted.received_at
          and a.delivery_id = wanted.delivery_id and a.position = wanted.position);
    return answer;
end
$$;
comment on function errtrack_private.sentry_attachment(bytea, jsonb) is
    'A file of an event: what is known of it, or with download its bytes.';

-- ---- grouping ------------------------------------------------------------------

create or replace function errtrack_private.event_grouping(project bigint, event errtrack_private.occurrences) returns jsonb
language plpgsql stable
as $$
begin
    return (
        select jsonb_build_object(
            'eventID', replace(event.event_id::text, '-', ''),
            'issue', (select o.issue_id::text from errtrack_private.origins o
                      where o.project_id = project and o.id = event.origin_id),
            'hash', replace(event.hash::text, '-', ''),
            'algorithm', h.algo, 'variant', h.variant, 'firstSeen', errtrack_private.rfc3339(h.first_seen),
            'explanation', e.explanation)
        from (select) one
        left join errtrack_private.hashes h on h.project_id = project and h.hash = event.hash
        left join errtrack_private.explanations e on e.project_id = project and e.hash = event.hash);
end
$$;
comment on function errtrack_private.event_grouping(bigint, errtrack_private.occurrences) is
    'Why an event belongs to its issue: its hash and the explanation of that.';

create or replace function errtrack_private.required_event(project bigint, named text)
returns errtrack_private.occurrences
language plpgsql stable
as $$
declare
    event errtrack_private.occurrences := errtrack_private.find_event(project, errtrack_private.event_id_of(named));
begin
    if event.event_id is null then
        perform errtrack_private.refuse(404);
    end if;
    return event;
end
$$;
comment on function errtrack_private.required_event(bigint, text) is 'An event that must be there.';

create or replace function errtrack_private.sentry_grouping(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    project constant bigint := errtrack_private.sentry_project(token_hash, request, 'event:read');
    other constant text := errtrack_private.argument(request, 'compare');
    mine jsonb;
    theirs jsonb;
begin
    mine := errtrack_private.event_grouping(
        project, errtrack_private.required_event(project, errtrack_private.path_text(request, 'event')));
    if other is null then
        return errtrack_private.ok(mine::text);
    end if;
    theirs := errtrack_private.event_grouping(project, errtrack_private.required_event(project, other));
    return errtrack_private.ok(jsonb_build_object(
        'together', mine -> 'issue' = theirs -> 'issue',
        'sameHash', mine -> 'hash' = theirs -> 'hash',
        'firstDifference', errtrack_private.first_difference(
            mine #> '{explanation,variants}', theirs #> '{explanation,variants}', '{}'),
        'events', jsonb_build_array(mine, theirs))::text);
end
$$;
comment on function errtrack_private.sentry_grouping(bytea, jsonb) is
    'Why an event is grouped as it is; with compare=ID, where the explanations of two events differ first.';

create or replace function errtrack_private.first_difference(a jsonb, b jsonb, path text[]) returns jsonb
language plpgsql immutable
as $$
declare
    part record;
    difference jsonb;
begin
    if a is not distinct from b then
        return null;
    end if;
    if cardinality(path) < 50 and jsonb_typeof(a) = 'object' and jsonb_typeof(b) = 'object' then
        for part in
            select coalesce(x.key, y.key) as key, x.value as mine, y.value as theirs
            from jsonb_each(a) with ordinality as x (key, value, n)
            full join jsonb_each(b) with ordinality as y (key, value, n) on y.key = x.key
            order by coalesce(x.n, y.n)
        loop
            difference := errtrack_private.first_difference(part.mine, part.theirs, path || part.key);
            exit when difference is not null;
        end loop;
        return difference;
    elsif cardinality(path) < 50 and jsonb_typeof(a) = 'array' and jsonb_typeof(b) = 'array' then
        for part in
            select coalesce(x.n, y.n) as n, x.value as mine, y.value as theirs
            from jsonb_array_elements(a) with ordinality as x (value, n)
            full join jsonb_array_elements(b) with ordinality as y (value, n) on y.n = x.n
            order by 1
        loop
            difference := errtrack_private.first_difference(part.mine, part.theirs, path || (part.n - 1)::text);
            exit when difference is not null;
        end loop;
        return difference;
    end if;
    return jsonb_build_object('path', to_jsonb(path), 'values', jsonb_build_array(a, b));
end
$$;
comment on function errtrack_private.first_difference(jsonb, jsonb, text[]) is
    'The first leaf in which two trees differ: its path and both values. Null: they do not.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'show_attachment(errtrack.attachments)', 'event_attachments(bigint, uuid)',
        'event_grouping(bigint, errtrack_private.occurrences)', 'required_event(bigint, text)',
        'first_difference(jsonb, jsonb, text[])']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array[
        'attachments', 'attachment', 'grouping']
    loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
