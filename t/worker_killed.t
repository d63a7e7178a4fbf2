# The worker is killed between commit and acknowledgement: the entry is handed out
# again, known by its delivery id, and counted once.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(
    redis  => { appendonly => 'always' },
    worker => { args => ['--claim-after', 1] },
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

my $events = 'errtrack:{q0}:events';
my $count = sub { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack_private.issues') };
my $pending = sub { $t->redis('XPENDING', $events, 'workers')->[0] };

eventually { $t->redis('XLEN', $events) == 0 } 'the queue is empty';

# A lock on the last table of a batch holds its transaction open: time to stop
# Redis from taking the acknowledgement that follows the commit.
my $lock = $t->sql_session;
$lock->('begin; lock table errtrack_private.outcomes in access exclusive mode;');
is $t->store({ message => 'filed once', user => { id => 1 } })->status, 200, 'a report is taken';
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where usename = 'errtrack_worker' and wait_event_type = 'Lock'});
} 'the worker is in the middle of its transaction';
$t->redis('CLIENT', 'PAUSE', 60000, 'WRITE');
$lock->('commit;');
eventually { $count->() == 1 } 'the event is committed';
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where usename = 'errtrack_worker' and state = 'idle'});
} 'the worker waits for its acknowledgement';

$t->worker->kill;
$t->redis('CLIENT', 'UNPAUSE');
is $pending->(), 1, 'the entry was not acknowledged';

$t->worker->start;
eventually { $pending->() == 0 } 'another worker takes it over', timeout => 15;
is $t->redis('XLEN', $events), 0, 'the queue is empty';
is $count->(), 1, 'the event is counted once';
is $t->sql_value('select sum(user_count) from errtrack_private.issues'), 1, 'its user is counted once';
is $t->sql_value('select count(*) from errtrack_private.occurrences'), 1, 'it is stored once';
is $t->sql_value('select sum(quantity) from errtrack_private.outcomes'), 1, 'the ledger has one outcome';

is $t->store({ message => 'filed once' })->status, 200, 'the next report is taken';
eventually { $count->() == 2 } 'and counted';

$t->done;
