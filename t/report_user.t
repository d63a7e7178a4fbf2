# Logins of analysts, made, shown, given another password and removed by the command, and
# the limits that they get.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file write_file);

my $t = ErrTrack->stack(postgres => { settings => { log_statement => 'all' } }, redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $postgres = $t->postgres;
$t->create_organization('rival');
$t->create_project('shop', 'rival');

# Passes when the command is refused with this message.
sub refuses {
    my ($words, $message, $label, %arg) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = $t->command('errtrack', '--database', $postgres->conninfo($arg{by} // 'errtrack_admin'),
        'report-user', @$words);
    return is "$status $err$out", "1 errtrack: $message\n", $label;
}

sub first { my ($row) = @_; return $row ? $row->[0] : undef }

# ---- making one --------------------------------------------------------------------

my ($status, $out, $err) = $t->command('errtrack', '--database', $postgres->conninfo('errtrack_admin'),
    'report-user', 'create', 'ann', '--project', 'acme/shop,rival/shop', '--timeout', 30, '--connections', 1);
is $status, 0, 'a login is made';
my ($password) = $out =~ /^password +([a-z0-9]{32})$/m;
ok defined $password, 'its password is shown';
is $out =~ s/^password.*\n//r, <<'RECORD', 'with what it may do';
login        ann
projects     acme/shop rival/shop
connections  1
timeout      30s
RECORD
like $err, qr/^Keep the password now/, 'once';
$postgres->know_password(ann => $password);
is_deeply [ $postgres->rows_as(ann => 'select organization, slug from projects order by 1') ], [ [qw(acme shop)], [qw(rival shop)] ],
    'it logs in and finds the views without their schema';
is_deeply { map { @$_ } $postgres->rows_as(ann => q{select name, setting from pg_settings where name in ('default_transaction_read_only',
    'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'temp_file_limit', 'jit')}) },
    { default_transaction_read_only => 'on', statement_timeout => 30_000, lock_timeout => 5000,
      idle_in_transaction_session_timeout => 60_000, idle_session_timeout => 3_600_000, temp_file_limit => 4 * 1024 * 1024, jit => 'off' }, 'with limits';
like eval { $postgres->rows_as(ann => 'set temp_file_limit = -1'); 1 } ? '' : $@, qr/permission denied to set parameter "temp_file_limit"/,
    'of which it cannot lift that of temporary files';
is first($t->sql(q{select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls from pg_roles where rolname = 'ann'})), 'f',
    'it may do nothing else in the cluster';

my $open = $postgres->session('ann');
$open->('select 1');
my $session = first($t->sql(q{select pid from pg_stat_activity where usename = 'ann'}));
like eval { $postgres->rows_as(ann => 'select 1'); 1 } ? '' : $@, qr/too many connections for role "ann"/, 'no more connections than it may have';

# ---- a password that is brought along -----------------------------------------------

my $file = write_file("$t->{dir}/password", "correct-horse-battery\n");
is $t->errtrack(qw(report-user create bob --password-file), $file), <<'RECORD', 'one that sees all, with a password out of a file, which is not shown';
login        bob
projects     all
connections  10
timeout      60s
RECORD
$postgres->know_password(bob => 'correct-horse-battery');
is_deeply [ $postgres->rows_as(bob => 'select count(*) from projects') ], [ [2] ], 'logs in with it';
refuses [ 'create', 'eve', '--password-file', "$t->{dir}/none" ], "cannot read a password from the first line of $t->{dir}/none", 'a file that is not there';
refuses [ 'create', 'eve', '--password-file', write_file("$t->{dir}/short", "short\n") ],
    "the password in $t->{dir}/short must have 16 to 512 characters", 'a password that can be guessed';
refuses [ 'create', 'eve', '--password-file', write_file("$t->{dir}/odd", "\xc3\xbcber-correct-horse\n") ],
    "the password in $t->{dir}/odd holds blanks or characters beyond ASCII, which clients write in different ways", 'one that clients write in different ways';

# ---- refusals ------------------------------------------------------------------------

refuses [ 'create', 'ann' ], 'there is a role "ann" already', 'a login that is there';
refuses [ 'create', 'errtrack_query' ], 'a login must match [a-z][a-z0-9_-]{0,62} and not begin with pg_ or errtrack_, "errtrack_query" does not',
    'a name of our own';
refuses [ 'create', 'Ann; drop' ], 'a login must match [a-z][a-z0-9_-]{0,62} and not begin with pg_ or errtrack_, "Ann; drop" does not', 'no name';
refuses [ 'create', 'eve', '--project', 'none' ], 'there is no project "none"', 'a project that is not there';
refuses [ 'create', 'eve', '--project', 'shop' ], 'several projects have the slug "shop": write acme/shop or rival/shop', 'a slug of several';
refuses [ 'create', 'eve', '--project', '' ], '--project: it is empty (see errtrack report-user create --help)', 'an empty variable of a script';
is first($t->sql(q{select count(*) from pg_roles where rolname = 'eve'})), 0, 'nothing is left of what was refused';
$t->sql('create role clara login; grant errtrack_report to clara');
refuses [ $_, 'clara' ], 'there is no login for reports "clara" that this command has made', "a login that was made by hand: $_" for qw(rotate delete);

$t->sql(q{create role clerk login password 'clerk-of-errtrack'; grant errtrack_maintain to clerk});
$postgres->know_password(clerk => 'clerk-of-errtrack');
refuses $_, '"clerk" may not make or change logins: connect as a superuser, or let it ("alter role clerk createrole")',
    "without the right to make roles: $_->[0]", by => 'clerk' for [qw(create eve)], [qw(rotate bob)], [qw(delete bob)];
$t->sql('alter role clerk createrole');
($status, $out, $err) = $t->command('errtrack', '--database', $postgres->conninfo('clerk'), qw(report-user create carl --project acme/shop));
is $status, 0, 'with it a login is made';
like $err, qr/note: temporary files of its queries are not limited, since only a superuser can do that: alter role "carl" set temp_file_limit = '4GB'/,
    'and what takes a superuser is said';
$postgres->know_password(carl => $out =~ /^password +(\w+)$/m);
is_deeply [ $postgres->rows_as(carl => 'select organization from projects') ], [ ['acme'] ], 'it sees its project';

# ---- lists ---------------------------------------------------------------------------

is $t->errtrack(qw(report-user list)) =~ s/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00/<time>/gr, <<'TABLE', 'logins are listed, also those made by hand';
login  projects              can_login  connections  timeout  created_at
ann    acme/shop rival/shop  yes                  1  30s      <time>
bob    all                   yes                 10  60s      <time>
carl   acme/shop             yes                 10  60s      <time>
clara  all                   yes                  -  -        -
TABLE
is_deeply [ map { $_->{login} } @{ $t->errtrack(qw(report-user list --json)) } ], [qw(ann bob carl clara)], 'for programs too';

# ---- another password, and the end ------------------------------------------------------

my $new = $t->errtrack(qw(report-user rotate bob --json))->{password};
like eval { $postgres->rows_as(bob => 'select 1'); 1 } ? '' : $@, qr/password authentication failed/, 'the old password is good no more';
$postgres->know_password(bob => $new);
is_deeply [ $postgres->rows_as(bob => 'select 1') ], [ [1] ], 'the new one is';

is $t->errtrack(qw(report-user delete ann)), "ann is deleted\n", 'a login is removed';
eventually { first($t->sql('select count(*) from pg_stat_activity where pid = $1', $session)) == 0 } 'its session ends';
like eval { $postgres->rows_as(ann => 'select 1'); 1 } ? '' : $@, qr/password authentication failed/, 'and it does not log in again';
$t->sql('create schema bobs authorization bob');
refuses [ 'delete', 'bob' ], 'login "bob" has things or rights of its own in a database: first "reassign owned by bob to ..." and "drop owned by bob" there',
    'one that owns something stays';
is_deeply [ $t->sql(q{select login from errtrack_private.report_logins order by 1}) ], [ ['bob'], ['carl'] ], 'and nothing else is left of the other';

# ---- logs ------------------------------------------------------------------------------

my $log = read_file("$t->{dir}/postgres.log");
like $log, qr/create_report_login/, 'the server logs statements';
unlike $log, qr/\Q$_\E/, 'but no password' for $password, $new, 'correct-horse-battery';

$t->done;
