/*
 * A Redis that may forget what it has acknowledged, or soon cannot take more, loses reports
 * or drives them into the spools of edges.
 */

#include "worker/admin_doctor_findings.hpp"

#include "worker/admin_database.hpp"
#include "worker/admin_queue.hpp"
#include "worker/backlog.hpp"
#include "worker/entry.hpp"

#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace errtrack {
namespace {

constexpr std::string_view ledger_set = "errtrack:ledger";

/* The newest counts that edges have announced: each edge does it every hour. */
constexpr std::string_view last_announced = "999";

/* What an edge says of now may be so much ahead; further ahead its times are cut. */
constexpr long long edge_ahead_ms = 5'000;
constexpr long long edge_far_ahead_ms = 300'000;

constexpr long long unread_seconds = 60;

long long number_of(std::string_view text)
{
    long long number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/* INFO, whose lines are "name:value". */
std::map<std::string, std::string> read_info(Redis &redis)
{
    RedisReply reply = redis.must({"INFO"});
    std::string_view text = reply.text();
    std::map<std::string, std::string> info;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        line = line.substr(0, line.find('\r'));
        if (std::size_t colon = line.find(':'); colon != line.npos) {
            info.emplace(line.substr(0, colon), line.substr(colon + 1));
        }
    }
    return info;
}

class RedisDoctor {
public:
    RedisDoctor(Findings &findings, const Options &options, Redis &redis)
        : findings_(findings), options_(options), redis_(redis), info_(read_info(redis))
    {
    }

    void run()
    {
        memory();
        persistence();
        if (info_["role"] == "slave") {
            add("failing", "redis", "this Redis is a replica: nothing can be queued in it",
                "give the primary to edges and workers");
        }
        backlog(false);
        backlog(true);
        keys();
        long long now = clock();
        edges(now);
    }

private:
    void add(const char *level, const char *subject, const std::string &what, const std::string &advice = "")
    {
        findings_.push_back({level, subject, what, advice});
    }

    void memory()
    {
        const std::string policy = info_["maxmemory_policy"];
        long long most = number_of(info_["maxmemory"]);
        long long used = number_of(info_["used_memory"]);
        if (policy != "noeviction") {
            add(most > 0 ? "failing" : "warning", "redis",
                "maxmemory-policy is " + policy + ": a full Redis throws reports away",
                "config set maxmemory-policy noeviction, and in redis.conf");
        } else if (most == 0) {
            add("ok", "redis", "maxmemory is not set, nothing is evicted");
        } else {
            long long percent = used * 100 / most;
            add(percent >= 95 ? "failing" : percent >= 80 ? "warning" : "ok", "redis",
                std::to_string(percent) + " % of maxmemory is used, nothing is evicted",
                percent >= 80 ? "see that workers keep up, or raise maxmemory: when it is full, edges spool" : "");
        }
        if (long long evicted = number_of(info_["evicted_keys"]); evicted > 0) {
            add("warning", "redis", std::to_string(evicted) + " keys were evicted since Redis was started: reports may be lost",
                "see to maxmemory-policy; config resetstat ends this");
        }
    }

    void persistence()
    {
        if (info_["aof_enabled"] != "1") {
            add("warning", "redis", "appendonly is off: a crash of Redis takes what is not filed yet",
                "config set appendonly yes, and in redis.conf");
            return;
        }
        if (info_["aof_last_write_status"] != "ok") {
            add("failing", "redis", "the append-only file could not be written", "see the log of Redis and the room on its disk");
        } else if (info_["aof_last_bgrewrite_status"] != "ok") {
            add("warning", "redis", "the append-only file could not be rewritten", "see the log of Redis and the room on its disk");
        }
        // Who may not ask for the configuration is not told of it.
        RedisReply reply = redis_.command({"CONFIG", "GET", "appendfsync"});
        if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
            bool never = RedisReply::text_of(*reply->element[1]) == "no";
            add(never ? "warning" : "ok", "redis",
                "appendfsync is " + std::string(RedisReply::text_of(*reply->element[1])),
                never ? "config set appendfsync everysec, or always, and in redis.conf" : "");
        }
    }

