# Bodies and members of events of the bad-input catalogue.

use strict;
use warnings;

use Test::More;

use ErrTrack::Catalogue;

my $catalogue = ErrTrack::Catalogue->start;
$catalogue->run('store');
$catalogue->run('fields');
$catalogue->done;
