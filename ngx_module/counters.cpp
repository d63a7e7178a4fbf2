/*
 * Counting: a request is one or two additions to the matrix and one to the ledger.
 */

#include "ngx_module/counters.hpp"

#include "ngx_module/counter_table.hpp"

#include <new>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

void count(Counter &counter, std::uint64_t by = 1) noexcept
{
    counter.fetch_add(by, std::memory_order_relaxed);
}

}

CounterTable *make_counter_table(ngx_slab_pool_t *pool, std::size_t bytes) noexcept
{
    if (sizeof(CounterTable) > bytes) {
        return nullptr;
    }
    // Whole pages, so it is aligned.
    void *memory = ngx_slab_alloc(pool, sizeof(CounterTable));
    if (memory == nullptr) {
        return nullptr;
    }
    return new (memory) CounterTable{};
}

void Counters::add(const Counted &counted) noexcept
{
    CounterTable &table = *zone_.root().counters;
    EndpointCounters &counters = table.by_endpoint[static_cast<std::size_t>(counted.endpoint)];
    std::size_t reason = reason_index(counted.reason);
    bool accepted = counted.reason.empty();
    count(accepted && counted.filtered ? counters.filtered : counters.requests[reason]);
    if (counted.bytes != 0) {
        count(counters.bytes, counted.bytes);
    }
    if (accepted && counted.spooled) {
        count(table.spooled);
    }
    table.ledger.add(static_cast<std::uint64_t>(ngx_time()) / 3600, counted.project, reason);
}

void Counters::add_lease(bool granted) noexcept
{
    CounterTable &table = *zone_.root().counters;
    count(granted ? table.leases_granted : table.leases_refused);
}

void Counters::set_gauges(const ProcessGauges &gauges) noexcept
{
    // After a reload the number belongs to the process that takes the place of this one.
    if (ngx_worker >= CounterTable::processes || ngx_exiting) {
        return;
    }
    GaugeSlot &slot = zone_.root().counters->gauges[ngx_worker];
    slot.redis_state.store(gauges.redis_state, std::memory_order_relaxed);
    slot.redis_in_flight.store(gauges.redis_in_flight, std::memory_order_relaxed);
    slot.redis_latency_us.store(gauges.redis_latency_us, std::memory_order_relaxed);
    slot.leases_in_flight.store(gauges.leases_in_flight, std::memory_order_relaxed);
    slot.held_bytes.store(gauges.held_bytes, std::memory_order_relaxed);
    slot.updated_at.store(ngx_current_msec, std::memory_order_release);
}

std::string Counters::metrics(std::string_view generation, std::size_t keys) const
{
    const EdgeState &state = zone_.state();
    std::uint64_t now = ngx_current_msec;
    EdgeFigures edge;
    edge.boot = state.boot;
    edge.generation = generation;
    edge.keys = keys;
    if (std::uint64_t seen_at = state.keys_seen_at; seen_at != 0) {
        edge.keys_age = now > seen_at ? now - seen_at : 0;
    }
    edge.backlog_entries = state.backlog_entries;
    edge.backlog_bytes = state.backlog_bytes;
    edge.spool_segments = state.spool_segments;
    edge.spool_bytes = state.spool_bytes;
    edge.spool_unverified_bytes = state.spool_unverified_bytes;
    if (std::int64_t oldest = state.spool_oldest; oldest != 0 && oldest < ngx_time()) {
        edge.spool_oldest_age = static_cast<std::uint64_t>(ngx_time() - oldest) * 1000;
    }
    return format_metrics(*zone_.root().counters, edge, now);
}

}
