/*
 * Check-ins: the monitor that they are about, the run, and the schedule if there is one.
 */

#include "worker/check_in.hpp"
#include "worker/outcome.hpp"

#include <gtest/gtest.h>

namespace errtrack {
namespace {

const std::string own_id = "fedcba9876543210fedcba9876543210";
const std::string id = "0123456789abcdef0123456789abcdef";

/* The row, or the reason why there is none. */
std::string read(std::string_view payload)
{
    std::string row;
    std::string_view fault = read_check_in(payload, {0, {}, {}, {}, own_id}, row);
    return fault == reason::none ? row : std::string(fault);
}

/* The text of a member; empty when it is not there. */
std::string member(const std::string &row, std::string_view name)
{
    Json document;
    return document.parse(row) ? document.root()[name].text() : row;
}

TEST(CheckIn, Rows)
{
    EXPECT_EQ(read(R"({"check_in_id":"01234567-89AB-CDEF-0123-456789ABCDEF","monitor_slug":"nightly","status":"ok",
                  "environment":"live","duration":1.5,"release":"1.0"})"),
              R"({"slug":"nightly","environment":"live","status":"ok","id":")" + id + R"(","new_id":")" + own_id
                  + R"(","release":"1.0","seconds":1.5})");
    EXPECT_EQ(read(R"({"monitor_slug":"nightly","status":"weird","duration":-1})"),
              R"({"slug":"nightly","environment":"production","status":"unknown","id":")" + own_id + R"(","new_id":")" + own_id
                  + "\"}");
    EXPECT_EQ(member(read(R"({"check_in_id":"00000000000000000000000000000000","monitor_slug":"a","status":"ok"})"), "id"), "")
        << "the run that is open";
}

TEST(CheckIn, Slugs)
{
    auto slug = [](const std::string &text) { return member(read("{\"monitor_slug\":\"" + text + "\"}"), "slug"); };
    EXPECT_EQ(slug("Send e-mails (daily)!"), "send-e-mails-daily");
    EXPECT_EQ(slug("a__b--c"), "a__b-c");
    EXPECT_EQ(slug(std::string(80, 'a')), std::string(50, 'a'));
    EXPECT_EQ(slug("\\u00e4"), reason::invalid_check_in);
    EXPECT_EQ(slug("--"), reason::invalid_check_in);
}

TEST(CheckIn, Schedules)
{
    auto row = [](const std::string &config) {
        return read("{\"monitor_slug\":\"a\",\"status\":\"ok\",\"monitor_config\":" + config + "}");
    };
    std::string crontab = row(R"({"schedule":{"type":"crontab","value":"*/30 5 * * 1"},"timezone":"Europe/Vienna",
        "checkin_margin":5,"max_runtime":90})");
    EXPECT_NE(crontab.find(R"("schedule":{"minutes":[0,30],"hours":[5],"days":[1,2,)"), std::string::npos);
    EXPECT_NE(crontab.find(R"("weekdays":[1],"either":false},"timezone":"Europe/Vienna","margin":5,"runtime":90})"), std::string::npos);
    EXPECT_NE(row(R"({"schedule":{"type":"interval","value":2,"unit":"hour"},"timezone":"a b","checkin_margin":0})")
                  .find(R"("schedule":{"every":2,"unit":"hour"}})"), std::string::npos);
    std::string without = row("null");
    for (std::string none : {R"({})", R"({"schedule":"x","max_runtime":5})", R"({"schedule":{"type":"crontab","value":"99 * * * *"}})",
                             R"({"schedule":{"type":"crontab"}})", R"({"schedule":{"type":"interval","value":0,"unit":"hour"}})",
                             R"({"schedule":{"type":"interval","value":5,"unit":"fortnight"}})", R"({"schedule":{"value":5,"unit":"hour"}})",
                             R"({"schedule":{"type":"interval","value":1.5,"unit":"hour"}})"}) {
        EXPECT_EQ(row(none), without) << none;
    }
}

TEST(CheckIn, WhatIsNone)
{
    EXPECT_EQ(read(""), reason::no_data);
    EXPECT_EQ(read("[]"), reason::invalid_json);
    EXPECT_EQ(read("{\"status\":\"ok\"}"), reason::invalid_check_in);
    EXPECT_EQ(read("{\"monitor_slug\":5,\"status\":\"ok\"}"), reason::invalid_check_in);
}

}
}
