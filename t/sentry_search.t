# What people type into the search of Sentry's web API, and the issues that each search
# must find, along the order of the list as by an index.

use strict;
use warnings;

use Test::More;

use ErrTrack;

my $conf = <<'CONF';
%%MODULES%%
%%GLOBALS%%
thread_pool errtrack threads=4 max_queue=64;

events {}

http {
    %%HTTP%%

    errtrack_postgres "%%DATABASE%%";
    errtrack_thread_pool errtrack;

    server {
        listen 127.0.0.1:%%PORT%%;
        large_client_header_buffers 4 32k;

        location /api/0/ {
            errtrack_query;
        }
    }
}
CONF

# The project shop has the issues 1 to 4 and 6; 5 was merged into 1. The project big has
# 3,200: the last seen first 1101, the last seen last 4300.
my $fixtures = <<'SQL';
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme');
insert into errtrack_private.projects (id, organization_id, slug, name)
values (42, 10, 'shop', 'Shop'), (43, 10, 'big', 'Big'), (44, 10, 'other-shop', 'Other');
insert into errtrack_private.users (email) values ('ann@a.example'), ('Bob@a.example');
insert into errtrack_private.memberships (organization_id, user_id, role)
select 10, id, 'owner' from errtrack_private.users;
insert into errtrack_private.tokens (hash, kind, user_id, scopes)
select sha256('ann'), 'personal', id, '{event:read}' from errtrack_private.users where email like 'ann%';

insert into errtrack_private.issues
       (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at, first_release, last_release, regressed_at)
values
    (42, 1, 'unresolved', 'error', 'TimeoutError', 'upstream gave no answer in 5s',
     'TimeoutError: upstream gave no answer in 5s', '', 'checkout.pay', 'error', 'python', 'web', 100, 10,
     now() - interval '20 days', now() - interval '1 hour', now(), 'shop@1.0', 'shop@2.0', null),
    (42, 2, 'resolved', 'error', 'KeyError', 'no such key: "name"', 'KeyError: no such key: "name"', '', 'cart.add',
     'warning', 'javascript', '', 5, 2, now() - interval '3 days', now() - interval '2 days', now(), 'shop@1.0', 'shop@1.0', null),
    (42, 3, 'ignored', 'error', 'MemoryError', 'disk 100% full_now', 'MemoryError: disk 100% full_now', '', 'App\main',
     'fatal', 'python', 'disk.watch', 1, 0, now() - interval '40 days', now() - interval '30 days', now(), null, null, null),
    (42, 4, 'unresolved', 'default', '', E'Hello * [world], C:\\temp\nsecond line', 'Hello * [world], C:\temp', '', '',
     'info', 'other', '', 42, 3, now() - interval '1 day 1 minute', now() - interval '30 minutes', now(), null, null, now()),
    (42, 5, 'unresolved', 'error', 'Merged', '', 'Merged', '', '', 'error', 'python', '', 1, 1, now(), now(), now(), null, null, null),
    (42, 6, 'unresolved', 'error', 'timeouterror', repeat('long ', 203) || 'tail', 'timeouterror: long', '', 'checkout.refund',
     'error', 'python', '', 3, 3, '2024-01-31T12:00:00Z', '2024-02-01T23:30:00Z', now(), null, 'shop@2.0', null);
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
select project_id, id, case id when 5 then 1 else id end, first_seen, last_seen from errtrack_private.issues;
update errtrack_private.issues set assigned_to = (select id from errtrack_private.users where email like 'ann%') where id in (1, 6);
update errtrack_private.issues set assigned_to = (select id from errtrack_private.users where email like 'Bob%') where id = 2;
insert into errtrack_private.issue_links (project_id, issue_id, provider, reference) values (42, 4, 'gitlab', '88');
insert into errtrack_private.releases (project_id, release, first_received_at)
values (42, 'shop@1.0', now() - interval '20 days'), (42, 'shop@2.0', now() - interval '2 days');

insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
select 42, split_part(tag, '|', 1)::bigint, split_part(tag, '|', 2), split_part(tag, '|', 3), 1, now(), now()
from unnest(array[
    '1|environment|production', '1|release|shop@1.0', '1|release|shop@2.0', '1|user|id:7', '1|user|email:kim@a.example',
    '1|browser|Firefox', '1|url|/a b', '1|colour|red', '1|level|error', '1|level|warning', '1|logger|web', '1|logger|web.old',
    '2|level|warning', '3|level|fatal', '3|logger|disk.watch', '4|level|info', '6|level|error',
    '2|environment|staging', '2|release|shop@1.0', '2|user|email:lee@b.example', '2|user|username:lee', '2|browser|Chrome Mobile', '2|colour|green',
    '3|environment|production', '3|quote|say "hi"', '3|path|C:\temp', '3|percent|100%', '3|colour|dark_red', '3|is|odd',
    '4|user|ip:10.0.0.1', '4|colour|a, b', '4|my-tag|1', '4|Title|x', '4|a.b:c|x', '4|größe|groß',
    '5|browser|Safari', '5|colour|blue', '6|release|shop@2.0', '6|colour|RED']) as tag;

insert into errtrack_private.issues
       (project_id, id, status, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
select 43, 1100 + n, case when n % 10 = 0 then 'resolved' when n % 100 = 1 then 'ignored' else 'unresolved' end, 'error',
       case when n % 640 = 635 or n = 3200 then 'Needle' else 'Type' || n % 7 end, 'value ' || n,
       case when n % 640 = 635 or n = 3200 then 'Needle: value ' || n else 'Type' || n % 7 || ': value ' || n end, '',
       'module.f' || n % 50, case n % 3 when 0 then 'warning' else 'error' end, 'python', '', n * 7919 % 3200, n * 31 % 97,
       date_trunc('second', now()) - (n * 4999 % 3200) * interval '5 minutes',
       date_trunc('second', now()) - n / 3 * interval '1 minute', now()
from generate_series(1, 3200) as n;
-- Those of rare things that were resolved are old, and many.
update errtrack_private.issues set type = 'Needle', title = 'Needle: resolved' where project_id = 43 and status = 'resolved' and id > 3800;
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
select project_id, id, id, first_seen, last_seen from errtrack_private.issues where project_id = 43;
insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
select 43, 1100 + n, 'rare', 'v' || n % 2, 1, now(), now() from generate_series(5, 3200, 61) as n
union all
select 43, 1100 + n, 'common', 'v' || n % 2, 1, now(), now() from generate_series(1, 3200) as n
union all
select 43, i.id, 'level', i.level, 1, now(), now() from errtrack_private.issues i where project_id = 43
union all
select 43, i.id, 'rare', 'needle', 1, now(), now() from errtrack_private.issues i where project_id = 43 and type = 'Needle';
-- One of another project with a text that is searched for.
insert into errtrack_private.issues select (jsonb_populate_record(i, '{"project_id": 44, "id": 9000}')).*
from errtrack_private.issues i where i.project_id = 42 and i.id = 1;
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen) values (44, 9000, 9000, now(), now());
analyze errtrack_private.issues;
analyze errtrack_private.tag_counts;
SQL

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql($fixtures);
$t->start_nginx(config => $conf);
$t->{token} = 'ann';
my $ann = $t->sql_value(q(select id from errtrack_private.users where email like 'ann%'));

