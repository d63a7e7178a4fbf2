# Client keys over GitLab's REST interface: pages, creation, deletion, who may,
# and the configuration of the module.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=2 max_queue=64;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;

        location /api/v4/ {
            errtrack_query;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_BASE%%;
        errtrack_dsn_base https://errors.example/;

        location / {
            errtrack_query;
        }
    }
}
CONF

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql(<<'SQL');
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other');
insert into errtrack_private.projects (id, organization_id, slug, name)
values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog');
insert into errtrack_private.client_keys (project_id, public_key, active)
select 42, 'glet_' || md5(n::text), n <> 2 from generate_series(1, 5) as n;
insert into errtrack_private.users (email, administrator)
values ('administrator@a.example', true), ('developer@a.example', false), ('maintainer@a.example', false),
       ('stranger@a.example', false);
insert into errtrack_private.memberships (organization_id, user_id, role)
select case when email like 'stranger%' then 20 else 10 end, id,
       case when email like 'stranger%' then 'owner' else split_part(email, '@', 1) end
from errtrack_private.users where not administrator;
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256(convert_to(split_part(email, '@', 1), 'UTF8')), 'personal', id, '{event:read, project:write}'
from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, scopes) values (sha256('gitlab'), 'gitlab', '{project:write}');
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('read only'), 'personal', id, '{event:read, project:read}'
from errtrack_private.users where email like 'maintainer%';
insert into errtrack_private.tokens (hash, kind, user_id, organization_id, scopes)
select sha256('elsewhere'), 'personal', id, 20, '{project:write}'
from errtrack_private.users where administrator;
SQL
$t->start_nginx(config => $conf);

# A request to the keys of a project, as a maintainer unless told otherwise.
sub keys_of {
    my ($method, $project, $rest, %arg) = @_;
    my $token = delete $arg{token} // 'maintainer';
    $arg{headers}{'PRIVATE-TOKEN'} = $token if length $token;
    return $t->http($method, "/api/v4/projects/$project/error_tracking/client_keys$rest", %arg);
}

# ---- who may --------------------------------------------------------------------

my %answers = (
    ''        => [ 401, '401 Unauthorized' ],      unknown   => [ 401, '401 Unauthorized' ],
    gitlab    => [ 401, '401 Unauthorized' ],      developer => [ 403, '403 Forbidden' ],
    'read only' => [ 403, '403 Forbidden' ],       stranger  => [ 404, '404 Project Not Found' ],
    elsewhere => [ 404, '404 Project Not Found' ], maintainer => [200], administrator => [200],
);
for my $token (sort keys %answers) {
    my ($status, $message) = @{ $answers{$token} };
    my $answer = keys_of('GET', 42, '', token => $token);
    is $answer->status, $status, "keys with the token '$token'";
    is_deeply $answer->json, { message => $message }, "... $message" if $message;
}
is keys_of('GET', 42, '', token => '', headers => { Authorization => 'Bearer maintainer' })->status, 200, 'a bearer token';
is keys_of('GET', 42, '', token => '', headers => { Authorization => 'Basic maintainer' })->status, 401, 'nothing else there';
is keys_of('GET', 42, '?private_token=maintainer', token => '')->status, 401, 'a token in the URL is not read';
is keys_of('POST', 42, '', token => 'developer')->status, 403, 'a developer makes no keys';
is keys_of('DELETE', 42, '/1', token => 'developer')->status, 403, '... and deletes none';

# ---- which project --------------------------------------------------------------

is scalar @{ keys_of('GET', 'acme%2Fshop', '')->json }, 5, 'a project by its path';
is scalar @{ keys_of('GET', 42, '/')->json }, 5, 'a slash at the end';
for my $project (777, 'acme%2Fnothing', 'shop', 'acme%2Fshop%2Fx', '99999999999999999999', '%ff', 'acme%2F..%2Fshop') {
    is_deeply keys_of('GET', $project, '')->json, { message => '404 Project Not Found' }, "no project is called $project";
}

# ---- pages ----------------------------------------------------------------------

my $all = keys_of('GET', 42, '');
is $all->header('Content-Type'), 'application/json', 'keys are JSON';
my @ids = map { $_->{id} } @{ $all->json };
is_deeply \@ids, [ sort { $a <=> $b } @ids ], 'keys come in the order of their ids';
is_deeply [ map { $_->{active} ? 1 : 0 } @{ $all->json } ], [ 1, 0, 1, 1, 1 ], 'inactive ones too';
is $all->json->[0]{sentry_dsn},
    "http://$all->{json}[0]{public_key}\@127.0.0.1:" . $t->nginx->port . '/errortracking/api/v1/projects/42',
    'a DSN has the host and port of the request';
is_deeply [ map { $all->header($_) } qw(X-Page X-Per-Page X-Next-Page X-Prev-Page X-Total X-Total-Pages) ],
    [ 1, 20, '', '', 5, 1 ], 'one page is told in headers';

