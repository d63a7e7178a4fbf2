# Workers and PostgreSQL are killed while messages are on their way: each arrives, whoever
# sends it, under an id that stays, and in the order of its issue.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, postgres => { durable => 1 }, nginx => 0, worker => 0);
my $receiver = $t->add_receiver(['hook'], hourly_cap => 1000);
$receiver->answer('/hook', 'slow 0.2');

my @workers = qw(one two);
my @args = ($t->notifying, '--claim-after', 1);
$t->start_worker(name => $_, args => \@args) for @workers;
my $holder = sub { $t->sql_value('select holder from errtrack_private.duties where name = $1 and until > now()', 'notifications') // '' };
eventually { $holder->() ne '' } 'a worker has the duty';
my $who = sub { my ($pid) = $holder->() =~ /:(\d+)$/ or return; my ($name) = grep { ($t->worker($_)->{pid} // 0) == $pid } @workers; $name };

my $told = 0;
sub happen {
    my ($title) = @_;
    $t->queue({ message => $title });
    $told++;
    return;
}

happen('issue ' . chr(64 + $_)) for 1 .. 10;
eventually { $receiver->requests('/hook') >= 2 } 'the first messages are sent';
my $first = $who->();
$t->worker($first)->kill;
happen('issue ' . chr(64 + $_)) for 11 .. 20;
eventually { my $now = $who->(); $now && $now ne $first } 'another worker takes the duty over when the first is killed', timeout => 20;
my $sent = $receiver->requests('/hook');
eventually { $receiver->requests('/hook') > $sent + 2 } 'and goes on';
$t->worker($first)->start;

# One that hangs loses the duty, too.
my $second = $who->();
kill STOP => $t->worker($second)->{pid};
happen('issue ' . chr(64 + $_)) for 21 .. 25;
eventually { my $now = $who->(); $now && $now ne $second } 'it is taken from one that hangs', timeout => 20;
kill CONT => $t->worker($second)->{pid};

$t->postgres->kill;
$t->postgres->start;
happen('issue ' . chr(64 + $_)) for 26 .. 30;
eventually { my %seen = map { $_->{delivery_id} => 1 } $receiver->messages('/hook'); keys %seen >= $told } 'all messages arrive', timeout => 60;
eventually { $t->sql_value(q(select count(*) from errtrack_private.notifications where state = 'sent')) == $told } 'and are known to have';

my (%seen, @order);
for my $message ($receiver->messages('/hook')) {
    push @order, $message->{issue}{title} if !$seen{ $message->{delivery_id} }++;
}
is scalar @order, $told, 'one message for each issue';
my %titles = map { $_ => 1 } @order;
is scalar keys %titles, $told, 'of which none is told under two ids';
is_deeply [ map { $_->[0] } $t->sql(q(select n.notice #>> '{issue,title}' from errtrack_private.notifications n order by n.id)) ], \@order,
    'in the order in which they were planned';

$t->done;
