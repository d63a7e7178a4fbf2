-- The list of migrations that a database has: what there must be before the first one.

create table if not exists errtrack_private.migrations (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
);
comment on table errtrack_private.migrations is 'Migrations that this database has.';

-- Not by "if not exists", which takes the lock to find that there is nothing to do.
do $$
begin
    if not exists (
        select
        from pg_attribute
        where attrelid = 'errtrack_private.migrations'::regclass and attname = 'floor')
    then
        alter table errtrack_private.migrations add column floor integer not null default 0;
        comment on column errtrack_private.migrations.floor is
            'Only programs that know this migration work with what is there from here on; 0: as before.';
    end if;
end
$$;
