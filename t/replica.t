# A replica answers what only reads, and nobody notices when it is slow, old or gone:
# whoever has changed something sees the change, and the primary stands in. While the
# primary is gone the replica goes on alone.

use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes ();

use ErrTrack;
use ErrTrack::Ports qw(free_port);
use ErrTrack::Process qw(read_file);
use ErrTrack::Replica;

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;
events {}
http {
    %%HTTP%%
    errtrack_postgres "%%DATABASE%%";
    errtrack_postgres_replica "%%REPLICA%%" lag=2s;
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /errortracking/ { errtrack_query; }
        location /api/0/ { errtrack_query; }
    }
}
CONF

my $t = ErrTrack->new;
$t->start_postgres(settings => { log_statement => 'all' });
$t->create_organization('acme');
$t->create_project('shop', 'acme');
$t->create_token('admin@example.com');
my $project = $t->{project}{id};
$t->sql(<<'SQL', $project);
insert into errtrack_private.issues
       (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
values ($1, 7, 'error', 'E', 'v', 'E: v', 'E: v', '', 'error', 'other', '', 1, 1, now(), now(), now());
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen) values ($1, 7, 7, now(), now());
SQL

my $replica = $t->add('ErrTrack::Replica', port => free_port(), primary => $t->postgres,
    settings => { log_statement => 'all', wal_retrieve_retry_interval => '200ms' })->create;
my %words = (REPLICA => $replica->conninfo('errtrack_query'));

# ---- configuration ----------------------------------------------------------

