# Sentry's web API, what builds tell: releases of one project and of several, their commits,
# deploys and deletion; and what an issue shows of them.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha1_hex);
use IO::Socket::INET ();
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

# The projects shop and blog of acme, theirs of others. Events of shop named old@1 and old@2,
# of which the issues 1 to 3 began with the second.
my $fixtures = <<'SQL';
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other');
insert into errtrack_private.projects (id, organization_id, slug, name)
values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog'), (99, 20, 'theirs', 'Theirs');
insert into errtrack_private.users (email) values ('ann@a.example');
insert into errtrack_private.memberships (organization_id, user_id, role) select 10, id, 'owner' from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('ann'), 'personal', id, '{org:read, project:read, project:releases, event:read}' from errtrack_private.users;
insert into errtrack_private.releases (project_id, release, first_received_at)
values (42, 'old@1', now() - interval '20 days'), (42, 'old@2', now() - interval '2 days'), (99, 'theirs@1', now());
insert into errtrack_private.issues
       (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at, first_release, last_release)
select 42, n, 'error', 'Type', '', 'Type', '', '', 'error', 'python', '', 1, 0, now(), now(), now(), 'old@2', 'old@2'
from generate_series(1, 3) as n;
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen, last_received_at, first_release, last_release)
select project_id, id, id, first_seen, last_seen, last_received_at, first_release, last_release from errtrack_private.issues;
SQL

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql($fixtures);
$t->start_nginx(config => $conf);
$t->{token} = 'ann';

my ($acme, $shop, $blog) = ('/organizations/acme/releases/', '/projects/acme/shop/releases/', '/projects/acme/blog/releases/');

