# Security reports, crash dumps, attachments, check-ins by URL, the dialog, quotas and
# filters of the bad-input catalogue.

use strict;
use warnings;

use Test::More;

use ErrTrack::Catalogue;

my $catalogue = ErrTrack::Catalogue->start(
    limited  => [ [qw(quota set limited all 0/1d)] ],
    errors   => [ [qw(quota set errors error 0/1d)] ],
    filtered => [ [qw(filter add filtered agent crawlers)], [qw(filter add filtered sdk sentry.python<2.0)] ],
    attached => [ [qw(quota set attached attachment 0/1d)] ],
);
$catalogue->run('other');
$catalogue->run('trouble');
$catalogue->done;
