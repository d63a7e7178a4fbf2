# What is wrong with addresses and headers is found when they are set, in the words in which the
# worker would refuse them later: t/unit/faults_test.cpp asks it for the same cases.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root);

my $t = ErrTrack->new;
$t->start_postgres;

my @cases = map { JSON::PP::decode_json($_) } split /\n/, read_file(root() . '/t/faults.jsonl');
cmp_ok scalar @cases, '>', 150, 'the cases are read';
my %ask = (url => 'url_fault($1)', mail => 'mail_address_fault($1)', header => 'header_fault($1)', map { $_ => "tracker_fault('$_', \$1)" } qw(gitlab github));
for my $case (@cases) {
    my $label = substr "$case->{of}: " . JSON::PP->new->ascii->allow_nonref->encode($case->{text}), 0, 80;
    is $t->sql_value("select errtrack_private.$ask{ $case->{of} }", $case->{text}), $case->{fault}, $label;
}

$t->done;