sub announce { my ($path, %release) = @_; return $t->sentry('POST', $path, json => \%release) }
sub look { return $t->sentry('GET', $_[0])->json }
sub versions { return join ' ', map { $_->{version} } @{ $_[0]->json } }
sub commit_ids { return join ' ', map { $_->{id} } @{ look($_[0] . 'commits/') } }
sub known { return $t->sql_value('select string_agg(project_id::text, chr(32) order by project_id) from errtrack_private.releases where release = $1', $_[0]) // '' }

# ---- one project -----------------------------------------------------------------------

my $told = announce($shop, version => 'shop@1.0', ref => 'main', url => 'https://ci.example/1', dateReleased => '2026-01-31T12:00:00Z', commits => [
    { id => 'c2', message => 'second', author_name => 'Ann', author_email => 'ann@a.example', timestamp => '2026-01-31T13:00:00+02:00', repository => 'acme/shop' },
    { id => 'c1', message => 'first', author_name => 'Bob', author_email => 'bob@a.example' } ]);
is $told->status, 201, 'a release is told of';
my %shown = %{ $told->json };
is_deeply { map { $_ => $shown{$_} } qw(version shortVersion ref url dateReleased commitCount lastCommit deployCount lastDeploy newGroups status) },
    { version => 'shop@1.0', shortVersion => '1.0', ref => 'main', url => 'https://ci.example/1', dateReleased => '2026-01-31T12:00:00.000Z',
      commitCount => 2, lastCommit => { id => 'c2', message => 'second' }, deployCount => 0, lastDeploy => undef, newGroups => 0, status => 'open' },
    '... and shown as it was told';
is_deeply $shown{versionInfo}, { package => 'shop', description => '1.0', version => { raw => '1.0' }, buildHash => undef }, '... its version in parts';
is_deeply $shown{projects}, [ { id => 42, slug => 'shop', name => 'Shop', platform => undef, newGroups => 0 } ], '... with its project';
is_deeply [ sort map { $_->{email} } @{ $shown{authors} } ], [ 'ann@a.example', 'bob@a.example' ], '... and who wrote it';
is_deeply look("${shop}shop\@1.0/"), \%shown, 'so it is from now on';
is_deeply look("${acme}shop\@1.0/"), \%shown, '... below the organization too';
is_deeply look("${shop}shop\@1.0/commits/"), [
    { id => 'c2', message => 'second', dateCreated => '2026-01-31T11:00:00.000Z', author => { name => 'Ann', email => 'ann@a.example' }, repository => { name => 'acme/shop' } },
    { id => 'c1', message => 'first', dateCreated => undef, author => { name => 'Bob', email => 'bob@a.example' }, repository => { name => '' } } ],
    'its commits, the newest first';

is announce($shop, version => 'shop@1.0')->status, 208, 'to tell it once more is no mistake';
is_deeply look("${shop}shop\@1.0/"), \%shown, '... and takes nothing away';
is announce($shop, version => 'shop@1.0', ref => 'next')->json->{ref}, 'next', '... what is told anew counts';
is commit_ids("${shop}shop\@1.0/"), 'c2 c1', '... beside what was known';

# ---- several projects ------------------------------------------------------------------

for my $case ([ 'by slugs', qw(shop blog) ], [ 'by ids', 42, 43 ], [ 'by ids as text', '42', '43' ], [ 'one of them twice', 'shop', 'blog', 'shop', 43 ]) {
    my ($how, @projects) = @$case;
    my $version = "both $how";
    my $answer = announce($acme, version => $version, projects => \@projects, commits => [ { id => 'b1' } ]);
    is $answer->status, 201, "a release of several projects, $how" or diag $answer->content;
    is known($version), '42 43', '... is known to both';
}
is announce($acme, version => 'both by slugs', projects => ['shop'])->status, 208, 'known to that project';
is announce($acme, version => 'shop@1.0', projects => [qw(shop blog)])->status, 201, 'new to one of them';
is scalar @{ look("${acme}both%20by%20ids/")->{projects} }, 2, 'the organization shows both projects';
is scalar @{ look("${blog}both%20by%20ids/")->{projects} }, 1, '... each of them itself';
is scalar @{ look("${acme}both%20by%20ids/?project=43")->{projects} }, 1, '... or those that were asked for';
is commit_ids("${blog}both%20by%20ids/"), 'b1', 'commits are those of all of them';

is announce($acme, version => 'bad')->status, 400, 'of no project';
for my $projects ([], 'shop', ['nothing'], [ 'shop', 'nothing' ], ['theirs'], [99], [undef], [ { slug => 'shop' } ]) {
    is announce($acme, version => 'bad', projects => $projects)->status, 400, 'of projects that are not there';
}
is known('bad'), '', 'nothing is kept of those';

# A release that an event of another project named first: what only one of them was told counts.
announce($blog, version => 'late', commits => [ { id => 'l1' } ]);
is $t->sentry('POST', "${acme}late/deploys/", json => { environment => 'early' })->status, 201, 'a release of one project is deployed';
$t->sql(q(insert into errtrack_private.releases (project_id, release, first_received_at) values (42, 'late', now())));
is look("${acme}late/")->{commitCount}, 1, 'commits that one of the projects knows are those of the release';
is commit_ids("${acme}late/"), 'l1', '... where they are listed too';
is_deeply [ map { $_->{environment} } @{ look("${acme}late/deploys/") } ], ['early'], '... and so are its deploys';
is_deeply [ map { look("$_")->{commitCount} } "${shop}late/", "${blog}late/" ], [ 0, 1 ], 'each project shows what it knows';

# ---- lists -----------------------------------------------------------------------------

$t->sql(q(delete from errtrack_private.releases where project_id <> 99 and release not in ('shop@1.0', 'old@1', 'old@2');
    update errtrack_private.releases set first_received_at = now() - interval '1 minute' where release = 'shop@1.0' and project_id = 42;
    insert into errtrack_private.releases (project_id, release, first_received_at)
    select 43, 'page@' || n, now() - interval '1 day' - n * interval '1 minute' from generate_series(1, 5) as n;
    insert into errtrack_private.releases (project_id, release, first_received_at) values (42, 'page@5', now())));
my $all = 'page@5 shop@1.0 page@1 page@2 page@3 page@4 old@2 old@1';
is versions($t->sentry('GET', $acme)), $all, 'releases, the last that was heard of first, each once';
is versions($t->sentry('GET', $shop)), 'page@5 shop@1.0 old@2 old@1', '... of a project';
is versions($t->sentry('GET', "$acme?project=blog")), 'shop@1.0 page@1 page@2 page@3 page@4 page@5', '... of some of them';
is $t->sentry('GET', "$acme?project=theirs")->status, 404, '... of none of others';
is versions($t->sentry('GET', "$acme?query=PAGE")), 'page@5 page@1 page@2 page@3 page@4', '... with a text';
is versions($t->sentry('GET', "$acme?query=%25")), '', '... that is no pattern';
for my $size (1, 3, 8) {
    my ($cursor, @pages) = ('');
    while (defined $cursor && @pages < 20) {
        my $answer = $t->sentry('GET', "$acme?per_page=$size" . ($cursor ? "&cursor=$cursor" : ''));
        push @pages, versions($answer);
        ($cursor) = $answer->header('Link') =~ /rel="next"; results="true"; cursor="([^"]+)"/;
    }
    is join(' ', @pages), $all, "in pages of $size";
}
is versions($t->sentry('GET', "$acme?limit=3")), 'page@5 shop@1.0 page@1', 'limit is understood as well';
is $t->sentry('GET', "$acme?$_")->status, 400, "no page: $_" for 'limit=0', 'limit=101', 'per_page=0', 'per_page=101', 'per_page=x', 'cursor=nonsense';
is versions($t->sentry('GET', "$acme?cursor=0:0:0")), $all, 'a cursor as Sentry has it begins at the beginning';

