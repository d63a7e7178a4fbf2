# Dead letters are listed, shown and put back into the queue, where they are filed once
# and count as what they become.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir run);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);

my $events = 'errtrack:{q0}:events';
my $other = $t->create_project('other', 'acme');
my $number = 0;
my $add = sub {
    my ($body, %more) = @_;
    my %line = (v => 1, id => sprintf('%032x', ++$number), at => time . '000000', project => $t->{project}{id},
        key => 1, ep => 'store', event => sprintf('e%031x', $number), items => 'event:1', %more);
    return $t->redis('XADD', $events, '*', m => join('', map { "$_ $line{$_}\n" } sort keys %line), b => $body);
};
# (status, output, errors) of errtrack dead.
my $dead = sub {
    my (@words) = @_;
    return run([ build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), 'dead', @words ]);
};
my $list = sub { JSON::PP::decode_json(($dead->('list', '--json', @_))[1]) };
my $replay = sub { my ($status, $out, $err) = $dead->('replay', '--redis', $t->redis_server->address, @_); return "$status $out$err" };
my $titles = sub { return join ' ', map { "$_->[0]:$_->[1]" } $t->sql('select title, event_count from errtrack_private.issues order by title') };
my $outcomes = sub { return { map { ($_->[0] => $_->[1]) }
    $t->sql('select outcome, sum(quantity) from errtrack_private.outcomes group by 1 having sum(quantity) <> 0') } };

# The database will not take these, until it is mended.
$t->sql(q{
    create function refuse() returns trigger language plpgsql as $$
    begin
        if new.title like 'bad%' then
            raise exception 'it does not like bad ones';
        end if;
        return new;
    end $$});
$t->sql('create trigger refuse before insert on errtrack_private.issues for each row execute function refuse()');

$add->(qq({"message":"bad $_"})) for qw(one two three four);
$add->('{"message":"bad other"}', project => $other->{id});
$add->('{"message":"good"}');
$t->redis('XADD', $events, '*', 'hello', "wor\x01ld");
eventually { @{ $list->() } == 6 } 'what cannot be filed is listed';
eventually { $titles->() eq 'good:1' } 'the rest is filed';
is_deeply $outcomes->(), { dead => 6, stored => 1 }, 'each has one outcome';

my @letters = sort { $a->{id} <=> $b->{id} } @{ $list->() };
is_deeply [ map { $_->{id} } @{ $list->('--limit', 2) } ], [ map { $_->{id} } @letters[5, 4] ], 'so many, the newest first';
is_deeply [ map { $_->{project} } @{ $list->('--project', 'other') } ], [ $other->{id} ], 'those of a project';
my ($first) = grep { $_->{reason} =~ /does not like/ } @letters;
is "$first->{endpoint} $first->{items}", 'store event:1', 'with what the edge knew';
my ($hello) = grep { !$_->{endpoint} } @letters;

my ($status, $out, $err) = $dead->('show', $first->{id});
like $out, qr/^reason +ERROR: +it does not like bad ones/m, 'one is shown with its reason';
like $out, qr/^ep store\n/m, 'and what the edge noted';
is JSON::PP::decode_json(($dead->('show', $first->{id}, '--json'))[1])->{delivery_id} =~ tr/-//dr, sprintf('%032x', 1), 'for programs too';
is +($dead->('show', $first->{id}, '--body'))[1], '{"message":"bad one"}', 'its body is as the client sent it';
is +($dead->('show', $hello->{id}, '--body'))[1], "hello wor\x01ld\n", 'whatever it is';
is join('', $dead->('show', 999)), "1errtrack: there is no dead letter 999\n", 'one that is not there is not shown';

is $replay->(), "1 errtrack: name dead letters, a --project or --all\n", 'it has to be said what to put back';
like $replay->(1, '--all'), qr/^1 .*excludes/, 'in one way';
is $replay->(999), "1 0 of 1 dead letters are back in the queue\nerrtrack: there is no dead letter 999\n", 'and it has to be there';

is $replay->($first->{id}), "0 1 of 1 dead letters are back in the queue\n", 'what is put back too early';
is $t->sql_value(q{select details ->> 'id' from errtrack_private.audit where action = 'dead_letter.replay'}), $first->{id}, '... is noted';
eventually { @{ $list->() } == 6 } 'dies again';
is_deeply $outcomes->(), { dead => 6, stored => 1 }, 'and counts once';

# However long it takes to forget the old letter, and however fast the worker is.
($first) = grep { $_->{reason} =~ /does not like/ } @{ $list->() };
$t->sql(q{
    create function hold() returns trigger language plpgsql as $$
    begin
        perform pg_advisory_xact_lock(7);
        return old;
    end $$});
