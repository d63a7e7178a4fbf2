/* What browsers say about themselves, and that nothing is made up for others. */

#include "worker/user_agent.hpp"

#include <gtest/gtest.h>

using namespace errtrack;

namespace {

/* "browser version | os version | device brand". */
std::string read(std::string_view agent)
{
    UserAgent found = read_user_agent(agent);
    return found.browser + " " + found.browser_version + " | " + found.os + " " + found.os_version + " | "
           + found.device + " " + found.brand;
}

TEST(UserAgent, browsers)
{
    EXPECT_EQ(read("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"),
              "Chrome 120.0.0 | Windows 10 |  ");
    EXPECT_EQ(read("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.2210.91"),
              "Edge 120.0.2210 | Windows 10 |  ");
    EXPECT_EQ(read("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15"),
              "Safari 17.1 | Mac OS X 10.15.7 | Mac Apple");
    EXPECT_EQ(read("Mozilla/5.0 (iPhone; CPU iPhone OS 17_1_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1.2 Mobile/15E148 Safari/604.1"),
              "Mobile Safari 17.1.2 | iOS 17.1.2 | iPhone Apple");
    EXPECT_EQ(read("Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/119.0.6045.169 Mobile/15E148 Safari/604.1"),
              "Chrome Mobile iOS 119.0.6045 | iOS 16.6 | iPad Apple");
    EXPECT_EQ(read("Mozilla/5.0 (Linux; Android 13; Pixel 6 Build/TQ3A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/116.0.0.0 Mobile Safari/537.36"),
              "Chrome Mobile 116.0.0 | Android 13 | Pixel 6 ");
    EXPECT_EQ(read("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36"),
              "Samsung Internet 23.0 | Android 10 |  ");
    EXPECT_EQ(read("Mozilla/5.0 (Linux; U; Android 4.0.3; en-us; GT-I9100 Build/IML74K) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30"),
              "Android 4.0 | Android 4.0.3 | GT-I9100 ");
    EXPECT_EQ(read("Mozilla/5.0 (Android 13; Mobile; rv:109.0) Gecko/118.0 Firefox/118.0"), "Firefox Mobile 118.0 | Android 13 |  ");
    EXPECT_EQ(read("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"), "Firefox 120.0 | Ubuntu  |  ");
    EXPECT_EQ(read("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Safari/537.36"),
              "Chrome 119.0.0 | Chrome OS 14541.0.0 |  ");
    EXPECT_EQ(read("Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"), "IE 11.0 | Windows 7 |  ");
    EXPECT_EQ(read("Opera/9.80 (Windows NT 6.1; U; en) Presto/2.12.388 Version/12.18"), "Opera 12.18 | Windows 7 |  ");
}

TEST(UserAgent, others_are_nothing)
{
    for (std::string_view agent : {"", "curl/8.1", "python-requests/2.31 (Linux)", "okhttp/4.9", "Mozilla/5.0",
                                   "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                                   "Mozilla/5.0 (Linux; Android 13; X) Chrome/", "Mozilla/5.0 (Android", "Opera"}) {
        EXPECT_EQ(read(agent), "  |   |  ") << agent;
    }
    EXPECT_EQ(read("Mozilla/5.0 Chrome/1" + std::string(5000, '.') + "(Android" + std::string(5000, ';')), "Chrome 1 |   |  ");
}

}
