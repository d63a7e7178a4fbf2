# The web page where nginx knows who asks, by a password file: nobody signs in.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Page qw(browse browser_missing);
use ErrTrack::Process qw(write_file);

plan skip_all => $_ for browser_missing();

my $config = $ErrTrack::Nginx::FULL;
$config =~ s{(location \^~ /api/0/ \{)}{$1
            auth_basic errors;
            auth_basic_user_file "%%DIR%%/people";
            errtrack_trusted_user \$remote_user;} or die 'the configuration has no place for it';

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => 0);
write_file("$t->{dir}/people", "ann\@example.com:{PLAIN}secret\n");
$t->errtrack(qw(user create ann@example.com));
$t->errtrack(qw(user role ann@example.com acme developer));
$t->start_nginx(config => $config);
$t->wait_for_key;
browse($t, 'vouched.mjs');

$t->done;
