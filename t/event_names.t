# What an event is called over Sentry's web API: by its own body, not after other events of
# its issue, and in the words that the worker has for it.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root);

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
$t->errtrack(qw(user create ann@a.example --admin));
($t->{token}) = $t->errtrack(qw(token create --user ann@a.example)) =~ /(ett_\w+)/ or die "no token\n";
$t->errtrack(qw(limit set), 'shop', $_, 'none') for qw(new_issues new_issues_alike);

my $count = 0;
sub file {
    my @events = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue($_) for @events;
    $count += @events;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } scalar(@events) . ' events are filed', timeout => 60;
    return;
}
sub look { return $t->sentry('GET', "/projects/acme/shop/events/$_[0]/")->json }
sub listed { my ($id) = @_; return (grep { $_->{id} eq $id } map { @{ $t->sentry('GET', "$_/events/")->json } } @_[ 1 .. $#_ ])[0] }

# ---- two events of one issue ---------------------------------------------------------

my @ids = map { sprintf '%032x', $_ } 1 .. 4;
file(map { { event_id => $ids[$_], platform => 'python', fingerprint => ['one'], exception => { type => "E$_", value => "v$_", stacktrace => { frames => [
    { module => "m$_", function => "f$_", in_app => JSON::PP::true() }, { module => 'lib', function => 'call', in_app => JSON::PP::false() } ] } } } } 0, 1);
file(map { { event_id => $ids[$_], fingerprint => ['two'], message => "Message number $_ " . ($_ == 2 ? 'alpha' : 'beta') } } 2, 3);

my $issue = look($ids[0])->{groupID};
is look($ids[1])->{groupID}, $issue, 'two events are of one issue';
for my $n (0, 1) {
    my %metadata = (type => "E$n", value => "v$n", title => "E$n: v$n");
    for my $event (look($ids[$n]), listed($ids[$n], "/issues/$issue", '/projects/acme/shop')) {
        is_deeply [ @$event{qw(title culprit metadata)} ], [ "E$n: v$n", "m$n in f$n", \%metadata ], '... each called by itself';
    }
}
my $said = look($ids[2])->{groupID};
for my $n (2, 3) {
    my $title = "Message number $n " . ($n == 2 ? 'alpha' : 'beta');
    for my $event (look($ids[$n]), listed($ids[$n], "/issues/$said")) {
        is_deeply [ @$event{qw(title culprit metadata)} ], [ $title, '', { title => $title } ], '... a message too';
    }
}

# ---- as the worker says it -----------------------------------------------------------

# Each is the only event of its issue, which the worker has called, but for chunks that did
# not load: whatever their fingerprints are, they are one error.
my %stack = (frames => [ { module => 'shop.cart', function => 'total', in_app => JSON::PP::true() }, { module => 'shop.cart', function => '<unknown>', in_app => JSON::PP::true() } ]);
my @bare = (frames => [ { filename => 'a.py', function => 'f' }, { function => 'g' } ]);
my %made = (
    'a long value'   => { exception => { type => 'E' x 200, value => 'v' x 2000 } },
    'a long line'    => { message => 'm' x 300 },
    'lines'          => { message => " \n  first \r\nsecond" },
    'v'              => { message => "v\tv" },
    'only a value'   => { exception => { value => "\n one\ntwo" } },
    'type in value'  => { exception => { value => 'Word: text' } },
    'url in value'   => { exception => { value => 'http://x.example' } },
    'nothing'        => { level => 'error' },
    'parameters'     => { logentry => { message => 'user %s of %d', params => [ 'ann', 7 ] } },
    'formatted'      => { logentry => { message => 'user %s', params => [7], formatted => 'user seven' } },
    'too few'        => { logentry => { message => 'user %s of %s', params => [7] } },
    'both messages'  => { logentry => { message => ' ' }, message => 'other' },
    'a transaction'  => { transaction => 'checkout', exception => { type => 'E', stacktrace => \%stack } },
    'a stack'        => { exception => { type => 'E', stacktrace => \%stack } },
    'no flags'       => { exception => { type => 'E', stacktrace => {@bare} } },
    'javascript'     => { platform => 'javascript', exception => { type => 'E', stacktrace => { frames => [ { filename => 'a.js', in_app => JSON::PP::true() } ] } } },
    'native'         => { platform => 'native', exception => { type => 'E', stacktrace => \%stack } },
    'synthetic'      => { exception => { type => 'E', value => 'v', mechanism => { type => 'x', synthetic => JSON::PP::true() }, stacktrace => \%stack } },
    'a url'          => { message => 'm', request => { url => 'https://shop.example/' } },
    'a thread'       => { exception => { type => 'E', thread_id => 7 }, threads => [ { id => 6, stacktrace => {@bare} }, { id => 7, stacktrace => \%stack } ] },
    'crashed'        => { message => 'm', threads => [ { id => 6, stacktrace => {@bare} }, { id => 7, crashed => JSON::PP::true(), stacktrace => \%stack } ] },
    'attached'       => { message => 'm', stacktrace => \%stack },
    'ids'            => { exception => [ map { { type => "E$_", value => 'v', mechanism => { type => 'x', exception_id => $_ } } } 0, 1 ] },
    'nulls'          => { exception => [ { type => 'E', value => 'v' }, undef, {} ] },
    'csp'            => { type => 'csp', csp => { effective_directive => 'img-src', blocked_uri => 'https://x.example/a' } },
);
open my $cases, '<', root() . '/t/grouping/cases.jsonl' or die "cases.jsonl: $!";
while (<$cases>) {
    my $pair = JSON::PP::decode_json($_);
    # Those with a checksum are of one issue, whatever their fingerprints are.
    delete $pair->{$_}{checksum} for qw(a b);
    $made{"$pair->{name} $_"} = $pair->{$_} for qw(a b);
}
my $n = 100;
my %id = map { $_ => sprintf '%032x', $n++ } sort keys %made;
file(map { { platform => 'python', %{ $made{$_} }, event_id => $id{$_}, fingerprint => [ $id{$_} ] } } sort keys %made);
# Which frames without a flag are those of libraries only the worker knows.
my @unknown = map { ("native-no-flags-other-libc $_", "rust-anyhow-through-one-helper $_: culprit", "rust-panic-machinery $_: culprit") } qw(a b);
my %called = map { $_->[0] => [ @$_[ 1, 2 ] ] } $t->sql(q(select replace(event_id::text, '-', ''), i.title, i.culprit
    from errtrack.occurrences o join errtrack.issues i using (project_id, issue_id) where i.event_count = 1));
cmp_ok scalar(keys %called), '>', 390, 'nearly each is an issue of its own';
my %differ;
for my $what (grep { $called{ $id{$_} } } sort keys %made) {
    my $event = look($id{$what});
    my ($title, $culprit) = @{ $called{ $id{$what} } };
    $differ{$what} = "$event->{title} / $title" if $event->{title} ne $title;
    $differ{"$what: culprit"} = ($event->{culprit} // 'null') . " / $culprit" if ($event->{culprit} // '') ne $culprit;
}
delete @differ{@unknown};
is_deeply \%differ, {}, scalar(keys %called) . ' events are called as the worker calls them' or diag explain \%differ;

$t->done;
