# Requests whose key the edge could not check: filed when it is an active key of the
# project, else booked as discarded under project 0. Nothing is written for a project
# that a sender only claims, and what stands beside them in a batch is not concerned.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0, nginx => 0);

my $events = 'errtrack:{q0}:events';
my $project = $t->{project};
my $other = $t->create_project('other', 'acme');
my $disabled = $t->errtrack(qw(key create shop --json));
$t->errtrack(qw(key disable), $disabled->{id});
my $number = 0;

# A record as the edge writes it; key 0 and pub unless told otherwise.
sub record {
    my (%more) = @_;
    $number++;
    my %line = (v => 1, id => sprintf('%032x', $number), at => time . '000000', project => $project->{id},
        key => 0, ep => 'store', event => sprintf('e%031x', $number), %more);
    return (m => join('', map { "$_ $line{$_}\n" } sort keys %line), b => qq({"message":"record $number"}));
}

my $outcomes = sub {
    return { map { ("$_->[0] $_->[1]" . ($_->[2] ? " $_->[2]" : '') => $_->[3]) }
        $t->sql('select project_id, outcome, reason, sum(items) from errtrack.outcomes group by 1, 2, 3') };
};
my $filed = sub { $t->sql_value('select count(*) from errtrack.occurrences where project_id = $1', $_[0]) };

# One entry, and so one batch; the last one shows that all before it are done.
my ($id, $unknown) = ($project->{id}, 'f' x 32);
my @batch = (
    record(key => 1),
    record(pub => $project->{public_key}),
    record(pub => $unknown),
    record(pub => $disabled->{key}),
    record(pub => $other->{public_key}),
    record(pub => $project->{public_key}, project => 4242),
    record(pub => $project->{public_key}, project => '9223372036854775807'),
    record(pub => "key\xff\\\t"),
    record(pub => $other->{public_key}, project => $other->{id}),
    record(key => 1),
);
$t->redis('XADD', $events, '*', @batch);
$t->start_worker;
eventually { $t->redis('XLEN', $events) == 0 } 'the batch is done';
is_deeply $outcomes->(), { "$id stored" => 3, "$other->{id} stored" => 1, '0 discarded unverified' => 6 },
    'good keys are filed, the others are discarded for nobody';
is $filed->($id), 3, 'the occurrences are there';
is $filed->($other->{id}), 1, 'of the other project too';
for my $table (qw(deliveries outcomes issues event_ids dead_letters)) {
    is $t->sql_value("select count(*) from errtrack_private.$table where project_id not in (0, $id, $other->{id})"), 0,
        "no row of $table is for a project that is not there";
}
is $t->sql_value('select count(*) from errtrack_private.deliveries where project_id = $1', $id), 3,
    'requests with a bad key leave none for the project either';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is a dead letter';

# ---- handed out again --------------------------------------------------------------

# The same entry, after the keys have changed: what was decided stays.
$t->sql('update errtrack_private.client_keys set active = true where id = $1', $disabled->{id});
$t->sql('update errtrack_private.client_keys set active = false where public_key = $1', $other->{public_key});
my $before = $outcomes->();
$t->redis('XADD', $events, '*', @batch);
$t->redis('XADD', $events, '*', record(key => 1));
eventually { $filed->($id) == 4 } 'what comes behind is filed';
eventually { $t->redis('XLEN', $events) == 0 } 'the batch is done again';
$before->{"$id stored"}++;
is_deeply $outcomes->(), $before, 'and nothing of it is booked twice';

$t->redis('XADD', $events, '*', record(pub => $disabled->{key}), record(pub => $other->{public_key}, project => $other->{id}));
eventually { $t->redis('XLEN', $events) == 0 } 'new requests are done';
$before->{"$id stored"}++;
$before->{'0 discarded unverified'}++;
is_deeply $outcomes->(), $before, 'and are judged by the keys as they are now';

# ---- dead letters ------------------------------------------------------------------

$t->worker->stop;
my $poison = $t->redis('XADD', $events, '*', record(pub => $unknown));
$t->redis('XGROUP', 'CREATE', $events, 'workers', 0, 'MKSTREAM') if !eval { $t->redis('XINFO', 'GROUPS', $events)->[0] };
$t->redis('XREADGROUP', 'GROUP', 'workers', 'a-dead-one', 'COUNT', 10, 'STREAMS', $events, '>');
$t->redis('XCLAIM', $events, 'workers', 'a-dead-one', 0, $poison, 'IDLE', 60000, 'RETRYCOUNT', 5);
$t->worker->start;
eventually { $t->sql_value('select count(*) from errtrack_private.dead_letters') == 1 } 'a poison one is a dead letter', timeout => 40;
is $t->sql_value('select project_id from errtrack_private.dead_letters'), 0, 'of nobody';
$before->{'0 dead'}++;
is_deeply $outcomes->(), $before, 'and is booked for nobody';

$t->done;
