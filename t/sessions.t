# Release health: a session is counted once, by the state that it ends in, whatever the order
# of its updates and however often they come; users by day; counts that SDKs add up.

use strict;
use warnings;

use List::Util qw(shuffle);
use POSIX ();
use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project->{id};
my $start = time - 600;

sub iso { return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime shift) }

# An item of one session.
sub update {
    my ($release, %members) = @_;
    return [ session => { sid => random_hex(16), started => iso($start), attrs => { release => $release, environment => 'live' },
        %members } ];
}

sub report { return $t->envelope(@_)->status }

# "started exited errored crashed abnormal" of a release.
sub health {
    my ($release) = @_;
    return join ' ', map { "@$_" } $t->sql(q{select sum(started), sum(exited), sum(errored), sum(crashed), sum(abnormal)
        from errtrack.release_health where release = $1}, $release);
}

sub users {
    my ($release) = @_;
    return join ' ', map { "@$_" } $t->sql(q{select sum(users), sum(crashed_users) from errtrack.release_users where release = $1}, $release);
}

sub booked {
    my ($what) = @_;
    return 0 + $t->sql_value(q{select coalesce(sum(items), 0) from errtrack.outcomes
        where category = 'session' and rtrim(outcome || ' ' || reason) = $1}, $what);
}

# ---- one session after the other -------------------------------------------------

my $sid = random_hex(16);
my @life = map { update('life', sid => $sid, %$_) } { init => JSON::PP::true(), did => 'ann' }, { seq => 1, status => 'ok', errors => 1, did => 'ann' },
    { seq => 2, status => 'exited', errors => 1, duration => 60, did => 'ann' };
for my $step ([ 0, '1 0 0 0 0' ], [ 1, '1 0 1 0 0' ], [ 2, '1 0 1 0 0' ]) {
    is report($life[ $step->[0] ]), 200, "update $step->[0]";
    eventually { booked('stored') == $step->[0] + 1 } 'is stored';
    is health('life'), $step->[1], "the session counts as $step->[1]";
}
is users('life'), '1 0', 'its user counts once';
is $t->sql_value(q{select sum(mean_seconds) from errtrack.release_health where release = 'life'}), 60, 'its duration is known';

# The end, and then what was late; the end once more.
my $late = random_hex(16);
is report(update('late', sid => $late, status => 'exited', seq => 2)), 200, 'the end of a session';
is report(update('late', sid => $late, status => 'ok', seq => 1)), 200, 'its beginning, late';
is report(update('late', sid => $late, status => 'exited', seq => 2)), 200, 'the end again';
is report(update('late', sid => $late, status => 'ok', seq => 9)), 200, 'and a beginning that claims to be the last word';
eventually { booked('stored') == 7 } 'all are stored';
is health('late'), '1 1 0 0 0', 'it has ended, once';

# ---- many, in any order ----------------------------------------------------------

# What each session ends as, and its updates, each of them three times, by three workers.
srand 7;
my %end = (exited => '1 0 0 0', errored => '0 1 0 0', crashed => '0 0 1 0', abnormal => '0 0 0 1', open => '0 0 0 0');
my (@updates, @wanted);
for my $n (1 .. 60) {
    my $end = (sort keys %end)[ $n % 5 ];
    my %same = (sid => random_hex(16), did => "user " . $n % 7, attrs => { release => 'many', environment => $n % 2 ? 'live' : 'test' });
    my @steps = ({ seq => 0 }, { seq => 1 });
    push @steps, { seq => 2, status => $end } if $end =~ /exited|crashed|abnormal/;
    push @steps, { seq => 2, status => 'exited', errors => 3 } if $end eq 'errored';
    push @updates, map { update('many', %same, %$_) } @steps, @steps, @steps;
    my @one = (1, split ' ', $end{$end});
    $wanted[$_] += $one[$_] for 0 .. 4;
}
my %crashed = map { ($_ % 7 => 1) } grep { (sort keys %end)[ $_ % 5 ] eq 'crashed' } 1 .. 60;
@updates = shuffle @updates;
$t->worker->stop;
while (my @some = splice @updates, 0, 8) {
    report(@some) == 200 or die 'sessions were refused';
}
my $stream = 'errtrack:{q0}:events';
$t->redis('XADD', $stream, '*', @{ $_->[1] }) for @{ $t->redis('XRANGE', $stream, '-', '+') };
$t->start_worker(name => "worker$_", args => [ '--batch', 3 * $_ ]) for 1 .. 3;
$t->settle;
is health('many'), "@wanted", 'each session is counted once, as it ended';
is $t->sql_value(q{select count(*) from errtrack.release_health where release = 'many' and environment in ('live', 'test')}), 2,
    'by environment';
