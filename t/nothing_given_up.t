# Trouble that will pass must not cost a report: a database that is read only, a row
# where a partition is to be made, a Redis that is full.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'always' });

my $events = 'errtrack:{q0}:events';
my $sent = 0;
my $send = sub { $sent++; $t->store({ message => 'kept' })->status };
my $filed = sub { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack_private.issues') };
my $dead = sub { $t->sql_value('select count(*) from errtrack_private.dead_letters') };
my $reconnect = sub {
    $t->sql(q{select pg_terminate_backend(pid) from pg_stat_activity where usename = 'errtrack_worker'});
};

is $send->(), 200, 'a report is taken';
eventually { $filed->() == $sent } 'and filed';

# A role's setting counts from its next connection on.
$t->sql('alter role errtrack_worker set default_transaction_read_only = on');
$reconnect->();
is scalar(grep { $send->() == 200 } 1 .. 20), 20, '20 reports are taken while the database is read only';
eventually { $t->worker->log_text =~ /read-only transaction/ } 'the worker says what is wrong';
is $t->redis('XLEN', $events), 20, 'they stay in the queue';
is $dead->(), 0, 'none of them is a dead letter';
# The worker connects anew by itself: after a failover it must not stay with a standby.
$t->sql('alter role errtrack_worker reset default_transaction_read_only');
eventually { $filed->() == $sent } 'they are filed when the database can be written';

$t->worker->stop;
$t->sql(q{insert into errtrack_private.event_ids (project_id, event_id, day, received_at)
    values (1, gen_random_uuid(), date_trunc('day', now(), 'UTC') + interval '15 days', now())});
$t->sql(q{do $$ begin
    execute format('drop table errtrack_private.event_ids_%s', to_char((now() at time zone 'UTC')::date + 14, 'YYYYMMDD'));
end $$});
$t->sql(q{update errtrack_private.event_ids_default set day = day - interval '1 day'});
is $send->(), 200, 'a report is taken while a row lies where a partition is to be made';
$t->worker->start;
eventually { $filed->() == $sent } 'and filed';
like $t->worker->log_text, qr/keeping the partitions/, 'the worker says what it cannot do';

$t->worker->stop;
is scalar(grep { $send->() == 200 } 1 .. 10), 10, '10 reports wait in Redis';
$t->redis('CONFIG', 'SET', 'maxmemory', 1);
my $waiting = $sent;
is $send->(), 200, 'what a full Redis does not take goes to the spool';
$t->worker->start;
eventually { $filed->() == $waiting } 'a worker that starts then drains Redis';
$t->redis('CONFIG', 'SET', 'maxmemory', 0);
eventually { $filed->() == $sent } 'with room, what was spooled follows';
is $send->(), 200, 'and reports are taken as before';

$t->done;
