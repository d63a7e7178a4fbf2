# The worker stops on SIGTERM after the batch at hand: what it has taken is filed and
# acknowledged, what it has not taken stays, and nobody has to claim anything. Without a
# database it does not wait.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => ['--batch', 2] }, nginx => 0);

my $events = 'errtrack:{q0}:events';
my $number = 0;
my $add = sub {
    my %line = (v => 1, id => sprintf('%032x', ++$number), at => time . '000000', project => $t->{project}{id},
        key => 1, ep => 'store', event => sprintf('e%031x', $number));
    return $t->redis('XADD', $events, '*', m => join('', map { "$_ $line{$_}\n" } sort keys %line), b => '{"message":"x"}');
};
my $filed = sub { $t->sql_value('select count(*) from errtrack_private.occurrences') };
my $waiting = sub { $t->redis('XLEN', $events) };
my $held = sub { $t->redis('XPENDING', $events, 'workers')->[0] };

$add->();
eventually { $waiting->() == 0 } 'the worker files';
my $lock = $t->sql_session;
$lock->('begin; lock table errtrack_private.outcomes in access exclusive mode;');
$add->() for 1 .. 5;
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where usename = 'errtrack_worker' and wait_event_type = 'Lock'});
} 'it is in the middle of a batch';
my $taken = $held->();
cmp_ok $taken, '<', 5, 'and has not taken all';
$t->worker->signal('TERM');
# What the signal interrupts goes on: it is still there when it may end.
ok $t->worker->alive, 'it does not end in the middle';
$lock->('commit;');
is $t->worker->wait_exit, 0, 'it ends when the batch is filed';
is $filed->(), 1 + $taken, 'what it had taken is filed';
is $waiting->(), 5 - $taken, 'what it had not taken stays';
is $held->(), 0, 'it holds nothing';
is_deeply $t->redis('XINFO', 'CONSUMERS', $events, 'workers'), [], 'and has left the group';

$t->worker->start;
eventually { $filed->() == 6 } 'the next one files the rest';
$t->postgres->stop;
eventually { $t->worker->log_since_start =~ /database: .*retrying/ } 'without a database it waits';
$t->worker->signal('TERM');
is $t->worker->wait_exit, 0, 'but not with its end';
$t->postgres->start;

$t->done;
