/* What operators configure of requests: addresses of mail servers. */

#include "worker/web_request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace errtrack {
namespace {

TEST(WebRequest, takes_addresses_of_mail_servers)
{
    for (const char *url : {"smtp://mail.example.com", "smtp://mail.example.com:587", "smtps://[2001:db8::1]:465",
                            "SMTPS://m"}) {
        EXPECT_EQ(mail_server_fault(url), "") << url;
    }
    for (const char *url : {"mail.example.com", "http://m/", "smtp://", "smtp://u@m", "smtp://m:0", "smtp://m/helo",
                            "smtp://m?x", "smtp://m\r\n"}) {
        EXPECT_NE(mail_server_fault(url), "") << url;
    }
}

/* The rest is in t/faults.jsonl; SQL has no texts with this one. */
TEST(WebRequest, takes_no_zero)
{
    EXPECT_NE(url_fault(std::string_view("http://h/\0x", 11)).find("control characters"), std::string::npos);
    EXPECT_NE(header_fault(std::string_view("X: y\0z", 6)).find("control"), std::string::npos);
}

}
}
