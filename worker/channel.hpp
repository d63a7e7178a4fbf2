/*
 * Channels: the ways in which a project has people told. A notice becomes what is sent, and the
 * answer becomes a judgement. Sending, and when to send again, is for others. Pure.
 */

#ifndef ERRTRACK_WORKER_CHANNEL_HPP
#define ERRTRACK_WORKER_CHANNEL_HPP

#include "worker/notice.hpp"
#include "worker/web_client.hpp"
#include "worker/web_request.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace errtrack {

struct Channel {
    std::string kind;                   /* webhook, slack, mattermost, discord, teams, google_chat,
                                         * pagerduty, gitlab_alert, mail */
    std::string url;                    /* none for mail; may be empty for pagerduty */
    std::string secret;                 /* webhook: signs; pagerduty: routing key; gitlab_alert: key */
    std::string settings = "{}";        /* JSON: {"headers": [..]} of webhook, {"to": [..]} of mail */
};

/* How the operator has mail sent. */
struct MailSettings {
    std::string server;                 /* empty: no mail is sent */
    Mail::StartTls starttls = Mail::StartTls::required;
    std::string user;
    std::string password;
    std::string from;
    std::string from_name;
    std::vector<std::string> domains = {};      /* who is of none of them gets no mail; empty: all may */
};

/* What is the same for all channels. */
struct Delivery {
    std::string id;                     /* the same when it is sent again */
    std::int64_t now = 0;               /* seconds since 1970 */
    std::string base;                   /* address of the pages, without a slash at its end; may be empty */
};

/* The channel cannot be used as it is; says what is wrong and what to do. */
class ChannelError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/* Throws ChannelError. */
std::variant<WebRequest, Mail> compose(const Channel &channel, const Notice &notice, const Delivery &delivery,
                                       const MailSettings &mail);

/* What is sent once that was taken: a test leaves no incident in PagerDuty. Throws ChannelError. */
std::optional<WebRequest> compose_end(const Channel &channel, const Notice &notice, const Delivery &delivery);

enum class Verdict {
    delivered,
    again,                              /* later, it may work */
    message_refused,                    /* this message is never taken */
    channel_refused                     /* no message is: its address or its key is no longer good */
};

struct Judgement {
    Verdict verdict = Verdict::delivered;
    std::optional<std::chrono::seconds> after;      /* how long the server wants to be left alone */
    std::string why;                    /* for people; empty when delivered */
};

/* What the answer to a request of a channel of that kind means. */
Judgement judge_answer(std::string_view kind, const WebAnswer &answer);

/* The same by the status alone, as any server means it. */
Judgement judge_status(std::string_view who, const WebAnswer &answer);

}

#endif
