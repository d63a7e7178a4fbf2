-- Functions that databases between two releases have otherwise than sql/api makes them: one
-- returns other columns now, which only a new function can, and one is asked by nobody.

drop function if exists errtrack_private.show_issues(errtrack_private.issue_place[], text, text);
drop function if exists errtrack_private.answer_event(errtrack_private.occurrences, bigint);
