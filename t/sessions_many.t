# Thousands of sessions in one transaction hold up nothing that is behind them.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::HTTP 'json_text';
use ErrTrack::Process 'random_hex';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $started = time - 60;

sub session {
    my $id = random_hex(16);
    return json_text({ sid => $id, did => $id, started => $started, status => 'exited', duration => 3, attrs => { release => 'a@1' } });
}

$t->worker->stop;
my $taken = 0;
for (1 .. 200) {
    my $body = join '', "{}\n", map { qq({"type":"session"}\n) . session() . "\n" } 1 .. 100;
    $taken++ if $t->submit('envelope', $body, type => 'application/x-sentry-envelope', encoding => 'gzip')->status == 200;
}
is $taken, 200, '20,000 sessions are taken in 200 requests';
is $t->store({ message => 'behind' })->status, 200, 'an event is behind them';
$t->worker->start;
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == 1 } 'it is filed';
is $t->sql_value('select sum(started) from errtrack_private.session_counts'), 20_000, 'each is counted';
is $t->sql_value('select count(*) from errtrack_private.session_users'), 20_000, 'with its user';

$t->done;
