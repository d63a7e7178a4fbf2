# Mail: each of those who are to be told gets the message, in text that a person can read and
# that no title can break out of; the messages about an issue make a thread.

use strict;
use warnings;
use utf8;

use Encode qw(decode);
use MIME::QuotedPrint qw(decode_qp);
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $mail = $t->add_receiver([], program => [ root() . '/t/lib/mail_server' ]);
$t->sql(q(insert into errtrack_private.channels (project_id, name, kind, settings) values
    ($1, 'ops', 'mail', '{"to": ["ops@example.com", "ann@example.com"]}'), ($1, 'nobody', 'mail', '{"to": ["nobody@example.com"]}')), $t->{project}{id});
$t->start_worker(args => [ $t->notifying, '--mail-server', 'smtp://127.0.0.1:' . $mail->port, '--mail-starttls', 'none',
    '--mail-from', 'errors@example.com', '--public-url', 'https://errors.example.com' ]);

my $title = "Zoë lost her cart\r\nBcc: all\@example.com\r\n\r\n.\r\n";
$t->queue({ message => $title, release => 'shop@1.0', environment => 'production' });
my %told;
eventually { %told = map { $_ => 1 } map { @{ $_->{to} } } $mail->requests; keys %told >= 2 } 'a new issue is told by mail';
is_deeply [ sort keys %told ], [qw(ann@example.com ops@example.com)], 'to those who are to be told, and nobody else';
my ($first) = $mail->requests;
is $first->{from}, 'errors@example.com', 'from the address of the worker';
my ($head, $body) = split /\r\n\r\n/, $first->{message}, 2;
my %header = map { /^([^:]+):\s*(.*)$/s ? (lc $1 => $2) : () } split /\r\n(?!\s)/, $head;
my $subject = decode('MIME-Header', $header{subject});
like $subject, qr/^\[shop\] SHOP-\w+ .*Zoë lost/, 'the subject names the project, the issue and what it is';
ok !exists $header{bcc}, 'a title adds no header';
is $header{'auto-submitted'}, 'auto-generated', 'it says that no person wrote it';
my $text = decode('UTF-8', decode_qp($body));
for my $word ('Zoë lost', 'her cart', 'production', 'shop@1.0', 'https://errors.example.com/acme/shop/issues/') {
    like $text, qr/\Q$word\E/, "the text has: $word";
}

my $issue = $t->sql_value('select issue_id from errtrack.issues');
$t->errtrack(qw(issue resolve shop), $issue, '--by', 'ann');
$t->queue({ message => $title });
eventually { grep { $_->{message} =~ /^Subject:.*[Bb]ack/m } $mail->requests } 'that it is back is told, too';
my ($back) = grep { $_->{message} =~ /^Subject:.*[Bb]ack/m } $mail->requests;
my ($thread) = $first->{message} =~ /^References: (\S+)/m;
like $back->{message}, qr/^References: \Q$thread\E/m, 'in the same thread';

eventually { $t->sql_value(q(select last_error from errtrack_private.channels where name = 'nobody')) } 'an address that is refused';
like $t->sql_value(q(select last_error from errtrack_private.channels where name = 'nobody')), qr/550/, 'is told with what the mail server says';

# Of several recipients those who can be reached are.
$t->sql(q(delete from errtrack_private.channels where name = 'nobody'));
$t->sql(q(update errtrack_private.channels set settings = '{"to": ["nobody@example.com", "ops@example.com", "later@example.com"]}' where name = 'ops'));
my $before = () = $mail->requests;
$t->queue({ message => 'something else' });
eventually { $mail->requests > $before } 'one whom the server does not take keeps the mail from nobody else';
is_deeply +($mail->requests)[-1]{to}, ['ops@example.com'], '... who gets it';
my $missed = 'it did not reach nobody@example.com (550 no such user), later@example.com (451 come again later)';
eventually { ($t->sql_value(q(select last_error from errtrack_private.channels where name = 'ops')) // '') eq $missed } 'the channel tells whom it did not reach';
is_deeply [ $t->sql('select state, attempts, last_error from errtrack.notifications order by created_at desc limit 1') ], [ [ 'sent', 1, $missed ] ],
    '... and the history: they do not get it later, as the others would have it twice';
is $t->sql_value(q(select failures from errtrack_private.channels where name = 'ops')), 0, '... which does not count as a failure';

$t->done;
