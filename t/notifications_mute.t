# What a rule is mute about is told in one message when that ends, and does not hold up what
# else a channel is told in one.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $project = $t->{project}{id};
my $receiver = $t->add_receiver(['hook'], hourly_cap => 1);
$t->sql(q(insert into errtrack_private.alert_rules (project_id, name, kind, muted_from, muted_until, timezone)
    select $1, k.kind, k.kind, k.muted_from, k.muted_from + interval '4 hours', current_setting('timezone')
    from (values ('regression', localtime - interval '1 hour'), ('new_issue', null)) as k (kind, muted_from)), $project);
$t->start_worker(args => [ $t->notifying ]);

my $digest = sub { join ' ', map { "@$_" } $t->sql('select reason, messages from errtrack_private.digests order by 1') };
$t->queue({ message => "error $_" }) for qw(a b c);
eventually { $digest->() eq 'cap 2' } 'what is more than a channel gets in an hour is counted';
my $issue = $t->sql_value('select issue_id from errtrack.issues where title = $1', 'error a');
$t->errtrack(qw(issue resolve shop), $issue, '--by', 'ann');
$t->queue({ message => 'error a' });
eventually { $digest->() eq 'cap 2 mute 1' } 'so is, apart from it, what is muted';
is_deeply [ map { $_->[0] } $t->sql(q(select round(extract(epoch from due_at - now()) / 3600) from errtrack_private.digests order by reason)) ],
    [ 1, 3 ], 'each is due when its own time is over';

$t->sql(q(update errtrack_private.digests set due_at = now() where reason = 'cap'));
eventually { $receiver->requests('/hook') == 2 } 'that of the hour comes';
my $message = ($receiver->messages('/hook'))[1];
is "$message->{kind} $message->{digest}{beyond}", 'digest 2', 'with how many it is about';
is $digest->(), 'mute 1', 'while the other waits';
$t->sql(q(update errtrack_private.digests set due_at = now()));
eventually { $receiver->requests('/hook') == 3 } 'and comes in its time';
is +($receiver->messages('/hook'))[2]{digest}{muted}, 1, 'with what was muted';

$t->done;
