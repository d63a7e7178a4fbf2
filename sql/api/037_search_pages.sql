-- A condition of a search becomes a page of issues in one of their orders. For conditions,
-- bound values and candidates see search_sql().

do $$
begin
    if to_regtype('errtrack_private.issue_place') is null then
        create type errtrack_private.issue_place as (project_id bigint, id bigint, place bigint);
    end if;
end
$$;
comment on type errtrack_private.issue_place is
    'An issue and where it stands in an order: microseconds of a time, or a count.';

create or replace function errtrack_private.find_candidates(
    wanted_projects bigint[],
    bound text[],
    candidates text,
    most integer,
    out projects bigint[],
    out issues bigint[]
)
language plpgsql stable
as $$
begin
    execute format($sql$
            select coalesce(array_agg(c.project_id), '{}'), coalesce(array_agg(c.issue_id), '{}')
            from (select distinct c.project_id, c.issue_id from (%s limit $2) c (project_id, issue_id)) c
        $sql$, candidates)
        into projects, issues
        using wanted_projects, most, bound;
end
$$;
comment on function errtrack_private.find_candidates(bigint[], text[], text, integer) is
    'What an index says can be what is searched for, so many at most.';

-- A page of a list that is not searched, in each order and direction: planning it would take
-- as long as reading it, so these are statements that a session plans once.
do $$
declare
    walk record;
begin
    for walk in
        select k.kind || d.suffix as name, k.kind, k.key, d.suffix, d.direction, d.beyond,
               case when k.is_time then 'timestamptz' else 'bigint' end as type,
               case when k.is_time then format('case when place is null then %L else errtrack_private.from_microseconds(place) end', d.last_time)
                    else format('coalesce(place, %s)', d.last_count) end as reached,
               case when k.is_time then format('errtrack_private.microseconds(i.%I)', k.key) else 'i.' || k.key end as place
        from (values ('l', 'last_seen', true), ('f', 'first_seen', true), ('c', 'event_count', false), ('u', 'user_count', false))
            as k (kind, key, is_time)
        cross join (values ('', 'desc', '<', 'infinity', '9223372036854775807'), ('_up', 'asc', '>', '-infinity', '-1'))
            as d (suffix, direction, beyond, last_time, last_count)
    loop
        execute format($sql$
            create or replace function errtrack_private.walk_%1$s(
                projects bigint[], statuses text[], place bigint, place_id bigint, wanted integer)
            returns errtrack_private.issue_place[]
            language plpgsql stable
            -- Costed without knowing how few are wanted, it would be planned for each call.
            set plan_cache_mode = force_generic_plan
            as $walk$
            declare
                reached constant %8$s := %5$s;
            begin
                return array(
                    select row(i.project_id, i.id, %2$s)::errtrack_private.issue_place
                    from errtrack_private.projects p
                    cross join unnest(statuses) as wanted_status
                    cross join lateral (
                        select i.*
                        from errtrack_private.issues i
                        where i.project_id = p.id and i.status = wanted_status
                          and (i.%3$I, i.id) %4$s (reached, coalesce(place_id, %6$s))
                          and i.last_received_at >= coalesce(p.purge_before, '-infinity')
                          and coalesce((select true from errtrack_private.origins g
                                        where g.project_id = i.project_id and g.issue_id = i.id limit 1), false)
                        order by i.%3$I %7$s, i.id %7$s
                        limit wanted) i
                    where p.id = any (projects)
                    order by i.%3$I %7$s, i.id %7$s
                    limit wanted);
            end
            $walk$
        $sql$, walk.name, walk.place, walk.key, walk.beyond, walk.reached,
            case walk.suffix when '' then '9223372036854775807' else '-1' end, walk.direction, walk.type);
        execute format('comment on function errtrack_private.walk_%s(bigint[], text[], bigint, bigint, integer) is %L',
            walk.name, 'So many issues by ' || walk.key || ', from a place on. See find_issues().');
        execute format('revoke execute on function errtrack_private.walk_%s(bigint[], text[], bigint, bigint, integer) from public',
            walk.name);
    end loop;
end
$$;

