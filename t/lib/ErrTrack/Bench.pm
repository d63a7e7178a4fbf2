package ErrTrack::Bench;

# What the benchmarks of t/bench/ have in common: how much of the machine processes use,
# medians, and the file of figures.

use strict;
use warnings;
use parent 'Exporter';

use JSON::PP ();
use List::Util qw(max min sum);
use POSIX ();

use ErrTrack::Nginx;
use ErrTrack::Ports qw(free_port);
use ErrTrack::Postgres;
use ErrTrack::Process qw(build_dir common_dir give make_dir read_file);

our @EXPORT_OK = qw(cpu cpu_of_all median megabytes peak_megabytes processors serve_data show_machine spread write_figures);

my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());

# Seconds of processor that processes have used.
sub cpu {
    my $used = 0;
    for my $pid (@_) {
        my ($fields) = read_file("/proc/$pid/stat") =~ /^\d+ \(.*\) (.*)/s or die "process $pid is gone\n";
        $used += sum((split ' ', $fields)[ 11, 12 ]) / $ticks;
    }
    return $used;
}

# The same of the whole machine.
sub cpu_of_all {
    my ($user, $nice, $system, undef, undef, $irq, $softirq) =
        read_file('/proc/stat') =~ /^cpu +(\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)/ or die "no /proc/stat\n";
    return ($user + $nice + $system + $irq + $softirq) / $ticks;
}

sub memory_of {
    my ($line, @pids) = @_;
    return max(map { read_file("/proc/$_/status") =~ /^$line:\s+(\d+) kB/m ? $1 / 1024 : 0 } @pids);
}

# What the largest of some processes has in memory, and what it had at most.
sub megabytes      { return memory_of('VmRSS', @_) }
sub peak_megabytes { return memory_of('VmHWM', @_) }

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return @sorted % 2 ? $sorted[ $#sorted / 2 ] : ($sorted[ @sorted / 2 - 1 ] + $sorted[ @sorted / 2 ]) / 2;
}

# Least, median and largest.
sub spread {
    my ($format, @values) = @_;
    return join ' ', map { sprintf $format, $_ } min(@values), median(@values), max(@values);
}

sub processors { return scalar(() = read_file('/proc/cpuinfo') =~ /^processor/mg) }

sub show_machine {
    printf "machine: %d processors, load %s\n", processors(),
        join ' ', (split ' ', read_file('/proc/loadavg'))[ 0 .. 2 ];
    return;
}

my @served;

END {
    my $status = $?;
    $_->stop for @served;
    $? = $status;
}

# PostgreSQL with the data of make bench-data, an administrator with the token "bench-token",
# and an nginx with this configuration before it: both, and the folder where nginx runs.
sub serve_data {
    my ($name, $conf) = @_;
    my $dir = build_dir() . '/bench/data';
    -e "$dir/state" or die "there is no data to ask for: make bench-data\n";
    my $postgres = ErrTrack::Postgres->new(dir => $dir, port => free_port(), durable => 1,
        settings => { shared_buffers => '1GB', fsync => 'off' });
    $postgres->start;
    push @served, $postgres;
    $postgres->prepare;
    $postgres->rows_in('errtrack', <<'SQL');
insert into errtrack_private.users (email, administrator) values ('bench@example.com', true) on conflict do nothing;
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('bench-token'), 'personal', u.id, '{org:read, project:read, event:read, event:write}'
from errtrack_private.users u where u.email = 'bench@example.com' on conflict do nothing;
SQL
    my $work = make_dir(common_dir() . "/bench-$name-$$");
    my $nginx = ErrTrack::Nginx->new(dir => $work, port => free_port(), config => $conf, level => 'warn',
        words => { DATABASE => $postgres->conninfo('errtrack_query'), THREADS => processors() });
    give($work);
    $nginx->start;
    unshift @served, $nginx;
    return ($postgres, $nginx, $work);
}

# Puts figures into build/bench.json in place of all whose names match; those of other
# sections stay. A figure that could not be had is null.
sub write_figures {
    my ($own, $figure, @missing) = @_;
    my $file = build_dir() . '/bench.json';
    my $json = JSON::PP->new->utf8->canonical->pretty;
    my $known = length read_file($file) ? $json->decode(read_file($file)) : {};
    delete @{$known}{ grep { /$own/ } keys %$known };
    my %all = (%$known, (map { $_ => 0 + sprintf '%.4g', $figure->{$_} } keys %$figure), map { $_ => undef } @missing);
    open my $out, '>', "$file.new" or die "$file.new: $!\n";
    print {$out} $json->encode(\%all) and close $out or die "$file.new: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
    print "\nwritten to $file\n";
    return;
}

1;
