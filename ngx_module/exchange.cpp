#include "ngx_module/exchange.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include <jansson.h>

#include "ngx_module/form_files.hpp"
#include "worker/rule_reader.hpp"

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

constexpr int default_page_size = 20;
constexpr int max_page_size = 100;

using Json = std::unique_ptr<json_t, void (*)(json_t *)>;

Json own(json_t *value)
{
    return Json(value, json_decref);
}

json_t *string_of(std::string_view text)
{
    return json_stringn_nocheck(text.data(), text.size());
}

std::string dump(const Json &value)
{
    std::unique_ptr<char, void (*)(void *)> text(json_dumps(value.get(), JSON_COMPACT | JSON_ENCODE_ANY), std::free);
    return text ? std::string(text.get()) : std::string();
}

/* A form says what an object of texts says; the last value of a name counts. */
Json form_object(std::string_view body)
{
    Json object = own(json_object());
    for (const auto &[name, value] : parse_arguments(body)) {
        if (is_text(value)) {
            json_object_setn_new_nocheck(object.get(), name.data(), name.size(), string_of(value));
        }
    }
    return object;
}

bool says_form(std::string_view content_type)
{
    constexpr std::string_view form = "application/x-www-form-urlencoded";
    return content_type.substr(0, form.size()) == form;
}

/* curl says of whatever it sends that it is a form. */
bool looks_like_json(std::string_view body)
{
    return body.find_first_of("{[") == body.find_first_not_of(" \t\r\n");
}

/* False: it is no form with files. */
bool add_parts(json_t *request, std::string_view content_type, std::string_view body)
{
    std::optional<std::vector<FormPart>> parts = parse_form(content_type, body);
    if (!parts) {
        return false;
    }
    Json fields = own(json_object());
    Json files = own(json_array());
    for (const FormPart &part : *parts) {
        if (!is_text(part.name) || !is_text(part.filename)) {
            return false;
        }
        if (part.filename.empty()) {
            if (is_text(part.content)) {
                json_object_setn_new_nocheck(fields.get(), part.name.data(), part.name.size(), string_of(part.content));
            }
            continue;
        }
        json_t *file = json_object();
        json_object_set_new(file, "field", string_of(part.name));
        json_object_set_new(file, "filename", string_of(part.filename));
        json_object_set_new(file, "sha1", string_of(hex_sha1(part.content)));
        json_object_set_new(file, "content", string_of(base64(part.content)));
        json_array_append_new(files.get(), file);
    }
    json_object_set_new(request, "fields", fields.release());
    json_object_set_new(request, "files", files.release());
    return true;
}

/* False: refusal says why. */
bool seal_secrets(json_t *whole, json_t *body, const Request &request, std::string &refusal)
{
    Json sealed = own(json_object());
    for (const char *member : {"url", "secret", "token"}) {
        json_t *value = json_object_get(body, member);
        if (value == nullptr || json_is_null(value)) {
            continue;
        }
        if (!json_is_string(value)) {
            refusal = std::string(member) + " must be text";
            return false;
        }
        std::string_view plain(json_string_value(value), json_string_length(value));
        if (plain.size() > longest_secret) {
            refusal = std::string(member) + " must have at most " + std::to_string(longest_secret) + " bytes";
            return false;
        }
        if (plain.empty()) {
            continue;
        }
        if (request.keys != nullptr) {
            std::string context = seal_context(request.match.route->seals, member);
            json_object_set_new(sealed.get(), member, string_of(request.keys->seal(plain, context)));
        }
        if (member != std::string_view("url")) {
            json_string_setn_nocheck(value, taken_out.data(), taken_out.size());
        }
    }
    if (request.keys != nullptr) {
        json_object_set_new(whole, "sealed", sealed.release());
    }
    return true;
}

/* A member that is no text is for SQL to refuse. */
void add_rules(json_t *whole, json_t *body)
{
    Json read = own(json_object());
    for (const char *member : {"fingerprintingRules", "groupingEnhancements"}) {
        json_t *value = json_object_get(body, member);
        if (!json_is_string(value)) {
            continue;
        }
        std::string_view text(json_string_value(value), json_string_length(value));
        RuleText found = member == std::string_view("fingerprintingRules") ? read_fingerprint_rules(text)
                                                                           : read_stack_rules(text);
        Json rules = own(json_array());
        for (const std::string &rule : found.rules) {
            json_array_append_new(rules.get(), string_of(rule));
        }
        Json entry = own(json_object());
        json_object_set_new(entry.get(), "rules", rules.release());
        if (!found.problem.empty()) {
            json_object_set_new(entry.get(), "problem", string_of(found.problem));
        }
        json_object_set_new(read.get(), member, entry.release());
    }
    json_object_set_new(whole, "rules", read.release());
}

