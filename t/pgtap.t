# The SQL by itself: what functions return, who may do what, what tables refuse, and that
# lists and searches go by their indexes in a project of tens of thousands of issues. The
# tests are in t/pgtap/, each in a transaction that is rolled back.

use strict;
use warnings;

use TAP::Parser ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root run);

my $t = ErrTrack->new;
$t->start_postgres;
plan skip_all => 'PostgreSQL has no pgTAP: install postgresql-15-pgtap'
    if !$t->sql_value(q{select count(*) from pg_available_extensions where name = 'pgtap'});
$t->sql('create schema tap; create extension pgtap with schema tap');

# What the query module calls by the table of its routes, and besides.
my $routes = read_file(root() . '/ngx_module/routes.cpp');
my %called = map { $_ => 1 } $routes =~ /^ *\{"[A-Z]+", "[^"]+", \w+, [\w:]+,\s*"(\w+)"/mg;
cmp_ok scalar(keys %called), '>', 80, 'the routes are read';

for my $file (sort glob root() . '/t/pgtap/*.sql') {
    my ($name) = $file =~ m{([^/]+)\.sql\z};
    my ($status, $out, $err) = run([
        'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', 'called=' . join(',', sort keys %called),
        '-d', $t->postgres->conninfo('errtrack_admin'), '-f', $file,
    ], plain => 1);
    is $status, 0, "$name runs" or diag $err;
    my $parser = TAP::Parser->new({ tap => $out || "1..0\n" });
    my $said = '';
    while (my $result = $parser->next) {
        $said .= $result->as_string . "\n" if $result->is_comment;
        if ($result->is_test) {
            ok $result->is_ok, "$name: " . $result->description =~ s/^- //r;
        }
    }
    ok !$parser->parse_errors && $parser->tests_run, "$name runs to its end" or diag join "\n", $parser->parse_errors;
    diag $said if $parser->failed;
}

$t->done;
