/*
 * Each filter looks at one thing that an event says: where it happened, for whom, in
 * what release, with what words.
 */

#include "worker/payload_filter.hpp"

#include <algorithm>
#include <optional>

#include "worker/browser.hpp"
#include "worker/fields.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

bool starts_with_any(std::string_view text, const auto &beginnings)
{
    return std::any_of(std::begin(beginnings), std::end(beginnings),
                       [&](std::string_view each) { return text.starts_with(each); });
}

bool matches_any(const std::vector<std::string> &globs, std::string_view text)
{
    return !text.empty()
           && std::any_of(globs.begin(), globs.end(), [&](const std::string &glob) {
                  return matches_glob(glob, text);
              });
}

/* ---- browsers ---- */

/* The file of the newest frame that has one. */
std::string_view newest_source(const std::vector<Frame> &frames)
{
    for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) {
        std::string_view source = frame->abs_path.empty() ? frame->filename : frame->abs_path;
        if (!source.empty() && source != "<anonymous>" && source != "[native code]") {
            return source;
        }
    }
    return {};
}

/* Extensions run in the page, and their errors are reported like its own. */
bool is_of_extension(const GroupingInput &input)
{
    constexpr std::string_view places[] = {
        "chrome-extension://", "moz-extension://",  "safari-extension://",
        "safari-web-extension://", "ms-browser-extension://", "webkit-masked-url://",
        "chrome://", "resource://"};
    constexpr std::string_view words[] = {
        "*extension context invalidated*", "*message port closed before a response*",
        "*top.globals*", "*originalcreatenotification*", "*myapp_removeallhighlights*",
        "*atomicfindclose*", "*conduitpage*", "*fb_xd_fragment*", "*bmi_safeaddonload*",
        "*ebcallbackmessagereceived*", "*can't find variable: zitereader*",
        "*jigsaw is not defined*", "*combosearch is not defined*", "*__gcrweb*",
        "*gcrweb.forms*", "*_autofillcallbackhandler*"};
    auto foreign = [&](const Exception &each) {
        return starts_with_any(newest_source(each.frames), places)
               || std::any_of(std::begin(words), std::end(words), [&](std::string_view glob) {
                      return matches_glob(glob, each.value);
                  });
    };
    return !input.exceptions.empty() && foreign(input.exceptions.back());
}

/* ---- the machine itself ---- */

std::string_view host_of(std::string_view url)
{
    std::size_t scheme = url.find("://");
    if (scheme == url.npos) {
        return {};
    }
    url.remove_prefix(scheme + 3);
    url = url.substr(0, url.find_first_of("/?#\\"));
    std::size_t user = url.rfind('@');
    url.remove_prefix(user == url.npos ? 0 : user + 1);
    if (url.starts_with('[')) {
        return url.substr(0, std::min(url.find(']'), url.size() - 1) + 1);
    }
    return url.substr(0, url.find(':'));
}

bool is_local(std::string_view url, std::string_view address)
{
    std::string host = lower(host_of(url));
    return host == "localhost" || host.ends_with(".localhost") || host == "[::1]"
           || host.starts_with("127.") || address.starts_with("127.") || address == "::1";
}

/* Asks only for what a filter wants to know. */
std::string_view first_filter(const PayloadFilters &filters, auto agent, auto local,
                              JsonValue release)
{
    if (filters.legacy_browsers && is_legacy_browser(agent())) {
        return "legacy-browsers";
    }
    if (filters.localhost && local()) {
        return "localhost";
    }
    bool unwanted = !filters.releases.empty()
                    && matches_any(filters.releases, trim(lenient_text(release).value_or("")));
    return unwanted ? "release-version" : "";
}

std::string_view common_filter(const PayloadFilters &filters, JsonValue root)
{
    auto agent = [root] { return request_header(root, "user-agent"); };
    auto local = [root] {
        return is_local(interface_of(root, "request", "sentry.interfaces.Http")["url"].text(),
                        interface_of(root, "user", "sentry.interfaces.User")["ip_address"].text());
    };
    return first_filter(filters, agent, local, root["release"]);
}

/* ---- words ---- */

bool is_unwanted(const std::vector<std::string> &globs, const GroupingInput &input)
{
    if (globs.empty()) {
        return false;
    }
    bool unwanted = matches_any(globs, input.message) || matches_any(globs, input.message_template);
    for (const Exception &each : input.exceptions) {
        const char *colon = each.type.empty() || each.value.empty() ? "" : ": ";
        unwanted = unwanted || matches_any(globs, each.type + colon + each.value);
    }
    return unwanted;
}

bool is_health_check(std::string_view name)
{
    constexpr std::string_view checks[] = {
        "*healthcheck*", "*health-check*", "*health_check*", "*heartbeat*", "*/health",
        "*/health/*",    "*/healthy",      "*/healthz",      "*/live",      "*/livez",
        "*/liveness",    "*/ready",        "*/readyz",       "*/readiness", "*/ping",
        "*/up"};
    name = name.substr(0, name.find_last_not_of('/') + 1);
    return std::any_of(std::begin(checks), std::end(checks),
                       [&](std::string_view glob) { return matches_glob(glob, name); });
}

}

std::string_view filter_of_event(const PayloadFilters &filters, JsonValue root,
                                 const GroupingInput &input)
{
    if (filters.browser_extensions && is_of_extension(input)) {
        return "browser-extensions";
    }
    if (is_unwanted(filters.messages, input)) {
        return "error-message";
    }
    return common_filter(filters, root);
}

std::string_view filter_of_transaction(const PayloadFilters &filters, JsonValue root)
{
    if (filters.health_checks && is_health_check(trim(root["transaction"].text()))) {
        return "health-checks";
    }
    return common_filter(filters, root);
}

std::string_view filter_of_segment(const PayloadFilters &filters, JsonValue span)
{
    if (filters.health_checks && is_health_check(trim(span["name"].text()))) {
        return "health-checks";
    }
    auto attribute = [attributes = span["attributes"]](std::string_view name) {
        return attributes[name]["value"];
    };
    auto agent = [&] { return attribute("user_agent.original").text(); };
    auto local = [&] {
        return attribute("sentry.is_localhost").boolean().value_or(false)
               || is_local(attribute("url.full").text(), attribute("user.ip_address").text());
    };
    return first_filter(filters, agent, local, attribute("sentry.release"));
}

bool matches_glob(std::string_view pattern, std::string_view text)
{
    auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = pattern.npos;        /* the last one, and where its text ends so far */
    std::size_t star_end = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_end = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || small(pattern[p]) == small(text[t]))) {
            p++;
            t++;
        } else if (star != pattern.npos) {
            p = star + 1;
            t = ++star_end;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == pattern.npos;
}

}
