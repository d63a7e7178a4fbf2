-- What tables refuse, whoever writes, and what goes together.

begin;
set local search_path = pg_catalog, tap, pg_temp;
select no_plan();

insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme');
insert into errtrack_private.projects (id, organization_id, slug, name) values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog');
insert into errtrack_private.client_keys (project_id, public_key) values (42, repeat('a', 32));
create temporary table issue as
select 42::bigint as project_id, 7::bigint as id, 'error' as kind, 'E' as type, 'v' as value, 'E: v' as title,
    'E: v' as first_title, '' as culprit, 'error' as level, 'other' as platform, '' as logger,
    now() as first_seen, now() as last_seen, now() as last_received_at;
insert into errtrack_private.issues
    (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger, first_seen, last_seen, last_received_at)
select * from issue;
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen) values (42, 7, 7, now(), now());
insert into errtrack_private.hashes (project_id, hash, origin_id, algo, variant, first_seen)
values (42, '00000000-0000-0000-0000-000000000001', 7, 'g1', 'app', now());
insert into errtrack_private.explanations (project_id, hash, explanation)
values (42, '00000000-0000-0000-0000-000000000001', '{}');
insert into errtrack_private.issue_comments (project_id, issue_id, text) values (42, 7, 'hm');
insert into errtrack_private.issue_history (project_id, issue_id, at, what) values (42, 7, now(), 'new');
insert into errtrack_private.outbox (project_id, kind, issue_id) values (42, 'new_issue', 7);

-- ---- what is refused ----------------------------------------------------------

select throws_ok('insert into errtrack_private.' || c.statement, c.state::char(5), null::text, c.label)
from (values
    ($$projects (id, organization_id, slug, name) values (0, 10, 'none', 'None')$$, '23514', 'a project has a positive id'),
    ($$projects (id, organization_id, slug, name) values (44, 10, 'Shop!', 'Shop')$$, '23514', 'a slug is plain'),
    ($$projects (id, organization_id, slug, name) values (44, 10, 'shop', 'Shop')$$, '23505', 'an organization has a slug once'),
    ($$projects (id, organization_id, slug, name) values (44, 11, 'shop', 'Shop')$$, '23503', 'a project is of an organization'),
    ($$client_keys (project_id, public_key) values (42, 'short')$$, '23514', 'a key has at least 16 characters'),
    ($$client_keys (project_id, public_key) values (43, repeat('a', 32))$$, '23505', 'no two projects have the same key'),
    ($$origins (project_id, id, issue_id, first_seen, last_seen) values (43, 8, 7, now(), now())$$, '23503',
        'an origin is of an issue of its project'),
    ($$hashes (project_id, hash, origin_id, algo, variant, first_seen)
        values (42, '00000000-0000-0000-0000-000000000001', 7, 'g1', 'app', now())$$, '23505', 'a hash belongs to one origin'),
    ($$issue_history (project_id, issue_id, at, what) values (42, 7, now(), 'vanished')$$, '23514', 'what happened has a known name'),
    ($$quotas (project_id, key_id, category, items, window_seconds)
        select 43, k.id, 'all', 1, 60 from errtrack_private.client_keys as k$$, '23503', 'a quota is of a key of its project'),
    ($$quotas (project_id, category, items, window_seconds) values (42, 'all', 1, 60), (42, 'all', 2, 60)$$, '23505',
        'a project has a quota for a category once'),
    ($$limits (project_id, name, value) values (42, 'patience', 1)$$, '23514', 'a limit has a known name'),
    ($$tokens (hash, kind, scopes) values ('short', 'gitlab', '{}')$$, '23514', 'a token is kept as SHA-256'),
    ($$tokens (hash, kind, scopes) values (sha256('t'), 'personal', '{}')$$, '23514', 'a personal token has an owner'),
    ($$grouping_rules (project_id, kind, place, rule) values (42, 'magic', 1, 'x')$$, '23514', 'a rule is of a known kind'),
    ($$edge_settings (project_id, agents) values (42, '{robots}')$$, '23514', 'the edge knows the classes of agents'),
    ($$event_settings (project_id, events) values (42, '{dull}')$$, '23514', 'the worker knows the classes of events'),
    ($$retention (days) values (7)$$, '23514', 'events are kept for eight days at least'),
    ($$attachments (project_id, received_at, event_id, delivery_id, position, name, attachment_type, size, sha256, body)
        values (42, now(), gen_random_uuid(), gen_random_uuid(), 0, 'a', 'event.attachment', 2, sha256(''), 'x')$$, '23514',
        'an attachment is as long as it says')
) as c (statement, state, label);
select throws_ok($$ update errtrack_private.issues set status = 'closed' $$, '23514', null, 'an issue is unresolved, resolved or ignored');
select throws_ok($$ update errtrack_private.issues set resolved_in = 'shop@1' $$, '23514', null,
    'only a resolved issue is resolved in a release');
select throws_ok($$ update errtrack_private.issues set ignored_until_events = 5 $$, '23514', null,
    'only an ignored issue is ignored until something');
select throws_ok($$ update errtrack_private.projects set previous_algo = grouping_algo, previous_until = now() $$, '23514', null,
    'a project switches to another algorithm');

-- ---- what goes together -------------------------------------------------------

select lives_ok($$ delete from errtrack_private.issues where project_id = 42 and id = 7 $$, 'an issue is removed');
select is_empty(format('select from errtrack_private.%I where project_id = 42', t.name), format('and with it its %s', t.name))
from unnest('{origins, hashes, explanations, issue_texts, issue_comments, issue_history, outbox}'::text[]) as t (name);
insert into errtrack_private.quotas (project_id, key_id, category, items, window_seconds)
select 42, k.id, 'all', 1, 60 from errtrack_private.client_keys as k;
select lives_ok($$ delete from errtrack_private.projects where id = 42 $$, 'a project is removed');
select is_empty(format('select from errtrack_private.%I where project_id = 42', t.name), format('and with it its %s', t.name))
from unnest('{client_keys, quotas}'::text[]) as t (name);

select * from finish();
rollback;
