/*
 * The few questions that "errtrack status" has for Redis, asked one after the
 * other over one connection that is closed at once.
 */

#include "worker/admin_queue.hpp"

#include "worker/admin_database.hpp"
#include "worker/entry.hpp"
#include "worker/redis.hpp"

namespace errtrack {
namespace {

constexpr int patience = 5;

std::string length(Redis &redis, const std::string &stream)
{
    return std::to_string(redis.must({"XLEN", stream})->integer);
}

/* Empty while the stream or its group has not been made. */
std::string pending(Redis &redis, const std::string &stream)
{
    RedisReply reply = redis.command({"XPENDING", stream, consumer_group});
    if (reply.is_error("NOGROUP")) {
        return {};
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        throw RedisError("an answer to XPENDING that is not understood");
    }
    return std::to_string(reply->element[0]->integer);
}

}

QueueStatus read_queue_status(const std::string &address, const std::string &password_file)
try {
    Redis redis({address, password_file}, patience);
    QueueStatus status;
    status.events_waiting = length(redis, stream_key(0, false));
    status.events_pending = pending(redis, stream_key(0, false));
    status.large_waiting = length(redis, stream_key(0, true));
    status.large_pending = pending(redis, stream_key(0, true));
    status.keys_generation = redis.must({"HGET", keys_hash, keys_marker}).text();
    return status;
} catch (const RedisError &e) {
    throw Failure(Exit::refused, e.what());
} catch (const RedisSettingsError &e) {
    throw Failure(Exit::refused, e.what());
}

}
