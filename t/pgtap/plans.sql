-- Lists, details and searches go by their indexes. What is asked are the functions that
-- answer requests, and what they read is counted in the transaction itself: "explain" would
-- show the call alone, and none of the statements in it.

begin;
set local search_path = pg_catalog, tap, pg_temp;
select no_plan();

-- ---- 40,000 issues, 40,000 events of one of them --------------------------------

select errtrack_private.make_partitions() is not null as made \gset
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme');
insert into errtrack_private.projects (id, organization_id, slug, name) values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog');
insert into errtrack_private.tokens (hash, kind, scopes) values (sha256('gitlab'), 'gitlab', '{}');
insert into errtrack_private.users (email, administrator) values ('ann@example.com', true);
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('ann'), 'personal', u.id, '{event:read, project:read, org:read}' from errtrack_private.users as u;
insert into errtrack_private.issues
    (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger, event_count, user_count,
     first_seen, last_seen, last_received_at)
select 42 + n % 2, n, (array['unresolved', 'resolved', 'ignored'])[1 + n % 3], 'error', 'Error' || n % 50, 'word' || n % 997,
    'Error' || n % 50 || ': word' || n % 997, 'Error', 'f' || n % 100, 'error', 'other', '', n % 5000, n % 700,
    now() - n * interval '30 seconds' - interval '1 day', now() - n * interval '30 seconds', now() - n * interval '30 seconds'
from generate_series(1, 40000) as n;
insert into errtrack_private.origins (project_id, id, issue_id, event_count, first_seen, last_seen)
select i.project_id, i.id, i.id, i.event_count, i.first_seen, i.last_seen from errtrack_private.issues as i;
insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
select i.project_id, i.id, 'host', 'web' || i.id % 2000, 1, now(), now() from errtrack_private.issues as i;
insert into errtrack_private.occurrences
    (project_id, received_at, event_id, origin_id, occurred_at, level, platform, has_payload)
select 42, now() - n * interval '10 seconds', md5(n::text)::uuid, 2, now(), 'error', 'other', false
from generate_series(1, 40000) as n;
-- As autovacuum does: what waits to be put into the index of texts makes it look dear.
select gin_clean_pending_list('errtrack_private.issue_texts_project_id_text_idx') as cleaned \gset
analyze errtrack_private.issues, errtrack_private.issue_texts, errtrack_private.origins, errtrack_private.tag_counts,
    errtrack_private.occurrences;

-- ---- counting -------------------------------------------------------------------

-- Rows that were read of our tables since the transaction began, and those read by walking
-- through a whole table.
create function pg_temp.rows_read(out all_rows bigint, out walked bigint)
language sql volatile as $$
    select sum(t.seq_tup_read + coalesce(t.idx_tup_fetch, 0)), sum(t.seq_tup_read)
    from pg_stat_xact_user_tables as t
    where t.schemaname = 'errtrack_private'
$$;
create function pg_temp.scans(index text) returns bigint
language sql volatile as $$
    select sum(pg_stat_get_xact_numscans(i.indexrelid))
    from pg_index as i
    join pg_class as c on c.oid = i.indexrelid
    where i.indexrelid = ('errtrack_private.' || index)::regclass
        or i.indexrelid in (select p.relid from pg_partition_tree(('errtrack_private.' || index)::regclass) as p)
$$;

-- Calls a function of the surfaces and tests that it found so many things by an index, read
-- no more rows than so many, and walked through no table of more than a few rows.
create function pg_temp.goes_by(label text, index text, most bigint, wanted integer, function text, token text, request jsonb)
returns setof text
language plpgsql volatile as $$
declare
    before constant record := pg_temp.rows_read();
    scans constant bigint := pg_temp.scans(index);
    answer errtrack_private.answer;
    after record;
    things integer;
begin
    execute format('select * from errtrack_private.%I($1, $2)', function)
    into answer using sha256(convert_to(token, 'UTF8')), request || '{"base": "http://x"}';
    after := pg_temp.rows_read();
    things := case when json_typeof(answer.body::json) = 'array' then json_array_length(answer.body::json) else 1 end;
    return next is(things, wanted, label || ': is answered');
    return next cmp_ok(pg_temp.scans(index), '>', scans, label || ': uses ' || index);
    return next cmp_ok(after.walked - before.walked, '<', 500::bigint, label || ': walks through no table');
    return next cmp_ok(after.all_rows - before.all_rows, '<=', most, label || ': reads few rows');
