# Issues are merged and taken apart again: counts, buckets and lists follow, a user counts
# once, later events of all of them go where they are shown, and no event moves. The id of
# one that was merged leads to where it is shown.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->{project}{id};

my $count = 0;

sub events {
    my ($message, @users) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue({ message => $message, user => { id => $_ }, release => "$message-$_", tags => { n => $_ } }) for @users;
    $count += @users;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } scalar(@users) . " events of $message are filed";
    return;
}

# [ events, users, status ] of an issue as it is shown; nothing when it is not.
sub shown {
    my ($issue) = @_;
    my ($row) = $t->sql('select event_count, user_count, status from errtrack.issues where issue_id = $1', $issue);
    return $row;
}

# Where the id of an issue leads over either API.
sub leads {
    my ($issue) = @_;
    my @answers = ($t->api(GET => "/projects/$project/errors/$issue"), $t->sentry(GET => "/issues/$issue/"));
    return [ map { $_->status == 200 ? $_->json->{fingerprint} // $_->json->{id} : $_->status } @answers ];
}

my $origin_of = sub { join ' ', map { "@$_" } $t->sql(
    'select origin_id, count(*) from errtrack_private.occurrences group by 1 order by 1') };

events('one', 1, 2, 3);
events('two', 2, 3, 4, 5);
events('three', 5, 6);
my ($one, $two, $three) = map { $t->sql_value('select issue_id from errtrack.issues where title = $1', $_) } qw(one two three);
my $origins = $origin_of->();

$t->errtrack(qw(issue merge shop), $one, $two, '--by', 'ann');
is_deeply shown($one), [ 7, 5, 'unresolved' ], 'a merged issue has the events of both, and each user once';
is shown($two), undef, 'the other is not shown';
is_deeply leads($two), [ $one, $one ], 'its id leads to the one that shows it';
is_deeply leads(999_999), [ 404, 404 ], 'that of none leads nowhere';
is_deeply [ map { $_->{fingerprint} } @{ $t->api(GET => "/projects/$project/errors")->json } ], [ $three, $one ], 'a list has what is left';
is scalar @{ $t->api(GET => "/projects/$project/errors/$one/events?limit=100")->json }, 7, 'all events are listed under it';
is $t->sql_value('select title from errtrack.issues where issue_id = $1', $one), 'two', 'it is called as its newest event';
is $t->sql_value('select first_release || $2 || last_release from errtrack.issues where issue_id = $1', $one, ' '), 'one-1 two-5',
    'its releases are the first and the last of both';
is $t->sql_value(q{select string_agg(value || ':' || events, ' ' order by value) from errtrack.issue_tags
    where issue_id = $1 and key = 'n'}, $one),
    '1:1 2:2 3:2 4:1 5:1', 'tags are added up';
is $origin_of->(), $origins, 'no event has moved';

events('two', 1, 5);
is_deeply shown($one), [ 9, 5, 'unresolved' ], 'later events of both are counted there, users whom either knows are not';
events('one', 7);
events('two', 7);
is_deeply shown($one), [ 11, 6, 'unresolved' ], 'a user whom both see counts once';

$t->errtrack(qw(issue resolve shop), $one);
events('two', 2);
is_deeply shown($one), [ 12, 6, 'unresolved' ], 'an event of either reopens it';
is $t->api(PUT => "/projects/$project/errors/$two", json => { status => 'ignored' })->json->{fingerprint}, $one, 'it is changed by the id of the other';
is shown($one)->[2], 'ignored', '... which it shows';
is $t->sentry(PUT => "/issues/$two/", json => { status => 'unresolved' })->json->{id}, $one, 'by that over the other API';
is shown($one)->[2], 'unresolved', '... too';

$t->errtrack(qw(issue merge shop), $three, $one);
is_deeply shown($three), [ 14, 7, 'unresolved' ], 'a merged issue is merged on';
is_deeply [ map { leads($_)->[0] } $one, $two, $three ], [ ($three) x 3 ], 'and its id leads on';
is $t->sql_value('select sum(events) from errtrack_private.counts_1h'), 14, 'buckets are as they were';

is $t->errtrack(qw(issue unmerge shop), $two), "issue $two is apart from $three again\n", 'one is taken out';
is_deeply shown($two), [ 8, 6, 'unresolved' ], 'with what it had and what came for it since';
is_deeply shown($three), [ 6, 6, 'unresolved' ], 'the rest stays together';
is shown($one), undef, 'in one issue';
is_deeply [ map { leads($_)->[0] } $one, $two, $three ], [ $three, $two, $three ], 'an id leads to the issue itself again';
events('two', 9);
is_deeply shown($two), [ 9, 7, 'unresolved' ], 'later events go to it';
is_deeply shown($three), [ 6, 6, 'unresolved' ], 'and not to the others';
$t->errtrack(qw(issue unmerge shop), $one);
is_deeply [ map { [ @{ shown($_) }[ 0, 1 ] ] } $one, $three ], [ [ 4, 4 ], [ 2, 2 ] ], 'the other too';
is_deeply [ map { leads($_)->[0] } $one, $two, $three ], [ $one, $two, $three ], 'each id leads to its own';
is $origin_of->(), "$one 4 $two 9 $three 2", 'each event is where it was filed';

my $history = sub { join ', ', map { "$_->[0] $_->[1]" } $t->sql(q{select what, coalesce(details ->> 'issues', details ->> 'into', details ->> 'issue', '')
    from errtrack.issue_history where issue_id = $1 and what ~ 'merged' order by entry_id}, $_[0]) };
is $history->($one), "merged [$two], merged_away $three, unmerged_from $three", 'the history of the first';
is $history->($two), "merged_away $one, unmerged_from $three", 'of the second';
is $history->($three), "merged [$one], unmerged [$two], unmerged [$one]", 'and of the third';

for my $wrong ([ merge => $one, $one ], [ merge => $one, 999 ], [ merge => 999, $one ], [ unmerge => $one ], [ unmerge => 999 ]) {
    ok !eval { $t->errtrack('issue', $wrong->[0], 'shop', @$wrong[ 1 .. $#$wrong ]); 1 }, "@$wrong[0, 1] is refused";
}

# While events come: nothing is counted at two places, or nowhere.
$t->start_worker(name => 'second');
for my $round (1 .. 6) {
    $t->queue({ message => $_, user => { id => 'u' . $round % 4 } }) for (qw(one two three)) x 20;
    $count += 60;
    $t->errtrack(qw(issue merge shop), $one, $two) if $round % 2;
    $t->errtrack(qw(issue unmerge shop), $two) if !($round % 2);
}
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'events are filed while issues are merged and taken apart';
is_deeply [ map { $_->[0] } $t->sql(q{select i.issue_id from errtrack.issues i
    join (select issue_id, count(*) as events, count(distinct user_hash) as users from errtrack.occurrences group by 1) o using (issue_id)
    where i.event_count <> o.events or i.user_count <> o.users}) ], [], 'and every count is that of the events';

$t->done;
