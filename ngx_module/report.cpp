/*
 * The order of checks is that of the protocol reference, section 8.5: whatever the
 * head of the request decides is decided before the body is looked at.
 */

#include "ngx_module/report.hpp"

#include "worker/entry.hpp"

#include <openssl/rand.h>

#include <stdexcept>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

constexpr std::string_view envelope_type = "application/x-sentry-envelope";

/* Cuts the last segment off a path, and the slashes behind it. */
std::string_view last_segment(std::string_view &path) noexcept
{
    while (!path.empty() && path.back() == '/') {
        path.remove_suffix(1);
    }
    std::size_t slash = path.rfind('/');
    std::string_view segment = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
    path.remove_suffix(segment.size());
    return segment;
}

std::string to_hex(const unsigned char *bytes, std::size_t size)
{
    std::string text(size * 2, '0');
    ngx_hex_dump(reinterpret_cast<u_char *>(text.data()), const_cast<u_char *>(bytes), size);
    return text;
}

}

std::string make_event_id()
{
    unsigned char bytes[16];
    // Without randomness ids would collide, and events be taken for duplicates.
    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        throw std::runtime_error("no random bytes to be had");
    }
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    return to_hex(bytes, sizeof(bytes));
}

std::string make_delivery_id(std::int64_t milliseconds)
{
    unsigned char stamp[6];
    for (int i = 5; i >= 0; i--) {
        stamp[i] = static_cast<unsigned char>(milliseconds & 0xff);
        milliseconds >>= 8;
    }
    std::string text = make_event_id();
    text.replace(0, 12, to_hex(stamp, sizeof(stamp)));
    text[12] = '7';
    return text;
}

/* .../api/{project}/{envelope|store}[/]: whatever stands in front is a prefix. */
std::optional<Refusal> Report::find_target(std::string_view path)
{
    std::string_view endpoint = last_segment(path);
    std::string_view project = last_segment(path);
    bool envelope = endpoint == "envelope";
    if ((!envelope && endpoint != "store") || last_segment(path) != "api") {
        return refusal::endpoint;
    }
    endpoint_ = envelope ? Endpoint::envelope : Endpoint::store;
    std::optional<std::uint64_t> id = parse_project(project);
    if (!id) {
        return refusal::bad_project;
    }
    project_ = *id;
    return std::nullopt;
}

/* A set that was never read refuses nobody for good. */
std::optional<Refusal> Report::find_key(std::string_view key)
{
    key_ = zone_.find(key);
    if (key_ && key_->project == project_) {
        return std::nullopt;
    }
    return key_ || zone_.filled() ? refusal::rejected : refusal::unavailable;
}

std::optional<Refusal> Report::begin(const ReportHead &head)
{
    if (auto refused = find_target(head.path)) {
        return refused;
    }
    if (!head.post) {
        return refusal::method;
    }
    encoding_ = parse_encoding(head.content_encoding);
    if (encoding_ == Encoding::unknown) {
        return refusal::content_encoding;
    }
    Credentials found = find_credentials(head.sentry_auth, head.authorization, head.query);
    if (auto refused = refusal_of(found)) {
        return refused;
    }
    if (head.content_type.substr(0, envelope_type.size()) == envelope_type) {
        endpoint_ = Endpoint::envelope;
    }
    if (found.state == AuthState::found) {
        if (auto refused = find_key(found.key)) {
            return refused;
        }
    } else if (endpoint_ == Endpoint::store) {
        return refusal::no_credentials;
    }
    if (head.content_length > static_cast<std::int64_t>(limits_.body_bytes)) {
        return refusal::body_too_large;
    }
    if (!link_.up()) {
        return refusal::unavailable;
    }
    client_ = std::string(found.client);
    public_key_ = std::string(found.key);
    inflater_.emplace(encoding_);
    ScanLimits scan = {limits_.event_bytes, limits_.envelope_bytes};
    if (endpoint_ == Endpoint::envelope) {
        scanner_ = std::make_unique<EnvelopeScanner>(scan);
    } else {
        scanner_ = std::make_unique<StoreScanner>(scan);
    }
    if (head.content_length > 0) {
        body_.reserve(static_cast<std::size_t>(head.content_length));
    }
    return std::nullopt;
}

/* The header of the envelope is known: it may hold the credentials, or contradict
 * those of the request. */
std::optional<Refusal> Report::check_dsn()
{
    dsn_checked_ = true;
    const std::string &text = scanner_->summary().dsn;
    std::optional<Dsn> dsn = parse_dsn(text);
    if (key_) {
        bool other = dsn && (dsn->key != public_key_ || dsn->project != project_);
        return other ? std::optional(refusal::dsn_mismatch) : std::nullopt;
    }
    if (text.empty()) {
        return refusal::no_credentials;
    }
    if (!dsn) {
        return refusal::bad_dsn;
    }
    return dsn->project == project_ ? find_key(dsn->key) : refusal::dsn_mismatch;
}

/* Without credentials nothing of a body is of interest but who sent it. */
Refusal Report::body_fault(const Fault &fault) const noexcept
{
    if (key_ || fault.reason == reason::too_large) {
        return refusal_of(fault);
    }
    return {NGX_HTTP_UNAUTHORIZED, reason::auth_invalid, "bad envelope authentication header",
            fault.cause};
}

std::optional<Refusal> Report::take(std::string_view piece)
{
    if (body_.size() + piece.size() > limits_.body_bytes) {
        return refusal::body_too_large;
    }
    // Bodies that are still arriving share the bound of those that wait for Redis:
    // memory is limited whatever clients do.
    if (!link_.room_for(held_total_ + piece.size())) {
        return refusal::unavailable;
    }
    held_ += piece.size();
    held_total_ += piece.size();
    body_.append(piece);

    std::optional<Refusal> refused;
    Inflater::Status status = inflater_->push(piece, [&](std::string_view plain) {
        if (Fault fault = scanner_->push(plain)) {
            refused = body_fault(fault);
        } else if (endpoint_ == Endpoint::envelope && !dsn_checked_ && scanner_->header_known()) {
            refused = check_dsn();
        }
        return !refused;
    });
    return status == Inflater::Status::corrupt ? refusal::corrupt : refused;
}

std::optional<Refusal> Report::end()
{
    if (body_.empty()) {
        return key_ ? refusal::no_data : refusal::no_credentials;
    }
    if (!inflater_->complete()) {
        return refusal::truncated;
    }
    if (Fault fault = scanner_->finish()) {
        return body_fault(fault);
    }
    if (endpoint_ == Endpoint::envelope && !dsn_checked_) {
        if (auto refused = check_dsn()) {
            return refused;
        }
    }
    event_id_ = scanner_->summary().event_id;
    if (event_id_.empty() && scanner_->summary().needs_event_id) {
        event_id_ = make_event_id();
    }
    return std::nullopt;
}

void Report::release() noexcept
{
    held_total_ -= held_;
    held_ = 0;
    body_ = std::string();
}

}