end
$$;

-- ---- lists ----------------------------------------------------------------------

select pg_temp.goes_by(
    format('integrated list, %s, %s', status, sort), 'issues_project_id_status_' || index || '_idx', 1000, 20, 'list_errors', 'gitlab',
    jsonb_build_object('path', jsonb_build_object('projectId', '42'),
        'arguments', jsonb_build_object('status', array[status], 'sort', array[sort])))
from unnest('{unresolved, resolved, ignored}'::text[]) as status,
    (values ('last_seen_desc', 'last_seen'), ('first_seen_desc', 'first_seen'), ('frequency_desc', 'event_count')) as s (sort, index);
select pg_temp.goes_by(
    format('Sentry list, %s, %s', status, sort), 'issues_project_id_status_' || index || '_idx', 1500, 25, 'sentry_issues', 'ann',
    jsonb_build_object('path', '{"organization": "acme", "project": "shop"}'::jsonb,
        'arguments', jsonb_build_object('query', array['is:' || status], 'sort', array[sort], 'limit', '{25}'::text[])))
from unnest('{unresolved, resolved, ignored}'::text[]) as status,
    (values ('date', 'last_seen'), ('new', 'first_seen'), ('freq', 'event_count'), ('user', 'user_count')) as s (sort, index);

-- ---- one issue ------------------------------------------------------------------

select pg_temp.goes_by('details', 'issues_pkey', 200, 1, 'get_error', 'gitlab', '{"path": {"projectId": "42", "fingerprint": "2"}}');
select pg_temp.goes_by('details in Sentry''s form', 'issues_pkey', 300, 1, 'sentry_issue_get', 'ann', '{"path": {"issue": "2"}}');
select pg_temp.goes_by('events', 'occurrences_pkey', 500, 20, 'list_error_events', 'gitlab',
    '{"path": {"projectId": "42", "fingerprint": "2"}}');
select pg_temp.goes_by('events in Sentry''s form', 'occurrences_pkey', 800, 25, 'sentry_issue_events', 'ann',
    '{"path": {"issue": "2"}, "arguments": {"limit": ["25"]}}');

-- ---- releases -------------------------------------------------------------------

-- The newest by its version is the oldest by the time, so that it has to be looked for.
insert into errtrack_private.releases (project_id, release, first_received_at)
select 42, 'shop@1.' || n || '.0', now() - n * interval '1 minute' from generate_series(1, 10000) as n;
insert into errtrack_private.releases (project_id, release, first_received_at)
values (42, 'shop2@7.0.0', '-infinity'), (42, 'shop@1.99999.0-1', '-infinity'), (42, 'shop', '-infinity'), (42, 'a@1.0.0', '-infinity');
analyze errtrack_private.releases;
select all_rows as rows_before, walked as walked_before from pg_temp.rows_read() \gset
select is(errtrack_private.newest_release(42), 'shop@1.99999.0-1', 'the highest version of the package that came last');
select all_rows - :rows_before as rows, walked - :walked_before as walked from pg_temp.rows_read() \gset
select cmp_ok(:rows, '<', 10, '... is found without reading the others');
select is(:walked, 0, '... and by no walk through the table');

-- ---- searches -------------------------------------------------------------------

select pg_temp.goes_by('search by a rare tag', 'tag_counts_project_id_key_value_idx', 2500, 20, 'sentry_issues', 'ann',
    '{"path": {"organization": "acme", "project": "shop"}, "arguments": {"query": ["host:web2"], "limit": ["100"]}}');
select pg_temp.goes_by('search by text', 'issue_texts_project_id_text_idx', 6000, 20, 'sentry_issues', 'ann',
    '{"path": {"organization": "acme", "project": "shop"}, "arguments": {"query": ["word996"], "limit": ["100"]}}');

select * from finish();
rollback;
