/* Messages for rooms in which people talk, by what the incoming webhooks of each take. Pure. */

#ifndef ERRTRACK_WORKER_CHANNEL_CHAT_HPP
#define ERRTRACK_WORKER_CHANNEL_CHAT_HPP

#include "worker/channel.hpp"

namespace errtrack {

/* All throw ChannelError. */
WebRequest compose_slack(const Channel &channel, const Notice &notice, const Delivery &delivery);
WebRequest compose_mattermost(const Channel &channel, const Notice &notice, const Delivery &delivery);
WebRequest compose_discord(const Channel &channel, const Notice &notice, const Delivery &delivery);
WebRequest compose_teams(const Channel &channel, const Notice &notice, const Delivery &delivery);
WebRequest compose_google_chat(const Channel &channel, const Notice &notice, const Delivery &delivery);

}

#endif
