# The unit tests of the parts without I/O: each program of build/unit is one check
# here, and tells more when it fails.

use strict;
use warnings;

use FindBin ();
use Test::More;

my $dir = ($ENV{ERRTRACK_BUILD} // "$FindBin::RealBin/../build") . '/unit';
my @programs = grep { -x } glob "$dir/*_test";
ok(@programs, 'the unit tests are built');

for my $program (@programs) {
    my ($name) = $program =~ m{([^/]+)$};
    my $output = qx{\Q$program\E --gtest_brief=1 2>&1};
    my $status = $?;
    my ($passed) = $output =~ /\[  PASSED  \] (\d+) test/;
    ok($status == 0 && $passed, "$name: " . ($passed // 0) . ' passed') or diag $output;
}

done_testing;
