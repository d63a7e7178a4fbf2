-- What "errtrack doctor" looks at of the server and of what waits: see 014_doctor.sql.

create or replace function errtrack_private.doctor_server()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select 'failing', format('%s is off: %s', wanted.name, wanted.why),
           format('alter system set %s = on, and %s', wanted.name,
                  case when s.context = 'postmaster' then 'restart PostgreSQL' else 'select pg_reload_conf()' end)
    from (values
        ('fsync', 'a crash of the machine may destroy the database'),
        ('full_page_writes', 'a crash of the machine may destroy the database'),
        ('autovacuum', 'tables grow without end, and the server will stop to keep its transaction ids apart'),
        ('track_counts', 'autovacuum does not know what to do')) as wanted (name, why)
    join pg_settings as s on s.name = wanted.name
    where s.setting = 'off'
    union all
    select case when aged.age > 1600000000 then 'failing' else 'warning' end,
           format('%s transactions are not frozen, of 2,147 million at which the server stops', to_char(aged.age, 'FM999,999,999,999')),
           'see why autovacuum does not keep up, end old transactions, or run vacuum (freeze)'
    from (
        select greatest(age(d.datfrozenxid), mxid_age(d.datminmxid))::bigint as age
        from pg_database as d
        where d.datname = current_database()) as aged
    where aged.age > 1000000000
$$;
comment on function errtrack_private.doctor_server() is
    'Settings with which the server loses data or grows, and transaction ids that come to their end.';

create or replace function errtrack_private.doctor_vacuum()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select 'warning', format('autovacuum is off for %s', c.relname),
           format('alter table errtrack_private.%I reset (autovacuum_enabled)', c.relname)
    from pg_class as c
    cross join unnest(c.reloptions) as option
    where c.relnamespace = 'errtrack_private'::regnamespace
      and option in ('autovacuum_enabled=off', 'autovacuum_enabled=false', 'autovacuum_enabled=0', 'autovacuum_enabled=no')
    union all
    select 'warning', format('%s has %s dead rows beside %s', t.name, t.dead_rows, t.row_estimate),
           format('see why autovacuum does not keep up, or vacuum errtrack_private.%I', t.name)
    from errtrack_private.doctor_tables() as t
    where t.dead_rows > 100000 and t.dead_rows > t.row_estimate
    union all
    select 'warning',
           format('a transaction of %s is open since %s: nothing is cleaned up behind it', coalesce(a.usename, a.backend_type),
                  date_trunc('second', a.xact_start)),
           format('end it, or select pg_terminate_backend(%s)', a.pid)
    from pg_stat_activity as a
    where a.datname = current_database()
      and a.xact_start < now() - interval '1 hour'
      and a.backend_xmin is not null
      -- These are in doctor_transactions().
      and a.backend_type <> 'client backend'
$$;
comment on function errtrack_private.doctor_vacuum() is 'What keeps tables from being cleaned up.';

create or replace function errtrack_private.doctor_transactions(patience interval default '5 minutes')
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Also without a snapshot: the locks of an open transaction are enough to be waited for.
    select 'warning',
           format('session %s of %s (%s, %s) has a transaction open since %s: partitions, imports and migrations may wait behind it',
                  a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no name'), a.state,
                  date_trunc('second', a.xact_start)),
           format('let it end, or select pg_terminate_backend(%s)', a.pid)
    from pg_stat_activity as a
    where a.datname = current_database()
      and a.backend_type = 'client backend'
      and a.xact_start < clock_timestamp() - patience
      and a.pid <> pg_backend_pid()
    union all
    select case when queue.share >= 0.5 then 'failing' when queue.share >= 0.1 then 'warning' else 'ok' end,
           format('%s %% of PostgreSQL''s queue of notify is in use', round((100 * queue.share)::numeric)),
           case when queue.share >= 0.1
                then 'end the oldest transaction of a session that listens: select pid, usename, xact_start from pg_stat_activity order by xact_start' else '' end
    from (select pg_notification_queue_usage() as share) as queue
