-- A project with very many issues and events, as they lie there after weeks: what
-- t/bench/query asks for. psql variables: project, slug, first (the id of the first issue),
-- issues, events (of all issues beside the first), heavy (events of the first issue).
--
-- Rows are what the worker would have written, but for users and deliveries, which no
-- page reads. Texts are made of 1,000 words, so that some are common and some are rare.

\set ON_ERROR_STOP on
set session_replication_role = replica;     -- no triggers and no foreign keys meanwhile
set synchronous_commit = off;
set work_mem = '256MB';
set maintenance_work_mem = '1GB';
set max_parallel_maintenance_workers = 2;

insert into errtrack_private.organizations (id, slug, name)
values (1, 'bench', 'Bench') on conflict do nothing;
insert into errtrack_private.projects (id, organization_id, slug, name)
values (:project, 1, :'slug', :'slug');

-- The distribution is skewed: the square of a uniform number, so that low words are common.
create or replace function pg_temp.word(seed bigint, salt bigint) returns text
language sql immutable as $$
    select left(translate(md5(n::text), '0123456789', 'ghijklmnop'), 4 + n % 5)
    from (values ((999 * power(abs(hashint8extended(seed, salt) % 1000000) / 1000000.0, 2))::integer)) as drawn (n)
$$;

\echo issues
create temporary table made as
select :first + g as id, g,
       -- Lately more than long ago.
       seen.last_seen, seen.share, seen.last_seen - interval '40 days' * seen.share as first_seen,
       (array['ValueError', 'KeyError', 'TypeError', 'TimeoutError', 'IOError', 'DatabaseError', 'NullPointerException',
              'RuntimeError', 'ReferenceError', 'HttpException'])[1 + abs(hashint8extended(g, 3)) % 10] as type,
       pg_temp.word(g, 4) || ' ' || pg_temp.word(g, 5) || ' ' || pg_temp.word(g, 6) || ' of ' || g as value,
       pg_temp.word(g, 7) || '.' || pg_temp.word(g, 8) || ' in ' || pg_temp.word(g, 9) as culprit,
       'shop@1.' || abs(hashint8extended(g, 10)) % 40 || '.0' as release
from generate_series(0, :issues - 1) as g
cross join lateral (
    select case when g = 0 then now() else now() - interval '30 days' * power(abs(hashint8extended(g, 1) % 100000) / 100000.0, 1.5) end,
           case when g = 0 then 0.99 else abs(hashint8extended(g, 2) % 100000) / 100000.0 end) as seen (last_seen, share);
create index on made (g);
-- The index of texts is built afterwards, which takes a third of the time.
drop index errtrack_private.issue_texts_project_id_text_idx;

insert into errtrack_private.issues
    (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger,
     event_count, user_count, first_seen, last_seen, last_received_at, first_release, last_release)
select :project, m.id,
       case when m.share < 0.7 or m.g = 0 then 'unresolved' when m.share < 0.9 then 'resolved' else 'ignored' end,
       'error', m.type, m.value, m.type || ': ' || m.value, m.type || ': ' || m.value, m.culprit,
       case when m.share < 0.05 then 'fatal' when m.share < 0.8 then 'error' else 'warning' end, 'python', '',
       case when m.g = 0 then :heavy else :events / (:issues - 1) end, abs(hashint8extended(m.g, 11)) % 500,
       m.first_seen, m.last_seen, m.last_seen, m.release, m.release
from made m;
insert into errtrack_private.origins
    (project_id, id, issue_id, event_count, user_count, first_seen, last_seen, last_received_at, first_release, last_release)
select i.project_id, i.id, i.id, i.event_count, i.user_count, i.first_seen, i.last_seen, i.last_received_at,
       i.first_release, i.last_release
from errtrack_private.issues i
where i.project_id = :project;
insert into errtrack_private.issue_texts (project_id, issue_id, text)
select i.project_id, i.id, concat_ws(E'\n', i.title, left(i.value, 1000), i.culprit)
from errtrack_private.issues i
where i.project_id = :project;
insert into errtrack_private.hashes
    (project_id, hash, origin_id, algo, variant, first_seen, kind, type, value, title, culprit)
