# With a project, and a time where there is one, each view is answered by indexes and from
# the days that are asked for, also for a login whose projects are looked up; and an order of
# issues is one of their indexes.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $project = $t->project->{id};
my %as = (tied => $t->create_report_user('ann', '--project', 'shop'), 'not tied' => $t->create_report_user('bob'));

# The nodes of the plan of a query that read a table or an index, as they were executed; those
# that were not, of partitions, once. Tables here are small, so the planner is told to take an
# index wherever one would do.
sub explained {
    my ($as, $query) = @_;
    my ($row) = $as->(<<"SQL");
set enable_seqscan = off;
set enable_sort = off;
set jit = off;
do \$do\$
declare
    plan jsonb;
begin
    execute \$q\$explain (format json, analyze, timing off) $query\$q\$ into plan;
    perform set_config('plan.nodes', (
        select jsonb_agg(distinct jsonb_build_object(
            'type', n.node ->> 'Node Type',
            'cond', regexp_replace(coalesce(n.node ->> 'Index Cond', n.node ->> 'Recheck Cond', ''), '_[0-9]+\\M', '', 'g'),
            'table', case when n.node -> 'Actual Loops' = '0' then regexp_replace(n.node ->> 'Relation Name', '_([0-9]{8}|default)\$', '')
                          else n.node ->> 'Relation Name' end,
            'loops', n.node -> 'Actual Loops'))
        from jsonb_path_query(plan, 'strict \$.**') as n (node)
        where jsonb_typeof(n.node) = 'object' and n.node ?| array['Relation Name', 'Index Cond', 'Sort Key'])::text, false);
end
\$do\$;
select current_setting('plan.nodes');
SQL
    return @{ JSON::PP->new->decode($row->[0]) };
}

# What is looked up by its name: small, or asked once.
my $small = qr/^(?:organizations|projects|users)\z/;

# Names of what is read otherwise than by a condition on an index that begins with the project.
sub unindexed {
    my (@nodes) = @_;
    return map { "$_->{type} of $_->{table}" } grep { $_->{cond} !~ /project_id =/ }
        grep { defined $_->{table} && $_->{table} !~ $small } @nodes;
}

my %day = map { $_ => 1 } map { $_->[0] } $t->sql(q{select to_char(d, 'YYYYMMDD')
    from (values (now() at time zone 'UTC'), (now() at time zone 'UTC' - interval '1 hour')) as v (d)});
# Of these each row belongs to a day, and is to be asked for by time.
my %time = (occurrences => 'received_at', payloads => 'received_at', attachments => 'received_at', issue_hours => 'hour', outcomes => 'hour',
    requests => 'hour', transactions => 'hour', release_health => 'hour', client_reports => 'hour', release_users => 'day');

for my $view (map { $_->[0] } $t->sql(q{select c.relname from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attname = 'project_id'
    where c.relnamespace = 'errtrack'::regnamespace and c.relkind = 'v' order by 1}))
{
    # Compared with their own type, as an index is.
    my $of_type = $view eq 'release_users' ? '::date' : '';
    my $since = $time{$view} ? "and $time{$view} >= (now() - interval '1 hour')$of_type and $time{$view} <= now()$of_type" : '';
    for my $who ('tied', $view =~ /^(?:issues|occurrences)\z/ ? 'not tied' : ()) {
        my @nodes = explained($as{$who}, "select * from errtrack.$view where project_id = $project $since");
        is_deeply [ unindexed(@nodes) ], [], "$view is read by its indexes ($who)";
        my @days = grep { /_(\d{8})$/ && !$day{$1} } map { $_->{table} // '' } grep { $_->{loops} } @nodes;
        is_deeply \@days, [], 'and of no other day' if $since;
        like join(' ', map { $_->{cond} } @nodes), qr/>= \(*now\(\)/, 'by time' if $since && $view !~ /^(?:payloads|attachments)\z/;
    }
}

for my $order (qw(last_seen first_seen event_count user_count)) {
    for my $who (sort keys %as) {
        my @nodes = explained($as{$who}, "select * from errtrack.issues where project_id = $project and status = 'unresolved' order by $order desc limit 20");
        is_deeply [ grep { /Sort/ } map { $_->{type} } @nodes ], [], "issues by $order are in the order of an index ($who)";
    }
}

# Conditions that people add are answered by an index too, if they can tell nobody of other rows.
for my $query ("select * from errtrack.occurrences where project_id = $project and issue_id = 1 and received_at >= now() - interval '1 day'",
    "select * from errtrack.issue_hours where project_id = $project and issue_id = 1",
    "select * from errtrack.issue_tags where project_id = $project and issue_id = 1",
    "select * from errtrack.issue_users where project_id = $project and issue_id = 1",
    "select * from errtrack.tags where project_id = $project and key = 'browser'",
    "select * from errtrack.issue_parts where project_id = $project and first_release = 'shop\@1.0.0'",
    "select * from errtrack.payloads where project_id = $project and event_id = '5d41402a-bc4b-2a76-b971-9d911017c592' and received_at = now()",
    "select * from errtrack.check_ins where project_id = $project and slug = 'backup' and environment = 'production'")
{
    my @named = $query =~ /\b(?!project_id)(\w+) >?= '?[\w(]/g;
    my @nodes = explained($as{tied}, $query);
    my $conditions = join ' ', map { $_->{cond} } @nodes;
    is_deeply [ unindexed(@nodes) ], [], "by indexes: $query";
    like $conditions, qr/\b\Q$_\E\b/, "with $_" for @named;
}

# What decides about rows does not mislead the planner, left to itself and with something to read.
$t->sql(q{insert into errtrack_private.issues
        (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger, event_count, user_count,
         first_seen, last_seen, last_received_at)
    select $1::bigint, n, 'unresolved', 'error', 'Error', 'value', 'title', 'title', 'culprit', 'error', 'other', '', 1, 1,
           now(), now() - n * interval '1 minute', now()
    from generate_series(1, 20000) as n;
    insert into errtrack_private.origins (project_id, id, issue_id, event_count, first_seen, last_seen)
    select i.project_id, i.id, i.id, 1, i.first_seen, i.last_seen from errtrack_private.issues i;
    analyze errtrack_private.issues, errtrack_private.origins}, $project);
for my $who (sort keys %as) {
    my $plan = join "\n", map { $_->[0] } $as{$who}->("explain select * from errtrack.issues
        where project_id = $project and status = 'unresolved' order by last_seen desc limit 20");
    like $plan, qr/Index Scan using issues_project_id_status_last_seen_idx on issues/, "the newest of many issues are the first of an index ($who)";
    unlike $plan, qr/Sort/, 'and are not sorted';
    my ($rows) = map { $_->[0] =~ /issues i .*\brows=(\d+)/ ? $1 : () } $as{$who}->("explain select * from errtrack.issues where project_id = $project");
    cmp_ok $rows, '>', 5000, 'of which the planner knows that they are many';
}

$t->done;
