# What GitLab's backend has for a group, for a data source of Grafana: issues, projects and
# statistics; and the check of a client key that a backend without keys asks for.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;

        location /errortracking/api/v1/ {
            errtrack_query;
        }

        location /api/v4/ {
            errtrack_query;
        }
    }
}
CONF

# The group 10 has the projects 42, with the issues 1 to 30, and 43, with 101 to 103; the
# group 20 has 99 with 5001. The more an issue has of anything, the higher its number, but
# for users, of which it has less; the first are resolved or ignored.
my $fixtures = <<'SQL';
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other'), (30, 'empty', 'Empty');
insert into errtrack_private.projects (id, organization_id, slug, name)
values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog'), (99, 20, 'theirs', 'Theirs');
insert into errtrack_private.users (email, administrator) values ('administrator@a.example', true), ('reporter@a.example', false), ('stranger@a.example', false);
insert into errtrack_private.memberships (organization_id, user_id, role)
select case when email like 'stranger%' then 20 else 10 end, id, 'reporter' from errtrack_private.users where not administrator;
insert into errtrack_private.tokens (hash, kind, user_id, project_id, scopes, expires_at)
select sha256(convert_to(k.name, 'UTF8')), 'personal', u.id, k.project, k.scopes, k.expires
from (values ('administrator', 'administrator', null::bigint, '{event:read}'::text[], null::timestamptz), ('reporter', 'reporter', null, '{event:read}', null),
             ('stranger', 'stranger', null, '{event:read}', null), ('of blog', 'reporter', 43, '{event:read}', null),
             ('administrator of blog', 'administrator', 43, '{event:read}', null), ('blind', 'reporter', null, '{org:read, project:read}', null), ('expired', 'reporter', null, '{event:read}', now() - interval '1 second'))
     as k (name, who, project, scopes, expires)
join errtrack_private.users u on u.email = k.who || '@a.example';
insert into errtrack_private.tokens (hash, kind, scopes) values (sha256('gitlab'), 'gitlab', '{event:read, event:write, project:read, org:read}');

