/*
 * Limits of the parts of a stored body, so that one huge value does not cost the rest.
 * Cut texts end in "...", lists that are too deep become "{Object}" or "[Array]", and
 * what was cut is named. Rules: protocol reference, section 5.
 */

#ifndef ERRTRACK_WORKER_LIMITS_HPP
#define ERRTRACK_WORKER_LIMITS_HPP

#include <string_view>
#include <vector>

#include "worker/json_editor.hpp"

namespace errtrack {

/* The names of the parts that lost something, each once. */
std::vector<std::string_view> limit_parts(JsonEditor &editor);

}

#endif
