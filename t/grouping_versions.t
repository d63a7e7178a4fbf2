# A project switches to another version of grouping: errors that the one before knows stay
# with their issues, silently, as long as the transition lasts. Other projects and what
# clients group by themselves notice nothing.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(wait_until);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => ['--no-notifications'] }, nginx => 0);
my %project = (shop => $t->{project}{id}, map { $_ => $t->create_project($_, 'acme')->{id} } qw(other late));

my $count = 0;
my $probes = 0;

sub file {
    my ($label, $slug, @events) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue($_, project => $project{$slug}) for @events;
    $count += @events;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } $label;
    return;
}

sub refuses {
    my ($words, $why, $label) = @_;
    ok !eval { $t->errtrack(@$words); 1 }, "$label is refused";
    like $@, qr/\Q$why\E/, "$label: with a reason";
    return;
}

# The version that an event is grouped by which is queued now.
sub version_of {
    my ($slug, $event) = @_;
    $event->{event_id} = sprintf '%032x', ++$probes;
    $t->queue($event, project => $project{$slug});
    $count++;
    wait_until(sub { $t->sql_value('select count(*) from errtrack.occurrences') == $count }, 10);
    return $t->sql_value(q{
        select h.algo
        from errtrack_private.occurrences o
        join errtrack_private.hashes h using (project_id, hash)
        where o.event_id = $1::uuid}, $event->{event_id});
}

# The worker takes note within a second or two.
sub noticed {
    my ($slug, $algorithm) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    eventually { version_of($slug, { message => 'probe' }) eq $algorithm } "the worker groups $slug by $algorithm";
    return;
}

my $error = sub {
    my ($function, $transaction, $type) = @_;
    return { platform => 'python', transaction => $transaction, exception => { type => $type // 'KeyError', value => 'v',
        stacktrace => { frames => [ { module => 'shop.cart', function => $function, in_app => JSON::PP::true } ] } } };
};
my $issues = sub { return join ' ', map { $_->[0] } $t->sql(q{
    select issue_id || ':' || event_count from errtrack.issues
    where project_id = $1 and title !~ '^probe' order by issue_id}, $project{ $_[0] }) };
my $algorithms = sub { return join ' ', map { "$_->[0]:$_->[1]" } $t->sql(q{
    select algorithm, count(*) from errtrack.grouping_hashes
    where issue_id = $1 and variant <> 'message' group by 1 order by 1}, $_[0]) };
my $told = sub { return $t->sql_value(q{
    select count(*) from errtrack_private.outbox where project_id = $1 and details ->> 'title' !~ '^probe'}, $project{ $_[0] }) };

is_deeply $t->errtrack(qw(project grouping shop --json)), { algorithm => 'g1', previous => undef, previous_until => undef },
    'a new project goes by the newest version';
refuses [qw(project grouping shop g9)], 'there is no grouping "g9": use g0 or g1', 'an unknown version';
refuses [qw(project grouping shop g1)], 'goes by g1 already', 'the version that it has';
refuses [qw(project grouping nowhere g0)], 'nowhere', 'an unknown project';
refuses [qw(project grouping shop --transition 5)], 'algorithm', 'a transition to nothing';

$t->errtrack(qw(project grouping), $_, qw(g0 --transition 0)) for qw(shop late);
is $t->errtrack(qw(project grouping shop --json))->{previous}, undef, 'without a transition nothing is left of the one before';
noticed(shop => 'g0');
noticed(late => 'g0');

my @old = ($error->('total', '/cart'), $error->('price', '/item'), { checksum => 'c', message => 'fixed' });
file('errors of a coarse version', shop => @old, $error->('sum', '/cart'));
file('of another project', other => $error->('total', '/cart'));
my ($cart, $item, $fixed) = map { $t->sql_value(q{
    select issue_id from errtrack.issues where project_id = $1 and $2 in (culprit, title)}, $project{shop}, $_) } qw(/cart /item fixed);
my $counts = sub { return join ' ', map { $issues->('shop') =~ /\b$_:(\d+)/ ? $1 : 0 } $cart, $item, $fixed };
is $counts->(), '2 1 1', 'two functions of one transaction are one issue';
is $told->('shop'), 3, 'people were told of three';

