# Keys: one made by any means works on the edge within seconds, one that is deleted
# stops working; also with plain SQL, and when Redis has lost everything.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => <<'CONF');
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 1m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location /errortracking/api/v1/ { errtrack_query; }
        location /api/v4/ { errtrack_query; }
    }
}
CONF

my $project = $t->{project};
my $status = sub { $t->envelope(key => $_[0])->status };
my $path = "/api/v4/projects/$project->{id}/error_tracking/client_keys";
my %auth = (headers => { 'PRIVATE-TOKEN' => $t->{token} });

is $status->($project->{public_key}), 200, 'the first key works';

my $made = $t->post($path, %auth);
is $made->status, 201, 'a key is made by the API';
my $key = $made->json->{public_key};
like $key, qr/\Aglet_[0-9a-f]{32}\z/, 'it looks like a key of GitLab';
eventually { $status->($key) == 200 } 'it works within 10 s', timeout => 10;

is $t->delete("$path/" . $made->json->{id}, %auth)->status, 200, 'it is deleted by the API';
eventually { $status->($key) == 403 } 'it stops working within 10 s', timeout => 10;
is $status->($project->{public_key}), 200, 'the other key still works';

$t->sql(q{insert into errtrack_private.client_keys (project_id, public_key) values ($1, 'plain_sql_key_0001')}, $project->{id});
eventually { $status->('plain_sql_key_0001') == 200 } 'a key made with plain SQL works within 10 s', timeout => 10;
$t->sql(q{update errtrack_private.client_keys set active = false where public_key = 'plain_sql_key_0001'});
eventually { $status->('plain_sql_key_0001') == 403 } 'a disabled key stops working within 10 s', timeout => 10;

my $other = $t->create_project('other', 'acme');
eventually { $t->envelope(project => $other)->status == 200 } 'the key of a new project works within 10 s', timeout => 10;
is $t->envelope(project => $other->{id}, key => $project->{public_key})->status, 403,
    'a key is no good for another project';

$t->redis('FLUSHALL');
is $status->($project->{public_key}), 200, 'keys go on working when Redis has lost them';
eventually { $t->redis('HGET', 'errtrack:keys', '#generation') } 'the worker writes them again';
is $t->store({ message => 'after the loss' })->status, 200, 'a report is taken';
eventually { $t->sql_value('select count(*) from errtrack_private.issues') == 1 } 'and filed';

$t->nginx->reload;
is $status->($project->{public_key}), 200, 'keys are there right after a reload';

$t->done;
