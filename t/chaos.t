# Everything that can happen happens, at random moments and two things at a time: processes
# are killed, ended, stand still, are reloaded and upgraded, disks and memories are full,
# connections are cut, clocks are set. Meanwhile clients report, and somebody counts apart:
# each report that was answered 200 is filed exactly once or lies visibly somewhere.
#
#     ERRTRACK_SECONDS=1800       how long (15); make chaos
#     ERRTRACK_SEED=7             draws the same faults again
#     ERRTRACK_FAULTS='Redis'     only those whose name matches
#
# build/chaos.json has what was counted. Disks that can be filled take root, and clocks that
# can be set libfaketime: without them the others happen, and that is said.

use strict;
use warnings;

use JSON::PP ();
use List::Util qw(max sum0);
use Test::More;
use Time::HiRes qw(time);
use Time::Piece ();

use ErrTrack;
use ErrTrack::Cutter;
use ErrTrack::Faults;
use ErrTrack::Load;
use ErrTrack::Ports qw(free_port);
use ErrTrack::Process qw(build_dir give make_dir write_file);

my $seconds = $ENV{ERRTRACK_SECONDS} || 15;
# A short run is the same again each time; a long one looks for what nobody has met.
my $seed = $ENV{ERRTRACK_SEED} // ($ENV{ERRTRACK_SECONDS} ? int(time) % 100_000 : 5);
note "ERRTRACK_SEED=$seed ERRTRACK_SECONDS=$seconds";

# ---- what runs ----------------------------------------------------------------------

my $t = ErrTrack->new;
my @mounted;
END {
    my $status = $?;
    unmount();
    $? = $status;
}

sub unmount {
    system 'umount', '-l', $_ while $_ = shift @mounted;
    return;
}

# A disk of its own, or undef where we may not make one.
sub disk {
    my ($folder, $size) = @_;
    make_dir($folder);
    if ($> != 0 || system("mount -t tmpfs -o size=$size tmpfs \Q$folder\E 2>/dev/null") != 0) {
        diag "no disk of its own for $folder can be made: none is filled";
        return undef;
    }
    push @mounted, $folder;
    give($folder);
    return $folder;
}

my %disks = (spool => disk("$t->{dir}/spool", '96m'), postgres => disk("$t->{dir}/postgres", $seconds > 600 ? '8g' : $seconds > 60 ? '3g' : '2g'));
# A sanitizer wants to be the first library, and so does this one.
my ($faketime) = $ENV{ERRTRACK_PRELOAD} ? () : glob '/usr/lib/*/faketime/libfaketime.so.1';
my $clock;
if ($faketime) {
    $clock = "$t->{dir}/clock";
    ErrTrack::Faults::set_clock($clock, '+0');
    give($clock);
    # Timers go on: only the time of day is another.
    @ENV{qw(FAKETIME_TIMESTAMP_FILE FAKETIME_CACHE_DURATION FAKETIME_DONT_FAKE_MONOTONIC)} = ($clock, 1, 1);
} else {
    diag 'no clock is set: ', $ENV{ERRTRACK_PRELOAD} ? 'a sanitizer is there' : 'libfaketime is not installed';
}

$t->start_postgres(settings => { max_wal_size => '256MB' });
$t->start_redis(appendonly => 'always');
$t->create_organization('acme');
$t->create_project('shop', 'acme');
$t->create_token('admin@example.com');

sub cutter {
    my ($name, $target) = @_;
    return $t->add('ErrTrack::Cutter', name => "cutter-$name", port => free_port(), target => $target)->start;
}
my %cutters = (
    'edge to Redis'        => cutter(redis => $t->redis_server->port),
    'workers to Redis'     => cutter(queue => $t->redis_server->port),
    'workers to PostgreSQL' => cutter(database => $t->postgres->port),
);
my @workers = qw(first second);
my $database = $t->postgres->conninfo('errtrack_worker') =~ s/\bport=\d+/'port=' . $cutters{'workers to PostgreSQL'}->port/er;
for my $name (@workers) {
    $t->start_worker(name => $name, database => $database, redis => $cutters{'workers to Redis'}->address,
        args => [ '--no-notifications', '--claim-after', 2 ], preload => $faketime);
}
$t->start_nginx(daemon => 1, ($faketime ? (preload => $faketime) : ()), words => { REDIS => $cutters{'edge to Redis'}->address }, config => <<'CONF');
%%MODULES%%
%%GLOBALS%%
env FAKETIME_TIMESTAMP_FILE;
env FAKETIME_CACHE_DURATION;
env FAKETIME_DONT_FAKE_MONOTONIC;
thread_pool errtrack threads=4 max_queue=64;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=64m free=2m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location ^~ /api/0/ { errtrack_query; }
        location = /metrics { errtrack_metrics; }
    }
}
CONF
$cutters{'clients to edge'} = cutter(clients => $t->nginx->port);
$t->wait_for_key;
if ($clock) {
    my $ahead = sub { Time::Piece->strptime($t->get('/metrics')->header('Date'), '%a, %d %b %Y %T GMT')->epoch - time };
    ErrTrack::Faults::set_clock($clock, '+3700');
    eventually { $ahead->() > 3600 } 'the clock of the edge can be set';
    ErrTrack::Faults::set_clock($clock, '+0');
    eventually { $ahead->() < 60 } '... and set back';
}

