# What no single event tells is looked for in the projects in which it could be, piece by piece:
# who is told of what, that it is told once, and that what fails
# or takes long keeps no other from it.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql(<<'SQL');
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme');
insert into errtrack_private.projects (id, organization_id, slug, name) select n, 10, 'p' || n, 'P' from generate_series(1, 9) as n;
insert into errtrack_private.channels (project_id, name, kind, enabled) select n, 'mail', 'mail', n <> 6 from generate_series(1, 8) as n;
insert into errtrack_private.issues
       (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at, status)
select p, p * 10, 'error', 'Type', '', 'Type', '', '', 'error', 'python', '', 200, 0, now() - interval '9 days', at, at,
       case p when 3 then 'resolved' else 'unresolved' end
from generate_series(1, 9) as p
cross join lateral (select now() - case p when 2 then interval '2 days' else interval '0' end as at) as s;
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
select project_id, id, id, first_seen, last_seen from errtrack_private.issues;
insert into errtrack_private.counts_5m (project_id, origin_id, bucket, events)
select project_id, id, date_bin('5 minutes', now(), 'epoch'), case project_id when 4 then 99 else 200 end
from errtrack_private.issues where project_id <> 5;
insert into errtrack_private.requests (project_id, hour, reason, requests)
select p, date_trunc('hour', now(), 'UTC') + later, 'rate_limited', 7
from unnest(array[2, 5, 6]) as p, unnest(array[interval '0', interval '1 hour']) as later;
SQL

# project:kind of what is told, by a look at all of them.
sub told {
    my ($behind, $most, $pieces) = @_;
    my ($after, $calls) = (0, 0);
    while (my ($row) = $t->sql('select last_project from errtrack_private.watch_alerts($1, $2, $3) where last_project is not null', $behind, $after, $most)) {
        $after = $row->[0];
        $calls++;
    }
    is $calls, $pieces, "... in $pieces pieces" if defined $pieces;
    return join ' ', map { "$_->[0]:$_->[1]" } sort { $a->[0] <=> $b->[0] || $a->[1] cmp $b->[1] }
        $t->sql('delete from errtrack_private.outbox returning project_id, kind');
}

is told(0, 2, 3), '1:spike 2:quota_reached 5:quota_reached 7:spike 8:spike', 'projects are told what is so, and others nothing';
is told(0, 50, 1), '', 'once';
$t->sql(q{update errtrack_private.alert_marks set told_at = now() - interval '2 days' where project_id = 7});
is told(0, 50), '7:spike', 'and again after its time';

is told(599, 50), '', 'nothing is behind before ten minutes';
$t->sql(q{insert into errtrack_private.alert_rules (project_id, name, kind, minutes) values (1, 'soon', 'behind', 5), (8, 'late', 'behind', 20)});
is told(300, 50), '1:behind', '... but for who wants to know it sooner';
is told(600, 2, 4), join(' ', map { "$_:behind" } 2 .. 5, 7), 'after ten all are told that have a channel, whatever happens in them';
is told(1200, 50), '8:behind', '... and who wants to know it later';
is told(1200, 50), '', '... once';

$t->sql(q{delete from errtrack_private.alert_rules});
$t->sql(q{delete from errtrack_private.alert_marks});
$t->sql(q{insert into errtrack_private.alert_rules (project_id, name, kind, events, minutes) values (7, 'often', 'frequency', 1, 60), (7, 'spike', 'spike', null, null)});
$t->sql(q{alter function errtrack_private.watch_frequency rename to watch_away});
my ($problem) = map { $_->[0] } $t->sql('select problem from errtrack_private.watch_alerts(0, 5, 50)');
like $problem, qr/^rule \d+ of project 7: function errtrack_private.watch_frequency\(.*\) does not exist$/, 'a rule that cannot be looked at is named';
is join(' ', map { $_->[0] } $t->sql('select project_id from errtrack_private.outbox order by 1')), '7 8', '... and keeps no other from it';

# Two projects take the two seconds that a look may take: the worker tells people, and goes on behind them.
$t->sql(q{create or replace function errtrack_private.watch_spikes(rule errtrack_private.alert_rules) returns void
    language sql volatile as 'select pg_sleep(1.1)'});
$t->sql(q{delete from errtrack_private.alert_rules});
told(0, 50, 3);

$t->done;