is_deeply [ map { $_->{newGroups} } @{ look("$shop?query=old") } ], [ 3, 0 ], 'issues that are new in a release';
is look("${acme}old\@2/")->{projects}[0]{newGroups}, 3, '... by project';

$t->sql(q(insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
    select p, o, 'release', 'page@5', 1, timestamptz '2026-01-01 00:00Z' + o * interval '1 day', timestamptz '2026-02-01 00:00Z' + o * interval '1 day'
    from (values (42, 1), (42, 2), (43, 7)) as seen (p, o)));
is_deeply [ @{ look("${acme}page\@5/") }{qw(firstEvent lastEvent)} ], [ '2026-01-02T00:00:00.000Z', '2026-02-08T00:00:00.000Z' ], 'the first event of a release, and the last one';
is_deeply [ @{ look($shop)->[0] }{qw(version firstEvent lastEvent)} ], [ 'page@5', '2026-01-02T00:00:00.000Z', '2026-02-03T00:00:00.000Z' ], '... in its project';
is_deeply [ @{ look("${acme}page\@4/") }{qw(firstEvent lastEvent)} ], [ undef, undef ], '... if events named it';

# ---- archived ---------------------------------------------------------------------------

is $t->sentry('PUT', "${acme}page\@4/", json => { status => 'archived' })->json->{status}, 'archived', 'a release is archived';
is look("${acme}page\@4/")->{status}, 'archived', '... and says so from now on';
is versions($t->sentry('GET', $acme)), $all =~ s/ page\@4//r, '... it is listed no more';
is versions($t->sentry('GET', "$acme?status=open")), $all =~ s/ page\@4//r, '... among those that are open';
is versions($t->sentry('GET', "$acme?status=archived")), 'page@4', '... but among those that are not';
is versions($t->sentry('GET', "$shop?status=archived")), '', '... in its project';
is_deeply [ map { $_->status, $_->json->{detail} } $t->sentry('GET', "$acme?status=gone") ], [ 400, 'status must be open or archived' ], 'there is no other status';
is_deeply [ map { $_->status, $_->json->{detail} } $t->sentry($_, $_ eq 'PUT' ? "${acme}page\@4/" : $acme,
    json => { version => 'page@4', projects => ['blog'], status => 'gone' }) ], [ 400, 'status must be open or archived' ], "... for $_ neither" for qw(PUT POST);
