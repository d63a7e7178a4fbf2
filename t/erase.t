# errtrack erase: what names one person goes, wherever it is: events and their bodies, files,
# feedback, sessions, tags, titles, dead letters. Counts stay, and everything of others does.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use POSIX ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir random_hex run);

# Nobody is told: what waits to be is looked at.
my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => { args => [ '--claim-after', 1, '--no-notifications' ] });
my $other = $t->create_project('other', 'acme');

my @command = (build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'));
# "status output errors" of erasing in both projects.
my $erase = sub {
    my ($status, $out, $err) = run([ @command, 'erase', '--redis', $t->redis_server->address, @_ ]);
    return "$status $out$err";
};
# What it counts, without what is 0.
my $counts = sub {
    my ($status, $out, $err) = run([ @command, 'erase', '--all-projects', '--json', '--redis', $t->redis_server->address, @_ ]);
    die "status $status: $out$err" if $status;
    my $all = JSON::PP::decode_json($out);
    return { map { ($_ => $all->{$_}) } grep { $all->{$_} } keys %$all };
};

my @tables = map { $_->[0] } $t->sql(q{select format('errtrack_private.%I', c.relname) from pg_class c
    where c.relnamespace = 'errtrack_private'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1});
# Tables, and keys of Redis, that hold a text: as it is, or in the bytes of a file.
my $places = sub {
    my ($text) = @_;
    my $bytes = unpack 'H*', $text;
    my @found = map { $_->[0] } $t->sql(join(' union all ', map {
        "select '$_' from (select from $_ as t where strpos(t::text, \$1) > 0 or strpos(t::text, \$2) > 0 limit 1) as found" } @tables), $text, $bytes);
    for my $key (@{ $t->redis('KEYS', '*') }) {
        my $type = $t->redis('TYPE', $key);
        my $held = $type eq 'stream' ? $t->redis('XRANGE', $key, '-', '+') : $type eq 'hash' ? $t->redis('HGETALL', $key)
            : $type eq 'zset' ? $t->redis('ZRANGE', $key, 0, -1) : $t->redis('GET', $key);
        push @found, $key if index(JSON::PP->new->allow_nonref->encode($held), $text) >= 0;
    }
    return "@found";
};
# Everything but what is counted anew all the time, and where the run is noted.
my $rows = sub {
    my ($condition) = @_;
    return join "\n", map { $_->[0] } $t->sql(join(' union all ', map { "select '$_ ' || t::text from $_ as t where $condition" }
        grep { !/\.(?:audit|requests|edge_requests|outcomes|issues|origins|tag_sets|tag_facts|tag_counts)$/ } @tables) . ' order by 1');
};

# ---- what two people send -------------------------------------------------------------

my %ann = (email => 'ann@example.com', id => 'u-4711-ann', username => 'ann.0815', address => '2001:db8::7');
my $start = POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time - 60));
my %ids;
my $event = sub {
    my ($name, %more) = @_;
    my $id = $ids{$name} = random_hex(16);
    is $t->envelope([ event => { event_id => $id, message => "of $name", %more } ], header => { event_id => $id })->status, 200,
        "an event is taken: $name";
    return $id;
};
my $session = sub { return [ session => { sid => random_hex(16), started => $start, did => $_[0], init => JSON::PP::true(),
    attrs => { release => '1.0', environment => 'live' } } ] };

is $t->errtrack(qw(limit set shop bodies 2)), "bodies of shop is 2\n", 'few bodies are kept';
my $mine = $event->('ann whole', user => { id => $ann{id}, email => $ann{email}, username => $ann{username}, ip_address => '2001:0DB8:0:0::7' },
    fingerprint => ['shared']);
$event->('bob', user => { id => 'u-1', email => 'bob@example.com' }, fingerprint => ['shared']);
$event->('ann without a body', user => { email => $ann{email} }, fingerprint => ['shared']);
$event->('bob again', user => { id => 'u-1', email => 'bob@example.com' }, fingerprint => ['shared']);
$event->('ann in a context', contexts => { customer => { mail => $ann{email} } });
$event->('ann in a title', message => "cannot bill $ann{email}, twice");
$event->('ann in a tag', tags => [ [ customer => $ann{email} ], [ plan => 'gold' ] ]);
$event->('ann by the query', request => { url => 'https://shop.example/?m=ann%40example.com', env => { REMOTE_ADDR => $ann{address} } });
$event->('carl', user => { id => 'u-2', email => 'carl@example.com' }, extra => { also => 'x+carl@example.com.au' });
is $t->store(qq({"event_id":"@{[ random_hex(16) ]}","message":"of ann escaped","extra":{"to":"\\nann\\u0040example.com"}}), type => 'application/json',
    encoding => 'gzip')->status, 200, 'an event is taken: ann escaped';
