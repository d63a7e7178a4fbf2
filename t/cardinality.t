# Releases, environments, keys and values of tags are bounded: what is beyond the limits is
# counted as (other), so that nobody fills tables by making up names, and sums stay exact.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);
my $count = 0;
my $project = $t->project->{id};

# Files all events in one go.
sub file {
    my ($label, @events) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue($_, project => $project) for @events;
    $count += @events;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } $label;
    return;
}

sub counts {
    my ($sql, @values) = @_;
    return { map { ($_->[0] => 0 + $_->[1]) } $t->sql($sql, @values) };
}

# With tags that are not folded as with those that are. Every event has a level.
sub tags {
    return counts(q{select key || '=' || value, sum(events) from errtrack.issue_tags
        where project_id = $1 and key <> 'level' group by 1}, $project);
}
sub folded { return eventually { $t->sql_value('select count(*) from errtrack_private.tag_facts') == 0 } 'tags are folded' }

is_deeply { map { @$_{qw(name value)} } @{ $t->errtrack(qw(limit list shop --json)) } },
    { releases => 10000, environments => 100, tag_keys => 200, tag_values => 1000, new_issues => 1000, new_issues_alike => 100, upload_bytes => 5368709120, bodies => 10000 },
    'there are limits without anybody setting them';

# ---- releases and environments ------------------------------------------------------

$t->errtrack(qw(limit set shop), @$_) for [ releases => 3 ], [ environments => 2 ];
file('releases within the limit', map { { message => 'x', release => "r$_", environment => 'e' . $_ % 2 } } 1 .. 3);
file('and beyond it', map { { message => 'x', release => "r$_", environment => "e$_" } } 1 .. 6);
is_deeply counts('select release, count(*) from errtrack.occurrences group by 1'), { r1 => 2, r2 => 2, r3 => 2, '(other)' => 3 },
    'releases that were there are counted by name, the others together';
is_deeply counts('select environment, count(*) from errtrack.occurrences group by 1'), { e0 => 1, e1 => 3, '(other)' => 5 },
    'environments too';
is_deeply counts('select release, 1 from errtrack.releases'), { r1 => 1, r2 => 1, r3 => 1 }, 'there are no more than the limit';
file('a client that says (other)', { message => 'x', release => '(other)', environment => '(other)' });
is $t->sql_value('select count(*) from errtrack.releases'), 3, 'gets no place by it';
is $t->sql_value(q{select body ->> 'release' from errtrack_private.payloads where body ->> 'release' = 'r6'}), 'r6', 'a body says what was sent';

# Many at once, from two workers: the limit is not passed.
my $other = $t->create_project('other', 'acme');
$t->errtrack(qw(limit set other releases 50));
$t->worker->stop;
$t->queue({ message => 'y' . $_ % 7, release => 'r' . $_ % 120 }, project => $other->{id}) for 1 .. 600;
$count += 600;
$t->worker->start;
$t->start_worker(name => 'second');
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'two workers file 120 releases', timeout => 60;
is $t->sql_value('select count(*) from errtrack.releases where project_id = $1', $other->{id}), 50, 'there are as many as the limit says';
is_deeply counts(q{select case when release = '(other)' then release else 'named' end, count(*) from errtrack.occurrences where project_id = $1 group by 1}, $other->{id}),
    { named => 250, '(other)' => 350 }, 'five events of each of them, the rest together';
$t->worker('second')->stop;

# ---- tags ---------------------------------------------------------------------------

$project = $t->create_project('tagged', 'acme')->{id};
$t->errtrack(qw(limit set tagged), @$_) for [ tag_keys => 4 ], [ tag_values => 4 ];
file('events with tags', map { { message => 'x', tags => { color => "c$_", size => 'L', 'odd "key"' => 1, quote => qq("\\{$_},) } } } 1 .. 2);
is_deeply tags(), { 'color=c1' => 1, 'color=c2' => 1, 'size=L' => 2, 'quote="\\{1},' => 1, 'quote="\\{2},' => 1 },
    'tags are counted at once, those with impossible keys are not';
folded();
is_deeply tags(), { 'color=c1' => 1, 'color=c2' => 1, 'size=L' => 2, 'quote="\\{1},' => 1, 'quote="\\{2},' => 1 },
    'when they are folded the counts are the same';
is $t->sql_value('select count(*) from errtrack_private.tag_keys where project_id = $1', $project), 4, 'that is as many keys as there may be';
file('more keys and values', map { { message => 'x', tags => [ [ color => "c$_" ], [ color => 'twice' ], [ "made-up-$_" => 1 ] ] } } 1 .. 9);
folded();
is_deeply tags(), { 'color=c1' => 2, 'color=c2' => 2, 'color=c3' => 1, 'color=c4' => 1, 'color=(other)' => 5, '(other)=(other)' => 9,
    'size=L' => 2, 'quote="\\{1},' => 1, 'quote="\\{2},' => 1 }, 'what is beyond the limits is counted as (other)';
is $t->sql_value('select max(size) from errtrack_private.tag_sets where project_id = $1', $project), 4, 'no set has more values than it may';
file('another issue', map { { message => 'z', tags => { color => "z$_" } } } 1 .. 3);
folded();
is_deeply counts(q{select t.value, t.events from errtrack.issue_tags t join errtrack.issues i using (project_id, issue_id)
    where title = 'z' and t.key = 'color'}),
    { z1 => 1, z2 => 1, z3 => 1 }, 'has values of its own';

# Folding is exact however it is ended, and whoever does it.
$t->errtrack(qw(limit set tagged tag_values none));
my $killed;
$t->start_worker(name => $_) for qw(second third);
for my $round (1 .. 4) {
    $t->queue({ message => 'x', tags => { round => $_ % 10, all => 'one' } }, project => $project) for 1 .. 200;
    $count += 200;
    $t->worker('second')->kill;
    $t->worker('second')->start;
}
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } 'workers are killed while they file and fold', timeout => 60;
folded();
is tags()->{'(other)=(other)'}, 9 + 4 * 200 * 2, 'and each tag is counted once';

for my $wrong ([ keys => 1 ], [ releases => -1 ], [ releases => 'many' ]) {
    ok !eval { $t->errtrack(qw(limit set shop), @$wrong); 1 }, "a limit of @$wrong is refused";
}
ok !eval { $t->errtrack(qw(limit set shop releases), '1' . '0' x 12); 1 }, 'a number that is too large is';
like $@, qr/a limit is a number from 0 to 999999999999, none or default, "10{12}" is not/, 'and the range is told';

$t->done;
