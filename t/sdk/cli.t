# sentry-cli send-event, as scripts report. Each call is a program of its own, so it remembers
# nothing of what it was told.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";

use ErrTrack::SDK 'sdk_test';

sdk_test(
    language  => 'cli',
    sdk       => '@sentry/cli',
    client    => qr{^sentry-cli/},
    after_429 => 'goes on',
    after_503 => 'goes on',
    versions  => [ { version => 'newest' } ],
);
