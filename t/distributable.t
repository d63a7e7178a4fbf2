# The tables can be distributed over several servers by project_id: it is in every key, and
# no statement of the worker, the query module or the command joins rows of one project with
# those of another. The first is read off the catalogs, the second off the plans of all
# statements that other tests make.

use strict;
use warnings;

use TAP::Parser ();
use Test::More;

use ErrTrack;
use ErrTrack::Plans;
use ErrTrack::Process qw(make_dir root wait_until);

# What is the same on every server, with the reason. All other tables are distributed.
my %everywhere = (
    audit            => 'is of an organization; project_id only tells where something was done',
    client_keys      => 'a public key is unique over all projects, for it alone is asked for',
    known_indexes    => 'is of the database',
    limits           => 'the rows of project 0 hold for every project',
    duties           => 'are of the workers',
    memberships      => 'people belong to organizations',
    migrations       => 'is of the database',
    organizations    => 'own projects, and are what people belong to',
    projects         => 'is what project_id refers to',
    report_logins    => 'are roles of the database',
    report_projects  => 'belong to the login, which has projects',
    retention        => 'is of the instance',
    role_scopes      => 'are the same everywhere',
    roles            => 'are the same everywhere',
    sign_in_failures => 'are of addresses',
    tokens           => 'are found by their hash, before it is known for which project',
    upload_chunks    => 'are of an organization, whose projects share files',
    users            => 'belong to organizations',
);

# Joins of different projects that are meant: a word of the statement, and the reason.
my %meant = (
    'releases with releases' => [ 'found_releases|page.release', 'an organization has a release once, whichever of its projects have it' ],
    'waiting_requests with deliveries' => [ 'in \\(0, b.project_id\\)', 'a request whose key nobody knew is filed under project 0' ],
);

my $t = ErrTrack->new;
$t->start_postgres;

# ---- keys -----------------------------------------------------------------------

my @tables = map { $_->[0] } $t->sql(<<'SQL');
select c.relname
from pg_class as c
where c.relnamespace = 'errtrack_private'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
order by 1
SQL
my @distributed = grep { !$everywhere{$_} } @tables;
cmp_ok scalar(@distributed), '>', 40, 'most tables are of projects';
is join(' ', grep { my $name = $_; !grep { $_ eq $name } @tables } sort keys %everywhere), '',
    'what is said to be everywhere exists';

my $names = join ',', @distributed;
my $none = sub {
    my ($label, $sql) = @_;
    my @found = map { $_->[0] } $t->sql($sql, $names);
    ok !@found, $label or diag join "\n", @found;
};
$none->('each of them tells the project of a row', <<'SQL');
select d.name
from unnest(string_to_array($1, ',')) as d (name)
where not exists (
    select
    from pg_attribute as a
    where a.attrelid = ('errtrack_private.' || d.name)::regclass and a.attname = 'project_id' and a.attnotnull)
SQL
$none->('project_id is in each primary key, unique constraint and unique index', <<'SQL');
select i.indexrelid::regclass
from unnest(string_to_array($1, ',')) as d (name)
join pg_index as i on i.indrelid = ('errtrack_private.' || d.name)::regclass and i.indisunique
where not exists (
    select
    from pg_attribute as a
    where a.attrelid = i.indrelid and a.attname = 'project_id'
        and a.attnum = any (i.indkey[0 : i.indnkeyatts - 1]))
SQL
$none->('no exclusion constraint stands beside them', <<'SQL');
select k.conname
from unnest(string_to_array($1, ',')) as d (name)
join pg_constraint as k on k.conrelid = ('errtrack_private.' || d.name)::regclass and k.contype = 'x'
SQL
$none->('what refers to another of them refers to the same project', <<'SQL');
select k.conname
from pg_constraint as k
join pg_class as c on c.oid = k.conrelid
join pg_class as f on f.oid = k.confrelid
where k.contype = 'f' and f.relname = any (string_to_array($1, ','))
    and not exists (
        select
        from unnest(k.conkey, k.confkey) as pair (own, other)
        join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = pair.own and a.attname = 'project_id'
        join pg_attribute as b on b.attrelid = k.confrelid and b.attnum = pair.other and b.attname = 'project_id')
