# Generated searches and cursors, as SQL is given them: each is answered or refused with a
# reason, and what a search finds agrees with what its opposite finds and with its pages.
#
# ERRTRACK_SEARCHES says how many (1,000 unless told otherwise), and ERRTRACK_SEED which.

use strict;
use warnings;
use utf8;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root);

my $count = $ENV{ERRTRACK_SEARCHES} // 1000;
my $seed = $ENV{ERRTRACK_SEED} // 1;
srand $seed;
note "seed $seed";

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql(read_file(root() . '/t/openapi/data.sql'));
$t->sql(<<'SQL');
-- The level of an issue is that of its newest event, and so a tag of it.
insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
select o.project_id, o.id, 'level', i.level, 1, o.first_seen, o.last_seen
from errtrack_private.origins o join errtrack_private.issues i on i.project_id = o.project_id and i.id = o.issue_id;
-- What the function of the list answers to each request of a list: {"status", "body", "next"}.
create function public.asked(requests jsonb) returns setof jsonb language plpgsql as $$
declare
    request jsonb;
    answer errtrack_private.answer;
    reason text;
begin
    for request in select value from jsonb_array_elements(requests) with ordinality order by ordinality loop
        begin
            answer := errtrack_private.sentry_issues(sha256('owner'),
                jsonb_build_object('path', '{"organization": "acme", "project": "shop"}'::jsonb, 'base', 'http://localhost', 'arguments', request));
            return next jsonb_build_object('status', answer.status, 'next', answer.next_cursor,
                'ids', (select coalesce(jsonb_agg(issue ->> 'id'), '[]') from jsonb_array_elements(answer.body::jsonb) issue));
        exception when others then
            get stacked diagnostics reason = message_text;
            return next jsonb_build_object('status', sqlstate, 'reason', reason);
        end;
    end loop;
end
$$;
SQL

my $json = JSON::PP->new;

# The answers to requests, each a hash of arguments: so many at a time as fit into a command.
sub asked {
    my (@requests) = @_;
    my @answers;
    while (my @some = splice @requests, 0, 50) {
        my $text = $json->encode([ map { my $request = $_; +{ map { ($_ => [ $request->{$_} ]) } keys %$request } } @some ]);
        utf8::encode($text);
        push @answers, map { my $line = $_->[0]; utf8::decode($line); $json->decode($line) } $t->sql('select public.asked($1)', $text);
    }
    return @answers;
}

sub one_of { return $_[ rand @_ ] }
sub some { my ($most, $make) = @_; return join '', map { $make->() } 1 .. 1 + rand $most }

my @keys = qw(is status level logger release firstRelease lastRelease environment user.id user.email user.ip assigned has
    firstSeen lastSeen age times_seen issue platform error.type title culprit message browser url id 1 ü);
