# An entry of several records: what is wrong with one of them is not held against the
# others. Each of them is filed once, and the one becomes a dead letter.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::HTTP qw(http_request);
use ErrTrack::Ports qw(free_port);

my $port = free_port();
my $t = ErrTrack->stack(
    redis  => { appendonly => 'no' },
    worker => { args => ['--claim-after', 1, '--batch', 5, '--listen', "127.0.0.1:$port"] },
    nginx  => 0,
);

my $events = 'errtrack:{q0}:events';
my $number = 0;

# The fields of a record, a message by its text.
sub record {
    my ($message, %more) = @_;
    my %line = (v => 1, id => sprintf('%032x', ++$number), at => time . '000000', project => $t->{project}{id},
        key => 1, ep => 'store', event => sprintf('e%031x', $number), items => 'event:1', %more);
    return (m => join('', map { "$_ $line{$_}\n" } sort keys %line), b => qq({"message":"$message"}));
}

my $filed = sub { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack_private.issues') };
my $dead = sub { $t->sql_value('select count(*) from errtrack_private.dead_letters') };
my $waiting = sub { $t->redis('XLEN', $events) };

$t->redis('XADD', $events, '*', map { record('many') } 1 .. 23);
eventually { $waiting->() == 0 } 'an entry of many records is filed';
is $filed->(), 23, 'all of it';
my %metric = http_request('GET', "http://127.0.0.1:$port/metrics")->content =~ /^(errtrack_worker_batch_records\S+) (\S+)$/mg;
is $metric{errtrack_worker_batch_records_count}, 5, 'in several transactions';
is $metric{'errtrack_worker_batch_records_bucket{le="5"}'}, 5, 'that are as small as the settings want them';
$t->sql('truncate errtrack_private.issues, errtrack_private.outcomes cascade');

# This keeps the worker in its transaction until it is ended.
$t->sql(q{
    create function poison() returns trigger language plpgsql as $$
    begin
        perform pg_sleep(600) where new.title = 'poison';
        return new;
    end $$});
$t->sql('create trigger poison before insert on errtrack_private.issues for each row execute function poison()');
my $ended = 0;
my $end_worker = sub {
    my ($held) = $t->sql(q{select pid from pg_stat_activity where wait_event = 'PgSleep'}) or return;
    $t->worker->kill;
    $t->sql('select pg_terminate_backend($1)', $held->[0]);
    $t->worker->start;
    return $ended++;
};

my @innocent = map { "innocent $_" } qw(east north south west);
$t->redis('XADD', $events, '*', map { record($_) } @innocent[0, 1], 'poison', @innocent[2, 3]);
eventually { $end_worker->(); $dead->() == 1 } 'a record that ends workers is a dead letter', timeout => 90;
cmp_ok $ended, '>', 1, 'it has ended several';
like $t->sql_value(q{select convert_from(body, 'UTF8') from errtrack_private.dead_letters}), qr/poison/, 'that one alone';
eventually { $waiting->() == 0 } 'the queue is empty';
is_deeply [$t->sql('select title, event_count from errtrack_private.issues order by title')],
    [map { [$_, 1] } @innocent], 'the records beside it are filed once';
is_deeply [$t->sql('select outcome, sum(quantity) from errtrack_private.outcomes group by 1 order by 1')],
    [[dead => 1], [stored => 4]], 'each of the five has one outcome';

$t->redis('XADD', $events, '*', record('fine'), record('odd', project => 'x'), record('newer', v => 2), record('fine'));
eventually { $filed->() == 6 } 'records beside ones that cannot be read are filed';
eventually { $dead->() == 2 } 'the odd one is a dead letter';
eventually { $waiting->() == 1 } 'the one in a newer format stays in the queue';
$t->redis('XTRIM', $events, 'MAXLEN', 0);

# Three records in one entry that a worker which is gone was handed so often, found by
# another when Redis has no memory left.
my $handed_out = sub {
    my ($times, $message) = @_;
    $t->worker->stop;
    my $id = $t->redis('XADD', $events, '*', map { record($message) } 1 .. 3);
    $t->redis('XREADGROUP', 'GROUP', 'workers', 'a-dead-one', 'COUNT', 10, 'STREAMS', $events, '>');
    $t->redis('XCLAIM', $events, 'workers', 'a-dead-one', 0, $id, 'IDLE', 60000, 'RETRYCOUNT', $times);
    $t->redis('CONFIG', 'SET', 'maxmemory', 1);
    $t->worker->start;
};
$handed_out->(1, 'full');
eventually { $filed->() == 9 } 'a Redis that is full does not keep records from being filed one by one';
eventually { $waiting->() == 0 } 'nor their entry from leaving the queue';
$t->redis('CONFIG', 'SET', 'maxmemory', 0);

$handed_out->(5, 'often');
eventually { $t->worker->log_since_start =~ /waits until Redis has room/ } 'what was handed out too often waits for room';
is $dead->(), 2, 'none of it is a dead letter';
$t->redis('CONFIG', 'SET', 'maxmemory', 0);
eventually { $filed->() == 12 } 'it is filed when Redis has room';
eventually { $waiting->() == 0 } 'and leaves the queue';
is_deeply [$t->sql('select title, event_count from errtrack_private.issues where event_count > 1 order by title')],
    [[fine => 2], [full => 3], [often => 3]], 'everything is counted once';

$t->done;
