# Sentry's web API, what is counted beside issues: statistics, the ledger, release health,
# transactions, monitors, feedback, environments, files, and why events are grouped as they
# are. What it says is what the views say.

use strict;
use warnings;
use utf8;

use Digest::SHA 'sha256_hex';
use POSIX ();
use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project->{id};
my $below = '/projects/acme/shop';

sub iso { return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime shift) }
sub look { return $t->sentry('GET', @_)->json }

# Fails as a bad request that says what is wrong with it.
sub refused {
    my ($label, $path) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = $t->sentry('GET', $path);
    ok $answer->status == 400 && length $answer->json->{detail}, $label or diag $answer->status, ' ', $answer->content;
    return;
}

# Two events of one issue and one of another, each with an environment of its own.
sub crash {
    my ($function, $value) = @_;
    my $frame = { function => $function, filename => 'a.py', module => 'a', in_app => JSON::PP::true() };
    return { values => [ { type => 'Broken', value => $value, stacktrace => { frames => [$frame] } } ] };
}
my ($first, $again, $other) = map { random_hex(16) } 1 .. 3;
my @events = ([ $first, 'pay', 'production' ], [ $again, 'pay', 'staging' ], [ $other, 'ship', 'Übung' ]);
for my $event (@events) {
    my ($id, $function, $environment) = @$event;
    is $t->store({ event_id => $id, platform => 'python', environment => $environment, exception => crash($function, "of $function") })->status, 200, "an event of $function";
}
is $t->store({ event_id => $first, platform => 'python', message => 'twice' })->status, 200, 'one that came before';
$t->settle;
my ($issue) = map { $_->[0] } $t->sql('select issue_id from errtrack.occurrences where event_id = $1::uuid', $first);

# ---- environments ----------------------------------------------------------------------

my @environments = map { { id => $_, name => $_, isHidden => JSON::PP::false() } } qw(production staging Übung);
is_deeply look("$below/environments/"), \@environments, 'environments that events named';
is_deeply look('/organizations/acme/environments/'), \@environments, '... of the organization';

# ---- grouping --------------------------------------------------------------------------

my $why = look("$below/events/$first/grouping/");
is_deeply [ @$why{qw(eventID issue)} ], [ $first, $issue ], 'an event and its issue';
is $why->{hash}, $t->sql_value(q(select replace(hash::text, '-', '') from errtrack_private.occurrences where event_id = $1::uuid), $first), 'the hash that decided';
is_deeply $why->{explanation}, JSON::PP->new->decode($t->sql_value('select explanation::text from errtrack.grouping_hashes where hash = $1::uuid', $why->{hash})),
    '... and its explanation';
