/*
 * Transactions and the spans that stand for them: what is counted, and which are none.
 */

#include "worker/outcome.hpp"
#include "worker/transaction.hpp"

#include <gtest/gtest.h>

namespace errtrack {
namespace {

const std::string trace_id = "0123456789abcdef0123456789abcdef";

/* The row, or the reason why there is none. */
std::string read(std::string_view payload)
{
    std::string row;
    std::string_view fault = read_transaction(payload, {0, {}, trace_id, {}, {}}, row);
    return fault == reason::none ? row : std::string(fault);
}

/* A transaction with these members and those of its trace. */
std::string made(const std::string &members, const std::string &trace = "")
{
    return "{" + members + ",\"contexts\":{\"trace\":{\"trace_id\":\"" + trace_id
           + "\",\"span_id\":\"0123456789abcdef\"" + trace + "}}}";
}

const std::string times = R"("start_timestamp":1700000000.25,"timestamp":1700000001.5)";

TEST(Transaction, WhatIsCounted)
{
    EXPECT_EQ(read(made(times + R"(,"transaction":" GET /cart ")", R"(,"op":"http.server","status":"ok")")),
              R"({"id":")" + trace_id + R"(","transaction":"GET /cart","op":"http.server","failed":0,"ms":1250})");
    EXPECT_EQ(read(made(times)),
              R"({"id":")" + trace_id + R"(","transaction":"<unlabeled transaction>","op":"default","failed":0,"ms":1250})");
    EXPECT_NE(read(made(R"("start_timestamp":"2023-11-14T22:13:20Z","timestamp":"2023-11-14T22:13:20.0005Z")")).find("\"ms\":0.5"),
              std::string::npos);
    std::string row = read(made(times + R"(,"transaction":")" + std::string(500, 'n') + "\"", R"(,"op":")" + std::string(500, 'o') + "\""));
    EXPECT_NE(row.find("\"" + std::string(197, 'n') + "...\""), std::string::npos);
    EXPECT_NE(row.find("\"" + std::string(61, 'o') + "...\""), std::string::npos);
}

TEST(Transaction, Failures)
{
    auto failed = [](const std::string &status) {
        return read(made(times, ",\"status\":" + status)).find("\"failed\":1") != std::string::npos;
    };
    for (const char *good : {"\"ok\"", "\"OK\"", "\"cancelled\"", "\"unknown\"", "null", "0", "1", "2", "[]"}) {
        EXPECT_FALSE(failed(good)) << good;
    }
    for (const char *bad : {"\"internal_error\"", "\"not_found\"", "\"error\"", "13", "\"unknown_error\""}) {
        EXPECT_TRUE(failed(bad)) << bad;
    }
}

TEST(Transaction, WhatIsNone)
{
    EXPECT_EQ(read(""), reason::no_data);
    EXPECT_EQ(read("nonsense"), reason::invalid_json);
    for (std::string none : {std::string("{}"), "{" + times + "}", "{" + times + ",\"contexts\":{\"trace\":{}}}",
                             made("\"timestamp\":1"), made("\"start_timestamp\":1"),
                             made("\"start_timestamp\":2,\"timestamp\":1"), made("\"start_timestamp\":-2,\"timestamp\":1"),
                             made("\"start_timestamp\":1e300,\"timestamp\":1e300"), made("\"start_timestamp\":true,\"timestamp\":1")}) {
        EXPECT_EQ(read(none), reason::invalid_transaction) << none;
    }
}

/* ---- spans ---- */

/* What is read of a list of these spans: the rows, or why there are none, and how many are
 * no transactions. */
std::string spans(std::string_view payload, const PayloadFilters &filters = {}, const Scrubber *scrubber = nullptr)
{
    ItemContext context;
    context.scrubber = scrubber;
    Spans found;
    std::string_view fault = read_spans(payload, context, filters, found);
    std::string text(fault);
    for (const Segment &each : found.segments) {
        text.append(each.filter).append(each.fault).append(each.row).append(" ");
    }
    return fault == reason::none ? text + "+" + std::to_string(found.others) : text;
}

