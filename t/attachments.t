# Files that come with events: what is kept of them byte by byte, what counts as sent
# twice, and how they go again.

use strict;
use warnings;

use Digest::SHA 'sha256_hex';
use Test::More;

use ErrTrack;
use ErrTrack::Process 'random_hex';

my $CONF = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;

events {
    worker_connections 512;
}

http {
    %%HTTP%%

    errtrack_redis %%REDIS%%;
    errtrack_zone 8m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    errtrack_max_body_size 8m;

    server {
        listen 127.0.0.1:%%PORT%%;

        location / {
            client_max_body_size 0;
            errtrack_ingest;
            errtrack_minidump on;
        }

        location /errortracking/api/v1/ {
            errtrack_query;
        }
    }
}
CONF

use constant LIMIT => 2 * 1024 * 1024;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => $CONF, worker => { args => [ '--attachment-size', LIMIT ] });
my $project = $t->project->{id};
my %booked;

# What the ledger has gained, "attachment stored" => 2 and so on, is this and no more.
sub gains {
    my ($label, %gain) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $booked{$_} += $gain{$_} for keys %gain;
    my $text = sub { join ', ', map { "$_: $_[0]{$_}" } sort keys %{ $_[0] } };
    my $seen;
    eventually {
        $seen = { map { ($_->[0] => 0 + $_->[1]) } $t->sql(q{select rtrim(category || ' ' || outcome || ' ' || reason),
            sum(items) from errtrack.outcomes group by 1}) };
        $text->($seen) eq $text->(\%booked);
    } $label, timeout => 15 or diag $text->($seen), "\nwanted: ", $text->(\%booked);
    return;
}

# The files of an event in the order in which they came, as "name (type of content) type size".
sub files {
    my ($event) = @_;
    return [ map { "$_->[0] ($_->[1]) $_->[2] $_->[3]" } $t->sql(q{select name, coalesce(content_type, 'none'), attachment_type, size
        from errtrack.attachments where project_id = $1 and event_id = $2::uuid order by received_at, position}, $project, $event) ];
}

sub bytes_of {
    my ($event, $name) = @_;
    return pack 'H*', $t->sql_value(q{select encode(body, 'hex') from errtrack_private.attachments
        where project_id = $1 and event_id = $2::uuid and name = $3}, $project, $event, $name);
}

# A form; a part is [ headers of the disposition, content, content type ].
sub form {
    my (@parts) = @_;
    return join('', map { "--boundary\r\nContent-Disposition: form-data; $_->[0]\r\n"
        . (defined $_->[2] ? "Content-Type: $_->[2]\r\n" : '') . "\r\n$_->[1]\r\n" } @parts) . "--boundary--\r\n";
}

sub attach {
    my ($event, @parts) = @_;
    return $t->submit("events/$event/attachments", form(@parts), type => 'multipart/form-data; boundary=boundary')->status;
}

# ---- what is kept --------------------------------------------------------------

my $all = join '', map { chr } 0 .. 255;
my $event = random_hex(16);
is $t->envelope([ event => { event_id => $event, message => 'with files' } ], [ attachment => $all, filename => 'all bytes.bin',
        content_type => 'application/x-bytes' ], [ attachment => '' ], [ attachment => "a\nb", filename => '../../etc/passwd',
        attachment_type => 'unreal.logs' ], [ attachment => 'c', filename => "a\nb\x1b\x{85}c" ],
    header => { event_id => $event })->status, 200, 'an event with files is taken';
gains('all are stored', 'error stored' => 1, 'attachment stored' => 4);
is_deeply files($event), [ 'all bytes.bin (application/x-bytes) event.attachment 256', 'attachment (none) event.attachment 0',
    'passwd (none) unreal.logs 3', 'a_b__c (none) event.attachment 1' ], 'in their order, under harmless names';
is unpack('H*', bytes_of($event, 'all bytes.bin')), unpack('H*', $all), 'every byte is the one that was sent';
is bytes_of($event, 'passwd'), "a\nb", 'a line end too';
is $t->sql_value(q{select encode(sha256, 'hex') from errtrack.attachments where name = 'all bytes.bin'}), sha256_hex($all),
    'its hash is that of the bytes';

is attach($event, [ 'name=log; filename="C:\Users\ann\b.txt"', "\\x41\\N\t\\.\n\r", 'text/plain' ], [ 'name=unnamed', $all ]), 201,
    'files may follow';
gains('they are stored', 'attachment stored' => 2);
is_deeply [ @{ files($event) }[4, 5] ], [ 'b.txt (text/plain) event.attachment 11', 'unnamed (none) event.attachment 256' ],
    'with what is known of them';
is bytes_of($event, 'b.txt'), "\\x41\\N\t\\.\n\r", 'what COPY knows as something else is kept as it is';
is bytes_of($event, 'unnamed'), $all, 'binary bytes of a form too';

