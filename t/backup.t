# A backup by pg_dump, of an older schema, restored into another cluster and migrated:
# everything is there, the API answers the same, and new reports are filed with the old.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Postgres;
use ErrTrack::Process qw(read_file root run);
use ErrTrack::Schema qw(folder_of make_tables row_counts run_migrate schema_of);
use ErrTrack::Seen qw(seen start_programs);

my ($oldest) = read_file(root() . '/sql/version.hpp') =~ /schema_oldest = (\d+);/;
sub event {
    my ($type, %more) = @_;
    return { exception => { values => [ { type => $type, value => 'no' } ] }, release => 'shop@1', tags => { browser => 'Firefox' },
        environment => 'production', %more };
}

# ---- an instance ----------------------------------------------------------------------

my $t = ErrTrack->new;
my $postgres = $t->start_postgres;
my $fresh = schema_of($postgres, 'errtrack');
$postgres->rows_in('template1', 'drop database errtrack');
make_tables($postgres, 'errtrack', $oldest);
is((run_migrate($postgres, folder_of("$t->{dir}/old", $oldest)))[0], 0, 'an instance has an older schema');
$t->start_redis(appendonly => 'always');
$t->create_organization('acme');
$t->create_project('shop', 'acme');
$t->create_token('admin@example.com');
start_programs($t);
my @sent;
for my $n (1 .. 30) {
    push @sent, sprintf '%032x', $n;
    $t->store(event('Error' . $n % 3, event_id => $sent[-1], user => { id => $n % 7 }));
}
$t->envelope([ event => event('Attached', event_id => 'a' x 32) ], [ attachment => "\0bytes", filename => 'a.bin' ], header => { event_id => 'a' x 32 });
$t->filed_once([ @sent, 'a' x 32 ]);
eventually { $t->sql_value('select count(*) from errtrack_private.tag_facts') == 0 } 'tags are counted';
my $before = seen($t, 'shop', $t->{project}{id});
is scalar(@{ $before->{issues} }), 4, 'it has issues';
$t->$_->stop for qw(nginx worker);
my $counts = row_counts($postgres, 'errtrack');

# ---- backup and restore ----------------------------------------------------------------

my ($status, $roles, $err) = run([ ErrTrack::Postgres::program('pg_dumpall'), '--roles-only', '-d', $postgres->conninfo('errtrack_admin') ],
    plain => 1);
is $status, 0, 'roles are saved' or diag $err;
($status, my $dump, $err) = run([ ErrTrack::Postgres::program('pg_dump'), '-d', $postgres->conninfo('errtrack_admin') ], plain => 1);
is $status, 0, 'and the database' or diag $err;

my $other = ErrTrack->new(map { $_ => $t->{$_} } qw(project token));
my $restored = $other->start_postgres;
$restored->rows_in('template1', 'drop database errtrack');
$restored->rows_in('template1', "drop role $_") for qw(errtrack_worker errtrack_query errtrack_report errtrack_views errtrack_maintain);
my $into = sub {
    my ($text, $database, @options) = @_;
    return run([ 'psql', '-X', '-q', @options, '-d', $restored->conninfo('errtrack_admin', database => $database) ],
        stdin => $text, plain => 1);
};
(undef, undef, $err) = $into->($roles, 'template1');
is join('', grep { !/role "errtrack_admin" already exists/ } split /^/, $err), '', 'roles are restored';
$restored->rows_in('template1', 'create database errtrack');
($status, undef, $err) = $into->($dump, 'errtrack', '-1', '-v', 'ON_ERROR_STOP=1');
is $status, 0, 'the database is restored' or diag $err;
($status, undef, $err) = run_migrate($restored, root() . '/sql');
is $status, 0, 'and migrated' or diag $err;
ok schema_of($restored, 'errtrack') eq $fresh, 'to what a new one is';
my $there = row_counts($restored, 'errtrack');
is_deeply [ grep { $_ ne 'migrations' && $there->{$_} != $counts->{$_} } sort keys %$counts ], [], 'with all rows';

# ---- it goes on --------------------------------------------------------------------------

start_programs($other);
my $after = seen($other, 'shop', $t->{project}{id});
is_deeply $after, $before, 'the API answers the same';
is $other->store(event('Error1', event_id => 'b' x 32))->status, 200, 'a report is taken';
is $other->store(event('Error1', event_id => $sent[0]))->status, 200, 'and one that was filed before the backup';
eventually { $other->sql_value(q{select coalesce(sum(quantity), 0) from errtrack_private.outcomes where outcome = 'duplicate'}) == 1 } 'which is a duplicate';
$other->filed_once([ @sent, 'a' x 32, 'b' x 32 ]);
is $other->sql_value('select count(*) from errtrack_private.issues'), 4, 'the new one joins the issue that it belongs to';
is $other->sql_value('select errtrack_private.default_partition_rows()'), 0, 'and there are partitions for it';

$other->finish;
$t->done;
