# Entries that cannot be filed: one that no edge wrote and one that ended five workers
# become dead letters; one in a newer format waits for a newer worker. None of them
# holds up what is behind it.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => ['--claim-after', 1] }, nginx => 0);

my $events = 'errtrack:{q0}:events';
my $project = $t->{project}{id};
my $number = 0;

sub meta {
    my (%more) = @_;
    my %line = (v => 1, id => sprintf('%032x', ++$number), at => time . '000000', project => $project,
        key => 1, ep => 'store', event => sprintf('e%031x', $number), %more);
    return join '', map { "$_ $line{$_}\n" } sort keys %line;
}

my $body = '{"message":"filed"}';
my $filed = sub { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack_private.issues') };
my $dead = sub { $t->sql_value('select count(*) from errtrack_private.dead_letters') };

$t->redis('XADD', $events, '*', 'm', meta(), 'b', $body);
eventually { $filed->() == 1 } 'an entry that is written by hand is filed';

$t->redis('XADD', $events, '*', 'm', meta(), 'b', $body, 'm', meta(), 'b', $body);
eventually { $filed->() == 3 } 'an entry with two records is filed as two';

my $bare = meta() =~ s/^event .*\n//mr;
$t->redis('XADD', $events, '*', 'm', $bare, 'b', $body);
eventually { $filed->() == 4 } 'one that names no event is filed';
is $t->sql_value('select count(*) from errtrack.occurrences where event_id = $1::uuid', $bare =~ /^id (\w+)$/m), 1,
    'under the id of its delivery';

$t->redis('XADD', $events, '*', 'hello', 'world');
$t->redis('XADD', $events, '*', 'm', meta(project => 'x'), 'b', $body);
$t->redis('XADD', $events, '*', 'm', meta(), 'b', $body);
eventually { $filed->() == 5 } 'what is behind odd entries is filed';
eventually { $dead->() == 2 } 'the odd entries are dead letters';
like $t->sql_value(q{select convert_from(body, 'UTF8') from errtrack_private.dead_letters order by id limit 1}),
    qr/hello world/, 'with what was in them';

$t->worker->stop;
my $id = $t->redis('XADD', $events, '*', 'm', meta(), 'b', $body);
$t->redis('XREADGROUP', 'GROUP', 'workers', 'a-dead-one', 'COUNT', 10, 'STREAMS', $events, '>');
$t->redis('XCLAIM', $events, 'workers', 'a-dead-one', 0, $id, 'IDLE', 60000, 'RETRYCOUNT', 5);
$t->worker->start;
eventually { $dead->() == 3 } 'an entry that ended five workers is a dead letter', timeout => 15;
is $filed->(), 5, 'and is not tried again';
like $t->sql_value('select reason from errtrack_private.dead_letters order by id desc limit 1'),
    qr/handed out 6 times/, 'it says why';

$t->redis('XADD', $events, '*', 'm', meta(v => 2), 'b', $body);
$t->redis('XADD', $events, '*', 'm', meta(), 'b', $body);
eventually { $filed->() == 6 } 'what is behind a newer format is filed';
eventually { $t->redis('XLEN', $events) == 1 } 'the entry in the newer format stays in the queue';
is $dead->(), 3, 'and is no dead letter';

$t->redis('XADD', $events, '*', 'm', meta(project => 999_999), 'b', $body);
eventually {
    $t->sql_value(q{select sum(quantity) from errtrack_private.outcomes where reason = 'project_deleted'});
} 'a record of a project that is not there is counted as discarded';

$t->done;
