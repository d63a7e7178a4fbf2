/*
 * The metrics as Prometheus reads them, text format 0.0.4. What stands in a label is
 * from a fixed list or made by us; nothing of a request does.
 */

#include "ngx_module/counter_table.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace errtrack __attribute__((visibility("hidden"))) {
namespace {

/* A process that has not said anything for so long is gone, or stuck. */
constexpr std::uint64_t fresh_ms = 5000;

std::uint64_t value_of(const Counter &counter) noexcept
{
    return counter.load(std::memory_order_relaxed);
}

/* Counted up and down by many processes, so that it may be off by one below zero. */
std::uint64_t not_negative(std::int64_t value) noexcept
{
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
}

/* A number of units of which a second has so many: "12.345". */
std::string seconds(std::uint64_t value, std::uint64_t units, int digits)
{
    char text[48];
    std::snprintf(text, sizeof(text), "%" PRIu64 ".%0*" PRIu64, value / units, digits,
                  value % units);
    return text;
}

class Text {
public:
    void family(std::string_view name, std::string_view type, std::string_view help)
    {
        name_ = name;
        text_.append("# HELP ").append(name).append(" ").append(help);
        text_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
    }

    void sample(std::string_view labels, std::string_view value)
    {
        text_.append(name_);
        if (!labels.empty()) {
            text_.append("{").append(labels).append("}");
        }
        text_.append(" ").append(value).append("\n");
    }
    void sample(std::string_view labels, std::uint64_t value)
    {
        sample(labels, std::to_string(value));
    }

    void single(std::string_view name, std::string_view type, std::string_view help,
                std::uint64_t value)
    {
        family(name, type, help);
        sample({}, value);
    }

    std::string take() && { return std::move(text_); }

private:
    std::string text_;
    std::string_view name_;
};

std::string label(std::string_view name, std::string_view value)
{
    std::string text(name);
    text.append("=\"");
    for (char c : value) {
        if (c == '\\' || c == '"') {
            text.push_back('\\');
        }
        text.append(c == '\n' ? "\\n" : std::string_view(&c, 1));
    }
    text.push_back('"');
    return text;
}

std::string request_labels(Endpoint endpoint, std::string_view outcome, std::string_view reason)
{
    return label("endpoint", endpoint_name(endpoint)) + "," + label("outcome", outcome) + ","
           + label("reason", reason);
}

void add_requests(Text &text, const CounterTable &table)
{
    text.family("errtrack_requests_total", "counter", "Requests by how they were answered.");
    for (std::size_t i = 0; i < endpoints; i++) {
        const EndpointCounters &counters = table.by_endpoint[i];
        auto endpoint = static_cast<Endpoint>(i);
        text.sample(request_labels(endpoint, "accepted", ""), value_of(counters.requests[0]));
        if (std::uint64_t filtered = value_of(counters.filtered); filtered != 0) {
            text.sample(request_labels(endpoint, "filtered", ""), filtered);
        }
        for (std::size_t reason = 1; reason < reasons; reason++) {
            if (std::uint64_t refused = value_of(counters.requests[reason]); refused != 0) {
                text.sample(request_labels(endpoint, "refused", reason_words[reason]), refused);
            }
        }
    }
    text.family("errtrack_request_bytes_total", "counter",
                "Bytes of request bodies as received.");
    for (std::size_t i = 0; i < endpoints; i++) {
        if (std::uint64_t bytes = value_of(table.by_endpoint[i].bytes); bytes != 0) {
            text.sample(label("endpoint", endpoint_name(static_cast<Endpoint>(i))), bytes);
        }
    }
    text.single("errtrack_spooled_total", "counter", "Requests accepted by the spool.",
                value_of(table.spooled));
    text.family("errtrack_quota_leases_total", "counter",
                "Leases of a quota that were asked for.");
    text.sample(label("result", "granted"), value_of(table.leases_granted));
    text.sample(label("result", "refused"), value_of(table.leases_refused));
}

void add_processes(Text &text, const CounterTable &table, std::uint64_t now)
{
    auto each = [&](auto value) {
        for (std::size_t i = 0; i < CounterTable::processes; i++) {
            const GaugeSlot &slot = table.gauges[i];
            std::uint64_t updated_at = slot.updated_at.load(std::memory_order_acquire);
            // Another process' clock may be a tick ahead of ours.
            if (updated_at != 0 && (updated_at >= now || now - updated_at <= fresh_ms)) {
                text.sample(label("process", std::to_string(i)), value(slot));
            }
        }
    };
    text.family("errtrack_redis_up", "gauge", "Whether the process is connected to Redis.");
    each([](const GaugeSlot &slot) -> std::uint64_t { return value_of(slot.redis_state) == 2; });
    text.family("errtrack_redis_state", "gauge",
                "State of the worse link to Redis: 0 down, 1 connecting, 2 connected.");
    each([](const GaugeSlot &slot) { return value_of(slot.redis_state); });
    text.family("errtrack_redis_latency_seconds", "gauge",
                "How long the last answer of Redis took.");
    each([](const GaugeSlot &slot) { return seconds(value_of(slot.redis_latency_us), 1000000, 6); });
    text.family("errtrack_redis_in_flight_bytes", "gauge",
                "Bytes of commands that Redis has not answered.");
    each([](const GaugeSlot &slot) { return value_of(slot.redis_in_flight); });
    text.family("errtrack_quota_leases_in_flight", "gauge",
                "Leases of quotas that Redis has not answered.");
    each([](const GaugeSlot &slot) { return value_of(slot.leases_in_flight); });
    text.family("errtrack_held_bytes", "gauge", "Bytes of request bodies that are arriving.");
    each([](const GaugeSlot &slot) { return value_of(slot.held_bytes); });
}

void add_edge(Text &text, const EdgeFigures &edge)
{
    text.single("errtrack_spool_segments", "gauge", "Segments of the spool.",
                not_negative(edge.spool_segments));
    text.single("errtrack_spool_bytes", "gauge", "Bytes of all segments of the spool.",
                not_negative(edge.spool_bytes));
    text.single("errtrack_spool_unverified_bytes", "gauge",
                "Bytes of the segments whose client keys could not be checked.",
                not_negative(edge.spool_unverified_bytes));
    text.family("errtrack_spool_oldest_age_seconds", "gauge",
                "Age of the oldest segment of the spool, 0 when there is none.");
    text.sample({}, seconds(edge.spool_oldest_age, 1000, 3));
    text.single("errtrack_backlog_entries", "gauge",
                "Entries in the streams of Redis, as last polled.", edge.backlog_entries);
    text.single("errtrack_backlog_bytes", "gauge",
                "Bytes in the streams of Redis, as last polled.", edge.backlog_bytes);
    text.single("errtrack_keys", "gauge", "Client keys that are known.", edge.keys);
    text.family("errtrack_keys_generation_info", "gauge", "Generation of the client keys.");
    if (!edge.generation.empty()) {
        text.sample(label("generation", edge.generation), 1);
    }
    text.family("errtrack_keys_age_seconds", "gauge",
                "Time since Redis confirmed that the client keys are the newest.");
    if (edge.keys_age != EdgeFigures::unknown) {
        text.sample({}, seconds(edge.keys_age, 1000, 3));
    }
    text.family("errtrack_boot_info", "gauge",
                "Changes when nginx is restarted, and all counters with it.");
    text.sample(label("boot", edge.boot), 1);
}

}

std::string format_metrics(const CounterTable &table, const EdgeFigures &edge, std::uint64_t now)
{
    Text text;
    add_requests(text, table);
    add_processes(text, table, now);
    add_edge(text, edge);
    return std::move(text).take();
}

}
