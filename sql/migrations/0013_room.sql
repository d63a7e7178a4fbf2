-- Rows that are counted up again and again, each time as a new version of the row: with
-- room left on its page a version needs no entry in an index, and the old one is cleaned
-- away by whoever comes by. Holds for pages from now on.

alter table errtrack_private.origins set (fillfactor = 60);
alter table errtrack_private.counts_5m set (fillfactor = 60);
alter table errtrack_private.counts_1h set (fillfactor = 60);
alter table errtrack_private.tag_counts set (fillfactor = 70);
alter table errtrack_private.tag_sets set (fillfactor = 70);
alter table errtrack_private.issues set (fillfactor = 80);
