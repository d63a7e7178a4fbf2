-- For people who run an instance: how it is, at a glance.

create or replace view errtrack_private.operation_status as
select
    since.hour as ledger_since,
    (
        select coalesce(sum(r.requests), 0)::bigint
        from errtrack_private.requests as r
        where r.hour >= since.hour and r.reason = ''
    ) as requests_accepted,
    (
        select coalesce(sum(r.requests), 0)::bigint
        from errtrack_private.requests as r
        where r.hour >= since.hour and r.reason <> ''
    ) as requests_refused,
    (
        select count(*)
        from errtrack_private.deliveries as d
        where d.received_at >= since.hour
    ) as requests_filed,
    (
        select count(*)
        from errtrack_private.dead_letters as l
        where l.died_at >= since.hour
    ) as requests_dead,
    (
        select count(*)
        from errtrack_private.dead_letters as l
        where l.died_at >= now() - interval '1 day'
    ) as dead_letters_last_day
from (select date_trunc('hour', now(), 'UTC') - interval '1 hour' as hour) as since;
comment on view errtrack_private.operation_status is
    'One row: the balance of requests since the beginning of the last full hour, so that its cost is bounded. Accepted and neither filed nor dead: they are in the queue, in the spool of an edge, or counted by it a moment ago.';
