package ErrTrack;

# The test harness. A test file makes an object, starts the services it is
# about, asks questions, and ends with done:
#
#     use Test::More;
#     use ErrTrack;
#
#     my $t = ErrTrack->stack(redis => { appendonly => 'always' });
#     is $t->store({ message => 'no' })->status, 200, 'an event is accepted';
#     eventually { $t->sql_value('select count(*) from errtrack.events') == 1 } 'it is stored';
#     $t->done;
#
# Services are real, private to the file, on ports of their own, and are stopped
# whatever happens. done then checks what no test should have to ask for: no
# alert of nginx, no crash, no report of a sanitizer, a clean end of everything.
#
# ERRTRACK_LEAVE=1 keeps the directory, ERRTRACK_CATLOG=1 prints the logs of a
# test that failed, ERRTRACK_BUILD and ERRTRACK_PRELOAD name another build and
# the library of its sanitizer, ERRTRACK_PLANS is the plan_cache_mode of PostgreSQL,
# ERRTRACK_PGBOUNCER=1 puts a PgBouncer before the one that the query module asks,
# ERRTRACK_EXPLAIN names a folder for the plans of all statements.
# TMPDIR=/dev/shm is faster where /tmp is a slow disk; "make test" chooses it where it
# has room.

use strict;
use warnings;
use parent 'ErrTrack::Instance';

use Exporter ();
use Fcntl ':flock';
use File::Basename ();
use File::Path ();
use Test::More ();

use ErrTrack::Process qw(common_dir make_dir read_file wait_until);

our @EXPORT = qw(eventually);

sub import {
    goto &Exporter::import;
}

my @unfinished;

# ---- start ------------------------------------------------------------------

# A directory, and nothing started in it yet.
sub new {
    my ($class, %arg) = @_;
    my $name = File::Basename::basename($0) =~ s/\.t\z//r;
    my $dir = make_dir(common_dir() . "/$name." . join '.', $$, scalar(@unfinished));
    my $self = $class->SUPER::new(dir => $dir, owner => $$, expected => [], %arg);
    push @unfinished, $self;
    open $self->{lock}, '>', "$dir/lock" or die "$dir/lock: $!\n";
    flock $self->{lock}, LOCK_EX;
    remove_abandoned();
    return $self;
}

# Directories of test files that were killed: the lock is free, and a file that
# is still there was not left on purpose.
sub remove_abandoned {
    for my $path (grep { -M $_ > 1 / 24 } glob common_dir() . '/*/lock') {
        open my $lock, '>', $path or next;
        File::Path::remove_tree(File::Basename::dirname($path)) if flock $lock, LOCK_EX | LOCK_NB;
    }
    return;
}

# The whole of errtrack: PostgreSQL, Redis, organization acme with the project
# shop, an administrator with a token, a worker and nginx. Each of postgres,
# redis, worker and nginx may be given options; nginx and worker also as 0, to
# be started later.
sub stack {
    my ($class, %arg) = @_;
    my ($nginx, $worker) = map { exists $arg{$_} ? delete $arg{$_} : {} } qw(nginx worker);
    my ($postgres, $redis) = map { delete $arg{$_} || {} } qw(postgres redis);
    my $self = $class->new(%arg);
    $self->start_postgres(%$postgres);
    $self->start_redis(%$redis);
    $self->create_organization('acme');
    $self->create_project('shop', 'acme');
    $self->create_token('admin@example.com');
    $self->start_worker(%$worker) if $worker;
    $self->start_nginx(ref $nginx ? %$nginx : (config => $nginx)) if $nginx;
    $self->wait_for_key if $nginx && $worker;
    return $self;
}

# A key works a moment after it was made. Asked for with an envelope that holds nothing,
# of which nothing is stored. Not before the edge has read any keys: until then it takes
# reports unverified, by its spool and counted for no project, and answers 200 as well.
sub wait_for_key {
    my ($self, $project) = @_;
    my @logs = ($self->nginx->log, "$self->{dir}/error.log");
    wait_until(sub { grep { -e && read_file($_) =~ /client keys loaded/ } @logs }, 15)
        or die "the edge has not read the keys, or its log does not tell\n";
    wait_until(sub { $self->envelope(project => $project || $self->{project})->status == 200 }, 15)
        or die "the edge does not know the key\n";
    return;
}

# PostgreSQL with the database errtrack, migrated. Options: settings => {},
# durable => 1 to have fsync on.
sub start_postgres {
    my ($self, %arg) = @_;
    return $self->add_postgres(%arg)->create_from_template;
}

# Options: appendonly => always, everysec (default) or no; password; settings.
sub start_redis {
    my ($self, %arg) = @_;
    return $self->add_redis(%arg)->start;
}

# Options: config => text as ErrTrack::Nginx describes, level => of the error log,
# words => { WORD => what %%WORD%% stands for }.
sub start_nginx {
    my ($self, %arg) = @_;
    return $self->add_nginx(%arg)->start;
}

# Options: args => [further options of errtrack-worker], name => of a further one.
sub start_worker {
    my ($self, %arg) = @_;
    return $self->add_worker(%arg)->start;
}

# ---- waiting ----------------------------------------------------------------

