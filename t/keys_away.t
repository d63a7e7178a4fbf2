# Redis is away when nginx starts: the keys of the snapshot work, and a key that is not in
# it may be a new one, so its reports are kept, within bounds, until the worker has looked.

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
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=40m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/ { client_max_body_size 0; errtrack_ingest; }
        location = /metrics { errtrack_metrics; }
    }
}
CONF
);

my $snapshot = "$t->{dir}/spool/client-keys";
eventually { -s $snapshot } 'a snapshot of the keys is written';
is sprintf('%04o', (stat $snapshot)[2] & 07777), '0600', 'for nobody else';

$t->redis_server->stop;
$t->nginx->restart;
is $t->store({ message => 'known' })->status, 200, 'a key of the snapshot works without Redis';
is $t->store({ message => 'elsewhere' }, project => { %{ $t->project }, id => 99 })->status, 403,
    'for its own project only';

# Made while no edge could be told.
my $new = $t->errtrack(qw(key create shop --label new --json))->{key};
my $unknown = 'f' x 32;
is $t->store({ message => 'new' }, key => $new)->status, 200, 'a report with a key that nobody could tell of is kept';
is $t->store({ message => 'unknown' }, key => $unknown)->status, 200, 'so is one with a key that does not exist';
is $t->store({ message => 'bad' }, key => 'short')->status, 400, 'but not with one that cannot exist';
ok scalar(glob "$t->{dir}/spool/*.u"), 'they lie apart in the spool';
my $large = 'x' x 300_000;
my @answers = map { $t->store({ message => 'flood', extra => { text => $large } }, key => $unknown)->status } 1 .. 8;
is $answers[0], 200, 'one address may bring some of them';
ok scalar(grep { $_ == 503 } @answers), 'but not many';
is $t->store({ message => 'known again' })->status, 200, 'which is no matter to known keys';

$t->redis_server->start;
eventually { $t->store({ message => 'x' }, key => $unknown)->status == 403 } 'with Redis back an unknown key is refused';
eventually { $t->store({ message => 'new again' }, key => $new)->status == 200 } 'and the new one is known', timeout => 15;
eventually { !@{ [glob "$t->{dir}/spool/*.[vu]"] } } 'the spool is emptied';
my $titles = sub { join ', ', map { $_->[0] } $t->sql('select title from errtrack_private.issues order by 1') };
eventually { $titles->() eq 'known, known again, new, new again' } 'what came with good keys is filed, and nothing else'
    or diag $titles->();
eventually {
    $t->sql_value(q{select sum(quantity) from errtrack_private.outcomes
        where project_id = 0 and outcome = 'discarded' and reason = 'unverified'}) >= 2
} 'the rest is counted, under no project';

$t->done;
