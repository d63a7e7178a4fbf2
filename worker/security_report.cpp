/*
 * Top to bottom: members and addresses, the message of a policy violation, the kinds of
 * reports, and at the end security_event(), which tells them apart.
 */

#include "worker/security_report.hpp"

#include <algorithm>
#include <utility>

#include "worker/item.hpp"
#include "worker/outcome.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t most_text = 2048;
constexpr std::size_t most_policy = 8192;
constexpr std::size_t culprit_characters = 200;

/* With what is called differently by directives that block a thing of one kind; empty:
 * called by its own name. */
constexpr std::pair<std::string_view, std::string_view> directives[] = {
    {"base-uri", ""}, {"child-src", "child"}, {"connect-src", "connect"}, {"default-src", ""},
    {"font-src", "font"}, {"form-action", ""}, {"frame-ancestors", ""}, {"frame-src", ""},
    {"img-src", "image"}, {"manifest-src", "manifest"}, {"media-src", "media"},
    {"object-src", "object"}, {"plugin-types", ""}, {"prefetch-src", ""}, {"referrer", ""},
    {"script-src", "script"}, {"script-src-attr", "script"}, {"script-src-elem", "script"},
    {"style-src", "style"}, {"style-src-elem", "style"}, {"style-src-attr", "style"},
    {"upgrade-insecure-requests", ""}, {"worker-src", ""}, {"sandbox", ""}, {"navigate-to", ""},
    {"report-uri", ""}, {"report-to", ""}, {"block-all-mixed-content", ""},
    {"require-sri-for", ""}, {"require-trusted-types-for", ""}, {"trusted-types", ""},
};

/* ---- members and addresses ---- */

std::string short_text(JsonValue value, std::size_t bytes = most_text)
{
    return std::string(cut_bytes(trim(value.text()), bytes));
}

/* The first of the names that the report has: it is spelled in three ways. */
JsonValue member(JsonValue report, std::initializer_list<std::string_view> names)
{
    for (std::string_view name : names) {
        if (JsonValue value = report[name]; !value.is_null()) {
            return value;
        }
    }
    return {};
}

/* A number, as some browsers quote it; empty for anything else. */
std::string number_text(JsonValue value)
{
    std::string text = value.is_number() ? std::string(value.raw()) : value.text();
    bool digits = !text.empty() && text.size() <= 10
                  && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    return digits ? text : "";
}

bool is_local(std::string_view uri)
{
    return uri.empty() || uri == "self" || uri == "'self'";
}

/* What tells addresses apart: the host of a page, else the scheme. */
std::string normalized_uri(std::string_view uri)
{
    if (is_local(uri)) {
        return "'self'";
    }
    std::size_t colon = uri.find(':');
    if (colon == uri.npos) {
        bool bare = uri == "data" || uri == "blob" || uri == "about" || uri == "filesystem"
                    || uri == "mediastream" || uri == "javascript";
        bool word = uri == "inline" || uri == "eval" || uri == "wasm-eval" || uri.starts_with('\'');
        return word ? std::string(uri) : std::string(uri) + (bare ? ":" : "://");
    }
    std::string scheme = lower(uri.substr(0, colon));
    std::string_view rest = uri.substr(colon + 1);
    if (!rest.starts_with("//")) {
        return scheme + ":";
    }
    rest.remove_prefix(2);
    std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
    host.remove_prefix(std::min(host.rfind('@') + 1, host.size()));
    std::string name = lower(host);
    return scheme == "http" || scheme == "https" ? name : scheme + "://" + name;
}

/* A parameter of the query, decoded; the words that are asked for are harmless. */
std::string query_value(std::string_view query, std::string_view name)
{
    while (!query.empty()) {
        std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(pair.size() + 1, query.size()));
        std::size_t equals = pair.find('=');
        if (equals == pair.npos || pair.substr(0, equals) != name) {
            continue;
        }
        auto digit = [](char c) {
            char small = c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
            std::size_t value = std::string_view("0123456789abcdef").find(small);
            return value == std::string_view::npos ? -1 : static_cast<int>(value);
        };
        std::string value;
        std::string_view text = pair.substr(equals + 1);
        for (std::size_t i = 0; i < text.size(); i++) {
            int high = text[i] == '%' && i + 2 < text.size() ? digit(text[i + 1]) : -1;
            int low = high >= 0 ? digit(text[i + 2]) : -1;
            if (low >= 0) {
                value.push_back(static_cast<char>(high * 16 + low));
                i += 2;
            } else {
                value.push_back(text[i] == '+' ? ' ' : text[i]);
            }
        }
        return value;
    }
    return {};
}

/* ---- the message of a policy violation ---- */

