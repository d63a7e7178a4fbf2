/*
 * What people write about an error: the user reports of old SDKs and of the dialog, and
 * feedback. Both become one row that names the event it is about, which may come later
 * or never. Pure.
 *
 * Rules: protocol reference, sections 7.4 and 7.5.
 */

#ifndef ERRTRACK_WORKER_FEEDBACK_HPP
#define ERRTRACK_WORKER_FEEDBACK_HPP

#include <string>
#include <string_view>

#include "worker/item.hpp"

namespace errtrack {

/*
 * {"kind": user_report or feedback, "id": of the row, "event": id of the event that it is
 * about, "name": , "email": , "message": , "url": , "source": , "release": ,
 * "environment": }, without what is empty. A user report is known by its event, feedback
 * by an id of its own. Return reason::none, no_data, invalid_json, and event_id for a
 * report of no event, invalid_feedback for feedback without a message.
 */
std::string_view read_user_report(std::string_view payload, const ItemContext &context,
                                  std::string &row);
std::string_view read_feedback(std::string_view payload, const ItemContext &context,
                               std::string &row);

}

#endif
