/*
 * Settings of a project as the projection has them, and the requests that they meet.
 */

#include "ngx_module/rules.hpp"

#include <gtest/gtest.h>

#include <string>

namespace errtrack {
namespace {

std::string rules_of(const std::string &json, unsigned expected_bad = 0)
{
    unsigned bad = 0;
    std::string rules = compile_rules(json, bad);
    EXPECT_EQ(bad, expected_bad) << json;
    return rules;
}

bool allows(const std::string &pattern, std::string_view origin)
{
    return origin_allowed(rules_of(R"({"origins": [")" + pattern + R"("]})"), origin);
}

std::string filter(const std::string &json, const ClientFacts &client)
{
    return std::string(filter_of(rules_of(json), client));
}

TEST(Rules, AreCompiledToLines)
{
    EXPECT_EQ(rules_of(R"({"id": 1, "limits": {"all": [1, 60]}})"), "");
    EXPECT_EQ(rules_of(R"({"sdks": ["sentry.*<7.0.0"], "agents": ["crawlers", "legacy-browsers"],
                           "addresses": ["192.0.2.0/24", "2001:db8::1"],
                           "origins": ["HTTPS://*.Example.com:443/path", "*"]})"),
              "o https://*.example.com:443\no *\na 192.0.2.0/24\na 2001:db8::1\n"
              "u crawlers\nu legacy-browsers\ns sentry.*<7.0.0\n");
}

TEST(Rules, BadOnesAreLeftOutAndCounted)
{
    for (const char *json : {"", "nonsense", "[]", "1", "{", "null"}) {
        EXPECT_EQ(rules_of(json, 1), "") << json;
    }
    EXPECT_EQ(rules_of(R"({"origins": ["", "a b", "x\ny", "http://", "*.", "a.*.b", "h:0", "h:65536",
                                       "h:x", "h:", "ht tp://h", "[nonsense]", 1, null, "ok.example"]})",
                       14),
              "o ok.example\n");
    EXPECT_EQ(rules_of(R"({"addresses": ["", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/x", "::1/129",
                                         "g::", "1.2.3.4/-1", "10.0.0.0/8"]})",
                       8),
              "a 10.0.0.0/8\n");
    EXPECT_EQ(rules_of(R"({"agents": ["", "Crawlers", "robots", {}, "crawlers"]})", 4), "u crawlers\n");
    EXPECT_EQ(rules_of(R"({"sdks": ["", "<1", "a<", "a<x", "a*b", "**", "a b", "a<1<2", "*"]})", 8),
              "s *\n");
    EXPECT_EQ(rules_of(R"({"origins": "x", "sdks": {}})", 2), "");
}

TEST(Rules, WhatDoesNotFitIsLeftOutFiltersFirst)
{
    std::string json = R"({"sdks": ["last"], "origins": [)";
    for (int i = 0; i < 40; i++) {
        json += '"' + std::string(200, 'a') + "\", ";
    }
    std::string rules = rules_of(json + "\"b\"]}", 20);
    EXPECT_LE(rules.size(), max_rules);
    EXPECT_EQ(rules.substr(0, 3), "o a");
    EXPECT_EQ(rules.back(), '\n');
    EXPECT_EQ(rules.size() / 203, 20u);
    EXPECT_EQ(rules_of(R"({"origins": [")" + std::string(301, 'a') + R"("]})", 1), "");
}

TEST(Origins, WithoutRulesAllAre)
{
    EXPECT_TRUE(origin_allowed("", "https://anybody.example"));
    EXPECT_TRUE(origin_allowed(rules_of(R"({"agents": ["crawlers"]})"), "https://anybody.example"));
    EXPECT_TRUE(allows("example.com", ""));
    EXPECT_TRUE(allows("*", "null"));
    EXPECT_TRUE(allows("*", "nonsense"));
}

