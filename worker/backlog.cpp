/*
 * The id of an entry tells when it came, by the clock of Redis. It is picked out there,
 * since every command that shows an id of an entry nobody has taken shows its body too.
 */

#include "worker/backlog.hpp"

#include "worker/entry.hpp"

#include <algorithm>
#include <charconv>

namespace errtrack {
namespace {

constexpr std::string_view script =
    "local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1) "
    "local now = redis.call('TIME') "
    "return {redis.call('XLEN', KEYS[1]), first[1] and first[1][1] or '', now[1]}";

/* Of an id, "milliseconds-number", or of a text of seconds: the number in front. */
long long leading_number(std::string_view text) noexcept
{
    long long number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

}

Backlog read_backlog(Redis &redis, const std::string &stream)
{
    RedisReply reply = redis.must({"EVAL", script, "1", stream});
    RedisReply held = redis.command({"XPENDING", stream, consumer_group});
    bool understood = reply->type == REDIS_REPLY_ARRAY && reply->elements == 3;
    if (!understood || (held.is_error() && !held.is_error("NOGROUP"))) {
        throw RedisRefusal("looking at the queue: "
                           + std::string(understood ? held.text() : reply.text()));
    }
    Backlog backlog;
    backlog.entries = reply->element[0]->integer;
    if (std::string_view first = RedisReply::text_of(*reply->element[1]); !first.empty()) {
        double now = static_cast<double>(leading_number(RedisReply::text_of(*reply->element[2])));
        double then = static_cast<double>(leading_number(first)) / 1000;
        backlog.oldest_seconds = std::max(0.0, now - then);
    }
    if (held->type == REDIS_REPLY_ARRAY && held->elements > 0) {
        backlog.pending = held->element[0]->integer;
    }
    return backlog;
}

}
