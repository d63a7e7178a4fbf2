# Whatever a client sends, good or broken, gets the documented answer and hurts
# nobody: hundreds of requests go through nginx, Redis, the worker and PostgreSQL,
# and afterwards every process is the one that it was, the queue is empty and the
# ledger holds exactly what was accepted.
#
# Numbers like #27 in labels are rows of the bad-input catalogue in the protocol
# reference. Rows about what later releases take in are not here.

use strict;
use warnings;
use utf8;

use Compress::Zlib ();
use IO::Socket::INET ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(random_hex read_file);

binmode $_, ':encoding(UTF-8)' for map { Test::More->builder->$_ } qw(output failure_output todo_output);

use constant {
    KIB          => 1024,
    EVENT_LIMIT  => 1024 * 1024,
    BODY_LIMIT   => 4 * 1024 * 1024,
    PLAIN_LIMIT  => 8 * 1024 * 1024,
    LARGE_BODY   => 64 * 1024,
};

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;

events {
    worker_connections 512;
}

http {
    %%HTTP%%

    errtrack_redis %%REDIS%%;
    errtrack_zone 8m;
    errtrack_max_body_size 4m;
    errtrack_max_envelope_size 8m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;

        location / {
            client_max_body_size 0;
            errtrack_ingest;
        }

        location /errortracking/api/v1/ {
            errtrack_query;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_IMPATIENT%%;
        client_body_timeout 1s;

        location / {
            client_max_body_size 0;
            errtrack_ingest;
        }
    }
}
CONF

my $t = ErrTrack->stack(redis => { appendonly => 'everysec' }, nginx => 0, worker => 0);

my $shop = $t->project;
my $other = $t->create_project('other', 'acme');
my $disabled = $t->errtrack(qw(key create shop --label old --json));
$t->errtrack('key', 'disable', $disabled->{id});

$t->start_worker;
$t->start_nginx(config => $conf);

my ($project, $key) = @$shop{qw(id public_key)};

# ---- requests -----------------------------------------------------------------

# A request is a hash: method, path, headers (a list of pairs), body, id (the event
# id that stands in its body). %ID% in a body is that id, %OTHER% another one.
# Options: path, query, method; auth => the value of X-Sentry-Auth, undef for none;
# headers => [pairs]; pack => code that the body goes through; type; port.
sub request {
    my ($endpoint, $body, %arg) = @_;
    my $id = $arg{id} || random_hex(16);
    my $other_id = random_hex(16);
    utf8::encode($body) if utf8::is_utf8($body);
    s/%ID%/$id/g, s/%OTHER%/$other_id/g for $body;
    $body = $arg{pack}->($body) if $arg{pack};

    my $path = $arg{path} // "/api/$project/$endpoint/";
    $path .= "?$arg{query}" if defined $arg{query};
    my $auth = exists $arg{auth} ? $arg{auth} : sentry($key);
    my @headers = (
        (defined $auth ? ('X-Sentry-Auth' => $auth) : ()),
        (defined $arg{type} ? ('Content-Type' => $arg{type}) : ()),
        @{ $arg{headers} || [] },
    );
    return {
        method => 'POST', framing => \&by_length, project => 'shop', %arg,
        id => $id, path => $path, headers => \@headers, body => $body,
    };
}

sub store { return request('store', shift, type => 'application/json', @_) }

sub envelope { return request('envelope', shift, type => 'application/x-sentry-envelope', @_) }

sub sentry {
    my ($public_key, @more) = @_;
    return join ', ', 'Sentry sentry_version=7', 'sentry_client=bad-input/1', "sentry_key=$public_key", @more;
}

sub dsn {
    my ($public_key, $project_id) = @_;
    return "http://$public_key\@127.0.0.1/$project_id";
}

# An event with its id and further members as JSON text.
sub event {
    my @members = @_;
    return '{' . join(',', '"event_id":"%ID%"', '"message":"m"', @members) . '}';
}

# An envelope with one event.
sub with_event {
    my ($header) = @_;
    return "$header\n{\"type\":\"event\"}\n{\"message\":\"m\"}\n";
}

my $given = '{"event_id":"%ID%"}';
my $good = with_event($given);

# An event of exactly that many bytes.
sub sized_event {
    my ($bytes) = @_;
    my $empty = '{"event_id":"%ID%","message":""}';
    my $length = length($empty) - length('%ID%') + 32;
    return '{"event_id":"%ID%","message":"' . 'x' x ($bytes - $length) . '"}';
}

# An envelope of exactly that many bytes around an attachment.
sub sized_envelope {
    my ($bytes) = @_;
    my $text = "{}\n{\"type\":\"attachment\",\"length\":%07d}\n%s";
    my $payload = $bytes - length(sprintf $text, 0, '');
    # Numbers have no leading zeros in JSON.
    return sprintf $text =~ s/%07d/%7d/r, $payload, 'x' x $payload;
}

# ---- compression ----------------------------------------------------------------

sub gzipped  { return Compress::Zlib::memGzip($_[0]) }
sub zlibbed  { return Compress::Zlib::compress($_[0]) }

sub deflated {
    my ($bytes) = @_;
    my $stream = Compress::Zlib::deflateInit(-WindowBits => -Compress::Zlib::MAX_WBITS());
    return join '', ($stream->deflate($bytes))[0], ($stream->flush)[0];
}

sub two_members {
    my ($bytes) = @_;
    my $half = int length($bytes) / 2;
    return gzipped(substr $bytes, 0, $half) . gzipped(substr $bytes, $half);
}

# Packs and then changes the packed bytes.
sub spoiled {
    my ($pack, $change) = @_;
    return sub {
        my $bytes = $pack->($_[0]);
        $change->() for $bytes;
        return $bytes;
    };
}

# So many bytes of zeros, packed without ever being there at once.
sub bomb {
    my ($prefix, $mebibytes) = @_;
    my $stream = Compress::Zlib::deflateInit(
        -WindowBits => 16 + Compress::Zlib::MAX_WBITS(), -Level => Compress::Zlib::Z_BEST_SPEED());
    my $zeros = "\0" x EVENT_LIMIT;
    my @parts = map { ($stream->deflate($_))[0] } $prefix, ($zeros) x $mebibytes;
    return join '', @parts, ($stream->flush)[0];
}

my @gzip    = (headers => [ 'Content-Encoding' => 'gzip' ]);
my @deflate = (headers => [ 'Content-Encoding' => 'deflate' ]);

# ---- framing --------------------------------------------------------------------

# The bytes of a request, as pieces that are written one by one.
sub pieces {
    my ($request) = @_;
    my ($header, @body) = $request->{framing}->($request->{body});
    my @headers = (Host => '127.0.0.1', Connection => 'close', @{ $request->{headers} }, @$header);
    my $head = "$request->{method} $request->{path} HTTP/1.1\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
    }
    $head .= "\r\n";
    return $request->{apart} ? [ $head, @body ] : [ join '', $head, @body ];
}

sub by_length { return [ 'Content-Length' => length $_[0] ], $_[0] }

sub without_length { return [], $_[0] }

# A length that is not that of the body.
sub lying {
    my ($change) = @_;
    return sub { return [ 'Content-Length' => length($_[0]) + $change ], $_[0] };
}

sub chunks_of {
    my ($size) = @_;
    return sub {
        my ($body) = @_;
        my @chunks = map { sprintf "%x\r\n%s\r\n", length, $_ } unpack "(a$size)*", $body;
        return [ 'Transfer-Encoding' => 'chunked' ], @chunks, "0\r\n\r\n";
    };
}

sub chunked_as {
    my (@text) = @_;
    return sub { return [ 'Transfer-Encoding' => 'chunked' ], map { ref ? $_->($_[0]) : $_ } @text };
}

sub split_at {
    my (@sizes) = @_;
    return sub {
        my ($body) = @_;
        my @parts = map { substr $body, 0, $_, '' } @sizes;
        return [ 'Content-Length' => length join '', @parts, $body ], @parts, $body;
    };
}

# ---- answers --------------------------------------------------------------------

# What is expected, and what came, in the same words: an answer is right when the
# words are.
sub refused {
    my ($status, $detail) = @_;
    return { words => "$status application/json, detail: $detail" };
}

# A fault of HTTP itself, before anybody knows whom the request is for.
sub by_nginx { return { words => "$_[0] text/html" } }

sub closed { return { words => 'closed without an answer' } }

