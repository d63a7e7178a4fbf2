# errtrack_ingest off: reports are turned away without a look, and nothing else changes.
# Whatever becomes of errtrack's own services, other locations never notice.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest SWITCH; }
        location = /live { errtrack_health live; }
        location = /ready { errtrack_health ready; }
        location / { return 200 "the site\n"; }
    }
}
CONF

my $t = ErrTrack->stack(nginx => { config => $conf =~ s/SWITCH/on/r });
my $site = sub { my $answer = $t->get('/'); $answer->status == 200 && $answer->content eq "the site\n" };

is $t->store({ message => 'on' })->status, 200, 'reports are taken';
ok $site->(), 'the site is there';
$t->nginx->reload($conf =~ s/SWITCH/off/r);
my $answer = $t->store({ message => 'off' });
is $answer->status, 503, 'they are not when it is off';
ok $answer->header('Retry-After'), 'SDKs are told to come back later';
is $answer->header('X-Sentry-Rate-Limits'), '10::organization', 'in their words';
like $answer->json->{detail}, qr/switched off/, 'people are told why';
is $t->store({ message => 'off' }, key => 'nonsense')->status, 503, 'nothing is looked at';
ok $site->(), 'the site is there';
is $t->get('/live')->status, 200, 'nginx is live';
$t->nginx->reload($conf =~ s/SWITCH/on/r);
is $t->store({ message => 'on again' })->status, 200, 'reports are taken again';
eventually { $t->get('/ready')->status == 200 } 'nginx is ready';

$t->worker->stop;
$t->redis_server->kill;
$t->postgres->kill;
eventually { $t->store({ message => 'gone' })->status == 503 } 'without Redis and without a spool reports are refused';
eventually { $t->get('/ready')->status == 503 } 'nginx is not ready';
is $t->get('/live')->status, 200, 'but live';
is scalar(grep { !$site->() } 1 .. 50), 0, 'and the site never notices';

$t->done;
