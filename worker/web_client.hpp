/*
 * Requests to servers of others: the only user of libcurl in the daemon. HTTP for GitLab,
 * webhooks and trackers, SMTP for mail. Owned by one thread.
 *
 * A request takes as long as its bounds say and no longer, and ends at once when the thread
 * is told to stop. Nothing of the environment counts: no proxy, no .netrc, no cookies.
 * Certificates are verified, and no redirect is followed: it is an answer like others.
 */

#ifndef ERRTRACK_WORKER_WEB_CLIENT_HPP
#define ERRTRACK_WORKER_WEB_CLIENT_HPP

#include "worker/address_guard.hpp"
#include "worker/mail_message.hpp"
#include "worker/web_request.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace errtrack {

struct WebClientSettings {
    AddressGuard guard;
    std::string ca_file;            /* whose certificates are trusted; empty: the system's */
};

struct WebAnswer {
    long status = 0;
    std::string body;
    bool cut = false;               /* the body was longer */
    std::optional<std::chrono::seconds> retry_after;    /* above 0, at most most_retry_after */
};

/* However long a server wants to be left alone. */
inline constexpr std::chrono::seconds most_retry_after = std::chrono::hours(24);

/* A mail as it is handed to a server. */
struct Mail {
    enum class StartTls {
        required,
        if_offered,                 /* whoever is in between can keep it from being offered: no
                                     * password is sent so */
        none                        /* all in the clear, a password too */
    };

    std::string server;             /* smtp://mail.example.com:587, or smtps:// with TLS from the start */
    StartTls starttls = StartTls::required;     /* of smtp:// */
    std::string user;               /* empty: does not log in */
    std::string password;
    std::string from;               /* bare addresses, as the server gets them */
    std::vector<std::string> recipients;
    std::vector<MailRefusal> left_out;          /* whom its sender named as well */
    std::string message;            /* headers and text: see mail_message.hpp */
    WebBounds bounds{std::chrono::seconds(10), std::chrono::seconds(30), std::chrono::seconds(60)};
    bool guarded = false;           /* the operator names the server */
};

/* There is no answer. The text says why, names the host, and never the rest of the URL, which
 * may be a secret. */
class WebError : public std::runtime_error {
public:
    enum class Kind {
        request,                    /* it cannot be sent as it is: its URL, a header, an address */
        not_allowed,                /* its host leads to an address that the guard refuses */
        unresolved,                 /* no address for its host */
        unreachable,                /* nobody listens, or the connection broke */
        timed_out,
        certificate,                /* TLS: not trusted, not of that host, no common version */
        answer,                     /* too long, or not of the protocol */
        rejected,                   /* a mail server does not take it */
        stopped                     /* the thread was told to stop */
    };

    WebError(Kind error, const std::string &what, bool may_help);

    const Kind kind;
    const bool again;               /* trying again later may help */
};

class WebClient {
public:
    explicit WebClient(WebClientSettings settings);
    ~WebClient();
    WebClient(const WebClient &) = delete;
    WebClient &operator=(const WebClient &) = delete;

    /* Whatever its status, an answer is an answer. Throws WebError. */
    WebAnswer send(const WebRequest &request, const std::stop_token &stop);

    /* Returns when the server has taken the mail for one recipient at least, with those for whom
     * it has not. Throws WebError: then it has it for none, but when it did not answer in the
     * end. */
    std::vector<MailRefusal> send_mail(const Mail &mail, const std::stop_token &stop);

private:
    struct Handles;

    const WebClientSettings settings_;
    std::unique_ptr<Handles> handles_;
};

}

#endif
