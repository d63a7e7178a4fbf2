# Redis stands still for five seconds under load: every report is answered 200 in bounded
# time, out of the spool, and filed once, whatever of it Redis has taken after all.

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
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_redis_timeout 1s;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=64m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF
);

my $load = ErrTrack::Load->start($t, clients => 6);
eventually { $load->answered(200) > 200 } 'reports are taken';
my $begin = Time::HiRes::time();
$t->redis('CLIENT', 'PAUSE', 5000, 'ALL');
my $before = $load->answered(200);
# Each client waits for an answer of Redis once in a while, for a second at most.
eventually { $load->answered(200) > $before + 12 } 'they are taken while Redis stands still', timeout => 4.5;
is $t->redis('PING'), 'PONG', 'Redis goes on';
cmp_ok Time::HiRes::time() - $begin, '>', 4.5, 'after five seconds';
my $back = $load->answered(200);
eventually { $load->answered(200) > $back + 200 } 'reports are taken';
my $answers = $load->stop;

is join(' ', sort keys %$answers), 200, 'every report was answered 200';
# A second for the answer of Redis, the rest for the disk and a busy machine.
cmp_ok $load->slowest, '<', 3, sprintf 'the slowest in %.2f s', $load->slowest;
$t->filed_once($answers->{200});

$t->done;
