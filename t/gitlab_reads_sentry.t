# GitLab's Sentry backend as GitLab reads it: for every kind of event the list, the page and
# the stack trace are what its client lets pass, and what makes it fail is never sent. The
# labels name the rows of table 6.4 of the contract. For each row an answer of the server is
# spoilt first: the reader has to notice.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::GitLab qw(kind parse_json ruby_depth ruby_size);
use ErrTrack::GitLab::Events;
use ErrTrack::GitLab::Sentry;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => { config => ErrTrack::GitLab::Events::config() });
my $shop = $t->project;
my $blog = $t->create_project('blog', 'acme');
my %event = ErrTrack::GitLab::Events::file($t);
my $gitlab = ErrTrack::GitLab::Sentry->new($t, organization => 'acme', slug => 'shop', project => $shop->{id});
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# What GitLab does: what the code returns, or what it died with.
sub seen { my ($code) = @_; my @got = eval { $code->() }; return $@ ? $@ =~ s/:.*//sr : $got[0] }

sub issue { return $event{ $_[0] }{issue} // die "no event: $_[0]\n" }

# The same with answers to paths like this spoilt: the code changes the decoded body, an
# element of a list.
sub spoilt {
    my ($path, $spoil, $code) = @_;
    local $gitlab->{tamper} = sub {
        my ($answer, $asked) = @_;
        return if $asked !~ $path;
        my $value = $json->decode($answer->content);
        $spoil->(ref $value eq 'ARRAY' ? $value->[0] : $value, $answer);
        $answer->{content} = $json->encode($value);
    };
    return seen($code);
}

my $stack = issue('a stack');
my ($of_list, $of_one, $of_event, $of_projects, $of_repos) = (qr{/shop/issues/}, qr{^/issues/\d+/$}, qr{/events/latest/$}, qr{^/projects/$}, qr{/repos/$});
my $list = sub { $gitlab->issues };
my $details = sub { $gitlab->details($stack) };
my $trace = sub { $gitlab->stack_trace($stack) };
my $update = sub { $gitlab->update($stack, 'unresolved') };
my $projects = sub { $gitlab->projects };

# ---- the reader stumbles where GitLab does ----------------------------------------------

sub set { my (@path) = @_; my $value = pop @path; return sub { my ($at) = @_; $at = $at->{$_} for @path[ 0 .. $#path - 1 ]; $at->{ $path[-1] } = $value } }
sub lose { my (@path) = @_; return sub { my ($at) = @_; $at = $at->{$_} for @path[ 0 .. $#path - 1 ]; delete $at->{ $path[-1] } } }
sub stated { my ($status) = @_; return sub { $_[1]{status} = $status } }

my $unexpected = 'Unexpected Error';
my @broken = (
    (map { [ "status $_" => $of_list, stated($_), $list, 'Sentry response status code' ] } 301, 302, 404, 500),
    [ 'status 205', $of_one, stated(205), $details, 'Sentry response status code' ],
    [ 'more than 1 MiB', $of_one, set(more => 'x' x 1_048_576), $details, 'too big' ],
    [ 'more than 5 MB in memory', $of_one, set(more => [ map { {} } 1 .. 140_000 ]), $details, 'too big' ],
    [ 'more than 100 levels', $of_one, sub { my $deep = []; $deep = [$deep] for 1 .. 100; $_[0]{more} = $deep }, $details, 'too big' ],
    [ 'a list without id', $of_list, lose('id'), $list, 'missing keys' ],
    (map { [ "a project without $_->[-1]" => $of_projects, lose(@$_), $projects, 'missing keys' ] } ['name'], ['slug'], [qw(organization name)], [qw(organization slug)], ['organization']),
    (map { my $id = $_; map { [ "id " . $json->encode($id) . " of $_->[0]" => $_->[1], set(id => $id), $_->[2], $unexpected ] } [ list => $of_list, $list ], [ details => $of_one, $details ] }
        undef, 12, '12a', '', '-1'),
    [ 'details without id', $of_one, lose('id'), $details, $unexpected ],
    (map { [ 'groupID ' . $json->encode($_), $of_event, set(groupID => $_), $trace, $unexpected ] } undef, 12, '12a'),
    [ 'no groupID', $of_event, lose('groupID'), $trace, $unexpected ],
    (map { [ 'project.id ' . $json->encode($_) . ' of details', $of_one, set(project => id => $_), $details, 'crash' ], [ '... before a change', $of_one, set(project => id => $_), $update, 'crash' ],
        [ '... as projectID', $of_event, set(projectID => $_), $trace, 'crash' ] } 'x', undef, '999999'),
    [ 'an error before a change', $of_one, stated(500), $update, 'crash' ],
    (map { my $name = $_; map { [ "$name as " . $json->encode($_), $of_one, set($name => $_), $details, $unexpected ] } 'x', [] } qw(stats metadata firstRelease lastRelease)),
    (map { my $name = $_; [ "$name of a list as text", $of_list, set($name => 'x'), $list, $unexpected ] } qw(stats metadata project)),
    (map { [ "annotations as " . $json->encode($_), $of_one, set(annotations => $_), $details, $unexpected ] } undef, [ {} ]),
    (map { [ "no $_ on details", $of_one, set($_ => undef), $details, 'GraphQL error' ] } qw(title type culprit shortId status count userCount firstSeen lastSeen)),
    (map { [ "no project.$_ on details", $of_one, lose(project => $_), $details, 'GraphQL error' ] } qw(name slug)),
    [ 'no stats["24h"] on details', $of_one, lose(stats => '24h'), $details, 'GraphQL error' ],
    [ 'context null', $of_event, sub { $_->{context} = undef for map { @{ $_->{data}{values}[0]{stacktrace}{frames} } } grep { $_->{type} eq 'exception' } @{ $_[0]{entries} } }, $trace, $unexpected ],
    [ 'entries as an object', $of_event, set(entries => {}), $trace, $unexpected ],
    [ 'a type that is not JSON', $of_one, sub { $_[1]{headers}{'content-type'} = 'text/plain' }, $details, $unexpected ],
);
is spoilt(@$_[ 1 .. 3 ]), $_->[4], "6.4: the reader: $_->[0]: $_->[4]" for @broken;
{
    local $gitlab->{tamper} = sub { $_[0]{content} = '' };
    is seen($details), $unexpected, "6.4: the reader: an empty body: $unexpected";
}

# ---- settings ---------------------------------------------------------------------------

$gitlab->{asked} = [];
my $found = $gitlab->projects;
is_deeply [ map { join ' ', $_->{id}, @$_{qw(slug status)}, $_->{organization}{slug} } @$found ], [ "$shop->{id} shop active acme", "$blog->{id} blog active acme" ],
    '6.4: missing keys: projects have name, slug and organization';
is_deeply [ grep { kind($_->{id}) ne 'string' || kind($_->{organization}{id}) ne 'string' } @$found ], [], '... and ids of digits';
is $gitlab->learn($found->[0]{name}, $found->[0]{organization}{name}), $shop->{id}, '6.4: a project whose id GitLab does not know is found by the names of the list';
is $gitlab->learn('Blog', 'Acme'), $blog->{id}, '... which are title-cased slugs unless somebody chose others';
$gitlab->{project} = $shop->{id};
is_deeply [ map { eval { $gitlab->call('GET', "/projects/$_") } ? 'answered' : $@ } '', 'acme/shop/issues/', 'acme/shop/issues' ], [ ('answered') x 3 ], '6.4: status: no redirect, with a slash and without';

# ---- the list ---------------------------------------------------------------------------

my (%rows, @order, @back);
my ($rows, $cursors) = $gitlab->issues(limit => 9);
is $cursors->{previous}, undef, '3.1: Link: nothing precedes the first page';
while (1) {
    push @order, map { $_->{id} } @$rows;
    $rows{ $_->{id} } = $_ for @$rows;
    last if !$cursors->{next} || @order > 500;
    ($rows, $cursors) = $gitlab->issues(limit => 9, cursor => $cursors->{next});
}
my $last = @$rows;
while (my $cursor = $cursors->{previous}) {
    ($rows, $cursors) = $gitlab->issues(limit => 9, cursor => $cursor);
    unshift @back, map { $_->{id} } @$rows;
    last if @back > 500;
}
is_deeply [ sort @order ], [ sort map { $_->{issue} } values %event ], '3.1: Link: its pages list each issue once';
is_deeply \@back, [ @order[ 0 .. $#order - $last ] ], '... and back';
for my $sort (qw(new freq)) {
    is scalar @{ ($gitlab->issues(sort => $sort))[0] }, 20, "3.3: sorted by $sort a page has 20";
}

# ---- every kind -------------------------------------------------------------------------

for my $kind (sort keys %event) {
    my $id = issue($kind);
    my $shown = seen(sub { $gitlab->details($id) });
    is ref $shown, 'HASH', "6.4: the page is shown: $kind" or diag $@ and next;
    is_deeply { map { ($_ => $rows{$id}{$_}) } grep { $_ ne 'frequency' } keys %{ $rows{$id} } }, { map { ($_ => $shown->{$_}) } grep { $_ ne 'frequency' } keys %{ $rows{$id} } }, '... as in the list';
    is scalar @{ $shown->{frequency} }, 24, '6.4: ... stats["24h"] has 24 hours';
    my $answer = $t->sentry('GET', "/issues/$id/events/latest/");
    cmp_ok length $answer->content, '<=', 1_048_576, '6.4: ... its event is within 1 MiB';
    my $event = parse_json($answer->content);
    cmp_ok ruby_size($event), '<=', 5 * 1_048_576, '6.4: ... within 5 MB in memory';
    cmp_ok ruby_depth($event), '<=', 100, '6.4: ... and within 100 levels';
    is_deeply [ kind($event->{groupID}), $event->{groupID}, kind($event->{projectID}), $event->{projectID} ], [ 'string', $id, 'string', $shop->{id} ], '6.4: ... groupID and projectID are digits, and the right ones';
    my $trace = seen(sub { $gitlab->stack_trace($id) });
    is ref $trace, 'HASH', '6.4: ... the stack trace too' or diag $@;
}
my %functions = (
    'a stack' => 'main charge', 'a list of exceptions' => 'main charge', 'a bare exception' => 'main charge', 'a chain' => 'charge main', 'wrong types' => 'main charge',
    (map { ($_ => undef) } 'no stack', 'a message', 'a log entry', 'nothing', 'a crash dump', 'a report of a browser'),
    (map { ("levels: $_" => 'f') } qw(extra other mechanism)), (map { ("small parts: $_" => 'f') } qw(breadcrumbs user sdk images)),
    'NaN and numbers without end' => 'f', 'keys twice' => 'f',
);
for my $kind (sort keys %functions) {
    my $frames = $gitlab->stack_trace(issue($kind))->{frames};
    is $frames && join(' ', map { $_->{function} } @$frames), $functions{$kind}, '6.4: frames: ' . (defined $functions{$kind} ? 'the oldest call first' : 'none') . ": $kind";
}
is scalar @{ $gitlab->stack_trace(issue('many of everything'))->{frames} }, 120, '6.4: of an event that is too large for GitLab the frames are left';
is_deeply $gitlab->stack_trace($stack)->{frames}[0], { filename => 'app.py', absPath => '/srv/app.py', function => 'main', lineNo => 8, colNo => 3,
    context => [ [ 5, 'import pay' ], [ 6, '' ], [ 7, 'def main():' ], [ 8, '    charge()' ], [ 9, '' ], [ 10, 'main()' ] ] }, '6.4: a frame in an issue of GitLab: filename, absPath, function, lineNo, colNo, context';
my $page = $gitlab->details($stack);
is_deeply [ @$page{qw(title type culprit level logger message status)} ], [ 'Stack: value of Stack', 'error', 'checkout.pay', 'fatal', 'pay', 'value of Stack', 'unresolved' ], '3.4: what the page shows';
is_deeply [ @$page{qw(first_release first_short first_commit last_release)} ], [ ('shop@4.2.0-abcdef', '4.2.0-abcdef', undef, 'shop@4.2.0-abcdef') ], '... with its releases';
is_deeply [ map { $gitlab->details(issue('a message'))->{$_} } qw(first_release last_release) ], [ undef, undef ], '6.4: a release that there is none of is null';
$t->sql('update errtrack_private.issues set event_count = 5000000000, user_count = 3000000000 where id = $1', issue('a message'));
is_deeply [ @{ $gitlab->details(issue('a message')) }{qw(count userCount)} ], [ (2_147_483_647) x 2 ], '6.4: counts end at 2147483647';

# ---- status and links -------------------------------------------------------------------

for my $status (qw(resolved ignored unresolved)) {
    $gitlab->{asked} = [];
    is $gitlab->update($stack, $status), 1, "6.4: a change is answered with an object: $status";
    is_deeply $gitlab->{asked}, [ "GET /issues/$stack/", "PUT /issues/$stack/" ], '... after a look at the issue';
    is $gitlab->details($stack)->{status}, $status, '... and is shown from then on';
    is scalar(grep { $_->{id} eq $stack } @{ ($gitlab->issues(query => "is:$status", limit => 100))[0] }), 1, '... in the list of that status';
}
my $other = $t->store({ message => 'of the blog' }, project => $blog);
is $other->status, 200, 'another project has an event';
eventually { $t->sql_value('select count(*) from errtrack.issues where project_id = $1', $blog->{id}) == 1 } '... which is filed';
my $theirs = $t->sql_value('select issue_id from errtrack.issues where project_id = $1', $blog->{id});
is seen(sub { $gitlab->$_($theirs, 'resolved') }), 'crash', "6.4: an issue of another project tells whose it is: $_" for qw(details stack_trace update);
is $t->sentry('GET', "/issues/$theirs/")->json->{status}, 'unresolved', '... and is not touched';
is seen(sub { $gitlab->details(777777) }), 'Sentry response status code', '6.4: status: what is unknown is 404';
is seen(sub { $gitlab->update(777777, 'resolved') }), 'crash', '... also before a change';
{
    local $gitlab->{token} = 'wrong';
    is seen($_), 'Sentry response status code', '6.4: status: a wrong token' for $list, $details, $projects, $trace;
    is $t->sentry('GET', '/projects/', token => 'wrong')->status, 401, '... is 401';
}

is $gitlab->link_issue($stack, 1201, 88), 'plugin', '6.4: missing keys: without a repository GitLab links by the plugin';
is_deeply $t->sentry('GET', '/organizations/acme/repos/')->json, [], '... since the list of repositories is empty';
$t->sql(q(insert into errtrack_private.trackers (project_id, provider, external_id, url) values ($1, 'gitlab', 1201, 'https://gitlab.example/acme/shop')), $shop->{id});
my ($repository) = @{ parse_json($t->sentry('GET', '/organizations/acme/repos/')->content) };
is_deeply [ map { kind($repository->{$_}) } qw(status integrationId externalSlug) ], [qw(string string number)], '6.4: missing keys: a repository has status, integrationId and externalSlug';
is spoilt($of_repos, lose($_), sub { $gitlab->link_issue($stack, 1201, 89) }), 'missing keys', "6.4: the reader: a repository without $_: missing keys" for qw(status integrationId externalSlug);
is $gitlab->link_issue($stack, 1201, 89), 'integration', '3.7: with a repository by the integration';
like $gitlab->details($stack)->{linked}, qr{^https://gitlab\.example/acme/shop/-/issues/8[89]$}, '... and the issue tells of it';

# ---- the same again, and the database away ------------------------------------------------

for my $path ("/issues/$stack/", "/issues/$stack/events/latest/", '/projects/', '/projects/acme/shop/issues/?query=is:unresolved&limit=20') {
    is $t->sentry('GET', $path)->content, $t->sentry('GET', $path)->content, "6.4: the same is answered again: $path";
}
$t->postgres->kill;
$gitlab->{asked} = [];
is seen($_), 'Sentry response status code', '6.4: while the database is away a status is answered, not silence' for $list, $details, $trace;
is $t->sentry('GET', "/issues/$stack/")->status, 503, '... which is 503';
$t->postgres->start;
eventually { ref seen($details) } '... until it is back';

$t->expect_log(qr/database cannot be reached/);
$t->done;
