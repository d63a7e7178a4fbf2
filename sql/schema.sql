-- What sql/migrations come to, for readers: made by "make schema", compared by t/schema.t.
-- The functions and views are in sql/api, the partitions are made by the day.
-- As PostgreSQL 15 writes it.

CREATE SCHEMA errtrack;

COMMENT ON SCHEMA errtrack IS 'Public interface: views and functions for reports. Columns may be added; removing or retyping one is a major version.';

CREATE SCHEMA errtrack_private;

COMMENT ON SCHEMA errtrack_private IS 'Tables and functions of the errtrack programs. Not an interface: anything here may change with any release.';

CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA errtrack_private;

COMMENT ON EXTENSION btree_gin IS 'support for indexing common datatypes in GIN';

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA errtrack_private;

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

CREATE FUNCTION errtrack_private.check_edge_rules(origins text[], addresses cidr[], agents text[], sdks text[]) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    rule text;
    bytes integer := 0;
begin
    foreach rule in array origins loop
        if rule is null
            or rule !~* '^((\*|[a-z][a-z0-9+.-]*)://)?(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]*\])(:(\*|[0-9]{1,5}))?$'
            or octet_length(rule) > 300
            or substring(rule from ':([0-9]{1,5})$')::integer not between 1 and 65535
            or not errtrack_private.is_ipv6(substring(rule from '\[(.*)\]'))
        then
            raise exception 'an origin looks like https://shop.example.com, *.example.com or http://localhost:*, "%" does not',
                rule using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(rule) + 3;
    end loop;
    foreach rule in array addresses::text[] loop
        if rule is null then
            raise exception 'an address cannot be null' using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(rule) + 3;
    end loop;
    foreach rule in array agents loop
        if rule is null or rule not in ('crawlers', 'legacy-browsers') then
            raise exception 'there is no class of agents "%": use crawlers, legacy-browsers', rule
                using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(rule) + 3;
    end loop;
    foreach rule in array sdks loop
        if rule is null or rule !~ '^([A-Za-z0-9._:@/+-]{1,100}\*?|\*)(<[0-9][A-Za-z0-9.+-]{0,50})?$' then
            raise exception 'an SDK looks like sentry.python or sentry.javascript.*<7.0.0, "%" does not', rule
                using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(rule) + 3;
    end loop;
    if bytes > 4096 then
        raise exception 'a project has room for 4096 bytes of origins and filters, these are %: use fewer and wider ones', bytes
            using errcode = 'check_violation';
    end if;
    return true;
end
$_$;

COMMENT ON FUNCTION errtrack_private.check_edge_rules(origins text[], addresses cidr[], agents text[], sdks text[]) IS 'True when edges can apply these origins and filters; else raises, in words for people. An edge has room for max_rules bytes of one project.';

CREATE FUNCTION errtrack_private.check_event_settings(secret_keys text[], exempt_keys text[], events text[], messages text[], releases text[]) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    word text;
    bytes integer := 0;
begin
    foreach word in array secret_keys || exempt_keys loop
        if word is null or word !~ '[[:alnum:]]' or word ~ '[[:cntrl:]]' or octet_length(word) > 64 then
            raise exception 'a key looks like tax_number, a word of 64 bytes at most, "%" does not', word
                using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(word);
    end loop;
    foreach word in array events loop
        if word is null or word not in ('browser-extensions', 'health-checks', 'legacy-browsers', 'localhost') then
            raise exception 'there is no class of events "%": use browser-extensions, health-checks, legacy-browsers, localhost', word
                using errcode = 'check_violation';
        end if;
    end loop;
    foreach word in array messages || releases loop
        if word is null or word !~ '[^*?]' or word ~ '[[:cntrl:]]' or octet_length(word) > 300 then
            raise exception 'a pattern looks like *ResizeObserver* or shop@1.*, up to 300 bytes, "%" does not', word
                using errcode = 'check_violation';
        end if;
        bytes := bytes + octet_length(word);
    end loop;
    if bytes > 4096 then
        raise exception 'a project has room for 4096 bytes of keys and patterns, these are %: use fewer and wider ones', bytes
            using errcode = 'check_violation';
    end if;
    return true;
end
$$;

COMMENT ON FUNCTION errtrack_private.check_event_settings(secret_keys text[], exempt_keys text[], events text[], messages text[], releases text[]) IS 'True when the worker can apply these keys, classes and patterns; else raises, in words for people.';

CREATE FUNCTION errtrack_private.is_ipv6(words text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    return family(words::inet) = 6;
exception when invalid_text_representation then
    return false;
end
$$;

COMMENT ON FUNCTION errtrack_private.is_ipv6(words text) IS 'Whether this is an address of IPv6.';

CREATE FUNCTION errtrack_private.notify_grouping_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    notify errtrack_grouping;
    return null;
end
$$;

COMMENT ON FUNCTION errtrack_private.notify_grouping_changed() IS 'Wakes the workers when rules for grouping, or versions of it, have changed.';

CREATE FUNCTION errtrack_private.notify_keys_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform pg_notify('errtrack_keys', '');
    return null;
end
$$;

COMMENT ON FUNCTION errtrack_private.notify_keys_changed() IS 'Wakes the workers when what the edge knows of keys and projects has changed.';

CREATE FUNCTION errtrack_private.notify_settings_changed() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    perform pg_notify('errtrack_settings', '');
    return null;
end
$$;

COMMENT ON FUNCTION errtrack_private.notify_settings_changed() IS 'Wakes the workers when what they do to events has changed.';

CREATE FUNCTION errtrack_private.number_key(digits text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
    return lpad(length(ltrim(digits, '0'))::text, 3, '0') || ltrim(digits, '0');
end
$$;

CREATE FUNCTION errtrack_private.release_key(release text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
    -- package, version, major, minor, patch, revision, pre-release; those from minor on may be null
    part text[] := regexp_match(release,
        '^(@?[^@]+)@(([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?)$');
begin
    -- Digits only may be the hash of a commit.
    if part is null or part[2] ~ '^([0-9]{12}|[0-9]{16}|[0-9]{20}|[0-9]{32}|[0-9]{40}|[0-9]{64})$' then
        return null;
    end if;
    return array[part[1], errtrack_private.number_key(part[3]),
                 errtrack_private.number_key(coalesce(part[4], '0')),
                 errtrack_private.number_key(coalesce(part[5], '0')),
                 errtrack_private.number_key(coalesce(part[6], '0')),
                 -- A release comes after all that lead to it.
                 case when part[7] is null then '1' else '0' end]
        || array(
            select case when identifier ~ '^[0-9]+$' then '0' || errtrack_private.number_key(identifier)
                        else '1' || identifier end
            from unnest(string_to_array(part[7], '.')) with ordinality as identifiers (identifier, place)
            order by place);
end
$_$;

CREATE FUNCTION errtrack_private.session_words(wanted_pid integer) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select format('session %s of %s (%s, %s), %s for %s: %s', a.pid, a.usename,
               coalesce(nullif(a.application_name, ''), 'no name'), coalesce(host(a.client_addr), 'local'),
               coalesce(a.state, 'in an unknown state'),
               coalesce(date_trunc('second', clock_timestamp() - a.xact_start)::text, 'unknown time'),
               left(regexp_replace(a.query, '\s+', ' ', 'g'), 80))
    from pg_stat_activity as a
    where a.pid = wanted_pid
$$;

COMMENT ON FUNCTION errtrack_private.session_words(wanted_pid integer) IS 'Whose a session is, what it does and since when, in words for people who wait for its locks. Null when there is none.';

CREATE TABLE errtrack_private.alert_marks (
    project_id bigint NOT NULL,
    rule_id bigint NOT NULL,
    kind text NOT NULL,
    issue_id bigint NOT NULL,
    told_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.alert_marks IS 'When a rule that could hold for long last told. rule_id 0: one of those without any setting; issue_id 0: about no issue.';

CREATE TABLE errtrack_private.alert_rules (
    project_id bigint NOT NULL,
    id bigint NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    events bigint,
    users bigint,
    minutes integer,
    levels text[],
    environments text[],
    releases text[],
    tags jsonb,
    channel_ids bigint[],
    repeat_minutes integer DEFAULT 1440 NOT NULL,
    muted_from time without time zone,
    muted_until time without time zone,
    muted_days integer[],
    timezone text DEFAULT 'UTC'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT alert_rules_channel_ids_check CHECK (((cardinality(channel_ids) >= 1) AND (cardinality(channel_ids) <= 50))),
    CONSTRAINT alert_rules_counts_check CHECK (((kind <> 'frequency'::text) OR ((COALESCE(events, users) IS NOT NULL) AND (minutes IS NOT NULL)))),
    CONSTRAINT alert_rules_environments_check CHECK (((cardinality(environments) >= 1) AND (cardinality(environments) <= 50))),
    CONSTRAINT alert_rules_events_check CHECK (((events >= 1) AND (events <= 1000000000))),
    CONSTRAINT alert_rules_kind_check CHECK ((kind = ANY (ARRAY['new_issue'::text, 'regression'::text, 'unignored'::text, 'frequency'::text, 'spike'::text, 'quota_reached'::text, 'behind'::text]))),
    CONSTRAINT alert_rules_levels_check CHECK (((cardinality(levels) >= 1) AND (cardinality(levels) <= 10))),
    CONSTRAINT alert_rules_minutes_check CHECK (((minutes >= 5) AND (minutes <= 1440))),
    CONSTRAINT alert_rules_muted_check CHECK (((muted_from IS NULL) = (muted_until IS NULL))),
    CONSTRAINT alert_rules_muted_days_check CHECK ((muted_days <@ '{1,2,3,4,5,6,7}'::integer[])),
    CONSTRAINT alert_rules_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT alert_rules_releases_check CHECK (((cardinality(releases) >= 1) AND (cardinality(releases) <= 50))),
    CONSTRAINT alert_rules_repeat_minutes_check CHECK (((repeat_minutes >= 5) AND (repeat_minutes <= 43200))),
    CONSTRAINT alert_rules_tags_check CHECK ((jsonb_typeof(tags) = 'object'::text)),
    CONSTRAINT alert_rules_timezone_check CHECK ((length(timezone) <= 100)),
    CONSTRAINT alert_rules_users_check CHECK (((users >= 1) AND (users <= 100000)))
);

COMMENT ON TABLE errtrack_private.alert_rules IS 'Of what the people of a project are told. A project without any row is told of all but frequencies.';

COMMENT ON COLUMN errtrack_private.alert_rules.events IS 'frequency: so many of an issue within minutes. spike: so many at least within an hour.';

COMMENT ON COLUMN errtrack_private.alert_rules.users IS 'frequency: so many of an issue within minutes.';

COMMENT ON COLUMN errtrack_private.alert_rules.minutes IS 'frequency: counted in steps of five. behind: so late.';

COMMENT ON COLUMN errtrack_private.alert_rules.releases IS 'Where * stands for anything; so do values of tags.';

COMMENT ON COLUMN errtrack_private.alert_rules.tags IS 'Key to a list of values, one of which the issue has.';

COMMENT ON COLUMN errtrack_private.alert_rules.channel_ids IS 'Null: all channels of the project.';

COMMENT ON COLUMN errtrack_private.alert_rules.repeat_minutes IS 'frequency, spike, quota_reached, behind: not again before.';

COMMENT ON COLUMN errtrack_private.alert_rules.muted_from IS 'From this time of the day until muted_until nobody is told: one line after it says of how much. Both alike: all day.';

COMMENT ON COLUMN errtrack_private.alert_rules.muted_days IS '1 Monday to 7 Sunday, by the day on which it begins. Null: every day.';

ALTER TABLE errtrack_private.alert_rules ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.alert_rules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.attachments (
    project_id bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    "position" smallint NOT NULL,
    name text NOT NULL,
    content_type text,
    attachment_type text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT attachments_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 256))),
    CONSTRAINT attachments_sha256_check CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT attachments_size_check CHECK ((size = octet_length(body)))
)
PARTITION BY RANGE (received_at);
ALTER TABLE ONLY errtrack_private.attachments ALTER COLUMN body SET COMPRESSION lz4;

COMMENT ON TABLE errtrack_private.attachments IS 'Files of events, those of one request in its order. The event may be unknown: it was dropped, or has not come yet.';

COMMENT ON COLUMN errtrack_private.attachments.received_at IS 'When the edge took the request in that brought the file, which may be later than the event.';

COMMENT ON COLUMN errtrack_private.attachments.delivery_id IS 'The request that brought the file.';

COMMENT ON COLUMN errtrack_private.attachments."position" IS 'Place among the attachments of the request, from 0; those that were not kept leave gaps.';

COMMENT ON COLUMN errtrack_private.attachments.name IS 'A label that the client chose, never a path: without folders and control characters.';

COMMENT ON COLUMN errtrack_private.attachments.content_type IS 'What the client says that it is; null when it says nothing. Not to be believed.';

COMMENT ON COLUMN errtrack_private.attachments.attachment_type IS 'One of the words of the protocol: event.attachment for an ordinary file, event.minidump for a crash dump, ...';

COMMENT ON COLUMN errtrack_private.attachments.sha256 IS 'Of the body: by it a file that a client sends again is known.';

COMMENT ON COLUMN errtrack_private.attachments.body IS 'The bytes as they came. Compressed, since dumps and logs shrink to a fraction; by lz4, which costs little for pictures and archives, that do not.';

CREATE TABLE errtrack_private.attachments_default (
    project_id bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    delivery_id uuid NOT NULL,
    "position" smallint NOT NULL,
    name text NOT NULL,
    content_type text,
    attachment_type text NOT NULL,
    size bigint NOT NULL,
    sha256 bytea NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT attachments_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 256))),
    CONSTRAINT attachments_sha256_check CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT attachments_size_check CHECK ((size = octet_length(body)))
);
ALTER TABLE ONLY errtrack_private.attachments_default ALTER COLUMN body SET COMPRESSION lz4;

