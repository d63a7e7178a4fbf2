# After the data of a project is deleted, an overflow issue of before takes nothing any more,
# also while what was deleted is still being removed, and the hour begins anew.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);
my $project = $t->{project}{id};
$t->errtrack(qw(limit set shop new_issues_alike 2));

my $count = 0;

# One crash frame; the caller makes another error of it.
sub file {
    my ($label, @callers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue({ platform => 'python', exception => { type => 'KeyError', value => 'v', stacktrace => { frames => [
        map { { module => 'shop.cart', function => $_, in_app => JSON::PP::true } } $_, 'total' ] } } },
        project => $project) for @callers;
    $count += @callers;
    eventually { $t->sql_value('select count(*) from errtrack_private.occurrences') == $count } $label, timeout => 60;
    return;
}

my $issues = sub {
    return [ map { "$_->[0] $_->[1]" } $t->sql(q(
        select case when overflow then 'overflow' else 'issue' end, event_count from errtrack.issues order by 1, 2)) ];
};

file('five errors that are alike', 'a' .. 'e');
is_deeply $issues->(), [ 'issue 1', 'issue 1', 'overflow 3' ], 'are two issues and an overflow';

# As the deletion of a large project ends: all is hidden, and little is gone.
$t->sql("begin;
    update errtrack_private.projects set purge_before = clock_timestamp() where id = $project;
    select errtrack_private.purge_project($project, interval '0');
    commit");
is_deeply $issues->(), [], 'after the deletion there is nothing';

file('four others', 'f' .. 'i');
is_deeply $issues->(), [ 'issue 1', 'issue 1', 'overflow 2' ], 'are two issues and an overflow of their own';

1 while $t->sql_value(q(select errtrack_private.purge_projects('1 s'))) ne 't';
is_deeply $issues->(), [ 'issue 1', 'issue 1', 'overflow 2' ], 'which stay when what was deleted is gone';

$t->done;
