# Quotas, filters and origins: set by the command or with plain SQL, they are in the
# projection that the edges read within ten seconds; what is wrong is refused.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);

my ($project, $key) = @{ $t->{project} }{qw(id public_key)};
my $key_id = $t->sql_value('select id from errtrack_private.client_keys');

# What edges read: a field of the projection, decoded; undef when there is none.
sub projected {
    my ($field) = @_;
    my $text = $t->redis('HGET', 'errtrack:keys', $field);
    return defined $text ? JSON::PP->new->utf8->canonical->decode($text) : undef;
}

# Passes when the field is this within ten seconds.
sub becomes {
    my ($field, $wanted, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $json = JSON::PP->new->canonical->allow_nonref;
    eventually { $json->encode(projected($field)) eq $json->encode($wanted) } $label, timeout => 10
        or diag $json->encode(projected($field));
    return;
}

my $generation = sub { $t->redis('HGET', 'errtrack:keys', '#generation') };
my %plain = (id => 0 + $key_id, project => 0 + $project);

becomes($key, {%plain}, 'a key without quotas is two numbers');
becomes("\@$project", undef, 'a project without settings is not there');

# ---- by command ----------------------------------------------------------------

my $before = $generation->();
$t->errtrack(qw(quota set shop error 10000/1h));
becomes("\@$project", { limits => { error => [10000, 3600] } }, 'a quota of a project');
isnt $generation->(), $before, 'the generation is another one';
$t->errtrack(qw(quota set shop error 20/90s));
$t->errtrack(qw(quota set shop all 0/1d));
becomes("\@$project", { limits => { error => [20, 90], all => [0, 86400] } }, 'is replaced by another one');
$t->errtrack(qw(quota set shop transaction 5/60s --key), $key_id);
becomes($key, { %plain, limits => { transaction => [5, 60] } }, 'a quota of a key stands with the key');

$t->errtrack(qw(origin add shop), $_) for 'https://*.Example.com', 'localhost:*';
$t->errtrack(qw(filter add shop address), $_) for '192.0.2.7', '2001:db8::/32';
$t->errtrack(qw(filter add shop agent crawlers));
$t->errtrack(qw(filter add shop sdk), 'sentry.javascript.*<7.0.0');
becomes("\@$project", {
    limits => { error => [20, 90], all => [0, 86400] },
    origins => ['https://*.example.com', 'localhost:*'],
    addresses => ['192.0.2.7/32', '2001:db8::/32'],
    agents => ['crawlers'],
    sdks => ['sentry.javascript.*<7.0.0'],
}, 'origins and filters stand with the project');

$t->errtrack(qw(quota remove shop error));
$t->errtrack(qw(quota remove shop all));
$t->errtrack(qw(quota remove shop transaction --key), $key_id);
$t->errtrack(qw(origin remove shop), $_) for 'https://*.example.com', 'localhost:*';
$t->errtrack(qw(filter remove shop address), $_) for '192.0.2.7', '2001:db8::/32';
$t->errtrack(qw(filter remove shop agent crawlers));
becomes("\@$project", { sdks => ['sentry.javascript.*<7.0.0'] }, 'what is removed is gone, the rest stays');
becomes($key, {%plain}, 'the quota of the key is gone');
$t->errtrack(qw(filter remove shop sdk), 'sentry.javascript.*<7.0.0');
becomes("\@$project", undef, 'after the last setting the project is gone');
is $generation->(), $before, 'and the generation is that of the same content';

# ---- with plain SQL ------------------------------------------------------------

$t->sql('insert into errtrack_private.quotas (project_id, category, items, window_seconds) values ($1, $2, 7, 60)',
    $project, 'feedback');
becomes("\@$project", { limits => { feedback => [7, 60] } }, 'a row inserted');
$t->sql('update errtrack_private.quotas set items = 8');
becomes("\@$project", { limits => { feedback => [8, 60] } }, 'updated');
$t->sql('delete from errtrack_private.quotas');
becomes("\@$project", undef, 'deleted');
$t->sql(q(insert into errtrack_private.edge_settings (project_id, agents) values ($1, '{legacy-browsers}')), $project);
becomes("\@$project", { agents => ['legacy-browsers'] }, 'settings inserted');
$t->sql('truncate errtrack_private.edge_settings');
becomes("\@$project", undef, 'truncated');

my $other = $t->create_project('other', 'acme')->{id};
for my $case (
    [ "insert into errtrack_private.quotas (project_id, key_id, category, items, window_seconds) values ($other, $key_id, 'all', 1, 1)",
        qr/quotas_key_fkey/, 'the key of another project' ],
    [ "insert into errtrack_private.quotas (project_id, category, items, window_seconds) values ($other, 'alles', 1, 1)",
        qr/quotas_category_check/, 'an unknown category' ],
    [ "insert into errtrack_private.quotas (project_id, category, items, window_seconds) values ($other, 'all', -1, 1)",
        qr/quotas_items_check/, 'a negative limit' ],
    [ "insert into errtrack_private.quotas (project_id, category, items, window_seconds) values ($other, 'all', 1, 86401)",
        qr/quotas_window_seconds_check/, 'a window of more than a day' ],
    [ "insert into errtrack_private.quotas (project_id, category, items, window_seconds)
        values ($other, 'all', 1, 1), ($other, 'all', 2, 2)", qr/quotas_project_id_category_key/, 'two quotas for one category' ],
    (map { my ($column, $value, $why) = @$_;
        [ "insert into errtrack_private.edge_settings (project_id, $column) values ($other, array[$value])", $why, "$column $value" ] }
        [ origins => "'https://a.example/path'", qr/an origin looks like .* "https:\/\/a.example\/path" does not/ ],
        [ origins => "'a.example:70000'", qr/an origin looks like/ ],
        [ origins => "E'a.example\\nu crawlers'", qr/an origin looks like/ ],
        [ origins => 'null', qr/an origin looks like/ ],
        [ origins => "'[::1::2]'", qr/an origin looks like/ ],
        [ origins => "'[192.0.2.1]'", qr/an origin looks like/ ],
        [ agents => "'bots'", qr/there is no class of agents "bots": use crawlers, legacy-browsers/ ],
        [ sdks => "'sentry.python<new'", qr/an SDK looks like .* "sentry.python<new" does not/ ],
        [ sdks => "'sentry.*.react'", qr/an SDK looks like/ ],
        [ addresses => "cidr '192.0.2.1/24'", qr/invalid cidr value/ ]),
    [ "insert into errtrack_private.edge_settings (project_id, origins)
        select $other, array_agg('a' || n || '.example') from generate_series(1, 400) n",
        qr/a project has room for 4096 bytes/, 'more rules than an edge has room for' ],
) {
    my ($sql, $why, $label) = @$case;
    ok !eval { $t->sql($sql); 1 }, "$label: is refused" and like $@, $why, "$label: says why";
}

# ---- what is deleted -------------------------------------------------------------

my $made = $t->errtrack(qw(key create shop --json));
$t->errtrack(qw(quota set shop all 1/1s --key), $made->{id});
becomes($made->{key}, { id => $made->{id}, project => 0 + $project, limits => { all => [1, 1] } }, 'a new key with a quota');
$t->errtrack(qw(key delete), $made->{id});
becomes($made->{key}, undef, 'is gone when it is deleted');
is $t->sql_value('select count(*) from errtrack_private.quotas'), 0, 'with its quota';

is $t->sql_value(q(select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'errtrack_private' and c.relname in ('quotas', 'edge_settings', 'edge_requests', 'requests')
    and obj_description(c.oid) is null)), 0, 'every table has a comment';

$t->done;
