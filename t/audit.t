# Whatever the command changes is in the audit, with the login that changed it: each command
# leaves one row, what is refused leaves none, and none holds a secret.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir run write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
my $admin = $t->postgres->conninfo('errtrack_admin');
my $project = $t->project->{id};
my $organization = $t->sql_value('select organization_id from errtrack_private.projects');
my $user = $t->sql_value('select id from errtrack_private.users');
my $key = '0123456789abcdef0123456789abcdef';
my $password = write_file("$t->{dir}/password", "vertraulich-genug\n");
my $kept = '';

# What the audit has, which it then has no longer.
sub noted {
    my @rows = $t->sql('delete from errtrack_private.audit returning who, action, organization_id, project_id, details');
    $kept .= join "\n", map { $_->[4] } @rows;
    return map { [ @$_[0 .. 3], JSON::PP::decode_json($_->[4]) ] } @rows;
}

# Runs a command; its output.
sub call {
    my ($words, %arg) = @_;
    my ($status, $out, $err) = run([ build_dir() . '/errtrack', '--database', $admin, @$words ], %arg);
    is $status, 0, "errtrack @$words[0, 1]" or diag $err;
    return $out;
}

# Passes when a command leaves one row, of this.
sub notes {
    my ($words, $action, $of, $details, %arg) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $out = call($words, %arg);
    is_deeply [ noted() ], [ [ 'errtrack_admin', $action, @$of, $details ] ], "... is noted as $action";
    return $out;
}

sub id_in { my ($table) = @_; return $t->sql_value("select max(id) from errtrack_private.$table") }

my ($nobody, $acme, $shop) = ([ undef, undef ], [ $organization, undef ], [ $organization, $project ]);

is_deeply [ sort map { $_->[1] } noted() ], [qw(organization.create project.create token.create user.create)], 'what the harness did is noted';

# ---- organizations, people, projects ---------------------------------------------------------

notes [qw(org create other --id 77)], 'organization.create', [ 77, undef ], { slug => 'other' };
notes [qw(project create till --org other --id 4711)], 'project.create', [ 77, 4711 ], { slug => 'till' };
call [qw(user create ann@example.com)];
my $ann = id_in('users');
is_deeply [ noted() ], [ [ 'errtrack_admin', 'user.create', @$nobody, { user => $ann, administrator => JSON::PP::false } ] ], '... is noted by its number';
notes [qw(user role ann@example.com acme developer)], 'member.set', $acme, { user => $ann, role => 'developer' };
notes [qw(user role ann@example.com acme none)], 'member.delete', $acme, { user => $ann };

my $token = call [qw(token create --user admin@example.com --project shop --scope event:read --json)];
$token = JSON::PP::decode_json($token)->{token};
my $made = id_in('tokens');
is_deeply [ noted() ], [ [ 'errtrack_admin', 'token.create', @$shop, { id => $made, user => $user, scopes => ['event:read'] } ] ], '... is noted without itself';
notes [ qw(token revoke), $made ], 'token.delete', $shop, { id => $made, user => $user };
notes [qw(token import)], 'token.import', $nobody, { id => $made + 1 }, stdin => "vertraulich-genug-fuer-gitlab\n";

# ---- client keys -------------------------------------------------------------------------------

notes [ qw(key create shop --public-key), $key ], 'client_key.create', $shop, { id => $key };
$made = id_in('client_keys');
notes [ qw(key disable), $made ], 'client_key.update', $shop, { id => $key, active => JSON::PP::false, label => '' };
notes [ qw(key delete), $made ], 'client_key.delete', $shop, { id => $key };

# ---- settings of projects -----------------------------------------------------------------------

notes [qw(quota set shop error 60/60s)], 'quota.set', $shop, { key => undef, category => 'error', limit => '60/1m' };
notes [qw(quota remove shop error)], 'quota.remove', $shop, { key => undef, category => 'error' };
notes [qw(limit set shop bodies none)], 'limit.set', $shop, { name => 'bodies', value => 'none' };
notes [qw(project retention shop 30)], 'retention.set', $shop, { days => 30 };
notes [qw(project retention shop 0)], 'retention.set', $shop, { days => undef };
notes [qw(retention --days 60)], 'retention.run', $nobody, { days => 60 };
notes [qw(origin add shop *.EXAMPLE.com)], 'edge_setting.add', $shop, { kind => 'origin', value => '*.example.com' };
notes [qw(origin remove shop *.example.com)], 'edge_setting.remove', $shop, { kind => 'origin', value => '*.example.com' };
notes [qw(filter add shop address 192.0.2.0/24)], 'edge_setting.add', $shop, { kind => 'address', value => '192.0.2.0/24' };
notes [qw(filter add shop message *boom*)], 'event_setting.add', $shop, { kind => 'message', value => '*boom*' };
notes [qw(scrub add shop key iban)], 'event_setting.add', $shop, { kind => 'key', value => 'iban' };
notes [qw(scrub remove shop key iban)], 'event_setting.remove', $shop, { kind => 'key', value => 'iban' };
notes [qw(scrub set shop addresses on)], 'event_setting.switch', $shop, { kind => 'addresses', value => JSON::PP::true };
notes [ qw(rule add shop fingerprint), 'type:Timeout* -> timeout' ], 'grouping_rule.add', $shop,
    { kind => 'fingerprint', place => 1, rule => 'type:Timeout* -> timeout' };
notes [qw(rule remove shop fingerprint 1)], 'grouping_rule.remove', $shop, { kind => 'fingerprint', place => 1, rule => 'type:Timeout* -> timeout' };

notes [qw(project grouping shop g0)], 'grouping.switch', $shop, { algorithm => 'g0', transition_days => 90 };
$t->sql(q{insert into errtrack_private.dead_letters (delivery_id, project_id, reason, meta, body) values (gen_random_uuid(), $1, 'test', '', '')}, $project);
$made = id_in('dead_letters');
notes [ qw(dead delete), $made ], 'dead_letter.delete', $nobody, { ids => [$made] };

# ---- logins of analysts ---------------------------------------------------------------------------

notes [ qw(report-user create ben --project shop --password-file), $password ], 'report_user.create', $nobody, { login => 'ben', projects => ['shop'] };
notes [ qw(report-user rotate ben --password-file), $password ], 'report_user.rotate', $nobody, { login => 'ben' };
notes [qw(report-user delete ben)], 'report_user.delete', $nobody, { login => 'ben' };

# ---- what is not there ---------------------------------------------------------------------------

for my $words ([qw(project create till --org other)], [qw(key disable 99)], [qw(quota set shop error 1)], [qw(token revoke 99)], [qw(report-user delete ben)]) {
    my ($status) = run([ build_dir() . '/errtrack', '--database', $admin, @$words ]);
    is $status, 1, "errtrack @$words[0, 1] is refused";
}
call [qw(retention --days 60 --dry-run)];
is_deeply [ noted() ], [], 'what changes nothing is not noted';
unlike $kept, qr/vertraulich|SCRAM|\Q$token\E/, 'no secret was noted';

$t->done;
