-- What people who run an instance need.

alter table errtrack_private.dead_letters
    add column size bigint generated always as (octet_length(meta) + octet_length(body)) stored;
create index dead_letters_died_at_idx on errtrack_private.dead_letters (died_at);
comment on column errtrack_private.dead_letters.size is
    'Bytes of what is kept, so that the sum over all of them does not read them.';
comment on index errtrack_private.dead_letters_died_at_idx is 'For the retention, and for what died lately.';
