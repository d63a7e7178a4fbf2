/*
 * Which endpoint a path names, and what stands in it. Pure: views in, views out,
 * nothing is allocated. Rules: protocol reference, section 1.2.
 */

#ifndef ERRTRACK_NGX_MODULE_ENDPOINT_HPP
#define ERRTRACK_NGX_MODULE_ENDPOINT_HPP

#include <cstdint>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

enum class Endpoint : std::uint8_t {
    unknown,
    envelope,
    store,
    security,       /* and csp-report */
    nel,
    minidump,
    attachments,    /* to an event that was sent before */
    checkin,        /* by URL */
    dialog,         /* the user feedback dialog */
    tunnel,         /* never by path: errtrack_tunnel */
};
inline constexpr std::size_t endpoints = 10;

/* The name in metrics and variables. */
std::string_view endpoint_name(Endpoint endpoint) noexcept;

enum Methods : std::uint8_t { method_get = 1, method_post = 2 };

/* The methods that an endpoint knows, beside OPTIONS everywhere and HEAD where GET is. */
std::uint8_t methods_of(Endpoint endpoint) noexcept;

/* Views into the path. */
struct Target {
    Endpoint endpoint = Endpoint::unknown;
    std::string_view project;   /* as written; empty where the path names none */
    std::string_view event_id;  /* attachments: as written */
    std::string_view slug;      /* checkin */
    std::string_view key;       /* checkin: empty when it is not in the path */
};

/*
 *     .../api/{project}/{envelope|store|security|csp-report|nel|minidump}[/]
 *     .../api/store[/]                                 the key tells the project
 *     .../api/{project}/events/{event id}/attachments[/]
 *     .../api/{project}/cron/{slug}[/{key}][/]
 *     .../api/embed/error-page[/]
 *
 * Whatever stands in front is a prefix; runs of slashes count as one.
 */
Target find_target(std::string_view path) noexcept;

}

#endif
