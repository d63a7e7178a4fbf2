package ErrTrack::SDK::Client;

# A program with an SDK that goes on running: it is told line by line what to report, and
# says when the SDK is through with it, whatever the server answered.
#
#     my $client = ErrTrack::SDK::Client->new([ 'run', $dir, 'serve' ], errors => "$dir/errors.txt");
#     $client->report('text') or die 'it hangs';
#     $client->end == 0 or die 'it failed';

use strict;
use warnings;

use IO::Select;
use IPC::Open3 'open3';
use JSON::PP ();
use Time::HiRes 'time';

use ErrTrack::HTTP 'json_text';
use ErrTrack::Process qw(reap wait_until);

sub new {
    my ($class, $command, %arg) = @_;
    open my $errors, '>>', $arg{errors} or die "$arg{errors}: $!\n";
    my $pid = open3(my $in, my $out, '>&' . fileno $errors, @$command);
    $in->autoflush;
    return bless { pid => $pid, in => $in, out => $out, buffer => '' }, $class;
}

# Reports a message, with so many random bytes if told to. False if it is not done with that
# in time, or has ended.
sub report {
    my ($self, $text, %arg) = @_;
    local $SIG{PIPE} = 'IGNORE';
    print { $self->{in} } json_text({ message => $text, %arg }) . "\n" or return 0;
    my $deadline = time + 60;
    while (defined(my $line = $self->line($deadline - time))) {
        my $said = eval { JSON::PP::decode_json($line) };
        return 1 if ref $said eq 'HASH' && ($said->{done} // '') eq $text;
    }
    return 0;
}

# The next line that it prints; nothing at its end, or when there is none in time.
sub line {
    my ($self, $seconds) = @_;
    my $deadline = time + $seconds;
    my $ready = IO::Select->new($self->{out});
    while ($self->{buffer} !~ /\n/) {
        my $left = $deadline - time;
        return if $left <= 0 || !$ready->can_read($left);
        return if !sysread $self->{out}, $self->{buffer}, 65_536, length $self->{buffer};
    }
    return $self->{buffer} =~ s/^(.*)\n// ? $1 : '';
}

# Nothing more is to be reported: its exit status as the shell gives it, 124 if it had to be
# ended.
sub end {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return 0;
    close $self->{in};
    my $status;
    wait_until(sub { defined($status = reap($pid)) }, 30) or kill('KILL', $pid) && waitpid($pid, 0);
    return !defined $status ? 124 : $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

sub DESTROY { $_[0]->end }

1;