my $shown = $t->errtrack(qw(project grouping shop g1 --json));
is "$shown->{algorithm} $shown->{previous}", 'g1 g0', 'the project switches';
is $t->sql_value(q{select previous_until between now() + interval '89 days' and now() + interval '91 days'
    from errtrack_private.projects where id = $1}, $project{shop}), 't', 'with 90 days of transition';
noticed(shop => 'g1');

file('the same errors', shop => @old, $error->('sum', '/cart'));
is $counts->(), '4 2 2', 'stay with their issues';
is $told->('shop'), 3, 'and nobody is told';
is $t->sql_value(q{select count(*) from errtrack.issue_history where project_id = $1 and what = 'new' and issue_id in ($2, $3, $4)},
    $project{shop}, $cart, $item, $fixed), 3, 'they are not new again';
is $algorithms->($cart), 'g0:1 g1:2', 'the new hashes of both functions are attached';
is $algorithms->($fixed), 'g0:1', 'a checksum is the same under every version';
is_deeply [ map { $_->[0] } $t->sql(q{
    select distinct (h.explanation -> 'matched_by' ->> 'algo') || ' ' || (old.issue_id = h.issue_id)
    from errtrack.grouping_hashes h
    join errtrack.grouping_hashes old on old.project_id = h.project_id
        and replace(old.hash::text, '-', '') = h.explanation -> 'matched_by' ->> 'hash'
    where h.issue_id in ($1, $2) and h.algorithm = 'g1'}, $cart, $item) ], ['g0 true'],
    'their explanations name the hash that decided';
file('once more', shop => @old);
is $counts->(), '5 3 3', 'they are known by the new hashes now';

file('an error that no version knows', shop => $error->('charge', '/pay'));
my ($pay) = $issues->('shop') =~ /(\d+):1$/;
is $told->('shop'), 4, 'is new';
is $algorithms->($pay), 'g1:1', 'and has no hash of the version before';
file('with another function', shop => $error->('refund', '/pay'));
is $algorithms->($pay), 'g1:1', 'so that later ones are as fine as they are to be';
is $told->('shop'), 5, 'and new too';

# In one batch: what the version before knows, and what only the new one does.
$t->worker->stop;
$t->queue($_, project => $project{shop})
    for $error->('tax', '/elsewhere'), $error->('tax', '/cart'), $error->('tax', '/elsewhere');
$t->worker->start;
$count += 3;
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'a batch of both is filed';
is $counts->(), '8 3 3', 'together, as the new version has it';

$t->sql(q{update errtrack_private.projects set previous_until = now() - interval '1 minute' where id = $1}, $project{shop});
is $t->errtrack(qw(project grouping shop --json))->{previous}, undef, 'the transition ends';
my $before = $told->('shop');
my ($last) = $issues->('shop') =~ /(\d+):\d+$/;
my $function = 'a';
eventually {
    version_of(shop => $error->('new_' . $function++, '/cart'));
    $issues->('shop') =~ /(\d+):1$/ && $1 > $last
} 'a function that is new is a new issue then';
cmp_ok $told->('shop'), '>', $before, 'of which people are told';
my ($known) = split / /, $counts->();
file('what the version before knew', shop => $error->('total', '/cart'));
is +(split / /, $counts->())[0], $known + 1, 'goes on as before';

file('without a transition', other => $error->('total', '/cart'), $error->('sum', '/cart'));
like $issues->('other'), qr/^\d+:2 \d+:1$/, 'each error is an issue';
is $t->sql_value('select count(*) from errtrack.grouping_hashes where project_id = $1 and algorithm <> $2',
    $project{other}, 'g1'), 0, 'of the newest version';

file('before it switches', late => $error->('total', '/cart'));
$t->errtrack(qw(project grouping late g1 --transition 0));
noticed(late => 'g1');
file('a project that wants no transition', late => $error->('total', '/cart'));
like $issues->('late'), qr/^\d+:1 \d+:1$/, 'begins anew';

$t->done;
