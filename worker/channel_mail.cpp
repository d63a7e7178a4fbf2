#include "worker/channel_mail.hpp"

#include "worker/channel_parts.hpp"
#include "worker/mail_message.hpp"
#include "worker/notice_text.hpp"
#include "worker/repair.hpp"
#include "worker/timestamp.hpp"

#include <algorithm>

namespace errtrack {
namespace {

constexpr std::int64_t microseconds = 1'000'000;

bool is_of(const std::string &address, const std::vector<std::string> &domains)
{
    std::string own = lower(std::string_view(address).substr(address.rfind('@') + 1));
    return domains.empty()
           || std::any_of(domains.begin(), domains.end(), [&](const std::string &domain) { return lower(domain) == own; });
}

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
    std::vector<MailRefusal> left_out;
    for (std::string &address : setting(channel, "to")) {
        if (is_of(address, settings.domains)) {
            message.to.push_back(std::move(address));
        } else {
            left_out.push_back({std::move(address), "the operator lets no mail go to this domain: --mail-domain"});
        }
    }
    if (message.to.empty() && !left_out.empty()) {
        throw ChannelError("mail is sent to nobody: " + text_of(left_out));
    }
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
    mail.left_out = std::move(left_out);
    try {
        mail.message = compose_mail(message);
    } catch (const MailMessageError &error) {
        throw ChannelError(error.what());
    }
    return mail;
}

}
