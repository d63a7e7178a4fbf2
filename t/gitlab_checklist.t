# The checklist of the contract with GitLab, section 8, over the whole path: what no other
# file proves, or only for one of the two backends. The labels name its items.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;
use Time::HiRes ();

use ErrTrack;
use ErrTrack::GitLab::Integrated;
use ErrTrack::GitLab::Sentry;
use ErrTrack::HTTP qw(json_text);
use ErrTrack::Process qw(random_hex);

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project->{id};
my $integrated = ErrTrack::GitLab::Integrated->new($t, project => $project);
my $sentry = ErrTrack::GitLab::Sentry->new($t, organization => 'acme', slug => 'shop', project => $project);

# The issue of an event that is sent now.
sub report {
    my (%event) = @_;
    my $id = random_hex(16);
    is $t->store({ event_id => $id, %event })->status, 200, 'an event is taken';
    my $issue;
    eventually { $issue = $t->sql_value('select issue_id from errtrack.occurrences where event_id = $1::uuid', $id) } '... and filed';
    return $issue;
}

my %boom = (exception => { values => [ { type => 'Boom', value => 'x', stacktrace => { frames => [ { function => 'f', module => 'm' } ] } } ] });
my $issue = report(%boom);

# ---- 8.8: a slash at the end or none ------------------------------------------------------

my $v1 = '/errortracking/api/v1';
my %secret = ('Gitlab-Error-Tracking-Token' => $t->token);
my %bearer = (Authorization => 'Bearer ' . $t->token);
my %private = ('PRIVATE-TOKEN' => $t->token);
my $group = $t->sql_value(q(select id from errtrack_private.organizations where slug = 'acme'));
my @paths = (
    (map { [ GET => "$v1$_", \%secret ] } "/projects/$project/errors", "/projects/$project/errors/$issue", "/projects/$project/errors/$issue/events", "/projects/$project/messages",
        "/api/0/organizations/$group/projects", "/api/0/organizations/$group/stats_v2"),
    [ PUT => "$v1/projects/$project/errors/$issue", \%secret, '{"status":"unresolved"}' ],
    (map { [ GET => "/api/0$_", \%bearer ] } '/projects', '/projects/acme/shop/issues', "/issues/$issue", "/issues/$issue/events/latest", '/organizations/acme/repos'),
    [ PUT => "/api/0/issues/$issue", \%bearer, '{"status":"unresolved"}' ],
    [ POST => "/api/0/issues/$issue/plugins/gitlab/link", \%bearer, '{"issue_id":88}' ],
    [ PUT => "/api/v4/projects/$project/error_tracking/settings", \%private, '{"active":true,"integrated":true}' ],
    [ GET => "/api/v4/projects/$project/error_tracking/settings", \%private ], [ GET => "/api/v4/projects/$project/error_tracking/client_keys", \%private ],
    [ POST => '/api/v4/internal/error_tracking/allowed', \%secret, json_text({ project_id => $project, public_key => 'x' }) ],
);
for my $path (@paths) {
    my ($method, $at, $headers, $body) = @$path;
    my @answers = map { $t->http($method, "$at$_", headers => { %$headers, 'Content-Type' => 'application/json' }, defined $body ? (content => $body) : ()) } '', '/';
    is_deeply [ map { $_->status } @answers ], [ 200, 200 ], "8.8: $method $at, with a slash and without";
    # But for the moment until which statistics go.
    my ($plain, $slashed) = map { $_->content =~ s/"end": "[^"]*"//r } @answers;
    is $plain, $slashed, '... is answered alike' if $method eq 'GET';
    is_deeply [ map { $_->header('Content-Type') } @answers ], [ ('application/json') x 2 ], '8.1: ... as JSON';
    my @open = map { $t->http($method, "$at$_", headers => { 'Content-Type' => 'application/json' }, defined $body ? (content => $body) : ())->status } '', '/';
    is_deeply \@open, [ 401, 401 ], '8.1: ... and not without a token';
}

# ---- 8.8: DSNs, those of today and of older releases of GitLab ----------------------------

