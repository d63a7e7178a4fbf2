# What a body held is given back under the name that it was taken under, also when its
# sender becomes known with its last byte: nobody can use up the share of somebody else's key.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(nginx => <<'CONF');
%%MODULES%%
daemon off;
master_process on;
worker_processes 1;
pid "%%DIR%%/nginx/nginx.pid";
error_log "%%DIR%%/error.log" info;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_redis_buffer 1m;
    errtrack_zone 2m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location = /metrics { errtrack_metrics; }
    }
}
CONF

my $other = $t->create_project('desk', 'acme');
$t->wait_for_key($other);
my ($id, $key) = @{ $t->project }{qw(id public_key)};
my $held = sub { ($t->get('/metrics')->content =~ /^errtrack_held_bytes\{[^}]*\} (\S+)$/m)[0] };

# Only a header, without a line feed: who sent it is known when the body ends.
my $header = qq({"dsn":"http://$key\@host/$id","pad":") . 'x' x 60_000 . '"}';
is $t->submit('envelope', $header, auth => 'none')->status, 200, 'an envelope that is one line is taken' for 1 .. 5;
eventually { $held->() == 0 } 'nothing is held when they are answered';

# Somebody else holds most of the half that is for everybody.
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port) or die "connect: $!\n";
print {$socket} "POST /api/$other->{id}/envelope/?sentry_key=$other->{public_key} HTTP/1.1\r\nHost: a\r\n"
    . "Content-Length: 900000\r\n\r\n" . qq({}\n{"type":"attachment","length":899000}\n) . 'x' x 510_000;
$socket->flush;
eventually { $held->() > 500_000 } 'another client holds nearly half of the buffer';
is $t->store({ message => 'in time', extra => { text => 'x' x 40_000 } }, from => '127.0.0.2')->status, 200,
    'the key has its own share all the same';
close $socket;
eventually { $held->() == 0 } 'what a client that leaves has held is given back';

$t->done;
