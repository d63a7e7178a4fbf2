/*
 * The order of checks is that of the protocol reference, section 8.5: whatever the
 * head of the request decides is decided before the body is looked at.
 */

#include "ngx_module/report.hpp"

#include "ngx_module/forms.hpp"

#include <algorithm>
#include <array>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* Room for a body that a client announces; the rest is made when it comes. */
constexpr std::size_t most_reserved = 256 * 1024;

/* A value of Content-Type without its parameters, in lower case. */
class MediaType {
public:
    explicit MediaType(std::string_view value) noexcept
    {
        value = value.substr(0, value.find(';'));
        while (!value.empty() && value.back() == ' ') {
            value.remove_suffix(1);
        }
        size_ = std::min(value.size(), text_.size());
        ngx_strlow(reinterpret_cast<u_char *>(text_.data()),
                   reinterpret_cast<u_char *>(const_cast<char *>(value.data())), size_);
    }
    bool is(std::initializer_list<std::string_view> types) const noexcept
    {
        return std::find(types.begin(), types.end(), std::string_view(text_.data(), size_))
               != types.end();
    }

private:
    std::array<char, 48> text_;
    std::size_t size_;
};

/* Keeps a small plain body for its conversion, and checks nothing but its size. */
class Collector final : public Scanner {
public:
    using Scanner::Scanner;
    const std::string &text() const noexcept { return text_; }
    void set_item(std::string_view type, std::string_view event_id)
    {
        summary_.add(type, 1);
        summary_.event_id = std::string(event_id);
    }

private:
    Fault scan(std::string_view bytes) override
    {
        text_.append(bytes);
        return {};
    }
    Fault end() override { return {}; }

    std::string text_;
};

}

std::string_view Report::encoding() const noexcept
{
    return collected_ ? std::string_view() : encoding_name(encoding_);
}

std::size_t Report::decoder_bytes() const noexcept
{
    constexpr std::size_t state = 128 * 1024;
    constexpr std::size_t largest_window = 8 * 1024 * 1024;
    bool windowed = encoding_ == Encoding::br || encoding_ == Encoding::zstd;
    return windowed ? state + std::min(summary().plain_bytes, largest_window) : 0;
}

std::optional<Refusal> Report::begin(const ReportHead &head)
{
    head_ = head;
    if (auto refused = check_head()) {
        return refused;
    }
    if (auto refused = find_sender()) {
        return refused;
    }
    if (head_.content_length > static_cast<std::int64_t>(limits_.body_bytes)) {
        return refusal::body_too_large;
    }
    if (encoding_ != Encoding::identity
        && suspects_.refused(owner_.key, head_.address, ngx_current_msec))
    {
        return refusal::bombs;
    }
    choose_scanner();
    inflater_.emplace(encoding_);
    body_ = buffers_.take();
    if (head_.content_length > 0) {
        body_.reserve(std::min(static_cast<std::size_t>(head_.content_length), most_reserved));
    }
    return std::nullopt;
}

std::optional<Refusal> Report::check_head()
{
    const Target &target = target_;
    if (!target.project.empty()) {
        std::optional<std::uint64_t> id = parse_project(target.project);
        if (!id) {
            return refusal::bad_project;
        }
        project_ = *id;
    }
    if (target.endpoint == Endpoint::attachments) {
        event_id_ = normalize_uuid(target.event_id);
        if (event_id_.empty()) {
            return refusal::bad_event_id;
        }
    }
    if (target.endpoint == Endpoint::minidump && !limits_.minidump) {
        return refusal::feature_disabled;
    }
    encoding_ = parse_encoding(head_.content_encoding);
    if (encoding_ == Encoding::unknown) {
        return refusal::content_encoding;
    }
    return check_content_type();
}

std::optional<Refusal> Report::check_content_type()
{
    bool good = true;
    switch (endpoint()) {
    case Endpoint::security:
        good = MediaType(head_.content_type).is({"application/json", "application/csp-report", "application/reports+json",
                        "application/expect-ct-report", "application/expect-ct-report+json",
                        "application/expect-staple-report"});
        break;
    case Endpoint::nel:
        good = MediaType(head_.content_type).is({"application/json", "application/reports+json"});
        break;
    default:
        break;
    }
    return good ? std::nullopt : std::optional(refusal::content_type);
}

