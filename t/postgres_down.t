# PostgreSQL stopped: reports are taken and wait in Redis, the query API says that it
# cannot answer. PostgreSQL back: they arrive, and the counts are exact.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => <<'CONF');
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

my $project = $t->{project}{id};
my $list = sub { $t->api(GET => "/projects/$project/errors") };
my $send = sub { $t->store({ message => 'the store is away', user => { id => $_[0] } })->status };

is $send->('before'), 200, 'a report is taken while PostgreSQL runs';
eventually { @{ $list->()->json } == 1 } 'and listed';

$t->postgres->stop;
is $list->()->status, 503, 'the query API cannot answer';
is $list->()->header('Content-Type'), 'application/json', 'and says so in JSON';
is scalar(grep { $send->("user-$_") == 200 } 1 .. 30), 30, '30 reports are taken meanwhile';
is $t->redis('XLEN', 'errtrack:{q0}:events'), 30, 'they wait in Redis';

$t->postgres->start;
eventually { $t->redis('XLEN', 'errtrack:{q0}:events') == 0 } 'they are filed when it is back', timeout => 30;
eventually { $list->()->status == 200 } 'the query API answers again';
my $issue = $list->()->json->[0];
is $issue->{event_count}, 31, 'every event is counted, and once';
is $issue->{approximated_user_count}, 31, 'every user is counted, and once';
is $t->sql_value('select count(*) from errtrack_private.occurrences'), 31, 'every occurrence is stored';
is $t->sql_value('select count(*) from errtrack_private.payloads'), 31, 'with its payload';
is $t->sql_value(q{select sum(quantity) from errtrack_private.outcomes where outcome = 'stored'}), 31,
    'the ledger says the same';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing died';

$t->done;
