#include "worker/tracker.hpp"

#include "worker/repair.hpp"
#include "worker/timestamp.hpp"
#include "worker/tracker_issues.hpp"
#include "worker/tracker_text.hpp"

#include <algorithm>

namespace errtrack {
namespace {

/* How far the clocks of here and there may be apart. */
constexpr std::int64_t skew = 3'600'000'000;

/* As many digits as a number may have that is compared to nothing. */
constexpr std::size_t most_digits = 18;

std::vector<std::string> labels_of(JsonValue value)
{
    std::vector<std::string> labels;
    for (JsonValue label : value) {
        labels.push_back(label.text());
    }
    bool each = std::none_of(labels.begin(), labels.end(), [](const std::string &label) {
        return trim(label).empty() || label.find(',') != label.npos;
    });
    if (value && (!value.is_array() || !each)) {
        refuse_tracker("the labels of its settings are no list of names without commas: write them like [\"bug\", \"errtrack\"]");
    }
    return labels;
}

/* The number of the issue in the tracker that the reference names. */
std::string number_of(const std::string &reference, const std::string &path)
{
    std::size_t end = reference.find_last_not_of("0123456789");
    std::size_t begin = end == reference.npos ? 0 : end + 1;
    std::string number = reference.substr(begin);
    std::string project = reference.substr(0, begin);
    project.resize(project.ends_with('#') ? project.size() - 1 : project.size());
    bool hash = begin == 0 || reference[begin - 1] == '#';
    if (!hash || number.empty() || number.size() > most_digits || number[0] == '0') {
        throw TrackerStop{{Verdict::message_refused, std::nullopt,
                           "\"" + cut_with_dots(reference, 200) + "\" names no issue: link one like #88 or " + path + "#88"}};
    }
    if (!project.empty() && lower(project) != lower(path)) {
        throw TrackerStop{{Verdict::message_refused, std::nullopt,
                           "\"" + cut_with_dots(reference, 200) + "\" is not of " + path
                               + ", the tracker of the project: close or open it there yourself"}};
    }
    return number;
}

TrackerOutcome create(IssueTracker &tracker, const TrackerTask &task, std::int64_t since)
{
    std::optional<TrackerIssue> made;
    if (task.attempts > 0) {
        made = tracker.find(tracker_mark(task.delivery), since);
    }
    bool found = made.has_value();
    if (!found) {
        made = tracker.create(tracker_title(task.notice, most_tracker_title), tracker_description(task.notice, task.delivery));
    }
    return {{}, made->number, made->url, found ? "an attempt before had created it" : ""};
}

/* The state is what counts: a comment that is not taken, since the discussion is locked, is no
 * reason to fail. */
TrackerOutcome set_state(IssueTracker &tracker, const TrackerTask &task, std::int64_t since)
{
    std::string number = number_of(task.reference, tracker.path());
    bool open = task.notice.kind == NoticeKind::reopen;
    std::optional<TrackerIssue> issue = tracker.get(number);
    TrackerOutcome outcome;
    if (!issue) {
        outcome.remark = "#" + number + " is no longer there: there was nothing to do";
        return outcome;
    }
    if (issue->open == open && task.attempts == 0) {
        outcome.remark = "#" + number + (open ? " was open already" : " was closed already");
        return outcome;
    }
    if (issue->open != open) {
        tracker.set_open(number, open);
    }
    try {
        if (task.attempts == 0 || !tracker.has_comment(number, tracker_mark(task.delivery), since)) {
            tracker.comment(number, tracker_comment(task.notice, task.delivery));
        }
    } catch (const TrackerStop &stop) {
        if (stop.judgement.verdict == Verdict::again) {
            throw;
        }
        outcome.remark = "there is no comment on #" + number + ": " + stop.judgement.why;
    }
    return outcome;
}

/* What it finds is about the test: whether other tasks succeed, they find out. */
TrackerOutcome check(IssueTracker &tracker)
{
    try {
        tracker.check();
        return {};
    } catch (TrackerStop &stop) {
        if (stop.judgement.verdict != Verdict::again) {
            stop.judgement.verdict = Verdict::message_refused;
        }
        throw;
    }
}

TrackerOutcome tell(WebClient &client, const TrackerSettings &tracker, const TrackerTask &task, const std::stop_token &stop)
{
    if (tracker.provider == "other") {
        return tell_other(client, tracker, task, stop);
    }
    if (tracker.provider != "gitlab" && tracker.provider != "github") {
        refuse_tracker("there are no trackers of " + tracker.provider + ": use gitlab, github or other");
    }
    if (tracker.token.empty()) {
        refuse_tracker("it has no token: give it one that may write issues");
    }
    std::unique_ptr<IssueTracker> issues = tracker.provider == "gitlab" ? make_gitlab(client, tracker, stop)
                                                                        : make_github(client, tracker, stop);
    if (task.notice.kind == NoticeKind::test) {
        return check(*issues);
    }
    std::int64_t since = parse_timestamp(task.notice.at).value_or(task.delivery.now * 1'000'000) - skew;
    return task.notice.kind == NoticeKind::create ? create(*issues, task, since) : set_state(*issues, task, since);
}

}

TrackerPlace place_of(const TrackerSettings &tracker)
{
    if (std::string fault = url_fault(tracker.url); !fault.empty()) {
        refuse_tracker("its address cannot be used: " + fault);
    }
    std::string url = tracker.url;
    url.erase(url.find_last_not_of('/') + 1);
    TrackerPlace place;
    std::size_t host = url.find("://") + 3;
    std::size_t end = std::min(url.find('/', host), url.size());
    place.origin = url.substr(0, end);
    place.host = lower(url.substr(host, end - host));
    place.path = url.substr(std::min(end + 1, url.size()));
    Json settings;
    if (!settings.parse(tracker.settings) || !settings.root().is_object()) {
        refuse_tracker("its settings are no JSON object: write them like {\"labels\": [\"errtrack\"]}");
    }
    JsonValue root = settings.root();
    place.labels = labels_of(root["labels"]);
    place.confidential = root["confidential"].boolean().value_or(false);
    place.api = root["api"].text();
    if (std::string fault = place.api.empty() ? "" : url_fault(place.api); !fault.empty()) {
        refuse_tracker("the api of its settings cannot be used: " + fault);
    }
    place.api.erase(place.api.find_last_not_of('/') + 1);
    return place;
}

std::size_t depth_of(std::string_view path)
{
    constexpr std::string_view known = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    std::size_t depth = 0;
    for (bool more = true; more; depth++) {
        std::string_view part = path.substr(0, path.find('/'));
        more = part.size() < path.size();
        path.remove_prefix(part.size() + more);
        // GitLab's pages of a project are below "-".
        if (part.find_first_not_of(known) != part.npos || part.find_first_not_of(".-") == part.npos) {
            return 0;
        }
    }
    return depth;
}

std::string kept_url(const std::string &url)
{
    constexpr std::size_t most = 1000;
    bool good = url_fault(url).empty() && url.size() <= most && url.find_first_of("\"<>") == url.npos;
    return good ? url : "";
}

std::string whole_seconds(std::int64_t time)
{
    return format_timestamp(time).substr(0, 19) + "Z";
}

TrackerOutcome tell_tracker(WebClient &client, const TrackerSettings &tracker, const TrackerTask &task,
                            const std::stop_token &stop)
{
    try {
        NoticeKind kind = task.notice.kind;
        bool known = kind == NoticeKind::create || kind == NoticeKind::close || kind == NoticeKind::reopen;
        bool can_check = kind == NoticeKind::test && tracker.provider != "other";
        if (!can_check && !(known && task.notice.issue)) {
            throw TrackerStop{{Verdict::message_refused, std::nullopt,
                               "trackers are told to create, close and reopen issues, and not of " + std::string(word_of(kind))}};
        }
        return tell(client, tracker, task, stop);
    } catch (const TrackerStop &stop_) {
        return {stop_.judgement, "", "", ""};
    }
}

}
