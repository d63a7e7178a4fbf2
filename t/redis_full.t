# Redis is out of memory under load (noeviction): reports go to the spool, the worker goes
# on acknowledging, and with memory again everything is filed, once, without anybody
# doing anything.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Load;

my $t = ErrTrack->stack(
    redis => { appendonly => 'always', settings => { 'maxmemory-policy' => 'noeviction' } },
    nginx => <<'CONF',
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=256m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location = /metrics { errtrack_metrics; }
    }
}
CONF
);

# A process that was just forked has the name of its master for a moment.
my @processes;
eventually { 2 == (@processes = sort $t->nginx->worker_pids) } 'two processes take reports';
my $small = ErrTrack::Load->start($t, clients => 3);
my $large = ErrTrack::Load->start($t, clients => 1, pause => 0.02, event => { extra => { text => 'x' x 100_000 } });
my $more = sub {
    my ($label) = @_;
    my ($few, $many) = map { $_->answered(200) } $large, $small;
    eventually { $large->answered(200) > $few + 20 && $small->answered(200) > $many + 200 } $label;
};
$more->('reports are taken');
$t->redis('CONFIG', 'SET', 'maxmemory', 1);
$more->('they are taken by a Redis that has no memory left');
like $t->nginx->log_text, qr/refused \d+ command\(s\): OOM/, 'which the log tells';
like $t->get('/metrics')->content, qr/^errtrack_spooled_total [1-9]/m, 'they lie in the spool';
eventually { !grep { $t->redis('XLEN', "errtrack:{q0}:$_") } qw(events large) } 'the worker empties the queue meanwhile';
$t->redis('CONFIG', 'SET', 'maxmemory', 0);
$more->('they are taken with memory again');
my @answers = map { $_->stop } $small, $large;

is_deeply [map { keys %$_ } @answers], [200, 200], 'every report was answered 200';
$t->filed_once([map { @{ $_->{200} } } @answers]);
is_deeply [sort $t->nginx->worker_pids], \@processes, 'no process of nginx was replaced';

$t->done;
