# Trackers over HTTP: how one is set in which errtrack acts, what is kept of it, and how an issue
# is made there from one here and then shows where it is.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my ($true, $false) = (JSON::PP::true(), JSON::PP::false());

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=2 max_queue=64;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    errtrack_secrets_key_file "%%SECRETS_KEY%%";

    server {
        listen 127.0.0.1:%%PORT%%;

        location /api/0/ {
            errtrack_query;
        }
    }
}
CONF

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql(<<'SQL');
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme');
insert into errtrack_private.projects (id, organization_id, slug, name) values (42, 10, 'shop', 'Shop');
insert into errtrack_private.users (email) values ('max@a.example');
insert into errtrack_private.memberships (organization_id, user_id, role) select 10, id, 'maintainer' from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('max'), 'personal', id, '{event:read, event:write, project:read, project:write}' from errtrack_private.users;
insert into errtrack_private.issues
       (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
select 42, n, 'error', 'Type', '', 'Type', '', '', 'error', 'python', '', 1, 0, now(), now(), now() from generate_series(1, 3) as n;
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen) select 42, id, id, now(), now() from errtrack_private.issues;
SQL
$t->start_nginx(config => $conf);
$t->{token} = 'max';

my $list = '/projects/acme/shop/trackers/';
my $url = 'https://gitlab.example/acme/shop';

