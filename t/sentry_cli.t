# What builds do with the real sentry-cli: releases with commits and deploys, source maps and
# debug information, lists, an event.

use strict;
use warnings;

use Digest::SHA ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir make_dir run write_file);

# From Python's registry, which has the program in a package.
my $venv = build_dir() . '/sentry-cli';
my $cli = "$venv/bin/sentry-cli";
if (!-x $cli) {
    my ($status, $out, $err) = run([ 'sh', '-c', 'python3 -m venv "$1" && "$1/bin/pip" install --quiet sentry-cli==3.8.2', 'sh', $venv ]);
    plan skip_all => "sentry-cli cannot be installed: $err" if $status || !-x $cli;
}

my $t = ErrTrack->stack(redis => { appendonly => 'no' });
$t->errtrack(qw(user create ann@a.example --admin));
my ($token) = $t->errtrack(qw(token create --user ann@a.example)) =~ /(ett_\w+)/ or die "no token\n";

my $dir = make_dir("$t->{dir}/build");
local %ENV = (%ENV, SENTRY_URL => $t->url(''), SENTRY_AUTH_TOKEN => $token, SENTRY_ORG => 'acme', SENTRY_PROJECT => 'shop',
    SENTRY_DSN => $t->dsn, SENTRY_DISABLE_UPDATE_CHECK => 1, HOME => $dir);

