/* Issues in GitHub: the dialogue with a server that takes and refuses what GitHub's does. */

#include "worker/json.hpp"
#include "worker/timestamp.hpp"

#include "t/unit/tracker_case.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <optional>

using namespace errtrack;

namespace {

const std::string api = "/api/v3";

/* A repository of GitHub as https://docs.github.com/rest/issues tells of it. */
class FakeGithub {
public:
    struct Issue {
        std::string title;
        std::string body = {};
        std::vector<std::string> labels = {};
        std::string state = "open";
        std::string state_reason = {};
        int gone = 0;                           /* 410: deleted; 301: moved to another repository */
        bool pull_request = false;
        std::string created_at = "2026-01-31T12:00:01Z";
        std::vector<std::string> comments = {};
    };

    std::string repository = "acme/shop";
    std::string about = R"({"full_name":"acme/shop"})";
    std::optional<LoopbackAnswer> always;       /* whatever is asked, but for the limits */
    std::string limits = R"({"resources":{"core":{"limit":5000,"remaining":5000,"reset":1}}})";
    bool fails_behind = false;                  /* does what it is told, and answers that it failed */
    std::vector<Issue> issues;                  /* the first is number 1 */

    LoopbackAnswer answer(const LoopbackRequest &request)
    {
        if (request.path == api + "/rate_limit") {
            return {200, limits};
        }
        if (always) {
            return *always;
        }
        if (!has(request, "user-agent")) {
            return {403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"};
        }
        if (!has(request, "authorization") || request.headers.at("authorization") != "Bearer ghp-1") {
            return {401, R"({"message":"Bad credentials","status":"401"})"};
        }
        if (!has(request, "accept") || request.headers.at("accept") != "application/vnd.github+json"
            || request.headers.at("x-github-api-version") != "2022-11-28")
        {
            return {415, R"({"message":"Unsupported 'Accept' header"})"};
        }
        if (!request.path.starts_with(api + "/repos/" + repository)) {
            return {404, R"({"message":"Not Found","status":"404"})"};
        }
        Json body;
        if (!request.body.empty() && !body.parse(request.body)) {
            return {400, R"({"message":"Problems parsing JSON"})"};
        }
        LoopbackAnswer answer = route(request, request.path.substr((api + "/repos/" + repository).size()), body.root());
        return fails_behind && request.method != "GET" ? LoopbackAnswer{502, "<html>Unicorn!</html>"} : answer;
    }

private:
    static bool has(const LoopbackRequest &request, const std::string &name) { return request.headers.contains(name); }

    static LoopbackAnswer unprocessable(const std::string &field)
    {
        std::string error = R"({"resource":"Issue","code":"invalid","field":")" + field + R"("})";
        return {422, R"({"message":"Validation Failed","errors":[)" + error + "]}"};
    }

    static std::string show(std::size_t number, const Issue &issue)
    {
        std::string body;
        append_json_string(body, issue.body);
        return R"({"number":)" + std::to_string(number) + R"(,"state":")" + issue.state + R"(","body":)" + body + R"(,"created_at":")"
               + issue.created_at + R"(","html_url":"https://github.com/acme/shop/issues/)" + std::to_string(number) + "\""
               + (issue.pull_request ? R"(,"pull_request":{"url":"https://api.github.com/repos/acme/shop/pulls/1"}})" : "}");
    }

    static LoopbackAnswer page(const LoopbackRequest &request, const std::vector<std::string> &all)
    {
        std::size_t size = std::stoul(request.parameters.at("per_page"));
        std::size_t number = std::stoul(request.parameters.at("page"));
        std::string list = "[";
        for (std::size_t i = (number - 1) * size; i < std::min(number * size, all.size()); i++) {
            list += (list.size() > 1 ? "," : "") + all[i];
        }
        return size > 100 ? unprocessable("per_page") : LoopbackAnswer{200, list + "]"};
    }

    LoopbackAnswer route(const LoopbackRequest &request, const std::string &rest, JsonValue body)
    {
        if (rest.empty()) {
            return {200, about};
        }
        if (rest == "/issues") {
            return request.method == "POST" ? create(body) : list(request);
        }
        std::size_t number = std::stoul(rest.substr(std::string("/issues/").size()));
        if (number == 0 || number > issues.size()) {
            return {404, R"({"message":"Not Found","status":"404"})"};
        }
        Issue &issue = issues[number - 1];
        if (issue.gone == 410) {
            return {410, R"({"message":"This issue was deleted","status":"410"})"};
        }
        if (issue.gone == 301) {
            return {301, R"({"message":"Moved Permanently"})", {"Location: https://api.github.com/repositories/9/issues/1"}};
        }
        if (rest.ends_with("/comments")) {
            return request.method == "POST" ? comment(issue, body) : comments(request, issue);
        }
        return request.method == "PATCH" ? change(number, issue, body) : LoopbackAnswer{200, show(number, issue)};
    }

    LoopbackAnswer create(JsonValue body)
    {
        std::string title = body["title"].text();
        auto characters = std::count_if(title.begin(), title.end(), [](char c) { return (c & 0xc0) != 0x80; });
        if (!body["title"].is_string() || title.empty() || characters > 256) {
            return unprocessable("title");
        }
        if (!body["body"].is_string() || body["body"].text().size() > 65'536) {
            return unprocessable("body");
        }
        if (body["labels"] && !body["labels"].is_array()) {
            return unprocessable("labels");
        }
        issues.push_back({title, body["body"].text()});
        for (JsonValue label : body["labels"]) {
            issues.back().labels.push_back(label.text());
        }
        return {201, show(issues.size(), issues.back())};
    }

    /* The newest first, and whatever was changed since. */
    LoopbackAnswer list(const LoopbackRequest &request)
    {
        if (request.parameters.at("state") != "all" || request.parameters.at("sort") != "created"
            || request.parameters.at("direction") != "desc" || !parse_timestamp(request.parameters.at("since")))
        {
            return unprocessable("state");
        }
        std::vector<std::string> all;
        for (std::size_t number = issues.size(); number > 0; number--) {
            all.push_back(show(number, issues[number - 1]));
        }
        return page(request, all);
    }

    static LoopbackAnswer change(std::size_t number, Issue &issue, JsonValue body)
    {
        std::string state = body["state"].text();
        std::string reason = body["state_reason"].text();
        if (state != "open" && state != "closed") {
            return unprocessable("state");
        }
        if (reason != (state == "open" ? "reopened" : "completed")) {
            return unprocessable("state_reason");
        }
        issue.state = state;
        issue.state_reason = reason;
        return {200, show(number, issue)};
    }

    static LoopbackAnswer comment(Issue &issue, JsonValue body)
    {
        if (body["body"].text().empty()) {
            return unprocessable("body");
        }
        issue.comments.push_back(body["body"].text());
        return {201, R"({"id":1})"};
    }

    static LoopbackAnswer comments(const LoopbackRequest &request, const Issue &issue)
    {
        std::vector<std::string> all;
        for (const std::string &text : issue.comments) {
            std::string shown;
            append_json_string(shown, text);
            all.push_back(R"({"body":)" + shown + R"(,"created_at":"2026-01-31T12:00:01Z"})");
        }
        return parse_timestamp(request.parameters.at("since")) ? page(request, all) : unprocessable("since");
    }
};

class TrackerGithub : public testing::Test {
protected:
    FakeGithub github;
    LoopbackServer server{[this](const LoopbackRequest &request) { return github.answer(request); }};
    TrackerSettings tracker{"github", server.origin() + "/acme/shop", 0, "ghp-1", "", R"({"labels":["errtrack","bug"]})"};

