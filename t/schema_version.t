# A worker and an nginx that do not work with the schema of the database wait and answer
# 503, and say which is to be upgraded; they go on by themselves when it is. nginx starts
# whatever the database is.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::HTTP qw(http_request);
use ErrTrack::Ports qw(free_port);
use ErrTrack::Process qw(read_file root);

my %known = read_file(root() . '/sql/version.hpp') =~ /schema_(newest|oldest) = (\d+);/g;

my $t = ErrTrack->stack(worker => 0, nginx => 0);
my ($future) = $known{newest} + 5;

sub restore {
    $t->sql(q{delete from errtrack_private.migrations where name = 'future'});
    $t->sql('update errtrack_private.migrations set floor = 0');
    return;
}

# ---- a database that nobody migrated -------------------------------------------

$t->postgres->rows_in('template1', 'create database empty');
my $empty = $t->add_worker(name => 'empty',
    database => $t->postgres->conninfo('errtrack_worker', database => 'empty'));
# It is ready when it says so, which it does when the queue is there.
$empty->start;
eventually { $empty->log_text =~ /database: the database does not have the schema of this release: run sql\/migrate, retrying/ }
    'a worker says of a database without a schema what to do';
$empty->stop;

# ---- too old --------------------------------------------------------------------

$t->sql('update errtrack_private.migrations set version = -version where version >= $1', $known{oldest});
my $port = free_port();
my $worker = $t->add_worker(args => [ '--listen', "127.0.0.1:$port" ])->start;
my $nginx = $t->start_nginx(level => 'info', config => <<'CONF');
%%MODULES%%
thread_pool errtrack threads=1;
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location /errortracking/api/v1/ { errtrack_query; }
        location /api/0/ { errtrack_query; }
    }
}
CONF

my $needs = 'the schema of the database is too old: it has migration ' . ($known{oldest} - 1)
    . " and this release needs $known{oldest}: run sql/migrate of this release";
eventually { index($worker->log_text, "database: $needs, retrying") >= 0 } 'a worker says that the schema is too old';
is http_request('GET', "http://127.0.0.1:$port/ready")->status, 503, 'and is not ready';
is $t->sentry(GET => '/projects/')->status, 503, 'nginx answers 503';
my $answer = $t->sentry(GET => '/projects/');
is $answer->header('Retry-After'), 5, 'and when to ask again';
is $answer->json->{detail}, 'the database is being upgraded', 'and why, without details';
$t->api(GET => "/projects/$t->{project}{id}/errors") for 1 .. 8;
my %told;
$told{$_}++ for map { index($_, $needs) >= 0 && /\[error\] (\d+)#/ ? $1 : () } split /\n/, read_file($nginx->log);
is join(' ', sort { $a <=> $b } values %told) =~ s/^1(?: 1)?\z//r, '', 'and each process logs it once';

$t->sql('update errtrack_private.migrations set version = -version where version < 0');
is $t->sentry(GET => '/projects/')->status, 200, 'it answers as soon as the schema is upgraded';
eventually { $worker->log_text =~ /database: back/ } 'the worker goes on';
eventually { http_request('GET', "http://127.0.0.1:$port/ready")->status == 200 } 'and is ready';
$t->wait_for_key;
is $t->store({ message => 'one', event_id => 'a' x 32 })->status, 200, 'a report is taken';
$t->filed_once([ 'a' x 32 ]);

# ---- too new ---------------------------------------------------------------------

# A newer schema without a floor is one that only has more.
$t->sql(q{insert into errtrack_private.migrations (version, name) values ($1, 'future')}, $future);
$t->postgres->restart;
eventually { $t->sentry(GET => '/projects/')->status == 200 } 'nginx works with a newer schema';
is $t->store({ message => 'two', event_id => 'b' x 32 })->status, 200, 'a report is taken';
$t->filed_once([ 'a' x 32, 'b' x 32 ]);

$t->sql('update errtrack_private.migrations set floor = $1 where version = $1', $known{newest});
$t->postgres->restart;
eventually { $t->sentry(GET => '/projects/')->status == 200 } 'and with one whose floor it knows';

$t->sql('update errtrack_private.migrations set floor = $1 where version = $2', $known{newest} + 1, $future);
$t->postgres->restart;
$needs = 'this program is too old: the database works with programs that know migration ' . ($known{newest} + 1)
    . ", and this one knows up to $known{newest}: install a newer release";
eventually { index($worker->log_since_start, "database: $needs, retrying") >= 0 } 'a worker says that it is too old';
eventually { $t->sentry(GET => '/projects/')->status == 503 && index(read_file($nginx->log), $needs) >= 0 } 'nginx too';
is $t->store({ message => 'three', event_id => 'c' x 32 })->status, 200, 'a report is taken meanwhile';
is $t->sql_value('select count(*) from errtrack_private.occurrences'), 2, 'and is not filed';
$nginx->restart;
is $t->sentry(GET => '/projects/')->status, 503, 'nginx starts all the same';
$worker->restart;
eventually { index($worker->log_since_start, "database: $needs, retrying") >= 0 } 'and so does a worker';
restore();
$t->filed_once([ map { $_ x 32 } qw(a b c) ]);
is $t->sentry(GET => '/projects/')->status, 200, 'nothing is lost, and nginx answers again';

$t->done;
