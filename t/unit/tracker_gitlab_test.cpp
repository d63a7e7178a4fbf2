/* Issues in GitLab: the dialogue with a server that takes and refuses what GitLab's does. */

#include "worker/json.hpp"
#include "worker/timestamp.hpp"

#include "t/unit/tracker_case.hpp"

#include <gtest/gtest.h>

#include <optional>

using namespace errtrack;

namespace {

/* A project of GitLab as https://docs.gitlab.com/api/issues/ and /api/notes/ tell of it. */
class FakeGitlab {
public:
    struct Issue {
        std::string title;
        std::string description;
        std::string labels = {};
        bool confidential = false;
        bool open = true;
        bool deleted = false;
        std::string created_at = "2026-01-31T12:00:01.000Z";
        std::vector<std::string> notes = {};
    };

    std::string path = "/api/v4/projects/acme%2Fshop";
    std::optional<LoopbackAnswer> always;       /* whatever is asked */
    bool fails_behind = false;                  /* does what it is told, and answers that it failed */
    bool locked = false;                        /* takes no notes */
    std::string project = R"({"id":7,"path_with_namespace":"acme/shop"})";
    std::string own_token;                      /* what it says of the token; empty: nothing */
    std::vector<Issue> issues;                  /* the first is number 1 */

    LoopbackAnswer answer(const LoopbackRequest &request)
    {
        if (always) {
            return *always;
        }
        auto token = request.headers.find("private-token");
        if (token == request.headers.end() || token->second != "glpat-1") {
            return {401, R"({"message":"401 Unauthorized"})"};
        }
        if (request.path == "/api/v4/personal_access_tokens/self" && !own_token.empty()) {
            return {200, own_token};
        }
        if (!request.path.starts_with(path)) {
            return {404, R"({"message":"404 Project Not Found"})"};
        }
        Json body;
        if (!request.body.empty()
            && (request.headers.at("content-type") != "application/json" || !body.parse(request.body)))
        {
            return {400, R"({"error":"The provided content-type or body is not supported"})"};
        }
        LoopbackAnswer answer = route(request, request.path.substr(path.size()), body.root());
        return fails_behind && request.method != "GET" ? LoopbackAnswer{502, "<html>Bad gateway</html>"} : answer;
    }

private:
    static std::string show(std::size_t number, const Issue &issue)
    {
        std::string description;
        append_json_string(description, issue.description);
        return R"({"id":)" + std::to_string(1000 + number) + R"(,"iid":)" + std::to_string(number) + R"(,"description":)"
               + description + R"(,"state":")" + (issue.open ? "opened" : "closed") + R"(","created_at":")" + issue.created_at
               + R"(","web_url":"https://gitlab.example.com/acme/shop/-/issues/)" + std::to_string(number) + R"("})";
    }

    /* A page of a list, once its parameters are what GitLab takes. */
    static LoopbackAnswer page(const LoopbackRequest &request, const std::vector<std::string> &all)
    {
        std::size_t size = std::stoul(request.parameters.at("per_page"));
        std::size_t number = std::stoul(request.parameters.at("page"));
        std::string list = "[";
        for (std::size_t i = (number - 1) * size; i < std::min(number * size, all.size()); i++) {
            list += (list.size() > 1 ? "," : "") + all[i];
        }
        return {size > 100 ? 400 : 200, list + "]"};
    }

    LoopbackAnswer route(const LoopbackRequest &request, const std::string &rest, JsonValue body)
    {
        if (rest.empty()) {
            return {200, project};
        }
        if (rest == "/issues") {
            return request.method == "POST" ? create(body) : list(request);
        }
        std::size_t number = std::stoul(rest.substr(std::string("/issues/").size()));
        if (number == 0 || number > issues.size() || issues[number - 1].deleted) {
            return {404, R"({"message":"404 Not found"})"};
        }
        Issue &issue = issues[number - 1];
        if (rest.ends_with("/notes")) {
            return request.method == "POST" ? note(issue, body) : notes(request, issue);
        }
        return request.method == "PUT" ? change(number, issue, body) : LoopbackAnswer{200, show(number, issue)};
    }

    LoopbackAnswer create(JsonValue body)
    {
        std::string title = body["title"].text();
        if (!body["title"].is_string()) {
            return {400, R"({"error":"title is missing"})"};
        }
        std::size_t characters = 0;
        for (char c : title) {
            characters += (c & 0xc0) != 0x80;
        }
        if (title.empty() || characters > 255) {
            return {400, R"({"message":{"title":["is too long - maximum is 255 characters"]}})"};
        }
        if (body["labels"] && !body["labels"].is_string() && !body["labels"].is_array()) {
            return {400, R"({"error":"labels is invalid"})"};
        }
        if (body["confidential"] && !body["confidential"].boolean()) {
            return {400, R"({"error":"confidential is invalid"})"};
        }
        bool confidential = body["confidential"].boolean().value_or(false);
        issues.push_back({title, body["description"].text(), body["labels"].text(), confidential});
        return {201, show(issues.size(), issues.back())};
    }

    LoopbackAnswer list(const LoopbackRequest &request)
    {
        std::optional<std::int64_t> after = parse_timestamp(request.parameters.at("created_after"));
        if (request.parameters.at("scope") != "created_by_me" || request.parameters.at("order_by") != "created_at"
            || request.parameters.at("sort") != "asc" || !after)
        {
            return {400, R"({"error":"scope does not have a valid value"})"};
        }
        std::vector<std::string> all;
        for (std::size_t number = 1; number <= issues.size(); number++) {
            if (parse_timestamp(issues[number - 1].created_at) > after) {
                all.push_back(show(number, issues[number - 1]));
            }
        }
        return page(request, all);
    }

    static LoopbackAnswer change(std::size_t number, Issue &issue, JsonValue body)
    {
        std::string event = body["state_event"].text();
        if (event != "close" && event != "reopen") {
            return {400, R"({"error":"state_event does not have a valid value"})"};
        }
        issue.open = event == "reopen";
        return {200, show(number, issue)};
    }

    LoopbackAnswer note(Issue &issue, JsonValue body)
    {
        if (body["body"].text().empty()) {
            return {400, R"({"error":"body is missing"})"};
        }
        if (locked) {
            return {403, R"({"message":"403 Forbidden"})"};
        }
        issue.notes.push_back(body["body"].text());
        return {201, R"({"id":1})"};
    }

    static LoopbackAnswer notes(const LoopbackRequest &request, const Issue &issue)
    {
        std::vector<std::string> all;
        for (const std::string &text : issue.notes) {
            std::string shown;
            append_json_string(shown, text);
            all.insert(all.begin(), R"({"body":)" + shown + R"(,"created_at":"2026-01-31T12:00:01Z"})");
        }
        return page(request, all);
    }
};

