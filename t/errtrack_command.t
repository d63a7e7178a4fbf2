# The command "errtrack" from an empty database to a running instance: what each
# command prints, refuses and leaves in the database, and how it ends: 0 when it
# did what it was told, 1 when it refuses, 2 when the database cannot be reached.

use strict;
use warnings;
use utf8;

use Digest::SHA qw(sha256_hex);
use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Ports qw(free_port);
use ErrTrack::Process qw(build_dir root run write_file);

binmode $_, ':encoding(UTF-8)' for map { Test::More->builder->$_ } qw(output failure_output todo_output);

# A database that nobody has migrated, in a cluster with the roles of the harness.
my $t = ErrTrack->new;
my $postgres = $t->start_postgres;
my $redis = $t->start_redis(appendonly => 'no', password => 'correct horse');
$postgres->rows_in('template1', 'create database fresh');

my $admin = $postgres->conninfo('errtrack_admin', database => 'fresh');
my $errtrack = build_dir() . '/errtrack';

delete @ENV{ grep { /^ERRTRACK_(?:DATABASE|URL|REDIS|SQL)$/ } keys %ENV };
$ENV{ERRTRACK_SQL} = root() . '/sql';

# ---- running it -----------------------------------------------------------------

# Everything that was printed, for secrets that must not be in it.
my $printed = '';

# (status, output, errors); options as those of run, and database => another one,
# undef for none.
sub call {
    my ($words, %arg) = @_;
    my $database = exists $arg{database} ? delete $arg{database} : $admin;
    my @command = ($errtrack, (defined $database ? ('--database', $database) : ()), @$words);
    utf8::encode($_) for grep { utf8::is_utf8($_) } @command;
    my ($status, $out, $err) = run(\@command, %arg);
    utf8::decode($_) for $out, $err;
    $printed .= $out . $err;
    return ($status, $out, $err);
}

# Keys, tokens and times differ each time.
sub steady {
    my ($text) = @_;
    $text =~ s/\bglet_[0-9a-f]{32}\b/glet_<32 hex>/g;
    $text =~ s/\bett_[0-9a-f]{40}\b/ett_<40 hex>/g;
    $text =~ s/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00/<time>/g;
    return $text;
}

sub in_words {
    my ($status, $out, $err) = @_;
    return "status $status\n" . steady($out) . join '', map { "[stderr] $_" } split /^/, steady($err);
}

# Passes when the command ends with 0 and prints exactly this.
sub prints {
    my ($words, $output, $label, %arg) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is in_words(call($words, %arg)), "status 0\n$output", $label;
}

# Passes when it ends with 1 and prints this message and nothing else.
sub refuses {
    my ($words, $message, $label, %arg) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is in_words(call($words, %arg)), "status 1\n[stderr] errtrack: $message\n", $label;
}

# What it prints with --json; the file ends when it fails.
sub json {
    my ($words, %arg) = @_;
    my ($status, $out, $err) = call([ @$words, '--json' ], %arg);
    die "errtrack @$words: status $status: $err" if $status;
    utf8::encode($out);
    return JSON::PP->new->utf8->decode($out);
}

sub value {
    my ($sql, @values) = @_;
    my ($row) = $postgres->rows_in('fresh', $sql, @values);
    return $row->[0];
}

# ---- migrate --------------------------------------------------------------------

my @migrations = sort map { m{([^/]+)\.sql\z} } glob root() . '/sql/migrations/*.sql';
my ($newest) = $migrations[-1] =~ /^0*(\d+)/;

refuses [qw(org list)], 'this database does not have the schema of this release: run "errtrack migrate"',
    'nothing works before the database is migrated';
prints ['migrate'], join('', map { "[stderr] migrate: $_\n" } @migrations), 'migrate says what it does';
prints ['migrate'], '', 'a second time there is nothing to do and to say';
refuses [qw(migrate --sql-dir nowhere)],
    'cannot read nowhere/migrate: name the folder of the SQL files with --sql-dir or ERRTRACK_SQL',
    'the folder of the SQL files has to be there';

# ---- organizations --------------------------------------------------------------

