# Logins of analysts that hold things up: what they have set for themselves does not keep a
# transaction open for long, and "errtrack doctor" tells of it before.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process 'build_dir', 'run';

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $postgres = $t->postgres;
$t->create_report_user($_) for qw(ann bob);
$t->sql(q{alter role ann set statement_timeout = '1s'});
# A login of an analyst that the command has not made.
$t->sql(q{create role clara login password 'clara-of-errtrack' in role errtrack_report; alter role clara set statement_timeout = '1s'});
$postgres->know_password(clara => 'clara-of-errtrack');

# Sessions that the worker ends, with its patience, or with none.
sub ended { return $t->sql_value("set role errtrack_worker; select errtrack_private.end_long_reports(" . ($_[0] // '') . ')') }
sub open_for { my ($seconds) = @_; return $t->sql_value(q{select count(*) from pg_stat_activity
    where application_name like 'sheet of %' and xact_start < clock_timestamp() - make_interval(secs => $1)}, $seconds) }

my %session = map { $_ => $postgres->session($_) } qw(ann bob clara);
for my $login (sort keys %session) {
    $session{$login}->("set application_name = 'sheet of $login'; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0;
        begin; listen news;");
}
eventually { open_for(1) == 3 } 'logins lift their limits, and transactions go on for longer than a login was given';
is ended(), 0, 'they are left alone for some minutes more';
is ended(q{'0 s'}), 1, 'then one is ended';
eventually { open_for(0) == 2 } 'and goes away';
ok !eval { $session{ann}->('select 1;'); 1 }, 'with its session';
like $@, qr/terminating connection due to administrator command/, 'which is told why';
ok eval { $session{$_}->('select 1;'); 1 }, "$_: one that may take longer, or is not ours, goes on" for qw(bob clara);
ok !eval { $t->sql('set role errtrack_worker; select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', 'bob'); 1 },
    'the worker itself may end nobody';

# ---- errtrack doctor ---------------------------------------------------------------------

# What is found of transactions: "level what; advice" in lines.
sub found { return join '', map { "$_->[0] $_->[1]; $_->[2]\n" } $t->sql("select level, what, advice from errtrack_private.doctor_transactions($_[0])") }

my $pid = $t->sql_value(q{select pid from pg_stat_activity where application_name = 'sheet of bob'});
like found(q{'0 s'}), qr/^warning session $pid of bob \(sheet of bob, idle in transaction\) has a transaction open since \d{4}-\S+ \S+: .*; let it end, or select pg_terminate_backend\($pid\)$/m,
    'the doctor tells who has a transaction open, and what to do';
is found(''), "ok 0 % of PostgreSQL's queue of notify is in use; \n", 'but not of those of a moment';
my ($status, $out) = run([ build_dir() . '/errtrack', '--database', $postgres->conninfo('errtrack_admin'), 'doctor',
    '--redis', $t->redis_server->address ]);
like $out, qr/^ok +transactions +0 % of PostgreSQL's queue of notify is in use$/m, 'as people read it';

$t->done;
