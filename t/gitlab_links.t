# The links that GitLab's Sentry backend shows, to an issue and to a release, with the very
# configuration that the README has for them: they lead to what is known of both.

use strict;
use warnings;

use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root);

my $readme = read_file(root() . '/ngx_module/README.md');
my ($recipe) = $readme =~ /^\*\*Links of GitLab\.\*\*.*?^```nginx\n(.*?)^```/ms or die 'the README has no recipe for links';
my $config = $ErrTrack::Nginx::FULL;
$config =~ s/(?=^        location = \/errtrack\/metrics)/$recipe/m or die 'the configuration has no place for it';

my $t = ErrTrack->stack(redis => { appendonly => 'no' }, nginx => { config => $config });
my $signed = $t->http('POST', '/api/0/auth/', json => { token => $t->token }, headers => { 'X-Errtrack-Request' => 1, Origin => $t->url('') });
my ($cookie) = ($signed->header('Set-Cookie') // '') =~ /^([^;]+)/ or die 'signing in gave no cookie: ' . $signed->status;

# Where a link leads a browser that is signed in.
sub follow {
    my ($path) = @_;
    my $answer = $t->get($path);
    return $answer if $answer->status != 302;
    my ($to) = $answer->header('Location') =~ m{^http://[^/]+(/.*)\z} or die 'odd location: ' . $answer->header('Location');
    return $t->get($to, headers => { Cookie => $cookie });
}

for my $release ('shop@4.2.0', 'shop 1.0+b #2', 'ü') {
    (my $written = $release) =~ s/([^A-Za-z0-9.])/sprintf '%%%02X', ord $1/ge;
    utf8::decode(my $text = $release);
    is $t->store({ message => "in $written", release => $text })->status, 200, "an event of the release $written";
    my $issue;
    eventually { $issue = $t->sql_value('select issue_id from errtrack.occurrences where release = $1', $text) } '... is filed';
    for my $slash ('', '/') {
        my $shown = follow("/acme/shop/issues/$issue$slash");
        is_deeply [ $shown->status, eval { $shown->json->{id} } ], [ 200, $issue ], "6.4: {base}/issues/$issue$slash is the issue";
        $shown = follow("/acme/shop/releases/$written$slash");
        is_deeply [ $shown->status, eval { $shown->json->{version} } ], [ 200, $text ], "6.4: {base}/releases/$written$slash is the release";
    }
    my ($path) = $t->sentry('GET', "/issues/$issue/")->json->{permalink} =~ m{^http://[^/]+(/.*)} or die 'no permalink';
    is follow($path)->json->{id}, $issue, '... as is what the issue calls its page';
}
is $t->get('/api/0/issues/1/')->status, 401, 'who is not signed in sees nothing';
is follow('/acme/shop/issues/777777')->status, 404, 'an unknown issue';
is follow('/acme/shop/releases/nothing')->status, 404, 'an unknown release';

$t->done;
