# The Rust SDK, as the table has it and as new as there is.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";

use Test::More;

use ErrTrack::SDK 'sdk_test';

# Errors of Rust carry no stack: the SDK sends that of the thread beside them.
sub threads {
    my ($t, $version) = @_;
    my $thread = $t->sql_value(q{select body::jsonb #>> '{threads,values,0,stacktrace,frames}' from errtrack_private.payloads
        where project_id = $1 and body::text like '%CheckoutError%' limit 1}, $version->{project}{id});
    like $thread, qr/"shop::$_"/, "$version->{label}: a frame of $_ in the thread" for qw(charge checkout);
    return;
}

sdk_test(
    language  => 'rust',
    sdk       => 'sentry',
    platform  => 'native',
    type      => 'CheckoutError',
    cause     => { type => 'RangeError', value => 'amount -1 is out of range' },
    culprit   => qr/^shop::charge$/,
    functions => [],
    client    => qr{^sentry\.rust/\d},
    sessions  => { started => 2, exited => 1, crashed => 1, errored => 0 },
    # It looks at its connections only when it sends: what goes out on one that was closed
    # meanwhile is lost.
    keeps_closed => 1,
    more      => \&threads,
    versions  => [ { version => '0.31.0' }, { version => 'newest' } ],
);
