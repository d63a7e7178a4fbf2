/*
 * Messages as mail servers and readers of mail want them (RFC 5322, 2045, 2047): plain text in
 * UTF-8. Whatever its parts hold, titles of issues come from clients, they cannot add a header
 * or end the message. Pure.
 */

#ifndef ERRTRACK_WORKER_MAIL_MESSAGE_HPP
#define ERRTRACK_WORKER_MAIL_MESSAGE_HPP

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace errtrack {

struct MailMessage {
    std::string from;                   /* a bare address: errors@example.com */
    std::string from_name;              /* what readers show for it; may be empty */
    std::vector<std::string> to;        /* bare addresses */
    std::string subject;                /* any text: line breaks become blanks, and its end is cut */
    std::int64_t date = 0;              /* seconds since 1970 */
    std::string message_id;             /* without angle brackets: issue-7.new@errors.example.com */
    std::string in_reply_to;            /* the same of the message that this answers; may be empty */
    std::vector<std::string> references;        /* the same of the thread, oldest first */
    std::vector<std::pair<std::string, std::string>> headers;   /* others: Auto-Submitted, List-Id */
    std::string text;                   /* any text, with line breaks of any kind */
};

/* A part of a message cannot be in one; says which, and what it has to look like. */
class MailMessageError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/* One of several recipients who does not get a mail. */
struct MailRefusal {
    std::string recipient;
    std::string reply;                  /* of the server: 4xx is for now, 5xx for good; or why else */
};

/* bob@example.com (550 5.1.1 no such user), ... */
std::string text_of(const std::vector<MailRefusal> &refused);

/* What is wrong with an address, and what to do; empty when it is one: ASCII, user@host. */
std::string mail_address_fault(std::string_view address);

/* Headers, an empty line and the text, all lines ended by CR LF. Throws MailMessageError. */
std::string compose_mail(const MailMessage &message);

}

#endif
