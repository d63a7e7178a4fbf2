package ErrTrack::Page;

# The web page in a browser, Debian's Chromium driven by Playwright: a script of t/page/
# does what a person would and prints a line for each check, which becomes a check of the
# test. Its libraries come from npm, into build/page/.
#
#     plan skip_all => $_ for browser_missing();
#     browse($t, 'way.mjs', words => { PAGE_X => 'for its environment' },
#         acts => { stop => sub { 'what the script asks the test to do with act("stop")' } });

use strict;
use warnings;

use Exporter 'import';
use File::Copy ();
use IPC::Open2 'open2';
use Test::More ();

use ErrTrack::Process qw(make_dir read_file root);

our @EXPORT_OK = qw(browse browser_missing);

sub folder { return root() . '/build/page' }

# Why there is no browser; nothing where there is one.
sub browser_missing {
    my ($chromium) = grep { -x } map { "$_/chromium" } split /:/, $ENV{PATH};
    return 'chromium is not installed' if !$chromium;
    return 'Playwright needs Node.js 20 or newer' if (qx{node --version} =~ /^v(\d+)/ ? $1 : 0) < 20;
    make_dir(root() . '/build');
    make_dir(folder());
    my $wanted = read_file(root() . '/t/page/package.json');
    if (read_file(folder() . '/package.json') ne $wanted || !-d folder() . '/node_modules/playwright-core') {
        File::Copy::copy(root() . '/t/page/package.json', folder() . '/package.json') or die "package.json: $!\n";
        my $log = qx{cd \Q${\ folder()}\E && npm install --no-audit --no-fund --silent 2>&1};
        return "npm cannot install what drives a browser: $log" if $?;
    }
    return;
}

# Runs a script against the nginx of a test. Pictures that it takes are in build/screenshots/.
sub browse {
    my ($t, $script, %arg) = @_;
    make_dir(root() . '/build/screenshots');
    local %ENV = (
        %ENV, PAGE_URL => $t->url(''), PAGE_DSN => $t->dsn, PAGE_TOKEN => $t->token, PAGE_PROJECT => $t->project->{id},
        PAGE_LIBRARIES => folder(), PAGE_PICTURES => root() . '/build/screenshots', %{ $arg{words} || {} },
    );
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $pid = open2(my $out, my $in, 'node', root() . "/t/page/$script");
    my $ended;
    while (my $line = <$out>) {
        chomp $line;
        if ($line eq 'end') {
            $ended = 1;
        } elsif (my ($good, $label) = $line =~ /^(not )?ok - (.*)/ ? (!$1, $2) : ()) {
            Test::More::ok($good, $label);
        } elsif (my ($act) = $line =~ /^act (\w+)$/) {
            $arg{acts}{$act}->();
            print {$in} "done\n";
        } else {
            Test::More::diag($line);
        }
    }
    waitpid $pid, 0;
    Test::More::ok($ended && $? == 0, "$script came to its end");
    return;
}

1;
