# An import makes the partitions of its days under locks. It says which session is in its way
# and what to do, tries again, and in the end leaves nothing behind; and when it fails later it
# takes its partitions away, but for those in which somebody else's rows lie by then.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file reap spawn);
use ErrTrack::Transfer qw(import_command import_file traces);

my $t = ErrTrack->new;
my $postgres = $t->start_postgres;
$t->create_organization('acme');
$t->create_project('shop', 'acme');
my $shop = $t->{project}{id};

# Of days that have no partitions: rows that lie in the default ones until they are exported.
$t->sql(q{insert into errtrack_private.issues
    (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger, first_seen, last_seen, last_received_at)
    values ($1, 5, 'error', 'Error', 'no', 'Error: no', 'Error: no', 'main', 'error', 'python', '', now(), now(), now())}, $shop);
$t->sql('insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen) values ($1, 5, 5, now(), now())', $shop);
my $event = q{insert into errtrack_private.occurrences
    (project_id, received_at, event_id, origin_id, occurred_at, level, platform, has_payload)
    select $1, now() - $2 * interval '1 day', gen_random_uuid(), 5, now(), 'error', 'python', false};
$t->sql($event, $shop, 40);
my $file = $t->errtrack('export', 'shop');
$t->sql('delete from errtrack_private.occurrences');
my $before = traces($t);

# Runs it beside the test: what it has said so far, and its status when it has ended.
sub beside {
    my ($name) = @_;
    my $log = "$t->{dir}/$name.out";
    my $pid = spawn(import_command($t, $file, "acme/$name"), log => $log, deathsig => 'TERM');
    return (sub { -e $log ? read_file($log) : '' }, sub { reap($pid) });
}

# ---- a reader --------------------------------------------------------------------------------

my $reader = $t->sql_session;
$reader->('set application_name = \'a long report\'; begin; select count(*) from errtrack_private.occurrences;');
my ($pid) = $t->sql_value(q{select pid from pg_stat_activity where application_name = 'a long report'});
my $who = qr/session $pid of errtrack_admin \(a long report, 127\.0\.0\.1\), idle in transaction for \d\d:\d\d:\d\d: select count\S+ from errtrack_private\.occurrences;: wait until that ends, or end it with select pg_terminate_backend\($pid\)/;
my ($status, $out, $err) = import_file($t, $file);
is $status, 1, 'an import that does not get its locks fails';
like $err, qr/^errtrack: note: waiting to make partitions for the days of the events, in the way is $who$/m, 'says who is in its way' or diag $err;
like $err, qr/^errtrack: no partitions can be made for the days of the events, in the way is $who, and try again then: nothing is imported$/m,
    'and that it gives up' or diag $err;
is_deeply traces($t), $before, 'and nothing is left of it';

my ($said, $end) = beside('patient');
eventually { $said->() =~ /in the way is session $pid / } 'it waits once more' or diag $said->();
$reader->('commit;');
my $exit;
eventually { defined($exit = $end->()) } 'and ends when the lock is free';
is $exit, 0, 'done' or diag $said->();
is $t->sql_value('select errtrack_private.default_partition_rows()'), 0, 'with partitions for its days';

# ---- another import ----------------------------------------------------------------------------

my $other = $t->sql_session;
$other->(q{select pg_advisory_lock(hashtextextended('errtrack.import', 0));});
($said, $end) = beside('second');
eventually { $said->() eq "errtrack: note: another import is being entered: waiting for its end\n" } 'a second import waits for the first';
$other->(q{select pg_advisory_unlock(hashtextextended('errtrack.import', 0));});
eventually { defined($exit = $end->()) } 'and goes on';
is $exit, 0, 'done' or diag $said->();

# ---- a failure after they are made -------------------------------------------------------------

$t->sql($event, $shop, 80);
$file = $t->errtrack('export', 'shop');
$t->sql('delete from errtrack_private.occurrences where received_at < now() - interval \'70 days\'');
$before = traces($t);
my $partitions = q{select count(*) from errtrack_private.partitions_before(now() - interval '70 days')};

# Somebody else takes its name: until that is committed the import waits for it.
my $rival = $t->sql_session;
$rival->(q{begin; insert into errtrack_private.projects (id, organization_id, slug, name)
    select 1234, id, 'late', 'late' from errtrack_private.organizations where slug = 'acme';});
($said, $end) = beside('late');
eventually { $t->sql_value($partitions) == 15 } 'an import has made its partitions';
$t->sql($event, $shop, 80);
$rival->('commit;');
eventually { defined($exit = $end->()) } 'and fails';
is $exit, 1 << 8, 'as it should' or diag $said->();
is $said->(), qq(errtrack: slug "late" is taken in organization "acme": nothing is imported\n), 'saying why';
is $t->sql_value($partitions), 1, 'only the partition that holds an event is kept';
$t->sql('delete from errtrack_private.projects where id = 1234');
is_deeply traces($t), { %$before, partitions => $before->{partitions} + 1, occurrences => $before->{occurrences} + 1 },
    'and nothing else is left';

# ---- rows in the way ------------------------------------------------------------------------------

$t->sql($event, $shop, 120);
$file = $t->errtrack('export', 'shop');
($status, $out, $err) = import_file($t, $file, 'acme/misplaced');
is "$status $err", '1 errtrack: rows lie in default partitions, where they have found no partition of their day: '
    . "call errtrack_private.settle_default_rows() first: nothing is imported\n", 'rows in default partitions are in the way, and it says what to do';

$t->done;
