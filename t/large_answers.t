# Large answers that nobody reads: only so many of them are kept, and small ones go on.

use strict;
use warnings;

use IO::Socket::INET ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $event = $t->store({ message => 'with a file' })->json->{id};
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == 1 } 'an event is filed';
$t->sql(q{insert into errtrack_private.attachments
        (project_id, received_at, event_id, delivery_id, position, name, attachment_type, size, sha256, body)
    select project_id, received_at, event_id, event_id, 0, 'large.bin', 'event.attachment', 20000000, sha256('x'),
           decode(repeat('ab', 20000000), 'hex')
    from errtrack_private.occurrences});
my $files = "/projects/acme/shop/events/$event/attachments/";
my $file = $files . $t->sentry('GET', $files)->json->[0]{id} . '/?download=1';
is length $t->sentry('GET', $file)->content, 20_000_000, 'a large file is sent';

# Both processes have room for six, however the connections fall to them.
my (@readers, %answered);
for (1 .. 16) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $t->nginx->port) or die "no connection: $!\n";
    print {$socket} "GET /api/0$file HTTP/1.1\r\nHost: errors\r\nAuthorization: Bearer " . $t->token . "\r\n\r\n";
    sysread $socket, my $head, 512 or die "no answer\n";
    push @{ $answered{ ($head =~ m{^HTTP/1\.1 (\d+)})[0] } }, $head;
    push @readers, $socket;
}
is_deeply [ sort keys %answered ], [ 200, 503 ], 'sixteen that nobody reads are not all kept';
cmp_ok scalar @{ $answered{200} }, '>=', 6, 'some are';
cmp_ok scalar @{ $answered{200} }, '<=', 12, '... by each process as many as it has room for';
is scalar(grep { !/^Retry-After: \d+\r$/mi } @{ $answered{503} }), 0, 'the others may come again';
is $t->sentry('GET', '/projects/acme/shop/issues/')->status, 200, 'a small answer is given meanwhile';
@readers = ();
for (1 .. 4) {
    eventually { $t->sentry('GET', $file)->status == 200 } 'and large ones when those have gone';
}

$t->done;
