-- Rows in each table, as soon as there is the migration that makes it: t/migrations.t
-- enters all that there can be in the state after each migration. $1 is the number of the
-- state, and of the organization and project that its rows belong to.

-- 1
insert into errtrack_private.organizations (id, slug, name) values ($1, 'org-' || $1, 'Organization');
insert into errtrack_private.projects (id, organization_id, slug, name) values ($1, $1, 'shop', 'Shop');
insert into errtrack_private.client_keys (project_id, public_key) values ($1, 'glet_00000000000' || $1);
insert into errtrack_private.users (email) values ('user-' || $1 || '@example.com');
insert into errtrack_private.memberships (organization_id, user_id, role)
select $1, u.id, 'developer' from errtrack_private.users u where u.email = 'user-' || $1 || '@example.com';
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256(convert_to('token-' || $1, 'UTF8')), 'personal', u.id, '{event:read}'
from errtrack_private.users u where u.email = 'user-' || $1 || '@example.com';

-- 2
insert into errtrack_private.issues
    (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger, event_count,
     first_seen, last_seen, last_received_at, first_release, last_release)
select $1, 100 * $1::bigint + n, 'error', 'Error', 'value ' || n, 'Error: value', 'Error: value', 'main', 'error',
       'python', '', 2, '2026-01-01', '2026-01-02', '2026-01-02', 'shop@1', 'shop@2'
from generate_series(1, 3) n;
insert into errtrack_private.origins (project_id, id, issue_id, event_count, first_seen, last_seen)
select $1, i.id, i.id, 2, '2026-01-01', '2026-01-02' from errtrack_private.issues i where i.project_id = $1;
insert into errtrack_private.hashes (project_id, hash, origin_id, algo, variant, first_seen)
select $1, md5(o.id::text)::uuid, o.id, 'g1', 'app', '2026-01-01' from errtrack_private.origins o where o.project_id = $1;
insert into errtrack_private.origin_users (project_id, origin_id, user_hash, first_seen)
select $1, o.id, md5('user')::uuid, '2026-01-01' from errtrack_private.origins o where o.project_id = $1;
insert into errtrack_private.counts_5m (project_id, origin_id, bucket, events)
select $1, o.id, '2026-01-01', 2 from errtrack_private.origins o where o.project_id = $1;
insert into errtrack_private.counts_1h (project_id, origin_id, bucket, events)
select $1, o.id, '2026-01-01', 2 from errtrack_private.origins o where o.project_id = $1;

-- 3
insert into errtrack_private.deliveries (project_id, delivery_id, received_at) values ($1, md5('delivery')::uuid, '2026-01-01');
insert into errtrack_private.event_ids (project_id, event_id, day, received_at)
values ($1, md5('event')::uuid, '2026-01-01', '2026-01-01 10:00');
insert into errtrack_private.occurrences
    (project_id, received_at, event_id, origin_id, occurred_at, level, platform, release, has_payload)
values ($1, '2026-01-01 10:00', md5('event')::uuid, 100 * $1::bigint + 1, '2026-01-01 10:00', 'error', 'python', 'shop@1', true);
insert into errtrack_private.payloads (project_id, received_at, event_id, body)
values ($1, '2026-01-01 10:00', md5('event')::uuid, '{"message": "value"}');
insert into errtrack_private.outcomes (project_id, hour, category, outcome, reason, quantity)
values ($1, '2026-01-01', 'error', 'stored', '', 6);
insert into errtrack_private.dead_letters (project_id, delivery_id, reason, meta, body)
values ($1, md5('dead ' || $1)::uuid, 'refused', 'v 1', '\x7b7d');

