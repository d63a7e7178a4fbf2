# What people do to issues with the command, what it shows, and the history that all of it
# leaves for people and analysts.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->{project}{id};

$t->store({ message => $_, level => 'warning', release => 'shop@1.0.0', user => { id => 7 } })->status == 200 or die "refused\n" for qw(first second);
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == 2 } 'two issues are there';
my ($first, $second) = map { $t->sql_value('select issue_id from errtrack.issues where title = $1', $_) } qw(first second);

sub steady {
    my ($text) = @_;
    $text =~ s/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00(?::00)?)?/<time>/g;
    $text =~ s/[0-9a-f]{32}/<id>/g;
    $text =~ s/ +/ /g;
    return $text;
}

# Passes when the command prints exactly this.
sub prints {
    my ($words, $output, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is steady($t->errtrack('issue', @$words)), $output, $label;
}

# Passes when the command is refused with this message.
sub refuses {
    my ($words, $message, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return like eval { $t->errtrack('issue', @$words); 1 } ? '' : $@, qr/: errtrack: \Q$message\E/, $label;
}

# ---- changes ------------------------------------------------------------------------

prints [ 'resolve', 'shop', $first, '--by', 'ann@example.com' ], "issue $first is resolved\n", 'an issue is resolved';
prints [ 'resolve', 'shop', $first, '--in-release', 'shop@2.0.0' ], "issue $first is resolved\n", 'in a release';
prints [ 'resolve', 'shop', $first, '--next-release' ], "issue $first is resolved\n", 'in the next one';
prints [ 'reopen', 'shop', $first ], "issue $first is unresolved\n", 'it is reopened';
prints [ 'reopen', 'shop', $first ], "issue $first is unresolved\n", 'again, which is no change';
prints [ 'ignore', 'shop', $first, '--until', '2100-01-01T00:00:00Z', '--events', 5, '--users', 3 ], "issue $first is ignored\n", 'it is ignored';
is $t->api(PUT => "/projects/$project/errors/$first", json => { status => 'unresolved' })->status, 200, 'over HTTP too it is reopened';
is $t->api(PUT => "/projects/$project/errors/$first", json => {})->status, 200, 'a change of nothing is none';
prints [ 'merge', 'shop', $first, $second ], "issue $second is merged into $first\n", 'another is merged into it';
prints [ 'unmerge', 'shop', $second ], "issue $second is apart from $first again\n", 'and taken out';

prints [ 'history', 'shop', $first ], <<"TABLE", 'the history has all of it';
at what who details
<time> new - {"release": "shop\@1.0.0", "event_id": "<id>"}
<time> resolved ann\@example.com -
<time> resolved errtrack_admin {"in_release": "shop\@2.0.0"}
<time> resolved errtrack_admin {"after_release": "shop\@1.0.0"}
<time> reopened errtrack_admin -
<time> ignored errtrack_admin {"until": "<time>", "users": 3, "events": 5}
<time> unignored admin\@example.com -
<time> merged errtrack_admin {"issues": [$second]}
<time> unmerged errtrack_admin {"issues": [$second]}
TABLE
my $entries = $t->errtrack(qw(issue history shop), $first, '--json');
is_deeply $entries->[5]{details}{users}, 3, 'in JSON the details are too';

# ---- showing ------------------------------------------------------------------------

my $record = $t->errtrack(qw(issue show shop), $first, '--json');
is_deeply [ @$record{qw(id status events users title level first_release hashes merged_into)} ],
    [ $first, 'unresolved', 1, 1, 'first', 'warning', 'shop@1.0.0', 1, undef ], 'an issue is shown';
is $t->errtrack(qw(issue show shop), 'shop-' . $first, '--json')->{id}, $first, 'an issue can be named as people call it';
is $record->{short_id}, "SHOP-$first", '... and so it is shown';
like $t->errtrack(qw(issue show shop), $first), qr/^status +unresolved$/m, 'for people too';
prints [ 'list', 'shop' ], <<"TABLE", 'issues are listed';
id short_id status events users first_seen last_seen title
 $second SHOP-$second unresolved 1 1 <time> <time> second
 $first SHOP-$first unresolved 1 1 <time> <time> first
TABLE
prints [ 'resolve', 'shop', "SHOP-$first" ], "issue SHOP-$first is resolved\n", 'what is done is said of what was named';
is_deeply [ map { $_->{id} } @{ $t->errtrack(qw(issue list shop --status resolved --json)) } ], [$first], 'by status';
is scalar @{ $t->errtrack(qw(issue list shop --most 1 --json)) }, 1, 'as many as wanted';
$t->errtrack(qw(issue merge shop), $first, $second);
is_deeply [ map { $_->{id} } @{ $t->errtrack(qw(issue list shop --json)) } ], [$first], 'merged ones are not listed';
is $t->errtrack(qw(issue show shop), $second, '--json')->{merged_into}, $first, 'but say where they are';
$t->errtrack(qw(issue unmerge shop), $second);

# ---- refusals -----------------------------------------------------------------------

refuses [ 'resolve', 'shop', 999 ], 'there is no issue 999', 'an issue that is not there';
refuses [ 'show', 'shop', 999 ], 'there is no issue 999', 'is not shown either';
refuses [ $_, 'shop', 999 ], 'there is no issue 999', "nor is its $_" for qw(history hashes);
my $foreign = "FOO-$first";
refuses [ $_->[0], 'shop', @$_[ 1 .. $#$_ ] ], "$foreign is no issue of project shop, whose short ids are like SHOP-1A", "a short id of another project: $_->[0]"
    for ( map { [ $_, $foreign ] } qw(show history hashes similar resolve ignore reopen unmerge) ), [ merge => $foreign, $second ], [ merge => $second, $foreign ],
    [ split => $foreign, 'a' x 32 ];
is $t->errtrack(qw(issue show shop), $first, '--json')->{status}, 'resolved', '... and nothing is done';
refuses [ 'show', 'shop', 'SHOP-ZZ' ], 'there is no issue SHOP-ZZ', 'one that is not there is quoted';
refuses [ 'resolve', 'none', 1 ], 'there is no project "none"', 'nor one of a project that is not there';
refuses [ 'unmerge', 'shop', $first ], "issue $first is not merged into another one", 'what is not merged cannot be unmerged';
refuses [ 'merge', 'shop', $first, $first ], "issue $first cannot be merged into itself", 'nothing is merged into itself';
refuses [ 'ignore', 'shop', $first, '--until', '2001-01-01' ], '2001-01-01 00:00:00+00 is in the past', 'a time that is over';

$t->errtrack(qw(issue merge shop), $first, $second);
refuses [ @$_[ 0, 1 ], $second, @$_[ 2 .. $#$_ ] ],
    qq(issue $second is merged into $first: name that one, or take it out with "errtrack issue unmerge"), "a merged issue: $_->[0]"
    for map { [ $_->[0], 'shop', @$_[ 1 .. $#$_ ] ] } ['resolve'], ['ignore'], ['reopen'], ['hashes'], ['similar'],
    [ merge => $first ], [ split => 'a' x 32 ];
refuses [ 'merge', 'shop', $first, $second ], "issue $second is merged into $first: ", 'it is not merged twice';
like $t->errtrack(qw(issue history shop), $second), qr/merged_away/, 'but its history is shown';
$t->errtrack(qw(issue unmerge shop), $second);

# ---- analysts -----------------------------------------------------------------------

$t->sql('create role ann login; grant errtrack_report to ann');
my $as_ann = sub { $t->sql_value("set role ann; $_[0]") };
is $as_ann->('select count(*) from errtrack.issue_history where what = $$resolved$$'), 4, 'an analyst reads the history';
is $as_ann->('select count(*) from errtrack.releases'), 1, 'and the releases';
ok !eval { $as_ann->('select count(*) from errtrack_private.outbox'); 1 }, 'but not the outbox';
is_deeply [ $t->sql(q{select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid
    where c.oid = any (array['errtrack.issue_history', 'errtrack.issue_tags']::regclass[]) and a.attnum > 0
      and a.attname not in ('project_id', 'issue_id', 'first_received_at', 'last_received_at') and col_description(a.attrelid, a.attnum) is null}) ], [],
    'every column that needs it has a comment';

is $t->api(DELETE => "/projects/$project")->status, 204, 'the data of the project is deleted';
is $as_ann->('select count(*) from errtrack.issue_history'), 0, 'the history goes with it';
is join(' ', map { $t->sql_value("select count(*) from errtrack_private.$_") } qw(issue_history outbox releases environments tag_keys tag_counts counts_1h)),
    '0 0 0 0 0 0 0', 'and everything else';

$t->done;
