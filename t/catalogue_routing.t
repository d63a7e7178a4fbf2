# Paths, methods and credentials of the bad-input catalogue.

use strict;
use warnings;

use Test::More;

use ErrTrack::Catalogue;

my $catalogue = ErrTrack::Catalogue->start(strict => [ [qw(origin add strict shop.example.com)] ]);
$catalogue->run('routing');
$catalogue->done;
