package ErrTrack::Catalogue::Answer;

# What the rows of the bad-input catalogue expect, and what came, in the same words: an
# answer is right when the words are. Whatever must hold for every answer (JSON that
# can be read, headers that let pages of other origins read it, the detail once more in
# X-Sentry-Error) is no word unless it is missing.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(
    refused by_nginx closed accepted stored answered preflight elsewhere
    $NO_ENVELOPE $NO_JSON $NO_BODY $NO_DATA $NO_AUTH $BAD_HEADER $BAD_QUERY $BAD_ENVELOPE_AUTH $BAD_KEY $REJECTED
    $TOO_LARGE $LARGE_EVENT $BAD_PROJECT $CORRUPT_OR_WIDE
);
our @EXPORT_OK = qw(words);

our $NO_ENVELOPE = 'invalid event envelope';
our $NO_JSON = 'invalid request body';
our $NO_BODY = 'failed to read request body';
our $CORRUPT_OR_WIDE = 'the compressed data is corrupt, or needs a window above 4 MB (br) or 8 MB (zstd)';
our $NO_DATA = 'empty request body';
our $NO_AUTH = 'missing authorization information';
our $BAD_HEADER = 'bad x-sentry-auth header';
our $BAD_QUERY = 'bad sentry authentication query parameters';
our $BAD_ENVELOPE_AUTH = 'bad envelope authentication header';
our $BAD_KEY = 'bad sentry DSN public key';
our $REJECTED = 'event submission rejected with_reason: ProjectId';
our $TOO_LARGE = 'request body exceeds the size limit';
our $LARGE_EVENT = "envelope exceeded size limits for type 'event'";
our $BAD_PROJECT = 'bad project path parameter';

# The word under which a refusal is counted, where no row says another one.
my %reason = (
    'method not allowed'                        => 'method',
    'unknown endpoint'                          => 'endpoint',
    $NO_ENVELOPE                                => 'invalid_envelope',
    $NO_JSON                                    => 'invalid_json',
    'invalid JSON data'                         => 'event_id',
    $NO_BODY                                    => 'invalid_compression',
    $NO_DATA                                    => 'no_data',
    $NO_AUTH                                    => 'auth_missing',
    $BAD_HEADER                                 => 'auth_invalid',
    $BAD_QUERY                                  => 'auth_invalid',
    $BAD_ENVELOPE_AUTH                          => 'auth_invalid',
    'multiple authorization payloads detected'  => 'auth_invalid',
    'unsupported protocol version'              => 'auth_version',
    $BAD_KEY                                    => 'key_malformed',
    $BAD_PROJECT                                => 'project_id',
    $REJECTED                                   => 'project_id',
    $TOO_LARGE                                  => 'too_large',
    'unsupported content encoding'              => 'content_encoding',
    'unsupported content type'                  => 'content_type',
    'invalid multipart'                         => 'invalid_multipart',
    'invalid minidump'                          => 'invalid_minidump',
    'missing minidump'                          => 'invalid_minidump',
    'invalid check-in'                          => 'invalid_form',
    'bad event id path parameter'               => 'event_id',
    'event submission rejected with_reason: Cors' => 'cors',
    'the request body took too long to arrive'  => 'slow_client',
    'Sentry dropped data due to a quota or internal rate limit being reached.' => 'rate_limited',
);

# The cause, as the answer tells it, if it tells one. Options: cause => a pattern instead;
# reason; headers => { name => pattern }.
sub refused {
    my ($status, $detail, @rest) = @_;
    my $cause = @rest % 2 ? shift @rest : '';
    my %arg = (cause => qr/^\Q$cause\E\z/, @rest);
    my $reason = $reason{$detail} // ($detail =~ /^envelope exceeded size limits/ ? 'too_large' : undef);
    return { words => "$status application/json, detail: $detail", reason => $reason, %arg };
}

# A fault of HTTP itself. Once the module knows of the request it counts one that
# was left in the middle.
sub by_nginx { my ($status, @arg) = @_; return { words => "$status text/html", @arg } }

sub closed { return { words => 'closed without an answer', reason => 'client_gone' } }

# Any other answer.
sub answered { my ($words, %arg) = @_; return { words => $words, %arg } }

# The id (given, new or none), and what becomes of each item: "category outcome
# [reason]".
sub accepted {
    my ($id, @outcomes) = @_;
    return { words => "200 application/json, id: $id", reason => '', outcomes => \@outcomes };
}

