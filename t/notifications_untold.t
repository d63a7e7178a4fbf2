# What is beyond the cap of a channel or muted is told later: until then the channel shows how much
# it is, of which kinds, and when it is told.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
my $project = $t->{project}{id};
$t->sql(q(insert into errtrack_private.channels (project_id, id, name, kind, hourly_cap, settings) overriding system value
    values ($1, 7, 'ops', 'mail', 1, '{"to": ["ops@example.com"]}')), $project);
my $shown = sub { $t->sentry(GET => '/projects/acme/shop/channels/7/')->json };
my $listed = sub { $t->errtrack(qw(channel list shop), @_) };

is_deeply $shown->()->{untold}, [], 'at first there is nothing';
like $listed->(), qr/^ *7 .*  0  - /m, '... in the list neither';
my $tell = sub { my ($kind, $until) = @_;
    $t->sql(q(select errtrack_private.queue_notice($1, 7, jsonb_build_object('kind', $2::text), $3)), $project, $kind, $until) };
$tell->($_) for qw(behind new_issue new_issue regression);
$tell->('new_issue', '2999-01-31 06:00+00');
my ($cap, $mute) = @{ $shown->()->{untold} };
is_deeply [ @{$cap}{qw(reason messages byKind)} ], [ 'cap', 3, { new_issue => 2, regression => 1 } ], 'what is beyond the cap is shown';
is_deeply [ @{$mute}{qw(reason messages byKind dueAt)} ], [ 'mute', 1, { new_issue => 1 }, '2999-01-31T06:00:00.000Z' ], '... and what is muted, with when it is told';
is $cap->{dueAt}, $t->sql_value(q(select errtrack_private.rfc3339(window_from + interval '1 hour') from errtrack_private.channels)), 'what is beyond is told when the hour is over';
like $listed->(), qr/  3 beyond the cap \(2 new_issue, 1 regression\) at \d{4}-\S+ [\d:]+\+00, 1 muted \(1 new_issue\) at 2999-01-31 06:00:00\+00  /, 'the command lists both';
is_deeply $listed->('--json')->[0]{untold}, [ $cap, $mute ], '... in JSON as HTTP does';
is $t->sentry(PUT => '/projects/acme/shop/channels/7/', json => $shown->())->status, 200, 'what was answered may be sent back';

$t->done;
