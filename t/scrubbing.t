# What must not be stored is taken out before anything is: passwords, tokens, cookies, card
# numbers unless a project wants them kept, addresses where it does not. No table holds it
# then, neither as a title nor in a body, and the rest of a body is as it was sent. The same
# goes for what comes beside events. Settings of a project hold for what comes after them,
# whoever makes them, and for that project alone.

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
        location ~ /api/[^/]+/(envelope|store|security|nel)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF

my $desk = $t->create_project('desk', 'acme');
$t->wait_for_key($desk);

# A member as JSON, the same behind the worker.
my @members = (
    [ '"extra":{"password" : "hunter2","n":1e2}',             '"extra":{"password" : "[Filtered]","n":1e2}' ],
    [ '"extra":{"x":{"apiKey":"hunter2","author":"Ann"}}',    '"extra":{"x":{"apiKey":"[Filtered]","author":"Ann"}}' ],
    [ '"request":{"cookies":{"a":"hunter2"},"headers":{"Authorization":"Basic hunter2=","Cookie":"a=hunter2","Host":"h"}}',
        '"request":{"cookies":{"a":"[Filtered]"},"headers":{"Authorization":"[Filtered]","Cookie":"[Filtered]","Host":"h"}}' ],
    [ '"request":{"url":"https://u:hunter2@shop.example.com/?token=hunter2&a=b"}',
        '"request":{"url":"https://[Filtered]@shop.example.com/?token=[Filtered]&a=b"}' ],
    [ '"request":{"data":"{\"secret\":\"hunter2\",\"a\":1}"}', '"request":{"data":"{\"secret\":\"[Filtered]\",\"a\":1}"}' ],
    [ '"breadcrumbs":[{"message":"paid with 4111 1111 1111 1111"}]', '"breadcrumbs":[{"message":"paid with [Filtered]"}]' ],
    [ '"exception":[{"type":"E","value":"no login with password=hunter2","stacktrace":{"frames":[{"function":"f","vars":{"token":"hunter2"}}]}}]',
        '"exception":[{"type":"E","value":"no login with password=[Filtered]","stacktrace":{"frames":[{"function":"f","vars":{"token":"[Filtered]"}}]}}]' ],
    [ '"extra":{"key":"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----"}', '"extra":{"key":"[Filtered]"}' ],
    [ '"modules":{"jsonwebtoken":"8.5"},"tags":[["a","b"]]',  '"modules":{"jsonwebtoken":"8.5"},"tags":[["a","b"]]' ],
);

my $sent = 0;
my $send = sub {
    my ($member, $project) = @_;
    my $id = sprintf '%032x', ++$sent;
    my $answer = $t->store(qq({"event_id":"$id",$member}), project => $project || $t->project);
    is $answer->status, 200, "event $sent is answered 200";
    return $id;
};
my $body = sub {
    my ($id, $project) = @_;
    return $t->sql_value('select body::text from errtrack_private.payloads where event_id::uuid = $1::uuid and project_id = $2',
        $id, ($project || $t->project)->{id});
};
# What the client calls itself is added.
my $wrapped = sub { my ($id, $member) = @_; return qq({"sdk":{"name":"errtrack-test","version":"1"},"event_id":"$id",$member}) };
my $stored = sub {
    my ($member, $wanted, $label, $project) = @_;
    my $id = $send->($member, $project);
    eventually { $body->($id, $project) } "$label: stored";
    is $body->($id, $project), $wrapped->($id, $wanted), $label;
    return;
};

my @ids = map { $send->($_->[0]) } @members;
eventually { $t->sql_value('select count(*) from errtrack_private.payloads') == @members } 'all events are stored';
is $body->($ids[$_]), $wrapped->($ids[$_], $members[$_][1]), "without its secrets: $members[$_][1]" for 0 .. $#members;

# Every column of every table, in the way that an attacker with a dump would search.
my $search = sub {
    my ($secret) = @_;
    my @found;
    for my $row ($t->sql(q{select table_name from information_schema.tables
        where table_schema = 'errtrack_private' and table_type = 'BASE TABLE'}))
    {
        my ($hits) = $t->sql_value(qq{select count(*) from errtrack_private."$row->[0]" as t where t::text like '%' || \$1 || '%'}, $secret);
        push @found, $row->[0] if $hits;
    }
    return join ' ', @found;
};
is $search->('hunter2'), '', 'no table has a secret';
is $search->('1111 1111'), '', 'nor a card number';
isnt $search->('shop.example.com'), '', 'and a table would be found';
is $t->sql_value(q{select title from errtrack_private.issues where kind = 'error'}),
    'E: no login with password=[Filtered]', 'the title neither';

