package ErrTrack::GitLab::Events;

# Events of every kind that GitLab may have to show, good ones and what SDKs get wrong, sent
# the way clients send them:
#
#     my %event = ErrTrack::GitLab::Events::file($t);    # kind => { id, issue }
#
# Each is an issue of its own.

use strict;
use warnings;

use JSON::PP ();
use Test::More ();

use ErrTrack;
use ErrTrack::HTTP qw(json_text);
use ErrTrack::Process qw(random_hex);

my ($true, $false) = (JSON::PP::true(), JSON::PP::false());

# A stack of two frames: one with all around it, one with nothing.
our @FRAMES = (
    { filename => 'app.py', abs_path => '/srv/app.py', function => 'main', module => 'app', lineno => 8, colno => 3, in_app => $true,
      pre_context => [ 'import pay', '', 'def main():' ], context_line => '    charge()', post_context => [ '', 'main()' ] },
    { filename => 'pay.py', abs_path => '/srv/pay.py', function => 'charge', lineno => 30, in_app => $true },
);

sub raised { my ($type, %more) = @_; return { type => $type, value => "value of $type", %more } }
sub stack  { my (@frames) = @_; return (stacktrace => { frames => @frames ? \@frames : \@FRAMES }) }

sub deep { my ($levels) = @_; return '[' x $levels . ']' x $levels }

