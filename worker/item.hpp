/*
 * What the readers of items share: items other than events and attachments, each read by
 * a file of its own into one row for the SQL function of its kind (sql/api/021_items.sql).
 * Pure: bytes and a context in, a row or a reason out. A row is a JSON object, so that it
 * travels as one parameter, and what it may hold is bounded here, not in SQL.
 *
 * Rules: protocol reference, section 7.
 */

#ifndef ERRTRACK_WORKER_ITEM_HPP
#define ERRTRACK_WORKER_ITEM_HPP

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/json.hpp"
#include "worker/scrub.hpp"

namespace errtrack {

/* In the order in which a batch files them, which is the order of their locks. */
enum class ItemKind : std::uint8_t { client_report, feedback, transaction, session, check_in };
inline constexpr std::size_t item_kinds = 5;

/* The functions that file the rows of each kind. */
inline constexpr std::array<std::string_view, item_kinds> item_functions = {
    "file_client_reports", "file_feedback", "file_transactions", "file_sessions",
    "file_check_ins"};

/* An item that is to be filed. */
struct Item {
    ItemKind kind;
    std::string category;
    std::string row;                     /* a JSON object */
};

/* What is known about an item from outside its payload. Times are microseconds since
 * 1970 (UTC). */
struct ItemContext {
    std::int64_t received_at = 0;
    std::optional<std::int64_t> sent_at; /* envelope header, for the drift of the client's clock */
    std::string event_id;                /* that the envelope names or else the edge gave */
    std::string header_event_id;         /* the same, empty when the envelope names none */
    std::string own_id;                  /* 32 hex digits: tells this item from all others */
    const Scrubber *scrubber = nullptr;  /* of the project; without: the usual one */
};

/* An object that is written member by member, in the order of the calls. */
class JsonObject {
public:
    /* An empty text is left out. */
    JsonObject &text(std::string_view key, std::string_view value);
    JsonObject &integer(std::string_view key, std::int64_t value);
    JsonObject &number(std::string_view key, double value);
    /* JSON text as it is; left out when empty. */
    JsonObject &raw(std::string_view key, std::string_view json);
    bool empty() const { return text_.size() == 1; }
    std::string done() const { return text_ + "}"; }

private:
    std::string text_ = "{";
};

/* The reason why it is none is no_data or invalid_json; reason::none when document is
 * an object. */
std::string_view parse_item(std::string_view payload, Json &document);

/* Takes secrets out of the values that are about to be stored, before they are cut. */
void scrub_stored(Json &document, const ItemContext &context, std::vector<JsonValue> stored);

/* Seconds since 1970 or text, as an event's timestamp is read. */
std::optional<std::int64_t> time_of(JsonValue value);

/* The same by the edge's clock: a client whose clock is wrong by 55 minutes or more at
 * sent_at is corrected. */
std::optional<std::int64_t> corrected_time(JsonValue value, const ItemContext &context);

/* An integer that is not negative; nothing for anything else. */
std::optional<std::int64_t> count_of(JsonValue value);

inline constexpr std::int64_t second = 1'000'000;
inline constexpr std::int64_t day = 86'400 * second;

/* What a client says of now may be ahead of the edge's clock by so much. */
inline constexpr std::int64_t most_ahead = 60 * second;

}

#endif
