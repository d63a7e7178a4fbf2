/*
 * The commands about how long things are kept.
 */

#ifndef ERRTRACK_WORKER_ADMIN_RETENTION_HPP
#define ERRTRACK_WORKER_ADMIN_RETENTION_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

/* Shows what is past its time, or removes it. */
void run_retention(const Options &options);

/* Shows how long those of a project are kept, or sets it. */
void project_retention(const Options &options);

}

#endif
