# A client key is replaced in one step: there is a new one like it, with its quotas, and the old
# one goes on working until somebody disables it.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
my $old = $t->project->{public_key};
my $path = '/projects/acme/shop/keys';

sub quotas { return map { join ' ', @$_ } $t->sql('select k.public_key, q.category, q.items, q.window_seconds
    from errtrack_private.quotas q join errtrack_private.client_keys k on k.id = q.key_id order by k.id, q.category') }
sub stored { return $t->store({ message => 'x' }, project => { %{ $t->project }, public_key => $_[0] })->status }

$t->sentry('PUT', "$path/$old/", json => { name => 'Web', quotas => { error => { count => 500, window => 60 }, all => { count => 1000, window => 60 } } });
my $answer = $t->sentry('POST', "$path/$old/rotate/");
is $answer->status, 201, 'a key is rotated' or diag $answer->content;
my ($key, $previous) = @{ $answer->json }{qw(key previous)};
my $new = $key->{id};
isnt $new, $old, 'there is another one';
is_deeply [ @$key{qw(name isActive)}, $key->{quotas} ], [ 'Web', JSON::PP::true(), $previous->{quotas} ], '... which is called and limited alike';
is_deeply [ quotas() ], [ map { my $k = $_; map { "$k $_" } 'all 1000 60', 'error 500 60' } $old, $new ], '... as it is kept';
is_deeply [ @$previous{qw(id isActive)} ], [ $old, JSON::PP::true() ], 'the old one is still active';
is_deeply $t->sentry('GET', "$path/")->json, [ $previous, $key ], 'both are listed';
eventually { stored($new) == 200 } 'the new one lets reports in';
is stored($old), 200, '... and so does the old one';
is $t->sentry('PUT', "$path/$old/", json => { isActive => JSON::PP::false() })->json->{isActive}, JSON::PP::false(), 'the old one is disabled';
eventually { stored($old) == 403 } '... and shut out';
is stored($new), 200, '... and the new one is not';
is $t->sentry('POST', "$path/" . 'x' x 32 . '/rotate/')->status, 404, 'a key that there is not cannot be rotated';
is_deeply [ $t->sql(q(select who, details ->> 'id', details ->> 'previous' from errtrack_private.audit where action = 'client_key.rotate')) ],
    [ [ 'admin@example.com', $new, $old ] ], 'the audit tells of it';

$t->done;
