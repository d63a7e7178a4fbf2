/*
 * The two scanners. Both are fed by anybody on the network: one pass, no
 * recursion, no allocation that grows with the body.
 */

#include "ngx_module/scan.hpp"

#include "worker/entry.hpp"
#include "worker/outcome.hpp"

#include <jansson.h>

#include <algorithm>
#include <memory>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::string_view bad_envelope = "invalid event envelope";
constexpr std::string_view bad_body = "invalid request body";

struct JsonFree {
    void operator()(json_t *value) const noexcept { json_decref(value); }
};
using Json = std::unique_ptr<json_t, JsonFree>;

/* Deeper than any client nests, and less than the worker reads. */
constexpr unsigned max_depth = 64;

bool too_deep(std::string_view text) noexcept
{
    unsigned depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); i++) {
        char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max_depth) {
                return true;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

/*
 * jansson refuses what strings of JavaScript may hold, and the worker mends: a lone
 * surrogate, bytes that are no UTF-8. What is asked of a header is ASCII, so here
 * such characters may become anything.
 */
std::string mended(std::string_view text)
{
    std::string copy(text);
    for (std::size_t i = 0; i < copy.size(); i++) {
        if (static_cast<unsigned char>(copy[i]) >= 0x80) {
            copy[i] = '?';
        } else if (copy[i] == '\\') {
            bool surrogate = i + 3 < copy.size() && copy[i + 1] == 'u'
                             && (copy[i + 2] == 'd' || copy[i + 2] == 'D')
                             && std::string_view("89abcdefABCDEF").find(copy[i + 3])
                                    != std::string_view::npos;
            if (surrogate) {
                copy[i + 2] = 'f';
            }
            i++;
        }
    }
    return copy;
}

/* A header is an object and nothing else on its line, but for the CR of clients that
 * end lines with CR LF. */
Json load_object(std::string_view text, size_t flags)
{
    if (!text.empty() && text.back() == '\r') {
        text.remove_suffix(1);
    }
    if (text.empty() || text.back() != '}' || too_deep(text)) {
        return {};
    }
    flags |= JSON_ALLOW_NUL;
    Json value(json_loadb(text.data(), text.size(), flags, nullptr));
    if (!value) {
        std::string copy = mended(text);
        value.reset(json_loadb(copy.data(), copy.size(), flags, nullptr));
    }
    return json_is_object(value.get()) ? std::move(value) : Json();
}

std::string_view string_member(const Json &object, const char *name) noexcept
{
    const json_t *value = json_object_get(object.get(), name);
    if (!json_is_string(value)) {
        return {};
    }
    return {json_string_value(value), json_string_length(value)};
}

/* Items that make no sense without an event: an id is made for them. */
bool belongs_to_event(std::string_view type) noexcept
{
    static constexpr std::string_view without[] = {
        "session", "sessions", "client_report", "check_in", "profile_chunk",
        "profile_chunk_ui", "replay_recording", "replay_video", "statsd", "metric_buckets",
        "metric_meta", "log", "otel_log", "span", "otel_span", "otel_traces_data",
        "trace_metric", "nel"};
    return std::find(std::begin(without), std::end(without), type) == std::end(without);
}

bool is_blank(unsigned char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

}

std::string Summary::items_text() const
{
    std::string text;
    for (const auto &[type, count] : items) {
        text.append(text.empty() ? "" : ",").append(type).append(":")
            .append(std::to_string(count));
    }
    return text;
}

Fault Scanner::push(std::string_view bytes)
{
    summary_.plain_bytes += bytes.size();
    if (summary_.plain_bytes > limits_.plain_bytes) {
        return {reason::too_large, "request body exceeds the size limit",
                "the body is larger than allowed when inflated"};
    }
    return scan(bytes);
}

Fault EnvelopeScanner::take_line(std::string_view &bytes, bool &complete)
{
    std::size_t end = bytes.find('\n');
    complete = end != std::string_view::npos;
    std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > max_header) {
        return {reason::invalid_envelope, bad_envelope, "header line is too long"};
    }
    headers_ += part.size();
    if (headers_ > max_headers) {
        return {reason::too_large, "envelope exceeded size limits", "too many bytes of headers"};
    }
    line_.append(part);
    bytes.remove_prefix(complete ? end + 1 : bytes.size());
    return {};
}

