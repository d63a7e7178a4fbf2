package ErrTrack::SDK;

# Real SDKs against the whole of errtrack. A test names its language, and what a person is
# to see of what the language's program in t/sdk/LANGUAGE reports:
#
#     sdk_test(
#         language => 'python',             # the folder; install and run are in it
#         sdk      => 'sentry-sdk',         # what the table calls it
#         versions => [ { version => '1.21.0', ... }, { version => 'newest', ... } ],
#         platform => 'python',
#         type     => 'RuntimeError',       # and everything else of %expected
#     );
#
# What a version has differs from what all have: it is given with the version. Each of them
# gets a project of its own and reports twice; then all of them go on running while the
# server refuses. What came out goes to build/sdk/rows/, of which t/sdk/table makes a table.

use strict;
use warnings;

use Exporter 'import';
use Fcntl ':flock';
use File::Path 'make_path';
use JSON::PP ();
use Test::More;
use Time::HiRes 'time';

use ErrTrack;
use ErrTrack::HTTP 'json_text';
use ErrTrack::Process qw(read_file root run wait_until);
use ErrTrack::SDK::Client;

our @EXPORT_OK = qw(installed sdk_dir sdk_test);

my @items = qw(exception message fingerprint attachment feedback check_in transaction session);

my %expected = (
    how          => 'real',                 # or replayed: requests as the SDK builds them
    platform     => 'other',
    type         => 'Error',                # of the outer error, and its value
    value        => 'checkout failed',
    cause        => { value => 'amount -1 is out of range' },    # { type, value }; undef: the SDK has no chain
    culprit      => qr/checkout/,
    functions    => [ qr/charge/, qr/checkout/ ],    # that frames of the exception name
    context_line => undef,                  # of a frame, qr//; undef: the SDK sends none
    level        => 'error',
    users        => 1,
    breadcrumb   => 'item added',
    extra        => '"id" : 42',            # within the event as it is stored, in JSON as perl writes it
    client       => undef,                  # qr// of how the SDK calls itself
    endpoint     => {},                     # item => endpoint, where it is not envelope
    attachment   => 'kept with the event',
    transaction  => 'GET /checkout',
    sessions     => { started => 2, exited => 1, crashed => 0, errored => 1 },    # of one run
    serves       => 1,                      # whether it has a client that goes on running
    keeps_closed => 0,                      # whether it loses the first report after the server closed a connection, as a reload does
    after_429    => 'waits',                # or goes on: what it does when told to wait
    after_503    => 'waits',                # the same, with 503
    too_large    => 1_500_000,              # bytes that are too many; 0: the SDK itself drops what is
    more         => undef,                  # sub { my ($t, $version) = @_ } with further tests of a version
);

# The stack: that of the sample, which takes reports below any path, with a log that tells
# what came, limits that are quickly reached, and a tunnel.
my $limited = 300_000;
my $window  = 8;
my $log     = join ',', map { qq("$_->[0]":"\$$_->[1]") } [ at => 'msec' ], [ status => 'status' ], [ method => 'request_method' ],
    [ path => 'uri' ], [ endpoint => 'errtrack_endpoint' ], [ project => 'errtrack_project' ], [ key => 'errtrack_key' ],
    [ sdk => 'errtrack_sdk' ], [ event => 'errtrack_event_id' ], [ retry => 'sent_http_retry_after' ],
    [ encoding => 'http_content_encoding' ], [ origin => 'http_origin' ], [ length => 'http_content_length' ];

sub configuration {
    my $conf = $ErrTrack::Nginx::FULL;
    $conf =~ s{%%HTTP%%}{%%HTTP%%
    log_format reports escape=json '{$log}';
    access_log "%%DIR%%/reports.txt" reports;
    errtrack_max_body_size $limited;} or die;
    # A browser has connections open on which it says nothing.
    $conf =~ s{%%GLOBALS%%}{%%GLOBALS%%\nworker_shutdown_timeout 3s;} or die;
    $conf =~ s{(?=        location = /errtrack/metrics)}{        location = /reports {
            client_max_body_size 0;
            errtrack_tunnel 127.0.0.1:%%PORT%%;
        }

} or die;
    return $conf;
}

# ---- programs -------------------------------------------------------------------------

sub sdk_dir {
    my ($language) = @_;
    my $dir = root() . '/build/sdk';
    make_path($dir);
    return defined $language ? "$dir/$language" : $dir;
}

