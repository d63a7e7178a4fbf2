# Monitors: what jobs say of themselves, and that somebody notices when they say nothing.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project->{id};
my $sent = 0;

# A check-in, once it is filed.
sub check_in {
    my ($slug, $status, %members) = @_;
    is $t->envelope([ check_in => { monitor_slug => $slug, status => $status, %members } ])->status, 200, "$slug says $status";
    $sent++;
    eventually { $t->sql_value(q{select coalesce(sum(items), 0) from errtrack.outcomes where category = 'monitor' and outcome = 'stored'}) == $sent }
        'it is stored';
    return;
}

sub runs {
    my ($slug) = @_;
    return [ map { $_->[0] } $t->sql(q{select status from errtrack.check_ins where slug = $1 order by began_at}, $slug) ];
}

sub monitor {
    my ($slug, $column) = @_;
    return $t->sql_value("select $column from errtrack.monitors where slug = \$1", $slug);
}

my $nil = '0' x 32;

# ---- runs --------------------------------------------------------------------------

my $run = random_hex(16);
check_in('Nightly Backup', 'in_progress', check_in_id => $run);
is monitor('nightly-backup', 'status'), 'in_progress', 'the job runs';
check_in('nightly-backup', 'ok', check_in_id => $run, duration => 12.5, release => '1.0');
is_deeply runs('nightly-backup'), ['ok'], 'and ends: one run';
is monitor('nightly-backup', 'last_seconds'), 12.5, 'that took so long';
check_in('nightly-backup', 'in_progress', check_in_id => $run);
is_deeply runs('nightly-backup'), ['ok'], 'a beginning that comes late changes nothing';
check_in('nightly-backup', 'error');
is_deeply runs('nightly-backup'), [qw(ok error)], 'without an id it is another run';
is monitor('nightly-backup', 'status'), 'error', 'which failed';
check_in('nightly-backup', 'in_progress', check_in_id => random_hex(16));
check_in('nightly-backup', 'ok', check_in_id => $nil);
is_deeply runs('nightly-backup'), [qw(ok error ok)], 'the nil id ends the run that is open';
check_in('nightly-backup', 'ok', check_in_id => $nil);
is_deeply runs('nightly-backup'), [qw(ok error ok ok)], 'without one it is a new run';
check_in('nightly-backup', 'weird', environment => 'test');
is_deeply [ map { "@$_" } $t->sql(q{select environment, status from errtrack.monitors where slug = 'nightly-backup' order by 1}) ],
    [ 'production ok', 'test unknown' ], 'environments have states of their own';
is $t->get("/api/$project/cron/by-url/$t->{project}{public_key}?status=ok")->status, 202, 'a check-in by URL';
$sent++;
eventually { monitor('by-url', 'status') eq 'ok' } 'is one too';

is $t->envelope([ check_in => { monitor_slug => '', status => 'ok' } ])->status, 200, 'a check-in of nothing';
eventually { $t->sql_value(q{select sum(items) from errtrack.outcomes where reason = 'invalid_check_in'}) == 1 } 'is invalid';

# ---- schedules ---------------------------------------------------------------------

# The times at which a monitor is expected after another time.
sub after {
    my ($config, $zone, $time) = @_;
    check_in('schedule', 'ok', monitor_config => { schedule => $config, timezone => $zone });
    return $t->sql_value(q{select to_char(errtrack_private.next_check_in(schedule, timezone, $1::timestamptz) at time zone 'UTC',
        'YYYY-MM-DD HH24:MI') from errtrack_private.monitors where slug = 'schedule'}, $time);
}

sub crontab { return { type => 'crontab', value => $_[0] } }

is after(crontab('*/15 * * * *'), 'UTC', '2026-03-01 10:07:30+00'), '2026-03-01 10:15', 'every quarter of an hour';
is after(crontab('*/15 * * * *'), 'UTC', '2026-03-01 10:15:00+00'), '2026-03-01 10:30', 'after one the next';
is after(crontab('0 3 * * *'), 'Europe/Vienna', '2026-07-01 12:00+00'), '2026-07-02 01:00', 'three in the morning in Vienna, in summer';
is after(crontab('0 3 * * *'), 'Europe/Vienna', '2026-12-01 12:00+00'), '2026-12-02 02:00', 'and in winter';
is after(crontab('0 0 29 2 *'), 'UTC', '2026-03-01 00:00+00'), '2028-02-29 00:00', 'leap days';
is after(crontab('0 0 13 * 5'), 'UTC', '2026-03-01 00:00+00'), '2026-03-06 00:00', 'the 13th or a Friday';
is after(crontab('0 9 * * mon-fri'), 'UTC', '2026-03-06 09:00+00'), '2026-03-09 09:00', 'working days';
is after({ type => 'interval', value => 90, unit => 'minute' }, 'UTC', '2026-03-01 10:00+00'), '2026-03-01 11:30', 'ninety minutes';
is after({ type => 'interval', value => 1, unit => 'month' }, 'UTC', '2026-01-31 10:00+00'), '2026-02-28 10:00', 'a month';
is after({ type => 'interval', value => 1, unit => 'day' }, 'Europe/Vienna', '2026-03-28 11:00+00'), '2026-03-29 10:00',
    'a day of the wall clock';
is after(crontab('99 * * * *'), 'UTC', '2026-03-28 11:00+00'), '2026-03-29 10:00', 'one that is none changes nothing';
is after(crontab('0 * * * *'), 'Mars/Olympus', '2026-03-28 11:00+00'), '2026-03-29 10:00', 'nor does an unknown time zone';

