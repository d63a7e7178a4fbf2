/* What answers to messages mean: by status, and by what some services only tell in the body. */

#include "worker/channel.hpp"

#include <gtest/gtest.h>

#include <string>

namespace errtrack {
namespace {

using std::chrono::seconds;

WebAnswer answer(long status, const std::string &body = "", std::optional<seconds> after = std::nullopt)
{
    return {status, body, false, after};
}

Verdict verdict(const std::string &kind, long status, const std::string &body = "")
{
    return judge_answer(kind, answer(status, body)).verdict;
}

TEST(ChannelAnswer, IsJudgedByItsStatus)
{
    for (const char *kind : {"webhook", "slack", "mattermost", "discord", "teams", "google_chat", "pagerduty", "gitlab_alert"}) {
        for (long status : {200, 201, 202, 204}) {
            EXPECT_EQ(verdict(kind, status), Verdict::delivered) << kind << status;
            EXPECT_EQ(judge_answer(kind, answer(status)).why, "");
        }
        for (long status : {301, 302, 307, 308, 401, 403, 404, 405, 410, 501}) {
            EXPECT_EQ(verdict(kind, status), Verdict::channel_refused) << kind << status;
        }
        for (long status : {408, 425, 429, 500, 502, 503, 504, 520}) {
            EXPECT_EQ(verdict(kind, status), Verdict::again) << kind << status;
        }
        for (long status : {400, 402, 409, 413, 415, 418, 422}) {
            EXPECT_EQ(verdict(kind, status), Verdict::message_refused) << kind << status;
        }
    }
}

TEST(ChannelAnswer, SaysWhatToDo)
{
    EXPECT_EQ(judge_answer("slack", answer(404, "no_service")).why,
              "Slack answers 404, no_service: the address or the key of the channel is no longer good, set it anew");
    EXPECT_EQ(judge_answer("webhook", answer(302)).why, "the server answers 302: name the address that it redirects to");
    EXPECT_EQ(judge_answer("discord", answer(503)).why, "Discord answers 503: it is sent again later");
    EXPECT_EQ(judge_answer("pagerduty", answer(400, "{}")).why, "PagerDuty answers 400: it does not take this message, and never will");
    EXPECT_EQ(judge_answer("webhook", answer(400, "the password is secret")).why,
              "the server answers 400: it does not take this message, and never will")
        << "nothing of a body that may not be for the people of the project";
}

TEST(ChannelAnswer, TellsHowLongToWait)
{
    EXPECT_EQ(judge_answer("slack", answer(429, "", seconds(30))).after, seconds(30));
    EXPECT_EQ(judge_answer("webhook", answer(503, "", seconds(120))).after, seconds(120));
    EXPECT_EQ(judge_answer("webhook", answer(500)).after, std::nullopt);
    EXPECT_EQ(judge_answer("webhook", answer(404, "", seconds(30))).after, std::nullopt);
    EXPECT_EQ(judge_answer("discord", answer(429, R"({"message": "You are being rate limited.", "retry_after": 64.57, "global": false})")).after, seconds(65));
    EXPECT_EQ(judge_answer("discord", answer(429, R"({"retry_after": 1e300})")).after, most_retry_after);
    EXPECT_EQ(judge_answer("discord", answer(429, R"({"retry_after": 7.5})", seconds(8))).after, seconds(8));
    for (const char *body : {"", "{", R"({"retry_after": -1})", R"({"retry_after": 0})", R"({"retry_after": "5"})", R"({"retry_after": 1e999})"}) {
        EXPECT_EQ(judge_answer("discord", answer(429, body)).after, std::nullopt) << body;
    }
    EXPECT_EQ(judge_answer("slack", answer(429, R"({"retry_after": 64})")).after, std::nullopt);
}

TEST(ChannelAnswer, IsReadWhereSlackHidesAnError)
{
    EXPECT_EQ(verdict("slack", 200, "ok"), Verdict::delivered);
    EXPECT_EQ(verdict("slack", 200, "ok\n"), Verdict::delivered);
    EXPECT_EQ(verdict("slack", 200, R"({"ok": true})"), Verdict::delivered);
    EXPECT_EQ(verdict("slack", 200, R"({"success": true})"), Verdict::delivered) << "of what speaks as Slack does";
    EXPECT_EQ(verdict("slack", 200, R"({"ok": false, "error": "channel_not_found"})"), Verdict::channel_refused);
    EXPECT_EQ(verdict("slack", 200, R"({"ok": false, "error": "something_new"})"), Verdict::message_refused);
    EXPECT_EQ(verdict("slack", 200, R"({"ok": false, "error": "rate_limited"})"), Verdict::again);
    EXPECT_EQ(verdict("slack", 400, "invalid_payload"), Verdict::message_refused);
    EXPECT_EQ(verdict("slack", 400, "user_not_found"), Verdict::channel_refused);
    EXPECT_EQ(verdict("slack", 500, "rollup_error"), Verdict::again);
    EXPECT_EQ(verdict("slack", 500, "no_service"), Verdict::channel_refused) << "as it did before 2016";
    EXPECT_EQ(verdict("slack", 503, "no_service"), Verdict::again);
}

TEST(ChannelAnswer, IsReadWhereMattermostAnswers400ForAHookThatIsGone)
{
    EXPECT_EQ(verdict("mattermost", 400, R"({"id":"web.incoming_webhook.invalid.app_error","message":"Invalid webhook.","status_code":400})"),
              Verdict::channel_refused);
    EXPECT_EQ(verdict("mattermost", 400, R"({"id":"web.incoming_webhook.parse.app_error","status_code":400})"), Verdict::message_refused);
    EXPECT_EQ(verdict("slack", 400, "web.incoming_webhook.invalid.app_error"), Verdict::message_refused);
}

TEST(ChannelAnswer, IsReadWhereTeamsAnswers200)
{
    const std::string failed = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error ";
    EXPECT_EQ(verdict("teams", 200, "1"), Verdict::delivered);
    EXPECT_EQ(verdict("teams", 202, ""), Verdict::delivered);
    EXPECT_EQ(verdict("teams", 200, failed + "429 with ContextId tcid=0"), Verdict::again);
    EXPECT_EQ(verdict("teams", 200, failed + "413 with ContextId tcid=0"), Verdict::message_refused);
    EXPECT_EQ(verdict("teams", 200, failed + "404 with ContextId tcid=0"), Verdict::channel_refused);
    EXPECT_EQ(judge_answer("teams", answer(200, failed + "429")).why, "Teams answers 200, but tells of 429: it is sent again later");
    EXPECT_EQ(verdict("teams", 200, "Webhook message delivery failed with error: Error contacting Microsoft Teams endpoint"), Verdict::again);
    EXPECT_EQ(verdict("teams", 400, R"({"error":{"code":"WorkflowTriggerIsNotEnabled"}})"), Verdict::channel_refused);
    EXPECT_EQ(verdict("teams", 400, R"({"error":{"code":"TriggerInputSchemaMismatch"}})"), Verdict::message_refused);
}

TEST(ChannelAnswer, IsReadOfGoogleAndPagerduty)
{
    EXPECT_EQ(verdict("google_chat", 200, R"({"name": "spaces/A/messages/B"})"), Verdict::delivered);
    EXPECT_EQ(verdict("google_chat", 200, R"({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}})"), Verdict::again);
    EXPECT_EQ(verdict("google_chat", 200, R"({"error": {"code": 404}})"), Verdict::channel_refused);
    EXPECT_EQ(verdict("pagerduty", 202, R"({"status": "success", "message": "Event processed", "dedup_key": "routing_key"})"), Verdict::delivered);
    EXPECT_EQ(verdict("pagerduty", 400, R"({"status": "invalid event", "errors": ["Invalid routing key"]})"), Verdict::channel_refused);
    EXPECT_EQ(verdict("pagerduty", 400, R"({"status": "invalid event", "errors": ["'payload.summary' is missing or blank"]})"), Verdict::message_refused);
}

}
}
