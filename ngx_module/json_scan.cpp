/*
 * Most bytes of an event are inside strings below the top level, so those are skipped
 * in words of eight; the rules are for what is left.
 */

#include "ngx_module/json_scan.hpp"

#include "worker/byte_search.hpp"
#include "ngx_module/json_text.hpp"
#include "worker/outcome.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr Fault bad_json(std::string_view cause)
{
    return {reason::invalid_json, "invalid request body", cause};
}

constexpr Fault bad_event_id = {reason::event_id, "invalid JSON data", "event_id is no UUID"};

/* Control bytes are blanks for the worker. */
bool is_blank(unsigned char c) noexcept
{
    return c <= ' ';
}

/* What changes the state below the top level. */
constexpr std::array<bool, 256> structural = [] {
    std::array<bool, 256> found{};
    for (unsigned char c : std::string_view("\"{}[]")) {
        found[c] = true;
    }
    return found;
}();

}

Fault JsonScan::push(std::string_view bytes)
{
    const char *at = bytes.data();
    const char *end = at + bytes.size();
    while (at != end) {
        Fault fault;
        if (in_string_) {
            at = skip_string(at, end);
            if (!in_string_ && depth_ == 1) {
                fault = end_string();
            }
        } else if (depth_ > 1) {
            while (at != end && !structural[static_cast<unsigned char>(*at)]) {
                at++;
            }
            if (at == end) {
                break;
            }
            char c = *at++;
            if (c == '"') {
                in_string_ = true;
            } else {
                fault = open_or_close(static_cast<unsigned char>(c));
            }
        } else {
            fault = top_level(static_cast<unsigned char>(*at++));
        }
        if (fault) {
            return fault;
        }
    }
    return {};
}

Fault JsonScan::finish() const noexcept
{
    return part_ == Part::after ? Fault{} : bad_json("the JSON text is not complete");
}

/* Behind the quote that closes the string, or end. */
const char *JsonScan::skip_string(const char *at, const char *end)
{
    const char *begin = at;
    if (escaped_) {
        escaped_ = false;
        at++;
    }
    for (;;) {
        at = Quotes::find(at, end);
        if (at == end || *at == '"') {
            break;
        }
        if (++at == end) {
            escaped_ = true;
            break;
        }
        at++;
    }
    if (keeping_) {
        std::size_t size = static_cast<std::size_t>(at - begin);
        if (kept_size_ + size <= max_kept) {
            std::memcpy(kept_ + kept_size_, begin, size);
        }
        kept_size_ = std::min(kept_size_ + size, max_kept + 1);
    }
    if (at != end) {
        in_string_ = false;
        at++;
    }
    return at;
}

/* A string of the top level: a name, or a value. */
Fault JsonScan::end_string()
{
    if (!keeping_) {
        return {};
    }
    keeping_ = false;
    std::string_view raw(kept_, kept_size_ <= max_kept ? kept_size_ : 0);
    std::string plain;
    if (raw.find('\\') != std::string_view::npos) {
        plain = unescape(raw);
        raw = plain;
    }
    if (part_ == Part::name) {
        part_ = Part::colon;
        member_ = raw == "event_id" ? Member::event_id
                  : raw == "type"   ? Member::type
                                    : Member::other;
    } else if (member_ == Member::event_id) {
        event_id_ = normalize_uuid(raw);
        if (event_id_.empty()) {
            return bad_event_id;
        }
    } else {
        transaction_ = raw == "transaction";
    }
    return {};
}

Fault JsonScan::top_level(unsigned char c)
{
    if (part_ == Part::before) {
        return begin_document(c);
    }
    if (is_blank(c)) {
        return {};
    }
    switch (part_) {
    case Part::after:
        return bad_json("trailing data after the JSON text");
    case Part::name:
        if (c == '"') {
            in_string_ = true;
            keeping_ = true;
            kept_size_ = 0;
            return {};
        }
        return c == '}' ? open_or_close(c) : bad_json("a member name is expected");
    case Part::colon:
        part_ = Part::value;
        begun_ = false;
        return c == ':' ? Fault{} : bad_json("a colon is expected");
    default:
        break;
    }
    if (c == ',' || c == '}' || c == ']') {
        Fault fault = end_element(c);
        return fault || c == ',' ? fault : open_or_close(c);
    }
    if (!begun_) {
        Fault fault = begin_value(c);
        if (fault) {
            return fault;
        }
    }
    if (c == '"') {
        in_string_ = true;
        return {};
    }
    return c == '{' || c == '[' ? open_or_close(c) : Fault{};
}

Fault JsonScan::begin_document(unsigned char c)
{
    static constexpr unsigned char byte_order_mark[] = {0xef, 0xbb, 0xbf};
    if (!blank_seen_ && marks_ < 3 && c == byte_order_mark[marks_]) {
        marks_++;
        return {};
    }
    bool marked = marks_ == 0 || marks_ == 3;
    if (marked && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
        blank_seen_ = true;
        return {};
    }
    if (marked && c == '{') {
        part_ = Part::name;
        return open_or_close(c);
    }
    if (top_ == Top::object || !marked || c != '[') {
        return bad_json(top_ == Top::object ? "not a JSON object" : "neither a JSON object nor a list");
    }
    part_ = Part::value;
    return open_or_close(c);
}

/* The event id is a string or null. */
Fault JsonScan::begin_value(unsigned char c)
{
    begun_ = true;
    elements_++;
    keeping_ = member_ != Member::other && c == '"';
    kept_size_ = 0;
    if (member_ == Member::type) {
        transaction_ = false;
    } else if (member_ == Member::event_id && !keeping_) {
        event_id_.clear();
        return c == 'n' ? Fault{} : bad_event_id;
    }
    return {};
}

/* Behind an element of the top level. Only an empty list may end without one. */
Fault JsonScan::end_element(unsigned char c)
{
    bool empty = c == ']' && elements_ == 0;
    if (!begun_ && !empty) {
        return bad_json("a value is expected");
    }
    begun_ = false;
    member_ = Member::other;
    part_ = is_list() ? Part::value : Part::name;
    return {};
}

Fault JsonScan::open_or_close(unsigned char c)
{
    if (c == '{' || c == '[') {
        if (depth_ < tracked_depth) {
            std::uint64_t bit = std::uint64_t(1) << (depth_ % 64);
            std::uint64_t &levels = lists_[depth_ / 64];
            levels = c == '[' ? levels | bit : levels & ~bit;
        }
        depth_++;
        return {};
    }
    depth_--;
    bool list = depth_ < tracked_depth && (lists_[depth_ / 64] >> (depth_ % 64) & 1) != 0;
    if (depth_ < tracked_depth && list != (c == ']')) {
        return bad_json("brackets do not match");
    }
    if (depth_ == 0) {
        part_ = Part::after;
    }
    return {};
}

}