    Verdict verdict_for(LoopbackAnswer answer)
    {
        github.always = std::move(answer);
        outcome = tell(tracker, tracker_task(NoticeKind::create));
        return outcome.judgement.verdict;
    }

    TrackerOutcome outcome;
};

using Log = std::vector<std::string>;

TEST_F(TrackerGithub, CreatesAnIssue)
{
    outcome = tell(tracker, tracker_task(NoticeKind::create));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_EQ(outcome.reference, "1");
    EXPECT_EQ(outcome.url, "https://github.com/acme/shop/issues/1");
    ASSERT_EQ(github.issues.size(), 1u);
    EXPECT_EQ(github.issues[0].title, "ValueError: see #\u200b1, @\u200ball");
    EXPECT_EQ(github.issues[0].labels, (std::vector<std::string>{"errtrack", "bug"}));
    EXPECT_EQ(server.take_log(), Log{"POST /api/v3/repos/acme/shop/issues"});
}

TEST_F(TrackerGithub, DoesNotCreateTwiceWhatAnAnswerWasLostOf)
{
    github.issues = std::vector<FakeGithub::Issue>(5, {"old, and changed since"});
    for (FakeGithub::Issue &issue : github.issues) {
        issue.created_at = "2025-01-01T00:00:00Z";
    }
    github.fails_behind = true;
    outcome = tell(tracker, tracker_task(NoticeKind::create));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::again) << outcome.judgement.why;
    github.fails_behind = false;
    github.issues.insert(github.issues.end(), 40, {"of others"});
    server.take_log();
    outcome = tell(tracker, tracker_task(NoticeKind::create, "", 1));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_EQ(outcome.reference, "6");
    EXPECT_EQ(github.issues.size(), 46u);
    EXPECT_EQ(server.take_log(), Log(2, "GET /api/v3/repos/acme/shop/issues"));
}

TEST_F(TrackerGithub, LooksNoFurtherThanTheTimeOfTheFirstAttempt)
{
    github.issues = std::vector<FakeGithub::Issue>(500, {"old, and changed since"});
    for (FakeGithub::Issue &issue : github.issues) {
        issue.created_at = "2025-01-01T00:00:00Z";
    }
    outcome = tell(tracker, tracker_task(NoticeKind::create, "", 1));
    EXPECT_EQ(outcome.reference, "501") << outcome.judgement.why;
    EXPECT_EQ(server.take_log(), (Log{"GET /api/v3/repos/acme/shop/issues", "POST /api/v3/repos/acme/shop/issues"}));
}

TEST_F(TrackerGithub, ClosesAndReopensWithTheReason)
{
    github.issues = {{"one"}};
    outcome = tell(tracker, with_delivery(tracker_task(NoticeKind::close, "Acme/Shop#1"), "a1"));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_EQ(github.issues[0].state + " " + github.issues[0].state_reason, "closed completed");
    outcome = tell(tracker, with_delivery(tracker_task(NoticeKind::reopen, "1"), "a2"));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_EQ(github.issues[0].state + " " + github.issues[0].state_reason, "open reopened");
    ASSERT_EQ(github.issues[0].comments.size(), 2u);
    EXPECT_TRUE(github.issues[0].comments[0].starts_with("Resolved by `jo@example.com` in release `shop@1.2.1`"));
    EXPECT_TRUE(github.issues[0].comments[1].starts_with("Back with event `0123456789abcdef0123456789abcdef`"));
}

TEST_F(TrackerGithub, SaysWhyOnceHoweverOftenItTries)
{
    github.issues = {{"one"}};
    github.fails_behind = true;
    EXPECT_EQ(tell(tracker, tracker_task(NoticeKind::close, "1")).judgement.verdict, Verdict::again);
    EXPECT_EQ(tell(tracker, tracker_task(NoticeKind::close, "1", 1)).judgement.verdict, Verdict::again);
    github.fails_behind = false;
    EXPECT_EQ(tell(tracker, tracker_task(NoticeKind::close, "1", 2)).judgement.verdict, Verdict::delivered);
    EXPECT_EQ(github.issues[0].state, "closed");
    EXPECT_EQ(github.issues[0].comments.size(), 1u);
}

TEST_F(TrackerGithub, HasNothingToDoWhereTheIssueIsGoneOrOpenAlready)
{
    github.issues = {{"open"}, {"deleted"}, {"moved"}};
    github.issues[1].gone = 410;
    github.issues[2].gone = 301;
    for (const auto &[number, remark] : std::vector<std::pair<std::string, std::string>>{
             {"1", "#1 was open already"},
             {"2", "#2 is no longer there: there was nothing to do"},
             {"3", "#3 is no longer there: there was nothing to do"},
             {"4", "#4 is no longer there: there was nothing to do"}})
    {
        outcome = tell(tracker, tracker_task(NoticeKind::reopen, number));
        EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
        EXPECT_EQ(outcome.remark, remark);
    }
    tracker.url = server.origin() + "/acme/other";
    EXPECT_EQ(tell(tracker, tracker_task(NoticeKind::reopen, "4")).judgement.verdict, Verdict::channel_refused)
        << "the repository is gone";
}

TEST_F(TrackerGithub, ClosesNoPullRequest)
{
    github.issues = {{"a pull request"}};
    github.issues[0].pull_request = true;
    outcome = tell(tracker, tracker_task(NoticeKind::close, "1"));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::message_refused);
    EXPECT_NE(outcome.judgement.why.find("is a pull request"), std::string::npos) << outcome.judgement.why;
    EXPECT_EQ(github.issues[0].state, "open");
}