-- 4
insert into errtrack_private.quotas (project_id, category, items, window_seconds) values ($1, 'all', 1000, 3600);
insert into errtrack_private.quotas (project_id, key_id, category, items, window_seconds)
select $1, k.id, 'error', 10, 60 from errtrack_private.client_keys k where k.project_id = $1;
insert into errtrack_private.edge_settings (project_id, origins, addresses, agents, sdks)
values ($1, '{https://*.example.com}', '{192.0.2.0/24}', '{crawlers}', '{sentry.python}');
insert into errtrack_private.edge_requests (hour, edge, boot, project_id, reason, requests)
values ('2026-01-01', 'edge', 'boot', $1, '', 6);
insert into errtrack_private.requests (project_id, hour, reason, requests) values ($1, '2026-01-01', '', 6);

-- 5
insert into errtrack_private.attachments
    (project_id, received_at, event_id, delivery_id, position, name, attachment_type, size, sha256, body)
values ($1, '2026-01-01 10:00', md5('event')::uuid, md5('delivery')::uuid, 0, 'log.txt', 'event.attachment', 2,
        sha256('\x7b7d'), '\x7b7d');

-- 6
insert into errtrack_private.grouping_rules (project_id, kind, place, rule) values ($1, 'stack', 1, 'module:shop.* +app');
insert into errtrack_private.explanations (project_id, hash, explanation)
select $1, h.hash, '{"variant": "app"}' from errtrack_private.hashes h where h.project_id = $1;

-- 7
insert into errtrack_private.event_settings (project_id, secret_keys, events) values ($1, '{tax_number}', '{localhost}');

-- 8
insert into errtrack_private.item_names (project_id, kind, name, seen_on) values ($1, 'transaction', '/cart', '2026-01-01');
insert into errtrack_private.client_reports (project_id, hour, outcome, category, reason, quantity, since)
values ($1, '2026-01-01', 'client_discard', 'error', 'queue_overflow', 3, '2026-01-01');
insert into errtrack_private.feedback
    (project_id, kind, id, event_id, received_at, name, email, message, url, source)
values ($1, 'user_report', md5('event')::uuid, md5('event')::uuid, '2026-01-01 10:00', 'Ann', 'ann@example.com', 'It broke', '', '');
insert into errtrack_private.session_counts
    (project_id, hour, release, environment, started, exited, errored, crashed, abnormal, ended, ended_seconds, since)
values ($1, '2026-01-01', 'shop@1', 'production', 5, 3, 1, 1, 0, 3, 60, '2026-01-01');
insert into errtrack_private.session_users (project_id, day, release, environment, did, crashed, since)
values ($1, '2026-01-01', 'shop@1', 'production', md5('user')::uuid, true, '2026-01-01');
insert into errtrack_private.monitors (project_id, slug, environment, status, last_at, since)
values ($1, 'nightly', 'production', 'ok', '2026-01-01', '2026-01-01');
insert into errtrack_private.check_ins (project_id, id, slug, environment, status, began_at, received_at)
values ($1, md5('check-in')::uuid, 'nightly', 'production', 'ok', '2026-01-01', '2026-01-01');

-- 9
insert into errtrack_private.issue_history (project_id, issue_id, at, what)
select $1, i.id, '2026-01-01', 'new' from errtrack_private.issues i where i.project_id = $1;
update errtrack_private.issues set status = 'resolved', resolved_in = 'shop@2' where project_id = $1 and id % 100 = 2;
update errtrack_private.issues set status = 'ignored', ignored_until_events = 10 where project_id = $1 and id % 100 = 3;
update errtrack_private.issues set overflow = true where project_id = $1 and id % 100 = 1;
insert into errtrack_private.outbox (project_id, kind, issue_id) values ($1, 'new_issue', 100 * $1::bigint + 1);
insert into errtrack_private.limits (project_id, name, value) values ($1, 'bodies', 5);
insert into errtrack_private.releases (project_id, release, first_received_at) values ($1, 'shop@1', '2026-01-01');
insert into errtrack_private.environments (project_id, environment, first_received_at) values ($1, 'production', '2026-01-01');
insert into errtrack_private.tag_facts (project_id, origin_id, received_at, keys, texts)
values ($1, 100 * $1::bigint + 1, '2026-01-01', '{browser}', '{Firefox}');
insert into errtrack_private.tag_keys (project_id, key) values ($1, 'browser');
insert into errtrack_private.tag_sets (project_id, origin_id, key, size) values ($1, 100 * $1::bigint + 1, 'browser', 1);
insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
values ($1, 100 * $1::bigint + 1, 'browser', 'Firefox', 2, '2026-01-01', '2026-01-02');
insert into errtrack_private.splits (project_id, hash, from_origin, to_origin, total)
values ($1, md5('split')::uuid, 100 * $1::bigint + 1, 100 * $1::bigint + 2, 3);

