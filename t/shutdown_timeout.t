# nginx is reloaded again and again while Redis hangs, and its old processes have a second
# to end: every report is answered or its connection closed, the old processes do end, and
# what was answered 200 is filed, once.

use strict;
use warnings;

use Test::More;
use Time::HiRes ();

use ErrTrack;
use ErrTrack::Load;

my $t = ErrTrack->stack(
    redis => { appendonly => 'always' },
    nginx => <<'CONF',
%%MODULES%%
%%GLOBALS%%
worker_shutdown_timeout 1s;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_redis_timeout 4s;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=64m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF
);

my $load = ErrTrack::Load->start($t, clients => 8);
eventually { $load->answered(200) > 200 } 'reports are taken';
$t->redis('CLIENT', 'PAUSE', 6000, 'ALL');
for my $round (1 .. 3) {
    my $begin = Time::HiRes::time();
    $t->nginx->reload;
    my $took = Time::HiRes::time() - $begin;
    cmp_ok $took, '<', 3.5, sprintf 'the old processes end in %.1f s', $took;
}
is $t->redis('PING'), 'PONG', 'Redis goes on';
my $before = $load->answered(200);
eventually { $load->answered(200) > $before + 200 } 'reports are taken';
my $answers = $load->stop;

# 599: the connection was closed.
like join(' ', sort keys %$answers), qr/^200(?: 599)?$/,
    sprintf 'reports were answered 200 (%d), or their connections closed (%d)', map { scalar @{ $answers->{$_} || [] } } 200, 599;
cmp_ok $load->slowest, '<', 6, sprintf 'within %.1f s', $load->slowest;
$t->filed_once($answers->{200});

$t->done;