my $bobs = $event->('bob with a log', user => { id => 'u-1' });
is $t->envelope([ attachment => "login ann\@example.com\n", filename => 'a.log' ], [ attachment => "carl\@example.com\n", filename => 'b.log' ],
    header => { event_id => $bobs })->status, 200, 'logs of another';
is $t->envelope([ attachment => 'hers', filename => 'c.log' ], header => { event_id => $mine })->status, 200, 'and of her own';
is $t->envelope([ user_report => { event_id => $mine, name => 'someone', comments => 'It broke.' } ], header => { event_id => $mine })->status, 200,
    'somebody writes about her event';
is $t->envelope([ feedback => { contexts => { feedback => { message => 'Where is search?', name => 'Ann', contact_email => $ann{email} } } } ],
    header => { event_id => random_hex(16) })->status, 200, 'she writes';
is $t->envelope([ feedback => { contexts => { feedback => { message => 'Nice.', contact_email => 'bob@example.com' } } } ],
    header => { event_id => random_hex(16) })->status, 200, 'and so does another';
is $t->envelope(map { $session->($_) } $ann{email}, $ann{id}, 'bob@example.com')->status, 200, 'sessions are taken';
is $t->envelope([ transaction => { event_id => random_hex(16), type => 'transaction', transaction => "/of/$_/", timestamp => time,
    start_timestamp => time - 1, contexts => { trace => { op => 'http', trace_id => random_hex(16), span_id => random_hex(8) } } } ])->status, 200, 'a transaction is taken'
    for $ann{email}, 'bob@example.com';
is $t->store({ message => 'elsewhere', user => { email => $ann{email} } }, project => $other)->status, 200, 'an event of another project'
    if $t->wait_for_key($other) || 1;
$t->settle;
eventually { !$t->sql_value('select count(*) from errtrack_private.tag_facts') } 'tags are counted';

