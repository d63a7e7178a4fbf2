# Three workers on one stream, of which one is killed now and then: requests of every kind
# that were sent twice, also on both sides of midnight, and entries that were handed out
# again count once, in every counter.
#
#     ERRTRACK_EVENTS=100000 ERRTRACK_KILLS=50    how many requests, and how often (3000, 8)
#     ERRTRACK_SEED=7                             repeats a run

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Test::More;

use ErrTrack;
use ErrTrack::Mixture;
use ErrTrack::Process qw(wait_until);
use ErrTrack::Tally;

my $events = $ENV{ERRTRACK_EVENTS} || 3000;
my $kills = $ENV{ERRTRACK_KILLS} || 8;
my $seed = $ENV{ERRTRACK_SEED} // time;
srand $seed;
note "ERRTRACK_SEED=$seed ERRTRACK_EVENTS=$events ERRTRACK_KILLS=$kills";

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0, nginx => 0);
my @projects = ($t->project->{id}, $t->create_project('garden', 'acme')->{id});
my $stream = 'errtrack:{q0}:events';
my @workers = qw(first second third);

my $mixture = ErrTrack::Mixture->new(requests => $events, projects => \@projects, seed => $seed);
my @entries = map { [ 'XADD', $stream, '*', @$_ ] } $mixture->entries;
# Any place of the queue may be the moment, but for the beginning and the end.
my @kill_at = sort { $b <=> $a } map { int(@entries * (0.02 + 0.93 * rand)) } 1 .. $kills;

# ---- filing -------------------------------------------------------------------------

# All begin at once with what is new to all of them.
$t->redis_server->ask_many(splice @entries, 0, 300);
my $lock = $t->sql_session;
$lock->('begin; lock table errtrack_private.deliveries in access exclusive mode;');
$t->start_worker(name => $_, args => [ '--no-notifications', '--claim-after', 1, '--batch', 50 ]) for @workers;
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where usename = 'errtrack_worker' and wait_event_type = 'Lock'}) == 3;
} 'three workers have a batch each';
$lock->('commit;');
$t->redis_server->ask_many(@entries);

my $in_hand = 0;
for my $left (@kill_at) {
    wait_until(sub { $t->redis('XLEN', $stream) <= $left }, 300) or die "the queue does not get shorter than $left\n";
    my $victim = $t->worker($workers[ rand @workers ]);
    my ($consumer) = $victim->log_since_start =~ /ready: (\S+) reads the queue/ or die "a worker has no name\n";
    $victim->kill;
    $in_hand++ if @{ $t->redis('XPENDING', $stream, 'workers', '-', '+', 1, $consumer) };
    $victim->start;
}
note "$in_hand of $kills kills left entries";
cmp_ok $in_hand, '>=', $kills / 2, "at least every other of $kills kills leaves entries that are handed out again";
eventually { $t->redis('XLEN', $stream) == 0 } 'the queue is emptied', timeout => 300;
eventually { $t->sql_value('select count(*) from errtrack_private.tag_facts') == 0 } 'tags are folded', timeout => 120;
# What has begun long ago and did not end has run for too long.
$t->sql('set role errtrack_worker; select errtrack_private.mark_missed_check_ins()');

is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is a dead letter';
is $t->sql_value('select errtrack_private.default_partition_rows()'), 0, 'everything has found its day';
unlike $t->postgres->log_text, qr/deadlock detected/, 'no worker waited for another in a circle';
unlike join('', map { $t->worker($_)->log_text } @workers), qr/retrying|one by one/, 'or had to file a batch again';

# ---- counts -------------------------------------------------------------------------

sub rows {
    my ($sql) = @_;
    return { map { @$_ } $t->sql($sql) };
}

# Times in the form of the counts of our own.
sub micros  { return "(extract(epoch from $_[0]) * 1000000)::bigint" }
sub seconds { return "extract(epoch from $_[0])::bigint" }
sub plain   { return "replace($_[0]::text, '-', '')" }

