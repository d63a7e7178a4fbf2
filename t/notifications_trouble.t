# Servers that fail, hang, redirect or are slow: every message arrives once, in the order of
# its issue, after as many attempts as it takes; a channel in trouble keeps no other waiting.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $receiver = $t->add_receiver([qw(good failing hanging closing redirecting slow refusing gone later)]);
my %channel = map { @$_ } $t->sql('select name, id from errtrack_private.channels');
$receiver->answer('/failing', 500, 503, 502, 200);
$receiver->answer('/hanging', 'hang', 200);
$receiver->answer('/closing', 'close', 'close', 200);
$receiver->answer('/redirecting', '302 Location: ' . $receiver->url('/elsewhere'));
$receiver->answer('/slow', 'slow 3');
$receiver->answer('/refusing', 400, 200);
$receiver->answer('/gone', 404);
$receiver->answer('/later', '429 Retry-After: 3', 200);

$t->start_worker(args => [ $t->notifying ]);
my $kinds = sub { join ' ', map { $_->{kind} } $receiver->messages("/$_[0]") };
my $parked = sub { $t->sql_value('select parked_at is not null from errtrack_private.channels where id = $1', $channel{ $_[0] }) eq 't' };
my $problem = sub { $t->sql_value('select last_error from errtrack_private.channels where id = $1', $channel{ $_[0] }) };
# As if so long had gone by as the worker waits.
my $hurry = sub { $t->sql(q(update errtrack_private.channels set next_attempt_at = '-infinity' where parked_at is null and name <> 'later')) };

$t->queue({ message => 'boom' });
eventually { $kinds->('good') eq 'new_issue' } 'one that is well gets its message while others are in trouble';
my $issue = $t->sql_value('select issue_id from errtrack.issues');
$t->errtrack(qw(issue resolve shop), $issue, '--by', 'ann');
$t->queue({ message => 'boom' });
eventually { $kinds->('good') eq 'new_issue regression' } 'and the next one';

# What arrived, with those that were repeated counted once.
my $arrived = sub {
    my ($name) = @_;
    my %seen;
    return join ' ', map { $_->{kind} } grep { !$seen{ $_->{delivery_id} }++ } $receiver->messages("/$name");
};
my $ended = sub {
    $hurry->();
    return $t->sql_value(q(select count(*) from errtrack_private.notifications where channel_id = $1 and state <> 'waiting'),
        $channel{ $_[0] }) == 2;
};
for my $name (qw(failing hanging closing slow later)) {
    eventually { $ended->($name) } "$name: both messages end", timeout => 60;
    is $arrived->($name), 'new_issue regression', '... and have arrived in their order';
    is $t->sql_value(q(select string_agg(distinct state, ' ') from errtrack_private.notifications where channel_id = $1), $channel{$name}),
        'sent', '... as the history says';
}
is $t->sql_value('select attempts from errtrack_private.notifications where channel_id = $1 order by id limit 1', $channel{failing}), 4,
    'the history says after how many attempts';
my @ids = map { $_->{delivery_id} } ($receiver->messages('/failing'))[ 0 .. 3 ];
is_deeply \@ids, [ ($ids[0]) x 4 ], 'all of them had the same id';
my ($first, $second) = map { $_->{at} } $receiver->requests('/later');
cmp_ok $second - $first, '>=', 3, 'one that wants to be left alone is';

eventually { $ended->('refusing') } 'a message that is refused for good ends';
is_deeply [ $t->sql('select kind, state from errtrack_private.notifications where channel_id = $1 order by id', $channel{refusing}) ],
    [ [qw(new_issue failed)], [qw(regression sent)] ], 'as failed, and the next one is sent';
like $t->sql_value(q(select last_error from errtrack_private.notifications where channel_id = $1 and state = 'failed'), $channel{refusing}),
    qr/400/, 'with what was answered';

for my $name (qw(redirecting gone)) {
    eventually { $parked->($name) } "$name: a channel whose address is no good is parked";
    is $arrived->($name), 'new_issue', '... after the first message';
    is $t->sql_value(q(select count(*) from errtrack_private.notifications where channel_id = $1 and state = 'waiting'), $channel{$name}),
        2, '... and its messages wait';
}
like $problem->('gone'), qr/404/, 'it says why';
is scalar $receiver->requests('/elsewhere'), 0, 'nobody goes where a redirect leads';

$receiver->answer('/gone', 200);
$t->sql(q(update errtrack_private.channels set next_attempt_at = '-infinity' where name = 'gone'));
eventually { $ended->('gone') } 'when it is good again, its messages arrive';
is $arrived->('gone'), 'new_issue regression', 'in their order';
ok !$parked->('gone'), 'and it is not parked any more';

$t->done;
