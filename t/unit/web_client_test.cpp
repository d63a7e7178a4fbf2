/* The owner of libcurl against servers that hang, drip, flood, lie and hang up. */

#include "worker/web_client.hpp"

#include "t/unit/web_server.hpp"

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>

namespace errtrack {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Kind = WebError::Kind;

const std::string answered = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* Answers each request of a connection with this, and goes on. */
WebServer::Talk answers(const std::string &answer)
{
    return [answer](Peer &peer) {
        while (peer.read_until("\r\n\r\n").ends_with("\r\n\r\n") && peer.write(answer)) {
        }
    };
}

/* The same once, and hangs up. */
WebServer::Talk answers_once(const std::string &answer)
{
    return [answer](Peer &peer) {
        peer.read_until("\r\n\r\n");
        peer.write(answer);
    };
}

/* An unguarded request with bounds that suit a test. */
WebRequest request(const std::string &url)
{
    WebRequest made;
    made.url = url;
    made.guarded = false;
    made.bounds = {2s, 5s, 5s};
    return made;
}

class WebClientTest : public ::testing::Test {
protected:
    WebAnswer ask(const WebRequest &asked) { return client.send(asked, std::stop_token()); }

    /* The error of a request that gets no answer. */
    WebError error(const WebRequest &asked)
    {
        try {
            WebAnswer answer = ask(asked);
            return {Kind::answer, "none: status " + std::to_string(answer.status), false};
        } catch (const WebError &e) {
            return e;
        }
    }

    void expect_error(const WebRequest &asked, Kind kind, bool again, const std::string &part)
    {
        WebError found = error(asked);
        EXPECT_EQ(found.kind, kind) << found.what();
        EXPECT_EQ(found.again, again) << found.what();
        EXPECT_NE(std::string(found.what()).find(part), std::string::npos) << found.what();
    }

