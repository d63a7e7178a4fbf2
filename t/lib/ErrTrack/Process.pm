package ErrTrack::Process;

# Programs: under which account they run, how one is started, and how to find
# out whether it still does. Everything else in ErrTrack::* stands on this.
#
# The account. PostgreSQL refuses to run as root, and nginx started by root
# would give its workers away to yet another user. So when root runs the tests,
# every service runs as the user postgres, from the first to the last process.
# A checkout may lie in a folder that only root enters (a clone in /root): the
# services keep the capability that lets them read, start and load what is in
# there (and write everywhere: a test that wants a file to be refused has to make
# a folder of that name). An ordinary user starts everything as itself.

use strict;
use warnings;

use Cwd ();
use Exporter 'import';
use Fcntl ':mode';
use File::Basename ();
use File::Spec ();
use File::Temp ();
use POSIX ':sys_wait_h';
use Time::HiRes ();

our @EXPORT_OK = qw(account build_dir common_dir give make_dir others_of process_of random_hex reap
    root read_file run running secrets_key spawn wait_until works_in write_file);

# What the caller has in its environment must not reach the private services.
delete @ENV{ grep { /^(?:PG|REDISCLI_|NGINX)/ } keys %ENV };

# Users of Debian have no sbin in their PATH.
$ENV{PATH} = join ':', grep { defined && length } $ENV{PATH}, '/usr/sbin', '/sbin';

my $root = Cwd::realpath(File::Basename::dirname(__FILE__) . '/../../..');

sub root { return $root }

# ERRTRACK_BUILD points the tests at another build, one with sanitizers say.
sub build_dir { return $ENV{ERRTRACK_BUILD} ? Cwd::realpath($ENV{ERRTRACK_BUILD}) : "$root/build" }

# ---- account ----------------------------------------------------------------

my $account;

# { name, uid, gid, wrapper => [words that go before a command] }
sub account {
    return $account ||= $> == 0 ? account_of_root() : {
        name    => scalar getpwuid($>),
        uid     => $>,
        gid     => $) + 0,
        wrapper => [],
    };
}

sub account_of_root {
    my ($name, undef, $uid, $gid) = getpwnam('postgres')
        or die "ErrTrack: services of root run as the user postgres, which is not there: install postgresql\n";

    my @plain = ('setpriv', '--reuid', $uid, '--regid', $gid, '--init-groups');
    my @strong = (@plain, '--inh-caps', '+dac_override', '--ambient-caps', '+dac_override');
    for my $wrapper (\@strong, \@plain) {
        # Really opened: access(2), which test -r asks, leaves capabilities out.
        my ($status) = run([ @$wrapper, 'cat', Cwd::realpath(__FILE__) ], plain => 1);
        return { name => $name, uid => $uid, gid => $gid, wrapper => $wrapper } if $status == 0;
    }
    die "ErrTrack: the user postgres, as which services of root run, cannot read $root, and this system does "
        . "not let root pass it the capability to. Move the checkout to a place that everybody may enter, "
        . "or work as an ordinary user.\n";
}

# ---- files ------------------------------------------------------------------

# Hands files over to the account.
sub give {
    my (@paths) = @_;
    my $to = account();
    return if $to->{uid} == $>;
    chown($to->{uid}, $to->{gid}, @paths) == @paths or die "chown @paths: $!\n";
    return;
}

# A folder of the account that nobody else looks into.
sub make_dir {
    my ($path) = @_;
    return $path if -d $path;
    mkdir $path, 0700 or die "mkdir $path: $!\n";
    give($path);
    return $path;
}

# Writes a file of the account, 0600, complete or not at all.
sub write_file {
    my ($path, $content) = @_;
    my $new = "$path.new";
    my $umask = umask 077;
    open my $out, '>:raw', $new or die "$new: $!\n";
    umask $umask;
    utf8::encode($content) if utf8::is_utf8($content);
    print {$out} $content and close $out or die "$new: $!\n";
    give($new);
    rename $new, $path or die "rename $new: $!\n";
    return $path;
}

# The file of the key that seals secrets in a directory of services; made when it is first
# asked for.
sub secrets_key {
    my ($dir) = @_;
    my $file = "$dir/secrets-key";
    return -e $file ? $file : write_file($file, random_hex(32) . "\n");
}

# The content of a file from an offset on; empty when there is no such file.
sub read_file {
    my ($path, $offset) = @_;
    open my $in, '<:raw', $path or return '';
    seek $in, $offset, 0 if $offset;
    local $/ = undef;
    return scalar(<$in>) // '';
}

# The folder in the system's temporary folder where test files meet: locks of
# ports, the database template, the folders of the tests themselves. Its name
# can be guessed, so it counts only if it is ours.
sub common_dir {
    my $dir = File::Spec->catdir(Cwd::realpath(File::Spec->tmpdir), "errtrack-$>");
    if (!mkdir $dir, 0711 and !$!{EEXIST}) {
        die "mkdir $dir: $!\n";
    }
    my (undef, undef, $mode, undef, $uid) = lstat $dir or die "$dir: $!\n";
    if (!S_ISDIR($mode) || $uid != $> || $mode & 022) {
        die "ErrTrack: $dir is not a folder that belongs to user $> alone: remove it or set TMPDIR\n";
    }
    # Whatever the umask was: the account of root's services passes through.
    chmod 0711, $dir;
    return $dir;
}

sub random_hex {
    my ($bytes) = @_;
    open my $in, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read $in, my $random, $bytes or die "/dev/urandom: $!\n";
    return unpack 'H*', $random;
}

