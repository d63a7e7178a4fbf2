# The functions for analysts: what they answer, how they take names of projects and issues,
# and that merged issues and deleted data are to them what they are to the API.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
$t->create_organization('rival');
$t->create_project('till', 'acme');
my $project = $t->project->{id};
my $ask = $t->create_report_user('ann');

# Rows as lines of words.
sub rows { my ($sql) = @_; return [ map { join ' ', map { $_ // 'null' } @$_ } $ask->($sql) ] }
sub refusal { my ($sql) = @_; return eval { $ask->($sql); 1 } ? '' : $@ }

# message, release, users: an event of each.
my $last;
for ([ first => 'shop@1.0.0', 1, 2, 2 ], [ second => 'shop@2.0.0', 1 ], [ third => 'shop@2.0.0', 3, 4, 5, 5 ]) {
    my ($message, $release, @users) = @$_;
    $t->store({ event_id => $last = random_hex(16), message => $message, level => $message eq 'second' ? 'warning' : 'error', release => $release,
        timestamp => time - ($message eq 'first' ? 60 : 0), user => { id => $_ } })->status == 200 or die "refused\n" for @users;
}
is $t->envelope([ sessions => { attrs => { release => 'shop@2.0.0' }, aggregates => [
    { started => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime), exited => 6, crashed => 2 } ] } ])->status, 200, 'sessions are taken';
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == 8 && $t->sql_value('select sum(started) from errtrack.release_health') == 8 }
    'everything is filed';
my %id = map { @$_ } $t->sql('select title, issue_id from errtrack.issues');
my %short = map { @$_ } $t->sql('select title, short_id from errtrack.issues');
my $period = "now() - interval '1 hour', now() + interval '1 minute'";

# ---- names -----------------------------------------------------------------------------

is_deeply rows("select errtrack.project_id('$_')"), [$project], "the project is named by $_" for $project, 'shop', 'acme/shop';
$t->create_project('shop', 'rival');
like refusal(q{select errtrack.project_id('shop')}), qr/ERROR:  several projects have the slug "shop": write acme\/shop or rival\/shop/,
    'not by a slug that several have';
like refusal("select errtrack.project_id('$_')"), qr/ERROR:  there is no project "\Q$_\E"/, "nor by $_" for 'none', 'acme/none', 'none/shop', 99, '';
is_deeply rows("select * from errtrack.find_issue('$_')"), ["$project $id{first}"], "an issue is named by $_"
    for $id{first}, $short{first}, lc $short{first};
like refusal("select * from errtrack.find_issue('$_')"), qr/ERROR:  there is no issue "\Q$_\E"/, "not by $_"
    for $short{first} =~ s/SHOP/TILL/r, 999_999, 'SHOP-', 'first';

# ---- answers ---------------------------------------------------------------------------

is_deeply rows("select title, events, short_id from errtrack.top_issues('acme/shop', $period)"),
    [ "third 4 $short{third}", "first 3 $short{first}", "second 1 $short{second}" ], 'the top issues of a period';
is_deeply rows("select title from errtrack.top_issues('acme/shop', $period, 1)"), ['third'], 'as many as wanted';
is_deeply rows(q{select title from errtrack.top_issues('acme/shop', now() - interval '3 days', now() - interval '2 days')}), [], 'of another period none';
is_deeply rows(q{select title, events, users from errtrack.new_issues('acme/shop', 'shop@2.0.0')}), [ 'third 4 3', 'second 1 1' ], 'what is new in a release';
is_deeply rows("select errtrack.users_affected('acme/shop', $period)"), [5], 'users of a project';
is_deeply rows("select errtrack.users_affected('acme/shop', $period, '$short{first}')"), [2], 'users of an issue';
like refusal("select errtrack.users_affected('till', $period, '$short{first}')"), qr/ERROR:  there is no issue "$short{first}" in project "till"/,
    'not of one of another project';
is_deeply rows("select release, events, errors, users, sessions, crashed, errors_per_1000_sessions, crash_free_percent
    from errtrack.error_rates('acme/shop', $period)"),
    [ 'shop@2.0.0 5 4 4 8 2 500 75', 'shop@1.0.0 3 3 2 0 0 null null' ], 'rates by release';
$t->sql('update errtrack_private.occurrences set request_id = $1 where event_id = $2', 'feed', $last);
is_deeply rows(q{select replace(event_id::text, '-', '') from errtrack.request_events('acme/shop', 'feed')}), [$last], 'an event by its request';
is_deeply rows(q{select event_id from errtrack.request_events('acme/shop', 'feed', now() - interval '2 hours')}), [], 'near a time';
is_deeply rows("select replace(event_id::text, '-', ''), issue_id from errtrack.issue_events('$short{third}', 1)"), ["$last $id{third}"],
    'the newest event of an issue';
is_deeply rows("select count(*) from errtrack.issue_events('$short{third}', null, (select max(received_at) from errtrack.occurrences))"), [3],
    'those before a time';

# ---- merged and deleted ------------------------------------------------------------------

$t->errtrack(qw(issue merge acme/shop), $id{third}, $id{first});
is_deeply rows("select title, events from errtrack.top_issues('acme/shop', $period)"), [ 'third 7', 'second 1' ], 'merged issues are one';
is_deeply rows("select issue_id from errtrack.find_issue('$short{first}')"), [ $id{third} ], 'the name of one leads to the other';
is_deeply rows(q{select title from errtrack.new_issues('acme/shop', 'shop@1.0.0')}), ['third'], 'which is as old as the older one';
is_deeply rows("select count(*) from errtrack.issue_events('$short{first}')"), [7], 'and has the events of both';
is_deeply rows("select sum(events), count(distinct issue_id) from errtrack.issue_days"), ['8 2'], 'as are its days';
is_deeply rows("select part_id, issue_id from errtrack.issue_parts where part_id <> issue_id"), ["$id{first} $id{third}"], 'a view tells of what parts it is';

is $t->api(DELETE => "/projects/$project")->status, 204, 'the data of the project is deleted';
is_deeply rows("select * from errtrack.$_"), [], "nothing is left: $_" for "top_issues('acme/shop', $period)", "new_issues('acme/shop', 'shop\@2.0.0')",
    "error_rates('acme/shop', $period)", "request_events('acme/shop', 'feed')";
is_deeply rows("select errtrack.users_affected('acme/shop', $period)"), [0], 'no users';
like refusal("select * from errtrack.issue_events('$short{third}')"), qr/ERROR:  there is no issue/, 'and no issue';

$t->done;
