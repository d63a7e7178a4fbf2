/*
 * The commands about logins of analysts. What such a login may do is decided in SQL
 * (sql/api/070_views.sql, sql/api/078_report_logins.sql).
 */

#ifndef ERRTRACK_WORKER_ADMIN_REPORT_HPP
#define ERRTRACK_WORKER_ADMIN_REPORT_HPP

#include <functional>

#include <CLI/CLI.hpp>

#include "worker/admin_options.hpp"

namespace errtrack {

/* Adds the commands to their group. They write into options, and the one that was named
 * leaves what it does in action. */
void add_report_logins(CLI::App &group, Options &options, std::function<void(const Options &)> &action);

}

#endif