    void backlog(bool large)
    {
        Backlog queue = read_backlog(redis_, stream_key(0, large));
        auto seconds = std::llround(std::floor(queue.oldest_seconds));
        std::string what = std::to_string(queue.entries) + (large ? " large" : "") + " requests wait in the queue";
        if (queue.entries > 0) {
            what += ", the oldest for " + std::to_string(seconds) + " s";
        }
        if (seconds > options_.max_lag_seconds) {
            add("failing", "queue", what, "see that a worker runs, or start more of them");
        } else if (seconds > unread_seconds && !is_read(stream_key(0, large))) {
            add("warning", "queue", what + ", and no worker has asked for any in the last minute",
                "see that errtrack-worker runs with this Redis, and what its log says");
        } else {
            add("ok", "queue", what);
        }
    }

    /* One that works asks again after each batch, or every few seconds. Who may not ask for its
     * readers is not told of them. */
    bool is_read(const std::string &stream)
    {
        RedisReply list = redis_.command({"XINFO", "CONSUMERS", stream, consumer_group});
        if (list.is_error()) {
            return !list.is_error("NOGROUP");
        }
        for (std::size_t i = 0; i < list->elements; i++) {
            const redisReply &consumer = *list->element[i];
            for (std::size_t n = 0; n + 1 < consumer.elements; n += 2) {
                if (RedisReply::text_of(*consumer.element[n]) == "idle"
                    && consumer.element[n + 1]->integer <= unread_seconds * 1000) {
                    return true;
                }
            }
        }
        return false;
    }

    void keys()
    {
        RedisReply reply = redis_.must({"HGET", keys_hash, keys_marker});
        if (reply.text().empty()) {
            add("failing", "queue", "edges find no client keys here: they go on with the last ones that they knew",
                "see that a worker runs with this Redis");
        }
    }

    /* Milliseconds since 1970. */
    long long clock()
    {
        long long ms = 0;
        compare_clocks(findings_, "Redis", [&] {
            RedisReply reply = redis_.must({"TIME"});
            long long microseconds = number_of(RedisReply::text_of(*reply->element[0])) * 1'000'000
                                     + number_of(RedisReply::text_of(*reply->element[1]));
            ms = microseconds / 1000;
            return static_cast<double>(microseconds) / 1e6;
        });
        return ms;
    }

    /* Each edge tells when it announced its counts, by its own clock. One that is behind looks
     * like one that has nothing to tell. */
    void edges(long long now)
    {
        RedisReply reply = redis_.must({"ZREVRANGE", ledger_set, "0", last_announced, "WITHSCORES"});
        std::set<std::string> known;
        for (std::size_t i = 0; i + 1 < reply->elements; i += 2) {
            std::string_view member = RedisReply::text_of(*reply->element[i]);
            std::size_t first = member.find(':');
            std::size_t last = member.rfind(':');
            if (first == last) {
                continue;
            }
            std::string edge(member.substr(first + 1, last - first - 1));
            long long ahead = number_of(RedisReply::text_of(*reply->element[i + 1])) - now;
            if (known.insert(edge).second && ahead > edge_ahead_ms) {
                add(ahead > edge_far_ahead_ms ? "failing" : "warning", "clocks",
                    "the clock of edge " + edge + " is " + std::to_string(ahead / 1000) + " s ahead of that of Redis",
                    "let NTP set it");
            }
        }
        add("ok", "clocks", std::to_string(known.size()) + " edges have told of themselves in the last two days");
    }

    Findings &findings_;
    const Options &options_;
    Redis &redis_;
    std::map<std::string, std::string> info_;
};

}

void look_at_redis(Findings &findings, const Options &options)
{
    if (options.redis.empty()) {
        findings.push_back({"warning", "redis", "the queue was not looked at", "name it with --redis or ERRTRACK_REDIS"});
        return;
    }
    try {
        with_redis(options, [&](Redis &redis) { RedisDoctor(findings, options, redis).run(); });
    } catch (const Failure &failure) {
        findings.push_back({"failing", "redis", failure.what(),
                            "see that it runs, and who may log in; meanwhile edges spool"});
    }
}

}
