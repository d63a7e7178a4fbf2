# Alert rules over HTTP: those that hold without any, how rules are made and changed, what is
# refused, and that planning goes by them.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;

my ($true, $false) = (JSON::PP::true(), JSON::PP::false());

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=2 max_queue=64;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;

        location /api/0/ {
            errtrack_query;
        }
    }
}
CONF

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql(<<'SQL');
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme');
insert into errtrack_private.projects (id, organization_id, slug, name) values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog');
insert into errtrack_private.users (email) values ('max@a.example');
insert into errtrack_private.memberships (organization_id, user_id, role) select 10, id, 'maintainer' from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('max'), 'personal', id, '{event:read, project:read, project:write}' from errtrack_private.users;
insert into errtrack_private.channels (project_id, id, name, kind) overriding system value
values (42, 7, 'team', 'mail'), (42, 8, 'night', 'mail'), (43, 9, 'theirs', 'mail');
insert into errtrack_private.issues
       (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
select 42, n, 'error', 'Type', '', 'Type', '', '', case n when 1 then 'fatal' else 'error' end, 'python', '', 1, 0, now(), now(), now()
from generate_series(1, 2) as n;
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen) select 42, id, id, now(), now() from errtrack_private.issues;
SQL
$t->start_nginx(config => $conf);
$t->{token} = 'max';

my $list = '/projects/acme/shop/alert-rules/';

