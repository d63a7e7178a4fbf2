# Programs go on while sql/migrate runs, from an older schema to the present one and on to
# one that they do not know yet: every report is filed once, and queries are answered.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Load;
use ErrTrack::Process qw(read_file root);
use ErrTrack::Schema qw(folder_of make_tables migrations run_migrate);

my ($newest) = sort { $b <=> $a } keys %{ migrations() };
my ($oldest) = read_file(root() . '/sql/version.hpp') =~ /schema_oldest = (\d+);/;
my $t = ErrTrack->new;
my $postgres = $t->start_postgres;

sub migrate {
    my ($sql) = @_;
    my ($status, $out, $err) = run_migrate($postgres, $sql);
    is $status, 0, 'sql/migrate succeeds' or diag $err;
    return $err;
}

# ---- the oldest schema that the programs work with -----------------------------------

$postgres->rows_in('template1', 'drop database errtrack');
make_tables($postgres, 'errtrack', $oldest);
migrate(folder_of("$t->{dir}/old", $oldest));
is $t->sql_value('select version from errtrack_private.schema_state()'), $oldest, 'the schema is an older one';

$t->start_redis(appendonly => 'always');
$t->create_organization('acme');
$t->create_project('shop', 'acme');
$t->create_token('admin@example.com');
$t->start_worker;
my $nginx = $t->start_nginx(config => <<'CONF');
%%MODULES%%
thread_pool errtrack threads=4 max_queue=64;
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location /errortracking/api/v1/ { errtrack_query; }
    }
}
CONF
$t->wait_for_key;

# ---- under load ------------------------------------------------------------------------

my $load = ErrTrack::Load->start($t, clients => 2, pause => 0.01,
    event => { exception => { values => [ { type => 'Error', value => 'upgrade' } ] }, release => 'shop@1', tags => { a => 'b' } });
# The same with questions: what it calls store asks.
my $questions = ErrTrack::Load->start(Questions->new($t), clients => 2, pause => 0.02);
my $more = sub {
    my ($label) = @_;
    my ($reports, $answers) = map { $_->answered(200) } $load, $questions;
    eventually { $load->answered(200) > $reports + 50 && $questions->answered(200) > $answers + 20 } $label;
};
$more->('reports are taken, and questions answered');
migrate(root() . '/sql');
is $t->sql_value('select version from errtrack_private.schema_state()'), $newest, 'to the present schema';
$more->('after it too');

# A lock on each table that is written all the time; and functions that are gone until
# sql/api brings them again, as those are that get other parameters.
my $next = $newest + 1;
my $after = $newest + 2;
my $sql = folder_of("$t->{dir}/next", $newest, "${next}_columns" => <<'SQL', "${after}_functions" => <<'SQL');
alter table errtrack_private.issues add column later text;
alter table errtrack_private.occurrences add column later text;
alter table errtrack_private.origins add column later bigint not null default 0;
create index origins_later_idx on errtrack_private.origins (project_id, later);
SQL
drop function errtrack_private.claim_event_ids();
drop function errtrack_private.list_errors(bytea, jsonb);
SQL
migrate($sql);
is $t->sql_value('select version from errtrack_private.schema_state()'), $after, 'to a later schema than they know';
$more->('reports are taken, and questions answered');

my $answers = $load->stop;
is join(' ', sort keys %$answers), 200, 'every report was answered 200';
$t->filed_once($answers->{200});
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'none is a dead letter';
is $t->sql_value('select sum(event_count) from errtrack_private.issues'), scalar @{ $answers->{200} }, 'each is counted once';
unlike $t->worker->log_text, qr/critical|is dead/, 'and the worker did not give up on any';

my $asked = $questions->stop;
is join(' ', grep { !/^(?:200|503)\z/ } sort keys %$asked), '', 'a question is answered, or its client told to come again';
cmp_ok scalar @{ $asked->{503} || [] }, '<', @{ $asked->{200} } / 4, 'which is rare';
note sprintf '%d reports, %d questions, %d of them refused; slowest report %.2f s, slowest question %.2f s',
    scalar @{ $answers->{200} }, map({ scalar @{ $asked->{$_} || [] } } 200, 503), $load->slowest, $questions->slowest;

# ---- a schema that they do not work with --------------------------------------------------

$sql = folder_of("$t->{dir}/floor", $newest, "${next}_columns" => '', "${after}_functions" => '',
    $newest + 3 . '_floor' => "-- floor: $after\n\nalter table errtrack_private.issues drop column later;\n");
migrate($sql);
my $needs = "the database works with programs that know migration $after, and this one knows up to $newest";
eventually { index($t->worker->log_text, $needs) >= 0 } 'a worker notices at once that it is too old';
eventually { $t->api(GET => "/projects/$t->{project}{id}/errors")->status == 503 && index(read_file($nginx->log), $needs) >= 0 }
    'and so does nginx';

$t->done;

package Questions;

sub new {
    my ($class, $t) = @_;
    return bless { t => $t }, $class;
}

sub store {
    my ($self) = @_;
    return $self->{t}->api(GET => "/projects/$self->{t}{project}{id}/errors?status=unresolved");
}
