# A client that floods does no harm to one that reports beside it: whatever it sends, each
# report of the good one is filed, and what nginx, the worker, Redis and the spool hold meanwhile
# stays bounded. The flood gets the answers that it should, and everything is accounted for.

use strict;
use warnings;

use List::Util qw(max sum);
use Test::More;

use ErrTrack;
use ErrTrack::Flood;
use ErrTrack::Process qw(read_file);

use constant MB => 1024 * 1024;

my $SECONDS = 0.5;

# What each may have at most. An nginx process holds bodies in up to errtrack_redis_buffer.
my %MOST = (nginx => 120 * MB, worker => 250 * MB, redis => 300 * MB, spool => 100 * MB);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => <<'CONF');
%%MODULES%%
%%GLOBALS%%
events {
    worker_connections 1024;
}
http {
    %%HTTP%%
    access_log off;
    errtrack_redis %%REDIS%%;
    errtrack_redis_buffer 32m;
    errtrack_zone 2m;
    errtrack_spool "%%DIR%%/spool" size=64m free=64m;
    errtrack_backlog entries=100000 bytes=128m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ ^/api/[^/]+/envelope/$ {
            client_max_body_size 0;
            errtrack_ingest;
        }
    }
}
CONF

my %project = (good => $t->{project}, map { $_ => $t->create_project($_, 'acme') } qw(bad spent));
$t->errtrack('quota', 'set', 'spent', 'all', '1/1d');
my $report = sub { $t->envelope([ event => { message => 'hello' } ], project => $project{ $_[0] }) };
$t->wait_for_key($project{bad});
eventually { $report->('spent')->status == 429 } 'one project is over its quota';

my $clients = ErrTrack::Flood->new(dir => "$t->{dir}/clients", projects => \%project, connections => 8, bomb => 64 * MB);
my %held;
my $note = sub {
    my ($what, $bytes) = @_;
    $held{$what} = max($held{$what} // 0, $bytes);
};
my $note_all = sub {
    $note->('spool', sum(0, map { -s $_ // 0 } glob "$t->{dir}/spool/*"));
    $note->('redis', $t->redis('INFO', 'memory') =~ /^used_memory:(\d+)/m);
    my %pids = (nginx => [ $t->nginx->worker_pids ], worker => [ $t->worker->pid ]);
    for my $what (keys %pids) {
        $note->($what, 1024 * (read_file("/proc/$_/status") =~ /^VmHWM:\s+(\d+) kB/m)[0]) for @{ $pids{$what} };
    }
};

my (@accepted, %answered);
for my $kind (@ErrTrack::Flood::KINDS) {
    my $name = $kind->{name};
    $clients->files($name);
    my $flood = $clients->start($name, port => $t->nginx->port, seconds => $SECONDS + 0.2);
    my $good = $clients->start('good', port => $t->nginx->port, seconds => $SECONDS)->finish;
    $note_all->();
    my $bad = $flood->finish;
    is join(' ', keys %{ $good->{status} }), 200, "$kind->{title}: all " . @{ $good->{at} } . ' good reports beside are accepted';
    push @accepted, map { $_->[0] } @{ $good->{at} };
    my %allowed = map { $_ => 1 } @{ $kind->{status} };
    is join(' ', grep { !$allowed{$_} } sort keys %{ $bad->{status} }), '',
        'the flood is answered ' . (join(', ', map { "$_: $bad->{status}{$_} times" } sort keys %{ $bad->{status} }) || 'nothing');
    cmp_ok $bad->{bytes}, '>', 2_000, 'and has sent something';
    $answered{$_} += $bad->{status}{$_} for keys %{ $bad->{status} };
}
ok $answered{$_}, "there was a $_" for qw(200 403 413 429);
like $report->('spent')->header('Retry-After'), qr/^[1-9]\d*$/, 'who is over a quota is told when to come back';

$t->filed_once(\@accepted, timeout => 60);
eventually { $t->sql_value('select count(*) from errtrack_private.tag_facts') == 0 } 'all tags are counted', timeout => 60;
cmp_ok $t->sql_value('select count(*) from errtrack_private.tag_keys where project_id = $1', $project{bad}{id}), '<=', 200,
    'under no more keys than a project may have';
cmp_ok $t->sql_value('select count(*) from errtrack.issues where project_id = $1', $project{bad}{id}), '<=', 1_010,
    'and there are no more new issues than it may have in an hour, but for those that say so';
$note_all->();

SKIP: {
    skip 'a sanitizer keeps what was freed', 2 if $ENV{ERRTRACK_PRELOAD};
    cmp_ok $held{$_}, '<', $MOST{$_}, sprintf "a process of $_ had at most %.0f MB", $held{$_} / MB for qw(nginx worker);
}
cmp_ok $held{$_}, '<', $MOST{$_}, sprintf "$_ held at most %.0f MB", $held{$_} / MB for qw(redis spool);

# ---- the ledger -----------------------------------------------------------------

# Edges publish each second.
my $accepted = sub { $t->sql_value(q{select coalesce(sum(requests), 0) from errtrack.requests where project_id = $1 and outcome = 'accepted'}, $_[0]{id}) };
my $filed = sub { $t->sql_value('select count(*) from errtrack.occurrences where project_id = $1', $_[0]{id}) };
eventually { $accepted->($project{good}) >= @accepted } 'the good reports are counted as accepted';
for my $name (qw(good bad)) {
    my %items = map { @$_ } $t->sql('select outcome, sum(items) from errtrack.outcomes where project_id = $1 and category = $2 group by 1', $project{$name}{id}, 'error');
    is_deeply \%items, { stored => $filed->($project{$name}) }, "$name: what is counted as stored is there, and nothing is anything else";
}
eventually {
    my %refused = map { @$_ } $t->sql(q{select reason, sum(requests) from errtrack.requests where outcome = 'refused' group by 1});
    ($refused{rate_limited} // 0) >= $answered{429} && ($refused{too_large} // 0) >= $answered{413} && sum(values %refused) >= $answered{403};
} 'what was refused is counted by reason';

$t->done;
