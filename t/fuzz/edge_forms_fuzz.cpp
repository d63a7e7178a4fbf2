/*
 * Whatever a form holds: it is refused, or becomes an envelope of one item, which the
 * edge itself would take and the worker reads.
 *
 * The input is a slug and a query, a line each, and the body.
 */

#include "ngx_module/forms.hpp"
#include "t/unit/edge_agreement.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

using namespace errtrack;

void check(const FormEnvelope &made, std::string_view type)
{
    if (made.text.empty() != static_cast<bool>(made.fault)) {
        std::abort();
    }
    if (made.fault) {
        return;
    }
    bool accepted = false;
    std::string found = disagreement(Endpoint::envelope, made.text, 7, accepted);
    Scanned scanned = scan_body(Endpoint::envelope, made.text);
    bool large = scanned.reason == reason::too_large;
    if (!found.empty() || (!large && scanned.items != std::string(type) + ":1")) {
        std::fprintf(stderr, "%s %s\n%s", found.c_str(), scanned.detail.c_str(), made.text.c_str());
        std::abort();
    }
    Envelope envelope;
    Json document;
    std::string buffer;
    if (parse_envelope(made.text, envelope) != reason::none || envelope.items.size() != 1
        || !document.parse(repair(envelope.items[0].payload, buffer)))
    {
        std::abort();
    }
}

}

extern "C" int LLVMFuzzerTestOneInput(const unsigned char *data, std::size_t size)
{
    std::string_view body(reinterpret_cast<const char *>(data), size);
    std::string_view texts[2];
    for (std::string_view &text : texts) {
        text = body.substr(0, body.find('\n'));
        body.remove_prefix(std::min(text.size() + 1, body.size()));
    }
    check(checkin_envelope(texts[0], texts[1], body), "check_in");

    // The edge refuses a report to no event before it reads the form.
    std::string event_id = normalize_uuid(form_value(texts[1], "eventId").value_or(""));
    if (event_id.empty()) {
        return 0;
    }
    std::string errors;
    FormEnvelope report = user_report_envelope(event_id, body, errors);
    check(report, "user_report");
    Json document;
    if (report.fault ? !document.parse(errors) : !errors.empty()) {
        std::abort();
    }
    return 0;
}
