/*
 * How much waits in a stream of the queue, and since when. Entries leave it when they
 * are filed, so what is there is what is not done. Reads only.
 */

#ifndef ERRTRACK_WORKER_BACKLOG_HPP
#define ERRTRACK_WORKER_BACKLOG_HPP

#include "worker/redis.hpp"

#include <optional>
#include <string>

namespace errtrack {

struct Backlog {
    long long entries = 0;
    std::optional<long long> pending;   /* of those, in the hands of workers; none: no group yet */
    double oldest_seconds = 0;          /* that the oldest has been in the stream; 0: it is empty */
};

/* Throws RedisError. */
Backlog read_backlog(Redis &redis, const std::string &stream);

}

#endif
