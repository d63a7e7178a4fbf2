# What errtrack-worker is told of mail is looked at when it starts, not when the first mail is due.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my @server = ('--mail-server', 'smtp://mail.example.com:587');
my $password = write_file("$t->{dir}/password", "geheim\n");

for my $case ([ 'a sender without an @', [ @server, '--mail-from', 'errors' ], '--mail-from: write it like user@example.com' ],
    [ 'one with a blank', [ @server, '--mail-from', 'the errors@example.com' ], '--mail-from: before the @ stand letters ' ],
    [ 'one without a server', [ '--mail-from', 'errors' ], '--mail-from: write it like user@example.com' ],
    [ 'a server without a sender', \@server, '--mail-server: name the sender with --mail-from' ],
    [ 'a login without a password', [ @server, '--mail-from', 'errors@example.com', '--mail-user', 'errors' ],
        '--mail-user: name the file of the password with --mail-password-file' ],
    [ 'a password of nobody', [ @server, '--mail-from', 'errors@example.com', '--mail-password-file', $password ],
        '--mail-password-file: name who logs in with --mail-user' ],
    [ 'a domain that is none', [ @server, '--mail-from', 'errors@example.com', '--mail-domain', 'ops@example.com' ],
        '--mail-domain: "ops@example.com" is none: write it like example.org' ]) {
    my ($label, $options, $message) = @$case;
    my ($status, $out, $err) = $t->command('errtrack-worker', '--database', $t->postgres->conninfo('errtrack_worker'),
        '--redis', $t->redis_server->address, @$options);
    is $status, 1, "$label: it does not start";
    like $err, qr/\[critical\] \Q$message\E/, '... and says what to do';
}
ok $t->start_worker(args => [ @server, '--mail-from', 'errors@example.com', '--mail-user', 'errors', '--mail-password-file', $password ])->alive,
    'with all of that it does';

$t->done;
