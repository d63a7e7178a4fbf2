# Reports of browsers become events: one for each report, once however often it is handed
# over, and the same trouble is one issue.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project->{id};

sub report {
    my ($endpoint, $json, %arg) = @_;
    return $t->submit($endpoint, $json, auth => 'query', type => 'application/reports+json', %arg)->status;
}

sub csp {
    my ($blocked) = @_;
    return qq({"csp-report":{"document-uri":"https://shop.example/cart","violated-directive":"img-src",)
        . qq("blocked-uri":"$blocked","referrer":"https://shop.example/"}});
}

sub occurrences { return 0 + $t->sql_value('select count(*) from errtrack.occurrences') }

# "items of category outcome reason" of all hours.
sub ledger {
    return { map { ($_->[0] => 0 + $_->[1]) } $t->sql(
        q{select rtrim(category || ' ' || outcome || ' ' || reason), sum(items) from errtrack.outcomes group by 1}) };
}

is report('security', csp('https://evil.example/a.png'), query => 'sentry_release=shop%401.0&sentry_environment=live',
    headers => { 'User-Agent' => 'Mozilla/5.0 (X11; Linux) Firefox/120.0' }), 200, 'a violated policy is reported';
is report('security', csp('https://evil.example/b.png')), 200, 'and again, by another picture of the same host';
is report('security', csp('https://other.example/b.png')), 200, 'and of another host';
eventually { occurrences() == 3 } 'all are events';
my @issues = map { "$_->[0]: $_->[1]" } $t->sql('select title, event_count from errtrack.issues order by 1');
is_deeply \@issues, [ q(Blocked 'image' from 'evil.example': 2), q(Blocked 'image' from 'other.example': 1) ],
    'of one issue for each host';
is_deeply [ $t->sql(q{select o.release, o.environment, i.culprit, i.logger, o.user_hash is not null
    from errtrack.occurrences o join errtrack.issues i using (project_id, issue_id) where o.release is not null}) ],
    [ [ 'shop@1.0', 'live', 'img-src', 'csp', 't' ] ], 'release and environment are those of the address';
is_deeply [ $t->sql(q{select body::jsonb #>> '{request,url}', body::jsonb #>> '{request,headers,Referer}',
    body::jsonb #>> '{request,headers,User-Agent}', body::jsonb #>> '{tags,blocked-uri}', body::jsonb #>> '{csp,effective_directive}'
    from errtrack_private.payloads where body::jsonb ->> 'release' is not null}) ],
    [ [ 'https://shop.example/cart', 'https://shop.example/', 'Mozilla/5.0 (X11; Linux) Firefox/120.0', 'https://evil.example/a.png', 'img-src' ] ],
    'the event says what the browser said';
is_deeply [ map { "$_->[0]: $_->[1]" } $t->sql(q{select key, value from errtrack.issue_tags
    where key in ('browser', 'os', 'browser.name') order by 1}) ], [ 'browser: Firefox 120.0', 'browser.name: Firefox', 'os: Linux' ],
    'and which one it is';

is report('security', '[' . join(',', map { qq({"type":"csp-violation","body":{"effectiveDirective":"font-src","blockedURL":"$_"}}) }
    'https://a.example/', 'https://a.example/', 'https://b.example/') . ',{"type":"csp-violation","body":{}},{"type":"crash"}]'), 200,
    'a list of five reports is taken';
eventually { occurrences() == 6 } 'those that are understood are events';
is_deeply ledger(), { 'error stored' => 6, 'error invalid security_report' => 1, 'error discarded security_report_type' => 1 },
    'the others are counted';
is $t->sql_value('select count(distinct event_id) from errtrack.occurrences'), 6, 'each has an id of its own';

is report('security', '{"expect-ct-report":{"hostname":"ct.example","port":443}}'), 200, 'Expect-CT';
is report('security', '{"expect-staple-report":{"hostname":"staple.example"}}'), 200, 'Expect-Staple';
is report('security', '{"hostname":"pins.example","known-pins":["pin-sha256=\"x\""]}'), 200, 'public key pins';
is report('nel', '[{"type":"network-error","url":"https://shop.example/","body":{"type":"tcp.refused","phase":"connection"}}]'), 200,
    'a network error';
eventually { occurrences() == 10 } 'are events too';
my %titles = map { ($_->[0] => 1) } $t->sql('select title from errtrack.issues');
ok $titles{$_}, $_ for "Expect-CT failed for 'ct.example'", "Expect-Staple failed for 'staple.example'",
    "Public key pinning validation failed for 'pins.example'", "Network error 'tcp.refused' for 'shop.example'";

is $t->envelope([ event => { message => 'beside a report' } ], [ raw_security => csp('https://evil.example/c.png') ])->status, 200,
    'a report in an envelope';
eventually { occurrences() == 12 } 'does not stand in the way of its event';

# An entry that is handed over twice.
$t->worker->stop;
is report('security', '[' . join(',', (csp('https://evil.example/d.png')) x 2) . ']'), 200, 'two equal reports wait';
my $stream = 'errtrack:{q0}:events';
my ($entry) = map { $_->[1] } @{ $t->redis('XRANGE', $stream, '-', '+') };
$t->redis('XADD', $stream, '*', @$entry);
$t->worker->start;
$t->settle;
is occurrences(), 14, 'each is filed once';
is ledger()->{'error stored'}, 14, 'and booked once';

$t->done;
