# From what somebody sets to what arrives: secrets that the query module and the command seal are
# opened by the worker, and a test tells whether its message arrived and what was answered.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex);
use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(secrets_key write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
my $receiver = $t->add_receiver([]);
$t->start_worker(args => [ $t->notifying ]);

my $list = '/projects/acme/shop/channels/';
my @seal = ('--secrets-key-file', secrets_key($t->{dir}));

sub command { my (@words) = @_; return $t->command('errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), @words) }

# What errtrack notify test says of a channel: status, and a row for each.
sub test_of {
    my ($status, $out) = command(qw(notify test shop), @_, '--json');
    return [ $status, map { "$_->{channel} $_->{state} " . ($_->{answer} // 'well') } @{ JSON::PP::decode_json($out) } ];
}

sub is_signed {
    my ($path, $secret, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($request) = ($receiver->requests($path))[-1];
    return is $request->{headers}{'x-errtrack-signature'}, 'v1=' . hmac_sha256_hex("$request->{headers}{'x-errtrack-timestamp'}.$request->{body}", $secret), $label;
}

# ---- over HTTP ------------------------------------------------------------------------------

my $web = $t->sentry('POST', $list, json => { kind => 'webhook', name => 'web', url => $receiver->url('/web'), secret => 'a sealed secret' });
is $web->status, 201, 'a channel is made over HTTP' or diag $web->content;
my $test = $t->sentry('POST', $list . $web->json->{id} . '/test/')->json;
eventually { $t->sentry('GET', "/projects/acme/shop/notifications/$test->{id}/")->json->{state} eq 'sent' } 'a test of it is sent';
my ($message) = $receiver->messages('/web');
is_deeply [ @{$message}{qw(kind version delivery_id)}, $message->{project}{slug} ], [ 'test', 1, $test->{id}, 'shop' ], '... and arrives';
is_signed('/web', 'a sealed secret', '... signed with the secret that was sealed');

# ---- by the command -------------------------------------------------------------------------

my ($url, $secret) = map { write_file("$t->{dir}/$_->[0]", "$_->[1]\n") } [ url => $receiver->url('/own') ], [ secret => 'another one' ];
is +(command(qw(channel add shop webhook own --url-file), $url, '--secret-file', $secret, @seal))[0], 0, 'a channel is made by the command';
is_deeply test_of('own'), [ 0, 'own sent well' ], '... and a test of it arrives';
is_signed('/own', 'another one', '... signed with its secret');
is_deeply test_of(), [ 0, 'web sent well', 'own sent well' ], 'all channels of a project are tested together';

$receiver->answer('/own', '404', '200');
is_deeply [ map { /\b404\b/ ? 'refused' : $_ } @{ test_of('own') } ], [ 3, 'refused' ], 'what is refused is told';
is $t->sentry('GET', $list)->json->[1]{state}, 'parked', '... and parks the channel';
is +(command(qw(channel resume shop own)))[0], 0, 'resumed';
eventually { $t->sql_value(q{select count(*) from errtrack_private.notifications where state = 'waiting'}) == 0 } '... it is tried at once, and what waited arrives';
is $t->sentry('GET', $list)->json->[1]{state}, 'ok', '... and all is well';

# ---- in a tracker ---------------------------------------------------------------------------

is $t->store({ message => 'cannot pay' })->status, 200, 'a report is taken';
eventually { $t->sql_value('select count(*) from errtrack.issues') } 'and filed';
my $issue = $t->sql_value('select short_id from errtrack.issues');
$receiver->answer('/tracker', '201 {"reference": "SHOP-12", "url": "https://tracker.example.com/SHOP-12"}');
my $tracker = $t->sentry('PUT', '/projects/acme/shop/trackers/other/', json => { url => $receiver->url('/tracker'), secret => 'of the tracker' });
is $tracker->status, 200, 'a tracker is set' or diag $tracker->content;
is $t->sentry('POST', "/issues/$issue/tracker-issues/", json => {})->status, 202, 'an issue is to be made in it';
eventually { @{ $t->sentry('GET', "/issues/$issue/")->json->{annotations} } } '... which is made';
is_deeply $t->sentry('GET', "/issues/$issue/")->json->{annotations}, ['<a href="https://tracker.example.com/SHOP-12">12</a>'], '... and shown where it is';
is +($receiver->messages('/tracker'))[0]{action}, 'create', '... as the tracker was asked to';
is_signed('/tracker', 'of the tracker', '... signed with its secret');
is $t->sentry('PUT', "/issues/$issue/", json => { status => 'resolved' })->status, 200, 'the issue is resolved';
eventually { $receiver->requests('/tracker') == 2 } '... and closed there';
is +($receiver->messages('/tracker'))[1]{action}, 'close', '... as the tracker was asked to';

$t->done;
