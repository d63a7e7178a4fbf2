# Beyond its budget of bodies an issue goes on counting, and keeps of each hour only the newest
# body beyond it; the others are shown as what is known without a body.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->{project}{id};
$t->errtrack(qw(limit set shop bodies 5));

my $hour = 3_600_000_000 * int(time / 3600) - 2 * 3_600_000_000;
my ($count, $number) = (0, 0);

# Files events that were taken in at seconds of an hour, in one batch.
sub batch {
    my ($hour, @seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->worker->stop;
    $t->queue({ message => 'much', extra => { at => $_ } }, at => $hour + $_ * 1_000_000, event => sprintf('%032x', ++$number)) for @seconds;
    $t->worker->start;
    $count += @seconds;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } scalar(@seconds) . ' events are filed';
    return;
}

# Seconds of the hour of the events whose bodies are kept, as both tables have them.
sub kept {
    my ($hour) = @_;
    my @flag = map { $_->[0] } $t->sql(q{select extract(epoch from received_at - to_timestamp($1::double precision / 1000000))::integer
        from errtrack.occurrences where has_payload and date_trunc('hour', received_at) = to_timestamp($1::double precision / 1000000)
        order by 1}, $hour);
    my @body = map { $_->[0] } $t->sql(q{select body #>> '{extra,at}' from errtrack_private.payloads
        where date_trunc('hour', received_at) = to_timestamp($1::double precision / 1000000) order by received_at}, $hour);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is "@body", "@flag", 'the flag says which bodies there are';
    return "@flag";
}

batch($hour, 1 .. 4);
is kept($hour), '1 2 3 4', 'within the budget all are kept';
batch($hour, 5 .. 9);
is kept($hour), '1 2 3 4 5 9', 'of the surplus the newest';
batch($hour, 10 .. 12);
is kept($hour), '1 2 3 4 5 12', 'which takes the place of the one before';
batch($hour, 11.5, 11.6);
is kept($hour), '1 2 3 4 5 12', 'an older one that comes late does not';
batch($hour, 20);
is kept($hour), '1 2 3 4 5 20', 'a newer one does';
batch($hour + 3_600_000_000, 1 .. 8);
is kept($hour + 3_600_000_000), '1 2 3 4 5 8', 'each hour has a budget of its own';
is kept($hour), '1 2 3 4 5 20', 'and leaves the others alone';

is $t->sql_value('select event_count from errtrack.issues'), $count, 'all events are counted';
is $t->sql_value('select sum(events) from errtrack_private.counts_1h'), $count, 'in the buckets too';

my ($newest, @rest) = map { $_->{payload} } @{ $t->api(GET => "/projects/$project/errors/"
    . $t->sql_value('select issue_id from errtrack.issues') . '/events?limit=100')->json };
is scalar(@rest), $count - 1, 'all events are listed';
like $newest, qr/"extra"/, 'the newest has its body';
is scalar(grep { /"payload_kept" ?: ?false/ } @rest), $count - 12, 'where a body is missing it says so';

# A merged issue has one budget.
$t->queue({ message => 'also much', extra => { at => 30 } }, at => $hour + 30 * 1_000_000);
$count++;
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'another issue has an event';
my ($one, $two) = map { $_->[0] } $t->sql('select issue_id from errtrack.issues order by 1');
$t->errtrack(qw(issue merge shop), $one, $two);
batch($hour, 40, 41);
is kept($hour), '1 2 3 4 5 30 41', 'what is kept of either counts';

$t->errtrack(qw(limit set shop bodies 0));
batch($hour - 3_600_000_000, 1 .. 3);
is kept($hour - 3_600_000_000), '3', 'with a budget of 0 the newest of the hour is kept';
$t->errtrack(qw(limit set shop bodies none));
batch($hour - 3_600_000_000, 4 .. 20);
is kept($hour - 3_600_000_000), join(' ', 3 .. 20), 'without one all are';
$t->errtrack(qw(limit set shop bodies default));
is $t->sql_value('select value from errtrack_private.limits where project_id = 0 and name = $1', 'bodies'), 10000, 'the budget is generous otherwise';

$t->done;
