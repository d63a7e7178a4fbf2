-- What functions return that others build upon.

begin;
set local search_path = pg_catalog, tap, errtrack_private, pg_temp;
select no_plan();

select is(rfc3339('2026-01-02 05:04:05.678+02'), '2026-01-02T03:04:05.678Z', 'a moment is written as RFC 3339');
select is(clamp_count(5000000000), 2147483647, 'a count fits what GitLab shows');
select is(from_microseconds(microseconds('2026-01-02 03:04:05.678901+00')), '2026-01-02 03:04:05.678901+00'::timestamptz,
    'microseconds lead back to the moment');
select is(bounded_sum(9223372036854775807, 1), 9223372036854775807, 'a sum beyond what there is stays at the end');
select is(bounded_sum(2, 3), 5::bigint, 'and is a sum otherwise');

select is(compare_releases('shop@1.2.0', 'shop@1.10.0'), -1, 'versions are compared by their numbers');
select is(compare_releases('shop@1.2.0-rc.1', 'shop@1.2.0'), -1, 'a candidate comes before its version');
select is(compare_releases('shop@1.2.0-rc.2', 'shop@1.2.0-rc.10'), -1, 'candidates are compared by their numbers');
select is(compare_releases('shop@2.0.0', 'shop@2.0.0'), 0, 'a version is itself');

select is(id_of_short(short_id('shop', n)), n, format('short id %s leads back to %s', short_id('shop', n), n))
from unnest('{1, 31, 32, 1023, 1024, 9007199254740991}'::bigint[]) as n;

select is(format('%s %s %s', d.direction, d.place, d.id), format('n %s 7', n), format('a cursor leads back to the place %s', n))
from unnest('{0, 5, 9007199254740991}'::bigint[]) as n,
    errtrack_private.issue_cursor(encode_cursor('n', 'l', n, '7'), 'l') as d;
select is(d.place, null::bigint, 'a cursor of another order is the first page')
from errtrack_private.issue_cursor(encode_cursor('n', 'f', 5, '7'), 'l') as d;
select throws_ok($$ select errtrack_private.issue_cursor('rubbish', 'l') $$, 'ET400', 'cursor is invalid',
    'what is no cursor is refused');
select throws_ok($$ select errtrack_private.refuse(404, 'no such thing') $$, 'ET404', 'no such thing',
    'a refusal has its status in its state');
select is(as_id(value), id, format('%s is read as an id', quote_nullable(value)))
from (values ('17', 17::bigint), ('0', 0), ('-1', null), ('1e3', null), ('99999999999999999999', null), ('', null)) as c (value, id);
select is(like_pattern('50%_\', true), '%50\%\_\\%', 'what people look for is no pattern');

select is(host_of(url, 'url'), host, format('%s leads to %s', url, host))
from (values ('https://Hooks.example/a@b?c#d', 'hooks.example'), ('http://127.0.0.1:8080', 'http://127.0.0.1:8080'),
             ('https://[2001:DB8::7]:8443/x', '[2001:db8::7]:8443'), ('https://a.example?x=@b.example', 'a.example')) as c (url, host);
select throws_ok($$ select errtrack_private.host_of('ftp://a.example/', 'settings.api') $$, 'ET400', 'settings.api: it does not begin with http:// or https://',
    'what is no address is refused by its name');

-- Tags of events: what a step reads is bounded by their tags, however many an event has.
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme');
insert into errtrack_private.projects (id, organization_id, slug, name) values (42, 10, 'shop', 'Shop');
insert into errtrack_private.issues
    (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger, event_count, user_count,
     first_seen, last_seen, last_received_at)
values (42, 1, 'unresolved', 'error', 'Error', '', 'Error', 'Error', '', 'error', 'other', '', 3, 0, now(), now(), now());
insert into errtrack_private.origins (project_id, id, issue_id, event_count, first_seen, last_seen) values (42, 1, 1, 3, now(), now());
insert into errtrack_private.tag_facts (project_id, origin_id, received_at, keys, texts)
select 42, 1, now(), '{a, b, c}', array['x', 'y', n::text] from generate_series(1, 3) as n;
select prepare_session();
create function pg_temp.left_over() returns bigint language sql volatile as 'select count(*) from errtrack_private.tag_facts';
select is(fold_tags(4), false, 'one event with three tags is a step of four');
select is(pg_temp.left_over(), 2::bigint, '... and two are left');
-- As the end of a transaction does.
truncate batch_tags;
select is(fold_tags(5), false, 'one that does not fit whole is folded, too');
select is(pg_temp.left_over(), 0::bigint, '... and none is left');
select is(fold_tags(4), true, 'which the next step tells');
select is(sum(events), 9::numeric, 'each tag is counted once') from errtrack_private.tag_counts where project_id = 42;

select * from finish();
rollback;
