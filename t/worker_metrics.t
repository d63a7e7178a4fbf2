# The worker tells how it is: metrics, and health that is true when it can file.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::HTTP qw(http_raw http_request);
use ErrTrack::Ports qw(free_port);

my $port = free_port();
my $t = ErrTrack->stack(
    redis  => { appendonly => 'always' },
    worker => { args => ['--listen', "127.0.0.1:$port", '--claim-after', 1] },
    nginx  => 0,
);

my $ask = sub { my ($path, $method) = @_; return http_request($method // 'GET', "http://127.0.0.1:$port$path") };
my $health = sub { my $answer = $ask->($_[0]); return $answer->status . ' ' . $answer->content };
my $ready = sub { return $health->('/ready') };
# The value of a metric by its name and labels; undef when it is not there.
my $metric = sub {
    my ($name) = @_;
    return $ask->('/metrics')->content =~ /^\Q$name\E (\S+)$/m ? 0 + $1 : undef;
};

my $events = 'errtrack:{q0}:events';
my $number = 0;
my $add = sub {
    my (%more) = @_;
    my %line = (v => 1, id => sprintf('%032x', ++$number), at => time . '000000', project => $t->{project}{id},
        key => 1, ep => 'store', event => sprintf('e%031x', $number), %more);
    return $t->redis('XADD', $events, '*', m => join('', map { "$_ $line{$_}\n" } sort keys %line), b => '{"message":"x"}');
};

is $health->('/live'), '200 {"is_healthy":true}', 'it lives';
eventually { $ready->() eq '200 {"is_healthy":true}' } 'it is ready';
is $ask->('/metrics')->header('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8', 'metrics have the type of Prometheus';
is $metric->('errtrack_worker_up{service="database"}'), 1, 'the database is there';
is $metric->('errtrack_worker_up{service="redis"}'), 1, 'Redis is there';
is $metric->('errtrack_queue_entries{stream="events"}'), 0, 'nothing waits';
is $metric->('errtrack_queue_oldest_age_seconds{stream="events"}'), 0, 'and has not for long';

$add->() for 1 .. 3;
$add->(event => sprintf 'e%031x', 1);
eventually { ($metric->('errtrack_worker_records_total') // 0) == 4 } 'requests are counted when they are filed';
is $metric->('errtrack_worker_items_total{outcome="stored"}'), 3, 'items by outcome: stored';
is $metric->('errtrack_worker_items_total{outcome="duplicate"}'), 1, 'items by outcome: duplicate';
cmp_ok $metric->('errtrack_worker_batch_seconds_count'), '>=', 1, 'the time of a batch is taken';
is $metric->('errtrack_worker_batch_records_sum'), 4, 'and its size';

$t->redis('XADD', $events, '*', 'hello', 'world');
eventually { ($metric->('errtrack_worker_dead_total') // 0) == 1 } 'a dead letter is counted';

my $lock = $t->sql_session;
$lock->('begin; lock table errtrack_private.outcomes in access exclusive mode;');
$add->() for 1 .. 3;
eventually { $metric->('errtrack_queue_entries{stream="events"}') == 3 } 'what waits behind a worker that hangs is seen';
eventually { $metric->('errtrack_queue_pending_entries{stream="events"}') >= 1 } 'and what it holds';
eventually { $metric->('errtrack_queue_oldest_age_seconds{stream="events"}') > 0 } 'and since when';
$lock->('commit;');
eventually { $metric->('errtrack_queue_entries{stream="events"}') == 0 } 'until it gets on';

$t->postgres->stop;
eventually { $ready->() eq '503 {"is_healthy":false,"detail":"database"}' } 'without its database it is not ready';
is $health->('/live'), '200 {"is_healthy":true}', 'but lives';
is $metric->('errtrack_worker_up{service="database"}'), 0, 'the database is away';
cmp_ok $metric->('errtrack_worker_errors_total{service="database"}'), '>=', 1, 'and errors are counted';
$add->();
is $metric->('errtrack_queue_entries{stream="events"}'), 1, 'what waits for it is seen';
$t->postgres->start;
eventually { $ready->() =~ /^200/ } 'with it it is ready again';
eventually { $metric->('errtrack_queue_entries{stream="events"}') == 0 } 'and files what has waited';

$t->redis_server->stop;
eventually { $ready->() eq '503 {"is_healthy":false,"detail":"redis"}' } 'without Redis it is not ready';
is $metric->('errtrack_worker_up{service="redis"}'), 0, 'Redis is away';
is $metric->('errtrack_queue_entries{stream="events"}'), undef, 'and what waits there is not known';
$t->redis_server->start;
eventually { $ready->() =~ /^200/ } 'with it it is ready again';
is $metric->('errtrack_queue_entries{stream="events"}'), 0, 'what waits is known again';

is $ask->('/')->status, 404, 'there is nothing else';
is $ask->('/metrics/../../etc/passwd')->status, 404, 'no files either';
is $ask->('/metrics', 'POST')->status, 405, 'it takes nothing';
is http_raw($port, "nonsense\r\n\r\n")->status, 400, 'nor nonsense';
is $health->('/live'), '200 {"is_healthy":true}', 'and lives on';

my ($status, undef, $errors) = $t->command('errtrack-worker', '--listen', "127.0.0.1:$port",
    '--redis', $t->redis_server->address, '--database', $t->postgres->conninfo('errtrack_worker'));
is $status, 1, 'a second worker cannot listen at the same address';
like $errors, qr/--listen: cannot listen at 127\.0\.0\.1:$port/, 'and says so';
for my $address ('9185', '127.0.0.1', ':9185', '127.0.0.1:9185s', '127.0.0.1:1,127.0.0.1:2') {
    ($status, undef, $errors) = $t->command('errtrack-worker', '--listen', $address);
    is "$status " . ($errors =~ /host:port/ ? 'told' : $errors), '1 told', "\"$address\" is no address";
}
for my $wrong (0, 65536, 99999, '1' x 30) {
    ($status, undef, $errors) = $t->command('errtrack-worker', '--listen', "127.0.0.1:$wrong");
    is $status, 1, "$wrong is no port";
    like $errors, qr/--listen: port $wrong is out of range: use 1 to 65535$/m, 'which is said';
}

$t->done;
