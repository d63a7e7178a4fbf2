# Another module may have read the body before errtrack sees it, into a file when it is
# large: it is taken from there.

use strict;
use warnings;

use Test::More;

use ErrTrack;

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

eventually { $t->sql_value('select sum(event_count) from errtrack_private.issues') == 4 } 'what was taken is filed';
is join(', ', map { $_->[0] } $t->sql('select title from errtrack_private.issues order by 1')),
    'after, large, packed, small', 'with what stands behind the large part';

$t->done;
