# The query module works through PgBouncer in transaction mode, where each of its
# transactions may get another connection: nothing of one caller reaches the next, the
# limits of the role hold, and a restart of PgBouncer is one of the database.

use strict;
use warnings;

use TAP::Parser ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root run);

plan skip_all => 'there is no PgBouncer: install pgbouncer' if !-x '/usr/sbin/pgbouncer';

$ENV{ERRTRACK_PGBOUNCER} = 1;

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 1m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location ^~ /api/0/ { errtrack_query; }
        location /errortracking/ { errtrack_query; }
    }
    server {
        listen 127.0.0.1:%%PORT_VOUCHED%%;
        errtrack_trusted_user ann@example.com;
        location /api/0/ { errtrack_query; }
    }
}
CONF

my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => $conf);
$t->errtrack('user', 'create', 'ann@example.com', '--admin');
my $project = $t->project->{id};
is $t->store({ message => 'through PgBouncer' })->status, 200, 'a report is taken';
my $list = sub { $t->api(GET => "/projects/$project/errors") };
eventually { @{ $list->()->json } == 1 } 'and listed';
my $issue = $list->()->json->[0]{fingerprint};
my $set = sub { $t->api(PUT => "/projects/$project/errors/$issue", json => { status => $_[0] }) };

# ---- nothing is left behind ---------------------------------------------------

# The callers take turns on the same two connections.
my $who = sub { $t->sentry(GET => '/', @_)->json->{user}{email} };
is join(' ', map { $_ % 2 ? $who->() : $who->(port => 'VOUCHED', token => '') } 1 .. 20),
    join(' ', ('admin@example.com', 'ann@example.com') x 10), 'each caller is who it is';
is join(' ', map { $set->($_ % 2 ? 'resolved' : 'unresolved')->status } 1 .. 10), join(' ', (200) x 10), 'changes are made';
my $sessions = sub { $t->sql_value(q{select count(*) from pg_stat_activity where usename = 'errtrack_query'}) };
cmp_ok $sessions->(), '<=', 2, 'by few connections';
my ($status, $out, $err) = run([
    'psql', '-XqAt', '-F', ' ', '-v', 'ON_ERROR_STOP=1', '-d', $t->service('pgbouncer')->conninfo, '-c', q{
        select format('user=%s path=%s timeout=%s read_only=%s', coalesce(current_setting('errtrack.trusted_user', true), ''),
                current_setting('search_path'), current_setting('statement_timeout'), current_setting('transaction_read_only')),
            (select count(*) from pg_prepared_statements), (select count(*) from pg_listening_channels()),
            (select count(*) from pg_locks as l where l.locktype = 'advisory' and l.pid = pg_backend_pid()),
            (select count(*) from pg_class as c where c.relnamespace = pg_my_temp_schema())},
], plain => 1);
is $out, qq{user= path="\$user", public timeout=3s read_only=off 0 0 0 0\n}, 'nothing of them stays in a connection' or diag $err;

my $session = $t->sql_session;
$session->('begin; lock table errtrack_private.issues;');
is $list->()->status, 504, 'the time that a statement of the role may take is kept';
$session->('rollback;');
undef $session;
is $list->()->status, 200, 'and the connection works on';

# ---- restarts -----------------------------------------------------------------

my $pgbouncer = $t->service('pgbouncer');
$pgbouncer->restart;
is $set->('resolved')->status, 200, 'a restart between two requests costs neither';
is $list->()->status, 200, 'nor the next that reads';
$pgbouncer->stop;
is $list->()->status, 503, 'without PgBouncer nothing can be answered';
is $set->('resolved')->header('Retry-After'), 5, 'and it is said when to come again';
is $t->store({ message => 'meanwhile' })->status, 200, 'reports are taken';
eventually { $t->sql_value('select count(*) from errtrack_private.occurrences') == 2 } 'and filed: the worker does not use it';
$pgbouncer->start;
eventually { $list->()->status == 200 } 'queries are answered when it is back';
$t->postgres->restart;
eventually { $list->()->status == 200 && $set->('unresolved')->status == 200 } 'and when PostgreSQL was restarted behind it';

# ---- the surfaces ---------------------------------------------------------------

# The tests of what people do and see hold with PgBouncer, too.
for my $file (qw(sentry_actions sign_in query_client_keys)) {
    my $parser = TAP::Parser->new({
        exec => [ $^X, '-I', root() . '/t/lib', root() . "/t/$file.t" ], merge => 1,
    });
    my @lines;
    while (my $result = $parser->next) {
        push @lines, $result->as_string if !$result->is_ok || $result->is_unknown;
    }
    ok !$parser->has_problems && $parser->tests_run, "$file.t holds" or diag join "\n", @lines;
}

$t->done;
