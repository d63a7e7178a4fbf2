/*
 * What is answered to who watches the worker:
 *
 *     /metrics   everything of worker/metrics.hpp, and what waits in the queue at that moment
 *     /live      200: the process answers
 *     /ready     200 when a report could be filed now, else 503 and why not
 *
 * The queue is looked at over a connection of its own, so that a worker which hangs still
 * shows what piles up behind it.
 */

#ifndef ERRTRACK_WORKER_WATCH_HPP
#define ERRTRACK_WORKER_WATCH_HPP

#include "worker/listener.hpp"
#include "worker/metrics.hpp"
#include "worker/redis.hpp"

#include <memory>
#include <mutex>
#include <string>

namespace errtrack {

class Watch {
public:
    /* Throws ListenerError. */
    Watch(const std::string &address, const RedisSettings &redis, Metrics &metrics);

private:
    Listener::Answer metrics();

    const RedisSettings settings_;
    Metrics &metrics_;
    std::mutex mutex_;                  /* for: */
    std::unique_ptr<Redis> redis_;
    Listener listener_;                 /* the last: it asks for the others */
};

}

#endif