my $unknown = random_hex(16);
is $t->envelope([ attachment => 'early', filename => 'early' ], header => { event_id => $unknown })->status, 200,
    'a file of an event that nobody knows is taken';
gains('and stored', 'attachment stored' => 1);

# ---- crash dumps ---------------------------------------------------------------

my $dump = "MDMP\x93\xa7\0\0$all\r\n--\r\n";
my $answer = $t->submit('minidump', form([ 'name=upload_file_minidump; filename="crash.dmp"', $dump, 'application/x-dmp' ],
    [ 'name=sentry', '{"message":"crashed"}' ], [ 'name=log; filename="log.txt"', 'last words' ]),
    type => 'multipart/form-data; boundary=boundary');
is $answer->status, 200, 'a crash dump is taken';
my $crash = $answer->content =~ tr/-//dr;
gains('it is an event with files', 'error stored' => 1, 'attachment stored' => 2);
is_deeply files($crash), [ 'crash.dmp (application/x-dmp) event.minidump ' . length $dump, 'log.txt (none) event.attachment 10' ],
    'the dump is one of them';
is bytes_of($crash, 'crash.dmp'), $dump, 'as it was sent';
$answer = $t->submit('minidump', $dump, type => 'application/octet-stream', encoding => 'gzip');
is $answer->status, 200, 'a dump without a form is taken';
$crash = $answer->content =~ tr/-//dr;
gains('and kept', 'error stored' => 1, 'attachment stored' => 1);
is_deeply files($crash), [ 'minidump.dmp (application/octet-stream) event.minidump ' . length $dump ], 'under a name of ours';
is bytes_of($crash, 'minidump.dmp'), $dump, 'without its compression';
# As the native SDK sends it: the event says nothing of a crash.
$crash = '5' x 32;
$t->envelope([ attachment => $dump, filename => 'crash.dmp', attachment_type => 'event.minidump' ],
    [ event => { event_id => $crash, contexts => { os => { name => 'Linux' } }, platform => undef } ], header => { event_id => $crash });
