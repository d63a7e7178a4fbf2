/*
 * Reading records: the lines that the edge wrote. Bodies are read in content.cpp.
 */

#include "worker/record.hpp"

#include "worker/entry.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace errtrack {
namespace {

constexpr std::int64_t second = 1'000'000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t oldest = 7 * 24 * hour;
constexpr std::int64_t furthest_ahead = 300 * second;

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

/* A bit for each category of the list; names that are not known are skipped. */
std::uint8_t mask_of(std::string_view names)
{
    unsigned mask = 0;
    while (!names.empty()) {
        std::string_view name = names.substr(0, names.find(','));
        names.remove_prefix(std::min(name.size() + 1, names.size()));
        auto found = std::find(std::begin(category_names), std::end(category_names), name);
        if (found != std::end(category_names)) {
            mask |= 1u << (found - std::begin(category_names));
        }
    }
    return static_cast<std::uint8_t>(mask);
}

/* The name of a filter becomes a row of the ledger. */
std::string filter_word(std::string_view name)
{
    bool word = !name.empty() && name.size() <= 40
                && std::all_of(name.begin(), name.end(),
                               [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
    return word ? std::string(name) : "other";
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
        } else if (name == "pub") {
            record.public_key = value;
        } else if (name == "ep") {
            record.endpoint = value;
        } else if (name == "event") {
            record.event_id = normalize_uuid(value);
        } else if (name == "drop") {
            record.dropped = mask_of(value);
        } else if (name == "filter") {
            record.filter = filter_word(value);
        } else if (name == "items") {
            record.items = value;
        } else if (name == "type") {
            record.content_type = value;
        } else if (name == "enc") {
            record.encoding = value;
        } else if (name == "addr") {
            record.address = value;
        } else if (name == "agent") {
            record.agent = value;
        } else if (name == "sdk") {
            record.client = value;
        } else if (name == "query") {
            record.query = value;
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

}

std::vector<Record> records_of(const QueueEntry &entry, std::int64_t now)
{
    std::vector<Record> records;
    const std::string *meta = nullptr;
    for (const auto &[name, value] : entry.fields) {
        if (name == field_meta) {
            if (meta != nullptr) {
                throw std::invalid_argument("a record without a body");
            }
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

std::size_t count_records(const QueueEntry &entry) noexcept
{
    return static_cast<std::size_t>(
        std::count_if(entry.fields.begin(), entry.fields.end(),
                      [](const auto &field) { return field.first == field_meta; }));
}

std::vector<QueueEntry> parts_of(const QueueEntry &entry)
{
    std::vector<QueueEntry> parts;
    bool begun = false;
    for (const auto &field : entry.fields) {
        bool begins = field.first == field_meta;
        if (parts.empty() || (begins && begun)) {
            parts.push_back({entry.stream, entry.id, entry.deliveries, {}});
        }
        begun = begun || begins;
        parts.back().fields.push_back(field);
    }
    return parts;
}

}
