# Reports over HTTP/2: with and without a length, large, compressed; and refusals that come
# before the body, which the client sends all the same.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;

use ErrTrack;
use ErrTrack::HTTP qw(json_text);
use ErrTrack::Process qw(random_hex run write_file);

my $t = ErrTrack->stack(
    redis => { appendonly => 'no' },
    nginx => <<'CONF',
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%PORT_H2%% http2;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF
);

# Sends a body with curl. Options: endpoint; encoding; length => 0: without one.
# Returns an answer, and the exit status of curl.
sub h2 {
    my ($body, %arg) = @_;
    my $path = "/api/$t->{project}{id}/" . ($arg{endpoint} // 'store') . "/?sentry_key=$t->{project}{public_key}";
    my $file = write_file("$t->{dir}/body", $body);
    my ($status, $out, $err) = run([
        'curl', '-sS', '--http2-prior-knowledge', '--max-time', 20, '-i', '-X', 'POST',
        '-H', 'Content-Type: application/json', '-H', 'Expect:',
        ($arg{encoding} ? ('-H', "Content-Encoding: $arg{encoding}") : ()),
        ($arg{length} // 1 ? ('--data-binary', "\@$file") : ('-T', '-')),
        $t->url($path, 'H2'),
    ], stdin => $arg{length} // 1 ? '' : $body);
    diag $err if $status;
    $out =~ s{^HTTP/2 (\d+)}{HTTP/1.1 $1} or return;
    return ErrTrack::HTTP::parse_answer($out), $status;
}

my @ids;
my $event = sub {
    my ($size) = @_;
    push @ids, random_hex(16);
    return json_text({ event_id => $ids[-1], message => 'h2', $size ? (extra => { text => random_hex($size / 2) }) : () });
};
my $taken = sub {
    my ($label, @request) = @_;
    my ($answer, $status) = h2(@request);
    is $status, 0, "$label: curl is content";
    is $answer && $answer->status, 200, $label;
    is $answer && eval { $answer->json->{id} }, $ids[-1], "$label: the id is answered";
};
$taken->('a body with a length', $event->(0));
$taken->('one without', $event->(0), length => 0);
$taken->('a large one', $event->(900_000));
$taken->('a large one without a length', $event->(900_000), length => 0);
$taken->('gzip', ErrTrack::Instance::compress('gzip', $event->(0)), encoding => 'gzip');
$taken->('large gzip without a length', ErrTrack::Instance::compress('gzip', $event->(900_000)), encoding => 'gzip', length => 0);
push @ids, random_hex(16);
$taken->('an envelope of many pieces', "{\"event_id\":\"$ids[-1]\"}\n" . "{\"type\":\"event\"}\n{\"message\":\"h2\"}\n"
    . join('', map { "{\"type\":\"attachment\",\"length\":400000,\"filename\":\"a\"}\n" . 'x' x 400_000 . "\n" } 1 .. 20),
    endpoint => 'envelope', length => 0);

# The answer to a refused request comes before its body has: nginx closes the stream then,
# without an error. Curl takes that for a failure, whoever answers so, and drops the answer;
# Node.js, as the protocol wants it, does not.
write_file("$t->{dir}/client.js", <<'JS');
const [url, file, length] = process.argv.slice(2);
const { origin, pathname, search } = new URL(url);
const body = require('fs').readFileSync(file);
const client = require('http2').connect(origin, { maxSessionMemory: 100 });
const headers = { ':method': 'POST', ':path': pathname + search };
if (length === '1') headers['content-length'] = body.length;
const request = client.request(headers);
const answer = { content: '', errors: [] };
request.on('response', (headers) => { answer.headers = headers; });
request.on('data', (piece) => { answer.content += piece; });
request.on('error', (error) => answer.errors.push(error.message));
request.on('close', () => { console.log(JSON.stringify(answer)); client.close(); });
request.end(body);
setTimeout(() => process.exit(1), 20000).unref();
JS

my $refused = sub {
    my ($label, $wanted, $detail, $key, $body, $length) = @_;
    my $file = write_file("$t->{dir}/body", $body);
    my ($status, $out, $err) = run([ 'node', "$t->{dir}/client.js",
        $t->url("/api/$t->{project}{id}/store/?sentry_key=$key", 'H2'), $file, $length ]);
    my $answer = eval { decode_json($out) } or return fail("$label is answered: $status $err");
    is_deeply $answer->{errors}, [], "$label: the stream ends without an error";
    is $answer->{headers}{':status'}, $wanted, "$label is answered $wanted";
    like eval { decode_json($answer->{content})->{detail} }, $detail, "$label: the answer says why";
    is $answer->{headers}{'access-control-allow-origin'}, '*', "$label: pages may read it";
};
my ($good, $bad, $large) = ($t->project->{public_key}, 'f' x 32, 'x' x 1_000_000);
for my $length (1, 0) {
    my $how = $length ? 'with a length' : 'without a length';
    $refused->("a small report with an unknown key, $how", 403, qr/ProjectId/, $bad, '{"message":"h2"}', $length);
    $refused->("a megabyte with an unknown key, $how", 403, qr/ProjectId/, $bad, $large, $length);
    $refused->("a megabyte of no JSON, $how", 400, qr/./, $good, $large, $length);
    $refused->("21 megabytes, $how", 413, qr/size/, $good, '{"a":"' . 'x' x 21_000_000, $length);
}

my $answer = $t->store({ event_id => random_hex(16), message => 'h1' });
is $answer->status, 200, 'HTTP/1.1 beside it';
$t->filed_once(\@ids);

$t->done;
