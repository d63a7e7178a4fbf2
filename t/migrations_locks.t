# A migration waits a moment for its locks, so that nobody waits long behind it. It says
# which session is in its way and what to do, tries again, and in the end leaves nothing
# behind. Of two that run at once one waits for the other.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file reap root spawn);
use ErrTrack::Schema qw(folder_of migrations run_migrate);

my ($newest) = sort { $b <=> $a } keys %{ migrations() };
my $t = ErrTrack->new;
my $postgres = $t->start_postgres;
my $next = $newest + 1;
my $sql = folder_of("$t->{dir}/sql", $newest, "${next}_next" => <<'SQL');
create table errtrack_private.next_things (id bigint primary key);
alter table errtrack_private.issues add column next_thing bigint;
SQL
# Functions and views are there already, and a few of them will do.
unlink grep { !/(?:005|010|070)_\w+\.sql\z/ } glob "$sql/api/*";

sub has_next {
    return $t->sql_value('select count(*) from errtrack_private.migrations where version = $1', $next)
        + $t->sql_value(q{select count(*) from pg_class where relname = 'next_things'});
}

# Runs it beside the test: what it has said so far, and its status when it has ended.
sub beside {
    my ($name) = @_;
    my $log = "$t->{dir}/$name.out";
    local $ENV{ERRTRACK_MIGRATE_TRIES} = 20;
    my $pid = spawn([ "$sql/migrate", $postgres->conninfo('errtrack_admin') ], log => $log, deathsig => 'TERM');
    return (sub { -e $log ? read_file($log) : '' }, sub { reap($pid) });
}

# ---- a table is in use ------------------------------------------------------------

my $reader = $t->sql_session;
$reader->('set application_name = \'a long report\'; begin; select count(*) from errtrack_private.issues;');
my ($pid) = $t->sql_value(q{select pid from pg_stat_activity where application_name = 'a long report'});
my ($status, $out, $err) = run_migrate($postgres, $sql, tries => 2);
is $status, 1, 'a migration that does not get its lock fails';
like $err, qr/^migrate: ${next}_next waits for a lock \(try 1 of 2\)$/m, 'says that it waits';
like $err, qr/^migrate:   held by session $pid of errtrack_admin \(a long report, 127\.0\.0\.1\), idle in transaction for 00:00:\d\d: select count/m,
    'and for whom' or diag $err;
like $err, qr/^migrate:   wait until that ends, or end it: select pg_terminate_backend\($pid\)$/m, 'and what to do';
like $err, qr/^migrate: ${next}_next waits for a lock \(try 2 of 2\)$/m, 'tries again';
like $err, qr/^migrate: ${next}_next did not get its locks, and nothing of it is done: run this again when they are free$/m,
    'and says that it gives up';
unlike $err, qr/LOCATION|55P03/, 'without words that help nobody';
is has_next(), 0, 'nothing of it is left behind';

my ($said, $end) = beside('patient');
eventually { $said->() =~ /try 1 of 20/ } 'it waits once more';
$reader->('commit;');
my $exit;
eventually { defined($exit = $end->()) } 'and ends when the lock is free';
is $exit, 0, 'done' or diag $said->();
is has_next(), 2, 'it is there';

# ---- a view is in use --------------------------------------------------------------

$reader->('begin; select count(*) from errtrack.issues;');
($status, $out, $err) = run_migrate($postgres, $sql, tries => 1);
is $status, 1, 'a report that goes on holds up the views';
like $err, qr/^migrate: api waits for a lock \(try 1 of 1\)\nmigrate:   held by session $pid /m, 'which is said too';
$reader->('commit;');
is((run_migrate($postgres, $sql))[0], 0, 'until it has ended');

# ---- another one runs ---------------------------------------------------------------

$reader->(q{set application_name = 'errtrack-migrate.other'; begin;
    select pg_advisory_xact_lock(hashtextextended('errtrack.migrate', 0));});
($said, $end) = beside('second');
eventually { $said->() eq "migrate: waiting for another migrate\n" } 'a second migrate says that it waits' or diag $said->();
$reader->('commit;');
eventually { defined($exit = $end->()) } 'and goes on';
is $exit, 0, 'with nothing to do' or diag $said->();

($status, $out, $err) = run_migrate($postgres, $sql, tries => 'many');
is $err, qq{migrate: ERRTRACK_MIGRATE_TRIES is a number from 1 on, not "many"\n}, 'a number of tries is a number';

$t->done;
