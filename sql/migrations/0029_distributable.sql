-- project_id in every key, so that the tables can be distributed by it.

alter table errtrack_private.dead_letters
    drop constraint dead_letters_pkey,
    drop constraint dead_letters_delivery_id_key,
    add constraint dead_letters_pkey primary key (project_id, id),
    add constraint dead_letters_project_id_delivery_id_key unique (project_id, delivery_id);
create index dead_letters_id_idx on errtrack_private.dead_letters (id);
comment on index errtrack_private.dead_letters_id_idx is
    'People name a dead letter by its number alone; the newest are kept.';

alter table errtrack_private.quotas
    drop constraint quotas_pkey,
    add constraint quotas_pkey primary key (project_id, id);

alter table errtrack_private.trackers
    drop constraint trackers_id_key,
    add constraint trackers_project_id_id_key unique (project_id, id);

-- A trigger is run by whoever writes; called by itself it is of no use to anybody.
revoke execute on function errtrack_private.notify_keys_changed() from public;
