# The web page as a maintainer uses it: everything that is set of a project, from making it to
# deleting it, with a receiver of the test's own for what the project tells.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Page qw(browse browser_missing);

plan skip_all => $_ for browser_missing();

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0, nginx => 0);
my $receiver = $t->add_receiver([]);
$t->start_worker(args => [ $t->notifying, '--retention', 90 ]);
$t->start_nginx;
$t->wait_for_key;
browse($t, 'settings.mjs', words => { PAGE_HOOK => $receiver->url('/secret-of-the-hook') });

$t->done;
