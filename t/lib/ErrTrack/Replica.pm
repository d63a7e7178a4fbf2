package ErrTrack::Replica;

# A hot standby of the private PostgreSQL, made by pg_basebackup and fed by streaming
# replication, with a data folder, a log and a port of its own.

use strict;
use warnings;
use parent 'ErrTrack::Postgres';

use ErrTrack::Process qw(make_dir run);

# dir, port, primary => the ErrTrack::Postgres that it follows; settings.
sub new {
    my ($class, %arg) = @_;
    return $class->SUPER::new(name => 'replica', %arg);
}

sub data { return "$_[0]{dir}/replica/data" }

# A copy of the primary as it is now, running at the end.
sub create {
    my ($self) = @_;
    make_dir("$self->{dir}/replica");
    my ($status, $out, $err) = run([
        ErrTrack::Postgres::program('pg_basebackup'), '-D', $self->data, '-R', '-c', 'fast', '--no-sync',
        '-d', $self->{primary}->conninfo(ErrTrack::Postgres::ADMIN),
    ]);
    die "pg_basebackup:\n$out$err" if $status;
    return $self->start;
}

1;
