/*
 * Client reports: entries in all their forms, and those that are none.
 */

#include "worker/client_report.hpp"
#include "worker/outcome.hpp"

#include <gtest/gtest.h>

namespace errtrack {
namespace {

constexpr std::int64_t now = 1'700'000'000 * second;

/* The row, or the reason why there is none. */
std::string read(std::string_view payload, const ItemContext &context = {now, {}, {}, {}, {}})
{
    std::string row;
    std::string_view fault = read_client_report(payload, context, row);
    return fault == reason::none ? row : std::string(fault);
}

TEST(ClientReport, EntriesAreSummedAndSorted)
{
    EXPECT_EQ(read(R"({"discarded_events":[{"reason":"sample_rate","category":"error","quantity":2},
                  ["before_send","transaction",1],{"reason":" sample_rate ","category":"error","quantity":40}]})"),
              R"({"entries":[["discarded","error","sample_rate",42],["discarded","transaction","before_send",1]]})");
    EXPECT_EQ(read(R"({"rate_limited_events":[["r","error",1]],"filtered_events":[["f","error",2]],
                  "filtered_sampling_events":[["s","novelty",3]]})"),
              R"({"entries":[["filtered","error","f",2],["rate_limited","error","r",1],["sampled","other","s",3]]})");
    EXPECT_EQ(read(R"({"discarded_events":[["huge","error",4294967295]]})"),
              R"({"entries":[["discarded","error","huge",1000000000]]})");
}

TEST(ClientReport, WhatMakesNoSenseIsSkipped)
{
    EXPECT_EQ(read("{}"), R"({"entries":[]})");
    EXPECT_EQ(read(R"({"discarded_events":[null,5,"x",[],["r"],["r","error",-1],["r","error","1"],["r","error",1.5],
                  ["","error",1],[5,"error",1],{},{"reason":"r","quantity":0}]})"), R"({"entries":[]})");
    EXPECT_EQ(read(R"({"discarded_events":{"reason":"r","category":"error","quantity":1}})"), R"({"entries":[]})");
    EXPECT_EQ(read(R"({"discarded_events":[[")" + std::string(201, 'r') + R"(","error",1]]})"), R"({"entries":[]})");
    EXPECT_NE(read(R"({"discarded_events":[[")" + std::string(200, 'r') + R"(","error",1]]})"), R"({"entries":[]})");
    std::string many;
    for (int i = 0; i < 1001; i++) {
        many += std::string(many.empty() ? "" : ",") + "[\"r\",\"error\",1]";
    }
    EXPECT_EQ(read("{\"discarded_events\":[" + many + "]}"), R"({"entries":[["discarded","error","r",1000]]})");
}

TEST(ClientReport, OfAnotherTime)
{
    auto at = [](std::int64_t time) { return read("{\"timestamp\":" + std::to_string(time / second) + "}"); };
    EXPECT_EQ(at(now - 29 * day), R"({"entries":[]})");
    EXPECT_EQ(at(now - 31 * day), reason::timestamp);
    EXPECT_EQ(at(now + 60 * second), R"({"entries":[]})");
    EXPECT_EQ(at(now + 61 * second), reason::timestamp);
    EXPECT_EQ(read("{\"timestamp\":\"yesterday\"}"), R"({"entries":[]})");
    std::string ahead = "{\"timestamp\":" + std::to_string((now + 2 * 3600 * second) / second) + "}";
    EXPECT_EQ(read(ahead, {now, now + 2 * 3600 * second, {}, {}, {}}), R"({"entries":[]})");
}

TEST(ClientReport, WhatIsNone)
{
    EXPECT_EQ(read(""), reason::no_data);
    EXPECT_EQ(read(" \n"), reason::no_data);
    EXPECT_EQ(read("nonsense"), reason::invalid_json);
    EXPECT_EQ(read("[]"), reason::invalid_json);
}

}
}
