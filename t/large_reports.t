# Reports of megabytes, which go to Redis in pieces, while the connection to Redis is cut in
# the middle of them and Redis stands still: each that was answered 200 is filed once, with
# every byte of its file, and small reports are taken meanwhile.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;
use Time::HiRes qw(time);

use ErrTrack;
use ErrTrack::Cutter;
use ErrTrack::Load;
use ErrTrack::Ports qw(free_port);

my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => 0);
my $cutter = $t->add('ErrTrack::Cutter', name => 'cutter', port => free_port(), target => $t->redis_server->port)->start;
$t->start_nginx(words => { REDIS => $cutter->address }, config => <<'CONF');
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_redis_timeout 1s;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=512m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location = /metrics { errtrack_metrics; }
    }
}
CONF
$t->wait_for_key;

# Its size and its bytes follow from the id: 0.25 to 4 MB, so one piece and many.
sub file_of {
    my ($id) = @_;
    return join('', map { sprintf '%s %07d.', $id, $_ } 1 .. 8192) x (1 + hex(substr $id, -1) % 12);
}

my $large = ErrTrack::Load->start($t, clients => 3, pause => 0.05, send => sub {
    my ($id) = @_;
    return $t->envelope([ event => { event_id => $id, message => 'large' } ], [ attachment => file_of($id), filename => 'dump' ],
        header => { event_id => $id }, timeout => 20);
});
my $small = ErrTrack::Load->start($t, clients => 2, pause => 0.01);

my $taken = 0;
my $more = sub {
    my ($number) = @_;
    $taken = $large->answered(200);
    eventually { $large->answered(200) >= $taken + $number && $small->answered(200) } 'large reports are taken';
};
$more->(6);
for (1 .. 6) {
    $cutter->cut;
    $more->(5);
}
my $before = $small->answered(200);
$t->redis_server->signal('STOP');
eventually { $small->answered(200) > $before + 6 } 'small ones are taken while Redis stands still';
$t->redis_server->signal('CONT');
$more->(10);
my ($of_large, $of_small) = map { $_->stop } $large, $small;

is join(' ', sort keys %$of_small), 200, 'every small report was answered 200';
is join(' ', grep { $_ != 503 } sort keys %$of_large), 200, 'large ones too, or there was no room for them';
cmp_ok $t->get('/metrics')->content =~ /^errtrack_spooled_total (\d+)/m ? $1 : 0, '>', 0, 'the spool took some';
$t->filed_once([ @{ $of_large->{200} }, @{ $of_small->{200} } ], timeout => 60);
my %hash = map { @$_ } $t->sql(q{select replace(event_id::text, '-', ''), encode(sha256, 'hex') from errtrack.attachments});
is scalar(grep { $hash{$_} ne sha256_hex(file_of($_)) } sort keys %hash), 0, 'each file that is there is whole';
is scalar(grep { !$hash{$_} } @{ $of_large->{200} }), 0, 'and that of each large report is there';

$t->done;
