package ErrTrack::HTTP;

# HTTP as tests need it: every request on a connection of its own (a kept one
# would hide which worker process of nginx answers), answers as objects, and raw
# bytes for what no well-behaved client sends.

use strict;
use warnings;

use HTTP::Tiny ();
use IO::Socket::INET ();
use JSON::PP ();
use Time::HiRes ();

use Exporter 'import';
our @EXPORT_OK = qw(http_raw http_request json_text);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub json_text { return $json->encode($_[0]) }

# One request. Options: headers => {}, content => bytes, json => a value to send
# as JSON, timeout => seconds, from => an address of this machine to come from. Status 599
# is no answer at all.
sub http_request {
    my ($method, $url, %arg) = @_;
    # Proxies of the environment are not meant for loopback.
    my $client = HTTP::Tiny->new(
        keep_alive => 0, max_redirect => 0, timeout => $arg{timeout} || 20, agent => 'errtrack-test/1',
        proxy => undef, http_proxy => undef, https_proxy => undef, local_address => $arg{from},
    );
    my %headers = %{ $arg{headers} || {} };
    my $content = $arg{content};
    if (exists $arg{json}) {
        $content = json_text($arg{json});
        $headers{'Content-Type'} //= 'application/json';
    }
    my $answer = $client->request($method, $url, {
        headers => \%headers,
        defined $content ? (content => $content) : (),
    });
    return ErrTrack::HTTP::Answer->new(@$answer{qw(status headers content)});
}

# Sends bytes, or a list of pieces in writes of their own, to a port and reads
# until the server closes: the answer, with status 599 if none came. Pieces that
# are code are called in between. Option half => 1: say after the last piece
# that no more will come; timeout => seconds.
sub http_raw {
    my ($port, $pieces, %arg) = @_;
    my $timeout = $arg{timeout} || 20;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 5)
        or return ErrTrack::HTTP::Answer->new(599, {}, "$!");
    $socket->sockopt(Socket::SO_RCVTIMEO(), pack 'l!l!', $timeout, 0);
    setsockopt $socket, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;
    local $SIG{PIPE} = 'IGNORE';
    for my $piece (ref $pieces ? @$pieces : $pieces) {
        if (ref $piece eq 'CODE') {
            $piece->();
            next;
        }
        # The server may answer and close before it has read everything.
        my $sent = 0;
        while ($sent < length $piece) {
            my $wrote = syswrite $socket, $piece, length($piece) - $sent, $sent;
            last if !$wrote;
            $sent += $wrote;
        }
    }
    shutdown $socket, 1 if $arg{half};
    my $bytes = '';
    my $deadline = Time::HiRes::time() + $timeout;
    while (Time::HiRes::time() < $deadline) {
        last if !sysread $socket, $bytes, 65_536, length $bytes;
    }
    return parse_answer($bytes);
}

sub parse_answer {
    my ($bytes) = @_;
    my ($head, $content) = split /\r\n\r\n/, $bytes, 2;
    my ($first, @lines) = split /\r\n/, $head // '';
    my ($status) = ($first // '') =~ m{^HTTP/1\.\d (\d{3})} or return ErrTrack::HTTP::Answer->new(599, {}, $bytes);
    # An answer that says "go on" precedes the real one.
    return parse_answer($content // '') if $status == 100;
    my %headers;
    for my $line (@lines) {
        my ($name, $value) = split /:\s*/, $line, 2;
        push @{ $headers{ lc $name } }, $value;
    }
    @$_ == 1 and $_ = $_->[0] for values %headers;
    $content //= '';
    $content = unchunk($content) if ($headers{'transfer-encoding'} // '') eq 'chunked';
    return ErrTrack::HTTP::Answer->new($status, \%headers, $content);
}

sub unchunk {
    my ($bytes) = @_;
    my $content = '';
    while ($bytes =~ s/^([0-9a-f]+)[^\r]*\r\n//i && hex $1) {
        $content .= substr $bytes, 0, hex($1), '';
        $bytes =~ s/^\r\n//;
    }
    return $content;
}

package ErrTrack::HTTP::Answer;

# { status, headers => { lower-case name => value, or list of values }, content }

use strict;
use warnings;

sub new {
    my ($class, $status, $headers, $content) = @_;
    return bless { status => $status, headers => $headers, content => $content // '' }, $class;
}

sub status  { return $_[0]{status} }
sub content { return $_[0]{content} }
sub headers { return $_[0]{headers} }

# One header, repeated ones joined.
sub header {
    my ($self, $name) = @_;
    my $value = $self->{headers}{ lc $name };
    return ref $value ? join(', ', @$value) : $value;
}

# The content, decoded. Dies with what came instead of JSON.
sub json {
    my ($self) = @_;
    if (!exists $self->{json}) {
        $self->{json} = eval { $json->decode($self->{content}) };
        if ($@) {
            delete $self->{json};
            die "no JSON but status $self->{status}: " . substr($self->{content}, 0, 500) . "\n";
        }
    }
    return $self->{json};
}

1;
