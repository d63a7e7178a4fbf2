# The ledger of requests: what edges count in Redis comes into PostgreSQL exactly once,
# however often it is read, by however many workers, while it grows; and what is no count
# harms nobody.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(run write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0, nginx => 0);

my $project = $t->{project}{id};
my $hour = int(time / 3600);
my $clock = time * 1000;

# Publishes as an edge does: the hash, then its name in the set.
sub publish {
    my ($member, %counts) = @_;
    $t->redis('HSET', "errtrack:ledger:$member", %counts) if %counts;
    $t->redis('ZADD', 'errtrack:ledger', $clock++, $member);
    return;
}

sub requests {
    return { map { ("$_->[0] $_->[1]" . ($_->[2] ? " $_->[2]" : '') => 0 + $_->[3]) }
        $t->sql('select project_id, outcome, reason, sum(requests) from errtrack.requests group by 1, 2, 3') };
}

sub becomes {
    my ($wanted, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $seen;
    my $text = sub { join ', ', map { "$_: $_[0]{$_}" } sort keys %{ $_[0] } };
    eventually { $text->($seen = requests()) eq $text->($wanted) } $label, timeout => 15 or diag $text->($seen);
    return;
}

# ---- what is there when a worker starts ------------------------------------------

publish("$hour:edge-1:b1", "$project " => 10, "$project too_large" => 2, '0 auth_missing' => 5);
publish("$hour:[::1]:8080:b1", "$project " => 1);
publish($hour - 1 . ':edge-1:b1', "$project " => 100);
publish($hour - 1 . ':edge-gone:b1');
$t->start_worker;
my %sum = ("$project accepted" => 111, "$project refused too_large" => 2, '0 refused auth_missing' => 5);
becomes(\%sum, 'what edges have counted is booked');
is_deeply [ map { $_->[0] } $t->sql('select requests from errtrack.requests where project_id = $1 and outcome = $2 order by hour',
    $project, 'accepted') ], [ 100, 11 ], 'by the hour';
is $t->sql_value('select hour = to_timestamp($1) from errtrack.requests order by hour desc limit 1', $hour * 3600), 't',
    'which is that of the edge';

# ---- growing ---------------------------------------------------------------------

publish("$hour:edge-1:b1", "$project " => 15, "$project rate_limited" => 3);
%sum = (%sum, "$project accepted" => 116, "$project refused rate_limited" => 3);
becomes(\%sum, 'what has grown is added');
publish("$hour:edge-1:b2", "$project " => 4);
$sum{"$project accepted"} += 4;
becomes(\%sum, 'an edge that started anew counts from 0');
publish("$hour:edge-2:b1", '987654321 ' => 6);
$sum{'0 accepted'} = 6;
becomes(\%sum, 'a project that does not exist is nobody');

# The clock of this edge is two hours behind, its scores are lower than all others.
$t->redis('HSET', "errtrack:ledger:$hour:slow:b1", "$project " => 2);
$t->redis('ZADD', 'errtrack:ledger', $clock - 7_200_000, "$hour:slow:b1");
$sum{"$project accepted"} += 2;
becomes(\%sum, 'an edge whose clock is behind is not passed over');

# A count that is written just after its name was, under the same score.
$t->redis('MULTI');
$t->redis('ZADD', 'errtrack:ledger', $clock++, "$hour:torn:b1");
publish("$hour:mark:b1", "$project method" => 1);
$t->redis('EXEC');
$sum{"$project refused method"} = 1;
becomes(\%sum, 'a name is there whose hash is not');
$t->redis('HSET', "errtrack:ledger:$hour:torn:b1", "$project " => 1);
$sum{"$project accepted"}++;
becomes(\%sum, 'it is read once more');

# ---- again -----------------------------------------------------------------------

# A count that fell is none of an edge of ours: what was booked stays.
publish("$hour:edge-1:b1", "$project " => 1);
$t->worker->restart;
publish("$hour:mark:b1", "$project method" => 2);
$sum{"$project refused method"} = 2;
becomes(\%sum, 'a worker that starts reads all again and adds nothing');

$t->start_worker(name => 'second');
$t->start_worker(name => 'third');
my @grown = (0) x 20;
for my $round (1 .. 15) {
    for my $edge (0 .. $#grown) {
        $grown[$edge] += 1 + ($round * 7 + $edge) % 5;
        publish("$hour:busy-$edge:b1", "$project " => $grown[$edge], "$project endpoint" => $round);
    }
}
$sum{"$project accepted"} += $_ for @grown;
$sum{"$project refused endpoint"} = 15 * @grown;
becomes(\%sum, 'three workers at once book all of it once');
is_deeply { map { ("$_->[0] $_->[1]" => $_->[2]) } $t->sql(q{select project_id, reason, sum(requests)
        from errtrack_private.edge_requests where project_id <> 987654321 group by 1, 2}) },
    { map { ("$_->[0] $_->[1]" => $_->[2]) } $t->sql(q{select project_id, reason, sum(requests)
        from errtrack_private.requests where not (project_id = 0 and reason = '') group by 1, 2}) },
    'the sums are those of what the edges said';
$t->worker('second')->stop;
$t->worker('third')->stop;

# Sessions that book nothing but the same few counts, as they grow, as fast as they can.
{
    my $script = "select errtrack_private.prepare_session();\n" . join '', map { <<"SQL" } 1 .. 100;
begin;
insert into batch_requests
    select to_timestamp($hour * 3600), 'race-' || n, 'b1', $project, 'race', 4 * $_ + :session from generate_series(1, 20) n;
select errtrack_private.book_requests();
commit;
SQL
    my $file = write_file($t->dir . '/book.sql', $script);
    my ($status, $out, $err) = run([ 'sh', '-c', 'for n in 1 2 3 4; do "$@" -v session=$n & done; wait', 'sh', 'psql', '-X', '-q', '-o', '/dev/null',
        '-v', 'ON_ERROR_STOP=1', '-d', $t->postgres->conninfo('errtrack_admin'), '-f', $file ], plain => 1);
    is "$status $err", '0 ', 'four sessions book at once';
    # Who found another booking left it to that one, which may have been behind.
    $t->sql("\\set session 4\n$script");
    is requests()->{"$project refused race"}, 20 * (4 * 100 + 4), 'the sum is what was counted';
}

# ---- what is no count ------------------------------------------------------------

publish("$hour:hostile:b1",
    'no blank' => 1, "$project" => 1, " cors" => 1, "-1 cors" => 1, "$project Cors" => 1, "$project cors " => 1,
    "$project " . 'x' x 41 => 1, "99999999999999999999 cors" => 1, "$project cors\n" => 1, "$project c\xffrs" => 1,
    "$project cors" => 'many', "$project method" => -3, "$project endpoint" => '99999999999999999999',
    "$project content_type" => '1.5', "$project internal" => 9);
publish($_, "$project internal" => 1000)
    for 'x:hostile:b1', $hour, "$hour:b1", "${hour}::b1", "$hour:two words:b1", "$hour:e\xff:b1", "-1:hostile:b1",
    '99999999999999999999:hostile:b1', $hour - 61 . ':late:b1', $hour + 3 . ':early:b1', '';
$t->redis('SET', "errtrack:ledger:$hour:odd:b1", 'no hash');
publish("$hour:odd:b1");
for my $thousand (1_000 .. 1_011) {
    $t->redis('HSET', "errtrack:ledger:$hour:wide:b1", map { ("$thousand$_ key_malformed" => 1) } 100 .. 999, 0 .. 99);
}
publish("$hour:wide:b1");
publish("$hour:last:b1", "$project slow_client" => 1);
eventually { requests()->{"$project refused slow_client"} } 'what cannot be read holds up nothing';
my $now = requests();
is $now->{"$project refused internal"}, 9, 'what can be read of it is booked';
is $now->{"$project refused cors"}, undef, 'a field that is none is not';
cmp_ok $now->{'0 refused key_malformed'}, '<=', 10_000, 'nor is more of a hash than its bound';
cmp_ok $now->{'0 refused key_malformed'}, '>', 9_000, 'but up to it';
is $now->{"$project refused method"}, 2, 'no sum fell';
like $t->worker->log_text, qr/\bready\b/, 'the worker runs';

$t->redis('DEL', 'errtrack:ledger');
$t->redis('SET', 'errtrack:ledger', 'no set');
$t->redis('XADD', 'errtrack:{q0}:events', '*', m => "v 1\nid " . '1' x 32 . "\nat " . time . "000000\nproject $project\nkey 1\nep store\nevent "
    . '2' x 32 . "\n", b => '{"message":"filed"}');
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == 1 } 'even without a ledger reports are filed';
$t->redis('DEL', 'errtrack:ledger');