class TrackerGitlab : public testing::Test {
protected:
    FakeGitlab gitlab;
    LoopbackServer server{[this](const LoopbackRequest &request) { return gitlab.answer(request); }};
    TrackerSettings tracker{"gitlab", server.origin() + "/acme/shop", 0, "glpat-1", "", R"({"labels":["errtrack","bug"]})"};

    Verdict verdict_for(LoopbackAnswer answer, NoticeKind kind = NoticeKind::create)
    {
        gitlab.always = std::move(answer);
        outcome = tell(tracker, tracker_task(kind, "1"));
        return outcome.judgement.verdict;
    }

    TrackerOutcome outcome;
};

using Log = std::vector<std::string>;

TEST_F(TrackerGitlab, CreatesAnIssue)
{
    outcome = tell(tracker, tracker_task(NoticeKind::create));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_EQ(outcome.reference, "1");
    EXPECT_EQ(outcome.url, "https://gitlab.example.com/acme/shop/-/issues/1");
    ASSERT_EQ(gitlab.issues.size(), 1u);
    EXPECT_EQ(gitlab.issues[0].title, "ValueError: see #\u200b1, @\u200ball");
    EXPECT_EQ(gitlab.issues[0].labels, "errtrack,bug");
    EXPECT_FALSE(gitlab.issues[0].confidential);
    EXPECT_EQ(server.take_log(), Log{"POST /api/v4/projects/acme%2Fshop/issues"});
}

