# The web page without what it needs: a session, a right, an issue, a database that answers, a
# server. Each has a state that says what is and what to do, and the page goes on by itself.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Page qw(browse browser_missing);

plan skip_all => $_ for browser_missing();

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
$t->errtrack(qw(user create reader@example.com));
$t->errtrack(qw(user role reader@example.com acme reporter));
my $reader = $t->errtrack(qw(token create --user reader@example.com --json))->{token};

my $locked;
browse($t, 'states.mjs', words => { PAGE_READER => $reader }, acts => {
    forget => sub { $t->sql(q(delete from errtrack_private.tokens where kind = 'session')) },
    lock => sub {
        $locked = $t->sql_session;
        $locked->('begin; lock table errtrack_private.issues in access exclusive mode;');
    },
    unlock => sub { undef $locked },
    stop   => sub { $t->postgres->stop },
    start  => sub { $t->postgres->start },
    end    => sub { $t->nginx->stop },
    begin  => sub { $t->nginx->start },
});

$t->done;
