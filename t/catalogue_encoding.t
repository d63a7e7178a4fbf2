# Encodings and sizes of the bad-input catalogue.

use strict;
use warnings;

use Test::More;

use ErrTrack::Catalogue;

my $catalogue = ErrTrack::Catalogue->start;
$catalogue->run('encoding');
$catalogue->done;