# ---- who reports ----------------------------------------------------------------------

# What a report is follows from the last digit of its id, so that both sides know it: one in
# four is an envelope with a file, one in four another that is packed, one in sixteen has a
# key that nobody knows. Sizes are 1 to 30 KB.
sub kind { return hex substr $_[0], -1 }
sub has_file { return kind($_[0]) % 4 == 1 }
sub is_foreign { return kind($_[0]) == 7 }

my @words = map { join ' ', map { 'word' . int rand 1000 } 1 .. 200 } 1 .. 50;

sub report {
    my ($id, $number, $through) = @_;
    # Written by hand, since who reports is not to be what is short of breath.
    my $event = sprintf '{"event_id":"%s","timestamp":%.3f,"platform":"other","message":"chaos %d","user":{"id":"%d"},"extra":{%s}}',
        $id, time, $number % 40, $number % 500,
        join ',', map { qq("text $_":"$words[ ($number + $_) % @words ]") } 0 .. ($number % 50 ? $number % 4 : 20);
    my @how = ($through ? (port => 'CUT') : (), timeout => 10);
    return $t->store($event, @how, key => 'f' x 32) if is_foreign($id);
    return $t->envelope([ event => $event ], [ attachment => "file of $id", filename => 'notes.txt' ],
        [ session => { sid => $id, started => '2026-01-01T00:00:00Z', status => 'exited', seq => 1, attrs => { release => 'r1' } } ],
        header => { event_id => $id }, @how) if has_file($id);
    return $t->envelope([ event => $event ], header => { event_id => $id }, encoding => 'gzip', @how) if kind($id) % 4 == 2;
    return $t->store($event, @how);
}

$t->nginx->{ports}{CUT} = $cutters{'clients to edge'}->port;
# What Redis has not acknowledged, and the spool cannot take, is refused with a word of the doubt.
my $word = sub { $_[0]->content =~ /has not said whether it has the report/ ? 'doubt' : $_[0]->status };
my %loads = (
    direct => ErrTrack::Load->start($t, clients => 6, again => 10, word => $word, send => sub { report(@_) }),
    cut    => ErrTrack::Load->start($t, clients => 1, again => 10, word => $word, pause => 0.01, send => sub { report(@_, 1) }),
);
my $asking = ErrTrack::Load->start($t, clients => 1, pause => 0.05, send => sub { $t->sentry(GET => '/projects/acme/shop/issues/', timeout => 10) });

# ---- what happens ----------------------------------------------------------------------