# The id (given, new or none), and what becomes of each item: "category outcome
# [reason]".
sub accepted {
    my ($id, @outcomes) = @_;
    return { words => "200 application/json, id: $id", outcomes => \@outcomes };
}

sub stored { return accepted(shift, 'error stored', @_) }

sub words {
    my ($answer, $request) = @_;
    my $status = $answer->status;
    return 'closed without an answer' if $status == 599;
    my $type = $answer->header('Content-Type') // 'no type';
    my $first = "$status $type";
    return $first if $type ne 'application/json';
    # Nothing but headers answers HEAD.
    my $text = eval { $answer->json } // return "$first, no JSON: " . $answer->content;
    return "$first, id: " . id_in_words($text, $request->{id}) if $status == 200;
    return "$first, no detail" if !defined $text->{detail};
    my $error = $answer->header('X-Sentry-Error') // 'none';
    return "$first, detail: $text->{detail}" . ($error eq $text->{detail} ? '' : ", X-Sentry-Error: $error");
}

sub id_in_words {
    my ($text, $id) = @_;
    return 'none' if !%$text;
    my $answered = $text->{id} // '';
    return $answered eq $id ? 'given' : $answered =~ /^[0-9a-f]{32}\z/ ? 'new' : "odd: $answered";
}

my $no_envelope = 'invalid event envelope';
my $no_json = 'invalid request body';
my $no_body = 'failed to read request body';
my $no_data = 'empty request body';
my $no_auth = 'missing authorization information';
my $bad_header = 'bad x-sentry-auth header';
my $bad_query = 'bad sentry authentication query parameters';
my $bad_key = 'bad sentry DSN public key';
my $rejected = 'event submission rejected with_reason: ProjectId';
my $too_large = 'request body exceeds the size limit';
my $large_item = "envelope exceeded size limits for type 'event'";

# ---- the table: label, request, answer --------------------------------------------

my $twice = random_hex(16);
my ($dashed, $dashed_too) = map { random_hex(16) } 1 .. 2;
my ($upper, $upper_too) = map { uc join '-', unpack 'a8 a4 a4 a4 a12', $_ } $dashed, $dashed_too;
my $unknown = random_hex(16);
my $deep = 10_000;

my @routing = (
    [ '#1 GET of an envelope', envelope('', method => 'GET'), refused(405, 'method not allowed') ],
    [ '#2 PUT to store', store(event(), method => 'PUT'), refused(405, 'method not allowed') ],
    [ 'DELETE', store(event(), method => 'DELETE'), refused(405, 'method not allowed') ],
    [ '#3 an endpoint that does not exist', request('nothing', $good), refused(404, 'unknown endpoint') ],
    [ '#4 the root', envelope($good, path => '/'), refused(404, 'unknown endpoint') ],
    [ 'no project in the path', envelope($good, path => '/api/envelope/'), refused(404, 'unknown endpoint') ],
    [ 'something behind the endpoint', envelope($good, path => "/api/$project/envelope/more"),
        refused(404, 'unknown endpoint') ],
    [ '#5 no slash at the end', envelope($good, path => "/api/$project/envelope"), stored('given') ],
    [ 'the same of store', store(event(), path => "/api/$project/store"), stored('given') ],
    [ '#6 slashes doubled', envelope($good, path => "//api//$project///envelope/"), stored('given') ],
    [ 'a prefix', envelope($good, path => "/tools/sentry/api/$project/envelope/"), stored('given') ],
    [ 'an escaped letter in the path', store(event(), path => "/api/$project/st%6Fre/"), stored('given') ],
    [ '#7 a project that is a word', envelope($good, path => '/api/abc/envelope/'),
        refused(400, 'bad project path parameter') ],
    [ '#8 a negative project', envelope($good, path => '/api/-1/envelope/'), refused(400, 'bad project path parameter') ],
    [ '#9 a project of 2^64', envelope($good, path => '/api/18446744073709551616/envelope/'),
        refused(400, 'bad project path parameter') ],
    [ 'a project of 2^64 - 1', envelope($good, path => '/api/18446744073709551615/envelope/'), refused(403, $rejected) ],
    [ 'a project with a NUL', envelope($good, path => "/api/$project%00/envelope/"), by_nginx(400) ],
    [ '#10 a leading zero', envelope($good, path => "/api/0$project/envelope/"), stored('given') ],
);

my $from_query = "sentry_version=7&sentry_key=$key";

my @credentials = (
    [ '#12 no credentials at all', envelope("{}\n", auth => undef), refused(401, $no_auth) ],
    [ 'no credentials but an event', envelope($good, auth => undef), refused(401, $no_auth) ],
    [ 'store without credentials', store(event(), auth => undef), refused(401, $no_auth) ],
    [ '#13 an empty header, the dsn in the envelope',
        envelope(with_event('{"event_id":"%ID%","dsn":"' . dsn($key, $project) . '"}'), auth => ''), stored('given') ],
    [ 'the dsn in the envelope alone', envelope(with_event('{"dsn":"' . dsn($key, $project) . '"}'), auth => undef),
        stored('new') ],
    [ 'a dsn with a secret key', envelope(with_event('{"dsn":"' . dsn("$key:secret", $project) . '"}'), auth => undef),
        stored('new') ],
    [ 'a dsn and nothing else', envelope('{"dsn":"' . dsn($key, $project) . '"}', auth => undef), accepted('none') ],
    [ '#14 another scheme', envelope($good, auth => "Bearer $key"), refused(401, $no_auth) ],
    [ '#15 the scheme and nothing after', envelope($good, auth => 'Sentry'), refused(401, $no_auth) ],
    [ '#16 no key in the header', envelope($good, auth => 'Sentry sentry_version=7'), refused(401, $bad_header) ],
    [ '#17 an empty key', envelope($good, auth => 'Sentry sentry_key='), refused(401, $bad_header) ],
    [ 'an empty key in the query', store(event(), auth => undef, query => 'sentry_key='), refused(401, $bad_query) ],
    [ '#18 a key of 31 characters', envelope($good, auth => sentry('a' x 31)), refused(403, $rejected) ],
    [ '#19 a key of 33 characters', envelope($good, auth => sentry('a' x 33)), refused(403, $rejected) ],
    [ 'a key of 15 characters', envelope($good, auth => sentry('a' x 15)), refused(400, $bad_key) ],
    [ 'a key of 65 characters', envelope($good, auth => sentry('a' x 65)), refused(400, $bad_key) ],
    [ '#20 a key that is not hexadecimal', envelope($good, auth => sentry('z' x 32)), refused(403, $rejected) ],
    [ '#21 an unknown flag behind the key', envelope($good, auth => sentry("$key.unknownflag")), refused(400, $bad_key) ],
    [ 'the flag that is known', envelope($good, auth => sentry("$key.no-cache")), stored('given') ],
    [ '#22 a version that is a word', envelope($good, auth => "Sentry sentry_version=x, sentry_key=$key"),
        refused(401, $bad_header) ],
    [ 'the same in the query', store(event(), auth => undef, query => "sentry_version=x&sentry_key=$key"),
        refused(401, $bad_query) ],
    [ '#23 version 8', envelope($good, auth => "Sentry sentry_version=8, sentry_key=$key"),
        refused(400, 'unsupported protocol version') ],
    [ '#24 version 70000', envelope($good, auth => "Sentry sentry_version=70000, sentry_key=$key"),
        refused(401, $bad_header) ],
    [ '#25 version 6', envelope($good, auth => "Sentry sentry_version=6, sentry_key=$key"), stored('given') ],
    [ 'version 2.0', envelope($good, auth => "Sentry sentry_version=2.0, sentry_key=$key"), stored('given') ],
    [ '#26 header and query agree', envelope($good, query => $from_query), stored('given') ],
    [ '#27 header and query differ', envelope($good, query => "sentry_key=$unknown"),
        refused(401, 'multiple authorization payloads detected') ],
    [ '#28 an unknown key', envelope($good, auth => sentry($unknown)), refused(403, $rejected) ],
    [ 'an unknown key in the dsn', envelope(with_event('{"dsn":"' . dsn($unknown, $project) . '"}'), auth => undef),
        refused(403, $rejected) ],
    [ 'the key in other case', envelope($good, auth => sentry($key =~ tr/a-z/A-Z/r)), refused(403, $rejected) ],
    [ '#29 a disabled key', envelope($good, auth => sentry($disabled->{key})), refused(403, $rejected) ],
    [ '#30 a key of another project', envelope($good, auth => sentry($other->{public_key})), refused(403, $rejected) ],
    [ '#31 the key in the query and no version', store(event(), auth => undef, query => "sentry_key=$key"),
        stored('given') ],
    [ 'the Authorization header', envelope($good, auth => undef, headers => [ Authorization => sentry($key) ]),
        stored('given') ],
    [ 'the scheme in lower case, no blanks', envelope($good, auth => "sentry sentry_key=$key,sentry_secret=x"),
        stored('given') ],
    [ '#32 a dsn of another project', envelope(with_event('{"dsn":"' . dsn($key, $other->{id}) . '"}')),
        refused(400, $no_envelope) ],
    [ '#33 a dsn with another key', envelope(with_event('{"dsn":"' . dsn($other->{public_key}, $project) . '"}')),
        refused(400, $no_envelope) ],
    [ '#34 a dsn that is nonsense', envelope(with_event('{"dsn":"nonsense"}'), auth => undef),
        refused(401, 'bad envelope authentication header') ],
    [ '#35 no credentials and no JSON', envelope("nonsense\n", auth => undef),
        refused(401, 'bad envelope authentication header') ],
    [ '#36 a dsn that is a number', envelope(with_event('{"dsn":123}'), auth => undef),
        refused(401, 'bad envelope authentication header') ],
    [ '#38 a header of 16 KiB', envelope($good, auth => sentry('a' x (16 * KIB))), by_nginx(400) ],
    [ '#39 a key with a NUL', envelope($good, auth => sentry("$key\0")), by_nginx(400) ],
    [ 'a key with an escaped NUL', store(event(), auth => undef, query => "sentry_key=$key%00"), refused(400, $bad_key) ],
    [ 'a key with an escaped line end', store(event(), auth => undef, query => "sentry_key=$key%0d%0aforged%20line"),
        refused(400, $bad_key) ],
    [ 'a key with an umlaut', envelope($good, auth => sentry("\xc3\xa4" x 16)), refused(400, $bad_key) ],
    [ '#40 credentials in the JSON of an event',
        store(event('"dsn":"' . dsn($key, $project) . '"'), auth => undef), refused(401, $no_auth) ],
);

