# The binary of nginx is upgraded under load, back and forth: every report is answered
# 200, and filed once. Redis is away when the new process starts: it knows the keys all
# the same, and drains what the old one has spooled.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Load;
use ErrTrack::Process qw(running);

my $t = ErrTrack->stack(
    redis => { appendonly => 'always' },
    nginx => { daemon => 1, config => <<'CONF' },
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=64m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF
);

my $nginx = $t->nginx;
eventually { -s "$t->{dir}/spool/client-keys" } 'a snapshot of the keys is written';
my $load = ErrTrack::Load->start($t, clients => 6);
my $more = sub {
    my ($label) = @_;
    my $before = $load->answered(200);
    eventually { $load->answered(200) > $before + 200 } $label;
};

$more->('reports are taken');
$t->redis_server->kill;
$more->('they are taken without Redis');
my ($old, $new) = $nginx->upgrade;
$more->('old and new take reports');
kill WINCH => $old;
eventually { !$nginx->workers_of($old) && $nginx->workers_of($new) } 'the old process stops taking them';
$more->('the new one takes them alone, without Redis');
$t->redis_server->start;
eventually { !@{ [glob "$t->{dir}/spool/*.[vu]"] } } 'it drains what both have spooled', timeout => 60;

kill HUP => $old;
eventually { $nginx->workers_of($old) } 'back: the old one takes reports again';
kill QUIT => $new;
eventually { !running($new) } 'the new one ends';
$nginx->adopt($old);
$more->('reports are taken');

my (undef, $newest) = $nginx->upgrade;
kill WINCH => $old;
eventually { !$nginx->workers_of($old) } 'forth: the old process stops taking reports';
kill QUIT => $old;
eventually { !running($old) } 'and ends';
$more->('reports are taken by the newest');
$nginx->reload;
is $nginx->pid, $newest, 'which is an nginx like any other';
$more->('and by its next generation');
my $answers = $load->stop;

is join(' ', sort keys %$answers), 200, 'every report was answered 200';
$t->filed_once($answers->{200});

$t->done;
