# How bytes of a request may come, in the bad-input catalogue; several requests on one
# connection; and clients that leave.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Catalogue;
use ErrTrack::Catalogue::Answer;
use ErrTrack::Catalogue::Request;
use ErrTrack::Process qw(read_file);

my $catalogue = ErrTrack::Catalogue->start;
$catalogue->run('framing');

# ---- several requests on one connection -------------------------------------

for my $first (
    [ 0, 'an unknown endpoint',      request('nothing', with_event()),                           refused(404, 'unknown endpoint') ],
    [ 0, 'another method',           store(event(), method => 'PUT'),                            refused(405, 'method not allowed') ],
    [ 0, 'an unknown key',           envelope(with_event(), auth => sentry('%UNKNOWN_KEY%')),    refused(403, $REJECTED) ],
    [ 0, 'an unknown key in chunks', store(event(), auth => sentry('%UNKNOWN_KEY%'), framing => chunks_of(9)), refused(403, $REJECTED) ],
    [ 0, 'an unknown encoding',      store(event(), headers => [ 'Content-Encoding' => 'lzma' ]),
        refused(415, 'unsupported content encoding', 'gzip, deflate, br and zstd are understood') ],
    [ 0, 'an empty body',            store(''),                                                  refused(400, $NO_DATA) ],
    [ 0, 'an event that is cut off', store('{"message":"a'),
        refused(400, $NO_JSON, 'the JSON text is not complete') ],
) {
    my $next = [ 0, "after $first->[1]", store(event()), stored('given') ];
    is_deeply [ $catalogue->conversation($first, $next) ], [ map { $_->[3]{words} } $first, $next ],
        "$first->[1] does not spoil the next request on the connection";
}

# ---- clients that leave -----------------------------------------------------

my @leaving = (headers => [ Expect => '100-continue' ], apart => 1);
for my $reset (0, 1) {
    $catalogue->leave(envelope(with_event(), @leaving, path => '/leave/api/%PROJECT%/envelope/', framing => lying(1000)), $reset);
    $catalogue->leave(store(event(), @leaving, path => '/leave/api/%PROJECT%/store/', framing => chunked_as("1000\r\n", sub { $_[0] })),
        $reset);
}
eventually { 4 == (() = read_file($catalogue->nginx->access_log) =~ m{"POST /leave/}g) } 'the edge has noticed that they left';

$catalogue->done;
