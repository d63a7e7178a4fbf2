# The fuzzers, each for a few seconds from the inputs in t/fuzz/corpus/: a crash, a hang,
# a leak, or whatever else the fuzzer does not find right. What it failed on stays beside
# the fuzzers; the message names the file, and the fuzzer repeats it when given that.

use strict;
use warnings;

use File::Basename qw(basename);
use File::Temp ();
use Test::More;

use ErrTrack::Process qw(build_dir root run);

plan skip_all => 'the fuzzers have sanitizers of their own' if $ENV{ERRTRACK_PRELOAD};

my $seconds = 3;
my $dir = build_dir() . '/fuzz';

for my $name (map { basename($_) =~ s/_fuzz\.cpp\z//r } glob root() . '/t/fuzz/*_fuzz.cpp') {
    my @given = glob root() . "/t/fuzz/corpus/$name/*";
    my $found = File::Temp->newdir;
    my ($status, $out, $err) = run([
        "$dir/$name", "-max_total_time=$seconds", '-timeout=5', '-verbosity=0', '-print_final_stats=1',
        "-artifact_prefix=$dir/$name-", $found, root() . "/t/fuzz/corpus/$name",
    ], plain => 1);
    my ($runs) = $err =~ /^stat::number_of_executed_units:\s+(\d+)/m;
    my ($artifact) = $err =~ /Test unit written to (.*)/;
    ok $status == 0 && @given && ($runs // 0) > @given, "$name: " . ($runs // 'no') . ' runs'
        or diag $artifact ? "it failed on $artifact\n" : '', "status $status\n", $out, $err;
}

done_testing;