std::string quoted(std::string_view text)
{
    return "'" + std::string(text) + "'";
}

std::string local_message(std::string_view directive, std::string_view noun,
                          std::string_view violated)
{
    if (directive == "script-src") {
        bool unsafe_inline = violated.find("'unsafe-inline'") != violated.npos;
        bool unsafe_eval = violated.find("'unsafe-eval'") != violated.npos;
        return unsafe_inline == unsafe_eval ? "Blocked unsafe (eval() or inline) 'script'"
               : unsafe_inline              ? "Blocked unsafe inline 'script'"
                                            : "Blocked unsafe eval() 'script'";
    }
    if (directive == "script-src-elem") {
        return "Blocked inline script attribute";
    } else if (directive == "script-src-attr") {
        return "Blocked unsafe 'script' element";
    } else if (directive == "style-src-elem") {
        return "Blocked 'style' or 'link' element";
    } else if (directive == "style-src-attr") {
        return "Blocked style attribute";
    }
    return "Blocked inline " + quoted(noun.empty() ? directive : noun);
}

std::string remote_message(std::string_view directive, std::string_view noun, std::string_view uri)
{
    if (directive == "form-action") {
        return "Blocked 'form' action to " + quoted(uri);
    } else if (directive == "script-src-attr") {
        return "Blocked inline script attribute from " + quoted(uri);
    } else if (directive == "style-src-attr") {
        return "Blocked style attribute from " + quoted(uri);
    }
    return "Blocked " + quoted(noun.empty() ? directive : noun) + " from " + quoted(uri);
}

/* The violated directive with what it allows shortened to hosts. */
std::string csp_culprit(std::string_view violated)
{
    std::string culprit;
    while (!violated.empty()) {
        std::string_view word = violated.substr(0, violated.find(' '));
        violated.remove_prefix(std::min(word.size() + 1, violated.size()));
        if (!word.empty()) {
            bool address = !culprit.empty() && word.find("://") != word.npos;
            culprit.append(culprit.empty() ? "" : " ").append(address ? normalized_uri(word) : word);
        }
    }
    return culprit;
}

/* ---- kinds ---- */

/* The event as all kinds have it. */
struct ReportedEvent {
    std::string logger;
    std::string message;
    std::string culprit;
    std::string url;
    std::string referrer;
    std::string interface;               /* name of the member that has the report's own */
    JsonObject report;
    JsonObject tags;
};

std::string event_text(const ReportedEvent &reported, const ReportContext &context)
{
    auto one = [](std::string_view key, std::string_view value) {
        JsonObject object;
        object.text(key, value);
        return object.empty() ? std::string() : object.done();
    };
    JsonObject headers;
    headers.text("Referer", reported.referrer).text("User-Agent", context.user_agent);
    JsonObject request;
    request.text("url", reported.url).raw("headers", headers.empty() ? "" : headers.done());
    JsonObject event;
    event.text("platform", "javascript")
        .text("logger", reported.logger)
        .raw("logentry", one("formatted", reported.message))
        .text("release", query_value(context.query, "sentry_release"))
        .text("environment", query_value(context.query, "sentry_environment"))
        .raw("tags", reported.tags.empty() ? "" : reported.tags.done())
        .raw("request", request.empty() ? "" : request.done())
        .raw("user", one("ip_address", context.address))
        .raw(reported.interface, reported.report.done());
    return event.done();
}

std::string_view csp_event(JsonValue body, ReportedEvent &reported)
{
    std::string violated = short_text(
        member(body, {"violated-directive", "violatedDirective", "violated_directive"}));
    std::string effective = short_text(
        member(body, {"effective-directive", "effectiveDirective", "effective_directive"}));
    std::string directive = lower(effective.empty() ? violated : effective);
    directive.resize(std::min(directive.find(' '), directive.size()));
    const auto *known = std::find_if(std::begin(directives), std::end(directives),
                                     [&](const auto &each) { return each.first == directive; });
    if (known == std::end(directives)) {
        return reason::security_report;
    }
    std::string blocked = short_text(
        member(body, {"blocked-uri", "blockedURL", "blockedURI", "blocked_uri", "blocked-url"}));
    bool local = is_local(blocked);
    std::string uri = normalized_uri(blocked);
    reported.logger = "csp";
    reported.interface = "csp";
    reported.message = local ? local_message(directive, known->second, violated)
                             : remote_message(directive, known->second, uri);
    reported.culprit = csp_culprit(violated.empty() ? directive : violated);
    reported.url = short_text(member(body, {"document-uri", "documentURL", "documentURI", "document_uri"}));
    reported.referrer = short_text(body["referrer"]);
    reported.tags.text("effective-directive", directive).text("blocked-uri", local ? "self" : blocked);
    reported.report.text("effective_directive", directive)
        .text("violated_directive", violated)
        .text("blocked_uri", local ? "self" : blocked)
        .text("document_uri", reported.url)
        .text("referrer", reported.referrer)
        .text("original_policy", short_text(member(body, {"original-policy", "originalPolicy", "original_policy"}),
                                            most_policy))
        .raw("status_code", number_text(member(body, {"status-code", "statusCode", "status_code"})))
        .text("source_file", short_text(member(body, {"source-file", "sourceFile", "source_file"})))
        .raw("line_number", number_text(member(body, {"line-number", "lineNumber", "line_number"})))
        .raw("column_number", number_text(member(body, {"column-number", "columnNumber", "column_number"})))
        .text("script_sample", short_text(member(body, {"script-sample", "sample", "script_sample"})))
        .text("disposition", short_text(body["disposition"]));
    return reason::none;
}

