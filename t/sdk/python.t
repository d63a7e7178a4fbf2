# The Python SDK, as the table has it and as new as there is.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";

use ErrTrack::SDK 'sdk_test';

sdk_test(
    language     => 'python',
    sdk          => 'sentry-sdk',
    platform     => 'python',
    type         => 'RuntimeError',
    cause        => { type => 'ValueError', value => 'amount -1 is out of range' },
    culprit      => qr/ in charge$|checkout/,
    context_line => qr/raise RuntimeError\("checkout failed"\)/,
    client       => qr{^sentry\.python/\d},
    versions     => [
        { version => '1.21.0', endpoint => { map { $_ => 'store' } qw(exception message fingerprint) } },
        { version => 'newest' },
    ],
);
