# The web page and what an event can hold: fifty texts that are markup or code elsewhere, in
# every field. They are shown as they are, and the policy of the page has nothing to refuse.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Page qw(browse browser_missing);

plan skip_all => $_ for browser_missing();

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
browse($t, 'hostile.mjs');

$t->done;
