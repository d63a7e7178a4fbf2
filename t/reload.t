# nginx is reloaded under load: every report is answered, and every report that was
# answered 200 is filed, once.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => <<'CONF');
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 1m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location /errortracking/api/v1/ { errtrack_query; }
    }
}
CONF

my ($clients, $each) = (4, 200);
my @pipes;
for my $client (1 .. $clients) {
    pipe my $read, my $write or die "pipe: $!\n";
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        close $read;
        for my $number (1 .. $each) {
            my $answer = $t->store({ event_id => sprintf('%016x%016x', $client, $number), message => 'reload' });
            syswrite $write, $answer->status . "\n";
        }
        # Not exit: the services belong to the parent.
        require POSIX;
        POSIX::_exit(0);
    }
    push @pipes, { pid => $pid, read => $read };
}

my $reloads = 0;
while (grep { kill 0 => $_->{pid} } @pipes) {
    $t->nginx->reload;
    $reloads++;
    waitpid $_->{pid}, 1 for @pipes;
    last if $reloads == 20;
}
my %answers;
for my $pipe (@pipes) {
    $answers{$_}++ for split /\n/, do { local $/; readline $pipe->{read} } // '';
    waitpid $pipe->{pid}, 0;
}

cmp_ok $reloads, '>=', 2, "nginx was reloaded under load ($reloads times)";
is_deeply \%answers, { 200 => $clients * $each }, 'every report was answered 200';
eventually { $t->redis('XLEN', 'errtrack:{q0}:events') == 0 } 'the queue is empty';
is $t->sql_value('select count(distinct event_id) from errtrack_private.occurrences'), $clients * $each,
    'every report is filed';
is $t->sql_value('select sum(event_count) from errtrack_private.issues'), $clients * $each, 'and counted once';

$t->done;
