# A project whose rules take longer than all others together keeps nobody waiting, and is told
# itself.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->new;
$t->start_postgres;
$t->create_organization('acme');
my ($costly, @others) = map { $t->create_project($_, 'acme')->{id} } qw(costly one two three);
$t->sql(q(insert into errtrack_private.channels (project_id, name, kind, hourly_cap)
    select p, 'team', 'mail', 10000 from unnest($1::bigint[]) p), '{' . join(',', $costly, @others) . '}');
$t->sql(<<'SQL', $costly);
insert into errtrack_private.issues
       (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at, status)
select $1, 1000, 'error', 'Type', '', 'Type', 'Type', '', 'error', 'python', '', 200, 0, now(), now(), now(), 'unresolved'
SQL
$t->sql(q(insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
    select project_id, id, id, first_seen, last_seen from errtrack_private.issues));
# No pattern is like any value, and each looks through all of it.
$t->sql(q(insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
    select $1, 1000, 'customer', repeat('ab', 95) || n, 1, now(), now() from generate_series(1, 1000) n), $costly);
$t->sql(q(insert into errtrack_private.alert_rules (project_id, name, kind, tags)
    select $1, 'rule ' || n, 'new_issue', jsonb_build_object('customer', (select jsonb_agg('*a' || n || '*b' || m || '*') from generate_series(1, 50) m))
    from generate_series(1, 100) n), $costly);
$t->sql(q(insert into errtrack_private.outbox (project_id, issue_id, kind) select $1, 1000, 'new_issue' from generate_series(1, 1000)), $costly);
$t->sql(q(insert into errtrack_private.outbox (project_id, kind) select p, 'quota_reached' from unnest($1::bigint[]) p, generate_series(1, 10)),
    '{' . join(',', @others) . '}');

my $told = sub { $t->sql_value('select count(*) from errtrack_private.notifications where project_id = $1', $_[0]) };
my $calls = 0;
eventually {
    $calls++;
    $t->sql('select errtrack_private.plan_notifications(200)');
    !grep { $told->($_) < 10 } @others;
} 'those that have little to tell are done', timeout => 120;
cmp_ok $calls, '<=', 20, 'soon, though the other has told next to nothing by then';
eventually { $t->sql('select errtrack_private.plan_notifications(200)'); $told->($costly) > 0 } 'who asks for so much is told, too', timeout => 120;

$t->done;
