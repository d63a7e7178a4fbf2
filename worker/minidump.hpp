/*
 * The event that a minidump stands for. The dump itself is an attachment; what is known
 * beside it is in the form that it came with. Pure.
 */

#ifndef ERRTRACK_WORKER_MINIDUMP_HPP
#define ERRTRACK_WORKER_MINIDUMP_HPP

#include "worker/multipart.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

/*
 * The payload as JSON text: the field "sentry", or else the fields "sentry__1", "sentry__2"
 * and so on put together, or else an empty object, with a level, a platform and a message
 * where it has none. A field that is no JSON object is ignored.
 */
std::string minidump_event(const std::vector<MultipartPart> &parts);

/* The payload of an event that came in one envelope with its minidump, completed alike: the
 * native SDK sends one that says nothing of the crash. Text that is no JSON object stays. */
std::string minidump_event(std::string_view json);

}

#endif
