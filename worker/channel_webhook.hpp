/*
 * Webhooks: a notice as JSON to a server of the project's people, signed so that it can tell
 * who sent it and when. Pure.
 */

#ifndef ERRTRACK_WORKER_CHANNEL_WEBHOOK_HPP
#define ERRTRACK_WORKER_CHANNEL_WEBHOOK_HPP

#include "worker/channel.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace errtrack {

/*
 * The headers of a JSON body: its type, X-Errtrack-Delivery, -Event and -Timestamp, and with a
 * secret X-Errtrack-Signature, "v1=" and the HMAC-SHA256 in hex of timestamp, "." and body. The
 * timestamp is signed so that nobody can send an old message anew.
 */
std::vector<std::string> signed_headers(const Delivery &delivery, std::string_view event, std::string_view secret,
                                        std::string_view body);

/* Throws ChannelError. */
WebRequest compose_webhook(const Channel &channel, const Notice &notice, const Delivery &delivery);

}

#endif
