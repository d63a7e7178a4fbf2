package ErrTrack::Catalogue;

# The bad-input catalogue: what clients may send, good or broken, and what becomes of
# it. The rows are data, in files of t/catalogue; a test of a topic sends its rows
# through nginx, Redis, the worker and PostgreSQL:
#
#     my $catalogue = ErrTrack::Catalogue->start;
#     $catalogue->run('routing');
#     $catalogue->done;
#
# A row is [ number, label, request, answer, kept ]. The number is that of the catalogue
# in the protocol reference, section 10, which has 217 rows; 0 is a check that it does not
# have, and a number may stand with several checks. The rest is made by
# ErrTrack::Catalogue::Request and ::Answer; kept is what is stored of the event: columns,
# and members of the payload by their path.
#
# After each row a good report is taken by the same processes of nginx. In the end every
# process is the one that it was, the queue is empty, and the ledgers hold exactly the
# requests and the items of the rows.

use strict;
use warnings;

use IO::Socket::INET ();
use JSON::PP ();
use Test::More ();

use ErrTrack;
use ErrTrack::Catalogue::Answer qw(refused stored words);
use ErrTrack::Catalogue::Request;
use ErrTrack::HTTP ();
use ErrTrack::Process qw(random_hex read_file root wait_until);

use constant ROWS => 217;

# The port SLOW has little patience with a whole body, IMPATIENT with pieces of one.
our $CONF = <<'CONF';
%%MODULES%%
%%GLOBALS%%
events {
    worker_connections 512;
}

