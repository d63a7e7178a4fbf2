# What an edge has counted when it ends is in the ledger: all that it took and refused right
# before nginx quits, is terminated or upgraded is there afterwards, exactly.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(running);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => { daemon => 1, config => <<'CONF' });
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

my ($taken, $refused) = (0, 0);
my $report = sub {
    for (1 .. 30) {
        $taken++ if $t->store({ message => 'counted' })->status == 200;
        $refused++ if $t->store('{')->status == 400;
    }
    return;
};
my $counted = sub {
    return join ' ', map { $_->[0] } $t->sql(q{select coalesce(sum(requests) filter (where outcome = 'accepted'), 0) || '+'
        || coalesce(sum(requests) filter (where reason = 'invalid_json'), 0) from errtrack.requests where project_id = $1}, $t->project->{id});
};
my $exact = sub {
    my ($what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen;
    eventually { ($seen = $counted->()) eq "$taken+$refused" } "$what, all is in the ledger", timeout => 15
        or diag "$seen instead of $taken+$refused";
    return;
};

# Waiting for the key is done by a report that is taken.
$taken++;
$report->();
$exact->('while nginx runs');
for my $signal (qw(QUIT TERM)) {
    $report->();
    $t->nginx->stop($signal);
    $exact->("after $signal");
    $t->nginx->start;
    $t->wait_for_key;
    $taken++;
}
$report->();
my ($old) = $t->nginx->upgrade;
$report->();
kill QUIT => $old;
eventually { !running($old) } 'after an upgrade the old master ends';
$exact->('then');

$t->done;
