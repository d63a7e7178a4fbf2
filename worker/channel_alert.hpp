/* Alerts for those who are on call: PagerDuty, and the alert endpoint of a GitLab project. Pure. */

#ifndef ERRTRACK_WORKER_CHANNEL_ALERT_HPP
#define ERRTRACK_WORKER_CHANNEL_ALERT_HPP

#include "worker/channel.hpp"

namespace errtrack {

/* All of them throw ChannelError. */
WebRequest compose_pagerduty(const Channel &channel, const Notice &notice, const Delivery &delivery);

/* Resolves the incident that the same notice, or one about the same issue, has triggered. */
WebRequest end_pagerduty(const Channel &channel, const Notice &notice, const Delivery &delivery);

WebRequest compose_gitlab_alert(const Channel &channel, const Notice &notice, const Delivery &delivery);

}

#endif
