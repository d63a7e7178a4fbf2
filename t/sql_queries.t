# Every query of sql/README.md and of the dashboard for Grafana runs with the login of an
# analyst, and finds what real clients have sent.

use strict;
use warnings;

use List::Util qw(first);
use POSIX ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(random_hex read_file);
use ErrTrack::Queries qw(dashboard_queries fill_macros worked_queries);

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;

events {}

http {
    %%HTTP%%

    log_format with_id '$status $request_id $request';
    access_log "%%DIR%%/access.log" with_id;

    errtrack_redis %%REDIS%%;
    errtrack_zone 8m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;

        location ~ /api/[^/]+/(envelope|store)/$ {
            client_max_body_size 0;
            errtrack_ingest;
        }

        location /errortracking/api/v1/ {
            errtrack_query;
        }
    }
}
CONF

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => { config => $conf });
my $project = $t->project->{id};

# ---- something of everything ------------------------------------------------------------

my $release = 'shop@1.39.0';
my $began = POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime);
my %common = (release => $release, environment => 'production', user => { id => 'kim' });
sub event {
    my ($message, %members) = @_;
    my $id = random_hex(16);
    is $t->store({ event_id => $id, message => $message, %common, %members })->status, 200, "a report is taken: $message";
    return $id;
}

my $first = event('disk full', tags => { browser => 'Firefox' }, request => { url => 'https://shop.example/pay' });
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == 1 } 'it is filed';
my ($issue, $short) = @{ ($t->sql('select issue_id, short_id from errtrack.issues'))[0] };
is $t->api(PUT => "/projects/$project/errors/$issue", json => { status => 'resolved' })->status, 200, 'it is resolved';
event('disk full');
eventually { $t->sql_value(q(select count(*) from errtrack.issue_history where what = 'regression')) == 1 } 'and comes back';
is $t->envelope(
    [ transaction => { type => 'transaction', transaction => 'checkout', start_timestamp => time - 2, timestamp => time,
        contexts => { trace => { trace_id => random_hex(16), span_id => random_hex(8), op => 'http.server', status => 'ok' } }, %common } ],
    [ session => { sid => random_hex(16), did => 'kim', init => JSON::PP::true(), started => $began, status => 'exited',
        attrs => { release => $release, environment => 'production' } } ],
    [ check_in => { monitor_slug => 'nightly', status => 'error' } ],
    [ user_report => { event_id => $first, name => 'Kim', email => 'kim@a.example', comments => 'it does not work' } ],
    [ profile => {} ])->status, 200, 'and what else SDKs send';
isnt $t->http('POST', "/api/$project/envelope/", headers => { 'X-Sentry-Auth' => 'Sentry sentry_key=' . '0' x 32 }, content => "{}\n")->status, 200,
    'a wrong key is refused';
eventually { $t->sql_value(q(select count(*) from (select from errtrack.transactions limit 1) a, (select from errtrack.release_users limit 1) b,
    (select from errtrack.monitors limit 1) c, (select from errtrack.feedback where issue_id is not null limit 1) d)) == 1 } 'all is filed';
eventually { $t->sql_value(q(select count(*) from errtrack.issue_tags where key = 'browser')) == 1 } 'tags are folded';
$t->sql(q(insert into errtrack_private.deploys (project_id, release, environment, name, url, finished_at) values ($1, $2, 'production', '', '', now())),
    $project, $release);
$t->sql(q(insert into errtrack_private.requests (project_id, hour, reason, requests) values ($1, date_trunc('hour', now()), 'quota', 3)), $project);
my ($request) = read_file("$t->{dir}/access.log") =~ m{^200 ([0-9a-f]{32}) POST /api/\d+/store/}m;
like $request, qr/^[0-9a-f]{32}$/, 'the access log has a line of a report';

$t->sql('create role ann login; grant errtrack_report to ann');

# ---- the queries --------------------------------------------------------------------------

my @worked = worked_queries();
cmp_ok scalar @worked, '>=', 15, 'there are fifteen worked queries at least';
for (@worked) {
    my ($heading, $query) = @$_;
    $query =~ s/SHOP-2A/$short/g;
    $query =~ s/'[0-9a-f]{32}'/'$request'/g;
    # What has happened now is what was looked for in the hour of the incident.
    $query =~ s/now\(\) - interval '2 hours', now\(\) - interval '1 hour'/now() - interval '2 hours', now()/;
    my @rows = eval { $t->sql("set role ann; $query") };
    is $@, '', "it runs: $heading";
    cmp_ok scalar @rows, '>', 0, '... and finds something';
    isnt first(sub { defined && length }, map { @$_ } @rows), undef, '... that is a value';
}

my @panels = dashboard_queries();
cmp_ok scalar @panels, '>=', 15, 'the dashboard has fifteen queries at least';
for (@panels) {
    my ($title, $query, $format) = @$_;
    my $filled = fill_macros($query, project => 'acme/shop', period => '1 day');
    my @rows = eval { $t->sql("set role ann; $filled") };
    is $@, '', "panel: $title";
    cmp_ok scalar @rows, '>', 0, '... has rows';
    next if $format ne 'time_series';
    is $t->sql_value(qq{set role ann; select string_agg(distinct pg_typeof("time")::text, ' ') from ($filled) panel}),
        'timestamp with time zone', '... by time';
    is $t->sql_value(qq{set role ann; select count(*) from ($filled) panel where metric is null}), 0, '... each of a series with a name';
}

$t->done;
