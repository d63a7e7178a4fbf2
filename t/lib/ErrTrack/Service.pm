package ErrTrack::Service;

# One service: a program that is started in a directory, is ready when it says
# so, and is ended by its pid. PostgreSQL, Redis, nginx and the worker are made
# of this. A subclass says command(), ready() and the signals.
#
# A service may also be one that an earlier process started (the local
# instance): then the pid comes from the pid file, and counts only if the
# program under it is ours.

use strict;
use warnings;

use ErrTrack::Process qw(others_of process_of read_file reap running spawn wait_until works_in
    write_file);

# name, dir: where its files are; keep: it stays when its starter ends.
sub new {
    my ($class, %arg) = @_;
    return bless { failures => [], killed => {}, %arg }, $class;
}

sub stop_signal { return 'TERM' }

# What is sent when the starter dies without having stopped it.
sub death_signal { return $_[0]->stop_signal }

sub name    { return $_[0]{name} }
sub port    { return $_[0]{port} }
sub log     { return "$_[0]{dir}/$_[0]{name}.log" }
sub pidfile { return "$_[0]{dir}/$_[0]{name}.pid" }

sub log_text { return read_file($_[0]->log) }

# What it wrote since it was started last.
sub log_since_start { return read_file($_[0]->log, $_[0]{log_offset} // 0) }

# ---- life -------------------------------------------------------------------

sub start {
    my ($self) = @_;
    $self->launch;
    return $self->await;
}

# Starts it and does not wait for it: await does, and tells an end before it is ready.
sub launch {
    my ($self) = @_;
    die "$self->{name} runs already\n" if $self->alive;
    $self->sweep;
    $self->{log_offset} = -s $self->log || 0;
    $self->{pid} = spawn([ $self->command ],
        log => $self->log, deathsig => $self->{keep} ? undef : $self->death_signal);
    $self->{session} = $self->{pid};
    $self->{mine} = 1;
    delete $self->{status};
    $self->{expected} = 1;
    write_file($self->pidfile, "$self->{pid}\n");
    return;
}

sub await {
    my ($self) = @_;
    my $seconds = $self->{start_timeout} || 30;
    wait_until(sub { !$self->alive || $self->ready }, $seconds);
    if (!$self->alive) {
        die "$self->{name} did not start (" . describe($self->{status}) . "):\n" . $self->complaint;
    }
    if (!$self->ready) {
        $self->kill;
        die "$self->{name} was not ready within $seconds s:\n" . $self->complaint;
    }
    $self->{expected} = 0;
    return $self;
}

# The end of its log, for messages.
sub complaint {
    my ($self) = @_;
    my @lines = split /^/, $self->log_since_start;
    splice @lines, 0, -20 if @lines > 20;
    return join '', @lines;
}

# Takes over what another process started: true if it runs. If it died and only
# its children run, it is for sweep to end those. A pid that runs something else
# by now says nothing about anything.
sub attach {
    my ($self) = @_;
    my ($pid) = read_file($self->pidfile) =~ /^(\d+)$/m or return 0;
    if (!running($pid, $self->mark)) {
        $self->{session} = $pid if !running($pid);
        return 0;
    }
    $self->{pid} = $self->{session} = $pid;
    delete $self->{mine};
    return 1;
}

# Goes on as another process of the same program: one that the present one started in its
# place, or the one that was there before.
sub adopt {
    my ($self, $pid) = @_;
    running($pid, $self->mark) or die "process $pid is no $self->{name}\n";
    $self->{pid} = $pid;
    $self->{expected} = 0;
    delete @$self{qw(mine status)};
    write_file($self->pidfile, "$pid\n");
    return;
}

# What the command line of this service contains, and of no other program.
sub mark { return $_[0]{dir} }

sub pid { return $_[0]->alive ? $_[0]{pid} : undef }

# Whether it runs. An end that nobody asked for is noted here.
sub alive {
    my ($self) = @_;
    my $pid = $self->{pid} or return 0;
    if ($self->{mine}) {
        my $status = reap($pid);
        return 1 if !defined $status;
        $self->{status} = $status;
    } else {
        return 1 if running($pid, $self->mark);
    }
    delete $self->{pid};
    unlink $self->pidfile;
    if (!$self->{expected}) {
        push @{ $self->{failures} }, "$self->{name} (pid $pid) ended unasked: " . describe($self->{status});
    }
    return 0;
}

# What went wrong with its life, for the end of a test.
sub failures { return @{ $_[0]{failures} } }

# Waits for an end that the test brings about by other means than stop and
# kill: the exit status as the shell gives it.
sub wait_exit {
    my ($self, $seconds) = @_;
    $self->{expected} = 1;
    $self->wait_gone($seconds // 20) or die "$self->{name} did not end\n";
    my $status = $self->{status} // return;
    return $status & 127 ? 128 + ($status & 127) : $status >> 8;
}

sub wait_gone {
    my ($self, $seconds) = @_;
    return wait_until(sub { !$self->alive }, $seconds);
}

# Ends it as an operator would. Not ending in time, or with another status than
# 0, is kept as a failure for the end of the test.
sub stop {
    my ($self, $signal, $seconds) = @_;
    my $pid = $self->pid or return $self->sweep;
    $signal  ||= $self->stop_signal;
    $seconds ||= $self->{stop_timeout} || 20;
    $self->{expected} = 1;
    $self->signal('CONT') if $self->{paused};
    $self->signal($signal);
    if (!$self->wait_gone($seconds)) {
        push @{ $self->{failures} }, "$self->{name} (pid $pid) did not end within $seconds s of SIG$signal";
        $self->kill;
        return 0;
    }
    $self->sweep;
    if ($self->{status}) {
        push @{ $self->{failures} },
            "$self->{name} (pid $pid) ended on SIG$signal with " . describe($self->{status});
        return 0;
    }
    return 1;
}

# Ends what a first process that died left behind: workers of an nginx that lost
# its master go on for ever, and so does a master that was not stopped after an upgrade.
sub sweep {
    my ($self) = @_;
    my $session = delete $self->{session} or return 1;
    my @left;
    my $left = sub { return @left = grep { $_ != $$ && works_in($_, $self->{dir}) } $session, others_of($session) };
    return 1 if wait_until(sub { !$left->() }, 2);
    $self->{killed}{$_} = 1 for @left;
    CORE::kill('KILL', @left);
    wait_until(sub { !$left->() }, 10) or die "processes that $self->{name} left behind survived SIGKILL\n";
    return 1;
}

# Ends it and all of its processes at once, as a power cut would.
sub kill {
    my ($self) = @_;
    my $pid = $self->pid or return;
    $self->{expected} = 1;
    my @below = $self->descendants;
    $self->{killed}{$_} = 1 for $pid, @below;
    # The parent first, or it would replace its children and write about them.
    CORE::kill('KILL', $pid, @below);
    $self->wait_gone(10) or die "$self->{name} survived SIGKILL\n";
    wait_until(sub { !grep { running($_) } @below }, 10) or die "children of $self->{name} survived SIGKILL\n";
    delete $self->{paused};
    return;
}

# Ends one process below it, a worker process of nginx say.
sub kill_child {
    my ($self, $pid) = @_;
    die "$pid is not a process of $self->{name}\n" if !grep { $_ == $pid } $self->descendants;
    $self->{killed}{$pid} = 1;
    CORE::kill('KILL', $pid);
    wait_until(sub { !running($pid) }, 10) or die "process $pid of $self->{name} survived SIGKILL\n";
    return;
}

sub killed { return keys %{ $_[0]{killed} } }

sub descendants {
    my ($self) = @_;
    my $pid = $self->pid or return;
    return others_of($pid);
}

# Stops it in its tracks, with all of its processes, without ending it:
# sockets stay open and nothing answers.
sub pause {
    my ($self) = @_;
    my @all = ($self->pid // die("$self->{name} does not run\n"), $self->descendants);
    $self->{paused} = 1;
    CORE::kill('STOP', @all);
    wait_until(sub { !grep { (process_of($_) || { state => 'T' })->{state} ne 'T' } @all }, 10)
        or die "$self->{name} did not pause\n";
    return;
}

sub continue {
    my ($self) = @_;
    delete $self->{paused};
    CORE::kill('CONT', $self->descendants, $self->pid);
    return;
}

sub signal {
    my ($self, $signal) = @_;
    my $pid = $self->pid or die "$self->{name} does not run\n";
    CORE::kill($signal, $pid) or die "SIG$signal to $self->{name}: $!\n";
    return;
}

sub restart {
    my ($self) = @_;
    $self->stop;
    return $self->start;
}

# A wait status in words.
sub describe {
    my ($status) = @_;
    return 'unknown status' if !defined $status;
    return $status & 127 ? 'signal ' . ($status & 127) : 'status ' . ($status >> 8);
}

1;
