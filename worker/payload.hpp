/*
 * The stored body of an event. It is what was received, except where a reader would
 * stumble: GitLab takes stack traces straight from it and fails on lists with nulls
 * or context lines without a number.
 */

#ifndef ERRTRACK_WORKER_PAYLOAD_HPP
#define ERRTRACK_WORKER_PAYLOAD_HPP

#include <string>
#include <string_view>
#include <vector>

#include "worker/json_editor.hpp"

namespace errtrack {

/* Bytes of a stored body. */
inline constexpr std::size_t max_payload = 512 * 1024;

/* What readers of a body are told of its making, in its member "_errtrack". */
struct PayloadNotes {
    std::vector<std::string_view> trimmed; /* parts that lost something for their size */
    std::string_view time;                 /* why times were moved; empty if they were not */
};

/*
 * The document of the editor, an object, as JSON text of at most max_payload bytes that
 * carries event_id, unless that is empty. Ranges without a fault are copied as they are.
 * What had to go for size is named in "_errtrack": {"trimmed": [..]}.
 */
std::string make_payload(JsonEditor &editor, std::string_view event_id, PayloadNotes notes = {});

}

#endif
