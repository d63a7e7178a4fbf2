# The bad-input catalogue is complete: each of its rows is sent by a test of a topic, or
# points to the test that has what no request alone can show.

use strict;
use warnings;

use Test::More;

use ErrTrack::Catalogue;
use ErrTrack::Process qw(read_file root);

my (%sent, %elsewhere, $checks);
for my $topic (ErrTrack::Catalogue::files()) {
    my @rows = ErrTrack::Catalogue::rows($topic);
    my @tests = grep { read_file($_) =~ /\brun\('\Q$topic\E'\)/ } glob root() . '/t/catalogue_*.t';
    is scalar(@tests), 1, "a test sends the rows of $topic";
    for my $row (@rows) {
        my ($number, $label, $request, $wanted) = @$row;
        $checks++;
        if (defined $wanted) {
            $sent{$number}++;
            next;
        }
        push @{ $elsewhere{$number} }, "$label: $request->{file} ($request->{why})";
        ok -s root() . "/$request->{file}", "#$number is in $request->{file}";
    }
}

my @numbers = (1 .. ErrTrack::Catalogue::ROWS);
is_deeply [ grep { !$sent{$_} && !$elsewhere{$_} } @numbers ], [], 'no row is missing';
is_deeply [ grep { $_ > ErrTrack::Catalogue::ROWS } keys %sent, keys %elsewhere ], [], 'nor is there one too many';
cmp_ok $checks, '>=', 430, 'there are enough checks';

for my $number (grep { !$sent{$_} } sort { $a <=> $b } keys %elsewhere) {
    diag "#$number is not sent: $_" for @{ $elsewhere{$number} };
}

done_testing;
