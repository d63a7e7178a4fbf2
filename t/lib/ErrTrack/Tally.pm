package ErrTrack::Tally;

# Counts of what a mixture of requests comes to, made without any of the code that is
# tested:
#
#     my $own = ErrTrack::Tally->new($mixture->deliveries, $filed)->counts;
#
# Which of two deliveries of one event was filed is for the workers to choose: $filed says
# for each type and "project id" at which microsecond. What has no id counts with each
# delivery. The result has one hash for each thing that is counted, by words with blanks.

use strict;
use warnings;

use List::Util qw(max min);

use constant { SECOND => 1_000_000, HOUR => 3600 };

# What is known by an id, and the category that it counts in.
my %category = (event => 'error', transaction => 'transaction', attachment => 'attachment', feedback => 'feedback',
    session => 'session', sessions => 'session', check_in => 'monitor', user_report => 'feedback', client_report => 'internal',
    profile => 'profile');
my %has_id = map { $_ => 1 } qw(event transaction attachment feedback);

sub hour_of { return HOUR * int($_[0] / HOUR) }
sub day_of  { return 86_400 * int($_[0] / 86_400) }

sub new {
    my ($class, $deliveries, $filed) = @_;
    my $self = bless { filed => $filed, wrong => [], counts => { map { $_ => {} } qw(events users hours minutes tags releases
        transactions durations sessions ended session_users runs monitors reports feedback client_reports attachments ledger) } }, $class;
    my (%possible, %delivered);
    for my $delivery (@$deliveries) {
        my ($request, $at) = @$delivery{qw(request at)};
        for my $item (@{ $request->{items} }) {
            my ($type, $project) = ($item->{type}, $request->{project});
            my $booked = join ' ', $project, hour_of($at / SECOND), $category{$type};
            if ($has_id{$type}) {
                my $key = "$project $item->{id}";
                $possible{$type}{$key}{$at} = $item;
                $delivered{$booked}++;
                next;
            }
            $self->{counts}{ledger}{ $type eq 'profile' ? "$booked discarded type:profile" : "$booked stored " }++;
            my $count = "count_$type";
            $self->$count($project, $item, $at) if $type ne 'profile';
        }
    }
    $self->count_filed(\%possible, \%delivered);
    $self->end_sessions;
    $self->end_runs;
    return $self;
}

sub counts { return $_[0]{counts} }

# What is filed and was not sent, or not at that time, or is not filed: one line for each.
sub wrong { return @{ $_[0]{wrong} } }

