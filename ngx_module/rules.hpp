/*
 * The settings of a project that the edge applies to a request without looking at its
 * body: allowed origins and inbound filters. They are kept as text, one rule a line,
 * so that they can lie in shared memory:
 *
 *     o *.example.com             an allowed origin; none: all are
 *     a 192.0.2.0/24              a filtered address or network
 *     u crawlers                  a filtered class of user agents
 *     s sentry.javascript.*<7.0.0 filtered versions of an SDK
 *
 * Pure: nothing is allocated but by compile_rules.
 */

#ifndef ERRTRACK_NGX_MODULE_RULES_HPP
#define ERRTRACK_NGX_MODULE_RULES_HPP

#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/* Of one project. What does not fit is left out, whole rules at a time, filters first. */
inline constexpr std::size_t max_rules = 4096;

/* From the JSON object of the projection (worker/entry.hpp). Rules that cannot be read
 * are left out and counted in bad: an edge never stops for a setting. */
std::string compile_rules(std::string_view json, unsigned &bad);

/*
 * Whether a page of this origin may report. origin is the header Origin, or else
 * Referer; empty is allowed always. Patterns are [scheme://]host[:port], each part may
 * be "*", "*.example.com" is example.com and all below it; without a scheme or port any
 * will do. Case does not matter. Protocol reference, section 1.3.
 */
bool origin_allowed(std::string_view rules, std::string_view origin) noexcept;

/* What is known of a client without its body; each may be empty. */
struct ClientFacts {
    std::string_view address;   /* text form, IPv4 or IPv6 */
    std::string_view agent;     /* User-Agent */
    std::string_view sdk;       /* "name/version" */
};

/* The filter that the client meets: "ip-address", "web-crawlers", "legacy-browsers",
 * "sdk-version"; empty when none. The text is a literal. */
std::string_view filter_of(std::string_view rules, const ClientFacts &client) noexcept;

}

#endif