CREATE TABLE errtrack_private.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    who text NOT NULL,
    organization_id bigint,
    project_id bigint,
    action text NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL
);

COMMENT ON TABLE errtrack_private.audit IS 'What people changed over HTTP and by the command, beside what the history of an issue says. Holds no secrets.';

COMMENT ON COLUMN errtrack_private.audit.who IS 'The account over HTTP, or the login that the command had.';

COMMENT ON COLUMN errtrack_private.audit.action IS 'What was done to what: client_key.create, issue.delete.';

ALTER TABLE errtrack_private.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.channels (
    project_id bigint NOT NULL,
    id bigint NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    provider text,
    enabled boolean DEFAULT true NOT NULL,
    place text DEFAULT ''::text NOT NULL,
    sealed jsonb DEFAULT '{}'::jsonb NOT NULL,
    files jsonb DEFAULT '{}'::jsonb NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    hourly_cap integer DEFAULT 60 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    created_by text,
    failures integer DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    parked_at timestamp with time zone,
    next_attempt_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    last_attempt_at timestamp with time zone,
    last_delivered_at timestamp with time zone,
    last_error text,
    window_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    window_messages integer DEFAULT 0 NOT NULL,
    CONSTRAINT channels_files_check CHECK ((jsonb_typeof(files) = 'object'::text)),
    CONSTRAINT channels_hourly_cap_check CHECK (((hourly_cap >= 1) AND (hourly_cap <= 10000))),
    CONSTRAINT channels_kind_check CHECK ((kind = ANY (ARRAY['webhook'::text, 'slack'::text, 'mattermost'::text, 'discord'::text, 'teams'::text, 'google_chat'::text, 'pagerduty'::text, 'gitlab_alert'::text, 'mail'::text, 'tracker'::text]))),
    CONSTRAINT channels_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT channels_place_check CHECK ((length(place) <= 300)),
    CONSTRAINT channels_provider_check CHECK (((kind = 'tracker'::text) = (provider IS NOT NULL))),
    CONSTRAINT channels_sealed_check CHECK ((jsonb_typeof(sealed) = 'object'::text)),
    CONSTRAINT channels_settings_check CHECK ((jsonb_typeof(settings) = 'object'::text))
);

COMMENT ON TABLE errtrack_private.channels IS 'Where the people of a project are told, and the trackers in which issues are made for it.';

COMMENT ON COLUMN errtrack_private.channels.place IS 'What may be shown of where it leads: the host, or the recipients.';

COMMENT ON COLUMN errtrack_private.channels.sealed IS 'Secrets by name: url, secret, token. Encrypted with a key that workers read from a file.';

COMMENT ON COLUMN errtrack_private.channels.files IS 'The same by the names of files that the worker has. by_command of a tracker: who has a shell vouches for where they are sent.';

COMMENT ON COLUMN errtrack_private.channels.settings IS 'By kind. mail: to. webhook: headers. tracker: labels, confidential, creates, closes, reopens.';

COMMENT ON COLUMN errtrack_private.channels.hourly_cap IS 'Messages in an hour from the first one on. What is beyond becomes one line at its end.';

COMMENT ON COLUMN errtrack_private.channels.failures IS 'Attempts since the last one that succeeded.';

COMMENT ON COLUMN errtrack_private.channels.parked_at IS 'Since when it is not worth trying but once an hour; its messages wait.';

ALTER TABLE errtrack_private.channels ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.channels_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.check_ins (
    project_id bigint NOT NULL,
    id uuid NOT NULL,
    slug text NOT NULL,
    environment text NOT NULL,
    status text NOT NULL,
    began_at timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL,
    seconds double precision,
    release text
);

COMMENT ON TABLE errtrack_private.check_ins IS 'Runs of monitors, missed ones too.';

COMMENT ON COLUMN errtrack_private.check_ins.began_at IS 'When the edge took in the first word about it; of a missed one when it was expected.';

CREATE TABLE errtrack_private.client_keys (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    public_key text NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT client_keys_label_check CHECK ((length(label) <= 200)),
    CONSTRAINT client_keys_public_key_check CHECK ((public_key ~ '^[A-Za-z0-9_-]{16,64}$'::text))
);

COMMENT ON TABLE errtrack_private.client_keys IS 'Public keys of DSNs. A key is no secret: browsers show it.';