std::string list(const std::string &items)
{
    return R"({"version":2,"items":[)" + items + "]}";
}

/* A segment with these members beside its ids. */
std::string segment(const std::string &members)
{
    return "{\"trace_id\":\"" + trace_id + R"(","span_id":"FEDCBA9876543210","is_segment":true)" + (members.empty() ? "" : ",") + members + "}";
}

const std::string span_times = R"("start_timestamp":1700000000.25,"end_timestamp":1700000001.5)";

TEST(Spans, SegmentsAreTransactions)
{
    EXPECT_EQ(spans(list(segment(span_times + R"(,"name":" GET /cart ","status":"ok","attributes":{"sentry.op":{"type":"string","value":"http.server"}})")
                         + R"(,{"is_segment":false},)" + segment(span_times + R"(,"status":"error")"))),
              R"({"id":")" + trace_id + R"(fedcba9876543210","transaction":"GET /cart","op":"http.server","failed":0,"ms":1250} )"
                  + R"({"id":")" + trace_id + R"(fedcba9876543210","transaction":"<unlabeled transaction>","op":"default","failed":1,"ms":1250} +1)");
}

TEST(Spans, WhatIsNoSegment)
{
    EXPECT_EQ(spans(list(R"({},null,1,"a",[],{"is_segment":null},{"is_segment":"true"},{"is_segment":1})")), "+8");
    for (const std::string &members : {std::string(), std::string(R"("start_timestamp":1)"), std::string(R"("end_timestamp":1)"),
                                       std::string(R"("start_timestamp":2,"end_timestamp":1)"), std::string(R"("start_timestamp":-2,"end_timestamp":1)"),
                                       std::string(R"("start_timestamp":1e300,"end_timestamp":1e300)"), span_times + R"(,"span_id":"fedc")",
                                       span_times + R"(,"trace_id":"fedc")", span_times + R"(,"trace_id":7)"}) {
        EXPECT_EQ(spans(list(segment(members))), "invalid_transaction +0") << members;
    }
}

TEST(Spans, WhatIsNoList)
{
    EXPECT_EQ(spans(""), reason::no_data);
    EXPECT_EQ(spans("[]"), reason::invalid_json);
    EXPECT_EQ(spans("{\"items\":[{]}"), reason::invalid_json);
    for (const char *none : {"{}", R"({"items":[]})", R"({"items":null})", R"({"items":{"a":{}}})", R"({"items":"a"})"}) {
        EXPECT_EQ(spans(none), reason::no_data) << none;
    }
    std::string deep;
    for (int i = 0; i < 1000; i++) {
        deep += "[";
    }
    EXPECT_EQ(spans(list(deep + std::string(1000, ']'))), reason::invalid_json);
}

TEST(Spans, AreBounded)
{
    std::string many = "{}";
    for (std::size_t i = 1; i < max_spans; i++) {
        many += ",{}";
    }
    EXPECT_EQ(spans(list(many)), "+1000");
    EXPECT_EQ(spans(list(many + ",{}")), reason::too_large);
    std::string row = spans(list(segment(span_times + R"(,"name":")" + std::string(500, 'n') + R"(","attributes":{"sentry.op":{"value":")"
                                         + std::string(500, 'o') + "\"}}")));
    EXPECT_NE(row.find("\"" + std::string(197, 'n') + "...\""), std::string::npos);
    EXPECT_NE(row.find("\"" + std::string(61, 'o') + "...\""), std::string::npos);
}

TEST(Spans, AreScrubbed)
{
    std::string row = spans(list(segment(span_times + R"(,"name":"GET /?password=hunter2","attributes":{"sentry.op":{"value":"token=hunter2"}})")
                                 + "," + segment(span_times + R"(,"name":"GET /?password=hunter2")")));
    EXPECT_NE(row.find("GET /?password="), std::string::npos) << row;
    EXPECT_EQ(row.find("hunter2"), std::string::npos) << row;
}

}
}
