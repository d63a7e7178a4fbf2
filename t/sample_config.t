# The sample configuration of the README, the very file: only what names this
# machine's paths, ports and services is put in. It loads, takes a report, lists
# the issue, and the site that was there before is still served.

use strict;
use warnings;

use FindBin ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(make_dir read_file write_file);

my $sample = read_file("$FindBin::RealBin/../ngx_module/sample.conf");
my $readme = read_file("$FindBin::RealBin/../README.md");
ok index($readme, $sample) >= 0, 'the README shows the sample as it is';

my $t = ErrTrack->stack(nginx => 0);
make_dir("$t->{dir}/site");
write_file("$t->{dir}/site/index.html", "the old site\n");
write_file("$t->{dir}/mime.types", "types { text/html html; }\n");

my @put = (
    [ qr/^load_module .*?ingest.*?;.*?^load_module .*?query.*?;/ms, '%%MODULES%%' ],
    [ qr/^user .*?;\n.*?^pid .*?;/ms, '%%GLOBALS%%' ],
    [ qr/^    include mime\.types;\n    access_log .*?;/m, "    %%HTTP%%\n    include %%DIR%%/mime.types;" ],
    [ qr/(?<=errtrack_redis )\S+(?=;)/, '%%REDIS%%' ],
    [ qr/(?<=errtrack_spool )\S+(?=;)/, '%%DIR%%/spool' ],
    [ qr/(?<=errtrack_postgres ")[^"]+(?=")/, '%%DATABASE%%' ],
    [ qr/(?<=errtrack_secrets_key_file )\S+(?=;)/, '%%SECRETS_KEY%%' ],
    [ qr{(?<=alias )/usr/share/errtrack/ui/(?=;)}, '"%%TREE%%/ngx_module/ui/"' ],
    [ qr{(?<=include )/usr/share/errtrack/ui.conf(?=;)}, '"%%TREE%%/ngx_module/ui.conf"' ],
    [ qr/(?<=listen )80(?=;)/, '127.0.0.1:%%PORT%%' ],
    [ qr/(?<=root )\S+(?=;)/, '%%DIR%%/site' ],
);
for my $put (@put) {
    my ($pattern, $text) = @$put;
    is scalar($sample =~ s/$pattern/$text/), 1, "the sample has a place for $text";
}

$t->start_worker;
$t->start_nginx(config => $sample);
$t->wait_for_key;

is $t->store({ message => 'from the sample' })->status, 200, 'a report is taken';
my $issues;
eventually {
    $issues = $t->api(GET => "/projects/$t->{project}{id}/errors")->json;
    @$issues == 1;
} 'and listed';
is $issues->[0]{name}, 'from the sample', 'as what it is';
is $t->post("/errortracking/api/v1/projects/api/$t->{project}{id}/store/?sentry_key=$t->{project}{public_key}",
    json => { message => 'from the sample' })->status, 200, 'the address of GitLab\'s DSN takes reports, too';
my $project = $t->project;
is $t->get("/api/$project->{id}/cron/nightly/$project->{public_key}/?status=ok")->status, 202, 'so do check-ins';
is $t->post("/api/$project->{id}/security/?sentry_key=$project->{public_key}", json => { 'csp-report' => {} })->status, 200,
    'and reports of browsers';
is $t->get("/api/$project->{id}/nothing/")->status, 404, 'what is none of ours is the business of the site';
is $t->get("/errtrack/$_")->status, 200, "$_ is answered" for qw(metrics live ready);
is $t->get('/errors')->header('Location'), $t->url('/errors/'), 'the web page is found without its last slash, too';
for my $path (qw(/errors/ /errors/issue?id=1 /errors/nothing)) {
    my $page = $t->get($path);
    like $page->content, qr/^<!doctype html>/, "$path is the web page";
    like $page->header('Content-Security-Policy'), qr/default-src 'none'; script-src 'self';/, '... under its policy';
}
is $t->get('/errors/base.css')->status, 200, 'with its files';
my $site = $t->get('/');
is $site->status, 200, 'the old site is still served';
is $site->content, "the old site\n", 'with its own content';

$t->done;
