/*
 * The commands about dead letters: requests that the worker could not file.
 */

#ifndef ERRTRACK_WORKER_ADMIN_DEAD_HPP
#define ERRTRACK_WORKER_ADMIN_DEAD_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void list_dead(const Options &options);
void show_dead(const Options &options);
void delete_dead(const Options &options);
void replay_dead(const Options &options);

}

#endif
