# What is past its time goes: by the partition, and in batches for a project that keeps
# less; issues when their last event has gone; counts by the days of their project. Shown
# first, then removed, by the command and by the worker. Partitions are there for two weeks
# ahead.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir run);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0, nginx => 0);

my $short = $t->create_project('short', 'acme');
my @command = (build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'));
my $command = sub { my ($status, $out, $err) = run([ @command, @_ ]); return "$status $out$err" };

is $command->('retention'), "1 errtrack: no worker has said yet how long events are kept: give --days\n",
    'the command keeps what the worker keeps';
is $command->(qw(project retention short 30)), "0 short is kept for 30 days\n", 'a project may keep less';
is $command->(qw(project retention short)), "0 short is kept for 30 days\n", '... which can be asked';
is $command->(qw(project retention shop)), "0 shop is kept as long as the instance keeps events\n", '... of every project';
is $command->(qw(project retention nowhere)), "1 errtrack: there is no project \"nowhere\"\n", '... that there is';
is $command->(qw(project retention nowhere 30)), "1 errtrack: there is no project \"nowhere\"\n", 'if it is there';
like $command->(qw(retention --days 7)), qr/^1 errtrack: --days: /, 'nothing goes that may still arrive';

# ---- events of the last 95 days ----------------------------------------------------

my $number = 0;
my $add = sub {
    my ($project, $message) = @_;
    my %line = (v => 1, id => sprintf('%032x', ++$number), at => time . '000000', project => $project->{id},
        key => 1, ep => 'store', event => sprintf('e%031x', $number));
    return $t->redis('XADD', 'errtrack:{q0}:events', '*', m => join('', map { "$_ $line{$_}\n" } sort keys %line),
        b => qq({"message":"$message","user":{"id":1}}));
};
my $filed = sub { $t->sql_value('select count(*) from errtrack_private.occurrences') };
my $issues = sub {
    return join ' ', map { "$_->[0]:$_->[1]" } $t->sql(q{
        select p.slug, i.title from errtrack_private.issues i join errtrack_private.projects p on p.id = i.project_id order by 1, 2});
};
my $kept = sub {
    return join ' ', map { "$_->[0]:$_->[1]" } $t->sql(q{
        select p.slug, o.environment from errtrack_private.occurrences o join errtrack_private.projects p on p.id = o.project_id order by 1, 2});
};
my $partitions = sub {
    my ($day) = @_;
    return join ' ', map { $_->[0] } $t->sql(q{
        select c.relname from pg_class c join pg_inherits i on i.inhrelid = c.oid
        where c.relname ~ ('_' || to_char((now() at time zone 'UTC')::date + $1::integer, 'YYYYMMDD') || '$') order by 1}, $day);
};

$t->start_worker(args => ['--retention', 90]);
for my $project ($t->project, $short) {
    $add->($project, $_) for qw(d95 d40 d0);
}
eventually { $filed->() == 6 } 'events are filed';
my $tables = $t->sql_value('select count(*) from errtrack_private.partitioned_tables()');
is scalar(split ' ', $partitions->(14)), $tables, 'partitions are there for 14 days ahead';
$t->worker->stop;

$t->sql("drop table errtrack_private.$_") for split ' ', $partitions->(14);
my $lock = $t->sql_session;
$lock->('begin; lock table errtrack_private.payloads in access exclusive mode;');
$t->worker->start;
eventually { $t->worker->log_since_start =~ /keeping the partitions: .*lock timeout.*, trying again/ } 'they are not worth waiting long for a lock';
$lock->('commit;');
eventually { $tables == split ' ', $partitions->(14) } 'but are made in time', timeout => 40;
$t->worker->stop;

my $age = sub {
    $t->sql('select errtrack_private.make_partitions(14, 100)');
    for my $days (95, 40) {
        my $old = "(select event_id from errtrack_private.payloads where body ->> 'message' = 'd$days')";
        $t->sql("update errtrack_private.occurrences set environment = 'd$days', received_at = now() - interval '$days days' where event_id in $old");
        $t->sql("update errtrack_private.deliveries d set received_at = now() - interval '$days days' where ltrim(replace(d.delivery_id::text, '-', ''), '0') in
            (select ltrim(substr(replace(p.event_id::text, '-', ''), 2), '0') from errtrack_private.payloads p where p.event_id in $old)");
        $t->sql("update errtrack_private.payloads set received_at = now() - interval '$days days' where body ->> 'message' = 'd$days'");
        $t->sql("update errtrack_private.issues set last_received_at = now() - interval '$days days' where title = 'd$days'");
    }
    $t->sql(q{update errtrack_private.occurrences set environment = 'd0' where environment is null});
};
$age->();

# Counts of both projects and of none, of 95, 40, 7 and 1 days ago.
my %counts = (
    counts_1h => [ q{origin_id, bucket, events} => q{0, date_trunc('hour', at), 1} ],
    counts_5m => [ q{origin_id, bucket, events} => q{0, date_trunc('hour', at), 1} ],
    outcomes => [ q{hour, category, outcome, reason, quantity} => q{date_trunc('hour', at), 'error', 'aged', '', 1} ],
    requests => [ q{hour, reason, requests} => q{date_trunc('hour', at), 'aged', 1} ],
    client_reports => [ q{hour, outcome, category, reason, quantity, since} => q{date_trunc('hour', at), 'discarded', 'error', '', 1, at} ],
    transactions => [ q{hour, transaction, op, total, failures, total_ms, durations, since} => q{date_trunc('hour', at), 'a', 'b', 1, 0, 1, '{0,1}', at} ],
    session_counts => [ q{hour, release, environment, started, exited, errored, crashed, abnormal, ended, ended_seconds, since} =>
        q{date_trunc('hour', at), '1', '', 1, 1, 0, 0, 0, 0, 0, at} ],
    session_users => [ q{day, release, environment, did, crashed, since} => q{(at at time zone 'UTC')::date, '1', '', gen_random_uuid(), false, at} ],
    check_ins => [ q{id, slug, environment, status, began_at, received_at} => q{gen_random_uuid(), 'a', 'b', 'ok', at, at} ],
    feedback => [ q{kind, id, received_at, name, email, message, url, source} => q{'feedback', gen_random_uuid(), at, '', '', '', '', ''} ],
);
my $count = sub {
    my ($project) = @_;
    $t->sql("insert into errtrack_private.$_ (project_id, $counts{$_}[0])
        select \$1, $counts{$_}[1] from unnest(array[95, 40, 7, 1]) as days cross join lateral (select now() - make_interval(days => days) as at) as a",
        $project) for sort keys %counts;
};
# How many are left of each table.
my $counted = sub {
    my ($project) = @_;
    return { map { ($_->[0] => 0 + $t->sql_value("select count(*) from errtrack_private.$_->[0] where project_id = \$1 and $_->[1] < now() - interval '6 hours'",
        $project)) } $t->sql('select name, key from errtrack_private.counted_tables()') };
};
$count->($_) for 0, $t->project->{id}, $short->{id};
is $kept->(), 'shop:d0 shop:d40 shop:d95 short:d0 short:d40 short:d95', 'some of them are old';

# ---- the command -------------------------------------------------------------------

like $t->errtrack(qw(retention --dry-run)), qr/^payloads +acme\/short +\S+ \S+ +1  /m, 'it can be seen what would go';
my $plan = $t->errtrack(qw(retention --dry-run --json));
my %planned;
$planned{ $_->{what} eq 'partition' ? 'partition' : "$_->{what} $_->{name}" } += $_->{what} eq 'partition' ? 1 : $_->{rows}
    for @$plan;
is_deeply \%planned, {
    partition => 10 * $tables, 'occurrences acme/short' => 1, 'payloads acme/short' => 1, 'attachments acme/short' => 0,
    'issues acme/shop' => 1, 'issues acme/short' => 2,
    (map { ("$_ " => 1, "$_ acme/shop" => 1, "$_ acme/short" => 2) } grep { $_ ne 'counts_5m' } keys %counts),
    (map { ("counts_5m $_" => 3) } '', 'acme/shop', 'acme/short'),
}, 'all of it';
is $issues->(), 'shop:d0 shop:d40 shop:d95 short:d0 short:d40 short:d95', 'nothing has gone';

# Merged into another issue: it is needed to take them apart again.
my ($d95, $d0) = map { $t->sql_value(q{select id from errtrack_private.issues where project_id = $1 and title = $2}, $t->project->{id}, $_) } qw(d95 d0);
$t->sql('update errtrack_private.origins set issue_id = $1 where id = $2', $d0, $d95);

# Who reads holds it up, and is not held up for long.
my $reader = $t->sql_session;
$reader->('begin; select count(*) from errtrack_private.occurrences;');
open my $running, '-|', @command, 'retention' or die "errtrack: $!\n";
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where application_name = 'errtrack' and wait_event_type = 'Lock'});
} 'it waits for who reads';
$reader->('commit;');
my $said = do { local $/; readline $running };
ok close $running, 'and goes on';
is $said, 'partitions: ' . 10 * $tables . " dropped\noccurrences of project $short->{id}: 1 removed\n"
    . "payloads of project $short->{id}: 1 removed\nissues of project $short->{id}: 2 removed\n"
    . join('', map { "$_: " . ($_ eq 'counts_5m' ? 9 : 4) . " removed\n" } qw(counts_5m counts_1h outcomes requests client_reports
        transactions session_counts session_users check_ins feedback)), 'it says what is gone';
