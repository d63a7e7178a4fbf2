/*
 * A boundary holds no LF, so a match of the delimiter that fails can only begin anew
 * behind what has matched.
 */

#include "ngx_module/multipart_scan.hpp"

#include "ngx_module/multipart_head.hpp"
#include "worker/outcome.hpp"

#include <algorithm>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::string_view bad_minidump = "invalid minidump";

constexpr Fault bad_multipart(std::string_view cause)
{
    return {reason::invalid_multipart, "invalid multipart", cause};
}

constexpr Fault too_large(std::string_view cause)
{
    return {reason::too_large, "request body exceeds the size limit", cause};
}

constexpr Fault too_many_attachments = too_large("too many attachments");

}

MultipartScanner::MultipartScanner(const ScanLimits &limits, std::string_view content_type)
    : Scanner(limits)
{
    std::string boundary = boundary_of(content_type);
    if (!boundary.empty() && boundary.size() <= max_boundary) {
        delimiter_ = "\n--" + boundary;
    }
}

Fault MultipartScanner::scan(std::string_view bytes)
{
    if (delimiter_.empty()) {
        return bad_multipart("no boundary in the content type");
    }
    while (!bytes.empty()) {
        Fault fault;
        switch (state_) {
        case State::preamble:
        case State::content:
            fault = search(bytes);
            break;
        case State::headers:
            fault = take_headers(bytes);
            break;
        case State::epilogue:
            return {};
        default:
            fault = take_delimiter(bytes.front());
            bytes.remove_prefix(1);
        }
        if (fault) {
            return fault;
        }
    }
    return {};
}

/* Takes content until a delimiter has matched. What may be the beginning of one at the
 * end of a piece is held back as matched_. */
Fault MultipartScanner::search(std::string_view &bytes)
{
    auto deliver = [this](std::string_view content) {
        return state_ == State::content && !content.empty() ? take_content(content) : Fault{};
    };
    if (matched_ == 0) {
        std::size_t found = bytes.find(delimiter_);
        if (found == std::string_view::npos) {
            std::string_view held = bytes;
            held.remove_prefix(bytes.size() - std::min(bytes.size(), delimiter_.size() - 1));
            held.remove_prefix(std::min(held.rfind('\n'), held.size()));
            bool matches = held == std::string_view(delimiter_).substr(0, held.size());
            found = bytes.size() - (matches ? held.size() : 0);
        }
        std::size_t size = std::min(bytes.size() - found, delimiter_.size());
        Fault fault = deliver(bytes.substr(0, found));
        bytes.remove_prefix(found + size);
        matched_ = size;
        line_begun_ = false;
        return fault || matched_ < delimiter_.size() ? fault : end_content();
    }
    std::string_view rest = std::string_view(delimiter_).substr(matched_);
    std::size_t same = static_cast<std::size_t>(
        std::mismatch(rest.begin(), rest.begin() + std::min(rest.size(), bytes.size()),
                      bytes.begin()).first - rest.begin());
    matched_ += same;
    bytes.remove_prefix(same);
    if (matched_ == delimiter_.size()) {
        return end_content();
    }
    if (bytes.empty()) {
        return {};
    }
    std::string_view content(delimiter_.data(), matched_);
    content.remove_prefix(line_begun_ ? 1 : 0);
    matched_ = 0;
    return deliver(content);
}

Fault MultipartScanner::end_content()
{
    Fault fault = state_ == State::content ? end_part() : Fault{};
    state_ = State::delimiter;
    return fault;
}

Fault MultipartScanner::take_delimiter(char c)
{
    if (c == '-' && state_ != State::padding) {
        state_ = state_ == State::delimiter ? State::closing : State::epilogue;
        return {};
    }
    if (state_ != State::closing && c == '\n') {
        state_ = State::headers;
        headers_ = 0;
        part_ = Part();
        return ++parts_ > max_parts ? too_large("too many parts") : Fault{};
    }
    if (state_ != State::closing && (c == ' ' || c == '\t' || c == '\r')) {
        state_ = State::padding;
        return {};
    }
    return bad_multipart("a delimiter is malformed");
}

Fault MultipartScanner::take_headers(std::string_view &bytes)
{
    std::size_t end = bytes.find('\n');
    std::string_view part = bytes.substr(0, end);
    headers_ += part.size();
    if (headers_ > max_headers) {
        return bad_multipart("the headers of a part are too long");
    }
    line_.append(part);
    if (end == std::string_view::npos) {
        bytes = {};
        return {};
    }
    bytes.remove_prefix(end + 1);
    std::string_view line = line_;
    if (!line.empty() && line.back() == '\r') {
        line.remove_suffix(1);
    }
    Fault fault;
    if (line.empty()) {
        state_ = State::content;
        // The delimiter may come at once: its LF ended the headers.
        matched_ = 1;
        line_begun_ = true;
        fault = begin_part(part_);
    } else {
        read_header(line);
    }
    line_.clear();
    return fault;
}

