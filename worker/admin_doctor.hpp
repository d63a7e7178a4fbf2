/*
 * The command of "errtrack" that looks whether everything is as it should be.
 */

#ifndef ERRTRACK_WORKER_ADMIN_DOCTOR_HPP
#define ERRTRACK_WORKER_ADMIN_DOCTOR_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

/* Ends with Exit::warning or Exit::failing when something is wrong. */
void show_doctor(const Options &options);

}

#endif
