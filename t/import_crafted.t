# A file whose sums fit, and in which a value is what no program writes: it is refused with
# the line, the field and what to do, and nothing is left of it.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Schema qw(enter_rows migrations);
use ErrTrack::Transfer qw(import_file sealed traces);

# A project with a row of each kind.
my $t = ErrTrack->new;
$t->start_postgres;
my ($newest) = sort { $b <=> $a } keys %{ migrations() };
# They are for a database without triggers.
enter_rows($newest, sub { my ($rows, @values) = @_; $t->sql("set session_replication_role = replica;\n$rows", @values) });
$t->sql('delete from errtrack_private.splits');
$t->sql(q{insert into errtrack_private.transactions (project_id, hour, transaction, op, total, failures, total_ms, durations, since)
    values ($1, '2026-01-01', '/cart', 'http', 3, 1, 30, '{47,2,50,1}', '2026-01-01')}, $newest);
$t->sql(q{insert into errtrack_private.sessions (project_id, sid, started, release, environment, seq, at, errors, since)
    values ($1, md5('session')::uuid, '2026-01-01', 'shop@1', 'production', 1, '2026-01-01', 0, '2026-01-01')}, $newest);
$t->sql(q{update errtrack_private.monitors set timezone = 'Europe/Berlin', schedule = '{"every": 1, "unit": "day"}'});
$t->create_organization('acme');
my $file = $t->errtrack('export', "org-$newest/shop");
# Rows of days that have no partition; an import makes them.
$t->sql("delete from errtrack_private.${_}_default") for qw(deliveries event_ids occurrences payloads attachments);
my @lines = split /^/, $file;
my $before = traces($t);