$$;
comment on function errtrack_private.doctor_transactions(interval) is
    'Transactions that are open for longer than this patience, and what notify keeps for them: when its queue is full, nothing that notifies can commit.';

create or replace function errtrack_private.doctor_connections()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case when used.now >= used.most * 0.95 then 'failing' when used.now >= used.most * 0.8 then 'warning' else 'ok' end,
           format('%s of %s connections are in use', used.now, used.most),
           case when used.now >= used.most * 0.8 then 'raise max_connections, or use fewer threads, workers or a pooler' else '' end
    from (
        -- Who is not a superuser sees of others only how many they are.
        select (select sum(d.numbackends) from pg_stat_database as d) as now,
               current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer as most) as used
$$;
comment on function errtrack_private.doctor_connections() is 'How many connections are in use.';

create or replace function errtrack_private.doctor_replication()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case when held.bytes > 10 * 1024::bigint ^ 3 then 'failing' else 'warning' end,
           format('replication slot %s holds %s of WAL%s', held.name, pg_size_pretty(held.bytes),
                  case when held.active then '' else ', and nobody reads it' end),
           format('let its reader catch up, or select pg_drop_replication_slot(%L)', held.name)
    from (
        select s.slot_name as name, s.active,
               pg_wal_lsn_diff(
                   case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end,
                   s.restart_lsn)::bigint as bytes
        from pg_replication_slots as s
        where s.restart_lsn is not null) as held
    where held.bytes > 1024::bigint ^ 3 or not held.active
    union all
    select 'failing', 'the database is a replica: nothing can be filed', 'give the primary to --database'
    where pg_is_in_recovery()
$$;
comment on function errtrack_private.doctor_replication() is 'Replication slots that hold WAL.';

create or replace function errtrack_private.doctor_backlog()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case when counted.is_bad then 'warning' else 'ok' end, counted.what,
           case when counted.is_bad then counted.advice else '' end
    from (
        select f.facts > 200000 or f.oldest < now() - interval '10 minutes' and f.filed < now() - interval '10 minutes' as is_bad,
               format('tags of %s events are not counted yet', case when f.facts > 200000 then 'more than 200000' else f.facts::text end) as what,
               'see that a worker runs and what its log says of tending the issues' as advice
        from (
            select count(*) as facts, min(l.received_at) as oldest, max(l.received_at) as filed
            from (select t.received_at from errtrack_private.tag_facts as t limit 200001) as l) as f
        union all
        select o.oldest < now() - interval '2 minutes',
               format('%s things that happened are not told yet%s', case when o.messages > 10000 then 'more than 10000' else o.messages::text end,
                      ', the oldest since ' || date_trunc('second', o.oldest)::text),
               'see what the log of errtrack-worker says of notifications, and that one runs without --no-notifications'
        from (
            select count(*) as messages, min(l.created_at) as oldest
            from (
                select x.created_at
                from errtrack_private.outbox as x
                -- What happens where nobody is to be told is taken out with the rest.
                where exists (select from errtrack_private.channels as c where c.project_id = x.project_id and c.enabled)
                limit 10001) as l) as o
        union all
        select w.requests > 8000, format('%s requests wait for the word of GitLab', w.requests),
               'see that GitLab answers: there is room for 10000'
        from (
            select count(*) as requests
            from (select from errtrack_private.waiting_requests as x limit 10001) as l) as w) as counted
$$;
comment on function errtrack_private.doctor_backlog() is 'What waits in the database.';

create or replace function errtrack_private.doctor_dead_letters()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case when l.new > 0 then 'warning' else 'ok' end,
           format('%s dead letters, %s since yesterday, %s', l.letters, l.new, pg_size_pretty(l.bytes)),
           case when l.new > 0 then 'see errtrack dead list, and replay them when the cause is mended' else '' end
    from (
        select count(*) as letters, count(*) filter (where d.died_at >= now() - interval '1 day') as new,
               coalesce(sum(d.size), 0)::bigint as bytes
        from errtrack_private.dead_letters as d) as l
$$;
comment on function errtrack_private.doctor_dead_letters() is 'Dead letters, of which there are 10,000 at most.';

