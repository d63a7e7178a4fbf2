/*
 * Fingerprints: what a client, or a rule of the project, says that identifies an event.
 *
 * Rules: grouping reference, sections 3.1 to 3.3.
 */

#ifndef ERRTRACK_WORKER_FINGERPRINT_HPP
#define ERRTRACK_WORKER_FINGERPRINT_HPP

#include <string>
#include <string_view>

#include "worker/grouping.hpp"
#include "worker/rule_reader.hpp"

namespace errtrack {

/* Whether checksum or fingerprint decide alone. */
bool is_explicit(const GroupingInput &input);

/* An entry as it is hashed: variables replaced by what they stand for. */
std::string resolved_entry(const GroupingInput &input, std::string_view entry);

/* The value of a variable, {{ name }} without the braces. */
std::string resolved_variable(const GroupingInput &input, std::string_view name);

/* Text with all variables in it replaced, as the title of a rule has them. */
std::string resolved_text(const GroupingInput &input, std::string_view text);

/* The entries as leaves, with default_part where the default is asked for. */
std::string fingerprint_bytes(const GroupingInput &input, std::string_view default_part);

/* Replaces the client's fingerprint when one of the project's rules, or else a built-in
 * one, matches. After mark_frames(). */
void apply_fingerprint_rules(GroupingInput &input);

}

#endif
