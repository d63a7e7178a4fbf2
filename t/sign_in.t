# Signing in with a browser: a token once, a cookie from then on, or a name that nginx vouches
# for. What a browser sends by itself changes nothing without a header and the right Origin.

use strict;
use warnings;

use IO::Socket::UNIX ();
use MIME::Base64 ();
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
        listen unix:%%DIR%%/socket;

        location /api/0/ {
            errtrack_query;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_VOUCHED%%;

        auth_basic errors;
        auth_basic_user_file "%%DIR%%/people";
        errtrack_trusted_user $remote_user;

        location /api/0/ {
            errtrack_query;
        }
    }
}
CONF

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql(<<'SQL');
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other');
insert into errtrack_private.projects (id, organization_id, slug, name) values (42, 10, 'shop', 'Shop'), (99, 20, 'theirs', 'Theirs');
insert into errtrack_private.users (email, name) values ('ann@a.example', 'Ann'), ('bob@a.example', '');
insert into errtrack_private.memberships (organization_id, user_id, role)
select 10, id, case when email like 'ann%' then 'owner' else 'reporter' end from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, user_id, scopes, expires_at)
select sha256(convert_to(split_part(email, '@', 1) || '-token', 'UTF8')), 'personal', id,
       '{org:read, org:write, project:read, event:read}', now() + interval '1 hour'
from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, scopes) values (sha256('gitlab'), 'gitlab', '{}');
SQL
# ann, bob and a stranger, each with the password "secret".
ErrTrack::Process::write_file("$t->{dir}/people", join '', map { "$_:{PLAIN}secret\n" } qw(ann@a.example bob@a.example eve@b.example));
$t->start_nginx(config => $conf);

my $origin = $t->url('');
my %page = ('X-Errtrack-Request' => 1, Origin => $origin);

sub ask {
    my ($method, $path, %arg) = @_;
    return $t->http($method, "/api/0$path", %arg);
}

sub sign_in { my ($token, %headers) = @_; return ask('POST', '/auth/', headers => { %page, %headers }, json => { token => $token }) }

# ---- with a token -----------------------------------------------------------------

my $answer = sign_in('ann-token');
is $answer->status, 200, 'whoever has a token can sign in';
is $answer->json->{email}, 'ann@a.example', 'and is told who that is';
my ($cookie) = $answer->header('Set-Cookie') =~ /^(errtrack_session=ets_[0-9a-f]{40}); Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/;
ok $cookie, 'the cookie is for this server alone, and not for scripts';
is $t->sql_value(q(select count(*) from errtrack_private.tokens where kind = 'session' and user_id is not null)), 1, 'a session is a row';
is $t->sql_value('select count(*) from errtrack_private.tokens where encode(hash, $1) like $2', 'escape', '%ets_%'), 0, 'without the secret';
is $t->sql_value(q(select expires_at <= now() + interval '1 hour' from errtrack_private.tokens where kind = 'session')), 't', 'no longer than the token is good';

is_deeply [ map { $_->{slug} } @{ ask('GET', '/projects/', headers => { Cookie => $cookie })->json } ], ['shop'], 'the cookie reads what the person may';
is ask('GET', '/projects/', headers => { Cookie => "a=b; $cookie; c=d" })->status, 200, 'among other cookies too';
is ask('GET', '/projects/', headers => { Cookie => 'errtrack_session=ets_nothing' })->status, 401, 'an invented one reads nothing';
is ask('GET', '/projects/')->status, 401, 'nor does none';
is $t->http('GET', '/api/v4/projects/42/error_tracking/client_keys', headers => { Cookie => $cookie })->status, 404, 'there is no other surface here';

for my $wrong ('gitlab', 'nothing') {
    is sign_in($wrong)->status, 401, "'$wrong' is no token of a person";
}
is sign_in('x' x 300)->status, 400, 'nor is a long text';

# ---- what another site could do ---------------------------------------------------

my $write = sub { ask('POST', '/organizations/acme/members/', headers => { Cookie => $cookie, @_ }, json => { email => 'eve@b.example', role => 'reporter' })->status };
is $write->(), 403, 'a cookie alone changes nothing';
is $write->(Origin => $origin), 403, 'nor with the Origin alone';
is $write->('X-Errtrack-Request' => 1), 403, 'nor with the header alone';
is $write->(%page, Origin => 'http://evil.example'), 403, 'nor from another site';
is $write->(%page, Origin => 'null'), 403, 'nor from a sandbox';
is ask('POST', '/auth/', json => { token => 'ann-token' })->status, 403, 'no site signs somebody in';
is $t->sql_value('select count(*) from errtrack_private.memberships'), 2, 'nothing was changed';
is $write->(%page), 201, 'the page itself changes what the person may change';
is ask('POST', '/organizations/acme/members/', headers => { Authorization => 'Bearer ann-token' }, json => { email => 'eve@b.example', role => 'developer' })->status,
    201, 'a token needs no such header';

# ---- tokens -----------------------------------------------------------------------

