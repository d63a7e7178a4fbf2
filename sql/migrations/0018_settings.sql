-- Whether error tracking is on in a project, as GitLab's REST interface sets it; and
-- answers that are files.

create table errtrack_private.tracking_settings (
    project_id bigint primary key references errtrack_private.projects (id) on delete cascade,
    active boolean not null,
    integrated boolean not null
);
comment on table errtrack_private.tracking_settings is
    'GitLab''s settings of error tracking. A project without a row takes events as one that is active and integrated.';
comment on column errtrack_private.tracking_settings.active is
    'False: edges take nothing for it, and its keys stay.';
create trigger tracking_settings_changed
    after insert or update or delete or truncate on errtrack_private.tracking_settings
    for each statement execute function errtrack_private.notify_keys_changed();

-- A new database gets the type with its functions.
do $$
begin
    if to_regtype('errtrack_private.answer') is not null then
        alter type errtrack_private.answer add attribute content_type text;
        alter type errtrack_private.answer add attribute file_name text;
        alter type errtrack_private.answer add attribute bytes bytea;
    end if;
end
$$;
