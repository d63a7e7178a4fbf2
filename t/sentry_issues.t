# Sentry's web API, lists of issues and one issue: what GitLab reads, in every order,
# page by page in both directions.

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

# 25 issues with the ids 1001 to 1025; five at a time share every sort key. 1026 was
# merged into 1001. 2000 is a message with more events than 32 bits count, 2001 is
# ignored, 2002 resolved in a release. Three more belong to the project blog, one to
# somebody else.
my $fixtures = <<'SQL';
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other'),
       (30, 'empty', 'Empty');
insert into errtrack_private.projects (id, organization_id, slug, name, platform)
values (42, 10, 'shop', 'Shop', 'python'), (43, 10, 'blog', 'Blog', null), (44, 10, 'quiet', 'Quiet', null),
       (99, 20, 'theirs', 'Theirs', null);
insert into errtrack_private.users (email, name) values ('ann@a.example', 'Ann'), ('bob@a.example', '');
insert into errtrack_private.memberships (organization_id, user_id, role)
select o.id, u.id, 'owner' from errtrack_private.users u, unnest('{10, 30}'::bigint[]) as o (id);
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('ann'), 'personal', id, '{org:read, project:read, event:read, event:write, project:write}'
from errtrack_private.users where email like 'ann%';

insert into errtrack_private.issues
       (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
select 42, 1000 + n, 'unresolved', 'error', 'Type' || n, 'value ' || n, 'Type' || n || ': value ' || n, '',
       'module.f' || n, 'error', 'python', '', n / 5 * 10, n / 5,
       date_trunc('second', now()) - (10 + n / 5) * interval '1 day',
       date_trunc('second', now()) - n / 5 * interval '1 hour', now()
from generate_series(1, 26) as n;
insert into errtrack_private.issues
       (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at, first_release, last_release, resolved_in)
values (42, 2000, 'resolved', 'default', '', E'disk 100% full\non host_a', 'disk 100% full', '', '', 'warning', 'other',
        'disks', 5000000000, 3000000000, now() - interval '10 days', now(), now(), null, null, null),
       (42, 2001, 'ignored', 'error', 'Old', '', 'Old', '', '', 'fatal', 'other', '',
        1, 1, now() - interval '35 days', now() - interval '35 days', now() - interval '35 days', null, null, null),
       (42, 2002, 'resolved', 'error', 'Gone', 'x', 'Gone: x', '', 'a.b', 'info', 'other', '',
        7, 2, now() - interval '5 days', now() - interval '5 hours', now(), 'shop@1.0', 'shop@2.0', 'shop@2.0'),
       (43, 2101, 'unresolved', 'error', 'Blog1', '', 'Blog1', '', '', 'error', 'other', '', 1, 1,
        now() - interval '1 day', now() - interval '90 minutes', now(), null, null, null),
       (43, 2102, 'unresolved', 'error', 'Blog2', '', 'Blog2', '', '', 'error', 'other', '', 1, 1,
        now() - interval '1 day', now() - interval '150 minutes', now(), null, null, null),
       (43, 2103, 'ignored', 'error', 'Blog3', '', 'Blog3', '', '', 'error', 'other', '', 1, 1,
        now() - interval '1 day', now() - interval '1 hour', now(), null, null, null),
       (99, 3001, 'unresolved', 'error', 'Theirs', '', 'Theirs', '', '', 'error', 'other', '', 1, 1,
        now(), now(), now(), null, null, null);
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
select project_id, id, case id when 1026 then 1001 else id end, first_seen, last_seen
from errtrack_private.issues;
update errtrack_private.issues
set assigned_to = (select id from errtrack_private.users where email like 'ann%') where id = 1004;
insert into errtrack_private.issue_comments (project_id, issue_id, text) values (42, 1004, 'a'), (42, 1004, 'b');

-- Five at a time rise alike; the first rise most.
insert into errtrack_private.counts_1h (project_id, origin_id, bucket, events)
select 42, 1000 + n, date_trunc('hour', now()), 100 - n / 5 from generate_series(1, 26) as n;
insert into errtrack_private.counts_1h (project_id, origin_id, bucket, events)
select 42, 2000, date_trunc('hour', now()), 3000000000;
insert into errtrack_private.counts_1h (project_id, origin_id, bucket, events)
select 42, 1002, date_trunc('hour', now()) - n * interval '1 hour', n from generate_series(1, 23) as n;
insert into errtrack_private.counts_5m (project_id, origin_id, bucket, events)
select 42, 1002, date_bin('5 minutes', now(), 'epoch') - n * interval '5 minutes', n + 1
from generate_series(0, 20) as n;
SQL

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql($fixtures);
$t->start_nginx(config => $conf);
$t->{token} = 'ann';

my $list = '/projects/acme/shop/issues/';

sub ids { return [ map { $_->{id} } @{ $_[0]->json } ] }

# { next => cursor or undef, previous => ... }, read as GitLab reads it, and as strict as
# the contract is.
sub cursors {
    my ($answer) = @_;
    my $header = $answer->headers->{link};
    die 'one Link line' if !defined $header || ref $header;
    my @parts = split /,/, $header;
    die "two parts: $header" if @parts != 2;
    my %cursors;
    for my $part (@parts) {
        my ($url, $rel, $results, $cursor)
            = $part =~ /^ ?<([^<>,;\s]+)>;\srel="(previous|next)";\sresults="(true|false)";\scursor="([^",\s]+)"$/
            or die "odd link: $part";
        my ($in_url) = $url =~ /[?&]cursor=([^&]*)/ or die "no cursor in $url";
        $in_url =~ s/%([0-9A-F]{2})/chr hex $1/ge;
        die "two cursors: $part" if $in_url ne $cursor;
        $cursors{$rel} = $results eq 'true' ? $cursor : undef;
    }
    die "both directions: $header" if keys %cursors != 2;
    return \%cursors;
}