ALTER TABLE errtrack_private.client_keys ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.client_keys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.client_reports (
    project_id bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    category text NOT NULL,
    reason text NOT NULL,
    quantity bigint NOT NULL,
    since timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.client_reports IS 'What SDKs say that they did not send. Stands beside the ledger: nothing of it has reached an edge.';

CREATE TABLE errtrack_private.counts_1h (
    project_id bigint NOT NULL,
    origin_id bigint NOT NULL,
    bucket timestamp with time zone NOT NULL,
    events bigint NOT NULL,
    bodies bigint DEFAULT 0 NOT NULL,
    surplus_at timestamp with time zone,
    surplus_event uuid
)
WITH (fillfactor='60');

COMMENT ON TABLE errtrack_private.counts_1h IS 'Events by origin and hour.';

COMMENT ON COLUMN errtrack_private.counts_1h.bodies IS 'Bodies kept within the budget. Rows of older releases say 0.';

COMMENT ON COLUMN errtrack_private.counts_1h.surplus_at IS 'received_at of the one event beyond the budget whose body is kept, being the newest; surplus_event is its id.';

CREATE TABLE errtrack_private.counts_5m (
    project_id bigint NOT NULL,
    origin_id bigint NOT NULL,
    bucket timestamp with time zone NOT NULL,
    events bigint NOT NULL
)
WITH (fillfactor='60');

COMMENT ON TABLE errtrack_private.counts_5m IS 'Events by origin in steps of five minutes, kept for 48 hours and gone within the next one.';

CREATE TABLE errtrack_private.dead_letters (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    delivery_id uuid NOT NULL,
    died_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text NOT NULL,
    meta text NOT NULL,
    body bytea NOT NULL,
    size bigint GENERATED ALWAYS AS ((octet_length(meta) + octet_length(body))) STORED
);

COMMENT ON TABLE errtrack_private.dead_letters IS 'Records that could not be filed although nothing was wrong with them that a client could mend. Kept for 14 days.';

COMMENT ON COLUMN errtrack_private.dead_letters.size IS 'Bytes of what is kept, so that the sum over all of them does not read them.';

ALTER TABLE errtrack_private.dead_letters ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.dead_letters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.deliveries (
    project_id bigint NOT NULL,
    delivery_id uuid NOT NULL,
    received_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (received_at);

COMMENT ON TABLE errtrack_private.deliveries IS 'Requests that were filed. The queue hands an entry over at least once; the row written in the batch''s own transaction makes it exactly once.';

CREATE TABLE errtrack_private.deliveries_default (
    project_id bigint NOT NULL,
    delivery_id uuid NOT NULL,
    received_at timestamp with time zone NOT NULL
);

CREATE TABLE errtrack_private.deploys (
    project_id bigint NOT NULL,
    release text NOT NULL,
    id bigint NOT NULL,
    environment text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    url text DEFAULT ''::text NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT deploys_environment_check CHECK (((length(environment) >= 1) AND (length(environment) <= 64))),
    CONSTRAINT deploys_name_check CHECK ((length(name) <= 64)),
    CONSTRAINT deploys_url_check CHECK ((length(url) <= 1000))
);

COMMENT ON TABLE errtrack_private.deploys IS 'Where and when a release was deployed.';

ALTER TABLE errtrack_private.deploys ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.deploys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.digests (
    project_id bigint NOT NULL,
    channel_id bigint NOT NULL,
    reason text NOT NULL,
    began_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone NOT NULL,
    messages bigint DEFAULT 0 NOT NULL,
    by_kind jsonb DEFAULT '{}'::jsonb NOT NULL,
    issues jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT digests_reason_check CHECK ((reason = ANY (ARRAY['cap'::text, 'mute'::text])))
);

COMMENT ON TABLE errtrack_private.digests IS 'What was not said one by one: becomes one message when it is due.';

COMMENT ON COLUMN errtrack_private.digests.reason IS 'cap: more than the channel gets in an hour; mute: in hours that a rule mutes. One does not hold up the other.';

COMMENT ON COLUMN errtrack_private.digests.issues IS 'The first of them.';

CREATE TABLE errtrack_private.duties (
    name text NOT NULL,
    holder text NOT NULL,
    until timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.duties IS 'What one worker at a time does, and who that is. It says so again every second: one that hangs loses it like one that is dead.';

CREATE TABLE errtrack_private.edge_requests (
    hour timestamp with time zone NOT NULL,
    edge text NOT NULL,
    boot text NOT NULL,
    project_id bigint NOT NULL,
    reason text NOT NULL,
    requests bigint NOT NULL,
    CONSTRAINT edge_requests_requests_check CHECK ((requests >= 0))
);

COMMENT ON TABLE errtrack_private.edge_requests IS 'What each edge has said it counted, in absolute numbers, so that only what came since is added to the sums. Kept for three days.';

COMMENT ON COLUMN errtrack_private.edge_requests.boot IS 'Tells the lives of an edge apart: each counts from 0.';

CREATE TABLE errtrack_private.edge_settings (
    project_id bigint NOT NULL,
    origins text[] DEFAULT '{}'::text[] NOT NULL,
    addresses cidr[] DEFAULT '{}'::cidr[] NOT NULL,
    agents text[] DEFAULT '{}'::text[] NOT NULL,
    sdks text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT edge_settings_rules_check CHECK (errtrack_private.check_edge_rules(origins, addresses, agents, sdks))
);

COMMENT ON TABLE errtrack_private.edge_settings IS 'What the edge applies to requests for a project without looking at their bodies. No row: no rules.';

COMMENT ON COLUMN errtrack_private.edge_settings.origins IS 'Pages that may report, [scheme://]host[:port]; each part may be *, and *.example.com is example.com and all below it. None: every page may.';

COMMENT ON COLUMN errtrack_private.edge_settings.addresses IS 'Clients whose items are counted as filtered.';

COMMENT ON COLUMN errtrack_private.edge_settings.agents IS 'Classes of user agents whose items are counted as filtered: crawlers, legacy-browsers.';

COMMENT ON COLUMN errtrack_private.edge_settings.sdks IS 'SDKs whose items are counted as filtered: a name, which * may end, or name<version for all versions before that one.';

CREATE TABLE errtrack_private.environments (
    project_id bigint NOT NULL,
    environment text NOT NULL,
    first_received_at timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.environments IS 'Environments that events named, as many as the limit allows.';

CREATE TABLE errtrack_private.event_ids (
    project_id bigint NOT NULL,
    event_id uuid NOT NULL,
    day timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (day);

COMMENT ON TABLE errtrack_private.event_ids IS 'Finds events that were sent twice, and events by id. Unique within a day; the day before is looked into; within an hour of midnight a row goes into both days, so that no two workers can miss each other.';

COMMENT ON COLUMN errtrack_private.event_ids.day IS 'Midnight (UTC) of the day that this row guards.';

CREATE TABLE errtrack_private.event_ids_default (
    project_id bigint NOT NULL,
    event_id uuid NOT NULL,
    day timestamp with time zone NOT NULL,
    received_at timestamp with time zone NOT NULL
);

CREATE TABLE errtrack_private.event_settings (
    project_id bigint NOT NULL,
    scrub_secrets boolean DEFAULT true NOT NULL,
    remove_addresses boolean DEFAULT false NOT NULL,
    secret_keys text[] DEFAULT '{}'::text[] NOT NULL,
    exempt_keys text[] DEFAULT '{}'::text[] NOT NULL,
    events text[] DEFAULT '{}'::text[] NOT NULL,
    messages text[] DEFAULT '{}'::text[] NOT NULL,
    releases text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT event_settings_check CHECK (errtrack_private.check_event_settings(secret_keys, exempt_keys, events, messages, releases))
);

COMMENT ON TABLE errtrack_private.event_settings IS 'What the worker does to the events of a project before it stores them. No row: secrets are scrubbed, nothing else.';

COMMENT ON COLUMN errtrack_private.event_settings.scrub_secrets IS 'Whether the values of secret keys, card numbers and private keys become "[Filtered]".';

COMMENT ON COLUMN errtrack_private.event_settings.remove_addresses IS 'Whether addresses of people become "[Filtered]"; users are then not told apart by them.';

COMMENT ON COLUMN errtrack_private.event_settings.secret_keys IS 'Further names whose values are secret: every name that has these words in it. Case and separators do not matter.';

COMMENT ON COLUMN errtrack_private.event_settings.exempt_keys IS 'Whole names whose values are not scrubbed. Case and separators do not matter.';

COMMENT ON COLUMN errtrack_private.event_settings.events IS 'Classes of events that are counted as filtered: browser-extensions, health-checks, legacy-browsers, localhost.';

COMMENT ON COLUMN errtrack_private.event_settings.messages IS 'Events whose message, or type: value, fits one of these are counted as filtered. * is any text, ? any byte, case does not matter.';

COMMENT ON COLUMN errtrack_private.event_settings.releases IS 'Events of releases that fit one of these are counted as filtered.';

CREATE TABLE errtrack_private.explanations (
    project_id bigint NOT NULL,
    hash uuid NOT NULL,
    explanation json NOT NULL
);

COMMENT ON TABLE errtrack_private.explanations IS 'For each grouping hash why its first event had it: the tree of what counted and what did not.';

CREATE TABLE errtrack_private.feedback (
    project_id bigint NOT NULL,
    kind text NOT NULL,
    id uuid NOT NULL,
    event_id uuid,
    received_at timestamp with time zone NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    message text NOT NULL,
    url text NOT NULL,
    source text NOT NULL,
    release text,
    environment text,
    CONSTRAINT feedback_kind_check CHECK ((kind = ANY (ARRAY['user_report'::text, 'feedback'::text])))
);

COMMENT ON TABLE errtrack_private.feedback IS 'What people write about an error. The event may be unknown: it was dropped, or has not come yet.';

COMMENT ON COLUMN errtrack_private.feedback.id IS 'Of a user report the event, of which there is one report: a later one replaces it. Of feedback an id of its own.';

CREATE TABLE errtrack_private.gitlab_keys (
    project_id bigint NOT NULL,
    public_key text NOT NULL,
    enabled boolean NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    CONSTRAINT gitlab_keys_project_id_check CHECK ((project_id > 0)),
    CONSTRAINT gitlab_keys_public_key_check CHECK ((public_key ~ '^[A-Za-z0-9_-]{16,64}$'::text))
);

COMMENT ON TABLE errtrack_private.gitlab_keys IS 'What GitLab last said of a key. A key that it vouches for is a client key as long as it does.';

COMMENT ON COLUMN errtrack_private.gitlab_keys.asked_at IS 'A request that was received before is decided by this answer.';

CREATE TABLE errtrack_private.grouping_rules (
    project_id bigint NOT NULL,
    kind text NOT NULL,
    place integer NOT NULL,
    rule text NOT NULL,
    CONSTRAINT grouping_rules_kind_check CHECK ((kind = ANY (ARRAY['fingerprint'::text, 'stack'::text]))),
    CONSTRAINT grouping_rules_place_check CHECK (((place >= 1) AND (place <= 500))),
    CONSTRAINT grouping_rules_rule_check CHECK (((octet_length(rule) >= 1) AND (octet_length(rule) <= 2000)))
);

COMMENT ON TABLE errtrack_private.grouping_rules IS 'Rules for the grouping of a project. They hold for what is filed within seconds of a change; issues that exist stay as they are.';

COMMENT ON COLUMN errtrack_private.grouping_rules.kind IS 'fingerprint: the first that matches replaces the fingerprint of the client. stack: all that match mark frames, one after the other.';

COMMENT ON COLUMN errtrack_private.grouping_rules.place IS 'Order within the kind, from 1.';

COMMENT ON COLUMN errtrack_private.grouping_rules.rule IS 'One line of the rule language. A worker passes over a line that it cannot read, and says so in its log.';

CREATE TABLE errtrack_private.hashes (
    project_id bigint NOT NULL,
    hash uuid NOT NULL,
    origin_id bigint NOT NULL,
    algo text NOT NULL,
    variant text NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    kind text,
    type text,
    value text,
    title text,
    culprit text
);

COMMENT ON TABLE errtrack_private.hashes IS 'Grouping hashes. An event belongs to the origin of the first of its hashes that is known; the rest then join that origin.';

COMMENT ON COLUMN errtrack_private.hashes.title IS 'Of the event that brought the hash, as are kind, type, value and culprit: what an issue is called that is split off. Null for hashes of older releases.';

CREATE TABLE errtrack_private.issue_comments (
    project_id bigint NOT NULL,
    issue_id bigint NOT NULL,
    id bigint NOT NULL,
    user_id bigint,
    text text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT issue_comments_text_check CHECK (((length(text) >= 1) AND (length(text) <= 10000)))
);

COMMENT ON TABLE errtrack_private.issue_comments IS 'What people wrote about an issue.';

ALTER TABLE errtrack_private.issue_comments ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.issue_comments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.issue_history (
    project_id bigint NOT NULL,
    issue_id bigint NOT NULL,
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    what text NOT NULL,
    who text,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT issue_history_what_check CHECK ((what = ANY (ARRAY['new'::text, 'regression'::text, 'resolved'::text, 'ignored'::text, 'unignored'::text, 'reopened'::text, 'merged'::text, 'merged_away'::text, 'unmerged'::text, 'unmerged_from'::text, 'split'::text, 'split_off'::text, 'assigned'::text, 'unassigned'::text, 'comment'::text, 'linked'::text, 'unlinked'::text])))
);

COMMENT ON TABLE errtrack_private.issue_history IS 'What happened to an issue, a row for each change, written in the transaction that makes it.';

COMMENT ON COLUMN errtrack_private.issue_history.at IS 'When: for what an event brought about the time when the edge took it in.';

COMMENT ON COLUMN errtrack_private.issue_history.who IS 'As status_by of issues.';

ALTER TABLE errtrack_private.issue_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.issue_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE errtrack_private.issue_ids
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    MAXVALUE 9007199254740991
    CACHE 32;

COMMENT ON SEQUENCE errtrack_private.issue_ids IS 'Below 2^53, so that JavaScript reads them; handed to sessions in blocks of 32.';

CREATE TABLE errtrack_private.issue_links (
    project_id bigint NOT NULL,
    issue_id bigint NOT NULL,
    id bigint NOT NULL,
    provider text NOT NULL,
    reference text NOT NULL,
    url text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT issue_links_provider_check CHECK ((provider = ANY (ARRAY['gitlab'::text, 'github'::text, 'other'::text]))),
    CONSTRAINT issue_links_reference_check CHECK (((length(reference) >= 1) AND (length(reference) <= 200))),
    CONSTRAINT issue_links_url_check CHECK ((length(url) <= 1000))
);

COMMENT ON TABLE errtrack_private.issue_links IS 'Issues of a tracker that were made from an issue here.';

COMMENT ON COLUMN errtrack_private.issue_links.reference IS 'As the tracker writes it: the number of an issue, or project#number.';

ALTER TABLE errtrack_private.issue_links ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.issue_links_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.issue_texts (
    project_id bigint NOT NULL,
    issue_id bigint NOT NULL,
    text text NOT NULL
);

COMMENT ON TABLE errtrack_private.issue_texts IS 'What free text is looked for in: title, value and culprit. Beside issues, whose rows are written with each batch, so that the index is written only when the text changes.';

CREATE TABLE errtrack_private.issues (
    project_id bigint NOT NULL,
    id bigint NOT NULL,
    status text DEFAULT 'unresolved'::text NOT NULL,
    status_at timestamp with time zone DEFAULT now() NOT NULL,
    regressed_at timestamp with time zone,
    kind text NOT NULL,
    type text NOT NULL,
    value text NOT NULL,
    title text NOT NULL,
    first_title text NOT NULL,
    culprit text NOT NULL,
    level text NOT NULL,
    platform text NOT NULL,
    logger text NOT NULL,
    event_count bigint DEFAULT 0 NOT NULL,
    user_count bigint DEFAULT 0 NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    last_received_at timestamp with time zone NOT NULL,
    first_release text,
    last_release text,
    status_by text,
    resolved_in text,
    ignored_until timestamp with time zone,
    ignored_until_events bigint,
    ignored_until_users bigint,
    overflow boolean DEFAULT false NOT NULL,
    assigned_to bigint,
    resolved_after boolean DEFAULT false NOT NULL,
    CONSTRAINT issues_ignored_until_check CHECK (((status = 'ignored'::text) OR ((ignored_until IS NULL) AND (ignored_until_events IS NULL) AND (ignored_until_users IS NULL)))),
    CONSTRAINT issues_kind_check CHECK ((kind = ANY (ARRAY['error'::text, 'default'::text]))),
    CONSTRAINT issues_resolved_in_check CHECK (((resolved_in IS NULL) OR (status = 'resolved'::text))),
    CONSTRAINT issues_status_check CHECK ((status = ANY (ARRAY['unresolved'::text, 'resolved'::text, 'ignored'::text])))
)
WITH (fillfactor='80');

COMMENT ON TABLE errtrack_private.issues IS 'One row for each group of events that is one error. Counts are the sums over its origins; title, culprit and level follow the newest event.';

COMMENT ON COLUMN errtrack_private.issues.status_at IS 'When the status was last set. A resolved issue reopens only for an event received later.';

COMMENT ON COLUMN errtrack_private.issues.regressed_at IS 'When a resolved issue was last reopened by an event.';

COMMENT ON COLUMN errtrack_private.issues.last_received_at IS 'The latest received_at of an event: decides which event is the newest, whatever clocks of clients say.';

COMMENT ON COLUMN errtrack_private.issues.status_by IS 'Who set the status last: the e-mail address of a user, gitlab, a login of the database; null for errtrack itself.';

COMMENT ON COLUMN errtrack_private.issues.resolved_in IS 'Resolved in this release: only an event of a newer one reopens the issue. Null: any later event does.';

COMMENT ON COLUMN errtrack_private.issues.ignored_until_events IS 'The event_count that ends the ignoring.';

COMMENT ON COLUMN errtrack_private.issues.ignored_until_users IS 'The user_count that ends the ignoring.';

COMMENT ON COLUMN errtrack_private.issues.overflow IS 'Takes what the explosion guard keeps from becoming issues: of those that are like its origin, or, where that has no loose hash, of the project.';

COMMENT ON COLUMN errtrack_private.issues.assigned_to IS 'Who takes care of it.';

COMMENT ON COLUMN errtrack_private.issues.resolved_after IS 'resolved_in was the newest release when people resolved the issue in the next one.';

CREATE TABLE errtrack_private.item_names (
    project_id bigint NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    seen_on date NOT NULL
);

COMMENT ON TABLE errtrack_private.item_names IS 'Names that a project may use as keys of counters. Clients choose them, so there is a most for each kind: later ones are counted as "(other)".';

COMMENT ON COLUMN errtrack_private.item_names.seen_on IS 'The last day (UTC) on which the name was used. One that was not for as long as events are kept makes room.';

CREATE TABLE errtrack_private.known_indexes (
    name text NOT NULL,
    migration integer NOT NULL
);

COMMENT ON TABLE errtrack_private.known_indexes IS 'The indexes that the tables had when the newest migration had just run: each migration notes them anew.';

CREATE TABLE errtrack_private.limits (
    project_id bigint NOT NULL,
    name text NOT NULL,
    value bigint,
    CONSTRAINT limits_name_check CHECK ((name = ANY (ARRAY['new_issues'::text, 'new_issues_alike'::text, 'bodies'::text, 'releases'::text, 'environments'::text, 'tag_keys'::text, 'tag_values'::text, 'upload_bytes'::text]))),
    CONSTRAINT limits_value_check CHECK ((value >= 0))
);

COMMENT ON TABLE errtrack_private.limits IS 'What a project may make. Rows of project 0 hold for every project that has none of its own.';

COMMENT ON COLUMN errtrack_private.limits.name IS 'new_issues: in an hour; new_issues_alike: in an hour, of one type at one place, further ones go to overflow issues; bodies: kept of an issue in an hour; releases, environments, tag_keys: of the project; tag_values: of a key and issue; upload_bytes: what builds upload to the organization, for the instance alone.';

COMMENT ON COLUMN errtrack_private.limits.value IS 'Null: no bound.';

CREATE TABLE errtrack_private.memberships (
    organization_id bigint NOT NULL,
    user_id bigint NOT NULL,
    role text NOT NULL
);

CREATE TABLE errtrack_private.migrations (
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    floor integer DEFAULT 0 NOT NULL
);

COMMENT ON TABLE errtrack_private.migrations IS 'Migrations that this database has.';

COMMENT ON COLUMN errtrack_private.migrations.floor IS 'Only programs that know this migration work with what is there from here on; 0: as before.';

CREATE TABLE errtrack_private.monitors (
    project_id bigint NOT NULL,
    slug text NOT NULL,
    environment text NOT NULL,
    status text NOT NULL,
    last_at timestamp with time zone NOT NULL,
    last_seconds double precision,
    missed bigint DEFAULT 0 NOT NULL,
    timed_out bigint DEFAULT 0 NOT NULL,
    schedule jsonb,
    schedule_at timestamp with time zone,
    timezone text DEFAULT 'UTC'::text NOT NULL,
    margin_minutes integer DEFAULT 1 NOT NULL,
    runtime_minutes integer DEFAULT 30 NOT NULL,
    next_at timestamp with time zone,
    since timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.monitors IS 'Jobs that check in, by environment: what the last check-in said, and when the next one is expected.';

COMMENT ON COLUMN errtrack_private.monitors.schedule IS 'As worker/check_in.hpp describes it; null when the client gave none that can be understood.';

COMMENT ON COLUMN errtrack_private.monitors.schedule_at IS 'When it was given: an older request does not replace it.';

COMMENT ON COLUMN errtrack_private.monitors.next_at IS 'When the next check-in is expected. Missed when margin_minutes have passed.';

CREATE TABLE errtrack_private.notifications (
    project_id bigint NOT NULL,
    id bigint NOT NULL,
    channel_id bigint NOT NULL,
    delivery_id uuid DEFAULT gen_random_uuid() NOT NULL,
    kind text NOT NULL,
    issue_id bigint,
    notice jsonb NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    begun_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    ended_at timestamp with time zone,
    last_error text,
    CONSTRAINT notifications_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'failed'::text])))
);

COMMENT ON TABLE errtrack_private.notifications IS 'Messages to channels and tasks for trackers: one row for each, sent at least once under its delivery_id, in their order. Kept for 30 days.';

COMMENT ON COLUMN errtrack_private.notifications.notice IS 'What is said, without texts that depend on the channel.';

COMMENT ON COLUMN errtrack_private.notifications.state IS 'failed: refused for good, or not delivered within 7 days.';

COMMENT ON COLUMN errtrack_private.notifications.begun_at IS 'When it was given to a sender first: whoever sends it after that finds out what became of it.';

ALTER TABLE errtrack_private.notifications ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.notifications_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.occurrences (
    project_id bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    origin_id bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    level text NOT NULL,
    platform text NOT NULL,
    release text,
    environment text,
    transaction text,
    user_hash uuid,
    request_id text,
    has_payload boolean NOT NULL,
    hash uuid
)
PARTITION BY RANGE (received_at);

COMMENT ON TABLE errtrack_private.occurrences IS 'The narrow row of every event that was counted, whether or not its body was kept.';

COMMENT ON COLUMN errtrack_private.occurrences.occurred_at IS 'The time that the event gives, corrected for the drift of the client''s clock. For display.';

COMMENT ON COLUMN errtrack_private.occurrences.hash IS 'The first of the grouping hashes: the event goes with it when it is split off. Null for events of older releases.';

CREATE TABLE errtrack_private.occurrences_default (
    project_id bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    origin_id bigint NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    level text NOT NULL,
    platform text NOT NULL,
    release text,
    environment text,
    transaction text,
    user_hash uuid,
    request_id text,
    has_payload boolean NOT NULL,
    hash uuid
);

CREATE SEQUENCE errtrack_private.organization_ids
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE errtrack_private.organizations (
    id bigint NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT organizations_id_check CHECK ((id > 0)),
    CONSTRAINT organizations_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT organizations_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9_-]{0,49}$'::text))
);

COMMENT ON TABLE errtrack_private.organizations IS 'Owners of projects. On an instance attached to a GitLab the id is the id of the GitLab group.';

CREATE TABLE errtrack_private.origin_users (
    project_id bigint NOT NULL,
    origin_id bigint NOT NULL,
    user_hash uuid NOT NULL,
    first_seen timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.origin_users IS 'Distinct users by origin. The hash is taken over the first of id, username, e-mail and address that the event names.';

CREATE TABLE errtrack_private.origins (
    project_id bigint NOT NULL,
    id bigint NOT NULL,
    issue_id bigint NOT NULL,
    event_count bigint DEFAULT 0 NOT NULL,
    user_count bigint DEFAULT 0 NOT NULL,
    first_seen timestamp with time zone NOT NULL,
    last_seen timestamp with time zone NOT NULL,
    last_received_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    first_release text,
    last_release text,
    loose_hash uuid
)
WITH (fillfactor='60');

COMMENT ON COLUMN errtrack_private.origins.id IS 'The id of the issue that was made together with this origin.';

COMMENT ON COLUMN errtrack_private.origins.issue_id IS 'The issue that shows this origin now.';

COMMENT ON COLUMN errtrack_private.origins.last_received_at IS 'As last_received_at of issues: merging and unmerging make the issue anew from its origins.';

COMMENT ON COLUMN errtrack_private.origins.loose_hash IS 'Of the type and the place of its first event: issues that agree in it may be the same error. Nothing is grouped by it: it is to suggest, and for the guard against too many new issues. Null where the event has neither, for what is split off, and for origins of older releases.';

CREATE TABLE errtrack_private.outbox (
    project_id bigint NOT NULL,
    id bigint NOT NULL,
    kind text NOT NULL,
    issue_id bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT outbox_kind_check CHECK ((kind = ANY (ARRAY['new_issue'::text, 'regression'::text, 'unignored'::text, 'frequency'::text, 'spike'::text, 'quota_reached'::text, 'behind'::text, 'resolved'::text, 'reopened'::text])))
);

COMMENT ON TABLE errtrack_private.outbox IS 'What people want to be told, written once in the transaction in which it happens. Whoever sends it deletes the row.';

COMMENT ON COLUMN errtrack_private.outbox.kind IS 'resolved and reopened, by people, are for trackers alone.';

ALTER TABLE errtrack_private.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.outcomes (
    project_id bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    category text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    quantity bigint NOT NULL
);

COMMENT ON TABLE errtrack_private.outcomes IS 'The ledger: every item of an accepted request ends in exactly one outcome (stored, duplicate, filtered, rate_limited, invalid, discarded, dead).';

COMMENT ON COLUMN errtrack_private.outcomes.project_id IS '0: of requests whose project the sender only claimed.';

CREATE TABLE errtrack_private.payloads (
    project_id bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    body json NOT NULL
)
PARTITION BY RANGE (received_at);
ALTER TABLE ONLY errtrack_private.payloads ALTER COLUMN body SET COMPRESSION lz4;

COMMENT ON COLUMN errtrack_private.payloads.body IS 'The event as received, repaired and bounded, in the form that readers may rely on.';

CREATE TABLE errtrack_private.payloads_default (
    project_id bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    event_id uuid NOT NULL,
    body json NOT NULL
);
ALTER TABLE ONLY errtrack_private.payloads_default ALTER COLUMN body SET COMPRESSION lz4;

CREATE SEQUENCE errtrack_private.project_ids
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

COMMENT ON SEQUENCE errtrack_private.project_ids IS 'Ids given out here. An instance attached to a GitLab starts it at 1000000000, above the ids that GitLab gives.';

CREATE TABLE errtrack_private.projects (
    id bigint NOT NULL,
    organization_id bigint NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    platform text,
    grouping_algo text DEFAULT 'g1'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    purge_before timestamp with time zone,
    retention_days integer,
    previous_algo text,
    previous_until timestamp with time zone,
    gitlab boolean DEFAULT false NOT NULL,
    deleted_at timestamp with time zone,
    CONSTRAINT projects_id_check CHECK ((id > 0)),
    CONSTRAINT projects_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT projects_previous_algo_check CHECK ((((previous_algo IS NULL) = (previous_until IS NULL)) AND (previous_algo <> grouping_algo))),
    CONSTRAINT projects_retention_days_check CHECK (((retention_days >= 1) AND (retention_days <= 3650))),
    CONSTRAINT projects_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9_-]{0,49}$'::text))
);

COMMENT ON COLUMN errtrack_private.projects.id IS 'Also the project id of the DSN and of every API.';

COMMENT ON COLUMN errtrack_private.projects.grouping_algo IS 'The version of the grouping algorithm. New projects get the newest; no upgrade changes it, only a person does (switch_grouping()).';

COMMENT ON COLUMN errtrack_private.projects.purge_before IS 'Set when the data of the project is deleted: what was received before is hidden at once and removed in batches.';

COMMENT ON COLUMN errtrack_private.projects.retention_days IS 'Days that the events and files of the project are kept, and what is counted of it; null, or more than the instance keeps: as long as the instance does.';

COMMENT ON COLUMN errtrack_private.projects.previous_algo IS 'The version that the project went by before. Null: it has not switched, or wants no transition.';

COMMENT ON COLUMN errtrack_private.projects.previous_until IS 'What the edge takes in before is also looked up by the previous version when it is not known by the present one.';

COMMENT ON COLUMN errtrack_private.projects.gitlab IS 'GitLab has a project of this id, and vouches for keys of it. True for those that were made for its keys.';

COMMENT ON COLUMN errtrack_private.projects.deleted_at IS 'Since when nobody sees the project any more. Its row goes when everything that it received is past the retention.';

CREATE TABLE errtrack_private.quotas (
    id bigint NOT NULL,
    project_id bigint NOT NULL,
    key_id bigint,
    category text NOT NULL,
    items bigint NOT NULL,
    window_seconds integer NOT NULL,
    CONSTRAINT quotas_category_check CHECK ((category = ANY (ARRAY['all'::text, 'error'::text, 'transaction'::text, 'session'::text, 'attachment'::text, 'monitor'::text, 'feedback'::text]))),
    CONSTRAINT quotas_items_check CHECK (((items >= 0) AND (items <= '9007199254740991'::bigint))),
    CONSTRAINT quotas_window_seconds_check CHECK (((window_seconds >= 1) AND (window_seconds <= 86400)))
);

COMMENT ON TABLE errtrack_private.quotas IS 'At most so many items of a category in each window. Edges keep to it within ten seconds of a change.';

COMMENT ON COLUMN errtrack_private.quotas.key_id IS 'The client key that the quota is for; null: the project, whatever the key.';

COMMENT ON COLUMN errtrack_private.quotas.category IS 'What is counted. "all" is every item but client reports.';

COMMENT ON COLUMN errtrack_private.quotas.items IS '0: nothing may pass.';

COMMENT ON COLUMN errtrack_private.quotas.window_seconds IS 'Length of the window, up to a day. Windows begin at multiples of it since 1970.';

ALTER TABLE errtrack_private.quotas ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.quotas_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.release_commits (
    project_id bigint NOT NULL,
    release text NOT NULL,
    "position" integer NOT NULL,
    id text NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    author_name text DEFAULT ''::text NOT NULL,
    author_email text DEFAULT ''::text NOT NULL,
    committed_at timestamp with time zone,
    repository text DEFAULT ''::text NOT NULL,
    CONSTRAINT release_commits_author_email_check CHECK ((length(author_email) <= 254)),
    CONSTRAINT release_commits_author_name_check CHECK ((length(author_name) <= 200)),
    CONSTRAINT release_commits_id_check CHECK (((length(id) >= 1) AND (length(id) <= 64))),
    CONSTRAINT release_commits_message_check CHECK ((length(message) <= 2000)),
    CONSTRAINT release_commits_repository_check CHECK ((length(repository) <= 200))
);

COMMENT ON TABLE errtrack_private.release_commits IS 'The commits of a release, the newest first.';

CREATE TABLE errtrack_private.releases (
    project_id bigint NOT NULL,
    release text NOT NULL,
    id bigint NOT NULL,
    first_received_at timestamp with time zone NOT NULL,
    ref text,
    url text,
    released_at timestamp with time zone,
    status text DEFAULT 'open'::text NOT NULL,
    CONSTRAINT releases_ref_check CHECK ((length(ref) <= 250)),
    CONSTRAINT releases_status_check CHECK ((status = ANY (ARRAY['open'::text, 'archived'::text]))),
    CONSTRAINT releases_url_check CHECK ((length(url) <= 1000))
);

COMMENT ON TABLE errtrack_private.releases IS 'Releases that events named or builds told of, in the order in which they were first heard of, as many as the limit allows.';

COMMENT ON COLUMN errtrack_private.releases.first_received_at IS 'When the edge took in the first event of it, or a build told of it, whichever came first.';

COMMENT ON COLUMN errtrack_private.releases.status IS 'An archived release is left out of lists; nothing else changes for it.';

ALTER TABLE errtrack_private.releases ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.releases_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.report_logins (
    login text NOT NULL,
    tied boolean NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT report_logins_login_check CHECK ((login ~ '^[a-z][a-z0-9_-]{0,62}$'::text))
);

COMMENT ON TABLE errtrack_private.report_logins IS 'Logins for reports. By name, which a dump carries to another cluster: one that is renamed by hand is not known any more.';

COMMENT ON COLUMN errtrack_private.report_logins.tied IS 'Sees the projects in report_projects, and nothing when there are none. Else it sees everything, as does a login of errtrack_report without a row here.';

CREATE TABLE errtrack_private.report_projects (
    login text NOT NULL,
    project_id bigint NOT NULL
);

COMMENT ON TABLE errtrack_private.report_projects IS 'The projects that a tied login sees.';

CREATE TABLE errtrack_private.requests (
    project_id bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    reason text NOT NULL,
    requests bigint NOT NULL,
    CONSTRAINT requests_project_id_check CHECK ((project_id >= 0))
);

COMMENT ON TABLE errtrack_private.requests IS 'The ledger of requests: received = accepted (an empty reason) + refused, by project and hour.';

COMMENT ON COLUMN errtrack_private.requests.project_id IS '0: refused before it was known who asks, or for a project that does not exist.';

CREATE TABLE errtrack_private.retention (
    one boolean DEFAULT true NOT NULL,
    days integer NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT retention_days_check CHECK (((days >= 8) AND (days <= 3650))),
    CONSTRAINT retention_one_check CHECK (one)
);

COMMENT ON TABLE errtrack_private.retention IS 'At most one row: how long workers keep events, by which "errtrack retention" goes.';

COMMENT ON COLUMN errtrack_private.retention.finished_at IS 'When everything that was older had last been removed.';

CREATE TABLE errtrack_private.role_scopes (
    role text NOT NULL,
    scope text NOT NULL
);

COMMENT ON TABLE errtrack_private.role_scopes IS 'What a role may do. A token never does more than the role of its owner in the organization concerned.';

CREATE TABLE errtrack_private.roles (
    name text NOT NULL,
    rank smallint NOT NULL
);

CREATE TABLE errtrack_private.rule_trials (
    project_id bigint NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    fingerprint_rules text[],
    stack_rules text[],
    events integer NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    requested_by text,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    result jsonb,
    problem text,
    CONSTRAINT rule_trials_events_check CHECK (((events >= 1) AND (events <= 2000))),
    CONSTRAINT rule_trials_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'done'::text, 'failed'::text])))
);

