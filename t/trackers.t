# An issue is made in GitLab from an issue here, once, linked, closed when that is resolved
# and opened again when it comes back.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
my $project = $t->{project}{id};
my $gitlab = $t->add_receiver([], program => [ root() . '/t/lib/gitlab_issues', 'token-of-gitlab' ]);
write_file("$t->{dir}/secrets/gitlab-token", "token-of-gitlab\n");
write_file("$t->{dir}/secrets/gitlab-token.for", $gitlab->url('/acme/shop') . "\n");
$t->sql(q(insert into errtrack_private.trackers (project_id, provider, url, external_id) values ($1, 'gitlab', $2, 7)),
    $project, $gitlab->url('/acme/shop'));
$t->sql(q(insert into errtrack_private.channels (project_id, name, kind, provider, files, settings)
    values ($1, 'gitlab', 'tracker', 'gitlab', '{"token": "gitlab-token"}', '{"creates": true, "labels": ["errors", "shop"]}')), $project);
$t->start_worker(args => [ $t->notifying, '--public-url', 'https://errors.example.com' ]);
$t->wait_for_key;

my $done = sub { join ' ', map { "$_->{method}:$_->{status}" } grep { $_->{method} ne 'GET' } $gitlab->requests };
my $told = sub { $t->sql_value(q(select count(*) from errtrack_private.notifications where state = 'sent')) };

is $t->store({ message => "boom \@all\n/close" })->status, 200, 'an error is reported';
eventually { $told->() == 1 } 'it is told to GitLab';
is $done->(), 'POST:201', 'where an issue is made';
my ($request) = grep { $_->{method} eq 'POST' } $gitlab->requests;
my $made = JSON::PP::decode_json($request->{body});
like $made->{title}, qr/boom/, 'with its title';
like $made->{description}, qr{https://errors\.example\.com/acme/shop/issues/}, 'and where it came from';
unlike $made->{description}, qr{^/}m, 'nothing of it is a quick action';
is ref $made->{labels} ? join(',', @{ $made->{labels} }) : $made->{labels}, 'errors,shop', 'it has the labels of the tracker';
my $issue = $t->sql_value('select issue_id from errtrack.issues');
my $shown = $t->sentry(GET => "/issues/$issue/")->json;
is $shown->{pluginIssues}[0]{issue}{url}, $gitlab->url('/acme/shop/-/issues/88'), 'the issue here shows the one there';
like $shown->{annotations}[0], qr{/acme/shop/-/issues/88"}, 'in both forms';

$t->errtrack(qw(issue resolve shop), $issue, '--by', 'ann');
eventually { $told->() == 2 } 'when it is resolved, GitLab is told';
like $done->(), qr/^POST:201 (?:POST:201 )?PUT:200(?: POST:201)?$/, 'which closes its issue';
my ($state) = map { JSON::PP::decode_json($_->{body})->{state_event} } grep { $_->{method} eq 'PUT' } $gitlab->requests;
is $state, 'close', 'as the API says';

is $t->store({ message => "boom \@all\n/close" })->status, 200, 'it comes back';
eventually { $told->() == 3 } 'GitLab is told';
($state) = map { JSON::PP::decode_json($_->{body})->{state_event} } (grep { $_->{method} eq 'PUT' } $gitlab->requests)[-1];
is $state, 'reopen', 'and opens the issue again';
is scalar(grep { $_->{status} >= 400 } $gitlab->requests), 0, 'it never had to refuse a request';

# What was sent when the worker died is found and not made anew.
$t->sql(q(update errtrack_private.channels set last_attempt_at = now()));
$t->sql(q(delete from errtrack_private.issue_links));
$t->sql(q(update errtrack_private.notifications set state = 'waiting', attempts = 0 where kind = 'create'));
is $t->sql_value(q(select count(*) from errtrack_private.next_notifications('{}', 8))), 0, 'what may still be being made is left alone at first';
$t->sql(q(update errtrack_private.channels set last_attempt_at = now() - interval '41 seconds'));
eventually { $told->() == 3 } 'a task that is done again';
is scalar(grep { $_->{method} eq 'POST' && $_->{path} =~ m{/issues$} } $gitlab->requests), 1, 'makes no second issue';
is $t->sql_value('select reference from errtrack_private.issue_links'), '88', 'and links the first';

# Resolved before it was made there.
$t->sql(q(update errtrack_private.channels set next_attempt_at = 'infinity'));
is $t->store({ message => 'short' })->status, 200, 'one more error';
eventually { $t->sql_value(q(select count(*) from errtrack_private.notifications where state = 'waiting')) == 1 } 'waits to be told';
$t->errtrack(qw(issue resolve shop), $t->sql_value('select issue_id from errtrack.issues where title = $1', 'short'));
$t->sql(q(update errtrack_private.channels set next_attempt_at = '-infinity'));
eventually { ($t->sql_value(q(select string_agg(kind, ' ' order by id) from errtrack_private.notifications
    where issue_id = (select issue_id from errtrack.issues where title = 'short') and state = 'sent')) // '') eq 'create close' }
    'and does not stay open there';

$t->done;
