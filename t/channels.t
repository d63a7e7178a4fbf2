# Channels over HTTP: how they are made, shown and changed, that what is secret of them is kept
# sealed and never answered, how they are tested and resumed, and what was sent to them.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::HTTP qw(http_request);

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

    server {
        listen 127.0.0.1:%%PORT%%;

        location /api/0/ {
            errtrack_secrets_key_file "%%SECRETS_KEY%%";
            errtrack_query;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_PLAIN%%;

        location /api/0/ {
            errtrack_query;
        }
    }
}
CONF

my $t = ErrTrack->new;
$t->start_postgres(settings => { log_statement => 'all' });
$t->sql(<<'SQL');
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme');
insert into errtrack_private.projects (id, organization_id, slug, name) values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog');
insert into errtrack_private.users (email, administrator)
values ('ada@a.example', true), ('max@a.example', false);
insert into errtrack_private.memberships (organization_id, user_id, role)
select 10, id, 'maintainer' from errtrack_private.users where email like 'max%';
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256(convert_to(split_part(email, '@', 1), 'UTF8')), 'personal', id, '{event:read, event:write, project:read, project:write}'
from errtrack_private.users;
SQL
$t->start_nginx(config => $conf);
$t->{token} = 'max';

my $list = '/projects/acme/shop/channels/';
my $hook = 'https://hooks.slack.example/services/T0/B0/geheimes-wort';

