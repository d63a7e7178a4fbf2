-- Comments that say what there is now, and functions that get other parameters.

comment on column errtrack_private.channels.files is
    'The same by the names of files that the worker has. by_command of a tracker: who has a shell vouches for where they are sent.';

comment on table errtrack_private.audit is
    'What people changed over HTTP and by the command, beside what the history of an issue says. Holds no secrets.';
comment on column errtrack_private.audit.who is 'The account over HTTP, or the login that the command had.';

-- They are told who acts, and come again with sql/api.
drop function if exists errtrack_private.make_rule(bigint, jsonb);
drop function if exists errtrack_private.delete_rule(bigint, bigint);
drop function if exists errtrack_private.delete_tracker(bigint, text);
