package ErrTrack::Flood;

# Clients that do harm at full speed, and what they send: t/bench/client.cpp does the sending.
#
#     my $flood = ErrTrack::Flood->new(dir => $dir, projects => { good => ..., bad => ..., spent => ... });
#     my $run = $flood->start('keys', port => $port, seconds => 2);
#     my $good = $flood->start('good', port => $port, seconds => 2);
#     my $result = $run->finish;    # { status => { 403 => 12_345 }, bytes => ..., seconds => ... }
#
# A project is { id, public_key }: good's own, bad's, which may have a quota of errors, and
# one whose quota is used up. What the good one was answered is in at: [ event id, status,
# microseconds ] each.

use strict;
use warnings;

use ErrTrack::HTTP qw(json_text);
use ErrTrack::Instance;
use ErrTrack::Process qw(build_dir run write_file);

use constant MB => 1024 * 1024;

# What t/bench/client.cpp replaces by something new in each request.
my $NUMBER  = '#' x 32;
my $LETTERS = '@' x 12;

# Each kind in words, with the answers that it may get of errtrack.
our @KINDS = (
    { name => 'quota',       title => 'over its quota',                     status => [429] },
    { name => 'keys',        title => 'a new unknown key each time',        status => [403] },
    { name => 'slow',        title => '500 connections, each a byte now and then', status => [ 0, 408 ],
        mode => 'drip', connections => 500, pace => 100 },
    { name => 'issues',      title => 'each report a new issue',            status => [ 200, 429 ] },
    { name => 'tags',        title => '50 new tags in each report',         status => [ 200, 429 ] },
    { name => 'large',       title => 'events of 10 MB',                    status => [413] },
    { name => 'attachments', title => 'attachments of 10 MB',               status => [ 200, 503 ] },
    { name => 'bombs',       title => 'gzip, zstd and br that become 1 GB', status => [413] },
);

my %GOOD = (name => 'good', mode => 'steady', connections => 8, pace => 100);

# Options: connections of a flood, rate of the good client, bomb => bytes that one becomes.
sub new {
    my ($class, %arg) = @_;
    my $self = bless { connections => 16, rate => $GOOD{pace}, bomb => 1024 * MB, files => {}, %arg }, $class;
    -d $self->{dir} or mkdir $self->{dir}, 0700 or die "$self->{dir}: $!\n";
    return $self;
}

sub kind {
    my ($name) = @_;
    my ($kind) = grep { $_->{name} eq $name } @KINDS, \%GOOD;
    return $kind // die "there is no flood called $name\n";
}

# ---- what is sent -------------------------------------------------------------------

sub request {
    my ($project, $body, %arg) = @_;
    my $key = $arg{key} // $project->{public_key};
    my $bytes = join "\r\n", "POST /api/$project->{id}/envelope/ HTTP/1.1", 'Host: errors.example.com',
        'User-Agent: sentry.python/1.40.0', 'Content-Type: application/x-sentry-envelope',
        "X-Sentry-Auth: Sentry sentry_version=7, sentry_client=sentry.python/1.40.0, sentry_key=$key",
        ($arg{encoding} ? "Content-Encoding: $arg{encoding}" : ()), 'Content-Length: ' . length $body, '', $body;
    utf8::downgrade($bytes);
    return $bytes;
}

