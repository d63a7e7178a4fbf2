/*
 * A report on its way through the edge: who sends it, whether it may come in, and
 * whether its body is one that the worker can read. Knows nothing of HTTP
 * machinery: the module hands over the head of the request, then the body piece by
 * piece, and gets a refusal as soon as there is one.
 */

#ifndef ERRTRACK_NGX_MODULE_REPORT_HPP
#define ERRTRACK_NGX_MODULE_REPORT_HPP

#include "ngx_module/inflate.hpp"
#include "ngx_module/keys.hpp"
#include "ngx_module/redis_link.hpp"
#include "ngx_module/refusal.hpp"
#include "ngx_module/scan.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

enum class Endpoint { envelope, store };

/* The parts of a request that decide. Views into the request, each may be empty. */
struct ReportHead {
    bool post;
    std::string_view path;
    std::string_view query;
    std::string_view sentry_auth;
    std::string_view authorization;
    std::string_view content_type;
    std::string_view content_encoding;
    std::int64_t content_length;        /* -1: not given */
};

struct ReportLimits {
    std::size_t body_bytes;             /* as received */
    std::size_t envelope_bytes;         /* inflated */
    std::size_t event_bytes;            /* inflated: a store body, an event item */
};

class Report {
public:
    /* held counts the bytes of all bodies that are arriving in this process. */
    Report(KeyZone zone, const RedisLink &link, std::size_t &held, const ReportLimits &limits)
        : zone_(zone), link_(link), held_total_(held), limits_(limits) {}
    ~Report() { release(); }
    Report(const Report &) = delete;
    Report &operator=(const Report &) = delete;

    std::optional<Refusal> begin(const ReportHead &head);
    std::optional<Refusal> take(std::string_view piece);
    std::optional<Refusal> end();

    /* After end() returned no refusal. */
    Endpoint endpoint() const noexcept { return endpoint_; }
    std::uint64_t project() const noexcept { return project_; }
    std::uint64_t key_id() const noexcept { return key_->id; }
    const std::string &client() const noexcept { return client_; }
    Encoding encoding() const noexcept { return encoding_; }
    const Summary &summary() const noexcept { return scanner_->summary(); }
    std::string_view body() const noexcept { return body_; }

    /* The id that is answered and stored; empty when nothing of the body needs one. */
    const std::string &event_id() const noexcept { return event_id_; }

    /* Gives the memory of the body back: the queue has it. */
    void release() noexcept;

private:
    std::optional<Refusal> find_target(std::string_view path);
    std::optional<Refusal> find_key(std::string_view key);
    std::optional<Refusal> check_dsn();
    Refusal body_fault(const Fault &fault) const noexcept;

    KeyZone zone_;
    const RedisLink &link_;
    std::size_t &held_total_;
    ReportLimits limits_;
    std::size_t held_ = 0;

    Endpoint endpoint_ = Endpoint::envelope;
    std::uint64_t project_ = 0;
    std::optional<KeyInfo> key_;
    std::string public_key_;            /* of headers or query */
    std::string client_;
    Encoding encoding_ = Encoding::identity;
    std::optional<Inflater> inflater_;
    std::unique_ptr<Scanner> scanner_;
    bool dsn_checked_ = false;
    std::string body_;
    std::string event_id_;
};

/* 32 random hex digits in the form of a UUID of version 4. */
std::string make_event_id();

/* The same of version 7 (RFC 9562): they grow with time, so that the index of the
 * deliveries grows at its end. */
std::string make_delivery_id(std::int64_t milliseconds);

}

#endif
