# The schema errtrack is a promise to analysts: what sql/contract/snapshot lists is there,
# as it is written there, and nothing else is. What is new is added to the snapshot by
#
#     make contract
#
# What is missing or different breaks queries of people: it takes a new major version, and
# lines of the snapshot that somebody removes by hand.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root);

my $t = ErrTrack->new;
$t->start_postgres;
my $file = root() . '/sql/contract/snapshot';

my @there = map { $_->[0] } $t->sql(read_file(root() . '/sql/contract/show.sql') =~ s/;\s*\z//r);
my %there = map { $_ => 1 } @there;
my @promised = split /\n/, -e $file ? read_file($file) : '';
my %promised = map { $_ => 1 } @promised;

is_deeply [ grep { !$there{$_} } @promised ], [],
    'what was promised is there as it was: else it is a new major version, and the snapshot loses these lines by hand';
my @new = grep { !$promised{$_} } @there;
if ($ENV{ERRTRACK_CONTRACT} && @new && Test::More->builder->is_passing) {
    open my $snapshot, '>', $file or die "$file: $!\n";
    print {$snapshot} map { "$_\n" } @there;
    close $snapshot or die "$file: $!\n";
    diag('added to sql/contract/snapshot: ' . @new . ' lines');
    @new = ();
}
is_deeply \@new, [], 'nothing is there that is not promised yet: "make contract" adds it to the snapshot';

# A view that is empty of columns, or a query that finds nothing, would promise nothing.
cmp_ok scalar(grep { /^view / } @there), '>', 20, 'views are compared';
cmp_ok scalar(grep { /^function / } @there), '>', 8, 'functions are compared';

# ---- what each of them has ----------------------------------------------------------

is_deeply [ map { $_->[0] } $t->sql(q{
    select c.relname from pg_class c
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v' and obj_description(c.oid) is null}) ], [],
    'every view has a comment';
is_deeply [ map { $_->[0] } $t->sql(q{
    select c.relname || '.' || a.attname from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v' and col_description(c.oid, a.attnum) is null
    order by 1}) ], [], 'every column has one';
is_deeply [ map { $_->[0] } $t->sql(q{
    select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'errtrack'::regnamespace and obj_description(p.oid) is null order by 1}) ], [],
    'every function has one';
is_deeply [ map { $_->[0] } $t->sql(q{
    select c.oid::regclass from pg_class c
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v' and c.relowner <> 'errtrack_views'::regrole}) ], [],
    'every view belongs to the role that sees what its caller may';
is_deeply [ map { $_->[0] } $t->sql(q{
    select c.oid::regclass from pg_class c
    where c.relkind in ('r', 'p') and c.relname <> 'users' and not c.relispartition
      and has_table_privilege('errtrack_views', c.oid, 'select') and c.relnamespace = 'errtrack_private'::regnamespace
      and (not c.relrowsecurity or 1 <> (
          select count(*) from pg_policy p
          where p.polrelid = c.oid and 'errtrack_views'::regrole = any (p.polroles) and p.polcmd = 'r'))}) ], [],
    'and sees no table but through one policy';
is_deeply [ map { $_->[0] } $t->sql(q{
    select c.oid::regclass from pg_class c
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind <> 'v' and c.relkind <> 'c'}) ], [],
    'there is nothing else than views to read';
is_deeply [ map { $_->[0] } $t->sql(q{
    select c.relname from pg_class c
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v'
      and not has_table_privilege('errtrack_report', c.oid, 'select')
    union all
    select p.oid::regprocedure::text from pg_proc p
    where p.pronamespace = 'errtrack'::regnamespace and not has_function_privilege('errtrack_report', p.oid, 'execute')}) ], [],
    'analysts may use all of it';

$t->done;
