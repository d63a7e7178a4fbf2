/*
 * Routes, from the table at the end down to the bytes of a URL at the start.
 *
 * What must stay true: the path is matched segment by segment as the client
 * wrote it, because an encoded slash inside a segment (acme%2Fshop) is part of
 * it; and every value that goes on to SQL is valid UTF-8 without NUL.
 */

#include "ngx_module/routes.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <initializer_list>

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

constexpr int default_page_size = 20;
constexpr int max_page_size = 100;

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') { return c - '0'; }
    if (c >= 'a' && c <= 'f') { return c - 'a' + 10; }
    if (c >= 'A' && c <= 'F') { return c - 'A' + 10; }
    return -1;
}

/* A % that no two hex digits follow stands for itself. */
std::string percent_decode(std::string_view text, bool plus_is_space)
{
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '%' && i + 2 < text.size()
            && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0)
        {
            out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
            i += 2;
        } else {
            out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
        }
    }
    return out;
}

std::string percent_encode(std::string_view text)
{
    static const char digits[] = "0123456789ABCDEF";
    std::string out;
    for (char c : text) {
        bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                          || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (unreserved) {
            out.push_back(c);
        } else {
            unsigned char byte = static_cast<unsigned char>(c);
            out.push_back('%');
            out.push_back(digits[byte >> 4]);
            out.push_back(digits[byte & 15]);
        }
    }
    return out;
}

/* UTF-8 that PostgreSQL takes: no NUL, no surrogates, no overlong forms. */
bool is_text(std::string_view s)
{
    for (std::size_t i = 0; i < s.size();) {
        unsigned char c = static_cast<unsigned char>(s[i]);
        std::size_t more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || more > s.size() - i - 1) {
            return false;
        }
        for (std::size_t k = 1; k <= more; k++) {
            if ((static_cast<unsigned char>(s[i + k]) & 0xc0) != 0x80) {
                return false;
            }
        }
        unsigned char next = more > 0 ? static_cast<unsigned char>(s[i + 1]) : 0;
        if ((c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f)
            || (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f))
        {
            return false;
        }
        i += more + 1;
    }
    return true;
}

std::optional<std::int64_t> integer(std::string_view text)
{
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return value;
}

/* The next segment of a path; empty at its end. Any number of slashes is one. */
std::string_view next_segment(std::string_view &path)
{
    std::size_t start = path.find_first_not_of('/');
    path.remove_prefix(start == std::string_view::npos ? path.size() : start);
    std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

bool path_matches(std::string_view pattern, std::string_view path,
                  std::vector<std::string> &captures)
{
    captures.clear();
    for (;;) {
        std::string_view wanted = next_segment(pattern);
        std::string_view got = next_segment(path);
        if (wanted.empty() || got.empty()) {
            return wanted.empty() && got.empty();
        }
        std::string segment = percent_decode(got, false);
        if (wanted == "{}") {
            captures.push_back(std::move(segment));
        } else if (segment != wanted) {
            return false;
        }
    }
}

}

/* Collects the parameters of one call. After the first thing wrong, the rest does not matter. */
class Binder {
public:
    Binder(const Match &match, std::string_view arguments, std::string_view base, Bound &bound)
        : bound(bound), base(base), match_(match), arguments_(parse_arguments(arguments))
    {
    }

    Bound &bound;
    std::string_view base;
    std::optional<QueryError> refusal;

    void wrong(std::string_view name, std::string_view rule)
    {
        if (!refusal) {
            refusal = match_.route->surface == Surface::rest
                ? QueryError{400, "{\"error\":\"" + std::string(name) + " is invalid\"}", {}}
                : refuse(400, std::string(name) + " " + std::string(rule));
        }
    }

    void set(std::string_view parameter, std::string_view type, std::optional<std::string> value)
    {
        bound.call.parameters.push_back({parameter, type, std::move(value)});
    }

    const std::string &capture(std::size_t n) const { return match_.captures[n]; }

