-- What files of the worker a tracker may be sent is said beside the names of the files.

comment on column errtrack_private.channels.files is
    'The same by the names of files that the worker has. by_command of a tracker: who has a shell vouches for where they are sent.';