# ---- what is no event --------------------------------------------------------------

my $now = time;
my $envelope = sub {
    my ($header, @items) = @_;
    is $t->envelope(@items, header => $header)->status, 200, 'an envelope is answered 200';
    return;
};
my $known = sprintf '%032x', 77;
$envelope->({ event_id => $known },
    [ user_report => { event_id => $known, name => 'password=hunter2', email => 'ann@example.com',
        comments => 'My card 4111 1111 1111 1111, and Authorization: Bearer hunter2hunter2' } ],
    [ attachment => 'x', filename => 'token=hunter2' ]);
$envelope->({ event_id => sprintf '%032x', 78 }, [ feedback => { contexts => { feedback => { message => 'api_key=hunter2', name => 'bob',
    contact_email => 'token=hunter2', url => 'https://bob:hunter2@shop.example/?session_token=hunter2', source => 'secret=hunter2' } },
    release => 'token=hunter2', environment => 'token=hunter2' } ]);
$envelope->({ event_id => sprintf '%032x', 79 }, [ transaction => { transaction => 'GET ?token=hunter2', timestamp => $now,
    start_timestamp => $now - 1, contexts => { trace => { trace_id => '1' x 32, span_id => '2' x 16, op => 'password=hunter2' } } } ]);
$envelope->({}, [ session => { sid => sprintf('%032x', 80), started => $now, attrs => { release => 'token=hunter2', environment => 'token=hunter2' } } ],
    [ sessions => { attrs => { release => 'secret=hunter2' }, aggregates => [ { started => $now, exited => 1 } ] } ],
    [ client_report => { discarded_events => [ { reason => 'password=hunter2', category => 'error', quantity => 1 } ] } ]);
$envelope->({}, [ check_in => { check_in_id => sprintf('%032x', 81), monitor_slug => 'token=hunter2', status => 'ok',
    environment => 'token=hunter2', release => 'token=hunter2', monitor_config => { schedule =>
    { type => 'interval', value => 1, unit => 'day' } } } ]);

my $address = 'https://ann:hunter2@shop.example/cart?token=hunter2&password=hunter2';
my $report = sub {
    my ($endpoint, $json) = @_;
    is $t->submit($endpoint, $json, auth => 'query', type => 'application/reports+json', query => 'sentry_release=token%3Dhunter2',
        headers => { 'User-Agent' => 'Browser/1 (token=hunter2)' })->status, 200, "a report for $endpoint is answered 200";
    return;
};
$report->('security', qq({"csp-report":{"document-uri":"$address","referrer":"$address","blocked-uri":"$address",)
    . qq("violated-directive":"img-src shop.example/?token=hunter2","original-policy":"img-src $address","source-file":"$address",)
    . q("script-sample":"document.cookie = \"hunter2\""}}));
$report->('security', qq([{"type":"csp-violation","body":{"documentURL":"$address","blockedURL":"$address","effectiveDirective":"font-src"}}]));
$report->('security', '{"expect-ct-report":{"hostname":"token=hunter2","port":443}}');
$report->('nel', qq([{"type":"network-error","url":"$address","body":{"type":"tcp.refused","referrer":"$address","phase":"token=hunter2"}}]));

$t->settle;
is $t->sql_value(q{select string_agg(category || ' ' || outcome || ' ' || n, ', ' order by category)
    from (select category, outcome, sum(items) as n from errtrack.outcomes where category <> 'error' group by 1, 2) as o}),
    'attachment stored 1, feedback stored 2, internal stored 1, monitor stored 1, session stored 2, transaction stored 1',
    'what is no event is stored';
