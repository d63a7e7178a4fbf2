# The zone of the client keys: a set that fits can be exchanged for another one that
# fits, and a set that does not fit refuses nobody for good.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(worker => 0, nginx => 0);

# The projection is written here instead of by a worker, so that it can be any set.
my $project = sub {
    my ($prefix, $count) = @_;
    my @pairs = map { sprintf('%s_%028d', $prefix, $_) => '{"id":1,"project":1}' } 1 .. $count;
    $t->redis('DEL', 'aside');
    while (my @some = splice @pairs, 0, 200) {
        $t->redis('HSET', 'aside', @some);
    }
    $t->redis('HSET', 'aside', '#generation', "$prefix$count");
    $t->redis('RENAME', 'aside', 'errtrack:keys');
};
my $status = sub { $t->envelope(project => 1, key => sprintf '%s_%028d', @_)->status };
my $refused = sub { my ($prefix, @numbers) = @_; grep { $status->($prefix, $_) != 200 } @numbers };
my @sample = map { $_ * 175 } 1 .. 20;

$project->('one', 3500);
$t->start_nginx(config => <<'CONF');
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

# Keys are let in one by one while a set is read, so each state is waited for as a whole.
eventually { !$refused->('one', @sample) } 'the first set is loaded, all of it', timeout => 10;

$project->('two', 3500);
eventually { !$refused->('two', @sample) } 'another set of that size takes its place', timeout => 10;
eventually { $status->('one', 1) == 403 } 'the keys of before are gone';
unlike $t->nginx->log_text, qr/zone is too small/, 'nobody is told that the zone is too small';

$project->('six', 14000);
eventually { $t->nginx->log_text =~ /zone is too small/ } 'a set that does not fit is said to';
is $status->('two', 1), 503, 'a key that is not in the zone is not refused for good then';

$project->('one', 100);
eventually { $status->('one', 100) == 200 } 'a set that fits again is loaded', timeout => 10;
eventually { $status->('six', 1) == 403 } 'and what is not in it is refused';

$t->done;