http {
    %%HTTP%%

    log_format errtrack '$status $errtrack_outcome $errtrack_reason $request';
    access_log "%%DIR%%/reports.log" errtrack;

    errtrack_redis %%REDIS%%;
    errtrack_zone 8m;
    errtrack_max_body_size 4m;
    errtrack_max_envelope_size 8m;

    server {
        listen 127.0.0.1:%%PORT%%;

        location / {
            client_max_body_size 0;
            errtrack_ingest;
            errtrack_minidump on;
        }

        location /without/ {
            client_max_body_size 0;
            errtrack_ingest;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_IMPATIENT%%;
        client_body_timeout 1s;

        location / {
            client_max_body_size 0;
            errtrack_ingest;
        }
    }

    server {
        listen 127.0.0.1:%%PORT_SLOW%%;
        errtrack_body_timeout 1s;

        location / {
            client_max_body_size 0;
            errtrack_ingest;
        }
    }
}
CONF

my @streams = ('errtrack:{q0}:events', 'errtrack:{q0}:large');

my $json = JSON::PP->new->canonical->allow_nonref;

# ---- rows -------------------------------------------------------------------

sub files { return sort map { m{([^/]+)\.pl\z} } glob root() . '/t/catalogue/*.pl' }

sub rows {
    my ($topic) = @_;
    my $file = root() . "/t/catalogue/$topic.pl";
    local ($@, $!);
    my @rows = ErrTrack::Catalogue::Rows::of($file);
    die $@ ? $@ : "$file: $!\n" if !@rows || !ref $rows[0];
    return @rows;
}

# ---- start ------------------------------------------------------------------

# Everything, with the projects shop and other; further ones have settings:
#
#     ErrTrack::Catalogue->start(strict => [ [qw(origin add strict shop.example.com)] ])
sub start {
    my ($class, %settings) = @_;
    my $t = ErrTrack->stack(redis => { appendonly => 'everysec' }, nginx => 0, worker => 0);
    my $self = bless { t => $t, ledger => {}, requests => {}, queued => {}, stored => [], probes => 0 }, $class;
    $self->{projects} = { shop => $t->project, map { $_ => $t->create_project($_, 'acme') } 'other', sort keys %settings };
    my $disabled = $t->errtrack(qw(key create shop --label old --json));
    $t->errtrack('key', 'disable', $disabled->{id});
    $t->errtrack(@$_) for map { @$_ } values %settings;
    my $unknown = random_hex(16);
    $self->{words} = {
        OTHER_PROJECT => $self->{projects}{other}{id}, OTHER_KEY => $self->{projects}{other}{public_key},
        DISABLED_KEY => $disabled->{key}, UNKNOWN_KEY => $unknown,
        KEY_IN_CAPITALS => $t->project->{public_key} =~ tr/a-z/A-Z/r,
    };

    $t->start_worker;
    $t->start_nginx(config => $CONF);
    # The test, the worker and each process of nginx.
    eventually { scalar(my @lines = $t->redis('CLIENT', 'LIST') =~ /^id=/mg) >= 4 } 'everybody is connected to Redis';
    for my $slug (sort keys %{ $self->{projects} }) {
        # A setting refuses what it is about, and everything else is taken.
        eventually { $self->probe($slug)->status =~ /^(?:200|429)\z/ } "the edge knows the key of $slug";
    }
    eventually { $self->queue_is_empty && $self->deliveries } 'the worker takes from the queue';
    eventually { $self->counted_requests == $self->{probes} } 'the edge publishes its counts';
    $self->{before} = {
        worker => $t->worker->pid, nginx => [ $t->nginx->worker_pids ], deliveries => $self->deliveries,
        requests => $self->booked_requests, map { $_ => $self->added($_) } @streams,
    };
    return $self;
}

# An envelope that holds nothing, of which nothing is stored.
sub probe {
    my ($self, $slug) = @_;
    $self->{probes}++;
    return $self->answer_to(envelope('{}', project => $slug));
}

sub nginx { return $_[0]{t}->nginx }

# ---- sending ----------------------------------------------------------------

# The bytes of a request, as pieces that are written one by one.
sub pieces {
    my ($self, $request) = @_;
    my $project = $self->{projects}{ $request->{project} };
    my %word = (
        %{ $self->{words} }, ID => $request->{id}, OTHER_ID => $request->{other_id},
        PROJECT => $project->{id}, KEY => $project->{public_key},
    );
    my ($path, $body, @headers) = map { s/%([A-Z_]+)%/$word{$1} \/\/ "%$1%"/ger } $request->{path}, $request->{body},
        @{ $request->{headers} };
    $body = $request->{pack}->($body) if $request->{pack};
    $request->{sent_bytes} = length $body;
    my ($header, @body) = $request->{framing}->($body);
    @headers = (Host => '127.0.0.1', Connection => 'close', @headers, @$header);
    my $head = "$request->{method} $path HTTP/1.1\r\n";
    while (my ($name, $value) = splice @headers, 0, 2) {
        $head .= "$name: $value\r\n";
    }
    $head .= "\r\n";
    return $request->{apart} ? [ $head, @body ] : [ join '', $head, @body ];
}

sub answer_to {
    my ($self, $request) = @_;
    return $self->{t}->raw($self->pieces($request), half => !$request->{patient},
        (map { defined $request->{$_} ? ($_ => $request->{$_}) : () } qw(port)));
}

# Sends the rows of a file.
sub run {
    my ($self, $topic) = @_;
    for my $row (rows($topic)) {
        my ($number, $label, $request, $wanted) = @$row;
        local $Test::Builder::Level = $Test::Builder::Level + 1;
        $label = "#$number $label" if $number;
        if (!defined $wanted) {
            Test::More::diag("$label: not here but in $request->{file}: $request->{why}");
            next;
        }
        my $answer = $self->answer_to($request);
        Test::More::is(words($answer, $request, $wanted) . $self->harm, $wanted->{words}, $label);
        $self->expect($row, $answer);
    }
    return;
}

# What a row did to others: after it a good report is taken by the same processes.
sub harm {
    my ($self) = @_;
    my ($request, $wanted) = (store(event()), stored('given'));
    my $answer = $self->answer_to($request);
    my $words = words($answer, $request, $wanted);
    $self->expect([ 0, 'a good report', $request, $wanted ], $answer);
    my @now = $self->{t}->nginx->worker_pids;
    return join '', $words eq $wanted->{words} ? () : "; and a good report is answered $words",
        "@now" eq "@{ $self->{before}{nginx} }" ? () : "; and the processes of nginx are now @now";
}

# Notes what is to be found in the end.
sub expect {
    my ($self, $row, $answer) = @_;
    my ($number, $label, $request, $wanted, $kept) = @$row;
    $self->expect_request($request, $wanted->{reason}) if defined $wanted->{reason};
    my $outcomes = $wanted->{outcomes} or return;
    $self->{queued}{ $streams[ $request->{sent_bytes} > LARGE_BODY ] }++;
    $self->{ledger}{"$request->{project} $_"}++ for @$outcomes;
    my $stored = grep { $_ eq 'error stored' } @$outcomes or return;
    # A browser is not told the ids of its reports.
    if (!length $answer->content) {
        $self->{unnamed} += $stored;
        return;
    }
    my $id = $wanted->{id} // eval { $answer->json->{id} } // $answer->content =~ tr/-//dr;
    push @{ $self->{stored} }, { label => "#$number $label", project => $request->{project}, id => $id, kept => $kept };
    return;
}

# Accepted ones by project, others by reason alone: it depends on the reason whether
# the project is known.
sub expect_request {
    my ($self, $request, $reason) = @_;
    $self->{requests}{ length $reason ? $reason : "accepted for $request->{project}" }++;
    return;
}

# ---- several requests on one connection -------------------------------------

# The answers on a connection that stays open, in words.
sub conversation {
    my ($self, @rows) = @_;
    my $last = $rows[-1];
    my $bytes = '';
    for my $row (@rows) {
        my $text = join '', @{ $self->pieces($row->[2]) };
        $text =~ s/^Connection: close\r\n//m if $row != $last;
        $bytes .= $text;
    }
    my $socket = $self->connection;
    $socket->print($bytes);
    $socket->flush;
    my @words;
    for my $row (@rows) {
        my $answer = read_answer($socket) or last;
        push @words, words($answer, @$row[2, 3]);
        $self->expect($row, $answer);
    }
    return @words;
}

sub connection {
    my ($self) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{t}->nginx->port) || die "connect: $!\n";
}

