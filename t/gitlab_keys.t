# Client keys that live in a GitLab: a report with a key that nobody here knows is taken,
# waits until GitLab has been asked, and is filed or discarded. Another errtrack stands where
# GitLab would, since it answers the same question.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(random_hex write_file);

my $gitlab = ErrTrack->stack(redis => { appendonly => 'no' });
my $secret = 'secret-' . random_hex(16);
$gitlab->sql('insert into errtrack_private.tokens (hash, kind, scopes) values (sha256(convert_to($1, \'UTF8\')), \'gitlab\', \'{project:read}\')', $secret);
my $app = $gitlab->create_project('app', 'acme', '--id', 4242);
my $web = $gitlab->create_project('web', 'acme', '--id', 4243);

my $t = ErrTrack->stack(
    redis  => { appendonly => 'no' },
    worker => 0,
    nginx  => <<'CONF',
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/ {
            client_max_body_size 0;
            errtrack_unverified on;
            errtrack_ingest;
        }
        location ^~ /refused/ {
            client_max_body_size 0;
            errtrack_ingest;
        }
    }
}
CONF
);
write_file("$t->{dir}/token", "$secret\n");
$t->start_worker(args => [ '--gitlab', $gitlab->url('/'), '--gitlab-token-file', "$t->{dir}/token" ]);
$t->wait_for_key;
eventually { $t->worker->log_text =~ /GitLab answers questions about client keys/ } 'the worker asks once when it starts, and tells that it works';

my $titles = sub {
    return join ', ', map { $_->[0] } $t->sql('select i.title from errtrack_private.issues i where i.project_id = $1 order by 1', $_[0]{id});
};
my $waiting = sub { $t->sql_value('select count(*) from errtrack_private.waiting_requests') };
my $discarded = sub {
    $t->sql_value(q{select coalesce(sum(quantity), 0) from errtrack_private.outcomes
        where project_id = 0 and outcome = 'discarded' and reason = 'unverified'});
};
my $active = sub { $t->sql_value('select active from errtrack_private.client_keys where public_key = $1', $_[0]{public_key}) };
# As if GitLab had been asked that long ago.
my $age = sub { $t->sql("update errtrack_private.gitlab_keys set asked_at = asked_at - interval '2 minutes'") };

# ---- a key of GitLab ---------------------------------------------------------------

my $new = $t->store({ message => 'first of app' }, project => $app);
is $new->status, 200, 'a report with a key that is not known here is taken';
eventually { $titles->($app) eq 'first of app' } 'and filed, once GitLab has vouched for the key';
is $t->sql_value(q{select replace(event_id::text, '-', '') from errtrack.occurrences where project_id = 4242}), $new->json->{id},
    'under the id that was answered';
is_deeply [ $t->sql(q{select o.slug, p.slug, p.name from errtrack_private.projects p
    join errtrack_private.organizations o on o.id = p.organization_id where p.id = 4242}) ],
    [ [ 'gitlab', 'project-4242', 'Project 4242' ] ], 'its project is there, with the id that it has in GitLab';
is $active->($app), 't', 'the key is a client key now';
eventually { $t->store({ message => 'known' }, project => $app, prefix => '/refused')->status == 200 }
    'which the edge knows where it takes no others, too';

# ---- keys of nobody ----------------------------------------------------------------

my $before = $discarded->();
is $t->store({ message => 'no key' }, project => $app, key => 'f' x 32)->status, 200, 'a report with a key of nobody is taken, too';
is $t->store({ message => 'no project' }, project => { id => 777, public_key => 'e' x 32 })->status, 200, 'so is one for a project of nobody';
is $t->store({ message => 'another project' }, project => { %$app, id => $t->project->{id} })->status, 403,
    'a known key is for its own project';
eventually { $discarded->() == $before + 2 } 'they are discarded, for no project';
is $t->sql_value('select count(*) from errtrack_private.projects where id = 777'), 0, 'and nothing is made for them';
is $t->store({ message => 'no key' }, project => $app, key => 'f' x 32, prefix => '/refused')->status, 403,
    'elsewhere such a key is refused';

# ---- another project of the same number ------------------------------------------------

my $same = $gitlab->errtrack(qw(key create shop --label same --json))->{key};
is $gitlab->project->{id}, $t->project->{id}, 'GitLab has a project with the number of one that was made here';
$before = $discarded->();
is $t->store({ message => 'of another shop' }, key => $same)->status, 200, 'a report with a key of it is taken';
eventually { $discarded->() == $before + 1 } 'and discarded, though GitLab vouches for the key';
is $titles->($t->project), '', 'it is not filed for the project that is here';
like $t->worker->log_text, qr/GitLab vouches for a key of its project \d+, but the project of that id here is another one/, 'which the log tells';
$t->sql('update errtrack_private.projects set gitlab = true where id = $1', $t->project->{id});
$age->();
$t->store({ message => 'of the same shop' }, key => $same);
eventually { $titles->($t->project) eq 'of the same shop' } 'a project that is said to be GitLab\'s takes them';

# ---- GitLab changes its mind --------------------------------------------------------

