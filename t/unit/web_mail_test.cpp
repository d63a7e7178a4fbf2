/* Mail, handed to servers that take it, refuse it, or cannot be trusted with it. */

#include "worker/web_client.hpp"

#include "t/unit/web_server.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <string>
#include <thread>

namespace errtrack {
namespace {

using namespace std::chrono_literals;
using Kind = WebError::Kind;

/* A mail server, with what it says to some commands in place of 250. */
struct Manners {
    std::string greeting = "220 mail.example.com ESMTP\r\n";
    std::string hello = "250-mail.example.com\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n";
    std::string rcpt = "250 2.1.5 ok\r\n";
    std::map<std::string, std::string> of;      /* the same for some of them */
    std::string auth = "235 2.7.0 welcome\r\n";
    std::string end_of_data = "250 2.0.0 queued\r\n";
    std::string silent_at = "nothing";  /* a command that it never answers */
    bool stalls = false;                /* with a message half read, until the test resumes */
    const Certificate *certificate = nullptr;
};

class WebMail : public ::testing::Test {
protected:
    void talk(Peer &peer)
    {
        peer.write(manners.greeting);
        while (true) {
            std::string line = peer.read_until("\r\n");
            server.tell(line);
            if (line.empty() || line.starts_with(manners.silent_at)) {
                peer.wait_until_closed();
                return;
            }
            if (line.starts_with("EHLO")) {
                peer.write(manners.hello);
            } else if (line.starts_with("STARTTLS")) {
                peer.write("220 go ahead\r\n");
                if (!peer.start_tls(*manners.certificate)) {
                    return;
                }
            } else if (line.starts_with("AUTH")) {
                peer.write("334 \r\n");
                server.tell(peer.read_until("\r\n"));
                peer.write(manners.auth);
            } else if (line.starts_with("RCPT")) {
                auto own = std::find_if(manners.of.begin(), manners.of.end(),
                                        [&](const auto &each) { return line.find(each.first) != line.npos; });
                std::string answer = own == manners.of.end() ? manners.rcpt : own->second;
                peer.write(answer);
                if (answer.starts_with("421")) {
                    return;             // as servers do
                }
            } else if (line.starts_with("DATA")) {
                peer.write("354 go ahead\r\n");
                if (manners.stalls) {
                    server.tell(peer.read_bytes(1));
                    resume.get_future().wait();
                }
                server.tell(peer.read_until("\r\n.\r\n"));
                peer.write(manners.end_of_data);
            } else if (line.starts_with("QUIT")) {
                peer.write("221 bye\r\n");
                return;
            } else {
                peer.write("250 ok\r\n");
            }
        }
    }

    Mail mail()
    {
        Mail made;
        made.server = "smtp://127.0.0.1:" + server.port();
        made.starttls = Mail::StartTls::none;
        made.from = "errors@example.com";
        made.recipients = {"ann@example.com", "bob@example.com"};
        made.message = "Subject: x\r\n\r\n.hidden\r\nFrom here\r\n.\r\nRCPT TO:<eve@example.com>\r\n";
        made.bounds = {2s, 1s, 4s};
        return made;
    }

    std::string sent(const Mail &given) { return sent(client, given); }

    static std::string sent(WebClient &by, const Mail &given)
    {
        try {
            std::string missed = text_of(by.send_mail(given, {}));
            return missed.empty() ? "sent" : "sent, but not to " + missed;
        } catch (const WebError &e) {
            return std::string(e.kind == Kind::rejected      ? "rejected"
                               : e.kind == Kind::certificate ? "certificate"
                               : e.kind == Kind::request     ? "request"
                               : e.kind == Kind::not_allowed ? "not allowed"
                                                             : "other")
                   + (e.again ? ", again: " : ": ") + e.what();
        }
    }

    bool told(const std::string &part) { return server.told().find(part) != std::string::npos; }