my $made = ask('POST', '/api-tokens/', headers => { Cookie => $cookie, %page }, json => { name => 'ci', scopes => ['event:read'] });
is $made->status, 201, 'a token is made in a session';
like $made->json->{token}, qr/^ett_[0-9a-f]{40}$/, 'and shown';
ok !grep({ exists $_->{token} } @{ ask('GET', '/api-tokens/', headers => { Cookie => $cookie })->json }), 'once';
is ask('GET', '/projects/acme/shop/issues/', headers => { Authorization => 'Bearer ' . $made->json->{token} })->content, '[]', 'it can do what it was made for';
is ask('GET', '/projects/', headers => { Authorization => 'Bearer ' . $made->json->{token} })->status, 403, '... and no more';
is $t->sql_value('select expires_at is not null from errtrack_private.tokens where id = $1', $made->json->{id}), 't', 'and ends with the token of the session';
for my $scopes ([], ['event:write'], ['event:read', 'all'], 'event:read') {
    is ask('POST', '/api-tokens/', headers => { Cookie => $cookie, %page }, json => { scopes => $scopes })->status, 400, 'not more than the session can';
}
is ask('DELETE', '/api-tokens/' . $made->json->{id} . '/', headers => { Authorization => 'Bearer bob-token' })->status, 404, 'others cannot revoke it';
is ask('DELETE', '/api-tokens/' . $made->json->{id} . '/', headers => { Cookie => $cookie, %page })->status, 204, 'its owner can';
is ask('GET', '/projects/', headers => { Authorization => 'Bearer ' . $made->json->{token} })->status, 401, 'and it is good for nothing';

# A token for a project, as CI has one. In two organizations there is a shop.
$t->sql(q(insert into errtrack_private.organizations (id, slug, name) values (30, 'third', 'Third');
    insert into errtrack_private.projects (id, organization_id, slug, name) values (50, 30, 'shop', 'Shop'), (51, 10, 'blog', 'Blog');
    insert into errtrack_private.memberships (organization_id, user_id, role) select 30, id, 'owner' from errtrack_private.users where email like 'ann%'));
sub make { my ($token, %body) = @_; return ask('POST', '/api-tokens/', headers => { Authorization => "Bearer $token" }, json => { scopes => ['project:read'], %body }) }
sub reaches { return join ' ', sort map { "$_->{organization}{slug}/$_->{slug}" } @{ ask('GET', '/projects/', headers => { Authorization => "Bearer $_[0]" })->json } }
my $bound = make('ann-token', project => 'blog');
is_deeply [ $bound->status, @{ $bound->json }{qw(organization project)} ], [ 201, undef, 'blog' ], 'a token is made for a project';
is reaches($bound->json->{token}), 'acme/blog', '... and good for that one';
is reaches(make('ann-token', project => 'shop', organization => 'third')->json->{token}), 'third/shop', '... of an organization';
my $of_acme = make('ann-token', organization => 'acme')->json;
is_deeply [ @$of_acme{qw(organization project)}, reaches($of_acme->{token}) ], [ 'acme', undef, 'acme/blog acme/shop' ], '... or for an organization';
is reaches(make('ann-token', organization => undef, project => undef)->json->{token}), 'acme/blog acme/shop third/shop', 'null is for all';
my %refused = (
    'project names one that is not there' => [ [ 'ann-token', project => 'theirs' ], [ 'ann-token', project => 'nothing' ], [ 'ann-token', project => '' ],
        [ 'ann-token', project => 'blog', organization => 'third' ], [ $bound->json->{token}, project => 'shop' ], [ $of_acme->{token}, project => 'shop2' ], [ 'bob-token', project => 'theirs' ] ],
    'organization names one that is not there' => [ [ 'ann-token', organization => 'other' ], [ 'ann-token', organization => 'nothing' ], [ $of_acme->{token}, organization => 'third' ] ],
    'several organizations have such a project: name the organization too' => [ [ 'ann-token', project => 'shop' ] ],
    'project must be a string' => [ [ 'ann-token', project => 42 ] ],
);
for my $why (sort keys %refused) {
    for my $case (@{ $refused{$why} }) {
        my $answer = make(@$case);
        is_deeply [ $answer->status, $answer->json->{detail} ], [ 400, $why ], "no token: @{$case}[ 1 .. $#$case ]";
    }
}
is reaches(make($bound->json->{token})->json->{token}), 'acme/blog', 'what a token for a project makes is for that project';
is reaches(make($of_acme->{token}, project => 'shop')->json->{token}), 'acme/shop', '... and of an organization for one of it';
$t->sql(q(delete from errtrack_private.tokens where hash not in (sha256('ann-token'), sha256('bob-token')) and kind = 'personal' and '{project:read}' = scopes;
    delete from errtrack_private.projects where id in (50, 51); delete from errtrack_private.organizations where id = 30));

# ---- the end ----------------------------------------------------------------------

