-- What t/openapi_properties.t asks about: organization acme, which nothing is deleted from; spare,
-- whose projects are deleted from; other, which nobody in the test belongs to.

insert into errtrack_private.organizations (id, slug, name)
values (10, 'acme', 'Acme'), (20, 'spare', 'Spare'), (30, 'other', 'Other');
insert into errtrack_private.projects (id, organization_id, slug, name, platform)
values (42, 10, 'shop', 'Shop', 'python'), (43, 10, 'blog', 'Blög', null), (44, 10, 'empty', 'Empty', null),
       (99, 30, 'theirs', 'Theirs', 'other');
insert into errtrack_private.projects (id, organization_id, slug, name)
select 2000 + n, 20, 'spare-' || n, 'Spare ' || n from generate_series(1, 20) as n;
alter sequence errtrack_private.project_ids restart 1000000000;

-- ---- people ----------------------------------------------------------------------

insert into errtrack_private.users (email, name, administrator)
values ('administrator@a.example', 'Ada', true), ('owner@a.example', '', false), ('maintainer@a.example', 'Max', false),
       ('developer@a.example', 'Dev', false), ('reporter@a.example', 'Rep', false), ('stranger@a.example', '', false),
       ('spare@a.example', 'Spare', false);
insert into errtrack_private.users (email) select format('member-%s@a.example', n) from generate_series(1, 20) as n;
insert into errtrack_private.memberships (organization_id, user_id, role)
select case when email like 'stranger%' then 30 when email ~ '^(spare|member)' then 20 else 10 end, id,
       case when email ~ '^(stranger|spare)' then 'owner' when email like 'member%' then 'developer'
            else split_part(email, '@', 1) end
from errtrack_private.users where not administrator;

-- Ids that no generated number hits, as those of the tokens in use must stay.
insert into errtrack_private.tokens (id, hash, kind, user_id, organization_id, scopes) overriding system value
select 900000000000 + id, sha256(convert_to(split_part(email, '@', 1), 'UTF8')), 'personal', id,
       case when email like 'spare%' then 20 end,
       '{event:read, event:write, org:read, org:write, project:read, project:releases, project:write}'
from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, user_id, scopes, label, made_from)
select sha256(convert_to('session-' || n, 'UTF8')), 'session', id, '{event:read}', 'browser', 900000000000 + id
from errtrack_private.users, generate_series(1, 50) as n where email like 'spare%';
insert into errtrack_private.tokens (hash, kind, user_id, scopes, label)
select sha256(convert_to('revoked-' || n, 'UTF8')), 'personal', id, '{event:read}', 'token ' || n
from errtrack_private.users, generate_series(1, 50) as n where email like 'spare%';
insert into errtrack_private.tokens (hash, kind, organization_id, scopes, expires_at)
values (sha256('gitlab'), 'gitlab', null, '{}', null), (sha256('gitlab-spare'), 'gitlab', 20, '{}', null),
       (sha256('expired'), 'gitlab', null, '{}', now() - interval '1 second');
insert into errtrack_private.tokens (hash, kind, user_id, project_id, scopes)
select sha256('read-blog'), 'personal', id, 43, '{event:read, project:read}'
from errtrack_private.users where email like 'maintainer%';

insert into errtrack_private.client_keys (project_id, public_key, label, active)
select p.id, format('glet_%s', md5(p.id || '-' || n)), 'Key ' || n, n % 3 <> 0
from errtrack_private.projects p, generate_series(1, 12) as n where p.slug <> 'empty';
insert into errtrack_private.tracking_settings (project_id, active, integrated)
select id, true, id % 2 = 0 from errtrack_private.projects where organization_id = 10 and slug <> 'empty';
insert into errtrack_private.trackers (project_id, provider, external_id, url)
select id, 'gitlab', id, 'https://gitlab.example/group/' || slug from errtrack_private.projects where slug <> 'empty';

-- ---- who is told -------------------------------------------------------------------

