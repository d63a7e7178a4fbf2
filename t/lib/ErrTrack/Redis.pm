package ErrTrack::Redis;

# A private Redis on loopback, and a client that speaks just enough RESP to
# look inside.

use strict;
use warnings;
use parent 'ErrTrack::Service';

use IO::Socket::INET ();

use ErrTrack::Process qw(make_dir write_file);

# dir, port; appendonly: always, everysec or no, what a test depends on and so
# states; password; settings: { name => value } of redis.conf.
sub new {
    my ($class, %arg) = @_;
    my $self = $class->SUPER::new(name => 'redis', appendonly => 'everysec', settings => {}, %arg);
    die "redis: appendonly is always, everysec or no\n" if $self->{appendonly} !~ /^(?:always|everysec|no)$/;
    return $self;
}

sub address { return "127.0.0.1:$_[0]{port}" }

sub command {
    my ($self) = @_;
    my $data = make_dir("$self->{dir}/redis");
    my $off = $self->{appendonly} eq 'no';
    my @settings = (
        [ 'bind', '127.0.0.1' ],
        [ 'port', $self->port ],
        [ 'protected-mode', 'yes' ],
        [ 'dir', $data ],
        [ 'save', '' ],
        [ 'appendonly', $off ? 'no' : 'yes' ],
        [ 'appendfsync', $off ? 'no' : $self->{appendonly} ],
        # Names the configuration too, by which a pid is known to be this one.
        [ 'proc-title-template', '{title} {listen-addr} {config-file}' ],
        (length($self->{password} // '') ? [ 'requirepass', $self->{password} ] : ()),
        (map { [ $_, $self->{settings}{$_} ] } sort keys %{ $self->{settings} }),
    );
    my $file = write_file("$data/redis.conf", join '', map { qq($_->[0] "$_->[1]"\n) } @settings);
    return ('redis-server', $file);
}

sub mark { return "$_[0]{dir}/redis/redis.conf" }

sub ready {
    my ($self) = @_;
    return eval { $self->ask('PING') eq 'PONG' };
}

# ---- client -----------------------------------------------------------------

# One command: a string or number, undef for nil, an array reference for a list.
# An error that Redis answers dies as "redis: ERR ...".
sub ask {
    my ($self, @words) = @_;
    my $ok = eval {
        $self->connect if !$self->{socket};
        $self->request(@words);
        1;
    };
    my $why = $@;
    my $answer = $ok ? eval { [ $self->answer ] } : undef;
    $why = $@ if $ok;
    return $answer->[0] if $answer;
    # The connection is of no more use, unless it was a proper error.
    delete $self->{socket} if $why !~ /^redis: [A-Z]/;
    die $why;
}

# Many commands, each an array, without waiting for one before the next is sent. The first
# error that Redis answers dies as above.
sub ask_many {
    my ($self, @commands) = @_;
    # Sees to it that there is a connection.
    $self->ask('PING');
    while (my @some = splice @commands, 0, 200) {
        my $good = eval {
            $self->request(@$_) for @some;
            $self->answer for @some;
            1;
        };
        next if $good;
        # What else was asked for is answered on a connection that nobody reads any more.
        delete $self->{socket};
        die $@;
    }
    return;
}

sub connect {
    my ($self) = @_;
    $self->{socket} = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->port, Timeout => 5)
        or die "redis at port $self->{port}: $!\n";
    # A command that is long goes out in pieces: none of them waits for an answer.
    setsockopt $self->{socket}, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;
    # A Redis that hangs ends the test and not the patience of who runs it.
    $self->{socket}->sockopt(Socket::SO_RCVTIMEO(), pack 'l!l!', 20, 0);
    if (length($self->{password} // '')) {
        $self->request('AUTH', $self->{password});
        $self->answer;
    }
    return;
}

sub request {
    my ($self, @words) = @_;
    utf8::encode($_) for grep { utf8::is_utf8($_) } @words;
    my $bytes = join '', '*' . @words . "\r\n", map { '$' . length($_) . "\r\n$_\r\n" } @words;
    local $SIG{PIPE} = 'IGNORE';
    $self->{socket}->print($bytes) && $self->{socket}->flush or die "redis: connection lost\n";
    return;
}

sub answer {
    my ($self) = @_;
    my $line = do { local $/ = "\r\n"; readline $self->{socket} };
    die "redis: connection lost\n" if !defined $line;
    my ($kind, $rest) = $line =~ /^([+:\$*-])(.*)\r\n\z/s or die "redis: odd answer\n";
    return $rest if $kind eq '+' || $kind eq ':';
    die "redis: $rest\n" if $kind eq '-';
    return undef if $rest < 0;
    return [ map { $self->answer } 1 .. $rest ] if $kind eq '*';
    my $length = $rest + 2;
    (read($self->{socket}, my $text, $length) // 0) == $length or die "redis: connection lost\n";
    return substr $text, 0, $rest;
}

1;
