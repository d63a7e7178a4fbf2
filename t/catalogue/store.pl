# Rows of the bad-input catalogue: bodies of the store endpoint (protocol reference, section 10.4).

use strict;
use warnings;
use ErrTrack::Process qw(random_hex);

use ErrTrack::Catalogue::Answer;
use ErrTrack::Catalogue::Request;

my $good = with_event();
my ($twice, $dashed) = map { random_hex(16) } 1 .. 2;
my $upper = uc join '-', unpack 'a8 a4 a4 a4 a12', $dashed;
my $deep = 10_000;
my $pixel = random_hex(16);

# A parameter of a form, as raven made it.
sub form {
    my ($json) = @_;
    return 'sentry_data=' . with_base64($json) =~ s/([+\/=])/sprintf '%%%02X', ord $1/ger;
}

(
    [ 69, 'blanks before the event', store(" \r\n\t" . event()), stored('given') ],
    [ 0, 'a byte order mark before the event', store("\xef\xbb\xbf" . event()), stored('given') ],
    [ 0, 'half a byte order mark', store("\xef\xbb" . event()), refused(400, $NO_JSON, 'neither JSON nor base64') ],
    [ 0, 'blanks and nothing else', store(" \n"), refused(400, $NO_JSON, 'the JSON text is not complete') ],
    [ 116, 'an event of nothing', store('{}'), stored('new'), { title => '<unlabeled event>' } ],
    [ 117, 'an event id that is none', store('{"event_id":"nothex"}'), refused(400, 'invalid JSON data', 'event_id is no UUID') ],
    [ 118, 'an event id that is a number', store('{"event_id":12345}'), refused(400, 'invalid JSON data', 'event_id is no UUID') ],
    [ 0, 'an event id that is a list', store('{"event_id":["%ID%"]}'), refused(400, 'invalid JSON data', 'event_id is no UUID') ],
    [ 0, 'an event id of 33 digits', store('{"event_id":"%ID%a"}'), refused(400, 'invalid JSON data', 'event_id is no UUID') ],
    [ 119, 'an event id that is null', store('{"event_id":null}'), stored('new') ],
    [ 0, 'an event id at the end', store('{"message":"m","event_id":"%ID%"}'), stored('given') ],
    [ 0, 'an event id that is not the one of the event', store('{"contexts":{"x":{"event_id":"%ID%"}}}'), stored('new') ],
    [ 0, 'an event id in a string', store('{"message":"\"event_id\":\"%ID%\""}'), stored('new') ],
    [ 0, 'two event ids', store('{"event_id":"%OTHER_ID%","event_id":"%ID%"}'), stored('given') ],
    [ 0, 'an event id, then null', store('{"event_id":"%ID%","event_id":null}'), stored('new') ],
    [ 0, 'an event id with dashes and capitals', store("{\"event_id\":\"$upper\"}", id => $dashed), stored('given') ],
    [ 120, 'an event that is cut off', store('{"message":"a'), refused(400, $NO_JSON, 'the JSON text is not complete') ],
    [ 0, 'an event that is not closed', store('{"message":"a"'), refused(400, $NO_JSON, 'the JSON text is not complete') ],
    [ 121, 'a list', store('[]'), refused(400, $NO_JSON, 'neither JSON nor base64') ],
    [ 0, 'null', store('null'), refused(400, $NO_JSON, 'the deflated data is corrupt') ],
    [ 0, 'a string', store('"x"'), refused(400, $NO_JSON, 'neither JSON nor base64') ],
    [ 0, 'a number', store('1'), refused(400, $NO_JSON, 'neither JSON nor base64') ],
    [ 122, 'something behind the event', store(event() . 'x'), refused(400, $NO_JSON, 'trailing data after the JSON text') ],
    [ 0, 'a NUL behind the event', store(event() . "\0"), stored('given') ],
    [ 0, 'two events', store(event() . '{}'), refused(400, $NO_JSON, 'trailing data after the JSON text') ],
    [ 0, 'brackets that do not match', store('{"a":[1}]'), refused(400, $NO_JSON, 'brackets do not match') ],
    [ 0, 'a member without a name', store('{1:2}'), refused(400, $NO_JSON, 'a member name is expected') ],
    [ 0, 'a member without a colon', store('{"a" "b"}'), refused(400, $NO_JSON, 'a colon is expected') ],
    [ 0, 'a value that is none', store('{"event_id":"%ID%","a":nonsense}'), accepted('given', 'error invalid invalid_json') ],
    [ 0, 'an event of many levels', store('{"event_id":"%ID%","a":' . '[' x $deep . ']' x $deep . '}'),
        accepted('given', 'error invalid invalid_json') ],
    [ 123, 'NaN of Python', store(event('"extra":{"a":NaN,"b":Infinity,"c":-Infinity}'),
        auth => "Sentry sentry_client=sentry-python/1.0, sentry_key=%KEY%"), stored('given') ],
    [ 124, 'NaN of anybody', store(event('"extra":{"a":NaN}')), stored('given') ],
    [ 125, 'an event', store(event(), id => $twice), stored('given') ],
    [ 0, 'the event again', store(event(), id => $twice), accepted('given', 'error duplicate') ],
    [ 0, 'the event again, in an envelope', envelope($good, id => $twice), accepted('given', 'error duplicate') ],
    [ 126, 'the event again, of another project',
        store(event(), id => $twice, project => 'other'),
        stored('given') ],
    [ 127, 'a transaction that has no trace', store('{"event_id":"%ID%","type":"transaction"}'),
        accepted('given', 'transaction invalid invalid_transaction') ],
    [ 128, 'a transaction that ends before it starts',
        store('{"event_id":"%ID%","type":"transaction","start_timestamp":1700000001,"timestamp":1700000000}'),
        accepted('given', 'transaction invalid invalid_transaction') ],
    [ 0, 'an event that is called an error', store(event('"type":"error"')), stored('given') ],
    [ 0, 'an event that is called nonsense', store(event('"type":5')), stored('given') ],
    [ 0, 'an event of type text', store(event(), type => 'text/plain'), stored('given') ],
    [ 0, 'an event that is called a form', store(event(), type => 'application/x-www-form-urlencoded'), stored('given') ],
    [ 0, 'an event of no type', store(event(), type => undef), stored('given') ],
    [ 66, 'base64 of deflated JSON', store(event(), pack => \&with_base64), stored('given') ],
    [ 66, 'the same as raven sent it', request('store', event(), pack => \&with_base64, type => 'application/octet-stream',
        auth => 'Sentry sentry_version=4, sentry_client=raven-python/5.0, sentry_timestamp=1, sentry_key=%KEY%, sentry_secret=x'),
        stored('given') ],
    [ 66, 'in many writes', store(event(), pack => \&with_base64, framing => split_at((5) x 8), apart => 1), stored('given') ],
    [ 66, 'in gzip', store(event(), headers => [ 'Content-Encoding' => 'gzip' ], pack => sub { gzipped(with_base64($_[0])) }),
        stored('given') ],
    [ 67, 'base64 of plain JSON', store(event(), pack => \&based), stored('given') ],
    [ 67, 'in lines', store(event(), pack => sub { join "\n", unpack '(a20)*', based($_[0]) }), stored('given') ],
    [ 67, 'without padding', store(event('"a":1'), pack => sub { based($_[0]) =~ s/=+\z//r }), stored('given') ],
    [ 67, 'without an id', store('{"message":"m"}', pack => \&based), stored('new') ],
    [ 68, 'base64 of nothing of the kind', store('nonsense of no kind', pack => \&based),
        refused(400, $NO_JSON, 'the deflated data is corrupt') ],
    [ 68, 'characters that are no base64', store('!!!not base64!!!'), refused(400, $NO_JSON, 'neither JSON nor base64') ],
    [ 68, 'base64 of a list', store('[]', pack => \&based), refused(400, $NO_JSON, 'not a JSON object') ],
    [ 68, 'base64 that is cut off', store(event(), pack => spoiled(\&with_base64, sub { substr $_, -8, 8, '' })),
        refused(400, $NO_JSON, 'the deflated data is truncated') ],
    [ 68, 'base64 of deflate with a wrong checksum',
        store(event(), pack => sub { based(spoiled(\&zlibbed, sub { substr($_, -1, 1) ^= "\1" })->($_[0])) }),
        refused(400, $NO_JSON, 'the deflated data is corrupt') ],
    [ 68, 'base64 of a bomb', store('', pack => sub { based(zlibbed('{"a":"' . 'x' x (16 * EVENT_LIMIT))) }),
        refused(413, $TOO_LARGE, 'the event is larger than allowed') ],
    [ 0, 'a form', request('store', event(), pack => \&form, type => 'application/x-www-form-urlencoded'), stored('given') ],
    [ 0, 'a form without an event', request('store', 'a=b&c=d', type => 'application/x-www-form-urlencoded'),
        refused(400, $NO_JSON, 'the form has no sentry_data', reason => 'invalid_form') ],
    [ 0, 'a pixel', request('store', '', method => 'GET', framing => \&without_length, id => $pixel, auth => undef,
        query => "sentry_version=7&sentry_key=%KEY%&" . form("{\"event_id\":\"$pixel\"}")), answered('200 image/gif', reason => '', id => $pixel,
        outcomes => ['error stored']) ],
    [ 0, 'a pixel of nothing', request('store', '', method => 'GET', framing => \&without_length), refused(400, $NO_DATA) ],
    [ 0, 'a pixel that is none', request('store', '', method => 'GET', framing => \&without_length, query => 'sentry_data=%25%25'),
        refused(400, $NO_JSON, 'neither JSON nor base64') ],
);
