# errtrack status: whether reports get where they should, at a glance for people, by the
# exit code for monitoring, and live.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir run);

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
    errtrack_spool %%DIR%%/spool free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF
);

my @words = (build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), 'status',
    '--redis', $t->redis_server->address);
my $last;
# What it shows, or one field of it; its exit code and complaint are in $last.
my $status = sub {
    my ($field, @more) = @_;
    my ($code, $out, $err) = run([ @words, '--json', @more ]);
    $last = "$code $err";
    my $fields = JSON::PP::decode_json($out);
    return defined $field ? $fields->{$field} : $fields;
};
my $reports = 0;
my $send = sub { $reports++; return $t->store({ message => "report $reports" })->status };

is join(' ', map { $send->() } 1 .. 3), '200 200 200', 'reports are taken';
is $t->store('{', type => 'application/json')->status, 400, 'one is refused';
# The test has asked for its key with an empty envelope, which was accepted too.
eventually { my $s = $status->(); $s->{requests_filed} >= 4 && $s->{requests_open} == 0 } 'accepted and filed become the same';
eventually { $status->('requests_refused') >= 1 } 'refused ones are counted';
is $status->('requests_dead'), 0, 'none is dead';
is $status->('queue_lag_seconds'), 0, 'nothing waits';
is $last, '0 ', 'monitoring is content';

{
    local $ENV{ERRTRACK_REDIS} = $t->redis_server->address;
    my ($code, undef, $err) = run([ @words[ 0 .. 3 ], '--redis', '127.0.0.1:1' ]);
    is $code, 1, 'a given address counts, not that of the environment';
    like $err, qr/127\.0\.0\.1:1: /, 'and is named';
    is +(run([ @words[ 0 .. 3 ] ]))[0], 0, 'without one that of the environment does';
}

$t->worker->stop;
is $send->(), 200, 'a report is taken while no worker runs';
is $status->('queue_events'), 1, 'it waits in the queue';
eventually { $status->('queue_lag_seconds', '--max-lag', 1) > 1 } 'for longer and longer';
like $last, qr/^3 errtrack: what is in the queue has waited for \d+ s: look whether a worker runs$/m, 'which is an alarm';
$status->();
is $last, '0 ', 'that comes late enough by default';
$t->worker->start;
eventually { $status->('queue_events') == 0 } 'a worker files it';
eventually { $status->('requests_open') == 0 } 'and the ledger is even';

$t->redis_server->stop;
is $send->(), 200, 'a report is taken while Redis is away';
is $status->('queue_events'), undef, 'what is in the queue is not known';
like $last, qr/^1 errtrack: Redis at /, 'which is told';
$t->redis_server->start;
eventually { $status->('queue_events') eq '0' } 'it is known again';
eventually { my $s = $status->(); $s->{requests_filed} >= 6 && $s->{requests_open} == 0 } 'what was in the spool is filed and even';

$t->redis('XADD', 'errtrack:{q0}:events', '*', 'hello', 'world');
eventually { $status->('dead_letters_last_day') == 1 } 'a dead letter is counted';
is $last, "3 errtrack: 1 dead letters since yesterday: see errtrack dead list\n", 'which is an alarm';
$t->sql(q{update errtrack_private.dead_letters set died_at = now() - interval '2 days'});
is $status->('dead_letters'), 1, 'an old one is shown';
is $last, '0 ', 'and is no alarm';

$t->sql(q{insert into errtrack_private.deliveries (project_id, delivery_id, received_at) values (1, gen_random_uuid(), '2001-01-01')});
is $status->('rows_in_default_partitions'), 1, 'a row without a partition is counted';
like $last, qr/^3 errtrack: partitions were not made in time/, 'which is an alarm';

$t->worker->stop;
$send->();
$t->postgres->stop;
my $queue = $status->();
is "$queue->{queue_events} $queue->{queue_large} $queue->{queue_large_pending}", '1 0 0',
    'what is in the queue is known without PostgreSQL';
ok exists $queue->{queue_lag_seconds} && $queue->{keys_generation}, 'how long it has waited, too';
ok !exists $queue->{projects}, 'and nothing else';
like $last, qr/^2 errtrack: cannot reach the database/, 'which is told';
my @people = run([@words]);
is $people[0], 2, 'people are shown it';
like $people[1], qr/^queue_events          1\n(?:queue_\w+ +\d+\n){4}keys_generation       \S+\n\z/, 'as a record';
my @both = run([ @words[ 0 .. 3 ], '--redis', '127.0.0.1:1' ]);
is "$both[0] $both[1]", '2 ', 'without both nothing is shown';
like $both[2], qr/^errtrack: cannot reach the database.*; Redis at 127\.0\.0\.1:1: /, 'and both are told';
$t->postgres->start;
$t->worker->start;
eventually { $status->('queue_events') == 0 } 'it goes on with PostgreSQL';

my @live = run([ 'sh', '-c', '"$@" | head -n 2', 'sh', @words, '--watch', '1', '--json' ]);
is scalar(grep { JSON::PP::decode_json($_)->{projects} == 1 } split /\n/, $live[1]), 2, 'it can be watched';
@live = run([ 'sh', '-c', '"$@" | head -n 40', 'sh', @words, '--watch' ]);
cmp_ok scalar(() = $live[1] =~ /^projects +1$/mg), '>', 1, 'by people too';

$t->done;
