package ErrTrack::Mixture;

# Requests of every kind as an edge queues them, with what each of them counts for:
#
#     my $mixture = ErrTrack::Mixture->new(requests => 5000, projects => [ 1, 2 ], seed => 7);
#     my @entries = $mixture->entries;    # fields of stream entries, in the order of arrival
#     my $list = $mixture->deliveries;    # { request => ..., at => microseconds }
#
# One request in twenty is sent twice: another delivery of the same, taken in within a minute
# or, near midnight, on the other side of it. One delivery in twenty is queued twice, as by
# an edge that Redis answered too late. All is drawn with rand: whoever seeds it has the same
# again, at another time of the day.
#
# A request is { number, project, event => id, ep, at => [ microseconds, ... ], items }; an
# item { type, text => payload } and what its type says, see the functions of that name.

use strict;
use warnings;

use List::Util qw(max min shuffle);

use ErrTrack::HTTP qw(json_text);

use constant SECOND => 1_000_000;

my @words = map { my $first = $_; map { "$first$_" } 'a' .. 'j' } 'p' .. 's';

# requests, projects (ids), seed (a part of all ids).
sub new {
    my ($class, %arg) = @_;
    my $now = time;
    # The last one that is far enough from what is taken in now; buckets of five minutes are
    # kept for two days.
    my $midnight = 86_400 * int(($now - 4 * 3600) / 86_400);
    my $self = bless { %arg, seed => $arg{seed} & 0xffffffff, now => $now, midnight => $midnight,
        number => 0, list => [], texts => {}, monitors => {} }, $class;
    $self->send($self->request) for 1 .. $arg{requests};
    $self->send($_) for $self->last_check_ins;
    return $self;
}

sub deliveries { return $_[0]{list} }

# An id of 32 hex digits, by what it is for.
sub id {
    my ($self, $kind, $number) = @_;
    return sprintf '%08x%04x%020x', $self->{seed}, $kind, $number;
}

my ($event_id, $session_id, $run_id) = (1, 2, 3);

# ---- requests -----------------------------------------------------------------------

my @makers = ([ event => 0.48 ], [ transaction => 0.16 ], [ session => 0.14 ], [ sessions => 0.05 ], [ check_in => 0.07 ],
    [ feedback => 0.04 ], [ user_report => 0.03 ], [ client_report => 1 ]);

# What may come in the same envelope.
my @beside = qw(session sessions check_in client_report profile);

sub request {
    my ($self) = @_;
    my $number = ++$self->{number};
    my $request = { number => $number, project => $self->{projects}[ rand() < 0.7 ? 0 : -1 ],
        event => $self->id($event_id, $number), ep => 'envelope', at => $self->taken_in($number) };
    my $drawn = rand;
    my ($maker) = grep { ($drawn -= $_->[1]) < 0 } @makers;
    my @types = $maker->[0];
    push @types, map { $beside[ rand @beside ] } 1 .. 1 + int rand 3 if rand() < 0.2;
    push @types, grep { rand() < 0.1 } qw(attachment user_report) if $types[0] eq 'event';
    $request->{header} = $types[0] =~ /^(?:event|transaction|feedback)$/ ? qq({"event_id":"$request->{event}"}) : '{}';
    $request->{items} = [ map { { type => $_, $self->$_($request) } } @types ];
    $request->{ep} = 'store' if "@types" eq 'event' && rand() < 0.5;
    return $request;
}

# When edges took it in: in the last two hours, or in those around midnight. No two requests
# have a time in common, so that it is always clear which one is the last.
sub taken_in {
    my ($self, $number) = @_;
    my ($now, $midnight) = @$self{qw(now midnight)};
    my @at = rand() < 0.7 ? $now - int rand 7200 : $midnight - 3600 + int rand 7200;
    if (rand() < 0.05) {
        my $mirrored = 2 * $midnight - $at[0];
        push @at, abs($at[0] - $midnight) < 3600 && $mirrored != $at[0] ? $mirrored : $at[0] + 1 + int rand 60;
    }
    return [ map { $_ * SECOND + $number % SECOND } @at ];
}

sub send {
    my ($self, $request) = @_;
    push @{ $self->{list} }, map { { request => $request, at => $_ } } @{ $request->{at} };
    return;
}

# ---- events and what comes with them ----------------------------------------------------

