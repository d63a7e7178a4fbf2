/*
 * The commands of a consumer group. The group is made when it turns out to be missing,
 * not at every start: a Redis that is full refuses that, and has to be drained. It is
 * made at 0, not at the end: what lay
 * in the stream before the first worker came, or when Redis lost the group, counts.
 */

#include "worker/stream.hpp"

#include "worker/entry.hpp"

namespace errtrack {
namespace {

/* Milliseconds; a worker that lives asks every second. */
constexpr long long gone_after = 3600 * 1000;

/* References are small; the entries themselves are taken one by one. */
constexpr unsigned at_once = 200;

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

std::vector<QueueEntry> Stream::read_from(const std::vector<std::string> &streams, unsigned count,
                                          bool block)
{
    std::string count_text = std::to_string(count);
    std::vector<std::string_view> words = {"XREADGROUP", "GROUP", consumer_group, consumer_,
                                           "COUNT", count_text};
    if (block) {
        words.insert(words.end(), {"BLOCK", "1000"});
    }
    words.push_back("STREAMS");
    words.insert(words.end(), streams.begin(), streams.end());
    words.insert(words.end(), streams.size(), ">");
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

std::vector<QueueEntry> Stream::read(unsigned count, bool may_wait)
{
    std::vector<QueueEntry> entries = read_from({events_}, count, false);
    // In every turn, or a busy stream of small ones would keep them waiting.
    for (QueueEntry &entry : read_from({large_}, 1, false)) {
        entries.push_back(std::move(entry));
    }
    if (entries.empty() && may_wait) {
        return read_from({events_, large_}, 1, true);
    }
    return entries;
}

std::vector<EntryRef> Stream::left_over()
{
    std::vector<EntryRef> refs;
    for (const std::string &stream : {events_, large_}) {
        RedisReply reply = redis_.command({"XPENDING", stream, consumer_group, "-", "+",
                                           std::to_string(at_once), consumer_});
        // Without a group nothing is pending; reading makes it.
        for (std::size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
            const redisReply &pending = *reply->element[i];
            refs.push_back({stream, std::string(RedisReply::text_of(*pending.element[0]))});
        }
    }
    return refs;
}

std::vector<EntryRef> Stream::claim(unsigned idle_seconds)
{
    std::string idle = std::to_string(idle_seconds * 1000ULL);
    std::string count = std::to_string(at_once);
    std::vector<EntryRef> refs;
    for (const std::string &stream : {events_, large_}) {
        std::string cursor = "0-0";
        do {
            RedisReply reply =
                redis_.command({"XAUTOCLAIM", stream, consumer_group, consumer_, idle, cursor,
                                "COUNT", count, "JUSTID"});
            if (reply.is_error("NOGROUP")) {
                make_groups();
                break;
            }
            if (reply.is_error() || reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) {
                throw RedisError("claiming entries: " + std::string(reply.text()));
            }
            cursor = RedisReply::text_of(*reply->element[0]);
            const redisReply &ids = *reply->element[1];
            for (std::size_t i = 0; i < ids.elements; i++) {
                refs.push_back({stream, std::string(RedisReply::text_of(*ids.element[i]))});
            }
        } while (cursor != "0-0" && refs.size() < at_once);
    }
    return refs;
}

std::optional<QueueEntry> Stream::retake(const EntryRef &ref)
{
    RedisReply reply = redis_.must(
        {"XCLAIM", ref.stream, consumer_group, consumer_, "0", ref.id});
    std::vector<QueueEntry> entries;
    append_entries(entries, ref.stream, *reply);
    if (entries.empty()) {
        redis_.must({"XACK", ref.stream, consumer_group, ref.id});
        return std::nullopt;
    }
    RedisReply pending =
        redis_.must({"XPENDING", ref.stream, consumer_group, ref.id, ref.id, "1"});
    bool counted = pending->type == REDIS_REPLY_ARRAY && pending->elements == 1
                   && pending->element[0]->elements == 4;
    entries[0].deliveries = counted ? pending->element[0]->element[3]->integer : 2;
    return std::move(entries[0]);
}

bool Stream::replace(const EntryRef &ref, const std::vector<QueueEntry> &parts)
{
    redis_.must({"MULTI"});
    for (const QueueEntry &part : parts) {
        std::vector<std::string_view> add = {"XADD", ref.stream, "*"};
        for (const auto &[name, value] : part.fields) {
            add.insert(add.end(), {name, value});
        }
        redis_.command(add);
    }
    redis_.command({"XDEL", ref.stream, ref.id});
    redis_.command({"XACK", ref.stream, consumer_group, ref.id});
    // What was refused above is told here, and nothing is done then.
    RedisReply reply = redis_.command({"EXEC"});
    if (reply.is_error() && !reply.is_error("EXECABORT")) {
        throw RedisRefusal("taking an entry apart: " + std::string(reply.text()));
    }
    return !reply.is_error();
}

void Stream::release(const EntryRef &ref)
{
    redis_.must({"XCLAIM", ref.stream, consumer_group, consumer_, "0", ref.id, "RETRYCOUNT", "1",
                 "JUSTID"});
}

/*
 * Deleted first: if the process ends in between, a reference to nothing is left, which
 * retake() clears, and not an entry that nobody would be handed again. (Redis refuses
 * to queue a transaction when it is full, which is when this is needed most.)
 */
void Stream::finish(const std::string &stream, const std::vector<std::string> &ids)
{
    if (ids.empty()) {
        return;
    }
    std::vector<std::string_view> del = {"XDEL", stream};
    std::vector<std::string_view> ack = {"XACK", stream, consumer_group};
    del.insert(del.end(), ids.begin(), ids.end());
    ack.insert(ack.end(), ids.begin(), ids.end());
    redis_.must(del);
    redis_.must(ack);
}

void Stream::bury_consumers()
{
    for (const std::string &stream : {events_, large_}) {
        RedisReply list = redis_.command({"XINFO", "CONSUMERS", stream, consumer_group});
        for (std::size_t i = 0; list->type == REDIS_REPLY_ARRAY && i < list->elements; i++) {
            const redisReply &fields = *list->element[i];
            std::string name;
            long long pending = 1;
            long long idle = 0;
            for (std::size_t k = 0; k + 1 < fields.elements; k += 2) {
                std::string_view field = RedisReply::text_of(*fields.element[k]);
                const redisReply &value = *fields.element[k + 1];
                if (field == "name") {
                    name = RedisReply::text_of(value);
                } else if (field == "pending") {
                    pending = value.integer;
                } else if (field == "idle") {
                    idle = value.integer;
                }
            }
            if (pending == 0 && idle > gone_after && name != consumer_) {
                redis_.must({"XGROUP", "DELCONSUMER", stream, consumer_group, name});
            }
        }
    }
}

void Stream::leave()
{
    // Deleting a consumer forgets what it holds, so one that holds something stays.
    for (const std::string &stream : {events_, large_}) {
        RedisReply held =
            redis_.command({"XPENDING", stream, consumer_group, "-", "+", "1", consumer_});
        if (held->type == REDIS_REPLY_ARRAY && held->elements == 0) {
            redis_.must({"XGROUP", "DELCONSUMER", stream, consumer_group, consumer_});
        }
    }
}

}
