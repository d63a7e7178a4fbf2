# Generated requests to every operation of openapi.json, most of them about something that is
# there: each answer must be one that the document describes, by its status, type, headers and
# schema, and none is an error of the server.
#
# ERRTRACK_REQUESTS says how many (1,500 unless told otherwise), and ERRTRACK_SEED which.

use strict;
use warnings;

use Fcntl ':flock';
use File::Path qw(make_path remove_tree);
use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(build_dir read_file root run write_file);

my $requests = $ENV{ERRTRACK_REQUESTS} // 1500;
my $seed = $ENV{ERRTRACK_SEED} // 1;
my $here = root() . '/t/openapi';

# ---- schemathesis -----------------------------------------------------------------

# A Python with what requirements.txt names, made once: its path, or nothing and why not.
sub python {
    my $dir = root() . '/build/openapi';
    make_path($dir);
    open my $lock, '>', "$dir/lock" or die "$dir/lock: $!\n";
    flock $lock, LOCK_EX or die "$dir/lock: $!\n";
    my $wanted = read_file("$here/requirements.txt");
    return "$dir/venv/bin/python" if -e "$dir/made" && read_file("$dir/made") eq $wanted;
    remove_tree("$dir/venv");
    for my $command ([ 'python3', '-m', 'venv', "$dir/venv" ],
        [ "$dir/venv/bin/pip", qw(install --quiet --disable-pip-version-check --retries 1 --timeout 20 -r), "$here/requirements.txt" ])
    {
        my ($status, $out, $err) = run($command, plain => 1);
        return (undef, "@$command: $out$err") if $status;
    }
    write_file("$dir/made", $wanted);
    return "$dir/venv/bin/python";
}

my ($python, $why) = python();
plan skip_all => "schemathesis cannot be installed: $why" if !$python;

# ---- the server -------------------------------------------------------------------

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql(read_file("$here/data.sql"));
$t->start_nginx(config => <<'CONF');
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=2 max_queue=64;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    errtrack_secrets_key_file "%%SECRETS_KEY%%";
    # All requests come on one connection.
    keepalive_requests 1000000;
    large_client_header_buffers 4 64k;

    server {
        listen 127.0.0.1:%%PORT%%;

        location / {
            errtrack_query;
        }
    }
}
CONF

my $known = $t->sql_value(read_file("$here/known.sql"));
utf8::encode($known);
write_file("$t->{dir}/known.json", $known);

# ---- the requests -----------------------------------------------------------------

note "seed $seed";
my ($status, $out, $err) = run(
    [ $python, "$here/properties.py", $t->url(''), root() . '/ngx_module/openapi.json', "$t->{dir}/known.json", $requests, $seed ],
    plain => 1);
is $status, 0, 'all requests were sent' or diag $err;

my ($sent, %runs, @names) = 0;
for my $line (split /\n/, $out) {
    my $round = JSON::PP->new->utf8->decode($line);
    my $name = $round->{operation};
    push @names, $name if !$runs{$name};
    $sent += $round->{requests};
    $runs{$name}{statuses}{$_} += $round->{statuses}{$_} for keys %{ $round->{statuses} };
    $runs{$name}{failure} //= $round->{failure};
}
for my $name (@names) {
    my ($statuses, $failure) = @{ $runs{$name} }{qw(statuses failure)};
    ok !defined $failure, "$name: " . join ', ', map { "$statuses->{$_} x $_" } sort keys %$statuses
        or diag "seed $seed: $failure";
}
my @served = grep { grep { /^2/ } keys %{ $runs{$_}{statuses} } } @names;
cmp_ok scalar(@served), '>=', 0.9 * @names, 'nearly all operations were served something';
cmp_ok $sent, '>=', $requests, "$sent requests were sent";
is_deeply [ $t->sql('select slug from errtrack_private.organizations where id in (10, 20, 30) order by id') ], [ ['acme'], ['spare'], ['other'] ], 'the organizations are there as before';
is $t->sql_value('select count(*) from errtrack_private.issues where project_id = 42'), 30, 'no issue was deleted but those that were meant to be';

$t->done;