for my $left ([ 3, 0, 'of no project' ], [ 3, $t->project->{id}, 'of a project' ], [ 2, $short->{id}, 'of one that keeps less' ]) {
    is_deeply $counted->($left->[1]), { map { ($_ => $_ eq 'counts_5m' ? 1 : $left->[0]) } keys %counts }, "what was counted $left->[2]";
}
is $kept->(), 'shop:d0 shop:d40 short:d0', 'events are gone';
is $t->sql_value('select count(*) from errtrack_private.payloads'), 3, 'their bodies too';
is $issues->(), 'shop:d0 shop:d40 shop:d95 short:d0', 'and issues whose last event is gone, but for a merged one';
is $t->sql_value('select count(*) from errtrack_private.origins'), 4, 'with their origins';
is $t->sql_value('select count(*) from errtrack_private.hashes'), 4, 'their hashes';
is $t->sql_value('select count(*) from errtrack_private.origin_users'), 4, 'their users';
is $t->sql_value('select count(*) from errtrack_private.counts_1h where origin_id > 0'), 4, 'and counts';
is $partitions->(-91), '', 'there is no partition of the day before';
isnt $partitions->(-90), '', 'there is one of the first day that is kept';
is $t->sql_value('select count(*) from errtrack_private.deliveries where project_id = $1', $short->{id}), 2,
    'ids stay as long as the partition';
