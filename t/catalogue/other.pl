# Rows of the bad-input catalogue: security reports, crash dumps, attachments, check-ins by URL, the
# dialog (protocol reference, section 10.7).

use strict;
use warnings;

use ErrTrack::Catalogue::Answer;
use ErrTrack::Catalogue::Request;

my $csp = '{"csp-report":{"document-uri":"https://shop.example.com/","violated-directive":"img-src",'
    . '"blocked-uri":"https://evil.example/a.png"}}';
my $dump = "MDMP\x93\xa7\0\0" . "\0\n\r\n--" x 20;
my $multipart = 'multipart/form-data; boundary=boundary';

# Browsers and crash handlers put the key into the query.
sub security {
    my ($body, %arg) = @_;
    return request($arg{endpoint} // 'security', $body, auth => undef, query => 'sentry_key=%KEY%', type => 'application/csp-report', %arg);
}

sub minidump { my ($body, %arg) = @_; return security($body, endpoint => 'minidump', type => $multipart, %arg) }

sub attachments {
    my ($body, %arg) = @_;
    return request('events/' . ($arg{event} // '%ID%') . '/attachments', $body, type => $multipart, %arg);
}

sub cron {
    my ($query, %arg) = @_;
    return request('cron/nightly/%KEY%', '', method => 'GET', framing => \&without_length, auth => undef, query => $query, %arg);
}

sub cron_json {
    my ($body) = @_;
    return request('cron/nightly/%KEY%', $body, auth => undef, type => 'application/json');
}

sub dialog {
    my ($query, $form) = @_;
    my @get = defined $form ? () : (method => 'GET', framing => \&without_length);
    return request('', $form // '', path => '/api/embed/error-page/', query => $query, auth => undef,
        type => 'application/x-www-form-urlencoded', @get);
}

sub reported { my (@outcomes) = @_; return answered('200, nothing', reason => '', outcomes => \@outcomes) }

my $report = 'error stored';
my $broken_report = 'error invalid security_report';
my $other_report = 'error discarded security_report_type';

sub dumped {
    my ($id, @outcomes) = @_;
    return answered("200 text/plain, id: $id", reason => '', outcomes => [ 'error stored', @outcomes ]);
}

my $file = 'attachment stored';
my $attached = answered('201, nothing', reason => '', outcomes => [$file]);
my $checked_in = answered('202, nothing', reason => '', outcomes => ['monitor stored']);
my $named = 'dsn=http%3A%2F%2F%KEY%%40127.0.0.1%2F%PROJECT%&eventId=%ID%';
my $bad_event = answered('400 application/json, {"eventId":"Missing or invalid parameter."}', reason => 'event_id');
my $no_such_dsn = '404 application/json, {"dsn":"Missing or invalid parameter."}';
my $person = 'name=n&email=n%40example.com&comments=It+broke.';

sub complaints {
    my (@errors) = @_;
    my $text = '';
    while (my ($field, $why) = splice @errors, 0, 2) {
        $text .= ($text && ',') . "\"$field\":[\"$why\"]";
    }
    return answered("400 application/json, {\"errors\":{$text}}", reason => 'invalid_form');
}

my $no_email = 'an e-mail address of at most 75 characters is expected';

(
    [ 190, 'a security report of another type', security($csp, type => 'text/html'), refused(415, 'unsupported content type') ],
    [ 190, 'a security report of no type', security($csp, type => undef), refused(415, 'unsupported content type') ],
    [ 191, 'a type with a character set', security($csp, type => 'application/csp-report; charset=utf-8'), reported($report) ],
    [ 191, 'the path that old browsers were told', security($csp, endpoint => 'csp-report'), reported($report) ],
    [ 191, 'in gzip', security($csp, headers => [ 'Content-Encoding' => 'gzip' ], pack => \&gzipped), reported($report) ],
    [ 192, 'an empty security report', security(''), refused(400, $NO_DATA) ],
    [ 193, 'a security report without a key', security($csp, query => undef), refused(401, $NO_AUTH) ],
    [ 193, 'an unknown key', security($csp, query => 'sentry_key=%UNKNOWN_KEY%'), refused(403, $REJECTED) ],
    [ 194, 'a security report that says nothing', security('{}'), reported($other_report) ],
    [ 195, 'a security report that is not JSON', security('nonsense'), refused(400, $NO_JSON, 'neither a JSON object nor a list') ],
    [ 195, 'a security report that is cut off', security('{"csp-report":{'), refused(400, $NO_JSON, 'the JSON text is not complete') ],
    [ 196, 'an unknown directive', security('{"csp-report":{"violated-directive":"novelty-src"}}'), reported($broken_report) ],
    [ 197, 'no blocked-uri', security('{"csp-report":{"violated-directive":"img-src"}}'), reported($report) ],
    [ 198, 'a list of three reports', security('[' . join(',', map { '{"type":"csp-violation","body":{"effectiveDirective":"img-src"}}' } 1 .. 3) . ']',
        type => 'application/reports+json'), reported(($report) x 3) ],
    [ 0, 'a list of no reports', security('[]', type => 'application/reports+json'), reported() ],
    [ 0, 'a list of more reports than are taken', security('[' . join(',', ('{}') x 101) . ']', type => 'application/reports+json'),
        refused(413, $TOO_LARGE, 'too many reports') ],
    [ 0, 'a security report that is larger than an event', security('{"a":"' . 'x' x EVENT_LIMIT . '"}'),
        refused(413, $TOO_LARGE, 'the reports are larger than allowed') ],
    [ 0, 'an Expect-CT report', security('{"expect-ct-report":{"hostname":"a"}}', type => 'application/expect-ct-report+json'),
        reported($report) ],
    [ 0, 'a network error', security('[{"type":"network-error","body":{}}]', endpoint => 'nel', type => 'application/reports+json'),
        reported($broken_report) ],
    [ 0, 'a network error of another type', security('[]', endpoint => 'nel', type => 'application/csp-report'),
        refused(415, 'unsupported content type') ],
    [ 0, 'GET of security', security('', method => 'GET'), refused(405, 'method not allowed') ],

    [ 0, 'a crash dump', minidump(multipart('upload_file_minidump/a.dmp' => $dump)), dumped('new', $file) ],
    [ 0, 'a crash dump with its event and a file',
        minidump(multipart('sentry' => '{"event_id":"%ID%"}', 'upload_file_minidump/a.dmp' => $dump, 'log/a.txt' => "a\n")),
        dumped('given', $file, $file) ],
    [ 0, 'a crash dump of Crashpad', minidump(multipart('upload_file_minidump/a.dmp' => $dump, guid => 'x', 'sentry[release]' => '1')),
        dumped('new', $file) ],
    [ 0, 'a crash dump as it is', minidump($dump, type => 'application/octet-stream'), dumped('new', $file) ],
    [ 0, 'a crash dump in chunks of gzip', minidump(multipart('upload_file_minidump/a.dmp' => $dump),
        headers => [ 'Content-Encoding' => 'gzip' ], pack => \&gzipped, framing => chunks_of(7)), dumped('new', $file) ],
    [ 0, 'a crash dump where none are taken',
        minidump(multipart('upload_file_minidump/a.dmp' => $dump), path => '/without/api/%PROJECT%/minidump/'),
        refused(403, 'event submission rejected with_reason: FeatureDisabled', 'errtrack_minidump is off',
            reason => 'feature_disabled') ],
    [ 199, 'a form without a crash dump', minidump(multipart(sentry => '{}')), refused(400, 'missing minidump') ],
    [ 200, 'a crash dump of wrong bytes', minidump(multipart('upload_file_minidump/a.dmp' => 'ELF')), refused(400, 'invalid minidump') ],
    [ 200, 'an empty crash dump', minidump(multipart('upload_file_minidump/a.dmp' => '')), refused(400, 'invalid minidump') ],
    [ 200, 'bytes that are no crash dump', minidump('ELF', type => 'application/octet-stream'), refused(400, 'invalid minidump') ],
    [ 201, 'a form without a boundary', minidump(multipart('upload_file_minidump/a.dmp' => $dump), type => 'multipart/form-data'),
        refused(400, 'invalid multipart', 'no boundary in the content type') ],
    [ 201, 'a form with another boundary',
        minidump(multipart('upload_file_minidump/a.dmp' => $dump), type => 'multipart/form-data; boundary=x'),
        refused(400, 'invalid multipart', 'the closing delimiter is missing') ],
    [ 201, 'a form that is cut off', minidump(multipart('upload_file_minidump/a.dmp' => $dump), pack => sub { substr $_[0], 0, -20 }),
        refused(400, 'invalid multipart', 'the closing delimiter is missing') ],
    [ 0, 'an empty crash dump request', minidump(''), refused(400, $NO_DATA) ],
    [ 202, 'a crash dump whose event is broken', minidump(multipart(sentry => '{"event_id":', 'upload_file_minidump/a.dmp' => $dump)),
        dumped('new', $file) ],
    [ 202, 'a crash dump whose event has an id that is none',
        minidump(multipart(sentry => '{"event_id":"x"}', 'upload_file_minidump/a.dmp' => $dump)), dumped('new', $file) ],
    [ 203, 'a crash dump over the quota', minidump(multipart('upload_file_minidump/a.dmp' => $dump), project => 'limited'),
        answered('200 text/plain, id: new', reason => 'rate_limited', headers => { 'X-Sentry-Rate-Limits' => qr/^\d+::project\z/ }) ],

    [ 0, 'an attachment', attachments(multipart('a/a.txt' => "a\n")), $attached ],
    [ 0, 'an attachment of an event with dashes', attachments(multipart('a/a.txt' => "a\n"), event => '0c2f6b8e-3d4a-4f5b-9c6d-7e8f90a1b2c3'),
        $attached ],
    [ 204, 'an attachment of no event', attachments(multipart('a/a.txt' => 'a'), event => 'xyz'),
        refused(400, 'bad event id path parameter', 'the event id is no UUID') ],
    [ 204, 'an attachment of a path', attachments(multipart('a/a.txt' => 'a'), event => '..%2f..%2fx'),
        refused(404, 'unknown endpoint') ],
    [ 205, 'attachments that are no form', attachments('nonsense', type => 'application/octet-stream'),
        refused(400, 'invalid multipart', 'no boundary in the content type') ],
    [ 205, 'attachments that are another form', attachments('nonsense'),
        refused(400, 'invalid multipart', 'the closing delimiter is missing') ],
    [ 205, 'a form without attachments', attachments("--boundary--\r\n"), refused(400, $NO_DATA, 'no attachments') ],
    [ 0, 'more attachments than are kept', attachments(multipart(map { ("a/$_" => 'a') } 1 .. 31)),
        refused(413, $TOO_LARGE, 'too many attachments') ],
    [ 206, 'attachments over the quota', attachments(multipart('a/a.txt' => 'a'), project => 'limited'),
        refused(429, 'Sentry dropped data due to a quota or internal rate limit being reached.') ],
    [ 206, 'attachments over a quota of attachments', attachments(multipart('a/a.txt' => 'a'), project => 'attached'),
        refused(429, 'Sentry dropped data due to a quota or internal rate limit being reached.',
            headers => { 'X-Sentry-Rate-Limits' => qr/^\d+:attachment:project\z/ }) ],

    [ 0, 'a check-in', cron('status=ok'), $checked_in ],
    [ 0, 'a check-in of everything', cron('status=ok&check_in_id=%ID%&environment=a%20b&duration=1.5'), $checked_in ],
    [ 0, 'HEAD of a check-in', cron('status=ok', method => 'HEAD'), answered('202, nothing') ],
    [ 0, 'a check-in that is posted', cron_json('{"status":"in_progress"}'), $checked_in ],
    [ 0, 'a check-in with the key in the query', cron('status=ok&sentry_key=%KEY%', path => '/api/%PROJECT%/cron/nightly/'), $checked_in ],
    [ 207, 'a check-in without a status', cron(undef), refused(400, 'invalid check-in', cause => qr/status/) ],
    [ 207, 'a duration that is none', cron('status=ok&duration=long'), refused(400, 'invalid check-in', cause => qr/duration/) ],
    [ 208, 'a check-in that is not JSON', cron_json('{"status":'), refused(400, 'invalid check-in', cause => qr/JSON/) ],
    [ 208, 'a check-in that is a list', cron_json('[1]'), refused(400, 'invalid check-in', cause => qr/JSON object/) ],
    [ 208, 'a status that is a number', cron_json('{"status":5}'), refused(400, 'invalid check-in', cause => qr/status/) ],
    [ 0, 'a check-in of more than 100 KiB', cron_json('{"status":"ok","a":"' . 'x' x (100 * KIB) . '"}'),
        refused(413, $TOO_LARGE, 'the body is larger than allowed') ],
    [ 0, 'a check-in with a slug of 300 characters', cron('status=ok', path => '/api/%PROJECT%/cron/' . 'n' x 300 . '/%KEY%/'),
        refused(400, 'invalid check-in', cause => qr/slug/) ],
    [ 0, 'a check-in without a key', cron('status=ok', path => '/api/%PROJECT%/cron/nightly/'), refused(401, $NO_AUTH) ],
    [ 0, 'a check-in with an unknown key', cron('status=ok', path => '/api/%PROJECT%/cron/nightly/%UNKNOWN_KEY%/'),
        refused(403, $REJECTED) ],
    [ 209, 'a check-in over the quota', cron('status=ok', project => 'limited'),
        answered('202, nothing', reason => 'rate_limited', headers => { 'X-Sentry-Rate-Limits' => qr/^\d+::project\z/ }) ],

    [ 0, 'the script of the dialog', dialog($named), answered('200 text/javascript') ],
    [ 0, 'what is written into it', dialog($named, $person), answered('200 application/json, id: none', reason => '',
        outcomes => ['feedback stored']) ],
    [ 210, 'the dialog of a path', dialog($named =~ s/%ID%/..%2Fx/r), $bad_event ],
    [ 210, 'the dialog of no event', dialog($named =~ s/&eventId.*//r), $bad_event ],
    [ 210, 'the same, posted', dialog($named =~ s/%ID%/..%2Fx/r, $person), $bad_event ],
    [ 0, 'the dialog of no dsn', dialog('eventId=%ID%'), answered($no_such_dsn, reason => 'auth_missing') ],
    [ 0, 'the dialog of an unknown dsn', dialog($named =~ s/%KEY%/%UNKNOWN_KEY%/r), answered($no_such_dsn, reason => 'project_id') ],
    [ 211, 'an address that is none', dialog($named, $person =~ s/email=.*?&/email=x&/r), complaints(email => $no_email) ],
    [ 211, 'an empty form', dialog($named, ''), complaints(email => $no_email, comments => 'this field is required') ],
    [ 211, 'a name that is too long', dialog($named, $person =~ s/name=n/'name=' . 'n' x 129/er),
        complaints(name => 'at most 128 characters') ],
    [ 0, 'PUT to the dialog', request('', '', path => '/api/embed/error-page/', method => 'PUT'), refused(405, 'method not allowed') ],
);
