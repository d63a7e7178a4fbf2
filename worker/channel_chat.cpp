#include "worker/channel_chat.hpp"

#include "worker/channel_parts.hpp"
#include "worker/item.hpp"
#include "worker/markup.hpp"
#include "worker/notice_text.hpp"

#include <array>

namespace errtrack {
namespace {

/* In characters. Escapes may double a text, so each kind has its own bounds where that counts. */
constexpr std::size_t most_happened = 250;      /* 256: title of an embed of Discord */
constexpr std::size_t most_slack_header = 150;
constexpr std::size_t most_slack_text = 3000;
constexpr std::size_t most_description = 2400;  /* 6000: an embed of Discord in all, fields too */
constexpr std::size_t most_title = 1000;
constexpr std::size_t most_culprit = 600;
constexpr std::size_t most_value = 250;
constexpr std::size_t most_line = 400;

struct Color {
    const char *hex;
    std::int64_t number;
};

Color color_of(const Notice &notice)
{
    constexpr std::array<Color, 4> colors = {{
        {"#3b78c4", 0x3b78c4}, {"#e6a700", 0xe6a700}, {"#d93f0b", 0xd93f0b}, {"#8b0000", 0x8b0000}}};
    return colors[static_cast<std::size_t>(severity_of(notice))];
}

/* Title and culprit or what a digest lists, for markup whose lines are its lines. name is what
 * stands for the issue; empty: nothing. */
std::string told(const NoticeText &text, const std::string &name, Markup markup, std::size_t most)
{
    std::vector<std::string> lines;
    if (!text.title.empty()) {
        lines.push_back((name.empty() ? "" : name + ' ') + inert(text.title, markup, most_title));
    }
    if (!text.culprit.empty()) {
        lines.push_back(inert(text.culprit, markup, most_culprit));
    }
    for (const std::string &line : text.lines) {
        lines.push_back(inert(line, markup, most_line));
    }
    return joined(lines, "\n", most);
}

std::string slack_text(const std::string &text)
{
    // Of what is formatted here nothing is from us, so nothing is.
    return JsonObject().text("type", "plain_text").text("text", text).raw("emoji", "false").done();
}

std::string slack_section(const std::string &content)
{
    return JsonObject().text("type", "section").raw("text", content).done();
}

std::string text_run(const std::string &text, bool strong)
{
    return JsonObject().text("type", "TextRun").text("text", text).raw("weight", strong ? "\"Bolder\"" : "\"Default\"").done();
}

/* Nothing in it is markdown, as it would be in a TextBlock or a FactSet. */
std::string rich_text(const std::vector<std::string> &runs, std::string_view spacing)
{
    return JsonObject().text("type", "RichTextBlock").text("spacing", spacing).raw("inlines", list_of(runs)).done();
}

/* The address with what makes a message that is sent twice one message, and those of an issue
 * a thread. */
std::string google_url(std::string_view url, const Delivery &delivery)
{
    std::string address(url.substr(0, url.find('#')));
    address += address.find('?') == address.npos ? '?' : '&';
    return address + "requestId=" + delivery.id + "&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD";
}

}

WebRequest compose_slack(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    constexpr Markup markup = Markup::entities;
    NoticeText text = text_of(notice, delivery.base);
    std::string happened = inert(text.happened, markup, most_slack_header);
    std::vector<std::string> blocks = {JsonObject().text("type", "header").raw("text", slack_text(happened)).done()};
    if (!text.link.empty()) {
        std::string label = text.short_id.empty() ? std::string(text.opens) : inert(text.short_id, markup, most_value);
        std::string link = '<' + inert(text.link, markup, most_url) + '|' + label + '>';
        blocks.push_back(slack_section(JsonObject().text("type", "mrkdwn").text("text", link).raw("verbatim", "true").done()));
    }
    std::string name = text.link.empty() ? inert(text.short_id, markup, most_value) + ':' : "";
    if (std::string lines = told(text, name, markup, most_slack_text); !lines.empty()) {
        blocks.push_back(slack_section(slack_text(lines)));
    }
    std::vector<std::string> fields;
    for (const NoticeFact &fact : text.facts) {
        fields.push_back(slack_text(std::string(fact.name) + '\n' + inert(fact.value, markup, most_value)));
    }
    blocks.push_back(JsonObject().text("type", "section").raw("fields", list_of(fields)).done());
    return post_json(channel.url, JsonObject()
                                      .text("text", inert(text.subject, markup, most_title))
                                      .raw("blocks", list_of(blocks))
                                      .done());
}

WebRequest compose_mattermost(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    constexpr Markup markup = Markup::mattermost;
    NoticeText text = text_of(notice, delivery.base);
    std::string name = "**" + inert(text.short_id, markup, most_value) + "**";
    if (!text.link.empty()) {
        name = '[' + name + "](" + text.link + ')';
    }
    std::string happened = inert(text.happened, markup, most_happened);
    std::string lines = told(text, name, markup, most_description);
    if (!text.link.empty() && text.title.empty()) {
        lines += "\n[" + std::string(text.opens) + "](" + text.link + ')';
    }
    std::vector<std::string> fields;
    for (const NoticeFact &fact : text.facts) {
        std::string value = inert(fact.value, markup, most_value);
        fields.push_back(JsonObject().raw("short", "true").text("title", fact.name).text("value", value).done());
    }
    std::string attachment = JsonObject()
                                 .text("fallback", inert(text.subject, markup, most_title))
                                 .text("color", color_of(notice).hex)
                                 .text("pretext", happened)
                                 .text("text", lines)
                                 .raw("fields", list_of(fields))
                                 .done();
    return post_json(channel.url, JsonObject().raw("attachments", list_of({attachment})).done());
}

WebRequest compose_discord(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    constexpr Markup markup = Markup::discord;
    NoticeText text = text_of(notice, delivery.base);
    std::vector<std::string> fields;
    for (const NoticeFact &fact : text.facts) {
        std::string value = inert(fact.value, markup, most_value);
        fields.push_back(JsonObject().text("name", fact.name).text("value", value).raw("inline", "true").done());
    }
    std::string name = "**" + inert(text.short_id, markup, most_value) + "**";
    std::string embed = JsonObject()
                            .text("title", inert(text.happened, markup, most_happened))
                            .text("url", text.link)
                            .text("description", told(text, name, markup, most_description))
                            .integer("color", color_of(notice).number)
                            .raw("fields", list_of(fields))
                            .text("timestamp", moment_of(notice))
                            .done();
    return post_json(channel.url, JsonObject()
                                      .raw("allowed_mentions", "{\"parse\":[]}")
                                      .raw("embeds", list_of({embed}))
                                      .done());
}

WebRequest compose_teams(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    NoticeText text = text_of(notice, delivery.base);
    std::vector<std::string> body = {rich_text({text_run(text.happened, true)}, "Default")};
    if (!text.title.empty()) {
        body.push_back(rich_text({text_run(text.short_id + ' ', true), text_run(text.title, false)}, "Default"));
    }
    if (!text.culprit.empty()) {
        body.push_back(rich_text({text_run(text.culprit, false)}, "Small"));
    }
    for (const std::string &line : text.lines) {
        body.push_back(rich_text({text_run(line, false)}, "Small"));
    }
    for (const NoticeFact &fact : text.facts) {
        body.push_back(rich_text({text_run(std::string(fact.name) + ": ", true), text_run(fact.value, false)}, "None"));
    }
    JsonObject card;
    card.text("$schema", "http://adaptivecards.io/schemas/adaptive-card.json")
        .text("type", "AdaptiveCard")
        .text("version", "1.4")
        .raw("msteams", "{\"width\":\"Full\"}")
        .raw("body", list_of(body));
    if (!text.link.empty()) {
        std::string open =
            JsonObject().text("type", "Action.OpenUrl").text("title", text.opens).text("url", text.link).done();
        card.raw("actions", list_of({open}));
    }
    std::string attachment = JsonObject()
                                 .text("contentType", "application/vnd.microsoft.card.adaptive")
                                 .raw("contentUrl", "null")
                                 .raw("content", card.done())
                                 .done();
    return post_json(channel.url, JsonObject().text("type", "message").raw("attachments", list_of({attachment})).done());
}

WebRequest compose_google_chat(const Channel &channel, const Notice &notice, const Delivery &delivery)
{
    constexpr Markup markup = Markup::entities;
    NoticeText text = text_of(notice, delivery.base);
    std::vector<std::string> widgets;
    std::string name = "<b>" + inert(text.short_id, markup, most_value) + "</b>";
    if (std::string lines = told(text, name, markup, most_description); !lines.empty()) {
        widgets.push_back(JsonObject().raw("textParagraph", JsonObject().text("text", lines).done()).done());
    }
    for (const NoticeFact &fact : text.facts) {
        std::string value = inert(fact.value, markup, most_value);
        std::string labelled = JsonObject().text("topLabel", fact.name).text("text", value).raw("wrapText", "true").done();
        widgets.push_back(JsonObject().raw("decoratedText", labelled).done());
    }
    if (!text.link.empty()) {
        std::string open = JsonObject().raw("openLink", JsonObject().text("url", text.link).done()).done();
        std::string button = JsonObject().text("text", text.opens).raw("onClick", open).done();
        widgets.push_back(JsonObject().raw("buttonList", JsonObject().raw("buttons", list_of({button})).done()).done());
    }
    std::string header = JsonObject().text("title", inert(text.happened, markup, most_happened)).done();
    std::string section = JsonObject().raw("widgets", list_of(widgets)).done();
    std::string card = JsonObject().raw("header", header).raw("sections", list_of({section})).done();
    return post_json(google_url(channel.url, delivery),
                     JsonObject()
                         .raw("cardsV2", list_of({JsonObject().text("cardId", "notice").raw("card", card).done()}))
                         .text("fallbackText", inert(text.subject, markup, most_title))
                         .raw("thread", JsonObject().text("threadKey", topic_of(notice)).done())
                         .done());
}

}
