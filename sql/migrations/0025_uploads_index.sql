-- Pieces that no file is made of are found by a join, so nothing asks this index, and each
-- file that is uploaded would write into it.

drop index errtrack_private.uploads_chunks_idx;
