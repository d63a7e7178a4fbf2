# errtrack group: how an event would be grouped, and why, without a database and without
# anything being stored.

use strict;
use warnings;

use File::Temp ();
use JSON::PP ();
use Test::More;

use ErrTrack::Process qw(build_dir root run write_file);

my $errtrack = build_dir() . '/errtrack';
my $dir = File::Temp->newdir;
delete @ENV{ grep { /^(?:ERRTRACK_DATABASE|PG[A-Z]+)$/ } keys %ENV };

my %pairs;
open my $cases, '<', root() . '/t/grouping/cases.jsonl' or die "cases.jsonl: $!";
while (<$cases>) {
    my $pair = JSON::PP::decode_json($_);
    $pairs{ $pair->{name} } = $pair;
}

sub file {
    my ($name, $event) = @_;
    write_file("$dir/$name", ref $event ? JSON::PP->new->utf8->canonical->encode($event) : $event);
    return "$dir/$name";
}

sub group {
    my (@words) = @_;
    return run([ $errtrack, 'group', @words ]);
}

my $pair = $pairs{'py-sql-in-list'};
my @files = map { file("$_.json", $pair->{$_}) } qw(a b);

my ($status, $out, $err) = group('--json', @files);
my $both = JSON::PP::decode_json($out);
is $status, 0, 'two events are compared';
ok $both->{same}, 'they are the same error';
my @values = map { $_->{grouping}{variants}[0]{components}[0]{components} } @{ $both->{events} };
is $values[0][1]{value}, $values[1][1]{value}, 'their values are equal as they are hashed';
isnt $values[0][1]{raw}, $values[1][1]{raw}, 'and differ as they were sent';

my $other = $pairs{'py-sql-other-table'};
($status, $out) = group(map { file("other-$_.json", $other->{$_}) } qw(a b));
like $out, qr/^two errors$/m, 'two errors are told apart';

($status, $out) = group($files[0]);
like $out, qr/^hash        [0-9a-f]{32} app$/m, 'the hash is printed';
like $out, qr/value  ".*<list>/, 'and what it is taken over';

($status, $out) = group(file('escape.json', { message => "\e[2J" }));
unlike $out, qr/\e/, 'a terminal does not obey what a client wrote';

for ([ 'no file', 'nowhere.json', 'cannot read' ], [ 'no event', file('list.json', '[1]'), 'no event' ]) {
    my ($what, $file, $why) = @$_;
    ($status, $out, $err) = group($file);
    is $status, 1, "$what is refused";
    like $err, qr/\Q$why\E/, "$what is named";
}

done_testing;