TEST_F(TrackerGitlab, CreatesAConfidentialIssueInAProjectThatIsKnownByItsId)
{
    gitlab.path = "/api/v4/projects/7";
    tracker.external_id = 7;
    tracker.settings = R"({"confidential":true})";
    outcome = tell(tracker, tracker_task(NoticeKind::create));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    ASSERT_EQ(gitlab.issues.size(), 1u);
    EXPECT_TRUE(gitlab.issues[0].confidential);
    EXPECT_EQ(gitlab.issues[0].labels, "");
}

TEST_F(TrackerGitlab, FindsTheProjectOfAGitlabThatLivesUnderAPath)
{
    gitlab.path = "/git/lab/api/v4/projects/acme%2Fteam%2Fshop";
    tracker.url = server.origin() + "/git/lab/acme/team/shop";
    tracker.settings = R"({"api":")" + server.origin() + R"(/git/lab/api/v4/"})";
    outcome = tell(tracker, tracker_task(NoticeKind::create));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_EQ(gitlab.issues.size(), 1u);
}

TEST_F(TrackerGitlab, DoesNotCreateTwiceWhatAnAnswerWasLostOf)
{
    gitlab.issues = std::vector<FakeGitlab::Issue>(45, {"of others", "text"});
    gitlab.issues[3].created_at = "2026-01-01T00:00:00Z";
    gitlab.fails_behind = true;
    outcome = tell(tracker, tracker_task(NoticeKind::create));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::again) << outcome.judgement.why;
    EXPECT_EQ(gitlab.issues.size(), 46u);
    gitlab.fails_behind = false;
    server.take_log();
    outcome = tell(tracker, tracker_task(NoticeKind::create, "", 1));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_EQ(outcome.reference, "46");
    EXPECT_EQ(outcome.url, "https://gitlab.example.com/acme/shop/-/issues/46");
    EXPECT_EQ(gitlab.issues.size(), 46u);
    EXPECT_EQ(server.take_log(), Log(3, "GET /api/v4/projects/acme%2Fshop/issues")) << "it is on the third page";
}

TEST_F(TrackerGitlab, CreatesWhatAnAttemptBeforeDidNot)
{
    gitlab.issues = {{"of another delivery", "text <!-- errtrack delivery 018f2a6e-0000-7d20-9b7e-5a3c1e0f4b99 -->"}};
    outcome = tell(tracker, tracker_task(NoticeKind::create, "", 3));
    EXPECT_EQ(outcome.reference, "2") << outcome.judgement.why;
    EXPECT_EQ(gitlab.issues.size(), 2u);
}

TEST_F(TrackerGitlab, ClosesAndReopensWithTheReason)
{
    gitlab.issues = {{"one", ""}};
    outcome = tell(tracker, with_delivery(tracker_task(NoticeKind::close, "acme/shop#1"), "a1"));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_FALSE(gitlab.issues[0].open);
    ASSERT_EQ(gitlab.issues[0].notes.size(), 1u);
    EXPECT_EQ(gitlab.issues[0].notes[0],
              "Resolved by `jo@example.com` in release `shop@1.2.1`: "
              "[`SHOP-1A`](https://errors.example.com/acme/shop/issues/42/) of errtrack.\n\n<!-- errtrack delivery a1 -->\n");
    outcome = tell(tracker, with_delivery(tracker_task(NoticeKind::reopen, "#1"), "a2"));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_TRUE(gitlab.issues[0].open);
    ASSERT_EQ(gitlab.issues[0].notes.size(), 2u);
    EXPECT_TRUE(gitlab.issues[0].notes[1].starts_with("Back with event `0123456789abcdef0123456789abcdef`"));
}

