# Thousands of check-ins of one monitor, which are small when compressed: they are filed
# as runs like any others, and hold up nothing that is behind them.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::HTTP 'json_text';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $nil = '0' x 32;
my $minutely = { schedule => { type => 'crontab', value => '* * * * *' } };

# One compressed request.
sub send_many {
    my (@check_ins) = @_;
    my $body = join '', "{}\n", map { qq({"type":"check_in"}\n$_\n) } @check_ins;
    is $t->submit('envelope', $body, type => 'application/x-sentry-envelope', encoding => 'gzip')->status, 200,
        @check_ins . ' check-ins are taken';
    return;
}

sub check_in { return json_text({ status => 'ok', @_ }) }

my $filed = 0;
sub is_not_held_up {
    my ($what) = @_;
    is $t->store({ message => $what })->status, 200, 'an event is behind them';
    $t->worker->start;
    $filed++;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $filed } $what;
    return;
}

sub counted {
    my ($slug) = @_;
    return { map { $_->[0] => $_->[1] } $t->sql(q{select status, count(*) from errtrack.check_ins where slug = $1 group by 1}, $slug) };
}

# ---- runs of their own --------------------------------------------------------------

$t->worker->stop;
send_many(check_in(monitor_slug => 'often', monitor_config => $minutely), (check_in(monitor_slug => 'often')) x 999) for 1 .. 10;
is_not_held_up('10,000 runs hold up nothing');
is_deeply counted('often'), { ok => 10_000 }, 'each check-in is a run';
is $t->sql_value(q{select next_check_in_at = date_trunc('minute', last_check_in_at) + interval '1 minute'
    from errtrack.monitors where slug = 'often'}), 't', 'the next one is expected a minute after the last';

# ---- beginnings and ends --------------------------------------------------------------

$t->worker->stop;
for (1 .. 5) {
    send_many(map {
        (check_in(monitor_slug => 'in-turn', status => 'in_progress'), check_in(monitor_slug => 'in-turn', check_in_id => $nil))
    } 1 .. 500);
    send_many((check_in(monitor_slug => 'stack', status => 'in_progress')) x 600, (check_in(monitor_slug => 'stack', check_in_id => $nil)) x 400);
}
is_not_held_up('10,000 beginnings and ends hold up nothing');
is_deeply counted('in-turn'), { ok => 2_500 }, 'an end without an id ends the run before it';
is_deeply counted('stack'), { ok => 2_000, in_progress => 1_000 }, 'each ends another one';

# ---- one run --------------------------------------------------------------------------

$t->worker->stop;
my @same = map { $_ x 32 } qw(1 2);
send_many(map { check_in(monitor_slug => 'same', check_in_id => $same[ $_ % 2 ], status => 'in_progress') } 1 .. 1_000) for 1 .. 10;
is_not_held_up('10,000 words about two runs hold up nothing');
is_deeply counted('same'), { in_progress => 2 }, 'they stay two';

is $t->sql_value(q{select sum(items) from errtrack.outcomes where category = 'monitor' and outcome = 'stored'}), 30_000,
    'every check-in is stored';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead';

$t->done;
