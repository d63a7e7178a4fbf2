# An ignored issue counts and stays ignored, until a time, until so many more events or so
# many more users, whichever is reached first. Then it is unresolved, and people are told.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => ['--no-notifications'] }, nginx => 0);

my $count = 0;
my $filed = sub { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack.issues') == $count };

# Files an event of a user and returns the status of its issue then.
sub event {
    my ($message, $user) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue({ message => $message, user => { id => $user } });
    $count++;
    eventually { $filed->() } "an event of user $user is filed";
    return status($message);
}

sub status { return $t->sql_value('select status from errtrack.issues where title = $1', $_[0]) }
sub issue { return $t->sql_value('select issue_id from errtrack.issues where title = $1', $_[0]) }

sub last_entry {
    my ($message) = @_;
    my ($entry) = $t->sql('select what, who, details from errtrack.issue_history where issue_id = $1 order by entry_id desc limit 1', issue($message));
    return [ @$entry[ 0, 1 ], decode_json $entry->[2] ];
}

my $told = sub { $t->sql_value(q{select count(*) from errtrack_private.outbox where kind = 'unignored' and issue_id = $1}, issue($_[0])) };

event('events', 1);
$t->errtrack(qw(issue ignore shop), issue('events'), '--events', 3, '--by', 'ann');
is_deeply [ @{ last_entry('events') }[ 0, 1 ] ], [qw(ignored ann)], 'the history says who ignores it';
is event('events', 1), 'ignored', 'one more event';
is event('events', 2), 'ignored', 'two more events';
is event('events', 3), 'unresolved', 'with the third it is unresolved';
is_deeply [ @{ last_entry('events') }[ 0, 1 ] ], [ 'unignored', undef ], 'which nobody did';
is last_entry('events')->[2]{events}, 4, 'the history says at which count';
is last_entry('events')->[2]{ignored_by}, 'ann', 'and who had ignored it';
is $told->('events'), 1, 'people are told once';
is event('events', 4), 'unresolved', 'one more changes nothing';
is $told->('events'), 1, 'nor is it told again';

event('users', 1);
$t->errtrack(qw(issue ignore shop), issue('users'), '--users', 2, '--events', 100);
is event('users', 1), 'ignored', 'a user whom it knows is no further one';
is event('users', 2), 'ignored', 'one more user';
is event('users', 2), 'ignored', 'who counts once';
is event('users', 3), 'unresolved', 'with the second it is unresolved';
is last_entry('users')->[2]{users}, 3, 'the history says at which count';
is $told->('users'), 1, 'people are told once';

# Merging brings events, which are no further ones.
event('merged', 1);
event('guest', $_) for 11 .. 14;
$t->errtrack(qw(issue ignore shop), issue('merged'), '--events', 2, '--users', 2);
$t->errtrack(qw(issue merge shop), issue('merged'), issue('guest'));
$t->queue({ message => 'guest', user => { id => 11 } });
$count++;
eventually { $filed->() } 'an event comes into a merged issue';
is $t->sql_value('select status from errtrack.issues where event_count = 6'), 'ignored', 'which is the first that counts';

# The worker sees to it within seconds, whether or not there are events.
event('time', 1);
$t->errtrack(qw(issue ignore shop), issue('time'), '--until', '2100-01-01T00:00Z');
is event('time', 1), 'ignored', 'it is ignored until its time';
$t->sql(q{update errtrack_private.issues set ignored_until = now() - interval '1 second' where title = 'time'});
eventually { status('time') eq 'unresolved' } 'then it is unresolved';
is last_entry('time')->[0], 'unignored', 'the history has it';
is $told->('time'), 1, 'people are told once';

event('for good', 1);
$t->errtrack(qw(issue ignore shop), issue('for good'));
is event('for good', $_), 'ignored', 'without a bound it stays ignored' for 1 .. 3;
$t->errtrack(qw(issue reopen shop), issue('for good'), '--by', 'ann');
is_deeply [ @{ last_entry('for good') }[ 0, 1 ] ], [qw(unignored ann)], 'until somebody reopens it';
is $told->('for good'), 0, 'of which nobody has to be told';

for my $wrong ([ '--until', '2001-01-01' ], [ '--events', 0 ], [ '--users', -1 ], [ '--until', 'soon' ]) {
    ok !eval { $t->errtrack(qw(issue ignore shop), issue('time'), @$wrong); 1 }, "ignoring @$wrong is refused";
}
is status('time'), 'unresolved', 'and changes nothing';

$t->done;