    /* An id in the path: up to 2^63 - 1. */
    void id(std::size_t n, std::string_view name, std::string_view parameter)
    {
        std::optional<std::int64_t> value = integer(capture(n));
        if (!value || *value < 0) {
            wrong(name, "must be an integer");
            return;
        }
        set(parameter, "bigint", std::to_string(*value));
    }

    /* One of the words; the first is the default. */
    void choice(std::string_view name, std::string_view parameter,
                std::initializer_list<std::string_view> words)
    {
        std::optional<std::string> value = argument(name);
        std::string_view chosen = *words.begin();
        if (value) {
            const std::string_view *found = nullptr;
            for (const std::string_view &word : words) {
                found = word == *value ? &word : found;
            }
            if (found == nullptr) {
                wrong(name, "is invalid");
                return;
            }
            chosen = *found;
            link(name, *value);
        }
        set(parameter, "text", std::string(chosen));
    }

    void text(std::string_view name, std::string_view parameter, bool linked)
    {
        std::optional<std::string> value = argument(name);
        if (value && linked) {
            link(name, *value);
        }
        set(parameter, "text", std::move(value));
    }

    void page_size()
    {
        std::int64_t size = default_page_size;
        if (std::optional<std::string> value = argument("limit")) {
            size = integer(*value).value_or(0);
        }
        if (size < 1 || size > max_page_size) {
            wrong("limit", "must be 1 to 100");
            return;
        }
        set("page_size", "integer", std::to_string(size));
        link("limit", std::to_string(size));
    }

    int page_number(std::string_view name, int otherwise)
    {
        std::optional<std::string> value = argument(name);
        if (!value) {
            return otherwise;
        }
        std::int64_t number = integer(*value).value_or(0);
        if (number < 1 || number > INT32_MAX) {
            wrong(name, "is invalid");
            return otherwise;
        }
        return static_cast<int>(number);
    }

private:
    /* The last value of a name; one that is empty counts as absent. */
    std::optional<std::string> argument(std::string_view name)
    {
        std::optional<std::string> value;
        for (const auto &[key, text] : arguments_) {
            if (key == name) {
                value = text;
            }
        }
        if (value && !is_text(*value)) {
            wrong(name, "must be UTF-8 text");
            return std::nullopt;
        }
        return value && value->empty() ? std::nullopt : value;
    }

    /* The cursor goes in front: GitLab reads it up to the next ampersand. */
    void link(std::string_view name, std::string_view value)
    {
        bound.arguments.append("&").append(name).append("=").append(percent_encode(value));
    }

    const Match &match_;
    Arguments arguments_;
};

