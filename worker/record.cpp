/*
 * Reading records: the lines of the edge, and items into events and outcomes.
 */

#include "worker/record.hpp"

#include "worker/entry.hpp"
#include "worker/envelope.hpp"
#include "worker/inflate.hpp"
#include "worker/outcome.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace errtrack {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t oldest = 7 * 24 * hour;
constexpr std::int64_t furthest_ahead = 300 * second;

/* For records that do not say how large they are when inflated. */
constexpr std::size_t plain_limit = 64 * 1024 * 1024;

/* Of a store body that is base64: it was no larger than an event when it came in. */
constexpr std::size_t store_limit = 1024 * 1024;

struct ItemType {
    std::string_view name;
    std::string_view category;
};

/* The types that exist, with their quota categories. Names become rows of the
 * ledger, so a word that only a client knows is counted as "other". */
constexpr ItemType item_types[] = {
    {"event", "error"}, {"security", "error"}, {"raw_security", "error"}, {"nel", "error"},
    {"form_data", "error"}, {"unreal_report", "error"}, {"transaction", "transaction"},
    {"session", "session"}, {"sessions", "session"}, {"attachment", "attachment"},
    {"check_in", "monitor"}, {"feedback", "feedback"}, {"user_report", "feedback"},
    {"client_report", "internal"}, {"profile", "profile"}, {"profile_chunk", "profile"},
    {"profile_chunk_ui", "profile"}, {"replay_event", "replay"}, {"replay_recording", "replay"},
    {"replay_video", "replay"}, {"statsd", "metric_bucket"}, {"metric_buckets", "metric_bucket"},
    {"metric_meta", "metric_bucket"}, {"log", "log_item"}, {"otel_log", "log_item"},
    {"span", "span"}, {"otel_span", "span"}, {"otel_traces_data", "span"},
    {"trace_metric", "trace_metric"},
};
constexpr ItemType other_type = {"other", "default"};

const ItemType &item_type(std::string_view name) noexcept
{
    const auto *found = std::find_if(std::begin(item_types), std::end(item_types),
                                     [name](const ItemType &each) { return each.name == name; });
    return found == std::end(item_types) ? other_type : *found;
}

template <class Number>
Number number_of(std::string_view text)
{
    Number number = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw std::invalid_argument("a number in the metadata cannot be read");
    }
    return number;
}

/* Partitions reach only so far. Whole hours, so that an entry that is delivered again
 * keeps its time, by which it is known. */
std::int64_t clamp_received(std::int64_t at, std::int64_t now)
{
    if (at < now - oldest) {
        return (now - oldest) / hour * hour;
    }
    return at > now + furthest_ahead ? (now + furthest_ahead) / hour * hour : at;
}

Record record_of(const std::string &meta, const std::string &body, std::int64_t now)
{
    Record record;
    std::string_view version;
    for_each_meta(meta, [&](std::string_view name, std::string_view value) {
        if (name == "v") {
            version = value;
        } else if (name == "id") {
            record.delivery_id = normalize_uuid(value);
        } else if (name == "at") {
            record.received_at = clamp_received(number_of<std::int64_t>(value), now);
        } else if (name == "project") {
            record.project = number_of<std::int64_t>(value);
        } else if (name == "ep") {
            record.endpoint = value;
        } else if (name == "event") {
            record.event_id = normalize_uuid(value);
        } else if (name == "enc") {
            record.encoding = value;
        } else if (name == "addr") {
            record.address = value;
        } else if (name == "rid") {
            record.request_id = value;
        } else if (name == "size") {
            record.plain_bytes = number_of<std::size_t>(value);
        }
    });
    if (!version.empty() && version != entry_version) {
        throw UnknownVersion("format version \"" + std::string(version) + "\" is not known");
    }
    if (version.empty() || record.delivery_id.empty() || record.received_at == 0 || record.project <= 0) {
        throw std::invalid_argument("the metadata lacks v, id, at or project");
    }
    record.meta = meta;
    record.body = body;
    return record;
}

void take_event(Content &content, const Record &record, std::string_view json,
                std::optional<std::int64_t> sent_at)
{
    EventContext context;
    context.received_at = record.received_at;
    context.sent_at = sent_at;
    context.event_id = record.event_id;
    context.client_address = record.address;
    std::optional<Event> event = parse_event(json, context);
    if (event) {
        content.events.push_back(std::move(*event));
    } else {
        content.outcomes.push_back(
            {"error", outcome::invalid, std::string(json.empty() ? reason::no_data
                                                                 : reason::invalid_json)});
    }
}

void take_envelope(Content &content, const Record &record, std::string_view plain)
{
    Envelope envelope;
    std::string_view fault = parse_envelope(plain, envelope);
    if (fault != reason::none) {
        content.outcomes.push_back({"default", outcome::invalid, std::string(fault)});
        return;
    }
    for (const EnvelopeItem &item : envelope.items) {
        const ItemType &type = item_type(item.type);
        std::string category(type.category);
        if (type.name != "event") {
            content.outcomes.push_back(
                {category, outcome::discarded, "type:" + std::string(type.name)});
        } else if (!content.events.empty()) {
            content.outcomes.push_back(
                {category, outcome::discarded, std::string(reason::duplicate_item)});
        } else {
            take_event(content, record, item.payload, envelope.sent_at);
        }
    }
}

}

std::vector<Record> records_of(const QueueEntry &entry, std::int64_t now)
{
    std::vector<Record> records;
    const std::string *meta = nullptr;
    for (const auto &[name, value] : entry.fields) {
        if (name == field_meta) {
            meta = &value;
        } else if (name == field_body && meta != nullptr) {
            records.push_back(record_of(*meta, value, now));
            meta = nullptr;
        }
    }
    if (records.empty() || meta != nullptr) {
        throw std::invalid_argument("an entry without a record");
    }
    return records;
}

Content read_content(const Record &record)
{
    Content content;
    std::string inflated;
    std::string_view plain = record.body;
    if (!record.encoding.empty()) {
        std::size_t limit = record.plain_bytes != 0 ? record.plain_bytes : plain_limit;
        std::string_view fault = inflate(record.encoding, record.body, limit, inflated);
        if (fault != reason::none) {
            content.outcomes.push_back({"default", outcome::invalid, std::string(fault)});
            return content;
        }
        plain = inflated;
    }
    if (record.endpoint == "envelope") {
        take_envelope(content, record, plain);
        return content;
    }
    std::string decoded;
    std::string_view json;
    std::string_view fault =
        decode_store_body(plain, std::max(store_limit, record.plain_bytes), decoded, json);
    if (fault != reason::none) {
        content.outcomes.push_back({"error", outcome::invalid, std::string(fault)});
        return content;
    }
    take_event(content, record, json, std::nullopt);
    // Here the payload says what it is; in an envelope the item's header does.
    if (!content.events.empty() && content.events.front().transaction_type) {
        content.events.clear();
        content.outcomes.push_back({"transaction", outcome::discarded, "type:transaction"});
    }
    return content;
}

}