# A test that passes as soon as the block returns something true, and fails when
# it has not after the timeout (20 s). A block that dies is not true yet.
#
#     eventually { $t->redis('XLEN', $key) == 0 } 'the stream is empty', timeout => 5;
sub eventually(&@) {
    my ($condition, $label, %arg) = @_;
    my $why;
    my $value = wait_until(sub {
        my $value = eval { $condition->() };
        $why = $@;
        return $value;
    }, $arg{timeout} // 20);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::ok($value, $label);
    Test::More::diag("last time it died: $why") if !$value && $why;
    return $value;
}

# Waits until the spool and the queue are empty. Returns how often each event is filed:
# { event id without dashes => number }.
sub settle {
    my ($self, %arg) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    eventually { !@{ [ glob "$self->{dir}/spool/*.[vu]" ] } } 'the spool is emptied', timeout => 60, %arg;
    eventually {
        !grep { $self->redis('XLEN', "errtrack:{q0}:$_") } qw(events large);
    } 'the queue is emptied', timeout => 60, %arg;
    return $self->filed;
}

# The same, and tests that each of these event ids is filed, and nothing twice.
sub filed_once {
    my ($self, $ids, %arg) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $filed = $self->settle(%arg);
    my @lost = grep { !$filed->{$_} } @$ids;
    Test::More::is(scalar(@lost), 0, 'each of ' . @$ids . ' reports that were answered 200 is filed')
        or Test::More::diag("lost: @lost[0 .. ($#lost < 9 ? $#lost : 9)]");
    Test::More::is(scalar(grep { $_ > 1 } values %$filed), 0, 'none of them twice');
    return;
}

# ---- end --------------------------------------------------------------------

# Lines of logs that this test brings about on purpose and that would otherwise
# fail it.
sub expect_log {
    my ($self, @patterns) = @_;
    push @{ $self->{expected} }, @patterns;
    return;
}

my $stopped_by_signal = qr/
    (?:process|subprocess)\ (?<pid>\d+)\ exited\ on\ signal
    | exited\ on\ signal
    | \(PID\ (?<pid>\d+)\)\ was\ terminated\ by\ signal
    | crashed\ by\ signal
/x;

my $sanitizer = qr/
    (?:ERROR|WARNING):\ \w+Sanitizer
    | ^SUMMARY:\ \w+Sanitizer
    | ^\S+:\d+:\d+:\ runtime\ error:
/x;

# The last line of a test file: stops everything, checks what must hold for
# every test, and ends the plan.
sub done {
    my ($self) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $self->finish;
    Test::More::done_testing();
    return;
}

# The same for one of several objects in a file, without ending the plan.
sub finish {
    my ($self) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $self->stop;
    my @lines = $self->log_lines;
    none('nginx wrote no alert', grep { $_->{file} =~ /error\.log\z/ && $_->{text} =~ /\[(?:alert|emerg)\]/ } @lines);
    none('no process crashed', grep { $_->{text} =~ $stopped_by_signal } @lines);
    none('no sanitizer reported anything', grep { $_->{text} =~ $sanitizer } @lines);
    none('every service ended in order', map { { text => $_ } } map { $_->failures } $self->services);
    $self->discard;
    return;
}

sub none {
    my ($label, @found) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    Test::More::ok(!@found, $label);
    Test::More::diag(join ': ', grep { defined } $_->{file}, $_->{text}) for @found;
    return;
}

# All lines of all logs but those that the test expects or whose process it
# killed itself.
sub log_lines {
    my ($self) = @_;
    my %killed = map { $_ => 1 } map { $_->killed } $self->services;
    my @lines;
    for my $file ($self->logs) {
        for my $text (split /\n/, read_file("$self->{dir}/$file")) {
            next if $text =~ $stopped_by_signal && defined $+{pid} && $killed{ $+{pid} };
            next if grep { $text =~ $_ } @{ $self->{expected} };
            push @lines, { file => $file, text => $text };
        }
    }
    return @lines;
}

sub logs {
    my ($self) = @_;
    opendir my $folder, $self->{dir} or return;
    return sort grep { /\.log\b/ } readdir $folder;
}

# Removes the directory, unless somebody wants to look into it.
sub discard {
    my ($self) = @_;
    @unfinished = grep { $_ != $self } @unfinished;
    if ($ENV{ERRTRACK_CATLOG} && !Test::More->builder->is_passing) {
        for my $file ($self->logs) {
            Test::More::diag("---- $file\n" . read_file("$self->{dir}/$file"));
        }
    }
    if ($ENV{ERRTRACK_LEAVE}) {
        unlink "$self->{dir}/lock";
        Test::More::diag("files are in $self->{dir}");
    } else {
        File::Path::remove_tree($self->{dir});
    }
    return;
}

# A test that died, or was told to end, still stops what it started. One that
# merely forgot done has not been checked and must not pass.
END {
    my $status = $?;
    for my $self (grep { $_->{owner} == $$ } @unfinished) {
        Test::More->builder->is_passing(0);
        Test::More::diag('the test ended without $t->done');
        $status ||= 255;
        eval { $self->stop; 1 } or Test::More::diag($@);
        $self->discard;
    }
    $? = $status;
}

$SIG{$_} ||= sub { exit 128 } for qw(INT TERM HUP);

1;