/* Who sends it, as far as the head tells: an envelope may tell in its first line. */
std::optional<Refusal> Report::find_sender()
{
    if (endpoint() == Endpoint::tunnel) {
        return std::nullopt;
    }
    if (endpoint() == Endpoint::dialog) {
        std::string text = form_value(head_.query, "dsn").value_or("");
        std::optional<Dsn> dsn = parse_dsn(text);
        if (!dsn) {
            return refusal::no_credentials;
        }
        project_ = dsn->project;
        return admit(dsn->key);
    }
    credentials_ = find_credentials(head_.sentry_auth, head_.authorization, head_.query,
                                    target_.key);
    if (auto refused = refusal_of(credentials_)) {
        return refused;
    }
    if (credentials_.state == AuthState::found) {
        return admit(credentials_.key);
    }
    bool may_follow = endpoint() == Endpoint::envelope
                      || MediaType(head_.content_type).is({"application/x-sentry-envelope"});
    return may_follow ? std::nullopt : std::optional(refusal::no_credentials);
}

/* Decides all that key and project decide. */
std::optional<Refusal> Report::admit(std::string_view key)
{
    key_size_ = key.copy(public_key_.data(), public_key_.size());
    RulesBuffer buffer;
    std::optional<KeyInfo> info = keys_.find(key, buffer);
    if (!info) {
        // It may be one that was made while nobody could tell, or lives elsewhere.
        unverified_ = (keys_.stale() || limits_.unverified) && project_ != 0;
        owner_.project = project_;
        return unverified_ ? std::nullopt
               : keys_.stale() ? std::optional(refusal::unavailable)
                               : std::optional(refusal::rejected);
    }
    if (project_ == 0) {
        project_ = info->owner.project;
    } else if (project_ != info->owner.project) {
        return refusal::rejected;
    }
    admitted_ = true;
    owner_ = info->owner;
    if (!origin_allowed(info->rules, head_.origin)) {
        return refusal::cors;
    }
    if ((owner_.key_limited | owner_.project_limited) & 1) {
        if (std::optional<Exhausted> used_up = quotas_.refused(owner_)) {
            quota_.dropped = 1;
            quota_.used = 1;
            quota_.exhausted[0] = *used_up;
            return refusal::rate_limited;
        }
    }
    if (!info->rules.empty()) {
        filter_ = filter_of(info->rules,
                            {head_.address, head_.agent, client().empty() ? head_.agent : client()});
    }
    return std::nullopt;
}

void Report::choose_scanner()
{
    Endpoint read_as = endpoint();
    if (read_as == Endpoint::tunnel
        || (read_as == Endpoint::store && head_.post
            && MediaType(head_.content_type).is({"application/x-sentry-envelope"})))
    {
        read_as = Endpoint::envelope;
    }
    envelope_ = read_as == Endpoint::envelope;
    form_ = endpoint_name(read_as);
    scanner_ = make_scanner(read_as, {limits_.event_bytes, limits_.envelope_bytes},
                            head_.content_type);
    if (scanner_ == nullptr) {
        collected_ = true;
        form_ = endpoint_name(Endpoint::envelope);
        scanner_ = std::make_unique<Collector>(ScanLimits{max_form, max_form});
    }
}

/* The header of the envelope is known: it may hold the credentials, or contradict
 * those of the request. */
