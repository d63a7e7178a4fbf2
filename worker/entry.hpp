/*
 * The queue entry: the contract between the edge, which writes it, and the
 * worker, which reads it. Shared by both, so: standard library only.
 *
 * Streams. "errtrack:{qN}:events" takes requests whose body is at most
 * large_body bytes, "errtrack:{qN}:large" the others, which are read one at a
 * time. N is the shard of the project; the braces keep the streams of one shard
 * in one slot of a Redis Cluster.
 *
 * An entry holds one or more records. Each record is two fields in this order:
 *
 *     m   what is known about the request: lines "name value", LF after each
 *     b   the body as it was received, still compressed
 *
 * Names in m, all optional but those marked with *; a reader skips names that
 * it does not know, and refuses a version that it does not know:
 *
 *     v*         format version, entry_version
 *     id*        delivery id, 32 hex digits: one for every accepted request
 *     at*        received_at, microseconds since 1970 (UTC), the edge's clock
 *     project*   project id
 *     key*       id of the client key; 0 when the edge could not check it, see pub
 *     ep*        endpoint: envelope, store, security, nel, minidump or attachments
 *     event      event id, 32 hex digits: the id that was answered; it overrides
 *                an id inside the payload. Without it an event has the delivery id
 *     pub        the public key, only when the edge could not check it: nothing is
 *                stored before the worker has found it to be a key of the project
 *     drop       categories that were over their quota, "error,attachment": their items
 *                are counted as rate_limited and not stored
 *     filter     name of the inbound filter that the request met: its items are counted
 *                as filtered by the summary, and the body is empty
 *     enc        Content-Encoding: gzip, deflate, br or zstd; absent for a plain body
 *     type       Content-Type
 *     query      query string
 *     addr       address of the client
 *     agent      User-Agent
 *     sdk        client name and version as authenticated (sentry_client)
 *     origin     Origin
 *     rid        request id that nginx gave
 *     trace      W3C traceparent
 *     items      item types and counts of the body, "event:1,attachment:2"
 *     size       bytes of the body when inflated
 *
 * A value never contains a control character: the writer puts a blank for it.
 */

#ifndef ERRTRACK_WORKER_ENTRY_HPP
#define ERRTRACK_WORKER_ENTRY_HPP

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace errtrack __attribute__((visibility("hidden"))) {

inline constexpr std::string_view entry_version = "1";
inline constexpr std::string_view field_meta = "m";
inline constexpr std::string_view field_body = "b";

/* The consumer group of the workers on every stream. */
inline constexpr std::string_view consumer_group = "workers";

/* Bytes of body from which on a record goes to the stream for large ones. */
inline constexpr std::size_t large_body = 64 * 1024;

inline std::string stream_key(unsigned shard, bool large)
{
    return "errtrack:{q" + std::to_string(shard) + "}:" + (large ? "large" : "events");
}

/*
 * What a quota counts. "all" is every item but client reports; items of no other
 * category count there alone. The names stand in SQL, metrics and headers.
 */
enum class Category : std::uint8_t { all, error, transaction, session, attachment, monitor, feedback };
inline constexpr std::size_t categories = 7;
inline constexpr std::string_view category_names[categories] = {
    "all", "error", "transaction", "session", "attachment", "monitor", "feedback"};

/* The category of an item type; all for types that have none of their own. */
inline Category category_of(std::string_view type) noexcept
{
    struct Pair {
        std::string_view type;
        Category category;
    };
    constexpr Pair pairs[] = {
        {"event", Category::error}, {"security", Category::error},
        {"raw_security", Category::error}, {"nel", Category::error},
        {"form_data", Category::error}, {"unreal_report", Category::error},
        {"minidump", Category::error}, {"transaction", Category::transaction},
        {"session", Category::session}, {"sessions", Category::session},
        {"attachment", Category::attachment}, {"check_in", Category::monitor},
        {"feedback", Category::feedback}, {"user_report", Category::feedback}};
    for (const Pair &pair : pairs) {
        if (pair.type == type) {
            return pair.category;
        }
    }
    return Category::all;
}

/*
 * The projection of the client keys: a hash with one field for each active key,
 *
 *     public key  ->  {"id": key id, "project": project id, "limits": LIMITS}
 *
 * and one for each project that has settings for the edge:
 *
 *     @project id ->  {"limits": LIMITS, "origins": ["*.example.com", ...],
 *                      "addresses": ["192.0.2.0/24", ...], "agents": ["crawlers", ...],
 *                      "sdks": ["sentry.javascript.*<7.0.0", ...]}
 *
 * LIMITS is {category: [items, seconds of the window]}. All but id and project may be
 * absent: no limit, every origin, no filter. The marker field (neither a key nor a
 * project) holds the generation: it changes whenever the content does, and its absence
 * means that the projection is not there, which is not the same as a projection without
 * keys.
 */
inline constexpr std::string_view keys_hash = "errtrack:keys";
inline constexpr std::string_view keys_marker = "#generation";

/* Public keys match [A-Za-z0-9_-]{16,64} and are compared byte by byte. */
inline constexpr std::size_t min_key_length = 16;
inline constexpr std::size_t max_key_length = 64;

/* By byte: the edge asks for every request. */
inline constexpr std::array<bool, 256> key_bytes = [] {
    std::array<bool, 256> good = {};
    for (unsigned char c : std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")) {
        good[c] = true;
    }
    return good;
}();

inline bool is_public_key(std::string_view key) noexcept
{
    return key.size() >= min_key_length && key.size() <= max_key_length
           && std::all_of(key.begin(), key.end(),
                          [](char c) { return key_bytes[static_cast<unsigned char>(c)]; });
}

/* Calls each(name, value) for every line of m. */
template <class Each>
void for_each_meta(std::string_view meta, Each each)
{
    while (!meta.empty()) {
        std::size_t end = meta.find('\n');
        std::string_view line = meta.substr(0, end);
        meta.remove_prefix(end == std::string_view::npos ? meta.size() : end + 1);
        std::size_t blank = line.find(' ');
        if (blank != std::string_view::npos) {
            each(line.substr(0, blank), line.substr(blank + 1));
        }
    }
}

/*
 * A UUID in any of the forms that SDKs write (32 hex digits, or with dashes in
 * the places of RFC 9562, any case) as 32 lower-case hex digits; empty when it
 * is none.
 */
inline std::string normalize_uuid(std::string_view text)
{
    bool dashed = text.size() == 36;
    if (!dashed && text.size() != 32) {
        return {};
    }
    std::array<char, 32> hex;
    std::size_t digits = 0;
    bool good = true;
    for (std::size_t i = 0; i < text.size(); i++) {
        char c = text[i];
        if (dashed && (i == 8 || i == 13 || i == 18 || i == 23)) {
            good &= c == '-';
            continue;
        }
        char small = static_cast<char>(c | 0x20);
        bool letter = small >= 'a' && small <= 'f';
        good &= letter || (c >= '0' && c <= '9');
        hex[digits++] = letter ? small : c;
    }
    return good ? std::string(hex.data(), hex.size()) : std::string();
}

}

#endif
