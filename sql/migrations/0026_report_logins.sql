-- Logins of analysts that the command made, and the projects that some of them are tied to.

create table errtrack_private.report_logins (
    login text primary key check (login ~ '^[a-z][a-z0-9_-]{0,62}$'),
    tied boolean not null,
    created_at timestamptz not null default now()
);
comment on table errtrack_private.report_logins is
    'Logins for reports. By name, which a dump carries to another cluster: one that is renamed by hand is not known any more.';
comment on column errtrack_private.report_logins.tied is
    'Sees the projects in report_projects, and nothing when there are none. Else it sees everything, as does a login of errtrack_report without a row here.';

create table errtrack_private.report_projects (
    login text not null references errtrack_private.report_logins (login) on delete cascade,
    project_id bigint not null references errtrack_private.projects (id) on delete cascade,
    primary key (login, project_id)
);
create index report_projects_project_id_idx on errtrack_private.report_projects (project_id);
comment on table errtrack_private.report_projects is 'The projects that a tied login sees.';
