/*
 * The settings of all projects in the memory of the worker, read anew when they change.
 */

#ifndef ERRTRACK_WORKER_SETTINGS_CACHE_HPP
#define ERRTRACK_WORKER_SETTINGS_CACHE_HPP

#include <chrono>
#include <cstdint>
#include <unordered_map>

#include "worker/event_settings.hpp"
#include "worker/store.hpp"

namespace errtrack {

class SettingsCache {
public:
    explicit SettingsCache(Store &store) : store_(store) {}

    /* To be called before each batch. Reads when somebody changed settings, and every half
     * minute in case a notification was missed. Throws StoreError, and then what was read
     * before goes on being valid. */
    void refresh();

    /* Whether they were ever read: until then it is not known what must not be stored. */
    bool known() const { return known_; }

    /* Valid until the next refresh(). */
    const EventSettings &of(std::int64_t project) const;

private:
    using Clock = std::chrono::steady_clock;

    Store &store_;
    bool known_ = false;
    bool changed_ = true;
    Clock::time_point read_ = {};
    EventSettings usual_;
    std::unordered_map<std::int64_t, EventSettings> projects_;
};

}

#endif
