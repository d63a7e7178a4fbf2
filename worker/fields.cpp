/*
 * Conversions from JSON, top to bottom: scalars and lists, stacks and exceptions,
 * messages, fingerprints, tags.
 */

#include "worker/fields.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::size_t max_exceptions = 50;
constexpr std::size_t max_frames = 1000;
constexpr std::size_t max_threads = 1000;
constexpr std::size_t max_params = 100;
constexpr std::size_t max_tags = 200;
constexpr std::size_t max_fingerprint_entries = 32;
constexpr std::size_t max_fingerprint_bytes = 512;
constexpr std::size_t max_name_bytes = 1024;
constexpr std::size_t max_function_bytes = 2048;
constexpr std::size_t type_characters = 256;
constexpr std::size_t logger_characters = 64;
constexpr std::size_t transaction_characters = 200;
constexpr std::size_t checksum_characters = 128;

std::string bounded(JsonValue value, std::size_t bytes)
{
    std::string buffer;
    return std::string(cut_bytes(value.text(buffer), bytes));
}

/* A string as it is, anything else as JSON text. */
std::string json_text(JsonValue value)
{
    return value.is_string() ? value.text() : value.is_null() ? "" : value.canonical();
}

/* ---- stacks, exceptions, threads ---- */

Frame read_frame(JsonValue node, const std::string &platform)
{
    Frame frame;
    for (JsonValue member : node) {
        if (member.has_key("function")) {
            frame.function = bounded(member, max_function_bytes);
        } else if (member.has_key("module")) {
            frame.module = bounded(member, max_name_bytes);
        } else if (member.has_key("filename")) {
            frame.filename = bounded(member, max_name_bytes);
        } else if (member.has_key("abs_path")) {
            frame.abs_path = bounded(member, max_name_bytes);
        } else if (member.has_key("package")) {
            frame.package = bounded(member, max_name_bytes);
        } else if (member.has_key("context_line")) {
            frame.context_line = bounded(member, max_name_bytes);
        } else if (member.has_key("platform")) {
            frame.platform = bounded(member, max_name_bytes);
        } else if (member.has_key("raw_function")) {
            frame.raw_function = bounded(member, max_function_bytes);
        } else if (member.has_key("lineno")) {
            frame.line = member.integer().value_or(0);
        } else if (member.has_key("colno")) {
            frame.column = member.integer().value_or(0);
        } else if (member.has_key("data")) {
            frame.mapped = !member["sourcemap"].is_null();
        } else if (member.has_key("in_app")) {
            frame.flag = member.boolean();
        }
    }
    if (frame.function == "?") {
        frame.function.clear();
    }
    if (frame.platform.empty()) {
        frame.platform = platform;
    }
    return frame;
}

std::vector<Frame> read_frames(JsonValue stacktrace, const std::string &platform)
{
    std::vector<Frame> frames;
    JsonValue list = stacktrace["frames"];
    if (list.is_array()) {
        std::vector<JsonValue> nodes = values_of(list, max_frames);
        frames.reserve(nodes.size());
        for (JsonValue node : nodes) {
            frames.push_back(read_frame(node, platform));
        }
    }
    return frames;
}

/* Some SDKs put the type into the value, "Word: text". A URL is not of type http. */
void split_value(Exception &exception)
{
    auto is_word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || c == '_';
    };
    std::string_view value = exception.value;
    std::size_t colon = value.find(':');
    if (!exception.type.empty() || colon == 0 || colon == value.npos
        || !std::all_of(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(colon),
                        is_word)
        || (value[0] >= '0' && value[0] <= '9') || value.substr(colon + 1).starts_with("//")) {
        return;
    }
    exception.type = cut_characters(value.substr(0, colon), type_characters);
    exception.value = std::string(trim(value.substr(colon + 1)));
}

Exception read_exception(JsonValue node, const std::string &platform)
{
    Exception exception;
    exception.type = cut_characters(trim(node["type"].text()), type_characters);
    exception.value = cut_bytes(json_text(node["value"]), max_message_bytes);
    exception.thread_id = lenient_text(node["thread_id"]).value_or("");
    JsonValue mechanism = node["mechanism"];
    exception.id = mechanism["exception_id"].integer();
    exception.parent = mechanism["parent_id"].integer();
    exception.group = mechanism["is_exception_group"].boolean().value_or(false);
    exception.mechanism = bounded(mechanism["type"], max_name_bytes);
    exception.source = bounded(mechanism["source"], max_name_bytes);
    exception.synthetic = mechanism["synthetic"].boolean().value_or(false);
    JsonValue ns_error = mechanism["meta"]["ns_error"];
    if (ns_error.is_object()) {
        exception.ns_error = bounded(ns_error["domain"], max_name_bytes) + ":"
                             + lenient_text(ns_error["code"]).value_or("");
    }
    split_value(exception);
    exception.frames = read_frames(node["stacktrace"], platform);
    return exception;
}