# As sentry-cli does it.
my $restored = announce($acme, version => 'page@4', projects => [], status => 'open');
is_deeply [ $restored->status, $restored->json->{status}, known('page@4') ], [ 208, 'open', '43' ], 'it is restored without naming its projects';
is versions($t->sentry('GET', $acme)), $all, '... and listed again';
is announce($acme, version => 'page@5', projects => [], status => 'archived')->json->{status}, 'archived', 'a release is archived in all its projects';
is announce($shop, version => 'page@5', status => 'open')->json->{status}, 'open', '... restored in one';
is_deeply [ map { look("$_")->{status} } "${acme}page\@5/", "${blog}page\@5/" ], [qw(open archived)], '... it is open where it is in any';
is versions($t->sentry('GET', $acme)), $all, '... in lists too';
is versions($t->sentry('GET', "$blog?status=archived")), 'page@5', '... and archived in the other';
is announce($acme, version => 'page@5')->json->{status}, 'open', 'who says nothing of it changes nothing';
is look("${blog}page\@5/")->{status}, 'archived', '... anywhere';
announce($blog, version => 'page@5', status => 'open');
is announce($acme, version => 'bad', projects => [], status => 'archived')->status, 400, 'what is not known is in no project';
is announce($acme, version => 'theirs@1', status => 'archived')->status, 400, '... nor what others have';

# ---- changes ---------------------------------------------------------------------------

my $change = sub { my ($version, %body) = @_; return $t->sentry('PUT', "$acme$version/", json => \%body) };
is $change->('old@1', dateReleased => '2026-02-01T00:00:00.123456Z')->json->{dateReleased}, '2026-02-01T00:00:00.123Z', 'a release is released';
is $change->('old@1', refs => [ { repository => 'acme/shop', commit => 'r9' }, { repository => 'acme/lib', commit => 'r8' } ])->json->{commitCount}, 2,
    'refs are the commits that repositories are at';
is_deeply [ map { "$_->{id} $_->{repository}{name}" } @{ look("${shop}old\@1/commits/") } ], [ 'r9 acme/shop', 'r8 acme/lib' ], '... with these';
is $change->('old@1', refs => [ { commit => 'r7' } ], commits => [ { id => 'c7' } ])->json->{lastCommit}{id}, 'c7', 'commits go before refs';
is $change->('old@1', refs => [ { commit => 'r6' } ])->json->{lastCommit}{id}, 'r6', 'refs take the place of what was no more than an id';
$change->('old@1', commits => [ { id => 'c8', message => 'fix', author_name => 'Ann', author_email => 'ann@a.example' }, { id => 'c7' } ]);
my $kept = $change->('old@1', refs => [ { repository => 'acme/shop', commit => 'r5' } ])->json;
is_deeply [ commit_ids("${shop}old\@1/"), $kept->{lastCommit}{id}, map { $_->{email} } @{ $kept->{authors} } ], [ 'c8 c7', 'c8', 'ann@a.example' ],
    '... and never of commits that were told, nor of who wrote them';
is $change->('old@1', refs => [ {} ])->status, 400, '... though they are checked';
is $change->('old@1', commits => [])->json->{lastCommit}, undef, 'no commits are none';
is $change->('old@1', ref => undef, commits => undef)->status, 200, 'null is nothing new';
is look("${shop}old\@1/")->{dateReleased}, '2026-02-01T00:00:00.123Z', 'what was known stays';
is $change->($_, ref => 'x')->status, 404, "the release $_ is not there" for 'nothing', 'theirs@1';
is known('nothing'), '', '... and is not made by a change';

