#include "worker/item.hpp"
#include "worker/tracker_issues.hpp"

namespace errtrack {
namespace {

/* Of github.com and of the hosts of its companies under ghe.com, else of a server of one's own. */
std::string api_of(const TrackerPlace &place)
{
    if (!place.api.empty()) {
        return place.api;
    }
    if (place.host == "github.com" || place.host.ends_with(".ghe.com")) {
        return "https://api." + place.host;
    }
    return place.origin + "/api/v3";
}

/* A repeated create looks through the issues that were made since: the index behind GitHub's
 * search comes after them by seconds or minutes. */
class GithubIssues : public IssueTracker {
public:
    GithubIssues(WebClient &client, const TrackerSettings &tracker, const std::stop_token &stop)
        : place_(place_of(tracker)), repository_(api_of(place_) + "/repos/" + place_.path),
          api_(client, stop, "GitHub at " + place_.host,
               {"Authorization: Bearer " + tracker.token, "Accept: application/vnd.github+json", "X-GitHub-Api-Version: 2022-11-28",
                "Content-Type: application/json"},
               api_of(place_) + "/rate_limit")
    {
        if (depth_of(place_.path) != 2) {
            refuse_tracker("\"" + tracker.url + "\" is not the address of a repository of GitHub: name one like "
                           "https://github.com/acme/shop");
        }
    }

    const std::string &path() const override { return place_.path; }

    void check() override
    {
        Json answer;
        api_.ask(WebRequest::Method::get, repository_, "", answer);
        JsonValue repository = answer.root();
        if (repository["archived"].boolean() == true || repository["has_issues"].boolean() == false) {
            refuse_tracker(place_.path + " takes no issues: it is archived, or issues are switched off in its settings");
        }
        JsonValue may = repository["permissions"];
        if (may["triage"].boolean() != true && may["push"].boolean() == false) {
            refuse_tracker("the token may read " + place_.path + " and not write its issues: give it read and write access to them");
        }
    }

    TrackerIssue create(const std::string &title, const std::string &text) override
    {
        std::string labels = "[";
        for (const std::string &label : place_.labels) {
            labels += labels.size() == 1 ? "" : ",";
            append_json_string(labels, label);
        }
        JsonObject body;
        body.text("title", title).text("body", text).raw("labels", labels + "]");
        Json answer;
        api_.ask(WebRequest::Method::post, repository_ + "/issues", body.done(), answer);
        return read(answer.root());
    }

    std::optional<TrackerIssue> find(std::string_view mark, std::int64_t since) override
    {
        TrackerList list{repository_ + "/issues?state=all&sort=created&direction=desc&per_page=30&since=" + whole_seconds(since),
                         "body", 30, since};
        Json page;
        JsonValue found = api_.find(list, mark, page);
        return found ? std::optional(read(found)) : std::nullopt;
    }

    std::optional<TrackerIssue> get(const std::string &number) override
    {
        Json answer;
        // 301: it was moved to another repository, or all of this one is at another address.
        long status = api_.ask(WebRequest::Method::get, issue(number), "", answer, {301, 404, 410});
        if (status >= 300) {
            api_.ask(WebRequest::Method::get, repository_, "", answer);
            return {};
        }
        if (answer.root()["pull_request"]) {
            throw TrackerStop{{Verdict::message_refused, std::nullopt,
                               "#" + number + " of " + place_.path + " is a pull request: link the issue instead"}};
        }
        return read(answer.root());
    }

    void set_open(const std::string &number, bool open) override
    {
        JsonObject body;
        body.text("state", open ? "open" : "closed").text("state_reason", open ? "reopened" : "completed");
        Json answer;
        api_.ask(WebRequest::Method::patch, issue(number), body.done(), answer);
    }

    void comment(const std::string &number, const std::string &text) override
    {
        Json answer;
        api_.ask(WebRequest::Method::post, issue(number) + "/comments", JsonObject().text("body", text).done(), answer);
    }

    bool has_comment(const std::string &number, std::string_view mark, std::int64_t since) override
    {
        TrackerList list{issue(number) + "/comments?per_page=100&since=" + whole_seconds(since), "body", 100, since};
        Json page;
        return static_cast<bool>(api_.find(list, mark, page));
    }

private:
    std::string issue(const std::string &number) const { return repository_ + "/issues/" + number; }

    static TrackerIssue read(JsonValue said)
    {
        std::optional<std::int64_t> number = said["number"].integer();
        if (!number) {
            refuse_tracker("an answer of GitHub lacks the number of the issue: its API is not at this address");
        }
        return {std::to_string(*number), kept_url(said["html_url"].text()), said["state"].text() != "closed"};
    }

    const TrackerPlace place_;
    const std::string repository_;
    TrackerApi api_;
};

}

std::unique_ptr<IssueTracker> make_github(WebClient &client, const TrackerSettings &tracker, const std::stop_token &stop)
{
    return std::make_unique<GithubIssues>(client, tracker, stop);
}

}