/* The last value of an argument; one that is empty counts as absent. */
std::string_view last_value(const Arguments &arguments, std::string_view wanted)
{
    std::string_view value;
    for (const auto &[name, text] : arguments) {
        if (name == wanted) {
            value = text;
        }
    }
    return value;
}

int number(const Arguments &arguments, std::string_view name, int otherwise)
{
    std::string_view text = last_value(arguments, name);
    int value = otherwise;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

/* With every segment that was taken, as it was taken. */
std::string path_of(const Match &match)
{
    std::string path;
    std::string_view pattern = match.route->pattern;
    std::size_t taken = 0;
    for (std::string_view segment = next_segment(pattern); !segment.empty(); segment = next_segment(pattern)) {
        path += "/";
        path += segment.front() == '{' ? percent_encode(match.captures[taken++].second) : std::string(segment);
    }
    return path;
}

void append_argument(std::string &url, std::string_view name, std::string_view value)
{
    url.append(url.empty() ? "" : "&").append(percent_encode(name)).append("=").append(percent_encode(value));
}

std::string arguments_without(const Arguments &arguments, std::initializer_list<std::string_view> names)
{
    std::string text;
    for (const auto &[name, value] : arguments) {
        if (std::find(names.begin(), names.end(), name) == names.end()) {
            append_argument(text, name, value);
        }
    }
    return text;
}

/*
 * One line: GitLab would take two for an array. It reads the cursor up to the next
 * ampersand, so the limit follows it.
 */
Headers gitlab_links(const Request &request, const std::string &url, const SqlAnswer &answer)
{
    std::string rest = "limit=" + std::to_string(number(request.arguments, "limit", default_page_size));
    std::string others = arguments_without(request.arguments, {"cursor", "limit"});
    rest += others.empty() ? "" : "&" + others;
    std::string link;
    for (const auto &[cursor, rel] : {std::pair(&answer.next_cursor, "next"),
                                      std::pair(&answer.prev_cursor, "prev")})
    {
        if (!cursor->empty()) {
            link.append(link.empty() ? "<" : ", <").append(url).append("?cursor=").append(*cursor)
                .append("&").append(rest).append(">; rel=\"").append(rel).append("\"");
        }
    }
    return link.empty() ? Headers() : Headers{{"Link", link}};
}

/* Both directions stand there always, and say whether there is such a page. */
Headers sentry_links(const Request &request, const std::string &url, const SqlAnswer &answer)
{
    std::string rest = arguments_without(request.arguments, {"cursor"});
    std::string link;
    for (const auto &[found, rel, none] : {std::tuple(&answer.prev_cursor, "previous", "0:0:1"),
                                           std::tuple(&answer.next_cursor, "next", "0:0:0")})
    {
        std::string cursor = found->empty() ? none : *found;
        std::string arguments = rest;
        append_argument(arguments, "cursor", cursor);
        link.append(link.empty() ? "<" : ", <").append(url).append("?").append(arguments)
            .append(">; rel=\"").append(rel).append("\"; results=\"").append(found->empty() ? "false" : "true")
            .append("\"; cursor=\"").append(cursor).append("\"");
    }
    Headers headers = {{"Link", link}};
    if (answer.total) {
        headers.emplace_back("X-Hits", std::to_string(*answer.total));
    }
    return headers;
}

void add_page_link(std::string &link, const std::string &url, int page, int per_page, const char *rel)
{
    link += link.empty() ? "<" : ", <";
    link += url + "?page=" + std::to_string(page) + "&per_page=" + std::to_string(per_page)
            + ">; rel=\"" + rel + "\"";
}

/* In the form that GitLab has. */
Headers numbered_links(const Request &request, const std::string &url, const SqlAnswer &answer)
{
    int page = number(request.arguments, "page", 1);
    int per_page = std::clamp(number(request.arguments, "per_page", default_page_size), 1, max_page_size);
    std::int64_t total = answer.total.value_or(0);
    int last = static_cast<int>(std::max<std::int64_t>((total + per_page - 1) / per_page, 1));
    std::string link;
    std::string next;
    std::string prev;
    if (page > 1) {
        prev = std::to_string(page - 1);
        add_page_link(link, url, page - 1, per_page, "prev");
    }
    if (page < last) {
        next = std::to_string(page + 1);
        add_page_link(link, url, page + 1, per_page, "next");
    }
    add_page_link(link, url, 1, per_page, "first");
    add_page_link(link, url, last, per_page, "last");
    return {{"X-Page", std::to_string(page)},
            {"X-Per-Page", std::to_string(per_page)},
            {"X-Next-Page", next},
            {"X-Prev-Page", prev},
            {"X-Total", std::to_string(total)},
            {"X-Total-Pages", std::to_string(last)},
            {"Link", link}};
}

/* What a request says before its body. */
Json head_of(const Request &request)
{
    Json path = own(json_object());
    for (const auto &[name, value] : request.match.captures) {
        json_object_setn_new_nocheck(path.get(), name.data(), name.size(), string_of(value));
    }
    Json arguments = own(json_object());
    for (const auto &[name, value] : request.arguments) {
        if (!is_text(value)) {
            continue;
        }
        json_t *list = json_object_getn(arguments.get(), name.data(), name.size());
        if (list == nullptr) {
            list = json_array();
            json_object_setn_new_nocheck(arguments.get(), name.data(), name.size(), list);
        }
        json_array_append_new(list, string_of(value));
    }
    Json whole = own(json_object());
    json_object_set_new(whole.get(), "path", path.release());
    json_object_set_new(whole.get(), "arguments", arguments.release());
    json_object_set_new(whole.get(), "base", string_of(request.base));
    json_object_set_new(whole.get(), "address", string_of(request.address));
    return whole;
}

const char *phrase(int status)
{
    switch (status) {
    case 400: return "Bad request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 422: return "Unprocessable Entity";
    case 429: return "Too Many Requests";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Internal Server Error";
    }
}

}

