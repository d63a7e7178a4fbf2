# Redis is killed under load, stays away and comes back: what was answered 200 in the
# meantime lies in the spool, and is filed once, without anybody doing anything.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Load;

my $AWAY = $ENV{ERRTRACK_AWAY} || 20;

my $t = ErrTrack->stack(
    redis  => { appendonly => 'always' },
    worker => { args => ['--claim-after', 2] },
    nginx  => <<'CONF',
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
        location = /metrics { errtrack_metrics; }
        location = /ready { errtrack_health ready; }
    }
}
CONF
);

my $spool = "$t->{dir}/spool";
is sprintf('%04o', (stat $spool)[2] & 07777), '0700', 'the folder of the spool is nobody else\'s business';

my $load = ErrTrack::Load->start($t, clients => 4);
eventually { $load->answered(200) > 50 } 'reports are taken';
$t->redis_server->kill;
my $before = $load->answered(200);
eventually { $load->answered(200) > $before + 200 } 'they are taken while Redis is dead';
is $t->get('/ready')->status, 200, 'nginx is ready all the while';
ok scalar(glob "$spool/*.v"), 'they lie in the spool';
like $t->get('/metrics')->content, qr/^errtrack_spooled_total [1-9]/m, 'which the metrics tell';
my $until = time + $AWAY;
eventually { $load->answered(200); time >= $until } "for $AWAY s", timeout => $AWAY + 10;

$t->redis_server->start;
eventually { $t->redis('XLEN', 'errtrack:{q0}:events'); 1 } 'Redis is back';
my $back = $load->answered(200);
eventually { $load->answered(200) > $back + 100 } 'reports are taken';
my $answers = $load->stop;

is join(' ', sort keys %$answers), '200', 'every report was answered 200';
$t->filed_once($answers->{200});

$t->done;