TEST(Origins, PartsOfAPatternAreOptional)
{
    for (std::string_view origin : {"http://abc.com", "https://abc.com", "http://ABC.com:91",
                                    "https://abc.com/page?x=https://evil.example", "https://u:p@abc.com/"})
    {
        EXPECT_TRUE(allows("abc.com", origin)) << origin;
        EXPECT_TRUE(allows("*://abc.com:*", origin)) << origin;
    }
    EXPECT_TRUE(allows("https://abc.com", "https://abc.com:8443"));
    EXPECT_FALSE(allows("https://abc.com", "http://abc.com"));
    EXPECT_TRUE(allows("abc.com:8080", "http://abc.com:8080"));
    EXPECT_FALSE(allows("abc.com:8080", "http://abc.com"));
    // A browser leaves the usual port out.
    EXPECT_TRUE(allows("https://abc.com:443", "https://abc.com"));
    EXPECT_TRUE(allows("abc.com:80", "http://abc.com"));
    EXPECT_TRUE(allows("abc.com/ignored", "http://abc.com"));
    EXPECT_TRUE(allows("null", "null"));
    EXPECT_TRUE(allows("app://*", "app://."));
    EXPECT_TRUE(allows("http://[::1]:3000", "http://[::1]:3000"));
    EXPECT_TRUE(allows("[::1]", "http://[::1]:3000"));
    EXPECT_FALSE(allows("[::1]:3001", "http://[::1]:3000"));
}

TEST(Origins, AStarStandsForSubdomainsAndTheDomain)
{
    for (std::string_view origin : {"https://example.org", "https://a.example.org",
                                    "https://A.B.EXAMPLE.org:8443"})
    {
        EXPECT_TRUE(allows("*.example.org", origin)) << origin;
    }
    for (std::string_view origin :
         {"https://notexample.org", "https://example.org.evil.com", "https://evil.com/.example.org",
          "https://evil.com\\.example.org", "https://evil.com?.example.org", "https://evil.com#.example.org",
          "https://example.org@evil.com", "https://evil.com/https://example.org", "example.org.", "null",
          "https://", "://", "@", "[", "https://[example.org"})
    {
        EXPECT_FALSE(allows("*.example.org", origin)) << origin;
        EXPECT_FALSE(allows("example.org", origin)) << origin;
    }
}

TEST(Filters, Networks)
{
    std::string json = R"({"addresses": ["192.0.2.0/24", "10.1.2.3", "2001:db8::/33", "172.16.5.9/12"]})";
    for (std::string_view address : {"192.0.2.0", "192.0.2.255", "10.1.2.3", "::ffff:192.0.2.7",
                                     "::FFFF:a01:203", "2001:db8:7fff::1", "172.31.0.1"})
    {
        EXPECT_EQ(filter(json, {address, "", ""}), "ip-address") << address;
    }
    for (std::string_view address : {"192.0.3.0", "10.1.2.4", "2001:db8:8000::", "::192.0.2.7", "172.32.0.1",
                                     "", "unix:", "192.0.2", "192.0.2.1 ", "nonsense"})
    {
        EXPECT_EQ(filter(json, {address, "", ""}), "") << address;
    }
    EXPECT_EQ(filter(R"({"addresses": ["0.0.0.0/0"]})", {"198.51.100.1", "", ""}), "ip-address");
    EXPECT_EQ(filter(R"({"addresses": ["0.0.0.0/0"]})", {"2001:db8::1", "", ""}), "");
    EXPECT_EQ(filter(R"({"addresses": ["::/0"]})", {"2001:db8::1", "", ""}), "ip-address");
    EXPECT_EQ(filter(R"({"addresses": ["::/0"]})", {"198.51.100.1", "", ""}), "");
    EXPECT_EQ(filter(R"({"addresses": ["::ffff:198.51.100.0/120"]})", {"198.51.100.1", "", ""}),
              "ip-address");
}

TEST(Filters, Crawlers)
{
    std::string json = R"({"agents": ["crawlers"]})";
    for (std::string_view agent :
         {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
          "Googlebot-Image/1.0", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
          "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
          "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
          "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
          "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
          "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
          "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "Twitterbot/1.0",
          "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "SomethingNewBot/0.1",
          "my-crawler", "A web spider", "bot"})
    {
        EXPECT_EQ(filter(json, {"", agent, ""}), "web-crawlers") << agent;
    }
    for (std::string_view agent :
         {"", "Mozilla/5.0 (Linux; Android 9; CUBOT_X19) AppleWebKit/537.36 Chrome/110.0 Mobile Safari/537.36",
          "Dalvik/2.1.0 (Linux; U; Android 5.1; CUBOT CHEETAH 2 Build/LMY47I)", "Cubot/X18",
          "iRobot/7.1 CFNetwork/1.0", "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0",
          "sentry.python/1.40.0", "Botox/1.0", "Spiderweb/1.0", "YandexSearch/7.50 Robotics",
          "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0 YaBrowser/23.11 Safari/537.36"})
    {
        EXPECT_EQ(filter(json, {"", agent, ""}), "") << agent;
    }
    EXPECT_EQ(filter(R"({"agents": ["legacy-browsers"]})", {"", "Googlebot/2.1", ""}), "");
}

