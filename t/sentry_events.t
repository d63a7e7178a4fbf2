# Sentry's web API, events: one event as GitLab reads it, in every form that SDKs send,
# never larger than GitLab takes; the events of an issue, and what an id leads to.

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

        location /api/0/ {
            errtrack_query;
        }
    }
}
CONF

my $json = JSON::PP->new->canonical->allow_nonref;

# Each of these bodies is the one event of an issue of its own, from 100 on.
my @frames = (
    { filename => 'app.py', abs_path => '/srv/app.py', function => 'main', module => 'app', lineno => 8, in_app => JSON::PP::true(),
      pre_context => [ 'import x', 'def main():' ], context_line => '    charge()', post_context => [ '', 'main()' ], vars => { a => 1 } },
    { filename => 'pay.py', abs_path => '/srv/pay.py', function => 'charge', lineno => 30, colno => 5, in_app => JSON::PP::false() },
);
my $exception = { type => 'TimeoutError', value => 'no answer', stacktrace => { frames => \@frames } };
my @bodies = (
    values    => { exception => { values => [$exception] } },
    list      => { exception => [$exception] },
    one       => { exception => $exception },
    chained   => { exception => { values => [ { type => 'Cause', value => 'first' }, { type => 'Middle', value => '', stacktrace => undef },
                       { %$exception, mechanism => { type => 'chained', handled => JSON::PP::false() }, thread_id => 7 } ] } },
    message   => { message => "disk full\nsecond line" },
    object    => { message => { message => 'disk %s', params => ['full'], formatted => 'disk full' } },
    logentry  => { logentry => { message => 'user %s', params => [7] } },
    formatted => { logentry => { message => 'user %s', params => [7], formatted => 'user 7' } },
    threads   => { threads => { values => [ { id => 1, name => 'main', current => JSON::PP::true(), crashed => JSON::PP::true(),
                       stacktrace => { frames => \@frames } }, { id => '2' } ] } },
    threads2  => { threads => [ { id => 1, stacktrace => { frames => [] } } ], exception => { values => [$exception] } },
    stack     => { stacktrace => { frames => \@frames } },
    crumbs    => { breadcrumbs => { values => [ { category => 'http', message => 'GET', timestamp => 1 }, { message => 'b' } ] } },
    crumbs2   => { breadcrumbs => [ { message => 'a' } ] },
    request   => { request => { url => 'https://x.example/a', method => 'POST', fragment => 'top', query_string => 'a=1&b=x=y&c',
                       headers => { Host => 'x.example', Accept => '*/*' }, cookies => [ [ 'k', 'v' ] ], data => { deep => [ 1, 2 ] }, env => { A => 'b' } } },
    request2  => { request => { query_string => [ [ 'a', '1' ] ], headers => [ [ 'Host', 'x' ] ], cookies => 'k=v' } },
    rest      => { exception => { values => [$exception] }, user => { id => 7, email => 'kim@a.example' }, tags => { colour => 'red', level => 'no', empty => '' },
                   contexts => { os => { name => 'Linux' } }, extra => { more => [1] }, modules => { x => '1.0' }, sdk => { name => 'sentry.python', version => '1' },
                   dist => '7', server_name => 'host-a', debug_meta => { images => [] } },
    tags2     => { tags => [ [ 'a', 'b' ], [ 'c', undef ], [ undef, 'd' ], [], 'x', undef ] },
    csp       => { type => 'csp', csp => { blocked_uri => 'x' }, template => { filename => 't.html' } },
    # What no worker writes, or none any more.
    junk      => { exception => { values => [ undef, 'x', 7 ] }, threads => { values => undef }, breadcrumbs => 'x', request => 7, user => 'x',
                   contexts => [], extra => 'x', tags => 'x', stacktrace => { frames => 'x' }, sdk => [] },
    nulls     => { exception => undef, threads => undef, logentry => undef, message => undef, request => undef, tags => undef },
    mixed     => { exception => { values => [ undef, { type => 'Real', value => 'one', stacktrace => { frames => [ undef, 'x', { function => 'f' } ] } } ] } },
    frames    => { exception => { values => [ { type => 'E', value => 'v', stacktrace => { frames => [
                       { lineno => 3, pre_context => [ 'a', undef, 'c' ], context_line => 'd', post_context => undef },
                       { lineno => 3, pre_context => ['a'] }, { context_line => 'x' }, { lineno => undef, context_line => 'x' },
                       { lineno => '12', context_line => 'x' }, { lineno => 1e30, context_line => 'x', colno => 1e30 },
                       { lineno => -5, context_line => 'x' }, { lineno => 2.5, context_line => 'x' },
                       { lineno => 7, context_line => undef, post_context => ['x'] }, { lineno => 7, context_line => '', pre_context => 'x', post_context => {} },
                       { filename => 5, function => { a => 1 }, abs_path => [1] }, {} ] } } ] } },
);
my %number;
my $bodies = '';
for my $n (0 .. @bodies / 2 - 1) {
    $number{ $bodies[ 2 * $n ] } = 100 + $n;
    $bodies .= sprintf "insert into made values (%d, %d, now(), \$json\$%s\$json\$);\n", 100 + $n, 100 + $n, $json->encode($bodies[ 2 * $n + 1 ]);
}
# Larger than GitLab takes, by one part each.
my %large = (
    variables   => q({"exception": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": [{"function": "f", "lineno": 1, "vars": {"a": "%s"}}]}}]}}),
    breadcrumbs => q({"breadcrumbs": {"values": [{"message": "%s"}]}, "exception": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": [{"function": "f"}]}}]}}),
    contexts    => q({"contexts": {"a": {"b": "%s"}}, "exception": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": [{"function": "f"}]}}]}}),
    extra       => q({"extra": {"a": "%s"}, "exception": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": [{"function": "f"}]}}]}}),
    data        => q({"request": {"data": "%s"}, "exception": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": [{"function": "f"}]}}]}}),
    context     => q({"exception": {"values": [{"type": "E", "value": "v", "stacktrace": {"frames": [{"lineno": 1, "context_line": "%s"}]}}]}}),
    value       => q({"exception": {"values": [{"type": "E", "value": "%s"}]}}),
    type        => q({"exception": {"values": [{"type": "%s", "value": "v"}]}}),
    message     => q({"message": "%s"}),
    user        => q({"user": {"id": "%s"}}),
    tags        => q({"tags": {"a": "%s"}}),
    sdk         => q({"sdk": {"name": "%s"}}),
    dist        => q({"dist": "%s"}),
    headers     => q({"request": {"headers": {"A": "%s"}}}),
);
my $n = 200;
for my $part (sort keys %large) {
    $number{"large $part"} = $n;
    my ($before, $after) = split /%s/, $large{$part};
    $bodies .= "insert into made values ($n, $n, now(), ('$before' || repeat('x', 1500000) || '$after')::json);\n";
    $n++;
}
# As large as a body can be, where each byte is shown as several.
$bodies .= q(insert into made values (250, 250, now(), ('{"exception": {"values": [{"type": "E", "stacktrace": {"frames": [' || repeat('{},', 40000) || '{}]}}]}}')::json);
insert into made values (251, 251, now(), ('{"breadcrumbs": [' || repeat('{},', 150000) || '{}], "tags": [' || repeat('["a","b"],', 1000) || '[]]}')::json);
insert into made values (253, 253, now(), '{"extra": {"a": 1e999999}, "exception": {"values": [{"type": "E", "value": "v"}]}}');
insert into made values (252, 252, now(), ('{"message": "' || repeat('ü€\u0001', 60000) || '"}')::json);
);

# The issue 1 has 30 events, three at a time at the same moment, in two origins; every
# fourth without a body. 4 has events of which none has a body, 5 is a message of that
# kind, 6 has no event. 3001 belongs to somebody else.
my $fixtures = <<'SQL' . $bodies . <<'REST';
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other');
insert into errtrack_private.projects (id, organization_id, slug, name)
values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog'), (99, 20, 'theirs', 'Theirs');
insert into errtrack_private.users (email) values ('ann@a.example');
insert into errtrack_private.memberships (organization_id, user_id, role) select 10, id, 'reporter' from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('ann'), 'personal', id, '{event:read}' from errtrack_private.users;

begin;
create temporary table made (n integer, origin bigint, at timestamptz, body json) on commit drop;
insert into made
select n, case n % 2 when 0 then 1 else 2 end, date_trunc('second', now()) - n / 3 * interval '5 hours',
       case when n % 4 <> 0 then json_build_object('event_id', md5(n::text), 'exception', json_build_object('type', 'Own' || n, 'value', 'v')) end
from generate_series(1, 30) as n;
insert into made values (41, 4, now(), null), (51, 5, now(), null), (3001, 3001, now(), '{}');
SQL
insert into errtrack_private.issues
       (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
select case when id = 3001 then 99 else 42 end, id, case id when 5 then 'default' else 'error' end,
       case id when 5 then '' else 'Type' || id end, case id when 5 then E'disk full\non host a' else 'value ' || id end,
       case id when 5 then 'disk full' else 'Type' || id || ': value ' || id end, '', 'module.f', 'error', 'python', '',
       1, 0, now() - interval '10 days', now(), now()
from (select distinct origin from made union values (6)) as ids (id);
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
select project_id, id, case id when 2 then 1 else id end, first_seen, last_seen from errtrack_private.issues;
insert into errtrack_private.occurrences
       (project_id, received_at, event_id, origin_id, occurred_at, level, platform, release, environment, transaction, has_payload, hash)
select case when origin = 3001 then 99 else 42 end, at, md5(n::text)::uuid, origin, at - interval '3 seconds', 'error', 'python',
       case when n < 100 then 'shop@' || n end, case when n % 3 <> 0 then 'production' end, case when n < 50 then 'checkout' end,
       body is not null, md5('hash')::uuid
from made;
insert into errtrack_private.event_ids (project_id, event_id, day, received_at)
select project_id, event_id, date_trunc('day', received_at, 'UTC'), received_at from errtrack_private.occurrences;
insert into errtrack_private.payloads (project_id, received_at, event_id, body)
select case when origin = 3001 then 99 else 42 end, at, md5(n::text)::uuid, body from made where body is not null;
commit;
REST

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql($fixtures);
$t->start_nginx(config => $conf);
$t->{token} = 'ann';

my %id = map { $_->[0] => $_->[1] } $t->sql('select n, md5(n::text) from generate_series(1, 3001) as n');
sub latest { return $t->sentry('GET', '/issues/' . ($number{ $_[0] } // $_[0]) . '/events/latest/') }
sub entries { return [ map { $_->{type} } @{ $_[0]{entries} } ] }
sub entry { my ($event, $type) = @_; return (grep { $_->{type} eq $type } @{ $event->{entries} })[0]{data} }

# ---- what GitLab reads ---------------------------------------------------------------

my $answer = latest('values');
my $event = $answer->json;
is $answer->status, 200, 'the latest event of an issue';
is $answer->header('Content-Type'), 'application/json', '... is JSON by its type';
like $answer->content, qr/"groupID": ?"100"/, 'groupID is a string of digits';
like $answer->content, qr/"projectID": ?"42"/, 'projectID too';
like $event->{dateReceived}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'dateReceived is a time';
like $event->{dateCreated}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'dateCreated too';
is_deeply [ @$event{qw(id eventID)} ], [ $id{100}, $id{100} ], 'its id, twice';
is_deeply entries($event), ['exception'], 'what it consists of is a list';
my $shown = entry($event, 'exception');
is_deeply [ @{ $shown->{values}[0] }{qw(type value)} ], [ 'TimeoutError', 'no answer' ], 'the exception';
my ($first, $second) = @{ $shown->{values}[0]{stacktrace}{frames} };
is_deeply [ @$first{qw(filename absPath function module lineNo colNo inApp vars)} ],
    [ 'app.py', '/srv/app.py', 'main', 'app', 8, undef, JSON::PP::true(), { a => 1 } ], 'a frame, oldest call first';
is_deeply $first->{context}, [ [ 6, 'import x' ], [ 7, 'def main():' ], [ 8, '    charge()' ], [ 9, '' ], [ 10, 'main()' ] ],
    '... with numbered lines around it';
is_deeply [ @$second{qw(lineNo colNo inApp context vars)} ], [ 30, 5, JSON::PP::false(), [], undef ],
    '... or none, which is an empty array';
is_deeply [ @$event{qw(type platform title message culprit environment release)} ],
    [ 'error', 'python', 'TimeoutError: no answer', '', 'app in main', 'production', undef ], 'what it is called, by its own body';
is_deeply $event->{metadata}, { type => 'TimeoutError', value => 'no answer', title => 'TimeoutError: no answer' },
    '... and of what it is made';
is_deeply $event->{errors}, [], 'there are no errors';
is_deeply $event->{fingerprints}, [ $t->sql_value(q(select md5('hash'))) ], 'its hash';
is $event->{bodyKept}, JSON::PP::true(), 'its body was kept';

# ---- forms -----------------------------------------------------------------------------

is_deeply entry(latest($_)->json, 'exception'), $shown, "an exception as $_ is shown alike" for qw(list one);
my @chain = @{ entry(latest('chained')->json, 'exception')->{values} };
is_deeply [ map { $_->{type} } @chain ], [qw(Cause Middle TimeoutError)], 'a chain of exceptions is in its order';
is_deeply [ map { $_->{stacktrace} } @chain[ 0, 1 ] ], [ undef, undef ], '... without a stack null stands';
is_deeply [ @{ $chain[2] }{qw(mechanism threadId)} ], [ { type => 'chained', handled => JSON::PP::false() }, 7 ],
    '... with how it came';
is latest('chained')->json->{title}, 'TimeoutError: no answer', '... called after the last';

my %said = (message => "disk full\nsecond line", object => 'disk full', logentry => 'user %s', formatted => 'user 7');
for my $form (sort keys %said) {
    my $event = latest($form)->json;
    is_deeply entries($event), ['message'], "a message as $form is no exception";
    is entry($event, 'message')->{formatted}, $said{$form}, '... but what was said';
    is $event->{type}, 'default', '... and of the type default';
}
is latest('message')->json->{title}, 'disk full', 'a message is called after its first line';
is latest('formatted')->json->{message}, 'user 7', '... and is there as text';
is_deeply entry(latest('formatted')->json, 'message')->{params}, [7], '... with its parameters';

my $threads = entry(latest('threads')->json, 'threads')->{values};
is_deeply [ map { [ @$_{qw(id name current crashed)} ] } @$threads ],
    [ [ 1, 'main', JSON::PP::true(), JSON::PP::true() ], [ '2', undef, JSON::PP::false(), JSON::PP::false() ] ], 'threads';
is_deeply $threads->[0]{stacktrace}{frames}, [ $first, $second ], '... with their stacks';
is $threads->[1]{stacktrace}, undef, '... or none';
is_deeply entries(latest('threads2')->json), [qw(exception threads)],
    'threads as a list, beside an exception, which comes first';
is_deeply entry(latest('stack')->json, 'stacktrace')->{frames}, [ $first, $second ], 'a stack of its own';
is_deeply entry(latest('crumbs')->json, 'breadcrumbs')->{values}[0], { category => 'http', message => 'GET', timestamp => 1 },
    'breadcrumbs';
is_deeply entry(latest('crumbs2')->json, 'breadcrumbs')->{values}, [ { message => 'a' } ], '... as a list';
my $request = entry(latest('request')->json, 'request');
is_deeply [ @$request{qw(url method fragment data env)} ],
    [ 'https://x.example/a', 'POST', 'top', { deep => [ 1, 2 ] }, { A => 'b' } ], 'a request';
is_deeply [ @{ $request->{query} }[ 0, 1 ] ], [ [ 'a', '1' ], [ 'b', 'x=y' ] ], '... whose query is a list of pairs';
is_deeply $request->{query}[2], [ 'c', '' ], '... also where there is no value';
is_deeply $request->{headers}, [ [ 'Accept', '*/*' ], [ 'Host', 'x.example' ] ], '... as are its headers';
is_deeply $request->{cookies}, [ [ 'k', 'v' ] ], '... and cookies';
is_deeply [ @{ entry(latest('request2')->json, 'request') }{qw(query headers cookies)} ], [ [ [ 'a', '1' ] ], [ [ 'Host', 'x' ] ], [ [ 'k', 'v' ] ] ],
    '... in the other forms too';

my $rest = latest('rest')->json;
is_deeply $rest->{user}, { id => 7, email => 'kim@a.example' }, 'whom it happened to';
is_deeply [ @$rest{qw(contexts context packages sdk dist)} ],
    [ { os => { name => 'Linux' } }, { more => [1] }, { x => '1.0' }, { name => 'sentry.python', version => '1' }, '7' ],
        'contexts and the rest';
is_deeply { map { $_->{key} => $_->{value} } @{ $rest->{tags} } },
    { colour => 'red', environment => 'production', level => 'error', server_name => 'host-a', user => 'id:7' },
        'tags, those that every event has first';
is_deeply [ grep { $_ eq 'debugmeta' } @{ entries($rest) } ], ['debugmeta'], 'images that debug information is for';
is_deeply { map { $_->{key} => $_->{value} } @{ latest('tags2')->json->{tags} } },
    { a => 'b', environment => 'production', level => 'error' }, 'tags as pairs; what is none is left out';
is_deeply entries(latest('csp')->json), [qw(template csp)], 'reports of browsers';
is latest('csp')->json->{type}, 'csp', '... by their type';

my $junk = latest('junk');
is $junk->status, 200, 'what no SDK sends is shown';
is_deeply entries($junk->json), [], '... as nothing';
is_deeply [ @{ $junk->json }{qw(user sdk contexts context)} ], [ undef, undef, {}, {} ], '... of its kind';
is_deeply entries(latest('nulls')->json), [], 'null is absent';
is latest('nulls')->json->{type}, 'default', '... and makes no error';
my ($real, @others) = @{ entry(latest('mixed')->json, 'exception')->{values} };
is_deeply [ $real->{type}, scalar @others ], [ 'Real', 0 ], 'what is no exception is left out';
is_deeply [ map { $_->{function} } @{ $real->{stacktrace}{frames} } ], ['f'], '... as what is no frame';
my $frames = latest('frames');
is $frames->status, 200, 'frames in all conditions';
my @contexts = map { $_->{context} } @{ entry($frames->json, 'exception')->{values}[0]{stacktrace}{frames} };
is_deeply [ map { $_->[0] } @{ $contexts[0] } ], [ 0, 2, 3 ],
    'a line that is null is left out, the others keep their numbers';
is scalar(@contexts), 12, 'each is there';
is_deeply [ grep { ref ne 'ARRAY' } @contexts ], [], '... with context as an array, never null';
is_deeply [ grep { !defined $_->[1] || $_->[0] !~ /^-?\d+$/ } map { @$_ } @contexts ], [], '... of numbers and texts';
my @shown = @{ entry($frames->json, 'exception')->{values}[0]{stacktrace}{frames} };
is_deeply [ grep { defined && !/^\d+$/ } map { @$_{qw(lineNo colNo)} } @shown ], [], 'a line is a number that fits, or null';
is_deeply [ grep { ref } map { @$_{qw(filename function absPath)} } @shown ], [], 'a name is a string, or null';

# ---- without a body -----------------------------------------------------------------------

my $small = latest(4)->json;
is $small->{bodyKept}, JSON::PP::false(), 'where no body was kept, it says so';
is_deeply [ @{ entry($small, 'exception')->{values}[0] }{qw(type value stacktrace)} ], [ 'Type4', 'value 4', undef ],
    '... and what is known stands there';
is_deeply [ @$small{qw(groupID title culprit environment)}, $small->{release}{version} ],
    [ '4', 'Type4: value 4', 'checkout', 'production', 'shop@41' ], '... also what it is called';
is entry(latest(5)->json, 'message')->{formatted}, "disk full\non host a", '... of a message what was said';
is latest(6)->status, 404, 'an issue without events has no latest one';
is $t->sentry('GET', '/issues/6/events/')->content, '[]', '... and an empty list';

# ---- not more than GitLab takes --------------------------------------------------------

for my $part (sort grep { /^large/ } keys %number) {
    my $answer = latest($part);
    is $answer->status, 200, "an event of $part is shown";
    cmp_ok length $answer->content, '<=', 1_048_576, '... within 1 MiB';
    my $event = $answer->json;
    is_deeply [ @$event{qw(groupID projectID)}, ref $event->{entries} ], [ $number{$part}, '42', 'ARRAY' ],
        '... with what GitLab needs';
    is scalar(grep { $_ eq 'exception' } @{ entries($event) }), 1, '... and its stack'
        if $part =~ /variables|breadcrumbs|contexts|extra|data/;
}
for my $issue (250 .. 252) {
    my $answer = latest($issue);
    is $answer->status, 200, "an event whose body is as large as can be is shown: $issue";
    cmp_ok length $answer->content, '<=', 1_048_576, '... within 1 MiB';
    is $answer->json->{groupID}, $issue, '... with what GitLab needs';
}
is_deeply [ map { $_->status, $_->json->{groupID} } latest(253) ], [ 200, '253' ], 'one with a number that nothing holds, which no worker files any more';
is latest(250)->json->{errors}[0]{type}, 'too_large', '... or that it is missing';
is length $t->sentry('GET', "/projects/acme/shop/events/$id{ $number{'large message'} }/json/")->content, 1_500_000 + length '{"message": ""}',
    'its JSON can be had all the same';

# ---- by name and by id ----------------------------------------------------------------

my @by_time = map { $_->[0] } $t->sql('select replace(event_id::text, \'-\', \'\') from errtrack_private.occurrences
    where origin_id in (1, 2) order by received_at, event_id');
is $t->sentry('GET', '/issues/1/events/latest/')->json->{id}, $by_time[-1], 'the latest event, of either origin';
is $t->sentry('GET', '/issues/1/events/oldest')->json->{id}, $by_time[0], 'the oldest';
is $t->sentry('GET', '/issues/1/events/recommended/')->json->{id}, $by_time[-1], 'the recommended one is the latest';
is $t->sentry('GET', '/organizations/acme/issues/1/events/latest/')->json->{id}, $by_time[-1], 'below the organization';
is $t->sentry('GET', '/issues/SHOP-1/events/latest/')->json->{groupID}, '1', 'of an issue by its short id';
is_deeply $t->sentry('GET', '/issues/2/events/latest/')->json, $t->sentry('GET', '/issues/1/events/latest/')->json, 'a merged issue has those of the one that shows it';
my (@forward, @backward);
for (my $at = $by_time[0]; $at && @forward < 40; $at = $t->sentry('GET', "/issues/1/events/$at/")->json->{nextEventID}) { push @forward, $at }
for (my $at = $by_time[-1]; $at && @backward < 40; $at = $t->sentry('GET', "/issues/1/events/$at/")->json->{previousEventID}) { push @backward, $at }
is_deeply \@forward, \@by_time, 'from each event to the next, over both origins';
is_deeply \@backward, [ reverse @by_time ], '... and back';
is $t->sentry('GET', "/projects/acme/shop/events/$by_time[3]/")->json->{previousEventID}, $by_time[2],
    'an event of the project has neighbours too';
my $dashed = $t->sql_value('select md5($1)::uuid', 7);
is $t->sentry('GET', "/issues/1/events/$_/")->json->{id}, $id{7}, "an id as $_" for $dashed, uc $id{7};
is $t->sentry('GET', "/projects/acme/shop/events/$id{7}")->json->{groupID}, '1', 'an event by its id alone';
is_deeply $t->sentry('GET', "/organizations/acme/eventids/$id{7}/")->json,
    { organizationSlug => 'acme', projectSlug => 'shop', groupId => '1', eventId => $id{7} }, 'where an event is';
my $short = $t->sentry('GET', '/organizations/acme/shortids/SHOP-1/')->json;
is_deeply [ @$short{qw(groupId shortId projectSlug)}, $short->{group}{id} ], [ '1', 'SHOP-1', 'shop', '1' ],
    'where an issue is that people call so';
is $t->sentry('GET', "/issues/4/events/$id{7}/")->status, 404, 'not of another issue';
is $t->sentry('GET', "/projects/acme/blog/events/$id{7}/")->status, 404, 'nor of another project';
for my $path ("/projects/acme/shop/events/$id{3001}/", "/projects/acme/shop/events/$id{3001}/json/", "/organizations/acme/eventids/$id{3001}/",
    "/projects/other/theirs/events/$id{3001}/json/", "/projects/acme/shop/events/$id{2999}/", "/projects/acme/shop/events/$id{2999}/json/",
    "/issues/1/events/$id{2999}/", '/organizations/acme/shortids/THEIRS-2XS/', '/organizations/acme/shortids/SHOP-ZZZ/')
{
    is $t->sentry('GET', $path)->status, 404, "$path is unknown";
}
for my $name ('x', 'newest', $id{7} . '0', 'g' x 32, '-' x 36) {
    is $t->sentry('GET', "$_/$name/")->status, 400, "$_/$name is no id" for '/issues/1/events', '/projects/acme/shop/events';
}
my $raw = $t->sentry('GET', "/projects/acme/shop/events/$id{7}/json/");
is_deeply $raw->json, { event_id => $id{7}, exception => { type => 'Own7', value => 'v' } },
    'the JSON of an event, as it is kept';
is $raw->header('Content-Type'), 'application/json', '... is JSON by its type';
is $raw->header('X-Content-Type-Options'), 'nosniff', '... whatever a browser thinks';
is $t->sentry('GET', "/projects/acme/shop/events/$id{4}/json/")->json->{errtrack}{payload_kept}, JSON::PP::false(),
    'or what stands for it';

# ---- lists ----------------------------------------------------------------------------

sub cursors {
    my ($answer) = @_;
    my %cursors = $answer->header('Link') =~ /rel="(previous|next)"; results="true"; cursor="([^"]+)"/g;
    return \%cursors;
}
sub event_ids { return map { $_->{eventID} } @{ $_[0]->json } }

for my $limit (1, 4, 30) {
    my (@pages, @back);
    my $answer = $t->sentry('GET', "/issues/1/events/?limit=$limit");
    push @pages, [ event_ids($answer) ];
    while (my $cursor = cursors($answer)->{next}) {
        $answer = $t->sentry('GET', "/issues/1/events/?limit=$limit&cursor=$cursor");
        push @pages, [ event_ids($answer) ];
        last if @pages > 40;
    }
    is_deeply [ map { @$_ } @pages ], [ reverse @by_time ], "events by $limit: each once, the newest first";
    while (my $cursor = cursors($answer)->{previous}) {
        $answer = $t->sentry('GET', "/issues/1/events/?limit=$limit&cursor=$cursor");
        unshift @back, [ event_ids($answer) ];
        last if @back > 40;
    }
    is_deeply \@back, [ @pages[ 0 .. $#pages - 1 ] ], '... and back';
}
my $list = $t->sentry('GET', '/issues/1/events');
is scalar @{ $list->json }, 30, 'a page has 50 unless told otherwise';
is scalar(() = $list->header('Link') =~ /results="false"/g), 2, '... and says that there is no other';
my ($item) = grep { $_->{id} eq $id{7} } @{ $list->json };
is_deeply [ @$item{qw(groupID projectID title culprit platform)} ], [ '1', '42', 'Own7: v', 'checkout', 'python' ],
    'an event in a list';
ok !exists $item->{entries}, '... without what it consists of';
is_deeply [ map { $t->sentry('GET', "/issues/$number{$_}/events/")->json->[0]{'event.type'} } qw(values message csp) ], [qw(error default csp)],
    '... by its type';
my ($full) = grep { $_->{id} eq $id{7} } @{ $t->sentry('GET', '/issues/1/events/?full=1&limit=100')->json };
is_deeply entries($full // {}), ['exception'], '... but with full=1';
cmp_ok length $t->sentry('GET', "/issues/$number{'large message'}/events/?full=1")->content, '<=', 1_048_576 + 2,
    '... within the same bound';
my $whole = $t->sentry('GET', '/issues/1/events/?full=1&limit=100');
is scalar @{ $whole->json }, 20, '... of which a page has 20';
is scalar @{ $t->sentry('GET', '/issues/1/events/?full=1&limit=100&cursor=' . cursors($whole)->{next})->json }, 10,
    '... and the next one the rest';
# Among those of the project are the largest that there can be.
my @ids = event_ids($t->sentry('GET', '/projects/acme/shop/events/?limit=100'));
my (@whole, @sizes);
my $next = '0:0:0';
while ($next && @sizes < 40) {
    my $answer = $t->sentry('GET', "/projects/acme/shop/events/?full=1&limit=100&cursor=$next");
    is $answer->status, 200, 'a page of whole events of the project' or last;
    push @whole, event_ids($answer);
    push @sizes, [ scalar @{ $answer->json }, length $answer->content ];
    $next = cursors($answer)->{next};
}
is_deeply [ @whole[ 0 .. $#ids ] ], \@ids, 'whole events of the project, page by page: each once, the newest first';
ok !(grep { $_->[0] > 20 || $_->[1] > 2 * 2**20 + 2**20 } @sizes), '... 20 on a page at most, and no more than 2 MiB and the one that made it so much';
ok +(grep { $_->[0] == 20 } @sizes), '... as many as that where they are small';
for my $arguments ('limit=0', 'limit=101', 'limit=x', 'cursor=rubbish', 'cursor=%00') {
    is $t->sentry('GET', "/issues/1/events/?$arguments")->status, 400, "$arguments is refused";
}
is_deeply [ event_ids($t->sentry('GET', '/issues/1/events/?limit=2&cursor=0:0:1')) ], [ reverse @by_time[ -2, -1 ] ],
    'the cursor of no page is the first one';

# ---- of an environment ---------------------------------------------------------------

# Staging is the newest, the oldest and two in the middle of 12,000 events; no page looks at
# all of them.
$t->sql(q(insert into errtrack_private.issues
        (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger, first_seen, last_seen, last_received_at)
    select 43, 70, 'error', 'Type', '', 'Type', '', '', 'error', 'python', '', now() - interval '2 days', now(), now();
    insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen) select 43, 70, 70, now(), now();
    insert into errtrack_private.occurrences (project_id, received_at, event_id, origin_id, occurred_at, level, platform, environment, has_payload)
    select 43, now() - n * interval '10 seconds', md5('many' || n)::uuid, 70, now(), 'error', 'python',
           case when n in (3, 6000, 6001, 12000) then 'staging' else 'production' end, false
    from generate_series(1, 12000) as n));
$t->sql(q(insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
    select project_id, origin_id, 'environment', environment, count(*), min(received_at), max(received_at)
    from errtrack_private.occurrences where environment is not null and origin_id in (1, 2, 70) group by 1, 2, 4));
my %staging = map { $_ => $t->sql_value(q(select md5('many' || $1)), $_) } 3, 6000, 6001, 12000;

# All pages from one on: the ids, and how many pages there were.
sub walk {
    my ($path, $direction, $cursor) = @_;
    my (@found, $pages);
    do {
        my $answer = $t->sentry('GET', $path . ($cursor ? "&cursor=$cursor" : ''));
        push @found, $direction eq 'next' ? event_ids($answer) : reverse event_ids($answer);
        $cursor = cursors($answer)->{$direction};
    } while ($cursor && ++$pages < 20);
    return (\@found, $pages);
}
my %production = map { $_->[0] => 1 } $t->sql(q(select replace(event_id::text, '-', '') from errtrack_private.occurrences where environment = 'production'));
my @wanted = grep { $production{$_} } reverse @by_time;
for my $limit (1, 3, 50) {
    is_deeply [ (walk("/issues/1/events/?environment=production&limit=$limit", 'next'))[0] ], [ \@wanted ], "events of an environment by $limit";
    my ($found, $pages) = walk("/issues/70/events/?environment=staging&limit=$limit", 'next');
    is_deeply $found, [ @staging{ 3, 6000, 6001, 12000 } ], '... however far they are from each other';
    ($found) = walk("/projects/acme/blog/events/?environment=staging&limit=$limit", 'next');
    is_deeply $found, [ @staging{ 3, 6000, 6001, 12000 } ], '... of a project too';
}
my $last = cursors($t->sentry('GET', '/issues/70/events/?environment=staging&limit=50'))->{next};
is_deeply [ (walk('/issues/70/events/?environment=staging&limit=50', 'previous', $last))[0][-1] ], [ $staging{3} ], '... and back';
is scalar @{ (walk('/issues/70/events/?environment=staging&environment=production&limit=100', 'next'))[0] }, 2000, 'several environments';
is $t->sentry('GET', '/issues/70/events/?environment=nothing')->content, '[]', 'one that the issue has not seen';
is $t->sentry('GET', "/issues/70/events/$_/?environment=staging")->json->{id}, $_ eq 'oldest' ? $staging{12000} : $staging{3}, "the $_ one of an environment" for qw(latest oldest recommended);
is $t->sentry('GET', '/issues/70/events/latest/?environment=nothing')->status, 404, '... of which there is none';
for my $path ('/issues/1/events', '/organizations/acme/issues/1/events', '/projects/acme/shop/events') {
    my $answer = $t->sentry('GET', "$path/?query=plan:gold");
    is_deeply [ $answer->status, $answer->json->{detail} ], [ 400, 'query is not supported here: events are found by environment, issues by query' ],
        "$path is not searched, and says so";
    is $t->sentry('GET', "$path/?query=&colour=red")->status, 200, '... while what is empty or unknown does not matter';
}

is $t->sentry('GET', "/issues/$_/events/")->status, 404, "an issue that is unknown has no list: $_" for 5000, 3001;
is $t->sentry('GET', '/issues/2/events/')->content, $t->sentry('GET', '/issues/1/events/')->content, 'that of a merged one is that of the one that shows it';

$t->done;