# Where a kind begins, from 0.
sub line_of {
    my ($kind) = @_;
    return (grep { $lines[$_] =~ /"kind":"$kind"/ } 0 .. $#lines)[0] // die "there are no $kind\n";
}

sub refuses {
    my ($content, $message, $label) = @_;
    my ($status, $said, $err) = import_file($t, $content);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is "$status $said$err", "1 errtrack: $message: nothing is imported, export the project anew\n", $label;
    return;
}

# Looking takes as long as an import, so it is done for some of them.
sub nothing_is_left {
    my ($label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is_deeply traces($t), $before, "nothing is left of files with $label";
}

# A field of the first row of a kind with another value, as JSON.
sub refuses_value {
    my ($kind, $field, $value, $why) = @_;
    my @other = @lines;
    my $place = line_of($kind);
    $other[$place] =~ s/"$field":(?:"[^"]*"|\{.*?\}|\[.*?\]|[^,}]+)/"$field":$value/ or die "$kind has no $field: $lines[$place]";
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return refuses(sealed(@other), 'line ' . ($place + 1) . ": $kind: $why", "$kind with " . substr "$field $value", 0, 60);
}

my $most = 9007199254740991;
my $count = "a number from 0 to $most";
my $past = 'a time between 2000 and tomorrow';

# ---- numbers ------------------------------------------------------------------------------

refuses_value(counts_5m => events => -5, qq(events "-5" is not $count));
refuses_value(counts_5m => events => '9223372036854775807', qq(events "9223372036854775807" is not $count));
refuses_value(counts_1h => events => '99999999999999999999', 'events "99999999999999999999" is no bigint');
refuses_value(counts_1h => bodies => '"many"', 'bodies "many" is no bigint');
refuses_value(tag_counts => events => $most + 1, qq(events "9007199254740992" is not $count));
refuses_value(issues => event_count => 'null', 'event_count is missing');
refuses_value(issues => id => -1, qq(id "-1" is not a number from 1 to $most));
refuses_value(origins => user_count => -1, qq(user_count "-1" is not $count));
refuses_value(tag_sets => size => -1, 'size "-1" is not a number from 0 on');
refuses_value(sessions => errors => -1, qq(errors "-1" is not $count));
refuses_value(sessions => seq => '"NaN"', 'seq "NaN" is not a number from 0 to 99999999999999999999');
refuses_value(session_counts => ended_seconds => '"Infinity"', qq(ended_seconds "Infinity" is not $count));
refuses_value(transactions => durations => '[47,-2]', qq(durations "[47,-2]" is not a list of buckets, each with $count));
refuses_value(transactions => durations => '[47]', qq(durations "[47]" is not a list of buckets, each with $count));
refuses_value(quotas => window_seconds => 0, 'window_seconds "0" is against CHECK (((window_seconds >= 1) AND (window_seconds <= 86400)))');

my @other = @lines;
my $place = line_of('counts_5m');
s/"events":2/"events":$most/ for @other[ $place, $place + 1 ];
refuses(sealed(@other), 'line ' . ($place + 2) . ": counts_5m: with it events is more than $most in all", 'counts whose sum is too large');

nothing_is_left('wrong numbers');

# ---- times ----------------------------------------------------------------------------------

for my $moment ('2999-01-01T00:00:00+00:00', '1970-01-01T00:00:00+00:00', '2026-11-25 00:00:00+00 BC', 'infinity', '-infinity') {
    refuses_value(occurrences => received_at => qq("$moment"), qq(received_at "$moment" is not a time of the last ten years));
}
refuses_value(client_keys => created_at => '"infinity"', qq(created_at "infinity" is not $past));
refuses_value(releases => first_received_at => '"1970-01-01"', qq(first_received_at "1970-01-01" is not $past));
refuses_value(counts_5m => bucket => '"2999-01-01"', qq(bucket "2999-01-01" is not $past));
refuses_value(origins => last_received_at => '"infinity"', qq(last_received_at "infinity" is not $past));
refuses_value(issues => first_seen => '"-infinity"', 'first_seen "-infinity" is not a time between the years 1 and 9999');
refuses_value(issues => last_seen => '"294276-01-01"', 'last_seen "294276-01-01" is not a time between the years 1 and 9999');
refuses_value(item_names => seen_on => '"infinity"', 'seen_on "infinity" is not a day between 2000 and tomorrow');
refuses_value(deploys => finished_at => '"yesterday noon"', 'finished_at "yesterday noon" is no timestamp with time zone');

nothing_is_left('wrong times');

# ---- what the worker reads ----------------------------------------------------------------------

refuses_value(projects => grouping_algo => '"g9"', 'grouping_algo "g9" is not a grouping that this release knows (g0, g1)');
refuses_value(projects => previous_algo => '"g9"', 'previous_algo "g9" is not a grouping that this release knows (g0, g1)');
refuses_value(hashes => algo => '"g9"', 'algo "g9" is not a grouping that this release knows (g0, g1)');
refuses_value(grouping_rules => rule => '"no rule"', 'the rule cannot be read (a rule begins with a matcher, name:pattern)');
refuses_value(event_settings => secret_keys => '["tax_number", "***"]', 'a key looks like tax_number, a word of 64 bytes at most, "***" does not');
refuses_value(event_settings => secret_keys => '[["tax"], ["number"]]',
    'secret_keys "[["tax"], ["number"]]" is not a plain list of texts of 1000 bytes at most');
refuses_value(event_settings => secret_keys => '"{tax"', 'secret_keys "{tax" is no text[]');
refuses_value(edge_settings => addresses => '["everywhere"]', 'addresses "["everywhere"]" is no cidr[]');
refuses_value(limits => value => -1, 'value "-1" is against CHECK ((value >= 0))');
refuses_value(limits => value => $most + 1, qq(value "9007199254740992" is not $count));
refuses_value(monitors => timezone => '"Nowhere/City"', 'timezone "Nowhere/City" is not a time zone that PostgreSQL knows');
refuses_value(monitors => schedule => $_, qq(schedule "$_" is not a schedule))
    for '{"every":0,"unit":"day"}', '{"every":1,"unit":"fortnight"}', '{"minutes":[1.0],"hours":[0]}', '{}';
refuses_value(tag_facts => texts => '["a","b"]', 'texts "["a","b"]" is not a text for each key');
refuses_value(tag_facts => keys => '[null]', 'keys "[null]" is not a plain list of texts of 1000 bytes at most');
refuses_value(tag_facts => texts => '["' . 'x' x 2000 . '"]', 'texts "["' . 'x' x 58 . '..." is not a plain list of texts of 1000 bytes at most');

nothing_is_left('what the worker cannot read');

# ---- texts and JSON -------------------------------------------------------------------------------

my $broken = 'the row is no JSON object, or has texts that PostgreSQL cannot hold';
refuses_value(payloads => body => $_, qq(body "$_" is not an object)) for '[1]', '5';
refuses_value(payloads => body => '{"message":"\u0000"}', $broken);
refuses_value(payloads => body => '{"message":"\ud800"}', $broken);
refuses_value(payloads => body => '{"message":' . '[' x 200 . ']' x 200 . '}', $broken);
refuses_value(issues => value => '"' . "\xff" . '"', $broken);
refuses_value(explanations => explanation => 'null', 'explanation is missing');
refuses_value(issue_history => details => '[]', 'details "[]" is not an object');
refuses_value(issues => status => '"lost"', q{status "lost" is against CHECK ((status = ANY (ARRAY['unresolved'::text, 'resolved'::text, 'ignored'::text])))});
refuses_value(issues => title => '"' . 'x' x 70_000 . '"', 'title "' . 'x' x 60 . '..." is not a text of 65536 bytes at most');
refuses_value(tag_counts => value => '"' . join('', map { chr 0x61 + int rand 26 } 1 .. 9000) . '"',
    'its texts are too long for an index (index row requires 9040 bytes, maximum size is 8191)');

nothing_is_left('wrong texts and JSON');

# ---- rows that do not go together ---------------------------------------------------------------------

@other = @lines;
$place = line_of('counts_1h');
$other[ $place + 1 ] = $other[$place];
refuses(sealed(@other), 'line ' . ($place + 2) . ': counts_1h: another line before it has the same origin_id, bucket', 'a row twice');
refuses_value(origins => issue_id => 5, 'its issue_id is that of none of the issues');
refuses_value(tag_counts => origin_id => 5, 'its origin_id is that of none of the origins');
refuses_value(payloads => event_id => '"00000000-0000-0000-0000-000000000000"', 'its received_at, event_id is that of none of the occurrences');

nothing_is_left('rows that do not go together');

# ---- the header ----------------------------------------------------------------------------------------

for my $counts ('5', '{"issues": -1}', '{"issues": "many"}') {
    refuses(sealed($lines[0] =~ s/"counts": \{[^}]*\}/"counts": $counts/r, @lines[1 .. $#lines]),
        'line 1: header: it does not tell the columns and counts of what follows', "a header that counts $counts");
}

nothing_is_left('a wrong header');

my ($status, undef, $err) = import_file($t, $file);
is $status, 0, 'the file itself is imported' or diag $err;

$t->done;
