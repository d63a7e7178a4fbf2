/*
 * Which schemas the programs of this release work with. A schema is known by its newest
 * migration, and by its floor: only programs that know this migration work with it, older
 * ones would misread what is there. Migrations only add, so a floor is rare.
 *
 * Shared by the query module and the worker: standard library only.
 */

#ifndef ERRTRACK_SQL_VERSION_HPP
#define ERRTRACK_SQL_VERSION_HPP

#include <string>

namespace errtrack __attribute__((visibility("hidden"))) {

/* The newest of sql/migrations (t/schema.t compares), and the oldest one whose tables have
 * all that the programs and sql/api use. */
inline constexpr int schema_newest = 34;
inline constexpr int schema_oldest = 33;

/* The numbers of a schema. */
inline constexpr const char *schema_question = "select s.version, s.floor from errtrack_private.schema_state() as s";

/* For a database where there is nothing that could be asked. */
inline constexpr const char *schema_missing =
    "the database does not have the schema of this release: run sql/migrate";

/* Why the programs do not work with a schema, and which of both to upgrade; empty when they do. */
inline std::string schema_problem(int version, int floor)
{
    if (version < schema_oldest) {
        return "the schema of the database is too old: it has migration " + std::to_string(version)
               + " and this release needs " + std::to_string(schema_oldest) + ": run sql/migrate of this release";
    }
    if (floor > schema_newest) {
        return "this program is too old: the database works with programs that know migration "
               + std::to_string(floor) + ", and this one knows up to " + std::to_string(schema_newest)
               + ": install a newer release";
    }
    return {};
}

}

#endif