# What people wrote about an issue, who made a release, a request that waits for GitLab, and
# somebody who failed to sign in.
my $issue = $t->sql_value(q{select min(id) from errtrack_private.issues where project_id = $1}, $t->project->{id});
$t->sql($_->[0], @$_[ 1 .. $#$_ ]) for
    [ q{insert into errtrack_private.issue_comments (project_id, issue_id, text) values ($1, $2, 'ask ann@example.com, nobody else')}, $t->project->{id}, $issue ],
    [ q{insert into errtrack_private.releases (project_id, release, first_received_at) values ($1, '1.0', now()) on conflict do nothing}, $t->project->{id} ],
    [ q{insert into errtrack_private.release_commits (project_id, release, position, id, message, author_name, author_email)
        values ($1, '1.0', 1, 'c1', 'mend', 'Ann', 'ann@example.com'), ($1, '1.0', 2, 'c2', 'mend', 'Bob', 'bob@example.com')}, $t->project->{id} ],
    # Off, so that nobody tries to send it.
    [ q{insert into errtrack_private.channels (project_id, name, kind, enabled) values ($1, 'team', 'mail', false)}, $t->project->{id} ],
    [ q{insert into errtrack_private.notifications (project_id, channel_id, kind, notice, last_error)
        select project_id, id, 'new_issue', '{"issue": {"id": 1, "title": "cannot bill ann@example.com"}}', 'answered 400: ann@example.com' from errtrack_private.channels} ],
    [ q{insert into errtrack_private.digests (project_id, channel_id, reason, due_at, issues)
        select project_id, id, 'cap', now() + interval '1 hour', '[{"short_id": "X-1", "title": "cannot bill ann@example.com"}]' from errtrack_private.channels} ],
    [ q{insert into errtrack_private.sign_in_failures (address) values ('2001:db8::7'), ('2001:db8::8')} ],
    map { my $id = random_hex(16);
        [ q{insert into errtrack_private.waiting_requests (project_id, delivery_id, public_key, received_at, meta, body) values ($1, $2, $3, now(), $4, convert_to($5, 'UTF8'))},
            $t->project->{id}, $id, 'k' x 32, "v 1\nid $id\nat " . time . "000000\nproject $t->{project}{id}\nkey 0\nep store\npub @{[ 'k' x 32 ]}\n",
            qq({"message":"waits","user":{"email":"$_"}}) ] } $ann{email}, 'bob@example.com';

# What ended five workers is dead.
$t->worker->stop;
my @dead = ($t->queue({ user => { email => $ann{email} } }), $t->queue({ user => { email => 'bob@example.com' } }, addr => $ann{address}),
    $t->redis('XADD', 'errtrack:{q0}:events', '*', m => "v 1\nid @{[ random_hex(16) ]}\nat " . time . "000000\nproject $t->{project}{id}\nkey 1\nep envelope\nenc gzip\n",
        b => ErrTrack::Instance::compress('gzip', ErrTrack::Instance::envelope_text({}, $session->('ann')))));
$t->redis('XREADGROUP', 'GROUP', 'workers', 'a-dead-one', 'COUNT', 10, 'STREAMS', 'errtrack:{q0}:events', '>');
$t->redis('XCLAIM', 'errtrack:{q0}:events', 'workers', 'a-dead-one', 0, @dead, 'IDLE', 60000, 'RETRYCOUNT', 5);
$t->worker->start;
eventually { $t->sql_value('select count(*) from errtrack_private.dead_letters') == 3 } 'requests are dead';

# ---- whom nobody knows --------------------------------------------------------------------

is $erase->(qw(--all-projects --email nobody@example.com)), "0 nothing names this e-mail address\n", 'of whom nobody knows nothing goes';
is $erase->(qw(--all-projects --email), $_), "0 nothing names this e-mail address\n", "$_ is another" for qw(arl@example.com carl@example.co Carl@example.com);
is $t->sql_value(q{select count(*) from errtrack_private.audit where action = 'person.erase'}), 0, 'and nothing is noted';
like $erase->(qw(--all-projects --email ann)), qr/^1 errtrack: "ann" is not an e-mail address$/, 'an address is one';
like $erase->(qw(--all-projects --address 10.0.0)), qr/^1 errtrack: "10.0.0" is no address of IPv4 or IPv6$/, 'of either kind';
like $erase->(qw(--email ann@example.com)), qr/^1 errtrack: name a project, or say --all-projects$/, 'where, is to be said';
like $erase->(qw(shop)), qr/^1 errtrack: name the person with --user-id, /, 'and who';
like $erase->(qw(shop --user-id 1 --username ann)), qr/^1 errtrack: name the person by one identity at a time$/, 'once';
is +(run([ @command, qw(erase shop --user-id 1) ]))[2], "errtrack: name the queue with --redis or ERRTRACK_REDIS\n", 'the queue is looked at';

# ---- by the e-mail address ----------------------------------------------------------------

my $users = sub { $t->sql_value(q{select user_count from errtrack_private.issues i where exists (
    select from errtrack_private.occurrences o join errtrack_private.origins g on g.id = o.origin_id where g.issue_id = i.id and o.event_id = $1::uuid)}, $ids{bob}) };
is $users->(), 3, 'three users had an issue: as the worker tells them apart';
my $before = $rows->('true');
my $events = $t->sql_value('select sum(event_count) from errtrack_private.issues');
my $planned = $counts->('--email', $ann{email}, '--dry-run');
is_deeply $planned, { events => 8, bodies => 7, attachments => 2, feedback => 2, dead_letters => 1, waiting_requests => 1, issue_users => 4,
    sessions => 1, session_users => 1, tags => 5, names => 2, texts => 10, commits => 1 }, 'it is counted what would go'
    or diag explain $planned;
is $rows->('true'), $before, 'nothing has changed';
like $erase->('--all-projects', '--email', $ann{email}, '--dry-run'), qr/^0 dry run, nothing is changed; this would go:\nevents +8\n/, '... which people are told first';
my $of_bob = $rows->(q{t::text like '%bob@example.com%' or t::text like '%carl@example.com%' or t::text like '%u-1%'});
is_deeply $counts->('--email', $ann{email}), $planned, 'it goes';
is $places->($ann{email}), '', 'her address is nowhere any more';
is $places->('ann\u0040example.com') . $places->('ann%40example.com'), '', 'in no other spelling either';
is $rows->(q{t::text like '%bob@example.com%' or t::text like '%carl@example.com%' or t::text like '%u-1%'}), $of_bob, 'what names others is there';
is join(' ', sort map { $_->[0] } $t->sql(q{select body ->> 'message' from errtrack_private.payloads where body ->> 'message' like 'of %'})),
    'of bob of bob again of bob with a log of carl', 'and the events of others are';
is $t->sql_value('select sum(event_count) from errtrack_private.issues'), $events, 'all events stay counted';
is $users->(), 1, 'users who are gone do not';
is $t->sql_value('select text from errtrack_private.issue_comments'), 'ask [erased], nobody else', 'nor does a comment';
is_deeply [ $t->sql(q{select notice #>> '{issue,title}', last_error from errtrack_private.notifications}) ], [ [ 'cannot bill [erased]', 'answered 400: [erased]' ] ], 'what people were told';
is $t->sql_value(q{select issues #>> '{0,title}' from errtrack_private.digests}), 'cannot bill [erased]', '... and will be';
is $t->sql_value(q{select string_agg(concat_ws(' ', id, author_name, author_email), ',' order by id) from errtrack_private.release_commits}),
    'c1  ,c2 Bob bob@example.com', 'or a commit';
is $t->sql_value(q{select title from errtrack_private.issues where title like 'cannot bill%'}), 'cannot bill [erased], twice', 'a title names nobody';
is $t->sql_value(q{select string_agg(value, ',') from errtrack_private.tag_counts where key = 'plan'}), 'gold', 'other tags of her events stay';
is $t->sql_value(q{select sum(s.size) - (select count(*) from errtrack_private.tag_counts) from errtrack_private.tag_sets s}), 0, 'as many as are said';
is $t->sql_value(q{select string_agg(name, ',' order by name) from errtrack_private.attachments}), 'b.log', 'only a file without her stays';
is $t->sql_value('select count(*) from errtrack_private.sessions'), 3, 'sessions stay';
is $t->sql_value('select count(*) from errtrack_private.session_users'), 2, 'their user is gone';
my ($audit) = $t->sql(q{select who, action, details ->> 'kind', details ->> 'identity', details -> 'removed' ->> 'events', details ? 'finished' from errtrack_private.audit where action = 'person.erase'});
is "@$audit", "errtrack_admin person.erase email @{[ sha256_hex(qq(email:$ann{email})) ]} 8 t", 'it is noted without her name';
is $erase->(qw(--all-projects --email), $ann{email}), "0 nothing names this e-mail address\n", 'a second time nothing is left';

is $t->envelope([ event => { event_id => $mine, message => 'again', user => { email => $ann{email} } } ], header => { event_id => $mine })->status, 200,
    'an event of hers is sent again';
$t->settle;
is $places->($ann{email}), '', 'and is a duplicate';

# ---- by the others ------------------------------------------------------------------------

is $erase->('--all-projects', '--user-id', $ann{id}), "0 erased:\nsessions       1\nsession_users  1\ntags           1\n", 'by her id, and people are told what went';
is $places->($ann{id}), '', 'it is gone';
is_deeply $counts->('--address', '2001:DB8:0:0:0:0:0:7'), { dead_letters => 1, sign_in_attempts => 1 }, 'by her network address, however it is written';
is $places->($ann{address}), '', 'it is gone';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 1, 'with the request that came from there';

$event->('a short name', user => { username => 'ann', id => 7 });
$event->('the name in a text', message => 'ann is 7', tags => { user_id => '7' });
$event->('the name elsewhere', extra => { ann => 'ann' });
$t->settle;
is $erase->('other', '--username', 'ann'), "0 nothing names this user name\n", 'a project may be meant alone';
is_deeply [ @{ $counts->('--username', 'ann') }{qw(events bodies dead_letters)} ], [ 1, 1, 1 ], 'a short name counts where it is that of a user';
is_deeply [ @{ $counts->('--user-id', 7) }{qw(events tags)} ], [ 1, 2 ], 'so does a short id, also in a tag';

# ---- what waits ---------------------------------------------------------------------------

$t->worker->stop;
is $t->store({ message => 'late', user => { email => $ann{email} } })->status, 200, 'a report waits in the queue';
is $erase->(qw(--all-projects --wait 1 --email), $ann{email}),
    "3 nothing names this e-mail address\nerrtrack: 1 requests wait in the queue, and may name the person: "
    . "see that a worker runs, and run this again when they are filed\n", 'which is told when no worker runs';
$t->worker->start;
is $counts->('--email', $ann{email})->{events}, 1, 'it is waited for';
is $places->($ann{email}), '', 'and nothing brings her back';
$t->redis_server->stop;
like $erase->(qw(--all-projects --email), $ann{email}), qr/^3 nothing names .*\nerrtrack: the queue could not be looked at: Redis at /,
    'a queue that is away is told';
$t->redis_server->start;
$t->done;
