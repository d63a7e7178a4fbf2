# What can be known to be wrong when nginx reads its configuration is said then, in the
# words that nginx has for it.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->new;
my $nginx = $t->add_nginx(words => { REDIS => '127.0.0.1:6379', DATABASE => '' });
my $try = sub {
    my ($http, $location) = @_;
    $nginx->{config} = <<"CONF";
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    $http
    server {
        listen 127.0.0.1:%%PORT%%;
        location /errors/ { client_max_body_size 0; $location }
    }
}
CONF
    return $nginx->test;
};
my $good = 'errtrack_redis 127.0.0.1:6379; errtrack_zone 1m;';

for my $case (
    [ '', 'errtrack_ingest;', qr/requires "errtrack_redis"/ ],
    [ 'errtrack_redis 127.0.0.1;', 'errtrack_ingest;', qr/requires "errtrack_zone"/ ],
    [ $good, 'errtrack_ingest maybe;', qr/invalid value "maybe" in "errtrack_ingest" directive/ ],
    [ $good, 'errtrack_ingest; errtrack_ingest;', qr/"errtrack_ingest" directive is duplicate/ ],
    [ $good, 'errtrack_ingest; errtrack_query;', qr/another directive answers in location "\/errors\/", which has "errtrack_ingest"/ ],
    [ $good, 'errtrack_tunnel a.example; proxy_pass http://127.0.0.1:1;', qr/another directive answers in location "\/errors\/"/ ],
    [ $good, 'errtrack_tunnel https://a.example/;', qr/invalid host "https:\/\/a.example\/"/ ],
    [ $good, 'errtrack_tunnel;', qr/invalid number of arguments in "errtrack_tunnel"/ ],
    [ $good, 'errtrack_health well;', qr/invalid value "well" in "errtrack_health" directive/ ],
    [ $good, 'errtrack_minidump 1; errtrack_ingest;', qr/invalid value "1" in "errtrack_minidump" directive/ ],
    [ "$good $good", 'errtrack_ingest;', qr/"errtrack_redis" directive is duplicate/ ],
    [ 'errtrack_zone 1m; errtrack_redis 127.0.0.1 db=x;', 'errtrack_ingest;', qr/invalid database number in "db=x"/ ],
    [ 'errtrack_zone 1m; errtrack_redis 127.0.0.1 what=x;', 'errtrack_ingest;', qr/invalid parameter "what=x"/ ],
    [ 'errtrack_zone 1m; errtrack_redis 127.0.0.1 password=hunter2;', 'errtrack_ingest;',
        qr/^(?!.*hunter2).*"errtrack_redis" directive takes no password.*use "errtrack_redis_password_file"/s ],
    [ 'errtrack_zone 1m; errtrack_redis 127.0.0.1 user=x;', 'errtrack_ingest;', qr/requires "errtrack_redis_password_file"/ ],
    [ 'errtrack_zone 1m; errtrack_redis no.such.host.invalid;', 'errtrack_ingest;', qr/host not found in redis address/ ],
    [ 'errtrack_redis 127.0.0.1; errtrack_zone 4k;', 'errtrack_ingest;', qr/invalid zone size "4k"/ ],
    [ 'errtrack_redis 127.0.0.1; errtrack_zone much;', 'errtrack_ingest;', qr/invalid zone size "much"/ ],
    [ "$good errtrack_redis_password_file %%DIR%%/none;", 'errtrack_ingest;', qr/cannot read ".*none"/ ],
    [ "$good errtrack_spool %%DIR%%/spool size=x;", 'errtrack_ingest;', qr/invalid parameter "size=x"/ ],
    [ "$good errtrack_spool %%DIR%%/spool depth=1;", 'errtrack_ingest;', qr/invalid parameter "depth=1"/ ],
    [ "$good errtrack_spool %%DIR%%/a; errtrack_spool %%DIR%%/b;", 'errtrack_ingest;', qr/"errtrack_spool" directive is duplicate/ ],
    [ "$good errtrack_spool %%DIR%%/no/such/folder;", 'errtrack_ingest;', qr/cannot make the folder/ ],
    [ "$good errtrack_backlog entries=-1;", 'errtrack_ingest;', qr/invalid parameter "entries=-1"/ ],
    [ "$good errtrack_backlog bytes=0;", 'errtrack_ingest;', qr/invalid parameter "bytes=0"/ ],
    [ "$good errtrack_max_body_size 0;", 'errtrack_ingest;', qr/"errtrack_max_body_size" directive must not be 0/ ],
    [ "$good errtrack_body_timeout 0;", 'errtrack_ingest;', qr/"errtrack_body_timeout" directive must not be 0/ ],
    [ "$good errtrack_secrets_key_file %%DIR%%/none;", 'errtrack_ingest;', qr/invalid "errtrack_secrets_key_file": cannot read .*none: No such file/ ],
    [ "$good errtrack_secrets_key_file %%SECRETS_KEY%%; errtrack_secrets_key_file %%SECRETS_KEY%%;", 'errtrack_ingest;',
        qr/"errtrack_secrets_key_file" directive is duplicate/ ],
    [ "$good errtrack_redis_timeout soon;", 'errtrack_ingest;', qr/"errtrack_redis_timeout" directive invalid value/ ],
) {
    my ($http, $location, $message) = @$case;
    my ($passed, $said) = $try->($http, $location);
    ok !$passed && $said =~ $message, "refused: $http $location" or diag $said;
}

my ($passed, $said) = $try->($good, 'errtrack_ingest;');
ok $passed, 'a good configuration is taken' or diag $said;
unlike $said, qr/warn/, 'without a warning';
$nginx->{config} =~ s/client_max_body_size 0;//;
($passed, $said) = $nginx->test;
ok $passed && $said =~ /\[warn\].*"client_max_body_size" is not 0/, 'a limit of nginx that SDKs cannot read is warned of';

$t->expect_log(qr/\[emerg\]/);
$t->done;
