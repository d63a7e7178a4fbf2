# Of spans those that stand for a whole transaction are counted as one, once, the others as
# discarded.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project->{id};
my $content_type = 'application/vnd.sentry.items.span.v2+json';

sub attributes { my %of = @_; return { map { $_ => { value => $of{$_}, type => 'string' } } keys %of } }

# As the SDK for Node.js 11.12.0 writes them, without what it tells of the machine.
my %trace = (trace_id => random_hex(16));
my @every = ('sentry.trace_lifecycle' => 'stream', 'sentry.segment.name' => 'GET /checkout', 'sentry.segment.id' => 'a752b1633c9e5e47',
    'sentry.sdk.name' => 'sentry.javascript.node', 'sentry.sdk.version' => '11.12.0', 'sentry.release' => 'shop@1.0.0',
    'sentry.environment' => 'production', 'user.id' => '17', 'sentry.origin' => 'manual');
my $query = { name => 'select', span_id => '8c386ee3d6158997', parent_span_id => 'a752b1633c9e5e47', %trace, is_segment => JSON::PP::false,
    start_timestamp => 1795935706.5140758, end_timestamp => 1795935706.5143228, status => 'ok', attributes => attributes(@every, 'sentry.op' => 'db') };
my $checkout = { name => 'GET /checkout', span_id => 'a752b1633c9e5e47', %trace, is_segment => JSON::PP::true,
    start_timestamp => 1795935706.51324, end_timestamp => 1795935706.5154328, status => 'ok', attributes => attributes(@every, 'sentry.op' => 'http.server') };
my $bad = { %$checkout, span_id => '9a038892d55a3020', status => 'error',
    attributes => attributes(@every, 'sentry.op' => 'http.server', 'sentry.status.message' => 'internal_error') };

sub report {
    my ($items, %header) = @_;
    return $t->envelope([ span => { version => 2, items => $items }, content_type => $content_type, item_count => scalar @$items, %header ])->status;
}

sub booked { return { map { ("@$_[0, 1]" . ($_->[2] ? " $_->[2]" : '') => 0 + $_->[3]) }
    $t->sql('select category, outcome, reason, sum(items) from errtrack.outcomes where project_id = $1 group by 1, 2, 3', $project) } }

sub counted { return [ map { "@$_" } $t->sql(q{select transaction, op, total, failures, round(mean_ms::numeric, 2)
    from errtrack.transactions where project_id = $1 order by 1, 2}, $project) ] }

is report([ $query, $checkout, $bad ]), 200, 'a list of three spans, two of which stand for a transaction';
$t->settle;
is_deeply counted(), [ 'GET /checkout http.server 2 1 2.19' ], 'they are counted, with failure and duration';
my %sum = ('transaction stored' => 2, 'span discarded type:span' => 1);
is_deeply booked(), \%sum, 'each span is booked';
is $t->sql_value('select count(*) from errtrack_private.occurrences'), 0, 'they are no events';

is report([ $checkout, $query ]), 200, 'sent again';
is report([ { %$checkout, span_id => uc $checkout->{span_id} } ]), 200, 'and in other letters';
is report([ $bad, { %$bad, trace_id => random_hex(16) }, { %$bad, span_id => random_hex(8) } ]), 200, 'beside one of another trace, and another of this one';
$t->settle;
is_deeply counted(), [ 'GET /checkout http.server 4 3 2.19' ], 'what is known is not counted again';
%sum = (%sum, 'transaction stored' => 4, 'transaction duplicate' => 3, 'span discarded type:span' => 2);
is_deeply booked(), \%sum, 'but booked as duplicate';

my @many = map { { %$checkout, span_id => random_hex(8), name => 'of many' } } 1 .. 1000;
is report(\@many), 200, 'as many as a list may have';
is report([ @many, $query ]), 200, 'one more';
is report([]), 200, 'a list of none';
is report([ { %$checkout, span_id => 'none', name => 'broken' } ]), 200, 'one that has no id';
is report([ { %$checkout, span_id => random_hex(8), name => 'by itself' } ], content_type => 'application/json'), 200, 'a list that does not say that it is one';
is $t->envelope(map { [ span => { items => [ { %$checkout, span_id => random_hex(8), name => $_ } ] }, content_type => $content_type ] } qw(first second))->status,
    200, 'two lists in an envelope';
$t->settle;
is_deeply counted(), [ 'GET /checkout http.server 4 3 2.19', 'first http.server 1 0 2.19', 'of many http.server 1000 0 2.19' ], 'only those of good lists are counted';
is_deeply booked(), { %sum, 'transaction stored' => 1005, 'transaction invalid invalid_transaction' => 1, 'span discarded type:span' => 3,
    'span discarded duplicate_item' => 1, 'span invalid too_large' => 1, 'span invalid no_data' => 1 }, 'and all of them are booked';

my $one = { %$checkout, span_id => random_hex(8), name => 'beside a transaction' };
$t->errtrack(qw(quota set), $project, qw(transaction 0/1h));
eventually { $t->envelope([ transaction => {} ])->status == 429 } 'no transactions are taken any more';
is report([ $one ]), 200, 'the edge takes lists of spans';
$t->settle;
is booked()->{'transaction stored'}, 1006, 'whose transactions are filed';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead';

$t->done;
