# Test messages count as others do: a channel has no more in an hour than its cap says, and one
# that is too many is refused at once, with when to come again.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
my $project = $t->{project}{id};
$t->sql(q(insert into errtrack_private.channels (project_id, id, name, kind, hourly_cap, settings) overriding system value
    values ($1, 7, 'ops', 'mail', 3, '{"to": ["ops@example.com"]}')), $project);

# As if it had been sent.
my $sent = sub { $t->sql(q(select errtrack_private.notification_sent(project_id, id, '', '') from errtrack_private.notifications where state = 'waiting')) };
my $test = sub { $t->sentry(POST => '/projects/acme/shop/channels/7/test/') };
my $count = sub { $t->sql_value('select count(*) from errtrack_private.notifications') };

$t->sql(q(select errtrack_private.queue_notice($1, 7, '{"kind": "behind"}', null)), $project);
$sent->();
is $test->()->status, 202, 'a test is sent';
is $test->()->status, 202, 'while it waits, another one is the same';
is $count->(), 2, '... and counts once';
$sent->();
my ($status, $out, $err) = $t->command('errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), qw(notify test shop ops --wait 0));
is $status, 3, 'by the command, too';
is $count->(), 3, '... which is one more';
$sent->();

my $answer = $test->();
is $answer->status, 429, 'beyond the cap it is refused';
like $answer->json->{detail}, qr/^channel "ops" has had as many messages as hourlyCap allows in an hour, 3: test it again in 60 min$/, '... and why';
my $seconds = $answer->header('Retry-After');
ok $seconds > 3000 && $seconds <= 3600, '... with when to come again' or diag $seconds;
($status, $out, $err) = $t->command('errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), qw(notify test shop));
is "$status $err", qq(1 errtrack: channel "ops" has had as many messages as --cap allows in an hour, 3: test it again in 60 min\n), 'the command says so as well';
is $count->(), 3, 'nothing of that was queued';

$t->sql(q(select errtrack_private.queue_notice($1, 7, '{"kind": "behind"}', null)), $project);
is $t->sql_value('select messages from errtrack_private.digests'), 1, 'what happens then is told later, in one';
$t->sql(q(update errtrack_private.channels set window_from = window_from - interval '1 hour'));
is $test->()->status, 202, 'when the hour is over, a test is sent again';

$t->done;
