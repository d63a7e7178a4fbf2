/*
 * Transactions: what is counted of them, and which are none.
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

}
}
