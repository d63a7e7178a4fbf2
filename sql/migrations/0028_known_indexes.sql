-- What "errtrack doctor" compares the indexes of a database with.

create table errtrack_private.known_indexes (
    name text primary key,
    migration integer not null
);
comment on table errtrack_private.known_indexes is
    'The indexes that the tables had when the newest migration had just run: each migration notes them anew.';
