# A report that is refused before all of it has arrived ends its connection, and the answer
# says so: nginx would take what the client sends next for the rest of that body.

use strict;
use warnings;

use IO::Select ();
use IO::Socket::INET ();
use Test::More;

use ErrTrack;
use ErrTrack::HTTP ();

my $t = ErrTrack->stack(redis => { appendonly => 'no' });

# Sends requests on one connection, each when the one before is answered; a list of answers.
sub on_one_connection {
    my (@requests) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port, Timeout => 5)
        or die "connect: $!\n";
    local $SIG{PIPE} = 'IGNORE';
    return map {
        print {$socket} $_ or die "send: $!\n";
        $socket->flush;
        my $bytes = '';
        while ($bytes !~ /\r\n\r\n.*\}$/s && IO::Select->new($socket)->can_read(10)) {
            last if !sysread $socket, $bytes, 65_536, length $bytes;
        }
        ErrTrack::HTTP::parse_answer($bytes);
    } @requests;
}

# So many bytes of a body, of which that many are said to come.
sub request {
    my ($length, $body) = @_;
    return "POST /api/$t->{project}{id}/envelope/?sentry_key=$t->{project}{public_key} HTTP/1.1\r\n"
        . "Host: errors\r\nContent-Length: $length\r\n\r\n$body";
}

my $good = qq({}\n{"type":"event"}\n{"message":"good"}\n);
my $large = qq({}\n{"type":"event","length":3000000}\n{"message":");
my $bad = "no envelope\n";

my ($midway) = on_one_connection(request(3_000_100, $large));
is $midway->status, 413, 'an event that is too large is refused before it has arrived';
is $midway->header('Connection'), 'close', 'and the connection ends with the answer';

my ($whole, $next) = on_one_connection(request(length $bad, $bad), request(length $good, $good));
is $whole->status, 400, 'a broken report that has arrived is refused';
is $whole->header('Connection'), 'keep-alive', 'and the connection stays';
is $next->status, 200, 'for the next report';

$t->done;
