# The PHP SDK: what the version of the table and a newer one send is replayed, as Packagist is
# not asked and Debian has none.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";

use ErrTrack::SDK 'sdk_test';

sdk_test(
    language     => 'php',
    sdk          => 'sentry/sentry',
    how          => 'replayed',
    serves       => 0,
    platform     => 'php',
    type         => 'CheckoutException',
    cause        => { type => 'RangeException', value => 'amount -1 is out of range' },
    culprit      => qr{^/checkout\.php in checkout$},
    context_line => qr/throw new CheckoutException\('checkout failed', 0, \$e\)/,
    client       => qr{^sentry\.php/\d},
    versions     => [
        { version => '3.18.0', endpoint => { map { $_ => 'store' } qw(exception message fingerprint) } },
        { version => 'newest' },
    ],
);
