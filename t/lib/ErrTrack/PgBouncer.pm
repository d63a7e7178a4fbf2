package ErrTrack::PgBouncer;

# A private PgBouncer in transaction mode before a PostgreSQL, for the role of the query
# module. Fewer connections than that module has, so that each is used by many.

use strict;
use warnings;
use parent 'ErrTrack::Service';

use ErrTrack::Ports qw(answers);
use ErrTrack::Process qw(make_dir write_file);

# dir, port, postgres => what it stands before.
sub new {
    my ($class, %arg) = @_;
    return $class->SUPER::new(name => 'pgbouncer', %arg);
}

# In order: transactions end first. To a TERM it gives status 1.
sub stop_signal { return 'INT' }

sub command {
    my ($self) = @_;
    my $folder = make_dir("$self->{dir}/pgbouncer");
    my $postgres = $self->{postgres};
    my ($secret) = map { $_->[0] } $postgres->rows(q{select rolpassword from pg_authid where rolname = 'errtrack_query'});
    write_file("$folder/userlist.txt", qq("errtrack_query" "$secret"\n));
    my $file = write_file("$folder/pgbouncer.ini", <<"INI");
[databases]
errtrack = host=127.0.0.1 port=@{[ $postgres->port ]} dbname=errtrack

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = @{[ $self->port ]}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $folder/userlist.txt
pool_mode = transaction
default_pool_size = 2
server_login_retry = 1
INI
    return ('/usr/sbin/pgbouncer', $file);
}

sub ready { return answers($_[0]->port) }

# A connection string for the role, through it.
sub conninfo {
    my ($self) = @_;
    return $self->{postgres}->conninfo('errtrack_query') =~ s/\bport=\d+/port=$self->{port}/r;
}

1;
