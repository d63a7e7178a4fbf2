/*
 * Filters that need the body of an event: what a project does not want to hear of.
 * Pure. The names are those of Sentry's inbound filters; in the ledger they are reasons.
 */

#ifndef ERRTRACK_WORKER_PAYLOAD_FILTER_HPP
#define ERRTRACK_WORKER_PAYLOAD_FILTER_HPP

#include <string>
#include <string_view>
#include <vector>

#include "worker/grouping.hpp"
#include "worker/json.hpp"

namespace errtrack {

struct PayloadFilters {
    bool browser_extensions = false;    /* errors in code that people put into their browser */
    bool legacy_browsers = false;       /* as browser.hpp judges the agent that the event names */
    bool localhost = false;             /* of a page or a user on the machine itself */
    bool health_checks = false;         /* transactions that only ask whether all is well */
    std::vector<std::string> messages;  /* globs */
    std::vector<std::string> releases;  /* globs */

    bool any() const
    {
        return browser_extensions || legacy_browsers || localhost || health_checks
               || !messages.empty() || !releases.empty();
    }
};

/* The first filter that an event meets, given with what grouping knows of it; empty when
 * it meets none. */
std::string_view filter_of_event(const PayloadFilters &filters, JsonValue root,
                                 const GroupingInput &input);
std::string_view filter_of_transaction(const PayloadFilters &filters, JsonValue root);

/* The same of a span that stands for a transaction: what an event says of itself is in
 * the span's attributes. */
std::string_view filter_of_segment(const PayloadFilters &filters, JsonValue span);

/* Whether the whole text fits the pattern: * is any text, ? any byte, case does not
 * matter. Takes pattern × text steps at most. */
bool matches_glob(std::string_view pattern, std::string_view text);

}

#endif