# [ kind => event ], a hash, or JSON text in which %ID% and %TIME% stand for the obvious.
sub kinds {
    my $huge = 'x' x 60_000;
    my @odd = (undef, $true, 7, 1.5, 'x', [], {}, [undef], [ [] ], [ { a => [] } ], { values => undef }, { values => {} }, { values => 'x' },
        { values => [ undef, 'x', 7, [] ] });
    my $n = 0;
    return (
        [ 'a stack' => { exception => { values => [ raised('Stack', stack()) ] }, release => 'shop@4.2.0-abcdef', environment => 'production', platform => 'python',
            level => 'fatal', logger => 'pay', transaction => 'checkout.pay', user => { id => 'u1' } } ],
        [ 'a list of exceptions' => { exception => [ raised('Listed', stack()) ] } ],
        [ 'a bare exception' => { exception => raised('Bare', stack()) } ],
        [ 'no stack' => { exception => { values => [ raised('NoStack') ] } } ],
        [ 'empty stacks' => { exception => { values => [ raised('EmptyStack', stacktrace => {}), raised('EmptyStack', stacktrace => { frames => [] }),
            raised('EmptyStack', stacktrace => undef), raised('EmptyStack', stacktrace => { frames => undef }) ] } } ],
        [ 'a chain' => { exception => { values => [ raised('Cause'), raised('Middle', stacktrace => {}), raised('Chained', stack(reverse @FRAMES)), raised('Last', stack()) ] } } ],
        [ 'threads' => { platform => 'csharp', exception => { values => [ raised('Threaded') ] },
            threads => { values => [ { id => 1 }, { id => 2, crashed => $true, stack() } ] } } ],
        [ 'a list of threads' => { message => 'threads alone', threads => [ { id => 1, stack() } ] } ],
        [ 'a message' => { message => "disk full\nsecond line", level => 'warning', logger => 'disks' } ],
        [ 'a log entry' => { logentry => { message => 'user %s is gone', params => ['ann'], formatted => 'user ann is gone' } } ],
        [ 'a type alone' => { type => 'error', transaction => 'type.alone' } ],
        [ 'nothing' => '{"event_id": "%ID%"}' ],
        [ 'nulls' => { transaction => 'of.nulls', map { ($_ => undef) } qw(exception threads message logentry release environment level platform user tags sdk extra
            contexts breadcrumbs request logger dist modules fingerprint) } ],
        [ 'null parts' => { transaction => 'of.null.parts', exception => { values => [ undef, raised('NullParts', module => undef, mechanism => undef,
            stacktrace => { frames => [ undef, { map { ($_ => undef) } qw(filename abs_path function module lineno colno in_app context_line pre_context post_context vars) } ] }) ] },
            threads => { values => [ undef, { id => undef, stacktrace => undef } ] } } ],
        [ 'frames without a line' => { transaction => 'of.lines', exception => { values => [ raised('Lineless', stack(
            { function => 'none', context_line => 'a' }, { function => 'null', lineno => undef, pre_context => [] }, { function => 'text', lineno => '12', context_line => 'b' },
            { function => 'word', lineno => 'twelve', post_context => ['c'] }, { function => 'list', lineno => [], context_line => 'd' }, { function => 'fraction', lineno => 2.5, context_line => 'e' },
            { function => 'negative', lineno => -1, context_line => 'f' }, { function => 'vast', lineno => 1e30, context_line => 'g' }, { function => 'true', lineno => $true, context_line => 'h' })) ] } } ],
        [ 'odd frames' => { transaction => 'of.frames', exception => { values => [ raised('OddFrames', stack(undef, 'x', 7, [],
            { filename => 5, lineno => 1, context_line => 'a' }, { filename => { a => 1 }, abs_path => ['b'], function => $true, lineno => 1, context_line => 'b' },
            { filename => 'f', function => 7, lineno => 4, pre_context => 'x', context_line => 'c', post_context => {} },
            { filename => 'f', lineno => 4, pre_context => [ 1, undef, 'p', {} ], context_line => 7, post_context => [ $true, [] ] },
            { filename => 'f', lineno => 4, context_line => {} }, { filename => undef, lineno => 4, context_line => 'last' })) ] } } ],
        [ 'stacks that are none' => { transaction => 'of.stacks', exception => { values => [ map { raised('NoStacks', stacktrace => $_) } 'x', 7, [], $true, { frames => 'x' }, { frames => {} } ] } } ],
        (map { $n++; [ "exception is odd: $n" => { transaction => "odd.exception.$n", exception => $_ } ], [ "threads are odd: $n" => { transaction => "odd.threads.$n", threads => $_ } ] } @odd),
        [ 'wrong types' => { transaction => 'of.types', release => 4.2, environment => ['live'], level => 7, platform => {}, logger => [], user => 'ann', tags => 'x', sdk => [], dist => {},
            extra => 'x', contexts => [], breadcrumbs => 7, request => 'x', modules => [], fingerprint => 'x', exception => { values => [ { type => 5, value => { a => 1 }, module => [], stack() } ] } } ],
        (map { $n++; [ "time is odd: $n" => { transaction => "odd.time.$n", timestamp => $_ } ] } undef, 'yesterday', '', -1, 0, 1e30, '9' x 30, '10000-01-01T00:00:00Z', '0000-00-00T00:00:00Z', [], {}, '1999', 99_999_999_999),
        [ 'a release of a list' => { transaction => 'of.release', release => ['x'], message => 'release as a list' } ],
        [ 'huge texts' => { exception => { values => [ { type => "Huge$huge", value => $huge, stack({ filename => $huge, abs_path => $huge, function => $huge, lineno => 1, context_line => $huge,
            vars => { a => $huge } }) } ] }, release => $huge, environment => $huge, transaction => $huge, logger => $huge, user => { id => $huge }, tags => { a => $huge }, extra => { a => $huge } } ],
        [ 'many of everything' => { transaction => 'of.many', exception => { values => [ map { raised("Many$_", stack((@FRAMES) x 60)) } 1 .. 20 ] }, breadcrumbs => { values => [ map { { message => "b$_" } } 1 .. 3000 ] },
            tags => { map { ("t$_" => "v$_") } 1 .. 500 }, extra => { map { ("e$_" => {}) } 1 .. 5000 } } ],
        [ 'NUL' => qq({"event_id": "%ID%", "timestamp": "%TIME%", "transaction": "of\\u0000nul", "release": "r\\u00001", "exception": {"values": [{"type": "N\\u0000ul", "value": "a\\u0000b", )
            . qq("stacktrace": {"frames": [{"filename": "f\\u0000", "function": "g", "lineno": 1, "context_line": "\\u0000"}]}}]}}) ],
        [ 'lone surrogates' => qq({"event_id": "%ID%", "timestamp": "%TIME%", "transaction": "of\\ud800", "message": "\\udc00 a \\ud800\\ud800", "extra": {"\\ud83d": "\\ude00"}}) ],
        [ 'broken UTF-8' => qq({"event_id": "%ID%", "timestamp": "%TIME%", "transaction": "of.utf8", "message": "\xff\xc3 \xed\xa0\x80", "release": "\xe2\x82"}) ],
        [ 'more than Unicode has in a byte' => qq({"event_id": "%ID%", "timestamp": "%TIME%", "transaction": "\xc3\xbc\xe2\x82\xac", "message": "\\ud83d\\ude00 \xf0\x9f\x92\xa5"}) ],
        [ 'NaN and numbers without end' => qq({"event_id": "%ID%", "timestamp": "%TIME%", "transaction": "of.numbers", "extra": {"a": NaN, "b": -Infinity, "c": 1e400, "d": 1e9999, "e": 1e999999, "f": )
            . '9' x 400 . qq(}, "exception": {"values": [{"type": "Numbers", "value": "v", "stacktrace": {"frames": [{"function": "f", "lineno": 1e999999, "context_line": "x"}]}}]}}) ],
        [ 'keys twice' => qq({"event_id": "%ID%", "timestamp": "%TIME%", "transaction": "of.keys", "release": "one", "release": "two", "exception": 7, "exception": {"values": [{"type": "Twice", "value": "v",)
            . qq("stacktrace": "x", "stacktrace": {"frames": [{"lineno": "x", "lineno": 3, "context_line": "x", "function": "f"}]}}]}}) ],
        (map { [ "levels: $_->[0]" => qq({"event_id": "%ID%", "timestamp": "%TIME%", "transaction": "of.levels.$_->[0]", $_->[1]}) ] }
            [ extra => '"extra": {"a": ' . deep(110) . '}, "exception": {"values": [{"type": "DeepExtra", "value": "v", "stacktrace": {"frames": [{"function": "f"}]}}]}' ],
            [ other => '"colour": ' . deep(110) . ', "exception": {"values": [{"type": "DeepOther", "value": "v", "stacktrace": {"frames": [{"function": "f"}]}}]}' ],
            [ mechanism => '"exception": {"values": [{"type": "DeepMechanism", "value": "v", "mechanism": {"meta": ' . deep(95) . '}, "stacktrace": {"frames": [{"function": "f"}]}}]}' ],
            [ user => '"user": {"id": "u", "data": ' . deep(100) . '}, "message": "deep user"' ],
            [ csp => '"csp": {"a": ' . deep(97) . '}, "debug_meta": {"a": ' . deep(97) . '}, "sdk": {"name": "n", "a": ' . deep(97) . '}, "dist": ' . deep(97) . ', "message": "deep csp"' ],
            [ crumbs => '"breadcrumbs": {"values": [{"message": "m", "a": ' . deep(95) . '}]}, "message": "deep crumbs"' ]),
        (map { [ "small parts: $_->[0]" => qq({"event_id": "%ID%", "timestamp": "%TIME%", "transaction": "of.parts.$_->[0]", $_->[1], "exception": {"values": [{"type": "Small", "value": "v", "stacktrace": {"frames": [{"function": "f"}]}}]}}) ] }
            [ breadcrumbs => '"breadcrumbs": [' . join(',', ('{"a":{}}') x 45_000) . ']' ],
            [ user        => '"user": {"id": "u", "data": [' . join(',', ('{}') x 130_000) . ']}' ],
            [ sdk         => '"sdk": {"name": "n", "a": [' . join(',', ('[]') x 130_000) . ']}' ],
            [ images      => '"debug_meta": {"images": [' . join(',', ('{"a":1}') x 50_000) . ']}' ]),
    );
}

