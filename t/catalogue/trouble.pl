# Rows of the bad-input catalogue: what is wrong on our side (protocol reference, section 10.8), and
# what a project filters.

use strict;
use warnings;

use ErrTrack::Catalogue::Answer;
use ErrTrack::Catalogue::Request;

my $used_up = 'Sentry dropped data due to a quota or internal rate limit being reached.';
my $session = "{\"type\":\"session\"}\n{\"sid\":\"7c7b6585f9014fe3a8a96d7d3f37a4d2\",\"started\":" . time . ",\"attrs\":{\"release\":\"1.0\"}}\n";
my $attachment = "{\"type\":\"attachment\",\"length\":1}\nx\n";

sub beside {
    my ($answer, $limits) = @_;
    return { %$answer, headers => { 'X-Sentry-Rate-Limits' => $limits, 'Retry-After' => qr/^[1-9]\d*\z/ } };
}

(
    [ 212, 'the queue is away', elsewhere('t/spool.t', 'Redis is killed there') ],
    [ 212, 'nothing can take a report', elsewhere('t/redis_down.t', 'there is no spool there') ],
    [ 213, 'a quota of everything is used up', envelope(with_event(), project => 'limited'),
        refused(429, $used_up, headers => { 'X-Sentry-Rate-Limits' => qr/^\d+::project\z/ }) ],
    [ 213, 'the same of store', store(event(), project => 'limited'), refused(429, $used_up) ],
    [ 213, 'the same, with a body that is broken', envelope('nonsense', project => 'limited'), refused(429, $used_up) ],
    [ 213, 'the same, by the dsn in the envelope', envelope(with_event('{"dsn":"' . dsn() . '"}'), auth => undef, project => 'limited'),
        refused(429, $used_up) ],
    [ 213, 'a quota of errors is used up', envelope(with_event(), project => 'errors'),
        refused(429, $used_up, headers => { 'X-Sentry-Rate-Limits' => qr/^\d+:error:project\z/ }) ],
    [ 213, 'a quota of errors and store', store(event(), project => 'errors'), refused(429, $used_up) ],
    [ 214, 'a session beside an error', envelope(with_event() . $session, project => 'errors'),
        beside(accepted('given', 'error rate_limited quota', 'session stored'), qr/^\d+:error:project\z/) ],
    [ 0, 'a report of the client is never limited', envelope("{}\n{\"type\":\"client_report\"}\n{}\n", project => 'errors'),
        accepted('none', 'internal stored') ],
    [ 215, 'an attachment beside an event', envelope(with_event() . $attachment, project => 'attached'),
        beside(stored('given', 'attachment rate_limited quota'), qr/^\d+:attachment:project\z/) ],
    [ 215, 'exactness over many edges', elsewhere('t/quota.t', 'three nginx share a quota there') ],
    [ 216, 'the edge is shut down', elsewhere('t/reload.t', 'processes of nginx end under load there') ],
    [ 216, 'the edge is killed', elsewhere('t/spool_orphans.t', 'nginx is killed there') ],
    [ 217, 'a payload that ends workers', elsewhere('t/dead_letters.t', 'an entry ends five workers there') ],

    [ 0, 'a crawler', envelope(with_event() . $session, project => 'filtered', headers => [ 'User-Agent' => 'Googlebot/2.1' ]),
        accepted('given', 'error filtered web-crawlers', 'session filtered web-crawlers') ],
    [ 0, 'a crawler and store', store(event(), project => 'filtered', headers => [ 'User-Agent' => 'Googlebot/2.1' ]),
        accepted('given', 'error filtered web-crawlers') ],
    [ 0, 'a crawler whose body is broken', envelope('nonsense', project => 'filtered', headers => [ 'User-Agent' => 'Googlebot/2.1' ]),
        refused(400, $NO_ENVELOPE, 'invalid envelope header') ],
    [ 0, 'an SDK that is too old', store(event(), project => 'filtered', auth => 'Sentry sentry_client=sentry.python/1.0, sentry_key=%KEY%'),
        accepted('given', 'error filtered sdk-version') ],
    [ 0, 'one that is not', store(event(), project => 'filtered', auth => 'Sentry sentry_client=sentry.python/2.0, sentry_key=%KEY%'),
        stored('given') ],
);
