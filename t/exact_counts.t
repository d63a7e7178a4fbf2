# Three workers on one stream, of which one is killed now and then: events that were sent
# twice, also on both sides of midnight, and entries that were handed out again count once, in
# every counter. ERRTRACK_SEED repeats a run.

use strict;
use warnings;

use JSON::PP ();
use List::Util qw(shuffle);
use Test::More;

use ErrTrack;

my $seed = $ENV{ERRTRACK_SEED} // time;
srand $seed;
note "ERRTRACK_SEED=$seed";

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0, nginx => 0);
my @workers = qw(first second third);

my ($events, $kills) = (5000, 10);
my $midnight = 86_400 * int(time / 86_400) - 86_400;
my @words = map { my $a = $_; map { "$a$_" } 'a' .. 'j' } 'p' .. 's';

# ---- what is sent -----------------------------------------------------------------

# One event, and everything that it counts for. Every other error is an exception with one
# of two hashes of its own and one that both have in common.
sub event {
    my ($number) = @_;
    my $word = $words[ rand @words ];
    my %fact = (id => sprintf('%08x%024x', $seed & 0xffffffff, $number), user => 'user-' . int rand 60, release => 'r' . int rand 12,
        tags => { browser => 'b' . int rand 5, page => 'p' . int rand 20 });
    my @in_app = rand() < 0.5 ? (JSON::PP::true, JSON::PP::false) : (JSON::PP::false, JSON::PP::true);
    my $frames = [ map { { module => 'shop', function => $_ . $word, in_app => shift @in_app } } qw(call work) ];
    my %error = ord($word) % 2
        ? (title => "$word: broken", exception => { values => [ { type => $word, value => 'broken', stacktrace => { frames => $frames } } ] })
        : (title => $word, message => $word);
    $fact{title} = delete $error{title};
    $fact{event} = { %error, event_id => $fact{id}, user => { id => $fact{user} }, release => $fact{release}, tags => $fact{tags} };
    return \%fact;
}

# When an edge took it in: now, or in the hours around midnight.
sub taken_at { return rand() < 0.7 ? time - int rand 7200 : $midnight - 3600 + int rand 7200 }

my (%sent, @deliveries);
for my $number (1 .. $events) {
    my $fact = $sent{ sprintf '%08x%024x', $seed & 0xffffffff, $number } = event($number);
    my $at = taken_at();
    my @at = ($at);
    # Sent twice: in the same minutes, or on the other side of midnight.
    push @at, abs($at - $midnight) < 3600 ? 2 * $midnight - $at : $at + int rand 60 if rand() < 0.05;
    push @deliveries, map { { fact => $fact, at => $_, delivery => sprintf '%08x%08x%016x', $seed & 0xffffffff, $number, scalar rand 0x7fffffff } } @at;
}
@deliveries = shuffle @deliveries;
# Handed over twice by the edge, as when Redis answered too late.
my @entries = map { rand() < 0.02 ? ($_, $_) : $_ } @deliveries;

sub enqueue {
    my ($each) = @_;
    return $t->queue($each->{fact}{event}, at => 1_000_000 * $each->{at}, id => $each->{delivery});
}

# All begin at once with errors that are new to all of them.
my @first = splice @entries, 0, 300;
enqueue($_) for @first;
my $lock = $t->sql_session;
$lock->('begin; lock table errtrack_private.deliveries in access exclusive mode;');
$t->start_worker(name => $_, args => [ '--claim-after', 1, '--batch', 50 ]) for @workers;
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where usename = 'errtrack_worker' and wait_event_type = 'Lock'}) == 3;
} 'three workers have a batch each';
$lock->('commit;');

my %kill_at;
$kill_at{ int rand @entries } = 1 while keys %kill_at < $kills;
for my $place (0 .. $#entries) {
    enqueue($entries[$place]);
    next if !$kill_at{$place};
    my $victim = $workers[ rand @workers ];
    $t->worker($victim)->kill;
    $t->worker($victim)->start;
}
eventually { $t->redis('XLEN', 'errtrack:{q0}:events') == 0 } 'the queue is emptied', timeout => 120;
eventually { $t->sql_value('select count(*) from errtrack_private.tag_facts') == 0 } 'tags are folded', timeout => 60;