my $second = keys_of('GET', 42, '?page=2&per_page=2');
is_deeply [ map { $_->{id} } @{ $second->json } ], [ @ids[ 2, 3 ] ], 'the second page';
is_deeply [ map { $second->header($_) } qw(X-Page X-Per-Page X-Next-Page X-Prev-Page X-Total X-Total-Pages) ],
    [ 2, 2, 3, 1, 5, 3 ], '... in headers';
my %links = map { reverse /<(.*)>; rel="(.*)"/ } split /, /, $second->header('Link');
my $url = $t->url('/api/v4/projects/42/error_tracking/client_keys');
is_deeply \%links, { map { $_->[0] => "$url?page=$_->[1]&per_page=2" } [ prev => 1 ], [ next => 3 ], [ first => 1 ], [ last => 3 ] },
    '... in links';
is_deeply keys_of('GET', 42, '?page=9')->json, [], 'a page beyond the last is empty';
is keys_of('GET', 42, '?per_page=1000')->header('X-Per-Page'), 100, 'a page has at most 100';
is_deeply keys_of('GET', 42, '?page=x')->json, { error => 'page is invalid' }, 'a page is a number';
is keys_of('GET', 42, '?per_page=0')->status, 400, '... and not zero';
is keys_of('HEAD', 42, '')->header('X-Total'), 5, 'HEAD has the headers';

# ---- creation, deletion ---------------------------------------------------------

my $made = keys_of('POST', 43, '');
is $made->status, 201, 'a key is made';
like $made->json->{public_key}, qr/^glet_[0-9a-f]{32}$/, '... in the form of GitLab';
ok $made->json->{active}, '... active';
isnt keys_of('POST', 43, '')->json->{public_key}, $made->json->{public_key}, 'another one is different';
is $t->sql_value('select project_id from errtrack_private.client_keys where public_key = $1', $made->json->{public_key}), 43,
    'it is stored';

my $id = $made->json->{id};
is keys_of('DELETE', 42, "/$id")->status, 404, 'a key of another project is not deleted';
my $gone = keys_of('DELETE', 43, "/$id");
is $gone->status, 200, 'a key is deleted';
is_deeply $gone->json, $made->json, '... and shown';
is_deeply keys_of('DELETE', 43, "/$id")->json, { message => '404 Not found' }, 'once';
is_deeply [ map { "@$_" } $t->sql('select who, action, details ->> $1 from errtrack_private.audit where details ->> $1 = $2 order by id', 'id', $made->json->{public_key}) ],
    [ map { "maintainer\@a.example client_key.$_ " . $made->json->{public_key} } qw(create delete) ], 'the audit has both';
is_deeply keys_of('DELETE', 43, '/x')->json, { error => 'key_id is invalid' }, 'an id is a number';
my $wrong = keys_of('PUT', 43, '', content => '{}');
is $wrong->status, 405, 'keys are not put';
is $wrong->header('Allow'), 'GET, HEAD, POST', '... and what is done with them is told';

# ---- configuration --------------------------------------------------------------

like keys_of('GET', 42, '', port => 'BASE')->json->[0]{sentry_dsn},
    qr{\@errors\.example:443/errortracking/api/v1/projects/42$}, 'the base of DSNs can be set; the port is written';
my $by_name = $t->raw("GET /api/v4/projects/42/error_tracking/client_keys HTTP/1.1\r\nHost: errors.example\r\n"
    . "PRIVATE-TOKEN: maintainer\r\nConnection: close\r\n\r\n");
like $by_name->json->[0]{sentry_dsn},
    qr{^http://\w+\@errors\.example:80/}, 'the port is written where the request has none';

my %wrong = (
    'no thread pool'         => [ qr/errtrack_thread_pool errtrack;/, '', qr/"errtrack_query" requires "errtrack_thread_pool" in .*nginx\.conf:\d+/ ],
    'an unknown thread pool' => [ qr/errtrack_thread_pool errtrack;/, 'errtrack_thread_pool other;', qr/unknown thread pool "other"/ ],
    'no database'            => [ qr/errtrack_postgres.*;/, '', qr/"errtrack_query" requires "errtrack_postgres" in .*nginx\.conf:\d+/ ],
    'a wrong database'       => [ qr/errtrack_postgres.*;/, 'errtrack_postgres "hots=x";', qr/invalid "errtrack_postgres": invalid connection option "hots"/ ],
    'a password'             => [ qr/errtrack_postgres.*;/, 'errtrack_postgres "password=x";', qr/use passfile=/ ],
    'a base with a path'     => [ qr{errors\.example/}, 'errors.example/x', qr{invalid URL "https://errors\.example/x"} ],
);
for my $what (sort keys %wrong) {
    my ($from, $to, $says) = @{ $wrong{$what} };
    $t->nginx->configure($conf =~ s/$from/$to/r);
    my ($good, $text) = $t->nginx->test;
    ok !$good, "nginx -t fails with $what";
    like $text, $says, '... and says why';
}
$t->nginx->configure($conf);
$t->expect_log(qr/\[emerg\]/);

$t->done;