my $out = ask('DELETE', '/auth/', headers => { Cookie => $cookie, %page });
is $out->status, 204, 'a session is ended';
like $out->header('Set-Cookie'), qr/^errtrack_session=; .*Max-Age=0/, 'the cookie goes';
is ask('GET', '/projects/', headers => { Cookie => $cookie })->status, 401, 'and is good for nothing';
($cookie) = sign_in('bob-token')->header('Set-Cookie') =~ /^([^;]+)/;
is ask('GET', '/projects/', headers => { Cookie => $cookie })->status, 200, 'another person signs in';
$t->sql(q(delete from errtrack_private.tokens where hash = sha256('bob-token')));
is ask('GET', '/projects/', headers => { Cookie => $cookie })->status, 401, 'and is out when the token is revoked';

# ---- guessing ---------------------------------------------------------------------

$t->sql('delete from errtrack_private.sign_in_failures');
is_deeply [ map { [ $_->status, $_->json->{detail} ] } sign_in(''), sign_in(undef) ], [ ([ 400, 'token is missing' ]) x 2 ], 'who gives no token is told so';
is_deeply [ map { sign_in("guess-$_")->status } 1 .. 12 ], [ (401) x 10, 429, 429 ], 'after ten wrong tokens there are no more tries';
is sign_in('ann-token')->status, 429, 'with the right one neither';
is sign_in('ann-token')->header('Retry-After'), 900, '... and when there are some again';
$t->sql(q(update errtrack_private.sign_in_failures set at = at - interval '16 minutes'));
is sign_in('ann-token')->status, 200, 'for a quarter of an hour';

# A proxy on this machine may come by a socket, where nobody has an address.
sub by_socket {
    my ($token) = @_;
    my $socket = IO::Socket::UNIX->new(Peer => "$t->{dir}/socket") or return "$!";
    my $body = qq({"token":"$token"});
    print {$socket} "POST /api/0/auth/ HTTP/1.0\r\nHost: " . $origin =~ s{^http://}{}r . "\r\nOrigin: $origin\r\n"
        . "X-Errtrack-Request: 1\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
    return (readline($socket) // '') =~ m{^HTTP/1\.1 (\d+)} ? $1 : 'no answer';
}
is_deeply [ map { by_socket($_) } 'ann-token', map { "guess-$_" } 1 .. 11 ], [ 200, (401) x 10, 429 ], 'those who come by a socket count as one';

# ---- with a name that nginx vouches for -------------------------------------------

my %basic = map { $_ => { Authorization => 'Basic ' . MIME::Base64::encode_base64("$_\@" . ($_ eq 'eve' ? 'b' : 'a') . '.example:secret', '') } } qw(ann bob eve);
is ask('GET', '/projects/', port => 'VOUCHED')->status, 401, 'nginx asks for a password';
is_deeply [ map { $_->{slug} } @{ ask('GET', '/projects/', port => 'VOUCHED', headers => $basic{ann})->json } ], ['shop'], 'who has one needs no token';
is ask('GET', '/', port => 'VOUCHED', headers => $basic{bob})->json->{user}{email}, 'bob@a.example', 'each is who nginx says';
is_deeply ask('GET', '/organizations/acme/', port => 'VOUCHED', headers => $basic{bob})->json->{slug}, 'acme', 'a reporter reads';
is ask('POST', '/organizations/acme/members/', port => 'VOUCHED', headers => { %{ $basic{bob} }, 'X-Errtrack-Request' => 1, Origin => $t->url('', port => 'VOUCHED') },
    json => { email => 'x@y', role => 'owner' })->status, 403, '... and does not write';
my $vouched = 'http://127.0.0.1:' . $t->nginx->port('VOUCHED');
is ask('POST', '/organizations/acme/members/', port => 'VOUCHED', headers => $basic{ann}, json => { email => 'x@y', role => 'owner' })->status,
    403, 'a password that the browser sends by itself changes nothing';
is ask('POST', '/organizations/acme/members/', port => 'VOUCHED', headers => { %{ $basic{ann} }, 'X-Errtrack-Request' => 1, Origin => $vouched },
    json => { email => 'x@y.example', role => 'developer' })->status, 201, 'the page does';
$t->sql(q(delete from errtrack_private.users where email = 'eve@b.example'));
is ask('GET', '/projects/', port => 'VOUCHED', headers => $basic{eve})->status, 401, 'whom errtrack does not know is nobody';
is ask('GET', '/projects/', headers => $basic{ann})->status, 401, 'where nginx vouches for nobody, a password is nothing';

for my $sent ('$http_x_user', '${http_x_user}', '$HTTP_X_User', '$arg_user', '$cookie_user') {
    $t->nginx->configure($conf =~ s/errtrack_trusted_user \S+;/errtrack_trusted_user $sent;/r);
    my ($good, $text) = $t->nginx->test;
    ok !$good, "nginx -t fails with errtrack_trusted_user $sent";
    like $text, qr/"errtrack_trusted_user" must not be what a client sends/, '... and says why';
}
$t->nginx->configure($conf);
$t->expect_log(qr/\[emerg\]/);

$t->done;