# The release before, with commits.
announce($shop, version => "chain\@$_", $_ == 2 ? () : (commits => [ { id => "chain$_" } ])) for 1 .. 4;
is look("${acme}chain\@4/previous-with-commits/")->{version}, 'chain@3', 'the release before';
is look("${acme}chain\@3/previous-with-commits/")->{version}, 'chain@1', '... whose commits are known';
is_deeply look("${acme}old\@1/previous-with-commits/"), {}, '... before the first there is none';
is $t->sentry('GET', "${acme}nothing/previous-with-commits/")->status, 404, '... nor before what is not there';
announce($blog, version => 'both', commits => [ { id => 'x' } ]);
announce($acme, version => 'both2', projects => ['blog']);
$t->sql(q(insert into errtrack_private.releases (project_id, release, first_received_at) values (42, 'both2', now() - interval '90 days')));
is look("${acme}both2/previous-with-commits/")->{version}, 'both', '... in one of the projects';

# ---- what none is ----------------------------------------------------------------------

my %good = map { $_ => 201 } 'x' x 250, 'a b', 'ä@1', '1', 'a@b@c', '@scope/x' =~ s{/}{-}r, '%41', '...', 'Latest', q(a'"<>&?#), 'shop@1.0+7';
for my $version (sort keys %good) {
    my $answer = announce($shop, version => $version);
    is $answer->status, 201, 'a version: ' . (length $version > 20 ? 'a long one' : $version =~ s/[^ -~]/?/gr);
    my $encoded = $version;
    utf8::encode($encoded);
    $encoded =~ s/([^A-Za-z0-9.])/sprintf '%%%02X', ord $1/ge;
    # A client may resolve dots of a path.
    is look("$shop$encoded/")->{version}, $version, '... which is found' if $version ne '...';
}
for my $version ('', '.', '..', 'latest', 'a/b', 'a\\b', "a\nb", "a\tb", ' a', 'a ', 'x' x 251, undef, 7, ['a'], "a\0b") {
    is announce($shop, version => $version)->status, 400, 'no version: ' . (defined $version ? length $version > 20 ? 'too long' : $version =~ s/[^ -~]/?/gr : 'null');
}
is announce($shop)->status, 400, 'without a version';
for my $bad ([ ref => 'x' x 251 ], [ ref => 7 ], [ url => 'x' x 1001 ], [ url => {} ], [ dateReleased => 'tomorrow' ], [ dateReleased => '2026-02-31T00:00:00Z' ],
    [ dateReleased => 5 ], [ commits => 'c1' ], [ commits => {} ], [ commits => ['c1'] ], [ commits => [ {} ] ], [ commits => [ { id => '' } ] ],
    [ commits => [ { id => 'x' x 65 } ] ], [ commits => [ map { { id => "c$_" } } 1 .. 1001 ] ], [ refs => [ {} ] ], [ refs => [ { repository => 'x' } ] ]) {
    my ($member, $value) = @$bad;
    my $answer = announce($shop, version => 'bad', $member => $value);
    is $answer->status, 400, "no $member";
    like $answer->json->{detail}, qr/\w/, '... and why';
    is $t->sentry('PUT', "${shop}old\@1/", json => { $member => $value })->status, 400, '... in a change neither';
}
is known('bad'), '', 'nothing is kept of those';
is commit_ids("${shop}old\@1/"), '', '... nor changed';
for my $body ('', '[]', '7', 'null', '{', '{"version": "bad"') {
    is $t->sentry('POST', $shop, content => $body, headers => { 'Content-Type' => 'application/json' })->status, 400, "no body: '$body'";
}
my $long = announce($shop, version => 'long', commits => [ { id => 'x' x 64, message => 'ä' x 3000, author_name => 'n' x 300, author_email => 'm' x 300,
    timestamp => 'yesterday', repository => 'r' x 300 } ]);
is $long->status, 201, 'what is too long of a commit';
is_deeply [ map { length $_->{message}, length $_->{author}{name}, length $_->{author}{email}, $_->{dateCreated}, length $_->{repository}{name} } @{ look("${shop}long/commits/") } ],
    [ 2000, 200, 254, undef, 200 ], '... is cut, and what is no time left out';
is announce($shop, version => 'many', commits => [ map { { id => "c$_" } } 1 .. 1000 ])->json->{commitCount}, 1000, 'a thousand commits';

# ---- deploys ---------------------------------------------------------------------------

my $deploy = sub { my ($version, %body) = @_; return $t->sentry('POST', "$acme$version/deploys/", json => \%body) };
my $made = $deploy->('shop@1.0', environment => 'production', name => 'green', url => 'https://shop.example/',
    dateStarted => '2026-02-01T10:00:00Z', dateFinished => '2026-02-01T10:05:00Z');
is $made->status, 201, 'a deploy';
like delete $made->json->{id}, qr/^\d+$/, '... has an id';
is_deeply $made->json, { environment => 'production', name => 'green', url => 'https://shop.example/',
    dateStarted => '2026-02-01T10:00:00.000Z', dateFinished => '2026-02-01T10:05:00.000Z' }, '... and is shown';
is $deploy->('shop@1.0', environment => 'staging', dateFinished => '2026-02-01T09:00:00Z')->status, 201, 'another one';
is_deeply [ map { $_->{environment} } @{ look("${acme}shop\@1.0/deploys/") } ], [qw(production staging)], 'the last one first, though two projects have it';
is_deeply [ @{ look("${acme}shop\@1.0/") }{qw(deployCount lastDeploy)} ],
    [ 2, { environment => 'production', name => 'green', dateFinished => '2026-02-01T10:05:00.000Z' } ], 'the release tells of them';
is look("${blog}shop\@1.0/")->{deployCount}, 2, '... in all of its projects';
for my $bad ([], [ environment => '' ], [ environment => ' ' ], [ environment => 'x' x 65 ], [ environment => 7 ], [ environment => 'p', name => 'x' x 65 ],
    [ environment => 'p', url => 'x' x 1001 ], [ environment => 'p', dateStarted => 'now' ], [ environment => 'p', dateFinished => 'soon' ]) {
    is $deploy->('shop@1.0', @$bad)->status, 400, "no deploy: @{[ map { substr $_, 0, 20 } @$bad ]}";
}
is $deploy->('nothing', environment => 'p')->status, 404, 'nor one of a release that is not there';
$t->sql(q(insert into errtrack_private.deploys (project_id, release, environment, finished_at)
    select 42, 'old@2', 'p', now() - n * interval '1 minute' from generate_series(1, 999) as n));
is_deeply [ map { $deploy->('old@2', environment => 'p')->status } 1, 2 ], [ 201, 409 ], 'a release has a thousand deploys';
is scalar @{ look("${acme}old\@2/deploys/") }, 100, '... of which the last hundred are listed';

# ---- files -----------------------------------------------------------------------------

my $upload = sub {
    my ($name) = @_;
    utf8::encode($name);
    return $t->sentry('POST', "${shop}shop\@1.0/files/", headers => { 'Content-Type' => 'multipart/form-data; boundary=border' }, content => join "\r\n",
        '--border', 'Content-Disposition: form-data; name="name"', '', $name, '--border', 'Content-Disposition: form-data; name="file"; filename="a.js"', '', 'x', '--border--', '');
};
is $upload->('~/a.js')->json->{name}, '~/a.js', 'a file of a release';
is $upload->('~/ä')->json->{name}, '~/ä', '... under any name';
is $upload->(join '', map { chr 0x4e00 + $_ * 7919 % 20000 } 1 .. 700)->status, 201, '... that is long';
is $upload->(join '', map { chr 0x4e00 + $_ * 7919 % 20000 } 1 .. 1000)->status, 400, '... and not longer than there is room for';
is_deeply [ map { $_->{name} } grep { length $_->{name} < 20 } @{ look("${shop}shop\@1.0/files/") } ], [ '~/ä', '~/a.js' ], 'they are listed, the last one first';

for my $path ("${shop}shop\@1.0/files/", '/organizations/acme/chunk-upload/') {
    my %form = (content => 'none', headers => { 'Content-Type' => 'multipart/form-data; boundary=border' });
    is $t->sentry('POST', $path, %form)->status, 400, "$path takes forms";
    is $t->sentry('POST', $path, %form, token => 'nobody')->status, 401, '... and does not look at what nobody sends';
}

# Two builds that share a piece.
$t->sql(q(insert into errtrack_private.upload_chunks (organization_id, sha1, body) values (10, decode($1, 'hex'), 'shared')), sha1_hex('shared'));
my $form = join '', map({ join "\r\n", '--border', qq(Content-Disposition: form-data; name="file"; filename="$_->[0]"), '', "$_->[1]\r\n" }
    map { [ sha1_hex($_), $_ ] } 'new', 'shared'), "--border--\r\n";
my $other = $t->sql_session;
my $keep = sub { sprintf q(select errtrack_private.keep_chunk(10, decode('%s', 'hex'), '%s');), sha1_hex($_[0]), $_[0] };
$other->('begin; ' . $keep->('shared'));
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port) or die "no connection: $!\n";
print {$socket} "POST /api/0/organizations/acme/chunk-upload/ HTTP/1.1\r\nHost: errors\r\nConnection: close\r\nAuthorization: Bearer ann\r\n"
    . 'Content-Type: multipart/form-data; boundary=border' . "\r\nContent-Length: " . length($form) . "\r\n\r\n$form";
