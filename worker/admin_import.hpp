/*
 * "errtrack import": an empty project gets what a file of "errtrack export" holds, from
 * standard input; all of it or nothing.
 */

#ifndef ERRTRACK_WORKER_ADMIN_IMPORT_HPP
#define ERRTRACK_WORKER_ADMIN_IMPORT_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void import_project(const Options &options);

}

#endif