/* The three kinds that are about the certificate of a host. */
std::string_view host_event(JsonValue body, std::string_view kind, ReportedEvent &reported)
{
    std::string host = short_text(body["hostname"]);
    if (host.empty() || (kind == "hpkp" && !body["known-pins"].is_array())) {
        return reason::security_report;
    }
    std::string port = number_text(body["port"]);
    std::string_view beginning = kind == "hpkp"       ? "Public key pinning validation failed for "
                                 : kind == "expectct" ? "Expect-CT failed for "
                                                      : "Expect-Staple failed for ";
    reported.logger = kind;
    reported.interface = kind;
    reported.message = std::string(beginning) + quoted(host);
    reported.culprit = host;
    reported.url = "https://" + host + (port.empty() || port == "443" ? "" : ":" + port) + "/";
    reported.tags.text("hostname", host).text("port", port);
    for (std::string_view name : {"include-subdomains", "response-status", "cert-status"}) {
        std::string value = short_text(body[name]);
        if (std::optional<bool> flag = body[name].boolean()) {
            value = *flag ? "true" : "false";
        }
        std::string tag(name);
        if (name != "include-subdomains") {
            std::replace(tag.begin(), tag.end(), '-', '_');
        }
        reported.tags.text(tag, value);
    }
    reported.report.text("hostname", host).raw("port", port);
    return reason::none;
}

std::string_view network_event(JsonValue report, ReportedEvent &reported)
{
    JsonValue body = report["body"];
    std::string type = short_text(body["type"]);
    reported.url = short_text(report["url"]);
    if (type.empty() || type == "ok") {
        return reason::security_report;
    }
    std::string where = reported.url.empty() ? "" : " for " + quoted(normalized_uri(reported.url));
    reported.logger = "nel";
    reported.interface = "nel";
    reported.message = "Network error " + quoted(type) + where;
    reported.culprit = where.empty() ? type : normalized_uri(reported.url);
    reported.referrer = short_text(body["referrer"]);
    std::string phase = short_text(body["phase"]);
    std::string protocol = short_text(body["protocol"]);
    std::string method = short_text(body["method"]);
    std::string status = number_text(member(body, {"status_code", "status-code"}));
    reported.tags.text("type", type).text("phase", phase).text("protocol", protocol)
        .text("method", method).text("status_code", status);
    reported.report.text("type", type).text("phase", phase).text("protocol", protocol)
        .text("method", method).raw("status_code", status)
        .text("server_ip", short_text(member(body, {"server_ip", "server-ip"})))
        .raw("elapsed_time", number_text(member(body, {"elapsed_time", "elapsed-time"})));
    return reason::none;
}

}

std::string_view security_event(JsonValue report, const ReportContext &context,
                                SecurityEvent &event)
{
    ReportedEvent reported;
    std::string_view fault = reason::security_report_type;
    std::string type = report["type"].text();
    if (report["csp-report"].is_object()) {
        fault = csp_event(report["csp-report"], reported);
    } else if (report["expect-ct-report"].is_object()) {
        fault = host_event(report["expect-ct-report"], "expectct", reported);
    } else if (report["expect-staple-report"].is_object()) {
        fault = host_event(report["expect-staple-report"], "expectstaple", reported);
    } else if (report["known-pins"]) {
        fault = host_event(report, "hpkp", reported);
    } else if (type == "csp-violation" || type == "csp") {
        fault = csp_event(report["body"], reported);
    } else if (type == "network-error") {
        fault = network_event(report, reported);
    }
    if (fault == reason::none) {
        event = {event_text(reported, context), cut_with_dots(reported.culprit, culprit_characters)};
    }
    return fault;
}

}
