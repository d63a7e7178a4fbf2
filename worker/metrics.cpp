/*
 * The names and what they mean stand in the HELP lines.
 */

#include "worker/metrics.hpp"

#include "worker/store.hpp"

#include <prometheus/text_serializer.h>

#include <sstream>

namespace errtrack {
namespace {

/* Longer than any turn takes that gets on: a read blocks for a second, a batch takes
 * less. What hangs longer may file later, but not now. */
constexpr auto stalled_after = std::chrono::seconds(30);

constexpr std::string_view names[] = {"database", "redis"};

std::size_t place(Service service) noexcept
{
    return static_cast<std::size_t>(service);
}

prometheus::Family<prometheus::Counter> &counter(prometheus::Registry &registry, const char *name,
                                                 const char *help)
{
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Gauge> &gauge(prometheus::Registry &registry, const char *name,
                                             const char *help)
{
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

prometheus::Histogram &histogram(prometheus::Registry &registry, const char *name,
                                 const char *help,
                                 const prometheus::Histogram::BucketBoundaries &bounds)
{
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
}

prometheus::Labels of_stream(bool large)
{
    return {{"stream", large ? "large" : "events"}};
}

}

Metrics::Metrics()
    : items_(counter(registry_, "errtrack_worker_items_total",
                     "Items of requests by what became of them.")),
      entries_(gauge(registry_, "errtrack_queue_entries", "Entries that are not filed.")),
      pending_(gauge(registry_, "errtrack_queue_pending_entries",
                     "Of those, the ones in the hands of workers.")),
      oldest_(gauge(registry_, "errtrack_queue_oldest_age_seconds",
                    "How long the oldest entry that is not filed has been in the queue.")),
      records_(counter(registry_, "errtrack_worker_records_total",
                       "Requests in transactions that were committed.").Add({})),
      seen_(counter(registry_, "errtrack_worker_seen_total",
                    "Of those, the ones that had been filed before.").Add({})),
      buried_(counter(registry_, "errtrack_worker_dead_total",
                      "Requests that became dead letters.").Add({})),
      batch_seconds_(histogram(registry_, "errtrack_worker_batch_seconds",
                               "Time for one transaction of filing.",
                               {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30})),
      batch_records_(histogram(registry_, "errtrack_worker_batch_records",
                               "Requests in one transaction of filing.",
                               {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000})),
      dead_letters_(gauge(registry_, "errtrack_dead_letters", "Dead letters that are kept.").Add({})),
      misplaced_(gauge(registry_, "errtrack_default_partition_rows",
                       "Rows that found no partition of their day: anything but 0 is an alarm.")
                     .Add({})),
      waiting_(gauge(registry_, "errtrack_waiting_requests",
                     "Requests that wait for GitLab's word on their keys.").Add({})),
      asked_(counter(registry_, "errtrack_worker_gitlab_checks_total",
                     "Keys that GitLab was asked about, by its answer.")),
      sent_(counter(registry_, "errtrack_worker_notifications_total",
                    "Attempts to send a message, by what came of it: sent, waiting, failed, parked, gone.")),
      notifications_waiting_(gauge(registry_, "errtrack_notifications_waiting",
                                   "Messages that wait for their channel, as the worker sees that sends.").Add({})),
      notifications_oldest_(gauge(registry_, "errtrack_notifications_oldest_seconds",
                                  "How long the oldest of them has waited.").Add({})),
      channels_failing_(gauge(registry_, "errtrack_channels_failing",
                              "Channels that did not take the last message.").Add({})),
      channels_parked_(gauge(registry_, "errtrack_channels_parked",
                             "Of those, the ones that are tried once an hour.").Add({}))
{
    auto &up = gauge(registry_, "errtrack_worker_up", "Whether the worker gets on with it.");
    auto &errors = counter(registry_, "errtrack_worker_errors_total",
                           "Calls that failed and were tried again, or given up.");
    for (std::size_t i = 0; i < services; i++) {
        prometheus::Labels labels = {{"service", std::string(names[i])}};
        up_[i] = &up.Add(labels);
        errors_[i] = &errors.Add(labels);
    }
    turned();
}

void Metrics::answers(Service service) noexcept
{
    up_[place(service)]->Set(1);
}

void Metrics::fails(Service service) noexcept
{
    up_[place(service)]->Set(0);
    errors_[place(service)]->Increment();
}

void Metrics::turned() noexcept
{
    turned_ = Clock::now().time_since_epoch().count();
}

void Metrics::filed(const FiledCounts &counts, std::size_t records,
                    std::chrono::duration<double> took)
{
    answers(Service::database);
    batch_seconds_.Observe(took.count());
    batch_records_.Observe(static_cast<double>(records));
    records_.Increment(static_cast<double>(records));
    seen_.Increment(static_cast<double>(counts.seen));
    for (const auto &[outcome, items] : counts.outcomes) {
        items_.Add({{"outcome", std::string(outcome)}}).Increment(static_cast<double>(items));
    }
}

void Metrics::buried() noexcept
{
    buried_.Increment();
}

void Metrics::alarms(const Alarms &alarms) noexcept
{
    dead_letters_.Set(static_cast<double>(alarms.dead_letters));
    misplaced_.Set(static_cast<double>(alarms.misplaced_rows));
    waiting_.Set(static_cast<double>(alarms.waiting_requests));
}

void Metrics::asked_gitlab(const char *answer)
{
    asked_.Add({{"answer", answer}}).Increment();
}

void Metrics::sent(const char *came_of_it)
{
    sent_.Add({{"result", came_of_it}}).Increment();
}

void Metrics::sending(const SendingState &state) noexcept
{
    notifications_waiting_.Set(static_cast<double>(state.waiting));
    notifications_oldest_.Set(state.oldest_seconds);
    channels_failing_.Set(static_cast<double>(state.failing));
    channels_parked_.Set(static_cast<double>(state.parked));
}

void Metrics::backlog(bool large, const std::optional<Backlog> &backlog)
{
    if (backlog) {
        entries_.Add(of_stream(large)).Set(static_cast<double>(backlog->entries));
        pending_.Add(of_stream(large)).Set(static_cast<double>(backlog->pending.value_or(0)));
        oldest_.Add(of_stream(large)).Set(backlog->oldest_seconds);
        return;
    }
    // A figure that is not known is better absent than old.
    for (auto *family : {&entries_, &pending_, &oldest_}) {
        family->Remove(&family->Add(of_stream(large)));
    }
}

std::string_view Metrics::obstacle() const noexcept
{
    for (std::size_t i = 0; i < services; i++) {
        if (up_[i]->Value() == 0) {
            return names[i];
        }
    }
    auto idle = Clock::now().time_since_epoch() - Clock::duration(turned_.load());
    return idle > stalled_after ? "stalled" : "";
}

std::string Metrics::text() const
{
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, registry_.Collect());
    return out.str();
}

}
