package ErrTrack::GitLab;

# GitLab as a reader of its two backends: it asks what GitLab asks, takes from an answer what
# GitLab takes, and dies where GitLab does. What it dies with is the kind of trouble that a
# user of GitLab would have: "crash" (an exception that nobody handles), "GraphQL error",
# "Unexpected Error", or the text that GitLab shows. See ErrTrack::GitLab::Integrated and
# ErrTrack::GitLab::Sentry.
#
#     my $gitlab = ErrTrack::GitLab::Integrated->new($t, project => 42);
#     $gitlab->{tamper} = sub { my ($answer, $path) = @_; ... };   # between server and reader
#
# Values are told apart as Ruby does: the text "12" is not the number 12.

use strict;
use warnings;

use B ();
use JSON::PP ();
use Math::BigFloat ();
use Math::BigInt ();

use Exporter 'import';
our @EXPORT_OK = qw(crash graphql_integer graphql_text kind parse_json ruby_size ruby_depth time_of trouble);

use constant MAX_INT => 2_147_483_647;

# What Ruby's parser takes by default; large numbers stay numbers.
my $json = JSON::PP->new->utf8->allow_nonref->allow_bignum->max_depth(100);

sub new {
    my ($class, $t, %arg) = @_;
    return bless { t => $t, %arg }, $class;
}

sub trouble { my ($kind, $why) = @_; die "$kind: $why\n" }
sub crash   { return trouble('crash', $_[0]) }

# null, boolean, number, string, array or object.
sub kind {
    my ($value) = @_;
    return 'null' if !defined $value;
    my $ref = ref $value;
    return $ref eq 'HASH' ? 'object' : $ref eq 'ARRAY' ? 'array' : $ref =~ /^Math::Big/ ? 'number' : 'boolean' if $ref;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return $flags & (B::SVf_IOK | B::SVf_NOK) && !($flags & B::SVf_POK) ? 'number' : 'string';
}

# The value of a JSON text; dies if it is none, or deeper than Ruby's parser goes.
sub parse_json { return $json->decode($_[0]) }

# One request with the headers that GitLab sends, and its answer.
sub ask {
    my ($self, $surface, $method, $path, %arg) = @_;
    my $answer = $self->{t}->$surface($method, $path, defined $self->{token} ? (token => $self->{token}) : (), %arg,
        headers => { 'Content-Type' => 'application/json', Accept => '*/*', %{ $arg{headers} || {} } });
    push @{ $self->{asked} }, "$method $path";
    $self->{tamper}->($answer, $path) if $self->{tamper};
    return $answer;
}

# ---- what GraphQL takes ---------------------------------------------------------------

sub graphql_text {
    my ($name, $value) = @_;
    trouble('GraphQL error', "$name is null") if !defined $value;
    return ref $value ? $json->encode($value) : "$value";
}

sub graphql_integer {
    my ($name, $value) = @_;
    trouble('GraphQL error', "$name is " . ($value // 'null')) if !defined $value || ref $value || $value !~ /^-?\d+\z/ || abs $value > MAX_INT;
    return 0 + $value;
}

# Of RFC 3339, which is more than Ruby asks for.
sub time_of {
    my ($name, $value, $kind) = @_;
    trouble($kind // 'crash', "$name is no time: " . ($value // 'null'))
        if kind($value) ne 'string' || $value !~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)\z/;
    return $value;
}

# Of statistics: [ [seconds, number], ... ].
sub frequency_of {
    my ($pairs) = @_;
    trouble('GraphQL error', 'frequency is ' . kind($pairs)) if kind($pairs) ne 'array';
    for my $pair (@$pairs) {
        trouble('GraphQL error', 'a bucket is no pair') if kind($pair) ne 'array' || @$pair != 2;
        trouble('GraphQL error', 'the time of a bucket is a ' . kind($pair->[0])) if kind($pair->[0]) ne 'number';
        graphql_integer('the number of a bucket', $pair->[1]);
    }
    return $pairs;
}

# ---- what Ruby makes of a value ---------------------------------------------------------

# Bytes in memory, as ObjectSpace has them on 64 bits, of a value and all in it.
sub ruby_size {
    my ($value) = @_;
    my $kind = kind($value);
    if ($kind eq 'string') {
        my $bytes = do { use bytes; length $value };
        return $bytes > 23 ? 41 + $bytes : 40;
    }
    if ($kind eq 'array') {
        my $size = @$value > 3 ? 40 + 8 * @$value : 40;
        $size += ruby_size($_) for @$value;
        return $size;
    }
    if ($kind eq 'object') {
        my $room = 16;
        $room *= 2 while $room < keys %$value;
        my $size = keys %$value > 8 ? 96 + 28 * $room : keys %$value ? 168 : 40;
        $size += ruby_size($_) + ruby_size($value->{$_}) for keys %$value;
        return $size;
    }
    return $kind eq 'number' && ref $value ? 40 : 0;
}

# Levels of lists and objects.
sub ruby_depth {
    my ($value) = @_;
    my $kind = kind($value);
    my $most = 0;
    for my $inner ($kind eq 'array' ? @$value : $kind eq 'object' ? values %$value : ()) {
        next if !ref $inner;
        my $depth = ruby_depth($inner);
        $most = $depth if $depth > $most;
    }
    return $kind eq 'array' || $kind eq 'object' ? 1 + $most : 0;
}

1;