my $same = look("$below/events/$first/grouping/?compare=$again");
is_deeply [ @$same{qw(together sameHash firstDifference)} ], [ JSON::PP::true(), JSON::PP::true(), undef ], 'two events of an issue do not differ';
my $differ = look("$below/events/$first/grouping/?compare=$other");
is_deeply [ @$differ{qw(together sameHash)} ], [ JSON::PP::false(), JSON::PP::false() ], 'those of two do';
ok scalar(grep { /pay/ } map { ref ? JSON::PP->new->canonical->encode($_) : $_ // '' } $differ->{firstDifference}{values}[0]), '... in the function'
    or diag JSON::PP->new->encode($differ->{firstDifference});
my $place = $differ->{firstDifference};
my ($mine, $theirs) = map {
    my $tree = $_->{explanation}{variants};
    $tree = ref $tree eq 'ARRAY' ? $tree->[$_] : $tree->{$_} for @{ $place->{path} };
    $tree;
} @{ $differ->{events} };
is_deeply $place->{values}, [ $mine, $theirs ], '... which is where the path leads';
is_deeply [ map { $_->{eventID} } @{ $differ->{events} } ], [ $first, $other ], 'both are there';
for my $case ([ 'f' x 32, 404 ], [ 'x', 400 ]) {
    my ($id, $status) = @$case;
    is $t->sentry('GET', $_)->status, $status, "the event $id is not there" for "$below/events/$id/grouping/", "$below/events/$first/grouping/?compare=$id";
}
is look("$below/events/" . $first =~ s/^(.{8})(.{4})(.{4})(.{4})/$1-$2-$3-$4-/r . '/grouping/')->{eventID}, $first, 'an id may have dashes';

# ---- files -----------------------------------------------------------------------------

my %file = ('log.txt' => "line\n", 'all.bin' => join('', map { chr } 0 .. 255), 'empty' => '', 'page.html' => '<script>alert(1)</script>',
    q(a "quoted" 'name';x) => 'q', "two\r\nlines: x" => 'l', 'Grüße 漢字.txt' => 'u', '100%25 sure' => 'p', '../../etc/passwd' => 'e');
is $t->envelope((map { [ attachment => $file{$_}, filename => $_, content_type => 'text/html' ] } sort keys %file),
    header => { event_id => $first })->status, 200, 'files of an event';
$t->settle;
my $listed = look("$below/events/$first/attachments/");
is scalar @$listed, scalar keys %file, 'all are listed';
is_deeply [ map { [ $_->{event_id}, $_->{type}, $_->{mimetype} ] } @$listed ], [ ([ $first, 'event.attachment', 'text/html' ]) x @$listed ], '... with what is known of them';
my %content = map { (sha256_hex($_) => $_) } values %file;
for my $file (@$listed) {
    my $path = "$below/events/$first/attachments/$file->{id}/";
    my $label = $file->{name} =~ s/[^ -~]/?/gr;
    is_deeply look($path), $file, "the file '$label'";
    my $answer = $t->sentry('GET', "$path?download=1");
    is $answer->status, 200, '... is downloaded';
    is sha256_hex($answer->content), $file->{sha256}, '... byte by byte';
    is $answer->header('Content-Length') // '', $file->{size}, '... in its length';
    my ($coded) = ($answer->header('Content-Disposition') // '') =~ /^attachment; filename\*=UTF-8''([A-Za-z0-9._~%-]+)$/;
    my $name = $coded // '';
    $name =~ s/%([0-9A-F]{2})/chr hex $1/ge;
    utf8::decode($name);
    is $name, $file->{name}, '... under its name';
    is_deeply [ map { $answer->header($_) } 'Content-Type', 'Content-Security-Policy', 'X-Content-Type-Options', 'Cache-Control' ],
        [ 'application/octet-stream', q(sandbox; default-src 'none'), 'nosniff', 'no-store' ], '... and is nothing that a browser shows';
    ok exists $content{ $file->{sha256} }, '... as it was sent';
    is $t->sentry('HEAD', "$path?download=1")->header('Content-Disposition'), $answer->header('Content-Disposition'), '... HEAD says the same';
}
is scalar(grep { $_->{name} =~ m{[/\r\n]} } @$listed), 0, 'no name has a line break or a path';
is_deeply look("$below/events/$other/attachments/"), [], 'an event without files';
is $t->sentry('GET', "$below/events/$other/attachments/$listed->[0]{id}/")->status, 404, '... has not those of another one';
is $t->sentry('GET', "$below/events/$first/attachments/$_/?download=1")->status, 404, "there is no file $_" for 'x', '0', random_hex(16) . '-0';

# ---- sessions and transactions ---------------------------------------------------------

my $now = time;
sub session {
    my ($release, $environment, $status, $did, %more) = @_;
    return [ session => { sid => random_hex(16), started => iso($now - 60), status => $status, ($did ? (did => $did) : ()),
        attrs => { release => $release, ($environment ? (environment => $environment) : ()) }, %more } ];
}
is $t->envelope(session('shop@1', 'production', 'exited', 'ann'), session('shop@1', 'production', 'crashed', 'bob'), session('shop@1', 'production', 'exited', 'eve'),
    session('shop@1', 'production', 'exited', undef), session('shop@1', 'staging', 'exited', 'ann'), session('shop@2', undef, 'exited', 'ann', errors => 2),
    session('shop@3', 'production', 'abnormal', undef))->status, 200, 'sessions';
sub transaction {
    my ($name, $ms, $status) = @_;
    my $payload = { type => 'transaction', transaction => $name, start_timestamp => 1_700_000_000, timestamp => 1_700_000_000 + $ms / 1000,
        contexts => { trace => { trace_id => random_hex(16), span_id => random_hex(8), op => 'http.server', status => $status } } };
    return $t->envelope([ transaction => $payload ], header => { event_id => random_hex(16) })->status;
}
is transaction('GET /cart', 10 * $_, $_ == 7 ? 'internal_error' : 'ok'), 200, 'a transaction' for 1 .. 10;
is transaction('GET /', 5, 'ok'), 200, 'another one';
$t->settle;
# The same people on the day before, one of whom saw a crash then.
$t->sql(q(insert into errtrack_private.session_users (project_id, day, release, environment, did, crashed, since)
    select project_id, day - 1, release, environment, did, did = (select min(did::text)::uuid from errtrack_private.session_users
        where release = 'shop@1' and environment = 'production' and not crashed), since from errtrack_private.session_users where release = 'shop@1' and environment = 'production'));
is_deeply look("$below/health/"), [
    { release => 'shop@1', environment => 'production', sessions => 4, exited => 3, errored => 0, crashed => 1, abnormal => 0,
      crashFreeSessions => 75, users => 3, crashedUsers => 2, crashFreeUsers => 33.3333 },
    { release => 'shop@1', environment => 'staging', sessions => 1, exited => 1, errored => 0, crashed => 0, abnormal => 0,
      crashFreeSessions => 100, users => 1, crashedUsers => 0, crashFreeUsers => 100 },
    { release => 'shop@2', environment => undef, sessions => 1, exited => 0, errored => 1, crashed => 0, abnormal => 0,
      crashFreeSessions => 100, users => 1, crashedUsers => 0, crashFreeUsers => 100 },
    { release => 'shop@3', environment => 'production', sessions => 1, exited => 0, errored => 0, crashed => 0, abnormal => 1,
      crashFreeSessions => 100, users => 0, crashedUsers => 0, crashFreeUsers => undef } ],
    'who was there on two days is one user, and saw a crash if there was one on either';
is_deeply [ map { "$_->{release} $_->{environment}" } @{ look("$below/health/?environment=staging&environment=test") } ], ['shop@1 staging'], 'health of environments';
is_deeply [ map { "$_->{release} $_->{environment}" } @{ look("$below/health/?release=shop\@1&release=nothing") } ], [ 'shop@1 production', 'shop@1 staging' ], '... of releases';
is_deeply look("$below/health/?start=2020-01-01T00:00:00&end=2020-01-02T00:00:00"), [], '... and of a period';

# Two hours: counts add up, quantiles are those of both.
$t->sql(q(insert into errtrack_private.transactions (project_id, hour, transaction, op, total, failures, total_ms, durations, since)
    select project_id, hour - interval '1 hour', transaction, op, total, 0, total_ms * 2, array(select case when n % 2 = 1 then d + 20 else d end
        from unnest(durations) with ordinality as u (d, n) order by n), since from errtrack_private.transactions where transaction = 'GET /cart'));
my $shown = look("$below/transactions/");
is_deeply [ map { [ @$_{qw(transaction op count failures failureRate)} ] } @$shown ], [ [ 'GET /cart', 'http.server', 20, 1, 0.05 ], [ 'GET /', 'http.server', 1, 0, 0 ] ],
    'transactions, the most frequent first';
for my $one (@$shown) {
    my ($wanted) = $t->sql(q(select round((sum(mean_ms * total) / sum(total))::numeric, 3), round(errtrack.duration_quantile(errtrack.sum_durations(durations), 0.5)::numeric, 3),
        round(errtrack.duration_quantile(errtrack.sum_durations(durations), 0.95)::numeric, 3), round(errtrack.duration_quantile(errtrack.sum_durations(durations), 0.99)::numeric, 3)
        from errtrack.transactions where transaction = $1), $one->{transaction});
    is_deeply [ map { 0 + $_ } @$one{qw(mean p50 p95 p99)} ], [ map { 0 + $_ } @$wanted ], "... $one->{transaction}: as the view has them";
}
is scalar @{ look("$below/transactions/?limit=1") }, 1, 'not more than asked for';
refused("transactions: $_", "$below/transactions/?$_") for 'limit=0', 'limit=1001', 'limit=x', 'statsPeriod=x', 'statsPeriod=-1d', 'statsPeriod=401d',
    'start=x', 'start=2026-01-02T00:00:00&end=2026-01-01T00:00:00', 'end=2026-01-01T00:00:00', 'start=2026-01-01T00:00:00&end=later';

# ---- monitors --------------------------------------------------------------------------

my $run = random_hex(16);
sub check_in {
    my ($slug, $status, %more) = @_;
    is $t->envelope([ check_in => { monitor_slug => $slug, status => $status, %more } ])->status, 200, "$slug says $status";
    $t->settle;
    return;
}
check_in('nightly', 'in_progress', check_in_id => $run, monitor_config => { schedule => { type => 'interval', value => 1, unit => 'day' }, timezone => 'Europe/Vienna' });
check_in('nightly', 'ok', check_in_id => $run, duration => 12.5);
check_in('nightly', 'error', environment => 'staging');
check_in('wo/chen', 'ok');
my $monitors = look("$below/monitors/");
is_deeply look('/organizations/acme/monitors/'), $monitors, 'monitors of the organization';
is_deeply [ map { join ' ', map { $_ // '-' } @$_{qw(slug environment status lastSeconds timezone missed timedOut)} } @$monitors ],
    [ map { join ' ', map { $_ // '-' } @$_ } $t->sql('select slug, environment, status, last_seconds, timezone, missed, timed_out from errtrack.monitors order by slug, environment') ],
    '... are those of the view';
is_deeply [ map { defined $_->{nextCheckIn} ? 1 : 0 } grep { $_->{slug} eq 'nightly' } @$monitors ], [ 1, 0 ], 'what has a schedule is expected';
my $runs = look("$below/monitors/nightly/checkins/");
is_deeply [ map { [ @$_{qw(environment status duration)} ] } @$runs ], [ [ 'staging', 'error', undef ], [ 'production', 'ok', 12500 ] ], 'runs, the last one first, in milliseconds';
is $runs->[1]{id} =~ tr/-//dr, $run, '... with their ids';
my ($slug) = map { $_->{slug} } grep { $_->{slug} ne 'nightly' } @$monitors;
is scalar @{ look("$below/monitors/" . $slug =~ s{/}{%2F}gr . '/checkins/') }, 1, "runs of '$slug'";
is $t->sentry('GET', "$below/monitors/nothing/checkins/")->status, 404, 'no runs of what is not there';

my %words = ("$below/stats/?stat=x" => 'stat must be received, rejected, blacklisted or generated', '/organizations/acme/stats_v2/?field=x' => 'field must be sum(quantity)');
is $t->sentry('GET', $_)->json->{detail}, $words{$_}, "$_ is told what there is" for sort keys %words;

# ---- feedback --------------------------------------------------------------------------

my $own = random_hex(16);
is $t->envelope([ user_report => { event_id => $first, name => 'Ann', email => 'ann@b.example', comments => 'I could not pay.' } ], header => { event_id => $first })->status, 200, 'a report of a person';
$t->settle;
is $t->envelope([ feedback => { contexts => { feedback => { message => 'Where is search?', name => 'Eve', contact_email => 'eve@b.example',
    url => 'https://shop.example/', associated_event_id => $other } } } ], header => { event_id => $own })->status, 200, 'feedback';
is $t->envelope([ user_report => { event_id => 'f' x 32, name => 'Bob', comments => '<b>white</b>' } ], header => { event_id => 'f' x 32 })->status, 200, 'a report about an event that is not here';
$t->settle;
my $said = look("$below/user-feedback/");
is_deeply [ sort map { $_->{comments} } @$said ], [ '<b>white</b>', 'I could not pay.', 'Where is search?' ], 'what people wrote';
my ($ann) = grep { $_->{name} eq 'Ann' } @$said;
is_deeply [ @$ann{qw(eventID email url kind issue event)} ], [ $first, 'ann@b.example', undef, 'user_report', { id => "$issue" }, { id => $first, eventID => $first } ], '... about an event and its issue';
is_deeply [ map { [ @$_{qw(id kind url issue)} ] } grep { $_->{name} eq 'Bob' } @$said ], [ [ 'f' x 32, 'user_report', undef, undef ] ], '... or one that is unknown';
is_deeply look("/issues/$issue/user-reports/"), [$ann], 'what they wrote about an issue';
is scalar @{ look("$below/user-feedback/?limit=2") }, 2, 'not more than asked for';
refused("feedback: limit=$_", "$below/user-feedback/?limit=$_") for 0, 101, 'x';

# ---- the ledger ------------------------------------------------------------------------

$t->sql(q(insert into errtrack_private.outcomes (project_id, hour, category, outcome, reason, quantity)
    select $1, date_trunc('hour', now(), 'UTC') - h * interval '1 hour', category, outcome, reason, n
    from generate_series(0, 60) as h, (values ('error', 'filtered', 'localhost', 3), ('error', 'rate_limited', '', 2), ('transaction', 'stored', '', 5),
        ('error', 'stored', '', 7)) as o (category, outcome, reason, n)
    on conflict (project_id, hour, category, outcome, reason) do update set quantity = outcomes.quantity + excluded.quantity), $project);
is $t->store('no json')->status, 400, 'a request that is refused';
is $t->envelope([ client_report => { discarded_events => [ { reason => 'sample_rate', category => 'error', quantity => 4 } ] } ])->status, 200, 'what an SDK did not send';
$t->settle;
eventually { $t->sql_value(q(select count(*) from errtrack.requests where outcome = 'refused')) } 'the edge has told what it refused';

sub items_of {
    my ($since) = @_;
    return { map { ("$_->[0] $_->[1] $_->[2]" => 0 + $_->[3]) } $t->sql(q(select category, outcome, reason, sum(items) from errtrack.outcomes
        where project_id = $1 and hour >= date_trunc('hour', now() - $2::interval, 'UTC') group by 1, 2, 3), $project, $since) };
}
for my $period (qw(1h 24h 14d)) {
    my $ledger = look("$below/ledger/?statsPeriod=$period");
    is_deeply { map { ("$_->{category} $_->{outcome} $_->{reason}" => $_->{items}) } @{ $ledger->{items} } }, items_of($period), "the ledger of $period is that of the view";
}
is_deeply look("$below/ledger/")->{items}, look("$below/ledger/?statsPeriod=24h")->{items}, 'of a day, if nothing else is said';
my $ledger = look("$below/ledger/");
is_deeply { map { ("$_->{outcome} $_->{reason}" => $_->{requests}) } @{ $ledger->{requests} } },
    { map { ("$_->[0] $_->[1]" => 0 + $_->[2]) } $t->sql('select outcome, reason, sum(requests) from errtrack.requests where project_id = $1 group by 1, 2', $project) },
    'requests too';
is_deeply $ledger->{notSent}, [ { category => 'error', outcome => 'discarded', reason => 'sample_rate', items => 4 } ], 'and what was not sent';

sub total { my $sum = 0; $sum += $_ for @_; return $sum }
my %column = (project => 0, category => 1, outcome => 2, reason => 3);
my @rows = $t->sql(q(select project_id::text, category, outcome, reason, items from errtrack.outcomes
    where project_id = $1 and hour >= date_bin('1 day', now() - interval '14 days', 'epoch')), $project);
for my $keys ([], ['project'], ['category'], ['outcome'], ['reason'], [qw(category outcome)], [qw(outcome reason)], [qw(project category outcome reason)]) {
    my $stats = look('/organizations/acme/stats_v2/?' . join '&', 'field=sum(quantity)', map { "groupBy=$_" } @$keys);
    my $join = sub { my ($by) = @_; return join ' ', map { "$_=$by->{$_}" } sort @$keys };
    my %wanted;
    for my $row (@rows) { $wanted{ $join->({ map { ($_ => $row->[ $column{$_} ]) } @$keys }) } += $row->[4] }
    is_deeply { map { ($join->($_->{by}) => $_->{totals}{'sum(quantity)'}) } @{ $stats->{groups} } }, \%wanted, "statistics by: @$keys";
    is_deeply [ map { total(@{ $_->{series}{'sum(quantity)'} }) } @{ $stats->{groups} } ], [ map { $_->{totals}{'sum(quantity)'} } @{ $stats->{groups} } ], '... whose steps add up';
    is_deeply [ map { scalar @{ $_->{series}{'sum(quantity)'} } } @{ $stats->{groups} } ], [ (scalar @{ $stats->{intervals} }) x @{ $stats->{groups} } ], '... a value for each step';
}
my $hours = look('/organizations/acme/stats_v2/?statsPeriod=24h&groupBy=outcome&category=error&outcome=filtered');
is_deeply [ map { $_->{by} } @{ $hours->{groups} } ], [ { outcome => 'filtered' } ], 'of a category and an outcome';
is scalar @{ $hours->{intervals} }, 25, '... by the hour';
is_deeply [ @{ $hours->{groups}[0]{series}{'sum(quantity)'} }[ 0 .. 23 ] ], [ (3) x 24 ], '... each in its own';
is scalar @{ look('/organizations/acme/stats_v2/?statsPeriod=24h&interval=6h')->{intervals} }, 5, 'by other steps';
is_deeply look('/organizations/acme/stats_v2/?start=2020-01-01T00:00:00&end=2020-01-02T00:00:00')->{groups}, [], 'nothing is nothing';
refused("statistics: $_", "/organizations/acme/stats_v2/?$_") for 'groupBy=colour', 'interval=1m', 'interval=0h', 'interval=x', 'interval=1h&statsPeriod=400d', 'field=max(x)', 'statsPeriod=0d';
is $t->sentry('GET', '/organizations/acme/stats_v2/?project=nothing')->status, 404, 'of a project that is not there';

for my $case ([ received => q(outcome <> 'duplicate') ], [ generated => q(outcome = 'stored') ], [ blacklisted => q(outcome = 'filtered') ],
    [ rejected => q(outcome in ('rate_limited', 'invalid', 'discarded', 'dead')) ]) {
    my ($stat, $where) = @$case;
    for my $resolution ([ '1h', 'hour', 25 ], [ '1d', 'day', 2 ]) {
        my ($name, $unit, $steps) = @$resolution;
        my %wanted = map { ($_->[0] => 0 + $_->[1]) } $t->sql("select extract(epoch from date_trunc('$unit', hour, 'UTC'))::bigint, sum(items) from errtrack.outcomes
            where project_id = \$1 and category = 'error' and $where and hour >= date_trunc('$unit', now() - interval '24 hours', 'UTC') group by 1", $project);
        my $pairs = look("$below/stats/?stat=$stat&resolution=$name");
        is_deeply { map { @$_ } grep { $_->[1] } @$pairs }, \%wanted, "events $stat in steps of $name";
        is scalar @$pairs, $steps, '... all of a day, with those in which there were none';
    }
}
is scalar @{ look("$below/stats/?since=" . ($now - 7200) . "&until=$now") }, 3, 'since and until';
refused("statistics of a project: $_", "$below/stats/?$_") for 'stat=x', 'resolution=10s', 'since=9999999999', 'since=0', 'since=5&until=4', 'since=x', 'until=x';

# ---- asking again ----------------------------------------------------------------------

my $answer = $t->sentry('GET', "$below/environments/");
my $tag = $answer->header('ETag');
like $tag, qr/^"[0-9a-f]{32}"$/, 'an answer has a tag';
is $answer->header('Cache-Control'), 'private, no-cache', '... and is kept by who asked alone';
my $ask = sub { return $t->sentry('GET', "$below/environments/", headers => { 'If-None-Match' => $_[0] }) };
for my $value ($tag, "W/$tag", qq("x", $tag), '*') {
    my $none = $ask->($value);
    is_deeply [ $none->status, $none->content, $none->header('ETag') ], [ 304, '', $tag ], "who has it already gets no more: $value";
}
is $ask->('"x"')->status, 200, 'who has another one gets it';
is $t->sentry('HEAD', "$below/environments/")->header('ETag'), $tag, 'HEAD tells it too';
is $t->sentry('GET', "$below/environments/", token => '', headers => { 'If-None-Match' => $tag })->status, 401, 'it is no token';
is $t->store({ message => 'new', environment => 'new' })->status, 200, 'an event of another environment';
$t->settle;
is $ask->($tag)->status, 200, '... and there is something new';
is $t->sentry('GET', "$below/environments/nothing/")->header('ETag'), undef, 'a refusal has none';

$t->done;