eventually { $t->sql_value(q(select count(*) from pg_stat_activity where usename = 'errtrack_query' and wait_event_type = 'Lock')) == 1 }
    'an upload waits for another';
$other->($keep->('another') . ' commit;');
like readline($socket), qr{^HTTP/1\.1 200 }, 'and is done after it, though both have a piece that was there';
is $t->sql_value('select count(*) from errtrack_private.upload_chunks where sha1 in (decode($1, \'hex\'), decode($2, \'hex\'))',
    sha1_hex('new'), sha1_hex('another')), 2, '... and one that was not';

# Every third of 6,000 pieces belongs to a file, one of 10,000; and half of the others to one of another organization.
$t->sql(q{delete from errtrack_private.uploads; delete from errtrack_private.upload_chunks;
    insert into errtrack_private.upload_chunks (organization_id, sha1, body, received_at)
    select 10, decode(lpad(to_hex(n), 40, '0'), 'hex'), 'x', now() - interval '2 days' from generate_series(1, 6000) as n;
    insert into errtrack_private.uploads (project_id, kind, sha1, chunks, size)
    select case when n % 3 = 0 then 42 else 99 end, 'debug_file', decode(lpad(to_hex(n), 40, '0'), 'hex'),
           case when n % 3 = 2 then '{}' else array[decode(lpad(to_hex(n), 40, '0'), 'hex'), sha256('x')] end, 1
    from generate_series(1, 10000) as n;
    analyze errtrack_private.uploads, errtrack_private.upload_chunks});