TEST_F(TrackerGithub, WaitsAsLongAsItsLimitsSay)
{
    auto now = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
    EXPECT_EQ(verdict_for({403, R"({"message":"You have exceeded a secondary rate limit."})", {"Retry-After: 90"}}), Verdict::again);
    EXPECT_EQ(outcome.judgement.after, std::chrono::seconds(90));
    EXPECT_EQ(verdict_for({429, R"({"message":"You have exceeded a secondary rate limit."})"}), Verdict::again);
    EXPECT_EQ(outcome.judgement.after, std::chrono::seconds(60)) << "a limit that it does not tell of";
    github.limits = R"({"resources":{"core":{"limit":5000,"remaining":0,"reset":)" + std::to_string(now.count() + 1800) + "}}}";
    EXPECT_EQ(verdict_for({403, R"({"message":"API rate limit exceeded for user ID 1."})"}), Verdict::again);
    ASSERT_TRUE(outcome.judgement.after);
    EXPECT_LE(*outcome.judgement.after, std::chrono::seconds(1800));
    EXPECT_GE(*outcome.judgement.after, std::chrono::seconds(1700));
    github.limits = "<html>";
    EXPECT_EQ(verdict_for({403, R"({"message":"API rate limit exceeded for user ID 1."})"}), Verdict::again);
    EXPECT_EQ(outcome.judgement.after, std::chrono::seconds(60));
}

