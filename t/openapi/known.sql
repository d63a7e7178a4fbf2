-- What there is, for the paths of requests: one JSON document for each project.
select jsonb_agg(jsonb_build_object(
    'organization', jsonb_build_array(g.slug, g.id::text), 'groupId', jsonb_build_array(g.id),
    'project', jsonb_build_array(p.slug, p.id::text), 'projectId', jsonb_build_array(p.id), 'id', jsonb_build_array(p.id),
    'projectPath', jsonb_build_array(p.id::text, g.slug || '/' || p.slug),
    'issue', (select jsonb_agg(named) from (
        select i.id::text as named from errtrack_private.issues i where i.project_id = p.id
        union all
        select errtrack_private.short_id(p.slug, i.id) from errtrack_private.issues i where i.project_id = p.id and i.id % 7 = 0) i),
    'fingerprint', (select jsonb_agg(i.id) from errtrack_private.issues i where i.project_id = p.id),
    'event', (select jsonb_object_agg(e.issue_id, e.ids) from (
        select o.issue_id, jsonb_agg(replace(e.event_id::text, '-', '')) as ids
        from errtrack_private.occurrences e
        join errtrack_private.origins o on o.project_id = e.project_id and o.id = e.origin_id
        where e.project_id = p.id group by 1) e),
    'hash', (select jsonb_object_agg(h.issue_id, h.ids) from (
        select o.issue_id, jsonb_agg(replace(h.hash::text, '-', '')) as ids
        from errtrack_private.hashes h
        join errtrack_private.origins o on o.project_id = h.project_id and o.id = h.origin_id
        where h.project_id = p.id group by 1) h),
    'attachment', (select jsonb_agg(jsonb_build_array(replace(a.event_id::text, '-', ''), replace(a.delivery_id::text, '-', '') || '-' || a.position))
                   from errtrack_private.attachments a where a.project_id = p.id),
    'comment', (select jsonb_agg(jsonb_build_array(c.issue_id::text, c.id::text)) from errtrack_private.issue_comments c where c.project_id = p.id),
    'key', (select jsonb_agg(k.public_key) from errtrack_private.client_keys k where k.project_id = p.id),
    'key_id', (select jsonb_agg(k.id) from errtrack_private.client_keys k where k.project_id = p.id),
    'tag', '["environment", "release", "user", "a b", "ключ", "nothing"]'::jsonb,
    'version', (select jsonb_agg(r.release) from errtrack_private.releases r where r.project_id = p.id),
    'monitor', '["nightly", "hourly"]'::jsonb,
    'integration', (select jsonb_agg(t.id::text) from errtrack_private.trackers t where t.project_id = p.id),
    'channel', (select jsonb_agg(c.id::text) from errtrack_private.channels c where c.project_id = p.id and c.kind <> 'tracker'),
    'rule', (select jsonb_agg(r.id::text) from errtrack_private.alert_rules r where r.project_id = p.id),
    'notification', (select jsonb_agg(n.delivery_id::text) from errtrack_private.notifications n where n.project_id = p.id),
    'run', (select jsonb_agg(t.id::text) from errtrack_private.rule_trials t where t.project_id = p.id),
    'provider', '["gitlab", "github", "other"]'::jsonb,
    'member', (select jsonb_agg(m.user_id::text) from errtrack_private.memberships m
               join errtrack_private.users u on u.id = m.user_id
               where m.organization_id = g.id and u.email like 'member%'),
    'token', (select jsonb_agg(t.id::text) from errtrack_private.tokens t where t.label like 'token %')) order by p.id)
from errtrack_private.projects p
join errtrack_private.organizations g on g.id = p.organization_id
