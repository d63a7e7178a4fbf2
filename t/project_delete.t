# A project is deleted over HTTP: nobody sees it from then on, nothing is taken for it, its slug
# is free, and all of it is gone when its last events are past the retention.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $project = $t->project;
my $id = $project->{id};
my ($bound) = $t->errtrack(qw(token create --user admin@example.com --project acme/shop)) =~ /(ett_\w+)/ or die "no token\n";
$t->create_project('blog', 'acme');
$t->errtrack(qw(channel add shop mail team --to ann@a.example));
$t->errtrack(qw(alert add shop new_issue));
$t->errtrack(qw(limit set shop bodies 5));
eventually {
    $t->store({ message => 'x' });
    $t->sql_value('select count(*) from errtrack.issues where project_id = $1', $id) == 1
} 'a project has an issue';
my $issue = $t->sql_value('select issue_id from errtrack.issues where project_id = $1', $id);

is $t->sentry('DELETE', '/projects/acme/shop/', token => $bound)->status, 403, 'a token for one project cannot delete it';
is $t->sentry('GET', '/projects/acme/shop/')->status, 200, '... and it is there';
my $answer = $t->sentry('DELETE', '/projects/acme/shop/');
is $answer->status, 204, 'it is deleted' or diag $answer->content;

# ---- nobody sees it ------------------------------------------------------------------

is $t->sentry($_->[0], $_->[1])->status, 404, "$_->[0] $_->[1] is answered 404"
    for [ GET => '/projects/acme/shop/' ], [ GET => "/projects/acme/$id/" ], [ GET => "/issues/$issue/" ], [ DELETE => '/projects/acme/shop/' ], [ DELETE => "/projects/acme/$id/" ];
is_deeply [ map { $_->{slug} } @{ $t->sentry('GET', $_)->json } ], ['blog'], "$_ lists the others" for '/projects/', '/organizations/acme/projects/';
is $t->get("/errortracking/api/v1/projects/$id/errors", headers => { 'Gitlab-Error-Tracking-Token' => $t->{token} })->content, '[]', 'GitLab lists nothing of it';
is $t->sentry('GET', '/projects/', token => $bound)->status, 401, 'its token is revoked';
is_deeply [ map { $_->{slug} } @{ $t->errtrack(qw(project list --json)) } ], ['blog'], 'the command lists the others';
ok !eval { $t->errtrack('issue', 'list', $id); 1 }, '... and does not know it by its number';
is $t->sql_value("select count(*) from errtrack.$_ where project_id = \$1", $id), 0, "errtrack.$_ has nothing of it" for qw(projects issues occurrences);
is $t->sql_value("select count(*) from errtrack_private.$_ where project_id = \$1", $id), 0, "no $_ are left" for qw(client_keys channels alert_rules hashes issues);
eventually { $t->store({ message => 'x' }, project => $project)->status == 403 } 'its keys let nothing in';

# ---- its name is free, its number is not ---------------------------------------------

my $again = $t->sentry('POST', '/organizations/acme/projects/', json => { name => 'Shop', slug => 'shop' });
is $again->status, 201, 'there may be another project of its name';
isnt $again->json->{id}, $id, '... with another number';
ok !eval { $t->errtrack(qw(project create third --org acme --id), $id); 1 }, 'its own number is not free yet';
like $@, qr/id $id is taken by another project/, '... and that is said';
is $t->sentry('GET', '/projects/acme/shop/issues/?query=')->content, '[]', 'the new one has nothing of it';

# ---- in the end ------------------------------------------------------------------------

sub rows { return $t->sql_value('select count(*) from errtrack_private.projects where id = $1', $id) }
$t->sql(q(update errtrack_private.projects set deleted_at = now() - interval '90 days' where id = $1), $id);
$t->sql('select errtrack_private.sweep(90)');
is rows(), 1, 'it stays while partitions may have rows of it';
$t->sql(q(update errtrack_private.projects set deleted_at = now() - interval '92 days' where id = $1), $id);
$t->sql('select errtrack_private.sweep(90)');
is rows(), 0, 'and then it is gone';
is $t->sql_value('select count(*) from errtrack_private.limits where project_id = $1', $id), 0, '... with its limits';
is_deeply [ $t->sql(q(select who, details ->> 'slug' from errtrack_private.audit where action = 'project.delete')) ], [ [ 'admin@example.com', 'shop' ] ],
    'the audit goes on telling of it';

$t->done;