# ---- what it comes to -------------------------------------------------------------

is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is a dead letter';
unlike $t->postgres->log_text, qr/deadlock detected/, 'no worker waited for another in a circle';
unlike join('', map { $t->worker($_)->log_text } @workers), qr/retrying|one by one/, 'or had to file a batch again';

my @filed = $t->sql(q{select replace(event_id::text, '-', ''), extract(epoch from received_at)::bigint from errtrack.occurrences});
is scalar(@filed), $events, 'each event is filed';
my %at = map { @$_ } @filed;
is_deeply [ sort keys %at ], [ sort keys %sent ], 'once';
my %possible;
$possible{ $_->{fact}{id} }{ $_->{at} } = 1 for @deliveries;
is_deeply [ grep { !$possible{$_}{ $at{$_} } } keys %at ], [], 'at a time when it was taken in';

# Counts of our own, by what was sent and which of two was filed.
my %own;
for my $id (keys %at) {
    my ($fact, $at) = ($sent{$id}, $at{$id});
    my $title = $fact->{title};
    $own{events}{$title}++;
    $own{users}{$title}{ $fact->{user} } = 1;
    $own{hours}{ "$title " . 3600 * int($at / 3600) }++;
    $own{minutes}{ "$title " . 300 * int($at / 300) }++ if $at > time - 5 * 3600;
    $own{tags}{"$title $_ $fact->{tags}{$_}"}++ for keys %{ $fact->{tags} };
    $own{releases}{ $fact->{release} } = 1;
    $own{ledger}{ 'stored ' . 3600 * int($at / 3600) }++;
}
my %delivered;
$delivered{ 3600 * int($_->{at} / 3600) }++ for @deliveries;
for my $hour (keys %delivered) {
    my $duplicates = $delivered{$hour} - ($own{ledger}{"stored $hour"} // 0);
    $own{ledger}{"duplicate $hour"} = $duplicates if $duplicates;
}

sub rows {
    my ($sql) = @_;
    return { map { ($_->[0] => 0 + $_->[1]) } $t->sql($sql) };
}

my $by_title = 'join errtrack_private.origins o on o.project_id = c.project_id and o.id = c.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id';
is_deeply rows('select title, event_count from errtrack.issues'), $own{events}, 'issues have their events';
is_deeply rows('select title, user_count from errtrack.issues'), { map { ($_ => scalar keys %{ $own{users}{$_} }) } keys %{ $own{users} } },
    'and their users';
is_deeply rows(qq{select i.title || ' ' || extract(epoch from c.bucket)::bigint, sum(c.events) from errtrack_private.counts_1h c $by_title group by 1}),
    $own{hours}, 'buckets of an hour are exact';
is_deeply rows(qq{select i.title || ' ' || extract(epoch from c.bucket)::bigint, sum(c.events) from errtrack_private.counts_5m c $by_title
    where c.bucket > now() - interval '5 hours' group by 1}), $own{minutes}, 'those of five minutes too';
is_deeply rows(q{select i.title || ' ' || t.key || ' ' || t.value, sum(t.events) from errtrack.issue_tags t
    join errtrack.issues i using (project_id, issue_id) where t.key in ('browser', 'page') group by 1}), $own{tags}, 'and tags';
is_deeply rows('select release, 1 from errtrack.releases'), $own{releases}, 'each release is known';
is_deeply rows(q{select outcome || ' ' || extract(epoch from hour)::bigint, sum(items) from errtrack.outcomes group by 1}), $own{ledger},
    'the ledger has each delivery once';
is_deeply rows(q{select i.title, count(*) from errtrack.issue_history h join errtrack.issues i using (project_id, issue_id)
    where h.what = 'new' group by 1}), { map { ($_ => 1) } keys %{ $own{events} } }, 'each issue is new once';
is $t->sql_value('select count(*) from errtrack_private.outbox'), scalar keys %{ $own{events} }, 'and told once';

$t->done;