$t->sql('create trigger hold before delete on errtrack_private.dead_letters for each row execute function hold()');
my $holder = $t->sql_session;
$holder->('begin; select pg_advisory_xact_lock(7);');
open my $running, '-|', build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'),
    'dead', 'replay', '--redis', $t->redis_server->address, $first->{id} or die "errtrack: $!\n";
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where application_name = 'errtrack' and wait_event = 'advisory'});
} 'a letter is being put back';
eventually { $t->redis('XLEN', $events) == 0 } 'the worker has nothing to do';
$holder->('commit;');
is readline $running, "1 of 1 dead letters are back in the queue\n", 'it is put back';
close $running;
eventually { @{ $list->() } == 6 } 'and is not lost when it dies at once';
is_deeply $outcomes->(), { dead => 6, stored => 1 }, 'nor counted twice';
$t->sql('drop trigger hold on errtrack_private.dead_letters');

# The worker has the entry before it is settled that the letter is gone.
($first) = grep { $_->{reason} =~ /does not like/ } @{ $list->() };
$t->sql('create constraint trigger hold after delete on errtrack_private.dead_letters deferrable initially deferred for each row execute function hold()');
$holder->('begin; select pg_advisory_xact_lock(7);');
open $running, '-|', build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'),
    'dead', 'replay', '--redis', $t->redis_server->address, $first->{id} or die "errtrack: $!\n";
eventually {
    $t->sql_value(q{select count(*) from pg_stat_activity where usename = 'errtrack_worker' and wait_event_type = 'Lock'});
} 'a worker that is about to bury it again waits';
$holder->('commit;');
is readline $running, "1 of 1 dead letters are back in the queue\n", '... until it is put back';
close $running;
eventually { @{ $list->() } == 6 && !grep { $_->{id} == $first->{id} } @{ $list->() } } '... and buries it then';
is_deeply $outcomes->(), { dead => 6, stored => 1 }, '... counted once';
$t->sql('drop trigger hold on errtrack_private.dead_letters');

$t->sql('drop trigger refuse on errtrack_private.issues');
is $replay->('--project', 'other'), "0 1 of 1 dead letters are back in the queue\n", 'those of a project are put back';
eventually { $titles->() eq 'bad other:1 good:1' } 'and filed';

# As if an earlier replay had been ended before it could forget the letter.
my ($second) = map { $_->{id} } grep { ($dead->('show', $_->{id}, '--body'))[1] =~ /bad two/ } @{ $list->() };
my $meta = JSON::PP::decode_json(($dead->('show', $second, '--json'))[1])->{meta};
$t->redis('XADD', $events, '*', m => $meta, b => '{"message":"bad two"}');
eventually { $titles->() eq 'bad other:1 bad two:1 good:1' } 'a letter is in the queue already';
$t->redis('CONFIG', 'SET', 'maxmemory', 1);
like $replay->('--all'), qr/^1 0 of 5 dead letters are back in the queue\n.*errtrack: Redis at \S+: OOM/s, 'a Redis that is full takes none';
is scalar(@{ $list->() }), 5, 'and none is lost';
$t->redis('CONFIG', 'SET', 'maxmemory', 0);
is $replay->('--all'), "0 4 of 5 dead letters are back in the queue\n1 are no records of an edge, and stay dead\n",
    'all are put back that ever were reports';
eventually { $titles->() eq 'bad four:1 bad one:1 bad other:1 bad three:1 bad two:1 good:1' } 'all are filed, none twice';
eventually { $t->redis('XLEN', $events) == 0 } 'the queue is empty';
is_deeply $outcomes->(), { dead => 1, stored => 6 }, 'and the ledger knows what became of them';
is_deeply [ map { $_->{id} } @{ $list->() } ], [ $hello->{id} ], 'the other stays';

my $delete = sub { my ($status, $out, $err) = $dead->('delete', @_); return "$status $out$err" };
my $balance = sub { $t->sql_value('select requests_dead from errtrack_private.operation_status') };
is $balance->(), 1, 'it is in the balance';
is $delete->($hello->{id}, 999), "1 errtrack: there is no dead letter 999\n", 'what is deleted has to be there';
is scalar(@{ $list->() }), 1, 'or none is';
is $delete->(), "1 errtrack: letters is required (see errtrack dead delete --help)\n", 'and has to be named';
is $delete->($hello->{id}), "0 dead letter $hello->{id} is deleted\n", 'what is hopeless is deleted';
is_deeply $list->(), [], 'and gone';
is_deeply $outcomes->(), { dead => 1, stored => 6 }, 'but stays counted';
is $balance->(), 1, 'in the balance too';

# So that whatever makes them does not fill the disk.
$t->sql(q{
    insert into errtrack_private.dead_letters (delivery_id, project_id, reason, meta, body)
    select gen_random_uuid(), 1, 'test', '', decode(repeat('00', 1000), 'hex') from generate_series(1, 10)});
is $t->sql_value('select errtrack_private.cap_dead_letters()'), 0, 'a few are kept';
is $t->sql_value('select errtrack_private.cap_dead_letters(6)'), 4, 'more than so many are not';
is $t->sql_value('select errtrack_private.cap_dead_letters(100, 4500)'), 2, 'nor more than so many bytes';
is $t->sql_value('select count(*) from errtrack_private.dead_letters where reason = $1', 'test'), 4, 'the oldest go first';

$t->done;