my @values = qw(unresolved resolved linked new me none owner@a.example latest error warning python shop@1.0.2 app.db * a* *a* 100 >5
    <=7 -24h +7d >2026-01-31 2026-13-45 99999999999999999999 SHOP-1A 42001 Type3 value 0123456789abcdef0123456789abcdef
    user level 2001-02-03T04:05:06Z %41 \\ ' $1 $3[1] %s %1$s ; -- üß);
my @scraps = ('"', '\\', '[', ']', '[]', '[,]', ',', ':', '::', '!', '!!', '*', '%', '_', '(', ')', 'OR', 'AND', ' ', "\t", "\n", "\x{1}", 'tags[',
    'tags[a]:', "'", '$1', '%s', '%1$s', "\x{fffd}", "\x{1f600}", "\x{301}", '"a\\"');

sub value { return rand() < 0.3 ? '"' . one_of(@values) . '"' : rand() < 0.15 ? '[' . join(', ', map { one_of(@values) } 1 .. 1 + rand 4) . ']' : one_of(@values) }
sub term { return (rand() < 0.2 ? 'tags[' . one_of(@keys) . ']' : one_of(@keys)) . ':' . value() }
sub garbage { return some(6, sub { rand() < 0.5 ? one_of(@scraps) : one_of(@keys, @values) }) }

# ---- searches -----------------------------------------------------------------------

my @searches = map { my $kind = rand;
    $kind < 0.5 ? garbage() : join(' ', map { (rand() < 0.2 ? '!' : '') . (rand() < 0.8 ? term() : garbage()) } 1 .. 1 + rand 4) } 1 .. $count;
push @searches, join(' ', ('a') x 31), '"' x 999, 'x' x 1001, '[' x 500, '*' x 1000, '%' x 1000, '\\' x 999;
my @answers = asked(map { +{ query => $_, sort => one_of(qw(date new freq user)), limit => '100' } } @searches);
my @wrong = grep { $answers[$_]{status} !~ /\A(?:200|ET400)\z/ || ($answers[$_]{reason} // 'is') eq '' } 0 .. $#searches;
is scalar(@answers), scalar(@searches), 'all searches were asked for';
is_deeply [ map { +{ search => $searches[$_], %{ $answers[$_] } } } @wrong ], [], 'each is answered, or refused with a reason';
my $served = grep { $_->{status} eq '200' } @answers;
cmp_ok $served, '>', @searches / 10, "$served of " . @searches . ' were answered';
cmp_ok $served, '<', 0.95 * @searches, '... and others refused';

# ---- opposites ----------------------------------------------------------------------

my ($everything) = asked({ query => '', limit => '100' });
my @terms = map { term() } 1 .. $count / 4;
my @found = asked(map { ({ query => $_, limit => '100' }, { query => "!$_", limit => '100' }) } @terms);
my (@parted, $compared);
for my $i (0 .. $#terms) {
    my ($is, $is_not) = @found[ 2 * $i, 2 * $i + 1 ];
    next if $is->{status} ne '200' && $is_not->{status} ne '200';
    $compared++;
    my @both = sort map { @{ $_->{ids} // ['refused'] } } $is, $is_not;
    push @parted, $terms[$i] if "@both" ne join ' ', sort @{ $everything->{ids} };
}
is_deeply \@parted, [], 'an issue is found by a term or by its opposite, never by both';
cmp_ok $compared, '>', @terms / 10, "$compared terms were compared with their opposites";

# ---- cursors ------------------------------------------------------------------------

my $cursor;
for my $sort (qw(date new freq user)) {
    my @pages;
    my $next;
    do {
        my ($page) = asked({ query => '!is:ignored', sort => $sort, limit => '7', defined $next ? (cursor => $next) : () });
        push @pages, @{ $page->{ids} };
        $next = $page->{next};
        $cursor //= $next;
    } while defined $next && $next ne '' && @pages < 200;
    my ($whole) = asked({ query => '!is:ignored', sort => $sort, limit => '100' });
    is_deeply \@pages, $whole->{ids}, "the pages by $sort are the whole list";
}

# One that was given out, with a character more, less or other than it had.
sub spoilt {
    my $text = $cursor;
    substr($text, rand(length $text), int rand 2, one_of('A' .. 'Z', 0 .. 9, '-', '_', '=', '.', '%', "\x{e9}", '')) for 1 .. 1 + rand 3;
    return $text;
}
my @cursors = ((map { spoilt() } 1 .. $count / 4), (map { garbage() } 1 .. $count / 4),
    qw(0:0:0 0:0:1 0:100:0 99999999999999999999:0:0 0:0:2 -1:0:0 bi5s bi5sLjk5OTk5OTk5OTk5OTk5OTkuOTk5OTk5OTk5OTk5OTk5OQ));
@answers = asked(map { +{ query => '', cursor => $_, sort => one_of(qw(date new freq user)) } } @cursors);
is_deeply [ map { +{ cursor => $cursors[$_], %{ $answers[$_] } } } grep { $answers[$_]{status} !~ /\A(?:200|ET400)\z/ } 0 .. $#cursors ], [],
    'any cursor is one, or is refused';

$t->done;