# Runs it; what it prints must match.
sub cli {
    my ($label, $like, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = run([ 'sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', $dir, $cli, @arguments ]);
    is $status, 0, $label or diag $out . $err;
    like $out . $err, $like, '... as it says' if $like;
    return $out;
}

cli('it knows whose token it has', qr/User: ann\@a\.example/, 'info');
cli('it lists organizations', qr/acme/, qw(organizations list));
cli('it lists projects', qr/shop/, qw(projects list));

cli('it makes a release', qr/Created release shop\@3\.0\.0/, qw(releases new shop@3.0.0));
run([ 'sh', '-c', 'cd "$1" && git init -q . && git -c user.email=ann@a.example -c user.name=Ann commit -q --allow-empty -m "first step"', 'sh', $dir ]);
cli('tells its commits', qr/Success/, qw(releases set-commits shop@3.0.0 --local));
is_deeply [ $t->sql('select btrim(message, chr(10)), author_email from errtrack_private.release_commits') ], [ [ 'first step', 'ann@a.example' ] ], 'which are there';
cli('finalizes it', qr/Finalized release/, qw(releases finalize shop@3.0.0));
cli('tells of a deploy', qr/Created new deploy/, qw(deploys new -e prod --release shop@3.0.0));
cli('lists deploys', qr/prod/, qw(deploys list --release shop@3.0.0));
cli('lists releases', qr/shop\@3\.0\.0/, qw(releases list));
cli('archives one', undef, qw(releases archive shop@3.0.0));
is $t->sql_value('select status from errtrack_private.releases'), 'archived', 'which is archived';
cli('and restores it', undef, qw(releases restore shop@3.0.0));
is $t->sql_value('select status from errtrack_private.releases'), 'open', 'which is open again';

# What a build has: a token for one project that may tell of releases and nothing else.
{
    local $ENV{SENTRY_AUTH_TOKEN} = 'build';
    $t->sql(q(insert into errtrack_private.tokens (hash, kind, user_id, project_id, scopes)
        select sha256('build'), 'personal', id, $1, '{project:releases}' from errtrack_private.users where email = 'ann@a.example'), $t->project->{id});
    cli('a build makes a release', qr/Created release shop\@3\.1\.0/, qw(releases new shop@3.1.0));
    run([ 'sh', '-c', 'cd "$1" && git -c user.email=ann@a.example -c user.name=Ann commit -q --allow-empty -m "second step"', 'sh', $dir ]);
    cli('tells its commits', qr/Success/, qw(releases set-commits shop@3.1.0 --auto --ignore-missing));
    cli('lists releases', qr/shop\@3\.1\.0/, qw(releases list));
    cli('and deploys', undef, qw(deploys list --release shop@3.1.0));
    $t->sql(q(delete from errtrack_private.releases where release = 'shop@3.1.0'));
}

write_file("$dir/a.js", "console.log('x');\n//# sourceMappingURL=a.js.map\n");
write_file("$dir/a.js.map", '{"version":3,"sources":["a.ts"],"names":[],"mappings":"AAAA","sourcesContent":["console.log(1)"]}');
cli('puts debug ids into source maps', qr/Injecting debug ids/, qw(sourcemaps inject a.js a.js.map));
cli('uploads them', qr/Source Map Upload Report/, qw(sourcemaps upload --release shop@3.0.0 a.js a.js.map));
cli('uploads debug information', qr/UPLOADED/, 'debug-files', 'upload', '/bin/ls');
cli('and not a second time', undef, 'debug-files', 'upload', '/bin/ls');
is_deeply [ $t->sql(q(select kind, name, release, length(debug_id) from errtrack_private.uploads order by 1)) ],
    [ [ 'artifact_bundle', '', 'shop@3.0.0', 0 ], [ 'debug_file', 'ls', '', 36 ] ], 'each is kept once';
is $t->sql_value(q(
    select bool_and(u.size = (
        select sum(octet_length(c.body)) from unnest(u.chunks) as piece join errtrack_private.upload_chunks c on c.sha1 = piece))
    from errtrack_private.uploads u)), 't', 'with all of its pieces';

# Several pieces in one request, which is more than nginx takes unless told to.
write_file("$dir/large.js", "console.log('z');\n//# sourceMappingURL=large.js.map\n");
write_file("$dir/large.js.map", '{"version":3,"sources":["large.ts"],"names":[],"mappings":"AAAA","sourcesContent":["'
    . join('', map { Digest::SHA::sha256_hex($_) } 1 .. 80_000) . '"]}');
cli('a large file is uploaded', qr/Source Map Upload Report/, qw(sourcemaps upload --release shop@3.0.0 large.js large.js.map));
cmp_ok $t->sql_value('select max(cardinality(chunks)) from errtrack_private.uploads'), '>', 1, '... in pieces';

# No room is left but for what is there.
$t->sql(q(update errtrack_private.limits set value = (select sum(octet_length(body)) from errtrack_private.upload_chunks)
    where name = 'upload_bytes'));
cli('what was uploaded can be uploaded again', undef, qw(sourcemaps upload --release shop@3.0.0 a.js a.js.map));
write_file("$dir/b.js", "console.log('y');\n//# sourceMappingURL=b.js.map\n");
write_file("$dir/b.js.map", '{"version":3,"sources":["b.ts"],"names":[],"mappings":"AAAA","sourcesContent":["console.log(2)"]}');
my ($status, $out, $err) = run([ 'sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', $dir, $cli, qw(sourcemaps upload --release shop@3.0.0 b.js b.js.map) ]);
isnt $status, 0, 'beyond the limit nothing more is';
like $out . $err, qr/as much as the limit upload_bytes allows/, '... as it says';

cli('sends an event', qr/Event id/, qw(send-event -m hello -r shop@3.0.0));
eventually { $t->sql_value('select count(*) from errtrack.occurrences') == 1 } 'which is filed';
my $issue = $t->sql_value('select issue_id from errtrack.issues');
eventually {
    my $release = $t->sentry('GET', '/organizations/acme/releases/shop@3.0.0/', token => $token)->json;
    ($release->{firstEvent} // '') =~ /^\d{4}-/ && $release->{lastEvent} eq $release->{firstEvent};
} 'which its release tells';
cli('lists issues', qr/hello/, qw(issues list));
cli('lists events', qr/hello/, qw(events list));
cli('resolves an issue', qr/new status: resolved/, qw(issues resolve --id), $issue);
is $t->sql_value('select status from errtrack.issues'), 'resolved', 'which is resolved then';

cli('runs a job that is watched', undef, qw(monitors run nightly -- true));
eventually { $t->sql_value(q(select count(*) from errtrack.monitors where slug = 'nightly' and status = 'ok')) == 1 } 'and tells how it ended';
cli('lists monitors', qr/nightly/, qw(monitors list));

$t->sql(q(update errtrack_private.uploads set received_at = now() - interval '91 days';
    update errtrack_private.upload_chunks set received_at = now() - interval '2 days'; select errtrack_private.sweep(90)));
is $t->sql_value('select (select count(*) from errtrack_private.uploads) + (select count(*) from errtrack_private.upload_chunks)'), 0,
    'uploads go when events of their time go';

$t->done;