std::vector<Exception> read_exceptions(JsonValue list, const std::string &platform)
{
    std::vector<Exception> exceptions;
    for (JsonValue node : values_of(list, max_exceptions)) {
        Exception exception = read_exception(node, platform);
        if (!exception.type.empty() || !exception.value.empty()) {
            exceptions.push_back(std::move(exception));
        }
    }
    order_exceptions(exceptions);
    return exceptions;
}

/* The thread that an event without an exception of its own is about: the only one of
 * them that crashed, else that was running, else the only one. */
JsonValue chosen_thread(const std::vector<JsonValue> &threads)
{
    for (std::string_view mark : {"crashed", "current"}) {
        std::vector<JsonValue> marked;
        std::copy_if(threads.begin(), threads.end(), std::back_inserter(marked),
                     [&](JsonValue thread) { return thread[mark].boolean().value_or(false); });
        if (marked.size() == 1) {
            return marked.front();
        }
    }
    return threads.size() == 1 ? threads.front() : JsonValue();
}

/*
 * The stack that stands beside exceptions and messages. A lone exception without
 * frames takes one over: of the thread that it names, else the attached one.
 */
void read_stacks(JsonValue root, const std::string &platform, GroupingInput &input)
{
    std::vector<JsonValue> threads = values_of(
        interface_of(root, "threads", "sentry.interfaces.Threads"), max_threads);
    for (JsonValue each : threads) {
        input.threads.push_back({lenient_text(each["id"]).value_or(""),
                                 bounded(each["name"], max_name_bytes),
                                 bounded(each["state"], max_name_bytes),
                                 each["crashed"].boolean().value_or(false),
                                 each["current"].boolean().value_or(false)});
    }
    JsonValue thread = chosen_thread(threads);
    input.attached = read_frames(thread["stacktrace"], platform);
    input.attached_crashed = !input.attached.empty()
                             && thread["crashed"].boolean().value_or(false);
    if (input.attached.empty()) {
        input.attached = read_frames(
            interface_of(root, "stacktrace", "sentry.interfaces.Stacktrace"), platform);
    }
    if (input.exceptions.size() != 1 || !input.exceptions.front().frames.empty()) {
        return;
    }
    Exception &lone = input.exceptions.front();
    for (JsonValue candidate : threads) {
        if (!lone.thread_id.empty() && lenient_text(candidate["id"]) == lone.thread_id) {
            lone.frames = read_frames(candidate["stacktrace"], platform);
            break;
        }
    }
    if (lone.frames.empty()) {
        lone.frames = input.attached;
    }
}

/* ---- messages ---- */

/*
 * Puts the parameters of a log message into its template, in the manner of printf or
 * of braces. The template stays as it is when they do not fit.
 */
class MessageFormat {
public:
    /* Texts are made once: a template may ask for one parameter a thousand times. */
    MessageFormat(std::string_view text, JsonValue params) : text_(text)
    {
        for (JsonValue param : params) {
            if (params_.size() == max_params) {
                break;
            }
            std::string value = param.is_null() ? "null" : json_text(param);
            params_.emplace_back(param.key(), cut_bytes(value, max_message_bytes));
        }
    }

    std::string run()
    {
        bool percent = text_.find('%') != text_.npos;
        bool fits = true;
        while (fits && at_ < text_.size() && out_.size() <= max_message_bytes) {
            char c = text_[at_];
            if (c != (percent ? '%' : '{') && (percent || c != '}')) {
                out_.push_back(c);
                at_++;
            } else if (text_.substr(at_ + 1, 1) == std::string_view(&c, 1)) {
                out_.push_back(c);
                at_ += 2;
            } else {
                fits = percent ? percent_field() : brace_field();
            }
        }
        return std::string(fits ? cut_bytes(out_, max_message_bytes) : text_);
    }

private:
    bool put_named(std::string_view name)
    {
        auto found = std::find_if(params_.begin(), params_.end(),
                                  [&](const auto &param) { return param.first == name; });
        return put_numbered(static_cast<std::size_t>(found - params_.begin()));
    }

    bool put_numbered(std::size_t number)
    {
        bool known = number < params_.size();
        out_.append(known ? params_[number].second : "");
        return known;
    }