TEST_F(TrackerGitlab, LeavesAnIssueAloneThatIsClosedAlready)
{
    gitlab.issues = {{"one", ""}};
    gitlab.issues[0].open = false;
    outcome = tell(tracker, tracker_task(NoticeKind::close, "1"));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered);
    EXPECT_EQ(outcome.remark, "#1 was closed already");
    EXPECT_EQ(server.take_log(), Log{"GET /api/v4/projects/acme%2Fshop/issues/1"});
}

TEST_F(TrackerGitlab, SaysWhyOnceHoweverOftenItTries)
{
    gitlab.issues = {{"one", ""}};
    gitlab.fails_behind = true;
    outcome = tell(tracker, tracker_task(NoticeKind::close, "1"));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::again) << "closes, and does not know";
    outcome = tell(tracker, tracker_task(NoticeKind::close, "1", 1));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::again) << "tells why, and does not know";
    gitlab.fails_behind = false;
    outcome = tell(tracker, tracker_task(NoticeKind::close, "1", 2));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_FALSE(gitlab.issues[0].open);
    EXPECT_EQ(gitlab.issues[0].notes.size(), 1u);
}

TEST_F(TrackerGitlab, ClosesWhatTakesNoNotes)
{
    gitlab.issues = {{"one", ""}};
    gitlab.locked = true;
    outcome = tell(tracker, tracker_task(NoticeKind::close, "1"));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_FALSE(gitlab.issues[0].open);
    EXPECT_NE(outcome.remark.find("there is no comment on #1"), std::string::npos) << outcome.remark;
}

TEST_F(TrackerGitlab, HasNothingToDoWhereTheIssueIsGone)
{
    gitlab.issues = {{"one", ""}};
    gitlab.issues[0].deleted = true;
    outcome = tell(tracker, tracker_task(NoticeKind::close, "1"));
    EXPECT_EQ(outcome.judgement.verdict, Verdict::delivered) << outcome.judgement.why;
    EXPECT_EQ(outcome.remark, "#1 is no longer there: there was nothing to do");
}

TEST_F(TrackerGitlab, TellsAProjectThatIsGoneFromAnIssue)
{
    tracker.url = server.origin() + "/acme/other";
    for (NoticeKind kind : {NoticeKind::create, NoticeKind::close}) {
        outcome = tell(tracker, tracker_task(kind, "1"));
        EXPECT_EQ(outcome.judgement.verdict, Verdict::channel_refused);
        EXPECT_NE(outcome.judgement.why.find("404 Project Not Found"), std::string::npos) << outcome.judgement.why;
    }
}

TEST_F(TrackerGitlab, RefusesReferencesThatAreNotOfItsProject)
{
    for (const char *reference : {"", "#", "0", "08", "x", "88x", "!88", "acme/shop!88", "acme/shop88", "acme/other#88", "#-1",
                                  "9999999999999999999", "1/../../2", "https://gitlab.example.com/acme/shop/-/issues/88"})
    {
        outcome = tell(tracker, tracker_task(NoticeKind::close, reference));
        EXPECT_EQ(outcome.judgement.verdict, Verdict::message_refused) << reference;
        EXPECT_NE(outcome.judgement.why.find(std::string("\"") + reference + "\""), std::string::npos) << outcome.judgement.why;
    }
    EXPECT_EQ(server.take_log(), Log{}) << "nobody is asked";
}