for my $case (
    [ 'host=x password=hunter2"', qr/^(?!.*hunter2).*invalid "errtrack_postgres_replica": a password must not stand here/s ],
    [ 'host=x" lag=never', qr/invalid "lag=never": lag=30s is wanted/ ],
    [ 'host=x" 5s', qr/invalid "5s": lag=30s is wanted/ ],
) {
    my ($end, $complaint) = @$case;
    my $nginx = $t->add_nginx(name => 'refused', words => { REPLICA => '' },
        config => $conf =~ s/"%%REPLICA%%" lag=2s/"$end/r);
    my ($good, $said) = $nginx->test;
    ok !$good && $said =~ $complaint, "\"$end is refused";
}
$t->expect_log(qr/\[emerg\].*in \S+refused\/nginx\.conf/);

$t->start_nginx(config => $conf, words => \%words);

# ---- who answers ------------------------------------------------------------

my $path = "/projects/$project/errors/7";
my $read = sub { $t->api(GET => $path) };
my $set = sub { $t->api(PUT => $path, json => { status => $_[0] }) };
# How often a function was called on a server while something was done.
my $calls = sub {
    my ($function, $do) = @_;
    my @logs = map { $_->log } $t->postgres, $replica;
    my @from = map { -s } @logs;
    $do->();
    return join ' ', map { scalar(() = read_file($logs[$_], $from[$_]) =~ /errtrack_private\.$function\(token_hash/g) } 0, 1;
};
my $warned = sub { $t->nginx->log_text =~ /\[warn\].*$_[0]/ };
my $lsn = sub { $t->sql_value('select pg_current_wal_lsn()') };
my $caught_up = sub {
    my $position = $lsn->();
    my ($row) = $replica->rows('select pg_last_wal_replay_lsn() >= $1', $position);
    return $row->[0] eq 't';
};

eventually { $caught_up->() } 'the replica follows';
eventually { $calls->('get_error', sub { $read->() for 1 .. 10 }) eq '0 10' } 'the replica answers what only reads';
is $calls->('update_error', sub { is $set->('resolved')->status, 200, 'an issue is resolved' }), '1 0', 'the primary changes';
my @seen = map {
    my $status = $_ % 2 ? 'unresolved' : 'resolved';
    $set->($status)->status == 200 && $read->()->json->{status} eq $status;
} 1 .. 20;
is scalar(grep { $_ } @seen), 20, 'each of 20 changes is seen at once, whichever process of nginx reads';
is $calls->('sentry_token_create', sub {
    my $made = $t->sentry(POST => '/api-tokens/', json => { scopes => ['event:read'] })->json->{token};
    is $t->sentry(GET => '/', token => $made)->status, 200, 'a token that was just made works';
}), '1 0', 'it is made by the primary';
eventually { $t->sql_value('select count(*) from errtrack_private.tokens where last_used_at is not null') == 2 }
    'the primary knows when tokens were used';

# ---- a replica that does not replay ---------------------------------------------

$replica->rows('select pg_wal_replay_pause()');
eventually { ($replica->rows('select pg_get_wal_replay_pause_state()'))[0][0] eq 'paused' } 'the replica is paused';
is $set->('resolved')->status, 200, 'an issue is resolved meanwhile';
is $calls->('get_error', sub { is $read->()->json->{status}, 'resolved', 'who asks sees it' }), '1 0', 'by the primary';
my $status = sub { $t->errtrack('status', '--json') };
eventually { $status->()->{replica_bytes_behind} > 0 } 'errtrack status shows how far the replica is behind';
is $status->()->{replicas}, 1, 'and that there is one';
my $late = $t->errtrack('token', 'create', '--user', 'admin@example.com', '--json')->{token};
is $t->api(GET => $path, token => $late)->status, 200, 'a token that the replica does not know yet works';
eventually { $read->()->status == 200 && $warned->('it lags by \d+ s') } 'that it lags is told';
is $calls->('get_error', sub { $read->() }), '1 0', 'and the primary answers then';
$replica->rows('select pg_wal_replay_resume()');
eventually { $read->(); $warned->('the replica answers') } 'when it has caught up it answers again';
eventually { $calls->('get_error', sub { $read->() }) eq '0 1' } 'and the primary does not';
is scalar(() = $t->nginx->log_text =~ /it lags by/g), 1, 'one line has told of the lag';

# ---- a replica that is killed ---------------------------------------------------

# Reads until it is told to stop, and 30 times at least, in a process of its own; says
# how many succeeded and failed.
my $reader = sub {
    pipe my $from, my $to or die "pipe: $!\n";
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        my ($over, $good, $bad) = (0, 0, 0);
        local $SIG{TERM} = sub { $over = 1 };
        while (!$over || $good + $bad < 30) {
            $read->()->status == 200 ? $good++ : $bad++;
            syswrite $to, "$good $bad\n";
        }
        POSIX::_exit(0);
    }
    close $to;
    my $said = '';
    sysread $from, $said, 4096;
    return sub {
        kill TERM => $pid;
        1 while sysread $from, $said, 4096, length $said;
        waitpid $pid, 0;
        return $said =~ /(\d+) (\d+)\n\z/;
    };
};
my @readers = map { $reader->() } 1 .. 3;
$replica->kill;
eventually { $warned->('since the replica does not') && $calls->('get_error', sub { $read->() }) =~ /^[1-9]/ }
    'the primary answers when the replica was killed';
my ($good, $bad) = (0, 0);
for (@readers) {
    my @counts = $_->();
    $good += $counts[0];
    $bad += $counts[1];
}
is $bad, 0, 'no request failed';
cmp_ok $good, '>=', 90, 'of many';
is $set->('unresolved')->status, 200, 'changes are made';
is $status->()->{replicas}, 0, 'errtrack status tells that there is none';

$replica->start;
eventually { $calls->('get_error', sub { $read->() }) eq '0 1' } 'it answers again by itself when it is back';

# ---- a primary that is killed ---------------------------------------------------

eventually { $caught_up->() } 'the replica has caught up';
$t->postgres->kill;
is join(' ', map { $read->()->status } 1 .. 10), join(' ', (200) x 10), 'the replica answers while the primary is gone';
is $set->('resolved')->status, 503, 'a change is refused';
is $set->('resolved')->header('Retry-After'), 5, 'with the time to come again';
is $read->()->json->{status}, 'unresolved', 'what only reads goes on after that';
my $limit = Time::HiRes::time() + 3;
eventually { $read->()->status == 200 && Time::HiRes::time() > $limit } 'beyond the lag that it may have, too';
is $t->api(GET => $path, token => 'nobody')->status, 401, 'who is nobody stays so';

$t->postgres->start;
eventually { $set->('resolved')->status == 200 } 'changes are made when it is back';
is $read->()->json->{status}, 'resolved', 'and seen';
eventually { $calls->('get_error', sub { $read->() }) eq '0 1' } 'and the replica answers as before', timeout => 30;

$t->done;
