# Another module may have read the body before errtrack sees it, into a file when it is
# large: it is taken from there.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(random_hex);

my $t = ErrTrack->stack(nginx => <<'CONF');
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ {
            client_max_body_size 0;
            client_body_buffer_size 4k;
            mirror /mirror;
            errtrack_ingest;
        }
        location = /mirror { internal; return 204; }
        location ^~ /proxied/ {
            client_max_body_size 0;
            proxy_request_buffering off;
            proxy_pass http://127.0.0.1:%%PORT_NOBODY%%;
            error_page 502 = @errtrack;
        }
        location @errtrack { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

my $large = join ' ', map { "line $_" } 1 .. 60_000;
is $t->store({ message => 'small' })->status, 200, 'a small body that was read before is taken';
is $t->store({ message => 'large', extra => { text => $large } })->status, 200, 'a large one that lies in a file';
is $t->store({ message => 'packed', extra => { text => $large } }, encoding => 'gzip')->status, 200, 'a compressed one';
is $t->store('{"message":"' . 'x' x 200_000)->status, 400, 'a broken one is refused';
is $t->store({ message => 'too large', extra => { text => $large x 4 } })->status, 413, 'so is one that is too large';
is $t->store({ message => 'after' })->status, 200, 'and the next is taken';

# Whatever the client does while its body is read from the file.
my @pids = $t->nginx->worker_pids;
my $event = sub { '{"message":"meanwhile","extra":{"text":"' . $large . '"},"event_id":"' . random_hex(16) . '"}' };
my $request = sub {
    my ($body, $connection) = @_;
    return "POST /api/$t->{project}{id}/store/?sentry_key=$t->{project}{public_key} HTTP/1.1\r\nHost: a\r\n"
        . "Connection: $connection\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
};
is $t->raw($request->($event->(), 'close') . 'x' x 5000)->status, 200, 'more bytes follow' for 1 .. 5;
is $t->raw($request->($event->(), 'close'), half => 1)->status, 200, 'the client says that no more will come' for 1 .. 5;
like $t->raw($request->($event->(), 'keep-alive') . $request->($event->(), 'close'))->content, qr/200 OK/,
    'the next request follows' for 1 .. 5;
is $t->submit('store', $event->(), prefix => '/proxied')->status, 503,
    'a body of which another module has read the beginning is refused';
is_deeply [$t->nginx->worker_pids], \@pids, 'no process of nginx was lost';

eventually { $t->sql_value('select sum(event_count) from errtrack_private.issues') == 24 } 'what was taken is filed';
is join(', ', map { $_->[0] } $t->sql('select title from errtrack_private.issues order by 1')),
    'after, large, meanwhile, packed, small', 'with what stands behind the large part';

$t->done;
