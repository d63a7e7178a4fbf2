# A tracker is tested without anything being made there: what is wrong with its token or address is
# told over HTTP and by the command. One that is parked is tried again when it is resumed.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
my $project = $t->{project}{id};
my $gitlab = $t->add_receiver([], program => [ root() . '/t/lib/gitlab_issues', 'token-of-gitlab' ]);
write_file("$t->{dir}/secrets/gitlab-token", "token-of-gitlab\n");
write_file("$t->{dir}/secrets/old-token", "token-of-yesterday\n");
write_file("$t->{dir}/secrets/$_.for", $gitlab->url("/acme") . "\n") for qw(gitlab-token old-token);
$t->sql(q(insert into errtrack_private.trackers (project_id, provider, url) values
    ($1, 'gitlab', $2), ($1, 'other', 'https://tracker.example')), $project, $gitlab->url('/acme/shop'));
$t->sql(q(insert into errtrack_private.channels (project_id, name, kind, provider, files, hourly_cap)
    values ($1, 'tracker gitlab', 'tracker', 'gitlab', '{"token": "gitlab-token"}', 4), ($1, 'tracker other', 'tracker', 'other', '{}', 4)), $project);
$t->start_worker(args => [ $t->notifying ]);

my $list = '/projects/acme/shop/trackers';
my $set = sub { $t->sql(q(update errtrack_private.channels set files = jsonb_build_object('token', $1::text) where provider = 'gitlab'), $_[0]) };
my $command = sub { $t->command('errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), @_) };

my $queued = $t->sentry(POST => "$list/gitlab/test/");
is $queued->status, 202, 'a tracker is tested';
my $became = sub { $t->sentry(GET => "/projects/acme/shop/notifications/" . $queued->json->{id} . '/')->json };
eventually { $became->()->{state} eq 'sent' } '... and is well';
is $became->()->{lastError}, undef, '... so there is nothing to tell';

$set->('old-token');
$queued = $t->sentry(POST => "$list/gitlab/test/");
eventually { $became->()->{state} eq 'failed' } 'with a token that is none it is not';
like $became->()->{lastError}, qr/^GitLab at \S+ answers 401: the token is not known there, or has expired \(it says: 401 Unauthorized\)$/, '... and says what is wrong';
my ($status, $out) = $command->(qw(tracker test shop gitlab));
is $status, 3, 'the command ends with 3';
like $out, qr/ failed .* answers 401: the token is not known there/, '... and says so, too';

$set->('gitlab-token');
$t->sql(q(update errtrack_private.trackers set url = $1 where provider = 'gitlab'), $gitlab->url('/acme/shopp'));
($status, $out) = $command->(qw(tracker test shop gitlab));
like $out, qr/ answers 404: the project is not at this address, or the token does not see it/, 'so is an address that is none';
is $t->sentry(POST => "$list/gitlab/test/")->status, 429, 'tests of a tracker count towards its cap';
is_deeply [ grep { $_ ne 'GET' } map { $_->{method} } $gitlab->requests ], [], 'nothing was written there';

is $t->sentry(POST => "$list/other/test/")->status, 409, 'a program that is only told things is not tested';
($status, $out, my $err) = $command->(qw(tracker test shop other));
like $err, qr/^errtrack: in a tracker of kind other nothing can be asked without doing something: only gitlab and github are tested$/, '... as the command says';
is $t->sentry(POST => "$list/github/test/")->status, 404, 'one that is not there';

$t->sql(q(update errtrack_private.channels set failures = 3, parked_at = now(), next_attempt_at = now() + interval '1 hour' where provider = 'other'));
my $resumed = $t->sentry(POST => "$list/other/resume/");
is $resumed->status, 200, 'one that is parked is resumed';
is_deeply [ @{ $resumed->json }{qw(provider state failures parkedAt nextAttempt)} ], [ 'other', 'ok', 0, undef, undef ], '... and is tried at once';
is $t->sentry(POST => "$list/github/resume/")->status, 404, 'one that is not there is not';
is_deeply [ map { "@$_" } $t->sql(q(select action, count(*) from errtrack_private.audit where action like 'tracker.%' group by 1 order by 1)) ],
    [ 'tracker.resume 1', 'tracker.test 4' ], 'who did it is noted';

$t->done;
