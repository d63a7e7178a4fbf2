# New errors that have grouping hashes in common belong together: each goes with the first that
# came, whether they arrive one after the other or in one batch, and however many there are.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);
my $project = $t->{project}{id};
$t->errtrack(qw(limit set shop), $_, 'none') for qw(new_issues new_issues_alike);

my @words = map { my $a = $_; map { "$a$_" } 'a' .. 'z' } 'a' .. 'z';
my $count = 0;

# Two events with the same name have the system hash in common, and not the hash of the frames
# that are said to be the application's.
sub error {
    my ($name, $in_app) = @_;
    return { platform => 'python', exception => { type => 'KeyError', value => 'v', stacktrace => { frames => [
        { module => 'shop.main', function => $name, in_app => JSON::PP::true },
        { module => 'shop.cart', function => 'total', in_app => $in_app ? JSON::PP::true : JSON::PP::false },
        { module => 'library', function => 'call', in_app => JSON::PP::false } ] } } };
}

sub file {
    my ($label, @events) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue($_, project => $project) for @events;
    $t->worker->start;
    $count += @events;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } $label, timeout => 60;
    $t->worker->stop;
    return;
}

my $sizes = sub {
    return join ' ', map { "$_->[0]x$_->[1]" } $t->sql(q(
        select count(*), event_count from errtrack.issues group by event_count order by event_count));
};

$t->worker->stop;
file('two that have a hash in common, one after the other', error('first', 1));
file('the other', error('first', 0));
is $sizes->(), '1x2', 'are one issue';
is $t->sql_value('select count(*) from errtrack_private.hashes'), 3, 'with all of their hashes';

file('many in one batch', map { (error($_, 1), error($_, 0)) } @words[ 0 .. 299 ]);
is $sizes->(), '301x2', 'are as many issues as there are pairs';
is $t->sql_value('select count(*) from errtrack_private.hashes'), 903, 'with all hashes';
is $t->sql_value(q(select count(*) from errtrack.issue_history where what = 'new')), 301, 'and are new once';

file('all of them again, the other way round', map { (error($_, 0), error($_, 1)) } reverse @words[ 0 .. 299 ]);
is $sizes->(), '1x2 300x4', 'are known';
is $t->sql_value('select count(distinct hash) from errtrack_private.hashes'), 903, 'and bring no hash';

$t->done;
