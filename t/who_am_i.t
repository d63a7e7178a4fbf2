# GET /api/0/auth/: who is signed in, by what, and what they may do in which organization, so that
# a page can show that and hide what would be refused.

use strict;
use warnings;

use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use Test::More;

use ErrTrack;

my ($yes, $no) = (JSON::PP::true(), JSON::PP::false());
my $t = ErrTrack->new;
$t->start_postgres;
$t->sql(<<'SQL');
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other'), (30, 'third', 'Third');
insert into errtrack_private.projects (id, organization_id, slug, name) values (42, 10, 'shop', 'Shop');
insert into errtrack_private.users (email, name, administrator) values ('ada@a.example', 'Ada', true), ('bob@a.example', '', false), ('eve@a.example', '', false);
insert into errtrack_private.memberships (organization_id, user_id, role)
select o.id, u.id, case o.id when 10 then 'owner' else 'developer' end
from errtrack_private.organizations o, errtrack_private.users u where u.email like 'bob%' and o.id < 30;
insert into errtrack_private.tokens (hash, kind, user_id, organization_id, project_id, scopes, expires_at)
select sha256(convert_to(k.name, 'UTF8')), 'personal', u.id, k.organization, k.project, k.scopes, k.expires
from (values ('ada', 'ada@a.example', null::bigint, null::bigint, '{org:read, org:write, project:read}'::text[], null::timestamptz),
             ('bob', 'bob@a.example', null, null, '{event:read, event:write, org:write, project:read, project:write}', '2100-01-01'),
             ('other', 'bob@a.example', 20, null, '{event:read}', null),
             ('shop', 'bob@a.example', null, 42, '{event:read, org:write, project:write}', null),
             ('eve', 'eve@a.example', null, null, '{event:read}', null)) as k (name, email, organization, project, scopes, expires)
join errtrack_private.users u on u.email = k.email;
SQL
ErrTrack::Process::write_file("$t->{dir}/people", "bob\@a.example:{PLAIN}secret\n");
$t->start_nginx(config => <<'CONF');
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=1 max_queue=16;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;

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

sub me { my ($token, %more) = @_; return $t->sentry('GET', '/auth/', token => $token, %more)->json }
sub places { return { map { $_->{slug} => "$_->{role}: @{ $_->{access} }" } @{ $_[0]{organizations} } } }

# ---- by a token ----------------------------------------------------------------------

my $bob = me('bob');
is_deeply [ @$bob{qw(email name isSuperuser isAuthenticated)} ], [ 'bob@a.example', 'bob@a.example', $no, $yes ], 'who has the token';
is_deeply $bob->{auth}, { kind => 'token', scopes => [qw(event:read event:write org:write project:read project:write)],
    organization => undef, project => undef, expiresAt => '2100-01-01T00:00:00.000Z' }, '... and what it is for';
is_deeply places($bob), { acme => 'owner: event:read event:write org:write project:read project:write',
    other => 'developer: event:read event:write project:read' }, 'what both the token and the role allow, by organization';
is_deeply places(me('ada')), { map { $_ => 'owner: org:read org:write project:read' } qw(acme other third) }, 'administrators own every organization';
is me('ada')->{isSuperuser}, $yes, '... and are told apart';
is_deeply places(me('other')), { other => 'developer: event:read' }, 'a token of one organization reaches that';
is_deeply places(me('shop')), { acme => 'owner: event:read project:write' }, 'a token for one project makes no others';
is me('shop')->{auth}{project}, 'shop', '... and says which';
is_deeply places(me('eve')), {}, 'who has no role may nothing';
is_deeply [ map { "$_->{id} " . @{ $_->{scopes} } } @{ $bob->{roles} } ], [ 'reporter 3', 'developer 5', 'maintainer 6', 'owner 7' ], 'what each role may';
is_deeply [ grep { $_ eq 'project:write' } map { @{ $_->{scopes} } } @{ $bob->{roles} }[ 0, 1 ] ], [], '... to set a project takes a maintainer';

# ---- by a session, and as whom nginx vouches for ---------------------------------------

my ($cookie) = $t->sentry('POST', '/auth/', token => '', json => { token => 'bob' }, headers => { 'X-Errtrack-Request' => 1, Origin => $t->url('') })
    ->header('Set-Cookie') =~ /^([^;]+)/;
my $session = me('', headers => { Cookie => $cookie });
is_deeply [ $session->{email}, $session->{auth}{kind}, $session->{auth}{scopes} ], [ 'bob@a.example', 'session', $bob->{auth}{scopes} ], 'a session has what its token has';
like $session->{auth}{expiresAt}, qr/^20\d\d-/, '... and an end';
my $trusted = me('', port => 'VOUCHED', headers => { Authorization => 'Basic ' . encode_base64('bob@a.example:secret', '') });
is_deeply [ $trusted->{email}, $trusted->{auth}{kind}, $trusted->{auth}{expiresAt} ], [ 'bob@a.example', 'trusted', undef ], 'whom nginx vouches for needs neither';
like places($trusted)->{acme}, qr/^owner: .*org:write/, '... and may what the role may';
is $t->sentry('GET', '/auth/', token => $_)->status, 401, "the token '$_' is nobody's" for '', 'nothing';

$t->done;
