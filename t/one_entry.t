# Reports that come in one turn of nginx's event loop are queued as one entry: each is
# answered and filed by itself all the same, and all of them are spooled when Redis does not
# take the entry.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Test::More;

use ErrTrack;
use ErrTrack::HTTP qw(json_text);
use ErrTrack::Process qw(process_of wait_until);

my $t = ErrTrack->stack(
    redis => { appendonly => 'always' },
    nginx => <<'CONF',
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
    errtrack_spool %%DIR%%/spool free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location / { return 204; }
    }
}
CONF
);

my ($pid) = $t->nginx->worker_pids;
my $number = 0;

sub answer_of {
    my ($socket) = @_;
    my $bytes = '';
    while ($bytes !~ /\r\n\r\n(?:.*\})?\z/s && IO::Select->new($socket)->can_read(20)) {
        last if !sysread $socket, $bytes, 65_536, length $bytes;
    }
    return ErrTrack::HTTP::parse_answer($bytes);
}

# Sends reports while the process stands still, so that it finds all of them in one turn,
# on connections that it has accepted before. Returns the ids that were answered 200.
sub at_once {
    my ($between, @events) = @_;
    my @sockets = map {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port, Timeout => 5)
            or die "connect: $!\n";
        syswrite $socket, "GET / HTTP/1.1\r\nHost: here\r\n\r\n";
        answer_of($socket);
        $socket;
    } @events;
    kill STOP => $pid;
    wait_until(sub { process_of($pid)->{state} eq 'T' }, 10) or die "nginx goes on\n";
    for my $i (0 .. $#events) {
        my $body = json_text({ event_id => sprintf('%032x', ++$number), %{ $events[$i] } });
        syswrite $sockets[$i], "POST /api/$t->{project}{id}/store/?sentry_key=$t->{project}{public_key} HTTP/1.1\r\n"
            . "Host: here\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
    }
    $between->();
    kill CONT => $pid;
    return map { my $answer = answer_of($_); $answer->status == 200 ? $answer->json->{id} : () } @sockets;
}

my $entries = sub { $t->redis('XRANGE', "errtrack:{q0}:$_[0]", '-', '+') };
my $records = sub { map { scalar(@{ $_->[1] }) / 4 } @{ $entries->($_[0]) } };

eventually { !grep { @{ $entries->($_) } } qw(events large) } 'the queue is empty';
$t->worker->stop;

my @ids = at_once(sub { }, map { { message => "small $_" } } 1 .. 20);
is scalar(@ids), 20, 'twenty reports of one turn are answered';
is_deeply [ $records->('events') ], [20], 'and are one entry';
my %meta = @{ $entries->('events')->[0][1] }[0, 1];
like $meta{m}, qr/^id [0-9a-f]{32}$/m, 'with records as any other';

push @ids, at_once(sub { }, { message => 'alone' });
is_deeply [ $records->('events') ], [ 20, 1 ], 'a report that comes alone is an entry of its own';

push @ids, at_once(sub { }, map { { message => 'medium', extra => { text => 'x' x 15_000 } } } 1 .. 10);
my (undef, undef, @medium) = $records->('events');
is eval { join '+', @medium }, '4+4+2', 'an entry holds no more than a large body has';

push @ids, at_once(sub { }, map { { message => 'mixed', extra => { text => 'x' x $_ } } } 70_000, 10, 70_000);
is_deeply [ $records->('large') ], [ 1, 1 ], 'large bodies have entries of their own';

my @refused = at_once(sub { $t->redis_server->kill }, map { { message => 'later' } } 1 .. 20);
is scalar(@refused), 20, 'reports that Redis was to take as it died are answered';
ok scalar(glob "$t->{dir}/spool/*.v"), 'since they lie in the spool';

$t->redis_server->start;
$t->worker->start;
is scalar(@ids), 34, 'all the others were answered, too';
$t->filed_once([ @ids, @refused ]);

$t->done;
