/*
 * What is wrong with a command line, for people.
 */

#ifndef ERRTRACK_WORKER_ADMIN_COMPLAINT_HPP
#define ERRTRACK_WORKER_ADMIN_COMPLAINT_HPP

#include <string>

#include <CLI/CLI.hpp>

namespace errtrack {

/* CLI11 only says of an unknown command that one is missing. */
std::string complaint_of(const CLI::ParseError &e, const CLI::App &app);

}

#endif
