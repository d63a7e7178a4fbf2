-- Keys that live in GitLab. A request with a key that is not known here waits; the worker
-- asks GitLab and gives the request back to the queue, where it is judged again.

create or replace function errtrack_private.gitlab_is_to_say(project_id bigint, public_key text, received_at timestamptz)
returns boolean
language sql stable
as $$
    select $3 > now() - interval '1 day'
        and not exists (
            select from errtrack_private.gitlab_keys g
            where g.project_id = $1 and g.public_key = $2
              and (g.asked_at >= $3
                   or g.asked_at > now() - case when g.enabled then interval '60 s' else interval '10 s' end))
        and not exists (
            select from errtrack_private.client_keys k
            where k.public_key = $2
              and not (k.project_id = $1 and not k.active
                       and exists (
                           select from errtrack_private.gitlab_keys g
                           where g.project_id = $1 and g.public_key = $2 and not g.enabled)))
$$;
comment on function errtrack_private.gitlab_is_to_say(bigint, text, timestamptz) is
    'Whether it is for GitLab to say if a key is one of the project, and it has not said so for a request of that time. A key that was made here, belongs to another project or was disabled here is none of its business; after a day without an answer a request is not held any longer.';

create or replace function errtrack_private.await_keys() returns setof uuid
language plpgsql volatile
as $$
declare
    places bigint;
    room bigint;
begin
    if not exists (select from batch_deliveries b where b.public_key is not null) then
        return;
    end if;
    select 10000 - count(*), 64 * 1024 * 1024 - coalesce(sum(octet_length(w.body)), 0)
    into places, room
    from errtrack_private.waiting_requests w;
    if places <= 0 or room <= 0 then
        return;
    end if;
    return query
    with waiting as (
        select w.project_id, count(*) as requests
        from errtrack_private.waiting_requests w
        group by w.project_id
    ), undecided as (
        select b.delivery_id
        from batch_deliveries b
        left join waiting on waiting.project_id = b.project_id
        where b.public_key ~ '^[A-Za-z0-9_-]{16,64}$'
          and b.project_id > 0
          and coalesce(waiting.requests, 0) < 1000
          and errtrack_private.verified_project(b.project_id, b.public_key) = 0
          and errtrack_private.gitlab_is_to_say(b.project_id, b.public_key, b.received_at)
          and not exists (
              select from errtrack_private.deliveries d
              where d.project_id in (0, b.project_id)
                and d.delivery_id = b.delivery_id
                and d.received_at = b.received_at)
        order by b.received_at
        limit places
    )
    delete from batch_deliveries b
    using undecided u
    where b.delivery_id = u.delivery_id
    returning b.delivery_id;
end
$$;
comment on function errtrack_private.await_keys() is
    'Takes the requests out of batch_deliveries that have to wait for GitLab, and names them: they belong into waiting_requests. There is room for 10,000 of them with 64 MB, and for 1,000 of a project, or a batch more; those that find none stay, and their keys count as unknown.';

create or replace function errtrack_private.keys_to_ask()
returns table (project_id bigint, public_key text, asked_at timestamptz)
language sql volatile
as $$
    select k.project_id, k.public_key, now()
    from (
        (
            select w.project_id, w.public_key
            from (
                select r.project_id, r.public_key, min(r.received_at) as since,
                       row_number() over (partition by r.project_id order by min(r.received_at)) as turn
                from errtrack_private.waiting_requests r
                where errtrack_private.gitlab_is_to_say(r.project_id, r.public_key, r.received_at)
                group by r.project_id, r.public_key
            ) w
            -- Among those in the same turn, what is known here before what anybody may claim.
            order by w.turn, exists (select from errtrack_private.projects p where p.id = w.project_id) desc, w.since
            limit 8
        )
        union all
        (
            select g.project_id, g.public_key
            from errtrack_private.gitlab_keys g
            where g.enabled and g.asked_at < now() - interval '60 s'
            order by g.asked_at
            limit 10
        )
    ) k
    limit 10
$$;
comment on function errtrack_private.keys_to_ask() is
    'At most ten keys to ask GitLab about now: those that requests wait for, the projects in turn, known ones first, and those that it vouched for a minute ago, for which two places are left.';

create or replace function errtrack_private.gitlab_key_answered(
    project_id bigint,
    public_key text,
    enabled boolean,
    asked_at timestamptz
)
returns boolean
language plpgsql volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    before boolean := (
        select g.enabled
        from errtrack_private.gitlab_keys g
        where g.project_id = $1 and g.public_key = $2
        for update);
begin
    insert into errtrack_private.gitlab_keys as g (project_id, public_key, enabled, asked_at)
    values ($1, $2, $3, $4)
    on conflict on constraint gitlab_keys_pkey do update set enabled = excluded.enabled, asked_at = excluded.asked_at;
    if not $3 then
        update errtrack_private.client_keys k
        set active = false
        where k.project_id = $1 and k.public_key = $2 and k.active and before;
        return true;
    end if;
    if not exists (select from errtrack_private.projects p where p.id = $1) then
        if not exists (select from errtrack_private.organizations o where o.slug = 'gitlab') then
            perform errtrack_private.create_organization(null, 'gitlab', 'GitLab');
        end if;
        insert into errtrack_private.projects as p (id, organization_id, slug, name, gitlab)
        select $1, o.id, 'project-' || $1, 'Project ' || $1, true
        from errtrack_private.organizations o
        where o.slug = 'gitlab'
        on conflict do nothing;
    end if;
    insert into errtrack_private.client_keys as k (project_id, public_key, label)
    select p.id, $2, 'GitLab'
    from errtrack_private.projects p
    where p.id = $1 and p.gitlab
    -- Whoever disabled it here meant it.
    on conflict on constraint client_keys_public_key_key do update set active = true
        where k.project_id = excluded.project_id and not k.active and not before;
    return exists (select from errtrack_private.projects p where p.id = $1 and p.gitlab);
end
$$;
comment on function errtrack_private.gitlab_key_answered(bigint, text, boolean, timestamptz) is
    'Notes what GitLab says of a key, asked at that time. A key that it vouches for becomes a client key of its project, which is made in the organization "gitlab" if it is not there; one that it does so no more is disabled. False: a project of that id is here, but not GitLab''s.';

create or replace function errtrack_private.release_requests()
returns table (delivery_id uuid, meta text, body bytea)
language sql volatile
as $$
    delete from errtrack_private.waiting_requests r
    using (
        select w.project_id, w.delivery_id
        from errtrack_private.waiting_requests w
        where not errtrack_private.gitlab_is_to_say(w.project_id, w.public_key, w.received_at)
        order by w.received_at
        limit 20
    ) decided
    where r.project_id = decided.project_id and r.delivery_id = decided.delivery_id
    returning r.delivery_id, r.meta, r.body
$$;
comment on function errtrack_private.release_requests() is
    'Some requests that need not wait any more. They are to be in the queue before the transaction ends.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'gitlab_is_to_say(bigint, text, timestamptz)', 'await_keys()', 'keys_to_ask()',
        'gitlab_key_answered(bigint, text, boolean, timestamptz)', 'release_requests()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
        execute format('grant execute on function errtrack_private.%s to errtrack_worker', name);
    end loop;
end
$$;
grant select, insert, delete on errtrack_private.waiting_requests to errtrack_worker;
grant select on errtrack_private.gitlab_keys to errtrack_worker;
