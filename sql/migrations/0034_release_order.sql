-- The highest version of a package, found without looking at each release of the project.
-- What api/ makes of these functions must sort as they do here: the index holds what they
-- said. One that sorts otherwise needs a migration that makes the index anew.

create or replace function errtrack_private.number_key(digits text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    return lpad(length(ltrim(digits, '0'))::text, 3, '0') || ltrim(digits, '0');
end
$$;

create or replace function errtrack_private.release_key(release text) returns text[]
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
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
$$;

create index releases_project_id_key_idx on errtrack_private.releases
    (project_id, (errtrack_private.release_key(release)) collate "C");
comment on index errtrack_private.releases_project_id_key_idx is 'By package and version, see newest_release().';
