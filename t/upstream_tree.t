# Both modules build against an nginx as its makers ship it and load into the
# binary built from the same tree, as those of nginx.org's packages are: configured
# with --with-compat, without the patches of Debian.
#
# The sources of nginx come as Debian's original tarball by apt-get, with a state of
# apt that is private to this file, so that nobody has to be root. Tarball, tree and
# binary stay in build/upstream/; the modules are built anew each time, from a copy
# of the sources, which may then be changed.

use strict;
use warnings;

use Fcntl ':flock';
use File::Basename qw(basename);
use File::Path qw(make_path remove_tree);
use Test::More;
use Time::HiRes ();

use ErrTrack;
use ErrTrack::Process qw(read_file root run write_file);

my $conf = <<'CONF';
load_module "%%BUILD%%/ngx_http_errtrack_ingest_module.so";
load_module "%%BUILD%%/ngx_http_errtrack_query_module.so";
%%GLOBALS%%
thread_pool errtrack threads=2 max_queue=16;

events {}

http {
    %%HTTP%%

    errtrack_redis %%REDIS%%;
    errtrack_zone 1m;

    server {
        listen 127.0.0.1:%%PORT%%;

        location / {
            client_max_body_size 0;
            errtrack_ingest;
        }
    }
}
CONF

plan skip_all => 'these modules are built without sanitizers' if $ENV{ERRTRACK_PRELOAD};

# "make test" hands down its options and variables, which are not for these builds.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

my $dir = root() . '/build/upstream';
make_path($dir);

# Two runs at once would build in the same folders.
open my $lock, '>', "$dir/lock" or die "$dir/lock: $!\n";
flock $lock, LOCK_EX or die "$dir/lock: $!\n";

# ---- the tree -------------------------------------------------------------------

# Runs a command as the caller, who owns build/: (status, all that it said).
sub work {
    my (@command) = @_;
    my ($status, $out, $err) = run(\@command, plain => 1);
    return ($status, $out . $err);
}

sub must {
    my ($status, $said) = work(@_);
    die "@_: status $status:\n$said" if $status;
    return $said;
}

sub in_folder {
    my ($folder, @command) = @_;
    return ('sh', '-c', 'cd "$1" && shift && exec "$@"', 'sh', $folder, @command);
}

sub tarball { return (glob "$dir/nginx_*.orig.tar.gz")[-1] }

# The repositories of Debian that this machine installs from, asked for sources.
sub source_lines {
    my ($status, $said) = work(qw(apt-get indextargets --no-release-info --format),
        '$(REPO_URI) $(RELEASE) $(COMPONENT)', 'Created-By: Packages');
    return if $status;
    my %seen;
    return map { "deb-src $_\n" } grep { m{/debian(?:-security)?/? } && !$seen{$_}++ } split /\n/, $said;
}

# Nothing when the tarball is there, else why it is not.
sub download {
    return if tarball();
    my @sources = source_lines() or return 'apt knows no repository of Debian';
    make_path("$dir/apt/lists/partial", "$dir/apt/cache/archives/partial");
    write_file("$dir/apt/sources.list", join '', @sources);
    my @apt = ('apt-get', '-q', map { ('-o', $_) }
        "Dir::Etc::sourcelist=$dir/apt/sources.list", 'Dir::Etc::sourceparts=/dev/null',
        "Dir::State::lists=$dir/apt/lists", "Dir::Cache=$dir/apt/cache",
        'APT::Sandbox::User=', 'APT::Update::Error-Mode=any', 'Acquire::Retries=0', 'Acquire::http::Timeout=20');
    my ($status, $said) = work(@apt, 'update');
    ($status, $said) = work(in_folder($dir, @apt, qw(source --download-only --tar-only nginx))) if !$status;
    # The lists are of no more use.
    remove_tree("$dir/apt");
    return if !$status && tarball();
    my ($why) = $said =~ /^[EW]: (.*)/m;
    return $why // "apt-get ended with $status";
}

if (my $why = download()) {
    plan skip_all => "the sources of nginx cannot be downloaded: $why";
}

my ($version) = basename(tarball()) =~ /^nginx_(.+)\.orig\.tar\.gz\z/;
my $tree = "$dir/nginx-$version";
must('tar', '-x', '-z', '-f', tarball(), '-C', $dir) if !-e "$tree/configure";

# The files of one kind below a folder, and when they were written.
sub built_at {
    my ($folder, $suffix) = @_;
    my @files = split /\n/, must('find', $folder, '-name', "*.$suffix");
    return { map { $_ => (Time::HiRes::stat($_))[9] } @files };
}

# ---- the nginx ------------------------------------------------------------------

