# Incidents in PagerDuty end: that of an issue with the issue, if there is one, and that of a test
# at once.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $pagerduty = $t->add_receiver([]);
write_file("$t->{dir}/secrets/url", $pagerduty->url('/v2/enqueue') . "\n");
write_file("$t->{dir}/secrets/key", "routing-key\n");
$t->sql(q(insert into errtrack_private.channels (project_id, name, kind, files, hourly_cap)
    values ($1, 'night', 'pagerduty', '{"url": "url", "secret": "key"}', 3)), $t->{project}{id});
$t->start_worker(args => [ $t->notifying ]);

my $told = sub { [ map { "$_->{event_action} $_->{dedup_key}" } $pagerduty->messages('/v2/enqueue') ] };
my $sent = sub { $t->sql_value(q(select count(*) from errtrack_private.notifications where state = 'sent')) };

is $t->errtrack(qw(notify test shop night --json))->[0]{state}, 'sent', 'a test arrives';
my ($trigger, $resolve) = @{ $told->() };
my $id = $t->sql_value('select delivery_id from errtrack_private.notifications');
is_deeply $told->(), [ "trigger errtrack-$t->{project}{id}-test-$id", "resolve errtrack-$t->{project}{id}-test-$id" ], '... and its incident, which is its own, ends at once';

$t->queue({ message => 'boom' });
eventually { $sent->() == 2 } 'a new issue is told';
my $issue = $t->sql_value('select issue_id from errtrack.issues');
my $key = "errtrack-$t->{project}{id}-$issue";
is $told->()->[-1], "trigger $key", '... and triggers an incident';
$t->errtrack(qw(issue resolve shop), $issue, '--by', 'ann');
eventually { $sent->() == 3 } 'when the issue is resolved';
is $told->()->[-1], "resolve $key", '... its incident is';
$t->errtrack(qw(issue resolve shop), $issue, '--by', 'ann');
$t->queue({ message => 'boom' });
eventually { $sent->() == 4 } 'when it is back';
is_deeply [ @{ $told->() }[ -2, -1 ] ], [ "resolve $key", "trigger $key" ], '... there is an incident again, and none ended twice';

# Beyond the cap.
$t->queue({ message => 'another' });
eventually { $t->sql_value('select count(*) from errtrack_private.digests') } 'an issue that was not told of by itself';
$t->errtrack(qw(issue resolve shop), $t->sql_value('select issue_id from errtrack.issues where title = $1', 'another'), '--by', 'ann');
$t->errtrack(qw(issue resolve shop), $issue, '--by', 'ann');
eventually { $sent->() == 5 } 'an incident ends also beyond the cap';
is_deeply [ @{ $told->() }[ -2, -1 ] ], [ "trigger $key", "resolve $key" ], '... and what has none ends none';
is_deeply [ map { $_->[0] } $t->sql('select kind from errtrack.notifications order by notification_id') ], [qw(test new_issue close regression close)], 'the history tells of it';

$t->done;
