/*
 * Wrappings are peeled off in layers, each a step that hands its output to the next:
 *
 *     form  ->  base64  ->  inflate  ->  JSON
 *
 * where every step but the last may be missing.
 */

#include "ngx_module/store_scan.hpp"

#include "worker/outcome.hpp"

#include <algorithm>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::string_view bad_body = "invalid request body";
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

constexpr Fault too_large = {reason::too_large, "request body exceeds the size limit",
                             "the event is larger than allowed"};
constexpr Fault bad_base64 = {reason::invalid_json, bad_body, "neither JSON nor base64"};

/* Base64 makes three bytes four, and percent encoding at worst one byte three. */
constexpr std::size_t wrapping = 4;

std::string_view without_blanks(std::string_view bytes) noexcept
{
    return bytes.substr(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
}

}

Fault StoreScanner::scan(std::string_view bytes)
{
    std::size_t allowed = limits_.event_bytes * (body_ == Kind::json ? 1 : wrapping);
    if (summary_.plain_bytes > allowed) {
        return too_large;
    }
    switch (body_) {
    case Kind::json:
        return take_json(bytes);
    case Kind::form:
        return take_form(bytes);
    case Kind::base64:
        return take_base64(bytes);
    default:
        break;
    }
    if (beginning_.empty()) {
        while (!bytes.empty() && !blank_seen_ && marks_ < byte_order_mark.size()
               && bytes.front() == byte_order_mark[marks_])
        {
            marks_++;
            bytes.remove_prefix(1);
        }
        std::string_view rest = without_blanks(bytes);
        if (bytes.empty()) {
            return {};
        }
        if (marks_ != 0 && marks_ != byte_order_mark.size()) {
            return bad_base64;
        }
        blank_seen_ = true;
        if (rest.empty()) {
            return {};
        }
        if (rest.front() == '{') {
            body_ = Kind::json;
            return summary_.plain_bytes > limits_.event_bytes ? too_large : take_json(rest);
        }
        bytes = rest;
    }
    std::size_t missing = std::min(form_lookahead - beginning_.size(), bytes.size());
    beginning_.append(bytes.substr(0, missing));
    if (beginning_.size() < form_lookahead) {
        return {};
    }
    Fault fault = begin(beginning_);
    return fault ? fault : body_ == Kind::form ? take_form(bytes.substr(missing))
                                               : take_base64(bytes.substr(missing));
}

Fault StoreScanner::begin(std::string_view beginning)
{
    body_ = looks_like_form(beginning) ? Kind::form : Kind::base64;
    return body_ == Kind::form ? take_form(beginning) : take_base64(beginning);
}

Fault StoreScanner::take_form(std::string_view bytes)
{
    Fault fault;
    Decoded result = form_.push(bytes, [&](std::string_view value) {
        fault = take_value(value);
        return !fault;
    });
    return result == Decoded::bad
               ? Fault{reason::invalid_form, bad_body, "a percent sign without two hex digits"}
               : fault;
}

Fault StoreScanner::take_value(std::string_view bytes)
{
    if (value_ == Kind::start) {
        bytes = without_blanks(bytes);
        if (bytes.empty()) {
            return {};
        }
        value_ = bytes.front() == '{' ? Kind::json : Kind::base64;
    }
    return value_ == Kind::json ? take_json(bytes) : take_base64(bytes);
}

Fault StoreScanner::take_base64(std::string_view bytes)
{
    Fault fault;
    Decoded result = base64_.push(bytes, [&](std::string_view decoded) {
        fault = take_decoded(decoded);
        return !fault;
    });
    return result == Decoded::bad ? bad_base64 : fault;
}

Fault StoreScanner::take_decoded(std::string_view bytes)
{
    if (decoded_ == Kind::start) {
        decoded_ = bytes.front() == '{' ? Kind::json : Kind::deflated;
        if (decoded_ == Kind::deflated) {
            inflater_.emplace(Encoding::deflate);
        }
    }
    if (decoded_ == Kind::json) {
        return take_json(bytes);
    }
    Fault fault;
    Inflater::Status status = inflater_->push(bytes, [&](std::string_view json) {
        fault = take_json(json);
        return !fault;
    });
    if (fault || status == Inflater::Status::ok) {
        return fault;
    }
    // Anything but corrupt says that it inflates to too much.
    return status == Inflater::Status::corrupt
               ? Fault{reason::invalid_json, bad_body, "the deflated data is corrupt"} : too_large;
}

Fault StoreScanner::take_json(std::string_view bytes)
{
    json_bytes_ += bytes.size();
    return json_bytes_ > limits_.event_bytes ? too_large : json_.push(bytes);
}

Fault StoreScanner::end()
{
    if (body_ == Kind::start && !beginning_.empty()) {
        if (Fault fault = begin(beginning_)) {
            return fault;
        }
    }
    bool wrapped = body_ == Kind::base64 || value_ == Kind::base64;
    if (body_ == Kind::form && !form_.complete()) {
        return {reason::invalid_form, bad_body, "a percent sign without two hex digits"};
    }
    if (body_ == Kind::form && value_ == Kind::start) {
        return {reason::invalid_form, bad_body, "the form has no sentry_data"};
    }
    if (wrapped && !base64_.complete()) {
        return bad_base64;
    }
    if (inflater_ && !inflater_->complete()) {
        return {reason::invalid_json, bad_body, "the deflated data is truncated"};
    }
    if (Fault fault = json_.finish()) {
        return fault;
    }
    summary_.event_id = json_.event_id();
    summary_.needs_event_id = true;
    summary_.add(json_.is_transaction() ? "transaction" : "event", 1);
    return {};
}

}
