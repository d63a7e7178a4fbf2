# A file that is not what was exported is refused, with the line where that begins, and
# nothing is left behind: cut off, changed, reordered, garbage, too long, of a newer format.
# So is a project that is not empty.

use strict;
use warnings;

use Fcntl ();
use Test::More;

use ErrTrack;
use ErrTrack::Transfer qw(import_file sealed traces);

my $t = ErrTrack->stack(nginx => 0);
for my $type (qw(One Two)) {
    $t->queue({ exception => { values => [ { type => $type, value => 'no' } ] }, release => 'shop@1' }) for 1 .. 3;
}
$t->settle;
eventually { $t->sql_value('select count(*) from errtrack_private.tag_facts') == 0 } 'tags are counted';
$t->worker->stop;

my $file = $t->errtrack(qw(export shop));
my @lines = split /^/, $file;
my $before = traces($t);
my $sequence = issue_ids();

# Bytes, or a function that writes them to a file.
sub refuses {
    my ($content, $message, $label, @target) = @_;
    my ($status, $said, $err) = import_file($t, $content, @target);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is "$status $said$err", "1 errtrack: $message\n", $label;
    is_deeply traces($t), $before, 'and nothing is left of it';
    return;
}

is sealed(@lines), $file, 'sums are over the sum before and the rest of the line';

# ---- no export ------------------------------------------------------------------------------

refuses('', 'there is nothing on standard input: nothing is imported', 'nothing');
refuses("garbage\n", 'line 1 is not the beginning of an export: nothing is imported', 'garbage');
refuses(join('', map { chr int rand 256 } 1 .. 100_000), 'line 1 is not the beginning of an export: nothing is imported', 'noise');
refuses("\n$file", 'line 1 is not the beginning of an export: nothing is imported', 'an empty line first');
refuses(join('', @lines[1 .. $#lines]), 'line 1 is not the beginning of an export: nothing is imported', 'a file without its header');
refuses(join('', @lines[0 .. 3], "{}\n", @lines[4 .. $#lines]), 'line 5 is no line of an export: nothing is imported', 'a line of something else');

# ---- cut off ------------------------------------------------------------------------------------

my $number = @lines - 1;
refuses(join('', @lines[0 .. $number - 1]),
    "the file ends after line $number, and not with its trailer, so it was cut off: nothing is imported", 'a file without its trailer');
refuses($lines[0], 'the file ends after line 1, and not with its trailer, so it was cut off: nothing is imported', 'a header alone');
refuses(substr($file, 0, length($file) - 3), 'line ' . @lines . ' is not what was written there, so the file was changed or damaged: nothing is imported',
    'a trailer without its end');
refuses(join('', @lines[0 .. 9]) . substr($lines[10], 0, 30), 'line 11 is no line of an export: nothing is imported', 'half a line');

# ---- changed -------------------------------------------------------------------------------------

my $changed = 'is not what was written there, so the file was changed or damaged: nothing is imported';
my ($place) = grep { $lines[$_] =~ /"kind":"origins"/ } 0 .. $#lines;
my @other = @lines;
$other[$place] =~ s/"event_count":3/"event_count":4/ or die $other[$place];
refuses(join('', @other), 'line ' . ($place + 1) . " $changed", 'a digit changed');
@other = @lines;
splice @other, $place, 1;
refuses(join('', @other), 'line ' . ($place + 1) . " $changed", 'a line is missing');
@other = @lines;
@other[ $place, $place + 1 ] = @other[ $place + 1, $place ];
refuses(join('', @other), 'line ' . ($place + 1) . " $changed", 'two lines changed places');
refuses($file . $lines[3], 'line ' . (@lines + 1) . ' stands behind the trailer: nothing is imported', 'more lines');
refuses($lines[0] =~ s/"payloads": true/"payloads": false/r . join('', @lines[1 .. $number]), "line 1 $changed", 'another header');

# ---- sums that fit ---------------------------------------------------------------------------------

my ($count) = grep { $lines[$_] =~ /"kind":"tag_counts"/ } 0 .. $#lines;
@other = @lines;
splice @other, $count, 1;
refuses(sealed(@other), 'line ' . @other . ' tells another number of lines than there are: nothing is imported', 'a line fewer than the trailer says');
@other = @lines;
@other[ $place - 1, $place ] = @other[ $place, $place - 1 ];
refuses(sealed(@other), 'line ' . ($place + 1) . ' is of a kind that does not belong there: nothing is imported', 'kinds in another order');
refuses(sealed($lines[0] =~ s/"format": 1/"format": 2/r, @lines[1 .. $number]),
    'line 1 says that the file has format 2, this release reads format 1, so install the release that wrote it, or a newer one: nothing is imported',
    'a newer format');
refuses(sealed($lines[0] =~ s/"columns": \{"/"columns": {"future": ["id"], "/r, @lines[1 .. $number]),
    'the file has what this release does not know (future): it was made with migration ' . migration()
    . ', here is ' . migration() . ': upgrade this instance first', 'a table of a newer release');
refuses(sealed($lines[0] =~ s/"has_payload"/"has_payload", "mood"/r, @lines[1 .. $number]),
    'the file has what this release does not know (occurrences.mood): it was made with migration ' . migration()
    . ', here is ' . migration() . ': upgrade this instance first', 'a column of a newer release');

# ---- long lines ----------------------------------------------------------------------------------------

my $long = 'has more than 16 MiB, which no line of an export has: nothing is imported';
refuses(sub { my ($out) = @_; print {$out} $lines[0]; print {$out} 'x' x 1_000_000 for 1 .. 100 }, "line 2 $long", 'a line of 100 MB');
refuses(sub { my ($out) = @_; seek $out, 1_000_000_000, Fcntl::SEEK_SET(); print {$out} "\n" }, "line 1 $long", 'a first line of a gigabyte of nothing');

# ---- where it cannot go ----------------------------------------------------------------------------------

refuses($file, 'project acme/shop is not empty, it has releases: import into a new one', 'a project that is not empty', 'acme/shop');
refuses($file, 'there is no organization "nobody"', 'an organization that there is not', 'nobody/new');
refuses($file, 'write organization/project, "new" is not', 'a project without its organization', 'new');
refuses($file, "id $t->{project}{id} is taken by another project", 'an id that is taken', 'acme/new', '--id', $t->{project}{id});
refuses($file, 'a slug must match [a-z0-9][a-z0-9_-]{0,49}, "New" does not', 'a name that is none', 'acme/New');
is issue_ids(), $sequence, 'no id of an issue was taken meanwhile';

my ($status, undef, $err) = import_file($t, $file);
is $status, 0, 'the file itself is imported' or diag $err;

# ---- what cannot be exported now --------------------------------------------------------------------------

$t->sql(q{insert into errtrack_private.splits (project_id, hash, from_origin, to_origin, total)
    select project_id, md5('x')::uuid, min(id), max(id), 1 from errtrack_private.origins where project_id = $1 group by 1}, $t->{project}{id});
eval { $t->errtrack(qw(export shop)) };
like $@, qr/an issue of shop is being split: try again when that is done/, 'a project while an issue is being split';
$t->sql('delete from errtrack_private.splits');
$t->sql('update errtrack_private.projects set purge_before = clock_timestamp() where id = $1', $t->{project}{id});
eval { $t->errtrack(qw(export shop)) };
like $@, qr/what was deleted of shop is still being removed: try again when that is done/, 'or while it is being deleted';

$t->done;

sub issue_ids { return $t->sql_value('select last_value from errtrack_private.issue_ids') }

sub migration { return $t->sql_value('select version from errtrack_private.schema_state()') }
