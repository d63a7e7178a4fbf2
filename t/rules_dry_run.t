# Rules for grouping are tried before they are set: a worker tells which issues of the newest
# events would be split and joined by them. Nothing is changed by it.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $path = '/projects/acme/shop/grouping-rules/dry-run';

sub event { my ($type, $logger) = @_; return { logger => $logger, exception => { type => $type, value => 'x' } } }
for my $kind ([ 'TimeoutRead', 'a', 3 ], [ 'TimeoutWrite', 'a', 2 ], [ 'Other', 'a', 1 ], [ 'Other', 'b', 2 ]) {
    my ($type, $logger, $times) = @$kind;
    $t->store(event($type, $logger)) for 1 .. $times;
}
eventually { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack.issues') == 8 } 'there are events';
my %issue = map { $_->[0] => $_->[1] } $t->sql('select title, issue_id from errtrack.issues');
is_deeply [ sort keys %issue ], [ 'Other: x', 'TimeoutRead: x', 'TimeoutWrite: x' ], '... of three issues';
my $before = [ $t->sql('select project_id, origin_id, hash from errtrack_private.hashes order by hash') ];

sub begin { return $t->sentry('POST', "$path/", json => {@_}) }

# What comes of it.
sub tried {
    my (%body) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = begin(%body);
    is $answer->status, 202, 'a trial begins' or diag $answer->content;
    my ($id, $trial) = ($answer->json->{id});
    eventually { $trial = $t->sentry('GET', "$path/$id/")->json; $trial->{state} !~ /^(?:waiting|running)$/ } '... and ends';
    is $trial->{state}, 'done', '... well' or diag $trial->{problem};
    return $trial->{result};
}

# ---- what rules would do ---------------------------------------------------------------

my $result = tried(fingerprintingRules => 'type:Timeout* -> slow');
is_deeply [ @$result{qw(events changed complete)} ], [ 8, 5, JSON::PP::true() ], 'it looks at all events, and at those that would be grouped otherwise';
is_deeply [ map { [ $_->{issue}{title}, @$_{qw(events stay)}, scalar @{ $_->{into} } ] } @{ $result->{split} } ],
    [ [ 'TimeoutRead: x', 3, 0, 1 ], [ 'TimeoutWrite: x', 2, 0, 1 ] ], 'two issues would go on as another';
my ($joined) = @{ $result->{joined} };
is_deeply [ scalar @{ $result->{joined} }, $joined->{issue}, map { [ $_->{issue}{id}, $_->{events} ] } @{ $joined->{from} } ],
    [ 1, undef, [ $issue{'TimeoutRead: x'}, 3 ], [ $issue{'TimeoutWrite: x'}, 2 ] ], '... which is one and new';
is $joined->{group}, $result->{split}[0]{into}[0]{group}, '... by the same hash';
my $example = $joined->{from}[0]{example};
is $t->sentry('GET', "/projects/acme/shop/events/$example/")->json->{title}, 'TimeoutRead: x', 'examples can be looked at';

$result = tried(fingerprintingRules => "type:Other logger:b -> b\ntype:Other logger:a -> {{ default }}");
is_deeply [ map { [ $_->{issue}{id}, @$_{qw(events stay)}, map { $_->{events} } @{ $_->{into} } ] } @{ $result->{split} } ],
    [ [ $issue{'Other: x'}, 3, 1, 2 ] ], 'an issue would be split';
is_deeply $result->{joined}, [], '... and none joined';

$result = tried(groupingEnhancements => 'app:yes -app');
is_deeply [ @$result{qw(events changed split joined)} ], [ 8, 0, [], [] ], 'rules that match nothing change nothing';

# ---- against what is set -----------------------------------------------------------------

$t->sentry('PUT', '/projects/acme/shop/', json => { fingerprintingRules => 'type:Timeout* -> slow' });
eventually {
    $t->store(event('TimeoutRead', 'a'));
    $t->sql_value(q(select count(*) from errtrack.grouping_hashes where variant = 'custom')) == 1
} 'the rules are set, and there is an event by them';
my $slow = $t->sql_value(q(select issue_id from errtrack.grouping_hashes where variant = 'custom'));
is_deeply tried()->{changed}, 0, 'what is not named is as it is set';
$result = tried(fingerprintingRules => 'type:Other -> slow');
my ($into) = grep { ($_->{issue}{id} // '') eq $slow } @{ $result->{joined} };
is_deeply [ map { [ $_->{issue}{id}, $_->{events} ] } @{ $into->{from} } ], [ [ $issue{'Other: x'}, 3 ] ], 'events would join an issue that there is';
is tried(events => 2)->{events}, 2, 'fewer events are looked at when that is asked for';
is_deeply [ $t->sql('select project_id, origin_id, hash from errtrack_private.hashes where variant <> $1 order by hash', 'custom') ], $before, 'all the while nothing was changed';

# ---- what cannot be tried ------------------------------------------------------------------

my $answer = begin(fingerprintingRules => "type:A -> a\nnonsense");
is_deeply [ $answer->status, $answer->json->{detail} ], [ 400, 'fingerprintingRules, line 2: a rule begins with a matcher, name:pattern' ], 'a line that is no rule is refused';
for my $case ([ { events => 2001 }, qr/^events must be a number from 1 to 2000$/ ], [ { rules => 'x' }, qr/^there is no member "rules"/ ]) {
    $answer = begin(%{ $case->[0] });
    is $answer->status, 400, 'what is no trial is refused';
    like $answer->json->{detail}, $case->[1], '... with a reason';
}
is $t->sentry('GET', "$path/$_/")->status, 404, "there is no trial $_" for '00000000-0000-4000-8000-000000000000', 'x';
$t->worker->stop;
my $waits = begin()->json;
is $waits->{state}, 'waiting', 'without a worker a trial waits';
is begin()->status, 409, '... and there is one at a time';
$t->sql(q(update errtrack_private.rule_trials set requested_at = now() - interval '11 minutes'));
my $late = $t->sentry('GET', "$path/$waits->{id}/")->json;
is_deeply [ @$late{qw(state problem)} ], [ 'failed', 'no worker has done it: see whether one is running' ], '... not for ever';
is begin()->status, 202, '... and then another may begin';
is $t->sentry('GET', "$path/$waits->{id}/")->status, 404, '... in its place';

$t->done;
