# What the loader and the compiler do against bugs that corrupt memory, read from the
# programs and modules as they are built: whichever flags the build was given, they have it.

use strict;
use warnings;

use Test::More;

use ErrTrack::Process qw(build_dir run);

plan skip_all => 'programs with sanitizers are not fortified' if $ENV{ERRTRACK_PRELOAD};

# What readelf says of a file.
sub told {
    my (@arguments) = @_;
    my ($status, $out, $err) = run([ 'readelf', '-W', @arguments ], plain => 1);
    die "readelf @arguments: $err\n" if $status;
    return $out;
}

for my $name (qw(errtrack-worker errtrack nginx/ngx_http_errtrack_ingest_module.so nginx/ngx_http_errtrack_query_module.so)) {
    my $file = build_dir() . "/$name";
    my $segments = told('-h', '-l', $file);
    my $dynamic = told('-d', $file);
    my $symbols = told('--dyn-syms', $file);
    like $segments, qr/^\s*Type:\s+DYN /m, "$name: lies at a random address";
    like $dynamic, qr/\(FLAGS_1\).*\bPIE\b/, "$name: is a program for that" if $name !~ /so\z/;
    like $segments, qr/^\s*GNU_RELRO\s/m, "$name: has tables that are read only";
    like $dynamic, qr/\bBIND_NOW\b|\bNOW\b/, "$name: ... all of them, as all is bound at the start";
    like $segments, qr/^\s*GNU_STACK\s.* RW /m, "$name: has a stack that is not run";
    unlike $segments, qr/^\s*LOAD\s.* RWE /m, "$name: has no memory that is both written and run";
    unlike $dynamic, qr/\(TEXTREL\)/, "$name: ... nor any that the loader would have to";
    ok scalar($symbols =~ /\b__stack_chk_fail\b/), "$name: notes when a stack was written over";
    # The query module has no function whose buffer the compiler knows the size of.
    ok scalar($symbols =~ /\b__\w+_chk\b(?<!__stack_chk)/), "$name: has functions that know how large buffers are" if $name !~ /query/;
    unlike $dynamic, qr/\((?:RPATH|RUNPATH)\)/, "$name: looks for libraries nowhere else";
}

done_testing;
