/*
 * The commands about grouping: what would become of an event, and the rules and versions of
 * projects.
 */

#ifndef ERRTRACK_WORKER_ADMIN_GROUPING_HPP
#define ERRTRACK_WORKER_ADMIN_GROUPING_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

/* Of one event, or of two and whether they are the same error: from files, or one that
 * is stored. With the rules of a project, if one is named, and others to try. */
void show_grouping(const Options &options);

void list_rules(const Options &options);
void add_rule(const Options &options);
void remove_rule(const Options &options);

/* Shows the version of a project, or switches it to the one that is named. */
void project_grouping(const Options &options);

}

#endif
