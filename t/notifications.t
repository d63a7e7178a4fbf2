# People are told of what is new, back, or no longer ignored: a channel gets one message for
# each, in their order, with what a person needs to know, signed with its secret.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex);
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $project = $t->{project}{id};
my $receiver = $t->add_receiver(['hook']);
write_file("$t->{dir}/secrets/hook-key", "a key of both\n");
$t->sql(q(update errtrack_private.channels set files = files || '{"secret": "hook-key"}'));
$t->start_worker(args => [ $t->notifying, '--public-url', 'https://errors.example.com' ]);

my $told = sub { join ' ', map { $_->{kind} } $receiver->messages('/hook') };

$t->queue({
    event_id => 'a' x 32, release => 'shop@1.0.0', environment => 'production', level => 'fatal',
    exception => { values => [ { type => 'ValueError', value => "caf\x{e9} <!here>", stacktrace => { frames => [
        { filename => 'cart.py', function => 'total', lineno => 7, in_app => JSON::PP::true() } ] } } ] },
    user => { id => 1 },
});
eventually { $told->() eq 'new_issue' } 'a new issue is told';
my ($request) = $receiver->requests('/hook');
is "$request->{method} $request->{headers}{'content-type'}", 'POST application/json; charset=utf-8', 'as JSON';
my ($message) = $receiver->messages('/hook');
is $message->{version}, 1, 'of a version';
like $message->{delivery_id}, qr/^[0-9a-f-]{36}$/, 'with an id of its delivery';
is $request->{headers}{'x-errtrack-delivery'}, $message->{delivery_id}, 'which the header has, too';
is $message->{issue}{title}, "ValueError: caf\x{e9} <!here>", 'it has the title as it is';
is_deeply [ @{ $message->{issue} }{qw(culprit level type events users)} ], [ 'cart.py in total', 'fatal', 'ValueError', 1, 1 ],
    'culprit, level, type, and counts';
is_deeply [ @{ $message->{event} }{qw(id release environment)} ], [ 'a' x 32, 'shop@1.0.0', 'production' ], 'the event, its release and environment';
is_deeply [ @{ $message->{project} }{qw(slug organization)} ], [qw(shop acme)], 'the project';
is $message->{links}{issue}, "https://errors.example.com/acme/shop/issues/$message->{issue}{id}/", 'and where to see it';
my ($version, $signature) = split /=/, $request->{headers}{'x-errtrack-signature'};
is $signature, hmac_sha256_hex("$request->{headers}{'x-errtrack-timestamp'}.$request->{body}", 'a key of both'),
    'it is signed with the secret of the channel';

my $event = sub {
    my (%more) = @_;
    $t->queue({ message => 'again', %more });
};
$event->();
eventually { $told->() eq 'new_issue new_issue' } 'one more new issue';
my $issue = $t->sql_value('select issue_id from errtrack.issues where title = $1', 'again');
$t->errtrack(qw(issue resolve shop), $issue, '--by', 'ann');
$event->(release => 'shop@1.1.0');
eventually { $told->() eq 'new_issue new_issue regression' } 'that it is back after it was resolved';
is +($receiver->messages('/hook'))[-1]{reason}{resolved_by}, 'ann', 'and who had resolved it';
like +($receiver->messages('/hook'))[-1]{reason}{resolved_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'and when, as all times are written';
$t->errtrack(qw(issue ignore shop), $issue, '--events', 1);
$event->();
eventually { $told->() eq 'new_issue new_issue regression unignored' } 'that it is ignored no longer';
$event->();
eventually { $t->sql_value('select event_count from errtrack.issues where issue_id = $1', $issue) == 4 } 'an event more';
eventually { $t->sql_value('select count(*) from errtrack_private.outbox') == 0 } 'of which there is nothing to tell';
is $told->(), 'new_issue new_issue regression unignored', 'is not told';

is_deeply [ $t->sql('select kind, state, attempts from errtrack_private.notifications order by id') ],
    [ map { [ $_, 'sent', 1 ] } qw(new_issue new_issue regression unignored) ], 'the history of deliveries has each';

# ---- rules -------------------------------------------------------------------------

$t->sql(q(insert into errtrack_private.alert_rules (project_id, name, kind, levels, environments, releases, tags)
    values ($1, 'bad ones', 'new_issue', '{error,fatal}', '{prod*}', '{shop@2.*}', '{"browser": ["Fire*"]}')), $project);
my %good = (level => 'error', environment => 'production', release => 'shop@2.0.0', tags => { browser => 'Firefox' });
my $n = 0;
for my $bad ({}, { level => 'info' }, { environment => 'test' }, { release => 'shop@3' }, { tags => { browser => 'Opera' } }) {
    $event->(%good, %$bad, message => 'filtered ' . chr(ord('a') + $n++));
}
eventually { $told->() =~ /unignored new_issue$/ } 'a rule of the project tells what it is for';
is +($receiver->messages('/hook'))[-1]{issue}{title}, 'filtered a', 'by level, environment, release and tag';
is +($receiver->messages('/hook'))[-1]{rule}{name}, 'bad ones', 'the message names it';
eventually { $t->sql_value('select count(*) from errtrack.issues where title like $1', 'filtered%') == 5
    && $t->sql_value('select count(*) from errtrack_private.outbox') == 0 } 'the others have been looked at';
is $told->(), 'new_issue new_issue regression unignored new_issue', 'and are not told; nor is what has no rule now';

$t->sql('update errtrack_private.alert_rules set kind = $1, events = 3, users = 2, minutes = 60, tags = null, releases = null', 'frequency');
$event->(%good, message => 'frequent', user => { id => 1 });
eventually { $t->sql_value('select count(*) from errtrack.issues where title = $1', 'frequent') } 'an event of an issue that may become frequent';
$event->(%good, message => 'frequent', user => { id => 1 }) for 1 .. 2;
eventually { $told->() =~ /frequency$/ } 'so many events within so many minutes are told', timeout => 40;
$message = ($receiver->messages('/hook'))[-1];
is "$message->{issue}{title} $message->{reason}{events} $message->{reason}{minutes}", 'frequent 3 60', 'with the counts';

$t->done;
