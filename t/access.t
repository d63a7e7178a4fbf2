# Who may do what over HTTP: each role and each kind of token at each route of the module,
# on what is theirs and on what is not; and that nothing tells whether there is what one may
# not see. The secret of a GitLab instance is good on its integrated surface and nowhere else;
# there, what one does not reach is as what does not exist: lists are empty.

use strict;
use warnings;

use Digest::SHA qw(sha1_hex);
use JSON::PP ();
use Test::More;

use ErrTrack;
use ErrTrack::Process qw(read_file root);

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

        location ~ ^/(api/0|api/v4|errortracking/api/v1)(/|$) {
            errtrack_query;
        }
    }
}
CONF

# The project shop of acme has 2,990 issues from 1001 on, so that each request has one of
# its own, with two hashes, an event with a file, a tag and a comment of everybody; the issue
# 3999, a message, which nobody may touch; and 400 keys. The project blog of acme has the issue 4001,
# theirs, which belongs to other, the issue 5001. With each issue there are a release, a file
# of it and a person of the organization with its number; blog has all releases of shop.
my $fixtures = <<'SQL';
insert into errtrack_private.organizations (id, slug, name) values (10, 'acme', 'Acme'), (20, 'other', 'Other');
insert into errtrack_private.projects (id, organization_id, slug, name)
values (42, 10, 'shop', 'Shop'), (43, 10, 'blog', 'Blog'), (99, 20, 'theirs', 'Theirs');
alter sequence errtrack_private.project_ids restart with 1000;
alter sequence errtrack_private.issue_ids restart with 100000;
insert into errtrack_private.users (email, administrator)
values ('administrator@a.example', true), ('reporter@a.example', false), ('developer@a.example', false),
       ('maintainer@a.example', false), ('owner@a.example', false), ('stranger@a.example', false), ('nobody@a.example', false);
insert into errtrack_private.memberships (organization_id, user_id, role)
select case when email like 'stranger%' then 20 else 10 end, id,
       case when email like 'stranger%' then 'owner' else split_part(email, '@', 1) end
from errtrack_private.users where not administrator and email not like 'nobody%';

create temporary table kinds (name text, email text, organization bigint, project bigint, without text[], expires timestamptz);
insert into kinds (name, email)
select split_part(email, '@', 1), email from errtrack_private.users;
insert into kinds (name, email, organization, project, expires) values
    ('of acme', 'owner@a.example', 10, null, now() + interval '1 hour'), ('of other', 'owner@a.example', 20, null, null),
    ('of shop', 'owner@a.example', null, 42, null), ('of blog', 'owner@a.example', null, 43, null),
    ('of acme and shop', 'owner@a.example', 10, 42, null), ('of theirs', 'owner@a.example', null, 99, null),
    ('of shop, reporter', 'reporter@a.example', null, 42, null), ('of acme, administrator', 'administrator@a.example', 10, null, null),
    ('expired', 'owner@a.example', null, null, now() - interval '1 second');
insert into kinds (name, email, without)
select who || ' without ' || scope, who || '@a.example', string_to_array(scope, ' and ')
from unnest('{org:read, org:write, project:read, project:releases, project:write, event:read, event:write,
             project:read and project:releases, org:read and project:releases}'::text[]) as scope,
     unnest('{owner, administrator}'::text[]) as who;
insert into kinds (name, email, project, without)
select 'of shop without ' || scope, 'owner@a.example', 42, string_to_array(scope, ' and ')
from unnest('{org:read, project:read, project:releases, event:read, event:write, project:read and project:releases,
              org:read and project:releases}'::text[]) as scope;
insert into errtrack_private.tokens (hash, kind, user_id, organization_id, project_id, scopes, expires_at)
select sha256(convert_to(k.name, 'UTF8')), 'personal', u.id, k.organization, k.project,
       array(select scope from unnest('{org:read, org:write, project:read, project:releases, project:write, event:read, event:write}'::text[]) as scope
             where k.without is null or scope <> all (k.without)), k.expires
from kinds k join errtrack_private.users u on u.email = k.email;
insert into errtrack_private.tokens (hash, kind, scopes) values (sha256('gitlab'), 'gitlab', '{event:read, event:write, project:read, org:read}');

insert into errtrack_private.issues
       (project_id, id, kind, type, value, title, first_title, culprit, level, platform, logger,
        event_count, user_count, first_seen, last_seen, last_received_at)
select case when n < 4000 then 42 when n < 5000 then 43 else 99 end, n, 'error', 'Type', '', 'Type', '', '', 'error', 'python', '',
       1, 0, now() - interval '1 day', now(), now()
from (select generate_series(1001, 3990) union all values (3999), (4001), (5001)) as ids (n);
update errtrack_private.issues set kind = 'default' where id = 3999;
insert into errtrack_private.origins (project_id, id, issue_id, first_seen, last_seen)
select project_id, id, id, first_seen, last_seen from errtrack_private.issues;
insert into errtrack_private.hashes (project_id, hash, origin_id, algo, variant, first_seen)
select project_id, lpad(k || id::text, 32, '0')::uuid, id, 'g1', 'app', now() from errtrack_private.issues, unnest('{a, b}'::text[]) as k;
insert into errtrack_private.tag_counts (project_id, origin_id, key, value, events, first_received_at, last_received_at)
select project_id, id, 'colour', 'red', 1, now(), now() from errtrack_private.issues;
insert into errtrack_private.tag_sets (project_id, origin_id, key, size)
select project_id, id, 'colour', 1 from errtrack_private.issues;
insert into errtrack_private.occurrences (project_id, received_at, event_id, origin_id, occurred_at, level, platform, has_payload)
select project_id, last_received_at, md5(id::text)::uuid, id, now(), 'error', 'python', false from errtrack_private.issues;
insert into errtrack_private.event_ids (project_id, event_id, day, received_at)
select project_id, event_id, date_trunc('day', received_at, 'UTC'), received_at from errtrack_private.occurrences;
insert into errtrack_private.issue_comments (project_id, issue_id, id, user_id, text) overriding system value
select i.project_id, i.id, i.id * 10 + u.id, u.id, 'x' from errtrack_private.issues i, errtrack_private.users u;
alter sequence errtrack_private.issue_comments_id_seq restart with 1000000;
insert into errtrack_private.attachments (project_id, received_at, event_id, delivery_id, position, name, attachment_type, size, sha256, body)
select project_id, received_at, event_id, event_id, 0, 'log.txt', 'event.attachment', 1, sha256('x'), 'x' from errtrack_private.occurrences;
insert into errtrack_private.releases (project_id, release, first_received_at)
select project_id, 'r' || id, now() from errtrack_private.issues
union all
select 43, 'r' || id, now() from errtrack_private.issues where project_id = 42;
insert into errtrack_private.uploads (project_id, id, kind, sha1, chunks, size, release) overriding system value
select project_id, id, 'release_file', decode(lpad(id::text, 40, '0'), 'hex'), '{}', 1, 'r' || id from errtrack_private.issues;
alter sequence errtrack_private.uploads_id_seq restart with 1000000;
insert into errtrack_private.monitors (project_id, slug, environment, status, last_at, since)
select id, 'nightly', 'production', 'ok', now(), now() from errtrack_private.projects;
insert into errtrack_private.users (id, email) overriding system value
select id, 'person' || id || '@a.example' from errtrack_private.issues;
alter sequence errtrack_private.users_id_seq restart with 1000000;
insert into errtrack_private.memberships (organization_id, user_id, role)
select case when id = 5001 then 20 else 10 end, id, 'reporter' from errtrack_private.issues;
insert into errtrack_private.client_keys (project_id, public_key)
select case when n <= 400 then 42 else 99 end, 'key_' || lpad(n::text, 28, '0') from generate_series(1, 401) as n;
insert into errtrack_private.trackers (project_id, provider, external_id, url)
values (42, 'gitlab', 1201, 'https://gitlab.example/acme/shop'), (43, 'gitlab', 1202, 'https://gitlab.example/acme/blog'),
       (99, 'gitlab', 1203, 'https://gitlab.example/other/theirs');
