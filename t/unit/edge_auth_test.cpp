/*
 * Credentials as SDKs send them, and as attackers do.
 */

#include "ngx_module/auth.hpp"

#include <gtest/gtest.h>

#include <string>

namespace errtrack {
namespace {

constexpr std::string_view key = "0123456789abcdef0123456789abcdef";

/* base64 of 63 bytes of 'a' */
const std::string many_a = [] {
    std::string text;
    for (int i = 0; i < 21; i++) {
        text += "YWFh";
    }
    return text;
}();

std::string header_with(const std::string &rest)
{
    return "Sentry sentry_key=" + std::string(key) + rest;
}

TEST(Auth, ReadsTheHeadersOfSdks)
{
    for (const std::string &value : {
             "Sentry sentry_version=7, sentry_client=sentry.php/3.18.0, sentry_key=" + std::string(key),
             "Sentry sentry_version=7,sentry_client=sentry.php/3.18.0,sentry_key=" + std::string(key),
             "sentry sentry_key=" + std::string(key) + ", sentry_version=7, "
                 "sentry_client=sentry.php/3.18.0, sentry_secret=x",
             header_with(", sentry_version=7, sentry_timestamp=1.5, sentry_client=sentry.php/3.18.0")})
    {
        Credentials found = find_credentials(value, "", "");
        EXPECT_EQ(found.state, AuthState::found) << value;
        EXPECT_EQ(found.key, key) << value;
        EXPECT_EQ(found.client, "sentry.php/3.18.0") << value;
    }
}

TEST(Auth, ReadsTheQuery)
{
    std::string query = "a=b&sentry_key=" + std::string(key) + "&sentry_version=7";
    Credentials found = find_credentials("", "", query);
    EXPECT_EQ(found.state, AuthState::found);
    EXPECT_EQ(found.key, key);
    EXPECT_FALSE(found.from_header);
}

TEST(Auth, AHeaderOfAnotherKindIsNone)
{
    for (std::string_view value : {"", "Bearer x", "Sentry", "Sentry ", "Basic eDp5", "sentry_key=x"}) {
        EXPECT_EQ(find_credentials(value, "", "").state, AuthState::absent) << value;
    }
}

TEST(Auth, TellsWhatIsWrong)
{
    EXPECT_EQ(find_credentials("Sentry sentry_version=7", "", "").state, AuthState::no_key);
    EXPECT_EQ(find_credentials("Sentry sentry_key=", "", "").state, AuthState::no_key);
    EXPECT_EQ(find_credentials("Sentry sentry_key=short", "", "").state, AuthState::bad_key);
    EXPECT_EQ(find_credentials(header_with(".flag"), "", "").state, AuthState::bad_key);
    EXPECT_EQ(find_credentials(header_with(".no-cache"), "", "").state, AuthState::found);
    EXPECT_EQ(find_credentials(header_with(", sentry_version=x"), "", "").state,
              AuthState::bad_version);
    EXPECT_EQ(find_credentials(header_with(", sentry_version=70000"), "", "").state,
              AuthState::bad_version);
    EXPECT_EQ(find_credentials(header_with(", sentry_version=8"), "", "").state,
              AuthState::unsupported_version);
    EXPECT_EQ(find_credentials(header_with(", sentry_version=2.0"), "", "").state,
              AuthState::found);
    EXPECT_EQ(find_credentials("", "", "sentry_key=%00abcdefabcdefabcdef").state,
              AuthState::bad_key);
}

TEST(Auth, TwoSourcesHaveToAgree)
{
    std::string same = "sentry_key=" + std::string(key);
    EXPECT_EQ(find_credentials(header_with(""), "", same).state, AuthState::found);
    EXPECT_EQ(find_credentials(header_with(""), "", "sentry_key=fedcba9876543210").state,
              AuthState::ambiguous);
    EXPECT_EQ(find_credentials(header_with(""), "Basic MDEyMzQ1Njc4OWFiY2RlZjo=", "").state,
              AuthState::ambiguous);
    EXPECT_EQ(find_credentials("", "", same + "&" + same).state, AuthState::found);
    EXPECT_EQ(find_credentials("", "", "sentry_key=fedcba9876543210&" + same).state,
              AuthState::ambiguous);
    EXPECT_EQ(find_credentials(header_with(",sentry_key=fedcba9876543210"), "", "").state,
              AuthState::ambiguous);
    EXPECT_EQ(find_credentials(header_with(""), "", "sentry_key=short").state,
              AuthState::ambiguous);
    // An empty one is as good as none.
    EXPECT_EQ(find_credentials(header_with(""), "", "sentry_key=").state, AuthState::found);
}

TEST(Auth, ReadsBasic)
{
    // base64 of "0123456789abcdef:", with a password, without a colon or padding, and of
    // the longest name.
    struct Case {
        std::string value;
        std::string key;
    };
    const Case cases[] = {
        {"Basic MDEyMzQ1Njc4OWFiY2RlZjo=", "0123456789abcdef"},
        {"basic   MDEyMzQ1Njc4OWFiY2RlZjpzZWNyZXQ= ", "0123456789abcdef"},
        {"Basic MDEyMzQ1Njc4OWFiY2RlZg", "0123456789abcdef"},
        {"Basic " + many_a + "YTo=", std::string(64, 'a')}};
    for (const Case &c : cases) {
        Credentials found = find_credentials("", c.value, "");
        EXPECT_EQ(found.state, AuthState::found) << c.value;
        EXPECT_EQ(found.key, c.key) << c.value;
        EXPECT_TRUE(found.from_header);
    }
}

TEST(Auth, ABasicNameThatIsNoKeyIsSomebodyElses)
{
    std::string too_long = "Basic " + many_a + "YWE6";
    std::string longer = "Basic " + std::string(4000, 'Y');
    for (std::string_view value :
         {std::string_view("Basic eDp5"), std::string_view("Basic "), std::string_view("Basic"),
          std::string_view("Basic MDEyMzQ1Njc4OWFiY2RlZj*="), std::string_view("Basic ===="),
          std::string_view("Basic Og=="), std::string_view(longer),
          std::string_view(too_long)})
    {
        EXPECT_EQ(find_credentials("", value, "").state, AuthState::absent) << value;
        EXPECT_EQ(find_credentials(header_with(""), value, "").state, AuthState::found) << value;
    }
    EXPECT_EQ(find_credentials("Basic MDEyMzQ1Njc4OWFiY2RlZjo=", "", "").state, AuthState::absent);
}

TEST(Auth, ReadsThePath)
{
    Credentials found = find_credentials("", "", "", key);
    EXPECT_EQ(found.state, AuthState::found);
    EXPECT_EQ(found.key, key);
    EXPECT_EQ(find_credentials("", "", "", "short").state, AuthState::bad_key);
    EXPECT_EQ(find_credentials(header_with(""), "", "", key).state, AuthState::found);
    EXPECT_EQ(find_credentials(header_with(""), "", "", "fedcba9876543210").state,
              AuthState::ambiguous);
}

TEST(Auth, DecodesTheClientOfAQuery)
{
    std::string query = "sentry_client=sentry.javascript.browser%2F7.119.0&sentry_key=" + std::string(key);
    EXPECT_EQ(find_credentials("", "", query).client, "sentry.javascript.browser/7.119.0");
    EXPECT_EQ(find_credentials("", "", "sentry_client=a%2fb+c%zz%2&sentry_key=" + std::string(key)).client,
              "a/b c%zz%2");
    std::string endless = "sentry_client=%41" + std::string(5000, 'x') + "&sentry_key=" + std::string(key);
    EXPECT_EQ(find_credentials("", "", endless).client.size(), sizeof(Credentials::Decoded));
    // Without a key there is nothing of ours in a query.
    EXPECT_EQ(find_credentials("", "", "sentry_version=x&sentry_client=y").state, AuthState::absent);
}

TEST(Auth, CopiesHaveBytesOfTheirOwn)
{
    Credentials copy;
    Credentials client;
    {
        Credentials found = find_credentials("", "Basic MDEyMzQ1Njc4OWFiY2RlZjo=", "");
        copy = found;
        Credentials second = find_credentials(
            "", "", "sentry_client=a%2Fb&sentry_key=0123456789abcdef");
        client = second;
        Credentials third(client);
        EXPECT_EQ(third.client, "a/b");
        found.decoded.fill('x');
        second.decoded.fill('x');
    }
    EXPECT_EQ(copy.key, "0123456789abcdef");
    EXPECT_EQ(copy.key.data(), copy.decoded.data());
    EXPECT_EQ(client.client, "a/b");
    EXPECT_EQ(client.client.data(), client.decoded.data());
}

TEST(Auth, ParsesDsns)
{
    std::string plain = "https://" + std::string(key) + "@errors.example/42";
    ASSERT_TRUE(parse_dsn(plain));
    EXPECT_EQ(parse_dsn(plain)->key, key);
    EXPECT_EQ(parse_dsn(plain)->project, 42u);
    std::string prefixed = "http://" + std::string(key) + ":secret@10.0.0.5:8080/tools/sentry/7/";
    ASSERT_TRUE(parse_dsn(prefixed));
    EXPECT_EQ(parse_dsn(prefixed)->key, key);
    EXPECT_EQ(parse_dsn(prefixed)->project, 7u);
    for (std::string_view bad : {"", "nonsense", "ftp://0123456789abcdef@h/1", "http://h/1",
                                 "http://0123456789abcdef@h", "http://0123456789abcdef@h/x",
                                 "http://short@h/1", "http://@h/1", "://", "http://"})
    {
        EXPECT_FALSE(parse_dsn(bad)) << bad;
    }
}

TEST(Auth, ProjectsAreNumbersOf64Bits)
{
    EXPECT_EQ(parse_project("042"), 42u);
    EXPECT_EQ(parse_project("18446744073709551615"), UINT64_MAX);
    for (std::string_view bad : {"", "0", "000", "abc", "-1", "1x", "18446744073709551616", "+1", " 1"}) {
        EXPECT_FALSE(parse_project(bad)) << bad;
    }
}

}
}
