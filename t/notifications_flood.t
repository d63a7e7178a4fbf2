# Ten thousand new issues at once: a channel gets as many messages as it may in an hour, and
# when that is over one line about the others.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $many = 10_000;
my $cap = 20;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $receiver = $t->add_receiver([qw(hook quiet)], hourly_cap => $cap);
$t->sql(q(update errtrack_private.limits set value = null where name like 'new_issues%'));
# One channel is told of nothing at this time of the day.
$t->sql(q(insert into errtrack_private.alert_rules (project_id, name, kind, channel_ids, muted_from, muted_until)
    select c.project_id, c.name, 'new_issue', array[c.id],
           case c.name when 'quiet' then localtime - interval '1 hour' end,
           case c.name when 'quiet' then localtime + interval '1 hour' end
    from errtrack_private.channels c));
$t->sql(q(update errtrack_private.alert_rules set timezone = current_setting('timezone')));

# Letters, as numbers do not make errors different.
$t->queue({ message => 'storm ' . join '', map { chr(ord('a') + $_) } split //, $_ }) for 1 .. $many;
$t->start_worker(args => [ $t->notifying, '--batch', 500 ]);
eventually { $t->sql_value('select count(*) from errtrack.issues') == $many } 'all issues are filed', timeout => 240;
eventually { $t->sql_value('select count(*) from errtrack_private.outbox') == 0 } 'and looked at', timeout => 120;
eventually { $receiver->requests('/hook') >= $cap } 'the channel is told';
is_deeply [ $t->sql('select c.name, d.reason, d.messages from errtrack_private.digests d join errtrack_private.channels c on c.id = d.channel_id order by 1') ],
    [ [ 'hook', 'cap', $many - $cap ], [ 'quiet', 'mute', $many ] ], 'the others are counted';
is scalar $receiver->requests('/quiet'), 0, 'one that is mute is told nothing';

# As if the hour were over.
$t->sql(q(update errtrack_private.digests set due_at = now()));
$t->sql(q(update errtrack_private.channels set window_from = window_from - interval '1 hour'));
for my $name (qw(hook quiet)) {
    eventually { grep { $_->{kind} eq 'digest' } $receiver->messages("/$name") } "$name: one line tells of the others";
}
is scalar $receiver->requests('/hook'), $cap + 1, 'so there are as many messages as may be, and that line';
is scalar $receiver->requests('/quiet'), 1, 'for the one that was mute there is only that';
my ($digest) = grep { $_->{kind} eq 'digest' } $receiver->messages('/hook');
is $digest->{digest}{beyond}, $many - $cap, 'with how many';
is_deeply $digest->{digest}{by_kind}, { new_issue => $many - $cap }, 'of which kind';
is scalar @{ $digest->{digest}{issues} }, 5, 'and the first of them';
is +($receiver->messages('/quiet'))[0]{digest}{muted}, $many, 'or how many it was spared';

$t->done;