ok eval { $t->sql(q{set statement_timeout = '3 s'; select errtrack_private.sweep_uploads(90)}); 1 }, 'pieces are swept in good time' or diag $@;
is $t->sql_value(q{select count(*) || ' of ' || count(*) filter (where (get_byte(sha1, 18) * 256 + get_byte(sha1, 19)) % 3 = 0) from errtrack_private.upload_chunks}),
    '2000 of 2000', '... those that no file of the organization is made of';
$t->sql('delete from errtrack_private.uploads');

# ---- what an issue shows ---------------------------------------------------------------

is_deeply look('/issues/1/')->{firstRelease}{lastCommit}, undef, 'an issue knows no commit';
$change->('old@2', commits => [ { id => 'fix', message => 'a fix' }, { id => 'before' } ]);
my $issue = look('/issues/1/');
is $issue->{firstRelease}{version}, 'old@2', 'an issue shows its first release';
is $issue->{firstRelease}{lastCommit}, 'fix', '... with its last commit';
is $issue->{lastRelease}{lastCommit}, 'fix', '... and the last one';

# ---- what commits fix ---------------------------------------------------------------------

sub status_of { return $t->sql_value(q(select concat_ws(' ', status, resolved_in, status_by) from errtrack_private.issues where id = $1), $_[0]) }
announce($shop, version => 'fix@1', commits => [ { id => 'f1', message => "Calm down\n\nFixes SHOP-1, and shop-2." }, { id => 'f2', message => 'prefixes SHOP-3' },
    { id => 'f3', message => 'Fix SHOP-ZZZ, BLOG-3: SHOP-3 stays' } ]);
