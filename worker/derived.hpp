/*
 * What an event does not say, but its request does: the browser, system and device that
 * it is about, and the SDK that made it. Rules: protocol reference, sections 4.2, 5.2
 * and 5.6.
 */

#ifndef ERRTRACK_WORKER_DERIVED_HPP
#define ERRTRACK_WORKER_DERIVED_HPP

#include <string>
#include <string_view>

#include "worker/json.hpp"

namespace errtrack {

/* Who sent an event, without secrets. */
struct Sender {
    std::string agent;                   /* User-Agent */
    std::string client;                  /* "name/version" of the SDK */
};

/*
 * {"sdk": {"name": , "version": }, "contexts": {..}} with what root lacks, empty when it
 * lacks nothing. The contexts browser, device and os are what the User-Agent in the
 * headers of the event's request tells, or else, where the event is of a browser, that of
 * the sender. Where it is not, os is the system of the server and client_os that of its
 * client.
 */
std::string derived_members(JsonValue root, std::string_view platform, const Sender &sender);

}

#endif
