# A message that sums up others leads to the list of the issues that it is about.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
my $receiver = $t->add_receiver(['hook'], hourly_cap => 1);
$t->start_worker(args => [ $t->notifying, '--public-url', 'https://errors.example.com' ]);

my $hours_ago = time - 3 * 3600;
$t->queue({ message => 'before', timestamp => $hours_ago }, at => $hours_ago * 1_000_000);
eventually { $receiver->requests('/hook') == 1 } 'one message is sent';
$t->queue({ message => "error $_" }) for qw(a b);
eventually { ($t->sql_value('select messages from errtrack_private.digests') // 0) == 2 } 'the others are beyond the cap';
$t->sql('update errtrack_private.digests set due_at = now()');
eventually { $receiver->requests('/hook') == 2 } 'they are told in one';

my $digest = ($receiver->messages('/hook'))[1];
my ($query) = ($digest->{links}{issues} // '') =~ m{^https://errors\.example\.com/acme/shop/issues/\?query=([^&]+)$};
ok $query, '... which has a link' or diag explain $digest->{links};
my $found = sub { [ sort map { $_->{title} } @{ $t->sentry(GET => "/projects/acme/shop/issues/?query=$_[0]")->json } ] };
is_deeply $found->($query), [ 'error a', 'error b' ], '... to the issues that it is about';

$t->errtrack(qw(issue resolve shop), $t->sql_value('select issue_id from errtrack.issues where title = $1', 'before'));
$t->queue({ message => 'before' });
eventually { ($t->sql_value('select messages from errtrack_private.digests') // 0) == 1 } 'one that is back is counted as well';
$t->sql('update errtrack_private.digests set due_at = now()');
eventually { $receiver->requests('/hook') == 3 } '... and told';
($query) = ($receiver->messages('/hook'))[2]{links}{issues} =~ /query=([^&]+)$/;
ok scalar(grep { $_ eq 'before' } @{ $found->($query) }), '... with a link to it';

$t->sql(q(select errtrack_private.queue_digest(c, '{"kind": "behind"}', now(), false) from errtrack_private.channels c));
eventually { $receiver->requests('/hook') == 4 } 'one that is about no issue';
is_deeply +($receiver->messages('/hook'))[3]{links}, {}, '... leads nowhere';

$t->done;