insert into errtrack_private.trackers (project_id, provider, url)
select id, 'other', 'https://tracker.example/' || slug from errtrack_private.projects where slug <> 'empty';
insert into errtrack_private.channels (project_id, name, kind, provider, place, settings)
select id, 'tracker other', 'tracker', 'other', 'tracker.example', '{}'::jsonb from errtrack_private.projects where slug <> 'empty'
union all
select id, 'channel ' || n, 'mail', null, 'ann@a.example', '{"to": ["ann@a.example"]}'
from errtrack_private.projects, generate_series(1, 8) as n where slug <> 'empty';
insert into errtrack_private.alert_rules (project_id, name, kind, levels, channel_ids)
select id, 'rule ' || n, 'new_issue', '{error}', null from errtrack_private.projects, generate_series(1, 8) as n where slug <> 'empty';
insert into errtrack_private.notifications (project_id, channel_id, kind, notice, state)
select c.project_id, c.id, 'test', errtrack_private.notice_of(c.project_id, null, 'test', now(), '{}'), (array['failed', 'sent', 'waiting'])[n % 3 + 1]
from errtrack_private.channels c, generate_series(1, 6) as n where c.kind = 'mail';

insert into errtrack_private.rule_trials (project_id, events, state, requested_at, result)
select id, 500, 'done', now() - interval '1 hour', format('{"events": 2, "changed": 1, "complete": true, "issues": [{"id": %s001, "events": 2}],
    "moves": [{"from": %s001, "to": null, "group": "0123456789abcdef0123456789abcdef", "events": 1, "example": "0123456789abcdef0123456789abcdef"}]}', id, id)::jsonb
from errtrack_private.projects where slug <> 'empty';

-- ---- issues ------------------------------------------------------------------------

-- Thirty of each project: exceptions in all states, every fifth a message, two merged into the first.
insert into errtrack_private.issues
       (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger, event_count,
        user_count, first_seen, last_seen, last_received_at, first_release, last_release, assigned_to, resolved_in,
        ignored_until, ignored_until_events, ignored_until_users, regressed_at)
select p.id, p.id * 1000 + n, s.status, case when n % 5 = 0 then 'default' else 'error' end,
       case when n % 5 = 0 then '' else 'Type' || n end, E'value ' || n || E' of 100 %\nünïcode', 'Type' || n || ': value ' || n,
       '', 'module.f' || n, case n % 4 when 0 then 'warning' else 'error' end, case n % 2 when 0 then 'python' else 'javascript' end,
       case n % 3 when 0 then 'app.db' else '' end, n * n, n, now() - n * interval '20 hours', now() - n * interval '1 hour',
       now() - n * interval '1 hour', case when n % 4 = 0 then p.slug || '@1.0.' || n % 8 end,
       case when n % 2 = 0 then p.slug || '@1.0.' || n % 8 end,
       case when n % 6 = 0 then (select id from errtrack_private.users where email like 'developer%') end,
       case when s.status = 'resolved' and n % 2 = 0 then p.slug || '@1.0.2' end,
       case when s.status = 'ignored' then now() + interval '1 day' end,
       case when s.status = 'ignored' then 10000 end, case when s.status = 'ignored' then 500 end,
       case when n % 7 = 0 then now() end
from errtrack_private.projects p
cross join generate_series(1, 30) as n
cross join lateral (select (array['unresolved', 'resolved', 'unresolved', 'ignored'])[n % 4 + 1] as status) s
where p.slug <> 'empty';
insert into errtrack_private.origins (project_id, id, issue_id, event_count, user_count, first_seen, last_seen,
                                      last_received_at, first_release, last_release)
select project_id, id, case when id % 1000 in (29, 30) then project_id * 1000 + 1 else id end, event_count, user_count,
       first_seen, last_seen, last_received_at, first_release, last_release
from errtrack_private.issues;
insert into errtrack_private.hashes (project_id, hash, origin_id, algo, variant, first_seen, kind, type, value, title, culprit)
select i.project_id, md5(i.id || '-' || n)::uuid, i.id, 'g1', case n when 1 then 'stack' else 'message' end,
       i.first_seen, i.kind, i.type, i.value, i.title, i.culprit