sub read_answer {
    my ($socket) = @_;
    local $/ = "\r\n";
    my ($status) = (readline($socket) // '') =~ m{^HTTP/1\.1 (\d+)} or return;
    my %headers;
    while (defined(my $line = readline $socket)) {
        my ($name, $value) = $line =~ /^([^:]+):\s*(.*)\r\n/ or last;
        $headers{ lc $name } = $value;
    }
    read $socket, my $content, $headers{'content-length'} // 0;
    return ErrTrack::HTTP::Answer->new($status, \%headers, $content);
}

# Sends a request that announces more than it has, and closes the connection in the
# middle of the body, by a reset if told so.
sub leave {
    my ($self, $request, $reset) = @_;
    my ($head, @body) = @{ $self->pieces($request) };
    my $socket = $self->connection;
    $socket->print($head);
    # The body is waited for.
    Test::More::like(scalar readline $socket, qr{^HTTP/1\.1 100 }, 'the edge says to go on');
    $socket->print(@body);
    $socket->flush;
    setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'l!l!', 1, 0 if $reset;
    close $socket;
    $self->expect_request($request, 'client_gone');
    return;
}

# ---- what is there ----------------------------------------------------------

sub queue_is_empty {
    my ($self) = @_;
    for my $stream (@streams) {
        my $pending = eval { $self->{t}->redis('XPENDING', $stream, 'workers')->[0] };
        return 0 if $self->{t}->redis('XLEN', $stream) || $pending;
    }
    return 1;
}

# How many entries a stream has ever had.
sub added {
    my ($self, $stream) = @_;
    return { @{ $self->{t}->redis('XINFO', 'STREAM', $stream) } }->{'entries-added'};
}

sub deliveries { return $_[0]{t}->sql_value('select count(*) from errtrack_private.deliveries') }

sub counted_requests { return $_[0]{t}->sql_value('select coalesce(sum(requests), 0) from errtrack_private.requests') }

# In the words of expect_request.
sub booked_requests {
    my ($self) = @_;
    my %slug = $self->slugs;
    return { map { (length $_->[1] ? $_->[1] : "accepted for $slug{$_->[0]}" => $_->[2]) } $self->{t}->sql(<<'SQL') };
        select case when reason = '' then project_id end, reason, sum(requests)
        from errtrack_private.requests
        group by 1, 2
SQL
}

sub slugs { return map { @$_ } $_[0]{t}->sql('select id, slug from errtrack_private.projects') }

# The most memory that a process has ever had, in MiB.
sub peak_memory {
    my ($pid) = @_;
    my ($kib) = read_file("/proc/$pid/status") =~ /^VmHWM:\s+(\d+) kB/m;
    return $kib / 1024;
}

# ---- the end ----------------------------------------------------------------

sub done {
    my ($self) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::is($self->harm, '', 'the edge answers as before');
    eventually { $self->queue_is_empty } 'the queue is empty', timeout => 60;
    $self->check_ledgers;
    $self->check_events;
    $self->check_processes;
    $self->{t}->done;
    return;
}

sub check_ledgers {
    my ($self) = @_;
    my ($t, $before, $queued) = @$self{qw(t before queued)};
    Test::More::is($self->added($_) - $before->{$_}, $queued->{$_} // 0, "$_ was given what was accepted, and nothing else")
        for @streams;
    my $entries = 0;
    $entries += $_ for values %$queued;
    Test::More::is($self->deliveries - $before->{deliveries}, $entries, 'each request was filed once');

    my %slug = $self->slugs;
    my %booked = map { ("$slug{$_->[0]} $_->[1]" => $_->[2]) } $t->sql(<<'SQL');
        select project_id, rtrim(category || ' ' || outcome || ' ' || reason), sum(quantity)
        from errtrack_private.outcomes
        group by 1, 2
SQL
    same(\%booked, $self->{ledger}, 'the ledger holds the items of the rows');
    my $files = 0;
    $files += $booked{$_} for grep { / attachment stored\z/ } keys %booked;
    Test::More::is($t->sql_value('select count(*) from errtrack_private.attachments'), $files, 'the files that it tells of are kept');
    Test::More::is($t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead');

    my %requests = %{ $before->{requests} };
    $requests{$_} += $self->{requests}{$_} for keys %{ $self->{requests} };
    my $booked;
    wait_until(sub { !differing($booked = $self->booked_requests, \%requests) }, 20);
    same($booked, \%requests, 'the ledger holds the requests of the rows');
    return;
}

# The names under which two counts differ.
sub differing {
    my ($got, $wanted) = @_;
    my %names = (%$got, %$wanted);
    return grep { ($got->{$_} // 0) != ($wanted->{$_} // 0) } sort keys %names;
}

sub same {
    my ($got, $wanted, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @odd = differing($got, $wanted);
    my $text = sub { join "\n", map { "$_: " . ($_[0]{$_} // 0) } @odd };
    Test::More::is($text->($got), $text->($wanted), $label);
    return;
}

sub check_events {
    my ($self) = @_;
    my %slug = $self->slugs;
    my @names = qw(project id level platform release environment at user title kind type value culprit payload_id payload);
    my %found;
    for my $row ($self->{t}->sql(<<'SQL')) {
        select o.project_id, replace(o.event_id::text, '-', ''), o.level, o.platform, o.release, o.environment,
               case when o.occurred_at = o.received_at then 'received'
                    else round(extract(epoch from o.occurred_at))::text end,
               case when o.user_hash is null then 'no' else 'yes' end,
               i.title, i.kind, i.type, i.value, i.culprit, p.body::jsonb ->> 'event_id', p.body::text
        from errtrack_private.occurrences o
        join errtrack_private.origins g on g.project_id = o.project_id and g.id = o.origin_id
        join errtrack_private.issues i on i.project_id = o.project_id and i.id = g.issue_id
        join errtrack_private.payloads p on p.project_id = o.project_id and p.event_id = o.event_id
SQL
        my %event;
        @event{@names} = @$row;
        $found{"$slug{$event{project}} $event{id}"} = \%event;
    }
    my @named = sort map { "$_->{project} $_->{id}" } @{ $self->{stored} };
    Test::More::is_deeply([ grep { $found{$_} } @named ], \@named, 'the ids that were answered are stored');
    Test::More::is(scalar(keys %found), @named + ($self->{unnamed} // 0), 'and no other event but those whose id is not told');
    Test::More::is_deeply([ grep { $found{$_}{id} ne ($found{$_}{payload_id} // '') } sort keys %found ], [], 'payloads carry them too');

    for my $event (grep { %{ $_->{kept} || {} } } @{ $self->{stored} }) {
        my $row = $found{"$event->{project} $event->{id}"} || {};
        my $kept = $event->{kept};
        my %is = map { $_ => m{^/} ? member($row->{payload}, $_) : $row->{$_} } keys %$kept;
        # A clock that is behind is corrected to the time of arrival, and a test takes its time.
        $is{at} = $kept->{at} if defined $is{at} && $is{at} =~ /^\d+$/ && abs($is{at} - $kept->{at}) < 600;
        Test::More::is_deeply(\%is, $kept, "kept: $event->{label}");
    }
    return;
}

# The member of a JSON text at a path like /tags/0, as JSON text.
sub member {
    my ($text, $path) = @_;
    my $value = JSON::PP->new->allow_nonref->decode($text);
    for my $step (grep { length } split m{/}, $path) {
        $value = ref $value eq 'HASH' ? $value->{$step} : ref $value eq 'ARRAY' ? $value->[$step] : undef;
    }
    return defined $value ? $json->encode($value) : undef;
}

sub check_processes {
    my ($self) = @_;
    my $t = $self->{t};
    Test::More::is($t->worker->pid, $self->{before}{worker}, 'the worker is the one that it was');
    Test::More::is_deeply([ $t->nginx->worker_pids ], $self->{before}{nginx}, 'so are the processes of nginx');
    Test::More::ok($t->postgres->alive, 'PostgreSQL runs');
    Test::More::ok($t->redis_server->alive, 'Redis runs');
    Test::More::cmp_ok(peak_memory($_), '<', 100, 'a process of nginx needed little memory') for @{ $self->{before}{nginx} };
    Test::More::is_deeply([ grep { !m{^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] } } split /\n/, $t->nginx->log_text ], [],
        'nobody wrote a line of his own into the log');
    Test::More::unlike($t->worker->log_text, qr/\[(?:error|critical)\]/, 'the worker had nothing to complain about');
    return;
}

# What a file of rows defines must not meet what is above.
package ErrTrack::Catalogue::Rows;

sub of { return do $_[0] }

1;