my @encodings = (
    [ '#41 an empty envelope', envelope(''), refused(400, $no_data) ],
    [ 'an empty envelope and no credentials', envelope('', auth => undef), refused(401, $no_auth) ],
    [ '#42 an empty event', store(''), refused(400, $no_data) ],
    [ 'gzip', envelope($good, @gzip, pack => \&gzipped), stored('given') ],
    [ 'gzip of store', store(event(), @gzip, pack => \&gzipped), stored('given') ],
    [ 'x-gzip', envelope($good, headers => [ 'Content-Encoding' => 'x-gzip' ], pack => \&gzipped), stored('given') ],
    [ 'GZIP', envelope($good, headers => [ 'Content-Encoding' => 'GZIP' ], pack => \&gzipped), stored('given') ],
    [ 'two gzip members', envelope($good, @gzip, pack => \&two_members), stored('given') ],
    [ 'two gzip members of store', store(event(), @gzip, pack => \&two_members), stored('given') ],
    [ 'bytes behind a gzip stream', envelope($good, @gzip, pack => spoiled(\&gzipped, sub { $_ .= "\0" x 8 })),
        stored('given') ],
    [ 'a second member that is cut off',
        envelope($good, @gzip, pack => spoiled(\&two_members, sub { substr $_, -12, 12, '' })), refused(400, $no_body) ],
    [ '#43 gzip that is none', envelope($good, @gzip), refused(400, $no_body) ],
    [ 'gzip that is none, of store', store(event(), @gzip), refused(400, $no_body) ],
    [ '#44 gzip cut in the middle',
        envelope($good, @gzip, pack => spoiled(\&gzipped, sub { substr $_, length() / 2, length, '' })),
        refused(400, $no_body) ],
    [ 'gzip cut before its last byte', store(event(), @gzip, pack => spoiled(\&gzipped, sub { chop })),
        refused(400, $no_body) ],
    [ '#45 gzip with a wrong checksum',
        envelope($good, @gzip, pack => spoiled(\&gzipped, sub { substr($_, -8, 1) ^= "\1" })), refused(400, $no_body) ],
    [ 'gzip with a wrong length',
        store(event(), @gzip, pack => spoiled(\&gzipped, sub { substr($_, -4, 1) ^= "\1" })), refused(400, $no_body) ],
    [ 'gzip damaged in the middle',
        envelope($good, @gzip, pack => spoiled(\&gzipped, sub { substr($_, 12, 8) = "\xff" x 8 })),
        refused(400, $no_body) ],
    [ '#46 gzip of nothing at all', envelope('', @gzip), refused(400, $no_data) ],
    [ 'gzip of an empty body', envelope('', @gzip, pack => \&gzipped), refused(400, $no_data) ],
    [ 'the first bytes of gzip', envelope("\x1f\x8b", @gzip), refused(400, $no_body) ],
    [ '#47 deflate without the zlib wrapper', envelope($good, @deflate, pack => \&deflated), stored('given') ],
    [ '#48 deflate', envelope($good, @deflate, pack => \&zlibbed), stored('given') ],
    [ 'deflate of store', store(event(), @deflate, pack => \&zlibbed), stored('given') ],
    [ 'deflate with bytes behind', store(event(), @deflate, pack => spoiled(\&zlibbed, sub { $_ .= 'more' })),
        stored('given') ],
    [ 'deflate with a wrong checksum',
        envelope($good, @deflate, pack => spoiled(\&zlibbed, sub { substr($_, -1, 1) ^= "\1" })), refused(400, $no_body) ],
    [ 'deflate cut off', envelope($good, @deflate, pack => spoiled(\&zlibbed, sub { chop })), refused(400, $no_body) ],
    [ 'deflate that is gzip', envelope($good, @deflate, pack => \&gzipped), refused(400, $no_body) ],
    [ 'gzip that is deflate', envelope($good, @gzip, pack => \&zlibbed), refused(400, $no_body) ],
    [ '#51 an empty encoding', envelope($good, headers => [ 'Content-Encoding' => '' ]), stored('given') ],
    [ '#52 the encoding UTF-8', store(event(), headers => [ 'Content-Encoding' => 'UTF-8' ]), stored('given') ],
    [ 'the encoding identity', envelope($good, headers => [ 'Content-Encoding' => 'identity' ]), stored('given') ],
    [ '#53 an unknown encoding', envelope($good, headers => [ 'Content-Encoding' => 'lzma' ]),
        refused(415, 'unsupported content encoding') ],
    [ '#54 a list of encodings', envelope($good, headers => [ 'Content-Encoding' => 'gzip, gzip' ]),
        refused(415, 'unsupported content encoding') ],
    [ '#55 gzip that nobody told of', envelope($good, pack => \&gzipped), refused(400, $no_envelope) ],
    [ 'the same of store', store(event(), pack => \&gzipped), refused(400, $no_json) ],
);