sub make { my ($body) = @_; return $t->sentry('POST', $list, json => $body) }
sub change { my ($id, $body) = @_; return $t->sentry('PUT', "$list$id/", json => $body) }
sub detail { my ($answer) = @_; return $answer->status . ' ' . (eval { $answer->json->{detail} } // $answer->content) }

# ---- without any ------------------------------------------------------------------------

my $default = $t->sentry('GET', $list)->json;
is_deeply [ map { $_->{kind} } @$default ], [qw(new_issue regression unignored spike quota_reached behind)], 'some rules hold without any';
is_deeply [ grep { !$_->{default} || defined $_->{id} } @$default ], [], '... and are marked so';

# ---- making and changing them ------------------------------------------------------------

my $made = make({ kind => 'new_issue' });
is $made->status, 201, 'a rule is made';
my $rule = $made->json;
is_deeply [ @{$rule}{qw(name kind default enabled repeatMinutes timezone channels levels)} ],
    [ 'new_issue', 'new_issue', $false, $true, 1440, 'UTC', undef, undef ], '... it is called as its kind and holds for all';
is_deeply $t->sentry('GET', $list)->json, [$rule], '... and those before hold no longer';
is_deeply $t->sentry('GET', "$list$rule->{id}/")->json, $rule, '... it is shown by itself';

my %whole = (name => 'worst', kind => 'frequency', events => 100, users => 10, minutes => 60, repeatMinutes => 30, levels => [ 'error', 'fatal' ],
    environments => ['prod*'], releases => ['shop@2.*'], tags => { customer => [ 'a*', 'b' ] }, channels => ['7'], mutedFrom => '22:00', mutedUntil => '06:30',
    mutedDays => [ 1, 5 ], timezone => 'Europe/Berlin', enabled => $true);
my $worst = make(\%whole)->json;
is_deeply { map { ($_ => $worst->{$_}) } keys %whole }, \%whole, 'a rule has all that is said of it';
my $changed = change($worst->{id}, { events => undef, minutes => 30, tags => undef, mutedDays => undef, enabled => $false, name => 'Worst' })->json;
is_deeply $changed, { %$worst, events => undef, minutes => 30, tags => undef, mutedDays => undef, enabled => $false, name => 'Worst' }, 'a change names what changes';
is_deeply $t->sentry('GET', "$list$worst->{id}/")->json, $changed, '... for good';
is_deeply change($_->{id}, $_)->json, $_, "what was answered may be sent back: $_->{name}" for $rule, $changed;
is_deeply change($worst->{id}, { channels => undef })->json->{channels}, undef, 'null means all channels';

# ---- what is not taken --------------------------------------------------------------------

for my $case (
    [ {}, qr/^kind must be new_issue, .* or behind$/, 'no kind' ],
    [ { kind => 'digest' }, qr/^kind must be/, 'a kind that is none' ],
    [ { kind => 'new_issue', level => ['fatal'] }, qr/^there is no member "level": there are kind, name, .*, levels, .* timezone$/, 'a member that is none' ],
    [ { kind => 'frequency', events => 5 }, qr/^a rule of kind frequency needs minutes/, 'how often, but not within what' ],
    [ { kind => 'frequency', minutes => 5 }, qr/^a rule of kind frequency needs .* events or users$/, 'within what, but not how often' ],
    [ { kind => 'frequency', events => 5, minutes => 4 }, qr/^minutes must be a number from 5 to 1440$/, 'too short a time' ],
    [ { kind => 'new_issue', events => 5 }, qr/^events is not for rules of kind new_issue: leave it out$/, 'a number that means nothing' ],
    [ { kind => 'behind', levels => ['error'] }, qr/^levels is not for rules of kind behind/, 'a filter that means nothing' ],
    [ { kind => 'regression', repeatMinutes => 60 }, qr/^repeatMinutes is not for/, 'what comes once is not repeated' ],
    [ { kind => 'spike', events => '1e3' }, qr/^events must be a number from 1 to 1000000000$/, 'no number' ],
    [ { kind => 'new_issue', levels => ['bad'] }, qr/^levels must be some of fatal, error, warning, info, debug$/, 'a level that is none' ],
    [ { kind => 'new_issue', levels => [] }, qr/^levels must be a list of 1 to 5 texts$/, 'an empty list' ],
    [ { kind => 'new_issue', releases => 'shop' }, qr/^releases must be a list of 1 to 50 texts$/, 'no list' ],
    [ { kind => 'new_issue', environments => [ 'x' x 201 ] }, qr/^each of environments must be a text of 1 to 200 characters$/, 'a long pattern' ],
    [ { kind => 'new_issue', tags => { a => 'b' } }, qr/^the values of one of tags must be a list/, 'a tag without a list' ],
    [ { kind => 'new_issue', tags => { map { ($_ => ['x']) } 1 .. 21 } }, qr/^tags must be an object of 1 to 20 tags/, 'many tags' ],
    [ { kind => 'new_issue', channels => ['9'] }, qr/^channels must be a list of ids of channels of the project/, 'a channel of another project' ],
    [ { kind => 'new_issue', channels => [] }, qr/^channels must be a list/, 'no channel at all' ],
    [ { kind => 'new_issue', timezone => 'Mars/Olympus' }, qr/^timezone must be one that the database knows/, 'a time zone that is none' ],
    [ { kind => 'new_issue', mutedFrom => '22:00' }, qr/^mutedFrom and mutedUntil must be given together$/, 'half of a night' ],
    [ { kind => 'new_issue', mutedFrom => '25:00', mutedUntil => '06:00' }, qr/^mutedFrom must be a time of the day: 22:00$/, 'an hour that is none' ],
    [ { kind => 'new_issue', mutedDays => [1] }, qr/^mutedDays needs mutedFrom and mutedUntil/, 'days without hours' ],
    [ { kind => 'new_issue', mutedFrom => '00:00', mutedUntil => '00:00', mutedDays => [0] }, qr/^mutedDays must be a list of days/, 'a day that is none' ],
) {
    my ($body, $wanted, $label) = @$case;
    my $answer = make({ name => 'x', %$body });
    is $answer->status, 400, "refused: $label" or diag $answer->content;
    like eval { $answer->json->{detail} } // '', $wanted, '... and why';
}
is detail($t->sentry('POST', $list, content => 'not json', headers => { 'Content-Type' => 'application/x-www-form-urlencoded' })), '400 the body is not JSON', 'a text that is no JSON';
is detail(make({ kind => 'new_issue' })), '409 name is taken by another rule of the project', 'a name is there once';
is detail(change($worst->{id}, { name => 'new_issue' })), '409 name is taken by another rule of the project', '... also when it changes';
like detail(change($worst->{id}, { level => ['fatal'] })), qr/^400 there is no member "level": there are kind, /, 'a change names what there is';
is detail(change($worst->{id}, { kind => 'spike' })), '400 kind cannot be changed: make another rule', 'a kind stays';
is detail(change($worst->{id}, { users => undef })), '400 a rule of kind frequency needs minutes (5 to 1440) and events or users', 'what it needs stays';
is change($_, {})->status, 404, "no rule $_" for 0, 777777, 'x';
is $t->sentry('GET', "/projects/acme/blog/alert-rules/$rule->{id}/")->status, 404, 'a rule of another project';

# ---- planning goes by them -----------------------------------------------------------------

sub happen {
    $t->sql('delete from errtrack_private.notifications');
    $t->sql(q{insert into errtrack_private.outbox (project_id, kind, issue_id) select 42, 'new_issue', n from generate_series(1, 2) as n});
    $t->sql('select errtrack_private.plan_notifications(100)');
    return join ' ', map { "@$_" } $t->sql('select channel_id, issue_id from errtrack_private.notifications order by 1, 2');
}
is happen(), '7 1 7 2 8 1 8 2', 'all channels are told of all issues';
change($rule->{id}, { levels => ['fatal'], channels => [8] });
is happen(), '8 1', 'one channel of some';
change($rule->{id}, { mutedFrom => '00:00', mutedUntil => '00:00' });
is happen(), '', 'nobody while it is mute';
change($rule->{id}, { enabled => $false });
is happen(), '', 'nor when it is off';

# ---- deleting them -------------------------------------------------------------------------

is $t->sentry('DELETE', "$list$_->{id}/")->status, 204, "$_->{name} is deleted" for $rule, $worst;
is_deeply $t->sentry('GET', $list)->json, $default, 'without any it is as before';
$t->sql(q{insert into errtrack_private.alert_rules (project_id, name, kind) select 42, 'n' || n, 'behind' from generate_series(1, 100) as n});
is detail(make({ kind => 'behind' })), '409 there are 100 rules already: delete some first', 'a project has 100 at most';
is_deeply [ map { $_->[0] } $t->sql('select distinct action from errtrack_private.audit order by 1') ], [ map { "alert_rule.$_" } qw(create delete update) ],
    'what people did is noted';

$t->done;
