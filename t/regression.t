# A resolved issue that happens again is unresolved, if the edge took the event in after the
# resolving. The history keeps who had resolved it and when, and people are told once.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes ();

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => ['--no-notifications'] });
my $project = $t->{project}{id};

my $count = sub { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack.issues') };
my $status = sub { $t->sql_value('select status from errtrack.issues where issue_id = $1', $_[0]) };
my $told = sub { join ' ', map { $_->[0] } $t->sql('select kind from errtrack_private.outbox order by id') };
my $now = sub { int 1_000_000 * Time::HiRes::time() };

is $t->store({ message => 'boom' })->status, 200, 'an event is taken';
eventually { $count->() == 1 } 'and filed';
my $issue = $t->sql_value('select issue_id from errtrack.issues');
is $told->(), 'new_issue', 'people are told of the new issue';

my $before = $now->();
is $t->api(PUT => "/projects/$project/errors/$issue", json => { status => 'resolved' })->json->{status}, 'resolved', 'it is resolved';
my $resolved_at = $t->sql_value('select status_at from errtrack.issues');
is $t->sql_value('select status_by from errtrack.issues'), 'admin@example.com', 'by somebody';

$t->queue({ message => 'boom' }, at => $before);
eventually { $count->() == 2 } 'an event that was on its way then is filed';
is $status->($issue), 'resolved', 'and does not reopen the issue';
is $told->(), 'new_issue', 'nobody is told';

my $id = 'e' x 32;
is $t->store({ event_id => $id, message => 'boom', release => 'shop@2.0.0' })->status, 200, 'an event comes later';
eventually { $count->() == 3 } 'it is filed';
is $status->($issue), 'unresolved', 'the issue is unresolved';
is $t->sql_value('select regressed_at > status_at - interval $1 and status_by is null from errtrack.issues', '1 minute'), 't',
    'it says when it came back, and that nobody did it';

is $t->store({ message => 'boom' })->status, 200, 'one more event comes';
eventually { $count->() == 4 } 'it is filed';
is $told->(), 'new_issue regression', 'people are told once of the regression';

my @history = $t->sql('select what, who, details from errtrack.issue_history where issue_id = $1 order by entry_id', $issue);
is_deeply [ map { $_->[0] } @history ], [qw(new resolved regression)], 'the history has it all';
is $history[1][1], 'admin@example.com', 'who resolved it';
is $history[2][1], undef, 'that errtrack reopened it';
my $details = decode_json $history[2][2];
is $details->{resolved_by}, 'admin@example.com', 'with the regression who had resolved it';
is $t->sql_value('select $1::timestamptz = $2::timestamptz', $details->{resolved_at}, $resolved_at), 't', '... and when';
is "$details->{event_id} $details->{release}", "$id shop\@2.0.0", '... and the event, with its release';

# Resolving anew is a new statement; so is each regression.
for my $round (1, 2) {
    $t->errtrack(qw(issue resolve shop), $issue, '--by', 'ann');
    is $t->store({ message => 'boom' })->status, 200, 'an event comes after it was resolved again';
    eventually { $status->($issue) eq 'unresolved' } 'it is unresolved again';
}
is $told->(), 'new_issue regression regression regression', 'people are told each time';

# In one batch: the worker reads both at once.
$t->worker->stop;
$t->errtrack(qw(issue resolve shop), $issue);
$t->queue({ message => 'boom' }) for 1 .. 3;
$t->queue({ message => 'another' }) for 1 .. 3;
$t->worker->start;
eventually { $count->() == 12 } 'a batch of several events is filed';
is $told->(), 'new_issue regression regression regression new_issue regression', 'each change is told once';

$t->errtrack(qw(issue ignore shop), $issue);
is $t->store({ message => 'boom' })->status, 200, 'an event of an ignored issue is taken';
eventually { $count->() == 13 } 'and counted';
is $status->($issue), 'ignored', 'it stays ignored';

$t->done;
