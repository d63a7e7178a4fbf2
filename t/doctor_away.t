# errtrack doctor without Redis, without PostgreSQL, with a schema that is not its own: that is
# a finding, and the rest is looked at.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ErrTrack;
use ErrTrack::Process qw(build_dir run);

my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => 0, postgres => { settings => { fsync => 'on', full_page_writes => 'on' } });

# (exit code, what is wrong, subjects that are fine)
my $doctor = sub {
    my ($database, @arg) = @_;
    my ($status, $out) = run([ build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin', database => $database),
        'doctor', '--json', @arg ]);
    my $said = JSON::PP::decode_json($out);
    my (@wrong, %fine);
    push @{ $_->{level} eq 'ok' ? $fine{ $_->{subject} } : \@wrong }, "$_->{level} $_->{subject} $_->{what}; $_->{advice}" for @{ $said->{findings} };
    return ($status, join("\n", @wrong), \%fine, $said);
};
my @redis = ('--redis', $t->redis_server->address);

eventually { my ($status, $wrong) = $doctor->('errtrack', @redis); $status == 0 && $wrong eq '' } 'everything is as it should be';
my ($status, $wrong, $fine, $said) = $doctor->('errtrack');
is "$status $wrong", '1 warning redis the queue was not looked at; name it with --redis or ERRTRACK_REDIS', 'without the queue that is told';

($status, $wrong) = $doctor->('template1', @redis);
is $status, 2, 'a database of somebody else is failing';
like $wrong, qr/\Afailing schema this database does not have the schema of this release: run "errtrack migrate"; or name the right database with --database\z/, 'with what to do';

my $newest = $t->sql_value('select max(version) from errtrack_private.migrations');
$t->sql('update errtrack_private.migrations set version = version + 1000 where version = $1', $newest);
($status, $wrong) = $doctor->('errtrack', @redis);
is "$status $wrong", "2 failing schema the database has migration @{[ $newest + 1000 ]}, this program knows $newest; install the release that has migrated it",
    'a newer schema is failing';
$t->sql('delete from errtrack_private.migrations where version > $1', $newest);
($status, $wrong, $fine) = $doctor->('errtrack', @redis);
is $status, 2, 'an older one, too';
like $wrong, qr/\Afailing schema the database has migration \d+, this program knows $newest; run errtrack migrate\z/, 'with what to do';
ok $fine->{queue} && !$fine->{indexes}, 'of which nothing is asked that it may not have';
$t->sql(q{insert into errtrack_private.migrations (version, name) values ($1, 'again')}, $newest);

# Somebody has locked a table.
my $lock = $t->sql_session;
$lock->('begin; lock table errtrack_private.outbox in access exclusive mode;');
my $began = time;
($status, $wrong, $fine) = $doctor->('errtrack', @redis);
cmp_ok time - $began, '<', 15, 'a table that is locked does not hold it up for long';
like $wrong, qr/^warning backlog it could not be looked at: canceling statement due to lock timeout; /m, 'what it hides is told';
ok $fine->{roles} && $fine->{queue}, 'the rest is looked at';
$lock->('rollback;');

$t->redis_server->stop;
($status, $wrong, $fine) = $doctor->('errtrack', @redis);
is $status, 2, 'without Redis it is failing';
like $wrong, qr/\Afailing redis Redis at \S+: .*; see that it runs, and who may log in; meanwhile edges spool\z/, 'which is all that is wrong';
ok $fine->{indexes}, 'the database is looked at';
$t->redis_server->start;

$t->worker->stop;
$t->postgres->stop;
($status, $wrong, $fine, $said) = $doctor->('errtrack', @redis);
is $status, 2, 'without PostgreSQL it is failing';
like $wrong, qr/\Afailing database cannot reach the database .*; see that it runs, and who may log in\z/, 'which is all that is wrong';
ok $fine->{redis} && $fine->{queue}, 'Redis is looked at';
is $said->{tables}, undef, 'of tables nothing is known';
$t->redis_server->stop;
($status, $wrong) = $doctor->('errtrack', @redis);
is $status . ' ' . (() = $wrong =~ /^failing/mg), '2 2', 'both may be away';
$t->postgres->start;
$t->done;
