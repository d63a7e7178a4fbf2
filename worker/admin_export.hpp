/*
 * "errtrack export": a project as lines of JSON on standard output.
 */

#ifndef ERRTRACK_WORKER_ADMIN_EXPORT_HPP
#define ERRTRACK_WORKER_ADMIN_EXPORT_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void export_project(const Options &options);

}

#endif
