/* Requests to the query API, from the bytes of a URL to what goes to SQL and comes back. */

#include <gtest/gtest.h>

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
        EXPECT_EQ(body_of("application/json", bad), "refused: the body must be a JSON object") << bad;
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