TEST_F(TrackerGitlab, TellsWhatIsWrongWithItAndChangesNothing)
{
    auto found = [this] {
        TrackerTask task = tracker_task(NoticeKind::test);
        task.notice.issue.reset();
        outcome = tell(tracker, task);
        EXPECT_NE(outcome.judgement.verdict, Verdict::channel_refused) << "a test parks nothing";
        return outcome.judgement.why;
    };
    auto said = [](const std::string &why, const char *part) { return why.find(part) != why.npos; };
    EXPECT_EQ(found(), "");
    EXPECT_EQ(server.take_log(), (Log{"GET /api/v4/projects/acme%2Fshop", "GET /api/v4/personal_access_tokens/self"}));
    gitlab.own_token = R"({"scopes":["read_api"]})";
    EXPECT_TRUE(said(found(), "no scope api")) << found();
    gitlab.own_token = R"({"scopes":["read_api","api"]})";
    EXPECT_EQ(found(), "");
    for (const char *rights : {R"("project_access":{"access_level":30},"group_access":null)", R"("project_access":{"access_level":10},"group_access":{"access_level":20})",
                               R"("project_access":null,"group_access":null)"}) {
        gitlab.project = std::string(R"({"path_with_namespace":"acme/shop","archived":false,"issues_enabled":true,"permissions":{)") + rights + "}}";
        EXPECT_EQ(found(), "") << rights;
    }
    gitlab.project = R"({"path_with_namespace":"acme/shop","permissions":{"project_access":{"access_level":10},"group_access":null}})";
    EXPECT_TRUE(said(found(), "too low to close issues: give it the role reporter")) << found();
    gitlab.project = R"({"path_with_namespace":"acme/shop","issues_enabled":false})";
    EXPECT_TRUE(said(found(), "takes no issues")) << found();
    gitlab.project = R"({"path_with_namespace":"acme/other"})";
    EXPECT_TRUE(said(found(), "the project there is acme/other, and not acme/shop")) << found();
    tracker.token = "glpat-old";
    EXPECT_TRUE(said(found(), "answers 401: the token is not known there, or has expired")) << found();
    tracker.token = "glpat-1";
    tracker.url = server.origin() + "/acme/nothing";
    EXPECT_TRUE(said(found(), "answers 404: the project is not at this address, or the token does not see it")) << found();
    EXPECT_EQ(verdict_for({503, ""}, NoticeKind::test), Verdict::again);
}

