# A new schema, one that was upgraded step by step with rows in its tables, and what is
# written down in sql/schema.sql are the same; and the programs know its number.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root);
use ErrTrack::Schema qw(enter_rows make_tables migrations row_counts run_migrate schema_file schema_of);

my ($newest) = sort { $b <=> $a } keys %{ migrations() };
is scalar(keys %{ migrations() }), scalar(@{ [ glob root() . '/sql/migrations/*.sql' ] }), 'each migration has a number of its own';

my $version = read_file(root() . '/sql/version.hpp');
my %known = $version =~ /schema_(newest|oldest) = (\d+);/g;
is $known{newest}, $newest, 'sql/version.hpp names the newest';
cmp_ok $known{oldest}, '<=', $newest, 'and the oldest is none to come';
for my $number (sort { $a <=> $b } keys %{ migrations() }) {
    my ($floor) = read_file(migrations()->{$number}) =~ /^-- floor: (\d+)$/m or next;
    cmp_ok $floor, '<=', $number, "migration $number does not need programs that know a later one";
}

my $t = ErrTrack->new;
my $postgres = $t->start_postgres;
my %entered;
make_tables($postgres, 'upgraded', $newest, sub {
    my ($state, $run) = @_;
    enter_rows($state, $run);
    $entered{$state} = $run->('select count(*) from errtrack_private.projects');
});
is scalar(keys %entered), scalar(keys %{ migrations() }), 'rows were entered in the state after each migration';

my $file = read_file(root() . '/sql/schema.sql');
my $made = schema_file($postgres, 'upgraded');
my ($of, $here) = map { /^-- As PostgreSQL (\d+)/m } $file, $made;
SKIP: {
    skip "sql/schema.sql is as PostgreSQL $of writes it, this is $here", 1 if $of != $here;
    same($made, $file, 'sql/schema.sql is what they come to: else run make schema');
}

my $before = row_counts($postgres, 'upgraded');
my ($status, $out, $err) = run_migrate($postgres, root() . '/sql', database => 'upgraded');
is $status, 0, 'sql/migrate brings functions and views' or diag $err;
same(schema_of($postgres, 'upgraded'), schema_of($postgres, 'errtrack'), 'it is then the same as a new one');
is_deeply row_counts($postgres, 'upgraded'), $before, 'and no row is lost';
my @empty = grep { !$before->{$_} } sort keys %$before;
is_deeply \@empty, [qw(retention sessions sign_in_failures transactions)], 'of the tables few were empty';

$t->done;

# The first lines that differ, instead of thousands.
sub same {
    my ($got, $expected, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return if ok $got eq $expected, $label;
    my @got = split /\n/, $got;
    my @expected = split /\n/, $expected;
    my $first = 0;
    $first++ while $first < @got && $first < @expected && $got[$first] eq $expected[$first];
    diag 'line ', $first + 1, ":\n- ", $expected[$first] // 'the end', "\n+ ", $got[$first] // 'the end';
    return;
}
