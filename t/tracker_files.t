# A token that lies in a file of the worker is sent where the list beside it says, or where the
# command has set the tracker to lead: whoever may change a tracker over HTTP cannot have it
# sent for another project of the same host.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, worker => 0);
my $gitlab = $t->add_receiver([], program => [ root() . '/t/lib/gitlab_issues', 'token-of-gitlab' ]);
my $list = "$t->{dir}/secrets/gitlab-token.for";
write_file("$t->{dir}/secrets/gitlab-token", "token-of-gitlab\n");
$t->sql(q{with u as (insert into errtrack_private.users (email) values ('max@a.example') returning id),
    m as (insert into errtrack_private.memberships (organization_id, user_id, role) select o.id, u.id, 'maintainer' from u, errtrack_private.organizations o)
    insert into errtrack_private.tokens (hash, kind, user_id, scopes)
    select sha256('max'), 'personal', id, '{project:read, project:write}' from u});
$t->start_worker(args => [ $t->notifying ]);
$t->wait_for_key;

my ($shop, $till) = map { $gitlab->url("/acme/$_") } qw(shop till);
my $count = 0;

sub change {
    my (%body) = @_;
    my $answer = $t->sentry(PUT => '/projects/acme/shop/trackers/gitlab/', json => \%body, token => 'max');
    is $answer->status, 200, '... which is taken' or diag $answer->content;
    return;
}

sub by_command { my (@words) = @_; return $t->errtrack(qw(tracker set shop gitlab), @words) }

# The path of the request that an error comes to; what was refused if there is none.
sub comes_to {
    my $before = () = $gitlab->requests;
    $t->sql(q{delete from errtrack_private.notifications});
    $t->sql(q{update errtrack_private.channels set last_error = null, next_attempt_at = '-infinity'});
    is $t->store({ message => 'error ' . ++$count, fingerprint => [$count] })->status, 200, '... an error is reported';
    eventually { $t->sql_value(q{select count(*) from errtrack_private.channels where last_error is not null})
        || $t->sql_value(q{select count(*) from errtrack_private.notifications where state = 'sent'}) } '... and is to be told';
    my @requests = ($gitlab->requests)[ $before .. (() = $gitlab->requests) - 1 ];
    return join(' ', map { $_->{path} } @requests) || $t->sql_value('select last_error from errtrack_private.channels');
}

my $refused = sub { qr{^the file "gitlab-token" is not for \Q$_[0]\E: add the beginning of that address as a line to "gitlab-token\.for" in} };

by_command(qw(--creates on --token-ref gitlab-token --external-id 7 --url), $shop);
is comes_to(), '/api/v4/projects/7/issues', 'a tracker that the command has set';
change(hourlyCap => 50, settings => { labels => ['bug'] });
is comes_to(), '/api/v4/projects/7/issues', 'is told also after a change of something else';

for my $case ([ 'another number', { externalId => 8 }, $shop ], [ 'no number', { externalId => undef }, $shop ], [ 'another project', { externalId => 7, url => $till }, $till ],
    [ 'another API', { url => $shop, settings => { api => $gitlab->url('/other/api/v4') } }, $shop ]) {
    my ($label, $body, $address) = @$case;
    by_command(qw(--token-ref gitlab-token --external-id 7 --url), $shop);
    change(%$body);
    like comes_to(), $refused->($address), "a maintainer sets $label: the token is sent to nobody";
}
change(settings => { api => undef });
by_command(qw(--closes on));
like comes_to(), $refused->($shop), 'the command vouches for no address that it does not name';
by_command('--url', $shop);
like comes_to(), $refused->($shop), '... nor for a number';
by_command(qw(--external-id 7 --url), $shop);
is comes_to(), '/api/v4/projects/7/issues', 'but for those that it names';

write_file($list, $gitlab->url('/acme/shop') . "\n");
change(url => $shop, externalId => 8);
is comes_to(), '/api/v4/projects/acme%2Fshop/issues', 'an address of the list is told, whatever the number';
change(url => $till);
like comes_to(), $refused->($till), 'no other is';
by_command(qw(--external-id 8 --url), $till);
like comes_to(), $refused->($till), '... not even by the command';

$t->done;
