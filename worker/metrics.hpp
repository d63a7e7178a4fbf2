/*
 * What the worker tells of itself: the only user of prometheus-cpp. The thread that
 * files writes, threads that are asked read: members may be called by any thread.
 * Labels have few values, and none of a client: the ledger in SQL has the projects.
 */

#ifndef ERRTRACK_WORKER_METRICS_HPP
#define ERRTRACK_WORKER_METRICS_HPP

#include "worker/backlog.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace errtrack {

/* What the worker depends on. */
enum class Service { database, redis };

struct Alarms;
struct FiledCounts;
struct SendingState;

class Metrics {
public:
    Metrics();

    void answers(Service service) noexcept;
    /* It does not, or refuses what it should do. */
    void fails(Service service) noexcept;
    /* The loop of the worker has come round. */
    void turned() noexcept;
    void filed(const FiledCounts &counts, std::size_t records, std::chrono::duration<double> took);
    void buried() noexcept;
    void alarms(const Alarms &alarms) noexcept;
    /* One word: enabled, disabled or failed. */
    void asked_gitlab(const char *answer);
    /* One word: sent, waiting (tried again), failed (refused for good), parked (with its channel) or gone. */
    void sent(const char *came_of_it);
    void sending(const SendingState &state) noexcept;
    /* None: it could not be read. By one thread at a time. */
    void backlog(bool large, const std::optional<Backlog> &backlog);

    /* Why nothing can be filed now: one word, empty when it can. */
    std::string_view obstacle() const noexcept;

    /* All of it, in the text format of Prometheus. */
    std::string text() const;

private:
    static constexpr std::size_t services = 2;
    using Clock = std::chrono::steady_clock;

    prometheus::Registry registry_;
    prometheus::Family<prometheus::Counter> &items_;
    prometheus::Family<prometheus::Gauge> &entries_;
    prometheus::Family<prometheus::Gauge> &pending_;
    prometheus::Family<prometheus::Gauge> &oldest_;
    prometheus::Counter &records_;
    prometheus::Counter &seen_;
    prometheus::Counter &buried_;
    prometheus::Histogram &batch_seconds_;
    prometheus::Histogram &batch_records_;
    prometheus::Gauge &dead_letters_;
    prometheus::Gauge &misplaced_;
    prometheus::Gauge &waiting_;
    prometheus::Family<prometheus::Counter> &asked_;
    prometheus::Family<prometheus::Counter> &sent_;
    prometheus::Gauge &notifications_waiting_;
    prometheus::Gauge &notifications_oldest_;
    prometheus::Gauge &channels_failing_;
    prometheus::Gauge &channels_parked_;
    std::array<prometheus::Gauge *, services> up_;
    std::array<prometheus::Counter *, services> errors_;
    std::atomic<Clock::rep> turned_{0};
};

}

#endif