std::optional<Refusal> Report::check_dsn()
{
    dsn_checked_ = true;
    const std::string &text = scanner_->summary().dsn;
    std::optional<Dsn> dsn = parse_dsn(text);
    if (endpoint() != Endpoint::tunnel && key_size_ != 0) {
        bool other = dsn && (dsn->key != public_key() || dsn->project != project_);
        return other ? std::optional(refusal::dsn_mismatch) : std::nullopt;
    }
    if (text.empty()) {
        return refusal::no_credentials;
    }
    if (!dsn) {
        return refusal::bad_dsn;
    }
    if (endpoint() == Endpoint::tunnel) {
        const auto *hosts = static_cast<const ngx_str_t *>(limits_.tunnel_hosts->elts);
        bool served = std::any_of(hosts, hosts + limits_.tunnel_hosts->nelts,
                                  [&](const ngx_str_t &host) {
            return host.len == dsn->host.size()
                   && ngx_strncasecmp(host.data, as_ngx_str(dsn->host).data, host.len) == 0;
        });
        if (!served) {
            return refusal::tunnel_host;
        }
        project_ = dsn->project;
    } else if (project_ != 0 && dsn->project != project_) {
        return refusal::dsn_mismatch;
    } else {
        project_ = dsn->project;
    }
    return admit(dsn->key);
}

/* Without credentials nothing of a body is of interest but who sent it. */
Refusal Report::body_fault(const Fault &fault) const noexcept
{
    if (key_size_ != 0 || fault.reason == reason::too_large) {
        return refusal_of(fault);
    }
    return {NGX_HTTP_UNAUTHORIZED, reason::auth_invalid, "bad envelope authentication header",
            fault.cause};
}

std::optional<Refusal> Report::scan(std::string_view piece)
{
    std::optional<Refusal> refused;
    Inflater::Status status = inflater_->push(piece, [&](std::string_view plain) {
        if (Fault fault = scanner_->push(plain)) {
            refused = body_fault(fault);
        } else if (envelope_ && !dsn_checked_ && scanner_->header_known()) {
            refused = check_dsn();
        }
        return !refused;
    });
    if (status == Inflater::Status::corrupt) {
        bool windowed = encoding_ == Encoding::br || encoding_ == Encoding::zstd;
        return windowed ? refusal::corrupt_or_wide : refusal::corrupt;
    }
    bool bomb = status == Inflater::Status::bomb;
    if ((bomb || refused) && inflater_->like_a_bomb()) {
        suspects_.bomb(owner_.key, head_.address, ngx_current_msec);
    }
    return bomb ? std::optional(refusal::bomb) : refused;
}

std::optional<Refusal> Report::take(std::string_view piece)
{
    if (body_.size() + piece.size() > limits_.body_bytes) {
        return refusal::body_too_large;
    }
    body_.append(piece);
    return scan(piece);
}

std::optional<Refusal> Report::end()
{
    if (endpoint() == Endpoint::store && !head_.post) {
        // The pixel: the event is in the query.
        if (auto refused = take(form_value(head_.query, "sentry_data").value_or(""))) {
            return refused;
        }
    }
    if (collected_) {
        return convert();
    }
    if (body_.empty()) {
        return key_size_ == 0 ? refusal::no_credentials : refusal::no_data;
    }
    if (!inflater_->complete()) {
        return refusal::truncated;
    }
    if (Fault fault = scanner_->finish()) {
        return body_fault(fault);
    }
    if (envelope_ && !dsn_checked_) {
        if (auto refused = check_dsn()) {
            return refused;
        }
    }
    if (event_id_.empty()) {
        event_id_ = scanner_->take_event_id();
    }
    if (event_id_.empty() && scanner_->summary().needs_event_id) {
        Ids::Text made = ids_.event_id();
        event_id_.assign(made.data(), made.size());
    }
    return std::nullopt;
}

std::optional<Refusal> Report::convert()
{
    if (!body_.empty() && !inflater_->complete()) {
        return refusal::truncated;
    }
    auto &collector = static_cast<Collector &>(*scanner_);
    FormEnvelope made;
    if (endpoint() == Endpoint::checkin) {
        made = checkin_envelope(target_.slug, head_.query, collector.text());
        collector.set_item("check_in", {});
    } else {
        event_id_ = normalize_uuid(form_value(head_.query, "eventId").value_or(""));
        made = user_report_envelope(event_id_, collector.text(), form_errors_);
        collector.set_item("user_report", event_id_);
    }
    if (made.fault) {
        return refusal_of(made.fault);
    }
    body_ = std::move(made.text);
    return std::nullopt;
}

}
