# The Node.js SDK, as the table has it and as new as this Node.js runs.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";

use ErrTrack::SDK 'sdk_test';

sdk_test(
    language     => 'node',
    sdk          => '@sentry/node',
    platform     => 'node',
    type         => 'Error',
    cause        => { type => 'RangeError', value => 'amount -1 is out of range' },
    culprit      => qr/^checkout\(/,
    context_line => qr/throw new Error\('checkout failed'/,
    client       => qr{^sentry\.javascript\.node/\d},
    versions     => [ { version => '7.38.0' }, { version => 'newest' } ],
);
