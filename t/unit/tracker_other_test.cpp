/* Trackers of people's own: one signed request each, answered with what was created. */

#include "worker/channel_webhook.hpp"
#include "worker/json.hpp"

#include "t/unit/tracker_case.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

using namespace errtrack;

namespace {

class TrackerOther : public testing::Test {
protected:
    LoopbackAnswer answer{201, R"({"reference":"SHOP-12","url":"https://tracker.example.com/SHOP-12"})"};
    LoopbackRequest got;
    LoopbackServer server{[this](const LoopbackRequest &request) {
        got = request;
        return answer;
    }};
    TrackerSettings tracker{"other", server.origin() + "/hook/%7Eshop?key=1", 0, "", "quiet", "{}"};
    TrackerOutcome outcome;

    Verdict verdict_for(LoopbackAnswer wanted, NoticeKind kind = NoticeKind::create)
    {
        answer = std::move(wanted);
        outcome = tell(tracker, tracker_task(kind, kind == NoticeKind::create ? "" : "SHOP-12"));
        return outcome.judgement.verdict;
    }
};

TEST_F(TrackerOther, IsToldWhatToCreate)
{
    TrackerTask task = tracker_task(NoticeKind::create);
    outcome = tell(tracker, task);
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_EQ(outcome.reference, "SHOP-12");
    EXPECT_EQ(outcome.url, "https://tracker.example.com/SHOP-12");
    EXPECT_EQ(got.method + " " + got.path, "POST /hook/%7Eshop");
    EXPECT_EQ(got.parameters.at("key"), "1");
    Json body;
    ASSERT_TRUE(body.parse(got.body)) << got.body;
    JsonValue root = body.root();
    EXPECT_EQ(root["version"].integer(), 1);
    EXPECT_EQ(root["action"].text(), "create");
    EXPECT_EQ(root["delivery_id"].text(), task.delivery.id);
    EXPECT_EQ(root["links"]["issue"].text(), "https://errors.example.com/acme/shop/issues/42/");
    EXPECT_EQ(root["issue"]["title"].text(), "ValueError: see #1, @all") << "as it is: it is no markup";
    EXPECT_EQ(root["project"]["slug"].text(), "shop");
    EXPECT_FALSE(root["reference"]);
}

TEST_F(TrackerOther, IsToldSoThatItCanVerifyIt)
{
    TrackerTask task = tracker_task(NoticeKind::create);
    tell(tracker, task);
    for (const std::string &line : signed_headers(task.delivery, "create", "quiet", got.body)) {
        std::string name = line.substr(0, line.find(':'));
        std::transform(name.begin(), name.end(), name.begin(), [](char c) { return static_cast<char>(std::tolower(c)); });
        EXPECT_EQ(got.headers[name], line.substr(line.find(": ") + 2)) << line;
    }
    EXPECT_TRUE(got.headers["x-errtrack-signature"].starts_with("v1="));
}

TEST_F(TrackerOther, IsToldWhatToCloseAndReopen)
{
    for (NoticeKind kind : {NoticeKind::close, NoticeKind::reopen}) {
        for (LoopbackAnswer success : {LoopbackAnswer{204, ""}, LoopbackAnswer{200, "ok"}, LoopbackAnswer{202, "{}"}}) {
            EXPECT_EQ(verdict_for(success, kind), Verdict::delivered) << outcome.judgement.why;
            Json body;
            ASSERT_TRUE(body.parse(got.body)) << got.body;
            EXPECT_EQ(body.root()["action"].text(), word_of(kind));
            EXPECT_EQ(body.root()["reference"].text(), "SHOP-12");
        }
    }
}

TEST_F(TrackerOther, HasToSayWhatItCreated)
{
    for (std::string said : {"", "ok", "[]", "{}", R"({"reference":""})", R"({"reference":12})", R"({"reference":"a\nb"})",
                             R"({"reference":"\u202eSHOP"})"})
    {
        EXPECT_EQ(verdict_for({200, said}), Verdict::channel_refused) << said;
    }
    EXPECT_EQ(verdict_for({200, "{\"reference\":\"" + std::string(201, 'x') + "\"}"}), Verdict::channel_refused);
    EXPECT_EQ(verdict_for({200, R"({"reference":"12"})"}), Verdict::delivered);
    EXPECT_EQ(outcome.url, "");
}

TEST_F(TrackerOther, IsJudgedByItsStatus)
{
    EXPECT_EQ(verdict_for({401, ""}), Verdict::channel_refused);
    EXPECT_EQ(verdict_for({400, R"({"error":"no such field"})"}), Verdict::message_refused);
    EXPECT_NE(outcome.judgement.why.find("no such field"), std::string::npos) << outcome.judgement.why;
    EXPECT_EQ(verdict_for({429, "", {"Retry-After: 12"}}, NoticeKind::close), Verdict::again);
    EXPECT_EQ(outcome.judgement.after, std::chrono::seconds(12));
    EXPECT_EQ(verdict_for({500, ""}, NoticeKind::reopen), Verdict::again);
    EXPECT_EQ(verdict_for({307, "", {"Location: https://example.com/"}}), Verdict::channel_refused);
}

}
