# Rows of the bad-input catalogue: members of events that are not as they should be
# (protocol reference, section 10.5). The event counts in any case; what is kept of it stands behind the row.

use strict;
use warnings;
use utf8;

use POSIX ();

use ErrTrack::Catalogue::Answer;
use ErrTrack::Catalogue::Request;

my $now = time;

sub utc {
    my ($time) = @_;
    return POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime $time);
}

# A row for a member: [ number, label, member, kept ].
sub member {
    my ($number, $label, $member, %kept) = @_;
    return [ $number, $label, store(event($member)), stored('given'), \%kept ];
}

(
    (map { member(@$_) }
    [ 129, 'an unknown level',                     '"level":"bogus"', level => 'error', '/level' => '"error"' ],
    [ 129, 'a level of 30',                        '"level":30', level => 'warning', '/level' => '"warning"' ],
    [ 129, 'no level',                             '"level":null', level => 'error' ],
    [ 130, 'a time that is a word',                '"timestamp":"yesterday"', at => 'received', '/timestamp' => undef ],
    [ 130, 'a time that is a list',                '"timestamp":[]', at => 'received' ],
    [ 130, 'a time out of all bounds',             '"timestamp":1e30', at => 'received' ],
    [ 131, 'a time an hour ahead',                 '"timestamp":' . ($now + 3600), at => 'received', '/_errtrack/time' => '"future_timestamp"' ],
    [ 131, 'a time 31 days ago',                   '"timestamp":' . ($now - 31 * 86_400), at => 'received', '/_errtrack/time' => '"past_timestamp"' ],
    [ 132, 'a time without a zone',                '"timestamp":"' . utc($now - 3600) . '"', at => $now - 3600 ],
    [ 0, 'a time a minute ago',                    '"timestamp":' . ($now - 60), at => $now - 60 ],
    [ 134, 'an exception of nothing',              '"exception":{}', kind => 'default', title => 'm' ],
    [ 134, 'an empty list of exceptions',          '"exception":[]', kind => 'default', title => 'm' ],
    [ 134, 'no exception',                         '"exception":null', kind => 'default', title => 'm' ],
    [ 134, 'an exception that is a string',        '"exception":"x"', kind => 'default', title => 'm', '/exception' => undef ],
    [ 135, 'an exception and no list',             '"exception":{"type":"E135","value":"v"}',
        title => 'E135: v', kind => 'error', '/exception' => '{"values":[{"type":"E135","value":"v"}]}' ],
    [ 136, 'null beside an exception',             '"exception":[null,{"type":"E136"}]',
        title => 'E136', kind => 'error', '/exception' => '[{"type":"E136"}]' ],
    [ 137, 'a list of an empty exception',         '"exception":{"values":[{}]}', kind => 'default', title => 'm' ],
    [ 138, 'a value that is an object',            '"exception":[{"type":"E138","value":{"a":1}}]',
        title => 'E138: {"a":1}', type => 'E138', value => '{"a":1}', '/exception/0/value' => '"{\\"a\\":1}"' ],
    [ 138, 'a value that is a number',             '"exception":[{"type":"E138n","value":4.5}]', title => 'E138n: 4.5', '/exception/0/value' => '"4.5"' ],
    [ 139, 'no frames',                            '"exception":[{"type":"E139a","stacktrace":{"frames":null}}]', title => 'E139a' ],
    [ 139, 'an empty stack',                       '"exception":[{"type":"E139b","stacktrace":{}}]', title => 'E139b' ],
    [ 139, 'a stack of null',                      '"exception":[{"type":"E139c","stacktrace":{"frames":[null]}}]',
        title => 'E139c', '/exception/0/stacktrace/frames' => '[]' ],
    [ 140, 'line numbers of all kinds',
        '"exception":[{"type":"E140","stacktrace":{"frames":[{"lineno":"12"},{"lineno":-1},{"lineno":1e9}]}}]', title => 'E140', '/exception/0/stacktrace/frames' => '[{"lineno":12},{},{"lineno":1000000000}]' ],
    [ 141, 'variables that are lists',
        '"exception":[{"type":"E141","stacktrace":{"frames":[{"vars":[1]},{"vars":"x"}]}}]', title => 'E141', '/exception/0/stacktrace/frames' => '[{"vars":{"0":1}},{}]' ],
    [ 142, '10,000 frames',
        '"exception":[{"type":"E142","stacktrace":{"frames":[' . join(',', ('{"function":"f"}') x 10_000) . ']}}]',
        title => 'E142', '/_errtrack/trimmed' => '["frames"]', '/exception/0/stacktrace/frames/249' => '{"function":"f"}', '/exception/0/stacktrace/frames/250' => undef ],
    [ 143, 'a message that is an object',          '"message":{}', title => '<unlabeled event>' ],
    [ 143, 'a message that is false',              '"message":false', title => '<unlabeled event>' ],
    [ 143, 'a message that is a list',             '"message":[1,2]', title => '[1,2]' ],
    [ 143, 'a message that is a number',           '"message":42', title => '42' ],
    [ 144, 'a template without parameters',        '"logentry":{"message":"%s","params":[]}', title => '%s' ],
    [ 145, 'tags of all kinds',                    '"tags":[["a","b"],["a","c"],["x"],null,"y"]', '/tags' => '[["a","b"]]' ],
    [ 146, 'a tag key of 300 characters',          '"tags":{"' . 'k' x 300 . '":"v"}', '/tags' => undef ],
    [ 146, 'a tag value of 300 characters',        '"tags":{"k":"' . 'v' x 300 . '"}', '/tags' => undef ],
    [ 146, 'a tag value with a line end',          '"tags":{"k":"a\nb"}', '/tags' => undef ],
    [ 146, 'a tag value that is an object',        '"tags":{"k":{}}', '/tags' => undef ],
    [ 147, 'tags that are attributes',             '"tags":{"release":"x","environment":"e"}', environment => 'e', release => undef, '/tags' => undef, '/environment' => '"e"' ],
    [ 148, 'a fingerprint that is a string',       '"fingerprint":"x"' ],
    [ 148, 'an empty fingerprint',                 '"fingerprint":[]' ],
    [ 148, 'a fingerprint of all kinds',           '"fingerprint":[1,null,{"a":1}]' ],
    [ 149, 'a user whose id is a number',          '"user":{"id":7}', user => 'yes', '/user' => '{"id":"7"}' ],
    [ 149, 'a user that is a string',              '"user":"bob"', user => 'no', '/user' => undef ],
    [ 149, 'an address that is none',              '"user":{"ip_address":"999.1.1.1"}', user => 'no', '/user' => '{}' ],
    [ 150, 'the address of the client',            '"user":{"ip_address":"{{auto}}"}', user => 'yes', '/user/ip_address' => '"127.0.0.1"' ],
    [ 151, 'a header of two values',               '"request":{"headers":{"a":["b","c"]}}', '/request/headers' => '{"a":"b,c"}' ],
    [ 152, 'a query with a question mark',         '"request":{"query_string":"?a=b"}', '/request/query_string' => '"a=b"' ],
    [ 152, 'a query that is a list',               '"request":{"query_string":[["a",null]]}', '/request/query_string' => '[["a",""]]' ],
    [ 153, 'a method that is none',                '"request":{"method":"teapot!"}', '/request' => '{}' ],
    [ 154, 'contexts of all kinds',                '"contexts":{"os":"Linux","x":null,"y":[1]}', '/contexts' => '{}' ],
    [ 155, 'a context of a wrong type',            '"contexts":{"device":{"type":5}}', '/contexts' => '{"device":{"type":"device"}}' ],
    [ 156, 'breadcrumbs that are a string',        '"breadcrumbs":"x"', '/breadcrumbs' => undef ],
    [ 156, 'breadcrumbs of all kinds',             '"breadcrumbs":[{"message":"m"},{"data":"s"},null,1]', '/breadcrumbs' => '[{"message":"m"},{}]' ],
    [ 157, 'a release with a slash',               '"release":"a/b"', release => undef, '/release' => undef ],
    [ 157, 'a release that is reserved',           '"release":"latest"', release => undef, '/release' => undef ],
    [ 157, 'a release of 300 characters',          '"release":"' . 'r' x 300 . '"', release => undef, '/release' => undef ],
    [ 157, 'a release between blanks',             '"release":" 1.0 "', release => '1.0', '/release' => '"1.0"' ],
    [ 158, 'an environment that is reserved',      '"environment":"none"', environment => undef, '/environment' => undef ],
    [ 158, 'an environment with a slash',          '"environment":"a/b"', environment => undef, '/environment' => undef ],
    [ 158, 'an environment of 65 characters',      '"environment":"' . 'e' x 65 . '"', environment => undef, '/environment' => undef ],
    [ 159, 'a distribution with an umlaut',        '"dist":"ä b"', '/dist' => undef ],
    [ 160, 'extra data of 900 KB',                 '"extra":{"a":{"b":["' . 'x' x 900_000 . '"]}}',
        '/extra/a/b' => '["' . 'x' x 16_378 . '..."]', '/_errtrack/trimmed' => '["extra"]' ],
    [ 0, 'extra data of 300,000 numbers',          '"extra":{"a":[' . join(',', (1) x 300_000) . ']}',
        '/extra/a/300' => 1, '/extra/a/16384' => undef, '/_errtrack/trimmed' => '["extra"]' ],
    [ 161, 'a NUL',                                '"message":"a\u0000b"', title => "a\x{fffd}b", '/message' => qq("a\x{fffd}b") ],
    [ 161, 'half a surrogate pair',                '"message":"a\ud800b"', title => "a\x{fffd}b" ],
    [ 161, 'the other half, in a key',             '"extra":{"\udc00":1}' ],
    [ 162, 'an unknown platform',                  '"platform":"klingon"', platform => 'klingon' ],
    [ 162, 'a platform that is no word',           '"platform":"Klingon!"', platform => 'other', '/platform' => '"other"' ],
    [ 162, 'a platform of 65 characters',          '"platform":"' . 'p' x 65 . '"', platform => 'other' ],
    [ 162, 'no platform',                          '"platform":null', platform => 'other' ],
    [ 163, 'an SDK that is a string',              '"sdk":"x"', '/sdk' => '{"name":"bad-input","version":"1"}' ],
    [ 163, 'an SDK of wrong types',                '"sdk":{"name":5,"packages":{"a":1}}', '/sdk' => '{"name":"5"}' ],
    [ 164, 'images of all kinds',                  '"debug_meta":{"images":[{"type":""},{"type":"invalid"},null]}', '/debug_meta/images/0/type' => '""' ],
    [ 165, 'an empty mechanism',                   '"exception":[{"type":"E165a","mechanism":{}}]', title => 'E165a', '/exception/0/mechanism' => undef ],
    [ 165, 'a mechanism of a wrong type',          '"exception":[{"type":"E165b","mechanism":{"type":5}}]', title => 'E165b', '/exception/0/mechanism' => '{"type":"generic"}' ],
    [ 165, 'a mechanism that is a string',         '"exception":[{"type":"E165c","mechanism":"x"}]', title => 'E165c', '/exception/0/mechanism' => undef ],
    [ 166, 'a thread without a stack',             '"threads":{"values":[{"id":"main","stacktrace":null}]}',
        kind => 'default', '/threads/values/0/id' => '"main"' ],
    [ 167, 'an unknown member',                    '"novelty":{"a":[1]}', '/novelty' => '{"a":[1]}' ],
    [ 168, 'tags that are numbers',                '"tags":{"f":1.9,"b":true}', '/tags' => '[["f","1"],["b","True"]]' ],
    [ 0, 'a number beyond all types',              '"extra":{"a":1e400,"b":' . '9' x 400 . '}' ],
    [ 0, 'escapes that are none',                  '"extra":"\x"' ]),
    [ 133, 'a clock that is two hours behind',
        envelope('{"event_id":"%ID%","sent_at":"' . utc($now - 7200) . 'Z"}' . "\n{\"type\":\"event\"}\n{\"timestamp\":"
            . ($now - 7260) . '}'),
        stored('given'), { at => $now - 60, '/_errtrack/time' => '"clock_drift"' } ],
);
