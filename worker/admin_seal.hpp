/*
 * The commands about secrets that PostgreSQL keeps sealed: making the key, and sealing.
 */

#ifndef ERRTRACK_WORKER_ADMIN_SEAL_HPP
#define ERRTRACK_WORKER_ADMIN_SEAL_HPP

#include <string>

#include "worker/admin_options.hpp"

namespace errtrack {

/* The first line of a file, or of standard input when none is named, sealed with the first
 * key of the options for what seal_context() says. Throws Failure. */
std::string read_sealed(const Options &options, const std::string &file, const std::string &context);

void make_secrets_key(const Options &options);
void seal_secret(const Options &options);

}

#endif
