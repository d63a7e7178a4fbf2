/*
 * The answers, as the edge gives them (ngx_module/observe.cpp).
 */

#include "worker/watch.hpp"

#include "worker/backlog.hpp"
#include "worker/entry.hpp"

#include <exception>
#include <optional>

namespace errtrack {
namespace {

/* Seconds. Who scrapes does not wait much longer. */
constexpr int redis_patience = 3;

constexpr const char *exposition = "text/plain; version=0.0.4; charset=utf-8";

Listener::Answer health(std::string_view obstacle)
{
    if (obstacle.empty()) {
        return {200, "application/json", "{\"is_healthy\":true}"};
    }
    return {503, "application/json",
            "{\"is_healthy\":false,\"detail\":\"" + std::string(obstacle) + "\"}"};
}

}

Watch::Watch(const std::string &address, const RedisSettings &redis, Metrics &metrics)
    : settings_(redis), metrics_(metrics),
      listener_(address, {{"/metrics", [this] { return this->metrics(); }},
                          {"/live", [] { return health(""); }},
                          {"/ready", [this] { return health(metrics_.obstacle()); }}})
{
}

Listener::Answer Watch::metrics()
{
    std::lock_guard lock(mutex_);
    std::optional<Backlog> events;
    std::optional<Backlog> large;
    try {
        if (!redis_) {
            redis_ = std::make_unique<Redis>(settings_, redis_patience);
        }
        events = read_backlog(*redis_, stream_key(0, false));
        large = read_backlog(*redis_, stream_key(0, true));
    } catch (const std::exception &) {
        // The worker itself tells in its log what is the matter with Redis.
        redis_.reset();
    }
    metrics_.backlog(false, events);
    metrics_.backlog(true, large);
    return {200, exposition, metrics_.text()};
}

}