my @sizes = (
    [ '#56 a bomb in an envelope',
        envelope('', @gzip, pack => sub { bomb("{}\n{\"type\":\"attachment\"}\n", 512) }), refused(413, $too_large) ],
    [ 'a bomb in an event', envelope('', @gzip, pack => sub { bomb("{}\n{\"type\":\"event\"}\n", 512) }),
        refused(413, $large_item) ],
    [ 'a bomb in store', store('', @gzip, pack => sub { bomb('{"message":"', 512) }), refused(413, $too_large) ],
    [ '#58 an event of a byte more than allowed', store(sized_event(EVENT_LIMIT + 1)), refused(413, $too_large) ],
    [ 'the same in gzip', store(sized_event(EVENT_LIMIT + 1), @gzip, pack => \&gzipped), refused(413, $too_large) ],
    [ '#59 an event as large as allowed', store(sized_event(EVENT_LIMIT)), stored('given') ],
    [ 'the same in gzip', store(sized_event(EVENT_LIMIT), @gzip, pack => \&gzipped), stored('given') ],
    [ 'an event item as large as allowed',
        envelope("$given\n{\"type\":\"event\",\"length\":" . EVENT_LIMIT . "}\n" . sized_event(EVENT_LIMIT)), stored('given') ],
    [ 'the same without its length', envelope("$given\n{\"type\":\"event\"}\n" . sized_event(EVENT_LIMIT) . "\n"),
        stored('given') ],
    [ '#60 an event item of a byte more',
        envelope("$given\n{\"type\":\"event\",\"length\":" . (EVENT_LIMIT + 1) . "}\n" . sized_event(EVENT_LIMIT + 1)),
        refused(413, $large_item) ],
    [ 'the same without its length', envelope("$given\n{\"type\":\"event\"}\n" . sized_event(EVENT_LIMIT + 1) . "\n"),
        refused(413, $large_item) ],
    [ 'a body as large as allowed', envelope(sized_envelope(BODY_LIMIT)),
        accepted('new', 'attachment discarded type:attachment') ],
    [ '#61 a body of a byte more', envelope(sized_envelope(BODY_LIMIT + 1)), refused(413, $too_large) ],
    [ 'a length far over the limit, and no body', envelope('', framing => lying(1 << 40)), refused(413, $too_large) ],
    [ '#62 a body of a byte more, in chunks', envelope(sized_envelope(BODY_LIMIT + 1), framing => chunks_of(65_536)),
        refused(413, $too_large) ],
    [ 'an envelope as large as allowed when inflated', envelope(sized_envelope(PLAIN_LIMIT), @gzip, pack => \&gzipped),
        accepted('new', 'attachment discarded type:attachment') ],
    [ 'an envelope of a byte more', envelope(sized_envelope(PLAIN_LIMIT + 1), @gzip, pack => \&gzipped),
        refused(413, $too_large) ],
    [ 'a body of 64 KiB', store(sized_event(LARGE_BODY)), stored('given') ],
    [ 'a body of 64 KiB and a byte', store(sized_event(LARGE_BODY + 1)), stored('given') ],
    [ 'an envelope header of 64 KiB', envelope('{"x":"' . 'x' x (64 * KIB) . "\"}\n"), refused(400, $no_envelope) ],
    [ 'an item header of 64 KiB', envelope("{}\n{\"type\":\"event\",\"x\":\"" . 'x' x (64 * KIB) . "\"}\n{}"),
        refused(400, $no_envelope) ],
    [ '#70 more attachments than are kept', envelope("{}\n" . "{\"type\":\"attachment\",\"length\":1}\nx\n" x 31),
        accepted('new', ('attachment discarded type:attachment') x 31) ],
    [ '#71 more sessions than are taken', envelope("{}\n" . "{\"type\":\"session\"}\n{}\n" x 101),
        refused(413, "envelope exceeded size limits for type 'session'") ],
    [ 'more items than are taken', envelope("{}\n" . "{\"type\":\"attachment\",\"length\":0}\n\n" x 1001),
        refused(413, 'envelope exceeded size limits') ],
);

my @framing = (
    [ '#63 a length that is too large', envelope($good, framing => lying(10)), closed() ],
    [ 'the same of store', store(event(), framing => lying(1)), closed() ],
    [ 'the same of a body that is refused anyway', envelope('nonsense', framing => lying(10), auth => sentry($unknown)),
        refused(403, $rejected) ],
    [ 'a length that is too small', store(event(), framing => lying(-1)), refused(400, $no_json) ],
    [ 'an envelope that is cut by its length', envelope($good, framing => lying(-1)), stored('given') ],
    [ 'a length that is a word', store(event(), framing => sub { [ 'Content-Length' => 'x' ], $_[0] }), by_nginx(400) ],
    [ 'a negative length', store(event(), framing => sub { [ 'Content-Length' => -1 ], $_[0] }), by_nginx(400) ],
    [ 'no length at all', store(event(), framing => \&without_length), refused(400, $no_data) ],
    [ '#64 length and chunks', store(event(), framing => chunks_of(100), headers => [ 'Content-Length' => 20 ]),
        by_nginx(400) ],
    [ '#65 a body that does not come', store(event(), port => 'IMPATIENT', framing => lying(100), patient => 1), closed() ],
    [ 'one chunk', envelope($good, framing => chunks_of(65_536)), stored('given') ],
    [ 'a chunk for each byte', store(event(), framing => chunks_of(1)), stored('given') ],
    [ 'chunks of gzip', envelope($good, @gzip, pack => \&gzipped, framing => chunks_of(7)), stored('given') ],
    [ 'chunks in writes of their own', envelope($good, framing => chunks_of(20), apart => 1), stored('given') ],
    [ 'an extension of a chunk',
        store(event(), framing => chunked_as(sub { sprintf "%X;a=b\r\n%s\r\n0\r\n\r\n", length $_[0], $_[0] })),
        stored('given') ],
    [ 'no chunk', envelope('', framing => chunked_as("0\r\n\r\n")), refused(400, $no_data) ],
    [ 'a chunk with a size that is none', store(event(), framing => chunked_as("zz\r\n", sub { $_[0] }, "\r\n0\r\n\r\n")),
        by_nginx(400) ],
    [ 'no last chunk', store(event(), framing => chunked_as(sub { sprintf "%x\r\n%s\r\n", length $_[0], $_[0] })),
        closed() ],
    [ 'a chunk that is cut off', envelope($good, framing => chunked_as(sub { sprintf "1000\r\n%s", $_[0] })), closed() ],
    [ 'a body in three writes', envelope($good, framing => split_at(1, 30), apart => 1), stored('given') ],
    [ 'gzip in many writes',
        store(event('"extra":"' . random_hex(500) . '"'), @gzip, pack => \&gzipped, framing => split_at((50) x 8), apart => 1),
        stored('given') ],
    [ 'a large body in many writes', store(sized_event(500_000), framing => split_at((60_000) x 8), apart => 1),
        stored('given') ],
    [ 'a fault in the first of many writes', envelope("nonsense\n" . 'x' x 500_000, framing => split_at((60_000) x 8), apart => 1),
        refused(400, $no_envelope) ],
    [ 'a client that waits to be told to go on', store(event(), headers => [ Expect => '100-continue' ], apart => 1),
        stored('given') ],
    [ 'an old client that closes', store(event(), headers => [ Connection => 'close' ]), stored('given') ],
);