sub set { my ($provider, $body) = @_; return $t->sentry('PUT', "$list$provider/", json => $body) }
sub detail { my ($answer) = @_; return $answer->status . ' ' . (eval { $answer->json->{detail} } // $answer->content) }
sub make_issue { my ($issue, $body) = @_; return $t->sentry('POST', "/issues/$issue/tracker-issues/", json => $body // {}) }

# ---- setting one ---------------------------------------------------------------------------

is_deeply $t->sentry('GET', $list)->json, [], 'a project has no tracker at first';
is detail(make_issue(1)), '409 errtrack acts in no tracker for the project: set one with PUT .../trackers/gitlab/ first', 'and no issue is made in one';

for my $case (
    [ gitlab => {}, qr/^url is missing/, 'no address' ],
    [ gitlab => { url => $url, token => 'x', labels => ['bug'] }, qr/^there is no member "labels": there are url, externalId, .* enabled$/, 'a member that is none' ],
    [ gitlab => { url => 'https://gitlab.example/', token => 'x' }, qr{^url: "https://gitlab.example/" is not the address of a project of GitLab: name one like https://gitlab.example.com/acme/shop$}, 'no project' ],
    [ gitlab => { url => $url }, qr/^token is missing: gitlab needs token$/, 'no token' ],
    [ gitlab => { url => "$url?x=1", token => 'x' }, qr/^url: .* is not the address of a project of GitLab/, 'a query' ],
    [ github => { url => 'https://github.com/acme/shop/issues', token => 'x' }, qr/^url: .* is not the address of a repository of GitHub/, 'a page of it' ],
    [ gitlab => { url => $url, token => 'x', settings => { labels => ['bug,urgent'] } }, qr/^settings.labels must be names without commas/, 'two labels in one' ],
    [ gitlab => { url => $url, token => 'x', settings => { api => 'https://gitlab.example/api' } }, qr{^settings.api: it does not end with /api/v4}, 'no API' ],
    [ gitlab => { url => $url, token => 'x', externalId => 'x' }, qr/^externalId must be a number/, 'no number' ],
    [ gitlab => { url => $url, token => 'x', settings => { labels => 'bug' } }, qr/^settings.labels must be a list of 1 to 20 texts$/, 'no list' ],
    [ gitlab => { url => $url, token => 'x', settings => { closes => 'yes' } }, qr/^settings.closes must be true or false$/, 'no flag' ],
    [ gitlab => { url => $url, token => 'x', settings => { api => 'https://elsewhere.example/api/v4' } }, qr/^settings.api must be on the host of url: gitlab.example$/, 'another host' ],
    [ github => { url => 'https://github.com/acme/shop', token => 'x', settings => { confidential => $true } }, qr/^settings of github must be labels, /, 'what only GitLab has' ],
    [ jira => { url => $url, token => 'x' }, qr/^the provider must be gitlab, github or other$/, 'another provider' ],
) {
    my ($provider, $body, $wanted, $label) = @$case;
    my $answer = set($provider, $body);
    is $answer->status, 400, "refused: $label" or diag $answer->content;
    like eval { $answer->json->{detail} } // '', $wanted, '... and why';
}
is $t->sql_value('select count(*) from errtrack_private.trackers'), 0, 'nothing is left of what was refused';

my $answer = set('gitlab', { url => "$url/", externalId => 1201, token => 'glpat-vertraulich', settings => { labels => ['bug'], confidential => $true, creates => $false } });
is $answer->status, 200, 'a tracker is set';
my $tracker = $answer->json;
is_deeply [ @{$tracker}{qw(provider url externalId acts hasToken hasSecret settings state)} ],
    [ 'gitlab', $url, 1201, $true, $true, $false, { labels => ['bug'], confidential => $true, creates => $false }, 'ok' ], '... and shown without its token';
is_deeply $t->sentry('GET', $list)->json, [$tracker], '... in the list';
like $t->sql_value(q{select sealed ->> 'token' from errtrack_private.channels}), qr/^v1:/, '... which is kept sealed';
is_deeply $t->sentry('GET', '/projects/acme/shop/channels/')->json, [], 'it is none of the channels that people are told by';
is $t->sentry('GET', "/projects/acme/shop/channels/$tracker->{channel}/")->status, 404, '... nor is it changed as one';
is_deeply set('gitlab', $tracker)->json, $tracker, 'what was answered may be sent back';
is set('gitlab', { settings => { creates => $true } })->json->{settings}{labels}[0], 'bug', 'a change names what changes';
is detail(set('gitlab', { url => 'https://elsewhere.example/acme/shop' })), '400 token must be given again: url leads to another host than gitlab.example',
    'a token is not sent to another host by who may not know it';
is set('gitlab', { url => "$url-2" })->json->{url}, "$url-2", '... but to another project of the host it may';
is_deeply [ @{ set('other', { url => 'https://tracker.example/hook', secret => 'geheim' })->json }{qw(hasSecret hasToken)} ], [ $true, $false ], 'a tracker of one\'s own has a secret to sign with';

# ---- making issues in it ---------------------------------------------------------------------

is detail(make_issue(1)), '400 provider must be gitlab or other', 'of several trackers one must be named';
my $queued = make_issue(1, { provider => 'gitlab' });
is $queued->status, 202, 'an issue is to be made';
is_deeply [ @{ $queued->json }{qw(kind state)}, $queued->json->{issue}{shortId}, $queued->json->{channel}{id} ], [ 'create', 'waiting', 'SHOP-1', $tracker->{channel} ], '... as the answer says';
is detail(make_issue('SHOP-1', { provider => 'gitlab' })), '409 it is being made already: see the notifications of the issue', '... once';
is_deeply [ map { $_->{id} } @{ $t->sentry('GET', '/projects/acme/shop/notifications/?issue=SHOP-1')->json } ], [ $queued->json->{id} ], '... which lists show';
is $t->sentry('POST', '/organizations/acme/issues/2/tracker-issues/', json => { provider => 'other' })->status, 202, 'below the organization, too';
is make_issue(777777, { provider => 'gitlab' })->status, 404, 'of no issue none is made';

$t->sql(q{select errtrack_private.notification_sent(project_id, id, '#88', 'https://gitlab.example/acme/shop-2/-/issues/88')
    from errtrack_private.notifications where issue_id = 1});
my $link = '<a href="https://gitlab.example/acme/shop-2/-/issues/88">GL-88</a>';
my $issue = $t->sentry('GET', '/issues/1/')->json;
is_deeply $issue->{annotations}, [$link], 'an issue that was made is shown with its address';
is_deeply $issue->{pluginIssues}[0]{issue}, { issue_id => '88', url => 'https://gitlab.example/acme/shop-2/-/issues/88', label => 'GL-88' }, '... in both forms';
my %listed = map { $_->{id} => $_->{annotations} } @{ $t->sentry('GET', '/projects/acme/shop/issues/?query=')->json };
is_deeply \%listed, { 1 => [$link], 2 => [], 3 => [] }, '... in lists too';
is detail(make_issue(1, { provider => 'gitlab' })), '409 the issue is linked already: see its annotations', 'and none is made again';
$t->sql(q{select errtrack_private.notification_sent(project_id, id, 'BUG <b>', 'https://tracker.example/?a=1&b="x') from errtrack_private.notifications where issue_id = 2});
is_deeply $t->sentry('GET', '/issues/2/')->json->{annotations}, [], 'an address that is none is no link';

# ---- deleting one ----------------------------------------------------------------------------

is $t->sentry('DELETE', "${list}gitlab/")->status, 204, 'a tracker is deleted';
is $t->sentry('DELETE', "${list}gitlab/")->status, 404, '... once';
is_deeply $t->sentry('GET', '/issues/1/')->json->{annotations}, [$link], '... and links stay';
$t->sql(q{insert into errtrack_private.trackers (project_id, provider, external_id, url) values (42, 'github', 5, 'https://github.com/acme/shop')});
my ($linked) = grep { $_->{provider} eq 'github' } @{ $t->sentry('GET', $list)->json };
is_deeply [ @{$linked}{qw(url acts hasToken)} ], [ 'https://github.com/acme/shop', $false, undef ], 'in one that is only linked errtrack does not act';
is_deeply [ map { $_->[0] } $t->sql('select distinct action from errtrack_private.audit order by 1') ], [qw(tracker.delete tracker.set tracker_issue.create)],
    'what people did is noted';
unlike join("\n", map { $_->[0] } $t->sql('select c::text from errtrack_private.channels c union all select details::text from errtrack_private.audit')),
    qr/vertraulich|geheim/, '... without secrets';

$t->done;
