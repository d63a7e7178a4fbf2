# sql/migrate brings any earlier state, with rows in its tables, to that of this release:
# what was there stays. A database of a newer release it refuses, and changes nothing.
#
# ERRTRACK_STATES=all tries the state after each migration, which takes some minutes;
# t/schema.t goes through all of them in one database.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root);
use ErrTrack::Schema qw(enter_rows make_tables migrations row_counts run_migrate schema_of);

my ($newest) = sort { $b <=> $a } keys %{ migrations() };
my @states = ($ENV{ERRTRACK_STATES} // '') eq 'all' ? (sort { $a <=> $b } keys %{ migrations() }) : (1, 15, $newest);

my $t = ErrTrack->new;
my $postgres = $t->start_postgres;
my $fresh = schema_of($postgres, 'errtrack');
# What migrations enter themselves.
my %own = map { $_ => 1 } qw(migrations limits issue_texts);

for my $state (@states) {
    make_tables($postgres, 'old', $state, sub { enter_rows(@_) if $_[0] == $state });
    my $before = row_counts($postgres, 'old');
    my ($status, $out, $err) = run_migrate($postgres, root() . '/sql', database => 'old');
    is $status, 0, "state $state is upgraded" or diag $err;
    ok schema_of($postgres, 'old') eq $fresh, 'to what a new database is';
    my $after = row_counts($postgres, 'old');
    is_deeply [ grep { !$own{$_} && $after->{$_} != $before->{$_} } sort keys %$before ], [], 'and no row is lost';
    my @applied = $err =~ /^migrate: 0*(\d+)_/mg;
    is_deeply \@applied, [ grep { $_ > $state } sort { $a <=> $b } keys %{ migrations() } ], 'by the migrations that it did not have';
    $postgres->rows_in('template1', 'drop database old');
}

$postgres->rows_in('errtrack', q(insert into errtrack_private.migrations (version, name) values ($1, 'future')), $newest + 1);
$postgres->rows_in('errtrack', 'drop view errtrack.issue_tags');
my ($status, $out, $err) = run_migrate($postgres, root() . '/sql');
is $status, 1, 'one of a newer release is refused';
is $err, 'migrate: the database has migration ' . ($newest + 1) . ", this release knows up to $newest: install a newer release\n",
    'with the reason';
is(($postgres->rows_in('errtrack', q(select to_regclass('errtrack.issue_tags'))))[0][0], undef, 'and nothing is changed');

$t->done;