insert into errtrack_private.tracking_settings (project_id, active, integrated) values (42, true, true);
insert into errtrack_private.channels (project_id, id, name, kind) overriding system value values (99, 199, 'theirs', 'mail'), (43, 143, 'blog', 'mail');
insert into errtrack_private.alert_rules (project_id, id, name, kind) overriding system value values (99, 199, 'theirs', 'new_issue'), (43, 143, 'blog', 'new_issue');
insert into errtrack_private.notifications (project_id, channel_id, delivery_id, kind, notice, state)
values (99, 199, '00000000-0000-4000-8000-000000000199', 'new_issue', '{}', 'failed'),
       (43, 143, '00000000-0000-4000-8000-000000000143', 'new_issue', '{}', 'failed');
insert into errtrack_private.outcomes (project_id, hour, category, outcome, reason, quantity)
select id, date_trunc('hour', now()), 'error', 'stored', '', 1 from errtrack_private.projects;
analyze;
SQL

my $t = ErrTrack->new;
$t->start_postgres;
$t->sql($fixtures);
$t->start_nginx(config => $conf);
$t->{token} = 'owner';
my %user = map { ($_->[0] =~ /^(\w+)/)[0] => $_->[1] } $t->sql('select email, id from errtrack_private.users where id < 1000');
my %token_of = map { $_->[0] => $_->[1] } $t->sql(q(select split_part(u.email, '@', 1), min(t.id)
    from errtrack_private.tokens t join errtrack_private.users u on u.id = t.user_id group by 1));
my %tracker = map { $_->[0] => $_->[1] } $t->sql('select project_id, id from errtrack_private.trackers');
my %md5 = map { $_->[0] => $_->[1] } $t->sql('select n, md5(n::text) from generate_series(1001, 5001) as n');
my %key_id = map { $_->[0] => $_->[1] } $t->sql('select public_key, id from errtrack_private.client_keys');
my $multipart = { form => 'x' };

# What a request of before may have deleted, made or sent: shop has one channel, rule, failed
# message and tracker of its own kind.
my $restorer = $t->sql_session;
my $restore = q{
delete from errtrack_private.alert_rules where project_id = 42;
delete from errtrack_private.channels where project_id = 42;
insert into errtrack_private.trackers (project_id, provider, url) values (42, 'other', 'https://tracker.example/shop') on conflict do nothing;
insert into errtrack_private.channels (project_id, id, name, kind, provider, settings) overriding system value
values (42, 100, 'team', 'mail', null, '{"to": ["a@a.example"]}'), (42, 101, 'tracker other', 'tracker', 'other', '{}');
insert into errtrack_private.alert_rules (project_id, id, name, kind) overriding system value values (42, 100, 'rule', 'new_issue');
insert into errtrack_private.notifications (project_id, channel_id, delivery_id, kind, notice, state)
values (42, 100, '00000000-0000-4000-8000-000000000100', 'new_issue', '{}', 'failed');
delete from errtrack_private.rule_trials;
insert into errtrack_private.rule_trials (project_id, id, events, state) values (42, '00000000-0000-4000-8000-000000000100', 1, 'done'),
    (43, '00000000-0000-4000-8000-000000000143', 1, 'done'), (99, '00000000-0000-4000-8000-000000000199', 1, 'done');
};

my $spare_project = q{
insert into errtrack_private.projects (id, organization_id, slug, name) values (77, 10, 'new-spare', 'Spare')
on conflict (id) do update set slug = excluded.slug, deleted_at = null, purge_before = null;
};

# ---- the table -----------------------------------------------------------------------

