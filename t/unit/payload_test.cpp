/* Stored bodies: untouched where possible, readable for GitLab, bounded. */

#include "worker/payload.hpp"

#include <gtest/gtest.h>

using namespace errtrack;

namespace {

constexpr std::string_view id = "0123456789abcdef0123456789abcdef";

std::string made(std::string_view text, std::string_view event_id = "")
{
    Json document;
    EXPECT_TRUE(document.parse(text)) << text;
    JsonEditor editor(document);
    std::string payload = make_payload(editor, event_id);
    EXPECT_TRUE(Json().parse(payload)) << payload;
    EXPECT_LE(payload.size(), max_payload);
    return payload;
}

TEST(Payload, good_text_is_not_touched)
{
    for (std::string_view text : {
             "{}", R"({ "a" : 1e400 , "a":[ 1 ] })",
             R"({"exception":{"values":[{"type":"E","stacktrace":{"frames":[
                {"lineno":3,"context_line":"x","pre_context":["a",null],"post_context":null},
                {"function":"f"}]}}]},"threads":{"values":null}})",
             R"({"exception":[{"stacktrace":null}],"threads":[{"stacktrace":{"frames":null}}]})",
             R"({"exception":null,"threads":null})", R"({"exception":{}})"}) {
        EXPECT_EQ(made(text), text);
    }
    EXPECT_EQ(made(" {} "), "{}");
}

TEST(Payload, event_id)
{
    std::string own = R"({"event_id":")" + std::string(id) + "\"";
    EXPECT_EQ(made(own + "}", id), own + "}");
    EXPECT_EQ(made("{}", id), own + "}");
    EXPECT_EQ(made(R"({"a": 1})", id), own + R"(,"a": 1})");
    EXPECT_EQ(made(R"({"event_id":"x","a":1,"event_id":5})", id), own + R"(,"a":1})");
    EXPECT_EQ(made(R"({"event_id":"x"})"), R"({"event_id":"x"})");
}

TEST(Payload, bare_exception_gets_a_list)
{
    EXPECT_EQ(made(R"({"exception":{"type":"E"}})"),
              R"({"exception":{"values":[{"type":"E"}]}})");
    EXPECT_EQ(made(R"({"exception":{"type":"E","stacktrace":5}})"),
              R"({"exception":{"values":[{"type":"E"}]}})");
}

TEST(Payload, elements_that_are_no_objects_go)
{
    EXPECT_EQ(made(R"({"exception":[null,{"type":"E"},5,"x",[]],"a":1})"),
              R"({"exception":[{"type":"E"}],"a":1})");
    EXPECT_EQ(made(R"({"exception":{"values":[null]}})"), R"({"exception":{"values":[]}})");
    EXPECT_EQ(made(R"({"threads":{"x":1,"values":[null,{"id":1}]}})"),
              R"({"threads":{"x":1,"values":[{"id":1}]}})");
    EXPECT_EQ(made(R"({"exception":[{"stacktrace":{"frames":[null,{"a":1},5]}}]})"),
              R"({"exception":[{"stacktrace":{"frames":[{"a":1}]}}]})");
}

TEST(Payload, members_of_a_wrong_type_go)
{
    EXPECT_EQ(made(R"({"exception":"x","threads":5})"), "{}");
    EXPECT_EQ(made(R"({"exception":{"values":"x","a":1}})"), R"({"exception":{"a":1}})");
    EXPECT_EQ(made(R"({"exception":{"values":{"type":"E"}}})"), R"({"exception":{}})");
    EXPECT_EQ(made(R"({"exception":[{"type":"E","stacktrace":[]}]})"),
              R"({"exception":[{"type":"E"}]})");
    EXPECT_EQ(made(R"({"threads":[{"stacktrace":{"frames":{},"x":1}}]})"),
              R"({"threads":[{"stacktrace":{"x":1}}]})");
}

TEST(Payload, context_without_a_line_number_goes)
{
    auto frame = [](std::string_view text) {
        std::string payload = made(R"({"exception":[{"stacktrace":{"frames":[)"
                                   + std::string(text) + "]}}]}");
        std::size_t from = payload.find("[{", 20) + 1;
        return payload.substr(from, payload.rfind("]}}]}") - from);
    };
    EXPECT_EQ(frame(R"({"context_line":"x","pre_context":[],"post_context":[],"function":"f"})"),
              R"({"function":"f"})");
    EXPECT_EQ(frame(R"({"lineno":null,"context_line":"x"})"), R"({"lineno":null})");
    EXPECT_EQ(frame(R"({"lineno":"12","context_line":"x"})"), R"({"lineno":12,"context_line":"x"})");
    EXPECT_EQ(frame(R"({"lineno":"x","context_line":"x"})"), "{}");
    EXPECT_EQ(frame(R"({"lineno":-1,"context_line":"x"})"), "{}");
    EXPECT_EQ(frame(R"({"lineno":1e400,"context_line":"x"})"), "{}");
    EXPECT_EQ(frame(R"({"lineno":1e9,"context_line":"x"})"), R"({"lineno":1e9,"context_line":"x"})");
    EXPECT_EQ(frame(R"({"lineno":0,"context_line":"x"})"), R"({"lineno":0,"context_line":"x"})");
    EXPECT_EQ(frame(R"({"lineno":1,"pre_context":"x","context_line":"y","post_context":{}})"),
              R"({"lineno":1,"context_line":"y"})");
}