std::optional<std::string> request_json(const Request &request, std::string &refusal)
{
    for (const auto &[name, value] : request.arguments) {
        if (!is_text(value)) {
            refusal = name + " must be UTF-8 text";
            return std::nullopt;
        }
    }
    Json whole = head_of(request);
    if (request.match.route->access == Access::upload) {
        if (!add_parts(whole.get(), request.content_type, request.body)) {
            refusal = "the body must be a form with files, at most " + std::to_string(max_form_parts);
            return std::nullopt;
        }
    } else if (request.has_body) {
        json_error_t problem;
        // Clients that are told nothing else send JSON as a form: a text without any = is none.
        bool form = says_form(request.content_type) && !looks_like_json(request.body)
            && (request.body.empty() || request.body.find('=') != request.body.npos);
        Json body = form ? form_object(request.body)
                         : own(json_loadb(request.body.data(), request.body.size(), JSON_DECODE_ANY, &problem));
        if (!json_is_object(body.get()) && !json_is_array(body.get())) {
            refusal = body ? "the body must be a JSON object" : "the body is not JSON";
            return std::nullopt;
        }
        if (!request.match.route->seals.empty() && !seal_secrets(whole.get(), body.get(), request, refusal)) {
            return std::nullopt;
        }
        if (request.match.route->has_rules) {
            add_rules(whole.get(), body.get());
        }
        json_object_set_new(whole.get(), "body", body.release());
    }
    return dump(whole);
}

std::string head_json(const Request &request)
{
    return dump(head_of(request));
}

std::string refusal_json(Surface surface, int status, std::string_view reason)
{
    Json object = own(json_object());
    const char *name = "message";
    std::string text;
    if (surface == Surface::sentry) {
        name = "detail";
        text = reason.empty() ? phrase(status) : reason;
    } else if (surface == Surface::rest && status == 400 && !reason.empty()) {
        name = "error";
        text = reason;
    } else {
        text = std::to_string(status) + " ";
        /* GitLab has words of its own for some. */
        text = reason.substr(0, text.size()) == text ? std::string(reason)
               : text + phrase(status) + (reason.empty() ? "" : " - " + std::string(reason));
    }
    json_object_set_new(object.get(), name, string_of(text));
    return dump(object);
}

Headers page_headers(const Request &request, const SqlAnswer &answer)
{
    if (answer.status != 200) {
        return {};
    }
    std::string url = request.base + path_of(request.match);
    switch (request.match.route->paging) {
    case Paging::gitlab: return gitlab_links(request, url, answer);
    case Paging::sentry: return sentry_links(request, url + "/", answer);
    case Paging::numbers: return numbered_links(request, url, answer);
    default: return {};
    }
}

}