TEST(Filters, LegacyBrowsers)
{
    std::string json = R"({"agents": ["legacy-browsers"]})";
    for (std::string_view agent :
         {"Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)",
          "Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko",
          "Opera/9.80 (Android; Opera Mini/36.2/191.256; U; en) Presto/2.12.423 Version/12.16",
          "Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18",
          "Mozilla/5.0 (Linux; U; Android 4.3; en-us) AppleWebKit/534.30 Version/4.0 Mobile Safari/534.30",
          "Mozilla/5.0 (Linux; U; Android 2; en-us) AppleWebKit/534.30 Version/4.0 Mobile Safari/534.30",
          "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_6_8) AppleWebKit/534.59 Version/5.1.9 Safari/534.59.8",
          "Mozilla/5.0 (iPad; CPU OS 5_1 like Mac OS X) AppleWebKit/534.46 Version/5.1 Mobile Safari/7534.48"})
    {
        EXPECT_EQ(filter(json, {"", agent, ""}), "legacy-browsers") << agent;
    }
    for (std::string_view agent :
         {"", "Mozilla/5.0 (Linux; Android 4.4; Nexus) AppleWebKit/537.36 Version/4.0 Safari/537.36",
          "Mozilla/5.0 (Linux; Android 4.3; Nexus) AppleWebKit/537.36 Version/4.0 Chrome/81.0 Safari/537.36",
          "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1 Version/17.1 Safari/605.1.15",
          "Mozilla/5.0 (iPhone; CPU iPhone OS 6_0 like Mac OS X) AppleWebKit/536.26 Version/6.0 Safari/8536.25",
          "Mozilla/5.0 (Windows NT 10.0; Win64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 OPR/106.0",
          "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0",
          "Mozilla/5.0 Android Version/ Safari/"})
    {
        EXPECT_EQ(filter(json, {"", agent, ""}), "") << agent;
    }
}

TEST(Filters, Sdks)
{
    std::string json = R"({"sdks": ["sentry.javascript.*<7.0.0", "raven-js", "sentry-java<1.7.30"]})";
    for (std::string_view sdk :
         {"sentry.javascript.browser/6.19.7", "Sentry.JavaScript.node/6", "sentry.javascript.react/7.0.0-beta.1",
          "sentry.javascript.react/7.0.0rc1", "raven-js", "raven-js/3.27.2", "sentry-java/1.7.9",
          "sentry-java/1.7.30-7a445 (linux)", "sentry.javascript.x/06.99999999999999999999"})
    {
        EXPECT_EQ(filter(json, {"", "", sdk}), "sdk-version") << sdk;
    }
    for (std::string_view sdk :
         {"", "sentry.javascript.browser/7.0.0", "sentry.javascript.browser/7", "sentry.javascript.browser/10.0",
          "sentry.javascript.browser/7.0.0+build", "sentry.javascript.browser", "sentry.javascript/6.0",
          "sentry.javascript.browser/", "sentry.javascript.browser/x", "raven-jss/1", "raven-j",
          "sentry-java/1.7.100", "sentry-java/1.8", "sentry.python/1.0"})
    {
        EXPECT_EQ(filter(json, {"", "", sdk}), "") << sdk;
    }
    EXPECT_EQ(filter(R"({"sdks": ["*"]})", {"", "", "anything/1"}), "sdk-version");
    EXPECT_EQ(filter(R"({"sdks": ["a<2.0-rc"]})", {"", "", "a/2.0-beta"}), "");
}

TEST(Filters, TheFirstOfSeveralIsNamed)
{
    std::string json = R"({"addresses": ["10.0.0.0/8"], "agents": ["legacy-browsers", "crawlers"], "sdks": ["*"]})";
    EXPECT_EQ(filter(json, {"10.0.0.1", "bot MSIE 8", "x/1"}), "ip-address");
    EXPECT_EQ(filter(json, {"11.0.0.1", "bot MSIE 8", "x/1"}), "web-crawlers");
    EXPECT_EQ(filter(json, {"11.0.0.1", "MSIE 8", "x/1"}), "legacy-browsers");
    EXPECT_EQ(filter(json, {"11.0.0.1", "Firefox", "x/1"}), "sdk-version");
    EXPECT_EQ(filter_of("", {"10.0.0.1", "bot", "x/1"}), "");
}

}
}
