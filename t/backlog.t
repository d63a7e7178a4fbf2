# The queue in Redis is bounded: past errtrack_backlog reports go to the spool, and still
# are answered 200; when the worker is back everything is filed, once.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(
    redis => { appendonly => 'always' },
    nginx => <<'CONF',
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=64m free=1m;
    errtrack_backlog entries=50;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location = /metrics { errtrack_metrics; }
        location = /ready { errtrack_health ready; }
    }
}
CONF
);

my @ids;
my $send = sub {
    my ($event) = @_;
    my $answer = $t->store($event);
    push @ids, $answer->json->{id} if $answer->status == 200;
    return $answer->status;
};
my $waiting = sub { $t->redis('XLEN', 'errtrack:{q0}:events') + $t->redis('XLEN', 'errtrack:{q0}:large') };
my $spooled = sub { $t->get('/metrics')->content =~ /^errtrack_spooled_total (\d+)/m && $1 };

eventually { $waiting->() == 0 } 'the queue is empty';
$t->worker->stop;
is join(' ', map { $send->({ message => 'below' }) } 1 .. 40), join(' ', (200) x 40), '40 reports are taken';
# A Redis that is slow for a moment has the spool used, which is drained only below the bound.
eventually { $waiting->() == 40 } 'and wait in Redis';
my $slow = $spooled->();
# Large ones count too, though they wait apart.
is join(' ', map { $send->({ message => 'large', extra => { text => 'x' x 70_000 } }) } 1 .. 20), join(' ', (200) x 20),
    '20 more are taken';
eventually { my $before = $waiting->(); $send->({ message => 'beyond' }) == 200 && $before >= 50 && $waiting->() == $before }
    'the queue grows no longer';
my $full = $waiting->();
is join(' ', map { $send->({ message => 'beyond' }) } 1 .. 200), join(' ', (200) x 200), '200 more are taken';
is $waiting->(), $full, 'not by Redis';
cmp_ok $spooled->() - $slow, '>=', 200, 'but by the spool';
is $t->get('/ready')->status, 200, 'nginx is ready all the while';

$t->worker->start;
$t->filed_once(\@ids);
is $send->({ message => 'after' }), 200, 'a report is taken afterwards';
eventually { $t->sql_value(q{select sum(event_count) from errtrack_private.issues where title = 'after'}) == 1 } 'and filed';

$t->done;
