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
my @accepted = @{ $answers->{200} };

# The last write of a process that is killed may be torn.
my ($torn) = sort { -s $b <=> -s $a } glob "$spool/*.v";
open my $file, '>>', $torn or die "$torn: $!\n";
print {$file} "\x40\x00\x00\x00\x12\x34";
close $file;

$t->nginx->configure($conf =~ s/%%WORKERS%%/1/r);
$t->nginx->start;
$t->redis_server->start;
eventually { !@{ [glob "$spool/*.[vu]"] } } 'one process drains the segments of all', timeout => 30;
eventually { $t->redis('XLEN', 'errtrack:{q0}:events') == 0 } 'the queue is emptied', timeout => 30;
my %filed = map { $_->[0] => $_->[1] } $t->sql(
    q{select replace(event_id::text, '-', ''), count(*) from errtrack_private.occurrences group by 1});
is scalar(grep { !$filed{$_} } @accepted), 0, 'every report of ' . @accepted . ' that was answered 200 is filed';
is scalar(grep { $_ != 1 } values %filed), 0, 'none of them twice';
is_deeply [glob "$spool/*.damaged"], [], 'a torn tail is no damage';

$t->done;
