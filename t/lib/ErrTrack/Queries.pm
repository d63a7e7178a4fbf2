package ErrTrack::Queries;

# The worked queries of sql/README.md, each with its heading, and those of the dashboard for
# Grafana, each with its panel.

use strict;
use warnings;
use Exporter 'import';

use JSON::PP ();

use ErrTrack::Process qw(read_file root);

our @EXPORT_OK = qw(dashboard_queries fill_macros worked_queries);

# [ heading, query ] in their order.
sub worked_queries {
    my $text = read_file(root() . '/sql/README.md');
    my @found;
    while ($text =~ /^### (.+?)\n(.*?)(?=^### |\z)/gms) {
        my ($heading, $rest) = ($1, $2);
        push @found, [ $heading, $1 ] while $rest =~ /^```sql\n(.*?)^```$/gms;
    }
    return @found;
}

# [ panel, query, format ] in their order; also of variables and annotations.
sub dashboard_queries {
    my $dashboard = JSON::PP->new->utf8->decode(read_file(root() . '/sql/grafana.json'));
    return (
        (map { [ "variable $_->{name}", $_->{query}, 'table' ] } @{ $dashboard->{templating}{list} }),
        (map { [ $_->{name}, $_->{target}{rawSql}, 'table' ] } @{ $dashboard->{annotations}{list} }),
        (map { my $panel = $_; map { [ $panel->{title}, $_->{rawSql}, $_->{format} ] } @{ $panel->{targets} } } @{ $dashboard->{panels} }));
}

# What Grafana makes of the words with a dollar, for a period that ends now.
sub fill_macros {
    my ($query, %arg) = @_;
    my ($from, $to) = ("(now() - interval '$arg{period}')", 'now()');
    $query =~ s/\$__timeFilter\(([\w.]+)\)/$1 between $from and $to/g;
    $query =~ s/\$__timeGroupAlias\(([\w.]+),\s*\$__interval\)/to_timestamp(floor(extract(epoch from $1) \/ 3600) * 3600) as "time"/g;
    $query =~ s/\$__timeFrom\(\)/$from/g;
    $query =~ s/\$__timeTo\(\)/$to/g;
    $query =~ s/\$\{project\}/$arg{project}/g;
    die "ErrTrack: Grafana would fill in something else: $1\n" if $query =~ /(\$\S+)/;
    return $query;
}

1;
