# The grammar of envelopes in the bad-input catalogue.

use strict;
use warnings;

use Test::More;

use ErrTrack::Catalogue;

my $catalogue = ErrTrack::Catalogue->start;
$catalogue->run('envelope');
$catalogue->done;
