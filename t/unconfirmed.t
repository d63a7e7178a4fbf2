# Redis is sent a report and does not answer, and there is no spool: the answer says that it
# is not known whether the report is kept, and it is counted as that; Redis, which only stood
# still, files it after all. A Redis that is not there at all leaves no doubt.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(
    redis => { appendonly => 'always' },
    nginx => <<'CONF',
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_redis_timeout 1s;
    errtrack_zone 1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location = /metrics { errtrack_metrics; }
    }
}
CONF
);

my $counted = sub {
    my ($reason) = @_;
    return $t->get('/metrics')->content =~ /^errtrack_requests_total\{[^}]*reason="$reason"[^}]*\} (\d+)$/m ? $1 : 0;
};
my $filed = sub { join ' ', map { $_->[0] } $t->sql(q{select title from errtrack.issues order by 1}) };

is $t->store({ message => 'before' })->status, 200, 'a report is taken while Redis answers';

$t->redis_server->signal('STOP');
my $answer = $t->store({ message => 'in doubt' });
$t->redis_server->signal('CONT');
is $answer->status, 503, 'it is refused when Redis does not answer';
like $answer->json->{detail}, qr/has not said whether it has the report/, 'the answer tells of the doubt';
is $answer->header('Retry-After'), '10', 'and when to come back';
is $counted->('unconfirmed'), 1, 'it is counted as one in doubt';
is $counted->('unavailable'), 0, 'and not as one that nothing keeps';
eventually { $filed->() eq 'before in doubt' } 'it is filed, as Redis had it';

$t->redis_server->stop;
eventually { ($answer = $t->store({ message => 'nowhere' }))->json->{detail} =~ /neither the queue nor the spool/ } 'nothing keeps it while Redis is away';
cmp_ok $counted->('unavailable'), '>', 0, 'and it is counted as that';
$t->redis_server->start;
eventually { $t->store({ message => 'after' })->status == 200 } 'reports are taken again', timeout => 10;
eventually { $filed->() =~ /^after before in doubt$/ } 'what nothing kept is not filed';

$t->done;
