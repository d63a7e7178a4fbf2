/*
 * What the User-Agent of a browser says about itself and the machine that it runs on.
 * Pure. Names are those that Sentry shows.
 */

#ifndef ERRTRACK_WORKER_USER_AGENT_HPP
#define ERRTRACK_WORKER_USER_AGENT_HPP

#include <string>
#include <string_view>

namespace errtrack {

/* What is empty is not known. */
struct UserAgent {
    std::string browser;                 /* Chrome, Mobile Safari */
    std::string browser_version;         /* of three numbers at most */
    std::string os;                      /* Windows, Mac OS X, iOS, Android, Linux */
    std::string os_version;
    std::string device;                  /* iPhone, Mac, the model of an Android */
    std::string brand;
};

/* Of clients that are no browsers nothing is known. */
UserAgent read_user_agent(std::string_view agent);

}

#endif
