/*
 * The commands about logins of analysts. What such a login may do is decided in SQL
 * (sql/api/070_views.sql, sql/api/078_report_logins.sql, sql/api/079_report_policies.sql).
 */

#ifndef ERRTRACK_WORKER_ADMIN_REPORT_HPP
#define ERRTRACK_WORKER_ADMIN_REPORT_HPP

#include "worker/admin_options.hpp"

namespace errtrack {

void create_report_login(const Options &options);
void rotate_report_login(const Options &options);
void delete_report_login(const Options &options);
void list_report_logins(const Options &options);

}

#endif
