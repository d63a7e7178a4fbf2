package ErrTrack::Schema;

# States of the schema: databases with only some of the migrations, and what pg_dump says
# of one, without what differs between databases that are the same.

use strict;
use warnings;

use Exporter 'import';
use File::Copy ();
use File::Path ();

use ErrTrack::Postgres;
use ErrTrack::Process qw(make_dir read_file root run write_file);

our @EXPORT_OK = qw(enter_rows folder_of make_tables migrations row_counts run_migrate schema_file schema_of);

# { number => file } of the migrations that there are.
sub migrations {
    return { map { m{/0*(\d+)_[^/]+\.sql\z} ? ($1 => $_) : () } glob root() . '/sql/migrations/*.sql' };
}

# A folder like sql/, with the migrations up to a number and further ones: name => text.
sub folder_of {
    my ($dir, $newest, %further) = @_;
    make_dir($dir);
    make_dir("$dir/$_") for qw(migrations api);
    File::Copy::copy(root() . "/sql/$_", "$dir/$_") or die "$_: $!\n" for qw(migrate roles.sql migrations.sql);
    chmod 0755, "$dir/migrate";
    my $migrations = migrations();
    my @files = map { $migrations->{$_} } grep { $_ <= $newest } keys %$migrations;
    for my $file (@files, glob root() . '/sql/api/*.sql') {
        my ($place) = $file =~ m{/(\w+/[^/]+)\z};
        File::Copy::copy($file, "$dir/$place") or die "$file: $!\n";
    }
    write_file("$dir/migrations/$_.sql", $further{$_}) for keys %further;
    return $dir;
}

# Runs the migration runner of such a folder: (status, output, errors). Options: database,
# tries.
sub run_migrate {
    my ($postgres, $dir, %arg) = @_;
    local $ENV{ERRTRACK_MIGRATE_TRIES} = $arg{tries} || 20;
    return run([ "$dir/migrate", $postgres->conninfo('errtrack_admin', database => $arg{database}) ], plain => 1);
}

# A new database with its first migrations alone, and none of sql/api: calls back in the
# state after each with its number and a function that takes statements.
sub make_tables {
    my ($postgres, $database, $newest, $then) = @_;
    $postgres->rows_in('template1', "create database $database");
    my $migrations = migrations();
    my $sql = root() . '/sql';
    $postgres->rows_in($database, "\\i '$sql/roles.sql'\nset role errtrack_maintain;\n\\i '$sql/migrations.sql'");
    for my $number (sort { $a <=> $b } grep { $_ <= $newest } keys %$migrations) {
        $postgres->rows_in($database, <<"SQL");
begin;
set local role errtrack_maintain;
insert into errtrack_private.migrations (version, name) values ($number, 'migration');
\\i '$migrations->{$number}'
commit;
SQL
        $then->($number, sub { $postgres->rows_in($database, @_) }) if $then;
    }
    return;
}

# Statements for rows of each state: see t/migrations/rows.sql.
sub row_makers {
    my %sections = read_file(root() . '/t/migrations/rows.sql') =~ /^-- (\d+)\n(.*?)(?=^-- \d+\n|\z)/msg;
    return \%sections;
}

# Enters all rows that there can be in a state; they belong to the project of its number.
sub enter_rows {
    my ($state, $run) = @_;
    my $makers = row_makers();
    $run->(join('', map { $makers->{$_} } sort { $a <=> $b } grep { $_ <= $state } keys %$makers), $state);
    return;
}

# { table => number of rows } of all that are no partitions of days.
sub row_counts {
    my ($postgres, $database) = @_;
    return { map { $_->[0] => $_->[1] } $postgres->rows_in($database, <<'SQL') };
select c.relname,
       (xpath('/row/n/text()', query_to_xml(format('select count(*) as n from errtrack_private.%I', c.relname),
                                            false, true, '')))[1]::text
from pg_class c
where c.relnamespace = 'errtrack_private'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  -- A note of the schema, made anew by each migration.
  and c.relname <> 'known_indexes'
SQL
}

# The definition of a database as pg_dump writes it, with further options of it. Partitions
# of days are left out, and lines that name versions or settings of the session.
sub schema_of {
    my ($postgres, $database, @options) = @_;
    my ($status, $out, $err) = run([
        ErrTrack::Postgres::program('pg_dump'), '--schema-only', '--no-sync', @options,
        '--exclude-table=errtrack_private.*_2[0-9][0-9][0-9][0-9][0-9][0-9][0-9]',
        '-d', $postgres->conninfo('errtrack_admin', database => $database),
    ], plain => 1);
    die "pg_dump: $err" if $status;
    $out =~ s/^(?:--.*|SET .*|SELECT pg_catalog\.set_config.*|\\(?:un)?restrict .*)\n//mg;
    $out =~ s/\n{3,}/\n\n/g;
    return $out =~ s/\A\n+//r;
}

# What sql/schema.sql is: the tables, without what sql/api makes and can be read there.
sub schema_file {
    my ($postgres, $database) = @_;
    my ($version) = $postgres->rows_in($database, q{select current_setting('server_version_num')::integer / 10000});
    return <<"HEAD" . schema_of($postgres, $database, '--no-owner', '--no-privileges');
-- What sql/migrations come to, for readers: made by "make schema", compared by t/schema.t.
-- The functions and views are in sql/api, the partitions are made by the day.
-- As PostgreSQL $version->[0] writes it.

HEAD
}

1;
