# What the web page copies as curl and as SQL does elsewhere what it says, as it is.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Page qw(browse browser_missing);
use ErrTrack::Process qw(read_file run);

plan skip_all => $_ for browser_missing();

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $copied = "$t->{dir}/copied";
local $ENV{ERRTRACK_TOKEN} = $t->token;
browse($t, 'copy.mjs', words => { PAGE_COPIED => $copied }, acts => {
    curl => sub {
        my ($status, $out) = run([ 'sh', '-c', read_file($copied) . ' -sS' ]);
        my $answer = eval { JSON::PP::decode_json($out) } // {};
        like((ref $answer eq 'ARRAY' ? $answer->[0] : $answer)->{title} // "nothing: $out", qr/^Payment'Error/, 'the command gets what was looked at');
    },
    sql => sub {
        my $sql = read_file($copied) =~ s/;\s*(?:--.*)?\z//sr;
        is scalar(my @rows = $t->sql($sql)), 1, 'the query finds what was looked at' or diag $sql;
    },
});

$t->done;
