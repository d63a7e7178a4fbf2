/*
 * Times that clients write, in microseconds since 1970 (UTC), and what is made of them
 * when a client's clock is wrong. Rules: protocol reference, section 5.3.
 */

#ifndef ERRTRACK_WORKER_TIMESTAMP_HPP
#define ERRTRACK_WORKER_TIMESTAMP_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "worker/json.hpp"

namespace errtrack {

/*
 * Text in the forms of ISO 8601 that SDKs write, without a zone taken as UTC, or
 * seconds since 1970 in digits. Microseconds since 1970 (UTC); nothing when it is
 * neither or the year is beyond 9999.
 */
std::optional<std::int64_t> parse_timestamp(std::string_view text);

/* The same from a string or a number of seconds. */
std::optional<std::int64_t> timestamp_of(JsonValue value);

/* 2023-02-01T19:12:05.123456Z */
std::string format_timestamp(std::int64_t time);

struct CorrectedTime {
    std::int64_t time = 0;
    std::int64_t shift = 0;              /* what other times of the event are to be moved by */
    std::string_view why;                /* clock_drift, future_timestamp, past_timestamp or empty */
};

/* What the time of an event is taken for. sent_at is what the client's clock showed when
 * it sent the event; the time at the edge stands for one that is missing or cannot be. */
CorrectedTime correct_time(std::optional<std::int64_t> time, std::int64_t received_at,
                           std::optional<std::int64_t> sent_at);

}

#endif