# Debugging of nginx is not what this is about, so it is built as fast as can be.
# Nothing of that is in the signature that binaries and modules compare.
my $binary = "$dir/nginx-$version-build/nginx";
if (!-x $binary) {
    must(in_folder($tree, './configure', qw(--with-compat --with-threads --with-cc-opt=-O0), "--builddir=$dir/nginx-$version-build"));
    must('make', '-s', '-j2', '-C', $tree, '-f', "$dir/nginx-$version-build/Makefile", 'binary');
}
like must($binary, '-V'), qr{nginx/\Q$version\E\n(?:.*\n)*.*--with-compat}, "nginx $version is built for modules from elsewhere";

# ---- the modules ----------------------------------------------------------------

my $sources = "$dir/sources";
my $build = "$dir/modules";
remove_tree($sources, $build);
make_path($sources);
must('cp', '-R', (map { root() . "/$_" } qw(Makefile config ngx_module sql worker)), $sources);

sub make_modules {
    return work('make', '--no-print-directory', '-j2', '-C', $sources, 'modules',
        "NGINX_SRC=$tree", "BUILD=$build", 'CXXFLAGS=-O0');
}

my @modules = map { "$build/nginx/ngx_http_errtrack_${_}_module.so" } qw(ingest query);

{
    my ($status, $said) = make_modules();
    is $status, 0, 'the modules build against the tree' or diag $said;
    unlike $said, qr/warning:/, 'without a warning';
    is scalar(grep { -s } @modules), 2, 'both of them';
}

# ---- what is built again ----------------------------------------------------------

# As long as nothing changes nothing is built.
my $first = built_at("$build/nginx", 'o');
make_modules();
is_deeply built_at("$build/nginx", 'o'), $first, 'a second time nothing is built';

# Which objects make would build again if a file had changed. The file is as it was
# afterwards, so that the next one is asked about alone.
sub objects_after_touching {
    my ($file) = @_;
    my $time = (stat $file)[9];
    utime undef, undef, $file or die "$file: $!\n";
    my $plan = must('make', '-n', '-C', $tree, '-f', "$build/nginx/Makefile", 'modules');
    utime $time, $time, $file;
    return sort map { basename($_) } $plan =~ /-o (\S+\.o)\b/g;
}

my @own = sort map { s/\.(?:cpp|S)\z/.o/r } map { basename($_) } glob("$sources/ngx_module/*.{cpp,S}"), map { "$sources/worker/$_.cpp" } qw(glob rule_reader seal);
for my $file (sort(glob "$sources/ngx_module/*.{hpp,json}"), map { "$sources/worker/$_" } qw(entry.hpp glob.hpp outcome.hpp rule_reader.hpp seal.hpp words.hpp)) {
    is_deeply [ objects_after_touching($file) ], \@own, 'nginx builds all objects again after a change to ' . basename($file);
}

utime undef, undef, "$sources/ngx_module/ngx.hpp" or die "$sources/ngx_module/ngx.hpp: $!\n";
{
    my ($status, $said) = make_modules();
    is $status, 0, 'a change to a header is taken by make modules' or diag $said;
    my $second = built_at("$build/nginx/addon", 'o');
    is_deeply [ sort map { basename($_) } grep { $second->{$_} > $first->{$_} } keys %$second ], \@own,
        'and every object is built again';
}

# ---- what is refused ------------------------------------------------------------

{
    my ($status, $said) = work(in_folder($tree, './configure', '--with-compat', "--add-dynamic-module=$sources",
        "--builddir=$dir/without-threads"));
    is $status, 1, 'without threads nginx is not configured';
    like $said, qr/error: errtrack needs nginx with threads: add --with-threads$/m, 'and the reason is said';
    remove_tree("$dir/without-threads");
}

# ---- it runs --------------------------------------------------------------------

my $t = ErrTrack->new;
my $redis = $t->start_redis(appendonly => 'no');
my $key = 'k' x 32;
$t->redis('HSET', 'errtrack:keys', '#generation', 'x', $key, '{"id":1,"project":1}');
$t->{project} = { id => 1, public_key => $key };

# The harness starts "nginx", whichever comes first.
$ENV{PATH} = "$dir/nginx-$version-build:$ENV{PATH}";
my $nginx = $t->add_nginx(config => $conf, words => { BUILD => "$build/nginx" });
my ($good, $said) = $nginx->test;
ok $good, 'nginx takes both modules' or diag $said;
$nginx->start;
is readlink('/proc/' . $nginx->pid . '/exe'), $binary, 'it is the nginx of the tree that runs';
eventually { $t->store({ message => 'm' })->status == 200 } 'it takes a report';
my $id = 'a' x 32;
is $t->envelope([ event => { message => 'm' } ], header => { event_id => $id })->content, qq({"id":"$id"}), 'and an envelope';
is $t->redis('XLEN', 'errtrack:{q0}:events'), 2, 'which are in the queue';
is $t->store({ message => 'm' }, key => 'n' x 32)->status, 403, 'another key is refused';

$t->done;
