# GitLab's integrated backend as GitLab reads it: what its screens show of an event that was
# reported, that nothing which breaks GitLab is ever sent, and that a stack trace is found in
# every payload. The labels name the tables 6.1 to 6.3 of the contract. For each row of what
# breaks GitLab an answer of the server is spoilt first: the reader has to notice.

use strict;
use warnings;

use Encode ();
use JSON::PP ();
use POSIX ();
use Test::More;

use ErrTrack;
use ErrTrack::GitLab qw(kind parse_json);
use ErrTrack::GitLab::Events;
use ErrTrack::GitLab::Integrated;

binmode Test::More->builder->$_, ':encoding(UTF-8)' for qw(output failure_output);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => { config => ErrTrack::GitLab::Events::config() });
my $project = $t->project->{id};
my $gitlab = ErrTrack::GitLab::Integrated->new($t, project => $project);
my $json = JSON::PP->new->utf8->canonical->allow_nonref;

# What GitLab does: what the code returns, or what it died with.
sub seen { my ($code) = @_; my @got = eval { $code->() }; return $@ ? $@ =~ s/:.*//sr : $got[0] }

# The same with answers to paths like this spoilt: the code changes the decoded body.
sub spoilt {
    my ($path, $spoil, $code) = @_;
    local $gitlab->{tamper} = sub {
        my ($answer, $asked) = @_;
        return if $asked !~ $path || $answer->status != 200;
        my $value = $json->decode($answer->content);
        my $changed = $spoil->($value, $answer);
        $answer->{content} = $json->encode(ref $changed ? $changed : $value);
    };
    return seen($code);
}

# ---- 6.1: what the screens show ---------------------------------------------------------

sub moment { return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }

my $now = time;
my %pay = (platform => 'python', transaction => 'checkout.pay', level => 'fatal', logger => 'pay', fingerprint => ['6.1'],
    exception => { values => [ { type => 'TimeoutError', value => 'no answer', stacktrace => { frames => \@ErrTrack::GitLab::Events::FRAMES } } ] });
my $filed = 0;
for my $sent ([ -90, 'shop@4.1.0-first', 'ann' ], [ -60, 'middle', 'bob' ], [ -30, 'shop@4.2.0-last', 'ann' ]) {
    my ($away, $release, $user) = @$sent;
    is $t->store({ %pay, timestamp => moment($now + $away), release => $release, user => { id => $user } })->status, 200, "an event of the release $release";
    $filed++;
    eventually { $t->sql_value(q(select count(*) from errtrack.occurrences where transaction = 'checkout.pay' and release = any ('{shop@4.1.0-first,middle,shop@4.2.0-last}'))) == $filed } '... is filed';
}
my $pay = $t->sql_value(q(select issue_id from errtrack.occurrences where release = 'middle'));

$gitlab->{asked} = [];
my ($errors) = $gitlab->errors;
is_deeply $gitlab->{asked}, ["GET /projects/$project/errors?limit=20"], '6.1: calls of the list: one';
my ($row) = grep { $_->{id} eq $pay } @$errors;
$gitlab->{asked} = [];
my $page = $gitlab->details($pay);
is_deeply $gitlab->{asked}, [ map { "GET /projects/$project/errors/$pay$_" } '', '/events?limit=1&sort=occurred_at_asc', '/events?limit=1&sort=occurred_at_desc' ],
    '6.1: calls of the details: the error, its oldest and its newest event';
for my $where ([ list => $row ], [ details => $page ]) {
    my ($screen, $shown) = @$where;
    is $shown->{id}, $pay, "6.1: $screen: id and address: the fingerprint in decimal";
    is $shown->{title}, 'TimeoutError: no answer', "6.1: $screen: title: name and description";
    is_deeply [ @$shown{qw(message culprit)} ], [ 'no answer', 'checkout.pay' ], "6.1: $screen: message and culprit: description and actor";
    is_deeply [ map { s/\.000Z/Z/r } @$shown{qw(first_seen last_seen)} ], [ moment($now - 90), moment($now - 30) ], "6.1: $screen: first and last seen";
    is_deeply [ @$shown{qw(count user_count)} ], [ 3, 2 ], "6.1: $screen: events and users";
    is $shown->{status}, 'unresolved', "6.1: $screen: the status of its buttons";
    my @pairs = @{ $shown->{frequency} };
    is scalar @pairs, 24, "6.1: $screen: trend or bars of 24 hours";
    is_deeply [ map { $pairs[$_][0] - $pairs[ $_ - 1 ][0] } 1 .. 23 ], [ (3600) x 23 ], '... an hour apart, the oldest first, none left out';
    my $sum = 0;
    $sum += $_->[1] for @pairs;
    is $sum, 3, '... with all events of them';
}
is_deeply [ @$page{qw(first_release last_release)} ], [ 'shop@4.1.0-first', 'shop@4.2.0-last' ], '6.1: first and last release: of the payload of the oldest and the newest event';
is_deeply [ @$page{qw(first_release_shown last_release_shown)} ], [ 'shop@4.1.0', 'shop@4.2.0' ], '... of which ten characters are shown';
$gitlab->{asked} = [];
my $shown = $gitlab->stack_trace($pay);
is_deeply $gitlab->{asked}, [ map { "GET /projects/$project/errors/$pay$_" } '/events?limit=1&sort=occurred_at_desc', '' ], '6.1: calls of the stack trace: the newest event, then the error';
is_deeply [ map { $_->{function} } @{ $shown->{frames} } ], [qw(main charge)], '6.1: stack trace: of the payload of the newest event';
is $shown->{date}, $page->{last_seen}, '6.1: date of the event: when the error was last seen';
is_deeply [ grep { /level|severity|logger/ } map { keys %$_ } @{ $t->api('GET', "/projects/$project/errors")->json } ], [], '6.1: severity and logger: never';
for my $status (qw(resolved ignored unresolved)) {
    $gitlab->{asked} = [];
    is $gitlab->update($pay, $status), 1, "6.1: status buttons: $status";
    is_deeply $gitlab->{asked}, ["PUT /projects/$project/errors/$pay"], '... with one call';
    is $gitlab->details($pay)->{status}, $status, '... is shown from then on';
    is scalar(grep { $_->{id} eq $pay } @{ ($gitlab->errors(status => $status))[0] }), 1, '... in the list of that status';
}

# ---- 6.2: the reader stumbles where GitLab does -----------------------------------------

my %event = ErrTrack::GitLab::Events::file($t);
sub issue { return $event{ $_[0] }{issue} // die "no event: $_[0]\n" }

my $stack = issue('a stack');
my ($of_list, $of_one, $of_events) = (qr{/errors\?}, qr{/errors/\d+$}, qr{/events\?});
my $details = sub { $gitlab->details($stack) };
my $trace = sub { $gitlab->stack_trace($stack) };
my $list = sub { $gitlab->errors };

sub each_of { my ($edit) = @_; return sub { my ($value) = @_; $edit->($_) for ref $value eq 'ARRAY' ? @$value : $value; return } }

# The payload of an event changed as decoded.
sub payload { my ($edit) = @_; return each_of(sub { my ($one) = @_; my $body = $json->decode(Encode::encode('UTF-8', $one->{payload})); $edit->($body); $one->{payload} = $json->encode($body) }) }

my %broken = (
    'a wrong Content-Type of a list'     => [ $of_list, sub { $_[1]{headers}{'content-type'} = 'text/html'; return }, $list, 'crash' ],
    'a wrong Content-Type of an error'   => [ $of_one, sub { $_[1]{headers}{'content-type'} = 'text/html'; return }, $details, 'crash' ],
    'a status outside of the three'      => [ $of_list, each_of(sub { $_[0]{status} = 'open' }), $list, 'crash' ],
    'a time as a number'                 => [ $of_one, each_of(sub { $_[0]{last_seen_at} = 1_770_300_000 }), $details, 'crash' ],
    'a time that is no date'             => [ $of_list, each_of(sub { $_[0]{first_seen_at} = '1770300000' }), $list, 'crash' ],
    'first_seen_at missing on details'   => [ $of_one, each_of(sub { delete $_[0]{first_seen_at} }), $details, 'crash' ],
    'last_seen_at missing on details'    => [ $of_one, each_of(sub { delete $_[0]{last_seen_at} }), $details, 'crash' ],
    'frequency that is no object'        => [ $of_one, each_of(sub { $_[0]{stats}{frequency} = [] }), $details, 'crash' ],
    'bucket times as strings'            => [ $of_one, each_of(sub { $_->[0] = "$_->[0]" for @{ $_[0]{stats}{frequency}{'24h'} } }), $details, 'GraphQL error' ],
    'a count beyond 2147483647'          => [ $of_list, each_of(sub { $_[0]{event_count} = 2_147_483_648 }), $list, 'GraphQL error' ],
    (map { my $name = $_; ("$name missing on details" => [ $of_one, each_of(sub { delete $_[0]{$name} }), $details, 'GraphQL error' ]) }
        qw(actor event_count approximated_user_count status)),
    'context without lineno'             => [ $of_events, payload(sub { delete $_[0]{exception}{values}[0]{stacktrace}{frames}[0]{lineno} }), $trace, 'crash' ],
    'an empty pre_context without lineno' => [ $of_events, payload(sub { $_[0]{exception}{values}[0]{stacktrace}{frames}[1] = { pre_context => [] } }), $trace, 'crash' ],
    'null among the exceptions'          => [ $of_events, payload(sub { unshift @{ $_[0]{exception}{values} }, undef }), $trace, 'crash' ],
    'exceptions as an object'            => [ $of_events, payload(sub { $_[0]{exception}{values} = {} }), $trace, 'crash' ],
    'null among the frames'              => [ $of_events, payload(sub { push @{ $_[0]{exception}{values}[0]{stacktrace}{frames} }, undef }), $trace, 'crash' ],
    'several Link lines'                 => [ $of_list, sub { $_[1]{headers}{link} = [ 'a', 'b' ]; return }, $list, 'crash' ],
);
for my $what (sort keys %broken) {
    my ($path, $spoil, $code, $trouble) = @{ $broken{$what} };
    is spoilt($path, $spoil, $code), $trouble, "6.2: the reader: $what: $trouble";
}
for my $empty ('', 'null') {
    local $gitlab->{tamper} = sub { $_[0]{content} = $empty };
    is seen($list), 'crash', "6.2: the reader: '$empty' for a list: crash";
}
is_deeply spoilt($of_one, each_of(sub { $_[0]{stats} = 'x' }), $details)->{frequency}, [], '6.2: the reader: stats that are no object: no chart';
is spoilt($of_one, each_of(sub { $_ = "$_" for @{ $_[0] }{qw(fingerprint event_count)} }), $details)->{id}, $stack, '6.2: the reader: integers as strings are accepted';
for my $bad ([ 'an object' => {} ], [ 'no JSON' => '{' ]) {
    my $spoil = each_of(sub { $_[0]{payload} = $bad->[1] });
    is spoilt($of_events, $spoil, $trace), undef, "6.2: the reader: a payload that is $bad->[0]: no stack trace";
    is spoilt($of_events, $spoil, $details)->{last_release}, undef, '... and no release';
}
for my $bad ([ 'cursor last' => 's/cursor=([^&]*)&([^>]*)>/$2&cursor=$1>/' ], [ 'rel="previous"' => 's/rel="next"/rel="previous"/' ], [ 'an unquoted rel' => 's/rel="next"/rel=next/' ]) {
    my ($what, $edit) = @$bad;
    local $gitlab->{tamper} = sub { my ($answer) = @_; local $_ = $answer->{headers}{link}; eval "$edit; 1" or die $@; $answer->{headers}{link} = $_ };
    my (undef, $cursors) = $gitlab->errors(limit => 5);
    isnt $cursors->{next} // '', ($gitlab->{link} =~ /cursor=([\w-]+)/)[0], "6.2: the reader: $what: paging is broken";
}

# ---- 6.2: the server never sends it -----------------------------------------------------

is $gitlab->details(777777), undef, '6.2: non-2xx: an unknown error is not found';
is $gitlab->stack_trace(777777), undef, '... and has no stack trace';
is $gitlab->update(777777, 'resolved'), 0, '... and is not updated';
{
    local $gitlab->{token} = 'wrong';
    is_deeply(($gitlab->errors)[0], [], '6.2: non-2xx: without the secret the list is empty');
    is $gitlab->update($stack, 'resolved'), 0, '... and nothing is updated';
}
for my $what ([ 'an unknown project' => '/projects/777777/errors' ], [ 'no error of that status' => "/projects/$project/errors?status=resolved" ],
    [ 'nothing found' => "/projects/$project/errors?query=nothing+at+all" ], [ 'no error so lately' => "/projects/$project/errors?queryPeriod=15m&query=zzz" ],
    [ 'no messages' => '/projects/777777/messages' ])
{
    my $answer = $t->api('GET', $what->[1]);
    is_deeply [ $answer->status, $answer->header('Content-Type'), $answer->content ], [ 200, 'application/json', '[]' ], "6.2: a list is never null: $what->[0]";
}
$t->sql('update errtrack_private.issues set event_count = 5000000000, user_count = 3000000000 where id = $1', issue('a message'));
is_deeply [ @{ $gitlab->details(issue('a message')) }{qw(count user_count)} ], [ (2_147_483_647) x 2 ], '6.2: counts end at 2147483647';

my %types = (fingerprint => 'number', project_id => 'number', event_count => 'number', approximated_user_count => 'number',
    (map { ($_ => 'string') } qw(name description actor first_seen_at last_seen_at status)), stats => 'object');
my %event_types = (fingerprint => 'number', projectId => 'number', map { ($_ => 'string') } qw(payload name description actor environment platform));
my $types = sub { my ($value) = @_; return { map { ($_ => kind($value->{$_})) } keys %$value } };
for my $kind (sort keys %event) {
    my $id = $event{$kind}{issue};
    my $answer = $t->api('GET', "/projects/$project/errors/$id");
    is_deeply $types->(parse_json($answer->content)), \%types, "6.2: types of an error: $kind";
    is_deeply $types->(parse_json($t->api('GET', "/projects/$project/errors/$id/events")->content)->[0]), \%event_types, '... and of its event';
    ok ref seen(sub { $gitlab->details($id) }), '6.2: ... its page is shown' or diag $@;
    like ref(\seen(sub { $gitlab->stack_trace($id) // '' })), qr/^(?:SCALAR|REF)$/, '... its stack trace too';
    is $@, '', '... without a crash';
    my $text = $gitlab->one_event($id, 'occurred_at_desc')->{payload};
    my $body = ErrTrack::GitLab::Integrated::payload_of({ payload => $text });
    is kind($body), 'object', '6.2: ... its payload is a JSON object' or next;
    like kind($body->{release}), qr/^(?:null|string)$/, '... whose release is a text';
    is $body->{event_id}, $event{$kind}{id}, '... of that very event';
    unlike $text, qr/\\u0000|\\u[dD][89abAB](?![0-9a-fA-F]{2}\\u[dD][c-fC-F])|\x00/, '... without NUL and half characters';
}
my $messages = parse_json($t->api('GET', "/projects/$project/messages?limit=100")->content);
my %message_types = (projectId => 'number', map { ($_ => 'string') } qw(eventId timestamp level message release environment platform));
cmp_ok scalar @$messages, '>', 20, '6.2: messages are listed';
is_deeply [ grep { $json->encode($types->($_)) ne $json->encode(\%message_types) } @$messages ], [], '... each with the types of a message';
is_deeply [ grep { !eval { ErrTrack::GitLab::time_of('timestamp', $_->{timestamp}) } } @$messages ], [], '... and a time';
{
    my (%times, @ids, @back);
    my ($rows, $cursors) = $gitlab->errors(limit => 7);
    while (1) {
        push @ids, map { $_->{id} } @$rows;
        last if !$cursors->{next} || @ids > 500;
        ($rows, $cursors) = $gitlab->errors(limit => 7, cursor => $cursors->{next});
    }
    $times{$_}++ for @ids;
    is scalar(grep { $_ == 1 } values %times), 1 + keys %event, '6.2: paging: each error once';
    my $last = @$rows;
    while (my $cursor = $cursors->{prev}) {
        ($rows, $cursors) = $gitlab->errors(limit => 7, cursor => $cursor);
        unshift @back, map { $_->{id} } @$rows;
        last if @back > 500;
    }
    is_deeply \@back, [ @ids[ 0 .. $#ids - $last ] ], '6.2: ... and back';
}

# ---- 6.3: how a stack trace is taken ----------------------------------------------------

# The functions of the frames that are shown, the oldest call first; undef: no stack trace.
my %functions = (
    'a stack' => 'main charge', 'a list of exceptions' => 'main charge', 'a bare exception' => 'main charge', 'a chain' => 'charge main',
    'threads' => 'main charge', 'a list of threads' => 'main charge', 'keys twice' => 'f', 'NUL' => 'g',
    (map { ($_ => undef) } 'no stack', 'a message', 'a log entry', 'a type alone', 'nothing', 'nulls', 'a crash dump', 'a report of a browser'),
    (map { ("levels: $_" => 'f') } qw(extra other mechanism)), (map { ("small parts: $_" => 'f') } qw(breadcrumbs user sdk images)),
    'frames without a line' => 'none null text word list fraction negative vast true', 'wrong types' => 'main charge',
    'NaN and numbers without end' => 'f',
);
for my $kind (sort keys %functions) {
    my $shown = $gitlab->stack_trace(issue($kind));
    is $shown && join(' ', map { $_->{function} } @{ $shown->{frames} }), $functions{$kind}, '6.3: ' . (defined $functions{$kind} ? 'frames, the oldest call first' : 'no stack trace') . ": $kind";
}
my ($first, $second) = @{ $gitlab->stack_trace($stack)->{frames} };
is_deeply [ @$first{qw(filename abs_path function lineno colno)} ], [ 'app.py', '/srv/app.py', 'main', 8, 0 ], '6.3: a frame: filename, abs_path, function, lineno';
is_deeply $first->{context}, [ [ 5, 'import pay' ], [ 6, '' ], [ 7, 'def main():' ], [ 8, '    charge()' ], [ 9, '' ], [ 10, 'main()' ] ], '6.3: context: numbered around lineno';
is_deeply $second->{context}, [], '6.3: no context: an empty list';

my $odd = $gitlab->stack_trace(issue('odd frames'))->{frames};
is scalar(@$odd), 6, '6.3: what is no frame is left out';
is_deeply [ map { $_->{filename} } @$odd ], [ '5', undef, ('f') x 3, undef ], '6.3: filename is a text or null';
is_deeply [ map { $_->{context} } @$odd[ 2, 3 ] ], [ [ [ 4, 'c' ] ], [ [ 0, '1' ], [ 2, 'p' ], [ 4, '7' ], [ 5, 'True' ] ] ], '6.3: lines that are null are left out, the others keep their numbers';
is_deeply [ map { $_->{lineno} } @{ $gitlab->stack_trace(issue('frames without a line'))->{frames} }[ 0 .. 4 ] ], [ undef, undef, 12, undef, undef ], '6.3: lineno is a number or absent';
is_deeply [ map { scalar @{ $_->{context} } } @{ $gitlab->stack_trace(issue('frames without a line'))->{frames} } ], [ 0, 0, 1, 0, 0, 1, 0, 0, 0 ], '6.3: ... and without one there is no context';
my $bare = parse_json(Encode::encode('UTF-8', $gitlab->one_event(issue('a bare exception'), 'occurred_at_desc')->{payload}));
is_deeply [ keys %{ $bare->{exception} }, kind($bare->{exception}{values}) ], [ 'values', 'array' ], '6.3: a bare exception is wrapped';
my $kept = parse_json(Encode::encode('UTF-8', $gitlab->one_event($stack, 'occurred_at_desc')->{payload}));
is $kept->{release}, 'shop@4.2.0-abcdef', '6.3: release stays at the top';
is_deeply [ @$kept{qw(environment logger transaction)}, $kept->{exception}{values}[0]{stacktrace}{frames}[0]{module} ], [qw(production pay checkout.pay app)], '6.3: the rest is as it was received';

# An event whose body was not kept.
$t->sql('update errtrack_private.occurrences set has_payload = false where event_id = $1::uuid', $event{'a stack'}{id});
is seen($trace), undef, '6.3: without a body there is no stack trace';
is $gitlab->details($stack)->{last_release}, 'shop@4.2.0-abcdef', '... but the release';

$t->done;
