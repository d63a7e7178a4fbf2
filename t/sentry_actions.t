# Sentry's web API, what people do to issues: status, assignee, merging, deletion,
# comments, links to a tracker; and what the history says of it.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;

use ErrTrack;

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;

        location /api/0/ {
            errtrack_query;
        }
    }
}
CONF

# The project shop has the issues 1 to 40, in the order of their events, and has seen two
# releases; new has the issue 101 and no release. 3001 belongs to somebody else. Each
# issue has one grouping hash, its id as a UUID; 30 has three.
my $fixtures = <<'SQL';
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other');
insert into errtrack_private.projects (id, organization_id, slug, name)
values (42, 10, 'shop', 'Shop'), (43, 10, 'new', 'New'), (99, 20, 'theirs', 'Theirs');
insert into errtrack_private.users (email) values ('ann@a.example'), ('bob@a.example'), ('stranger@a.example');
insert into errtrack_private.users (email, administrator) values ('root@a.example', true);
insert into errtrack_private.memberships (organization_id, user_id, role)
select case when email like 'stranger%' then 20 else 10 end, id, 'owner'
from errtrack_private.users where not administrator;
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256(convert_to(split_part(email, '@', 1), 'UTF8')), 'personal', id,
       '{org:read, project:read, event:read, event:write, project:write}'
from errtrack_private.users;

