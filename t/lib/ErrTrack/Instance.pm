package ErrTrack::Instance;

# Everything that one errtrack needs, in one directory: PostgreSQL, Redis, nginx
# and workers, the administrator's command, and clients to talk to all of them.
# Tests use it through ErrTrack, the local instance ("make run") uses it as it
# is, so both start the services in the same way.

use strict;
use warnings;

use IO::Compress::Deflate ();
use IO::Compress::Gzip ();
use JSON::PP ();
use POSIX ();
use Time::HiRes ();

use ErrTrack::HTTP qw(http_raw http_request json_text);
use ErrTrack::Nginx;
use ErrTrack::PgBouncer;
use ErrTrack::Ports qw(free_port);
use ErrTrack::Postgres;
use ErrTrack::Process qw(build_dir random_hex run write_file);
use ErrTrack::Receiver;
use ErrTrack::Redis;
use ErrTrack::Worker;

# dir: an existing folder of the account; keep: services outlive this process.
sub new {
    my ($class, %arg) = @_;
    return bless { services => [], %arg }, $class;
}

sub dir { return $_[0]{dir} }

# ---- services ---------------------------------------------------------------

# Makes a service known: it is stopped before those that were added earlier.
sub add {
    my ($self, $class, %arg) = @_;
    my $service = $class->new(dir => $self->{dir}, keep => $self->{keep}, %arg);
    unshift @{ $self->{services} }, $service;
    return $service;
}

sub services { return @{ $_[0]{services} } }

sub service {
    my ($self, $name) = @_;
    my ($found) = grep { $_->name eq $name } $self->services;
    return $found || die "there is no $name\n";
}

sub postgres { return $_[0]->service('postgres') }
sub redis_server { return $_[0]->service('redis') }
# The one that requests go to; further ones have names, see through.
sub nginx { return $_[0]->service($_[0]{edge} || 'nginx') }

# The worker; further ones have names.
sub worker { return $_[0]->service($_[1] || 'worker') }

sub add_postgres {
    my ($self, %arg) = @_;
    return $self->add('ErrTrack::Postgres', port => free_port(), %arg);
}

sub add_redis {
    my ($self, %arg) = @_;
    return $self->add('ErrTrack::Redis', port => free_port(), %arg);
}

# The words of the configuration that name other services are known only for
# those that were added before.
sub add_nginx {
    my ($self, %arg) = @_;
    my %has = map { $_->name => $_ } $self->services;
    my %words = (
        ($has{redis} ? (REDIS => $has{redis}->address) : ()),
        ($has{postgres} ? (DATABASE => $self->query_database) : ()),
        %{ delete $arg{words} || {} },
    );
    return $self->add('ErrTrack::Nginx', port => free_port(), %arg, words => \%words);
}

# The connection string of the query module. Where the environment wants it, a PgBouncer
# stands in between.
sub query_database {
    my ($self) = @_;
    return $self->postgres->conninfo('errtrack_query') if !$ENV{ERRTRACK_PGBOUNCER};
    $self->{pgbouncer} ||= $self->add('ErrTrack::PgBouncer', port => free_port(), postgres => $self->postgres)->start;
    return $self->{pgbouncer}->conninfo;
}

sub add_worker {
    my ($self, %arg) = @_;
    return $self->add('ErrTrack::Worker',
        database => $self->postgres->conninfo('errtrack_worker'),
        redis    => $self->redis_server->address,
        %arg,
    );
}

