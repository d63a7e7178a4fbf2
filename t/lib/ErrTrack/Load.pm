package ErrTrack::Load;

# Clients that report as fast as they are answered, in processes of their own, each
# event with an id that is known:
#
#     my $load = ErrTrack::Load->start($t, clients => 4);
#     ... break things ...
#     my $answers = $load->stop;      # { 200 => [event ids], 503 => [...] }
#
# Options: clients; each => how many reports of a client (until stop otherwise);
# event => a hash to be sent with each; pause => seconds between two of a client;
# with => further options of store, as an array; again => one report in so many has the id
# of the one before it; send => another way to report, which is given the id and the number
# of a report and returns the answer; word => what an answer is listed under, instead of its
# status.

use strict;
use warnings;

use List::Util ();
use POSIX ();
use Time::HiRes ();

sub start {
    my ($class, $t, %arg) = @_;
    my $self = bless { clients => [] }, $class;
    my $series = int rand 0xffffffff;
    for my $client (1 .. $arg{clients} || 4) {
        pipe my $read, my $write or die "pipe: $!\n";
        defined(my $pid = fork) or die "fork: $!\n";
        if ($pid) {
            push @{ $self->{clients} }, { pid => $pid, read => $read };
            next;
        }
        close $read;
        my $over = 0;
        local $SIG{TERM} = sub { $over = 1 };
        for (my $number = 1; !$over && $number <= ($arg{each} || 1e9); $number++) {
            my $same = $arg{again} && $number > 1 && $number % $arg{again} == 0;
            my $id = sprintf '%08x%08x%016x', $series, $client, $same ? $number - 1 : $number;
            my $asked = Time::HiRes::time();
            my $answer = eval {
                $arg{send} ? $arg{send}->($id, $number) : $t->store({ message => 'load', %{ $arg{event} || {} }, event_id => $id }, @{ $arg{with} || [] });
            };
            my $word = !$answer ? 599 : $arg{word} ? $arg{word}->($answer) : $answer->status;
            syswrite $write, sprintf "%s %s %.3f %.3f\n", $word, $id, $asked, Time::HiRes::time();
            Time::HiRes::sleep($arg{pause}) if $arg{pause};
        }
        # Not exit: the services belong to the parent.
        POSIX::_exit(0);
    }
    return $self;
}

# Reads what has come so far; whether any client is still at it.
sub read_some {
    my ($self) = @_;
    my $bits = '';
    vec($bits, fileno $_->{read}, 1) = 1 for grep { !$_->{ended} } @{ $self->{clients} };
    return 0 if $bits !~ /[^\0]/;
    select my $ready = $bits, undef, undef, 0.1;
    for my $client (grep { !$_->{ended} && vec $ready, fileno $_->{read}, 1 } @{ $self->{clients} }) {
        $client->{ended} = !sysread $client->{read}, $client->{text}, 65_536, length($client->{text} // '');
    }
    return 1;
}

# So far: how many were answered with a status.
sub answered {
    my ($self, $status) = @_;
    $self->read_some;
    return scalar map { /^$status /mg } map { $_->{text} // '' } @{ $self->{clients} };
}

# So far: when those were answered, in seconds since 1970.
sub times_of {
    my ($self, $status) = @_;
    $self->read_some;
    return map { /^$status \S+ \S+ (\S+)\n/mg } map { $_->{text} // '' } @{ $self->{clients} };
}

# Waits for clients that have a number of reports to make, tells the others to stop.
sub stop {
    my ($self, %arg) = @_;
    if (!$arg{wait}) {
        kill TERM => $_->{pid} for @{ $self->{clients} };
    }
    1 while $self->read_some;
    my %answers;
    for my $client (@{ $self->{clients} }) {
        waitpid $client->{pid}, 0;
        for (map { [split] } split /\n/, $client->{text} // '') {
            my ($status, $id, $asked, $answered) = @$_;
            push @{ $answers{$status} }, $id;
            $self->{times}{$id} = [ $asked, $answered ];
        }
    }
    return \%answers;
}

# After stop: when a report was answered.
sub answered_at {
    my ($self, $id) = @_;
    return $self->{times}{$id}[1];
}

# After stop: how long the slowest answer took, in seconds.
sub slowest {
    my ($self) = @_;
    return List::Util::max(map { $_->[1] - $_->[0] } values %{ $self->{times} });
}

1;
