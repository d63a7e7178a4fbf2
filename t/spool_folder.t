# What people do to the folder of the spool: a report that was answered 200 is not lost by
# it, and nginx goes on with its old configuration when the new one names a folder that
# cannot be used. A test of a configuration leaves it as it is.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file);

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/FOLDER free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

my $t = ErrTrack->stack(nginx => { config => $conf =~ s/FOLDER/spool/r });
my $spool = "$t->{dir}/spool";
my $send = sub { $t->store({ message => $_[0] })->status };

$t->redis_server->stop;
eventually { $send->('before') == 200 && @{ [glob "$spool/*.v"] } } 'reports are spooled';
unlink glob "$spool/*.v";
is $send->("removed $_"), 200, 'after somebody has removed the segment reports are kept' for 1 .. 4;
rename $spool, "$t->{dir}/away" or die "rename: $!\n";
is $send->('no folder'), 503, 'without a folder they are refused';
rename "$t->{dir}/away", $spool or die "rename: $!\n";
eventually { $send->('folder back') == 200 } 'and kept when it is back';
$t->redis_server->start;
my $count = sub {
    $t->sql_value(q{select coalesce(sum(event_count), 0) from errtrack_private.issues where title like $1}, $_[0]);
};
eventually { $count->('removed %') == 4 && $count->('folder back') == 1 } 'all that was answered 200 since then is filed', timeout => 30;

my @pids = $t->nginx->worker_pids;
ok !eval { $t->nginx->reload($conf =~ s{FOLDER}{no/such/folder}r); 1 }, 'a folder that cannot be made is refused by a reload';
like $@, qr/cannot make the folder/, 'which is said';
is_deeply [$t->nginx->worker_pids], \@pids, 'the old processes serve on';
ok $t->nginx->alive, 'below their master';
is $send->('still'), 200, 'and take reports';

$t->nginx->configure($conf =~ s/FOLDER/untouched/r);
ok +($t->nginx->test)[0] && read_file($t->nginx->file) =~ /untouched/, 'a configuration with another folder is good';
ok !-e "$t->{dir}/untouched", 'to test it makes no folder';

$t->nginx->configure($conf =~ s{FOLDER}{no/such/folder}r);
my ($good, $said) = $t->nginx->test;
ok !$good, 'one whose folder cannot be made is not good';
like $said, qr/cannot make the folder/, 'which is said';

$t->expect_log(qr/\[emerg\].*cannot make the folder/);
$t->done;