# ---- the list that GitLab asks for ------------------------------------------------

my $first = $t->sentry('GET', "$list?limit=20&query=is:unresolved", headers => { 'Content-Type' => 'application/json' });
is $first->status, 200, 'the list is answered';
is $first->header('Content-Type'), 'application/json', 'it is JSON by its type';
is scalar @{ $first->json }, 20, 'as many as limit says';
is_deeply [ @{ ids($first) }[ 0 .. 4 ] ], [ 1004, 1003, 1002, 1001, 1009 ], 'last seen first, and of several the last made';
is cursors($first)->{previous}, undef, 'the first page says that none precedes';
ok cursors($first)->{next}, '... and that one follows';
my $base = $t->url('/api/0');
like $first->header('Link'), qr{^<\Q$base\E/projects/acme/shop/issues/\?limit=20&query=is%3Aunresolved&cursor=[\w%]+>; rel="previous"},
    'the link repeats the other arguments, encoded';
is scalar @{ $t->sentry('GET', $list)->json }, 25, 'a page has 25 unless told otherwise';
is cursors($t->sentry('GET', "$list?limit=25"))->{next}, undef, 'a page that is exactly full is the only one';
ok cursors($t->sentry('GET', "$list?limit=24"))->{next}, '... and one less is not';

is_deeply ids($t->sentry('GET', $list)), ids($t->sentry('GET', "$list?query=is:unresolved")),
    'no query means what is unresolved';
is scalar @{ ids($t->sentry('GET', "$list?query=&limit=100")) }, 28, 'an empty query means all';
is scalar(grep { $_ eq '1026' } @{ ids($t->sentry('GET', "$list?query=&limit=100")) }), 0, 'a merged issue is not listed';
is_deeply ids($t->sentry('GET', "$list?query=is:ignored")), [2001], 'ignored ones, however old';
is_deeply ids($t->sentry('GET', "$list?query=is:resolved")), [ 2000, 2002 ], 'resolved ones';
my $empty = $t->sentry('GET', '/projects/acme/quiet/issues/?query=is:unresolved&limit=20');
is $empty->status, 200, 'a project without issues is no error';
is $empty->content, '[]', '... and an empty array';
is_deeply cursors($empty), { next => undef, previous => undef }, '... with both links, which lead nowhere';

# ---- orders and pages -------------------------------------------------------------

my %orders = (date => 'last_seen desc', new => 'first_seen desc', freq => 'event_count desc', user => 'user_count desc',
    trends => '100 - (id - 1000) / 5 desc');
