# Filters that need the body of an event: what browser extensions and old browsers bring
# about, what happens on developers' machines, health checks, messages and releases that
# nobody wants to hear of. Such an event is counted under the name of its filter, its files
# with it, and not stored. All are off unless a project sets them, and hold for it alone.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(nginx => <<'CONF');
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

my $desk = $t->create_project('desk', 'acme');
$t->wait_for_key($desk);

my %events = (
    'browser-extensions' => { exception => [ { type => 'Error', value => 'x', stacktrace =>
        { frames => [ { abs_path => 'chrome-extension://abc/inject.js', function => 'f', lineno => 1 } ] } } ] },
    'legacy-browsers' => { message => 'm', request => { headers => { 'User-Agent' => 'Mozilla/4.0 (compatible; MSIE 8.0)' } } },
    'localhost'       => { message => 'm', request => { url => 'http://localhost:3000/cart' } },
    'error-message'   => { message => 'ResizeObserver loop limit exceeded' },
    'release-version' => { message => 'm', release => 'shop@1.4.2' },
);
my $all = sub { my ($project) = @_; is $t->store($events{$_}, project => $project)->status, 200, "$_ is answered 200" for sort keys %events };
my $counts = sub {
    my ($project) = @_;
    return { map { ("$_->[0] $_->[1] $_->[2]" => 0 + $_->[3]) } $t->sql(q{
        select category, outcome, reason, sum(quantity) from errtrack_private.outcomes
        where project_id = $1 group by 1, 2, 3}, $project->{id}) };
};
my $occurrences = sub { $t->sql_value('select count(*) from errtrack_private.occurrences where project_id = $1', $_[0]{id}) };

$all->($t->project);
eventually { $occurrences->($t->project) == keys %events } 'without a filter everything is stored';

my @rules = (
    [ event => 'browser-extensions' ], [ event => 'legacy-browsers' ], [ event => 'localhost' ], [ event => 'health-checks' ],
    [ message => '*resizeobserver loop*' ], [ release => 'shop@1.*' ],
);
is $t->errtrack('filter', 'add', 'shop', @$_), "@$_ is filtered in shop\n", "@$_ is set" for @rules;
is $t->errtrack('filter', 'list', 'shop'), <<'OUT', 'filters are listed';
kind     value
event    browser-extensions
event    health-checks
event    legacy-browsers
event    localhost
message  *resizeobserver loop*
release  shop@1.*
OUT

# The last one is in force when an event that it alone concerns is filtered; so are the others then.
my $probes = 0;
eventually {
    $probes++;
    $t->store({ message => 'probe', release => 'shop@1.0' });
    $counts->($t->project)->{'error filtered release-version'};
} 'the filters are in force';
$t->settle;
my $before = $occurrences->($t->project);

$all->($t->project);
$all->($desk);
my $name = sub { return { type => 'transaction', transaction => $_[0], timestamp => time } };
is $t->envelope([ transaction => $name->('GET /healthz') ], [ transaction => $name->('GET /cart') ])->status,
    200, 'an envelope of transactions is answered 200';
is $t->envelope([ event => $events{localhost} ], [ attachment => 'text', filename => 'a.log' ])->status,
    200, 'an event with a file is answered 200';
is $t->store({ message => 'ResizeObserver of ours', release => 'shop@2.0', request => { url => 'https://shop.example.com/localhost' } })->status,
    200, 'an event like them is answered 200';
$t->settle;

is $occurrences->($t->project) - $before, 1, 'only the one that meets no filter is stored';
my $counted = $counts->($t->project);
my $stored = delete $counted->{'error stored '};
is_deeply $counted, {
    'error filtered browser-extensions'      => 1,
    'error filtered legacy-browsers'         => 1,
    'error filtered localhost'               => 2,
    'error filtered error-message'           => 1,
    'error filtered release-version'         => 1 + $probes - ($before - keys %events),
    'attachment filtered localhost'          => 1,
    'transaction filtered health-checks'     => 1,
    'transaction invalid invalid_transaction' => 1,
}, 'each is counted under the name of its filter';
is $stored, $occurrences->($t->project), 'and the ledger is right about the others';
is $t->sql_value('select count(*) from errtrack_private.attachments'), 0, 'the file is not kept';
is_deeply $counts->($desk), { 'error stored ' => 0 + keys %events }, 'another project is not concerned';

is $t->errtrack('filter', 'remove', 'shop', 'event', 'localhost'), "event localhost is not filtered in shop\n", 'a filter is removed';
eventually {
    $t->store({ message => 'back', request => { url => 'http://localhost/' } });
    $t->sql_value(q{select count(*) from errtrack_private.issues where title = 'back'});
} 'and holds no longer';

$t->done;
