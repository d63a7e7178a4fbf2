# The Go SDK, as the table has it and as new as there is.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";

use ErrTrack::SDK 'sdk_test';

sdk_test(
    language     => 'go',
    sdk          => 'sentry-go',
    platform     => 'go',
    type         => '*main.CheckoutError',
    cause        => { type => '*main.RangeError', value => 'amount -1 is out of range' },
    culprit      => qr/^main in checkout$/,
    client       => qr{^sentry\.go/\d},
    versions     => [
        {
            version      => '0.20.0',
            endpoint     => { map { $_ => 'store' } qw(exception message fingerprint) },
            # Later ones read no source.
            context_line => qr/return sentry\.CaptureException\(&CheckoutError\{err\}\)/,
        },
        { version => 'newest' },
    ],
);