create or replace function errtrack_private.search_issues(
    projects bigint[],
    statuses text[],
    bound text[],
    condition text,
    candidates text,
    sort_kind text,
    ascending boolean,
    place bigint,
    place_id bigint,
    wanted integer
)
returns errtrack_private.issue_place[]
language plpgsql stable
as $$
declare
    -- Rows of the order that are looked at before an index is asked for what is searched.
    first_walk constant integer := 1000;
    longest_walk constant integer := 15000;
    one_order constant boolean := cardinality(projects) = 1 and cardinality(statuses) = 1;
    -- So few candidates are the cheapest way; more than so many are not sorted.
    few_candidates constant integer := 500;
    most_candidates constant integer := 20000;
    sort_key constant text := case sort_kind
        when 'l' then 'last_seen' when 'f' then 'first_seen' when 'c' then 'event_count' when 'u' then 'user_count' end;
    is_time constant boolean := sort_kind in ('l', 'f');
    direction constant text := case when ascending then 'asc' else 'desc' end;
    reached constant text := case when place is null then 'true' else format(
        '(i.%I, i.id) %s (%s, $5)', sort_key, case when ascending then '>' else '<' end,
        case when is_time then 'errtrack_private.from_microseconds($4)' else '$4' end) end;
    good constant text := format('i.last_received_at >= coalesce(p.purge_before, ''-infinity'')
        and coalesce((select true from errtrack_private.origins g
                      where g.project_id = i.project_id and g.issue_id = i.id limit 1), false)
        and (%s)', condition);
    -- Each project and status along its own index, as far as a page or a walk goes.
    along constant text := format($sql$
        from errtrack_private.projects p
        cross join unnest($2) as wanted_status
        cross join lateral (
            select i.*
            from errtrack_private.issues i
            where i.project_id = p.id and i.status = wanted_status and %s and %%s
            order by i.%I %s, i.id %s
            limit %%s) i
        where p.id = any ($1) and %%s
    $sql$, reached, sort_key, direction, direction);
    -- A single one has the order already: rows beyond the page are not looked at.
    along_one constant text := format($sql$
        from errtrack_private.issues i
        where i.project_id = ($1)[1] and i.status = ($2)[1] and %s
    $sql$, reached);
    shown_place constant text := case
        when is_time then format('errtrack_private.microseconds(i.%I)', sort_key) else 'i.' || sort_key end;
    page constant text := format($sql$
        select array_agg(row(page.project_id, page.id, page.place)::errtrack_private.issue_place)
        from (
            select i.project_id, i.id, %s as place
            %%s
            order by i.%I %s, i.id %s
            limit $6) page
    $sql$, shown_place, sort_key, direction, direction);
    -- Candidates are brought into the order first, and looked at as far as the page goes: the
    -- offsets keep one step from becoming part of the next.
    page_of_candidates constant text := format($sql$
        select array_agg(row(page.project_id, page.id, page.place)::errtrack_private.issue_place)
        from (
            select i.project_id, i.id, %s as place
            from (
                select i.project_id, i.id
                from %%s as c (project_id, issue_id)
                join errtrack_private.issues i on i.project_id = c.project_id and i.id = c.issue_id
                where i.status = any ($2) and %s
                order by i.%I %s, i.id %s
                offset 0) o
            cross join lateral (
                select * from errtrack_private.issues i where i.project_id = o.project_id and i.id = o.id offset 0) i
            cross join lateral (
                select p.purge_before from errtrack_private.projects p where p.id = i.project_id offset 0) p
            where %s
            limit $6) page
    $sql$, shown_place, reached, sort_key, direction, direction, good);
    found_places errtrack_private.issue_place[];
    found_projects bigint[];
    found_issues bigint[];
    walked integer := first_walk;
    of_each integer;
begin
    if candidates is not null then
        -- A tag that is rare is found by it at once; a text is looked for in rows first.
        if candidates not like '%issue_texts%' then
            select c.projects, c.issues into found_projects, found_issues
            from errtrack_private.find_candidates(projects, bound, candidates, few_candidates + 1) c;
        end if;
        if found_issues is null or cardinality(found_issues) > few_candidates then
            for turn in 1 .. 2 loop
                of_each := greatest(walked / greatest(cardinality(projects) * cardinality(statuses), 1), 100);
                -- Where one project or status was left, what others have is not the next of all:
                -- so many are looked at of all together as of each.
                execute format(page, format($sql$
                        from (select i.* %s order by i.%I %s, i.id %s limit %s) i
                        join errtrack_private.projects p on p.id = i.project_id
                        where %s
                    $sql$, case when one_order then along_one
                                else format(along, 'true', of_each, 'true') end,
                    sort_key, direction, direction, of_each, good))
                    into found_places
                    using projects, statuses, bound, place, place_id, wanted;
                if cardinality(found_places) >= wanted then
                    return found_places;
                end if;
                -- Some were found: is it worth going on? In one order the walk ends where the page
                -- is full.
                walked := coalesce(first_walk * wanted / cardinality(found_places), longest_walk);
                exit when turn = 2 or walked > longest_walk * 0.8;
                walked := case when one_order then longest_walk else least(1.5 * walked, longest_walk) end;
            end loop;
            select c.projects, c.issues into found_projects, found_issues
            from errtrack_private.find_candidates(projects, bound, candidates, most_candidates + 1) c;
        end if;
        if cardinality(found_issues) <= most_candidates then
            execute format(page_of_candidates, 'unnest($7, $8)')
                into found_places
                using projects, statuses, bound, place, place_id, wanted, found_projects, found_issues;
            return coalesce(found_places, '{}');
        end if;
        -- Many have it, and none of the first thousand: they may all be elsewhere, so that a
        -- walk would go to the end. All of them at once cost less than that.
        if found_places is null then
            execute format(page_of_candidates, format('(select distinct * from (%s) as c (project_id, issue_id))', candidates))
                into found_places
                using projects, statuses, bound, place, place_id, wanted;
            return coalesce(found_places, '{}');
        end if;
    end if;
    execute format(page, format(along, good, '$6', 'true'))
        into found_places
        using projects, statuses, bound, place, place_id, wanted;
    return coalesce(found_places, '{}');
end
$$;
comment on function errtrack_private.search_issues(bigint[], text[], text[], text, text, text, boolean, bigint, bigint, integer) is
    'So many issues that meet a condition: see find_issues(). A search looks at the first issues of the order and goes on while that promises to be short; then it asks an index, and walks along the order only where that has too many. A rare tag is found by its index at once.';

create or replace function errtrack_private.find_issues(
    projects bigint[],
    statuses text[],
    bound text[],
    condition text,
    candidates text,
    sort_kind text,
    ascending boolean,
    place bigint,
    place_id bigint,
    wanted integer
)
returns errtrack_private.issue_place[]
language plpgsql stable
-- Compiling a condition of many terms takes seconds; running it, milliseconds.
set jit = off
as $$
begin
    if condition <> 'true' then
        return errtrack_private.search_issues(
            projects, statuses, bound, condition, candidates, sort_kind, ascending, place, place_id, wanted);
    end if;
    return case sort_kind
        when 'l' then case when ascending then errtrack_private.walk_l_up(projects, statuses, place, place_id, wanted)
                           else errtrack_private.walk_l(projects, statuses, place, place_id, wanted) end
        when 'f' then case when ascending then errtrack_private.walk_f_up(projects, statuses, place, place_id, wanted)
                           else errtrack_private.walk_f(projects, statuses, place, place_id, wanted) end
        when 'c' then case when ascending then errtrack_private.walk_c_up(projects, statuses, place, place_id, wanted)
                           else errtrack_private.walk_c(projects, statuses, place, place_id, wanted) end
        when 'u' then case when ascending then errtrack_private.walk_u_up(projects, statuses, place, place_id, wanted)
                           else errtrack_private.walk_u(projects, statuses, place, place_id, wanted) end end;
end
$$;
comment on function errtrack_private.find_issues(bigint[], text[], text[], text, text, text, boolean, bigint, bigint, integer) is
    'So many issues in one of their orders, from a place on. condition, bound and candidates: see search_sql(). sort_kind: l last seen, f first seen, c events, u users.';

create or replace function errtrack_private.issue_cursor(
    cursor_text text,
    sort_kind text,
    out direction text,
    out place bigint,
    out id bigint
)
language plpgsql immutable
as $$
declare
    decoded constant record := errtrack_private.decode_cursor(cursor_text, 'lfcut');
begin
    -- The ends of lists in Sentry's form are the first page; so is a place in another order.
    if cursor_text !~ '^[0-9]+:[0-9]+:[01]$' and decoded.direction is null then
        perform errtrack_private.refuse(400, 'cursor is invalid');
    elsif decoded.kind = sort_kind then
        direction := decoded.direction;
        place := decoded.place;
        id := decoded.id;
    end if;
end
$$;
comment on function errtrack_private.issue_cursor(text, text) is
    'The place of a cursor in an order of issues; nulls for the first page. Refuses what is no cursor.';

create or replace function errtrack_private.page_of_issues(
    projects bigint[],
    statuses text[],
    bound text[],
    condition text,
    candidates text,
    sort_kind text,
    cursor_text text,
    page_size integer,
    out found_places errtrack_private.issue_place[],
    out next_cursor text,
    out prev_cursor text
)
language plpgsql stable
as $$
declare
    cursor_at record;
    backward boolean := false;
    first_place errtrack_private.issue_place;
    last_place errtrack_private.issue_place;
    more boolean;
    beyond boolean := false;
begin
    cursor_at := errtrack_private.issue_cursor(cursor_text, sort_kind);
    backward := coalesce(cursor_at.direction = 'p', false);

    found_places := errtrack_private.find_issues(
        projects, statuses, bound, condition, candidates, sort_kind, backward,
        cursor_at.place, cursor_at.id, page_size + 1);
    more := cardinality(found_places) > page_size;
    found_places := found_places[:page_size];
    if backward then
        found_places := array(
            select row(each.project_id, each.id, each.place)::errtrack_private.issue_place
            from unnest(found_places) with ordinality as each (project_id, id, place, n)
            order by each.n desc);
    end if;
    -- A cursor of another search can lie beyond all that this one finds: then the way
    -- back, which takes the place of the cursor in, is all there is.
    if cardinality(found_places) = 0 and cursor_at.place is not null then
        cursor_at.id := greatest(cursor_at.id + case when backward then 1 else -1 end, 0);
        beyond := cardinality(errtrack_private.find_issues(
            projects, statuses, bound, condition, candidates, sort_kind, not backward,
            cursor_at.place, cursor_at.id, 1)) > 0;
        if beyond and backward then
            next_cursor := errtrack_private.encode_cursor('n', sort_kind, cursor_at.place, cursor_at.id::text);
        elsif beyond then
            prev_cursor := errtrack_private.encode_cursor('p', sort_kind, cursor_at.place, cursor_at.id::text);
        end if;
    end if;
    if cardinality(found_places) = 0 then
        return;
    end if;
    first_place := found_places[1];
    last_place := found_places[cardinality(found_places)];
    -- Without a cursor nothing comes before, and the row beyond the page has told about
    -- the direction that was walked.
    if cursor_at.place is not null then
        beyond := cardinality(errtrack_private.find_issues(
            projects, statuses, bound, condition, candidates, sort_kind, not backward,
            case when backward then last_place.place else first_place.place end,
            case when backward then last_place.id else first_place.id end, 1)) > 0;
    end if;
    if (case when backward then beyond else more end) then
        next_cursor := errtrack_private.encode_cursor('n', sort_kind, last_place.place, last_place.id::text);
    end if;
    if (case when backward then more else beyond end) then
        prev_cursor := errtrack_private.encode_cursor('p', sort_kind, first_place.place, first_place.id::text);
    end if;
end
$$;
comment on function errtrack_private.page_of_issues(bigint[], text[], text[], text, text, text, text, integer) is
    'A page of issues with the cursors of those around it. See find_issues().';

do $$
declare
    name text;
begin
    foreach name in array array[
        'issue_cursor(text, text)', 'find_candidates(bigint[], text[], text, integer)',
        'search_issues(bigint[], text[], text[], text, text, text, boolean, bigint, bigint, integer)',
        'find_issues(bigint[], text[], text[], text, text, text, boolean, bigint, bigint, integer)',
        'page_of_issues(bigint[], text[], text[], text, text, text, text, integer)']
    loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
