#include "worker/channel.hpp"

#include "worker/channel_alert.hpp"
#include "worker/channel_chat.hpp"
#include "worker/channel_mail.hpp"
#include "worker/channel_parts.hpp"
#include "worker/channel_webhook.hpp"
#include "worker/json.hpp"
#include "worker/markup.hpp"
#include "worker/repair.hpp"
#include "worker/timestamp.hpp"

#include <array>

namespace errtrack {
namespace {

struct Composer {
    std::string_view kind;
    WebRequest (*compose)(const Channel &, const Notice &, const Delivery &);
};

constexpr std::array<Composer, 8> composers = {{
    {"webhook", compose_webhook},
    {"slack", compose_slack},
    {"mattermost", compose_mattermost},
    {"discord", compose_discord},
    {"teams", compose_teams},
    {"google_chat", compose_google_chat},
    {"pagerduty", compose_pagerduty},
    {"gitlab_alert", compose_gitlab_alert},
}};

}

std::variant<WebRequest, Mail> compose(const Channel &channel, const Notice &notice, const Delivery &delivery,
                                       const MailSettings &mail)
{
    if (channel.kind == "mail") {
        return compose_mail_channel(channel, notice, delivery, mail);
    }
    for (const Composer &composer : composers) {
        if (composer.kind == channel.kind) {
            return composer.compose(channel, notice, delivery);
        }
    }
    throw ChannelError("a channel of kind \"" + cut_with_dots(channel.kind, 64)
                       + "\" is unknown here: use an errtrack-worker of the database's version");
}

std::optional<WebRequest> compose_end(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    bool leaves = channel.kind == "pagerduty" && notice.kind == NoticeKind::test;
    return leaves ? std::optional(end_pagerduty(channel, notice, delivery)) : std::nullopt;
}

Severity severity_of(const Notice &notice)
{
    if (notice.kind == NoticeKind::quota_reached || notice.kind == NoticeKind::behind) {
        return Severity::warning;
    }
    if (!notice.issue || notice.kind == NoticeKind::test) {
        return Severity::info;
    }
    const std::string &level = notice.issue->level;
    return level == "fatal"                      ? Severity::critical
           : level == "warning"                  ? Severity::warning
           : level == "info" || level == "debug" ? Severity::info
                                                 : Severity::error;
}

std::string topic_of(const Notice &notice)
{
    std::string topic = "errtrack-" + std::to_string(notice.project.id) + '-';
    return topic + (notice.issue ? std::to_string(notice.issue->id) : std::string(word_of(notice.kind)));
}

std::string moment_of(const Notice &notice)
{
    std::optional<std::int64_t> at = parse_timestamp(notice.at);
    return at ? format_timestamp(*at) : "";
}

std::string joined(const std::vector<std::string> &lines, std::string_view between, std::size_t most)
{
    std::string text;
    std::size_t units = 0;
    for (const std::string &line : lines) {
        units += units_of(line) + (text.empty() ? 0 : units_of(between));
        if (units > most) {
            break;
        }
        text.append(text.empty() ? "" : between).append(line);
    }
    return text;
}

std::string list_of(const std::vector<std::string> &items)
{
    std::string list = "[";
    for (const std::string &item : items) {
        list.append(list.size() == 1 ? "" : ",").append(item);
    }
    return list + "]";
}

std::vector<std::string> setting(const Channel &channel, const std::string &name)
{
    Json document;
    if (!document.parse(channel.settings) || !document.root().is_object()) {
        throw ChannelError("the settings of the channel are no JSON object: set them anew");
    }
    JsonValue value = document.root()[name];
    bool list = value.is_null() || value.is_array();
    std::vector<std::string> texts;
    for (JsonValue item : value) {
        list = list && item.is_string();
        texts.push_back(item.text());
    }
    if (!list) {
        throw ChannelError("the setting \"" + name + "\" of the channel is no list of texts: set it anew");
    }
    return texts;
}

WebRequest post_json(const std::string &url, std::string body)
{
    if (std::string fault = url_fault(url); !fault.empty()) {
        throw ChannelError("the address of the channel cannot be used: " + fault);
    }
    WebRequest request;
    request.method = WebRequest::Method::post;
    request.url = url;
    request.headers = {"Content-Type: application/json; charset=utf-8"};
    request.body = std::move(body);
    return request;
}

}