my $dump = "MDMP\x93\xa7\0\0" . "\0\n\r\n--" x 20;
my $csp = '{"csp-report":{"document-uri":"https://shop.example/cart","violated-directive":"img-src","blocked-uri":"https://evil.example/a.png"}}';

# Sends all and waits until they are filed.
sub file {
    my ($t) = @_;
    my %event;
    my $before = $t->sql_value('select count(*) from errtrack.occurrences');
    for my $each (kinds()) {
        my ($kind, $event) = @$each;
        my $id = random_hex(16);
        # What it is made of does not matter then, and no two are one issue.
        my $fingerprint = [$kind];
        $event = ref $event ? { %$event, event_id => $id, fingerprint => $fingerprint }
            : $event =~ s/%ID%/$id/r =~ s/"timestamp": "%TIME%"/'"timestamp": ' . time . ', "fingerprint": ' . json_text($fingerprint)/er;
        my $answer = $t->store($event);
        Test::More::is($answer->status, 200, "an event is taken: $kind") or Test::More::diag($answer->content);
        $event{$kind}{id} = $id;
    }
    my $report = $t->submit('security', $csp, auth => 'query', type => 'application/csp-report');
    Test::More::is($report->status, 200, 'a report of a browser is taken');
    my $crash = $t->submit('minidump', $dump, auth => 'query', type => 'application/octet-stream');
    Test::More::is($crash->status, 200, 'a crash dump is taken');
    ($event{'a crash dump'}{id} = $crash->content) =~ tr/-//d;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $before + 1 + keys %event } 'all are filed', timeout => 60;
    $event{'a report of a browser'}{id} = $t->sql_value(q(select replace(event_id::text, '-', '') from errtrack.occurrences
        where issue_id = (select issue_id from errtrack.issues where title like 'Blocked%')));
    my %issue = map { ($_->[0] => $_->[1]) } $t->sql(q(select replace(event_id::text, '-', ''), issue_id from errtrack.occurrences));
    $_->{issue} = $issue{ $_->{id} } for values %event;
    return %event;
}

# The default configuration, but for crash dumps, which have to be allowed.
sub config { return $ErrTrack::Nginx::FULL =~ s/errtrack_ingest;/errtrack_ingest;\n            errtrack_minidump on;/r }

1;
