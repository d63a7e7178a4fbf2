package ErrTrack::GitLab::Integrated;

# GitLab with its integrated backend: the list, the details page, the stack trace and the
# change of a status, with the calls that it makes for each.

use strict;
use warnings;
use parent -norequire, 'ErrTrack::GitLab';

use ErrTrack::GitLab qw(crash graphql_integer graphql_text kind parse_json time_of);

use constant PAGE => 20;

# ---- the generated client ---------------------------------------------------------------

# The body of an answer as the client has it, and nothing when the status says so: GitLab
# notes that and goes on.
sub call {
    my ($self, $method, $path, %arg) = @_;
    my $answer = $self->ask('api', $method, "/projects/$self->{project}/errors$path", %arg);
    $self->{link} = $answer->headers->{link};
    return if $answer->status !~ /^2/;
    return [ undef ] if !length $answer->content;
    my $type = $answer->headers->{'content-type'} // 'application/json';
    crash("Content-Type $type") if $type !~ m{^(?:application/.*json|\*/\*)}i;
    return [ parse_json($answer->content) ];
}

sub integer {
    my ($name, $value) = @_;
    return undef if !defined $value;
    crash("$name is a " . kind($value)) if ref $value && ref $value !~ /^Math::/;
    return $value =~ /^(-?\d+)/ ? $1 : 0;
}

# A hash becomes its inspection, which no longer is JSON.
sub text { my ($value) = @_; return !defined $value ? undef : ref $value ? '{:ruby=>' : "$value" }

sub error {
    my ($value) = @_;
    crash('an error is ' . kind($value)) if kind($value) ne 'object';
    my %error = (
        (map { ($_ => integer($_, $value->{$_})) } qw(fingerprint project_id event_count approximated_user_count)),
        (map { ($_ => text($value->{$_})) } qw(name description actor status)),
        (map { ($_ => defined $value->{$_} ? time_of($_, $value->{$_}) : undef) } qw(first_seen_at last_seen_at)),
    );
    crash("status is $error{status}") if defined $error{status} && $error{status} !~ /^(?:unresolved|resolved|ignored)\z/;
    my $stats = $value->{stats};
    if (kind($stats) eq 'object' && defined $stats->{frequency}) {
        crash('frequency is a ' . kind($stats->{frequency})) if kind($stats->{frequency}) ne 'object';
        $error{frequency} = $stats->{frequency}{'24h'};
    }
    return \%error;
}

sub event {
    my ($value) = @_;
    crash('an event is ' . kind($value)) if kind($value) ne 'object';
    return { map { ($_ => $_ =~ /fingerprint|Id/ ? integer($_, $value->{$_}) : text($value->{$_})) }
            qw(fingerprint projectId payload name description actor environment platform) };
}

sub list {
    my ($called, $as) = @_;
    return [] if !$called;
    crash('a list is ' . kind($called->[0])) if kind($called->[0]) ne 'array';
    return [ map { $as->($_) } @{ $called->[0] } ];
}

# ---- the list ---------------------------------------------------------------------------

