#include "worker/notice_text.hpp"

#include "worker/markup.hpp"
#include "worker/timestamp.hpp"

#include <algorithm>
#include <cmath>

namespace errtrack {
namespace {

/* In characters. */
constexpr std::size_t most_name = 100;
constexpr std::size_t most_value = 200;
constexpr std::size_t most_culprit = 300;
constexpr std::size_t most_title = 500;
constexpr std::size_t most_happened = 400;
constexpr std::size_t most_subject = 250;
constexpr std::size_t most_lines = 16;

std::string line_of(std::string_view text, std::size_t most)
{
    return inert(text, Markup::none, most);
}

/* 1,234,567 */
std::string grouped(std::int64_t number)
{
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > (number < 0 ? 4u : 3u); at -= 3) {
        digits.insert(at - 3, 1, ',');
    }
    return digits;
}

std::string counted(std::int64_t count, const std::string &one, const std::string &many)
{
    return grouped(count) + ' ' + (count == 1 ? one : many);
}

/* 2026-01-31 12:00 UTC */
std::string time_of_day(const std::string &time)
{
    std::optional<std::int64_t> parsed = parse_timestamp(time);
    if (!parsed) {
        return line_of(time, most_value);
    }
    std::string text = format_timestamp(*parsed);
    return text.replace(10, 1, " ").substr(0, 16) + " UTC";
}

/* A part of a sentence, if there is what it is about. */
std::string part(const std::string &before, std::string_view value)
{
    std::string text = line_of(value, most_value);
    return text.empty() ? "" : before + text;
}

std::string span(std::int64_t minutes)
{
    return minutes % 60 == 0 && minutes > 60 ? counted(minutes / 60, "hour", "hours") : counted(minutes, "minute", "minutes");
}

std::string new_issue(const Notice &notice)
{
    std::string level = notice.issue ? notice.issue->level : "";
    if (level == "fatal") {
        return "New fatal error";
    }
    if (level == "warning" || level == "info" || level == "debug") {
        return level == "warning" ? "New warning" : "New message";
    }
    return "New error";
}

std::string resolving(const Notice::Reason &reason)
{
    return "resolved" + part(" in ", reason.resolved_in) + part(" by ", reason.resolved_by)
           + (reason.resolved_at.empty() ? "" : " on " + time_of_day(reason.resolved_at));
}

std::string unignored(const Notice::Reason &reason)
{
    std::string text = "Back after it was ignored" + part(" by ", reason.ignored_by);
    if (reason.events) {
        return text + ": seen " + counted(*reason.events, "time", "times") + " by now";
    }
    if (reason.users) {
        return text + ": " + counted(*reason.users, "user", "users") + " met it by now";
    }
    return reason.until.empty() ? text : text + " until " + time_of_day(reason.until);
}

std::string frequency(const Notice::Reason &reason)
{
    std::string text = "Seen";
    if (reason.events) {
        text += ' ' + counted(*reason.events, "time", "times");
    }
    if (reason.users) {
        text += " by " + counted(*reason.users, "user", "users");
    }
    if (!reason.events && !reason.users) {
        text += " often";
    }
    return reason.minutes ? text + " in " + span(*reason.minutes) : text;
}

/* The usual count is so small or so large that its fraction says something, or not. */
std::string usual(double per_hour)
{
    double tenths = std::round(per_hour * 10);
    if (tenths >= 100 || std::fmod(tenths, 10) == 0) {
        return grouped(std::llround(per_hour));
    }
    std::string text = std::to_string(static_cast<int>(tenths));
    return (text.size() < 2 ? "0" : text.substr(0, text.size() - 1)) + '.' + text.back();
}

std::string spike(const Notice::Reason &reason)
{
    constexpr double most_usual = 1e15;
    std::string text = "More than usual";
    bool both = reason.events && reason.minutes && *reason.minutes > 0;
    bool compared = reason.usual_per_hour && *reason.usual_per_hour > 0 && *reason.usual_per_hour < most_usual;
    if (both && compared) {
        double times = static_cast<double>(*reason.events) * 60 / static_cast<double>(*reason.minutes) / *reason.usual_per_hour;
        if (times >= 2 && times < most_usual) {
            text = grouped(std::llround(times)) + " times as many as usual";
        }
    }
    if (both) {
        text += ": " + counted(*reason.events, "event", "events") + " in " + span(*reason.minutes);
        text += compared ? ", usually " + usual(*reason.usual_per_hour) + " an hour" : "";
    }
    return text;
}

std::string quota_reached(const Notice::Reason &reason)
{
    std::string text = "Quota reached";
    if (reason.refused) {
        text += ": " + counted(*reason.refused, "report", "reports") + " refused";
    }
    return reason.hour.empty() ? text : text + " in the hour from " + time_of_day(reason.hour);
}

std::string behind(const Notice::Reason &reason)
{
    std::string text = "Reports are filed late";
    if (!reason.seconds) {
        return text;
    }
    return text + ": they wait "
           + (*reason.seconds < 120 ? counted(*reason.seconds, "second", "seconds") : span(*reason.seconds / 60));
}

std::string happened(const Notice &notice)
{
    const Notice::Reason &reason = notice.reason;
    switch (notice.kind) {
    case NoticeKind::new_issue:
    case NoticeKind::create:
        return new_issue(notice);
    case NoticeKind::regression:
    case NoticeKind::reopen:
        return "Back after it was " + resolving(reason);
    case NoticeKind::close: {
        std::string text = resolving(reason);
        return text.replace(0, 1, "R");
    }
    case NoticeKind::unignored:
        return unignored(reason);
    case NoticeKind::frequency:
        return frequency(reason);
    case NoticeKind::spike:
        return spike(reason);
    case NoticeKind::quota_reached:
        return quota_reached(reason);
    case NoticeKind::behind:
        return behind(reason);
    case NoticeKind::digest:
        if (notice.digest && notice.digest->beyond == 0 && notice.digest->muted > 0) {
            return counted(notice.digest->muted, "message", "messages") + " of muted hours, in one";
        }
        return counted(notice.digest ? notice.digest->beyond : 0, "message more", "messages more") + ", in one";
    case NoticeKind::test:
        return "A test: messages of this project arrive here";
    }
    return "";
}

/* What a subject has of it before the title. */
std::string_view in_a_word(NoticeKind kind)
{
    switch (kind) {
    case NoticeKind::new_issue:
    case NoticeKind::create:
        return "New";
    case NoticeKind::regression:
    case NoticeKind::unignored:
    case NoticeKind::reopen:
        return "Back";
    case NoticeKind::frequency:
        return "Often";
    case NoticeKind::spike:
        return "More than usual";
    case NoticeKind::close:
        return "Resolved";
    default:
        return "";
    }
}

/* How many of each kind a digest has. */
std::string counted_kind(NoticeKind kind, std::int64_t count)
{
    switch (kind) {
    case NoticeKind::new_issue:
        return counted(count, "new error", "new errors");
    case NoticeKind::regression:
        return counted(count, "error back after it was resolved", "errors back after they were resolved");
    case NoticeKind::unignored:
        return counted(count, "error no longer ignored", "errors no longer ignored");
    case NoticeKind::frequency:
        return counted(count, "error seen often", "errors seen often");
    case NoticeKind::spike:
        return counted(count, "error seen more than usual", "errors seen more than usual");
    case NoticeKind::quota_reached:
        return counted(count, "quota reached", "quotas reached");
    case NoticeKind::behind:
        return counted(count, "time filed late", "times filed late");
    default:
        return counted(count, "other", "others");
    }
}

std::vector<std::string> digest_lines(const Notice::Digest &digest)
{
    std::vector<std::string> lines;
    for (const auto &[kind, count] : digest.by_kind) {
        lines.push_back(counted_kind(kind, count));
    }
    if (digest.muted > 0 && digest.beyond > 0) {
        lines.push_back(grouped(digest.muted) + " muted");
    }
    for (const Notice::Digest::Issue &issue : digest.issues) {
        lines.push_back(line_of(line_of(issue.short_id, most_name) + ' ' + issue.title, most_value));
    }
    lines.resize(std::min(lines.size(), most_lines));
    return lines;
}

std::vector<NoticeFact> facts_of(const Notice &notice)
{
    std::vector<NoticeFact> facts;
    auto add = [&facts](std::string_view name, std::string value) {
        if (!value.empty()) {
            facts.push_back({name, std::move(value)});
        }
    };
    add("Project", line_of(notice.project.name.empty() ? notice.project.slug : notice.project.name, most_name));
    if (notice.event) {
        add("Environment", line_of(notice.event->environment, most_name));
        add("Release", line_of(notice.event->release, most_value));
    }
    if (notice.issue) {
        add("Events", grouped(notice.issue->events));
        add("Users", grouped(notice.issue->users));
        add("First seen", notice.issue->first_seen.empty() ? "" : time_of_day(notice.issue->first_seen)
                              + part(" in ", notice.issue->first_release));
        add("Last seen", notice.issue->last_seen.empty() ? "" : time_of_day(notice.issue->last_seen)
                             + part(" in ", notice.issue->last_release));
        add("Assigned to", line_of(notice.issue->assigned_to, most_name));
    }
    if (notice.rule) {
        add("Rule", line_of(notice.rule->name, most_name));
    }
    return facts;
}

std::string percent_encoded(std::string_view text)
{
    constexpr std::string_view figures = "0123456789ABCDEF";
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    std::string encoded;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        encoded += plain.find(c) != plain.npos ? std::string(1, c) : std::string{'%', figures[byte >> 4], figures[byte & 15]};
    }
    return encoded;
}

