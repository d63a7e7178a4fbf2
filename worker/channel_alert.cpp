#include "worker/channel_alert.hpp"

#include "worker/channel_parts.hpp"
#include "worker/item.hpp"
#include "worker/markup.hpp"
#include "worker/notice_text.hpp"
#include "worker/repair.hpp"

#include <algorithm>
#include <array>

namespace errtrack {
namespace {

constexpr const char *pagerduty_url = "https://events.pagerduty.com/v2/enqueue";

/* In characters. */
constexpr std::size_t most_summary = 1024;
constexpr std::size_t most_alert_title = 200;
constexpr std::size_t most_alert_description = 1000;
constexpr std::size_t most_name = 100;
constexpr std::size_t most_value = 300;

/* {"first_seen": ".."} and what else the notice says. */
std::string details_of(const NoticeText &text)
{
    JsonObject details;
    details.text("happened", text.happened).text("culprit", text.culprit);
    for (const NoticeFact &fact : text.facts) {
        std::string name = lower(fact.name);
        std::replace(name.begin(), name.end(), ' ', '_');
        details.text(name, fact.value);
    }
    return details.text("messages", joined(text.lines, "\n", most_alert_description)).done();
}

std::string environment_of(const Notice &notice)
{
    return notice.event ? inert(notice.event->environment, Markup::none, most_name) : "";
}

/* Lines that begin with words of ours: as the description of an incident of GitLab they are
 * markdown, in which a line of somebody else could be a command. */
std::string description_of(const NoticeText &text)
{
    constexpr Markup markup = Markup::references;
    std::vector<std::string> lines = {inert(text.happened, markup, most_value)};
    auto add = [&lines](const std::string &name, const std::string &value) {
        if (!value.empty()) {
            lines.push_back(name + ": " + value);
        }
    };
    add("Page", text.link);
    add("Culprit", inert(text.culprit, markup, most_value));
    for (const NoticeFact &fact : text.facts) {
        add(std::string(fact.name), inert(fact.value, markup, most_value));
    }
    for (const std::string &line : text.lines) {
        add("Told", inert(line, markup, most_value));
    }
    return joined(lines, "\n", most_alert_description);
}

/* What PagerDuty knows an incident by. That of a test is its own: it is ended at once. */
std::string incident_of(const Notice &notice, const Delivery &delivery)
{
    return topic_of(notice) + (notice.kind == NoticeKind::test ? '-' + delivery.id : "");
}

WebRequest pagerduty_event(const Channel &channel, JsonObject &event)
{
    if (channel.secret.empty()) {
        throw ChannelError("the channel has no routing key: set the integration key of a service of PagerDuty as its secret");
    }
    event.text("routing_key", channel.secret);
    return post_json(channel.url.empty() ? pagerduty_url : channel.url, event.done());
}

}

WebRequest end_pagerduty(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    return pagerduty_event(channel, JsonObject().text("event_action", "resolve").text("dedup_key", incident_of(notice, delivery)));
}

WebRequest compose_pagerduty(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    constexpr std::array<std::string_view, 4> severities = {"info", "warning", "error", "critical"};
    if (notice.kind == NoticeKind::close) {
        return end_pagerduty(channel, notice, delivery);
    }
    NoticeText text = text_of(notice, delivery.base);
    JsonObject payload;
    payload.text("summary", inert(text.subject, Markup::none, most_summary))
        .text("source", notice.project.organization + '/' + notice.project.slug)
        .text("severity", severities[static_cast<std::size_t>(severity_of(notice))])
        .text("timestamp", moment_of(notice))
        .text("component", notice.project.slug)
        .text("group", environment_of(notice))
        .text("class", notice.issue ? inert(notice.issue->type, Markup::none, most_name) : "")
        .raw("custom_details", details_of(text));
    JsonObject event;
    event.text("event_action", "trigger")
        .text("dedup_key", incident_of(notice, delivery))
        .text("client", "errtrack")
        .text("client_url", text.link)
        .raw("payload", payload.done());
    if (!text.link.empty()) {
        std::string_view label = text.short_id.empty() ? text.opens : text.short_id;
        event.raw("links", list_of({JsonObject().text("href", text.link).text("text", label).done()}));
    }
    return pagerduty_event(channel, event);
}

WebRequest compose_gitlab_alert(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    constexpr std::array<std::string_view, 4> severities = {"info", "medium", "high", "critical"};
    NoticeText text = text_of(notice, delivery.base);
    std::string body = JsonObject()
                           .text("title", inert(text.subject, Markup::references, most_alert_title))
                           .text("description", description_of(text))
                           .text("start_time", moment_of(notice))
                           .text("severity", severities[static_cast<std::size_t>(severity_of(notice))])
                           .text("fingerprint", topic_of(notice))
                           .text("service", notice.project.slug)
                           .text("monitoring_tool", "errtrack")
                           .text("gitlab_environment_name", environment_of(notice))
                           .done();
    WebRequest request = post_json(channel.url, std::move(body));
    std::string key = "Authorization: Bearer " + channel.secret;
    if (channel.secret.empty() || !header_fault(key).empty()) {
        throw ChannelError("the channel has no authorization key: set the one that GitLab shows for the alert endpoint "
                           "as its secret");
    }
    request.headers.push_back(std::move(key));
    return request;
}

}