insert into errtrack_private.issues
       (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
select case when n < 100 then 42 when n < 1000 then 43 else 99 end, n, 'unresolved', 'error', 'Type' || n, 'value ' || n,
       'Type' || n || ': value ' || n, '', 'f' || n, case when n > 35 then 'warning' else 'error' end, 'python', '',
       n, 0, now() - interval '2 days', now() - n * interval '1 minute', now()
from (select generate_series(1, 40) union all values (101), (3001)) as ids (n);
insert into errtrack_private.origins (project_id, id, issue_id, event_count, first_seen, last_seen, last_received_at)
select project_id, id, id, event_count, first_seen, last_seen, last_received_at from errtrack_private.issues;
insert into errtrack_private.hashes (project_id, hash, origin_id, algo, variant, first_seen, kind, type, value, title, culprit)
select project_id, lpad(id::text, 32, '0')::uuid, id, 'g1', 'app', first_seen, kind, type, value, title, culprit
from errtrack_private.issues
union all
select 42, ('a000000000000000000000000000003' || n)::uuid, 30, 'g1', 'system', now(), 'error', 'Own' || n, '', 'Own' || n, ''
from generate_series(1, 2) as n;
insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
select project_id, id, 'level', level, 1, now(), now() from errtrack_private.issues;
alter sequence errtrack_private.issue_ids restart with 6000;
insert into errtrack_private.releases (project_id, release, first_received_at)
values (42, 'shop@1.0', now() - interval '20 days'), (42, 'shop@2.0', now() - interval '2 days');
insert into errtrack_private.event_ids (project_id, event_id, day, received_at)
select 42, md5('e' || n)::uuid, date_trunc('day', now(), 'UTC'), date_trunc('day', now(), 'UTC') from generate_series(1, 40) as n;
insert into errtrack_private.occurrences
       (project_id, received_at, event_id, origin_id, occurred_at, level, platform, has_payload, hash)
select 42, date_trunc('day', now(), 'UTC'), md5('e' || n)::uuid, n, now(), 'error', 'python', true, lpad(n::text, 32, '0')::uuid
from generate_series(1, 40) as n;
insert into errtrack_private.payloads (project_id, received_at, event_id, body)
select project_id, received_at, event_id, '{"message": "secret"}' from errtrack_private.occurrences;
SQL

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql($fixtures);
$t->start_nginx(config => $conf);
$t->{token} = 'ann';
my %user = map { $_->[0] =~ /^(\w+)/ ? ($1 => $_->[1]) : () } $t->sql('select email, id from errtrack_private.users');

my $list = '/projects/acme/shop/issues/';

sub change {
    my ($id, $body, %arg) = @_;
    return $t->sentry('PUT', "/issues/$id/", json => $body, %arg);
}

# [what, who, details], oldest first.
sub history {
    my ($id) = @_;
    return [ map { [ $_->[0], $_->[1], JSON::PP::decode_json($_->[2]) ] } $t->sql('select what, who, details
        from errtrack_private.issue_history where issue_id = $1 order by id', $id) ];
}
sub last_of { return history($_[0])->[-1] }

sub hash_of { return sprintf '%032d', $_[0] }
sub ids { return join ' ', sort { $a <=> $b } map { $_->{id} } @{ $_[0]->json } }

# ---- status ------------------------------------------------------------------------

for my $status (qw(resolved ignored unresolved)) {
    is $t->sentry('GET', '/issues/1/')->status, 200, 'GitLab asks for the issue first';
    my $answer = change(1, { status => $status });
    is $answer->status, 200, "... an issue becomes $status";
    is $answer->json->{status}, $status, '... the answer has its status';
    is_deeply $answer->json->{statusDetails}, {}, '... for good';
    is $answer->json->{id}, '1', '... and is the issue';
    is $t->sentry('GET', '/issues/1/')->json->{status}, $status, '... as it is from now on';
}
is_deeply history(1), [ [ 'resolved', 'ann@a.example', {} ], [ 'ignored', 'ann@a.example', {} ], [ 'unignored', 'ann@a.example', {} ] ],
    'the history tells all of it, and who it was';
is_deeply [ map { $_->{type} } @{ $t->sentry('GET', '/issues/1/activities/')->json->{activity} } ],
    [qw(set_unresolved set_ignored set_resolved)], '... in Sentry\'s words, newest first';
is $t->sentry('GET', '/issues/1/')->json->{activity}[0]{user}{email}, 'ann@a.example', '... with the person';

change(1, { status => 'unresolved' });
is scalar @{ history(1) }, 3, 'what is unresolved already is not reopened';
change(1, { status => 'resolved' }) for 1, 2;
change(1, { status => 'unresolved' });
is_deeply [ map { $_->[0] } @{ history(1) }[ 3 .. 5 ] ], [qw(resolved resolved reopened)],
    'resolving again is said again, and reopening';
is change(1, {})->status, 200, 'a change of nothing is good';
is change(1, { hasSeen => JSON::PP::true(), isBookmarked => JSON::PP::true(), isSubscribed => 0 })->status, 200,
    'so is what means nothing here';
is scalar @{ history(1) }, 6, '... and leaves no trace';
is $t->sentry('PUT', '/issues/1', json => { status => 'resolved' })->json->{status}, 'resolved',
    'without a slash at the end';
is $t->sentry('PUT', '/issues/SHOP-1/', json => { status => 'unresolved' })->json->{status}, 'unresolved', 'by the short id';
is $t->sentry('PUT', '/organizations/acme/issues/1/', json => { status => 'ignored' })->json->{status}, 'ignored',
    'below the organization';
is $t->sentry('PUT', '/issues/1/', content => 'status=unresolved', headers => { 'Content-Type' => 'application/x-www-form-urlencoded' })
    ->json->{status}, 'unresolved', 'as a form';

# Resolved in a release.
is_deeply change(2, { status => 'resolved', statusDetails => { inRelease => 'shop@1.0' } })->json->{statusDetails},
    { inRelease => 'shop@1.0' }, 'an issue is resolved in a release';
is_deeply last_of(2), [ 'resolved', 'ann@a.example', { in_release => 'shop@1.0' } ], '... which the history tells';
is_deeply change(2, { status => 'resolved', statusDetails => { inRelease => 'latest' } })->json->{statusDetails},
    { inRelease => 'shop@2.0' }, '... in the latest one';
is_deeply change(2, { status => 'resolvedInNextRelease' })->json->{statusDetails}, { inNextRelease => JSON::PP::true() },
    '... in the next one';
is_deeply $t->sentry('GET', '/issues/2/')->json->{statusDetails}, { inNextRelease => JSON::PP::true() }, '... as it says from now on';
is_deeply last_of(2), [ 'resolved', 'ann@a.example', { after_release => 'shop@2.0' } ],
    '... which is the one after the latest';
is change(2, { status => 'resolved', statusDetails => { inNextRelease => JSON::PP::true() } })->json->{status}, 'resolved',
    '... in the other way to write that';
is_deeply last_of(2)->[2], { after_release => 'shop@2.0' }, '... which means the same';
is $t->sentry('GET', '/issues/2/')->json->{activity}[0]{type}, 'set_resolved_in_release', '... and has a word of its own';
is_deeply change(2, { status => 'resolved', statusDetails => { inRelease => 'shop@1.0' } })->json->{statusDetails}, { inRelease => 'shop@1.0' },
    '... and is not said of another way';
change(2, { status => 'resolvedInNextRelease' });
change(2, { status => 'unresolved' });
is_deeply change(2, { status => 'resolved' })->json->{statusDetails}, {}, '... nor after it was reopened';
change(2, { status => 'resolvedInNextRelease' });
is_deeply change(2, { status => 'resolved' })->json->{statusDetails}, {}, 'resolving for good takes the release away';
is_deeply change(2, { status => 'resolved', statusDetails => { inRelease => '' } })->json->{statusDetails}, {},
    'an empty release is none';
is_deeply change(2, { status => 'ignored', statusDetails => { inRelease => 'shop@1.0' } })->json->{statusDetails}, {},
    'ignoring has no release';
is change(101, $_)->status, 400, 'without a release there is no next one and no latest one' for
    { status => 'resolvedInNextRelease' }, { status => 'resolved', statusDetails => { inNextRelease => JSON::PP::true() } },
    { status => 'resolved', statusDetails => { inRelease => 'latest' } };
is $t->sentry('GET', '/issues/101/')->json->{status}, 'unresolved', '... and nothing happened';

# Ignored for a while.
my $later = $t->sql_value(q(select to_char(now() at time zone 'UTC' + interval '3 days', 'YYYY-MM-DD"T"HH24:MI:SS')));
is_deeply change(3, { status => 'ignored', statusDetails => { ignoreUntil => "${later}Z" } })->json->{statusDetails},
    { ignoreUntil => "$later.000Z" }, 'an issue is ignored until a time';
like last_of(3)->[2]{until}, qr/^\d{4}-/, '... which the history tells';
like change(3, { status => 'ignored', ignoreDuration => 60 })->json->{statusDetails}{ignoreUntil}, qr/Z$/,
    'for so many minutes';
is $t->sql_value(q(select ignored_until between now() + interval '59 minutes' and now() + interval '60 minutes'
    from errtrack_private.issues where id = 3)), 't', '... from now on';
is_deeply change(3, { status => 'ignored', statusDetails => { ignoreCount => 5 } })->json->{statusDetails}, { ignoreCount => 5 },
    'for so many events';
is_deeply last_of(3)->[2], { events => 5 }, '... which the history tells';
is_deeply change(3, { status => 'ignored', statusDetails => { ignoreUserCount => '7' } })->json->{statusDetails}, { ignoreUserCount => 7 },
    'for so many users, in digits';
is_deeply change(3, { status => 'ignored', statusDetails => { ignoreCount => 5, ignoreUserCount => 7, ignoreDuration => 1 } })->json->{statusDetails}{ignoreCount},
    5, 'whatever comes first';
is_deeply change(3, { status => 'ignored' })->json->{statusDetails}, {}, 'ignoring for good takes all of it away';
is $t->sql_value('select ignored_until is null and ignored_until_events is null and ignored_until_users is null
    from errtrack_private.issues where id = 3'), 't', '... and no time is set';
is_deeply change(3, { status => 'archived' })->json->{status}, 'ignored', 'archived means ignored';
is_deeply change(3, { status => 'resolved', statusDetails => { ignoreCount => 5 } })->json->{statusDetails}, {},
    'resolving has no count';
is_deeply change(3, { status => 'unresolved' })->json->{statusDetails}, {}, 'an open issue has no details';

my @bad = (
    '', '[]', '{', '"resolved"', '1', 'null', '{"status":"\u0000"}', "{\"status\":\"\xff\"}", '{"status":"gone"}', '{"status":1}',
    '{"status":["resolved"]}', '{"status":{}}', '{"status":""}', '{"status":"' . 'x' x 41 . '"}',
    '{"status":"resolved","statusDetails":{"inRelease":1}}', '{"status":"resolved","statusDetails":{"inRelease":"' . 'x' x 251 . '"}}',
    '{"status":"resolved","statusDetails":{"inNextRelease":"perhaps"}}',
    '{"status":"ignored","statusDetails":{"ignoreUntil":"tomorrow"}}', '{"status":"ignored","statusDetails":{"ignoreUntil":"2020-01-01T00:00:00Z"}}',
    '{"status":"ignored","statusDetails":{"ignoreUntil":5}}', '{"status":"ignored","statusDetails":{"ignoreUntil":"2026-01-31T12:00:00+19:00"}}',
    '{"status":"ignored","statusDetails":{"ignoreDuration":0}}', '{"status":"ignored","statusDetails":{"ignoreDuration":-5}}',
    '{"status":"ignored","statusDetails":{"ignoreDuration":1.5}}', '{"status":"ignored","statusDetails":{"ignoreCount":0}}',
    '{"status":"ignored","statusDetails":{"ignoreCount":"many"}}', '{"status":"ignored","statusDetails":{"ignoreCount":9223372036854775807}}',
    '{"status":"ignored","statusDetails":{"ignoreUserCount":9223372036854775807}}', '{"status":"ignored","statusDetails":{"ignoreUserCount":0}}',
    '{"assignedTo":{}}', '{"assignedTo":["ann@a.example"]}', '{"assignedTo":true}', '{"assignedTo":"nobody@a.example"}',
    '{"assignedTo":"stranger@a.example"}', '{"assignedTo":"team:1"}', '{"assignedTo":"user:999999999999999999999"}', '{"assignedTo":-1}',
);
for my $body (@bad) {
    my $answer = $t->sentry('PUT', '/issues/4/', content => $body, headers => { 'Content-Type' => 'application/json' });
    is $answer->status, 400, 'refused: ' . substr($body, 0, 80);
}
is change(4, { status => 'ignored', statusDetails => { ignoreDuration => 9223372036854775807 } })->status, 200,
    'very long is long';
change(4, { status => 'unresolved' });
is scalar @{ history(4) }, 2, 'a refused change leaves no trace';
is change(5, { status => 'unresolved', more => 'x' x 40_000 })->status, 200, 'a body of 40 KB is read';
is change(5, { status => 'unresolved', more => 'x' x 70_000 })->status, 413, 'one of 70 KB is not';
my $known = 'status, statusDetails, assignedTo, %sinRelease, inNextRelease, ignoreUntil, ignoreDuration, ignoreCount, ignoreUserCount';
my %why = (
    '{"statu":"resolved"}' => sprintf("nothing of this is known: a body may have $known", ''),
    '{"status":"ignored","statusDetails":{"ignoreCount":5,"ignoreWindow":60}}' => qr/^ignoreWindow is not supported: /,
    '{"status":"ignored","ignoreUserCount":5,"ignoreUserWindow":60}' => qr/^ignoreWindow is not supported: /,
    '{"status":"resolved","statusDetails":{"inCommit":{"commit":"c1"}}}' => qr/^inCommit is not supported: /,
    '{"status":"resolved","statusDetails":{"inUpcomingRelease":true}}' => qr/^statusDetails may have inRelease, inNextRelease, /,
    '{"status":"ignored","substatus":"archived_until_escalating"}' => qr/^archived_until_escalating is not supported: /,
);
for my $body (sort keys %why) {
    for my $path ('/issues/4/', "$list?id=4") {
        my $answer = $t->sentry('PUT', $path, content => $body);
        my $wanted = $path eq $list . '?id=4' && !ref $why{$body} ? sprintf("nothing of this is known: a body may have $known", 'merge, ') : $why{$body};
        is $answer->status, 400, "$path: refused, not dropped: $body";
        ref $wanted ? like($answer->json->{detail}, $wanted, '... and why') : is($answer->json->{detail}, $wanted, '... and what there is');
    }
}
is change(4, $_)->status, 200, 'null is nothing' for { status => 'ignored', statusDetails => { ignoreCount => 5, ignoreWindow => undef } }, { status => 'unresolved', statusDetails => {} };
is $t->sql_value('select status from errtrack_private.issues where id = 4'), 'unresolved', '... and the issue is as it was';
is change(5000, { status => 'resolved' })->status, 404, 'an unknown issue cannot be resolved';
is change(3001, { status => 'resolved' })->status, 404, 'nor one of others';

# ---- assignee -----------------------------------------------------------------------

for my $case ([ 'bob@a.example', 'bob' ], [ 'BOB@A.example', 'bob' ], [ 'me', 'ann' ], [ "user:$user{bob}", 'bob' ],
    [ 0 + $user{ann}, 'ann' ], [ "$user{bob}", 'bob' ], [ 'user:me', 'ann' ], [ 'root@a.example', 'root' ])
{
    my ($named, $who) = @$case;
    is change(6, { assignedTo => $named })->json->{assignedTo}{email}, "$who\@a.example", "an issue is given to $named";
    is_deeply last_of(6), [ 'assigned', 'ann@a.example', { to => "$who\@a.example" } ], '... which the history tells';
}
my $before = @{ history(6) };
change(6, { assignedTo => 'root@a.example' });
is scalar @{ history(6) }, $before, 'to the same once more is nothing';
is change(6, { assignedTo => '' })->json->{assignedTo}, undef, 'to nobody';
is_deeply last_of(6), [ 'unassigned', 'ann@a.example', {} ], '... which the history tells';
change(6, { assignedTo => 'me', status => 'resolved' });
is $t->sentry('GET', '/issues/6/')->json->{status}, 'resolved', 'with a status at once';
is change(6, { assignedTo => undef })->json->{assignedTo}, undef, 'null is nobody too';
is change(6, { status => 'unresolved' })->json->{status}, 'unresolved', 'a change that does not name it';

# ---- many at once ----------------------------------------------------------------------

my $many = $t->sentry('PUT', "$list?id=7&id=8&id=9", json => { status => 'resolved' });
is $many->status, 200, 'several are resolved by their ids';
is_deeply $many->json, { status => 'resolved', updated => 3, more => JSON::PP::false() }, '... which the answer tells';
is ids($t->sentry('GET', "$list?query=is:resolved")), '7 8 9', '... those and no others';
is_deeply last_of(8), [ 'resolved', 'ann@a.example', {} ], '... each with its history';
is $t->sentry('PUT', "$list?id=SHOP-7&id=shop-8&id=8", json => { status => 'resolved' })->json->{updated}, 2, 'by short ids too, each once';
is $t->sentry('PUT', "$list?id=SHOP-7&id=NEW-8&id=THEIRS-2XS&id=SHOP-ZZZ", json => { status => 'resolved' })->json->{updated}, 1, '... which belong to their project';
is $t->sentry('PUT', "$list?id=7&id=3001&id=101&id=5000", json => { status => 'unresolved' })->json->{updated}, 1,
    'ids of others, of another project and of nothing are left out';
is $t->sql_value('select status from errtrack_private.issues where id = 101'), 'unresolved', '... and not touched';
is $t->sentry('PUT', '/organizations/acme/issues/?id=7&id=101', json => { status => 'ignored' })->json->{updated}, 2,
    'an organization reaches both its projects';
is $t->sentry('PUT', '/organizations/acme/issues/?id=7&id=101&project=new', json => { status => 'unresolved' })->json->{updated}, 1,
    '... or the one that is named';
is_deeply $t->sentry('PUT', "$list?query=is:unresolved+level:warning&dryRun=1", json => { status => 'resolved' })->json,
    { count => 5, more => JSON::PP::false() }, 'a dry run only counts';
is $t->sql_value('select status from errtrack_private.issues where id = 36'), 'unresolved', '... and does nothing';
is $t->sentry('PUT', "$list?query=is:unresolved+level:warning", json => { status => 'ignored', assignedTo => 'bob@a.example' })->json->{updated},
    5, 'several are changed by a search';
is ids($t->sentry('GET', "$list?query=is:ignored+assigned:bob\@a.example")), '36 37 38 39 40', '... those that it finds';
is $t->sentry('PUT', "$list?status=ignored&query=level:warning", json => { status => 'unresolved' })->json->{updated}, 5,
    'by status and search';
is $t->sentry('PUT', "$list?status=resolved", json => { status => 'unresolved' })->json->{updated}, 2, 'by status alone';
for my $arguments ('', '?id=x', '?id=1&id=x', '?id=-1', '?id=SHOP-', '?id=SHOP-U', '?id=99999999999999999999', '?status=gone', '?query=is:gone', '?environment=production') {
    is $t->sentry('PUT', "$list$arguments", json => { status => 'resolved' })->status, 400, "'$arguments' names no issues";
}
is $t->sentry('PUT', "$list?id=", json => { status => 'resolved' })->json->{updated}, 0,
    'an empty id is no issue, and does not mean all';
is $t->sentry('PUT', "$list?id=1", content => $_)->status, 400, "a body for many is refused: $_" for '', '[]', '{"status":"gone"}',
    '{"assignedTo":"stranger@a.example"}';
is $t->sentry('PUT', "$list?query=", json => {})->json->{updated}, 40, 'an empty search means all';

# More than one call does.
$t->sql(q(insert into errtrack_private.projects (id, organization_id, slug, name) values (44, 10, 'many', 'Many');
    insert into errtrack_private.issues
        (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger, first_seen, last_seen, last_received_at)
    select 44, n, 'error', 'Type', '', 'Type', '', '', 'error', 'python', '', now(), now(), now() from generate_series(20001, 21100) as n;
    insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
    select 44, n, n, now(), now() from generate_series(20001, 21100) as n));
is $t->sentry('PUT', '/projects/acme/many/issues/?query=', json => { merge => 1 })->status, 400, 'of 1,100 issues not a part is merged';
for my $case ([ 1000, JSON::PP::true() ], [ 100, JSON::PP::false() ], [ 0, JSON::PP::false() ]) {
    my $answer = $t->sentry('PUT', '/projects/acme/many/issues/?query=is:unresolved', json => { status => 'resolved', assignedTo => 'me' })->json;
    is_deeply [ @$answer{qw(updated more)} ], $case, "of 1,100 at most 1,000 at once: $case->[0]";
}
is_deeply $t->sentry('DELETE', '/projects/acme/many/issues/?query=')->json, { deleted => 500, more => JSON::PP::true() },
    'of deletions at most 500';

# ---- merging -------------------------------------------------------------------------

my $merged = $t->sentry('PUT', "$list?id=10&id=12&id=11", json => { merge => 1 });
is $merged->status, 200, 'issues are merged';
is_deeply $merged->json, { merge => { parent => '12', children => [ '10', '11' ] } },
    '... into the one with the most events';
is $t->sentry('GET', '/issues/12/')->json->{count}, '33', '... which has all events';
for my $child (10, 11, 'SHOP-B') {
    for my $path ('', 'events/', 'events/latest/', 'hashes/', 'tags/', 'activities/', 'comments/', 'user-reports/') {
        my ($by_child, $by_parent) = map { $t->sentry('GET', "/issues/$_/$path") } $child, 12;
        is_deeply [ $by_child->status, $by_child->json ], [ 200, $by_parent->json ], "$child/$path is now 12/$path";
    }
}
is $t->sentry('GET', '/organizations/acme/issues/10/')->json->{id}, '12', '... in its organization';
is $t->sentry('GET', '/organizations/other/issues/10/')->status, 404, '... and in no other';
is $t->sentry('GET', '/organizations/acme/shortids/SHOP-A/')->json->{shortId}, 'SHOP-C', '... by its short id';
is ids($t->sentry('GET', "$list?query=Type1")), '1 12 13 14 15 16 17 18 19', '... from lists too';
is_deeply last_of(12), [ 'merged', 'ann@a.example', { issues => [ 10, 11 ] } ], '... which its history tells';
is_deeply last_of(10), [ 'merged_away', 'ann@a.example', { into => 12 } ], '... and theirs';
is_deeply [ map { [ @$_{qw(id mergedFrom)} ] } @{ $t->sentry('GET', '/issues/12/hashes/')->json } ],
    [ [ hash_of(10), '10' ], [ hash_of(11), '11' ], [ hash_of(12), undef ] ], 'its hashes tell where they came from';
is $t->sentry('PUT', '/issues/10/', json => { assignedTo => 'bob@a.example' })->json->{assignedTo}{email}, 'bob@a.example', 'it is changed by the id of one that was merged';
is $t->sentry('PUT', '/issues/11/', json => { assignedTo => '' })->json->{id}, '12', '... of the other too';
is $t->sentry('DELETE', "/issues/$_/")->status, 404, "who names $_ does not delete all of it" for 10, 'SHOP-B';
is $t->sentry('GET', '/issues/12/')->json->{count}, '33', '... which is as it was';
is $t->sentry('PUT', "$list?$_", json => { merge => 1 })->status, 400, "not enough to merge: $_" for 'id=13', 'id=12&id=11', 'id=13&id=13', 'id=13&id=5000',
    'query=Type40';
my $partly = $t->sentry('PUT', "$list?id=13&id=14&id=5000", json => { merge => 1 });
is $partly->status, 400, 'of issues of which one is not there the rest is not merged';
like $partly->json->{detail}, qr/not there/, '... and that is said';
is $t->sentry('PUT', '/organizations/acme/issues/?id=13&id=101', json => { merge => 1 })->status, 400,
    'of two projects nothing is merged';
is $t->sentry('PUT', "$list?id=13&id=14", json => { merge => 'perhaps' })->status, 400, 'merge is yes or no';
is $t->sentry('PUT', "$list?id=13&id=14", json => { merge => 0, status => 'unresolved' })->json->{updated}, 2,
    '... and no is no';

is $t->sentry('DELETE', '/issues/12/hashes/?id=' . hash_of($_))->status, 404, "hash $_ is none of the issue" for 13, 5000;
is $t->sentry('DELETE', "/issues/12/hashes/?id=$_")->status, 400, "'$_' is no hash" for 'x', 'A' x 32, '12';
is $t->sentry('DELETE', '/issues/12/hashes/?id=' . hash_of(12))->status, 409, 'what it began with cannot be taken out';
my $apart = $t->sentry('DELETE', '/issues/12/hashes/?id=' . hash_of(10));
is $apart->status, 202, 'a hash is taken out';
is_deeply [ @{ $t->sentry('GET', '/issues/10/')->json }{qw(id count)} ], [ '10', '10' ], '... which gives its issue back';
is $t->sentry('GET', '/issues/12/')->json->{count}, '23', '... with its events';
is_deeply last_of(12), [ 'unmerged', 'ann@a.example', { issues => [10] } ], '... which the history tells';
is_deeply last_of(10), [ 'unmerged_from', 'ann@a.example', { issue => 12 } ], '... of both';
is $t->sentry('DELETE', '/issues/12/hashes/?id=' . hash_of(11) . '&id=' . hash_of(10))->status, 404,
    'all or none is taken out';
is $t->sentry('GET', '/issues/11/')->json->{id}, '12', '... here none';
is $t->sentry('DELETE', '/issues/12/hashes/')->status, 400, 'without a hash nothing is meant';

is $t->sentry('DELETE', '/issues/30/hashes/?id=a0000000000000000000000000000031')->status, 202,
    'a hash of its own leaves an issue';
is_deeply { map { $_->{id} => $_->{latestEvent}{id} } @{ $t->sentry('GET', '/issues/30/hashes/')->json } },
    { hash_of(30) => $t->sql_value(q(select md5('e30'))), 'a0000000000000000000000000000032' => undef }, 'a hash has its latest event, if there is one';
my $made = $t->sql_value(q(select origin_id from errtrack_private.hashes where hash = 'a0000000000000000000000000000031'));
is_deeply last_of(30), [ 'split', 'ann@a.example', { hash => 'a0000000000000000000000000000031', into => 0 + $made } ],
    '... which the history tells';
is $t->sentry('GET', "/issues/$made/")->json->{title}, 'Own1', '... and has an issue that is called after it';
is last_of($made)->[0], 'split_off', '... with a history';

# ---- deletion ------------------------------------------------------------------------

my $secret = $t->sql_value(q(select md5('e20')));
is $t->sentry('GET', "/projects/acme/shop/events/$secret/json/")->status, 200, 'an event has a body';
my $deleted = $t->sentry('DELETE', '/issues/20/');
is $deleted->status, 202, 'an issue is deleted';
is $deleted->content, '', '... without a body';
is $t->sentry('GET', '/issues/20/')->status, 404, '... and is gone';
is $t->sentry('DELETE', '/issues/20/')->status, 404, '... and cannot be deleted again';
is $t->sentry('GET', "/projects/acme/shop/events/$secret/")->status, 404, 'its events are gone';
is $t->sentry('GET', "/organizations/acme/eventids/$secret/")->status, 404, '... by their ids';
is $t->sentry('GET', "/projects/acme/shop/events/$secret/json/")->status, 404, '... and their bodies';
is $t->sql_value('select count(*) from errtrack_private.origins where project_id = 42 and id = 20'), 0,
    'nothing is counted for it';
is_deeply [ map { [ $_->[0], $_->[1], JSON::PP::decode_json($_->[2]) ] } $t->sql('select who, action, details from errtrack_private.audit order by id desc limit 1') ],
    [ [ 'ann@a.example', 'issue.delete', { ids => [20] } ] ], 'who did it is noted';
$t->sentry('PUT', "$list?id=21&id=22", json => { merge => 1 });
is $t->sentry('DELETE', '/organizations/acme/issues/22')->status, 202, 'a merged issue is deleted';
is $t->sql_value('select count(*) from errtrack_private.issues where id in (21, 22)'), 0, '... with what was merged into it';
is $t->sentry('GET', '/issues/21/')->status, 404, '... whose id leads nowhere';
is_deeply $t->sentry('DELETE', "$list?id=23&id=24&dryRun=1")->json, { count => 2, more => JSON::PP::false() },
    'a dry run of deletion counts';
is $t->sentry('GET', '/issues/23/')->status, 200, '... and deletes nothing';
for my $value ('yes', 'True', '2', 'on', '', '1&dryRun=yes') {
    my @refused = map { $t->sentry($_, "$list?id=23&id=24&dryRun=$value", json => { status => 'resolved' }) } qw(DELETE PUT);
    is_deeply [ map { $_->status, $_->json->{detail} } @refused ], [ (400, 'dryRun must be 1, true, 0 or false') x 2 ],
        "what may be meant as a dry run is none: dryRun=$value";
}
is_deeply [ map { $t->sentry('GET', "/issues/$_/")->json->{status} } 23, 24 ], [ ('unresolved') x 2 ], '... and nothing is done';
is_deeply $t->sentry('DELETE', "$list?id=23&dryRun=true")->json, { count => 1, more => JSON::PP::false() }, 'true is yes';
is $t->sentry('PUT', "$list?id=23&dryRun=$_", json => { status => 'unresolved' })->json->{updated}, 1, "$_ is no" for 0, 'false';
is_deeply $t->sentry('DELETE', "$list?id=23&id=24&id=3001&id=101")->json, { deleted => 2, more => JSON::PP::false() },
    'several are deleted by ids';
is $t->sql_value('select count(*) from errtrack_private.issues where id in (3001, 101)'), 2, '... none of others';
is $t->sentry('DELETE', "$list?id=SHOP-V&id=NEW-V&dryRun=1")->json->{count}, 1, '... by short ids';
is $t->sentry('DELETE', "$list?query=Type26")->json->{deleted}, 1, 'or by a search';
is $t->sentry('DELETE', $list)->status, 400, 'without either nothing is deleted';
is $t->sentry('DELETE', "$list?id=")->json->{deleted}, 0, 'an empty id is no issue';
is $t->sentry('DELETE', "$list?id=x")->status, 400, 'what is no id is refused';

# ---- two at once ------------------------------------------------------------------------

# What somebody else did in a transaction that ends after a request has looked.
sub meanwhile {
    my ($sql, $method, $path, $body) = @_;
    my $other = $t->sql_session;
    $other->("begin; $sql;");
    my $text = defined $body ? JSON::PP::encode_json($body) : '';
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port) or die $!;
    print {$socket} "$method /api/0$path HTTP/1.0\r\nAuthorization: Bearer ann\r\nContent-Length: " . length($text) . "\r\n\r\n$text";
    eventually { $t->sql_value(q(select count(*) from pg_stat_activity
        where usename = 'errtrack_query' and wait_event_type = 'Lock')) == 1 } "$method $path waits";
    $other->("commit;");
    return join('', <$socket>) =~ m{^HTTP/1\.1 (\d+).*?\r\n\r\n(.*)}s ? ($1, $2) : 'none';
}

is_deeply [ (meanwhile('select errtrack_private.delete_issues(42, array[31])', 'PUT', '/issues/31/', { status => 'resolved' }))[0] ], [404],
    'what was deleted meanwhile is gone';
like [ meanwhile('select errtrack_private.delete_issues(42, array[32])', 'PUT', "$list?id=32&id=33", { status => 'resolved' }) ]->[1],
    qr/"updated": ?1\b/, '... and of several the others are changed';
is [ meanwhile(q(select errtrack_private.merge_issues(42, 34, '{33}', 'x')), 'PUT', "$list?id=33&id=35", { merge => 1 }) ]->[0], 409,
    'what was merged meanwhile is not merged again';
is [ meanwhile(q(select errtrack_private.unmerge_issue(42, 33, 'x')), 'DELETE', '/issues/34/hashes/?id=' . hash_of(33)) ]->[0], 409,
    'what was taken out meanwhile is not taken out again';
is [ meanwhile('select errtrack_private.delete_issues(42, array[35])', 'DELETE', '/issues/35/') ]->[0], 202,
    'what was deleted meanwhile may be deleted';
is [ meanwhile('select errtrack_private.delete_issues(42, array[36])', 'POST', '/issues/36/comments/', { text => 'x' }) ]->[0], 404,
    'nobody writes about it';
is [ meanwhile('select errtrack_private.delete_issues(42, array[37])', 'POST', '/issues/37/plugins/gitlab/link/', { issue_id => 1 }) ]->[0], 404,
    'nor links it';

# ---- comments -------------------------------------------------------------------------

my $comment = $t->sentry('POST', '/issues/13/comments/', json => { text => "  look at this\n" });
is $comment->status, 201, 'people write about an issue';
is_deeply [ $comment->json->{data}{text}, $comment->json->{user}{email}, $comment->json->{type} ], [ 'look at this', 'ann@a.example', 'note' ],
    '... what was written by whom';
is_deeply last_of(13), [ 'comment', 'ann@a.example', { comment => 0 + $comment->json->{id} } ],
    '... which the history tells';
is $t->sentry('GET', '/issues/13/')->json->{activity}[0]{type}, 'note', '... as Sentry calls it';
my $second = $t->sentry('POST', '/organizations/acme/issues/13/comments', json => { text => "\x{fc}" x 5000 }, token => 'bob')->json;
is_deeply [ map { $_->{user}{email} } @{ $t->sentry('GET', '/issues/13/comments/')->json } ], [ 'bob@a.example', 'ann@a.example' ],
    'the newest first';
is $t->sentry('GET', '/issues/13/')->json->{numComments}, 2, 'they are counted';
is $t->sentry('POST', '/issues/13/comments/', content => $_)->status, 400, 'no comment: ' . substr($_, 0, 30)
    for '', '[]', '{}', '{"text":""}', '{"text":"  "}', '{"text":1}', '{"text":null}', '{"text":"a\u0000b"}', '{"text":"' . 'x' x 10_001 . '"}';
is $t->sentry('DELETE', "/issues/13/comments/$second->{id}/")->status, 404, 'nobody deletes what others wrote';
is $t->sentry('DELETE', "/issues/13/comments/$_/")->status, 404, "there is no comment $_" for 'x', 0, '99999999999999999999';
is $t->sentry('DELETE', "/issues/14/comments/$second->{id}/", token => 'bob')->status, 404, 'nor of another issue';
is $t->sentry('DELETE', "/issues/13/comments/$second->{id}/", token => 'bob')->status, 204, 'but what one wrote oneself';
is $t->sentry('GET', '/issues/13/')->json->{numComments}, 1, '... and it is gone';

# ---- trackers --------------------------------------------------------------------------

my $linked = $t->sentry('POST', '/issues/15/plugins/gitlab/link/', json => { issue_id => 88 });
is $linked->status, 200, 'GitLab tells of an issue of its own';
is $linked->json->{link}{id}, 88, '... and is told it again';
is_deeply $t->sentry('GET', '/issues/15/')->json->{annotations}, [], 'without a tracker there is no address for it';
is $t->sentry('GET', '/issues/15/')->json->{pluginIssues}[0]{issue}{issue_id}, '88', '... but its number';
is_deeply last_of(15), [ 'linked', 'ann@a.example', { provider => 'gitlab', reference => '88' } ],
    '... which the history tells';
is_deeply $t->sentry('GET', '/organizations/acme/repos/')->json, [], 'without a tracker there is no repository';

$t->sql(q(insert into errtrack_private.trackers (project_id, provider, external_id, url)
    values (42, 'gitlab', 1201, 'https://gitlab.example/acme/shop'), (99, 'gitlab', 1202, 'https://gitlab.example/other/theirs')));
my $repositories = $t->sentry('GET', '/organizations/acme/repos/');
my ($repository) = @{ $repositories->json };
is scalar @{ $repositories->json }, 1, 'a tracker is a repository';
is_deeply [ @$repository{qw(status externalSlug name url)} ], [ 'active', 1201, 'acme/shop', 'https://gitlab.example/acme/shop' ],
    '... by which GitLab finds itself';
like $repositories->content, qr/"externalSlug": ?1201\b/, '... with its project as a number';
like $repository->{integrationId}, qr/^\d+$/, '... and a number of the integration';
is $t->sentry('POST', '/issues/15/plugins/gitlab/link', json => { issue_id => '88' })->json->{link}{url}, 'https://gitlab.example/acme/shop/-/issues/88',
    'with a tracker a link has an address';
my $shown = $t->sentry('GET', '/issues/15/')->json;
is_deeply $shown->{annotations}, ['<a href="https://gitlab.example/acme/shop/-/issues/88">GL-88</a>'],
    '... which is in annotations';
is_deeply $shown->{pluginIssues}, [ { id => 'gitlab', slug => 'gitlab', name => 'GitLab',
    issue => { issue_id => '88', url => 'https://gitlab.example/acme/shop/-/issues/88', label => 'GL-88' } } ],
        '... and in pluginIssues, once';
is ids($t->sentry('GET', "$list?query=is:linked")), '15', '... and makes it linked';

my $integrated = $t->sentry('PUT', "/groups/16/integrations/$repository->{integrationId}/", json => { project => 1201, externalIssue => '1201#89' });
is $integrated->status, 201, 'GitLab links by the integration';
is $integrated->json->{url}, 'https://gitlab.example/acme/shop/-/issues/89', '... with an address';
is $t->sentry('GET', '/issues/16/')->json->{pluginIssues}[0]{issue}{label}, 'GL-89', '... which the issue has';
is_deeply last_of(16), [ 'linked', 'ann@a.example', { provider => 'gitlab', reference => '1201#89' } ],
    '... and its history';
my $theirs = $t->sql_value('select id from errtrack_private.trackers where project_id = 99');
is $t->sentry('PUT', "/groups/16/integrations/$_/", json => { externalIssue => '1201#89' })->status, 404, "there is no integration $_" for $theirs, 0, 'x',
    '99999999999999999999';
for my $body ('', '[]', '{}', '{"issue_id":null}', '{"issue_id":"x"}', '{"issue_id":-1}', '{"issue_id":1.5}', '{"issue_id":[1]}', '{"issue_id":99999999999999999999}') {
    is $t->sentry('POST', '/issues/16/plugins/gitlab/link/', content => $body)->status, 400, "no issue of GitLab: $body";
}
for my $body ('', '{}', '{"externalIssue":89}', '{"externalIssue":""}', '{"externalIssue":"1201#"}', '{"externalIssue":"' . 'x' x 200 . '1"}') {
    is $t->sentry('PUT', "/groups/16/integrations/$repository->{integrationId}/", content => $body)->status, 400, 'nor: ' . substr($body, 0, 30);
}
$t->sql(q(insert into errtrack_private.issue_links (project_id, issue_id, provider, reference, url)
    values (42, 17, 'other', 'A"<script>', 'javascript:alert(1)'), (42, 17, 'other', 'B', 'https://x.example/?a="><script>')));
is_deeply $t->sentry('GET', '/issues/17/')->json->{annotations}, [], 'what is no plain address is no anchor';

$t->done;
