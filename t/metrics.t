# Prometheus' metrics and the ledger tell the same, and every request is in them once.

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
    errtrack_spool %%DIR%%/spool free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location = /metrics { errtrack_metrics; }
        location = /live { errtrack_health live; }
        location = /ready { errtrack_health ready; }
        location / { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

my $answer = $t->get('/metrics');
is $answer->status, 200, 'metrics are answered';
is $answer->header('Content-Type'), 'text/plain; version=0.0.4', 'in the text format';
is $t->post('/metrics', content => 'x')->status, 405, 'to GET only';
is $t->get('/live')->status, 200, 'nginx is live';
eventually { $t->get('/ready')->status == 200 } 'and ready';
is $t->get('/ready')->content, '{"is_healthy":true}', 'in the words of the field';

my $metric = sub {
    my ($name) = @_;
    my ($value) = $t->get('/metrics')->content =~ /^\Q$name\E (\S+)$/m;
    return $value // 0;
};
my $accepted = 'errtrack_requests_total{endpoint="envelope",outcome="accepted",reason=""}';
my $before = $metric->($accepted);
my $ledger = sub {
    my ($project, $reason) = @_;
    return $t->sql_value(
        'select coalesce(sum(requests), 0) from errtrack_private.requests where project_id = $1 and reason = $2',
        $project, $reason);
};
eventually { $ledger->($t->{project}{id}, '') == $before } 'the ledger has what was accepted so far';

$t->envelope([ event => { message => 'one' } ]) for 1 .. 5;
$t->envelope([ event => { message => 'two' } ], key => 'f' x 32) for 1 .. 3;
$t->submit('envelope', 'broken') for 1 .. 2;
$t->submit('store', '{"broken', auth => 'none') for 1 .. 4;

is $metric->($accepted), $before + 5, 'accepted requests are counted';
is $metric->('errtrack_requests_total{endpoint="envelope",outcome="refused",reason="project_id"}'), 3, 'unknown keys are';
is $metric->('errtrack_requests_total{endpoint="envelope",outcome="refused",reason="invalid_envelope"}'), 2, 'broken ones are';
is $metric->('errtrack_requests_total{endpoint="store",outcome="refused",reason="auth_missing"}'), 4, 'those without a key are';
cmp_ok $metric->('errtrack_request_bytes_total{endpoint="envelope"}'), '>', 500, 'bytes are counted';
cmp_ok $metric->('errtrack_keys'), '>=', 1, 'the number of keys is told';

eventually { $ledger->($t->{project}{id}, '') == $before + 5 } 'the ledger has the accepted ones, by project';
is $ledger->($t->{project}{id}, 'invalid_envelope'), 2, 'what was refused of a known sender is with its project';
is $ledger->(0, 'project_id'), 3, 'what was refused before is with none';
is $ledger->(0, 'auth_missing'), 4, 'whatever the reason';

$t->nginx->reload;
$t->envelope([ event => { message => 'three' } ]);
is $metric->($accepted), $before + 6, 'a reload keeps the counts';
eventually { $ledger->($t->{project}{id}, '') == $before + 6 } 'and the ledger goes on';

$t->redis_server->stop;
eventually { $t->get('/metrics')->content !~ /^errtrack_redis_up\{[^}]*\} 1$/m } 'metrics tell that Redis is away';
is $t->get('/ready')->status, 200, 'nginx is ready all the same: it has a spool';

$t->done;