# What a route needs on what its path names, one scope or another, and how it is answered
# then. kind: what the
# path names, open where it is nothing, administrator where they alone may. On the integrated surface: errors of a project or
# of a group are listed, one error, all that a group has, everything is erased, a key checked.
my %route = (
    'GET /errortracking/api/v1/projects/{projectId}/errors'     => [ list => 'event:read', 200 ],
    'GET /errortracking/api/v1/projects/{projectId}/errors/{fingerprint}' => [ error => 'event:read', 200 ],
    'PUT /errortracking/api/v1/projects/{projectId}/errors/{fingerprint}' => [ error => 'event:write', 200, { status => 'resolved' } ],
    'GET /errortracking/api/v1/projects/{projectId}/errors/{fingerprint}/events' => [ error => 'event:read', 200 ],
    'GET /errortracking/api/v1/projects/{projectId}/messages'   => [ list => 'event:read', 200 ],
    'DELETE /errortracking/api/v1/projects/{id}'                => [ erase => 'project:write', '204 erased' ],
    'GET /errortracking/api/v1/api/0/organizations/{groupId}/issues' => [ group_list => 'event:read', 200, undef, '?project=%%project%%' ],
    'GET /errortracking/api/v1/api/0/organizations/{groupId}/projects' => [ group => 'event:read', 200 ],
    'GET /errortracking/api/v1/api/0/organizations/{groupId}/stats_v2' => [ group => 'event:read', 200 ],
    'POST /api/v4/internal/error_tracking/allowed'              => [ key => '', 200, { project_id => 0, public_key => 'x' } ],

    'GET /api/v4/projects/{id}/error_tracking/settings'         => [ rest => 'project:write', 200 ],
    'PATCH /api/v4/projects/{id}/error_tracking/settings'       => [ rest => 'project:write', 200, { active => 'true' } ],
    'PUT /api/v4/projects/{id}/error_tracking/settings'         => [ rest => 'project:write', 200, { active => 'true', integrated => 'true' } ],
    'GET /api/v4/projects/{id}/error_tracking/client_keys'      => [ rest => 'project:write', 200 ],
    'POST /api/v4/projects/{id}/error_tracking/client_keys'     => [ rest => 'project:write', 201 ],
    'DELETE /api/v4/projects/{id}/error_tracking/client_keys/{key_id}' => [ rest => 'project:write', 200 ],

    'GET /api/0'                                                => [ open => '', 200 ],
    'GET /api/0/auth'                                           => [ open => '', 200 ],
    'POST /api/0/auth'                                          => [ open => '', 200, { token => '' } ],
    'DELETE /api/0/auth'                                        => [ open => '', 204 ],
    'GET /api/0/api-tokens'                                     => [ open => '', 200 ],
    'POST /api/0/api-tokens'                                    => [ open => '', 201, { scopes => 1 } ],
    'DELETE /api/0/api-tokens'                                  => [ open => '', 204, { tokenId => 0 } ],
    'DELETE /api/0/api-tokens/{token}'                          => [ open => '', 204 ],
    'GET /api/0/projects'                                       => [ open => 'project:read', 200 ],
    'GET /api/0/organizations'                                  => [ open => 'org:read', 200 ],
    'POST /api/0/organizations'                                 => [ administrator => 'org:write', 201, { name => 'New', slug => 'new-' } ],
    'GET /api/0/organizations/{organization}'                   => [ organization => 'org:read', 200 ],
    'GET /api/0/organizations/{organization}/projects'          => [ organization => 'project:read', 200 ],
    'POST /api/0/organizations/{organization}/projects'         => [ organization => 'org:write', 201, { name => 'New', slug => 'new-' } ],
    'GET /api/0/organizations/{organization}/members'           => [ organization => 'org:read', 200 ],
    'POST /api/0/organizations/{organization}/members'          => [ organization => 'org:write', 201, { role => 'reporter', email => 'new@a.example' } ],
    'PUT /api/0/organizations/{organization}/members/{member}'  => [ organization => 'org:write', 200, { role => 'developer' } ],
    'DELETE /api/0/organizations/{organization}/members/{member}' => [ organization => 'org:write', 204 ],
    'GET /api/0/organizations/{organization}/users'             => [ organization => 'org:read', 200 ],
    'GET /api/0/organizations/{organization}/repos'             => [ organization => 'org:read or project:releases', 200 ],
    'GET /api/0/organizations/{organization}/shortids/{issue}'  => [ issue => 'event:read', 200 ],
    'GET /api/0/organizations/{organization}/eventids/{event}'  => [ issue => 'event:read', 200 ],
    'GET /api/0/organizations/{organization}/issues'            => [ organization => 'event:read', 200 ],
    'PUT /api/0/organizations/{organization}/issues'            => [ organization => 'event:write', 200, { status => 'resolved' }, '?id=%%issue%%' ],

    'GET /api/0/organizations/{organization}/releases'          => [ organization => 'project:read or project:releases', 200 ],
    'POST /api/0/organizations/{organization}/releases'         => [ organization => 'project:releases', 201, { version => 'new-', projects => 1 } ],
    'GET /api/0/organizations/{organization}/releases/{version}' => [ organization => 'project:read or project:releases', 200 ],
    'PUT /api/0/organizations/{organization}/releases/{version}' => [ organization => 'project:releases', 200, { ref => 'main' } ],
    'DELETE /api/0/organizations/{organization}/releases/{version}' => [ organization => 'project:releases', 204 ],
    'GET /api/0/organizations/{organization}/releases/{version}/commits' => [ organization => 'project:read or project:releases', 200 ],
    'GET /api/0/organizations/{organization}/releases/{version}/previous-with-commits' => [ organization => 'project:read or project:releases', 200 ],
    'GET /api/0/organizations/{organization}/releases/{version}/deploys' => [ organization => 'project:read or project:releases', 200 ],
    'POST /api/0/organizations/{organization}/releases/{version}/deploys' => [ organization => 'project:releases', 201, { environment => 'production' } ],
    'POST /api/0/organizations/{organization}/releases/{version}/assemble' => [ organization => 'project:releases', 200, { checksum => sha1_hex('x'), chunks => [] } ],
    'POST /api/0/organizations/{organization}/artifactbundle/assemble' => [ organization => 'project:releases', 200, { checksum => sha1_hex('x'), chunks => [], projects => 1 } ],
    'GET /api/0/organizations/{organization}/chunk-upload'      => [ organization => 'project:releases', 200 ],
    'POST /api/0/organizations/{organization}/chunk-upload'     => [ organization => 'project:releases', 200, $multipart ],
    'GET /api/0/organizations/{organization}/environments'      => [ organization => 'project:read', 200 ],
    'GET /api/0/organizations/{organization}/monitors'          => [ organization => 'project:read', 200 ],
    'GET /api/0/organizations/{organization}/stats_v2'          => [ organization => 'org:read', 200 ],

    'GET /api/0/projects/{organization}/{project}'              => [ project => 'project:read', 200 ],
    'PUT /api/0/projects/{organization}/{project}'              => [ project => 'project:write', 200, { name => 'Shop' } ],
    'DELETE /api/0/projects/{organization}/{project}'           => [ organization => 'org:write', 204 ],
    'GET /api/0/projects/{organization}/{project}/keys'         => [ project => 'project:read', 200 ],
    'POST /api/0/projects/{organization}/{project}/keys'        => [ project => 'project:write', 201, {} ],
    'GET /api/0/projects/{organization}/{project}/keys/{key}'   => [ project => 'project:read', 200 ],
    'PUT /api/0/projects/{organization}/{project}/keys/{key}'   => [ project => 'project:write', 200, { name => 'x' } ],
    'POST /api/0/projects/{organization}/{project}/keys/{key}/rotate' => [ project => 'project:write', 201 ],
    'DELETE /api/0/projects/{organization}/{project}/keys/{key}' => [ project => 'project:write', 204 ],
    'GET /api/0/projects/{organization}/{project}/issues'       => [ project => 'event:read', 200 ],
    'PUT /api/0/projects/{organization}/{project}/issues'       => [ project => 'event:write', 200, { status => 'resolved' }, '?id=%%issue%%' ],
    'DELETE /api/0/projects/{organization}/{project}/issues'    => [ project => 'project:write', 200, undef, '?id=%%issue%%' ],
    'GET /api/0/projects/{organization}/{project}/events/{event}' => [ project => 'event:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/events/{event}/json' => [ project => 'event:read', 200 ],

    'GET /api/0/projects/{organization}/{project}/events'       => [ project => 'event:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/events/{event}/attachments' => [ project => 'event:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/events/{event}/attachments/{attachment}' => [ project => 'event:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/events/{event}/grouping' => [ project => 'event:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/releases'     => [ project => 'project:read or project:releases', 200 ],
    'POST /api/0/projects/{organization}/{project}/releases'    => [ project => 'project:releases', 201, { version => 'new-' } ],
    'GET /api/0/projects/{organization}/{project}/releases/{version}' => [ project => 'project:read or project:releases', 200 ],
    'PUT /api/0/projects/{organization}/{project}/releases/{version}' => [ project => 'project:releases', 200, { ref => 'main' } ],
    'DELETE /api/0/projects/{organization}/{project}/releases/{version}' => [ project => 'project:releases', 204 ],
    'GET /api/0/projects/{organization}/{project}/releases/{version}/commits' => [ project => 'project:read or project:releases', 200 ],
    'GET /api/0/projects/{organization}/{project}/releases/{version}/files' => [ project => 'project:read or project:releases', 200 ],
    'POST /api/0/projects/{organization}/{project}/releases/{version}/files' => [ project => 'project:releases', 201, $multipart ],
    'DELETE /api/0/projects/{organization}/{project}/releases/{version}/files/{file}' => [ project => 'project:releases', 204 ],
    'POST /api/0/projects/{organization}/{project}/files/difs/assemble' => [ project => 'project:releases', 200, {} ],
    'GET /api/0/projects/{organization}/{project}/files/dsyms'  => [ project => 'project:read or project:releases', 200 ],
    'GET /api/0/projects/{organization}/{project}/environments' => [ project => 'project:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/stats'        => [ project => 'project:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/ledger'       => [ project => 'project:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/health'       => [ project => 'project:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/transactions' => [ project => 'project:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/monitors'     => [ project => 'project:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/monitors/{monitor}/checkins' => [ project => 'project:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/user-feedback' => [ project => 'event:read', 200 ],

    'POST /api/0/projects/{organization}/{project}/grouping-rules/dry-run' => [ project => 'project:write', 202, {} ],
    'GET /api/0/projects/{organization}/{project}/grouping-rules/dry-run/{run}' => [ project => 'event:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/channels'     => [ project => 'project:read', 200 ],
    'POST /api/0/projects/{organization}/{project}/channels'    => [ project => 'project:write', 201, { kind => 'mail', name => 'new', settings => { to => ['a@a.example'] } } ],
    'GET /api/0/projects/{organization}/{project}/channels/{channel}' => [ project => 'project:read', 200 ],
    'PUT /api/0/projects/{organization}/{project}/channels/{channel}' => [ project => 'project:write', 200, { name => 'x' } ],
    'DELETE /api/0/projects/{organization}/{project}/channels/{channel}' => [ project => 'project:write', 204 ],
    'POST /api/0/projects/{organization}/{project}/channels/{channel}/test' => [ project => 'project:write', 202 ],
    'POST /api/0/projects/{organization}/{project}/channels/{channel}/resume' => [ project => 'project:write', 200 ],
    'GET /api/0/projects/{organization}/{project}/alert-rules'  => [ project => 'project:read', 200 ],
    'POST /api/0/projects/{organization}/{project}/alert-rules' => [ project => 'project:write', 201, { kind => 'behind' } ],
    'GET /api/0/projects/{organization}/{project}/alert-rules/{rule}' => [ project => 'project:read', 200 ],
    'PUT /api/0/projects/{organization}/{project}/alert-rules/{rule}' => [ project => 'project:write', 200, { name => 'x' } ],
    'DELETE /api/0/projects/{organization}/{project}/alert-rules/{rule}' => [ project => 'project:write', 204 ],
    'GET /api/0/projects/{organization}/{project}/notifications' => [ project => 'event:read', 200 ],
    'GET /api/0/projects/{organization}/{project}/notifications/{notification}' => [ project => 'event:read', 200 ],
    'POST /api/0/projects/{organization}/{project}/notifications/{notification}/retry' => [ project => 'project:write', 202 ],
    'GET /api/0/projects/{organization}/{project}/trackers'     => [ project => 'project:read', 200 ],
    'PUT /api/0/projects/{organization}/{project}/trackers/{provider}' => [ project => 'project:write', 200, { enabled => JSON::PP::true() } ],
    'DELETE /api/0/projects/{organization}/{project}/trackers/{provider}' => [ project => 'project:write', 204 ],
    'POST /api/0/projects/{organization}/{project}/trackers/{provider}/test' => [ project => 'project:write', 409 ],
    'POST /api/0/projects/{organization}/{project}/trackers/{provider}/resume' => [ project => 'project:write', 200 ],

    'GET /api/0/issues/{issue}/user-reports'                    => [ issue => 'event:read', 200 ],
    'POST /api/0/issues/{issue}/plugins/gitlab/link'            => [ issue => 'event:write', 200, { issue_id => 88 } ],
    'PUT /api/0/groups/{issue}/integrations/{integration}'      => [ issue => 'event:write', 201, { externalIssue => '1201#89' } ],
);
# The same below an issue as below an issue of an organization.
for my $issue ('/api/0/issues/{issue}', '/api/0/organizations/{organization}/issues/{issue}') {
    %route = (%route,
        "GET $issue"                         => [ issue => 'event:read', 200 ],
        "PUT $issue"                         => [ issue => 'event:write', 200, { status => 'resolved' } ],
        "DELETE $issue"                      => [ issue => 'project:write', 202 ],
        "GET $issue/events"                  => [ issue => 'event:read', 200 ],
        "GET $issue/events/{event}"          => [ issue => 'event:read', 200 ],
        "GET $issue/hashes"                  => [ issue => 'event:read', 200 ],
        "DELETE $issue/hashes"               => [ issue => 'event:write', 202, undef, '?id=%%hash%%' ],
        "GET $issue/tags"                    => [ issue => 'event:read', 200 ],
        "GET $issue/tags/{key}"              => [ issue => 'event:read', 200 ],
        "GET $issue/tags/{key}/values"       => [ issue => 'event:read', 200 ],
        "GET $issue/activities"              => [ issue => 'event:read', 200 ],
        "GET $issue/comments"                => [ issue => 'event:read', 200 ],
        "POST $issue/comments"               => [ issue => 'event:write', 201, { text => 'x' } ],
        "DELETE $issue/comments/{comment}"   => [ issue => 'event:write', 204 ],
        "POST $issue/tracker-issues"         => [ issue => 'event:write', 202, { provider => 'other' } ],
    );
}

my $source = read_file(root() . '/ngx_module/routes.cpp');
my ($declared) = $source =~ /constexpr Route routes\[\] = \{(.*?)^\};/ms or die 'the table of routes is not where it was';
my @declared = $declared =~ /\{"([A-Z]+)", "([^"]+)", (\w+), ([\w:]+),\s*"(\w*)"/g;
is @declared / 5, scalar(() = $declared =~ /^\s*\{"/mg), 'all routes of the module are read';
my (%surface, @odd, @special);
while (my ($method, $path, $surface, $access, $function) = splice @declared, 0, 5) {
    # openapi.t looks at the document, which is nobody's.
    next if $access eq 'document';
    $surface{"$method $path"} = $surface;
    push @special, "$access $method $path" if $access =~ /::/;
    push @odd, "$method $path" if ($path =~ m{^/api/0(?:/|$)}) != ($surface eq 'sentry') || ($method eq 'GET') != ($access eq 'reads');
}
is_deeply [ sort keys %route ], [ sort keys %surface ], 'each route is in the table of this test';
is_deeply \@odd, [], 'GET reads, all else writes';
is_deeply [ grep { /^Access::open/ } @special ], [ map { "Access::open POST $_" } '/api/v4/internal/error_tracking/allowed', '/api/0/auth' ],
    'a token may stand in the body where one signs in, and where GitLab has it so';
is_deeply [ sort map { s/^Access::upload //r } grep { /^Access::upload/ } @special ],
    [ sort grep { ($route{$_}[3] // '') eq $multipart } keys %route ], 'uploads come as forms';

my %scopes = map { my ($role, $scope) = @$_; ("$role $scope" => 1) } $t->sql('select role, scope from errtrack_private.role_scopes');
is_deeply [ map { my $role = $_; scalar grep { /^$role / } keys %scopes } qw(reporter developer maintainer owner) ],
    [ 3, 5, 6, 7 ], 'each role may what the one before may, and more';

# ---- who may ---------------------------------------------------------------------------

my @tokens = ('', 'unknown', 'gitlab', 'expired', qw(reporter developer maintainer owner administrator stranger nobody),
    'of acme', 'of other', 'of shop', 'of blog', 'of acme and shop', 'of theirs', 'of shop, reporter', 'of acme, administrator',
    (map { ("owner without $_", "administrator without $_") } qw(org:read org:write project:read project:releases project:write event:read event:write),
        'project:read and project:releases', 'org:read and project:releases'),
    (map { "of shop without $_" } qw(org:read project:read project:releases event:read event:write), 'project:read and project:releases', 'org:read and project:releases'));

my ($next, $next_key, $next_made) = (1000, 0, 0);

# A request for a route: what the path names is of acme and shop unless told otherwise.
sub request {
    my ($route, $token, %named) = @_;
    my ($method, $path) = split / /, $route;
    my ($kind, $scope, $ok, $body, $query) = @{ $route{$route} };
    $query //= '';
    $next++ if !$named{issue} && !$named{fingerprint} && "$path $query" =~ /\{(?:issue|event|version|file|member|fingerprint)\}|%%(?:issue|hash)%%/;
    die 'there are no more issues' if $next > 3990;
    $next_key++ if $route =~ /keys\/\{/ && !$named{key} && !$named{key_id};
    my $user = $user{ $token =~ /administrator/ ? 'administrator' : $token =~ /^(reporter|developer|maintainer|stranger|nobody)|(?:, (reporter))/ ? $1 // $2 : 'owner' };
    my $issue = $named{issue} // $next;
    my $event = $md5{$issue} // 'f' x 32;
    $restorer->($restore) if $route =~ m{/(?:channels|alert-rules|notifications|trackers|tracker-issues|grouping-rules)\b};
    if ($route eq 'DELETE /api/0/projects/{organization}/{project}') {
        $restorer->($spare_project);
        $named{project} //= 'new-spare';
    }
    $named{token} //= spare_token($user) if $path =~ /token/ && $method eq 'DELETE';
    %named = (
        organization => 'acme', project => 'shop', issue => $issue, event => $event, attachment => "$event-0", version => "r$issue", file => $issue,
        member => $issue, monitor => 'nightly', key => $path =~ /keys/ ? sprintf('key_%028d', $next_key) : 'colour',
        channel => 100, rule => 100, run => '00000000-0000-4000-8000-000000000100', notification => '00000000-0000-4000-8000-000000000100', provider => 'other',
        integration => $tracker{42}, comment => $issue * 10 + $user, fingerprint => $issue, projectId => 42, id => 42, groupId => 10,
        key_id => $key_id{ sprintf 'key_%028d', $next_key }, %named);
    $path =~ s/\{(\w+)\}/$named{$1}/g;
    my $hash = '0' x 27 . "a$issue";
    my $arguments = $query =~ s/%%issue%%/$issue/r =~ s/%%hash%%/$hash/r =~ s/%%project%%/$named{projectId}/r;
    my %body = %{ $body // {} };
    $body{project_id} = $named{projectId} if exists $body{project_id};
    my $header = { integrated => 'Gitlab-Error-Tracking-Token', rest => 'PRIVATE-TOKEN' }->{ $surface{$route} };
    return $t->http($method, $path . $arguments, headers => { length $token ? ($header => $token) : () }, defined $body ? (json => \%body) : ())
        if $header;
    $path =~ s{^/api/0}{};
    return $t->sentry($method, "$path/$arguments", token => $token, form($body->{form})) if $body && $body->{form};
    $body{$_} .= $next_made++ for grep { $body{$_} } qw(slug version);
    $body{projects} = [ $token eq 'of blog' ? 'blog' : 'shop' ] if $body{projects};
    $body{scopes} = [ $token =~ /without event:read/ ? 'org:read' : 'event:read' ] if $body{scopes};
    $body{tokenId} = $named{token} if exists $body{tokenId};
    # Whoever signs in has no token yet but in the body, and comes from a page of this server.
    return $t->sentry($method, "$path/", token => '', json => { token => $token }, headers => { 'X-Errtrack-Request' => 1, Origin => $t->url('') })
        if $route eq 'POST /api/0/auth';
    return $t->sentry($method, "$path/$arguments", token => $token, defined $body ? (json => \%body) : ());
}

# A file in a form, called by its checksum, as pieces of files are.
sub form {
    my ($bytes) = @_;
    return (headers => { 'Content-Type' => 'multipart/form-data; boundary=border' }, content => join "\r\n", '--border',
        'Content-Disposition: form-data; name="file"; filename="' . sha1_hex($bytes) . '"', '', $bytes, '--border--', '');
}

# A token of the same person, to be revoked.
sub spare_token {
    my ($user) = @_;
    return $t->sql_value(q(insert into errtrack_private.tokens (hash, kind, user_id, scopes)
        values (sha256(uuid_send(gen_random_uuid())), 'personal', $1, '{event:read}') returning id), $user);
}

# What an answer tells: its status, in words where GitLab reads them, and whether it holds
# nothing.
sub told {
    my ($route, $answer) = @_;
    my ($status, $surface) = ($answer->status, $surface{$route});
    if ($status >= 400 && $surface eq 'sentry') {
        my $detail = eval { $answer->json->{detail} } // '';
        # What is missing is named to who may know what is there, and to nobody else.
        my $scopes = join '|', map { quotemeta } split / or /, $route{$route}[1];
        return $status . (!length $detail ? ' and no reason' : ($detail =~ /needs/) == ($status == 403) && ($status != 403 || $detail =~ /^Forbidden: needs (?:$scopes)(?:, with|$)/) ? '' : " $detail");
    }
    return eval { $answer->json->{message} } // "$status and no reason" if $status >= 400;
    return $status if $surface ne 'integrated' || $answer->content eq '';
    my $list = $route =~ /stats_v2/ ? $answer->json->[0]{group} : $answer->json;
    return $status . (ref $list eq 'ARRAY' && !@$list ? ' nothing' : '');
}

# Whether a token is without a scope.
sub lacks {
    my ($token, $scope) = @_;
    return scalar grep { $_ eq $scope } $token =~ / without (.+)/ ? split(/ and /, $1) : ();
}

sub expected {
    my ($route, $token) = @_;
    my ($kind, $scope, $ok) = @{ $route{$route} };
    return expected_of_gitlab($kind, $scope, $ok, $token) if $surface{$route} ne 'sentry';
    # A session that is over can be ended once more.
    return $ok if $route eq 'DELETE /api/0/auth' && $token ne '';
    return 400 if $route eq 'POST /api/0/auth' && $token eq '';
    return 401 if $token =~ /^(?:|unknown|gitlab|expired)$/;
    return $ok if $scope eq '';
    my @may = grep { !lacks($token, $_) } split / or /, $scope;
    # With a token that is good for everything.
    return @may && $token =~ /^administrator/ ? $ok : 403 if $kind eq 'administrator';
    my $role = $token =~ /administrator/ ? 'owner' : $token =~ /(reporter|developer|maintainer)/ ? $1 : 'owner';
    # Lists of what the token reaches may be empty, but are none where it may not ask.
    return @may ? $ok : 403 if $kind eq 'open';
    return 404 if $token =~ /^(?:stranger|nobody|of other|of theirs)$/;
    return 404 if $token eq 'of blog' && $kind ne 'organization';
    # A token for one project makes no others.
    return 403 if $scope eq 'org:write' && $token =~ /of (?:shop|blog|acme and shop)/;
    return (grep { $scopes{"$role $_"} } @may) ? $ok : 403;
}

# The same on the surfaces of GitLab.
sub expected_of_gitlab {
    my ($kind, $scope, $ok, $token) = @_;
    my ($none, $foreign) = ('401 Unauthorized', { rest => '404 Project Not Found', error => '404 Not Found', erase => 204 }->{$kind} // '200 nothing');
    return $none if $token =~ /^(?:|unknown|expired)$/;
    return $kind eq 'rest' ? $none : $ok if $token eq 'gitlab';
    # Who may everything, with a token that is good for everything.
    return $token =~ /^administrator/ ? $ok : $none if $kind eq 'key';
    return $foreign if $token =~ /^(?:stranger|nobody|of other|of theirs)$/ || ($token eq 'of blog' && $kind ne 'group');
    my $role = $token =~ /(reporter|developer|maintainer)/ ? $1 : 'owner';
    return $ok if !lacks($token, $scope) && $scopes{"$role $scope"};
    return $kind =~ /^group/ ? $foreign : '403 Forbidden';
}

# "METHOD path" => { status => what the document says of it }.
my $document = JSON::PP->new->decode(read_file(root() . '/ngx_module/openapi.json'));
my %documented;
for my $path (keys %{ $document->{paths} }) {
    my $operations = $document->{paths}{$path};
    $documented{ uc($_) . ' ' . $path =~ s{/\z}{}r } = $operations->{$_}{responses} for grep { ref $operations->{$_} eq 'HASH' } keys %$operations;
}

# What erases everything comes last.
my $erase = 'DELETE /errortracking/api/v1/projects/{id}';
for my $route (grep { $_ ne $erase } sort keys %route) {
    my (%got, %wanted);
    for my $token (@tokens) {
        $got{$token} = told($route, request($route, $token));
        $wanted{$token} = expected($route, $token);
    }
    is_deeply \%got, \%wanted, "$route: who may"
        or diag map { "  '$_': $got{$_}, not $wanted{$_}\n" } grep { $got{$_} ne $wanted{$_} } sort keys %got;
    my %status = map { substr($_, 0, 3) => 1 } values %got;
    is_deeply [ grep { !$documented{$route}{$_} } sort keys %status ], [], '... and all that is answered is documented';
}

# ---- nothing tells what there is --------------------------------------------------------

my %foreign = (organization => 'other', project => 'theirs', issue => 5001, integration => $tracker{99}, token => $token_of{stranger});
my %missing = (organization => 'nothing', project => 'nothing', issue => 777777, integration => 777777, comment => 7, token => 777777);
for my $route (sort grep { /\{/ && $surface{$_} eq 'sentry' } keys %route) {
    my %differ;
    my $same = sub {
        my ($label, $token, $there, $not_there) = @_;
        my ($there_is, $there_is_not) = map { my $answer = request($route, $token, %$_); $answer->status . ' ' . $answer->content } $there, $not_there;
        $differ{$label} = "$there_is / $there_is_not" if $there_is ne $there_is_not || $there_is !~ /^40[34] /;
    };
    my $has = sub { $route =~ /\{$_[0]\}/ };
    for my $token ('owner', 'of acme', 'of shop', 'nobody', 'reporter') {
        my @key = $route =~ /keys/ ? ([ key => 'key_' . '0' x 25 . '401' ], [ key => 'key_' . '9' x 28 ]) : ([], []);
        $same->("$token, all", $token, { %foreign, @{ $key[0] } }, { %missing, @{ $key[1] } });
        $same->("$token, by ids", $token, { %foreign, organization => 20, project => 99 }, { %missing, organization => 7777, project => 7777 });
        $same->("$token, own organization", $token, { %foreign, organization => 'acme' }, { %missing, organization => 'acme' })
            if grep { $has->($_) } qw(project issue event version member);
        $same->("$token, other organization", $token, { organization => 'other', issue => 3999 }, { organization => 'nothing', issue => 3999 }) if $has->('organization');
        $same->("$token, other project", $token, { issue => 4001, project => 'blog' }, { %missing, organization => 'acme' })
            if $token eq 'of shop' && grep { $has->($_) } qw(project issue event version);
    }
    is_deeply \%differ, {}, "$route: what is of others is as what does not exist";
}
my $their_key = $key_id{ 'key_' . '0' x 25 . '401' };
for my $route (sort grep { $surface{$_} ne 'sentry' } keys %route) {
    my ($kind) = @{ $route{$route} };
    my %differ;
    my $same = sub {
        my ($label, $token, $wanted, @named) = @_;
        my ($there, $not_there) = map { my $answer = request($route, $token, %$_); [ told($route, $answer), $kind eq 'group' ? '' : $answer->content ] } @named;
        $differ{$label} = "@$there / @$not_there" if "@$there" ne "@$not_there" || $there->[0] !~ $wanted;
    };
    for my $token ('owner', 'of acme', 'of shop', 'nobody', 'reporter') {
        my $wanted = { rest => qr/^404 Project Not Found$/, error => qr/^404 Not Found$/, erase => qr/^204$/, key => qr/^401 / }->{$kind} // qr/^200 nothing$/;
        $same->("$token, all", $token, $wanted, { projectId => 99, id => 99, groupId => 20, fingerprint => 5001, key_id => $their_key },
            { map { ($_ => 777777) } qw(projectId id groupId fingerprint key_id) });
        $same->("$token, by path", $token, $wanted, { id => 'other%2Ftheirs', key_id => $their_key }, { id => 'nothing%2Fnothing', key_id => 777777 }) if $kind eq 'rest';
        $same->("$token, shop's", $token, $wanted, { projectId => 99, fingerprint => 3999 }, { projectId => 777777, fingerprint => 3999 }) if $kind eq 'error';
    }
    for my $token ('gitlab', 'owner', 'of shop', 'reporter') {
        $same->("$token, $_", $token, qr/^40[34] /, { fingerprint => $_ }, { fingerprint => 777777 }) for grep { $kind eq 'error' } 4001, 5001;
        $same->("$token, their key", $token, qr/^40[134] /, { key_id => $their_key }, { key_id => 777777 }) if $route =~ /key_id/;
    }
    is_deeply \%differ, {}, "$route: what is of others is as what does not exist";
}
is $t->sql_value('select count(*) from errtrack_private.projects where deleted_at is not null and id <> 77'), 0, 'no project of others is deleted';
$t->sql('delete from errtrack_private.projects where id = 77');
is_deeply [ $t->sql('select id from errtrack_private.projects where purge_before is not null') ], [], 'nothing of others is erased';
is $t->sql_value('select count(*) from errtrack_private.tracking_settings where project_id <> 42'), 0, 'nor set';
is $t->sql_value('select count(*) from errtrack_private.client_keys where project_id in (43, 99)'), 1, 'nor are keys made or deleted';

for my $route ('PUT /api/0/projects/{organization}/{project}/keys/{key}', 'DELETE /api/0/projects/{organization}/{project}/keys/{key}') {
    my ($there, $not_there) = map { request($route, 'owner', key => $_) } 'key_' . '0' x 25 . '401', 'key_' . '9' x 28;
    is_deeply [ $there->status, $there->content ], [ 404, $not_there->content ], "$route: a key of others is unknown";
}
is request('PUT /api/0/issues/{issue}', 'reporter', issue => 777777)->status, 404,
    'who may not change learns the same of what does not exist';
for my $route (sort grep { /\{(?:channel|rule|notification|run)\}/ } keys %route) {
    is_deeply [ map { my $n = $_; request($route, 'owner', channel => $n, rule => $n, map { $_ => "00000000-0000-4000-8000-000000000$n" } qw(notification run))->status } 143, 199, 777 ],
        [ 404, 404, 404 ], "$route: what is of other projects is unknown";
}
is request('PUT /api/0/groups/{issue}/integrations/{integration}', 'owner', integration => $tracker{99})->status, 404,
    'a tracker of others is unknown';
# Projects that a body names.
for my $path ('releases', 'artifactbundle/assemble') {
    for my $case ([ owner => 'theirs' ], [ owner => 99 ], [ 'of acme' => 'theirs' ], [ 'of shop' => 'blog' ], [ 'of shop' => 43 ]) {
        my ($token, $named) = @$case;
        my @answers = map { my $answer = $t->sentry('POST', "/organizations/acme/$path/", token => $token,
            json => { version => 'r', checksum => sha1_hex('x'), chunks => [], projects => [$_] }); $answer->status . $answer->content } $named, 'nothing', 7777;
        like $answers[0], qr/^400/, "$path: the project $named that the token '$token' does not reach";
        is_deeply [ @answers[1, 2] ], [ ($answers[0]) x 2 ], '... is as one that does not exist';
    }
}
is_deeply [ sort map { $_->[0] } $t->sql(q(select distinct release from errtrack_private.releases where project_id = 99)) ], ['r5001'], 'they got no release';
is_deeply [ map { scalar @{ $t->sentry('GET', '/api-tokens/', token => $_)->json } } qw(stranger nobody) ],
    [ map { $t->sql_value(q(select count(*) from errtrack_private.tokens where kind = 'personal' and user_id = $1), $user{$_}) } qw(stranger nobody) ],
    'tokens that one sees are one\'s own';
for my $token ('', 'unknown', 'gitlab', 'expired') {
    is_deeply [ map { $_->status . $_->content } request('GET /api/0/issues/{issue}', $token), request('GET /api/0/issues/{issue}', $token, %foreign) ],
        [ (map { $_->status . $_->content } request('GET /api/0/issues/{issue}', $token, %missing)) x 2 ],
            "the token '$token' learns nothing";
}

is $t->sql_value('select count(*) from errtrack_private.issues where project_id = 99 and status = \'unresolved\''), 1,
    'what is of others is as it was';
is $t->sql_value('select count(*) from errtrack_private.issues where id = 3999 and status = \'unresolved\''), 1,
    '... and what was named under others';
is $t->sql_value('select count(*) from errtrack_private.issues where project_id = 43 and status = \'unresolved\''), 1,
    'also in the other project';

# ---- what lists hold ----------------------------------------------------------------------

sub slugs { return join ' ', sort grep { !/^new-/ } map { $_->{slug} } @{ $_[0] } }

my %projects = (owner => 'blog shop', reporter => 'blog shop', administrator => 'blog shop theirs', stranger => 'theirs', nobody => '',
    'of acme' => 'blog shop', 'of other' => '', 'of shop' => 'shop', 'of blog' => 'blog', 'of theirs' => '', 'of acme, administrator' => 'blog shop');
for my $token (sort keys %projects) {
    is slugs($t->sentry('GET', '/projects/', token => $token)->json), $projects{$token},
        "projects that the token '$token' reaches";
}
my %organizations = (owner => 'acme', administrator => 'acme other', stranger => 'other', nobody => '', 'of acme' => 'acme', 'of other' => '',
    'of shop' => 'acme', 'of theirs' => '', 'of acme, administrator' => 'acme');
for my $token (sort keys %organizations) {
    is slugs($t->sentry('GET', '/organizations/', token => $token)->json), $organizations{$token},
        "organizations that the token '$token' reaches";
}
for my $token ('of shop', 'of acme and shop') {
    is slugs($t->sentry('GET', '/organizations/acme/projects/', token => $token)->json), 'shop',
        "a token $token: projects of its organization";
    is slugs($t->sentry('GET', '/organizations/acme/', token => $token)->json->{projects}), 'shop',
        '... on the page of the organization too';
    is_deeply [ map { $_->{name} } @{ $t->sentry('GET', '/organizations/acme/repos/', token => $token)->json } ], ['acme/shop'],
        '... its repository';
    is_deeply [ grep { $_->{project}{slug} ne 'shop' } @{ $t->sentry('GET', '/organizations/acme/issues/?limit=100&query=', token => $token)->json } ], [],
        '... its issues';
    is $t->sentry('GET', '/organizations/acme/issues/?project=blog', token => $token)->status, 404,
        '... none of other projects';
    is $t->sentry('PUT', '/organizations/acme/issues/?id=4001', token => $token, json => { status => 'resolved' })->json->{updated}, 0,
        '... nor changes there';
}
is scalar @{ $t->sentry('GET', '/organizations/acme/repos/')->json }, 2, 'all repositories for who reaches all projects';
is_deeply [ sort grep { !/^(?:new|person\d+)@/ } map { $_->{email} } @{ $t->sentry('GET', '/organizations/acme/members/', token => 'reporter')->json } ],
    [ map { "$_\@a.example" } qw(developer maintainer owner reporter) ], 'the people of an organization, and nobody else';
my $me = $t->sentry('GET', '/', token => 'of shop, reporter')->json;
is_deeply [ $me->{user}{email}, $me->{user}{isSuperuser}, scalar @{ $me->{auth}{scopes} } ], [ 'reporter@a.example', JSON::PP::false(), 7 ],
    'who one is';

# Of two organizations one may be called as the other is numbered.
$t->sql(q(insert into errtrack_private.organizations (id, slug, name) values (30, '20', 'Twenty');
    insert into errtrack_private.projects (id, organization_id, slug, name) values (50, 30, 'theirs', 'Mine'), (51, 30, '99', 'Ninety');
    insert into errtrack_private.memberships select 30, id, 'owner' from errtrack_private.users where email like 'owner%'));
is $t->sentry('GET', '/projects/20/theirs/')->json->{id}, '50', 'a slug goes before an id';
is $t->sentry('GET', '/projects/20/99/')->json->{id}, '51', '... of a project too';
is $t->sentry('GET', '/organizations/20/')->json->{slug}, '20', '... and of an organization';

# ---- everything is erased ------------------------------------------------------------------

my (%erased, %may_erase);
for my $token (@tokens) {
    $t->sql('update errtrack_private.projects set purge_before = null');
    $erased{$token} = told($erase, request($erase, $token));
    $erased{$token} .= " $_->[0]" for $t->sql(q(select case id when 42 then 'erased' else slug end from errtrack_private.projects where purge_before is not null));
    $may_erase{$token} = expected($erase, $token);
}
is_deeply \%erased, \%may_erase, "$erase: who may";
is $t->sql_value('select count(*) from errtrack_private.issues where project_id <> 42'), 2, '... and of one project';

# ---- how a token is shown ------------------------------------------------------------------

my %header = ('Bearer owner' => 200, 'bearer owner' => 200, 'Bearer  owner' => 200, 'Bearer' => 401, 'Bearer ' => 401, 'owner' => 401,
    'Basic owner' => 401, 'Token owner' => 401, 'Bearer owner x' => 401, 'Bearer Owner' => 401, 'DSN owner' => 401);
for my $value (sort keys %header) {
    my $answer = $t->get('/api/0/projects/', headers => { Authorization => $value });
    is $answer->status, $header{$value}, "Authorization: $value";
}
is $t->get('/api/0/projects/', headers => { 'Gitlab-Error-Tracking-Token' => $_ })->status, 401, "the header of the other API, with $_"
    for qw(gitlab owner);
is $t->get("/api/0/projects/?$_=owner")->status, 401, "a token is never in the URL: $_" for qw(token access_token private_token auth);
my ($errors, $settings) = ('/errortracking/api/v1/projects/42/errors', '/api/v4/projects/42/error_tracking/settings');
is $t->get($settings, headers => { $_->[0] => $_->[1] })->status, 200, "GitLab's REST interface takes $_->[0]" for [ 'PRIVATE-TOKEN', 'owner' ], [ Authorization => 'Bearer owner' ];
is $t->get($settings, headers => { $_->[0] => $_->[1] })->status, 401, "... and not $_->[0]: $_->[1]"
    for [ 'Gitlab-Error-Tracking-Token', 'owner' ], [ Authorization => 'Basic owner' ], [ Cookie => 'errtrack_session=owner' ];
is $t->get($errors, headers => { $_->[0] => $_->[1] })->status, 401, "the integrated surface does not take $_->[0]: $_->[1]"
    for (map { ([ 'PRIVATE-TOKEN', $_ ], [ Authorization => "Bearer $_" ], [ Cookie => "errtrack_session=$_" ]) } 'gitlab', 'owner'), [ 'Gitlab-Error-Tracking-Token', 'Bearer gitlab' ];
for my $path ($errors, $settings) {
    is $t->get("$path?$_")->status, 401, "a token is never in the URL: $path?$_" for 'private_token=owner', 'access_token=owner', 'error_tracking_token=gitlab';
}
is $t->sentry('GET', '/projects/', token => $_)->header('WWW-Authenticate'), 'Bearer', "a refusal says what is to be sent, to the token '$_'" for '', 'unknown';
is $t->sentry('GET', '/nope/')->json->{detail}, 'no such path: /api/0/openapi.json lists those that there are', 'so does that of an unknown path';
is $t->sentry('HEAD', '/projects/', token => '')->status, 401, 'HEAD needs a token too';
is $t->sentry('GET', '/projects/', token => '')->header('Content-Type'), 'application/json', 'a refusal is JSON';
$t->sql(q(update errtrack_private.tokens set expires_at = now() where hash = sha256('of acme')));
is $t->sentry('GET', '/projects/', token => 'of acme')->status, 401, 'a token expires';
$t->sql(q(delete from errtrack_private.memberships where user_id = (select id from errtrack_private.users where email like 'developer%')));
is $t->sentry('GET', '/projects/acme/shop/', token => 'developer')->status, 404, 'who is no member any more sees nothing';

$t->done;