gains('a dump in the envelope of its event is kept', 'error stored' => 1, 'attachment stored' => 1);
is_deeply [ map { @$_ } $t->sql('select i.title, o.level, o.platform from errtrack.occurrences o join errtrack.issues i using (project_id, issue_id)
    where event_id = $1', $crash) ], [ 'Minidump', 'fatal', 'native' ], '... and the event is that of a crash';

# ---- sizes ---------------------------------------------------------------------

my $large = $all x (LIMIT / 256);
my $sized = random_hex(16);
is $t->envelope([ attachment => $large, filename => 'largest' ], [ attachment => "$large.", filename => 'larger' ],
    [ attachment => 'small', filename => 'small' ], header => { event_id => $sized })->status, 200, 'large files are taken';
gains('one that is too large is not kept', 'attachment stored' => 2, 'attachment discarded too_large' => 1);
is_deeply files($sized), [ 'largest (none) event.attachment ' . LIMIT, 'small (none) event.attachment 5' ], 'the others are';
ok bytes_of($sized, 'largest') eq $large, 'whole';

# ---- what is sent twice --------------------------------------------------------

my $twice = sub {
    return $t->envelope([ event => { event_id => $event, message => 'with files' } ], [ attachment => $all, filename => 'all bytes.bin' ],
        @_, header => { event_id => $event })->status;
};
is $twice->(), 200, 'the event comes again with a file of its';
gains('both are duplicates', 'error duplicate' => 1, 'attachment duplicate' => 1);
is $twice->([ attachment => "$all.", filename => 'all bytes.bin' ]), 200, 'once more with another file of the same name';
gains('that one is new', 'error duplicate' => 1, 'attachment duplicate' => 1, 'attachment stored' => 1);
is attach($event, [ 'name=a; filename="all bytes.bin"', $all ], [ 'name=a; filename=other', $all ]), 201, 'the file comes alone';
gains('another name is another file', 'attachment duplicate' => 1, 'attachment stored' => 1);
is attach($unknown, [ 'name=a; filename="all bytes.bin"', $all ], [ 'name=a; filename="all bytes.bin"', $all ]), 201,
    'the same for another event, twice in one request';
gains('is kept, twice', 'attachment stored' => 2);

my $other = $t->create_project('other', 'acme');
$t->wait_for_key($other);
is $t->submit("events/$event/attachments", form([ 'name=a; filename="all bytes.bin"', $all ]),
    type => 'multipart/form-data; boundary=boundary', project => $other)->status, 201, 'the same for another project';
gains('is kept', 'attachment stored' => 1);

# In one batch, and an entry that is handed over twice.
$t->worker->stop;
my $batch = random_hex(16);
is attach($batch, [ 'name=a; filename=one', 'one' ], [ 'name=a; filename=two', 'two' ]), 201, 'two files wait';
my $stream = 'errtrack:{q0}:events';
my ($entry) = map { $_->[1] } @{ $t->redis('XRANGE', $stream, '-', '+') };
$t->redis('XADD', $stream, '*', @$entry);
is attach($batch, [ 'name=a; filename=two', 'two' ], [ 'name=a; filename=three', 'three' ]), 201, 'one of them comes again';
is $t->store({ message => 'handed over twice' })->status, 200, 'an event waits too';
my $last = $t->redis('XREVRANGE', $stream, '+', '-', 'COUNT', 1)->[0];
$t->redis('XADD', $stream, '*', @{ $last->[1] });
$t->worker->start;
gains('in one batch it is found too', 'attachment stored' => 3, 'attachment duplicate' => 1, 'error stored' => 1);
eventually { $t->redis('XLEN', $stream) == 0 } 'the queue is empty';
is_deeply [ map { /^(\w+)/ } @{ files($batch) } ], [qw(one two three)], 'a request that is handed over twice is filed once';
unlike $t->worker->log_text, qr/filing one by one/, 'at the first try';

# Another worker is about to file the same.
{
    my $race = random_hex(16);
    my $session = $t->sql_session;
    $session->("set role errtrack_worker; select errtrack_private.prepare_session(); begin;
        insert into batch_attachments values (0, $project, now(), '$race', gen_random_uuid(), 'a', sha256('raced'));
        select errtrack_private.claim_attachments();
        insert into errtrack_private.attachments (project_id, received_at, event_id, delivery_id, position, name, attachment_type,
                size, sha256, body)
            select project_id, received_at, event_id, delivery_id, 0, name, 'event.attachment', 5, sha256, 'raced'
            from batch_attachments;");
    is attach($race, [ 'name=a; filename=a', 'raced' ]), 201, 'a file comes that another worker is filing';
    eventually { $t->sql_value(q{select count(*) from pg_locks where locktype = 'advisory' and not granted}) } 'the worker waits';
    $session->('commit;');
    gains('and finds a duplicate', 'attachment duplicate' => 1);
}

# ---- partitions ----------------------------------------------------------------

is $t->sql_value('select errtrack_private.default_partition_rows()'), 0, 'every row has found its partition';
my $move = sub {
    $t->sql(q{update errtrack_private.attachments set received_at = received_at + $1::interval where event_id = $2::uuid}, @_);
};
$move->('2 days ago', $batch);
is attach($batch, [ 'name=a; filename=one', 'one' ]), 201, 'a file comes again after two days';
gains('it is kept again', 'attachment stored' => 1);
$move->('30 days', $sized);
is $t->sql_value('select errtrack_private.default_partition_rows()'), 2, 'files without a partition are told of';
$move->('-30 days', $sized);
$t->sql('select errtrack_private.make_partitions(14, 12)');
$move->('11 days ago', $sized);
is_deeply files($sized), [ 'largest (none) event.attachment ' . LIMIT, 'small (none) event.attachment 5' ], 'files grow old';
$t->errtrack('retention', '--days', 10);
is_deeply files($sized), [], 'and are dropped by the day';
is scalar @{ files($event) }, 8, 'younger ones are not';

# ---- deletion ------------------------------------------------------------------

my $kept = sub { $t->sql_value('select count(*) from errtrack_private.attachments where project_id = $1', $_[0]) };
cmp_ok $kept->($project), '>', 10, 'the project has files';
is $t->sql_value(q{select errtrack_private.purge_attachments($1, now(), clock_timestamp())}, $project), 'f',
    'without time nothing is removed';
cmp_ok $kept->($project), '>', 10, 'they are there';
$t->worker->stop;
is attach($event, [ 'name=a; filename=late', 'late' ]), 201, 'one more waits';
is $t->api(DELETE => "/projects/$project")->status, 204, 'what the project has received is deleted';
is $kept->($project), 0, 'its files are gone';
is $kept->($other->{id}), 1, 'those of others are not';
$t->worker->start;
gains('what waited is not stored', 'attachment discarded project_deleted' => 1);
is attach($event, [ 'name=a; filename="all bytes.bin"', $all ]), 201, 'a file comes that was deleted';
gains('it is stored', 'attachment stored' => 1);
# As a project that is too large to be removed at once.
$t->sql('update errtrack_private.projects set purge_before = now() where id = $1', $project);
is_deeply files($event), [], 'what is to be removed is hidden';
is attach($event, [ 'name=a; filename="all bytes.bin"', $all ]), 201, 'the same file comes once more';
gains('what is hidden makes no duplicate of it', 'attachment stored' => 1);
is $t->sql_value(q{select errtrack_private.purge_projects('5 s')}), 't', 'the rest is removed';
is $kept->($project), 1, 'but for what came later';
is $t->sql_value('select count(*) from errtrack_private.dead_letters'), 0, 'nothing is dead';

$t->done;