# ---- what is old -----------------------------------------------------------------

$t->worker->stop;
$t->redis('ZADD', 'errtrack:ledger', $clock - 73 * 3_600_000, 'old', $clock - 71 * 3_600_000, 'young');
$t->sql(q{insert into errtrack_private.edge_requests (hour, edge, boot, project_id, reason, requests)
    values (now() - interval '73 hours', 'old', 'b', 1, '', 1), (now() - interval '71 hours', 'young', 'b', 1, '', 1)});
$t->sql(q{insert into errtrack_private.requests (project_id, hour, reason, requests)
    values (1, now() - interval '91 days', 'old', 1), (1, now() - interval '89 days', 'young', 1)});
$t->worker->start;
eventually { !defined $t->redis('ZSCORE', 'errtrack:ledger', 'old') } 'names go after three days';
ok defined $t->redis('ZSCORE', 'errtrack:ledger', 'young'), 'not before';
eventually { $t->sql_value(q{select count(*) from errtrack_private.edge_requests where edge = 'old'}) == 0 }
    'what edges said goes after three days';
is $t->sql_value(q{select count(*) from errtrack_private.edge_requests where edge = 'young'}), 1, 'not before';
is_deeply [ map { $_->[0] } $t->sql(q{select reason from errtrack.requests where reason in ('old', 'young')}) ], ['young'],
    'sums go with the retention';

# ---- who may read ----------------------------------------------------------------

$t->sql('create role ann login; grant errtrack_report to ann');
for my $view (qw(requests outcomes)) {
    cmp_ok $t->sql_value("set role ann; select count(*) from errtrack.$view"), '>', 0, "an analyst reads $view";
    is $t->sql_value(q{select count(*) from pg_attribute a where a.attrelid = $1::regclass and a.attnum > 0
        and a.attname not in ('category', 'requests', 'items') and col_description(a.attrelid, a.attnum) is null}, "errtrack.$view"), 0,
        'whose columns are explained';
}

$t->done;
