/*
 * How the command "errtrack" talks to Redis.
 */

#ifndef ERRTRACK_WORKER_ADMIN_QUEUE_HPP
#define ERRTRACK_WORKER_ADMIN_QUEUE_HPP

#include "worker/admin_database.hpp"
#include "worker/admin_options.hpp"
#include "worker/redis.hpp"

namespace errtrack {

/* Calls body with a connection to the Redis of the options. What it throws becomes a Failure. */
template <class Body>
auto with_redis(const Options &options, Body body)
try {
    constexpr int patience = 5;
    Redis redis({options.redis, options.redis_password_file}, patience);
    return body(redis);
} catch (const RedisError &e) {
    throw Failure(Exit::refused, e.what());
} catch (const RedisSettingsError &e) {
    throw Failure(Exit::refused, e.what());
}

}

#endif
