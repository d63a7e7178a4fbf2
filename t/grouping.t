# Which events are the same error: the acceptance pairs of t/grouping/cases.jsonl through
# HTTP, queue and worker. In one project the first event of each pair comes first, in the
# other the second one. What is the same error is one issue, and what is not is two.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root);

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my %projects = (ab => $t->project, ba => $t->create_project('reversed', 'acme'));
$t->wait_for_key($projects{ba});
for my $project (qw(shop reversed)) {
    $t->errtrack(qw(limit set), $project, $_, 'none') for qw(new_issues new_issues_alike);
}

my @pairs;
open my $cases, '<', root() . '/t/grouping/cases.jsonl' or die "cases.jsonl: $!";
while (<$cases>) {
    push @pairs, JSON::PP::decode_json($_);
}
is scalar @pairs, 187, 'all pairs are there';

my $refused = 0;
for my $order (sort keys %projects) {
    for my $pair (@pairs) {
        $refused += grep { $t->store($pair->{$_}, project => $projects{$order})->status != 200 } split //, $order;
    }
}
is $refused, 0, 'all events are taken';
eventually {
    $t->sql_value('select count(*) from errtrack_private.occurrences') == 4 * @pairs
} 'and filed', timeout => 120;

for my $order (sort keys %projects) {
    my %issue = map { $_->[0] => $_->[1] } $t->sql(q{
        select replace(o.event_id::text, '-', ''), r.issue_id
        from errtrack_private.occurrences o
        join errtrack_private.origins r on r.project_id = o.project_id and r.id = o.origin_id
        where o.project_id = $1}, $projects{$order}{id});
    for my $pair (@pairs) {
        my ($one, $other) = map { $issue{ $pair->{$_}{event_id} } } qw(a b);
        is $one == $other ? 'one issue' : 'two issues', $pair->{same} ? 'one issue' : 'two issues',
            "$pair->{name} ($order): $pair->{why}";
    }
}

is $t->sql_value('select count(*) from errtrack.grouping_hashes where explanation is null'), 0,
    'every hash has an explanation';
is $t->sql_value(q{
    select count(*) from errtrack.grouping_hashes h
    where not exists (
        select from json_array_elements(h.explanation -> 'hashes') as e
        where replace(h.hash::text, '-', '') = e ->> 'hash' and h.variant = e ->> 'variant')}), 0,
    'that names it';

$t->done;
