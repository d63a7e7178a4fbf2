/*
 * Whether edge and worker read the same in a body: what the edge lets in, the worker
 * must read to the same items, whatever the pieces in which the body arrives. For unit
 * tests and fuzzers.
 */

#ifndef ERRTRACK_T_UNIT_EDGE_AGREEMENT_HPP
#define ERRTRACK_T_UNIT_EDGE_AGREEMENT_HPP

#include "ngx_module/meta.hpp"
#include "ngx_module/multipart_head.hpp"
#include "ngx_module/scan.hpp"
#include "worker/entry.hpp"
#include "worker/envelope.hpp"
#include "worker/json.hpp"
#include "worker/outcome.hpp"
#include "worker/record.hpp"
#include "worker/repair.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace errtrack {

inline constexpr ScanLimits test_limits = {1024, 16 * 1024};
inline constexpr std::string_view test_type = "multipart/form-data; boundary=xYz";

struct Scanned {
    std::string reason;
    std::string detail;
    std::string items;
    std::string event_id;
    std::string dsn;
    bool needs_event_id = false;
    std::array<std::uint32_t, categories> counts{};
    std::uint32_t total = 0;
};

inline Scanned scan_body(Endpoint endpoint, std::string_view body,
                         std::size_t piece = std::string_view::npos,
                         std::string_view type = test_type, const ScanLimits &limits = test_limits)
{
    std::unique_ptr<Scanner> scanner = make_scanner(endpoint, limits, type);
    Fault fault;
    while (!body.empty() && !fault) {
        fault = scanner->push(body.substr(0, piece));
        body.remove_prefix(std::min(piece, body.size()));
    }
    if (!fault) {
        fault = scanner->finish();
    }
    const Summary &summary = scanner->summary();
    Scanned found = {std::string(fault.reason), std::string(fault.detail), summary.items_text(),
                     summary.event_id, summary.dsn, summary.needs_event_id, summary.counts};
    for (const TypeCounts::Entry &entry : summary.items) {
        found.total += entry.count;
    }
    return found;
}

inline std::string_view meta_name(Endpoint endpoint)
{
    switch (endpoint) {
    case Endpoint::store:
        return "store";
    case Endpoint::security:
        return "security";
    case Endpoint::nel:
        return "nel";
    case Endpoint::minidump:
        return "minidump";
    case Endpoint::attachments:
        return "attachments";
    default:
        return "envelope";
    }
}

/* A record as the edge writes it and the worker reads it. more: further lines. */
inline Record make_record(Endpoint endpoint, std::string_view body, std::string_view items,
                          std::string_view type = test_type, std::string_view more = {})
{
    std::string meta;
    MetaWriter line(meta);
    line.foreign("v", entry_version);
    line.foreign("id", "0123456789abcdef0123456789abcdef");
    line.foreign("at", "1700000000000000");
    line.foreign("project", "1");
    line.foreign("ep", meta_name(endpoint));
    line.foreign("event", "fedcba9876543210fedcba9876543210");
    line.foreign("type", type.substr(0, max_content_type));
    line.foreign("items", items);
    line.number("size", body.size());
    line.finish();
    meta.append(more);
    QueueEntry entry;
    entry.fields = {{std::string(field_meta), meta}, {std::string(field_body), std::string(body)}};
    return records_of(entry, 1700000000000000).at(0);
}

/* The same for the wrappings of a store body, and what the edge reads of the JSON inside. */
inline std::string store_disagreement(std::string_view body, const Scanned &scanned)
{
    std::string decoded;
    std::string_view json;
    std::string_view failed = decode_store_body(body, 1 << 20, decoded, json);
    if (failed != reason::none) {
        return "the worker cannot unwrap it: " + std::string(failed);
    }
    Json document;
    std::string buffer;
    if (!document.parse(repair(json, buffer))) {
        return {};
    }
    bool transaction = document.root()["type"].text() == "transaction";
    bool same = normalize_uuid(document.root()["event_id"].text()) == scanned.event_id
                && scanned.items == (transaction ? "transaction:1" : "event:1");
    return same ? "" : "another event id or type";
}

/* What edge and worker disagree about; empty when they do not. accepted tells whether
 * there was anything to disagree about. */
inline std::string disagreement(Endpoint endpoint, std::string_view body, std::size_t piece,
                                bool &accepted, std::string_view type = test_type)
{
    Scanned whole = scan_body(endpoint, body, std::string_view::npos, type);
    Scanned pieces = scan_body(endpoint, body, piece, type);
    accepted = whole.reason.empty();
    // A body that is too large may also be wrong, and the pieces decide what is seen first.
    bool large = whole.reason == reason::too_large || pieces.reason == reason::too_large;
    if (accepted != pieces.reason.empty() || (whole.reason != pieces.reason && !large)) {
        return "in pieces it is " + pieces.reason + ", as a whole " + whole.reason;
    }
    if (!accepted) {
        return {};
    }
    if (whole.items != pieces.items || whole.event_id != pieces.event_id
        || whole.counts != pieces.counts)
    {
        return "in pieces other items are found";
    }
    if (endpoint == Endpoint::store) {
        std::string found = store_disagreement(body, whole);
        if (!found.empty()) {
            return found;
        }
    }
    if (endpoint == Endpoint::envelope) {
        Envelope envelope;
        parse_envelope(body, envelope);
        if (envelope.event_id != whole.event_id) {
            return "another event id";
        }
    }
    // Without the summary: what cannot be read must not be booked by it.
    Content blind = read_content(make_record(endpoint, body, {}, type));
    for (const ItemOutcome &outcome : blind.outcomes) {
        for (std::string_view framing : {reason::invalid_envelope, reason::invalid_multipart,
                                         reason::invalid_form, reason::too_large})
        {
            if (outcome.reason == framing) {
                return "the worker finds " + outcome.reason;
            }
        }
    }
    Content content = read_content(make_record(endpoint, body, whole.items, type));
    std::size_t items = content.events.size() + content.attachments.size() + content.items.size()
                        + content.outcomes.size();
    if (items != whole.total) {
        return "the worker books " + std::to_string(items) + " items, the edge " + whole.items;
    }
    std::array<std::uint32_t, categories> counts{};
    auto count = [&](std::string_view category) {
        for (std::size_t i = 1; i < categories; i++) {
            counts[i] += category == category_names[i];
        }
        counts[0] += category != "internal";
    };
    for (std::size_t i = 0; i < content.events.size(); i++) {
        count("error");
    }
    for (std::size_t i = 0; i < content.attachments.size(); i++) {
        count("attachment");
    }
    for (const Item &item : content.items) {
        count(item.category);
    }
    for (const ItemOutcome &outcome : content.outcomes) {
        count(outcome.category);
    }
    return counts == whole.counts ? "" : "the categories differ: " + whole.items;
}

}

#endif