is_deeply [ map { status_of($_) } 1 .. 3 ], [ ('resolved fix@1 ann@a.example') x 2, 'unresolved' ], 'commits resolve the issues that they fix, in their release';
$t->sql(q(select errtrack_private.set_issue_status(42, 1, 'unresolved', 'bob')));
$change->('fix@1', commits => [ { id => 'f1', message => 'Fixes SHOP-1' } ]);
is status_of(1), 'unresolved bob', '... once: what came back is not resolved by the same commits';
announce($acme, version => 'fix@2', projects => [qw(blog shop)], commits => [ { id => 'f4', message => 'Resolves: SHOP-1 and SHOP-3' } ]);
is_deeply [ map { status_of($_) } 1 .. 3 ], [ 'resolved fix@2 ann@a.example', 'resolved fix@1 ann@a.example', 'resolved fix@2 ann@a.example' ], '... but by those of another release';
announce($blog, version => 'fix@3', commits => [ { id => 'f5', message => 'Fixes SHOP-1' } ]);
is status_of(1), 'resolved fix@2 ann@a.example', '... of the project itself';
$t->sql(q(select errtrack_private.set_issue_status(42, n, 'unresolved', 'bob') from generate_series(1, 3) as n));
$t->sql(q(delete from errtrack_private.releases where release ~ '^fix@'));

# ---- limits and deletion ---------------------------------------------------------------

$t->sql(q(insert into errtrack_private.limits (project_id, name, value)
    select 43, 'releases', count(*) + 1 from errtrack_private.releases where project_id = 43));
is announce($blog, version => 'last one')->status, 201, 'a project has room for so many releases';
is announce($blog, version => 'one more')->status, 409, '... and not for one more';
is announce($blog, version => 'last one', ref => 'main')->status, 208, '... while those that are known change';
is announce($acme, version => 'one more', projects => [qw(shop blog)])->status, 409, 'nor for one of two projects';
is known('one more'), '', '... of which none gets it';

my $delete = sub { return $t->sentry('DELETE', "$acme$_[0]/")->status };
is $delete->('old@2'), 400, 'a release that issues began with stays';
is $delete->($_), 404, "the release $_ is not there to be deleted" for 'nothing', 'theirs@1';
is $t->sentry('DELETE', "${blog}shop\@1.0/")->status, 204, 'a release is deleted';
is known('shop@1.0'), '42', '... in this project';
is $delete->('shop@1.0'), 204, '... in all of them';
is $t->sentry('GET', "${acme}shop\@1.0/$_")->status, 404, "... with its page '$_'" for '', 'commits/', 'deploys/';
is $t->sql_value(q(select (select count(*) from errtrack_private.deploys where release = 'shop@1.0')
    + (select count(*) from errtrack_private.release_commits where release = 'shop@1.0'))), 0, '... and all that was told of it';
is $delete->('shop@1.0'), 404, '... once';
is announce($blog, version => 'one more')->status, 201, 'then there is room again';
is known('theirs@1'), '99', 'what is of others is as it was';
is $t->sql_value(q(select count(*) from errtrack_private.audit where who = 'ann@a.example' and action = 'release.delete')), 2, 'it is noted who deleted it';

$t->done;
