/*
 * The commands about what is scrubbed out of events before they are stored.
 */

#ifndef ERRTRACK_WORKER_ADMIN_PRIVACY_HPP
#define ERRTRACK_WORKER_ADMIN_PRIVACY_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void list_scrubbing(const Options &options);
void set_scrubbing(const Options &options);
void add_scrubbing(const Options &options);
void remove_scrubbing(const Options &options);

}

#endif
