#include "worker/item.hpp"
#include "worker/repair.hpp"
#include "worker/tracker_issues.hpp"

#include <algorithm>

namespace errtrack {
namespace {

constexpr std::string_view api_suffix = "/api/v4";

/* A planner, which knows of issues what a reporter does. */
constexpr std::int64_t least_level = 15;

/*
 * A repeated create looks through the issues that the owner of the token made since. GitLab's
 * search would not find the mark: its index is a tsvector of PostgreSQL, whose parser takes an
 * HTML comment for a tag and leaves it out.
 */
class GitlabIssues : public IssueTracker {
public:
    GitlabIssues(WebClient &client, const TrackerSettings &tracker, const std::stop_token &stop)
        : place_(place_of(tracker)), path_(path_of(place_)),
          api_(client, stop, "GitLab at " + place_.host, {"PRIVATE-TOKEN: " + tracker.token, "Content-Type: application/json"})
    {
        std::string api = place_.api.empty() ? place_.origin + std::string(api_suffix) : place_.api;
        own_token_ = api + "/personal_access_tokens/self";
        project_ = api + "/projects/" + (tracker.external_id > 0 ? std::to_string(tracker.external_id) : encoded(path_));
    }

    const std::string &path() const override { return path_; }

    void check() override
    {
        Json answer;
        api_.ask(WebRequest::Method::get, project_, "", answer);
        JsonValue project = answer.root();
        std::string path = project["path_with_namespace"].text();
        if (!path.empty() && lower(path) != lower(path_)) {
            refuse_tracker("the project there is " + path + ", and not " + path_ + ": set its address and its id to the same one");
        }
        if (project["archived"].boolean() == true || project["issues_enabled"].boolean() == false) {
            refuse_tracker(path_ + " takes no issues: it is archived, or issues are switched off in its settings");
        }
        std::int64_t level = 0;
        for (std::string_view of : {"project_access", "group_access"}) {
            level = std::max(level, project["permissions"][of]["access_level"].integer().value_or(0));
        }
        if (level > 0 && level < least_level) {
            refuse_tracker("the role of the token in " + path_ + " is too low to close issues: give it the role reporter");
        }
        // Older versions of GitLab do not say, and some tokens may not ask.
        Json token;
        if (api_.ask(WebRequest::Method::get, own_token_, "", token, {400, 401, 403, 404, 405}) < 300 && token.root()["scopes"].is_array()) {
            bool writes = false;
            for (JsonValue scope : token.root()["scopes"]) {
                writes = writes || scope.text() == "api";
            }
            if (!writes) {
                refuse_tracker("the token has no scope api: with the ones that it has it may not write issues");
            }
        }
    }

    TrackerIssue create(const std::string &title, const std::string &text) override
    {
        JsonObject body;
        body.text("title", title).text("description", text).text("labels", joined_labels());
        body.raw("confidential", place_.confidential ? "true" : "");
        Json answer;
        api_.ask(WebRequest::Method::post, project_ + "/issues", body.done(), answer);
        return read(answer.root());
    }

    std::optional<TrackerIssue> find(std::string_view mark, std::int64_t since) override
    {
        TrackerList list{project_ + "/issues?scope=created_by_me&order_by=created_at&sort=asc&per_page=20&created_after="
                             + whole_seconds(since),
                         "description", 20, since};
        Json page;
        JsonValue found = api_.find(list, mark, page);
        return found ? std::optional(read(found)) : std::nullopt;
    }

    std::optional<TrackerIssue> get(const std::string &number) override
    {
        Json answer;
        if (api_.ask(WebRequest::Method::get, issue(number), "", answer, {404}) != 404) {
            return read(answer.root());
        }
        // Nobody may know of a project that the token does not see: ends the task.
        api_.ask(WebRequest::Method::get, project_, "", answer);
        return {};
    }

    void set_open(const std::string &number, bool open) override
    {
        std::string body = JsonObject().text("state_event", open ? "reopen" : "close").done();
        Json answer;
        api_.ask(WebRequest::Method::put, issue(number), body, answer);
    }

    void comment(const std::string &number, const std::string &text) override
    {
        Json answer;
        api_.ask(WebRequest::Method::post, issue(number) + "/notes", JsonObject().text("body", text).done(), answer);
    }

    bool has_comment(const std::string &number, std::string_view mark, std::int64_t since) override
    {
        TrackerList list{issue(number) + "/notes?order_by=created_at&sort=desc&per_page=50", "body", 50, since};
        Json page;
        return static_cast<bool>(api_.find(list, mark, page));
    }

private:
    /* What stands behind the address of GitLab itself, which may have a path. */
    static std::string path_of(const TrackerPlace &place)
    {
        if (!place.api.empty() && !place.api.ends_with(api_suffix)) {
            refuse_tracker("the api of its settings does not end with /api/v4: name it like "
                           "https://example.com/gitlab/api/v4");
        }
        std::string root = place.api.substr(0, place.api.rfind(api_suffix)) + "/";
        std::string url = place.origin + "/" + place.path;
        std::string path = !place.api.empty() && url.starts_with(root) ? url.substr(root.size()) : place.path;
        if (depth_of(path) < 2) {
            refuse_tracker("\"" + url + "\" is not the address of a project of GitLab: name one like "
                           "https://gitlab.example.com/acme/shop");
        }
        return path;
    }

    static std::string encoded(const std::string &path)
    {
        std::string out;
        for (char c : path) {
            out.append(c == '/' ? "%2F" : std::string(1, c));
        }
        return out;
    }

    /* All versions of GitLab take them so. */
    std::string joined_labels() const
    {
        std::string labels;
        for (const std::string &label : place_.labels) {
            labels.append(labels.empty() ? "" : ",").append(label);
        }
        return labels;
    }

    std::string issue(const std::string &number) const { return project_ + "/issues/" + number; }

    static TrackerIssue read(JsonValue said)
    {
        std::optional<std::int64_t> number = said["iid"].integer();
        if (!number) {
            refuse_tracker("an answer of GitLab lacks the number of the issue: its API is not at this address");
        }
        return {std::to_string(*number), kept_url(said["web_url"].text()), said["state"].text() != "closed"};
    }

    const TrackerPlace place_;
    const std::string path_;
    TrackerApi api_;
    std::string project_;
    std::string own_token_;
};

}

std::unique_ptr<IssueTracker> make_gitlab(WebClient &client, const TrackerSettings &tracker, const std::stop_token &stop)
{
    return std::make_unique<GitlabIssues>(client, tracker, stop);
}

}
