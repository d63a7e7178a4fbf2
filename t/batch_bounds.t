# What a worker takes into one transaction is bounded by what requests hold when they are
# read, and not by what they were sent as.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::HTTP 'json_text';
use ErrTrack::Process 'read_file';

my $t = ErrTrack->stack(redis => { appendonly => 'no' });

# A compressed request with a thousand user reports.
sub send_reports {
    my ($request, $comments) = @_;
    # Without it the edge would take this for a bomb.
    my $noise = sub { return join '', map { chr 97 + int rand 26 } 1 .. 24 };
    my $body = join '', "{}\n", map {
        qq({"type":"user_report"}\n) . json_text({ event_id => sprintf('%016x%016x', $request, $_), comments => $noise->() . $comments }) . "\n"
    } 1 .. 1_000;
    is $t->submit('envelope', $body, type => 'application/x-sentry-envelope', encoding => 'gzip')->status, 200,
        'a thousand reports are taken';
    return;
}

# The most reports that one transaction has filed of these requests.
sub most_at_once {
    my ($first, $last) = @_;
    return $t->sql_value(q{select max(n) from (
        select count(*) as n from errtrack_private.feedback where id between $1::uuid and $2::uuid group by xmin) filed},
        sprintf('%016x%016x', $first, 0), sprintf('%016x%016x', $last + 1, 0));
}

my $stored = sub { $t->sql_value('select count(*) from errtrack.feedback') };

$t->worker->stop;
send_reports($_, 'a' x 3_000) for 1 .. 20;
$t->worker->start;
eventually { $stored->() == 20_000 } '60 MB of reports in 20 small requests are filed', timeout => 60;
is most_at_once(1, 20), 2_000, 'two requests at once';
SKIP: {
    skip 'a sanitizer keeps what was freed', 1 if $ENV{ERRTRACK_PRELOAD};
    my ($most) = read_file('/proc/' . $t->worker->pid . '/status') =~ /^VmHWM:\s+(\d+) kB/m;
    cmp_ok $most / 1024, '<', 150, 'the worker did not need memory for all of them';
}

$t->worker->stop;
send_reports($_, 'short') for 21 .. 40;
$t->worker->start;
eventually { $stored->() == 40_000 } 'short ones are filed', timeout => 60;
is most_at_once(21, 40), 5_000, 'five thousand at once';

$t->done;
