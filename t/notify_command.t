# The commands about what people are told: channels, alert rules, trackers and messages, what each
# prints, refuses and leaves in the database; and what errtrack doctor says of channels.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir secrets_key write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $admin = $t->postgres->conninfo('errtrack_admin');
delete $ENV{ERRTRACK_SECRETS_KEY_FILE};
my $key = secrets_key($t->{dir});
my $url = write_file("$t->{dir}/url", "https://hooks.slack.example/services/geheim\n");
my $other = write_file("$t->{dir}/other", "https://hooks.other.example/x\n");
my $secret = write_file("$t->{dir}/secret", "vertraulich\n");
my @seal = ('--secrets-key-file', $key);

# (status, output, errors) of a command; times differ each time.
sub call { my (@words) = @_; return map { s/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00/<time>/gr } $t->command('errtrack', '--database', $admin, @words) }

# Passes when it ends with 0 and prints this.
sub prints {
    my ($words, $output, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = call(@$words);
    return is "$status $out", "0 $output", $label || diag $err;
}

# Passes when it ends with 1 and says this.
sub refuses {
    my ($words, $message, $label) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = call(@$words);
    return like "$status $out$err", qr/^1 errtrack: $message$/, $label;
}

sub list { my (@words) = @_; return $t->errtrack(@words, '--json') }
sub id_of { my ($name) = @_; return $t->sql_value('select id from errtrack_private.channels where name = $1', $name) }

# ---- channels -----------------------------------------------------------------------------

prints [qw(channel list shop)], "id  name  kind  place  state  hourly_cap  waiting  untold  delivered_at  last_error\n", 'a project has no channel at first';
refuses [ qw(channel add shop slack team --url-file), $url ], 'name the file of the key that the worker has with --secrets-key-file', 'a secret is sealed or not taken';
refuses [ qw(channel add shop slack team --url-file), "$url-gone", @seal ], 'cannot read .*-gone: No such file or directory', 'a file that is not there';
prints [ qw(channel add shop slack team --url-file), $url, @seal ], "channel 1 of shop is team\n", 'a channel is made';
prints [ qw(channel add shop mail post --to), 'ann@a.example,bob@a.example', qw(--cap 5) ], "channel 2 of shop is post\n", '... to people';
prints [qw(channel add shop webhook own --url-ref own.url --secret-ref own.key --header), 'X-Team: shop'], "channel 3 of shop is own\n", '... of files that the worker has';
is_deeply [ map { [ @{$_}{qw(name kind place state hourly_cap waiting)} ] } @{ list(qw(channel list shop)) } ],
    [ [ 'team', 'slack', 'hooks.slack.example', 'ok', 60, 0 ], [ 'post', 'mail', 'ann@a.example, bob@a.example', 'ok', 5, 0 ], [ 'own', 'webhook', 'file own.url', 'ok', 60, 0 ] ],
    'they are listed';
is $t->sql_value(q{select files from errtrack_private.channels where name = 'own'}), '{"url": "own.url", "secret": "own.key"}', 'of files the names are kept';
refuses [qw(channel add shop slack x)], '--url-file is missing: slack needs --url-file', 'an address that is missing';
refuses [qw(channel add shop slack x --url-ref ../x)], '--url-ref must be the name of a file in the folder of the worker\'s --secrets-dir: .*', 'a name that leads elsewhere';
refuses [ qw(channel add shop slack x --url-ref x --url-file), $url ], '.*--url-(?:ref|file) excludes --url-(?:file|ref).*', 'one of both';
refuses [qw(channel add shop mail post --to a@b)], 'name is taken by another channel of the project', 'a name that is taken';
refuses [qw(channel add shop carrier x)], '.*carrier.*', 'a kind that is none';
prints [qw(channel change shop team --name Team --enabled off --cap 7)], "channel team of shop is changed\n", 'a channel is changed';
is_deeply [ @{ list(qw(channel list shop))->[0] }{qw(name state hourly_cap place)} ], [ 'Team', 'disabled', 7, 'hooks.slack.example' ], '... in what was named';
prints [ qw(channel change shop 1 --enabled on --url-file), $other, @seal ], "channel 1 of shop is changed\n", '... by its id, too';
refuses [qw(channel change shop Team)], 'name what is to change: --name, --url-file, .* or --enabled', 'a change of nothing';
refuses [qw(channel add shop mail x)], '--to is missing: a list of 1 to 20 e-mail addresses', 'mail to nobody';
refuses [qw(channel change shop nobody --cap 7)], 'there is no channel "nobody": there are Team, post, own', 'one that is not there';

# ---- alert rules ----------------------------------------------------------------------------

is_deeply [ map { [ @{$_}{qw(id kind channels)} ] } @{ list(qw(alert list shop)) } ],
    [ map { [ undef, $_, undef ] } qw(new_issue regression unignored spike quota_reached behind) ], 'some rules hold without any';
my ($status, $out, $err) = call(qw(alert add shop frequency --name often --events 100 --users 5 --minutes 60 --environment prod* --release shop@2.* --tag customer=a*
    --tag customer=b --channel Team --channel post --mute 22:00-06:00 --timezone Europe/Berlin --repeat 30 --level), 'error,fatal', '--days', '6,7');
is "$status $out", "0 rule 1 of shop is frequency\n", 'a rule is made';
is $err, "errtrack: note: The rules that held before hold no longer: see errtrack alert list shop\n", '... and ends those';
my %often = (id => 1, name => 'often', kind => 'frequency', enabled => JSON::PP::true(), events => 100, users => 5, minutes => 60, repeat_minutes => 30,
    levels => [qw(error fatal)], environments => ['prod*'], releases => ['shop@2.*'], tags => { customer => [qw(a* b)] }, channels => [qw(Team post)],
    muted_from => '22:00', muted_until => '06:00', muted_days => [ 6, 7 ], timezone => 'Europe/Berlin');
is_deeply list(qw(alert list shop)), [ {%often} ], '... as it was said';
is +(call(qw(alert list shop)))[1] =~ s/ {2,}/|/gr, <<'LIST', '... which people read as a line';
id|name|kind|enabled|condition|channels|mute
 1|often|frequency|yes|100 events, 5 users, 60 minutes, level error or fatal, environment prod*, release shop@2.*, tags customer=a* or customer=b, again after 30 minutes|Team, post|22:00 to 06:00 Europe/Berlin, days 6 7
LIST
prints [qw(alert change shop often --events 200 --enabled off --channel Team --name frequent)], "rule often of shop is changed\n", 'a rule is changed';
@often{qw(name events enabled channels)} = ('frequent', 200, JSON::PP::false(), ['Team']);
is_deeply list(qw(alert list shop)), [ {%often} ], '... in what was named';
prints [ qw(alert change shop 1 --name often --clear channel --clear), 'mute,users,tag' ], "rule 1 of shop is changed\n", 'what it had is taken away again';
@often{qw(name users tags channels muted_from muted_until muted_days)} = ('often');
is_deeply list(qw(alert list shop)), [ {%often} ], '... and nothing else';
refuses [qw(alert change shop often --clear events)], 'a rule of kind frequency needs --minutes \(5 to 1440\) and --events or --users', '... but not what it needs';
refuses [qw(alert change shop often)], 'name what is to change: an option of errtrack alert add but the kind, or --clear', 'a change of nothing';
refuses [qw(alert change shop often --days 6)], '--days needs --mute; both 00:00 is all day', 'days without hours';
refuses [qw(alert change shop nobody --events 5)], 'there is no rule "nobody": see errtrack alert list', 'one that is not there';
prints [qw(alert change shop often --channel Team --channel post)], "rule often of shop is changed\n", 'channels are named as when it was made';
($status, $out, $err) = call(qw(alert add shop new_issue));
is "$status $out$err", "0 rule 2 of shop is new_issue\n", 'another one ends nothing';
refuses [qw(alert add shop frequency)], 'a rule of kind frequency needs --minutes \(5 to 1440\) and --events or --users', 'what it needs';
refuses [qw(alert add shop new_issue --name x --channel nobody)], 'there is no channel "nobody": there are Team, post, own', 'a channel that is none';
refuses [qw(alert add shop new_issue --name x --mute 22-06)], '--mute must be a time of the day: 22:00', 'hours that are none';
refuses [qw(channel delete shop post)], 'rules name this channel, change or delete them first: often', 'a channel that a rule names stays';
prints [qw(alert delete shop often)], "rule often of shop is deleted\n", 'a rule is deleted';
refuses [qw(alert delete shop often)], 'there is no rule "often": see errtrack alert list', '... once';
prints [qw(channel delete shop post)], "channel post of shop is deleted\n", '... and then its channel';

# ---- trackers -------------------------------------------------------------------------------

refuses [qw(tracker set shop gitlab --url https://gitlab.example/acme/shop)], '--token-file is missing: gitlab needs --token-file', 'a tracker needs a token';
prints [ qw(tracker set shop gitlab --url https://gitlab.example/acme/shop --external-id 1201 --creates on --label bug --token-file), $secret, @seal ],
    "gitlab is a tracker of shop\n", 'a tracker is set';
prints [qw(tracker set shop gitlab --closes off)], "gitlab is a tracker of shop\n", '... and changed';
is $t->sql_value(q{select settings from errtrack_private.channels where kind = 'tracker'}), '{"closes": false, "labels": ["bug"], "creates": true}', '... in what was named';
is_deeply [ map { [ @{$_}{qw(provider url external_id state)} ] } @{ list(qw(tracker list shop)) } ], [ [ 'gitlab', 'https://gitlab.example/acme/shop', 1201, 'ok' ] ], 'it is listed';
$t->sql(q{update errtrack_private.channels set parked_at = now(), failures = 3 where kind = 'tracker'});
prints [qw(tracker resume shop gitlab)], "gitlab of shop is tried at once\n", 'one that is parked is tried again';
is list(qw(tracker list shop))->[0]{state}, 'ok', '... and parked no longer';
refuses [qw(tracker resume shop github)], 'errtrack acts in no tracker "github" of the project: see errtrack tracker list', 'one that is not there';
prints [qw(tracker delete shop gitlab)], "gitlab is no tracker of shop any more\n", 'it is deleted';
refuses [qw(tracker delete shop gitlab)], 'the project has no tracker "gitlab": see errtrack tracker list', '... once';

# ---- messages -------------------------------------------------------------------------------

# As the sender would: while the command waits.
sub test_with {
    my ($what, @words) = @_;
    $t->sql('delete from errtrack_private.notifications');
    # What it says beside is that it ends with 3.
    open my $from, '-|', 'sh', '-c', 'exec "$@" 2>/dev/null', 'sh', build_dir() . '/errtrack', '--database', $admin, 'notify', 'test', 'shop', @words, '--json' or die "errtrack: $!\n";
    eventually { $t->sql_value('select count(*) from errtrack_private.notifications') } 'a message is queued';
    $t->sql("select errtrack_private.$what from errtrack_private.notifications");
    my $said = JSON::PP::decode_json(do { local $/; <$from> });
    close $from;
    return ($? >> 8, $said);
}
($status, my $said) = test_with(q{notification_sent(project_id, id, '', '')}, 'own');
is_deeply [ $status, $said ], [ 0, [ { channel => 'own', state => 'sent', attempts => 1, answer => undef } ] ], 'a test that arrives';
($status, $said) = test_with(q{notification_failed(project_id, id, 'answered 404: no such hook', 'channel', 0)}, 'own');
is_deeply [ $status, $said ], [ 3, [ { channel => 'own', state => 'waiting', attempts => 1, answer => 'answered 404: no such hook' } ] ], 'one that is refused tells why';
($status, $out, $err) = call(qw(notify test shop Team --wait 0));
is $status, 3, 'one that nobody sends';
like $err, qr/^errtrack: 1 did not arrive yet; without any attempt see that errtrack-worker runs$/, '... says what to look at';
refuses [qw(notify test shop nobody)], 'there is no channel "nobody": there are Team, own', 'a channel that is none';

is_deeply [ map { [ @{$_}{qw(channel kind state last_error)} ] } @{ list(qw(notify list shop)) } ],
    [ [ 'Team', 'test', 'waiting', undef ], [ 'own', 'test', 'waiting', 'answered 404: no such hook' ] ], 'messages are listed, the newest first';
is scalar @{ list(qw(notify list shop --channel own)) }, 1, '... of a channel';
$t->sql(q{update errtrack_private.notifications set state = 'failed', ended_at = now() where channel_id = $1}, id_of('own'));
my ($failed) = @{ list(qw(notify list shop --state failed)) };
is $failed->{channel}, 'own', '... of a state';
prints [ qw(notify retry shop), $failed->{id} ], "1 wait again\n", 'what failed is sent again';
refuses [ qw(notify retry shop), $failed->{id} ], 'only what failed is sent again: this one is waiting', '... once';
refuses [qw(notify retry shop)], 'nothing failed within 7 days', 'all that failed';
refuses [qw(notify retry shop 00000000-0000-0000-0000-000000000000)], 'there is no message 0.*: see errtrack notify list', 'one that is not there';

# ---- the doctor -----------------------------------------------------------------------------

sub findings {
    my (undef, $json) = $t->command('errtrack', '--database', $admin, qw(doctor --json --redis), $t->redis_server->address);
    return join '', map { "$_->{level} $_->{what}; $_->{advice}\n" } grep { $_->{subject} =~ /^(?:channels|backlog)$/ && $_->{level} ne 'ok' } @{ JSON::PP::decode_json($json)->{findings} };
}
my $own = id_of('own');
my $project = $t->project->{id};
$t->sql(q{select errtrack_private.take_duty('notifications', 'test')});
$t->sql(q{select errtrack_private.notification_failed(project_id, id, 'Slack answers 410: set it anew', 'channel', 0) from errtrack_private.notifications where channel_id = $1}, $own);
like findings(), qr{^warning channel "own" of project acme/shop is parked since .*: Slack answers 410: set it anew; .* \(errtrack channel change acme/shop $own\); then errtrack channel resume acme/shop $own$}m,
    'a channel that is parked is found, with what to do';
prints [ qw(channel resume acme/shop), $own ], "channel $own of acme/shop is tried at once\n", '... which is done';
is findings(), '', '... and contents the doctor';
$t->sql(q{update errtrack_private.notifications set created_at = now() - interval '1 hour' where channel_id = $1}, $own);
$t->sql(q{insert into errtrack_private.outbox (project_id, kind, created_at) values ($1, 'behind', now() - interval '1 hour')}, $project);
is findings() =~ s/since \S+ \S+;/since <time>;/gr, <<'FOUND', 'what waits although it could be sent';
warning 1 things that happened are not told yet, the oldest since <time>; see what the log of errtrack-worker says of notifications, and that one runs without --no-notifications
warning 2 messages wait to be sent, the oldest since <time>; see what the log of errtrack-worker says of notifications
FOUND

is_deeply [ map { "@$_" } $t->sql('select distinct who, action from errtrack_private.audit where project_id = $1 order by 2', $project) ],
    [ map { "errtrack_admin $_" } qw(alert_rule.create alert_rule.delete alert_rule.update channel.create channel.delete channel.resume channel.test channel.update
        notification.retry project.create tracker.delete tracker.resume tracker.set) ], 'what was changed is noted';

unlike join("\n", map { $_->[0] } $t->sql('select c::text from errtrack_private.channels c union all select details::text from errtrack_private.audit')),
    qr/vertraulich|geheim/, 'no secret is in the database';

$t->done;
