package ErrTrack::Receiver;

# A server of the test's own that messages are sent to: see t/lib/receiver.

use strict;
use warnings;
use parent 'ErrTrack::Service';

use JSON::PP qw(decode_json);

use ErrTrack::Process qw(read_file root write_file);

sub new {
    my ($class, %arg) = @_;
    my $self = $class->SUPER::new(name => 'receiver', %arg);
    mkdir $self->folder or $!{EEXIST} or die $self->folder . ": $!\n";
    return $self;
}

sub folder { return "$_[0]{dir}/$_[0]{name}.requests" }

sub command {
    my ($self) = @_;
    my ($program, @more) = @{ $self->{program} || [ root() . '/t/lib/receiver' ] };
    return ($^X, $program, $self->port, $self->folder, @more);
}

sub ready { return $_[0]->log_since_start =~ /^ready$/m }

sub url { return 'http://127.0.0.1:' . $_[0]->port . $_[1] }

# How requests for a path are answered from now on, one after the other, and then all like
# the last.
sub answer {
    my ($self, $path, @answers) = @_;
    (my $name = $path) =~ tr{/}{_};
    # Whoever reads it sees the old ones or the new ones.
    write_file($self->folder . "/.next", join '', map { "$_\n" } @answers);
    rename $self->folder . "/.next", $self->folder . "/answers.$name" or die "rename: $!\n";
    return;
}

# What came, oldest first: of one path or all of them.
sub requests {
    my ($self, $path) = @_;
    my @all = map { decode_json $_ } grep { /\S/ } split /\n/, read_file($self->folder . '/requests');
    return grep { !defined $path || $_->{path} eq $path } @all;
}

# Their bodies as JSON.
sub messages {
    my ($self, $path) = @_;
    return map { decode_json $_->{body} } $self->requests($path);
}

1;