from errtrack_private.issues i, generate_series(1, 2) as n;
insert into errtrack_private.explanations (project_id, hash, explanation)
select project_id, hash, json_build_object('variants', json_build_array(json_build_object('name', variant, 'type', type, 'lines', '[1]'::json)))
from errtrack_private.hashes where origin_id % 3 > 0;
insert into errtrack_private.issue_history (project_id, issue_id, at, what, who, details)
select i.project_id, i.id, now(), w.what, w.who, w.details
from errtrack_private.issues i,
     (values ('new', null, '{}'::jsonb), ('resolved', 'developer@a.example', '{"in_release": "shop@1.0.2"}'),
             ('regression', null, '{"release": "shop@1.0.4"}'), ('ignored', 'gitlab', '{}')) as w (what, who, details)
where i.id % 3 = 0;
insert into errtrack_private.issue_comments (project_id, issue_id, user_id, text)
select i.project_id, i.id, u.id, 'Comment ' || n
from errtrack_private.issues i, errtrack_private.users u, generate_series(1, 3) as n
where i.id % 2 = 0 and u.email ~ '^(owner|spare)@';
insert into errtrack_private.issue_comments (project_id, issue_id, user_id, text)
select project_id, id, null, 'Of somebody who is gone' from errtrack_private.issues where id % 10 = 0;
insert into errtrack_private.issue_links (project_id, issue_id, provider, reference, url)
select project_id, id, l.provider, l.reference, l.url
from errtrack_private.issues,
     (values ('gitlab', '17', 'https://gitlab.example/group/shop/-/issues/17'), ('github', 'a/b#3', ''), ('other', 'X', 'javascript:1')) as l (provider, reference, url)
where id % 4 = 0;

-- ---- events ------------------------------------------------------------------------

insert into errtrack_private.occurrences
       (project_id, received_at, event_id, origin_id, occurred_at, level, platform, release, environment, transaction, has_payload, hash)
select i.project_id, i.last_received_at - n * interval '3 hours', md5(i.id || ' ' || n)::uuid, i.id,
       i.last_received_at - n * interval '3 hours', i.level, i.platform, case when n % 2 = 0 then i.last_release end,
       case n % 3 when 0 then 'production' when 1 then 'staging' end, case when n % 2 = 0 then '/pay' end, n % 4 <> 3,
       case when n < 6 then md5(i.id || '-' || (n % 2 + 1))::uuid end
from errtrack_private.issues i, generate_series(0, 6) as n;
insert into errtrack_private.event_ids (project_id, event_id, day, received_at)
select project_id, event_id, date_trunc('day', received_at, 'UTC'), received_at from errtrack_private.occurrences;
-- The forms in which the worker keeps them: whole ones, bare ones, and some with odd members.
insert into errtrack_private.payloads (project_id, received_at, event_id, body)
select o.project_id, o.received_at, o.event_id, case (extract(epoch from o.received_at)::bigint + o.origin_id) % 6
    when 0 then '{"message": "only a message"}'::json
    when 1 then '{"logentry": {"message": "disk %s full", "params": ["a", 1, null], "formatted": "disk a full"}, "tags": [["a", "b"], ["c", null], "x"], "level": "warning", "dist": 5}'
    when 2 then '{"exception": [{"type": "E", "value": "v"}], "contexts": {"os": {"name": "Linux"}}, "extra": {"n": [1, {"a": null}]}, "user": {"id": 7, "email": "u@a.example"}}'
    when 3 then '{"exception": {"values": []}, "threads": {"values": [{"id": 1, "crashed": true, "stacktrace": {"frames": [{"function": "t"}]}}]}, "request": {"url": "https://a/", "query_string": "a=1&b", "headers": [["A", "b"]], "cookies": {"c": "d"}}, "csp": {"document_uri": "x"}, "template": {"lineno": 1}}'
    when 4 then json_build_object('exception', json_build_object('values', json_build_array(json_build_object(
            'type', 'TimeoutError', 'value', 'no answer', 'mechanism', json_build_object('handled', false), 'stacktrace', json_build_object('frames', json_build_array(
                json_build_object('filename', 'pay.py', 'lineno', 30, 'in_app', true, 'context_line', 'call()', 'pre_context', array['a', null, 'b'], 'post_context', array['c'], 'vars', json_build_object('x', 1)),
                json_build_object('function', 'f', 'lineno', 2147483647, 'context_line', 'g()'),
                json_build_object('module', 'm', 'colno', 4, 'pre_context', '{}'::json)))))),
        'breadcrumbs', json_build_object('values', json_build_array(json_build_object('message', 'm', 'data', json_build_object('k', repeat('x', 2000))))),
        'modules', json_build_object('a', '1'), 'sdk', json_build_object('name', 'sentry.python'), 'release', o.release, 'server_name', 'web-1', 'tags', json_build_object('plan', 'gold', 'n', 5))
    else json_build_object('exception', json_build_object('values', json_build_array(json_build_object('type', 'Large', 'value', repeat('v', 5000)))), 'extra', json_build_object('blob', repeat(E'é"\\', 30000))) end
