package ErrTrack::Catalogue::Request;

# Requests of the bad-input catalogue, as data: endpoints, bodies, encodings and the
# ways in which bytes may come. Nothing here knows a server; words that only a running
# one knows stand as %WORD% in paths, headers and bodies, see ErrTrack::Catalogue.

use strict;
use warnings;

use Compress::Zlib ();
use Exporter 'import';
use MIME::Base64 ();

use ErrTrack::Process qw(random_hex run);

our @EXPORT = qw(
    request store envelope sentry dsn event given with_event sized_event sized_envelope multipart
    gzipped zlibbed deflated brotlied zstandard two_members based with_base64 spoiled bomb
    by_length without_length lying chunks_of chunked_as split_at slowly KIB EVENT_LIMIT BODY_LIMIT PLAIN_LIMIT
    LARGE_BODY
);

# What the configuration of ErrTrack::Catalogue allows, and what worker/entry.hpp
# calls large.
use constant {
    KIB         => 1024,
    EVENT_LIMIT => 1024 * 1024,
    BODY_LIMIT  => 4 * 1024 * 1024,
    PLAIN_LIMIT => 8 * 1024 * 1024,
    LARGE_BODY  => 64 * 1024,
};

# A request is a hash: method, path, headers (a list of pairs), body, id (the event
# id that stands for %ID%). Options: project => the slug of the one that is meant;
# path, query, method; auth => the value of X-Sentry-Auth, undef for none; type;
# headers => [pairs]; pack => code that the body goes through; port; framing => code
# that makes headers and pieces of a body; apart => 1 to send the pieces in writes of
# their own; patient => 1 to leave the connection open behind them.
sub request {
    my ($endpoint, $body, %arg) = @_;
    utf8::encode($body) if utf8::is_utf8($body);
    my $path = $arg{path} // "/api/%PROJECT%/$endpoint/";
    $path .= "?$arg{query}" if defined $arg{query};
    my $auth = exists $arg{auth} ? $arg{auth} : sentry('%KEY%');
    my @headers = (
        (defined $auth ? ('X-Sentry-Auth' => $auth) : ()),
        (defined $arg{type} ? ('Content-Type' => $arg{type}) : ()),
        @{ $arg{headers} || [] },
    );
    return {
        method => 'POST', framing => \&by_length, project => 'shop', id => random_hex(16), other_id => random_hex(16),
        %arg, path => $path, headers => \@headers, body => $body,
    };
}

sub store { return request('store', shift, type => 'application/json', @_) }

sub envelope { return request('envelope', shift, type => 'application/x-sentry-envelope', @_) }

# The value of X-Sentry-Auth.
sub sentry {
    my ($public_key, @more) = @_;
    return join ', ', 'Sentry sentry_version=7', 'sentry_client=bad-input/1', "sentry_key=$public_key", @more;
}

sub dsn {
    my ($public_key, $project_id) = @_;
    return 'http://' . ($public_key // '%KEY%') . '@127.0.0.1/' . ($project_id // '%PROJECT%');
}

# ---- bodies -----------------------------------------------------------------

# An event with its id and further members as JSON text.
sub event {
    my @members = @_;
    return '{' . join(',', '"event_id":"%ID%"', '"message":"m"', @members) . '}';
}

# The header of an envelope that names its event, and an envelope with one event.
sub given { return '{"event_id":"%ID%"}' }

sub with_event {
    my ($header) = @_;
    return ($header // given()) . "\n{\"type\":\"event\"}\n{\"message\":\"m\"}\n";
}

# An event of exactly that many bytes.
sub sized_event {
    my ($bytes) = @_;
    my $empty = '{"event_id":"%ID%","message":""}';
    my $length = length($empty) - length('%ID%') + 32;
    return '{"event_id":"%ID%","message":"' . 'x' x ($bytes - $length) . '"}';
}

# An envelope of exactly that many bytes around an attachment; filled by a text, over
# and over.
sub sized_envelope {
    my ($bytes, $fill) = @_;
    $fill //= 'x';
    # As wide as the number may be: numbers have no leading zeros in JSON.
    my $text = "{}\n{\"type\":\"attachment\",\"length\":%7d}\n%s";
    my $payload = $bytes - length(sprintf $text, 0, '');
    return sprintf $text, $payload, substr $fill x (1 + $payload / length $fill), 0, $payload;
}

# A form: a list of name => content; a name "part/file" is that of a file.
sub multipart {
    my (@parts) = @_;
    my $text = '';
    while (my ($name, $content) = splice @parts, 0, 2) {
        my ($field, $file) = split m{/}, $name, 2;
        $text .= "--boundary\r\nContent-Disposition: form-data; name=\"$field\""
            . (defined $file ? "; filename=\"$file\"" : '') . "\r\n\r\n$content\r\n";
    }
    return "$text--boundary--\r\n";
}

# ---- compression ------------------------------------------------------------

sub gzipped { return Compress::Zlib::memGzip($_[0]) }
sub zlibbed { return Compress::Zlib::compress($_[0]) }
sub based   { return MIME::Base64::encode_base64($_[0], '') }

# The event as raven sent it.
sub with_base64 { return based(zlibbed($_[0])) }

sub deflated {
    my ($bytes) = @_;
    my $stream = Compress::Zlib::deflateInit(-WindowBits => -Compress::Zlib::MAX_WBITS());
    return join '', ($stream->deflate($bytes))[0], ($stream->flush)[0];
}

# Debian has no modules for these.
sub brotlied  { my ($bytes, $window) = @_; return filtered($bytes, qw(brotli -c -q 5 -w), $window // 22) }
sub zstandard { return filtered($_[0], qw(zstd -c -q)) }

sub filtered {
    my ($bytes, @command) = @_;
    my ($status, $out, $err) = run(\@command, stdin => $bytes, plain => 1);
    die "@command: $err (t/lib/deps test installs it)\n" if $status;
    return $out;
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

# So many mebibytes of zeros behind a prefix, packed by gzip without ever being there
# at once, or by another program.
sub bomb {
    my ($prefix, $mebibytes, $pack) = @_;
    return $pack->($prefix . "\0" x ($mebibytes * EVENT_LIMIT)) if $pack;
    my $stream = Compress::Zlib::deflateInit(
        -WindowBits => 16 + Compress::Zlib::MAX_WBITS(), -Level => Compress::Zlib::Z_BEST_SPEED());
    my $zeros = "\0" x EVENT_LIMIT;
    my @parts = map { ($stream->deflate($_))[0] } $prefix, ($zeros) x $mebibytes;
    return join '', @parts, ($stream->flush)[0];
}

# ---- framing ----------------------------------------------------------------

# Each makes of a body (headers, pieces).
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

# Byte by byte, with a rest before each.
sub slowly {
    my ($seconds) = @_;
    return sub {
        my ($body) = @_;
        return [ 'Content-Length' => length $body ],
            map { my $byte = $_; (sub { select undef, undef, undef, $seconds }, $byte) } split //, $body;
    };
}

1;