select i.project_id, md5(i.id::text)::uuid, i.id, 'g1', 'app', i.first_seen, i.kind, i.type, i.value, i.title, i.culprit
from errtrack_private.issues i
where i.project_id = :project;
insert into errtrack_private.releases (project_id, release, first_received_at)
select distinct on (m.release) :project, m.release, m.last_seen - interval '40 days'
from made m
order by m.release, m.last_seen;

\echo tags
insert into errtrack_private.tag_counts
    (project_id, origin_id, key, value, events, first_received_at, last_received_at)
select :project, m.id, t.key, t.value, 5, m.last_seen, m.last_seen
from made m
cross join lateral (values
    ('environment', case when abs(hashint8extended(m.g, 13) % 10) < 8 then 'production' else 'staging' end),
    ('level', 'error'),
    ('release', m.release),
    ('server_name', 'web-' || m.g % 20000),
    ('user', 'id:' || m.g % 300000)) as t (key, value);
insert into errtrack_private.tag_sets (project_id, origin_id, key, size)
select :project, m.id, key, 1
from made m, unnest(array['environment', 'level', 'release', 'server_name', 'user']) as key;
insert into errtrack_private.tag_keys (project_id, key)
select :project, unnest(array['environment', 'level', 'release', 'server_name', 'user']);
insert into errtrack_private.environments (project_id, environment, first_received_at)
values (:project, 'production', now() - interval '90 days'), (:project, 'staging', now() - interval '90 days');

\echo events
create temporary table happened as
select e.g, m.id as origin_id,
       m.last_seen - (m.last_seen - m.first_seen) * (abs(hashint8extended(e.g, 12) % 10000000) / 10000000.0) as received_at
from (
    select g::bigint as g, case when g < :heavy then 0 else 1 + g % (:issues - 1) end as nth
    from generate_series(0, :heavy + :events - 1) as g) e
join made m on m.g = e.nth;
insert into errtrack_private.occurrences
    (project_id, received_at, event_id, origin_id, occurred_at, level, platform, release, environment, has_payload, hash)
select :project, h.received_at, md5(:project || '.' || h.g)::uuid, h.origin_id, h.received_at, 'error', 'python',
       'shop@1.0.0', 'production', h.g % 100 = 0, md5(h.origin_id::text)::uuid
from happened h;
insert into errtrack_private.event_ids (project_id, event_id, day, received_at)
select :project, md5(:project || '.' || h.g)::uuid, date_trunc('day', h.received_at, 'UTC'), h.received_at
from happened h;

\echo bodies
insert into errtrack_private.payloads (project_id, received_at, event_id, body)
select :project, h.received_at, md5(:project || '.' || h.g)::uuid, json_build_object(
    'event_id', md5(:project || '.' || h.g), 'level', 'error', 'platform', 'python', 'release', 'shop@1.0.0',
    'environment', 'production', 'server_name', 'web-1', 'user', json_build_object('id', h.g % 1000),
    'tags', json_build_object('browser', 'Firefox 120', 'region', 'eu'),
    'exception', json_build_object('values', json_build_array(json_build_object(
        'type', 'ValueError', 'value', 'value of ' || h.g, 'stacktrace', json_build_object('frames', (
            select json_agg(json_build_object(
                'filename', 'shop/' || pg_temp.word(f, 1) || '.py', 'function', pg_temp.word(f, 2), 'lineno', f, 'in_app', true,
                'context_line', '    return ' || md5(f::text), 'pre_context', json_build_array('a', 'b', 'c'),
                'post_context', json_build_array('d', 'e', 'f'), 'vars', json_build_object('x', md5(f::text))))
            from generate_series(1, 24) as f))))))
from happened h
where h.g % 100 = 0;

\echo counts
insert into errtrack_private.counts_1h (project_id, origin_id, bucket, events)
select :project, h.origin_id, date_trunc('hour', h.received_at, 'UTC'), count(*)
from happened h
where h.received_at > now() - interval '30 days'
group by 1, 2, 3;
insert into errtrack_private.counts_5m (project_id, origin_id, bucket, events)
select :project, h.origin_id, date_bin('5 minutes', h.received_at, timestamptz '2000-01-01 00:00:00+00'), count(*)
from happened h
where h.received_at > now() - interval '48 hours'
group by 1, 2, 3;

\echo index of texts
create index issue_texts_project_id_text_idx
    on errtrack_private.issue_texts using gin (project_id, text errtrack_private.gin_trgm_ops);
analyze;