# Installs a version: (its folder, the exact version), or (undef, why there is none).
sub installed {
    my ($language, $version) = @_;
    my $dir = sdk_dir("$language-$version");
    # One at a time: tests run beside each other.
    open my $lock, '>', "$dir.lock" or die "$dir.lock: $!\n";
    flock $lock, LOCK_EX;
    my ($status, $out, $err) = run([ root() . "/t/sdk/$language/install", $version, $dir ], plain => 1);
    my ($last) = $out =~ /([^\n]+)\s*\z/;
    return (undef, $last // 'it does not say why') if $status == 77;
    die "t/sdk/$language/install $version: status $status\n$out$err" if $status || !defined $last;
    return ($dir, $last);
}

# Runs a program in a mode: (its status, the items that it says it sent, errors).
sub report {
    my ($version, $dsn) = @_;
    local %ENV = environment($dsn);
    my ($status, $out, $err) = run([ 'timeout', 120, command($version), 'report' ], plain => 1);
    my @said = grep { ref $_ eq 'HASH' && $_->{item} } map { eval { JSON::PP::decode_json($_) } } split /\n/, $out;
    return ($status, \@said, $out . $err);
}

sub command { return (root() . "/t/sdk/$_[0]{language}/run", $_[0]{dir}) }

# Proxies are not meant for loopback.
sub environment { return (%ENV, ERRTRACK_DSN => $_[0], map { $_ => '127.0.0.1,localhost' } qw(no_proxy NO_PROXY)) }

# ---- a language ------------------------------------------------------------------------

sub sdk_test {
    my (%language) = @_;
    my ($versions, @skipped) = (delete $language{versions});
    my @versions;
    for my $given (@$versions) {
        my $version = { %expected, %language, %$given, wanted => $given->{version}, rows => [], seen => {} };
        ($version->{dir}, my $exact) = installed($language{language}, $given->{version});
        if (!$version->{dir}) {
            diag "skipped: $language{language} $given->{version}: $exact";
            push @skipped, { version => $given->{version}, why => $exact };
        } elsif (grep { $_->{version} eq $exact } @versions) {
            note "the newest is $exact, too";
        } else {
            push @versions, { %$version, version => $exact };
        }
    }
    my $written = { language => $language{language}, sdk => $language{sdk}, skipped => \@skipped };
    if (!@versions) {
        write_rows($written);
        plan skip_all => join '; ', map { "$_->{version}: $_->{why}" } @skipped;
    }

    my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => { config => configuration() });
    for my $version (@versions) {
        my $slug = lc "$language{language}-$version->{version}" =~ s/\W/-/gr;
        @$version{qw(slug label)} = ($slug, "$language{language} $version->{version}");
        $version->{project} = $t->create_project($slug, 'acme');
    }
    for my $version (@versions) {
        $t->wait_for_key($version->{project});
        reports($t, $version);
        $version->{more}->($t, $version) if $version->{more};
    }
    refusals($t, grep { $_->{serves} } @versions);
    write_rows($written, map { { %$_{qw(version how rows seen)} } } @versions);
    $t->done;
    return;
}

sub write_rows {
    my ($written, @versions) = @_;
    make_path(sdk_dir('rows'));
    my $file = sdk_dir("rows/$written->{language}.json");
    open my $out, '>', $file or die "$file: $!\n";
    print {$out} json_text({ %$written, versions => \@versions }) . "\n";
    close $out or die "$file: $!\n";
    return;
}

# ---- what a person sees of two runs ------------------------------------------------------

