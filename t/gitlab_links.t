# The links that GitLab's Sentry backend and messages show, to an issue, to a release and to a
# search, with the very configuration that the sample has for them: they lead to the pages of these.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $t = ErrTrack->stack(redis => { appendonly => 'no' });

# Where a link leads.
sub target {
    my ($path) = @_;
    my $answer = $t->get($path);
    return $answer->status == 302 ? $answer->header('Location') : $answer->status;
}

for my $release ('shop@4.2.0', 'shop 1.0+b #2', 'ü') {
    (my $written = $release) =~ s/([^A-Za-z0-9.])/sprintf '%%%02X', ord $1/ge;
    utf8::decode(my $text = $release);
    is $t->store({ message => "in $written", release => $text })->status, 200, "an event of the release $written";
    my $issue;
    eventually { $issue = $t->sql_value('select issue_id from errtrack.occurrences where release = $1', $text) } '... is filed';
    for my $slash ('', '/') {
        is target("/acme/shop/issues/$issue$slash"), $t->url("/errors/issue?id=$issue"), "6.4: {base}/issues/$issue$slash leads to the issue";
        is target("/acme/shop/releases/$written$slash"), $t->url("/errors/?org=acme&project=shop&status=all&release=$written"),
            "6.4: {base}/releases/$written$slash leads to what happened in the release";
    }
    my ($path) = $t->sentry('GET', "/issues/$issue/")->json->{permalink} =~ m{^http://[^/]+(/.*)} or die 'no permalink';
    is target($path), $t->url("/errors/issue?id=$issue"), '... as does what the issue calls its page';
}
is target('/acme/shop/issues/?query=is%3Anew%20level%3Aerror'), $t->url('/errors/?org=acme&project=shop&status=all&query=is%3Anew%20level%3Aerror'),
    'what a message sums up is a search of the list';
is target('/acme%0D%0ASet-Cookie:x/shop/issues/'), 404, 'nothing of an address becomes a header of its own';
like $t->get('/errors/issue?id=1')->content, qr/^<!doctype html>/, 'where the page is';

$t->done;
