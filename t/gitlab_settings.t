# GitLab's settings of error tracking: whether it is on in a project, read and changed as
# GitLab's REST interface has it; and that reports are refused where it is off.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my ($true, $false) = (JSON::PP::true(), JSON::PP::false());

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $shop = $t->project;
my $blog = $t->create_project('blog', 'acme');
$t->create_organization('other');
my $theirs = $t->create_project('theirs', 'other');
$t->sql(q(
insert into errtrack_private.users (email) select name || '@a.example' from unnest('{reporter, developer, maintainer, owner, stranger}'::text[]) as name;
insert into errtrack_private.memberships (organization_id, user_id, role)
select o.id, u.id, case when u.email like 'stranger%' then 'owner' else split_part(u.email, '@', 1) end
from errtrack_private.users u
join errtrack_private.organizations o on o.slug = case when u.email like 'stranger%' then 'other' else 'acme' end
where u.email like '%@a.example';
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256(convert_to(split_part(email, '@', 1), 'UTF8')), 'personal', id, '{event:read, project:read, project:write}'
from errtrack_private.users where email like '%@a.example';
insert into errtrack_private.tokens (hash, kind, scopes) values (sha256('gitlab'), 'gitlab', '{event:read, event:write, project:read, org:read}');
));

sub path { my ($project) = @_; return '/api/v4/projects/' . ($project // $shop->{id}) . '/error_tracking/settings' }

# A request of a maintainer, unless another token is named. Options: project, query, and those of http.
sub ask {
    my ($method, %arg) = @_;
    my ($project, $query, $token) = (delete $arg{project}, delete $arg{query}, delete $arg{token} // 'maintainer');
    $arg{headers} = { (length $token ? ('PRIVATE-TOKEN' => $token) : ()), %{ $arg{headers} || {} } };
    return $t->http($method, path($project) . ($query ? "?$query" : ''), %arg);
}

sub form { return (content => $_[0], headers => { 'Content-Type' => 'application/x-www-form-urlencoded' }) }

# Status and body of an answer are these.
sub answers {
    my ($answer, $status, $body, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [ $answer->status, eval { $answer->json } // $answer->content ], [ $status, $body ], $label;
    return;
}

sub settings {
    my ($active, $integrated) = @_;
    return { active => $active ? $true : $false, project_name => undef, sentry_external_url => undef, api_url => undef, integrated => $integrated ? $true : $false };
}

sub forget { $t->sql('delete from errtrack_private.tracking_settings'); return }
sub keys_of { return [ map { "@$_" } $t->sql('select public_key, active from errtrack_private.client_keys where project_id = $1 order by id', $_[0]{id}) ] }

my %none = (message => '404 Error Tracking Setting Not Found');

# ---- without settings ------------------------------------------------------------------

my $keys = keys_of($shop);
answers(ask('GET'), 404, \%none, 'GET: a project without settings has none');
answers(ask('PATCH', json => { active => $true }), 404, \%none, 'PATCH makes none');
answers(ask('PATCH', json => {}), 400, { error => 'active is missing' }, '... and looks at what it is told first');
is $t->store({ message => 'm' })->status, 200, 'reports are taken all the same';

# ---- what is told ----------------------------------------------------------------------

# How both are told: as JSON, as a form, in the URL.
my %way = (
    'JSON' => sub { my (%value) = @_; return (json => \%value) },
    'JSON texts' => sub { my (%value) = @_; return (json => { map { ($_ => "$value{$_}" ? 'true' : 'false') } keys %value }) },
    'a form' => sub { my (%value) = @_; return form(join '&', map { "$_=" . ($value{$_} ? 'true' : 'false') } sort keys %value) },
    'a form of numbers' => sub { my (%value) = @_; return form(join '&', map { "$_=" . ($value{$_} ? 1 : 0) } sort keys %value) },
    'the URL' => sub { my (%value) = @_; return (query => join '&', map { "$_=" . ($value{$_} ? 'true' : 'false') } sort keys %value) },
    'capital letters' => sub { my (%value) = @_; return (query => join '&', map { "$_=" . ($value{$_} ? 'TRUE' : 'False') } sort keys %value) },
);
for my $way (sort keys %way) {
    forget();
    my $tell = $way{$way};
    answers(ask('PUT', $tell->(active => $true, integrated => $false)), 200, settings(1, 0), "PUT makes settings, told by $way");
    answers(ask('GET'), 200, settings(1, 0), '... which are there');
    answers(ask('PUT', $tell->(active => $false, integrated => $true)), 200, settings(0, 1), '... and changes them');
    answers(ask('PATCH', $tell->(active => $true)), 200, settings(1, 1), "PATCH changes the one, told by $way");
    answers(ask('PATCH', $tell->(active => $true, integrated => $false)), 200, settings(1, 0), '... or both');
    answers(ask('PATCH', $tell->(active => $false)), 200, settings(0, 0), '... and keeps what it is not told');
    answers(ask('GET'), 200, settings(0, 0), '... from then on');
}
answers(ask('PUT', query => 'active=true', json => { integrated => $true }), 200, settings(1, 1), 'each may come in its own way');
answers(ask('PATCH', query => 'active=true', json => { active => $false }), 200, settings(0, 1), 'a body goes before the URL');
answers(ask('PATCH', query => 'active=false&active=true'), 200, settings(1, 1), 'the last one counts');
answers(ask('PATCH', json => { active => $true, integrated => undef, colour => 'red' }), 200, settings(1, 1), 'null is not told, and nobody minds what means nothing');

for my $method (qw(PUT PATCH)) {
    my $rest = $method eq 'PUT' ? { integrated => $true } : {};
    for my $case ([ 'active is missing', {} ], [ 'active is missing', { active => undef } ], [ 'active is empty', { active => '' } ],
        (map { [ 'active is invalid', { active => $_ } ] } 'yes', 'nonsense', 2, -1, '01', {}, [], [$true])) {
        my ($error, $told) = @$case;
        answers(ask($method, json => { %$rest, %$told }), 400, { error => $error }, "$method: $error");
    }
    answers(ask($method, %$_), 400, { error => 'active is empty' }, "$method: empty in a form or the URL")
        for { form('active=&integrated=true') }, { query => 'active=&integrated=true' };
    answers(ask($method, %$_), 400, { error => 'active is invalid' }, "$method: nonsense in a form or the URL")
        for { form('active=yes&integrated=true') }, { query => 'active=yes&integrated=true' };
    answers(ask($method, json => { active => $true, integrated => 'maybe' }), 400, { error => 'integrated is invalid' }, "$method: integrated is invalid");
    is ask($method, content => $_, headers => { 'Content-Type' => 'application/json' })->status, 400, "$method: no body: '$_'" for '{', '[]', '7', '';
}
answers(ask('PUT', json => { active => $true }), 400, { error => 'integrated is missing' }, 'PUT: integrated is missing');
answers(ask('PUT', json => { active => $true, integrated => undef }), 400, { error => 'integrated is missing' }, '... or null');
answers(ask('PUT', json => { active => $true, integrated => '' }), 400, { error => 'integrated is empty' }, '... or empty');
answers(ask('PUT', json => {}), 400, { error => 'active is missing, integrated is missing' }, 'PUT: all that is wrong is told together');
answers(ask('PATCH', json => { active => '', integrated => 'x' }), 400, { error => 'active is empty, integrated is invalid' }, 'PATCH too');
answers(ask('GET'), 200, settings(1, 1), 'nothing was changed');

# ---- who may ---------------------------------------------------------------------------

my %refusal = (401 => '401 Unauthorized', 403 => '403 Forbidden', 404 => '404 Project Not Found');
my %may = ('' => 401, unknown => 401, gitlab => 401, reporter => 403, developer => 403, maintainer => 200, owner => 200, stranger => 404);
for my $token (sort keys %may) {
    for my $request ([ 'GET' ], [ PATCH => json => { active => $true } ], [ PUT => json => { active => $true, integrated => $true } ]) {
        my ($method, @body) = @$request;
        answers(ask($method, @body, token => $token), $may{$token}, $may{$token} == 200 ? settings(1, 1) : { message => $refusal{ $may{$token} } }, "$method as '$token'");
    }
}
answers(ask('GET', token => '', headers => { Authorization => 'Bearer maintainer' }), 200, settings(1, 1), 'with Authorization too');
answers(ask('GET', project => 'acme%2Fshop'), 200, settings(1, 1), 'a project by its path');
for my $project (777777, 'nothing', 'acme%2Fnothing', 'other%2Ftheirs', $theirs->{id}) {
    answers(ask($_, project => $project, json => { active => 'x' }), 404, { message => '404 Project Not Found' }, "$_: no project $project") for qw(PATCH PUT);
    answers(ask('GET', project => $project), 404, { message => '404 Project Not Found' }, "GET: no project $project");
}
is $t->sql_value('select count(*) from errtrack_private.tracking_settings where project_id <> $1', $shop->{id}), 0, 'no other project has settings';

# ---- keys ------------------------------------------------------------------------------

is_deeply keys_of($shop), $keys, 'who has an active key gets no other one';
$t->sql('update errtrack_private.client_keys set active = false where project_id = $1', $blog->{id});
answers(ask('PUT', project => $blog->{id}, json => { active => $true, integrated => $false }), 200, settings(1, 0), 'settings that are not integrated');
is scalar @{ keys_of($blog) }, 1, '... make no key';
answers(ask('PATCH', project => $blog->{id}, json => { active => $true, integrated => $true }), 200, settings(1, 1), 'integrated without an active key');
is_deeply [ map { /^glet_[0-9a-f]{32} t$/ ? 'new' : /f$/ ? 'old' : $_ } @{ keys_of($blog) } ], [qw(old new)], '... makes one';
answers(ask('PATCH', project => $blog->{id}, json => { active => $true, integrated => $true }), 200, settings(1, 1), 'once more');
is scalar @{ keys_of($blog) }, 2, '... makes no other one';
is $t->sql_value(q(select count(*) from errtrack_private.audit where action = 'settings.update' and who = 'maintainer@a.example' and project_id = $1), $blog->{id}), 3,
    'it is noted who changed them';

# ---- what it does ----------------------------------------------------------------------

my $enabled = sub {
    my ($project) = @_;
    return $t->http('POST', '/api/v4/internal/error_tracking/allowed', headers => { 'Gitlab-Error-Tracking-Token' => 'gitlab' },
        json => { project_id => $project->{id}, public_key => $project->{public_key} })->json->{enabled} ? 1 : 0;
};
is $enabled->($shop), 1, 'a key is good where error tracking is on';
answers(ask('PATCH', json => { active => $false }), 200, settings(0, 1), 'error tracking is turned off');
is $enabled->($shop), 0, 'the key is not good any more';
eventually { $t->store({ message => 'off' })->status == 403 } 'within ten seconds reports are refused', timeout => 10;
is $t->envelope([ event => { message => 'off' } ])->status, 403, '... of every kind';
is $t->redis('HGET', 'errtrack:keys', $shop->{public_key}), undef, 'edges have no such key';
is_deeply keys_of($shop), $keys, 'which stays as it is';
is_deeply [ map { $_->{active} } @{ $t->get("/api/v4/projects/$shop->{id}/error_tracking/client_keys", headers => { 'PRIVATE-TOKEN' => 'maintainer' })->json } ], [$true],
    '... active where keys are listed';
$t->sql(q(update errtrack_private.client_keys set active = true where project_id = $1), $blog->{id});
eventually { $t->store({ message => 'm' }, project => $blog)->status == 200 } 'other projects go on', timeout => 10;
# What came before, and what an edge takes that does not know the keys.
$t->settle;
my $filed = $t->sql_value('select count(*) from errtrack.occurrences where project_id = $1', $shop->{id});
is $t->sql_value('select errtrack_private.verified_project($1, $2)', $shop->{id}, $shop->{public_key}), 0, 'a worker books nothing for it either';
is $t->sentry('GET', '/projects/acme/shop/issues/?query=')->status, 200, 'what is there can be read';
answers(ask('PATCH', json => { active => $true }), 200, settings(1, 1), 'error tracking is turned on');
eventually { $t->store({ message => 'on' })->status == 200 } 'within ten seconds reports are taken', timeout => 10;
is $enabled->($shop), 1, 'the key is good again';
eventually { $t->sql_value('select count(*) from errtrack.occurrences where project_id = $1', $shop->{id}) > $filed } 'and filed';

$t->done;
