/*
 * Check-ins of monitors: jobs that say that they have begun, ended or failed, and when the
 * next word of them is to be expected. Pure.
 *
 * Rules: protocol reference, section 7.7.
 */

#ifndef ERRTRACK_WORKER_CHECK_IN_HPP
#define ERRTRACK_WORKER_CHECK_IN_HPP

#include <string>
#include <string_view>

#include "worker/item.hpp"

namespace errtrack {

/*
 * {"slug": , "environment": , "status": , "id": , "new_id": , "seconds": , "release": ,
 * "schedule": , "timezone": , "margin": minutes, "runtime": minutes}, without what is empty.
 * Without an id it is about the run that is open, else about a new one called new_id.
 *
 * A schedule is {"every": n, "unit": "minute"} or {"minutes": [..], "hours": [..], "days":
 * [..], "months": [..], "weekdays": [..], "either": a day of the month or of the week will do};
 * one that cannot be understood is left out, and so is all that goes with it.
 *
 * Returns reason::none, no_data, invalid_json, or invalid_check_in without a monitor.
 */
std::string_view read_check_in(std::string_view payload, const ItemContext &context,
                               std::string &row);

}

#endif
