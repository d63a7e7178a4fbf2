# Envelopes through a path of the site's own: key and project come from the dsn of the
# envelope, and only the hosts of the list are served.

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
    log_format errtrack '$status $errtrack_endpoint $errtrack_outcome $errtrack_project $errtrack_key';
    access_log %%DIR%%/errtrack_access.txt errtrack;
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location = /reports {
            client_max_body_size 0;
            errtrack_tunnel errors.example.com errors.example.com:8443;
        }
    }
}
CONF

my $id = $t->{project}{id};
my $key = $t->{project}{public_key};
my $send = sub {
    my ($dsn, %arg) = @_;
    return $t->post('/reports', headers => { 'Content-Type' => 'text/plain;charset=UTF-8', %{ $arg{headers} || {} } },
        content => ErrTrack::Instance::envelope_text({ dsn => $dsn }, [ event => { message => 'tunnel' } ]));
};

my $taken = $send->("https://$key\@errors.example.com/$id");
is $taken->status, 200, 'an envelope for a host of the list is taken';
like $taken->json->{id}, qr/^[0-9a-f]{32}$/, 'and has an id';
is $send->("https://$key\@ERRORS.example.com/some/prefix/$id")->status, 200, 'case and prefix do not matter';
is $send->("https://$key\@errors.example.com:8443/$id")->status, 200, 'a port of the list is served';
is $send->("https://$key\@errors.example.com:9000/$id")->status, 403, 'another port is not';
my $foreign = $send->("https://$key\@sentry.example/$id");
is $foreign->status, 403, 'another host is not';
like $foreign->json->{detail}, qr/host/, 'which the answer says';
is $send->('https://' . 'f' x 32 . "\@errors.example.com/$id")->status, 403, 'an unknown key is refused';
is $send->("https://$key\@errors.example.com/" . ($id + 1))->status, 403, 'the key of another project is refused';
is $send->('nonsense')->status, 401, 'a dsn that is none is refused';
is $t->post('/reports', content => "{}\n")->status, 401, 'an envelope without a dsn is refused';
is $t->get('/reports')->status, 405, 'only POST is taken';
is $t->http('OPTIONS', '/reports')->status, 200, 'and preflights are answered';

eventually { $t->sql_value(q{select coalesce(sum(event_count), 0) from errtrack_private.issues}) == 3 } 'what was taken is filed';
my $log = ErrTrack::Process::read_file("$t->{dir}/errtrack_access.txt");
like $log, qr/^200 tunnel accepted $id \Q$key\E$/m, 'the log knows project and key';
like $log, qr/^403 tunnel refused - -$/m, 'of a refused host it knows nothing';

$t->done;
