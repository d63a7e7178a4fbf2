# Unmodified SDKs report through nginx; a person sees the issue, resolves it, and
# sees it reopen. The Node.js SDK comes from its registry, the Python SDK is the one
# that Debian packs.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(root run);
use ErrTrack::SDK 'installed';

my $t = ErrTrack->stack(redis => { appendonly => 'always' }, nginx => <<'CONF');
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;
events {}
http {
    %%HTTP%%
    errtrack_redis %%REDIS%%;
    errtrack_zone 8m;
    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;
    server {
        listen 127.0.0.1:%%PORT%%;
        location ~ /api/[^/]+/(envelope|store)/?$ { client_max_body_size 0; errtrack_ingest; }
        location /errortracking/api/v1/ { errtrack_query; }
    }
}
CONF

sub errors {
    my ($project, $status) = @_;
    return $t->api(GET => "/projects/$project->{id}/errors?sort=first_seen_desc&status="
            . ($status // 'unresolved'))->json;
}

# The issue of that name once it has so many events; what is there when it has not.
sub issue {
    my ($project, $name, $count, $status) = @_;
    my $found;
    eventually {
        ($found) = grep { $_->{name} eq $name } @{ errors($project, $status) };
        $found && $found->{event_count} == $count;
    } "$name has $count event(s)", timeout => 20;
    return $found // {};
}

my @cases = (
    { name => 'Node.js', slug => 'node', version => '7.38.0', type => 'Error', actor => qr/^checkout\(/ },
    { name => 'Python', slug => 'python', version => 'debian', type => 'RuntimeError', actor => qr/ in checkout$/ },
);

for my $case (@cases) {
    my ($dir, $why) = installed($case->{slug}, $case->{version});
    SKIP: {
        if (!$dir) {
            diag "skipped: $case->{name}: $why";
            skip $why, 1;
        }
        my $project = $t->create_project($case->{slug}, 'acme');
        my $report = sub {
            local $ENV{ERRTRACK_DSN} = $t->dsn($project);
            for my $kind (@_) {
                my ($status, undef, $err) = run([ root() . "/t/sdk/$case->{slug}/run", $dir, $kind ], plain => 1);
                is $status, 0, "$case->{name} reports: $kind" or diag $err;
            }
        };
        my $url = sub { "/projects/$project->{id}/errors/$_[0]" };
        $t->wait_for_key($project);

        $report->(qw(exception message));
        my $error = issue($project, $case->{type}, 1);
        is $error->{description}, 'checkout failed', 'the exception value is shown';
        like $error->{actor}, $case->{actor}, 'the culprit names the function';
        is $error->{approximated_user_count}, 1, 'one user is counted';
        is $error->{status}, 'unresolved', 'a new issue is unresolved';
        my $message = issue($project, 'the cache is cold', 1);
        is $message->{approximated_user_count}, 1, 'one user is counted for the message';

        $report->(qw(exception message));
        $error = issue($project, $case->{type}, 2);
        is $error->{approximated_user_count}, 1, 'the same user is counted once';
        issue($project, 'the cache is cold', 2);

        my $event = $t->api(GET => $url->("$error->{fingerprint}/events?limit=1"))->json->[0];
        is $event->{platform}, $case->{slug}, 'the event tells its platform';
        my $payload = JSON::PP::decode_json($event->{payload});
        is $payload->{release}, 'shop@1.0.0', 'the payload tells the release';
        my $frames = $payload->{exception}{values}[-1]{stacktrace}{frames};
        is $frames->[-1]{function}, 'checkout', 'the stack trace ends where it happened';

        my $put = $t->api(PUT => $url->($error->{fingerprint}), json => { status => 'resolved' });
        is $put->json->{status}, 'resolved', 'the issue is resolved';
        is scalar(grep { $_->{name} eq $case->{type} } @{ errors($project) }), 0,
            'it is gone from the unresolved list';
        is issue($project, $case->{type}, 2, 'resolved')->{fingerprint}, $error->{fingerprint},
            'it is in the resolved list';

        $report->('exception');
        $error = issue($project, $case->{type}, 3);
        is $error->{status}, 'unresolved', 'the same exception again reopens it';

        $t->api(PUT => $url->($error->{fingerprint}), json => { status => 'ignored' });
        $report->('exception');
        is issue($project, $case->{type}, 4, 'ignored')->{status}, 'ignored',
            'an ignored issue stays ignored, and counts';
    }
}

$t->done;
