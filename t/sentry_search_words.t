# Searches that can only be a mistake are refused with what is allowed; texts that look like
# keys stay texts; events, users and loggers are found by what was sent.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => <<'CONF');
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /api/0/ {
            errtrack_query;
        }
        location ~ /api/[1-9][0-9]*/ {
            client_max_body_size 0;
            errtrack_ingest;
        }
    }
}
CONF
my $other = $t->create_project('other', 'acme');
my $foreign = do { $t->create_organization('theirs'); $t->create_project('secret', 'theirs') };

sub encoded { return join '', map { /[A-Za-z0-9]/ ? $_ : sprintf '%%%02X', ord } split //, $_[0] }

sub answer {
    my ($search, %arg) = @_;
    return $t->sentry($arg{method} || 'GET', ($arg{at} || '/projects/acme/shop') . '/issues/?query=' . encoded($search), %{ $arg{more} || {} });
}

# The titles that a search finds.
sub found {
    my $answer = answer(@_);
    return $answer->status == 200 ? join ' | ', sort map { $_->{title} } @{ $answer->json } : 'status ' . $answer->status;
}

# ---- what there is ---------------------------------------------------------------------

my @titles = ('TypeError: x is not a function', q{Cannot read property 'a' of undefined (reading 'b')}, 'foo::bar failed',
    'GET http://host/x gave 500', 'std::bad_alloc', 'neither this or that', 'request failed, status: 500', 'no such key: "name"',
    'undefined method :gold', 'is level: with the ground', '(level: 3) is', 'port :8080 is taken', 'tail (', 'WHERE a OR b', '(is:resolved)',
    'plan:gold', 'C++: vector[3', q(it's a "quote));
my %event;
for my $title (@titles) {
    my $event = { event_id => sprintf('%032x', 0xe000 + keys %event), logentry => { message => $title }, fingerprint => [$title],
        level => 'error', logger => 'log0' };
    $event{$title} = $event->{event_id};
    $t->queue($event);
}
# Two events of one issue, and users with all kinds of names.
$t->queue({ message => 'pair', fingerprint => ['pair'], level => $_->[0], logger => $_->[1], tags => { plan => 'gold' }, user => $_->[2] }) for
    [ 'fatal', 'log1', { id => '1', email => 'u1@x.org', username => 'one', ip_address => '192.0.2.1' } ],
    [ 'error', 'log2', { username => 'two', ip_address => '192.0.2.2' } ];
$t->queue({ message => 'mail', fingerprint => ['mail'], user => { email => 'u2@x.org' } });
my $away = sprintf '%032x', 0xabcdef;
$t->queue({ event_id => $away, message => 'elsewhere' }, project => $other->{id});
my $hidden = sprintf '%032x', 0xabcdee;
$t->queue({ event_id => $hidden, message => 'hidden' }, project => $foreign->{id});
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == @titles + 5 } 'the events are filed';
eventually { $t->sql_value('select count(*) from errtrack_private.tag_facts') == 0 } 'their tags are counted';

# ---- mistakes --------------------------------------------------------------------------

my @mistakes = (
    [ 'is:'                         => qr/is: takes unresolved, resolved/ ],
    [ 'is: unresolved'              => qr/is: takes unresolved, resolved/ ],
    [ 'is:""'                       => qr/is: takes unresolved, resolved/ ],
    [ '!is:'                        => qr/is: takes unresolved, resolved/ ],
    [ 'is:open'                     => qr/is: takes unresolved, resolved/ ],
    [ 'level:'                      => qr/level: takes fatal, error, warning, info, debug/ ],
    [ 'level:bogus'                 => qr/level: takes fatal, error, warning, info, debug/ ],
    [ '!level:bogus'                => qr/level: takes fatal/ ],
    [ 'level:[error, bogus]'        => qr/level: takes fatal/ ],
    [ 'plan:'                       => qr/plan: needs a value; has:plan finds those/ ],
    [ 'is:unresolved plan:'         => qr/plan: needs a value/ ],
    [ 'plan: is:unresolved'         => qr/plan: needs a value/ ],
    [ '!plan: level:error'          => qr/plan: needs a value/ ],
    [ 'plan:""'                     => qr/plan: needs a value/ ],
    [ 'tags[plan]:'                 => qr/a tag needs a value/ ],
    [ 'tags[plan]:""'               => qr/a tag needs a value/ ],
    [ 'release:'                    => qr/release: needs a value; has:release/ ],
    [ 'environment: text'           => qr/environment: needs a value; has:environment/ ],
    [ 'user.email:'                 => qr/user\.email: needs a value; has:user\.email/ ],
    [ 'firstRelease:'               => qr/firstrelease: needs a value/ ],
    [ 'has:'                        => qr/has: needs the name of a tag/ ],
    [ 'age:'                        => qr/age must be a time.*%2B/ ],
    [ 'age: 30d'                    => qr/age must be a time.*%2B/ ],
    [ 'lastSeen:'                   => qr/lastseen must be a time/ ],
    [ 'times_seen:'                 => qr/times_seen must be a number/ ],
    [ 'issue:'                      => qr/issue: takes a short id or the number/ ],
    [ 'issue:foo'                   => qr/issue: takes a short id or the number/ ],
    [ 'issue:SHOP-*'                => qr/issue: takes a short id or the number/ ],
    [ 'assigned:'                   => qr/assigned: takes me, none, or the e-mail/ ],
    [ 'assigned:#team'              => qr/assigned: takes me, none, or the e-mail/ ],
    [ '!assigned:my_teams'          => qr/assigned: takes me, none, or the e-mail/ ],
    [ ':gold'                       => qr/no key in front of a colon/ ],
    [ 'is:unresolved :gold'         => qr/no key in front of a colon/ ],
    [ 'plan:"unclosed'              => qr/a quote is not closed/ ],
    [ 'plan:"'                      => qr/a quote is not closed/ ],
    [ 'tags[plan]:"unclosed value'  => qr/a quote is not closed/ ],
    [ 'plan:[gold'                  => qr/a list is not closed/ ],
    [ 'plan:[gold, silver'          => qr/a list is not closed/ ],
    [ 'is:unresolved OR is:resolved' => qr/OR and brackets are not supported/ ],
    [ 'timeout OR reset'            => qr/OR and brackets are not supported/ ],
    [ '(is:resolved OR is:ignored)' => qr/OR and brackets are not supported/ ],
    [ '(is:resolved level:error)'   => qr/OR and brackets are not supported/ ],
    [ '( is:resolved level:error )' => qr/OR and brackets are not supported/ ],
    [ '!(is:resolved level:error)'  => qr/OR and brackets are not supported/ ],
    [ '((!is:resolved) level:error)' => qr/OR and brackets are not supported/ ],
    [ 'status: is:unresolved'       => qr/is: takes unresolved/ ],
    [ 'title:'                      => qr/title: needs a value/ ],
    [ 'logger:'                     => qr/logger: needs a value; has:logger/ ],
    [ 'logger:""'                   => qr/logger: needs a value; has:logger/ ],
);
for my $case (@mistakes) {
    my ($search, $reason) = @$case;
    my $answer = answer($search);
    is $answer->status, 400, "'$search' is refused";
    like ref $answer->json eq "HASH" ? $answer->json->{detail} : "", $reason, '... and why';
}
for my $method (qw(PUT DELETE)) {
    for my $search ('plan:', 'is:', 'age: 30d', 'is:unresolved OR is:resolved', 'plan:"unclosed') {
        is answer($search, method => $method, more => { json => { status => 'resolved' } })->status, 400, "$method of what '$search' finds is refused";
    }
}
is answer('level:bogus', at => '/organizations/acme')->status, 400, 'so it is in an organization';
is answer('plan:', at => '/projects/acme/other')->status, 200, 'where no event has such a tag, plan: is a text';
is $t->sql_value(q(select count(*) from errtrack_private.issues where status = 'unresolved' and project_id = $1), $t->project->{id}), @titles + 2,
    'nothing was changed by them';

# ---- texts -----------------------------------------------------------------------------

# Each is found by what it is called, as far as that is no search of another kind.
for my $title (grep { !/ OR |^\(is|^plan|level: with|"name"/ } @titles) {
    is found($title), $title, "'$title' is a text";
}
for my $title (@titles) {
    is found('"' . $title =~ s/(["\\])/\\$1/gr . '"'), $title, "... also in quotes: '$title'";
}
my @texts = (
    [ 'TypeError:'              => 'TypeError: x is not a function' ],
    [ 'is:unresolved TypeError: x' => 'TypeError: x is not a function' ],
    [ 'status: 500'             => 'request failed, status: 500' ],
    [ 'foo::bar'                => 'foo::bar failed' ],
    [ '!std::bad_alloc foo::bar' => 'foo::bar failed' ],
    [ 'http://host/x'           => 'GET http://host/x gave 500' ],
    [ "(reading 'b')"           => q{Cannot read property 'a' of undefined (reading 'b')} ],
    [ ':8080'                   => 'port :8080 is taken' ],
    [ 'method :gold'            => 'undefined method :gold' ],
    [ '":gold"'                 => 'plan:gold | undefined method :gold' ],
    [ 'this or'                 => 'neither this or that' ],
    [ '"a OR b"'                => 'WHERE a OR b' ],
    [ 'a "OR" b'                => 'WHERE a OR b' ],
    [ '"plan:gold"'             => 'plan:gold' ],
    [ 'plan:gold'               => 'pair' ],
    [ 'plan:[gold, silver]'     => 'pair' ],
    [ 'has:plan'                => 'pair' ],
    [ 'a "quote'                => q(it's a "quote) ],
    [ 'vector[3'                => 'C++: vector[3' ],
    [ 'plan: gone'              => '' ],
);
is found($_->[0]), $_->[1], "'$_->[0]' finds " . ($_->[1] || 'nothing') for @texts;

# ---- what any event of an issue had -----------------------------------------------------

my @each = (
    [ 'logger:log1'             => 'pair' ],
    [ 'logger:log2'             => 'pair' ],
    [ 'logger:log*'             => join ' | ', sort @titles, 'pair' ],
    [ '!logger:log1 pair'       => '' ],
    [ 'level:fatal'             => 'pair' ],
    [ 'level:error pair'        => 'pair' ],
    [ '!level:fatal pair'       => '' ],
    [ '!level:error pair'       => '' ],
    [ 'user.id:1'               => 'pair' ],
    [ 'user.email:u1@x.org'     => 'pair' ],
    [ 'user.email:u2@x.org'     => 'mail' ],
    [ 'user.email:*@x.org'      => 'mail | pair' ],
    [ '!user.email:u1@x.org is:unresolved mail' => 'mail' ],
    [ '!user.email:u1@x.org pair' => '' ],
    [ 'user.username:two'       => 'pair' ],
    [ 'user.ip:192.0.2.2'       => 'pair' ],
    [ 'user.email:1'            => '' ],
    [ 'has:user.email'          => 'mail | pair' ],
    [ 'has:user.username'       => 'pair' ],
    [ 'has:user'                => 'mail | pair' ],
    [ '!has:user.id mail'       => 'mail' ],
);
is found($_->[0]), $_->[1], "'$_->[0]' finds " . ($_->[1] || 'nothing') for @each;
my ($pair) = map { $_->{id} } @{ answer('title:pair')->json };
my $tags = $t->sentry('GET', "/issues/$pair/tags/")->json;
is_deeply [ grep { /user/ } map { $_->{key} } @$tags ], ['user'], 'the tags of an issue have its users once';
is_deeply [ sort map { $_->{value} } map { @{ $_->{topValues} } } grep { $_->{key} eq 'user' } @$tags ], [qw(id:1 username:two)],
    '... by their first names';
is $t->sentry('GET', "/issues/$pair/tags/(user)/")->status, 404, '... and there is no other';
is_deeply [ map { $_->[0] } $t->sql(q(select distinct key from errtrack.issue_tags where key like '%user%')) ], ['user'], '... for SQL neither';

# ---- by an event -----------------------------------------------------------------------

my $id = $event{'std::bad_alloc'};
my $uuid = $id =~ s/^(.{8})(.{4})(.{4})(.{4})/$1-$2-$3-$4-/r;
is found($_), 'std::bad_alloc', "the issue of an event: '$_'" for $id, uc $id, $uuid, "\"$id\"", "is:unresolved $id";
is found("is:resolved $id"), '', '... unless another term rules it out';
is found('0' x 31 . '1'), '', 'the id of no event finds nothing';
is found($away), '', 'nor does that of another project';
is found($away, at => '/organizations/acme'), 'elsewhere', '... which is found where both are asked for';
is found($hidden, at => '/organizations/acme'), '', 'that of a project of others is not';
is answer($id, method => 'PUT', more => { json => { status => 'resolved' } })->json->{updated}, 1, 'what a PUT names by an event is changed';
is found("is:resolved $id"), 'std::bad_alloc', '... and that alone';

# ---- as the README writes it ------------------------------------------------------------

my @written = read_file(root() . '/README.md') =~ m{^    curl .*?(?:-X (\w+) )?"\$api(/projects/acme/shop/issues/\?[^"]+)"}mg;
is scalar @written, 4, 'the README shows two searches';
while (my ($method, $path) = splice @written, 0, 2) {
    my $given = $t->sentry($method || 'GET', $path, $method ? (json => {}) : ());
    is $given->status, 200, "it can be asked for: $path" or diag $given->content;
}
is $t->sentry('PUT', '/projects/acme/shop/issues/?query=is:unresolved+age:+30d&dryRun=1', json => {})->status, 400,
    'a + that was not written as %2B is noticed';

$t->done;
