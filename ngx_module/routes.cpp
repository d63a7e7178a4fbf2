#include "ngx_module/routes.hpp"

#include "ngx_module/url.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

constexpr Surface integrated = Surface::integrated;
constexpr Surface rest = Surface::rest;
constexpr Access reads = Access::read;
constexpr Access writes = Access::write;

/* Stands for a segment that is no text: nothing is called so. */
const std::string no_text = "\xef\xbf\xbd";

/* Routes with the same pattern stand together. */
constexpr Route routes[] = {
    {"GET", "/errortracking/api/v1/projects/{projectId}/errors", integrated, reads, "list_errors", Paging::gitlab},
    {"GET", "/errortracking/api/v1/projects/{projectId}/errors/{fingerprint}", integrated, reads, "get_error"},
    {"PUT", "/errortracking/api/v1/projects/{projectId}/errors/{fingerprint}", integrated, writes, "update_error"},
    {"GET", "/errortracking/api/v1/projects/{projectId}/errors/{fingerprint}/events", integrated, reads,
     "list_error_events", Paging::gitlab},
    {"GET", "/errortracking/api/v1/projects/{projectId}/messages", integrated, reads, "list_messages"},
    {"DELETE", "/errortracking/api/v1/projects/{id}", integrated, writes, "delete_project_data"},

    {"GET", "/api/v4/projects/{id}/error_tracking/client_keys", rest, reads, "rest_list_client_keys", Paging::numbers},
    {"POST", "/api/v4/projects/{id}/error_tracking/client_keys", rest, writes, "rest_create_client_key"},
    {"DELETE", "/api/v4/projects/{id}/error_tracking/client_keys/{key_id}", rest, writes, "rest_delete_client_key"},
};

bool path_matches(std::string_view pattern, std::string_view path, Match &match)
{
    match.captures.clear();
    for (;;) {
        std::string_view wanted = next_segment(pattern);
        std::string_view got = next_segment(path);
        if (wanted.empty() || got.empty()) {
            return wanted.empty() && got.empty();
        }
        std::string segment = percent_decode(got, false);
        if (wanted.front() == '{') {
            match.captures.emplace_back(wanted.substr(1, wanted.size() - 2),
                                        is_text(segment) ? std::move(segment) : no_text);
        } else if (segment != wanted) {
            return false;
        }
    }
}

}

Match match_route(std::string_view method, std::string_view path)
{
    if (method == "HEAD") {
        method = "GET";
    }
    Match match;
    for (const Route &route : routes) {
        if (!path_matches(route.pattern, path, match)) {
            continue;
        }
        if (route.method == method) {
            match.route = &route;
            return match;
        }
        match.allow += match.allow.empty() ? "" : ", ";
        match.allow += route.method == "GET" ? "GET, HEAD" : std::string(route.method);
    }
    match.status = match.allow.empty() ? 404 : 405;
    return match;
}

Surface surface_of(std::string_view path)
{
    std::string_view first = next_segment(path);
    return first == "errortracking" ? integrated : next_segment(path) == "v4" ? rest : Surface::sentry;
}

}
