# The key that seals the secrets of channels and trackers: the command makes it and seals
# with it, nginx and the worker take it, nobody takes a file that others can read, and it is
# shown nowhere.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use MIME::Base64 qw(decode_base64);
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file run write_file);

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0, worker => 0);
delete $ENV{ERRTRACK_SECRETS_KEY_FILE};
my $dir = $t->{dir};
my $file = "$dir/key";

# Everything that was printed, for what must not be in it.
my $printed = '';

sub call {
    my ($program, $words, %arg) = @_;
    my ($status, $out, $err) = run([ ErrTrack::Process::build_dir() . "/$program", @$words ], %arg);
    $printed .= $out . $err;
    return ($status, $out, $err);
}

sub id_of {
    my ($line) = @_;
    return substr sha256_hex(pack 'H*', $line =~ s/\n\z//r), 0, 8;
}

# Passes when the command ends so: status, what it prints, what it complains of.
sub says {
    my ($words, $said, $label, %arg) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($status, $out, $err) = call('errtrack', $words, %arg);
    return is "$status $out$err", "$said\n", $label;
}

# ---- making it ---------------------------------------------------------------------

my ($status, $out) = call('errtrack', [ 'secrets-key', $file ]);
my $key = read_file($file);
like $key, qr/^[0-9a-f]{64}\n\z/, 'a key of 256 bits is made';
my $id = id_of($key);
is "$status $out", "0 $file holds the new key $id\n", 'its id is told';
is sprintf('%o', (stat $file)[2] & 07777), '600', 'nobody else can read it';
says [ 'secrets-key', $file ], "1 errtrack: $file is there already: whoever overwrites a key loses what it has sealed", 'it is not overwritten';
is read_file($file), $key, 'and still there';
says [ 'secrets-key', "$dir/no/key" ], "1 errtrack: cannot make $dir/no/key: No such file or directory", 'a folder has to be there';
my ($plain_status, $line) = run([ ErrTrack::Process::build_dir() . '/errtrack', 'secrets-key' ]);
like "$plain_status $line", qr/^0 [0-9a-f]{64}\n\z/, 'without a file it is printed, to be put before older ones';
isnt $line, $key, 'each is a new one';
my $new = id_of($line);

# ---- sealing -------------------------------------------------------------------------

my $secret = 'https://hooks.example.com/services/T0/hunter2';
my @key = ('--secrets-key-file', $file);
my $value = write_file("$dir/value", "$secret\r\nanother line\n");
for my $case ([ 'standard input', [], stdin => "$secret\n" ], [ 'a file', [ '--file', $value ] ]) {
    my ($from, $words, %arg) = @$case;
    ($status, $out) = call('errtrack', [ qw(seal channel url), @key, @$words ], %arg);
    my ($text) = $out =~ m{^v1:$id:([A-Za-z0-9+/]+=*)\n\z};
    is $status, 0, "a secret from $from is sealed";
    is length decode_base64($text // ''), 12 + length($secret) + 16, 'with nonce and tag, without its line end';
}
{
    local $ENV{ERRTRACK_SECRETS_KEY_FILE} = write_file("$dir/both", $line . $key);
    ($status, $out) = call('errtrack', [qw(seal tracker token)], stdin => 'hunter2');
    like "$status $out", qr/^0 v1:$new:/, 'the first of several keys seals, of a file that the environment names';
}
says [qw(seal channel url)], '1 errtrack: name the file of the key that the worker has with --secrets-key-file', 'it takes a key';
says [ qw(seal channel url), @key, '--file', "$dir/none" ], "1 errtrack: cannot read $dir/none: No such file or directory", 'a file that is there';
says [ qw(seal channel url), @key ], '1 errtrack: cannot read a secret from the first line of standard input', 'something to seal';
says [ qw(seal channel url), @key ], '1 errtrack: a secret has 1 to 4096 bytes', 'and not too much of it', stdin => 'x' x 4097;
says [ qw(seal channel name), @key ], '1 errtrack: member: name not in {url,secret,token} (see errtrack seal --help)', 'what is no secret is not sealed';

# ---- who takes it ----------------------------------------------------------------------

my $nginx = $t->add_nginx(words => { SECRETS_KEY => $file });
my ($passed, $said) = $nginx->test;
ok $passed, 'nginx takes the key' or diag $said;
my ($shown_status, $shown) = run([ $nginx->program, '-T' ]);
$printed .= $shown;
like "$shown_status $shown", qr/^0 .*errtrack_secrets_key_file "\Q$file\E";/s, 'its configuration names the file';

$t->start_worker(secrets_key => "$dir/both", args => [ '--secrets-dir', $dir ]);
like $t->worker->log_text, qr/\Q$dir\E\/both holds the keys $new, $id$/m, 'a worker tells which keys it has';

chmod 0640, $file or die "chmod: $!\n";
my $open = "others than its owner have rights on $file: set them to 0600 (chmod 600)";
says [ qw(seal channel url), @key ], "1 errtrack: $open", 'the command refuses a file that others can read', stdin => 'x';
($passed, $said) = $nginx->test;
ok !$passed && $said =~ /invalid "errtrack_secrets_key_file": \Q$open\E in \S+nginx\.conf:\d+/, 'nginx does' or diag $said;
($status, undef, $said) = call('errtrack-worker', [@key]);
ok $status == 1 && $said =~ /--secrets-key-file: \Q$open\E$/m, 'so does the worker' or diag "$status $said";
($status, undef, $said) = call('errtrack-worker', [ '--secrets-dir', "$dir/none" ]);
ok $status == 1 && $said =~ /--secrets-dir: \Q$dir\E\/none is no folder: No such file or directory$/m, 'it wants a folder that is there' or diag "$status $said";

# ---- what is shown ------------------------------------------------------------------------

$t->worker->stop;
$printed .= read_file($_) for $nginx->log, $t->worker->log;
chomp($key, $line);
unlike $printed, qr/\Q$_\E/, 'none of it was printed or logged' for $key, $line, 'hunter2';

$t->expect_log(qr/\[emerg\]/);
$t->done;
