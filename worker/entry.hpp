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
 *     key*       id of the client key
 *     ep*        endpoint: envelope or store
 *     event      event id, 32 hex digits: the id that was answered; it overrides
 *                an id inside the payload
 *     enc        Content-Encoding: gzip or deflate; absent for a plain body
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
 * The projection of the client keys: a hash, public key -> JSON object
 * {"id": key id, "project": project id}. Only active keys are in it. The marker
 * field (not a possible key) holds the generation: it changes whenever the
 * content does, and its absence means that the projection is not there, which
 * is not the same as a projection without keys.
 */
inline constexpr std::string_view keys_hash = "errtrack:keys";
inline constexpr std::string_view keys_marker = "#generation";

/* Public keys match [A-Za-z0-9_-]{16,64} and are compared byte by byte. */
inline constexpr std::size_t min_key_length = 16;
inline constexpr std::size_t max_key_length = 64;

inline bool is_public_key(std::string_view key) noexcept
{
    if (key.size() < min_key_length || key.size() > max_key_length) {
        return false;
    }
    for (char c : key) {
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                    || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!good) {
            return false;
        }
    }
    return true;
}

/* Appends one line of m. An empty value is left out. */
inline void append_meta(std::string &meta, std::string_view name, std::string_view value)
{
    if (value.empty()) {
        return;
    }
    meta.append(name).push_back(' ');
    for (char c : value) {
        unsigned char byte = static_cast<unsigned char>(c);
        meta.push_back(byte < 0x20 || byte == 0x7f ? ' ' : c);
    }
    meta.push_back('\n');
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
    std::string hex;
    hex.reserve(32);
    for (std::size_t i = 0; i < text.size(); i++) {
        char c = text[i];
        if (dashed && (i == 8 || i == 13 || i == 18 || i == 23)) {
            if (c != '-') {
                return {};
            }
            continue;
        }
        if (c >= 'A' && c <= 'F') {
            c = static_cast<char>(c - 'A' + 'a');
        }
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return {};
        }
        hex.push_back(c);
    }
    return hex;
}

}

#endif
