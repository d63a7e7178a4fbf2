/*
 * User reports and feedback: whose they are, what is kept, and what is none.
 */

#include "worker/feedback.hpp"
#include "worker/outcome.hpp"

#include <gtest/gtest.h>

namespace errtrack {
namespace {

const std::string id = "0123456789abcdef0123456789abcdef";
const std::string other = "fedcba9876543210fedcba9876543210";

using Read = std::string_view(std::string_view, const ItemContext &, std::string &);

/* The row, or the reason why there is none. */
std::string read(Read *reader, std::string_view payload, const std::string &header = {})
{
    std::string row;
    std::string_view fault = reader(payload, {0, {}, id, header, {}}, row);
    return fault == reason::none ? row : std::string(fault);
}

TEST(Feedback, UserReports)
{
    EXPECT_EQ(read(read_user_report, " {\"event_id\":\"FEDCBA98-7654-3210-FEDC-BA9876543210\",\"name\":\" Ann \","
                                     "\"email\":\"ann@example.com\",\"comments\":\"It broke.\"}\n\n"),
              R"({"kind":"user_report","id":")" + other + R"(","event":")" + other
                  + R"(","name":"Ann","email":"ann@example.com","message":"It broke."})");
    EXPECT_EQ(read(read_user_report, R"({"name":null,"email":null,"comments":5})", other),
              R"({"kind":"user_report","id":")" + other + R"(","event":")" + other + R"(","message":"5"})");
    EXPECT_NE(read(read_user_report, R"({"event_id":")" + id + "\"}", other).find(other), std::string::npos)
        << "the header of the envelope wins";
}

TEST(Feedback, IsBounded)
{
    std::string row = read(read_user_report, R"({"name":")" + std::string(200, 'n') + R"(","email":")"
                                                 + std::string(200, 'e') + R"(","comments":")"
                                                 + std::string(5000, 'c') + "\"}", id);
    EXPECT_NE(row.find("\"" + std::string(128, 'n') + "\""), std::string::npos);
    EXPECT_NE(row.find("\"" + std::string(75, 'e') + "\""), std::string::npos);
    EXPECT_NE(row.find("\"" + std::string(4096, 'c') + "\""), std::string::npos);
}

TEST(Feedback, OfNewerSdks)
{
    EXPECT_EQ(read(read_feedback, R"({"event_id":"x","release":"1.0","environment":"none","contexts":{"feedback":{"message":"slow",
                  "contact_email":"a@b","name":"Ann","url":"https://shop.example/","associated_event_id":")" + other
                  + R"(","source":"widget"}}})"),
              R"({"kind":"feedback","id":")" + id + R"(","event":")" + other
                  + R"(","name":"Ann","email":"a@b","message":"slow","url":"https://shop.example/","source":"widget","release":"1.0"})");
    EXPECT_EQ(read(read_feedback, R"({"contexts":{"feedback":{"message":"slow","associated_event_id":"x"}}})"),
              R"({"kind":"feedback","id":")" + id + R"(","message":"slow"})");
}

TEST(Feedback, SecretsGoBeforeTextsAreCut)
{
    std::string row = read(read_user_report, R"({"comments":")" + std::string(4080, 'c') + R"( 4111111111111111"})", id);
    EXPECT_EQ(row.find("4111"), std::string::npos);
    ScrubOptions options;
    options.keys = {"email"};
    Scrubber scrubber(options);
    for (auto [reader, payload] :
         {std::pair<Read *, const char *>(read_user_report, R"({"name":"Ann","email":"a@b","comments":"c"})"),
          std::pair<Read *, const char *>(read_feedback, R"({"contexts":{"feedback":{"message":"m","contact_email":"a@b"}}})")}) {
        ASSERT_EQ(reader(payload, {0, {}, id, id, {}, &scrubber}, row), reason::none);
        EXPECT_NE(row.find(R"("email":"[Filtered]")"), std::string::npos) << row;
    }
}

TEST(Feedback, WhatIsNone)
{
    EXPECT_EQ(read(read_user_report, R"({"comments":"c"})"), reason::event_id);
    EXPECT_EQ(read(read_user_report, R"({"event_id":"x","comments":"c"})"), reason::event_id);
    EXPECT_EQ(read(read_user_report, ""), reason::no_data);
    EXPECT_EQ(read(read_user_report, "[]"), reason::invalid_json);
    for (const char *none : {"{}", R"({"contexts":[]})", R"({"contexts":{"feedback":5}})", R"({"contexts":{"feedback":{}}})",
                             R"({"contexts":{"feedback":{"message":" "}}})", R"({"contexts":{"feedback":{"message":[]}}})"}) {
        EXPECT_EQ(read(read_feedback, none), reason::invalid_feedback) << none;
    }
}

}
}
