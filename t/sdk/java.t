# The Java SDK, as the table has it and as new as there is.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";

use ErrTrack::SDK 'sdk_test';

sdk_test(
    language => 'java',
    sdk      => 'io.sentry:sentry',
    platform => 'java',
    type     => 'Report$CheckoutException',
    cause    => { type => 'IllegalArgumentException', value => 'amount -1 is out of range' },
    culprit  => qr/^Report in checkout$/,
    client   => qr{^sentry\.java/\d},
    versions => [ { version => '6.18.1' }, { version => 'newest' } ],
);
