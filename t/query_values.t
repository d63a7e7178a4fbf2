# Values at the ends of what the HTTP surfaces take: times, numbers, lists that name a thing twice.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root);

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql(read_file(root() . '/t/openapi/data.sql'));
$t->start_nginx(config => <<'CONF');
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=2 max_queue=64;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;

        location / {
            errtrack_query;
        }
    }
}
CONF

sub ask {
    my ($method, $path, %arg) = @_;
    return $t->http($method, "/api/0$path", headers => { Authorization => 'Bearer owner' }, %arg);
}

# ---- times ------------------------------------------------------------------------

my $list = '/projects/acme/shop/issues/';
my %times = (
    '2026-01-31T12:00:00%2B15:59' => 200, '2026-01-31T12:00:00%2B1600' => 400, '2026-01-31T12:00:00-19:59' => 400,
    '9999-12-31T23:59:59Z' => 200, '9999-12-31T23:59:59-00:01' => 400,
    '0001-01-01' => 200, '0001-01-01T00:00:00%2B00:01' => 400, '0000-01-01' => 400, '2026-02-30' => 400, '-999999d' => 400,
);
for my $time (sort keys %times) {
    is ask('GET', "$list?start=$time")->status, $times{$time}, "$time is answered $times{$time}";
}

# ---- numbers ----------------------------------------------------------------------

for my $name (qw(ignoreCount ignoreUserCount)) {
    my $most = 1_000_000_000_000;
    is ask('PUT', '/issues/42003/', content => qq({"status":"ignored","$name":$most}))->json->{status}, 'ignored', "an issue is ignored for the greatest $name";
    for my $more ($most + 1, '9223372036854775807') {
        is ask('PUT', '/issues/42003/', content => qq({"status":"ignored","$name":$more}))->status, 400, "... and not for $more";
    }
}
is_deeply ask('PUT', '/issues/42003/', content => '{"status":"ignored"}')->json->{statusDetails}, {}, 'without a bound there is none';
my $until = ask('PUT', '/issues/42003/', content => '{"status":"ignored","ignoreDuration":99999999999}')->json->{statusDetails}{ignoreUntil};
cmp_ok $until, 'lt', '2100', 'ten years are the most';

# ---- conditions -------------------------------------------------------------------

my $status = sub { $t->sql_value('select status from errtrack_private.issues where id = 42003') };
ask('PUT', '/issues/42003/', content => '{"status":"unresolved"}');
for my $condition ([ 'If-Match' => '"another"' ], [ 'If-None-Match' => '*' ], [ 'If-Unmodified-Since' => 'Mon, 01 Jan 2001 00:00:00 GMT' ]) {
    my $answer = ask('PUT', '/issues/42003/', content => '{"status":"resolved"}', headers => { Authorization => 'Bearer owner', @$condition });
    is $answer->status, 412, "a change with $condition->[0] is refused";
    like $answer->json->{detail}, qr/no change depends on what is there/, '... with the reason';
    is $status->(), 'unresolved', '... and not made';
}

# ---- lists ------------------------------------------------------------------------

my %lists = (
    '["shop","shop"]' => 201, '["shop",42,"42"]' => 201, '["shop","blog"]' => 201, '["shop","theirs"]' => 400,
    '["shop",null]' => 400, '["shop",["shop"]]' => 400, '[42.5]' => 400, '[]' => 400,
);
my $made = 0;
for my $projects (sort keys %lists) {
    my $answer = ask('POST', '/organizations/acme/releases/', content => sprintf '{"version":"twice@%d","projects":%s}', ++$made, $projects);
    is $answer->status, $lists{$projects}, "a release of the projects $projects is answered $lists{$projects}";
}

$t->done;