namespace {

void bind_errors(Binder &b)
{
    b.bound.call.function = "list_errors";
    b.bound.paging = Paging::cursors;
    b.id(0, "projectId", "wanted_project");
    b.page_size();
    b.choice("sort", "sort_by", {"last_seen_desc", "first_seen_desc", "frequency_desc"});
    b.choice("status", "wanted_status", {"unresolved", "resolved", "ignored"});
    b.text("query", "search", true);
    b.text("cursor", "cursor_text", false);
    b.choice("statsPeriod", "stats_period", {"24h", "15m", "30m", "1h", "7d", "14d", "30d"});
    b.choice("queryPeriod", "query_period", {"30d", "15m", "30m", "1h", "1d", "7d", "14d"});
    b.bound.path = "/errortracking/api/v1/projects/" + b.capture(0) + "/errors";
}

void bind_error(Binder &b)
{
    b.bound.call.function = "get_error";
    b.id(0, "projectId", "wanted_project");
    b.id(1, "fingerprint", "fingerprint");
}

/* new_status comes from the body. */
void bind_update(Binder &b)
{
    b.bound.call.function = "update_error";
    b.bound.call.read_only = false;
    b.id(0, "projectId", "wanted_project");
    b.id(1, "fingerprint", "fingerprint");
}

void bind_events(Binder &b)
{
    b.bound.call.function = "list_error_events";
    b.bound.paging = Paging::cursors;
    b.id(0, "projectId", "wanted_project");
    b.id(1, "fingerprint", "fingerprint");
    b.page_size();
    b.choice("sort", "sort_by", {"occurred_at_asc", "occurred_at_desc"});
    b.text("cursor", "cursor_text", false);
    b.bound.path = "/errortracking/api/v1/projects/" + b.capture(0) + "/errors/" + b.capture(1)
                   + "/events";
}

void bind_messages(Binder &b)
{
    b.bound.call.function = "list_messages";
    b.id(0, "projectId", "wanted_project");
    b.page_size();
}

void bind_delete_project(Binder &b)
{
    b.bound.call.function = "delete_project_data";
    b.bound.call.read_only = false;
    b.id(0, "id", "wanted_project");
}

/* A project by id or full path. What can be neither is unknown, as any other. */
void project_by_name(Binder &b)
{
    const std::string &name = b.capture(0);
    b.set("project_named", "text", is_text(name) ? name : "-");
    b.set("dsn_base", "text", std::string(b.base));
}

void bind_client_keys(Binder &b)
{
    b.bound.call.function = "rest_list_client_keys";
    b.bound.paging = Paging::numbers;
    project_by_name(b);
    b.bound.page = b.page_number("page", 1);
    b.bound.per_page = std::min(b.page_number("per_page", default_page_size), max_page_size);
    b.set("page", "integer", std::to_string(b.bound.page));
    b.set("per_page", "integer", std::to_string(b.bound.per_page));
    b.bound.path = "/api/v4/projects/" + percent_encode(b.capture(0))
                   + "/error_tracking/client_keys";
}

void bind_new_client_key(Binder &b)
{
    b.bound.call.function = "rest_create_client_key";
    b.bound.call.read_only = false;
    project_by_name(b);
}

void bind_delete_client_key(Binder &b)
{
    b.bound.call.function = "rest_delete_client_key";
    b.bound.call.read_only = false;
    project_by_name(b);
    b.id(1, "key_id", "key_id");
}

constexpr Surface integrated = Surface::integrated;
constexpr Surface rest = Surface::rest;

/* Routes with the same pattern stand together. */
constexpr Route routes[] = {
    {"GET", "/errortracking/api/v1/projects/{}/errors", integrated, false, bind_errors},
    {"GET", "/errortracking/api/v1/projects/{}/errors/{}", integrated, false, bind_error},
    {"PUT", "/errortracking/api/v1/projects/{}/errors/{}", integrated, true, bind_update},
    {"GET", "/errortracking/api/v1/projects/{}/errors/{}/events", integrated, false, bind_events},
    {"GET", "/errortracking/api/v1/projects/{}/messages", integrated, false, bind_messages},
    {"DELETE", "/errortracking/api/v1/projects/{}", integrated, false, bind_delete_project},
    {"GET", "/api/v4/projects/{}/error_tracking/client_keys", rest, false, bind_client_keys},
    {"POST", "/api/v4/projects/{}/error_tracking/client_keys", rest, false, bind_new_client_key},
    {"DELETE", "/api/v4/projects/{}/error_tracking/client_keys/{}", rest, false,
     bind_delete_client_key},
};

/* Link of a numbered page, in the form that GitLab has. */
void add_page_link(std::string &link, const std::string &url, int page, int per_page,
                   const char *rel)
{
    link += link.empty() ? "<" : ", <";
    link += url + "?page=" + std::to_string(page) + "&per_page=" + std::to_string(per_page)
            + ">; rel=\"" + rel + "\"";
}

Headers numbered_headers(const Bound &bound, const std::string &url, std::int64_t total)
{
    std::int64_t pages = (total + bound.per_page - 1) / bound.per_page;
    int last = static_cast<int>(pages < 1 ? 1 : pages);
    std::string link;
    std::string next;
    std::string prev;
    if (bound.page > 1) {
        prev = std::to_string(bound.page - 1);
        add_page_link(link, url, bound.page - 1, bound.per_page, "prev");
    }
    if (bound.page < last) {
        next = std::to_string(bound.page + 1);
        add_page_link(link, url, bound.page + 1, bound.per_page, "next");
    }
    add_page_link(link, url, 1, bound.per_page, "first");
    add_page_link(link, url, last, bound.per_page, "last");
    return {{"X-Page", std::to_string(bound.page)},
            {"X-Per-Page", std::to_string(bound.per_page)},
            {"X-Next-Page", next},
            {"X-Prev-Page", prev},
            {"X-Total", std::to_string(total)},
            {"X-Total-Pages", std::to_string(last)},
            {"Link", link}};
}

}