-- 10
update errtrack_private.projects set retention_days = 30 where id = $1;

-- 11
update errtrack_private.projects set previous_algo = 'g0', previous_until = '2026-03-01' where id = $1;

-- 16
insert into errtrack_private.issue_texts (project_id, issue_id, text)
select $1, i.id, i.title from errtrack_private.issues i where i.project_id = $1;
insert into errtrack_private.issue_comments (project_id, issue_id, user_id, text)
select $1, 100 * $1::bigint + 1, u.id, 'Look at this' from errtrack_private.users u where u.email = 'user-' || $1 || '@example.com';
insert into errtrack_private.issue_links (project_id, issue_id, provider, reference)
values ($1, 100 * $1::bigint + 1, 'gitlab', '17');
insert into errtrack_private.trackers (project_id, provider, url) values ($1, 'gitlab', 'https://gitlab.example.com/shop');
insert into errtrack_private.audit (who, project_id, action) values ('user-' || $1 || '@example.com', $1, 'issue.delete');

-- 17
insert into errtrack_private.release_commits (project_id, release, position, id) values ($1, 'shop@1', 0, 'abc');
insert into errtrack_private.deploys (project_id, release, environment) values ($1, 'shop@1', 'production');

-- 18
insert into errtrack_private.tracking_settings (project_id, active, integrated) values ($1, true, true);

-- 20
insert into errtrack_private.upload_chunks (organization_id, sha1, body) values ($1, '\x00112233445566778899aabbccddeeff00112233', '\x7b7d');
insert into errtrack_private.uploads (project_id, kind, sha1, chunks, size)
values ($1, 'debug_file', '\x00112233445566778899aabbccddeeff00112233', '{\\x00112233445566778899aabbccddeeff00112233}', 2);

-- 21
insert into errtrack_private.gitlab_keys (project_id, public_key, enabled, asked_at)
values ($1, 'glet_00000000000' || $1, true, '2026-01-01');
insert into errtrack_private.waiting_requests (project_id, delivery_id, public_key, received_at, meta, body)
values ($1, md5('waits')::uuid, 'glet_00000000000' || $1, '2026-01-01', 'v 1', '\x7b7d');

-- 26
insert into errtrack_private.report_logins (login, tied) values ('analyst-' || $1, true);
insert into errtrack_private.report_projects (login, project_id) values ('analyst-' || $1, $1);

-- 30
insert into errtrack_private.channels (project_id, name, kind) values ($1, 'shop hook', 'webhook');
insert into errtrack_private.alert_rules (project_id, name, kind) values ($1, 'new', 'new_issue');
insert into errtrack_private.alert_marks (project_id, rule_id, kind, issue_id, told_at) values ($1, 0, 'spike', 100 * $1::bigint + 1, '2026-01-01');
insert into errtrack_private.notifications (project_id, channel_id, kind, notice)
select c.project_id, c.id, 'test', '{}' from errtrack_private.channels c where c.project_id = $1;
insert into errtrack_private.digests (project_id, channel_id, reason, due_at)
select c.project_id, c.id, 'cap', '2026-01-01' from errtrack_private.channels c where c.project_id = $1;
insert into errtrack_private.duties (name, holder, until) values ('duty-' || $1, 'host:1', '2026-01-01');

-- 33
insert into errtrack_private.rule_trials (project_id, stack_rules, events) values ($1, '{module:shop.* +app}', 500);