TEST(Payload, names_and_lines_of_a_frame_are_texts)
{
    EXPECT_EQ(made(R"({"exception":[{"stacktrace":{"frames":[{"filename":5,"abs_path":["x"],"function":true,)"
                   R"("lineno":3,"pre_context":[1,{},null,"a"],"context_line":7,"post_context":[[]]}]}}]})"),
              R"({"exception":[{"stacktrace":{"frames":[{"filename":"5","abs_path":null,"function":"True",)"
              R"("lineno":3,"pre_context":["1",null,null,"a"],"context_line":"7","post_context":[null]}]}}]})");
}

TEST(Payload, levels_have_a_bound)
{
    auto nested = [](std::size_t levels, const std::string &inner) {
        return "{\"a\":" + std::string(levels, '[') + inner + std::string(levels, ']') + "}";
    };
    EXPECT_EQ(made(nested(89, "1")), nested(89, "1"));
    EXPECT_EQ(made(nested(90, "1")),
              "{\"_errtrack\":{\"trimmed\":[\"levels\"]}," + nested(89, "\"[Array]\"").substr(1));
    EXPECT_EQ(made(nested(89, "{\"b\":1},2")),
              "{\"_errtrack\":{\"trimmed\":[\"levels\"]}," + nested(89, "\"{Object}\",2").substr(1));
}

TEST(Payload, a_number_that_is_too_long_is_none)
{
    std::string digits(1001, '9');
    EXPECT_EQ(made("{\"a\":1e999,\"b\":[1e1000,-1E+1000,0.1e-99999,1e0001]}"),
              "{\"a\":1e999,\"b\":[null,null,null,1e0001]}");
    EXPECT_EQ(made("{\"a\":" + digits + ",\"b\":" + digits.substr(1) + "}"),
              "{\"a\":null,\"b\":" + digits.substr(1) + "}");
}

TEST(Payload, variables_have_names)
{
    EXPECT_EQ(made(R"({"threads":[{"stacktrace":{"frames":[{"vars":[1e1000,2]}]}}]})"),
              R"({"threads":[{"stacktrace":{"frames":[{"vars":{"0":null,"1":2}}]}}]})");
    EXPECT_EQ(made(R"({"exception":[{"stacktrace":{"frames":[{"vars":[1,{"a":2}]},{"vars":"x"},{"vars":[]}]}}]})"),
              R"({"exception":[{"stacktrace":{"frames":[{"vars":{"0":1,"1":{"a":2}}},{},{"vars":{}}]}}]})");
}

std::string filler(std::size_t bytes) { return "\"" + std::string(bytes, 'x') + "\""; }

TEST(Payload, too_large_ones_are_trimmed_in_order)
{
    constexpr std::size_t half = max_payload / 2;
    EXPECT_EQ(made(R"({"stacktrace":{"frames":[{"function":"f","vars":)" + filler(max_payload)
                   + R"(}]},"extra":{"a":1}})"),
              R"({"_errtrack":{"trimmed":["vars"]},"stacktrace":{"frames":[{"function":"f"}]},)"
              R"("extra":{"a":1}})");
    EXPECT_EQ(made("{\"extra\":" + filler(half) + ",\"breadcrumbs\":" + filler(half)
                       + ",\"modules\":{}}", id),
              "{\"event_id\":\"" + std::string(id)
                  + "\",\"_errtrack\":{\"trimmed\":[\"vars\",\"breadcrumbs\"]},\"extra\":"
                  + filler(half) + ",\"modules\":{}}");
    EXPECT_EQ(made("{\"request\":{\"url\":\"u\",\"data\":" + filler(max_payload) + "}}"),
              R"({"_errtrack":{"trimmed":["vars","breadcrumbs","extra","modules","contexts",)"
              R"("debug_meta","request.data"]},"request":{"url":"u"}})");
    EXPECT_EQ(made("{\"level\":\"info\",\"unknown\":" + filler(max_payload) + ",\"logger\":"
                   + filler(5000) + "}"),
              R"({"_errtrack":{"trimmed":["vars","breadcrumbs","extra","modules","contexts",)"
              R"("debug_meta","request.data","request","threads","rest"]},"level":"info"})");
}

TEST(Payload, old_names_are_trimmed_too)
{
    EXPECT_EQ(made("{\"sentry.interfaces.Breadcrumbs\":" + filler(max_payload) + ",\"a\":1}"),
              R"({"_errtrack":{"trimmed":["vars","breadcrumbs"]},"a":1})");
    EXPECT_EQ(made(R"({"exception":{"type":"E","stacktrace":{"frames":[{"vars":{"a":)"
                   + filler(max_payload) + "}}]}}}"),
              R"({"_errtrack":{"trimmed":["vars"]},"exception":{"values":[{"type":"E",)"
              R"("stacktrace":{"frames":[{}]}}]}})");
}

TEST(Payload, limit_is_exact)
{
    std::string rest = R"({"extra":""})";
    std::string fits = "{\"extra\":" + filler(max_payload - rest.size()) + "}";
    ASSERT_EQ(fits.size(), max_payload);
    EXPECT_EQ(made(fits), fits);
    EXPECT_LT(made("{\"extra\":" + filler(max_payload - rest.size() + 1) + "}").size(), 100u);
}

TEST(Payload, many_equal_keys_stay_within_the_bound)
{
    std::string text = "{\"x\":" + filler(max_payload);
    for (int i = 0; i < 60'000; i++) {
        text += ",\"dist\":\"aaaaaaaaaa\"";
    }
    EXPECT_EQ(made(text + "}").find("dist"), made(text + "}").rfind("dist"));
}

TEST(Payload, the_mark_cannot_be_forged)
{
    EXPECT_EQ(made(R"({"_errtrack":{"trimmed":[]},"a":1})"), R"({"a":1})");
}

}
