# A hostile analyst: nothing but the views can be read, nothing can be written or made, and
# nothing of the server is in reach. What a login can set for itself, as that transactions
# read only, it sets first.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $as_eve = $t->create_report_user('eve', '--project', 'shop');
my $as_bob = $t->create_report_user('bob');
$t->sql('create role clara');
$t->sql('create table public.notes (note text); insert into public.notes values ($$private$$)');

# Passes when each of these is refused in one of the usual ways.
sub refused {
    my ($label, @statements) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for my $statement (@statements) {
        my $why = eval { $as_eve->("set default_transaction_read_only = off; $statement"); 1 } ? 'it was done' : $@;
        like $why, qr/ERROR:  (?:permission denied|must (?:be|have) |cannot (?:insert|update|delete) |access to library)/, "$label: $statement";
    }
    return;
}

# The same for statements that differ only in what they name, all in one session; also for a
# login that is not tied to projects.
sub all_refused {
    my ($label, @statements) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $list = join ', ', map { "\$q\$$_\$q\$" } @statements;
    for my $as ($as_eve, $as_bob) {
        is_deeply [ $as->("set default_transaction_read_only = off;
            do \$do\$
            declare
                statement text;
                done text := '';
            begin
                foreach statement in array array[$list] loop
                    begin
                        execute statement;
                        done := done || statement || E'\\n';
                    exception when insufficient_privilege or object_not_in_prerequisite_state then
                        null;
                    end;
                end loop;
                perform set_config('hostile.done', done, false);
            end
            \$do\$;
            select current_setting('hostile.done')") ], [ [''] ], $label;
    }
    return;
}

is_deeply [ $as_eve->('select slug from errtrack.projects') ], [ ['shop'] ], 'the views can be read';

# ---- reading -------------------------------------------------------------------------

my @tables = map { $_->[0] } $t->sql(q{select format('%I.%I', n.nspname, c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('errtrack_private', 'public') and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition order by 1});
cmp_ok scalar(@tables), '>', 40, 'there are tables';
all_refused('no table can be read', map { "select * from $_" } @tables);
refused('a partition', 'select * from errtrack_private.payloads_default', 'select * from errtrack_private.occurrences_default');
refused('passwords', 'select * from pg_authid', 'select * from pg_shadow', 'select * from pg_user_mapping');
refused('a private function', 'select errtrack_private.find_project($$shop$$)', 'select errtrack_private.purge_projects(null)',
    'select errtrack_private.short_id($$shop$$, 1)', 'select errtrack_private.create_user($$eve@example.com$$, $$$$, true)');
is_deeply [ $t->sql(q{select distinct p.oid::regprocedure from pg_proc p, unnest(array['eve', 'bob']) as login
    where p.pronamespace = 'errtrack_private'::regnamespace and has_function_privilege(login, p.oid, 'execute')
      and p.proname not in ('short_id', 'report_scope', 'report_tied', 'sealed') and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')}) ], [],
    'none of them may be called, but for what a view calls';
is_deeply [ $t->sql(q{select c.oid::regclass, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid, unnest(array['eve', 'bob']) as login
    where c.relnamespace = 'errtrack_private'::regnamespace and a.attnum > 0
      and has_column_privilege(login, c.oid, a.attnum, 'select, insert, update, references')}) ], [], 'no column of a table may be used';
refused('files of the server', 'select pg_read_file($$/etc/passwd$$)', 'select pg_ls_dir($$.$$)', 'copy (select 1) to program $$true$$',
    'copy (select 1) to $$/tmp/errtrack-hostile$$', 'select lo_import($$/etc/passwd$$)', 'select lo_export(1, $$/tmp/errtrack-hostile$$)');

# ---- writing and making ---------------------------------------------------------------

my @views = map { $_->[0] } $t->sql(q{select c.relname from pg_class c
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v' order by 1});
all_refused('no view can be written', map { ("delete from errtrack.$_", "insert into errtrack.$_ default values") } @views);
refused('what is written', 'update errtrack.projects set name = $$mine$$', 'truncate errtrack_private.issues',
    'begin; lock table errtrack.issues in access exclusive mode');
refused('what is made', 'create table mine (a integer)', 'create temporary table mine (a integer)', 'create table errtrack.mine (a integer)',
    'create temporary view mine as select 1', 'create schema mine', 'create table public.mine (a integer)',
    'create function pg_temp.pry(text) returns boolean language sql as $$ select true $$',
    'create function public.pry(text) returns boolean language sql as $$ select true $$',
    'create operator public.=== (leftarg = text, rightarg = text, function = texteq)',
    'create or replace view errtrack.projects as select 1', 'select lo_create(0)', 'select lo_from_bytea(0, $$much$$)',
    'create extension dblink', 'create extension postgres_fdw',
    'create publication everything for all tables', 'create event trigger pry on ddl_command_start execute function pry()');
refused('rights', 'alter role eve superuser', 'alter role errtrack_query password $$mine$$', 'alter role clara rename to eva',
    'alter role eve connection limit 100', 'grant errtrack_maintain to eve', 'create role mine', 'alter database errtrack set statement_timeout = 0',
    'alter system set log_statement = $$none$$', 'set session authorization errtrack_admin', 'set role errtrack_worker',
    'set temp_file_limit = -1', 'set log_statement = $$none$$', 'set session_preload_libraries = $$x$$', 'load $$/tmp/x.so$$');
refused('what others need', q{select pg_advisory_lock(hashtextextended('errtrack.partitions', 0))}, 'select pg_try_advisory_xact_lock_shared(1, 2)',
    'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename = $$errtrack_admin$$',
    'select pg_reload_conf()', 'checkpoint');

# Nothing has come of it, nor of what PostgreSQL only warns of.
$as_eve->('set default_transaction_read_only = off; grant select on errtrack.issues to public');
is_deeply [ $t->sql(q{select count(*) from pg_class where relname = 'mine' union all select count(*) from pg_proc where proname = 'pry'
    union all select count(*) from pg_largeobject_metadata
    union all select count(*) from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'errtrack'::regnamespace and a.grantee = 0}) ],
    [ ([0]) x 4 ], 'nothing is left behind';
ok !-e '/tmp/errtrack-hostile', 'no file either';
like eval { $as_eve->('delete from errtrack.projects'); 1 } ? '' : $@, qr/ERROR: /, 'without changing its settings it reads only';

$t->done;
