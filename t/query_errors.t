# GitLab's integrated error tracking backend: lists, one error, status changes,
# events, messages and deletion, who may do which, and what is answered while the
# database is slow or away.

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

        location /errortracking/ {
            errtrack_query;
        }
    }
}
CONF

# 25 errors with the fingerprints 1001 to 1025; five at a time share every sort
# key. 1026 was merged into 1001. 2000 is a message, 2001 has not been seen for
# 35 days, 3001 belongs to somebody else's project.
my $fixtures = <<'SQL';
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other');
insert into errtrack_private.projects (id, organization_id, slug, name)
values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog'), (99, 20, 'theirs', 'Theirs');

insert into errtrack_private.users (email, administrator)
values ('administrator@a.example', true), ('reporter@a.example', false), ('developer@a.example', false),
       ('maintainer@a.example', false), ('stranger@a.example', false);
insert into errtrack_private.memberships (organization_id, user_id, role)
select case when email like 'stranger%' then 20 else 10 end, id,
       case when email like 'stranger%' then 'owner' else split_part(email, '@', 1) end
from errtrack_private.users where not administrator;
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256(convert_to(split_part(email, '@', 1), 'UTF8')), 'personal', id,
       '{event:read, event:write, project:write}'
from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, scopes, expires_at)
values (sha256('gitlab'), 'gitlab', '{}', null), (sha256('expired'), 'gitlab', '{}', now() - interval '1 second');
insert into errtrack_private.tokens (hash, kind, user_id, scopes, project_id)
select sha256('blog only'), 'personal', id, '{event:read}', 43
from errtrack_private.users where email like 'maintainer%';
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('read only'), 'personal', id, '{event:read}'
from errtrack_private.users where email like 'maintainer%';

