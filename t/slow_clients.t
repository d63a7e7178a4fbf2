# Clients that send large bodies and stop half way hold memory, and no more than their
# share of it: everybody else is served meanwhile, and nginx does not grow beyond its
# buffer. A body that drips in is given up after errtrack_body_timeout.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Test::More;
use Time::HiRes ();

use ErrTrack;
use ErrTrack::HTTP ();
use ErrTrack::Load;
use ErrTrack::Process qw(read_file);

use constant MB => 1024 * 1024;

my $t = ErrTrack->stack(
    redis => { appendonly => 'no' },
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
    errtrack_redis_buffer 32m;
    errtrack_zone 2m;
    client_body_timeout 10s;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ ^/api/[^/]+/(envelope|store)/?$ {
            client_max_body_size 0;
            errtrack_max_event_size 4m;
            errtrack_ingest;
        }
        location ~ ^/drip/api/[^/]+/(envelope|store)/?$ {
            client_max_body_size 0;
            errtrack_body_timeout 2s;
            errtrack_ingest;
        }
        location = /metrics { errtrack_metrics; }
    }
}
CONF
);

my $other = $t->create_project('desk', 'acme');
$t->wait_for_key($other);
my ($pid) = $t->nginx->worker_pids;
my $rss = sub { read_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+) kB/m ? $1 / 1024 : die "no VmRSS\n" };
my $connect = sub {
    my ($prefix, $length) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port, Timeout => 5)
        or die "connect: $!\n";
    print {$socket} "POST $prefix/api/$t->{project}{id}/store/?sentry_key=$t->{project}{public_key} HTTP/1.1\r\n"
        . "Host: slow\r\nContent-Length: $length\r\n\r\n";
    $socket->flush;
    return $socket;
};
my $answer_of = sub {
    my ($socket) = @_;
    my $bytes = '';
    # It is short and comes at once; the connection may stay.
    while ($bytes !~ /\r\n\r\n.*\}$/s && IO::Select->new($socket)->can_read(5)) {
        last if !sysread $socket, $bytes, 65_536, length $bytes;
    }
    return ErrTrack::HTTP::parse_answer($bytes);
};
local $SIG{PIPE} = 'IGNORE';

# ---- greedy ---------------------------------------------------------------------

my $load = ErrTrack::Load->start($t, clients => 2, with => [ project => $other, from => '127.0.0.2' ],
    event => { extra => { text => 'x' x 20_000 } });
eventually { $load->answered(200) > 50 } 'reports are taken';
my $before = $rss->();
my $body = '{"message":"' . 'x' x (MB - 12);
my %greedy = map { my $socket = $connect->('', 2 * MB); fileno $socket => { socket => $socket, sent => 0 } } 1 .. 40;
$_->{socket}->blocking(0) for values %greedy;
# Each sends until it has sent all of it, or is answered.
my ($held, $rss_then) = (0, 0);
my $look = sub {
    my ($now) = map { $_ / MB } $t->get('/metrics')->content =~ /^errtrack_held_bytes\S* (\d+)/m;
    $held = $now if $now > $held;
    $rss_then = $rss->() if $rss->() > $rss_then;
};
my @refused;
eventually {
    for my $client (grep { !$_->{refused} } values %greedy) {
        if (IO::Select->new($client->{socket})->can_read(0)) {
            $client->{refused} = 1;
        } elsif ($client->{sent} < length $body) {
            $client->{sent} += syswrite($client->{socket}, $body, 65_536, $client->{sent}) // 0;
        }
    }
    $look->();
    @refused = grep { $_->{refused} } values %greedy;
    !grep { !$_->{refused} && $_->{sent} < length $body } values %greedy;
} 'each of 40 has sent the half of its body, or is refused';
my $during = $load->answered(200);
eventually { $look->(); $load->answered(200) > $during + 300 } 'others are served meanwhile';
my @answers = map { $answer_of->($_->{socket}) } @refused;
cmp_ok scalar(@refused), '>=', 20, 'there is no room for most: ' . @refused;
cmp_ok scalar(@refused), '<', 40, 'but for some';
is_deeply [grep { $_->status != 503 } @answers], [], 'they are answered 503';
is $answers[0]->json->{detail}, 'too many unfinished requests of this client key or address', 'the answer says why';
is $answers[0]->header('Retry-After'), 10, 'and when to come back';
is $answers[0]->header('Access-Control-Allow-Origin'), '*', 'to pages too';
# Up to a half of the buffer is for whoever comes, and an eighth of it for the others.
cmp_ok $held, '>', 8, sprintf 'what has arrived is held: %.1f MB', $held;
cmp_ok $held, '<=', 20, 'and not more than that';
# A body that grows has up to twice the room that it needs.
SKIP: {
    skip 'a sanitizer keeps what was freed', 1 if $ENV{ERRTRACK_PRELOAD};
    cmp_ok $rss_then, '<', $before + 2 * 20, sprintf 'nginx has grown from %.1f to %.1f MB', $before, $rss_then;
}
eventually { $t->get('/metrics')->content =~ /^errtrack_held_bytes\S* (\d+)/m && $1 < MB } 'those who never go on are given up';
my $answers = $load->stop;
is join(' ', sort keys %$answers), 200, 'none of the others was refused';
cmp_ok $load->slowest, '<', 5, sprintf 'or waited long: %.2f s', $load->slowest;
undef %greedy;

# ---- dripping -------------------------------------------------------------------

my $drip = $connect->('/drip', 100);
my $begin = Time::HiRes::time();
print {$drip} '{"message":"';
until (IO::Select->new($drip)->can_read(0.3) || Time::HiRes::time() > $begin + 10) {
    syswrite $drip, 'x';
}
my $took = Time::HiRes::time() - $begin;
my $late = $answer_of->($drip);
is $late->status, 408, 'a body that drips is given up';
cmp_ok abs($took - 2.5), '<', 1.5, sprintf 'after %.1f s', $took;
like $late->json->{detail}, qr/too long/, 'the answer says why';
is $late->header('Access-Control-Allow-Origin'), '*', 'to pages too';

$t->done;
