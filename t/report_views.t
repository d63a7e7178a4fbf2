# An analyst's login: a member of errtrack_report reads the views, and nothing else.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->{project}{id};

is $t->store({ message => 'seen by an analyst', release => '1.0', environment => 'production',
    user => { id => 5 } })->status, 200, 'a report is taken';
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == 1 } 'and filed';

$t->sql('create role ann login; grant errtrack_report to ann');
my $as_ann = sub { $t->sql("set role ann; $_[0]") };

is_deeply [$as_ann->("select slug, organization from errtrack.projects where project_id = $project")],
    [['shop', 'acme']], 'the project is there';
is_deeply [$as_ann->('select title, status, event_count, user_count from errtrack.issues')],
    [['seen by an analyst', 'unresolved', 1, 1]], 'the issue is there';
is_deeply [$as_ann->(q{select i.title, o.release, o.environment from errtrack.occurrences o
    join errtrack.issues i using (project_id, issue_id) where o.received_at >= now() - interval '1 day'})],
    [['seen by an analyst', '1.0', 'production']], 'occurrences join with issues';
is $t->envelope([ attachment => 'bytes', filename => 'a.txt' ])->status, 200, 'a file is taken';
eventually { $t->sql_value('select count(*) from errtrack.attachments') == 1 } 'and stored';
is_deeply [$as_ann->('select name, attachment_type, size from errtrack.attachments')], [[ 'a.txt', 'event.attachment', 5 ]],
    'an analyst sees that it is there';

for my $table (qw(tokens users payloads attachments client_keys issues)) {
    ok !eval { $as_ann->("select count(*) from errtrack_private.$table"); 1 }, "$table cannot be read";
}
ok !eval { $as_ann->('delete from errtrack.issues'); 1 }, 'a view cannot be written';

is $t->sql_value(q{select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'errtrack' and c.relkind = 'v' and obj_description(c.oid) is null}), 0,
    'every view has a comment';
# What says no more than its name.
is_deeply [ map { $_->[0] } $t->sql(q{select c.relname || '.' || a.attname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
    where n.nspname = 'errtrack' and c.relname in ('client_reports', 'feedback', 'transactions', 'release_health', 'release_users',
        'monitors', 'check_ins', 'issues', 'occurrences', 'attachments', 'grouping_hashes')
      and a.attname not in ('project_id', 'name', 'email', 'message', 'url', 'release', 'environment', 'slug', 'check_in_id',
        'title', 'level', 'platform', 'logger', 'first_release', 'last_release', 'event_id', 'transaction', 'hash', 'algorithm')
      and (a.attname <> 'issue_id' or c.relname = 'occurrences')
      and col_description(c.oid, a.attnum) is null}) ], [], 'what needs a comment has one';
is_deeply [ map { $as_ann->("select count(*) from errtrack.$_") } qw(client_reports feedback transactions release_health release_users
    monitors check_ins) ], [ map { [0] } 1 .. 7 ], 'an analyst reads them';

is $t->api(DELETE => "/projects/$project")->status, 204, 'the data of the project is deleted';
is_deeply [$as_ann->('select count(*) from errtrack.issues')], [[0]], 'its issues are gone from the views';
is_deeply [$as_ann->('select count(*) from errtrack.occurrences')], [[0]], 'and its occurrences';
is_deeply [$as_ann->('select count(*) from errtrack.attachments')], [[0]], 'and its files';

$t->done;
