# Transactions are counted by name, operation and hour, with quantiles that are right
# within 2.5 %, and add up over hours and workers.

use strict;
use warnings;

use List::Util qw(sum);
use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project->{id};

sub transaction {
    my ($name, $ms, %arg) = @_;
    my $id = delete $arg{id} // random_hex(16);
    my $payload = { type => 'transaction', transaction => $name, start_timestamp => 1_700_000_000, timestamp => 1_700_000_000 + $ms / 1000,
        contexts => { trace => { trace_id => random_hex(16), span_id => random_hex(8), op => 'http.server', %arg } } };
    return ($id, $payload);
}

sub report {
    my ($id, $payload) = transaction(@_);
    return $t->envelope([ transaction => $payload ], header => { event_id => $id })->status;
}

sub booked {
    my ($what) = @_;
    return 0 + $t->sql_value(q{select coalesce(sum(items), 0) from errtrack.outcomes
        where category = 'transaction' and rtrim(outcome || ' ' || reason) = $1}, $what);
}

# ---- counts ----------------------------------------------------------------------

my $twice = random_hex(16);
is report('GET /cart', 100, status => 'ok', id => $twice), 200, 'a transaction';
is report('GET /cart', 100, status => 'ok', id => $twice), 200, 'sent twice';
is report('GET /cart', 200, status => 'internal_error'), 200, 'one that failed';
is report('GET /cart', 50, op => 'pageload'), 200, 'another operation of that name';
is $t->envelope([ transaction => { type => 'transaction' } ])->status, 200, 'one that has no trace';
my ($id, $payload) = transaction('by store', 70);
is $t->store({ %$payload, event_id => $id })->status, 200, 'one by the old endpoint';
eventually { booked('stored') == 4 && booked('duplicate') == 1 && booked('invalid invalid_transaction') == 1 } 'all are booked';
is_deeply [ map { "@$_" } $t->sql(q{select transaction, op, total, failures, round(mean_ms) from errtrack.transactions
    where project_id = $1 order by 1, 2}, $project) ],
    [ 'GET /cart http.server 2 1 150', 'GET /cart pageload 1 0 50', 'by store http.server 1 0 70' ], 'they are counted';
is $t->sql_value('select count(*) from errtrack_private.occurrences'), 0, 'and are no events';

my $shared = random_hex(16);
($id, $payload) = transaction('beside an event', 5);
is $t->envelope([ event => { message => 'm' } ], [ transaction => $payload ], header => { event_id => $shared })->status, 200,
    'an event and a transaction of one id';
eventually { booked('stored') == 5 } 'are both stored';

# ---- quantiles -------------------------------------------------------------------

# Of a thousand durations, in an order that says nothing, by three workers in small batches.
srand 4;
my @ms = map { 0.05 * 10 ** rand 5 } 1 .. 1000;
$t->worker->stop;
for my $part (0 .. 99) {
    # An envelope has one transaction; a hundred of ten keep the test short.
    report('slow', $ms[$_]) == 200 or die 'a transaction was refused' for map { 10 * $part + $_ } 0 .. 9;
}
$t->start_worker(name => "worker$_", args => [ '--batch', 10 * $_ ]) for 1 .. 3;
$t->settle;
my ($row) = $t->sql(q{select total, p50_ms, p95_ms, p99_ms, mean_ms, durations from errtrack.transactions where transaction = 'slow'});
is $row->[0], 1000, 'a thousand are counted';
# The times of an SDK are in microseconds.
my @sorted = sort { $a <=> $b } map { sprintf '%.3f', $_ } @ms;
for my $quantile ([ 0.5, $row->[1] ], [ 0.95, $row->[2] ], [ 0.99, $row->[3] ]) {
    my ($fraction, $told) = @$quantile;
    my $exact = $sorted[ $fraction * 1000 - 1 ];
    cmp_ok abs($told / $exact - 1), '<', 0.026, "quantile $fraction is right within 2.5 %" or diag "$told, not $exact";
}
cmp_ok abs($row->[4] / (sum(@ms) / 1000) - 1), '<', 0.0001, 'the mean is exact';
is $t->sql_value(q{select sum(durations[i]) from errtrack_private.transactions t
    cross join generate_series(2, cardinality(t.durations), 2) i where t.transaction = 'slow'}), 1000, 'every duration is in a bucket';

is $t->sql_value(q{select errtrack.add_durations('{1,2,5,1}', '{-3,4,5,9}')::text}), '{-3,4,1,2,5,10}', 'histograms add up';
is $t->sql_value(q{select errtrack.sum_durations(d)::text from (values ('{1,2}'::bigint[]), ('{1,1,2,7}'), ('{}')) v (d)}),
    '{1,3,2,7}', 'many of them too';
is $t->sql_value(q{select errtrack.duration_quantile('{}', 0.5) is null}), 't', 'without durations there is no quantile';
is $t->sql_value(q{select count(*) from generate_series(1, 200000, 7) ms cross join lateral (select errtrack.duration_quantile(
    array[errtrack.duration_bucket(ms), 1]::bigint[], 0.5) / ms as ratio) r where r.ratio not between 0.975 and 1.025}), 0,
    'the error of a bucket is within its bound';

# ---- bounds ----------------------------------------------------------------------

$t->sql(q{insert into errtrack_private.item_names (project_id, kind, name, seen_on)
    select $1, 'transaction', 'op made up ' || n, current_date from generate_series(1, 4994) n}, $project);
# Of names that come in one batch nobody knows which is first.
for my $name (qw(last-one one-more and-more)) {
    is report($name, 10), 200, "the name '$name'";
    $t->settle;
}
is_deeply { map { @$_ } $t->sql(q{select transaction || ' ' || op, total from errtrack.transactions
    where transaction in ('last-one', 'one-more', 'and-more', '(other)')}) }, { 'last-one http.server' => 1, '(other) (other)' => 2 },
    'a project has room for 5,000 names';
is report('slow', 1), 200, 'a known one';
$t->settle;
is $t->sql_value(q{select sum(total) from errtrack.transactions where transaction = 'slow'}), 1001, 'goes on counting';

# ---- how they go -----------------------------------------------------------------

$t->sql(q{update errtrack_private.transactions set hour = hour - interval '11 days' where transaction = 'slow'});
$t->retain(10);
is $t->sql_value(q{select count(*) from errtrack.transactions where transaction = 'slow'}), 0, 'they go with the retention';
$t->sql('create role ann login; grant errtrack_report to ann');
cmp_ok $t->sql_value('set role ann; select errtrack.duration_quantile(errtrack.sum_durations(durations), 0.5) from errtrack.transactions'),
    '>', 0, 'an analyst asks for quantiles over hours';
is $t->api(DELETE => "/projects/$project")->status, 204, 'what the project has received is deleted';
is $t->sql_value('select count(*) from errtrack_private.transactions'), 0, 'its transactions too';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead';

$t->done;
