/* Ways to have the daemon speak to what only it can reach: none gets a connection, and each
 * works as soon as the address is allowed, so it is the guard that keeps it out. */

#include "worker/web_client.hpp"

#include "t/unit/web_server.hpp"

#include <dlfcn.h>
#include <netdb.h>

#include <string>
#include <vector>

namespace {

/* What a resolver says of changes.example.com. */
std::string changing_address;

}

/* In front of that of the C library, for libcurl, too. */
extern "C" int getaddrinfo(const char *host, const char *port, const addrinfo *hints, addrinfo **found)
{
    auto *next = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
    bool changes = host != nullptr && std::string(host) == "changes.example.com";
    return next(changes ? changing_address.c_str() : host, port, hints, found);
}

namespace errtrack {
namespace {

using namespace std::chrono_literals;
using Kind = WebError::Kind;

const std::string answered = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* This host. */
const std::vector<std::string> forms = {
    "127.0.0.1", "2130706433", "0177.0.0.1", "017700000001", "0x7f.0.0.1", "0x7f000001", "0X7F.1", "127.1", "127.0.1",
    "0.0.0.0", "0", "localhost", "LOCALHOST", "hooks.localhost", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]"};

void answer_all(Peer &peer)
{
    while (peer.read_until("\r\n\r\n").ends_with("\r\n\r\n") && peer.write(answered)) {
    }
}

class WebGuard : public ::testing::Test {
protected:
    /* "answered", or the kind of error. */
    std::string outcome(WebClient &client, const std::string &url, bool guarded = true)
    {
        WebRequest request;
        request.url = url;
        request.guarded = guarded;
        request.bounds = {2s, 5s, 3s};
        try {
            return client.send(request, {}).body == "ok" ? "answered" : "another answer";
        } catch (const WebError &e) {
            text = e.what();
            return e.kind == Kind::not_allowed ? "not allowed" : e.kind == Kind::request ? "no request" : text;
        }
    }

    WebServer server{answer_all};
    WebClient guarding{WebClientSettings{}};
    WebClient allowing{WebClientSettings{AddressGuard({"127.0.0.0/8", "::1", "0.0.0.0"}), ""}};
    std::string text;                   /* of the last error */
};

TEST_F(WebGuard, refuses_this_host_in_whatever_form)
{
    const std::string behind = ":" + server.port() + "/";
    for (const std::string &host : forms) {
        EXPECT_EQ(outcome(guarding, "http://" + host + behind), "not allowed") << host << " " << text;
        EXPECT_NE(text.find("is not a public one (this host)"), std::string::npos) << text;
    }
    // Whether there is such a name is for the resolver to say.
    EXPECT_NE(outcome(guarding, "http://localhost." + behind), "answered");
    EXPECT_EQ(outcome(guarding, "http://127.0.0.1:" + server.port() + "#@example.com/"), "not allowed");
    EXPECT_EQ(outcome(guarding, "http://127.0.0.1:" + server.port() + "?@example.com/"), "not allowed");
    EXPECT_EQ(outcome(guarding, "http://127.255.255.254" + behind), "not allowed");
    EXPECT_EQ(outcome(guarding, "https://127.0.0.1:" + server.port() + "/"), "not allowed");
    EXPECT_EQ(server.connections(), 0U);
}

TEST_F(WebGuard, lets_the_same_through_when_it_is_allowed)
{
    const std::string behind = ":" + server.port() + "/";
    for (const std::string &host : forms) {
        EXPECT_EQ(outcome(allowing, "http://" + host + behind), "answered") << host;
    }
    EXPECT_EQ(outcome(allowing, "http://127.0.0.1:" + server.port() + "#@example.com/"), "answered");
    EXPECT_EQ(outcome(allowing, "http://127.0.0.1:" + server.port() + "?@example.com/"), "answered");
}

TEST_F(WebGuard, refuses_forms_that_other_readers_take_for_another_host)
{
    const std::string port = ":" + server.port();
    for (const std::string &authority :
         {"example.com@127.0.0.1" + port, "127.0.0.1" + port + "@example.com", "127.0.0.1" + port + "\\@example.com",
          "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1" + port, "\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1" + port,
          "127\xe3\x80\x82" "0.0.1" + port, "%31%32%37.0.0.1" + port, "[::1%25lo]" + port, "127.0.0.1 " + port,
          "127.0.0.1\t" + port}) {
        for (WebClient *client : {&guarding, &allowing}) {
            EXPECT_EQ(outcome(*client, "http://" + authority + "/"), "no request") << authority;
        }
    }
    EXPECT_EQ(server.connections(), 0U);
}

TEST_F(WebGuard, judges_what_a_resolver_says_now)
{
    const std::string url = "http://changes.example.com:" + server.port() + "/";
    const WebClientSettings settings{AddressGuard({"127.0.0.1"}), ""};
    changing_address = "127.0.0.1";
    WebClient before(settings);
    EXPECT_EQ(outcome(before, url), "answered");
    changing_address = "127.0.0.2";
    WebClient after(settings);
    EXPECT_EQ(outcome(after, url), "not allowed");
    EXPECT_EQ(server.connections(), 1U);
}

TEST_F(WebGuard, allows_a_port_alone)
{
    WebServer other(answer_all);
    WebClient client(WebClientSettings{AddressGuard({"127.0.0.1:" + server.port()}), ""});
    EXPECT_EQ(outcome(client, server.url()), "answered");
    EXPECT_EQ(outcome(client, other.url()), "not allowed");
    EXPECT_EQ(other.connections(), 0U);
}

TEST_F(WebGuard, is_not_led_on_by_a_redirect)
{
    WebServer redirects([this](Peer &peer) {
        peer.read_until("\r\n\r\n");
        peer.write("HTTP/1.1 302 Found\r\nLocation: " + server.url() + "\r\nContent-Length: 2\r\n\r\nok");
    });
    WebClient client(WebClientSettings{AddressGuard({"127.0.0.1:" + redirects.port()}), ""});
    EXPECT_EQ(outcome(client, redirects.url()), "answered");
    EXPECT_EQ(redirects.connections(), 1U);
    EXPECT_EQ(server.connections(), 0U);
}

TEST_F(WebGuard, takes_no_connection_that_was_made_without_it)
{
    EXPECT_EQ(outcome(guarding, server.url(), false), "answered");
    EXPECT_EQ(outcome(guarding, server.url(), true), "not allowed");
    EXPECT_EQ(outcome(guarding, server.url(), false), "answered");
    EXPECT_EQ(server.connections(), 1U);
}

}
}