like $command->('retention'), qr/^0 partitions: 0 dropped\n$/, 'the second time nothing is left';

# ---- the worker --------------------------------------------------------------------

$t->sql('update errtrack_private.origins set issue_id = id');
$t->sql('select errtrack_private.make_partitions(14, 100)');
isnt $partitions->(-91), '', 'there are old partitions again';
$t->sql(q{insert into errtrack_private.dead_letters (delivery_id, project_id, died_at, reason, meta, body)
    values (gen_random_uuid(), 1, now() - interval '15 days', 'old', '', ''), (gen_random_uuid(), 1, now() - interval '13 days', 'young', '', '')});
$t->worker->start;
eventually { $partitions->(-91) eq '' } 'the worker drops them';
eventually { $issues->() eq 'shop:d0 shop:d40 short:d0' } 'and removes issues';
isnt $partitions->(-90), '', 'what is kept is there';
eventually { $t->sql_value('select string_agg(reason, $1) from errtrack_private.dead_letters', ' ') eq 'young' }
    'dead letters go after 14 days';

# An event comes in while its issue is removed.
my $d40 = $t->sql_value(q{select id from errtrack_private.issues where title = 'd40'});
my $remover = $t->sql_session;
$remover->("begin; select errtrack_private.remove_issues($t->{project}{id}, now() - interval '39 days', 10);");
$add->($t->project, 'd40');
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where usename = 'errtrack_worker' and wait_event_type = 'Lock'});
} 'an event is filed under an issue that is being removed';
$remover->('commit;');
eventually { $t->sql_value(q{select coalesce(sum(event_count), 0) from errtrack_private.issues where title = 'd40' and id <> $1}, $d40) == 1 }
    'it begins a new one';

is $command->(qw(project retention short 1000)), "0 short is kept for 1000 days\n"
    . "errtrack: note: the instance keeps events for 90 days, which holds for this project too (errtrack-worker --retention)\n",
    'what the instance does not keep no project does';
is $command->(qw(project retention short 90)), "0 short is kept for 90 days\n", 'as long as the instance is fine';
is $command->(qw(project retention short 0)), "0 short is kept as long as the instance keeps events: 90 days\n", 'a project may be as all others';
is $t->sql_value('select retention_days from errtrack_private.projects where id = $1', $short->{id}), undef, 'again';

$t->done;