Match match_route(std::string_view method, std::string_view path)
{
    if (method == "HEAD") {
        method = "GET";
    }
    Match match;
    std::string allow;
    for (const Route &route : routes) {
        std::vector<std::string> captures;
        if (!path_matches(route.pattern, path, captures)) {
            continue;
        }
        if (route.method == method) {
            match.route = &route;
            match.captures = std::move(captures);
            return match;
        }
        allow += allow.empty() ? "" : ", ";
        allow += route.method == "GET" ? "GET, HEAD" : std::string(route.method);
    }
    match.refusal = refuse(allow.empty() ? 404 : 405);
    match.refusal.allow = std::move(allow);
    return match;
}

std::optional<QueryError> bind_route(const Match &match, std::string_view arguments,
                                  std::string_view base, Bound &bound)
{
    Binder binder(match, arguments, base, bound);
    match.route->bind(binder);
    return binder.refusal;
}

Arguments parse_arguments(std::string_view arguments)
{
    Arguments list;
    while (!arguments.empty()) {
        std::string_view pair = arguments.substr(0, arguments.find('&'));
        arguments.remove_prefix(std::min(pair.size() + 1, arguments.size()));
        std::size_t equals = pair.find('=');
        std::string name = percent_decode(pair.substr(0, equals), true);
        std::string value = equals == std::string_view::npos
            ? std::string() : percent_decode(pair.substr(equals + 1), true);
        std::size_t bracket = name.find('[');
        if (bracket != std::string::npos && name.back() == ']') {
            std::string_view index(name.data() + bracket + 1, name.size() - bracket - 2);
            if (index.empty() || integer(index)) {
                name.resize(bracket);
            }
        }
        if (!name.empty()) {
            list.emplace_back(std::move(name), std::move(value));
        }
    }
    return list;
}

Headers page_headers(const Bound &bound, std::string_view base, const SqlAnswer &answer)
{
    if (answer.status != 200 || bound.paging == Paging::none) {
        return {};
    }
    std::string url = std::string(base) + bound.path;
    if (bound.paging == Paging::numbers) {
        return numbered_headers(bound, url, answer.total);
    }
    /* One line: GitLab would take two for an array. */
    std::string link;
    for (const auto &[cursor, rel] : {std::pair(&answer.next_cursor, "next"),
                                      std::pair(&answer.prev_cursor, "prev")})
    {
        if (!cursor->empty()) {
            link += link.empty() ? "<" : ", <";
            link += url + "?cursor=" + *cursor + bound.arguments + ">; rel=\"" + rel + "\"";
        }
    }
    return link.empty() ? Headers() : Headers{{"Link", link}};
}

QueryError refuse(int status, std::string_view reason)
{
    std::string message = std::to_string(status);
    switch (status) {
    case 400: message += " Bad request"; break;
    case 401: message += " Unauthorized"; break;
    case 404: message += " Not Found"; break;
    case 405: message += " Method Not Allowed"; break;
    case 413: message += " Payload Too Large"; break;
    case 503: message += " Service Unavailable"; break;
    case 504: message += " Gateway Timeout"; break;
    default: message += " Internal Server Error"; break;
    }
    if (!reason.empty()) {
        message.append(" - ").append(reason);
    }
    /* Reasons are our own words: nothing in them needs escaping. */
    return {status, "{\"message\":\"" + message + "\"}", {}};
}

}
