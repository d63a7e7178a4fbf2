#include "worker/notice.hpp"

#include "worker/json.hpp"
#include "worker/repair.hpp"

#include <algorithm>
#include <array>

namespace errtrack {
namespace {

constexpr std::array<std::string_view, 12> words = {"new_issue", "regression", "unignored", "frequency", "spike", "quota_reached",
                                                    "behind", "digest", "test", "create", "close", "reopen"};

[[noreturn]] void refuse(const std::string &what)
{
    throw NoticeError("a notice " + what + ": errtrack-worker and the database are not of the same version, "
                      "migrate the database and restart the workers");
}

NoticeKind kind_of(std::string_view word)
{
    auto found = std::find(words.begin(), words.end(), word);
    if (found == words.end()) {
        refuse("is of an unknown kind, \"" + cut_with_dots(word, 64) + '"');
    }
    return static_cast<NoticeKind>(found - words.begin());
}

/* Texts that are too long, as JSON text; in the order of the document. */
void cut_texts(JsonValue value, std::vector<JsonEdit> &edits)
{
    if (value.is_string() && value.raw().size() > most_notice_text) {
        std::string text = value.text();
        JsonEdit edit{value.index(), ""};
        append_json_string(edit.text, cut_bytes(text, most_notice_text));
        edits.push_back(std::move(edit));
    }
    for (JsonValue child : value) {
        cut_texts(child, edits);
    }
}

std::int64_t id_of(JsonValue object, const char *whose)
{
    std::int64_t id = object["id"].integer().value_or(0);
    if (id <= 0) {
        refuse(std::string("does not name the id of its ") + whose);
    }
    return id;
}

Notice::Project read_project(JsonValue value)
{
    Notice::Project project;
    project.id = id_of(value, "project");
    project.slug = value["slug"].text();
    project.name = value["name"].text();
    project.organization = value["organization"].text();
    if (project.slug.empty() || project.organization.empty()) {
        refuse("does not name its project and the organization of it");
    }
    return project;
}

Notice::Issue read_issue(JsonValue value)
{
    Notice::Issue issue;
    issue.id = id_of(value, "issue");
    issue.short_id = value["short_id"].text();
    issue.title = value["title"].text();
    issue.culprit = value["culprit"].text();
    issue.level = value["level"].text();
    issue.type = value["type"].text();
    issue.value = value["value"].text();
    issue.platform = value["platform"].text();
    issue.status = value["status"].text();
    issue.events = value["events"].integer().value_or(0);
    issue.users = value["users"].integer().value_or(0);
    issue.first_seen = value["first_seen"].text();
    issue.last_seen = value["last_seen"].text();
    issue.first_release = value["first_release"].text();
    issue.last_release = value["last_release"].text();
    issue.assigned_to = value["assigned_to"].text();
    return issue;
}

Notice::Reason read_reason(JsonValue value)
{
    Notice::Reason reason;
    reason.resolved_at = value["resolved_at"].text();
    reason.resolved_by = value["resolved_by"].text();
    reason.resolved_in = value["resolved_in"].text();
    reason.ignored_at = value["ignored_at"].text();
    reason.ignored_by = value["ignored_by"].text();
    reason.until = value["until"].text();
    reason.hour = value["hour"].text();
    reason.events = value["events"].integer();
    reason.users = value["users"].integer();
    reason.minutes = value["minutes"].integer();
    reason.refused = value["refused"].integer();
    reason.seconds = value["seconds"].integer();
    reason.usual_per_hour = value["usual_per_hour"].number();
    return reason;
}

Notice::Digest read_digest(JsonValue value)
{
    Notice::Digest digest;
    digest.beyond = value["beyond"].integer().value_or(0);
    digest.muted = value["muted"].integer().value_or(0);
    for (JsonValue count : value["by_kind"]) {
        digest.by_kind.emplace_back(kind_of(count.key()), count.integer().value_or(0));
    }
    for (JsonValue issue : value["issues"]) {
        digest.issues.push_back({issue["short_id"].text(), issue["title"].text()});
    }
    digest.query = value["query"].text();
    return digest;
}

}

std::string_view word_of(NoticeKind kind)
{
    return words[static_cast<std::size_t>(kind)];
}

Notice read_notice(std::string_view json)
{
    std::string repaired;
    Json document;
    if (!document.parse(repair(json, repaired)) || !document.root().is_object()) {
        refuse("is no JSON object");
    }
    std::vector<JsonEdit> edits;
    cut_texts(document.root(), edits);
    document.splice(edits);

    JsonValue root = document.root();
    Notice notice;
    notice.kind = kind_of(root["kind"].text());
    notice.at = root["at"].text();
    notice.project = read_project(root["project"]);
    if (JsonValue rule = root["rule"]; rule.is_object()) {
        notice.rule = Notice::Rule{id_of(rule, "rule"), rule["name"].text()};
    }
    if (JsonValue issue = root["issue"]; issue.is_object()) {
        notice.issue = read_issue(issue);
    }
    if (JsonValue event = root["event"]; event.is_object()) {
        notice.event = Notice::Event{event["id"].text(), event["release"].text(), event["environment"].text()};
    }
    notice.reason = read_reason(root["reason"]);
    if (JsonValue digest = root["digest"]; digest.is_object()) {
        notice.digest = read_digest(digest);
    }
    notice.json = root.raw();
    return notice;
}

}
