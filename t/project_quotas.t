# Quotas, limits and the retention of a project over HTTP, and the quotas of its client keys:
# they are those of the command, and within what the instance has.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
my $key = $t->project->{public_key};
$t->errtrack(qw(user create max@a.example));
$t->errtrack(qw(user role max@a.example acme maintainer));
my ($maintainer) = $t->errtrack(qw(token create --user max@a.example)) =~ /(ett_\w+)/ or die "no token\n";

sub put { my ($path, %body) = @_; return $t->sentry('PUT', $path, token => $maintainer, json => \%body) }
sub project { return put('/projects/acme/shop/', @_) }
sub key { return put("/projects/acme/shop/keys/$key/", @_) }
sub quotas { return join ', ', map { join ' ', ($_->{key} ? 'key' : 'project'), @$_{qw(category limit)} } @{ $t->errtrack(qw(quota list shop --json)) } }

sub refused {
    my ($label, $answer, $status, $why) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $answer->status, $status, "$label is refused";
    like $answer->json->{detail}, $why, '... with a reason';
    return;
}

# ---- quotas ------------------------------------------------------------------------

is_deeply project(quotas => { error => { count => 10000, window => 3600 }, all => { count => 0, window => 1 } })->json->{quotas},
    { error => { count => 10000, window => 3600 }, all => { count => 0, window => 1 } }, 'quotas of a project are set';
is quotas(), 'project all 0/1s, project error 10000/1h', '... as the command lists them';
$t->errtrack(qw(quota set shop feedback 5/1d));
is_deeply project(quotas => { all => undef, error => { count => 7, window => 60 }, session => undef })->json->{quotas},
    { error => { count => 7, window => 60 }, feedback => { count => 5, window => 86400 } }, 'one is changed, one taken away, the rest stays';
refused('an unknown category', project(quotas => { replay => { count => 1, window => 1 } }), 400, qr/^quotas: there is no category "replay": use all, error, /);
refused('a window of more than a day', project(quotas => { error => { count => 1, window => 86401 } }), 400, qr/^quotas: a window is 1s to 1d long/);
refused('a quota without a window', project(quotas => { error => { count => 1 } }), 400, qr/^quotas: error must be null or have count, .* and window/);
refused('a number below zero', project(quotas => { error => { count => -1, window => 60 } }), 400, qr/^quotas: error must be/);
refused('a quota that is a number', project(quotas => { error => 5 }), 400, qr/^quotas: error must be/);
refused('a list of them', project(quotas => [5]), 400, qr/^quotas must be an object$/);
is quotas(), 'project error 7/1m, project feedback 5/1d', '... and nothing is set';

# ---- of a key ------------------------------------------------------------------------

my $shown = key(rateLimit => { count => 500, window => 60 })->json;
is_deeply [ @$shown{qw(rateLimit quotas)} ], [ { count => 500, window => 60 }, { error => { count => 500, window => 60 } } ], 'a key is limited as Sentry has it';
is quotas(), 'project error 7/1m, project feedback 5/1d, key error 500/1m', '... which the command lists';
$shown = key(quotas => { all => { count => 9, window => 1 } })->json;
is_deeply $shown->{quotas}, { error => { count => 500, window => 60 }, all => { count => 9, window => 1 } }, '... in other categories too';
is_deeply $t->sentry('GET', "/projects/acme/shop/keys/$key/")->json, $shown, 'one key is shown';
is_deeply $t->sentry('GET', '/projects/acme/shop/keys/')->json, [$shown], '... as the list shows it';
is_deeply key(%$shown, rateLimit => { count => 1, window => 1 })->json->{quotas}, { error => { count => 1, window => 1 }, all => { count => 9, window => 1 } },
    'what was answered may be sent back with another rate limit';
is_deeply key(rateLimit => $_)->json->{rateLimit}, undef, 'no rate limit: ' . (JSON::PP->new->allow_nonref->canonical->encode($_))
    for undef, { count => 0, window => 60 }, { count => 60, window => 0 };
is_deeply key(quotas => { all => undef })->json->{quotas}, {}, 'and no other one';
refused('a rate limit that is a number', key(rateLimit => 5), 400, qr/^rateLimit must be null or have count and window$/);
refused('a member that there is not', key(ratelimit => undef), 400, qr/^there is no member "ratelimit": there are name, isActive, rateLimit, quotas$/);
my $made = $t->sentry('POST', '/projects/acme/shop/keys/', json => { name => 'CI', rateLimit => { count => 3, window => 10 } })->json;
is_deeply $made->{rateLimit}, { count => 3, window => 10 }, 'a key may be made with a limit';

# ---- limits ------------------------------------------------------------------------

sub limits { return { map { $_->{name} => $_->{value} } grep { $_->{own} } @{ $t->errtrack(qw(limit list shop --json)) } } }
is_deeply project(limits => { bodies => 500, tag_keys => 7 })->json->{limits}, { bodies => 500, tag_keys => 7 }, 'the budget for bodies is set, and another limit';
is_deeply limits(), { bodies => '500', tag_keys => '7' }, '... as the command lists them';
is $t->sentry('GET', '/projects/acme/shop/')->json->{defaultLimits}{bodies}, 10000, 'those of the instance are shown beside';
is_deeply project(limits => { tag_keys => undef })->json->{limits}, { bodies => 500 }, 'null goes back to that of the instance';
refused('more than the instance has', project(limits => { bodies => $_ }), 403, qr/^Forbidden: only administrators set bodies above what the instance has, 10000$/)
    for 10001, 'none';
refused('a limit that there is not', project(limits => { body => 5 }), 400, qr/^there is no "body" in limits: there are bodies, /);
refused('that of an organization', project(limits => { upload_bytes => 5 }), 400, qr/^there is no "upload_bytes" in limits/);
refused('what is no number', project(limits => { bodies => $_ }), 400, qr/^limits: a limit is a number from 0 to 999999999999, none or default/) for -1, 'many', [1];
is_deeply $t->sentry('PUT', '/projects/acme/shop/', json => { limits => { bodies => 'none', releases => 20000 } })->json->{limits},
    { bodies => 'none', releases => 20000 }, 'administrators may';
is_deeply project(limits => { bodies => 'none', releases => 20000, environments => 5 })->json->{limits},
    { bodies => 'none', releases => 20000, environments => 5 }, 'what they have set may be sent back by others';

# ---- retention -----------------------------------------------------------------------

is project(retentionDays => 400)->json->{retentionDays}, 400, 'a retention is set, while no worker has said what the instance has';
$t->sql('insert into errtrack_private.retention (days) values (30)');
is $t->sentry('GET', '/projects/acme/shop/')->json->{instanceRetentionDays}, 30, 'that of the instance is shown';
is project(retentionDays => 400)->json->{retentionDays}, 400, 'what was answered may be sent back';
refused('more than that', project(retentionDays => 31), 400, qr/^retentionDays must be at most 30: the instance keeps nothing for longer$/);
refused("'$_'", project(retentionDays => $_), 400, qr/^retentionDays must be a number from 1 to 3650$/) for 0, 'x';
is project(retentionDays => 30)->json->{retentionDays}, 30, 'as much may be set';
like $t->errtrack(qw(project retention shop)), qr/^shop is kept for 30 days$/, '... which the command tells';
is project(retentionDays => undef)->json->{retentionDays}, undef, 'null is for as long as the instance keeps events';

$t->done;
