# The native SDK, whose source a crate brings: as a program reports, and as it crashes.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";

use File::Temp ();
use Test::More;

use ErrTrack;
use ErrTrack::Process 'run';
use ErrTrack::SDK 'sdk_test';

# It dies within a session; what it left is sent with its next start.
sub crash {
    my ($t, $version) = @_;
    my $files = File::Temp->newdir;
    local %ENV = (%ENV, ERRTRACK_DSN => $t->dsn($version->{project}), ERRTRACK_SDK_FILES => "$files", no_proxy => '127.0.0.1');
    my @program = ($version->{dir} . '/report');
    my ($status) = run([ @program, 'crash' ], plain => 1);
    isnt $status, 0, "$version->{label}: a program crashes";
    is +(run([ @program, 'serve' ], plain => 1))[0], 0, '... and starts again';
    my $sql = q{select count(*) from errtrack.attachments where project_id = $1 and attachment_type = 'event.minidump'};
    eventually { $t->sql_value($sql, $version->{project}{id}) == 1 } '... its minidump is stored', timeout => 20;
    is $t->sql_value(q{select event_count from errtrack.issues where project_id = $1 and title = 'Minidump'}, $version->{project}{id}), 1,
        '... with an event that says so, as the one of the SDK says nothing';
    is $t->sql_value(q{select sum(crashed) from errtrack.release_health where project_id = $1}, $version->{project}{id}), 1,
        '... and its session as crashed';
    return;
}

sdk_test(
    language => 'native',
    sdk      => 'sentry-native',
    platform => 'native',
    type     => 'CheckoutError',
    cause    => { type => 'RangeError', value => 'amount -1 is out of range' },
    culprit  => qr/charge/,
    client   => qr{^sentry\.native/\d},
    sessions => { started => 1, exited => 1, crashed => 0, errored => 0 },
    more     => \&crash,
    versions => [ { version => 'newest' } ],
);
