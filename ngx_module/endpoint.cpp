/*
 * Paths are read from their end, because anything may stand in front: the last few
 * segments tell the endpoint, and nothing before them is looked at.
 */

#include "ngx_module/endpoint.hpp"

#include <array>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* The longest form is api/{project}/cron/{slug}/{key}. */
constexpr std::size_t most_segments = 5;

/* The last segments of a path, the last one first; empty where the path is shorter. */
using Segments = std::array<std::string_view, most_segments>;

Segments last_segments(std::string_view path) noexcept
{
    Segments segments;
    for (std::string_view &segment : segments) {
        std::size_t last = path.find_last_not_of('/');
        if (last == std::string_view::npos) {
            break;
        }
        path = path.substr(0, last + 1);
        std::size_t slash = path.rfind('/');
        std::size_t first = slash == std::string_view::npos ? 0 : slash + 1;
        segment = path.substr(first);
        path = path.substr(0, first);
    }
    return segments;
}

struct Name {
    std::string_view segment;
    Endpoint endpoint;
};

/* What follows the project directly and ends the path. */
constexpr Name plain_names[] = {
    {"envelope", Endpoint::envelope}, {"store", Endpoint::store},
    {"security", Endpoint::security}, {"csp-report", Endpoint::security},
    {"nel", Endpoint::nel},           {"minidump", Endpoint::minidump},
};

Target plain_target(std::string_view name, std::string_view project) noexcept
{
    Target target;
    for (const Name &known : plain_names) {
        if (known.segment == name) {
            target.endpoint = known.endpoint;
            target.project = project;
        }
    }
    return target;
}

}

std::string_view endpoint_name(Endpoint endpoint) noexcept
{
    constexpr std::string_view names[endpoints] = {
        "unknown",  "envelope",    "store",   "security", "nel",
        "minidump", "attachments", "checkin", "dialog",   "tunnel"};
    return names[static_cast<std::size_t>(endpoint)];
}

std::uint8_t methods_of(Endpoint endpoint) noexcept
{
    switch (endpoint) {
    case Endpoint::unknown:
        return 0;
    case Endpoint::store:
    case Endpoint::checkin:
    case Endpoint::dialog:
        return method_get | method_post;
    default:
        return method_post;
    }
}

Target find_target(std::string_view path) noexcept
{
    Segments s = last_segments(path);
    Target target;
    // First, because no project is called "api".
    if (s[0] == "store" && s[1] == "api") {
        target.endpoint = Endpoint::store;
    } else if (s[0] == "error-page" && s[1] == "embed" && s[2] == "api") {
        target.endpoint = Endpoint::dialog;
    } else if (s[2] == "api") {
        return plain_target(s[0], s[1]);
    } else if (s[3] == "api" && s[1] == "cron") {
        target.endpoint = Endpoint::checkin;
        target.project = s[2];
        target.slug = s[0];
    } else if (s[4] == "api" && s[2] == "events" && s[0] == "attachments") {
        target.endpoint = Endpoint::attachments;
        target.project = s[3];
        target.event_id = s[1];
    } else if (s[4] == "api" && s[2] == "cron") {
        target.endpoint = Endpoint::checkin;
        target.project = s[3];
        target.slug = s[1];
        target.key = s[0];
    }
    return target;
}

}
