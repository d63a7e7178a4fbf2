# Settings of a project over HTTP: filters, origins and scrubbing are those that the command
# lists and sets; what is wrong is refused as the command refuses it, and then nothing is set.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my ($yes, $no) = (JSON::PP::true(), JSON::PP::false());
my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
my $project = $t->project->{id};

sub get { return $t->sentry('GET', '/projects/acme/shop/')->json }

# Sets it, and answers with the members that are named.
sub set {
    my ($label, $body) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $answer = $t->sentry('PUT', '/projects/acme/shop/', json => $body);
    is $answer->status, 200, $label or diag $answer->content;
    my $got = $answer->json;
    is_deeply { map { $_ => $got->{$_} } keys %$got }, get(), '... and answered as it is then';
    return $got;
}

sub refused {
    my ($label, $body, $why) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = get();
    my $answer = $t->sentry('PUT', '/projects/acme/shop/', json => { name => 'Other', %$body });
    is $answer->status, 400, "$label is refused" or diag $answer->content;
    like $answer->json->{detail}, $why, '... with a reason';
    is_deeply get(), $before, '... and nothing is set';
    return;
}

sub listed { return join ' ', map { join ':', grep { defined } @$_{qw(kind setting origin value)} } @{ $t->errtrack(@_, '--json') } }

# ---- what there is ---------------------------------------------------------------

my $fresh = get();
is_deeply [ @$fresh{qw(allowedDomains sensitiveFields safeFields dataScrubber scrubIPAddresses filters)} ],
    [ [], [], [], $yes, $no, { agents => [], sdks => [], events => [] } ], 'a new project has no settings of its own';
is_deeply $fresh->{options}, { map { $_ => '' } qw(filters:blacklisted_ips filters:releases filters:error_messages) },
    '... and filters nothing';
$t->errtrack(qw(origin add shop https://a.example));
$t->errtrack(qw(filter add shop address 192.0.2.7));
$t->errtrack(qw(filter add shop event localhost));
$t->errtrack(qw(scrub add shop key tax_number));
my $got = get();
is_deeply [ @$got{qw(allowedDomains sensitiveFields)}, $got->{filters}{events}, $got->{options}{'filters:blacklisted_ips'} ],
    [ ['https://a.example'], ['tax_number'], ['localhost'], '192.0.2.7/32' ], 'what the command has set is shown';

# ---- setting it ------------------------------------------------------------------

set('origins are replaced', { allowedDomains => [ 'https://*.B.example', ' localhost:* ', '' ] });
is listed(qw(origin list shop)), 'https://*.b.example localhost:*', '... by those that are given';
set('filters are set', {
    filters => { agents => ['crawlers'], sdks => ['sentry.javascript.*<7.0.0'], events => [ 'health-checks', 'localhost' ] },
    options => { 'filters:blacklisted_ips' => "2001:db8::/32\r\n\n192.0.2.0/24\n", 'filters:releases' => 'shop@1.*', 'filters:error_messages' => "*ResizeObserver*\nType?: x" },
});
is listed(qw(filter list shop)), 'address:192.0.2.0/24 address:2001:db8::/32 agent:crawlers sdk:sentry.javascript.*<7.0.0 '
    . 'event:health-checks event:localhost message:*ResizeObserver* message:Type?: x release:shop@1.*', '... as the command has them';
set('scrubbing is set', { sensitiveFields => [ 'iban', 'tax_number' ], safeFields => ['csrf'], scrubIPAddresses => $yes, dataScrubber => $no });
is listed(qw(scrub list shop)), 'secrets:off addresses:on key:iban key:tax_number exempt:csrf', '... too';
$got = set('what is not named stays', { filters => { events => [] }, name => 'The shop' });
is_deeply [ $got->{name}, $got->{filters}, $got->{sensitiveFields} ],
    [ 'The shop', { agents => ['crawlers'], sdks => ['sentry.javascript.*<7.0.0'], events => [] }, [ 'iban', 'tax_number' ] ], '... also within filters';
is_deeply set('what was answered may be sent back', $got), $got, '... and changes nothing';
is_deeply set('null changes nothing', { map { $_ => undef } qw(name allowedDomains dataScrubber filters options sensitiveFields quotas limits) }), $got, '... at all';
is_deeply set('options of Sentry that say nothing here are passed over', { options => { 'sentry:resolve_age' => 5 } }), $got, '... and not kept';
$got = set('everything is taken away', { allowedDomains => [], sensitiveFields => [], safeFields => [], scrubIPAddresses => $no, dataScrubber => $yes,
    filters => { agents => [], sdks => [] }, options => { map { $_ => '' } keys %{ $fresh->{options} } } });
is_deeply { %$got, name => $fresh->{name} }, $fresh, '... and it is as it was';

# ---- what is wrong ---------------------------------------------------------------

refused('an origin that is none', { allowedDomains => [ 'https://a.example', 'https://a.example/path' ] },
    qr{^allowedDomains: an origin looks like .* "https://a\.example/path" does not$});
refused('a class of agents that there is not', { filters => { agents => ['bots'] } }, qr/^filters\.agents: there is no class of agents "bots": use crawlers, legacy-browsers$/);
refused('an address with bits behind its mask', { options => { 'filters:blacklisted_ips' => "192.0.2.7\n192.0.2.1/24" } },
    qr{^filters:blacklisted_ips: "192\.0\.2\.1/24" has bits behind its mask: write 192\.0\.2\.0/24$});
refused('a pattern as a name', { sensitiveFields => ['tax*'] }, qr/^sensitiveFields: a name is letters, .* there are no patterns$/);
refused('more than there is room for', { options => { 'filters:error_messages' => join "\n", map { 'x' x 290 . $_ } 1 .. 20 } }, qr/^filters:error_messages: a project has room for 4096 bytes/);
refused('a member that there is not', { retentionDay => 3 }, qr/^there is no member "retentionDay": there are name, platform, retentionDays, /);
refused('a filter that there is not', { filters => { addresses => [] } }, qr/^there is no "addresses" in filters: there are agents, sdks, events$/);
refused('an option that is no filter', { options => { 'filters:web-crawlers' => '1' } }, qr/^there is no "filters:web-crawlers" in options: there are .*; other filters are in filters$/);
refused('another slug', { slug => 'store' }, qr/^slug cannot be changed/);
for my $case ([ allowedDomains => 'x', qr/^allowedDomains must be a list of texts/ ], [ sensitiveFields => [1], qr/^sensitiveFields must be a list of texts/ ],
    [ filters => [], qr/^filters must be an object$/ ], [ options => 'x', qr/^options must be an object$/ ], [ dataScrubber => 'maybe', qr/^dataScrubber must be true or false$/ ],
    [ scrubIPAddresses => 1, qr/^scrubIPAddresses must be true or false$/ ])
{
    my ($name, $value, $why) = @$case;
    refused("$name of another type", { $name => $value }, $why);
}

# ---- who ---------------------------------------------------------------------------

my @noted = map { JSON::PP->new->decode($_->[0]) } $t->sql(q(select details from errtrack_private.audit where action = 'project.update' order by id));
is_deeply $noted[0], { allowedDomains => [ 'https://*.B.example', ' localhost:* ', '' ] }, 'the audit tells what was changed';
is $t->sql_value(q(select min(who) from errtrack_private.audit where action = 'project.update' and project_id = $1), $project), 'admin@example.com', '... and by whom';
is $t->sql_value(q(select count(*) from errtrack_private.audit where who = 'errtrack_query')), 0, '... once, and not as what the command does';

$t->done;
