# Rules that a project sets for its grouping: from the command to the issues of events
# that come after, without a restart of the worker; and errtrack group with them.

use strict;
use warnings;

use File::Temp ();
use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir run write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project->{id};
my $dir = File::Temp->newdir;

sub call {
    my (@words) = @_;
    return run([ build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), @words ]);
}

sub prints {
    my ($words, $expected, $label) = @_;
    my ($status, $out, $err) = call(@$words);
    is "$status $out$err", "0 $expected", $label;
    return;
}

sub refuses {
    my ($words, $why, $label) = @_;
    my ($status, undef, $err) = call(@$words);
    is $status, 1, "$label is refused";
    like $err, qr/\Q$why\E/, "$label: with a reason";
    return;
}

my $event = { platform => 'python', level => 'error', exception => { type => 'Timeout', value => 'of db-3',
    stacktrace => { frames => [
        { module => 'shop.cart', function => 'total', in_app => JSON::PP::true },
        { module => 'shop.net', function => 'read', in_app => JSON::PP::true } ] } } };
write_file("$dir/event.json", JSON::PP->new->encode($event));

my $rule = 'type:Time* module:shop.net -> slow title="Slow {{ type }}"';
my ($status, $tried) = call('group', '--fingerprint-rule', $rule, "$dir/event.json");
like $tried, qr/^title       Slow Timeout$/m, 'a rule can be tried before it is set';

prints [ qw(rule add shop fingerprint), $rule ], "fingerprint rule 1 of shop is set\n", 'a rule is set';
prints [ qw(rule add shop fingerprint), 'type:Other -> other', qw(--at 1) ], "fingerprint rule 1 of shop is set\n",
    'another is put before it';
prints [ qw(rule add shop stack), 'module:shop.net -app' ], "stack rule 1 of shop is set\n", 'a stack rule is set';
prints [ qw(rule add shop stack), 'module:shop.none -app', qw(--at 9) ],
    "stack rule 2 of shop is set\nerrtrack: note: there is no place 9 yet: it is the last rule\n", 'one far behind is the last';
prints [ qw(rule remove shop stack 2) ], "removed: module:shop.none -app\n", 'which can be removed';
my (undef, $listed) = call(qw(rule list shop --json));
is_deeply [ map { "$_->{kind} $_->{place} $_->{rule}" } @{ JSON::PP::decode_json($listed) } ],
    [ 'fingerprint 1 type:Other -> other', "fingerprint 2 $rule", 'stack 1 module:shop.net -app' ], 'they are listed in order';

my $issue = sub { $t->sql_value(q{select issue_id from errtrack.issues where title = 'Slow Timeout'}) };
eventually { $t->store($event)->status == 200 && $issue->() } 'the worker goes by them, and takes the title';
my $slow = $issue->();
is $t->store({ message => 'x', fingerprint => ['slow'] })->status, 200, 'an event brings the same fingerprint along';
eventually {
    $t->sql_value('select count(*) from errtrack.occurrences where issue_id = $1 and level = $2 and platform = $3',
        $slow, 'error', 'other') == 1
} 'it is the same error';

my ($id) = map { $_->[0] } $t->sql(q{select replace(event_id::text, '-', '') from errtrack.occurrences limit 1});
my ($hash) = map { $_->[0] } $t->sql(q{select replace(hash::text, '-', '') from errtrack.grouping_hashes where variant = 'custom'});
my (undef, $explained) = call(qw(group --project shop --event), $id);
like $explained, qr/^hash        $hash custom$/m, 'a stored event is explained anew';

refuses [ qw(rule add shop fingerprint), 'nonsense -> x' ], 'a rule begins with a matcher', 'no rule';
refuses [ qw(rule add shop fingerprint), 'type:X -> {{ nosuch }}' ], 'there is no variable "nosuch": use transaction, ',
    'a variable that nobody knows';
refuses [ 'group', '--fingerprint-rule', 'type:X -> {{ nosuch }}', "$dir/event.json" ], 'there is no variable "nosuch"',
    'one that is tried';
refuses [ qw(rule add shop stack), 'typo:x -app' ], 'there is no matcher "typo": use type, ', 'a matcher that nobody knows';
refuses [ qw(rule add shop stack), 'app:yes +wings' ], 'there is no action', 'no action';
refuses [ qw(rule remove shop stack 7) ], "project $project has no stack rule 7", 'removing none';
refuses [ qw(group --project shop --event), '0' x 32 ], 'has no body of event', 'an unknown event';
prints [ qw(rule remove shop fingerprint 1) ], "removed: type:Other -> other\n", 'a rule is removed';
($status, $listed) = call(qw(rule list shop --json));
is_deeply [ map { "$_->{kind} $_->{place}" } @{ JSON::PP::decode_json($listed) } ], [ 'fingerprint 1', 'stack 1' ],
    'those behind move up';

$t->sql(q{insert into errtrack_private.grouping_rules (project_id, kind, place, rule) values ($1, 'stack', 2, 'nonsense')},
    $project);
eventually { $t->worker->log_text =~ /a stack rule of project $project is passed over/ }
    'what plain SQL has written wrongly is passed over, and said';

$t->expect_log(qr/is passed over/);
$t->done;