SQL
$none->('what is everywhere refers to none of them', <<'SQL');
select k.conname
from pg_constraint as k
join pg_class as c on c.oid = k.conrelid
join pg_class as f on f.oid = k.confrelid
where k.contype = 'f' and f.relname = any (string_to_array($1, ',')) and c.relname <> all (string_to_array($1, ','))
    and not c.relispartition
SQL
$t->finish;

# ---- joins ----------------------------------------------------------------------

my $observed = ErrTrack->new;
my $folder = make_dir("$observed->{dir}/plans");
local $ENV{ERRTRACK_EXPLAIN} = $folder;
my @tables_of_plans = (tables => \@distributed);

# So that it is known that one would be found.
$observed->start_postgres;
my $marks = 0;
my $crossing = sub {
    my ($sql) = @_;
    # Not as psql, whose statements do not count. A process of its own writes the log: what
    # comes behind is there when all before it is.
    my $mark = 'as mark_' . ++$marks . ' join errtrack_private.origins as o using (project_id)';
    $observed->sql("set application_name = 'test'; set enable_seqscan = off; $sql; select from errtrack_private.issues $mark");
    my $plans;
    wait_until(sub {
        $plans = ErrTrack::Plans->new(@tables_of_plans);
        $plans->read($folder);
        return grep { index($_->[0], $mark) >= 0 } $plans->statements;
    }, 20) or die "PostgreSQL wrote no plan of: $mark\n";
    return join "\n", grep { /\Qin: $sql\E/ } $plans->crossings;
};
my $from = 'select from errtrack_private.issues as i';
for my $bad (
    "$from join errtrack_private.origins as o on o.issue_id = i.id",
    "$from join errtrack_private.origins as o on o.issue_id = i.id and (o.project_id = i.project_id or o.id = 1)",
    "$from where i.project_id = 1 and exists (select from errtrack_private.origins as o where o.issue_id = i.id and o.project_id = 2)",
    "$from where i.project_id = any ('{1, 2}') and i.id in (select o.issue_id from errtrack_private.occurrences as c join errtrack_private.origins as o on o.project_id = c.project_id and o.id = c.origin_id)",
) {
    isnt $crossing->($bad), '', "found: $bad";
}
for my $good (
    "$from join errtrack_private.origins as o on o.project_id = i.project_id and o.issue_id = i.id",
    "$from join errtrack_private.occurrences as c on c.project_id = i.project_id and c.origin_id = i.id",
    "$from where i.project_id = 1 and exists (select from errtrack_private.origins as o where o.issue_id = i.id and o.project_id = 1)",
) {
    is $crossing->($good), '', "allowed: $good";
}
for my $view (map { $_->[0] } $observed->sql(q{select viewname from pg_views where schemaname = 'errtrack' order by 1})) {
    is $crossing->("select from errtrack.$view as v"), '', "the view $view joins nothing of different projects";
}
$observed->postgres->stop;
unlink glob "$folder/*";

# Those of ERRTRACK_TESTS, or some that ask for much in little time.
for my $file ($ENV{ERRTRACK_TESTS} ? split(' ', $ENV{ERRTRACK_TESTS}) : qw(merge sentry_actions)) {
    my $parser = TAP::Parser->new({ exec => [ $^X, '-I', root() . '/t/lib', root() . "/t/$file.t" ], merge => 1 });
    1 while $parser->next;
    # Whether they hold is their own matter: writing plans makes everything slow.
    cmp_ok $parser->tests_run, '>', 10, "$file.t runs";
}
my $plans = ErrTrack::Plans->new(@tables_of_plans);
$plans->read($folder);
my @crossings = grep {
    my ($pair) = /^(\w+ with \w+)/;
    !$meant{$pair} || !/$meant{$pair}[0]/;
} $plans->crossings;
ok !@crossings, 'no statement of them joins rows of different projects' or diag join "\n\n", @crossings;
cmp_ok $plans->joins, '>', 150, 'they join often';

$observed->done;