sub stored { return accepted(shift, 'error stored', @_) }

# Asks, and reports nothing.
sub preflight {
    return { words => '200, nothing', headers => {
        'Access-Control-Allow-Methods' => qr/\bPOST\b/,
        'Access-Control-Allow-Headers' => qr/\bx-sentry-auth\b.*\bcontent-type\b/,
        'Access-Control-Max-Age'       => qr/^[1-9]\d*$/,
    } };
}

# A row that another test has, or that none can have: why.
sub elsewhere {
    my ($file, $why) = @_;
    return { file => $file, why => $why };
}

# ---- what came --------------------------------------------------------------

sub words {
    my ($answer, $request, $wanted) = @_;
    my $status = $answer->status;
    return 'closed without an answer' if $status == 599;
    my $type = $answer->header('Content-Type');
    return "$status text/html" if ($type // '') eq 'text/html';
    my $words = defined $type ? "$status $type" : $answer->content eq '' ? "$status, nothing" : "$status of no type";
    return join ', ', grep { length } $words . content_in_words($answer, $request), open_in_words($answer),
        misses_in_words($answer, $wanted);
}

sub content_in_words {
    my ($answer, $request) = @_;
    my $type = $answer->header('Content-Type') // '';
    if ($type eq 'text/plain') {
        my $id = $answer->content =~ /^\w{8}-\w{4}-\w{4}-\w{4}-\w{12}\z/ ? $answer->content =~ tr/-//dr : '';
        return ', id: ' . id_in_words($id, $request->{id});
    }
    # Nothing but headers answers HEAD.
    return '' if $type ne 'application/json' || $request->{method} eq 'HEAD';
    my $text = eval { $answer->json };
    return ", no JSON object: " . $answer->content if ref $text ne 'HASH';
    return ', id: ' . (%$text ? id_in_words($text->{id} // '', $request->{id}) : 'none') if $answer->status == 200;
    return ', ' . $answer->content if !defined $text->{detail};
    my $causes = $text->{causes};
    my @others = grep { !/^(?:detail|causes)\z/ } sort keys %$text;
    my $error = $answer->header('X-Sentry-Error') // 'none';
    return join '', ", detail: $text->{detail}",
        ($error eq $text->{detail} ? '' : ", X-Sentry-Error: $error"),
        (is_list_of_texts($causes // ['none']) ? '' : ', odd causes'),
        map { ", with $_" } @others;
}

sub is_list_of_texts {
    my ($list) = @_;
    return ref $list eq 'ARRAY' && @$list && !grep({ ref || !length } @$list);
}

sub id_in_words {
    my ($answered, $id) = @_;
    return $answered eq $id ? 'given' : $answered =~ /^[0-9a-f]{32}\z/ ? 'new' : "odd: $answered";
}

# What a page of another origin could not read.
sub open_in_words {
    my ($answer) = @_;
    my @missing = grep { ($answer->header('Access-Control-Expose-Headers') // '') !~ /\b\Q$_\E\b/ }
        qw(x-sentry-error x-sentry-rate-limits retry-after);
    my $origin = $answer->header('Access-Control-Allow-Origin') // 'nobody';
    return join ', ', ($origin eq '*' ? () : "for $origin"), map { "$_ hidden" } @missing;
}

# What the row wants beside: causes and headers. Refusals of some kinds have headers
# that say what to do.
sub misses_in_words {
    my ($answer, $wanted) = @_;
    my $text = eval { $answer->json };
    my $causes = ref $text eq 'HASH' && ref $text->{causes} eq 'ARRAY' ? join '; ', @{ $text->{causes} } : '';
    my %headers = %{ $wanted->{headers} || {} };
    my $status = $answer->status;
    $headers{Allow} //= qr/^(?:GET, HEAD, )?POST, OPTIONS\z/ if $status == 405;
    $headers{'Accept-Encoding'} //= qr/^gzip, deflate, br, zstd\z/ if ($wanted->{reason} // '') eq 'content_encoding';
    @headers{qw(Retry-After X-Sentry-Rate-Limits)} = (qr/^[1-9]\d*\z/, qr/^[1-9]\d*:[a-z;_]*:(?:organization|project|key)\z/)
        if $status == 429 || $status == 503;
    return join ', ', (!defined $wanted->{cause} || $causes =~ $wanted->{cause} ? () : "causes: $causes"),
        map { my $value = $answer->header($_) // 'none'; $value =~ $headers{$_} ? () : "$_: $value" } sort keys %headers;
}

1;
