# The Ruby SDK: Debian's is run, and what the version of the table and a newer one send is
# replayed, as RubyGems is not asked.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";

use ErrTrack::SDK 'sdk_test';

my %replayed = (how => 'replayed', serves => 0);

sdk_test(
    language     => 'ruby',
    sdk          => 'sentry-ruby',
    platform     => 'ruby',
    type         => 'CheckoutError',
    cause        => { type => 'RangeError', value => 'amount -1 is out of range' },
    culprit      => qr/(?:client|checkout)\.rb in rescue in checkout$/,
    context_line => qr/raise CheckoutError, "checkout failed"|raise RangeError/,
    client       => qr{^sentry-ruby/\d},
    # It cuts at 200 kB itself.
    too_large    => 0,
    # Only with 429 it looks at how long it is to wait.
    after_503    => 'goes on',
    versions     => [ { version => 'debian' }, { version => '5.9.0', %replayed }, { version => 'newest', %replayed } ],
);
