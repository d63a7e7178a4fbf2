/*
 * What lies in the zone for counters.hpp, and the text that is made of it. Plain
 * atomics, which are good when all bytes are zero; knows nothing of nginx.
 */

#ifndef ERRTRACK_NGX_MODULE_COUNTER_TABLE_HPP
#define ERRTRACK_NGX_MODULE_COUNTER_TABLE_HPP

#include "ngx_module/endpoint.hpp"
#include "ngx_module/ledger_table.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

using Counter = std::atomic<std::uint64_t>;

struct EndpointCounters {
    Counter requests[reasons];      /* by reason; the first: accepted, and met no filter */
    Counter filtered;               /* accepted, and met one */
    Counter bytes;
};

/* Of one process. Only that process writes. Aligned, so that processes do not take a
 * line of the cache from each other. */
struct alignas(64) GaugeSlot {
    Counter updated_at;             /* ngx_current_msec; 0: never */
    Counter redis_state;
    Counter redis_in_flight;
    Counter redis_latency_us;
    Counter leases_in_flight;
    Counter held_bytes;
};

struct CounterTable {
    static constexpr std::size_t processes = 64;

    EndpointCounters by_endpoint[endpoints];
    Counter spooled;
    Counter leases_granted;
    Counter leases_refused;
    GaugeSlot gauges[processes];

    /* ngx_current_msec of when the duty to publish the ledger is free again. */
    Counter ledger_duty;

    /* Redis may have lost what it acknowledged: when to publish all anew; 0: never. */
    Counter ledger_again_at;

    LedgerTable ledger;
};

/* What metrics show beside the counters. Ages are in milliseconds. */
struct EdgeFigures {
    static constexpr std::uint64_t unknown = UINT64_MAX;

    std::string_view boot;
    std::string_view generation;            /* empty: there is no key set */
    std::uint64_t keys = 0;
    std::uint64_t keys_age = unknown;       /* since Redis confirmed them */
    std::uint64_t backlog_entries = 0;
    std::uint64_t backlog_bytes = 0;
    std::int64_t spool_segments = 0;
    std::int64_t spool_bytes = 0;
    std::int64_t spool_unverified_bytes = 0;
    std::uint64_t spool_oldest_age = 0;
};

/* now: ngx_current_msec. */
std::string format_metrics(const CounterTable &table, const EdgeFigures &edge, std::uint64_t now);

}

#endif
