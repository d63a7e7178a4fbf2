package ErrTrack::Faults;

# What may happen to the parts of an errtrack, for tests that let it happen at random:
#
#     my $faults = ErrTrack::Faults->new($t, workers => [...], cutters => {...}, disks => {...}, clock => $file);
#     my $fault = $faults->draw;          # one of a part to which nothing happens now
#     $faults->begin($fault); ...; $faults->end($fault);   # several that began: all at once
#     $faults->kills;                     # { part => how often a process of it was ended }
#
# A fault is { part, name, begin, end, during, seconds }: begin and end are done once, during
# again and again in between, which takes up to so many seconds.
#
# cutters: { name => ErrTrack::Cutter }; disks: { spool => folder, postgres => folder }, small
# file systems of their own that may be filled; clock: the file from which processes under
# libfaketime read by how much their clock is wrong; only => a pattern that names of faults
# have to match.

use strict;
use warnings;

use ErrTrack::Process qw(running wait_until write_file);

sub new {
    my ($class, $t, %has) = @_;
    my $self = bless { t => $t, only => '', %has, kills => {}, happened => {} }, $class;
    $self->{all} = [ grep { $_->{name} =~ /(?:$self->{only})/ } $self->of_nginx, (map { $self->of_worker($_) } @{ $has{workers} }), $self->of_redis, $self->of_postgres,
        $self->of_connections, $self->of_disks, $self->of_clock ];
    @{ $self->{all} } or die "no fault has a name like $self->{only}\n";
    return $self;
}

sub kills { return $_[0]{kills} }

# { name => how often }
sub happened { return $_[0]{happened} }

# Parts are by themselves: what happens to one does not keep the other from ending. The
# spool is where reports go while Redis is away, so filling it is a fault of Redis.
sub draw {
    my ($self, @going_on) = @_;
    my %busy = map { $_->{part} => 1 } @going_on;
    my %of;
    push @{ $of{ $_->{part} } }, $_ for grep { !$busy{ $_->{part} } } @{ $self->{all} };
    my @parts = sort keys %of;
    my $faults = $of{ $parts[ rand @parts ] };
    return $faults->[ rand @$faults ];
}

sub begin {
    my ($self, $fault) = @_;
    $self->{happened}{ $fault->{name} }++;
    $self->{kills}{ $fault->{kills} }++ if $fault->{kills};
    $fault->{begin}->() if $fault->{begin};
    return;
}

# What keeps others from starting ends first.
my %rank = (redis => 0, postgres => 0);

