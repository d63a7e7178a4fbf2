package ErrTrack::Transfer;

# Files of "errtrack export": changed ones whose sums fit, and what an import of them says
# and leaves behind.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter 'import';

use ErrTrack::Process qw(build_dir run);
use ErrTrack::Schema qw(row_counts);

our @EXPORT_OK = qw(import_command import_file sealed traces);

# These lines with sums that fit.
sub sealed {
    my $sum = '';
    return join '', map {
        my $rest = $_ =~ s/^\{"sum":"\w*//r;
        $sum = substr sha256_hex($sum . $rest =~ s/\n\z//r), 0, 16;
        qq({"sum":"$sum$rest);
    } @_;
}

# What is there of anything, and partitions.
sub traces {
    my ($t) = @_;
    my ($partitions) = $t->sql_value(q{select count(*) from pg_class where relispartition and relkind = 'r'});
    return { %{ row_counts($t->postgres, 'errtrack') }, partitions => $partitions };
}

# Imports bytes, or what a function writes to a file: (status, output, errors).
sub import_file {
    my ($t, $content, @target) = @_;
    my $command = import_command($t, $content, @target);
    my @said = run($command);
    unlink "$t->{dir}/export";
    return @said;
}

# The same to be run by the caller.
sub import_command {
    my ($t, $content, @target) = @_;
    my $path = "$t->{dir}/export";
    open my $out, '>:raw', $path or die "$path: $!\n";
    ref $content ? $content->($out) : print {$out} $content;
    close $out or die "$path: $!\n";
    chmod 0644, $path;
    return [ 'sh', '-c', 'exec "$0" "$@" < ' . $path, build_dir() . '/errtrack', '--database',
        $t->postgres->conninfo('errtrack_admin'), 'import', @target ? @target : 'acme/new' ];
}

1;
