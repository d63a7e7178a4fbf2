/*
 * What a project wants done to its events before they are stored: privacy and filters.
 * Set in errtrack_private.event_settings (sql/api/024_privacy.sql).
 */

#ifndef ERRTRACK_WORKER_EVENT_SETTINGS_HPP
#define ERRTRACK_WORKER_EVENT_SETTINGS_HPP

#include <string_view>

#include "worker/payload_filter.hpp"
#include "worker/scrub.hpp"

namespace errtrack {

struct EventSettings {
    Scrubber scrubber;
    PayloadFilters filters;
};

/* From a JSON object of errtrack_private.event_rules(). What it does not say is as
 * usual: secrets are scrubbed, nothing is filtered. */
EventSettings read_event_settings(std::string_view json);

}

#endif
