#include "worker/transaction.hpp"

#include <algorithm>

#include "worker/entry.hpp"
#include "worker/fields.hpp"
#include "worker/outcome.hpp"
#include "worker/repair.hpp"

namespace errtrack {
namespace {

constexpr std::string_view unnamed = "<unlabeled transaction>";
constexpr std::string_view default_op = "default";
constexpr std::size_t name_characters = 200;
constexpr std::size_t op_characters = 64;

bool is_span_id(std::string_view text)
{
    return text.size() == 16 && text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

/* Whether the work failed: whoever cancelled it, or says nothing, does not say so. Old
 * SDKs write the numbers of gRPC. */
bool is_failure(const std::string &status)
{
    constexpr std::string_view good[] = {"", "ok", "cancelled", "unknown", "0", "1", "2"};
    return std::find(std::begin(good), std::end(good), status) == std::end(good);
}

/* What says how long something took, wherever it stands. */
struct Work {
    std::string id;                      /* tells it from all others; empty when there is none */
    std::optional<std::int64_t> start;
    std::optional<std::int64_t> end;
    JsonValue name;
    JsonValue op;
    JsonValue status;
};

bool is_whole(const Work &work)
{
    return !work.id.empty() && work.start && work.end && *work.start >= 0 && *work.end >= *work.start;
}

std::string row_of(const Work &work)
{
    std::string name = cut_with_dots(trim(work.name.text()), name_characters);
    std::string op = cut_with_dots(trim(work.op.text()), op_characters);
    std::string status = lower(lenient_text(work.status).value_or(""));
    return JsonObject().text("id", work.id)
        .text("transaction", name.empty() ? unnamed : name)
        .text("op", op.empty() ? default_op : op)
        .integer("failed", is_failure(status))
        .number("ms", static_cast<double>(*work.end - *work.start) / 1000)
        .done();
}

/* It has no id but these two: sent again, it has them again. */
Work work_of(JsonValue span)
{
    std::string trace = normalize_uuid(span["trace_id"].text());
    std::string own = lower(span["span_id"].text());
    return {trace.empty() || !is_span_id(own) ? "" : trace + own, time_of(span["start_timestamp"]),
            time_of(span["end_timestamp"]), span["name"],
            span["attributes"]["sentry.op"]["value"], span["status"]};
}

}

std::string_view read_transaction(std::string_view payload, const ItemContext &context,
                                  std::string &row)
{
    Json document;
    std::string_view fault = parse_item(payload, document);
    if (fault != reason::none) {
        return fault;
    }
    JsonValue root = document.root();
    JsonValue trace = root["contexts"]["trace"];
    bool traced = !normalize_uuid(trace["trace_id"].text()).empty()
                  && is_span_id(trace["span_id"].text());
    Work work = {traced ? context.event_id : "", time_of(root["start_timestamp"]),
                 time_of(root["timestamp"]), root["transaction"], trace["op"], trace["status"]};
    if (!is_whole(work)) {
        return reason::invalid_transaction;
    }
    scrub_stored(document, context, {work.name, work.op});
    row = row_of(work);
    return reason::none;
}

std::string_view read_spans(std::string_view payload, const ItemContext &context,
                            const PayloadFilters &filters, Spans &spans)
{
    Json document;
    std::string_view fault = parse_item(payload, document);
    if (fault != reason::none) {
        return fault;
    }
    JsonValue items = document.root()["items"];
    std::size_t count = 0;
    for (auto item = items.begin(); item != items.end() && count <= max_spans; ++item) {
        count++;
    }
    if (!items.is_array() || count == 0) {
        return reason::no_data;
    }
    if (count > max_spans) {
        return reason::too_large;
    }
    std::vector<Work> kept;
    std::vector<JsonValue> stored;
    for (JsonValue span : items) {
        if (!span["is_segment"].boolean().value_or(false)) {
            spans.others++;
            continue;
        }
        Segment &segment = spans.segments.emplace_back();
        Work work = work_of(span);
        segment.filter = filter_of_segment(filters, span);
        segment.fault = is_whole(work) ? reason::none : reason::invalid_transaction;
        if (segment.filter.empty() && segment.fault == reason::none) {
            stored.insert(stored.end(), {work.name, work.op});
            kept.push_back(std::move(work));
        }
    }
    scrub_stored(document, context, std::move(stored));
    auto work = kept.begin();
    for (Segment &segment : spans.segments) {
        if (segment.filter.empty() && segment.fault == reason::none) {
            segment.row = row_of(*work++);
        }
    }
    return reason::none;
}

}
