#include "worker/channel_mail.hpp"

#include "worker/channel_parts.hpp"
#include "worker/mail_message.hpp"
#include "worker/notice_text.hpp"
#include "worker/timestamp.hpp"

namespace errtrack {
namespace {

constexpr std::int64_t microseconds = 1'000'000;

}

Mail compose_mail_channel(const Channel &channel, const Notice &notice, const Delivery &delivery, const MailSettings &settings)
{
    if (settings.server.empty()) {
        throw ChannelError("errtrack-worker has no mail server: name one with --mail-server, or use a channel of another kind");
    }
    NoticeText text = text_of(notice, delivery.base);
    std::string host = settings.from.substr(settings.from.rfind('@') + 1);
    MailMessage message;
    message.from = settings.from;
    message.from_name = settings.from_name;
    message.to = setting(channel, "to");
    message.subject = text.subject;
    message.date = parse_timestamp(notice.at).value_or(delivery.now * microseconds) / microseconds;
    message.message_id = delivery.id + '@' + host;
    // Of a message that nobody sent: whichever of the others arrives first, they are its answers.
    message.in_reply_to = topic_of(notice) + '@' + host;
    message.references = {message.in_reply_to};
    message.headers = {
        {"Auto-Submitted", "auto-generated"},
        {"List-Id", notice.project.slug + " <project-" + std::to_string(notice.project.id) + '.' + host + '>'},
        {"X-Errtrack-Event", std::string(word_of(notice.kind))},
    };
    message.text = plain_text(text);

    Mail mail;
    mail.server = settings.server;
    mail.starttls = settings.starttls;
    mail.user = settings.user;
    mail.password = settings.password;
    mail.from = settings.from;
    mail.recipients = message.to;
    try {
        mail.message = compose_mail(message);
    } catch (const MailMessageError &error) {
        throw ChannelError(error.what());
    }
    return mail;
}

}
