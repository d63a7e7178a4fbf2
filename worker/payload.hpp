/*
 * The stored body of an event. It is what was received, except where a reader would
 * stumble: GitLab takes stack traces straight from it and fails on lists with nulls
 * or context lines without a number.
 */

#ifndef ERRTRACK_WORKER_PAYLOAD_HPP
#define ERRTRACK_WORKER_PAYLOAD_HPP

#include <string>
#include <string_view>

#include "worker/json.hpp"

namespace errtrack {

/* Bytes of a stored body. */
inline constexpr std::size_t max_payload = 512 * 1024;

/*
 * The document, an object, as JSON text of at most max_payload bytes that carries
 * event_id, unless that is empty. Ranges without a fault are copied as they are.
 * What had to go for size is named in the member "_errtrack": {"trimmed": [..]}.
 */
std::string make_payload(const Json &document, std::string_view event_id);

}

#endif