prints [qw(org list)], "id  slug  name  projects  members  created_at\n", 'an empty list is its headings';
refuses [qw(project create web)], 'there is no organization yet: create one first', 'a project needs an organization';
prints [qw(org create acme --name), 'Acme Corp'], <<'OUT', 'an organization is made';
id    1
slug  acme
name  Acme Corp
OUT
refuses [qw(org create acme)], 'there is an organization "acme" already', 'a slug is taken once';
prints [qw(org create other --id 77 --json)], qq({"id":77,"slug":"other","name":"Other"}\n), 'an id may be wished for';
refuses [qw(org create other2 --id 77)], 'id 77 is taken by another organization', 'but is given once';
refuses [qw(org create), 'Web Shop'], 'a slug must match [a-z0-9][a-z0-9_-]{0,49}, "Web Shop" does not', 'a slug is a word';
prints [qw(org list)], <<'OUT', 'organizations are listed';
id  slug   name       projects  members  created_at
 1  acme   Acme Corp         0        0  <time>
77  other  Other             0        0  <time>
OUT
is_deeply [ map { delete $_->{created_at}; $_ } json([qw(org list)])->@* ], [
    { id => 1, slug => 'acme', name => 'Acme Corp', projects => 0, members => 0 },
    { id => 77, slug => 'other', name => 'Other', projects => 0, members => 0 },
], 'as JSON too';
prints [qw(org create list)], "id    2\nslug  list\nname  List\n", 'a slug may be the name of a command, and is the name with capitals';

# ---- people ---------------------------------------------------------------------

prints [qw(user create ann@example.org --name), 'Ann Müller'], <<'OUT', 'a user is made';
id             1
email          ann@example.org
name           Ann Müller
administrator  no
OUT
refuses [qw(user create ANN@example.org)], 'there is already a user "ANN@example.org"', 'letters of any case are the same address';
refuses [qw(user create nobody)], '"nobody" is not an e-mail address', 'a user has an address';
is_deeply [ json([qw(user create root@example.org --admin)])->@{qw(email administrator)} ],
    [ 'root@example.org', JSON::PP::true ], 'an administrator is made';
refuses [qw(token create --user ann@example.org)],
    'user "ann@example.org" has no role in any organization: give one first', 'without a role there is no token';
prints [qw(user role ann@example.org acme developer)], "ann\@example.org is now developer in acme\n", 'a role is given';
refuses [qw(user role ann@example.org acme boss)],
    'there is no role "boss": use reporter, developer, maintainer, owner', 'the roles are told';
refuses [qw(user role bob@example.org acme owner)], 'there is no user "bob@example.org"', 'the user has to be there';
prints [qw(user role ann@example.org 77 owner)], "ann\@example.org is now owner in 77\n", 'an organization is named by id too';
prints [qw(user role ann@example.org other none)], "ann\@example.org has no role in other\n", 'a role is taken away';
is value(q{select string_agg(distinct action, ' ' order by action) from errtrack_private.audit where action like 'member.%'}), 'member.delete member.set',
    '... and both are noted';
is_deeply [ map { [ @$_{qw(email name roles)} ] } json([qw(user list)])->@* ],
    [ [ 'ann@example.org', 'Ann Müller', 'acme:developer' ], [ 'root@example.org', '', '' ] ], 'users are listed with their roles';

# ---- projects and their DSN -----------------------------------------------------

