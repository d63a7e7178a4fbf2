/*
 * Any bytes may be a title: in each markup they stay within their bound and whole, and what
 * each kind of channel is sent about them is valid and not too long. For
 * clang -fsanitize=fuzzer.
 */

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "worker/channel.hpp"
#include "worker/json.hpp"
#include "worker/markup.hpp"
#include "worker/notice_text.hpp"
#include "worker/repair.hpp"

namespace {

using namespace errtrack;

void require(bool right)
{
    if (!right) {
        std::abort();
    }
}

bool is_line(std::string_view text)
{
    while (!text.empty()) {
        std::size_t invalid = 0;
        std::size_t length = utf8_sequence(text, invalid);
        if (length == 0 || static_cast<unsigned char>(text[0]) < ' ') {
            return false;
        }
        text.remove_prefix(length);
    }
    return true;
}

void check_markup(std::string_view text)
{
    for (Markup markup : {Markup::none, Markup::entities, Markup::mattermost, Markup::discord, Markup::commonmark, Markup::references}) {
        std::string whole = inert(text, markup, text.size() * 6);
        require(is_line(whole));
        require(markup != Markup::entities || whole.find_first_of("<>") == whole.npos);
        require(markup != Markup::discord || whole.find("<@") == whole.npos);
        require(markup != Markup::mattermost || (whole.find("@a") == whole.npos && whole.find("](") == whole.npos));
        for (std::size_t most : {1, 2, 3, 10, 100}) {
            std::string cut = inert(text, markup, most);
            require(is_line(cut) && units_of(cut) <= most);
            require(cut == whole || (cut.ends_with("\xe2\x80\xa6") && whole.starts_with(cut.substr(0, cut.size() - 3))));
        }
    }
}

std::string notice_about(std::string_view text)
{
    std::string quoted;
    append_json_string(quoted, text);
    std::string json = R"({"kind": "regression", "at": )" + quoted
                       + R"(, "project": {"id": 7, "slug": "shop", "organization": "acme"}, "issue": {"id": 42)";
    for (const char *member : {"short_id", "title", "culprit", "level", "type", "first_seen", "last_release", "assigned_to"}) {
        json += ", \"" + std::string(member) + "\": " + quoted;
    }
    return json + R"(}, "event": {"release": )" + quoted + R"(, "environment": )" + quoted + R"(}, "reason": {"resolved_by": )" + quoted + "}}";
}

}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    std::string_view text(reinterpret_cast<const char *>(data), size);
    check_markup(text);
    try {
        read_notice(text);
    } catch (const NoticeError &) {
        // Most bytes are none.
    }
    Notice notice = read_notice(notice_about(text));
    const Delivery delivery{"3b241101-e2bb-4255-8caf-4136c566a962", 0, "https://errors.example.com"};
    MailSettings mail;
    mail.server = "smtp://mail.example.com";
    mail.from = "errors@example.com";
    for (const char *kind : {"webhook", "slack", "mattermost", "discord", "teams", "google_chat", "pagerduty", "gitlab_alert"}) {
        Channel channel{kind, "https://hooks.example.com/x", "secret", "{}"};
        std::string body = std::get<WebRequest>(compose(channel, notice, delivery, mail)).body;
        Json document;
        require(document.parse(body) && document.root().is_object());
        require(channel.kind == "webhook" || body.size() <= 28 * 1024);
    }
    Channel channel{"mail", "", "", R"({"to": ["ann@example.com"]})"};
    std::string message = std::get<Mail>(compose(channel, notice, delivery, mail)).message;
    require(message.substr(0, message.find("\r\n\r\n")).find("\r\nBcc:") == message.npos);
    for (const char *kind : {"slack", "teams", "discord", "google_chat"}) {
        judge_answer(kind, {200, std::string(text), false, std::nullopt});
        judge_answer(kind, {429, std::string(text), false, std::nullopt});
    }
    return 0;
}
