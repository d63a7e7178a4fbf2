/*
 * Reports that browsers send on their own: policies that were violated (CSP, Expect-CT,
 * Expect-Staple, HPKP) and network errors (NEL). Each becomes the event that it stands
 * for, which then is an event like any other. Pure.
 *
 * Rules: protocol reference, section 7.9.
 */

#ifndef ERRTRACK_WORKER_SECURITY_REPORT_HPP
#define ERRTRACK_WORKER_SECURITY_REPORT_HPP

#include <string>
#include <string_view>

#include "worker/json.hpp"

namespace errtrack {

/* What the request of a browser says beside the report. Views live as long as it does. */
struct ReportContext {
    std::string_view query;              /* sentry_release and sentry_environment are in it */
    std::string_view user_agent;
    std::string_view address;
};

struct SecurityEvent {
    std::string json;                    /* an event as an SDK would send it */
    std::string culprit;                 /* what an event as such cannot say */
};

/*
 * The event that a report stands for: an object of the Reporting API, or one that has its
 * only member under the name of its kind. Returns reason::none, or
 * security_report_type for a kind that is not known, security_report for a report that
 * lacks what makes it one.
 */
std::string_view security_event(JsonValue report, const ReportContext &context,
                                SecurityEvent &event);

}

#endif