from errtrack_private.occurrences o where o.has_payload;
insert into errtrack_private.counts_1h (project_id, origin_id, bucket, events)
select o.project_id, o.id, date_trunc('hour', now()) - n * interval '5 hours', n + 1
from errtrack_private.origins o, generate_series(0, 12) as n;
insert into errtrack_private.counts_5m (project_id, origin_id, bucket, events)
select o.project_id, o.id, date_bin('5 minutes', now(), 'epoch') - n * interval '5 minutes', n + 1
from errtrack_private.origins o, generate_series(0, 5) as n;
insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
select o.project_id, o.id, t.key, t.value, t.events, o.first_seen, o.last_seen
from errtrack_private.origins o,
     (values ('environment', 'production', 5), ('environment', 'staging', 2), ('release', 'shop@1.0.2', 3), ('user', 'id:7', 9),
             ('browser', E'Fire\\fox "1" %', 1), ('a b', 'x', 1), ('ключ', 'значение', 2)) as t (key, value, events);
insert into errtrack_private.tag_sets (project_id, origin_id, key, size)
select project_id, origin_id, key, count(*) from errtrack_private.tag_counts group by 1, 2, 3;
insert into errtrack_private.attachments
       (project_id, received_at, event_id, delivery_id, position, name, content_type, attachment_type, size, sha256, body)
select o.project_id, o.received_at, o.event_id, md5(o.event_id::text)::uuid, n, E'log ä"' || n || '.txt',
       case n when 0 then 'text/plain' end, 'event.attachment', 9, sha256('some text'), 'some text'
from errtrack_private.occurrences o, generate_series(0, 1) as n where o.origin_id % 5 = 0;
insert into errtrack_private.feedback (project_id, kind, id, event_id, received_at, name, email, message, url, source)
select o.project_id, case n when 0 then 'user_report' else 'feedback' end, case n when 0 then o.event_id else md5(o.event_id || 'f')::uuid end,
       case n when 2 then null else o.event_id end, o.received_at, 'Ann', '', 'It broke', case n when 1 then 'https://a/' else '' end, ''
from errtrack_private.occurrences o, generate_series(0, 1) as n where o.origin_id % 6 = 0;
insert into errtrack_private.feedback (project_id, kind, id, event_id, received_at, name, email, message, url, source)
select id, 'feedback', md5('f' || id)::uuid, null, now(), '', '', 'About nothing', '', '' from errtrack_private.projects;

-- ---- releases and what is counted --------------------------------------------------

insert into errtrack_private.releases (project_id, release, first_received_at, ref, url, released_at)
select p.id, r.release, now() - r.n * interval '1 day', case when r.n = 1 then 'main' end, case when r.n = 2 then 'https://a/' end,
       case when r.n = 3 then now() end