std::string subject_of(const Notice &notice, const NoticeText &text)
{
    std::string subject = '[' + notice.project.slug + "] ";
    if (!notice.issue) {
        return line_of(subject + text.happened, most_subject);
    }
    std::string word(in_a_word(notice.kind));
    return line_of(subject + text.short_id + ' ' + (word.empty() ? text.happened : word) + ": " + text.title, most_subject);
}

}

std::string page_of(const Notice &notice, std::string_view base)
{
    bool listed = notice.digest && !notice.digest->query.empty();
    if (base.empty() || !(notice.issue || listed)) {
        return "";
    }
    std::string list = std::string(base) + '/' + notice.project.organization + '/' + notice.project.slug + "/issues/";
    return notice.issue ? list + std::to_string(notice.issue->id) + '/' : list + "?query=" + percent_encoded(notice.digest->query);
}

NoticeText text_of(const Notice &notice, std::string_view base)
{
    NoticeText text;
    text.happened = line_of(happened(notice), most_happened);
    if (notice.issue) {
        text.short_id = line_of(notice.issue->short_id, most_name);
        text.title = line_of(notice.issue->title, most_title);
        text.culprit = line_of(notice.issue->culprit, most_culprit);
    }
    if (notice.digest) {
        text.lines = digest_lines(*notice.digest);
    }
    text.facts = facts_of(notice);
    text.link = page_of(notice, base);
    text.opens = notice.issue ? "Open the issue" : "Open the issues";
    text.subject = subject_of(notice, text);
    return text;
}

std::string plain_text(const NoticeText &text)
{
    std::string lines = text.happened + '\n';
    if (!text.title.empty()) {
        lines += '\n' + text.short_id + ' ' + text.title + '\n';
        lines += text.culprit.empty() ? "" : text.culprit + '\n';
    }
    if (!text.lines.empty()) {
        lines += '\n';
        for (const std::string &line : text.lines) {
            lines += line + '\n';
        }
    }
    lines += '\n';
    for (const NoticeFact &fact : text.facts) {
        std::string name = std::string(fact.name) + ':';
        lines += name + std::string(13 - name.size(), ' ') + fact.value + '\n';
    }
    return text.link.empty() ? lines : lines + '\n' + text.link + '\n';
}

}
