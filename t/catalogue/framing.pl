# Rows of the bad-input catalogue: how bytes of a request may come (protocol reference, section 10.2).

use strict;
use warnings;
use ErrTrack::Process qw(random_hex);

use ErrTrack::Catalogue::Answer;
use ErrTrack::Catalogue::Request;

my $good = with_event();
my @gzip = (headers => [ 'Content-Encoding' => 'gzip' ]);

(
    [ 63, 'a length that is too large', envelope($good, framing => lying(10)), closed() ],
    [ 0, 'the same of store', store(event(), framing => lying(1)), closed() ],
    [ 0, 'the same of a body that is refused anyway', envelope('nonsense', framing => lying(10), auth => sentry('%UNKNOWN_KEY%')),
        refused(403, $REJECTED) ],
    [ 0, 'a length that is too small', store(event(), framing => lying(-1)), refused(400, $NO_JSON, 'the JSON text is not complete') ],
    [ 0, 'an envelope that is cut by its length', envelope($good, framing => lying(-1)), stored('given') ],
    [ 0, 'a length that is a word', store(event(), framing => sub { [ 'Content-Length' => 'x' ], $_[0] }), by_nginx(400) ],
    [ 0, 'a negative length', store(event(), framing => sub { [ 'Content-Length' => -1 ], $_[0] }), by_nginx(400) ],
    [ 0, 'no length at all', store(event(), framing => \&without_length), refused(400, $NO_DATA) ],
    [ 64, 'length and chunks', store(event(), framing => chunks_of(100), headers => [ 'Content-Length' => 20 ]),
        by_nginx(400) ],
    [ 65, 'a body that does not come', store(event(), port => 'IMPATIENT', framing => lying(100), patient => 1), closed() ],
    [ 0, 'one chunk', envelope($good, framing => chunks_of(65_536)), stored('given') ],
    [ 0, 'a chunk for each byte', store(event(), framing => chunks_of(1)), stored('given') ],
    [ 0, 'chunks of gzip', envelope($good, @gzip, pack => \&gzipped, framing => chunks_of(7)), stored('given') ],
    [ 0, 'chunks in writes of their own', envelope($good, framing => chunks_of(20), apart => 1), stored('given') ],
    [ 0, 'an extension of a chunk',
        store(event(), framing => chunked_as(sub { sprintf "%X;a=b\r\n%s\r\n0\r\n\r\n", length $_[0], $_[0] })),
        stored('given') ],
    [ 0, 'no chunk', envelope('', framing => chunked_as("0\r\n\r\n")), refused(400, $NO_DATA) ],
    [ 0, 'a chunk with a size that is none', store(event(), framing => chunked_as("zz\r\n", sub { $_[0] }, "\r\n0\r\n\r\n")),
        refused(400, $NO_BODY, 'the body is not framed as HTTP demands', reason => 'framing') ],
    [ 0, 'no last chunk', store(event(), framing => chunked_as(sub { sprintf "%x\r\n%s\r\n", length $_[0], $_[0] })),
        closed() ],
    [ 0, 'a chunk that is cut off', envelope($good, framing => chunked_as(sub { sprintf "1000\r\n%s", $_[0] })), closed() ],
    [ 0, 'a body in three writes', envelope($good, framing => split_at(1, 30), apart => 1), stored('given') ],
    [ 0, 'gzip in many writes',
        store(event('"extra":"' . random_hex(500) . '"'), @gzip, pack => \&gzipped, framing => split_at((50) x 8), apart => 1),
        stored('given') ],
    [ 0, 'a large body in many writes', store(sized_event(500_000), framing => split_at((60_000) x 8), apart => 1),
        stored('given') ],
    [ 0, 'a fault in the first of many writes', envelope("nonsense\n" . 'x' x 500_000, framing => split_at((60_000) x 8), apart => 1),
        refused(400, $NO_ENVELOPE, 'invalid envelope header') ],
    [ 0, 'a client that waits to be told to go on', store(event(), headers => [ Expect => '100-continue' ], apart => 1),
        stored('given') ],
    [ 0, 'an old client that closes', store(event(), headers => [ Connection => 'close' ]), stored('given') ],
    [ 65, 'a byte now and then', store(event(), port => 'SLOW', framing => slowly(0.05), apart => 1),
        refused(408, 'the request body took too long to arrive', cause => qr/errtrack_body_timeout/) ],
);
