# Redis stopped: the edge says so at once, with a time to come back; Redis back: it
# takes reports again without a reload. A Redis that hangs is one that is down.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(
    redis  => { appendonly => 'always' },
    worker => { args => ['--claim-after', 2] },
    nginx  => <<'CONF',
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 1m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location /errortracking/api/v1/ { errtrack_query; }
        location /api/v4/ { errtrack_query; }
    }
}
CONF
);

my $send = sub { $t->store({ message => 'the queue is away', logger => $_[0] }) };
my $filed = sub { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack_private.issues') };
# A process that was just forked has the name of its master for a moment.
my @workers;
eventually { 2 == (@workers = sort $t->nginx->worker_pids) } 'two processes take reports';

is $send->('before')->status, 200, 'a report is taken while Redis runs';

$t->redis_server->stop;
my $answer;
eventually { ($answer = $send->('down'))->status == 503 } 'it is refused when Redis is stopped';
is $answer->header('Retry-After'), '10', 'the answer says when to come back';
is $answer->header('X-Sentry-Rate-Limits'), '10::organization', 'and says so in the words of SDKs';
is $answer->header('Content-Type'), 'application/json', 'the answer is JSON';
like $answer->json->{detail}, qr/neither the queue nor the spool/, 'and tells why';

$t->redis_server->start;
eventually { $send->('back')->status == 200 } 'it is taken again when Redis is back', timeout => 10;
eventually { $filed->() == 2 } 'what was taken is filed, what was refused is not';

$t->redis('CLIENT', 'PAUSE', 4000, 'ALL');
is $send->('hangs')->status, 503, 'it is refused when Redis does not answer in time';
eventually { $send->('answers')->status == 200 } 'it is taken when Redis answers again';
# The report that was refused may lie in the queue all the same: it was on its way.
eventually { $filed->() >= 3 } 'and filed';

is_deeply [sort $t->nginx->worker_pids], \@workers, 'no process of nginx was replaced';
eventually { $t->redis('XLEN', 'errtrack:{q0}:events') == 0 } 'the queue is empty';

$t->done;
