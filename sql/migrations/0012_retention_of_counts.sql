-- What is counted goes by project: each has days of its own.

create index counts_1h_project_id_bucket_idx on errtrack_private.counts_1h (project_id, bucket);
create index counts_5m_project_id_bucket_idx on errtrack_private.counts_5m (project_id, bucket);
create index check_ins_project_id_received_at_idx
    on errtrack_private.check_ins (project_id, received_at);
create index feedback_project_id_received_at_idx
    on errtrack_private.feedback (project_id, received_at);
comment on index errtrack_private.counts_1h_project_id_bucket_idx is 'For the retention.';
comment on index errtrack_private.counts_5m_project_id_bucket_idx is 'For the retention.';
comment on index errtrack_private.check_ins_project_id_received_at_idx is 'For the retention.';
comment on index errtrack_private.feedback_project_id_received_at_idx is 'For the retention.';

-- The primary keys of these begin with project and time.
drop index errtrack_private.client_reports_hour_idx;
drop index errtrack_private.transactions_hour_idx;
drop index errtrack_private.session_counts_hour_idx;
drop index errtrack_private.session_users_day_idx;
drop index errtrack_private.check_ins_received_at_idx;
drop index errtrack_private.feedback_received_at_idx;
comment on index errtrack_private.requests_hour_idx is 'For the balance of the last hours.';

comment on table errtrack_private.counts_5m is
    'Events by origin in steps of five minutes, kept for 48 hours and gone within the next one.';
comment on column errtrack_private.projects.retention_days is
    'Days that the events and files of the project are kept, and what is counted of it; null, or more than the instance keeps: as long as the instance does.';
