# A report takes three times as long as errtrack_redis_timeout to be sent to a Redis that is far
# away: it is taken all the same, by Redis and from the spool, and only one that does not move
# is given up.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(time);

use ErrTrack;
use ErrTrack::Cutter;
use ErrTrack::Ports qw(free_port);

my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => 0);
my $relay = $t->add('ErrTrack::Cutter', name => 'relay', port => free_port(), target => $t->redis_server->port, rate => 2_000_000)->start;
$t->start_nginx(words => { REDIS => $relay->address }, config => <<'CONF');
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_redis_timeout 2s;
    errtrack_zone 1m;
    errtrack_spool %%DIR%%/spool size=512m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location = /metrics { errtrack_metrics; }
    }
}
CONF
$t->wait_for_key;

my @ids;
my $send = sub {
    push @ids, join '', map { sprintf '%04x', int rand 65_536 } 1 .. 8;
    return $t->envelope([ event => { event_id => $ids[-1], message => 'large' } ], [ attachment => 'x' x 14_000_000, filename => 'dump' ],
        header => { event_id => $ids[-1] }, timeout => 30)->status;
};
my $spooled = sub { $t->get('/metrics')->content =~ /^errtrack_spooled_total (\d+)/m ? $1 : die "no metric\n" };
my $given_up = sub { my @lines = $t->nginx->log_text =~ /for large reports: no answer in 2000 ms/g; return scalar @lines };

my $begin = time;
is $send->(), 200, 'a report that takes long to send is taken';
cmp_ok time - $begin, '>', 4, 'though it takes long';
is $spooled->(), 0, 'by Redis';
is $given_up->(), 0, 'which is not given up';

$t->redis_server->signal('STOP');
$begin = time;
is $send->(), 200, 'one is taken that stays halfway';
cmp_ok time - $begin, '<', 15, 'and not waited for';
is $spooled->(), 1, 'by the spool';
my $before = $given_up->();
cmp_ok $before, '>', 0, 'the log tells';
$t->redis_server->signal('CONT');
$t->filed_once(\@ids, timeout => 30);
cmp_ok $given_up->() - $before, '<=', 1, 'it is not sent again and again';

$t->done;
