/*
 * The parts of an event payload that identify and name it, read from its JSON: the
 * forms that SDKs of ten years have sent, converted to one. What has a wrong type
 * counts as absent, and every list is read up to a bound.
 */

#ifndef ERRTRACK_WORKER_FIELDS_HPP
#define ERRTRACK_WORKER_FIELDS_HPP

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/grouping.hpp"
#include "worker/json.hpp"

namespace errtrack {

/* A member under its name, or else under the name that old SDKs gave it. */
JsonValue interface_of(JsonValue root, std::string_view key, std::string_view old_key);

/* The objects of a list that may be written as [..], {"values": [..]} or as its only
 * element; the last ones if there are more than the limit. */
std::vector<JsonValue> values_of(JsonValue list, std::size_t limit);

/* A scalar as text: True and False, numbers without fraction. Nothing for others. */
std::optional<std::string> lenient_text(JsonValue value);

/* A header of the request that the event is about, by its name in small letters: the last
 * one if it is there twice; lists count with their first value. */
std::string request_header(JsonValue root, std::string_view wanted);

/* Everything of the event that grouping asks for; platform stands for frames that
 * have none of their own. level is left to the caller. */
GroupingInput read_grouping_input(JsonValue root, const std::string &platform);

}

#endif
