# A worker that begins with small tables does not go on with the plans that were right for
# them: what it reads of a table for each event does not grow with the table, though nothing
# has analyzed it.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, postgres => { settings => { autovacuum => 'off' } }, nginx => <<'CONF');
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

my $sent = 0;
my $report = sub {
    my ($number) = @_;
    my $refused = grep { $t->store({ message => 'planned', fingerprint => [ 'number ' . $sent++ ] })->status != 200 } 1 .. $number;
    is $refused, 0, "$number reports of new kinds are taken";
    eventually { $t->sql_value('select count(*) from errtrack_private.hashes') == $sent } 'and filed', timeout => 60;
};
# Rows of the table of hashes that were read, by whatever way, as far as sessions have told.
my $read = sub {
    return $t->sql_value(q{select t.seq_tup_read + sum(i.idx_tup_read) from pg_stat_user_tables t join pg_stat_user_indexes i using (relid)
        where t.relid = 'errtrack_private.hashes'::regclass group by t.seq_tup_read});
};

# All indexes of a table that is one page look alike to a session that begins now.
$report->(1);
$t->worker->stop;
$t->worker->start;
$report->(2000);
# Plans are a second old at most. A session tells what it has read not more often than that,
# and when it ends.
my $then = time;
eventually { time - $then > 1.2 } 'a second passes';
$report->(1);
eventually { $read->() > 2000 } 'the session tells what it has read';
my $before = $read->();
$report->(300);
$t->worker->stop;
my $each;
eventually { ($each = ($read->() - $before) / 300) >= 1 } 'and so it does at its end';
cmp_ok $each, '<', 100, sprintf '%.0f rows are read for each report', $each;

$t->done;
