# errtrack doctor --spool: what an edge on this host keeps while Redis is away, and since when.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir run write_file);

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_spool %%DIR%%/spool size=64m free=1m;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
    }
}
CONF
my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => { config => $conf });

# Level and text of each finding about the spool.
sub findings {
    my (@arg) = @_;
    my (undef, $out) = run([ build_dir() . '/errtrack', '--database', $t->postgres->conninfo('errtrack_admin'),
        'doctor', '--json', '--redis', $t->redis_server->address, @arg ]);
    return join "\n", map { "$_->{level}: $_->{what}; $_->{advice}" } grep { $_->{subject} eq 'spool' } @{ JSON::PP::decode_json($out)->{findings} };
}

my $spool = "$t->{dir}/spool";
is findings(), '', 'without the option nothing is said of a spool';
is findings('--spool', $spool), "ok: nothing waits in $spool; ", 'nothing waits';
is findings('--spool', "$spool/none"),
    "failing: cannot look into $spool/none: No such file or directory; name the folder of errtrack_spool, as somebody who may read it",
    'a folder that is not there is failing';

$t->redis_server->kill;
is $t->store({ message => 'kept' })->status, 200, 'a report is taken without Redis';
like findings('--spool', $spool), qr/\Aok: [1-9]\d* bytes wait in \Q$spool\E; \z/, 'it waits, not for long';

# An hour before: names begin with the time.
my $old = sprintf '%016x-1-1', (time - 3600) * 1_000_000;
write_file("$spool/$old.v", 'x' x 10);
like findings('--spool', $spool),
    qr/\Awarning: \d+ bytes have waited for 36\d\d s in \Q$spool\E; see whether nginx reaches Redis, whether the queue is full, and what its error log says\z/,
    'what has waited for an hour is a warning';
rename "$spool/$old.v", "$spool/$old.v.damaged" or die "$spool/$old.v: $!\n";
like findings('--spool', $spool), qr/^warning: 1 files in \Q$spool\E cannot be read; see what the error log of nginx says of them, and remove them$/m,
    'a file that cannot be read, too';
unlink "$spool/$old.v.damaged" or die "$spool/$old.v.damaged: $!\n";

$t->redis_server->start;
eventually { findings('--spool', $spool) eq "ok: nothing waits in $spool; " } 'when Redis is back it is drained';
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == 1 } 'and filed';

$t->done;