is $search->('hunter2'), '', 'and no table has a secret of it';
is $search->('1111 1111'), '', 'nor a card number';
is_deeply [ $t->sql('select kind, name, email, message, url from errtrack.feedback order by 1 desc') ], [
    [ 'user_report', 'password=[Filtered]', 'ann@example.com', 'My card [Filtered], and Authorization: Bearer [Filtered]', '' ],
    [ 'feedback', 'bob', 'token=[Filtered]', 'api_key=[Filtered]', 'https://[Filtered]@shop.example/?session_token=[Filtered]' ] ],
    'of what people write the rest is there';
is $t->sql_value('select transaction from errtrack.transactions'), 'GET ?token=[Filtered]', 'of transactions too';
is $t->sql_value(q{select body::jsonb #>> '{csp,document_uri}' from errtrack_private.payloads
    where body::jsonb -> 'csp' ? 'referrer'}), 'https://[Filtered]@shop.example/cart?token=[Filtered]&password=[Filtered]',
    'and of the reports of browsers';

# ---- settings -----------------------------------------------------------------

is $t->errtrack('scrub', 'list', 'shop'), "setting    value\nsecrets    on\naddresses  off\n", 'what holds without settings';
my $probe = sub {
    my ($member, $wanted, $label, $project) = @_;
    eventually {
        my $id = $send->($member, $project);
        eventually { $body->($id, $project) } 'stored';
        $body->($id, $project) eq $wrapped->($id, $wanted);
    } $label;
    return;
};

$t->errtrack('scrub', 'add', 'shop', 'key', 'Tax Number');
$t->errtrack('scrub', 'add', 'shop', 'exempt', 'locale');
$probe->('"extra":{"taxNumber":"12"},"request":{"cookies":{"locale":"de","a":"b"}}',
    '"extra":{"taxNumber":"[Filtered]"},"request":{"cookies":{"locale":"de","a":"[Filtered]"}}',
    'further keys are scrubbed, exempt ones are not');

for my $name ('tax*', '/tax/', 'tax,vat', 'tax[0]', 'a@b') {
    ok !eval { $t->errtrack('scrub', 'add', 'shop', 'key', $name); 1 }, "$name is no name";
    like $@, qr/a name is letters, digits, "_", "-", "\." and blanks, "\Q$name\E" is not: there are no patterns/, 'which is said';
}
$t->errtrack('scrub', $_, 'shop', 'key', "\xc3\x9cber_x-y.2") for qw(add remove);

$t->errtrack('scrub', 'set', 'shop', 'addresses', 'on');
$probe->('"user":{"id":"7","ip_address":"192.0.2.1"},"request":{"env":{"REMOTE_ADDR":"192.0.2.1"}}',
    '"user":{"id":"7","ip_address":"[Filtered]"},"request":{"env":{"REMOTE_ADDR":"[Filtered]"}}', 'addresses are removed');
my $anonymous = $send->('"user":{"ip_address":"192.0.2.99"},"message":"by address"');
eventually { $body->($anonymous) } 'an event of a user without a name is stored';
is $t->sql_value('select count(*) from errtrack_private.occurrences where event_id = $1::uuid and user_hash is null', $anonymous),
    1, 'and the user is not told apart by the address';

$stored->('"extra":{"taxNumber":"12","ip_address":"192.0.2.1","password":"x"}',
    '"extra":{"taxNumber":"12","ip_address":"192.0.2.1","password":"[Filtered]"}', 'another project is not concerned', $desk);

is $t->errtrack('scrub', 'list', 'shop'), <<'OUT', 'settings are listed';
setting    value
secrets    on
addresses  on
key        Tax Number
exempt     locale
OUT

# Plain SQL will do, and a restart forgets nothing.
$t->sql(q{update errtrack_private.event_settings set scrub_secrets = false, remove_addresses = false where project_id = $1}, $t->project->{id});
$probe->('"extra":{"password":"x"}', '"extra":{"password":"x"}', 'a project may keep its secrets');
$t->worker->stop;
$t->worker->start;
$stored->('"extra":{"password":"x"}', '"extra":{"password":"x"}', 'also after a restart');
$t->errtrack('scrub', 'set', 'shop', 'secrets', 'on');
$t->errtrack('scrub', 'remove', 'shop', 'key', 'Tax Number');
$probe->('"extra":{"password":"x","taxNumber":"12"}', '"extra":{"password":"[Filtered]","taxNumber":"12"}', 'or have them scrubbed again');

$t->done;