# Every other error is an exception with one of two hashes of its own and one that both
# have in common.
sub event {
    my ($self, $request) = @_;
    my $word = $words[ rand @words ];
    my $side = int rand 2;
    my $raised = ord($word) % 2;
    my %fact = (id => $request->{event}, title => $raised ? "$word: broken" : $word, user => 'user-' . int rand 60,
        release => 'r' . int rand 12, tags => { browser => 'b' . int rand 5, page => 'p' . int rand 20 });
    my $error = $self->{texts}{"$word$side"} //= do {
        my @in_app = $side ? (JSON::PP::true, JSON::PP::false) : (JSON::PP::false, JSON::PP::true);
        my $frames = [ map { { module => 'shop', function => $_ . $word, in_app => shift @in_app } } qw(call work) ];
        json_text($raised ? { exception => { values => [ { type => $word, value => 'broken', stacktrace => { frames => $frames } } ] } }
            : { message => $word });
    };
    my $text = sprintf '{"event_id":"%s","user":{"id":"%s"},"release":"%s","tags":{"browser":"%s","page":"%s"},', $fact{id},
        @fact{qw(user release)}, @{ $fact{tags} }{qw(browser page)};
    push @{ $self->{events}{ $request->{project} } }, $fact{id};
    return (%fact, text => $text . substr $error, 1);
}

sub attachment {
    my ($self, $request) = @_;
    return (id => $request->{event}, text => "file of $request->{number}", header => '"filename":"notes.txt",');
}

# Words about the event beside it, or else about an earlier one, sometimes a second time.
sub user_report {
    my ($self, $request) = @_;
    my $known = $self->{events}{ $request->{project} } || [];
    my $event = $request->{header} ne '{}' || !@$known ? $request->{event} : $known->[ -1 - rand min(50, scalar @$known) ];
    my $message = "words $request->{number}";
    return (event => $event, message => $message, text => qq({"event_id":"$event","name":"ann","comments":"$message"}));
}

sub feedback {
    my ($self, $request) = @_;
    my $message = "idea $request->{number}";
    return (id => $request->{event}, message => $message,
        text => qq({"contexts":{"feedback":{"message":"$message","name":"bob"}},"environment":"live"}));
}

# ---- what is counted ------------------------------------------------------------------

my @statuses = ([ ok => 0 ], [ cancelled => 0 ], [ internal_error => 1 ], [ not_found => 1 ], [ unknown => 0 ]);

sub transaction {
    my ($self, $request) = @_;
    my ($status, $failed) = @{ $statuses[ rand @statuses ] };
    my %fact = (id => $request->{event}, name => 'GET /' . int rand 25, op => (qw(http.server pageload task))[ rand 3 ],
        failed => $failed, ms => 2 + int rand 3000);
    return (%fact, text => sprintf '{"type":"transaction","transaction":"%s","start_timestamp":1700000000,"timestamp":%.3f,'
        . '"contexts":{"trace":{"trace_id":"%s","span_id":"00000000000000ab","op":"%s","status":"%s"}}}',
        $fact{name}, 1_700_000_000 + $fact{ms} / 1000, $fact{id}, $fact{op}, $status);
}

my @ends = ({ status => 'exited' }, { status => 'exited', errors => 3 }, { status => 'crashed', errors => 1 },
    { status => 'abnormal' }, {});

# An update of a session: of one that began before the request, or of a new one. How each
# session ends is drawn with its beginning, and its updates are sent in any order.
sub session {
    my ($self, $request) = @_;
    my $earliest = int(min(@{ $request->{at} }) / SECOND);
    my $pool = $self->{sessions}{ $request->{project} } //= [];
    my $place = int rand @$pool;
    if (!@$pool || rand() < 0.3 || $pool->[$place]{started} > $earliest) {
        my %same = (sid => $self->id($session_id, ++$self->{number_of_sessions}), started => $earliest - int rand 1800,
            $self->of_a_release, errors => 0);
        my $end = $ends[ rand @ends ];
        my @steps = ({ status => 'ok', seq => 1 }, { status => 'ok', seq => 2, errors => int rand 1.3 });
        push @steps, { seq => 3, %$end, $end->{status} eq 'exited' && rand() < 0.8 ? (seconds => int rand 900) : () } if %$end;
        push @$pool, { started => $same{started}, left => [ map { { %same, %$_ } } shuffle @steps ] };
        $place = $#$pool;
    }
    my $fact = shift @{ $pool->[$place]{left} };
    splice @$pool, $place, 1 if !@{ $pool->[$place]{left} };
    my %payload = (sid => $fact->{sid}, started => $fact->{started}, status => $fact->{status}, seq => $fact->{seq}, errors => $fact->{errors},
        attrs => attributes($fact));
    $payload{did} = $fact->{user} if $fact->{user};
    $payload{duration} = $fact->{seconds} if defined $fact->{seconds};
    return (%$fact, text => json_text(\%payload));
}

# Sums that an SDK has made, of some beginnings before the request.
sub sessions {
    my ($self, $request) = @_;
    my $earliest = int(min(@{ $request->{at} }) / SECOND);
    my %same = $self->of_a_release;
    my @sums = map { { started => $earliest - int rand 1800, map { ($_ => int rand 4) } qw(exited errored crashed abnormal) } } 0 .. rand 3;
    return (%same, sums => \@sums, text => json_text({ attrs => attributes(\%same),
        aggregates => [ map { { %$_, $same{user} ? (did => $same{user}) : () } } @sums ] }));
}