    bool percent_field()
    {
        std::string_view name;
        at_++;
        if (text_.substr(at_).starts_with('(')) {
            std::size_t end = text_.find(')', at_);
            if (end == text_.npos) {
                return false;
            }
            name = text_.substr(at_ + 1, end - at_ - 1);
            at_ = end + 1;
        }
        at_ = std::min(text_.find_first_not_of("-+ #0123456789.l", at_), text_.size());
        constexpr std::string_view kinds = "sdiufFgGeExXorcav";
        if (at_ == text_.size() || kinds.find(text_[at_]) == kinds.npos) {
            return false;
        }
        at_++;
        return name.empty() ? put_numbered(next_++) : put_named(name);
    }

    bool brace_field()
    {
        std::size_t end = text_.find('}', at_);
        if (text_[at_] == '}' || end == text_.npos) {
            return false;
        }
        std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        name = name.substr(0, name.find_first_of(":!"));
        if (name.empty()) {
            return put_numbered(next_++);
        }
        std::size_t number = 0;
        auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        bool numbered = error == std::errc() && rest == name.data() + name.size();
        return put_named(name) || (numbered && put_numbered(number));
    }

    std::string_view text_;
    std::vector<std::pair<std::string, std::string>> params_;
    std::string out_;
    std::size_t at_ = 0;
    std::size_t next_ = 0;
};

/* Message parts are texts; numbers and lists count as their JSON text. */
std::string message_part(JsonValue value)
{
    bool textual = value.is_string() || value.is_number() || value.is_array();
    return textual ? std::string(cut_bytes(json_text(value), max_message_bytes)) : "";
}

void read_message(JsonValue root, GroupingInput &input)
{
    for (std::string_view key : {"logentry", "sentry.interfaces.Message", "message"}) {
        JsonValue node = root[key];
        if (!node.is_object()) {
            input.message = message_part(node);
        } else {
            input.message_template = message_part(node["message"]);
            input.message = message_part(node["formatted"]);
            if (input.message.empty()) {
                input.message = input.message_template;
                if (node["params"].is_array() || node["params"].is_object()) {
                    input.message = MessageFormat(input.message_template, node["params"]).run();
                }
            }
        }
        if (!trim(input.message).empty()) {
            return;
        }
    }
}

/* ---- templates, security reports ---- */

std::string_view scheme_of(std::string_view uri)
{
    return uri.substr(0, uri.find(':'));
}

/* Scheme, host and port; empty without a host. */
std::string_view origin_of(std::string_view uri)
{
    std::size_t host = uri.find("://");
    if (host == uri.npos) {
        return {};
    }
    return uri.substr(0, uri.find_first_of("/?#", host + 3));
}

/* What a page wanted to load: a host, a scheme, or a word of the policy. */
std::string blocked_of(std::string_view uri, std::string_view document)
{
    if (uri.empty() || uri == "self" || uri == "'self'"
        || (!origin_of(uri).empty() && lower(origin_of(uri)) == lower(origin_of(document)))) {
        return "self";
    }
    std::string_view origin = origin_of(uri);
    if (origin.empty()) {
        return lower(scheme_of(uri));
    }
    std::string_view host = origin.substr(origin.find("://") + 3);
    host = host.substr(host.rfind('@') + 1);
    std::size_t port = host.rfind(':');
    bool numbered = port != host.npos && host.find(']', port) == host.npos;
    return lower(numbered ? host.substr(0, port) : host);
}

void read_report(JsonValue root, GroupingInput &input)
{
    JsonValue csp = interface_of(root, "csp", "sentry.interfaces.Csp");
    if (csp.is_object()) {
        std::string directive = bounded(csp["effective_directive"], max_name_bytes);
        if (directive.empty()) {
            directive = bounded(csp["violated_directive"], max_name_bytes);
        }
        std::string_view word = trim(directive);
        input.report.kind = "csp";
        input.report.directive = lower(word.substr(0, word.find(' ')));
        input.report.blocked = blocked_of(trim(bounded(csp["blocked_uri"], max_name_bytes)),
                                          bounded(csp["document_uri"], max_name_bytes));
        return;
    }
    for (std::string_view kind : {"hpkp", "expectstaple", "expectct"}) {
        if (JsonValue report = root[kind]; report.is_object()) {
            input.report.kind = kind;
            input.report.host = lower(trim(bounded(report["hostname"], max_name_bytes)));
            return;
        }
    }
}

/* ---- fingerprint, tags ---- */

std::string fingerprint_entry(JsonValue value)
{
    std::string text = json_text(value);
    std::optional<double> number = value.number();
    if (number && std::trunc(*number) == *number && std::abs(*number) < 1e15) {
        text = std::to_string(static_cast<std::int64_t>(*number));
    }
    return std::string(cut_bytes(trim(text), max_fingerprint_bytes));
}

