/*
 * An event payload as a value: what the worker stores, shows and groups by.
 * Pure: bytes in, value out; no clock, no I/O, no globals.
 *
 * Rules: protocol reference, sections 5 (conversions, limits) and 6 (title,
 * culprit). A field of a wrong type counts as absent; only a body that is no
 * JSON object after repair makes the event invalid.
 */

#ifndef ERRTRACK_WORKER_EVENT_HPP
#define ERRTRACK_WORKER_EVENT_HPP

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/grouping_versions.hpp"
#include "worker/timestamp.hpp"

namespace errtrack {

struct GroupingInput;

/* 16 bytes: a grouping hash, a hashed user. Shown as 32 hex digits. */
using Hash = std::array<unsigned char, 16>;

std::string to_hex(const Hash &hash);

struct GroupingHash {
    Hash hash;
    std::string variant;                 /* app, system, custom, message, fallback */

    bool operator==(const GroupingHash &other) const = default;
};

struct EventSettings;

/* What the worker knows about an event from outside its payload. Times are
 * microseconds since 1970 (UTC). */
struct EventContext {
    std::int64_t received_at = 0;
    std::optional<std::int64_t> sent_at; /* envelope header, for the drift of the client's clock */
    std::string event_id;                /* 32 hex digits; overrides the payload's */
    std::string client_address;          /* stands for {{auto}} */
    std::string agent;                   /* User-Agent of who sent it */
    std::string client;                  /* "name/version" of the SDK, as it says outside */
    const EventSettings *settings = nullptr; /* of the project; without: the usual ones */
    ProjectGrouping grouping;            /* of the project */
};

struct Event {
    std::string_view filter;             /* that the event meets: then it is not to be stored */
    std::string id;                      /* 32 hex digits: the one that it is stored under */
    std::string kind;                    /* error or default */
    bool transaction_type = false;       /* the payload says "type": "transaction" */
    std::string type;                    /* exception type; empty for a message */
    std::string value;                   /* exception value or message */
    std::string title;
    std::string culprit;
    std::string level;
    std::string platform;
    std::string logger;
    std::string transaction;
    std::string release;
    std::string environment;
    std::int64_t occurred_at = 0;
    std::optional<Hash> user;            /* distinct users are counted by it */
    std::vector<GroupingHash> hashes;    /* never empty; the first that is known decides */
    /* By the version before, while the project is switching: looked up when none of hashes is
     * known, and never stored. */
    std::vector<GroupingHash> previous_hashes;
    Algorithm previous_algorithm = newest_algorithm;
    std::optional<Hash> loose_hash;      /* to suggest what may be the same error */
    std::shared_ptr<const GroupingInput> grouping; /* explain_grouping() tells why; never null */
    std::vector<std::pair<std::string, std::string>> tags; /* each key once (tags.hpp) */
    std::string payload;                 /* JSON text: repaired, bounded, readable by GitLab */
};

/* The name of a release or environment as it is stored: trimmed, and empty when it is none
 * by the rules of protocol reference, section 5.5. */
std::string valid_release(const std::optional<std::string> &text);
std::string valid_environment(const std::optional<std::string> &text);

/* Nothing when the body is not a JSON object even after repair. */
std::optional<Event> parse_event(std::string_view body, const EventContext &context);

}

#endif
