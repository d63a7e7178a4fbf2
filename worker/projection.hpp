/*
 * Keeps the projection of keys and settings in Redis (worker/entry.hpp) equal to
 * PostgreSQL: at once when something changes, whoever changed it; when Redis turns out to have lost it; and
 * in full every half minute, in case a notification was missed.
 */

#ifndef ERRTRACK_WORKER_PROJECTION_HPP
#define ERRTRACK_WORKER_PROJECTION_HPP

#include "worker/redis.hpp"
#include "worker/store.hpp"

#include <chrono>

namespace errtrack {

class Projection {
public:
    explicit Projection(Store &store) : store_(store) {}

    /* To be called every second or so. Throws StoreError and RedisError; what was not
     * done is then done by a later call. */
    void refresh(Redis &redis);

private:
    using Clock = std::chrono::steady_clock;

    bool due(Redis &redis);
    void write(Redis &redis, const std::vector<ProjectedField> &fields);

    Store &store_;
    bool dirty_ = true;
    Clock::time_point checked_ = {};
    Clock::time_point full_pass_ = {};
    Clock::time_point written_ = {};
};

}

#endif