    WebClient client{WebClientSettings{}};
};

TEST_F(WebClientTest, sends_each_method_with_its_headers_and_body)
{
    WebServer *told = nullptr;
    WebServer server([&told](Peer &peer) {
        std::string head = peer.read_until("\r\n\r\n");
        std::size_t length = head.find("Content-Length: ");
        told->tell(head + (length == head.npos ? "" : peer.read_bytes(std::stoul(head.substr(length + 16)))) + "|");
        peer.write("HTTP/1.1 204 No Content\r\n\r\n");
    });
    told = &server;
    WebRequest asked = request(server.url("/a?b=c"));
    asked.body = std::string("{\"x\":\"\0\"}", 9);
    asked.headers = {"Content-Type: application/json", "X-Errtrack: 1"};
    std::string wanted;
    for (auto [method, name] : {std::pair(WebRequest::Method::get, "GET"),
                                std::pair(WebRequest::Method::post, "POST"),
                                std::pair(WebRequest::Method::put, "PUT"),
                                std::pair(WebRequest::Method::patch, "PATCH")}) {
        asked.method = method;
        EXPECT_EQ(ask(asked).status, 204);
        bool get = method == WebRequest::Method::get;
        wanted += std::string(name) + " /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + server.port()
                  + "\r\nUser-Agent: errtrack-worker\r\nAccept: */*\r\n"
                    "Content-Type: application/json\r\nX-Errtrack: 1\r\n"
                  + (get ? "" : "Content-Length: 9\r\n") + "\r\n" + (get ? "" : asked.body) + "|";
    }
    EXPECT_EQ(server.told(), wanted);
}

TEST_F(WebClientTest, sends_large_bodies_at_once)
{
    WebServer server([](Peer &peer) {
        bool expects = peer.read_until("\r\n\r\n").find("Expect:") != std::string::npos;
        bool whole = peer.read_bytes(3'000'000) == std::string(3'000'000, 'x');
        peer.write(!expects && whole ? answered : "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    });
    WebRequest asked = request(server.url());
    asked.method = WebRequest::Method::post;
    asked.body = std::string(3'000'000, 'x');
    EXPECT_EQ(ask(asked).status, 200);
}

TEST_F(WebClientTest, keeps_the_connection)
{
    WebServer server(answers(answered));
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(ask(request(server.url())).body, "ok");
    }
    EXPECT_EQ(server.connections(), 1U);
}

TEST_F(WebClientTest, follows_no_redirect)
{
    WebServer other(answers(answered));
    for (int status : {301, 302, 303, 307, 308}) {
        WebServer server(answers("HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + other.url()
                                 + "\r\nRefresh: 0; url=" + other.url() + "\r\nContent-Length: 0\r\n\r\n"));
        EXPECT_EQ(ask(request(server.url())).status, status);
    }
    EXPECT_EQ(other.connections(), 0U);
}

TEST_F(WebClientTest, takes_no_proxy_from_the_environment)
{
    WebServer proxy(answers(answered));
    WebServer server(answers(answered));
    for (const char *name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
        setenv(name, proxy.url().c_str(), 1);
    }
    EXPECT_EQ(ask(request(server.url())).body, "ok");
    for (const char *name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
        unsetenv(name);
    }
    EXPECT_EQ(proxy.connections(), 0U);
}

TEST_F(WebClientTest, keeps_no_cookies)
{
    WebServer server([](Peer &peer) {
        while (true) {
            std::string head = peer.read_until("\r\n\r\n");
            std::string status = head.find("Cookie") != head.npos ? "500" : "200";
            if (head.empty()
                || !peer.write("HTTP/1.1 " + status + " OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"))
            {
                return;
            }
        }
    });
    EXPECT_EQ(ask(request(server.url())).status, 200);
    EXPECT_EQ(ask(request(server.url())).status, 200);
}

TEST_F(WebClientTest, reads_answers_in_pieces)
{
    WebServer server([](Peer &peer) {
        peer.read_until("\r\n\r\n");
        for (char c : std::string("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"
                                  "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) {
            peer.write({&c, 1});
            peer.closed_within(1);
        }
    });
    WebAnswer answer = ask(request(server.url()));
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(answer.body, "abcde");
    EXPECT_FALSE(answer.cut);
}

TEST_F(WebClientTest, cuts_or_refuses_bodies_that_are_too_long)
{
    for (const std::string head : {"HTTP/1.1 200 OK\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"}) {
        WebServer endless([head](Peer &peer) {
            peer.read_until("\r\n\r\n");
            for (bool there = peer.write(head); there; there = peer.write(std::string(10'000, 'x'))) {
            }
        });
        WebRequest asked = request(endless.url());
        asked.most_answer = 30'000;
        WebAnswer answer = ask(asked);
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, std::string(30'000, 'x'));
        EXPECT_TRUE(answer.cut);
        asked.excess = WebRequest::Excess::refuse;
        expect_error(asked, Kind::answer, false, "longer than 30000 bytes");
    }
    WebServer exact(answers(answered));
    WebRequest asked = request(exact.url());
    asked.excess = WebRequest::Excess::refuse;
    asked.most_answer = 2;
    EXPECT_EQ(ask(asked).body, "ok");
    asked.most_answer = 1;
    expect_error(asked, Kind::answer, false, "longer than 1 bytes");
}

TEST_F(WebClientTest, refuses_headers_without_end)
{
    for (const std::string &part : {"X-Header: " + std::string(1000, 'x') + "\r\n", std::string(1000, 'x'),
                                    std::string("\r\nHTTP/1.1 100 Continue\r\n")}) {
        WebServer endless([part](Peer &peer) {
            peer.read_until("\r\n\r\n");
            for (bool there = peer.write("HTTP/1.1 100 Continue\r\n"); there; there = peer.write(part)) {
            }
        });
        WebError found = error(request(endless.url()));
        EXPECT_TRUE(found.kind == Kind::answer) << found.what();
    }
}

TEST_F(WebClientTest, gives_up_on_servers_that_hang)
{
    WebServer silent([](Peer &peer) { peer.wait_until_closed(); });
    WebServer stuck([](Peer &peer) {
        peer.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
        peer.wait_until_closed();
    });
    for (const std::string &url : {silent.url("/secret"), stuck.url("/secret"),
                                   "https://127.0.0.1:" + silent.port() + "/secret"}) {
        WebRequest asked = request(url);
        asked.bounds = {100ms, 5s, 150ms};
        auto begin = Clock::now();
        WebError found = error(asked);
        EXPECT_EQ(found.kind, Kind::timed_out) << found.what();
        EXPECT_TRUE(found.again);
        EXPECT_LT(Clock::now() - begin, 1s);
        // The path of a webhook may be its password.
        EXPECT_EQ(std::string(found.what()).find("secret"), std::string::npos) << found.what();
    }
}

TEST_F(WebClientTest, gives_up_on_servers_that_drip)
{
    WebServer drips([](Peer &peer) {
        peer.read_until("\r\n\r\n");
        for (bool there = peer.write("HTTP/1.1 200 OK\r\n\r\n"); there; there = peer.write("x")) {
            peer.closed_within(300);
        }
    });
    WebRequest asked = request(drips.url());
    asked.bounds = {1s, 1s, 10s};
    auto begin = Clock::now();
    expect_error(asked, Kind::timed_out, true, "too slow");
    EXPECT_LT(Clock::now() - begin, 4s);
    asked.bounds = {1s, 5s, 200ms};
    expect_error(asked, Kind::timed_out, true, "takes too long");
}

TEST_F(WebClientTest, reads_when_to_come_back)
{
    auto retry_after = [this](const std::string &value) {
        WebServer server(answers("HTTP/1.1 429 Slow Down\r\n" + value + "Content-Length: 0\r\n\r\n"));
        std::optional<std::chrono::seconds> after = ask(request(server.url())).retry_after;
        return after ? after->count() : -1;
    };
    auto date = [](std::time_t time) {
        char text[64];
        std::tm parts = {};
        std::strftime(text, sizeof(text), "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&time, &parts));
        return std::string(text);
    };
    EXPECT_EQ(retry_after("Retry-After: 120\r\n"), 120);
    EXPECT_EQ(retry_after("retry-after:7\r\n"), 7);
    EXPECT_EQ(retry_after("Retry-After: 999999999\r\n"), 86400);
    auto later = retry_after(date(std::time(nullptr) + 600));
    EXPECT_TRUE(later > 590 && later <= 600) << later;
    EXPECT_EQ(retry_after(date(std::time(nullptr) + 1'000'000)), 86400);
    for (const std::string &none : {std::string(), date(std::time(nullptr) - 600), std::string("Retry-After: 0\r\n"),
                                    std::string("Retry-After: -5\r\n"), std::string("Retry-After: soon\r\n"),
                                    std::string("Retry-After:\r\n"),
                                    std::string("Retry-After: 99999999999999999999\r\n")}) {
        EXPECT_EQ(retry_after(none), -1) << none;
    }
}

TEST_F(WebClientTest, says_why_there_is_no_answer)
{
    for (const std::string answer : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
                                     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"}) {
        WebServer server(answers_once(answer));
        expect_error(request(server.url()), Kind::unreachable, true, "closed the connection");
    }
    WebServer other(answers_once("SSH-2.0-OpenSSH_9.2\r\n"));
    expect_error(request(other.url()), Kind::answer, true, "127.0.0.1:" + other.port() + ": its answer is not HTTP");
    std::string url;
    {
        WebServer gone(answers_once(""));
        url = gone.url();
    }
    expect_error(request(url), Kind::unreachable, true, "cannot connect (Connection refused)");
    // No name has a part of 64 letters, so nobody is asked.
    expect_error(request("http://" + std::string(64, 'a') + ".example/"), Kind::unresolved, true,
                 "a.example: no address");
}

TEST_F(WebClientTest, sends_nothing_that_is_not_well_formed)
{
    WebServer server(answers(answered));
    for (const std::string &url : {"ftp://127.0.0.1:" + server.port() + "/", std::string("file:///etc/hostname"),
                                   "http://u:p@127.0.0.1:" + server.port() + "/", server.url("/\r\nX: y"),
                                   server.url("/") + std::string(2048, 'x')}) {
        expect_error(request(url), Kind::request, false, "the address cannot be asked: ");
    }
    WebRequest asked = request(server.url());
    for (const std::string line : {"X: y\r\nZ: 1", "no header", "Host: other"}) {
        asked.headers = {line};
        expect_error(asked, Kind::request, false, "a header cannot be sent: ");
    }
    EXPECT_EQ(server.connections(), 0U);
}

TEST_F(WebClientTest, trusts_only_certificates_of_known_authorities)
{
    Certificate certificate;
    WebServer server([&](Peer &peer) {
        if (peer.start_tls(certificate)) {
            peer.read_until("\r\n\r\n");
            peer.write(answered);
        }
    });
    WebRequest named = request("https://localhost:" + server.port() + "/");
    expect_error(named, Kind::certificate, false, "its certificate has to be for this name");
    WebClient trusting(WebClientSettings{{}, certificate.file()});
    EXPECT_EQ(trusting.send(named, {}).body, "ok");
    // For ::1 it is not, whoever signed it.
    EXPECT_THROW(trusting.send(request("https://[::1]:" + server.port() + "/"), {}), WebError);
    WebServer plain([](Peer &peer) {
        peer.write(answered);
        peer.wait_until_closed();
    });
    WebError found = error(request("https://127.0.0.1:" + plain.port() + "/"));
    EXPECT_EQ(found.kind, Kind::certificate) << found.what();
}

TEST_F(WebClientTest, ends_at_once_when_it_is_told_to_stop)
{
    WebServer *told = nullptr;
    WebServer server([&told](Peer &peer) {
        told->tell(peer.read_until("\r\n\r\n"));
        peer.wait_until_closed();
    });
    told = &server;
    Clock::time_point ended;
    Kind kind = Kind::answer;
    std::jthread asking([&](const std::stop_token &stop) {
        try {
            client.send(request(server.url()), stop);
        } catch (const WebError &e) {
            kind = e.kind;
        }
        ended = Clock::now();
    });
    server.wait_for_word("GET");
    auto begin = Clock::now();
    asking.request_stop();
    asking.join();
    EXPECT_EQ(kind, Kind::stopped);
    EXPECT_LT(ended - begin, 500ms);

    std::stop_source before;
    before.request_stop();
    EXPECT_THROW(client.send(request(server.url()), before.get_token()), WebError);
    EXPECT_EQ(server.connections(), 1U);
}

}
}
