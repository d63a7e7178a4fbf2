/* What counts as a secret: names by their words, and passages of texts. */

#include "worker/secrets.hpp"

#include <gtest/gtest.h>

using namespace errtrack;

namespace {

using Verdict = SecretNames::Verdict;

const SecretNames usual{SecretNames::Options{}};

std::string scrubbed(std::string_view text, const SecretNames &names = usual)
{
    std::string out;
    std::size_t kept = 0;
    for (const TextRange &range : find_secrets(text, names)) {
        EXPECT_LE(kept, range.begin) << text;
        EXPECT_LT(range.begin, range.end) << text;
        out.append(text.substr(kept, range.begin - kept)).append(filtered_text);
        kept = range.end;
    }
    return out.append(text.substr(kept));
}

TEST(SecretNames, usual_ones)
{
    for (std::string_view name : {
             "password", "PASSWORD", "Password2", "user_password", "passwordConfirmation", "passwd",
             "mysql_pwd", "PWD", "passphrase", "secret", "client_secret", "secretKey", "api_key",
             "apiKey", "API-Key", "x-api-key", "apikey", "auth", "X-Auth", "oAuth", "httpAuth",
             "HTTPAuth", "credentials", "aws_credentials", "token", "access_token", "accessToken",
             "csrfmiddlewaretoken", "X-CSRFToken", "id token", "bearer", "Authorization",
             "Proxy-Authorization", "Cookie", "Set-Cookie", "cookies", "sessionid", "JSESSIONID",
             "PHPSESSID", "connect.sid", "session_key", "private_key", "privateKey",
             "AWS_ACCESS_KEY_ID", "card_number", "creditCard", "cvv", "cvv2", "jwt", "csrf",
             "user[password]", "HTTP_COOKIE", "HTTP_AUTHORIZATION", "authorisation", "tokens",
             "access_tokens", "refreshTokens", "API-Tokens", "JWTs", "myJWTs", "jwts", "pwds"}) {
        EXPECT_EQ(usual.judge(name), Verdict::secret) << name;
    }
}

TEST(SecretNames, names_that_look_alike)
{
    for (std::string_view name : {
             "", "author", "authors", "authenticated", "max_tokens", "prompt_tokens", "totalTokens",
             "tokens_used", "invalid_tokens", "tokenizer", "session", "side", "inside", "pass", "passed", "key", "keys", "card", "name", "bearers",
             "function", "filename", "ip_address", "cookiecutter", "lineno", "-", "[]", "cvvx"}) {
        EXPECT_EQ(usual.judge(name), Verdict::plain) << name;
    }
}

TEST(SecretNames, of_a_project)
{
    SecretNames::Options options;
    options.more = {"Tax Number", "iban", "--"};
    options.exempt = {"auth_method", "TOKEN"};
    SecretNames names(options);
    EXPECT_EQ(names.judge("taxNumber"), Verdict::secret);
    EXPECT_EQ(names.judge("their-tax-number-2"), Verdict::secret);
    EXPECT_EQ(names.judge("taxnumbers"), Verdict::plain);
    EXPECT_EQ(names.judge("IBAN"), Verdict::secret);
    EXPECT_EQ(names.judge("caribbean"), Verdict::plain);
    EXPECT_EQ(names.judge("AuthMethod"), Verdict::exempt);
    EXPECT_EQ(names.judge("token"), Verdict::exempt);
    EXPECT_EQ(names.judge("access_token"), Verdict::secret);
    options.usual = false;
    EXPECT_EQ(SecretNames(options).judge("password"), Verdict::plain);
    EXPECT_EQ(SecretNames(options).judge("iban"), Verdict::secret);
}

TEST(SecretNames, addresses)
{
    SecretNames::Options options;
    options.usual = false;
    options.addresses = true;
    SecretNames names(options);
    for (std::string_view name : {"ip_address", "REMOTE_ADDR", "X-Forwarded-For", "X-Real-IP",
                                  "HTTP_X_FORWARDED_FOR", "Forwarded", "client_ip"}) {
        EXPECT_EQ(names.judge(name), Verdict::secret) << name;
        EXPECT_EQ(usual.judge(name), Verdict::plain) << name;
    }
    EXPECT_EQ(names.judge("forwarded_by"), Verdict::plain);
    EXPECT_EQ(names.judge("my_ip_address"), Verdict::plain);
}

TEST(SecretNames, long_ones)
{
    EXPECT_EQ(usual.judge(std::string(52, 'x') + "_password"), Verdict::secret);
    EXPECT_EQ(usual.judge(std::string(70, 'k') + "_password"), Verdict::secret);
    EXPECT_EQ(usual.judge(std::string(1000, 'x') + "_auth_" + std::string(1000, 'x')), Verdict::secret);
    EXPECT_EQ(usual.judge(std::string(1000, 'x') + "auth" + std::string(1000, 'x')), Verdict::plain);
    EXPECT_EQ(usual.judge(std::string(60, 'x') + "_author"), Verdict::plain);
    EXPECT_EQ(usual.judge("password" + std::string(1000, 'x')), Verdict::secret);
    EXPECT_EQ(usual.judge("\xc3\xbc" "auth"), Verdict::plain);
    EXPECT_EQ(usual.judge("\xc3\xbc.auth"), Verdict::secret);
}

TEST(Secrets, queries_forms_and_cookies)
{
    EXPECT_EQ(scrubbed("https://x/?a=1&token=abc&b=2"), "https://x/?a=1&token=[Filtered]&b=2");
    EXPECT_EQ(scrubbed("password=x&user=y"), "password=[Filtered]&user=y");
    EXPECT_EQ(scrubbed("a=b; sessionid=5x; c=d"), "a=b; sessionid=[Filtered]; c=d");
    EXPECT_EQ(scrubbed("user%5Bpassword%5D=x&u[passwd]=y"),
              "user%5Bpassword%5D=[Filtered]&u[passwd]=[Filtered]");
    EXPECT_EQ(scrubbed("host=db password=a,b;c port=1"), "host=db password=[Filtered];c port=1");
    EXPECT_EQ(scrubbed("token=abc"), "token=[Filtered]");
    EXPECT_EQ(scrubbed("f(token=abc)"), "f(token=[Filtered])");
    EXPECT_EQ(scrubbed("password='a \\' b' x"), "password='[Filtered]' x");
    EXPECT_EQ(scrubbed("password = \"a b\""), "password = \"[Filtered]\"");
    EXPECT_EQ(scrubbed("password = \"a b"), "password = \"[Filtered]");
}

TEST(Secrets, under_long_names)
{
    for (std::size_t length : {60, 70, 1000}) {
        std::string name(length, 'k');
        EXPECT_EQ(scrubbed(name + "_password=x&a=b"), name + "_password=[Filtered]&a=b");
        EXPECT_EQ(scrubbed('"' + name + " password\": \"x\""), '"' + name + " password\": \"[Filtered]\"");
        EXPECT_EQ(scrubbed(name + "=x"), name + "=x");
    }
}

TEST(Secrets, json_and_hashes_in_texts)
{
    EXPECT_EQ(scrubbed(R"({"password":"x\"y","a":"b"})"), R"({"password":"[Filtered]","a":"b"})");
    EXPECT_EQ(scrubbed(R"({"token" : 12345, "n": 1})"), R"({"token" : [Filtered], "n": 1})");
    EXPECT_EQ(scrubbed("{'api_key': 'x'}"), "{'api_key': '[Filtered]'}");
    EXPECT_EQ(scrubbed(R"({"password"=>"x", :token=>"y"})"),
              R"({"password"=>"[Filtered]", :token=>"[Filtered]"})");
}

TEST(Secrets, lists_and_objects_in_texts)
{
    EXPECT_EQ(scrubbed(R"({"passwords": ["x", "y"], "a": ["z"]})"), R"({"passwords": [Filtered], "a": ["z"]})");
    EXPECT_EQ(scrubbed(R"(got {"credentials": {"user": "u", "key": "a}\"]"}, "n": 1} there)"),
              R"(got {"credentials": [Filtered], "n": 1} there)");
    EXPECT_EQ(scrubbed(R"({'auth': {'a': [1, {'b': 'x]'}]}, 'c': 2})"), R"({'auth': [Filtered], 'c': 2})");
    EXPECT_EQ(scrubbed(R"({"cookies":[["a","1"],["b","2"]]})"), R"({"cookies":[Filtered]})");
    EXPECT_EQ(scrubbed(R"({"token":[12]})"), R"({"token":[Filtered]})");
    EXPECT_EQ(scrubbed(R"({"secrets": ["x", {"y": "z)"), R"({"secrets": [Filtered])");
    EXPECT_EQ(scrubbed(R"(a = {"auth": {\"key\": \"x}\"}, "b": 1})"), R"(a = {"auth": [Filtered], "b": 1})");
}

TEST(Secrets, json_over_several_lines)
{
    EXPECT_EQ(scrubbed("{\n  \"password\":\n    \"x\",\n  \"a\": 1\n}"),
              "{\n  \"password\":\n    \"[Filtered]\",\n  \"a\": 1\n}");
    EXPECT_EQ(scrubbed("{\"token\"\r\n:\r\n\t12}"), "{\"token\"\r\n:\r\n\t[Filtered]}");
    EXPECT_EQ(scrubbed("{\"keys\": 1, \"secrets\": [\n  \"x\",\n  \"y\"\n]}"),
              "{\"keys\": 1, \"secrets\": [Filtered]}");
    EXPECT_EQ(scrubbed("\"password\"         :         \"x\""), "\"password\"         :         \"[Filtered]\"");
}

TEST(Secrets, json_within_json_within_texts)
{
    EXPECT_EQ(scrubbed(R"({\"password\": \"one two\", \"a\": 1})"), R"({\"password\": \"[Filtered]\", \"a\": 1})");
    EXPECT_EQ(scrubbed(R"({\"password\": \"one \\\"two\\\" \\\\\", \"a\": 1})"),
              R"({\"password\": \"[Filtered]\", \"a\": 1})");
    EXPECT_EQ(scrubbed(R"({\\\"pwd\\\": \\\"one \\\\\\\"two\\\\\\\"\\\", \\\"a\\\": 1})"),
              R"({\\\"pwd\\\": \\\"[Filtered]\\\", \\\"a\\\": 1})");
    EXPECT_EQ(scrubbed(R"("{\"auth\": {\"key\": \"x}\"}, \"a\": 1}")"), R"("{\"auth\": [Filtered], \"a\": 1}")");
    EXPECT_EQ(scrubbed(R"({\"token\": 12, \"a\": 1})"), R"({\"token\": [Filtered], \"a\": 1})");
    EXPECT_EQ(scrubbed(R"(f(\"password=\"one two\" b\"))"), R"(f(\"password=\"[Filtered]\" b\"))");
    EXPECT_EQ(scrubbed(R"(say(password=\"one two\"))"), R"(say(password=\"[Filtered]\"))");
    EXPECT_EQ(scrubbed(R"({"password": "one \\", "a": 1})"), R"({"password": "[Filtered]", "a": 1})");
}

TEST(Secrets, members_of_other_languages)
{
    EXPECT_EQ(scrubbed("{password: \"x y\", a: 1}"), "{password: \"[Filtered]\", a: 1}");
    EXPECT_EQ(scrubbed("{a: 1, api_key: 'x'}"), "{a: 1, api_key: '[Filtered]'}");
    EXPECT_EQ(scrubbed("login(password: \"x\")"), "login(password: \"[Filtered]\")");
    EXPECT_EQ(scrubbed("a:\n  password: \"x\"\n"), "a:\n  password: \"[Filtered]\"\n");
    EXPECT_EQ(scrubbed("{u'password': u'x y', b'pwd': b'x y'}"), "{u'password': u'[Filtered]', b'pwd': b'[Filtered]'}");
    EXPECT_EQ(scrubbed("f(password=b'x y')"), "f(password=b'[Filtered]')");
}

TEST(Secrets, encoded_in_urls)
{
    EXPECT_EQ(scrubbed("password%3Dx"), "password%3D[Filtered]");
    EXPECT_EQ(scrubbed("/login?next=%2Fa%3Ftoken%3Dx%26b%3Dc&d=e"), "/login?next=%2Fa%3Ftoken%3D[Filtered]%26b%3Dc&d=e");
    EXPECT_EQ(scrubbed("?q=a%3db%26auth%3dx%20y#top"), "?q=a%3db%26auth%3d[Filtered]");
    EXPECT_EQ(scrubbed("u%5Bpwd%5D%3Dx&a"), "u%5Bpwd%5D%3D[Filtered]&a");
    EXPECT_EQ(scrubbed("?a=1%26auth=x"), "?a=1%26auth=[Filtered]");
    EXPECT_EQ(scrubbed("?f=%7B%22password%22%3A%20%22x%20y%22%2C%22a%22%3A1%7D"),
              "?f=%7B%22password%22%3A%20%22[Filtered]%22%2C%22a%22%3A1%7D");
    EXPECT_EQ(scrubbed("%7B%22pwd%22%3A%22x%5C%22y%22%7D&b=1"), "%7B%22pwd%22%3A%22[Filtered]&b=1");
    EXPECT_EQ(scrubbed("%7B%22token%22%3A12%2C%22a%22%3a1%7D"), "%7B%22token%22%3A[Filtered]%2C%22a%22%3a1%7D");
    EXPECT_EQ(scrubbed("%7B%22tokens%22%3A%5B%22x%22%2C%22y%22%5D%7D b"), "%7B%22tokens%22%3A[Filtered] b");
    for (std::string_view text : {
             "author%3Dx", "a%3Db%26c%3Dd", "token%3D", "%3D", "3D", "%22%3A%22x", "%22author%22%3A%22x%22",
             "%22token%22%3Atrue%2C", "50%3D", "time%3A%2010%3A20", "token%3A x", "token%3D%26a%3Db"}) {
        EXPECT_EQ(scrubbed(text), text);
    }
}

TEST(Secrets, words_that_are_no_values)
{
    for (std::string_view text : {
             "Unexpected token: <", "token = self.next()", "if (token == x)", "token==\"x\"",
             "password=", "password=&a=b", "token=null", "token=None&x", R"({"token":true})",
             R"({"password":null,"a":1})", "password: hunter2", "a=b",
             R"({"tokens":[]})", R"("auth": {)", R"({"auth": { }, "tokens": [ [], {} ], "a": ["x"]})",
             "Unexpected token: '<'", "unexpected token: \"}\", expected \"]\"", "the \"token\":\nit is odd",
             "{author: \"x\"}", "a ? token : 'x'", "{password: string}", "{max_tokens: \"5\"}",
             "=x", ":x", "\"\":\"x\"", "Basic authentication is required", "Bearer tokens",
             "Bearer of news", "the password", "https://example.com:8080/a@b", "//a@b"}) {
        EXPECT_EQ(scrubbed(text), text);
    }
}

TEST(Secrets, credentials)
{
    EXPECT_EQ(scrubbed("postgres://bob:pw@db/x"), "postgres://[Filtered]@db/x");
    EXPECT_EQ(scrubbed("https://u:p@w@h/ and redis://:pw@h"),
              "https://[Filtered]@h/ and redis://[Filtered]@h");
    EXPECT_EQ(scrubbed("Authorization: Bearer abc123def456"),
              "Authorization: Bearer [Filtered]");
    EXPECT_EQ(scrubbed("BASIC dXNlcjpwYXNz."), "BASIC [Filtered]");
    EXPECT_EQ(scrubbed("forbearer abc123def456"), "forbearer abc123def456");
    for (std::string_view between : {"  ", "\t", "\n", "\r\n ", "          "}) {
        std::string head = "a Bearer" + std::string(between);
        EXPECT_EQ(scrubbed(head + "A1zqsab99 b"), head + "[Filtered] b");
    }
    EXPECT_EQ(scrubbed("Bearer " + std::string(30, 'q') + "."), "Bearer [Filtered]");
}

TEST(Secrets, credentials_without_digits)
{
    EXPECT_EQ(scrubbed("Authorization: Bearer zqsekabdx"), "Authorization: Bearer [Filtered]");
    EXPECT_EQ(scrubbed("curl -H 'proxy-authorization:basic zqsekabdx' a"),
              "curl -H 'proxy-authorization:basic [Filtered]' a");
    EXPECT_EQ(scrubbed("auth = bearer\tzqsekabdx in"), "auth = bearer\t[Filtered] in");
    for (std::string_view text : {
             "Basic authentication failed", "Bearer authorization is required", "basic  authentication\n",
             "Bearer internationalization", "Authorization: Basic authentication failed",
             "Authorization: Bearer credentials are missing", "Authorization: Bearer token",
             "WWW-Authenticate: Basic something", "error: Basic something", "it is basic\n  at Object.run",
             "this is basic\nsomething else", "Bearer\n\n", "Bearer", "a public\t12345678"}) {
        EXPECT_EQ(scrubbed(text), text);
    }
}

TEST(Secrets, passwords_in_urls)
{
    EXPECT_EQ(scrubbed("https://user:p/w@host/a"), "https://[Filtered]@host/a");
    EXPECT_EQ(scrubbed("postgres://u:a#b?c/d@h/db and b@c"), "postgres://[Filtered]@h/db and b@c");
    EXPECT_EQ(scrubbed("postgres://u:a b@h/db"), "postgres://[Filtered]@h/db");
    EXPECT_EQ(scrubbed("https://u:p/w@x@h/@scope/b"), "https://[Filtered]@h/@scope/b");
    EXPECT_EQ(scrubbed("https://u:1x/w@h"), "https://[Filtered]@h");
    for (std::string_view text : {
             "http://localhost:3000/@vite/client", "https://h:8080/?mail=a@b", "http://h:80 a@b", "http://h:/@a",
             "http://[::1]:80/@vite", "http://{host}:{port}/@a", "http://${h}:${p}/@a", "http://h:p is @ home",
             "http://h:port and then a@b", "http://h:p/a\nb@c", "http://h:p/ \"a@b\"", "http://h:p/(a@b)",
             "webpack://app/./node_modules/@babel/a.js", "http://h:p/ @ann", "http://h:p/x http://b/@c",
             "file://C:/a@b", "http://h/a:b@c"}) {
        EXPECT_EQ(scrubbed(text), text);
    }
}

TEST(Secrets, wherever_they_stand)
{
    for (std::size_t before = 0; before < 40; before++) {
        for (std::string_view open : {"token=", "Bearer ", "basic ", "\"pwd\": \"", "https://", ""}) {
            for (std::size_t behind : {0, 30}) {
                std::string_view secret = open.empty() ? "4111 1111 1111 1111"
                                          : open == "https://" ? "joe:x1" : "c29tZXRoaW5n1";
                std::string head = std::string(before, '/') + std::string(open);
                std::string tail = (open == "https://" ? "@h " : open.ends_with('"') ? "\" " : " ")
                                   + std::string(behind, 'x');
                EXPECT_EQ(scrubbed(head + std::string(secret) + tail), head + "[Filtered]" + tail)
                    << before << " bytes before " << open;
            }
        }
    }
}

TEST(Secrets, card_numbers)
{
    EXPECT_EQ(scrubbed("card 4111 1111 1111 1111 declined"), "card [Filtered] declined");
    EXPECT_EQ(scrubbed("4111-1111-1111-1111"), "[Filtered]");
    EXPECT_EQ(scrubbed("378282246310005,5555555555554444"), "[Filtered],[Filtered]");
    EXPECT_EQ(scrubbed("5 4111111111111111 2026"), "5 [Filtered] 2026");
    EXPECT_EQ(scrubbed("4111.1111.1111.1111."), "[Filtered].");
    EXPECT_EQ(scrubbed("a 4111\xc2\xa0" "1111\xc2\xa0" "1111\xc2\xa0" "1111\xc2\xa0"), "a [Filtered]\xc2\xa0");
    EXPECT_EQ(scrubbed("3782\xe2\x80\xaf" "822463\xe2\x80\xaf" "10005"), "[Filtered]");
    for (std::string_view text : {
             "4111.1111 1111.1111", "4111.1111.1111.1112", "41.11.1111.1111.1111", "411111.1111111111", "4111.1111.1111.1111.5",
             "4.111111111111111", "4111\xc2\xa0" "1111-1111-1111", "5.4111.1111.1111.1111", "4111..1111.1111.1111",
             "4111\xc2 1111\xc2 1111\xc2 1111", "4111\xe2\x80\xaa" "1111", "4111\xc2", "4111."}) {
        EXPECT_EQ(scrubbed(text), text);
    }
    for (std::string_view text : {
             "4111111111111112", "1111111111111111", "x4111111111111111", "4111111111111111x",
             "0.4111111111111111", "4111111111111111.5", "41111111111111111", "4111  1111 1111 1111",
             "2023-02-01T19:12:05.123456Z", "1675278725000", "192.168.100.200"}) {
        EXPECT_EQ(scrubbed(text), text);
    }
}

TEST(Secrets, private_keys)
{
    std::string key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----";
    EXPECT_EQ(scrubbed("a " + key + " b"), "a [Filtered] b");
    EXPECT_EQ(scrubbed(key + "\n" + key), "[Filtered]\n[Filtered]");
    EXPECT_EQ(scrubbed("-----BEGIN PRIVATE KEY-----\nMIIE"), "[Filtered]");
    std::string words = "-----BEGIN a text about a PRIVATE KEY-----\nMIIE";
    EXPECT_EQ(scrubbed(words), words);
    std::string certificate = "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----";
    EXPECT_EQ(scrubbed(certificate), certificate);
}

TEST(Secrets, what_is_filtered_stays_as_it_is)
{
    for (std::string_view text : {
             "token=[Filtered]", "token=[Filtered]&a=b", "token%3D[Filtered]%26a", "%22pwd%22%3A%22[Filtered]%22", "https://[Filtered]@h/", "Bearer [Filtered]",
             R"({"password":"[Filtered]"})", R"({"password":[Filtered],"x":1})"}) {
        EXPECT_EQ(scrubbed(text), text);
    }
}

/* A quadratic reading would take minutes. */
TEST(Secrets, texts_that_are_all_beginnings)
{
    for (std::string_view piece : {"=", ":", "://", "-----BEGIN ", "token=\"", "\"token\":", "bearer ",
                                   "4 ", "41111111111111", "\"", " = ", "'", "://a", "\"\\", "\"token\":[",
                                   "\"auth\":{\"", "(token: ", ":\\", "\"token\":\\\"", "\"token\":[\\'",
                                   "          :", "\n", "bearer\n", "bearer  ", "basic: ", "://a:b/", "://a:b ", "://a:b/c", "4.", "4111.1111.",
                                   "4111\xc2\xa0", "auth: bearer aaaaaaaa", "bearer aaaaaaaaa", "token=\\", "%3D", "pwd%3Dx&", "pwd%3Dx%26", "%22tokens%22%3A%5B", "%22pwd%22%3A", "%22pwd%22%3A%22x&",
                                   "%22pwd%22%3A%20"}) {
        std::string text;
        while (text.size() < 2'000'000) {
            text += piece;
        }
        scrubbed(text);
    }
}

}