refuses [qw(project create web)], 'there are 3 organizations: say which one is meant', 'the organization has to be clear';
prints [qw(project create web --org acme --platform python)], <<'OUT', 'a project is made with a key and a DSN';
project       1
organization  acme
slug          web
key           glet_<32 hex>
dsn           http://glet_<32 hex>@localhost/1
OUT
is value('select count(*) from errtrack_private.client_keys'), 1, 'its key is one row';
refuses [qw(project create web --org acme)], 'slug "web" is taken in organization "acme"', 'a slug is taken once in an organization';
prints [qw(project create api --org acme --id 42 --url https://errors.example --gitlab)], <<'OUT', 'a DSN as GitLab writes it';
project       42
organization  acme
slug          api
key           glet_<32 hex>
dsn           https://glet_<32 hex>@errors.example:443/errortracking/api/v1/projects/42
OUT
refuses [qw(project create api2 --org acme --id 42)], 'id 42 is taken by another project', 'an id is given once';
like json([ qw(project create web --org 77 --url), 'http://[::1]:8080/errors/' ])->{dsn},
    qr{^http://glet_[0-9a-f]{32}\@\[::1\]:8080/errors/2\z}, 'a DSN with a port and a prefix';
refuses [qw(project create bad --org acme --url ftp://user:pw@x)],
    'a base URL looks like https://errors.example or http://127.0.0.1:8080/errors, "ftp://...@x" does not',
    'another scheme is refused, and a password in it is not repeated';
refuses [qw(project create bad --org nowhere)], 'there is no organization "nowhere"', 'the organization has to be there';
refuses [qw(project create bad --org acme --id 0)],
    '--id: Value 0 not in range 1 to 9223372036854775807 (see errtrack project create --help)', 'ids are positive';
prints [qw(project list)], <<'OUT', 'projects are listed';
id  organization  slug  name  platform  active_keys  created_at              retention_days
 1  acme          web   Web   python              1  <time>               -
 2  other         web   Web   -                   1  <time>               -
42  acme          api   Api   -                   1  <time>               -
OUT
is_deeply [ map { [ @$_{qw(id organization slug platform active_keys)} ] } json([qw(project list)])->@* ],
    [ [ 1, 'acme', 'web', 'python', 1 ], [ 2, 'other', 'web', undef, 1 ], [ 42, 'acme', 'api', undef, 1 ] ], 'as JSON too';

# ---- keys -----------------------------------------------------------------------

my $brought = '0123456789abcdef0123456789abcdef';

refuses [qw(key create web)], 'several projects have the slug "web": write acme/web or other/web', 'the project has to be clear';
my $keys = value('select count(*) from errtrack_private.client_keys');
my $made = json([ qw(key create acme/web --public-key), $brought, '--label', 'from Sentry' ]);
is_deeply [ @$made{qw(project key label dsn)} ], [ 1, $brought, 'from Sentry', "http://$brought\@localhost/1" ],
    'a key from elsewhere is taken over';
is value('select count(*) from errtrack_private.client_keys'), $keys + 1, 'a key made is one row';
refuses [ qw(key create api --public-key), $brought ], "key \"$brought\" is taken by project 1", 'a key is of one project';
refuses [ qw(key create api --public-key), 'short key' ], 'a key must match [A-Za-z0-9_-]{16,64}, "short key" does not',
    'a key has its form';
refuses [qw(key create 43)], 'there is no project 43', 'the project has to be there, by id';
refuses [qw(key create nix)], 'there is no project "nix"', 'by slug';
refuses [qw(key create acme/nix)], 'there is no project "acme/nix"', 'or by both';
is_deeply [ map { [ @$_{qw(label active dsn)} ] } json([qw(key list 1 --url https://errors.example --gitlab)])->@* ], [
    [ 'default', JSON::PP::true, 'https://' . first_key() . '@errors.example:443/errortracking/api/v1/projects/1' ],
    [ 'from Sentry', JSON::PP::true, "https://$brought\@errors.example:443/errortracking/api/v1/projects/1" ],
], 'keys are listed with their DSN';
prints [ qw(key disable), $made->{id} ], "key $made->{id} is disabled\n", 'a key is disabled';
prints [ qw(key disable), $made->{id} ], "key $made->{id} is disabled\n", 'again, without harm';
is_deeply [ map { $_->{active} } json([qw(key list acme/web)])->@* ], [ JSON::PP::true, JSON::PP::false ], 'the list says so';
prints [ qw(key delete), $made->{id} ], "key $made->{id} is deleted\n", 'a key is deleted';
refuses [ qw(key delete), $made->{id} ], "there is no client key $made->{id}", 'once';
refuses [qw(issue show acme/web WEB-U)], 'WEB-U is neither the number of an issue nor a short id like WEB-1A',
    'what is no issue is no issue';
refuses [qw(key disable abc)], 'key: Value abc not in range 1 to 9223372036854775807 (see errtrack key disable --help)',
    'a key is named by its number';

sub first_key { return value('select public_key from errtrack_private.client_keys where project_id = 1 order by id limit 1') }

# ---- quotas, filters, origins ---------------------------------------------------

prints [qw(quota list acme/web)], "key  category  items  seconds  limit\n", 'a project has no quotas';
prints [qw(quota set acme/web error 10000/3600s)], "error of acme/web is limited to 10000/1h\n", 'a category is limited';
prints [qw(quota set acme/web error 20000/1h)], "error of acme/web is limited to 20000/1h\n", 'to something else';
prints [qw(quota set acme/web all 5/90s --key 1)], "all of key 1 is limited to 5/90s\n", 'and for one key';
prints [qw(quota list acme/web)], <<'OUT', 'quotas are listed';
key  category  items  seconds  limit
  -  error     20000     3600  20000/1h
  1  all           5       90  5/90s
OUT
is_deeply json([qw(quota list acme/web)]), [
    { key => undef, category => 'error', items => 20000, seconds => 3600, limit => '20000/1h' },
    { key => 1, category => 'all', items => 5, seconds => 90, limit => '5/90s' },
], 'as JSON too';
is json([qw(quota list acme/web)])->[0]{limit}, '20000/1h', 'in words that can be set again';
prints [ qw(quota set acme/web session), $_->[0] ], "session of acme/web is limited to $_->[1]\n", "a limit of $_->[0]"
    for [ '0/60s', '0/1m' ], [ '7/24h', '7/1d' ], [ '9007199254740991/1d', '9007199254740991/1d' ];
refuses [ qw(quota set acme/web error), $_ ],
    "a limit looks like 10000/1h, items and a window in s, m, h or d; \"$_\" does not", "a limit is not $_"
    for '10000', '10/hour', '1.5/1h', '10/1w', ' 10/1h';
refuses [ qw(quota set acme/web error), "10/$_" ], "a window is 1s to 1d long, \"$_\" is not", "a window is not $_"
    for '0s', '2d', '86401s', '99999d';
refuses [qw(quota set acme/web error 9007199254740992/1d)], 'a limit is at most 9007199254740991 items', 'a limit has an end';
refuses [qw(quota set acme/web bugs 1/1s)],
    'there is no category "bugs": use all, error, transaction, session, attachment, monitor, feedback', 'the categories are told';
refuses [qw(quota set acme/web all 1/1s --key 2)], 'project 1 has no client key 2', 'the key is one of the project';
refuses [qw(quota set nix all 1/1s)], 'there is no project "nix"', 'the project has to be there';
prints [qw(quota remove acme/web all --key 1)], "all of key 1 is not limited\n", 'a quota of a key is removed';
refuses [qw(quota remove acme/web all --key 1)], 'key 1 has no quota for all', 'once';
refuses [qw(quota remove acme/web all)], 'project 1 has no quota for all', 'or never';
prints [qw(quota remove acme/web), $_], "$_ of acme/web is not limited\n", "a quota for ${_}s is removed" for qw(error session);

prints [qw(filter list acme/web)], "kind  value\n", 'a project has no filters';
prints [ qw(filter add acme/web), @$_ ], "@$_ is filtered in acme/web\n", "@$_ is filtered"
    for [qw(sdk sentry.javascript.*<7.0.0)], [qw(agent crawlers)], [qw(address 2001:db8::/32)], [qw(address 192.0.2.7)], [qw(agent crawlers)];
prints [qw(filter list acme/web)], <<'OUT', 'filters are listed';
kind     value
address  192.0.2.7/32
address  2001:db8::/32
agent    crawlers
sdk      sentry.javascript.*<7.0.0
OUT
refuses [qw(filter add acme/web address 192.0.2)],
    'an address looks like 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32, "192.0.2" does not', 'an address is one';
refuses [qw(filter add acme/web address 192.0.2.7/24)],
    '"192.0.2.7/24" has bits behind its mask: write 192.0.2.0/24', 'a network begins at its beginning';
refuses [qw(filter add acme/web agent bots)],
    'there is no class of agents "bots": use crawlers, legacy-browsers', 'the classes are told';
refuses [ qw(filter add acme/web sdk), 'sentry python' ],
    'an SDK looks like sentry.python or sentry.javascript.*<7.0.0, "sentry python" does not', 'an SDK has its form';
refuses [qw(filter add acme/web origin a.example)],
    'kind: origin not in {address,agent,sdk,event,message,release} (see errtrack filter add --help)', 'the kinds are told';
refuses [qw(filter remove acme/web address 192.0.2.8)], 'project 1 has no filter address "192.0.2.8/32"', 'what is removed was there';
prints [ qw(filter remove acme/web), @$_ ], "@$_ is not filtered in acme/web\n", "@$_ is filtered no more"
    for [qw(sdk sentry.javascript.*<7.0.0)], [qw(agent crawlers)], [qw(address 2001:db8::/32)], [qw(address 192.0.2.7)];

prints [ qw(filter add acme/web), @$_ ], "@$_ is filtered in acme/web\n", "@$_ is filtered"
    for [qw(event localhost)], [qw(message *Resize*)], [qw(release web@1.*)], [qw(event localhost)];
is_deeply json([qw(filter list acme/web)]), [ map { { kind => $_->[0], value => $_->[1] } }
    [ event => 'localhost' ], [ message => '*Resize*' ], [ release => 'web@1.*' ] ], 'filters of bodies are listed';
refuses [qw(filter add acme/web event crawlers)],
    'there is no class of events "crawlers": use browser-extensions, health-checks, legacy-browsers, localhost', 'the classes are told';
refuses [qw(filter add acme/web message **)],
    'a pattern looks like *ResizeObserver* or shop@1.*, up to 300 bytes, "**" does not', 'a pattern is about something';
refuses [ qw(filter add acme/web message), 'x' x 301 ], 'a pattern looks like *ResizeObserver* or shop@1.*, up to 300 bytes, "'
    . 'x' x 301 . '" does not', 'a pattern has an end';
refuses [qw(filter remove acme/web release web@2.*)], 'project 1 has no filter release "web@2.*"', 'what is removed was there';
prints [ qw(filter remove acme/web), @$_ ], "@$_ is not filtered in acme/web\n", "@$_ is filtered no more"
    for [qw(event localhost)], [qw(message *Resize*)], [qw(release web@1.*)];

# ---- scrubbing ------------------------------------------------------------------

prints [qw(scrub list acme/web)], "setting    value\nsecrets    on\naddresses  off\n", 'secrets are scrubbed unless a project says otherwise';
prints [ qw(scrub add acme/web), @$_ ], "@$_ is set in acme/web\n", "@$_ is set"
    for [qw(key iban)], [qw(key tax_number)], [qw(key iban)], [qw(exempt locale)];
prints [qw(scrub set acme/web secrets off)], "scrubbing of secrets is off in acme/web\n", 'secrets may stay';
prints [qw(scrub set acme/web addresses on)], "scrubbing of addresses is on in acme/web\n", 'addresses may go';
prints [qw(scrub list acme/web)], <<'OUT', 'all of it is listed';
setting    value
secrets    off
addresses  on
key        iban
key        tax_number
exempt     locale
OUT
refuses [qw(scrub add acme/web key --)], 'value is required (see errtrack scrub add --help)', 'a key is a word';
refuses [qw(scrub add acme/web key ..)], 'a key looks like tax_number, a word of 64 bytes at most, ".." does not', 'with letters';
refuses [ qw(scrub add acme/web key), 'x' x 65 ], 'a key looks like tax_number, a word of 64 bytes at most, "' . 'x' x 65 . '" does not', 'not too many';
refuses [qw(scrub set acme/web secrets maybe)], 'value: maybe not in {on,off} (see errtrack scrub set --help)', 'a switch is on or off';
refuses [qw(scrub set acme/web cookies on)], 'what: cookies not in {secrets,addresses} (see errtrack scrub set --help)', 'there are two switches';
refuses [qw(scrub remove acme/web exempt iban)], 'project 1 has no exempt "iban"', 'what is removed was there';
refuses [qw(scrub list nix)], 'there is no project "nix"', 'the project has to be there';
prints [qw(scrub remove acme/web key iban)], "key iban is not set in acme/web\n", 'a key is removed';
prints [qw(scrub set acme/web secrets on)], "scrubbing of secrets is on in acme/web\n", 'secrets are scrubbed again';

prints [qw(origin list acme/web)], "origin\n", 'a project has no origins';
prints [ qw(origin add acme/web), $_ ], "$_ may report to acme/web\n", "$_ is allowed"
    for 'https://*.Example.com', 'http://localhost:*', '[::1]:8080';
is_deeply json([qw(origin list acme/web)]), [ map { { origin => $_ } } '[::1]:8080', 'http://localhost:*', 'https://*.example.com' ],
    'origins are listed';
refuses [ qw(origin add acme/web), $_ ],
    "an origin looks like https://shop.example.com, *.example.com or http://localhost:*, \"$_\" does not", "$_ is no origin"
    for 'https://a.example/', 'https://a*.example', 'a.example:99999', 'a b';
refuses [qw(origin remove acme/web a.example)], 'project 1 has no origin "a.example"', 'what is removed was there';
prints [ qw(origin remove acme/web), $_ ], "$_ is no origin of acme/web\n", "$_ is allowed no more" for '[::1]:8080', 'http://localhost:*';
prints [qw(origin remove acme/web https://*.EXAMPLE.com)],
    "https://*.EXAMPLE.com is no origin of acme/web: none is left, every origin may report\n", 'the last one opens the door, and it says so';
is value('select count(*) from errtrack_private.edge_settings'), 0, 'nothing is left of it';

# ---- tokens ---------------------------------------------------------------------

my @secrets;

{
    my ($status, $out, $err) = call([qw(token create --user ann@example.org --org acme --label ci --expires 30)]);
    is $status, 0, 'a token is made';
    is $err, "Keep the token now: it is not shown again.\n", 'with the advice to keep it';
    my ($token) = $out =~ /^token +(ett_[0-9a-f]{40})$/m;
    push @secrets, $token;
    like $out, qr/^expires_at +\d{4}-\d\d-\d\d /m, 'it ends some day';
    is value(q(select encode(hash, 'hex') from errtrack_private.tokens order by id desc limit 1)), sha256_hex($token),
        'the database knows only its SHA-256';
}
my $narrow = json([qw(token create --user ann@example.org --project acme/api --scope event:read --scope org:read)]);
push @secrets, $narrow->{token};
is_deeply [ @$narrow{qw(owner organization project scopes expires_at)} ],
    [ 'ann@example.org', 'acme', 'api', [ 'event:read', 'org:read' ], undef ], 'a token may be for one project and few scopes';
push @secrets, json([qw(token create --user root@example.org)])->{token};
refuses [qw(token create --user ann@example.org --org 77)],
    'user "ann@example.org" has no role in organization "other": give one first', 'the role has to be in that organization';
refuses [qw(token create --user ann@example.org --org other --project acme/api)],
    'project "acme/api" is not in organization "other"', 'the project too';
refuses [qw(token create --user ann@example.org --scope org:write)],
    'scope "org:write" is more than the role of user "ann@example.org" allows, which is '
    . 'event:read, event:write, org:read, project:read, project:releases', 'a token is no more than its owner';
refuses [qw(token create --user root@example.org --expires 0)],
    '--expires: Value 0 not in range 1 to 36500 (see errtrack token create --help)', 'a token lives for a day at least';

my @gitlab = map { "gitlab-shared-secret-$_" } 1 .. 3;
push @secrets, @gitlab;

prints [qw(token import --label gitlab.example)], "token 4 is valid\n", 'a token of GitLab comes from standard input',
    stdin => "$gitlab[0]\n";
is value(q(select encode(hash, 'hex') from errtrack_private.tokens order by id desc limit 1)), sha256_hex($gitlab[0]),
    'without its line end';
refuses [qw(token import)], 'this token is there already, as token 4', 'it is taken over once', stdin => $gitlab[0];
prints [qw(token import)], "token 5 is valid\n", 'a second one is valid beside it, its line ends as on Windows',
    stdin => "$gitlab[1]\r\n";
{
    my ($status, $out, $err) = call([qw(token import)], stdin => "$gitlab[2]\n");
    is $status, 1, 'a third one is refused';
    like $err, qr/^errtrack: two tokens of GitLab are valid already: revoke the older one first, token 4 \(imported [0-9-]+, never used\)\n\z/,
        'with what to do about it';
}
my $expected = 'expected the token of GitLab on standard input, 16 to 512 characters on one line';
refuses [qw(token import)], $expected, 'a short one is no token', stdin => "short\n";
refuses [qw(token import)], $expected, 'nor is nothing', stdin => '';
refuses [qw(token import)], 'the token on standard input holds blanks or characters that no header can carry',
    'nor are words', stdin => "two words in a secret\n";
is_deeply [ map { [ @$_{qw(id kind owner organization project label valid)} ] } json([qw(token list)])->@* ], [
    [ 1, 'personal', 'ann@example.org', 'acme', undef, 'ci', JSON::PP::true ],
    [ 2, 'personal', 'ann@example.org', 'acme', 'api', '', JSON::PP::true ],
    [ 3, 'personal', 'root@example.org', undef, undef, '', JSON::PP::true ],
    [ 4, 'gitlab', undef, undef, undef, 'gitlab.example', JSON::PP::true ],
    [ 5, 'gitlab', undef, undef, undef, '', JSON::PP::true ],
], 'tokens are listed';
prints [qw(token revoke 4)], "token 4 is revoked\n", 'a token is revoked';
prints [qw(token import)], "token 6 is valid\n", 'now there is room for the third', stdin => "$gitlab[2]\n";
refuses [qw(token revoke 99)], 'there is no token 99', 'the token has to be there';

# ---- status ---------------------------------------------------------------------

my $password = write_file($t->dir . '/redis-password', "correct horse\n");
my $wrong = write_file($t->dir . '/wrong-password', "wrong\n");
my @database_fields = qw(postgresql migration projects active_keys disabled_keys unresolved_issues
    events_last_hour events_last_day rows_in_default_partitions dead_letters dead_letters_last_day ledger_since
    requests_accepted requests_refused requests_filed requests_dead requests_waiting requests_open
    replicas replica_bytes_behind);
my @queue_fields = qw(queue_events queue_events_pending queue_large queue_large_pending queue_lag_seconds keys_generation);

my $status = json(['status']);
is_deeply [ sort keys %$status ], [ sort @database_fields ], 'the status is about the database';
is_deeply [ @$status{qw(migration projects active_keys disabled_keys dead_letters)} ], [ $newest, 3, 3, 0, 0 ], 'and is right';

my @redis = ('--redis', $redis->address);
$status = json([ 'status', @redis, '--redis-password-file', $password ]);
is_deeply [ sort keys %$status ], [ sort @database_fields, @queue_fields ], 'with Redis it is about the queue as well';
is_deeply [ @$status{@queue_fields} ], [ 0, undef, 0, undef, 0, undef ], 'which nobody has used yet';

$t->redis('XADD', 'errtrack:{q0}:events', '*', qw(m a b b)) for 1 .. 2;
$t->redis('XGROUP', 'CREATE', 'errtrack:{q0}:events', 'workers', 0);
$t->redis('XREADGROUP', 'GROUP', 'workers', 'me', 'COUNT', 1, 'STREAMS', 'errtrack:{q0}:events', '>');
$t->redis('HSET', 'errtrack:keys', '#generation', 17);
$status = json([ 'status', @redis, '--redis-password-file', $password ]);
is_deeply [ @$status{ grep { $_ ne 'queue_lag_seconds' } @queue_fields } ], [ 2, 1, 0, undef, 17 ], 'what waits and what is in work is counted';
{
    local $ENV{ERRTRACK_REDIS} = $redis->address;
    is json([ 'status', '--redis-password-file', $password ])->{queue_events}, 2, 'the environment may name Redis';
}

# When Redis is away the database is shown all the same.
sub status_without_queue {
    my ($message, $label, @options) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = call([ 'status', @options ]);
    return is "$code $err" . join(' ', $out =~ /^projects +(\d+)\n.*^queue_events +(\S+)\n/ms),
        "1 errtrack: $message\n3 -", $label;
}

my $nobody = '127.0.0.1:' . free_port();
status_without_queue("Redis at $nobody: Connection refused", 'Redis is not there', '--redis', $nobody);
status_without_queue('the address of Redis is host:port or unix:/path', 'the address is none', '--redis', 'nonsense');
status_without_queue('Redis at ' . $redis->address . ': NOAUTH Authentication required.', 'the password is missing', @redis);
status_without_queue('Redis at ' . $redis->address . ': WRONGPASS invalid username-password pair or user is disabled.',
    'the password is wrong', @redis, '--redis-password-file', $wrong);
status_without_queue('cannot read a password from nowhere', 'the password file is missing',
    @redis, '--redis-password-file', 'nowhere');

# ---- the command line -----------------------------------------------------------

refuses [], 'A subcommand is required (see errtrack --help)', 'a command has to be said';
refuses ['bogus'], 'there is no command "errtrack bogus" (see errtrack --help)', 'one that is there';
refuses [qw(issue bogus --json)], 'there is no command "errtrack issue bogus" (see errtrack issue --help)', 'also behind another';
refuses ['issue'], 'A subcommand is required (see errtrack issue --help)', 'which needs one';
refuses [qw(--bogus org list)], 'The following argument was not expected: --bogus (see errtrack org list --help)', 'options are known, too';
refuses ['--bogus'], 'The following argument was not expected: --bogus (see errtrack --help)', 'even alone';
refuses [qw(org create)], 'slug is required (see errtrack org create --help)', 'what it needs too';
refuses [qw(org list --bogus)], 'The following argument was not expected: --bogus (see errtrack org list --help)', 'and nothing else';
like +(call ['--help'])[1], qr/^Usage: errtrack \[OPTIONS\] SUBCOMMAND$/m, 'there is help';
like +(call [qw(token create --help)])[1], qr/^Usage: errtrack token create \[OPTIONS\]$/m, 'for each command';

# ---- reaching the database ------------------------------------------------------

sub unreachable {
    my ($database, $words, $why, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = call($words, database => $database);
    return like "$code $out$err", qr/\A2 (?:errtrack: cannot reach the database \(--database, ERRTRACK_DATABASE\): |psql: ).*$why/s, $label;
}

my $closed = free_port();
my @away = ("host=127.0.0.1 port=$closed", "host=127.0.0.1 port=$closed password=hunter2");
unreachable($away[0], [qw(org list)], 'Connection refused', 'a database that is away ends the command with 2');
unreachable($away[0], ['status'], 'Connection refused', 'status too');
unreachable($away[1], ['migrate'], 'Connection refused', 'migrate too');
unreachable($admin =~ s/dbname=fresh/dbname=nosuchdb/r, [qw(org list)], 'database "nosuchdb" does not exist', 'so does one that is not there');
push @secrets, 'hunter2', 'hun/ter2';
refuses [qw(org list)], 'the connection string cannot be read: write "host=... dbname=..." or postgresql://user@host/database',
    'a connection string that is none is not repeated', database => 'hunter2 = = x';
refuses [qw(org list)],
    'the port in the connection string is not a number (a / or @ in a password is written %2F or %40 in a URI)',
    'nor is one with an odd password', database => 'postgres://u:hun/ter2@h/db';
{
    local $ENV{ERRTRACK_DATABASE} = $admin;
    is +(call [qw(org list)], database => undef)[0], 0, 'the environment may name the database';
}
is +(call [ qw(org list --database), $admin ], database => undef)[0], 0, 'the option may stand behind the command';
{
    local @ENV{qw(PGHOST PGPORT PGUSER PGPASSFILE)} = ('127.0.0.1', $postgres->port, 'errtrack_admin', $postgres->passfile);
    is +(call [qw(org list)], database => 'fresh')[0], 0, 'a name alone is one of a database';
    is +(call [qw(org list)], database => 'postgresql:///fresh?keepalives_idle=5')[0], 0, 'a URI is understood';
    prints ['migrate'], '', 'by migrate too', database => 'dbname=fresh keepalives_idle=5';
}

# ---- who may --------------------------------------------------------------------

$postgres->rows_in('fresh', q(create role limited login password 'x'));
$postgres->rows_in('fresh', q(create role member login password 'x' in role errtrack_maintain));
my ($limited, $member) = map { "host=127.0.0.1 port=" . $postgres->port . " dbname=fresh user=$_ password=x" } qw(limited member);

refuses [qw(org list)],
    'permission denied for schema errtrack_private (log in as a superuser or as a member of errtrack_maintain)',
    'somebody else may nothing', database => $limited;
is +(call [qw(project create mine --org acme)], database => $member)[0], 0, 'a member of errtrack_maintain may all';
is +(call ['status'], database => $member)[0], 0, 'and sees all';

# ---- odd circumstances ----------------------------------------------------------

$postgres->rows_in('fresh', q(update errtrack_private.projects set name = chr(27) || '[31mred' || chr(155) where id = 42));
like +(call [qw(project list)])[1], qr/^42  acme +api +\?\[31mred\? /m, 'control characters do not reach the terminal';
SKIP: {
    skip 'there is no /dev/full', 1 if !-c '/dev/full';
    my ($code, $out, $err) = run([ 'sh', '-c', '"$@" > /dev/full', 'sh', $errtrack, '--database', $admin, qw(org list) ]);
    is "$code $err", "1 errtrack: cannot write the output\n", 'output that cannot be written is a failure';
}
{
    my $before = value('select count(*) from errtrack_private.projects');
    my $script = 'for n in 1 2 3 4 5 6; do "$@" c$n --org acme & done; wait';
    run([ 'sh', '-c', $script, 'sh', $errtrack, '--database', $admin, qw(project create) ]);
    is value('select count(*) from errtrack_private.projects'), $before + 6, 'six at once do not disturb each other';
}
{
    my $script = 'for n in 1 2 3 4; do "$@" & done; wait';
    run([ 'sh', '-c', $script, 'sh', $errtrack, '--database', $admin, 'migrate' ]);
    is value('select count(*) from errtrack_private.migrations'), scalar @migrations, 'nor do four that migrate';
}

# ---- secrets --------------------------------------------------------------------

# Each was shown when it was made, if it was, and never again.
for my $words ([qw(token list)], [qw(token list --json)], [qw(user list --json)], ['status']) {
    my ($code, $out, $err) = call($words);
    my @seen = grep { index("$out$err", $_) >= 0 } @secrets, map { sha256_hex($_) } @secrets;
    is_deeply \@seen, [], "nothing secret in the output of @$words";
}
is_deeply [ grep { index($printed, $_) >= 0 } @gitlab, 'hunter2', 'hun/ter2', 'correct horse' ], [],
    'what came in from outside was never printed';
is_deeply [ grep { index($postgres->log_text, $_) >= 0 } @secrets ], [], 'nor is it in the log of the database';

# ---- a database that is too new -------------------------------------------------

$postgres->rows_in('fresh', q(insert into errtrack_private.migrations (version, name) values (9999, 'x')));
is in_words(call(['migrate'])),
    "status 1\n[stderr] migrate: the database has migration 9999, this release knows up to $newest: install a newer release\n",
    'a database newer than the release is refused';

$t->done;
