# New errors that are alike, of one type at one place, have a limit of their own: beyond it they
# are filed under one issue that says so, and leave other new errors of the project their room.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => ['--no-notifications'] });
my $project = $t->{project}{id};

# All in one hour of the edge, whatever the clock says.
my $at = 1_000_000 * (3600 * int(time / 3600) - 7200);
my $count = 0;

# One crash frame; the caller makes another error of it.
sub error {
    my ($type, $caller) = @_;
    return { platform => 'python', exception => { type => $type, value => 'v', stacktrace => { frames => [
        map { { module => 'shop.cart', function => $_, in_app => JSON::PP::true } } $caller, 'total' ] } } };
}

sub errors {
    my ($type, @callers) = @_;
    return map { error($type, $_) } @callers;
}

sub file {
    my ($label, $project, @events) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue($_, project => $project, at => $at++) for @events;
    $count += @events;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } $label, timeout => 60;
    return;
}

my $issues = sub { $t->sql_value('select count(*) from errtrack.issues where project_id = $1 and not overflow', $_[0]) };
my $overflows = sub { [ $t->sql('select title, culprit, event_count from errtrack.issues where overflow and project_id = $1 order by issue_id', $_[0]) ] };
my @keys = ('Overflow: more than 5 new errors in an hour that are alike: KeyError', 'shop.cart in total');

$t->errtrack(qw(limit set shop new_issues_alike 5));
$t->errtrack(qw(limit set shop new_issues 17));

file('many new errors of one type at one place', $project, errors(KeyError => 'a' .. 'l'));
is $issues->($project), 5, 'are as many issues as there may be of them';
is_deeply $overflows->($project), [ [ @keys, 7 ] ], 'and one that says what it is';
is $t->sql_value('select count(*) from errtrack_private.outbox where kind = $1', 'new_issue'), 6, 'of which people are told once';

file('a new error of another type', $project, errors(ValueError => 'a' .. 'c'));
is $issues->($project), 8, 'has its own issue';
file('known and new ones', $project, errors(KeyError => 'a' .. 'e', 'm' .. 'p'));
is $issues->($project), 8, 'are told apart';
is $overflows->($project)->[0][2], 11, 'only new ones are in the overflow';
my ($first) = $t->sql_value('select min(issue_id) from errtrack.issues where not overflow');
is scalar(grep { $_->{title} =~ /^Overflow/ } @{ $t->errtrack(qw(issue similar shop), $first, '--json') }), 1,
    'which is suggested as similar to those that are issues';

file('errors without a stack are alike by their type', $project, map { { exception => { type => 'Refused', value => $_ } } } qw(red green blue white black grey));
is $issues->($project), 13, 'and as many';
file('messages are alike', $project, { message => 'one' });
is $issues->($project), 14, 'and are others';
is_deeply [ map { $_->[2] } @{ $overflows->($project) } ], [ 11, 1 ], 'each has its own overflow';

# 16 of 17 so far.
file('beyond what the project may make', $project, map { error("Type$_", 'a') } 'a' .. 'e');
is $issues->($project), 15, 'each new error';
is_deeply $overflows->($project)->[2], [ 'Overflow: more than 17 new errors in an hour', '', 4 ], 'is in the overflow of the project';
file('errors that are alike', $project, errors(OSError => 'a' .. 'g'));
is_deeply [ map { $_->[2] } @{ $overflows->($project) } ], [ 11, 1, 11 ], 'do not make one of their own then';
file('those that have one', $project, errors(KeyError => 'x', 'y'));
is_deeply [ map { $_->[2] } @{ $overflows->($project) } ], [ 13, 1, 11 ], 'go there';

$at += 3_600_000_000;
file('in another hour', $project, errors(KeyError => 'q' .. 'w'));
is $issues->($project), 20, 'there may be as many again';
is_deeply $overflows->($project)->[0], [ @keys, 15 ], 'and the others are where those before were';

# Two workers, and many in one batch.
$t->start_worker(name => 'second', args => ['--no-notifications']);
my $other = $t->create_project('other', 'acme')->{id};
$t->errtrack(qw(limit set other new_issues_alike 30));
$t->queue(error(KeyError => "caller_$_"), project => $other, at => $at++) for map { ('a' . $_ % 10) x 3, "b$_" } 1 .. 300;
$count += 1200;
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'two workers file 1,200 events', timeout => 60;
is $issues->($other), 30, 'the limit is not passed';
is scalar @{ $overflows->($other) }, 1, 'and there is one overflow';
is $t->sql_value('select sum(event_count) from errtrack.issues where project_id = $1', $other), 1200, 'each event is counted';

$t->done;