COMMENT ON TABLE errtrack_private.rule_trials IS 'The last trial of rules in a project. Kept for a day. Nothing in it is from an event but ids and counts.';

COMMENT ON COLUMN errtrack_private.rule_trials.fingerprint_rules IS 'Those to try, which a program has read; null: those that the project has.';

COMMENT ON COLUMN errtrack_private.rule_trials.stack_rules IS 'The same of stack rules.';

COMMENT ON COLUMN errtrack_private.rule_trials.events IS 'How many of the newest events are looked at.';

COMMENT ON COLUMN errtrack_private.rule_trials.attempts IS 'How many workers have begun.';

COMMENT ON COLUMN errtrack_private.rule_trials.result IS 'events looked at; changed: of those how many have other hashes; complete; issues (id, events looked at) that lose some; moves (from, to: issues; group: a new issue when to is null; events; example).';

CREATE TABLE errtrack_private.session_counts (
    project_id bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    started bigint NOT NULL,
    exited bigint NOT NULL,
    errored bigint NOT NULL,
    crashed bigint NOT NULL,
    abnormal bigint NOT NULL,
    ended bigint NOT NULL,
    ended_seconds double precision NOT NULL,
    since timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.session_counts IS 'Sessions by release, environment and the hour in which they started.';

COMMENT ON COLUMN errtrack_private.session_counts.ended IS 'Sessions that ended in order and told how long they took: the mean is over these.';

CREATE TABLE errtrack_private.session_users (
    project_id bigint NOT NULL,
    day date NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    did uuid NOT NULL,
    crashed boolean NOT NULL,
    since timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.session_users IS 'Distinct users by release, environment and the day (UTC) on which their sessions started.';

CREATE TABLE errtrack_private.sessions (
    project_id bigint NOT NULL,
    sid uuid NOT NULL,
    started timestamp with time zone NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    did uuid,
    status text,
    seq numeric(20,0) NOT NULL,
    at timestamp with time zone NOT NULL,
    errors bigint NOT NULL,
    seconds double precision,
    since timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.sessions IS 'The last known state of each session, so that its updates count once whatever their order. Kept for 6 days from its start: later updates are not taken.';

COMMENT ON COLUMN errtrack_private.sessions.environment IS 'Empty when the client names none.';

COMMENT ON COLUMN errtrack_private.sessions.did IS 'A hash: tells users apart without naming them.';

COMMENT ON COLUMN errtrack_private.sessions.status IS 'Null until the session is counted.';

COMMENT ON COLUMN errtrack_private.sessions.seq IS 'The clock of the client by which its updates are ordered.';

CREATE UNLOGGED TABLE errtrack_private.sign_in_failures (
    address inet NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE errtrack_private.sign_in_failures IS 'Attempts to sign in with what is no token, of the last quarter of an hour. May be lost in a crash.';

CREATE TABLE errtrack_private.splits (
    project_id bigint NOT NULL,
    id bigint NOT NULL,
    hash uuid NOT NULL,
    from_origin bigint NOT NULL,
    to_origin bigint NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    transaction xid8 DEFAULT pg_current_xact_id() NOT NULL,
    done_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    done_event uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    total bigint NOT NULL,
    looked_at bigint DEFAULT 0 NOT NULL,
    moved bigint DEFAULT 0 NOT NULL
);

COMMENT ON TABLE errtrack_private.splits IS 'Hashes that are being split off: a row until the last event has moved.';

COMMENT ON COLUMN errtrack_private.splits.transaction IS 'The one that gave the hash to its new origin. Only when all that ran beside it have ended does no event come to the old one any more.';

COMMENT ON COLUMN errtrack_private.splits.done_at IS 'With done_event the place up to which the events of the old origin were looked at.';

ALTER TABLE errtrack_private.splits ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.splits_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.tag_counts (
    project_id bigint NOT NULL,
    origin_id bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C",
    events bigint NOT NULL,
    first_received_at timestamp with time zone NOT NULL,
    last_received_at timestamp with time zone NOT NULL
)
WITH (fillfactor='70');

COMMENT ON TABLE errtrack_private.tag_counts IS 'Events by origin, key and value of their tags. What is beyond the limits is counted under (other).';

CREATE TABLE errtrack_private.tag_facts (
    project_id bigint NOT NULL,
    origin_id bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    keys text[] NOT NULL,
    texts text[] NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='20000', autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='100000');

COMMENT ON TABLE errtrack_private.tag_facts IS 'Tags of events that are not in tag_counts yet: appended by the batch, folded every few seconds.';

CREATE TABLE errtrack_private.tag_keys (
    project_id bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C"
);

COMMENT ON TABLE errtrack_private.tag_keys IS 'Keys of tags by project, as many as the limit allows: the others are counted as (other).';

CREATE TABLE errtrack_private.tag_sets (
    project_id bigint NOT NULL,
    origin_id bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    size integer NOT NULL
)
WITH (fillfactor='70');

COMMENT ON TABLE errtrack_private.tag_sets IS 'How many values of a key an origin has in tag_counts, (other) aside.';

CREATE TABLE errtrack_private.tokens (
    id bigint NOT NULL,
    hash bytea NOT NULL,
    kind text NOT NULL,
    user_id bigint,
    organization_id bigint,
    project_id bigint,
    scopes text[] NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    made_from bigint,
    CONSTRAINT tokens_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT tokens_kind_check CHECK ((kind = ANY (ARRAY['personal'::text, 'gitlab'::text, 'session'::text]))),
    CONSTRAINT tokens_label_check CHECK ((length(label) <= 200)),
    CONSTRAINT tokens_owner_check CHECK (((kind = ANY (ARRAY['personal'::text, 'session'::text])) = (user_id IS NOT NULL)))
);

COMMENT ON COLUMN errtrack_private.tokens.hash IS 'SHA-256 of the token. The token itself is shown once and stored nowhere.';

COMMENT ON COLUMN errtrack_private.tokens.kind IS 'personal: acts for its user. session: the same, of a browser that signed in with a personal token. gitlab: the shared secret of a GitLab instance, good for every project on the integrated surface; two may be valid while one replaces the other.';

COMMENT ON COLUMN errtrack_private.tokens.made_from IS 'Of a session the token that it was signed in with: when that is revoked, so is this.';

ALTER TABLE errtrack_private.tokens ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.trackers (
    project_id bigint NOT NULL,
    provider text NOT NULL,
    id bigint NOT NULL,
    external_id bigint,
    url text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT trackers_provider_check CHECK ((provider = ANY (ARRAY['gitlab'::text, 'github'::text, 'other'::text]))),
    CONSTRAINT trackers_url_check CHECK (((url ~ '^https?://[^\s"<>]+[^/\s"<>]$'::text) AND (length(url) <= 500)))
);

COMMENT ON TABLE errtrack_private.trackers IS 'Where issues are made from the issues of a project.';

COMMENT ON COLUMN errtrack_private.trackers.external_id IS 'The id of the project in GitLab.';

COMMENT ON COLUMN errtrack_private.trackers.url IS 'Of the project in the tracker, without a slash at the end.';

ALTER TABLE errtrack_private.trackers ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.trackers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.tracking_settings (
    project_id bigint NOT NULL,
    active boolean NOT NULL,
    integrated boolean NOT NULL
);

COMMENT ON TABLE errtrack_private.tracking_settings IS 'GitLab''s settings of error tracking. A project without a row takes events as one that is active and integrated.';

COMMENT ON COLUMN errtrack_private.tracking_settings.active IS 'False: edges take nothing for it, and its keys stay.';

CREATE TABLE errtrack_private.transactions (
    project_id bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    transaction text NOT NULL,
    op text NOT NULL,
    total bigint NOT NULL,
    failures bigint NOT NULL,
    total_ms double precision NOT NULL,
    durations bigint[] NOT NULL,
    since timestamp with time zone NOT NULL
);

COMMENT ON TABLE errtrack_private.transactions IS 'Transactions by name, operation and hour. No transaction is kept, and none of its spans.';

COMMENT ON COLUMN errtrack_private.transactions.durations IS 'How many took how long: see errtrack.sum_durations().';

CREATE TABLE errtrack_private.upload_chunks (
    organization_id bigint NOT NULL,
    sha1 bytea NOT NULL,
    body bytea NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT upload_chunks_sha1_check CHECK ((octet_length(sha1) = 20))
);
ALTER TABLE ONLY errtrack_private.upload_chunks ALTER COLUMN body SET STORAGE EXTERNAL;

COMMENT ON TABLE errtrack_private.upload_chunks IS 'Pieces of files. Those that no file is made of are removed after a day.';

COMMENT ON COLUMN errtrack_private.upload_chunks.body IS 'Packed already, as a rule: not compressed again.';

CREATE TABLE errtrack_private.uploads (
    project_id bigint NOT NULL,
    id bigint NOT NULL,
    kind text NOT NULL,
    sha1 bytea NOT NULL,
    chunks bytea[] NOT NULL,
    size bigint NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    release text DEFAULT ''::text NOT NULL,
    dist text DEFAULT ''::text NOT NULL,
    debug_id text DEFAULT ''::text NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT uploads_debug_id_check CHECK ((length(debug_id) <= 64)),
    CONSTRAINT uploads_dist_check CHECK ((length(dist) <= 64)),
    CONSTRAINT uploads_kind_check CHECK ((kind = ANY (ARRAY['artifact_bundle'::text, 'release_file'::text, 'debug_file'::text]))),
    CONSTRAINT uploads_name_check CHECK ((length(name) <= 1000)),
    CONSTRAINT uploads_release_check CHECK ((length(release) <= 250)),
    CONSTRAINT uploads_sha1_check CHECK ((octet_length(sha1) = 20))
);

COMMENT ON TABLE errtrack_private.uploads IS 'Files that builds uploaded for a project. Kept as long as events are.';

COMMENT ON COLUMN errtrack_private.uploads.chunks IS 'SHA-1 of its pieces in upload_chunks, in their order.';

ALTER TABLE errtrack_private.uploads ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.uploads_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.users (
    id bigint NOT NULL,
    email text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    administrator boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_email_check CHECK (((length(email) >= 3) AND (length(email) <= 254))),
    CONSTRAINT users_name_check CHECK ((length(name) <= 200))
);

COMMENT ON COLUMN errtrack_private.users.administrator IS 'Owner of every organization, present and future.';

ALTER TABLE errtrack_private.users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME errtrack_private.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE errtrack_private.waiting_requests (
    project_id bigint NOT NULL,
    delivery_id uuid NOT NULL,
    public_key text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    meta text NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE ONLY errtrack_private.waiting_requests ALTER COLUMN body SET STORAGE EXTERNAL;

COMMENT ON TABLE errtrack_private.waiting_requests IS 'Accepted requests whose key nobody here knows, as the edge wrote them, until GitLab was asked. Bounded: see await_keys().';

COMMENT ON COLUMN errtrack_private.waiting_requests.body IS 'Packed already, as a rule: not compressed again.';

ALTER TABLE ONLY errtrack_private.attachments ATTACH PARTITION errtrack_private.attachments_default DEFAULT;

ALTER TABLE ONLY errtrack_private.deliveries ATTACH PARTITION errtrack_private.deliveries_default DEFAULT;

ALTER TABLE ONLY errtrack_private.event_ids ATTACH PARTITION errtrack_private.event_ids_default DEFAULT;

ALTER TABLE ONLY errtrack_private.occurrences ATTACH PARTITION errtrack_private.occurrences_default DEFAULT;

ALTER TABLE ONLY errtrack_private.payloads ATTACH PARTITION errtrack_private.payloads_default DEFAULT;

ALTER TABLE ONLY errtrack_private.alert_marks
    ADD CONSTRAINT alert_marks_pkey PRIMARY KEY (project_id, rule_id, kind, issue_id);

ALTER TABLE ONLY errtrack_private.alert_rules
    ADD CONSTRAINT alert_rules_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.alert_rules
    ADD CONSTRAINT alert_rules_project_id_name_key UNIQUE (project_id, name);

ALTER TABLE ONLY errtrack_private.attachments
    ADD CONSTRAINT attachments_pkey PRIMARY KEY (project_id, event_id, received_at, delivery_id, "position");

ALTER TABLE ONLY errtrack_private.attachments_default
    ADD CONSTRAINT attachments_default_pkey PRIMARY KEY (project_id, event_id, received_at, delivery_id, "position");

ALTER TABLE ONLY errtrack_private.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY errtrack_private.channels
    ADD CONSTRAINT channels_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.channels
    ADD CONSTRAINT channels_project_id_name_key UNIQUE (project_id, name);

ALTER TABLE ONLY errtrack_private.channels
    ADD CONSTRAINT channels_project_id_provider_key UNIQUE (project_id, provider);

ALTER TABLE ONLY errtrack_private.check_ins
    ADD CONSTRAINT check_ins_pkey PRIMARY KEY (project_id, slug, environment, id);

ALTER TABLE ONLY errtrack_private.client_keys
    ADD CONSTRAINT client_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY errtrack_private.client_keys
    ADD CONSTRAINT client_keys_project_id_id_key UNIQUE (project_id, id);

ALTER TABLE ONLY errtrack_private.client_keys
    ADD CONSTRAINT client_keys_public_key_key UNIQUE (public_key);

ALTER TABLE ONLY errtrack_private.client_reports
    ADD CONSTRAINT client_reports_pkey PRIMARY KEY (project_id, hour, outcome, category, reason);

ALTER TABLE ONLY errtrack_private.counts_1h
    ADD CONSTRAINT counts_1h_pkey PRIMARY KEY (project_id, origin_id, bucket);

ALTER TABLE ONLY errtrack_private.counts_5m
    ADD CONSTRAINT counts_5m_pkey PRIMARY KEY (project_id, origin_id, bucket);

ALTER TABLE ONLY errtrack_private.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.dead_letters
    ADD CONSTRAINT dead_letters_project_id_delivery_id_key UNIQUE (project_id, delivery_id);

ALTER TABLE ONLY errtrack_private.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (project_id, delivery_id, received_at);

ALTER TABLE ONLY errtrack_private.deliveries_default
    ADD CONSTRAINT deliveries_default_pkey PRIMARY KEY (project_id, delivery_id, received_at);

ALTER TABLE ONLY errtrack_private.deploys
    ADD CONSTRAINT deploys_pkey PRIMARY KEY (project_id, release, id);

ALTER TABLE ONLY errtrack_private.digests
    ADD CONSTRAINT digests_pkey PRIMARY KEY (project_id, channel_id, reason);

ALTER TABLE ONLY errtrack_private.duties
    ADD CONSTRAINT duties_pkey PRIMARY KEY (name);

ALTER TABLE ONLY errtrack_private.edge_requests
    ADD CONSTRAINT edge_requests_pkey PRIMARY KEY (hour, edge, boot, project_id, reason);

ALTER TABLE ONLY errtrack_private.edge_settings
    ADD CONSTRAINT edge_settings_pkey PRIMARY KEY (project_id);

ALTER TABLE ONLY errtrack_private.environments
    ADD CONSTRAINT environments_pkey PRIMARY KEY (project_id, environment);

ALTER TABLE ONLY errtrack_private.event_ids
    ADD CONSTRAINT event_ids_pkey PRIMARY KEY (project_id, event_id, day);

ALTER TABLE ONLY errtrack_private.event_ids_default
    ADD CONSTRAINT event_ids_default_pkey PRIMARY KEY (project_id, event_id, day);

ALTER TABLE ONLY errtrack_private.event_settings
    ADD CONSTRAINT event_settings_pkey PRIMARY KEY (project_id);

ALTER TABLE ONLY errtrack_private.explanations
    ADD CONSTRAINT explanations_pkey PRIMARY KEY (project_id, hash);

ALTER TABLE ONLY errtrack_private.feedback
    ADD CONSTRAINT feedback_pkey PRIMARY KEY (project_id, kind, id);

ALTER TABLE ONLY errtrack_private.gitlab_keys
    ADD CONSTRAINT gitlab_keys_pkey PRIMARY KEY (project_id, public_key);

ALTER TABLE ONLY errtrack_private.grouping_rules
    ADD CONSTRAINT grouping_rules_pkey PRIMARY KEY (project_id, kind, place) DEFERRABLE;

ALTER TABLE ONLY errtrack_private.hashes
    ADD CONSTRAINT hashes_pkey PRIMARY KEY (project_id, hash);

ALTER TABLE ONLY errtrack_private.issue_comments
    ADD CONSTRAINT issue_comments_pkey PRIMARY KEY (project_id, issue_id, id);

ALTER TABLE ONLY errtrack_private.issue_history
    ADD CONSTRAINT issue_history_pkey PRIMARY KEY (project_id, issue_id, id);

ALTER TABLE ONLY errtrack_private.issue_links
    ADD CONSTRAINT issue_links_key UNIQUE (project_id, issue_id, provider, reference);

ALTER TABLE ONLY errtrack_private.issue_links
    ADD CONSTRAINT issue_links_pkey PRIMARY KEY (project_id, issue_id, id);

ALTER TABLE ONLY errtrack_private.issue_texts
    ADD CONSTRAINT issue_texts_pkey PRIMARY KEY (project_id, issue_id);

ALTER TABLE ONLY errtrack_private.issues
    ADD CONSTRAINT issues_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.item_names
    ADD CONSTRAINT item_names_pkey PRIMARY KEY (project_id, kind, name);

ALTER TABLE ONLY errtrack_private.known_indexes
    ADD CONSTRAINT known_indexes_pkey PRIMARY KEY (name);

ALTER TABLE ONLY errtrack_private.limits
    ADD CONSTRAINT limits_pkey PRIMARY KEY (project_id, name);

ALTER TABLE ONLY errtrack_private.memberships
    ADD CONSTRAINT memberships_pkey PRIMARY KEY (organization_id, user_id);

ALTER TABLE ONLY errtrack_private.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY errtrack_private.monitors
    ADD CONSTRAINT monitors_pkey PRIMARY KEY (project_id, slug, environment);

ALTER TABLE ONLY errtrack_private.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.occurrences
    ADD CONSTRAINT occurrences_pkey PRIMARY KEY (project_id, origin_id, received_at, event_id);

ALTER TABLE ONLY errtrack_private.occurrences_default
    ADD CONSTRAINT occurrences_default_pkey PRIMARY KEY (project_id, origin_id, received_at, event_id);

ALTER TABLE ONLY errtrack_private.organizations
    ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY errtrack_private.organizations
    ADD CONSTRAINT organizations_slug_key UNIQUE (slug);

ALTER TABLE ONLY errtrack_private.origin_users
    ADD CONSTRAINT origin_users_pkey PRIMARY KEY (project_id, origin_id, user_hash);

ALTER TABLE ONLY errtrack_private.origins
    ADD CONSTRAINT origins_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.outcomes
    ADD CONSTRAINT outcomes_pkey PRIMARY KEY (project_id, hour, category, outcome, reason);

ALTER TABLE ONLY errtrack_private.payloads
    ADD CONSTRAINT payloads_pkey PRIMARY KEY (project_id, event_id, received_at);

ALTER TABLE ONLY errtrack_private.payloads_default
    ADD CONSTRAINT payloads_default_pkey PRIMARY KEY (project_id, event_id, received_at);

ALTER TABLE ONLY errtrack_private.projects
    ADD CONSTRAINT projects_organization_id_slug_key UNIQUE (organization_id, slug);

ALTER TABLE ONLY errtrack_private.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);

ALTER TABLE ONLY errtrack_private.quotas
    ADD CONSTRAINT quotas_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.release_commits
    ADD CONSTRAINT release_commits_pkey PRIMARY KEY (project_id, release, "position");

ALTER TABLE ONLY errtrack_private.releases
    ADD CONSTRAINT releases_pkey PRIMARY KEY (project_id, release);

ALTER TABLE ONLY errtrack_private.report_logins
    ADD CONSTRAINT report_logins_pkey PRIMARY KEY (login);

ALTER TABLE ONLY errtrack_private.report_projects
    ADD CONSTRAINT report_projects_pkey PRIMARY KEY (login, project_id);

ALTER TABLE ONLY errtrack_private.requests
    ADD CONSTRAINT requests_pkey PRIMARY KEY (project_id, hour, reason);

ALTER TABLE ONLY errtrack_private.retention
    ADD CONSTRAINT retention_pkey PRIMARY KEY (one);

ALTER TABLE ONLY errtrack_private.role_scopes
    ADD CONSTRAINT role_scopes_pkey PRIMARY KEY (role, scope);

ALTER TABLE ONLY errtrack_private.roles
    ADD CONSTRAINT roles_pkey PRIMARY KEY (name);

ALTER TABLE ONLY errtrack_private.roles
    ADD CONSTRAINT roles_rank_key UNIQUE (rank);

ALTER TABLE ONLY errtrack_private.rule_trials
    ADD CONSTRAINT rule_trials_pkey PRIMARY KEY (project_id);

ALTER TABLE ONLY errtrack_private.session_counts
    ADD CONSTRAINT session_counts_pkey PRIMARY KEY (project_id, hour, release, environment);

ALTER TABLE ONLY errtrack_private.session_users
    ADD CONSTRAINT session_users_pkey PRIMARY KEY (project_id, day, release, environment, did);

ALTER TABLE ONLY errtrack_private.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (project_id, sid);

ALTER TABLE ONLY errtrack_private.splits
    ADD CONSTRAINT splits_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.tag_counts
    ADD CONSTRAINT tag_counts_pkey PRIMARY KEY (project_id, origin_id, key, value);

ALTER TABLE ONLY errtrack_private.tag_keys
    ADD CONSTRAINT tag_keys_pkey PRIMARY KEY (project_id, key);

ALTER TABLE ONLY errtrack_private.tag_sets
    ADD CONSTRAINT tag_sets_pkey PRIMARY KEY (project_id, origin_id, key);

ALTER TABLE ONLY errtrack_private.tokens
    ADD CONSTRAINT tokens_hash_key UNIQUE (hash);

ALTER TABLE ONLY errtrack_private.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);

ALTER TABLE ONLY errtrack_private.trackers
    ADD CONSTRAINT trackers_pkey PRIMARY KEY (project_id, provider);

ALTER TABLE ONLY errtrack_private.trackers
    ADD CONSTRAINT trackers_project_id_id_key UNIQUE (project_id, id);

ALTER TABLE ONLY errtrack_private.tracking_settings
    ADD CONSTRAINT tracking_settings_pkey PRIMARY KEY (project_id);

ALTER TABLE ONLY errtrack_private.transactions
    ADD CONSTRAINT transactions_pkey PRIMARY KEY (project_id, hour, transaction, op);

ALTER TABLE ONLY errtrack_private.upload_chunks
    ADD CONSTRAINT upload_chunks_pkey PRIMARY KEY (organization_id, sha1);

ALTER TABLE ONLY errtrack_private.uploads
    ADD CONSTRAINT uploads_key UNIQUE (project_id, kind, sha1, release, dist, name);

ALTER TABLE ONLY errtrack_private.uploads
    ADD CONSTRAINT uploads_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY errtrack_private.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY errtrack_private.waiting_requests
    ADD CONSTRAINT waiting_requests_pkey PRIMARY KEY (project_id, delivery_id);

CREATE INDEX alert_marks_told_at_idx ON errtrack_private.alert_marks USING btree (told_at);

CREATE INDEX audit_organization_id_id_idx ON errtrack_private.audit USING btree (organization_id, id);

CREATE INDEX check_ins_open_idx ON errtrack_private.check_ins USING btree (project_id, slug, environment, began_at) WHERE (status = 'in_progress'::text);

CREATE INDEX check_ins_project_id_received_at_idx ON errtrack_private.check_ins USING btree (project_id, received_at);

COMMENT ON INDEX errtrack_private.check_ins_project_id_received_at_idx IS 'For the retention.';

CREATE INDEX counts_1h_project_id_bucket_idx ON errtrack_private.counts_1h USING btree (project_id, bucket);

COMMENT ON INDEX errtrack_private.counts_1h_project_id_bucket_idx IS 'For the retention.';

CREATE INDEX counts_5m_project_id_bucket_idx ON errtrack_private.counts_5m USING btree (project_id, bucket);

COMMENT ON INDEX errtrack_private.counts_5m_project_id_bucket_idx IS 'For the retention.';

CREATE INDEX dead_letters_died_at_idx ON errtrack_private.dead_letters USING btree (died_at);

COMMENT ON INDEX errtrack_private.dead_letters_died_at_idx IS 'For the retention, and for what died lately.';

CREATE INDEX dead_letters_id_idx ON errtrack_private.dead_letters USING btree (id);

COMMENT ON INDEX errtrack_private.dead_letters_id_idx IS 'People name a dead letter by its number alone; the newest are kept.';

CREATE INDEX feedback_project_id_event_id_idx ON errtrack_private.feedback USING btree (project_id, event_id);

CREATE INDEX feedback_project_id_received_at_idx ON errtrack_private.feedback USING btree (project_id, received_at);

COMMENT ON INDEX errtrack_private.feedback_project_id_received_at_idx IS 'For the retention.';

CREATE INDEX gitlab_keys_asked_at_idx ON errtrack_private.gitlab_keys USING btree (asked_at);

CREATE INDEX hashes_project_id_origin_id_idx ON errtrack_private.hashes USING btree (project_id, origin_id);

CREATE INDEX issue_comments_user_id_idx ON errtrack_private.issue_comments USING btree (user_id);

CREATE INDEX issue_history_project_id_new_idx ON errtrack_private.issue_history USING btree (project_id, at) WHERE (what = 'new'::text);

CREATE INDEX issue_texts_project_id_text_idx ON errtrack_private.issue_texts USING gin (project_id, text errtrack_private.gin_trgm_ops);

CREATE INDEX issues_assigned_to_idx ON errtrack_private.issues USING btree (assigned_to, project_id) WHERE (assigned_to IS NOT NULL);

CREATE INDEX issues_ignored_until_idx ON errtrack_private.issues USING btree (ignored_until) WHERE (ignored_until IS NOT NULL);

CREATE INDEX issues_project_id_overflow_idx ON errtrack_private.issues USING btree (project_id) WHERE overflow;

CREATE INDEX issues_project_id_status_event_count_idx ON errtrack_private.issues USING btree (project_id, status, event_count DESC, id DESC);

CREATE INDEX issues_project_id_status_first_seen_idx ON errtrack_private.issues USING btree (project_id, status, first_seen DESC, id DESC);

CREATE INDEX issues_project_id_status_last_seen_idx ON errtrack_private.issues USING btree (project_id, status, last_seen DESC, id DESC);

CREATE INDEX issues_project_id_status_user_count_idx ON errtrack_private.issues USING btree (project_id, status, user_count DESC, id DESC);

CREATE INDEX memberships_user_id_idx ON errtrack_private.memberships USING btree (user_id);

CREATE INDEX monitors_next_at_idx ON errtrack_private.monitors USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX notifications_created_at_idx ON errtrack_private.notifications USING btree (created_at);

CREATE INDEX notifications_project_id_channel_id_idx ON errtrack_private.notifications USING btree (project_id, channel_id, id);

CREATE INDEX notifications_project_id_channel_id_waiting_idx ON errtrack_private.notifications USING btree (project_id, channel_id, id) WHERE (state = 'waiting'::text);

CREATE UNIQUE INDEX notifications_project_id_delivery_id_idx ON errtrack_private.notifications USING btree (project_id, delivery_id);

CREATE INDEX notifications_project_id_issue_id_idx ON errtrack_private.notifications USING btree (project_id, issue_id);

CREATE INDEX occurrences_project_id_received_at_idx ON ONLY errtrack_private.occurrences USING btree (project_id, received_at);

CREATE INDEX occurrences_default_project_id_received_at_idx ON errtrack_private.occurrences_default USING btree (project_id, received_at);

CREATE INDEX origins_id_idx ON errtrack_private.origins USING btree (id);

COMMENT ON INDEX errtrack_private.origins_id_idx IS 'Finds the project of an issue whose id is all that is known: an origin has the id of the issue that it was made with.';

CREATE INDEX origins_project_id_first_release_idx ON errtrack_private.origins USING btree (project_id, first_release) WHERE (first_release IS NOT NULL);

COMMENT ON INDEX errtrack_private.origins_project_id_first_release_idx IS 'Issues that are new in a release.';

CREATE INDEX origins_project_id_issue_id_idx ON errtrack_private.origins USING btree (project_id, issue_id);

CREATE INDEX outbox_project_id_issue_id_idx ON errtrack_private.outbox USING btree (project_id, issue_id);

CREATE UNIQUE INDEX quotas_project_id_category_key ON errtrack_private.quotas USING btree (project_id, category) WHERE (key_id IS NULL);

COMMENT ON INDEX errtrack_private.quotas_project_id_category_key IS 'One quota for each category of a project.';

CREATE UNIQUE INDEX quotas_project_id_key_id_category_key ON errtrack_private.quotas USING btree (project_id, key_id, category) WHERE (key_id IS NOT NULL);

COMMENT ON INDEX errtrack_private.quotas_project_id_key_id_category_key IS 'One quota for each category of a key.';

CREATE INDEX releases_project_id_first_received_at_idx ON errtrack_private.releases USING btree (project_id, first_received_at, id);

CREATE INDEX releases_project_id_key_idx ON errtrack_private.releases USING btree (project_id, errtrack_private.release_key(release) COLLATE "C");

COMMENT ON INDEX errtrack_private.releases_project_id_key_idx IS 'By package and version, see newest_release().';

CREATE INDEX report_projects_project_id_idx ON errtrack_private.report_projects USING btree (project_id);

CREATE INDEX requests_hour_idx ON errtrack_private.requests USING btree (hour);

COMMENT ON INDEX errtrack_private.requests_hour_idx IS 'For the balance of the last hours.';

CREATE INDEX sessions_started_idx ON errtrack_private.sessions USING btree (started);

COMMENT ON INDEX errtrack_private.sessions_started_idx IS 'For the retention.';

CREATE INDEX sign_in_failures_address_at_idx ON errtrack_private.sign_in_failures USING btree (address, at);

CREATE INDEX splits_project_id_from_origin_idx ON errtrack_private.splits USING btree (project_id, from_origin);

CREATE INDEX splits_project_id_to_origin_idx ON errtrack_private.splits USING btree (project_id, to_origin);

CREATE INDEX tag_counts_project_id_key_value_idx ON errtrack_private.tag_counts USING btree (project_id, key, value, origin_id);

COMMENT ON INDEX errtrack_private.tag_counts_project_id_key_value_idx IS 'Which issues have a tag.';

CREATE INDEX tag_facts_project_id_origin_id_idx ON errtrack_private.tag_facts USING btree (project_id, origin_id);

CREATE INDEX tokens_made_from_idx ON errtrack_private.tokens USING btree (made_from) WHERE (made_from IS NOT NULL);

CREATE INDEX upload_chunks_received_at_idx ON errtrack_private.upload_chunks USING btree (received_at);

CREATE INDEX uploads_received_at_idx ON errtrack_private.uploads USING btree (received_at);

CREATE UNIQUE INDEX users_email_key ON errtrack_private.users USING btree (lower(email));

CREATE INDEX waiting_requests_project_id_public_key_idx ON errtrack_private.waiting_requests USING btree (project_id, public_key);

ALTER INDEX errtrack_private.attachments_pkey ATTACH PARTITION errtrack_private.attachments_default_pkey;

ALTER INDEX errtrack_private.deliveries_pkey ATTACH PARTITION errtrack_private.deliveries_default_pkey;

ALTER INDEX errtrack_private.event_ids_pkey ATTACH PARTITION errtrack_private.event_ids_default_pkey;

ALTER INDEX errtrack_private.occurrences_pkey ATTACH PARTITION errtrack_private.occurrences_default_pkey;

ALTER INDEX errtrack_private.occurrences_project_id_received_at_idx ATTACH PARTITION errtrack_private.occurrences_default_project_id_received_at_idx;

ALTER INDEX errtrack_private.payloads_pkey ATTACH PARTITION errtrack_private.payloads_default_pkey;

CREATE TRIGGER client_keys_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON errtrack_private.client_keys FOR EACH STATEMENT EXECUTE FUNCTION errtrack_private.notify_keys_changed();

CREATE TRIGGER edge_settings_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON errtrack_private.edge_settings FOR EACH STATEMENT EXECUTE FUNCTION errtrack_private.notify_keys_changed();

CREATE TRIGGER event_settings_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON errtrack_private.event_settings FOR EACH STATEMENT EXECUTE FUNCTION errtrack_private.notify_settings_changed();

CREATE TRIGGER grouping_rules_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON errtrack_private.grouping_rules FOR EACH STATEMENT EXECUTE FUNCTION errtrack_private.notify_grouping_changed();

CREATE TRIGGER projects_changed AFTER INSERT OR DELETE OR UPDATE OF id OR TRUNCATE ON errtrack_private.projects FOR EACH STATEMENT EXECUTE FUNCTION errtrack_private.notify_keys_changed();

CREATE TRIGGER projects_grouping_changed AFTER INSERT OR UPDATE OF grouping_algo, previous_algo, previous_until ON errtrack_private.projects FOR EACH STATEMENT EXECUTE FUNCTION errtrack_private.notify_grouping_changed();

CREATE TRIGGER quotas_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON errtrack_private.quotas FOR EACH STATEMENT EXECUTE FUNCTION errtrack_private.notify_keys_changed();

CREATE TRIGGER tracking_settings_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON errtrack_private.tracking_settings FOR EACH STATEMENT EXECUTE FUNCTION errtrack_private.notify_keys_changed();

ALTER TABLE ONLY errtrack_private.alert_marks
    ADD CONSTRAINT alert_marks_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.alert_rules
    ADD CONSTRAINT alert_rules_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.channels
    ADD CONSTRAINT channels_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.channels
    ADD CONSTRAINT channels_project_id_provider_fkey FOREIGN KEY (project_id, provider) REFERENCES errtrack_private.trackers(project_id, provider) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.client_keys
    ADD CONSTRAINT client_keys_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.deploys
    ADD CONSTRAINT deploys_project_id_release_fkey FOREIGN KEY (project_id, release) REFERENCES errtrack_private.releases(project_id, release) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.digests
    ADD CONSTRAINT digests_project_id_channel_id_fkey FOREIGN KEY (project_id, channel_id) REFERENCES errtrack_private.channels(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.edge_settings
    ADD CONSTRAINT edge_settings_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.event_settings
    ADD CONSTRAINT event_settings_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.explanations
    ADD CONSTRAINT explanations_project_id_hash_fkey FOREIGN KEY (project_id, hash) REFERENCES errtrack_private.hashes(project_id, hash) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.grouping_rules
    ADD CONSTRAINT grouping_rules_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.hashes
    ADD CONSTRAINT hashes_project_id_origin_id_fkey FOREIGN KEY (project_id, origin_id) REFERENCES errtrack_private.origins(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.issue_comments
    ADD CONSTRAINT issue_comments_project_id_issue_id_fkey FOREIGN KEY (project_id, issue_id) REFERENCES errtrack_private.issues(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.issue_comments
    ADD CONSTRAINT issue_comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES errtrack_private.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY errtrack_private.issue_history
    ADD CONSTRAINT issue_history_project_id_issue_id_fkey FOREIGN KEY (project_id, issue_id) REFERENCES errtrack_private.issues(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.issue_links
    ADD CONSTRAINT issue_links_project_id_issue_id_fkey FOREIGN KEY (project_id, issue_id) REFERENCES errtrack_private.issues(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.issue_texts
    ADD CONSTRAINT issue_texts_project_id_issue_id_fkey FOREIGN KEY (project_id, issue_id) REFERENCES errtrack_private.issues(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.issues
    ADD CONSTRAINT issues_assigned_to_fkey FOREIGN KEY (assigned_to) REFERENCES errtrack_private.users(id) ON DELETE SET NULL;

ALTER TABLE ONLY errtrack_private.memberships
    ADD CONSTRAINT memberships_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES errtrack_private.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.memberships
    ADD CONSTRAINT memberships_role_fkey FOREIGN KEY (role) REFERENCES errtrack_private.roles(name);

ALTER TABLE ONLY errtrack_private.memberships
    ADD CONSTRAINT memberships_user_id_fkey FOREIGN KEY (user_id) REFERENCES errtrack_private.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.notifications
    ADD CONSTRAINT notifications_project_id_channel_id_fkey FOREIGN KEY (project_id, channel_id) REFERENCES errtrack_private.channels(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.notifications
    ADD CONSTRAINT notifications_project_id_issue_id_fkey FOREIGN KEY (project_id, issue_id) REFERENCES errtrack_private.issues(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.origins
    ADD CONSTRAINT origins_project_id_issue_id_fkey FOREIGN KEY (project_id, issue_id) REFERENCES errtrack_private.issues(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.outbox
    ADD CONSTRAINT outbox_project_id_issue_id_fkey FOREIGN KEY (project_id, issue_id) REFERENCES errtrack_private.issues(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.projects
    ADD CONSTRAINT projects_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES errtrack_private.organizations(id);

ALTER TABLE ONLY errtrack_private.quotas
    ADD CONSTRAINT quotas_key_fkey FOREIGN KEY (project_id, key_id) REFERENCES errtrack_private.client_keys(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.quotas
    ADD CONSTRAINT quotas_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.release_commits
    ADD CONSTRAINT release_commits_project_id_release_fkey FOREIGN KEY (project_id, release) REFERENCES errtrack_private.releases(project_id, release) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.report_projects
    ADD CONSTRAINT report_projects_login_fkey FOREIGN KEY (login) REFERENCES errtrack_private.report_logins(login) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.report_projects
    ADD CONSTRAINT report_projects_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.role_scopes
    ADD CONSTRAINT role_scopes_role_fkey FOREIGN KEY (role) REFERENCES errtrack_private.roles(name);

ALTER TABLE ONLY errtrack_private.rule_trials
    ADD CONSTRAINT rule_trials_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.splits
    ADD CONSTRAINT splits_project_id_from_origin_fkey FOREIGN KEY (project_id, from_origin) REFERENCES errtrack_private.origins(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.splits
    ADD CONSTRAINT splits_project_id_to_origin_fkey FOREIGN KEY (project_id, to_origin) REFERENCES errtrack_private.origins(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.tokens
    ADD CONSTRAINT tokens_made_from_fkey FOREIGN KEY (made_from) REFERENCES errtrack_private.tokens(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.tokens
    ADD CONSTRAINT tokens_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES errtrack_private.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.tokens
    ADD CONSTRAINT tokens_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.tokens
    ADD CONSTRAINT tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES errtrack_private.users(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.trackers
    ADD CONSTRAINT trackers_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.tracking_settings
    ADD CONSTRAINT tracking_settings_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.upload_chunks
    ADD CONSTRAINT upload_chunks_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES errtrack_private.organizations(id) ON DELETE CASCADE;

ALTER TABLE ONLY errtrack_private.uploads
    ADD CONSTRAINT uploads_project_id_fkey FOREIGN KEY (project_id) REFERENCES errtrack_private.projects(id) ON DELETE CASCADE;