TEST_F(TrackerGithub, TellsWhatIsWrongWithItAndChangesNothing)
{
    auto found = [this] { return tell(tracker, tracker_task(NoticeKind::test)).judgement.why; };
    EXPECT_EQ(found(), "");
    EXPECT_EQ(server.take_log(), Log{"GET /api/v3/repos/acme/shop"});
    github.about = R"({"has_issues":true,"archived":false,"permissions":{"push":false,"triage":true,"pull":true}})";
    EXPECT_EQ(found(), "");
    github.about = R"({"permissions":{"push":false,"triage":false,"pull":true}})";
    EXPECT_NE(found().find("may read acme/shop and not write its issues"), std::string::npos) << found();
    for (const char *about : {R"({"has_issues":false})", R"({"archived":true})"}) {
        github.about = about;
        EXPECT_NE(found().find("takes no issues"), std::string::npos) << found();
    }
    tracker.token = "ghp-old";
    EXPECT_NE(found().find("answers 401: the token is not known there"), std::string::npos) << found();
    EXPECT_TRUE(github.issues.empty());
}

TEST_F(TrackerGithub, JudgesAnswers)
{
    tracker.token = "ghp-old";
    EXPECT_EQ(tell(tracker, tracker_task(NoticeKind::create)).judgement.verdict, Verdict::channel_refused);
    EXPECT_EQ(verdict_for({403, R"({"message":"Resource not accessible by personal access token"})"}), Verdict::channel_refused);
    EXPECT_EQ(verdict_for({410, R"({"message":"Issues are disabled for this repo"})"}), Verdict::channel_refused);
    EXPECT_NE(outcome.judgement.why.find("Issues are disabled"), std::string::npos) << outcome.judgement.why;
    LoopbackAnswer moved{301, R"({"message":"Moved Permanently"})", {"Location: /repositories/9/issues"}};
    EXPECT_EQ(verdict_for(moved), Verdict::channel_refused);
    EXPECT_NE(outcome.judgement.why.find("redirects"), std::string::npos) << outcome.judgement.why;
    EXPECT_EQ(verdict_for({422, R"({"message":"Validation Failed","errors":[{"field":"title"}]})"}), Verdict::message_refused);
    EXPECT_NE(outcome.judgement.why.find(R"([{"field":"title"}])"), std::string::npos) << outcome.judgement.why;
    EXPECT_EQ(verdict_for({503, ""}), Verdict::again);
    EXPECT_EQ(verdict_for({200, "<html>"}), Verdict::channel_refused);
    EXPECT_EQ(verdict_for({201, R"({"number":1,"html_url":"javascript:1"})"}), Verdict::delivered);
    EXPECT_EQ(outcome.url, "") << "only what is an address is kept";
}

TEST_F(TrackerGithub, RefusesAddressesThatAreNoRepository)
{
    for (const char *path : {"", "/acme", "/acme/shop/issues", "/acme/..", "/acme/sh%20op"}) {
        tracker.url = server.origin() + path;
        outcome = tell(tracker, tracker_task(NoticeKind::create));
        EXPECT_EQ(outcome.judgement.verdict, Verdict::channel_refused) << path;
        EXPECT_NE(outcome.judgement.why.find("address of a repository"), std::string::npos) << outcome.judgement.why;
    }
    EXPECT_EQ(server.take_log(), Log{});
}

TEST_F(TrackerGithub, EndsWhenItIsToldTo)
{
    WebClientSettings settings;
    settings.guard = AddressGuard({"127.0.0.1"});
    WebClient client(settings);
    std::stop_source stop;
    stop.request_stop();
    outcome = tell_tracker(client, tracker, tracker_task(NoticeKind::create), stop.get_token());
    EXPECT_EQ(outcome.judgement.verdict, Verdict::again) << outcome.judgement.why;
    EXPECT_EQ(server.take_log(), Log{});
}

}
