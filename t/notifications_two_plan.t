# A worker that stands still with what it has planned, and the one that took over from it: each
# message is planned once, by whichever comes first.

use strict;
use warnings;

use POSIX ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->new;
$t->start_postgres;
$t->create_organization('acme');
my $project = $t->create_project('shop', 'acme')->{id};
$t->sql(q(insert into errtrack_private.channels (project_id, name, kind) values ($1, 'team', 'mail'), ($1, 'summed up', 'mail')), $project);
$t->sql(q(insert into errtrack_private.outbox (project_id, kind) select $1, 'quota_reached' from generate_series(1, 20)), $project);
$t->sql(q(insert into errtrack_private.digests (project_id, channel_id, reason, due_at, messages)
    select project_id, id, 'cap', now(), 3 from errtrack_private.channels where name = 'summed up'));

my ($still, $other) = map { $t->sql_session } 1, 2;
my $plan = 'select errtrack_private.plan_notifications(200);';
$still->("begin; $plan");
my $pid = fork // die "fork: $!\n";
if ($pid == 0) {
    $other->($plan);
    POSIX::_exit(0);
}
eventually { $t->sql_value(q(select count(*) from pg_stat_activity where wait_event_type = 'Lock')) > 0 } 'the second worker comes upon what the first holds';
$still->('commit;');
waitpid $pid, 0;
$other->($plan);
is_deeply [ $t->sql(q(select c.name, n.kind, count(*) from errtrack_private.notifications n join errtrack_private.channels c on c.id = n.channel_id
    group by 1, 2 order by 1, 2)) ],
    [ [ 'summed up', 'digest', 1 ], [ 'summed up', 'quota_reached', 20 ], [ 'team', 'quota_reached', 20 ] ], 'each message is there once';
is $t->sql_value('select count(*) from errtrack_private.outbox'), 0, 'and nothing is left to be planned';

$t->done;
