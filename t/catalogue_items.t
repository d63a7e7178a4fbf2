# Sessions, reports of clients and check-ins of the bad-input catalogue.

use strict;
use warnings;

use Test::More;

use ErrTrack::Catalogue;

my $catalogue = ErrTrack::Catalogue->start;
$catalogue->run('items');
$catalogue->done;
