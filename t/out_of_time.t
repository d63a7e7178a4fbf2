# A record that takes more time than a statement has, or is past another limit of the
# database, becomes a dead letter after a few attempts by itself and holds up nothing. One
# that waits for somebody else's lock for as long does not.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });

my $filed = sub { $t->sql_value('select count(*) from errtrack.occurrences') };
my $feedback = sub { $t->sql_value('select count(*) from errtrack.feedback') };
my $reasons = sub { return [ map { $_->[0] } $t->sql('select reason from errtrack_private.dead_letters order by id') ] };

sub report {
    my ($comments) = @_;
    is $t->envelope([ user_report => { event_id => $t->{next}++ . '0' x 31, comments => $comments } ])->status, 200, $comments;
    return;
}

$t->{next} = 1;
$t->sql(q{alter role errtrack_worker set statement_timeout = '2s'});
$t->sql(q{
    create function errtrack_private.trouble() returns trigger language plpgsql as $$
    begin
        if new.message = 'slow' then
            perform pg_sleep(10);
        elsif new.message = 'large' then
            raise exception 'too large' using errcode = '54000';
        end if;
        return new;
    end
    $$;
    create trigger trouble before insert on errtrack_private.feedback
        for each row execute function errtrack_private.trouble();
});

$t->worker->stop;
is $t->store({ message => 'before' })->status, 200, 'an event';
report($_) for qw(slow large good);
is $t->store({ message => 'behind' })->status, 200, 'an event';
$t->worker->start;
eventually { $filed->() == 2 && $feedback->() == 1 } 'what is beside the two is filed';
eventually { @{ $reasons->() } == 2 } 'they are dead';
like $reasons->()[0], qr/statement timeout/, 'one since it took too long';
like $reasons->()[1], qr/too large/, 'the other since it is too large';
eventually { $t->redis('XLEN', 'errtrack:{q0}:events') == 0 } 'the queue is empty';
my $tries = () = $t->postgres->log_text =~ /canceling statement due to statement timeout/g;
is $tries, 4, 'once with the others, and three times by itself';

my $session = $t->sql_session;
$session->('begin; lock table errtrack_private.feedback in exclusive mode;');
report('patient');
# More often than what takes too long by itself may.
eventually { (() = $t->postgres->log_text =~ /canceling statement due to lock timeout/g) > 4 } 'a report waits for a lock', timeout => 60;
is_deeply [ scalar @{ $reasons->() }, $feedback->() ], [ 2, 1 ], 'for long';
$session->('rollback;');
eventually { $feedback->() == 2 } 'and is filed when it is there';

$t->done;
