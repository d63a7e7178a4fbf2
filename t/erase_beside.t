# Erasing a person of many events while others are filed: it takes steps, waits for whom it
# meets, is killed in the middle and goes on with the next run, to the same end.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);
my $project = $t->project->{id};
my @command = (build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), 'erase', '--all-projects',
    '--email', 'ann@example.com', '--json', '--redis', $t->redis_server->address);

# One event of each, and copies of them on each of the last seven days.
$t->queue({ message => 'it fails', fingerprint => ['one'], user => { email => "$_\@example.com" } }) for qw(ann bob);
$t->settle;
my ($ann, $bob) = map { $t->sql_value(q{select event_id from errtrack_private.payloads where body #>> '{user,email}' = $1}, "$_\@example.com") } qw(ann bob);
for my $of ([ $ann, 400 ], [ $bob, 1000 ]) {
    $t->sql(q{
        with copies as (
            select md5($1 || day || '-' || n)::uuid as id, now() - make_interval(days => day, secs => n * 0.001) as at
            from generate_series(1, 7) as day, generate_series(1, $2::integer) as n
        ), bodies as (
            insert into errtrack_private.payloads (project_id, received_at, event_id, body)
            select p.project_id, c.at, c.id, p.body from copies c join errtrack_private.payloads p on p.event_id = $1::uuid
        )
        insert into errtrack_private.occurrences (project_id, received_at, event_id, origin_id, occurred_at, level, platform, user_hash, has_payload)
        select o.project_id, c.at, c.id, o.origin_id, c.at, o.level, o.platform, o.user_hash, true
        from copies c join errtrack_private.occurrences o on o.event_id = $1::uuid}, @$of);
}
my $left = sub { 0 + $t->sql_value(q{select count(*) from errtrack_private.payloads where body #>> '{user,email}' = $1}, "$_[0]\@example.com") };
is $left->('ann'), 2801, 'she has many events';

# Somebody holds one of hers, of three days ago.
my $holder = $t->sql_session;
$holder->(q{begin; select from errtrack_private.occurrences where event_id = md5('} . $ann . q{3-400')::uuid for update;});
my $start = sub { open my $out, '-|', @command or die "errtrack: $!\n"; return $out };
my $running = $start->();
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where application_name = 'errtrack' and wait_event_type = 'Lock'});
} 'it waits for whom it meets';
my $then = $left->('ann');
cmp_ok $then, '<=', 1201, 'what it has done is done';
cmp_ok $then, '>=', 802, 'and the rest is to come';

# Others are filed meanwhile, also what is about the same issue.
my $filed = sub { 0 + $t->sql_value('select count(*) from errtrack_private.occurrences where project_id = $1', $project) };
$t->queue({ message => 'it fails', fingerprint => ['one'], user => { email => 'bob@example.com' } }) for 1 .. 50;
eventually { $left->('bob') == 7051 } 'others are filed beside it';
ok $t->sql_value(q{select count(*) from pg_stat_activity where application_name = 'errtrack'}), 'while it still waits';
my $pid = $t->sql_value(q{select pid from pg_stat_activity where application_name = 'errtrack'});

my ($killed) = map { /^(\d+) / ? $1 : () } grep { /\Q$command[0]\E .*erase/ } split /\n/, `ps -o pid=,args= --ppid $$ | sed 's/^ *//'`;
is kill(KILL => $killed), 1, 'it is killed';
close $running;
eventually { !$t->sql_value(q{select count(*) from pg_stat_activity where pid = $1}, $pid) } 'and gone from the database';
my ($id, $note) = map { @$_ } $t->sql(q{select id, details ? 'finished' from errtrack_private.audit where action = 'person.erase'});
is $note, 'f', 'it is noted that it has not finished';

# The next one waits, too, and goes on.
$running = $start->();
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where application_name = 'errtrack' and wait_event_type = 'Lock'});
} 'the next run comes to the same place';
$holder->('commit;');
my $said = JSON::PP::decode_json(do { local $/; readline $running });
ok close $running, 'and goes on';
is $left->('ann'), 0, 'nothing is left of her';
is $t->sql_value('select count(*) from errtrack_private.occurrences o where not exists (select from errtrack_private.payloads p where p.event_id = o.event_id)'), 0,
    'nor is a row without a body';
is $left->('bob'), 7051, 'of others everything is there';
is $filed->(), 7051, 'and counted as it is';
is_deeply [ map { @$_ } $t->sql(q{select id, details ? 'finished', details -> 'removed' ->> 'events' from errtrack_private.audit where action = 'person.erase'}) ],
    [ $id, 't', $said->{events} ], 'it is one run in the notes';
cmp_ok $said->{events}, '>=', $then, 'which counts what it removed';
is $t->sql_value('select user_count from errtrack_private.issues'), 1, 'one user is left';

# Whoever holds an issue is waited for, too.
$t->queue({ message => 'it fails', fingerprint => ['one'], user => { email => 'ann@example.com' } });
$t->settle;
$holder->('begin; select from errtrack_private.issues for update;');
$running = $start->();
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where application_name = 'errtrack' and wait_event_type = 'Lock'});
} 'an issue that is held is waited for';
$holder->('commit;');
is JSON::PP::decode_json(do { local $/; readline $running })->{issue_users}, 1, 'and its user goes';
close $running;
is $t->sql_value('select user_count from errtrack_private.issues'), 1, 'again one is left';

$t->done;
