# A hash that is split off an issue takes its events with it: those that come at once, those
# that are kept step by step, with what they count for, while other events are filed.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);
my $project = $t->{project}{id};

my $count = 0;

sub events {
    my ($how_many, $what) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for my $number (1 .. $how_many) {
        $t->queue({ message => $what, release => "$what-release", user => { id => $what eq 'stays' ? $number % 7 : 3 + $number % 5 } },
            at => 1_000_000 * (time - 3600 * ($number % 40)) + $number);
    }
    $count += $how_many;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } "$how_many events are filed", timeout => 60;
    return;
}

sub facts {
    return [ map { "@$_" } $t->sql(q{
        select i.issue_id, i.event_count, i.user_count, i.first_release, i.last_release, i.first_seen = o.first_seen, i.last_seen = o.last_seen,
               b.events, f.events
        from errtrack.issues i
        join lateral (select min(occurred_at) as first_seen, max(occurred_at) as last_seen from errtrack.occurrences o where o.issue_id = i.issue_id) o on true
        join lateral (select sum(c.events) as events from errtrack_private.counts_1h c join errtrack_private.origins g on g.id = c.origin_id where g.issue_id = i.issue_id) b on true
        join lateral (select coalesce(sum(c.events), 0) as events from errtrack_private.counts_5m c join errtrack_private.origins g on g.id = c.origin_id where g.issue_id = i.issue_id) f on true
        order by i.issue_id}) ];
}

# The explosion guard puts both under one issue.
$t->errtrack(qw(limit set shop new_issues 0));
events(500, 'stays');
events(300, 'goes');
my $issue = $t->sql_value('select issue_id from errtrack.issues');
my @hashes = @{ $t->errtrack(qw(issue hashes shop), $issue, '--json') };
is_deeply [ sort map { $_->{title} } @hashes ], [qw(goes stays)], 'an issue has two hashes';
my ($hash) = map { $_->{hash} } grep { $_->{title} eq 'goes' } @hashes;
my $fine = $t->sql_value('select sum(events) from errtrack_private.counts_5m');

# Steps of 100, with events that come meanwhile. As long as a transaction that is older than
# the split goes on, no worker takes a step.
my $older = $t->sql_session;
$older->('begin; select pg_current_xact_id();');
my ($split) = $t->sql('select * from errtrack_private.begin_split($1, $2, $3::uuid, $4)', $project, $issue, $hash, 'ann');
my ($number, $new) = @$split;
is $t->sql_value('select total from errtrack_private.splits'), 800, 'it is known how many events there are to look at';
events(10, 'goes');
cmp_ok $t->sql_value('select count(*) from errtrack.occurrences where issue_id = $1', $new), '>', 0, 'events that come go to the new issue at once';
$t->worker->stop;
$older->('rollback;');
is $t->sql_value('select errtrack_private.split_step($1, $2, 100)', $project, $number), 'f', 'a step is not the last';
cmp_ok $t->sql_value('select looked_at from errtrack_private.splits'), '<', 800, 'it tells how far it is';
is $t->sql_value('select sum(event_count) from errtrack.issues'), $count, 'no event is counted twice meanwhile';
is $t->sql_value('select sum(events) from errtrack_private.counts_1h'), $count, 'in no bucket';
$t->worker->start;
$t->queue({ message => $_, user => { id => 'late' } }) for ('stays', 'goes') x 10;
$count += 20;
eventually { $t->sql_value('select count(*) from errtrack_private.splits') == 0 } 'a worker goes on with it';
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'while events are filed';

my $old = facts();
is scalar @$old, 2, 'there are two issues';
like $old->[0], qr/^$issue 510 8 stays-release stays-release t t 510 \d+$/, 'what stays, with its users and times';
like $old->[1], qr/^$new 320 6 goes-release goes-release t t 320 \d+$/, 'what went, with its own';
is $t->sql_value('select count(*) from errtrack.occurrences o join errtrack_private.hashes h on h.project_id = o.project_id
    and h.hash = (select x.hash from errtrack_private.occurrences x where x.event_id = o.event_id)
    join errtrack_private.origins g on g.id = h.origin_id where g.issue_id <> o.issue_id'), 0, 'each event is where its hash is';
is $t->sql_value('select title from errtrack.issues where issue_id = $1', $new), 'goes', 'the new issue is called as its events';
is $t->sql_value('select sum(events) from errtrack_private.counts_5m'), $fine + 30, 'fine buckets keep their sum';
is $t->sql_value('select what || $2 || (details ->> $3) from errtrack.issue_history where issue_id = $1 order by entry_id desc limit 1', $issue, ' ', 'into'),
    "split $new", 'the history says where it went';
is $t->sql_value('select what || $2 || who from errtrack.issue_history where issue_id = $1 order by entry_id limit 1', $new, ' '), 'split_off ann',
    'and who did it';

# The command shows how far it is, and ends when it is done.
my $fresh = $t->errtrack(qw(issue hashes shop), $new, '--json');
ok !eval { $t->errtrack(qw(issue split shop), $new, $hash); 1 }, 'the only hash of an issue cannot be split off';
ok !eval { $t->errtrack(qw(issue split shop), $issue, '0' x 32); 1 }, 'nor one that is not there';
events(50, 'leaves');
my ($leaves) = map { $_->{hash} } grep { $_->{title} eq 'leaves' } @{ $t->errtrack(qw(issue hashes shop), $issue, '--json') };
like $t->errtrack(qw(issue split shop), $issue, $leaves), qr/^issue \d+ is split off from $issue$/, 'the command does it all';
is join(' ', map { $_->[0] } $t->sql('select event_count from errtrack.issues order by issue_id')), '510 320 50', 'with all events';
is $t->sql_value('select count(*) from errtrack_private.splits'), 0, 'nothing is left to do';

$t->done;
