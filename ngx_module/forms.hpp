/*
 * Requests that are too small for a queue of their own kind: check-ins by URL and the
 * answers of the feedback dialog become envelopes at the edge, so that the worker knows
 * them as items. Pure. Rules: protocol reference, sections 1.5, 7.4, 7.7.
 */

#ifndef ERRTRACK_NGX_MODULE_FORMS_HPP
#define ERRTRACK_NGX_MODULE_FORMS_HPP

#include "ngx_module/scan.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/* Larger bodies of such requests are refused: check-ins have a limit of 100 KiB. */
inline constexpr std::size_t max_form = 100 * 1024;

/* The value of a field of a query string or form, decoded; nothing when it is absent. */
std::optional<std::string> form_value(std::string_view form, std::string_view name);

/* An envelope of one item, or what is wrong. */
struct FormEnvelope {
    std::string text;
    Fault fault;
};

/* From the slug of the path and a JSON body, or, where that is empty, the query. */
FormEnvelope checkin_envelope(std::string_view slug, std::string_view query,
                              std::string_view body);

/* From the posted form. errors is the JSON object of the answer when it is not valid,
 * {"errors": {field: [text]}}, and then there is a fault. */
FormEnvelope user_report_envelope(std::string_view event_id, std::string_view form,
                                  std::string &errors);

}

#endif