    Manners manners;
    std::promise<void> resume;
    Certificate certificate;
    WebServer server{[this](Peer &peer) { talk(peer); }};
    WebClient client{WebClientSettings{}};
};

TEST_F(WebMail, arrives_whole_for_each_recipient)
{
    EXPECT_EQ(sent(mail()), "sent");
    std::string all = server.told();
    all.erase(0, all.find("\r\n") + 2);         // the greeting names this host
    EXPECT_EQ(all, "MAIL FROM:<errors@example.com>\r\n"
                   "RCPT TO:<ann@example.com>\r\n"
                   "RCPT TO:<bob@example.com>\r\n"
                   "DATA\r\n"
                   "Subject: x\r\n\r\n..hidden\r\nFrom here\r\n..\r\nRCPT TO:<eve@example.com>\r\n.\r\n"
                   "QUIT\r\n");
    EXPECT_EQ(sent(mail()), "sent");
    EXPECT_EQ(server.connections(), 2U);
}

TEST_F(WebMail, that_is_refused_says_what_the_server_said)
{
    std::string host = "127.0.0.1:" + server.port();
    manners.rcpt = "550 5.1.1 no such \x1b[31muser\r\n";
    EXPECT_EQ(sent(mail()), "rejected: " + host + ": takes the mail for nobody: ann@example.com (550 5.1.1 no such ?[31muser), "
                            "bob@example.com (550 5.1.1 no such ?[31muser)");
    manners.of["bob"] = "451 4.7.1 greylisted\r\n";
    EXPECT_EQ(sent(mail()), "rejected, again: " + host + ": takes the mail for nobody: ann@example.com (550 5.1.1 no such ?[31muser), "
                            "bob@example.com (451 4.7.1 greylisted)");
    manners.of.clear();
    manners.rcpt = "250 ok\r\n";
    manners.end_of_data = "554 5.7.1 spam\r\n";
    EXPECT_EQ(sent(mail()), "rejected: " + host + ": does not take the mail: 554 5.7.1 spam");
    manners.greeting = "421 4.3.2 busy\r\n";
    EXPECT_EQ(sent(mail()), "rejected, again: " + host + ": does not take the mail: 421 4.3.2 busy");
}

TEST_F(WebMail, arrives_for_those_whom_the_server_takes)
{
    manners.of["ann"] = "550-5.1.1 no such user\r\n550 5.1.1 ask elsewhere\r\n";
    Mail given = mail();
    given.recipients.push_back("eve@example.com");
    EXPECT_EQ(sent(given), "sent, but not to ann@example.com (550-5.1.1 no such user)");
    EXPECT_TRUE(told("RCPT TO:<eve@example.com>\r\nDATA\r\n")) << server.told();
    manners.of = {{"eve", "451 4.7.1 greylisted\r\n"}, {"bob", "550 5.7.1 not for you\r\n"}};
    EXPECT_EQ(sent(given), "sent, but not to bob@example.com (550 5.7.1 not for you), eve@example.com (451 4.7.1 greylisted)");
    manners.end_of_data = "554 5.7.1 spam\r\n";
    EXPECT_EQ(sent(given), "rejected: 127.0.0.1:" + server.port() + ": does not take the mail: 554 5.7.1 spam");
}

TEST_F(WebMail, that_ends_amid_its_recipients_is_sent_to_nobody)
{
    manners.of["bob"] = "421 4.3.2 going down\r\n";
    EXPECT_EQ(sent(mail()), "rejected, again: 127.0.0.1:" + server.port() + ": does not take the mail: 421 4.3.2 going down");
    EXPECT_FALSE(told("Subject")) << server.told();
}

TEST_F(WebMail, logs_in_when_there_is_a_user)
{
    Mail given = mail();
    given.user = "errtrack";
    given.password = "secret";
    EXPECT_EQ(sent(given), "sent");
    EXPECT_TRUE(told("AUTH PLAIN") && told("AGVycnRyYWNrAHNlY3JldA==")) << server.told();
    manners.auth = "535 5.7.8 wrong\r\n";
    EXPECT_EQ(sent(given), "rejected: 127.0.0.1:" + server.port() + ": refuses user or password: 535 5.7.8 wrong");
    manners.hello = "250-mail.example.com\r\n250 AUTH X-SECRET-HANDSHAKE\r\n";
    EXPECT_EQ(sent(given),
              "rejected: 127.0.0.1:" + server.port() + ": offers no way to log in, or none that is known here");
}

TEST_F(WebMail, stays_here_without_the_tls_that_is_required)
{
    Mail given = mail();
    given.starttls = Mail::StartTls::required;
    given.user = "errtrack";
    given.password = "secret";
    EXPECT_NE(sent(given).find("certificate: 127.0.0.1:" + server.port() + ": offers no STARTTLS"),
              std::string::npos) << sent(given);
    manners.hello = "250-mail.example.com\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n";
    manners.certificate = &certificate;
    EXPECT_NE(sent(given).find("no TLS connection that can be trusted"), std::string::npos);
    given.starttls = Mail::StartTls::if_offered;
    EXPECT_NE(sent(given).find("request: a password is not sent where TLS is only used if it is offered"),
              std::string::npos);
    given.password = "";
    given.user = "";
    EXPECT_NE(sent(given).find("no TLS connection that can be trusted"), std::string::npos);
    EXPECT_FALSE(told("AUTH") || told("MAIL") || told("DATA")) << server.told();
}

TEST_F(WebMail, goes_over_tls_to_servers_that_are_trusted)
{
    manners.hello = "250-mail.example.com\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n";
    manners.certificate = &certificate;
    WebClient trusting(WebClientSettings{{}, certificate.file()});
    Mail given = mail();
    given.starttls = Mail::StartTls::required;
    given.user = "errtrack";
    given.password = "secret";
    EXPECT_EQ(sent(trusting, given), "sent");
    EXPECT_LT(server.told().find("STARTTLS"), server.told().find("AUTH PLAIN"));
    given = mail();
    given.starttls = Mail::StartTls::if_offered;
    EXPECT_EQ(sent(trusting, given), "sent");
    manners.hello = "250 mail.example.com\r\n";
    EXPECT_EQ(sent(trusting, given), "sent");
}

TEST_F(WebMail, cannot_carry_commands_in_its_addresses)
{
    Mail given = mail();
    given.recipients = {"ann@example.com>\r\nRCPT TO:<eve@example.com"};
    EXPECT_NE(sent(given).find("request: an address of the mail cannot be used"), std::string::npos);
    given = mail();
    given.from = "a@example.com> SIZE=1";
    EXPECT_NE(sent(given).find("request: an address of the mail cannot be used"), std::string::npos);
    given = mail();
    given.recipients = {};
    EXPECT_NE(sent(given).find("request: the mail has no recipient"), std::string::npos);
    given = mail();
    given.server += "/helo";
    EXPECT_NE(sent(given).find("request: the address of the mail server cannot be used"), std::string::npos);
    EXPECT_EQ(server.connections(), 0U);
}

TEST_F(WebMail, is_guarded_when_it_is_to_be)
{
    Mail given = mail();
    given.guarded = true;
    EXPECT_EQ(sent(given).find("not allowed"), 0U);
    EXPECT_EQ(server.connections(), 0U);
}

TEST_F(WebMail, gives_up_on_a_server_that_says_nothing)
{
    manners.greeting = "";
    Mail given = mail();
    given.bounds = {200ms, 1s, 300ms};
    EXPECT_NE(sent(given).find("takes too long"), std::string::npos);
}

/* Sends until the server has told that word, and is told to stop then. Whether the mail was
 * sent nevertheless. */
bool sent_until(WebClient &client, WebServer &server, const Mail &mail, const std::string &word,
                std::chrono::milliseconds within)
{
    bool sent = false;
    std::jthread sending([&](const std::stop_token &stop) {
        try {
            client.send_mail(mail, stop);
            sent = true;
        } catch (const WebError &e) {
            EXPECT_EQ(e.kind, Kind::stopped) << e.what();
        }
    });
    server.wait_for_word(word);
    auto begin = std::chrono::steady_clock::now();
    sending.request_stop();
    sending.join();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, within) << word;
    return sent;
}

TEST_F(WebMail, ends_at_once_when_it_is_told_to_stop)
{
    Mail given = mail();
    given.bounds = {10s, 10s, 10s};
    for (const std::string command : {"EHLO", "RCPT", "DATA"}) {
        manners.silent_at = command;
        EXPECT_FALSE(sent_until(client, server, given, command, 500ms));
    }
    // The mail is taken then. For the answer libcurl waits by itself, and looks up once a second.
    manners.silent_at = "QUIT";
    EXPECT_TRUE(sent_until(client, server, given, "QUIT", 1500ms));
}

TEST_F(WebMail, is_not_delivered_in_part_when_it_is_told_to_stop)
{
    manners.stalls = true;
    Mail given = mail();
    given.bounds = {10s, 10s, 10s};
    given.message = "Subject: x\r\n\r\n";
    while (given.message.size() < 16'000'000) {
        given.message += std::string(74, 'x') + "\r\n";
    }
    EXPECT_FALSE(sent_until(client, server, given, "DATA\r\nS", 500ms));
    resume.set_value();
    server.wait_for_word("xxx");
    EXPECT_FALSE(told("\r\n.\r\n"));
    EXPECT_LT(server.told().size(), given.message.size());
}

}
}
