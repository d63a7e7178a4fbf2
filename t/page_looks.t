# Every page in light, dark and at the width of a phone: pictures in build/screenshots/, no
# serious fault of accessibility in the eyes of axe, and nothing that sticks out.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Page qw(browse browser_missing);
use ErrTrack::Process qw(read_file root);

plan skip_all => $_ for browser_missing();

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => ['--no-notifications'] });
$t->create_project('fresh', 'acme');
my ($tabs) = read_file(root() . '/ngx_module/ui/settings.js') =~ /^const tabs = \{\n(.*?)^\};/ms or die 'settings.js has no tabs';
browse($t, 'looks.mjs', words => { PAGE_SETTINGS => join ' ', $tabs =~ /^    (\w+):/mg });

$t->done;
