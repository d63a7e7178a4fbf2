# A project goes as a file into another instance, and into the same one under another name:
# there it is the same to whoever asks, goes on as it was, and is exported to the same file.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir read_file root run);
use ErrTrack::Schema qw(row_counts);
use ErrTrack::Seen qw(seen start_programs);

my $json = JSON::PP->new->canonical;

sub event {
    my ($type, %more) = @_;
    return { exception => { values => [ { type => $type, value => 'no', stacktrace => { frames => [ { function => $type, filename => 'a.py', in_app => JSON::PP::true } ] } } ] },
        release => 'shop@1.0', environment => 'production', tags => { browser => 'Firefox' }, %more };
}

# Runs the command with a file: (status, output, errors).
sub import_into {
    my ($t, $file, @arg) = @_;
    return run([ build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'), 'import', @arg ], stdin => $file);
}

# The lines without what differs from file to file.
sub rows_in_file {
    my ($file) = @_;
    my @lines = map { s/^\{"sum":"\w+",//r } split /\n/, $file;
    shift @lines;
    return map { s/^("kind":"client_keys","row":\{"id":|"kind":"quotas","row":\{"key_id":)\d+/$1 0/r } @lines;
}

# ---- a project with something of everything ----------------------------------------------

my $t = ErrTrack->new;
$t->start_postgres;
$t->start_redis(appendonly => 'always');
$t->create_organization('acme');
$t->create_project('shop', 'acme', '--platform', 'python');
$t->create_token('admin@example.com');
$t->errtrack(@$_) for
    [ qw(quota set shop error 10000/1h) ], [ qw(quota set shop all 5000/1h --key 1) ],
    [ qw(filter add shop address 192.0.2.0/24) ], [ qw(filter add shop message *ResizeObserver*) ],
    [ qw(origin add shop https://*.example.com) ], [ qw(scrub add shop key tax_number) ],
    [ qw(limit set shop tag_values 500) ], [ qw(project retention shop 60) ],
    [ 'rule', 'add', 'shop', 'fingerprint', 'type:Special -> special' ];
start_programs($t);
my $shop = $t->{project}{id};
my $n = 0;
for my $type (qw(One Two Three Four)) {
    for my $release ('shop@1.0', 'shop@1.1') {
        $t->store(event($type, event_id => sprintf('%032x', ++$n), release => $release, user => { id => $n % 3 },
            environment => $n % 2 ? 'production' : 'staging', tags => { browser => $n % 3 ? 'Firefox' : 'Chrome' },
            extra => { text => "line\nline", "\x{e9}\x{1f600}" => 1e300 }, message => "quote \" back \\ tab\t"));
    }
}
$t->envelope([ transaction => $json->encode({ type => 'transaction', event_id => 'e' x 32, transaction => '/cart', start_timestamp => time() - 1,
    timestamp => time(), contexts => { trace => { op => 'http', trace_id => 'a' x 32, span_id => 'b' x 16 } } }) ]);
$t->envelope([ session => $json->encode({ sid => 'd' x 32, init => JSON::PP::true, started => '2099-01-01T00:00:00Z', status => 'ok', did => 'me',
    attrs => { release => 'shop@1.0', environment => 'production' } }) ]);
$t->envelope([ user_report => $json->encode({ event_id => sprintf('%032x', 1), name => 'Ann', email => 'ann@example.com', comments => 'It broke' }) ]);
$t->settle;
eventually { $t->sql_value('select count(*) from errtrack_private.tag_facts') == 0 } 'tags are counted';
my ($one, $two, $three, $four) = map { $t->sql_value('select id from errtrack_private.issues where type = $1', $_) } qw(One Two Three Four);
$t->errtrack(@$_) for [ qw(issue resolve shop), $one, qw(--in-release shop@2.0) ], [ qw(issue ignore shop), $two, qw(--events 100) ],
    [ qw(issue merge shop), $three, $four ];
is $t->sentry(PUT => "/issues/$two/", content => '{"assignedTo":"admin@example.com"}')->status, 200, 'an issue is assigned';
is $t->sentry(POST => "/issues/$two/comments/", content => '{"text":"Look at this"}')->status, 201, 'and has a comment';
$t->sql(q{insert into errtrack_private.issue_links (project_id, issue_id, provider, reference) values ($1, $2, 'gitlab', '17')}, $shop, $two);
my $seen = seen($t, 'shop', $shop);
is scalar(@{ $seen->{issues} }), 3, 'there are issues, one of them of two that were merged';

my $file = $t->errtrack(qw(export acme/shop));
is $file, $t->errtrack(qw(export shop)) =~ s/\A.*\n//r && $file, 'it is exported';
my @kinds = map { /"kind":"(\w+)"/ } split /\n/, $file;
is "$kinds[0] $kinds[-1]", 'header trailer', 'between a header and a trailer';
unlike $file, qr/\Q$t->{token}\E/, 'without a token';
my ($head) = $json->decode($file =~ s/\n.*//sr)->{row};
is $head->{format}, 1, 'the header tells its format';
is_deeply $head->{counts}, $json->decode((split /\n/, $file)[-1])->{row}{counts}, 'and what follows';
is $head->{counts}{occurrences}, 8, 'such as eight events';

# What a table holds of a project is exported, or left out on purpose.
my %exported = map { $_ => 1 } keys %{ $head->{counts} };
my %left_out = map { $_ => 1 } qw(
    alert_marks alert_rules attachments audit channels dead_letters deliveries digests edge_requests event_ids gitlab_keys notifications outbox outcomes report_projects requests rule_trials splits
    tokens uploads waiting_requests);
my @tables = map { $_->[0] } $t->sql(q{
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'project_id'
    where c.relnamespace = 'errtrack_private'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition});
is_deeply [ sort grep { !$exported{$_} && !$left_out{$_} } @tables ], [], 'no table of projects was forgotten: sql/api/065_export.sql';

# ---- into another instance -----------------------------------------------------------------

my $other = ErrTrack->new(project => $t->{project});
$other->start_postgres;
$other->create_organization('acme');
my ($status, $out, $err) = import_into($other, $file, 'acme/shop', '--id', $shop);
is $status, 0, 'another instance takes it' or diag $err;
is $out, "acme/shop is project $shop now, with 3 issues and 8 events\n", 'and says so';
$other->create_token('someone@example.com');
is_deeply [ rows_in_file($other->errtrack(qw(export shop))) ],
    [ rows_in_file($file =~ s/("(?:assigned_to|user_id)_email":)"admin\@example.com"/$1null/gr) ],
    'what is exported there is the same, but for people that it does not know';
is_deeply [ map { "@$_" } $other->sql('select action, details ->> $1, details ->> $2 from errtrack_private.audit where action = $3', 'from', 'events', 'project.import') ],
    ['project.import acme/shop 8'], 'the audit has it';
is $other->sql_value('select errtrack_private.default_partition_rows()'), 0, 'there are partitions for its days';
start_programs($other);
my $there = seen($other, 'shop', $shop);
my ($expected, $got) = map { without($_, qw(assignedTo user assignedBy)) } $seen, $there;
is_deeply $got, $expected, 'the API answers the same';
is $other->store(event('One', event_id => 'f' x 32, release => 'shop@1.0'))->status, 200, 'its key works there';
is $other->store(event('One', event_id => sprintf '%032x', 1))->status, 200, 'for an event that it has, too';
eventually { $other->sql_value('select event_count from errtrack_private.issues where id = $1', $one) == 3 } 'a new event joins its issue';
eventually { $other->sql_value(q{select coalesce(sum(quantity), 0) from errtrack_private.outcomes where outcome = 'duplicate'}) == 1 }
    'and one that was there is a duplicate';
$other->store(event('Brand new'));
eventually { $other->sql_value('select count(*) from errtrack_private.issues') == 5 } 'a new issue has an id of its own';
$other->finish;

# ---- into the same one, under another name ----------------------------------------------------

($status, $out, $err) = import_into($t, $file, qw(acme/copy --id 770077));
is $status, 0, 'the same instance takes it under another name' or diag $err;
my $copy = 770077;
is $err, "errtrack: note: 1 of its client keys are used by other projects here: it has new ones for them (errtrack key list acme/copy)\n",
    'with a new key for the one that is in use';
my $ids = sub { map { $_->[0] } $t->sql('select id from errtrack_private.issues where project_id = $1 order by id', @_) };
my %ids;
@ids{ $ids->($copy) } = $ids->($shop);
my $again = seen($t, 'copy', $copy, as => $seen, as_slug => 'shop', names => { %ids, $copy => $shop });
($expected, $got) = map { without($_, qw(keys id)) } $seen, $again;
is_deeply $got, $expected, 'the API answers the same';
my ($key) = $t->sql_value('select public_key from errtrack_private.client_keys where project_id = $1', $copy);
my $project = { id => $copy, public_key => $key };
$t->wait_for_key($project);
is $t->store(event('Two'), project => $project)->status, 200, 'the new key works';
eventually { $t->sql_value(q{select event_count from errtrack_private.issues where project_id = $1 and type = 'Two'}, $copy) == 3 }
    'an event joins the issue of the copy';
is $t->sql_value(q{select event_count from errtrack_private.issues where project_id = $1 and type = 'Two'}, $shop), 2, 'and not that of the original';

# ---- without bodies -----------------------------------------------------------------------------

my $lean = $t->errtrack(qw(export shop --without-payloads));
unlike $lean, qr/Look at this.*"kind":"payloads"/s, 'bodies may be left out';
cmp_ok length $lean, '<', length $file, 'which is shorter';
($status, $out, $err) = import_into($t, $lean, 'acme/lean');
is $status, 0, 'and imported' or diag $err;
my $bare = $t->sql_value(q{select id from errtrack_private.projects where slug = 'lean'});
my ($first) = @{ $t->sentry(GET => '/projects/acme/lean/issues/?query=')->json };
is $t->sentry(GET => "/issues/$first->{id}/events/latest/")->status, 200, 'an event is shown all the same';
is $t->sql_value('select count(*) from errtrack_private.payloads where project_id = $1', $bare), 0, 'from what is left of it';

$t->done;

# An answer without some of its members, however deep.
sub without {
    my ($value, @names) = @_;
    return [ map { without($_, @names) } @$value ] if ref $value eq 'ARRAY';
    return $value if ref $value ne 'HASH';
    my %kept = %$value;
    delete @kept{@names};
    return { map { $_ => without($kept{$_}, @names) } keys %kept };
}
