/*
 * Sessions: what is filed of updates and of counts, with the defaults of the protocol, and
 * what is none.
 */

#include "worker/outcome.hpp"
#include "worker/session.hpp"

#include <gtest/gtest.h>

namespace errtrack {
namespace {

constexpr std::int64_t now = 1'700'000'000 * second;     /* 2023-11-14T22:13:20Z */
const std::string own_id = "fedcba9876543210fedcba9876543210";

using Read = std::string_view(std::string_view, const ItemContext &, std::string &);

/* The row, or the reason why there is none. */
std::string read(Read *reader, std::string_view payload, std::optional<std::int64_t> sent_at = {})
{
    std::string row;
    std::string_view fault = reader(payload, {now, sent_at, {}, {}, own_id}, row);
    return fault == reason::none ? row : std::string(fault);
}

const std::string attrs = R"("attrs":{"release":"1.0","environment":"live"})";
const std::string sid = "0123456789abcdef0123456789abcdef";

std::string session(const std::string &members)
{
    return read(read_session, "{\"sid\":\"" + sid + "\"," + attrs + (members.empty() ? "" : "," + members) + "}");
}

std::string started(std::int64_t time) { return "\"started\":" + std::to_string(time / second); }

/* The value of a number in a row. */
std::string number(const std::string &row, const std::string &name)
{
    std::size_t at = row.find("\"" + name + "\":");
    return at == row.npos ? "" : row.substr(at + name.size() + 3, row.find_first_of(",}", at) - at - name.size() - 3);
}

TEST(Session, Updates)
{
    EXPECT_EQ(session(R"("started":"2023-11-14T22:00:00Z","timestamp":"2023-11-14T22:01:00Z","seq":7,"status":"exited",
                  "errors":2,"duration":60.5)"),
              R"({"sid":")" + sid + R"(","started":1699999200000000,"at":1699999260000000,"seq":7,"status":"exited",)"
                  R"("errors":2,"seconds":60.5,"release":"1.0","environment":"live"})");
    EXPECT_EQ(session(started(now)), R"({"sid":")" + sid + R"(","started":1700000000000000,"at":1700000000000000,)"
                                     R"("seq":1700000000000,"status":"ok","errors":0,"release":"1.0","environment":"live"})");
    EXPECT_EQ(number(session(started(now) + ",\"init\":true,\"seq\":5"), "seq"), "0");
    EXPECT_EQ(number(session(started(now) + ",\"seq\":18446744073709551614"), "seq"), "18446744073709551614");
    EXPECT_EQ(number(session(started(now) + ",\"status\":\"crashed\",\"errors\":0"), "errors"), "1");
    EXPECT_EQ(number(session(started(now) + ",\"status\":\"abnormal\""), "errors"), "1");
    EXPECT_EQ(number(session(started(now) + ",\"timestamp\":1699990000"), "at"), "1700000000000000");
    EXPECT_EQ(number(session(started(now) + ",\"duration\":-1"), "seconds"), "");
}

TEST(Session, NamesAndUsers)
{
    auto environment = [](const std::string &name) {
        std::string row = read(read_session, "{\"sid\":\"" + sid + "\"," + started(now)
                                                 + ",\"attrs\":{\"release\":\"1.0\",\"environment\":\"" + name + "\"}}");
        return row.find("environment") != std::string::npos;
    };
    EXPECT_TRUE(environment("live"));
    EXPECT_FALSE(environment("none"));
    EXPECT_FALSE(environment("a/b"));
    std::string ann = session(started(now) + ",\"did\":\"ann\"");
    EXPECT_EQ(ann.find("ann"), std::string::npos);
    EXPECT_NE(ann.find("\"did\":\""), std::string::npos);
    EXPECT_EQ(session(started(now) + ",\"did\":\" ann \""), ann);
    EXPECT_NE(session(started(now) + ",\"did\":\"bob\""), ann);
    for (std::string nobody : {"null", "\"\"", "\"00000000-0000-0000-0000-000000000000\"", "[]"}) {
        EXPECT_EQ(session(started(now) + ",\"did\":" + nobody), session(started(now))) << nobody;
    }
}

TEST(Session, WithoutAnId)
{
    std::string one_shot = "{" + attrs + "," + started(now) + ",\"status\":\"exited\"}";
    EXPECT_NE(read(read_session, one_shot).find(own_id), std::string::npos);
    EXPECT_EQ(read(read_session, "{" + attrs + "," + started(now) + "}"), reason::invalid_session);
    EXPECT_EQ(read(read_session, "{\"sid\":\"00000000000000000000000000000000\"," + attrs + "," + started(now) + "}"),
              reason::invalid_session);
}

TEST(Session, OfAnotherTime)
{
    EXPECT_EQ(session(started(now - 6 * day)), reason::timestamp);
    EXPECT_NE(session(started(now - 5 * day)), reason::timestamp);
    EXPECT_EQ(session(started(now + 61 * second)), reason::timestamp);
    EXPECT_NE(session(started(now + 60 * second)), reason::timestamp);
    std::string payload = "{\"sid\":\"" + sid + "\"," + attrs + "," + started(now - 6 * day) + "}";
    EXPECT_EQ(number(read(read_session, payload, now - 6 * day), "started"), std::to_string(now))
        << "the clock of the client is corrected";
}

TEST(Session, WhatIsNone)
{
    EXPECT_EQ(read(read_session, ""), reason::no_data);
    EXPECT_EQ(read(read_session, "nonsense"), reason::invalid_json);
    EXPECT_EQ(session(""), reason::invalid_session);
    for (std::string release : {"{}", "{\"release\":\"latest\"}", "{\"release\":\"\"}", "{\"release\":null}", "[]"}) {
        EXPECT_EQ(read(read_session, "{\"sid\":\"" + sid + "\"," + started(now) + ",\"attrs\":" + release + "}"), reason::release)
            << release;
    }
    for (std::string odd : {"\"status\":\"weird\"", "\"status\":5", "\"seq\":-1", "\"seq\":18446744073709551615", "\"seq\":\"1\"",
                            "\"errors\":-1", "\"errors\":1.5"}) {
        EXPECT_EQ(session(started(now) + "," + odd), reason::invalid_session) << odd;
    }
}

std::string counts(const std::string &buckets)
{
    return read(read_sessions, "{" + attrs + ",\"aggregates\":" + buckets + "}");
}

TEST(Session, Counts)
{
    EXPECT_EQ(counts("[{" + started(now) + ",\"exited\":3,\"errored\":2,\"unhandled\":1,\"crashed\":4,\"abnormal\":5},{"
                     + started(now - 3600 * second) + ",\"exited\":0}]"),
              R"({"release":"1.0","environment":"live","buckets":[{"started":1700000000000000,"exited":3,"errored":3,"crashed":4,)"
              R"("abnormal":5},{"started":1699996400000000}]})");
    std::string bucket = "{" + started(now) + ",\"exited\":1}";
    std::string many = bucket;
    for (int i = 0; i < 100; i++) {
        many += "," + bucket;
    }
    std::string row = counts("[" + many + "]");
    EXPECT_EQ((row.size() - counts("[" + bucket + "]").size()) % 99, 0u);
    std::size_t found = 0;
    for (std::size_t at = row.find("exited"); at != row.npos; at = row.find("exited", at + 1)) {
        found++;
    }
    EXPECT_EQ(found, 100u) << "the first hundred";
}

TEST(Session, CountsThatAreNone)
{
    EXPECT_EQ(counts("{}"), reason::invalid_session);
    EXPECT_EQ(counts("[]"), reason::no_data);
    EXPECT_EQ(counts("[{" + started(now - 6 * day) + ",\"exited\":1}]"), reason::timestamp);
    EXPECT_EQ(counts("[5]"), reason::timestamp);
    for (std::string odd : {"-1", "\"1\"", "1.5", "[]"}) {
        EXPECT_EQ(counts("[{" + started(now) + ",\"exited\":" + odd + "}]"), reason::invalid_session) << odd;
    }
    EXPECT_EQ(read(read_sessions, "{\"aggregates\":[]}"), reason::release);
    EXPECT_EQ(read(read_sessions, "[1"), reason::invalid_json);
}

}
}
