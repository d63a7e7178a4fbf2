# A channel that is deleted while messages are planned takes nothing away from the others, and
# holds nobody up.

use strict;
use warnings;

use POSIX ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->new;
$t->start_postgres;
$t->create_organization('acme');
my $project = $t->create_project('shop', 'acme')->{id};
my $beside = $t->create_project('till', 'acme')->{id};
$t->sql(q(insert into errtrack_private.channels (project_id, name, kind) values ($1, 'stays', 'mail'), ($1, 'goes', 'mail'), ($2, 'beside', 'mail')),
    $project, $beside);
$t->sql(q(insert into errtrack_private.outbox (project_id, kind) select p, 'quota_reached' from unnest(array[$1, $2]::bigint[]) p, generate_series(1, 5)),
    $project, $beside);
$t->sql(q(insert into errtrack_private.digests (project_id, channel_id, reason, due_at, messages)
    select project_id, id, 'cap', now(), 3 from errtrack_private.channels where name in ('goes', 'beside')));
my $told = sub {
    return join ' ', map { "$_->[0]:$_->[1]" } $t->sql(q(select c.name, count(*) from errtrack_private.notifications n
        join errtrack_private.channels c on c.id = n.channel_id group by 1 order by 1));
};

my ($deleting, $planning) = map { $t->sql_session } 1, 2;
my $plan = 'select errtrack_private.plan_notifications(200);';
$deleting->("begin; delete from errtrack_private.channels where name = 'goes';");
my $pid = fork // die "fork: $!\n";
if ($pid == 0) {
    $planning->($plan);
    POSIX::_exit(0);
}
eventually { $t->sql_value(q(select count(*) from pg_stat_activity where wait_event_type = 'Lock')) > 0 } 'planning comes upon it';
waitpid $pid, 0;
is $told->(), 'beside:6', 'while it is being deleted other projects are told';
$pid = fork // die "fork: $!\n";
if ($pid == 0) {
    $planning->($plan);
    POSIX::_exit(0);
}
eventually { $t->sql_value(q(select count(*) from pg_stat_activity where wait_event_type = 'Lock')) > 0 } 'planning comes upon it again';
$deleting->('commit;');
waitpid $pid, 0;
$planning->($plan);
is $told->(), 'beside:6 stays:5', 'when it is gone the other channel of its project is told of everything';

$t->done;
