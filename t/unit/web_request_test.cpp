/* What people configure of requests: addresses of web and mail servers, and headers. */

#include "worker/web_request.hpp"

#include <gtest/gtest.h>

#include <string>

namespace errtrack {
namespace {

TEST(WebRequest, takes_addresses_of_web_servers)
{
    for (const char *url : {"https://hooks.example.com/services/T0/B1/x?y=z#f", "http://example.com",
                            "HTTPS://Example.COM:8443/", "http://10.1.2.3:80/", "http://[2001:db8::1]/",
                            "http://[::1]:8080/x", "http://a_b.example.com./", "http://example.com/a@b:c",
                            "http://example.com?@"}) {
        EXPECT_EQ(url_fault(url), "") << url;
    }
    EXPECT_EQ(url_fault("http://h/" + std::string(most_url - 9, 'x')), "");
}

void expect_fault(std::string_view url, std::string_view part)
{
    EXPECT_NE(url_fault(url).find(part), std::string::npos) << url << ": " << url_fault(url);
}

TEST(WebRequest, tells_what_is_wrong_with_an_address)
{
    for (const char *url : {"", "example.com", "//example.com/", "ftp://example.com/", "file:///etc/passwd",
                            "gopher://example.com/", "javascript:alert(1)", "http:/example.com",
                            "smtp://example.com", "https"}) {
        expect_fault(url, "does not begin with http:// or https://");
    }
    expect_fault("http://h/" + std::string(most_url - 8, 'x'), "longer than 2048 bytes");
    for (const char *url : {"http://user@example.com/", "http://user:pw@example.com/", "http://@example.com",
                            "http://a@b@c/"}) {
        expect_fault(url, "names a user");
    }
    for (const char *url : {"http://", "http:///path", "http://:80/", "http://?x", "http://#x"}) {
        expect_fault(url, "no host");
    }
    expect_fault("http://" + std::string(254, 'a') + "/", "no host");
    for (const char *url : {"http://h:0/", "http://h:65536/", "http://h:/", "http://h:x/", "http://h:80:80/",
                            "http://[::1]:0/", "http://h:+80/", "http://h:99999999999999999999/"}) {
        expect_fault(url, "port");
    }
    for (const char *url : {"http://h/\r\nx: y", "http://h/\n", "http://h /", " http://h/", "http://h/\t",
                            "http://h\\@i/", "http://h/\x7f", "http://b\xc3\xbc" "cher.example/",
                            "http://\xef\xbc\x91.0.0.1/"}) {
        expect_fault(url, "control characters, backslashes or letters outside ASCII");
    }
    expect_fault(std::string_view("http://h/\0x", 11), "control characters");
    for (const char *url : {"http://[::1/", "http://[1.2.3.4]/", "http://[fe80::1%25eth0]/", "http://[::g]/",
                            "http://[]/"}) {
        expect_fault(url, "no address of IPv6");
    }
    expect_fault("http://[::1]x/", "neither a port nor a path");
    for (const char *url : {"http://%31/", "http://a,b/", "http://a*b/", "http://{h}/"}) {
        expect_fault(url, "characters that no name has");
    }
}

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

TEST(WebRequest, takes_headers_that_are_one_line)
{
    for (const char *line : {"Authorization: Bearer secret", "X-Errtrack:1", "x_y.z: a:b",
                             "Content-Type: application/json"}) {
        EXPECT_EQ(header_fault(line), "") << line;
    }
    EXPECT_EQ(header_fault("X: " + std::string(4093, 'y')), "");
    for (const char *line : {"", "X", "X:", "X: ", ": x", "X y: z", "X : z", "X;", "X\r\nY: z", "@file: x"}) {
        EXPECT_NE(header_fault(line).find("write it like"), std::string::npos) << line;
    }
    for (const char *line : {"X: y\r\nZ: 1", "X: y\n", "X: y\rz", "X: \x01y", "X: \xc3\xbc", "X: \x7fy"}) {
        EXPECT_NE(header_fault(line).find("line breaks"), std::string::npos) << line;
    }
    EXPECT_NE(header_fault(std::string_view("X: y\0z", 6)).find("control"), std::string::npos);
    EXPECT_NE(header_fault("X: " + std::string(4094, 'y')).find("longer than 4096"), std::string::npos);
    for (const char *line : {"Host: x", "CONTENT-LENGTH: 3", "Transfer-Encoding: chunked", "Connection: close",
                             "Expect: 100-continue"}) {
        EXPECT_NE(header_fault(line).find("for the connection to say"), std::string::npos) << line;
    }
}

}
}
