# An issue that is resolved in a release, or in the next one, is reopened only by an event of
# a newer release: by semantic version, else by the order in which releases came.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);

# ---- which is newer ---------------------------------------------------------------

# From old to new, those in one line being the same.
my @ordered = (
    [ 'shop@1.0.0-alpha' ], [ 'shop@1.0.0-alpha.1' ], [ 'shop@1.0.0-alpha.beta' ], [ 'shop@1.0.0-beta' ],
    [ 'shop@1.0.0-beta.2' ], [ 'shop@1.0.0-beta.11' ], [ 'shop@1.0.0-rc.1' ],
    [ 'shop@1.0.0', 'shop@1.0.0+build.7', 'shop@01.0.0', 'shop@1', 'shop@1.0' ],
    [ 'shop@1.0.1-0' ], [ 'shop@1.0.1' ], [ 'shop@1.2.0' ], [ 'shop@1.9.9' ], [ 'shop@1.10.0' ],
    [ 'shop@1.10.0.1' ], [ 'shop@2.0.0' ], [ 'shop@10.0.0' ], [ 'shop@99999999999999999999.0.0' ],
    [ 'shop@100000000000000000000.0.0-x' ],
);
my @pairs;
for my $i (0 .. $#ordered) {
    for my $j (0 .. $#ordered) {
        push @pairs, map { my $a = $_; map { [ $a, $_, $i <=> $j ] } @{ $ordered[$j] } } @{ $ordered[$i] };
    }
}
my $compared = join ', ', map { "('$_->[0]', '$_->[1]', $_->[2])" } @pairs;
is_deeply [ $t->sql("select a, b, wanted, errtrack_private.compare_releases(a, b)
    from (values $compared) as pairs (a, b, wanted)
    where errtrack_private.compare_releases(a, b) is distinct from wanted") ], [],
    'versions of one package are in the order of semantic versions, ' . @pairs . ' pairs';

my @apart = ([ 'shop@1.0.0', 'cart@1.0.0' ], [ '1.0.0', '2.0.0' ], [ 'shop@1.0.0', '1.0.0' ], [ 'shop@x', 'shop@1.0.0' ],
    [ 'shop@1.0.0', 'shop@123456789012' ], [ 'shop@1..2', 'shop@1.0.2' ], [ 'a1b2c3', 'd4e5f6' ], [ '', 'shop@1.0.0' ],
    [ 'shop@1.0.0 ', 'shop@1.0.0' ], [ "shop\@1.0.0'", 'shop@1.0.0' ]);
for my $pair (@apart) {
    is $t->sql_value('select errtrack_private.compare_releases($1, $2)', @$pair), undef, "\"$pair->[0]\" and \"$pair->[1]\" cannot be compared";
}

# ---- events -----------------------------------------------------------------------

my $count = 0;

# Files an event and returns the status of its issue then.
sub event {
    my ($message, $release) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue({ message => $message, (defined $release ? (release => $release) : ()) });
    $count++;
    eventually { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack.issues') == $count } 'an event of ' . ($release // 'no release') . ' is filed';
    return $t->sql_value('select status from errtrack.issues where title = $1', $message);
}

sub issue { return $t->sql_value('select issue_id from errtrack.issues where title = $1', $_[0]) }

event('semver', 'shop@1.9.0');
$t->errtrack(qw(issue resolve shop), issue('semver'), '--in-release', 'shop@1.10.0');
is event('semver', 'shop@1.9.0'), 'resolved', 'an older release does not reopen it';
is event('semver', 'shop@1.10.0-rc.1'), 'resolved', 'nor one that leads to it';
is event('semver', 'shop@1.10.0'), 'resolved', 'nor the release itself';
is event('semver', 'shop@1.10.0+other'), 'resolved', 'nor another build of it';
is event('semver'), 'resolved', 'nor none';
is event('semver', 'shop@1.11.0'), 'unresolved', 'a newer one does';
is $t->sql_value('select resolved_in from errtrack.issues where title = $1', 'semver'), undef, 'that is over then';
is $t->sql_value(q{select details ->> 'resolved_in' from errtrack.issue_history where what = 'regression'}), 'shop@1.10.0',
    'but for the history';

# By now 1.11.0 is there, and the older 1.9.1 comes after it.
event('semver', 'shop@1.9.1');
$t->errtrack(qw(issue resolve shop), issue('semver'), '--next-release');
is $t->sql_value('select resolved_in from errtrack.issues where title = $1', 'semver'), 'shop@1.11.0',
    'the next release is the one after the highest version';
is event('semver', 'shop@1.11.0'), 'resolved', 'the present one does not reopen it';
is event('semver', 'shop@1.10.9'), 'resolved', 'nor an older one that comes late';
is event('semver', 'shop@1.12.0'), 'unresolved', 'the next one does';

# Names say nothing: what came first is older.
event('names', $_) for qw(fox cat dog);
$t->errtrack(qw(issue resolve shop), issue('names'), '--in-release', 'cat');
is event('names', 'fox'), 'resolved', 'a release that was there before does not reopen it';
is event('names', 'cat'), 'resolved', 'nor the release itself';
is event('names', 'dog'), 'unresolved', 'one that came later does';
$t->errtrack(qw(issue resolve shop), issue('names'), '--next-release');
is event('names', 'dog'), 'resolved', 'the present one does not';
is event('names', 'ant'), 'unresolved', 'the next one does';

$t->errtrack(qw(issue resolve shop), issue('names'), '--in-release', 'owl');
is event('names', 'bee'), 'resolved', 'before a release is there none is newer than it';
is event('names', 'owl'), 'resolved', 'it comes';
is event('names', 'bee'), 'resolved', 'what was there before stays older';
is event('names', 'elk'), 'unresolved', 'what comes after it is newer';

ok !eval { $t->errtrack(qw(issue resolve shop), issue('names'), '--in-release', 'x', '--next-release'); 1 }, 'one or the other';

# (status, output, errors) of resolving an issue in a release.
my $resolve = sub {
    my ($release) = @_;
    return $t->command('errtrack', '--database', $t->postgres->conninfo('errtrack_admin'),
        qw(issue resolve shop), issue('names'), '--in-release', $release);
};
is_deeply [ $resolve->('yak') ],
    [ 0, 'issue ' . issue('names') . " is resolved\n", "errtrack: note: no event of shop has named release yak yet\n" ],
    'a release that is still to come is told apart from a wrong one';
is +($resolve->('elk'))[2], '', 'of one that is there nothing is said';
like join(' ', $resolve->('')), qr/^1  errtrack: --in-release: it is empty/, 'an empty one is none';
ok !eval { $t->errtrack(qw(issue ignore shop), issue('names'), '--until', ''); 1 }, 'nor is an empty time';

# A project knows only so many releases; the issue knows its own.
$t->errtrack(qw(limit set shop releases), $t->sql_value('select count(*) from errtrack.releases'));
event('beyond', 'shop@1.13.0');
is $t->sql_value('select count(*) from errtrack.releases where release = $1', 'shop@1.13.0'), 0, 'a release is beyond the limit';
$t->errtrack(qw(issue resolve shop), issue('beyond'), '--next-release');
is event('beyond', 'shop@1.13.0'), 'resolved', 'the next release is after it all the same';
is event('beyond', 'shop@1.14.0'), 'unresolved', 'a newer one reopens it';
event('semver', 'shop@1.9.0');
$t->errtrack(qw(issue resolve shop), issue('semver'), '--next-release');
is $t->sql_value('select resolved_in from errtrack.issues where title = $1', 'semver'), 'elk',
    'other issues go by what the project knows';
is +($resolve->('shop@1.14.0'))[2], '', 'whether an event named a release is not known then';
$t->errtrack(qw(limit set shop releases default));
my $other = $t->create_project('other', 'acme');
$t->queue({ message => 'no release' }, project => $other->{id});
$count++;
eventually { $t->sql_value('select coalesce(sum(event_count), 0) from errtrack.issues') == $count } 'a project without releases has an issue';
ok !eval { $t->errtrack(qw(issue resolve other), issue('no release'), '--next-release'); 1 }, 'that cannot be resolved in the next';
like $@, qr/no event of project \d+ named a release/, 'and says why';

$t->done;
