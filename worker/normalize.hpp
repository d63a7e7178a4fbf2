/*
 * Edits of a stored body that make it say what the columns of its event say, in the
 * forms that readers expect: values of a wrong type are gone, old forms are written as
 * the usual one. What is in order is left as it was sent. Rules: protocol reference,
 * sections 5 and 10.5.
 */

#ifndef ERRTRACK_WORKER_NORMALIZE_HPP
#define ERRTRACK_WORKER_NORMALIZE_HPP

#include <string>

#include "worker/event.hpp"
#include "worker/json_editor.hpp"
#include "worker/timestamp.hpp"

namespace errtrack {

/* client_address stands for {{auto}}; derived is the object of derived_members(), or
 * nowhere. */
void normalize(JsonEditor &editor, const Event &event, const CorrectedTime &time,
               const std::string &client_address, JsonValue derived);

}

#endif
