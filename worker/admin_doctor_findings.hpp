/*
 * What "errtrack doctor" found, and the parts that look.
 */

#ifndef ERRTRACK_WORKER_ADMIN_DOCTOR_FINDINGS_HPP
#define ERRTRACK_WORKER_ADMIN_DOCTOR_FINDINGS_HPP

#include "worker/admin_options.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace errtrack {

struct Finding {
    std::string level;                  /* ok, warning or failing */
    std::string subject;
    std::string what;
    std::string advice;                 /* empty when nothing is to be done */
};

using Findings = std::vector<Finding>;

/* Asks a clock for seconds since 1970, and tells whether it goes with this host's: until half
 * of the time that asking takes. */
template <class Ask>
void compare_clocks(Findings &findings, const std::string &whose, Ask ask)
{
    constexpr double most = 2;
    constexpr double far_off = 60;
    auto now = [] {
        return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    };
    double before = now();
    double theirs = ask();
    double after = now();
    double off = theirs > after ? theirs - after : theirs < before ? theirs - before : 0;
    double size = off < 0 ? -off : off;
    if (size > most) {
        findings.push_back({size > far_off ? "failing" : "warning", "clocks",
                            "the clock of " + whose + " is " + std::to_string(static_cast<long long>(size))
                                + " s " + (off > 0 ? "ahead of" : "behind") + " that of this host",
                            "let NTP set both"});
    } else {
        findings.push_back({"ok", "clocks", "the clock of " + whose + " goes with that of this host", ""});
    }
}

/* Of the queue, and of the Redis that it is in. */
void look_at_redis(Findings &findings, const Options &options);

/* Of what an edge on this host has kept in its spool. An empty folder name: of nothing. */
void look_at_spool(Findings &findings, const std::string &folder);

}

#endif