is $t->sql_value(q{select count(distinct did) from errtrack_private.session_users where release = 'many'}), 7, 'users are told apart';
is $t->sql_value(q{select count(distinct did) from errtrack_private.session_users where release = 'many' and crashed}),
    scalar(keys %crashed), 'those who saw a crash too';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead';

# ---- counts that SDKs add up -------------------------------------------------------

my $attrs = { release => 'sums', environment => 'live' };
is report([ sessions => { attrs => $attrs, aggregates => [ { started => iso($start), exited => 97, errored => 1, crashed => 2 },
    { started => iso($start), did => 'ann', crashed => 1 }, { started => iso($start), did => 'bob', exited => 1 },
    { started => iso($start - 6 * 86_400), exited => 1000 } ] } ]), 200, 'counts';
is report([ sessions => { attrs => $attrs, aggregates => [ (({ started => iso($start), exited => 1 }) x 101) ] } ]), 200,
    'more buckets than are counted';
$t->settle;
is health('sums'), '202 198 1 3 0', 'are added, without those of last week and what is too much';
is users('sums'), '2 1', 'with their users';
is $t->sql_value(q{select round(min(crash_free_percent)::numeric, 3) from errtrack.release_health where release = 'sums'}),
    sprintf('%.3f', 100 * (1 - 3 / 202)), 'crash-free sessions';
is $t->sql_value(q{select min(crash_free_percent) from errtrack.release_users where release = 'sums'}), 50, 'crash-free users';

# ---- what is none ------------------------------------------------------------------

my %before = map { $_ => booked($_) } 'stored', 'invalid release', 'invalid timestamp', 'invalid invalid_session', 'invalid invalid_json';
is report(update('x', attrs => {}), update('latest'), update('x', started => iso(time - 6 * 86_400)), update('x', started => iso(time + 600)),
    update('x', status => 'weird'), update('x', started => undef), [ session => 'nonsense' ],
    [ sessions => { attrs => $attrs, aggregates => [ { started => iso($start), exited => -1 } ] } ],
    update('x', status => 'crashed', errors => 0, attrs => { release => 'good', environment => 'none' })), 200, 'good and bad ones together';
$t->settle;
is_deeply { map { $_ => booked($_) - $before{$_} } keys %before }, { 'stored' => 1, 'invalid release' => 2, 'invalid timestamp' => 2,
    'invalid invalid_session' => 3, 'invalid invalid_json' => 1 }, 'each is booked as what it is';
is health('good'), '1 0 0 1 0', 'the good one counts';
is $t->sql_value(q{select count(*) from errtrack.release_health where release = 'good' and environment is null}), 1,
    'without the environment that is none';
is health('sums'), '202 198 1 3 0', 'of counts that are none not one is added';

# ---- bounds, and how they go -------------------------------------------------------

$t->sql(q{insert into errtrack_private.item_names (project_id, kind, name, seen_on)
    select $1, 'release', 'made up ' || n, current_date from generate_series(1, 10000) n on conflict do nothing}, $project);
is report(update('one too many'), update('good')), 200, 'a release more than there is room for';
$t->settle;
is health('(other)'), '1 0 0 0 0', 'is another';
is health('good'), '2 0 0 1 0', 'a known one counts';

my $sessions = sub { 0 + $t->sql_value('select count(*) from errtrack_private.sessions') };
my $all = $sessions->();
$t->sql(q{update errtrack_private.sessions set started = started - interval '6 days' where release = 'many'});
$t->sql('select errtrack_private.forget_items(90)');
is $sessions->(), $all - 60, 'sessions are known for six days';
is health('many'), "@wanted", 'what was counted of them stays';
is $t->api(DELETE => "/projects/$project")->status, 204, 'what the project has received is deleted';
is $sessions->() + $t->sql_value(q{select (select count(*) from errtrack_private.session_counts)
    + (select count(*) from errtrack_private.session_users)}), 0, 'nothing is left';

$t->done;
