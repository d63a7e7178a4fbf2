package ErrTrack::GitLab::Sentry;

# GitLab with its Sentry backend: the projects to choose from, the list, the details page,
# the stack trace, the change of a status and the link to an issue of GitLab.

use strict;
use warnings;
use parent -norequire, 'ErrTrack::GitLab';

use ErrTrack::GitLab qw(graphql_integer graphql_text kind parse_json ruby_depth ruby_size time_of trouble);

use constant { MIB => 1_048_576, RUBY_BYTES => 5 * 1_048_576, RUBY_LEVELS => 100 };

# organization, slug: what the API URL in GitLab names; project: the id that GitLab has
# stored, as a number, or undef.

sub unexpected { return trouble('Unexpected Error', $_[0]) }
sub missing { return trouble('missing keys', $_[0]) }

# ---- the client ---------------------------------------------------------------------------

# The value that was answered. Redirects are not followed.
sub call {
    my ($self, $method, $path, %arg) = @_;
    my $answer = $self->ask('sentry', $method, $path, %arg);
    $self->{link} = $answer->headers->{link};
    trouble('Sentry response status code', $answer->status) if $answer->status < 200 || $answer->status > 204;
    trouble('too big', length $answer->content) if length $answer->content > MIB;
    my $type = $answer->headers->{'content-type'} // '';
    unexpected("a body of the type $type") if $type !~ m{^application/json\b};
    unexpected('no body') if $answer->content !~ /\S/;
    my $value = eval { parse_json($answer->content) };
    $@ =~ /depth|nest/ ? trouble('too big', 'more levels than Ruby reads') : unexpected("no JSON: $@") if $@;
    trouble('too big', 'bytes of memory: ' . ruby_size($value)) if ruby_size($value) > RUBY_BYTES;
    trouble('too big', 'levels: ' . ruby_depth($value)) if ruby_depth($value) > RUBY_LEVELS;
    return $value;
}

sub digits {
    my ($name, $value) = @_;
    unexpected("$name is " . kind($value)) if kind($value) ne 'string' || $value !~ /^\d+\z/;
    return $value;
}

sub need {
    my ($value, @keys) = @_;
    unexpected('an element is ' . kind($value)) if kind($value) ne 'object';
    for my $key (@keys) {
        my $at = $value;
        for my $part (split /\./, $key) {
            missing($key) if kind($at) ne 'object' || !exists $at->{$part};
            $at = $at->{$part};
        }
    }
    return $value;
}

sub object_of {
    my ($name, $value) = @_;
    unexpected("$name is " . kind($value)) if kind($value) !~ /^(?:object|null)\z/;
    return $value // {};
}

sub list {
    my ($value) = @_;
    unexpected('a list is ' . kind($value)) if kind($value) ne 'array';
    return @$value;
}

# ---- settings -----------------------------------------------------------------------------

# What the button Connect lists.
sub projects {
    my ($self) = @_;
    return [ map { need($_, qw(name slug organization.name organization.slug)) } list($self->call('GET', '/projects/')) ];
}

# GitLab that has stored no id finds it by the names that it has.
sub learn {
    my ($self, $project_name, $organization_name) = @_;
    my ($found) = grep { $_->{name} eq $project_name && $_->{organization}{name} eq $organization_name } @{ $self->projects };
    $self->{project} = $found ? 0 + $found->{id} : undef;
    return $self->{project};
}

# ---- the list -----------------------------------------------------------------------------

# ([ what is shown of each ], { previous => cursor, next => cursor })
sub issues {
    my ($self, %query) = @_;
    my %asked = (limit => 20, query => 'is:unresolved', %query);
    my $arguments = join '&', map { "$_=" . ($asked{$_} =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger) } sort keys %asked;
    my @issues = list($self->call('GET', "/projects/$self->{organization}/$self->{slug}/issues/?$arguments"));
    my %cursors;
    for my $part (split /,/, ref $self->{link} ? join ',', @{ $self->{link} } : $self->{link} // '') {
        my ($rel, $results, $cursor) = $part =~ /\A\s*<[^>]*>;\srel="(\w+)";\sresults="(\w+)";\scursor="([^"]+)"\z/ or next;
        $cursors{$rel} = $cursor if $results eq 'true';
    }
    return ([ map { shown(need($_, 'id')) } @issues ], \%cursors);
}

# What a row and the page have in common.
sub shown {
    my ($issue) = @_;
    my ($metadata, $project, $stats) = map { object_of($_, $issue->{$_}) } qw(metadata project stats);
    my $status = graphql_text('status', $issue->{status});
    trouble('GraphQL error', "status is $status") if $status !~ /^(?:unresolved|resolved|ignored|resolvedInNextRelease)\z/;
    return {
        id => digits('id', $issue->{id}),
        (map { ($_ => graphql_text($_, $issue->{$_})) } qw(title type culprit shortId)),
        (map { ($_ => graphql_integer($_, $issue->{$_})) } qw(count userCount)),
        (map { ($_ => time_of($_, $issue->{$_}, 'GraphQL error')) } qw(firstSeen lastSeen)),
        status => $status, message => $metadata->{value},
        frequency => defined $stats->{'24h'} ? ErrTrack::GitLab::frequency_of($stats->{'24h'}) : undef,
        project => { map { ($_ => graphql_text("project.$_", $project->{$_})) } qw(id name slug) },
    };
}