my @grammar = (
    [ '#72 a header that is not JSON', envelope(with_event('not json')), refused(400, $no_envelope) ],
    [ '#73 a header that is a list', envelope(with_event('[]')), refused(400, $no_envelope) ],
    [ 'a header that is null', envelope(with_event('null')), refused(400, $no_envelope) ],
    [ 'a header that is a number', envelope(with_event('1')), refused(400, $no_envelope) ],
    [ 'a header that is not complete', envelope('{"event_id"'), refused(400, $no_envelope) ],
    [ '#74 a header and nothing else', envelope('{}'), accepted('none') ],
    [ 'a header and a line end', envelope("{}\n"), accepted('none') ],
    [ 'a header and two line ends', envelope("{}\n\n"), accepted('none') ],
    [ '#75 line ends of Windows', envelope("$given\r\n{\"type\":\"event\"}\r\n{}\r\n"), stored('given') ],
    [ '#92 a length that leaves out the CR', envelope("$given\r\n{\"type\":\"event\",\"length\":2}\r\n{}\r\n"),
        refused(400, $no_envelope) ],
    [ 'a blank behind the header', envelope("$given \n{\"type\":\"event\"}\n{}"), refused(400, $no_envelope) ],
    [ 'a blank behind an item header', envelope("$given\n{\"type\":\"event\"} \n{}"), refused(400, $no_envelope) ],
    [ '#76 an event id that is none', envelope(with_event('{"event_id":"xyz"}')), refused(400, $no_envelope) ],
    [ '#77 an empty event id', envelope(with_event('{"event_id":""}')), refused(400, $no_envelope) ],
    [ 'an event id that is a number', envelope(with_event('{"event_id":12345}')), refused(400, $no_envelope) ],
    [ '#78 an event id that is null', envelope(with_event('{"event_id":null}')), stored('new') ],
    [ '#79 an event id with dashes and capitals', envelope(with_event("{\"event_id\":\"$upper\"}"), id => $dashed),
        stored('given') ],
    [ 'no event id, one in the payload', envelope("{}\n{\"type\":\"event\"}\n" . event()), stored('new') ],
    [ 'an event id, another one in the payload', envelope("$given\n{\"type\":\"event\"}\n{\"event_id\":\"%OTHER%\"}"),
        stored('given') ],
    [ 'an event id, nonsense in the payload', envelope("$given\n{\"type\":\"event\"}\n{\"event_id\":\"nonsense\"}"),
        stored('given') ],
    [ '#80 a time of sending that is none', envelope(with_event('{"event_id":"%ID%","sent_at":"garbage"}')),
        stored('given') ],
    [ '#81 no time of sending', envelope(with_event('{"event_id":"%ID%","sent_at":null}')), stored('given') ],
    [ '#82 a time of sending that is a number', envelope(with_event('{"event_id":"%ID%","sent_at":1675278725}')),
        stored('given') ],
    [ '#83 a trace that is none', envelope(with_event('{"event_id":"%ID%","trace":"nonsense"}')), stored('given') ],
    [ '#84 two times of sending', envelope(with_event('{"event_id":"%ID%","sent_at":null,"sent_at":null}')),
        stored('given') ],
    [ '#85 a header with unknown members', envelope(with_event('{"event_id":"%ID%","a":{"b":[1]}}')), stored('given') ],
    [ '#86 an item header that is not JSON', envelope("{}\nnonsense\n{}"), refused(400, $no_envelope) ],
    [ 'an item header that is a list', envelope("{}\n[]\n{}"), refused(400, $no_envelope) ],
    [ '#87 an item without a type', envelope("{}\n{\"length\":2}\n{}"), refused(400, $no_envelope) ],
    [ '#88 a type that is a number', envelope("{}\n{\"type\":5}\n{}"), refused(400, $no_envelope) ],
    [ '#89 a negative length', envelope("{}\n{\"type\":\"event\",\"length\":-1}\n{}"), refused(400, $no_envelope) ],
    [ 'a length of 1.5', envelope("{}\n{\"type\":\"event\",\"length\":1.5}\n{}"), refused(400, $no_envelope) ],
    [ 'a length of 2.0', envelope("$given\n{\"type\":\"event\",\"length\":2.0}\n{}"), refused(400, $no_envelope) ],
    [ 'a length of 2e0', envelope("$given\n{\"type\":\"event\",\"length\":2e0}\n{}"), refused(400, $no_envelope) ],
    [ 'a length that is a string', envelope("{}\n{\"type\":\"event\",\"length\":\"12\"}\n{}"), refused(400, $no_envelope) ],
    [ 'a length of 2^32', envelope("{}\n{\"type\":\"attachment\",\"length\":4294967296}\n{}"), refused(400, $no_envelope) ],
    [ 'a length of many digits', envelope("{}\n{\"type\":\"attachment\",\"length\":" . '9' x 400 . "}\n{}"),
        refused(400, $no_envelope) ],
    [ '#90 a length beyond the end', envelope("$given\n{\"type\":\"event\",\"length\":3}\n{}"), refused(400, $no_envelope) ],
    [ '#91 a length within the payload', envelope("$given\n{\"type\":\"event\",\"length\":1}\n{}"), refused(400, $no_envelope) ],
    [ '#92 something behind the payload', envelope("$given\n{\"type\":\"event\",\"length\":2}\n{}x\n"),
        refused(400, $no_envelope) ],
    [ 'a length in characters, not bytes',
        envelope("$given\n{\"type\":\"event\",\"length\":15}\n{\"message\":\"\xc3\xa4\"}\n"), refused(400, $no_envelope) ],
    [ 'a length in bytes', envelope("$given\n{\"type\":\"event\",\"length\":16}\n{\"message\":\"\xc3\xa4\"}\n"), stored('given') ],
    [ '#93 an item header and the end', envelope("{}\n{\"type\":\"attachment\"}"),
        accepted('new', 'attachment discarded type:attachment') ],
    [ 'two empty items', envelope("{}\n" . "{\"type\":\"attachment\",\"length\":0}\n\n" x 2),
        accepted('new', ('attachment discarded type:attachment') x 2) ],
    [ 'a length, and the end in its place', envelope("{}\n{\"type\":\"attachment\",\"length\":1}"), refused(400, $no_envelope) ],
    [ '#94 two line ends at the end', envelope("$good\n"), stored('given') ],
    [ 'a line that is empty before the item', envelope("$given\n\n{\"type\":\"event\"}\n{}"), stored('given') ],
    [ '#95 a broken item behind a good event', envelope("$good\{\"type\":\n"), refused(400, $no_envelope) ],
    [ '#96 an unknown item with binary content beside an event',
        envelope("$good\{\"type\":\"novelty\",\"length\":5}\n\0\n\xff\n\r\n"), stored('given', 'default discarded type:other') ],
    [ '#97 only unknown items', envelope("$given\n{\"type\":\"novelty\"}\n{}\n" . "{\"type\":\"a/b\"}\n{}\n"),
        accepted('given', ('default discarded type:other') x 2) ],
    [ '#98 an item of type integration', envelope("$given\n{\"type\":\"integration\"}\n{}"),
        accepted('given', 'default discarded type:other') ],
    [ '#99 two events', envelope("$good\{\"type\":\"event\"}\n{\"message\":\"second\"}"),
        stored('given', 'error discarded duplicate_item') ],
    [ '#100 an event and a transaction', envelope("$good\{\"type\":\"transaction\"}\n{\"type\":\"transaction\"}"),
        stored('given', 'transaction discarded type:transaction') ],
    [ '#101 a payload that is not JSON', envelope("$given\n{\"type\":\"event\"}\nnonsense"),
        accepted('given', 'error invalid invalid_json') ],
    [ 'a payload that is null', envelope("$given\n{\"type\":\"event\"}\nnull"), accepted('given', 'error invalid invalid_json') ],
    [ 'a payload that is a list', envelope("$given\n{\"type\":\"event\"}\n[]"), accepted('given', 'error invalid invalid_json') ],
    [ 'a payload that is a string', envelope("$given\n{\"type\":\"event\"}\n\"x\""),
        accepted('given', 'error invalid invalid_json') ],
    [ '#102 a payload that is empty', envelope("$given\n{\"type\":\"event\"}\n"), accepted('given', 'error invalid no_data') ],
    [ '#103 a payload that is not UTF-8', envelope("$given\n{\"type\":\"event\"}\n{\"message\":\"a\xff\xc3b\"}"),
        stored('given'), { title => "a\x{fffd}\x{fffd}b" } ],
    [ '#104 a payload of many levels', envelope("$given\n{\"type\":\"event\"}\n{\"a\":" . '[' x $deep . ']' x $deep . '}'),
        accepted('given', 'error invalid invalid_json') ],
    [ 'a header of many levels', envelope(with_event('{"a":' . '[' x $deep . ']' x $deep . '}')), refused(400, $no_envelope) ],
    [ 'a header of more levels than are read', envelope(with_event('{"event_id":"%ID%","a":' . '[' x 200 . ']' x 200 . '}')),
        refused(400, $no_envelope) ],
    [ '#105 a number of 900 KB', envelope("$given\n{\"type\":\"event\"}\n{\"message\":\"number\",\"a\":" . '1' x 900_000 . '}'),
        stored('given') ],
    [ 'a key of 900 KB', envelope("$given\n{\"type\":\"event\"}\n{\"message\":\"key\",\"" . 'k' x 900_000 . '":1}'), stored('given') ],
    [ 'a number of 5 MB', envelope("$given\n{\"type\":\"event\"}\n{\"a\":" . '1' x 5_000_000 . '}', @gzip, pack => \&gzipped),
        refused(413, $large_item) ],
    [ '#106 equal keys', envelope("$given\n{\"type\":\"event\"}\n{\"message\":\"first of two\",\"message\":\"second of two\"}"),
        stored('given'), { title => 'second of two' } ],
    [ '#107 an attachment without a name', envelope("$given\n{\"type\":\"attachment\",\"length\":3}\na\nb\n"),
        accepted('given', 'attachment discarded type:attachment') ],
    [ '#108 an attachment named like a file of the system',
        envelope("$given\n{\"type\":\"attachment\",\"filename\":\"../../etc/passwd\",\"length\":1}\nx"),
        accepted('given', 'attachment discarded type:attachment') ],
    [ 'a name of 10 KB', envelope("$given\n{\"type\":\"attachment\",\"filename\":\"" . 'n' x 10_000 . "\",\"length\":1}\nx"),
        accepted('given', 'attachment discarded type:attachment') ],
    [ 'a name with a NUL', envelope("$given\n{\"type\":\"attachment\",\"filename\":\"a\\u0000b\",\"length\":1}\nx"),
        accepted('given', 'attachment discarded type:attachment') ],
    [ '#109 an unknown kind of attachment',
        envelope("$given\n{\"type\":\"attachment\",\"attachment_type\":\"event.novelty\",\"length\":1}\nx"),
        accepted('given', 'attachment discarded type:attachment') ],
    [ '#110 an attachment and no event id', envelope("{}\n{\"type\":\"attachment\",\"length\":1}\nx"),
        accepted('new', 'attachment discarded type:attachment') ],
    [ '#111 logs that are not as many as said',
        envelope("{}\n{\"type\":\"log\",\"item_count\":5,\"content_type\":\"application/vnd.sentry.items.log+json\"}\n{\"items\":[]}"),
        accepted('none', 'log_item discarded type:log') ],
    [ '#112 logs of no content type', envelope("{}\n{\"type\":\"log\",\"item_count\":1}\n{}"),
        accepted('none', 'log_item discarded type:log') ],
    [ '#113 an envelope to store', request('store', $good, type => 'application/x-sentry-envelope'), stored('given') ],
    [ '#114 an envelope to store that is called JSON', store($good), refused(400, $no_json) ],
    [ '#115 an event in the place of an envelope', envelope(event()), accepted('given') ],
    [ 'an envelope of type text', envelope($good, type => 'text/plain;charset=UTF-8'), stored('given') ],
    [ 'an envelope of no type', envelope($good, type => undef), stored('given') ],
    [ 'an envelope that is called a form', envelope($good, type => 'multipart/form-data; boundary=x'), stored('given') ],
    [ 'only a session', envelope("{\"sent_at\":null}\n{\"type\":\"session\"}\n{\"sid\":\"x\"}\n"),
        accepted('none', 'session discarded type:session') ],
    [ 'only sessions that were counted', envelope("{}\n{\"type\":\"sessions\"}\n{\"aggregates\":[]}\n"),
        accepted('none', 'session discarded type:sessions') ],
    [ 'only a report of the client', envelope("{}\n{\"type\":\"client_report\"}\n{\"discarded_events\":[]}\n"),
        accepted('none', 'internal discarded type:client_report') ],
    [ 'a session beside an event', envelope("$good\{\"type\":\"session\"}\n{}\n"),
        stored('given', 'session discarded type:session') ],
);

