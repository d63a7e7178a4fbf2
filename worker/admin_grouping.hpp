/*
 * The commands about grouping: what would become of an event.
 */

#ifndef ERRTRACK_WORKER_ADMIN_GROUPING_HPP
#define ERRTRACK_WORKER_ADMIN_GROUPING_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

/* Of one event, or of two and whether they are the same error. Nothing is stored. */
void show_grouping(const Options &options);

}

#endif