# ---- the details page -----------------------------------------------------------------------

sub details {
    my ($self, $id) = @_;
    my $issue = $self->call('GET', "/issues/$id/");
    unexpected('an issue is ' . kind($issue)) if kind($issue) ne 'object';
    digits('id', $issue->{id});
    $self->own('project.id', object_of('project', $issue->{project})->{id});
    my ($first, $last) = map { object_of($_, $issue->{$_}) } qw(firstRelease lastRelease);
    my $shown = shown($issue);
    ErrTrack::GitLab::frequency_of($shown->{frequency});
    return {
        %$shown, (map { ($_ => $issue->{$_}) } qw(level logger)),
        first_release => $first->{version}, last_release => $last->{version},
        first_commit => $first->{lastCommit}, first_short => $first->{shortVersion},
        linked => gitlab_issue($issue),
    };
}

sub own {
    my ($self, $name, $id) = @_;
    trouble('crash', "$name is " . kind($id)) if kind($id) !~ /^(?:string|number)\z/ || $id !~ /^\d+\z/;
    trouble('crash', "the issue is outside the configured project: $name is $id") if $id != $self->{project};
    return;
}

sub gitlab_issue {
    my ($issue) = @_;
    if (exists $issue->{annotations}) {
        kind($_) eq 'string' or unexpected('an annotation is ' . kind($_)) for list($issue->{annotations});
        my ($found) = map { /<a href="(https:\/\/gitlab\.example\/[^"]*)"/ ? $1 : () } @{ $issue->{annotations} };
        return $found if $found;
    }
    my ($plugin) = grep { ($_->{id} // '') eq 'gitlab' } list($issue->{pluginIssues} // []);
    return $plugin ? $plugin->{issue}{url} : undef;
}

# ---- the stack trace ------------------------------------------------------------------------

sub stack_trace {
    my ($self, $id) = @_;
    my $event = $self->call('GET', "/issues/$id/events/latest/");
    unexpected('an event is ' . kind($event)) if kind($event) ne 'object';
    digits('groupID', $event->{groupID});
    $self->own('projectID', $event->{projectID});
    my ($exception) = grep { $_->{type} eq 'exception' } list($event->{entries});
    my ($found) = grep { %{ $_->{stacktrace} // {} } } list($exception ? $exception->{data}{values} : []);
    my $shown = { date => time_of('dateReceived', $event->{dateReceived}, 'GraphQL error') };
    $shown->{frames} = [ map { frame_of($_) } list($found->{stacktrace}{frames}) ] if $found;
    return $shown;
}

sub frame_of {
    my ($frame) = @_;
    unexpected('a frame is ' . kind($frame)) if kind($frame) ne 'object';
    for my $line (list($frame->{context})) {
        unexpected('a line is no pair') if kind($line) ne 'array' || kind($line->[0]) ne 'number' || kind($line->[1]) ne 'string';
    }
    kind($frame->{$_}) =~ /^(?:null|string)\z/ or unexpected("$_ is " . kind($frame->{$_})) for qw(filename absPath function);
    defined $frame->{$_} and graphql_integer($_, $frame->{$_}) for qw(lineNo colNo);
    return { map { ($_ => $frame->{$_}) } qw(filename absPath function lineNo colNo context) };
}

# ---- the buttons ------------------------------------------------------------------------------

# Whether GitLab says that it was done. It looks at the issue first, and what goes wrong
# there nobody handles.
sub update {
    my ($self, $id, $status) = @_;
    my $issue = eval { $self->call('GET', "/issues/$id/") } // trouble('crash', $@);
    $self->own('project.id', object_of('project', $issue->{project})->{id});
    my $answer = $self->call('PUT', "/issues/$id/", json => { status => $status });
    return kind($answer) eq 'object' && %$answer ? 1 : 0;
}

# Ties an issue of GitLab, of a project by its id, to an issue here: by an integration, or
# else by the plugin. Returns which of the two.
sub link_issue {
    my ($self, $id, $gitlab_project, $iid) = @_;
    my $repositories = eval { [ map { need($_, qw(status integrationId externalSlug)) } list($self->call('GET', "/organizations/$self->{organization}/repos/")) ] };
    die $@ if $@ && $@ =~ /^missing keys/;
    my ($found) = grep { $_->{status} eq 'active' && kind($_->{externalSlug}) eq 'number' && $_->{externalSlug} == $gitlab_project } @{ $repositories // [] };
    if ($found) {
        $self->call('PUT', "/groups/$id/integrations/$found->{integrationId}/", json => { project => $gitlab_project, externalIssue => "$gitlab_project#$iid" });
        return 'integration';
    }
    $self->call('POST', "/issues/$id/plugins/gitlab/link/", json => { issue_id => $iid });
    return 'plugin';
}

1;
