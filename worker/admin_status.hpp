/*
 * The command "errtrack status": how the instance is, once or live, for people and for
 * monitoring.
 */

#ifndef ERRTRACK_WORKER_ADMIN_STATUS_HPP
#define ERRTRACK_WORKER_ADMIN_STATUS_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

/* Throws Failure, with Exit::alarm when something is wrong. Watching ends with the process. */
void show_status(const Options &options);

}

#endif
