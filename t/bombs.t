# After several bombs what the same key sends compressed from the same address is refused
# unread for seconds. Nobody else is concerned, and what is not compressed is taken.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => <<'CONF');
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
    errtrack_zone 2m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ ^/api/ {
            client_max_body_size 0;
            errtrack_ingest;
        }
    }
}
CONF

my $other = $t->create_project('other', 'acme');
$t->wait_for_key($other);
# Inflates to 8 MB. In an event it is too large before it is found to be a bomb, and has cost as much.
my $bomb = sub { $t->submit('envelope', qq({}\n{"type":"$_[0]"}\n) . 'x' x 8_000_000, type => 'application/x-sentry-envelope', encoding => 'gzip') };
my $report = sub { $t->store({ message => 'good' }, @_) };
my @gzip = (encoding => 'gzip');

is $bomb->('attachment')->json->{causes}[0], 'the compressed data inflates out of all proportion', 'a bomb is refused' for 1 .. 3;
is $report->(@gzip)->status, 200, 'few of them have no consequences';
is $bomb->('event')->status, 413, 'an event that large is refused' for 1 .. 5;
my $refused = $report->(@gzip);
is $refused->status, 413, 'after several a compressed report is refused';
like $refused->json->{causes}[0], qr/^too much of what this client compressed .* refused for seconds$/, 'the answer says why';
is $report->()->status, 200, 'one that is not compressed is taken';
is $report->(@gzip, from => '127.0.0.2')->status, 200, 'and so are those of another address';
is $report->(@gzip, project => $other)->status, 200, 'and of another key';
eventually { $report->(@gzip)->status == 200 } 'after seconds compressed ones are taken again';

$t->done;
