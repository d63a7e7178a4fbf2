-- What people who run an instance need.

create index dead_letters_died_at_idx on errtrack_private.dead_letters (died_at);
comment on index errtrack_private.dead_letters_died_at_idx is 'For the retention, and for what died lately.';