create or replace function errtrack_private.doctor_channels()
returns table (level text, what text, advice text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Whoever has the duty says so every second.
    select 'warning',
           format('nobody tells people what happens%s', ', since ' || date_trunc('second', max(d.until))::text),
           'see that an errtrack-worker runs without --no-notifications, and what its log says'
    from errtrack_private.duties as d
    where d.name = 'notifications'
    having exists (select from errtrack_private.channels as c where c.enabled)
       and max(d.until) >= now() - interval '1 minute' is not true
    union all
    select 'warning',
           format('channel "%s" of project %s %s: %s', c.name, named.project,
                  case when c.parked_at is not null then 'is parked since ' || date_trunc('second', c.parked_at)::text
                       else format('fails since %s, %s times', date_trunc('second', c.failing_since), c.failures) end,
                  coalesce(c.last_error, 'no reason is known')),
           case
               when c.last_error ~ '^the file "[^"]*" is not for ' then
                   format('add the address there, or have the command set it (%s --url)', named.change)
               when c.last_error like '%--allow-address%' then
                   format('start errtrack-worker with %s, or name another address (%s)',
                          substring(c.last_error from '--allow-address [0-9A-Fa-f.:\[\]]+'), named.change)
               when c.last_error like '%--mail-domain%' then
                   format('start errtrack-worker with --mail-domain for it, or name other recipients (%s)', named.change)
               when c.last_error ~ ' answers [0-9]' and c.last_error not like '%sent again later%'
                 or c.last_error ~ '^(the channel|the address|the setting|a header|an address)' then
                   format('set what is good now (%s)', named.change)
               when c.last_error like '%--mail-server%' then 'start errtrack-worker with --mail-server and --mail-from'
               when c.last_error ~ '^cannot read|secret|sealed|is no key|have rights on' then
                   format('give errtrack-worker that key or file (--secrets-key-file, --secrets-dir), or set the secret anew (%s)', named.change)
               when c.last_error ~ 'refuses user or password' then
                   'see that --mail-user and --mail-password-file of errtrack-worker are right'
               else 'see that it can be reached from the host of errtrack-worker, and answers' end
           || case when c.kind = 'tracker' then '; it is tried again within an hour'
                   else format('; then errtrack channel resume %s %s', named.project, c.id) end
    from errtrack_private.channels as c
    join errtrack_private.projects as p on p.id = c.project_id
    join errtrack_private.organizations as o on o.id = p.organization_id
    cross join lateral (
        select o.slug || '/' || p.slug as project,
               case when c.kind = 'tracker' then format('errtrack tracker set %s/%s %s', o.slug, p.slug, c.provider)
                    else format('errtrack channel change %s/%s %s', o.slug, p.slug, c.id) end as change) as named
    where c.enabled and (c.parked_at is not null or c.failing_since < now() - interval '10 minutes')
    union all
    select 'warning',
           format('%s messages wait to be sent, the oldest since %s', case when w.messages > 10000 then 'more than 10000' else w.messages::text end,
                  date_trunc('second', w.oldest)),
           'see what the log of errtrack-worker says of notifications'
    from (
        select count(*) as messages, min(l.created_at) as oldest
        from (
            select n.created_at
            from errtrack_private.channels as c
            join errtrack_private.notifications as n
              on n.project_id = c.project_id and n.channel_id = c.id and n.state = 'waiting'
            where c.enabled and c.failures = 0
            limit 10001) as l) as w
    where w.oldest < now() - interval '10 minutes'
$$;
comment on function errtrack_private.doctor_channels() is
    'Whether anybody tells people; channels that cannot be reached, by cause; and messages that wait although theirs can.';

do $$
declare
    name text;
begin
    foreach name in array array[
        'doctor_server()', 'doctor_vacuum()', 'doctor_transactions(interval)', 'doctor_connections()', 'doctor_replication()',
        'doctor_backlog()', 'doctor_dead_letters()', 'doctor_channels()'] loop
        execute format('revoke execute on function errtrack_private.%s from public', name);
    end loop;
end
$$;
