/*
 * The commands about what the edge lets in: quotas, filters and origins of a project.
 */

#ifndef ERRTRACK_WORKER_ADMIN_EDGE_HPP
#define ERRTRACK_WORKER_ADMIN_EDGE_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void list_quotas(const Options &options);
void set_quota(const Options &options);
void remove_quota(const Options &options);

void list_filters(const Options &options);
void add_filter(const Options &options);
void remove_filter(const Options &options);

void list_origins(const Options &options);
void add_origin(const Options &options);
void remove_origin(const Options &options);

}

#endif
