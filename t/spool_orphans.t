# nginx is killed while it spools, and started again with fewer processes: whoever is
# there drains what the dead have left.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Load;

my $conf = <<'CONF';
%%MODULES%%
daemon off;
master_process on;
worker_processes %%WORKERS%%;
pid "%%DIR%%/nginx/nginx.pid";
error_log "%%DIR%%/error.log" info;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool free=1m;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

my $t = ErrTrack->stack(
    redis => { appendonly => 'always' },
    nginx => { config => $conf =~ s/%%WORKERS%%/4/r },
);

my $spool = "$t->{dir}/spool";
$t->redis_server->stop;
my $load = ErrTrack::Load->start($t, clients => 6);
eventually { $load->answered(200) > 300 } 'reports are spooled';
my @segments = glob "$spool/*.v";
cmp_ok scalar(@segments), '>=', 2, 'by more than one process';
$t->nginx->kill;
my $answers = $load->stop;

# The last write of a process that is killed may be torn.
my ($torn) = sort { -s $b <=> -s $a } glob "$spool/*.v";
open my $file, '>>', $torn or die "$torn: $!\n";
print {$file} "\x40\x00\x00\x00\x12\x34";
close $file;

$t->nginx->configure($conf =~ s/%%WORKERS%%/1/r);
$t->nginx->start;
$t->redis_server->start;
eventually { !@{ [glob "$spool/*.[vu]"] } } 'one process drains the segments of all', timeout => 30;
$t->filed_once($answers->{200});
is_deeply [glob "$spool/*.damaged"], [], 'a torn tail is no damage';

$t->done;
