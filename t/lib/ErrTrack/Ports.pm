package ErrTrack::Ports;

# TCP ports on loopback. A port that was found free may be taken before the
# service listens on it, by a test file that runs at the same time: so each port
# has a lock file, held until this process ends. The range lies below the one
# from which the kernel takes ports of outgoing connections.

use strict;
use warnings;

use Exporter 'import';
use Fcntl ':flock';
use IO::Socket::INET ();

use ErrTrack::Process qw(common_dir);

our @EXPORT_OK = qw(answers free_port is_free);

use constant { FIRST => 20_000, LAST => 29_999 };

my %held;

sub is_free {
    my ($port) = @_;
    return !!IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1);
}

# Whether something takes connections on a port.
sub answers {
    my ($port) = @_;
    return !!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 2);
}

# A free port, nobody else's while this process lives.
sub free_port {
    my $dir = common_dir() . '/ports';
    mkdir $dir, 0700;
    for (1 .. 1000) {
        my $port = FIRST + int rand(LAST - FIRST + 1);
        next if $held{$port};
        open my $lock, '>', "$dir/$port" or die "$dir/$port: $!\n";
        next if !flock($lock, LOCK_EX | LOCK_NB) || !is_free($port);
        $held{$port} = $lock;
        return $port;
    }
    die "ErrTrack: no free port between " . FIRST . ' and ' . LAST . "\n";
}

1;
