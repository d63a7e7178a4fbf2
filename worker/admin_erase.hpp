/*
 * The command of "errtrack" that removes what names one person.
 */

#ifndef ERRTRACK_WORKER_ADMIN_ERASE_HPP
#define ERRTRACK_WORKER_ADMIN_ERASE_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void erase_person(const Options &options);

}

#endif
