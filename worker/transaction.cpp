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
    std::optional<std::int64_t> start = time_of(root["start_timestamp"]);
    std::optional<std::int64_t> end = time_of(root["timestamp"]);
    bool traced = !normalize_uuid(trace["trace_id"].text()).empty()
                  && is_span_id(trace["span_id"].text());
    if (!traced || !start || !end || *start < 0 || *end < *start) {
        return reason::invalid_transaction;
    }
    scrub_stored(document, context, {root["transaction"], trace["op"]});
    std::string name = cut_with_dots(trim(root["transaction"].text()), name_characters);
    std::string op = cut_with_dots(trim(trace["op"].text()), op_characters);
    std::string status = lower(lenient_text(trace["status"]).value_or(""));
    row = JsonObject().text("id", context.event_id)
              .text("transaction", name.empty() ? unnamed : name)
              .text("op", op.empty() ? default_op : op)
              .integer("failed", is_failure(status))
              .number("ms", static_cast<double>(*end - *start) / 1000)
              .done();
    return reason::none;
}

}
