/*
 * What this nginx has counted, in shared memory: requests by endpoint and reason for
 * the metrics, requests by project, hour and reason for the ledger. Counting is a few
 * atomic additions; nothing is allocated, and no lock is waited for.
 */

#ifndef ERRTRACK_NGX_MODULE_COUNTERS_HPP
#define ERRTRACK_NGX_MODULE_COUNTERS_HPP

#include "ngx_module/endpoint.hpp"
#include "ngx_module/redis_link.hpp"
#include "ngx_module/zone.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

/* A request that has been answered. */
struct Counted {
    Endpoint endpoint;
    std::string_view reason;    /* a word of worker/outcome.hpp; empty: accepted */
    bool filtered;              /* accepted, and met a filter */
    bool spooled;               /* accepted by the spool */
    std::uint64_t project;      /* 0: refused before it was authenticated */
    std::uint64_t bytes;        /* of the body as received */
};

/* What one process shows of itself; written by it, read by whoever is asked. */
struct ProcessGauges {
    std::uint64_t redis_state;          /* 0 down, 1 connecting, 2 connected */
    std::uint64_t redis_in_flight;      /* bytes */
    std::uint64_t redis_latency_us;     /* of the last answer */
    std::uint64_t leases_in_flight;
    std::uint64_t held_bytes;           /* bodies that are arriving */
};

class Counters {
public:
    explicit Counters(Zone zone) noexcept : zone_(zone) {}

    void add(const Counted &counted) noexcept;

    /* A lease of a quota was asked for; granted says whether it gave anything. */
    void add_lease(bool granted) noexcept;

    /* Of the calling process. */
    void set_gauges(const ProcessGauges &gauges) noexcept;

    /* All metrics in Prometheus' text format, version 0.0.4. */
    std::string metrics(std::string_view generation, std::size_t keys) const;

private:
    friend class LedgerPublisher;
    Zone zone_;
};

/*
 * Publishes the ledger each second, one process at a time: for every hour (UTC, seconds
 * since 1970 / 3600) in which something was counted the hash
 *
 *     errtrack:ledger:{hour}:{edge}:{boot}      "project reason" -> requests so far
 *
 * ("project " for accepted ones) with its name in the sorted set errtrack:ledger, scored
 * by the time of publishing in milliseconds. Counts only grow, so that a worker may book
 * what it reads as often as it likes. A hash expires after two days.
 */
class LedgerPublisher {
public:
    LedgerPublisher(Counters counters, RedisLink &link, const std::string &edge, ngx_log_t *log);
    ~LedgerPublisher();
    LedgerPublisher(const LedgerPublisher &) = delete;
    LedgerPublisher &operator=(const LedgerPublisher &) = delete;

    /* Publishes what was counted since, as the process ends: it may be the last one. Blocks
     * for a fraction of a second at most. */
    void finish() noexcept;

private:
    struct Work;
    std::unique_ptr<Work> work_;
};

}

#endif
