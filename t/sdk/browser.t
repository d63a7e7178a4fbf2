# The SDK for browsers in Chromium, on a page of another origin; through the tunnel; and where
# the project does not know the origin.

use strict;
use warnings;

use FindBin ();
use lib "$FindBin::RealBin/../lib";
use Test::More;

use ErrTrack;
use ErrTrack::SDK qw(sdk_test);

# What the log tells of a project, preflights too.
sub log_of {
    my ($t, $version) = @_;
    return grep { $_->{origin} =~ m{^http://127\.0\.0\.1:\d+$} } ErrTrack::SDK::lines($t, $version, qr/./);
}

sub elsewhere {
    my ($t, $version) = @_;
    my @lines = log_of($t, $version);
    ok @lines > 5, "$version->{label}: reports come from a page of another origin";
    is scalar(grep { $_->{method} ne 'POST' } @lines), 0, '... without a preflight';

    my $tunnel = sub { local $ENV{ERRTRACK_TUNNEL} = $t->url('/reports'); ErrTrack::SDK::client($t, $version, $t->dsn($version->{project})) }->();
    ok $tunnel->report('through the tunnel'), "$version->{label}: a report through the tunnel";
    eventually { ErrTrack::SDK::is_stored($t, $version, 'through the tunnel') } '... is stored' and $version->{seen}{tunnel} = 'stored';
    is((log_of($t, $version))[-1]{endpoint}, 'tunnel', '... and went that way');
    is $tunnel->end, 0, '... the page ends well';

    my $from = { headers => { Origin => 'http://127.0.0.1:1' } };
    $t->errtrack(qw(origin add), $version->{project}{id}, 'https://*.example.com');
    eventually { ErrTrack::SDK::probe($t, $version, %$from) == 403 } "$version->{label}: the project knows other origins alone";
    my $client = ErrTrack::SDK::client($t, $version, $t->dsn($version->{project}));
    ok $client->report('from a foreign page'), '... so a report of the page';
    eventually { (log_of($t, $version))[-1]{status} == 403 } '... is refused';
    $t->errtrack(qw(origin remove), $version->{project}{id}, 'https://*.example.com');
    eventually { ErrTrack::SDK::probe($t, $version, %$from) == 200 } "$version->{label}: all origins are allowed again";
    ok $client->report('from a known page'), '... and what the same page reports';
    eventually { ErrTrack::SDK::is_stored($t, $version, 'from a known page') } '... is stored' and $version->{seen}{origin} = 'refused, then stored';
    is ErrTrack::SDK::is_stored($t, $version, 'from a foreign page'), 0, '... what it reported before is not';
    is $client->end, 0, '... the page ends well';
    return;
}

sdk_test(
    language => 'browser',
    sdk      => '@sentry/browser',
    platform => 'javascript',
    type     => 'Error',
    cause    => { type => 'RangeError', value => 'amount -1 is out of range' },
    culprit  => qr/^checkout\(/,
    client   => qr{^sentry\.javascript\.browser/\d},
    # A visit has one, which goes on until the page is left.
    sessions => { started => 2, errored => 1 },
    more     => \&elsewhere,
    # From 11 on a message has a stack, and counts as an error of the visit.
    versions => [ { version => '7.38.0' }, { version => 'newest', sessions => { started => 2, errored => 2 } } ],
);
