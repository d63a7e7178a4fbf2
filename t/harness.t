# The harness itself: private services start, answer, survive what tests do to
# them, and are gone afterwards, however the test ends.

use strict;
use warnings;
use utf8;

use File::Path ();
use File::Temp ();
use IO::Socket::INET ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(account root run running wait_until);

my $t = ErrTrack->new;

# ---- PostgreSQL -------------------------------------------------------------

my $postgres = $t->start_postgres;

is $t->sql_value('select current_database()'), 'errtrack', 'the database is there';
ok $t->sql_value('select count(*) from errtrack_private.migrations') >= 1, 'it is migrated';
is $t->sql_value('show fsync'), 'off', 'the database of a test does not wait for the disk';
is $t->sql_value('show listen_addresses'), '127.0.0.1', 'it listens on loopback only';

is_deeply [ $t->sql('select n, null, $1 from generate_series(1, 2) as n', '') ], [ [ 1, undef, '' ], [ 2, undef, '' ] ],
    'rows, null and empty text come back as they are';
is_deeply [ $t->sql('select 1 where false') ], [], 'no row is an empty list';
is_deeply [ $t->sql('select $1', '') ], [ [''] ], 'one empty value is a row';
is $t->sql_value('select $1', undef), undef, 'undef is null';
is $t->sql_value('select $1 || $2', q('; drop table x; -- \\), "ü\n"), qq('; drop table x; -- \\ü\n),
    'parameters are quoted';
ok !eval { $t->sql('select nonsense'); 1 }, 'a wrong statement dies';
like $@, qr/column "nonsense" does not exist/, 'with the message of the database';

is +(stat $postgres->passfile)[2] & 07777, 0600, 'only its owner reads the passwords';
for my $role (qw(errtrack_worker errtrack_query)) {
    my ($status, $out, $err) = run([ 'psql', '-XAtq', '-d', $postgres->conninfo($role), '-c', 'select current_user' ]);
    is $out, "$role\n", "$role logs in by its connection string" or diag $err;
}
{
    my $without = $postgres->conninfo('errtrack_worker') . ' passfile=none';
    my ($status, $out, $err) = run([ 'psql', '-wXAtq', '-d', $without, '-c', 'select 1' ]);
    like $err, qr/no password supplied/, 'nobody logs in without the password';
}

$t->sql('create table kept (x int); insert into kept values (7)');
$postgres->kill;
ok !$postgres->alive, 'the database is gone when killed';
$postgres->start;
is $t->sql_value('select x from kept'), 7, 'and recovers';
is $t->sql_value('select count(*) from pg_stat_activity where usename = $1', 'errtrack_worker'), 0,
    'nobody else is connected';

# ---- Redis ------------------------------------------------------------------

my $redis = $t->start_redis(appendonly => 'always', password => 'correct horse', settings => { maxmemory => '50mb' });

is $t->redis('SET', 'key', "a\r\nb"), 'OK', 'a value is set';
is $t->redis('GET', 'key'), "a\r\nb", 'and read';
is $t->redis('GET', 'none'), undef, 'a missing one is undef';
is_deeply $t->redis('CONFIG', 'GET', 'appendfsync'), [ 'appendfsync', 'always' ], 'lists are arrays; fsync is as stated';
is_deeply $t->redis('CONFIG', 'GET', 'maxmemory'), [ 'maxmemory', 50 * 1024 * 1024 ], 'settings are taken';
ok !eval { $t->redis('NONSENSE'); 1 }, 'a wrong command dies';
like $@, qr/^redis: ERR unknown command/, 'with the message of Redis';
is $t->redis('PING'), 'PONG', 'and the connection goes on';
{
    my $socket = IO::Socket::INET->new(PeerAddr => $redis->address);
    print {$socket} "PING\r\n";
    like scalar <$socket>, qr/^-NOAUTH/, 'the password is asked for';
}

$redis->kill;
ok !eval { $t->redis('PING'); 1 }, 'a killed Redis does not answer';
$redis->start;
is $t->redis('GET', 'key'), "a\r\nb", 'started again it has its data';

$redis->pause;
ok !answers_at_once(), 'a paused Redis takes connections and says nothing';
$redis->continue;
ok eventually(sub { answers_at_once() }, 'continued it answers');

sub answers_at_once {
    my $socket = IO::Socket::INET->new(PeerAddr => $redis->address) or die "no connection: $!";
    print {$socket} "PING\r\n";
    vec(my $bits = '', fileno $socket, 1) = 1;
    return select $bits, undef, undef, 0.2;
}

# ---- nginx ------------------------------------------------------------------

my $conf = <<'CONF';
%%GLOBALS%%

events {}

http {
    %%HTTP%%

    server {
        listen 127.0.0.1:%%PORT%%;

        location /echo {
            add_header X-Length $content_length;
            add_header X-Chunked $http_transfer_encoding;
            add_header X-Auth $http_x_sentry_auth;
            return 200 "$request_method $request_uri $http_x_test";
        }

        location /json {
            default_type application/json;
            return 200 '{"word": "%%WORD%%", "redis": "%%REDIS%%"}';
        }

        location ~ /api/ {
            client_max_body_size 0;
            return 200 "$request_uri|$http_x_sentry_auth|$content_type|$http_content_encoding";
        }
    }

    server {
        listen 127.0.0.1:%%PORT_INNER%%;
        return 200 inner;
    }
}
CONF

my $nginx = $t->start_nginx(config => $conf, words => { WORD => 'first' });

is $t->get('/echo?a=b', headers => { 'X-Test' => 'yes' })->content, 'GET /echo?a=b yes', 'a request is answered';
is $t->delete('/echo')->content, 'DELETE /echo ', 'by any method';
is $t->put('/echo', json => { a => 1 })->header('X-Length'), 7, 'JSON is sent';
is_deeply $t->get('/json')->json, { word => 'first', redis => $redis->address }, 'JSON is decoded, words are known';
ok !eval { $t->get('/echo')->json; 1 }, 'what is not JSON dies';
is $t->get('/echo', port => 'INNER')->content, 'inner', 'a second port has a name';
is $t->get('/none')->status, 404, 'an error is an answer like others';

my $chunked = $t->raw([
    "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n",
    sub { pass 'code runs between two pieces' }, "0\r\n\r\n",
]);
is $chunked->status, 200, 'a raw request is answered';
is $chunked->header('X-Chunked'), 'chunked', 'as it was written';
is $t->raw("NONSENSE\r\n\r\n")->status, 400, 'however wrong it is';

my @workers = $nginx->worker_pids;
is scalar @workers, 2, 'there are two worker processes';
is +(stat "/proc/$workers[0]")[4], account()->{uid}, 'under the account of the services';

$nginx->{words}{WORD} = 'second';
$nginx->reload;
is $t->get('/json')->json->{word}, 'second', 'a reload takes the new configuration';
is scalar(grep { running($_) } @workers), 0, 'the old worker processes are gone';

ok !eval { $nginx->reload("nonsense;\n"); 1 }, 'a reload with a wrong configuration dies';
like $@, qr/unknown directive "nonsense"/, 'with what nginx said';
my ($good, $text) = $nginx->test;
ok !$good, 'so does a test of it';
$t->expect_log(qr/unknown directive "nonsense"/);
is $t->get('/json')->json->{word}, 'second', 'the old configuration serves on';
$nginx->configure($conf);

@workers = $nginx->worker_pids;
$nginx->kill_child($workers[0]);
eventually { $nginx->worker_pids == 2 } 'a killed worker process is replaced';

rename $nginx->access_log, $nginx->access_log . '.1' or die $!;
$nginx->reopen;
$t->get('/echo');
eventually { -s $nginx->access_log } 'logs are opened anew';

$nginx->restart;
is $t->get('/json')->json->{word}, 'second', 'it can be restarted';

# ---- requests of SDKs -------------------------------------------------------

$t->{project} = { id => 12, public_key => 'k' x 20 };
my $auth = 'Sentry sentry_version=7, sentry_client=errtrack-test/1, sentry_key=' . 'k' x 20;
is $t->store({ message => 'no' })->content, "/api/12/store/|$auth|application/json|", 'an event is sent to its project';
is $t->envelope([ event => {} ], auth => 'query', encoding => 'gzip', prefix => '/x')->content,
    '/x/api/12/envelope/?sentry_version=7&sentry_key=' . 'k' x 20 . '||application/x-sentry-envelope|gzip',
    'an envelope too, as it is told';
is ErrTrack::Instance::envelope_text({ a => 1 }, [ attachment => "x\ny", filename => 'ä' ], [ log => [1] ]),
    qq({"a":1}\n{"filename":"\xc3\xa4","length":3,"type":"attachment"}\nx\ny\n{"length":3,"type":"log"}\n[1]\n),
    'items have lengths';

# ---- files that do not end well ---------------------------------------------

# Runs a test file of these lines: (status, output).
sub run_file {
    my ($lines) = @_;
    my $file = File::Temp->new(SUFFIX => '.t');
    print {$file} "use strict; use warnings; use Test::More; use ErrTrack;\n\$| = 1;\n$lines";
    close $file;
    my ($status, $out, $err) = run([ $^X, '-I' . root() . '/t/lib', "$file" ], plain => 1);
    return ($status, $out . $err);
}

# nginx is started when the line "pid N" is written.
my $start = 'my $t = ErrTrack->new; $t->start_redis; print "# pid ", $t->redis_server->pid, "\n"; ';
my $start_nginx = 'my $t = ErrTrack->new; my $n = $t->start_nginx(config => "%%GLOBALS%%\nevents {}\nhttp { %%HTTP%%\n'
    . 'server { listen 127.0.0.1:%%PORT%%; } }"); print "# pid ", $n->pid, "\n"; ';

my %ends = (
    'is passed'               => [ $start . '$t->done;', 0, qr/^ok 1 - nginx wrote no alert/m ],
    'dies'                    => [ $start . '$! = 0; die "so it is\n";', 255, qr/so it is/ ],
    'forgets done'            => [ $start . 'pass; done_testing;', 255, qr/without \$t->done/ ],
    'is terminated'           => [ $start . 'kill TERM => $$; select undef, undef, undef, 60;', 128, qr/without/ ],
    'is killed'               => [ $start . 'print "# dir ", $t->dir, "\n"; kill KILL => $$;', 128 + 9, qr// ],
    'fails an eventually'     => [ $start . 'eventually { die "why\n" } "label", timeout => 0.1; $t->done;', 1,
                                   qr/not ok 1 - label.*last time it died: why/s ],
    'loses a service'         => [ $start . 'kill KILL => $t->redis_server->pid; $t->done;', 1,
                                   qr/not ok 4 - every service ended in order.*redis \(pid \d+\) ended .*signal 9/s ],
    # A signal that a sanitizer leaves alone.
    'has nginx crash'         => [ $start_nginx . 'my ($w) = $n->worker_pids; kill ABRT => $w; '
                                   . 'eventually { $n->log_text =~ /exited on signal 6/ } "crashed"; $t->done;', 2,
                                   qr/not ok 2 - nginx wrote no alert.*not ok 3 - no process crashed/s ],
    'has a sanitizer speak'   => [ $start . 'open my $log, ">>", $t->redis_server->log; print {$log} '
                                   . '"==1==ERROR: AddressSanitizer: heap-use-after-free\n"; close $log; $t->done;', 1,
                                   qr/not ok 3 - no sanitizer reported/ ],
    'starts nginx wrongly'    => [ 'my $t = ErrTrack->new; eval { $t->start_nginx(config => "nonsense;"); 1 } or do { print $@; exit 3 }', 3,
                                   qr/nginx did not start \(status 1\):.*unknown directive "nonsense"/s ],
    'loses the master'        => [ $start_nginx . 'print "# pid $_\n" for $n->worker_pids; kill KILL => $n->pid; $t->done;', 1,
                                   qr/not ok 4 - every service/ ],
);

for my $how (sort keys %ends) {
    my ($lines, $status, $says) = @{ $ends{$how} };
    my ($got, $out) = run_file($lines);
    is $got, $status, "a file that $how exits with $status" or diag $out;
    like $out, $says, '... says so';
    my @pids = $out =~ /^# pid (\d+)$/mg;
    eventually { !grep { running($_) } @pids } '... leaves no process behind';
    # Nobody else removes this one before an hour is over.
    File::Path::remove_tree($out =~ /^# dir (.*)$/mg);
}

$t->done;