from errtrack_private.projects p
cross join lateral (
    select p.slug || '@1.0.' || n as release, n from generate_series(0, 7) as n
    union all select 'gone-' || n, 10 + n from generate_series(1, 20) as n
    union all values ('plain', 40), ('a b%2F ü', 41), ('@scope/x@1'::text, 42)) r where p.slug <> 'empty';
insert into errtrack_private.release_commits (project_id, release, position, id, message, author_name, author_email, committed_at, repository)
select project_id, release, n, md5(release || n), 'Message', 'Ann', case n when 2 then '' else 'ann@a.example' end, case n when 1 then now() end, 'shop'
from errtrack_private.releases, generate_series(1, 2) as n where release ~ '[02468]$';
insert into errtrack_private.deploys (project_id, release, environment, name, url, started_at)
select project_id, release, 'production', 'Deploy', case n when 1 then 'https://a/' else '' end, case n when 2 then now() end
from errtrack_private.releases, generate_series(1, 2) as n where release ~ '[0369]$';
insert into errtrack_private.environments (project_id, environment, first_received_at)
select id, e, now() from errtrack_private.projects, unnest(array['production', 'staging', '(other)']) as e;
insert into errtrack_private.outcomes (project_id, hour, category, outcome, reason, quantity)
select p.id, date_trunc('hour', now(), 'UTC') - n * interval '7 hours', c.category, c.outcome, c.reason, n + 1
from errtrack_private.projects p, generate_series(0, 20) as n,
     (values ('error', 'stored', ''), ('error', 'filtered', 'address'), ('security', 'invalid', 'x'), ('session', 'stored', '')) as c (category, outcome, reason);
insert into errtrack_private.requests (project_id, hour, reason, requests)
select id, date_trunc('hour', now(), 'UTC'), r, 3 from errtrack_private.projects, unnest(array['', 'quota']) as r;
insert into errtrack_private.client_reports (project_id, hour, outcome, category, reason, quantity, since)
select id, date_trunc('hour', now(), 'UTC'), 'discarded', 'error', 'sample_rate', 5, now() from errtrack_private.projects;
insert into errtrack_private.session_counts (project_id, hour, release, environment, started, exited, errored, crashed, abnormal, ended, ended_seconds, since)
select p.id, date_trunc('hour', now(), 'UTC') - n * interval '5 hours', p.slug || '@1.0.' || n, e, 10 * n, 5, 1, 1, 0, 5, 12.5, now()
from errtrack_private.projects p, generate_series(0, 3) as n, unnest(array['production', '']) as e;
insert into errtrack_private.session_users (project_id, day, release, environment, did, crashed, since)
select p.id, (now() at time zone 'UTC')::date, p.slug || '@1.0.1', e, md5(n::text)::uuid, n = 1, now()
from errtrack_private.projects p, generate_series(1, 4) as n, unnest(array['production', '']) as e;
insert into errtrack_private.transactions (project_id, hour, transaction, op, total, failures, total_ms, durations, since)
select p.id, date_trunc('hour', now(), 'UTC') - n * interval '3 hours', '/pay/' || n, 'http.server', 12, 1, 2345.6, '{100, 5, 120, 7}', now()
from errtrack_private.projects p, generate_series(0, 9) as n;
insert into errtrack_private.monitors (project_id, slug, environment, status, last_at, last_seconds, next_at, since)
select id, m, 'production', s, now(), case s when 'ok' then 1.5 end, case s when 'ok' then now() end, now()
from errtrack_private.projects, (values ('nightly', 'ok'), ('hourly', 'missed')) as w (m, s);
insert into errtrack_private.check_ins (project_id, id, slug, environment, status, began_at, received_at, seconds)
select p.id, md5(p.id || '-' || n)::uuid, 'nightly', 'production', case n % 2 when 0 then 'ok' else 'in_progress' end, now() - n * interval '1 hour', now(),
       case n % 2 when 0 then 1.25 end
from errtrack_private.projects p, generate_series(1, 20) as n;
analyze;