$t->sql('update errtrack_private.counts_1h set events = 0 where origin_id = 1002 and bucket < date_trunc(\'hour\', now())
    and bucket >= now() - interval \'24 hours\'');
for my $sort (sort keys %orders) {
    my @all = map { $_->[0] } $t->sql("select id from errtrack_private.issues
        where project_id = 42 and status = 'unresolved' and id <> 1026 order by $orders{$sort}, id desc");
    # 1001 has the events of 1026 too.
    @all = (1001, grep { $_ != 1001 } @all) if $sort eq 'trends';
    for my $limit (1, 4, 5, 25) {
        my (@pages, @back);
        my $answer = $t->sentry('GET', "$list?sort=$sort&limit=$limit");
        push @pages, ids($answer);
        while (my $cursor = cursors($answer)->{next}) {
            $answer = $t->sentry('GET', "$list?sort=$sort&limit=$limit&cursor=$cursor");
            push @pages, ids($answer);
            last if @pages > 30;
        }
        is_deeply [ map { @$_ } @pages ], \@all, "$sort by $limit: each once, in order";
        while (my $cursor = cursors($answer)->{previous}) {
            $answer = $t->sentry('GET', "$list?sort=$sort&limit=$limit&cursor=$cursor");
            unshift @back, ids($answer);
            last if @back > 30;
        }
        is_deeply \@back, [ @pages[ 0 .. $#pages - 1 ] ], '... the same pages on the way back';
    }
}
for my $sort (qw(priority inbox recommended)) {
    is $t->sentry('GET', "$list?sort=$sort")->status, 200, "sort=$sort, which other clients send, is known";
}

# Sentry's own cursors for no page mean the first one.
for my $cursor ('0:0:1', '0:0:0', '0:100:0') {
    is_deeply ids($t->sentry('GET', "$list?limit=5&cursor=$cursor")), ids($t->sentry('GET', "$list?limit=5")),
        "the cursor $cursor is the first page";
}
my %cursor = map { $_ => cursors($t->sentry('GET', "$list?limit=5&sort=$_"))->{next} } keys %orders;
for my $sort (sort keys %orders) {
    my @others = grep { $_ ne $sort } sort keys %orders;
    is_deeply { map { $_ => ids($t->sentry('GET', "$list?limit=5&sort=$_&cursor=$cursor{$sort}")) } @others },
        { map { $_ => ids($t->sentry('GET', "$list?limit=5&sort=$_")) } @others },
            "a cursor of $sort means the first page of another order";
}
{
    my $answer = $t->sentry('GET', "$list?limit=5&query=is:resolved&cursor=$cursor{date}");
    is $answer->status, 200, 'a cursor is good for another status';
    is_deeply ids($answer), [2002], '... as a place in the order';
    is_deeply ids($t->sentry('GET', "$list?limit=5&query=is:resolved&cursor=" . cursors($answer)->{previous})), [2000],
        '... from which the way back leads to what is before';
    # Behind all there is: nothing, but the way back.
    my $page = $t->sentry('GET', "$list?limit=20&query=is:unresolved");
    $page = $t->sentry('GET', "$list?limit=20&query=Type4+is:unresolved&cursor=" . cursors($page)->{next});
    is $page->content, '[]', 'a place behind the last one has an empty page';
    is cursors($page)->{next}, undef, '... after which nothing comes';
    ok cursors($page)->{previous}, '... but something precedes it';
    is_deeply ids($t->sentry('GET', "$list?limit=20&query=Type4+is:unresolved&cursor=" . (cursors($page)->{previous} // '0:0:0'))),
        [1004], '... which that cursor shows';
    my $back = cursors($t->sentry('GET', "$list?limit=5&cursor=$cursor{date}"))->{previous};
    my $front = $t->sentry('GET', "$list?limit=5&query=Type25+is:unresolved&cursor=$back");
    is $front->content, '[]', 'a place before the first one too';
    is_deeply ids($t->sentry('GET', "$list?limit=5&query=Type25+is:unresolved&cursor=" . (cursors($front)->{next} // '0:0:0'))),
        [1025], '... and what follows it is found';
}

# ---- what is refused ----------------------------------------------------------------

my %refused = (
    'limit=0' => 'limit', 'limit=101' => 'limit', 'limit=x' => 'limit', 'limit=-1' => 'limit',
    'limit=99999999999999999999' => 'limit', 'sort=oldest' => 'sort', 'statsPeriod=2d' => 'statsPeriod',
    'query=%00' => 'query', 'query=%ff' => 'query', 'cursor=rubbish' => 'cursor', 'cursor=%21' => 'cursor',
    'cursor=bi5sLjE3' => 'cursor', 'cursor=rubbish&sort=trends' => 'cursor', 'start=soon' => 'start', 'end=2026-13-99' => 'start',
);
for my $arguments (sort keys %refused) {
    my $answer = $t->sentry('GET', "$list?$arguments");
    is $answer->status, 400, "$arguments is refused";
    like $answer->json->{detail}, qr/^$refused{$arguments} /, '... by name';
}
is scalar @{ $t->sentry('GET', "$list?%ff=1&%00=2&limit=3")->json }, 3, 'an argument whose name is no text is nothing';

# ---- paths and methods ------------------------------------------------------------

for my $path ('/projects/acme/shop/issues', '/projects/acme/shop/issues/', '//projects/acme//shop/issues//',
    '/projects/10/42/issues/', '/projects/acme/42/issues/', '/projects/10/shop/issues/', '/projects/ac%6De/shop/issues/')
{
    my $answer = $t->sentry('GET', "$path?limit=5");
    is $answer->status, 200, "$path is answered directly";
    is_deeply ids($answer), ids($t->sentry('GET', "$list?limit=5")), '... with the list';
}
for my $path ($list, '/issues/1001/', '/issues/1001', '/organizations/acme/issues/', '/projects/', '/') {
    my $answer = $t->sentry('HEAD', $path);
    is $answer->status, 200, "HEAD $path is answered like GET";
    is $answer->content, '', '... without a body';
}
for my $path ('/projects/acme/shop/unknown/', '/issues/', '/issues/1001/unknown/', '/unknown/', '/issues/1001/events/1/2/') {
    my $answer = $t->sentry('GET', $path);
    is $answer->status, 404, "$path is unknown";
    like $answer->json->{detail}, qr{^no such path}, '... which is said in JSON';
}
my %methods = ($list => 'GET, HEAD, PUT, DELETE', '/issues/1001/' => 'GET, HEAD, PUT, DELETE', '/projects/' => 'GET, HEAD',
    '/issues/1001/plugins/gitlab/link/' => 'POST', '/organizations/acme/issues/' => 'GET, HEAD, PUT');
for my $path (sort keys %methods) {
    my $answer = $t->sentry('PATCH', $path, json => {});
    is $answer->status, 405, "PATCH $path is a wrong method";
    is $answer->header('Allow'), $methods{$path}, '... and is told the right ones';
    is $answer->json->{detail}, 'Method Not Allowed', '... in JSON';
}

# ---- organizations ------------------------------------------------------------------

my $all = '/organizations/acme/issues/';
is scalar @{ ids($t->sentry('GET', "$all?limit=100")) }, 27, 'an organization lists what is unresolved in all its projects';
is_deeply [ @{ ids($t->sentry('GET', "$all?limit=100")) }[ 9, 15 ] ], [ 2101, 2102 ], '... in one order';
is_deeply ids($t->sentry('GET', "$all?project=43")), [ 2101, 2102 ], 'of one project by its id';
is_deeply ids($t->sentry('GET', "$all?project=blog")), [ 2101, 2102 ], '... by its slug';
is scalar @{ ids($t->sentry('GET', "$all?limit=100&project=43&project=shop")) }, 27, 'of two projects';
is scalar @{ ids($t->sentry('GET', "$all?limit=100&project=-1")) }, 27, 'of all, which -1 means';
is scalar @{ ids($t->sentry('GET', "$all?limit=100&project=")) }, 27, 'an empty project is none';
is scalar @{ ids($t->sentry('GET', "$all?limit=100&query=")) }, 31, 'all of all projects';
is $t->sentry('GET', "$all?project=99")->status, 404, 'a project of others is unknown';
is $t->sentry('GET', "$all?project=nothing")->status, 404, 'as is one that does not exist';
is $t->sentry('GET', '/organizations/empty/issues/')->content, '[]', 'an organization without projects has no issues';
is_deeply ids($t->sentry('GET', '/organizations/10/issues/?project=blog')), [ 2101, 2102 ], 'an organization by its id';
{
    my (@ids, $answer, $cursor);
    do {
        $answer = $t->sentry('GET', "$all?limit=4&query=" . ($cursor ? "&cursor=$cursor" : ''));
        push @ids, @{ ids($answer) };
    } while ($cursor = cursors($answer)->{next}) && @ids < 50;
    is_deeply \@ids, ids($t->sentry('GET', "$all?limit=100&query=")), 'its pages make the same list';
    is_deeply [ sort @ids ], [ sort map { $_->[0] } $t->sql('select id from errtrack_private.issues
        where project_id in (42, 43) and id <> 1026') ], '... which has each issue once';
}

# ---- times -------------------------------------------------------------------------

for my $period (['24h', 24], ['14d', 14], ['30d', 30], ['1h', 12], ['7d', 7]) {
    my $stats = $t->sentry('GET', "$list?limit=1&statsPeriod=$period->[0]")->json->[0]{stats};
    is_deeply [ keys %$stats ], [ $period->[0] ], "statsPeriod $period->[0] is the key";
    is scalar @{ $stats->{ $period->[0] } }, $period->[1], "... with $period->[1] steps";
}
is_deeply [ keys %{ $t->sentry('GET', "$list?limit=1")->json->[0]{stats} } ], ['24h'], 'a day unless told otherwise';
is_deeply $t->sentry('GET', "$list?limit=1&statsPeriod=")->json->[0]{stats}, {}, 'none where it is empty';
my @pairs = @{ (grep { $_->{id} eq '1002' } @{ $t->sentry('GET', $list)->json })[0]{stats}{'24h'} };
is_deeply [ map { $pairs[$_][0] - $pairs[ $_ - 1 ][0] } 1 .. 23 ], [ (3600) x 23 ], 'hours, oldest first';
is $pairs[23][1], 100, '... with their counts';
is_deeply [ grep { ref || /\D/ } map { @$_ } @pairs ], [], '... which are numbers';
is_deeply ids($t->sentry('GET', "$list?query=&end=" . $t->sql_value(q(select to_char(now() at time zone 'UTC' - interval '30 days', 'YYYY-MM-DD"T"HH24:MI:SS'))))),
    [2001], 'what began after end is left out';
is_deeply ids($t->sentry('GET', "$list?query=is:resolved&start=" . $t->sql_value(q(select to_char(now() at time zone 'UTC' - interval '1 hour', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))))),
    [2000], 'what was last seen before start too';

# ---- one issue ------------------------------------------------------------------------

sub is_time { like($_[0], qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, $_[1]) }
my $scalar = JSON::PP->new->allow_nonref;

sub is_json_string { like($scalar->encode($_[0]), qr{^"\d+"$}, $_[1]) }
sub is_json_number { like($scalar->encode($_[0]), qr{^\d+$}, $_[1]) }

my $raw = $t->sentry('GET', '/issues/1004/');
is $raw->status, 200, 'an issue by its id';
is $raw->header('Content-Type'), 'application/json', '... is JSON by its type';
my $issue = $raw->json;
for my $case ([ 'in the list', $first->json->[0] ], [ 'on its page', $issue ]) {
    my ($where, $shown) = @$case;
    is $shown->{id}, '1004', "$where: the id";
    is_json_string $shown->{id}, '... is a string of digits';
    is_json_string $shown->{count}, '... the count is a string';
    is $shown->{count}, '0', '... of a number';
    is_json_number $shown->{userCount}, '... userCount is a number';
    is_time $shown->{firstSeen}, '... firstSeen is a time';
    is_time $shown->{lastSeen}, '... lastSeen too';
    is_deeply [ @$shown{qw(title type culprit status level logger platform shortId)} ],
        [ 'Type4: value 4', 'error', 'module.f4', 'unresolved', 'error', undef, 'python', 'SHOP-ZC' ],
            '... what it is called';
    is_deeply $shown->{statusDetails}, {}, '... has no details of its status';
    is_deeply $shown->{metadata}, { type => 'Type4', value => 'value 4' }, '... metadata is an object';
    is_deeply $shown->{annotations}, [], '... annotations are an empty array';
    is_deeply $shown->{project}, { id => '42', name => 'Shop', slug => 'shop', platform => 'python' }, '... its project';
    is_json_string $shown->{project}{id}, '... whose id is a string';
    is ref $shown->{stats}{'24h'}, 'ARRAY', '... the counts of a day are there';
    is $shown->{numComments}, 2, '... how often people wrote about it';
    is $shown->{assignedTo}{email}, 'ann@a.example', '... whose it is';
    is $shown->{assignedTo}{type}, 'user', '... who is a person';
    is $shown->{permalink}, $t->url('/acme/shop/issues/1004/'), '... and where its page is';
}
is_deeply [ sort keys %{ $issue->{stats} } ], [ '24h', '30d' ], 'a page has a month too';
is scalar @{ $issue->{stats}{'30d'} }, 30, '... of 30 days';
is_deeply [ @$issue{qw(pluginIssues tags seenBy participants firstRelease lastRelease)} ], [ [], [], [], [], undef, undef ],
    'what there is none of is empty, and a release null';
is ref $issue->{activity}, 'ARRAY', 'activity is an array';
is $t->sentry('GET', '/issues/1005/')->json->{assignedTo}, undef, 'nobody has what nobody was given';

my $gone = $t->sentry('GET', '/issues/2002/')->json;
is_deeply $gone->{firstRelease}, { version => 'shop@1.0', shortVersion => '1.0', lastCommit => undef },
    'the first release is an object';
is $gone->{lastRelease}{version}, 'shop@2.0', 'so is the last one';
is_deeply $gone->{statusDetails}, { inRelease => 'shop@2.0' }, 'in which release it was resolved';
my $message = $t->sentry('GET', '/issues/2000/')->json;
is $message->{count}, '2147483647', 'counts end where 32 bits do';
is $message->{userCount}, 2147483647, 'those of users too';
is $message->{stats}{'24h'}[23][1], 2147483647, 'those of hours too';
is_deeply [ @$message{qw(type title culprit level logger)} ], [ 'default', 'disk 100% full', '', 'warning', 'disks' ],
    'a message has no culprit, but an empty one';
is ref $message->{metadata}, 'HASH', '... and metadata';

for my $path ('/issues/1004', '/issues/SHOP-ZC/', '/issues/shop-zc/', '/organizations/acme/issues/1004/', '/organizations/10/issues/SHOP-ZC') {
    is $t->sentry('GET', $path)->json->{id}, '1004', "$path is the same issue";
}
is $t->sentry('GET', '/organizations/acme/shortids/SHOP-ZC/')->json->{groupId}, '1004', 'a short id leads to its issue';
for my $id ('5', '0', '-1', 'abc', '1004x', '9223372036854775807', '9223372036854775808', '99999999999999999999999',
    'BLOG-ZC', 'SHOP-', 'SHOP-ZZZZZZZZZZZ', 'SHOP-IL', '%ff', '%E2%82%AC', '3001', '1004%2Fevents')
{
    is $t->sentry('GET', "/issues/$id/")->status, 404, "there is no issue $id";
}
for my $path ("$list?limit=3", '/issues/1001/', '/projects/', '/organizations/acme/repos/', '/organizations/acme/issues/', '/') {
    my $answer = $t->sentry('GET', $path);
    is $answer->status, 200, "$path is never 204";
    isnt $answer->content, '', '... nor empty';
    is $answer->header('Content-Type'), 'application/json', '... and is JSON';
}
is_deeply $t->sentry('GET', '/organizations/acme/repos/')->json, [], 'without a tracker there are no repositories';
my @projects = @{ $t->sentry('GET', '/projects/')->json };
is_deeply [ map { $_->{slug} } @projects ], [qw(shop blog quiet)], 'all projects that the token reaches';
is_deeply [ @{ $projects[0] }{qw(id name status)}, @{ $projects[0]{organization} }{qw(id slug name)} ],
    [ '42', 'Shop', 'active', '10', 'acme', 'Acme' ], '... with the keys that GitLab needs';
is_json_string $projects[0]{id}, '... the id as a string';
for my $case ([ 3000, 3000 ], [ 12_000, 0 ]) {
    my ($number, $all) = @$case;
    $t->sql('insert into errtrack_private.projects (id, organization_id, slug, name)
        select 100000 + n, 30, \'p\' || n, \'Project \' || n from generate_series(1, $1::integer) as n on conflict do nothing', $number);
    my $answer = $t->sentry('GET', '/projects/');
    cmp_ok length $answer->content, '<=', 1_048_576, "of $number projects what has room in 1 MiB";
    my @listed = @{ $answer->json };
    $all ? is(scalar @listed, $number + 3, '... which is all') : cmp_ok(scalar @listed, '>', 5000, '... which is most');
    is_deeply [ grep { !length $_->{id} || !length $_->{name} || !length $_->{slug} || !length $_->{organization}{slug}
        || !length $_->{organization}{name} || !length $_->{organization}{id} || $_->{status} ne 'active' } @listed ], [],
            '... with the keys that GitLab needs';
}

# ---- what may be asked for --------------------------------------------------------------

my %words = ('sort=oldest' => 'sort must be date, new, freq, user or trends', 'statsPeriod=2d' => 'statsPeriod must be 24h, 14d, 30d, 1h, 7d or auto');
is $t->sentry('GET', "$list?$_")->json->{detail}, $words{$_}, "$_ is told what there is" for sort keys %words;
is_deeply ids($t->sentry('GET', "$list?per_page=3")), ids($t->sentry('GET', "$list?limit=3")), 'a page is as long as per_page says';
is scalar @{ ids($t->sentry('GET', "$list?per_page=3&limit=4")) }, 4, '... if limit says nothing';
is $t->sentry('GET', "$list?$_")->json->{detail}, 'per_page must be 1 to 100', "... within the bounds of it: $_" for 'per_page=0', 'per_page=101', 'per_page=x';

# ---- values of tags -------------------------------------------------------------------

$t->sql(q(insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
    select 42, 1001, 'plan', value, n, now(), now() from unnest('{gold, Golden, silver, "100%", marigold}'::text[]) with ordinality as t (value, n)));
$t->sql(q(insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
    select 42, o, 'os_name', v, 5, now(), now() from unnest('{1001, 1026}'::bigint[]) as o, unnest('{Linux, macOS}'::text[]) as v
    union all
    select 42, 1001, 'visit', n::text, 1, now(), now() from generate_series(1, 6000) as n;
    insert into errtrack_private.tag_sets (project_id, origin_id, key, size)
    select project_id, origin_id, key, count(*) from errtrack_private.tag_counts group by 1, 2, 3));
is_deeply $t->sentry('GET', '/issues/1001/')->json->{tags}, [ { key => 'os_name', name => 'Os Name', uniqueValues => 4, totalValues => 20 },
    { key => 'plan', name => 'Plan', uniqueValues => 5, totalValues => 15 }, { key => 'visit', name => 'Visit', uniqueValues => 6000, totalValues => undef } ],
    'an issue has the keys of its tags, of all its parts, counted where that costs little';
is_deeply $t->sentry('GET', '/issues/1002/')->json->{tags}, [], '... or none';
sub values_of { return join ' ', map { $_->{value} } @{ $t->sentry('GET', "/issues/1001/tags/plan/values/?$_[0]")->json } }
is values_of(''), 'marigold 100% silver Golden gold', 'values of a tag, the most frequent first';
is values_of('query=gol'), 'marigold Golden gold', '... those with a text';
is values_of('query=GOLD&limit=2'), 'marigold Golden', '... as many as limit says';
is values_of('query=%25'), '100%', '... which is no pattern';
is values_of('query=lead'), '', '... or none';
is values_of('query='), values_of(''), '... an empty one is none';
is_deeply [ $_->status, $_->json->{detail} ], [ 400, 'environment is not supported here: tags are counted over all of them' ], 'tags are of all environments'
    for map { $t->sentry('GET', "/issues/1001/tags/$_?environment=staging") } '', 'plan/', 'plan/values/';

$t->done;