sub encoded { return join '', map { /[A-Za-z0-9]/ ? $_ : sprintf '%%%02X', ord } split //, $_[0] }

sub list {
    my ($search, %arg) = @_;
    my $project = delete $arg{project} // 'shop';
    my $more = join '', map { "&$_=$arg{$_}" } sort keys %arg;
    return $t->sentry('GET', "/projects/acme/$project/issues/?query=" . encoded($search) . $more);
}

sub found {
    my $answer = list(@_);
    return "status " . $answer->status if $answer->status != 200;
    return join ' ', sort { $a <=> $b } map { $_->{id} } @{ $answer->json };
}

# What find_issues() finds by an index and along the order, for pages of so many: [search,
# wanted, ids by an index, ids along the order], in one statement.
sub both_ways {
    my ($projects, $kind, $pages, @searches) = @_;
    return $t->sql("select q.search, w.wanted, x.ids, y.ids
        from unnest(string_to_array(\$1, '~')) with ordinality as q (search, n)
        cross join unnest(\$2::integer[]) as w (wanted)
        cross join lateral errtrack_private.search_sql(q.search, $ann) s
        cross join lateral (
            select coalesce(string_agg(f.id::text, ' ' order by f.n), '') as ids
            from unnest(errtrack_private.find_issues(\$3, s.statuses, s.bound, s.condition, s.candidates, \$4, false, null, null, w.wanted))
                with ordinality as f (project, id, place, n)) x
        cross join lateral (
            select coalesce(string_agg(f.id::text, ' ' order by f.n), '') as ids
            from unnest(errtrack_private.find_issues(\$3, s.statuses, s.bound, s.condition, null, \$4, false, null, null, w.wanted))
                with ordinality as f (project, id, place, n)) y
        order by q.n, w.wanted", join('~', @searches), $pages, "{$projects}", $kind);
}

sub differing { return [ map { "$_->[0], $_->[1]: $_->[2] / $_->[3]" } grep { $_->[2] ne $_->[3] } @_ ] }

# ---- what each search finds ---------------------------------------------------------

my @searches = (
    [ ''                         => '1 2 3 4 6' ],
    [ '   '                      => '1 2 3 4 6' ],
    # status
    [ 'is:unresolved'            => '1 4 6' ],
    [ 'is:resolved'              => '2' ],
    [ 'is:ignored'               => '3' ],
    [ 'is:archived'              => '3' ],
    [ 'status:resolved'          => '2' ],
    [ '!is:unresolved'           => '2 3' ],
    [ '!is:resolved'             => '1 3 4 6' ],
    [ '!is:ignored'              => '1 2 4 6' ],
    [ 'is:[resolved, ignored]'   => '2 3' ],
    [ '!is:[resolved, ignored]'  => '1 4 6' ],
    [ 'is:resolved is:ignored'   => '' ],
    [ 'is:assigned'              => '1 2 6' ],
    [ 'is:unassigned'            => '3 4' ],
    [ '!is:assigned'             => '3 4' ],
    [ 'is:linked'                => '4' ],
    [ 'is:unlinked'              => '1 2 3 6' ],
    [ '!is:linked'               => '1 2 3 6' ],
    [ 'is:regressed'             => '4' ],
    [ '!is:regressed'            => '1 2 3 6' ],
    [ 'is:new'                   => '2 4' ],
    [ 'is:open'                  => 'status 400' ],
    [ '!is:open'                 => 'status 400' ],
    # columns
    [ 'level:error'              => '1 6' ],
    [ '!level:error'             => '2 3 4' ],
    [ 'level:[error, fatal]'     => '1 3 6' ],
    [ 'level:[error,fatal]'      => '1 3 6' ],
    [ '!level:[error, fatal]'    => '2 4' ],
    [ 'LEVEL:error'              => '1 6' ],
    [ 'level:ERROR'              => '1 6' ],
    [ 'level:warning'            => '1 2' ],
    [ '!level:warning'           => '3 4 6' ],
    [ '!level:[warning, info]'   => '3 6' ],
    [ 'level:warn'               => '1 2' ],
    [ 'level:*r*'                => '1 2 6' ],
    [ '!level:*r*'               => '3 4' ],
    [ 'level:debug'              => '' ],
    [ 'logger:web'               => '1' ],
    [ 'logger:web.old'           => '1' ],
    [ '!logger:web.old'          => '2 3 4 6' ],
    [ 'has:logger'               => '1 3' ],
    [ 'logger:disk.*'            => '3' ],
    [ '!logger:disk.*'           => '1 2 4 6' ],
    [ 'platform:python'          => '1 3 6' ],
    [ 'error.type:KeyError'      => '2' ],
    [ 'error.type:*error'        => '1 2 3 6' ],
    [ 'type:Time*'               => '1 6' ],
    [ 'title:"KeyError: no such key: \"name\""' => '2' ],
    [ 'culprit:checkout.*'       => '1 6' ],
    [ 'culprit:*main'            => '3' ],
    [ 'message:"100% full"'      => '3' ],
    [ 'error.value:answer'       => '1' ],
    # releases and environments
    [ 'release:shop@1.0'         => '1 2' ],
    [ '!release:shop@1.0'        => '3 4 6' ],
    [ 'release:shop@*'           => '1 2 6' ],
    [ 'release:[shop@1.0, shop@2.0]' => '1 2 6' ],
    [ 'release:latest'           => '1 6' ],
    [ '!release:latest'          => '2 3 4' ],
    [ 'has:release'              => '1 2 6' ],
    [ '!has:release'             => '3 4' ],
    [ 'lastRelease:latest'       => '1 6' ],
    [ 'firstRelease:latest'      => '' ],
    [ '!firstRelease:latest'     => '1 2 3 4 6' ],
    [ 'firstRelease:shop@1.0'    => '1 2' ],
    [ '!firstRelease:shop@1.0'   => '3 4 6' ],
    [ 'lastRelease:shop@2.0'     => '1 6' ],
    [ '!lastRelease:shop@2.0'    => '2 3 4' ],
    [ 'first_release:shop@*'     => '1 2' ],
    [ 'environment:production'   => '1 3' ],
    [ '!environment:production'  => '2 4 6' ],
    [ 'environment:[production, staging]' => '1 2 3' ],
    [ '!has:environment'         => '4 6' ],
    # people who ran into it
    [ 'user.id:7'                => '1' ],
    [ '!user.id:7'               => '2 3 4 6' ],
    [ 'user.email:kim@a.example' => '1' ],
    [ 'user.email:*.example'     => '1 2' ],
    [ 'user.email:[kim@a.example, lee@b.example]' => '1 2' ],
    [ 'user.username:lee'        => '2' ],
    [ 'user.ip:10.0.0.1'         => '4' ],
    [ 'user:email:kim@a.example' => '1' ],
    [ 'has:user'                 => '1 2 4' ],
    [ '!has:user'                => '3 6' ],
    # who takes care
    [ 'assigned:me'              => '1 6' ],
    [ '!assigned:me'             => '2 3 4' ],
    [ 'assigned:none'            => '3 4' ],
    [ '!assigned:none'           => '1 2 6' ],
    [ 'assigned:bob@a.example'   => '2' ],
    [ '!assigned:bob@a.example'  => '1 3 4 6' ],
    [ 'assigned_to:ann@a.example' => '1 6' ],
    [ 'assigned:[me, none]'      => '1 3 4 6' ],
    [ 'assigned:nobody@a.example' => '' ],
    [ 'has:assigned'             => '1 2 6' ],
    [ '!has:assigned'            => '3 4' ],
    # tags
    [ 'browser:Firefox'          => '1' ],
    [ 'browser:Safari'           => '1' ],
    [ 'tags[browser]:Firefox'    => '1' ],
    [ '!browser:Firefox'         => '2 3 4 6' ],
    [ '!tags[browser]:Firefox'   => '2 3 4 6' ],
    [ 'browser:"Chrome Mobile"'  => '2' ],
    [ 'browser:Chrome*'          => '2' ],
    [ 'browser:chrome*'          => '2' ],
    [ 'browser:chrome'           => '' ],
    [ 'browser:[Firefox, "Chrome Mobile"]' => '1 2' ],
    [ 'browser:*'                => '1 2' ],
    [ 'has:browser'              => '1 2' ],
    [ 'has:my-tag'               => '4' ],
    [ 'has:Title'                => '4' ],
    [ 'has:title'                => '' ],
    [ 'has:LEVEL'                => '1 2 3 4 6' ],
    [ 'my-tag:1'                 => '4' ],
    [ 'tags[a.b:c]:x'            => '4' ],
    [ 'tags[level]:error'        => '1 6' ],
    [ 'tags[is]:odd'             => '3' ],
    [ 'url:"/a b"'               => '1' ],
    [ 'colour:red'               => '1' ],
    [ 'colour:*red'              => '1 3 6' ],
    [ 'colour:dark?red'          => '' ],
    [ 'colour:d_rk_red'          => '' ],
    [ 'colour:d_rk*'             => '' ],
    [ 'colour:dark_*'            => '3' ],
    [ 'colour:"a, b"'            => '4' ],
    [ 'colour:[red, "a, b"]'     => '1 4' ],
    [ '!colour:[red, green, blue]' => '3 4 6' ],
    [ 'percent:100%'             => '3' ],
    [ 'percent:1%'               => '' ],
    [ 'path:C:\temp'             => '3' ],
    [ 'path:C:\*'                => '3' ],
    [ 'quote:"say \"hi\""'       => '3' ],
    [ 'no.such.tag:x'            => '' ],
    [ '!no.such.tag:x'           => '1 2 3 4 6' ],
    [ 'has:no.such.tag'          => '' ],
    # times
    [ 'firstSeen:-2d'            => '4' ],
    [ 'firstSeen:+30d'           => '3 6' ],
    [ 'age:-7d'                  => '2 4' ],
    [ 'age:+7d'                  => '1 3 6' ],
    [ 'age:-1440m'               => '' ],
    [ 'age:-25h'                 => '4' ],
    [ 'age:-3w'                  => '1 2 4' ],
    [ '!age:-7d'                 => '1 3 6' ],
    [ 'lastSeen:-2h'             => '1 4' ],
    [ 'lastSeen:+1d'             => '2 3 6' ],
    [ 'firstSeen:2024-01-31'     => '6' ],
    [ 'firstSeen:2024-01-30'     => '' ],
    [ 'lastSeen:2024-02-01'      => '6' ],
    [ 'lastSeen:<2024-02-02'     => '6' ],
    [ 'lastSeen:<=2024-02-01T23:30:00Z' => '6' ],
    [ 'lastSeen:<2024-02-01T23:30:00Z' => '' ],
    [ 'lastSeen:>2024-02-01T23:30:00' => '1 2 3 4' ],
    [ 'lastSeen:>=2024-02-01T23:30:00+00:00' => '1 2 3 4 6' ],
    [ 'lastSeen:>=2024-02-02T01:30:00+02:00' => '1 2 3 4 6' ],
    [ 'lastSeen:>2024-02-02T01:30:00+02:00' => '1 2 3 4' ],
    [ 'firstSeen:>=2024-01-31 firstSeen:<2024-02-01' => '6' ],
    [ 'firstSeen:yesterday'      => 'status 400' ],
    [ 'firstSeen:2024-02-30'     => 'status 400' ],
    [ 'firstSeen:2024-13-01T99:00:00Z' => 'status 400' ],
    [ 'firstSeen:>2024-01-31T12:00:00+19:00' => 'status 400' ],
    [ 'age:-999999w'             => 'status 400' ],
    [ 'age:-9999999d'            => 'status 400' ],
    # numbers
    [ 'times_seen:>5'            => '1 4' ],
    [ 'times_seen:>=5'           => '1 2 4' ],
    [ 'times_seen:<5'            => '3 6' ],
    [ 'times_seen:<=5'           => '2 3 6' ],
    [ 'times_seen:5'             => '2' ],
    [ 'timesSeen:5'              => '2' ],
    [ '!times_seen:5'            => '1 3 4 6' ],
    [ 'times_seen:>1 times_seen:<50' => '2 4 6' ],
    [ 'times_seen:[1, 3]'        => '3 6' ],
    [ 'times_seen:many'          => 'status 400' ],
    [ 'times_seen:-1'            => 'status 400' ],
    [ 'times_seen:>9999999999999999' => 'status 400' ],
    [ 'user_count:>2'            => '1 4 6' ],
    # ids
    [ 'issue:SHOP-1'             => '1' ],
    [ 'issue:shop-4'             => '4' ],
    [ 'issue:1'                  => '1' ],
    [ '!issue:SHOP-1'            => '2 3 4 6' ],
    [ 'issue:[SHOP-1, SHOP-2]'   => '1 2' ],
    [ 'issue.id:2'               => '2' ],
    [ 'issue:BIG-1'              => '' ],
    [ 'issue:SHOP-ILOU'          => '' ],
    [ 'issue:99999999999999999999999' => '' ],
    # free text
    [ 'timeout'                  => '1 6' ],
    [ 'TIMEOUTERROR'             => '1 6' ],
    [ 'gave no answer'           => '1' ],
    [ '"gave no answer"'         => '1' ],
    [ 'answer gave'              => '' ],
    [ 'checkout.pay'             => '1' ],
    [ 'App\main'                 => '3' ],
    [ 'C:\temp'                  => '' ],
    [ '"C:\\\\temp"'             => '4' ],
    [ '100%'                     => '3' ],
    [ '%'                        => '3' ],
    [ '1%full'                   => '' ],
    [ 'full_now'                 => '3' ],
    [ 'full now'                 => '' ],
    [ '_'                        => '3' ],
    [ '*timeout*'                => '1 6' ],
    [ '*'                        => '1 2 3 4 6' ],
    [ '* **'                     => '1 2 3 4 6' ],
    [ 'Time*answer'              => '1' ],
    [ 'time*ANSWER in*5s'        => '1' ],
    [ 'answer*time'              => '' ],
    [ 'gave * answer'            => '1' ],
    [ '* no answer *'            => '1' ],
    [ 'checkout.*pay'            => '1' ],
    [ 'd*%*_'                    => '3' ],
    [ 'd*\%'                     => '' ],
    [ '"Time*answer"'            => '' ],
    [ 'Hello *'                  => '4' ],
    [ '"Hello *"'                => '4' ],
    [ 'Hello "*" [world]'        => '4' ],
    [ 'no "*"'                   => '' ],
    [ '!"*"'                     => '1 2 3 6' ],
    [ '!gave*answer'             => '2 3 4 6' ],
    [ '!*'                       => '' ],
    [ 'message:gave*5s'          => '1' ],
    [ 'error.value:*no*'         => '1 2 3' ],
    [ '[world]'                  => '4' ],
    [ '"second line"'            => '4' ],
    [ '"\"name\""'               => '2' ],
    [ '!timeout'                 => '2 3 4' ],
    [ '!"no answer"'             => '2 3 4 6' ],
    [ 'tail'                     => '' ],
    [ 'long long'                => '6' ],
    [ 'key:'                     => '2' ],
    # what has the signs of a search in it, and is a text
    [ 'KeyError: no such'        => '2' ],
    [ '!KeyError: '              => '1 3 4 6' ],
    [ 'such key: is:resolved'    => '2' ],
    [ 'is:resolved such key:'    => '2' ],
    # mixed
    [ 'is:unresolved timeout'    => '1 6' ],
    [ 'is:resolved timeout'      => '' ],
    [ 'timeout is:unresolved assigned:me release:shop@1.0' => '1' ],
    [ 'gave is:unresolved no answer' => '1' ],
    [ 'is:unresolved AND level:error' => '1 6' ],
    [ 'is:unresolved !assigned:me' => '4' ],
    [ 'environment:production !level:fatal' => '1' ],
    [ 'has:user !browser:Firefox times_seen:>10' => '4' ],
    [ "is:unresolved\ttimeout\n" => '1 6' ],
    [ 'is:unresolved time*answer' => '1' ],
    [ 'is:ignored time*answer'   => '' ],
);
for my $case (@searches) {
    my ($search, $wanted) = @$case;
    is found($search), $wanted, "'$search' finds " . ($wanted || 'nothing');
}
is found("tags[gr\xc3\xb6\xc3\x9fe]:gro\xc3\x9f"), '4', 'keys and values need not be ASCII';

# The same with the candidates of an index as without.
my @plain = grep { $_->[1] !~ /status/ && $_->[0] =~ /\S/ } @searches;
my @both = both_ways('42', 'l', '{26}', map { $_->[0] } @plain);
is_deeply differing(@both), [], 'an index finds for each the same as the walk along the order';
is_deeply [ map { join ' ', sort split / /, $_->[3] } @both ], [ map { $_->[1] } @plain ], '... which is what there is';

is found('SHOP-1', shortIdLookup => 1), '1', 'with shortIdLookup a short id is looked up';
is found('shop-1', shortIdLookup => 1), '1', '... in small letters too';
is found('SHOP-5', shortIdLookup => 1), '1', '... that of a merged issue leads to where it is';
is found('BIG-1', shortIdLookup => 1), '', '... that of another project to nothing';
is found('OTHER-SHOP-8S8', shortIdLookup => 1), '', '... though it exists there';
is found('SHOP-2', shortIdLookup => 1), '2', '... whatever its status';
is found('SHOP-1'), '', 'without it is text';
is found('timeout', shortIdLookup => 1), '1 6', 'what is no short id is text all the same';

# environment of the URL, beside the search.
is found('', environment => 'production'), '1 3', 'environment of the URL';
is found('is:unresolved', environment => 'production'), '1', '... beside the search';
is found('', environment => 'staging&environment=production'), '1 2 3', '... several mean any of them';
is found('timeout', environment => 'production'), '1', '... beside text, which an index finds';
is found('', environment => 'a%0Ab'), '', '... and one with a line break in it is one';

# ---- hostile searches ------------------------------------------------------------------

my %hostile = (
    'of 2,000 letters'          => 'x' x 2000,
    'of 1,000 letters'          => 'x' x 1000,
    'of 100 terms'              => join(' ', map { "tag$_:x" } 1 .. 100),
    'of 100 words'              => join(' ', ('word') x 100),
    'of 30 tags'                => join(' ', map { "t$_:*x*" } 1 .. 30),
    'with a list of 400'        => 'browser:[' . join(',', ('*a') x 320) . ']',
    'with 20 long lists'        => join(' ', map { 'a:[' . join(',', 1 .. 20) . ']' } 1 .. 15),
    'of stars'                  => 'title:' . '*' x 990,
    'of stars and letters'      => 'title:' . '*a' x 490,
    'of quotes'                 => '"' x 501,
    'of backslashes'            => '\\' x 999,
    'of brackets'               => '[' x 500 . ']' x 499,
    'of exclamation marks'      => '!' x 999,
    'of colons'                 => ':' x 999,
    'of percent signs'          => '%' x 999,
    'with an open quote'        => 'title:"open',
    'with a quote too many'     => 'title:"a"b"',
    'with an open list'         => 'level:[error, fatal',
    'with a closed list'        => 'level:error]',
    'with an empty list'        => 'level:[]',
    'with an empty list of numbers' => 'times_seen:[]',
    'with a list of nothing'    => 'is:[,,]',
    'with an empty value'       => 'release:""',
    'with an open tags'         => 'tags[browser:Firefox',
    'with an empty tags'        => 'tags[]:x',
    'with a bare minus'         => 'age:-',
    'with a bare comparison'    => 'times_seen:>',
    'with NUL'                  => "a\0b",
    'with NUL in a key'         => "a\0b:x",
    'of invalid UTF-8'          => "\xff\xfe",
    'of half a letter'          => "title:\xc3",
    'of a surrogate'            => "\xed\xa0\x80",
    'of controls'               => join('', map { chr } 1 .. 31),
    'that ends a string'        => q(' or 1=1 --),
    'that ends a string in a key' => q(title:'||(select 1)||'),
    'that ends a string in a tag' => q{tags[a');drop table errtrack_private.issues;--]:x},
    'that deletes'              => q('; delete from errtrack_private.issues; --),
    'with parameters'           => q($1 $2 $3[1] $3[99] title:$3[2]),
    'with formats'              => q(%s %L %I %1$s title:%s tags[%s]:%L has:%I level:%1$s !%s),
    'with dollar quotes'        => q($$ title:$sql$ $sql$),
    'with escapes'              => q(title:E'\\x27' "\\" \\"),
    'of comments'               => q(/* title:*/ -- x),
    'with a cast'               => q(assigned:1::bigint issue:1::text),
    'with a great number'       => 'times_seen:>999999999999999',
    'with a great time'         => 'firstSeen:>9999-12-31T23:59:59Z',
    'with the first time'       => 'firstSeen:0000-00-00',
    'with a year before'        => 'firstSeen:>0001-01-01T00:00:00+15:00',
    'with a moment of length'   => 'firstSeen:2024-01-01T00:00:00.123456789Z',
);
for my $name (sort keys %hostile) {
    for my $project (qw(shop big)) {
        my $answer = list($hostile{$name}, project => $project);
        ok $answer->status == 400 || ($answer->status == 200 && ref $answer->json eq 'ARRAY'),
            "a search $name in $project is refused or finds a list"
            or diag 'status ' . $answer->status . ' ' . substr($answer->content, 0, 200);
    }
}
is $t->sql_value('select count(*) from errtrack_private.issues where project_id = 43'), 3200, 'nothing is lost by them';
is list('x' x 1001)->status, 400, 'a search may have 1,000 characters';
is list(join ' ', map { "t$_:x" } 1 .. 31)->status, 400, '... and 30 terms';
like list('x' x 1001)->json->{detail}, qr/1000/, '... which is said';
is list('' . '\\', sort => $_)->status, 200, "a hostile search in the order $_" for qw(new freq user trends);

# ---- many issues -------------------------------------------------------------------------

# Along the order far enough, then by an index: each page as if all had been looked at.
my @many = ('Needle', 'Needle is:unresolved', 'Needle is:resolved', '!is:ignored Needle', 'needle value', 'Type3', 'Type3 is:unresolved',
    'value 3200', 'value 31', 'module.f49', 'rare:v0', 'rare:v1 is:unresolved', 'rare:needle', 'common:v1', 'common:v0 Needle',
    'rare:[v0, v1]', 'tags[rare]:needle level:warning', 'rare:v*', 'nothing at all', 'issue:4300', 'times_seen:<10', 'Needle times_seen:>1000');
for my $kind (qw(l f c u)) {
    is_deeply differing(both_ways('43', $kind, '{3, 26, 101}', @many)), [],
        "an index and the walk find the same, order $kind";
}
is_deeply differing(both_ways('42,43,44', 'l', '{26}', 'Needle', 'rare:needle', 'timeout', 'rare:v1', 'level:error rare:v1', 'value')), [],
    '... in several projects too';

# Whatever is put together from these is refused, or found in both ways alike.
$t->sql(q{
    create function errtrack_private.try_search(search text, kind text) returns text language plpgsql as $f$
    declare
        s record;
        by_index errtrack_private.issue_place[];
        along errtrack_private.issue_place[];
        state text;
    begin
        s := errtrack_private.search_sql(search, 1);
        by_index := errtrack_private.find_issues('{42, 43}', s.statuses, s.bound, s.condition, s.candidates, kind, false, null, null, 20);
        along := errtrack_private.find_issues('{42, 43}', s.statuses, s.bound, s.condition, null, kind, false, null, null, 20);
        return case when by_index is distinct from along then 'different' when cardinality(along) > 0 then 'found' else 'nothing' end;
    exception when others then
        get stacked diagnostics state = returned_sqlstate;
        return state;
    end
    $f$});
my @keys = qw(is status level logger release environment user user.id user.email assigned has firstSeen age times_seen issue
    tags[rare] tags[is] rare common colour message title type firstRelease http);
my @values = split ' ', q{unresolved resolved error Needle v0 v* * ** \\ % _ "a" "a\"b" "" [ ] [] [a] [a,b] ["a,b",c] me none latest shop@* -24h +7d
    >5 <=100 5 2024-01-31 SHOP-1 4300 $1 $3[1] ' ; %s %L :: ! !! "open red Type3 value AND ( ) assigned linked};
srand 1;
my @made = map {
    join ' ', map {
        my $value = rand() < 0.15 ? '[' . join(',', map { $values[ rand @values ] } 1 .. 1 + rand 3) . ']' : $values[ rand @values ];
        (rand() < 0.2 ? '!' : '') . (rand() < 0.6 ? "$keys[rand @keys]:" : '') . $value;
    } 1 .. 1 + rand 4
} 1 .. 500;
my %end;
push @{ $end{ $_->[1] } }, $_->[0] for $t->sql(q{
    select q.search, errtrack_private.try_search(q.search, (array['l', 'f', 'c', 'u'])[1 + q.n % 4])
    from unnest(string_to_array($1, '~')) with ordinality as q (search, n)}, join '~', @made);
is_deeply [ sort keys %end ], [qw(ET400 found nothing)], '500 searches of all kinds are refused, or found in both ways alike'
    or diag explain { map { $_ => $end{$_} } grep { !/^(?:ET400|found|nothing)$/ } keys %end };

# And page by page, over HTTP.
for my $case ([ 'Needle', 'date', 'l' ], [ 'Needle', 'freq', 'c' ], [ 'rare:needle', 'new', 'f' ], [ 'rare:v1', 'user', 'u' ], [ 'Needle is:unresolved', 'date', 'l' ]) {
    my ($search, $sort, $kind) = @$case;
    my (undef, undef, undef, $along) = map { @$_ } both_ways('43', $kind, '{5000}', $search);
    my (@ids, $cursor);
    do {
        my $answer = list($search, project => 'big', sort => $sort, limit => 10, $cursor ? (cursor => $cursor) : ());
        push @ids, map { $_->{id} } @{ $answer->json };
        ($cursor) = $answer->header('Link') =~ /rel="next"; results="true"; cursor="([^"]+)"/;
    } while $cursor && @ids < 5000;
    is "@ids", $along, "all pages of '$search' by $sort make what there is";
}

$t->done;
