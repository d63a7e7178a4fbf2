#include "worker/session.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "worker/entry.hpp"
#include "worker/event.hpp"
#include "worker/fields.hpp"
#include "worker/grouping.hpp"
#include "worker/outcome.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

/* Sessions are known for longer than this, so an update always meets its session. */
constexpr std::int64_t oldest = 5 * day;
constexpr std::size_t most_buckets = 100;
constexpr std::size_t user_characters = 128;

/* Of one count: sums of many stay far from the end of their type. */
constexpr std::int64_t most_count = 1'000'000'000;
constexpr double most_seconds = 1e9;

constexpr std::string_view statuses[] = {"ok", "exited", "crashed", "abnormal", "errored",
                                         "unhandled"};

bool is_of_now(std::int64_t started, const ItemContext &context)
{
    return started >= context.received_at - oldest && started <= context.received_at + most_ahead;
}

/* The user, hashed; empty for none. */
std::string user_of(JsonValue did)
{
    std::string_view nil = "00000000-0000-0000-0000-000000000000";
    std::string text(cut_characters(trim(lenient_text(did).value_or("")), user_characters));
    return text.empty() || text == nil ? "" : to_hex(hash_of("did", text));
}

/* An integer of 64 bits without a sign; absent when it is not there, none when it is no such
 * number. */
std::optional<std::uint64_t> unsigned_of(JsonValue value, std::uint64_t absent)
{
    if (value.is_null()) {
        return absent;
    }
    std::string_view text = value.is_number() ? value.raw() : std::string_view();
    std::uint64_t number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool whole = !text.empty() && error == std::errc() && end == text.data() + text.size();
    return whole ? std::optional(number) : std::nullopt;
}

}

std::string_view read_session(std::string_view payload, const ItemContext &context,
                              std::string &row)
{
    Json document;
    std::string_view fault = parse_item(payload, document);
    if (fault != reason::none) {
        return fault;
    }
    JsonValue root = document.root();
    scrub_stored(document, context, {root["attrs"]["release"], root["attrs"]["environment"]});
    std::string release = valid_release(lenient_text(root["attrs"]["release"]));
    if (release.empty()) {
        return reason::release;
    }
    std::optional<std::int64_t> started = corrected_time(root["started"], context);
    if (!started) {
        return reason::invalid_session;
    }
    if (!is_of_now(*started, context)) {
        return reason::timestamp;
    }
    std::string status = root["status"].is_null() ? "ok" : root["status"].text();
    if (std::find(std::begin(statuses), std::end(statuses), status) == std::end(statuses)) {
        return reason::invalid_session;
    }
    bool first = root["init"].boolean().value_or(false);
    std::optional<std::uint64_t> seq = unsigned_of(
        root["seq"], static_cast<std::uint64_t>(context.received_at / 1000));
    std::optional<std::uint64_t> errors = unsigned_of(root["errors"], 0);
    std::string sid = normalize_uuid(root["sid"].text());
    bool nameless = sid.empty() || sid.find_first_not_of('0') == sid.npos;
    if (!seq || *seq == std::numeric_limits<std::uint64_t>::max() || !errors
        || (nameless && status != "exited"))
    {
        return reason::invalid_session;
    }
    bool failed = status != "ok" && status != "exited";
    std::int64_t at = std::max(corrected_time(root["timestamp"], context).value_or(context.received_at),
                               *started);
    JsonObject session;
    session.text("sid", nameless ? context.own_id : sid)
        .integer("started", *started)
        .integer("at", std::min(at, context.received_at + most_ahead))
        .raw("seq", first ? "0" : std::to_string(*seq))
        .text("status", status)
        .integer("errors", static_cast<std::int64_t>(
                               std::clamp<std::uint64_t>(*errors, failed ? 1 : 0, most_count)));
    if (std::optional<double> seconds = root["duration"].number();
        seconds && *seconds >= 0 && *seconds <= most_seconds)
    {
        session.number("seconds", *seconds);
    }
    row = session.text("did", user_of(root["did"]))
              .text("release", release)
              .text("environment", valid_environment(lenient_text(root["attrs"]["environment"])))
              .done();
    return reason::none;
}

std::string_view read_sessions(std::string_view payload, const ItemContext &context,
                               std::string &row)
{
    Json document;
    std::string_view fault = parse_item(payload, document);
    if (fault != reason::none) {
        return fault;
    }
    JsonValue root = document.root();
    scrub_stored(document, context, {root["attrs"]["release"], root["attrs"]["environment"]});
    std::string release = valid_release(lenient_text(root["attrs"]["release"]));
    if (release.empty()) {
        return reason::release;
    }
    JsonValue list = root["aggregates"];
    if (!list.is_array()) {
        return reason::invalid_session;
    }
    std::string buckets;
    std::size_t taken = 0;
    for (auto at = list.begin(); at != list.end() && taken < most_buckets; ++at, taken++) {
        std::optional<std::int64_t> started = corrected_time((*at)["started"], context);
        JsonObject bucket;
        bucket.integer("started", started.value_or(0)).text("did", user_of((*at)["did"]));
        std::int64_t unhandled = 0;
        for (std::string_view name : {"unhandled", "exited", "errored", "crashed", "abnormal"}) {
            std::optional<std::uint64_t> number = unsigned_of((*at)[name], 0);
            if (!number) {
                return reason::invalid_session;
            }
            std::int64_t count = static_cast<std::int64_t>(std::min<std::uint64_t>(*number, most_count));
            if (name == "unhandled") {
                unhandled = count;
                continue;
            }
            count += name == "errored" ? unhandled : 0;
            if (count > 0) {
                bucket.integer(name, count);
            }
        }
        if (started && is_of_now(*started, context)) {
            buckets.append(buckets.empty() ? "" : ",").append(bucket.done());
        }
    }
    if (buckets.empty()) {
        return taken == 0 ? reason::no_data : reason::timestamp;
    }
    row = JsonObject().text("release", release)
              .text("environment", valid_environment(lenient_text(root["attrs"]["environment"])))
              .raw("buckets", "[" + buckets + "]")
              .done();
    return reason::none;
}

}
