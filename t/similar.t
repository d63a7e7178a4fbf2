# Issues that may be the same error are suggested, by type and place, and never joined.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);
my $project = $t->{project}{id};
my $other = $t->create_project('other', 'acme')->{id};

my $count = 0;

sub file {
    my ($project, @events) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->queue($_, project => $project) for @events;
    $count += @events;
    eventually { $t->sql_value('select count(*) from errtrack.occurrences') == $count } scalar(@events) . ' events are filed';
    return;
}

# The same crash frame; what stands before it makes another error of it.
sub error {
    my ($caller, $function, $type) = @_;
    return { platform => 'python', transaction => $caller,
        exception => { type => $type // 'KeyError', value => 'v', stacktrace => { frames => [
            map { { module => 'shop.cart', function => $_, in_app => JSON::PP::true } } $caller, $function ] } } };
}

my $id = sub { $t->sql_value('select issue_id from errtrack.issues where culprit = $1 and project_id = $2', $_[0], $project) };
my $similar = sub { join ' ', sort map { $_->{id} } @{ $t->errtrack(qw(issue similar shop), $_[0], '--json') } };
my $all = sub { join ' ', sort map { $id->($_) } @_ };

file($project, error(one => 'total'), error(two => 'total'), error(three => 'total'),
    error(function => 'sum'), error(type => 'total', 'ValueError'), { message => 'm', transaction => 'message' });
file($other, error(one => 'total'));
is $t->sql_value('select count(*) from errtrack.issues where project_id = $1', $project), 6, 'each is an issue of its own';
is $similar->($id->('one')), $all->('two', 'three'), 'those of one type and place are suggested to each other';
is $similar->($id->('two')), $all->('one', 'three'), 'whichever is asked for';
is $similar->($id->($_)), '', "not of another $_" for qw(function type message);

my ($one, $two, $three) = map { $id->($_) } qw(one two three);
$t->errtrack(qw(issue merge shop), $one, $two);
is $similar->($one), $three, 'what is merged is not suggested any more';
is $similar->($three), $one, 'and not twice';
ok !eval { $similar->($two); 1 }, 'nor has it any itself';
like $@, qr/issue $two is merged into $one: /, 'which is said';
ok !eval { $similar->(999_999); 1 }, 'an issue that does not exist is refused';

$t->done;