sub end {
    my ($self, @faults) = @_;
    $_->{end} && $_->{end}->() for sort { ($rank{ $a->{part} } // 1) <=> ($rank{ $b->{part} } // 1) } @faults;
    return;
}

# ---- processes ------------------------------------------------------------------------

sub of_nginx {
    my ($self) = @_;
    my $nginx = $self->{t}->nginx;
    my %part = (part => 'nginx');
    my $start = sub { $nginx->start };
    return (
        { %part, name => 'a worker process of nginx is killed', kills => 'edge', seconds => 1,
            begin => sub {
                my @workers = $nginx->worker_pids;
                $nginx->kill_child($workers[ rand @workers ]) if @workers;
            } },
        { %part, name => 'nginx is killed', kills => 'edge', seconds => 1, begin => sub { $nginx->kill }, end => $start },
        { %part, name => 'nginx is terminated', kills => 'edge', seconds => 1, begin => sub { $nginx->stop('TERM', 60) }, end => $start },
        { %part, name => 'nginx stands still', seconds => 3, begin => sub { $nginx->pause }, end => sub { $nginx->continue } },
        { %part, name => 'nginx is reloaded', seconds => 1, begin => sub { $nginx->signal('HUP') } },
        { %part, name => 'nginx is upgraded', kills => 'edge', seconds => 2, begin => sub {
            my ($old) = $nginx->upgrade;
            kill QUIT => $old;
            # It ends when its last request is over, which a Redis that is away makes longer.
            wait_until(sub { !running($old) }, 60) or die "an nginx that was upgraded does not end\n";
        } },
    );
}

sub of_worker {
    my ($self, $name) = @_;
    my $worker = $self->{t}->worker($name);
    my %part = (part => $name);
    my $start = sub { $worker->start };
    return (
        { %part, name => 'a worker is killed', kills => 'worker', seconds => 2, begin => sub { $worker->kill }, end => $start },
        { %part, name => 'a worker is terminated', kills => 'worker', seconds => 2, begin => sub { $worker->{expected} = 1; $worker->signal('TERM') },
            # It waits for a PostgreSQL that stands still, which goes on first.
            end => sub { $worker->wait_gone(60) or die "a worker does not end\n"; $worker->start } },
        { %part, name => 'a worker stands still', seconds => 6, begin => sub { $worker->pause }, end => sub { $worker->continue } },
    );
}

sub of_redis {
    my ($self) = @_;
    my $t = $self->{t};
    my $redis = $t->redis_server;
    my %part = (part => 'redis');
    my $start = sub { $redis->start };
    return (
        { %part, name => 'Redis is killed', kills => 'redis', seconds => 4, begin => sub { $redis->kill }, end => $start },
        { %part, name => 'Redis is restarted', kills => 'redis', seconds => 2, begin => sub { $redis->stop }, end => $start },
        { %part, name => 'Redis stands still', seconds => 4, begin => sub { $redis->pause }, end => sub { $redis->continue } },
        { %part, name => 'Redis makes its clients wait', seconds => 3, begin => sub { $t->redis(qw(CLIENT PAUSE 3000 ALL)) } },
        { %part, name => 'Redis is full', seconds => 4, begin => sub { $t->redis(qw(CONFIG SET maxmemory 1)) },
            end => sub { $t->redis(qw(CONFIG SET maxmemory 0)) } },
    );
}

sub of_postgres {
    my ($self) = @_;
    my $postgres = $self->{t}->postgres;
    my %part = (part => 'postgres');
    my $start = sub { $postgres->start };
    return (
        { %part, name => 'PostgreSQL is killed', kills => 'postgres', seconds => 4, begin => sub { $postgres->kill }, end => $start },
        { %part, name => 'PostgreSQL is restarted', kills => 'postgres', seconds => 3, begin => sub { $postgres->stop }, end => $start },
        { %part, name => 'PostgreSQL stands still', seconds => 5, begin => sub { $postgres->pause }, end => sub { $postgres->continue } },
        { %part, name => 'sessions of PostgreSQL are ended', seconds => 1, begin => sub {
            $self->{t}->sql(q{select pg_terminate_backend(pid) from pg_stat_activity where usename in ('errtrack_worker', 'errtrack_query')});
        } },
    );
}

# ---- what lies between and below ---------------------------------------------------------

sub of_connections {
    my ($self) = @_;
    return map {
        my ($name, $cutter) = ($_, $self->{cutters}{$_});
        { part => "connections $name", name => "connections are cut: $name", seconds => 2, during => sub { $cutter->cut } };
    } sort keys %{ $self->{cutters} };
}

# A file that leaves no room for others.
sub fill {
    my ($folder) = @_;
    open my $ballast, '>', "$folder/ballast" or die "$folder/ballast: $!\n";
    my $block = "\0" x 65_536;
    1 while syswrite $ballast, $block;
    $!{ENOSPC} or die "$folder/ballast: $!\n";
    return;
}

sub of_disks {
    my ($self) = @_;
    my $disks = $self->{disks} || {};
    my ($redis, $postgres) = ($self->{t}->redis_server, $self->{t}->postgres);
    my $empty = sub { unlink "$_[0]/ballast" or die "$_[0]/ballast: $!\n" };
    return (
        $disks->{spool} ? { part => 'redis', name => 'Redis is away and the disk of the spool is full', kills => 'redis', seconds => 3,
            begin => sub { $redis->kill; fill($disks->{spool}) },
            end => sub { $empty->($disks->{spool}); $redis->start } } : (),
        # It may end of that, and is started again as its service would be.
        $disks->{postgres} ? { part => 'postgres', name => 'the disk of PostgreSQL is full', seconds => 4,
            begin => sub { $postgres->{expected} = 1; fill($disks->{postgres}) },
            end => sub {
                $empty->($disks->{postgres});
                $postgres->wait_gone(1);
                $postgres->alive ? ($postgres->{expected} = 0) : $postgres->start;
            } } : (),
    );
}

my @steps = ('+90', '-90', '+3700', '-3700');

sub of_clock {
    my ($self) = @_;
    my $file = $self->{clock} or return;
    return { part => 'clock', name => 'the clock of edge and worker is set', seconds => 5,
        begin => sub { set_clock($file, $steps[ rand @steps ]) }, end => sub { set_clock($file, '+0') } };
}

sub set_clock {
    my ($file, $seconds) = @_;
    write_file("$file.new", "$seconds\n");
    rename "$file.new", $file or die "$file: $!\n";
    return;
}

1;
