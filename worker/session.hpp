/*
 * Sessions of release health: updates of single ones, and counts of many that the SDK has
 * added up. Pure.
 *
 * Rules: protocol reference, sections 7.1 to 7.3.
 */

#ifndef ERRTRACK_WORKER_SESSION_HPP
#define ERRTRACK_WORKER_SESSION_HPP

#include <string>
#include <string_view>

#include "worker/item.hpp"

namespace errtrack {

/*
 * {"sid": 32 hex digits, "started": , "at": , "seq": , "status": , "errors": , "seconds": ,
 * "did": hash of the user, "release": , "environment": }, times in microseconds since 1970,
 * without what is empty. A session without an id is one of its own.
 *
 * Returns reason::none, no_data, invalid_json, release, timestamp for one that began too long
 * ago or in the future, and invalid_session for any other fault.
 */
std::string_view read_session(std::string_view payload, const ItemContext &context,
                              std::string &row);

/*
 * {"release": , "environment": , "buckets": [{"started": , "did": , "exited": , "errored": ,
 * "crashed": , "abnormal": }, ...]}; counts are left out when 0. Buckets of another time are
 * skipped. Returns the same reasons; invalid_session when a count is none.
 */
std::string_view read_sessions(std::string_view payload, const ItemContext &context,
                               std::string &row);

}

#endif
