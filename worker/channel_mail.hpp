/* Mail: a notice as plain text, in one thread with the others about its issue. Pure. */

#ifndef ERRTRACK_WORKER_CHANNEL_MAIL_HPP
#define ERRTRACK_WORKER_CHANNEL_MAIL_HPP

#include "worker/channel.hpp"

namespace errtrack {

/* Throws ChannelError. */
Mail compose_mail_channel(const Channel &channel, const Notice &notice, const Delivery &delivery, const MailSettings &settings);

}

#endif
