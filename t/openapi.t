# openapi.json: it describes every route of the table and no other, refers to nothing that is
# not in it, and is served as it is in the tree, to anybody and while the database is away.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root);

my $file = root() . '/ngx_module/openapi.json';
my $text = read_file($file);
my $document = JSON::PP->new->utf8->decode($text);

# ---- the table and the document ---------------------------------------------------

my ($table) = read_file(root() . '/ngx_module/routes.cpp') =~ /constexpr Route routes\[\] = \{\n(.*?)\n\};/s
    or die "no table of routes\n";
my %routes;
my $entries = 0;
while ($table =~ /\{"(\w+)",\s*"([^"]+)",\s*(\w+),\s*([\w:]+),\s*"(\w*)"/g) {
    my ($method, $path, $surface, $access, $function) = ($1, $2, $3, $4, $5);
    $path .= '/' if $surface eq 'sentry' && $access ne 'document';
    $routes{"$method $path"} = { function => $function || 'openapi', access => $access };
}
$entries++ while $table =~ /^    \{/mg;
is scalar(keys %routes), $entries, 'every line of the table is understood';

my %methods = map { $_ => 1 } qw(get put post delete patch options head trace);
my %operations;
while (my ($path, $item) = each %{ $document->{paths} }) {
    for my $method (grep { $methods{$_} } keys %$item) {
        $operations{ uc($method) . " $path" } = {
            %{ $item->{$method} }, path => $path,
            parameters => [ map { resolve($_) } @{ $item->{parameters} // [] }, @{ $item->{$method}{parameters} // [] } ],
        };
    }
}
is_deeply [ sort keys %operations ], [ sort keys %routes ], 'the document has the routes of the table';

# What a reference stands for; nothing when it dangles.
sub resolve {
    my ($value) = @_;
    my $reference = $value->{'$ref'} // return $value;
    my $place = $document;
    for my $step ($reference =~ m{^#/(.+)} ? split m{/}, $1 : '') {
        $place = ref $place eq 'HASH' ? $place->{ $step =~ s{~1}{/}gr =~ s/~0/~/gr } : undef;
    }
    return $place;
}

my (%used, @dangling);
sub look {
    my ($value) = @_;
    if (ref $value eq 'HASH') {
        if (defined(my $reference = $value->{'$ref'})) {
            $used{$reference} = 1;
            push @dangling, $reference if !resolve($value);
        }
        look($_) for values %$value;
    } elsif (ref $value eq 'ARRAY') {
        look($_) for @$value;
    }
    return;
}
look($document);
is_deeply \@dangling, [], 'no reference dangles';
my @components = map { my $kind = $_; map { "#/components/$kind/$_" } sort keys %{ $document->{components}{$kind} } }
    qw(headers parameters responses schemas);
is_deeply [ grep { !$used{$_} } @components ], [], 'and nothing is there that no route has';

my %ids;
for my $name (sort keys %routes) {
    my ($operation, $route) = ($operations{$name} // next, $routes{$name});
    $ids{ $operation->{operationId} }++;
    like $operation->{operationId}, qr/^\Q$route->{function}\E(?:_|\z)/, "$name: it has the name of its function";
    my @wanted = $operation->{path} =~ /\{(\w+)\}/g;
    is_deeply [ sort map { $_->{name} } grep { $_->{in} eq 'path' } @{ $operation->{parameters} } ], [ sort @wanted ],
        '... the parameters of its path';
    my $answers = $operation->{responses};
    my $is_open = $route->{access} eq 'document' || $route->{access} eq 'Access::open';
    is scalar(grep { %$_ } @{ $operation->{security} }), 0, '... needs no token' if $route->{access} eq 'document';
    ok !@{ $operation->{security} } || (grep { !%$_ } @{ $operation->{security} }), '... needs no token in its head' if $is_open;
    my @every = $route->{access} eq 'document' ? qw(200 304) : (qw(400 401 503 504), $route->{access} eq 'reads' ? 304 : 413);
    is_deeply [ grep { !$answers->{$_} } @every ], [], '... and the answers that each of its kind can have';
}
is_deeply [ grep { $ids{$_} > 1 } keys %ids ], [], 'no two have the same name';

# ---- served ---------------------------------------------------------------------

my $t = ErrTrack->new;
$t->start_nginx(
    words => { DATABASE => 'host=127.0.0.1 port=1 dbname=errtrack user=errtrack_query connect_timeout=1' },
    config => <<'CONF');
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=1 max_queue=16;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;

        location / {
            errtrack_query;
        }
    }
}
CONF

for my $path ('/api/0/openapi.json', '/errortracking/api/v1/openapi.json', '/api/0/openapi.json/') {
    my $answer = $t->http('GET', $path);
    is $answer->status, 200, "$path needs no token and no database";
    ok $answer->content eq $text, '... and is what the tree has';
    is $answer->header('Content-Type'), 'application/json', '... JSON by its type';
    is $answer->header('Cache-Control'), 'no-cache', '... to be asked for again';
    my $again = $t->http('GET', $path, headers => { 'If-None-Match' => $answer->header('ETag') });
    is $again->status, 304, '... which costs little';
    is $again->content, '', '... as nothing is sent';
}
my $head = $t->http('HEAD', '/api/0/openapi.json');
is $head->header('Content-Length'), length $text, 'HEAD tells its length';
is $t->http('GET', '/api/0/openapi.json', content => 'x' x 1000)->status, 200, 'a body beside it is passed over';
is $t->http('POST', '/api/0/openapi.json', content => '{}')->status, 405, 'it cannot be changed';
is $t->http('GET', '/api/0/projects/')->status, 401, 'what has data needs a token as before';

$t->done;
