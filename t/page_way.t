# The web page as a developer uses it, from signing in to signing out, with all of errtrack
# behind it: t/page/way.mjs is what they do.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Page qw(browse browser_missing);

plan skip_all => $_ for browser_missing();

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
browse($t, 'way.mjs');

$t->done;
