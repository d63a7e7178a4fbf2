# Redis as operators run it: a unix socket, a user of an ACL who may do no more than the
# README names, the password in a file, a database of its own.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root write_file);

my $t = ErrTrack->stack(worker => 0, nginx => 0);

my ($rights) = read_file(root() . '/ngx_module/README.md') =~ /needs `(~errtrack:[^`]+)`/
    or die "the README does not name the rights of the user\n";
$t->redis('ACL', 'SETUSER', 'edge', 'on', '>s3cret', split ' ', $rights);
my $password = write_file("$t->{dir}/password", "s3cret\n");
my $key = 'a' x 32;
my $project = sub {
    $t->redis('SELECT', 5);
    $t->redis('HSET', 'errtrack:keys', $key => '{"id":1,"project":1,"limits":{"error":[3,86400]}}', '#generation' => 'one');
};
$project->();
$t->start_nginx(config => <<'CONF');
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%% db=5 user=edge;
    errtrack_redis_password_file %%DIR%%/password;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location = /ready { errtrack_health ready; }
    }
}
CONF

my $send = sub { $t->store({ message => 'acl' }, project => 1, key => $key)->status };
eventually { $t->get('/ready')->status == 200 } 'nginx is ready';
is $send->(), 200, 'a report is taken' for 1 .. 3;
is $send->(), 429, 'quotas are leased';
is $t->redis('XLEN', 'errtrack:{q0}:events'), 3, 'the reports are in the database of the directive';
eventually { $t->redis('EXISTS', 'errtrack:ledger') } 'the ledger is published';
eventually { my $log = $t->redis('ACL', 'LOG'); 1 } 'the log of refusals can be read';
is_deeply $t->redis('ACL', 'LOG'), [], 'Redis has refused nothing';
unlike $t->nginx->log_text, qr/s3cret/, 'the log of nginx does not hold the password';

$t->redis('ACL', 'SETUSER', 'edge', '>other', '<s3cret');
$t->redis('CLIENT', 'KILL', 'USER', 'edge');
eventually { $t->nginx->log_text =~ /AUTH refused|WRONGPASS/ } 'a password that is wrong is told in the log';
eventually { $send->() =~ /^(?:200|429)$/ } 'and reports are kept all the same';

$t->done;
