/*
 * The commands of a consumer group. The group is made at 0, not at the end: what lay
 * in the stream before the first worker came, or when Redis lost the group, counts.
 */

#include "worker/stream.hpp"

#include "worker/entry.hpp"

namespace errtrack {
namespace {

/* Asks for entries that no consumer was handed. */
constexpr std::string_view unseen = ">";

void append_entries(std::vector<QueueEntry> &entries, std::string_view stream,
                    const redisReply &list)
{
    for (std::size_t i = 0; i < list.elements; i++) {
        const redisReply &pair = *list.element[i];
        // A claimed entry that was deleted meanwhile comes as nil.
        if (pair.type != REDIS_REPLY_ARRAY || pair.elements != 2
            || pair.element[1]->type != REDIS_REPLY_ARRAY)
        {
            continue;
        }
        QueueEntry entry;
        entry.stream = stream;
        entry.id = RedisReply::text_of(*pair.element[0]);
        const redisReply &fields = *pair.element[1];
        for (std::size_t k = 0; k + 1 < fields.elements; k += 2) {
            entry.fields.emplace_back(RedisReply::text_of(*fields.element[k]),
                                      RedisReply::text_of(*fields.element[k + 1]));
        }
        entries.push_back(std::move(entry));
    }
}

}

Stream::Stream(Redis &redis, std::string consumer)
    : redis_(redis),
      consumer_(std::move(consumer)),
      events_(stream_key(0, false)),
      large_(stream_key(0, true))
{
    make_groups();
}

void Stream::make_groups()
{
    for (const std::string &stream : {events_, large_}) {
        RedisReply reply =
            redis_.command({"XGROUP", "CREATE", stream, consumer_group, "0", "MKSTREAM"});
        if (reply.is_error() && !reply.is_error("BUSYGROUP")) {
            throw RedisError("making the consumer group: " + std::string(reply.text()));
        }
    }
}

std::vector<QueueEntry> Stream::read_from(const std::vector<std::string> &streams,
                                          std::string_view after, unsigned count, bool block)
{
    std::string count_text = std::to_string(count);
    std::vector<std::string_view> words = {"XREADGROUP", "GROUP", consumer_group, consumer_,
                                           "COUNT", count_text};
    if (block) {
        words.insert(words.end(), {"BLOCK", "1000"});
    }
    words.push_back("STREAMS");
    words.insert(words.end(), streams.begin(), streams.end());
    words.insert(words.end(), streams.size(), after);
    RedisReply reply = redis_.command(words);
    if (reply.is_error("NOGROUP")) {
        make_groups();
        return {};
    }
    if (reply.is_error()) {
        throw RedisError("reading the queue: " + std::string(reply.text()));
    }
    std::vector<QueueEntry> entries;
    if (reply->type == REDIS_REPLY_ARRAY) {
        for (std::size_t i = 0; i < reply->elements; i++) {
            const redisReply &part = *reply->element[i];
            append_entries(entries, RedisReply::text_of(*part.element[0]), *part.element[1]);
        }
    }
    return entries;
}

std::vector<QueueEntry> Stream::read(unsigned count)
{
    std::vector<QueueEntry> entries = read_from({events_}, unseen, count, false);
    if (entries.empty()) {
        entries = read_from({large_}, unseen, 1, false);
    }
    return entries.empty() ? read_from({events_, large_}, unseen, 1, true) : entries;
}

std::vector<QueueEntry> Stream::left_over()
{
    constexpr unsigned few = 10;
    std::vector<QueueEntry> entries = read_from({events_, large_}, "0", few, false);
    for (QueueEntry &entry : entries) {
        entry.deliveries = deliveries_of(entry.stream, entry.id);
    }
    return entries;
}

std::vector<QueueEntry> Stream::claim(unsigned count, unsigned idle_seconds)
{
    std::string idle = std::to_string(idle_seconds * 1000ULL);
    std::vector<QueueEntry> entries;
    for (const std::string &stream : {events_, large_}) {
        RedisReply reply =
            redis_.command({"XAUTOCLAIM", stream, consumer_group, consumer_, idle, "0", "COUNT",
                            stream == large_ ? std::string("1") : std::to_string(count)});
        if (reply.is_error("NOGROUP")) {
            make_groups();
            continue;
        }
        if (reply.is_error() || reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) {
            throw RedisError("claiming entries: " + std::string(reply.text()));
        }
        append_entries(entries, stream, *reply->element[1]);
    }
    for (QueueEntry &entry : entries) {
        entry.deliveries = deliveries_of(entry.stream, entry.id);
    }
    return entries;
}

long long Stream::deliveries_of(const std::string &stream, const std::string &id)
{
    RedisReply reply = redis_.must({"XPENDING", stream, consumer_group, id, id, "1"});
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1
        || reply->element[0]->elements != 4)
    {
        return 2;
    }
    return reply->element[0]->element[3]->integer;
}

void Stream::finish(const std::string &stream, const std::vector<std::string> &ids)
{
    if (ids.empty()) {
        return;
    }
    std::vector<std::string_view> ack = {"XACK", stream, consumer_group};
    std::vector<std::string_view> del = {"XDEL", stream};
    ack.insert(ack.end(), ids.begin(), ids.end());
    del.insert(del.end(), ids.begin(), ids.end());
    redis_.must(ack);
    redis_.must(del);
}

void Stream::leave()
{
    // Deleting a consumer forgets what it holds, so one that holds something stays.
    for (const std::string &stream : {events_, large_}) {
        RedisReply held =
            redis_.must({"XPENDING", stream, consumer_group, "-", "+", "1", consumer_});
        if (held->type == REDIS_REPLY_ARRAY && held->elements == 0) {
            redis_.must({"XGROUP", "DELCONSUMER", stream, consumer_group, consumer_});
        }
    }
}

}
