# Nobody can have the worker speak with what only the worker can reach: an address is judged
# when it is connected to, however it is written. Nothing is sent, and the channel says why.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $receiver = $t->add_receiver(['loopback']);
my $port = $receiver->port;

my %url = (
    'decimal'           => "http://2130706433:$port/",
    'octal'             => "http://0177.0.0.1:$port/",
    'hexadecimal'       => "http://0x7f000001:$port/",
    'short'             => "http://127.1:$port/",
    'any'               => "http://0.0.0.0:$port/",
    'name'              => "http://localhost:$port/",
    'dotted name'       => "http://localhost.:$port/",
    'IPv6'              => "http://[::1]:$port/",
    'IPv6 any'          => "http://[::]:$port/",
    'mapped'            => "http://[::ffff:127.0.0.1]:$port/",
    'mapped in digits'  => "http://[::ffff:7f00:1]:$port/",
    'user'              => "http://example.com\@127.0.0.1:$port/",
    'user and password' => "http://a:b\@127.0.0.1:$port/",
    'fragment'          => "http://127.0.0.1:$port#\@example.com/",
    'metadata'          => 'http://169.254.169.254/latest/meta-data/',
    'private'           => 'http://10.0.0.1/',
    'shared'            => 'http://100.64.0.1/',
    'unique local'      => 'http://[fd00::1]/',
    'link local'        => 'http://[fe80::1]/',
    'file'              => 'file:///etc/passwd',
    'other scheme'      => "gopher://127.0.0.1:$port/",
    'database'          => 'http://127.0.0.1:' . $t->postgres->port . '/',
    'queue'             => 'http://127.0.0.1:' . $t->redis_server->port . '/',
);
for my $name (sort keys %url) {
    (my $file = $name) =~ tr/ /-/;
    write_file("$t->{dir}/secrets/$file", "$url{$name}\n");
    $t->sql(q(insert into errtrack_private.channels (project_id, name, kind, files) values ($1, $2, 'webhook', jsonb_build_object('url', $3))),
        $t->{project}{id}, $name, $file);
}

$t->start_worker(args => [ '--secrets-dir', "$t->{dir}/secrets" ]);
$t->queue({ message => 'boom' });
for my $name ('loopback', sort keys %url) {
    eventually { ($t->sql_value('select last_error from errtrack_private.channels where name = $1', $name) // '') ne '' } "$name: is refused";
    is $t->sql_value(q(select n.state from errtrack_private.notifications n
        join errtrack_private.channels c on c.project_id = n.project_id and c.id = n.channel_id where c.name = $1), $name), 'waiting',
        '... and its message waits until somebody mends it';
}
# Not every resolver knows the last one at all.
is $t->sql_value('select count(*) from errtrack_private.channels where parked_at is null and name <> $1', 'dotted name'), 0,
    'all of them are parked';
is scalar $receiver->requests, 0, 'the server heard nothing';
unlike $t->worker->log_text, qr/meta-data/, 'the log has no part of an address that may be a secret';

# With the address allowed it is only the form that counts.
$t->worker->stop;
$t->start_worker(name => 'allowed', args => [ $t->notifying ]);
$t->sql(q(update errtrack_private.channels set next_attempt_at = '-infinity'));
eventually { $receiver->requests('/loopback') == 1 } 'the operator can allow an address';
eventually { $t->sql_value(q(select count(*) from errtrack_private.notifications where state = 'sent')) >= 6 } 'however it is written';
for my $name ('user', 'user and password', 'file', 'other scheme', 'metadata', 'private') {
    isnt $t->sql_value('select parked_at from errtrack_private.channels where name = $1', $name), undef, "$name: is refused all the same";
}

$t->done;