Fault EnvelopeScanner::end_header()
{
    // Some unrelated number may be larger than 64 bits.
    Json header = load_object(line_, JSON_DECODE_INT_AS_REAL);
    line_.clear();
    if (!header) {
        return {reason::invalid_envelope, bad_envelope, "invalid envelope header"};
    }
    const json_t *id = json_object_get(header.get(), "event_id");
    if (id != nullptr && !json_is_null(id)) {
        summary_.event_id = normalize_uuid(string_member(header, "event_id"));
        if (summary_.event_id.empty()) {
            return {reason::event_id, bad_envelope, "invalid envelope header: event_id is no UUID"};
        }
    }
    const json_t *dsn = json_object_get(header.get(), "dsn");
    if (dsn != nullptr && !json_is_null(dsn)) {
        // A dsn that is no string must not pass for an absent one.
        summary_.dsn = json_is_string(dsn) ? std::string(string_member(header, "dsn")) : "?";
    }
    state_ = State::before_item;
    return {};
}

Fault EnvelopeScanner::end_item_header()
{
    Json header = load_object(line_, 0);
    line_.clear();
    std::string_view type = header ? string_member(header, "type") : std::string_view();
    if (type.empty() || type.size() > 64) {
        return {reason::invalid_envelope, bad_envelope, "invalid item header"};
    }
    if (++count_ > max_items) {
        return {reason::too_large, "envelope exceeded size limits", "too many items"};
    }
    // A type that could not be written into the summary is counted under a name
    // of its own.
    bool word = std::all_of(type.begin(), type.end(), [](unsigned char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
               || c == '_' || c == '-';
    });
    if (!word || (summary_.items.size() >= 32 && summary_.items.count(std::string(type)) == 0)) {
        type = "other";
    }
    summary_.items[std::string(type)]++;
    summary_.needs_event_id |= belongs_to_event(type);
    limited_ = type == "event" || type == "transaction";
    sessions_ += type == "session" || type == "sessions";
    if (sessions_ > max_sessions) {
        return {reason::too_large, "envelope exceeded size limits for type 'session'",
                "too many session items"};
    }

    const json_t *length = json_object_get(header.get(), "length");
    payload_ = 0;
    if (length == nullptr || json_is_null(length)) {
        state_ = State::line;
        return {};
    }
    json_int_t value = json_is_integer(length) ? json_integer_value(length) : -1;
    if (value < 0 || value > UINT32_MAX) {
        return {reason::invalid_envelope, bad_envelope, "invalid item header: bad length"};
    }
    left_ = static_cast<std::uint64_t>(value);
    payload_ = left_;
    state_ = left_ > 0 ? State::counted : State::counted_end;
    return check_payload();
}

Fault EnvelopeScanner::check_payload() const
{
    if (limited_ && payload_ > limits_.event_bytes) {
        return {reason::too_large, "envelope exceeded size limits for type 'event'",
                "the event is larger than allowed"};
    }
    return {};
}

Fault EnvelopeScanner::scan(std::string_view bytes)
{
    while (!bytes.empty()) {
        Fault fault;
        bool complete = false;
        switch (state_) {
        case State::header:
        case State::item_header:
            fault = take_line(bytes, complete);
            if (!fault && complete) {
                fault = state_ == State::header ? end_header() : end_item_header();
            }
            break;
        case State::before_item:
            if (is_blank(static_cast<unsigned char>(bytes.front()))) {
                bytes.remove_prefix(1);
            } else {
                state_ = State::item_header;
            }
            break;
        case State::counted: {
            std::size_t part = static_cast<std::size_t>(
                std::min<std::uint64_t>(left_, bytes.size()));
            bytes.remove_prefix(part);
            left_ -= part;
            if (left_ == 0) {
                state_ = State::counted_end;
            }
            break;
        }
        case State::counted_end:
            if (bytes.front() != '\n') {
                return {reason::invalid_envelope, bad_envelope,
                        "missing newline after header or payload"};
            }
            bytes.remove_prefix(1);
            state_ = State::before_item;
            break;
        case State::line: {
            std::size_t end = bytes.find('\n');
            payload_ += std::min(end, bytes.size());
            bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
            fault = check_payload();
            if (end != std::string_view::npos) {
                state_ = State::before_item;
            }
            break;
        }
        }
        if (fault) {
            return fault;
        }
    }
    return {};
}

Fault EnvelopeScanner::finish()
{
    if (summary_.plain_bytes == 0) {
        return {reason::no_data, "empty request body", {}};
    }
    switch (state_) {
    case State::header:
        return end_header();
    case State::item_header: {
        Fault fault = end_item_header();
        if (!fault && state_ == State::counted) {
            return {reason::invalid_envelope, bad_envelope, "unexpected end of file"};
        }
        return fault;
    }
    case State::counted:
        return {reason::invalid_envelope, bad_envelope, "unexpected end of file"};
    default:
        return {};
    }
}