my @bodies = (
    [ '#69 blanks before the event', store(" \r\n\t" . event()), stored('given') ],
    [ 'a byte order mark before the event', store("\xef\xbb\xbf" . event()), stored('given') ],
    [ 'half a byte order mark', store("\xef\xbb" . event()), refused(400, $no_json) ],
    [ 'blanks and nothing else', store(" \n"), refused(400, $no_json) ],
    [ '#116 an event of nothing', store('{}'), stored('new'), { title => '<unlabeled event>' } ],
    [ '#117 an event id that is none', store('{"event_id":"nothex"}'), refused(400, 'invalid JSON data') ],
    [ '#118 an event id that is a number', store('{"event_id":12345}'), refused(400, 'invalid JSON data') ],
    [ 'an event id that is a list', store('{"event_id":["%ID%"]}'), refused(400, 'invalid JSON data') ],
    [ 'an event id of 33 digits', store('{"event_id":"%ID%a"}'), refused(400, 'invalid JSON data') ],
    [ '#119 an event id that is null', store('{"event_id":null}'), stored('new') ],
    [ 'an event id at the end', store('{"message":"m","event_id":"%ID%"}'), stored('given') ],
    [ 'an event id that is not the one of the event', store('{"contexts":{"x":{"event_id":"%ID%"}}}'), stored('new') ],
    [ 'an event id in a string', store('{"message":"\"event_id\":\"%ID%\""}'), stored('new') ],
    [ 'two event ids', store('{"event_id":"%OTHER%","event_id":"%ID%"}'), stored('given') ],
    [ 'an event id, then null', store('{"event_id":"%ID%","event_id":null}'), stored('new') ],
    [ 'an event id with dashes and capitals', store("{\"event_id\":\"$upper_too\"}", id => $dashed_too), stored('given') ],
    [ '#120 an event that is cut off', store('{"message":"a'), refused(400, $no_json) ],
    [ 'an event that is not closed', store('{"message":"a"'), refused(400, $no_json) ],
    [ '#121 a list', store('[]'), refused(400, $no_json) ],
    [ 'null', store('null'), refused(400, $no_json) ],
    [ 'a string', store('"x"'), refused(400, $no_json) ],
    [ 'a number', store('1'), refused(400, $no_json) ],
    [ '#122 something behind the event', store(event() . 'x'), refused(400, $no_json) ],
    [ 'a NUL behind the event', store(event() . "\0"), stored('given') ],
    [ 'two events', store(event() . '{}'), refused(400, $no_json) ],
    [ 'brackets that do not match', store('{"a":[1}]'), refused(400, $no_json) ],
    [ 'a member without a name', store('{1:2}'), refused(400, $no_json) ],
    [ 'a member without a colon', store('{"a" "b"}'), refused(400, $no_json) ],
    [ 'a value that is none', store('{"event_id":"%ID%","a":nonsense}'), accepted('given', 'error invalid invalid_json') ],
    [ 'an event of many levels', store('{"event_id":"%ID%","a":' . '[' x $deep . ']' x $deep . '}'),
        accepted('given', 'error invalid invalid_json') ],
    [ '#123 NaN of Python', store(event('"extra":{"a":NaN,"b":Infinity,"c":-Infinity}'),
        auth => "Sentry sentry_client=sentry-python/1.0, sentry_key=$key"), stored('given') ],
    [ '#124 NaN of anybody', store(event('"extra":{"a":NaN}')), stored('given') ],
    [ '#125 an event', store(event(), id => $twice), stored('given') ],
    [ 'the event again', store(event(), id => $twice), accepted('given', 'error duplicate') ],
    [ 'the event again, in an envelope', envelope($good, id => $twice), accepted('given', 'error duplicate') ],
    [ '#126 the event again, of another project',
        store(event(), id => $twice, path => "/api/$other->{id}/store/", auth => sentry($other->{public_key}), project => 'other'),
        stored('given') ],
    [ '#127 a transaction that has no trace', store('{"event_id":"%ID%","type":"transaction"}'),
        accepted('given', 'transaction discarded type:transaction') ],
    [ '#128 a transaction that ends before it starts',
        store('{"event_id":"%ID%","type":"transaction","start_timestamp":1700000001,"timestamp":1700000000}'),
        accepted('given', 'transaction discarded type:transaction') ],
    [ 'an event that is called an error', store(event('"type":"error"')), stored('given') ],
    [ 'an event that is called nonsense', store(event('"type":5')), stored('given') ],
    [ 'an event of type text', store(event(), type => 'text/plain'), stored('given') ],
    [ 'an event that is called a form', store(event(), type => 'application/x-www-form-urlencoded'), stored('given') ],
    [ 'an event of no type', store(event(), type => undef), stored('given') ],
);

