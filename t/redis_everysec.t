# What Redis with appendfsync everysec can lose, as the README says: reports that were
# answered in the two seconds before it died, and no others. It is killed under load; then
# again with the end of its log cut off, as a power cut leaves it: entries that were filed
# already come back, and are not filed again; and once more while the worker is away.

use strict;
use warnings;

use List::Util qw(max);
use Test::More;
use Time::HiRes ();

use ErrTrack;
use ErrTrack::Load;

my $t = ErrTrack->stack(
    redis  => { appendonly => 'everysec' },
    worker => { args => ['--claim-after', 2] },
    nginx  => <<'CONF',
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=64m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF
);

# Has Redis die under load. Returns how many of the reports that were answered 200 are
# lost. Options: cut => seconds of its log that are lost with it; away => 1: no worker.
sub lost_with_redis {
    my ($label, %arg) = @_;
    $t->worker->stop if $arg{away};
    my $load = ErrTrack::Load->start($t, clients => 4);
    my @sizes;
    my ($log) = glob "$t->{dir}/redis/appendonlydir/*.incr.aof";
    my $until = time + 4;
    eventually {
        push @sizes, [ Time::HiRes::time(), -s $log ];
        $load->answered(200) > 500 && time >= $until
    } "$label: reports are taken";
    my $killed = Time::HiRes::time();
    $t->redis_server->kill;
    if ($arg{cut}) {
        my ($kept) = grep { $_->[0] > $killed - $arg{cut} } @sizes;
        truncate $log, $kept->[1] or die "truncate $log: $!\n";
    }
    $t->redis_server->start;
    my $back = $load->answered(200);
    eventually { $load->answered(200) > $back + 200 } "$label: they are taken afterwards";
    my $answers = $load->stop;
    is join(' ', sort keys %$answers), 200, "$label: every report was answered 200";

    $t->worker->start if $arg{away};
    my $filed = $t->settle;
    my @accepted = @{ $answers->{200} };
    my @lost = grep { !$filed->{$_} } @accepted;
    my $oldest = max 0, map { $killed - $load->answered_at($_) } @lost;
    note sprintf '%s: lost %d of %d accepted, all within %.0f ms before the kill', $label, scalar @lost,
        scalar @accepted, 1000 * $oldest;
    cmp_ok $oldest, '<=', 2, "$label: only what was answered in the last two seconds is lost";
    is scalar(grep { $_ > 1 } values %$filed), 0, "$label: nothing is filed twice";
    return scalar @lost;
}

lost_with_redis('killed');
lost_with_redis('power cut', cut => 1);
cmp_ok lost_with_redis('power cut without a worker', cut => 1, away => 1), '>', 0, 'where something must be lost it is seen';

$t->done;
