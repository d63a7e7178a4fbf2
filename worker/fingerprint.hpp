/*
 * Fingerprints: what a client, or a rule of the project, says that identifies an event.
 *
 * Rules: grouping reference, sections 3.1 to 3.3.
 */

#ifndef ERRTRACK_WORKER_FINGERPRINT_HPP
#define ERRTRACK_WORKER_FINGERPRINT_HPP

#include <optional>
#include <string>
#include <string_view>

#include "worker/grouping.hpp"

namespace errtrack {

/* Whether this entry is {{ default }}. */
bool is_default_entry(std::string_view entry);

/* Whether checksum or fingerprint decide alone. */
bool is_explicit(const GroupingInput &input);

/* An entry as it is hashed: variables replaced by what they stand for. */
std::string resolved_entry(const GroupingInput &input, std::string_view entry);

/* The value of a variable, {{ name }} without the braces. */
std::string resolved_variable(const GroupingInput &input, std::string_view name);

/* All variables, for people. */
inline constexpr std::string_view variable_names =
    "transaction, message, raw_message, type, value, raw_value, function, path, stack.filename, module, "
    "package, level, logger, tags.NAME";

/* The first variable of a text that nobody knows. */
std::optional<std::string> unknown_variable(std::string_view text);

/* Text with all variables in it replaced, as the title of a rule has them. */
std::string resolved_text(const GroupingInput &input, std::string_view text);

/* The entries as leaves, with default_part where the default is asked for. */
std::string fingerprint_bytes(const GroupingInput &input, std::string_view default_part);

/* Replaces the client's fingerprint when one of the project's rules, or else a built-in
 * one, matches. After mark_frames(). */
void apply_fingerprint_rules(GroupingInput &input);

}

#endif
