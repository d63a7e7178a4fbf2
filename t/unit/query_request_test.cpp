/* Requests to the query API, from the bytes of a URL to what goes to SQL and comes back. */

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include <sys/stat.h>

#include "ngx_module/exchange.hpp"
#include "ngx_module/form_files.hpp"

namespace errtrack {
namespace {

using namespace std::string_literals;

Request request_to(std::string_view method, std::string_view path, std::string_view arguments = {})
{
    Request request;
    request.match = match_route(method, path);
    request.arguments = parse_arguments(arguments);
    request.base = "https://errors.example:443";
    request.address = "127.0.0.1";
    return request;
}

std::string json_of(const Request &request)
{
    std::string refusal;
    std::optional<std::string> json = request_json(request, refusal);
    return json ? *json : "refused: " + refusal;
}

TEST(Url, is_decoded_once)
{
    EXPECT_EQ(percent_decode("a%2Fb%20c+d%zz%", false), "a/b c+d%zz%");
    EXPECT_EQ(percent_decode("a+b%2Bc", true), "a b+c");
    EXPECT_EQ(percent_encode("a/b c+d~é"), "a%2Fb%20c%2Bd~%C3%A9");
}

TEST(Url, has_text_that_postgresql_takes)
{
    EXPECT_TRUE(is_text("é\U0001F600"));
    for (const std::string &bad : {"\0"s, "\xc0\x80"s, "\xed\xa0\x80"s, "\xf4\x90\x80\x80"s, "\xc3"s, "\xff"s}) {
        EXPECT_FALSE(is_text(bad));
    }
}

TEST(Url, may_have_arguments_with_an_index)
{
    EXPECT_EQ(parse_arguments("project%5B0%5D=1&project[]=2&project=3&&=x&a&tags[b]=4"),
              (Arguments{{"project", "1"}, {"project", "2"}, {"project", "3"}, {"a", ""}, {"tags[b]", "4"}}));
    EXPECT_EQ(parse_arguments("%ff=1&a=%ff"), (Arguments{{"a", "\xff"}}));
}

TEST(Routes, are_found_segment_by_segment)
{
    Match match = match_route("GET", "//api/0/projects/acme%2Fx/shop//issues/");
    ASSERT_NE(match.route, nullptr);
    EXPECT_EQ(match.route->function, "sentry_issues");
    EXPECT_EQ(match.captures[0], std::pair(std::string_view("organization"), "acme/x"s));
    EXPECT_EQ(match_route("GET", "/api/0/projects/acme/shop/issues/x").status, 404);
    EXPECT_EQ(match_route("GET", "/api/0/nothing").status, 404);
    EXPECT_EQ(match_route("HEAD", "/api/0/projects/").route, match_route("GET", "/api/0/projects").route);
    EXPECT_EQ(match_route("PATCH", "/api/0/issues/1/").allow, "GET, HEAD, PUT, DELETE");
    EXPECT_EQ(match_route("GET", "/api/0/issues/%ff/").captures[0].second, "\xef\xbf\xbd");
}

TEST(Routes, tell_in_whose_words_to_refuse)
{
    EXPECT_EQ(surface_of("/errortracking/api/v1/x"), Surface::integrated);
    EXPECT_EQ(surface_of("/api/v4/x"), Surface::rest);
    EXPECT_EQ(surface_of("/api/0/x"), Surface::sentry);
    EXPECT_EQ(refusal_json(Surface::sentry, 404, ""), R"({"detail":"Not Found"})");
    EXPECT_EQ(refusal_json(Surface::sentry, 400, "say \"why\""), R"({"detail":"say \"why\""})");
    EXPECT_EQ(refusal_json(Surface::rest, 400, "page is invalid"), R"({"error":"page is invalid"})");
    EXPECT_EQ(refusal_json(Surface::rest, 404, "404 Project Not Found"), R"({"message":"404 Project Not Found"})");
    EXPECT_EQ(refusal_json(Surface::integrated, 400, "sort is invalid"), R"({"message":"400 Bad request - sort is invalid"})");
}

TEST(Refusals, say_what_each_status_is)
{
    const std::pair<int, std::string_view> phrases[] = {
        {400, "Bad request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {409, "Conflict"}, {412, "Precondition Failed"}, {413, "Payload Too Large"}, {422, "Unprocessable Entity"},
        {429, "Too Many Requests"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {500, "Internal Server Error"},
        {599, "Internal Server Error"},
    };
    for (const auto &[status, phrase] : phrases) {
        EXPECT_EQ(refusal_json(Surface::sentry, status, ""), R"({"detail":")" + std::string(phrase) + "\"}");
    }
}

TEST(Requests, are_one_document)
{
    Request request = request_to("GET", "/api/0/projects/acme/shop/issues/", "query=a%20b&id=1&id=2");
    EXPECT_EQ(json_of(request), R"({"path":{"organization":"acme","project":"shop"},)"
                                R"("arguments":{"query":["a b"],"id":["1","2"]},)"
                                R"("base":"https://errors.example:443","address":"127.0.0.1"})");
    request.arguments = {{"a", "\xff"}};
    EXPECT_EQ(json_of(request), "refused: a must be UTF-8 text");
}

TEST(Requests, have_a_body_of_json_or_a_form)
{
    auto body_of = [](std::string_view type, std::string_view body) {
        Request request = request_to("PUT", "/api/0/issues/1/");
        request.has_body = true;
        request.content_type = type;
        request.body = body;
        std::string json = json_of(request);
        std::size_t at = json.find("\"body\":");
        return at == std::string::npos ? json : json.substr(at);
    };
    EXPECT_EQ(body_of("application/json", R"({"status":"resolved"})"), R"("body":{"status":"resolved"}})");
    EXPECT_EQ(body_of("application/x-www-form-urlencoded", "a=1&a=2&b=x+y"), R"("body":{"a":"2","b":"x y"}})");
    EXPECT_EQ(body_of("application/x-www-form-urlencoded", R"( {"a":1})"), R"("body":{"a":1}})");
    for (std::string_view bad : {"{", "x", R"({"a":"\u0000"})", R"({"a":"\ud800"})", "{\"a\":\"\xff\"}", R"({"a":1} x)"}) {
        EXPECT_EQ(body_of("application/json", bad), "refused: the body is not JSON") << bad;
    }
    EXPECT_EQ(body_of("application/x-www-form-urlencoded", "not json"), "refused: the body is not JSON");
    EXPECT_EQ(body_of("application/json", "5"), "refused: the body must be a JSON object");
}

/* A folder with a key file, for as long as it lives. */
class KeyFile {
public:
    KeyFile()
    {
        std::ofstream(path) << std::string(64, 'a');
        ::chmod(path.c_str(), 0600);
    }
    ~KeyFile() { std::filesystem::remove_all(folder); }
    KeyFile(const KeyFile &) = delete;
    KeyFile &operator=(const KeyFile &) = delete;

private:
    static std::string make_folder()
    {
        std::string name = (std::filesystem::temp_directory_path() / "request-XXXXXX").string();
        return ::mkdtemp(name.data());
    }

    std::string folder = make_folder();

public:
    std::string path = folder + "/key";
};

/* What goes to SQL of a body to a route whose bodies have secrets, from "sealed" or "body" on. */
std::string secrets_of(const SealKeys *keys, std::string_view type, std::string_view body)
{
    static constexpr Route route = {"PUT", "/x", Surface::sentry, Access::write, "x", Paging::none, "channel"};
    Request request;
    request.match.route = &route;
    request.has_body = true;
    request.content_type = type;
    request.body = body;
    request.keys = keys;
    std::string json = json_of(request);
    std::size_t at = json.find(R"("address":"",)");
    return at == std::string::npos ? json : json.substr(at + 13);
}

/* Puts what is sealed in clear, if it opens for what it has to be for. */
std::string unsealed(const SealKeys &keys, std::string json)
{
    for (const char *member : {"url", "secret", "token"}) {
        std::string head = "\"" + std::string(member) + "\":\"v1:";
        std::size_t at = json.find(head);
        if (at != std::string::npos) {
            std::size_t start = at + head.size() - 3;
            std::size_t end = json.find('"', start);
            json.replace(start, end - start, "<" + keys.open(json.substr(start, end - start), seal_context("channel", member)) + ">");
        }
    }
    return json;
}

TEST(Requests, have_their_rules_read)
{
    static constexpr Route route = {"PUT", "/x", Surface::sentry, Access::write, "x", Paging::none, {}, true};
    auto rules_of = [](std::string_view body) {
        Request request;
        request.match.route = &route;
        request.has_body = true;
        request.content_type = "application/json";
        request.body = body;
        std::string json = json_of(request);
        std::size_t at = json.find(R"("rules":)");
        std::size_t end = json.find(R"(,"body":)");
        return end == std::string::npos ? json : json.substr(at, end - at);
    };
    EXPECT_EQ(rules_of(R"({"name":"x"})"), R"("rules":{})");
    EXPECT_EQ(rules_of(R"({"fingerprintingRules":null,"groupingEnhancements":7})"), R"("rules":{})");
    EXPECT_EQ(rules_of(R"({"fingerprintingRules":" type:A -> a # why\r\n\n# none\ntype:B -> b","groupingEnhancements":""})"),
              R"("rules":{"fingerprintingRules":{"rules":["type:A -> a # why","type:B -> b"]},"groupingEnhancements":{"rules":[]}})");
    EXPECT_EQ(rules_of(R"({"groupingEnhancements":"app:yes -app\n\napp:yes"})"),
              R"("rules":{"groupingEnhancements":{"rules":["app:yes -app"],)"
              R"("problem":"line 3: matchers are followed by actions, for example -app"}})");
}

TEST(Requests, have_their_secrets_sealed)
{
    KeyFile file;
    SealKeys keys(file.path);
    EXPECT_EQ(unsealed(keys, secrets_of(&keys, "application/json",
                                        R"({"url":"https://a.example/h","secret":"s3","token":"t\u00e9","name":"n","settings":{"token":"x"}})")),
              R"("sealed":{"url":"<https://a.example/h>","secret":"<s3>","token":"<té>"},)"
              R"("body":{"url":"https://a.example/h","secret":"[sealed]","token":"[sealed]","name":"n","settings":{"token":"x"}}})");
    EXPECT_EQ(unsealed(keys, secrets_of(&keys, "application/x-www-form-urlencoded", "secret=a&secret=b+c")),
              R"("sealed":{"secret":"<b c>"},"body":{"secret":"[sealed]"}})");
    EXPECT_EQ(unsealed(keys, secrets_of(&keys, "application/json", R"({"token":"a","token":"b"})")),
              R"("sealed":{"token":"<b>"},"body":{"token":"[sealed]"}})");
    EXPECT_EQ(secrets_of(&keys, "application/json", R"({"url":null,"secret":"","name":"n"})"),
              R"("sealed":{},"body":{"url":null,"secret":"","name":"n"}})") << "nothing is there to be sealed";
    EXPECT_EQ(secrets_of(&keys, "application/json", R"([{"secret":"x"}])"), R"("sealed":{},"body":[{"secret":"x"}]})")
        << "which SQL refuses";
}

TEST(Requests, keep_their_secrets_without_a_key_too)
{
    EXPECT_EQ(secrets_of(nullptr, "application/json", R"({"url":"https://a.example/h","secret":"s3","token":"t"})"),
              R"("body":{"url":"https://a.example/h","secret":"[sealed]","token":"[sealed]"}})");
}

TEST(Requests, have_secrets_that_are_text)
{
    KeyFile file;
    SealKeys keys(file.path);
    for (const SealKeys *each : {static_cast<const SealKeys *>(&keys), static_cast<const SealKeys *>(nullptr)}) {
        for (std::string_view bad : {R"({"secret":1})", R"({"secret":["x"]})", R"({"secret":{"a":"x"}})", R"({"secret":true})"}) {
            EXPECT_EQ(secrets_of(each, "application/json", bad), "refused: secret must be text") << bad;
        }
        std::string longest(longest_secret, 'x');
        EXPECT_EQ(secrets_of(each, "application/json", R"({"token":")" + longest + R"(x"})"), "refused: token must have at most 4096 bytes");
        EXPECT_NE(secrets_of(each, "application/json", R"({"token":")" + longest + R"("})").find(R"("body":{"token":"[sealed]"})"),
                  std::string::npos);
    }
}

TEST(Requests, of_other_routes_are_left_as_they_are)
{
    KeyFile file;
    SealKeys keys(file.path);
    Request request = request_to("POST", "/api/0/auth/");
    request.has_body = true;
    request.body = R"({"token":"ett_1"})";
    request.keys = &keys;
    std::string json = json_of(request);
    EXPECT_NE(json.find(R"("body":{"token":"ett_1"})"), std::string::npos);
    EXPECT_EQ(json.find("sealed"), std::string::npos);
}

TEST(Requests, of_uploads_are_fields_and_files)
{
    auto upload = [](std::string_view type, const std::string &body) {
        Request request = request_to("POST", "/api/0/organizations/acme/chunk-upload/");
        request.has_body = true;
        request.content_type = type;
        request.body = body;
        std::string json = json_of(request);
        std::size_t at = json.find("\"fields\":");
        return at == std::string::npos ? json : json.substr(at);
    };
    auto part = [](const std::string &names, const std::string &content) {
        return "--B\r\nContent-Disposition: form-data; " + names + "\r\n\r\n" + content + "\r\n";
    };
    constexpr std::string_view form = "multipart/form-data; boundary=B";
    EXPECT_EQ(upload(form, part("name=\"dist\"", "1") + part("name=\"f\"; filename=\"a.js\"", "abc") + part("name=\"bytes\"", "\xff") + "--B--"),
              R"("fields":{"dist":"1"},"files":[{"field":"f","filename":"a.js",)"
              R"("sha1":"a9993e364706816aba3e25717850c26c9cd0d89d","content":"YWJj"}]})") << "a field that is no text is left out";
    const std::string none = "refused: the body must be a form with files, at most 128";
    EXPECT_EQ(upload("application/json", "{}"), none);
    EXPECT_EQ(upload(form, part("name=\"\xff\"", "1") + "--B--"), none) << "a name that is no text";
    EXPECT_EQ(upload(form, part("name=\"f\"; filename=\"\xff\"", "1") + "--B--"), none);
    std::string many;
    for (std::size_t i = 0; i <= max_form_parts; i++) {
        many += part("name=\"f\"", "1");
    }
    EXPECT_EQ(upload(form, many + "--B--"), none);
}

TEST(Requests, have_a_head_that_can_be_told_without_the_body)
{
    Request request = request_to("GET", "/api/0/issues/7/", "a=1&b=%ff");
    request.has_body = true;
    request.body = "{";
    EXPECT_EQ(head_json(request), R"({"path":{"issue":"7"},"arguments":{"a":["1"]},)"
                                  R"("base":"https://errors.example:443","address":"127.0.0.1"})");
}

/* The headers of a page of 45 rows, of Link each page and what it is. */
std::string numbered(std::string_view arguments)
{
    Request request = request_to("GET", "/api/v4/projects/42/error_tracking/client_keys", arguments);
    SqlAnswer answer;
    answer.status = 200;
    answer.total = 45;
    std::string told;
    for (const auto &[name, value] : page_headers(request, answer)) {
        if (name != "Link") {
            told += (value.empty() ? "-" : value) + " ";
            continue;
        }
        std::regex one("[?]page=([0-9]+)[^>]*>; rel=\"([a-z]+)\"");
        for (auto at = std::sregex_iterator(value.begin(), value.end(), one); at != std::sregex_iterator(); ++at) {
            told += " " + (*at)[2].str() + (*at)[1].str();
        }
    }
    return told;
}

TEST(Answers, tell_gitlab_of_pages_by_number)
{
    EXPECT_EQ(numbered(""), "1 20 2 - 45 3  next2 first1 last3");
    EXPECT_EQ(numbered("page=2&per_page=10"), "2 10 3 1 45 5  prev1 next3 first1 last5");
    EXPECT_EQ(numbered("page=3"), "3 20 - 2 45 3  prev2 first1 last3");
    EXPECT_EQ(numbered("per_page=1000"), "1 100 - - 45 1  first1 last1");
    EXPECT_EQ(numbered("page=2147483647"), "2147483647 20 - 2147483646 45 3  prev2147483646 first1 last3");
    for (std::string_view none : {"per_page=0", "per_page=-5"}) {
        EXPECT_EQ(numbered(none), "1 1 2 - 45 45  next2 first1 last45") << "SQL refuses it, and nothing is divided by it";
    }
}

TEST(Answers, tell_gitlab_of_other_pages)
{
    Request request = request_to("GET", "/errortracking/api/v1/projects/42/errors", "query=x+y&cursor=old&limit=5");
    SqlAnswer answer;
    answer.status = 200;
    EXPECT_TRUE(page_headers(request, answer).empty());
    answer.next_cursor = "N";
    answer.prev_cursor = "P";
    EXPECT_EQ(page_headers(request, answer),
              (Headers{{"Link", "<https://errors.example:443/errortracking/api/v1/projects/42/errors?cursor=N&limit=5&query=x%20y>; "
                                "rel=\"next\", <https://errors.example:443/errortracking/api/v1/projects/42/errors?cursor=P&limit=5&"
                                "query=x%20y>; rel=\"prev\""}}));
    answer.status = 404;
    EXPECT_TRUE(page_headers(request, answer).empty());
}

TEST(Answers, tell_sentrys_clients_of_both_directions)
{
    Request request = request_to("GET", "/api/0/projects/acme/shop/issues/", "query=a,b");
    SqlAnswer answer;
    answer.status = 200;
    answer.next_cursor = "N";
    answer.total = 7;
    EXPECT_EQ(page_headers(request, answer),
              (Headers{{"Link", "<https://errors.example:443/api/0/projects/acme/shop/issues/?query=a%2Cb&cursor=0%3A0%3A1>; "
                                "rel=\"previous\"; results=\"false\"; cursor=\"0:0:1\", "
                                "<https://errors.example:443/api/0/projects/acme/shop/issues/?query=a%2Cb&cursor=N>; "
                                "rel=\"next\"; results=\"true\"; cursor=\"N\""},
                       {"X-Hits", "7"}}));
}

TEST(Forms, have_files)
{
    std::string body = "preamble\r\n--B\r\nContent-Disposition: form-data; name=\"dist\"\r\n\r\n1\r\n"
                       "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: x/y\r\n\r\n\r\n--Bx\r\n\r\n--B--\r\n";
    auto parts = parse_form("multipart/form-data; boundary=B", body);
    ASSERT_TRUE(parts);
    ASSERT_EQ(parts->size(), 2u);
    EXPECT_EQ((*parts)[0].content, "1");
    EXPECT_EQ((*parts)[1].filename, "a");
    EXPECT_FALSE(parse_form("multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nno end"));
    EXPECT_FALSE(parse_form("multipart/form-data", body));
    EXPECT_FALSE(parse_form("text/plain", body));
    EXPECT_FALSE(parse_form("multipart/form-data; boundary=B", "--B\r\n\r\nno name\r\n--B--"));
}

TEST(Forms, come_with_checksums)
{
    EXPECT_EQ(hex_sha1("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("a\0b"s), "YQBi");
    EXPECT_EQ(base64("abcd"), "YWJjZA==");
}

}
}
