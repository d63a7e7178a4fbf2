/*
 * A report on its way through the edge: who sends it, whether it may come in, and
 * whether its body is one that the worker can read. Knows nothing of HTTP
 * machinery: the module hands over the head of the request, then the body piece by
 * piece, and gets a refusal as soon as there is one.
 */

#ifndef ERRTRACK_NGX_MODULE_REPORT_HPP
#define ERRTRACK_NGX_MODULE_REPORT_HPP

#include "ngx_module/answer.hpp"
#include "ngx_module/buffers.hpp"
#include "ngx_module/endpoint.hpp"
#include "ngx_module/ids.hpp"
#include "ngx_module/inflate.hpp"
#include "ngx_module/keys.hpp"
#include "ngx_module/quota.hpp"
#include "ngx_module/scan.hpp"
#include "ngx_module/suspects.hpp"
#include "worker/entry.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/* The parts of a request that decide. Views into the request, each may be empty. */
struct ReportHead {
    bool post;
    std::string_view query;
    std::string_view sentry_auth;
    std::string_view authorization;
    std::string_view content_type;
    std::string_view content_encoding;
    std::string_view origin;            /* Origin, or else Referer */
    std::string_view agent;
    std::string_view address;
    std::int64_t content_length;        /* -1: not given */
};

struct ReportLimits {
    std::size_t body_bytes;             /* as received */
    std::size_t envelope_bytes;         /* inflated */
    std::size_t event_bytes;            /* inflated: a store body, an event item */
    bool minidump;                      /* whether crash dumps are taken at all */
    bool unverified;                    /* and keys that are not in the set */
    const ngx_array_t *tunnel_hosts;    /* of ngx_str_t, lower case; null where no tunnel is */
};

class Report {
public:
    Report(KeyZone keys, Quotas &quotas, Ids &ids, Buffers &buffers, Suspects &suspects,
           const ReportLimits &limits)
        : keys_(keys), quotas_(quotas), ids_(ids), buffers_(buffers), suspects_(suspects),
          limits_(limits) {}
    Report(const Report &) = delete;
    Report &operator=(const Report &) = delete;

    /* What the path names; known before anything else. */
    void set_target(const Target &target) noexcept { target_ = target; }

    /* The head must live as long as the report. */
    std::optional<Refusal> begin(const ReportHead &head);
    std::optional<Refusal> take(std::string_view piece);
    std::optional<Refusal> end();

    Endpoint endpoint() const noexcept { return target_.endpoint; }

    /* 0 until the sender is known to belong to it. */
    std::uint64_t project() const noexcept { return admitted_ ? project_ : 0; }

    /* The quotas that a refusal speaks of. */
    const Decision &quota() const noexcept { return quota_; }
    void set_quota(const Decision &quota) noexcept { quota_ = quota; }

    /* Name and version of the SDK, as it gave them with its key. */
    std::string_view client() const noexcept { return credentials_.client; }

    /* The rest is for after end(), when there was no refusal. */

    const QuotaOwner &owner() const noexcept { return owner_; }
    std::string_view public_key() const noexcept { return {public_key_.data(), key_size_}; }

    /* The key could not be checked: the worker has to. */
    bool unverified() const noexcept { return unverified_; }

    /* The filter that the client met; empty: none. A literal. */
    std::string_view filter() const noexcept { return filter_; }

    /* How the worker is to read the body: a name of worker/entry.hpp. */
    std::string_view form() const noexcept { return form_; }
    std::string_view encoding() const noexcept;
    const Summary &summary() const noexcept { return scanner_->summary(); }

    /* What the decoder of a body that is arriving holds, about: a window of what it made. */
    std::size_t decoder_bytes() const noexcept;

    /* The id that is answered and stored; empty when nothing of the body needs one. */
    const std::string &event_id() const noexcept { return event_id_; }

    /* What is queued. */
    std::string take_body() noexcept { return std::move(body_); }

    /* For the dialog: the JSON of the answer to a form that is not valid. */
    const std::string &form_errors() const noexcept { return form_errors_; }

private:
    std::optional<Refusal> check_head();
    std::optional<Refusal> check_content_type();
    std::optional<Refusal> find_sender();
    std::optional<Refusal> admit(std::string_view key);
    std::optional<Refusal> check_dsn();
    std::optional<Refusal> scan(std::string_view piece);
    std::optional<Refusal> convert();
    void choose_scanner();
    Refusal body_fault(const Fault &fault) const noexcept;

    KeyZone keys_;
    Quotas &quotas_;
    Ids &ids_;
    Buffers &buffers_;
    Suspects &suspects_;
    ReportLimits limits_;
    Target target_;
    ReportHead head_ = {};

    std::uint64_t project_ = 0;
    QuotaOwner owner_ = {};
    Credentials credentials_;
    std::array<char, max_key_length> public_key_;
    std::size_t key_size_ = 0;          /* 0: no key yet */
    std::string_view filter_;
    std::string_view form_;
    bool admitted_ = false;
    bool unverified_ = false;
    bool envelope_ = false;             /* the body is scanned as one */
    bool collected_ = false;            /* the body is a form that is converted */
    bool dsn_checked_ = false;
    Decision quota_;
    Encoding encoding_ = Encoding::identity;
    std::optional<Inflater> inflater_;
    std::unique_ptr<Scanner> scanner_;
    std::string body_;
    std::string event_id_;
    std::string form_errors_;
};

}

#endif