# Members of an event that are not as they should be, and what is kept of it. The
# event counts in any case.
my $now = time;
my @members = (
    [ '#129 an unknown level',             '"level":"bogus"',                       level => 'error' ],
    [ 'a level of 30',                     '"level":30',                            level => 'warning' ],
    [ 'no level',                          '"level":null',                          level => 'error' ],
    [ '#130 a time that is a word',        '"timestamp":"yesterday"',               at => 'received' ],
    [ 'a time that is a list',             '"timestamp":[]',                        at => 'received' ],
    [ 'a time out of all bounds',          '"timestamp":1e30',                      at => 'received' ],
    [ '#131 a time an hour ahead',         '"timestamp":' . ($now + 3600),          at => 'received' ],
    [ 'a time 31 days ago',                '"timestamp":' . ($now - 31 * 86_400),   at => 'received' ],
    [ '#132 a time without a zone',        '"timestamp":"' . utc($now - 3600) . '"', at => $now - 3600 ],
    [ 'a time a minute ago',               '"timestamp":' . ($now - 60),            at => $now - 60 ],
    [ '#134 an exception of nothing',      '"exception":{}' ],
    [ 'an empty list of exceptions',       '"exception":[]' ],
    [ 'no exception',                      '"exception":null' ],
    [ 'an exception that is a string',     '"exception":"x"' ],
    [ '#135 an exception and no list',     '"exception":{"type":"E135","value":"v"}', title => 'E135: v' ],
    [ '#136 null beside an exception',     '"exception":[null,{"type":"E136"}]',    title => 'E136' ],
    [ '#137 a list of an empty exception', '"exception":{"values":[{}]}' ],
    [ '#138 a value that is an object',    '"exception":[{"type":"E138","value":{"a":1}}]', title => 'E138: {"a":1}' ],
    [ 'a value that is a number',          '"exception":[{"type":"E138n","value":4.5}]', title => 'E138n: 4.5' ],
    [ '#139 no frames',                    '"exception":[{"type":"E139a","stacktrace":{"frames":null}}]', title => 'E139a' ],
    [ 'an empty stack',                    '"exception":[{"type":"E139b","stacktrace":{}}]', title => 'E139b' ],
    [ 'a stack of null',                   '"exception":[{"type":"E139c","stacktrace":{"frames":[null]}}]', title => 'E139c' ],
    [ '#140 line numbers of all kinds',
        '"exception":[{"type":"E140","stacktrace":{"frames":[{"lineno":"12"},{"lineno":-1},{"lineno":1e9}]}}]', title => 'E140' ],
    [ '#141 variables that are lists',
        '"exception":[{"type":"E141","stacktrace":{"frames":[{"vars":[1]},{"vars":"x"}]}}]', title => 'E141' ],
    [ '#142 10,000 frames',
        '"exception":[{"type":"E142","stacktrace":{"frames":[' . join(',', ('{"function":"f"}') x 10_000) . ']}}]',
        title => 'E142' ],
    [ '#143 a message that is an object',  '"message":{}',                          title => '<unlabeled event>' ],
    [ 'a message that is false',           '"message":false',                       title => '<unlabeled event>' ],
    [ 'a message that is a list',          '"message":[1,2]',                       title => '[1,2]' ],
    [ 'a message that is a number',        '"message":42',                          title => '42' ],
    [ '#144 a template without parameters', '"logentry":{"message":"%s","params":[]}', title => '%s' ],
    [ '#145 tags of all kinds',            '"tags":[["a","b"],["a","c"],["x"],null,"y"]' ],
    [ '#146 a tag key of 300 characters',  '"tags":{"' . 'k' x 300 . '":"v"}' ],
    [ 'a tag value of 300 characters',     '"tags":{"k":"' . 'v' x 300 . '"}' ],
    [ 'a tag value with a line end',       '"tags":{"k":"a\nb"}' ],
    [ 'a tag value that is an object',     '"tags":{"k":{}}' ],
    [ '#147 tags that are attributes',     '"tags":{"release":"x","environment":"e"}', environment => 'e', release => undef ],
    [ '#148 a fingerprint that is a string', '"fingerprint":"x"' ],
    [ 'an empty fingerprint',              '"fingerprint":[]' ],
    [ 'a fingerprint of all kinds',        '"fingerprint":[1,null,{"a":1}]' ],
    [ '#149 a user whose id is a number',  '"user":{"id":7}',                       user => 'yes' ],
    [ 'a user that is a string',           '"user":"bob"',                          user => 'no' ],
    [ 'an address that is none',           '"user":{"ip_address":"999.1.1.1"}',     user => 'no' ],
    [ '#150 the address of the client',    '"user":{"ip_address":"{{auto}}"}',      user => 'yes' ],
    [ '#151 a header of two values',       '"request":{"headers":{"a":["b","c"]}}' ],
    [ '#152 a query with a question mark', '"request":{"query_string":"?a=b"}' ],
    [ 'a query that is a list',            '"request":{"query_string":[["a",null]]}' ],
    [ '#153 a method that is none',        '"request":{"method":"teapot!"}' ],
    [ '#154 contexts of all kinds',        '"contexts":{"os":"Linux","x":null,"y":[1]}' ],
    [ '#155 a context of a wrong type',    '"contexts":{"device":{"type":5}}' ],
    [ '#156 breadcrumbs that are a string', '"breadcrumbs":"x"' ],
    [ 'breadcrumbs of all kinds',          '"breadcrumbs":[{"message":"m"},{"data":"s"},null,1]' ],
    [ '#157 a release with a slash',       '"release":"a/b"',                       release => undef ],
    [ 'a release that is reserved',        '"release":"latest"',                    release => undef ],
    [ 'a release of 300 characters',       '"release":"' . 'r' x 300 . '"',         release => undef ],
    [ 'a release between blanks',          '"release":" 1.0 "',                     release => '1.0' ],
    [ '#158 an environment that is reserved', '"environment":"none"',               environment => undef ],
    [ 'an environment with a slash',       '"environment":"a/b"',                   environment => undef ],
    [ 'an environment of 65 characters',   '"environment":"' . 'e' x 65 . '"',      environment => undef ],
    [ '#159 a distribution with an umlaut', '"dist":"ä b"' ],
    [ '#160 extra data of 900 KB',         '"extra":{"a":{"b":["' . 'x' x 900_000 . '"]}}' ],
    [ 'extra data of 300,000 numbers',     '"extra":{"a":[' . join(',', (1) x 300_000) . ']}' ],
    [ '#161 a NUL',                        '"message":"a\u0000b"',                  title => "a\x{fffd}b" ],
    [ 'half a surrogate pair',             '"message":"a\ud800b"',                  title => "a\x{fffd}b" ],
    [ 'the other half, in a key',          '"extra":{"\udc00":1}' ],
    [ '#162 an unknown platform',          '"platform":"klingon"',                  platform => 'klingon' ],
    [ 'a platform that is no word',        '"platform":"Klingon!"',                 platform => 'other' ],
    [ 'a platform of 65 characters',       '"platform":"' . 'p' x 65 . '"',         platform => 'other' ],
    [ 'no platform',                       '"platform":null',                       platform => 'other' ],
    [ '#163 an SDK that is a string',      '"sdk":"x"' ],
    [ 'an SDK of wrong types',             '"sdk":{"name":5,"packages":{"a":1}}' ],
    [ '#164 images of all kinds',          '"debug_meta":{"images":[{"type":""},{"type":"invalid"},null]}' ],
    [ '#165 an empty mechanism',           '"exception":[{"type":"E165a","mechanism":{}}]',         title => 'E165a' ],
    [ 'a mechanism of a wrong type',       '"exception":[{"type":"E165b","mechanism":{"type":5}}]', title => 'E165b' ],
    [ 'a mechanism that is a string',      '"exception":[{"type":"E165c","mechanism":"x"}]',        title => 'E165c' ],
    [ '#166 a thread without a stack',     '"threads":{"values":[{"id":"main","stacktrace":null}]}' ],
    [ '#167 an unknown member',            '"novelty":{"a":[1]}' ],
    [ '#168 tags that are numbers',        '"tags":{"f":1.9,"b":true}' ],
    [ 'a number beyond all types',         '"extra":{"a":1e400,"b":' . '9' x 400 . '}' ],
    [ 'escapes that are none',             '"extra":"\x"' ],
);

sub utc {
    my ($time) = @_;
    return POSIX::strftime('%Y-%m-%dT%H:%M:%S', gmtime $time);
}

my @fields = map {
    my ($label, $member, %kept) = @$_;
    [ $label, store(event($member)), stored('given'), \%kept ];
} @members;

my $late = [ '#133 a clock that is two hours behind',
    envelope('{"event_id":"%ID%","sent_at":"' . utc($now - 7200) . 'Z"}' . "\n{\"type\":\"event\"}\n{\"timestamp\":" . ($now - 7260) . '}'),
    stored('given'), { at => $now - 60 } ];

my @cases = (@routing, @credentials, @encodings, @sizes, @framing, @grammar, @bodies, @fields, $late);

# ---- everything is up -------------------------------------------------------------

my @streams = ('errtrack:{q0}:events', 'errtrack:{q0}:large');

sub queue_is_empty {
    for my $stream (@streams) {
        return 0 if $t->redis('XLEN', $stream) || $t->redis('XPENDING', $stream, 'workers')->[0];
    }
    return 1;
}

# How many entries a stream has ever had.
sub added {
    my ($stream) = @_;
    return { @{ $t->redis('XINFO', 'STREAM', $stream) } }->{'entries-added'};
}

sub deliveries { return $t->sql_value('select count(*) from errtrack_private.deliveries') }

# The most memory that a process has ever had, in MiB.
sub peak_memory {
    my ($pid) = @_;
    my ($kib) = read_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;
    return $kib / 1024;
}

sub send_request {
    my ($request) = @_;
    my $port = $request->{port};
    return $t->raw(pieces($request), half => !$request->{patient}, ($port ? (port => $port) : ()));
}

