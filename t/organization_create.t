# Organizations are made over HTTP by administrators, and by nobody else.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
$t->errtrack(qw(user create ann@a.example));
$t->errtrack(qw(user role ann@a.example acme owner));
my ($owner) = $t->errtrack(qw(token create --user ann@a.example)) =~ /(ett_\w+)/ or die "no token\n";
my ($bound) = $t->errtrack(qw(token create --user admin@example.com --org acme)) =~ /(ett_\w+)/ or die "no token\n";

sub make { my ($token, %body) = @_; return $t->sentry('POST', '/organizations/', token => $token, json => \%body) }

my $made = make($t->{token}, name => 'New Things');
is $made->status, 201, 'an administrator makes one' or diag $made->content;
is $made->json->{slug}, 'new-things', '... with a slug of its name';
is_deeply $t->sentry('GET', '/organizations/new-things/')->json->{projects}, [], '... in which there is nothing yet';
is $t->sentry('POST', '/organizations/new-things/projects/', json => { name => 'Shop' })->status, 201, '... and may be something';
is make($t->{token}, name => 'Other', slug => 'other')->json->{slug}, 'other', 'the slug may be given';
my $answer = make($t->{token}, name => 'Another', slug => 'other');
is_deeply [ $answer->status, $answer->json->{detail} ], [ 409, 'An organization with this slug already exists.' ], 'once';
for my $case ([ {}, qr/^name is missing$/ ], [ { name => ' ' }, qr/^name is missing$/ ], [ { name => 'x', slug => 'A b' }, qr/^slug must have 1 to 50/ ],
    [ { name => 'x', owner => 'me' }, qr/^there is no member "owner": there are name, slug$/ ])
{
    my ($body, $why) = @$case;
    $answer = make($t->{token}, %$body);
    is $answer->status, 400, 'what cannot be one is refused';
    like $answer->json->{detail}, $why, '... with a reason';
}
for my $token ($owner, $bound) {
    $answer = make($token, name => 'Mine');
    is_deeply [ $answer->status, $answer->json->{detail} ],
        [ 403, 'Forbidden: needs org:write, with a token of an administrator that is good for all organizations' ], 'nobody else makes one';
}
is_deeply [ sort map { $_->{slug} } @{ $t->errtrack(qw(org list --json)) } ], [qw(acme new-things other)], 'there are those that were made';
is_deeply [ $t->sql(q(select a.who, coalesce(a.details ->> 'name', a.details ->> 'slug') from errtrack_private.audit a where action = 'organization.create' order by id)) ],
    [ [ 'errtrack_admin', 'acme' ], [ 'admin@example.com', 'New Things' ], [ 'admin@example.com', 'Other' ] ], 'the audit tells of it';

$t->done;
