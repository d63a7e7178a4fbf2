# Redis refuses a report of megabytes when it has seen no more than its length, and the end of
# the connection comes later, as through a relay: nginx has most of the report left to send,
# and must not read it once it has let go of it. Each is answered as nothing that is kept, and
# one that Redis takes is taken next.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Cutter;
use ErrTrack::Ports qw(free_port);

my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => 0);
my $relay = $t->add('ErrTrack::Cutter', name => 'relay', port => free_port(), target => $t->redis_server->port, late => 0.5)->start;
$t->start_nginx(words => { REDIS => $relay->address }, config => <<'CONF');
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
$t->wait_for_key;

my $send = sub {
    my ($bytes) = @_;
    my $id = join '', map { sprintf '%04x', int rand 65_536 } 1 .. 8;
    return $t->envelope([ event => { event_id => $id, message => 'large' } ], [ attachment => 'x' x $bytes, filename => 'dump' ],
        header => { event_id => $id }, timeout => 20);
};
$t->redis('CONFIG', 'SET', 'proto-max-bulk-len', 1024 * 1024);
for my $round (1 .. 4) {
    my $answer = $send->(15_000_000);
    is $answer->status, 503, 'what Redis does not take is refused';
    like $answer->json->{detail}, qr/neither the queue nor the spool/, 'and nothing keeps it';
    eventually { $send->(800_000)->status == 200 } 'a smaller one is taken';
}
like $t->nginx->log_text, qr/for large reports: refused \d+ command\(s\): ERR Protocol error/, 'the log tells what Redis said';

$t->done;
