-- Tags of issues over Sentry's web API: which there are, and how often each value came. But
-- for "(user)": second names of users, which only searches look at.

create or replace function errtrack_private.issue_tag_keys(project bigint, issue bigint) returns jsonb
language plpgsql stable
as $$
declare
    -- Values that are added up while a page waits.
    most constant integer := 2000;
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'key', k.key, 'name', errtrack_private.tag_name(k.key), 'uniqueValues', k.size,
            'totalValues', case when k.so_far <= most then (
                select sum(t.events)
                from unnest(k.origins) as origin
                join errtrack_private.tag_counts t on t.project_id = project and t.origin_id = origin and t.key = k.key) end)
            order by k.key), '[]')
        from (
            select s.key, sum(s.size) as size, array_agg(s.origin_id) as origins,
                   sum(sum(s.size)) over (order by sum(s.size), s.key) as so_far
            from errtrack_private.origins o
            join errtrack_private.tag_sets s on s.project_id = o.project_id and s.origin_id = o.id
            where o.project_id = project and o.issue_id = issue and s.key <> '(user)'
            group by s.key) k);
end
$$;
comment on function errtrack_private.issue_tag_keys(bigint, bigint) is
    'The keys of the tags of an issue, with their number of values, of which a merged issue counts those of each part, and of events: null where there are very many values.';

create or replace function errtrack_private.tag_name(key text) returns text
language sql immutable
as $$
    select initcap(replace(key, '_', ' '))
$$;
comment on function errtrack_private.tag_name(text) is 'What people call a tag.';

create or replace function errtrack_private.issue_tag(
    project bigint,
    issue bigint,
    tag_key text,
    most integer
)
returns jsonb
language plpgsql stable
as $$
begin
    return (
        with counted as materialized (
            select t.value, sum(t.events) as events, min(t.first_received_at) as first_at, max(t.last_received_at) as last_at
            from errtrack_private.origins o
            join errtrack_private.tag_counts t on t.project_id = o.project_id and t.origin_id = o.id
            where o.project_id = project and o.issue_id = issue and t.key = tag_key and tag_key <> '(user)'
            group by 1
        )
        select jsonb_build_object(
            'key', tag_key, 'name', errtrack_private.tag_name(tag_key),
            'totalValues', (select sum(events) from counted),
            'uniqueValues', (select count(*) from counted),
            'topValues', (
                select jsonb_agg(jsonb_build_object(
                    'key', tag_key, 'name', top.value, 'value', top.value, 'count', top.events,
                    'firstSeen', errtrack_private.rfc3339(top.first_at),
                    'lastSeen', errtrack_private.rfc3339(top.last_at)) order by top.events desc, top.value)
                from (select * from counted order by events desc, value limit most) top))
        where exists (select from counted));
end
$$;
comment on function errtrack_private.issue_tag(bigint, bigint, text, integer) is
    'A tag of an issue with its most frequent values; null when it has none.';

create or replace function errtrack_private.refuse_environment(request jsonb) returns void
language plpgsql immutable
as $$
begin
    if errtrack_private.argument(request, 'environment') is not null then
        perform errtrack_private.refuse(400, 'environment is not supported here: tags are counted over all of them');
    end if;
end
$$;
comment on function errtrack_private.refuse_environment(jsonb) is 'Refuses an environment where none is told from others.';

create or replace function errtrack_private.sentry_tags(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:read');
    tag constant text := errtrack_private.path_text(request, 'key');
    shown jsonb;
begin
    perform errtrack_private.refuse_environment(request);
    if tag is not null then
        shown := errtrack_private.issue_tag(wanted.project, wanted.issue, tag, 100);
        if shown is null then
            perform errtrack_private.refuse(404);
        end if;
    else
        select coalesce(jsonb_agg(errtrack_private.issue_tag(wanted.project, wanted.issue, k.key, 9) order by k.key), '[]')
        into shown
        from (
            select distinct t.key
            from errtrack_private.origins o
            join errtrack_private.tag_sets t on t.project_id = o.project_id and t.origin_id = o.id
            where o.project_id = wanted.project and o.issue_id = wanted.issue and t.key <> '(user)') k;
    end if;
    return errtrack_private.ok(shown::text);
end
$$;
comment on function errtrack_private.sentry_tags(bytea, jsonb) is
    'The tags of an issue with their shares, or one of them.';

create or replace function errtrack_private.sentry_tag_values(token_hash bytea, request jsonb)
returns errtrack_private.answer
language plpgsql stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted constant record := errtrack_private.sentry_issue(token_hash, request, 'event:read');
    pattern constant text := errtrack_private.like_pattern(errtrack_private.argument(request, 'query'), true);
    most constant integer := errtrack_private.page_length(request, 100, 1000);
    -- A tag has as many values as its limit says.
    tag constant jsonb := errtrack_private.issue_tag(
        wanted.project, wanted.issue, errtrack_private.path_text(request, 'key'), case when pattern is null then most end);
begin
    perform errtrack_private.refuse_environment(request);
    return errtrack_private.ok((
        select coalesce(jsonb_agg(v.shown order by v.n), '[]')::text
        from (
            select each.shown, each.n
            from jsonb_array_elements(coalesce(tag -> 'topValues', '[]')) with ordinality as each (shown, n)
            where pattern is null or each.shown ->> 'value' ilike pattern
            order by each.n
            limit most) v));
end
$$;
comment on function errtrack_private.sentry_tag_values(bytea, jsonb) is
    'The most frequent values of a tag of an issue, as many as limit says, or of those that have a text in them.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'issue_tag_keys(bigint, bigint)', 'tag_name(text)', 'issue_tag(bigint, bigint, text, integer)', 'refuse_environment(jsonb)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
    foreach name in array array['tags', 'tag_values'] loop
        execute format('revoke execute on function errtrack_private.sentry_%s(bytea, jsonb) from public', name);
        execute format('grant execute on function errtrack_private.sentry_%s(bytea, jsonb) to errtrack_query', name);
    end loop;
end
$$;
