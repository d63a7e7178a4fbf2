package ErrTrack::Seen;

# An instance with both surfaces on one nginx, and what people and programs see of a
# project there: to be compared with what they see of it elsewhere.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(seen start_programs);

my $config = <<'CONF';
%%MODULES%%
thread_pool errtrack threads=2;
%%GLOBALS%%
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 2m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location /errortracking/api/v1/ { errtrack_query; }
        location /api/0/ { errtrack_query; }
    }
}
CONF

# Of an instance whose PostgreSQL runs.
sub start_programs {
    my ($t) = @_;
    $t->start_redis(appendonly => 'always') if !grep { $_->name eq 'redis' } $t->services;
    $t->start_worker;
    $t->start_nginx(config => $config);
    $t->wait_for_key;
    return;
}

# { what was asked for => its answer }. The address of the server is left out. With as =>
# another answer, as_slug and names => { here => there } what differs by name only is called
# as it is there.
sub seen {
    my ($t, $slug, $id, %arg) = @_;
    my $project = "/projects/acme/$slug";
    my $issues = $t->sentry(GET => "$project/issues/?query=&sort=new");
    $issues->status == 200 or die "$project: ", $issues->content, "\n";
    my @issues = @{ $issues->json };
    my $n = 0;
    my $seen = {
        issues => \@issues,
        errors => $t->api(GET => "/projects/$id/errors")->json,
        (map { ("issue " . ++$n => $t->sentry(GET => "/issues/$_->{id}/")->json,
                "events $n" => [ sort { $a->{eventID} cmp $b->{eventID} } @{ $t->sentry(GET => "/issues/$_->{id}/events/")->json } ],
                "latest $n" => $t->sentry(GET => "/issues/$_->{id}/events/latest/")->json,
                "hashes $n" => $t->sentry(GET => "/issues/$_->{id}/hashes/")->json,
                "tags $n" => $t->sentry(GET => "/issues/$_->{id}/tags/")->json,
                "comments $n" => $t->sentry(GET => "/issues/$_->{id}/comments/")->json) } @issues),
        map { $_ => $t->sentry(GET => "$project/$_/")->json } qw(keys releases tags health transactions monitors),
    };
    my $text = JSON::PP->new->canonical->encode($seen);
    my $port = $t->nginx->port;
    $text =~ s/127\.0\.0\.1:$port\b/HOST/g;
    if (my $as = $arg{as}) {
        my %there = (%{ $arg{names} }, map { $issues[$_]{shortId} => $as->{issues}[$_]{shortId} } 0 .. $#issues);
        my $names = join '|', map { quotemeta } sort { length $b <=> length $a } keys %there;
        # Not what a time has of numbers.
        $text =~ s/(?<![\w.])(?<!\d[:-])($names)(?![\w.]|[:-]\d)/$there{$1}/g;
        $text =~ s/(?<=["\/])\Q$slug\E(?=["\/])/$arg{as_slug}/g;
    }
    return JSON::PP->new->decode($text);
}

1;
