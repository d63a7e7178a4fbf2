/*
 * Tags of an event: those that were sent, and those that its attributes and contexts
 * amount to. Rules: protocol reference, section 5.6.
 */

#ifndef ERRTRACK_WORKER_TAGS_HPP
#define ERRTRACK_WORKER_TAGS_HPP

#include <string>
#include <utility>
#include <vector>

#include "worker/event.hpp"
#include "worker/json.hpp"

namespace errtrack {

using Tags = std::vector<std::pair<std::string, std::string>>;

/* The member "tags" in either form, in its order: keys of 1 to 200 letters, digits and
 * "_.:-", values of 1 to 200 characters in one line, each key once, none that is an
 * attribute of events. At most 200. */
Tags sent_tags(JsonValue tags);

/* The sent ones, and behind them those that attributes amount to, where none of that
 * name was sent. event has its columns already; contexts are those that root lacks. */
Tags tags_of(JsonValue root, const Event &event, JsonValue contexts = {});

}

#endif