# ---- processes --------------------------------------------------------------

# Asks a condition again and again until it is true or the time is over;
# returns its last value.
sub wait_until {
    my ($condition, $seconds) = @_;
    my $deadline = Time::HiRes::time() + $seconds;
    my $pause = 0.02;
    while (1) {
        my $value = $condition->();
        return $value if $value || Time::HiRes::time() >= $deadline;
        select undef, undef, undef, $pause;
        $pause = 0.05;
    }
}

sub in_child {
    my ($command, %arg) = @_;
    open STDIN, '<&', $arg{stdin} or POSIX::_exit(126);
    open STDOUT, '>&', $arg{stdout} or POSIX::_exit(126);
    open STDERR, '>&', $arg{stderr} or POSIX::_exit(126);
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP QUIT PIPE CHLD);
    no warnings 'exec';
    exec { $command->[0] } @$command;
    print STDERR "$command->[0]: $!\n";
    POSIX::_exit(127);
}

# Runs a command to its end: (exit status as the shell gives it, output, errors).
# Options: stdin => text, plain => 1 to run as the caller, not as the account.
sub run {
    my ($command, %arg) = @_;
    my @command = ($arg{plain} ? () : @{ account()->{wrapper} }, @$command);
    my ($in, $out, $err) = map { scalar File::Temp::tempfile(UNLINK => 1) } 1 .. 3;
    binmode $_ for $in, $out, $err;
    if (length($arg{stdin} // '')) {
        my $text = $arg{stdin};
        utf8::encode($text) if utf8::is_utf8($text);
        print {$in} $text;
        $in->flush;
        sysseek $in, 0, 0;
    }
    defined(my $pid = fork) or die "fork: $!\n";
    in_child(\@command, stdin => $in, stdout => $out, stderr => $err) if !$pid;
    # A handler of the caller may interrupt the wait, or end it by dying: then
    # the command must not go on alone.
    my $waited = eval { 1 while waitpid($pid, 0) < 0 && $!{EINTR}; 1 };
    my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
    if (!$waited) {
        my $why = $@;
        kill 'TERM', $pid;
        waitpid $pid, 0;
        die $why;
    }
    return $status, map { local $/ = undef; seek $_, 0, 0; scalar(<$_>) // '' } $out, $err;
}

# Starts a command as the account, in a session of its own (so that Ctrl-C ends
# services in order and not all at once), output appended to a log: the pid.
# Options: log => path, deathsig => the signal that it gets when its starter
# dies, whatever kills that; absent for services that are to stay.
sub spawn {
    my ($command, %arg) = @_;
    my @command = @$command;
    if ($arg{deathsig}) {
        my @wrapper = @{ account()->{wrapper} };
        shift @wrapper;
        unshift @command, 'setpriv', '--pdeathsig', $arg{deathsig}, @wrapper;
    } else {
        unshift @command, @{ account()->{wrapper} };
    }

    my $umask = umask 077;
    open my $log, '>>', $arg{log} or die "$arg{log}: $!\n";
    umask $umask;
    give($arg{log});
    open my $null, '<', '/dev/null' or die "/dev/null: $!\n";

    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        POSIX::setsid();
        umask 077;
        chdir '/';
        in_child(\@command, stdin => $null, stdout => $log, stderr => $log);
    }
    return $pid;
}

# What runs under a pid: { ppid, session, state, command }; nothing when it is gone or
# only waits for its parent to notice.
sub process_of {
    my ($pid) = @_;
    my $stat = read_file("/proc/$pid/stat");
    my ($state, $ppid, $session) = $stat =~ /^\d+ \(.*\) (\S) (\d+) \d+ (\d+)/s or return;
    return if $state eq 'Z' || $state eq 'X';
    my $command = read_file("/proc/$pid/cmdline");
    $command =~ tr/\0/ /;
    return { ppid => $ppid, session => $session, state => $state, command => $command };
}

# Whether a pid runs; with a text also whether its command line contains that,
# for pids that come from a file and may be somebody else's by now.
sub running {
    my ($pid, $text) = @_;
    my $process = process_of($pid) or return 0;
    return defined $text ? index($process->{command}, $text) >= 0 : 1;
}

# Everything that a service consists of beside its first process: what runs
# below that, deepest first, and what stayed of its session when it died before
# its children. (A pid is not given out again while a session is named by it.)
sub others_of {
    my ($pid) = @_;
    my (%children, %session);
    opendir my $proc, '/proc' or die "/proc: $!\n";
    for my $other (grep { /^\d+$/ } readdir $proc) {
        my $process = process_of($other) or next;
        push @{ $children{ $process->{ppid} } }, $other;
        $session{$other} = 1 if $process->{session} == $pid && $other != $pid;
    }
    my @todo = ($pid);
    my @found;
    while (defined(my $next = shift @todo)) {
        my @next = @{ $children{$next} || [] };
        push @todo, @next;
        unshift @found, @next;
    }
    delete @session{@found};
    return @found, sort { $a <=> $b } keys %session;
}

# Whether a process works in a folder: has it, or a file in it, open.
sub works_in {
    my ($pid, $dir) = @_;
    opendir my $files, "/proc/$pid/fd" or return 0;
    return !!grep { index($_ // '', "$dir/") == 0 } map { readlink "/proc/$pid/fd/$_" } readdir $files;
}

# The wait status of a child that ended; nothing while it runs, and for pids
# that are not our children.
sub reap {
    my ($pid) = @_;
    local $?;
    return waitpid($pid, WNOHANG) == $pid ? $? : undef;
}

1;
