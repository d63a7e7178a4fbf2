/*
 * Transactions: how long a named piece of work took and whether it failed. What is filed
 * is enough to count it; its spans are not kept. Newer SDKs send nothing but spans, many
 * in one item: those that stand for the whole, segments, are the transactions then. Pure.
 *
 * Rules: protocol reference, sections 4.6, 5.16 and 7.8.
 */

#ifndef ERRTRACK_WORKER_TRANSACTION_HPP
#define ERRTRACK_WORKER_TRANSACTION_HPP

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "worker/item.hpp"
#include "worker/payload_filter.hpp"

namespace errtrack {

/*
 * {"id": 32 hex digits, "transaction": , "op": , "failed": 0 or 1, "ms": duration}. Returns
 * reason::none, no_data, invalid_json, or invalid_transaction when it has no trace or does
 * not end after it began.
 */
std::string_view read_transaction(std::string_view payload, const ItemContext &context,
                                  std::string &row);

/* The content type of an item that holds a list of spans. */
inline constexpr std::string_view span_list = "application/vnd.sentry.items.span.v2+json";

/* Of one list. SDKs begin another envelope then. */
inline constexpr std::size_t max_spans = 1000;

struct Segment {
    std::string_view filter;             /* that it meets; nothing is read of it then */
    std::string_view fault;              /* reason::none, or invalid_transaction */
    std::string row;                     /* as above; the id is that of its trace and its own */
};

struct Spans {
    std::vector<Segment> segments;
    std::size_t others = 0;              /* how many entries are none */
};

/*
 * {"items": [span, ..]}. Returns reason::none, no_data (also for an empty list),
 * invalid_json or too_large (more than max_spans).
 */
std::string_view read_spans(std::string_view payload, const ItemContext &context,
                            const PayloadFilters &filters, Spans &spans);

}

#endif
