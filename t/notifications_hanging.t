# Channels that hang, of many projects and of its own: one that is known to answer is told at once
# all the same.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ErrTrack;
use ErrTrack::Process qw(write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $receiver = $t->add_receiver(['good']);
$receiver->answer('/hangs', 'hang');
write_file("$t->{dir}/secrets/hangs", $receiver->url('/hangs') . "\n");
$t->start_worker(args => [ $t->notifying ]);
$t->queue({ message => 'first' });
eventually { $t->sql_value('select last_delivered_at from errtrack_private.channels') } 'a channel answers';

for my $project ($t->{project}{id}, map { $t->create_project("other-$_", 'acme')->{id} } 1 .. 8) {
    $t->sql(q(insert into errtrack_private.channels (project_id, name, kind, files)
        select $1, 'hangs ' || n, 'webhook', '{"url": "hangs"}' from generate_series(1, 5) n), $project);
    $t->sql(q(insert into errtrack_private.notifications (project_id, channel_id, kind, notice)
        select project_id, id, 'test', errtrack_private.notice_of(project_id, null, 'test', now(), '{}')
        from errtrack_private.channels where project_id = $1 and name <> 'good'), $project);
}
eventually { $receiver->requests('/hangs') >= 4 } 'others hang';
for my $title (qw(second third)) {
    my $began = time;
    $t->queue({ message => $title });
    eventually { grep { $_->{issue}{title} eq $title } $receiver->messages('/good') } "it is told of the $title";
    cmp_ok time - $began, '<', 8, '... before one that hangs is given up';
}
cmp_ok scalar $receiver->requests('/hangs'), '<=', 12, 'of those that hang four are tried at a time';

$t->done;