srand $seed;
my $faults = ErrTrack::Faults->new($t, workers => \@workers, cutters => \%cutters, disks => \%disks, clock => $clock, only => $ENV{ERRTRACK_FAULTS} // '');
my $began = time;

# Lets time pass, and meanwhile what those faults do again and again.
sub go_on {
    my ($for, @now) = @_;
    my $until = time + $for;
    do {
        $_->{during} && $_->{during}->() for @now;
        $_->read_some for values %loads, $asking;
        select undef, undef, undef, 0.1;
    } while (time < $until);
    return;
}

while (time - $began < $seconds) {
    my @now = $faults->draw;
    push @now, $faults->draw(@now) if rand() < 0.4;
    for my $fault (@now) {
        $faults->begin($fault);
        note sprintf '%6.1f s %s', time - $began, $fault->{name};
    }
    go_on(max(map { rand $_->{seconds} } @now), @now);
    $faults->end(@now);
    # A while in which nothing happens.
    go_on(rand 1.5);
}
my $lasted = time - $began;

# ---- what is counted ----------------------------------------------------------------------

my (%answered, %answered_at, %refused, %unknown);
my $doubtful = 0;
my $accepted = 0;
my $unverified = 0;
for my $load (values %loads) {
    my $answers = $load->stop;
    for my $status (keys %$answers) {
        for my $id (@{ $answers->{$status} }) {
            if ($status eq 200 && is_foreign($id)) {
                # As long as an edge does not know the keys: the worker drops it.
                $unverified++;
            } elsif ($status eq 200) {
                $answered{$id}++;
                $answered_at{$id} = $load->answered_at($id);
                $accepted++;
            } elsif ($status eq 'doubt' || $status == 599) {
                $unknown{$id}++;
                $doubtful += $status eq 'doubt';
            } else {
                $refused{$status}{$id}++;
            }
        }
    }
    note join ', ', map { "$_: " . @{ $answers->{$_} } } sort keys %$answers;
}
is join(' ', grep { !/^(?:403|503)$/ } sort keys %refused), '', 'reports are refused for the key, or as nothing can keep them, and in no other way';
my $read = $asking->stop;
is join(' ', grep { !/^(?:200|50[34]|599)$/ } sort keys %$read), '', 'questions are answered, or nobody can answer now';
ok $read->{200}, '... and some were answered';

my $filed = $t->settle(timeout => 60 + $seconds);
my $spooled = @{ [ glob "$t->{dir}/spool/*.[vu]" ] };
my $queued = sum0(map { $t->redis('XLEN', "errtrack:{q0}:$_") } qw(events large));
my $dead = { map { $_->[0] => 1 } $t->sql(q{select (regexp_match(meta, '^event (\S+)$', 'n'))[1] from errtrack_private.dead_letters}) };
my @lost = grep { !$filed->{$_} && !$dead->{$_} } sort keys %answered;
is scalar(@lost), 0, "each of $accepted reports that were answered 200 is filed, or a dead letter"
    or diag 'lost, with the seconds when they were answered: ', join ', ', map { sprintf '%s at %.2f', $_, $answered_at{$_} - $began } @lost[ 0 .. ($#lost < 19 ? $#lost : 19) ];
is scalar(grep { $_ > 1 } values %$filed), 0, 'none is filed twice';
note scalar(keys %$dead), ' are dead letters';
note "$_->[1] of them: $_->[0]" for $t->sql('select reason, count(*) from errtrack_private.dead_letters group by 1 order by 1');
my @ghosts = grep { !$answered{$_} && !$unknown{$_} } keys %$filed;
is scalar(@ghosts), 0, 'nothing is filed that was refused' or diag "filed: @ghosts[0 .. ($#ghosts < 9 ? $#ghosts : 9)]";

my ($stored) = $t->sql_value(q{select coalesce(sum(items), 0) from errtrack.outcomes where category = 'error' and outcome = 'stored'});
my ($duplicate) = $t->sql_value(q{select coalesce(sum(items), 0) from errtrack.outcomes where category = 'error' and outcome = 'duplicate'});
is $stored, scalar(keys %$filed), 'the ledger has as many stored as are filed';
is $t->sql_value('select coalesce(sum(event_count), 0) from errtrack.issues'), $stored, 'and so have the issues';
my $not_known = sum0(values %unknown);
cmp_ok $stored + $duplicate + keys %$dead, '>=', $accepted, 'the ledger has each that was accepted';
cmp_ok $stored + $duplicate + keys %$dead, '<=', $accepted + $not_known, 'and nothing beside, but what had no answer, or one that told of the doubt';
is $t->sql_value('select count(*) from errtrack.attachments'), scalar(grep { has_file($_) } keys %$filed), 'files are there with their events, once';

# An edge that is killed takes the counts of its last second with it.
my $other = sum0(values %{ $refused{403} // {} });
my $kills = $faults->kills;
my $missing = 3 * $other / $lasted * ($kills->{edge} // 0);
my $counted;
eventually {
    $counted = $t->sql_value(q{select coalesce(sum(requests), 0) from errtrack_private.requests where reason = 'project_id'});
    $counted >= $other - $missing;
} 'what was refused is counted, but for the last moments of edges that ended' or diag "$counted of $other";
cmp_ok $counted, '<=', $other + $not_known, '... and not twice';

my $sum = sum0(values %$kills);
note "$sum kills: ", join ', ', map { "$_ $kills->{$_}" } sort keys %$kills;
note "$_: " . $faults->happened->{$_} for sort keys %{ $faults->happened };
write_file(build_dir() . '/chaos.json', JSON::PP->new->canonical->pretty->encode({
    seed => 0 + $seed, seconds => 0 + sprintf('%.0f', $lasted), accepted => $accepted, stored => 0 + $stored, duplicate => 0 + $duplicate,
    dead => 0 + keys %$dead, spooled => $spooled, queued => $queued, lost => 0 + @lost, kills => $kills, refused => { map { $_ => sum0(values %{ $refused{$_} }) } keys %refused },
    unanswered => $not_known - $doubtful, doubtful => $doubtful, unverified => $unverified, refused_counted => 0 + $counted, faults => $faults->happened,
}));

# PostgreSQL gives up where it can write no log of changes.
$t->expect_log(qr/terminated by signal 6: Aborted/) if $disks{postgres};
$t->stop;
unmount();
$t->done;
