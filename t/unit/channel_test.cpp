/* What is sent to each kind of channel: valid JSON with what the service asks for, within its
 * bounds, whatever the title of an issue is. */

#include "worker/channel.hpp"
#include "worker/channel_webhook.hpp"
#include "worker/markup.hpp"

#include "t/unit/notice_samples.hpp"

#include <gtest/gtest.h>
#include <jansson.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace errtrack {
namespace {

struct FreeJson {
    void operator()(json_t *json) const noexcept { json_decref(json); }
};

using Document = std::unique_ptr<json_t, FreeJson>;

const Delivery delivery{"3b241101-e2bb-4255-8caf-4136c566a962", 1'769'860'800, "https://errors.example.com"};
const MailSettings operators{"smtp://mail.example.com:587", Mail::StartTls::required, "user", "word", "errors@example.com", "Errors"};

Channel channel_of(const std::string &kind)
{
    Channel channel;
    channel.kind = kind;
    channel.url = kind == "pagerduty" || kind == "mail" ? "" : "https://hooks.example.com/services/T0/B1";
    channel.secret = "whsec-7f3a";
    channel.settings = kind == "mail" ? R"({"to": ["ann@example.com", "bob@example.com"]})" : "{}";
    return channel;
}

/* What it is about, also from its JSON. */
struct Told : Notice {
    Told(const std::string &json) : Notice(read_notice(json)) {}
};

WebRequest request_of(const Channel &channel, const Told &notice)
{
    return std::get<WebRequest>(compose(channel, notice, delivery, operators));
}

Mail mail_of(const Told &notice)
{
    return std::get<Mail>(compose(channel_of("mail"), notice, delivery, operators));
}

/* Strict: valid UTF-8, no NUL, no key twice. */
Document parsed(const std::string &text)
{
    json_error_t error;
    Document document(json_loadb(text.data(), text.size(), JSON_REJECT_DUPLICATES, &error));
    EXPECT_TRUE(document) << error.text << ": " << text;
    return document;
}

Document body_of(const std::string &kind, const Told &notice)
{
    return parsed(request_of(channel_of(kind), notice).body);
}

/* A value by its path, members and places: "attachments", "0", "text". */
const json_t *at(const Document &document, const std::vector<std::string> &path)
{
    const json_t *value = document.get();
    for (const std::string &step : path) {
        value = json_is_array(value) ? json_array_get(value, std::stoul(step)) : json_object_get(value, step.c_str());
    }
    return value;
}

std::string text_at(const Document &document, const std::vector<std::string> &path)
{
    const char *text = json_string_value(at(document, path));
    return text == nullptr ? "(none)" : text;
}

/* All texts in a document. */
void each_text(const json_t *value, const std::function<void(const std::string &)> &visit)
{
    if (json_is_string(value)) {
        visit(json_string_value(value));
    }
    const char *key = nullptr;
    json_t *member = nullptr;
    json_object_foreach(const_cast<json_t *>(value), key, member) {
        each_text(member, visit);
    }
    for (std::size_t i = 0; i < json_array_size(value); i++) {
        each_text(json_array_get(value, i), visit);
    }
}

bool has_header(const WebRequest &request, const std::string &line)
{
    return std::find(request.headers.begin(), request.headers.end(), line) != request.headers.end();
}

const std::string kinds[] = {"webhook", "slack", "mattermost", "discord", "teams", "google_chat", "pagerduty", "gitlab_alert"};

const std::string hostile[] = {
    "<!channel> <!here> <@U012AB> <#C01> <users/all> <https://evil.example|click>",
    "@all @here @channel @everyone <@123456> <at>All</at>",
    "**b** _i_ ~s~ `c` [x](https://evil.example) ![i](https://evil.example/i.png)\n# h\n> q",
    "\n/close\n/assign me\n@root #1 !1 Fixes #2",
    "<script>alert(1)</script><img src=x onerror=1>&amp;&#64;",
    "\", \"text\": \"<!channel>\", \\",
    std::string("nul \0 byte", 10),
    "\xff\xfe\xc0\xaf broken \xed\xa0\x80",
    "\xe2\x80\xae" "elif.exe \xd7\x90\xd7\x91\xe2\x81\xa6",
    "\r\nBcc: eve@evil.example\r\n\r\nbody\r\n.\r\n",
    "",
};

/* The longest that there is: every text is cut. */
std::string longest(const std::string &kind, const std::string &piece)
{
    std::string text;
    while (text.size() <= most_notice_text) {
        text += piece;
    }
    std::string quoted;
    append_json_string(quoted, text);
    std::string issue = R"("issue": {"id": 9007199254740991, "short_id": )" + quoted + R"(, "events": 9223372036854775807, "users": 9223372036854775807)";
    for (const char *member : {"title", "culprit", "level", "type", "value", "platform", "status", "first_seen", "last_seen",
                               "first_release", "last_release", "assigned_to"})
    {
        issue += ", \"" + std::string(member) + "\": " + quoted;
    }
    std::string digest = R"("digest": {"beyond": 9223372036854775807, "muted": 9223372036854775807, "by_kind": {"new_issue": 1, "regression": 1,
        "unignored": 1, "frequency": 1, "spike": 1, "quota_reached": 1, "behind": 1}, "issues": [)";
    for (int i = 0; i < 5; i++) {
        digest += std::string(i == 0 ? "" : ", ") + R"({"short_id": )" + quoted + R"(, "title": )" + quoted + '}';
    }
    return sample(kind, issue + "}, " + digest + R"(]}, "event": {"id": )" + quoted + R"(, "release": )" + quoted + R"(, "environment": )" + quoted
                            + R"(}, "rule": {"id": 1, "name": )" + quoted + R"(}, "reason": {"resolved_by": )" + quoted
                            + R"(, "resolved_in": )" + quoted + R"(, "resolved_at": )" + quoted + '}');
}

TEST(Channel, GetsValidJsonForEachKindOfNotice)
{
    for (const std::string &kind : kinds) {
        for (const std::string &notice : samples) {
            WebRequest request = request_of(channel_of(kind), notice);
            EXPECT_TRUE(json_is_object(parsed(request.body).get()));
            EXPECT_EQ(request.method, WebRequest::Method::post);
            EXPECT_TRUE(request.guarded);
            EXPECT_TRUE(has_header(request, "Content-Type: application/json; charset=utf-8"));
            for (const std::string &line : request.headers) {
                EXPECT_EQ(header_fault(line), "") << line;
            }
        }
    }
}

TEST(Channel, KeepsHostileTextsText)
{
    for (const std::string &title : hostile) {
        std::string notice = sample("new_issue", sample_issue(title) + ", " + sample_event);
        for (const std::string &kind : kinds) {
            Document body = body_of(kind, notice);
            each_text(body.get(), [&](const std::string &text) {
                if (kind == "slack" || kind == "google_chat") {
                    EXPECT_EQ(text.find("<!"), text.npos) << text;
                    EXPECT_EQ(text.find("<@"), text.npos) << text;
                    EXPECT_EQ(text.find("<#"), text.npos) << text;
                    EXPECT_EQ(text.find("<users"), text.npos) << text;
                    EXPECT_EQ(text.find("<script"), text.npos) << text;
                    EXPECT_EQ(text.find("|click"), title.find("|click") == title.npos ? text.npos : text.find("|click")) << text;
                }
                if (kind == "mattermost" || kind == "gitlab_alert") {
                    for (const char *mention : {"@all", "@here", "@channel", "@everyone", "@root", "](https://evil", "![", "\n/"}) {
                        EXPECT_EQ(text.find(mention), text.npos) << text;
                    }
                }
                if (kind != "webhook") {
                    EXPECT_EQ(text.find("\xe2\x80\xae"), text.npos) << text;
                    EXPECT_EQ(text.find('\r'), text.npos) << text;
                }
            });
        }
    }
}

TEST(Channel, StaysWithinBounds)
{
    for (const std::string piece : {"x", "&", "\"", "*", "@a", "漢", "😀", "\x01" "z", "</", "\\"}) {
        for (const char *kind : {"regression", "digest", "test"}) {
            Told notice = longest(kind, piece);
            Document slack = body_of("slack", notice);
            EXPECT_LE(json_array_size(at(slack, {"blocks"})), 50u);
            EXPECT_LE(units_of(text_at(slack, {"blocks", "0", "text", "text"})), 150u);
            EXPECT_LE(units_of(text_at(slack, {"blocks", "1", "text", "text"})), 3000u);
            EXPECT_LE(units_of(text_at(slack, {"blocks", "2", "text", "text"})), 3000u);
            const json_t *fields = at(slack, {"blocks", "3", "fields"});
            EXPECT_TRUE(json_array_size(fields) >= 1 && json_array_size(fields) <= 10);
            each_text(fields, [](const std::string &text) { EXPECT_LE(units_of(text), 2000u); });

            EXPECT_LE(units_of(request_of(channel_of("mattermost"), notice).body), 16383u);

            Document discord = body_of("discord", notice);
            EXPECT_LE(units_of(text_at(discord, {"embeds", "0", "title"})), 256u);
            EXPECT_LE(units_of(text_at(discord, {"embeds", "0", "description"})), 4096u);
            EXPECT_LE(json_array_size(at(discord, {"embeds", "0", "fields"})), 25u);
            std::size_t all = 0;
            each_text(at(discord, {"embeds", "0"}), [&](const std::string &text) { all += units_of(text); });
            EXPECT_LE(all, 6000u) << "also with what does not count";
            each_text(at(discord, {"embeds", "0", "fields"}), [](const std::string &text) { EXPECT_LE(units_of(text), 1024u); });

            EXPECT_LE(request_of(channel_of("teams"), notice).body.size(), 28u * 1024);
            EXPECT_LE(request_of(channel_of("google_chat"), notice).body.size(), 32'000u);

            Document pagerduty = body_of("pagerduty", notice);
            EXPECT_LE(units_of(text_at(pagerduty, {"payload", "summary"})), 1024u);
            EXPECT_LE(text_at(pagerduty, {"dedup_key"}).size(), 255u);
            EXPECT_LE(request_of(channel_of("pagerduty"), notice).body.size(), 512u * 1024);

            Document alert = body_of("gitlab_alert", notice);
            EXPECT_LE(units_of(text_at(alert, {"title"})), 200u);
            EXPECT_LE(units_of(text_at(alert, {"description"})), 1000u);
            EXPECT_LE(units_of(text_at(alert, {"gitlab_environment_name"})), 100u);

            EXPECT_LE(request_of(channel_of("webhook"), notice).body.size(), 1024u * 1024);
            EXPECT_LE(mail_of(notice).message.size(), 128u * 1024);
        }
    }
}

TEST(Channel, RefusesWhatCannotBeUsed)
{
    auto complaint = [](const std::function<void(Channel &)> &change, const std::string &kind) -> std::string {
        Channel channel = channel_of(kind);
        change(channel);
        try {
            compose(channel, read_notice(samples[0]), delivery, operators);
        } catch (const ChannelError &error) {
            return error.what();
        }
        return "";
    };
    EXPECT_EQ(complaint([](Channel &c) { c.url = "ftp://example.com"; }, "slack"),
              "the address of the channel cannot be used: it does not begin with http:// or https://");
    EXPECT_EQ(complaint([](Channel &c) { c.kind = "pigeon"; }, "slack"),
              "a channel of kind \"pigeon\" is unknown here: use an errtrack-worker of the database's version");
    EXPECT_EQ(complaint([](Channel &c) { c.settings = R"({"headers": ["Host: evil.example"]})"; }, "webhook"),
              "a header of the channel cannot be sent: Host is for the connection to say: leave it out");
    for (const char *settings : {"", "[]", "nonsense"}) {
        EXPECT_EQ(complaint([&](Channel &c) { c.settings = settings; }, "webhook"),
                  "the settings of the channel are no JSON object: set them anew");
    }
    for (const char *list : {"\"a@b.c\"", "{\"a\": \"b@c.d\"}", "[1]", "[[\"a@b.c\"]]", "7"}) {
        EXPECT_EQ(complaint([&](Channel &c) { c.settings = "{\"to\": " + std::string(list) + '}'; }, "mail"),
                  "the setting \"to\" of the channel is no list of texts: set it anew");
    }
    EXPECT_EQ(complaint([](Channel &c) { c.settings = "{}"; }, "mail"),
              "the message cannot be sent: it is for nobody: name one address at least");
    EXPECT_NE(complaint([](Channel &c) { c.settings = R"({"to": ["a@b.c\r\nBcc: d@e.f"]})"; }, "mail"), "");
    EXPECT_NE(complaint([](Channel &c) { c.secret = ""; }, "pagerduty"), "");
    EXPECT_NE(complaint([](Channel &c) { c.secret = ""; }, "gitlab_alert"), "");
    EXPECT_NE(complaint([](Channel &c) { c.secret = "a\r\nX: y"; }, "gitlab_alert"), "");
    EXPECT_THROW(compose(channel_of("mail"), read_notice(samples[0]), delivery, MailSettings()), ChannelError);
}

TEST(Channel, SignsWebhooks)
{
    // Python: hmac.new(b"whsec-7f3a", b'1769860800.{"version":1,"kind":"test"}', "sha256").hexdigest()
    std::vector<std::string> headers = signed_headers(delivery, "test", "whsec-7f3a", R"({"version":1,"kind":"test"})");
    EXPECT_EQ(headers, (std::vector<std::string>{
                           "Content-Type: application/json; charset=utf-8",
                           "X-Errtrack-Delivery: 3b241101-e2bb-4255-8caf-4136c566a962",
                           "X-Errtrack-Event: test",
                           "X-Errtrack-Timestamp: 1769860800",
                           "X-Errtrack-Signature: v1=d8fd6ec0f928ca9e284a5d77877ce6fa3515f1b748c23e8545152bd025f09ec3",
                       }));
    EXPECT_EQ(signed_headers(delivery, "test", "", "{}").size(), 4u) << "nothing to sign with";

    Channel channel = channel_of("webhook");
    channel.settings = R"({"headers": ["Authorization: Bearer abc"]})";
    WebRequest request = request_of(channel, samples[0]);
    EXPECT_EQ(request.headers.back(), "Authorization: Bearer abc");
    EXPECT_EQ(request.headers.at(4), signed_headers(delivery, "new_issue", channel.secret, request.body).at(4));
}

TEST(Channel, HandsTheNoticeToWebhooks)
{
    for (const std::string &notice : samples) {
        Document body = body_of("webhook", notice);
        EXPECT_EQ(json_integer_value(at(body, {"version"})), 1);
        EXPECT_EQ(text_at(body, {"delivery_id"}), delivery.id);
        bool about_issue = at(body, {"issue"}) != nullptr;
        EXPECT_EQ(text_at(body, {"links", "issue"}), about_issue ? "https://errors.example.com/acme/shop/issues/42/" : "(none)");
        Document whole = parsed(notice);
        for (const char *own : {"version", "delivery_id", "links"}) {
            json_object_del(body.get(), own);
        }
        EXPECT_TRUE(json_equal(body.get(), whole.get())) << notice;
    }
    EXPECT_EQ(text_at(body_of("webhook", sample("new_issue", sample_issue("<!channel>"))), {"issue", "title"}), "<!channel>")
        << "as it is: no markup is read there";
}

TEST(Channel, TellsSlackInBlocks)
{
    Document body = body_of("slack", samples[1]);
    EXPECT_EQ(text_at(body, {"text"}), "[shop] SHOP-1A Back: ValueError: invalid literal");
    EXPECT_EQ(text_at(body, {"blocks", "0", "type"}), "header");
    EXPECT_EQ(text_at(body, {"blocks", "0", "text", "text"}), "Back after it was resolved in 1.2.0 by jo@example.com on 2026-01-20 10:00 UTC");
    EXPECT_EQ(text_at(body, {"blocks", "1", "text", "type"}), "mrkdwn");
    EXPECT_EQ(text_at(body, {"blocks", "1", "text", "text"}), "<https://errors.example.com/acme/shop/issues/42/|SHOP-1A>");
    EXPECT_EQ(text_at(body, {"blocks", "2", "text", "type"}), "plain_text");
    EXPECT_EQ(text_at(body, {"blocks", "2", "text", "text"}), "ValueError: invalid literal\nshop.cart in total");
    EXPECT_EQ(text_at(body, {"blocks", "3", "fields", "3", "text"}), "Events\n1,234");
    Document digest = body_of("slack", samples[7]);
    EXPECT_EQ(text_at(digest, {"blocks", "1", "text", "text"}),
              "<https://errors.example.com/acme/shop/issues/?query=firstSeen%3A%3E%3D2026-01-31T11%3A00Z|Open the issues>");
    EXPECT_EQ(text_at(digest, {"blocks", "2", "text", "text"}),
              "410 new errors\n5 errors back after they were resolved\n3 muted\nSHOP-1A ValueError: invalid literal\nSHOP-1B &lt;b&gt;KeyError&lt;/b&gt;");
}

TEST(Channel, TellsMattermostInAnAttachment)
{
    Document body = body_of("mattermost", samples[3]);
    EXPECT_EQ(text_at(body, {"attachments", "0", "fallback"}), "\\[shop\\] SHOP\\-1A Often: ValueError: invalid literal");
    EXPECT_EQ(text_at(body, {"attachments", "0", "color"}), "#d93f0b");
    EXPECT_EQ(text_at(body, {"attachments", "0", "pretext"}), "Seen 500 times by 20 users in 60 minutes");
    EXPECT_EQ(text_at(body, {"attachments", "0", "text"}),
              "[**SHOP\\-1A**](https://errors.example.com/acme/shop/issues/42/) ValueError: invalid literal\nshop\\.cart in total");
    EXPECT_EQ(text_at(body, {"attachments", "0", "fields", "1", "value"}), "production");
    std::string digest = text_at(body_of("mattermost", samples[7]), {"attachments", "0", "text"});
    EXPECT_TRUE(digest.ends_with(
        "\n[Open the issues](https://errors.example.com/acme/shop/issues/?query=firstSeen%3A%3E%3D2026-01-31T11%3A00Z)")) << digest;
}

TEST(Channel, TellsDiscordInAnEmbedThatMentionsNobody)
{
    Document body = body_of("discord", samples[0]);
    EXPECT_TRUE(json_is_array(at(body, {"allowed_mentions", "parse"})));
    EXPECT_EQ(json_array_size(at(body, {"allowed_mentions", "parse"})), 0u);
    EXPECT_EQ(text_at(body, {"embeds", "0", "title"}), "New error");
    EXPECT_EQ(text_at(body, {"embeds", "0", "url"}), "https://errors.example.com/acme/shop/issues/42/");
    EXPECT_EQ(text_at(body, {"embeds", "0", "description"}), "**SHOP\\-1A** ValueError\\: invalid literal\nshop.cart in total");
    EXPECT_EQ(text_at(body, {"embeds", "0", "timestamp"}), "2026-01-31T12:00:00.000000Z");
    EXPECT_EQ(json_integer_value(at(body, {"embeds", "0", "color"})), 0xd93f0b);
}

TEST(Channel, TellsTeamsInACardWithoutMarkdown)
{
    Document body = body_of("teams", samples[0]);
    EXPECT_EQ(text_at(body, {"type"}), "message");
    EXPECT_EQ(text_at(body, {"attachments", "0", "contentType"}), "application/vnd.microsoft.card.adaptive");
    EXPECT_EQ(text_at(body, {"attachments", "0", "content", "type"}), "AdaptiveCard");
    EXPECT_EQ(text_at(body, {"attachments", "0", "content", "version"}), "1.4");
    EXPECT_EQ(text_at(body, {"attachments", "0", "content", "actions", "0", "url"}), "https://errors.example.com/acme/shop/issues/42/");
    EXPECT_EQ(text_at(body, {"attachments", "0", "content", "body", "1", "inlines", "1", "text"}), "ValueError: invalid literal");
    const json_t *blocks = at(body, {"attachments", "0", "content", "body"});
    for (std::size_t i = 0; i < json_array_size(blocks); i++) {
        const json_t *block = json_array_get(blocks, i);
        EXPECT_STREQ(json_string_value(json_object_get(block, "type")), "RichTextBlock");
        for (std::size_t run = 0; run < json_array_size(json_object_get(block, "inlines")); run++) {
            EXPECT_STREQ(json_string_value(json_object_get(json_array_get(json_object_get(block, "inlines"), run), "type")), "TextRun");
        }
    }
}

TEST(Channel, TellsGoogleChatInACardOfOneThread)
{
    Channel channel = channel_of("google_chat");
    channel.url = "https://chat.googleapis.com/v1/spaces/AAA/messages?key=k&token=t#x";
    WebRequest request = request_of(channel, samples[0]);
    EXPECT_EQ(request.url, "https://chat.googleapis.com/v1/spaces/AAA/messages?key=k&token=t&requestId=3b241101-e2bb-4255-8caf-4136c566a962"
                           "&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD");
    Document body = parsed(request.body);
    EXPECT_EQ(text_at(body, {"thread", "threadKey"}), "errtrack-7-42");
    EXPECT_EQ(text_at(body, {"cardsV2", "0", "cardId"}), "notice");
    EXPECT_EQ(text_at(body, {"cardsV2", "0", "card", "header", "title"}), "New error");
    EXPECT_EQ(text_at(body, {"cardsV2", "0", "card", "sections", "0", "widgets", "0", "textParagraph", "text"}),
              "<b>SHOP-1A</b> ValueError: invalid literal\nshop.cart in total");
    EXPECT_EQ(text_at(body, {"cardsV2", "0", "card", "sections", "0", "widgets", "1", "decoratedText", "text"}), "Shop");
    EXPECT_EQ(text_at(body, {"cardsV2", "0", "card", "sections", "0", "widgets", "9", "buttonList", "buttons", "0", "onClick", "openLink", "url"}),
              "https://errors.example.com/acme/shop/issues/42/");
}

TEST(Channel, TriggersPagerduty)
{
    WebRequest request = request_of(channel_of("pagerduty"), samples[0]);
    EXPECT_EQ(request.url, "https://events.pagerduty.com/v2/enqueue");
    Document body = parsed(request.body);
    EXPECT_EQ(text_at(body, {"routing_key"}), "whsec-7f3a");
    EXPECT_EQ(text_at(body, {"event_action"}), "trigger");
    EXPECT_EQ(text_at(body, {"dedup_key"}), "errtrack-7-42");
    EXPECT_EQ(text_at(body, {"payload", "summary"}), "[shop] SHOP-1A New: ValueError: invalid literal");
    EXPECT_EQ(text_at(body, {"payload", "source"}), "acme/shop");
    EXPECT_EQ(text_at(body, {"payload", "severity"}), "error");
    EXPECT_EQ(text_at(body, {"payload", "timestamp"}), "2026-01-31T12:00:00.000000Z");
    EXPECT_EQ(text_at(body, {"payload", "class"}), "ValueError");
    EXPECT_EQ(text_at(body, {"payload", "custom_details", "first_seen"}), "2026-01-30 08:15 UTC in 1.2.0");
    EXPECT_EQ(text_at(body, {"links", "0", "href"}), "https://errors.example.com/acme/shop/issues/42/");
    EXPECT_EQ(text_at(body_of("pagerduty", samples[1]), {"dedup_key"}), "errtrack-7-42") << "the same issue";
    EXPECT_EQ(text_at(body_of("pagerduty", samples[5]), {"dedup_key"}), "errtrack-7-quota_reached");
    EXPECT_EQ(text_at(body_of("pagerduty", samples[5]), {"payload", "severity"}), "warning");
    EXPECT_EQ(text_at(body_of("pagerduty", samples[8]), {"payload", "severity"}), "info");
    Document end = body_of("pagerduty", sample("close", sample_issue()));
    EXPECT_EQ(text_at(end, {"event_action"}) + ' ' + text_at(end, {"dedup_key"}), "resolve errtrack-7-42") << "what it has triggered";
    EXPECT_EQ(text_at(end, {"routing_key"}), "whsec-7f3a");

    Channel europe = channel_of("pagerduty");
    europe.url = "https://events.eu.pagerduty.com/v2/enqueue";
    EXPECT_EQ(request_of(europe, samples[0]).url, europe.url);
}

TEST(Channel, AlertsGitlab)
{
    WebRequest request = request_of(channel_of("gitlab_alert"), samples[0]);
    EXPECT_TRUE(has_header(request, "Authorization: Bearer whsec-7f3a"));
    Document body = parsed(request.body);
    EXPECT_EQ(text_at(body, {"title"}), "[shop] SHOP-1A New: ValueError: invalid literal");
    EXPECT_EQ(text_at(body, {"description"}),
              "New error\n"
              "Page: https://errors.example.com/acme/shop/issues/42/\n"
              "Culprit: shop.cart in total\n"
              "Project: Shop\n"
              "Environment: production\n"
              "Release: 1.3.0\n"
              "Events: 1,234\n"
              "Users: 1\n"
              "First seen: 2026-01-30 08:15 UTC in 1.2.0\n"
              "Last seen: 2026-01-31 11:59 UTC\n"
              "Rule: All that is new");
    EXPECT_EQ(text_at(body, {"start_time"}), "2026-01-31T12:00:00.000000Z");
    EXPECT_EQ(text_at(body, {"severity"}), "high");
    EXPECT_EQ(text_at(body, {"fingerprint"}), "errtrack-7-42");
    EXPECT_EQ(text_at(body, {"service"}), "shop");
    EXPECT_EQ(text_at(body, {"monitoring_tool"}), "errtrack");
    EXPECT_EQ(text_at(body, {"gitlab_environment_name"}), "production");
}

TEST(Channel, SendsMailInTheThreadOfItsIssue)
{
    Mail mail = mail_of(samples[1]);
    EXPECT_EQ(mail.server, "smtp://mail.example.com:587");
    EXPECT_EQ(mail.from, "errors@example.com");
    EXPECT_EQ(mail.recipients, (std::vector<std::string>{"ann@example.com", "bob@example.com"}));
    EXPECT_FALSE(mail.guarded);
    for (const char *line : {"From: \"Errors\" <errors@example.com>", "To: ann@example.com, bob@example.com",
                             "Subject: [shop] SHOP-1A Back: ValueError: invalid literal", "Date: Sat, 31 Jan 2026 12:00:00 +0000",
                             "Message-ID: <3b241101-e2bb-4255-8caf-4136c566a962@example.com>", "In-Reply-To: <errtrack-7-42@example.com>",
                             "References: <errtrack-7-42@example.com>", "Auto-Submitted: auto-generated",
                             "List-Id: shop <project-7.example.com>", "X-Errtrack-Event: regression", "SHOP-1A ValueError: invalid literal",
                             "https://errors.example.com/acme/shop/issues/42/"})
    {
        EXPECT_NE(("\r\n" + mail.message).find("\r\n" + std::string(line) + "\r\n"), std::string::npos) << line << "\n" << mail.message;
    }
    for (const std::string &title : hostile) {
        Mail other = mail_of(sample("new_issue", sample_issue(title)));
        EXPECT_EQ(other.message.find("\r\nBcc:"), std::string::npos);
        EXPECT_EQ(other.recipients.size(), 2u);
    }
}

}
}
