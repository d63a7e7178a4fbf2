# The logs are moved away and nginx is told to open new ones, under load: no report is
# refused, and what the module says from then on is in the new file.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Load;
use ErrTrack::Process qw(read_file);

my $t = ErrTrack->stack(
    redis => { appendonly => 'always' },
    nginx => <<'CONF',
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=64m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF
);

my $nginx = $t->nginx;
# A process that was just forked has the name of its master for a moment.
my @workers;
eventually { 2 == (@workers = sort $nginx->worker_pids) } 'two processes take reports';
my $load = ErrTrack::Load->start($t, clients => 4);
eventually { $load->answered(200) > 100 } 'reports are taken';
rename $_, "$_.1" or die "rename $_: $!\n" for $nginx->log, $nginx->access_log;
$nginx->reopen;
# Each worker process opens them when it comes to it.
my $still = sub { -s $nginx->access_log . '.1' };
my $size = -1;
eventually { my $before = $size; $size = $still->(); $before == $size && -s $nginx->access_log }
    'requests are logged in the new file alone';
$t->redis_server->restart;
for my $pid (@workers) {
    eventually { $nginx->log_text =~ /\b$pid#\d+: redis \S+ connected/ } "process $pid tells of Redis in the new file";
}
my $answers = $load->stop;

is join(' ', sort keys %$answers), 200, 'every report was answered 200';
is_deeply [sort $nginx->worker_pids], \@workers, 'no process of nginx was replaced';
$t->filed_once($answers->{200});
my $logged = () = join('', map { read_file($_) } $nginx->access_log, $nginx->access_log . '.1') =~ m{"POST /api/\d+/store/}g;
cmp_ok $logged, '>=', scalar @{ $answers->{200} }, 'no line of the access log is lost';

$t->done;