# A server that messages can be sent to, and channels to paths of it: for the path /NAME one
# that is called NAME, a webhook. Options: hourly_cap of the channels; program => another than
# t/lib/receiver, with further arguments. Returns the server.
sub add_receiver {
    my ($self, $names, %arg) = @_;
    my $receiver = $self->add('ErrTrack::Receiver', port => free_port(), program => $arg{program})->start;
    mkdir "$self->{dir}/secrets" or $!{EEXIST} or die "$self->{dir}/secrets: $!\n";
    for my $name (@$names) {
        write_file("$self->{dir}/secrets/$name", $receiver->url("/$name") . "\n");
        $self->sql(q(insert into errtrack_private.channels (project_id, name, kind, files, hourly_cap)
            values ($1, $2, 'webhook', jsonb_build_object('url', $2), $3)),
            $self->{project}{id}, $name, $arg{hourly_cap} // 60);
    }
    return $receiver;
}

# Options of a worker that may send there.
sub notifying { return ('--secrets-dir', "$_[0]{dir}/secrets", '--allow-address', '127.0.0.1') }

# This instance with its requests going through another of its nginx.
sub through {
    my ($self, $name) = @_;
    return bless { %$self, edge => $name }, ref $self;
}

# In the order that loses nothing: first what takes in, last what keeps.
sub stop {
    my ($self) = @_;
    my %rank = ('ErrTrack::Nginx' => 0, 'ErrTrack::Redis' => 2, 'ErrTrack::Postgres' => 3);
    my @services = sort { ($rank{ ref $a } // 1) <=> ($rank{ ref $b } // 1) } $self->services;
    # One that cannot be stopped does not keep the others alive.
    my @why = map { eval { $_->stop; 1 } ? () : $@ } @services;
    die @why if @why;
    return;
}

# Puts a report into the queue as an edge writes it, for what no client can bring about:
# at => when an edge took it in, microseconds since 1970; or another line of its meta.
sub queue {
    my ($self, $event, %line) = @_;
    $event = complete($event);
    %line = (v => 1, id => random_hex(16), at => int(1_000_000 * Time::HiRes::time()),
        project => $self->{project}{id}, key => 1, ep => 'store', event => $event->{event_id}, %line);
    return $self->redis('XADD', 'errtrack:{q0}:events', '*',
        m => join('', map { "$_ $line{$_}\n" } sort keys %line), b => json_text($event));
}

# ---- looking inside ---------------------------------------------------------

# Rows as arrays: sql('select id from ... where slug = $1', $slug).
sub sql {
    my ($self, $sql, @values) = @_;
    return $self->postgres->rows($sql, @values);
}

# The first column of the first row.
sub sql_value {
    my ($self, $sql, @values) = @_;
    my ($row) = $self->sql($sql, @values);
    return $row ? $row->[0] : undef;
}

# How often each event is filed: { event id without dashes => number }.
sub filed {
    my ($self) = @_;
    return { map { $_->[0] => $_->[1] } $self->sql(
        q{select replace(event_id::text, '-', ''), count(*) from errtrack_private.occurrences group by 1}) };
}

# Removes what is older than so many days.
sub retain {
    my ($self, $days) = @_;
    my $finished = 'f';
    $finished = $self->sql_value(q{select finished from errtrack_private.retain($1, '1 s')}, $days) while $finished ne 't';
    return;
}

# A session that stays open: $s->('begin; lock table ...'), later $s->('commit').
sub sql_session { return $_[0]->postgres->session }

# One Redis command: redis('XLEN', $key).
sub redis {
    my ($self, @words) = @_;
    return $self->redis_server->ask(@words);
}

# ---- administration ---------------------------------------------------------

# Runs a program of the build as the account of the services: (status, output,
# errors). Nothing that it says is a failure by itself.
sub command {
    my ($self, $program, @arg) = @_;
    return run([ build_dir() . "/$program", @arg ]);
}

# Runs the administrator's command against the database; dies with its message
# if it fails, returns its output, decoded if that was asked for with --json.
sub errtrack {
    my ($self, @arg) = @_;
    my ($status, $out, $err) = $self->command('errtrack', '--database', $self->postgres->conninfo('errtrack_admin'), @arg);
    die "errtrack @arg: status $status: $err$out" if $status;
    return (grep { $_ eq '--json' } @arg) ? JSON::PP->new->utf8->allow_nonref->decode($out) : $out;
}

sub create_organization {
    my ($self, $slug) = @_;
    $self->errtrack('org', 'create', $slug);
    return;
}

# { id, public_key } of a new project and its first key, out of the DSN that the
# command shows. The first project is what requests are for that name no other.
sub create_project {
    my ($self, $slug, $organization, @arg) = @_;
    my $made = $self->errtrack('project', 'create', $slug, '--org', $organization, @arg, '--json');
    my ($key, $id) = $made->{dsn} =~ m{^https?://([\w-]+)@.*/(\d+)$} or die "odd DSN: $made->{dsn}\n";
    my $project = { id => $id, public_key => $key };
    $self->{project} ||= $project;
    return $project;
}

# The text of a new token of a new user; an administrator unless told otherwise
# by options of "user create". The first one is what requests carry that name
# no other.
sub create_token {
    my ($self, $email, @arg) = @_;
    $self->errtrack('user', 'create', $email, @arg ? @arg : '--admin');
    my $token = $self->errtrack('token', 'create', '--user', $email, '--json')->{token};
    $self->{token} ||= $token;
    return $token;
}

# A login of an analyst, made by the command with these options: a function that asks as it,
# as sql does.
sub create_report_user {
    my ($self, $name, @arg) = @_;
    $self->postgres->know_password($name, $self->errtrack('report-user', 'create', $name, @arg, '--json')->{password});
    return sub { return $self->postgres->rows_as($name, @_) };
}

sub project { return $_[0]{project} }
sub token   { return $_[0]{token} }

# The DSN of a project at this nginx.
sub dsn {
    my ($self, $project) = @_;
    $project ||= $self->{project};
    return "http://$project->{public_key}\@127.0.0.1:" . $self->nginx->port . "/$project->{id}";
}

# ---- HTTP -------------------------------------------------------------------

sub url {
    my ($self, $path, $port) = @_;
    return 'http://127.0.0.1:' . $self->nginx->port($port) . $path;
}

# Options: those of ErrTrack::HTTP::http_request, and port => 'NAME' for another
# port of the configuration.
sub http {
    my ($self, $method, $path, %arg) = @_;
    my $port = delete $arg{port};
    return http_request($method, $self->url($path, $port), %arg);
}

sub get    { my ($self, $path, %arg) = @_; return $self->http('GET',    $path, %arg) }
sub post   { my ($self, $path, %arg) = @_; return $self->http('POST',   $path, %arg) }
sub put    { my ($self, $path, %arg) = @_; return $self->http('PUT',    $path, %arg) }
sub delete { my ($self, $path, %arg) = @_; return $self->http('DELETE', $path, %arg) }

# Bytes, or a list of pieces, as they are: see ErrTrack::HTTP::http_raw.
sub raw {
    my ($self, $pieces, %arg) = @_;
    my $port = delete $arg{port};
    return http_raw($self->nginx->port($port), $pieces, %arg);
}

# The API that GitLab's integrated error tracking calls: path below
# /errortracking/api/v1. Option token => another one, '' for none.
sub api {
    my ($self, $method, $path, %arg) = @_;
    my $token = delete $arg{token} // $self->{token};
    $arg{headers} = {
        (length $token ? ('Gitlab-Error-Tracking-Token' => $token) : ()),
        %{ $arg{headers} || {} },
    };
    return $self->http($method, "/errortracking/api/v1$path", %arg);
}

# Sentry's web API: path below /api/0. Option token => another one, '' for none.
sub sentry {
    my ($self, $method, $path, %arg) = @_;
    my $token = delete $arg{token} // $self->{token};
    $arg{headers} = { (length $token ? (Authorization => "Bearer $token") : ()), %{ $arg{headers} || {} } };
    return $self->http($method, "/api/0$path", %arg);
}

# ---- Sentry -----------------------------------------------------------------

# Sends an event as SDKs did before envelopes. A hash gets an event_id, a
# timestamp and a platform where it has none; text is sent as it is. Options:
# those of submit.
sub store {
    my ($self, $event, %arg) = @_;
    return $self->submit('store', ref $event ? json_text(complete($event)) : $event,
        type => 'application/json', %arg);
}

# Sends an envelope. Items are arrays, [ type => payload, header => value, ... ],
# payloads as store takes events; options follow the items: those of submit, and
# header => {} for the first line.
#
#     $t->envelope([ event => { message => 'no' } ], [ attachment => $bytes, filename => 'a.txt' ]);
sub envelope {
    my ($self, @rest) = @_;
    my @items;
    push @items, shift @rest while @rest && ref $rest[0] eq 'ARRAY';
    my %arg = @rest;
    my $body = envelope_text(delete $arg{header} || {}, @items);
    return $self->submit('envelope', $body, type => 'application/x-sentry-envelope', %arg);
}

sub envelope_text {
    my ($header, @items) = @_;
    my $text = json_text($header) . "\n";
    for my $item (@items) {
        my ($type, $payload, %more) = @$item;
        if (ref $payload) {
            $payload = json_text($type eq 'event' ? complete($payload) : $payload);
        }
        $text .= json_text({ type => $type, length => length $payload, %more }) . "\n$payload\n";
    }
    return $text;
}

sub complete {
    my ($event) = @_;
    return {
        event_id  => random_hex(16),
        timestamp => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
        platform  => 'other',
        %$event,
    };
}

# Posts a body to an ingest endpoint. Options: project => { id, public_key } or
# an id, key => public key, auth => header (default), query or none,
# encoding => gzip or deflate to compress the body, type, headers, prefix => path
# in front of /api, query => more of the query string, and those of http.
sub submit {
    my ($self, $endpoint, $body, %arg) = @_;
    die "the key is undefined\n" if exists $arg{key} && !defined $arg{key};
    my $project = delete $arg{project} // $self->{project};
    my $id = ref $project ? $project->{id} : $project;
    my $key = delete $arg{key} // (ref $project ? $project->{public_key} : $self->{project}{public_key});
    my ($auth, $encoding) = (delete $arg{auth} // 'header', delete $arg{encoding});
    my $path = (delete $arg{prefix} // '') . "/api/$id/$endpoint/";

    my @query = grep { defined } delete $arg{query};
    push @query, "sentry_version=7&sentry_key=$key" if $auth eq 'query';
    $path .= '?' . join '&', @query if @query;

    my %headers = ('Content-Type' => delete $arg{type});
    $headers{'X-Sentry-Auth'} = "Sentry sentry_version=7, sentry_client=errtrack-test/1, sentry_key=$key"
        if $auth eq 'header';
    if ($encoding) {
        $headers{'Content-Encoding'} = $encoding;
        $body = compress($encoding, $body);
    }
    return $self->post($path, %arg, content => $body, headers => { %headers, %{ $arg{headers} || {} } });
}

sub compress {
    my ($encoding, $bytes) = @_;
    my $packed;
    if ($encoding eq 'gzip') {
        IO::Compress::Gzip::gzip(\$bytes, \$packed, Minimal => 1) or die "gzip: $IO::Compress::Gzip::GzipError\n";
    } elsif ($encoding eq 'deflate') {
        IO::Compress::Deflate::deflate(\$bytes, \$packed) or die "deflate: $IO::Compress::Deflate::DeflateError\n";
    } else {
        die "no such encoding: $encoding\n";
    }
    return $packed;
}

1;
