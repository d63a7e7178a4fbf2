/*
 * What trackers show of an issue: a title, and texts in Markdown. Pure.
 */

#ifndef ERRTRACK_WORKER_TRACKER_TEXT_HPP
#define ERRTRACK_WORKER_TRACKER_TEXT_HPP

#include "worker/channel.hpp"
#include "worker/notice.hpp"

#include <cstddef>
#include <string>

namespace errtrack {

/* Nobody sees it there; a repeated task finds what it did before by it. */
std::string tracker_mark(const Delivery &delivery);

std::string tracker_title(const Notice &notice, std::size_t most);

/* Of an issue that is made of the one here; ends with the mark. */
std::string tracker_description(const Notice &notice, const Delivery &delivery);

/* Why an issue is closed, or open again; ends with the mark. */
std::string tracker_comment(const Notice &notice, const Delivery &delivery);

}

#endif
