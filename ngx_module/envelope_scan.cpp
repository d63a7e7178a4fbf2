/*
 * Envelope grammar:
 *
 *     header LF { item header LF payload LF }
 *
 * A header is one JSON object on one line; a CR before LF and blank lines between items
 * are tolerated. A payload has the length that its header says, or goes to the next LF.
 */

#include "ngx_module/envelope_scan.hpp"

#include "ngx_module/json_text.hpp"
#include "worker/outcome.hpp"

#include <algorithm>
#include <charconv>

namespace errtrack __attribute__((visibility("hidden"))) {

namespace {

/* What counts together. */
enum class Group : std::uint8_t { attachments, sessions, client_reports, none };

enum class Bound : std::uint8_t { none, event, check_in };

}

/* What is known of an item type; what is not listed needs no event, and counts against
 * the whole envelope only. */
struct TypeRule {
    std::string_view type;
    bool needs_event;       /* it belongs to an event: an id is made if there is none */
    Bound bound;            /* of one payload */
    Group group;
    std::string_view detail;
};

namespace {

constexpr std::string_view bad_envelope = "invalid event envelope";
constexpr std::string_view too_much = "envelope exceeded size limits";

/* The usual ones first. */
constexpr TypeRule rules[] = {
    {"event", true, Bound::event, Group::none, "envelope exceeded size limits for type 'event'"},
    {"session", false, Bound::none, Group::sessions,
     "envelope exceeded size limits for type 'session'"},
    {"sessions", false, Bound::none, Group::sessions,
     "envelope exceeded size limits for type 'sessions'"},
    {"client_report", false, Bound::none, Group::client_reports,
     "envelope exceeded size limits for type 'client_report'"},
    {"attachment", true, Bound::none, Group::attachments,
     "envelope exceeded size limits for type 'attachment'"},
    {"transaction", true, Bound::event, Group::none,
     "envelope exceeded size limits for type 'transaction'"},
    {"check_in", false, Bound::check_in, Group::none,
     "envelope exceeded size limits for type 'check_in'"},
    {"feedback", true, Bound::event, Group::none,
     "envelope exceeded size limits for type 'feedback'"},
    {"user_report", true, Bound::event, Group::none,
     "envelope exceeded size limits for type 'user_report'"},
    {"security", true, Bound::event, Group::none,
     "envelope exceeded size limits for type 'security'"},
    {"raw_security", true, Bound::event, Group::none,
     "envelope exceeded size limits for type 'raw_security'"},
    {"form_data", true, Bound::none, Group::none, {}},
    {"unreal_report", true, Bound::none, Group::none, {}},
    {"profile", true, Bound::none, Group::none, {}},
    {"replay_event", true, Bound::none, Group::none, {}},
};

struct GroupLimit {
    unsigned items;
    std::uint64_t bytes;
};

constexpr GroupLimit group_limits[] = {
    {EnvelopeScanner::max_attachments, UINT64_MAX},
    {EnvelopeScanner::max_sessions, EnvelopeScanner::max_session_bytes},
    {EnvelopeScanner::max_client_reports, EnvelopeScanner::max_client_report_bytes},
};

const TypeRule *rule_of(std::string_view type) noexcept
{
    for (const TypeRule &rule : rules) {
        if (rule.type == type) {
            return &rule;
        }
    }
    return nullptr;
}

bool is_blank(char c) noexcept
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

constexpr Fault bad_header(std::string_view cause)
{
    return {reason::invalid_envelope, bad_envelope, cause};
}

}

/* Headers that do not arrive in pieces, which are nearly all, are not copied. */
Fault EnvelopeScanner::take_header(std::string_view &bytes)
{
    std::size_t end = bytes.find('\n');
    bool complete = end != std::string_view::npos;
    std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > max_header) {
        return bad_header("header line is too long");
    }
    headers_ += part.size();
    if (headers_ > max_headers) {
        return {reason::too_large, too_much, "too many bytes of headers"};
    }
    bytes.remove_prefix(complete ? end + 1 : bytes.size());
    if (complete && line_.empty()) {
        return end_header(part);
    }
    line_.append(part);
    return complete ? end_header(line_) : Fault{};
}

