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

# Runs a fuzzer with these arguments: (status, what it said).
sub fuzz {
    my ($name, @arguments) = @_;
    my ($status, $out, $err) = run([
        "$dir/$name", '-timeout=5', '-verbosity=0', '-print_final_stats=1', "-artifact_prefix=$dir/$name-", @arguments,
    ], plain => 1);
    return ($status, $out . $err);
}

for my $name (map { basename($_) =~ s/_fuzz\.cpp\z//r } glob root() . '/t/fuzz/*_fuzz.cpp') {
    my $given = root() . "/t/fuzz/corpus/$name";
    my $found = File::Temp->newdir;
    my ($status, $said) = fuzz($name, "-max_total_time=$seconds", $found, $given);
    my ($runs) = $said =~ /^stat::number_of_executed_units:\s+(\d+)/m;
    my ($artifact) = $said =~ /Test unit written to (.*)/;
    # Time is that of the clock: on a machine that stood still the input is not at fault.
    if ($artifact && $said =~ /ERROR: libFuzzer: timeout/) {
        my ($again, $why) = fuzz($name, $artifact);
        ($status, $said) = ($again, $said . $why);
    }
    my @given = glob "$given/*";
    ok $status == 0 && @given && ($runs // 0) > @given, "$name: " . ($runs // 'no') . ' runs'
        or diag $artifact ? "it failed on $artifact\n" : '', "status $status\n", $said;
}

done_testing;