insert into errtrack_private.issues
       (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
select 42, 1000 + n, 'unresolved', 'error', 'Type' || n, 'value ' || n, 'Type' || n || ': value ' || n, '',
       'module.f' || n, 'error', 'python', '', n / 5 * 10, n,
       date_trunc('second', now()) - (10 + n / 5) * interval '1 day',
       date_trunc('second', now()) - n / 5 * interval '1 hour', now()
from generate_series(1, 26) as n;
insert into errtrack_private.issues
       (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
values (42, 2000, 'resolved', 'default', '', E'disk 100% full\non host_a', 'disk 100% full', '', '', 'warning', 'other', '',
        5000000000, 3000000000, now() - interval '10 days', now(), now()),
       (42, 2001, 'ignored', 'error', 'Old', '', 'Old', '', '', 'error', 'other', '',
        1, 1, now() - interval '35 days', now() - interval '35 days', now() - interval '35 days'),
       (99, 3001, 'unresolved', 'error', 'Theirs', '', 'Theirs', '', '', 'error', 'other', '', 1, 1, now(), now(), now());
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
select project_id, id, case id when 1026 then 1001 else id end, first_seen, last_seen
from errtrack_private.issues;

-- 30 events of 1001, three at a time at the same moment, in both of its origins;
-- every fourth without a body.
insert into errtrack_private.occurrences
       (project_id, received_at, event_id, origin_id, occurred_at, level, platform, release, environment, has_payload)
select 42, date_trunc('second', now()) - n / 3 * interval '5 hours', md5(n::text)::uuid,
       case n % 2 when 0 then 1001 else 1026 end, now(), 'error', 'python', 'shop@' || n,
       case when n % 3 <> 0 then 'production' end, n % 4 <> 0
from generate_series(1, 30) as n;
insert into errtrack_private.payloads (project_id, received_at, event_id, body)
select project_id, received_at, event_id,
       json_build_object('event_id', replace(event_id::text, '-', ''), 'release', release)
from errtrack_private.occurrences where has_payload;
insert into errtrack_private.occurrences
       (project_id, received_at, event_id, origin_id, occurred_at, level, platform, release, has_payload)
select 42, now() - n * interval '1 hour', md5('m' || n)::uuid, 2000, now(), 'warning', 'other', 'shop@' || n, n = 2
from generate_series(1, 3) as n;
insert into errtrack_private.payloads (project_id, received_at, event_id, body)
select project_id, received_at, event_id, '{"logentry": {"formatted": "disk 99% full"}}'
from errtrack_private.occurrences where origin_id = 2000 and has_payload;

insert into errtrack_private.counts_1h (project_id, origin_id, bucket, events)
select 42, origin, date_trunc('hour', now()) - n * interval '1 hour', n + 1
from generate_series(0, 60) as n, unnest('{1001, 1026}'::bigint[]) as origin;
insert into errtrack_private.counts_5m (project_id, origin_id, bucket, events)
select 42, 1001, date_bin('5 minutes', now(), 'epoch') - n * interval '5 minutes', n + 1
from generate_series(0, 20) as n;
SQL

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql($fixtures);
$t->start_nginx(config => $conf);
$t->{token} = 'gitlab';

my $list = '/projects/42/errors';

sub fingerprints { return [ map { $_->{fingerprint} } @{ $_[0]->json } ] }

# { next => cursor, prev => cursor } as GitLab reads them.
sub cursors {
    my ($answer) = @_;
    my %cursors;
    for my $part (split /, /, $answer->header('Link') // '') {
        my ($url, $rel) = $part =~ /^<(.*)>; rel="(next|prev)"$/ or die "odd link: $part";
        ($cursors{$rel}) = $url =~ /cursor=(.*?)&/ or die "the cursor is the last parameter: $part";
    }
    return \%cursors;
}

# ---- who may --------------------------------------------------------------------

my %may_list = (
    ''            => 401, unknown  => 401, expired   => 401,
    gitlab        => 200, reporter => 200, developer => 200,
    administrator => 200, stranger => 200, 'read only' => 200,
);
for my $token (sort keys %may_list) {
    is $t->api('GET', $list, token => $token)->status, $may_list{$token}, "list with the token '$token'";
}
is_deeply $t->api('GET', $list, token => '')->json, { message => '401 Unauthorized' }, 'a refusal is JSON';
is_deeply $t->api('GET', $list, token => 'stranger')->json, [], 'a project of others looks unknown in lists';
is $t->api('GET', "$list/1001", token => 'stranger')->status, 404, 'and for one error';
is $t->api('GET', "$list/1001", token => 'blog only')->status, 404, 'a token for one project does not reach others';
is_deeply $t->api('GET', '/projects/43/errors', token => 'blog only')->json, [], 'but its own';
is_deeply $t->api('GET', '/projects/777/errors')->json, [], 'an unknown project has an empty list';

my %may_resolve = (gitlab => 200, developer => 200, maintainer => 200, administrator => 200,
    reporter => 403, 'read only' => 403, stranger => 404, '' => 401);
for my $token (sort keys %may_resolve) {
    is $t->api('PUT', "$list/1002", token => $token, json => { status => 'unresolved' })->status,
        $may_resolve{$token}, "change a status with the token '$token'";
}

eventually { $t->sql_value(q(select last_used_at is not null from errtrack_private.tokens where hash = sha256('gitlab'))) eq 't' }
    'the use of a token is noted';

# ---- lists ----------------------------------------------------------------------

my $first = $t->api('GET', $list);
is scalar @{ $first->json }, 20, 'a page has 20 errors';
is $first->header('Content-Type'), 'application/json', 'it is JSON by its type';
is_deeply [ sort keys %{ cursors($first) } ], ['next'], 'the first page has a next one only';
like $first->header('Link'), qr{^<http://127\.0\.0\.1:\d+/errortracking/api/v1/projects/42/errors\?cursor=[\w-]+&limit=20>; rel="next"$},
    'the link has the form that GitLab reads';

for my $sort (qw(last_seen_desc first_seen_desc frequency_desc)) {
    for my $limit (1, 4, 5, 25) {
        my (@pages, @back);
        my $answer = $t->api('GET', "$list?sort=$sort&limit=$limit");
        push @pages, fingerprints($answer);
        while (my $cursor = cursors($answer)->{next}) {
            $answer = $t->api('GET', "$list?cursor=$cursor&sort=$sort&limit=$limit");
            push @pages, fingerprints($answer);
        }
        my %seen = map { $_ => 1 } map { @$_ } @pages;
        is scalar(map { @$_ } @pages), 25, "$sort by $limit: 25 errors";
        is scalar(keys %seen), 25, '... each once';
        while (my $cursor = cursors($answer)->{prev}) {
            $answer = $t->api('GET', "$list?cursor=$cursor&sort=$sort&limit=$limit");
            unshift @back, fingerprints($answer);
        }
        is_deeply \@back, [ @pages[ 0 .. $#pages - 1 ] ], '... the same pages on the way back';
    }
}
is_deeply cursors($t->api('GET', "$list?limit=25")), {}, 'a page that is exactly full is the only one';

my $cursor = cursors($t->api('GET', "$list?limit=5"))->{next};
is $t->api('GET', "$list?cursor=$cursor&limit=5&status=resolved")->status, 200, 'a cursor is good for another status';
is_deeply fingerprints($t->api('GET', "$list?cursor=$cursor&limit=5&sort=frequency_desc")),
    fingerprints($t->api('GET', "$list?limit=5&sort=frequency_desc")), 'in another order it means the first page';

my %refused = (
    'limit=0' => 'limit', 'limit=101' => 'limit', 'limit=x' => 'limit', 'limit=99999999999999999999' => 'limit',
    'sort=oldest' => 'sort', 'status=open' => 'status', 'statsPeriod=1d' => 'statsPeriod',
    'queryPeriod=24h' => 'queryPeriod', 'query=%00' => 'query', 'query=%ff' => 'query',
    'cursor=rubbish' => 'cursor', 'cursor=%21' => 'cursor', 'cursor=bi5sLjE3' => 'cursor',
);
for my $arguments (sort keys %refused) {
    my $answer = $t->api('GET', "$list?$arguments");
    is $answer->status, 400, "$arguments is refused";
    like $answer->json->{message}, qr/^400 Bad request - $refused{$arguments} /, '... by name';
}
is scalar @{ $t->api('GET', "$list?limit%5B0%5D=3")->json }, 3, 'arguments may have an index';
is scalar @{ $t->api('GET', "$list?limit=9&limit=3")->json }, 3, 'the last of several values counts';
is scalar @{ $t->api('GET', '//projects/42//errors/?limit=3')->json }, 3, 'slashes may be doubled and at the end';

is_deeply fingerprints($t->api('GET', "$list?query=VALUE%2021")), [1021], 'a search has no regard for case';
is_deeply fingerprints($t->api('GET', "$list?query=module.f21")), [1021], 'it finds culprits';
is_deeply fingerprints($t->api('GET', "$list?query=100%25+full&status=resolved")), [2000], 'a percent sign stands for itself';
is_deeply $t->api('GET', "$list?query=100_+full&status=resolved")->json, [], 'so does an underscore';
is_deeply $t->api('GET', "$list?status=ignored")->json, [], 'what was last seen before 30 days is not listed';
is scalar(grep { $_ == 1026 } @{ fingerprints($t->api('GET', "$list?limit=100")) }), 0, 'a merged error is not listed';
my $found = $t->api('GET', "$list?query=value+1&limit=1");
like $found->header('Link'), qr{errors\?cursor=[\w-]+&limit=1&query=value%201>; rel="next"$}, 'the link carries the search on, encoded';
my $nothing = $t->api('GET', "$list?query=cursor%3Dx");
is $nothing->content, '[]', 'an empty list is an empty array';
is $nothing->header('Link'), undef, '... without links';

is $t->api('GET', "$list?$_->[0]")->json->{message}, "400 Bad request - $_->[1]", "$_->[0] is told what there is" for [ 'sort=oldest', 'sort must be last_seen_desc, first_seen_desc or frequency_desc' ],
    [ 'status=open', 'status must be unresolved, resolved or ignored' ];
is $t->api('PUT', "$list/1001", json => { status => 'open' })->json->{message}, '400 Bad request - status must be unresolved, resolved or ignored', '... where it is changed too';

# ---- one error ------------------------------------------------------------------

my $error = $t->api('GET', "$list/1001")->json;
is_deeply [ @$error{qw(fingerprint project_id name description actor status event_count approximated_user_count)} ],
    [ 1001, 42, 'Type1', 'value 1', 'module.f1', 'unresolved', 0, 1 ], 'an error has the fields of GitLab';
like $error->{first_seen_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'times are RFC 3339 in UTC';
my @pairs = @{ $error->{stats}{frequency}{'24h'} };
is scalar @pairs, 24, 'there are 24 hours';
is_deeply [ map { $pairs[$_][0] - $pairs[ $_ - 1 ][0] } 1 .. 23 ], [ (3600) x 23 ], 'an hour apart, oldest first';
is $pairs[0][1] - $pairs[1][1], 2, 'the counts of both origins are summed';
my %periods = ('15m' => 3, '30m' => 6, '1h' => 12, '24h' => 24, '7d' => 7, '14d' => 14, '30d' => 30);
for my $period (sort keys %periods) {
    my $frequency = $t->api('GET', "$list?limit=1&statsPeriod=$period")->json->[0]{stats}{frequency};
    is_deeply [ keys %$frequency ], [$period], "statsPeriod $period is the key";
    is scalar @{ $frequency->{$period} }, $periods{$period}, "... with $periods{$period} steps";
}
my $message = $t->api('GET', "$list/2000")->json;
is $message->{name}, 'disk 100% full', 'the name of a message is its first line';
is $message->{description}, "disk 100% full\non host_a", 'its description is all of it';
is $message->{event_count}, 2147483647, 'counts end where 32 bits do';
is $message->{approximated_user_count}, 2147483647, 'those of users too';

is_deeply $t->api('GET', "$list/1026")->json, $error, 'a merged error is the one that it was merged into';
is $t->api('GET', '/projects/43/errors/1026')->status, 404, '... in its own project';
is $t->api('GET', "$list/1026/events?limit=100")->content, $t->api('GET', "$list/1001/events?limit=100")->content, '... with all its events';
is $t->api('GET', "$list/5")->status, 404, 'an unknown error';
is $t->api('GET', "$list/9223372036854775807")->status, 404, 'the greatest fingerprint';
is $t->api('GET', "$list/9223372036854775808")->status, 400, 'one greater than that';
is $t->api('GET', "$list/abc")->status, 400, 'none at all';
is $t->api('HEAD', "$list/1001")->status, 200, 'HEAD is answered like GET';
is $t->api('GET', '/projects/42/nothing')->status, 404, 'an unknown path';
is_deeply $t->api('GET', '/projects/42/nothing')->json, { message => '404 Not Found' }, '... says so in JSON';
my $wrong = $t->api('POST', "$list/1001", json => {});
is $wrong->status, 405, 'a wrong method';
is $wrong->header('Allow'), 'GET, HEAD, PUT', '... is told the right ones';

# ---- status changes -------------------------------------------------------------

for my $status (qw(resolved resolved ignored unresolved)) {
    my $answer = $t->api('PUT', "$list/1002", json => { status => $status, updated_by_id => 7 });
    is $answer->json->{status}, $status, "an error becomes $status";
}
ok $t->sql_value('select status_at > now() - interval \'1 minute\' from errtrack_private.issues where id = 1002') eq 't',
    'the moment is kept';
is $t->api('PUT', "$list/1002", json => {})->status, 200, 'a change of nothing is good';
for my $body ('', '[]', '{', '{"status":"gone"}', '{"status":1}', '{"updated_by_id":"x"}') {
    is $t->api('PUT', "$list/1002", content => $body)->status, 400, "the body '$body' is refused";
}
is $t->api('PUT', "$list/1002", json => { status => 'unresolved', more => 'x' x 40_000 })->status, 200, 'a body of 40 KB is read';
is $t->api('PUT', "$list/1002", json => { status => 'unresolved', more => 'x' x 70_000 })->status, 413, 'one of 70 KB is not';
is $t->api('PUT', "$list/5", json => { status => 'resolved' })->status, 404, 'an unknown error cannot be resolved';

# ---- events ---------------------------------------------------------------------

my @by_time = map { $_->[0] } $t->sql('select replace(event_id::text, \'-\', \'\') from errtrack_private.occurrences
    where origin_id in (1001, 1026) order by received_at, event_id');

sub event_ids { return map { JSON::PP::decode_json($_->{payload})->{event_id} } @{ $_[0]->json } }

for my $sort (qw(occurred_at_asc occurred_at_desc)) {
    my @expected = $sort eq 'occurred_at_asc' ? @by_time : reverse @by_time;
    for my $limit (1, 4, 30) {
        my (@ids, @back);
        my $answer = $t->api('GET', "$list/1001/events?sort=$sort&limit=$limit");
        push @ids, event_ids($answer);
        my $last = 0;
        while (my $next = cursors($answer)->{next}) {
            $answer = $t->api('GET', "$list/1001/events?cursor=$next&sort=$sort&limit=$limit");
            push @ids, event_ids($answer);
            $last = scalar event_ids($answer);
        }
        is_deeply \@ids, \@expected, "events $sort by $limit: each once, in order, of both origins";
        while (my $prev = cursors($answer)->{prev}) {
            $answer = $t->api('GET', "$list/1001/events?cursor=$prev&sort=$sort&limit=$limit");
            unshift @back, event_ids($answer);
        }
        is_deeply \@back, [ @ids[ 0 .. $#ids - $last ] ], '... and back' if $last;
    }
}
my ($event) = grep { $_->{payload} =~ /"shop\@28"/ } @{ $t->api('GET', "$list/1001/events?limit=100")->json };
is_deeply [ @$event{qw(fingerprint projectId name description actor environment platform)} ],
    [ 1001, 42, 'Type1', 'value 1', 'module.f1', 'production', 'python' ], 'an event has the fields of GitLab';
my $payload = JSON::PP::decode_json($event->{payload});
is $payload->{exception}{values}[0]{type}, 'Type1', 'where the body was not kept, a small one stands';
ok !$payload->{errtrack}{payload_kept}, '... and says so';
is $t->api('GET', "$list/5/events")->status, 404, 'an unknown error has no events';
is $t->api('GET', "$list/1001/events?sort=last_seen_desc")->status, 400, 'events have orders of their own';
is $t->api('GET', "$list/1001/events?cursor=$cursor")->status, 400, 'and cursors of their own';

my $messages = $t->api('GET', '/projects/42/messages')->json;
is_deeply [ map { $_->{message} } @$messages ],
    [ "disk 100% full\non host_a", 'disk 99% full', "disk 100% full\non host_a" ], 'messages are listed, newest first';
is_deeply [ sort keys %{ $messages->[0] } ],
    [ sort qw(projectId eventId timestamp level message release environment platform) ], 'with the fields of GitLab';
is $messages->[0]{eventId}, $t->sql_value("select md5('m1')"), 'an event id has 32 digits';
is scalar @{ $t->api('GET', '/projects/42/messages?limit=2')->json }, 2, 'as many as wanted';

# ---- slow, away, back -----------------------------------------------------------

# Holds every query that looks at an issue until it is closed.
sub hold {
    open my $psql, '|-', 'psql', '-XqAt', '-o', '/dev/null', '-d', $t->postgres->conninfo('errtrack_admin') or die $!;
    $psql->autoflush(1);
    print {$psql} "begin; lock table errtrack_private.issues in access exclusive mode;\n";
    eventually { $t->sql_value(q(select count(*) from pg_locks
        where relation = 'errtrack_private.issues'::regclass and mode = 'AccessExclusiveLock' and granted)) == 1 }
        'the table is locked';
    return $psql;
}

# Sends a request and returns when a query of it waits.
sub ask {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port) or die $!;
    print {$socket} "GET /errortracking/api/v1$list/1001 HTTP/1.0\r\nGitlab-Error-Tracking-Token: gitlab\r\n\r\n";
    eventually { $t->sql_value(q(select count(*) from pg_stat_activity
        where usename = 'errtrack_query' and wait_event_type = 'Lock')) == 1 } 'a request is in flight';
    return $socket;
}

sub status_of { return (readline($_[0]) // 'nothing') =~ m{^HTTP/1\.1 (\d+)} ? $1 : 'none' }

{
    my $hold = hold();
    my $asked = ask();
    my %old = map { $_ => 1 } $t->nginx->worker_pids;
    $t->nginx->signal('HUP');
    eventually { my @new = $t->nginx->worker_pids; @new && !grep { $old{$_} } @new } 'nginx is reloaded meanwhile';
    close $hold;
    is status_of($asked), 200, 'the request is answered by the worker process that quits';
    eventually { !grep { $old{$_} } $t->nginx->worker_pids(1) } 'which then ends';
}
{
    my $hold = hold();
    close ask();
    close $hold;
    is $t->api('GET', "$list/1001")->status, 200, 'a client that goes away does no harm';
}
{
    my $hold = hold();
    my $answer = $t->api('GET', "$list/1001");
    close $hold;
    is $answer->status, 504, 'a query that takes too long is given up';
    like $answer->json->{message}, qr/^504 Gateway Timeout/, '... in JSON';
}
{
    $t->postgres->kill;
    my $answer = $t->api('GET', $list);
    is $answer->status, 503, 'without the database nothing can be said';
    is_deeply $answer->json, { message => '503 Service Unavailable - the database cannot be reached' }, '... but that';
    ok $answer->header('Retry-After') > 0, '... and when to come again';
    $t->postgres->start;
    is $t->api('PUT', "$list/1002", json => { status => 'unresolved' })->status, 200, 'the first request after it is back is served';
}

# ---- deletion -------------------------------------------------------------------

is $t->api('DELETE', '/projects/42', token => 'developer')->status, 403, 'a developer may not delete';
is $t->api('DELETE', '/projects/42', token => 'stranger')->status, 204, 'for a stranger there is nothing to delete';
is scalar @{ $t->api('GET', $list)->json }, 20, '... and nothing was';
my $deleted = $t->api('DELETE', '/projects/42');
is $deleted->status, 204, 'the data of a project is deleted';
is $deleted->content, '', '... without a body';
is_deeply $t->api('GET', $list)->json, [], 'its errors are gone';
is_deeply $t->api('GET', '/projects/42/messages')->json, [], 'its messages too';
is $t->api('GET', "$list/$_")->status, 404, "one error too: $_" for 1001, 1026;
is $t->api('DELETE', '/projects/42')->status, 204, 'it can be deleted again';
is $t->sql_value('select count(*) from errtrack_private.origins where project_id = 42'), 0, 'nothing leads to its events';
is $t->sql_value('select count(*) from errtrack_private.issues where project_id = 99'), 1, 'other projects keep theirs';
$t->sql(q(insert into errtrack_private.issues
    select (jsonb_populate_record(issues, '{"project_id": 42, "id": 4000}')).* from errtrack_private.issues where project_id = 99;
    insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen) values (42, 4000, 4000, now(), now())));
is_deeply $t->api('GET', $list)->json, [], 'what was received before the deletion stays hidden';
$t->sql('update errtrack_private.issues set last_received_at = now() where id = 4000');
is_deeply fingerprints($t->api('GET', $list)), [4000], 'what comes later is shown';

$t->expect_log(qr/database cannot be reached/);
$t->done;
