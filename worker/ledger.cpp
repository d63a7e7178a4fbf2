/*
 * Which hashes to read is told by the sorted set: those whose score is another than it
 * was. Not those with a higher score than the last one read: scores are by the clocks of
 * the edges, which differ. Everything is bounded, and what cannot be read is passed over:
 * whoever can write to Redis must not stop the worker.
 */

#include "worker/ledger.hpp"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>

namespace errtrack {
namespace {

constexpr std::string_view ledger_set = "errtrack:ledger";

/* The newest of the set: an edge adds one for each hour, and they go after three days. */
constexpr std::string_view last_hash = "9999";
constexpr std::chrono::milliseconds kept = std::chrono::hours(72);

constexpr std::size_t max_fields = 10'000;
constexpr std::string_view fields_a_scan = "1000";
constexpr std::size_t counts_a_turn = 20'000;

constexpr std::size_t max_name = 255;
constexpr std::size_t max_reason = 40;

/* So that no sum overflows, whatever is claimed. */
constexpr std::int64_t max_requests = 1'000'000'000'000;
constexpr std::int64_t max_hour = 10'000'000;

std::optional<std::int64_t> number_of(std::string_view text, std::int64_t most)
{
    std::int64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && number >= 0 && number <= most ? std::optional(number) : std::nullopt;
}

bool is_name(std::string_view text) noexcept
{
    if (text.empty() || text.size() > max_name) {
        return false;
    }
    for (char c : text) {
        if (c <= ' ' || c > '~') {
            return false;
        }
    }
    return true;
}

bool is_reason(std::string_view text) noexcept
{
    return text.size() <= max_reason
           && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_:-") == std::string_view::npos;
}

/* "{hour}:{edge}:{boot}"; an edge may have colons in its name. */
std::optional<EdgeCount> edge_of(std::string_view member)
{
    std::size_t first = member.find(':');
    std::size_t last = member.rfind(':');
    if (first == last) {
        return std::nullopt;
    }
    std::optional<std::int64_t> hour = number_of(member.substr(0, first), max_hour);
    std::string_view edge = member.substr(first + 1, last - first - 1);
    std::string_view boot = member.substr(last + 1);
    if (!hour || !is_name(edge) || !is_name(boot)) {
        return std::nullopt;
    }
    EdgeCount count;
    count.hour = *hour;
    count.edge = edge;
    count.boot = boot;
    return count;
}

/* A field "project reason" and its value, into a count of that edge. */
bool read_field(EdgeCount &count, std::string_view field, std::string_view value)
{
    std::size_t blank = field.find(' ');
    if (blank == std::string_view::npos || !is_reason(field.substr(blank + 1))) {
        return false;
    }
    std::optional<std::int64_t> project = number_of(field.substr(0, blank), INT64_MAX);
    std::optional<std::int64_t> requests = number_of(value, max_requests);
    if (!project || !requests) {
        return false;
    }
    count.project = *project;
    count.reason = field.substr(blank + 1);
    count.requests = *requests;
    return true;
}

/* The counts of one hash; none when it is something else. */
void read_hash(Redis &redis, std::string_view member, std::vector<EdgeCount> &counts)
{
    std::optional<EdgeCount> count = edge_of(member);
    if (!count) {
        return;
    }
    std::string key = std::string(ledger_set) + ":" + std::string(member);
    std::string cursor = "0";
    std::size_t fields = 0;
    do {
        RedisReply reply = redis.command({"HSCAN", key, cursor, "COUNT", fields_a_scan});
        if (reply.is_error("WRONGTYPE")) {
            return;
        }
        if (reply.is_error()) {
            throw RedisRefusal("HSCAN: " + std::string(reply.text()));
        }
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
            return;
        }
        cursor = RedisReply::text_of(*reply->element[0]);
        const redisReply &page = *reply->element[1];
        for (std::size_t i = 0; i + 1 < page.elements && fields < max_fields; i += 2, fields++) {
            if (read_field(*count, RedisReply::text_of(*page.element[i]),
                           RedisReply::text_of(*page.element[i + 1])))
            {
                counts.push_back(*count);
            }
        }
    } while (cursor != "0" && fields < max_fields);
}

}

bool Ledger::book(Redis &redis)
{
    RedisReply listed = redis.must({"ZREVRANGE", ledger_set, "0", last_hash, "WITHSCORES"});
    // From where the last turn stopped: hashes that change all the time are not to keep
    // it from the others.
    std::size_t hashes = listed->elements / 2;
    std::size_t first = 0;
    for (std::size_t i = 0; i < hashes && !stopped_at_.empty(); i++) {
        if (RedisReply::text_of(*listed->element[2 * i]) == stopped_at_) {
            first = i;
            break;
        }
    }
    Hashes seen;
    std::string stopped_at;
    std::vector<EdgeCount> counts;
    for (std::size_t i = 0; i < hashes; i++) {
        std::size_t place = 2 * ((first + i) % hashes);
        std::string member(RedisReply::text_of(*listed->element[place]));
        std::string score(RedisReply::text_of(*listed->element[place + 1]));
        auto known = seen_.find(member);
        bool same = known != seen_.end() && known->second.score == score;
        bool settled = same && !known->second.again;
        if (!settled && counts.size() < counts_a_turn) {
            read_hash(redis, member, counts);
            seen.emplace(std::move(member), Seen{std::move(score), !same});
            continue;
        }
        if (!settled && stopped_at.empty()) {
            stopped_at = member;
        }
        if (known != seen_.end()) {
            seen.emplace(std::move(member), known->second);
        }
    }
    if (!counts.empty() && !store_.book_requests(counts)) {
        return true;                    // another worker does it: once more next time
    }
    seen_ = std::move(seen);
    stopped_at_ = std::move(stopped_at);
    auto now = std::chrono::system_clock::now().time_since_epoch();
    auto oldest = std::chrono::duration_cast<std::chrono::milliseconds>(now - kept).count();
    redis.must({"ZREMRANGEBYSCORE", ledger_set, "-inf", "(" + std::to_string(oldest)});
    return stopped_at_.empty();
}

}
