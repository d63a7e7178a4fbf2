# The README tells of every language whose SDK is tried: in its table, and how to begin.

use strict;
use warnings;

use FindBin ();
use Test::More;

use ErrTrack::Process 'read_file';

my ($section) = read_file("$FindBin::RealBin/../README.md") =~ /^## SDKs\n(.*?)^## /ms;
ok $section, 'the README has a section about SDKs';
for my $test (sort glob "$FindBin::RealBin/sdk/*.t") {
    my ($language) = read_file($test) =~ /^\s*language\s*=>\s*'(\w+)'/m;
    like $section, qr/^\| $language \|/m, "$language is in its table";
}
my @snippets = $section =~ /^```\w+\n(.*?)^```/msg;
is scalar(grep { tr/\n// > 5 } @snippets), 0, 'how to begin takes a few lines';

done_testing();