void MultipartScanner::read_header(std::string_view line)
{
    std::optional<Disposition> found = disposition_of(line);
    if (found) {
        part_.name = std::move(found->name);
        part_.file = found->file;
    }
}

Fault MultipartScanner::end()
{
    if (delimiter_.empty()) {
        return bad_multipart("no boundary in the content type");
    }
    return state_ == State::epilogue ? end_parts()
                                     : bad_multipart("the closing delimiter is missing");
}

Fault AttachmentsScanner::begin_part(const Part &)
{
    return ++attachments_ > max_attachments ? too_many_attachments : Fault{};
}

Fault AttachmentsScanner::end_parts()
{
    if (attachments_ == 0) {
        return {reason::no_data, "empty request body", "no attachments"};
    }
    summary_.add("attachment", attachments_);
    return {};
}

void MinidumpMagic::take(std::string_view bytes) noexcept
{
    std::size_t part = std::min(bytes.size(), sizeof(bytes_) - size_);
    std::copy_n(bytes.data(), part, bytes_ + size_);
    size_ += part;
}

bool MinidumpMagic::good() const noexcept
{
    using namespace std::string_view_literals;
    static constexpr std::string_view magics[] = {
        "MDMP"sv, "PMDM"sv, "\x1f\x8b"sv, "\xfd" "7zXZ\0"sv, "BZh"sv, "\x28\xb5\x2f\xfd"sv};
    std::string_view begin(bytes_, size_);
    return std::any_of(std::begin(magics), std::end(magics), [begin](std::string_view magic) {
        return begin.substr(0, magic.size()) == magic;
    });
}

Fault MinidumpScanner::begin_part(const Part &part)
{
    bool dump = part.name == "upload_file_minidump";
    if ((dump || part.file) && ++attachments_ > max_attachments) {
        return too_many_attachments;
    }
    content_ = dump        ? Content::dump
               : part.file ? Content::file
               : part.name == "sentry" ? Content::event : Content::field;
    if (dump) {
        magic_ = MinidumpMagic();
        dump_seen_ = true;
    } else if (content_ == Content::event) {
        event_.emplace(JsonScan::Top::object);
        event_bytes_ = 0;
    }
    return {};
}

Fault MinidumpScanner::take_content(std::string_view content)
{
    if (content_ == Content::file) {
        return {};
    }
    if (content_ == Content::dump) {
        bool checked = magic_.complete();
        magic_.take(content);
        bool wrong = !checked && magic_.complete() && !magic_.good();
        return wrong ? Fault{reason::invalid_minidump, bad_minidump, {}} : Fault{};
    }
    field_bytes_ += content.size();
    if (field_bytes_ > limits_.event_bytes) {
        return too_large("the fields are larger than allowed");
    }
    if (content_ == Content::event && event_) {
        event_bytes_ += content.size();
        if (event_bytes_ > max_event_field || event_->push(content)) {
            event_.reset();
        }
    }
    return {};
}

Fault MinidumpScanner::end_part()
{
    if (content_ == Content::dump && !magic_.good()) {
        return {reason::invalid_minidump, bad_minidump, {}};
    }
    if (content_ == Content::event && event_ && !event_->finish()) {
        summary_.event_id = event_->event_id();
    }
    return {};
}

Fault MinidumpScanner::end_parts()
{
    if (!dump_seen_) {
        return {reason::invalid_minidump, "missing minidump", {}};
    }
    summary_.needs_event_id = true;
    summary_.add("event", 1);
    summary_.add("attachment", attachments_);
    return {};
}

Fault RawMinidumpScanner::scan(std::string_view bytes)
{
    bool checked = magic_.complete();
    magic_.take(bytes);
    bool wrong = !checked && magic_.complete() && !magic_.good();
    return wrong ? Fault{reason::invalid_minidump, bad_minidump, {}} : Fault{};
}

Fault RawMinidumpScanner::end()
{
    if (!magic_.good()) {
        return {reason::invalid_minidump, bad_minidump, {}};
    }
    summary_.needs_event_id = true;
    summary_.add("event", 1);
    summary_.add("attachment", 1);
    return {};
}

}
