# Rows of the bad-input catalogue: sessions, reports, check-ins (protocol reference, section 10.6). All
# are accepted and counted, whatever becomes of them.

use strict;
use warnings;

use POSIX ();

use ErrTrack::Catalogue::Answer;
use ErrTrack::Catalogue::Request;

my $now = time;

sub iso {
    my ($time) = @_;
    return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $time);
}

# An envelope of one item, that needs no event unless it has an id.
sub item {
    my ($type, $payload, %arg) = @_;
    return envelope(($arg{header} // '{}') . "\n{\"type\":\"$type\"}\n$payload\n");
}

my $sid = '7c7b6585f9014fe3a8a96d7d3f37a4d2';

# A session of now with changed members.
sub session {
    my ($attrs, %members) = @_;
    my %all = (sid => "\"$sid\"", started => '"' . iso($now - 60) . '"', status => '"ok"', attrs => $attrs, %members);
    return item('session', '{' . join(',', map { "\"$_\":$all{$_}" } grep { defined $all{$_} } sort keys %all) . '}');
}

my $attrs = '{"release":"1.0","environment":"production"}';
my $session = accepted('none', 'session stored');
my $other_time = accepted('none', 'session invalid timestamp');
my $no_release = accepted('none', 'session invalid release');
my $no_session = accepted('none', 'session invalid invalid_session');
my $report = accepted('none', 'internal stored');
my $check_in = accepted('none', 'monitor stored');
my $bucket = '{"started":"' . iso($now - 60) . '","exited":1}';

(
    [ 169, 'a session without a release', session('{}'), $no_release ],
    [ 169, 'a session without attributes', session(undef), $no_release ],
    [ 170, 'a session that never started', session($attrs, started => undef), $no_session ],
    [ 171, 'a session of last week', session($attrs, started => '"' . iso($now - 6 * 86_400) . '"'), $other_time ],
    [ 171, 'a session of the future', session($attrs, started => '"' . iso($now + 600) . '"'), $other_time ],
    [ 172, 'an unknown status', session($attrs, status => '"weird"'), $no_session ],
    [ 173, 'a crash without errors', session($attrs, status => '"crashed"', errors => 0), $session ],
    [ 174, 'a release that is reserved', session('{"release":"latest"}'), $no_release ],
    [ 175, 'an environment that is reserved', session('{"release":"1.0","environment":"none"}'), $session ],
    [ 176, 'a session that ends before it starts', session($attrs, timestamp => '"' . iso($now - 3600) . '"'), $session ],
    [ 177, 'a session that has ended', session($attrs, status => '"exited"', seq => 2), $session ],
    [ 177, 'the same, late', session($attrs, seq => 1), $session ],
    [ 178, 'the same, twice', session($attrs, status => '"exited"', seq => 2), $session ],
    [ 179, 'more buckets than are counted',
        item('sessions', '{"aggregates":[' . join(',', ($bucket) x 101) . "],\"attrs\":$attrs}"), $session ],
    [ 180, 'a negative count', item('sessions', '{"aggregates":[' . $bucket =~ s/1\}/-1}/r . "],\"attrs\":$attrs}"), $no_session ],
    [ 180, 'a count that is a string', item('sessions', '{"aggregates":[' . $bucket =~ s/1\}/"1"}/r . "],\"attrs\":$attrs}"),
        $no_session ],
    [ 181, 'a session that is not JSON', item('session', 'nonsense'), accepted('none', 'session invalid invalid_json') ],
    [ 181, 'a session that is empty', item('session', ''), accepted('none', 'session invalid no_data') ],
    [ 181, 'sessions that are not JSON', item('sessions', '[1'), accepted('none', 'session invalid invalid_json') ],
    [ 182, 'a reason of 300 characters',
        item('client_report', '{"discarded_events":[{"reason":"' . 'r' x 300 . '","category":"error","quantity":1}]}'), $report ],
    [ 183, 'entries without names', item('client_report', '{"discarded_events":[["sample_rate","error",42]]}'), $report ],
    [ 184, 'a report without a time',
        item('client_report', '{"discarded_events":[{"reason":"sample_rate","category":"error","quantity":1}]}'), $report ],
    [ 184, 'a report that is not JSON', item('client_report', 'nonsense'), accepted('none', 'internal invalid invalid_json') ],
    [ 185, 'a user report whose envelope names the event',
        item('user_report', '{"name":"n","email":"e@example.com","comments":"c"}', header => given()),
        accepted('given', 'feedback stored') ],
    [ 185, 'a user report that names no event', item('user_report', '{"comments":"c"}'),
        accepted('new', 'feedback invalid event_id') ],
    [ 186, 'a user report without a name',
        item('user_report', '{"event_id":"%ID%","name":null,"email":null,"comments":"c"}', header => given()),
        accepted('given', 'feedback stored') ],
    [ 187, 'feedback without a message', item('feedback', '{"event_id":"%ID%","contexts":{"feedback":{}}}', header => given()),
        accepted('given', 'feedback invalid invalid_feedback') ],
    [ 188, 'a check-in of nothing', item('check_in', '{"monitor_slug":"","status":"ok"}'),
        accepted('none', 'monitor invalid invalid_check_in') ],
    [ 188, 'an unknown status', item('check_in', '{"monitor_slug":"nightly","status":"weird"}'), $check_in ],
    [ 188, 'a schedule that is none', item('check_in', '{"monitor_slug":"nightly","status":"ok",'
        . '"monitor_config":{"schedule":{"type":"crontab","value":"99 * * * *"}}}'), $check_in ],
    [ 189, 'the end of a check-in that nobody began',
        item('check_in', '{"check_in_id":"00000000000000000000000000000000","monitor_slug":"nightly","status":"ok"}'), $check_in ],
    [ 0, 'a check-in of 100 KiB', item('check_in', '{"monitor_slug":"nightly","status":"ok","a":"' . 'x' x (100 * KIB) . '"}'),
        refused(413, "envelope exceeded size limits for type 'check_in'", 'the payload is larger than allowed') ],
    [ 0, 'more reports of the client than are taken', envelope("{}\n" . "{\"type\":\"client_report\"}\n{}\n" x 101),
        refused(413, "envelope exceeded size limits for type 'client_report'", 'too many items of the type') ],
    [ 0, 'feedback that is larger than an event', item('feedback', '{"a":"' . 'x' x EVENT_LIMIT . '"}', header => given()),
        refused(413, "envelope exceeded size limits for type 'feedback'", 'the payload is larger than allowed') ],
    [ 0, 'a transaction that is larger than an event', item('transaction', '{"a":"' . 'x' x EVENT_LIMIT . '"}', header => given()),
        refused(413, "envelope exceeded size limits for type 'transaction'", 'the payload is larger than allowed') ],
);