sub filed_at {
    my ($id, $from, $at) = @_;
    return rows("select project_id || ' ' || " . plain($id) . ', ' . micros($at // 'received_at') . " from $from");
}

my $deliveries = $mixture->deliveries;
# Of a transaction nothing is kept but that its id was seen.
my $seen = filed_at('event_id', 'errtrack_private.event_ids');
my %transaction;
for my $request (map { $_->{request} } @$deliveries) {
    for my $id (map { $_->{id} } grep { $_->{type} eq 'transaction' } @{ $request->{items} }) {
        my $at = $seen->{ "$request->{project} " . md5_hex("transaction:$id") };
        $transaction{"$request->{project} $id"} = $at if defined $at;
    }
}
my %filed = (
    event       => filed_at('event_id', 'errtrack.occurrences'),
    attachment  => filed_at('event_id', 'errtrack.attachments'),
    feedback    => filed_at('feedback_id', q{errtrack.feedback where kind = 'feedback'}),
    transaction => \%transaction,
);
my $tally = ErrTrack::Tally->new($deliveries, \%filed);
my $own = $tally->counts;
my @wrong = $tally->wrong;
is scalar(@wrong), 0, 'all that was sent is filed, at a time when it was taken in, and nothing else'
    or diag join "\n", grep { defined } @wrong[0 .. 9];
is $t->sql_value('select count(*) from errtrack.occurrences'), scalar(keys %{ $filed{event} }), 'each event is there once';
is $t->sql_value('select count(*) from errtrack.occurrences o full join errtrack_private.payloads p using (project_id, received_at, event_id)
    where o.has_payload is distinct from (p.event_id is not null)'), 0, 'and has a body, or is known to have none';

my $by_title = 'join errtrack_private.origins o on o.project_id = c.project_id and o.id = c.origin_id
    join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id';
is_deeply rows(q{select project_id || ' ' || title, event_count from errtrack.issues}), $own->{events}, 'issues have their events';
is_deeply rows(q{select project_id || ' ' || title, user_count from errtrack.issues}), $own->{users}, 'and their users';
for my $width ([ hours => 'counts_1h', 'of an hour' ], [ minutes => 'counts_5m', 'of five minutes' ]) {
    my ($name, $table, $title) = @$width;
    is_deeply rows("select c.project_id || ' ' || i.title || ' ' || " . seconds('c.bucket') . ", sum(c.events)
        from errtrack_private.$table c $by_title group by 1"), $own->{$name}, "buckets $title are exact";
}
is_deeply rows(q{select t.project_id || ' ' || i.title || ' ' || t.key || ' ' || t.value, sum(t.events) from errtrack.issue_tags t
    join errtrack.issues i using (project_id, issue_id) where t.key in ('browser', 'page') group by 1}), $own->{tags}, 'tags are';
is_deeply rows(q{select project_id || ' ' || release, 1 from errtrack.releases}), $own->{releases}, 'each release is known';
is_deeply rows(q{select h.project_id || ' ' || i.title, count(*) from errtrack.issue_history h
    join errtrack.issues i using (project_id, issue_id) where h.what = 'new' group by 1}), { map { ($_ => 1) } keys %{ $own->{events} } },
    'each issue is new once';
is $t->sql_value('select count(*) from errtrack_private.outbox'), scalar keys %{ $own->{events} }, 'and told once';
is_deeply rows('select project_id || \' \' || ' . plain('event_id') . q{ || ' ' || size, count(*) from errtrack.attachments group by 1}),
    $own->{attachments}, 'files are kept once';

my $transaction = q{project_id || ' ' || } . seconds('hour') . q{ || ' ' || op || ' ' || transaction};
is_deeply rows("select $transaction, total || ' ' || failures || ' ' || round(mean_ms * total) from errtrack.transactions"),
    $own->{transactions}, 'transactions are counted once, with failures and the time that they took';
is_deeply rows("select $transaction || ' ' || durations[place], durations[place + 1] from errtrack.transactions
    cross join generate_series(1, cardinality(durations), 2) place"), $own->{durations}, 'in the bucket of how long they took';

my $health = q{project_id || ' ' || } . seconds('hour') . q{ || ' ' || release || ' ' ||};
is_deeply rows("select $health coalesce(environment, 'none'), concat_ws(' ', started, exited, errored, crashed, abnormal)
    from errtrack.release_health"), $own->{sessions}, 'sessions are counted once, as they ended';
is_deeply rows("select $health coalesce(nullif(environment, ''), 'none'), ended || ' ' || ended_seconds
    from errtrack_private.session_counts where ended <> 0"), $own->{ended}, 'with the time that they took';
is_deeply rows(q{select project_id || ' ' || } . seconds('day') . q{ || ' ' || release || ' ' || coalesce(environment, 'none'),
    users || ' ' || crashed_users from errtrack.release_users}), $own->{session_users}, 'and their users';

is_deeply rows(q{select concat_ws(' ', project_id, slug, environment, status, } . micros('began_at') . ', ' . micros('received_at')
    . q{, coalesce(round(seconds::numeric, 6)::text, 'none')), count(*) from errtrack.check_ins group by 1}), $own->{runs},
    'runs are what check-ins said of them';
is_deeply rows(q{select concat_ws(' ', project_id, slug, environment), status || ' ' || last_seconds || ' ' || }
    . micros('last_check_in_at') . ' from errtrack.monitors'), $own->{monitors}, 'monitors are as the last one left them';

my $feedback = q{select project_id || ' ' || } . plain('feedback_id');
is_deeply rows("$feedback, message || ' ' || " . micros('received_at') . q{ from errtrack.feedback where kind = 'user_report'}),
    $own->{reports}, 'of the reports about an event the last one stands';
# The view looks for the event of each report: once, whatever it is joined with.
is_deeply rows(qq{with f as materialized (select * from errtrack.feedback where kind = 'user_report')
    $feedback, i.title from f join errtrack.issues i using (project_id, issue_id)}), { map { ($tally->titles->{$_} ? ($_ => $tally->titles->{$_}) : ()) } keys %{ $own->{reports} } },
    'beside its event';
is_deeply rows("$feedback || ' ' || message, " . micros('received_at') . q{ from errtrack.feedback where kind = 'feedback'}),
    $own->{feedback}, 'feedback is kept once';
my $hour = q{select concat_ws(' ', project_id, } . seconds('hour');
is_deeply rows("$hour, outcome, category, reason), items from errtrack.client_reports"), $own->{client_reports},
    'what clients did not send is added once for each report';
is_deeply rows("$hour, category, outcome, reason), items from errtrack.outcomes"), $own->{ledger}, 'the ledger has each item of each delivery once';

$t->done;