# What was sent once or more counts once, at the time of the delivery that was filed.
sub count_filed {
    my ($self, $possible, $delivered) = @_;
    my $ledger = $self->{counts}{ledger};
    my %stored;
    for my $type (sort keys %has_id) {
        my $filed = $self->{filed}{$type} || {};
        push @{ $self->{wrong} }, map { "$type $_ was never sent" } grep { !$possible->{$type}{$_} } sort keys %$filed;
        for my $key (sort keys %{ $possible->{$type} || {} }) {
            my $at = $filed->{$key};
            my $item = defined $at ? $possible->{$type}{$key}{$at} : undef;
            if (!$item) {
                push @{ $self->{wrong} }, "$type $key is filed at " . ($at // 'no time');
                next;
            }
            my ($project) = split / /, $key;
            $stored{ join ' ', $project, hour_of($at / SECOND), $category{$type} }++;
            my $count = "count_$type";
            $self->$count($project, $item, $at);
        }
    }
    for my $booked (keys %$delivered) {
        my $once = $stored{$booked} // 0;
        $ledger->{"$booked stored "} += $once if $once;
        $ledger->{"$booked duplicate "} = $delivered->{$booked} - $once if $delivered->{$booked} > $once;
    }
    return;
}

# ---- events ---------------------------------------------------------------------------

sub count_event {
    my ($self, $project, $item, $at) = @_;
    my $counts = $self->{counts};
    my $issue = "$project $item->{title}";
    my $seconds = int($at / SECOND);
    $counts->{events}{$issue}++;
    $counts->{users}{$issue}++ if !$self->{users}{$issue}{ $item->{user} }++;
    $counts->{hours}{ "$issue " . hour_of($seconds) }++;
    $counts->{minutes}{ "$issue " . 300 * int($seconds / 300) }++;
    $counts->{tags}{"$issue $_ $item->{tags}{$_}"}++ for keys %{ $item->{tags} };
    $counts->{releases}{"$project $item->{release}"} = 1;
    $self->{title}{"$project $item->{id}"} = $item->{title};
    return;
}

sub count_attachment {
    my ($self, $project, $item) = @_;
    $self->{counts}{attachments}{"$project $item->{id} " . length $item->{text}} = 1;
    return;
}

sub count_feedback {
    my ($self, $project, $item, $at) = @_;
    $self->{counts}{feedback}{"$project $item->{id} $item->{message}"} = $at;
    return;
}

# Of the reports about one event the last one stands.
sub count_user_report {
    my ($self, $project, $item, $at) = @_;
    my $key = "$project $item->{event}";
    my $report = $self->{reports}{$key};
    return if $report && $report->{at} > $at;
    $self->{reports}{$key} = { at => $at };
    $self->{counts}{reports}{$key} = "$item->{message} $at";
    return;
}

# The titles of events, by "project id".
sub titles { return $_[0]{title} }

# ---- counters ---------------------------------------------------------------------------

sub count_transaction {
    my ($self, $project, $item, $at) = @_;
    my $name = join ' ', $project, hour_of($at / SECOND), $item->{op}, $item->{name};
    my $sums = $self->{transactions}{$name} //= [ 0, 0, 0 ];
    $sums->[0]++;
    $sums->[1] += $item->{failed};
    $sums->[2] += $item->{ms};
    $self->{counts}{transactions}{$name} = "@$sums";
    my $bucket = int(log($item->{ms}) / log 1.05);
    $self->{counts}{durations}{"$name $bucket"}++;
    return;
}

sub count_client_report {
    my ($self, $project, $item, $at) = @_;
    $self->{counts}{client_reports}{ join ' ', $project, hour_of($at / SECOND), @$_{qw(outcome category reason)} } += $_->{quantity}
        for @{ $item->{lost} };
    return;
}

# ---- sessions -----------------------------------------------------------------------------

sub count_session {
    my ($self, $project, $item) = @_;
    my $session = $self->{sessions}{"$project $item->{sid}"} //= { project => $project, last => $item, errors => 0 };
    $session->{last} = $item if $item->{seq} > $session->{last}{seq};
    $session->{errors} = max($session->{errors}, $item->{errors});
    return;
}

sub count_sessions {
    my ($self, $project, $item) = @_;
    for my $sum (@{ $item->{sums} }) {
        $self->add_sessions($project, $item, $sum->{started}, %$sum);
    }
    return;
}

# Adds so many of each end, for a release and the hour in which they started.
sub add_sessions {
    my ($self, $project, $item, $started, %number) = @_;
    my @columns = qw(exited errored crashed abnormal);
    my $name = join ' ', $project, hour_of($started), $item->{release}, $item->{environment} || 'none';
    my $sums = $self->{session_sums}{$name} //= [ (0) x 5 ];
    $sums->[0] += $number{going} // 0;
    for my $place (0 .. $#columns) {
        my $more = $number{ $columns[$place] } // 0;
        $sums->[0] += $more;
        $sums->[ $place + 1 ] += $more;
    }
    $self->{counts}{sessions}{$name} = "@$sums";
    return if !$item->{user};
    my $seen = join ' ', $project, day_of($started), $item->{release}, $item->{environment} || 'none';
    my $users = $self->{session_users}{$seen} //= {};
    $users->{ $item->{user} } ||= $number{crashed} ? 1 : 0;
    return;
}

# Each session counts as it ended, whatever came in which order.
sub end_sessions {
    my ($self) = @_;
    for my $session (values %{ $self->{sessions} }) {
        my ($project, $last) = @$session{qw(project last)};
        my $end = $last->{status} =~ /^(?:crashed|abnormal)$/ ? $last->{status}
            : $session->{errors} ? 'errored' : $last->{status} eq 'exited' ? 'exited' : 'going';
        $self->add_sessions($project, $last, $last->{started}, $end => 1);
        next if !defined $last->{seconds};
        my $name = join ' ', $project, hour_of($last->{started}), $last->{release}, $last->{environment} || 'none';
        my $sums = $self->{ended}{$name} //= [ 0, 0 ];
        $sums->[0]++;
        $sums->[1] += $last->{seconds};
        $self->{counts}{ended}{$name} = "@$sums";
    }
    for my $name (keys %{ $self->{session_users} }) {
        my $users = $self->{session_users}{$name};
        $self->{counts}{session_users}{$name} = keys(%$users) . ' ' . grep { $_ } values %$users;
    }
    return;
}

# ---- monitors -------------------------------------------------------------------------------

sub count_check_in {
    my ($self, $project, $item, $at) = @_;
    my $monitor = "$project $item->{slug} $item->{environment}";
    # Without an id each delivery is a run, and each of several in one envelope.
    my $run = $self->{runs}{ $item->{run} // "$item $at" } //= { monitor => $monitor, at => [] };
    push @{ $run->{at} }, $at;
    @$run{qw(status seconds)} = @$item{qw(status seconds)} if $item->{status} ne 'in_progress';
    $self->{counts}{monitors}{$monitor} = "$item->{status} $item->{seconds} $at" if $item->{last};
    return;
}

sub end_runs {
    my ($self) = @_;
    for my $run (values %{ $self->{runs} }) {
        my ($began, $ended) = (min(@{ $run->{at} }), max(@{ $run->{at} }));
        my $seconds = $run->{seconds} // ($run->{status} ? ($ended - $began) / SECOND : undef);
        $self->{counts}{runs}{ join ' ', $run->{monitor}, $run->{status} // 'timeout', $began, $ended,
            defined $seconds ? sprintf('%.6f', $seconds) : 'none' }++;
    }
    return;
}

1;
