# errtrack doctor: what is set up wrongly is found, with what to do about it, and is gone
# when that is done.

use strict;
use warnings;

use Test::More;
use Time::HiRes ();

use ErrTrack;
use ErrTrack::Process qw(build_dir run);

my $t = ErrTrack->stack(
    redis => { appendonly => 'no', settings => { maxmemory => '100mb', 'maxmemory-policy' => 'allkeys-lru' } },
    postgres => { settings => { fsync => 'on', full_page_writes => 'on', synchronous_commit => 'off', max_connections => 20 } },
    nginx => 0,
);
my $other = $t->create_project('other', 'acme');
my @command = (build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'));

my ($code, $said);
# What is wrong: "level subject what; advice" in lines.
my $doctor = sub {
    my ($status, $out, $err) = run([ @command, 'doctor', '--json', '--redis', $t->redis_server->address, @_ ]);
    ($code, $said) = ($status, JSON::PP::decode_json($out));
    return join '', map { "$_->{level} $_->{subject} $_->{what}; $_->{advice}\n" } grep { $_->{level} ne 'ok' } @{ $said->{findings} };
};
# Passes when each of these is found, and nothing else, and all are gone when their advice has
# been followed: [ label, finding, what follows it: a function, or a pattern for SQL in it ].
my $ill = sub {
    my ($cases, @options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $found = '';
    eventually { @$cases == grep { my $finding = $_->[1]; $found =~ /^$finding$/m } @$cases or $found = $doctor->(@options) and 0 } 'all is found' or diag $found;
    for my $case (@$cases) {
        my ($label, $finding, $follow) = @$case;
        like $found, qr/^$finding$/m, $label;
        my ($advice) = $found =~ /^(?=$finding$).*; (.*)$/m or next;
        if (ref $follow) {
            $follow->($advice);
        } else {
            my ($statements) = $advice =~ /($follow)/ or die "odd advice: $advice\n";
            $t->sql($_) for split /, and (?=select)/, $statements;
        }
    }
    is scalar(split /\n/, $found), scalar @$cases, 'and nothing else';
    is $code, $found =~ /^failing/m ? 2 : 1, 'which monitoring is told';
    is $doctor->(@options), '', 'all is gone when the advice is followed';
    is $code, 0, 'which contents monitoring';
    return;
};

$t->queue({ message => "report $_", extra => { text => join ' ', map { rand } 1 .. 100 } }) for 1 .. 60;
$t->queue({ message => "report $_" }, project => $other->{id}) for 1 .. 5;
$t->settle;

# ---- Redis --------------------------------------------------------------------------------

my $redis = sub { my ($words) = $_[0] =~ /^(config set [\w-]+ \w+)/ or die "odd advice: $_[0]\n"; $t->redis(split ' ', $words) };
$t->redis(qw(config set appendfsync everysec));
$ill->([ [ 'Redis that throws away', 'failing redis maxmemory-policy is allkeys-lru: .*', $redis ],
    [ 'that forgets', 'warning redis appendonly is off: .*', $redis ] ]);

$t->redis(qw(config set appendfsync no));
$t->worker->stop;
my ($seconds) = @{ $t->redis('TIME') };
$t->redis('ZADD', 'errtrack:ledger', 1000 * ($seconds + 100), int($seconds / 3600) . ':edge7:boot');
$t->redis('DEL', 'errtrack:keys');
$t->queue({ message => 'late' });
$t->redis(qw(config set maxmemory 1kb));
my $worker = sub { $t->redis(qw(config set maxmemory 100mb)); $t->worker->start if !$t->worker->alive; $t->settle };
$ill->([ [ 'Redis that may write when it likes', 'warning redis appendfsync is no; .*', $redis ],
    [ 'one that is full', 'failing redis \d+ % of maxmemory is used, nothing is evicted; .* raise maxmemory: .*', $worker ],
    [ 'an edge whose clock is ahead', 'warning clocks the clock of edge edge7 is \d\d s ahead of that of Redis; let NTP set it',
        sub { $t->redis('ZREM', 'errtrack:ledger', int($seconds / 3600) . ':edge7:boot') } ],
    [ 'no client keys', 'failing queue edges find no client keys here: .*; see that a worker runs with this Redis', $worker ],
    [ 'a queue that nobody reads', 'failing queue 1 requests wait in the queue, the oldest for \d+ s; see that a worker runs, .*', $worker ] ],
    '--max-lag', 1);

# ---- the database -------------------------------------------------------------------------

$t->sql(q{insert into errtrack_private.deliveries (project_id, delivery_id, received_at) values (1, gen_random_uuid(), '2001-01-01')});
$t->sql('select errtrack_private.make_partitions(14, 100)');
my $old = $t->sql_value(q{select to_char((now() at time zone 'UTC')::date - 100, 'YYYYMMDD')});
$t->sql(qq{insert into errtrack_private.deliveries (project_id, delivery_id, received_at) values (1, gen_random_uuid(), '$old 12:00+00')});
$t->sql('drop table errtrack_private.payloads_' . $t->sql_value(q{select to_char((now() at time zone 'UTC')::date + 1, 'YYYYMMDD')}));
my $holder = $t->sql_session;
$holder->('begin; update errtrack_private.limits set value = value;');
ok !eval { $t->sql(q{set statement_timeout = '300ms'; create index concurrently odd_idx on errtrack_private.limits (value)}); 1 }, 'an index is not made to the end';
$holder->('commit;');
my $index = $t->sql_value(q{select pg_get_indexdef('errtrack_private.issues_assigned_to_idx'::regclass)});
$t->sql($_) for 'drop index errtrack_private.issues_assigned_to_idx',
    q{update pg_extension set extname = 'away' where extname = 'pg_trgm'},
    'alter role errtrack_worker reset statement_timeout',
    'alter role errtrack_query set jit = on',
    'alter system set autovacuum = off', 'select pg_reload_conf()',
    'alter table errtrack_private.issues set (autovacuum_enabled = off)',
    q{select pg_create_physical_replication_slot('gone', true)};
my @sessions = map { $t->sql_session } 1 .. 10;
$t->redis('XADD', 'errtrack:{q0}:events', '*', 'hello', 'world');
$ill->([ [ 'a row without a partition', 'failing partitions rows lie in deliveries_default, .*; call errtrack_private.settle_default_rows\(\), .*',
        sub { is $t->sql_value('select errtrack_private.settle_default_rows()'), 1, 'it is moved' } ],
    [ 'what is older than it should be', "warning retention events are kept for 90 days, the oldest are of \\S+; .* errtrack retention",
        sub { $t->errtrack('retention') } ],
    [ 'a partition that is missing', 'failing partitions payloads has no partition for \S+; .* call errtrack_private.make_partitions\(\)',
        sub { $t->sql('select ' . ($_[0] =~ /call (.*)/)[0]) } ],
    [ 'an invalid index', 'warning indexes index odd_idx is invalid: .*; reindex index concurrently errtrack_private.odd_idx', 'reindex.*' ],
    [ 'a lost index', 'failing indexes index issues_assigned_to_idx is missing; make it as sql/migrations does, .*', sub { $t->sql($index) } ],
    [ 'an extension that is not there', 'failing extensions extension pg_trgm is missing: .*; create extension pg_trgm .*',
        sub { $t->sql(q{update pg_extension set extname = 'pg_trgm' where extname = 'away'}) } ],
    [ 'a role without its timeout', 'warning roles role errtrack_worker has no statement_timeout of its own; .*', '^.*?(?=, and restart)' ],
    [ 'a role that compiles', 'warning roles jit of role errtrack_query is on; .*', '^.*?(?=, and restart)' ],
    [ 'a server that does not clean up', 'failing server autovacuum is off: .*', 'alter.*' ],
    [ 'a table that is not cleaned up', 'warning vacuum autovacuum is off for issues; .*', 'alter.*' ],
    [ 'a slot that nobody reads', 'warning replication replication slot gone holds .* of WAL, and nobody reads it; .*', 'select.*' ],
    [ 'a server without room', 'warning connections 1[4-6] of 17 connections are in use; .*', sub { @sessions = () } ],
    [ 'a dead letter', 'warning dead letters 1 dead letters, 1 since yesterday, .*; see errtrack dead list, .*',
        sub { $t->errtrack(qw(dead delete), $t->sql_value('select id from errtrack_private.dead_letters')) } ] ]);

# ---- what is kept ---------------------------------------------------------------------------

my %bytes = map { ($_->{project} => $_->{estimated_bytes}) } @{ $said->{projects} };
my ($payloads) = grep { $_->{table} eq 'payloads' } @{ $said->{tables} };
is $payloads->{bytes}, $t->sql_value(q{select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 'errtrack_private.payloads'::regclass}),
    'the size of a table is that of its partitions';
is $payloads->{oldest}, $t->sql_value(q{select (now() at time zone 'UTC')::date}), 'its oldest rows are told';
cmp_ok $bytes{'acme/shop'}, '>', 2 * $bytes{'acme/other'}, 'a project takes what its rows take';
my $all = 0;
$all += $_ for values %bytes;
my $total = 0;
$total += $_->{bytes} for @{ $said->{tables} };
cmp_ok $all, '<', $total, 'all together no more than there is';
cmp_ok $bytes{'acme/shop'}, '>', $payloads->{bytes} / 10, 'and not next to nothing';

my ($status, $out) = run([ @command, qw(doctor --redis), $t->redis_server->address ]);
is $status, 0, 'people are told the same';
like $out, qr/^ok       indexes       nothing is wrong$/m, 'in lines';
like $out, qr/^table +bytes +partitions .*^project +estimated_bytes\nacme\/shop +\d+\nacme\/other +\d+$/ms, 'and tables';
$t->done;
