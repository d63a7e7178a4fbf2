package ErrTrack::Plans;

# Plans of statements as auto_explain wrote them (ERRTRACK_EXPLAIN), and whether they join
# rows of one project with rows of that same project only.
#
#     my $plans = ErrTrack::Plans->new(tables => [ 'issues', 'origins' ]);
#     $plans->read($folder);
#     print "$_\n" for $plans->crossings;
#
# What is compared is read off the conditions of a plan: where the tables on the two sides of
# a join are not led back to the same project_id by equations (column = column, column =
# parameter), rows of different projects might meet.

use strict;
use warnings;

use Digest::MD5 ();
use JSON::PP ();

my $json = JSON::PP->new->utf8->allow_nonref;

# tables: the names of those that are distributed.
sub new {
    my ($class, %arg) = @_;
    return bless { plans => {}, tables => { map { $_ => 1 } @{ $arg{tables} } } }, $class;
}

# Reads all logs of a folder. Of plans that differ in numbers alone one is kept.
sub read {
    my ($self, $folder) = @_;
    for my $file (glob "$folder/*.json") {
        open my $in, '<', $file or die "$file: $!\n";
        while (my $line = readline $in) {
            # What tests ask with psql is their own business.
            next if $line !~ /  plan:\\n/ || $line !~ /Relation Name.*Relation Name/ || $line =~ /"application_name":"psql"/;
            my ($shape) = $line =~ /  plan:\\n(.*?[^\\])",/ or next;
            $shape =~ s/\\"Output\\": \[(.*?)\](?=,?\\n)/outputs($1)/ge;
            $shape =~ s/(\\"(?:Startup Cost|Total Cost|Plan Rows|Plan Width)\\": )[0-9.]+/${1}0/g;
            $self->{plans}{ Digest::MD5::md5($shape) } //= $shape;
        }
    }
    return;
}