Fault StoreScanner::scan(std::string_view bytes)
{
    if (summary_.plain_bytes > limits_.event_bytes) {
        return {reason::too_large, "request body exceeds the size limit",
                "the event is larger than allowed"};
    }
    for (char c : bytes) {
        Fault fault = step(static_cast<unsigned char>(c));
        if (fault) {
            return fault;
        }
    }
    return {};
}

Fault StoreScanner::end_string()
{
    in_string_ = false;
    if (depth_ != 1) {
        return {};
    }
    if (part_ == Part::key) {
        is_event_id_ = kept_ == "event_id";
        part_ = Part::after_key;
    } else if (part_ == Part::value && is_event_id_) {
        summary_.event_id = normalize_uuid(kept_);
        if (summary_.event_id.empty()) {
            return {reason::event_id, "invalid JSON data", "event_id is no UUID"};
        }
    }
    return {};
}

/* The event id is a string or null; of two members the last one counts. */
Fault StoreScanner::begin_value(unsigned char c)
{
    if (is_event_id_ && part_ == Part::value && depth_ == 1 && kept_.empty() && c != '"') {
        if (c != 'n') {
            return {reason::event_id, "invalid JSON data", "event_id is no UUID"};
        }
        summary_.event_id.clear();
        is_event_id_ = false;
    }
    return {};
}

Fault StoreScanner::step(unsigned char c)
{
    static constexpr unsigned char byte_order_mark[] = {0xef, 0xbb, 0xbf};
    constexpr Fault not_an_object = {reason::invalid_json, bad_body, "not a JSON object"};

    if (part_ == Part::before) {
        if (!blank_seen_ && bom_seen_ < 3 && c == byte_order_mark[bom_seen_]) {
            bom_seen_++;
            return {};
        }
        if (is_blank(c)) {
            blank_seen_ = true;
            return {};
        }
        if (c != '{' || (bom_seen_ != 0 && bom_seen_ != 3)) {
            return not_an_object;
        }
        depth_ = 1;
        part_ = Part::key;
        return {};
    }
    if (part_ == Part::after) {
        return is_blank(c) || c == 0
                   ? Fault{}
                   : Fault{reason::invalid_json, bad_body, "trailing data after the JSON object"};
    }
    if (in_string_) {
        if (escaped_) {
            escaped_ = false;
        } else if (c == '\\') {
            escaped_ = true;
            return {};
        } else if (c == '"') {
            return end_string();
        }
        if (depth_ == 1 && kept_.size() < max_kept) {
            kept_.push_back(static_cast<char>(c));
        }
        return {};
    }
    if (is_blank(c)) {
        return {};
    }
    if (depth_ == 1) {
        if (part_ == Part::key && c != '"' && c != '}' && c != ',') {
            return {reason::invalid_json, bad_body, "a member name is expected"};
        }
        if (part_ == Part::after_key) {
            if (c != ':') {
                return {reason::invalid_json, bad_body, "a colon is expected"};
            }
            part_ = Part::value;
            kept_.clear();
            return {};
        }
        Fault fault = begin_value(c);
        if (fault) {
            return fault;
        }
    }
    switch (c) {
    case '"':
        in_string_ = true;
        if (depth_ == 1) {
            kept_.clear();
        }
        break;
    case '{':
    case '[':
        if (depth_ < tracked_depth) {
            std::uint64_t bit = std::uint64_t(1) << (depth_ % 64);
            kinds_[depth_ / 64] = c == '[' ? kinds_[depth_ / 64] | bit : kinds_[depth_ / 64] & ~bit;
        }
        depth_++;
        break;
    case '}':
    case ']': {
        depth_--;
        bool array = depth_ < tracked_depth && (kinds_[depth_ / 64] >> (depth_ % 64) & 1) != 0;
        if (depth_ < tracked_depth && array != (c == ']')) {
            return {reason::invalid_json, bad_body, "brackets do not match"};
        }
        if (depth_ == 0) {
            part_ = Part::after;
        }
        break;
    }
    case ',':
        if (depth_ == 1) {
            part_ = Part::key;
            is_event_id_ = false;
        }
        break;
    default:
        break;
    }
    return {};
}

Fault StoreScanner::finish()
{
    if (summary_.plain_bytes == 0) {
        return {reason::no_data, "empty request body", {}};
    }
    if (part_ != Part::after) {
        return {reason::invalid_json, bad_body, "the JSON object is not complete"};
    }
    summary_.needs_event_id = true;
    summary_.items["event"] = 1;
    return {};
}

}
