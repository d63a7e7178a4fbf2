/*
 * The user whom an event is about. Rules: protocol reference, section 5.12.
 */

#ifndef ERRTRACK_WORKER_USER_HPP
#define ERRTRACK_WORKER_USER_HPP

#include <optional>
#include <string>

#include "worker/event.hpp"
#include "worker/json.hpp"

namespace errtrack {

/* Whether text is an address of IPv4 or IPv6. */
bool is_address(const std::string &text);

/* What users are told apart by: id, else username, else email, else address. Without a
 * client_address none is filled in. */
std::optional<Hash> user_of(JsonValue root, const std::string &platform,
                            const std::string &client_address);

}

#endif
