# An operator says to whom mail may be sent at all: whoever sets channels of a project cannot have
# the worker write to anybody else, and learns why.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $mail = $t->add_receiver([], program => [ root() . '/t/lib/mail_server' ]);
$t->sql(q(insert into errtrack_private.channels (project_id, name, kind, settings) values
    ($1, 'ours', 'mail', '{"to": ["ops@Example.org", "ann@mail.example.com"]}'),
    ($1, 'mixed', 'mail', '{"to": ["eve@elsewhere.example", "ops@example.org"]}'),
    ($1, 'theirs', 'mail', '{"to": ["eve@elsewhere.example", "eve@sub.example.org", "eve@notexample.org"]}')), $t->{project}{id});
$t->start_worker(args => [ $t->notifying, '--mail-server', 'smtp://127.0.0.1:' . $mail->port, '--mail-starttls', 'none',
    '--mail-from', 'errors@example.com', '--mail-domain', 'example.org', '--mail-domain', 'MAIL.example.com' ]);

my $told = sub { $t->sql_value('select last_error from errtrack_private.channels where name = $1', $_[0]) // '' };
my $rule = '(the operator lets no mail go to this domain: --mail-domain)';
$t->queue({ message => 'boom' });
eventually { $told->('theirs') ne '' } 'a channel of another domain has nothing sent';
is $told->('theirs'), 'mail is sent to nobody: ' . join(', ', map { "$_ $rule" } qw(eve@elsewhere.example eve@sub.example.org eve@notexample.org)),
    '... and says why';
is $t->sql_value(q(select parked_at is not null from errtrack_private.channels where name = 'theirs')), 't', '... and is parked';
eventually { $told->('mixed') ne '' } 'of several recipients those of the domains get it';
is $told->('mixed'), "it did not reach eve\@elsewhere.example $rule", '... and the others do not, as the channel says';
eventually { $mail->requests == 2 } 'what is for the domains alone is sent';
is $told->('ours'), '', '... to all';
is_deeply [ sort map { lc } map { @{ $_->{to} } } $mail->requests ], [qw(ann@mail.example.com ops@example.org ops@example.org)], 'nobody else was written to';
unlike join("\n", map { $_->{message} } $mail->requests), qr/eve/, '... or named';

$t->done;