Fault EnvelopeScanner::end_header(std::string_view line)
{
    if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    // Behind the object there may be nothing, not even a blank.
    bool closed = !line.empty() && line.back() == '}';
    Fault fault = state_ == State::header ? end_envelope_header(closed ? line : "")
                                          : end_item_header(closed ? line : "");
    line_.clear();
    return fault;
}

Fault EnvelopeScanner::end_envelope_header(std::string_view line)
{
    JsonMember members[] = {{"event_id"}, {"dsn"}};
    const auto &[id, dsn] = members;
    if (!read_members(line, members)) {
        return bad_header("invalid envelope header");
    }
    if (!id.absent()) {
        std::string unescaped;
        summary_.event_id = normalize_uuid(text_of(id, unescaped));
        if (summary_.event_id.empty()) {
            return {reason::event_id, bad_envelope, "invalid envelope header: event_id is no UUID"};
        }
    }
    if (!dsn.absent()) {
        // A dsn that is no string must not pass for an absent one.
        std::string unescaped;
        summary_.dsn = dsn.is_string() ? text_of(dsn, unescaped) : "?";
    }
    state_ = State::before_item;
    return {};
}

Fault EnvelopeScanner::end_item_header(std::string_view line)
{
    JsonMember members[] = {{"type"}, {"length"}};
    const auto &[type, length] = members;
    if (!read_members(line, members)) {
        return bad_header("invalid item header");
    }
    std::string unescaped;
    if (Fault fault = begin_item(text_of(type, unescaped))) {
        return fault;
    }
    if (length.absent()) {
        payload_ = 0;
        state_ = State::line;
        return {};
    }
    std::int64_t value = -1;
    const char *end = length.token.data() + length.token.size();
    auto [rest, error] = std::from_chars(length.token.data(), end, value);
    if (error != std::errc() || rest != end || value < 0 || value > UINT32_MAX) {
        return bad_header("invalid item header: bad length");
    }
    left_ = static_cast<std::uint64_t>(value);
    payload_ = left_;
    state_ = left_ > 0 ? State::counted : State::counted_end;
    return check_payload();
}

Fault EnvelopeScanner::begin_item(std::string_view type)
{
    if (type.empty() || type.size() > TypeCounts::max_type || type == "integration") {
        return bad_header("invalid item header");
    }
    if (++count_ > max_items) {
        return {reason::too_large, too_much, "too many items"};
    }
    if (rule_ != nullptr && rule_->group != Group::none) {
        group_bytes_[static_cast<std::size_t>(rule_->group)] += payload_;
    }
    summary_.add(type, 1);
    rule_ = rule_of(type);
    if (rule_ == nullptr) {
        return {};
    }
    summary_.needs_event_id |= rule_->needs_event;
    if (rule_->group != Group::none) {
        std::size_t group = static_cast<std::size_t>(rule_->group);
        if (++group_items_[group] > group_limits[group].items) {
            return {reason::too_large, rule_->detail, "too many items of the type"};
        }
    }
    return {};
}

Fault EnvelopeScanner::check_payload() const noexcept
{
    if (rule_ == nullptr) {
        return {};
    }
    bool large = (rule_->bound == Bound::event && payload_ > limits_.event_bytes)
                 || (rule_->bound == Bound::check_in && payload_ > max_check_in_bytes);
    if (rule_->group != Group::none) {
        std::size_t group = static_cast<std::size_t>(rule_->group);
        large |= group_bytes_[group] + payload_ > group_limits[group].bytes;
    }
    return large ? Fault{reason::too_large, rule_->detail, "the payload is larger than allowed"}
                 : Fault{};
}

Fault EnvelopeScanner::scan(std::string_view bytes)
{
    while (!bytes.empty()) {
        Fault fault;
        switch (state_) {
        case State::header:
        case State::item_header:
            fault = take_header(bytes);
            break;
        case State::before_item:
            if (is_blank(bytes.front())) {
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
                return bad_header("missing newline after header or payload");
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

Fault EnvelopeScanner::end()
{
    if (state_ == State::header || state_ == State::item_header) {
        if (Fault fault = end_header(line_)) {
            return fault;
        }
    }
    return state_ == State::counted ? bad_header("unexpected end of file") : Fault{};
}

}
