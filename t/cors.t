# Pages of other origins report with fetch: preflights are answered, every answer can be
# read by the page, refusals and the pages of nginx itself too, and a project may say
# which origins it knows.

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
    limit_req_zone $errtrack_key zone=keys:1m rate=1r/m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location ^~ /limited/ {
            client_max_body_size 0;
            limit_req zone=keys;
            limit_req_status 429;
            error_page 429 = @busy;
            errtrack_ingest;
        }
        location ^~ /small/ {
            client_max_body_size 1k;
            error_page 413 = @large;
            errtrack_ingest;
        }
        location @busy {
            internal;
            default_type application/json;
            add_header Retry-After 60 always;
            add_header X-Sentry-Rate-Limits 60::key always;
            add_header Access-Control-Allow-Origin * always;
            add_header Access-Control-Expose-Headers "x-sentry-error, x-sentry-rate-limits, retry-after" always;
            return 429 '{"detail":"too many requests"}';
        }
        location @large {
            internal;
            default_type application/json;
            add_header Access-Control-Allow-Origin * always;
            return 413 '{"detail":"too large"}';
        }
    }
}
CONF

my $path = "/api/$t->{project}{id}/envelope/";
my $page = { Origin => 'https://shop.example.com' };

my $preflight = $t->http('OPTIONS', $path, headers => {
    %$page, 'Access-Control-Request-Method' => 'POST', 'Access-Control-Request-Headers' => 'x-sentry-auth' });
is $preflight->status, 200, 'a preflight is answered';
is $preflight->content, '', 'with nothing';
is $preflight->header('Access-Control-Allow-Origin'), '*', 'it allows every origin';
like $preflight->header('Access-Control-Allow-Methods'), qr/\bPOST\b/, 'and POST';
like $preflight->header('Access-Control-Allow-Headers'), qr/\b$_\b/, "and the header $_"
    for qw(x-sentry-auth content-type content-encoding authorization);
is $preflight->header('Access-Control-Max-Age'), 3600, 'for an hour';
is $preflight->header('Access-Control-Allow-Credentials'), undef, 'without credentials';

my $readable = sub {
    my ($answer, $status, $label) = @_;
    is $answer->status, $status, $label;
    is $answer->header('Access-Control-Allow-Origin'), '*', "$label: the page can read it";
    like $answer->header('Access-Control-Expose-Headers'), qr/\b$_\b/, "$label: the page sees $_"
        for qw(x-sentry-rate-limits retry-after x-sentry-error);
};
$readable->($t->envelope(headers => $page), 200, 'a report that is taken');
$readable->($t->envelope(headers => $page, key => 'f' x 32), 403, 'an unknown key');
$readable->($t->submit('envelope', 'no', headers => $page), 400, 'a broken envelope');
$readable->($t->submit('envelope', '{}', headers => $page, auth => 'none'), 401, 'no key');
$readable->($t->http('PUT', $path, headers => $page), 405, 'a wrong method');
$readable->($t->submit('store', '{"a":"' . 'x' x 2_000_000 . '"}', headers => $page), 413, 'a body that is too large');

is $t->envelope(prefix => '/limited', headers => $page)->status, 200, 'limit_req by $errtrack_key lets the first one in';
$readable->($t->envelope(prefix => '/limited', headers => $page), 429, 'a refusal of limit_req');
is $t->envelope(prefix => '/limited', key => 'e' x 32)->status, 403, 'another key has its own rate';
my $large = $t->submit('store', 'x' x 5000, prefix => '/small', headers => $page);
is $large->status, 413, 'a refusal by client_max_body_size';
is $large->header('Access-Control-Allow-Origin'), '*', 'can be read too';

like $t->errtrack('origin', 'add', 'shop', '*.example.com'), qr/may report to shop/, 'a project is given an origin';
my $from = sub { $t->envelope(headers => { @_ }) };
eventually { $from->(Origin => 'https://evil.example')->status == 403 } 'others are refused then';
$readable->($from->(Origin => 'https://evil.example'), 403, 'the refusal of an origin');
like $from->(Origin => 'https://evil.example')->json->{detail}, qr/Cors/, 'which says why';
is $from->(Origin => 'https://shop.example.com')->status, 200, 'an origin below the pattern is allowed';
is $from->(Origin => 'https://EXAMPLE.com:8443')->status, 200, 'case and port do not matter';
is $from->(Referer => 'https://evil.example/page')->status, 403, 'without an Origin the Referer tells';
is $from->()->status, 200, 'what is no page has no origin, and is allowed';
is $t->http('OPTIONS', $path, headers => { Origin => 'https://evil.example', 'Access-Control-Request-Method' => 'POST' })->status,
    200, 'a preflight, which has no key, is answered all the same';

$t->done;