# Of the many columns that a node hands on, those that matter here.
sub outputs {
    my ($list) = @_;
    return '\"Output\": [' . join(', ', $list =~ /(\\"(?:\w+|\\\\\\"[^"]*\\")\.project(?:_id)?\\")/g) . ']';
}

# The statements that were explained, each once: [ text, plan ].
sub statements {
    my ($self) = @_;
    return map {
        my $explained = $json->decode(qq("$_"));
        utf8::encode($explained);
        my $plan = $json->decode($explained);
        [ $plan->{'Query Text'}, $plan->{Plan} ];
    } values %{ $self->{plans} };
}

# What is wrong, in words, each thing once; and counts what was looked at.
sub crossings {
    my ($self) = @_;
    my %found;
    for (map { $self->joins_of(@$_) } $self->statements) {
        my ($statement, $left, $right, $joined) = @$_;
        $self->{joins}++;
        $found{"$left with $right in: $statement"} = 1 if !$joined;
    }
    return sort keys %found;
}

sub joins { return $_[0]{joins} // 0 }

# [ statement, left, right, whether the projects are the same ] of each pair of tables that
# a join of the plan brings together.
sub joins_of {
    my ($self, $text, $plan) = @_;
    my $equal = ErrTrack::Plans::Classes->new;
    walk($plan, sub { $equal->learn($_[0]) });
    my @pairs;
    walk($plan, sub {
        my ($node) = @_;
        # Parts of a union are beside each other, and so are the subqueries of one row.
        my ($own, $subplans) = ([], []);
        push @{ $_->{'Parent Relationship'} eq 'SubPlan' ? $subplans : $own }, [ $self->scans($_) ]
            for grep { $_->{'Parent Relationship'} ne 'InitPlan' } @{ $node->{Plans} || [] };
        my @joins = $node->{'Node Type'} =~ /Append|Recursive Union/ || @$own < 2 ? () : [ @$own[ 0, 1 ] ];
        my @row = ((map { @$_ } @$own), $self->own_scan($node));
        push @joins, map { [ \@row, $_ ] } @$subplans;
        for my $join (@joins) {
            my ($lefts, $rights) = @$join;
            for my $left (@$lefts) {
                push @pairs, map { [ $text, $left->{table}, $_->{table}, $equal->same($left->{alias}, $_->{alias}) ] } @$rights;
            }
        }
    });
    return @pairs;
}

# What the rows of a node come from: distributed tables as { table, alias }, each once, without
# those of plans that are carried out before.
sub scans {
    my ($self, $node) = @_;
    my %seen;
    return grep { !$seen{ $_->{alias} }++ } $self->own_scan($node),
        map { $self->scans($_) } grep { $_->{'Parent Relationship'} ne 'InitPlan' } @{ $node->{Plans} || [] };
}

sub own_scan {
    my ($self, $node) = @_;
    return if !defined $node->{'Relation Name'} || $node->{'Node Type'} eq 'ModifyTable' || !$self->{tables}{ table($node) };
    # PostgreSQL looks up nothing for an empty list, and leaves out what else would have to hold.
    return if ($node->{'Index Cond'} // '') =~ / = ANY \('\{\}'/;
    return { table => table($node), alias => alias($node) };
}

sub walk {
    my ($node, $visit) = @_;
    $visit->($node);
    walk($_, $visit) for @{ $node->{Plans} || [] };
    return;
}

# A partition stands for its table.
sub table { return $_[0]{'Relation Name'} =~ s/_(?:default|\d{8})\z//r }

sub alias {
    my ($node) = @_;
    return table($node) eq $node->{'Relation Name'} ? $node->{Alias} : $node->{Alias} =~ s/_\d+\z//r;
}

# Which columns and parameters are equal, by the conditions of one plan.
package ErrTrack::Plans::Classes;

sub new { return bless { leader => {} }, $_[0] }

my @conditions = ('Index Cond', 'Recheck Cond', 'Filter', 'Hash Cond', 'Merge Cond', 'Join Filter', 'One-Time Filter');

sub learn {
    my ($self, $node) = @_;
    my $scanned = defined $node->{'Relation Name'} ? $node : undef;
    for my $condition (map { ref ? @$_ : $_ } grep { defined } @$node{@conditions}) {
        for my $part (conjuncts($condition)) {
            my ($left, $right) = $part =~ /^\(?([^()=<>]+|\([^()=<>]+\)) = ([^()=<>]+|\([^()=<>]+\))\)?\z/ or next;
            $self->join(map { $self->term($_, $scanned) } $left, $right);
        }
    }
    # What a subquery or a union hands on it has from what it reads; and all that a hashed
    # subquery hands on is compared with the row.
    for my $below (@{ $node->{Plans} || [] }) {
        my $project = project_of($below) // next;
        if ($node->{'Node Type'} eq 'Append') {
            $self->join($project, project_of($node) // $project);
        } elsif (defined $node->{Alias} && ($node->{'Node Type'} eq 'Subquery Scan' || is_hashed($node, $below))) {
            my $alias = $node->{Alias} =~ /^\w+\z/ ? $node->{Alias} : qq("$node->{Alias}");
            $self->join("$alias.$_", $project) for qw(project_id project);
        }
    }
    return;
}

# The column of what a node hands on that tells the project. A union has those of its first part.
sub project_of {
    my ($node) = @_;
    $node = $node->{Plans}[0] while $node->{'Node Type'} eq 'Append' && $node->{Plans};
    return $node->{Output} && $node->{Output}[0];
}

sub is_hashed {
    my ($node, $below) = @_;
    return defined $below->{'Subplan Name'} && ($node->{Filter} // '') =~ /\(hashed \Q$below->{'Subplan Name'}\E\)/;
}

# A partition's columns are those of its table.
sub term {
    my ($self, $text, $scanned) = @_;
    $text =~ s/^\(|\)(?:::\w+)?\z//g;
    $text =~ s/::\w+\z//;
    return $text if !$scanned || $text !~ /^\Q$scanned->{Alias}\E\.(.*)/;
    return ErrTrack::Plans::alias($scanned) . ".$1";
}

sub conjuncts {
    my ($text) = @_;
    $text =~ s/^\((.*)\)\z/$1/s;
    my @parts = ('');
    my $depth = 0;
    for my $piece (split /(\(|\)| AND )/, $text) {
        $depth++ if $piece eq '(';
        $depth-- if $piece eq ')';
        if ($piece eq ' AND ' && $depth == 0) {
            push @parts, '';
        } else {
            $parts[-1] .= $piece;
        }
    }
    return @parts;
}

sub leader {
    my ($self, $term) = @_;
    $term = $self->{leader}{$term} while defined $self->{leader}{$term};
    return $term;
}

sub join {
    my ($self, @terms) = @_;
    my ($left, $right) = map { $self->leader($_) } @terms;
    $self->{leader}{$left} = $right if $left ne $right;
    return;
}

# Whether the rows of two tables are of the same project.
sub same {
    my ($self, @aliases) = @_;
    my ($left, $right) = map { $self->leader("$_.project_id") } @aliases;
    return $left eq $right;
}

1;
