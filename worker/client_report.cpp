#include "worker/client_report.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "worker/outcome.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::int64_t oldest = 30 * day;
constexpr std::size_t most_entries = 1000;
constexpr std::size_t most_reason = 200;

/* Of one entry: sums of many stay far from the end of their type. */
constexpr std::int64_t most_quantity = 1'000'000'000;

/* The lists that a report may have, and what they say became of the items. */
constexpr std::pair<std::string_view, std::string_view> lists[] = {
    {"discarded_events", "discarded"},
    {"rate_limited_events", "rate_limited"},
    {"filtered_events", "filtered"},
    {"filtered_sampling_events", "sampled"},
};

/* Categories become rows, so a word that only a client knows is counted as "other". */
constexpr std::string_view known_categories[] = {
    "default", "error", "transaction", "security", "attachment", "attachment_item", "session",
    "profile", "profile_indexed", "profile_chunk", "profile_chunk_ui", "profile_duration",
    "profile_duration_ui", "replay", "monitor", "feedback", "user_report_v2", "span",
    "span_indexed", "metric_bucket", "log_item", "log_byte", "trace_metric", "trace_metric_byte",
    "internal", "metric_hour", "statsd"};

using Counts = std::map<std::tuple<std::string_view, std::string_view, std::string>, std::int64_t>;

/* {"reason": , "category": , "quantity": }, or the three in that order. */
void add_entry(std::string_view outcome, JsonValue entry, Counts &counts)
{
    JsonValue parts[3] = {entry["reason"], entry["category"], entry["quantity"]};
    if (entry.is_array()) {
        JsonValue::Iterator at = entry.begin();
        for (JsonValue &part : parts) {
            part = at == entry.end() ? JsonValue() : *at;
            at == entry.end() ? at : ++at;
        }
    }
    std::string reason(trim(parts[0].text()));
    std::int64_t quantity = count_of(parts[2]).value_or(0);
    if (reason.empty() || cut_characters(reason, most_reason).size() < reason.size() || quantity == 0) {
        return;
    }
    std::string name = parts[1].text();
    const auto *known = std::find(std::begin(known_categories), std::end(known_categories), name);
    std::string_view category = known == std::end(known_categories) ? "other" : *known;
    counts[{outcome, category, reason}] += std::min(quantity, most_quantity);
}

}

std::string_view read_client_report(std::string_view payload, const ItemContext &context,
                                    std::string &row)
{
    Json document;
    std::string_view fault = parse_item(payload, document);
    if (fault != reason::none) {
        return fault;
    }
    JsonValue root = document.root();
    std::int64_t time = corrected_time(root["timestamp"], context).value_or(context.received_at);
    if (time < context.received_at - oldest || time > context.received_at + most_ahead) {
        return reason::timestamp;
    }
    std::vector<JsonValue> stored;
    for (const auto &list : lists) {
        stored.push_back(root[list.first]);
    }
    scrub_stored(document, context, std::move(stored));
    Counts counts;
    std::size_t entries = 0;
    for (const auto &[name, outcome] : lists) {
        JsonValue list = root[name];
        for (auto at = list.begin(); list.is_array() && at != list.end() && entries < most_entries; ++at) {
            add_entry(outcome, *at, counts);
            entries++;
        }
    }
    row = "{\"entries\":[";
    for (const auto &[key, quantity] : counts) {
        const auto &[outcome, category, why] = key;
        row.append(row.ends_with('[') ? "[" : ",[");
        for (std::string_view word : {outcome, category, std::string_view(why)}) {
            append_json_string(row, word);
            row.append(",");
        }
        row.append(std::to_string(quantity)).append("]");
    }
    row.append("]}");
    return reason::none;
}

}
