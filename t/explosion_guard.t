# A project that makes too many new issues in an hour files further new errors under one issue
# that says so. Known errors go on as before, other projects do not notice, nothing is lost.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => ['--no-notifications'] });
my $project = $t->{project}{id};
my $other = $t->create_project('other', 'acme');

# All in one hour of the edge, whatever the clock says.
my $at = 1_000_000 * (3600 * int(time / 3600) - 7200);
my $count = 0;
my @words = map { my $a = $_; map { "$a$_" } 'a' .. 'z' } 'a' .. 'z';

sub file {
    my ($label, $project, @messages) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue({ message => $_, user => { id => $_ } }, project => $project->{id}, at => $at++) for @messages;
    $count += @messages;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } $label, timeout => 60;
    return;
}

my $issues = sub { $t->sql_value('select count(*) from errtrack.issues where project_id = $1', $_[0]{id}) };
my $overflow = sub { my ($row) = $t->sql('select title, event_count, user_count, status from errtrack.issues where overflow and project_id = $1', $project); $row };

$t->errtrack(qw(limit set shop new_issues 10));
file('as many new errors as there may be', $t->{project}, @words[ 0 .. 9 ]);
is $issues->($t->{project}), 10, 'are as many issues';
is $overflow->(), undef, 'and no overflow';

file('further ones', $t->{project}, @words[ 10 .. 59 ]);
is $issues->($t->{project}), 11, 'make one issue';
is_deeply $overflow->(), [ 'Overflow: more than 10 new errors in an hour', 50, 50, 'unresolved' ], 'which says what it is';
my ($shown) = grep { $_->{name} =~ /^Overflow/ } @{ $t->api(GET => "/projects/$project/errors?limit=100")->json };
is $shown->{event_count}, 50, 'people see it in their list';
is $t->sql_value('select count(*) from errtrack_private.outbox where kind = $1', 'new_issue'), 11, 'and are told of it once';

file('known errors and those of the overflow', $t->{project}, @words[ 0 .. 4, 10 .. 14 ]);
is $t->sql_value('select sum(event_count) from errtrack.issues where not overflow'), 15, 'known ones are counted where they were';
is $overflow->()->[1], 55, 'the others in the overflow';

file('errors of another project', $other, @words[ 0 .. 39 ]);
is $issues->($other), 40, 'are not concerned';

# Two workers, and all in one batch.
$t->start_worker(name => 'second', args => ['--no-notifications']);
my $third = $t->create_project('third', 'acme');
$t->errtrack(qw(limit set third new_issues 7));
$t->queue({ message => $words[ $_ % 300 ] }, project => $third->{id}, at => $at++) for 1 .. 900;
$count += 900;
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'two workers file 300 errors', timeout => 60;
is $issues->($third), 8, 'the limit is not passed';
is $t->sql_value('select count(*) from errtrack_private.hashes where project_id = $1', $third->{id}), 300, 'each error is known';
is $t->sql_value('select sum(event_count) from errtrack.issues where project_id = $1', $third->{id}), 900, 'each event is counted';

# An hour is one of the edge.
$t->queue({ message => 'earlier' }, at => $at - 3_600_000_000);
$count++;
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'a new error of another hour is filed';
is $t->sql_value('select count(*) from errtrack.issues where title = $1', 'earlier'), 1, 'as an issue';

# What was put there can be taken out.
my $issue = $t->sql_value('select issue_id from errtrack.issues where overflow and project_id = $1', $project);
my ($hash) = map { $_->{hash} } grep { $_->{title} eq $words[12] } @{ $t->errtrack(qw(issue hashes shop), $issue, '--json') };
$t->errtrack(qw(issue split shop), $issue, $hash);
is $t->sql_value('select event_count from errtrack.issues where title = $1 and project_id = $2', $words[12], $project), 2, 'an error is split off with its events';

# In one batch with a project that has no limit.
$t->errtrack(qw(limit set shop new_issues none));
$t->worker($_)->stop for qw(worker second);
for my $word (@words[ 400 .. 419 ]) {
    $t->queue({ message => $word }, project => $_->{id}, at => $at++) for $t->{project}, $third;
}
$t->worker->start;
$count += 40;
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'errors of two projects are filed at once';
is $issues->($third), 8, 'the limit of one holds';
is $issues->($t->{project}), 13 + 20, 'where there is none each error is an issue';
file('without the guard', $t->{project}, @words[ 100 .. 130 ]);
is $issues->($t->{project}), 13 + 20 + 31, 'each new error is an issue';

$t->done;
