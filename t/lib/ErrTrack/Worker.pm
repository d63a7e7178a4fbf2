package ErrTrack::Worker;

# A private errtrack-worker. It is ready when it says so in its log.

use strict;
use warnings;
use parent 'ErrTrack::Service';

use ErrTrack::Process qw(build_dir secrets_key);

# dir, database (connection string), redis (host:port); secrets_key: another file of keys;
# args: further options; preload: a library that comes before all others.
sub new {
    my ($class, %arg) = @_;
    return $class->SUPER::new(name => 'worker', args => [], %arg);
}

sub command {
    my ($self) = @_;
    return (($self->{preload} ? ('env', "LD_PRELOAD=$self->{preload}") : ()), build_dir() . '/errtrack-worker', '--database', $self->{database}, '--redis', $self->{redis},
        '--secrets-key-file', $self->{secrets_key} || secrets_key($self->{dir}), @{ $self->{args} });
}

sub ready { return $_[0]->log_since_start =~ /\bready\b/ }

1;
