/*
 * Trackers: issues that people work with in GitLab, GitHub or a program of their own, made of the
 * issues here, closed and opened again with them. A task is told until it succeeds, each time
 * under the same delivery id: what was done before is found and not done twice.
 */

#ifndef ERRTRACK_WORKER_TRACKER_HPP
#define ERRTRACK_WORKER_TRACKER_HPP

#include "worker/channel.hpp"
#include "worker/notice.hpp"
#include "worker/web_client.hpp"

#include <cstdint>
#include <stop_token>
#include <string>

namespace errtrack {

struct TrackerSettings {
    std::string provider;               /* gitlab, github, other */
    std::string url;                    /* of the project there: https://gitlab.example.com/acme/shop */
    std::int64_t external_id = 0;       /* of the project in GitLab; 0: known by its path */
    std::string token;                  /* of gitlab and github */
    std::string secret;                 /* of other: signs */
    std::string settings = "{}";        /* JSON: {"labels": [..], "confidential": true, "api": "https://.."} */
};

struct TrackerTask {
    Notice notice;                      /* create, close, reopen or test, which changes nothing there */
    Delivery delivery;
    unsigned attempts = 0;              /* that came before, and may have reached the tracker */
    std::string reference;              /* of close and reopen: 88, #88, acme/shop#88 */
};

struct TrackerOutcome {
    Judgement judgement;
    std::string reference;              /* of what was created */
    std::string url;                    /* of its page; may be empty */
    std::string remark;                 /* what there was not to be done; may be empty */
};

TrackerOutcome tell_tracker(WebClient &client, const TrackerSettings &tracker, const TrackerTask &task,
                            const std::stop_token &stop);

}

#endif
