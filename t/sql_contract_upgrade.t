# What analysts have built on the views outlives migrating: their own views and what they
# have granted on ours. Each view is replaced in its place, whether it is the one of this
# release or an older one that had less columns.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->new;
my $postgres = $t->start_postgres;

sub views {
    return map { $_->[0] } $t->sql(q{
        select c.relname from pg_class c
        where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v' order by 1});
}

# For each view an own one of all its columns, and a grant.
sub build {
    for my $view (views()) {
        $t->sql("create view analysts.$view as select * from errtrack.$view; grant select on errtrack.$view to auditor");
    }
    return;
}

# What there is of it: "view: number of columns, granted or not, answers or not".
sub built {
    return [ map {
        my ($view, $columns, $granted) = @$_;
        my $answers = eval { $t->sql("select * from analysts.$view limit 1"); 1 };
        "$view: $columns columns, " . ($granted eq 't' ? 'granted' : 'not granted') . ($answers ? '' : ", $@");
    } $t->sql(q{
        select c.relname, c.relnatts, has_table_privilege('auditor', format('errtrack.%I', c.relname)::regclass, 'select')
        from pg_class c where c.relnamespace = 'analysts'::regnamespace and c.relkind = 'v' order by 1}) ];
}

$t->sql('create role auditor; create schema analysts');
my @views = views();
cmp_ok scalar(@views), '>', 20, 'there are views to build on';
my %columns = map { @$_ } $t->sql(q{
    select c.relname, c.relnatts from pg_class c where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v'});

# ---- the same release again -------------------------------------------------------

build();
my $before = built();
$postgres->migrate;
is_deeply built(), $before, 'own views and grants are there after migrating again';
is_deeply [ map { [ split /: / ]->[0] } @$before ], \@views, 'one on each view';
$t->sql('drop schema analysts cascade; create schema analysts');

# ---- an older release ---------------------------------------------------------------

# The views as an older release would have left them: with a column less, another owner, and
# without what the newest migration brings.
my %older = map { $_->[0] => $_->[1] } $t->sql(q{
    select c.relname, string_agg(format(
        'null::%s%s as %I', format_type(a.atttypid, a.atttypmod), ' collate ' || nullif(a.attcollation, 0)::regcollation, a.attname),
        ', ' order by a.attnum)
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and a.attnum < c.relnatts
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v'
    group by c.relname});
$t->sql(join ' ', 'begin; drop table errtrack_private.report_logins, errtrack_private.report_projects cascade;',
    (map { "drop view if exists errtrack.$_ cascade;" } @views),
    'set local role errtrack_maintain;',
    (map { "create view errtrack.$_ as select $older{$_};" } @views),
    'delete from errtrack_private.migrations where version = 26; commit;');
build();
$before = built();
is_deeply [ map { /: (\d+) columns/ } @$before ], [ map { $columns{$_} - 1 } @views ], 'views of an older release have less columns';
$postgres->migrate;
is_deeply built(), $before, 'own views and grants are there after migrating from it';
is_deeply [ map { $_->[0] } $t->sql(q{
    select c.relname || ' ' || c.relnatts from pg_class c
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v' order by c.relname}) ],
    [ map { "$_ $columns{$_}" } @views ], 'and the columns of this release';

$t->done;