# The test, the worker and each process of nginx.
eventually { scalar(my @lines = $t->redis('CLIENT', 'LIST') =~ /^id=/mg) >= 4 } 'everybody is connected to Redis';
eventually { send_request(envelope('{}'))->status == 200 } 'the edge knows the keys';
eventually { queue_is_empty() && deliveries() } 'the worker takes from the queue';

my $worker = $t->worker->pid;
my @nginx = $t->nginx->worker_pids;
my %before = (deliveries => deliveries(), map { $_ => added($_) } @streams);

# ---- the requests -----------------------------------------------------------------

cmp_ok scalar @cases, '>=', 200, 'there are enough requests';

my (%ledger, @stored, %accepted);

# Notes what is to be found in the end.
sub expect_outcomes {
    my ($case, $answer) = @_;
    my ($label, $request, $wanted, $kept) = @$case;
    my $outcomes = $wanted->{outcomes} or return;
    my $large = length $request->{body} > LARGE_BODY;
    $accepted{ $streams[$large] }++;
    $ledger{"$request->{project} $_"}++ for @$outcomes;
    my $answered = eval { $answer->json->{id} } or return;
    push @stored, { label => $label, project => $request->{project}, id => $answered, kept => $kept }
        if grep { $_ eq 'error stored' } @$outcomes;
    return;
}

for my $case (@cases) {
    my ($label, $request, $wanted) = @$case;
    my $answer = send_request($request);
    is words($answer, $request), $wanted->{words}, $label;
    expect_outcomes($case, $answer);
}

# ---- several requests on one connection ---------------------------------------------

# The answers on a connection, in words.
sub conversation {
    my (@requests) = @_;
    my $last = $requests[-1];
    my $bytes = '';
    for my $request (@requests) {
        my $text = join '', @{ pieces($request) };
        $text =~ s/^Connection: close\r\n//m if $request != $last;
        $bytes .= $text;
    }
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port) or die "connect: $!\n";
    $socket->print($bytes);
    $socket->flush;
    my @words;
    for my $request (@requests) {
        my $answer = read_answer($socket) or last;
        push @words, words($answer, $request);
    }
    return @words;
}

sub read_answer {
    my ($socket) = @_;
    local $/ = "\r\n";
    my ($status) = (readline($socket) // '') =~ m{^HTTP/1\.1 (\d+)} or return;
    my %headers;
    while (defined(my $line = readline $socket)) {
        my ($name, $value) = $line =~ /^([^:]+):\s*(.*)\r\n/ or last;
        $headers{ lc $name } = $value;
    }
    read $socket, my $content, $headers{'content-length'} // 0;
    return ErrTrack::HTTP::Answer->new($status, \%headers, $content);
}

for my $first (
    [ 'an unknown endpoint',      request('nothing', $good),                     refused(404, 'unknown endpoint') ],
    [ 'another method',           store(event(), method => 'PUT'),               refused(405, 'method not allowed') ],
    [ 'an unknown key',           envelope($good, auth => sentry($unknown)),     refused(403, $rejected) ],
    [ 'an unknown key in chunks', store(event(), auth => sentry($unknown), framing => chunks_of(9)), refused(403, $rejected) ],
    [ 'an unknown encoding',      store(event(), headers => [ 'Content-Encoding' => 'lzma' ]),
        refused(415, 'unsupported content encoding') ],
    [ 'an empty body',            store(''),                                     refused(400, $no_data) ],
    [ 'an event that is cut off', store('{"message":"a'),                        refused(400, $no_json) ],
) {
    my ($label, $request, $wanted) = @$first;
    my $next = store(event());
    is_deeply [ conversation($request, $next) ], [ $wanted->{words}, stored('given')->{words} ],
        "$label does not spoil the next request on the connection";
    $accepted{ $streams[0] }++;
    $ledger{'shop error stored'}++;
    push @stored, { label => "after $label", project => 'shop', id => $next->{id} };
}

# ---- a client that leaves -----------------------------------------------------------

# Sends a request that announces more than it has, and closes the connection in the
# middle of the body, by a reset if told so.
sub leave {
    my ($request, $reset) = @_;
    my ($head, @body) = @{ pieces($request) };
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port) or die "connect: $!\n";
    $socket->print($head);
    # The body is waited for.
    like scalar readline $socket, qr{^HTTP/1\.1 100 }, 'the edge says to go on';
    $socket->print(@body);
    $socket->flush;
    setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'l!l!', 1, 0 if $reset;
    close $socket;
    return;
}

my @leaving = (headers => [ Expect => '100-continue' ], apart => 1);
for my $reset (0, 1) {
    leave(envelope($good, @leaving, path => "/leave/api/$project/envelope/", framing => lying(1000)), $reset);
    leave(store(event(), @leaving, path => "/leave/api/$project/store/",
        framing => chunked_as("1000\r\n", sub { $_[0] })), $reset);
}
eventually { 4 == (() = read_file($t->nginx->access_log) =~ m{"POST /leave/}g) } 'the edge has noticed that they left';

my $end = [ 'the last request', store(event()), stored('given') ];
my $answer = send_request($end->[1]);
is words($answer, $end->[1]), $end->[2]{words}, 'the edge answers as before';
expect_outcomes($end, $answer);

# ---- what is left -------------------------------------------------------------------

eventually { queue_is_empty() } 'the queue is empty', timeout => 60;

is added($streams[0]) - $before{ $streams[0] }, $accepted{ $streams[0] }, 'what was accepted was queued, and nothing else';
is added($streams[1]) - $before{ $streams[1] }, $accepted{ $streams[1] }, 'large bodies went to the stream of their own';
is deliveries() - $before{deliveries}, $accepted{ $streams[0] } + $accepted{ $streams[1] }, 'each request was filed once';

my %slug = map { @$_ } $t->sql('select id, slug from errtrack_private.projects');
my %booked = map { ("$slug{$_->[0]} $_->[1]" => $_->[2]) } $t->sql(<<'SQL');
    select project_id, rtrim(category || ' ' || outcome || ' ' || reason), sum(quantity)
    from errtrack_private.outcomes
    group by 1, 2
SQL
is_deeply \%booked, \%ledger, 'the ledger holds what the table says';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead';

my %found = map { ("$slug{$_->[0]} $_->[1]" => $_) } $t->sql(<<'SQL');
    select o.project_id, replace(o.event_id::text, '-', ''), o.level, o.platform, o.release, o.environment,
           case when o.occurred_at = o.received_at then 'received'
                else round(extract(epoch from o.occurred_at))::text end,
           case when o.user_hash is null then 'no' else 'yes' end,
           i.title, p.body::jsonb ->> 'event_id'
    from errtrack_private.occurrences o
    join errtrack_private.origins g on g.project_id = o.project_id and g.id = o.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = g.issue_id
    join errtrack_private.payloads p on p.project_id = o.project_id and p.event_id = o.event_id
SQL
my @names = qw(project id level platform release environment at user title payload_id);

is_deeply [ sort keys %found ], [ sort map { "$_->{project} $_->{id}" } @stored ], 'the ids that were answered are stored';
is_deeply [ grep { $found{$_}[1] ne ($found{$_}[-1] // '') } sort keys %found ], [], 'payloads carry them too';

for my $event (grep { %{ $_->{kept} || {} } } @stored) {
    my %row;
    @row{@names} = @{ $found{"$event->{project} $event->{id}"} || [] };
    my %is = map { $_ => $row{$_} } keys %{ $event->{kept} };
    # A clock that is behind is corrected to the time of arrival, and this file takes its time.
    $is{at} = $event->{kept}{at} if defined $is{at} && $is{at} =~ /^\d+$/ && abs($is{at} - $event->{kept}{at}) < 600;
    is_deeply \%is, $event->{kept}, "kept: $event->{label}";
}

# ---- everybody is well ----------------------------------------------------------------

is $t->worker->pid, $worker, 'the worker is the one that it was';
is_deeply [ $t->nginx->worker_pids ], \@nginx, 'so are the processes of nginx';
ok $t->postgres->alive, 'PostgreSQL runs';
ok $t->redis_server->alive, 'Redis runs';
cmp_ok peak_memory($_), '<', 100, 'a process of nginx needed little memory' for @nginx;
is_deeply [ grep { !m{^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] } } split /\n/, $t->nginx->log_text ], [],
    'nobody wrote a line of his own into the log';
unlike $t->worker->log_text, qr/\[(?:error|critical)\]/, 'the worker had nothing to complain about';

$t->done;