# An event as a small program sends it, of about that many bytes, in an envelope.
sub report {
    my ($bytes, %more) = @_;
    my $id = delete $more{event_id};
    my $event = {
        platform => 'python', level => 'error', release => 'shop@4.17.2', environment => 'production',
        exception => { values => [ { type => $more{type} // 'ValueError', value => 'could not convert string to float',
            stacktrace => { frames => [ map { { filename => "shop/$_.py", module => "shop.$_", function => "$_" . ($more{type} // '_all'),
                lineno => 17, context_line => "    return self.$_(order)", in_app => JSON::PP::true } } qw(views orders prices) ] } } ] },
        tags => $more{tags} // { region => 'eu-central-1' }, user => { id => '48213' },
    };
    $event->{extra} = { note => 'x' x ($bytes - length json_text($event)) } if length json_text($event) < $bytes;
    return ErrTrack::Instance::envelope_text($id ? { event_id => $id } : {}, [ event => json_text($event) ]);
}

# The envelope that a bomb becomes has no mistake but its size.
sub bomb {
    my ($self, @command) = @_;
    my $file = "$self->{dir}/bomb";
    my ($status, undef, $err) = run([ 'sh', '-c',
        qq({ printf '{}\\n{"type":"attachment"}\\n'; head -c $self->{bomb} /dev/zero; } | @command) . " > $file" ], plain => 1);
    $status == 0 or die "@command: $err";
    return ErrTrack::Process::read_file($file);
}

my %make = (
    good  => sub { request($_[0]{projects}{good}, report(1_800, event_id => $NUMBER)) },
    quota => sub { request($_[0]{projects}{spent}, report(1_800)) },
    keys  => sub { request($_[0]{projects}{bad}, report(1_800), key => $NUMBER) },
    slow  => sub { request($_[0]{projects}{bad}, report(1_800)) },
    issues => sub { request($_[0]{projects}{bad}, report(1_800, type => $LETTERS)) },
    # Half of them are new keys, half new values of the same key.
    tags  => sub { request($_[0]{projects}{bad}, report(1_800, tags => [ map { ([ "k${_}_$LETTERS", 'v' ], [ "same$_", $NUMBER ]) } 1 .. 25 ])) },
    large => sub { request($_[0]{projects}{bad}, report(10 * MB)) },
    attachments => sub {
        request($_[0]{projects}{bad}, ErrTrack::Instance::envelope_text({ event_id => 'e' x 32 },
            [ attachment => join('', map { chr 33 + $_ * $_ % 89 } 1 .. 1000) x (10 * MB / 1000), filename => 'a.txt' ]));
    },
    bombs => sub {
        my ($self) = @_;
        my %by = (gzip => 'gzip -5', zstd => 'zstd -q -3', br => 'brotli -q 3 -w 20');
        return map { request($self->{projects}{bad}, $self->bomb($by{$_}), encoding => $_) } sort keys %by;
    },
);

sub files {
    my ($self, $name) = @_;
    my $number = 0;
    return @{ $self->{files}{$name} ||= [ map { write_file("$self->{dir}/$name." . $number++, $_) } $make{$name}->($self) ] };
}

# ---- sending it ---------------------------------------------------------------------

# Options: port, seconds; before => words in front of the command.
sub start {
    my ($self, $name, %arg) = @_;
    my $kind = kind($name);
    my $mode = $kind->{mode} || 'flood';
    my @command = (@{ $arg{before} || [] }, build_dir() . '/bench/client', $mode, $arg{port},
        $kind->{connections} || $self->{connections}, $arg{seconds},
        ($mode eq 'steady' ? $self->{rate} : $kind->{pace} // ()), $self->files($name));
    my $pid = open my $out, '-|', @command or die "$command[0]: $!\n";
    return bless { name => $name, pid => $pid, out => $out }, 'ErrTrack::Flood::Run';
}

package ErrTrack::Flood::Run;

use strict;
use warnings;

sub pid { return $_[0]{pid} }

# Waits for its end.
sub finish {
    my ($self) = @_;
    my $text = do { local $/ = undef; readline $self->{out} } // '';
    close $self->{out} or die "the client of \"$self->{name}\" failed\n";
    my ($bytes, $seconds) = $text =~ /^sent (\d+) (\S+)$/m or die "the client of \"$self->{name}\" said: $text\n";
    return {
        status => { $text =~ /^status (\d+) (\d+)$/mg }, bytes => $bytes, seconds => $seconds,
        at => [ map { [ sprintf('%032x', $_->[0]), @{$_}[ 1, 2 ] ] } map { [split] } $text =~ /^at (.*)$/mg ],
    };
}

1;