$gitlab->sql('update errtrack_private.client_keys set active = false where public_key = $1', $app->{public_key});
$age->();
eventually { $active->($app) eq 'f' } 'a key that GitLab disables is disabled here when it is asked again';
eventually { $t->store({ message => 'known' }, project => $app, prefix => '/refused')->status == 403 } 'and the edge knows it no more';
$gitlab->sql('update errtrack_private.client_keys set active = true where public_key = $1', $app->{public_key});
$age->();
$t->store({ message => 'enabled again' }, project => $app);
eventually { $titles->($app) =~ /enabled again/ } 'a report with it has GitLab asked again';
is $active->($app), 't', 'and the key works again';

$t->errtrack('key', 'disable', $t->sql_value('select id from errtrack_private.client_keys where public_key = $1', $app->{public_key}));
$age->();
eventually { $t->sql_value(q{select count(*) from errtrack_private.gitlab_keys where asked_at < now() - interval '1 minute' and enabled}) == 0 }
    'GitLab is asked again';
is $active->($app), 'f', 'a key that was disabled here stays disabled, whatever GitLab says';

# ---- GitLab fails at one -------------------------------------------------------------

my $more = $gitlab->create_project('more', 'acme', '--id', 4244);
my ($as_id) = $gitlab->sql_value(q{select pg_get_functiondef('errtrack_private.as_id(text)'::regprocedure)});
$gitlab->sql(q{create or replace function errtrack_private.as_id(value text) returns bigint language plpgsql immutable as
    'begin if value = ''666'' then raise division_by_zero; end if; return value::bigint; end'});
$t->store({ message => 'never answered' }, project => { id => 666, public_key => 'a' x 32 });
eventually { $t->worker->log_text =~ /asking GitLab: it answers 500/ } 'GitLab fails at a key';
$t->store({ message => 'behind it' }, project => $more);
eventually { $titles->($more) eq 'behind it' } 'one that is asked about behind it is answered all the same';
$gitlab->sql($as_id);
eventually { $waiting->() == 0 } 'and the other is, when GitLab can';

# ---- GitLab is away ----------------------------------------------------------------

$gitlab->nginx->stop;
is $t->store({ message => 'asked in vain' }, project => $web)->status, 200, 'while GitLab is away a report is taken';
eventually { $waiting->() == 1 } 'and waits';
is $t->errtrack('status', '--json')->{requests_waiting}, 1, 'which the status tells';
$t->errtrack(qw(key create shop --label more));
is $t->store({ message => 'meanwhile' })->status, 200, 'a known key is not concerned';
eventually { $titles->($t->project) eq 'meanwhile, of the same shop' } 'and its report is filed';
$t->sql(q{insert into errtrack_private.waiting_requests (project_id, delivery_id, public_key, received_at, meta, body)
    select 100000 + n, gen_random_uuid(), md5(n::text), now() - interval '1 minute', 'v 1', ''::bytea from generate_series(1, 20) as n
    union all select 4242, gen_random_uuid(), md5('new'), now(), 'v 1', ''});
is $t->sql_value('select count(*) from errtrack_private.keys_to_ask() where project_id = 4242 and public_key = md5($1)', 'new'), 1,
    'a key of a project that is known is asked about before those of projects that nobody knows';
$t->sql(q{delete from errtrack_private.waiting_requests where meta = 'v 1'});
$t->worker->stop;
$t->worker->start;
is $waiting->(), 1, 'it waits on while the worker is restarted';
$gitlab->nginx->start;
eventually { $titles->($web) eq 'asked in vain' } 'when GitLab is back the report is filed', timeout => 40;
is $waiting->(), 0, 'and waits no more';
like $t->worker->log_text, qr/asking GitLab: .*127\.0\.0\.1.*trying again/, 'the log told that GitLab was away';
unlike $t->worker->log_text, qr/\Q$secret\E/, 'but not the secret';

# ---- GitLab refuses to be asked ------------------------------------------------------

$t->worker->stop;
write_file("$t->{dir}/token", "another\n");
$t->worker->start;
is $t->store({ message => 'wrong token' }, project => { %$web, public_key => 'd' x 32 })->status, 200, 'with a wrong token a report waits as well';
eventually { $t->worker->log_text =~ /it answers 401: the token is not its error tracking access token/ } 'and the log tells what is wrong';
write_file("$t->{dir}/token", "$secret\n");
eventually { $waiting->() == 0 } 'a token that is put right is used', timeout => 40;

my ($status, undef, $err) = $t->command('errtrack-worker', '--gitlab', 'gitlab.example.com', '--gitlab-token-file', "$t->{dir}/token");
is $status, 1, 'an address that is none is refused';
like $err, qr{--gitlab: the address of GitLab is like https://gitlab\.example\.com}, 'with an example of one';
($status, undef, $err) = $t->command('errtrack-worker', '--gitlab', 'https://gitlab.example.com');
is $status, 1, 'so is one without a token';
like $err, qr{--gitlab: name the file that holds its access token with --gitlab-token-file}, 'with what is missing';

$gitlab->finish;
$t->done;