# As an SDK takes a DSN apart: what is in front of the last part of the path stays in front of /api.
sub addresses {
    my ($dsn) = @_;
    my ($key, $path, $id) = $dsn =~ m{^https?://([^@]+)@[^/]+(.*)/([^/]+)\z} or die "odd DSN: $dsn\n";
    return ($key, map { my $endpoint = $_; map { "$path/api/$id/$endpoint$_" } '', '/' } qw(envelope store));
}

sub taken {
    my ($address, $key, $label) = @_;
    my $id = random_hex(16);
    my $event = json_text({ event_id => $id, message => "to $address", timestamp => time });
    my $body = $address =~ /envelope/ ? qq({"event_id":"$id"}\n{"type":"event"}\n$event\n) : $event;
    my $answer = $t->post($address, content => $body, headers => {
        'Content-Type' => $address =~ /envelope/ ? 'application/x-sentry-envelope' : 'application/json',
        'X-Sentry-Auth' => "Sentry sentry_version=7, sentry_client=x/1, sentry_key=$key" });
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [ $answer->status, $answer->json->{id} ], [ 200, $id ], $label;
    return $id;
}

my $base = 'http://KEY@127.0.0.1:' . $t->nginx->port;
my %dsn = (
    'today' => "$base/errortracking/api/v1/projects/$project",
    'of older releases' => "$base/errortracking/api/v1/projects/api/$project",
    'of the collector' => "$base/api/v4/error_tracking/collector/$project",
);
my @sent;
for my $age (sort keys %dsn) {
    my (undef, @addresses) = addresses($dsn{$age});
    push @sent, map { taken($_, $t->project->{public_key}, "8.8: a DSN $age: $_") } @addresses;
}
eventually { $t->sql_value('select count(*) from errtrack.occurrences where event_id = any ($1::uuid[])', '{' . join(',', @sent) . '}') == @sent } '8.8: ... all are filed';

# ---- 8.7: client keys ---------------------------------------------------------------------

my $keys = "/api/v4/projects/$project/error_tracking/client_keys";
my $made = $t->post($keys, headers => \%private);
is $made->status, 201, '8.7: a key is made: 201';
my $key = $made->json;
like $key->{public_key}, qr/^glet_[0-9a-f]{32}\z/, '... glet_ and 32 digits';
my ($public, @addresses) = addresses($key->{sentry_dsn});
is $public, $key->{public_key}, '8.7: its DSN has the key';
like $key->{sentry_dsn}, qr{^http://\w+\@127\.0\.0\.1:\d+/errortracking/api/v1/projects/$project\z}, '... with the port, in the form of GitLab';
my %auth = (headers => { 'X-Sentry-Auth' => "Sentry sentry_version=7, sentry_key=$public", 'Content-Type' => 'application/x-sentry-envelope' });
eventually { $t->post($addresses[1], content => "{}\n", %auth)->status == 200 } '8.7: an SDK reports by it within ten seconds', timeout => 12;
taken($_, $public, "8.7: ... at $_") for @addresses;
is_deeply $t->http('POST', '/api/v4/internal/error_tracking/allowed', headers => \%secret, json => { project_id => $project, public_key => $public })->json, { enabled => JSON::PP::true() }, '2.11: the key is enabled';
my $gone = $t->delete("$keys/$key->{id}", headers => \%private);
is_deeply [ $gone->status, $gone->json ], [ 200, $key ], '8.7: it is deleted: 200 with the key';
eventually { $t->post($addresses[1], content => "{}\n", %auth)->status == 403 } '8.7: ... and no good within ten seconds', timeout => 12;
is $t->delete("$keys/$key->{id}", headers => \%private)->status, 404, '8.7: ... once';

# ---- 8.9: what happens again --------------------------------------------------------------

for my $backend ([ integrated => $integrated ], [ Sentry => $sentry ]) {
    my ($name, $gitlab) = @$backend;
    for my $case ([ resolved => 'unresolved' ], [ ignored => 'ignored' ], [ unresolved => 'unresolved' ]) {
        my ($set, $then) = @$case;
        is $gitlab->update($issue, $set), 1, "8.9: $name: an error is $set";
        my $count = $gitlab->details($issue)->{count};
        is report(%boom), $issue, '... and happens again';
        is $gitlab->details($issue)->{count}, $count + 1, '... which is counted';
        is $_->details($issue)->{status}, $then, "8.9: $name: what was $set is $then" for $integrated, $sentry;
        is_deeply [ map { my ($rows) = $_->(); scalar grep { $_->{id} eq $issue } @$rows } sub { $integrated->errors }, sub { $sentry->issues } ],
            [ ($then eq 'unresolved' ? 1 : 0) x 2 ], '... in the lists that are open or not';
    }
}

# ---- 8.3: a cursor and another status -----------------------------------------------------

for my $backend ([ integrated => sub { $integrated->errors(limit => 3, status => $_[0], $_[1] ? (cursor => $_[1]) : ()) } ],
    [ Sentry => sub { $sentry->issues(limit => 3, query => "is:$_[0]", $_[1] ? (cursor => $_[1]) : ()) } ])
{
    my ($name, $list) = @$backend;
    my (undef, $cursors) = $list->('unresolved');
    ok $cursors->{next}, "8.3: $name: a list has a next page";
    is ref eval { ($list->($_, $cursors->{next}))[0] }, 'ARRAY', "8.3: $name: its cursor is good for what is $_" or diag $@ for qw(resolved ignored);
}

# ---- 8.6: the oldest and the newest event -------------------------------------------------

# 30,000 events on 60 days before now.
$t->sql(q(insert into errtrack_private.occurrences (project_id, received_at, event_id, origin_id, occurred_at, level, platform, has_payload)
    select $1, now() - n * interval '170 seconds', md5('many' || n)::uuid, o.id, now(), 'error', 'other', false
    from errtrack_private.origins o, generate_series(1, 30000) as n where o.issue_id = $2), $project, $issue);
$t->sql(q(update errtrack_private.issues set first_seen = now() - interval '60 days' where id = $1), $issue);
$t->sql('analyze errtrack_private.occurrences');

for my $direction (qw(asc desc)) {
    my $expected = $t->sql_value(qq(select replace(event_id::text, '-', '') from errtrack.occurrences where issue_id = \$1 order by received_at $direction limit 1), $issue);
    my ($payload) = map { ErrTrack::GitLab::parse_json($_->{payload}) } $integrated->one_event($issue, "occurred_at_$direction");
    is $payload->{event_id}, $expected, "8.6: the event that is asked for first, $direction";
    # What the same question reads of events, in a transaction of its own.
    my $read = $t->sql_value(q(select s.whole || ' ' || (s.indexed between 1 and 10)
        from (select count(*) as n from errtrack_private.walk_events($1, $2, $3, null, null, 2)) w
        cross join lateral (
            select sum(seq_tup_read) as whole, sum(idx_tup_fetch) as indexed
            from pg_stat_xact_user_tables where relname like 'occurrences%' and w.n = 2) s), $project, $issue, $direction eq 'asc' ? 'true' : 'false');
    is $read, '0 true', '... is found by an index, among 30,000';
}

# ---- 8.1: bounded query time --------------------------------------------------------------

{
    my $hold = $t->sql_session;
    $hold->('begin; lock table errtrack_private.issues in access exclusive mode;');
    my @asked = map {
        my ($path, $header) = @$_;
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port) or die $!;
        print {$socket} "GET $path HTTP/1.0\r\n$header: " . ($header eq 'Authorization' ? 'Bearer ' : '') . $t->token . "\r\n\r\n";
        [ $path, $socket ];
    } ([ "$v1/projects/$project/errors", 'Gitlab-Error-Tracking-Token' ], [ '/api/0/projects/acme/shop/issues/', 'Authorization' ], [ "/api/0/issues/$issue/", 'Authorization' ],
        [ "/api/0/issues/$issue/events/latest/", 'Authorization' ]);
    my $since = Time::HiRes::time();
    for my $each (@asked) {
        my ($path, $socket) = @$each;
        like scalar readline $socket, qr{^HTTP/1\.1 504 }, "8.1: a query that takes too long is given up: $path";
    }
    cmp_ok Time::HiRes::time() - $since, '<', 20, '8.1: ... before GitLab gives up';
    $hold->('rollback;');
}

$t->done;