sub make { my ($body, %arg) = @_; return $t->sentry('POST', $list, json => $body, %arg) }
sub change { my ($id, $body, %arg) = @_; return $t->sentry('PUT', "$list$id/", json => $body, %arg) }
sub detail { my ($answer) = @_; return $answer->status . ' ' . (eval { $answer->json->{detail} } // $answer->content) }
sub row { my ($id, $column) = @_; return $t->sql_value("select $column from errtrack_private.channels where id = \$1", $id) }
sub said { my ($id) = @_; return $t->sentry('GET', "$list$id/")->json }

# ---- making them -----------------------------------------------------------------------

is_deeply $t->sentry('GET', $list)->json, [], 'a project has no channel at first';
my $made = make({ kind => 'slack', name => 'team', url => $hook });
is $made->status, 201, 'a channel is made';
my $slack = $made->json;
is_deeply [ @{$slack}{qw(name kind place hasUrl hasSecret urlFile enabled state hourlyCap waiting createdBy)} ],
    [ 'team', 'slack', 'hooks.slack.example', $true, $false, undef, $true, 'ok', 60, 0, 'max@a.example' ], '... the answer says what it is';
like row($slack->{id}, q(sealed ->> 'url')), qr/^v1:[0-9a-f]{8}:[A-Za-z0-9+\/=]+$/, '... its address is kept sealed';
is_deeply said($slack->{id}), $slack, '... and it is shown so from then on';
is_deeply $t->sentry('GET', $list)->json, [$slack], '... in the list too';

my $web = make({ kind => 'webhook', name => 'own', url => 'http://Hooks.example:8080/x?token=heimlich', secret => 'vertraulich-1',
    settings => { headers => ['X-Team: shop'] }, hourlyCap => 5 })->json;
is_deeply [ @{$web}{qw(place hasSecret settings hourlyCap)} ], [ 'http://hooks.example:8080', $true, { headers => ['X-Team: shop'] }, 5 ],
    'a webhook has a secret and headers';
my $mail = make({ kind => 'mail', name => 'post', settings => { to => [ 'ann@a.example', 'bob@a.example' ] } })->json;
is_deeply [ @{$mail}{qw(place hasUrl)} ], [ 'ann@a.example, bob@a.example', $false ], 'mail goes to people';
my $pager = make({ kind => 'pagerduty', name => 'night', secret => 'vertraulich-2' })->json;
is $pager->{place}, 'events.pagerduty.com', 'PagerDuty has an address of its own';
my $alert = make({ kind => 'gitlab_alert', name => 'alerts', url => 'https://gitlab.example/acme/shop/alerts/notify/a.json', secret => 'vertraulich-3' })->json;
is $alert->{place}, 'gitlab.example', 'alerts of GitLab';
for my $kind (qw(mattermost discord teams google_chat)) {
    is make({ kind => $kind, name => $kind, url => "https://$kind.example/x\@y/z" })->status, 201, "$kind needs an address";
}

# ---- what is not taken -----------------------------------------------------------------

my %url = (kind => 'slack', name => 'x');
for my $case (
    [ { name => 'x', url => $hook }, qr/^kind must be webhook, slack, .* or mail$/, 'no kind' ],
    [ { kind => 'tracker', name => 'x', url => $hook }, qr/^kind must be/, 'a tracker is made elsewhere' ],
    [ { kind => 'slack', url => $hook }, qr/^name is missing/, 'no name' ],
    [ { %url, name => "a\nb", url => $hook }, qr/^name must have no line breaks/, 'a name of two lines' ],
    [ { %url, name => 'x' x 101, url => $hook }, qr/^name must have at most 100/, 'a long name' ],
    [ { %url, link => $hook }, qr/^there is no member "link": there are kind, name, url, .* enabled$/, 'a member that is none' ],
    [ {%url}, qr/^url is missing: slack needs url$/, 'no address' ],
    [ { %url, url => 'ftp://a.example/' }, qr{^url: it does not begin with http:// or https://$}, 'another scheme' ],
    [ { %url, url => 'https:///x' }, qr/^url: it has no host/, 'no host' ],
    [ { %url, url => 'https://u:p@a.example/' }, qr/^url: it names a user/, 'a user' ],
    [ { %url, url => 'https://a.example\\@b.example/' }, qr/^url: it has .*backslashes/, 'a host that clients read in two ways' ],
    [ { %url, url => 'https://a.example:99999/' }, qr/^url: its port is none/, 'a port that is none' ],
    [ { %url, url => "https://a.example/\nx" }, qr/^url: it has blanks/, 'a line break' ],
    [ { %url, url => 'https://a.example/' . 'x' x 2048 }, qr/^url: it is longer than 2048 bytes$/, 'a long address' ],
    [ { %url, url => $hook, secret => 's' }, qr/^secret is not for slack: it takes url$/, 'a secret that is for nothing' ],
    [ { %url, url => $hook, settings => { to => ['a@b'] } }, qr/^settings of slack must be left out/, 'settings of another kind' ],
    [ { %url, url => $hook, hourlyCap => 0 }, qr/^hourlyCap must be a number from 1 to 10000$/, 'a cap of none' ],
    [ { %url, url => $hook, enabled => 'yes' }, qr/^enabled must be true or false$/, 'a word for a flag' ],
    [ { kind => 'pagerduty', name => 'x' }, qr/^secret is missing: pagerduty needs secret$/, 'PagerDuty without its key' ],
    [ { kind => 'gitlab_alert', name => 'x', url => $hook }, qr/^secret is missing: gitlab_alert needs url and secret$/, 'GitLab without its key' ],
    [ { kind => 'mail', name => 'x' }, qr/^settings.to is missing/, 'mail to nobody' ],
    [ { kind => 'mail', name => 'x', settings => { to => [] } }, qr/^settings.to must be a list of 1 to 20/, 'an empty list' ],
    [ { kind => 'mail', name => 'x', settings => { to => [ map { "a$_\@b.example" } 1 .. 21 ] } }, qr/^settings.to must be a list of 1 to 20/, '21 people' ],
    [ { kind => 'mail', name => 'x', settings => { to => ["a\@b\r\nBcc: c\@d"] } }, qr/^settings.to: "a\@b\?\?Bcc: c\@d": write it like user\@example.com$/, 'a line more of a header' ],
    [ { kind => 'mail', name => 'x', url => $hook, settings => { to => ['a@b'] } }, qr/^url is not for mail: it takes settings.to alone$/, 'mail to an address of the web' ],
    [ { kind => 'webhook', name => 'x', url => $hook, settings => { headers => ["X-A: b\r\nX-C: d"] } }, qr/^settings.headers: its value has line breaks/, 'two lines' ],
    [ { kind => 'webhook', name => 'x', url => $hook, settings => { headers => ['Content-Length: 5'] } }, qr/^settings.headers: Content-Length is for the connection/, 'what the connection says' ],
    [ { kind => 'webhook', name => 'x', url => $hook, settings => { headers => ['Keep-Alive: 5'] } }, qr/^settings.headers: Keep-Alive is for the connection/, '... in all of its headers' ],
    [ { kind => 'webhook', name => 'x', url => $hook, settings => { headers => ['X-Errtrack-Event: x'] } }, qr/^settings.headers must leave out/, 'what the sender says' ],
    [ { kind => 'webhook', name => 'x', url => $hook, settings => { headers => ['Authorization: Bearer x'] } }, qr/^settings.headers are kept and shown in clear/, 'a secret in clear' ],
    [ { kind => 'webhook', name => 'x', urlFile => 'hook' }, qr/^Forbidden: files of the worker .* only administrators/, 'a file, by who is no administrator', 403 ],
) {
    my ($body, $wanted, $label, $status) = @$case;
    my $answer = make($body);
    is $answer->status, $status // 400, "refused: $label" or diag $answer->content;
    like eval { $answer->json->{detail} } // '', $wanted, '... and why';
}
is detail(make({ kind => 'slack', name => 'team', url => $hook })), '409 name is taken by another channel of the project', 'a name is there once';
is $t->sql_value('select count(*) from errtrack_private.channels'), 9, 'nothing is left of what was refused';
my $plain = http_request('POST', 'http://127.0.0.1:' . $t->nginx->port('PLAIN') . "/api/0$list", json => { kind => 'slack', name => 'x', url => $hook },
    headers => { Authorization => 'Bearer max' });
is detail($plain), '503 secrets cannot be kept: set errtrack_secrets_key_file', 'without a key no secret is taken';

# ---- files of the worker -------------------------------------------------------------------

my $file = make({ kind => 'slack', name => 'of a file', urlFile => 'slack.url' }, token => 'ada')->json;
is_deeply [ @{$file}{qw(hasUrl urlFile place)} ], [ $true, 'slack.url', 'file slack.url' ], 'an administrator names a file of the worker';
is row($file->{id}, 'sealed::text || files::text'), '{}{"url": "slack.url"}', '... and that is all that is kept';
is_deeply change($file->{id}, $file)->json, $file, '... which who is none may send back';
my $keyed = make({ kind => 'gitlab_alert', name => 'of both', url => 'https://gitlab.example/x', secretFile => 'alert.key' }, token => 'ada')->json;
is detail(change($keyed->{id}, { url => 'https://elsewhere.example/x', secretFile => 'alert.key' })), '400 secret must be given again: url leads to another host than gitlab.example',
    '... but not have sent elsewhere';
is change($keyed->{id}, { url => 'https://elsewhere.example/x', secretFile => 'alert.key' }, token => 'ada')->json->{place}, 'elsewhere.example', '... as an administrator may';
is detail(make({ kind => 'slack', name => 'x', urlFile => $_ }, token => 'ada')) =~ /^400 urlFile must be the name of a file/ ? 1 : 0, 1, "no name of a file: $_"
    for '../etc/passwd', '.hidden', 'a/b', 'a b';
is detail(make({ kind => 'slack', name => 'x', url => $hook, urlFile => 'a' }, token => 'ada')), '400 url must be given itself or as urlFile, not both', 'one of both';

# ---- changing them -------------------------------------------------------------------------

is_deeply change($slack->{id}, $slack)->json, $slack, 'what was answered may be sent back';
my $sealed = row($web->{id}, q(sealed ->> 'secret'));
my $changed = change($web->{id}, { name => 'own hook', enabled => $false })->json;
is_deeply [ @{$changed}{qw(name enabled state place settings hourlyCap)} ], [ 'own hook', $false, 'disabled', 'http://hooks.example:8080', { headers => ['X-Team: shop'] }, 5 ],
    'a change names what changes';
is row($web->{id}, q(sealed ->> 'secret')), $sealed, '... and secrets stay as they are';
is detail(change($web->{id}, { url => 'https://elsewhere.example/' })), '400 secret must be given again: url leads to another host than http://hooks.example:8080',
    'a secret is not sent to another host by who may not know it';
is change($web->{id}, { url => 'http://hooks.example:8080/other' })->status, 200, '... but along with its host the address changes';
is change($web->{id}, { url => 'https://elsewhere.example/', secret => 'vertraulich-4' })->json->{place}, 'elsewhere.example', '... and with the secret all of it';
is change($web->{id}, { url => 'http://elsewhere.example/' })->status, 400, 'nor does a secret go without TLS where it went with it';
isnt row($web->{id}, q(sealed ->> 'secret')), $sealed, '... which is the new one then';
is change($web->{id}, { secret => undef, settings => { headers => undef } })->json->{hasSecret}, $false, 'null takes it away';
is detail(change($slack->{id}, { url => '' })), '400 url is missing: slack needs url', '... unless it is needed';
is detail(change($slack->{id}, { kind => 'discord' })), '400 kind cannot be changed: make another channel', 'a kind stays';
is detail(change($slack->{id}, { name => 'post' })), '409 name is taken by another channel of the project', 'a name that is taken';
is change(777777, { name => 'x' })->status, 404, 'what is not there';
is $t->sentry('GET', "/projects/acme/blog/channels/$slack->{id}/")->status, 404, '... or is another project\'s';

# ---- testing and resuming --------------------------------------------------------------------

my $test = $t->sentry('POST', "$list$slack->{id}/test/");
is $test->status, 202, 'a channel is tested';
my $sent = $test->json;
like $sent->{id}, qr/^[0-9a-f-]{36}$/, '... the answer says the delivery id';
is_deeply [ @{$sent}{qw(kind state attempts issue)}, $sent->{channel}{name} ], [ 'test', 'waiting', 0, undef, 'team' ], '... of a message that waits';
is $t->sentry('POST', "$list$slack->{id}/test/")->json->{id}, $sent->{id}, 'one that waits already is enough';
my $notice = $t->sentry('GET', "/projects/acme/shop/notifications/$sent->{id}/")->json->{notice};
is_deeply [ $notice->{kind}, $notice->{project}, $notice->{issue} ], [ 'test', { id => 42, slug => 'shop', name => 'Shop', organization => 'acme' }, undef ],
    '... which says what it is';
is detail($t->sentry('POST', "$list$web->{id}/test/")), '409 the channel is not enabled: enable it first', 'one that is off tells nobody';
is_deeply [ map { $_->[0] } $t->sql('select id from errtrack_private.next_notifications($1, 10)', '{}') ],
    [ $t->sql_value('select id from errtrack_private.notifications') ], 'the sender finds it';

$t->sql(q{select errtrack_private.notification_failed(project_id, id, 'answered 410', 'channel', 0) from errtrack_private.notifications});
my $parked = said($slack->{id});
is_deeply [ @{$parked}{qw(state failures lastError waiting)} ], [ 'parked', 1, 'answered 410', 1 ], 'a channel that is refused is parked';
ok defined $parked->{nextAttempt} && defined $parked->{failingSince}, '... it is shown since when, and when it is tried next';
my $resumed = $t->sentry('POST', "$list$slack->{id}/resume/")->json;
is_deeply [ @{$resumed}{qw(state failures parkedAt nextAttempt)} ], [ 'ok', 0, undef, undef ], 'resumed it is tried at once';
is scalar @{ [ $t->sql('select id from errtrack_private.next_notifications($1, 10)', '{}') ] }, 1, '... as the sender finds';

# ---- what was sent ------------------------------------------------------------------------

$t->sql(q{
    insert into errtrack_private.issues
           (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
            event_count, user_count, first_seen, last_seen, last_received_at)
    select 42, 100 + n, 'error', 'T', '', 'T', '', '', 'error', 'python', '', 1, 0, now(), now(), now() from generate_series(1, 9) as n});
$t->sql(q{
    insert into errtrack_private.notifications (project_id, channel_id, kind, issue_id, notice, state, ended_at, last_error, attempts, created_at)
    select 42, $1, 'new_issue', 100 + n, jsonb_build_object('kind', 'new_issue', 'issue', jsonb_build_object('id', 100 + n, 'short_id', 'SHOP-X', 'title', 'T')),
           case when n % 2 = 0 then 'sent' else 'failed' end, now(), case when n % 2 = 1 then 'refused' end, 1, now() - n * interval '1 day'
    from generate_series(1, 9) as n}, $mail->{id});
sub history { my ($query) = @_; return $t->sentry('GET', "/projects/acme/shop/notifications/$query") }
sub ids { return [ map { $_->{issue} ? $_->{issue}{id} - 100 : 't' } @{ $_[0]->json } ] }
is_deeply ids(history('')), [ reverse('t', 1 .. 9) ], 'messages are listed, the newest first';
is_deeply ids(history('?state=failed')), [ 9, 7, 5, 3, 1 ], '... those that failed';
is_deeply ids(history("?channel=$slack->{id}")), ['t'], '... of a channel';
is_deeply ids(history('?issue=104')), [4], '... about an issue';
is_deeply ids(history("?issue=104&channel=$slack->{id}")), [], '... and all of it together';
is_deeply ids(history('?issue=x&state=sent')), [], 'of what cannot be an issue there are none';
my ($page, @walked) = history('?state=failed&per_page=2');
while ($page) {
    push @walked, @{ ids($page) };
    my ($next) = ($page->header('Link') // '') =~ /<([^>]+)>; rel="next"; results="true"/;
    $page = $next ? history($next =~ s/^[^?]*//r) : undef;
}
is_deeply \@walked, [ 9, 7, 5, 3, 1 ], 'pages follow one another';
is detail(history('?cursor=x')), '400 cursor is invalid', 'a cursor that is none';
is history('?state=lost')->status, 400, 'a state that is none';

my %failed = map { $_->{issue}{id} - 100 => $_->{id} } @{ history('?state=failed')->json };
my $again = $t->sentry('POST', "/projects/acme/shop/notifications/$failed{3}/retry/");
is_deeply [ $again->status, @{ $again->json }{qw(id state dateEnded)} ], [ 202, $failed{3}, 'waiting', undef ], 'what failed is sent again, as the same message';
is detail($t->sentry('POST', "/projects/acme/shop/notifications/$failed{3}/retry/")), '409 only what failed is sent again: this one is waiting', 'once';
is detail($t->sentry('POST', "/projects/acme/shop/notifications/$failed{9}/retry/")), '409 it is older than 7 days, and is not sent any more', 'nobody wants to be told that late';
is $t->sentry('GET', "/projects/acme/shop/notifications/$_/")->status, 404, "no message: $_" for 'x', '0' x 32;

# ---- deleting them ------------------------------------------------------------------------

is $t->sentry('POST', '/projects/acme/shop/alert-rules/', json => { kind => 'new_issue', channels => [ $mail->{id} ] })->status, 201, 'a rule names a channel';
is detail($t->sentry('DELETE', "$list$mail->{id}/")), '409 rules name this channel, change or delete them first: new_issue', 'which then stays';
is $t->sentry('DELETE', "$list$slack->{id}/")->status, 204, 'one that no rule names is deleted';
is scalar @{ history("?channel=$slack->{id}")->json }, 0, '... with its messages';
$t->sql(q{insert into errtrack_private.channels (project_id, name, kind) select 42, 'n' || n, 'mail' from generate_series(1, $1::integer) as n},
    50 - $t->sql_value('select count(*) from errtrack_private.channels'));
is detail(make({ kind => 'slack', name => 'one more', url => $hook })), '409 there are 50 channels already: delete some first', 'a project has 50 at most';

# ---- secrets --------------------------------------------------------------------------------

my @audit = map { $_->[0] } $t->sql('select action from errtrack_private.audit order by id');
is_deeply [ @audit[ 0, -1 ] ], [ 'channel.create', 'channel.delete' ], 'what people did is noted';
my $kept = join "\n", map { $_->[0] } $t->sql(q{select details::text from errtrack_private.audit
    union all select c::text from errtrack_private.channels c union all select n::text from errtrack_private.notifications n});
unlike $kept, qr/vertraulich|geheim|heimlich/, 'no secret is in the database';
my $shown = join "\n", map { $_->content } $t->sentry('GET', $list), history('');
unlike $shown, qr/vertraulich|geheim|heimlich|v1:/, '... nor answered';
unlike $t->postgres->log_text, qr/vertraulich/, '... nor does the log of PostgreSQL have secrets or tokens';

$t->done;