# Whether what a run of the program said it sent is there, by item. Two runs have been made.
my %stored = (
    (map { my $item = $_; $item => sub { my ($t, $v, @ids) = @_; @ids && $t->sql_value(q{select count(*) from errtrack_private.occurrences
        where project_id = $1 and event_id = any (string_to_array($2, ',')::uuid[])}, $v->{project}{id}, join ',', @ids) == @ids } }
        qw(exception message fingerprint)),
    attachment => sub { my ($t, $v) = @_; counted($t, $v, q{attachments where name = 'note.txt' and }) == 2 },
    feedback => sub { my ($t, $v) = @_; counted($t, $v, q{feedback where message = 'it broke' and email = 'ada@example.com' and issue_id is not null and }) == 2 },
    check_in => sub { my ($t, $v) = @_; counted($t, $v, q{check_ins where slug = 'nightly' and status = 'ok' and }) == 2 },
    transaction => sub { my ($t, $v) = @_; ($t->sql_value('select sum(total) from errtrack.transactions where transaction = $2 and project_id = $1',
        $v->{project}{id}, $v->{transaction}) // 0) == 2 },
    session => sub { my ($t, $v) = @_; ($t->sql_value(q{select sum(started) from errtrack.release_health where release = 'shop@1.0.0' and project_id = $1},
        $v->{project}{id}) // 0) == 2 * $v->{sessions}{started} },
);

sub counted {
    my ($t, $version, $what) = @_;
    return $t->sql_value("select count(*) from errtrack.$what project_id = \$1", $version->{project}{id});
}

sub reports {
    my ($t, $version) = @_;
    my (@said, $began);
    my $label = $version->{label};
    for my $time ('once', 'twice') {
        $began //= int time;
        my ($status, $items, $noise) = report($version, $t->dsn($version->{project}));
        is $status, 0, "$label reports $time" or diag $noise;
        push @said, @$items;
    }
    $t->settle;

    my @lines = lines($t, $version);
    ok @lines && !(grep { $_->{status} >= 400 } @lines), "$label: nothing is refused" or diag explain \@lines;
    like $_, $version->{client}, "$label: the SDK tells its name" for $version->{client} && @lines ? $lines[-1]{sdk} : ();
    for my $item (@items) {
        my @of = grep { $_->{item} eq $item } @said;
        my ($without) = grep { exists $_->{offered} && !$_->{offered} } @of;
        if ($without) {
            ok length($without->{why} // ''), "$label: without $item: " . ($without->{why} // 'it does not say why');
            push @{ $version->{rows} }, { item => $item, offered => 0, why => $without->{why} };
            next;
        }
        my @ids = map { $_->{event_id} =~ tr/-//dr } grep { $_->{event_id} } @of;
        my $stored = @of && wait_until(sub { $stored{$item}->($t, $version, @ids) }, 15);
        ok $stored, "$label: $item is stored" or diag explain { said => \@of, lines => \@lines };
        my ($line) = grep { my $event = $_->{event}; grep { $event eq $_ } @ids } @lines;
        ($line) = grep { $_->{endpoint} eq 'envelope' } @lines if !@ids;
        my $endpoint = $line ? $line->{endpoint} : 'none';
        is $endpoint, $version->{endpoint}{$item} // 'envelope', "... by its endpoint";
        push @{ $version->{rows} }, { item => $item, endpoint => $endpoint, stored => $stored ? 1 : 0 };
        my $look = __PACKAGE__->can("look_at_$item");
        $look->($t, $version, $began, @ids) if $stored && $look;
    }
    return;
}

# The log of what clients of a project sent, of the harness nothing; with a pattern those of
# other methods than POST, too.
sub lines {
    my ($t, $version, $methods) = @_;
    $methods //= qr/^POST$/;
    return grep { ($_->{project} eq $version->{project}{id} || $_->{path} =~ m{/api/$version->{project}{id}/}) && $_->{sdk} !~ /^errtrack-test/ && $_->{method} =~ $methods }
        map { JSON::PP::decode_json($_) } split /\n/, read_file("$t->{dir}/reports.txt");
}

sub answer {
    my ($t, $path) = @_;
    my $answer = $t->sentry(GET => $path);
    is $answer->status, 200, "... GET $path" or diag $answer->content;
    return eval { $answer->json };
}

sub event_of {
    my ($t, $version, $id) = @_;
    my $path = "/projects/acme/$version->{slug}/events/$id";
    my $event = answer($t, "$path/") // {};
    my %entry = map { $_->{type} => $_->{data} } @{ $event->{entries} || [] };
    my %tag = map { $_->{key} => $_->{value} } @{ $event->{tags} || [] };
    my $text = JSON::PP->new->canonical->pretty->encode(answer($t, "$path/json/") // {});
    return ($event, \%entry, \%tag, $text);
}

# The issue of an event, as lists show it.
sub issue_of {
    my ($t, $version, $id) = @_;
    my $issues = answer($t, "/projects/acme/$version->{slug}/issues/?query=$id");
    is scalar @$issues, 1, '... and found by its id' or diag explain $issues;
    return $issues->[0] // {};
}

sub is_or_like {
    my ($value, $wanted, $label) = @_;
    return ref $wanted eq 'Regexp' ? like($value, $wanted, $label) : is($value, $wanted, $label);
}

sub look_at_exception {
    my ($t, $version, $began, @ids) = @_;
    my $issue = issue_of($t, $version, $ids[-1]);
    is $issue->{count}, 2, '... two runs are one issue';
    is $issue->{userCount}, $version->{users}, '... of one user';
    is_or_like($issue->{metadata}{type}, $version->{type}, '... its type');
    is_or_like($issue->{metadata}{value}, $version->{value}, '... its value');
    like $issue->{culprit}, $version->{culprit}, '... its culprit';
    is $issue->{level}, $version->{level}, '... its level';
    is $issue->{platform}, $version->{platform}, '... its platform';
    my ($first, $last) = map { $t->sql_value('select extract(epoch from $1::timestamptz)', $_) } @$issue{qw(firstSeen lastSeen)};
    ok $first >= $began - 1 && $first <= $last && $last <= time + 1, '... when it was seen first and last' or diag "$began $first $last";
    is $t->sql_value(q{select first_release || ' ' || last_release from errtrack.issues where project_id = $1 and issue_id = $2},
        $version->{project}{id}, $issue->{id}), 'shop@1.0.0 shop@1.0.0', '... in which release';

    my ($event, $entry, $tag, $text) = event_of($t, $version, $ids[0]);
    is_deeply [ @$tag{qw(tier environment release)} ], [ 'gold', 'production', 'shop@1.0.0' ], '... its tags';
    is_deeply [ @{ $event->{user} || {} }{qw(id email)} ], [ '17', 'ada@example.com' ], '... its user';
    if (defined $version->{breadcrumb}) {
        ok scalar(grep { ($_->{message} // '') eq $version->{breadcrumb} && $_->{category} eq 'cart' } @{ $entry->{breadcrumbs}{values} || [] }),
            '... its breadcrumb' or diag explain $entry->{breadcrumbs};
    }
    ok index($text, $version->{extra}) >= 0, '... what was added to it' if defined $version->{extra};

    my @values = @{ $entry->{exception}{values} || [] };
    if (my $cause = $version->{cause}) {
        my ($inner) = grep { ($_->{value} // '') =~ /\Q$cause->{value}\E/ } @values[ 0 .. $#values - 1 ];
        ok $inner, '... its cause' or diag explain [ map { [ @$_{qw(type value)} ] } @values ];
        is_or_like($inner->{type}, $cause->{type}, '... and of which type that is') if defined $cause->{type};
    }
    my @frames = map { @{ ($_->{stacktrace} || {})->{frames} || [] } } @values;
    for my $function (@{ $version->{functions} }) {
        ok scalar(grep { ($_->{function} // '') =~ $function } @frames), "... a frame of $function"
            or diag explain [ map { $_->{function} } @frames ];
    }
    if ($version->{context_line}) {
        ok scalar(grep { $_ =~ $version->{context_line} } map { $_->[1] // '' } map { @{ $_->{context} || [] } } @frames),
            '... with the lines around it' or diag explain [ map { $_->{context} } @frames ];
    }
    return;
}

sub look_at_message {
    my ($t, $version, $began, @ids) = @_;
    my $issue = issue_of($t, $version, $ids[-1]);
    is_deeply [ @$issue{qw(title count level)} ], [ 'the cache is cold', 2, 'warning' ], '... as one issue';
    return;
}

sub look_at_fingerprint {
    my ($t, $version, $began, @ids) = @_;
    is issue_of($t, $version, $ids[0])->{count}, 4, '... all four of them as one issue';
    return;
}

sub look_at_attachment {
    my ($t, $version, $began, @ids) = @_;
    my $path = "/projects/acme/$version->{slug}/events/$ids[0]/attachments/";
    my ($file) = grep { $_->{name} eq 'note.txt' } @{ answer($t, $path) || [] };
    is $t->sentry(GET => "$path$file->{id}/?download=1")->content, $version->{attachment}, '... is downloaded as it was';
    return;
}

sub look_at_feedback {
    my ($t, $version) = @_;
    my $said = answer($t, "/projects/acme/$version->{slug}/user-feedback/");
    is_deeply [ map { [ @$_{qw(name email comments)} ] } @$said ], [ ([ 'Ada', 'ada@example.com', 'it broke' ]) x 2 ], '... is listed';
    return;
}

sub look_at_check_in {
    my ($t, $version) = @_;
    my $monitors = answer($t, "/projects/acme/$version->{slug}/monitors/");
    is_deeply [ map { [ @$_{qw(slug status)} ] } @$monitors ], [ [ 'nightly', 'ok' ] ], '... as those of one monitor' or diag explain $monitors;
    return;
}

sub look_at_transaction {
    my ($t, $version) = @_;
    my ($one) = grep { $_->{transaction} eq $version->{transaction} } @{ answer($t, "/projects/acme/$version->{slug}/transactions/") || [] };
    is_deeply [ @$one{qw(op count failures)} ], [ 'http.server', 2, 0 ], '... with its operation' or diag explain $one;
    return;
}

sub look_at_session {
    my ($t, $version) = @_;
    my %of = %{ $version->{sessions} };
    my ($health) = grep { $_->{release} eq 'shop@1.0.0' } @{ answer($t, "/projects/acme/$version->{slug}/health/") || [] };
    my @counts = map { 2 * ($of{$_} // 0) } qw(exited errored crashed);
    is_deeply [ @$health{qw(exited errored crashed)} ], \@counts, '... as they ended' or diag explain $health;
    is $health->{crashFreeSessions} + 0, 100 * (1 - ($of{crashed} // 0) / $of{started}), '... how many saw no crash';
    is $health->{environment}, 'production', '... in which environment';
    return;
}

# ---- what running clients do when refused --------------------------------------------------

# Below a path, as some sites have it.
sub dsn_below {
    my ($t, $version, $key) = @_;
    return $t->dsn({ %{ $version->{project} }, $key ? (public_key => $key) : () }) =~ s{/(\d+)$}{/behind/a/path/$1}r;
}

sub client {
    my ($t, $version, $dsn) = @_;
    local %ENV = environment($dsn);
    return ErrTrack::SDK::Client->new([ command($version), 'serve' ], errors => "$t->{dir}/$version->{slug}.txt");
}

# Whether an event with this text is stored; breadcrumbs tell of earlier ones.
sub is_stored {
    my ($t, $version, $text) = @_;
    return $t->sql_value(q{select count(*) from errtrack_private.payloads where project_id = $1 and position($2 in (body::jsonb - 'breadcrumbs')::text) > 0},
        $version->{project}{id}, $text);
}

sub told {
    my ($version, $text, %more) = @_;
    return ok $version->{client_runs}->report($text, %more), "$version->{label}: '$text' is reported" . ($more{bytes} ? ", with $more{bytes} bytes" : '');
}

sub arrives {
    my ($t, $version, $text) = @_;
    told($version, $text);
    return eventually { is_stored($t, $version, $text) } '... and stored', timeout => 15;
}

# The lines of refusals with a status since there were so many lines.
sub refused_with { my ($t, $version, $status, $since) = @_; my @lines = lines($t, $version); return grep { $_->{status} == $status } @lines[ $since .. $#lines ] }

sub probe { my ($t, $version, %arg) = @_; return $t->store({ message => 'a probe' }, project => $version->{project}, %arg)->status }

sub refusals {
    my ($t, @versions) = @_;
    for my $version (@versions) {
        $version->{client_runs} = client($t, $version, dsn_below($t, $version));
        arrives($t, $version, 'below a path') and $version->{seen}{path} = 'stored';
        like((lines($t, $version))[-1]{path}, qr{^/behind/a/path/api/}, '... which it was sent to');
    }
    too_large($t, $_) for @versions;
    # First: of what JavaScript's SDK is told for all categories it takes no notice once it has
    # been told something for one.
    switched_off($t, @versions);
    over_quota($t, @versions);
    new_key($t, $_) for @versions;
    for my $version (@versions) {
        is +(delete $version->{client_runs})->end, 0, "$version->{label}: the client ends well" or diag read_file("$t->{dir}/$version->{slug}.txt");
    }
    return;
}

sub too_large {
    my ($t, $version) = @_;
    if (!$version->{too_large}) {
        $version->{seen}{413} = 'never sends that much';
        return;
    }
    my $since = lines($t, $version);
    told($version, 'more than is taken', bytes => $version->{too_large});
    eventually { refused_with($t, $version, 413, $since) } '... and refused with 413';
    arrives($t, $version, 'after too much') and $version->{seen}{413} = 'dropped, goes on';
    is is_stored($t, $version, 'more than is taken'), 0, '... what was too much is not';
    return;
}

# The edge says for how long: until the window of the quota ends.
sub over_quota {
    my ($t, @versions) = @_;
    my %since = map { $_->{slug} => scalar lines($t, $_) } @versions;
    $t->errtrack(qw(quota set), $_->{project}{id}, 'error', "0/${window}s") for @versions;
    for my $version (@versions) {
        eventually { probe($t, $version) == 429 } "$version->{label}: a quota is used up";
    }
    wait_until(sub { time / $window - int(time / $window) < 0.15 }, 2 * $window);
    my %first = first_refusals($t, 429, 'over the quota', \%since, @versions);
    told($_, 'still over it') for @versions;
    $t->errtrack(qw(quota remove), $_->{project}{id}, 'error') for @versions;
    for my $version (@versions) {
        my $first = $first{ $version->{slug} };
        my $end = over($first);
        wait_until(sub { time > $end && probe($t, $version) == 200 }, 3 * $window);
        arrives($t, $version, 'within the quota');
        waited($t, $version, 429, $since{ $version->{slug} } + $first->{lines});
    }
    return;
}

# Reports a text that is refused: what the log tells of each, with how many lines that made. An
# SDK may send several things at once.
sub first_refusals {
    my ($t, $status, $text, $since, @versions) = @_;
    told($_, $text) for @versions;
    my %first;
    for my $version (@versions) {
        my $slug = $version->{slug};
        my ($first);
        eventually { ($first) = refused_with($t, $version, $status, $since->{$slug}) } "$version->{label}: it is refused with $status";
        ok $first->{retry}, '... for so many seconds';
        $first{$slug} = { at => $first->{at} // time, retry => $first->{retry} || 0, lines => lines($t, $version) - $since->{$slug} };
    }
    return %first;
}

# When it may report again. It counts from when it has read the answer, which is after it was
# logged.
sub over { return $_[0]{at} + $_[0]{retry} + 1 }

# Whether the client has sent nothing since then that was refused, and was to do so.
sub waited {
    my ($t, $version, $status, $since) = @_;
    my @more = refused_with($t, $version, $status, $since);
    $version->{seen}{$status} = @more ? 'goes on' : 'waits as told';
    is @more ? 'goes on' : 'waits', $version->{"after_$status"}, "$version->{label}: what it did while refused with $status" or diag explain \@more;
    return !@more;
}

sub switched_off {
    my ($t, @versions) = @_;
    my %since = map { $_->{slug} => scalar lines($t, $_) } @versions;
    $t->nginx->reload(configuration() =~ s/errtrack_ingest;/errtrack_ingest off;/r);
    connect_again($t, $_, 'on a connection that is closed') for @versions;
    my %first = first_refusals($t, 503, 'while it is off', \%since, @versions);
    told($_, 'still off') for @versions;
    $t->nginx->reload(configuration());
    for my $version (@versions) {
        my $first = $first{ $version->{slug} };
        my $end = over($first);
        wait_until(sub { time > $end }, 30) if waited($t, $version, 503, $since{ $version->{slug} } + $first->{lines});
        connect_again($t, $version, 'on another that is closed');
        arrives($t, $version, 'switched on again');
        is is_stored($t, $version, 'on another that is closed'), 0, '... what was lost is not' if $version->{keeps_closed};
    }
    return;
}

# Of an SDK that keeps a connection that the server has closed the next report is lost, and is
# in no log; the one after it is not.
sub connect_again {
    my ($t, $version, $text) = @_;
    return if !$version->{keeps_closed};
    my $since = lines($t, $version);
    told($version, $text);
    is scalar(lines($t, $version)), $since, '... and lost by the SDK';
    return;
}

# A client that runs has the old key until somebody starts it with the new one.
sub new_key {
    my ($t, $version) = @_;
    my $path = "/projects/acme/$version->{slug}/keys/$version->{project}{public_key}/";
    my $new = $t->sentry(POST => "${path}rotate/")->json->{key}{id};
    arrives($t, $version, 'the old key goes on');
    is $t->sentry(PUT => $path, json => { isActive => JSON::PP::false() })->status, 200, "$version->{label}: the old key is disabled";
    eventually { probe($t, $version) == 403 } '... everywhere';
    my $since = lines($t, $version);
    told($version, 'with a disabled key');
    eventually { refused_with($t, $version, 403, $since) } '... and refused with 403';
    my $client = client($t, $version, dsn_below($t, $version, $new));
    ok $client->report('with the new key'), '... one with the new key reports';
    eventually { is_stored($t, $version, 'with the new key') } '... and is stored' and $version->{seen}{rotation} = 'old key refused, new key stored';
    is is_stored($t, $version, 'with a disabled key'), 0, '... what came with the old one is not';
    is $client->end, 0, '... and ends well';
    $version->{project}{public_key} = $new;
    return;
}

1;
