# Filters of a project: by address, class of agent, version of the SDK. What is filtered is
# answered 200 with an id, counted under the name of its filter, and not stored; the rest is
# not concerned. The address is what nginx's realip says.

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
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Forwarded-For;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

my $desk = $t->create_project('desk', 'acme');
$t->wait_for_key($desk);

my %agents = (
    browser => 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    crawler => 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    legacy  => 'Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)',
);

# Options: from => address, agent => one of the above, sdk => name/version, project.
my $send = sub {
    my ($title, %arg) = @_;
    my $project = $arg{project} || $t->project;
    my $answer = $t->store({ message => $title }, project => $project, auth => 'none', headers => {
        'X-Forwarded-For' => $arg{from} // '203.0.113.5',
        'User-Agent'      => $agents{ $arg{agent} // 'browser' },
        'X-Sentry-Auth'   => 'Sentry sentry_version=7, sentry_key=' . $project->{public_key}
            . ', sentry_client=' . ($arg{sdk} // 'sentry.javascript.browser/8.1.0'),
    });
    is $answer->status, 200, "$title is answered 200";
    like eval { $answer->json->{id} } // '', qr/^[0-9a-f]{32}$/, "$title: with an id";
    return;
};
my %filtered = (
    'a blocked address'       => [ [ from => '192.0.2.77' ], [ from => '192.0.2.1' ], [ from => '2001:db8::1' ] ],
    'a crawler'               => [ [ agent => 'crawler' ] ],
    'a legacy browser'        => [ [ agent => 'legacy' ] ],
    'an old SDK'              => [ [ sdk => 'sentry.javascript.react/6.19.7' ], [ sdk => 'sentry.javascript.browser/6.0.0' ] ],
);
my $all = sub {
    my ($when) = @_;
    for my $what (sort keys %filtered) {
        $send->("$what $when", @$_) for @{ $filtered{$what} };
    }
};
my $titles = sub {
    join ', ', map { "$_->[0]: $_->[1]" } $t->sql(q{
        select i.title, i.event_count from errtrack_private.issues as i where i.project_id = $1 order by 1},
        $_[0] ? $_[0]{id} : $t->project->{id});
};
my $counts = sub {
    return { map { ("$_->[0] $_->[1]" => 0 + $_->[2]) } $t->sql(q{
        select outcome, reason, sum(quantity) from errtrack_private.outcomes
        where project_id = $1 and category = 'error' and outcome = 'filtered' group by 1, 2}, $_[0]{id}) };
};

$all->('before');
eventually { $titles->() eq 'a blocked address before: 3, a crawler before: 1, a legacy browser before: 1, an old SDK before: 2' }
    'without a filter everything is stored' or diag $titles->();

$t->errtrack('filter', 'add', 'shop', @$_)
    for [ address => '192.0.2.0/24' ], [ address => '2001:db8::/32' ], [ agent => 'crawlers' ],
        [ agent => 'legacy-browsers' ], [ sdk => 'sentry.javascript.*<7.0.0' ];
# The last one is in force when a report that it alone concerns is filtered; so are the others then.
my $probes = 0;
eventually {
    $send->('probe ' . ++$probes, sdk => 'sentry.javascript.probe/1.0.0');
    keys %{ $counts->($t->project) };
} 'the filters are in force';
$all->('after');
$send->('the edge of the network', from => '192.0.3.1');
$send->('a new SDK', sdk => 'sentry.javascript.react/7.0.0');
$send->('another SDK', sdk => 'sentry.python/1.0.0');
$send->('two proxies', from => '192.0.2.5, 203.0.113.9');
$send->('another project', project => $desk, from => '192.0.2.77', agent => 'crawler', sdk => 'sentry.javascript.react/6.0.0');
eventually { $titles->($desk) eq 'another project: 1' } 'another project is not concerned';
eventually { !grep { $t->redis('XLEN', "errtrack:{q0}:$_") } qw(events large) } 'the queue is empty';
unlike $titles->(), qr/after/, 'nothing that is filtered is stored';
like $titles->(), qr/\Q$_: 1\E/, "but $_ is" for 'the edge of the network', 'a new SDK', 'another SDK', 'two proxies';
my $stored = $t->sql_value(q{select coalesce(sum(event_count), 0) from errtrack_private.issues where title like 'probe%'});
is_deeply $counts->($t->project), {
    'filtered ip-address' => 3, 'filtered web-crawlers' => 1, 'filtered legacy-browsers' => 1,
    'filtered sdk-version' => 2 + $probes - $stored,
}, 'but counted, under the name of its filter';
is_deeply $counts->($desk), {}, 'only for this project';

$t->errtrack('filter', 'remove', 'shop', address => '192.0.2.0/24');
eventually { $send->('removed', from => '192.0.2.77'); $titles->() =~ /removed/ } 'a filter that is removed holds no longer';

$t->done;
