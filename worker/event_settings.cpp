#include "worker/event_settings.hpp"

namespace errtrack {
namespace {

std::vector<std::string> texts(JsonValue list)
{
    std::vector<std::string> made;
    for (JsonValue each : list) {
        made.push_back(each.text());
    }
    return made;
}

}

EventSettings read_event_settings(std::string_view json)
{
    Json document;
    document.parse(json);
    JsonValue root = document.root();
    ScrubOptions scrub;
    scrub.secrets = root["secrets"].boolean().value_or(true);
    scrub.addresses = root["addresses"].boolean().value_or(false);
    scrub.keys = texts(root["keys"]);
    scrub.exempt = texts(root["exempt"]);
    PayloadFilters filters;
    for (JsonValue each : root["events"]) {
        std::string name = each.text();
        filters.browser_extensions |= name == "browser-extensions";
        filters.legacy_browsers |= name == "legacy-browsers";
        filters.localhost |= name == "localhost";
        filters.health_checks |= name == "health-checks";
    }
    filters.messages = texts(root["messages"]);
    filters.releases = texts(root["releases"]);
    return {Scrubber(scrub), std::move(filters)};
}

}
