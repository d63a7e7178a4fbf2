# The link to Redis under odd circumstances: over a unix socket, with answers of many
# megabytes, into a database that does not exist, with a password that is wrong until it is
# right again, and to somebody who takes connections and never says a word. Reports are
# kept all the while, and filed when there is a way.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;
use Time::HiRes ();

use ErrTrack;
use ErrTrack::Process qw(write_file);

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%WAY%%;
    errtrack_redis_timeout 1s;
    errtrack_zone 16m;
    errtrack_spool %%DIR%%/spool size=64m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location = /metrics { errtrack_metrics; }
    }
}
CONF
my $t = ErrTrack->stack(redis => { settings => { unixsocket => 'socket' } }, nginx => 0);
my $unix = "unix:$t->{dir}/redis/socket";

# The configuration with another way to Redis.
my $by = sub { my ($way) = @_; return $conf =~ s/%%WAY%%/$way/r };
my (@ids, $slowest);
# Some reports: how they were answered, and in the end whether they are filed.
my $send = sub {
    my ($number) = @_;
    my %seen;
    $slowest = 0;
    for (1 .. $number) {
        my $begin = Time::HiRes::time();
        my $answer = $t->store({ message => 'link' });
        my $took = Time::HiRes::time() - $begin;
        $slowest = $took if $took > $slowest;
        $seen{ $answer->status }++;
        push @ids, $answer->json->{id} if $answer->status == 200;
    }
    return \%seen;
};
my $metric = sub { my ($name) = @_; return $t->get('/metrics')->content =~ /^\Q$name\E (\d+)/m ? $1 : die "no $name\n" };
my $spooled = sub { $metric->('errtrack_spooled_total') };
my $connected = sub {
    my $text = $t->get('/metrics')->content;
    my @states = $text =~ /^errtrack_redis_state\S* (\d)/mg;
    return @states && !grep { $_ != 2 } @states;
};

# ---- a unix socket -----------------------------------------------------------------

$t->start_nginx(config => $by->($unix));
$t->wait_for_key;
eventually { $connected->() } 'nginx is connected over a unix socket';
is_deeply $send->(20), { 200 => 20 }, 'reports are taken';
is $spooled->(), 0, 'by Redis';
like $t->nginx->log_text, qr/redis \Q$unix\E: connected/, 'the log names the socket';

# ---- large answers -----------------------------------------------------------------

# In a database of their own, where no worker writes. A step of reading asks for 500.
$t->redis('SELECT', 5);
my $write_keys = sub {
    my ($generation) = @_;
    my $filler = 'x' x 20_000;
    for my $number (1 .. 1500) {
        $t->redis('HSET', 'errtrack:keys', sprintf('large-%027d', $number) => qq({"id":$number,"project":1,"filler":"$filler"}));
    }
    $t->redis('HSET', 'errtrack:keys', '#generation' => $generation);
};
$write_keys->('first');
$t->nginx->configure($by->("$unix db=5"));
my $large = sub { $t->store({ message => 'large' }, project => 1, key => sprintf 'large-%027d', $_[0])->status };
$t->nginx->reload;
eventually { $metric->('errtrack_keys') == 1500 } 'keys are known that come in answers of ten megabytes';
is_deeply [map { $large->($_) } 1, 750, 1500, 1501], [200, 200, 200, 403], 'these and no others';
$t->redis('HSET', 'errtrack:keys', 'large-' . '9' x 27 => '{"id":9999,"project":1}', '#generation' => 'second');
my %during;
eventually { $during{ $large->(7) }++; $metric->('errtrack_keys') == 1501 } 'they are read anew';
is_deeply [keys %during], [200], 'while reports are taken';
is $spooled->(), 0, 'by Redis, which nobody thought slow for it';
$t->redis('SELECT', 0);

# ---- a database that does not exist ------------------------------------------------

$t->nginx->reload($by->($unix));
$t->wait_for_key;
my $offset = -s $t->nginx->log;
my $log = sub { substr $t->nginx->log_text, $offset };
my $lines = sub { my ($pattern) = @_; my @found = $log->() =~ /^.*$pattern.*$/mg; return scalar @found };
$t->nginx->reload($by->("$unix db=99"));
is_deeply $send->(50), { 200 => 50 }, 'reports are taken with a database that does not exist';
cmp_ok $spooled->(), '>=', 50, 'by the spool';
eventually { $lines->(qr/\[error\].* SELECT refused: ERR DB index is out of range/) == 2 } 'each of two processes says why';
$t->nginx->reload($by->($unix));
eventually { !@{ [ glob "$t->{dir}/spool/*.[vu]" ] } } 'with the right one the spool is emptied';

# ---- a wrong password --------------------------------------------------------------

my $refusals = sub {
    my $sum = 0;
    for my $entry (@{ $t->redis('ACL', 'LOG') }) {
        my %entry = @$entry;
        $sum += $entry{count} if $entry{reason} eq 'auth';
    }
    return $sum;
};
write_file("$t->{dir}/password", "s3cret\n");
$t->redis('ACL', 'SETUSER', 'edge', 'on', '>s3cret', '~*', '+@all');
$t->nginx->reload($by->("$unix user=edge;\n    errtrack_redis_password_file %%DIR%%/password"));
eventually { $connected->() } 'nginx is connected with a password';
$offset = -s $t->nginx->log;
$t->redis('ACL', 'SETUSER', 'edge', '>other', '<s3cret');
$t->redis('CLIENT', 'KILL', 'USER', 'edge');
is_deeply $send->(50), { 200 => 50 }, 'reports are taken with a wrong one';
eventually { $refusals->() >= 16 } 'it is tried again and again';
eventually { !$connected->() } 'the metrics tell';
is $lines->(qr/\[error\].* AUTH refused: WRONGPASS/), 2, 'and each of two processes says so once';
unlike $log->(), qr/s3cret/, 'without telling the password';
$t->redis('ACL', 'SETUSER', 'edge', '>s3cret', '<other');
eventually { $connected->() } 'nginx is connected when it is right again';
is $lines->(qr/redis \S+ connected/), 2, 'which each process says once';

# ---- somebody who never answers ----------------------------------------------------

# The kernel takes the connections; nobody reads them.
my $silent = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 100) or die "listen: $!\n";
$t->nginx->reload($by->('127.0.0.1:' . $silent->sockport));
is_deeply $send->(12), { 200 => 12 }, 'reports are taken with a Redis that never answers';
cmp_ok $slowest, '<', 5, sprintf 'the slowest in %.2f s', $slowest;
$t->nginx->reload($by->($unix));

$t->filed_once(\@ids);

$t->done;