sub of_a_release {
    return (release => 's' . int rand 4, environment => ('live', 'test', '')[ rand 3 ], user => rand() < 0.8 ? 'user ' . int rand 40 : '');
}

sub attributes {
    my ($fact) = @_;
    return { release => $fact->{release}, $fact->{environment} ? (environment => $fact->{environment}) : () };
}

# The end of a run that another request began, the beginning of one, or all about one that
# has no id. What begins may have no end: it has been going on for longer than it may.
sub check_in {
    my ($self, $request) = @_;
    my $open = $self->{runs}{ $request->{project} } //= [];
    my %fact = (slug => 'job-' . int rand 6, environment => rand() < 0.7 ? 'production' : 'test', status => ('ok', 'error', 'odd')[ rand 3 ],
        seconds => int rand 500);
    if (@$open && rand() < 0.5) {
        my ($begun) = splice @$open, rand @$open, 1;
        %fact = (%fact, %{ $begun->{same} });
        # How long it took is between the two if it does not say so.
        delete $fact{seconds} if @{ $request->{at} } == 1 && @{ $begun->{at} } == 1 && $begun->{at}[0] < $request->{at}[0] && rand() < 0.6;
    } elsif (max(@{ $request->{at} }) < ($self->{now} - 3600) * SECOND) {
        $fact{run} = $self->id($run_id, ++$self->{number_of_runs});
        @fact{qw(status seconds)} = ('in_progress', undef);
        push @$open, { at => $request->{at}, same => { map { ($_ => $fact{$_}) } qw(run slug environment) } };
    }
    return $self->said_of_monitor($request, %fact);
}

sub said_of_monitor {
    my ($self, $request, %fact) = @_;
    $self->{monitors}{"$request->{project} $fact{slug} $fact{environment}"} = 1;
    my %payload = (monitor_slug => $fact{slug}, environment => $fact{environment}, status => $fact{status});
    $payload{check_in_id} = $fact{run} if $fact{run};
    $payload{duration} = $fact{seconds} if defined $fact{seconds};
    $fact{status} = 'unknown' if $fact{status} eq 'odd';
    return (%fact, text => json_text(\%payload));
}

# Each monitor's last word, later than all others.
sub last_check_ins {
    my ($self) = @_;
    my @requests;
    for my $name (sort keys %{ $self->{monitors} }) {
        my ($project, $slug, $environment) = split / /, $name;
        my $number = ++$self->{number};
        my $request = { number => $number, project => $project, event => $self->id($event_id, $number), ep => 'envelope', header => '{}',
            at => [ ($self->{now} + 70) * SECOND + $number % SECOND ] };
        my %fact = (slug => $slug, environment => $environment, status => ('ok', 'error')[ rand 2 ], seconds => int rand 500);
        $request->{items} = [ { type => 'check_in', last => 1, $self->said_of_monitor($request, %fact) } ];
        push @requests, $request;
    }
    return @requests;
}

sub client_report {
    my ($self) = @_;
    my %lists = (discarded_events => 'discarded', rate_limited_events => 'rate_limited');
    my (@lost, %payload);
    for my $list (sort keys %lists) {
        my @some = map { { reason => 'why-' . int rand 6, category => (qw(error transaction session))[ rand 3 ], quantity => 1 + int rand 9 } }
            0 .. rand 2;
        $payload{$list} = \@some;
        push @lost, map { { %$_, outcome => $lists{$list} } } @some;
    }
    return (lost => \@lost, text => json_text(\%payload));
}

# A kind that is not kept.
sub profile { return (text => '{}') }

# ---- entries --------------------------------------------------------------------------

# The fields of one record.
sub record {
    my ($self, $delivery) = @_;
    my ($request, $at) = @$delivery{qw(request at)};
    my ($copy) = grep { $request->{at}[$_] == $at } 0 .. $#{ $request->{at} };
    my $meta = sprintf "v 1\nid %08x%08x%016x\nat %d\nproject %d\nkey 1\nep %s\nevent %s\n", $self->{seed}, $request->{number}, $copy,
        $at, @$request{qw(project ep event)};
    my $items = $request->{items};
    my $body = $request->{ep} eq 'store' ? $items->[0]{text} : join '', "$request->{header}\n", map {
        sprintf qq({"type":"%s",%s"length":%d}\n%s\n), $_->{type}, $_->{header} // '', length $_->{text}, $_->{text} } @$items;
    return (m => $meta, b => $body);
}

# Most entries hold one record, some up to five.
sub entries {
    my ($self) = @_;
    my @records = shuffle @{ $self->{list} }, grep { rand() < 0.05 } @{ $self->{list} };
    my @entries;
    while (@records) {
        my @together = splice @records, 0, rand() < 0.1 ? 2 + rand 4 : 1;
        push @entries, [ map { $self->record($_) } @together ];
    }
    return @entries;
}

1;
