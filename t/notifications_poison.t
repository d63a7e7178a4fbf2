# What cannot be told, or watched, keeps nothing else from it: neither a row that makes no
# sense, nor a project all of whose channels hang.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $project = $t->{project}{id};
my $receiver = $t->add_receiver(['good']);
my $other = $t->create_project('other', 'acme')->{id};
$t->sql(q(insert into errtrack_private.channels (project_id, name, kind, files)
    select $1, 'hangs ' || n, 'webhook', '{"url": "hangs"}' from generate_series(1, 20) n), $other);
ErrTrack::Process::write_file("$t->{dir}/secrets/hangs", $receiver->url('/hangs') . "\n");
$receiver->answer('/hangs', 'hang');

# A rule of a time zone that is no more, tags that are no lists, an event that is none.
$t->sql(q(insert into errtrack_private.alert_rules (project_id, name, kind, muted_from, muted_until, timezone, tags) values
    ($1, 'zone', 'regression', '01:00', '02:00', 'Nowhere/City', null),
    ($1, 'tags', 'unignored', null, null, 'UTC', '{"browser": 7}'),
    ($1, 'new', 'new_issue', null, null, 'UTC', null)), $project);
$t->sql(q(insert into errtrack_private.alert_rules (project_id, name, kind, events, minutes, muted_from, muted_until, timezone)
    values ($1, 'often', 'frequency', 1, 60, '01:00', '02:00', 'Nowhere/City')), $project);
$t->sql(q(insert into errtrack_private.outbox (project_id, kind, details) values ($1, 'new_issue', '{}')), $other);
$t->queue({ message => 'first' });
$t->start_worker(args => [ $t->notifying ]);
eventually { $receiver->requests('/good') == 1 } 'a message arrives while those of another project hang';
my $issue = $t->sql_value('select issue_id from errtrack.issues');
$t->sql(q(insert into errtrack_private.outbox (project_id, issue_id, kind, details) values
    ($1, $2, 'new_issue', '{"event_id": "none"}'), ($1, $2, 'regression', '{}'), ($1, $2, 'unignored', '{}'), ($1, $2, 'new_issue', '{"rule_id": "x"}')),
    $project, $issue);
$t->queue({ message => 'second' });
eventually { $receiver->requests('/good') == 2 } 'so does the next one, after rows that cannot be told';
is +($receiver->messages('/good'))[1]{issue}{title}, 'second', 'it is the right one';
like $t->worker->log_text, qr/cannot be told: \w+ of issue $issue of project $project: /, 'the log says which and why';
is $t->sql_value(q(select count(*) from errtrack_private.outbox where project_id = $1), $project), 0, 'they are gone';
cmp_ok scalar $receiver->requests('/hangs'), '<=', 3, 'of the project that hangs three are tried at a time';
$t->expect_log(qr/cannot be told/);

$t->done;