# What both screens show of an error.
sub shown {
    my ($error) = @_;
    return {
        id          => defined $error->{fingerprint} ? "$error->{fingerprint}" : '',
        title       => ($error->{name} // '') . ': ' . ($error->{description} // ''),
        message     => $error->{description}, culprit => $error->{actor},
        first_seen  => $error->{first_seen_at}, last_seen => $error->{last_seen_at},
        count       => graphql_integer('event_count', $error->{event_count}),
        user_count  => graphql_integer('approximated_user_count', $error->{approximated_user_count}),
        status      => graphql_text('status', $error->{status}),
        frequency   => ErrTrack::GitLab::frequency_of($error->{frequency} // []),
    };
}

# A page of the list: ([ what is shown of each error ], { next => cursor, prev => cursor }).
sub errors {
    my ($self, %query) = @_;
    my %asked = (limit => PAGE, %query);
    my $arguments = join '&', map { "$_=" . escape($asked{$_}) } sort keys %asked;
    my $errors = list(scalar $self->call('GET', "?$arguments"), \&error);
    my $cursors = $self->cursors;
    # A page that is not full is the last one.
    delete $cursors->{next} if @$errors < $asked{limit};
    return ([ map { shown($_) } @$errors ], $cursors);
}

# The header is taken apart at ", ", a cursor ends at "&", and is unescaped once.
sub cursors {
    my ($self) = @_;
    return {} if !defined $self->{link};
    crash('several Link lines') if ref $self->{link};
    my %cursors;
    for my $part (split /, /, $self->{link}) {
        my ($cursor, $rel) = $part =~ /cursor=([^&]+).*; rel="(next|prev)"\z/ or next;
        $cursors{$rel} = unescape($cursor);
    }
    return \%cursors;
}

sub escape { my ($text) = @_; utf8::encode($text) if utf8::is_utf8($text); return $text =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger }
sub unescape { return $_[0] =~ tr/+/ /r =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ger }

# ---- the details page ---------------------------------------------------------------------

# What is shown of one error; nothing where GitLab says that there is none.
sub details {
    my ($self, $fingerprint) = @_;
    my $called = $self->call('GET', "/$fingerprint") or return;
    my $error = error($called->[0]);
    defined $error->{$_} or crash("$_ is an empty date") for qw(first_seen_at last_seen_at);
    my $shown = shown($error);
    graphql_text('actor', $error->{actor});
    my ($oldest) = $self->one_event($fingerprint, 'occurred_at_asc');
    my ($newest) = $self->one_event($fingerprint, 'occurred_at_desc');
    for my $release ([ first => $oldest ], [ last => $newest ]) {
        my $payload = payload_of($release->[1]);
        my $version = $payload && kind($payload) eq 'object' ? $payload->{release} : undef;
        $shown->{"$release->[0]_release"} = $version;
        $shown->{"$release->[0]_release_shown"} = defined $version ? substr $version, 0, 10 : undef;
    }
    return $shown;
}

sub one_event {
    my ($self, $fingerprint, $sort) = @_;
    return list(scalar $self->call('GET', "/$fingerprint/events?limit=1&sort=$sort"), \&event)->[0];
}

# Nothing where it is no JSON.
sub payload_of {
    my ($event) = @_;
    return if !$event || !defined $event->{payload};
    my $text = $event->{payload};
    utf8::encode($text);
    return eval { parse_json($text) };
}

# ---- the stack trace ------------------------------------------------------------------------

# { date, frames => [ { filename, abs_path, function, lineno, colno, context => [ [ line, text ], ... ] } ] },
# the oldest call first; nothing where no stack trace is shown.
sub stack_trace {
    my ($self, $fingerprint) = @_;
    my $event = $self->one_event($fingerprint, 'occurred_at_desc') or return;
    my $called = $self->call('GET', "/$fingerprint") or return;
    my $date = error($called->[0])->{last_seen_at};
    my $payload = payload_of($event) // return;
    my $frames = frames_of($payload) or return;
    return { date => $date, frames => [ map { frame_of($_) } @$frames ] };
}

sub frames_of {
    my ($payload) = @_;
    crash('the payload is ' . kind($payload)) if kind($payload) ne 'object';
    for my $name (qw(exception threads)) {
        for my $entry (@{ entries_of($name, $payload->{$name}) }) {
            crash("an entry of $name is " . kind($entry)) if kind($entry) ne 'object';
            my $stack = $entry->{stacktrace} // next;
            crash("a stacktrace of $name is " . kind($stack)) if kind($stack) ne 'object';
            next if !%$stack;
            my $frames = $stack->{frames} // return;
            crash('frames are ' . kind($frames)) if kind($frames) ne 'array';
            return $frames;
        }
    }
    return;
}

sub entries_of {
    my ($name, $value) = @_;
    my $entries = kind($value) eq 'object' ? $value->{values} : $value;
    return [] if !defined $entries;
    crash("$name is " . kind($entries)) if kind($entries) ne 'array';
    return $entries;
}

sub frame_of {
    my ($frame) = @_;
    crash('a frame is ' . kind($frame)) if kind($frame) ne 'object';
    my @context = context_of($frame);
    # The language of what is highlighted is guessed by the name of the file.
    crash('filename is ' . kind($frame->{filename})) if @context && kind($frame->{filename}) !~ /^(?:null|string)\z/;
    kind($_->[1]) eq 'string' or crash('a line is ' . kind($_->[1])) for @context;
    return { (map { ($_ => $frame->{$_}) } qw(filename abs_path function lineno)), colno => 0, context => \@context };
}

sub context_of {
    my ($frame) = @_;
    return if !grep { defined $frame->{$_} } qw(context_line pre_context post_context);
    crash('lineno is ' . kind($frame->{lineno}) . ' beside context') if kind($frame->{lineno}) ne 'number';
    my ($before, $after) = map { $frame->{$_} // [] } qw(pre_context post_context);
    kind($_) eq 'array' or crash('lines around are ' . kind($_)) for $before, $after;
    my $first = $frame->{lineno} - @$before;
    my @lines = (@$before, $frame->{context_line}, @$after);
    return map { [ $first + $_, $lines[$_] ] } grep { defined $lines[$_] } 0 .. $#lines;
}

# ---- the buttons ------------------------------------------------------------------------------

# Whether GitLab says that it was done.
sub update {
    my ($self, $fingerprint, $status) = @_;
    my $called = $self->call('PUT', "/$fingerprint", json => { status => $status }, headers => { Accept => 'application/json' }) or return 0;
    error($called->[0]) if defined $called->[0];
    return 1;
}

1;