# ---- what does not come --------------------------------------------------------------

my $hourly = { schedule => { type => 'interval', value => 1, unit => 'hour' }, checkin_margin => 5, max_runtime => 10 };
check_in('hourly', 'ok', monitor_config => $hourly);
check_in('long', 'in_progress', check_in_id => $run, monitor_config => $hourly);
check_in('free', 'ok');
my $age = sub {
    my ($minutes, @slugs) = @_;
    $t->sql(q{update errtrack_private.monitors set next_at = next_at - make_interval(mins => $1::integer),
        last_at = last_at - make_interval(mins => $1::integer) where slug = any ($2::text[])}, $minutes, '{' . join(',', @slugs) . '}');
    $t->sql(q{update errtrack_private.check_ins set began_at = began_at - make_interval(mins => $1::integer) where slug = any ($2::text[])},
        $minutes, '{' . join(',', @slugs) . '}');
};
my $look = sub { return $t->sql_value('set role errtrack_worker; select errtrack_private.mark_missed_check_ins()') };
is $look->(), 0, 'in time nothing is missed';
$age->(64, 'hourly');
is $look->(), 0, 'nor within the margin';
$age->(3, 'hourly', 'free');
is $look->(), 1, 'then it is';
is $look->(), 0, 'once';
is_deeply runs('hourly'), [qw(ok missed)], 'a run that was missed';
is monitor('hourly', q{status || ' ' || missed || ' ' || (next_check_in_at > now())}), 'missed 1 true', 'the next one is expected';
check_in('hourly', 'ok');
is monitor('hourly', q{status || ' ' || missed}), 'ok 1', 'the job is back';
$age->(11, 'long');
is $look->(), 1, 'a run that lasts too long';
is monitor('long', q{status || ' ' || timed_out}), 'timeout 1', 'has timed out';
check_in('long', 'ok', check_in_id => $run);
is_deeply runs('long'), ['ok'], 'if it ends after all it is as it ended';

# The worker looks by itself.
$age->(600, 'hourly');
$t->worker->stop;
$t->worker->start;
eventually { monitor('hourly', 'missed') == 2 } 'the worker finds what is missed';

# ---- names that are new to two workers ------------------------------------------------

# One has sessions and check-ins in its batch, the other check-ins alone.
my $microseconds = time . '000000';
my $batch = $t->sql_session;
my $file = sub {
    my ($function, $item) = @_;
    $batch->("select errtrack_private.$function(jsonb_build_array(jsonb_build_object('n', 0, 'project', $project, 'at', now(),
        'item', '{\"environment\": \"of-one\", \"status\": \"ok\", $item}'::jsonb)));");
};
$batch->('begin;');
$file->(file_sessions => qq{"sid": "$run", "release": "1", "started": $microseconds, "at": $microseconds, "seq": 0, "errors": 0});
is $t->envelope([ check_in => { monitor_slug => 'of-the-other', status => 'ok', environment => 'of-the-other' } ])->status, 200, 'a check-in';
$sent++;
eventually { $t->sql_value(q{select count(*) from pg_stat_activity where usename = 'errtrack_worker' and wait_event_type = 'Lock'}) }
    'waits for a batch that brings a new environment';
ok eval { $file->(file_check_ins => qq{"slug": "of-one", "id": "$run"}); $batch->('commit;'); 1 }, 'which brings a new monitor after that'
    or diag $@;
eventually { monitor('of-the-other', 'status') eq 'ok' } 'then the check-in is filed';
is monitor('of-one', 'status'), 'ok', 'beside the other one';
unlike $t->postgres->log_text, qr/deadlock detected/, 'they do not wait for each other';

# ---- bounds, and how they go ---------------------------------------------------------

my $other = $t->create_project('other', 'acme');
$t->wait_for_key($other);
$t->sql(q{insert into errtrack_private.item_names (project_id, kind, name, seen_on)
    select $1, 'monitor', 'made-up-' || n, current_date from generate_series(1, 499) n}, $other->{id});
for my $slug (qw(last-one one-more and-more)) {
    is $t->envelope([ check_in => { monitor_slug => $slug, status => 'ok', monitor_config => $hourly } ], project => $other)->status, 200, $slug;
    $t->settle;
}
is_deeply [ map { "$_->[0] " . ($_->[1] // 'none') } $t->sql(q{select slug, case when next_check_in_at is not null then 'expected' end
    from errtrack.monitors where project_id = $1 order by 1}, $other->{id}) ], [ '(other) none', 'last-one expected' ],
    'a project has room for 500 monitors; nothing is expected of others';
$t->sql(q{update errtrack_private.check_ins set received_at = received_at - interval '11 days' where slug = 'free'});
$t->sql(q{update errtrack_private.monitors set last_at = last_at - interval '11 days' where slug = 'free'});
$t->sql('select errtrack_private.forget_items(10)');
$t->retain(10);
is_deeply runs('free'), [], 'runs go with the retention';
is monitor('free', 'count(*)'), 0, 'so do monitors that have long been silent';
is $t->api(DELETE => "/projects/$project")->status, 204, 'what the project has received is deleted';
is $t->sql_value('select count(*) from errtrack_private.monitors where project_id = $1', $project), 0, 'its monitors too';
is $t->sql_value('select count(*) from errtrack_private.check_ins where project_id = $1', $project), 0, 'and their runs';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead';

$t->done;