TEST_F(TrackerGitlab, JudgesAnswers)
{
    tracker.token = "glpat-old";
    EXPECT_EQ(tell(tracker, tracker_task(NoticeKind::create)).judgement.verdict, Verdict::channel_refused);
    EXPECT_EQ(verdict_for({403, R"({"error":"insufficient_scope","error_description":"too little"})"}), Verdict::channel_refused);
    EXPECT_NE(outcome.judgement.why.find("insufficient_scope"), std::string::npos) << outcome.judgement.why;
    EXPECT_EQ(verdict_for({429, "Retry later\n", {"Retry-After: 77"}}), Verdict::again);
    EXPECT_EQ(outcome.judgement.after, std::chrono::seconds(77));
    EXPECT_EQ(verdict_for({500, R"({"message":"500 Internal Server Error"})"}), Verdict::again);
    EXPECT_EQ(verdict_for({503, "<html>", {"Retry-After: 5"}}), Verdict::again);
    EXPECT_EQ(outcome.judgement.after, std::chrono::seconds(5));
    EXPECT_EQ(verdict_for({400, R"({"message":{"title":["can't be blank"]}})"}), Verdict::message_refused);
    EXPECT_NE(outcome.judgement.why.find("can't be blank"), std::string::npos) << outcome.judgement.why;
    EXPECT_EQ(verdict_for({302, "", {"Location: https://gitlab.example.com/users/sign_in"}}), Verdict::channel_refused);
    EXPECT_EQ(verdict_for({200, "<html>Please sign in</html>"}), Verdict::channel_refused);
    EXPECT_NE(outcome.judgement.why.find("not with JSON"), std::string::npos) << outcome.judgement.why;
    EXPECT_EQ(verdict_for({201, R"({"name":"something else"})"}), Verdict::channel_refused);
    EXPECT_EQ(verdict_for({404, "<html>nginx</html>"}, NoticeKind::close), Verdict::channel_refused) << "no GitLab at all";
    for (std::string text : {"\x1b[31mred\x1b[0m\r\nSet-Cookie: a", "\u202ebackwards"}) {
        std::string json = "{\"message\":";
        append_json_string(json, text);
        verdict_for({400, json + "}"});
        EXPECT_EQ(outcome.judgement.why.find_first_of("\x1b\r\n"), std::string::npos) << outcome.judgement.why;
        EXPECT_EQ(outcome.judgement.why.find("\u202e"), std::string::npos) << outcome.judgement.why;
    }
}

TEST_F(TrackerGitlab, RefusesSettingsThatCannotWork)
{
    const std::vector<std::pair<TrackerSettings, std::string>> table = {
        {{"jira", tracker.url, 0, "t", "", "{}"}, "use gitlab, github or other"},
        {{"gitlab", tracker.url, 0, "", "", "{}"}, "has no token"},
        {{"gitlab", tracker.url, 0, "a\r\nHost: b", "", "{}"}, "header"},
        {{"gitlab", "ftp://gitlab.example.com/acme/shop", 0, "t", "", "{}"}, "http"},
        {{"gitlab", "https://gitlab.example.com", 0, "t", "", "{}"}, "address of a project"},
        {{"gitlab", "https://gitlab.example.com/acme", 0, "t", "", "{}"}, "address of a project"},
        {{"gitlab", "https://gitlab.example.com/acme/../shop", 0, "t", "", "{}"}, "address of a project"},
        {{"gitlab", "https://gitlab.example.com/acme/shop/-/issues", 0, "t", "", "{}"}, "address of a project"},
        {{"gitlab", "https://gitlab.example.com/acme/shop?a=b", 0, "t", "", "{}"}, "address of a project"},
        {{"gitlab", tracker.url, 0, "t", "", "[]"}, "no JSON object"},
        {{"gitlab", tracker.url, 0, "t", "", R"({"labels":"bug"})"}, "labels"},
        {{"gitlab", tracker.url, 0, "t", "", R"({"labels":["a,b"]})"}, "labels"},
        {{"gitlab", tracker.url, 0, "t", "", R"({"labels":[1]})"}, "labels"},
        {{"gitlab", tracker.url, 0, "t", "", R"({"api":"https://gitlab.example.com/"})"}, "/api/v4"},
        {{"gitlab", tracker.url, 0, "t", "", R"({"api":"gitlab.example.com/api/v4"})"}, "api of its settings"},
    };
    for (const auto &[settings, words] : table) {
        outcome = tell(settings, tracker_task(NoticeKind::create));
        EXPECT_EQ(outcome.judgement.verdict, Verdict::channel_refused) << settings.url << " " << settings.settings;
        EXPECT_NE(outcome.judgement.why.find(words), std::string::npos) << outcome.judgement.why;
    }
    EXPECT_EQ(server.take_log(), Log{});
}

TEST_F(TrackerGitlab, IsToldOfNothingElse)
{
    for (NoticeKind kind : {NoticeKind::regression, NoticeKind::digest, NoticeKind::new_issue}) {
        EXPECT_EQ(tell(tracker, tracker_task(kind, "1")).judgement.verdict, Verdict::message_refused);
    }
    TrackerTask task = tracker_task(NoticeKind::create);
    task.notice.issue.reset();
    EXPECT_EQ(tell(tracker, task).judgement.verdict, Verdict::message_refused);
    EXPECT_EQ(server.take_log(), Log{});
}

TEST_F(TrackerGitlab, IsGuarded)
{
    WebClient client({});
    outcome = tell_tracker(client, tracker, tracker_task(NoticeKind::create), std::stop_token());
    EXPECT_NE(outcome.judgement.verdict, Verdict::delivered);
    EXPECT_EQ(server.take_log(), Log{}) << "nothing was sent to loopback";
}

}
