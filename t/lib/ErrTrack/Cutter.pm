package ErrTrack::Cutter;

# Stands before a port and cuts its connections when it is told to: see t/lib/cutter.

use strict;
use warnings;
use parent 'ErrTrack::Service';

use ErrTrack::Process qw(root);

# dir, name, port, target: the port that it leads to; rate: bytes a second to there; late:
# seconds after which an end that comes from there is passed on.
sub command { return ($^X, root() . '/t/lib/cutter', $_[0]->port, $_[0]{target}, map { $_[0]{$_} // 0 } qw(rate late)) }

sub ready { return $_[0]->log_since_start =~ /^ready$/m }

sub address { return '127.0.0.1:' . $_[0]->port }

sub cut { $_[0]->signal('USR1'); return }

1;
