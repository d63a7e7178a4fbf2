# errtrack doctor, where nobody is told what happens: no worker does it, one that should cannot,
# or a channel is not reached. What it says to do follows the cause.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Ports qw(free_port);
use ErrTrack::Process qw(build_dir run secrets_key write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => 0, worker => 0, postgres => { settings => { fsync => 'on', full_page_writes => 'on' } });
my @command = (build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), 'doctor', '--redis', $t->redis_server->address);

# What is said of channels and of what waits, as lines.
sub findings {
    my (undef, $json) = run([ @command, '--json' ]);
    return join '', map { "$_->{level} $_->{what}; $_->{advice}\n" }
        grep { $_->{subject} =~ /^(?:channels|backlog|queue)$/ && $_->{level} ne 'ok' && $_->{what} !~ /client keys/ } @{ JSON::PP::decode_json($json)->{findings} };
}

# ---- nobody -------------------------------------------------------------------------------

is findings(), '', 'where there are no channels nobody is missed';
my $receiver = $t->add_receiver([qw(good gone)]);
$receiver->answer('/gone', 404);
is findings(), "warning nobody tells people what happens; see that an errtrack-worker runs without --no-notifications, and what its log says\n",
    'channels without any worker';

# Reports of two minutes ago.
my ($seconds) = @{ $t->redis('TIME') };
my @queued = map { $t->redis('XADD', 'errtrack:{q0}:events', 1000 * ($seconds - 120) + $_ . '-0', 'hello', 'world') } 1, 2;
like findings(), qr/^warning 2 requests wait in the queue, the oldest for 1\d\d s, and no worker has asked for any in the last minute; see that errtrack-worker runs with this Redis, and what its log says$/m,
    'and reports that nobody reads';
$t->redis('XGROUP', 'CREATE', 'errtrack:{q0}:events', 'workers', 0);
$t->redis('XREADGROUP', 'GROUP', 'workers', 'slow', 'STREAMS', 'errtrack:{q0}:events', '>');
unlike findings(), qr/requests wait in the queue/, '... which is another thing than a worker that is busy';
$t->redis('XGROUP', 'DESTROY', 'errtrack:{q0}:events', 'workers');
$t->redis('XDEL', 'errtrack:{q0}:events', @queued);

# ---- channels -----------------------------------------------------------------------------

my $channel = sub {
    my ($name, $url, @options) = @_;
    $t->errtrack(qw(channel add acme/shop webhook), $name, '--url-file', write_file("$t->{dir}/url", "$url\n"), @options);
};
mkdir "$t->{dir}/elsewhere" or die "$t->{dir}/elsewhere: $!\n";
$channel->('private', 'http://10.1.2.3/hook', '--secrets-key-file', secrets_key($t->{dir}));
$channel->('away', 'http://127.0.0.1:' . free_port() . '/', '--secrets-key-file', secrets_key($t->{dir}));
$channel->('locked', 'https://hooks.example.com/', '--secrets-key-file', secrets_key("$t->{dir}/elsewhere"));
$t->errtrack(qw(channel add acme/shop mail post --to ann@example.com));
my %id = map { @$_ } $t->sql('select name, id from errtrack_private.channels');

$t->start_worker(args => [ $t->notifying ]);
eventually { findings() eq '' } 'a worker that tells people is all that was missing';
$t->queue({ message => 'boom' });
eventually { $t->sql_value('select count(*) from errtrack_private.channels where last_error is not null') == 5 } 'five of six channels are in trouble';
# As if they had been so for so long.
$t->sql(q(update errtrack_private.channels set failing_since = now() - interval '1 hour' where name in ('away', 'locked', 'post')));
my $found = findings();
for my $case ([ gone => '404', 'set what is good now \(errtrack channel change acme/shop ID\)' ],
    [ private => 'not a public one', 'start errtrack-worker with --allow-address 10\.\d+\.\d+\.\d+:\d+, or name another address \(errtrack channel change acme/shop ID\)' ],
    [ locked => 'sealed with the key', 'give errtrack-worker that key or file \(--secrets-key-file, --secrets-dir\), or set the secret anew \(errtrack channel change acme/shop ID\)' ],
    [ post => 'no mail server', 'start errtrack-worker with --mail-server and --mail-from' ],
    [ away => 'connect', 'see that it can be reached from the host of errtrack-worker, and answers' ]) {
    my ($name, $cause, $advice) = @$case;
    $advice =~ s/ID/$id{$name}/g;
    like $found, qr{^warning channel "$name" of project acme/shop (?:is parked|fails) since .*$cause.*; $advice; then errtrack channel resume acme/shop $id{$name}$}m,
        "$name: what to do follows the cause";
}
is scalar(split /\n/, $found), 5, 'nothing is said of the one that is well';

# ---- a worker that cannot -------------------------------------------------------------------

$t->sql('delete from errtrack_private.channels where name <> $1', 'good');
$t->sql('alter function errtrack_private.plan_notifications rename to plan_away');
$t->queue({ message => 'another' });
eventually { $t->sql_value('select count(*) from errtrack_private.outbox') } 'what happens is not told';
$t->sql(q(update errtrack_private.outbox set created_at = now() - interval '3 minutes'));
like findings(), qr/\Awarning 1 things that happened are not told yet, the oldest since [^;]*; see what the log of errtrack-worker says of notifications, and that one runs without --no-notifications\n\z/,
    'a worker that has the duty and cannot do it is found';
eventually { $t->worker->log_text =~ /notifications: .*plan_notifications/ } '... and its log says why';
my ($status, undef, $err) = run(\@command);
is "$status $err", "1 errtrack: 0 failing, 1 warning\n", 'which monitoring is told';
$t->sql('alter function errtrack_private.plan_away rename to plan_notifications');
eventually { findings() eq '' } 'when it can it is told';

$t->done;
