# What SDKs say that they did not send: summed by hour, category and reason, beside the
# ledger, with a bound on the words that they may use.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => [ '--batch', 50 ] });
my $project = $t->project->{id};

sub report {
    my ($body, %arg) = @_;
    return $t->envelope([ client_report => ref $body ? $body : "$body" ], %arg)->status;
}

# { "outcome category reason" => items }
sub reported {
    my ($id) = @_;
    return { map { ($_->[0] => 0 + $_->[1]) } $t->sql(q{select outcome || ' ' || category || ' ' || reason, sum(items)
        from errtrack.client_reports where project_id = $1 group by 1}, $id // $project) };
}

sub booked {
    my ($what) = @_;
    return 0 + $t->sql_value(q{select coalesce(sum(items), 0) from errtrack.outcomes
        where category = 'internal' and rtrim(outcome || ' ' || reason) = $1}, $what);
}

is report({ timestamp => time, discarded_events => [ { reason => 'sample_rate', category => 'error', quantity => 40 },
    { reason => 'before_send', category => 'transaction', quantity => 1 }, [ 'sample_rate', 'novelty', 3 ] ] }), 200, 'a report';
is report({ discarded_events => [ { reason => 'sample_rate', category => 'error', quantity => 2 } ],
    rate_limited_events => [ { reason => 'key_quota', category => 'error', quantity => 7 } ] }), 200, 'another one';
is report({ timestamp => time - 31 * 86_400, discarded_events => [ [ 'old', 'error', 1 ] ] }), 200, 'one of last month';
is report('nonsense'), 200, 'and one that is none';
eventually { booked('stored') == 2 && booked('invalid timestamp') == 1 && booked('invalid invalid_json') == 1 } 'all are booked';
is_deeply reported(), { 'discarded error sample_rate' => 42, 'discarded transaction before_send' => 1,
    'discarded other sample_rate' => 3, 'rate_limited error key_quota' => 7 }, 'what they say is summed';
is $t->sql_value('select count(*) from errtrack.outcomes where category = $1 and outcome <> $2', 'error', 'stored'), 0,
    'and is no part of the ledger';

# A client that makes words up.
is report({ discarded_events => [ map { [ "word-$_", 'error', 1 ] } 1 .. 150 ] }), 200, 'a report of many words';
eventually { booked('stored') == 3 } 'is booked';
my $all = reported();
is scalar(keys %$all), 102, 'a project has room for 100 reasons';
is $all->{'discarded error (other)'}, 53, 'the others are counted as one';
is report({ discarded_events => [ [ 'sample_rate', 'error', 1 ], [ 'yet another', 'error', 1 ] ] }), 200, 'a known word and a new one';
eventually { booked('stored') == 4 } 'are booked';
is reported()->{'discarded error sample_rate'}, 43, 'the known one still counts';
is reported()->{'discarded error (other)'}, 54, 'the new one is another';

# Several workers at once, and entries that are handed over twice.
my $other = $t->create_project('other', 'acme');
$t->wait_for_key($other);
$t->worker->stop;
for my $n (1 .. 60) {
    report({ discarded_events => [ map { [ "r$_", 'error', 1 ] } $n % 2 ? (1 .. 10) : reverse 1 .. 10 ] }, project => $other) == 200
        or die 'a report was refused';
}
my $stream = 'errtrack:{q0}:events';
$t->redis('XADD', $stream, '*', @{ $_->[1] }) for @{ $t->redis('XRANGE', $stream, '-', '+') };
$t->worker->start;
$t->start_worker(name => "worker$_", args => [ '--batch', 7 ]) for 2, 3;
$t->settle;
is_deeply reported($other->{id}), { map { ("discarded error r$_" => 60) } 1 .. 10 }, 'each report is added once';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead';

# ---- how they go -----------------------------------------------------------------

$t->sql(q{update errtrack_private.client_reports set hour = hour - interval '11 days' where project_id = $1 and reason = 'r1'},
    $other->{id});
$t->sql(q{update errtrack_private.item_names set seen_on = seen_on - 11 where name in ('r1', 'r2')});
$t->sql('select errtrack_private.forget_items(10)');
$t->retain(10);
is reported($other->{id})->{'discarded error r1'}, undef, 'they go with the retention';
is_deeply [ map { $_->[0] } $t->sql(q{select name from errtrack_private.item_names where name in ('r1', 'r3')}) ], ['r3'],
    'and leave room for new words';
is $t->api(DELETE => "/projects/$project")->status, 204, 'what a project has received is deleted';
is_deeply reported(), {}, 'its reports too';
is scalar(keys %{ reported($other->{id}) }), 9, 'those of others are not';
is $t->sql_value('select count(*) from errtrack_private.client_reports where project_id = $1', $project), 0, 'nothing is left of them';

$t->done;