std::vector<std::string> read_fingerprint(JsonValue list)
{
    std::vector<std::string> entries;
    auto add = [&](JsonValue value) {
        std::string entry = fingerprint_entry(value);
        if (!entry.empty() && entries.size() < max_fingerprint_entries) {
            entries.push_back(std::move(entry));
        }
    };
    if (list.is_array()) {
        std::for_each(list.begin(), list.end(), add);
    } else if (list.is_string() || list.is_number()) {
        add(list);
    }
    return entries;
}

void read_tags(JsonValue tags, GroupingInput &input)
{
    for (JsonValue tag : tags) {
        std::optional<std::string> key;
        JsonValue value = tag;
        if (tags.is_object()) {
            key = tag.key();
        } else if (auto part = tag.begin(); tag.is_array() && part != tag.end()) {
            key = lenient_text(*part);
            ++part;
            value = *part;
        }
        std::optional<std::string> text = lenient_text(value);
        if (key && text && input.tags.size() < max_tags) {
            input.tags.emplace_back(trim(*key), trim(*text));
        }
    }
}

}

JsonValue interface_of(JsonValue root, std::string_view key, std::string_view old_key)
{
    JsonValue value = root[key];
    return value.is_null() ? root[old_key] : value;
}

std::vector<JsonValue> values_of(JsonValue list, std::size_t limit)
{
    std::vector<JsonValue> values;
    if (list.is_object()) {
        JsonValue inner = list["values"];
        if (!inner.is_null() && !inner.is_array()) {
            return values;
        }
        if (!inner) {
            values.push_back(list);
            return values;
        }
        list = inner;
    }
    if (list.is_array()) {
        std::copy_if(list.begin(), list.end(), std::back_inserter(values),
                     [](JsonValue value) { return value.is_object(); });
    }
    if (values.size() > limit) {
        values.erase(values.begin(), values.end() - static_cast<std::ptrdiff_t>(limit));
    }
    return values;
}

std::optional<std::string> lenient_text(JsonValue value)
{
    constexpr double exact = 9007199254740992.0;
    switch (value.type()) {
    case JsonType::string:
        return value.text();
    case JsonType::boolean:
        return value.boolean().value_or(false) ? "True" : "False";
    case JsonType::number:
        if (value.raw().find_first_of(".eE") == std::string_view::npos) {
            return std::string(value.raw());
        }
        if (std::optional<double> number = value.number(); number && std::abs(*number) < exact) {
            return std::to_string(static_cast<std::int64_t>(*number));
        }
        return {};
    default:
        return {};
    }
}

std::string request_header(JsonValue root, std::string_view wanted)
{
    std::string found;
    auto take = [&](const std::string &name, JsonValue value) {
        if (lower(name) == wanted) {
            found = value.is_array() ? (*value.begin()).text() : value.text();
        }
    };
    JsonValue headers = interface_of(root, "request", "sentry.interfaces.Http")["headers"];
    for (JsonValue each : headers) {
        if (headers.is_object()) {
            take(each.key(), each);
        } else if (auto part = each.begin(); each.is_array() && part != each.end()) {
            JsonValue name = *part;
            ++part;
            take(name.text(), *part);
        }
    }
    return found;
}

GroupingInput read_grouping_input(JsonValue root, const std::string &platform)
{
    GroupingInput input;
    input.platform = platform;
    input.release = bounded(root["release"], max_name_bytes);
    input.sdk = bounded(root["sdk"]["name"], max_name_bytes);
    input.transaction = cut_with_dots(trim(root["transaction"].text()), transaction_characters);
    input.logger = cut_with_dots(root["logger"].text(), logger_characters);
    if (input.logger.find_first_of("\r\n") != std::string::npos) {
        input.logger.clear();
    }
    input.url = interface_of(root, "request", "sentry.interfaces.Http")["url"].text();
    input.exceptions = read_exceptions(
        interface_of(root, "exception", "sentry.interfaces.Exception"), platform);
    read_stacks(root, platform, input);
    read_message(root, input);
    JsonValue place = interface_of(root, "template", "sentry.interfaces.Template");
    input.place = {bounded(place["filename"], max_name_bytes),
                   bounded(place["context_line"], max_name_bytes)};
    read_report(root, input);
    input.checksum = cut_with_dots(lenient_text(root["checksum"]).value_or(""),
                                   checksum_characters);
    input.fingerprint = read_fingerprint(root["fingerprint"]);
    read_tags(root["tags"], input);
    return input;
}

}