insert into errtrack_private.issues
       (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
select case when n < 100 then 42 when n < 1000 then 43 else 99 end, n, case n when 1 then 'resolved' when 2 then 'ignored' else 'unresolved' end,
       'error', 'Type' || n, 'value ' || n, 'Type' || n || ': value ' || n, '', 'function ' || n, 'error', 'python', '',
       n * 2, 200 - n % 200, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 hour', '2026-03-01T00:00:00Z'::timestamptz + n * interval '1 hour', now()
from (select generate_series(1, 30) union all values (101), (102), (103), (5001)) as ids (n);
update errtrack_private.issues set event_count = 9999999999 where id = 103;
insert into errtrack_private.origins (project_id, id, issue_id, event_count, first_seen, last_seen, last_received_at)
select project_id, id, id, event_count, first_seen, last_seen, last_received_at from errtrack_private.issues;
insert into errtrack_private.issue_texts (project_id, issue_id, text)
select project_id, id, title || chr(10) || value || chr(10) || culprit from errtrack_private.issues on conflict do nothing;
insert into errtrack_private.occurrences (project_id, received_at, event_id, origin_id, occurred_at, level, platform, environment, has_payload)
select project_id, last_received_at, md5(id::text)::uuid, id, now(), 'error', 'python', case when id % 2 = 0 then 'live' else 'test' end, false
from errtrack_private.issues;
insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
select project_id, id, 'environment', case when id % 2 = 0 then 'live' else 'test' end, 1, now(), now() from errtrack_private.issues;
insert into errtrack_private.client_keys (project_id, public_key, active)
values (42, 'good_key_of_shop', true), (42, 'dead_key_of_shop', false), (43, 'good_key_of_blog', true);
insert into errtrack_private.outcomes (project_id, hour, category, outcome, reason, quantity)
select p.id, date_trunc('hour', now(), 'UTC') - h * interval '1 hour', 'error', o.outcome, '', o.n
from errtrack_private.projects p, generate_series(1, 20) as h, (values ('stored', 5), ('filtered', 2)) as o (outcome, n);
SQL

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql($fixtures);
$t->start_nginx(config => $conf);
$t->{token} = 'gitlab';

sub group { my ($id, $rest, %arg) = @_; return $t->api('GET', "/api/0/organizations/$id/$rest", %arg) }
sub ids { return join ' ', map { $_->{id} } @{ $_[0]->json } }
sub numbers { return join ' ', @_ }

# ---- issues ----------------------------------------------------------------------------

my $blog = '/issues/?project=43';
is_deeply group(10, 'issues/?project=43&limit=1')->json, [ { id => '103', project => { id => '43', name => 'Blog', slug => 'blog' }, title => 'Type103: value 103',
    actor => 'function 103', count => '2147483647', userCount => 97, firstSeen => '2026-01-05T07:00:00.000Z', lastSeen => '2026-03-05T07:00:00.000Z', status => 'unresolved' } ],
    'an issue as the contract has it';
is ids(group(10, 'issues/?project=42')), numbers(reverse 11 .. 30), 'twenty unresolved issues, the last seen first';
is ids(group(10, 'issues?project=42')), numbers(reverse 11 .. 30), 'without a slash at the end';
is ids(group(10, 'issues/?project=42&project=43&limit=5')), '103 102 101 30 29', 'of several projects';
is ids(group(10, "issues/?$_&limit=4")), '103 102 101 30', "several projects as $_" for 'project[]=42&project[]=43', 'project[0]=42&project[1]=43', 'project%5B%5D=42&project%5B%5D=43';
is ids(group(10, 'issues/?project=42&project=99')), numbers(reverse 11 .. 30), 'what is of another group is not in this one';
is ids(group(10, 'issues/?project=99')), '', '... not alone either';
is ids(group(10, 'issues/?project=777777')), '', 'nor what does not exist';
is ids(group(10, "issues/?project=42&status=$_->[0]")), $_->[1], "status $_->[0]" for [ resolved => 1 ], [ ignored => 2 ], [ unresolved => numbers(reverse 11 .. 30) ];
my %sorted = (date => '30 29 28', new => '30 29 28', freq => '30 29 28', priority => '30 29 28', user => '3 4 5');
is ids(group(10, "issues/?project=42&limit=3&sort=$_")), $sorted{$_}, "sorted by $_" for sort keys %sorted;
is scalar @{ group(10, 'issues/?project=42&limit=10000')->json }, 28, 'as many as there are';
is ids(group(10, 'issues/?project=42&query=VALUE%2012')), '12', 'with a text';
is ids(group(10, 'issues/?project=42&query=function%2013')), '13', '... in the place where it happened';
is ids(group(10, 'issues/?project=42&query=%25')), '', '... that is no pattern';
is ids(group(10, 'issues/?project=42&start=2026-03-01T10:00:00&end=2026-03-01T12:00:00')), '12 11 10', 'last seen in a period';
is ids(group(10, 'issues/?project=42&start=2026-03-02T05:00:00')), '30 29', '... since a time';
is ids(group(10, 'issues/?project=42&end=2026-03-01T04:00:00')), '4 3', '... until a time';
is ids(group(10, 'issues/?project=42&environment=live&limit=3')), '30 28 26', 'of an environment';
is ids(group(10, 'issues/?project=42&environment=nothing')), '', '... that nobody named';

for my $bad ('', '?project=', '?project=x', '?project=42&project=x', '?project=acme', '?project=-1', '?project=42&status=x', '?project=42&sort=x', '?project=42&limit=0',
    '?project=42&limit=10001', '?project=42&limit=x', '?project=42&start=x', '?project=42&end=x') {
    my $answer = group(10, "issues/$bad");
    is $answer->status, 400, "bad: '$bad'";
    like $answer->json->{message}, qr/^400 Bad request - ./, '... and why';
}

# ---- projects --------------------------------------------------------------------------

is_deeply group(10, 'projects/')->json, [ { id => '42', name => 'Shop', slug => 'shop' }, { id => '43', name => 'Blog', slug => 'blog' } ], 'the projects of a group';
is_deeply group(20, 'projects')->json, [ { id => '99', name => 'Theirs', slug => 'theirs' } ], '... of another one, with the secret of GitLab';
is_deeply group($_, 'projects/')->json, [], "none of the group $_" for 30, 777777;

# ---- statistics ------------------------------------------------------------------------

my $stats = group(10, 'stats_v2?statsPeriod=24h')->json;
is_deeply [ map { join ' ', sort keys %$_ } @$stats ], ['end group interval start'], 'statistics are a list of one, in the singular';
is_deeply { map { ($_->{by}{project} => $_->{totals}{'sum(quantity)'}) } @{ $stats->[0]{group} } }, { 42 => 140, 43 => 140 }, '... by project';
is_deeply [ map { scalar @{ $_->{series}{'sum(quantity)'} } } @{ $stats->[0]{group} } ], [ (scalar @{ $stats->[0]{interval} }) x 2 ], '... with a value for each interval';
is $stats->[0]{start}, $stats->[0]{interval}[0], '... from the first of them on';
is_deeply { map { ($_->{by}{outcome} => $_->{totals}{'sum(quantity)'}) } @{ group(10, 'stats_v2/?statsPeriod=24h&groupBy=outcome&project=42')->json->[0]{group} } },
    { stored => 100, filtered => 40 }, 'by outcome, of a project';
is_deeply group(10, 'stats_v2/?project=99')->json->[0]{group}, [], 'nothing of what is of another group';
is_deeply group(777777, 'stats_v2/')->json->[0]{group}, [], '... nor of a group that does not exist';
is group(10, "stats_v2?$_")->status, 400, "bad: $_" for 'statsPeriod=x', 'interval=1m', 'groupBy=colour', 'field=x', 'start=x';

# ---- who may ---------------------------------------------------------------------------

my %sees = (gitlab => '42 43', administrator => '42 43', reporter => '42 43', 'of blog' => '43', stranger => '', blind => '');
for my $token (sort keys %sees) {
    is ids(group(10, 'projects/', token => $token)), $sees{$token}, "projects that the token '$token' reads";
    my %projects = map { $_->{project}{id} => 1 } @{ group(10, 'issues/?project=42&project=43&limit=100', token => $token)->json };
    is join(' ', sort keys %projects), $sees{$token}, '... whose issues it sees';
    is join(' ', sort map { $_->{by}{project} } @{ group(10, 'stats_v2/', token => $token)->json->[0]{group} }), $sees{$token}, '... and statistics';
}
for my $token ('', 'unknown', 'expired') {
    is_deeply [ map { my $answer = group(10, $_, token => $token); ($answer->status, $answer->json) } 'projects/', 'issues/?project=42', 'issues/', 'stats_v2/', 'stats_v2/?interval=x' ],
        [ (401, { message => '401 Unauthorized' }) x 5 ], "the token '$token' is none";
}
for my $group ('acme', 'x', '-1', '1.5', '99999999999999999999') {
    is group($group, $_)->status, 400, "no group: $group, $_" for 'projects/', 'issues/?project=42', 'stats_v2';
}
is $t->api('POST', '/api/0/organizations/10/projects/', json => {})->status, 405, 'nothing is written there';

# ---- the check of a key ----------------------------------------------------------------

my $check = '/api/v4/internal/error_tracking/allowed';
my %header = (headers => { 'Gitlab-Error-Tracking-Token' => 'gitlab' });
sub check { my (%arg) = @_; return $t->http('POST', $check, headers => { 'Gitlab-Error-Tracking-Token' => delete $arg{token} // 'gitlab', %{ delete $arg{headers} || {} } }, %arg) }
sub form { return (content => $_[0], headers => { 'Content-Type' => 'application/x-www-form-urlencoded' }) }
sub enabled { my ($project, $key) = @_; my $answer = check(json => { project_id => $project, public_key => $key }); return $answer->status == 200 ? $answer->content : $answer->status }

for my $case ([ 42, 'good_key_of_shop', 'true' ], [ '42', 'good_key_of_shop', 'true' ], [ 43, 'good_key_of_blog', 'true' ], [ 42, 'dead_key_of_shop', 'false' ],
    [ 42, 'good_key_of_blog', 'false' ], [ 42, 'nothing', 'false' ], [ 42, q(' or 1), 'false' ], [ 99, 'good_key_of_shop', 'false' ]) {
    my ($project, $key, $wanted) = @$case;
    is enabled($project, $key), qq({"enabled": $wanted}), "the key '$key' of the project $project";
}
my ($project_42, $key) = ('project_id=42', 'public_key=good_key_of_shop');
is check(form("$project_42&$key"))->content, '{"enabled": true}', 'as a form';
is $t->http('POST', "$check?$project_42&$key", %header)->content, '{"enabled": true}', 'in the URL';
is $t->http('POST', "$check?$project_42", headers => { 'Gitlab-Error-Tracking-Token' => 'gitlab', 'Content-Type' => 'application/x-www-form-urlencoded' }, content => $key)->content,
    '{"enabled": true}', 'in both';
for my $bad ([], [ json => {} ], [ json => { project_id => 42 } ], [ json => { public_key => 'x' } ], [ json => { project_id => '', public_key => 'x' } ],
    [ json => { project_id => 42, public_key => ' ' } ], [ json => { project_id => undef, public_key => 'x' } ], [ json => [] ], [ form('project_id=42&public_key=') ]) {
    my $answer = check(@$bad);
    is_deeply [ $answer->status, $answer->json ], [ 422, { message => '422 Unprocessable Entity' } ], 'what is missing or blank';
}
for my $project (777777, 'x', -1, '99999999999999999999', 'acme/shop') {
    my $answer = check(json => { project_id => $project, public_key => 'x' });
    is_deeply [ $answer->status, $answer->json ], [ 404, { message => '404 Not found' } ], "no project $project";
}
for my $token ('unknown', 'reporter', 'expired', '') {
    for my $body ({ project_id => 42, public_key => 'good_key_of_shop' }, {}, { project_id => 777777, public_key => 'x' }) {
        my $answer = check(json => $body, token => $token);
        is_deeply [ $answer->status, $answer->json ], [ 401, { message => '401 Unauthorized' } ], "the token '$token' may not ask, whatever it asks";
    }
}
is check(json => { project_id => 42, public_key => 'good_key_of_shop' }, token => 'administrator')->content, '{"enabled": true}', 'who may do everything may';

is check(json => { project_id => $_, public_key => 'good_key_of_blog' }, token => 'administrator of blog')->status, 401, "but not with a token for one project: $_"
    for 42, 43, 777777;

# The token in the body: as JSON, as a form, and never in the URL.
sub told {
    my ($token, %more) = @_;
    return $t->http('POST', $check, json => { error_tracking_token => $token, %more });
}
sub is_refused { my ($answer, $label) = @_; is_deeply [ $answer->status, $answer->json ], [ 401, { message => '401 Unauthorized' } ], $label; return }
my %good = (project_id => 42, public_key => 'good_key_of_shop');
my $last_used = sub { return $t->sql_value(q(select last_used_at is not null from errtrack_private.tokens where hash = sha256('gitlab'))) };
$t->sql('update errtrack_private.tokens set last_used_at = null');
is told('gitlab', %good)->content, '{"enabled": true}', 'the token in a body of JSON';
is $last_used->(), 't', '... is noted as used';
is told($_, %good)->content, '{"enabled": true}', '... with a line feed at its end' for "gitlab\n", "gitlab\r\n";
is $t->http('POST', $check, form("$project_42&$key&error_tracking_token=$_"))->content, '{"enabled": true}', "... in a form: $_" for 'gitlab', 'gitlab%0A';
is $t->http('POST', "$check?$project_42&$key", form('error_tracking_token=gitlab'))->content, '{"enabled": true}', '... with all else in the URL';
is_deeply [ told('gitlab')->status, told('gitlab', project_id => 777777)->status, told('gitlab', project_id => 777777, public_key => 'x')->status ], [ 422, 422, 404 ],
    '... and the same order of checks';
for my $token ("gitlab\n\n", "\ngitlab", 'gitlab ', 'unknown', 'reporter', 'expired', '', "\n", undef, 1, ['gitlab'], { gitlab => 1 }) {
    is_refused(told($token, %$_), '... which is none: ' . JSON::PP->new->allow_nonref->encode($token)) for \%good, {}, { project_id => 777777, public_key => 'x' };
}
is_refused($t->http('POST', $check, @$_), 'no token at all') for [], [ json => \%good ], [ json => ['gitlab'] ], [ form("$project_42&$key") ];
for my $argument ('error_tracking_token=gitlab', 'error_tracking_token[]=gitlab', 'Gitlab-Error-Tracking-Token=gitlab') {
    is_refused($t->http('POST', "$check?$project_42&$key&$argument", @$_), "none in the URL: $argument") for [], [ json => \%good ], [ form("$project_42&$key") ];
}
is_refused(check(token => 'unknown', json => { %good, error_tracking_token => 'gitlab' }), 'the header goes before the body');
is check(json => { %good, error_tracking_token => 'unknown' })->content, '{"enabled": true}', '... whatever that says';
is_refused($t->http('POST', $check, json => \%good, headers => { $_ => 'gitlab' }), "nor in the header $_") for 'PRIVATE-TOKEN', 'Authorization', 'Cookie';
is $t->http('GET', '/errortracking/api/v1/projects/42/errors', json => { error_tracking_token => 'gitlab' })->status, 401, 'and nowhere else in a body';
is $t->get("$check?$project_42&$key", %header)->status, 405, 'it is posted';
$t->sql('insert into errtrack_private.tracking_settings (project_id, active, integrated) values (42, true, true), (43, false, true)');
is enabled(42, 'good_key_of_shop'), '{"enabled": true}', 'where error tracking is on';
is enabled(43, 'good_key_of_blog'), '{"enabled": false}', '... and where it is off';
$t->sql('update errtrack_private.tracking_settings set active = true, integrated = false');
is enabled(42, 'good_key_of_shop'), '{"enabled": false}', 'where it is not integrated a key is no good here';

$t->done;
